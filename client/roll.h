#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/credential.h"
#include "crypto/group.h"
#include "crypto/secret.h"
#include "poll/definition.h"
#include "poll/payload.h"

namespace urna::client {

/// Who may vote, as the office keeps it. Errors of the parsers are InvalidArgument and begin with
/// the place: "residents.csv: line 12, column 4 (style): ".

// --- Tables ---

struct CsvField {
  std::string text;
  size_t line = 0;    ///< where it begins, from 1
  size_t column = 0;  ///< from 1
};
using CsvRow = std::vector<CsvField>;

/// RFC 4180: quotes, line ends CRLF or LF, UTF-8 with or without a byte order mark. Empty lines are
/// left out. `file` is what errors call it.
absl::StatusOr<std::vector<CsvRow>> ParseCsv(std::string_view file, std::string_view text,
                                             char separator);
/// One line of such a table, quoted where needed, ending in LF.
std::string FormatCsvRow(const std::vector<std::string_view>& fields);

/// A table with a header line, of which some columns are wanted. Row i is rows[i]; its fields are
/// in the order of `columns`.
absl::StatusOr<std::vector<CsvRow>> ParseTable(std::string_view file, std::string_view text,
                                               char separator,
                                               const std::vector<std::string>& columns);

// --- Residents and their letters ---

struct ResidentColumns {
  std::string id = "id", name = "name", address = "address", style = "style";
  char separator = ',';
};
struct Resident {
  std::string id, name, address, style;

  bool operator==(const Resident&) const = default;
};
/// Ids are not empty and not repeated, styles not empty.
absl::StatusOr<std::vector<Resident>> ParseResidents(std::string_view file, std::string_view text,
                                                     const ResidentColumns& columns);

struct CodesOptions {
  std::string residents;  ///< CSV file
  ResidentColumns columns;
  std::string label;     ///< roll label: salt of the codes
  std::string out;       ///< folder
  unsigned threads = 0;  ///< 0: all cores
  /// Called now and then, from one thread at a time; false stops the work, to be resumed later.
  std::function<bool(size_t done, size_t total)> progress;
};
struct CodesResult {
  size_t codes = 0;
  size_t resumed = 0;  ///< of these, derived by an earlier run that was interrupted
};
/// Draws a code for each resident and derives its credential (about 0.1 s of one core each). Writes
/// out/codes.csv (secret, mode 0600), out/roll.csv and out/persons.sha256, each whole or not at
/// all. What an interrupted run did is kept in out/unfinished and used by the next. Errors:
/// AlreadyExists if out/codes.csv is there; FailedPrecondition if out/unfinished belongs to other
/// residents or another label; Cancelled if `progress` said so; those of ParseResidents.
absl::StatusOr<CodesResult> MakeCodes(const CodesOptions& options);

/// One line of codes.csv: columns id, name, address, style, void, code.
struct CodeLine {
  Resident resident;
  std::string voided;  ///< when the code was replaced, "" while it is good
  crypto::SecretText code;
};
/// In the file's order; a resident has at most one code that is not void. Errors also begin with
/// the place, and never show a code.
absl::StatusOr<std::vector<CodeLine>> ReadCodes(const std::string& path);

struct ReplacedCode {
  crypto::Point old_credential, new_credential;
};
/// Draws a new code for the resident `id` of the folder that MakeCodes wrote: marks the old line of
/// codes.csv as void since `now` (Unix seconds) and appends a new one, in one atomic step. With
/// `update_roll` the new credential also takes the old one's place in roll.csv, for a roll that is
/// not sealed yet. `label` "": that of roll.csv. Errors: InvalidArgument (another label, those of
/// ReadCodes), NotFound (nobody with a good code has that id; the old credential is not in
/// roll.csv).
absl::StatusOr<ReplacedCode> ReplaceCode(const std::string& office, std::string_view id,
                                         const std::string& label, uint64_t now, bool update_roll);

/// 1 to 64 characters a-z, 0-9, '-' and '.', as a definition demands. Errors: InvalidArgument.
absl::Status CheckRollLabel(std::string_view label);

// --- Enrolment of keys that residents' own devices made ---

/// "urna-enrol/1:" and the hexadecimal of V | U | z: V with a signature by k over the roll's label.
struct Enrolment {
  crypto::Point credential;
  crypto::CredentialSignature signature;

  static Enrolment Make(const crypto::CredentialKey& key, std::string_view label);
  std::string ToString() const;
  /// Errors: InvalidArgument; Reject("credential.signature-invalid") if it is not signed for
  /// `label`.
  static absl::StatusOr<Enrolment> Parse(std::string_view text, std::string_view label);
};

// --- Roll files ---

/// "urna-roll/1,LABEL" and a line "64 hexadecimal digits,STYLE" for each credential, ascending.
struct RollFile {
  struct Entry {
    crypto::Point credential;
    std::string style;
    size_t line = 0;  ///< in the file it came from; 0: none
  };
  std::string label;
  std::vector<Entry> entries;

  /// Strictly ascending; a credential twice is named with both lines.
  static absl::StatusOr<RollFile> Parse(std::string_view file, std::string_view text);
  /// The label alone, from the first line.
  static absl::StatusOr<std::string> ParseLabel(std::string_view file, std::string_view text);
  /// Sorts the entries. Errors: InvalidArgument for a credential that is there twice.
  absl::StatusOr<std::string> Format();
};

/// Whether a file begins as a roll file does.
bool IsRollFile(std::string_view text);

struct RollSummary {
  std::vector<poll::RollEntry> entries;  ///< as the ledger carries them
  std::vector<uint64_t> per_style;       ///< by style of the definition
};
/// The roll as entries of a poll. Errors: InvalidArgument: another label, a style that the
/// definition does not have (with its line), an empty roll.
absl::StatusOr<RollSummary> MatchRoll(std::string_view file, const RollFile& roll,
                                      const poll::Definition& definition);

/// 64 hexadecimal digits, or the path of a file that begins with them (as sha256sum writes it).
absl::StatusOr<crypto::Hash32> ReadSha256(const std::string& hex_or_file);

}  // namespace urna::client
