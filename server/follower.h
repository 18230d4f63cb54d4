#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/signature.h"
#include "ledger/checkpoint.h"
#include "ledger/store/store.h"
#include "server/anchor.h"
#include "server/clock.h"
#include "server/disk_watch.h"
#include "server/issuer.h"
#include "server/issuer_duties.h"
#include "server/live_poll.h"
#include "server/log.h"
#include "server/upstream.h"

namespace urna::server {

/// Keeps a verified copy of the ledgers for which issuers of this process give tokens, and does
/// these issuers' duties, where another body runs the ballot box. docs/decisions/0009.
///
/// Every record is checked as a verifier would, and kept; the newest checkpoint that covers them is
/// anchored. What the ballot box shows must always continue what it showed before. A poll gives
/// tokens only while that is so: not before the first comparison after a start, not when there has
/// been no news for long, and never again once the ballot box signed two histories.
class Follower {
 public:
  struct Options {
    crypto::Ed25519Public ballot_box{};            ///< only its polls are followed
    std::vector<crypto::Ed25519Public> officials;  ///< and only if all their officials are these
    std::chrono::milliseconds every{1000};
    std::chrono::milliseconds patience{300'000};
    std::string anchor_folder;
    std::string evidence_folder;
    size_t max_polls = 64;
  };
  /// `healthy`: told whether every followed poll is in order.
  Follower(Options options, std::unique_ptr<Upstream> upstream, ledger::Store& store,
           PollBook& book, const std::vector<std::unique_ptr<Issuer>>& issuers, const Clock& clock,
           DiskWatch& disk, Log& log, Issuer::Fatal fatal, std::function<void(bool)> healthy);
  ~Follower() { Stop(); }

  /// Goes on with a poll of an earlier run, before Start. `anchored`: its newest checkpoint that
  /// was verified, and the note; size 0 if there is none. `anchor` may be null.
  void Adopt(std::shared_ptr<LivePoll> poll, const ledger::Checkpoint& anchored, std::string note,
             std::unique_ptr<AnchorFile> anchor);
  void Start();
  void Stop();

 private:
  using Steady = std::chrono::steady_clock;
  struct Followed {
    std::shared_ptr<LivePoll> poll;
    std::unique_ptr<AnchorFile> anchor;
    ledger::Checkpoint verified;  ///< size 0: none yet
    std::string note;
    bool forked = false;  ///< the ballot box signed two histories: it is followed no more
    Steady::time_point news{};
  };

  void FollowUntilStopped();
  void AttendUntilStopped();
  /// False when stopping.
  bool Pause(std::chrono::milliseconds time);
  void FollowAll();
  absl::Status FollowOne(const Hash32& id);
  absl::StatusOr<Followed*> Meet(const Hash32& id, const ledger::Checkpoint& claimed,
                                 const std::string& note);
  absl::Status Compare(Followed& followed, const std::string& note);
  absl::Status Take(LivePoll& poll, const std::vector<std::string>& records,
                    const std::function<absl::Status(const poll::State&)>& accept);
  absl::Status Confirm(Followed& followed, const ledger::Checkpoint& checkpoint,
                       const std::string& note);
  absl::Status CompareIssuers(const LivePoll& poll);
  absl::Status Forked(Followed& followed, const ledger::Checkpoint& shown, const std::string& note);
  std::string EvidencePath(const Hash32& poll) const;
  /// Logs what is new about a poll.
  void Report(const Hash32& poll, const absl::Status& status);

  const Options options_;
  const std::unique_ptr<Upstream> upstream_;
  ledger::Store& store_;
  PollBook& book_;
  const std::vector<std::unique_ptr<Issuer>>& issuers_;
  DiskWatch& disk_;
  Log& log_;
  const Issuer::Fatal fatal_;
  const std::function<void(bool)> healthy_;
  IssuerDuties duties_;

  // The following thread's own.
  std::map<Hash32, Followed> followed_;
  std::set<Hash32> others_;             // polls that are not for us to follow
  std::map<Hash32, std::string> said_;  // last complaint of each poll, so that it is logged once

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread follow_, attend_;
};

}  // namespace urna::server
