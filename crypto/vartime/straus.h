#pragma once

#include <array>
#include <cstddef>

#include "crypto/vartime/element.h"
#include "crypto/vartime/multi_mul.h"

namespace urna::crypto::vartime {

/// As many sums of few terms at once, with IFMA. Precondition: HasIfma().
inline constexpr size_t kStrausLanes = 8;
std::array<Element, kStrausLanes> StrausIfma(const std::array<Terms, kStrausLanes>& sums);

}  // namespace urna::crypto::vartime
