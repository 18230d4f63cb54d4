#pragma once

#include "absl/status/statusor.h"
#include "poll/counting/budget_rule.h"
#include "poll/counting/equal_shares.h"
#include "poll/counting/outcome.h"
#include "poll/counting/profile.h"

namespace urna::poll::counting {

/// Counts a participatory budget. A function of its arguments alone: the same profile and rule give
/// the same outcome everywhere. Errors: those of CheckProfile, CheckRule, CountGreedy and
/// CountShares.
absl::StatusOr<BudgetOutcome> CountBudget(const Profile& profile, const BudgetRule& rule,
                                          const Watch& watch = {});

}  // namespace urna::poll::counting
