#include "client/paper.h"

#include <map>
#include <optional>
#include <tuple>
#include <utility>
#include <variant>

#include "base/status.h"
#include "base/text.h"
#include "client/roll.h"

namespace urna::client {
namespace {

using base::Cat;
using poll::Contest;
using poll::Definition;
using poll::PaperCounted;

// No option has such an id.
constexpr std::string_view kCards = "(cards)";
constexpr std::string_view kInvalid = "(invalid)";
constexpr uint64_t kLargestCount = uint64_t{1} << 40;

absl::Status Invalid(std::string_view where, std::string_view why) {
  return base::Failure(absl::StatusCode::kInvalidArgument, Cat(where, ": ", why));
}

/// What the options of one valid card get together: at least, at most.
struct CardSum {
  const Contest& contest;
  std::pair<uint64_t, uint64_t> operator()(const crypto::Choose& r) const { return {r.lo, r.hi}; }
  std::pair<uint64_t, uint64_t> operator()(const crypto::Score& r) const {
    if (r.has_total) return {r.total_lo, r.total_hi};
    return {0, uint64_t{r.max} * r.n};
  }
  std::pair<uint64_t, uint64_t> operator()(const crypto::Points& r) const {
    const uint64_t sum = uint64_t{r.k} * (r.k + 1) / 2;
    return {sum, sum};
  }
  std::pair<uint64_t, uint64_t> operator()(const crypto::Picks& r) const {
    std::pair<uint64_t, uint64_t> sum;
    for (uint32_t place = 0; place < r.w; ++place) {
      if (place < contest.least_picks) sum.first += poll::PointsOfPick(contest, place);
      sum.second += poll::PointsOfPick(contest, place);
    }
    return sum;
  }
};

/// Contests of one choice, of whose protocol the sum is known exactly.
bool IsOneChoice(const Contest& contest) {
  const auto* choose = std::get_if<crypto::Choose>(&contest.rule);
  return choose != nullptr && choose->hi == 1;
}

struct Cell {
  std::optional<uint64_t> count;
  std::string where;  ///< file, line and name
};
using CellName = std::tuple<std::string, std::string, std::string>;  // style, contest, row
using Cells = std::map<CellName, Cell>;

absl::Status CheckContest(const Contest& contest, const std::string& where, uint64_t cards,
                          uint64_t invalid, const std::vector<uint64_t>& votes) {
  if (invalid > cards) {
    return Invalid(where, Cat(invalid, " invalid of ", cards, " cards"));
  }
  const uint64_t valid = cards - invalid;
  uint64_t sum = 0;
  for (size_t o = 0; o < votes.size(); ++o) {
    sum += votes[o];
    const uint64_t most = valid * poll::LargestMark(contest);
    if (votes[o] > most) {
      return Invalid(where, Cat("option ", contest.options[o].id, " has ", votes[o], " votes, but ",
                                valid, " valid cards give at most ", most));
    }
  }
  if (IsOneChoice(contest)) {
    if (sum == valid) return absl::OkStatus();
    return Invalid(where, Cat(sum, " votes and ", invalid, " invalid are ", sum + invalid,
                              ", but there are ", cards, " cards"));
  }
  // A blank card counts as invalid nowhere but in a contest of one choice.
  const auto [least, most] = std::visit(CardSum{contest}, contest.rule);
  if (sum < valid * least || sum > valid * most) {
    return Invalid(where, Cat("the votes add up to ", sum, ", but ", valid, " valid cards give ",
                              valid * least, " to ", valid * most));
  }
  return absl::OkStatus();
}

}  // namespace

std::string PaperTemplate(const Definition& definition) {
  std::string out = "style,contest,row,count\n";
  for (const poll::Style& style : definition.styles) {
    out += FormatCsvRow({style.id, "", kCards, ""});
    for (const uint32_t c : style.contests) {
      const Contest& contest = definition.contests[c];
      for (const poll::Option& option : contest.options) {
        out += FormatCsvRow({style.id, contest.id, option.id, ""});
      }
      out += FormatCsvRow({style.id, contest.id, kInvalid, ""});
    }
  }
  return out;
}

absl::StatusOr<std::vector<PaperCounted>> ParsePaper(std::string_view file, std::string_view text,
                                                     const poll::State& state) {
  const Definition& definition = *state.definition();
  Cells cells;
  for (const poll::Style& style : definition.styles) {
    cells[{style.id, "", std::string(kCards)}];
    for (const uint32_t c : style.contests) {
      const Contest& contest = definition.contests[c];
      for (const poll::Option& option : contest.options) cells[{style.id, contest.id, option.id}];
      cells[{style.id, contest.id, std::string(kInvalid)}];
    }
  }
  URNA_ASSIGN_OR_RETURN(const std::vector<CsvRow> rows,
                        ParseTable(file, text, ',', {"style", "contest", "row", "count"}));
  for (const CsvRow& row : rows) {
    const std::string& style = row[0].text;
    const std::string& contest = row[1].text;
    const std::string name =
        contest.empty() ? Cat(style, " ", row[2].text) : Cat(style, " ", contest, " ", row[2].text);
    const std::string where = Cat(file, ": line ", row[0].line, " (", name, ")");
    const auto cell = cells.find({style, contest, row[2].text});
    if (cell == cells.end()) {
      return Invalid(where,
                     "this poll has no such number; take the table that `urna poll "
                     "paper-template` prints");
    }
    if (!cell->second.where.empty()) {
      return Invalid(where, Cat("stands twice, see also ", cell->second.where));
    }
    cell->second.where = where;
    const std::string_view count = base::Trim(row[3].text);
    if (count.empty()) continue;
    uint64_t number = 0;
    if (!base::ParseU64(count, &number) || number > kLargestCount) {
      return Invalid(where, Cat("\"", count.substr(0, 40), "\" is no number of cards or votes"));
    }
    cell->second.count = number;
  }

  std::vector<PaperCounted> out;
  for (uint16_t s = 0; s < definition.styles.size(); ++s) {
    const poll::Style& style = definition.styles[s];
    bool any = false;
    std::string missing;
    for (const auto& [name, cell] : cells) {
      if (std::get<0>(name) != style.id) continue;
      any = any || cell.count.has_value();
      if (cell.count.has_value() || !missing.empty()) continue;
      missing = !cell.where.empty() ? Cat(cell.where, ": no number is given")
                                    : Cat(file, ": style ", style.id, ": the row ",
                                          std::get<1>(name), " ", std::get<2>(name), " is missing");
    }
    if (!any) continue;
    if (!missing.empty()) {
      return base::Failure(absl::StatusCode::kInvalidArgument,
                           Cat(missing,
                               "; where there is nothing to count write 0, and leave all "
                               "cells of a style empty that has no paper"));
    }
    const auto at = [&](const std::string& contest, std::string_view row) -> const Cell& {
      return cells.at({style.id, contest, std::string(row)});
    };
    PaperCounted paper;
    paper.style = s;
    paper.cards = *at("", kCards).count;
    if (paper.cards > state.FreeForPaper(s)) {
      return Invalid(at("", kCards).where,
                     Cat(paper.cards, " cards, but only ", state.FreeForPaper(s),
                         " on the roll of this style have not voted online"));
    }
    for (const uint32_t c : style.contests) {
      const Contest& contest = definition.contests[c];
      std::vector<uint64_t>& votes = paper.votes.emplace_back();
      for (const poll::Option& option : contest.options) {
        votes.push_back(*at(contest.id, option.id).count);
      }
      URNA_RETURN_IF_ERROR(CheckContest(contest,
                                        Cat(file, ": style ", style.id, ", contest ", contest.id),
                                        paper.cards, *at(contest.id, kInvalid).count, votes));
    }
    out.push_back(std::move(paper));
  }
  if (out.empty()) return Invalid(file, "no number is filled in");
  return out;
}

std::string DescribePaper(const Definition& definition, const PaperCounted& paper) {
  const poll::Style& style = definition.styles[paper.style];
  std::string out = Cat("style ", style.id, ": ", paper.cards, " cards on paper");
  for (size_t c = 0; c < style.contests.size(); ++c) {
    const Contest& contest = definition.contests[style.contests[c]];
    out += Cat("\n    ", contest.id, ":");
    uint64_t sum = 0;
    for (size_t o = 0; o < contest.options.size(); ++o) {
      out += Cat(o == 0 ? " " : ", ", contest.options[o].id, " ", paper.votes[c][o]);
      sum += paper.votes[c][o];
    }
    if (IsOneChoice(contest)) out += Cat(", invalid ", paper.cards - sum);
  }
  return out;
}

}  // namespace urna::client
