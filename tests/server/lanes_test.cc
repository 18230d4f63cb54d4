// Floods: full queues refuse, and one kind of request never holds up another.

#include <grpc/grpc.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "server/false_share.h"
#include "server/lane.h"
#include "tests/server/harness.h"

namespace urna::server::testing {
namespace {

using crypto::Together;

const urna::testing::ElectionOptions kSmall = Small(6);

TEST(Lane, RefusesWhatDoesNotFitAndLeavesItUntouched) {
  Gate gate;
  gate.Close();
  std::atomic<int> done{0};
  Lane<std::string> lane({1, 2}, 1, [&](std::vector<std::string> batch) {
    gate.Pass();
    done += static_cast<int>(batch.size());
  });
  ASSERT_TRUE(lane.TryPush("worked on"));
  gate.AwaitHeld(1);
  EXPECT_TRUE(lane.TryPush("waits"));
  EXPECT_TRUE(lane.TryPush("waits"));
  std::string refused = "refused";
  EXPECT_FALSE(lane.TryPush(std::move(refused)));
  EXPECT_EQ(refused, "refused");
  gate.Open();
  lane.Drain();
  EXPECT_EQ(done, 3);
  EXPECT_FALSE(lane.TryPush("too late"));
}

TEST(Lane, HandsOverWhatWaitsTogether) {
  Gate gate;
  gate.Close();
  std::vector<size_t> sizes;
  Lane<int> lane({1, 100}, 8, [&](std::vector<int> batch) {
    gate.Pass();
    sizes.push_back(batch.size());
  });
  ASSERT_TRUE(lane.TryPush(0));
  gate.AwaitHeld(1);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(lane.TryPush(int{i}));
  gate.Open();
  lane.Drain();
  EXPECT_EQ(sizes, (std::vector<size_t>{1, 8, 2}));
}

TEST(StateLock, AFloodOfReadersDoesNotStarveTheWriter) {
  StateLock lock;
  std::atomic<bool> stop{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < 4; ++i) {
    readers.emplace_back([&] {
      while (!stop) {
        std::shared_lock guard(lock);
        std::this_thread::yield();
      }
    });
  }
  for (int i = 0; i < 200; ++i) {
    std::unique_lock guard(lock);
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
}

TEST(Lanes, AFullQueueOfBallotsRefusesAndNothingElseSuffers) {
  Gate gate;
  TestServer s(kSmall);
  s.settings.casting_threads = 1;
  s.settings.casting_queue = 1;
  s.before_work = [&gate](std::string_view method) {
    if (method == "Casting.Cast") gate.Pass();
  };
  s.RunUntilOpen();
  std::vector<std::string> ballots;
  for (size_t voter = 0; voter < 4; ++voter) ballots.push_back(s.MakeBallot(voter, 0));
  gate.Close();
  std::vector<std::future<Outcome>> casts;
  casts.push_back(std::async(std::launch::async, [&] { return s.Cast(ballots[0]); }));
  gate.AwaitHeld(1);
  for (size_t i = 1; i < 4; ++i) {
    casts.push_back(std::async(std::launch::async, [&, i] { return s.Cast(ballots[i]); }));
  }
  // One waits, two are refused at once.
  int refused = 0;
  Await(
      [&] {
        refused = 0;
        for (auto& cast : casts) {
          refused += cast.wait_for(std::chrono::seconds(0)) == std::future_status::ready ? 1 : 0;
        }
        return refused == 2;
      },
      "two refusals");

  // Tokens, officials and readers go on.
  TestServer::Issuance issuance;
  EXPECT_TRUE(s.Begin(5, &issuance).ok());
  v1::AnswerResponse answer;
  EXPECT_TRUE(s.Answer(s.AnswerRequestFor(5, issuance), &answer).ok());
  s.Record(poll::Extended{.end = s.end() + 60, .reason = "a flood", .approvals = {}});
  EXPECT_EQ(s.Status().end(), s.end() + 60);

  gate.Open();
  int accepted = 0;
  for (auto& cast : casts) {
    const Outcome outcome = cast.get();
    if (outcome.ok()) {
      ++accepted;
    } else {
      EXPECT_EQ(outcome.code, grpc::StatusCode::RESOURCE_EXHAUSTED) << outcome;
    }
  }
  EXPECT_EQ(accepted, 2);
  // What was refused may be sent again.
  for (const std::string& ballot : ballots) EXPECT_TRUE(s.Cast(ballot).ok());
}

TEST(Lanes, WhileTheDiskIsSlowReadersAreServedAndFullQueuesRefuse) {
  Gate gate;
  TestServer s(kSmall);
  s.settings.sequencer_queue = 1;
  s.settings.issuing_threads = 1;
  s.settings.issuing_queue = 1;
  s.before_append = [&gate] {
    gate.Pass();
    return absl::OkStatus();
  };
  s.RunUntilOpen();
  std::vector<std::string> ballots;
  for (size_t voter = 0; voter < 4; ++voter) ballots.push_back(s.MakeBallot(voter, 0));
  gate.Close();
  auto first = std::async(std::launch::async, [&] { return s.Cast(ballots[0]); });
  gate.AwaitHeld(1);
  std::vector<std::future<Outcome>> more;
  for (size_t i = 1; i < 4; ++i) {
    more.push_back(std::async(std::launch::async, [&, i] { return s.Cast(ballots[i]); }));
  }
  std::vector<std::future<Outcome>> begins;
  for (int i = 0; i < 4; ++i) {
    begins.push_back(std::async(std::launch::async, [&] {
      TestServer::Issuance issuance;
      v1::FetchResponse fetched;
      return s.Fetch(4, &fetched);
    }));
  }
  const auto finished = [](std::vector<std::future<Outcome>>& calls) {
    size_t count = 0;
    for (auto& call : calls) {
      count += call.wait_for(std::chrono::seconds(0)) == std::future_status::ready ? 1u : 0u;
    }
    return count;
  };
  Await([&] { return finished(more) == 2 && finished(begins) >= 2; }, "refusals");
  for (auto* calls : {&more, &begins}) {
    for (auto& call : *calls) {
      if (call.wait_for(std::chrono::seconds(0)) != std::future_status::ready) continue;
      EXPECT_EQ(call.get().code, grpc::StatusCode::RESOURCE_EXHAUSTED);
    }
  }
  // Nobody sees what is not durable yet, and nobody waits for it.
  EXPECT_EQ(s.Status().phase(), "open");
  s.Sync();
  EXPECT_EQ(s.state().ballot_records(), 0u);
  gate.Open();
  EXPECT_TRUE(first.get().ok());
}

TEST(Lanes, AFloodOfReadersDoesNotHoldUpBallots) {
  TestServer s(kSmall);
  s.settings.reading_threads = 1;
  s.settings.reading_queue = 2;
  s.RunUntilOpen();
  const std::string ballot = s.MakeBallot(0, 0);
  std::atomic<bool> stop{false};
  std::atomic<int> served{0};
  std::vector<std::thread> flood;
  for (int i = 0; i < 4; ++i) {
    flood.emplace_back([&] {
      while (!stop) {
        v1::EntriesRequest request;
        request.set_poll(std::string(base::View(s.poll())));
        request.set_last(5);
        grpc::ClientContext context;
        TestServer::SetDeadline(context);
        const auto stream = s.reading->Entries(&context, request);
        v1::EntriesResponse chunk;
        while (stream->Read(&chunk)) ++served;
        const auto code = stream->Finish().error_code();
        EXPECT_TRUE(code == grpc::StatusCode::OK || code == grpc::StatusCode::RESOURCE_EXHAUSTED)
            << code;
      }
    });
  }
  Await([&] { return served > 20; }, "readers");
  const Outcome outcome = s.Cast(ballot);
  EXPECT_TRUE(outcome.ok()) << outcome;
  stop = true;
  for (std::thread& thread : flood) thread.join();
}

TEST(Lanes, OversizedMessagesAreRefused) {
  TestServer s(kSmall);
  s.RunUntilOpen();
  v1::BeginRequest request;
  request.set_poll(std::string(1 << 21, 'x'));
  v1::BeginResponse response;
  EXPECT_EQ(TestServer::Run([&](auto* context) {
              return s.issuing->Begin(context, request, &response);
            }).code,
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  const Outcome outcome = s.Submit(poll::RecordKind::kDealt, std::string(100'000, 'x'));
  EXPECT_EQ(outcome.reject, "request.malformed") << outcome;
  poll::Payload certified = poll::Certified{std::string(200'000, 'x'), {}};
  EXPECT_EQ(s.Approve(certified, 0).reject, "request.malformed");
}

TEST(FalseShare, ChecksEachForItselfWhileManyProofsAreFalseAndTogetherWhenThatStops) {
  FalseShare share;
  EXPECT_EQ(share.together(), Together::kAll);
  for (int i = 0; i < 20; ++i) {
    share.Note(128, 1);
    EXPECT_EQ(share.together(), Together::kAll) << i;
  }
  share.Note(64, 13);
  EXPECT_EQ(share.together(), Together::kEach);
  for (int i = 0; i < 20; ++i) share.Note(64, 13);
  EXPECT_EQ(share.together(), Together::kEach);
  for (int i = 0; i < 10; ++i) share.Note(64, 0);
  EXPECT_EQ(share.together(), Together::kAll);
}

TEST(FalseShare, LearnsLittleFromFewBallots) {
  FalseShare share;
  share.Note(1, 1);
  EXPECT_EQ(share.together(), Together::kAll);
  for (int i = 0; i < 8; ++i) share.Note(1, 1);
  EXPECT_EQ(share.together(), Together::kEach);
  for (int i = 0; i < 8; ++i) share.Note(1, 0);
  EXPECT_EQ(share.together(), Together::kEach);
}

}  // namespace
}  // namespace urna::server::testing
