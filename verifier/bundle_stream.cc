#include "verifier/bundle_stream.h"

#include <utility>

namespace urna::verifier {
namespace {

// A bundle of largest records takes 16 MiB.
constexpr size_t kAhead = 4;

}  // namespace

BundleStream::BundleStream(const ledger::ExportReader& reader)
    : reader_(reader), thread_([this] { Run(); }) {}

BundleStream::~BundleStream() {
  {
    const std::lock_guard lock(mutex_);
    abandoned_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

BundleStream::Bundle BundleStream::Next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !ready_.empty() || finished_; });
  Bundle bundle;
  if (ready_.empty()) return bundle;
  bundle = std::move(ready_.front());
  ready_.pop_front();
  changed_.notify_all();
  return bundle;
}

void BundleStream::Run() {
  // The count is unverified and may be absurd: the first file that is not there ends the stream.
  bool failed = false;
  for (uint64_t i = 0; i < reader_.bundle_count() && !failed; ++i) {
    Bundle bundle;
    auto entries = reader_.ReadBundle(i);
    failed = !entries.ok();
    if (failed) {
      bundle.status = entries.status();
    } else {
      bundle.entries = *std::move(entries);
    }
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return ready_.size() < kAhead || abandoned_; });
    if (abandoned_) break;
    ready_.push_back(std::move(bundle));
    changed_.notify_all();
  }
  const std::lock_guard lock(mutex_);
  finished_ = true;
  changed_.notify_all();
}

}  // namespace urna::verifier
