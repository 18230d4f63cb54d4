#include "poll/reconciliation.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <string_view>
#include <utility>

#include "base/text.h"

namespace urna::poll {
namespace {

using base::Cat;
using Column = PublicReconciliation::Column;

constexpr uint64_t kLeastThreshold = 10;

uint64_t Less(uint64_t a, uint64_t b) { return a - std::min(a, b); }

uint64_t Value(const Reconciled& row, const Column& column) {
  switch (column.kind) {
    case ReconciledColumn::kRoll:
      return row.roll;
    case ReconciledColumn::kRegister:
      return row.registers[column.issuer].value_or(0);
    case ReconciledColumn::kAnswered:
      return row.answered;
    case ReconciledColumn::kCast:
      return row.cast;
    case ReconciledColumn::kPaper:
      return row.paper;
    case ReconciledColumn::kDidNotVote:
      return row.did_not_vote();
    case ReconciledColumn::kUnused:
      return row.unused();
    case ReconciledColumn::kAgain:
      return row.again;
    case ReconciledColumn::kReplacing:
      return row.replacing;
    case ReconciledColumn::kReplaced:
      return row.replaced;
  }
  return 0;
}

std::vector<Column> ColumnsOf(const Reconciliation& reconciliation) {
  std::vector<Column> columns = {{ReconciledColumn::kRoll}};
  const auto& registers = reconciliation.total.registers;
  for (uint32_t i = 0; registers.size() > 1 && i < registers.size(); ++i) {
    if (registers[i].has_value()) columns.push_back({ReconciledColumn::kRegister, i});
  }
  if (reconciliation.has_registers) columns.push_back({ReconciledColumn::kAnswered});
  for (const ReconciledColumn kind :
       {ReconciledColumn::kCast, ReconciledColumn::kPaper, ReconciledColumn::kDidNotVote}) {
    columns.push_back({kind});
  }
  if (reconciliation.has_registers) columns.push_back({ReconciledColumn::kUnused});
  for (const ReconciledColumn kind :
       {ReconciledColumn::kAgain, ReconciledColumn::kReplacing, ReconciledColumn::kReplaced}) {
    columns.push_back({kind});
  }
  return columns;
}

// --- Hiding --------------------------------------------------------------------------------------

/// A change of one row that another row takes back, so that no total changes.
struct Move {
  int roll = 0, answered = 0, cast = 0, paper = 0, again = 0, replacing = 0, replaced = 0;

  int On(ReconciledColumn column) const {
    switch (column) {
      case ReconciledColumn::kRoll:
        return roll;
      case ReconciledColumn::kRegister:
      case ReconciledColumn::kAnswered:
        return answered;
      case ReconciledColumn::kCast:
        return cast;
      case ReconciledColumn::kPaper:
        return paper;
      case ReconciledColumn::kDidNotVote:
        return roll - cast - paper;
      case ReconciledColumn::kUnused:
        return answered - cast;
      case ReconciledColumn::kAgain:
        return again;
      case ReconciledColumn::kReplacing:
        return replacing;
      case ReconciledColumn::kReplaced:
        return replaced;
    }
    return 0;
  }
  /// Whether sums over the styles of a contest change with it: the result shows them.
  bool ShowsInContests() const { return roll != 0 || cast != 0 || paper != 0; }
};

/// Columns that no equation binds to those of another group.
enum class Group : uint8_t { kPeople, kAgain, kReplaced };
constexpr std::array kGroups = {Group::kPeople, Group::kAgain, Group::kReplaced};

Group GroupOf(ReconciledColumn column) {
  switch (column) {
    case ReconciledColumn::kAgain:
    case ReconciledColumn::kReplacing:
      return Group::kAgain;
    case ReconciledColumn::kReplaced:
      return Group::kReplaced;
    case ReconciledColumn::kRoll:
    case ReconciledColumn::kRegister:
    case ReconciledColumn::kAnswered:
    case ReconciledColumn::kCast:
    case ReconciledColumn::kPaper:
    case ReconciledColumn::kDidNotVote:
    case ReconciledColumn::kUnused:
      return Group::kPeople;
  }
  return Group::kPeople;
}

std::vector<Move> MovesOf(Group group, bool has_registers) {
  std::vector<Move> moves;
  constexpr std::array kSteps = {-1, 0, 1};
  switch (group) {
    case Group::kPeople:
      for (const int roll : kSteps) {
        for (const int answered : kSteps) {
          for (const int cast : kSteps) {
            for (const int paper : kSteps) {
              if (!has_registers && answered != 0) continue;
              moves.push_back({.roll = roll, .answered = answered, .cast = cast, .paper = paper});
            }
          }
        }
      }
      break;
    case Group::kAgain:
      for (const int again : kSteps) {
        for (const int replacing : kSteps) {
          moves.push_back({.again = again, .replacing = replacing});
        }
      }
      break;
    case Group::kReplaced:
      moves = {{.replaced = 1}, {.replaced = -1}};
      break;
  }
  return moves;
}

class Hider {
 public:
  Hider(const Reconciliation& all, const Definition& definition)
      : all_(all), definition_(definition) {
    out_.threshold = std::max(kLeastThreshold, definition.minimum_ballots);
    out_.columns = ColumnsOf(all);
    for (const Column& column : out_.columns) out_.total.push_back(Value(all.total, column));
  }

