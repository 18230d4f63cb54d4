#include "crypto/vartime/multi_mul.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "crypto/check.h"
#include "crypto/vartime/buckets.h"
#include "crypto/vartime/digits.h"
#include "crypto/vartime/ifma.h"
#include "crypto/vartime/straus.h"

namespace urna::crypto::vartime {
namespace {

// Above this many terms the buckets of Pippenger pay.
constexpr size_t kStrausTerms = 190;
// From this many terms of up to eight sums on, the lanes of vectors pay.
constexpr size_t kLaneTerms = 12;
// What adding up a bucket costs, in additions of a term.
constexpr double kBucketCost = 2.4;

constexpr unsigned kNafWindow = 5;
constexpr size_t kNafDigits = 256;

/// Width-5 non-adjacent form: odd digits -15 .. 15, at least four zeros between two of them.
std::array<int8_t, kNafDigits> NonAdjacentForm(const Words& words) {
  std::array<int8_t, kNafDigits> naf{};
  uint64_t carry = 0;
  for (unsigned at = 0; at < kNafDigits;) {
    const uint64_t bits = carry + Bits(words, at, kNafWindow);
    if ((bits & 1) == 0) {
      ++at;
      continue;
    }
    if (bits < 1U << (kNafWindow - 1)) {
      carry = 0;
      naf[at] = static_cast<int8_t>(bits);
    } else {
      carry = 1;
      naf[at] = static_cast<int8_t>(static_cast<int>(bits) - (1 << kNafWindow));
    }
    at += kNafWindow;
  }
  return naf;
}

Element Straus(const Terms& sum_of) {
  const auto& [scalars, elements] = sum_of;
  struct Term {
    std::array<int8_t, kNafDigits> naf;
    std::array<ProjectiveNiels, 8> odd;  // 1, 3, .. 15 times the element
  };
  std::vector<Term> terms(elements.size());
  unsigned top = 0;
  for (size_t i = 0; i < terms.size(); ++i) {
    const Words words = WordsOf(scalars[i]);
    top = std::max(top, BitLength(words) + 1);
    terms[i].naf = NonAdjacentForm(words);
    const ProjectiveNiels twice = elements[i].Double().ToNiels();
    Element odd = elements[i];
    terms[i].odd[0] = odd.ToNiels();
    for (size_t k = 1; k < terms[i].odd.size(); ++k) {
      odd = odd + twice;
      terms[i].odd[k] = odd.ToNiels();
    }
  }
  Element sum;
  for (unsigned at = std::min<unsigned>(top, kNafDigits); at-- > 0;) {
    sum = sum.Double();
    for (const Term& term : terms) {
      const int digit = term.naf[at];
      if (digit > 0) sum = sum + term.odd[static_cast<size_t>(digit) / 2];
      if (digit < 0) sum = sum - term.odd[static_cast<size_t>(-digit) / 2];
    }
  }
  return sum;
}

/// Terms first .. last - 1.
Terms Part(const Terms& terms, size_t first, size_t last) {
  return {terms.scalars.subspan(first, last - first), terms.elements.subspan(first, last - first)};
}

/// Sums of few terms: sum i of `out` is that of sums[which[i]].
void SumsOfFew(std::span<const Terms> sums, std::span<const size_t> which,
               std::vector<Element>& out) {
  for (std::span<const size_t> left = which; !left.empty();) {
    const std::span<const size_t> now = left.first(std::min(left.size(), kStrausLanes));
    left = left.subspan(now.size());
    size_t terms = 0;
    for (const size_t s : now) terms += sums[s].elements.size();
    if (!HasIfma() || terms < kLaneTerms) {
      for (const size_t s : now) out[s] = Straus(sums[s]);
      continue;
    }
    // Fewer sums than lanes: several lanes share one.
    const size_t share = kStrausLanes / now.size();
    std::array<Terms, kStrausLanes> lanes;
    for (size_t i = 0; i < now.size(); ++i) {
      const size_t count = sums[now[i]].elements.size();
      for (size_t k = 0; k < share; ++k) {
        lanes[i * share + k] = Part(sums[now[i]], count * k / share, count * (k + 1) / share);
      }
    }
    const std::array<Element, kStrausLanes> of_lanes = StrausIfma(lanes);
    for (size_t i = 0; i < now.size(); ++i) {
      out[now[i]] = of_lanes[i * share];
      for (size_t k = 1; k < share; ++k) out[now[i]] += of_lanes[i * share + k];
    }
  }
}

/// Additions for terms with scalars of these lengths, and for adding up the buckets.
double Cost(std::span<const unsigned> lengths, unsigned longest, unsigned window) {
  double cost =
      DigitCount(longest, window) * kBucketCost * static_cast<double>(uint64_t{1} << (window - 1));
  for (const unsigned length : lengths) cost += DigitCount(length, window);
  return cost;
}

/// The same where eight digits of a term are added at once.
double CostInLanes(std::span<const unsigned> lengths, unsigned longest, unsigned window) {
  const auto passes = [window](unsigned length) {
    return (DigitCount(length, window) + kLanes - 1) / kLanes;
  };
  double cost = static_cast<double>(passes(longest)) * kBucketCost *
                static_cast<double>(uint64_t{1} << (window - 1));
  for (const unsigned length : lengths) cost += static_cast<double>(passes(length));
  return cost;
}

unsigned BestWindow(std::span<const unsigned> lengths, unsigned longest) {
  unsigned best = 0;
  double least = std::numeric_limits<double>::infinity();
  for (unsigned window = 4; window <= 14; ++window) {
    const double cost =
        HasIfma() ? CostInLanes(lengths, longest, window) : Cost(lengths, longest, window);
    if (cost < least) {
      least = cost;
      best = window;
    }
  }
  return best;
}

class Buckets {
 public:
  explicit Buckets(size_t count) : sums_(count), used_(count) {}

