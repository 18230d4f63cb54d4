#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "poll/counting/budget_rule.h"
#include "poll/counting/outcome.h"
#include "poll/counting/profile.h"
#include "poll/counting/ties.h"

namespace urna::poll::counting {

/// What a count is about. `rule` and `sums` fit `projects` (CheckRule, SumUp). Only references.
struct Pool {
  std::span<const BudgetProject> projects;
  const Sums& sums;
  uint64_t budget;
  const BudgetRule& rule;
};

/// By project: why it cannot be funded whatever is left: kWithdrawn, kBelowThreshold, or kNoSupport
/// (none of `key`).
std::vector<std::optional<Reason>> Barred(const Pool& pool, Key key);

/// By project: one that is funded and excludes it.
std::vector<std::optional<uint32_t>> ExcludedBy(const Pool& pool, std::span<const uint32_t> funded);

/// All projects by `key`, most first, and by the rule's steps for ties.
std::vector<Ranked> RankProjects(const Pool& pool, Key key);

/// Counts by `greedy` the budget of `pool`. Needs sums only. Errors: FailedPrecondition for a tie
/// that the rule does not decide and that matters.
absl::StatusOr<BudgetOutcome> CountGreedy(const Pool& pool, const Greedy& greedy);

/// Adds to `outcome`, which has a ranking and has funded some projects, what `greedy` makes of the
/// others with what is left, and their decisions. Errors as CountGreedy; then `outcome` is of no
/// use.
absl::Status ContinueGreedily(const Pool& pool, const Greedy& greedy, BudgetOutcome* outcome);

}  // namespace urna::poll::counting
