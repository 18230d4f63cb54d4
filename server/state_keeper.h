#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/hash.h"
#include "ledger/store/store.h"
#include "poll/state_snapshot.h"
#include "server/live_poll.h"
#include "server/log.h"

namespace urna::server {

/// Keeps the states of polls on the disk, so that a start need not fold their whole ledgers: that
/// takes a minute for a million ballots. docs/decisions/0018.
///
/// What is kept is a cache, never a second truth. It is used only if its hashes are right and the
/// store's ledger has the root that it was made at; else the ledger is folded as if there were
/// none. What is newer in the ledger is folded on top. Removing the folder is always safe.
class StateKeeper {
 public:
  struct Options {
    std::string folder;
    std::chrono::milliseconds every{1000};
    /// A poll is saved when it has so many new records. This many of the most costly kind, parts of
    /// the roll, are folded in about a second.
    uint64_t records = 128;
  };
  StateKeeper(Options options, const ledger::Store& store, const PollBook& book, Log& log);
  ~StateKeeper() { Stop(); }

  struct Kept {
    poll::State state;
    uint64_t newest_time = 0;  ///< of its records
    uint64_t opened = 0;       ///< size of the ledger just after `opened`; 0 before
    std::string notes;         ///< poll::EncodeBallotNote of its ballots, in order
  };
  /// What an earlier run kept of a poll, before Start. Errors: NotFound if there is nothing;
  /// DataLoss with the reason if what is there is of no use; Unavailable.
  absl::StatusOr<Kept> Load(const Hash32& poll, poll::State::ReadRecord read_record);

  void Start();
  /// Saves what is new of every poll in the book and ends. Once nothing more is written.
  void Stop();

 private:
  /// The files of one poll, and how far they go.
  struct Files {
    uint64_t saved = 0;  ///< records in the state on the disk
    // What follows covers records 0 .. noted - 1.
    uint64_t noted = 0;
    uint64_t ballots = 0;
    crypto::Sha256 hash;  ///< of their notes
    uint64_t newest_time = 0;
    uint64_t opened = 0;
    std::string complaint = {};  ///< that was logged
  };

  std::string StatePath(const Hash32& poll) const;
  std::string NotesPath(const Hash32& poll) const;
  void SaveUntilStopped();
  void SaveAll(uint64_t at_least);
  absl::Status Save(const LivePoll& poll, Files& files);
  absl::Status NoteUpTo(const Hash32& poll, uint64_t size, Files& files);

  const Options options_;
  const ledger::Store& store_;
  const PollBook& book_;
  Log& log_;
  std::map<Hash32, Files> files_;  // the thread's own, once it runs

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace urna::server
