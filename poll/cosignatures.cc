#include "poll/cosignatures.h"

#include <algorithm>

#include "base/text.h"
#include "ledger/checkpoint.h"

namespace urna::poll {

std::string Cosignatures::ToString() const {
  std::string names;
  for (const std::string& name : missing) names += base::Cat(names.empty() ? "" : ", ", name);
  return base::Cat(present.size(), " of ", present.size() + missing.size(),
                   " witnesses cosigned it", names.empty() ? "" : ", not yet ", names);
}

Cosignatures CosignaturesOn(const Definition& definition, const ledger::Note& note) {
  Cosignatures found;
  for (const ledger::NoteKey& witness : definition.witnesses) {
    auto& names = ledger::HasCosignature(note, witness) ? found.present : found.missing;
    names.push_back(witness.name);
  }
  return found;
}

uint32_t CosignaturesForFinal(const Definition& definition) {
  if (definition.witnesses.empty()) return 0;
  return std::max(1U, definition.witnesses_needed);
}

}  // namespace urna::poll
