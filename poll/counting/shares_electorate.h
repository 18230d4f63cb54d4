#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "poll/counting/budget_rule.h"
#include "poll/counting/greedy.h"
#include "poll/counting/profile.h"
#include "poll/counting/ties.h"

namespace urna::poll::counting {

/// What all runs of Equal Shares over one profile have in common. Voters whose ballots support the
/// same projects with the same points have the same money at all times, so they are one class.
struct Electorate {
  struct Supporter {
    uint32_t voter;   ///< class
    uint32_t points;  ///< not 0
  };
  struct Candidate {
    uint32_t project;                   ///< index in the profile
    uint64_t cost;                      ///< not 0
    std::vector<Supporter> supporters;  ///< not empty
    uint64_t voters = 0;                ///< that they are, classes counted by weight
    uint64_t points = 0;                ///< of all of them
    std::vector<uint32_t> excludes;     ///< candidates
  };

  uint64_t voters = 0;            ///< all ballots, with or without support for a candidate
  std::vector<uint64_t> weights;  ///< by class: voters in it
  std::vector<Candidate> candidates;
  /// What a candidate's price for a point is divided by to compare candidates: its cost, or 1.
  std::vector<uint64_t> scales;
  TieBreaker ties;

  /// The first of at least two tied candidates. Errors: those of TieBreaker::FirstOf.
  struct First {
    uint32_t candidate;
    TieStep step;
  };
  absl::StatusOr<First> FirstOf(std::span<const uint32_t> tied) const;
};

/// Candidates are the projects that cost something, have support, and are not `barred`.
Electorate MakeElectorate(const Profile& profile, const Pool& pool, Utility utility,
                          std::span<const std::optional<Reason>> barred);

}  // namespace urna::poll::counting
