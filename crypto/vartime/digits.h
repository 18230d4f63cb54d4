#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "crypto/group.h"

namespace urna::crypto::vartime {

// Scalars as digits.

inline constexpr unsigned kScalarBits = 253;

using Words = std::array<uint64_t, 5>;

/// The scalar with a word of zeros above.
inline Words WordsOf(const Scalar& scalar) {
  const ModQ words = scalar.words();
  return {words[0], words[1], words[2], words[3], 0};
}

inline unsigned BitLength(const Words& words) {
  for (size_t i = words.size(); i-- > 0;) {
    if (words[i] != 0) return static_cast<unsigned>(64 * i + std::bit_width(words[i]));
  }
  return 0;
}

/// Bits [at, at + count) with count < 64.
inline uint64_t Bits(const Words& words, unsigned at, unsigned count) {
  const unsigned word = at / 64;
  const unsigned shift = at % 64;
  uint64_t value = words[word] >> shift;
  if (shift + count > 64) value |= words[word + 1] << (64 - shift);
  return value & ((uint64_t{1} << count) - 1);
}

/// How many signed digits of `window` bits a number of `bits` bits has at most.
constexpr unsigned DigitCount(unsigned bits, unsigned window) { return bits / window + 1; }

/// Signed digits -2^(window-1) .. 2^(window-1), least significant first, into `out`, whose length
/// is at least DigitCount.
inline void SignedDigits(const Words& words, unsigned window, std::span<int16_t> out) {
  const int64_t half = int64_t{1} << (window - 1);
  int64_t carry = 0;
  for (size_t i = 0; i < out.size(); ++i) {
    const auto at = static_cast<unsigned>(i * window);
    int64_t digit = carry;
    if (at < kScalarBits) digit += static_cast<int64_t>(Bits(words, at, window));
    carry = digit > half ? 1 : 0;
    out[i] = static_cast<int16_t>(digit - carry * 2 * half);
  }
}

}  // namespace urna::crypto::vartime
