#include "poll/counting/budget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "poll/counting/greedy.h"
#include "poll/counting/shares_electorate.h"
#include "poll/counting/shares_exact.h"
#include "poll/counting/shares_filter.h"
#include "poll/counting/ties.h"

namespace urna::poll::counting {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

using Ids = std::vector<std::string>;

/// A profile of named projects; each ballot "ab" approves a and b, "a3b1" gives them points.
Profile Vote(uint64_t budget, const std::vector<std::pair<std::string, uint64_t>>& projects,
             const std::vector<std::pair<size_t, std::string>>& ballots) {
  Profile profile;
  profile.budget = budget;
  for (const auto& [id, cost] : projects)
    profile.projects.push_back({.id = id, .name = "", .cost = cost});
  for (const auto& [times, text] : ballots) {
    std::vector<Mark> marks;
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] >= '0' && text[i] <= '9') {
        marks.back().points = static_cast<uint32_t>(text[i] - '0');
        continue;
      }
      for (uint32_t p = 0; p < projects.size(); ++p) {
        if (projects[p].first == std::string(1, text[i])) marks.push_back({p, 1});
      }
    }
    for (size_t t = 0; t < times; ++t) profile.AddBallot(marks);
  }
  return profile;
}

BudgetRule By(std::variant<Greedy, EqualShares> method,
              std::vector<TieStep> ties = {TieStep::kId}) {
  BudgetRule rule;
  rule.method = std::move(method);
  rule.ties = std::move(ties);
  return rule;
}

BudgetOutcome Count(const Profile& profile, const BudgetRule& rule) {
  const auto outcome = CountBudget(profile, rule);
  EXPECT_TRUE(outcome.ok()) << outcome.status();
  return outcome.ok() ? *outcome : BudgetOutcome{};
}

Ids Funded(const Profile& profile, const BudgetOutcome& outcome) {
  Ids ids;
  for (const uint32_t p : outcome.funded) ids.push_back(profile.projects[p].id);
  return ids;
}

Ids Funded(const Profile& profile, const BudgetRule& rule) {
  return Funded(profile, Count(profile, rule));
}

Decision DecisionOf(const Profile& profile, const BudgetOutcome& outcome, const std::string& id) {
  for (const Decision& decision : outcome.decisions) {
    if (profile.projects[decision.project].id == id) return decision;
  }
  ADD_FAILURE() << "no decision about " << id;
  return {};
}

Reason ReasonOf(const Profile& profile, const BudgetOutcome& outcome, const std::string& id) {
  return DecisionOf(profile, outcome, id).reason;
}

const Greedy kSkip = {.key = Key::kPoints, .misfit = Misfit::kSkip};
const Greedy kStop = {.key = Key::kPoints, .misfit = Misfit::kStop};

// --- Greedy ---

TEST(Greedy, SkipsWhatDoesNotFitAndGoesOn) {
  const Profile profile = Vote(100, {{"a", 60}, {"b", 50}, {"c", 40}, {"d", 1}},
                               {{4, "a"}, {3, "b"}, {2, "c"}, {1, "d"}});
  const BudgetOutcome outcome = Count(profile, By(kSkip));
  EXPECT_THAT(Funded(profile, outcome), ElementsAre("a", "c"));
  EXPECT_EQ(outcome.cost, 100u);
  EXPECT_EQ(outcome.left, 0u);
  EXPECT_EQ(ReasonOf(profile, outcome, "a"), Reason::kFits);
  EXPECT_EQ(ReasonOf(profile, outcome, "b"), Reason::kDoesNotFit);
  EXPECT_EQ(DecisionOf(profile, outcome, "b").left, 40u);
  EXPECT_EQ(ReasonOf(profile, outcome, "d"), Reason::kDoesNotFit);
}

TEST(Greedy, StopsAtTheFirstThatDoesNotFit) {
  const Profile profile =
      Vote(100, {{"a", 60}, {"b", 50}, {"c", 40}}, {{4, "a"}, {3, "b"}, {2, "c"}});
  const BudgetOutcome outcome = Count(profile, By(kStop));
  EXPECT_THAT(Funded(profile, outcome), ElementsAre("a"));
  EXPECT_EQ(outcome.left, 40u);
  EXPECT_EQ(ReasonOf(profile, outcome, "b"), Reason::kDoesNotFit);
  EXPECT_EQ(ReasonOf(profile, outcome, "c"), Reason::kAfterStop);
  EXPECT_EQ(DecisionOf(profile, outcome, "c").because, 1u);
}

TEST(Greedy, FundsFromTheReserveIfExactlyTheShareOfItsCostIsLeft) {
  Greedy greedy = kStop;
  greedy.continuation = Ratio{80, 100};
  Profile profile = Vote(100, {{"a", 60}, {"b", 50}, {"c", 5}}, {{3, "a"}, {2, "b"}, {1, "c"}});
  BudgetOutcome outcome = Count(profile, By(greedy));  // 40 of 50 are left
  EXPECT_THAT(Funded(profile, outcome), ElementsAre("a", "b"));
  EXPECT_EQ(ReasonOf(profile, outcome, "b"), Reason::kReserve);
  EXPECT_EQ(ReasonOf(profile, outcome, "c"), Reason::kAfterStop);
  EXPECT_EQ(outcome.reserve, 10u);
  EXPECT_EQ(outcome.cost, 110u);
  EXPECT_EQ(outcome.left, 0u);

  profile.projects[1].cost = 51;  // 40 are less than 80 % of 51
  outcome = Count(profile, By(greedy));
  EXPECT_THAT(Funded(profile, outcome), ElementsAre("a"));
  EXPECT_EQ(outcome.reserve, 0u);
  EXPECT_EQ(outcome.left, 40u);
}

TEST(Greedy, RanksByTheKeyOfTheRule) {
  // Points: a 9, b 8, c 2. Votes: a 3, b 4, c 2. Cost: a 90, b 160, c 10.
  const Profile profile =
      Vote(1000, {{"a", 90}, {"b", 160}, {"c", 10}}, {{3, "a3"}, {4, "b2"}, {2, "c1"}});
  EXPECT_THAT(Funded(profile, By(Greedy{.key = Key::kPoints})), ElementsAre("a", "b", "c"));
  EXPECT_THAT(Funded(profile, By(Greedy{.key = Key::kVotes})), ElementsAre("b", "a", "c"));
  EXPECT_THAT(Funded(profile, By(Greedy{.key = Key::kPointsPerCost})), ElementsAre("c", "a", "b"));
  EXPECT_THAT(Funded(profile, By(Greedy{.key = Key::kVotesPerCost})), ElementsAre("c", "a", "b"));
}

