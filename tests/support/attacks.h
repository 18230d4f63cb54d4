#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "tests/support/election.h"

namespace urna::testing {

/// One way to break the protocol: a whole ledger in which one rule is broken and everything else is
/// valid and properly signed.
struct Attack {
  std::string name;       ///< UpperCamelCase, for test names
  std::string reject_id;  ///< what state and verifier must answer
  std::function<std::unique_ptr<TestElection>()> make;
};

/// For GoogleTest's messages.
inline void PrintTo(const Attack& attack, std::ostream* out) { *out << attack.name; }

/// Attacks on ballots, tokens, keys, registers, tally and steps.
const std::vector<Attack>& Attacks();

}  // namespace urna::testing
