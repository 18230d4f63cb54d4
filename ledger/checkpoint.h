#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "crypto/hash.h"
#include "ledger/note.h"

namespace urna::ledger {

using crypto::Hash32;

/// C2SP tlog-checkpoint: what the ballot box signs about its ledger.
struct Checkpoint {
  std::string origin;
  uint64_t size = 0;
  Hash32 root{};

  bool operator==(const Checkpoint&) const = default;
  /// "origin\nsize\nbase64(root)\n".
  std::string Body() const;
  /// Strict; extension lines are refused. Errors: Reject("checkpoint.malformed").
  static absl::StatusOr<Checkpoint> ParseBody(std::string_view body);
};

/// The signed note; the key's name is the origin.
std::string SignCheckpoint(const Checkpoint& checkpoint, const crypto::Ed25519Key& key);
/// Parses a signed checkpoint and checks its signature and origin against `key`.
/// Errors: Reject("checkpoint.malformed"), Reject("note.malformed"), Reject("note.unsigned"),
/// Reject("note.signature-invalid"), Reject("checkpoint.origin").
absl::StatusOr<Checkpoint> OpenCheckpoint(std::string_view note, const NoteKey& key);

/// What a signed checkpoint says, before anything vouches for it. Errors: those of Note::Parse and
/// Checkpoint::ParseBody.
absl::StatusOr<Checkpoint> ReadUnverified(std::string_view note);

/// cosignature/v1 of C2SP tlog-cosignature: a witness's statement at `timestamp` (Unix seconds).
NoteSignature Cosign(const Checkpoint& checkpoint, std::string_view witness_name,
                     const crypto::Ed25519Key& key, uint64_t timestamp);
/// True iff `note` carries a valid cosignature by `witness` (type kTypeCosignature).
bool HasCosignature(const Note& note, const NoteKey& witness);

}  // namespace urna::ledger
