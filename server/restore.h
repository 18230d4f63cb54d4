#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/backup.h"
#include "server/fsck.h"

namespace urna::server {

/// Makes a new data folder from whatever there is of old ones.
struct RestoreOptions {
  /// Backups, or folders of backups (the newest counts); exports of ledgers; damaged or whole data
  /// folders. Each record, and each answer of an issuer, is taken from wherever it is right.
  std::vector<std::string> from;
  std::string data;    ///< to make; must not exist, or be empty
  std::string keys;    ///< a folder that CopyKeys made; "": keys come from data folders, or not
  std::string anchor;  ///< folder of the anchors; "": as the configuration that is restored says
  Progress progress = {};
};
struct RestoreReport {
  struct Poll {
    crypto::Hash32 id{};
    uint64_t records = 0;
    /// Records of sources that are not in the folder: damaged everywhere, or signed by nobody.
    std::string note;
  };
  std::vector<Poll> polls;
  uint64_t newest_backup = 0;  ///< its time, Unix seconds; 0 without a backup among the sources
  std::vector<std::string> notes;
  FsckReport check;  ///< of the folder as it was made, against the anchors

  /// Nothing that was signed for is missing, and the keys are there.
  bool complete() const { return check.sound(); }
};
/// Builds beside `data` and renames at the end: an interrupted restoration leaves no folder that
/// looks whole. The records of each ledger must lead to a root that the ballot box signed, or that
/// a data folder among the sources ends with.
/// Errors: AlreadyExists (`data`), NotFound (a source), DataLoss (a source whose ledger is none, or
/// two different answers to one credential), Unavailable.
absl::StatusOr<RestoreReport> Restore(const RestoreOptions& options);

}  // namespace urna::server
