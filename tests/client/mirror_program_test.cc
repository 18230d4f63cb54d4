// The mirror as its operator starts it: the built programs, over gRPC and HTTP.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <future>
#include <thread>

#include "base/bytes.h"
#include "base/file.h"
#include "http/client.h"
#include "tests/client/cli_fixture.h"
#include "tests/client/fake_server.h"
#include "tests/support/election.h"

namespace urna::client {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using testing::TestElection;

class MirrorProgramTest : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    election_.RunUntilOpen();
    server_ = std::make_unique<FakeServer>(election_);
  }
  void TearDown() override {
    for (const pid_t child : children_) Kill(child, SIGKILL);
  }

  std::string Poll() { return base::Hex(election_.state().poll()); }
  std::string Mirror(const std::string& more = "--once") {
    return Cat("mirror run --folder m --poll ", Poll(), " --plaintext --server ", server_->target(),
               " ", more);
  }
  std::string Log() { return base::ReadFile(Path("run.err")).value_or(""); }

  pid_t Spawn(const std::string& arguments) {
    std::filesystem::remove(Path("run.out"));
    const std::string command = Cat("cd ", folder_->path(), " && exec ", URNA_BIN, "/urna ",
                                    arguments, " >run.out 2>run.err </dev/null");
    const char* words[] = {"sh", "-c", command.c_str(), nullptr};
    pid_t child = 0;
    EXPECT_EQ(posix_spawn(&child, "/bin/sh", nullptr, nullptr, const_cast<char**>(words), environ),
              0);
    children_.push_back(child);
    return child;
  }
  /// Starts one that serves, and returns its URL.
  std::string Serve(const std::string& arguments) {
    const pid_t child = Spawn(Cat(arguments, " --listen 127.0.0.1:0"));
    const std::string listening = "listening on ";
    for (;;) {
      const std::string out = base::ReadFile(Path("run.out")).value_or("");
      if (out.starts_with(listening) && out.ends_with('\n')) {
        return std::string(base::Trim(std::string_view(out).substr(listening.size())));
      }
      if (waitpid(child, nullptr, WNOHANG) != 0) {
        ADD_FAILURE() << Log();
        return "";
      }
      usleep(1000);
    }
  }
  /// How it ended: the exit status, or 1000 and the signal.
  int Kill(pid_t child, int signal) {
    std::erase(children_, child);
    kill(child, signal);
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  }
  /// Asks until there is an answer with this status.
  http::Response AwaitAnswer(const std::string& url, int status) {
    for (;;) {
      const auto answer = client_->Get(url);
      if (answer.ok() && answer->status == status) return *answer;
      usleep(10'000);
    }
  }
  void ShowAFork() {
    server_->tamper = [](std::vector<std::string>& records) {
      records.erase(records.end() - 3);
      records.push_back(records.back());
      records.push_back(records.back());
      records = TestElection::Rechain(records);
    };
  }

  TestElection election_;
  std::unique_ptr<FakeServer> server_;
  std::unique_ptr<http::Client> client_ = http::Client::Open({}).value();
  std::vector<pid_t> children_;
};

TEST_F(MirrorProgramTest, KeepsACopyThatTheVerifierReadsAndAFetchContinues) {
  const Outcome first = Run(Mirror("--once --json"));
  ASSERT_EQ(first.status, 0) << first.err;
  EXPECT_EQ(first.json()["polls"][0]["poll"], Poll());
  EXPECT_EQ(first.json()["polls"][0]["size"], election_.records().size());
  EXPECT_EQ(first.json()["polls"][0]["alarm"], "");
  EXPECT_THAT(first.err, HasSubstr("records, root "));
  election_.Vote();
  election_.RunAfterVoting();
  const Outcome second = Run(Mirror());
  ASSERT_EQ(second.status, 0) << second.err;
  EXPECT_THAT(second.out, StartsWith(Cat("m/", Poll(), ": ", election_.records().size())));
  const Outcome verified = RunVerifier(Cat("m/", Poll(), " --poll ", Poll()));
  EXPECT_EQ(verified.status, 0) << verified.out;
  const Outcome fetched = Run(Cat("ledger fetch --poll ", Poll(), " --folder m/", Poll(),
                                  " --plaintext --server ", server_->target()));
  EXPECT_EQ(fetched.status, 0) << fetched.err;
  EXPECT_EQ(Run(Mirror()).status, 0);
}

