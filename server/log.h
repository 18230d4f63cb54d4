#pragma once

#include <functional>
#include <mutex>
#include <string_view>

#include "server/clock.h"

namespace urna::server {

/// Plain lines with the time in UTC. What is logged names polls, steps and faults; never a peer, a
/// credential, a ballot, or a secret: whoever reads the log must learn nothing about who voted.
class Log {
 public:
  using Sink = std::function<void(std::string_view line)>;  ///< a line with its line end
  /// Standard error.
  static void ToStderr(std::string_view line);

  Log(const Clock& clock, Sink sink) : clock_(clock), sink_(std::move(sink)) {}
  void Line(std::string_view text);

 private:
  const Clock& clock_;
  std::mutex mutex_;
  Sink sink_;
};

}  // namespace urna::server
