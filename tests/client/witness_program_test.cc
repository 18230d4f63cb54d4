// The witness as its operator starts it: the built program, over HTTP.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "base/bytes.h"
#include "base/file.h"
#include "http/client.h"
#include "ledger/witness.h"
#include "tests/client/cli_fixture.h"
#include "tests/client/fake_server.h"
#include "tests/support/election.h"
#include "tests/support/signing_log.h"

namespace urna::client {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using testing::TestElection;

class WitnessProgramTest : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    const Outcome made = Run("witness key --name w.example --out w.key");
    ASSERT_EQ(made.status, 0) << made.err;
    vkey_ = ledger::NoteKey::Parse(base::Trim(made.out)).value();
    client_ = http::Client::Open({}).value();
  }
  void TearDown() override { Kill(); }

  /// Starts it and waits until it listens.
  void Start(const std::string& more) {
    std::filesystem::remove(Path("run.out"));
    const std::string command =
        Cat("cd ", folder_->path(), " && exec ", URNA_BIN,
            "/urna witness run --folder state --key w.key --listen 127.0.0.1:0 ", more,
            " >run.out 2>run.err </dev/null");
    const char* arguments[] = {"sh", "-c", command.c_str(), nullptr};
    ASSERT_EQ(
        posix_spawn(&child_, "/bin/sh", nullptr, nullptr, const_cast<char**>(arguments), environ),
        0);
    const std::string listening = "listening on ";
    for (;;) {
      const std::string out = base::ReadFile(Path("run.out")).value_or("");
      const size_t at = out.find(listening);
      if (at != std::string::npos && out.ends_with('\n')) {
        url_ = base::Trim(std::string_view(out).substr(at + listening.size()));
        return;
      }
      ASSERT_EQ(waitpid(child_, nullptr, WNOHANG), 0) << base::ReadFile(Path("run.err")).value();
      usleep(1000);
    }
  }
  /// Without warning, as a power cut would.
  void Kill() {
    if (child_ == 0) return;
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
    child_ = 0;
  }
  http::Response Send(const ledger::AddCheckpoint& request) {
    const auto answer = client_->Post(url_ + "/add-checkpoint", "text/plain", request.ToString());
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.value_or(http::Response());
  }

  ledger::NoteKey vkey_;
  std::unique_ptr<http::Client> client_;
  std::string url_;
  pid_t child_ = 0;
};

TEST_F(WitnessProgramTest, CosignsALogUntilItIsStoppedAndGoesOnAfterwards) {
  urna::testing::SigningLog log("votes.example/poll");
  log.Fork(1, 2);
  Start(Cat("--log ", log.vkey().ToString()));
  const http::Response first = Send(log.Request(0, 5));
  EXPECT_EQ(first.status, 200) << first.body;
  EXPECT_TRUE(ledger::ParseCosignature(first.body, log.At(5).Body(), vkey_).ok());
  EXPECT_EQ(client_->Get(url_ + ledger::WitnessedPath(log.vkey().name))->status, 200);
  EXPECT_THAT(client_->Get(url_)->body, HasSubstr(vkey_.ToString()));
  EXPECT_EQ(client_->Get(url_ + "/state")->status, 404);
  EXPECT_THAT(base::ReadFile(Path("run.err")).value(),
              HasSubstr(" cosigned votes.example/poll at 5 records"));

  ExpectError("witness run --folder state --key w.key --listen 127.0.0.1:0", 1,
              "a witness runs on this folder already");
  Kill();
  Start("");
  const http::Response conflict = Send(log.Request(0, 9, 1));
  EXPECT_EQ(conflict.status, 409);
  EXPECT_EQ(conflict.body, "5\n");
  EXPECT_THAT(conflict.content_type, StartsWith("text/x.tlog.size"));
  EXPECT_EQ(Send(log.Request(5, 9, 1)).status, 422);
  EXPECT_EQ(Send(log.Request(5, 9)).status, 200);

  // Another log, while it runs.
  const urna::testing::SigningLog other("votes.example/other");
  EXPECT_EQ(Send(other.Request(0, 5)).status, 404);
  ASSERT_EQ(Run(Cat("witness add --folder state --log ", other.vkey().ToString())).status, 0);
  EXPECT_EQ(Send(other.Request(0, 5)).status, 200);
}

TEST_F(WitnessProgramTest, TakesAPollsKeyFromItsDefinition) {
  TestElection election;
  election.Define();
  FakeServer server(election);
  const std::string key = election.checkpoint_key().ToString();
  const std::string from = Cat(" --plaintext --server ", server.target());
  const std::string poll = Cat(" --poll ", base::Hex(election.state().poll()));

  const Outcome added = Run(Cat("witness add --folder state --key w.key", poll, from));
  EXPECT_EQ(added.status, 0) << added.err;
  EXPECT_THAT(added.out, StartsWith(key));
  EXPECT_THAT(added.err, HasSubstr("does not name this witness"));
  EXPECT_THAT(base::ReadFile(Path("state/logs")).value(), HasSubstr(key));
  EXPECT_THAT(Run(Cat("witness add --folder state", poll, from)).out,
              HasSubstr("stands in the list already"));

  // A server that shows another poll under the id.
  TestElection another;
  another.Define();
  const std::string wrong = Cat(" --poll ", base::Hex(another.state().poll()));
  ExpectError(Cat("witness add --folder state2", wrong, from), 1, "(ledger.poll-id)");
  EXPECT_FALSE(base::ReadFile(Path("state2/logs")).ok());

  ExpectError("witness add --folder state", 2, "give --poll or --log");
  ExpectError(Cat("witness add --folder state", poll), 2, "--poll needs --server");
  ExpectError(Cat("witness add --folder state --log ", vkey_.ToString()), 2, "a witness's key");
  ExpectError("witness key --name 'two words' --out x.key", 2, "without blanks");
}

TEST_F(WitnessProgramTest, ANewPassphraseKeepsTheKey) {
  const Outcome changed = Run("key passphrase w.key", "URNA_NEW_PASSPHRASE=other");
  EXPECT_EQ(changed.status, 0) << changed.err;
  EXPECT_EQ(base::Trim(Run("witness show w.key").out), vkey_.ToString());
  ExpectError("witness run --folder state --key w.key --listen 127.0.0.1:0", 1, "wrong passphrase");
}

}  // namespace
}  // namespace urna::client
