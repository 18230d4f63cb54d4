#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ledger/note.h"
#include "verifier/report.h"

namespace urna::verifier {

/// What the definition says of witnesses, and how far the poll has come.
struct WitnessRule {
  std::vector<ledger::NoteKey> witnesses;
  uint32_t needed = 0;                ///< before anything is decrypted
  std::optional<uint64_t> closed_at;  ///< index of the `closed` record
  bool decrypted = false;             ///< a decryption share is on the ledger
};

/// Judges the cosignatures on `notes`: signed checkpoints whose signature, size and root hold. Only
/// those that cover the closed ledger count. A cosignature of a named witness that is false fails.
void JudgeWitnesses(Check& check, const WitnessRule& rule, const std::vector<std::string>& notes);

}  // namespace urna::verifier
