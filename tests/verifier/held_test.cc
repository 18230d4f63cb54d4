// What the auditor holds: receipts, older exports, checkpoints from elsewhere.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/text.h"
#include "ledger/checkpoint.h"
#include "ledger/receipt.h"
#include "ledger/record.h"
#include "tests/verifier/support.h"

namespace urna::verifier {
namespace {

using poll::RecordKind;
using ::testing::AllOf;
using ::testing::HasSubstr;

using Names = std::set<std::string>;
using Records = std::vector<std::string>;

class Held : public ::testing::Test {
 protected:
  Held() { election_.WriteExport(folder_ / "export"); }

  const Records& records() const { return election_.records(); }
  uint64_t Ballot(int nth) const { return FindRecord(records(), RecordKind::kBallotCast, nth); }

  std::string Write(std::string_view name, std::string_view content) const {
    WriteAll(folder_ / name, content);
    return folder_ / name;
  }
  Audited Run(const std::vector<std::string>& options) const {
    std::vector<std::string> arguments = {folder_ / "export", "--poll", PollId(election_)};
    arguments.insert(arguments.end(), options.begin(), options.end());
    return RunAudit(arguments);
  }
  /// Only the check `name` fails, with `text` among its faults.
  void ExpectRefused(const std::vector<std::string>& options, std::string_view name,
                     std::string_view text) const {
    const Audited audited = Run(options);
    EXPECT_EQ(audited.exit_code, 1);
    EXPECT_EQ(audited.With("FAIL"), Names{std::string(name)});
    EXPECT_THAT(audited.Faults(name), HasSubstr(text));
  }
  /// The note of the line `name` in the report.
  static std::string Note(const Audited& audited, std::string_view name) {
    for (const auto& check : audited.json["checks"]) {
      if (check["check"] == name) return check["note"];
    }
    return "";
  }

