#include "client/trustee.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/status.h"
#include "client/destruction.h"
#include "client/interrupt.h"
#include "client/mixing.h"
#include "client/rehearsal.h"
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
  explicit TrusteeTest(const testing::ElectionOptions& options = {}) : election_(options) {}

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
    auto share = DecryptAll(state, trustee, contest, sent);
    if (!share.ok()) return share.status();
    EXPECT_EQ(share->size(), 1u);
    return share->front();
  }
  absl::StatusOr<std::vector<Submission>> DecryptAll(const poll::State& state, uint32_t trustee,
                                                     uint32_t contest, uint64_t sent = 0) {
    return PrepareDecryption(state, NoteOf(state), Key(trustee), contest, sent,
                             &secrets_[trustee - 1]);
  }
  std::string NoteOf(const poll::State& state) const {
    return ledger::SignCheckpoint({election_.checkpoint_key().name, state.size(), state.root()},
                                  election_.ballot_box());
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

  TrusteeSecrets Copy(uint32_t trustee) {
    return TrusteeSecrets::Decode(secrets_[trustee - 1].Encode()).value();
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

TEST(TrusteeWitnessTest, DecryptsOnlyWhatEnoughWitnessesCosigned) {
  testing::ElectionOptions options;
  options.witnesses = 3;
  options.witnesses_needed = 2;
  TestElection election(options);
  election.RunUntilOpen();
  election.now += 3600;
  election.Vote();
  const ledger::Checkpoint open{election.checkpoint_key().name, election.state().size(),
                                election.state().root()};
  election.End();
  election.CountIssuance();
  election.Close();
  election.PublishRegisters();
  const ledger::Checkpoint closed{election.checkpoint_key().name, election.state().size(),
                                  election.state().root()};
  const std::string note = ledger::SignCheckpoint(closed, election.ballot_box());
  const auto check = [&](const std::string& shown) {
    return CheckWitnesses(election.state(), shown);
  };
  EXPECT_EQ(Id(check(note)), "witness.too-few");
  TrusteeSecrets secrets;
  secrets.trustee = 1;
  EXPECT_EQ(
      Id(PrepareDecryption(election.state(), note, election.trustee(0), 0, 0, &secrets).status()),
      "witness.too-few");
  EXPECT_THAT(secrets.decrypted, IsEmpty());

  EXPECT_EQ(Id(check(election.Cosigned(note, {0}))), "witness.too-few");
  EXPECT_EQ(Id(check(election.Cosigned(note, {0, 0}))), "witness.too-few");
  EXPECT_THAT(Text(check(election.Cosigned(note, {0}))),
              HasSubstr("1 of 3 witnesses cosigned it, not yet witness.example/w1"));
  EXPECT_TRUE(check(election.Cosigned(note, {0, 2})).ok());

  const auto with = [&](const std::vector<ledger::NoteSignature>& more) {
    auto parsed = ledger::Note::Parse(election.Cosigned(note, {0})).value();
    parsed.signatures.insert(parsed.signatures.end(), more.begin(), more.end());
    return parsed.ToString();
  };
  const std::string w1 = election.witness_key(1).name;
  // Forged; by somebody the poll does not name; given for the ledger while it was open.
  EXPECT_EQ(Id(check(with({ledger::Cosign(closed, w1, election.official(0), 1)}))),
            "witness.too-few");
  ledger::NoteSignature changed = ledger::Cosign(closed, w1, election.witness(1), 1);
  changed.signature[9] ^= 1;
  EXPECT_EQ(Id(check(with({changed}))), "witness.too-few");
  const auto stranger = crypto::Ed25519Key::New();
  EXPECT_EQ(Id(check(with({ledger::Cosign(closed, "witness.example/w9", stranger, 1)}))),
            "witness.too-few");
  EXPECT_EQ(Id(check(with({ledger::Cosign(open, w1, election.witness(1), 1)}))), "witness.too-few");
  // A checkpoint with all cosignatures, of an earlier ledger or signed by somebody else.
  EXPECT_EQ(
      Id(check(election.Cosigned(ledger::SignCheckpoint(open, election.ballot_box()), {0, 1, 2}))),
      "ledger.root");
  EXPECT_EQ(Id(check(election.Cosigned(ledger::SignCheckpoint(closed, stranger), {0, 1, 2}))),
            "note.unsigned");
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
  // Without any they are opened again.
  secrets_[0].shares.clear();
  EXPECT_TRUE(Decrypt(state(), 1, 0).ok());
}

// --- Older copies of the state file

TEST_F(TrusteeTest, AnOlderCopyDealsNothingElse) {
  JoinAll();
  TrusteeSecrets older = Copy(1);
  const Submission dealt = PrepareDeal(state(), Key(1), &secrets_[0]).value();
  // Before the ledger carries it, the same polynomials are dealt; afterwards the same record.
  TrusteeSecrets twin = Copy(1);
  twin.dealt.clear();
  const Submission again = PrepareDeal(state(), Key(1), &twin).value();
  const auto deal_of = [this](const Submission& s) {
    return std::get<poll::Dealt>(poll::DecodePayload(static_cast<uint8_t>(s.kind), s.payload,
                                                     state().definition().get())
                                     .value())
        .deal;
  };
  EXPECT_EQ(deal_of(again).F, deal_of(dealt).F);
  EXPECT_EQ(deal_of(again).z, deal_of(dealt).z);
  Send(dealt);
  for (TrusteeSecrets* copy : {&older, &twin}) {
    const auto known = PrepareDeal(state(), Key(1), copy);
    ASSERT_TRUE(known.ok()) << known.status();
    EXPECT_TRUE(known->recorded);
    EXPECT_EQ(known->payload, dealt.payload);
  }
}

TEST_F(TrusteeTest, CopiesMadeAfterJoiningDecryptTheResult) {
  JoinAll();
  std::vector<TrusteeSecrets> copies;
  for (uint32_t j = 1; j <= 3; ++j) copies.push_back(Copy(j));
  DealAll();
  ConfirmAll();
  EXPECT_TRUE(PrepareConfirm(state(), Key(1), &copies[0])->recorded);
  election_.Open();
  election_.now += 3600;
  election_.Vote();
  election_.End();
  election_.CountIssuance();
  election_.Close();
  election_.PublishRegisters();
  secrets_ = std::move(copies);
  for (const uint32_t j : {2u, 3u}) {
    for (uint32_t c = 0; c < 2; ++c) Send(Decrypt(state(), j, c));
  }
  EXPECT_THAT(state().ComputeResult()->contests[0].online, ::testing::ElementsAre(2, 2));
}

TEST_F(TrusteeTest, AnOlderCopyLearnsFromTheLedgerWhatItDecrypted) {
  RunUntilRegisters();
  TrusteeSecrets older = Copy(1);
  Send(Decrypt(state(), 1, 0));
  secrets_[0] = std::move(older);
  const auto again = Decrypt(state(), 1, 0);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->recorded);
  EXPECT_TRUE(secrets_[0].decrypted.contains(0));
}

TEST_F(TrusteeTest, AComplaintOnTheLedgerStopsAnOlderCopy) {
  JoinAll();
  Send(PrepareDeal(state(), Key(1), &secrets_[0]));
  Send(WrongDeal());
  Send(PrepareDeal(state(), Key(3), &secrets_[2]));
  TrusteeSecrets older = Copy(1);
  Send(PrepareConfirm(state(), Key(1), &secrets_[0]));
  const auto confirm = PrepareConfirm(state(), Key(1), &older);
  EXPECT_EQ(confirm.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Text(confirm.status()), HasSubstr("at fault is trustee 2 (Trustee 2)"));
}

TEST_F(TrusteeTest, AComplaintThatAnotherForestalledIsNotCalledRecorded) {
  // Dealer 2 wrongs trustee 1, dealer 1 wrongs nobody; trustee 3 complains falsely and first.
  JoinAll();
  Send(PrepareDeal(state(), Key(1), &secrets_[0]));
  Send(WrongDeal());
  Send(PrepareDeal(state(), Key(3), &secrets_[2]));
  const auto complaint = PrepareConfirm(state(), Key(1), &secrets_[0]);
  ASSERT_TRUE(complaint.ok());
  EXPECT_EQ(complaint->accused, 2u);
  poll::Complained false_complaint;
  false_complaint.trustee = 3;
  false_complaint.dealer = 1;
  false_complaint.seal_secret = secrets_[2].seal_secret.Expose();
  election_.Append(false_complaint);
  ASSERT_THAT(election_.faults(), IsEmpty());
  const auto late = PrepareConfirm(state(), Key(1), &secrets_[0]);
  EXPECT_EQ(late.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Text(late.status()), HasSubstr("at fault is trustee 3 (Trustee 3)"));
}

TEST_F(TrusteeTest, AMutatedSelfTestIsNamed) {
  JoinAll();
  DealAll();
  auto confirmed = std::get<poll::Confirmed>(
      poll::DecodePayload(static_cast<uint8_t>(RecordKind::kConfirmed),
                          PrepareConfirm(state(), Key(2), &secrets_[1])->payload,
                          state().definition().get())
          .value());
  confirmed.self_test.D[1] += crypto::Point::Base();
  election_.Append(confirmed);
  ASSERT_EQ(election_.faults().size(), 1u);
  EXPECT_EQ(Id(election_.faults()[0].second), "decryption.share-invalid");
  EXPECT_THAT(Text(election_.faults()[0].second), HasSubstr("trustee 2 (Trustee 2)"));
}

// --- Rehearsals

TEST_F(TrusteeTest, RehearsesOnlyWhenAllConfirmed) {
  JoinAll();
  DealAll();
  Send(PrepareConfirm(state(), Key(1), &secrets_[0]));
  const auto early = Rehearse(state(), "", &secrets_[0]);
  EXPECT_EQ(early.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Text(early.status()), HasSubstr("waiting for the trustees to confirm"));
  Send(PrepareConfirm(state(), Key(2), &secrets_[1]));
  Send(PrepareConfirm(state(), Key(3), &secrets_[2]));
  for (TrusteeSecrets& secrets : secrets_) EXPECT_TRUE(Rehearse(state(), "", &secrets).ok());
  election_.Open();
  EXPECT_TRUE(Rehearse(state(), "", &secrets_[0]).ok());
}

TEST_F(TrusteeTest, ARehearsalFindsAStateFileThatDoesNotDecrypt) {
  JoinAll();
  DealAll();
  ConfirmAll();
  std::swap(secrets_[0].shares, secrets_[1].shares);
  EXPECT_EQ(Id(Rehearse(state(), "", &secrets_[0]).status()), "decryption.share-invalid");
}

TEST_F(TrusteeTest, AnyThresholdRehearsesTogether) {
  JoinAll();
  DealAll();
  ConfirmAll();
  std::vector<RehearsalShare> shares;
  for (TrusteeSecrets& secrets : secrets_) {
    const std::string file = Rehearse(state(), "may", &secrets)->Encode(state().poll());
    auto share = RehearsalShare::Decode(state(), file);
    ASSERT_TRUE(share.ok()) << share.status();
    shares.push_back(*share);
  }
  EXPECT_TRUE(CombineRehearsal(state(), shares).ok());
  for (const auto& [a, b] : {std::pair(0, 1), {2, 0}, {1, 2}}) {
    const std::vector<RehearsalShare> two = {shares[a], shares[b]};
    EXPECT_TRUE(CombineRehearsal(state(), two).ok());
  }
  const std::vector<RehearsalShare> one = {shares[0]};
  EXPECT_THAT(Text(CombineRehearsal(state(), one)), HasSubstr("1 of 2"));
  const std::vector<RehearsalShare> twice = {shares[0], shares[0]};
  EXPECT_THAT(Text(CombineRehearsal(state(), twice)), HasSubstr("two shares of trustee 1"));
  std::vector<RehearsalShare> labels = {shares[0], *Rehearse(state(), "june", &secrets_[1])};
  EXPECT_THAT(Text(CombineRehearsal(state(), labels)), HasSubstr("different rehearsals"));
  // A share of another rehearsal under this one's label proves nothing today.
  labels[1].label = "may";
  EXPECT_EQ(Id(CombineRehearsal(state(), labels)), "decryption.share-invalid");
  EXPECT_THAT(Text(CombineRehearsal(state(), labels)), HasSubstr("Trustee 2"));
}

TEST_F(TrusteeTest, AShareOfARehearsalTellsWhatEverybodyCanCompute) {
  JoinAll();
  DealAll();
  ConfirmAll();
  const crypto::Scalar r = crypto::DeriveScalar({"rehearsal", base::View(state().poll()), "label"});
  EXPECT_EQ(TestVotes(state(), "label").R, crypto::MulBase(r));
  const auto share = Rehearse(state(), "label", &secrets_[0]);
  const std::vector<crypto::Point> P = crypto::PublicShares(DealsOf(state()), 1);
  for (size_t w = 0; w < P.size(); ++w) {
    EXPECT_EQ(share->share.D[w], crypto::Mul(r, P[w]));
  }
  EXPECT_NE(TestVotes(state(), "other").R, crypto::MulBase(r));
}

TEST_F(TrusteeTest, AShareOfARehearsalIsNoShareOfTheTally) {
  RunUntilRegisters();
  poll::DecryptionPart part;
  part.trustee = 1;
  part.parts = 1;
  part.data = poll::EncodeDecryptionShare(Rehearse(state(), "", &secrets_[0])->share);
  election_.Append(part);
  ASSERT_EQ(election_.faults().size(), 1u);
  EXPECT_EQ(Id(election_.faults()[0].second), "decryption.share-invalid");
  // Nor is a share of the aggregate one of a rehearsal, whoever asks for it.
  RehearsalShare share = *Rehearse(state(), "", &secrets_[0]);
  const Submission real = Decrypt(state(), 1, 0).value();
  share.share =
      poll::DecodeDecryptionShare(std::get<poll::DecryptionPart>(
                                      poll::DecodePayload(static_cast<uint8_t>(real.kind),
                                                          real.payload, state().definition().get())
                                          .value())
                                      .data,
                                  1, static_cast<uint32_t>(share.share.D.size()))
          .value();
  const std::vector<RehearsalShare> shares = {share, *Rehearse(state(), "", &secrets_[1])};
  EXPECT_EQ(Id(CombineRehearsal(state(), shares)), "decryption.share-invalid");
}

TEST_F(TrusteeTest, RefusesADamagedFileOfARehearsal) {
  JoinAll();
  DealAll();
  ConfirmAll();
  const std::string file = Rehearse(state(), "x", &secrets_[0])->Encode(state().poll());
  for (const std::string& bad :
       {std::string("{}"), std::string("[1]"), std::string(), file.substr(0, file.size() / 2),
        std::string(file).replace(file.find("\"trustee\": 1"), 12, "\"trustee\": 9"),
        std::string(file).replace(file.find(base::Hex(state().poll())), 2, "zz")}) {
    EXPECT_EQ(RehearsalShare::Decode(state(), bad).status().code(),
              absl::StatusCode::kInvalidArgument)
        << bad;
  }
}

// --- Destroying the share

TEST_F(TrusteeTest, MayDestroyOnlyWhatIsOfNoFurtherUse) {
  JoinAll();
  EXPECT_THAT(Text(MayDestroy(state())), HasSubstr("Nothing was destroyed"));
  Send(PrepareDeal(state(), Key(1), &secrets_[0]));
  Send(WrongDeal());
  Send(PrepareDeal(state(), Key(3), &secrets_[2]));
  EXPECT_FALSE(MayDestroy(state()).ok());
  Send(PrepareConfirm(state(), Key(1), &secrets_[0]));
  EXPECT_TRUE(MayDestroy(state()).ok());
  election_.Cancel();
  EXPECT_TRUE(MayDestroy(state()).ok());
  // Who was at fault is not forgotten.
  EXPECT_THAT(state().reason(), HasSubstr("at fault is trustee 2 (Trustee 2)"));
}

TEST_F(TrusteeTest, MayDestroyAfterTheCertificateNotBefore) {
  RunUntilRegisters();
  for (const uint32_t j : {1u, 2u}) {
    for (uint32_t c = 0; c < 2; ++c) Send(Decrypt(state(), j, c));
  }
  EXPECT_FALSE(MayDestroy(state()).ok());
  election_.Certify();
  EXPECT_TRUE(MayDestroy(state()).ok());
}

TEST(DestructionTest, OverwritesBeforeItRemoves) {
  crypto::Initialize();
  const auto folder = TemporaryFolder::Create().value();
  const std::string path = folder->path() + "/state";
  const std::string secret(100000, 's');
  ASSERT_TRUE(base::WriteFileAtomic(path, secret).ok());
  const int fd = open(path.c_str(), O_RDONLY);
  ASSERT_GE(fd, 0);
  ASSERT_EQ(link(path.c_str(), (path + "2").c_str()), 0);
  EXPECT_THAT(Text(OverwriteAndRemove(path)), HasSubstr("2 names"));
  ASSERT_EQ(unlink((path + "2").c_str()), 0);
  ASSERT_EQ(symlink(path.c_str(), (path + "3").c_str()), 0);
  EXPECT_THAT(Text(OverwriteAndRemove(path + "3")), HasSubstr("symbolic link"));
  EXPECT_EQ(base::ReadFile(path).value(), secret);

  ASSERT_TRUE(OverwriteAndRemove(path).ok());
  EXPECT_EQ(base::ReadFile(path).status().code(), absl::StatusCode::kNotFound);
  std::string left(secret.size() + 1, '\0');
  const ssize_t got = read(fd, left.data(), left.size());
  close(fd);
  EXPECT_EQ(got, static_cast<ssize_t>(secret.size()));
  EXPECT_THAT(left, ::testing::Not(HasSubstr("ssss")));
  EXPECT_EQ(OverwriteAndRemove(path).code(), absl::StatusCode::kNotFound);
}

TEST(DestructionTest, TheStatementIsOfOnePollTrusteeAndTime) {
  TestElection election;
  election.Define();
  const Hash32 poll = election.state().poll();
  const poll::Definition& definition = *election.state().definition();
  const std::string file =
      DestructionStatement::Make(poll, 2, 1401900000, election.trustee(1)).Encode("Trustee 2");
  const auto statement = DestructionStatement::Decode(file);
  ASSERT_TRUE(statement.ok()) << statement.status();
  EXPECT_TRUE(statement->Check(poll, definition).ok());
  EXPECT_EQ(Id(statement->Check(Hash32{1}, definition)), "destruction.other-poll");
  DestructionStatement changed = *statement;
  ++changed.time;
  EXPECT_EQ(Id(changed.Check(poll, definition)), "trustee.signature-invalid");
  changed = *statement;
  changed.trustee = 1;
  EXPECT_EQ(Id(changed.Check(poll, definition)), "trustee.signature-invalid");
  changed.trustee = 4;
  EXPECT_EQ(Id(changed.Check(poll, definition)), "trustee.unknown");
  changed.trustee = 0;
  EXPECT_EQ(Id(changed.Check(poll, definition)), "trustee.unknown");
  EXPECT_EQ(Id(DestructionStatement::Make(poll, 2, 1401900000, election.trustee(0))
                   .Check(poll, definition)),
            "trustee.signature-invalid");
  for (size_t size = 0; size + 2 < file.size(); ++size) {
    EXPECT_FALSE(DestructionStatement::Decode(file.substr(0, size)).ok()) << size;
  }
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
  const std::string note = ledger::SignCheckpoint(
      {election.checkpoint_key().name, election.state().size(), election.state().root()},
      election.ballot_box());
  const auto share = PrepareDecryption(election.state(), note, election.trustee(0), 0, 0, &secrets);
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

TEST_F(TrusteeTest, AStateFileOfANewerVersionSaysSo) {
  JoinAll();
  std::string text = secrets_[0].Encode().Expose();
  const std::string format = "urna-trustee/1";
  text.replace(text.find(format), format.size(), "urna-trustee/2");
  const auto newer = TrusteeSecrets::Decode(crypto::SecretText(std::string(text)));
  EXPECT_EQ(newer.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Text(newer.status()), HasSubstr("format is urna-trustee/2"));
  text.replace(text.find("urna-trustee/2"), format.size(), "urna-truster/1");
  EXPECT_THAT(Text(TrusteeSecrets::Decode(crypto::SecretText(std::string(text))).status()),
              HasSubstr("not a trustee's state"));
}

TEST_F(TrusteeTest, AnotherMachineGoesOnWithTheFile) {
  const auto here = TemporaryFolder::Create().value();
  const auto there = TemporaryFolder::Create().value();
  const crypto::SecretText passphrase(std::string("passphrase"));
  JoinAll();
  DealAll();
  ConfirmAll();
  ASSERT_TRUE(WriteTrusteeState(here->path() + "/a", secrets_[0], passphrase, false).ok());
  ASSERT_TRUE(
      base::WriteFileAtomic(there->path() + "/b", base::ReadFile(here->path() + "/a").value())
          .ok());
  auto moved = ReadTrusteeState(there->path() + "/b", passphrase, state().poll(), 1);
  ASSERT_TRUE(moved.ok()) << moved.status();
  EXPECT_TRUE(Rehearse(state(), "", &*moved).ok());
  const auto other = ReadTrusteeState(there->path() + "/b", passphrase, state().poll(), 2);
  EXPECT_THAT(Text(other.status()), HasSubstr("is the state of trustee 1"));
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

// --- Mixed contests

constexpr uint32_t kMixed = 1;

class MixingTrusteeTest : public TrusteeTest {
 protected:
  explicit MixingTrusteeTest(const testing::ElectionOptions& options = testing::WithMixedContest(6))
      : TrusteeTest(options) {}

  StoredMix Make(uint32_t trustee) {
    auto mix = MakeMix(state(), kMixed, trustee, [](uint64_t, uint64_t) {});
    EXPECT_TRUE(mix.ok()) << mix.status();
    return *std::move(mix);
  }
  /// Sends the parts first .. last-1.
  void SendParts(const StoredMix& mix, uint64_t first, uint64_t last) {
    for (uint64_t p = first; p < last; ++p) {
      Send(PrepareMixPart(state(), Key(mix.trustee), mix, p, 0));
    }
  }
  void Mix(uint32_t trustee) {
    const StoredMix mix = Make(trustee);
    SendParts(mix, 0, mix.parts.size());
  }
};

TEST_F(MixingTrusteeTest, MixesAndDecryptsToTheResult) {
  RunUntilRegisters();
  EXPECT_EQ(MixDutyOf(state(), 0, 2).value(), MixDuty::kNone);
  EXPECT_EQ(MixDutyOf(state(), kMixed, 2).value(), MixDuty::kDue);
  EXPECT_THAT(Text(Decrypt(state(), 1, kMixed).status()),
              HasSubstr("contest m was mixed by 0 of 2 trustees"));
  Mix(2);
  EXPECT_EQ(MixDutyOf(state(), kMixed, 2).value(), MixDuty::kDone);
  EXPECT_THAT(Text(Decrypt(state(), 1, kMixed).status()), HasSubstr("mixed by 1 of 2 trustees"));
  EXPECT_THAT(secrets_[0].decrypted, IsEmpty());
  Mix(1);
  // From one view, as the program does it: both contests of one trustee.
  const poll::State before = state();
  for (uint32_t c = 0; c < 2; ++c) Send(Decrypt(before, 3, c, c));
  EXPECT_EQ(MixDutyOf(state(), kMixed, 3).value(), MixDuty::kTooLate);
  for (uint32_t c = 0; c < 2; ++c) Send(Decrypt(state(), 1, c));
  const auto again = DecryptAll(state(), 1, kMixed);
  ASSERT_TRUE(again.ok()) << again.status();
  ASSERT_EQ(again->size(), 1u);
  EXPECT_TRUE(again->front().recorded);
  const auto result = state().ComputeResult();
  ASSERT_TRUE(result.ok()) << result.status();
  // Two voters each picked 1 and 2, 2 and 3, and none.
  EXPECT_EQ(result->contests[kMixed].online[0], 2u);
  EXPECT_EQ(result->contests[kMixed].online[1], 4u);
  EXPECT_EQ(result->contests[kMixed].void_ballots, 2u);
}

TEST_F(MixingTrusteeTest, MixesOnlyWhatIsClosedAndSettled) {
  JoinAll();
  DealAll();
  ConfirmAll();
  election_.Open();
  election_.now += 3600;
  EXPECT_THAT(Text(MixDutyOf(state(), kMixed, 1).status()), HasSubstr("the poll is open"));
  election_.Cast(0, {{1, 0}, TestElection::SlotsOfPicks({1, 2}, 2)});
  election_.End();
  election_.CountIssuance();
  election_.Close();
  EXPECT_THAT(Text(MixDutyOf(state(), kMixed, 1).status()), HasSubstr("a register is missing"));
  election_.PublishRegisters();
  EXPECT_EQ(MixDutyOf(state(), kMixed, 1).value(), MixDuty::kWithheld);
  election_.Cancel();
  EXPECT_THAT(Text(MixDutyOf(state(), kMixed, 1).status()), HasSubstr("cancelled"));
}

TEST_F(MixingTrusteeTest, AnInterruptedMixGoesOnFromItsFile) {
  RunUntilRegisters();
  const std::string file = Make(2).Encode();
  for (uint64_t sent = 0; sent < 7; ++sent) {
    SCOPED_TRACE(sent);
    const auto mix = StoredMix::Decode(file);
    ASSERT_TRUE(mix.ok()) << mix.status();
    ASSERT_EQ(mix->parts.size(), 7u);
    ASSERT_TRUE(StillFits(state(), *mix, kMixed, 2).value());
    ASSERT_EQ(PartsRecorded(state(), Key(2), *mix), sent);
    SendParts(*mix, sent, sent + 1);
  }
  EXPECT_EQ(state().Mixed(kMixed).mixers(), std::vector<uint32_t>{2});
}

TEST_F(MixingTrusteeTest, WhatIsSentOfALostMixIsBegunAnew) {
  RunUntilRegisters();
  SendParts(Make(2), 0, 3);
  const StoredMix other = Make(2);
  EXPECT_EQ(PartsRecorded(state(), Key(2), other), 0u);
  SendParts(other, 0, other.parts.size());
  EXPECT_EQ(state().Mixed(kMixed).mixers(), std::vector<uint32_t>{2});
  // Nor are another trustee's parts one's own.
  SendParts(Make(1), 0, 3);
  EXPECT_EQ(PartsRecorded(state(), Key(3), Make(3)), 0u);
}

TEST_F(MixingTrusteeTest, AMixOfWhatWasMixedSinceFitsNoLonger) {
  RunUntilRegisters();
  const StoredMix stale = Make(2);
  EXPECT_TRUE(StillFits(state(), stale, kMixed, 2).value());
  EXPECT_FALSE(StillFits(state(), stale, kMixed, 3).value());
  EXPECT_FALSE(StillFits(state(), stale, 0, 2).value());
  SendParts(stale, 0, 2);
  EXPECT_TRUE(StillFits(state(), stale, kMixed, 2).value());
  Mix(1);
  EXPECT_FALSE(StillFits(state(), stale, kMixed, 2).value());
  Mix(2);
  EXPECT_EQ(state().Mixed(kMixed).mixers(), (std::vector<uint32_t>{1, 2}));
}

TEST_F(MixingTrusteeTest, ADamagedFileIsNoMix) {
  StoredMix mix;
  mix.trustee = 2;
  mix.contest = 1;
  mix.parts = {"abc", "", "d"};
  const std::string file = mix.Encode();
  const auto decoded = StoredMix::Decode(file);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->parts, mix.parts);
  EXPECT_EQ(decoded->Encode(), file);
  for (size_t at = 0; at < file.size(); ++at) {
    std::string damaged = file;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    EXPECT_EQ(StoredMix::Decode(damaged).status().code(), absl::StatusCode::kInvalidArgument) << at;
    EXPECT_FALSE(StoredMix::Decode(file.substr(0, at)).ok()) << at;
  }
  EXPECT_FALSE(StoredMix::Decode(file + "x").ok());
}

TEST_F(MixingTrusteeTest, RefusesASecondListOfOneContest) {
  RunUntilRegisters();
  Mix(2);
  Mix(1);
  ASSERT_TRUE(Decrypt(state(), 1, kMixed).ok());
  Reload(1);
  ASSERT_TRUE(Decrypt(state(), 1, kMixed).ok());
  // On a ledger on which another trustee has mixed as well, other ballots would be decrypted.
  Mix(3);
  const auto share = Decrypt(state(), 1, kMixed);
  EXPECT_EQ(Id(share.status()), "decryption.second-aggregate");
  EXPECT_THAT(Text(share.status()), HasSubstr("other mixed ballots"));
}

class LongShareTest : public MixingTrusteeTest {
 protected:
  // 33 ballots of 64 picks are more than a record holds.
  LongShareTest() : MixingTrusteeTest(testing::WithMixedContest(33, 70, 64)) {}
};

TEST_F(LongShareTest, IsSentInPartsAndGoesOnAfterAnInterruption) {
  RunUntilRegisters();
  Mix(2);
  Mix(1);
  const auto whole = DecryptAll(state(), 1, kMixed);
  ASSERT_TRUE(whole.ok()) << whole.status();
  ASSERT_EQ(whole->size(), 2u);
  Send((*whole)[0]);
  EXPECT_FALSE(state().HasShare(kMixed, 1));
  // The proof is another one, the points are the same.
  const auto rest = DecryptAll(state(), 1, kMixed);
  ASSERT_TRUE(rest.ok()) << rest.status();
  ASSERT_EQ(rest->size(), 1u);
  EXPECT_NE(rest->front().payload, (*whole)[1].payload);
  Send(rest->front());
  EXPECT_TRUE(state().HasShare(kMixed, 1));
  // Who did something else in between begins anew.
  const auto begun = DecryptAll(state(), 3, kMixed);
  ASSERT_TRUE(begun.ok()) << begun.status();
  Send((*begun)[0]);
  Send(Decrypt(state(), 3, 0));
  const auto anew = DecryptAll(state(), 3, kMixed);
  ASSERT_TRUE(anew.ok()) << anew.status();
  ASSERT_EQ(anew->size(), 2u);
  for (const Submission& part : *anew) Send(part);
  EXPECT_EQ(state().ShareCount(kMixed), 2u);
  EXPECT_TRUE(state().MixedPicks(kMixed).ok());
}

}  // namespace
}  // namespace urna::client
