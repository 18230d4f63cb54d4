#include "client/witness.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"
#include "client/interrupt.h"
#include "client/key_file.h"
#include "crypto/group.h"
#include "ledger/evidence.h"
#include "tests/support/signing_log.h"

namespace urna::client {
namespace {

using base::Cat;
using crypto::SecretText;
using ledger::NoteKey;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr int kDied = 42;

class WitnessTest : public ::testing::Test {
 protected:
  WitnessTest() {
    crypto::Initialize();
    folder_ = TemporaryFolder::Create().value();
    vkey_ = {"witness.example", ledger::kTypeCosignature, key_.public_key()};
  }

  std::string Folder() const { return Cat(folder_->path(), "/witness"); }
  std::string StatePath() const {
    return Cat(Folder(), "/state/", base::Hex(crypto::HashSha256(log_.vkey().name)));
  }
  void Know(const NoteKey& log) { ASSERT_TRUE(AddWitnessedLog(Folder(), log).value()); }

  absl::StatusOr<std::unique_ptr<Witness>> TryOpen() {
    Witness::Options options;
    options.folder = Folder();
    options.now = [this] { return now_.load(); };
    options.log = [this](std::string_view line) { lines_.emplace_back(line); };
    options.fatal = [this](std::string_view) { ++fatal_; };
    options.persisted = [this] { persisted_(); };
    return Witness::Open(std::move(options), {vkey_, crypto::Ed25519Key::FromSeed(key_.seed())});
  }
  std::unique_ptr<Witness> Open() {
    auto witness = TryOpen();
    EXPECT_TRUE(witness.ok()) << witness.status();
    return *std::move(witness);
  }

  static http::Response Post(Witness& witness, const std::string& body) {
    return witness.Serve({"POST", "/add-checkpoint", body});
  }
  static http::Response Get(Witness& witness, const std::string& path) {
    return witness.Serve({"GET", path, ""});
  }
  int Send(Witness& witness, const ledger::AddCheckpoint& request) {
    return Post(witness, request.ToString()).status;
  }
  void ExpectConflict(Witness& witness, const ledger::AddCheckpoint& request, uint64_t size) {
    const http::Response answer = Post(witness, request.ToString());
    EXPECT_EQ(answer.status, 409);
    EXPECT_EQ(answer.content_type, "text/x.tlog.size");
    EXPECT_EQ(answer.body, Cat(size, "\n"));
  }
  absl::StatusOr<ledger::NoteSignature> Cosignature(const http::Response& answer,
                                                    const ledger::Checkpoint& checkpoint) {
    return ledger::ParseCosignature(answer.body, checkpoint.Body(), vkey_);
  }

