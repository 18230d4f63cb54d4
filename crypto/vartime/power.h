#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "crypto/vartime/field.h"

namespace urna::crypto::vartime {

/// x^((p-5)/8), the heart of every square root and inverse modulo p.
Fe PowerP58(const Fe& x);

/// The same for up to kPowerLanes values at once, by vector instructions where the processor has
/// them. Equal lengths.
inline constexpr size_t kPowerLanes = 8;
void PowerP58Many(std::span<const Fe> x, std::span<Fe> out);

/// PowerP58Many with IFMA, in place. Precondition: HasIfma().
void PowerP58Ifma(std::array<Fe, kPowerLanes>& values);

}  // namespace urna::crypto::vartime
