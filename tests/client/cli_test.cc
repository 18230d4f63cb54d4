#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "base/file.h"
#include "client/interrupt.h"
#include "client/key_file.h"
#include "crypto/group.h"
#include "tests/client/cli_fixture.h"
#include "tests/client/fake_server.h"
#include "tests/support/election.h"

namespace urna::client {
namespace {

using base::Cat;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
using testing::TestElection;
using Json = nlohmann::json;

TEST_F(CliTest, AFlagWinsOverItsVariableWhateverCommandsThereAre) {
  // Every command with a server takes the variable, in the order in which they are declared.
  const std::string poll(64, 'a');
  for (const std::string& command :
       {std::string("poll list"), "ledger export --folder new --poll " + poll,
        "poll status --poll " + poll}) {
    const Outcome flag =
        Run(command + " --plaintext --server localhost:1", "URNA_SERVER=localhost:2");
    EXPECT_NE(flag.err.find("localhost:1"), std::string::npos) << flag.err;
    const Outcome variable = Run(command + " --plaintext", "URNA_SERVER=localhost:2");
    EXPECT_NE(variable.err.find("localhost:2"), std::string::npos) << variable.err;
  }
}

TEST_F(CliTest, WrongUsageIsStatusTwo) {
  ExpectError("", 2, "a command is missing");
  ExpectError("poll", 2, "a command is missing");
  ExpectError("frobnicate", 2, "frobnicate");
  ExpectError("poll frobnicate", 2, "frobnicate");
  ExpectError("poll tally --poll abc --server localhost:1", 2, "has 3 characters");
  ExpectError(Cat("poll tally --poll ", std::string(63, 'a'), "x --server localhost:1"), 2,
              "character 64 is none");
  ExpectError(Cat("poll tally --poll ", std::string(64, 'a')), 2, "--server");
  ExpectError(Cat("poll tally --server nowhere --poll ", std::string(64, 'a')), 2, "HOST:PORT");
  ExpectError("poll list --plaintext --server vote.example:7800", 2, "plaintext");
  ExpectError(Cat("poll extend --key k --reason r --server localhost:1 --end tomorrow --poll ",
                  std::string(64, 'a')),
              2, "2014-05-25T21:00:00Z");
}

TEST_F(CliTest, AServerThatIsNotThereIsStatusOne) {
  ExpectError("poll list --plaintext --server 127.0.0.1:1", 1, "cannot reach 127.0.0.1:1");
}

TEST_F(CliTest, SaysItsVersionAndExplainsEveryCommand) {
  EXPECT_THAT(Run("--version").out, StartsWith("urna 0."));
  const Outcome help = Run("--help");
  EXPECT_EQ(help.status, 0);
  EXPECT_THAT(help.out, AllOf(HasSubstr("For residents"), HasSubstr("For trustees")));
  for (const char* command :
       {"poll template",      "poll check",     "poll create",         "poll open",
        "poll pause",         "poll resume",    "poll extend",         "poll close",
        "poll certify",       "poll cancel",    "poll tally",          "poll status",
        "poll list",          "official key",   "official show",       "trustee key",
        "trustee show",       "trustee join",   "trustee deal",        "trustee confirm",
        "witness key",        "witness show",   "witness add",         "witness run",
        "trustee decrypt",    "ledger fetch",   "ledger export",       "vote",
        "vote restore",       "vote status",    "vote list",           "vote show",
        "receipt check",      "receipt save",   "ballot open",         "roll codes",
        "roll letters",       "roll print-key", "roll unseal",         "roll replace-code",
        "roll key",           "roll enrol",     "roll check",          "roll diff",
        "roll persons-check", "roll import",    "poll replace",        "poll register-missing",
        "poll lot",           "poll paper",     "poll paper-template", "poll pending",
        "poll withdraw",      "poll rehearse"}) {
    const Outcome outcome = Run(Cat(command, " --help"));
    EXPECT_EQ(outcome.status, 0) << command;
    EXPECT_THAT(outcome.out, HasSubstr(Cat("Example:\n  urna ", command))) << command;
  }
}

/// The template with its placeholders filled in.
std::string Filled(const std::string& text) {
  std::map<std::string, std::string> values = {{"PUT-ROLL-LABEL-HERE", "krakow-2014"},
                                               {"PUT-ORIGIN-HERE", "vote.example/2014"}};
  const std::vector<std::string> times = {"2030-05-01T06:00:00Z", "2030-05-20T06:00:00Z",
                                          "2030-05-25T20:00:00Z", "2030-05-26T20:00:00Z"};
  size_t time = 0;
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t found = text.find("\"PUT-", at);
    const size_t close = found == std::string::npos ? found : text.find("-HERE\"", found);
    if (close == std::string::npos) return out + text.substr(at);
    out += text.substr(at, found + 1 - at);
    const std::string name = text.substr(found + 1, close + 5 - found - 1);
    if (name == "PUT-KEY-HERE") {
      out += base::Hex(crypto::Ed25519Key::New().public_key());
    } else if (name == "PUT-NAME-HERE") {
      out += Cat("Person ", at);
    } else if (name == "PUT-TIME-HERE") {
      out += times[time++];
    } else if (values.contains(name)) {
      out += values.at(name);
    } else {
      out += name;
    }
    at = close + 5;
  }
  return out;
}

TEST_F(CliTest, EveryTemplateFilledInPassesTheCheck) {
  for (const char* kind : {"referendum", "survey", "consultation"}) {
    const Outcome printed = Run(Cat("poll template ", kind));
    ASSERT_EQ(printed.status, 0);
    Put("poll.json", Filled(printed.out));
    const Outcome checked = Run("poll check poll.json");
    EXPECT_EQ(checked.status, 0) << kind << ": " << checked.err;
    EXPECT_THAT(checked.out, HasSubstr("end:           2030-05-25T20:00:00Z"));
    EXPECT_EQ(Run("poll check --json poll.json").json()["officials_needed"], 2);
  }
  ExpectError("poll template lottery", 1, "referendum, survey, consultation and budget");
}

TEST_F(CliTest, ABadDefinitionNamesFileAndPlace) {
  Put("template.json", Run("poll template referendum").out);
  ExpectError("poll check template.json", 1, "template.json: ");
  Put("poll.json", "// a comment\n{\n  \"format\": ,\n}\n");
  ExpectError("poll check poll.json", 1, "poll.json: line 3, column 13: ");
  std::string text = Filled(Run("poll template referendum").out);
  text.replace(text.find("\"metro\""), 7, "\"Metro!\"");
  Put("poll.json", text);
  ExpectError("poll check poll.json", 1, "poll.json: contests[0].id: ");
  ExpectError("poll check poll.json", 1, "(definition.invalid)");
  ExpectError("poll check absent.json", 1, "absent.json");
}

TEST_F(CliTest, MakesAndShowsKeys) {
  const Outcome made = Run("official key --out anna.key --name 'Anna Nowak'");
  ASSERT_EQ(made.status, 0) << made.err;
  const std::string key(base::Trim(made.out));
  EXPECT_EQ(key.size(), 64u);
  EXPECT_THAT(made.err, HasSubstr("Anna Nowak"));
  EXPECT_EQ(Run("official show anna.key").out, made.out);
  EXPECT_EQ(Run("--json official show anna.key").json()["key"], key);
  EXPECT_EQ(Run("official show anna.key --json").json()["key"], key);
  ExpectError("official key --out anna.key", 1, "anna.key");
  ExpectError("trustee show anna.key", 2, "\"official\"");
}

TEST_F(CliTest, RefusesAWrongPassphrase) {
  ASSERT_EQ(Run("official key --out anna.key").status, 0);
  Put("wrong", "something else\n");
  ExpectError(Cat("poll open --key anna.key --passphrase-file wrong --plaintext --server "
                  "127.0.0.1:1 --poll ",
                  std::string(64, 'a')),
              1, "anna.key: wrong passphrase");
  unsetenv("URNA_PASSPHRASE");
  // Its own session has no terminal to ask on.
  const Outcome asked = Run("official key --out b.key", "setsid --wait");
  EXPECT_EQ(asked.status, 1);
  EXPECT_THAT(asked.err, HasSubstr("--passphrase-file"));
}

/// A whole poll: officials and trustees through the program, residents and issuers by TestElection.
class CliPollTest : public CliTest {
 protected:
  explicit CliPollTest(const testing::ElectionOptions& options = {}) : election_(options) {}
  void SetUp() override {
    CliTest::SetUp();
    server_ = std::make_unique<FakeServer>(election_);
    const crypto::SecretText passphrase(std::string("passphrase"));
    for (size_t i = 0; i < 3; ++i) {
      ASSERT_TRUE(WriteIdentity(Path(Cat("o", i + 1, ".key")), "official", election_.official(i),
                                passphrase)
                      .ok());
      ASSERT_TRUE(
          WriteIdentity(Path(Cat("t", i + 1, ".key")), "trustee", election_.trustee(i), passphrase)
              .ok());
    }
    Put("poll.json", Cat("// The officials' file.\n", election_.definition_json()));
  }
  std::string Server() { return Cat(" --plaintext --server ", server_->target()); }
  std::string Poll() { return Cat(" --poll ", base::Hex(election_.state().poll()), Server()); }
  Outcome Step(const std::string& step, int official) {
    return Run(Cat("poll ", step, " --key o", official, ".key", Poll()));
  }
  /// Two officials approve, the second completes the step.
  void TakeStep(const std::string& step, const std::string& done) {
    const Outcome first = Step(Cat(step, " --yes"), 1);
    ASSERT_EQ(first.status, 0) << first.err;
    EXPECT_THAT(first.out, StartsWith("1 of 2 approvals"));
    const Outcome second = Step(Cat(step, " --yes"), 3);
    ASSERT_EQ(second.status, 0) << second.err;
    EXPECT_EQ(second.out, Cat("poll ", base::Hex(election_.state().poll()), ": '", done,
                              "' is on the ledger\n"));
  }
  Outcome Trustee(const std::string& step, int trustee) {
    return Run(
        Cat("trustee ", step, " --key t", trustee, ".key --state t", trustee, ".state", Poll()));
  }
  void AllTrustees(const std::string& step) {
    for (int j = 1; j <= 3; ++j) {
      const Outcome outcome = Trustee(step, j);
      ASSERT_EQ(outcome.status, 0) << step << " " << j << ": " << outcome.err;
    }
  }
  void Create() {
    const std::string create = Cat("poll create poll.json", Server(), " --key ");
    const Outcome first = Run(create + "o1.key");
    ASSERT_EQ(first.status, 0) << first.err;
    EXPECT_THAT(first.out, StartsWith("1 of 2 approvals of 'defined'"));
    const Outcome second = Run(create + "o2.key");
    ASSERT_EQ(second.status, 0) << second.err;
    EXPECT_EQ(second.out,
              Cat("poll ", base::Hex(election_.state().poll()), ": 'defined' is on the ledger\n"));
  }
  void RunUntilOpen() {
    Create();
    election_.SealRoll();
    election_.JoinIssuers();
    AllTrustees("join");
    AllTrustees("deal");
    AllTrustees("confirm");
    TakeStep("open", "opened");
  }

