#include "client/voter.h"

#include <gmock/gmock.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"
#include "client/recovery_phrase.h"
#include "ledger/record.h"
#include "poll/payload.h"
#include "tests/client/fake_voting.h"
#include "tests/support/election.h"

namespace urna::client {
namespace {

using base::Cat;
using ::testing::HasSubstr;
using testing::TestElection;

class VoterTest : public ::testing::Test {
 protected:
  explicit VoterTest(uint32_t issuers = 1) : election_(OptionsFor(issuers)) {}

  static testing::ElectionOptions OptionsFor(uint32_t issuers) {
    testing::ElectionOptions options;
    options.issuers = issuers;
    return options;
  }

  void SetUp() override {
    election_.RunUntilOpen();
    grpc::ServerBuilder builder;
    builder.RegisterService(&issuing_);
    builder.RegisterService(&casting_);
    builder.RegisterService(&reading_);
    server_ = builder.BuildAndStart();
    const auto channel = server_->InProcessChannel({});
    issuing_stub_ = v1::Issuing::NewStub(channel);
    lines_.assign(election_.context().definition->issuers.size(), issuing_stub_.get());
    casting_stub_ = v1::Casting::NewStub(channel);
    reading_stub_ = v1::Reading::NewStub(channel);
    wallet_ = NewWallet();
  }

  const crypto::CredentialKey& key() { return election_.voter(0).credential; }
  Wallet NewWallet() {
    const poll::PollContext& context = election_.context();
    return Wallet::New(context.poll, key().V, context.definition->styles[0].id,
                       context.definition->issuers.size());
  }
  Voter MakeVoter(Wallet& wallet) {
    Retry retry;
    retry.pause = [this](int, const absl::Status&) { ++pauses_; };
    const auto save = [this](const Wallet& w) -> absl::Status {
      if (saves_left_ == 0) return absl::UnavailableError("disk full");
      --saves_left_;
      saved_ = w.Encode();
      return absl::OkStatus();
    };
    return Voter::Create(election_.state().context(), &wallet, save, retry).value();
  }
  /// What a client finds that starts again after an interruption.
  Wallet Reloaded() { return Wallet::Decode(saved_).value(); }

  static std::vector<ContestVotes> Yes() { return {{1, 0}, {1, 0}}; }
  static std::vector<ContestVotes> No() { return {{0, 1}, {0, 0}}; }

  absl::StatusOr<CheckedReceipt> Vote(Voter& voter, std::vector<ContestVotes> votes) {
    URNA_RETURN_IF_ERROR(voter.ObtainTokens(lines_, key()));
    URNA_RETURN_IF_ERROR(voter.Prepare(votes).status());
    return voter.Cast(*casting_stub_, *reading_stub_);
  }
  /// As long as the server knows of a later revision.
  absl::StatusOr<CheckedReceipt> VoteUntilRecorded(Voter& voter, std::vector<ContestVotes> votes) {
    for (;;) {
      auto receipt = Vote(voter, votes);
      if (base::RejectId(receipt.status()) != "ballot.revision-repeated") return receipt;
    }
  }
  void ExpectValidTokens(const Wallet& wallet) {
    const crypto::BallotKey key =
        crypto::DeriveBallotKey(wallet.omega, election_.context().opening);
    const auto& infos = election_.context().styles[0].issuers;
    ASSERT_EQ(wallet.tokens.size(), infos.size());
    for (size_t i = 0; i < infos.size(); ++i) {
      ASSERT_TRUE(wallet.tokens[i].has_value());
      EXPECT_TRUE(crypto::VerifyToken(infos[i], key.BK, *wallet.tokens[i]).ok());
    }
  }