TEST_F(MirrorProgramTest, AForkHasAnExitStatusOfItsOwnAndIsProvenOffline) {
  ASSERT_EQ(Run(Mirror()).status, 0);
  ShowAFork();
  const Outcome alarm = Run(Mirror("--once --json"));
  EXPECT_EQ(alarm.status, 3) << alarm.err;
  EXPECT_THAT(alarm.err, AllOf(HasSubstr("*** ALARM ***"), HasSubstr("(ledger.forked)")));
  EXPECT_THAT(std::string(alarm.json()["polls"][0]["alarm"]), StartsWith("ALARM "));

  const std::string key = Cat(" --log '", election_.checkpoint_key().ToString(), "'");
  const Outcome judged = RunVerifier(Cat("--evidence m/evidence/*.evidence", key));
  EXPECT_EQ(judged.status, 1) << judged.out << judged.err;
  EXPECT_THAT(judged.out, HasSubstr("PROVEN: the ledger's key signed what contradicts itself"));
  // Both ledgers are there, and only one continues what was held.
  const Outcome other = RunVerifier(Cat("m/evidence/", Poll(), "-*/ --since m/", Poll()));
  EXPECT_EQ(other.status, 1) << other.out << other.err;
  EXPECT_THAT(other.out, HasSubstr("FAIL     Older export is a beginning of this one"));
  EXPECT_EQ(RunVerifier(Cat("m/", Poll(), " --poll ", Poll())).status, 3);

  // The truth again: the alarm is not forgotten, until a person has looked.
  server_->tamper = nullptr;
  const Outcome later = Run(Mirror());
  EXPECT_EQ(later.status, 3);
  EXPECT_THAT(later.err, AllOf(HasSubstr("*** since before: ALARM"), HasSubstr(".alarm")));
  std::filesystem::remove(Path(Cat("m/", Poll(), ".alarm")));
  EXPECT_EQ(Run(Mirror()).status, 0);
}

TEST_F(MirrorProgramTest, ServesWhatItHoldsToTheNextMirrorAlsoAfterAnAlarm) {
  const std::string url = Serve(Mirror("--every 1"));
  AwaitAnswer(Cat(url, "/", Poll(), "/checkpoint"), 200);
  EXPECT_EQ(client_->Get(Cat(url, "/", Poll(), "/alarm"))->status, 404);
  const std::string next = Cat("mirror run --once --folder n --poll ", Poll(), " --from ", url);
  EXPECT_EQ(Run(next).status, 0);
  const Outcome fetched = Run(Cat("ledger export --poll ", Poll(), " --folder l --from ", url));
  EXPECT_EQ(fetched.status, 0) << fetched.err;

  ShowAFork();
  const http::Response alarm = AwaitAnswer(Cat(url, "/", Poll(), "/alarm"), 200);
  EXPECT_THAT(alarm.body, StartsWith("ALARM "));
  Put("fork.evidence", client_->Get(Cat(url, "/", Poll(), "/evidence"))->body);
  EXPECT_EQ(RunVerifier(
                Cat("--evidence fork.evidence --log '", election_.checkpoint_key().ToString(), "'"))
                .status,
            1);
  EXPECT_THAT(Log(), HasSubstr("*** ALARM ***"));
  // What it held before is what it still shows.
  EXPECT_EQ(Run(next).status, 0);
  EXPECT_EQ(client_->Get(Cat(url, "/", Poll(), "/checkpoint"))->body,
            base::ReadFile(Path("l/checkpoint")).value());
  ExpectError(Mirror(), 1, "a mirror of this poll runs on this folder already");
}

