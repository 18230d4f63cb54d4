#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "ledger/export.h"
#include "poll/replay.h"

namespace urna::verifier {

/// Records that follow one another, checked together.
struct Piece {
  Piece(uint64_t first_in, std::vector<std::string> records_in, poll::Replay::Trust trust)
      : first(first_in), records(std::move(records_in)), run(trust, records) {}
  Piece(const Piece&) = delete;  // `run` looks at `records`
  Piece& operator=(const Piece&) = delete;

  uint64_t first;  ///< index of its first record
  std::vector<std::string> records;
  poll::Replay::Run run;
};

/// How many threads check, and how records are cut into pieces. Changes no verdict.
struct Work {
  unsigned threads = 0;  ///< 0: all cores
  /// Largest piece, but at least one record: enough for the proofs of many to be one equation, and
  /// never so much that cores wait for each other at the end.
  size_t piece_records = 256;
  size_t piece_bytes = size_t{1} << 18;
  /// Records that wait, for each thread. Decoded they take about four times as much.
  size_t ahead_bytes = size_t{2} << 20;
};

/// What applying a piece came to.
struct Applied {
  enum class Outcome : uint8_t {
    kWhole,       ///< all of it
    kCheckAgain,  ///< the rest of it has to be checked against `basis` first
    kEnough,      ///< and nothing more is wanted
  };
  Outcome outcome;
  poll::Basis basis;  ///< what the next record is to be checked against
};

/// Streams an export's records through a replay: a thread reads, `work.threads` threads, the caller
/// among them, hash, decode and check pieces in any order, and whichever of them is free applies
/// the pieces in order by calling `apply`, one call at a time. The first `claimed` records are
/// checked under Trust::kClaim, all others under Trust::kNothing; no piece holds both.
/// Memory: what waits (see Work), whatever the number of records.
/// Errors: what reading a bundle came to, after everything before it was applied; Cancelled once
/// `stop` is true.
absl::Status StreamRecords(const ledger::ExportReader& reader, const Work& work, uint64_t claimed,
                           const std::function<Applied(Piece&)>& apply,
                           const std::atomic<bool>& stop);

}  // namespace urna::verifier
