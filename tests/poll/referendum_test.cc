#include "poll/counting/referendum.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "base/status.h"

namespace urna::poll::counting {
namespace {

constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();

Contest Question(Decision decision, uint32_t options = 2, uint32_t lo = 0) {
  Contest contest;
  contest.id = "q";
  contest.options.resize(options);
  contest.rule = crypto::Choose{.lo = lo, .hi = 1, .n = options};
  contest.decision = decision;
  return contest;
}

const Decision kMajority = Majority{.yes = 0, .no = 1};
const Decision kTwoThirds = TwoThirds{.yes = 0, .no = 1};

ContestOutcome Count(const Contest& contest, const Quorum& quorum, uint64_t entitled,
                     uint64_t ballots, std::vector<uint64_t> votes) {
  const auto outcome = CountContest(contest, quorum, entitled, ballots, 0, votes);
  EXPECT_TRUE(outcome.ok()) << outcome.status();
  return outcome.ok() ? *outcome : ContestOutcome{};
}

ContestOutcome Decided(uint64_t valid, uint64_t invalid, uint32_t option) {
  return {.valid = valid,
          .invalid = invalid,
          .quorum_met = true,
          .verdict = Verdict::kDecided,
          .option = option};
}

ContestOutcome Undecided(uint64_t valid, uint64_t invalid) {
  return {.valid = valid,
          .invalid = invalid,
          .quorum_met = true,
          .verdict = Verdict::kUndecided,
          .option = std::nullopt};
}

TEST(Quorum, IsMetAtExactlyThirtyPercentAndMissedByOne) {
  const Quorum quorum = TurnoutQuorum{.numerator = 3, .denominator = 10};
  EXPECT_TRUE(QuorumMet(quorum, 300, 1000));
  EXPECT_FALSE(QuorumMet(quorum, 299, 1000));
  // 30 % of 1001 is 300.3: 300 are too few, though a rounded percentage says 30.0.
  EXPECT_FALSE(QuorumMet(quorum, 300, 1001));
  EXPECT_TRUE(QuorumMet(quorum, 301, 1001));
  EXPECT_FALSE(QuorumMet(quorum, 0, 1));
}

TEST(Quorum, OfARecallIsThreeFifthsOfThoseWhoVotedThen) {
  const Quorum quorum = RecallQuorum{.voters_then = 1000};
  EXPECT_TRUE(QuorumMet(quorum, 600, 999999));  // those entitled play no part
  EXPECT_FALSE(QuorumMet(quorum, 599, 1));
  EXPECT_FALSE(QuorumMet(RecallQuorum{.voters_then = 1001}, 600, 0));
  EXPECT_TRUE(QuorumMet(RecallQuorum{.voters_then = 1001}, 601, 0));
}

TEST(Quorum, OfNoneIsAlwaysMet) {
  EXPECT_TRUE(QuorumMet(NoQuorum{}, 0, 0));
  EXPECT_TRUE(QuorumMet(NoQuorum{}, 0, 1000));
}

TEST(Quorum, DoesNotOverflow) {
  const Quorum half =
      TurnoutQuorum{.numerator = uint64_t{1} << 62, .denominator = uint64_t{1} << 63};
  EXPECT_TRUE(QuorumMet(half, uint64_t{1} << 62, uint64_t{1} << 63));
  EXPECT_FALSE(QuorumMet(half, (uint64_t{1} << 62) - 1, uint64_t{1} << 63));
  EXPECT_TRUE(QuorumMet(TurnoutQuorum{.numerator = kMax, .denominator = kMax}, kMax, kMax));
  EXPECT_FALSE(QuorumMet(TurnoutQuorum{.numerator = kMax, .denominator = kMax}, kMax - 1, kMax));
  EXPECT_FALSE(QuorumMet(RecallQuorum{.voters_then = kMax}, kMax / 5 * 3 - 1, 0));
  EXPECT_TRUE(QuorumMet(RecallQuorum{.voters_then = kMax}, kMax / 5 * 3, 0));
}

TEST(Majority, NeedsMoreThanHalfOfTheValidVotes) {
  const Contest q = Question(kMajority);
  EXPECT_EQ(Count(q, NoQuorum{}, 1000, 101, {51, 50}), Decided(101, 0, 0));
  EXPECT_EQ(Count(q, NoQuorum{}, 1000, 101, {50, 51}), Decided(101, 0, 1));
  EXPECT_EQ(Count(q, NoQuorum{}, 1000, 100, {50, 50}), Undecided(100, 0));
}

TEST(Majority, BlankAnswersAreInvalidAndDoNotCountAgainstIt) {
  const Contest q = Question(kMajority);
  EXPECT_EQ(Count(q, NoQuorum{}, 1000, 100, {2, 1}), Decided(3, 97, 0));
  EXPECT_EQ(Count(q, NoQuorum{}, 1000, 100, {2, 2}), Undecided(4, 96));
}

TEST(Majority, FollowsTheOptionsThatTheDefinitionNames) {
  const Contest q = Question(Majority{.yes = 1, .no = 0});
  EXPECT_EQ(Count(q, NoQuorum{}, 10, 3, {1, 2}), Decided(3, 0, 1));
  EXPECT_EQ(Count(q, NoQuorum{}, 10, 3, {2, 1}), Decided(3, 0, 0));
}

TEST(Majority, OfOneVoteDecides) {
  EXPECT_EQ(Count(Question(kMajority), NoQuorum{}, 1, 1, {1, 0}), Decided(1, 0, 0));
}

TEST(Majority, IsNothingWithoutTheQuorum) {
  const Quorum quorum = TurnoutQuorum{.numerator = 3, .denominator = 10};
  const ContestOutcome missed = {.valid = 299,
                                 .invalid = 0,
                                 .quorum_met = false,
                                 .verdict = Verdict::kInvalid,
                                 .option = std::nullopt};
  EXPECT_EQ(Count(Question(kMajority), quorum, 1000, 299, {299, 0}), missed);
  // Blank answers take part: with them the quorum is reached.
  EXPECT_EQ(Count(Question(kMajority), quorum, 1000, 300, {1, 0}), Decided(1, 299, 0));
}

TEST(TwoThirds, IsReachedExactlyAndMissedByOne) {
  const Contest q = Question(kTwoThirds);
  EXPECT_EQ(Count(q, NoQuorum{}, 1000, 300, {200, 100}), Decided(300, 0, 0));
  EXPECT_EQ(Count(q, NoQuorum{}, 1000, 300, {199, 101}), Decided(300, 0, 1));
  EXPECT_EQ(Count(q, NoQuorum{}, 1000, 100, {66, 34}), Decided(100, 0, 1));
  EXPECT_EQ(Count(q, NoQuorum{}, 1000, 100, {67, 33}), Decided(100, 0, 0));
  // Blank answers are not valid votes: 2 of 3, not 2 of 300.
  EXPECT_EQ(Count(q, NoQuorum{}, 1000, 300, {2, 1}), Decided(3, 297, 0));
}

TEST(TwoThirds, IsNothingWithoutTheQuorum) {
  const ContestOutcome outcome =
      Count(Question(kTwoThirds), RecallQuorum{.voters_then = 1000}, 0, 599, {599, 0});
  EXPECT_EQ(outcome.verdict, Verdict::kInvalid);
  EXPECT_EQ(outcome.option, std::nullopt);
}

TEST(Variants, OneWinsWithMoreThanHalfAndAPluralityDecidesNothing) {
  const Contest q = Question(Variants{}, 3);
  EXPECT_EQ(Count(q, NoQuorum{}, 1000, 101, {20, 30, 51}), Decided(101, 0, 2));
  EXPECT_EQ(Count(q, NoQuorum{}, 1000, 100, {20, 30, 50}), Undecided(100, 0));
  EXPECT_EQ(Count(q, NoQuorum{}, 1000, 99, {33, 33, 33}), Undecided(99, 0));
  EXPECT_EQ(Count(q, NoQuorum{}, 1000, 100, {5, 0, 0}), Decided(5, 95, 0));
}

TEST(CountContest, DecidesNothingWithoutAValidVote) {
  for (const Decision& decision : {kMajority, kTwoThirds, Decision(Variants{})}) {
    EXPECT_EQ(Count(Question(decision), NoQuorum{}, 10, 0, {0, 0}), Undecided(0, 0));
    EXPECT_EQ(Count(Question(decision), NoQuorum{}, 10, 7, {0, 0}), Undecided(0, 7));
  }
}

TEST(CountContest, RefusesMoreVotesThanBallots) {
  for (const std::vector<uint64_t>& votes :
       {std::vector<uint64_t>{6, 5}, {11, 0}, {0, 11}, {kMax, 1}, {1, kMax}, {kMax, kMax}}) {
    const auto outcome = CountContest(Question(kMajority), NoQuorum{}, 100, 10, 0, votes);
    EXPECT_EQ(base::RejectId(outcome.status()), "tally.sum-exceeds-ballots");
  }
  EXPECT_EQ(Count(Question(kMajority), NoQuorum{}, 100, 11, {6, 5}), Decided(11, 0, 0));
}

TEST(CountContest, TakesEveryBallotOfOtherRulesAsValid) {
  Contest contest;
  contest.id = "s";
  contest.options.resize(2);
  const crypto::Rule rules[] = {crypto::Score{.max = 5, .n = 2}, crypto::Points{.k = 2, .n = 2},
                                crypto::Choose{.lo = 0, .hi = 2, .n = 2}};
  for (const crypto::Rule& rule : rules) {
    contest.rule = rule;
    const ContestOutcome outcome = Count(contest, NoQuorum{}, 100, 10, {50, 30});
    EXPECT_EQ(outcome.valid, 10u);
    EXPECT_EQ(outcome.invalid, 0u);
    EXPECT_EQ(outcome.verdict, Verdict::kNone);
    EXPECT_EQ(outcome.option, std::nullopt);
  }
}

TEST(CountContest, WithoutADecisionReportsTheQuorumOnly) {
  const Quorum quorum = TurnoutQuorum{.numerator = 1, .denominator = 2};
  const Contest survey = Question(NoDecision{});
  ContestOutcome outcome = Count(survey, quorum, 10, 4, {4, 0});
  EXPECT_FALSE(outcome.quorum_met);
  EXPECT_EQ(outcome.verdict, Verdict::kNone);
  outcome = Count(survey, quorum, 10, 5, {4, 0});
  EXPECT_TRUE(outcome.quorum_met);
  EXPECT_EQ(outcome.verdict, Verdict::kNone);
  EXPECT_EQ(outcome.option, std::nullopt);
}

// The local referendum in Kraków of 25 May 2014: turnout 35.96 %, four questions. The votes are the
// published ones; entitled and participants are numbers that give the published turnout.
TEST(CountContest, GivesTheResultOfKrakow2014) {
  constexpr uint64_t kEntitled = 589000;
  constexpr uint64_t kParticipants = 211805;
  ASSERT_EQ(kParticipants * 10000 / kEntitled, 3596u);
  const Quorum quorum = TurnoutQuorum{.numerator = 3, .denominator = 10};
  struct {
    uint64_t yes, no, valid, share;  // share of the winner, in hundredths of a percent, rounded
    uint32_t winner;
  } const questions[] = {
      {62453, 143796, 206249, 6972, 1},  // the Winter Olympics
      {112856, 91939, 204795, 5511, 0},  // a metro
      {142772, 61969, 204741, 6973, 0},  // surveillance cameras
      {175033, 30398, 205431, 8520, 0},  // cycle paths
  };
  for (const auto& q : questions) {
    EXPECT_EQ(Count(Question(kMajority), quorum, kEntitled, kParticipants, {q.yes, q.no}),
              Decided(q.valid, kParticipants - q.valid, q.winner));
    const uint64_t won = q.winner == 0 ? q.yes : q.no;
    EXPECT_EQ((won * 100000 / q.valid + 5) / 10, q.share);
    // With a fifth more people entitled, the same votes would have been below 30 %.
    EXPECT_EQ(
        Count(Question(kMajority), quorum, kEntitled * 6 / 5 + 1, kParticipants, {q.yes, q.no})
            .verdict,
        Verdict::kInvalid);
  }
}

// --- Against an oracle that works with fractions in lowest terms, compared by continued fractions

struct Fraction {
  uint64_t top, bottom;  // bottom > 0
};

/// -1, 0 or 1 as a <, =, > b, without a product.
int Compare(Fraction a, Fraction b) {
  const uint64_t whole_a = a.top / a.bottom;
  const uint64_t whole_b = b.top / b.bottom;
  if (whole_a != whole_b) return whole_a < whole_b ? -1 : 1;
  const uint64_t rest_a = a.top % a.bottom;
  const uint64_t rest_b = b.top % b.bottom;
  if (rest_a == 0 || rest_b == 0) return rest_a == rest_b ? 0 : (rest_a == 0 ? -1 : 1);
  return Compare({b.bottom, rest_b}, {a.bottom, rest_a});
}

uint64_t Draw(std::mt19937_64& random, uint64_t below) {
  return std::uniform_int_distribution<uint64_t>(0, below - 1)(random);
}

TEST(CountContest, AgreesWithARationalOracle) {
  std::mt19937_64 random(20140525);
  int decided = 0, undecided = 0, invalid = 0, exact = 0;
  for (int i = 0; i < 200000; ++i) {
    // Small numbers hit the boundaries, large ones the overflows.
    const uint64_t scale = i % 3 == 0 ? 12 : i % 3 == 1 ? 1000 : uint64_t{1} << 61;
    const uint32_t options = i % 4 == 3 ? 3 : 2;
    std::vector<uint64_t> votes(options);
    for (uint64_t& v : votes) v = Draw(random, scale);
    const uint64_t valid = std::accumulate(votes.begin(), votes.end(), uint64_t{0});
    const uint64_t ballots = valid + Draw(random, scale);
    const uint64_t entitled = 1 + ballots + Draw(random, 3 * scale);
    const uint64_t bottom = 1 + Draw(random, scale);
    const uint64_t top = 1 + Draw(random, bottom);

    const bool recall = i % 5 == 0;
    const Quorum quorum = recall ? Quorum(RecallQuorum{.voters_then = entitled})
                                 : Quorum(TurnoutQuorum{.numerator = top, .denominator = bottom});
    const Fraction needed = recall ? Fraction{3, 5} : Fraction{top, bottom};
    const int turnout = Compare({ballots, entitled}, needed);
    if (turnout == 0) ++exact;

    const Decision decision = options == 3 ? Decision(Variants{})
                              : i % 2 == 0 ? kMajority
                                           : kTwoThirds;
    Verdict verdict = Verdict::kUndecided;
    std::optional<uint32_t> option;
    if (turnout < 0) {
      verdict = Verdict::kInvalid;
    } else if (valid > 0) {
      for (uint32_t k = 0; k < options; ++k) {
        const int half = Compare({votes[k], valid}, {1, 2});
        const int two_thirds = Compare({votes[0], valid}, {2, 3});
        const bool wins = std::holds_alternative<TwoThirds>(decision)
                              ? (k == 0 ? two_thirds >= 0 : two_thirds < 0)
                              : half > 0;
        if (half == 0 || two_thirds == 0) ++exact;
        if (!wins) continue;
        ASSERT_FALSE(option.has_value());
        option = k;
        verdict = Verdict::kDecided;
      }
    }
    const ContestOutcome expected = {.valid = valid,
                                     .invalid = ballots - valid,
                                     .quorum_met = turnout >= 0,
                                     .verdict = verdict,
                                     .option = option};
    ASSERT_EQ(Count(Question(decision, options), quorum, entitled, ballots, votes), expected)
        << "ballots " << ballots << " of " << entitled << ", case " << i;
    decided += verdict == Verdict::kDecided;
    undecided += verdict == Verdict::kUndecided;
    invalid += verdict == Verdict::kInvalid;
  }
  // The cases drawn cover every verdict and many exact boundaries.
  EXPECT_GT(decided, 10000);
  EXPECT_GT(undecided, 1000);
  EXPECT_GT(invalid, 10000);
  EXPECT_GT(exact, 1000);
}

}  // namespace
}  // namespace urna::poll::counting
