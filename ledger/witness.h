#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "ledger/checkpoint.h"
#include "ledger/merkle.h"

namespace urna::ledger {

/// C2SP tlog-witness: a log asks a witness to cosign a checkpoint that continues the last one that
/// it cosigned. docs/protocol.md, "Witnesses".

/// Content type of the body of a 409.
inline constexpr std::string_view kSizeContentType = "text/x.tlog.size";

/// Body of POST URL/add-checkpoint.
struct AddCheckpoint {
  uint64_t old_size = 0;      ///< of the checkpoint that the witness cosigned last; 0: of none
  std::vector<Hash32> proof;  ///< consistency proof from old_size to the checkpoint; at most 63
  Note note;                  ///< the signed checkpoint
  Checkpoint checkpoint;      ///< what the note says, before anything vouches for it

  static constexpr size_t kMaxProof = 63;

  /// From a signed checkpoint. Errors: those of Note::Parse and Checkpoint::ParseBody.
  static absl::StatusOr<AddCheckpoint> Make(uint64_t old_size, std::vector<Hash32> proof,
                                            std::string_view note);
  std::string ToString() const;
  /// Strict: exactly what ToString writes. Extension lines in the checkpoint are refused.
  /// Errors: Reject("witness.request-malformed"), those of Note::Parse and Checkpoint::ParseBody.
  static absl::StatusOr<AddCheckpoint> Parse(std::string_view body);
};

/// What a witness knows of a log.
struct WitnessedLog {
  NoteKey key;
  uint64_t size = 0;  ///< of the checkpoint cosigned last; 0: of none, or of the empty log
  Hash32 root = EmptyRoot();
};

struct WitnessVerdict {
  int status = 200;    ///< HTTP's: 200 (cosign), 400, 403, 404, 409 or 422
  std::string reason;  ///< in English; "" for 200
};

/// Whether a witness that knows `log` (null: not this origin) may cosign; the first that holds of:
/// 404 origin unknown; 403 not signed by the log's key; 400 old size above the checkpoint's;
/// 409 old size is not that of the checkpoint cosigned last; 422 the root, or the proof, does not
/// continue it.
WitnessVerdict Judge(const WitnessedLog* log, const AddCheckpoint& request);

/// Body of a 409: the size of the checkpoint cosigned last.
std::string EncodeWitnessSize(uint64_t size);
/// Errors: Reject("witness.answer-malformed").
absl::StatusOr<uint64_t> ParseWitnessSize(std::string_view body);

/// Body of a 200: cosignatures, a line each.
std::string EncodeCosignatures(const std::vector<NoteSignature>& signatures);
/// The cosignature of `witness` on the checkpoint `text` in the body of a 200; others are ignored.
/// Errors: Reject("witness.answer-malformed"), Reject("note.unsigned"),
/// Reject("note.signature-invalid").
absl::StatusOr<NoteSignature> ParseCosignature(std::string_view body, std::string_view text,
                                               const NoteKey& witness);

/// Where a witness shows the checkpoint of a log that it cosigned last, as GET:
/// "/<SHA-256 of the origin, hexadecimal>/checkpoint".
std::string WitnessedPath(std::string_view origin);

}  // namespace urna::ledger
