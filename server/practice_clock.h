#pragma once

#include <atomic>
#include <fstream>
#include <string>
#include <utility>

#include "server/clock.h"

namespace urna::server {

/// The clock of urna-practice-server: the system's, put forward by as many seconds as stand in a
/// file, if there is one. So a practice poll ends when whoever practises wants it to. It never goes
/// back.
class PracticeClock final : public Clock {
 public:
  explicit PracticeClock(std::string offset_file) : offset_file_(std::move(offset_file)) {}
  uint64_t Now() const override {
    uint64_t offset = 0;
    if (std::ifstream file(offset_file_); !(file >> offset)) offset = 0;
    const uint64_t now = SystemClock().Now() + offset;
    uint64_t latest = latest_;
    while (latest < now && !latest_.compare_exchange_weak(latest, now)) {
    }
    return latest_;
  }
  bool MovedByHand() const override { return true; }

 private:
  const std::string offset_file_;
  mutable std::atomic<uint64_t> latest_ = 0;
};

}  // namespace urna::server