  PublicReconciliation Hide() && {
    if (all_.styles.size() < 2) return std::move(out_);
    for (const Reconciled& row : all_.styles) {
      std::vector<PublicCell> cells;
      for (const Column& column : out_.columns) {
        cells.push_back({PublicCell::Kind::kNumber, Value(row, column)});
      }
      out_.styles.push_back(std::move(cells));
    }
    for (const Group group : kGroups) HideGroup(group);
    return std::move(out_);
  }

 private:
  bool IsSmall(size_t row, size_t column) const {
    return out_.total[column] > 0 && Value(all_.styles[row], out_.columns[column]) < out_.threshold;
  }

  bool HasSmall(size_t row, Group group) const {
    for (size_t c = 0; c < out_.columns.size(); ++c) {
      if (GroupOf(out_.columns[c].kind) == group && IsSmall(row, c)) return true;
    }
    return false;
  }

  /// Whether `row` changed by `sign` times `move` is one that could be and prints the same.
  bool LooksTheSame(size_t row, const Move& move, int sign) const {
    const Reconciled& was = all_.styles[row];
    const auto changed = [&](uint64_t value, ReconciledColumn column) {
      return static_cast<int64_t>(value) + sign * move.On(column);
    };
    const auto threshold = static_cast<int64_t>(out_.threshold);
    const int64_t roll = changed(was.roll, ReconciledColumn::kRoll);
    for (const Column& column : out_.columns) {
      const uint64_t before = Value(was, column);
      const int64_t after = changed(before, column.kind);
      if (after < 0 || (after < threshold) != (before < out_.threshold)) return false;
      const bool on_roll = GroupOf(column.kind) == Group::kPeople;
      if (on_roll && after > roll) return false;
    }
    const int64_t again = changed(was.again, ReconciledColumn::kAgain);
    const int64_t replacing = changed(was.replacing, ReconciledColumn::kReplacing);
    return again <= changed(was.cast, ReconciledColumn::kCast) && again <= replacing &&
           (again == 0) == (replacing == 0);
  }

  bool CanDiffer(size_t row, size_t column, const std::vector<size_t>& hidden,
                 const std::vector<Move>& moves) const {
    for (const size_t other : hidden) {
      if (other == row) continue;
      const bool same_contests =
          definition_.styles[row].contests == definition_.styles[other].contests;
      for (const Move& move : moves) {
        if (move.On(out_.columns[column].kind) == 0) continue;
        if (move.ShowsInContests() && !same_contests) continue;
        if (LooksTheSame(row, move, 1) && LooksTheSame(other, move, -1)) return true;
      }
    }
    return false;
  }

  bool Protects(const std::vector<size_t>& hidden, Group group,
                const std::vector<Move>& moves) const {
    for (const size_t row : hidden) {
      for (size_t c = 0; c < out_.columns.size(); ++c) {
        if (GroupOf(out_.columns[c].kind) != group || !IsSmall(row, c)) continue;
        if (!CanDiffer(row, c, hidden, moves)) return false;
      }
    }
    return true;
  }

  void HideGroup(Group group) {
    std::vector<size_t> hidden, rest;
    for (size_t row = 0; row < all_.styles.size(); ++row) {
      (HasSmall(row, group) ? hidden : rest).push_back(row);
    }
    if (hidden.empty()) return;
    std::ranges::stable_sort(rest, {}, [this](size_t row) { return all_.styles[row].roll; });
    const std::vector<Move> moves = MovesOf(group, all_.has_registers);
    auto next = rest.begin();
    bool protects = Protects(hidden, group, moves);
    while (!protects && next != rest.end()) {
      hidden.push_back(*next++);
      protects = Protects(hidden, group, moves);
    }
    for (const size_t row : hidden) {
      for (size_t c = 0; c < out_.columns.size(); ++c) {
        if (GroupOf(out_.columns[c].kind) != group || out_.total[c] == 0) continue;
        const bool fewer = protects && IsSmall(row, c);
        out_.styles[row][c] = {fewer ? PublicCell::Kind::kFewer : PublicCell::Kind::kHidden, 0};
      }
    }
  }