TEST(Greedy, ComparesSharesOfTheCostExactly) {
  // 1 / 3 and 333333333333333 / 999999999999999 are equal; one more vote for either is more.
  Profile profile = Vote(4, {{"a", 3}, {"b", 1000000000000000}}, {{1, "a1"}});
  profile.marks[0].points = 3;
  profile.AddBallot(std::vector<Mark>{{1, 1000000}});
  profile.projects[0].cost = 3000000000;
  const Sums sums = SumUp(profile);
  BudgetRule rule = By(Greedy{.key = Key::kPointsPerCost}, {TieStep::kHigherNumber});
  auto ranking = RankProjects({profile.projects, sums, 4, rule}, Key::kPointsPerCost);
  EXPECT_EQ(ranking[0].project, 1u);  // equal, so the higher number
  profile.projects[1].cost += 1;
  ranking = RankProjects({profile.projects, sums, 4, rule}, Key::kPointsPerCost);
  EXPECT_EQ(ranking[0].project, 0u);
}

TEST(Greedy, PutsWhatCostsNothingBeforeAllElsePerCost) {
  const Profile profile = Vote(5, {{"a", 1}, {"b", 0}, {"c", 0}}, {{9, "a"}, {1, "b"}});
  const BudgetOutcome outcome = Count(profile, By(Greedy{.key = Key::kVotesPerCost}));
  EXPECT_THAT(Funded(profile, outcome), ElementsAre("b", "a"));
  EXPECT_EQ(ReasonOf(profile, outcome, "c"), Reason::kNoSupport);
}

TEST(Greedy, NeverFundsAProjectWithoutSupport) {
  const Profile profile = Vote(100, {{"a", 1}, {"b", 1}}, {{1, "a1b0"}});
  BudgetOutcome outcome = Count(profile, By(kSkip));
  EXPECT_THAT(Funded(profile, outcome), ElementsAre("a"));
  EXPECT_EQ(ReasonOf(profile, outcome, "b"), Reason::kNoSupport);
  // A mark of no points is a vote all the same.
  outcome = Count(profile, By(Greedy{.key = Key::kVotes}));
  EXPECT_THAT(Funded(profile, outcome), ElementsAre("a", "b"));
}

TEST(Greedy, DoesNotStopAtAWithdrawnProject) {
  Profile profile = Vote(100, {{"a", 999}, {"b", 50}}, {{2, "a"}, {1, "b"}});
  profile.projects[0].withdrawn = true;
  const BudgetOutcome outcome = Count(profile, By(kStop));
  EXPECT_THAT(Funded(profile, outcome), ElementsAre("b"));
  EXPECT_EQ(ReasonOf(profile, outcome, "a"), Reason::kWithdrawn);
}

TEST(Greedy, CountsABudgetOfNothingAndAVoteOfNobody) {
  EXPECT_THAT(Funded(Vote(0, {{"a", 1}}, {{1, "a"}}), By(kSkip)), IsEmpty());
  EXPECT_THAT(Funded(Vote(9, {{"a", 1}}, {}), By(kSkip)), IsEmpty());
  EXPECT_THAT(Funded(Vote(9, {}, {{1, ""}}), By(kSkip)), IsEmpty());
}

// --- Thresholds and exclusions ---

TEST(Threshold, IsReachedExactlyAndMissedByOne) {
  const Profile profile = Vote(100, {{"a", 1}, {"b", 1}}, {{3, "a2"}, {2, "b3"}});
  BudgetRule rule = By(kSkip);
  rule.threshold = Threshold{.of = Key::kVotes, .at_least = {3, 1}};
  BudgetOutcome outcome = Count(profile, rule);
  EXPECT_THAT(Funded(profile, outcome), ElementsAre("a"));
  EXPECT_EQ(ReasonOf(profile, outcome, "b"), Reason::kBelowThreshold);
  rule.threshold->at_least = {2, 1};
  EXPECT_THAT(Funded(profile, rule), ElementsAre("a", "b"));
  rule.threshold = Threshold{.of = Key::kPoints, .at_least = {6, 1}};
  EXPECT_THAT(Funded(profile, rule), ElementsAre("a", "b"));
  rule.threshold->at_least = {7, 1};
  EXPECT_THAT(Funded(profile, rule), IsEmpty());
}

TEST(Threshold, OfAShareCountsEveryBallot) {
  // 2 of 20 ballots, of which 11 are empty, are 10 %; 2 of 21 are less.
  Profile profile = Vote(100, {{"a", 1}, {"b", 1}}, {{7, "a"}, {2, "b"}, {11, ""}});
  BudgetRule rule = By(kSkip);
  rule.threshold = Threshold{.of = Key::kVotes, .at_least = {10, 100}, .of_ballots = true};
  EXPECT_THAT(Funded(profile, rule), ElementsAre("a", "b"));
  profile.AddBallot({});
  EXPECT_THAT(Funded(profile, rule), ElementsAre("a"));
}

TEST(Exclusions, FundAtMostOneOfEachGroup) {
  const Profile profile = Vote(100, {{"a", 10}, {"b", 10}, {"c", 10}, {"d", 10}},
                               {{4, "a"}, {3, "b"}, {2, "c"}, {1, "d"}});
  BudgetRule rule = By(kSkip);
  rule.exclusions = {{0, 1}, {1, 2}};  // a with b, b with c: c stays free, as b is not funded
  const BudgetOutcome outcome = Count(profile, rule);
  EXPECT_THAT(Funded(profile, outcome), ElementsAre("a", "c", "d"));
  EXPECT_EQ(ReasonOf(profile, outcome, "b"), Reason::kExcluded);
  EXPECT_EQ(DecisionOf(profile, outcome, "b").because, 0u);
}