  TestElection election_;
  std::unique_ptr<FakeServer> server_;
};

TEST_F(CliPollTest, RunsFromDefinitionToCertificate) {
  RunUntilOpen();
  // Officials approved the text without its comments, byte for byte.
  EXPECT_EQ(election_.state().definition_json(), Cat("\n", election_.definition_json()));
  TakeStep("pause --reason 'a fault is looked into'", "paused");
  const Json status = Run(Cat("poll status --json", Poll())).json();
  EXPECT_EQ(status["phase"], "paused");
  EXPECT_EQ(status["verified"], true);
  EXPECT_THAT(status["next"][0], HasSubstr("urna poll resume --poll "));
  const Outcome checklist = Run(Cat("poll status", Poll()));
  EXPECT_THAT(checklist.out,
              AllOf(HasSubstr("[x] opened"), HasSubstr("by Official 1, Official 3"),
                    HasSubstr("[!] voting is PAUSED"), HasSubstr("a fault is looked into"),
                    HasSubstr("[ ] closed\n"), HasSubstr("[x] trustees confirmed")));
  EXPECT_EQ(status["sha256"], base::Hex(crypto::HashSha256(election_.state().definition_json())));
  TakeStep("resume", "resumed");
  TakeStep("extend --end 2014-05-25T17:00:00Z --reason 'power cut'", "extended");
  ASSERT_EQ(election_.state().end(), 1401037200u);
  election_.now += 3600;
  election_.Vote();
  election_.End();

  const Outcome early = Step("close", 1);
  EXPECT_EQ(early.status, 1);
  EXPECT_THAT(early.err, HasSubstr("the last count of issuer 0 (Issuer 1)"));
  election_.CountIssuance();
  TakeStep("close", "closed");
  election_.PublishRegisters();
  EXPECT_EQ(Trustee("decrypt", 1).status, 0);

  const Outcome incomplete = Run(Cat("poll tally", Poll()));
  EXPECT_EQ(incomplete.status, 1);
  EXPECT_THAT(incomplete.err, HasSubstr("contest q1 has 1 of 2 decryption shares"));
  EXPECT_EQ(Trustee("decrypt", 3).status, 0);
  const Outcome again = Trustee("decrypt", 3);
  EXPECT_THAT(again.out, HasSubstr("is on the ledger already"));

  const Json tally = Run(Cat("poll tally --json", Poll())).json();
  EXPECT_EQ(tally["entitled"], 6);
  EXPECT_EQ(tally["ballots"], 6);
  EXPECT_EQ(tally["contests"][0]["options"][0]["votes"], 2);
  EXPECT_EQ(tally["contests"][0]["options"][1]["votes"], 2);
  EXPECT_EQ(tally["contests"][0]["invalid"], 2);
  EXPECT_EQ(tally["contests"][0]["quorum_met"], true);
  EXPECT_EQ(tally["contests"][0]["verdict"], "undecided");
  const Outcome table = Run(Cat("poll tally", Poll()));
  EXPECT_THAT(table.out, AllOf(HasSubstr("turnout 100.00\u00a0%"), HasSubstr("50.00\u00a0%"),
                               HasSubstr("undecided"), HasSubstr("Not certified yet")));

  const std::string protocol = Cat("poll protocol", Poll(), " --format ");
  const Outcome uncertified = Run(Cat(protocol, "text --out early.txt"));
  EXPECT_EQ(uncertified.status, 1);
  EXPECT_THAT(uncertified.err, HasSubstr("the poll is closed, not certified"));
  EXPECT_FALSE(std::filesystem::exists(Path("early.txt")));

  const Outcome unasked = Step("certify", 1);
  EXPECT_EQ(unasked.status, 1);
  EXPECT_THAT(unasked.err, HasSubstr("--yes"));
  TakeStep("certify", "certified");
  EXPECT_EQ(election_.state().phase(), poll::Phase::kCertified);
  EXPECT_THAT(election_.faults(), IsEmpty());
  EXPECT_THAT(Run(Cat("poll tally", Poll())).out, Not(HasSubstr("Not certified yet")));

  // The record of the result: the same bytes from the server and from an export.
  ASSERT_EQ(Run(Cat("ledger export --folder ledger", Poll())).status, 0);
  for (const auto& [format, ending] :
       std::map<std::string, std::string>{{"text", "txt"}, {"html", "html"}, {"json", "json"}}) {
    const Outcome made = Run(Cat(protocol, format, " --out made.", ending, " --json"));
    ASSERT_EQ(made.status, 0) << made.err;
    const std::string bytes = base::ReadFile(Path(Cat("made.", ending))).value();
    EXPECT_EQ(made.json()["sha256"], base::Hex(crypto::HashSha256(bytes)));
    const std::string verify =
        Cat("cd ", Path("."), " && " URNA_BIN "/urna-verify ledger --poll ",
            base::Hex(election_.state().poll()), " --protocol verified.", ending, " >/dev/null");
    ASSERT_EQ(std::system(verify.c_str()), 0);
    EXPECT_EQ(base::ReadFile(Path(Cat("verified.", ending))).value(), bytes);
    EXPECT_THAT(bytes, HasSubstr("power cut"));
  }
  EXPECT_EQ(Run(Cat(protocol, "pdf --out made.pdf")).status, 2);

  const Outcome late = Step("cancel --reason late", 1);
  EXPECT_EQ(late.status, 1);
  EXPECT_THAT(late.err, HasSubstr("neither certified nor cancelled"));
}

TEST_F(CliPollTest, AnOfficialSeesWhatAnotherProposedAndChooses) {
  RunUntilOpen();
  ASSERT_EQ(Step("pause --yes --reason 'power cut'", 1).status, 0);
  // Without a terminal nobody can say yes, and nothing is signed.
  const Outcome unasked = Step("pause --reason 'power cut'", 2);
  EXPECT_EQ(unasked.status, 1);
  EXPECT_THAT(unasked.err, AllOf(HasSubstr("pause the poll"), HasSubstr("--yes")));

  const Outcome other = Step("pause --yes --reason 'a fault'", 2);
  EXPECT_EQ(other.status, 1);
  EXPECT_THAT(other.err, AllOf(HasSubstr("\"power cut\""), HasSubstr("\"a fault\""),
                               HasSubstr("a different 'paused'"), HasSubstr("--separate")));
  const Json pending = Run(Cat("poll pending --json", Poll())).json();
  ASSERT_EQ(pending["pending"].size(), 1u);
  EXPECT_EQ(pending["pending"][0]["approved_by"][0], "Official 1");
  EXPECT_EQ(pending["pending"][0]["not_yet"].size(), 2u);
  EXPECT_EQ(Step("pause --yes --join 00000000", 2).status, 1);

  EXPECT_THAT(Step("pause --yes --separate --reason 'a fault'", 2).out, StartsWith("1 of 2"));
  const std::string code = pending["pending"][0]["code"];
  EXPECT_THAT(other.err, HasSubstr(Cat("--join ", code)));
  EXPECT_THAT(Step(Cat("pause --yes --join ", code), 3).out, HasSubstr("is on the ledger"));
  EXPECT_EQ(election_.state().reason(), "power cut");
}

TEST_F(CliPollTest, AnOfficialSeesThatAnotherProposedAnotherRoll) {
  Create();
  std::string roll = "urna-roll/1,test-roll\n";
  std::vector<std::string> lines;
  for (size_t i = 0; i < 2; ++i) {
    lines.push_back(Cat(base::Hex(election_.voter(i).credential.V.bytes()), ",style-0\n"));
  }
  std::ranges::sort(lines);
  for (const std::string& line : lines) roll += line;
  Put("roll.csv", roll);
  const auto import = [&](const std::string& persons, int official) {
    return Run(
        Cat("roll import roll.csv --key o", official, ".key --persons-sha256 ", persons, Poll()));
  };
  const std::string mine(64, 'a'), theirs(64, 'b');
  ASSERT_THAT(import(mine, 1).out, HasSubstr("1 of 2 approvals"));
  const Outcome other = import(theirs, 2);
  EXPECT_EQ(other.status, 1);
  EXPECT_THAT(other.err,
              AllOf(HasSubstr(mine), HasSubstr(theirs), HasSubstr("a different 'roll sealed'"),
                    HasSubstr("urna roll import FILE --poll "), HasSubstr("--separate")));
  EXPECT_EQ(Run(Cat("poll pending --json", Poll())).json()["pending"].size(), 1u);
  EXPECT_THAT(import(Cat(theirs, " --separate"), 2).out, HasSubstr("1 of 2 approvals"));
}

TEST_F(CliPollTest, RefusesStepsThatTheLedgerWouldRefuseInWords) {
  RunUntilOpen();
  const auto refused = [&](const std::string& step, int status, const std::string& text) {
    const Outcome outcome = Step(step, 1);
    EXPECT_EQ(outcome.status, status) << step;
    EXPECT_THAT(outcome.err, HasSubstr(text)) << step;
  };
  const std::string known = base::Hex(election_.voter(0).credential.V.bytes());
  const std::string second = base::Hex(election_.voter(1).credential.V.bytes());
  const std::string fresh = base::Hex(crypto::MulBase(crypto::Scalar::FromU64(9)).bytes());
  refused("cancel --yes --reason 'misprinted'", 1, "pause the poll first");
  refused("pause --yes --reason ' '", 2, "--reason is required");
  refused("extend --yes --reason r --end 2014-05-24T00:00:00Z", 2, "the new end must be after");
  refused(Cat("replace --yes --old ", fresh, " --new ", fresh), 1, "is not on the roll");
  refused(Cat("replace --yes --old ", known, " --new ", second), 1, "on the roll already");
  refused("replace --yes --old abc --new def", 2, "is no credential");
  refused("lot --yes --outcome 17", 1, "needs a closed poll");
  refused("register-missing --yes --issuer nobody --reason r", 2, "it has 0 (Issuer 1)");
  TakeStep(Cat("replace --old ", known, " --new ", fresh), "credential replaced");
  refused(Cat("replace --yes --old ", known, " --new ", fresh), 1, "was replaced before");
}

TEST_F(CliPollTest, VotesOnPaperAreCheckedAndAddedUp) {
  RunUntilOpen();
  election_.now += 3600;
  election_.End();
  election_.CountIssuance();
  election_.Close();
  election_.PublishRegisters();
  const std::string table = Run(Cat("poll paper-template", Poll())).out;
  EXPECT_THAT(table, StartsWith("style,contest,row,count\nstyle-0,,(cards),\nstyle-0,q1,"));
  const auto fill = [&](const std::vector<std::string>& counts) {
    std::string out;
    size_t line = 0;
    for (const auto piece : base::Split(base::Trim(table), '\n')) {
      out += Cat(piece, line > 0 && line <= counts.size() ? counts[line - 1] : "", "\n");
      ++line;
    }
    Put("paper.csv", out);
  };
  const auto refused = [&](const std::string& text) {
    const Outcome outcome = Step("paper paper.csv --yes", 1);
    EXPECT_EQ(outcome.status, 2) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(text));
  };
  fill({"3", "1", "1", "2", "3", "0", "0"});
  refused("style style-0, contest q1: 2 votes and 2 invalid are 4, but there are 3 cards");
  fill({"3", "1", "x"});
  refused("line 4 (style-0 q1");
  fill({"3", "1", "1"});
  refused("no number is given");
  fill({"99", "99", "0", "0", "99", "0", "0"});
  refused("99 cards, but only 3 on the roll");
  fill({});
  refused("no number is filled in");
  fill({"3", "1", "1", "1", "3", "0", "0"});
  TakeStep("paper paper.csv", "paper counted");
  ASSERT_TRUE(election_.state().paper()[0].has_value());
  EXPECT_EQ(election_.state().paper()[0]->cards, 3u);
  EXPECT_FALSE(election_.state().paper()[1].has_value());
  EXPECT_THAT(election_.faults(), IsEmpty());
}

