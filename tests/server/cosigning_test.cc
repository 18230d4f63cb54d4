// Cosigning by witnesses: real ones, and ones that do whatever a hostile witness can.

#include "server/cosigning.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "client/trustee.h"
#include "client/witness.h"
#include "ledger/witness.h"
#include "poll/cosignatures.h"
#include "server/fsck.h"
#include "server/loss.h"
#include "tests/server/harness.h"

namespace urna::server::testing {
namespace {

namespace fs = std::filesystem;
using base::Cat;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

urna::testing::ElectionOptions WithWitnesses(uint32_t witnesses, uint32_t needed = 0,
                                             uint32_t voters = 1) {
  urna::testing::ElectionOptions options = Small(voters);
  options.witnesses = witnesses;
  options.witnesses_needed = needed;
  return options;
}

size_t Count(const std::string& text, const std::string& words) {
  size_t count = 0;
  for (size_t at = 0; (at = text.find(words, at)) != std::string::npos; ++at) ++count;
  return count;
}

/// A witness of the poll of `s`, over HTTP on this machine: the real one, unless a test answers in
/// its place. Added to the server's settings.
class TestWitness {
 public:
  using Answer = std::function<std::optional<http::Response>(const http::Request&)>;

  TestWitness(TestServer& s, size_t i) : election_(s.election), i_(i) {
    Open();
    Know(s.election.checkpoint_key());
    http::Server::Options options;
    options.listen = "127.0.0.1:0";
    options.threads = 2;
    server_ = http::Server::Start(options, [this](const http::Request& request) {
                return Serve(request);
              }).value();
    s.settings.witnesses.push_back({key(), Cat("http://", server_->address())});
  }
  ~TestWitness() {
    gate_.Open();
    server_.reset();
  }

  ledger::NoteKey key() const { return election_.witness_key(i_); }
  std::string folder() const { return folder_.path() + "/witness"; }
  void Know(const ledger::NoteKey& log) { client::AddWitnessedLog(folder(), log).value(); }
  /// From now on, `answer` is asked first.
  void Intercept(Answer answer) {
    std::lock_guard guard(mutex_);
    answer_ = std::move(answer);
  }
  /// From now on, it answers all that is sent to it with this.
  void Say(int status, const std::string& body) {
    Intercept([=](const http::Request&) -> std::optional<http::Response> {
      return http::Response{.status = status, .body = body};
    });
  }
  void BeHonest() { Intercept(nullptr); }
  Gate& gate() { return gate_; }
  int requests() const { return requests_; }

  /// Closes and opens it with `between` in between.
  void Restart(const std::function<void()>& between) {
    std::lock_guard guard(mutex_);
    witness_.reset();
    between();
    Open();
  }
  /// What it cosigned last of the poll; size 0: nothing.
  ledger::Checkpoint Holds() {
    const http::Response shown =
        Real({"GET", ledger::WitnessedPath(election_.checkpoint_key().name), ""});
    if (shown.status != 200) return {};
    return ledger::OpenCheckpoint(shown.body, election_.checkpoint_key()).value();
  }
  http::Response Real(const http::Request& request) {
    std::lock_guard guard(mutex_);
    return witness_->Serve(request);
  }

 private:
  void Open() {
    client::Witness::Options options;
    options.folder = folder();
    options.now = [this] { return election_.now; };
    options.log = [](std::string_view) {};
    options.fatal = [](std::string_view) { std::abort(); };
    witness_ =
        client::Witness::Open(std::move(options),
                              {key(), crypto::Ed25519Key::FromSeed(election_.witness(i_).seed())})
            .value();
  }
  http::Response Serve(const http::Request& request) {
    ++requests_;
    gate_.Pass();
    Answer answer;
    {
      std::lock_guard guard(mutex_);
      answer = answer_;
    }
    if (answer) {
      if (auto response = answer(request)) return *response;
    }
    return Real(request);
  }

