#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/hash.h"
#include "ledger/checkpoint.h"

namespace urna::server {

/// What was shown last of a poll that publishes by the clock. It is stored before it is shown:
/// after a restart the server neither shows ballots before their time nor goes back behind what
/// readers, mirrors and witnesses have seen.
struct Publication {
  uint64_t period = 0;  ///< floor(time / publish_every)
  std::string note;     ///< the signed checkpoint
};

/// After OK it survives a crash. Errors: those of WriteFileAtomic.
absl::Status StorePublication(const std::string& folder, const crypto::Hash32& poll,
                              const Publication& publication);
/// Nothing if none was stored, or it cannot be read.
std::optional<Publication> ReadPublication(const std::string& folder, const crypto::Hash32& poll);

/// The newest checkpoint of a poll that a witness cosigned, or of which one proved that it had been
/// signed. After a restart the store must continue it, as it must the anchor.
struct Witnessed {
  ledger::Note note;
  ledger::Checkpoint checkpoint;  ///< what the note says; size 0: nothing was stored
};

/// Files of this kind in the folder are "<poll id>.witnessed".
inline constexpr std::string_view kWitnessedSuffix = ".witnessed";
std::string WitnessedFile(const std::string& folder, const crypto::Hash32& poll);
/// After OK it survives a crash. Errors: those of WriteFileAtomic.
absl::Status StoreWitnessed(const std::string& folder, const crypto::Hash32& poll,
                            const ledger::Note& note);
/// Errors: DataLoss naming the file if it holds no checkpoint that `log` signed; those of ReadFile
/// but NotFound.
absl::StatusOr<Witnessed> ReadWitnessed(const std::string& folder, const crypto::Hash32& poll,
                                        const ledger::NoteKey& log);

}  // namespace urna::server
