#include "server/watchman.h"

#include <utility>

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"

namespace urna::server {
namespace {

using base::Cat;

constexpr uint64_t kRememberEvery = 60;  // seconds

}  // namespace

std::string TimePath(const std::string& anchor_folder) { return Cat(anchor_folder, "/clock"); }

absl::StatusOr<uint64_t> ReadTime(const std::string& path) {
  const auto content = base::ReadFile(path, 1024);
  if (absl::IsNotFound(content.status())) return 0;
  URNA_RETURN_IF_ERROR(content.status());
  uint64_t time = 0;
  if (!base::ParseU64(base::Trim(*content), &time)) {
    return base::Failure(
        absl::StatusCode::kDataLoss,
        Cat(path,
            ": should hold the time at which a server on these anchors ran last, and does "
            "not. If the clock is right, delete this file"));
  }
  return time;
}

Watchman::Watchman(Options options, const WatchedClock& clock, DiskWatch& disk, Log& log)
    : options_(std::move(options)), clock_(clock), disk_(disk), log_(log) {}

void Watchman::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Watchman::Stop() {
  {
    std::lock_guard guard(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Watchman::Run() {
  std::unique_lock guard(mutex_);
  while (!stopping_) {
    guard.unlock();
    RememberTime();
    disk_.Measure();
    disk_.KeepBallast();
    guard.lock();
    wake_.wait_for(guard, options_.interval, [this] { return stopping_; });
  }
}

void Watchman::RememberTime() {
  const uint64_t now = clock_.Now();
  if (now < remembered_ + kRememberEvery) return;
  // Nothing depends on the newest minute being there: a full disk is no reason to stop.
  const absl::Status status = base::WriteFileAtomic(options_.time_file, Cat(now, "\n"), 0600);
  remembered_ = now;
  const std::string complaint = status.ok() ? "" : status.ToString();
  if (!complaint.empty() && complaint != complaint_) {
    log_.Line(Cat("the time cannot be remembered: ", complaint));
  }
  complaint_ = complaint;
}

}  // namespace urna::server
