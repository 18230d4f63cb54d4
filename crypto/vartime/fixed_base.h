#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "crypto/group.h"
#include "crypto/vartime/element.h"

namespace urna::crypto::vartime {

/// The multiples of one base that make multiplying it cheap: for bases that every ballot shares.
class FixedBase {
 public:
  /// `window`: bits of a digit, 5..8. Takes ceil(254 / window) * 2^(window - 1) * 120 bytes.
  FixedBase(const Element& base, unsigned window);
  /// Of G, made once.
  static const FixedBase& OfBase();

 private:
  friend struct FixedDigits;
  unsigned window_;
  size_t per_digit_;
  std::vector<AffineNiels> multiples_;  // [digit][j]: (j + 1) 2^(digit * window) base
};

/// scalar * base + other_scalar * other_base.
struct FixedSum {
  const FixedBase* base;
  Scalar scalar;
  const FixedBase* other_base;
  Scalar other_scalar;
};
std::vector<Element> SumFixed(std::span<const FixedSum> sums);

/// The entries of tables that add up to a FixedSum, some of them with their sign turned.
struct FixedDigits {
  void Add(const FixedBase& base, const Scalar& scalar);

  static constexpr size_t kMost = 2 * 51;
  size_t count = 0;
  std::array<const AffineNiels*, kMost> entry;
  std::array<bool, kMost> negative;
};
inline FixedDigits DigitsOf(const FixedSum& sum) {
  FixedDigits digits;
  digits.Add(*sum.base, sum.scalar);
  digits.Add(*sum.other_base, sum.other_scalar);
  return digits;
}

/// As many sums at once, with IFMA. Precondition: HasIfma().
inline constexpr size_t kFixedLanes = 8;
std::array<Element, kFixedLanes> SumFixedIfma(const std::array<FixedSum, kFixedLanes>& sums);

}  // namespace urna::crypto::vartime
