#pragma once

#include <array>

#include "crypto/vartime/power.h"

namespace urna::crypto::vartime {

/// Whether the processor and its operating system have AVX-512 with IFMA.
bool HasIfma();
/// PowerP58 of each value, in place. Precondition: HasIfma().
void PowerP58Ifma(std::array<Fe, kPowerLanes>& values);

}  // namespace urna::crypto::vartime