TEST(Exclusions, DoNotStopACount) {
  // b would not fit, but it is excluded before it could end the funding.
  const Profile profile =
      Vote(100, {{"a", 60}, {"b", 50}, {"c", 40}}, {{3, "a"}, {2, "b"}, {1, "c"}});
  BudgetRule rule = By(kStop);
  rule.exclusions = {{0, 1}};
  EXPECT_THAT(Funded(profile, rule), ElementsAre("a", "c"));
}

// --- Ties ---

TEST(Ties, EachStepDecidesAsItSays) {
  // All have 6 points. Cost: a 2, b 3, c 3. Votes: a 2, b 3, c 6. Threes: a 2, b 1, c 0.
  const Profile profile = Vote(3, {{"a", 2}, {"b", 3}, {"c", 3}},
                               {{2, "a3"}, {1, "b3"}, {1, "b2"}, {1, "b1"}, {6, "c1"}});
  const auto first = [&](std::vector<TieStep> ties) {
    const BudgetOutcome outcome = Count(profile, By(kSkip, ties));
    EXPECT_EQ(outcome.decisions[0].tie, ties.front());
    EXPECT_EQ(outcome.decisions[0].tied.size(), 2u);
    return Funded(profile, outcome)[0];
  };
  EXPECT_EQ(first({TieStep::kLowerCost}), "a");
  EXPECT_EQ(first({TieStep::kMoreVotes}), "c");
  EXPECT_EQ(first({TieStep::kMoreTopMarks}), "a");
  EXPECT_EQ(first({TieStep::kLowerNumber}), "a");
  EXPECT_EQ(first({TieStep::kHigherNumber}), "c");
  EXPECT_EQ(first({TieStep::kId}), "a");
}

TEST(Ties, TopMarksGoOnWithFewerPoints) {
  // Both have one 3 and 6 points in all; b has a 2 more.
  const Profile profile =
      Vote(5, {{"a", 5}, {"b", 5}}, {{1, "a3"}, {3, "a1"}, {1, "b3"}, {1, "b2"}, {1, "b1"}});
  EXPECT_THAT(Funded(profile, By(kSkip, {TieStep::kMoreTopMarks})), ElementsAre("b"));
}

TEST(Ties, StepsAreTakenInTheirOrder) {
  const Profile profile =
      Vote(5, {{"a", 5}, {"b", 5}, {"c", 4}}, {{1, "a2"}, {2, "b1"}, {1, "c2"}});
  const BudgetOutcome outcome =
      Count(profile, By(kSkip, {TieStep::kMoreVotes, TieStep::kLowerCost}));
  EXPECT_THAT(Funded(profile, outcome), ElementsAre("b"));
  EXPECT_EQ(outcome.decisions[0].tie, TieStep::kMoreVotes);
  EXPECT_EQ(outcome.decisions[1].tie, TieStep::kLowerCost);
  EXPECT_EQ(profile.projects[outcome.decisions[1].project].id, "c");
}

TEST(Ties, NumbersInIdsCompareAsNumbers) {
  EXPECT_LT(CompareNumbers("2", "10"), 0);
  EXPECT_GT(CompareNumbers("10", "2"), 0);
  EXPECT_EQ(CompareNumbers("10", "10"), 0);
  EXPECT_LT(CompareNumbers("BO.D5.9/24", "BO.D5.13/24"), 0);
  EXPECT_LT(CompareNumbers("BO.D5.13/24", "BO.D18.2/24"), 0);
  EXPECT_LT(CompareNumbers("a", "b"), 0);
  EXPECT_LT(CompareNumbers("a", "a1"), 0);
  EXPECT_LT(CompareNumbers("1", "a"), 0);
  EXPECT_NE(CompareNumbers("01", "1"), 0);
  EXPECT_EQ(CompareNumbers("01", "1"), -CompareNumbers("1", "01"));
  EXPECT_LT(CompareNumbers("99999999999999999999", "100000000000000000000"), 0);
}

TEST(Ties, ALotIsAskedForOnlyWhereItMatters) {
  // b and c are tied; either fits alone, not both.
  Profile profile = Vote(100, {{"a", 50}, {"b", 40}, {"c", 40}}, {{2, "a"}, {1, "b"}, {1, "c"}});
  BudgetRule rule = By(kSkip, {TieStep::kLot});
  auto outcome = CountBudget(profile, rule);
  EXPECT_TRUE(absl::IsFailedPrecondition(outcome.status()));
  EXPECT_THAT(std::string(outcome.status().message()),
              HasSubstr("projects b and c are tied and their order matters: a lot must be drawn"));
  rule.lot = {2, 1};
  EXPECT_THAT(Funded(profile, rule), ElementsAre("a", "c"));
  EXPECT_EQ(DecisionOf(profile, Count(profile, rule), "c").tie, TieStep::kLot);
  rule.lot = {1, 2};
  EXPECT_THAT(Funded(profile, rule), ElementsAre("a", "b"));
  rule.lot = {1};  // c took no part
  EXPECT_FALSE(CountBudget(profile, rule).ok());

  rule.lot = {};
  profile.budget = 130;  // both fit
  EXPECT_THAT(Funded(profile, rule), UnorderedElementsAre("a", "b", "c"));
  EXPECT_EQ(DecisionOf(profile, Count(profile, rule), "b").tie, std::nullopt);
  EXPECT_EQ(DecisionOf(profile, Count(profile, rule), "b").tied.size(), 1u);
  rule.exclusions = {{1, 2}};  // they fit, but exclude each other
  EXPECT_FALSE(CountBudget(profile, rule).ok());
  rule.exclusions = {};
  profile.budget = 80;  // neither fits
  EXPECT_THAT(Funded(profile, rule), ElementsAre("a"));
  profile.projects[1].cost = 30;  // b fits, c does not, whoever is first
  EXPECT_THAT(Funded(profile, rule), ElementsAre("a", "b"));
  rule.method = kStop;  // if c is first, it ends the funding
  EXPECT_FALSE(CountBudget(profile, rule).ok());
}

TEST(Ties, ARuleThatLeavesATieSaysSo) {
  const Profile profile = Vote(50, {{"a", 40}, {"b", 40}}, {{1, "a"}, {1, "b"}});
  const auto outcome = CountBudget(profile, By(kSkip, {TieStep::kLowerCost}));
  EXPECT_TRUE(absl::IsFailedPrecondition(outcome.status()));
  EXPECT_THAT(std::string(outcome.status().message()), HasSubstr("does not decide this tie"));
}

