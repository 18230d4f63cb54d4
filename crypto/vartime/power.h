#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "crypto/vartime/field.h"

namespace urna::crypto::vartime {

/// x^((p-5)/8), the heart of every square root and inverse modulo p.
Fe PowerP58(const Fe& x);

/// The same for several values at once, with AVX2 where the processor has it.
inline constexpr size_t kPowerLanes = 4;
void PowerP58Lanes(const std::array<Fe, kPowerLanes>& x, std::array<Fe, kPowerLanes>& out);

}  // namespace urna::crypto::vartime
