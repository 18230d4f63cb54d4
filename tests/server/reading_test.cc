#include <gtest/gtest.h>

#include "base/file.h"
#include "ledger/checkpoint.h"
#include "tests/server/harness.h"

namespace urna::server::testing {
namespace {

const urna::testing::ElectionOptions kSmall = Small(4);

uint64_t CheckpointSize(TestServer& s) {
  v1::CheckpointRequest request;
  request.set_poll(std::string(base::View(s.poll())));
  v1::CheckpointResponse response;
  EXPECT_TRUE(TestServer::Run([&](auto* context) {
                return s.reading->Checkpoint(context, request, &response);
              }).ok());
  const auto checkpoint = ledger::OpenCheckpoint(response.note(), s.election.checkpoint_key());
  EXPECT_TRUE(checkpoint.ok()) << checkpoint.status();
  return checkpoint->size;
}

uint32_t LastRevision(TestServer& s, size_t voter) {
  v1::LastRevisionRequest request;
  request.set_poll(std::string(base::View(s.poll())));
  request.set_ballot_key(std::string(s.election.voter(voter).ballot_key.BK.view()));
  v1::LastRevisionResponse response;
  EXPECT_TRUE(TestServer::Run([&](auto* context) {
                return s.reading->LastRevision(context, request, &response);
              }).ok());
  return response.revision();
}

grpc::StatusCode EntriesCode(TestServer& s, uint64_t first, uint64_t last) {
  v1::EntriesRequest request;
  request.set_poll(std::string(base::View(s.poll())));
  request.set_first(first);
  request.set_last(last);
  grpc::ClientContext context;
  TestServer::SetDeadline(context);
  const auto stream = s.reading->Entries(&context, request);
  v1::EntriesResponse chunk;
  while (stream->Read(&chunk)) {
  }
  return stream->Finish().error_code();
}

TEST(Reading, ShowsNoBallotBeforeItsPublication) {
  TestServer s(kSmall);
  s.RunUntilOpen();
  const uint64_t opened = s.Status().size();
  EXPECT_EQ(opened, s.state().size());
  ASSERT_TRUE(s.Cast(s.MakeBallot(0, 0)).ok());
  const auto expect_unseen = [&] {
    EXPECT_EQ(s.Status().size(), opened);
    EXPECT_EQ(CheckpointSize(s), opened);
    EXPECT_EQ(LastRevision(s, 0), 0u);
    EXPECT_EQ(EntriesCode(s, 0, opened), grpc::StatusCode::OK);
    EXPECT_EQ(EntriesCode(s, 0, opened + 1), grpc::StatusCode::OUT_OF_RANGE);
  };
  expect_unseen();
  s.clock.Set(s.start() + 3599);
  expect_unseen();
  // A restart is no publication.
  s.Restart();
  expect_unseen();

  s.clock.Set(s.start() + 3600);
  Await([&] { return s.Status().size() > opened; }, "the publication");
  EXPECT_EQ(LastRevision(s, 0), 1u);
  const uint64_t published = s.Status().size();
  EXPECT_EQ(CheckpointSize(s), published);
  // The next revision stays unseen as well, also over a restart in the same hour.
  ASSERT_TRUE(s.Cast(s.MakeBallot(0, 1)).ok());
  EXPECT_EQ(LastRevision(s, 0), 1u);
  s.Restart();
  EXPECT_EQ(s.Status().size(), published);
  EXPECT_EQ(LastRevision(s, 0), 1u);
  ASSERT_TRUE(s.Cast(s.MakeBallot(0, 0)).ok());
  EXPECT_EQ(LastRevision(s, 0), 1u);

  s.clock.Set(s.end());
  s.WaitForPhase("ended");
  EXPECT_EQ(LastRevision(s, 0), 3u);
  // The issuers' last count may come between two looks.
  Await([&] { return CheckpointSize(s) == s.Status().size(); }, "all to be published");
}

TEST(Reading, AStepOfTheOfficialsIsPublishedAtOnceAndStaysSo) {
  TestServer s(kSmall);
  s.RunUntilOpen();
  const uint64_t opened = s.Status().size();
  ASSERT_TRUE(s.Cast(s.MakeBallot(0, 0)).ok());
  s.Record(poll::Paused{.reason = "a fault", .approvals = {}});
  EXPECT_EQ(s.Status().size(), opened + 2);
  s.Record(poll::Resumed{});
  ASSERT_TRUE(s.Cast(s.MakeBallot(1, 0)).ok());
  EXPECT_EQ(CheckpointSize(s), opened + 3);
  // The steward writes down what is public; the server must not go back behind it.
  const std::string file = s.data() + "/published/" + base::Hex(s.poll()) + ".published";
  Await(
      [&] {
        const auto content = base::ReadFile(file);
        return content.ok() &&
               content->find("\n" + std::to_string(opened + 3) + "\n") != std::string::npos;
      },
      "the publication to be stored");
  s.Restart();
  EXPECT_EQ(CheckpointSize(s), opened + 3);
}

TEST(Reading, TellsWhoItIsAndWhatItServes) {
  TestServer s(kSmall);
  s.Start();
  v1::InfoResponse info;
  ASSERT_TRUE(
      TestServer::Run([&](auto* context) { return s.reading->Info(context, {}, &info); }).ok());
  EXPECT_EQ(info.checkpoint_key(), base::View(s.election.ballot_box().public_key()));
  ASSERT_EQ(info.issuer_keys_size(), 1);
  EXPECT_EQ(info.issuer_keys(0), base::View(s.election.issuer(0).public_key()));
  EXPECT_EQ(info.time(), s.start());
  s.Define();
  v1::ListPollsResponse polls;
  ASSERT_TRUE(TestServer::Run([&](auto* context) {
                return s.reading->ListPolls(context, {}, &polls);
              }).ok());
  ASSERT_EQ(polls.polls_size(), 1);
  EXPECT_EQ(polls.polls(0).poll(), base::View(s.poll()));
  EXPECT_EQ(polls.polls(0).title().at("en"), "Test poll");
  EXPECT_EQ(polls.polls(0).end(), s.end());
  EXPECT_EQ(s.Status().waiting_for(0), "2 officials to approve the roll");
}

TEST(Reading, NamesWhatIsMalformed) {
  TestServer s(kSmall);
  s.RunUntilOpen();
  v1::StatusRequest request;
  request.set_poll("x");
  v1::StatusResponse response;
  const Outcome outcome = TestServer::Run(
      [&](auto* context) { return s.reading->Status(context, request, &response); });
  EXPECT_EQ(outcome.message, "poll: has 1 bytes, must have 32");
  EXPECT_EQ(EntriesCode(s, 3, 2), grpc::StatusCode::OUT_OF_RANGE);
  EXPECT_EQ(EntriesCode(s, 0, ~uint64_t{0}), grpc::StatusCode::OUT_OF_RANGE);
  EXPECT_EQ(EntriesCode(s, 2, 2), grpc::StatusCode::OK);
  v1::LastRevisionRequest revision;
  revision.set_poll(std::string(base::View(s.poll())));
  revision.set_ballot_key(std::string(32, '\xff'));
  v1::LastRevisionResponse last;
  EXPECT_EQ(TestServer::Run([&](auto* context) {
              return s.reading->LastRevision(context, revision, &last);
            }).reject,
            "point.not-canonical");
}

TEST(Reading, AnswersHealthChecksAndReflection) {
  TestServer s(kSmall);
  s.Start();
  const auto health = s.CallByName("/grpc.health.v1.Health/Check", "");
  EXPECT_EQ(health.first, grpc::StatusCode::OK);
  EXPECT_EQ(health.second, "\x08\x01");  // status: SERVING
  const auto services =
      s.CallByName("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", "\x3a\x01*");
  EXPECT_EQ(services.first, grpc::StatusCode::OK);
  for (const char* name : {"Issuing", "Casting", "Officials", "Trustees", "Reading"}) {
    EXPECT_NE(services.second.find(std::string("urna.v1.") + name), std::string::npos) << name;
  }
}

}  // namespace
}  // namespace urna::server::testing
