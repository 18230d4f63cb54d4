#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace urna::model {

/// A model of how a ballot becomes durable: write, sync, sign, anchor, acknowledge, with a crash, a
/// failing sync, or an old copy of the store at every moment. It is small enough to walk through
/// every state. docs/architecture.md, "Durability".
///
/// Modelled is what the server relies on: a batch is written as a whole or not at all; after a sync
/// it stays; without one any number of the newest batches may be gone after a crash; after a sync
/// that failed, the next one succeeds without having brought back what was lost, though it can be
/// read as long as the machine runs. A checkpoint counts as signed when it leaves the process, with
/// a receipt.

/// What the server does, and what it must not do: each switch is a fault in its order of steps.
struct Design {
  bool acknowledge_before_sync = false;
  bool acknowledge_before_anchor = false;
  bool anchor_before_sync = false;
  bool acknowledge_without_anchor_sync = false;
  bool retry_failed_sync = false;
  /// After a failed sync, files show to the next process what is not on the disk: the store
  /// rewrites at its start what it reads, and so must the anchor.
  bool trust_the_anchor_as_read = false;
  bool serve_when_behind = false;
  bool forget_what_was_sent_before = false;
};

/// How much may happen.
struct Bounds {
  int ballots = 3;
  int crashes = 2;
  int failed_syncs = 1;
  int old_copies = 1;
};

struct Exploration {
  uint64_t states = 0;
  uint64_t refusals = 0;  ///< states in which a start was refused
  /// The first broken invariant, and the steps that led there; nothing if all hold everywhere.
  std::optional<std::string> broken;
  std::vector<std::string> trace;
};

Exploration Explore(const Design& design, const Bounds& bounds);

}  // namespace urna::model
