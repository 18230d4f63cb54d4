#include "poll/replay.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "base/status.h"
#include "base/text.h"
#include "ledger/record.h"

namespace urna::poll {
namespace {

// Small enough to spread over cores, large enough for a batch check to pay.
constexpr size_t kChunk = 256;

// Ballots and register parts need only what opening fixed, so a run of them is checked in parallel.
bool IsParallel(std::string_view record) {
  if (record.size() < ledger::kRecordHeaderBytes) return false;
  const auto kind = static_cast<RecordKind>(record[1]);
  return kind == RecordKind::kBallotCast || kind == RecordKind::kRegisterPart;
}

}  // namespace

Replay::Replay(Trust trust, State::ReadRecord read_record, OnFault on_fault,
               ParallelFor parallel_for)
    : Replay(trust, State(std::move(read_record)), std::move(on_fault), std::move(parallel_for)) {}

Replay::Replay(Trust trust, State state, OnFault on_fault, ParallelFor parallel_for)
    : trust_(trust),
      state_(std::move(state)),
      on_fault_(std::move(on_fault)),
      parallel_for_(std::move(parallel_for)) {}

void Replay::Append(const std::vector<std::string>& records) {
  for (size_t first = 0; first < records.size();) {
    size_t last = first + 1;
    if (IsParallel(records[first])) {
      while (last < records.size() && IsParallel(records[last])) ++last;
    }
    ApplyRun(records, first, last);
    first = last;
  }
}

void Replay::ApplyRun(const std::vector<std::string>& records, size_t first, size_t last) {
  struct Item {
    Hash32 leaf{};
    absl::StatusOr<ledger::Record> record = absl::UnknownError("");
    std::optional<absl::StatusOr<CheckedPayload>> checked;
  };
  std::vector<Item> items(last - first);
  const std::shared_ptr<const Definition> definition = state_.definition();
  const std::shared_ptr<const PollContext> context = state_.context();
  const size_t chunks = (items.size() + kChunk - 1) / kChunk;
  parallel_for_(chunks, [&](size_t chunk) {
    const size_t begin = chunk * kChunk;
    const size_t end = std::min(begin + kChunk, items.size());
    std::vector<RawPayload> payloads;
    std::vector<size_t> owner;
    for (size_t i = begin; i < end; ++i) {
      const std::string& bytes = records[first + i];
      items[i].leaf = ledger::LeafHash(bytes);
      items[i].record = ledger::DecodeRecord(bytes);
      if (!items[i].record.ok()) continue;
      payloads.push_back({items[i].record->kind, items[i].record->payload});
      owner.push_back(i);
    }
    if (trust_ == Trust::kOwnStore) {
      for (size_t p = 0; p < payloads.size(); ++p) {
        items[owner[p]].checked = DecodeStored(definition.get(), context.get(), payloads[p]);
      }
      return;
    }
    auto verdicts = CheckPayloads(definition.get(), context.get(), payloads);
    for (size_t p = 0; p < payloads.size(); ++p) items[owner[p]].checked = std::move(verdicts[p]);
  });

  for (const Item& item : items) {
    const uint64_t index = state_.size();
    absl::Status status = item.record.status();
    uint8_t kind = 0;
    if (status.ok()) {
      kind = item.record->kind;
      if (item.record->previous != state_.last_leaf()) {
        on_fault_(
            index, kind,
            base::Reject("ledger.chain-broken", "does not carry the hash of the record before it"));
      }
      status = item.checked->status();
    }
    if (status.ok()) status = state_.Apply(**item.checked, item.record->time, item.leaf);
    if (!status.ok()) {
      on_fault_(index, kind, status);
      state_.Skip(item.leaf);
    }
  }
}

void Sequentially(size_t count, const std::function<void(size_t)>& work) {
  for (size_t i = 0; i < count; ++i) work(i);
}

}  // namespace urna::poll
