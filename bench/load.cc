// Ballots cast at a real server over gRPC, from many clients of the same machine at once.

#include <grpcpp/grpcpp.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/codec.h"
#include "base/file.h"
#include "base/text.h"
#include "bench/ballot_box.h"
#include "ledger/record.h"
#include "proto/urna.grpc.pb.h"
#include "server/parallel.h"
#include "server/server.h"

namespace urna::bench {
namespace {

using base::Cat;
using Steady = std::chrono::steady_clock;

constexpr size_t kChannels = 8;
constexpr char kBallotsFile[] = "/ballots";

/// The ballots, framed; and a data folder with the open poll that they are for.
void Prepare(const std::string& folder, uint32_t count) {
  std::printf("preparing %u ballots\n", count);
  std::fflush(stdout);
  std::filesystem::create_directories(folder);
  std::filesystem::remove_all(folder + "/data");
  BallotBox box(folder + "/data", FourQuestions(count));
  testing::TestElection& election = box.election();
  std::vector<std::string> payloads(count);
  server::OnAllCores(count, [&](size_t v) {
    election.ObtainTokens(v);
    const auto votes = testing::TestElection::VotesFor(election.context().styles[0].shape,
                                                       static_cast<int>(v % 3) - 1);
    payloads[v] = poll::EncodePayload(
        poll::BallotCast{0, crypto::EncodeBallot(election.MakeBallot(v, votes, 1))});
  });
  base::Writer w;
  w.Raw(box.poll());
  for (const std::string& payload : payloads) w.Frame(payload);
  Must(base::WriteFileAtomic(folder + kBallotsFile, w.bytes()));
}

struct Prepared {
  std::string poll;
  std::vector<std::string> ballots;
};

Prepared Read(const std::string& folder) {
  const std::string bytes = Must(base::ReadFile(folder + kBallotsFile, size_t{1} << 34));
  base::Reader r(bytes);
  Prepared prepared;
  prepared.poll = r.Raw(32);
  while (r.ok() && r.remaining() > 0) {
    prepared.ballots.emplace_back(r.Frame(ledger::kMaxPayloadBytes));
  }
  Must(r.Finish());
  return prepared;
}

/// Clients that each send their next ballot when the one before is answered.
class Clients {
 public:
  /// `valid`: whether every ballot must be accepted, or every one refused.
  Clients(std::vector<std::unique_ptr<v1::Casting::Stub>>& stubs, const std::string& poll,
          std::vector<std::string> ballots, bool valid)
      : stubs_(stubs), poll_(poll), ballots_(std::move(ballots)), valid_(valid) {
    seconds_.reserve(ballots_.size());
  }

  void Start(size_t clients) {
    started_ = Steady::now();
    running_ = clients;
    for (size_t c = 0; c < clients; ++c) Send(c);
  }
  /// No more ballots; those under way are waited for.
  void Stop() {
    stopping_ = true;
    Wait();
  }
  void Wait() {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [this] { return running_ == 0; });
  }
  void Report(const char* what) {
    const double elapsed = std::chrono::duration<double>(last_ - started_).count();
    if (seconds_.empty()) return;
    const double n = static_cast<double>(seconds_.size());
    std::ranges::sort(seconds_);
    std::printf(
        "%-8s %8zu in %6.1f s: %7.0f a second; p50 %6.1f ms, p99 %6.1f ms, slowest %6.1f ms\n",
        what, seconds_.size(), elapsed, n / elapsed, 1e3 * Quantile(seconds_, 0.5),
        1e3 * Quantile(seconds_, 0.99), 1e3 * seconds_.back());
  }
  size_t answered() const { return seconds_.size(); }

 private:
  struct Call {
    grpc::ClientContext context;
    v1::CastRequest request;
    v1::CastResponse response;
    Steady::time_point sent;
  };

