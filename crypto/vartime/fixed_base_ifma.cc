#include <array>

#include "crypto/vartime/fixed_base.h"
#include "crypto/vartime/ifma_element.h"

URNA_IFMA_BEGIN

namespace urna::crypto::vartime {
namespace {

static_assert(sizeof(AffineNiels) == 15 * sizeof(uint64_t));

/// 0 times anything, with a limb more that is read and not used.
constexpr std::array<uint64_t, 16> kNeutral = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};

/// The entries that eight tables name, one to a lane.
LaneNiels Load(const std::array<const uint64_t*, kLanes>& entries) {
  __m512i first[8], second[8];
#pragma GCC unroll 8
  for (size_t lane = 0; lane < kLanes; ++lane) {
    first[lane] = _mm512_loadu_si512(entries[lane]);
    // 15 limbs: the last eight of them.
    second[lane] = _mm512_loadu_si512(entries[lane] + 7);
  }
  Transpose(first);
  Transpose(second);
  LaneNiels out;
#pragma GCC unroll 5
  for (int k = 0; k < 5; ++k) {
    out.y_plus_x.limb[k] = first[k];
    out.y_minus_x.limb[k] = k < 3 ? first[5 + k] : second[k - 2];
    out.xy2d.limb[k] = second[3 + k];
  }
  return out;
}

}  // namespace

std::array<Element, kFixedLanes> SumFixedIfma(const std::array<FixedSum, kFixedLanes>& sums) {
  static_assert(kFixedLanes == kLanes);
  LaneElement total = NeutralLanes();
  size_t most = 0;
  std::array<FixedDigits, kLanes> digits;
  for (size_t lane = 0; lane < kLanes; ++lane) {
    digits[lane] = DigitsOf(sums[lane]);
    most = std::max(most, digits[lane].count);
  }
  for (size_t d = 0; d < most; ++d) {
    std::array<const uint64_t*, kLanes> entries;
    __mmask8 negative = 0;
    for (size_t lane = 0; lane < kLanes; ++lane) {
      const FixedDigits& of = digits[lane];
      const AffineNiels* const entry = d < of.count ? of.entry[d] : nullptr;
      entries[lane] = entry == nullptr ? kNeutral.data() : reinterpret_cast<const uint64_t*>(entry);
      if (entry != nullptr && of.negative[d]) {
        negative = static_cast<__mmask8>(negative | 1U << lane);
      }
    }
    total = total + Signed(Load(entries), negative);
  }
  return ElementsOf(total);
}

}  // namespace urna::crypto::vartime

URNA_IFMA_END
