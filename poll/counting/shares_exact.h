#pragma once

#include <gmpxx.h>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "poll/counting/shares_electorate.h"

namespace urna::poll::counting {

/// One run of Equal Shares in exact arithmetic. All money is a whole number over one common
/// denominator, which grows with each project that is funded; voters with equal money share one
/// number.
class ExactShares {
 public:
  /// Each voter begins with `per_voter`, not negative. Keeps a reference to `electorate`.
  ExactShares(const Electorate& electorate, const mpq_class& per_voter);

  /// What the supporters of a candidate can do now.
  struct Offer {
    bool affordable = false;
    mpq_class price;  ///< for a point: the least with which they pay its cost
    mpq_class key;    ///< the price by the candidate's scale: what candidates are compared by
    mpq_class money;  ///< that all of them have left
  };
  Offer Ask(uint32_t candidate) const;

  struct Payment {
    mpq_class price;
    uint64_t payers = 0;    ///< supporters who had anything left
    uint64_t paid_all = 0;  ///< of these, who have nothing left now
  };
  /// Precondition: the candidate is affordable.
  Payment Fund(uint32_t candidate);

 private:
  struct Group {  // supporters with the same money and the same points
    uint32_t money;
    uint32_t points;
    uint64_t voters;
  };
  std::vector<Group> Groups(uint32_t candidate) const;
  /// The price is top / (bottom * denominator_); bottom 0: not affordable, and top what is missing.
  struct Price {
    mpz_class top;
    uint64_t bottom;
  };
  Price Solve(uint64_t cost, std::span<const Group> groups, mpz_class* money) const;

  const Electorate& electorate_;
  mpz_class denominator_;
  std::vector<mpz_class> numerators_;  // [0] is 0
  std::vector<uint32_t> money_;        // by class: index into numerators_
};

/// A run with its reasons.
struct ExactRun {
  struct Round {
    uint32_t candidate;
    ExactShares::Payment payment;
    std::vector<uint32_t> tied;  ///< candidates that could have been funded for the same key
    std::optional<TieStep> tie;  ///< what put it before them
  };
  std::vector<Round> rounds;
  /// By candidate: what supporters of one that is not funded have left, once it is too little.
  std::vector<std::optional<mpq_class>> short_of;
};

/// Errors: those of Electorate::FirstOf.
absl::StatusOr<ExactRun> RunExactly(const Electorate& electorate, const mpq_class& per_voter);

}  // namespace urna::poll::counting
