#pragma once

#include <span>
#include <vector>

#include "crypto/group.h"
#include "crypto/vartime/element.h"

namespace urna::crypto::vartime {

/// sum of scalars[i] * elements[i]; equal lengths. Short scalars, such as 128-bit weights, cost
/// less. Few terms: Straus with non-adjacent forms; many: Pippenger with signed digits.
Element MultiMul(std::span<const Scalar> scalars, std::span<const Element> elements);

/// The multiples of one base that make multiplying it cheap: for bases that every ballot shares.
class FixedBase {
 public:
  /// `window`: bits of a digit, 2..8. Takes ceil(254 / window) * 2^(window - 1) * 120 bytes.
  FixedBase(const Element& base, unsigned window);
  /// Of G, made once.
  static const FixedBase& OfBase();

  Element Mul(const Scalar& scalar) const { return AddMul(Element(), scalar); }
  /// sum + scalar * base.
  Element AddMul(Element sum, const Scalar& scalar) const;

 private:
  unsigned window_;
  size_t per_digit_;
  std::vector<AffineNiels> multiples_;  // [digit][j]: (j + 1) 2^(digit * window) base
};

}  // namespace urna::crypto::vartime
