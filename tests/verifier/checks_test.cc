#include "verifier/checks.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "ledger/checkpoint.h"
#include "poll/payload.h"
#include "verifier/report.h"
#include "verifier/witnesses.h"

namespace urna::verifier {
namespace {

using poll::RecordKind;

TEST(CheckFor, GivesAFaultWithAnUnknownIdToTheCheckOfItsRecordsKind) {
  for (int kind = 1; kind <= 29; ++kind) {
    const CheckId check = CheckFor(static_cast<uint8_t>(kind), "something.new");
    EXPECT_NE(check, CheckId::kRecords) << poll::KindName(static_cast<uint8_t>(kind));
  }
}

TEST(CheckFor, NeverLosesAFault) {
  for (int kind = 0; kind < 256; ++kind) {
    for (const char* id : {"", "failure", "record.malformed", "something.new"}) {
      EXPECT_LT(static_cast<size_t>(CheckFor(static_cast<uint8_t>(kind), id)), kCheckCount);
    }
  }
  EXPECT_EQ(CheckFor(0, "record.malformed"), CheckId::kRecords);
  EXPECT_EQ(CheckFor(99, "record.kind-unknown"), CheckId::kRecords);
}

TEST(CheckFor, TellsApartWhatIsWrongWithABallot) {
  const auto ballot = static_cast<uint8_t>(RecordKind::kBallotCast);
  EXPECT_EQ(CheckFor(ballot, "ballot.proof-invalid"), CheckId::kBallotProofs);
  EXPECT_EQ(CheckFor(ballot, "point.not-canonical"), CheckId::kBallotProofs);
  EXPECT_EQ(CheckFor(ballot, "token.invalid"), CheckId::kBallotTokens);
  EXPECT_EQ(CheckFor(ballot, "ballot.revision-repeated"), CheckId::kBallotOrder);
  EXPECT_EQ(CheckFor(ballot, "poll.ended"), CheckId::kBallotOrder);
  EXPECT_EQ(CheckFor(ballot, "ledger.chain-broken"), CheckId::kChain);
}

TEST(CheckInfo, NamesEveryCheckOnce) {
  std::set<std::string> names;
  for (size_t i = 0; i < kCheckCount; ++i) {
    names.insert(std::string(InfoOf(static_cast<CheckId>(i)).name));
  }
  EXPECT_EQ(names.size(), kCheckCount);
}

TEST(Check, ThatFailedStaysFailed) {
  Check check;
  check.Fail({.record = 1, .kind = "ballot cast", .id = "token.invalid", .text = "no"});
  check.Pass("fine");
  EXPECT_EQ(check.verdict, Verdict::kFail);
  check.Skip("not there");
  EXPECT_EQ(check.verdict, Verdict::kFail);
}

TEST(Check, CountsFaultsBeyondThoseItKeeps) {
  Check check;
  for (size_t i = 0; i < Check::kMaxKept + 5; ++i) {
    check.Fail({.record = i, .kind = "ballot cast", .id = "token.invalid", .text = "no"});
  }
  EXPECT_EQ(check.faults.size(), Check::kMaxKept);
  EXPECT_EQ(check.fault_count, Check::kMaxKept + 5);
}

// --- Witnesses -----------------------------------------------------------------------------------

class Witnesses : public ::testing::Test {
 protected:
  Witnesses() {
    for (const char* name : {"witness.example/w1", "witness.example/w2"}) {
      keys_.push_back(crypto::Ed25519Key::New());
      rule_.witnesses.push_back({name, ledger::kTypeCosignature, keys_.back().public_key()});
    }
    rule_.needed = 2;
    rule_.closed_at = 9;
    rule_.decrypted = true;
  }

  /// A checkpoint of `size` records, cosigned by `witnesses`.
  std::string Cosigned(uint64_t size, const std::vector<size_t>& witnesses) const {
    const ledger::Checkpoint checkpoint{"urna.example/test", size, {}};
    auto note = ledger::Note::Parse(ledger::SignCheckpoint(checkpoint, box_));
    for (const size_t w : witnesses) {
      note->signatures.push_back(
          ledger::Cosign(checkpoint, rule_.witnesses[w].name, keys_[w], 1400990400));
    }
    return note->ToString();
  }

  Check Judge(const std::vector<std::string>& notes) const {
    Check check;
    JudgeWitnesses(check, rule_, notes);
    return check;
  }

  const crypto::Ed25519Key box_ = crypto::Ed25519Key::New();
  std::vector<crypto::Ed25519Key> keys_;
  WitnessRule rule_;
};

TEST_F(Witnesses, PassWhenEnoughCosignedTheClosedLedger) {
  EXPECT_EQ(Judge({Cosigned(10, {0, 1})}).verdict, Verdict::kPass);
  EXPECT_EQ(Judge({Cosigned(10, {0}), Cosigned(12, {1})}).verdict, Verdict::kPass);
}

TEST_F(Witnesses, FailWhenDecryptedWithTooFewCosignatures) {
  const Check check = Judge({Cosigned(10, {0}), Cosigned(12, {0})});
  ASSERT_EQ(check.verdict, Verdict::kFail);
  EXPECT_EQ(check.faults[0].id, "witness.too-few");
}

TEST_F(Witnesses, DoNotCountForALedgerThatWasStillOpen) {
  EXPECT_EQ(Judge({Cosigned(9, {0, 1})}).verdict, Verdict::kFail);
}

TEST_F(Witnesses, DoNotCountUnderKeysThatTheDefinitionDoesNotName) {
  const std::string cosigned = Cosigned(10, {0, 1});
  rule_.witnesses[1].key = crypto::Ed25519Key::New().public_key();
  EXPECT_EQ(Judge({cosigned}).verdict, Verdict::kFail);
}

TEST_F(Witnesses, FailOnAFalseCosignature) {
  auto note = ledger::Note::Parse(Cosigned(10, {0, 1}));
  note->signatures.back().signature.back() ^= 1;
  const Check check = Judge({Cosigned(10, {0, 1}), note->ToString()});
  ASSERT_EQ(check.verdict, Verdict::kFail);
  EXPECT_EQ(check.faults[0].id, "witness.cosignature-invalid");
  EXPECT_NE(check.faults[0].text.find("witness.example/w2"), std::string::npos);
}

TEST_F(Witnesses, AreSkippedWhenNotDueOrNotNamed) {
  rule_.decrypted = false;
  EXPECT_EQ(Judge({Cosigned(10, {0})}).verdict, Verdict::kSkipped);
  rule_.witnesses.clear();
  rule_.needed = 0;
  EXPECT_EQ(Judge({Cosigned(10, {})}).verdict, Verdict::kSkipped);
}

}  // namespace
}  // namespace urna::verifier
