// Nothing that anybody can read moves between publications: docs/protocol.md section 3.

#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <future>

#include "base/bytes.h"
#include "ledger/checkpoint.h"
#include "ledger/receipt.h"
#include "ledger/record.h"
#include "ledger/tiles.h"
#include "tests/server/harness.h"

namespace urna::server::testing {
namespace {

constexpr uint64_t kHour = 3600;
constexpr uint64_t kPublishEvery = 4 * kHour;

urna::testing::ElectionOptions Options() {
  auto options = Small(5);
  options.publish_every = kPublishEvery;
  return options;
}

std::string Poll(TestServer& s) { return std::string(base::View(s.poll())); }

/// How one call ended and everything that it answered, trailing metadata included.
std::string Answers(TestServer& s, const std::string& method, const std::string& request) {
  grpc::GenericStub stub(s.channel());
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  TestServer::SetDeadline(context);
  const auto call = stub.PrepareCall(&context, method, &queue);
  const auto completes = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    EXPECT_TRUE(queue.Next(&tag, &ok));
    return ok;
  };
  call->StartCall(nullptr);
  std::string out = method + "\n";
  if (completes()) {
    const grpc::Slice slice(request);
    call->WriteLast(grpc::ByteBuffer(&slice, 1), grpc::WriteOptions(), nullptr);
    completes();
    for (;;) {
      grpc::ByteBuffer message;
      call->Read(&message, nullptr);
      if (!completes()) break;
      grpc::Slice bytes;
      EXPECT_TRUE(message.DumpToSingleSlice(&bytes).ok());
      out += std::to_string(bytes.size()) + " bytes: " + std::string(bytes.begin(), bytes.end()) +
             "\n";
    }
  }
  grpc::Status status;
  call->Finish(&status, nullptr);
  completes();
  out += std::to_string(status.error_code()) + " " + status.error_message() + "\n";
  for (const auto& [name, value] : context.GetServerTrailingMetadata()) {
    out += std::string(name.data(), name.size()) + "=" + std::string(value.data(), value.size()) +
           "\n";
  }
  return out;
}

/// What HTTP shows of a ledger of which `published` records are published, and what it does not
/// show: also how it is to be cached, and whatever tiles may be asked for before their time.
std::string OverHttp(TestServer& s, uint64_t published) {
  std::string out;
  const auto add = [&](const std::string& path) {
    const http::Response got = s.Get(path);
    out += path + " " + std::to_string(got.status) + " " + got.content_type + " " +
           got.cache_control + "\n" + std::to_string(got.body.size()) + " bytes: " + got.body +
           "\n";
  };
  const std::string poll = "/" + base::Hex(s.poll());
  add("/");
  add(poll + "/checkpoint");
  for (const uint32_t level : {ledger::TileId::kEntries, 0u}) {
    for (uint64_t width = 1; width <= published + 40; ++width) {
      add(poll + "/" + ledger::TileId{level, 0, static_cast<uint32_t>(width)}.Path());
    }
    add(poll + "/" + ledger::TileId{level, 0, 256}.Path());
    add(poll + "/" + ledger::TileId{level, 1, 1}.Path());
  }
  add(poll + "/" + ledger::TileId{1, 0, 1}.Path());
  return out;
}

/// Everything that anybody can read, but the server's clock.
std::string Snapshot(TestServer& s) {
  std::string out;
  const auto add = [&](const std::string& method, const auto& request) {
    out += Answers(s, "/urna.v1." + method, request.SerializeAsString());
  };
  v1::InfoResponse info;
  EXPECT_TRUE(
      TestServer::Run([&](auto* context) { return s.reading->Info(context, {}, &info); }).ok());
  EXPECT_EQ(info.time(), s.clock.Now());
  info.clear_time();
  out += info.SerializeAsString();
  v1::StatusResponse status = s.Status();
  EXPECT_EQ(status.time(), s.clock.Now());
  status.clear_time();
  out += status.SerializeAsString();
  v1::ListPollsResponse polls;
  EXPECT_TRUE(TestServer::Run([&](auto* context) {
                return s.reading->ListPolls(context, {}, &polls);
              }).ok());
  out += std::to_string(polls.ByteSizeLong()) + polls.ShortDebugString();  // sorts titles
  v1::CheckpointRequest checkpoint;
  checkpoint.set_poll(Poll(s));
  add("Reading/Checkpoint", checkpoint);
  // All that is published, and what is not.
  v1::EntriesRequest entries;
  entries.set_poll(Poll(s));
  for (const auto& [first, last] :
       std::vector<std::pair<uint64_t, uint64_t>>{{0, status.size()},
                                                  {0, status.size() + 1},
                                                  {status.size(), status.size()},
                                                  {status.size(), status.size() + 1},
                                                  {status.size() + 1, status.size() + 2},
                                                  {status.size() + 1000, status.size() + 1000}}) {
    entries.set_first(first);
    entries.set_last(last);
    add("Reading/Entries", entries);
  }
  v1::LastRevisionRequest revision;
  revision.set_poll(Poll(s));
  for (size_t voter = 0; voter < s.election.voter_count(); ++voter) {
    // A device derives it before it has a token.
    const auto key = crypto::DeriveBallotKey(s.election.voter(voter).omega, s.context().opening);
    revision.set_ballot_key(std::string(key.BK.view()));
    add("Reading/LastRevision", revision);
  }
  v1::PendingRequest pending;
  add("Officials/Pending", pending);
  pending.set_poll(Poll(s));
  add("Officials/Pending", pending);
  v1::AttachmentRequest attachment;
  attachment.set_poll(Poll(s));
  attachment.set_kind(static_cast<uint32_t>(poll::RecordKind::kPaused));
  add("Officials/Attachment", attachment);
  v1::SubmitRequest submit;
  submit.set_poll(Poll(s));
  submit.set_kind(static_cast<uint32_t>(poll::RecordKind::kConfirmed));
  add("Trustees/Submit", submit);
  v1::FetchRequest fetch;
  fetch.set_poll(Poll(s));
  for (size_t voter = 0; voter < s.election.voter_count(); ++voter) {
    fetch.set_credential(std::string(s.election.voter(voter).credential.V.view()));
    fetch.set_signature(std::string(64, '\0'));
    add("Issuing/Fetch", fetch);
  }
  v1::CastRequest cast;
  cast.set_poll(Poll(s));
  add("Casting/Cast", cast);
  out += OverHttp(s, status.size());
  out += Answers(s, "/grpc.health.v1.Health/Check", "");
  out += Answers(s, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", "\x3a\x01*");
  return out;
}

uint64_t LastNumber(TestServer& s) {
  // The number of records under the checkpoint of a receipt, which only the voter gets.
  v1::CastResponse response;
  EXPECT_TRUE(s.Cast(s.MakeBallot(4, 0), &response).ok());
  const auto receipt = ledger::Receipt::Parse(response.receipt());
  return ledger::OpenCheckpoint(receipt->checkpoint, s.election.checkpoint_key())->size;
}

TEST(Timing, NothingPublicMovesBetweenPublications) {
  TestServer s(Options());
  s.RunUntilOpen();
  const uint64_t boundary = s.start() - s.start() % kPublishEvery + kPublishEvery;
  s.Issue(4);
  ASSERT_TRUE(s.Cast(s.MakeBallot(3, 0)).ok());
  s.clock.Set(boundary);
  Await([&] { return s.Status().size() > s.state().size(); }, "the first publication");
  s.Sync();
  const uint64_t published = s.Status().size();
  const std::string before = Snapshot(s);
  ASSERT_NE(before.find("ServerReflection"), std::string::npos);

  uint64_t unseen = published;
  for (uint64_t hour = 0; hour < 4; ++hour) {
    SCOPED_TRACE("hour " + std::to_string(hour));
    const std::string log = s.log();
    s.clock.Set(boundary + hour * kHour + 17);
    // A server counts the hour in which it started at its end.
    if (hour == 1 || hour == 3) {
      Await([&] { return s.log().find("'issuance counted'", log.size()) != std::string::npos; },
            "the hourly count");
    }
    // Tokens, first votes, votes of a key that is published, refusals, and the hourly counts.
    ASSERT_TRUE(s.Cast(s.MakeBallot(hour % 3, 0)).ok());
    ASSERT_TRUE(s.Cast(s.MakeBallot(3, static_cast<int>(hour % 2))).ok());
    EXPECT_FALSE(s.Cast("rubbish").ok());
    EXPECT_EQ(Snapshot(s), before);
    s.clock.Set(boundary + hour * kHour + kHour - 1);
    const uint64_t size = LastNumber(s);
    EXPECT_GT(size, unseen + 2) << "nothing happened that could have been seen";
    unseen = size;
    EXPECT_EQ(Snapshot(s), before);
    if (hour == 1) {
      s.Restart();
      EXPECT_EQ(Snapshot(s), before);
    }
  }
  EXPECT_GE(unseen, published + 14) << "3 ballots an hour and counts of tokens";

  s.clock.Set(boundary + kPublishEvery);
  Await([&] { return s.Status().size() >= unseen; }, "the publication");
  const std::string after = Snapshot(s);
  EXPECT_NE(after, before);
  s.Sync();
  // What is published tells the hour of a ballot, and no more.
  for (const std::string& bytes : s.records) {
    const auto record = ledger::DecodeRecord(bytes);
    ASSERT_TRUE(record.ok());
    if (record->kind == static_cast<uint8_t>(poll::RecordKind::kBallotCast)) {
      EXPECT_EQ(record->time % kHour, 0u);
    }
  }
  // And stays so, also over another restart.
  ASSERT_TRUE(s.Cast(s.MakeBallot(2, 1)).ok());
  EXPECT_EQ(Snapshot(s), after);
  s.Restart();
  EXPECT_EQ(Snapshot(s), after);
}

TEST(Timing, ASignatureForTheLedgerOfTheMomentDoesNotShowWhetherABallotCame) {
  TestServer s(Options());
  s.RunUntilOpen();
  const poll::Payload cancelled = poll::Cancelled{.reason = "?", .approvals = {}};
  const Outcome before = s.Approve(cancelled, 0);
  const std::string seen = Snapshot(s);
  ASSERT_TRUE(s.Cast(s.MakeBallot(0, 0)).ok());
  const Outcome after = s.Approve(cancelled, 0);
  EXPECT_EQ(before.reject, "record.out-of-order") << before;
  EXPECT_EQ(after.reject, before.reject) << after;
  EXPECT_EQ(after.message, before.message);
  EXPECT_EQ(Snapshot(s), seen);
  // A step that the poll's course allows: what waits for approvals does not grow old either.
  ASSERT_TRUE(s.Approve(poll::Paused{.reason = "a fault", .approvals = {}}, 0).ok());
  const std::string pending = Snapshot(s);
  ASSERT_TRUE(s.Cast(s.MakeBallot(1, 0)).ok());
  EXPECT_EQ(Snapshot(s), pending);
  // Paused, nothing moves, and cancelling is signed for what is published.
  s.Record(poll::Paused{.reason = "a fault", .approvals = {}});
  s.Sync();
  s.Record(cancelled);
  EXPECT_EQ(s.Status().phase(), "cancelled");
}

TEST(Timing, AStepOfTheOfficialsShowsTheBallotsBeforeItAndNoneAfterIt) {
  TestServer s(Options());
  s.RunUntilOpen();
  const uint64_t opened = s.state().size();
  ASSERT_TRUE(s.Cast(s.MakeBallot(0, 0)).ok());
  s.Record(poll::Extended{.end = s.end() + 60, .reason = "rain", .approvals = {}});
  EXPECT_EQ(s.Status().size(), opened + 2);
  const std::string before = Snapshot(s);
  ASSERT_TRUE(s.Cast(s.MakeBallot(1, 0)).ok());
  ASSERT_TRUE(s.Cast(s.MakeBallot(0, 1)).ok());
  EXPECT_EQ(Snapshot(s), before);
}

TEST(Timing, ReadersDoNotWaitWhileABallotIsWritten) {
  Gate gate;
  TestServer s(Options());
  s.before_append = [&gate] {
    gate.Pass();
    return absl::OkStatus();
  };
  s.RunUntilOpen();
  const std::string before = Snapshot(s);
  const std::string ballot = s.MakeBallot(0, 0);
  gate.Close();
  auto cast = std::async(std::launch::async, [&] { return s.Cast(ballot); });
  gate.AwaitHeld(1);
  EXPECT_EQ(Snapshot(s), before);
  gate.Open();
  EXPECT_TRUE(cast.get().ok());
}

}  // namespace
}  // namespace urna::server::testing
