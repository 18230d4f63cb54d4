#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>

#include "crypto/ballot.h"

namespace urna::server {

/// How ballots' proofs are checked, by how many were false lately. As one equation they cost a
/// fraction each; but false ones must then be searched for, which, if there are many, costs more
/// than each one's own equation does from the start: so a flood of false proofs costs the valid
/// ones no more than that. Safe from any thread.
class FalseShare {
 public:
  crypto::Together together() const {
    return share_ > kMany ? crypto::Together::kEach : crypto::Together::kAll;
  }
  /// Of `count` proofs that were checked so many were false.
  void Note(size_t count, size_t failed) {
    if (count == 0) return;
    const auto n = static_cast<float>(count);
    const float weight = std::min(1.0F, n / kLately);
    share_ = share_ + weight * (static_cast<float>(failed) / n - share_);
  }

 private:
  // Where both cost the same ("Checking ballots" of docs/performance.md).
  static constexpr float kMany = 1.0F / 64;
  static constexpr float kLately = 256;
  std::atomic<float> share_ = 0;
};

}  // namespace urna::server