  const urna::testing::TestElection& election_;
  const size_t i_;
  TemporaryFolder folder_;
  std::atomic<int> requests_{0};
  Gate gate_;
  std::mutex mutex_;
  Answer answer_;
  std::unique_ptr<client::Witness> witness_;
  std::unique_ptr<http::Server> server_;
};

std::vector<std::string> Cosigners(TestServer& s) {
  const auto note = ledger::Note::Parse(s.Checkpoint()).value();
  return poll::CosignaturesOn(*s.state().definition(), note).present;
}

void AwaitCosigned(TestServer& s, size_t by) {
  Await([&] { return Cosigners(s).size() == by; }, Cat(by, " cosignatures"));
}

void AwaitLog(TestServer& s, const std::string& words) {
  Await([&] { return s.log().find(words) != std::string::npos; }, words);
}

std::string Witnessed(TestServer& s) { return WitnessedFile(s.data() + "/published", s.poll()); }

std::string Message(const absl::Status& status) { return std::string(status.message()); }

// --- What is cosigned, and who sees it

TEST(CosigningTest, EveryPublicationIsCosignedByAllAndShownToEverybody) {
  TestServer s(WithWitnesses(3));
  TestWitness w0(s, 0), w1(s, 1), w2(s, 2);
  s.RunUntilOpen();
  AwaitCosigned(s, 3);
  const uint64_t opened = s.Status().size();

  ASSERT_TRUE(s.Cast(s.MakeBallot(0, 0)).ok());
  s.clock.Set(s.start() + 2 * 3600);
  Await([&] { return s.Status().size() > opened; }, "the publication");
  AwaitCosigned(s, 3);
  EXPECT_EQ(w2.Holds().size, s.Status().size());
  EXPECT_TRUE(ledger::OpenCheckpoint(s.Checkpoint(), s.election.checkpoint_key()).ok());
  EXPECT_EQ(s.Get(Cat("/", base::Hex(s.poll()), "/checkpoint")).body, s.Checkpoint());

  // They outlast the process, and are shown though nobody is asked any more.
  const std::string shown = s.Checkpoint();
  s.settings.witnesses.clear();
  s.Restart();
  EXPECT_EQ(s.Checkpoint(), shown);
  EXPECT_THAT(s.log(), HasSubstr("names witness witness.example/w1, which nobody asks"));
}

TEST(CosigningTest, APublicationOfNothingNewKeepsTheCosignatures) {
  urna::testing::ElectionOptions options = WithWitnesses(1);
  options.publish_every = 600;  // more often than issuers count
  TestServer s(options);
  TestWitness w(s, 0);
  s.RunUntilOpen();
  AwaitCosigned(s, 1);
  const std::string shown = s.Checkpoint();
  const std::string published = Cat(s.data(), "/published/", base::Hex(s.poll()), ".published");
  const std::string before = base::ReadFile(published).value();
  s.clock.Set(s.start() + 700);
  Await([&] { return base::ReadFile(published).value() != before; }, "the publication");
  // After the next request it is in sight.
  s.Approve(poll::Paused{}, 0);
  EXPECT_EQ(s.Checkpoint(), shown);
}

TEST(CosigningTest, APollIsDecryptedAndReceiptsAreFinalOnlyWithEnoughCosignatures) {
  TestServer s(WithWitnesses(3, 2, 2));
  TestWitness w0(s, 0), w1(s, 1), w2(s, 2);
  w1.Say(503, "not now");
  w2.Say(503, "not now");
  s.RunUntilOpen();
  ASSERT_TRUE(s.Cast(s.MakeBallot(0, 0)).ok());
  ASSERT_TRUE(s.Cast(s.MakeBallot(1, 0)).ok());
  s.clock.Set(s.end());
  s.Close();
  AwaitCosigned(s, 1);
  const auto is_final = [&] {
    const auto note = ledger::Note::Parse(s.Checkpoint()).value();
    return poll::CosignaturesOn(*s.state().definition(), note)
        .AtLeast(poll::CosignaturesForFinal(*s.state().definition()));
  };
  EXPECT_EQ(base::RejectId(client::CheckWitnesses(s.state(), s.Checkpoint())), "witness.too-few");
  EXPECT_FALSE(is_final());

  w1.BeHonest();
  AwaitCosigned(s, 2);
  EXPECT_TRUE(client::CheckWitnesses(s.state(), s.Checkpoint()).ok());
  EXPECT_TRUE(is_final());
  s.DecryptAll();
  s.Certify();
  AwaitCosigned(s, 2);
  EXPECT_EQ(s.Status().phase(), "certified");
}

TEST(CosigningTest, AWitnessThatHangsDelaysNobody) {
  TestServer s(WithWitnesses(2));
  TestWitness w0(s, 0), w1(s, 1);
  w1.gate().Close();
  s.witness_pace.start_patience = std::chrono::milliseconds(20);
  s.RunUntilOpen();
  ASSERT_TRUE(s.Cast(s.MakeBallot(0, 0)).ok());
  s.clock.Set(s.end());
  s.WaitForPhase("ended");
  Await([&] { return Cosigners(s) == std::vector{w0.key().name}; }, "the other's cosignature");
  // Nor does it hold up the start or the stop.
  s.Restart();
  EXPECT_THAT(s.log(), HasSubstr("witness witness.example/w1 has not answered yet"));
  w1.gate().Open();
  AwaitCosigned(s, 2);
}

TEST(CosigningTest, AWitnessThatIsToldLaterIsAskedAgain) {
  TestServer s(WithWitnesses(1));
  TestWitness w(s, 0);
  w.Restart([&] { fs::remove(w.folder() + "/logs"); });
  s.Start();
  s.Define();
  AwaitLog(s, Cat("does not know this ledger (404). Its operator must have it cosigned: urna "
                  "witness add --folder FOLDER --poll ",
                  base::Hex(s.poll())));
  EXPECT_THAT(s.log(), HasSubstr(s.election.checkpoint_key().ToString()));
  w.Know(s.election.checkpoint_key());
  AwaitCosigned(s, 1);
  AwaitLog(s, "witness witness.example/w0 cosigns");
}

TEST(CosigningTest, AWitnessThatHoldsAnEarlierCheckpointIsShownTheWay) {
  TestServer s(WithWitnesses(1));
  TestWitness w(s, 0);
  s.Start();
  s.Define();
  AwaitCosigned(s, 1);
  const uint64_t first = w.Holds().size;
  w.Say(500, "away");
  s.SealRoll();
  AwaitLog(s, "does not cosign (500): \"away\"");
  // It forgets what the server remembers of it, too.
  s.Stop();
  fs::remove(Witnessed(s));
  w.BeHonest();
  s.Start();
  AwaitCosigned(s, 1);
  EXPECT_GT(w.Holds().size, first);
  EXPECT_THAT(s.log(), Not(HasSubstr("ALARM")));
}

TEST(CosigningTest, AWitnessThatForgotWhatItCosignedIsReported) {
  TestServer s(WithWitnesses(1));
  TestWitness w(s, 0);
  s.Start();
  s.Define();
  AwaitCosigned(s, 1);
  w.Restart([&] { fs::remove_all(w.folder() + "/state"); });
  s.SealRoll();
  AwaitCosigned(s, 1);
  EXPECT_THAT(s.log(), HasSubstr("started from an old copy of its folder"));
}

// --- What a hostile witness can do

struct Hostile {
  std::string name;
  /// Its answer, and what the log says of it.
  std::function<TestWitness::Answer(TestServer&, TestWitness&)> answer;
  std::string logged;
};

http::Response Plain(int status, std::string body) {
  return {.status = status, .body = std::move(body)};
}

TestWitness::Answer Always(int status, std::string body) {
  return [=](const http::Request&) { return Plain(status, body); };
}

ledger::Checkpoint AskedFor(const http::Request& request) {
  return ledger::AddCheckpoint::Parse(request.body).value().checkpoint;
}

std::vector<Hostile> HostileWitnesses() {
  const auto always = [](int status, const std::string& body) {
    return [=](TestServer&, TestWitness&) { return Always(status, body); };
  };
  std::vector<Hostile> all = {
      {"nothing", always(200, ""), "gave no cosignature that holds"},
      {"words", always(200, "as you like\n"), "gave no cosignature that holds"},
      {"refusal", always(403, "no\x1b[2J\nmore"), "does not cosign (403): \"no?[2J\""},
      {"bad request", always(400, ""), "does not cosign (400): \"\""},
      {"redirect", always(302, ""), "does not cosign (302)"},
      {"no size", always(409, "many\n"), "the body of a 409 is not a plain decimal number"},
      {"size of nobody", always(409, "18446744073709551615\n"),
       "ALARM: claims to have cosigned 18446744073709551615 records, and shows no checkpoint"},
      {"same size", always(409, "0\n"), "ALARM: claims to have cosigned another root at 0"},
      {"huge", always(200, std::string(100'000, 'a')), "the answer is larger than 65536 bytes"},
  };
  all.push_back({"false signature",
                 [](TestServer& s, TestWitness& w) -> TestWitness::Answer {
                   return [&](const http::Request& request) {
                     return Plain(
                         200, ledger::EncodeCosignatures({ledger::Cosign(
                                  AskedFor(request), w.key().name, s.election.official(0), 1)}));
                   };
                 },
                 "gave no cosignature that holds"});
  all.push_back({"changed time",
                 [](TestServer& s, TestWitness& w) -> TestWitness::Answer {
                   return [&](const http::Request& request) {
                     ledger::NoteSignature signature =
                         ledger::Cosign(AskedFor(request), w.key().name, s.election.witness(0), 1);
                     signature.signature[7] ^= 1;
                     return Plain(200, ledger::EncodeCosignatures({signature}));
                   };
                 },
                 "gave no cosignature that holds"});
  all.push_back({"another checkpoint",
                 [](TestServer& s, TestWitness& w) -> TestWitness::Answer {
                   return [&](const http::Request& request) {
                     ledger::Checkpoint other = AskedFor(request);
                     other.root[0] ^= 1;
                     return Plain(200, ledger::EncodeCosignatures({ledger::Cosign(
                                           other, w.key().name, s.election.witness(0), 1)}));
                   };
                 },
                 "gave no cosignature that holds"});
  all.push_back({"a number each time",
                 [](TestServer&, TestWitness&) -> TestWitness::Answer {
                   return [](const http::Request& request) {
                     const auto old = ledger::AddCheckpoint::Parse(request.body).value().old_size;
                     return Plain(409, ledger::EncodeWitnessSize(old == 1 ? 0 : 1));
                   };
                 },
                 "names another size each time"});
  // What is claimed is proven by nothing but the ledger's key.
  all.push_back(
      {"unsigned proof",
       [](TestServer& s, TestWitness&) -> TestWitness::Answer {
         return [&](const http::Request& request) {
           if (request.method == "POST") return Plain(409, "1000\n");
           const ledger::Checkpoint checkpoint{s.election.checkpoint_key().name, 1000, {}};
           return Plain(200, ledger::SignCheckpoint(checkpoint, s.election.official(0)));
         };
       },
       "that this ledger's key signed: that proves nothing"});
  all.push_back({"another log's proof",
                 [](TestServer& s, TestWitness&) -> TestWitness::Answer {
                   return [&](const http::Request& request) {
                     if (request.method == "POST") return Plain(409, "1000\n");
                     return Plain(200, ledger::SignCheckpoint({"another.example", 1000, {}},
                                                              s.election.ballot_box()));
                   };
                 },
                 "that this ledger's key signed: that proves nothing"});
  all.push_back({"refusal without reason",
                 [](TestServer&, TestWitness&) -> TestWitness::Answer {
                   const auto last = std::make_shared<std::string>();
                   return [last](const http::Request& request) {
                     if (request.method != "POST") return Plain(200, *last);
                     *last = ledger::AddCheckpoint::Parse(request.body).value().note.ToString();
                     return Plain(422, "does not fit");
                   };
                 },
                 "it refuses without reason"});
  return all;
}

TEST(CosigningTest, WhateverAWitnessAnswersThePollGoesOnAndItIsLoggedOnce) {
  for (const Hostile& hostile : HostileWitnesses()) {
    SCOPED_TRACE(hostile.name);
    TestServer s(WithWitnesses(2));
    TestWitness w0(s, 0), w1(s, 1);
    w0.Intercept(hostile.answer(s, w0));
    s.Start();
    s.Define();
    AwaitLog(s, hostile.logged);
    const int requests = w0.requests();
    Await([&] { return w0.requests() > requests + 6; }, "more attempts");
    EXPECT_EQ(Count(s.log(), hostile.logged), 1u) << s.log();
    Await([&] { return Cosigners(s) == std::vector{w1.key().name}; }, "the other's cosignature");
    s.SealRoll();
    EXPECT_EQ(s.halted(), "");

    w0.BeHonest();
    AwaitCosigned(s, 2);
    EXPECT_EQ(s.fatal_calls(), 0);
  }
}

TEST(CosigningTest, AWitnessThatCannotBeReachedIsLoggedOnceUntilItAnswers) {
  TestServer s(WithWitnesses(1));
  s.settings.witnesses = {{s.election.witness_key(0), "http://127.0.0.1:1"}};
  s.Start();
  s.Define();
  AwaitLog(s, "witness witness.example/w0: http://127.0.0.1:1/add-checkpoint: ");
  s.SealRoll();
  s.WaitForPhase("waiting for the trustees to join");
  EXPECT_EQ(Count(s.log(), "witness witness.example/w0: http"), 1u) << s.log();
}

TEST(CosigningTest, ACosignatureFromBeforeTheLastOneIsNotTaken) {
  TestServer s(WithWitnesses(1));
  TestWitness w(s, 0);
  s.Start();
  s.Define();
  AwaitCosigned(s, 1);
  // The real witness never does this; one with its key can.
  w.Intercept([&](const http::Request& request) -> std::optional<http::Response> {
    return Plain(200, ledger::EncodeCosignatures({ledger::Cosign(AskedFor(request), w.key().name,
                                                                 s.election.witness(0), 1)}));
  });
  s.SealRoll();
  AwaitLog(s, "dated its cosignature 1970-01-01T00:00:01Z, before its last one");
  EXPECT_THAT(Cosigners(s), IsEmpty());
  // Not after a restart either.
  const std::string before = s.log();
  s.Restart();
  Await([&] { return Count(s.log(), "dated its cosignature") == 2; }, "the refusal");
  w.BeHonest();
  AwaitCosigned(s, 1);
}

TEST(CosigningTest, ACosignatureFromTheFarFutureIsNotTakenAndBarsNoRightOne) {
  TestServer s(WithWitnesses(1));
  TestWitness w(s, 0);
  w.Intercept([&](const http::Request& request) -> std::optional<http::Response> {
    return Plain(
        200, ledger::EncodeCosignatures({ledger::Cosign(AskedFor(request), w.key().name,
                                                        s.election.witness(0), s.start() + 3601)}));
  });
  s.Start();
  s.Define();
  AwaitLog(s, "which has not come yet. Its clock is wrong");
  EXPECT_THAT(Cosigners(s), IsEmpty());
  w.BeHonest();
  AwaitCosigned(s, 1);
}

// --- A ledger that is not what was signed

/// What `w` shows in place of what it cosigned.
void Claim(TestWitness& w, int status, const std::string& body, const std::string& note) {
  w.Intercept([=](const http::Request& request) -> std::optional<http::Response> {
    return request.method == "POST" ? Plain(status, body) : Plain(200, note);
  });
}

TEST(CosigningTest, AProofThatMoreWasSignedThanTheLedgerHoldsStopsTheServerForGood) {
  TestServer s(WithWitnesses(2));
  TestWitness w0(s, 0), w1(s, 1);
  s.Start();
  s.Define();
  AwaitCosigned(s, 2);
  const ledger::Checkpoint more{s.election.checkpoint_key().name, 1000, {}};
  Claim(w1, 409, "1000\n", ledger::SignCheckpoint(more, s.election.ballot_box()));
  s.SealRoll();
  Await([&] { return !s.halted().empty(); }, "the stop");
  EXPECT_THAT(s.halted(), HasSubstr("witness witness.example/w1 shows a checkpoint of 1000 records "
                                    "that this ledger's key signed"));
  EXPECT_THAT(s.log(), HasSubstr("ALARM: poll "));
  s.Stop();
  // Also without the witness.
  s.settings.witnesses.clear();
  const absl::Status status = s.TryStart();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_THAT(Message(status), HasSubstr("cosigned by a witness, or shown by one"));
}

TEST(CosigningTest, AProofOfAnotherHistoryStopsTheServerForGood) {
  for (const bool older_version : {false, true}) {
    TestServer s(WithWitnesses(1));
    TestWitness w(s, 0);
    s.Start();
    s.Define();
    AwaitCosigned(s, 1);
    ledger::Checkpoint other = w.Holds();
    other.root[0] ^= 1;
    const std::string note = ledger::SignCheckpoint(other, s.election.ballot_box());
    const std::string size = ledger::EncodeWitnessSize(other.size);
    Claim(w, older_version ? 409 : 422, older_version ? size : "no continuation", note);
    s.SealRoll();
    Await([&] { return !s.halted().empty(); }, "the stop");
    EXPECT_THAT(s.halted(), HasSubstr("the key signed two histories"));
    s.Stop();
    s.settings.witnesses.clear();
    const absl::Status status = s.TryStart();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  }
}

/// A copy of a file or folder, to be put back later.
class Copy {
 public:
  explicit Copy(std::string path) : path_(std::move(path)) {
    fs::copy(path_, path_ + ".copy", fs::copy_options::recursive);
  }
  void PutBack() const {
    fs::remove_all(path_);
    fs::rename(path_ + ".copy", path_);
  }

 private:
  std::string path_;
};

TEST(CosigningTest, AnOldCopyOfTheWholeMachineIsNotServedWhenAWitnessAnswers) {
  TestServer s(WithWitnesses(1));
  TestWitness w(s, 0);
  s.Start();
  s.Define();
  AwaitCosigned(s, 1);
  s.Stop();
  const Copy machine(s.data());
  s.Start();
  s.SealRoll();
  AwaitCosigned(s, 1);
  s.Stop();
  machine.PutBack();
  const absl::Status status = s.TryStart();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_THAT(Message(status), HasSubstr("that this ledger's key signed: the store was cut"));
  EXPECT_THAT(Message(status), HasSubstr("Nothing is served"));
  EXPECT_EQ(s.halted(), "");
}

TEST(CosigningTest, AnOldCopyIsBehindWhatWitnessesCosigned) {
  TestServer s(WithWitnesses(1));
  TestWitness w(s, 0);
  s.Start();
  s.Define();
  AwaitCosigned(s, 1);
  s.Stop();
  const Copy ledger(s.data() + "/ledger");
  const Copy anchor(s.data() + "/anchor");
  s.Start();
  s.SealRoll();
  AwaitCosigned(s, 1);
  s.Stop();
  ledger.PutBack();
  anchor.PutBack();
  s.settings.witnesses.clear();
  const absl::Status status = s.TryStart();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_THAT(Message(status), HasSubstr("was cosigned by a witness"));
  const FsckReport report = Fsck({.data = s.data(), .anchor = ""}).value();
  ASSERT_FALSE(report.sound());
  EXPECT_THAT(report.Text(), HasSubstr("records was cosigned by a witness, but records"));
}

TEST(CosigningTest, AWitnessOfALedgerWhoseLossIsOnTheRecordStopsNobody) {
  TestServer s(WithWitnesses(1));
  TestWitness w(s, 0);
  s.Start();
  s.Define();
  AwaitCosigned(s, 1);
  s.Stop();
  const Copy ledger(s.data() + "/ledger");
  s.Start();
  s.SealRoll();
  AwaitCosigned(s, 1);
  s.Stop();
  ledger.PutBack();
  const LossOptions options{s.data(), s.data() + "/anchor"};
  const auto losses = FindLosses(options);
  ASSERT_TRUE(losses.ok()) << losses.status();
  ASSERT_EQ(losses->size(), 1u);
  ASSERT_TRUE(
      AcceptLoss(options, s.poll(), losses->front().count(), "the disk broke", s.clock.Now()).ok());
  const absl::Status status = s.TryStart();
  ASSERT_TRUE(status.ok()) << status;
  Await([&] { return s.log().find("it will never cosign this one") != std::string::npos; },
        "the witness's refusal");
  EXPECT_EQ(s.halted(), "");
}

TEST(CosigningTest, ALedgerThatIsGoneButWasCosignedIsRefused) {
  TestServer s(WithWitnesses(1));
  TestWitness w(s, 0);
  s.Start();
  s.Define();
  AwaitCosigned(s, 1);
  s.Stop();
  fs::remove_all(s.data() + "/ledger");
  fs::remove_all(s.data() + "/anchor");
  const absl::Status status = s.TryStart();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_THAT(Message(status), HasSubstr("was cosigned once and is gone"));
}

TEST(CosigningTest, ADamagedMemoryOfWhatWasCosignedIsRefused) {
  TestServer s(WithWitnesses(1));
  TestWitness w(s, 0);
  s.Start();
  s.Define();
  AwaitCosigned(s, 1);
  s.Stop();
  std::ofstream(Witnessed(s)) << "rubbish";
  const absl::Status status = s.TryStart();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_THAT(Message(status), HasSubstr(Witnessed(s)));
  EXPECT_FALSE(Fsck({.data = s.data(), .anchor = ""}).value().sound());
}

TEST(CosigningTest, WhatWasCosignedIsNeverTakenBack) {
  TestServer s(WithWitnesses(1));
  TestWitness w(s, 0);
  s.RunUntilOpen();
  ASSERT_TRUE(s.Cast(s.MakeBallot(0, 0)).ok());
  s.clock.Set(s.start() + 2 * 3600);
  const uint64_t opened = s.Status().size();
  Await([&] { return s.Status().size() > opened; }, "the publication");
  AwaitCosigned(s, 1);
  const std::string shown = s.Checkpoint();
  s.Stop();
  // Without its own memory of it the server would go back to what the opening showed.
  fs::remove(Cat(s.data(), "/published/", base::Hex(s.poll()), ".published"));
  s.settings.witnesses.clear();
  s.Start();
  EXPECT_EQ(s.Checkpoint(), shown);
}

TEST(CosigningTest, NothingIsShownThatIsNotStored) {
  TestServer s(WithWitnesses(1));
  TestWitness w(s, 0);
  w.Say(500, "away");
  s.Start();
  s.Define();
  AwaitLog(s, "does not cosign (500)");
  const std::string folder = s.data() + "/published";
  fs::rename(folder, folder + ".away");
  std::ofstream(folder) << "no folder";
  w.BeHonest();
  AwaitLog(s, "cosigned, but that cannot be stored");
  EXPECT_THAT(Cosigners(s), IsEmpty());
  fs::remove(folder);
  fs::rename(folder + ".away", folder);
  AwaitCosigned(s, 1);
}

TEST(CosigningTest, AWitnessThatSawTheCheckpointOfAReceiptCosignsTheNextPublication) {
  TestServer s(WithWitnesses(1));
  TestWitness w(s, 0);
  s.RunUntilOpen();
  AwaitCosigned(s, 1);
  v1::CastResponse receipt;
  ASSERT_TRUE(s.Cast(s.MakeBallot(0, 0), &receipt).ok());
  // Whoever has the receipt can have its checkpoint cosigned before it is published.
  w.Restart([&] { fs::remove_all(w.folder() + "/state"); });
  const std::string early =
      ledger::Note::Parse(receipt.receipt().substr(receipt.receipt().find("\n\n") + 2))
          .value()
          .ToString();
  ASSERT_EQ(w.Real({.method = "POST",
                    .path = "/add-checkpoint",
                    .body = ledger::AddCheckpoint::Make(0, {}, early).value().ToString()})
                .status,
            200);
  const uint64_t published = s.Status().size();
  ASSERT_GT(w.Holds().size, published);
  s.Restart();
  AwaitLog(s, "somebody showed it the checkpoint of a receipt");
  EXPECT_EQ(s.halted(), "");
  s.clock.Set(s.start() + 2 * 3600);
  Await([&] { return s.Status().size() > published; }, "the publication");
  AwaitCosigned(s, 1);
}

}  // namespace
}  // namespace urna::server::testing
