#pragma once

#include <span>
#include <vector>

#include "crypto/group.h"
#include "crypto/vartime/element.h"

namespace urna::crypto::vartime {

/// sum of scalars[i] * elements[i]; equal lengths. Short scalars, such as 128-bit weights, cost
/// less. Few terms: Straus; many: Pippenger with signed digits.
Element MultiMul(std::span<const Scalar> scalars, std::span<const Element> elements);

struct Terms {
  std::span<const Scalar> scalars;
  std::span<const Element> elements;
};
/// Each of many sums; those of few terms cost less together.
std::vector<Element> MultiMulEach(std::span<const Terms> sums);

}  // namespace urna::crypto::vartime