TEST_F(MirrorProgramTest, AnInterruptInTheMiddleDoesNoHarm) {
  ASSERT_EQ(Run(Mirror()).status, 0);
  const uint64_t size = election_.records().size();
  while (election_.records().size() < size + 10) election_.CountIssuance();
  for (const auto& [signal, status] :
       {std::pair(SIGTERM, 130), std::pair(SIGKILL, 1000 + SIGKILL)}) {
    server_->stall = true;
    server_->asked = {};
    const pid_t child = Spawn(Mirror());
    server_->asked.get_future().wait();
    EXPECT_EQ(Kill(child, signal), status);
    EXPECT_EQ(RunVerifier(Cat("m/", Poll(), " --poll ", Poll())).status, 3);
  }
  server_->stall = false;
  const Outcome after = Run(Mirror("--once --json"));
  EXPECT_EQ(after.status, 0) << after.err;
  EXPECT_EQ(after.json()["polls"][0]["size"], size + 10);
}

TEST_F(MirrorProgramTest, SaysWhatIsWrongWithoutAnAlarm) {
  ASSERT_EQ(Run(Mirror()).status, 0);
  server_->tamper = [](std::vector<std::string>& records) { records.pop_back(); };
  const Outcome older = Run(Mirror());
  EXPECT_EQ(older.status, 1);
  EXPECT_THAT(older.err, HasSubstr("shows an older state of the ledger"));
  server_->tamper = nullptr;
  election_.CountIssuance();
  server_->send_at_most = 0;
  const Outcome incomplete = Run(Mirror());
  EXPECT_EQ(incomplete.status, 1);
  EXPECT_THAT(incomplete.err, HasSubstr("(ledger.incomplete)"));
  const Outcome gone =
      Run(Cat("mirror run --once --folder m --poll ", Poll(), " --from http://127.0.0.1:1"));
  EXPECT_EQ(gone.status, 1);
  EXPECT_THAT(gone.err, HasSubstr("http://127.0.0.1:1/"));

  const std::string poll = Cat("mirror run --folder m --poll ", Poll());
  ExpectError(poll, 2, "give --from with a URL, or --server");
  ExpectError(Mirror("--once --listen 127.0.0.1:0"), 2, "--once serves nobody");
  ExpectError(Mirror("--every 0"), 2, "at least one second");
  ExpectError(Mirror("--tls-key k"), 2, "go together");
  ExpectError("mirror run --folder m --poll 12 --from http://127.0.0.1:1", 2, "64 hexadecimal");
  ExpectError(Cat(poll, " --from ftp://x"), 2, "ftp://x");
}

TEST_F(MirrorProgramTest, KeepsSeveralPollsInOneFolder) {
  TestElection other;
  other.RunUntilOpen();
  const FakeServer elsewhere(other);
  const std::string second = base::Hex(other.state().poll());
  // The one server knows only its own poll; the other's comes from another source.
  const Outcome both = Run(Cat(Mirror("--once --json --poll "), second));
  EXPECT_EQ(both.status, 1) << both.err;
  EXPECT_THAT(both.err, HasSubstr("(ledger.poll-id)"));
  EXPECT_EQ(both.json()["polls"].size(), 2u);
  EXPECT_EQ(Run(Cat("mirror run --once --folder m --poll ", second, " --plaintext --server ",
                    elsewhere.target()))
                .status,
            0);
  EXPECT_TRUE(std::filesystem::exists(Path(Cat("m/", Poll(), "/checkpoint"))));
  EXPECT_TRUE(std::filesystem::exists(Path(Cat("m/", second, "/checkpoint"))));
}

}  // namespace
}  // namespace urna::client
