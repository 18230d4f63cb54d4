#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "ledger/checkpoint.h"

namespace urna::ledger {

/// C2SP tlog-proof: what a voter keeps. `extra` is leaf hash || SHA-256(body).
struct Receipt {
  Hash32 leaf{};
  Hash32 body{};
  uint64_t index = 0;
  std::vector<Hash32> proof;
  std::string checkpoint;  ///< the signed note, verbatim

  std::string ToString() const;
  /// Strict: exactly what ToString writes. Errors: Reject("receipt.malformed").
  static absl::StatusOr<Receipt> Parse(std::string_view bytes);
};

/// Checkpoint signature, and the inclusion proof of the leaf in it. Returns the checkpoint.
/// Errors: those of OpenCheckpoint and VerifyInclusion.
absl::StatusOr<Checkpoint> VerifyReceipt(const Receipt& receipt, const NoteKey& key);

}  // namespace urna::ledger