TEST(Ties, RankingSharesPlacesThatTheRuleLeavesOpen) {
  const Profile profile =
      Vote(100, {{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}}, {{2, "d"}, {1, "b"}, {1, "a"}});
  const BudgetOutcome outcome = Count(profile, By(kSkip, {TieStep::kLot}));
  std::vector<std::pair<uint32_t, uint32_t>> places;
  for (const Ranked& r : outcome.ranking) places.emplace_back(r.project, r.place);
  EXPECT_THAT(places, ElementsAre(std::pair(3u, 1u), std::pair(0u, 2u), std::pair(1u, 2u),
                                  std::pair(2u, 4u)));
}

// --- Equal Shares ---

// Four voters have 2 each. a: price 1 for 3 voters. b: v3 has 1 left, v4 has 2, so price 1.
Profile FourVoters() {
  return Vote(8, {{"a", 3}, {"b", 2}, {"c", 3}}, {{2, "ac"}, {1, "ab"}, {1, "b"}});
}

TEST(EqualShares, SupportersPayEqually) {
  const Profile profile = FourVoters();
  const BudgetOutcome outcome = Count(profile, By(EqualShares{}));
  EXPECT_THAT(Funded(profile, outcome), ElementsAre("a", "b"));
  EXPECT_EQ(outcome.cost, 5u);
  EXPECT_EQ(outcome.left, 3u);
  const Decision a = DecisionOf(profile, outcome, "a");
  EXPECT_EQ(a.reason, Reason::kShares);
  EXPECT_EQ(a.money, 1);
  EXPECT_EQ(a.payers, 3u);
  EXPECT_EQ(a.paid_all, 0u);
  const Decision b = DecisionOf(profile, outcome, "b");
  EXPECT_EQ(b.payers, 2u);
  EXPECT_EQ(b.paid_all, 1u);
  EXPECT_EQ(b.left, 5u);
  const Decision c = DecisionOf(profile, outcome, "c");
  EXPECT_EQ(c.reason, Reason::kSupportersTooPoor);
  EXPECT_EQ(c.money, 2);  // both have 1 left
  EXPECT_EQ(outcome.shares->end, SharesEnd::kOneRun);
  EXPECT_EQ(outcome.shares->per_voter, 2);
}

TEST(EqualShares, WhoHasLessPaysAllAndOthersMore) {
  // After a, v3 has 1 and v4 has 2: together just what b costs.
  Profile profile = FourVoters();
  profile.projects[1].cost = 3;
  const Decision b = DecisionOf(profile, Count(profile, By(EqualShares{})), "b");
  EXPECT_EQ(b.reason, Reason::kShares);
  EXPECT_EQ(b.money, 2);
  EXPECT_EQ(b.payers, 2u);
  EXPECT_EQ(b.paid_all, 2u);
}

TEST(EqualShares, PointsAreBoughtAtOnePrice) {
  // 2 voters with 10 each; a has 3 + 1 points and costs 8: price 2, so 6 and 2.
  const Profile profile = Vote(20, {{"a", 8}, {"b", 4}, {"c", 9}}, {{1, "a3b1"}, {1, "a1c1"}});
  const BudgetOutcome outcome = Count(profile, By(EqualShares{.utility = Utility::kPoints}));
  EXPECT_THAT(Funded(profile, outcome), ElementsAre("a", "b"));
  EXPECT_EQ(DecisionOf(profile, outcome, "a").money, 2);
  EXPECT_EQ(DecisionOf(profile, outcome, "b").paid_all, 1u);
  EXPECT_EQ(DecisionOf(profile, outcome, "c").money, 8);
}

TEST(EqualShares, UtilityDecidesTheOrder) {
  // a: 4 voters, cost 8, price 2; per cost 1/4. b: 1 voter, cost 1, price 1; per cost 1.
  const Profile profile = Vote(40, {{"a", 8}, {"b", 1}}, {{4, "a"}, {1, "b"}});
  EXPECT_THAT(Funded(profile, By(EqualShares{.utility = Utility::kCost})), ElementsAre("a", "b"));
  EXPECT_THAT(Funded(profile, By(EqualShares{.utility = Utility::kPoints})), ElementsAre("b", "a"));
}

TEST(EqualShares, Add1GivesVotersMoreUntilTheBudgetIsSpent) {
  const Profile profile = FourVoters();
  BudgetOutcome outcome = Count(profile, By(EqualShares{.completion = Completion::kAdd1}));
  EXPECT_THAT(Funded(profile, outcome), ElementsAre("a", "b", "c"));
  EXPECT_EQ(outcome.cost, 8u);
  EXPECT_EQ(outcome.shares->steps, 1u);
  EXPECT_EQ(outcome.shares->per_voter, 3);
  EXPECT_EQ(outcome.shares->end, SharesEnd::kAllFunded);

  Profile dear = profile;
  dear.projects[2].cost = 4;  // then a, b and c cost 9
  outcome = Count(dear, By(EqualShares{.completion = Completion::kAdd1}));
  EXPECT_THAT(Funded(dear, outcome), ElementsAre("a", "b"));
  EXPECT_EQ(outcome.shares->steps, 0u);
  EXPECT_EQ(outcome.shares->end, SharesEnd::kOverBudget);
  EXPECT_EQ(outcome.shares->next_cost, 9u);
}

TEST(EqualShares, Add1eEndsWhereNothingCanBeAdded) {
  // c costs 7 and needs 5 steps more; nothing that costs 3 or less is open, so add1e ends at once.
  Profile profile = FourVoters();
  profile.projects[2].cost = 7;
  BudgetOutcome outcome =
      Count(profile, By(EqualShares{.completion = Completion::kAdd1Exhaustive}));
  EXPECT_EQ(outcome.shares->end, SharesEnd::kExhaustive);
  EXPECT_EQ(outcome.shares->steps, 0u);
  outcome = Count(profile, By(EqualShares{.completion = Completion::kAdd1}));
  EXPECT_EQ(outcome.shares->end, SharesEnd::kOverBudget);
  EXPECT_EQ(outcome.shares->steps, 2u);  // with 5 each, c is paid by two who have 4 left: 8
  EXPECT_EQ(outcome.shares->next_cost, 12u);
  // A project that nobody supports keeps an outcome from being exhaustive.
  profile.projects.push_back({.id = "d", .name = "", .cost = 3});
  outcome = Count(profile, By(EqualShares{.completion = Completion::kAdd1Exhaustive}));
  EXPECT_EQ(outcome.shares->end, SharesEnd::kOverBudget);
  // But not one that the rule bars.
  BudgetRule rule = By(EqualShares{.completion = Completion::kAdd1Exhaustive});
  rule.threshold = Threshold{.of = Key::kVotes, .at_least = {1, 1}};
  EXPECT_EQ(Count(profile, rule).shares->end, SharesEnd::kExhaustive);
}

