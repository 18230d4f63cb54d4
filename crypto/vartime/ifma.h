#pragma once

// Numbers modulo p in eight lanes, by the 52-bit multiply-add instructions of AVX-512 IFMA. For
// files that ask HasIfma() before they call into it.

// GCC 12 warns of the undefined values in its own header.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#pragma GCC diagnostic pop

#include <array>
#include <cstddef>
#include <cstdint>

#include "crypto/vartime/field.h"

// What stands between these two is compiled for AVX-512 IFMA. Only after all includes of a file:
// else inline functions of others would be compiled so, and the linker might take those.
#define URNA_PRAGMA(...) _Pragma(#__VA_ARGS__)
#ifdef __clang__
#define URNA_IFMA_BEGIN \
  URNA_PRAGMA(          \
      clang attribute push(__attribute__((target("avx512f,avx512ifma"))), apply_to = function))
#define URNA_IFMA_END URNA_PRAGMA(clang attribute pop)
#else
#define URNA_IFMA_BEGIN URNA_PRAGMA(GCC push_options) URNA_PRAGMA(GCC target("avx512f,avx512ifma"))
#define URNA_IFMA_END URNA_PRAGMA(GCC pop_options)
#endif

namespace urna::crypto::vartime {

/// Tests switch it off, so that both ways are tested on one machine.
inline bool ifma_allowed = true;

/// Whether the processor and its operating system have AVX-512 with IFMA.
inline bool HasIfma() {
  static const bool has =
      __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512ifma") != 0;
  return has && ifma_allowed;
}

inline constexpr size_t kLanes = 8;

URNA_IFMA_BEGIN

/// Eight numbers modulo p, limb by limb: limb[i] holds limb i of each, at most 2^51 + 2^14. The
/// instructions take 52 bits.
struct Lanes {
  __m512i limb[5];
};

namespace internal {

inline __m512i Low(__m512i sum, __m512i a, __m512i b) { return _mm512_madd52lo_epu64(sum, a, b); }
inline __m512i High(__m512i sum, __m512i a, __m512i b) { return _mm512_madd52hi_epu64(sum, a, b); }
inline __m512i Add(__m512i a, __m512i b) { return _mm512_add_epi64(a, b); }
inline __m512i Times19(__m512i a) {
  return Add(Add(_mm512_slli_epi64(a, 4), _mm512_slli_epi64(a, 1)), a);
}

/// All carries at once. For limbs below 2^60.5: what is carried is below 2^9.5, and 19 times that
/// goes into the first limb.
inline Lanes Carry(const __m512i (&r)[5]) {
  const __m512i mask = _mm512_set1_epi64(static_cast<int64_t>(kLimbMask));
  __m512i carry[5];
#pragma GCC unroll 5
  for (int k = 0; k < 5; ++k) carry[k] = _mm512_srli_epi64(r[k], 51);
  Lanes out;
  out.limb[0] = Add(_mm512_and_si512(r[0], mask), Times19(carry[4]));
#pragma GCC unroll 4
  for (int k = 1; k < 5; ++k) out.limb[k] = Add(_mm512_and_si512(r[k], mask), carry[k - 1]);
  return out;
}

/// The product, whose terms of weight 2^(51 k) are low[k] + 2 high[k - 1]: at most five terms below
/// 2^52 each and, doubled, four more: below 2^56 together.
inline Lanes Reduce(const __m512i (&low)[9], const __m512i (&high)[9]) {
  __m512i z[10];
  z[0] = low[0];
#pragma GCC unroll 8
  for (int k = 1; k < 9; ++k) z[k] = Add(low[k], Add(high[k - 1], high[k - 1]));
  z[9] = Add(high[8], high[8]);
  __m512i r[5];
#pragma GCC unroll 5
  for (int k = 0; k < 5; ++k) r[k] = Add(z[k], Times19(z[k + 5]));  // 2^255 = 19
  return Carry(r);
}

}  // namespace internal

inline Lanes operator+(const Lanes& a, const Lanes& b) {
  __m512i r[5];
#pragma GCC unroll 5
  for (int k = 0; k < 5; ++k) r[k] = internal::Add(a.limb[k], b.limb[k]);
  return internal::Carry(r);
}

/// a + 2p - b: the limbs of 2p, 2^52 - 38 and 2^52 - 2, are above those of b.
inline Lanes operator-(const Lanes& a, const Lanes& b) {
  const __m512i first = _mm512_set1_epi64(static_cast<int64_t>(2 * (kLimbMask - 18)));
  const __m512i other = _mm512_set1_epi64(static_cast<int64_t>(2 * kLimbMask));
  __m512i r[5];
#pragma GCC unroll 5
  for (int k = 0; k < 5; ++k) {
    r[k] = _mm512_sub_epi64(internal::Add(a.limb[k], k == 0 ? first : other), b.limb[k]);
  }
  return internal::Carry(r);
}

inline Lanes operator*(const Lanes& x, const Lanes& y) {
  __m512i low[9], high[9];
#pragma GCC unroll 9
  for (int k = 0; k < 9; ++k) low[k] = high[k] = _mm512_setzero_si512();
#pragma GCC unroll 5
  for (int i = 0; i < 5; ++i) {
#pragma GCC unroll 5
    for (int j = 0; j < 5; ++j) {
      low[i + j] = internal::Low(low[i + j], x.limb[i], y.limb[j]);
      high[i + j] = internal::High(high[i + j], x.limb[i], y.limb[j]);
    }
  }
  return internal::Reduce(low, high);
}

inline Lanes Square(const Lanes& x) {
  // Products of different limbs count twice. They are doubled after the fact: a doubled limb would
  // have 53 bits.
  __m512i low[9], high[9];
#pragma GCC unroll 9
  for (int k = 0; k < 9; ++k) low[k] = high[k] = _mm512_setzero_si512();
#pragma GCC unroll 5
  for (int i = 0; i < 5; ++i) {
#pragma GCC unroll 5
    for (int j = i + 1; j < 5; ++j) {
      low[i + j] = internal::Low(low[i + j], x.limb[i], x.limb[j]);
      high[i + j] = internal::High(high[i + j], x.limb[i], x.limb[j]);
    }
  }
#pragma GCC unroll 9
  for (int k = 0; k < 9; ++k) {
    low[k] = internal::Add(low[k], low[k]);
    high[k] = internal::Add(high[k], high[k]);
    if (k % 2 == 0) {
      low[k] = internal::Low(low[k], x.limb[k / 2], x.limb[k / 2]);
      high[k] = internal::High(high[k], x.limb[k / 2], x.limb[k / 2]);
    }
  }
  return internal::Reduce(low, high);
}

inline Lanes LanesOf(const std::array<Fe, kLanes>& values) {
  Lanes out;
  alignas(64) uint64_t row[kLanes];
  for (size_t k = 0; k < 5; ++k) {
    for (size_t lane = 0; lane < kLanes; ++lane) row[lane] = values[lane].limb[k];
    out.limb[k] = _mm512_load_si512(row);
  }
  return out;
}

inline std::array<Fe, kLanes> ValuesOf(const Lanes& lanes) {
  std::array<Field<2>, kLanes> values;
  alignas(64) uint64_t row[kLanes];
  for (size_t k = 0; k < 5; ++k) {
    _mm512_store_si512(row, lanes.limb[k]);
    for (size_t lane = 0; lane < kLanes; ++lane) values[lane].limb[k] = row[lane];
  }
  std::array<Fe, kLanes> out;
  for (size_t lane = 0; lane < kLanes; ++lane) out[lane] = Carried(values[lane]);
  return out;
}

URNA_IFMA_END

}  // namespace urna::crypto::vartime
