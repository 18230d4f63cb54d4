#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/signature.h"
#include "server/clock.h"
#include "server/issuer.h"
#include "server/issuer_duties.h"
#include "server/live_poll.h"
#include "server/log.h"
#include "server/sequencer.h"

namespace urna::server {

/// Does what falls due without anybody asking: publications, the issuers' joining, counts and
/// registers, and the end. It keeps nothing that matters: after a restart it goes on from wherever
/// the ledger stands.
class Steward {
 public:
  struct Options {
    std::chrono::milliseconds interval{200};
    std::string published_folder;
    /// Called after each publication by the clock.
    std::function<void()> on_published = [] {};
  };
  Steward(Options options, PollBook& book, Sequencer& sequencer,
          const std::vector<std::unique_ptr<Issuer>>& issuers,
          const crypto::Ed25519Key& checkpoint_key, const Clock& clock, Log& log);
  ~Steward() { Stop(); }

  void Start();
  /// Has it look around at once.
  void Wake();
  void Stop();

 private:
  struct Diary {
    std::chrono::milliseconds pause{0};
    std::chrono::steady_clock::time_point not_before{};
  };

  void Run();
  absl::Status Attend(const std::shared_ptr<LivePoll>& poll);
  absl::Status PublishIfDue(LivePoll& poll);
  absl::Status End(const std::shared_ptr<LivePoll>& poll);
  absl::StatusOr<uint64_t> Append(const std::shared_ptr<LivePoll>& poll,
                                  const std::vector<poll::Payload>& payloads);

  const Options options_;
  PollBook& book_;
  Sequencer& sequencer_;
  IssuerDuties duties_;
  const crypto::Ed25519Key& checkpoint_key_;
  const Clock& clock_;
  Log& log_;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool woken_ = false;
  bool stopping_ = false;
  std::map<Hash32, Diary> diaries_;  // the thread's own
  std::thread thread_;
};

}  // namespace urna::server
