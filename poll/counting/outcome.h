#pragma once

#include <gmpxx.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "poll/counting/budget_rule.h"

namespace urna::poll::counting {

/// Why a project is or is not funded.
enum class Reason : uint8_t {
  kFits,               ///< funded: its cost was left
  kShares,             ///< funded: its supporters paid for it (Equal Shares)
  kReserve,            ///< funded: enough of its cost was left, the rest comes from a reserve
  kDoesNotFit,         ///< it costs more than what was left
  kAfterStop,          ///< the funding had ended
  kSupportersTooPoor,  ///< what its supporters have left is less than its cost (Equal Shares)
  kWithoutCost,        ///< Equal Shares fund nothing that costs nothing
  kExcluded,           ///< a project that excludes it is funded
  kBelowThreshold,
  kNoSupport,
  kWithdrawn,
};

bool IsFunded(Reason reason);

/// What was decided about one project, and on what ground.
struct Decision {
  uint32_t project = 0;
  Reason reason = Reason::kNoSupport;
  uint64_t left = 0;  ///< minor units of the budget left before this decision
  /// The projects that were tied with it for this place, and lost it; why they did.
  std::vector<uint32_t> tied;
  std::optional<TieStep> tie;  ///< empty although `tied` is not: the order did not matter
  std::optional<uint32_t>
      because;  ///< kExcluded: the funded one; kAfterStop: the one that did not fit
  /// kShares: what supporters pay for a point, if they have it; minor units.
  /// kSupportersTooPoor: what they have left, all together.
  mpq_class money;
  uint64_t payers = 0;    ///< kShares: supporters who pay anything
  uint64_t paid_all = 0;  ///< of these, who paid all that they had left
};

struct Ranked {
  uint32_t project = 0;
  uint32_t place = 1;  ///< from 1; the same for projects that the rule leaves tied
};

/// How the runs of Equal Shares came to their end.
enum class SharesEnd : uint8_t {
  kOneRun,      ///< the rule wants no more
  kOverBudget,  ///< the outcome of one more run would have cost more than the budget
  kExhaustive,  ///< no project could be added
  kAllFunded,   ///< every project that can be funded by shares is funded
};

struct SharesReport {
  uint64_t steps = 0;   ///< k of the run that stands
  mpq_class per_voter;  ///< minor units that each voter had in it
  SharesEnd end = SharesEnd::kOneRun;
  std::optional<uint64_t> next_cost;  ///< kOverBudget: what the outcome would have cost
  struct Comparison {
    uint64_t prefer_shares = 0, prefer_greedy = 0, indifferent = 0;  ///< voters
    std::vector<uint32_t> shares, greedy;  ///< the funded projects of either outcome
  };
  std::optional<Comparison> comparison;  ///< with prefer_greedy > prefer_shares greedy stands
};

struct BudgetOutcome {
  std::vector<uint32_t> funded;     ///< in the order of funding
  uint64_t cost = 0;                ///< of these; minor units
  uint64_t left = 0;                ///< of the budget
  uint64_t reserve = 0;             ///< cost + left = budget + reserve
  std::vector<Ranked> ranking;      ///< all projects by the greedy key, most first
  std::vector<Decision> decisions;  ///< each project once, in the order they were decided
  std::optional<SharesReport> shares;
};

/// `value` with `digits` digits after the point, rounded half up. Precondition: value >= 0.
std::string FormatRational(const mpq_class& value, uint32_t digits);

}  // namespace urna::poll::counting