TEST_F(CliPollTest, FetchesAndExportsTheLedger) {
  election_.RunUntilOpen();
  ASSERT_EQ(Run(Cat("ledger export --folder ledger", Poll())).status, 0);
  const Json first = Run(Cat("ledger fetch --json --folder ledger", Poll())).json();
  EXPECT_EQ(first["size"], election_.records().size());
  EXPECT_EQ(first["root"], base::Hex(election_.state().root()));
  ExpectError(Cat("ledger export --folder ledger", Poll()), 1, "exists");
  server_->tamper = [](std::vector<std::string>& records) { records.pop_back(); };
  ExpectError(Cat("ledger fetch --folder ledger", Poll()), 1, "(ledger.forked)");
}

TEST_F(CliPollTest, AnInterruptLeavesNothingBehind) {
  election_.RunUntilOpen();
  server_->stall = true;
  ASSERT_TRUE(base::MakeFolders(Path("here")).ok());
  const std::string program = Cat(URNA_BIN, "/urna");
  const std::string poll = base::Hex(election_.state().poll());
  const std::string folder = Path("here/ledger");
  std::vector<std::string> words = {program,    "ledger",         "fetch", "--folder",
                                    folder,     "--poll",         poll,    "--plaintext",
                                    "--server", server_->target()};
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t child = 0;
  ASSERT_EQ(posix_spawn(&child, program.c_str(), nullptr, nullptr, arguments.data(), environ), 0);
  server_->asked.get_future().wait();
  EXPECT_FALSE(std::filesystem::is_empty(Path("here")));
  ASSERT_EQ(kill(child, SIGINT), 0);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 130);
  EXPECT_TRUE(std::filesystem::is_empty(Path("here")));
}

