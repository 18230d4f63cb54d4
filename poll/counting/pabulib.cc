#include "poll/counting/pabulib.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "base/status.h"
#include "base/text.h"

namespace urna::poll::counting {
namespace {

using base::Cat;

constexpr uint64_t kWithdrawnCost = 999999999;  // in units of the currency
constexpr std::array<std::string_view, 5> kVoteTypes = {"approval", "choose-1", "ordinal",
                                                        "cumulative", "scoring"};
constexpr std::array<std::string_view, 3> kSections = {"META", "PROJECTS", "VOTES"};

/// Text from the file, as a message shows it.
std::string Shown(std::string_view text) {
  constexpr size_t kLongest = 40;
  std::string shown;
  for (const char c : text.substr(0, kLongest)) {
    shown.push_back(static_cast<uint8_t>(c) < 0x20 ? '?' : c);
  }
  if (text.size() > kLongest) {
    // No cut through a character.
    while (!shown.empty() && (shown.back() & 0x80) != 0) shown.pop_back();
    shown += "...";
  }
  return Cat("\"", shown, "\"");
}

/// Makes errors that say where.
class Complaint {
 public:
  explicit Complaint(std::string_view name) : name_(name) {}

  absl::Status At(uint32_t line, uint32_t column, std::string_view what) const {
    return base::Failure(absl::StatusCode::kInvalidArgument,
                         Cat(name_, ": line ", line, ", column ", column, ": ", what));
  }
  absl::Status At(const PabulibCell& cell, std::string_view what) const {
    return At(cell.line, cell.column, what);
  }

 private:
  std::string_view name_;
};

// --- Text to cells ---

struct Cell : PabulibCell {
  bool quoted = false;
};

/// Splits a text into rows of cells.
class Scanner {
 public:
  Scanner(const Complaint& complaint, std::string_view text) : complaint_(complaint), text_(text) {}

  bool AtEnd() const { return at_ == text_.size(); }
  uint32_t line() const { return line_; }

  absl::StatusOr<std::vector<Cell>> Row() {
    std::vector<Cell> row;
    for (;;) {
      URNA_ASSIGN_OR_RETURN(Cell cell, OneCell());
      row.push_back(std::move(cell));
      if (AtEnd()) return row;
      const char c = text_[at_];
      Advance();
      if (c == ';') continue;
      if (c == '\r' && !AtEnd() && text_[at_] == '\n') ++at_;
      ++line_;
      column_ = 1;
      return row;
    }
  }

 private:
  static bool IsBlank(char c) { return c == ' ' || c == '\t'; }
  bool InCell() const {
    return !AtEnd() && text_[at_] != ';' && text_[at_] != '\n' && text_[at_] != '\r';
  }

  void Advance() {
    // A character's first byte counts, those that continue it do not.
    if ((text_[at_] & 0xc0) != 0x80) ++column_;
    ++at_;
  }

  absl::StatusOr<Cell> OneCell() {
    while (InCell() && IsBlank(text_[at_])) Advance();
    Cell cell;
    cell.line = line_;
    cell.column = column_;
    if (InCell() && text_[at_] == '"') {
      cell.quoted = true;
      Advance();
      for (;; Advance()) {
        if (AtEnd()) return complaint_.At(cell, "the quote that begins here does not end");
        if (text_[at_] == '"') {
          if (at_ + 1 >= text_.size() || text_[at_ + 1] != '"') break;
          Advance();
        }
        cell.text.push_back(text_[at_]);
        if (text_[at_] == '\n') {
          ++line_;
          column_ = 0;
        }
      }
      Advance();
      // What follows a quote belongs to it, but for blanks at the end.
      const size_t begin = at_;
      while (InCell()) Advance();
      const std::string_view rest = text_.substr(begin, at_ - begin);
      if (!base::Trim(rest).empty()) {
        cell.text.append(rest.substr(0, rest.find_last_not_of(" \t") + 1));
      }
      return cell;
    }
    const size_t begin = at_;
    while (InCell()) Advance();
    cell.text = base::Trim(text_.substr(begin, at_ - begin));
    return cell;
  }

