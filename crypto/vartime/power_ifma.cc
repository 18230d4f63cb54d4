#include "crypto/vartime/power_ifma.h"

// GCC 12 warns of the undefined values in its own header.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>

#include "crypto/vartime/power_chain.h"

namespace urna::crypto::vartime {

bool HasIfma() {
  static const bool has =
      __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512ifma") != 0;
  return has;
}

#pragma GCC push_options
#pragma GCC target("avx512f,avx512ifma")

namespace {

/// Eight numbers modulo p, limb by limb: limb[i] holds limb i of each. Every limb is below 2^52,
/// which is what the instructions take.
struct Lanes {
  __m512i limb[5];
};

__m512i Low(__m512i sum, __m512i a, __m512i b) { return _mm512_madd52lo_epu64(sum, a, b); }
__m512i High(__m512i sum, __m512i a, __m512i b) { return _mm512_madd52hi_epu64(sum, a, b); }
__m512i Add(__m512i a, __m512i b) { return _mm512_add_epi64(a, b); }

/// The product, whose terms of weight 2^(51 k) are low[k] + 2 high[k - 1], k = 0 .. 9.
/// Each sum has at most 5 terms below 2^52, doubled for the high ones: below 2^56 together.
Lanes Reduce(const __m512i (&low)[9], const __m512i (&high)[9]) {
  const __m512i mask = _mm512_set1_epi64(kLimbMask);
  __m512i z[10];
  z[0] = low[0];
  for (int k = 1; k < 9; ++k) z[k] = Add(low[k], Add(high[k - 1], high[k - 1]));
  z[9] = Add(high[8], high[8]);
  // 2^255 = 19: z[k + 5] * 19 = (16 + 2 + 1) z[k + 5] < 2^61.
  __m512i r[5];
  for (int k = 0; k < 5; ++k) {
    const __m512i top = z[k + 5];
    r[k] = Add(z[k], Add(Add(_mm512_slli_epi64(top, 4), _mm512_slli_epi64(top, 1)), top));
  }
  // All carries at once: below 2^10 each, and 19 times that for the first limb.
  Lanes out;
  __m512i carry[5];
  for (int k = 0; k < 5; ++k) carry[k] = _mm512_srli_epi64(r[k], 51);
  const __m512i wrapped = carry[4];
  const __m512i wrapped19 =
      Add(Add(_mm512_slli_epi64(wrapped, 4), _mm512_slli_epi64(wrapped, 1)), wrapped);
  out.limb[0] = Add(_mm512_and_si512(r[0], mask), wrapped19);
  for (int k = 1; k < 5; ++k) out.limb[k] = Add(_mm512_and_si512(r[k], mask), carry[k - 1]);
  return out;
}

Lanes operator*(const Lanes& x, const Lanes& y) {
  __m512i low[9], high[9];
  for (int k = 0; k < 9; ++k) low[k] = high[k] = _mm512_setzero_si512();
#pragma GCC unroll 5
  for (int i = 0; i < 5; ++i) {
#pragma GCC unroll 5
    for (int j = 0; j < 5; ++j) {
      low[i + j] = Low(low[i + j], x.limb[i], y.limb[j]);
      high[i + j] = High(high[i + j], x.limb[i], y.limb[j]);
    }
  }
  return Reduce(low, high);
}

Lanes Square(const Lanes& x) {
  // Products of different limbs count twice. They are doubled after the fact: a doubled limb would
  // have 53 bits.
  __m512i low[9], high[9];
  for (int k = 0; k < 9; ++k) low[k] = high[k] = _mm512_setzero_si512();
#pragma GCC unroll 5
  for (int i = 0; i < 5; ++i) {
#pragma GCC unroll 5
    for (int j = i + 1; j < 5; ++j) {
      low[i + j] = Low(low[i + j], x.limb[i], x.limb[j]);
      high[i + j] = High(high[i + j], x.limb[i], x.limb[j]);
    }
  }
#pragma GCC unroll 9
  for (int k = 0; k < 9; ++k) {
    low[k] = Add(low[k], low[k]);
    high[k] = Add(high[k], high[k]);
    if (k % 2 == 0) {
      low[k] = Low(low[k], x.limb[k / 2], x.limb[k / 2]);
      high[k] = High(high[k], x.limb[k / 2], x.limb[k / 2]);
    }
  }
  return Reduce(low, high);
}

}  // namespace

void PowerP58Ifma(std::array<Fe, kPowerLanes>& values) {
  Lanes x;
  alignas(64) uint64_t row[kPowerLanes];
  for (size_t k = 0; k < 5; ++k) {
    for (size_t lane = 0; lane < kPowerLanes; ++lane) row[lane] = values[lane].limb[k];
    x.limb[k] = _mm512_load_si512(row);
  }
  const Lanes power = PowerChain(x);
  for (size_t k = 0; k < 5; ++k) {
    _mm512_store_si512(row, power.limb[k]);
    for (size_t lane = 0; lane < kPowerLanes; ++lane) values[lane].limb[k] = row[lane];
  }
  // The lanes' limbs may stand a little above one unit.
  for (Fe& value : values) value = Carried(Field<2>{value.limb});
}

#pragma GCC pop_options
#pragma GCC diagnostic pop

}  // namespace urna::crypto::vartime