  const TestElection& election_ = CleanElection();
  const TempFolder folder_;
};

// --- Receipts ------------------------------------------------------------------------------------

class Receipts : public Held {
 protected:
  ledger::Receipt Good(uint64_t index, uint64_t size) const {
    return *ledger::Receipt::Parse(election_.MakeReceipt(index, size));
  }
  void ExpectReceiptRefused(const std::string& receipt, std::string_view text) const {
    ExpectRefused({"--receipt", Write("receipt", receipt)}, "receipt", text);
  }
};

TEST_F(Receipts, OfARecordedBallotPassesWithWhatBecameOfIt) {
  const std::string counted = Write("counted", election_.MakeReceipt(Ballot(2), Ballot(2) + 1));
  const Audited one = Run({"--receipt", counted});
  EXPECT_EQ(one.exit_code, 0);
  EXPECT_THAT(Note(one, "receipt"), HasSubstr("is the one that counts"));
  // The first voter's first ballot; the second replaced it.
  const std::string replaced =
      Write("replaced", election_.MakeReceipt(Ballot(0), records().size()));
  const Audited two = Run({"--receipt", replaced});
  EXPECT_EQ(two.exit_code, 0);
  EXPECT_THAT(Note(two, "receipt"), HasSubstr("replaced it later (revision 2 after 1)"));
}

TEST_F(Receipts, AreJudgedEachByItself) {
  const std::string good = Write("good", election_.MakeReceipt(Ballot(2), Ballot(2) + 1));
  const std::string bad = Write("bad", "no receipt");
  const Audited audited = Run({"--receipt", bad, "--receipt", good});
  EXPECT_EQ(audited.exit_code, 1);
  EXPECT_TRUE(audited.With("PASS").contains("receipt"));
  EXPECT_TRUE(audited.With("FAIL").contains("receipt"));
  for (const auto& check : audited.json["checks"]) {
    if (check["check"] == "receipt") {
      EXPECT_EQ(check["verdict"], check["subject"] == good ? "PASS" : "FAIL");
    }
  }
}

TEST_F(Receipts, ForABallotThatIsNoLongerThereFail) {
  // The ballot box drops the last ballot before the poll is closed, and shows the rest.
  const uint64_t last = Ballot(7);
  const std::string receipt = Write("receipt", election_.MakeReceipt(last, last + 1));
  const TempFolder other;
  election_.WriteExport(
      other / "export",
      Records(records().begin(), records().begin() + static_cast<ptrdiff_t>(last)));
  EXPECT_EQ(RunAudit({other / "export"}).exit_code, 3);
  const Audited audited = RunAudit({other / "export", "--receipt", receipt});
  EXPECT_EQ(audited.exit_code, 1);
  EXPECT_EQ(audited.With("FAIL"), Names{"receipt"});
  EXPECT_THAT(audited.Faults("receipt"),
              AllOf(HasSubstr("checkpoint.beyond-ledger"), HasSubstr("receipt.ballot-missing")));
}

TEST_F(Receipts, ForABallotThatAnotherTookThePlaceOfFail) {
  // A ballot box that dropped a ballot before the officials closed the poll.
  Records shorter = records();
  shorter.erase(shorter.begin() + static_cast<ptrdiff_t>(Ballot(3)));
  shorter.resize(Ballot(7));
  shorter = TestElection::Rechain(shorter);
  const std::string receipt = Write("receipt", election_.MakeReceipt(Ballot(3), Ballot(3) + 1));
  const TempFolder other;
  election_.WriteExport(other / "export", shorter);
  EXPECT_EQ(RunAudit({other / "export"}).exit_code, 3);
  const Audited audited = RunAudit({other / "export", "--receipt", receipt});
  EXPECT_EQ(audited.exit_code, 1);
  EXPECT_EQ(audited.With("FAIL"), Names{"receipt"});
  EXPECT_THAT(audited.Faults("receipt"), AllOf(HasSubstr("checkpoint.root"),
                                               HasSubstr(base::Cat("record ", Ballot(3),
                                                                   " (ballot cast) "
                                                                   "receipt.record-differs")),
                                               HasSubstr("receipt.ballot-differs")));
}

TEST_F(Receipts, WithAnotherBodyFail) {
  ledger::Receipt receipt = Good(Ballot(2), Ballot(2) + 1);
  receipt.body[0] ^= 1;
  ExpectReceiptRefused(receipt.ToString(), "receipt.ballot-differs");
}

TEST_F(Receipts, WithAnotherLeafFail) {
  ledger::Receipt receipt = Good(Ballot(2), Ballot(2) + 1);
  receipt.leaf[0] ^= 1;
  ExpectReceiptRefused(receipt.ToString(), "receipt.record-differs");
  ExpectReceiptRefused(receipt.ToString(), "proof.inclusion-invalid");
}

TEST_F(Receipts, WithAnotherIndexFail) {
  ledger::Receipt receipt = Good(Ballot(2), records().size());
  receipt.index = Ballot(3);
  ExpectReceiptRefused(receipt.ToString(), "proof.inclusion-invalid");
  receipt.index = UINT64_MAX;
  ExpectReceiptRefused(receipt.ToString(), "receipt.ballot-missing");
}

TEST_F(Receipts, UnderAnotherKeyFail) {
  ledger::Receipt receipt = Good(Ballot(2), records().size());
  receipt.checkpoint = MakeCheckpoint(records(), records().size(), election_.checkpoint_key().name,
                                      crypto::Ed25519Key::New());
  ExpectReceiptRefused(receipt.ToString(), "note.unsigned");
}

TEST_F(Receipts, OfAFutureSizeFail) {
  ledger::Receipt receipt = Good(Ballot(2), records().size());
  const ledger::Checkpoint future{election_.checkpoint_key().name, records().size() + 1, {}};
  receipt.checkpoint = ledger::SignCheckpoint(future, election_.ballot_box());
  ExpectReceiptRefused(receipt.ToString(), "checkpoint.beyond-ledger");
}

TEST_F(Receipts, ForARecordThatIsNoBallotFail) {
  const uint64_t opened = FindRecord(records(), RecordKind::kOpened);
  ExpectReceiptRefused(election_.MakeReceipt(opened, records().size()), "receipt.not-a-ballot");
}

TEST_F(Receipts, ThatAreTruncatedAnywhereFail) {
  const std::string good = election_.MakeReceipt(Ballot(2), Ballot(2) + 1);
  Inputs inputs;
  inputs.folder = folder_ / "export";
  for (size_t size = 0; size < good.size(); size += 7) {
    inputs.receipts = {Write("receipt", good.substr(0, size))};
    EXPECT_EQ(Audit(inputs).ExitCode(), 1) << size;
  }
}

TEST_F(Receipts, ForABallotThatBreaksARuleFail) {
  TestElection election;
  election.RunUntilOpen();
  election.now += 3600;
  election.Vote();
  const uint64_t index = election.records().size();
  const std::string again = ledger::DecodeRecord(election.records()[index - 1])->payload;
  election.AppendRaw(RecordKind::kBallotCast, again, election.now);
  const TempFolder other;
  election.WriteExport(other / "export");
  const std::string receipt = Write("receipt", election.MakeReceipt(index, index + 1));
  const Audited audited = RunAudit({other / "export", "--receipt", receipt});
  EXPECT_EQ(audited.With("FAIL"), (Names{"ballot-order", "receipt"}));
  EXPECT_THAT(audited.Faults("receipt"),
              HasSubstr("receipt.ballot-refused: the ballot breaks a rule "
                        "(ballot.revision-repeated)"));
}

TEST_F(Receipts, CannotBeConfirmedByAnUnreadableLedger) {
  const std::string receipt = Write("receipt", election_.MakeReceipt(Ballot(2), Ballot(2) + 1));
  WriteAll(folder_ / "export/checkpoint", "no checkpoint");
  const Audited audited = Run({"--receipt", receipt});
  EXPECT_EQ(audited.exit_code, 1);
  EXPECT_EQ(audited.With("FAIL"), (Names{"checkpoint", "receipt"}));
  EXPECT_EQ(audited.With("PASS"), Names{});
}

// --- Older exports and checkpoints ---------------------------------------------------------------

class OlderExport : public Held {
 protected:
  /// Writes an export of `records` as the older one.
  std::string Older(const Records& records) const {
    election_.WriteExport(folder_ / "older", records);
    return folder_ / "older";
  }
  Records First(uint64_t size) const {
    return Records(records().begin(), records().begin() + static_cast<ptrdiff_t>(size));
  }
};

TEST_F(OlderExport, ThatIsABeginningLeavesItsProofsUncheckedAndSaysSo) {
  const Audited audited = Run({"--since", Older(First(Ballot(4)))});
  EXPECT_EQ(audited.exit_code, 3);
  EXPECT_TRUE(audited.With("PASS").contains("older-export"));
  EXPECT_EQ(audited.With("FAIL"), Names{});
  EXPECT_EQ(audited.With("TAKEN"), (Names{"ballot-proofs", "ballot-tokens"}));
  EXPECT_THAT(Note(audited, "ballot-proofs"), HasSubstr("4 of 8 ballots; those in "));
  EXPECT_EQ(audited.json["taken"]["records"], Ballot(4));
  EXPECT_EQ(audited.json["taken"]["ballots"], 4);
  EXPECT_EQ(audited.json["taken"]["register_entries"], 0);
  EXPECT_THAT(
      audited.json["summary"].get<std::string>(),
      AllOf(HasSubstr("INCOMPLETE"), HasSubstr("The proofs of 4 ballots were not checked")));
}

TEST_F(OlderExport, OfTheSameLedgerLeavesAllItsProofsUnchecked) {
  const Audited audited = Run({"--since", Older(records())});
  EXPECT_EQ(audited.exit_code, 3);
  EXPECT_EQ(audited.With("FAIL"), Names{});
  EXPECT_EQ(audited.With("TAKEN"), (Names{"ballot-proofs", "ballot-tokens", "registers"}));
  EXPECT_EQ(audited.json["taken"]["register_entries"], 6);
}

TEST_F(OlderExport, WithoutABallotLeavesNothingUnchecked) {
  for (const uint64_t size : {uint64_t{1}, FindRecord(records(), RecordKind::kOpened) + 1}) {
    const Audited audited = Run({"--since", Older(First(size))});
    EXPECT_EQ(audited.exit_code, 0);
    EXPECT_TRUE(audited.With("PASS").contains("older-export"));
    EXPECT_FALSE(audited.json.contains("taken"));
    std::filesystem::remove_all(folder_ / "older");
  }
}

TEST_F(OlderExport, MayBeItsCheckpointAlone) {
  const std::string note = ReadAll(Older(First(Ballot(4))) + "/checkpoint");
  const Audited audited = Run({"--since", Write("old.checkpoint", note)});
  EXPECT_EQ(audited.exit_code, 3);
  EXPECT_EQ(audited.With("TAKEN"), (Names{"ballot-proofs", "ballot-tokens"}));
}

TEST_F(OlderExport, GivesNoRecordOfTheResult) {
  const Ran ran = RunVerifier({folder_ / "export", "--poll", PollId(election_), "--since",
                               Older(First(Ballot(4))), "--protocol", folder_ / "result.txt"});
  EXPECT_EQ(ran.exit_code, 3);
  EXPECT_THAT(ran.err, HasSubstr("The proofs of 4 ballots were not checked again"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "result.txt"));
}

/// A ledger of seven valid ballots and, before them or after them, one whose proof does not hold.
/// The ballot box made it, signs it, and has chain and tree in order.
class ForgedBallot : public Held {
 protected:
  explicit ForgedBallot(size_t before = 3) {
    forged_.RunUntilOpen();
    forged_.now += 3600;
    for (size_t i = 0; i < 6; ++i) {
      if (i == before) {
        honest_ = forged_.records();
        forged_.tamper_ballot = [](crypto::Ballot& ballot) {
          ballot.proof.tau = ballot.proof.tau + crypto::Scalar::FromU64(1);
        };
      }
      const auto& shape = forged_.context().styles[forged_.voter(i).style].shape;
      forged_.Cast(i, TestElection::VotesFor(shape, 0));
      forged_.tamper_ballot = nullptr;
    }
    forged_.WriteExport(folder_ / "forged");
  }
  uint64_t Record() const { return honest_.size(); }
  Audited RunForged(const std::string& since) const {
    return RunAudit({folder_ / "forged", "--poll", PollId(forged_), "--since", since});
  }
  static std::string Named(uint64_t record) {
    return base::Cat("record ", record, " (ballot cast) ballot.proof-invalid");
  }