TEST_F(CliPollTest, RefusesAServerThatDefinesSomethingElse) {
  TestElection other;
  other.RunUntilOpen();
  ASSERT_EQ(Run(Cat("poll create poll.json --key o1.key", Server())).status, 0);
  server_->tamper = [&](std::vector<std::string>& records) { records = other.records(); };
  const Outcome second = Run(Cat("poll create poll.json --key o2.key", Server()));
  EXPECT_EQ(second.status, 1);
  EXPECT_THAT(second.err, HasSubstr("(ledger.poll-id)"));
}

TEST_F(CliPollTest, AStrangersKeyApprovesNothing) {
  ASSERT_EQ(Run("official key --out stranger.key").status, 0);
  ExpectError(Cat("poll create poll.json --key stranger.key", Server()), 1, "is no official's");
  election_.RunUntilOpen();
  ExpectError(Cat("poll cancel --reason r --key stranger.key", Poll()), 1, "is no official's");
  ASSERT_EQ(Run("trustee key --out stranger2.key").status, 0);
  ExpectError(Cat("trustee join --key stranger2.key --state s", Poll()), 1, "is no trustee's");
}

TEST_F(CliPollTest, AnOfficialSignsNothingOnAFaultyLedger) {
  election_.RunUntilOpen();
  election_.now += 3600;
  election_.Vote();
  election_.End();
  election_.CountIssuance();
  server_->tamper = [](std::vector<std::string>& records) {
    for (std::string& bytes : records) {
      ledger::Record record = ledger::DecodeRecord(bytes).value();
      if (record.kind != static_cast<uint8_t>(poll::RecordKind::kBallotCast)) continue;
      record.payload[record.payload.size() - 32] ^= 1;
      bytes = ledger::EncodeRecord(record);
      break;
    }
    records = TestElection::Rechain(records);
  };
  const Outcome outcome = Step("close", 1);
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.err, HasSubstr("(ballot.proof-invalid)"));
  EXPECT_THAT(Run(Cat("poll status --quick --json", Poll())).json()["pending"], IsEmpty());
  ExpectError(Cat("poll status", Poll()), 1, "(ballot.proof-invalid)");
}

