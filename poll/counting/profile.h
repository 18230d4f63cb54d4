#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace urna::poll::counting {

/// What a participatory budget is counted from: projects with their costs, and ballots that mark
/// projects with points. docs/budget-rules.md.

/// Amounts of money are whole numbers of minor units; Profile::decimals says how many of them are
/// one unit of the currency. No amount exceeds this, so that doubles hold each exactly.
constexpr uint64_t kMaxAmount = uint64_t{1} << 53;
constexpr uint32_t kMaxDecimals = 9;
constexpr uint32_t kMaxPoints = 1000000;  ///< of one mark
constexpr size_t kMaxProjects = 1 << 16;
constexpr size_t kMaxBallots = size_t{1} << 30;

struct BudgetProject {
  std::string id;          ///< not empty; unique in its profile
  std::string name;        ///< for people; may be empty
  uint64_t cost = 0;       ///< minor units
  bool withdrawn = false;  ///< after the vote: it cannot be funded

  bool operator==(const BudgetProject&) const = default;
};

struct Mark {
  uint32_t project = 0;  ///< index into Profile::projects
  uint32_t points = 1;   ///< an approval is one point; 0 points name a project without support

  bool operator==(const Mark&) const = default;
};

struct Profile {
  uint64_t budget = 0;    ///< minor units
  uint32_t decimals = 0;  ///< one unit of the currency is 10^decimals minor units
  std::vector<BudgetProject> projects;
  std::vector<Mark> marks;   ///< of all ballots, one after the other
  std::vector<size_t> ends;  ///< ballot i has marks [ends[i-1], ends[i])

  size_t ballots() const { return ends.size(); }
  std::span<const Mark> ballot(size_t i) const;
  /// May be empty: an empty ballot counts among the voters.
  void AddBallot(std::span<const Mark> ballot);
  /// Minor units of one unit of the currency.
  uint64_t Unit() const;

  bool operator==(const Profile&) const = default;
};

/// Errors: InvalidArgument naming the project or the ballot (from 1) that breaks a limit above,
/// repeats an id, marks a project that is not there or one project twice; costs that add up to more
/// than 2^62.
absl::Status CheckProfile(const Profile& profile);

/// All that greedy rules need; a homomorphic tally can give it without any ballot.
struct Sums {
  uint64_t ballots = 0;
  std::vector<uint64_t> votes;   ///< by project: ballots that name it
  std::vector<uint64_t> points;  ///< by project
  /// By project: ballots that give it the most points that any mark of the vote has, then the next
  /// fewer, and so on down to 1.
  std::vector<std::vector<uint64_t>> top_marks;
};

/// Precondition: CheckProfile(profile) is OK.
Sums SumUp(const Profile& profile);

/// "1331751.11" and its like, as the number without the point and how many digits follow the point;
/// trailing zeros after the point count for nothing. False unless it is digits, with at most one
/// point between digits, not above kMaxAmount and with at most kMaxDecimals decimals.
bool ParseAmount(std::string_view text, uint64_t* digits, uint32_t* decimals);
/// `amount` minor units as "1331751.11", with all `decimals`.
std::string FormatAmount(uint64_t amount, uint32_t decimals);

}  // namespace urna::poll::counting
