#pragma once

#include <chrono>
#include <cstdint>

namespace urna::server {

/// The server's clock, so that tests can set it. Safe from any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  /// Unix seconds.
  virtual uint64_t Now() const = 0;
  /// For rates only: goes on evenly, whatever happens to Now().
  virtual std::chrono::steady_clock::time_point Ticks() const {
    return std::chrono::steady_clock::now();
  }
};

class SystemClock final : public Clock {
 public:
  uint64_t Now() const override {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(now).count());
  }
};

}  // namespace urna::server
