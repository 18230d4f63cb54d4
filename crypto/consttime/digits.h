#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "crypto/group.h"
#include "crypto/secret.h"
#include "crypto/vartime/field.h"

namespace urna::crypto::consttime {

// Secret scalars as digits, and what a digit chooses, by masks.

/// Digits of four bits, -8 .. 7, of a scalar below 2^253.
inline constexpr size_t kDigits = 64;
/// A digit chooses one of the multiples 1 .. 8, or none, and the sign.
inline constexpr size_t kMultiples = 8;

/// How many digits a number of so many bits has: from 4 n - 2 bits on, a carry could leave n.
constexpr size_t DigitsFor(size_t bits) { return (bits + 5) / 4; }

using Digits = std::array<int8_t, kDigits>;

/// Least significant first.
inline Secret<Digits> DigitsOf(const SecretScalar& scalar) {
  const base::Bytes32& bytes = scalar.Expose();
  Secret<Digits> out;
  Digits& digits = out.Expose();
  int carry = 0;
  for (size_t i = 0; i < kDigits; ++i) {
    const int value = (bytes[i / 2] >> (4 * (i % 2)) & 15) + carry;
    carry = (value + 8) >> 4;
    digits[i] = static_cast<int8_t>(value - carry * 16);
  }
  return out;
}

/// One digit as masks.
struct Choice {
  explicit Choice(int8_t digit) {
    const auto sign = static_cast<uint64_t>(static_cast<int64_t>(digit) >> 63);
    const uint64_t magnitude = (static_cast<uint64_t>(int64_t{digit}) ^ sign) - sign;
    negative = vartime::Mask(sign);
    none = vartime::MaskOfEqual(magnitude, 0);
    for (size_t j = 0; j < kMultiples; ++j) multiple[j] = vartime::MaskOfEqual(magnitude, j + 1);
  }
  uint64_t negative, none;
  std::array<uint64_t, kMultiples> multiple;
};

/// A number modulo p of each multiple, limb by limb.
using Row = std::array<std::array<uint64_t, kMultiples>, 5>;

/// The number that the choice names; of none, `neutral`, which is 0 or 1.
inline vartime::Fe Chosen(const Row& row, const Choice& choice, uint64_t neutral) {
  vartime::Fe out;
  for (size_t k = 0; k < 5; ++k) {
    uint64_t limb = k == 0 ? choice.none & neutral : 0;
    for (size_t j = 0; j < kMultiples; ++j) limb |= choice.multiple[j] & row[k][j];
    out.limb[k] = limb;
  }
  return out;
}

}  // namespace urna::crypto::consttime
