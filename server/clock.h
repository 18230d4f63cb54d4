#pragma once

#include <time.h>

#include <chrono>
#include <cstdint>

namespace urna::server {

/// The server's clock, so that tests can set it. Safe from any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  /// Unix seconds.
  virtual uint64_t Now() const = 0;
  /// For rates and durations only: goes on evenly, whatever happens to Now(). Unlike steady_clock's
  /// own it also goes on while the machine sleeps.
  virtual std::chrono::steady_clock::time_point Ticks() const {
    timespec now{};
    clock_gettime(CLOCK_BOOTTIME, &now);
    return std::chrono::steady_clock::time_point(std::chrono::seconds(now.tv_sec) +
                                                 std::chrono::nanoseconds(now.tv_nsec));
  }
  /// True of a clock that is moved by hand, for practice and tests: Now() is not expected to keep
  /// pace with Ticks().
  virtual bool MovedByHand() const { return false; }
};

class SystemClock final : public Clock {
 public:
  uint64_t Now() const override {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(now).count());
  }
};

}  // namespace urna::server
