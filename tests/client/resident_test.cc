
#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/file.h"
#include "client/code_uri.h"
#include "client/recovery_phrase.h"
#include "client/wallet.h"
#include "tests/client/cli_fixture.h"
#include "tests/client/fake_server.h"
#include "tests/client/fake_voting.h"
#include "tests/support/election.h"

namespace urna::client {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;

/// `urna` on a terminal of its own.
class Terminal {
 public:
  Terminal(const std::string& folder, const std::vector<std::string>& words) {
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    pid_ = forkpty(&fd_, nullptr, nullptr, nullptr);
    if (pid_ != 0) return;
    if (chdir(folder.c_str()) == 0) execv(arguments[0], arguments.data());
    _exit(127);
  }
  ~Terminal() {
    if (pid_ > 0) kill(pid_, SIGKILL);
    if (pid_ > 0) waitpid(pid_, nullptr, 0);
    close(fd_);
  }

  /// Waits until `text` is shown. Returns everything shown since the last call.
  std::string Await(const std::string& text) {
    const size_t found = Read([&] { return shown_.find(text, seen_) != std::string::npos; })
                             ? shown_.find(text, seen_) + text.size()
                             : shown_.size();
    EXPECT_NE(shown_.find(text, seen_), std::string::npos) << "no \"" << text << "\" in\n"
                                                           << shown_;
    const std::string news = shown_.substr(seen_, found - seen_);
    seen_ = found;
    return news;
  }
  void Type(const std::string& line) {
    const std::string text = line + "\n";
    ASSERT_EQ(write(fd_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  /// Waits for the end. Returns the exit status.
  int Wait() {
    Read([] { return false; });
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  const std::string& shown() const { return shown_; }

 private:
  /// False at the end of what is shown.
  bool Read(const std::function<bool()>& enough) {
    while (!enough()) {
      char buffer[4096];
      const ssize_t got = read(fd_, buffer, sizeof buffer);
      if (got <= 0) return false;
      shown_.append(buffer, static_cast<size_t>(got));
    }
    return true;
  }

  int fd_ = -1;
  pid_t pid_ = 0;
  std::string shown_;
  size_t seen_ = 0;
};

/// An open poll whose residents use the program, with key files v0.key, v1.key, ...
class ResidentTest : public CliTest {
 protected:
  explicit ResidentTest(const testing::ElectionOptions& options = {}) : election_(options) {}
  void SetUp() override {
    CliTest::SetUp();
    setenv("URNA_WALLETS", Path("wallets").c_str(), 1);
    election_.RunUntilOpen();
    election_.now += 3600;
    server_ =
        std::make_unique<FakeServer>(election_, std::vector<grpc::Service*>{&issuing_, &casting_});
    for (size_t i = 0; i < 3; ++i) {
      const auto& key = election_.voter(i).credential;
      ASSERT_TRUE(SaveCredential(Path(Cat("v", i, ".key")), key.k, key.V,
                                 crypto::SecretText(std::string("passphrase")))
                      .ok());
    }
  }
  void TearDown() override {
    unsetenv("URNA_WALLETS");
    unsetenv("URNA_PASSPHRASE");
  }

  std::string PollId() { return base::Hex(election_.state().poll()); }
  std::string Poll() { return Cat(" --poll ", PollId()); }
  std::string Server() { return Cat(" --plaintext --server ", server_->target()); }
  static std::string Answers(const std::string& q1 = "tak") {
    return Cat(" --yes --answer q1=", q1, " --answer q2=blank");
  }
  Outcome Vote(const std::string& more) { return Run(Cat("vote", Poll(), Server(), " ", more)); }
  void MustVote(const std::string& more) {
    const Outcome outcome = Vote(more);
    ASSERT_EQ(outcome.status, 0) << outcome.err;
  }
  Outcome Status(const std::string& more) {
    return Run(Cat("vote status --json", Poll(), Server(), " ", more));
  }
  Outcome CheckReceipts(const std::string& more = "") {
    return Run(Cat("receipt check --json", Poll(), Server(), " ", more));
  }
  std::vector<std::string> OnTerminal(std::vector<std::string> words) {
    words.insert(words.begin(), Cat(URNA_BIN, "/urna"));
    for (const std::string& word : {std::string("--poll"), PollId(), std::string("--plaintext"),
                                    std::string("--server"), server_->target()}) {
      words.push_back(word);
    }
    return words;
  }
  Wallet Load(const std::string& label) {
    return LoadWallet(WalletPath(Path("wallets"), election_.state().poll(), label).value(),
                      crypto::SecretText(std::string("passphrase")))
        .value();
  }
  bool HasWallet(const std::string& label) {
    return std::filesystem::exists(
        WalletPath(Path("wallets"), election_.state().poll(), label).value());
  }

  TestElection election_;
  FakeIssuing issuing_{election_};
  FakeCasting casting_{election_};
  std::unique_ptr<FakeServer> server_;
};

// --- Recovery phrase ---

TEST_F(ResidentTest, RestoresALostWalletFromItsPhraseAndVotesAgain) {
  MustVote(Cat("--resident jan --credential v0.key --recovery-phrase phrase", Answers()));
  struct stat info;
  ASSERT_EQ(stat(Path("phrase").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(DecodePhrase(base::ReadFile(Path("phrase")).value())->Expose(),
            Load("jan").omega.Expose());

  std::filesystem::remove_all(Path("wallets"));
  const Outcome restored = Run(Cat(
      "vote restore --resident jan --credential v0.key --phrase-file phrase", Poll(), Server()));
  ASSERT_EQ(restored.status, 0) << restored.err;
  EXPECT_EQ(issuing_.answered, 1);
  MustVote(Cat("--resident jan", Answers("nie")));
  EXPECT_EQ(Load("jan").last_revision, 2);
  EXPECT_EQ(election_.state().distinct_ballots(), 1u);
  EXPECT_EQ(election_.state().ballot_records(), 2u);
}

TEST_F(ResidentTest, IsToldThatThePhraseIsOfAnotherWallet) {
  MustVote(Cat("--resident jan --credential v0.key --recovery-phrase jan.phrase", Answers()));
  MustVote(Cat("--resident eva --credential v1.key --recovery-phrase eva.phrase", Answers()));
  ExpectError(
      Cat("--json vote restore --resident jan2 --credential v0.key --phrase-file eva.phrase",
          Poll(), Server()),
      1, "with another recovery phrase");
  EXPECT_FALSE(HasWallet("jan2"));
  ExpectError(Cat("vote restore --resident jan --credential v0.key --phrase-file jan.phrase",
                  Poll(), Server()),
              1, "there is a wallet already");
  Put("typo", "abandon abandn\n");
  ExpectError(
      Cat("vote restore --resident jan2 --credential v0.key --phrase-file typo", Poll(), Server()),
      1, "typo: word 2 of the recovery phrase");
  ExpectError(Cat("vote restore --resident jan2 --credential v0.key", Poll(), Server()), 2,
              "--phrase-file");
  EXPECT_EQ(issuing_.answered, 2);
}

TEST_F(ResidentTest, APhraseWithoutTokenGetsANewOne) {
  // The device was lost before the token was asked for.
  Put("phrase", EncodePhrase(crypto::NewOmega()).Expose());
  const Outcome restored = Run(Cat(
      "vote restore --resident jan --credential v0.key --phrase-file phrase", Poll(), Server()));
  ASSERT_EQ(restored.status, 0) << restored.err;
  EXPECT_EQ(issuing_.answered, 1);
  MustVote(Cat("--resident jan", Answers()));
}

TEST_F(ResidentTest, IsOfferedThePhraseOnceOnly) {
  Put("taken", "mine");
  // The file cannot be written: no token is asked for, and the offer stands.
  EXPECT_EQ(
      Vote(Cat("--resident jan --credential v0.key --recovery-phrase taken", Answers())).status, 1);
  EXPECT_EQ(base::ReadFile(Path("taken")).value(), "mine");
  EXPECT_EQ(issuing_.begun, 0);
  MustVote(Cat("--resident jan --credential v0.key --recovery-phrase phrase", Answers()));
  EXPECT_EQ(Vote(Cat("--resident jan --recovery-phrase phrase2", Answers())).status, 2);
  EXPECT_FALSE(std::filesystem::exists(Path("phrase2")));

  const Outcome without = Vote(Cat("--resident eva --credential v1.key", Answers()));
  EXPECT_THAT(without.err, HasSubstr("no recovery phrase was written"));
  EXPECT_THAT(Vote(Cat("--resident ola --credential v2.key --no-recovery-phrase", Answers())).err,
              IsEmpty());
}

TEST_F(ResidentTest, TypesTwoWordsOfThePhraseBackAndVotesLater) {
  Terminal terminal(folder_->path(), OnTerminal({"vote", "--credential", "v0.key"}));
  const std::string shown = terminal.Await("Type word ");
  EXPECT_EQ(issuing_.begun, 0);
  // Number and word stand beside each other.
  std::vector<std::string> words;
  for (int i = 1; i <= 24; ++i) {
    const size_t at =
        shown.find(Cat(i < 10 ? "  " : " ", i, " "), shown.find("never again")) + (i < 10 ? 4 : 4);
    words.push_back(shown.substr(at, shown.find(' ', at) - at));
  }
  const auto answer = [&] { return words.at(std::stoul(terminal.Await(",")) - 1); };
  terminal.Type(answer() + "x");
  terminal.Await("That is not word");
  terminal.Await("Type word ");
  terminal.Type(answer());
  terminal.Await("Type word ");
  terminal.Type(Cat(" ", answer(), " "));
  terminal.Await("Both are right.");
  terminal.Await("Vote \"now\" or \"later\"?");
  EXPECT_EQ(issuing_.answered, 1);
  terminal.Type("later");
  EXPECT_EQ(terminal.Wait(), 0) << terminal.shown();
  EXPECT_THAT(terminal.shown(), HasSubstr("best from another network"));
  EXPECT_TRUE(casting_.received.empty());

  const Wallet wallet = Load("me");
  std::string phrase;
  for (const std::string& word : words) phrase += word + " ";
  EXPECT_EQ(DecodePhrase(phrase).value().Expose(), wallet.omega.Expose());
  // Never again.
  Terminal again(folder_->path(), OnTerminal({"vote"}));
  again.Await("(one number");
  again.Type("1");
  again.Await("(one number");
  again.Type("0");
  again.Await("Fingerprint: ");
  again.Await("> ");
  again.Type("cast");
  EXPECT_EQ(again.Wait(), 0) << again.shown();
  EXPECT_THAT(again.shown(), AllOf(Not(HasSubstr("recovery phrase")), HasSubstr("Recorded")));
  EXPECT_EQ(casting_.received.size(), 1u);
}

TEST_F(ResidentTest, TypesThePhraseOnTheTerminal) {
  MustVote(Cat("--resident jan --credential v0.key --recovery-phrase phrase", Answers()));
  const std::string phrase(base::Trim(base::ReadFile(Path("phrase")).value()));
  Terminal terminal(folder_->path(), OnTerminal({"vote", "restore", "--resident", "jan2",
                                                 "--credential", "v0.key"}));
  terminal.Await("> ");
  terminal.Type("abandon abandn");
  terminal.Await("> ");
  terminal.Type("");
  terminal.Await("the nearest is \"abandon\"");
  terminal.Await("> ");
  const size_t middle = phrase.find(' ', phrase.size() / 2);
  terminal.Type(phrase.substr(0, middle));
  terminal.Await("> ");
  terminal.Type(phrase.substr(middle));
  terminal.Await("Restored.");
  EXPECT_EQ(terminal.Wait(), 0) << terminal.shown();
  EXPECT_EQ(Load("jan2").omega.Expose(), Load("jan").omega.Expose());
}

// --- Several residents ---

TEST_F(ResidentTest, SeveralShareADeviceWithoutMixUps) {
  MustVote(Cat("--resident jan --credential v0.key", Answers()));
  // One wallet needs no name.
  MustVote(Answers());
  EXPECT_EQ(Load("jan").last_revision, 2);
  // Another's code must not vote from Jan's wallet, nor be forgotten.
  ExpectError(Cat("--json vote --credential v1.key", Answers(), Poll(), Server()), 1,
              "made for another code or key");
  MustVote(Cat("--resident eva --credential v1.key --token-only", Answers()));
  ExpectError(Cat("vote", Answers(), Poll(), Server()), 2, "eva, jan; name one with --resident");
  EXPECT_EQ(election_.state().ballot_records(), 2u);

  Put("wrong", "something else\n");
  ExpectError(Cat("vote --resident eva --passphrase-file wrong", Answers(), Poll(), Server()), 1,
              "wrong passphrase; every resident's wallet has its own (--resident; others here: "
              "jan)");
  ExpectError(Cat("vote --resident ../eva", Answers(), Poll(), Server()), 2, "neither contain");
  ExpectError(Cat("vote --resident eva --wallet w", Answers(), Poll(), Server()), 2, "excludes");

  const Json list = Run("vote list --json").json();
  ASSERT_EQ(list["wallets"].size(), 2u);
  EXPECT_EQ(list["wallets"][0]["resident"], "eva");
  EXPECT_EQ(list["wallets"][0]["state"], "has its ballot token, no ballot cast");
  EXPECT_EQ(list["wallets"][1]["state"], "ballot cast");
  EXPECT_THAT(Run("vote list").out, AllOf(HasSubstr(PollId()), HasSubstr("jan")));
  EXPECT_EQ(Run(Cat("vote show --json --resident jan", Poll())).json()["receipts"], 2);
}

TEST_F(ResidentTest, AMistypedLabelLeavesNoWalletBehind) {
  MustVote(Cat("--resident jan --credential v0.key", Answers()));
  const Outcome outcome = Vote(Cat("--resident jann --credential v0.key", Answers()));
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.err,
              AllOf(HasSubstr("other wallets here: jan"), HasSubstr("(token.other-wallet)")));
  EXPECT_FALSE(HasWallet("jann"));
}

TEST_F(ResidentTest, TwoProcessesDoNotUseAWalletAtOnce) {
  MustVote(Cat("--resident jan --credential v0.key --token-only", Answers()));
  const auto lock =
      LockWallet(WalletPath(Path("wallets"), election_.state().poll(), "jan").value());
  ASSERT_TRUE(lock.ok());
  ExpectError(Cat("vote --resident jan", Answers(), Poll(), Server()), 1,
              "another urna is using this wallet");
  EXPECT_TRUE(casting_.received.empty());
}

// --- Status ---

TEST_F(ResidentTest, SeesTheirOwnStateAndTheLedgers) {
  MustVote(Cat("--resident jan --credential v0.key", Answers()));
  MustVote(Cat("--resident jan", Answers("nie")));
  const Json alone = Status("--resident jan").json();
  EXPECT_EQ(alone["issuers"][0]["answered"], nullptr);
  EXPECT_EQ(alone["wallet"]["last_revision"], 2);
  EXPECT_EQ(alone["wallet"]["published_ballots"], 2);
  EXPECT_EQ(alone["wallet"]["counts"]["revision"], 2);
  EXPECT_EQ(alone["wallet"]["counts"]["record"], election_.records().size() - 1);
  EXPECT_THAT(alone["alarms"], IsEmpty());

  const Json with_key = Status("--resident jan --credential v0.key").json();
  EXPECT_EQ(with_key["issuers"][0]["answered"], true);
  EXPECT_EQ(with_key["issuers"][0]["for_this_wallet"], true);
  const Json key_alone = Status("--credential v1.key").json();
  EXPECT_EQ(key_alone["issuers"][0]["answered"], false);
  EXPECT_EQ(key_alone["wallet"], nullptr);
  const Outcome text = Run(Cat("vote status --resident jan --credential v0.key", Poll(), Server()));
  EXPECT_THAT(text.out, AllOf(HasSubstr("gave a token, for this wallet"),
                              HasSubstr("2 ballots of this wallet")));
  ExpectError(Cat("vote status --resident eva", Poll(), Server()), 1, "eva");
  ExpectError(Cat("vote status --resident jan --credential v1.key", Poll(), Server()), 1,
              "another code or key");
}

TEST_F(ResidentTest, IsAskedForACodeOnATerminalButNeedNotGiveOne) {
  MustVote(Cat("--resident jan --credential v0.key", Answers()));
  Terminal terminal(folder_->path(), OnTerminal({"vote", "status", "--resident", "jan"}));
  terminal.Await("(or nothing): ");
  terminal.Type("12345");
  terminal.Await("(or nothing): ");
  terminal.Type("");
  EXPECT_EQ(terminal.Wait(), 0) << terminal.shown();
  EXPECT_THAT(terminal.shown(), HasSubstr("not asked whether it gave a token"));
}

TEST_F(ResidentTest, TheSquareOfALetterNamesPollAndCode) {
  const std::string code = "XXYHQ-M4HZ8-NGD04-KNDWR", other(64, '7');
  const auto read = ReadCode(Cat(" urna:vote?poll=", other, "&code=", code, "\n"));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(base::Hex(*read->poll), other);
  EXPECT_EQ(ReadCode(CodeUri(read->poll, code))->poll, read->poll);
  EXPECT_EQ(read->symbols.Expose(), crypto::ParseCode(code)->Expose());
  EXPECT_FALSE(ReadCode(Cat("urna:vote?code=", code))->poll.has_value());
  EXPECT_FALSE(ReadCode(code)->poll.has_value());
  for (const std::string& square :
       {Cat("urna:vote?poll=", other), Cat("urna:vote?poll=77&code=", code),
        Cat("urna:vote?code=", code, "&code=", code), Cat("urna:vote?code=", code, "&x=y"),
        Cat("urna:vote?poll=", other, "&poll=", other, "&code=", code),
        Cat("urna:voter?code=", code)}) {
    const absl::Status refused = ReadCode(square).status();
    EXPECT_EQ(base::RejectId(refused), "code.malformed") << square;
    EXPECT_THAT(refused.ToString(), Not(HasSubstr("M4HZ8")));
  }
  EXPECT_EQ(base::RejectId(ReadCode("urna:vote?code=XXYHQ-4MHZ8-NGD04-KNDWR").status()),
            "code.typing-error");

  // The code is on no roll; that it was looked for on this poll's shows which poll was taken.
  const auto square = [&](const std::string& poll) {
    return Cat(" --resident jan --code 'urna:vote?poll=", poll, "&code=", code, "'", Answers());
  };
  EXPECT_THAT(Run(Cat("vote", Server(), square(PollId()))).err,
              HasSubstr("not on the poll's roll"));
  EXPECT_THAT(Vote(square(PollId())).err, HasSubstr("not on the poll's roll"));
  ExpectError(Cat("vote", Poll(), Server(), square(other)), 2, "not the poll of this letter");
  ExpectError(Cat("vote status --ledger nowhere", Poll(), " --code 'urna:vote?poll=", other,
                  "&code=", code, "'"),
              2, "not the poll of this letter");
  ExpectError(Cat("vote", Server(), " --resident jan --code ", code, Answers()), 2,
              "--poll is missing");
  EXPECT_FALSE(HasWallet("jan"));

  Terminal terminal(folder_->path(), OnTerminal({"vote", "--resident", "jan"}));
  terminal.Await("from the letter: ");
  terminal.Type(Cat("urna:vote?poll=", other, "&code=", code));
  terminal.Await("not the poll of this letter");
  terminal.Await("from the letter: ");
  terminal.Type(Cat("urna:vote?poll=", PollId(), "&code=", code));
  EXPECT_EQ(terminal.Wait(), 1) << terminal.shown();
  EXPECT_THAT(terminal.shown(), HasSubstr("not on the poll's roll"));
}

TEST_F(ResidentTest, IsAlarmedWhenSomebodyElseUsedTheirCode) {
  MustVote(Cat("--wallet thief.wallet --credential v0.key", Answers()));
  // Before Jan has a wallet, only he knows that it was not he.
  const Outcome asked = Run(Cat("vote status --credential v0.key", Poll(), Server()));
  EXPECT_EQ(asked.status, 0) << asked.err;
  EXPECT_THAT(asked.out, HasSubstr("If you did not ask for a token, somebody else has used"));
  // A wallet whose token never came.
  Wallet wallet = Wallet::New(election_.state().poll(), election_.voter(0).credential.V,
                              election_.context().definition->styles[0].id, 1);
  ASSERT_TRUE(
      SaveWallet(Path("jan.wallet"), wallet, crypto::SecretText(std::string("passphrase"))).ok());
  const Outcome alarm = Status("--wallet jan.wallet --credential v0.key");
  EXPECT_EQ(alarm.status, 1);
  EXPECT_THAT(alarm.err, AllOf(HasSubstr("for another wallet"), HasSubstr("(vote.alarm)")));
  EXPECT_EQ(alarm.json()["issuers"][0]["for_this_wallet"], false);
  // The wallet's own question needs no code: the register shows it after the end.
  EXPECT_EQ(Status("--wallet jan.wallet").status, 0);
  for (int i = 1; i < 5; ++i) election_.Cast(static_cast<size_t>(i), {{1, 0}, {1, 0}});
  election_.End();
  election_.CountIssuance();
  election_.Close();
  election_.PublishRegisters();
  ASSERT_THAT(election_.faults(), IsEmpty());
  const Outcome closed = Status("--wallet jan.wallet");
  EXPECT_EQ(closed.status, 1);
  EXPECT_EQ(closed.json()["issuers"][0]["in_register"], true);
  EXPECT_EQ(Status("--wallet thief.wallet").status, 0);
  EXPECT_EQ(Status("--credential v0.key").json()["issuers"][0]["in_register"], true);
}

TEST_F(ResidentTest, IsAlarmedByBallotsOfACopyAndByARegisterThatLeavesThemOut) {
  MustVote(Cat("--wallet jan.wallet --credential v0.key", Answers()));
  std::filesystem::copy(Path("jan.wallet"), Path("copy.wallet"));
  MustVote(Cat("--wallet copy.wallet", Answers("nie")));
  const Outcome copied = Status("--wallet jan.wallet");
  EXPECT_EQ(copied.status, 1);
  EXPECT_THAT(copied.err, HasSubstr("that this wallet did not cast"));

  for (int i = 1; i < 5; ++i) election_.Cast(static_cast<size_t>(i), {{1, 0}, {1, 0}});
  election_.End();
  election_.CountIssuance();
  election_.Close();
  // The record breaks a rule of the ledger, too; the resident sees what concerns them.
  election_.tamper_register = [&](uint32_t, std::vector<poll::RegisterEntry>& entries) {
    std::erase_if(entries,
                  [&](const auto& e) { return e.credential == election_.voter(0).credential.V; });
  };
  election_.PublishRegisters();
  const Outcome left_out = Status("--wallet copy.wallet");
  EXPECT_EQ(left_out.status, 1);
  EXPECT_THAT(left_out.err, HasSubstr("but denies it in its register"));
}

TEST_F(ResidentTest, IsAlarmedByARegisterEntryThatTheirKeyNeverSigned) {
  for (int i = 1; i < 5; ++i) election_.Cast(static_cast<size_t>(i), {{1, 0}, {1, 0}});
  election_.tamper_register = [&](uint32_t, std::vector<poll::RegisterEntry>& entries) {
    entries.back().credential = election_.voter(0).credential.V;
    std::ranges::sort(entries, {}, [](const auto& e) { return e.credential.view(); });
  };
  election_.End();
  election_.CountIssuance();
  election_.Close();
  election_.PublishRegisters();
  const Outcome outcome = Status("--credential v0.key");
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.err, HasSubstr("the issuer made the entry up"));
}

TEST_F(ResidentTest, StatusMatchesNoConnectionToAnother) {
  MustVote(Cat("--resident jan --credential v0.key", Answers()));
  issuing_.peers.clear();
  ASSERT_EQ(Status("--resident jan --credential v0.key").status, 0);
  ASSERT_EQ(issuing_.peers.size(), 1u);
  EXPECT_FALSE(server_->peers().contains(*issuing_.peers.begin()));
}

// --- Challenge ---

TEST_F(ResidentTest, ChallengesABallotWhichIsThenNeverCast) {
  MustVote(Cat("--resident jan --credential v0.key --token-only", Answers()));
  Terminal terminal(folder_->path(),
                    OnTerminal({"vote", "--answer", "q1=nie", "--answer", "q2=blank"}));
  terminal.Await("Fingerprint: ");
  const std::string first(base::Trim(terminal.Await("\n")));
  terminal.Await("> ");
  terminal.Type("challenge");
  terminal.Await("Opened: ");
  terminal.Await("Fingerprint: ");
  const std::string second(base::Trim(terminal.Await("\n")));
  EXPECT_NE(first, second);
  terminal.Await("> ");
  terminal.Type("cast");
  EXPECT_EQ(terminal.Wait(), 0) << terminal.shown();
  ASSERT_EQ(casting_.received.size(), 1u);

  const std::string file = Cat("opened-ballot-", first.substr(0, 12), ".json");
  // Elsewhere: no wallet, no passphrase.
  unsetenv("URNA_PASSPHRASE");
  std::filesystem::remove_all(Path("wallets"));
  const std::string open = Cat("ballot open ", file, Poll(), " --fingerprint ");
  const Outcome opened = Run(Cat(open, first, Server()));
  EXPECT_EQ(opened.status, 0) << opened.err;
  EXPECT_THAT(opened.out, HasSubstr("blank"));
  const Json json = Run(Cat("--json ", open, first, Server())).json();
  EXPECT_EQ(json["honest"], true);
  EXPECT_EQ(json["answers"][1]["answer"], "blank");
  election_.WriteExport(Path("ledger"));
  EXPECT_EQ(Run(Cat(open, first, " --ledger ledger")).status, 0);
  // The other ballot's fingerprint: what a device would show that encrypts another vote.
  const Outcome other = Run(Cat(open, second, " --ledger ledger"));
  EXPECT_EQ(other.status, 1);
  EXPECT_THAT(other.err, HasSubstr("(challenge.differs)"));
  EXPECT_THAT(other.out, AllOf(HasSubstr(first), HasSubstr(second), Not(HasSubstr("blank"))));
  ExpectError(Cat(open, "123 --ledger ledger"), 2, "64 hexadecimal digits");
  ExpectError(Cat(open, first), 2, "--ledger");
  Put("other.json", "{}");
  ExpectError(Cat("ballot open other.json --ledger ledger", Poll(), " --fingerprint ", first), 1,
              "other.json: not an opened ballot");
}

TEST_F(ResidentTest, ChallengesByFlag) {
  const Outcome only = Vote(
      "--json --resident jan --credential v0.key --challenge a.json "
      "--answer q1=tak --answer q2=blank");
  ASSERT_EQ(only.status, 0) << only.err;
  EXPECT_TRUE(casting_.received.empty());
  const std::string fingerprint = only.json()["challenged"]["fingerprint"];
  EXPECT_EQ(Run(Cat("ballot open a.json", Poll(), Server(), " --fingerprint ", fingerprint)).status,
            0);
  const Json both = Vote(Cat("--json --challenge b.json", Answers())).json();
  EXPECT_EQ(casting_.received.size(), 1u);
  EXPECT_NE(both["challenged"]["fingerprint"], both["fingerprint"]);
  // What was there is not overwritten, and a ballot that could not be opened is not cast either.
  EXPECT_EQ(Vote(Cat("--challenge b.json", Answers())).status, 1);
  EXPECT_EQ(casting_.received.size(), 1u);
}

TEST_F(ResidentTest, ACopyThatIsBehindEncryptsAnewAndSaysSo) {
  MustVote(Cat("--wallet jan.wallet --credential v0.key --token-only", Answers()));
  std::filesystem::copy(Path("jan.wallet"), Path("copy.wallet"));
  MustVote(Cat("--wallet copy.wallet", Answers()));
  Terminal terminal(folder_->path(), OnTerminal({"vote", "--wallet", "jan.wallet", "--answer",
                                                 "q1=nie", "--answer", "q2=blank"}));
  terminal.Await("Fingerprint: ");
  const std::string first(base::Trim(terminal.Await("\n")));
  terminal.Await("> ");
  terminal.Type("cast");
  terminal.Await("not recorded.");
  // The new ballot, too, may be challenged.
  terminal.Await("Fingerprint: ");
  EXPECT_NE(std::string(base::Trim(terminal.Await("\n"))), first);
  terminal.Await("> ");
  terminal.Type("challenge");
  terminal.Await("Opened: ");
  terminal.Await("> ");
  terminal.Type("cast");
  EXPECT_EQ(terminal.Wait(), 0) << terminal.shown();
  EXPECT_EQ(election_.state().ballot_records(), 2u);
}

// --- Receipts ---

TEST_F(ResidentTest, AReceiptIsProvisionalUntilThePublicationCoversIt) {
  MustVote(Cat("--resident jan --credential v0.key", Answers()));
  MustVote(Cat("--resident jan --receipt jan.receipt", Answers()));
  server_->tamper = [](std::vector<std::string>& records) { records.pop_back(); };
  const Json before = CheckReceipts().json();
  EXPECT_EQ(before["pass"], true);
  EXPECT_EQ(before["receipts"][0]["state"], "final");
  EXPECT_EQ(before["receipts"][1]["state"], "provisional");
  EXPECT_THAT(Run(Cat("receipt check", Poll(), Server())).out,
              AllOf(HasSubstr("FINAL: covered by the publication of"), HasSubstr("PROVISIONAL")));
  server_->tamper = nullptr;
  const Json after = CheckReceipts().json();
  EXPECT_EQ(after["receipts"][1]["state"], "final");
  EXPECT_EQ(after["ledger_size"], election_.records().size());

  const Outcome saved = Run(Cat("receipt save --out copy", Poll()));
  ASSERT_EQ(saved.status, 0) << saved.err;
  EXPECT_EQ(base::ReadFile(Path("copy")).value(), base::ReadFile(Path("jan.receipt")).value());
  ASSERT_EQ(Run(Cat("receipt save --revision 1 --out first", Poll())).status, 0);
  EXPECT_NE(base::ReadFile(Path("first")).value(), base::ReadFile(Path("copy")).value());
  ExpectError(Cat("receipt save --revision 7 --out none", Poll()), 1, "no receipt of revision 7");
  unsetenv("URNA_PASSPHRASE");
  EXPECT_EQ(CheckReceipts("copy").json()["receipts"][0]["state"], "final");
}

class WitnessedResidentTest : public ResidentTest {
 protected:
  static testing::ElectionOptions Witnessed() {
    testing::ElectionOptions options;
    options.witnesses = 3;
    options.witnesses_needed = 2;
    return options;
  }
  WitnessedResidentTest() : ResidentTest(Witnessed()) {}
};

TEST_F(WitnessedResidentTest, AReceiptIsProvisionalUntilEnoughWitnessesCosigned) {
  MustVote(Cat("--resident jan --credential v0.key", Answers()));
  const auto state = [&] { return CheckReceipts().json()["receipts"][0]["state"]; };
  EXPECT_EQ(state(), "provisional");
  server_->cosigned_by = [] { return std::vector<size_t>{1}; };
  EXPECT_EQ(state(), "provisional");
  const Outcome outcome = Run(Cat("receipt check", Poll(), Server()));
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(outcome.out,
              AllOf(HasSubstr("SKIPPED  witnesses: of this ledger's checkpoint: 1 of 3 witnesses "
                              "cosigned it, not yet witness.example/w0, witness.example/w2"),
                    HasSubstr("PROVISIONAL: covered by the publication of"),
                    HasSubstr("which too few witnesses cosigned so far")));
  // The same witness twice is one.
  server_->cosigned_by = [] { return std::vector<size_t>{1, 1}; };
  EXPECT_EQ(state(), "provisional");
  server_->cosigned_by = [] { return std::vector<size_t>{1, 2}; };
  EXPECT_EQ(state(), "final");
}

TEST_F(ResidentTest, KeepsWhatProvesThatABallotWasReplaced) {
  MustVote(Cat("--resident jan --credential v0.key", Answers()));
  const size_t mine = election_.records().size() - 1;
  election_.Cast(1, {{1, 0}, {1, 0}});
  server_->tamper = [&](std::vector<std::string>& records) {
    records.erase(records.begin() + static_cast<std::ptrdiff_t>(mine));
    records = TestElection::Rechain(records);
  };
  const Outcome outcome = CheckReceipts();
  EXPECT_EQ(outcome.status, 1);
  EXPECT_EQ(outcome.json()["receipts"][0]["state"], "broken");
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("(receipt.check-failed)"), HasSubstr("Official 1"),
                                 HasSubstr("never hand out the wallet")));
  const std::string folder = outcome.json()["evidence"];
  EXPECT_EQ(base::ReadFile(Path(folder + "/receipt-1")).value(), Load("jan").receipts[0].text);
  // The evidence proves it without the server.
  server_.reset();
  const Outcome elsewhere =
      Run(Cat("receipt check ", folder, "/receipt-1 --ledger ", folder, "/ledger", Poll()));
  EXPECT_EQ(elsewhere.status, 1);
  EXPECT_THAT(elsewhere.out, HasSubstr("FAIL"));
  // And one file of it by itself, with the ledger's key or its poll id.
  const std::string complaint = Path(folder + "/complaint-1");
  const std::string key = election_.checkpoint_key().ToString();
  const Outcome alone = RunVerifier(Cat("--log ", key, " --evidence ", complaint));
  EXPECT_EQ(alone.status, 1);
  EXPECT_THAT(alone.out, HasSubstr(Cat("PROVEN      ", complaint)));
  EXPECT_THAT(alone.out, HasSubstr(Cat("in which record ", mine, " has the hash")));
  // The other ledger too proves it, wherever it comes from.
  const Outcome again = Run(Cat("receipt check ", folder, "/receipt-1 --ledger ", folder,
                                "/ledger --evidence again", Poll()));
  EXPECT_EQ(again.status, 1);
  EXPECT_EQ(base::ReadFile(Path("again/complaint-1")).value(), base::ReadFile(complaint).value());
  EXPECT_FALSE(std::filesystem::exists(Path("again/ledger")));
}

TEST_F(ResidentTest, ABallotThatGaveWayToAnotherIsBrokenEvenBeforeThePublicationCoversTheReceipt) {
  MustVote(Cat("--resident jan --credential v0.key", Answers()));
  const size_t mine = election_.records().size() - 1;
  for (uint8_t voter = 1; voter < 4; ++voter) election_.Cast(voter, {{1, 0}, {1, 0}});
  // As many records were written when it was given; fewer are published, with another in its place.
  Put("receipt", election_.MakeReceipt(mine, election_.records().size()));
  server_->tamper = [&](std::vector<std::string>& records) {
    records.erase(records.begin() + static_cast<std::ptrdiff_t>(mine));
    records = TestElection::Rechain(records);
  };
  const Outcome outcome = CheckReceipts("receipt");
  EXPECT_EQ(outcome.status, 1);
  EXPECT_EQ(outcome.json()["receipts"][0]["state"], "broken");
  const std::string folder = outcome.json()["evidence"];
  EXPECT_EQ(RunVerifier(Cat("--log ", election_.checkpoint_key().ToString(), " --evidence ",
                            Path(folder + "/complaint-1")))
                .status,
            1);
}

TEST_F(ResidentTest, AComplaintShowsAForkThatLeftTheBallotInItsPlace) {
  MustVote(Cat("--resident jan --credential v0.key", Answers()));
  const size_t mine = election_.records().size() - 1;
  election_.Cast(1, {{1, 0}, {1, 0}});
  Put("receipt", election_.MakeReceipt(mine, election_.records().size()));
  // The record after it is another one.
  election_.Cast(2, {{1, 0}, {1, 0}});
  server_->tamper = [&](std::vector<std::string>& records) {
    records.erase(records.end() - 2);
    records.push_back(records.back());
    records = TestElection::Rechain(records);
  };
  const Outcome outcome = CheckReceipts("receipt");
  EXPECT_EQ(outcome.status, 1);
  const std::string folder = outcome.json()["evidence"];
  const Outcome alone = RunVerifier(Cat("--log ", election_.checkpoint_key().ToString(),
                                        " --evidence ", Path(folder + "/complaint-1")));
  EXPECT_EQ(alone.status, 1);
  EXPECT_THAT(alone.out, HasSubstr("the second does not continue the first"));
}

TEST_F(ResidentTest, AReceiptThatNobodySignedProvesNothing) {
  MustVote(Cat("--resident jan --credential v0.key --receipt r", Answers()));
  TestElection other;
  other.RunUntilOpen();
  other.Cast(0, {{1, 0}, {1, 0}});
  Put("forged", other.MakeReceipt(other.records().size() - 1, other.records().size()));
  const Outcome outcome = CheckReceipts("forged");
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.err, HasSubstr("it proves nothing"));
  EXPECT_FALSE(outcome.json().contains("evidence"));
}

// --- Interruptions ---

/// Runs the program and kills it, without warning, where the server says so.
class KilledTest : public ResidentTest {
 protected:
  void RunAndKill(const std::string& more, std::function<void()>& place) {
    place = [this] {
      while (child_ == 0) usleep(1000);
      kill(child_, SIGKILL);
    };
    const std::string command = Cat("exec ", URNA_BIN, "/urna vote", Poll(), Server(), " ", more,
                                    " >/dev/null 2>&1 </dev/null");
    const std::string in_folder = Cat("cd ", folder_->path(), " && ", command);
    const char* arguments[] = {"sh", "-c", in_folder.c_str(), nullptr};
    pid_t child = 0;
    ASSERT_EQ(
        posix_spawn(&child, "/bin/sh", nullptr, nullptr, const_cast<char**>(arguments), environ),
        0);
    child_ = child;
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status)) << "it was not killed";
    place = nullptr;
    child_ = 0;
  }
  std::atomic<pid_t> child_ = 0;
};