  std::unique_ptr<TemporaryFolder> folder_;
  const crypto::Ed25519Key key_ = crypto::Ed25519Key::New();
  NoteKey vkey_;
  urna::testing::SigningLog log_{"votes.example/poll"};
  std::atomic<uint64_t> now_{1400990400};
  std::vector<std::string> lines_;
  std::function<void()> persisted_ = [] {};
  int fatal_ = 0;
};

// --- Cosigning

TEST_F(WitnessTest, CosignsALogThatGrowsAndNothingElse) {
  Know(log_.vkey());
  const auto witness = Open();
  const http::Response first = Post(*witness, log_.Request(0, 5).ToString());
  ASSERT_EQ(first.status, 200) << first.body;
  const auto cosignature = Cosignature(first, log_.At(5));
  ASSERT_TRUE(cosignature.ok()) << cosignature.status();
  EXPECT_EQ(ledger::CosignatureTime(*cosignature), now_);
  EXPECT_THAT(lines_, ElementsAre(HasSubstr("cosigned votes.example/poll at 5 records")));

  EXPECT_EQ(Send(*witness, log_.Request(5, 9)), 200);
  ExpectConflict(*witness, log_.Request(5, 12), 9);
  ExpectConflict(*witness, log_.Request(0, 12), 9);
  EXPECT_EQ(Send(*witness, log_.Request(9, 9)), 200);
  EXPECT_EQ(Send(*witness, log_.Request(9, 12)), 200);

  ledger::AddCheckpoint backwards = log_.Request(0, 5);
  backwards.old_size = 12;
  EXPECT_EQ(Send(*witness, backwards), 400);
  EXPECT_EQ(Post(*witness, "old 5\n").status, 400);
  urna::testing::SigningLog stranger("other.example/poll");
  EXPECT_EQ(Send(*witness, stranger.Request(0, 5)), 404);
  urna::testing::SigningLog forger(log_.vkey().name);
  EXPECT_EQ(Send(*witness, forger.Request(12, 15)), 403);
}

TEST_F(WitnessTest, NeverCosignsASecondHistoryAndKeepsWhatProvesIt) {
  Know(log_.vkey());
  log_.Fork(1, 7);
  const auto alarms = [&] {
    return std::ranges::count_if(lines_, [](const auto& l) { return l.starts_with("ALARM"); });
  };
  const auto judge = [&](uint64_t size) {
    const std::string path =
        Cat(Folder(), "/evidence/", base::Hex(crypto::HashSha256(log_.vkey().name)), "-", size,
            ".evidence");
    const auto evidence = ledger::ParseEvidence(base::ReadFile(path).value_or(""));
    return evidence.ok() ? ledger::Judge(*evidence, log_.vkey()) : ledger::Judgement();
  };
  const auto witness = Open();
  ASSERT_EQ(Send(*witness, log_.Request(0, 10)), 200);
  // A proof from where both still agree does not help: the witness is further.
  ExpectConflict(*witness, log_.Request(7, 12, 1), 10);
  // Whoever has the public checkpoint can send rubbish with it; that proves nothing.
  ledger::AddCheckpoint rubbish = log_.Request(10, 12);
  rubbish.proof[0][0] ^= 1;
  EXPECT_EQ(Send(*witness, rubbish), 422);
  EXPECT_EQ(alarms(), 0);

  EXPECT_EQ(Send(*witness, log_.Request(10, 12, 1)), 422);
  EXPECT_EQ(alarms(), 1);
  EXPECT_TRUE(judge(10).proven) << judge(10).text;
  EXPECT_EQ(Send(*witness, log_.Request(10, 10, 1)), 422);
  EXPECT_EQ(alarms(), 1) << "said once";

  ASSERT_EQ(Send(*witness, log_.Request(10, 11)), 200);
  EXPECT_EQ(Send(*witness, log_.Request(11, 11, 1)), 422);
  EXPECT_TRUE(judge(11).proven) << judge(11).text;
  EXPECT_EQ(alarms(), 2);
}

TEST_F(WitnessTest, OfRequestsAtOnceCosignsOneHistory) {
  const auto witness = Open();
  for (int round = 0; round < 20; ++round) {
    urna::testing::SigningLog log(Cat("votes.example/", round));
    log.Fork(1, 3);
    Know(log.vkey());
    ASSERT_EQ(Send(*witness, log.Request(0, 3)), 200);
    // Both continue what the witness holds; they contradict each other.
    const std::vector<std::string> bodies = {log.Request(3, 5).ToString(),
                                             log.Request(3, 6, 1).ToString()};
    std::atomic<int> ready{0}, cosigned{0}, conflicts{0};
    std::vector<std::thread> threads;
    for (size_t i = 0; i < 4; ++i) {
      threads.emplace_back([&, i] {
        ++ready;
        while (ready < 4) std::this_thread::yield();
        const int status = Post(*witness, bodies[i % 2]).status;
        if (status == 200) ++cosigned;
        if (status == 409) ++conflicts;
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(cosigned, 1);
    EXPECT_EQ(conflicts, 3);
  }
}

// --- Time

TEST_F(WitnessTest, TimesNeverGoBackAlsoOverARestart) {
  Know(log_.vkey());
  auto witness = Open();
  const uint64_t start = now_;
  const auto time = [&](uint64_t old_size, uint64_t size) {
    const auto answer = Post(*witness, log_.Request(old_size, size).ToString());
    return ledger::CosignatureTime(Cosignature(answer, log_.At(size)).value());
  };
  EXPECT_EQ(time(0, 5), start);
  now_ = start - 1000;
  EXPECT_EQ(time(5, 6), start);
  witness.reset();
  witness = Open();
  EXPECT_EQ(time(6, 7), start);
  now_ = start + 1;
  EXPECT_EQ(time(7, 7), start + 1);
}

// --- The disk

TEST_F(WitnessTest, GoesOnAfterARestartWhereItStood) {
  Know(log_.vkey());
  log_.Fork(1, 2);
  ASSERT_EQ(Send(*Open(), log_.Request(0, 5)), 200);
  const auto witness = Open();
  ExpectConflict(*witness, log_.Request(0, 5, 1), 5);
  EXPECT_EQ(Send(*witness, log_.Request(5, 5, 1)), 422);
  EXPECT_EQ(Send(*witness, log_.Request(5, 9)), 200);
}

TEST_F(WitnessTest, WhatItCosignedIsOnTheDiskBeforeAnybodyGetsIt) {
  Know(log_.vkey());
  log_.Fork(1, 2);
  const pid_t child = fork();
  if (child == 0) {
    // Dies after persisting, before the answer.
    persisted_ = [] { std::_Exit(kDied); };
    const auto witness = TryOpen();
    if (witness.ok()) Post(**witness, log_.Request(0, 5).ToString());
    std::_Exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == kDied);

  const auto witness = Open();
  // Whoever got the cosignature or not: another history has no chance.
  ExpectConflict(*witness, log_.Request(0, 5, 1), 5);
  EXPECT_EQ(Send(*witness, log_.Request(5, 5, 1)), 422);
  // The log takes the size that the conflict names, and gets its cosignature.
  ExpectConflict(*witness, log_.Request(0, 5), 5);
  EXPECT_EQ(Send(*witness, log_.Request(5, 5)), 200);
}

TEST_F(WitnessTest, StopsWhenItCannotKeepWhatItWouldCosign) {
  Know(log_.vkey());
  const auto witness = Open();
  ASSERT_EQ(Send(*witness, log_.Request(0, 5)), 200);
  std::filesystem::remove_all(Cat(Folder(), "/state"));
  const http::Response answer = Post(*witness, log_.Request(5, 9).ToString());
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.body.find("\xe2\x80\x94"), std::string::npos) << answer.body;
  EXPECT_EQ(fatal_, 1);
  std::filesystem::create_directory(Cat(Folder(), "/state"));
  EXPECT_EQ(Send(*witness, log_.Request(5, 9)), 503);
}

TEST_F(WitnessTest, RefusesAStateThatIsDamagedOrAnothers) {
  Know(log_.vkey());
  ASSERT_EQ(Send(*Open(), log_.Request(0, 5)), 200);
  const std::string good = base::ReadFile(StatePath()).value();
  const auto refuses = [&](const std::string& content, const std::string& text) {
    ASSERT_TRUE(base::WriteFileAtomic(StatePath(), content).ok());
    const auto witness = TryOpen();
    EXPECT_TRUE(absl::IsDataLoss(witness.status())) << witness.status();
    EXPECT_THAT(std::string(witness.status().message()), HasSubstr(text));
  };
  refuses("", "is damaged");
  refuses(good.substr(0, good.size() - 20), "is damaged");
  std::string older = good;
  older.replace(older.find("\n5\n"), 3, "\n4\n");
  refuses(older, "is damaged");
  refuses(log_.Note(5), "is damaged");  // signed, never cosigned
  // Cosigned by this witness, of another log.
  ledger::Note other{.text = ledger::Checkpoint{"other.example", 5, {}}.Body(), .signatures = {}};
  other.signatures = {ledger::SignNote(other.text, "other.example", log_.key()),
                      ledger::Cosign({"other.example", 5, {}}, vkey_.name, key_, now_)};
  refuses(other.ToString(), "is not a checkpoint by the key of votes.example/poll");
  ASSERT_TRUE(base::WriteFileAtomic(StatePath(), good).ok());
  EXPECT_EQ(Send(*Open(), log_.Request(5, 9)), 200);
}

TEST_F(WitnessTest, AFolderIsForOneWitnessAtATime) {
  const auto witness = Open();
  const auto second = TryOpen();
  EXPECT_TRUE(absl::IsFailedPrecondition(second.status())) << second.status();
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("runs on this folder already"));
}

// --- The list of logs

TEST_F(WitnessTest, TakesUpALogThatIsAddedWhileItRuns) {
  const auto witness = Open();
  EXPECT_EQ(Send(*witness, log_.Request(0, 5)), 404);
  Know(log_.vkey());
  EXPECT_FALSE(AddWitnessedLog(Folder(), log_.vkey()).value()) << "it stands there already";
  EXPECT_EQ(Send(*witness, log_.Request(0, 5)), 200);
  EXPECT_THAT(ReadWitnessedLogs(Folder()).value(), SizeIs(1));
}

TEST_F(WitnessTest, ALogHasOneKey) {
  Know(log_.vkey());
  const urna::testing::SigningLog other(log_.vkey().name);
  const auto added = AddWitnessedLog(Folder(), other.vkey());
  EXPECT_TRUE(absl::IsFailedPrecondition(added.status())) << added.status();
  // Not even by hand: what was cosigned was signed by the first.
  const auto witness = Open();
  ASSERT_EQ(Send(*witness, log_.Request(0, 5)), 200);
  ASSERT_TRUE(base::WriteFileAtomic(Folder() + "/logs", other.vkey().ToString()).ok());
  EXPECT_EQ(Send(*witness, other.Request(5, 9)), 500);
  EXPECT_EQ(Send(*witness, log_.Request(5, 9)), 500);
  ASSERT_TRUE(base::WriteFileAtomic(Folder() + "/logs", log_.vkey().ToString()).ok());
  EXPECT_EQ(Send(*witness, log_.Request(5, 9)), 200);
}

TEST_F(WitnessTest, AFaultyListIsNamedAndTheOldOneStays) {
  Know(log_.vkey());
  const auto witness = Open();
  const std::string good = base::ReadFile(Folder() + "/logs").value();
  for (const auto& [line, text] : std::vector<std::pair<std::string, std::string>>{
           {"nonsense", "logs:3: a key has the form"},
           {log_.vkey().ToString(), "logs:3: the log votes.example/poll stands here twice"},
           {vkey_.ToString(), "logs:3: is a witness's key, not a log's"}}) {
    lines_.clear();
    ASSERT_TRUE(base::WriteFileAtomic(Folder() + "/logs", Cat("# ours\n", good, line, "\n")).ok());
    EXPECT_THAT(std::string(ReadWitnessedLogs(Folder()).status().message()), HasSubstr(text));
    EXPECT_NE(Send(*witness, log_.Request(0, 5)), 404);
    EXPECT_NE(Send(*witness, log_.Request(0, 5)), 404);
    EXPECT_THAT(lines_, ::testing::Contains(HasSubstr(text)).Times(1)) << line;
  }
}

// --- What it shows and logs

TEST_F(WitnessTest, ShowsWhoItIsAndWhatItCosignedLast) {
  Know(log_.vkey());
  const auto witness = Open();
  const std::string path = ledger::WitnessedPath(log_.vkey().name);
  EXPECT_EQ(Get(*witness, path).status, 404);
  ASSERT_EQ(Send(*witness, log_.Request(0, 5)), 200);
  const http::Response shown = Get(*witness, path);
  EXPECT_EQ(shown.status, 200);
  EXPECT_EQ(ledger::OpenCheckpoint(shown.body, log_.vkey()).value(), log_.At(5));
  EXPECT_TRUE(ledger::HasCosignature(ledger::Note::Parse(shown.body).value(), vkey_));
  EXPECT_THAT(Get(*witness, "/").body,
              AllOf(HasSubstr(vkey_.ToString()), HasSubstr(log_.vkey().ToString()),
                    HasSubstr("5 records")));
  for (const std::string other : {"", "/x", "/add-checkpoint", "/../logs"}) {
    EXPECT_EQ(Get(*witness, other).status, 404) << other;
  }
  EXPECT_EQ(witness->Serve({"POST", "/", log_.Request(5, 9).ToString()}).status, 404);
}

TEST_F(WitnessTest, AFloodOfRefusalsDoesNotFillTheLog) {
  const auto witness = Open();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(Post(*witness, "rubbish").status, 400);
  EXPECT_THAT(lines_, SizeIs(1));
  ++now_;
  EXPECT_EQ(Post(*witness, "rubbish").status, 400);
  EXPECT_THAT(lines_, ElementsAre(HasSubstr("refused (400)"), HasSubstr("and 99 requests before")));
}

// --- The key file

TEST_F(WitnessTest, AKeyFileHoldsNameAndKey) {
  const std::string path = Cat(folder_->path(), "/key");
  ASSERT_TRUE(WriteWitnessKey(path, vkey_, key_, SecretText("secret")).ok());
  const auto read = ReadWitnessKey(path, SecretText("secret"));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->vkey.ToString(), vkey_.ToString());
  EXPECT_EQ(read->key.public_key(), key_.public_key());
  EXPECT_EQ(ReadKeyFilePublic(path, "witness").value(), vkey_.ToString());
  EXPECT_TRUE(absl::IsAlreadyExists(WriteWitnessKey(path, vkey_, key_, SecretText("secret"))));
  EXPECT_TRUE(absl::IsPermissionDenied(ReadWitnessKey(path, SecretText("guess")).status()));

  const std::string official = Cat(folder_->path(), "/official");
  ASSERT_TRUE(WriteIdentity(official, "official", key_, SecretText("secret")).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(ReadWitnessKey(official, SecretText("secret")).status()));
  // Another key under the name.
  const std::string exchanged = Cat(folder_->path(), "/exchanged");
  ASSERT_TRUE(WriteWitnessKey(exchanged, vkey_, crypto::Ed25519Key::New(), SecretText("s")).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(ReadWitnessKey(exchanged, SecretText("s")).status()));
}

}  // namespace
}  // namespace urna::client
