#include "poll/counting/budget.h"

#include "base/status.h"
#include "poll/counting/greedy.h"

namespace urna::poll::counting {

absl::StatusOr<BudgetOutcome> CountBudget(const Profile& profile, const BudgetRule& rule,
                                          const Watch& watch) {
  URNA_RETURN_IF_ERROR(CheckProfile(profile));
  URNA_RETURN_IF_ERROR(CheckRule(rule, profile.projects.size()));
  const Sums sums = SumUp(profile);
  const Pool pool{profile.projects, sums, profile.budget, rule};
  if (const auto* greedy = std::get_if<Greedy>(&rule.method)) return CountGreedy(pool, *greedy);
  return CountShares(profile, pool, std::get<EqualShares>(rule.method), watch);
}

}  // namespace urna::poll::counting
