#include "server/rereader.h"

#include <sys/resource.h>

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "base/text.h"
#include "ledger/merkle.h"
#include "ledger/record.h"
#include "ledger/store/salvage.h"
#include "ledger/tiles.h"

namespace urna::server {
namespace {

using base::Cat;
using std::chrono::steady_clock;

constexpr int kLowestPriority = 19;
constexpr size_t kPiece = size_t{256} << 10;
constexpr uint64_t kReopenAfter = uint64_t{1} << 30;
constexpr int kAttempts = 4;
constexpr auto kBetweenAttempts = std::chrono::milliseconds(250);

absl::Status Lost(std::string_view what) {
  return base::Failure(absl::StatusCode::kDataLoss, what);
}

std::string_view MessageOf(const absl::Status& status) {
  return {status.message().data(), status.message().size()};
}

}  // namespace

absl::Status RereadLedger(StoredLedger& stored, const ledger::Store::Head& head,
                          const std::function<bool(size_t bytes)>& pace) {
  ledger::TileEdges edges;
  absl::Status fault;
  const auto compare = [&](const ledger::TileId& id, const std::string& expected) {
    const auto tile = stored.ReadTile(id.level, id.index);
    if (!fault.ok()) return;
    if (!tile.ok()) {
      fault = Lost(Cat(id.Path(), ": ", MessageOf(tile.status())));
    } else if (*tile != expected) {
      fault = Lost(Cat(id.Path(), ": is not the tile of these records"));
    }
  };
  Hash32 previous{};
  size_t bytes = 0;
  for (uint64_t index = 0; index < head.size; ++index) {
    const auto record = stored.Read(index);
    if (!record.ok()) return Lost(Cat("record ", index, ": ", MessageOf(record.status())));
    const auto decoded = ledger::DecodeRecord(*record);
    if (!decoded.ok()) return Lost(Cat("record ", index, ": is none"));
    if (decoded->previous != previous) {
      return Lost(Cat("record ", index, ": does not carry the hash of record ", index - 1,
                      ": one of the two is not what it was"));
    }
    previous = ledger::LeafHash(*record);
    edges.Append(previous, compare);
    URNA_RETURN_IF_ERROR(fault);
    bytes += record->size();
    if (bytes < kPiece && index + 1 < head.size) continue;
    if (!pace(bytes)) return absl::CancelledError("stopped");
    bytes = 0;
  }
  if (edges.Root() == head.root) return absl::OkStatus();
  return Lost(Cat("record ", head.size - 1, ", or another since the last full tile: the ",
                  head.size, " records do not have the root that the server works with"));
}

/// The files of the store, as they are on the disk: the server's own database would answer out of
/// its memory. Opened anew now and then, since it keeps files that the server has long replaced;
/// and when something cannot be read, since the server may have been writing just then.
class Rereader::DiskReader final : public StoredLedger {
 public:
  DiskReader(std::string folder, const Hash32& poll, std::function<bool()> wait)
      : folder_(std::move(folder)), poll_(poll), wait_(std::move(wait)) {}

  absl::StatusOr<std::string> Read(uint64_t index) override {
    return Try([&] { return store_->Read(poll_, index); });
  }
  absl::StatusOr<std::string> ReadTile(uint32_t level, uint64_t index) override {
    return Try([&] { return store_->ReadTile(poll_, level, index); });
  }

 private:
  template <typename Read>
  absl::StatusOr<std::string> Try(Read read) {
    if (read_ > kReopenAfter) store_.reset();
    absl::StatusOr<std::string> bytes = absl::UnknownError("");
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      if (attempt > 0) {
        store_.reset();
        if (!wait_()) return absl::CancelledError("stopped");
      }
      if (store_ == nullptr) {
        auto opened = ledger::Salvage::Open(folder_);
        if (!opened.ok()) {
          bytes = opened.status();
          continue;
        }
        store_ = *std::move(opened);
        read_ = 0;
      }
      bytes = read();
      if (!bytes.ok()) continue;
      read_ += bytes->size();
      return bytes;
    }
    return bytes;
  }

  const std::string folder_;
  const Hash32 poll_;
  const std::function<bool()> wait_;
  std::unique_ptr<ledger::Salvage> store_;
  uint64_t read_ = 0;
};

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

bool Rereader::Stopping() {
  std::lock_guard guard(mutex_);
  return stopping_;
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
    // What the server goes on from: all of it is on the disk.
    const auto head = store_.GetHead(poll->id);
    if (!head.ok()) continue;
    DiskReader stored(options_.ledger_folder, poll->id,
                      [this] { return Wait(steady_clock::now() + kBetweenAttempts); });
    const absl::Status status = RereadLedger(stored, *head, pace);
    if (Stopping()) return;
    if (!status.ok()) Damaged(*poll, status);
  }
  for (size_t i = 0; i < issuers_.size(); ++i) {
    if (!issuers_[i]->usable().ok()) continue;
    const absl::Status status = issuers_[i]->Reread(pace);
    if (Stopping()) return;
    if (status.ok()) continue;
    log_.Line(Cat("ALARM: issuer ", i, ": stored answers are damaged: ", MessageOf(status),
                  ". It gives no new tokens until they are restored; see the operator's guide, \"A "
                  "stored record is damaged\""));
    alarm_();
  }
}

}  // namespace urna::server
