#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "http/client.h"
#include "poll/payload.h"
#include "poll/state.h"
#include "proto/urna.grpc.pb.h"
#include "server/server.h"
#include "tests/support/election.h"

namespace urna::server::testing {

namespace v1 = ::urna::v1;

class FakeClock final : public Clock {
 public:
  uint64_t Now() const override { return now_; }
  void Set(uint64_t now) { now_ = now; }
  bool MovedByHand() const override { return by_hand_; }
  /// From now on it is expected to keep pace with Ticks().
  void GoByItself() { by_hand_ = false; }

  std::chrono::steady_clock::time_point Ticks() const override {
    return frozen_ticks_.has_value() ? *frozen_ticks_ : Clock::Ticks();
  }
  /// From now on rates see this time only. Before Start.
  void SetTicks(std::chrono::steady_clock::duration ticks) {
    frozen_ticks_ = std::chrono::steady_clock::time_point(ticks);
  }

 private:
  std::atomic<uint64_t> now_{0};
  std::atomic<bool> by_hand_{true};
  std::optional<std::chrono::steady_clock::time_point> frozen_ticks_;
};

/// A poll that is quick to run.
urna::testing::ElectionOptions Small(uint32_t voters, uint32_t styles = 1, uint32_t trustees = 1,
                                     uint32_t trustees_needed = 1, uint32_t issuers = 1);

/// How a call ended.
struct Outcome {
  grpc::StatusCode code = grpc::StatusCode::OK;
  std::string reject;
  std::string message;
  std::string retry_after_ms = {};  ///< trailer "grpc-retry-pushback-ms"
  bool ok() const { return code == grpc::StatusCode::OK; }
};
std::ostream& operator<<(std::ostream& out, const Outcome& outcome);

/// A folder that goes away with the object.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// Holds threads up at a place until they are let through.
class Gate {
 public:
  void Close();
  void Open();
  /// For the thread that is held up.
  void Pass();
  /// Waits until `count` threads are held up.
  void AwaitHeld(int count);

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool closed_ = false;
  int held_ = 0;
};

/// A server on a free port of this machine, driven through its gRPC interface only, and all the
/// parties of one small poll. Its clock stands still unless a test sets it.
class TestServer {
 public:
  explicit TestServer(const urna::testing::ElectionOptions& options = {});
  ~TestServer();

  void Start();
  void Stop();
  void Restart() {
    Stop();
    Start();
  }
  absl::Status TryStart();

  // --- Before Start ---
  Settings settings;
  std::function<absl::Status()> before_append;
  BeforeWork before_work;
  Cosigning::Pace witness_pace{.first_pause = std::chrono::milliseconds(10),
                               .longest_pause = std::chrono::milliseconds(20)};
  std::optional<std::chrono::milliseconds> reread_every;
  DiskWatch::FreeSpace free_space = DiskWatch::FreeSpaceOf;

  urna::testing::TestElection election;  ///< keys, voters and definition
  FakeClock clock;
  uint64_t start() const { return start_; }
  uint64_t end() const { return start_ + 12 * 3600; }
  std::string data() const { return folder_.path() + "/data"; }
  std::string log() const;
  int fatal_calls() const { return fatal_calls_; }
  /// Why the server said that a person must look first; "" if it did not.
  std::string halted() const;
  Server& server() { return *server_; }
  std::shared_ptr<grpc::Channel> channel() const { return channel_; }

  // --- The poll, as its parties see it ---
  const Hash32& poll() const { return poll_; }
  const poll::State& state() const { return *state_; }
  const poll::PollContext& context() const { return *state_->context(); }
  /// Reads what is published into state().
  void Sync();
  std::vector<std::string> records;
  void WaitForPhase(const std::string& phase);
  v1::StatusResponse Status();
  /// The published note, over gRPC.
  std::string Checkpoint();

  // --- Officials ---
  v1::Step MakeStep(const poll::Payload& payload, size_t official);
  Outcome Send(const v1::Step& step, const std::string& attachment,
               v1::ApproveResponse* response = nullptr);
  /// Approval by one official.
  Outcome Approve(const poll::Payload& payload, size_t official, const std::string& attachment = "",
                  v1::ApproveResponse* response = nullptr);
  /// Approvals by as many officials as needed; must be recorded.
  void Record(const poll::Payload& payload, const std::string& attachment = "");
  poll::Payload DefinedPayload() const;
  std::string RollBytes();
  poll::Payload RollPayload();

  // --- Trustees ---
  Outcome Submit(poll::RecordKind kind, const std::string& payload);
  void SignAsTrustee(poll::Payload& payload, uint32_t trustee) const;
  void MustSubmit(poll::Payload payload, uint32_t trustee);
  std::vector<poll::DecryptionPart> ShareParts(uint32_t trustee, uint32_t contest) const;
  /// The first of them, and the only one of a contest that is added up.
  poll::Payload DecryptionPayload(uint32_t trustee, uint32_t contest) const;
  void DecryptAll();

