#include "client/roll.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "base/bytes.h"
#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "client/poll_view.h"
#include "crypto/hash.h"

namespace urna::client {
namespace {

using base::Cat;
using crypto::Point;
using crypto::SecretText;

constexpr std::string_view kRollFormat = "urna-roll/1,";
constexpr std::string_view kEnrolFormat = "urna-enrol/1:";
constexpr std::string_view kUnfinishedFormat = "urna-codes/1,";
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

absl::Status At(std::string_view file, size_t line, std::string_view why) {
  return base::Failure(absl::StatusCode::kInvalidArgument, Cat(file, ": line ", line, ": ", why));
}

absl::Status At(std::string_view file, size_t line, size_t column, std::string_view name,
                std::string_view why) {
  const std::string title = name.empty() ? "" : Cat(" (", name, ")");
  return base::Failure(absl::StatusCode::kInvalidArgument,
                       Cat(file, ": line ", line, ", column ", column, title, ": ", why));
}

/// Takes the next line off `rest`, without LF or CRLF.
std::string_view TakeLine(std::string_view& rest) {
  const size_t end = rest.find('\n');
  std::string_view line = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::string_view WithoutMark(std::string_view text) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  return text;
}

absl::Status CheckUtf8(std::string_view file, std::string_view text) {
  size_t number = 0;
  while (!text.empty()) {
    ++number;
    if (!base::IsUtf8(TakeLine(text))) return At(file, number, "is not valid UTF-8");
  }
  return absl::OkStatus();
}

/// RFC 4180, one character at a time.
class CsvParser {
 public:
  CsvParser(std::string_view file, std::string_view text, char separator)
      : file_(file), text_(text), separator_(separator) {}

  absl::StatusOr<std::vector<CsvRow>> Parse() {
    std::vector<CsvRow> rows;
    while (at_ < text_.size()) {
      CsvRow row;
      do {
        row.push_back({"", line_, row.size() + 1});
        URNA_RETURN_IF_ERROR(TakeField(row.back()));
      } while (Take(separator_));
      const size_t line = line_;
      if (!TakeLineEnd()) {
        return At(file_, line, row.size(), "", "a quote or other text where the field should end");
      }
      const bool empty = row.size() == 1 && row[0].text.empty();
      if (!empty) rows.push_back(std::move(row));
    }
    return rows;
  }

 private:
  bool Take(char wanted) {
    if (at_ >= text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }

  bool TakeLineEnd() {
    if (at_ >= text_.size()) return true;
    Take('\r');
    if (!Take('\n')) return false;
    ++line_;
    return true;
  }

  absl::Status TakeField(CsvField& field) {
    if (!Take('"')) {
      while (at_ < text_.size() && text_[at_] != separator_ && text_[at_] != '"' &&
             text_[at_] != '\r' && text_[at_] != '\n') {
        field.text.push_back(text_[at_++]);
      }
      return absl::OkStatus();
    }
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '"' && !Take('"')) return absl::OkStatus();
      if (c == '\n') ++line_;
      field.text.push_back(c);
    }
    return At(file_, field.line, field.column, "", "the quote that opens here is never closed");
  }

  std::string_view file_;
  std::string_view text_;
  char separator_;
  size_t at_ = 0;
  size_t line_ = 1;
};

absl::StatusOr<Point> ParsePoint(std::string_view hex) {
  base::Bytes32 raw{};
  if (!base::Unhex(hex, raw)) {
    return base::Failure(absl::StatusCode::kInvalidArgument,
                         "a credential has 64 hexadecimal digits");
  }
  auto point = Point::DecodeNonIdentity(base::View(raw));
  if (!point.ok()) {
    return base::Failure(absl::StatusCode::kInvalidArgument, "this is no valid credential");
  }
  return point;
}

}  // namespace

// --- Tables --------------------------------------------------------------------------------------

absl::StatusOr<std::vector<CsvRow>> ParseCsv(std::string_view file, std::string_view text,
                                             char separator) {
  URNA_RETURN_IF_ERROR(CheckUtf8(file, text));
  return CsvParser(file, WithoutMark(text), separator).Parse();
}

