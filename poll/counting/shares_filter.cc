#include "poll/counting/shares_filter.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace urna::poll::counting {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();
constexpr double kUlp = 0x1p-52;
// More and less than a value that was rounded a few times.
constexpr double kUp = 1 + 0x1p-48;
constexpr double kDown = 1 - 0x1p-48;

}  // namespace

FilteredShares::FilteredShares(const Electorate& electorate) : electorate_(electorate) {
  for (const uint64_t scale : electorate.scales) scales_.push_back(static_cast<double>(scale));
}

/// Bounds the error of a sum over the candidate's supporters that is about its cost, and E.
double FilteredShares::Slack(uint32_t c) const {
  const Electorate::Candidate& candidate = electorate_.candidates[c];
  const auto cost = static_cast<double>(candidate.cost);
  const auto terms = static_cast<double>(candidate.supporters.size());
  return ((terms + 8) * kUlp * cost + error_) * kUp;
}

FilteredShares::Sum FilteredShares::SumAt(uint32_t c, double price) const {
  Sum sum;
  for (const Electorate::Supporter& s : electorate_.candidates[c].supporters) {
    const Voter& voter = voters_[s.voter];
    const auto points = static_cast<double>(s.points);
    const bool less = voter.money < price * points;
    sum.paid += less ? voter.weight * voter.money : 0;
    sum.slope += less ? 0 : voter.weight * points;
  }
  return sum;
}

double FilteredShares::PaidAt(uint32_t c, double price) const {
  double paid = 0;
  for (const Electorate::Supporter& s : electorate_.candidates[c].supporters) {
    const Voter& voter = voters_[s.voter];
    paid += voter.weight * std::min(voter.money, price * static_cast<double>(s.points));
  }
  return paid;
}

// Newton's steps from a price that is too low: see ExactShares::Solve.
void FilteredShares::Ask(uint32_t c) {
  Candidate& candidate = candidates_[c];
  candidate.asked = true;
  candidate.unclear = false;
  const auto cost = static_cast<double>(electorate_.candidates[c].cost);
  const double slack = Slack(c);
  double price = candidate.low;
  for (;;) {
    const Sum sum = SumAt(c, price);
    if (sum.slope == 0) {  // everybody would pay all
      // The sum may be far below the cost, so that Slack bounds its error too.
      if (sum.paid + slack < cost) {
        candidate.open = false;
      } else {
        candidate.unclear = true;
      }
      return;
    }
    const double next = (cost - sum.paid) / sum.slope;
    if (!(next > price * kUp)) {
      candidate.price = std::max(next, price);
      candidate.slope = sum.slope;
      break;
    }
    price = next;
  }
  // At the price, F is the cost but for rounding; below it, F falls at least by the slope.
  const double low = candidate.price - 4 * slack / candidate.slope;
  candidate.low = std::max(candidate.low, low * kDown);
}

double FilteredShares::High(uint32_t c) const {
  const Candidate& candidate = candidates_[c];
  if (candidate.unclear) return kInfinite;
  const auto cost = static_cast<double>(electorate_.candidates[c].cost);
  const double slack = Slack(c);
  double step = 4 * slack / candidate.slope + candidate.price * (kUp - 1);
  for (int i = 0; i < 6; ++i, step *= 16) {
    const double high = candidate.price + step;
    const double paid = PaidAt(c, high);
    // The sum's own error is relative to itself, which may be more than the cost.
    if (paid * kDown > cost + slack * std::max(1.0, paid / cost)) return high * kUp;
  }
  return kInfinite;
}

void FilteredShares::Pay(uint32_t c, double price) {
  const auto cost = static_cast<double>(electorate_.candidates[c].cost);
  double paid = 0;
  double had = 0;
  for (const Electorate::Supporter& s : electorate_.candidates[c].supporters) {
    Voter& voter = voters_[s.voter];
    const double pays = std::min(voter.money, price * static_cast<double>(s.points));
    paid += voter.weight * pays;
    had += voter.weight * voter.money;
    voter.money -= pays;
  }
  const auto terms = static_cast<double>(electorate_.candidates[c].supporters.size());
  error_ += std::abs(paid - cost) + (terms + 8) * kUlp * (paid + cost) + 4 * kUlp * had;
  error_ *= kUp;
}

