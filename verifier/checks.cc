#include "verifier/checks.h"

#include <array>
#include <optional>

#include "poll/payload.h"

namespace urna::verifier {
namespace {

using poll::RecordKind;

constexpr std::array<CheckInfo, kCheckCount> kInfos = {{
    {CheckId::kExportFiles, "export-files", "Files of the export"},
    {CheckId::kRecords, "records", "Records: each well-formed and of a known kind"},
    {CheckId::kChain, "chain", "Chain: each record carries the one before"},
    {CheckId::kTiles, "tiles", "Hash tiles recomputed from the records"},
    {CheckId::kCheckpoint, "checkpoint", "Checkpoint: signature, size and root"},
    {CheckId::kPollId, "poll-id", "Poll id: the poll you asked for"},
    {CheckId::kDefinition, "definition", "Definition, approved by the officials"},
    {CheckId::kRoll, "roll", "Roll, approved by the officials"},
    {CheckId::kIssuerKeys, "issuer-keys", "Issuers' keys"},
    {CheckId::kKeyCeremony, "key-ceremony", "Trustees' key ceremony"},
    {CheckId::kOpening, "opening", "Opening, approved by the officials"},
    {CheckId::kBallotProofs, "ballot-proofs", "Ballots: form and proofs"},
    {CheckId::kBallotTokens, "ballot-tokens", "Ballots: tokens of every issuer"},
    {CheckId::kBallotOrder, "ballot-order", "Ballots: revisions, styles and times"},
    {CheckId::kIssuanceCounts, "issuance-counts", "Issuers' counts of tokens"},
    {CheckId::kSteps, "steps", "Pauses, extensions, replaced credentials"},
    {CheckId::kEnding, "ending", "End and closing"},
    {CheckId::kLosses, "losses", "Nothing that was signed for is lost"},
    {CheckId::kRegisters, "registers", "Issuers' registers: each entry valid"},
    {CheckId::kEligibility, "eligibility", "Eligibility: one ballot per entitled person"},
    {CheckId::kLot, "lot", "Draw of lots"},
    {CheckId::kMixing, "mixing", "Mixes: the same ballots in another order"},
    {CheckId::kDecryption, "decryption", "Decryption shares"},
    {CheckId::kPaper, "paper", "Paper counts"},
    {CheckId::kTotals, "totals", "Totals and certificate, recomputed"},
    {CheckId::kReconciliation, "reconciliation", "Roll, tokens, ballots and paper fit together"},
    {CheckId::kCancellation, "cancellation", "Cancellation"},
    {CheckId::kWitnesses, "witnesses", "Witnesses' cosignatures"},
    {CheckId::kReceipt, "receipt", "Receipt"},
    {CheckId::kOlderExport, "older-export", "Older export is a beginning of this one"},
    {CheckId::kHeldCheckpoint, "held-checkpoint", "Checkpoint you hold"},
    {CheckId::kEvidence, "evidence", "Evidence against the ledger's key"},
}};

constexpr bool InfosAreInOrder() {
  for (size_t i = 0; i < kInfos.size(); ++i) {
    if (static_cast<size_t>(kInfos[i].id) != i) return false;
  }
  return true;
}
static_assert(InfosAreInOrder());

struct Row {
  std::optional<RecordKind> kind;  // none: any
  std::string_view id_prefix;
  CheckId check;
};

// The first row that matches decides.
constexpr Row kRows[] = {
    {std::nullopt, "ledger.", CheckId::kChain},
    {RecordKind::kBallotCast, "token.", CheckId::kBallotTokens},
    {RecordKind::kBallotCast, "ballot.revision-repeated", CheckId::kBallotOrder},
    {RecordKind::kBallotCast, "ballot.already-voted", CheckId::kBallotOrder},
    {RecordKind::kBallotCast, "ballot.style-changed", CheckId::kBallotOrder},
    {RecordKind::kBallotCast, "ballot.time", CheckId::kBallotOrder},
    {RecordKind::kBallotCast, "ballot.paused", CheckId::kBallotOrder},
    {RecordKind::kBallotCast, "ballot.not-open", CheckId::kBallotOrder},
    {RecordKind::kBallotCast, "poll.ended", CheckId::kBallotOrder},
    {RecordKind::kBallotCast, "record.out-of-order", CheckId::kBallotOrder},
    {RecordKind::kBallotCast, "", CheckId::kBallotProofs},
    {RecordKind::kRegisterPart, "credential.not-on-roll", CheckId::kEligibility},
    {RecordKind::kRegisterPart, "register.credential-twice", CheckId::kEligibility},
    {RecordKind::kRegisterPart, "", CheckId::kRegisters},
    {RecordKind::kRegisterSealed, "register.fewer-than-ballots", CheckId::kEligibility},
    {RecordKind::kRegisterSealed, "register.count", CheckId::kEligibility},
    {RecordKind::kRegisterSealed, "", CheckId::kRegisters},
    {RecordKind::kRegisterMissing, "", CheckId::kRegisters},
    {RecordKind::kDefined, "", CheckId::kDefinition},
    {RecordKind::kDefinitionPart, "", CheckId::kDefinition},
    {RecordKind::kRollPart, "", CheckId::kRoll},
    {RecordKind::kRollSealed, "", CheckId::kRoll},
    {RecordKind::kIssuerJoined, "", CheckId::kIssuerKeys},
    {RecordKind::kTrusteeJoined, "", CheckId::kKeyCeremony},
    {RecordKind::kDealt, "", CheckId::kKeyCeremony},
    {RecordKind::kConfirmed, "", CheckId::kKeyCeremony},
    {RecordKind::kComplained, "", CheckId::kKeyCeremony},
    {RecordKind::kOpened, "", CheckId::kOpening},
    {RecordKind::kIssuanceCounted, "", CheckId::kIssuanceCounts},
    {RecordKind::kPaused, "", CheckId::kSteps},
    {RecordKind::kResumed, "", CheckId::kSteps},
    {RecordKind::kExtended, "", CheckId::kSteps},
    {RecordKind::kCredentialReplaced, "", CheckId::kSteps},
    {RecordKind::kEnded, "", CheckId::kEnding},
    {RecordKind::kClosed, "", CheckId::kEnding},
    {RecordKind::kLossAccepted, "", CheckId::kLosses},
    {RecordKind::kLot, "", CheckId::kLot},
    {RecordKind::kMixPart, "", CheckId::kMixing},
    {RecordKind::kMixProofPart, "", CheckId::kMixing},
    {RecordKind::kDecryptionPart, "", CheckId::kDecryption},
    {RecordKind::kPaperCounted, "", CheckId::kPaper},
    {RecordKind::kCertified, "", CheckId::kTotals},
    {RecordKind::kCancelled, "", CheckId::kCancellation},
};

}  // namespace

const CheckInfo& InfoOf(CheckId id) { return kInfos[static_cast<size_t>(id)]; }

CheckId CheckFor(uint8_t kind, std::string_view reject_id) {
  for (const Row& row : kRows) {
    const bool kind_matches = !row.kind.has_value() || static_cast<uint8_t>(*row.kind) == kind;
    if (kind_matches && reject_id.starts_with(row.id_prefix)) return row.check;
  }
  return CheckId::kRecords;
}

}  // namespace urna::verifier
