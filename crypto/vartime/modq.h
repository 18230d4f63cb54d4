#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace urna::crypto::vartime {

/// Numbers modulo the group's order q = 2^252 + c (RFC 9496 section 4), as words, the least
/// significant first; always below q. Public data only.
using ModQ = std::array<uint64_t, 4>;

inline constexpr ModQ kQ = {0x5812631a5cf5d3ed, 0x14def9dea2f79cd6, 0, uint64_t{1} << 60};

inline bool IsBelowQ(const ModQ& a) {
  for (size_t i = a.size(); i-- > 0;) {
    if (a[i] != kQ[i]) return a[i] < kQ[i];
  }
  return false;
}

namespace internal {

/// a + b modulo 2^256.
inline ModQ AddWords(const ModQ& a, const ModQ& b) {
  ModQ out;
  unsigned __int128 carry = 0;
  for (size_t i = 0; i < 4; ++i) {
    carry += static_cast<unsigned __int128>(a[i]) + b[i];
    out[i] = static_cast<uint64_t>(carry);
    carry >>= 64;
  }
  return out;
}

/// a - b modulo 2^256.
inline ModQ SubWords(const ModQ& a, const ModQ& b) {
  ModQ out;
  uint64_t borrow = 0;
  for (size_t i = 0; i < 4; ++i) {
    const unsigned __int128 d = static_cast<unsigned __int128>(a[i]) - b[i] - borrow;
    out[i] = static_cast<uint64_t>(d);
    borrow = static_cast<uint64_t>(d >> 64) & 1;
  }
  return out;
}

/// a * b, all words of it.
template <size_t kA, size_t kB>
std::array<uint64_t, kA + kB> MulWords(const std::array<uint64_t, kA>& a,
                                       const std::array<uint64_t, kB>& b) {
  std::array<uint64_t, kA + kB> out{};
  for (size_t i = 0; i < kA; ++i) {
    unsigned __int128 carry = 0;
    for (size_t j = 0; j < kB; ++j) {
      carry += static_cast<unsigned __int128>(a[i]) * b[j] + out[i + j];
      out[i + j] = static_cast<uint64_t>(carry);
      carry >>= 64;
    }
    out[i + kB] = static_cast<uint64_t>(carry);
  }
  return out;
}

/// The low 252 bits.
template <size_t kN>
ModQ Low252(const std::array<uint64_t, kN>& a) {
  return {a[0], a[1], a[2], a[3] & ((uint64_t{1} << 60) - 1)};
}

/// What is above them.
template <size_t kHigh, size_t kN>
std::array<uint64_t, kHigh> Above252(const std::array<uint64_t, kN>& a) {
  std::array<uint64_t, kHigh> out{};
  for (size_t i = 0; i < kHigh && 3 + i < kN; ++i) {
    out[i] = a[3 + i] >> 60;
    if (4 + i < kN) out[i] |= a[4 + i] << 4;
  }
  return out;
}

inline ModQ ReduceOnce(ModQ a) {
  while (!IsBelowQ(a)) a = SubWords(a, kQ);
  return a;
}

}  // namespace internal

inline ModQ AddModQ(const ModQ& a, const ModQ& b) {
  return internal::ReduceOnce(internal::AddWords(a, b));
}

inline ModQ SubModQ(const ModQ& a, const ModQ& b) {
  return internal::ReduceOnce(internal::SubWords(internal::AddWords(a, kQ), b));
}

/// 512 bits modulo q. Since 2^252 = -c, what lies above 252 bits is taken off c times, three times:
/// of 260, then 133, then 6 bits.
inline ModQ ReduceModQ(const std::array<uint64_t, 8>& x) {
  using namespace internal;
  constexpr std::array<uint64_t, 2> kC = {kQ[0], kQ[1]};
  const auto t = MulWords(Above252<5>(x), kC);  // x = low - t
  const auto u = MulWords(Above252<3>(t), kC);  // t = low - u
  const auto v = MulWords(Above252<1>(u), kC);  // u = low - v
  // low(x) - low(t) + low(u) - v, made positive: below 2^252 twice, and 2q above 2^253.
  ModQ sum = AddWords(Low252(x), Low252(u));
  sum = AddWords(sum, AddWords(kQ, kQ));
  sum = SubWords(sum, Low252(t));
  sum = SubWords(sum, {v[0], v[1], v[2], 0});
  return ReduceOnce(sum);
}

inline ModQ MulModQ(const ModQ& a, const ModQ& b) { return ReduceModQ(internal::MulWords(a, b)); }

}  // namespace urna::crypto::vartime
