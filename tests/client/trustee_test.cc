#include "client/trustee.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/status.h"
#include "client/interrupt.h"
#include "crypto/group.h"
#include "tests/support/election.h"

namespace urna::client {
namespace {

using poll::RecordKind;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::TestElection;

std::string Id(const absl::Status& status) { return base::RejectId(status); }
std::string Text(const absl::Status& status) { return std::string(status.message()); }

/// A poll whose three trustees are played by the client; everybody else by TestElection.
class TrusteeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    election_.Define();
    election_.SealRoll();
    election_.JoinIssuers();
  }

  const crypto::Ed25519Key& Key(uint32_t trustee) { return election_.trustee(trustee - 1); }
  const poll::State& state() { return election_.state(); }

  void Send(const absl::StatusOr<Submission>& submission) {
    ASSERT_TRUE(submission.ok()) << submission.status();
    ASSERT_FALSE(submission->recorded);
    election_.AppendRaw(submission->kind, submission->payload, election_.now);
    ASSERT_THAT(election_.faults(), IsEmpty()) << election_.faults().back().second;
  }
  void JoinAll() {
    for (uint32_t j = 1; j <= 3; ++j) {
      auto secrets = Join(state(), j, Key(j));
      ASSERT_TRUE(secrets.ok()) << secrets.status();
      secrets_.push_back(*std::move(secrets));
      Send(PrepareJoin(state(), secrets_.back()));
    }
  }
  void DealAll() {
    for (uint32_t j = 1; j <= 3; ++j) Send(PrepareDeal(state(), Key(j), &secrets_[j - 1]));
  }
  void ConfirmAll() {
    for (uint32_t j = 1; j <= 3; ++j) Send(PrepareConfirm(state(), Key(j), &secrets_[j - 1]));
  }
  void RunUntilRegisters() {
    JoinAll();
    DealAll();
    ConfirmAll();
    election_.Open();
    election_.now += 3600;
    election_.Vote();
    election_.End();
    election_.CountIssuance();
    election_.Close();
    election_.PublishRegisters();
    ASSERT_THAT(election_.faults(), IsEmpty()) << election_.faults().back().second;
  }
  absl::StatusOr<Submission> Decrypt(const poll::State& state, uint32_t trustee, uint32_t contest,
                                     uint64_t sent = 0) {
    return PrepareDecryption(state, Key(trustee), contest, sent, &secrets_[trustee - 1]);
  }
  /// What a restart does: the secrets as they come back from their file.
  void Reload(uint32_t trustee) {
    auto secrets = TrusteeSecrets::Decode(secrets_[trustee - 1].Encode());
    ASSERT_TRUE(secrets.ok()) << secrets.status();
    secrets_[trustee - 1] = *std::move(secrets);
  }
  /// Replaces what dealer 2 sealed for trustee 1, as dealer 2 would, in its next 'dealt'.
  Submission WrongDeal() {
    Submission submission = PrepareDeal(state(), Key(2), &secrets_[1]).value();
    auto dealt =
        std::get<poll::Dealt>(poll::DecodePayload(static_cast<uint8_t>(submission.kind),
                                                  submission.payload, state().definition().get())
                                  .value());
    dealt.sealed[0][40] = static_cast<char>(dealt.sealed[0][40] ^ 1);
    dealt.signature = Key(2).Sign(poll::ParticipantMessage(
        "trustee", RecordKind::kDealt, state().poll(), 2, 1, poll::PayloadBody(dealt)));
    submission.payload = poll::EncodePayload(dealt);
    return submission;
  }

  TestElection election_;
  std::vector<TrusteeSecrets> secrets_;
};

TEST_F(TrusteeTest, RunsFromJoiningToTheResult) {
  RunUntilRegisters();
  for (const uint32_t j : {3u, 1u}) {
    Reload(j);
    for (uint32_t c = 0; c < 2; ++c) Send(Decrypt(state(), j, c));
  }
  const auto result = state().ComputeResult();
  ASSERT_TRUE(result.ok()) << result.status();
  // Six voters in turn: option 0, option 1, blank.
  EXPECT_THAT(result->contests[0].online, ::testing::ElementsAre(2, 2));
}

