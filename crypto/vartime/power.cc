#include "crypto/vartime/power.h"

#include <algorithm>

#include "crypto/vartime/ifma.h"
#include "crypto/vartime/power_chain.h"

namespace urna::crypto::vartime {
namespace {

// Fewer do not fill enough lanes to pay.
constexpr size_t kFewestLanes = 2;

}  // namespace

Fe PowerP58(const Fe& x) { return PowerChain(x); }

void PowerP58Many(std::span<const Fe> x, std::span<Fe> out) {
  if (x.size() >= kFewestLanes && HasIfma()) {
    std::array<Fe, kPowerLanes> lanes;
    for (size_t i = 0; i < lanes.size(); ++i) lanes[i] = x[std::min(i, x.size() - 1)];
    PowerP58Ifma(lanes);
    std::copy_n(lanes.begin(), x.size(), out.begin());
    return;
  }
  for (size_t i = 0; i < x.size(); ++i) out[i] = PowerP58(x[i]);
}

}  // namespace urna::crypto::vartime
