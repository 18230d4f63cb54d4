#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ledger/checkpoint.h"

namespace urna::server {

/// Records that were signed for and are gone for good: accepted on the record, by the ballot box's
/// operator, so that a server can go on. docs/protocol.md, kind 29; docs/decisions/0016.

struct LossOptions {
  std::string data;
  std::string anchor;  ///< folder of the anchors
};

/// What is missing from one ledger.
struct Loss {
  struct Lost {
    std::string path;  ///< the file that holds the signed checkpoint
    std::string note;
    ledger::Checkpoint checkpoint;
  };
  crypto::Hash32 poll{};
  std::string title, phase;    ///< "" if the ledger is gone as a whole
  uint64_t records = 0;        ///< that are here
  uint64_t newest_time = 0;    ///< of a record that is here; Unix seconds
  std::vector<Lost> lost;      ///< ascending by size and root
  std::string not_acceptable;  ///< why this cannot be accepted as a loss; "" if it can

  uint64_t count() const { return lost.empty() ? 0 : lost.back().checkpoint.size - records; }
};
/// Of every ledger from which something is missing. Writes nothing to it. Errors:
/// FailedPrecondition (a server runs on the folder), NotFound, DataLoss (the store itself is
/// damaged), Unavailable.
absl::StatusOr<std::vector<Loss>> FindLosses(const LossOptions& options);

/// Appends `loss accepted` to the ledger of `poll`, signs and anchors it; also where an earlier
/// attempt was interrupted. `records`: how many are missing, as whoever accepts it believes.
/// Errors: as FindLosses; InvalidArgument if it is another number, or there is no such loss;
/// FailedPrecondition if it is none that can be accepted.
absl::Status AcceptLoss(const LossOptions& options, const crypto::Hash32& poll, uint64_t records,
                        const std::string& reason, uint64_t now);

/// Signed checkpoints whose ledgers were given up: kept beside the anchors for ever, so that a
/// second loss does not make the first one unsaid. Files "<poll id>.<size>.<root>.lost".
struct LostNote {
  std::string path;
  crypto::Hash32 poll{};
  std::string note;
};
/// Errors: Unavailable, naming the path.
absl::StatusOr<std::vector<LostNote>> ReadLostNotes(const std::string& anchor_folder);

}  // namespace urna::server
