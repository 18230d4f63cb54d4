#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "crypto/vartime/digits.h"
#include "crypto/vartime/ifma_multiples.h"
#include "crypto/vartime/straus.h"

URNA_IFMA_BEGIN

namespace urna::crypto::vartime {
namespace {

static_assert(kStrausLanes == kLanes);

constexpr size_t kDigits = DigitCount(kScalarBits, kLaneWindow);

/// One term of each of eight sums.
struct LaneTerm {
  LaneMultiples multiples;
  std::array<std::array<int8_t, kLanes>, kDigits> digits{};
  size_t count = 0;  ///< digits of the longest scalar
};

void Read(const std::array<Terms, kLanes>& sums, size_t term, LaneTerm& out) {
  std::array<Element, kLanes> elements;
  std::array<int16_t, kDigits> own;
  for (size_t lane = 0; lane < kLanes; ++lane) {
    if (term >= sums[lane].elements.size()) continue;
    elements[lane] = sums[lane].elements[term];
    const Words words = WordsOf(sums[lane].scalars[term]);
    const size_t count = DigitCount(BitLength(words), kLaneWindow);
    SignedDigits(words, kLaneWindow, {own.data(), count});
    for (size_t at = 0; at < count; ++at) out.digits[at][lane] = static_cast<int8_t>(own[at]);
    out.count = std::max(out.count, count);
  }
  out.multiples = MultiplesOf(LanesOf(elements));
}

}  // namespace

std::array<Element, kStrausLanes> StrausIfma(const std::array<Terms, kStrausLanes>& sums) {
  size_t most = 0;
  for (const Terms& sum : sums) most = std::max(most, sum.elements.size());
  std::vector<LaneTerm> terms(most);
  size_t digits = 0;
  for (size_t t = 0; t < most; ++t) {
    Read(sums, t, terms[t]);
    digits = std::max(digits, terms[t].count);
  }
  LaneElement sum = NeutralLanes();
  for (size_t at = digits; at-- > 0;) {
    if (at + 1 < digits) sum = SixteenTimes(sum);
    for (const LaneTerm& term : terms) {
      if (at >= term.count) continue;
      sum = sum + Lookup(term.multiples, LaneChoice(term.digits[at]));
    }
  }
  return ElementsOf(sum);
}

}  // namespace urna::crypto::vartime

URNA_IFMA_END
