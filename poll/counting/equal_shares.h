#pragma once

#include <cstdint>
#include <functional>

#include "absl/status/statusor.h"
#include "poll/counting/budget_rule.h"
#include "poll/counting/greedy.h"
#include "poll/counting/outcome.h"
#include "poll/counting/profile.h"

namespace urna::poll::counting {

/// Told before each run of Equal Shares how many steps its voters have got and what the outcome
/// before it costs, in minor units; false stops the count.
using Watch = std::function<bool(uint64_t steps, uint64_t cost)>;

/// Counts by `shares` the budget of `pool`, which is about `profile`: the runs, the greedy funding
/// and the comparison that the rule asks for. The outcome's reasons come from exact arithmetic.
/// Errors: FailedPrecondition for a tie that the rule does not decide; Cancelled if `watch` says
/// so; Internal if the exact recount of the last run finds another outcome, which would be a fault
/// of this program.
absl::StatusOr<BudgetOutcome> CountShares(const Profile& profile, const Pool& pool,
                                          const EqualShares& shares, const Watch& watch);

}  // namespace urna::poll::counting
