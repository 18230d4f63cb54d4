#include "poll/reconciliation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <random>

#include "base/text.h"
#include "tests/support/election.h"

namespace urna::poll {
namespace {

using ::testing::Contains;
using testing::ElectionOptions;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::TestElection;
using Kind = PublicCell::Kind;
using Column = ReconciledColumn;

constexpr uint64_t kHour = 3600;

// --- From a ledger -------------------------------------------------------------------------------

TEST(Reconciliation, CountsEveryStyleApart) {
  ElectionOptions options;
  options.voters = 12;  // alternating between two styles
  options.issuers = 2;
  TestElection election(options);
  election.RunUntilOpen();
  election.now += kHour;
  for (int i = 0; i < 3; ++i) election.Cast(0, {{1, 0}, {0, 0}});
  election.Cast(0, {{0, 1}, {0, 0}});
  election.Cast(2, {{0, 1}, {0, 0}});
  election.Cast(2, {{1, 0}, {0, 0}});
  election.Cast(1, {{1, 0}, {0, 0}});
  election.Issue(4);  // never votes
  const crypto::Point lost = election.voter(3).credential.V;
  election.voter(3).credential = crypto::CredentialKey::New();
  election.ReplaceCredential(lost, election.voter(3).credential.V);
  election.Cast(3, {{1, 0}, {0, 0}});
  election.End();
  election.CountIssuance();
  election.Close();
  EXPECT_FALSE(Reconcile(election.state()).has_value());
  election.PublishRegisters();
  election.Append(PaperCounted{.style = 1, .cards = 2, .votes = {{1, 0}, {0, 1}}, .approvals = {}});
  ASSERT_THAT(election.faults(), IsEmpty());

  const auto all = Reconcile(election.state());
  ASSERT_TRUE(all.has_value());
  EXPECT_TRUE(all->has_registers);
  const Reconciled& zero = all->styles[0];
  EXPECT_EQ(zero.roll, 6u);
  EXPECT_EQ(zero.answered, 3u);
  EXPECT_THAT(zero.registers, ElementsAre(3u, 3u));
  EXPECT_EQ(zero.cast, 2u);
  EXPECT_EQ(zero.again, 2u);
  EXPECT_EQ(zero.replacing, 4u);
  EXPECT_EQ(zero.paper, 0u);
  EXPECT_EQ(zero.did_not_vote(), 4u);
  EXPECT_EQ(zero.unused(), 1u);
  EXPECT_EQ(zero.replaced, 0u);
  const Reconciled& one = all->styles[1];
  EXPECT_EQ(one.cast, 2u);
  EXPECT_EQ(one.again, 0u);
  EXPECT_EQ(one.paper, 2u);
  EXPECT_EQ(one.did_not_vote(), 2u);
  EXPECT_EQ(one.unused(), 0u);
  EXPECT_EQ(one.replaced, 1u);
  EXPECT_EQ(all->total.roll, 12u);
  EXPECT_EQ(all->total.cast, 4u);
  EXPECT_EQ(all->total.replacing, 4u);
  EXPECT_THAT(BrokenNumbers(*all, *election.state().definition()), IsEmpty());
}

TEST(Reconciliation, IsNotMadeOfACancelledPoll) {
  TestElection election;
  election.RunUntilOpen();
  election.now += kHour;
  election.Vote();
  election.End();
  election.CountIssuance();
  election.Close();
  election.PublishRegisters();
  EXPECT_TRUE(Reconcile(election.state()).has_value());
  election.Cancel();
  EXPECT_FALSE(Reconcile(election.state()).has_value());
}

// Two issuers who answered different people can together let one vote who is in neither's register
// of the other; as long as the third register is missing, no rule of the ledger can notice.
TEST(Reconciliation, NamesBallotsThatNobodyInEveryRegisterCanHaveCast) {
  ElectionOptions options;
  options.voters = 4;
  options.styles = 1;
  options.issuers = 3;
  TestElection election(options);
  election.RunUntilOpen();
  election.now += kHour;
  for (size_t i = 0; i < 2; ++i) election.Cast(i, {{1, 0}, {0, 0}});
  // The place of voter 2 at issuer 0, of voter 3 at issuer 1: one token each, one ballot.
  election.Cast(2, {{1, 0}, {0, 0}});
  election.Issue(3);
  election.tamper_register = [&](uint32_t issuer, std::vector<RegisterEntry>& entries) {
    const size_t dropped = issuer == 0 ? 3 : 2;
    std::erase_if(entries, [&](const RegisterEntry& entry) {
      return issuer < 2 && entry.credential == election.voter(dropped).credential.V;
    });
  };
  election.End();
  election.tamper = [](Payload& payload) {
    if (auto* counted = std::get_if<IssuanceCounted>(&payload)) counted->tokens = {3};
  };
  election.CountIssuance();
  election.tamper = nullptr;
  election.Close();
  election.PublishRegisters();  // that of issuer 2 has one entry too many and is refused
  election.Append(RegisterMissing{.issuer = 2, .reason = "lost", .approvals = {}});
  const auto all = Reconcile(election.state());
  ASSERT_TRUE(all.has_value());
  EXPECT_THAT(BrokenNumbers(*all, *election.state().definition()),
              Contains("style style-0: ballot keys that voted online 3, but places in every "
                       "register that came 2"));
}

// --- Numbers -------------------------------------------------------------------------------------

Reconciled Row(uint64_t roll, uint64_t answered, uint64_t cast, uint64_t paper) {
  Reconciled row;
  row.roll = roll;
  row.answered = answered;
  row.registers = {answered};
  row.cast = cast;
  row.paper = paper;
  return row;
}

Reconciliation Of(std::vector<Reconciled> rows) {
  Reconciliation all;
  all.has_registers = true;
  all.total.registers = {0};
  for (const Reconciled& row : rows) {
    all.total.roll += row.roll;
    all.total.answered += row.answered;
    *all.total.registers[0] += *row.registers[0];
    all.total.cast += row.cast;
    all.total.again += row.again;
    all.total.replacing += row.replacing;
    all.total.paper += row.paper;
    all.total.replaced += row.replaced;
  }
  all.styles = std::move(rows);
  return all;
}

/// A poll with `styles` styles that all carry the same contest.
Definition Styles(size_t styles) {
  Definition definition;
  definition.issuers.resize(1);
  for (size_t s = 0; s < styles; ++s) {
    definition.styles.push_back({base::Cat("s", s), {}, {0}});
  }
  return definition;
}

TEST(BrokenNumbers, AreNamedOneByOne) {
  const Definition definition = Styles(2);
  const Reconciliation good = Of({Row(100, 60, 50, 20), Row(90, 30, 30, 60)});
  EXPECT_THAT(BrokenNumbers(good, definition), IsEmpty());
  const auto broken = [&](const std::function<void(Reconciliation&)>& change) {
    Reconciliation changed = good;
    change(changed);
    return BrokenNumbers(changed, definition);
  };
  EXPECT_THAT(broken([](auto& r) { r.styles[1].paper = 61, ++r.total.paper; }),
              ElementsAre("style s1: cards on paper 61, but places on the roll that did not vote "
                          "online 60"));
  EXPECT_THAT(broken([](auto& r) { r.styles[1].cast = 31, ++r.total.cast; }),
              Contains("style s1: ballot keys that voted online 31, but places in every register "
                       "that came 30"));
  EXPECT_THAT(broken([](auto& r) { r.styles[0].answered = 61, ++r.total.answered; }),
              Contains("style s0: places in every register that came 61, but entries in the "
                       "register of issuer 0 60"));
  EXPECT_THAT(broken([](auto& r) { r.styles[0].registers[0] = 101; }),
              ElementsAre("style s0: entries in the register of issuer 0 101, but places on the "
                          "roll 100"));
  EXPECT_THAT(broken([](auto& r) { r.styles[0].again = r.total.again = 3; }),
              Contains("style s0: ballot keys that voted again 3, but ballots beyond the first of "
                       "their key 0"));
  EXPECT_THAT(broken([](auto& r) { ++r.total.roll; }),
              ElementsAre("in total: places on the roll 191, but the styles together have 190"));
  EXPECT_THAT(broken([](auto& r) { --r.total.cast; }),
              ElementsAre(HasSubstr("ballot keys that voted online 79")));
}

// --- For print -----------------------------------------------------------------------------------

size_t ColumnOf(const PublicReconciliation& print, Column kind) {
  return static_cast<size_t>(
      std::ranges::find(print.columns, kind, &PublicReconciliation::Column::kind) -
      print.columns.begin());
}

TEST(Print, OfLargeNumbersHidesNothing) {
  const auto print = ForPrint(Of({Row(100, 60, 50, 20), Row(90, 50, 30, 40)}), Styles(2));
  EXPECT_EQ(print.threshold, 10u);
  for (const auto& row : print.styles) {
    for (const PublicCell& cell : row) EXPECT_EQ(cell.kind, Kind::kNumber);
  }
}

TEST(Print, OfASingleStyleHasNoRowsBesideTheTotal) {
  const auto print = ForPrint(Of({Row(5, 4, 3, 1)}), Styles(1));
  EXPECT_THAT(print.styles, IsEmpty());
  EXPECT_EQ(print.total[ColumnOf(print, Column::kCast)], 3u);
}

TEST(Print, HidesSmallNumbersAndThoseTheyCouldBeComputedFrom) {
  // Three people of s0 did not vote.
  const auto print =
      ForPrint(Of({Row(100, 95, 77, 20), Row(90, 60, 40, 20), Row(200, 90, 60, 70)}), Styles(3));
  const size_t did_not = ColumnOf(print, Column::kDidNotVote);
  EXPECT_EQ(print.styles[0][did_not].kind, Kind::kFewer);
  EXPECT_EQ(print.styles[0][ColumnOf(print, Column::kCast)].kind, Kind::kHidden);
  EXPECT_EQ(print.styles[0][ColumnOf(print, Column::kRoll)].kind, Kind::kHidden);
  EXPECT_EQ(print.styles[1][did_not].kind, Kind::kHidden);  // the smallest other
  EXPECT_EQ(print.styles[2][did_not], (PublicCell{Kind::kNumber, 70}));
}

TEST(Print, HonoursALargerMinimumOfThePoll) {
  Definition definition = Styles(2);
  definition.minimum_ballots = 50;
  const auto print = ForPrint(Of({Row(300, 200, 40, 60), Row(300, 200, 100, 60)}), definition);
  EXPECT_EQ(print.threshold, 50u);
  EXPECT_EQ(print.styles[0][ColumnOf(print, Column::kCast)].kind, Kind::kFewer);
}

TEST(Print, OfWhatNobodyDidShowsZeros) {
  const auto print = ForPrint(Of({Row(100, 60, 50, 0), Row(90, 50, 30, 0)}), Styles(2));
  EXPECT_EQ(print.styles[0][ColumnOf(print, Column::kPaper)], (PublicCell{Kind::kNumber, 0}));
}

/// Somebody who has the print, and the results of the contests, and computes.
class Reader {
 public:
  Reader(const PublicReconciliation& print, const Reconciliation& all, const Definition& d)
      : print_(print) {
    for (size_t s = 0; s < print.styles.size(); ++s) {
      for (size_t c = 0; c < print.columns.size(); ++c) {
        const PublicCell& cell = print.styles[s][c];
        const auto total = static_cast<int64_t>(print.total[c]);
        const auto k = static_cast<int64_t>(print.threshold);
        const auto number = static_cast<int64_t>(cell.number);
        cells_.push_back(cell.kind == Kind::kNumber  ? Range{number, number}
                         : cell.kind == Kind::kFewer ? Range{0, std::min(total, k - 1)}
                         : SaysWhichAreSmall(c)      ? Range{std::min(total, k), total}
                                                     : Range{0, total});
      }
    }
    const size_t rows = print.styles.size();
    for (size_t c = 0; c < print.columns.size(); ++c) {
      Equation equation{{}, static_cast<int64_t>(print.total[c])};
      for (size_t s = 0; s < rows; ++s) equation.terms.push_back({At(s, c), 1});
      equations_.push_back(equation);
    }
    for (size_t s = 0; s < rows; ++s) {
      equations_.push_back({{{At(s, Column::kRoll), 1},
                             {At(s, Column::kCast), -1},
                             {At(s, Column::kPaper), -1},
                             {At(s, Column::kDidNotVote), -1}},
                            0});
      equations_.push_back({{{At(s, Column::kAnswered), 1},
                             {At(s, Column::kCast), -1},
                             {At(s, Column::kUnused), -1}},
                            0});
    }
    uint32_t contests = 0;
    for (const Style& style : d.styles) contests = std::max(contests, style.contests.back() + 1);
    for (uint32_t contest = 0; contest < contests; ++contest) {
      for (const Column kind : {Column::kRoll, Column::kCast, Column::kPaper}) {
        Equation equation;
        for (size_t s = 0; s < rows; ++s) {
          if (!std::ranges::binary_search(d.styles[s].contests, contest)) continue;
          equation.terms.push_back({At(s, kind), 1});
          const Reconciled& row = all.styles[s];
          equation.sum += static_cast<int64_t>(kind == Column::kRoll   ? row.roll
                                               : kind == Column::kCast ? row.cast
                                                                       : row.paper);
        }
        equations_.push_back(equation);
      }
    }
    Compute();
  }

