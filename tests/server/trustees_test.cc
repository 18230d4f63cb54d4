#include <gtest/gtest.h>

#include "tests/server/harness.h"

namespace urna::server::testing {
namespace {

using poll::RecordKind;

const urna::testing::ElectionOptions kSmall = Small(3, 1, 2);

poll::TrusteeJoined Joined(TestServer& s, uint8_t trustee, const crypto::SealKey& seal) {
  const uint32_t keys = s.state().definition()->keys();
  const crypto::Dealer dealer = crypto::Dealer::New(keys, 1);
  poll::TrusteeJoined joined;
  joined.trustee = trustee;
  joined.seal_key = seal.public_key;
  joined.deal_commitment =
      crypto::DealCommitment(s.poll(), trustee, 1, dealer.MakeDeal(s.poll(), trustee));
  return joined;
}

TEST(Trustees, OnlyTheTrusteesKeySigns) {
  TestServer s(kSmall);
  s.Start();
  s.Define();
  s.SealRoll();
  s.WaitForPhase("waiting for the trustees to join");
  s.Sync();
  const crypto::SealKey seal = crypto::SealKey::New();
  poll::Payload joined = Joined(s, 1, seal);

  Outcome outcome = s.Submit(RecordKind::kTrusteeJoined, poll::EncodePayload(joined));
  EXPECT_EQ(outcome.reject, "trustee.signature-invalid") << "unsigned";
  EXPECT_EQ(outcome.code, grpc::StatusCode::PERMISSION_DENIED);
  // The other trustee's key, and an official's, on the right message.
  const std::string message = poll::ParticipantMessage("trustee", RecordKind::kTrusteeJoined,
                                                       s.poll(), 1, 0, poll::PayloadBody(joined));
  for (const crypto::Ed25519Key* key : {&s.election.trustee(1), &s.election.official(0)}) {
    std::get<poll::TrusteeJoined>(joined).signature = key->Sign(message);
    EXPECT_EQ(s.Submit(RecordKind::kTrusteeJoined, poll::EncodePayload(joined)).reject,
              "trustee.signature-invalid");
  }
  // A signature that was made for another counter.
  std::get<poll::TrusteeJoined>(joined).signature =
      s.election.trustee(0).Sign(poll::ParticipantMessage(
          "trustee", RecordKind::kTrusteeJoined, s.poll(), 1, 1, poll::PayloadBody(joined)));
  EXPECT_EQ(s.Submit(RecordKind::kTrusteeJoined, poll::EncodePayload(joined)).reject,
            "trustee.signature-invalid");

  s.MustSubmit(joined, 1);
  // The same again, because the answer was lost, is no second record.
  const uint64_t size = s.Status().size();
  s.MustSubmit(joined, 1);
  EXPECT_EQ(s.Status().size(), size);
}

TEST(Trustees, RefusesRecordsOfOthersAndUnknownTrustees) {
  TestServer s(kSmall);
  s.RunUntilOpen();
  Outcome outcome = s.Submit(RecordKind::kBallotCast, s.MakeBallot(0, 0));
  EXPECT_EQ(outcome.reject, "step.kind");
  poll::Ended ended;
  ended.end = s.end();
  EXPECT_EQ(s.Submit(RecordKind::kEnded, poll::EncodePayload(ended)).reject, "step.kind");
  EXPECT_EQ(s.Submit(RecordKind::kDealt, "rubbish").reject, "record.malformed");
  EXPECT_EQ(s.Submit(RecordKind::kMixPart, "").reject, "record.kind-unsupported");
  poll::DecryptionPart part;
  part.trustee = 9;
  EXPECT_EQ(s.Submit(RecordKind::kDecryptionPart, poll::EncodePayload(part)).reject,
            "trustee.unknown");
}

TEST(Trustees, ABadShareIsRefusedAndAnotherTrusteesShareSuffices) {
  TestServer s(kSmall);
  s.RunUntilOpen();
  for (size_t voter = 0; voter < 3; ++voter) {
    ASSERT_TRUE(s.Cast(s.MakeBallot(voter, 1)).ok());
  }
  s.clock.Set(s.end());
  s.Close();
  poll::Payload bad = s.DecryptionPayload(1, 0);
  auto& data = std::get<poll::DecryptionPart>(bad).data;
  const std::string good = data;
  // D of the two options exchanged: every point is valid, the statement is false.
  data = good.substr(32, 32) + good.substr(0, 32) + good.substr(64);
  s.SignAsTrustee(bad, 1);
  const Outcome outcome = s.Submit(RecordKind::kDecryptionPart, poll::EncodePayload(bad));
  EXPECT_EQ(outcome.reject, "decryption.share-invalid") << outcome;
  for (uint32_t contest = 0; contest < 2; ++contest) {
    s.Sync();
    s.MustSubmit(s.DecryptionPayload(2, contest), 2);
  }
  s.Sync();
  s.Certify();
  EXPECT_EQ(s.state().ComputeResult()->contests[0].online, (std::vector<uint64_t>{0, 3}));
}

}  // namespace
}  // namespace urna::server::testing
