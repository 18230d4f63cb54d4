#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "crypto/hash.h"
#include "poll/counting/budget.h"
#include "poll/definition.h"

namespace urna::poll {

/// A contest whose decision is a Budget, counted. docs/protocol.md section 8, "Budgets".
struct BudgetCount {
  /// Projects in the order of the options, by their numbers and their names in the poll's first
  /// language; without ballots unless CountsBallots.
  counting::Profile profile;
  /// Votes and marks are empty where sums of points do not show them and the rule does not ask.
  counting::Sums sums;
  counting::BudgetRule rule;  ///< with the lot, if it was drawn
  counting::BudgetOutcome outcome;
};

/// The pool and its projects, without ballots. Precondition: the decision is a Budget.
counting::Profile ProfileOf(const Contest& contest, std::string_view language);

/// Whether a tie in this contest can come to a lot.
bool AsksForLot(const Contest& contest);

/// The contest's options in the order into which `outcome`, what was drawn in public after the
/// ledger was closed with `closed`, puts them.
std::vector<uint32_t> LotOrder(const Contest& contest, const crypto::Hash32& closed,
                               std::string_view outcome);

/// Whether the rule asks for more than the points of each project. Then it is counted from the
/// ballots of a mixed tally, and sums of points, all that paper gives, are not enough.
/// Precondition: the decision is a Budget.
bool CountsBallots(const Contest& contest);

/// Adds the valid ones of a mixed contest's ballots, `picks` as State::MixedPicks gives them.
void AddPicks(const Contest& contest, std::span<const uint8_t> picks, counting::Profile* profile);

/// What a tally gives.
struct BudgetVotes {
  uint64_t ballots = 0;              ///< valid ones
  std::span<const uint64_t> points;  ///< by option
  std::span<const uint8_t> picks;    ///< where CountsBallots: all of them
};
/// `lot`: LotOrder, or empty if nothing was drawn.
/// Errors: Reject("tally.lot-missing") naming the tied projects; Internal if the count found a
/// fault of its own.
absl::StatusOr<BudgetCount> CountBudgetOf(const Contest& contest, std::string_view language,
                                          const BudgetVotes& votes, std::vector<uint32_t> lot);

}  // namespace urna::poll
