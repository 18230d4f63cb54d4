#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "documents/result.h"
#include "poll/definition.h"
#include "poll/reconciliation.h"
#include "poll/state.h"
#include "verifier/checks.h"

namespace urna::verifier {

using crypto::Hash32;

enum class Verdict : uint8_t {
  kPass,
  kFail,
  kSkipped,  ///< there was nothing to check
  kTaken,  ///< nothing wrong in what was checked; the rest the auditor says to have checked before
};
/// "PASS", "FAIL", "SKIPPED", "TAKEN".
std::string_view VerdictName(Verdict verdict);

/// One thing that is wrong.
struct Fault {
  std::optional<uint64_t> record;  ///< index in the ledger, where it is a record's
  std::string kind;                ///< of that record; "" otherwise
  std::string id;                  ///< reject id, or "failure" where something could not be judged
  std::string text;
};

struct Check {
  /// Faults that a check keeps; the rest it only counts: a hostile ledger is all faults.
  static constexpr size_t kMaxKept = 10000;

  CheckId id = CheckId::kRecords;
  std::string subject;  ///< the file, where the check is about one that the auditor holds
  Verdict verdict = Verdict::kSkipped;
  std::string note;  ///< what was found, or why the check was skipped
  std::vector<Fault> faults;
  uint64_t fault_count = 0;

  /// Makes the verdict FAIL, for good.
  void Fail(Fault fault);
  /// Have no effect on a check that failed.
  void Pass(std::string_view why);
  void Skip(std::string_view why);
  void Take(std::string_view why);
};

/// What was not checked again because the auditor says to have checked it in an older export.
struct Taken {
  std::string from;               ///< that export
  uint64_t records = 0;           ///< it has
  uint64_t ballots = 0;           ///< whose proofs and tokens
  uint64_t register_entries = 0;  ///< whose signatures and answers
};

/// What an audit found.
struct Report {
  std::string folder;
  uint64_t size = 0;          ///< records that the checkpoint promises
  uint64_t records_read = 0;  ///< records that were there
  Hash32 root{};              ///< recomputed from them
  Hash32 poll{};              ///< the ledger's own poll id; zeros without a record
  bool pinned = false;        ///< the auditor said which poll it must be, and it is
  /// One of each kind in the order of CheckId; one for each file that the auditor holds.
  std::vector<Check> checks;

  std::optional<Taken> taken;  ///< none if all was checked

  poll::Phase phase = poll::Phase::kEmpty;
  std::string reason;                                  ///< why cancelled, paused or failed
  std::shared_ptr<const poll::Definition> definition;  ///< null if the ledger holds no valid one
  uint64_t end = 0;                                    ///< in force, Unix seconds
  uint64_t entitled = 0;
  uint64_t ballot_records = 0;
  uint64_t distinct_ballots = 0;
  std::optional<poll::Result> result;  ///< recomputed, where the ledger has come so far
  std::optional<poll::Reconciliation> reconciliation;  ///< likewise
  /// What the record of the result says; none if the poll is neither certified nor cancelled.
  std::optional<documents::Facts> facts;

  bool failed() const;
  /// 0 complete and clean, of the poll that was asked for; 1 something failed; 3 clean so far, but
  /// not certified, not pinned, or in part taken from an older audit.
  int ExitCode() const;
  /// The overall verdict in one line of plain words.
  std::string Summary() const;
};

inline constexpr int kExitClean = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUnreadable = 2;
inline constexpr int kExitIncomplete = 3;

/// For a terminal: UTF-8, ends in the line Summary(). Control characters and the like of hostile
/// texts are replaced.
std::string ToText(const Report& report);
/// For programs: a JSON object with "format": "urna-report/1". docs/verifying.md.
std::string ToJson(const Report& report);

/// The record of the result that follows from a ledger without a fault.
/// Errors: FailedPrecondition naming why there is none: a check failed, the poll that was asked for
/// was not named, not all was checked, or it is neither certified nor cancelled; Internal as
/// documents::ResultDocument.
absl::StatusOr<std::string> ResultDocument(const Report& report, documents::Format format);

}  // namespace urna::verifier