  const Reconciliation& all_;
  const Definition& definition_;
  PublicReconciliation out_;
};

}  // namespace

uint64_t Reconciled::did_not_vote() const { return Less(Less(roll, cast), paper); }
uint64_t Reconciled::unused() const { return Less(answered, cast); }

std::optional<Reconciliation> Reconcile(const State& state) {
  const bool closed = state.phase() == Phase::kClosed || state.phase() == Phase::kCertified;
  if (!closed || !state.RegistersSettled()) return std::nullopt;
  const auto issuers = static_cast<uint32_t>(state.definition()->issuers.size());
  Reconciliation all;
  const std::vector<uint64_t> answered = state.InEveryRegister();
  for (uint32_t s = 0; s < state.styles().size(); ++s) {
    const StyleCount& style = state.styles()[s];
    Reconciled row;
    row.roll = style.roll;
    row.answered = answered[s];
    row.registers.resize(issuers);
    row.cast = style.keys;
    row.again = style.again;
    row.replacing = Less(style.records, style.keys);
    row.paper = state.PaperCards(s);
    row.replaced = style.replaced;
    all.total.again += row.again;
    all.total.paper += row.paper;
    all.total.replaced += row.replaced;
    all.styles.push_back(std::move(row));
  }
  all.total.roll = state.entitled();
  all.total.answered = std::accumulate(answered.begin(), answered.end(), uint64_t{0});
  all.total.registers.resize(issuers);
  for (uint32_t i = 0; i < issuers; ++i) {
    const auto counts = state.RegisterCounts(i);
    if (!counts.has_value()) continue;
    all.has_registers = true;
    all.total.registers[i] = std::accumulate(counts->begin(), counts->end(), uint64_t{0});
    for (size_t s = 0; s < counts->size(); ++s) all.styles[s].registers[i] = (*counts)[s];
  }
  all.total.cast = state.distinct_ballots();
  all.total.replacing = Less(state.ballot_records(), state.distinct_ballots());
  return all;
}

std::vector<std::string> BrokenNumbers(const Reconciliation& reconciliation,
                                       const Definition& definition) {
  std::vector<std::string> broken;
  const auto judge = [&](std::string_view where, const Reconciled& row) {
    const auto at_most = [&](std::string_view what, uint64_t number, std::string_view bound_name,
                             uint64_t bound) {
      if (number > bound) {
        broken.push_back(Cat(where, ": ", what, " ", number, ", but ", bound_name, " ", bound));
      }
    };
    at_most("ballot keys that voted online", row.cast, "places on the roll", row.roll);
    at_most("cards on paper", row.paper, "places on the roll that did not vote online",
            Less(row.roll, row.cast));
    at_most("ballot keys that voted again", row.again, "ballot keys", row.cast);
    at_most("ballot keys that voted again", row.again, "ballots beyond the first of their key",
            row.replacing);
    if (!reconciliation.has_registers) return;
    at_most("ballot keys that voted online", row.cast, "places in every register that came",
            row.answered);
    for (size_t i = 0; i < row.registers.size(); ++i) {
      if (!row.registers[i].has_value()) continue;
      const std::string name = Cat("entries in the register of issuer ", i);
      at_most("places in every register that came", row.answered, name, *row.registers[i]);
      at_most(name, *row.registers[i], "places on the roll", row.roll);
    }
  };
  for (size_t s = 0; s < reconciliation.styles.size(); ++s) {
    judge(Cat("style ", definition.styles[s].id), reconciliation.styles[s]);
  }
  judge("in total", reconciliation.total);

  const auto adds_up = [&](std::string_view what, uint64_t Reconciled::*number) {
    uint64_t sum = 0;
    for (const Reconciled& row : reconciliation.styles) sum += row.*number;
    if (sum == reconciliation.total.*number) return;
    broken.push_back(Cat("in total: ", what, " ", reconciliation.total.*number,
                         ", but the styles together have ", sum));
  };
  adds_up("places on the roll", &Reconciled::roll);
  adds_up("places in every register that came", &Reconciled::answered);
  adds_up("ballot keys that voted online", &Reconciled::cast);
  adds_up("ballot keys that voted again", &Reconciled::again);
  adds_up("ballots beyond the first of their key", &Reconciled::replacing);
  adds_up("cards on paper", &Reconciled::paper);
  adds_up("replaced credentials", &Reconciled::replaced);
  return broken;
}

PublicReconciliation ForPrint(const Reconciliation& reconciliation, const Definition& definition) {
  return Hider(reconciliation, definition).Hide();
}

}  // namespace urna::poll
