#include "poll/counting/greedy.h"

#include <algorithm>
#include <numeric>

namespace urna::poll::counting {
namespace {

// Holds the product of any two 64-bit numbers.
using Wide = unsigned __int128;

uint64_t Amount(const Sums& sums, Key key, uint32_t project) {
  return key == Key::kVotes || key == Key::kVotesPerCost ? sums.votes[project]
                                                         : sums.points[project];
}

bool PerCost(Key key) { return key == Key::kPointsPerCost || key == Key::kVotesPerCost; }

/// Less than 0 if `a` has more of the key. What costs nothing and has support has more per cost
/// than all else.
int CompareKeys(const Pool& pool, Key key, uint32_t a, uint32_t b) {
  Wide of_a = Amount(pool.sums, key, a);
  Wide of_b = Amount(pool.sums, key, b);
  if (PerCost(key) && of_a != 0 && of_b != 0) {
    const uint64_t cost_a = pool.projects[a].cost;
    const uint64_t cost_b = pool.projects[b].cost;
    if (cost_a == 0 || cost_b == 0) return (cost_a != 0) - (cost_b != 0);
    of_a *= cost_b;
    of_b *= cost_a;
  }
  return of_a > of_b ? -1 : of_a < of_b ? 1 : 0;
}

bool ReachesThreshold(const Pool& pool, uint32_t project) {
  if (!pool.rule.threshold.has_value()) return true;
  const Threshold& threshold = *pool.rule.threshold;
  const Wide needed =
      Wide{threshold.at_least.numerator} * (threshold.of_ballots ? pool.sums.ballots : 1);
  return Wide{Amount(pool.sums, threshold.of, project)} * threshold.at_least.denominator >= needed;
}

/// Projects in the order in which a greedy rule looks at them.
struct Queue {
  std::vector<uint32_t> order;
  /// Length of each run of projects that neither the key nor the tie steps nor the lot separate.
  std::vector<size_t> runs;
  TieBreaker ties;
};

Queue Line(const Pool& pool, Key key, std::vector<uint32_t> projects) {
  Queue queue{std::move(projects), {}, TieBreaker(pool.projects, pool.sums, pool.rule)};
  const auto compare = [&](uint32_t a, uint32_t b) {
    const int order = CompareKeys(pool, key, a, b);
    TieStep step;
    return order != 0 ? order : queue.ties.Compare(a, b, &step);
  };
  std::stable_sort(queue.order.begin(), queue.order.end(),
                   [&](uint32_t a, uint32_t b) { return compare(a, b) < 0; });
  for (size_t begin = 0, end; begin < queue.order.size(); begin = end) {
    for (end = begin + 1; end < queue.order.size(); ++end) {
      if (compare(queue.order[begin], queue.order[end]) != 0) break;
    }
    const bool drawn =
        end - begin > 1 && queue.ties.SortByLot(std::span(queue.order).subspan(begin, end - begin));
    if (drawn) {
      queue.runs.insert(queue.runs.end(), end - begin, 1);
    } else {
      queue.runs.push_back(end - begin);
    }
  }
  return queue;
}

/// Which of the funding's states a project meets.
class Funding {
 public:
  Funding(const Pool& pool, const Greedy& greedy, BudgetOutcome* outcome)
      : pool_(pool), greedy_(greedy), outcome_(*outcome) {}

  /// True if the order of these can change which of them are funded.
  bool OrderMatters(std::span<const uint32_t> tied) const {
    if (stopped_at_.has_value()) return false;
    const auto excluded = ExcludedBy(pool_, outcome_.funded);
    std::vector<uint32_t> fitting;
    uint64_t cost = 0;
    size_t misfits = 0;
    for (const uint32_t p : tied) {
      if (excluded[p].has_value()) continue;
      if (pool_.projects[p].cost > outcome_.left) {
        ++misfits;
        continue;
      }
      fitting.push_back(p);
      cost += pool_.projects[p].cost;
    }
    if (greedy_.misfit == Misfit::kStop && misfits > 0) {
      if (!fitting.empty()) return true;
      return misfits > 1 && greedy_.continuation.has_value();
    }
    if (cost > outcome_.left) return true;
    const auto by_each_other = ExcludedBy(pool_, fitting);
    return std::any_of(fitting.begin(), fitting.end(),
                       [&](uint32_t p) { return by_each_other[p].has_value(); });
  }

  void Decide(Decision decision) {
    const uint32_t p = decision.project;
    const uint64_t cost = pool_.projects[p].cost;
    decision.left = outcome_.left;
    const std::optional<uint32_t> excluded = ExcludedBy(pool_, outcome_.funded)[p];
    if (excluded.has_value()) {
      decision.reason = Reason::kExcluded;
      decision.because = excluded;
    } else if (stopped_at_.has_value()) {
      decision.reason = Reason::kAfterStop;
      decision.because = stopped_at_;
    } else if (cost <= outcome_.left) {
      decision.reason = Reason::kFits;
      Fund(p, cost);
    } else if (greedy_.misfit == Misfit::kSkip) {
      decision.reason = Reason::kDoesNotFit;
    } else {
      stopped_at_ = p;
      decision.reason = Reason::kDoesNotFit;
      if (greedy_.continuation.has_value() &&
          Wide{outcome_.left} * greedy_.continuation->denominator >=
              Wide{cost} * greedy_.continuation->numerator) {
        decision.reason = Reason::kReserve;
        outcome_.reserve += cost - outcome_.left;
        Fund(p, outcome_.left);
      }
    }
    outcome_.decisions.push_back(std::move(decision));
  }