TEST_F(KilledTest, BetweenTheIssuersAnswerAndItsArrival) {
  RunAndKill(Cat("--resident jan --credential v0.key --recovery-phrase phrase", Answers()),
             issuing_.before_answering);
  EXPECT_EQ(issuing_.answered, 1);
  EXPECT_FALSE(Load("jan").has_all_tokens());
  MustVote(Cat("--resident jan --credential v0.key", Answers()));
  EXPECT_EQ(issuing_.answered, 1);
  EXPECT_EQ(election_.state().distinct_ballots(), 1u);
}

TEST_F(KilledTest, BetweenTheIssuersAnswerAndALostDevice) {
  RunAndKill(Cat("--resident jan --credential v0.key --recovery-phrase phrase", Answers()),
             issuing_.before_answering);
  std::filesystem::remove_all(Path("wallets"));
  ASSERT_EQ(Run(Cat("vote restore --resident jan --credential v0.key --phrase-file phrase", Poll(),
                    Server()))
                .status,
            0);
  MustVote(Answers());
  EXPECT_EQ(issuing_.answered, 1);
}

TEST_F(KilledTest, BetweenTheBallotsRecordAndItsReceipt) {
  RunAndKill(Cat("--resident jan --credential v0.key", Answers()), casting_.before_answering);
  EXPECT_TRUE(Load("jan").pending.has_value());
  EXPECT_EQ(Run("vote list --json").json()["wallets"][0]["state"],
            "a ballot was sent, its outcome is unknown");
  MustVote(Answers());
  EXPECT_EQ(election_.state().ballot_records(), 1u);
  EXPECT_EQ(Load("jan").receipts.size(), 1u);
  EXPECT_EQ(CheckReceipts().json()["receipts"][0]["state"], "final");
}

