#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "ledger/store/store.h"
#include "server/issuer.h"
#include "server/live_poll.h"
#include "server/log.h"

namespace urna::server {

/// Where RereadLedger reads.
class StoredLedger {
 public:
  virtual ~StoredLedger() = default;
  virtual absl::StatusOr<std::string> Read(uint64_t index) = 0;
  /// A full hash tile.
  virtual absl::StatusOr<std::string> ReadTile(uint32_t level, uint64_t index) = 0;
};

/// Reads the records of a ledger and recomputes its tiles and root, which must be those of `head`.
/// `pace`: told how many bytes were read; returns false to stop. Errors: DataLoss naming the record
/// or the tile; Cancelled.
absl::Status RereadLedger(StoredLedger& stored, const ledger::Store::Head& head,
                          const std::function<bool(size_t bytes)>& pace);

/// Slowly reads again what a running server relies on, all of it, over and over: disks lose what
/// nobody looks at. Damage is an alarm: a line in the log, the server's health, and the poll (or
/// the issuer) takes and gives nothing more until its operator has restored it.
/// docs/decisions/0017.
class Rereader {
 public:
  struct Options {
    std::string ledger_folder;  ///< of the store
    uint64_t bytes_per_second = 4 << 20;
    /// From the beginning of a pass to that of the next, if it does not take longer.
    std::chrono::milliseconds every{std::chrono::hours(24)};
  };
  /// `alarm`: called once for each poll or issuer whose data is damaged, on this object's thread.
  Rereader(Options options, const ledger::Store& store, PollBook& book,
           const std::vector<std::unique_ptr<Issuer>>& issuers, Log& log,
           std::function<void()> alarm);
  ~Rereader() { Stop(); }

  void Start();
  void Stop();

 private:
  void Run();
  void ReadAll();
  /// Waits as long as reading that much may take; false when stopping.
  bool Pace(size_t bytes);
  bool Wait(std::chrono::steady_clock::time_point until);
  bool Stopping();
  void Damaged(LivePoll& poll, const absl::Status& status);

  class DiskReader;

  const Options options_;
  const ledger::Store& store_;
  PollBook& book_;
  const std::vector<std::unique_ptr<Issuer>>& issuers_;
  Log& log_;
  const std::function<void()> alarm_;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace urna::server
