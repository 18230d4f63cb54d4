#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace urna::verifier {

/// The lines of a report, in its order. docs/protocol.md section 9.
enum class CheckId : uint8_t {
  kExportFiles,
  kRecords,
  kChain,
  kTiles,
  kCheckpoint,
  kPollId,
  kDefinition,
  kRoll,
  kIssuerKeys,
  kKeyCeremony,
  kOpening,
  kBallotProofs,
  kBallotTokens,
  kBallotOrder,
  kIssuanceCounts,
  kSteps,
  kEnding,
  kLosses,
  kRegisters,
  kEligibility,
  kLot,
  kMixing,
  kDecryption,
  kPaper,
  kTotals,
  kReconciliation,
  kCancellation,
  kWitnesses,
  kReceipt,
  kOlderExport,
  kHeldCheckpoint,
  kEvidence,
};
inline constexpr size_t kCheckCount = static_cast<size_t>(CheckId::kEvidence) + 1;

struct CheckInfo {
  CheckId id;
  std::string_view name;   ///< "ballot-proofs": stable, for programs
  std::string_view title;  ///< for people
};
const CheckInfo& InfoOf(CheckId id);

/// The check that a fault of a record belongs to, by the record's kind and the fault's reject id
/// ("" for a failure). Total: what no rule names lands in kRecords, never nowhere.
CheckId CheckFor(uint8_t kind, std::string_view reject_id);

}  // namespace urna::verifier