  /// A hidden number that they now know.
  std::optional<std::string> Found() const {
    for (size_t s = 0; s < print_.styles.size(); ++s) {
      for (size_t c = 0; c < print_.columns.size(); ++c) {
        const Range& range = cells_[At(s, c)];
        if (print_.styles[s][c].kind == Kind::kFewer && range.low == range.high) {
          return base::Cat("style ", s, ", column ", c, ": ", range.low);
        }
      }
    }
    return std::nullopt;
  }

 private:
  struct Range {
    int64_t low, high;
  };
  struct Term {
    size_t cell;
    int64_t factor;
  };
  struct Equation {
    std::vector<Term> terms;
    int64_t sum = 0;
  };

  size_t At(size_t row, size_t column) const { return row * print_.columns.size() + column; }
  size_t At(size_t row, Column kind) const { return At(row, ColumnOf(print_, kind)); }

  /// Where small numbers are marked, those hidden without the mark are not small.
  bool SaysWhichAreSmall(size_t column) const {
    const auto group = [this](size_t c) {
      return c == ColumnOf(print_, Column::kReplaced) ? 2 : c >= ColumnOf(print_, Column::kAgain);
    };
    return std::ranges::any_of(print_.styles, [&](const auto& row) {
      for (size_t c = 0; c < row.size(); ++c) {
        if (group(c) == group(column) && row[c].kind == Kind::kFewer) return true;
      }
      return false;
    });
  }

