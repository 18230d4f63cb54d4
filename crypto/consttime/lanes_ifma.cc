#include <algorithm>
#include <array>
#include <utility>

#include "crypto/consttime/lanes.h"
#include "crypto/vartime/ifma_multiples.h"

URNA_IFMA_BEGIN

namespace urna::crypto::consttime {
namespace {

using vartime::Element;
using vartime::Everywhere;
using vartime::Fe;
using vartime::kLanes;
using vartime::LaneChoice;
using vartime::LaneElement;
using vartime::LaneMultiples;
using vartime::LaneNiels;
using vartime::Lanes;

static_assert(kMultiples == kLanes);
static_assert(kMultiples == vartime::kLaneMultiples);

/// The digits of eight scalars at each place.
using LaneDigits = std::array<std::array<int8_t, kLanes>, kDigits>;

/// In each lane the multiple of the same base that its digit names: a row holds a limb of all
/// eight, and a permutation takes one from there, whatever its index, in the same time.
LaneNiels Lookup(const Table::Position& position, const LaneChoice& choice) {
  const __m512i index = _mm512_sub_epi64(choice.magnitude, _mm512_set1_epi64(1));
  LaneNiels niels{Everywhere(vartime::kOne), Everywhere(vartime::kOne), Everywhere(vartime::kZero)};
  const std::array<Lanes*, 3> numbers = {&niels.y_plus_x, &niels.y_minus_x, &niels.xy2d};
#pragma GCC unroll 3
  for (size_t n = 0; n < 3; ++n) {
#pragma GCC unroll 5
    for (size_t k = 0; k < 5; ++k) {
      numbers[n]->limb[k] = _mm512_mask_permutexvar_epi64(
          numbers[n]->limb[k], choice.some, index, _mm512_load_si512(position.rows[n][k].data()));
    }
  }
  return Signed(niels, choice.negative);
}

/// The sum in each lane.
std::array<SecretElement, kLanes> SecretsOf(const LaneElement& sums) {
  std::array<Element, kLanes> elements = ElementsOf(sums);
  std::array<SecretElement, kLanes> out;
  for (size_t lane = 0; lane < kLanes; ++lane) {
    out[lane] = SecretElement(Secret<Element>(elements[lane]));
  }
  return out;
}

}  // namespace

void SumsIfma(std::span<const Product> products, size_t terms, std::vector<SecretElement>& out) {
  const size_t sums = products.size() / terms;
  std::vector<Secret<LaneDigits>> digits(terms);
  for (size_t i = 0; i < products.size(); ++i) {
    const Secret<Digits> own = DigitsOf(*products[i].scalar);
    LaneDigits& all = digits[i % terms].Expose();
    for (size_t at = 0; at < kDigits; ++at) all[at][i / terms] = own.Expose()[at];
  }
  LaneElement sum = vartime::NeutralLanes();
  for (size_t pass = Table::kStride; pass-- > 0;) {
    if (pass + 1 < Table::kStride) sum = SixteenTimes(sum);
    for (size_t t = 0; t < terms; ++t) {
      for (size_t at = pass; at < products[t].digits; at += Table::kStride) {
        sum = sum +
              Lookup(products[t].base->at(at / Table::kStride), LaneChoice(digits[t].Expose()[at]));
      }
    }
  }
  std::array<SecretElement, kLanes> each = SecretsOf(sum);
  for (size_t i = 0; i < sums; ++i) out.push_back(std::move(each[i]));
}

SecretElement StrausIfma(std::span<const Secret<Digits>> digits,
                         std::span<const Element> elements) {
  const size_t groups = (elements.size() + kLanes - 1) / kLanes;
  std::vector<LaneMultiples> multiples(groups);
  std::vector<Secret<LaneDigits>> lane_digits(groups);
  for (size_t g = 0; g < groups; ++g) {
    const size_t count = std::min(kLanes, elements.size() - g * kLanes);
    multiples[g] = MultiplesOf(LanesOf(elements.subspan(g * kLanes, count)));
    for (size_t lane = 0; lane < count; ++lane) {
      for (size_t at = 0; at < kDigits; ++at) {
        lane_digits[g].Expose()[at][lane] = digits[g * kLanes + lane].Expose()[at];
      }
    }
  }
  LaneElement sum = vartime::NeutralLanes();
  for (size_t at = kDigits; at-- > 0;) {
    if (at + 1 < kDigits) sum = SixteenTimes(sum);
    for (size_t g = 0; g < groups; ++g) {
      sum = sum + Lookup(multiples[g], LaneChoice(lane_digits[g].Expose()[at]));
    }
  }
  SecretElement total;
  for (const SecretElement& lane : SecretsOf(sum)) total = total + lane;
  return total;
}

}  // namespace urna::crypto::consttime

URNA_IFMA_END
