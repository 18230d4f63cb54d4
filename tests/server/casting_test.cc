#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <thread>

#include "ledger/receipt.h"
#include "tests/server/harness.h"

namespace urna::server::testing {
namespace {

const urna::testing::ElectionOptions kSmall = Small(4);

uint64_t IndexOf(const v1::CastResponse& response) {
  const auto receipt = ledger::Receipt::Parse(response.receipt());
  EXPECT_TRUE(receipt.ok()) << receipt.status();
  return receipt.ok() ? receipt->index : ~uint64_t{0};
}

TEST(Casting, RefusesABallotBeforeTheStartWhilePausedAndAfterTheEnd) {
  TestServer s(kSmall);
  s.clock.Set(s.start() - 1);
  s.RunUntilOpen();
  // Nobody has a token yet, and the time is looked at before all else.
  Outcome outcome = s.Cast("a ballot");
  EXPECT_EQ(outcome.reject, "ballot.too-early");
  EXPECT_EQ(outcome.code, grpc::StatusCode::FAILED_PRECONDITION);

  s.clock.Set(s.start());
  const std::string ballot = s.MakeBallot(0, 0);
  s.Record(poll::Paused{.reason = "a fault is looked into", .approvals = {}});
  outcome = s.Cast(ballot);
  EXPECT_EQ(outcome.reject, "ballot.paused");
  EXPECT_EQ(outcome.code, grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(s.Status().reason(), "a fault is looked into");
  s.Record(poll::Resumed{});
  EXPECT_TRUE(s.Cast(ballot).ok());

  const std::string late = s.MakeBallot(0, 1);
  s.clock.Set(s.end());
  outcome = s.Cast(late);
  EXPECT_EQ(outcome.reject, "poll.ended");
  EXPECT_EQ(outcome.code, grpc::StatusCode::FAILED_PRECONDITION);
  s.WaitForPhase("ended");
  EXPECT_EQ(s.Cast(late).reject, "poll.ended");
}

TEST(Casting, RefusesABallotBeforeThePollIsOpened) {
  TestServer open(kSmall);
  open.RunUntilOpen();
  const std::string ballot = open.MakeBallot(0, 0);
  TestServer s(kSmall);
  s.Start();
  s.Define();
  const Outcome outcome = s.Cast(ballot);
  EXPECT_EQ(outcome.reject, "ballot.not-open");
  EXPECT_EQ(outcome.code, grpc::StatusCode::FAILED_PRECONDITION);
}

TEST(Casting, TheSameBallotAgainIsTheSameRecord) {
  TestServer s(kSmall);
  s.RunUntilOpen();
  const std::string ballot = s.MakeBallot(0, 0);
  v1::CastResponse first;
  v1::CastResponse second;
  ASSERT_TRUE(s.Cast(ballot, &first).ok());
  ASSERT_TRUE(s.Cast(s.MakeBallot(1, 0)).ok());
  ASSERT_TRUE(s.Cast(ballot, &second).ok());
  EXPECT_EQ(IndexOf(first), IndexOf(second));
  EXPECT_EQ(first.previous(), second.previous());
  // Also when a newer revision stands on the ledger, when the server was restarted, and when the
  // poll is over.
  ASSERT_TRUE(s.Cast(s.MakeBallot(0, 1)).ok());
  s.Restart();
  s.clock.Set(s.end());
  s.WaitForPhase("ended");
  const Outcome outcome = s.Cast(ballot, &second);
  ASSERT_TRUE(outcome.ok()) << outcome;
  EXPECT_EQ(IndexOf(first), IndexOf(second));
  const auto receipt = ledger::Receipt::Parse(second.receipt());
  EXPECT_TRUE(ledger::VerifyReceipt(*receipt, s.election.checkpoint_key()).ok());
}

TEST(Casting, TheSameBallotManyTimesInOneBatchIsOneRecord) {
  Gate gate;
  TestServer s(kSmall);
  s.before_append = [&gate] {
    gate.Pass();
    return absl::OkStatus();
  };
  s.RunUntilOpen();
  const std::string blocker = s.MakeBallot(1, 0);
  const std::string ballot = s.MakeBallot(0, 0);
  gate.Close();
  auto blocked = std::async(std::launch::async, [&] { return s.Cast(blocker); });
  gate.AwaitHeld(1);
  std::vector<std::future<uint64_t>> indices;
  for (int i = 0; i < 8; ++i) {
    indices.push_back(std::async(std::launch::async, [&] {
      v1::CastResponse response;
      const Outcome outcome = s.Cast(ballot, &response);
      EXPECT_TRUE(outcome.ok()) << outcome;
      return IndexOf(response);
    }));
  }
  // Long enough for most of them to queue up behind the held write, so that they share a batch.
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  gate.Open();
  EXPECT_TRUE(blocked.get().ok());
  const uint64_t first = indices[0].get();
  for (size_t i = 1; i < indices.size(); ++i) EXPECT_EQ(indices[i].get(), first);
  s.clock.Set(s.end());
  s.WaitForPhase("ended");
  s.Sync();
  EXPECT_EQ(s.state().ballot_records(), 2u);
}

TEST(Casting, TheSameBallotWhileItIsBeingWrittenIsOneRecord) {
  Gate gate;
  TestServer s(kSmall);
  s.before_append = [&gate] {
    gate.Pass();
    return absl::OkStatus();
  };
  s.RunUntilOpen();
  const std::string ballot = s.MakeBallot(0, 0);
  gate.Close();
  v1::CastResponse first;
  v1::CastResponse second;
  auto written = std::async(std::launch::async, [&] { return s.Cast(ballot, &first); });
  gate.AwaitHeld(1);
  // The first is neither in the store nor in the batch that this one gets into.
  auto queued = std::async(std::launch::async, [&] { return s.Cast(ballot, &second); });
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  gate.Open();
  EXPECT_TRUE(written.get().ok());
  const Outcome outcome = queued.get();
  ASSERT_TRUE(outcome.ok()) << outcome;
  EXPECT_EQ(IndexOf(first), IndexOf(second));
}

TEST(Casting, RefusesARepeatedRevisionAndATamperedBallot) {
  TestServer s(kSmall);
  s.RunUntilOpen();
  std::string ballot = s.MakeBallot(0, 0);
  s.election.voter(0).revision = 0;
  const std::string other = s.MakeBallot(0, 1);  // the same revision
  ASSERT_TRUE(s.Cast(ballot).ok());
  Outcome outcome = s.Cast(other);
  EXPECT_EQ(outcome.reject, "ballot.revision-repeated");
  EXPECT_EQ(outcome.code, grpc::StatusCode::INVALID_ARGUMENT);
  std::string tampered = s.MakeBallot(1, 0);
  tampered[2] = 2;  // revision
  outcome = s.Cast(tampered);
  EXPECT_EQ(outcome.reject, "ballot.proof-invalid") << outcome;
}

TEST(Casting, TheLastOfManyRevisionsInOneBatchCounts) {
  // Votes of one key that are written together: the replaced ones are not in the store yet.
  Gate gate;
  TestServer s(kSmall);
  s.before_append = [&gate] {
    gate.Pass();
    return absl::OkStatus();
  };
  s.RunUntilOpen();
  std::vector<std::string> ballots;
  for (int i = 0; i < 3; ++i) ballots.push_back(s.MakeBallot(0, i % 2));
  const std::string blocker = s.MakeBallot(1, 0);
  const std::string more = s.MakeBallot(2, 1);
  gate.Close();
  auto blocked = std::async(std::launch::async, [&] { return s.Cast(blocker); });
  gate.AwaitHeld(1);
  auto all = std::async(std::launch::async, [&] {
    std::vector<std::future<Outcome>> waiting;
    for (const std::string& ballot : ballots) {
      waiting.push_back(std::async(std::launch::async, [&] { return s.Cast(ballot); }));
    }
    int accepted = 0;
    for (auto& outcome : waiting) {
      const Outcome o = outcome.get();
      if (o.ok()) {
        ++accepted;
      } else {
        EXPECT_EQ(o.reject, "ballot.revision-repeated");
      }
    }
    return accepted;
  });
  gate.Open();
  EXPECT_TRUE(blocked.get().ok());
  EXPECT_GE(all.get(), 1);
  ASSERT_TRUE(s.Cast(more).ok());
  s.clock.Set(s.end());
  s.Close();
  s.DecryptAll();
  s.Certify();
  const auto result = s.state().ComputeResult();
  ASSERT_TRUE(result.ok()) << result.status();
  // Revision 3, for the first option, is the highest; it was accepted in whatever order they came.
  EXPECT_EQ(result->contests[0].online, (std::vector<uint64_t>{2, 1}));
}

TEST(Casting, ABallotThatArrivedInTimeEntersBeforeTheEnd) {
  Gate gate;
  TestServer s(kSmall);
  s.before_work = [&gate](std::string_view method) {
    if (method == "Casting.Cast") gate.Pass();
  };
  s.RunUntilOpen();
  const std::string ballot = s.MakeBallot(0, 0);
  s.clock.Set(s.end() - 1);
  gate.Close();
  auto cast = std::async(std::launch::async, [&] { return s.Cast(ballot); });
  gate.AwaitHeld(1);
  s.clock.Set(s.end());
  // The end is due, and the steward looks around many times; but one ballot is on its way.
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_EQ(s.Status().phase(), "open");
  gate.Open();
  const Outcome outcome = cast.get();
  EXPECT_TRUE(outcome.ok()) << outcome;
  s.WaitForPhase("ended");
  s.Sync();
  EXPECT_EQ(s.state().ballot_records(), 1u);
}

TEST(Casting, LateBallotsDoNotPutOffTheEnd) {
  Gate gate;
  TestServer s(kSmall);
  s.before_work = [&gate](std::string_view method) {
    if (method == "Casting.Cast") gate.Pass();
  };
  s.RunUntilOpen();
  const std::string ballot = s.MakeBallot(0, 0);
  gate.Close();
  s.clock.Set(s.end());
  auto cast = std::async(std::launch::async, [&] { return s.Cast(ballot); });
  gate.AwaitHeld(1);
  s.WaitForPhase("ended");
  gate.Open();
  EXPECT_EQ(cast.get().reject, "poll.ended");
}

TEST(Casting, NamesWhatIsMalformed) {
  TestServer s(kSmall);
  s.RunUntilOpen();
  v1::CastRequest request;
  request.set_poll("short");
  v1::CastResponse response;
  Outcome outcome =
      TestServer::Run([&](auto* context) { return s.casting->Cast(context, request, &response); });
  EXPECT_EQ(outcome.reject, "request.malformed");
  EXPECT_EQ(outcome.message, "poll: has 5 bytes, must have 32");

  request.set_poll(std::string(32, 'x'));
  outcome =
      TestServer::Run([&](auto* context) { return s.casting->Cast(context, request, &response); });
  EXPECT_EQ(outcome.code, grpc::StatusCode::NOT_FOUND);

  EXPECT_EQ(s.Cast("").reject, "record.malformed");
  EXPECT_EQ(s.Cast(std::string(100, '\0')).reject, "ballot.malformed");
  EXPECT_EQ(s.Cast(std::string(70'000, 'x')).reject, "request.malformed");
  EXPECT_EQ(s.Cast(std::string(2'000'000, 'x')).code, grpc::StatusCode::RESOURCE_EXHAUSTED);
}

}  // namespace
}  // namespace urna::server::testing
