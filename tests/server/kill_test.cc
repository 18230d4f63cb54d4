// The shipped server, killed at any moment while many cast and get tokens, and started again on the
// same folder. What kill -9 cannot show, namely that the disk has it:
// tests/ledger/store_crash_test.cc.

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <random>
#include <thread>

#include "base/text.h"
#include "server/clock.h"
#include "tests/server/process.h"

namespace urna::server::testing {
namespace {

constexpr size_t kThreads = 4;
constexpr size_t kVoters = 8;  // of each thread
bool Long() { return std::getenv("URNA_LONG_TESTS") != nullptr; }
size_t Residents() { return Long() ? 300 : 10; }

/// What one thread sends, in order; what was not acknowledged is sent again.
struct Sender {
  std::vector<std::string> ballots;
  size_t acknowledged = 0;
};

class KillTest : public ::testing::Test {
 protected:
  KillTest() : s_(Small(kThreads * kVoters + Residents())) {
    s_.clock.Set(SystemClock().Now());
    s_.TurnToAnotherPoll("urna.example/killed");
    s_.RunUntilOpen();
    for (size_t voter = 0; voter < kThreads * kVoters; ++voter) s_.Issue(voter);
    s_.Stop();
  }

  /// So many more ballots for each thread.
  void Prepare(size_t count) {
    for (size_t thread = 0; thread < kThreads; ++thread) {
      Sender& sender = senders_[thread];
      sender.ballots.erase(
          sender.ballots.begin(),
          sender.ballots.begin() + static_cast<std::ptrdiff_t>(sender.acknowledged));
      sender.acknowledged = 0;
      for (size_t i = sender.ballots.size(); i < count; ++i) {
        const size_t voter = thread * kVoters + next_++ % kVoters;
        sender.ballots.push_back(s_.MakeBallot(voter, static_cast<int>(i % 2)));
      }
    }
  }

  /// Casts until the server is gone.
  void CastAll(Sender& sender, const std::shared_ptr<grpc::Channel>& channel) {
    const auto casting = v1::Casting::NewStub(channel);
    v1::CastRequest request;
    request.set_poll(std::string(base::View(s_.poll())));
    while (sender.acknowledged < sender.ballots.size()) {
      request.set_ballot(sender.ballots[sender.acknowledged]);
      v1::CastResponse response;
      const Outcome outcome = TestServer::Run(
          [&](auto* context) { return casting->Cast(context, request, &response); });
      if (!outcome.ok()) {
        EXPECT_EQ(outcome.code, grpc::StatusCode::UNAVAILABLE) << outcome;
        return;
      }
      promises_.Add(response);
      ++sender.acknowledged;
    }
  }

  /// Gets tokens for one resident after the other until the server is gone. Each answer that came
  /// is fetched again, and is the same.
  void GetTokens(const std::shared_ptr<grpc::Channel>& channel) {
    s_.issuing = v1::Issuing::NewStub(channel);
    if (!last_answer_.empty()) {
      v1::FetchResponse fetched;
      const Outcome outcome = s_.Fetch(resident_, &fetched);
      if (outcome.code == grpc::StatusCode::UNAVAILABLE) return;
      EXPECT_TRUE(outcome.ok()) << "a token that was given is gone: " << outcome;
      EXPECT_EQ(fetched.answer(), last_answer_);
      ++tokens_;
      last_answer_.clear();
      ++resident_;
    }
    for (; resident_ < s_.election.voter_count(); ++resident_) {
      TestServer::Issuance issuance;
      Outcome outcome = s_.Begin(resident_, &issuance);
      // The answer was stored, and lost on its way.
      if (outcome.reject == "token.already-answered") continue;
      if (!outcome.ok()) {
        EXPECT_EQ(outcome.code, grpc::StatusCode::UNAVAILABLE) << outcome;
        return;
      }
      v1::AnswerResponse response;
      outcome = s_.Answer(s_.AnswerRequestFor(resident_, issuance), &response);
      if (!outcome.ok()) {
        EXPECT_EQ(outcome.code, grpc::StatusCode::UNAVAILABLE) << outcome;
        return;
      }
      last_answer_ = response.answer();
      // The others are fetched in the next life; to have enough for all lives, one in each.
      return;
    }
  }

  TestServer s_;
  Promises promises_{s_};
  std::array<Sender, kThreads> senders_;
  size_t next_ = 0;
  size_t resident_ = kThreads * kVoters;
  std::string last_answer_;
  size_t tokens_ = 0;
};

TEST_F(KillTest, LosesNothingThatWasAcknowledgedAndTellsOneHistory) {
  const int rounds = Long() ? 300 : 8;
  // When it is killed does not decide what must hold.
  std::mt19937 random(20141116);
  const auto sleep = [&](int most) {
    std::this_thread::sleep_for(
        std::chrono::milliseconds(std::uniform_int_distribution<int>(0, most)(random)));
  };
  ServerProcess server({"urna-server", s_.settings, {}});
  int killed_at_start = 0;
  for (int round = 0; round < rounds; ++round) {
    SCOPED_TRACE(round);
    Prepare(60);
    server.Spawn();
    if (HasFatalFailure()) return;
    if (round % 4 == 3) {
      sleep(100);
      ++killed_at_start;
    } else {
      ASSERT_TRUE(server.AwaitListening()) << server.log();
      const auto channel = server.channel();
      std::vector<std::thread> threads;
      for (Sender& sender : senders_) {
        threads.emplace_back([&] { CastAll(sender, channel); });
      }
      threads.emplace_back([&] { GetTokens(channel); });
      sleep(250);
      server.Kill();
      for (std::thread& thread : threads) thread.join();
    }
    server.Kill();
    ASSERT_NO_FATAL_FAILURE(promises_.ExpectKept(s_.data(), /*ever=*/false));
    ASSERT_FALSE(HasFailure());
  }
  server.Spawn();
  ASSERT_TRUE(server.AwaitListening()) << server.log();
  for (Sender& sender : senders_) CastAll(sender, server.channel());
  GetTokens(server.channel());
  EXPECT_EQ(server.Terminate(), 0) << server.log();
  promises_.ExpectKept(s_.data(), /*ever=*/true);
  EXPECT_GT(promises_.size(), 0u);
  std::cout << rounds << " times killed, " << killed_at_start << " of them while starting; "
            << promises_.size() << " receipts and " << tokens_ << " tokens kept" << std::endl;
}

}  // namespace
}  // namespace urna::server::testing
