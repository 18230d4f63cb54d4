#pragma once

#include <span>

#include "crypto/consttime/element.h"
#include "crypto/group.h"
#include "crypto/vartime/element.h"

namespace urna::crypto::consttime {

/// sum of scalars[i] * elements[i], in constant time; equal lengths. The elements are public, and
/// how many there are. Straus's method: doublings are shared.
SecretElement MultiMul(std::span<const SecretScalar> scalars,
                       std::span<const vartime::Element> elements);

}  // namespace urna::crypto::consttime