TEST(EqualShares, StartsWithTheShareThatTheRuleNames) {
  // 10 for 3 voters.
  const Profile profile = Vote(10, {{"a", 4}, {"b", 10}}, {{1, "a"}, {1, "b"}, {1, ""}});
  const auto report = [&](Start start, Completion completion) {
    return *Count(profile, By(EqualShares{.start = start, .completion = completion})).shares;
  };
  EXPECT_EQ(report(Start::kExactThenWhole, Completion::kNone).per_voter, mpq_class(10, 3));
  EXPECT_EQ(report(Start::kExact, Completion::kNone).per_voter, mpq_class(10, 3));
  EXPECT_EQ(report(Start::kWhole, Completion::kNone).per_voter, 3);
  // a needs 4, b needs 10, and with both it is over.
  EXPECT_EQ(report(Start::kExactThenWhole, Completion::kAdd1).per_voter, 9);
  EXPECT_EQ(report(Start::kExactThenWhole, Completion::kAdd1).steps, 6u);
  EXPECT_EQ(report(Start::kExact, Completion::kAdd1).per_voter, mpq_class(28, 3));
  EXPECT_EQ(report(Start::kWhole, Completion::kAdd1).per_voter, 9);
}

TEST(EqualShares, StepsAndWholeUnitsAreOfTheCurrency) {
  // 10.00 for 3 voters; a needs 4.00.
  Profile profile = Vote(1000, {{"a", 400}, {"b", 2000}}, {{1, "a"}, {1, "b"}, {1, ""}});
  profile.decimals = 2;
  const BudgetOutcome outcome =
      Count(profile, By(EqualShares{.step = 50, .completion = Completion::kAdd1Exhaustive}));
  EXPECT_EQ(outcome.shares->steps, 2u);  // 3.00, and twice 0.50
  EXPECT_EQ(outcome.shares->per_voter, 400);
}

TEST(EqualShares, GreedySpendsWhatIsLeftIfTheRuleSaysSo) {
  Profile profile = FourVoters();
  profile.projects.push_back({.id = "d", .name = "", .cost = 0});  // costs nothing
  profile.AddBallot(std::vector<Mark>{{3, 1}});
  profile.budget = 10;
  BudgetOutcome outcome = Count(profile, By(EqualShares{}));
  EXPECT_THAT(Funded(profile, outcome), ElementsAre("a", "b"));
  EXPECT_EQ(ReasonOf(profile, outcome, "d"), Reason::kWithoutCost);
  outcome = Count(profile, By(EqualShares{.then_greedy = true}));
  EXPECT_THAT(Funded(profile, outcome), ElementsAre("a", "b", "c", "d"));
  EXPECT_EQ(ReasonOf(profile, outcome, "c"), Reason::kFits);
  EXPECT_EQ(DecisionOf(profile, outcome, "c").left, 5u);
}

TEST(EqualShares, GreedyStandsIfMoreVotersPreferIt) {
  // One each. a has 9 for a cost of 10; b is paid by its one voter.
  Profile profile = Vote(10, {{"a", 10}, {"b", 1}}, {{9, "a"}, {1, "b"}});
  EXPECT_THAT(Funded(profile, By(EqualShares{})), ElementsAre("b"));
  BudgetOutcome outcome = Count(profile, By(EqualShares{.comparison = true}));
  EXPECT_THAT(Funded(profile, outcome), ElementsAre("a"));
  const SharesReport::Comparison comparison = *outcome.shares->comparison;
  EXPECT_EQ(comparison.prefer_greedy, 9u);
  EXPECT_EQ(comparison.prefer_shares, 1u);
  EXPECT_EQ(comparison.indifferent, 0u);
  EXPECT_THAT(comparison.shares, ElementsAre(1u));
  EXPECT_THAT(comparison.greedy, ElementsAre(0u));

  // As many on either side: shares stand. (a needs all 10, so greedy takes it alone.)
  profile = Vote(10, {{"a", 10}, {"b", 1}, {"c", 1}}, {{3, "a"}, {2, "b"}, {1, "c"}, {4, ""}});
  outcome = Count(profile, By(EqualShares{.comparison = true}));
  EXPECT_EQ(outcome.shares->comparison->prefer_greedy, 3u);
  EXPECT_EQ(outcome.shares->comparison->prefer_shares, 3u);
  EXPECT_EQ(outcome.shares->comparison->indifferent, 4u);
  EXPECT_THAT(Funded(profile, outcome), ElementsAre("b", "c"));
}

TEST(EqualShares, ExclusionsHoldInEveryPart) {
  const Profile profile = Vote(100, {{"a", 4}, {"b", 4}, {"c", 90}}, {{5, "ab"}, {1, "c"}});
  BudgetRule rule = By(EqualShares{.completion = Completion::kAdd1, .then_greedy = true});
  rule.exclusions = {{0, 1}};
  const BudgetOutcome outcome = Count(profile, rule);
  EXPECT_THAT(Funded(profile, outcome), ElementsAre("a", "c"));
  EXPECT_EQ(ReasonOf(profile, outcome, "b"), Reason::kExcluded);
  EXPECT_EQ(outcome.shares->end, SharesEnd::kAllFunded);
}

