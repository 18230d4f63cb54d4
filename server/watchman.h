#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/disk_watch.h"
#include "server/log.h"
#include "server/watched_clock.h"

namespace urna::server {

/// Looks about once a second, whether anybody calls or not, after what surrounds a server: that the
/// clock goes right, which it has remembered once a minute, and that there is room on the disk.
class Watchman {
 public:
  struct Options {
    std::chrono::milliseconds interval{1000};
    std::string time_file;  ///< see ReadTime
  };
  Watchman(Options options, const WatchedClock& clock, DiskWatch& disk, Log& log);
  ~Watchman() { Stop(); }

  void Start();
  void Stop();

 private:
  void Run();
  void RememberTime();

  const Options options_;
  const WatchedClock& clock_;
  DiskWatch& disk_;
  Log& log_;

  // The thread's own.
  uint64_t remembered_ = 0;
  std::string complaint_;  // last one about the time file, so that it is logged once

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

/// The file beside the anchors with a time, Unix seconds in decimal, that a server on them worked
/// by lately.
std::string TimePath(const std::string& anchor_folder);
/// 0 if there is no file. Errors: DataLoss if it holds no time; Unavailable.
absl::StatusOr<uint64_t> ReadTime(const std::string& path);

}  // namespace urna::server
