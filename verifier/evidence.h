#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "ledger/evidence.h"
#include "ledger/note.h"

namespace urna::verifier {

/// What files of evidence (ledger/evidence.h) prove against a log's key, without any ledger.
struct EvidenceReport {
  struct File {
    std::string path;
    ledger::Judgement judgement;
  };
  ledger::NoteKey key;
  std::vector<File> files;

  bool proven() const;
  /// kExitFailed if something is proven, otherwise kExitIncomplete: that nothing is proven says
  /// nothing in favour of the log.
  int ExitCode() const;
};

/// What is no evidence proves nothing. Errors: NotFound / Unavailable / ResourceExhausted if a file
/// cannot be read (the message names it).
absl::StatusOr<EvidenceReport> JudgeEvidence(const std::vector<std::string>& paths,
                                             const ledger::NoteKey& key);

/// For a terminal: UTF-8, without control characters.
std::string ToText(const EvidenceReport& report);
/// For programs: a JSON object with "format": "urna-evidence-report/1". docs/verifying.md.
std::string ToJson(const EvidenceReport& report);

}  // namespace urna::verifier
