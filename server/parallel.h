#pragma once

#include <cstddef>
#include <functional>

namespace urna::server {

/// The ParallelFor of poll::Replay on all cores.
void OnAllCores(size_t count, const std::function<void(size_t)>& work);

}  // namespace urna::server