TEST(EqualShares, TiesAreExactAndDecidedByTheRule) {
  // Thirds cannot be told apart in floating point: 1/3 + 1/3 + 1/3 of either.
  const Profile profile = Vote(6, {{"a", 2}, {"b", 2}, {"c", 1}}, {{3, "ac"}, {3, "bc"}});
  BudgetOutcome outcome = Count(profile, By(EqualShares{}, {TieStep::kHigherNumber}));
  EXPECT_THAT(Funded(profile, outcome), ElementsAre("c", "b", "a"));
  EXPECT_EQ(DecisionOf(profile, outcome, "b").tie, TieStep::kHigherNumber);
  EXPECT_THAT(DecisionOf(profile, outcome, "b").tied, ElementsAre(0u));
  EXPECT_FALSE(CountBudget(profile, By(EqualShares{}, {TieStep::kLowerCost})).ok());
  BudgetRule rule = By(EqualShares{}, {TieStep::kLowerCost, TieStep::kLot});
  EXPECT_THAT(std::string(CountBudget(profile, rule).status().message()),
              HasSubstr("a lot must be drawn"));
  rule.lot = {1, 0};
  EXPECT_THAT(Funded(profile, rule), ElementsAre("c", "b", "a"));
}

TEST(EqualShares, CountsABudgetOfNothingAndAVoteOfNobody) {
  const BudgetRule rule = By(EqualShares{.completion = Completion::kAdd1, .comparison = true});
  EXPECT_THAT(Funded(Vote(0, {{"a", 1}}, {{1, "a"}}), rule), IsEmpty());
  EXPECT_THAT(Funded(Vote(9, {{"a", 1}}, {}), rule), IsEmpty());
  EXPECT_THAT(Funded(Vote(9, {}, {{1, ""}}), rule), IsEmpty());
}

TEST(EqualShares, CanBeInterrupted) {
  const Profile profile = Vote(1000, {{"a", 1000}, {"b", 1000}}, {{1, "a"}, {1, "b"}});
  std::vector<uint64_t> steps;
  const auto outcome = CountBudget(profile, By(EqualShares{.completion = Completion::kAdd1}),
                                   [&](uint64_t k, uint64_t cost) {
                                     EXPECT_EQ(cost, 0u);
                                     steps.push_back(k);
                                     return k < 2;
                                   });
  EXPECT_TRUE(absl::IsCancelled(outcome.status()));
  EXPECT_THAT(steps, ElementsAre(0u, 1u, 2u));
}

// --- What makes no sense ---

TEST(CheckRule, RefusesWhatMakesNoSense) {
  const auto refused = [](const BudgetRule& rule, const std::string& message) {
    const absl::Status status = CheckRule(rule, 3);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << message;
    EXPECT_THAT(std::string(status.message()), HasSubstr(message));
  };
  EXPECT_TRUE(CheckRule(By(kSkip), 3).ok());
  BudgetRule rule = By(Greedy{.misfit = Misfit::kSkip, .continuation = Ratio{4, 5}});
  refused(rule, "stops at the first misfit");
  for (const Ratio& share : {Ratio{0, 5}, Ratio{6, 5}, Ratio{4, 0}}) {
    refused(By(Greedy{.misfit = Misfit::kStop, .continuation = share}), "more than 0");
  }
  refused(By(EqualShares{.step = 0}), "step");
  rule = By(kSkip);
  rule.threshold = Threshold{.of = Key::kPointsPerCost, .at_least = {1, 1}};
  refused(rule, "votes or of points");
  rule.threshold = Threshold{.of = Key::kVotes, .at_least = {1, 0}};
  refused(rule, "no number");
  rule = By(kSkip);
  rule.exclusions = {{1}};
  refused(rule, "fewer than two");
  rule.exclusions = {{1, 1}};
  refused(rule, "twice");
  rule.exclusions = {{1, 3}};
  refused(rule, "not there");
  refused(By(kSkip, {TieStep::kId, TieStep::kLowerCost, TieStep::kId}), "twice");
  refused(By(kSkip, {TieStep::kLot, TieStep::kId}), "no step can follow");
  rule = By(kSkip, {TieStep::kId});
  rule.lot = {1};
  refused(rule, "not decided by lot");
  rule = By(kSkip, {TieStep::kLot});
  rule.lot = {1, 1};
  refused(rule, "twice");
}

TEST(CheckProfile, RefusesWhatCannotBeCounted) {
  const auto refused = [](const Profile& profile, const std::string& message) {
    EXPECT_THAT(std::string(CheckProfile(profile).message()), HasSubstr(message));
    EXPECT_FALSE(CountBudget(profile, By(kSkip)).ok());
  };
  const Profile good = FourVoters();
  EXPECT_TRUE(CheckProfile(good).ok());
  Profile bad = good;
  bad.budget = kMaxAmount + 1;
  refused(bad, "budget");
  bad = good;
  bad.projects[1].cost = kMaxAmount + 1;
  refused(bad, "project b costs more");
  bad = good;
  bad.projects[1].id = "a";
  refused(bad, "two projects are a");
  bad = good;
  bad.projects[1].id = "";
  refused(bad, "no id");
  bad = good;
  bad.marks[0].project = 3;
  refused(bad, "ballot 1 marks a project that is not there");
  bad = good;
  bad.marks[3].project = 0;
  refused(bad, "ballot 2 marks a twice");
  bad = good;
  bad.marks[0].points = kMaxPoints + 1;
  refused(bad, "ballot 1 gives more points");
  bad = good;
  bad.projects.assign(600, {.id = "", .name = "", .cost = kMaxAmount});
  for (size_t i = 0; i < 600; ++i) bad.projects[i].id = std::to_string(i);
  refused(bad, "add up");
}

TEST(FormatRational, RoundsHalfUp) {
  EXPECT_EQ(FormatRational(mpq_class(1, 3), 4), "0.3333");
  EXPECT_EQ(FormatRational(mpq_class(2, 3), 4), "0.6667");
  EXPECT_EQ(FormatRational(mpq_class(1, 2), 0), "1");
  EXPECT_EQ(FormatRational(mpq_class(1999, 1000), 2), "2.00");
  EXPECT_EQ(FormatRational(mpq_class(5, 1000), 2), "0.01");
  EXPECT_EQ(FormatRational(mpq_class(0), 2), "0.00");
}

// --- Random votes ---

uint64_t Draw(std::mt19937_64& random, uint64_t below) { return random() % below; }

