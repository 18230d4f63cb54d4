// Counting a citywide participatory budget: 65,000 ballots of three ranked projects of 130.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "poll/counting/budget.h"
#include "poll/counting/greedy.h"
#include "poll/counting/pabulib.h"
#include "poll/counting/shares_electorate.h"
#include "poll/counting/shares_exact.h"
#include "poll/counting/shares_filter.h"

namespace urna::poll::counting {
namespace {

constexpr size_t kBallots = 65000;
constexpr uint32_t kProjects = 130;

/// Costs from 20,000 to 2 million, budget 14 million with grosze; support falls off as 1 / rank,
/// and neighbours in the list share supporters, as projects of one part of a city do.
const Profile& City() {
  static const Profile profile = [] {
    std::mt19937_64 random(2024);
    Profile city;
    city.decimals = 2;
    city.budget = 1400000075;
    std::vector<double> sums;
    for (uint32_t p = 0; p < kProjects; ++p) {
      const double size = static_cast<double>(random() % 1000) / 1000;
      const auto cost = static_cast<uint64_t>(20000 * std::pow(100.0, size));
      city.projects.push_back({.id = std::to_string(p), .name = "", .cost = cost * 100});
      sums.push_back((sums.empty() ? 0 : sums.back()) + 1.0 / (1 + random() % kProjects));
    }
    for (size_t i = 0; i < kBallots; ++i) {
      std::vector<Mark> marks;
      while (marks.size() < 3) {
        uint32_t p;
        if (!marks.empty() && random() % 2 == 0) {
          p = (marks[0].project + 1 + static_cast<uint32_t>(random() % 4)) % kProjects;
        } else {
          const double at = sums.back() * static_cast<double>(random() % 1000000) / 1000000;
          p = static_cast<uint32_t>(std::upper_bound(sums.begin(), sums.end(), at) - sums.begin());
        }
        if (std::any_of(marks.begin(), marks.end(),
                        [&](const Mark& m) { return m.project == p; })) {
          continue;
        }
        marks.push_back({p, static_cast<uint32_t>(3 - marks.size())});
      }
      city.AddBallot(marks);
    }
    return city;
  }();
  return profile;
}

BudgetRule Rule(std::variant<Greedy, EqualShares> method) {
  BudgetRule rule;
  rule.method = std::move(method);
  rule.ties = {TieStep::kLowerCost, TieStep::kMoreVotes, TieStep::kId};
  return rule;
}

void Count(benchmark::State& state, const BudgetRule& rule) {
  const Profile& city = City();
  for (auto _ : state) {
    const auto outcome = CountBudget(city, rule);
    if (!outcome.ok()) std::abort();
    state.counters["funded"] = static_cast<double>(outcome->funded.size());
    if (outcome->shares.has_value()) {
      state.counters["runs"] = static_cast<double>(outcome->shares->steps + 2);
    }
  }
}

void BM_BudgetGreedy(benchmark::State& state) { Count(state, Rule(Greedy{})); }
BENCHMARK(BM_BudgetGreedy)->Unit(benchmark::kMillisecond);

void BM_BudgetSharesOneRun(benchmark::State& state) { Count(state, Rule(EqualShares{})); }
BENCHMARK(BM_BudgetSharesOneRun)->Unit(benchmark::kMillisecond);

void BM_BudgetSharesAdd1(benchmark::State& state) {
  Count(state, Rule(EqualShares{.step = 100, .completion = Completion::kAdd1}));
}
BENCHMARK(BM_BudgetSharesAdd1)->Unit(benchmark::kMillisecond)->Iterations(1);

/// One run each, without what all runs share: doubles with their bound, and fractions alone.
template <bool kExact>
void BM_BudgetRun(benchmark::State& state) {
  const Profile& city = City();
  const BudgetRule rule = Rule(EqualShares{});
  const Sums sums = SumUp(city);
  const Pool pool{city.projects, sums, city.budget, rule};
  const Electorate electorate =
      MakeElectorate(city, pool, Utility::kCost, Barred(pool, Key::kPoints));
  mpq_class per_voter(city.budget, kBallots);
  per_voter.canonicalize();
  FilteredShares filter(electorate);
  for (auto _ : state) {
    if constexpr (kExact) {
      if (!RunExactly(electorate, per_voter).ok()) std::abort();
    } else {
      if (!filter.Run(per_voter).ok()) std::abort();
    }
  }
}
BENCHMARK(BM_BudgetRun<false>)->Name("BM_BudgetRunFiltered")->Unit(benchmark::kMillisecond);
BENCHMARK(BM_BudgetRun<true>)->Name("BM_BudgetRunExact")->Unit(benchmark::kMillisecond);

void BM_BudgetReadPabulib(benchmark::State& state) {
  const auto file = MakePabulib(City(), VoteType::kOrdinal, {}, std::nullopt);
  if (!file.ok()) std::abort();
  const std::string text = FormatPabulib(*file);
  for (auto _ : state) {
    const auto parsed = ParsePabulib("city.pb", text);
    if (!parsed.ok() || !ReadPabulib("city.pb", *parsed).ok()) std::abort();
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * text.size()));
}
BENCHMARK(BM_BudgetReadPabulib)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace urna::poll::counting
