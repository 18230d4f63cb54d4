#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "poll/state.h"

namespace urna::poll {

/// How those on the roll, what they were given, and what came back fit together. docs/protocol.md
/// section 8, "Reconciliation".

/// The numbers of one style, or of all.
struct Reconciled {
  uint64_t roll = 0;      ///< places on the roll
  uint64_t answered = 0;  ///< places in every sealed register: had all tokens
  std::vector<std::optional<uint64_t>> registers;  ///< entries by issuer; none for a missing one
  uint64_t cast = 0;                               ///< distinct ballot keys: counted online
  uint64_t again = 0;                              ///< ballot keys that voted more than once
  uint64_t replacing = 0;                          ///< ballots beyond the first of their key
  uint64_t paper = 0;                              ///< cards on paper
  uint64_t replaced = 0;                           ///< replaced credentials

  /// roll - cast - paper; 0 where that is negative, which `BrokenNumbers` names.
  uint64_t did_not_vote() const;
  /// answered - cast; 0 where that is negative, likewise.
  uint64_t unused() const;
};

struct Reconciliation {
  bool has_registers = false;  ///< one is sealed; without any, `answered` says nothing
  std::vector<Reconciled> styles;
  Reconciled total;  ///< counted apart from the styles where the state does
};

/// None before all registers are settled, or if the poll was cancelled.
std::optional<Reconciliation> Reconcile(const State& state);

/// What must hold and does not, each in one sentence that names the numbers: in every style and in
/// total cast + paper <= roll, cast <= answered <= every register <= roll, again <= cast,
/// again <= replacing; every total is the sum of the styles.
std::vector<std::string> BrokenNumbers(const Reconciliation& reconciliation,
                                       const Definition& definition);

// --- For print -----------------------------------------------------------------------------------

enum class ReconciledColumn : uint8_t {
  kRoll,
  kRegister,  ///< of one issuer; only where there are several
  kAnswered,
  kCast,
  kPaper,
  kDidNotVote,
  kUnused,
  kAgain,
  kReplacing,
  kReplaced,
};

struct PublicCell {
  enum class Kind : uint8_t {
    kNumber,
    kFewer,   ///< fewer than the threshold
    kHidden,  ///< so that another cell cannot be computed from it
  };
  Kind kind = Kind::kNumber;
  uint64_t number = 0;  ///< of kNumber

  bool operator==(const PublicCell&) const = default;
};

/// The reconciliation with the numbers hidden that speak of few people.
struct PublicReconciliation {
  struct Column {
    ReconciledColumn kind = ReconciledColumn::kRoll;
    uint32_t issuer = 0;  ///< of kRegister
  };
  uint64_t threshold = 0;  ///< k: max(10, minimum_ballots)
  std::vector<Column> columns;
  std::vector<uint64_t> total;                  ///< by column; never hidden
  std::vector<std::vector<PublicCell>> styles;  ///< by style and column; empty for a single style
};

/// A number of a style below k is hidden, unless the column's total is 0. A row hides its numbers
/// that are bound to such a one by an equation too, and so many rows are hidden that for each
/// hidden number there is another table, with the same totals, the same sums over the styles of
/// each contest and the same print, in which it differs. Where that cannot be had, all rows are
/// hidden.
PublicReconciliation ForPrint(const Reconciliation& reconciliation, const Definition& definition);

}  // namespace urna::poll
