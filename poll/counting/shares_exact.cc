#include "poll/counting/shares_exact.h"

#include <limits>
#include <utility>

#include "absl/container/flat_hash_map.h"

namespace urna::poll::counting {
namespace {

mpq_class Quotient(const mpz_class& top, const mpz_class& bottom) {
  mpq_class quotient(top, bottom);
  quotient.canonicalize();
  return quotient;
}

uint64_t Pair(uint32_t a, uint32_t b) { return uint64_t{a} << 32 | b; }

}  // namespace

ExactShares::ExactShares(const Electorate& electorate, const mpq_class& per_voter)
    : electorate_(electorate),
      denominator_(per_voter.get_den()),
      numerators_{mpz_class(0), per_voter.get_num()},
      money_(electorate.weights.size(), 1) {}

std::vector<ExactShares::Group> ExactShares::Groups(uint32_t candidate) const {
  std::vector<Group> groups;
  absl::flat_hash_map<uint64_t, size_t> places;
  for (const Electorate::Supporter& s : electorate_.candidates[candidate].supporters) {
    const uint32_t money = money_[s.voter];
    if (money == 0) continue;
    const auto [place, added] = places.try_emplace(Pair(money, s.points), groups.size());
    if (added) groups.push_back({money, s.points, 0});
    groups[place->second].voters += electorate_.weights[s.voter];
  }
  return groups;
}

// The sum of what supporters pay for a price, min(money, price * points), is concave and piecewise
// linear in the price. Newton's steps from 0 meet the least price at which it is `cost` from below
// and exactly, since each step takes those who cannot pay the last price at what they have.
ExactShares::Price ExactShares::Solve(uint64_t cost, std::span<const Group> groups,
                                      mpz_class* money) const {
  Price price{cost * denominator_, 0};
  *money = 0;
  for (const Group& group : groups) {
    price.bottom += group.voters * group.points;
    *money += numerators_[group.money] * group.voters;
  }
  if (*money < price.top) {
    price.top -= *money;
    price.bottom = 0;
    return price;
  }
  std::vector<Group> rest(groups.begin(), groups.end());
  mpz_class has, owes;
  for (bool changed = true; changed;) {
    changed = false;
    const Price last = price;
    std::erase_if(rest, [&](const Group& group) {
      has = numerators_[group.money] * last.bottom;
      owes = last.top * group.points;
      if (has >= owes) return false;
      changed = true;
      price.top -= numerators_[group.money] * group.voters;
      price.bottom -= group.voters * group.points;
      return true;
    });
  }
  return price;
}

ExactShares::Offer ExactShares::Ask(uint32_t candidate) const {
  mpz_class money;
  const Price price = Solve(electorate_.candidates[candidate].cost, Groups(candidate), &money);
  Offer offer;
  offer.money = Quotient(money, denominator_);
  offer.affordable = price.bottom != 0;
  if (offer.affordable) {
    offer.price = Quotient(price.top, denominator_ * price.bottom);
    offer.key = offer.price / electorate_.scales[candidate];
  }
  return offer;
}

ExactShares::Payment ExactShares::Fund(uint32_t candidate) {
  const std::vector<Group> groups = Groups(candidate);
  mpz_class money;
  Price price = Solve(electorate_.candidates[candidate].cost, groups, &money);
  Payment payment;
  payment.price = Quotient(price.top, denominator_ * price.bottom);

  // Everything over a new denominator, the old one times `factor`.
  mpz_class common;
  mpz_gcd_ui(common.get_mpz_t(), price.top.get_mpz_t(), price.bottom);
  const uint64_t factor = price.bottom / common.get_ui();
  const mpz_class per_point = price.top / common;
  denominator_ *= factor;

  std::vector<mpz_class> left = {mpz_class(0)};
  absl::flat_hash_map<uint64_t, uint32_t> after;  // by old money and points
  for (const Group& group : groups) {
    mpz_class rest = numerators_[group.money] * factor - per_point * group.points;
    payment.payers += group.voters;
    if (rest <= 0) {
      payment.paid_all += group.voters;
      after[Pair(group.money, group.points)] = 0;
    } else {
      after[Pair(group.money, group.points)] = static_cast<uint32_t>(left.size());
      left.push_back(std::move(rest));
    }
  }
  constexpr uint32_t kUnused = std::numeric_limits<uint32_t>::max();
  std::vector<bool> pays(money_.size(), false);
  for (const Electorate::Supporter& s : electorate_.candidates[candidate].supporters) {
    if (money_[s.voter] == 0) continue;
    pays[s.voter] = true;
    money_[s.voter] = after[Pair(money_[s.voter], s.points)];
  }
  std::vector<uint32_t> moved(numerators_.size(), kUnused);  // of those who pay nothing
  moved[0] = 0;
  for (size_t v = 0; v < money_.size(); ++v) {
    if (pays[v]) continue;
    uint32_t& place = moved[money_[v]];
    if (place == kUnused) {
      place = static_cast<uint32_t>(left.size());
      left.push_back(numerators_[money_[v]] * factor);
    }
    money_[v] = place;
  }
  numerators_ = std::move(left);
  return payment;
}

absl::StatusOr<ExactRun> RunExactly(const Electorate& electorate, const mpq_class& per_voter) {
  ExactShares shares(electorate, per_voter);
  ExactRun run;
  const size_t n = electorate.candidates.size();
  run.short_of.resize(n);
  // Keys never fall during a run, so those of earlier rounds are lower bounds.
  std::vector<mpq_class> keys(n);
  std::vector<bool> open(n, true);
  for (uint32_t c = 0; c < n; ++c) {
    const Electorate::Candidate& candidate = electorate.candidates[c];
    keys[c] = Quotient(candidate.cost, mpz_class(candidate.points) * electorate.scales[c]);
  }
  for (;;) {
    std::vector<bool> asked(n, false);
    std::vector<uint32_t> best;
    for (;;) {
      best.clear();
      for (uint32_t c = 0; c < n; ++c) {
        if (!open[c]) continue;
        if (!best.empty() && keys[c] > keys[best[0]]) continue;
        if (!best.empty() && keys[c] < keys[best[0]]) best.clear();
        best.push_back(c);
      }
      bool news = false;
      for (const uint32_t c : best) {
        if (asked[c]) continue;
        news = true;
        asked[c] = true;
        const ExactShares::Offer offer = shares.Ask(c);
        if (offer.affordable) {
          keys[c] = offer.key;
        } else {
          open[c] = false;
          run.short_of[c] = offer.money;
        }
      }
      if (!news) break;
    }
    if (best.empty()) return run;
    ExactRun::Round round{best[0], {}, {}, std::nullopt};
    if (best.size() > 1) {
      const auto first = electorate.FirstOf(best);
      if (!first.ok()) return first.status();
      round.candidate = first->candidate;
      round.tie = first->step;
      for (const uint32_t c : best) {
        if (c != round.candidate) round.tied.push_back(c);
      }
    }
    round.payment = shares.Fund(round.candidate);
    open[round.candidate] = false;
    for (const uint32_t c : electorate.candidates[round.candidate].excludes) open[c] = false;
    run.rounds.push_back(std::move(round));
  }
}

}  // namespace urna::poll::counting
