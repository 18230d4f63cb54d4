#include "poll/budget.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "base/status.h"
#include "base/text.h"
#include "poll/counting/greedy.h"
#include "poll/mixed_tally.h"

namespace urna::poll {

using base::Cat;

counting::Profile ProfileOf(const Contest& contest, std::string_view language) {
  const Budget& budget = std::get<Budget>(contest.decision);
  counting::Profile profile;
  profile.budget = budget.amount;
  profile.decimals = budget.decimals;
  for (const Option& option : contest.options) {
    const auto name = option.text.find(std::string(language));
    profile.projects.push_back({.id = option.project->number,
                                .name = name == option.text.end() ? "" : name->second,
                                .cost = option.project->cost});
  }
  return profile;
}

bool AsksForLot(const Contest& contest) {
  const auto* budget = std::get_if<Budget>(&contest.decision);
  return budget != nullptr && budget->rule.ties.back() == counting::TieStep::kLot;
}

std::vector<uint32_t> LotOrder(const Contest& contest, const crypto::Hash32& closed,
                               std::string_view outcome) {
  std::vector<std::pair<crypto::Hash64, uint32_t>> drawn;
  for (uint32_t o = 0; o < contest.options.size(); ++o) {
    drawn.emplace_back(crypto::FramedHash({"budget-lot", base::View(closed), outcome, contest.id,
                                           contest.options[o].project->number}),
                       o);
  }
  std::ranges::sort(drawn);
  std::vector<uint32_t> order;
  for (const auto& [hash, option] : drawn) order.push_back(option);
  return order;
}

bool CountsBallots(const Contest& contest) {
  const counting::BudgetRule& rule = std::get<Budget>(contest.decision).rule;
  const auto* greedy = std::get_if<counting::Greedy>(&rule.method);
  if (greedy == nullptr) return true;
  // Where a mark is one point, sums of points are votes and marks, too.
  if (LargestMark(contest) == 1) return false;
  return greedy->key == counting::Key::kVotes || greedy->key == counting::Key::kVotesPerCost ||
         (rule.threshold.has_value() && rule.threshold->of == counting::Key::kVotes) ||
         std::ranges::any_of(rule.ties, [](counting::TieStep step) {
           return step == counting::TieStep::kMoreVotes || step == counting::TieStep::kMoreTopMarks;
         });
}

void AddPicks(const Contest& contest, std::span<const uint8_t> picks, counting::Profile* profile) {
  const size_t width = std::get<crypto::Picks>(contest.rule).w;
  std::vector<counting::Mark> marks;
  for (size_t first = 0; first < picks.size(); first += width) {
    const std::span<const uint8_t> ballot = picks.subspan(first, width);
    if (WhyVoid(contest, ballot).has_value()) continue;
    marks.clear();
    for (size_t place = 0; place < width; ++place) {
      if (ballot[place] == 0) continue;
      marks.push_back({ballot[place] - 1u, PointsOfPick(contest, place)});
    }
    profile->AddBallot(marks);
  }
}

namespace {

/// What sums of points show.
counting::Sums SumsOf(const Contest& contest, const BudgetVotes& votes) {
  counting::Sums sums;
  sums.ballots = votes.ballots;
  sums.points.assign(votes.points.begin(), votes.points.end());
  if (LargestMark(contest) != 1) return sums;
  sums.votes = sums.points;
  for (const uint64_t count : sums.votes) sums.top_marks.push_back({count});
  return sums;
}

absl::StatusOr<counting::BudgetOutcome> Count(const BudgetCount& count) {
  if (count.profile.ballots() > 0) return counting::CountBudget(count.profile, count.rule);
  const counting::Pool pool{count.profile.projects, count.sums, count.profile.budget, count.rule};
  return counting::CountGreedy(pool, std::get<counting::Greedy>(count.rule.method));
}

}  // namespace

absl::StatusOr<BudgetCount> CountBudgetOf(const Contest& contest, std::string_view language,
                                          const BudgetVotes& votes, std::vector<uint32_t> lot) {
  BudgetCount count;
  count.profile = ProfileOf(contest, language);
  count.rule = std::get<Budget>(contest.decision).rule;
  if (AsksForLot(contest)) count.rule.lot = std::move(lot);
  if (CountsBallots(contest)) {
    AddPicks(contest, votes.picks, &count.profile);
    count.sums = counting::SumUp(count.profile);
  } else {
    count.sums = SumsOf(contest, votes);
  }
  auto outcome = Count(count);
  if (absl::IsFailedPrecondition(outcome.status())) {
    return base::Reject("tally.lot-missing",
                        Cat("contest ", contest.id, ": ", std::string(outcome.status().message())));
  }
  URNA_RETURN_IF_ERROR(outcome.status());
  count.outcome = *std::move(outcome);
  return count;
}

}  // namespace urna::poll
