#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ledger/note.h"
#include "poll/definition.h"

namespace urna::poll {

/// Which of a poll's witnesses cosigned a checkpoint.
struct Cosignatures {
  std::vector<std::string> present, missing;  ///< names, in the definition's order

  bool AtLeast(uint32_t needed) const { return present.size() >= needed; }
  /// "1 of 3 witnesses cosigned it, not yet w2, w3".
  std::string ToString() const;
};

/// A false cosignature counts as a missing one. The note's own signature is not looked at.
Cosignatures CosignaturesOn(const Definition& definition, const ledger::Note& note);

/// How many witnesses must have cosigned a checkpoint before a receipt that it covers is final: as
/// many as before decryption, but at least one if any is named.
uint32_t CosignaturesForFinal(const Definition& definition);

}  // namespace urna::poll