double FilteredShares::LowKey(uint32_t c) const { return candidates_[c].low / scales_[c] * kDown; }

absl::StatusOr<std::optional<uint32_t>> FilteredShares::Next() {
  for (Candidate& candidate : candidates_) candidate.asked = false;
  constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();
  uint32_t best = kNone;
  for (;;) {
    best = kNone;
    double best_key = kInfinite;
    for (uint32_t c = 0; c < candidates_.size(); ++c) {
      if (!candidates_[c].open) continue;
      const double key = LowKey(c);
      if (best == kNone || key < best_key) {
        best = c;
        best_key = key;
      }
    }
    if (best == kNone) return std::nullopt;
    if (candidates_[best].asked) break;
    Ask(best);
  }
  const double high = High(best) / scales_[best] * kUp;
  for (uint32_t c = 0; c < candidates_.size(); ++c) {
    if (c == best || !candidates_[c].open || LowKey(c) > high) continue;
    if (!candidates_[c].asked) Ask(c);
    if (candidates_[c].open && !(LowKey(c) > high)) return NextExactly();
  }
  if (high == kInfinite) return NextExactly();
  Pay(best, candidates_[best].price);
  return best;
}

absl::StatusOr<std::optional<uint32_t>> FilteredShares::NextExactly() {
  ++exact_rounds_;
  if (!exact_.has_value()) {
    exact_.emplace(electorate_, per_voter_);
    exact_funded_ = 0;
  }
  for (; exact_funded_ < funded_.size(); ++exact_funded_) exact_->Fund(funded_[exact_funded_]);

  std::vector<uint32_t> order;
  for (uint32_t c = 0; c < candidates_.size(); ++c) {
    if (candidates_[c].open) order.push_back(c);
  }
  std::sort(order.begin(), order.end(),
            [this](uint32_t a, uint32_t b) { return LowKey(a) < LowKey(b); });
  std::vector<uint32_t> best;
  ExactShares::Offer offer;
  double high = kInfinite;  // above the best key
  for (const uint32_t c : order) {
    if (LowKey(c) > high) break;
    ExactShares::Offer other = exact_->Ask(c);
    if (!other.affordable) {
      candidates_[c].open = false;
      continue;
    }
    if (best.empty() || other.key < offer.key) {
      best = {c};
      offer = std::move(other);
      high = offer.key.get_d() * kUp;
    } else if (other.key == offer.key) {
      best.push_back(c);
    }
  }
  if (best.empty()) return std::nullopt;
  uint32_t winner = best[0];
  if (best.size() > 1) {
    const auto first = electorate_.FirstOf(best);
    if (!first.ok()) return first.status();
    winner = first->candidate;
  }
  const double price = mpq_class(offer.key * electorate_.scales[winner]).get_d();
  Pay(winner, price);
  return winner;
}

absl::StatusOr<std::vector<uint32_t>> FilteredShares::Run(const mpq_class& per_voter) {
  per_voter_ = per_voter;
  exact_.reset();
  funded_.clear();
  const double money = per_voter.get_d();
  voters_.clear();
  for (const uint64_t weight : electorate_.weights) {
    voters_.push_back({money, static_cast<double>(weight)});
  }
  error_ = per_voter == money ? 0 : money * kUlp * static_cast<double>(electorate_.voters) * kUp;
  candidates_.assign(electorate_.candidates.size(), {});
  for (size_t c = 0; c < candidates_.size(); ++c) {
    const Electorate::Candidate& candidate = electorate_.candidates[c];
    const auto cost = static_cast<double>(candidate.cost);
    // No price is below the one that all could pay in full.
    candidates_[c].low = cost / static_cast<double>(candidate.points) * kDown;
    if (money * static_cast<double>(candidate.voters) * kUp < cost) candidates_[c].open = false;
  }
  for (;;) {
    const auto next = Next();
    if (!next.ok()) return next.status();
    if (!next->has_value()) return funded_;
    const uint32_t winner = **next;
    funded_.push_back(winner);
    candidates_[winner].open = false;
    for (const uint32_t c : electorate_.candidates[winner].excludes) candidates_[c].open = false;
  }
}

}  // namespace urna::poll::counting
