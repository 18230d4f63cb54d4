#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "crypto/hash.h"
#include "ledger/store/fsck.h"

namespace urna::server {

struct FsckOptions {
  std::string data;    ///< a server's data folder
  std::string anchor;  ///< folder of the anchors; "" = inside `data`
  /// Told now and then what is being read, for a terminal.
  std::function<void(const std::string&)> progress = {};
};

/// What was checked, and what was found. docs/guides/operator.md.
struct FsckReport {
  struct Poll {
    crypto::Hash32 id{};
    std::string title, phase;  ///< "" where the records do not tell
    uint64_t records = 0;
    crypto::Hash32 root{};
    uint64_t anchored = 0;  ///< records that the newest anchored checkpoint vouches for; 0: none
  };
  struct Answers {
    uint64_t issuer = 0;
    uint64_t answers = 0;
    uint64_t anchored = 0;
  };
  /// Another process has the folder open: this is what it had written at about one moment.
  bool in_use = false;
  std::vector<Poll> polls;
  std::vector<Answers> issuers;
  ledger::Findings findings;

  bool sound() const { return findings.faults.empty(); }
  std::string Text() const;
  std::string Json() const;
};

/// Reads everything in a data folder, recomputes it from the records, and compares it with what was
/// signed and anchored. Writes nothing. Damage is in the report; errors are: NotFound if it is no
/// data folder.
absl::StatusOr<FsckReport> Fsck(const FsckOptions& options);

}  // namespace urna::server