TEST_F(CliPollTest, ATrusteeDecryptsNothingOnAFaultyLedger) {
  Create();
  election_.SealRoll();
  election_.JoinIssuers();
  AllTrustees("join");
  AllTrustees("deal");
  AllTrustees("confirm");
  election_.Open();
  election_.now += 3600;
  election_.Vote();
  election_.End();
  election_.CountIssuance();
  election_.Close();
  // An entry that its credential never signed.
  election_.tamper_register = [](uint32_t, std::vector<poll::RegisterEntry>& entries) {
    std::swap(entries[0].signature, entries[1].signature);
  };
  election_.PublishRegisters();
  const std::string state = base::ReadFile(Path("t1.state")).value();
  const Outcome outcome = Trustee("decrypt", 1);
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.err,
              AllOf(HasSubstr("(register part)"), HasSubstr("(credential.signature-invalid)")));
  EXPECT_EQ(base::ReadFile(Path("t1.state")).value(), state);
}

TEST_F(CliPollTest, ASecretIsOnDiskBeforeItsRecordIsOnTheLedger) {
  Create();
  election_.SealRoll();
  election_.JoinIssuers();
  // The record does not arrive; the trustee tries again.
  server_->refuse_submissions = true;
  const Outcome lost = Trustee("join", 1);
  EXPECT_EQ(lost.status, 1);
  EXPECT_THAT(lost.err, HasSubstr("run the same command again"));
  const std::string state = base::ReadFile(Path("t1.state")).value();
  server_->refuse_submissions = false;
  EXPECT_EQ(Trustee("join", 1).status, 0);
  EXPECT_EQ(base::ReadFile(Path("t1.state")).value(), state);
  EXPECT_TRUE(election_.state().joined()[0].has_value());
  // Without its state file the trustee cannot go on, and does not start over.
  ASSERT_EQ(rename(Path("t1.state").c_str(), Path("lost").c_str()), 0);
  const Outcome anew = Trustee("join", 1);
  EXPECT_EQ(anew.status, 1);
  EXPECT_THAT(anew.err, HasSubstr("joined before"));
}

