#pragma once

#include <gmpxx.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "poll/counting/shares_electorate.h"
#include "poll/counting/shares_exact.h"

namespace urna::poll::counting {

/// The runs of Equal Shares in floating point, with the outcome of exact arithmetic: a decision is
/// taken from doubles only where their error cannot change it, and by ExactShares otherwise.
///
/// Why the errors are known. Let m_v be what voter v has and M_v what the doubles say, and let
/// E bound the sum of |M_v - m_v| over all voters. Those of a candidate pay for a price x, all
/// together, f(x) = sum of min(m_v, x * points_v), and the doubles say F(x). |F(x) - f(x)| <= E.
/// If x is the price that is charged, and x' the exact one, then max(0, M_v - x * points_v) is off
/// max(0, m_v - x' * points_v) by, in sum over the supporters, at most their part of E and
/// |F(x) - cost|: whatever moves min(M, y) moves max(0, M - y) the other way, and f is monotone.
/// So each round adds to E only |F(x) - cost|, which is computed, and its rounding.
///
/// A sum of s numbers not below 0 is computed with a relative error below (s + 8) * 2^-52.
class FilteredShares {
 public:
  explicit FilteredShares(const Electorate& electorate);

  /// The candidates that a run funds, in order, if each voter begins with `per_voter`.
  /// Errors: those of Electorate::FirstOf.
  absl::StatusOr<std::vector<uint32_t>> Run(const mpq_class& per_voter);

  /// Rounds of all runs so far that exact arithmetic had to decide.
  uint64_t exact_rounds() const { return exact_rounds_; }

 private:
  struct Voter {
    double money;
    double weight;
  };
  struct Candidate {
    bool open = true;
    bool asked = false;    // in this round: `low` and `price` are of this round's money
    bool unclear = false;  // in this round: doubles do not tell whether it is affordable
    double low = 0;        // the price is certainly more
    double price = 0;
    double slope = 0;  // points of those who can pay more than the price
  };
  struct Sum {
    double paid = 0;   // by those who have less than the price asks
    double slope = 0;  // points of the others, by weight
  };

  double Slack(uint32_t candidate) const;
  Sum SumAt(uint32_t candidate, double price) const;
  double PaidAt(uint32_t candidate, double price) const;
  void Ask(uint32_t candidate);
  /// A price that is certainly enough; infinite if none is found.
  double High(uint32_t candidate) const;
  void Pay(uint32_t candidate, double price);
  /// The next to be funded; none if nothing is affordable.
  absl::StatusOr<std::optional<uint32_t>> Next();
  absl::StatusOr<std::optional<uint32_t>> NextExactly();
  /// Below and above what candidates are compared by.
  double LowKey(uint32_t candidate) const;

  const Electorate& electorate_;
  std::vector<double> scales_;
  std::vector<Voter> voters_;
  std::vector<Candidate> candidates_;
  std::vector<uint32_t> funded_;
  double error_ = 0;  // E
  mpq_class per_voter_;
  std::optional<ExactShares> exact_;  // of this run
  size_t exact_funded_ = 0;           // of funded_, what exact_ knows
  uint64_t exact_rounds_ = 0;
};

}  // namespace urna::poll::counting
