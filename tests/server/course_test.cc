// A whole poll through the server's gRPC interface, and what a restart may not change.

#include <gtest/gtest.h>

#include "ledger/receipt.h"
#include "ledger/record.h"
#include "tests/server/harness.h"

namespace urna::server::testing {
namespace {

using poll::RecordKind;

std::vector<uint8_t> Kinds(const std::vector<std::string>& records) {
  std::vector<uint8_t> kinds;
  for (const std::string& record : records) kinds.push_back(ledger::DecodeRecord(record)->kind);
  return kinds;
}

void ExpectReceipt(TestServer& s, const v1::CastResponse& response, const std::string& ballot) {
  const auto receipt = ledger::Receipt::Parse(response.receipt());
  ASSERT_TRUE(receipt.ok()) << receipt.status();
  const auto checkpoint = ledger::VerifyReceipt(*receipt, s.election.checkpoint_key());
  EXPECT_TRUE(checkpoint.ok()) << checkpoint.status();
  EXPECT_EQ(receipt->body, crypto::HashSha256(ballot));
  ledger::Record record;
  record.kind = static_cast<uint8_t>(RecordKind::kBallotCast);
  record.time = response.time();
  std::copy(response.previous().begin(), response.previous().end(), record.previous.begin());
  record.payload = ballot;
  EXPECT_EQ(receipt->leaf, ledger::LeafHash(ledger::EncodeRecord(record)));
}

TEST(Course, APollRunsFromItsDefinitionToItsCertificateOverRestarts) {
  TestServer s(Small(6, 2, 3, 2, 2));
  s.Start();
  s.Define();
  s.Restart();
  s.SealRoll();
  s.WaitForPhase("waiting for the trustees to join");
  s.Restart();
  s.Sync();
  s.KeyCeremony();
  s.Record(poll::Opened{});
  s.Sync();

  s.clock.Set(s.start() + 1800);
  for (size_t voter = 0; voter < 3; ++voter) {
    const std::string ballot = s.MakeBallot(voter, static_cast<int>(voter % 2));
    v1::CastResponse response;
    const Outcome outcome = s.Cast(ballot, &response);
    ASSERT_TRUE(outcome.ok()) << outcome;
    ExpectReceipt(s, response, ballot);
    // Ballots carry the hour only.
    EXPECT_EQ(response.time(), s.start());
  }
  s.Restart();
  for (size_t voter = 2; voter < 6; ++voter) {  // voter 2 again
    const Outcome outcome = s.Cast(s.MakeBallot(voter, static_cast<int>(voter % 2)));
    ASSERT_TRUE(outcome.ok()) << outcome;
  }
  s.clock.Set(s.end());
  s.WaitForPhase("ended");
  s.Restart();
  s.Close();
  s.Restart();
  s.DecryptAll();
  s.Certify();

  EXPECT_EQ(s.Status().phase(), "certified");
  EXPECT_EQ(s.state().ballot_records(), 7u);
  const auto result = s.state().ComputeResult();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->ballots, 6u);
  EXPECT_TRUE(result->registers_complete);
  // Voters 0, 2, 4 chose the first option, 1, 3, 5 the second.
  for (const poll::ContestResult& contest : result->contests) {
    EXPECT_EQ(contest.online, (std::vector<uint64_t>{3, 3}));
  }
  const auto kinds = Kinds(s.records);
  EXPECT_EQ(kinds.back(), static_cast<uint8_t>(RecordKind::kCertified));
  // The end comes after the last ballot and before the last counts.
  const auto ended =
      std::find(kinds.begin(), kinds.end(), static_cast<uint8_t>(RecordKind::kEnded));
  EXPECT_EQ(std::count(ended, kinds.end(), static_cast<uint8_t>(RecordKind::kBallotCast)), 0);
  EXPECT_EQ(std::count(ended, kinds.end(), static_cast<uint8_t>(RecordKind::kIssuanceCounted)), 2);
}

TEST(Course, IssuanceIsCountedEveryHourWhileOpen) {
  TestServer s(Small(2, 2));
  s.RunUntilOpen();
  s.Issue(0);
  const uint64_t size = s.Status().size();
  s.clock.Set(s.start() + 3600);
  Await([&] { return s.Status().size() > size; }, "the first hour's publication");
  s.Sync();
  const auto kinds = Kinds(s.records);
  EXPECT_EQ(kinds.back(), static_cast<uint8_t>(RecordKind::kIssuanceCounted));
  EXPECT_EQ(s.state().Issued(0), (std::vector<uint64_t>{1, 0}));
}

TEST(Course, APollCanBeCancelledBeforeItOpens) {
  TestServer s(Small(2, 2));
  s.Start();
  s.Define();
  s.Record(poll::Cancelled{.reason = "the question was wrong", .approvals = {}});
  const v1::StatusResponse status = s.Status();
  EXPECT_EQ(status.phase(), "cancelled");
  EXPECT_EQ(status.reason(), "the question was wrong");
}

TEST(Course, AnExtensionMovesTheEnd) {
  TestServer s(Small(2, 2));
  s.RunUntilOpen();
  s.Record(poll::Extended{.end = s.end() + 3600, .reason = "a power cut", .approvals = {}});
  s.clock.Set(s.end());
  EXPECT_TRUE(s.Cast(s.MakeBallot(0, 0)).ok());
  s.clock.Set(s.end() + 3600);
  const Outcome late = s.Cast(s.MakeBallot(0, 1));
  EXPECT_EQ(late.reject, "poll.ended") << late;
  s.WaitForPhase("ended");
}

TEST(Course, AReplacedCredentialIsRefusedAndTheNewOneVotes) {
  TestServer s(Small(3));
  s.RunUntilOpen();
  const Point lost = s.election.voter(0).credential.V;
  auto fresh = crypto::CredentialKey::New();
  s.Record(poll::CredentialReplaced{lost, fresh.V, {}});
  TestServer::Issuance issuance;
  EXPECT_EQ(s.Begin(0, &issuance).reject, "credential.not-entitled");
  s.election.voter(0).credential = std::move(fresh);
  const Outcome outcome = s.Cast(s.MakeBallot(0, 0));
  EXPECT_TRUE(outcome.ok()) << outcome;
}

TEST(Course, ACredentialThatReplacedAnAnsweredOneGetsNoToken) {
  TestServer s(Small(3));
  s.RunUntilOpen();
  TestServer::Issuance begun;
  auto fresh = crypto::CredentialKey::New();
  const Point first = s.election.voter(0).credential.V;
  s.Issue(0);
  // Two replacements in a row: the first credential still counts.
  auto between = crypto::CredentialKey::New();
  s.Record(poll::CredentialReplaced{first, between.V, {}});
  s.Record(poll::CredentialReplaced{between.V, fresh.V, {}});
  s.election.voter(0).credential = std::move(fresh);
  const Outcome outcome = s.Begin(0, &begun);
  EXPECT_EQ(outcome.reject, "token.already-answered") << outcome;
}

}  // namespace
}  // namespace urna::server::testing