TEST_F(CliPollTest, AComplaintIsLoud) {
  Create();
  election_.SealRoll();
  election_.JoinIssuers();
  AllTrustees("join");
  server_->tamper_submission = [&](poll::RecordKind kind, std::string& payload) {
    if (kind != poll::RecordKind::kDealt || payload[0] != 2) return;
    auto dealt = std::get<poll::Dealt>(poll::DecodePayload(static_cast<uint8_t>(kind), payload,
                                                           election_.state().definition().get())
                                           .value());
    dealt.sealed[0][40] = static_cast<char>(dealt.sealed[0][40] ^ 1);
    dealt.signature = election_.trustee(1).Sign(poll::ParticipantMessage(
        "trustee", kind, election_.state().poll(), 2, 1, poll::PayloadBody(dealt)));
    payload = poll::EncodePayload(dealt);
  };
  AllTrustees("deal");
  const Outcome complaint = Trustee("confirm", 1);
  EXPECT_EQ(complaint.status, 1);
  EXPECT_THAT(complaint.err, AllOf(HasSubstr("trustee 2 (Trustee 2) sent you WRONG SHARES"),
                                   HasSubstr("cancelled")));
  EXPECT_EQ(election_.state().phase(), poll::Phase::kFailed);
  TakeStep("cancel --reason 'trustee 2 dealt wrong shares'", "cancelled");
}

