#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "ledger/export.h"

namespace urna::verifier {

/// Reads an export's bundles in order on a thread of its own, a few ahead of whoever takes them.
class BundleStream {
 public:
  using Bundle = absl::StatusOr<std::vector<std::string>>;

  /// `reader` must outlive the stream.
  explicit BundleStream(const ledger::ExportReader& reader);
  ~BundleStream();
  BundleStream(const BundleStream&) = delete;
  BundleStream& operator=(const BundleStream&) = delete;

  /// The next bundle; nullopt after the last one, or after one that could not be read.
  std::optional<Bundle> Next();

 private:
  void Run();

  const ledger::ExportReader& reader_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Bundle> ready_;
  bool finished_ = false;  // nothing more will be read
  bool abandoned_ = false;  // nobody takes any more
  std::thread thread_;     // the last member: it uses the others
};

}  // namespace urna::verifier
