#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "poll/counting/profile.h"

namespace urna::poll::counting {

/// How a participatory budget is counted. A rule names everything that can change an outcome;
/// docs/budget-rules.md defines each word of it, so that a stranger can recount.

struct Ratio {
  uint64_t numerator = 0;
  uint64_t denominator = 1;  ///< not 0

  bool operator==(const Ratio&) const = default;
};

/// What projects are ranked by, most first.
enum class Key : uint8_t { kPoints, kVotes, kPointsPerCost, kVotesPerCost };

/// When a project costs more than what is left: go on with the next one, or end.
enum class Misfit : uint8_t { kSkip, kStop };

/// Projects in order of their key, each funded if it fits.
struct Greedy {
  Key key = Key::kPoints;
  Misfit misfit = Misfit::kSkip;
  /// With kStop: the project that did not fit is funded all the same, from a reserve, if at least
  /// this share of its cost is left.
  std::optional<Ratio> continuation = std::nullopt;

  bool operator==(const Greedy&) const = default;
};

/// What a mark is worth in Equal Shares: its points times the project's cost, or its points.
enum class Utility : uint8_t { kCost, kPoints };

/// What each voter has. B: budget, n: ballots, k: number of the run. All whole: in units of the
/// currency, not in minor units.
enum class Start : uint8_t {
  kExactThenWhole,  ///< first B/n exactly; then floor(B/n) + k steps, k = 1, 2, ...
  kExact,           ///< B/n + k steps, k = 0, 1, ...
  kWhole,           ///< floor(B/n) + k steps, k = 0, 1, ...
};

enum class Completion : uint8_t {
  kNone,  ///< the first run alone
  kAdd1,  ///< more for each voter, step by step, as long as the outcome costs no more than B
  kAdd1Exhaustive,  ///< the same, but ends with the first outcome to which no project can be added
};

/// The Method of Equal Shares.
struct EqualShares {
  Utility utility = Utility::kCost;
  Start start = Start::kExactThenWhole;
  uint64_t step = 1;  ///< minor units that each voter gets more; not 0
  Completion completion = Completion::kNone;
  bool then_greedy = false;  ///< what is left is spent by `greedy`
  bool comparison = false;   ///< the greedy outcome stands if more voters prefer it
  Greedy greedy = {.key = Key::kPoints, .misfit = Misfit::kSkip};

  bool operator==(const EqualShares&) const = default;
};

/// Only projects that reach it can be funded.
struct Threshold {
  Key of = Key::kVotes;  ///< kVotes or kPoints
  Ratio at_least;        ///< a number, or a share of the ballots
  bool of_ballots = false;

  bool operator==(const Threshold&) const = default;
};

/// Steps that decide which of two tied projects comes first.
enum class TieStep : uint8_t {
  kLowerCost,
  kMoreVotes,
  kMoreTopMarks,  ///< more marks of the most points; if equal, of the next fewer, and so on
  kLowerNumber,   ///< by id, in which each run of digits is a number
  kHigherNumber,
  kId,   ///< by id, byte for byte
  kLot,  ///< as drawn; only as the last step
};

struct BudgetRule {
  std::variant<Greedy, EqualShares> method;
  std::optional<Threshold> threshold;
  /// Of each group at most one is funded; indices of projects, at least two in a group.
  std::vector<std::vector<uint32_t>> exclusions;
  std::vector<TieStep> ties;  ///< in this order; a tie that they leave ends the count
  /// Projects in the order in which lots were drawn. Need not name all: lots are drawn when a count
  /// asks for them.
  std::vector<uint32_t> lot;

  bool operator==(const BudgetRule&) const = default;
};

/// Errors: InvalidArgument with what makes no sense: a ratio without denominator, a continuation
/// of 0 or with kSkip, a step of 0, a threshold of another key, a repeated tie step, kLot not last,
/// lots without kLot, a project that is not among `projects` or twice in a list.
absl::Status CheckRule(const BudgetRule& rule, size_t projects);

/// "lower-cost", "more-votes", "top-marks", "lower-number", "higher-number", "id", "lot".
std::string_view TieStepName(TieStep step);
std::optional<TieStep> ParseTieStep(std::string_view name);
/// "points", "votes", "points-per-cost", "votes-per-cost".
std::string_view KeyName(Key key);
std::optional<Key> ParseKey(std::string_view name);

}  // namespace urna::poll::counting