std::string FormatCsvRow(const std::vector<std::string_view>& fields) {
  std::string line;
  for (size_t i = 0; i < fields.size(); ++i) {
    if (i != 0) line += ',';
    if (fields[i].find_first_of(",\"\r\n") == std::string_view::npos) {
      line += fields[i];
      continue;
    }
    line += '"';
    for (const char c : fields[i]) line.append(c == '"' ? 2 : 1, c);
    line += '"';
  }
  return line + '\n';
}

absl::StatusOr<std::vector<CsvRow>> ParseTable(std::string_view file, std::string_view text,
                                               char separator,
                                               const std::vector<std::string>& columns) {
  URNA_ASSIGN_OR_RETURN(std::vector<CsvRow> rows, ParseCsv(file, text, separator));
  if (rows.empty()) return At(file, 1, "the file is empty; a line of column names is needed");
  const CsvRow header = std::move(rows.front());
  rows.erase(rows.begin());
  std::vector<size_t> where;
  for (const std::string& wanted : columns) {
    std::optional<size_t> found;
    for (size_t c = 0; c < header.size(); ++c) {
      if (base::Trim(header[c].text) != wanted) continue;
      if (found.has_value()) return At(file, header[c].line, c + 1, wanted, "is there twice");
      found = c;
    }
    if (!found.has_value()) {
      std::string names;
      for (const CsvField& name : header) names += Cat(names.empty() ? "" : ", ", name.text);
      return At(file, header[0].line,
                Cat("there is no column \"", wanted, "\"; the columns are: ", names));
    }
    where.push_back(*found);
  }
  std::vector<CsvRow> table;
  for (CsvRow& row : rows) {
    if (row.size() != header.size()) {
      return At(file, row[0].line,
                Cat("has ", row.size(), " columns, the first line has ", header.size()));
    }
    CsvRow wanted;
    for (const size_t c : where) wanted.push_back(row[c]);
    table.push_back(std::move(wanted));
  }
  return table;
}

// --- Residents and their letters -----------------------------------------------------------------

absl::StatusOr<std::vector<Resident>> ParseResidents(std::string_view file, std::string_view text,
                                                     const ResidentColumns& columns) {
  const std::vector<std::string> names = {columns.id, columns.name, columns.address, columns.style};
  URNA_ASSIGN_OR_RETURN(const std::vector<CsvRow> rows,
                        ParseTable(file, text, columns.separator, names));
  const auto error = [&](const CsvField& field, const std::string& name, std::string_view why) {
    return At(file, field.line, field.column, name, why);
  };
  std::vector<Resident> residents;
  std::map<std::string, size_t, std::less<>> lines;
  for (const CsvRow& row : rows) {
    Resident resident{std::string(base::Trim(row[0].text)), row[1].text, row[2].text,
                      std::string(base::Trim(row[3].text))};
    if (resident.id.empty()) return error(row[0], columns.id, "is empty");
    if (resident.style.empty()) return error(row[3], columns.style, "is empty");
    const auto [first, fresh] = lines.emplace(resident.id, row[0].line);
    if (!fresh) {
      return error(row[0], columns.id,
                   Cat("\"", resident.id, "\" was already on line ", first->second));
    }
    residents.push_back(std::move(resident));
  }
  if (residents.empty()) return At(file, 1, "there is nobody on the list");
  return residents;
}

absl::Status CheckRollLabel(std::string_view label) {
  const bool right = std::ranges::all_of(label, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  });
  if (right && !label.empty() && label.size() <= 64) return absl::OkStatus();
  return base::Failure(absl::StatusCode::kInvalidArgument,
                       "a roll label has 1 to 64 characters a-z, 0-9, '-' and '.'");
}

namespace {

/// The folder where an interrupted run left its work: the codes, whole, and the credentials derived
/// so far, one line each, the last perhaps torn.
class Unfinished {
 public:
  Unfinished(std::string out, std::string header)
      : out_(std::move(out)), header_(std::move(header)) {}

  std::string folder() const { return out_ + "/unfinished"; }
  std::string codes_path() const { return folder() + "/codes.csv"; }
  std::string derived_path() const { return folder() + "/derived"; }

  ~Unfinished() {
    if (fd_ >= 0) close(fd_);
  }
  Unfinished(const Unfinished&) = delete;
  Unfinished& operator=(const Unfinished&) = delete;

