#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

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
  EXPECT_EQ(s.Submit(RecordKind::kMixPart, "").reject, "record.malformed");
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

/// A poll of three trustees up to the deals, whose secrets the test knows.
class Complaints : public ::testing::Test {
 protected:
  void Deal(const std::function<void(poll::Dealt&)>& change) {
    s_.Start();
    s_.Define();
    s_.SealRoll();
    s_.WaitForPhase("waiting for the trustees to join");
    s_.Sync();
    const uint32_t keys = s_.state().definition()->keys();
    std::vector<crypto::Dealer> dealers;
    std::vector<crypto::Deal> deals;
    for (uint8_t j = 1; j <= 3; ++j) {
      seal_keys_.push_back(crypto::SealKey::New());
      dealers.push_back(crypto::Dealer::New(keys, 2));
      deals.push_back(dealers.back().MakeDeal(s_.poll(), j));
      poll::TrusteeJoined joined;
      joined.trustee = j;
      joined.seal_key = seal_keys_.back().public_key;
      joined.deal_commitment = crypto::DealCommitment(s_.poll(), j, 2, deals.back());
      s_.MustSubmit(joined, j);
    }
    s_.Sync();
    for (uint8_t j = 1; j <= 3; ++j) {
      poll::Dealt dealt;
      dealt.trustee = j;
      dealt.deal = deals[j - 1];
      for (uint32_t i = 1; i <= 3; ++i) {
        dealt.sealed.push_back(dealers[j - 1].SealShares(i, seal_keys_[i - 1].public_key));
      }
      change(dealt);
      s_.MustSubmit(dealt, j);
    }
    s_.Sync();
  }
  poll::Payload Complaint(uint8_t trustee, uint8_t dealer) {
    poll::Complained complaint;
    complaint.trustee = trustee;
    complaint.dealer = dealer;
    complaint.seal_secret = seal_keys_[trustee - 1].secret.Expose();
    return complaint;
  }
  std::string RejectOf(poll::Payload payload, uint32_t trustee) {
    s_.SignAsTrustee(payload, trustee);
    return s_.Submit(poll::KindOf(payload), poll::EncodePayload(payload)).reject;
  }
  /// The poll cannot go on, its status names who is at fault, and keeps doing so when cancelled.
  void ExpectFailed(const std::string& named) {
    v1::StatusResponse status = s_.Status();
    EXPECT_EQ(status.phase(), "key ceremony failed");
    EXPECT_THAT(status.reason(), ::testing::HasSubstr(named));
    EXPECT_EQ(status.waiting_for(0), "2 officials to cancel the poll");
    s_.Sync();
    s_.Approve(poll::Opened{}, 0);
    const Outcome opened = s_.Approve(poll::Opened{}, 1);
    EXPECT_EQ(opened.reject, "record.out-of-order") << opened;
    s_.Record(poll::Cancelled{"a trustee was at fault", {}});
    s_.Restart();
    status = s_.Status();
    EXPECT_EQ(status.phase(), "cancelled");
    EXPECT_THAT(status.reason(), ::testing::AllOf(::testing::HasSubstr("a trustee was at fault"),
                                                  ::testing::HasSubstr(named)));
  }

  TestServer s_{Small(3, 1, 3, 2)};
  std::vector<crypto::SealKey> seal_keys_;
};

TEST_F(Complaints, AWrongShareNamesItsDealerForEver) {
  Deal([](poll::Dealt& dealt) {
    if (dealt.trustee == 2) dealt.sealed[0] = dealt.sealed[2];
  });
  // Not with a secret that is not the complainer's, nor by somebody else.
  poll::Payload wrong = Complaint(1, 2);
  std::get<poll::Complained>(wrong).seal_secret[7] ^= 1;
  EXPECT_EQ(RejectOf(wrong, 1), "trustee.complaint-invalid");
  EXPECT_EQ(RejectOf(Complaint(1, 2), 3), "trustee.signature-invalid");
  EXPECT_EQ(RejectOf(Complaint(1, 4), 1), "trustee.unknown");
  EXPECT_EQ(s_.Status().phase(), "waiting for the trustees to confirm");
  s_.MustSubmit(Complaint(1, 2), 1);
  ExpectFailed("at fault is trustee 2 (Trustee 2), who sent wrong shares");
}

TEST_F(Complaints, AFalseOneNamesTheComplainer) {
  Deal([](poll::Dealt&) {});
  s_.MustSubmit(Complaint(3, 1), 3);
  EXPECT_EQ(RejectOf(Complaint(1, 3), 1), "record.out-of-order");
  ExpectFailed("at fault is trustee 3 (Trustee 3), who complained about correct shares");
}

TEST_F(Complaints, NobodyComplainsAfterConfirming) {
  Deal([](poll::Dealt&) {});
  std::vector<crypto::Deal> deals;
  std::vector<std::vector<crypto::SecretScalar>> received;
  for (const auto& dealt : s_.state().dealt()) {
    deals.push_back(dealt->deal);
    received.push_back(*crypto::OpenShares(seal_keys_[0], 1, dealt->deal, dealt->sealed[0]));
  }
  const std::vector<crypto::Point> base = {crypto::Point::Base()};
  const std::vector<crypto::Point> P = crypto::PublicShares(deals, 1);
  poll::Confirmed confirmed;
  confirmed.trustee = 1;
  confirmed.self_test = crypto::MakeDecryptionShare({.opening = s_.poll(),
                                                     .closed = s_.poll(),
                                                     .contest = "self-test",
                                                     .trustee = 1,
                                                     .R = base,
                                                     .P = P},
                                                    crypto::CombineShares(received));
  // A self-test that was changed on the way is not recorded.
  poll::Confirmed mutated = confirmed;
  mutated.self_test.V += crypto::Point::Base();
  EXPECT_EQ(RejectOf(mutated, 1), "decryption.share-invalid");
  s_.MustSubmit(confirmed, 1);
  s_.Sync();
  EXPECT_EQ(RejectOf(Complaint(1, 2), 1), "trustee.twice");
  EXPECT_EQ(s_.Status().phase(), "waiting for the trustees to confirm");
}

TEST(Trustees, AnAbsentOneIsNamedAndThePollCanBeCancelled) {
  TestServer s(Small(3, 1, 3, 2));
  s.Start();
  s.Define();
  s.SealRoll();
  s.WaitForPhase("waiting for the trustees to join");
  s.Sync();
  for (uint8_t j = 1; j <= 2; ++j) s.MustSubmit(Joined(s, j, crypto::SealKey::New()), j);
  const v1::StatusResponse status = s.Status();
  ASSERT_EQ(status.waiting_for_size(), 1);
  EXPECT_EQ(status.waiting_for(0), "trustee 3 (Trustee 3) to join");
  s.Sync();
  s.Approve(poll::Opened{}, 0);
  EXPECT_EQ(s.Approve(poll::Opened{}, 1).reject, "record.out-of-order");
  s.Record(poll::Cancelled{"trustee 3 never joined", {}});
  EXPECT_EQ(s.Status().phase(), "cancelled");
  poll::Payload late = Joined(s, 3, crypto::SealKey::New());
  s.SignAsTrustee(late, 3);
  EXPECT_EQ(s.Submit(RecordKind::kTrusteeJoined, poll::EncodePayload(late)).reject,
            "record.out-of-order");
}

}  // namespace
}  // namespace urna::server::testing
