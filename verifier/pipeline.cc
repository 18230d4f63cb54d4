#include "verifier/pipeline.h"

#include <algorithm>
#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <thread>

namespace urna::verifier {
namespace {

using Trust = poll::Replay::Trust;

class Pipeline {
 public:
  Pipeline(const ledger::ExportReader& reader, const Work& work, uint64_t claimed,
           const std::function<Applied(Piece&)>& apply, const std::atomic<bool>& stop)
      : reader_(reader),
        work_(work),
        threads_(work.threads != 0 ? work.threads
                                   : std::max(1U, std::thread::hardware_concurrency())),
        claimed_(claimed),
        apply_(apply),
        stop_(stop) {}

  absl::Status Run() {
    {
      std::vector<std::jthread> others;
      others.emplace_back([this] { Read(); });
      for (unsigned i = 1; i < threads_; ++i) others.emplace_back([this] { CheckAndApply(); });
      CheckAndApply();
    }
    if (stop_) return absl::CancelledError("interrupted");
    return enough_ ? absl::OkStatus() : read_;
  }

 private:
  enum class Stage : uint8_t { kWaiting, kBusy, kChecked };
  struct Queued {
    std::unique_ptr<Piece> piece;
    size_t bytes;
    Stage stage = Stage::kWaiting;
  };

  // --- The thread that reads ---

  void Read() {
    // The count is unverified and may be absurd: the first file that is not there ends the stream.
    absl::Status status;
    uint64_t next = 0;
    for (uint64_t i = 0; i < reader_.bundle_count() && status.ok(); ++i) {
      auto bundle = reader_.ReadBundle(i);
      status = bundle.status();
      if (status.ok() && !Cut(*std::move(bundle), next)) break;
    }
    const std::lock_guard lock(mutex_);
    read_ = status;
    reading_ = false;
    changed_.notify_all();
  }

  /// Queues records from index `next` on, which it advances. False if nobody wants any more.
  bool Cut(std::vector<std::string> records, uint64_t& next) {
    for (size_t i = 0; i < records.size();) {
      const Trust trust = next < claimed_ ? Trust::kClaim : Trust::kNothing;
      const uint64_t end = trust == Trust::kClaim ? claimed_ : UINT64_MAX;
      const uint64_t first = next;
      std::vector<std::string> cut;
      size_t bytes = 0;
      while (i < records.size() && next < end &&
             (cut.empty() || (cut.size() < work_.piece_records &&
                              bytes + records[i].size() <= work_.piece_bytes))) {
        bytes += records[i].size();
        cut.push_back(std::move(records[i++]));
        ++next;
      }
      auto piece = std::make_unique<Piece>(first, std::move(cut), trust);
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] {
        return Over() || queue_.empty() || queued_bytes_ + bytes <= work_.ahead_bytes * threads_;
      });
      if (Over()) return false;
      queued_bytes_ += bytes;
      queue_.push_back({std::move(piece), bytes});
      changed_.notify_all();
    }
    return true;
  }

  // --- The threads that check and apply ---

  bool Over() const { return enough_ || stop_; }

  void CheckAndApply() {
    std::unique_lock lock(mutex_);
    for (;;) {
      if (Over() || (!reading_ && queue_.empty())) {
        changed_.notify_all();
        return;
      }
      const auto waiting = std::ranges::find(queue_, Stage::kWaiting, &Queued::stage);
      if (!queue_.empty() && queue_.front().stage == Stage::kChecked) {
        ApplyFirst(lock);
      } else if (waiting != queue_.end()) {
        CheckOne(*waiting, lock);
      } else {
        changed_.wait(lock);
      }
    }
  }

  void CheckOne(Queued& queued, std::unique_lock<std::mutex>& lock) {
    queued.stage = Stage::kBusy;
    const poll::Basis basis = basis_;
    lock.unlock();
    queued.piece->run.Check(basis);
    lock.lock();
    queued.stage = basis == basis_ ? Stage::kChecked : Stage::kWaiting;
    changed_.notify_all();
  }

  /// While it is being applied the first piece is not kChecked, so nobody else takes it or the one
  /// behind it.
  void ApplyFirst(std::unique_lock<std::mutex>& lock) {
    Queued& queued = queue_.front();
    queued.stage = Stage::kBusy;
    lock.unlock();
    const Applied applied = apply_(*queued.piece);
    if (applied.outcome == Applied::Outcome::kWhole) queued.piece.reset();
    lock.lock();
    enough_ = applied.outcome == Applied::Outcome::kEnough;
    if (basis_ != applied.basis) {
      basis_ = applied.basis;
      for (Queued& other : queue_) {
        if (other.stage == Stage::kChecked) other.stage = Stage::kWaiting;
      }
    }
    if (applied.outcome == Applied::Outcome::kWhole) {
      queued_bytes_ -= queued.bytes;
      queue_.pop_front();
    } else {
      queued.stage = Stage::kWaiting;
    }
    changed_.notify_all();
  }

  const ledger::ExportReader& reader_;
  const Work& work_;
  const unsigned threads_;
  const uint64_t claimed_;
  const std::function<Applied(Piece&)>& apply_;
  const std::atomic<bool>& stop_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::list<Queued> queue_;  // in the order of records; addresses stay
  size_t queued_bytes_ = 0;
  bool reading_ = true;
  absl::Status read_;  // what reading ended with
  bool enough_ = false;
  poll::Basis basis_;  // after the last piece that was applied
};

}  // namespace

absl::Status StreamRecords(const ledger::ExportReader& reader, const Work& work, uint64_t claimed,
                           const std::function<Applied(Piece&)>& apply,
                           const std::atomic<bool>& stop) {
  return Pipeline(reader, work, claimed, apply, stop).Run();
}

}  // namespace urna::verifier
