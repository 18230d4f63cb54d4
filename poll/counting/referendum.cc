#include "poll/counting/referendum.h"

#include "base/status.h"
#include "base/text.h"

namespace urna::poll::counting {
namespace {

// Holds the product of any two 64-bit numbers.
using Wide = unsigned __int128;

struct QuorumJudge {
  uint64_t participants, entitled;

  bool operator()(const NoQuorum&) const { return true; }
  bool operator()(const TurnoutQuorum& q) const {
    return Wide{q.denominator} * participants >= Wide{q.numerator} * entitled;
  }
  bool operator()(const RecallQuorum& q) const {
    return Wide{5} * participants >= Wide{3} * q.voters_then;
  }
};

/// The option that a decision rule makes win, for valid > 0.
struct WinnerOf {
  std::span<const uint64_t> votes;
  uint64_t valid;

  bool HasMajority(uint32_t option) const { return Wide{2} * votes[option] > valid; }

  std::optional<uint32_t> operator()(const NoDecision&) const { return std::nullopt; }
  std::optional<uint32_t> operator()(const Majority& rule) const {
    if (HasMajority(rule.yes)) return rule.yes;
    if (HasMajority(rule.no)) return rule.no;
    return std::nullopt;
  }
  std::optional<uint32_t> operator()(const TwoThirds& rule) const {
    return Wide{3} * votes[rule.yes] >= Wide{2} * valid ? rule.yes : rule.no;
  }
  std::optional<uint32_t> operator()(const Variants&) const {
    for (uint32_t option = 0; option < votes.size(); ++option) {
      if (HasMajority(option)) return option;
    }
    return std::nullopt;
  }
  std::optional<uint32_t> operator()(const Budget&) const { return std::nullopt; }
};

}  // namespace

bool QuorumMet(const Quorum& quorum, uint64_t participants, uint64_t entitled) {
  return std::visit(QuorumJudge{participants, entitled}, quorum);
}

absl::StatusOr<ContestOutcome> CountContest(const Contest& contest, const Quorum& quorum,
                                            uint64_t entitled, uint64_t ballots,
                                            uint64_t void_ballots,
                                            std::span<const uint64_t> votes) {
  ContestOutcome outcome;
  outcome.valid = ballots - void_ballots;
  const auto* choose = std::get_if<crypto::Choose>(&contest.rule);
  if (choose != nullptr && choose->hi == 1) {
    outcome.valid = 0;
    for (const uint64_t option : votes) {
      if (option > ballots - outcome.valid) {
        return base::Reject("tally.sum-exceeds-ballots",
                            base::Cat("contest \"", contest.id, "\": more votes than the ", ballots,
                                      " ballots that carry it"));
      }
      outcome.valid += option;
    }
  }
  outcome.invalid = ballots - outcome.valid;
  outcome.quorum_met = QuorumMet(quorum, ballots, entitled);

  if (std::holds_alternative<NoDecision>(contest.decision)) {
    outcome.verdict = Verdict::kNone;
  } else if (!outcome.quorum_met) {
    outcome.verdict = Verdict::kInvalid;
  } else if (std::holds_alternative<Budget>(contest.decision)) {
    outcome.verdict = outcome.valid > 0 ? Verdict::kDecided : Verdict::kUndecided;
  } else {
    // Without a single valid vote, no share of them is reached.
    if (outcome.valid > 0)
      outcome.option = std::visit(WinnerOf{votes, outcome.valid}, contest.decision);
    outcome.verdict = outcome.option.has_value() ? Verdict::kDecided : Verdict::kUndecided;
  }
  return outcome;
}

}  // namespace urna::poll::counting