TEST_F(KilledTest, WithAWrongPassphraseAfterwardsLosesNothing) {
  RunAndKill(Cat("--resident jan --credential v0.key", Answers()), issuing_.before_answering);
  Put("wrong", "something else\n");
  ExpectError(Cat("vote --resident jan --credential v0.key --passphrase-file wrong", Answers(),
                  Poll(), Server()),
              1, "wrong passphrase");
  // Nor is it helped by a new wallet: the token is the old one's.
  EXPECT_EQ(Vote(Cat("--resident jan2 --credential v0.key", Answers())).status, 1);
  MustVote(Cat("--resident jan --credential v0.key", Answers()));
  EXPECT_EQ(issuing_.answered, 1);
}

// --- What else a server could learn ---

TEST_F(ResidentTest, SendsTheSameMetadataForEverybody) {
  MustVote(Cat("--resident jan --credential v0.key --lang ",
               election_.context().definition->languages.back(), Answers()));
  ASSERT_FALSE(casting_.metadata.empty());
  for (const auto& [name, value] : casting_.metadata) {
    EXPECT_EQ(name, "user-agent");
    EXPECT_THAT(value, MatchesRegex("grpc-c\\+\\+/[0-9.]+ grpc-c/[0-9.]+ \\(linux; chttp2\\)"));
  }
  EXPECT_EQ(issuing_.peers.size(), 1u);
  EXPECT_EQ(casting_.peers.size(), 1u);
  EXPECT_NE(issuing_.peers, casting_.peers);
}

}  // namespace
}  // namespace urna::client
