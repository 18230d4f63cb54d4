#pragma once

#include <grpcpp/grpcpp.h>
#include <signal.h>
#include <sys/types.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/server/harness.h"

namespace urna::server::testing {

/// The shipped server, or the one with a clock to put forward, as a process of its own.
class ServerProcess {
 public:
  struct Options {
    std::string program;  ///< in the build's folder of programs
    Settings settings;    ///< of which data, issuers and officials count
    std::map<std::string, std::string> environment;
  };
  explicit ServerProcess(Options options) : options_(std::move(options)) {}
  ~ServerProcess() { Kill(); }

  /// Returns at once.
  void Spawn();
  /// Waits until it says where it listens; false if it ends instead.
  bool AwaitListening();
  std::shared_ptr<grpc::Channel> channel() const { return channel_; }
  /// SIGKILL, if it runs. Returns as Wait.
  int Kill() { return End(SIGKILL); }
  /// SIGTERM, if it runs. Returns as Wait.
  int Terminate() { return End(SIGTERM); }
  /// Waits for its end, which must come: its exit status, or the negative number of the signal that
  /// ended it.
  int Wait();
  /// What the last one wrote to standard error.
  std::string log() const;

 private:
  int End(int signal);

  const Options options_;
  pid_t pid_ = 0;
  int out_ = -1;
  int status_ = 0;
  std::shared_ptr<grpc::Channel> channel_;
};

/// What a server acknowledged; to be found again whatever happens to it.
class Promises {
 public:
  explicit Promises(TestServer& server) : server_(server) {}

  void Add(const v1::CastResponse& response);
  size_t size() const { return receipts_.size(); }
  /// The ledger in `data`, of which a copy is opened, holds all that was acknowledged since the
  /// last call, or ever, and is that of every checkpoint signed; fsck finds nothing wrong. No
  /// server may have the folder open.
  void ExpectKept(const std::string& data, bool ever);

 private:
  TestServer& server_;
  std::mutex mutex_;
  std::vector<ledger::Receipt> receipts_;
  size_t checked_ = 0;
};

}  // namespace urna::server::testing