  const Complaint& complaint_;
  std::string_view text_;
  size_t at_ = 0;
  uint32_t line_ = 1, column_ = 1;
};

/// 0, 1 or 2 if the row is the name of a section.
std::optional<size_t> SectionOf(const std::vector<Cell>& row) {
  if (row[0].quoted) return std::nullopt;
  for (size_t i = 1; i < row.size(); ++i) {
    if (!row[i].text.empty()) return std::nullopt;
  }
  const auto* found = std::find(kSections.begin(), kSections.end(), row[0].text);
  if (found == kSections.end()) return std::nullopt;
  return static_cast<size_t>(found - kSections.begin());
}

/// Where the first byte stands that is not part of well-formed UTF-8; `text` has one.
absl::Status NotUtf8(const Complaint& complaint, std::string_view text) {
  uint32_t number = 1;
  for (size_t begin = 0;; ++number) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = text.substr(begin, end - begin);
    if (!base::IsUtf8(line)) {
      uint32_t column = 1;
      for (size_t i = 0, length; i < line.size(); i += length, ++column) {
        length = 1;
        while (length < 4 && i + length < line.size() && (line[i + length] & 0xc0) == 0x80) {
          ++length;
        }
        if (!base::IsUtf8(line.substr(i, length))) break;
      }
      return complaint.At(number, column, "this is not UTF-8");
    }
    begin = end + 1;
  }
}

// --- Cells to an election ---

/// Places of the columns that matter.
class Columns {
 public:
  static absl::StatusOr<Columns> Find(const Complaint& complaint, const PabulibTable& table,
                                      std::string_view section,
                                      const std::vector<std::string_view>& needed,
                                      const std::vector<std::string_view>& known) {
    Columns columns;
    for (size_t i = 0; i < table.columns.size(); ++i) {
      const PabulibCell& cell = table.columns[i];
      const bool used = std::find(needed.begin(), needed.end(), cell.text) != needed.end() ||
                        std::find(known.begin(), known.end(), cell.text) != known.end();
      if (used && !columns.places_.emplace(cell.text, i).second) {
        return complaint.At(cell, Cat("the column ", cell.text, " stands twice"));
      }
    }
    for (const std::string_view name : needed) {
      if (!columns.Has(name)) {
        return complaint.At(table.columns[0], Cat(section, " has no column ", name));
      }
    }
    return columns;
  }

  bool Has(std::string_view name) const { return places_.contains(name); }
  /// Precondition: Has(name).
  const PabulibCell& Of(const std::vector<PabulibCell>& row, std::string_view name) const {
    return row[places_.find(name)->second];
  }

 private:
  std::map<std::string_view, size_t> places_;
};

bool ParseWhole(std::string_view text, uint64_t* out) {
  uint32_t decimals = 0;
  return ParseAmount(text, out, &decimals) && decimals == 0;
}

/// What is counted while ballots are read, to be told once.
struct Tally {
  uint64_t number = 0;
  uint32_t first_line = 0;

  void Add(uint32_t line) {
    if (number++ == 0) first_line = line;
  }
};

class Reader {
 public:
  Reader(std::string_view name, const PabulibFile& file) : complaint_(name), file_(file) {}

  absl::StatusOr<PabulibElection> Read() {
    URNA_RETURN_IF_ERROR(ReadMeta());
    URNA_RETURN_IF_ERROR(ReadProjects());
    URNA_RETURN_IF_ERROR(ReadVotes());
    URNA_RETURN_IF_ERROR(CheckNumbers());
    const absl::Status status = CheckProfile(election_.profile);
    if (!status.ok()) return complaint_.At(file_.lines, 1, std::string(status.message()));
    ComparePublished();
    return std::move(election_);
  }

 private:
  /// The one value of a key of META; none if it is not there.
  absl::StatusOr<const PabulibCell*> MetaCell(std::string_view key) const {
    const PabulibCell* found = nullptr;
    for (const auto& [own, value] : file_.meta) {
      if (own.text != key) continue;
      if (found != nullptr) return complaint_.At(own, Cat("META has ", key, " twice"));
      found = &value;
    }
    return found;
  }

  absl::Status ReadMeta() {
    URNA_ASSIGN_OR_RETURN(const PabulibCell* type, MetaCell("vote_type"));
    if (type == nullptr) return complaint_.At(1, 1, "META has no vote_type");
    const auto* known = std::find(kVoteTypes.begin(), kVoteTypes.end(), type->text);
    if (known == kVoteTypes.end()) {
      return complaint_.At(*type, Cat("the vote_type ", Shown(type->text),
                                      " is none of approval, choose-1, ordinal, cumulative and "
                                      "scoring"));
    }
    election_.type = static_cast<VoteType>(known - kVoteTypes.begin());
    URNA_ASSIGN_OR_RETURN(budget_cell_, MetaCell("budget"));
    if (budget_cell_ == nullptr) return complaint_.At(1, 1, "META has no budget");
    return absl::OkStatus();
  }

