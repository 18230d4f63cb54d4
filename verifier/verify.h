#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "verifier/pipeline.h"
#include "verifier/report.h"

namespace urna::verifier {

/// What an auditor brings. Nothing here switches a check off but `older`, and the report says so.
struct Inputs {
  std::string folder;                 ///< the export
  std::optional<Hash32> poll;         ///< the poll id that the city published
  std::vector<std::string> receipts;  ///< files
  /// An older export of this ledger, or its checkpoint, that the auditor checked: if this ledger
  /// begins with it, proofs in it are not checked again. Otherwise it changes no check of this one.
  std::optional<std::string> older;
  std::vector<std::string> checkpoints;  ///< files: signed checkpoints from elsewhere
  std::vector<std::string> evidence;     ///< files: ledger/evidence.h
  Work work;
};

/// Told now and then how far the audit is, on any thread, but not on two at once. May be empty.
using OnProgress = std::function<void(uint64_t records_done, uint64_t records_total)>;

/// Audits an export: everything of docs/protocol.md section 9 that can be checked with `inputs`.
/// What is wrong with a ledger or with a file's content is in the report; the memory it takes grows
/// with the roll and the number of voters, not with the ledger.
/// Errors: NotFound / Unavailable / ResourceExhausted if the export's folder or checkpoint, or a
/// file of the auditor, cannot be read (the message names it); Cancelled once `*stop` is true.
absl::StatusOr<Report> Verify(const Inputs& inputs, const OnProgress& on_progress,
                              const std::atomic<bool>& stop);

}  // namespace urna::verifier
