#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "poll/payload.h"
#include "server/log.h"

namespace urna::server {

/// Has a server take nothing new before its disk is full, since a database that meets a full disk
/// stops, and does not start again on it; and keeps a file that can be deleted when the disk is
/// full all the same. docs/decisions/0016. Safe from any thread.
class DiskWatch {
 public:
  /// What something is written for.
  enum class Use {
    kTake,    ///< ballots, tokens, new polls and rolls: refused below the floor
    kFinish,  ///< what the polls that are there need until their end: refused below half of it
  };
  static Use UseOf(poll::RecordKind kind);

  /// Free bytes of the file system that holds a folder, which may not exist yet. Errors:
  /// Unavailable.
  using FreeSpace = std::function<absl::StatusOr<uint64_t>(const std::string& folder)>;
  static absl::StatusOr<uint64_t> FreeSpaceOf(const std::string& folder);

  struct Options {
    std::string data, anchor, rocksdb_log;  ///< folders that are written to
    /// Bytes that must be free where the data is; a sixteenth of it where the anchors are. 0: none
    /// need be.
    uint64_t floor = 0;
    uint64_t ballast = 0;  ///< bytes of the file BallastPath(data); 0: none is kept
    FreeSpace free_space = FreeSpaceOf;
  };
  /// `changed`: called after a change of taking().
  DiskWatch(Options options, Log& log, std::function<void()> changed);

  /// OK if by the last measurement there is room for records of so many bytes. Errors:
  /// ResourceExhausted, as TryLater.
  absl::Status Admit(Use use, uint64_t bytes = 0) const;
  /// Whether anything is admitted for kTake.
  bool taking() const { return level_ == Level::kRoom; }
  /// Measures, which takes one call to the system for each folder. Logs changes.
  void Measure();
  /// Makes the ballast if it is not there and leaves room enough. One thread only.
  void KeepBallast();
  /// What to do if `status` says that the disk is full; "" if it does not.
  std::string Advice(const absl::Status& status) const;

 private:
  enum class Level { kRoom, kLow, kFull };
  struct Place {
    std::string_view what;  ///< in the log
    std::string folder;
    uint64_t floor = 0;
    bool needed = true;  ///< false: nothing is refused for its sake
    Level level = Level::kRoom;
    std::string complaint = {};  ///< why it could not be measured, so that it is logged once
  };

  /// Whether taking() changed.
  bool MeasureAll();
  void MeasurePlace(Place& place);
  absl::Status MakeBallast(uint64_t allocated) const;

  const Options options_;
  Log& log_;
  const std::function<void()> changed_;
  std::atomic<Level> level_{Level::kRoom};
  std::atomic<uint64_t> free_;  // where the data is
  std::mutex mutex_;            // of measuring
  std::array<Place, 3> places_;
  std::string ballast_complaint_;  // last one, so that it is logged once
};

std::string BallastPath(const std::string& data);

}  // namespace urna::server
