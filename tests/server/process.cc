#include "tests/server/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <set>
#include <thread>

#include "base/bytes.h"
#include "base/file.h"
#include "base/text.h"
#include "ledger/merkle.h"
#include "ledger/record.h"
#include "server/fsck.h"

namespace urna::server::testing {
namespace {

namespace fs = std::filesystem;
using base::Cat;

std::string LogPath(const Settings& settings) { return settings.data + ".stderr"; }

}  // namespace

void ServerProcess::Spawn() {
  Kill();
  const Settings& s = options_.settings;
  std::vector<std::string> words = {Cat(URNA_BIN, "/", options_.program),
                                    "run",
                                    "--data",
                                    s.data,
                                    "--listen",
                                    "127.0.0.1:0",
                                    "--plaintext",
                                    "yes",
                                    "--issuers",
                                    std::to_string(s.issuers),
                                    "--disk-floor",
                                    "0",
                                    "--ballast",
                                    std::to_string(s.ballast)};
  for (const auto& key : s.officials) {
    words.emplace_back("--official");
    words.push_back(base::Hex(key));
  }
  // Tests send faster than residents do.
  for (const char* rate : {"--cast-rate", "--begin-rate", "--answer-rate", "--fetch-rate"}) {
    words.emplace_back(rate);
    words.emplace_back("0");
  }
  std::vector<std::string> variables;
  for (char** at = environ; *at != nullptr; ++at) variables.emplace_back(*at);
  for (const auto& [name, value] : options_.environment) variables.push_back(Cat(name, "=", value));
  std::vector<char*> arguments, environment;
  for (std::string& word : words) arguments.push_back(word.data());
  for (std::string& variable : variables) environment.push_back(variable.data());
  arguments.push_back(nullptr);
  environment.push_back(nullptr);

  int pipe[2];
  ASSERT_EQ(pipe2(pipe, O_CLOEXEC), 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipe[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, LogPath(s).c_str(),
                                   O_WRONLY | O_CREAT | O_TRUNC, 0600);
  const int error =
      posix_spawn(&pid_, arguments[0], &actions, nullptr, arguments.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  close(pipe[1]);
  out_ = pipe[0];
  ASSERT_EQ(error, 0) << arguments[0];
}

bool ServerProcess::AwaitListening() {
  std::string said;
  char buffer[256];
  for (;;) {
    const size_t at = said.find("listening on ");
    const size_t end = at == std::string::npos ? at : said.find('\n', at);
    if (end != std::string::npos) {
      grpc::ChannelArguments arguments;
      arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
      channel_ = grpc::CreateCustomChannel(said.substr(at + 13, end - at - 13),
                                           grpc::InsecureChannelCredentials(), arguments);
      return true;
    }
    const ssize_t got = read(out_, buffer, sizeof buffer);
    if (got <= 0) return false;
    said.append(buffer, static_cast<size_t>(got));
  }
}

int ServerProcess::End(int signal) {
  channel_.reset();
  if (pid_ != 0) kill(pid_, signal);
  return Wait();
}

int ServerProcess::Wait() {
  if (pid_ == 0) return status_;
  int status = 0;
  bool ended = false;
  for (int i = 0; i < 6000 && !ended; ++i) {
    ended = waitpid(pid_, &status, WNOHANG) == pid_;
    if (!ended) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  if (!ended) {
    ADD_FAILURE() << "the server does not end\n" << log();
    kill(pid_, SIGKILL);
    waitpid(pid_, &status, 0);
  }
  pid_ = 0;
  close(out_);
  channel_.reset();
  status_ = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
  return status_;
}

std::string ServerProcess::log() const {
  return base::ReadFile(LogPath(options_.settings)).value_or("");
}

void Promises::Add(const v1::CastResponse& response) {
  auto receipt = ledger::Receipt::Parse(response.receipt());
  ASSERT_TRUE(receipt.ok()) << receipt.status();
  std::lock_guard guard(mutex_);
  receipts_.push_back(*std::move(receipt));
}

void Promises::ExpectKept(const std::string& data, bool ever) {
  const auto report = Fsck({.data = data, .anchor = "", .progress = {}});
  ASSERT_TRUE(report.ok()) << report.status();
  ASSERT_TRUE(report->sound()) << report->Text();

  TemporaryFolder copy;
  fs::copy(data + "/ledger", copy.path() + "/ledger", fs::copy_options::recursive);
  const auto store = ledger::Store::Open(
      {.folder = copy.path() + "/ledger", .log_folder = copy.path(), .env = nullptr});
  ASSERT_TRUE(store.ok()) << store.status();
  const Hash32& poll = server_.poll();
  const auto head = (*store)->GetHead(poll);
  ASSERT_TRUE(head.ok()) << head.status();
  const auto nodes = (*store)->Nodes(poll, head->size);
  for (size_t i = ever ? 0 : checked_; i < receipts_.size(); ++i) {
    const ledger::Receipt& receipt = receipts_[i];
    const auto checkpoint =
        ledger::VerifyReceipt(receipt, server_.state().definition()->ballot_box);
    ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
    ASSERT_LE(checkpoint->size, head->size) << "a checkpoint of records that are gone";
    const auto root = ledger::RootAt(checkpoint->size, nodes);
    ASSERT_TRUE(root.ok()) << root.status();
    ASSERT_EQ(*root, checkpoint->root) << "a checkpoint of another history";
    const auto record = (*store)->Read(poll, receipt.index);
    ASSERT_TRUE(record.ok()) << record.status();
    ASSERT_EQ(ledger::LeafHash(*record), receipt.leaf) << "record " << receipt.index;
  }
  checked_ = receipts_.size();
  if (!ever) return;
  std::set<Hash32> bodies;
  const absl::Status scanned =
      (*store)->Scan(poll, 0, head->size, [&](uint64_t index, std::string_view bytes) {
        const auto record = ledger::DecodeRecord(bytes);
        EXPECT_TRUE(record.ok()) << index;
        if (record->kind == static_cast<uint8_t>(poll::RecordKind::kBallotCast)) {
          EXPECT_TRUE(bodies.insert(crypto::HashSha256(record->payload)).second)
              << "record " << index << ": the same ballot again";
        }
        return absl::OkStatus();
      });
  EXPECT_TRUE(scanned.ok()) << scanned;
}

}  // namespace urna::server::testing
