#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "poll/definition.h"

namespace urna::poll::counting {

/// Exact integers only. docs/protocol.md section 8.

enum class Verdict : uint8_t {
  kNone = 0,       ///< the contest decides nothing by itself (NoDecision)
  kInvalid = 1,    ///< quorum missed: whatever the votes say, nothing is decided
  kUndecided = 2,  ///< no option has the majority that the rule demands
  kDecided = 3,    ///< `option` won; of a Budget: the count of its projects stands
};

struct ContestOutcome {
  uint64_t valid = 0;    ///< valid votes: see CountContest
  uint64_t invalid = 0;  ///< ballots that gave none: blank, or more than one on paper
  bool quorum_met = false;
  Verdict verdict = Verdict::kNone;
  std::optional<uint32_t> option;

  bool operator==(const ContestOutcome&) const = default;
};

/// True iff the quorum is reached: TurnoutQuorum 10p >= 3e and RecallQuorum 5p >= 3v without
/// division. Numbers up to 2^63 do not overflow.
bool QuorumMet(const Quorum& quorum, uint64_t participants, uint64_t entitled);

/// `ballots`: cards that carried this contest (p of the quorum), of which `void_ballots` are void;
/// `entitled`: e; `votes`: per option. For a choose-0..1 or choose-1..1 contest valid = sum of
/// votes, invalid = ballots - valid; for other rules every ballot that is not void is valid.
/// Without a valid vote nothing is decided. Precondition: `votes` has a number for every option.
/// Errors: Reject("tally.sum-exceeds-ballots") when a choose-one contest has more votes than
/// ballots.
absl::StatusOr<ContestOutcome> CountContest(const Contest& contest, const Quorum& quorum,
                                            uint64_t entitled, uint64_t ballots,
                                            uint64_t void_ballots, std::span<const uint64_t> votes);

}  // namespace urna::poll::counting
