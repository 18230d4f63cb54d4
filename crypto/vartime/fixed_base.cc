#include "crypto/vartime/fixed_base.h"

#include <algorithm>

#include "crypto/check.h"
#include "crypto/vartime/digits.h"
#include "crypto/vartime/ifma.h"

namespace urna::crypto::vartime {
namespace {

constexpr unsigned kBaseWindow = 7;

}  // namespace

FixedBase::FixedBase(const Element& base, unsigned window)
    : window_(window), per_digit_(size_t{1} << (window - 1)) {
  Check(window >= 5 && window <= 8, "a table's digits have 5 to 8 bits");
  std::vector<Element> multiples;
  Element unit = base;
  for (unsigned d = 0; d < DigitCount(kScalarBits, window); ++d) {
    Element multiple = unit;
    for (size_t j = 0; j < per_digit_; ++j) {
      multiples.push_back(multiple);
      multiple += unit;
    }
    for (unsigned i = 0; i < window; ++i) unit = unit.Double();
  }
  multiples_ = Element::ToAffineNiels(multiples);
}

const FixedBase& FixedBase::OfBase() {
  static const FixedBase table(Element::Base(), kBaseWindow);
  return table;
}

void FixedDigits::Add(const FixedBase& base, const Scalar& scalar) {
  std::array<int16_t, kMost / 2> digits;
  const size_t of_base = base.multiples_.size() / base.per_digit_;
  SignedDigits(WordsOf(scalar), base.window_, {digits.data(), of_base});
  for (size_t d = 0; d < of_base; ++d) {
    const int digit = digits[d];
    if (digit == 0) continue;
    negative[count] = digit < 0;
    entry[count] =
        &base.multiples_[d * base.per_digit_ + static_cast<size_t>(digit < 0 ? -digit : digit) - 1];
    ++count;
  }
}

std::vector<Element> SumFixed(std::span<const FixedSum> sums) {
  std::vector<Element> out;
  out.reserve(sums.size());
  if (HasIfma()) {
    std::array<FixedSum, kFixedLanes> lanes;
    for (size_t first = 0; first < sums.size(); first += kFixedLanes) {
      const size_t count = std::min(kFixedLanes, sums.size() - first);
      for (size_t i = 0; i < kFixedLanes; ++i) lanes[i] = sums[first + std::min(i, count - 1)];
      const auto added = SumFixedIfma(lanes);
      out.insert(out.end(), added.begin(), added.begin() + static_cast<ptrdiff_t>(count));
    }
    return out;
  }
  for (const FixedSum& sum : sums) {
    const FixedDigits digits = DigitsOf(sum);
    Element& total = out.emplace_back();
    for (size_t d = 0; d < digits.count; ++d) {
      total = digits.negative[d] ? total - *digits.entry[d] : total + *digits.entry[d];
    }
  }
  return out;
}

}  // namespace urna::crypto::vartime