/// Small numbers, so that ties and exact fits are frequent; costs of several sizes.
Profile Random(std::mt19937_64& random) {
  Profile profile;
  const size_t projects = 1 + Draw(random, 8);
  const uint64_t most = Draw(random, 2) == 0 ? 6 : 1000;
  for (size_t p = 0; p < projects; ++p) {
    profile.projects.push_back({.id = std::to_string(p), .name = "", .cost = Draw(random, most)});
  }
  profile.budget = 1 + Draw(random, most * projects);
  const uint32_t points = Draw(random, 2) == 0 ? 1 : 3;
  const size_t ballots = 1 + Draw(random, 25);
  for (size_t i = 0; i < ballots; ++i) {
    std::vector<Mark> marks;
    for (uint32_t p = 0; p < projects; ++p) {
      if (Draw(random, 3) == 0) {
        marks.push_back({p, static_cast<uint32_t>(Draw(random, points + 1))});
      }
    }
    std::shuffle(marks.begin(), marks.end(), random);
    profile.AddBallot(marks);
  }
  return profile;
}

Greedy RandomGreedy(std::mt19937_64& random) {
  Greedy greedy{.key = static_cast<Key>(Draw(random, 4)),
                .misfit = static_cast<Misfit>(Draw(random, 2))};
  if (greedy.misfit == Misfit::kStop && Draw(random, 2) == 0) greedy.continuation = Ratio{4, 5};
  return greedy;
}

BudgetRule RandomRule(std::mt19937_64& random, size_t projects) {
  BudgetRule rule = By(RandomGreedy(random), {TieStep::kLowerCost, TieStep::kId});
  if (Draw(random, 2) == 0) {
    rule.method = EqualShares{.utility = static_cast<Utility>(Draw(random, 2)),
                              .start = static_cast<Start>(Draw(random, 3)),
                              .step = 1 + Draw(random, 3),
                              .completion = static_cast<Completion>(Draw(random, 3)),
                              .then_greedy = Draw(random, 2) == 0,
                              .comparison = Draw(random, 2) == 0,
                              .greedy = RandomGreedy(random)};
  }
  if (Draw(random, 3) == 0) {
    rule.threshold = Threshold{.of = static_cast<Key>(Draw(random, 2)),
                               .at_least = {Draw(random, 40), 100},
                               .of_ballots = true};
  }
  if (projects > 1 && Draw(random, 2) == 0) {
    const auto a = static_cast<uint32_t>(Draw(random, projects - 1));
    rule.exclusions = {{a, static_cast<uint32_t>(a + 1 + Draw(random, projects - a - 1))}};
  }
  return rule;
}

TEST(EveryRule, KeepsTheBooks) {
  std::mt19937_64 random(1);
  size_t reserves = 0;
  for (int i = 0; i < 3000; ++i) {
    const Profile profile = Random(random);
    const BudgetRule rule = RandomRule(random, profile.projects.size());
    const BudgetOutcome outcome = Count(profile, rule);
    uint64_t cost = 0;
    for (const uint32_t p : outcome.funded) cost += profile.projects[p].cost;
    ASSERT_EQ(outcome.cost, cost);
    ASSERT_EQ(outcome.cost + outcome.left, profile.budget + outcome.reserve);
    if (outcome.reserve > 0) {
      ++reserves;
    } else {
      ASSERT_LE(outcome.cost, profile.budget);
    }
    // Each project has one decision, and those who are funded are decided in that order.
    std::vector<uint32_t> decided, funded, ranked;
    for (const Decision& decision : outcome.decisions) {
      decided.push_back(decision.project);
      if (IsFunded(decision.reason)) funded.push_back(decision.project);
    }
    for (const Ranked& r : outcome.ranking) ranked.push_back(r.project);
    ASSERT_EQ(funded, outcome.funded);
    std::sort(decided.begin(), decided.end());
    std::sort(ranked.begin(), ranked.end());
    ASSERT_EQ(decided, ranked);
    ASSERT_EQ(decided.size(), profile.projects.size());
    ASSERT_EQ(std::adjacent_find(decided.begin(), decided.end()), decided.end());
    for (const auto& group : rule.exclusions) {
      const auto in = [&](uint32_t p) {
        return std::find(funded.begin(), funded.end(), p) != funded.end();
      };
      ASSERT_LE(std::count_if(group.begin(), group.end(), in), 1);
    }
  }
  EXPECT_GT(reserves, 20u);
}

// Nobody gains from the order in which projects or ballots are listed.
TEST(EveryRule, DoesNotDependOnTheOrderOfTheLists) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 1000; ++i) {
    const Profile profile = Random(random);
    BudgetRule rule = RandomRule(random, profile.projects.size());
    const Ids expected = Funded(profile, rule);

    std::vector<uint32_t> place(profile.projects.size());  // new place of each project
    for (uint32_t p = 0; p < place.size(); ++p) place[p] = p;
    std::shuffle(place.begin(), place.end(), random);
    Profile other;
    other.budget = profile.budget;
    other.projects.resize(place.size());
    for (size_t p = 0; p < place.size(); ++p) other.projects[place[p]] = profile.projects[p];
    std::vector<size_t> ballots(profile.ballots());
    for (size_t b = 0; b < ballots.size(); ++b) ballots[b] = b;
    std::shuffle(ballots.begin(), ballots.end(), random);
    for (const size_t b : ballots) {
      std::vector<Mark> marks;
      for (const Mark& mark : profile.ballot(b))
        marks.push_back({place[mark.project], mark.points});
      other.AddBallot(marks);
    }
    for (auto& group : rule.exclusions) {
      for (uint32_t& p : group) p = place[p];
    }
    ASSERT_EQ(Funded(other, rule), expected);
  }
}

TEST(Greedy, MoreSupportOrALowerCostNeverHurtsAProject) {
  std::mt19937_64 random(3);
  size_t funded = 0;
  for (int i = 0; i < 2000; ++i) {
    Profile profile = Random(random);
    const Greedy greedy{.key = static_cast<Key>(Draw(random, 4)),
                        .misfit = static_cast<Misfit>(Draw(random, 2))};
    const BudgetRule rule = By(greedy, {TieStep::kLowerCost, TieStep::kId});
    const BudgetOutcome before = Count(profile, rule);
    if (before.funded.empty()) continue;
    const uint32_t p = before.funded[Draw(random, before.funded.size())];
    if (Draw(random, 2) == 0) {
      profile.AddBallot(std::vector<Mark>{{p, 2}});
    } else {
      profile.projects[p].cost -= Draw(random, profile.projects[p].cost + 1);
    }
    const BudgetOutcome after = Count(profile, rule);
    ASSERT_THAT(after.funded, testing::Contains(p));
    ++funded;
  }
  EXPECT_GT(funded, 1000u);
}