  void Compute() {
    for (bool changed = true; changed;) {
      changed = false;
      for (const Equation& equation : equations_) {
        for (const Term& unknown : equation.terms) {
          // factor * x = sum - the others
          int64_t low = equation.sum, high = equation.sum;
          for (const Term& other : equation.terms) {
            if (&other == &unknown) continue;
            const Range& range = cells_[other.cell];
            low -= other.factor * (other.factor > 0 ? range.high : range.low);
            high -= other.factor * (other.factor > 0 ? range.low : range.high);
          }
          if (unknown.factor < 0) std::tie(low, high) = std::pair(-high, -low);
          Range& range = cells_[unknown.cell];
          if (low > range.low) range.low = low, changed = true;
          if (high < range.high) range.high = high, changed = true;
          ASSERT_LE(range.low, range.high) << "the print contradicts itself";
        }
      }
    }
  }

  const PublicReconciliation& print_;
  std::vector<Range> cells_;
  std::vector<Equation> equations_;
};

/// What a careless office would print: only the small numbers are hidden.
PublicReconciliation Careless(const Reconciliation& all, const Definition& d) {
  PublicReconciliation print = ForPrint(all, d);
  const auto value = [&](const Reconciled& row, Column kind) {
    switch (kind) {
      case Column::kRoll:
        return row.roll;
      case Column::kAnswered:
      case Column::kRegister:
        return row.answered;
      case Column::kCast:
        return row.cast;
      case Column::kPaper:
        return row.paper;
      case Column::kDidNotVote:
        return row.did_not_vote();
      case Column::kUnused:
        return row.unused();
      case Column::kAgain:
        return row.again;
      case Column::kReplacing:
        return row.replacing;
      case Column::kReplaced:
        return row.replaced;
    }
    return uint64_t{0};
  };
  for (size_t s = 0; s < print.styles.size(); ++s) {
    for (size_t c = 0; c < print.columns.size(); ++c) {
      const uint64_t number = value(all.styles[s], print.columns[c].kind);
      const bool small = number < print.threshold && print.total[c] > 0;
      print.styles[s][c] = {small ? Kind::kFewer : Kind::kNumber, small ? 0 : number};
    }
  }
  return print;
}

TEST(Print, LetsNobodyComputeAHiddenNumber) {
  std::mt19937 random(2014);
  const auto upto = [&](uint64_t bound) { return random() % (bound + 1); };
  int careless_leaks = 0, tables = 0, shown = 0;
  for (int round = 0; round < 3000; ++round) {
    const size_t styles = 2 + upto(4);
    Definition d = Styles(styles);
    if (round % 3 == 0) {  // a contest of some styles only: its sums are published too
      for (Style& style : d.styles) {
        if (upto(1) == 0) style.contests = {0, 1};
      }
    }
    std::vector<Reconciled> rows;
    for (size_t s = 0; s < styles; ++s) {
      const uint64_t roll = upto(3) == 0 ? upto(20) : 20 + upto(200);
      const uint64_t answered = upto(4) == 0 ? roll : upto(roll);
      const uint64_t cast = upto(2) == 0 ? answered - std::min(answered, upto(3)) : upto(answered);
      Reconciled row = Row(roll, answered, cast, round % 2 == 0 ? 0 : upto(roll - cast));
      row.again = upto(std::min<uint64_t>(cast, 15));
      row.replacing = row.again == 0 ? 0 : row.again + upto(6);
      row.replaced = upto(3);
      rows.push_back(row);
    }
    const Reconciliation all = Of(rows);
    ASSERT_THAT(BrokenNumbers(all, d), IsEmpty());
    const PublicReconciliation print = ForPrint(all, d);
    const Reader reader(print, all, d);
    EXPECT_EQ(reader.Found(), std::nullopt) << "round " << round;
    ++tables;
    for (const auto& row : print.styles) {
      shown += static_cast<int>(std::ranges::count(row, Kind::kNumber, &PublicCell::kind));
    }
    const PublicReconciliation careless = Careless(all, d);
    if (Reader(careless, all, d).Found().has_value()) ++careless_leaks;
  }
  // The reader is able: a careless print tells them something nearly every time.
  EXPECT_GT(careless_leaks, tables / 2);
  EXPECT_GT(shown, tables);
}

}  // namespace
}  // namespace urna::poll
