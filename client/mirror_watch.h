#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/mirror.h"

namespace urna::client {

/// What is to be said about a mirror's sources: each change once, and once that there has been no
/// news for too long.
class MirrorWatch {
 public:
  using Time = std::chrono::steady_clock::time_point;
  MirrorWatch(std::chrono::seconds patience, Time now) : patience_(patience), grown_(now) {}

  /// After a look at a source at `now`; returns the lines to say. `size`: records held now.
  /// `grows_within`: Mirror::grows_within.
  std::vector<std::string> Note(const std::string& source,
                                const absl::StatusOr<Mirror::News>& outcome, uint64_t size,
                                std::optional<uint64_t> grows_within, Time now);
  /// How long to wait before the next look: `every`, and longer where nothing came for a while.
  std::chrono::seconds Pause(std::chrono::seconds every) const;

 private:
  struct Source {
    explicit Source(Time now) : news(now) {}
    Time news;            ///< when it last showed what is held, or more; at first, when it was met
    bool met = false;     ///< there was news
    std::string trouble;  ///< what was said last; "" = in order
    bool late = false;    ///< that it has no news was said
    int failures = 0;     ///< in a row
  };
  const std::chrono::seconds patience_;
  std::map<std::string, Source> sources_;
  Time grown_;
  uint64_t size_ = 0;
  bool still_ = false;  ///< that the ledger does not grow was said
};

}  // namespace urna::client