TEST_F(CliTest, ExplainsWhatTrusteesDoBesideTheLedger) {
  for (const char* command : {"trustee rehearse", "trustee combine", "trustee destroy",
                              "trustee check-destroyed", "trustee show-state", "key passphrase"}) {
    const Outcome outcome = Run(Cat(command, " --help"));
    EXPECT_EQ(outcome.status, 0) << command;
    EXPECT_THAT(outcome.out, HasSubstr(Cat("Example:\n  urna ", command))) << command;
  }
}

TEST_F(CliPollTest, TrusteesRehearseTogetherBeforeOpening) {
  Create();
  election_.SealRoll();
  election_.JoinIssuers();
  AllTrustees("join");
  AllTrustees("deal");
  EXPECT_THAT(Trustee("rehearse", 1).err, HasSubstr("nothing to rehearse: the poll is waiting"));
  AllTrustees("confirm");
  const size_t records = election_.records().size();
  const std::string state = base::ReadFile(Path("t1.state")).value();
  const Outcome alone = Trustee("rehearse", 1);
  EXPECT_EQ(alone.status, 0) << alone.err;
  EXPECT_THAT(alone.out, HasSubstr("The state file and its passphrase work"));
  for (const int j : {1, 3}) {
    EXPECT_EQ(Trustee(Cat("rehearse --label may --export share", j), j).status, 0);
  }
  const Outcome together = Run(Cat("trustee combine share1 share3", Poll()));
  EXPECT_EQ(together.status, 0) << together.err;
  EXPECT_THAT(together.out, HasSubstr("The shares of Trustee 1, Trustee 3 together decrypt"));
  ExpectError(Cat("trustee combine share1", Poll()), 1, "1 of 2");
  ExpectError(Cat("trustee combine t1.key share1", Poll()), 2, "t1.key: is not a share");
  // Neither ledger nor file changed.
  EXPECT_EQ(election_.records().size(), records);
  EXPECT_EQ(base::ReadFile(Path("t1.state")).value(), state);
}

TEST_F(CliPollTest, ATrusteeDestroysItsShareOnceItIsOfNoUse) {
  Create();
  election_.SealRoll();
  election_.JoinIssuers();
  AllTrustees("join");
  EXPECT_THAT(Trustee("destroy --yes", 1).err, HasSubstr("Nothing was destroyed"));
  ASSERT_EQ(base::ReadFile(Path("t1.state")).ok(), true);
  TakeStep("cancel --reason 'trustee 3 is ill'", "cancelled");
  EXPECT_THAT(Trustee("destroy", 1).err, HasSubstr("give --yes"));
  const Outcome destroyed = Trustee("destroy --yes", 1);
  EXPECT_EQ(destroyed.status, 0) << destroyed.err;
  EXPECT_FALSE(std::filesystem::exists(Path("t1.state")));
  const Outcome checked = Run(Cat("trustee check-destroyed t1.state.destroyed", Poll()));
  EXPECT_EQ(checked.status, 0) << checked.err;
  EXPECT_THAT(checked.out, HasSubstr("Trustee 1 (Trustee 1) signed that on "));
  std::string forged = base::ReadFile(Path("t1.state.destroyed")).value();
  forged.replace(forged.find("\"trustee\": 1"), 12, "\"trustee\": 2");
  Put("forged", forged);
  ExpectError(Cat("trustee check-destroyed forged", Poll()), 1, "(trustee.signature-invalid)");
}

