#include "crypto/vartime/ifma.h"
#include "crypto/vartime/power.h"
#include "crypto/vartime/power_chain.h"

URNA_IFMA_BEGIN

namespace urna::crypto::vartime {

static_assert(kPowerLanes == kLanes);

void PowerP58Ifma(std::array<Fe, kPowerLanes>& values) {
  values = ValuesOf(PowerChain(LanesOf(values)));
}

}  // namespace urna::crypto::vartime

URNA_IFMA_END