  /// Adds digit * element, digit not 0.
  void Add(int digit, const Element& element, const AffineNiels& niels) {
    const size_t b = static_cast<size_t>(digit < 0 ? -digit : digit) - 1;
    if (!used_[b]) {
      used_[b] = 1;
      sums_[b] = digit < 0 ? -element : element;
    } else {
      sums_[b] = digit < 0 ? sums_[b] - niels : sums_[b] + niels;
    }
  }

  /// sum of (b + 1) * bucket b; empties all.
  Element Take() {
    Element running, sum;
    bool any = false;
    for (size_t b = sums_.size(); b-- > 0;) {
      if (used_[b]) {
        running = any ? running + sums_[b] : sums_[b];
        any = true;
        used_[b] = 0;
      }
      if (any) sum += running;
    }
    return sum;
  }

 private:
  std::vector<Element> sums_;
  std::vector<uint8_t> used_;
};

Element SumBuckets(const Digits& digits, std::span<const Element> elements,
                   std::span<const AffineNiels> niels) {
  Buckets buckets(size_t{1} << (digits.window - 1));
  Element sum;
  for (size_t d = digits.count; d-- > 0;) {
    for (unsigned i = 0; i < digits.window; ++i) sum = sum.Double();
    const int16_t* const row = &digits.rows[d * digits.terms];
    for (size_t i = 0; i < digits.terms; ++i) {
      if (row[i] != 0) buckets.Add(row[i], elements[i], niels[i]);
    }
    sum += buckets.Take();
  }
  return sum;
}

Element Pippenger(std::span<const Scalar> scalars, std::span<const Element> elements) {
  const size_t n = elements.size();
  std::vector<unsigned> lengths(n);
  std::vector<Words> words(n);
  for (size_t i = 0; i < n; ++i) {
    words[i] = WordsOf(scalars[i]);
    lengths[i] = BitLength(words[i]);
  }
  const unsigned longest = *std::max_element(lengths.begin(), lengths.end());
  Digits digits;
  digits.window = BestWindow(lengths, longest);
  digits.count = DigitCount(longest, digits.window);
  digits.terms = n;
  digits.rows.resize(digits.count * n);
  std::vector<int16_t> own(digits.count);
  for (size_t i = 0; i < n; ++i) {
    SignedDigits(words[i], digits.window, own);
    for (size_t d = 0; d < digits.count; ++d) digits.rows[d * n + i] = own[d];
  }
  const std::vector<AffineNiels> niels = Element::ToAffineNiels(elements);
  return HasIfma() ? SumBucketsIfma(digits, niels) : SumBuckets(digits, elements, niels);
}

}  // namespace

std::vector<Element> MultiMulEach(std::span<const Terms> sums) {
  std::vector<Element> out(sums.size());
  std::vector<size_t> few;
  for (size_t s = 0; s < sums.size(); ++s) {
    const auto& [scalars, elements] = sums[s];
    Check(scalars.size() == elements.size(), "as many scalars as points are needed");
    if (elements.size() > kStrausTerms) {
      out[s] = Pippenger(scalars, elements);
    } else if (!elements.empty()) {
      few.push_back(s);
    }
  }
  // So that sums of about the same length come into lanes beside each other.
  std::ranges::stable_sort(few, {}, [sums](size_t s) { return sums[s].elements.size(); });
  SumsOfFew(sums, few, out);
  return out;
}

Element MultiMul(std::span<const Scalar> scalars, std::span<const Element> elements) {
  const Terms one{scalars, elements};
  return MultiMulEach({&one, 1})[0];
}

}  // namespace urna::crypto::vartime
