// The shipped server while one of its system calls fails: any of those by which it writes, from its
// start over ballots and a publication to its end. fault_calls.cc makes them fail.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>
#include <thread>

#include "base/file.h"
#include "base/text.h"
#include "server/clock.h"
#include "tests/server/process.h"

namespace urna::server::testing {
namespace {

namespace fs = std::filesystem;
using base::Cat;

constexpr size_t kVoters = 5;

bool Long() { return std::getenv("URNA_LONG_TESTS") != nullptr; }

class FaultTest : public ::testing::TestWithParam<const char*> {
 protected:
  static void SetUpTestSuite() {
    s_ = new TestServer(Small(kVoters + 1));
    s_->clock.Set(SystemClock().Now());
    s_->TurnToAnotherPoll("urna.example/faulty");
    s_->RunUntilOpen();
    for (size_t voter = 0; voter < kVoters; ++voter) {
      ballots_.push_back(s_->MakeBallot(voter, static_cast<int>(voter % 2)));
    }
    s_->Stop();
    fs::copy(s_->data(), whole(), fs::copy_options::recursive);
  }
  static void TearDownTestSuite() {
    ballots_.clear();
    delete s_;
  }

  static std::string whole() { return s_->data() + ".whole"; }
  static void PutBack() {
    fs::remove_all(s_->data());
    fs::copy(whole(), s_->data(), fs::copy_options::recursive);
    tokens_.clear();
    hours_ = 0;
  }
  static ServerProcess::Options With(std::map<std::string, std::string> faults) {
    Settings settings = s_->settings;
    settings.ballast = 1;
    return {"urna-practice-server", settings, std::move(faults)};
  }
  static std::map<std::string, std::string> Faults(std::string_view fault, uint64_t at) {
    return {{"LD_PRELOAD", URNA_FAULT_CALLS},
            {"URNA_FAULT_FOLDER", s_->data()},
            {"URNA_FAULT", std::string(fault)},
            {"URNA_FAULT_AT", std::to_string(at)},
            {"URNA_FAULT_COUNT", count_path()}};
  }
  static std::string count_path() { return s_->data() + ".count"; }

  /// One life: start, ballots, a token, a publication, an orderly end; as far as the server comes.
  /// Returns how it ended, as ServerProcess::Wait.
  static int Live(ServerProcess& server, Promises& promises) {
    server.Spawn();
    if (HasFatalFailure()) return -1;
    if (!server.AwaitListening()) return server.Wait();
    auto casting = v1::Casting::NewStub(server.channel());
    s_->issuing = v1::Issuing::NewStub(server.channel());
    v1::CastRequest request;
    request.set_poll(std::string(base::View(s_->poll())));
    for (const std::string& ballot : ballots_) {
      request.set_ballot(ballot);
      v1::CastResponse response;
      const Outcome outcome = TestServer::Run(
          [&](auto* context) { return casting->Cast(context, request, &response); });
      if (!outcome.ok()) {
        EXPECT_EQ(outcome.code, grpc::StatusCode::UNAVAILABLE) << outcome;
        return server.Wait();
      }
      promises.Add(response);
    }
    TestServer::Issuance issuance;
    v1::AnswerResponse token;
    const Outcome begun = s_->Begin(kVoters, &issuance);
    if (begun.reject == "token.already-answered") {
      v1::FetchResponse fetched;
      EXPECT_TRUE(s_->Fetch(kVoters, &fetched).ok());
      tokens_.insert(fetched.answer());
    } else if (begun.ok()) {
      const Outcome outcome = s_->Answer(s_->AnswerRequestFor(kVoters, issuance), &token);
      if (!outcome.ok()) {
        EXPECT_EQ(outcome.code, grpc::StatusCode::UNAVAILABLE) << outcome;
        return server.Wait();
      }
      tokens_.insert(token.answer());
    }
    if (!Publish(server)) return server.Wait();
    // An orderly end waits for connections, and each of these keeps one.
    casting.reset();
    s_->issuing.reset();
    return server.Terminate();
  }