TEST_F(TrusteeTest, EveryStepRepeatsTheSameRecord) {
  JoinAll();
  for (uint32_t j = 1; j <= 3; ++j) {
    const std::string first = PrepareDeal(state(), Key(j), &secrets_[j - 1])->payload;
    Reload(j);
    const auto again = PrepareDeal(state(), Key(j), &secrets_[j - 1]);
    EXPECT_EQ(again->payload, first);
    EXPECT_TRUE(PrepareJoin(state(), secrets_[j - 1])->recorded);
    Send(again);
    EXPECT_TRUE(PrepareDeal(state(), Key(j), &secrets_[j - 1])->recorded);
  }
  for (uint32_t j = 1; j <= 3; ++j) {
    const std::string first = PrepareConfirm(state(), Key(j), &secrets_[j - 1])->payload;
    Reload(j);
    const auto again = PrepareConfirm(state(), Key(j), &secrets_[j - 1]);
    EXPECT_EQ(again->payload, first);
    Send(again);
    EXPECT_TRUE(PrepareConfirm(state(), Key(j), &secrets_[j - 1])->recorded);
  }
}

TEST_F(TrusteeTest, RefusesToJoinTwiceWithNewSecrets) {
  JoinAll();
  EXPECT_EQ(Join(state(), 1, Key(1)).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(TrusteeTest, RefusesALedgerThatCarriesAnotherRecordOfThisTrustee) {
  // The same key used with two state files.
  auto other = Join(state(), 1, Key(1));
  ASSERT_TRUE(other.ok());
  JoinAll();
  EXPECT_EQ(PrepareJoin(state(), *other).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(PrepareDeal(state(), Key(1), &*other).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(other->dealt, IsEmpty());
}

TEST_F(TrusteeTest, DealsOnlyWhenAllHaveJoined) {
  auto secrets = Join(state(), 1, Key(1));
  ASSERT_TRUE(secrets.ok());
  Send(PrepareJoin(state(), *secrets));
  const auto deal = PrepareDeal(state(), Key(1), &*secrets);
  EXPECT_EQ(deal.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Text(deal.status()), HasSubstr("waiting for the trustees to join"));
}

TEST_F(TrusteeTest, AWrongShareEndsInAComplaintThatNamesItsDealer) {
  JoinAll();
  Send(PrepareDeal(state(), Key(1), &secrets_[0]));
  Send(WrongDeal());
  Send(PrepareDeal(state(), Key(3), &secrets_[2]));
  const auto complaint = PrepareConfirm(state(), Key(1), &secrets_[0]);
  ASSERT_TRUE(complaint.ok()) << complaint.status();
  EXPECT_EQ(complaint->kind, RecordKind::kComplained);
  Send(complaint);
  EXPECT_EQ(state().phase(), poll::Phase::kFailed);
  EXPECT_THAT(state().reason(), HasSubstr("at fault is trustee 2"));
  Reload(1);
  EXPECT_TRUE(PrepareConfirm(state(), Key(1), &secrets_[0])->recorded);
}

TEST_F(TrusteeTest, NeverConfirmsAfterItComplained) {
  // Server and dealer show one trustee a wrong deal, take the seal secret from its complaint, and
  // go on with the right deal, whose shares they can then open.
  JoinAll();
  Send(PrepareDeal(state(), Key(1), &secrets_[0]));
  const poll::State before_the_fork = state();
  const Submission right = PrepareDeal(state(), Key(2), &secrets_[1]).value();
  Send(WrongDeal());
  const Submission third = PrepareDeal(state(), Key(3), &secrets_[2]).value();
  Send(third);
  ASSERT_EQ(PrepareConfirm(state(), Key(1), &secrets_[0])->kind, RecordKind::kComplained);
  Reload(1);

  poll::State other = before_the_fork;
  for (const Submission& submission : {right, third}) {
    const poll::RawPayload raw{static_cast<uint8_t>(submission.kind), submission.payload};
    const auto checked = poll::CheckPayloads(other.definition().get(), nullptr, {&raw, 1});
    ASSERT_TRUE(other.Apply(*checked[0], 0, Hash32{1}).ok());
  }
  ASSERT_EQ(other.phase(), poll::Phase::kConfirming);
  EXPECT_EQ(PrepareConfirm(other, Key(1), &secrets_[0])->kind, RecordKind::kComplained);
  EXPECT_THAT(secrets_[0].confirmed, IsEmpty());
  EXPECT_THAT(secrets_[0].shares, IsEmpty());
}

TEST_F(TrusteeTest, DecryptsNothingBeforeTheRegistersAreSettled) {
  JoinAll();
  DealAll();
  ConfirmAll();
  election_.Open();
  election_.now += 3600;
  election_.Vote();
  EXPECT_THAT(Text(Decrypt(state(), 1, 0).status()), HasSubstr("the poll is open"));
  election_.End();
  election_.CountIssuance();
  EXPECT_THAT(Text(Decrypt(state(), 1, 0).status()), HasSubstr("the poll is ended"));
  election_.Close();
  EXPECT_THAT(Text(Decrypt(state(), 1, 0).status()), HasSubstr("a register is missing"));
  EXPECT_THAT(secrets_[0].decrypted, IsEmpty());
  election_.PublishRegisters();
  EXPECT_TRUE(Decrypt(state(), 1, 0).ok());
}

TEST_F(TrusteeTest, DecryptsNothingAfterCancelling) {
  RunUntilRegisters();
  election_.Cancel();
  const auto share = Decrypt(state(), 1, 0);
  EXPECT_EQ(share.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Text(share.status()), HasSubstr("cancelled"));
}

TEST_F(TrusteeTest, RefusesASecondAggregateOfOneContest) {
  RunUntilRegisters();
  ASSERT_TRUE(Decrypt(state(), 1, 0).ok());
  Reload(1);
  // The same again may be asked for.
  ASSERT_TRUE(Decrypt(state(), 1, 0).ok());

  // Another ledger of the same poll, in which one ballot more was counted.
  secrets_[0].decrypted.at(0)[0] ^= 1;
  const auto share = Decrypt(state(), 1, 0);
  EXPECT_EQ(Id(share.status()), "decryption.second-aggregate");
  EXPECT_THAT(Text(share.status()), HasSubstr("q1"));
  EXPECT_TRUE(Decrypt(state(), 1, 1).ok());
}

TEST_F(TrusteeTest, RefusesWithSharesOfAnotherCeremony) {
  RunUntilRegisters();
  std::swap(secrets_[0].shares, secrets_[1].shares);
  EXPECT_EQ(Id(Decrypt(state(), 1, 0).status()), "decryption.share-invalid");
  secrets_[0].shares.clear();
  EXPECT_EQ(Decrypt(state(), 1, 0).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(TrusteeMinimumTest, RefusesAContestWithTooFewBallots) {
  testing::ElectionOptions options;
  options.minimum_ballots = options.voters + 1;
  TestElection election(options);
  election.RunUntilOpen();
  election.now += 3600;
  election.Vote();
  election.End();
  election.CountIssuance();
  election.Close();
  election.PublishRegisters();
  TrusteeSecrets secrets;
  secrets.trustee = 1;
  const auto share = PrepareDecryption(election.state(), election.trustee(0), 0, 0, &secrets);
  EXPECT_EQ(Id(share.status()), "decryption.below-minimum");
  EXPECT_THAT(secrets.decrypted, IsEmpty());
}

TEST_F(TrusteeTest, SharesSentTogetherCarryTheirPlaces) {
  RunUntilRegisters();
  // Both are made from one view of the ledger.
  const auto first = Decrypt(state(), 1, 0, 0);
  const auto second = Decrypt(state(), 1, 1, 1);
  Send(first);
  Send(second);
}

TEST_F(TrusteeTest, TheStateFileIsOfOnePollAndTrustee) {
  const auto folder = TemporaryFolder::Create().value();
  const std::string path = folder->path() + "/state";
  const crypto::SecretText passphrase(std::string("passphrase"));
  JoinAll();
  ASSERT_TRUE(WriteTrusteeState(path, secrets_[0], passphrase, false).ok());
  const auto read = ReadTrusteeState(path, passphrase, state().poll(), 1);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->joined, secrets_[0].joined);
  EXPECT_EQ(read->seal_secret.Expose(), secrets_[0].seal_secret.Expose());
  EXPECT_EQ(read->polynomials.Expose(), secrets_[0].polynomials.Expose());
  EXPECT_EQ(ReadTrusteeState(path, passphrase, state().poll(), 2).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReadTrusteeState(path, passphrase, Hash32{}, 1).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(WriteTrusteeState(path, secrets_[0], passphrase, false).code(),
            absl::StatusCode::kAlreadyExists);
  const std::string content = base::ReadFile(path).value();
  EXPECT_THAT(content,
              ::testing::Not(HasSubstr(
                  base::Base64(base::View(secrets_[0].seal_secret.Expose())).substr(0, 40))));
}

TEST_F(TrusteeTest, RefusesASecretsTextCutAnywhere) {
  RunUntilRegisters();
  ASSERT_TRUE(Decrypt(state(), 1, 0).ok());
  const crypto::SecretText whole = secrets_[0].Encode();
  for (size_t size = 0; size < whole.Expose().size(); ++size) {
    EXPECT_FALSE(TrusteeSecrets::Decode(crypto::SecretText(whole.Expose().substr(0, size))).ok())
        << size;
  }
  EXPECT_FALSE(TrusteeSecrets::Decode(crypto::SecretText(whole.Expose() + "x")).ok());
}

}  // namespace
}  // namespace urna::client
