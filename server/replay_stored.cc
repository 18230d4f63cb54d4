#include "server/replay_stored.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/text.h"
#include "poll/replay.h"
#include "server/parallel.h"

namespace urna::server {
namespace {

using base::Cat;

// Enough for every core, and little to hold.
constexpr uint64_t kChunk = 4096;

absl::Status Damaged(std::string_view what) {
  return base::Failure(absl::StatusCode::kDataLoss, what);
}

}  // namespace

absl::StatusOr<poll::State> ReplayStored(
    const ledger::Store& store, const crypto::Hash32& poll, poll::State state,
    const std::function<void(uint64_t index, const ledger::RecordView& record)>& visit) {
  URNA_ASSIGN_OR_RETURN(const ledger::Store::Head head, store.GetHead(poll));
  absl::Status fault;
  poll::Replay replay(
      poll::Replay::Trust::kOwnStore, std::move(state),
      [&fault](uint64_t index, uint8_t kind, const absl::Status& status) {
        if (fault.ok()) {
          fault = Damaged(Cat("record ", index, " ('", poll::KindName(kind),
                              "'): ", std::string(status.message())));
        }
      },
      OnAllCores);
  std::vector<std::string> chunk;
  for (uint64_t first = replay.state().size(); first < head.size; first += chunk.size()) {
    chunk.clear();
    const uint64_t last = std::min(first + kChunk, head.size);
    URNA_RETURN_IF_ERROR(store.Scan(poll, first, last, [&](uint64_t, std::string_view record) {
      chunk.emplace_back(record);
      return absl::OkStatus();
    }));
    replay.Append(chunk);
    URNA_RETURN_IF_ERROR(fault);
    for (size_t i = 0; i < chunk.size(); ++i) {
      URNA_ASSIGN_OR_RETURN(const ledger::RecordView record, ledger::ViewRecord(chunk[i]));
      visit(first + i, record);
    }
  }
  if (replay.state().root() != head.root) {
    return Damaged("the records do not have the stored root");
  }
  return std::move(replay).TakeState();
}

}  // namespace urna::server