  void Send(size_t client) {
    const size_t i = next_++;
    if (stopping_ || i >= ballots_.size()) {
      std::lock_guard lock(mutex_);
      if (--running_ == 0) idle_.notify_all();
      return;
    }
    auto call = std::make_shared<Call>();
    call->request.set_poll(poll_);
    call->request.set_ballot(ballots_[i]);
    call->context.set_deadline(std::chrono::system_clock::now() + std::chrono::minutes(2));
    call->sent = Steady::now();
    Call* const c = call.get();
    stubs_[client % stubs_.size()]->async()->Cast(
        &c->context, &c->request, &c->response,
        [this, client, call = std::move(call)](const grpc::Status& status) {
          Take(*call, status);
          Send(client);
        });
  }

  void Take(const Call& call, const grpc::Status& status) {
    const auto now = Steady::now();
    const bool expected = valid_ ? status.ok() && !call.response.receipt().empty()
                                 : status.error_code() == grpc::StatusCode::INVALID_ARGUMENT ||
                                       status.error_code() == grpc::StatusCode::FAILED_PRECONDITION;
    if (!expected) Die(Cat("a cast ended with ", status.error_message()));
    std::lock_guard lock(mutex_);
    seconds_.push_back(std::chrono::duration<double>(now - call.sent).count());
    last_ = now;
  }

  std::vector<std::unique_ptr<v1::Casting::Stub>>& stubs_;
  const std::string poll_;
  const std::vector<std::string> ballots_;
  const bool valid_;
  std::atomic<size_t> next_{0};
  std::atomic<bool> stopping_{false};
  Steady::time_point started_, last_;
  std::mutex mutex_;
  std::condition_variable idle_;
  size_t running_ = 0;
  std::vector<double> seconds_;
};

/// Copies of ballots whose proofs no longer hold, each in another way.
std::vector<std::string> Spoil(const std::vector<std::string>& ballots) {
  std::vector<std::string> spoilt = ballots;
  uint32_t serial = 0;
  for (std::string& ballot : spoilt) {
    // The last scalar, little-endian: its low bytes.
    char* const tau = ballot.data() + ballot.size() - 32;
    ++serial;
    for (int i = 0; i < 3; ++i) tau[i] = static_cast<char>(tau[i] ^ (serial >> (8 * i)));
  }
  return spoilt;
}

int Main(int argc, char** argv) {
  CLI::App app("Casts prepared ballots at a server on this machine.", "urna_load");
  std::string folder;
  uint32_t ballots = 50'000;
  size_t clients = 256;
  size_t flood = 0;
  app.add_option("FOLDER", folder, "Where the prepared ballots are kept, made if not there")
      ->required();
  app.add_option("--ballots", ballots, "To prepare, of four questions each");
  app.add_option("--clients", clients, "That cast at the same time")->check(CLI::Range(1, 4000));
  app.add_option("--flood", flood, "Clients beside them that cast invalid ballots")
      ->check(CLI::Range(0, 4000));
  CLI11_PARSE(app, argc, argv);
  if (!std::filesystem::exists(folder + kBallotsFile)) Prepare(folder, ballots);
  const Prepared prepared = Read(folder);

  const TemporaryFolder run;
  std::filesystem::copy(folder + "/data", run.path() + "/data",
                        std::filesystem::copy_options::recursive);
  const StoppedClock clock(kCastingFrom);
  server::Environment environment;
  environment.clock = &clock;
  environment.log = [](std::string_view) {};
  environment.fatal = Die;
  environment.halt = environment.fatal;
  const auto server =
      Must(server::Server::Start(SettingsFor(run.path() + "/data"), std::move(environment)));
  std::vector<std::unique_ptr<v1::Casting::Stub>> stubs;
  for (size_t i = 0; i < kChannels; ++i) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    stubs.push_back(v1::Casting::NewStub(grpc::CreateCustomChannel(
        server->address(), grpc::InsecureChannelCredentials(), arguments)));
  }
  Clients good(stubs, prepared.poll, prepared.ballots, true);
  Clients bad(stubs, prepared.poll, Spoil(prepared.ballots), false);
  if (flood > 0) bad.Start(flood);
  good.Start(clients);
  good.Wait();
  bad.Stop();
  good.Report("valid");
  bad.Report("invalid");
  server->Shutdown();
  return 0;
}

}  // namespace
}  // namespace urna::bench

int main(int argc, char** argv) {
  urna::crypto::Initialize();
  return urna::bench::Main(argc, argv);
}