  TestElection forged_;
  Records honest_;  // before the forged ballot
};

TEST_F(ForgedBallot, IsNamedWhereItIsNew) {
  forged_.WriteExport(folder_ / "older", honest_);
  const Audited audited = RunForged(folder_ / "older");
  EXPECT_EQ(audited.exit_code, 1);
  EXPECT_EQ(audited.With("FAIL"), Names{"ballot-proofs"});
  EXPECT_THAT(audited.Faults("ballot-proofs"), HasSubstr(Named(Record())));
  EXPECT_TRUE(audited.With("PASS").contains("older-export"));
}

TEST_F(ForgedBallot, IsNamedInTheOldPartOfAnotherLedgerThanTheAuditorHas) {
  // What the auditor saw had an honest ballot there.
  TestElection& election = forged_;
  Records seen = honest_;
  seen.push_back(forged_.records()[Record() + 1]);
  seen = TestElection::Rechain(seen);
  election.WriteExport(folder_ / "older", seen);
  const Audited audited = RunForged(folder_ / "older");
  EXPECT_EQ(audited.exit_code, 1);
  EXPECT_EQ(audited.With("FAIL"), (Names{"ballot-proofs", "older-export"}));
  EXPECT_THAT(audited.Faults("ballot-proofs"), HasSubstr(Named(Record())));
  EXPECT_THAT(audited.Faults("older-export"), HasSubstr("checkpoint.root"));
  EXPECT_EQ(audited.With("TAKEN"), Names{});
  EXPECT_FALSE(audited.json.contains("taken"));
}

TEST_F(ForgedBallot, IsNamedIfTheClaimIsSignedByAnotherKey) {
  const uint64_t size = forged_.records().size();
  const std::string note = MakeCheckpoint(forged_.records(), size, forged_.checkpoint_key().name,
                                          crypto::Ed25519Key::New());
  const Audited audited = RunForged(Write("claim", note));
  EXPECT_EQ(audited.With("FAIL"), (Names{"ballot-proofs", "older-export"}));
  EXPECT_EQ(audited.With("TAKEN"), Names{});
}

TEST_F(ForgedBallot, IsNamedIfTheClaimIsOfMoreRecordsThanThereAre) {
  const auto& key = forged_.ballot_box();
  const std::string origin = forged_.checkpoint_key().name;
  for (const uint64_t size : {uint64_t{forged_.records().size() + 1}, UINT64_MAX}) {
    const std::string note = ledger::SignCheckpoint({origin, size, {}}, key);
    const Audited audited = RunForged(Write("claim", note));
    EXPECT_EQ(audited.With("FAIL"), (Names{"ballot-proofs", "older-export"}));
    EXPECT_EQ(audited.With("TAKEN"), Names{});
  }
}

// That nobody else stands for old proofs is what the report says, and this shows that it is so.
TEST_F(ForgedBallot, PassesForTakenOnTheWordOfAnAuditorWhoDidNotLook) {
  const Audited audited = RunForged(folder_ / "forged");
  EXPECT_EQ(audited.exit_code, 3);
  EXPECT_EQ(audited.With("FAIL"), Names{});
  EXPECT_EQ(audited.With("TAKEN"), (Names{"ballot-proofs", "ballot-tokens"}));
}

TEST_F(OlderExport, ThatIsNoBeginningFails) {
  Records other = First(Ballot(4));
  std::swap(other[Ballot(2)], other[Ballot(3)]);
  ExpectRefused({"--since", Older(TestElection::Rechain(other))}, "older-export",
                "checkpoint.root");
}

TEST_F(OlderExport, OfTheSameSizeWithAnotherRootIsEquivocation) {
  Records other = records();
  std::swap(other[Ballot(2)], other[Ballot(3)]);
  ExpectRefused({"--since", Older(TestElection::Rechain(other))}, "older-export",
                "checkpoint.equivocation: two different ledgers of ");
}

TEST_F(OlderExport, ThatIsLongerFails) {
  Records other = records();
  other.push_back(other.back());
  ExpectRefused({"--since", Older(other)}, "older-export", "checkpoint.beyond-ledger");
}

TEST_F(OlderExport, UnderAnotherKeyFails) {
  const std::string older = Older(First(Ballot(4)));
  WriteAll(older + "/checkpoint",
           MakeCheckpoint(records(), Ballot(4), election_.checkpoint_key().name,
                          crypto::Ed25519Key::New()));
  ExpectRefused({"--since", older}, "older-export", "note.unsigned");
}

TEST_F(OlderExport, WithADamagedCheckpointFails) {
  const std::string older = Older(First(Ballot(4)));
  std::string note = ReadAll(older + "/checkpoint");
  note[note.size() - 10] ^= 1;
  WriteAll(older + "/checkpoint", note);
  ExpectRefused({"--since", older}, "older-export", "note.");
}

TEST_F(Held, CheckpointsAreEachHeldAgainstTheLedger) {
  const std::string origin = election_.checkpoint_key().name;
  const auto& key = election_.ballot_box();
  const std::string good = Write("good", MakeCheckpoint(records(), 9, origin, key));
  EXPECT_EQ(Run({"--checkpoint", good}).exit_code, 0);
  EXPECT_TRUE(Run({"--checkpoint", good}).With("PASS").contains("held-checkpoint"));

  const std::string forked =
      Write("forked", ledger::SignCheckpoint({origin, records().size(), {}}, key));
  ExpectRefused({"--checkpoint", good, "--checkpoint", forked}, "held-checkpoint",
                "checkpoint.equivocation");
  const std::string foreign =
      Write("foreign", MakeCheckpoint(records(), 9, origin, election_.official(0)));
  ExpectRefused({"--checkpoint", foreign}, "held-checkpoint", "note.unsigned");
  ExpectRefused({"--checkpoint", Write("empty", "")}, "held-checkpoint", "note.malformed");
}

TestElection WitnessedElection(uint32_t needed) {
  testing::ElectionOptions options;
  options.witnesses = 2;
  options.witnesses_needed = needed;
  TestElection election(options);
  election.RunAll();
  return election;
}

TEST(Cosignatures, OfTheDefinitionAreFoundOnCheckpointsTheAuditorHolds) {
  const TestElection election = WitnessedElection(0);
  const TempFolder folder;
  election.WriteExport(folder / "export");
  EXPECT_TRUE(RunAudit({folder / "export"}).With("SKIPPED").contains("witnesses"));

  auto note = ledger::Note::Parse(election.Cosigned(ReadAll(folder / "export/checkpoint"), {1}));
  WriteAll(folder / "cosigned", note->ToString());
  EXPECT_TRUE(RunAudit({folder / "export", "--checkpoint", folder / "cosigned"})
                  .With("PASS")
                  .contains("witnesses"));

  note->signatures.back().signature[20] ^= 1;
  WriteAll(folder / "cosigned", note->ToString());
  const Audited audited = RunAudit({folder / "export", "--checkpoint", folder / "cosigned"});
  EXPECT_EQ(audited.exit_code, 1);
  EXPECT_EQ(audited.With("FAIL"), Names{"witnesses"});
}

TEST(Cosignatures, ThatTheDefinitionDemandsAreOnTheExportsOwnCheckpoint) {
  const TestElection election = WitnessedElection(2);
  const TempFolder folder;
  election.WriteExport(folder / "export");
  const std::string signed_note = ReadAll(folder / "export/checkpoint");
  for (const std::vector<size_t>& witnesses : std::vector<std::vector<size_t>>{{}, {0}, {1, 1}}) {
    WriteAll(folder / "export/checkpoint", election.Cosigned(signed_note, witnesses));
    const Audited audited = RunAudit({folder / "export"});
    EXPECT_EQ(audited.exit_code, 1);
    EXPECT_EQ(audited.With("FAIL"), Names{"witnesses"});
    EXPECT_NE(audited.Faults("witnesses").find("witness.too-few"), std::string::npos);
  }
  WriteAll(folder / "export/checkpoint", election.Cosigned(signed_note, {0, 1}));
  EXPECT_TRUE(RunAudit({folder / "export"}).With("PASS").contains("witnesses"));
}

}  // namespace
}  // namespace urna::verifier