  TestElection election_;
  FakeIssuing issuing_{election_};
  FakeCasting casting_{election_};
  FakeReading reading_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::Issuing::Stub> issuing_stub_;
  std::vector<v1::Issuing::StubInterface*> lines_;  // by issuer
  std::unique_ptr<v1::Casting::Stub> casting_stub_;
  std::unique_ptr<v1::Reading::Stub> reading_stub_;
  Wallet wallet_;
  crypto::SecretText saved_;
  int saves_left_ = 1000;
  int pauses_ = 0;
};

class TwoIssuersTest : public VoterTest {
 protected:
  TwoIssuersTest() : VoterTest(2) {}
};

// --- Tokens ---

TEST_F(VoterTest, ObtainsAndSavesAToken) {
  Voter voter = MakeVoter(wallet_);
  ASSERT_TRUE(voter.ObtainTokens(lines_, key()).ok());
  ExpectValidTokens(Reloaded());
  // A wallet that has its token asks for no other.
  ASSERT_TRUE(voter.ObtainTokens(lines_, key()).ok());
  EXPECT_EQ(issuing_.begun, 1);
}

TEST_F(TwoIssuersTest, GoesOnWithTheIssuerThatFailed) {
  issuing_.lose_answers = 1;
  Voter voter = MakeVoter(wallet_);
  saves_left_ = 2;  // omega, and the first token
  EXPECT_FALSE(voter.ObtainTokens(lines_, key()).ok());
  saves_left_ = 1000;
  Wallet reloaded = Reloaded();
  EXPECT_TRUE(reloaded.tokens[0].has_value());
  EXPECT_FALSE(reloaded.tokens[1].has_value());
  Voter again = MakeVoter(reloaded);
  ASSERT_TRUE(again.ObtainTokens(lines_, key()).ok());
  ExpectValidTokens(reloaded);
  EXPECT_EQ(issuing_.answered, 2);
}

TEST_F(VoterTest, AsksNoIssuerBeforeOmegaIsSaved) {
  saves_left_ = 0;
  Voter voter = MakeVoter(wallet_);
  EXPECT_EQ(voter.ObtainTokens(lines_, key()).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(issuing_.begun, 0);
}

TEST_F(VoterTest, RecoversTheTokenWhoseAnswerWasLostOnTheWay) {
  issuing_.lose_answers = 1;
  Voter voter = MakeVoter(wallet_);
  const absl::Status status = voter.ObtainTokens(lines_, key());
  ASSERT_TRUE(status.ok()) << status;
  ExpectValidTokens(wallet_);
  EXPECT_EQ(issuing_.answered, 1);
  EXPECT_EQ(pauses_, 1);
}

TEST_F(VoterTest, RecoversTheTokenThatCouldNotBeSaved) {
  saves_left_ = 1;  // omega only: the device dies between answer and saving
  Voter voter = MakeVoter(wallet_);
  EXPECT_FALSE(voter.ObtainTokens(lines_, key()).ok());
  EXPECT_EQ(issuing_.answered, 1);

  saves_left_ = 1000;
  Wallet reloaded = Reloaded();
  EXPECT_FALSE(reloaded.has_all_tokens());
  Voter again = MakeVoter(reloaded);
  ASSERT_TRUE(again.ObtainTokens(lines_, key()).ok());
  ExpectValidTokens(reloaded);
  EXPECT_EQ(issuing_.answered, 1);
}

TEST_F(VoterTest, BeginsAgainWhenTheIssuerForgotTheSession) {
  issuing_.forget_sessions = 1;
  Voter voter = MakeVoter(wallet_);
  ASSERT_TRUE(voter.ObtainTokens(lines_, key()).ok());
  ExpectValidTokens(wallet_);
  EXPECT_EQ(issuing_.begun, 2);
}

TEST_F(VoterTest, RefusesAWrongAnswerOfTheIssuer) {
  issuing_.wrong_answer = true;
  Voter voter = MakeVoter(wallet_);
  const absl::Status status = voter.ObtainTokens(lines_, key());
  EXPECT_EQ(base::RejectId(status), "token.answer-invalid");
  EXPECT_FALSE(wallet_.has_all_tokens());
  // Nor when the issuer repeats it.
  EXPECT_EQ(base::RejectId(voter.ObtainTokens(lines_, key())), "token.answer-invalid");
  EXPECT_FALSE(wallet_.has_all_tokens());
}

TEST_F(VoterTest, NoticesThatTheCredentialWasAnsweredForAnotherWallet) {
  Wallet thief = NewWallet();
  Voter thiefs = MakeVoter(thief);
  ASSERT_TRUE(thiefs.ObtainTokens(lines_, key()).ok());
  Voter voter = MakeVoter(wallet_);
  EXPECT_EQ(base::RejectId(voter.ObtainTokens(lines_, key())), "token.other-wallet");
  EXPECT_FALSE(wallet_.has_all_tokens());
}

TEST_F(TwoIssuersTest, SpendsNoAnswerAtOneIssuerWhenAnotherGaveItsToAThief) {
  Wallet thief = NewWallet();
  thief.tokens[0] = crypto::Token();  // so that only issuer 1 is asked
  Voter thiefs = MakeVoter(thief);
  ASSERT_TRUE(thiefs.ObtainTokens(lines_, key()).ok());
  ASSERT_EQ(issuing_.answered, 1);
  Voter voter = MakeVoter(wallet_);
  EXPECT_EQ(base::RejectId(voter.ObtainTokens(lines_, key())), "token.other-wallet");
  EXPECT_EQ(issuing_.answered, 1);
  EXPECT_EQ(issuing_.begun, 1);
}

TEST_F(VoterTest, AnIssuerThatIsNotThereIsAnError) {
  issuing_.not_found = true;
  Voter voter = MakeVoter(wallet_);
  EXPECT_EQ(voter.ObtainTokens(lines_, key()).code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(wallet_.has_all_tokens());
}

// --- A lost device ---

class RestoreTest : public VoterTest {
 protected:
  /// On another device, with what was written on paper.
  Wallet Restored(const crypto::SecretText& phrase) {
    Wallet wallet = NewWallet();
    wallet.omega = DecodePhrase(phrase.Expose()).value();
    wallet.restored = true;
    return wallet;
  }
};

TEST_F(RestoreTest, BringsTheTokenBackAndVotesAboveTheLastRevision) {
  const crypto::SecretText phrase = EncodePhrase(wallet_.omega);
  Voter lost = MakeVoter(wallet_);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Vote(lost, Yes()).ok());

  reading_.published = 3;
  Wallet wallet = Restored(phrase);
  Voter voter = MakeVoter(wallet);
  ASSERT_TRUE(voter.ObtainTokens(lines_, key()).ok());
  ExpectValidTokens(wallet);
  EXPECT_EQ(issuing_.answered, 1);
  // Asking now would tell whose ballot key it is.
  EXPECT_EQ(reading_.asked, 0);

  casting_.received.clear();
  const auto receipt = Vote(voter, No());
  ASSERT_TRUE(receipt.ok()) << receipt.status();
  EXPECT_EQ(receipt->revision, 4);
  EXPECT_EQ(casting_.received.size(), 1u);
  EXPECT_EQ(reading_.asked, 1);
  EXPECT_EQ(election_.state().distinct_ballots(), 1u);
  EXPECT_FALSE(Reloaded().restored);
}

TEST_F(RestoreTest, VotesAboveRevisionsThatAreNotPublishedYet) {
  const crypto::SecretText phrase = EncodePhrase(wallet_.omega);
  Voter lost = MakeVoter(wallet_);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Vote(lost, Yes()).ok());
  reading_.published = 1;
  Wallet wallet = Restored(phrase);
  Voter voter = MakeVoter(wallet);
  const auto receipt = VoteUntilRecorded(voter, No());
  ASSERT_TRUE(receipt.ok()) << receipt.status();
  EXPECT_GT(receipt->revision, 3);
}

TEST_F(RestoreTest, EncryptsNothingBehindTheVotersBack) {
  const crypto::SecretText phrase = EncodePhrase(wallet_.omega);
  Voter lost = MakeVoter(wallet_);
  ASSERT_TRUE(Vote(lost, Yes()).ok());
  Wallet wallet = Restored(phrase);
  Voter voter = MakeVoter(wallet);
  EXPECT_EQ(base::RejectId(Vote(voter, No()).status()), "ballot.revision-repeated");
  // The ballot whose fingerprint was shown is gone; another needs another decision to cast.
  EXPECT_EQ(voter.Cast(*casting_stub_, *reading_stub_).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(election_.state().ballot_records(), 1u);
  EXPECT_FALSE(Reloaded().pending.has_value());
}

TEST_F(RestoreTest, ComesToAnEndWithAServerThatRefusesEveryRevision) {
  casting_.reject = "ballot.revision-repeated";
  Voter voter = MakeVoter(wallet_);
  EXPECT_EQ(VoteUntilRecorded(voter, Yes()).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_LT(casting_.received.size(), 20u);
}

TEST_F(RestoreTest, NoticesThePhraseOfAnotherWallet) {
  Voter lost = MakeVoter(wallet_);
  ASSERT_TRUE(lost.ObtainTokens(lines_, key()).ok());
  Wallet wallet = Restored(EncodePhrase(crypto::NewOmega()));
  Voter voter = MakeVoter(wallet);
  EXPECT_EQ(base::RejectId(voter.ObtainTokens(lines_, key())), "token.other-wallet");
  EXPECT_EQ(issuing_.answered, 1);
}

TEST_F(RestoreTest, AsksForATokenIfNoneWasGivenBefore) {
  Wallet wallet = Restored(EncodePhrase(wallet_.omega));
  Voter voter = MakeVoter(wallet);
  ASSERT_TRUE(voter.ObtainTokens(lines_, key()).ok());
  ExpectValidTokens(wallet);
  EXPECT_EQ(wallet.omega.Expose(), wallet_.omega.Expose());
}

TEST_F(RestoreTest, CastsNothingAfterAReaderSaidThatNoRevisionIsLeft) {
  Wallet wallet = Restored(EncodePhrase(wallet_.omega));
  reading_.published = 65535;
  Voter voter = MakeVoter(wallet);
  EXPECT_EQ(Vote(voter, Yes()).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(casting_.received.empty());
}

// --- Credentials and polls ---

TEST_F(VoterTest, RefusesAnotherCredentialThanTheWallets) {
  Voter voter = MakeVoter(wallet_);
  EXPECT_EQ(voter.ObtainTokens(lines_, election_.voter(2).credential).code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(issuing_.begun, 0);
}

TEST_F(VoterTest, RefusesTheWalletOfAnotherPollOrStyle) {
  const auto create = [&](Wallet& wallet) {
    return Voter::Create(
               election_.state().context(), &wallet, [](const Wallet&) { return absl::OkStatus(); },
               Retry{})
        .status()
        .code();
  };
  Wallet other_poll = NewWallet();
  other_poll.poll[0] ^= 1;
  EXPECT_EQ(create(other_poll), absl::StatusCode::kFailedPrecondition);
  Wallet other_style = NewWallet();
  other_style.style = "style-9";
  EXPECT_EQ(create(other_style), absl::StatusCode::kFailedPrecondition);
  Wallet other_issuers = NewWallet();
  other_issuers.tokens.resize(2);
  EXPECT_EQ(create(other_issuers), absl::StatusCode::kFailedPrecondition);
}

// --- Ballots ---

TEST_F(VoterTest, CastsABallotAndChecksItsReceipt) {
  Voter voter = MakeVoter(wallet_);
  const auto receipt = Vote(voter, Yes());
  ASSERT_TRUE(receipt.ok()) << receipt.status();
  EXPECT_EQ(receipt->revision, 1);
  EXPECT_EQ(receipt->receipt.index, election_.records().size() - 1);
  EXPECT_EQ(receipt->checkpoint.size, election_.records().size());
  EXPECT_EQ(receipt->text,
            election_.MakeReceipt(receipt->receipt.index, election_.records().size()));
  EXPECT_EQ(election_.state().distinct_ballots(), 1u);
  EXPECT_EQ(Reloaded().last_revision, 1);
  EXPECT_FALSE(Reloaded().pending.has_value());
}

TEST_F(TwoIssuersTest, CastsABallotWithATokenOfEachIssuer) {
  Voter voter = MakeVoter(wallet_);
  const auto receipt = Vote(voter, Yes());
  ASSERT_TRUE(receipt.ok()) << receipt.status();
  EXPECT_EQ(election_.state().distinct_ballots(), 1u);
}

TEST_F(VoterTest, VotesAgainUnderTheSameKeyWithTheNextRevision) {
  Voter voter = MakeVoter(wallet_);
  ASSERT_TRUE(Vote(voter, Yes()).ok());
  Wallet reloaded = Reloaded();
  Voter again = MakeVoter(reloaded);
  const auto receipt = Vote(again, No());
  ASSERT_TRUE(receipt.ok()) << receipt.status();
  EXPECT_EQ(receipt->revision, 2);
  EXPECT_EQ(election_.state().distinct_ballots(), 1u);
  EXPECT_EQ(election_.state().ballot_records(), 2u);
}

TEST_F(VoterTest, SendsTheSameBytesAgainWhenTheLineBreaks) {
  casting_.lose_receipts = 2;
  Voter voter = MakeVoter(wallet_);
  const auto receipt = Vote(voter, Yes());
  ASSERT_TRUE(receipt.ok()) << receipt.status();
  ASSERT_EQ(casting_.received.size(), 3u);
  EXPECT_EQ(casting_.received[0], casting_.received[1]);
  EXPECT_EQ(casting_.received[0], casting_.received[2]);
  EXPECT_EQ(election_.state().ballot_records(), 1u);
}

TEST_F(VoterTest, SendsThePendingBallotAgainAfterARestart) {
  casting_.lose_receipts = 100;
  Voter voter = MakeVoter(wallet_);
  EXPECT_EQ(Vote(voter, Yes()).status().code(), absl::StatusCode::kUnavailable);

  casting_.lose_receipts = 0;
  Wallet reloaded = Reloaded();
  ASSERT_TRUE(reloaded.pending.has_value());
  Voter again = MakeVoter(reloaded);
  // Another ballot now would make it unknown which of the two counts.
  ASSERT_TRUE(again.Prepare(No()).ok());
  EXPECT_EQ(again.Cast(*casting_stub_, *reading_stub_).status().code(),
            absl::StatusCode::kFailedPrecondition);
  const auto receipt = again.CastPending(*casting_stub_);
  ASSERT_TRUE(receipt.ok()) << receipt.status();
  EXPECT_EQ(receipt->revision, 1);
  EXPECT_EQ(casting_.received.front(), casting_.received.back());
  EXPECT_EQ(election_.state().ballot_records(), 1u);
  EXPECT_EQ(Reloaded().last_revision, 1);
  EXPECT_FALSE(Reloaded().pending.has_value());
}

TEST_F(VoterTest, SendsNoBallotThatItCouldNotSave) {
  Voter voter = MakeVoter(wallet_);
  ASSERT_TRUE(voter.ObtainTokens(lines_, key()).ok());
  ASSERT_TRUE(voter.Prepare(Yes()).ok());
  saves_left_ = 0;
  EXPECT_FALSE(voter.Cast(*casting_stub_, *reading_stub_).ok());
  EXPECT_TRUE(casting_.received.empty());
}

TEST_F(VoterTest, ForgetsABallotThatWasRejected) {
  casting_.reject = "poll.ended";
  Voter voter = MakeVoter(wallet_);
  EXPECT_EQ(base::RejectId(Vote(voter, Yes()).status()), "poll.ended");
  EXPECT_EQ(casting_.received.size(), 1u);
  EXPECT_FALSE(Reloaded().pending.has_value());
  EXPECT_EQ(Reloaded().last_revision, 0);
}

TEST_F(VoterTest, KeepsABallotThatAPauseHoldsUp) {
  casting_.reject = "ballot.paused";
  Voter voter = MakeVoter(wallet_);
  EXPECT_EQ(base::RejectId(Vote(voter, Yes()).status()), "ballot.paused");
  casting_.reject.clear();
  Wallet reloaded = Reloaded();
  Voter again = MakeVoter(reloaded);
  EXPECT_TRUE(again.CastPending(*casting_stub_).ok());
}

TEST_F(VoterTest, FindsTheNextRevisionForAnOldCopyOfTheWallet) {
  Voter voter = MakeVoter(wallet_);
  ASSERT_TRUE(voter.ObtainTokens(lines_, key()).ok());
  Wallet old_copy = Reloaded();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(Vote(voter, Yes()).ok());

  reading_.published = 3;  // two more are recorded, but not published yet
  Voter other_device = MakeVoter(old_copy);
  const auto receipt = VoteUntilRecorded(other_device, No());
  ASSERT_TRUE(receipt.ok()) << receipt.status();
  EXPECT_GT(receipt->revision, 5);
  EXPECT_EQ(election_.state().distinct_ballots(), 1u);
}

TEST_F(VoterTest, CastsNothingWithoutTokenOrPreparedBallot) {
  Voter voter = MakeVoter(wallet_);
  ASSERT_TRUE(voter.Prepare(Yes()).ok());
  EXPECT_EQ(voter.Cast(*casting_stub_, *reading_stub_).status().code(),
            absl::StatusCode::kFailedPrecondition);
  Wallet other = NewWallet();
  Voter unprepared = MakeVoter(other);
  ASSERT_TRUE(unprepared.ObtainTokens(lines_, key()).ok());
  EXPECT_EQ(unprepared.Cast(*casting_stub_, *reading_stub_).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(casting_.received.empty());
}

TEST_F(VoterTest, AChallengedBallotIsNeverCast) {
  Voter voter = MakeVoter(wallet_);
  ASSERT_TRUE(voter.ObtainTokens(lines_, key()).ok());
  EXPECT_EQ(voter.Challenge().status().code(), absl::StatusCode::kFailedPrecondition);
  const auto fingerprint = voter.Prepare(Yes());
  ASSERT_TRUE(fingerprint.ok());
  const auto opened = voter.Challenge();
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->fingerprint, *fingerprint);
  EXPECT_EQ(opened->contests[0].votes, Yes()[0]);
  EXPECT_THAT(FindDifferences(*opened, election_.context(), *fingerprint), ::testing::IsEmpty());

  EXPECT_EQ(voter.Challenge().status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(voter.Cast(*casting_stub_, *reading_stub_).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(casting_.received.empty());

  // The same answers again are another ballot, and that one is cast.
  EXPECT_NE(voter.Prepare(Yes()).value(), *fingerprint);
  ASSERT_TRUE(voter.Cast(*casting_stub_, *reading_stub_).ok());
  ASSERT_EQ(casting_.received.size(), 1u);
  for (const auto& contest : opened->contests) {
    EXPECT_EQ(casting_.received[0].find(Bytes(contest.R.view())), std::string::npos);
  }
}

TEST_F(VoterTest, KeepsEveryReceiptWithItsRevision) {
  Voter voter = MakeVoter(wallet_);
  const std::string first = Vote(voter, Yes()).value().text;
  casting_.lose_receipts = 100;
  EXPECT_FALSE(Vote(voter, No()).ok());
  casting_.lose_receipts = 0;
  const std::string second = voter.CastPending(*casting_stub_).value().text;
  const Wallet wallet = Reloaded();
  ASSERT_EQ(wallet.receipts.size(), 2u);
  EXPECT_EQ(wallet.receipts[0].text, first);
  EXPECT_EQ(wallet.receipts[1].revision, 2);
  EXPECT_EQ(wallet.receipts[1].text, second);
}

TEST_F(VoterTest, LosesNoReceiptThatCouldNotBeSaved) {
  Voter voter = MakeVoter(wallet_);
  ASSERT_TRUE(voter.ObtainTokens(lines_, key()).ok());
  ASSERT_TRUE(voter.Prepare(Yes()).ok());
  saves_left_ = 1;  // the device dies between receipt and saving
  EXPECT_FALSE(voter.Cast(*casting_stub_, *reading_stub_).ok());
  saves_left_ = 1000;
  Wallet reloaded = Reloaded();
  EXPECT_TRUE(reloaded.receipts.empty());
  Voter again = MakeVoter(reloaded);
  ASSERT_TRUE(again.CastPending(*casting_stub_).ok());
  EXPECT_EQ(Reloaded().receipts.size(), 1u);
  EXPECT_EQ(election_.state().ballot_records(), 1u);
}

TEST_F(VoterTest, RefusesVotesAgainstTheRule) {
  Voter voter = MakeVoter(wallet_);
  EXPECT_EQ(base::RejectId(voter.Prepare({{1, 1}, {0, 0}}).status()), "ballot.votes-invalid");
  EXPECT_EQ(base::RejectId(voter.Prepare({{1, 0}}).status()), "ballot.votes-invalid");
}

// --- What a dishonest ballot box might answer ---

class ReceiptAttackTest : public VoterTest {
 protected:
  void ExpectRefused(std::string_view id) {
    Voter voter = MakeVoter(wallet_);
    const auto receipt = Vote(voter, Yes());
    EXPECT_EQ(base::RejectId(receipt.status()), id) << receipt.status();
    // The voter has no proof that the ballot was recorded, so it stays to be sent.
    EXPECT_TRUE(Reloaded().pending.has_value());
    EXPECT_EQ(Reloaded().last_revision, 0);
  }
  static void Change(v1::CastResponse& response,
                     const std::function<void(ledger::Receipt&)>& change) {
    ledger::Receipt receipt = ledger::Receipt::Parse(response.receipt()).value();
    change(receipt);
    response.set_receipt(receipt.ToString());
  }
};

TEST_F(ReceiptAttackTest, RefusesTheReceiptOfSomebodyElsesBallot) {
  election_.Cast(1, {{1, 0}, {1, 0}});
  const uint64_t others = election_.records().size() - 1;
  casting_.tamper = [&](v1::CastResponse& response) { casting_.Fill(others, &response); };
  ExpectRefused("receipt.other-ballot");
}

TEST_F(ReceiptAttackTest, RefusesAReceiptWhoseLeafIsAnotherRecord) {
  election_.Cast(1, {{1, 0}, {1, 0}});
  const uint64_t others = election_.records().size() - 1;
  casting_.tamper = [&](v1::CastResponse& response) {
    const crypto::Hash32 body = ledger::Receipt::Parse(response.receipt())->body;
    casting_.Fill(others, &response);
    Change(response, [&](ledger::Receipt& receipt) { receipt.body = body; });
  };
  ExpectRefused("receipt.other-ballot");
}

TEST_F(ReceiptAttackTest, RefusesAReceiptThatNamesAnotherBody) {
  casting_.tamper = [](v1::CastResponse& response) {
    Change(response, [](ledger::Receipt& receipt) { receipt.body[0] ^= 1; });
  };
  ExpectRefused("receipt.other-ballot");
}

TEST_F(ReceiptAttackTest, RefusesATimeOrPreviousHashThatTheLeafDoesNotHold) {
  casting_.tamper = [](v1::CastResponse& response) { response.set_time(response.time() + 3600); };
  ExpectRefused("receipt.other-ballot");
  casting_.tamper = [](v1::CastResponse& response) {
    response.mutable_previous()->front() = static_cast<char>(response.previous().front() ^ 1);
  };
  Wallet reloaded = Reloaded();
  Voter again = MakeVoter(reloaded);
  EXPECT_EQ(base::RejectId(again.CastPending(*casting_stub_).status()), "receipt.other-ballot");
  casting_.tamper = [](v1::CastResponse& response) { response.set_previous("short"); };
  EXPECT_EQ(base::RejectId(again.CastPending(*casting_stub_).status()), "receipt.malformed");
  casting_.tamper = nullptr;
  EXPECT_TRUE(again.CastPending(*casting_stub_).ok());
}

TEST_F(ReceiptAttackTest, RefusesAReceiptThatIsNotSignedByThePollsBallotBox) {
  casting_.tamper = [&](v1::CastResponse& response) {
    Change(response, [&](ledger::Receipt& receipt) {
      const auto checkpoint =
          ledger::OpenCheckpoint(receipt.checkpoint, election_.checkpoint_key()).value();
      receipt.checkpoint = ledger::SignCheckpoint(checkpoint, crypto::Ed25519Key::New());
    });
  };
  ExpectRefused("note.unsigned");
}

TEST_F(ReceiptAttackTest, RefusesAReceiptWhoseProofDoesNotHold) {
  casting_.tamper = [](v1::CastResponse& response) {
    Change(response, [](ledger::Receipt& receipt) { receipt.proof.at(0)[0] ^= 1; });
  };
  ExpectRefused("proof.inclusion-invalid");
}

TEST_F(ReceiptAttackTest, RefusesWhatIsNoReceipt) {
  casting_.tamper = [](v1::CastResponse& response) { response.set_receipt("thank you"); };
  ExpectRefused("receipt.malformed");
}

// --- Answers in words ---

poll::Contest MakeContest(crypto::Rule rule) {
  poll::Contest contest;
  contest.id = "q";
  contest.options = {{"a", {{"pl", "Ą"}}}, {"b", {{"pl", "Bę"}}}, {"c", {{"pl", "Ć"}}}};
  contest.rule = rule;
  return contest;
}

TEST(Answers, BecomeSlotValuesAndWordsAgain) {
  const struct {
    crypto::Rule rule;
    std::string answer;
    ContestVotes votes;
    std::string words;
  } kCases[] = {
      {crypto::Choose{0, 1, 3}, "b", {0, 1, 0}, "Bę"},
      {crypto::Choose{0, 1, 3}, "blank", {0, 0, 0}, "blank"},
      {crypto::Choose{1, 2, 3}, " a , c ", {1, 0, 1}, "Ą, Ć"},
      {crypto::Score{5, 3}, "a:5,c:1", {5, 0, 1}, "Ą: 5, Ć: 1"},
      {crypto::Score{5, 3}, "blank", {0, 0, 0}, "blank"},
      {crypto::Score{5, 3, true, 3, 4}, "a:1,b:2", {1, 2, 0}, "Ą: 1, Bę: 2"},
      {crypto::Points{2, 3}, "c,a", {1, 0, 2}, "Ą: 1, Ć: 2"},
      {crypto::Picks{2, 3}, "c", {0, 3, 0, 0}, "Ć"},
  };
  for (const auto& c : kCases) {
    const poll::Contest contest = MakeContest(c.rule);
    const auto votes = ParseAnswer(contest, c.answer);
    ASSERT_TRUE(votes.ok()) << c.answer << ": " << votes.status();
    EXPECT_EQ(*votes, c.votes) << c.answer;
    EXPECT_TRUE(crypto::Obeys(c.rule, *votes));
    EXPECT_EQ(DescribeAnswer(contest, *votes, "pl"), c.words);
  }
}

TEST(Answers, ThatTheRuleForbidsAreNamed) {
  const struct {
    crypto::Rule rule;
    std::string answer, error;
  } kCases[] = {
      {crypto::Choose{0, 1, 3}, "", "is empty"},
      {crypto::Choose{0, 1, 3}, "x", "there is no option \"x\"; the options are a, b, c"},
      {crypto::Choose{0, 1, 3}, "a,b", "2 options chosen; allowed are 0 to 1"},
      {crypto::Choose{1, 1, 3}, "blank", "0 options chosen; allowed are 1 to 1"},
      {crypto::Choose{0, 3, 3}, "a,a", "\"a\" is named twice"},
      {crypto::Score{5, 3}, "a", "\"a\" is not OPTION:POINTS"},
      {crypto::Score{5, 3}, "a:6", "\"a:6\" is not OPTION:POINTS with 0 to 5 points"},
      {crypto::Score{5, 3}, "a:1,a:0", "is named twice"},
      {crypto::Score{5, 3, true, 3, 4}, "a:5", "all points together must be 3 to 4"},
      {crypto::Points{2, 3}, "a", "name exactly 2 options"},
      {crypto::Points{2, 3}, "a,a", "is named twice"},
      {crypto::Picks{2, 3}, "a,a", "is named twice"},
      {crypto::Picks{1, 3}, "a,b", "2 options picked; allowed are 0 to 1"},
  };
  for (const auto& c : kCases) {
    const auto votes = ParseAnswer(MakeContest(c.rule), c.answer);
    ASSERT_FALSE(votes.ok()) << c.answer;
    EXPECT_THAT(std::string(votes.status().message()), HasSubstr(c.error));
    EXPECT_THAT(std::string(votes.status().message()), HasSubstr("\"q\""));
  }
}

TEST(Answers, ProjectsAreNamedByTheirNumbers) {
  poll::Contest contest = MakeContest(crypto::Points{2, 3});
  contest.decision = poll::Budget();
  uint64_t cost = 0;
  for (poll::Option& option : contest.options) {
    option.project.emplace();
    option.project->number = Cat("BO.", ++cost, "/30");
    option.project->cost = cost;
  }
  EXPECT_EQ(ParseAnswer(contest, "BO.3/30, BO.1/30").value(), (ContestVotes{1, 0, 2}));
  EXPECT_EQ(ParseAnswer(contest, "c,BO.1/30").value(), (ContestVotes{1, 0, 2}));
  EXPECT_FALSE(ParseAnswer(contest, "c,BO.3/30").ok());  // the same project
  EXPECT_THAT(std::string(ParseAnswer(contest, "3,1").status().message()),
              HasSubstr("the options are BO.1/30, BO.2/30, BO.3/30"));
  EXPECT_EQ(DescribeAnswer(contest, {1, 0, 2}, "pl"), "BO.1/30 Ą: 1, BO.3/30 Ć: 2");

  contest.rule = crypto::Picks{2, 3};
  contest.tally = poll::TallyKind::kMixed;
  contest.cost_limit = 4;
  EXPECT_TRUE(ParseAnswer(contest, "BO.1/30,BO.3/30").ok());
  EXPECT_THAT(std::string(ParseAnswer(contest, "BO.2/30,BO.3/30").status().message()),
              HasSubstr("would be void: it picks projects for 5, more than 4"));
}

TEST(Answers, AnOptionMayBeCalledBlank) {
  poll::Contest contest = MakeContest(crypto::Choose{0, 1, 3});
  contest.options[1].id = "blank";
  EXPECT_EQ(ParseAnswer(contest, "blank").value(), (ContestVotes{0, 1, 0}));
}

}  // namespace
}  // namespace urna::client
