#include "server/sequencer.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <mutex>
#include <thread>
#include <utility>

#include "base/status.h"
#include "base/text.h"
#include "ledger/checkpoint.h"
#include "ledger/record.h"
#include "server/publication.h"

namespace urna::server {
namespace {

using base::Cat;
using base::Reject;
using poll::RecordKind;

constexpr size_t kMaxBatch = 1024;
constexpr uint64_t kHour = 3600;
// Between answering the waiting requests and exiting: the answers are sent by other threads.
constexpr auto kFarewell = std::chrono::milliseconds(200);

absl::Status OutcomeUnknown() {
  return base::Failure(absl::StatusCode::kUnavailable,
                       "the outcome is unknown; sending the same again is safe");
}

bool IsOver(poll::Phase phase) {
  return phase == poll::Phase::kCertified || phase == poll::Phase::kCancelled;
}

}  // namespace

absl::StatusOr<Checked> Check(const poll::Definition* definition, const poll::PollContext* context,
                              RecordKind kind, std::string bytes) {
  const poll::RawPayload raw{static_cast<uint8_t>(kind), bytes};
  auto checked = poll::CheckPayloads(definition, context, {&raw, 1});
  URNA_RETURN_IF_ERROR(checked[0].status());
  return Checked{*std::move(checked[0]), std::move(bytes)};
}

absl::StatusOr<Checked> Check(const poll::Definition* definition, const poll::PollContext* context,
                              const poll::Payload& payload) {
  return Check(definition, context, poll::KindOf(payload), poll::EncodePayload(payload));
}

absl::StatusOr<std::vector<std::string>> ApplyGroup(poll::State& state,
                                                    const std::vector<Checked>& payloads,
                                                    uint64_t time) {
  std::vector<std::string> records;
  for (const Checked& checked : payloads) {
    if (checked.bytes.size() > ledger::kMaxPayloadBytes) {
      return Reject("record.malformed", Cat("a payload of ", checked.bytes.size(), " bytes"));
    }
    std::string bytes = ledger::EncodeRecord({.kind = static_cast<uint8_t>(checked.payload.kind()),
                                              .time = time,
                                              .previous = state.last_leaf(),
                                              .payload = checked.bytes});
    URNA_RETURN_IF_ERROR(state.Apply(checked.payload, time, ledger::LeafHash(bytes)));
    records.push_back(std::move(bytes));
  }
  return records;
}

absl::StatusOr<CastReceipt> MakeReceipt(const ledger::Store& store, const Hash32& poll,
                                        uint64_t index, uint64_t size, const std::string& note,
                                        const ledger::NodeReader& nodes) {
  URNA_ASSIGN_OR_RETURN(const std::string bytes, store.Read(poll, index));
  URNA_ASSIGN_OR_RETURN(const ledger::Record record, ledger::DecodeRecord(bytes));
  if (record.kind != static_cast<uint8_t>(RecordKind::kBallotCast)) {
    return base::Failure(absl::StatusCode::kNotFound, Cat("record ", index, " is not a ballot"));
  }
  CastReceipt out;
  out.receipt.leaf = ledger::LeafHash(bytes);
  out.receipt.body = crypto::HashSha256(record.payload);
  out.receipt.index = index;
  URNA_ASSIGN_OR_RETURN(out.receipt.proof, ledger::InclusionProof(index, size, nodes));
  out.receipt.checkpoint = note;
  out.time = record.time;
  out.previous = record.previous;
  return out;
}

/// A poll of the present batch, held exclusively until the batch is durable.
struct Sequencer::Touched {
  std::shared_ptr<LivePoll> poll;
  std::unique_lock<StateLock> lock;
  bool is_new = false;
  bool was_by_clock = false;
  bool officials_step = false;
  std::map<Hash32, uint64_t> bodies;  // ballots of this batch -> index
};

Sequencer::Sequencer(Options options, ledger::Store& store, PollBook& book,
                     const crypto::Ed25519Key& checkpoint_key, const Clock& clock, DiskWatch& disk,
                     Log& log, Fatal fatal, std::function<void()> on_appended)
    : options_(std::move(options)),
      store_(store),
      book_(book),
      checkpoint_key_(checkpoint_key),
      clock_(clock),
      disk_(disk),
      log_(log),
      fatal_(std::move(fatal)),
      on_appended_(std::move(on_appended)),
      lane_(std::make_unique<Lane<Item>>(
          Lane<Item>::Size{1, options_.queue}, kMaxBatch,
          [this](std::vector<Item> items) { Process(std::move(items)); })) {}

void Sequencer::AdoptAnchor(const Hash32& poll, std::unique_ptr<AnchorFile> anchor) {
  anchors_[poll] = std::move(anchor);
}

absl::StatusOr<Appended> Sequencer::SubmitAndWait(
    std::shared_ptr<LivePoll> poll, std::vector<Checked> payloads,
    std::function<absl::Status(const poll::State&)> condition) {
  std::promise<absl::StatusOr<Appended>> promise;
  auto result = promise.get_future();
  Item item;
  item.poll = std::move(poll);
  item.payloads = std::move(payloads);
  item.condition = std::move(condition);
  item.done = [&promise](absl::StatusOr<Appended> appended) {
    promise.set_value(std::move(appended));
  };
  if (!TrySubmit(std::move(item))) {
    return base::Failure(absl::StatusCode::kResourceExhausted,
                         "the ledger's queue is full; try again later");
  }
  return result.get();
}

void Sequencer::Process(std::vector<Item> items) {
  if (failed_) {
    for (Item& item : items) item.done(OutcomeUnknown());
    return;
  }
  disk_.Measure();
  planned_ = 0;
  TouchedPolls touched;
  std::vector<absl::StatusOr<Appended>> outcomes;
  outcomes.reserve(items.size());
  for (Item& item : items) {
    outcomes.push_back(item.poll == nullptr ? PlanNewPoll(item, touched) : Plan(item, touched));
  }

  // Nobody sees the new states, let alone a receipt, before all of it is on the disk.
  const absl::Status written = Write(touched);
  if (!written.ok()) {
    Fail(std::string_view(written.message().data(), written.message().size()), items);
    return;
  }
  std::map<Hash32, ledger::NodeReader> nodes;
  std::map<Hash32, std::shared_ptr<const PublicView>> views;
  for (auto& [id, poll] : touched) {
    if (poll.is_new) book_.Add(poll.poll);
    poll.lock.unlock();
    views[id] = poll.poll->view();
    nodes[id] = store_.Nodes(id, views[id]->head_size);
  }
  for (size_t i = 0; i < items.size(); ++i) {
    absl::StatusOr<Appended>& outcome = outcomes[i];
    if (outcome.ok() && items[i].payloads[0].payload.kind() == RecordKind::kBallotCast) {
      const PublicView& view = *views[outcome->poll];
      auto receipt = MakeReceipt(store_, outcome->poll, outcome->index, view.head_size,
                                 view.head_note, nodes[outcome->poll]);
      if (receipt.ok()) {
        outcome->receipt = *std::move(receipt);
      } else {
        log_.Line(Cat("poll ", base::Hex(outcome->poll),
                      ": a receipt could not be made: ", receipt.status().ToString()));
        outcome = OutcomeUnknown();
      }
    }
    items[i].done(std::move(outcome));
  }
  on_appended_();
}

/// Whether what the batch holds already leaves room for an item.
absl::Status Sequencer::CheckRoom(const Item& item) {
  uint64_t bytes = planned_;
  for (const Checked& checked : item.payloads) bytes += checked.bytes.size();
  URNA_RETURN_IF_ERROR(disk_.Admit(DiskWatch::UseOf(item.payloads.front().payload.kind()), bytes));
  planned_ = bytes;
  return absl::OkStatus();
}

absl::StatusOr<Appended> Sequencer::Plan(Item& item, TouchedPolls& touched) {
  const auto [at, first] = touched.try_emplace(item.poll->id);
  Touched& entry = at->second;
  if (first) {
    entry.poll = item.poll;
    entry.lock = std::unique_lock(item.poll->lock);
    entry.was_by_clock = item.poll->PublishesByClock();
  }
  LivePoll& poll = *item.poll;
  Appended appended{.poll = poll.id, .index = poll.state.size(), .receipt = {}};
  if (item.condition) URNA_RETURN_IF_ERROR(item.condition(poll.state));

  if (item.payloads.size() > 1) {
    URNA_RETURN_IF_ERROR(CheckRoom(item));
    poll::State trial = poll.state;
    URNA_ASSIGN_OR_RETURN(auto records, ApplyGroup(trial, item.payloads, clock_.Now()));
    poll.state = std::move(trial);
    std::ranges::move(records, std::back_inserter(poll.unwritten));
    return appended;
  }

  const Checked& checked = item.payloads[0];
  uint64_t time = clock_.Now();
  const auto* ballot = std::get_if<poll::BallotCast>(&checked.payload.payload());
  if (ballot != nullptr) {
    // The same ballot again, because the first answer was lost, is the same record.
    const Hash32& body = checked.payload.hash();
    if (const auto same = entry.bodies.find(body); same != entry.bodies.end()) {
      appended.index = same->second;
      return appended;
    }
    const auto stored = store_.FindBody(poll.id, body);
    if (stored.ok()) {
      appended.index = *stored;
      return appended;
    }
    if (!absl::IsNotFound(stored.status())) return OutcomeUnknown();
    time = item.arrived - item.arrived % kHour;
  }
  URNA_RETURN_IF_ERROR(CheckRoom(item));
  URNA_ASSIGN_OR_RETURN(auto records, ApplyGroup(poll.state, item.payloads, time));
  if (poll::SignedWithoutRoot(checked.payload.kind())) entry.officials_step = true;
  poll.unwritten.push_back(std::move(records[0]));
  if (ballot != nullptr) {
    entry.bodies[checked.payload.hash()] = appended.index;
    poll.NoteRevision(appended.index, *ballot);
  }
  return appended;
}

absl::Status Sequencer::CheckNewPoll(const LivePoll& poll, const TouchedPolls& touched) const {
  std::vector<std::shared_ptr<LivePoll>> others = book_.All();
  for (const auto& [id, other] : touched) {
    if (other.is_new) others.push_back(other.poll);
  }
  size_t unfinished = 0;
  for (const auto& other : others) {
    if (other->id == poll.id) {
      return Reject("poll.exists", Cat("poll ", base::Hex(poll.id), " was defined before"));
    }
    if (!IsOver(other->view()->phase)) ++unfinished;
  }
  if (unfinished >= options_.max_polls) {
    return base::Failure(absl::StatusCode::kResourceExhausted,
                         Cat("this server keeps ", unfinished,
                             " unfinished polls, as many as its setting max-polls allows"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Appended> Sequencer::PlanNewPoll(Item& item, TouchedPolls& touched) {
  URNA_RETURN_IF_ERROR(CheckRoom(item));
  auto poll = std::make_shared<LivePoll>(&store_);
  URNA_ASSIGN_OR_RETURN(poll->unwritten, ApplyGroup(poll->state, item.payloads, clock_.Now()));
  if (poll->state.definition() == nullptr) {
    return Reject("definition.invalid", "a new poll without its whole definition");
  }
  poll->id = poll->state.poll();
  URNA_RETURN_IF_ERROR(CheckNewPoll(*poll, touched));
  Touched& entry = touched[poll->id];
  entry.poll = poll;
  entry.lock = std::unique_lock(poll->lock);
  entry.is_new = true;
  return Appended{.poll = poll->id, .index = 0, .receipt = {}};
}

absl::Status Sequencer::Write(TouchedPolls& touched) {
  std::vector<ledger::Store::Batch> batches;
  for (const auto& [id, entry] : touched) {
    if (!entry.poll->unwritten.empty()) batches.push_back({id, entry.poll->unwritten});
  }
  if (batches.empty()) return absl::OkStatus();
  if (options_.before_append) URNA_RETURN_IF_ERROR(options_.before_append());
  URNA_ASSIGN_OR_RETURN(const auto heads, store_.Append(batches));
  for (size_t b = 0; b < batches.size(); ++b) {
    const poll::State& state = touched[batches[b].poll].poll->state;
    // Signing what the store does not hold would fork the ledger.
    if (heads[b].size != state.size() || heads[b].root != state.root()) {
      return base::Failure(
          absl::StatusCode::kInternal,
          Cat("poll ", base::Hex(batches[b].poll), ": the store's head differs from the state's"));
    }
  }
  for (auto& [id, entry] : touched) {
    if (!entry.poll->unwritten.empty()) URNA_RETURN_IF_ERROR(SignAndAnchor(entry));
  }
  return absl::OkStatus();
}

absl::Status Sequencer::SignAndAnchor(Touched& entry) {
  LivePoll& poll = *entry.poll;
  poll.head_note = ledger::SignCheckpoint({.origin = poll.state.definition()->ballot_box.name,
                                           .size = poll.state.size(),
                                           .root = poll.state.root()},
                                          checkpoint_key_);
  std::unique_ptr<AnchorFile>& anchor = anchors_[poll.id];
  if (anchor == nullptr) {
    URNA_ASSIGN_OR_RETURN(anchor, AnchorFile::Open(AnchorPath(options_.anchor_folder, poll.id)));
  }
  URNA_RETURN_IF_ERROR(anchor->Append(poll.head_note));
  URNA_RETURN_IF_ERROR(store_.PutCheckpoint(poll.id, poll.state.size(), poll.head_note));
  poll.written = poll.state.size();
  poll.unwritten.clear();
  // What officials do while the poll is open is public at once: their next step builds on it, and
  // clients sign only what they see published.
  if (!entry.was_by_clock || !poll.PublishesByClock() || entry.officials_step) {
    const uint64_t now = clock_.Now();
    if (poll.PublishesByClock()) {
      URNA_RETURN_IF_ERROR(StorePublication(options_.published_folder, poll.id,
                                            {poll.PeriodOf(now), poll.head_note}));
    }
    poll.Publish(now);
  }
  poll.RefreshView();
  return absl::OkStatus();
}

void Sequencer::Fail(std::string_view reason, std::vector<Item>& items) {
  failed_ = true;
  log_.Line(Cat("the ledger could not be written: ", reason));
  for (Item& item : items) item.done(OutcomeUnknown());
  for (Item& item : lane_->TakeWaiting()) item.done(OutcomeUnknown());
  std::this_thread::sleep_for(kFarewell);
  fatal_(Cat("the ledger could not be written: ", reason));
}

}  // namespace urna::server
