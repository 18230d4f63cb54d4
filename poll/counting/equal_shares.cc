#include "poll/counting/equal_shares.h"

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "poll/counting/shares_electorate.h"
#include "poll/counting/shares_exact.h"
#include "poll/counting/shares_filter.h"

namespace urna::poll::counting {
namespace {

/// The runs of one count, until the one that stands.
class Runs {
 public:
  Runs(const Pool& pool, const EqualShares& shares, uint64_t unit, const Electorate& electorate,
       std::span<const std::optional<Reason>> barred, const Watch& watch)
      : pool_(pool),
        shares_(shares),
        unit_(unit),
        electorate_(electorate),
        barred_(barred),
        watch_(watch),
        filter_(electorate) {}

  /// The candidates that the standing run funds, in order.
  absl::StatusOr<std::vector<uint32_t>> Find(SharesReport* report) {
    URNA_ASSIGN_OR_RETURN(std::vector<uint32_t> standing, Run(0, 0));
    uint64_t cost = Cost(standing);
    report->steps = 0;
    report->end = SharesEnd::kOneRun;
    for (uint64_t k = 1; shares_.completion != Completion::kNone; ++k) {
      if (shares_.completion == Completion::kAdd1Exhaustive && Exhaustive(standing, cost)) {
        report->end = SharesEnd::kExhaustive;
        break;
      }
      if (AllFunded(standing)) {
        report->end = SharesEnd::kAllFunded;
        break;
      }
      URNA_ASSIGN_OR_RETURN(std::vector<uint32_t> next, Run(k, cost));
      const uint64_t next_cost = Cost(next);
      if (next_cost > pool_.budget) {
        report->end = SharesEnd::kOverBudget;
        report->next_cost = next_cost;
        break;
      }
      standing = std::move(next);
      cost = next_cost;
      report->steps = k;
    }
    report->per_voter = PerVoter(report->steps);
    return standing;
  }

  mpq_class PerVoter(uint64_t k) const {
    if (electorate_.voters == 0) return 0;
    mpq_class share(mpz_class(pool_.budget), mpz_class(electorate_.voters));
    share.canonicalize();
    const bool whole =
        shares_.start == Start::kWhole || (shares_.start == Start::kExactThenWhole && k > 0);
    if (whole) {
      const mpz_class units = share.get_num() / (share.get_den() * unit_);
      share = units * unit_;
    }
    return share + mpz_class(shares_.step) * k;
  }

 private:
  absl::StatusOr<std::vector<uint32_t>> Run(uint64_t k, uint64_t cost) {
    if (watch_ && !watch_(k, cost)) return absl::CancelledError("the count was interrupted");
    return filter_.Run(PerVoter(k));
  }

  uint64_t Cost(const std::vector<uint32_t>& funded) const {
    uint64_t cost = 0;
    for (const uint32_t c : funded) cost += electorate_.candidates[c].cost;
    return cost;
  }

  /// No project, with support or without it, could be added.
  bool Exhaustive(const std::vector<uint32_t>& funded, uint64_t cost) const {
    std::vector<uint32_t> projects;
    for (const uint32_t c : funded) projects.push_back(electorate_.candidates[c].project);
    std::vector<bool> out(pool_.projects.size(), false);
    for (const uint32_t p : projects) out[p] = true;
    const auto excluded = ExcludedBy(pool_, projects);
    for (uint32_t p = 0; p < pool_.projects.size(); ++p) {
      const bool barred = barred_[p].has_value() && barred_[p] != Reason::kNoSupport;
      if (out[p] || barred || excluded[p].has_value()) continue;
      if (pool_.projects[p].cost <= pool_.budget - cost) return false;
    }
    return true;
  }

  /// Each candidate is funded or excluded.
  bool AllFunded(const std::vector<uint32_t>& funded) const {
    std::vector<bool> done(electorate_.candidates.size(), false);
    for (const uint32_t c : funded) {
      done[c] = true;
      for (const uint32_t other : electorate_.candidates[c].excludes) done[other] = true;
    }
    return std::find(done.begin(), done.end(), false) == done.end();
  }