  struct Money {
    const PabulibCell* cell;
    uint64_t digits = 0;
    uint32_t decimals = 0;
  };
  absl::StatusOr<Money> ParseMoney(const PabulibCell& cell) const {
    Money money{&cell};
    if (!ParseAmount(cell.text, &money.digits, &money.decimals)) {
      return complaint_.At(cell,
                           Cat(Shown(cell.text), " is no amount of money that can be counted"));
    }
    return money;
  }

  absl::Status ReadProjects() {
    Profile& profile = election_.profile;
    URNA_ASSIGN_OR_RETURN(
        const Columns columns,
        Columns::Find(complaint_, file_.projects, "PROJECTS", {"project_id", "cost"},
                      {"name", "votes", "score", "selected"}));
    URNA_ASSIGN_OR_RETURN(const Money budget, ParseMoney(*budget_cell_));
    profile.decimals = budget.decimals;
    std::vector<Money> costs;
    for (const std::vector<PabulibCell>& row : file_.projects.rows) {
      const PabulibCell& id = columns.Of(row, "project_id");
      if (id.text.empty()) return complaint_.At(id, "the project has no id");
      if (!projects_.emplace(id.text, static_cast<uint32_t>(profile.projects.size())).second) {
        return complaint_.At(id, Cat("a project ", Shown(id.text), " stands above already"));
      }
      URNA_ASSIGN_OR_RETURN(const Money cost, ParseMoney(columns.Of(row, "cost")));
      costs.push_back(cost);
      profile.decimals = std::max(profile.decimals, cost.decimals);
      BudgetProject project;
      project.id = id.text;
      if (columns.Has("name")) project.name = columns.Of(row, "name").text;
      project.withdrawn = cost.digits == kWithdrawnCost && cost.decimals == 0;
      if (project.withdrawn) {
        election_.notes.push_back(
            Cat("project ", project.id, " costs ", kWithdrawnCost, ": withdrawn after the vote"));
      }
      profile.projects.push_back(std::move(project));
      Publish(columns, row, "votes", &election_.votes);
      Publish(columns, row, "score", &election_.score);
      Publish(columns, row, "selected", &election_.selected);
    }
    // Currencies have hundredths, if they have parts: "0.5" is half a unit, 0.50.
    if (profile.decimals == 1) profile.decimals = 2;
    URNA_ASSIGN_OR_RETURN(profile.budget, Minor(budget));
    for (size_t i = 0; i < costs.size(); ++i) {
      URNA_ASSIGN_OR_RETURN(profile.projects[i].cost, Minor(costs[i]));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<uint64_t> Minor(const Money& money) const {
    uint64_t amount = money.digits;
    for (uint32_t d = money.decimals; d < election_.profile.decimals; ++d) {
      amount *= 10;
      if (amount > kMaxAmount) {
        return complaint_.At(*money.cell,
                             Cat(Shown(money.cell->text), " is more than can be counted with the ",
                                 election_.profile.decimals, " decimals of this file"));
      }
    }
    return amount;
  }

  void Publish(const Columns& columns, const std::vector<PabulibCell>& row, std::string_view name,
               std::vector<std::optional<uint64_t>>* out) {
    uint64_t value = 0;
    if (columns.Has(name) && ParseWhole(columns.Of(row, name).text, &value)) {
      out->push_back(value);
    } else {
      out->push_back(std::nullopt);
    }
  }

  absl::Status ReadVotes() {
    const VoteType type = election_.type;
    const bool needs_points = type == VoteType::kCumulative || type == VoteType::kScoring;
    std::vector<std::string_view> needed = {"voter_id", "vote"};
    if (needs_points) needed.push_back("points");
    URNA_ASSIGN_OR_RETURN(const Columns columns,
                          Columns::Find(complaint_, file_.votes, "VOTES", needed, {"points"}));
    const bool with_points = needs_points || (type == VoteType::kOrdinal && columns.Has("points"));
    std::set<std::string_view> voters;
    Tally repeated_voters, repeated_marks;
    std::vector<Mark> ballot;
    for (const std::vector<PabulibCell>& row : file_.votes.rows) {
      const PabulibCell& voter = columns.Of(row, "voter_id");
      if (!voters.insert(voter.text).second) repeated_voters.Add(voter.line);
      URNA_RETURN_IF_ERROR(ReadBallot(columns.Of(row, "vote"),
                                      with_points ? &columns.Of(row, "points") : nullptr, &ballot,
                                      &repeated_marks));
      election_.profile.AddBallot(ballot);
    }
    if (repeated_marks.number > 0) {
      election_.notes.push_back(
          Cat("marks of a project that the same ballot has marked: ", repeated_marks.number,
              ", the first on line ", repeated_marks.first_line, "; a ballot supports it once"));
    }
    if (repeated_voters.number > 0) {
      election_.notes.push_back(Cat("lines of a voter who has one above: ", repeated_voters.number,
                                    ", the first is line ", repeated_voters.first_line,
                                    "; each line counts"));
    }
    return absl::OkStatus();
  }

  absl::Status ReadBallot(const PabulibCell& vote, const PabulibCell* points,
                          std::vector<Mark>* ballot, Tally* repeated) {
    ballot->clear();
    if (vote.text.empty()) {
      if (points != nullptr && !points->text.empty()) {
        return complaint_.At(*points, "there are points, but no project");
      }
      return absl::OkStatus();
    }
    const std::vector<std::string_view> ids = base::Split(vote.text, ',');
    std::vector<std::string_view> numbers;
    if (points != nullptr) {
      numbers = base::Split(points->text, ',');
      if (numbers.size() != ids.size()) {
        return complaint_.At(
            *points, Cat(numbers.size(), " numbers of points for ", ids.size(), " projects"));
      }
    }
    for (size_t i = 0; i < ids.size(); ++i) {
      const std::string_view id = base::Trim(ids[i]);
      const auto project = projects_.find(id);
      if (project == projects_.end()) {
        return complaint_.At(vote, Cat("there is no project ", Shown(id)));
      }
      uint64_t value = 1;
      if (points != nullptr &&
          (!ParseWhole(base::Trim(numbers[i]), &value) || value > kMaxPoints)) {
        return complaint_.At(
            *points, Cat(Shown(numbers[i]), " is no number of points from 0 to ", kMaxPoints));
      }
      const bool known = std::any_of(ballot->begin(), ballot->end(), [&](const Mark& mark) {
        return mark.project == project->second;
      });
      if (known) {
        repeated->Add(vote.line);
        continue;
      }
      ballot->push_back({project->second, static_cast<uint32_t>(value)});
    }
    if (election_.type == VoteType::kChooseOne && ballot->size() > 1) {
      return complaint_.At(vote, Cat(ballot->size(), " projects where one may be chosen"));
    }
    if (election_.type == VoteType::kOrdinal && points == nullptr) {
      auto left = static_cast<uint32_t>(ballot->size());
      for (Mark& mark : *ballot) mark.points = left--;
    }
    return absl::OkStatus();
  }

  /// A file that lost or won rows is not counted.
  absl::Status CheckNumbers() const {
    const std::pair<std::string_view, size_t> numbers[] = {
        {"num_projects", election_.profile.projects.size()},
        {"num_votes", election_.profile.ballots()}};
    for (const auto& [key, real] : numbers) {
      URNA_ASSIGN_OR_RETURN(const PabulibCell* cell, MetaCell(key));
      if (cell == nullptr) continue;
      uint64_t value = 0;
      if (!ParseWhole(cell->text, &value) || value != real) {
        return complaint_.At(*cell,
                             Cat(key, " is ", Shown(cell->text), ", but the file has ", real));
      }
    }
    return absl::OkStatus();
  }

  void ComparePublished() {
    const Sums sums = SumUp(election_.profile);
    Compare("votes", election_.votes, sums.votes);
    Compare("points", election_.score, sums.points);
  }
  void Compare(std::string_view what, const std::vector<std::optional<uint64_t>>& published,
               const std::vector<uint64_t>& counted) {
    size_t number = 0;
    std::string first;
    for (size_t p = 0; p < counted.size(); ++p) {
      if (!published[p].has_value() || *published[p] == counted[p]) continue;
      if (number++ == 0) {
        first = Cat(election_.profile.projects[p].id, " (", *published[p], " published, ",
                    counted[p], " counted)");
      }
    }
    if (number > 0) {
      election_.notes.push_back(Cat("published ", what, " that are not those of the ballots: ",
                                    number, ", the first of ", first));
    }
  }

  const Complaint complaint_;
  const PabulibFile& file_;
  const PabulibCell* budget_cell_ = nullptr;
  std::map<std::string_view, uint32_t> projects_;
  PabulibElection election_;
};

// --- An election to text ---

std::string Quoted(std::string_view text, bool first) {
  const bool plain =
      text.find_first_of(";\"\r\n") == std::string_view::npos && base::Trim(text) == text &&
      !(first &&
        (text.empty() || std::find(kSections.begin(), kSections.end(), text) != kSections.end()));
  if (plain) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted.push_back('"');
    quoted.push_back(c);
  }
  return quoted + "\"";
}

void AppendRow(const std::vector<PabulibCell>& row, std::string* out) {
  for (size_t i = 0; i < row.size(); ++i) {
    if (i > 0) out->push_back(';');
    *out += Quoted(row[i].text, i == 0);
  }
  out->push_back('\n');
}

void AppendTable(std::string_view section, const PabulibTable& table, std::string* out) {
  *out += Cat(section, "\n");
  AppendRow(table.columns, out);
  for (const std::vector<PabulibCell>& row : table.rows) AppendRow(row, out);
}

std::vector<PabulibCell> Cells(std::initializer_list<std::string> texts) {
  std::vector<PabulibCell> cells;
  for (const std::string& text : texts) cells.push_back({text});
  return cells;
}

}  // namespace

std::string_view PabulibFile::Meta(std::string_view key) const {
  for (const auto& [own, value] : meta) {
    if (own.text == key) return value.text;
  }
  return {};
}

absl::StatusOr<PabulibFile> ParsePabulib(std::string_view name, std::string_view text) {
  const Complaint complaint(name);
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  if (!base::IsUtf8(text)) return NotUtf8(complaint, text);

  PabulibFile file;
  std::array<PabulibTable, 3> tables;
  std::array<bool, 3> seen = {};
  std::optional<size_t> section;
  Scanner scanner(complaint, text);
  while (!scanner.AtEnd()) {
    URNA_ASSIGN_OR_RETURN(std::vector<Cell> row, scanner.Row());
    const bool empty = std::all_of(
        row.begin(), row.end(), [](const Cell& cell) { return cell.text.empty() && !cell.quoted; });
    if (empty) continue;
    if (const auto next = SectionOf(row); next.has_value()) {
      if (seen[*next]) return complaint.At(row[0], Cat("a second section ", row[0].text));
      seen[*next] = true;
      section = next;
      continue;
    }
    if (!section.has_value()) {
      return complaint.At(row[0],
                          Cat(Shown(row[0].text), " stands before the first section, META"));
    }
    PabulibTable& table = tables[*section];
    while (row.size() > 1 && row.back().text.empty() &&
           (table.columns.empty() || row.size() > table.columns.size())) {
      row.pop_back();
    }
    std::vector<PabulibCell> cells(row.begin(), row.end());
    if (table.columns.empty()) {
      if (cells.size() < 2) {
        return complaint.At(cells[0], Cat(kSections[*section], " has fewer than two columns"));
      }
      table.columns = std::move(cells);
      continue;
    }
    if (cells.size() > table.columns.size()) {
      return complaint.At(
          cells[table.columns.size()],
          Cat("more cells than the ", table.columns.size(), " columns of ", kSections[*section]));
    }
    const PabulibCell& last = cells.back();
    const PabulibCell missing{"", last.line, last.column};
    cells.resize(table.columns.size(), missing);
    table.rows.push_back(std::move(cells));
  }
  file.lines = scanner.line();
  for (size_t i = 0; i < kSections.size(); ++i) {
    if (!seen[i] || tables[i].columns.empty()) {
      return complaint.At(file.lines, 1,
                          Cat("the file ends, and ", seen[i] ? "the columns of " : "the section ",
                              kSections[i], " did not come"));
    }
  }
  if (tables[0].columns.size() != 2 || tables[0].columns[0].text != "key" ||
      tables[0].columns[1].text != "value") {
    return complaint.At(tables[0].columns[0], "the columns of META are key and value");
  }
  for (std::vector<PabulibCell>& row : tables[0].rows) {
    file.meta.emplace_back(std::move(row[0]), std::move(row[1]));
  }
  file.projects = std::move(tables[1]);
  file.votes = std::move(tables[2]);
  return file;
}

std::string FormatPabulib(const PabulibFile& file) {
  std::string out = "META\nkey;value\n";
  for (const auto& [key, value] : file.meta) AppendRow({key, value}, &out);
  AppendTable(kSections[1], file.projects, &out);
  AppendTable(kSections[2], file.votes, &out);
  return out;
}

std::string_view VoteTypeName(VoteType type) { return kVoteTypes[static_cast<size_t>(type)]; }

absl::StatusOr<PabulibElection> ReadPabulib(std::string_view name, const PabulibFile& file) {
  return Reader(name, file).Read();
}

absl::StatusOr<PabulibFile> MakePabulib(
    const Profile& profile, VoteType type,
    const std::vector<std::pair<std::string, std::string>>& meta,
    const std::optional<std::vector<bool>>& funded) {
  const auto invalid = [](std::string_view text) {
    return base::Failure(absl::StatusCode::kInvalidArgument, text);
  };
  URNA_RETURN_IF_ERROR(CheckProfile(profile));
  PabulibFile file;
  const std::pair<std::string, std::string> own[] = {
      {"num_projects", Cat(profile.projects.size())},
      {"num_votes", Cat(profile.ballots())},
      {"budget", FormatAmount(profile.budget, profile.decimals)},
      {"vote_type", std::string(VoteTypeName(type))}};
  for (const auto& [key, value] : meta) {
    for (const auto& [added, unused] : own) {
      if (key == added) return invalid(Cat("META gets its ", key, " from the profile"));
    }
    file.meta.push_back({{key}, {value}});
  }
  for (const auto& [key, value] : own) file.meta.push_back({{key}, {value}});

  const Sums sums = SumUp(profile);
  file.projects.columns = Cells({"project_id", "cost", "votes", "score", "name"});
  if (funded.has_value()) file.projects.columns.push_back({"selected"});
  for (size_t p = 0; p < profile.projects.size(); ++p) {
    const BudgetProject& project = profile.projects[p];
    if (project.id.find(',') != std::string::npos || base::Trim(project.id) != project.id) {
      return invalid(Cat("the id ", Shown(project.id), " cannot stand in a list"));
    }
    if (!project.withdrawn && project.cost == kWithdrawnCost * profile.Unit()) {
      return invalid(Cat("the cost of ", project.id, " would say that it is withdrawn"));
    }
    std::vector<PabulibCell> row = Cells(
        {project.id,
         project.withdrawn ? Cat(kWithdrawnCost) : FormatAmount(project.cost, profile.decimals),
         Cat(sums.votes[p]), Cat(sums.points[p]), project.name});
    if (funded.has_value()) row.push_back({(*funded)[p] ? "1" : "0"});
    file.projects.rows.push_back(std::move(row));
  }

  const bool with_points = type == VoteType::kCumulative || type == VoteType::kScoring;
  file.votes.columns = Cells({"voter_id", "vote"});
  if (with_points) file.votes.columns.push_back({"points"});
  for (size_t i = 0; i < profile.ballots(); ++i) {
    std::vector<Mark> marks(profile.ballot(i).begin(), profile.ballot(i).end());
    std::stable_sort(marks.begin(), marks.end(),
                     [](const Mark& a, const Mark& b) { return a.points > b.points; });
    std::string vote, points;
    for (size_t m = 0; m < marks.size(); ++m) {
      const bool fits =
          with_points ||
          (type == VoteType::kOrdinal ? marks[m].points == marks.size() - m : marks[m].points == 1);
      if (!fits || (type == VoteType::kChooseOne && m > 0)) {
        return invalid(Cat("ballot ", i + 1, " is no ", VoteTypeName(type), " vote"));
      }
      vote += Cat(m == 0 ? "" : ",", profile.projects[marks[m].project].id);
      points += Cat(m == 0 ? "" : ",", marks[m].points);
    }
    std::vector<PabulibCell> row = Cells({Cat(i + 1), vote});
    if (with_points) row.push_back({points});
    file.votes.rows.push_back(std::move(row));
  }
  return file;
}

}  // namespace urna::poll::counting
