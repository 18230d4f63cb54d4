#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>

namespace urna::server {

/// How many ballots are checked as one equation. Together they cost a fraction each; but a false
/// proof among them makes all of them be looked at again, in ever smaller groups, so that a flood
/// of false proofs would cost the valid ones many times their share. So groups shrink while false
/// proofs come, down to single ballots, and grow again when they stop. Safe from any thread.
class GroupSize {
 public:
  explicit GroupSize(size_t largest) : largest_(largest), size_(largest) {}

  size_t Next() const { return size_; }
  /// `count` ballots were checked together.
  void Note(size_t count, bool all_hold) {
    if (!all_hold) {
      size_ = std::max<size_t>(1, std::min(size_.load(), count) / 4);
    } else if (count >= size_) {
      size_ = std::min(largest_, 2 * count);
    }
  }

 private:
  const size_t largest_;
  std::atomic<size_t> size_;
};

}  // namespace urna::server
