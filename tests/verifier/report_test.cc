#include "verifier/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <string>

#include "base/bytes.h"
#include "base/text.h"
#include "tests/verifier/support.h"

namespace urna::verifier {
namespace {

using poll::RecordKind;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

using Names = std::set<std::string>;

Audited RunOn(const TestElection& election, bool pinned = true) {
  const TempFolder folder;
  election.WriteExport(folder / "export");
  std::vector<std::string> arguments = {folder / "export"};
  if (pinned) arguments.insert(arguments.end(), {"--poll", PollId(election)});
  return RunAudit(arguments);
}

std::string TextOf(const TestElection& election) {
  const TempFolder folder;
  election.WriteExport(folder / "export");
  return RunVerifier({folder / "export", "--poll", PollId(election)}).out;
}

// --- Whole ledgers -----------------------------------------------------------------------------

TEST(Report, OfACertifiedPollPassesEveryCheckThatHasASubject) {
  const Audited audited = RunOn(CleanElection());
  EXPECT_EQ(audited.exit_code, 0);
  EXPECT_THAT(audited.With("FAIL"), IsEmpty());
  EXPECT_EQ(
      audited.With("PASS"),
      (Names{"export-files", "records",       "chain",         "tiles",        "checkpoint",
             "poll-id",      "definition",    "roll",          "issuer-keys",  "key-ceremony",
             "opening",      "ballot-proofs", "ballot-tokens", "ballot-order", "issuance-counts",
             "ending",       "losses",        "registers",     "eligibility",  "decryption",
             "totals",       "reconciliation"}));
  EXPECT_EQ(audited.With("SKIPPED"),
            (Names{"steps", "lot", "mixing", "paper", "cancellation", "witnesses", "receipt",
                   "older-export", "held-checkpoint", "evidence"}));
}

TEST(Report, OfALedgerWithSeveralBundlesAndTileLevelsIsClean) {
  EXPECT_GT(WideElection().records().size(), 256u);
  EXPECT_EQ(RunOn(WideElection()).exit_code, 0);
}

TEST(Report, HasTheShapeThatProgramsRead) {
  const nlohmann::json json = RunOn(CleanElection()).json;
  EXPECT_EQ(json["format"], "urna-report/1");
  EXPECT_EQ(json["exit_code"], 0);
  EXPECT_THAT(json["summary"].get<std::string>(), StartsWith("VERIFIED: "));
  EXPECT_EQ(json["ledger"]["records_read"], CleanElection().records().size());
  EXPECT_EQ(json["ledger"]["records_promised"], CleanElection().records().size());
  EXPECT_EQ(json["ledger"]["poll_id"], PollId(CleanElection()));
  EXPECT_EQ(json["ledger"]["poll_id_pinned"], true);
  for (const auto& check : json["checks"]) {
    EXPECT_TRUE(check["faults"].is_array());
    EXPECT_EQ(check["fault_count"], 0);
    EXPECT_FALSE(check["title"].get<std::string>().empty());
  }
  EXPECT_EQ(json["poll"]["title"]["pl"], "Głosowanie próbne");
  EXPECT_EQ(json["poll"]["state"], "certified");
  EXPECT_EQ(json["poll"]["entitled"], 6);
  EXPECT_EQ(json["poll"]["ballots_recorded"], 8);
  EXPECT_EQ(json["poll"]["ballots_counted"], 6);
  EXPECT_EQ(json["poll"]["turnout_percent"], "100.00");
  EXPECT_EQ(json["result"]["trustworthy"], true);
  EXPECT_EQ(json["result"]["certified"], true);
  // Of six voters two chose the first option, two the second, two neither.
  const nlohmann::json contest = json["result"]["contests"][0];
  EXPECT_EQ(contest["id"], "q1");
  EXPECT_EQ(contest["options"][0]["votes"], 2);
  EXPECT_EQ(contest["options"][0]["percent_of_valid"], "50.00");
  EXPECT_EQ(contest["options"][1]["votes"], 2);
  EXPECT_EQ(contest["valid"], 4);
  EXPECT_EQ(contest["invalid_or_blank"], 2);
  EXPECT_EQ(contest["quorum_met"], true);
  EXPECT_EQ(contest["outcome"], "undecided");
  EXPECT_TRUE(contest["winner"].is_null());
}

TEST(Report, OnTheTerminalBeginsWithWhatItIsAndEndsWithTheVerdict) {
  const std::string text = TextOf(CleanElection());
  EXPECT_THAT(text, StartsWith("urna-verify: audit of the ledger in "));
  EXPECT_THAT(text, EndsWith("\nVERIFIED: every check that could be made passed, and the certified "
                             "result follows from this ledger.\n"));
  EXPECT_THAT(text, AllOf(HasSubstr("Głosowanie próbne"), HasSubstr("100.00 % (6 of 6)"),
                          HasSubstr("Contest q1: Games"), HasSubstr("% of valid votes"),
                          HasSubstr("Outcome: undecided"),
                          HasSubstr("30\u00a0% of 6 = 2 needed, 6 took part: reached"),
                          Not(HasSubstr("REHEARSAL")), Not(HasSubstr("NOT TRUSTWORTHY"))));
}

TEST(Report, IsTheSameOnAnyNumberOfThreads) {
  const TempFolder folder;
  WideElection().WriteExport(folder / "export");
  const std::string one = RunVerifier({folder / "export", "--json", "--threads", "1"}).out;
  EXPECT_EQ(one, RunVerifier({folder / "export", "--json", "--threads", "7"}).out);
  EXPECT_THAT(one, HasSubstr("\"exit_code\": 3"));
}

// --- Whose poll it is ----------------------------------------------------------------------------

TEST(PollId, ThatWasNotPinnedIsSkippedAndNamed) {
  const Audited audited = RunOn(CleanElection(), /*pinned=*/false);
  EXPECT_EQ(audited.exit_code, 3);
  EXPECT_THAT(audited.With("FAIL"), IsEmpty());
  EXPECT_THAT(audited.With("SKIPPED"), Contains("poll-id"));
  EXPECT_THAT(audited.json.dump(),
              HasSubstr("this ledger says its poll id is " + PollId(CleanElection())));
  EXPECT_THAT(audited.json["summary"].get<std::string>(), StartsWith("INCOMPLETE: "));
}

TEST(PollId, OfAnotherPollFailsOnAWholeAlternativeLedger) {
  const TempFolder folder;
  CleanElection().WriteExport(folder / "export");
  const Audited audited = RunAudit({folder / "export", "--poll", PollId(WideElection())});
  EXPECT_EQ(audited.exit_code, 1);
  EXPECT_EQ(audited.With("FAIL"), Names{"poll-id"});
  EXPECT_EQ(audited.json["result"]["trustworthy"], false);
  const std::string text = RunVerifier({folder / "export", "--poll", PollId(WideElection())}).out;
  EXPECT_THAT(text, AllOf(HasSubstr("NOT TRUSTWORTHY"), HasSubstr("\nFAILED: 1 check")));
}

// --- Ledgers that have not come to their end -----------------------------------------------------

TEST(Prefix, OfALedgerNeverFailsAndIsNeverComplete) {
  const auto& records = CleanElection().records();
  for (size_t size = 1; size < records.size(); ++size) {
    const TempFolder folder;
    CleanElection().WriteExport(folder / "export",
                                {records.begin(), records.begin() + static_cast<ptrdiff_t>(size)});
    Inputs inputs;
    inputs.folder = folder / "export";
    inputs.poll = ledger::LeafHash(records[0]);
    const Report report = Audit(inputs);
    EXPECT_EQ(report.ExitCode(), 3) << size << " records\n" << ToText(report);
  }
}

TEST(Prefix, PassesNoCheckWhoseSubjectItDoesNotHold) {
  const auto& records = CleanElection().records();
  // Every check, and the last record that its subject needs.
  const std::vector<std::pair<std::string, uint64_t>> subjects = {
      {"checkpoint", FindRecord(records, RecordKind::kDefinitionPart)},
      {"definition", FindRecord(records, RecordKind::kDefinitionPart)},
      {"roll", FindRecord(records, RecordKind::kRollSealed)},
      {"issuer-keys", FindRecord(records, RecordKind::kIssuerJoined)},
      {"key-ceremony", FindRecord(records, RecordKind::kConfirmed, 2)},
      {"opening", FindRecord(records, RecordKind::kOpened)},
      {"ballot-proofs", FindRecord(records, RecordKind::kBallotCast)},
      {"ballot-tokens", FindRecord(records, RecordKind::kBallotCast)},
      {"ballot-order", FindRecord(records, RecordKind::kBallotCast)},
      {"issuance-counts", FindRecord(records, RecordKind::kIssuanceCounted)},
      {"ending", FindRecord(records, RecordKind::kClosed)},
      {"registers", FindRecord(records, RecordKind::kRegisterSealed)},
      {"eligibility", FindRecord(records, RecordKind::kRegisterSealed)},
      {"decryption", FindRecord(records, RecordKind::kDecryptionPart, 3)},
      {"reconciliation", FindRecord(records, RecordKind::kRegisterSealed)},
      {"totals", FindRecord(records, RecordKind::kCertified)}};
  for (const auto& [name, last] : subjects) {
    for (const uint64_t size : {last, last + 1}) {
      const TempFolder folder;
      CleanElection().WriteExport(
          folder / "export", {records.begin(), records.begin() + static_cast<ptrdiff_t>(size)});
      const Audited audited = RunAudit({folder / "export"});
      EXPECT_EQ(audited.With("PASS").contains(name), size > last) << name << ", " << size;
      EXPECT_EQ(audited.With("SKIPPED").contains(name), size <= last) << name << ", " << size;
    }
  }
}

TEST(Prefix, WithoutAnyRecordSkipsWhatRecordsAreNeededFor) {
  const TempFolder folder;
  CleanElection().WriteExport(folder / "export", std::vector<std::string>{});
  const Audited audited = RunAudit({folder / "export"});
  EXPECT_EQ(audited.exit_code, 3);
  EXPECT_EQ(audited.With("PASS"), Names{"export-files"});
  EXPECT_EQ(RunAudit({folder / "export", "--poll", PollId(CleanElection())}).exit_code, 1);
}

TEST(Totals, AreNotGivenBeforeTheyCanBeComputed) {
  const auto& records = CleanElection().records();
  const TempFolder folder;
  const uint64_t closed = FindRecord(records, RecordKind::kClosed);
  CleanElection().WriteExport(
      folder / "export", {records.begin(), records.begin() + static_cast<ptrdiff_t>(closed + 1)});
  const Audited audited = RunAudit({folder / "export"});
  EXPECT_FALSE(audited.json.contains("result"));
  EXPECT_EQ(audited.json["poll"]["ballots_counted"], 6);
}

// --- Other courses of a poll -------------------------------------------------------------------

TEST(Cancelled, PollIsCompleteWithoutAResult) {
  TestElection election;
  election.RunUntilOpen();
  election.now += 3600;
  election.Vote();
  election.Cancel();
  const Audited audited = RunOn(election);
  EXPECT_EQ(audited.exit_code, 0);
  EXPECT_THAT(audited.With("PASS"), Contains("cancellation"));
  EXPECT_THAT(audited.With("SKIPPED"), Contains("totals"));
  EXPECT_FALSE(audited.json.contains("result"));
  EXPECT_THAT(audited.json["summary"].get<std::string>(), HasSubstr("cancelled"));
  EXPECT_EQ(audited.json["poll"]["reason"], "the question was wrong");
}

TEST(Rehearsal, IsMarkedEverywhere) {
  ElectionOptions options;
  options.rehearsal = true;
  TestElection election(options);
  election.RunAll();
  const std::string text = TextOf(election);
  EXPECT_THAT(text, AllOf(HasSubstr("*** REHEARSAL"), HasSubstr("\nREHEARSAL Contest q1"),
                          EndsWith("This poll is a REHEARSAL.\n")));
  EXPECT_EQ(RunOn(election).json["poll"]["rehearsal"], true);
}

TEST(Withheld, ContestIsSaidToBe) {
  ElectionOptions options;
  options.minimum_ballots = 50;
  TestElection election(options);
  election.RunAll();
  const Audited audited = RunOn(election);
  EXPECT_EQ(audited.exit_code, 0);
  EXPECT_THAT(audited.With("SKIPPED"), Contains("decryption"));
  EXPECT_EQ(audited.json["result"]["contests"][0]["withheld"], true);
  EXPECT_FALSE(audited.json["result"]["contests"][0].contains("options"));
  EXPECT_THAT(TextOf(election), HasSubstr("Withheld: 6 ballots are fewer than the 50"));
}

TEST(Steps, DuringThePollPassAndAreShown) {
  TestElection election;
  election.RunUntilOpen();
  election.now += 3600;
  election.Pause();
  election.Resume();
  election.Extend(election.state().end() + 3600);
  election.Vote();
  election.RunAfterVoting();
  const Audited audited = RunOn(election);
  EXPECT_EQ(audited.exit_code, 0);
  EXPECT_THAT(audited.With("PASS"), Contains("steps"));
  EXPECT_THAT(TextOf(election), HasSubstr("(extended; first 2014-05-25T16:00:00Z)"));
}

TEST(Paper, IsShownApartAndAdded) {
  ElectionOptions options;
  options.voters = 12;
  TestElection election(options);
  election.RunUntilOpen();
  election.now += 3600;
  for (size_t i = 0; i < 6; ++i) election.Cast(i, {{1, 0}, {0, 0}});
  election.End();
  election.CountIssuance();
  election.Close();
  election.PublishRegisters();
  election.DecryptAll();
  election.Append(
      poll::PaperCounted{.style = 0, .cards = 3, .votes = {{1, 2}, {0, 1}}, .approvals = {}});
  election.Certify();
  const Audited audited = RunOn(election);
  EXPECT_EQ(audited.exit_code, 0);
  EXPECT_THAT(audited.With("PASS"), Contains("paper"));
  EXPECT_EQ(audited.json["poll"]["turnout_percent"], "75.00");
  const nlohmann::json contest = audited.json["result"]["contests"][0];
  EXPECT_EQ(contest["options"][0]["online"], 6);
  EXPECT_EQ(contest["options"][0]["on_paper"], 1);
  EXPECT_EQ(contest["options"][0]["votes"], 7);
  EXPECT_EQ(contest["options"][0]["percent_of_valid"], "77.78");
  EXPECT_EQ(contest["winner"], "tak");
  EXPECT_THAT(TextOf(election), AllOf(HasSubstr("on paper"), HasSubstr("decided: \"YES\"")));
}

TEST(Eligibility, FailsWhenARegisterNeverCame) {
  TestElection election;
  election.RunUntilOpen();
  election.now += 3600;
  election.Vote();
  election.End();
  election.CountIssuance();
  election.Close();
  const uint64_t index = election.records().size();
  election.Append(poll::RegisterMissing{
      .issuer = 0, .reason = "the disk \x1b[2J burnt\nVERIFIED: all is well", .approvals = {}});
  election.DecryptAll();
  election.Certify();
  ASSERT_THAT(election.faults(), IsEmpty());
  const Audited audited = RunOn(election);
  EXPECT_EQ(audited.exit_code, 1);
  EXPECT_EQ(audited.With("FAIL"), Names{"eligibility"});
  EXPECT_THAT(audited.With("SKIPPED"), Contains("registers"));
  EXPECT_THAT(audited.Faults("eligibility"),
              StartsWith(base::Cat("record ", index, " (register missing) register.missing: ")));
  EXPECT_EQ(audited.json["result"]["trustworthy"], false);
  // A poll's own texts can neither steer the terminal nor forge a line of the report.
  const std::string text = TextOf(election);
  EXPECT_THAT(text,
              AllOf(HasSubstr("burnt"), Not(HasSubstr("\x1b")), Not(HasSubstr("\nVERIFIED"))));
}

TEST(Totals, ThatDifferFromTheCertifiedOnesFailAndAreNamed) {
  TestElection election;
  election.tamper = [](poll::Payload& payload) {
    // Entitled, ballots, cards, registers; then q1: entitled, ballots, cards, withheld, online.
    constexpr size_t kFirstVotes = 3 * 8 + 1 + 3 * 8 + 1;
    if (auto* certified = std::get_if<poll::Certified>(&payload)) ++certified->body[kFirstVotes];
  };
  election.RunAll();
  const Audited audited = RunOn(election);
  EXPECT_EQ(audited.exit_code, 1);
  EXPECT_EQ(audited.With("FAIL"), Names{"totals"});
  EXPECT_THAT(audited.Faults("totals"),
              AllOf(HasSubstr(base::Cat("record ", election.records().size() - 1, " (certified) ",
                                        "certificate.differs")),
                    HasSubstr("contest q1, option tak online: certified 3, recomputed 2")));
  EXPECT_THAT(TextOf(election), HasSubstr("NOT TRUSTWORTHY"));
}

TEST(Faults, AreAllInJsonAndTheFirstTwentyOnTheTerminal) {
  TestElection election;
  election.RunUntilOpen();
  election.now += 3600;
  for (int i = 0; i < 25; ++i) {
    election.AppendRaw(RecordKind::kBallotCast, "no ballot", election.now);
  }
  const Audited audited = RunOn(election);
  EXPECT_EQ(audited.exit_code, 1);
  EXPECT_EQ(audited.With("FAIL"), Names{"ballot-proofs"});
  for (const auto& check : audited.json["checks"]) {
    if (check["check"] != "ballot-proofs") continue;
    EXPECT_EQ(check["faults"].size(), 25u);
  }
  EXPECT_THAT(TextOf(election), HasSubstr("… and 5 more\n"));
}

TEST(Faults, OfUnknownKindsOfRecordsFailAVisibleCheck) {
  TestElection election;
  election.RunUntilOpen();
  const uint64_t index = election.records().size();
  election.AppendRaw(static_cast<RecordKind>(99), "?", election.now);
  election.AppendRaw(RecordKind::kMixPart, "?", election.now);
  const Audited audited = RunOn(election);
  EXPECT_EQ(audited.With("FAIL"), (Names{"mixing", "records"}));
  EXPECT_THAT(audited.Faults("records"),
              HasSubstr(base::Cat("record ", index, " (unknown kind 99) record.kind-unknown")));
  EXPECT_THAT(audited.Faults("mixing"),
              HasSubstr(base::Cat("record ", index + 1, " (mix part) record.malformed")));
}

// --- The record of the result ------------------------------------------------------------------

std::vector<std::string> ProtocolTo(const TempFolder& folder, const TestElection& election,
                                    const std::string& file) {
  election.WriteExport(folder / "export");
  return {folder / "export", "--poll", PollId(election), "--protocol", folder / file};
}

TEST(Protocol, IsWrittenInEachFormatBesideTheReport) {
  const TempFolder folder;
  CleanElection().WriteExport(folder / "export");
  for (const std::string name : {"r.txt", "r.html", "r.json"}) {
    const Ran ran = RunVerifier(
        {folder / "export", "--poll", PollId(CleanElection()), "--protocol", folder / name});
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    EXPECT_THAT(ran.out, HasSubstr("VERIFIED"));
    EXPECT_THAT(ReadAll(folder / name), HasSubstr(PollId(CleanElection())));
  }
  const nlohmann::json json = nlohmann::json::parse(ReadAll(folder / "r.json"));
  EXPECT_EQ(json["format"], "urna-result/1");
  EXPECT_EQ(json["contests"][0]["valid"], 4);
  EXPECT_EQ(json["officials"].size(), 2u);
  EXPECT_EQ(json["officials"][0]["name"], "Official 1");
  EXPECT_EQ(json["trustees"].size(), 2u);
  EXPECT_EQ(json["checkpoint"]["size"], CleanElection().records().size());
  EXPECT_THAT(ReadAll(folder / "export/checkpoint"),
              HasSubstr(json["checkpoint"]["signature"].get<std::string>()));
}

TEST(Protocol, OfACancelledPollIsWrittenToo) {
  TestElection election;
  election.RunUntilOpen();
  election.Cancel();
  const TempFolder folder;
  EXPECT_EQ(RunVerifier(ProtocolTo(folder, election, "r.txt")).exit_code, 0);
  EXPECT_THAT(ReadAll(folder / "r.txt"),
              AllOf(HasSubstr("the question was wrong"), Not(HasSubstr("YES"))));
}

TEST(Protocol, IsNotWrittenOfALedgerWithAFault) {
  const TempFolder folder;
  const auto arguments = ProtocolTo(folder, CleanElection(), "r.txt");
  WriteAll(folder / "export/extra", "x");
  const Ran ran = RunVerifier(arguments);
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.err,
              AllOf(HasSubstr("no record of the result was made"), HasSubstr("export-files")));
  EXPECT_FALSE(std::filesystem::exists(folder / "r.txt"));
}

TEST(Protocol, IsNotWrittenBeforeTheEnd) {
  const auto& records = CleanElection().records();
  const TempFolder folder;
  CleanElection().WriteExport(folder / "export", {records.begin(), records.end() - 1});
  const Ran ran = RunVerifier(
      {folder / "export", "--poll", PollId(CleanElection()), "--protocol", folder / "r.html"});
  EXPECT_EQ(ran.exit_code, 3);
  EXPECT_THAT(ran.err, HasSubstr("the poll is closed, neither certified nor cancelled"));
  EXPECT_FALSE(std::filesystem::exists(folder / "r.html"));
}

TEST(Protocol, NeedsThePollIdAndAFileOfAKnownKind) {
  const TempFolder folder;
  CleanElection().WriteExport(folder / "export");
  EXPECT_EQ(RunVerifier({folder / "export", "--protocol", folder / "r.html"}).exit_code, 2);
  EXPECT_EQ(RunVerifier({folder / "export", "--poll", PollId(CleanElection()), "--protocol",
                         folder / "r.pdf"})
                .exit_code,
            2);
}

TEST(Reconciliation, IsShownAndInJson) {
  const nlohmann::json json = RunOn(CleanElection()).json["reconciliation"];
  EXPECT_EQ(json["threshold"], 10);
  EXPECT_EQ(json["total"]["roll"], 6);
  EXPECT_EQ(json["total"]["cast"], 6);
  EXPECT_EQ(json["total"]["voted_again"], 2);
  EXPECT_EQ(json["total"]["ballots_replaced"], 2);
  EXPECT_EQ(json["styles"].size(), 2u);
  for (const auto& style : json["styles"]) {
    EXPECT_TRUE(style["roll"].is_null() || style["roll"] == "<10") << style;
  }
  EXPECT_THAT(TextOf(CleanElection()), HasSubstr("Voted more"));
}

TEST(Reconciliation, FailsWhereARegisterIsMissingAndTheOthersCannotHaveGivenTheBallots) {
  ElectionOptions options;
  options.voters = 4;
  options.styles = 1;
  options.issuers = 3;
  TestElection election(options);
  election.RunUntilOpen();
  election.now += 3600;
  for (size_t i = 0; i < 3; ++i) election.Cast(i, {{1, 0}, {0, 0}});
  election.Issue(3);
  election.tamper_register = [&](uint32_t issuer, std::vector<poll::RegisterEntry>& entries) {
    const size_t dropped = issuer == 0 ? 3 : 2;
    std::erase_if(entries, [&](const poll::RegisterEntry& entry) {
      return entry.credential == election.voter(dropped).credential.V;
    });
  };
  election.End();
  election.tamper = [](poll::Payload& payload) {
    if (auto* counted = std::get_if<poll::IssuanceCounted>(&payload)) counted->tokens = {3};
  };
  election.CountIssuance();
  election.tamper = [](poll::Payload& payload) {
    auto* sealed = std::get_if<poll::RegisterSealed>(&payload);
    if (sealed == nullptr || sealed->issuer != 2) return;
    payload = poll::RegisterMissing{.issuer = 2, .reason = "lost", .approvals = {}};
  };
  election.Close();
  election.PublishRegisters();
  election.tamper = nullptr;
  election.DecryptAll();
  election.Certify();
  ASSERT_THAT(election.faults(), IsEmpty());
  const Audited audited = RunOn(election);
  EXPECT_EQ(audited.With("FAIL"), (Names{"eligibility", "reconciliation"}));
  EXPECT_THAT(audited.Faults("reconciliation"),
              HasSubstr("reconciliation.number: style style-0: ballot keys that voted online 3, "
                        "but places in every register that came 2"));
}

// --- Running it
// ------------------------------------------------------------------------------------

TEST(Running, WithWhatCannotBeReadOrUsedEndsWithTwo) {
  const TempFolder folder;
  CleanElection().WriteExport(folder / "export");
  EXPECT_EQ(RunVerifier({}).exit_code, 2);
  EXPECT_EQ(RunVerifier({folder / "export", "--skip-everything"}).exit_code, 2);
  EXPECT_EQ(RunVerifier({folder / "export", "--poll", "12"}).exit_code, 2);
  EXPECT_EQ(RunVerifier({folder / "export", "--poll", ""}).exit_code, 2);
  EXPECT_EQ(RunVerifier({folder / "export", "--threads", "0"}).exit_code, 2);
  for (const char* option : {"--receipt", "--since", "--checkpoint"}) {
    const Ran ran = RunVerifier({folder / "export", option, folder / "absent"});
    EXPECT_EQ(ran.exit_code, 2) << option;
    EXPECT_THAT(ran.err, HasSubstr(folder / "absent"));
  }
  const Ran absent = RunVerifier({folder / "absent"});
  EXPECT_EQ(absent.exit_code, 2);
  EXPECT_THAT(absent.err, HasSubstr(folder / "absent"));
  EXPECT_EQ(RunVerifier({"--help"}).exit_code, 0);
}

TEST(Running, TellsHowFarItIs) {
  const TempFolder folder;
  WideElection().WriteExport(folder / "export");
  Inputs inputs;
  inputs.folder = folder / "export";
  uint64_t last = 0;
  const std::atomic<bool> stop = false;
  const uint64_t all = WideElection().records().size();
  ASSERT_TRUE(Verify(
                  inputs,
                  [&](uint64_t done, uint64_t total) {
                    EXPECT_GE(done, last);
                    EXPECT_EQ(total, all);
                    last = done;
                  },
                  stop)
                  .ok());
  EXPECT_EQ(last, all);
}

TEST(Running, StopsWhenAskedTo) {
  const TempFolder folder;
  CleanElection().WriteExport(folder / "export");
  Inputs inputs;
  inputs.folder = folder / "export";
  const std::atomic<bool> stop = true;
  EXPECT_TRUE(absl::IsCancelled(Verify(inputs, nullptr, stop).status()));
}

}  // namespace
}  // namespace urna::verifier