// --- Equal Shares against its definition, carried out word for word in fractions ---

struct Naive {
  std::vector<uint32_t> funded;
  size_t ties = 0;
};

/// Each voter an own fraction, each price found by sorting supporters. Ties by cost, then id.
Naive NaiveShares(const Profile& profile, Utility utility, const mpq_class& per_voter) {
  Naive result;
  std::vector<mpq_class> money(profile.ballots(), per_voter);
  std::vector<std::vector<std::pair<size_t, mpq_class>>> supporters(profile.projects.size());
  for (size_t i = 0; i < profile.ballots(); ++i) {
    for (const Mark& mark : profile.ballot(i)) {
      const uint64_t worth = utility == Utility::kCost
                                 ? profile.projects[mark.project].cost * mark.points
                                 : mark.points;
      if (worth > 0) supporters[mark.project].emplace_back(i, mpq_class(worth));
    }
  }
  std::vector<bool> done(profile.projects.size(), false);
  for (;;) {
    std::optional<mpq_class> best;
    std::vector<uint32_t> tied;
    for (uint32_t p = 0; p < profile.projects.size(); ++p) {
      const mpq_class cost = profile.projects[p].cost;
      if (done[p] || cost == 0 || supporters[p].empty()) continue;
      mpq_class all = 0;
      mpq_class worth = 0;
      for (const auto& [i, u] : supporters[p]) {
        all += money[i];
        worth += u;
      }
      if (all < cost) continue;
      auto sorted = supporters[p];
      std::sort(sorted.begin(), sorted.end(), [&](const auto& a, const auto& b) {
        return money[a.first] / a.second < money[b.first] / b.second;
      });
      mpq_class paid = 0;
      for (const auto& [i, u] : sorted) {
        const mpq_class rho = (cost - paid) / worth;
        if (rho * u <= money[i]) {
          if (!best.has_value() || rho < *best) {
            best = rho;
            tied.clear();
          }
          if (rho == *best) tied.push_back(p);
          break;
        }
        paid += money[i];
        worth -= u;
      }
    }
    if (!best.has_value()) return result;
    result.ties += tied.size() > 1;
    const uint32_t winner =
        *std::min_element(tied.begin(), tied.end(), [&](uint32_t a, uint32_t b) {
          return std::tuple(profile.projects[a].cost, profile.projects[a].id) <
                 std::tuple(profile.projects[b].cost, profile.projects[b].id);
        });
    mpq_class charged = 0;
    for (const auto& [i, u] : supporters[winner]) {
      const mpq_class share = std::min<mpq_class>(money[i], *best * u);
      money[i] -= share;
      charged += share;
    }
    EXPECT_EQ(charged, profile.projects[winner].cost);
    done[winner] = true;
    result.funded.push_back(winner);
  }
}

TEST(EqualShares, AgreesWithItsDefinition) {
  std::mt19937_64 random(4);
  size_t ties = 0, exact_rounds = 0, rounds = 0;
  for (int i = 0; i < 4000; ++i) {
    const Profile profile = Random(random);
    const auto utility = static_cast<Utility>(Draw(random, 2));
    mpq_class per_voter(Draw(random, 400), 1 + Draw(random, 7));
    per_voter.canonicalize();
    const Naive naive = NaiveShares(profile, utility, per_voter);

    const BudgetRule rule =
        By(EqualShares{.utility = utility}, {TieStep::kLowerCost, TieStep::kId});
    const Sums sums = SumUp(profile);
    const Pool pool{profile.projects, sums, profile.budget, rule};
    const auto barred = Barred(pool, Key::kPoints);
    const Electorate electorate = MakeElectorate(profile, pool, utility, barred);
    const auto exact = RunExactly(electorate, per_voter);
    ASSERT_TRUE(exact.ok()) << exact.status();
    std::vector<uint32_t> funded;
    size_t tied = 0;
    for (const ExactRun::Round& round : exact->rounds) {
      funded.push_back(electorate.candidates[round.candidate].project);
      tied += !round.tied.empty();
    }
    ASSERT_EQ(funded, naive.funded);
    ASSERT_EQ(tied, naive.ties);

    FilteredShares filter(electorate);
    const auto filtered = filter.Run(per_voter);
    ASSERT_TRUE(filtered.ok()) << filtered.status();
    funded.clear();
    for (const uint32_t c : *filtered) funded.push_back(electorate.candidates[c].project);
    ASSERT_EQ(funded, naive.funded);
    ties += tied;
    rounds += funded.size();
    exact_rounds += filter.exact_rounds();
  }
  EXPECT_GT(ties, 300u);
  EXPECT_GE(exact_rounds, ties);  // doubles decide no tie
  EXPECT_LT(exact_rounds, rounds);
}

// Costs that differ by one part in 2^53 and thirds of thirds: where doubles alone would guess.
TEST(EqualShares, DecidesWhatDoublesCannotTellApart) {
  std::mt19937_64 random(5);
  size_t different = 0;
  for (int i = 0; i < 300; ++i) {
    Profile profile;
    const uint64_t cost = (uint64_t{1} << 50) + Draw(random, 1000);
    for (size_t p = 0; p < 6; ++p) {
      profile.projects.push_back(
          {.id = std::to_string(p), .name = "", .cost = cost + Draw(random, 2)});
    }
    profile.budget = kMaxAmount;
    for (size_t v = 0; v < 21; ++v) {
      std::vector<Mark> marks;
      for (uint32_t p = 0; p < 6; ++p) {
        if (Draw(random, 2) == 0) marks.push_back({p, 1});
      }
      profile.AddBallot(marks);
    }
    const Naive naive = NaiveShares(profile, Utility::kPoints, mpq_class(kMaxAmount, 21));
    const BudgetRule rule =
        By(EqualShares{.utility = Utility::kPoints}, {TieStep::kLowerCost, TieStep::kId});
    const BudgetOutcome outcome = Count(profile, rule);
    ASSERT_EQ(outcome.funded, naive.funded);
    different += naive.funded.size();
  }
  EXPECT_GT(different, 300u);
}

}  // namespace
}  // namespace urna::poll::counting