  /// An hour passes; waits until the ballots are published, or the server says that this failed.
  /// False if the server is gone.
  static bool Publish(ServerProcess& server) {
    std::ofstream(s_->data() + "/clock-offset") << 3600 * ++hours_ << std::flush;
    const auto reading = v1::Reading::NewStub(server.channel());
    v1::StatusRequest request;
    request.set_poll(std::string(base::View(s_->poll())));
    for (int i = 0; i < 2000; ++i) {
      v1::StatusResponse status;
      const Outcome outcome = TestServer::Run(
          [&](auto* context) { return reading->Status(context, request, &status); });
      if (!outcome.ok()) return false;
      if (status.size() >= s_->state().size() + kVoters) return true;
      if (server.log().find("trying again in") != std::string::npos) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ADD_FAILURE() << "it is not published";
    return true;
  }

  /// One life with a fault, and one without.
  static void Try(std::string_view fault, uint64_t at) {
    PutBack();
    Promises promises(*s_);
    ServerProcess faulty(With(Faults(fault, at)));
    const int ended = Live(faulty, promises);
    if (fault == "kill") {
      EXPECT_TRUE(ended == -SIGKILL || ended == 0) << ended << "\n" << faulty.log();
    } else {
      EXPECT_THAT(ended, ::testing::AnyOf(0, 1, 70)) << faulty.log();
    }
    ++ends_[ended];
    promises.ExpectKept(s_->data(), /*ever=*/true);
    if (HasFailure()) return;

    ServerProcess sound(With({}));
    EXPECT_EQ(Live(sound, promises), 0) << sound.log();
    promises.ExpectKept(s_->data(), /*ever=*/true);
    // What was given before the fault, if it was, is what is kept.
    EXPECT_EQ(tokens_.size(), 1u);
  }

  static TestServer* s_;
  static std::vector<std::string> ballots_;
  static std::set<std::string> tokens_;
  static int hours_;  // that have passed since the poll was opened
  static std::map<int, int> ends_;
};
TestServer* FaultTest::s_ = nullptr;
std::vector<std::string> FaultTest::ballots_;
std::set<std::string> FaultTest::tokens_;
int FaultTest::hours_ = 0;
std::map<int, int> FaultTest::ends_;

TEST_P(FaultTest, OfAnyCallLosesNothingThatWasAcknowledgedAndForksNothing) {
  PutBack();
  ends_.clear();
  {
    Promises promises(*s_);
    ServerProcess counted(With(Faults("none", 0)));
    ASSERT_EQ(Live(counted, promises), 0) << counted.log();
    ASSERT_EQ(promises.size(), kVoters);
  }
  const auto said = base::ReadFile(count_path());
  ASSERT_TRUE(said.ok()) << said.status();
  uint64_t calls = 0;
  ASSERT_TRUE(base::ParseU64(base::Trim(*said), &calls)) << *said;
  ASSERT_GT(calls, 60u);
  const uint64_t tried = Long() ? calls : 6;
  for (uint64_t i = 0; i < tried; ++i) {
    const uint64_t at = Long() ? i + 1 : 1 + (i * calls + calls / 2) / tried;
    SCOPED_TRACE(Cat("call ", at, " of ", calls));
    Try(GetParam(), at);
    ASSERT_FALSE(HasFailure());
  }
  std::cout << tried << " of " << calls << " calls met \"" << GetParam() << "\"; ended with";
  for (const auto& [status, count] : ends_) std::cout << " " << status << ": " << count << ";";
  std::cout << std::endl;
}

INSTANTIATE_TEST_SUITE_P(EveryKind, FaultTest, ::testing::Values("error", "done", "full", "kill"),
                         [](const auto& tested) { return std::string(tested.param); });

}  // namespace
}  // namespace urna::server::testing
