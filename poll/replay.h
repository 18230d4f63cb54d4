#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "poll/state.h"

namespace urna::poll {

/// Feeds a ledger's records to a State: decodes, checks the chain, checks proofs (in parallel where
/// the caller gives a way), applies. Verifier, clients and the server's restart all go through it.
class Replay {
 public:
  /// Calls `work(0) .. work(count - 1)`, in any order and on any thread, and returns when all are
  /// done.
  using ParallelFor = std::function<void(size_t count, const std::function<void(size_t)>& work)>;
  /// Told of every record that breaks a rule (a Reject) or could not be judged (a failure).
  using OnFault = std::function<void(uint64_t index, uint8_t kind, const absl::Status& fault)>;

  enum class Trust {
    kNothing,   ///< check everything
    kOwnStore,  ///< the server's restart: proofs were checked before the records were stored
  };

  Replay(Trust trust, State::ReadRecord read_record, OnFault on_fault, ParallelFor parallel_for);
  /// Goes on from `state`.
  Replay(Trust trust, State state, OnFault on_fault, ParallelFor parallel_for);

  /// The next records in order. After a fault the rest is still replayed as far as possible.
  void Append(const std::vector<std::string>& records);

  const State& state() const { return state_; }
  /// Hands the state over, e.g. to a server that goes on writing.
  State TakeState() && { return std::move(state_); }

 private:
  void ApplyRun(const std::vector<std::string>& records, size_t first, size_t last);

  Trust trust_;
  State state_;
  OnFault on_fault_;
  ParallelFor parallel_for_;
};

/// ParallelFor on the calling thread.
void Sequentially(size_t count, const std::function<void(size_t)>& work);

}  // namespace urna::poll
