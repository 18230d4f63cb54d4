#include "crypto/consttime/multi_mul.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "crypto/check.h"
#include "crypto/consttime/digits.h"
#include "crypto/consttime/lanes.h"
#include "crypto/vartime/ifma.h"

namespace urna::crypto::consttime {
namespace {

using vartime::Element;
using vartime::Fe;
using vartime::ProjectiveNiels;

// Terms that share doublings: as many as have their multiples in the processor's second cache.
constexpr size_t kChunk = 256;
// Fewer terms do not fill enough lanes to pay.
constexpr size_t kFewestLanes = 4;

/// Y + X, Y - X, Z, 2dT of the multiples 1..8 of a term.
using Multiples = std::array<Row, 4>;

Multiples MultiplesOf(const Element& element) {
  Multiples rows;
  Element multiple = element;
  const ProjectiveNiels step = element.ToNiels();
  for (size_t j = 0; j < kMultiples; ++j) {
    const ProjectiveNiels niels = multiple.ToNiels();
    const std::array<const Fe*, 4> numbers = {&niels.Y_plus_X, &niels.Y_minus_X, &niels.Z,
                                              &niels.T2d};
    for (size_t n = 0; n < rows.size(); ++n) {
      for (size_t k = 0; k < 5; ++k) rows[n][k][j] = numbers[n]->limb[k];
    }
    multiple = multiple + step;
  }
  return rows;
}

ProjectiveNiels Lookup(const Multiples& rows, int8_t digit) {
  const Choice choice(digit);
  const Fe plus = Chosen(rows[0], choice, 1);
  const Fe minus = Chosen(rows[1], choice, 1);
  const Fe Z = Chosen(rows[2], choice, 1);
  const Fe T2d = Chosen(rows[3], choice, 0);
  return {Select(choice.negative, minus, plus), Select(choice.negative, plus, minus), Z,
          Select(choice.negative, Carried(-T2d), T2d)};
}

SecretElement Straus(std::span<const Secret<Digits>> digits, std::span<const Element> elements) {
  std::vector<Multiples> multiples;
  multiples.reserve(elements.size());
  for (const Element& element : elements) multiples.push_back(MultiplesOf(element));
  Secret<Element> secret;
  Element& sum = secret.Expose();
  for (size_t at = kDigits; at-- > 0;) {
    if (at + 1 < kDigits) sum = sum.Double().Double().Double().Double();
    for (size_t i = 0; i < multiples.size(); ++i) {
      sum = sum + Lookup(multiples[i], digits[i].Expose()[at]);
    }
  }
  return SecretElement(std::move(secret));
}

}  // namespace

SecretElement MultiMul(std::span<const SecretScalar> scalars, std::span<const Element> elements) {
  Check(scalars.size() == elements.size(), "as many scalars as points are needed");
  SecretElement sum;
  std::vector<Secret<Digits>> digits;
  for (size_t first = 0; first < scalars.size(); first += kChunk) {
    const size_t count = std::min(kChunk, scalars.size() - first);
    digits.resize(count);
    for (size_t i = 0; i < count; ++i) digits[i] = DigitsOf(scalars[first + i]);
    const std::span<const Element> terms = elements.subspan(first, count);
    sum = sum + (vartime::HasIfma() && count >= kFewestLanes ? StrausIfma(digits, terms)
                                                             : Straus(digits, terms));
  }
  return sum;
}

}  // namespace urna::crypto::consttime
