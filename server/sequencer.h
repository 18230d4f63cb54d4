#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/signature.h"
#include "ledger/receipt.h"
#include "ledger/store/store.h"
#include "poll/state.h"
#include "server/anchor.h"
#include "server/clock.h"
#include "server/disk_watch.h"
#include "server/lane.h"
#include "server/live_poll.h"
#include "server/log.h"

namespace urna::server {

/// A payload on its way to the ledger.
struct Checked {
  poll::CheckedPayload payload;
  std::string bytes;  ///< the encoded payload
};
/// CheckPayloads for one payload.
absl::StatusOr<Checked> Check(const poll::Definition* definition, const poll::PollContext* context,
                              const poll::Payload& payload);
absl::StatusOr<Checked> Check(const poll::Definition* definition, const poll::PollContext* context,
                              poll::RecordKind kind, std::string bytes);

/// Applies a group of payloads to `state` as the records that would carry them. On an error `state`
/// is somewhere within the group: for copies only. Returns the encoded records.
absl::StatusOr<std::vector<std::string>> ApplyGroup(poll::State& state,
                                                    const std::vector<Checked>& payloads,
                                                    uint64_t time);

/// A ballot's receipt, with what else its voter needs to recompute the leaf.
struct CastReceipt {
  ledger::Receipt receipt;
  uint64_t time = 0;
  Hash32 previous{};
};
/// Of record `index`, which must be a ballot, under the checkpoint `note` of `size` records;
/// `nodes` are those of the first `size` records. Errors: NotFound, DataLoss, Unavailable.
absl::StatusOr<CastReceipt> MakeReceipt(const ledger::Store& store, const Hash32& poll,
                                        uint64_t index, uint64_t size, const std::string& note,
                                        const ledger::NodeReader& nodes);

/// What was appended.
struct Appended {
  Hash32 poll{};
  uint64_t index = 0;   ///< of the (first) record
  CastReceipt receipt;  ///< ballots only
};

/// What happens when a store cannot say whether it wrote: a line for the operator's eyes; does not
/// return but in tests.
using Fatal = std::function<void(std::string_view reason)>;

/// The only writer. One thread takes all that queued up during the last write, decides in order,
/// makes all of it durable with one write, anchors and signs, and only then answers.
class Sequencer {
 public:
  struct Item {
    std::shared_ptr<LivePoll> poll;  ///< null: a new poll
    /// One payload, or a group that is appended as a whole or not at all.
    std::vector<Checked> payloads;
    uint64_t arrived = 0;  ///< ballots only: Unix seconds
    /// What must hold of the state in which the group arrives; null: nothing more than its rules.
    std::function<absl::Status(const poll::State&)> condition = {};
    /// Called once, on the sequencer's thread; must not block.
    std::function<void(absl::StatusOr<Appended>)> done;
  };
  struct Options {
    size_t queue = 4096;
    size_t max_polls = 64;  ///< that are neither certified nor cancelled
    std::string anchor_folder;
    std::string published_folder;
    /// Tests: called before every durable write; an error counts as the write's.
    std::function<absl::Status()> before_append;
  };
  /// `on_appended`: called after every durable write, on the sequencer's thread.
  Sequencer(Options options, ledger::Store& store, PollBook& book,
            const crypto::Ed25519Key& checkpoint_key, const Clock& clock, DiskWatch& disk, Log& log,
            Fatal fatal, std::function<void()> on_appended);

  /// The anchor of a poll, at start before anything is submitted.
  void AdoptAnchor(const Hash32& poll, std::unique_ptr<AnchorFile> anchor);

  /// False when the queue is full; `item` is then untouched.
  bool TrySubmit(Item&& item) { return lane_->TryPush(std::move(item)); }
  /// Submits and waits. Errors: the rejection; ResourceExhausted when the queue or the disk is
  /// full; Unavailable.
  absl::StatusOr<Appended> SubmitAndWait(
      std::shared_ptr<LivePoll> poll, std::vector<Checked> payloads,
      std::function<absl::Status(const poll::State&)> condition = {});
  /// Works off what waits; later submissions are refused.
  void Drain() { lane_->Drain(); }

 private:
  struct Touched;
  using TouchedPolls = std::map<Hash32, Touched>;

  void Process(std::vector<Item> items);
  absl::Status CheckRoom(const Item& item);
  absl::StatusOr<Appended> Plan(Item& item, TouchedPolls& touched);
  absl::StatusOr<Appended> PlanNewPoll(Item& item, TouchedPolls& touched);
  absl::Status CheckNewPoll(const LivePoll& poll, const TouchedPolls& touched) const;
  absl::Status Write(TouchedPolls& touched);
  absl::Status SignAndAnchor(Touched& poll);
  void Fail(std::string_view reason, std::vector<Item>& items);

  const Options options_;
  ledger::Store& store_;
  PollBook& book_;
  const crypto::Ed25519Key& checkpoint_key_;
  const Clock& clock_;
  DiskWatch& disk_;
  Log& log_;
  const Fatal fatal_;
  const std::function<void()> on_appended_;
  std::map<Hash32, std::unique_ptr<AnchorFile>> anchors_;
  bool failed_ = false;
  uint64_t planned_ = 0;  // bytes of the present batch
  std::unique_ptr<Lane<Item>> lane_;
};

}  // namespace urna::server
