#include "crypto/vartime/power.h"

#include "crypto/vartime/power_chain.h"

namespace urna::crypto::vartime {

Fe PowerP58(const Fe& x) { return PowerChain(x); }

void PowerP58Lanes(const std::array<Fe, kPowerLanes>& x, std::array<Fe, kPowerLanes>& out) {
  for (size_t i = 0; i < kPowerLanes; ++i) out[i] = PowerP58(x[i]);
}

}  // namespace urna::crypto::vartime