  /// What an earlier run derived, by resident. Leaves the file open for more.
  absl::StatusOr<std::vector<std::optional<Point>>> Open(size_t residents) {
    std::vector<std::optional<Point>> derived(residents);
    std::string kept = header_;
    auto text = base::ReadFile(derived_path());
    if (!text.ok() && text.status().code() != absl::StatusCode::kNotFound) return text.status();
    if (text.ok()) {
      if (!text->starts_with(header_)) {
        return base::Failure(absl::StatusCode::kFailedPrecondition,
                             Cat(folder(),
                                 ": was begun for another list of residents or another "
                                 "label; finish that one, or remove the folder"));
      }
      std::string_view rest = std::string_view(*text).substr(header_.size());
      while (rest.find('\n') != std::string_view::npos) {
        const std::string_view line = TakeLine(rest);
        const std::vector<std::string_view> fields = base::Split(line, ',');
        uint64_t index = 0;
        if (fields.size() != 2 || !base::ParseU64(fields[0], &index) || index >= residents) {
          continue;
        }
        const auto point = ParsePoint(fields[1]);
        if (!point.ok()) continue;
        derived[index] = *point;
        kept += Cat(line, "\n");
      }
    }
    URNA_RETURN_IF_ERROR(base::WriteFileAtomic(derived_path(), kept, 0600));
    fd_ = open(derived_path().c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
    if (fd_ < 0) {
      return base::Failure(absl::StatusCode::kUnavailable, Cat(derived_path(), ": cannot open"));
    }
    return derived;
  }

  absl::Status Note(size_t resident, const Point& credential) {
    const std::string line = Cat(resident, ",", base::Hex(credential.bytes()), "\n");
    if (write(fd_, line.data(), line.size()) == static_cast<ssize_t>(line.size())) {
      return absl::OkStatus();
    }
    return base::Failure(absl::StatusCode::kUnavailable, Cat(derived_path(), ": cannot write"));
  }

 private:
  std::string out_;
  std::string header_;
  int fd_ = -1;
};

const std::vector<std::string>& CodesHeader() {
  static const std::vector<std::string> kHeader = {"id",    "name", "address",
                                                   "style", "void", "code"};
  return kHeader;
}

SecretText FormatCodes(const std::vector<CodeLine>& lines) {
  std::string text = FormatCsvRow({CodesHeader().begin(), CodesHeader().end()});
  for (const CodeLine& line : lines) {
    const Resident& r = line.resident;
    text += FormatCsvRow({r.id, r.name, r.address, r.style, line.voided, line.code.Expose()});
  }
  return SecretText(std::move(text));
}

absl::StatusOr<std::vector<CodeLine>> ParseCodes(const std::string& path, std::string_view text) {
  URNA_ASSIGN_OR_RETURN(std::vector<CsvRow> rows, ParseTable(path, text, ',', CodesHeader()));
  std::vector<CodeLine> lines;
  lines.reserve(rows.size());
  absl::flat_hash_map<std::string, size_t> good;
  for (CsvRow& row : rows) {
    CodeLine line{{std::move(row[0].text), std::move(row[1].text), std::move(row[2].text),
                   std::move(row[3].text)},
                  std::move(row[4].text),
                  SecretText(std::move(row[5].text))};
    const absl::Status code = crypto::ParseCode(line.code.Expose()).status();
    if (!code.ok()) return At(path, row[5].line, 6, "code", std::string(code.message()));
    if (line.voided.empty()) {
      const auto [first, fresh] = good.emplace(line.resident.id, row[0].line);
      if (!fresh) {
        return At(path, row[0].line, 1, "id",
                  Cat("\"", line.resident.id, "\" already has a code on line ", first->second));
      }
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

/// The codes of an earlier run, which must be those of the same residents.
absl::StatusOr<std::vector<CodeLine>> ReadCodesOf(const std::string& path,
                                                  const std::vector<Resident>& residents) {
  URNA_ASSIGN_OR_RETURN(std::vector<CodeLine> lines, ReadCodes(path));
  if (!std::ranges::equal(lines, residents, {}, &CodeLine::resident)) {
    return base::Failure(absl::StatusCode::kFailedPrecondition,
                         Cat(path,
                             ": was begun for another list of residents; finish that one, "
                             "or remove its folder"));
  }
  return lines;
}

absl::StatusOr<Point> CredentialOf(const SecretText& code, std::string_view label) {
  URNA_ASSIGN_OR_RETURN(const SecretText symbols, crypto::ParseCode(code.Expose()));
  URNA_ASSIGN_OR_RETURN(const crypto::CredentialKey key, crypto::DeriveCredential(symbols, label));
  return key.V;
}

}  // namespace

absl::StatusOr<std::vector<CodeLine>> ReadCodes(const std::string& path) {
  URNA_ASSIGN_OR_RETURN(std::string text, base::ReadFile(path));
  const SecretText content(std::move(text));
  return ParseCodes(path, content.Expose());
}

absl::StatusOr<CodesResult> MakeCodes(const CodesOptions& options) {
  URNA_RETURN_IF_ERROR(CheckRollLabel(options.label));
  URNA_ASSIGN_OR_RETURN(const std::string list, base::ReadFile(options.residents));
  URNA_ASSIGN_OR_RETURN(const std::vector<Resident> residents,
                        ParseResidents(options.residents, list, options.columns));
  const std::string codes_path = options.out + "/codes.csv";
  if (std::filesystem::exists(codes_path)) {
    return base::Failure(absl::StatusCode::kAlreadyExists,
                         Cat(codes_path,
                             ": is there already; letters may have been printed from "
                             "it, so it is not replaced"));
  }
  const std::string persons = base::Hex(crypto::HashSha256(list));
  Unfinished unfinished(options.out, Cat(kUnfinishedFormat, options.label, ",", persons, "\n"));
  URNA_RETURN_IF_ERROR(base::MakeFolders(unfinished.folder(), 0700));

  std::vector<CodeLine> codes;
  if (std::filesystem::exists(unfinished.codes_path())) {
    URNA_ASSIGN_OR_RETURN(codes, ReadCodesOf(unfinished.codes_path(), residents));
  } else {
    for (const Resident& resident : residents) codes.push_back({resident, "", crypto::NewCode()});
    const SecretText text = FormatCodes(codes);
    URNA_RETURN_IF_ERROR(base::CreateFileAtomic(unfinished.codes_path(), text.Expose(), 0600));
  }

  URNA_ASSIGN_OR_RETURN(std::vector<std::optional<Point>> derived,
                        unfinished.Open(residents.size()));
  CodesResult result;
  result.codes = residents.size();
  std::vector<size_t> todo;
  for (size_t i = 0; i < derived.size(); ++i) {
    if (!derived[i].has_value()) todo.push_back(i);
  }
  result.resumed = residents.size() - todo.size();
  std::mutex mutex;
  size_t done = result.resumed;
  absl::Status failure;
  std::atomic<bool> stopped = false;
  OnThreads(options.threads)(todo.size(), [&](size_t t) {
    if (stopped) return;
    const size_t i = todo[t];
    const auto credential = CredentialOf(codes[i].code, options.label);
    const std::lock_guard lock(mutex);
    if (stopped) return;
    failure = credential.status();
    if (credential.ok()) {
      derived[i] = *credential;
      failure = unfinished.Note(i, *credential);
      ++done;
    }
    if (failure.ok() && options.progress && !options.progress(done, residents.size())) {
      failure = absl::CancelledError("interrupted; the same command goes on where it stopped");
    }
    stopped = !failure.ok();
  });
  URNA_RETURN_IF_ERROR(failure);

  RollFile roll;
  roll.label = options.label;
  for (size_t i = 0; i < residents.size(); ++i) {
    roll.entries.push_back({*derived[i], residents[i].style, 0});
  }
  URNA_ASSIGN_OR_RETURN(const std::string roll_text, roll.Format());
  URNA_RETURN_IF_ERROR(base::WriteFileAtomic(options.out + "/roll.csv", roll_text));
  const std::string name = std::filesystem::path(options.residents).filename().string();
  URNA_RETURN_IF_ERROR(
      base::WriteFileAtomic(options.out + "/persons.sha256", Cat(persons, "  ", name, "\n")));
  // The codes last: once they are there, so is all the rest.
  std::error_code error;
  std::filesystem::rename(unfinished.codes_path(), codes_path, error);
  if (error) {
    return base::Failure(absl::StatusCode::kUnavailable, Cat(codes_path, ": ", error.message()));
  }
  std::filesystem::remove_all(unfinished.folder(), error);
  return result;
}

absl::StatusOr<ReplacedCode> ReplaceCode(const std::string& office, std::string_view id,
                                         const std::string& label, uint64_t now, bool update_roll) {
  const std::string codes_path = office + "/codes.csv", roll_path = office + "/roll.csv";
  URNA_ASSIGN_OR_RETURN(const std::string roll_text, base::ReadFile(roll_path));
  URNA_ASSIGN_OR_RETURN(const std::string roll_label, RollFile::ParseLabel(roll_path, roll_text));
  if (!label.empty() && label != roll_label) {
    return At(roll_path, 1,
              Cat("the codes were made for the label \"", roll_label, "\", not \"", label, "\""));
  }
  URNA_ASSIGN_OR_RETURN(std::vector<CodeLine> lines, ReadCodes(codes_path));
  const auto old = std::ranges::find_if(
      lines, [&](const CodeLine& line) { return line.resident.id == id && line.voided.empty(); });
  if (old == lines.end()) {
    return base::Failure(
        absl::StatusCode::kNotFound,
        Cat(codes_path, ": nobody with the id \"", id,
            "\" has a code there; who enrolled a device of their own makes a new key with "
            "`urna roll key`"));
  }
  CodeLine fresh{old->resident, "", crypto::NewCode()};
  ReplacedCode replaced;
  URNA_ASSIGN_OR_RETURN(replaced.old_credential, CredentialOf(old->code, roll_label));
  URNA_ASSIGN_OR_RETURN(replaced.new_credential, CredentialOf(fresh.code, roll_label));
  old->voided = base::FormatUtc(now);
  lines.push_back(std::move(fresh));

  RollFile roll;
  std::string new_roll;
  if (update_roll) {
    URNA_ASSIGN_OR_RETURN(roll, RollFile::Parse(roll_path, roll_text));
    const auto entry =
        std::ranges::find(roll.entries, replaced.old_credential, &RollFile::Entry::credential);
    if (entry == roll.entries.end()) {
      return base::Failure(absl::StatusCode::kNotFound,
                           Cat(roll_path, ": does not hold the credential ",
                               base::Hex(replaced.old_credential.bytes()), " of the old code"));
    }
    entry->credential = replaced.new_credential;
    URNA_ASSIGN_OR_RETURN(new_roll, roll.Format());
  }
  // The codes first: a credential on the roll whose code nobody has would shut the resident out.
  const SecretText text = FormatCodes(lines);
  URNA_RETURN_IF_ERROR(base::WriteFileAtomic(codes_path, text.Expose(), 0600));
  if (update_roll) URNA_RETURN_IF_ERROR(base::WriteFileAtomic(roll_path, new_roll));
  return replaced;
}

// --- Enrolment -----------------------------------------------------------------------------------

Enrolment Enrolment::Make(const crypto::CredentialKey& key, std::string_view label) {
  return {key.V, crypto::SignCredential(key, crypto::CredentialStatement::Enrol(label))};
}

std::string Enrolment::ToString() const {
  return Cat(kEnrolFormat,
             base::Hex(Cat(credential.view(), signature.U.view(), signature.z.view())));
}

absl::StatusOr<Enrolment> Enrolment::Parse(std::string_view text, std::string_view label) {
  text = base::Trim(text);
  std::array<uint8_t, 96> raw{};
  if (!text.starts_with(kEnrolFormat) || !base::Unhex(text.substr(kEnrolFormat.size()), raw)) {
    return base::Failure(absl::StatusCode::kInvalidArgument,
                         Cat("an enrolment is \"", kEnrolFormat, "\" and 192 hexadecimal digits"));
  }
  const std::string_view bytes = base::View(raw);
  const auto V = Point::DecodeNonIdentity(bytes.substr(0, 32));
  const auto U = Point::DecodeNonIdentity(bytes.substr(32, 32));
  const auto z = crypto::Scalar::Decode(bytes.substr(64));
  if (!V.ok() || !U.ok() || !z.ok()) {
    return base::Failure(absl::StatusCode::kInvalidArgument,
                         "the enrolment was damaged on its way");
  }
  const Enrolment enrolment{*V, {*U, *z}};
  const absl::Status valid =
      crypto::VerifyCredential(*V, crypto::CredentialStatement::Enrol(label), enrolment.signature);
  if (!valid.ok()) {
    return base::Annotate(valid, Cat("not an enrolment for the roll \"", label, "\""));
  }
  return enrolment;
}

// --- Roll files ----------------------------------------------------------------------------------

bool IsRollFile(std::string_view text) { return WithoutMark(text).starts_with(kRollFormat); }

absl::StatusOr<std::string> RollFile::ParseLabel(std::string_view file, std::string_view text) {
  std::string_view rest = WithoutMark(text);
  const std::string_view header = TakeLine(rest);
  if (!header.starts_with(kRollFormat)) {
    return At(file, 1, Cat("is not \"", kRollFormat, "LABEL\": this is no roll file"));
  }
  const std::string_view label = header.substr(kRollFormat.size());
  const absl::Status right = CheckRollLabel(label);
  if (!right.ok()) return base::Annotate(right, Cat(file, ": line 1"));
  return std::string(label);
}

absl::StatusOr<RollFile> RollFile::Parse(std::string_view file, std::string_view text) {
  RollFile roll;
  URNA_ASSIGN_OR_RETURN(roll.label, ParseLabel(file, text));
  std::string_view rest = WithoutMark(text);
  TakeLine(rest);
  for (size_t line = 2; !rest.empty(); ++line) {
    const std::string_view content = TakeLine(rest);
    const size_t comma = content.find(',');
    if (comma == std::string_view::npos) {
      return At(file, line, "is not \"64 hexadecimal digits,STYLE\"");
    }
    const auto credential = ParsePoint(content.substr(0, comma));
    if (!credential.ok()) {
      return At(file, line, 1, "credential", std::string(credential.status().message()));
    }
    const std::string_view style = content.substr(comma + 1);
    if (style.empty()) return At(file, line, 2, "style", "is empty");
    if (style.find(',') != std::string_view::npos) {
      return At(file, line, "has more than two columns");
    }
    if (!roll.entries.empty()) {
      const Entry& last = roll.entries.back();
      if (last.credential == *credential) {
        return At(file, line, 1, "credential", Cat("is the same as on line ", last.line));
      }
      if (credential->view() < last.credential.view()) {
        return At(file, line, 1, "credential",
                  Cat("is not above line ", last.line, ": the roll must be sorted"));
      }
    }
    roll.entries.push_back({*credential, std::string(style), line});
  }
  return roll;
}

absl::StatusOr<std::string> RollFile::Format() {
  std::ranges::sort(entries, [](const Entry& a, const Entry& b) {
    return a.credential.view() < b.credential.view();
  });
  std::string text = Cat(kRollFormat, label, "\n");
  for (size_t i = 0; i < entries.size(); ++i) {
    const std::string hex = base::Hex(entries[i].credential.bytes());
    if (i != 0 && entries[i].credential == entries[i - 1].credential) {
      return base::Failure(absl::StatusCode::kInvalidArgument,
                           Cat("credential ", hex, " is on the roll twice"));
    }
    text += Cat(hex, ",", entries[i].style, "\n");
  }
  return text;
}

absl::StatusOr<RollSummary> MatchRoll(std::string_view file, const RollFile& roll,
                                      const poll::Definition& definition) {
  if (roll.label != definition.roll_label) {
    return At(file, 1,
              Cat("the roll's label is \"", roll.label, "\", the poll's is \"",
                  definition.roll_label, "\": codes and enrolments would not fit"));
  }
  if (roll.entries.empty()) return At(file, 1, "the roll is empty");
  RollSummary summary;
  summary.per_style.assign(definition.styles.size(), 0);
  for (const RollFile::Entry& entry : roll.entries) {
    const auto style = std::ranges::find(definition.styles, entry.style, &poll::Style::id);
    if (style == definition.styles.end()) {
      return At(file, entry.line, 2, "style", Cat("the poll has no style \"", entry.style, "\""));
    }
    const auto index = static_cast<uint16_t>(style - definition.styles.begin());
    ++summary.per_style[index];
    summary.entries.push_back({entry.credential, index});
  }
  return summary;
}

absl::StatusOr<crypto::Hash32> ReadSha256(const std::string& hex_or_file) {
  crypto::Hash32 hash{};
  if (base::Unhex(hex_or_file, hash)) return hash;
  URNA_ASSIGN_OR_RETURN(const std::string text, base::ReadFile(hex_or_file, 1 << 20));
  if (base::Unhex(std::string_view(text).substr(0, text.find_first_of(" \r\n")), hash)) {
    return hash;
  }
  return base::Failure(absl::StatusCode::kInvalidArgument,
                       Cat(hex_or_file, ": does not begin with 64 hexadecimal digits"));
}

}  // namespace urna::client
