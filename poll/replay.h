#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ledger/record.h"
#include "poll/state.h"

namespace urna::poll {

/// What records are checked against besides themselves. Two records of a ledger change it: the last
/// part of the definition, and the opening.
struct Basis {
  std::shared_ptr<const Definition> definition;  ///< null before
  std::shared_ptr<const PollContext> context;    ///< null before
  bool operator==(const Basis&) const = default;
};

/// Feeds a ledger's records to a State: decodes, checks the chain, checks proofs, applies.
/// Verifier, clients and the server's restart all go through it. Checking a run of records is what
/// costs, and needs no state: any thread may do it long before the run's turn to be applied comes.
class Replay {
 public:
  /// Calls `work(0) .. work(count - 1)`, in any order and on any thread, and returns when all are
  /// done.
  using ParallelFor = std::function<void(size_t count, const std::function<void(size_t)>& work)>;
  /// Told of every record that breaks a rule (a Reject) or could not be judged (a failure).
  using OnFault = std::function<void(uint64_t index, uint8_t kind, const absl::Status& fault)>;
  /// Told of every record that was accepted, after it was applied.
  using OnAccepted = std::function<void(uint64_t index, const CheckedPayload& payload)>;

  enum class Trust {
    kNothing,   ///< check everything
    kOwnStore,  ///< the server's restart: proofs were checked before the records were stored
    kClaim,     ///< somebody says to have checked the proofs: ClaimedReplay only
  };

  enum class AfterFault {
    kGoOn,  ///< the rest is replayed as far as possible, so that it can be reported on
    kStop,  ///< before the record: it and what follows is left out
  };

  /// Records that follow one another.
  class Run {
   public:
    /// `records` outlive the run.
    Run(Trust trust, std::span<const std::string> records);

    /// Hashes, decodes and checks the records that are not applied yet. Expensive; touches nothing
    /// but this run.
    void Check(const Basis& basis);

    size_t size() const { return records_.size(); }
    /// What Check was given last; of nothing before.
    const Basis& basis() const { return basis_; }
    /// The hash of record `i` of the run. Precondition: checked.
    const Hash32& leaf(size_t i) const { return items_[i].leaf; }

   private:
    friend class Replay;
    struct Item {
      Hash32 leaf{};
      absl::StatusOr<ledger::RecordView> record = absl::UnknownError("");
      std::optional<absl::StatusOr<CheckedPayload>> checked;  // where the record could be decoded
    };

    Trust trust_;
    std::span<const std::string> records_;
    std::vector<Item> items_;  // empty: not checked yet
    size_t applied_ = 0;
    Basis basis_;
  };

  /// Preconditions: `trust` is not kClaim.
  Replay(Trust trust, State::ReadRecord read_record, OnFault on_fault, ParallelFor parallel_for);
  /// Goes on from `state`.
  Replay(Trust trust, State state, OnFault on_fault, ParallelFor parallel_for,
         AfterFault after_fault = AfterFault::kGoOn);

  /// The next records in order.
  void Append(const std::vector<std::string>& records);

  /// What the next record is to be checked against.
  Basis basis() const { return {state_.definition(), state_.context()}; }
  /// Applies the next records in order, a checked run under this replay's trust. False when it came
  /// to one that was checked against another basis: the run is to be checked against basis() again
  /// and then goes on there. The verdicts are those of Append, however the records are cut.
  bool Apply(Run& run, const OnAccepted& on_accepted = {});

  const State& state() const { return state_; }
  /// Hands the state over, e.g. to a server that goes on writing.
  State TakeState() && { return std::move(state_); }

 private:
  friend class ClaimedReplay;
  Replay(State state, OnFault on_fault);  // of a claim
  void ApplyNext(const Run::Item& item, const OnAccepted& on_accepted);

  Trust trust_;
  State state_;
  OnFault on_fault_;
  ParallelFor parallel_for_;
  AfterFault after_fault_ = AfterFault::kGoOn;
  bool stopped_ = false;
};

/// A replay of a ledger's first records whose proofs (of ballots, tokens, register entries)
/// somebody says to have checked before, when the ledger had this root. All else is checked.
/// Nothing comes out of it before the root was compared.
class ClaimedReplay {
 public:
  ClaimedReplay(State::ReadRecord read_record, Replay::OnFault on_fault);

  Basis basis() const { return replay_.basis(); }
  uint64_t size() const { return replay_.state().size(); }
  /// As Replay::Apply, for runs under Trust::kClaim.
  bool Apply(Replay::Run& run, const Replay::OnAccepted& on_accepted = {}) {
    return replay_.Apply(run, on_accepted);
  }
  /// The state, if these are the records of the claim. Errors: Reject("checkpoint.root").
  absl::StatusOr<State> Confirm(const Hash32& root) &&;

 private:
  Replay replay_;
};

/// ParallelFor on the calling thread.
void Sequentially(size_t count, const std::function<void(size_t)>& work);

}  // namespace urna::poll
