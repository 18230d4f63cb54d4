#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "ledger/export.h"

namespace urna::verifier {

/// Reads an export's bundles in order on a thread of its own, a few ahead of whoever takes them.
class BundleStream {
 public:
  struct Bundle {
    absl::Status status;  ///< of reading it; no bundle follows one that could not be read
    std::vector<std::string> entries;
  };

  /// `reader` must outlive the stream.
  explicit BundleStream(const ledger::ExportReader& reader);
  ~BundleStream();
  BundleStream(const BundleStream&) = delete;
  BundleStream& operator=(const BundleStream&) = delete;

  /// The next bundle; one that is OK and without entries at the end.
  Bundle Next();

 private:
  void Run();

  const ledger::ExportReader& reader_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Bundle> ready_;
  bool finished_ = false;   // nothing more will be read
  bool abandoned_ = false;  // nobody takes any more
  std::thread thread_;      // the last member: it uses the others
};

}  // namespace urna::verifier
