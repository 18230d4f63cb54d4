#include "poll/counting/shares_electorate.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace urna::poll::counting {

absl::StatusOr<Electorate::First> Electorate::FirstOf(std::span<const uint32_t> tied) const {
  std::vector<uint32_t> projects;
  for (const uint32_t c : tied) projects.push_back(candidates[c].project);
  const absl::StatusOr<TieBreaker::First> first = ties.FirstOf(projects);
  if (!first.ok()) return first.status();
  for (const uint32_t c : tied) {
    if (candidates[c].project == first->project) return First{c, first->step};
  }
  return First{tied[0], first->step};  // not reached: the first is one of them
}

Electorate MakeElectorate(const Profile& profile, const Pool& pool, Utility utility,
                          std::span<const std::optional<Reason>> barred) {
  Electorate electorate{.voters = profile.ballots(),
                        .weights = {},
                        .candidates = {},
                        .scales = {},
                        .ties = TieBreaker(pool.projects, pool.sums, pool.rule)};
  constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();
  std::vector<uint32_t> candidate_of(pool.projects.size(), kNone);
  for (uint32_t p = 0; p < pool.projects.size(); ++p) {
    const uint64_t cost = pool.projects[p].cost;
    if (barred[p].has_value() || cost == 0 || pool.sums.points[p] == 0) continue;
    candidate_of[p] = static_cast<uint32_t>(electorate.candidates.size());
    electorate.candidates.push_back({.project = p, .cost = cost, .supporters = {}, .excludes = {}});
    electorate.scales.push_back(utility == Utility::kCost ? cost : 1);
  }
  for (const std::vector<uint32_t>& group : pool.rule.exclusions) {
    for (const uint32_t p : group) {
      if (candidate_of[p] == kNone) continue;
      for (const uint32_t q : group) {
        if (q == p || candidate_of[q] == kNone) continue;
        electorate.candidates[candidate_of[p]].excludes.push_back(candidate_of[q]);
      }
    }
  }

  // Ballots in the order of what they say, so that equal ones are neighbours.
  std::vector<Mark> marks;
  std::vector<std::pair<size_t, size_t>> ballots;
  marks.reserve(profile.marks.size());
  for (size_t i = 0; i < profile.ballots(); ++i) {
    const size_t begin = marks.size();
    for (const Mark& mark : profile.ballot(i)) {
      if (mark.points == 0 || candidate_of[mark.project] == kNone) continue;
      marks.push_back({candidate_of[mark.project], mark.points});
    }
    if (marks.size() == begin) continue;
    std::sort(marks.begin() + static_cast<ptrdiff_t>(begin), marks.end(),
              [](const Mark& a, const Mark& b) { return a.project < b.project; });
    ballots.emplace_back(begin, marks.size());
  }
  const auto compare = [&](const auto& a, const auto& b) {
    return std::lexicographical_compare_three_way(
        marks.begin() + static_cast<ptrdiff_t>(a.first),
        marks.begin() + static_cast<ptrdiff_t>(a.second),
        marks.begin() + static_cast<ptrdiff_t>(b.first),
        marks.begin() + static_cast<ptrdiff_t>(b.second), [](const Mark& x, const Mark& y) {
          return std::pair(x.project, x.points) <=> std::pair(y.project, y.points);
        });
  };
  std::sort(ballots.begin(), ballots.end(),
            [&](const auto& a, const auto& b) { return compare(a, b) < 0; });
  for (size_t i = 0; i < ballots.size(); ++i) {
    if (i > 0 && compare(ballots[i - 1], ballots[i]) == 0) {
      ++electorate.weights.back();
      continue;
    }
    const auto voter = static_cast<uint32_t>(electorate.weights.size());
    electorate.weights.push_back(1);
    for (size_t m = ballots[i].first; m < ballots[i].second; ++m) {
      electorate.candidates[marks[m].project].supporters.push_back({voter, marks[m].points});
    }
  }
  for (Electorate::Candidate& candidate : electorate.candidates) {
    for (const Electorate::Supporter& s : candidate.supporters) {
      candidate.voters += electorate.weights[s.voter];
      candidate.points += electorate.weights[s.voter] * s.points;
    }
  }
  return electorate;
}

}  // namespace urna::poll::counting