 private:
  void Fund(uint32_t p, uint64_t from_budget) {
    outcome_.funded.push_back(p);
    outcome_.cost += pool_.projects[p].cost;
    outcome_.left -= from_budget;
  }

  const Pool& pool_;
  const Greedy& greedy_;
  BudgetOutcome& outcome_;
  std::optional<uint32_t> stopped_at_;
};

/// The projects of the run beginning at `begin` that have the same key as its first, after `i`, and
/// what put `i` before them.
void NoteTie(const Pool& pool, const Greedy& greedy, const Queue& queue, size_t i,
             Decision* decision) {
  const uint32_t p = queue.order[i];
  std::optional<size_t> latest;
  for (size_t j = i + 1; j < queue.order.size(); ++j) {
    const uint32_t q = queue.order[j];
    if (CompareKeys(pool, greedy.key, p, q) != 0) break;
    decision->tied.push_back(q);
    TieStep step = TieStep::kLot;
    queue.ties.Compare(p, q, &step);
    const size_t place = static_cast<size_t>(
        std::find(pool.rule.ties.begin(), pool.rule.ties.end(), step) - pool.rule.ties.begin());
    latest = std::max(latest.value_or(0), place);
  }
  if (latest.has_value() && *latest < pool.rule.ties.size()) {
    decision->tie = pool.rule.ties[*latest];
  }
}

std::vector<uint32_t> AllOf(const Pool& pool) {
  std::vector<uint32_t> all(pool.projects.size());
  std::iota(all.begin(), all.end(), 0);
  return all;
}

}  // namespace

std::vector<std::optional<Reason>> Barred(const Pool& pool, Key key) {
  std::vector<std::optional<Reason>> barred(pool.projects.size());
  for (uint32_t p = 0; p < pool.projects.size(); ++p) {
    if (pool.projects[p].withdrawn) {
      barred[p] = Reason::kWithdrawn;
    } else if (!ReachesThreshold(pool, p)) {
      barred[p] = Reason::kBelowThreshold;
    } else if (Amount(pool.sums, key, p) == 0) {
      barred[p] = Reason::kNoSupport;
    }
  }
  return barred;
}

std::vector<std::optional<uint32_t>> ExcludedBy(const Pool& pool,
                                                std::span<const uint32_t> funded) {
  std::vector<std::optional<uint32_t>> excluded(pool.projects.size());
  for (const std::vector<uint32_t>& group : pool.rule.exclusions) {
    for (const uint32_t f : funded) {
      if (std::find(group.begin(), group.end(), f) == group.end()) continue;
      for (const uint32_t p : group) {
        if (p != f && !excluded[p].has_value()) excluded[p] = f;
      }
    }
  }
  return excluded;
}

std::vector<Ranked> RankProjects(const Pool& pool, Key key) {
  const Queue queue = Line(pool, key, AllOf(pool));
  std::vector<Ranked> ranking;
  for (const size_t run : queue.runs) {
    const auto place = static_cast<uint32_t>(ranking.size() + 1);
    for (size_t i = 0; i < run; ++i) ranking.push_back({queue.order[ranking.size()], place});
  }
  return ranking;
}

absl::Status ContinueGreedily(const Pool& pool, const Greedy& greedy, BudgetOutcome* outcome) {
  std::vector<bool> funded(pool.projects.size(), false);
  for (const uint32_t p : outcome->funded) funded[p] = true;
  const std::vector<std::optional<Reason>> barred = Barred(pool, greedy.key);
  std::vector<uint32_t> rest;
  for (const Ranked& ranked : outcome->ranking) {
    if (!funded[ranked.project] && !barred[ranked.project].has_value()) {
      rest.push_back(ranked.project);
    }
  }
  const Queue queue = Line(pool, greedy.key, std::move(rest));
  Funding funding(pool, greedy, outcome);
  size_t i = 0;
  for (const size_t run : queue.runs) {
    const std::span<const uint32_t> tied = std::span(queue.order).subspan(i, run);
    if (run > 1 && funding.OrderMatters(tied)) return queue.ties.Undecided(tied);
    for (size_t end = i + run; i < end; ++i) {
      Decision decision;
      decision.project = queue.order[i];
      NoteTie(pool, greedy, queue, i, &decision);
      if (run > 1) decision.tie.reset();
      funding.Decide(std::move(decision));
    }
  }
  for (const Ranked& ranked : outcome->ranking) {
    if (funded[ranked.project] || !barred[ranked.project].has_value()) continue;
    Decision decision;
    decision.project = ranked.project;
    decision.reason = *barred[ranked.project];
    decision.left = outcome->left;
    outcome->decisions.push_back(std::move(decision));
  }
  return absl::OkStatus();
}

absl::StatusOr<BudgetOutcome> CountGreedy(const Pool& pool, const Greedy& greedy) {
  BudgetOutcome outcome;
  outcome.left = pool.budget;
  outcome.ranking = RankProjects(pool, greedy.key);
  absl::Status status = ContinueGreedily(pool, greedy, &outcome);
  if (!status.ok()) return status;
  return outcome;
}

}  // namespace urna::poll::counting
