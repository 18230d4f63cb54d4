#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/bytes.h"

namespace urna::crypto::vartime {

/// Integers modulo p = 2^255 - 19 in five limbs of 51 bits, lazily reduced: the type of an element
/// says how large its limbs may be, so that an overflow does not compile. Nothing in this file
/// branches on a value or reads from a place that depends on one, so that crypto/consttime/ may
/// compute with it, too; a bool that it returns is for the caller to keep public.
///
/// Every limb of Field<k> is at most k * kUnit. Products and squares are Field<1>; sums and
/// differences add up. 77 partial products of a * b units of 2^102 must leave a carry below 2^64,
/// and 19 times the last carry, too: a * b <= 80 is enough for both.
inline constexpr uint64_t kLimbMask = (uint64_t{1} << 51) - 1;
inline constexpr uint64_t kUnit = (uint64_t{1} << 51) + (uint64_t{1} << 13);

template <unsigned kBound>
struct Field {
  static_assert(kBound >= 1 && kBound <= 1024, "limbs could overflow");
  std::array<uint64_t, 5> limb;

  /// A larger bound holds, too.
  template <unsigned kLarger>
  operator Field<kLarger>() const {  // NOLINT(google-explicit-constructor)
    static_assert(kLarger >= kBound);
    return {limb};
  }
};
using Fe = Field<1>;

inline constexpr Fe kZero{{0, 0, 0, 0, 0}};
inline constexpr Fe kOne{{1, 0, 0, 0, 0}};

template <unsigned kA, unsigned kB>
inline Field<kA + kB> operator+(const Field<kA>& a, const Field<kB>& b) {
  Field<kA + kB> out;
  for (size_t i = 0; i < 5; ++i) out.limb[i] = a.limb[i] + b.limb[i];
  return out;
}

/// a + (kB + 1) p - b: (kB + 1) (2^51 - 19) is at least kB * kUnit, limb by limb.
template <unsigned kA, unsigned kB>
constexpr Field<kA + kB + 1> operator-(const Field<kA>& a, const Field<kB>& b) {
  constexpr uint64_t kMultiple = kB + 1;
  Field<kA + kB + 1> out{};
  out.limb[0] = a.limb[0] + kMultiple * (kLimbMask - 18) - b.limb[0];
  for (size_t i = 1; i < 5; ++i) out.limb[i] = a.limb[i] + kMultiple * kLimbMask - b.limb[i];
  return out;
}

template <unsigned kA>
constexpr Field<kA + 1> operator-(const Field<kA>& a) {
  return {(Field<1>{kZero} - a).limb};
}

namespace internal {

using Wide = unsigned __int128;

inline Wide Times(uint64_t a, uint64_t b) { return static_cast<Wide>(a) * b; }

constexpr Fe Carry(Wide r0, Wide r1, Wide r2, Wide r3, Wide r4) {
  Fe out{};
  r1 += static_cast<uint64_t>(r0 >> 51);
  out.limb[0] = static_cast<uint64_t>(r0) & kLimbMask;
  r2 += static_cast<uint64_t>(r1 >> 51);
  out.limb[1] = static_cast<uint64_t>(r1) & kLimbMask;
  r3 += static_cast<uint64_t>(r2 >> 51);
  out.limb[2] = static_cast<uint64_t>(r2) & kLimbMask;
  r4 += static_cast<uint64_t>(r3 >> 51);
  out.limb[3] = static_cast<uint64_t>(r3) & kLimbMask;
  out.limb[4] = static_cast<uint64_t>(r4) & kLimbMask;
  out.limb[0] += 19 * static_cast<uint64_t>(r4 >> 51);
  out.limb[1] += out.limb[0] >> 51;
  out.limb[0] &= kLimbMask;
  return out;
}

}  // namespace internal

template <unsigned kA, unsigned kB>
inline Fe operator*(const Field<kA>& x, const Field<kB>& y) {
  static_assert(kA * kB <= 80, "limbs could overflow: multiply after a carry");
  using internal::Times;
  const auto& [a0, a1, a2, a3, a4] = x.limb;
  const auto& [b0, b1, b2, b3, b4] = y.limb;
  const uint64_t c1 = 19 * b1, c2 = 19 * b2, c3 = 19 * b3, c4 = 19 * b4;
  return internal::Carry(
      Times(a0, b0) + Times(a1, c4) + Times(a2, c3) + Times(a3, c2) + Times(a4, c1),
      Times(a0, b1) + Times(a1, b0) + Times(a2, c4) + Times(a3, c3) + Times(a4, c2),
      Times(a0, b2) + Times(a1, b1) + Times(a2, b0) + Times(a3, c4) + Times(a4, c3),
      Times(a0, b3) + Times(a1, b2) + Times(a2, b1) + Times(a3, b0) + Times(a4, c4),
      Times(a0, b4) + Times(a1, b3) + Times(a2, b2) + Times(a3, b1) + Times(a4, b0));
}

template <unsigned kA>
inline Fe Square(const Field<kA>& x) {
  static_assert(kA * kA <= 80, "limbs could overflow: square after a carry");
  using internal::Times;
  const auto& [a0, a1, a2, a3, a4] = x.limb;
  const uint64_t d0 = 2 * a0, d1 = 2 * a1, d2 = 2 * a2, e3 = 19 * a3, e4 = 19 * a4;
  return internal::Carry(
      Times(a0, a0) + Times(d1, e4) + Times(d2, e3), Times(d0, a1) + Times(d2, e4) + Times(a3, e3),
      Times(d0, a2) + Times(a1, a1) + Times(2 * a3, e4),
      Times(d0, a3) + Times(d1, a2) + Times(a4, e4), Times(d0, a4) + Times(d1, a3) + Times(a2, a2));
}

/// The same value with limbs of one unit.
template <unsigned kA>
constexpr Fe Carried(const Field<kA>& x) {
  return internal::Carry(x.limb[0], x.limb[1], x.limb[2], x.limb[3], x.limb[4]);
}

/// The 32 bytes, little-endian, of the value in 0..p-1.
constexpr base::Bytes32 Encode(const Fe& x) {
  Fe t = Carried(Carried(x));
  // t < 2^255 + 2^13 * 2^51; q = 1 iff t >= p.
  uint64_t q = (t.limb[0] + 19) >> 51;
  for (size_t i = 1; i < 5; ++i) q = (t.limb[i] + q) >> 51;
  t.limb[0] += 19 * q;
  for (size_t i = 0; i < 4; ++i) {
    t.limb[i + 1] += t.limb[i] >> 51;
    t.limb[i] &= kLimbMask;
  }
  t.limb[4] &= kLimbMask;
  const std::array<uint64_t, 4> words = {
      t.limb[0] | t.limb[1] << 51, t.limb[1] >> 13 | t.limb[2] << 38,
      t.limb[2] >> 26 | t.limb[3] << 25, t.limb[3] >> 39 | t.limb[4] << 12};
  static_assert(std::endian::native == std::endian::little);
  return std::bit_cast<base::Bytes32>(words);
}

/// The 255 low bits; bit 255 is ignored, and values of p and more are taken as they are.
inline Fe DecodeField(const uint8_t* bytes) {
  std::array<uint64_t, 4> w;
  std::memcpy(w.data(), bytes, sizeof w);
  return {{w[0] & kLimbMask, (w[0] >> 51 | w[1] << 13) & kLimbMask,
           (w[1] >> 38 | w[2] << 26) & kLimbMask, (w[2] >> 25 | w[3] << 39) & kLimbMask,
           w[3] >> 12 & kLimbMask}};
}

/// All ones or zero, which the compiler must take as it comes: a choice made by masks stays one.
inline uint64_t Mask(uint64_t mask) {
  asm("" : "+r"(mask));
  return mask;
}
inline uint64_t MaskOf(bool condition) { return Mask(0 - static_cast<uint64_t>(condition)); }
/// Whether two numbers, or two encodings, are equal.
inline uint64_t MaskOfEqual(uint64_t a, uint64_t b) {
  const uint64_t difference = a ^ b;
  return Mask(((difference | (0 - difference)) >> 63) - 1);
}
inline uint64_t MaskOfEqual(const base::Bytes32& a, const base::Bytes32& b) {
  std::array<uint64_t, 4> x, y;
  std::memcpy(x.data(), a.data(), sizeof x);
  std::memcpy(y.data(), b.data(), sizeof y);
  return MaskOfEqual((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3]), 0);
}
/// `yes` where the mask is all ones, `no` where it is zero.
inline Fe Select(uint64_t mask, const Fe& yes, const Fe& no) {
  Fe out;
  for (size_t i = 0; i < 5; ++i) out.limb[i] = no.limb[i] ^ (mask & (yes.limb[i] ^ no.limb[i]));
  return out;
}

inline bool IsZero(const Fe& x) { return MaskOfEqual(Encode(x), base::Bytes32{}) != 0; }
/// RFC 9496: the least significant bit of the canonical encoding.
inline bool IsNegative(const Fe& x) { return (Encode(x)[0] & 1) != 0; }
inline Fe Absolute(const Fe& x) { return Select(MaskOf(IsNegative(x)), Carried(-x), x); }

template <unsigned kA, unsigned kB>
inline bool Equal(const Field<kA>& a, const Field<kB>& b) {
  return IsZero(Carried(a - b));
}

}  // namespace urna::crypto::vartime