  const Pool& pool_;
  const EqualShares& shares_;
  const uint64_t unit_;
  const Electorate& electorate_;
  const std::span<const std::optional<Reason>> barred_;
  const Watch& watch_;
  FilteredShares filter_;
};

/// Adds the rounds of the standing run to the outcome.
void Fund(const Pool& pool, const Electorate& electorate, const ExactRun& run,
          BudgetOutcome* outcome) {
  for (const ExactRun::Round& round : run.rounds) {
    Decision decision;
    decision.project = electorate.candidates[round.candidate].project;
    decision.reason = Reason::kShares;
    decision.left = outcome->left;
    for (const uint32_t c : round.tied) {
      decision.tied.push_back(electorate.candidates[c].project);
    }
    decision.tie = round.tie;
    decision.money = round.payment.price;
    decision.payers = round.payment.payers;
    decision.paid_all = round.payment.paid_all;
    outcome->funded.push_back(decision.project);
    const uint64_t cost = pool.projects[decision.project].cost;
    outcome->cost += cost;
    outcome->left -= cost;
    outcome->decisions.push_back(std::move(decision));
  }
}

/// Why each project that has no decision yet is not funded by shares.
void Refuse(const Pool& pool, const Electorate& electorate, const ExactRun& run,
            std::span<const std::optional<Reason>> barred, BudgetOutcome* outcome) {
  std::vector<std::optional<mpq_class>> short_of(pool.projects.size());
  for (size_t c = 0; c < run.short_of.size(); ++c) {
    short_of[electorate.candidates[c].project] = run.short_of[c];
  }
  std::vector<bool> funded(pool.projects.size(), false);
  for (const uint32_t p : outcome->funded) funded[p] = true;
  const auto excluded = ExcludedBy(pool, outcome->funded);
  for (const Ranked& ranked : outcome->ranking) {
    const uint32_t p = ranked.project;
    if (funded[p]) continue;
    Decision decision;
    decision.project = p;
    decision.left = outcome->left;
    if (barred[p].has_value()) {
      decision.reason = *barred[p];
    } else if (pool.sums.points[p] == 0) {
      decision.reason = Reason::kNoSupport;
    } else if (pool.projects[p].cost == 0) {
      decision.reason = Reason::kWithoutCost;
    } else if (excluded[p].has_value()) {
      decision.reason = Reason::kExcluded;
      decision.because = excluded[p];
    } else {
      decision.reason = Reason::kSupportersTooPoor;
      decision.money = short_of[p].value_or(0);
    }
    outcome->decisions.push_back(std::move(decision));
  }
}

SharesReport::Comparison Compare(const Profile& profile, const std::vector<uint32_t>& shares,
                                 const std::vector<uint32_t>& greedy) {
  SharesReport::Comparison comparison;
  comparison.shares = shares;
  comparison.greedy = greedy;
  std::vector<int> balance(profile.projects.size(), 0);
  for (const uint32_t p : shares) ++balance[p];
  for (const uint32_t p : greedy) --balance[p];
  for (size_t i = 0; i < profile.ballots(); ++i) {
    int more = 0;  // of the projects it supports, with shares
    for (const Mark& mark : profile.ballot(i)) {
      if (mark.points > 0) more += balance[mark.project];
    }
    if (more > 0) ++comparison.prefer_shares;
    if (more < 0) ++comparison.prefer_greedy;
    if (more == 0) ++comparison.indifferent;
  }
  return comparison;
}

}  // namespace

absl::StatusOr<BudgetOutcome> CountShares(const Profile& profile, const Pool& pool,
                                          const EqualShares& shares, const Watch& watch) {
  const std::vector<std::optional<Reason>> barred = Barred(pool, Key::kPoints);
  const Electorate electorate = MakeElectorate(profile, pool, shares.utility, barred);
  Runs runs(pool, shares, profile.Unit(), electorate, barred, watch);
  SharesReport report;
  URNA_ASSIGN_OR_RETURN(const std::vector<uint32_t> standing, runs.Find(&report));

  URNA_ASSIGN_OR_RETURN(const ExactRun exact, RunExactly(electorate, report.per_voter));
  const bool same =
      std::equal(standing.begin(), standing.end(), exact.rounds.begin(), exact.rounds.end(),
                 [](uint32_t c, const ExactRun::Round& round) { return c == round.candidate; });
  if (!same) {
    return absl::InternalError("the exact recount of Equal Shares finds another outcome");
  }

  BudgetOutcome outcome;
  outcome.left = pool.budget;
  outcome.ranking = RankProjects(pool, shares.greedy.key);
  Fund(pool, electorate, exact, &outcome);
  if (shares.then_greedy) {
    URNA_RETURN_IF_ERROR(ContinueGreedily(pool, shares.greedy, &outcome));
  } else {
    Refuse(pool, electorate, exact, barred, &outcome);
  }
  if (shares.comparison) {
    URNA_ASSIGN_OR_RETURN(BudgetOutcome greedy, CountGreedy(pool, shares.greedy));
    report.comparison = Compare(profile, outcome.funded, greedy.funded);
    if (report.comparison->prefer_greedy > report.comparison->prefer_shares) {
      outcome = std::move(greedy);
    }
  }
  outcome.shares = std::move(report);
  return outcome;
}

}  // namespace urna::poll::counting
