#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/file.h"
#include "http/server.h"
#include "server/clock.h"
#include "server/cosigning.h"
#include "server/disk_watch.h"
#include "server/follower.h"
#include "server/issuer.h"
#include "server/issuers_service.h"
#include "server/live_poll.h"
#include "server/log.h"
#include "server/loss.h"
#include "server/rereader.h"
#include "server/sequencer.h"
#include "server/services.h"
#include "server/settings.h"
#include "server/state_keeper.h"
#include "server/steps.h"
#include "server/steward.h"
#include "server/watched_clock.h"
#include "server/watchman.h"

namespace urna::server {

/// What surrounds a server; tests replace it.
struct Environment {
  const Clock* clock = nullptr;  ///< must outlive the server
  Log::Sink log = Log::ToStderr;
  /// Ends the process after a failed write, for it to be started again; does not return but in
  /// tests.
  Fatal fatal;
  /// Ends the process, not to be started again before a person has looked; does not return but in
  /// tests.
  Fatal halt;
  /// See Sequencer::Options.
  std::function<absl::Status()> before_append;
  BeforeWork before_work;  ///< see Limits
  /// Tests: instead of the system's.
  DiskWatch::FreeSpace free_space = DiskWatch::FreeSpaceOf;
  std::chrono::milliseconds steward_interval{200};
  std::chrono::milliseconds watchman_interval{1000};
  Cosigning::Pace witness_pace;
  /// Tests: in place of the setting `reread-every`.
  std::optional<std::chrono::milliseconds> reread_every = {};
};

/// One process: a ballot box with sequencer, steward and all services, and the issuers that run
/// beside it; or issuers alone, which follow the ballot box of another process.
class Server {
 public:
  /// Opens the data folder, checks it against its anchors, replays every poll and serves.
  /// Errors: NotFound (not a data folder), FailedPrecondition (another server is running on the
  /// data or the anchors, or the clock is behind what was recorded), Unavailable (address in use),
  /// DataLoss (damaged, cut, or older than its anchors), ResourceExhausted (the disk is full),
  /// InvalidArgument (settings).
  static absl::StatusOr<std::unique_ptr<Server>> Start(Settings settings, Environment environment);
  ~Server();

  /// "127.0.0.1:7443", with the port in use.
  const std::string& address() const { return address_; }
  /// "https://127.0.0.1:7480", where the ledgers are read over HTTP; "" if they are not.
  const std::string& http_url() const { return http_url_; }
  /// Stops accepting, gives calls ten seconds to finish, writes what is queued, stops. Once.
  void Shutdown();

 private:
  Server(Settings settings, Environment environment);
  absl::Status Load();
  absl::Status WithAdvice(const absl::Status& status) const;
  absl::Status LockFolders();
  absl::Status OpenStores();
  absl::Status OpenBallotBox();
  absl::Status OpenFollower();
  absl::Status CheckAnchors();
  absl::Status CheckWitnessed() const;
  absl::Status LoadPoll(const Hash32& id);
  /// What an earlier run published last of a poll; zeros if that is not known.
  struct Published {
    ledger::Checkpoint checkpoint;
    uint64_t period = 0;
  };
  Published PublishedBefore(const Hash32& id) const;
  /// The state that an earlier run kept, or an empty one. `published` as of Replay.
  poll::State KeptState(LivePoll& poll, uint64_t& published);
  /// Makes the poll's state of all its records. Returns how many of them the kept state had.
  absl::StatusOr<uint64_t> Replay(LivePoll& poll, uint64_t& published);
  /// The anchored checkpoint, which the store must continue; size 0 if there is none, or the ledger
  /// says itself that it is lost.
  absl::StatusOr<ledger::Checkpoint> CheckAgainstAnchor(const LivePoll& poll) const;
  /// Whatever was given up as lost must be said to be so by the ledger, or be there after all.
  absl::Status CheckLostNotes(const LivePoll& poll) const;
  absl::Status CheckAgainst(const LivePoll& poll, const ledger::Checkpoint& checkpoint,
                            std::string_view what) const;
  /// Signs what the poll holds, and anchors it if it is more than was anchored before.
  absl::Status SignHead(LivePoll& poll, const ledger::Checkpoint& anchored,
                        std::unique_ptr<AnchorFile>& anchor) const;
  absl::Status ResumePublication(LivePoll& poll, Published before);
  absl::Status CompareIssuers(const LivePoll& poll);
  void WarnOfWitnesses(const LivePoll& poll);
  /// Refuses a clock that is behind what was recorded.
  absl::Status CheckClock();
  void MakeServices();
  /// Tells gRPC's health service which services take anything.
  void ShowHealth();
  absl::Status Listen();
  absl::Status ListenHttp();

  const Settings settings_;
  const Environment environment_;
  WatchedClock clock_;
  Log log_;
  DiskWatch disk_;
  std::vector<base::FileLock> locks_;                   // outlive whatever writes
  std::unique_ptr<crypto::Ed25519Key> checkpoint_key_;  // of the ballot box
  std::vector<std::unique_ptr<Issuer>> issuers_;
  std::unique_ptr<ledger::Store> store_;
  PollBook book_;
  std::unique_ptr<StateKeeper> keeper_;
  std::map<Hash32, std::unique_ptr<AnchorFile>> anchors_;
  std::vector<LostNote> lost_notes_;
  uint64_t newest_record_ = 0;  // Unix seconds; 0 where another process writes the ledgers
  std::unique_ptr<IssuingService> issuing_;
  std::unique_ptr<ReadingService> reading_;
  // The ballot box's; null where issuers run alone.
  std::unique_ptr<Sequencer> sequencer_;
  std::unique_ptr<Steward> steward_;
  std::unique_ptr<Cosigning> cosigning_;
  std::unique_ptr<Steps> steps_;
  std::unique_ptr<CastingService> casting_;
  std::unique_ptr<OfficialsService> officials_;
  std::unique_ptr<TrusteesService> trustees_;
  std::unique_ptr<IssuersService> outside_issuers_;
  // Null beside a ballot box.
  std::unique_ptr<Follower> follower_;
  std::unique_ptr<Watchman> watchman_;
  std::unique_ptr<Rereader> rereader_;
  std::mutex health_mutex_;
  std::atomic<bool> issuing_healthy_;  // but for the disk
  std::unique_ptr<grpc::Server> grpc_;
  std::string address_;
  std::unique_ptr<http::Server> http_;
  std::string http_url_;
};

}  // namespace urna::server
