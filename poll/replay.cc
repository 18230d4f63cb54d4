#include "poll/replay.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"
#include "crypto/check.h"
#include "ledger/record.h"

namespace urna::poll {
namespace {

// Small enough to spread over cores, large enough for a batch check to pay.
constexpr size_t kChunk = 256;

}  // namespace

Replay::Run::Run(Trust trust, std::span<const std::string> records)
    : trust_(trust), records_(records) {}

void Replay::Run::Check(const Basis& basis) {
  if (items_.empty()) {
    items_.resize(records_.size());
    for (size_t i = 0; i < items_.size(); ++i) {
      items_[i].leaf = ledger::LeafHash(records_[i]);
      items_[i].record = ledger::ViewRecord(records_[i]);
    }
  }
  basis_ = basis;
  std::vector<RawPayload> payloads;
  std::vector<Item*> owners;
  for (size_t i = applied_; i < items_.size(); ++i) {
    if (!items_[i].record.ok()) continue;
    payloads.push_back({items_[i].record->kind, items_[i].record->payload});
    owners.push_back(&items_[i]);
  }
  auto verdicts = trust_ == Trust::kNothing
                      ? CheckPayloads(basis.definition.get(), basis.context.get(), payloads)
                      : DecodeStored(basis.definition.get(), basis.context.get(), payloads);
  for (size_t p = 0; p < payloads.size(); ++p) owners[p]->checked = std::move(verdicts[p]);
}

Replay::Replay(Trust trust, State::ReadRecord read_record, OnFault on_fault,
               ParallelFor parallel_for)
    : Replay(trust, State(std::move(read_record)), std::move(on_fault), std::move(parallel_for)) {}

Replay::Replay(Trust trust, State state, OnFault on_fault, ParallelFor parallel_for,
               AfterFault after_fault)
    : trust_(trust),
      state_(std::move(state)),
      on_fault_(std::move(on_fault)),
      parallel_for_(std::move(parallel_for)),
      after_fault_(after_fault) {
  crypto::Check(trust != Trust::kClaim, "a claim is replayed by a ClaimedReplay");
}

Replay::Replay(State state, OnFault on_fault)
    : trust_(Trust::kClaim),
      state_(std::move(state)),
      on_fault_(std::move(on_fault)),
      parallel_for_(Sequentially) {}

void Replay::Append(const std::vector<std::string>& records) {
  std::vector<Run> runs;
  for (std::span<const std::string> left = records; !left.empty();) {
    const size_t size = std::min(kChunk, left.size());
    runs.emplace_back(trust_, left.first(size));
    left = left.subspan(size);
  }
  for (size_t next = 0; next < runs.size();) {
    const Basis now = basis();
    parallel_for_(runs.size() - next, [&](size_t i) { runs[next + i].Check(now); });
    while (next < runs.size() && Apply(runs[next])) ++next;
  }
}

bool Replay::Apply(Run& run, const OnAccepted& on_accepted) {
  crypto::Check(run.trust_ == trust_, "a run is applied under the trust that it was checked under");
  for (; run.applied_ < run.size() && !stopped_; ++run.applied_) {
    if (run.items_.empty() || run.basis_.definition != state_.definition() ||
        run.basis_.context != state_.context()) {
      return false;
    }
    ApplyNext(run.items_[run.applied_], on_accepted);
  }
  return true;
}

void Replay::ApplyNext(const Run::Item& item, const OnAccepted& on_accepted) {
  const uint64_t index = state_.size();
  absl::Status status = item.record.status();
  uint8_t kind = 0;
  if (status.ok()) {
    kind = item.record->kind;
    if (item.record->previous != state_.last_leaf()) {
      on_fault_(
          index, kind,
          base::Reject("ledger.chain-broken", "does not carry the hash of the record before it"));
      stopped_ = after_fault_ == AfterFault::kStop;
      if (stopped_) return;
    }
    status = item.checked->status();
  }
  if (status.ok()) status = state_.Apply(**item.checked, item.record->time, item.leaf);
  if (!status.ok()) {
    on_fault_(index, kind, status);
    stopped_ = after_fault_ == AfterFault::kStop;
    if (!stopped_) state_.Skip(item.leaf);
  } else if (on_accepted) {
    on_accepted(index, **item.checked);
  }
}

ClaimedReplay::ClaimedReplay(State::ReadRecord read_record, Replay::OnFault on_fault)
    : replay_(State(std::move(read_record)), std::move(on_fault)) {}

absl::StatusOr<State> ClaimedReplay::Confirm(const Hash32& root) && {
  const Hash32 own = replay_.state().root();
  if (own != root) {
    return base::Reject(
        "checkpoint.root",
        base::Cat("the first ", size(), " records have the root ", base::Base64(base::View(own)),
                  ", not ", base::Base64(base::View(root))));
  }
  return std::move(replay_).TakeState();
}

void Sequentially(size_t count, const std::function<void(size_t)>& work) {
  for (size_t i = 0; i < count; ++i) work(i);
}

}  // namespace urna::poll
