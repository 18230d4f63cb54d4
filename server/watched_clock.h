#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "server/clock.h"

namespace urna::server {

/// The clock that a server works by: another one, which is not believed blindly. A time that was
/// given out is never followed by an earlier one. And when the other clock steps back, or leaps
/// forwards, the server is stopped before that time is used: what is done by the clock (ending a
/// poll, publishing, writing an hour into a ballot) cannot be taken back.
///
/// A leap is seen only while the process runs. At a start it looks like a long stop.
class WatchedClock final : public Clock {
 public:
  struct Options {
    uint64_t tolerance = 5;  ///< seconds that the clock may go back
    uint64_t leap = 300;     ///< seconds that it may go forwards beyond what passed
  };
  /// `stop`: called once, with what happened; does not return but in tests, where Now() stands
  /// still from then on. Both clocks' owners outlive this object.
  WatchedClock(const Clock& clock, Options options, std::function<void(std::string_view)> stop);

  uint64_t Now() const override;
  std::chrono::steady_clock::time_point Ticks() const override { return clock_.Ticks(); }

  /// Goes on from a time that an earlier process gave out and that stands in `where`.
  /// Errors: FailedPrecondition if the clock is behind it by more than the tolerance.
  absl::Status ContinueFrom(uint64_t time, std::string_view where);

 private:
  struct Sample {
    uint64_t now = 0;
    std::chrono::steady_clock::time_point ticks{};
  };
  Sample Look() const;
  /// "" or what is wrong with the clock.
  std::string Judge(const Sample& sample) const;

  const Clock& clock_;
  const Options options_;
  const std::function<void(std::string_view)> stop_;
  mutable std::mutex mutex_;
  mutable Sample last_;
  mutable uint64_t latest_ = 0;
  mutable bool stopped_ = false;
};

}  // namespace urna::server
