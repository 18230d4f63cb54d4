#include "server/rereader.h"

#include <sys/resource.h>

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "base/text.h"
#include "ledger/merkle.h"
#include "ledger/record.h"
#include "ledger/tiles.h"

namespace urna::server {
namespace {

using base::Cat;
using std::chrono::steady_clock;

constexpr int kLowestPriority = 19;

absl::Status Lost(std::string_view what) {
  return base::Failure(absl::StatusCode::kDataLoss, what);
}

std::string_view MessageOf(const absl::Status& status) {
  return {status.message().data(), status.message().size()};
}

}  // namespace

absl::Status RereadLedger(const ledger::Store& store, const Hash32& poll,
                          const std::function<bool(size_t bytes)>& pace) {
  URNA_ASSIGN_OR_RETURN(const ledger::Store::Head head, store.GetHead(poll));
  ledger::TileEdges edges;
  absl::Status fault;
  const auto compare = [&](const ledger::TileId& id, const std::string& expected) {
    const auto stored = store.ReadTile(poll, id);
    if (!fault.ok()) return;
    if (!stored.ok()) {
      fault = Lost(Cat(id.Path(), ": ", MessageOf(stored.status())));
    } else if (*stored != expected) {
      fault = Lost(Cat(id.Path(), ": is not the tile of these records"));
    }
  };
  Hash32 previous{};
  for (uint64_t first = 0; first < head.size;) {
    const uint64_t last = std::min<uint64_t>(first + ledger::kTileWidth, head.size);
    size_t bytes = 0;
    uint64_t next = first;
    // A new iterator for each piece: a long-lived one would keep files of the database that are
    // long replaced.
    const absl::Status scanned =
        store.Scan(poll, first, last, [&](uint64_t index, std::string_view record) -> absl::Status {
          const auto decoded = ledger::DecodeRecord(record);
          if (!decoded.ok()) return Lost(Cat("record ", index, ": is none"));
          if (decoded->previous != previous) {
            return Lost(Cat("record ", index, ": does not carry the hash of record ", index - 1,
                            ": one of the two is not what it was"));
          }
          previous = ledger::LeafHash(record);
          edges.Append(previous, compare);
          bytes += record.size();
          next = index + 1;
          return fault;
        });
    if (absl::IsDataLoss(scanned)) return scanned;
    if (!scanned.ok()) {
      return Lost(Cat("record ", next, " or one after it: ", MessageOf(scanned)));
    }
    first = last;
    if (!pace(bytes)) return absl::CancelledError("stopped");
  }
  if (edges.Root() != head.root) {
    return Lost(Cat("record ", head.size - 1, ", or another since the last full tile: the ",
                    head.size, " records do not have the root that the server works with"));
  }
  return absl::OkStatus();
}

Rereader::Rereader(Options options, const ledger::Store& store, PollBook& book,
                   const std::vector<std::unique_ptr<Issuer>>& issuers, Log& log,
                   std::function<void()> alarm)
    : options_(options),
      store_(store),
      book_(book),
      issuers_(issuers),
      log_(log),
      alarm_(std::move(alarm)) {}

void Rereader::Start() {
  if (options_.bytes_per_second == 0) return;
  thread_ = std::thread([this] { Run(); });
}

void Rereader::Stop() {
  {
    std::lock_guard guard(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

bool Rereader::Wait(steady_clock::time_point until) {
  std::unique_lock guard(mutex_);
  return !wake_.wait_until(guard, until, [this] { return stopping_; });
}

bool Rereader::Pace(size_t bytes) {
  const auto pause = std::chrono::microseconds(bytes * 1'000'000 / options_.bytes_per_second);
  return Wait(steady_clock::now() + pause);
}

void Rereader::Run() {
  // Of this thread alone. Where it is not allowed, the pace is what keeps it out of the way.
  (void)setpriority(PRIO_PROCESS, 0, kLowestPriority);
  steady_clock::time_point next;
  do {
    next = steady_clock::now() + options_.every;
    ReadAll();
  } while (Wait(next));
}

void Rereader::Damaged(LivePoll& poll, const absl::Status& status) {
  log_.Line(Cat("ALARM: poll ", base::Hex(poll.id), ": stored data is damaged: ", MessageOf(status),
                ". No ballots are taken and no tokens or records given for this poll until it is "
                "restored; see the operator's guide, \"A stored record is damaged\""));
  {
    std::unique_lock guard(poll.lock);
    poll.damage = base::Failure(
        absl::StatusCode::kUnavailable,
        "the server has found damage in its copy of this poll's ledger and takes and gives nothing "
        "for it until its operator has restored it; keep your receipts");
    poll.RefreshView();
  }
  alarm_();
}

void Rereader::ReadAll() {
  const auto pace = [this](size_t bytes) { return Pace(bytes); };
  for (const auto& poll : book_.All()) {
    if (!poll->view()->damage.ok()) continue;
    const absl::Status status = RereadLedger(store_, poll->id, pace);
    if (absl::IsCancelled(status)) return;
    if (!status.ok()) Damaged(*poll, status);
  }
  for (size_t i = 0; i < issuers_.size(); ++i) {
    if (!issuers_[i]->usable().ok()) continue;
    const absl::Status status = issuers_[i]->Reread(pace);
    if (absl::IsCancelled(status)) return;
    if (status.ok()) continue;
    log_.Line(Cat("ALARM: issuer ", i, ": stored answers are damaged: ", MessageOf(status),
                  ". It gives no new tokens until they are restored; see the operator's guide, \"A "
                  "stored record is damaged\""));
    alarm_();
  }
}

}  // namespace urna::server
