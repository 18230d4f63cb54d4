#include "verifier/witnesses.h"

#include <algorithm>

#include "base/status.h"
#include "base/text.h"
#include "ledger/checkpoint.h"

namespace urna::verifier {

void JudgeWitnesses(Check& check, const WitnessRule& rule, const std::vector<std::string>& notes) {
  if (rule.witnesses.empty()) {
    check.Skip("the definition names no witness");
    return;
  }
  uint32_t cosigned = 0;
  for (const ledger::NoteKey& witness : rule.witnesses) {
    bool counts = false;
    for (const std::string& bytes : notes) {
      const auto note = ledger::Note::Parse(bytes);
      if (!note.ok()) continue;
      const auto checkpoint = ledger::Checkpoint::ParseBody(note->text);
      if (!checkpoint.ok()) continue;
      const absl::Status status = ledger::VerifyNote(*note, witness);
      if (base::RejectId(status) == "note.signature-invalid") {
        check.Fail({.record = std::nullopt,
                    .kind = "",
                    .id = "witness.cosignature-invalid",
                    .text = base::Cat("the cosignature of ", witness.name, " on the checkpoint of ",
                                      checkpoint->size, " records does not hold")});
      }
      counts |= ledger::HasCosignature(*note, witness) && rule.closed_at.has_value() &&
                checkpoint->size > *rule.closed_at;
    }
    if (counts) ++cosigned;
  }
  const std::string found =
      base::Cat(cosigned, " of ", rule.witnesses.size(), " witnesses cosigned the closed ledger, ",
                rule.needed, rule.needed == 1 ? " is demanded" : " are demanded");
  if (cosigned >= std::max(1U, rule.needed)) {
    check.Pass(found);
  } else if (cosigned < rule.needed && rule.decrypted) {
    check.Fail({.record = std::nullopt,
                .kind = "",
                .id = "witness.too-few",
                .text = base::Cat(found,
                                  " before decryption; --checkpoint adds checkpoints that "
                                  "witnesses cosigned")});
  } else {
    check.Skip(base::Cat(found, "; --checkpoint adds cosigned ones"));
  }
}

}  // namespace urna::verifier