  // --- The course of the poll ---
  /// Called before each approval, and each record of a trustee (signed), that the course sends.
  std::function<void(const poll::Payload& payload, size_t official)> before_approval;
  std::function<void(const poll::Payload& payload, uint32_t trustee)> before_submission;
  /// From now on plays another poll of the same parties on the same server, with times from now on.
  /// Before Define.
  void TurnToAnotherPoll(const std::string& origin);
  void Define();
  void SealRoll();
  void KeyCeremony();
  void RunUntilOpen();  ///< Start .. Open, with the clock at the start of issuing and casting
  void Close();         ///< after `ended`
  void Certify();

  // --- Residents ---
  struct Issuance {
    std::string session;
    crypto::TokenOffer offer;
    std::unique_ptr<crypto::TokenRequest> request;
  };
  const crypto::TokenInfo& InfoOf(size_t voter, uint32_t issuer = 0);
  /// Where issuers are asked that do not run on this server.
  std::map<uint32_t, v1::Issuing::Stub*> elsewhere;
  v1::Issuing::Stub& IssuingOf(uint32_t issuer) const;
  Outcome Begin(size_t voter, Issuance* issuance, uint32_t issuer = 0);
  /// The request for this issuance's token, signed.
  v1::AnswerRequest AnswerRequestFor(size_t voter, const Issuance& issuance, uint32_t issuer = 0);
  Outcome Answer(const v1::AnswerRequest& request, v1::AnswerResponse* response);
  Outcome Fetch(size_t voter, v1::FetchResponse* response, uint32_t issuer = 0);
  crypto::CredentialSignature Sign(size_t voter, const crypto::CredentialStatement& statement);
  /// All tokens of this voter.
  void Issue(size_t voter);
  /// A ballot for option `choice` (-1: blank), with the next revision; tokens are issued if need
  /// be.
  std::string MakeBallot(size_t voter, int choice);
  Outcome Cast(const std::string& ballot, v1::CastResponse* response = nullptr);

  /// One message to a method that is known by its name only, and the answer's bytes.
  std::pair<grpc::StatusCode, std::string> CallByName(const std::string& method,
                                                      const std::string& request);
  /// Over HTTP; `path` begins with '/'.
  http::Response Get(const std::string& path);

  std::unique_ptr<v1::Issuing::Stub> issuing;
  std::unique_ptr<v1::Casting::Stub> casting;
  std::unique_ptr<v1::Officials::Stub> officials;
  std::unique_ptr<v1::Trustees::Stub> trustees;
  std::unique_ptr<v1::Reading::Stub> reading;

  template <typename Call>
  static Outcome Run(Call call) {
    grpc::ClientContext context;
    SetDeadline(context);
    return From(call(&context), context);
  }
  static void SetDeadline(grpc::ClientContext& context);
  static Outcome From(const grpc::Status& status, const grpc::ClientContext& context);

 private:
  TemporaryFolder folder_;
  std::unique_ptr<http::Client> http_ = http::Client::Open({}).value();
  uint64_t start_;
  mutable std::mutex log_mutex_;
  std::string log_;
  std::string halted_;
  std::atomic<int> fatal_calls_{0};
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;

  std::string definition_;  // JSON
  Hash32 poll_{};
  std::unique_ptr<poll::State> state_;
  std::vector<uint64_t> steps_;  // by official: those recorded
  std::vector<crypto::SealKey> seal_keys_;
  std::vector<crypto::Dealer> dealers_;
  std::vector<crypto::Deal> deals_;
  std::vector<std::vector<crypto::SecretScalar>> shares_;
};

/// An issuer of `ballot_box`'s poll that runs as a server of its own and follows it. The ballot box
/// is told of it by the constructor, so before its start.
class OutsideIssuer {
 public:
  OutsideIssuer(TestServer& ballot_box, uint32_t issuer);
  ~OutsideIssuer() { Stop(); }

  /// The ballot box must have started.
  absl::Status TryStart();
  void Start();
  void Stop();
  void Restart() {
    Stop();
    Start();
  }
  /// Waits until it has compared its copy with all that the ballot box publishes of the poll.
  void AwaitNews();
  v1::StatusResponse Status();

  Settings settings;
  DiskWatch::FreeSpace free_space = DiskWatch::FreeSpaceOf;
  std::unique_ptr<v1::Issuing::Stub> issuing;
  std::unique_ptr<v1::Reading::Stub> reading;
  std::string data() const { return folder_.path() + "/data"; }
  std::string log() const;
  int fatal_calls() const { return fatal_calls_; }
  Server& server() { return *server_; }
  crypto::Ed25519Public key() const;

 private:
  TemporaryFolder folder_;
  TestServer& ballot_box_;
  const uint32_t issuer_;
  mutable std::mutex log_mutex_;
  std::string log_;
  std::atomic<int> fatal_calls_{0};
  std::unique_ptr<Server> server_;
};

/// Bytes of a token answer.
crypto::IssuerAnswer ParseAnswer(const std::string& bytes);
std::string SignatureBytes(const crypto::CredentialSignature& signature);
/// Waits until `condition` holds; fails the test after twenty seconds.
void Await(const std::function<bool()>& condition, const std::string& what);

}  // namespace urna::server::testing
