#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "poll/counting/budget_rule.h"
#include "poll/counting/profile.h"

namespace urna::poll::counting {

/// Which of two ids comes first, less than 0 if `a`: each run of digits compares as a number, all
/// else byte for byte; ids that differ only in zeros before a number compare byte for byte.
int CompareNumbers(std::string_view a, std::string_view b);

/// Decides ties as a rule says. Keeps references to what it was made from.
class TieBreaker {
 public:
  TieBreaker(std::span<const BudgetProject> projects, const Sums& sums, const BudgetRule& rule);

  /// Less than 0 if `a` comes first, more if `b`, by all steps but the lot; then `*step` is the one
  /// that decides. 0 if they leave it open.
  int Compare(uint32_t a, uint32_t b, TieStep* step) const;

  /// Sorts projects that no other step separates as the lot drew them. False, changing nothing, if
  /// the rule has no lot, or it has not drawn all of them.
  bool SortByLot(std::span<uint32_t> tied) const;

  struct First {
    uint32_t project;
    TieStep step;  ///< that puts it before all others
  };
  /// The first of at least two tied projects. Errors: that of Undecided.
  absl::StatusOr<First> FirstOf(std::span<const uint32_t> tied) const;

  /// FailedPrecondition naming the projects that the rule leaves tied, and that a lot must be drawn
  /// if the rule has one.
  absl::Status Undecided(std::span<const uint32_t> tied) const;

 private:
  std::span<const BudgetProject> projects_;
  const Sums& sums_;
  std::vector<TieStep> steps_;  // without the lot
  bool has_lot_ = false;
  std::vector<std::optional<uint32_t>> drawn_;  // by project: place in the lot
};

}  // namespace urna::poll::counting