TEST_F(CliPollTest, ARestoredCopyOfTheStateDoesNotFollowAForkedLedger) {
  Create();
  election_.SealRoll();
  election_.JoinIssuers();
  AllTrustees("join");
  std::filesystem::copy_file(Path("t1.state"), Path("older"));
  AllTrustees("deal");
  AllTrustees("confirm");
  EXPECT_EQ(Trustee("confirm", 1).status, 0);
  std::filesystem::rename(Path("older"), Path("t1.state"));
  server_->tamper = [](std::vector<std::string>& records) { records.pop_back(); };
  EXPECT_THAT(Trustee("confirm", 1).err, HasSubstr("(ledger.forked)"));
  server_->tamper = nullptr;
  EXPECT_EQ(Trustee("rehearse", 1).status, 0);
}

TEST_F(CliPollTest, ChangesPassphrasesAndSaysWhenTheyDiffer) {
  Create();
  election_.SealRoll();
  election_.JoinIssuers();
  ASSERT_EQ(Trustee("join", 1).status, 0);
  EXPECT_EQ(Run("trustee show-state t1.state --json").json()["stage"], "joined");
  Put("new", "a better one\n");
  ASSERT_EQ(Run("key passphrase t1.key --new-passphrase-file new").status, 0);
  EXPECT_THAT(Trustee("join --passphrase-file new", 1).err,
              HasSubstr("t1.state: has another passphrase than t1.key"));
  ASSERT_EQ(Run("key passphrase t1.state --new-passphrase-file new").status, 0);
  EXPECT_EQ(Trustee("join --passphrase-file new", 1).status, 0);
  ExpectError("key passphrase t1.key --new-passphrase-file new", 1, "t1.key: wrong passphrase");
  ExpectError("trustee show-state t1.key", 2, "\"trustee\"");
}

class WitnessedPollTest : public CliPollTest {
 protected:
  static testing::ElectionOptions Witnessed() {
    testing::ElectionOptions options;
    options.witnesses = 2;
    options.witnesses_needed = 1;
    return options;
  }
  WitnessedPollTest() : CliPollTest(Witnessed()) {}
};

TEST_F(WitnessedPollTest, TrusteesDecryptWhenTheWitnessesCosigned) {
  const Outcome checked = Run("poll check poll.json");
  EXPECT_THAT(checked.out, HasSubstr("witnesses:     1 before decryption, of witness.example/w0, "
                                     "witness.example/w1\n"));
  RunUntilOpen();
  election_.now += 3600;
  election_.Vote();
  election_.End();
  election_.CountIssuance();
  election_.Close();
  election_.PublishRegisters();
  const Outcome waiting = Run(Cat("poll status", Poll()));
  EXPECT_THAT(waiting.out,
              AllOf(HasSubstr("[!] witnesses"),
                    HasSubstr("0 of 2 witnesses cosigned it, not yet "
                              "witness.example/w0"),
                    HasSubstr("Next:\n  the server asks the poll's witnesses by itself")));

  const size_t records = election_.records().size();
  const Outcome early = Trustee("decrypt --wait 0", 1);
  EXPECT_EQ(early.status, 1);
  EXPECT_THAT(early.err, AllOf(HasSubstr("not yet witness.example/w0, witness.example/w1"),
                               HasSubstr("(witness.too-few)")));
  EXPECT_EQ(election_.records().size(), records);

  // The witness cosigns while the trustee waits.
  std::atomic<int> looks{0};
  server_->cosigned_by = [&looks] {
    return ++looks < 2 ? std::vector<size_t>() : std::vector<size_t>{1};
  };
  const Outcome decrypted = Trustee("decrypt", 1);
  EXPECT_EQ(decrypted.status, 0) << decrypted.err;
  EXPECT_THAT(decrypted.out, HasSubstr("Waiting for the witnesses' cosignatures."));
  EXPECT_GT(election_.records().size(), records);
  EXPECT_THAT(
      Run(Cat("poll status", Poll())).out,
      HasSubstr(
          "[x] witnesses                  of the newest checkpoint: 1 of 2 witnesses cosigned it"));
}

}  // namespace
}  // namespace urna::client
