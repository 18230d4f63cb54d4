#include "server/fsck.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rocksdb/db.h>
#include <stdio.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <tuple>

#include "base/file.h"
#include "base/text.h"
#include "ledger/store/layout.h"
#include "server/anchor.h"
#include "server/loss.h"
#include "tests/server/harness.h"

namespace urna::server::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

std::string ReadAll(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

void WriteAll(const std::string& path, const std::string& bytes) {
  ASSERT_TRUE(base::WriteFileAtomic(path, bytes, 0600).ok()) << path;
}

void FlipByte(const std::string& path, size_t at) {
  std::string bytes = ReadAll(path);
  ASSERT_LT(at, bytes.size());
  bytes[at] ^= 1;
  WriteAll(path, bytes);
}

std::set<std::tuple<std::string, std::string, int64_t>> Snapshot(const std::string& folder) {
  std::set<std::tuple<std::string, std::string, int64_t>> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    files.emplace(entry.path().string(), entry.is_regular_file() ? ReadAll(entry.path()) : "",
                  entry.last_write_time().time_since_epoch().count());
  }
  return files;
}

/// A data folder of a poll in which two of four residents have voted, made once; each test damages
/// a copy.
class FsckTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    original_ = new TemporaryFolder();
    TestServer s(Small(4));
    s.RunUntilOpen();
    poll_ = s.poll();
    EXPECT_TRUE(s.Cast(s.MakeBallot(0, 0)).ok());
    s.Stop();
    fs::copy(s.data(), original_->path() + "/before", fs::copy_options::recursive);
    s.Start();
    EXPECT_TRUE(s.Cast(s.MakeBallot(1, 1)).ok());
    s.Stop();
    fs::copy(s.data(), original_->path() + "/data", fs::copy_options::recursive);
  }
  static void TearDownTestSuite() { delete original_; }

  void SetUp() override { PutBack(); }
  void PutBack() {
    fs::remove_all(data());
    fs::copy(original_->path() + "/data", data(), fs::copy_options::recursive);
  }
  /// As this part of the folder was before the second resident came.
  void Older(const std::string& name) {
    fs::remove_all(data() + "/" + name);
    fs::copy(original_->path() + "/before/" + name, data() + "/" + name,
             fs::copy_options::recursive);
  }

  std::string data() const { return folder_.path() + "/data"; }
  std::string Anchor() const { return AnchorPath(data() + "/anchor", poll_); }
  FsckReport Check() {
    auto report = Fsck({.data = data(), .anchor = ""});
    EXPECT_TRUE(report.ok()) << report.status();
    return report.ok() ? *std::move(report) : FsckReport();
  }
  /// There is one damage.
  void ExpectDamage(const std::string& place, const std::string& what) {
    const FsckReport report = Check();
    ASSERT_THAT(report.findings.faults, SizeIs(1)) << report.Text();
    EXPECT_THAT(report.findings.faults[0].Place(), HasSubstr(place));
    EXPECT_THAT(report.findings.faults[0].what, HasSubstr(what));
    EXPECT_FALSE(report.findings.faults[0].remedy.empty());
    EXPECT_THAT(report.Text(), AllOf(HasSubstr("DAMAGE at "), HasSubstr(what)));
  }

  static TemporaryFolder* original_;
  static Hash32 poll_;
  TemporaryFolder folder_;
};

TemporaryFolder* FsckTest::original_ = nullptr;
Hash32 FsckTest::poll_;

TEST_F(FsckTest, FindsASoundFolderSoundAndChangesNothing) {
  const auto before = Snapshot(data());
  const FsckReport report = Check();
  EXPECT_EQ(Snapshot(data()), before);
  EXPECT_TRUE(report.sound()) << report.Text();
  EXPECT_FALSE(report.in_use);
  EXPECT_THAT(report.findings.notes, IsEmpty()) << report.Text();
  ASSERT_THAT(report.polls, SizeIs(1));
  EXPECT_EQ(report.polls[0].id, poll_);
  EXPECT_EQ(report.polls[0].phase, "open");
  EXPECT_EQ(report.polls[0].anchored, report.polls[0].records);
  ASSERT_THAT(report.issuers, SizeIs(1));
  EXPECT_EQ(report.issuers[0].answers, 2u);
  EXPECT_EQ(report.issuers[0].anchored, 2u);
  EXPECT_THAT(report.Text(), HasSubstr("No damage was found."));
}

TEST_F(FsckTest, RefusesWhatIsNoDataFolder) {
  EXPECT_TRUE(absl::IsNotFound(Fsck({.data = folder_.path(), .anchor = ""}).status()));
}

TEST_F(FsckTest, NamesTheRecordsThatAnOldCopyLacks) {
  Older("ledger");
  const FsckReport report = Check();
  EXPECT_FALSE(report.sound());
  const uint64_t held = report.polls.at(0).records;
  EXPECT_EQ(report.polls[0].anchored, held + 1);
  EXPECT_THAT(report.Text(),
              AllOf(HasSubstr(Anchor()), HasSubstr(base::Cat("records ", held, " to ", held,
                                                             " are not in the ledger"))));
}

TEST_F(FsckTest, NamesALedgerThatIsGone) {
  for (const auto& entry : fs::directory_iterator(data() + "/ledger")) fs::remove(entry.path());
  const FsckReport report = Check();
  EXPECT_THAT(report.Text(), HasSubstr("the ledger of poll " + base::Hex(poll_) +
                                       " was anchored and is not there"));
}

TEST_F(FsckTest, NamesTheByteOfADamagedAnchor) {
  const std::string content = ReadAll(Anchor());
  WriteAll(Anchor(), content + content.substr(14));
  FlipByte(Anchor(), content.size() - 3);
  const FsckReport report = Check();
  ASSERT_THAT(report.findings.faults, SizeIs(1)) << report.Text();
  EXPECT_EQ(report.findings.faults[0].file, Anchor());
  ASSERT_TRUE(report.findings.faults[0].offset.has_value());
  EXPECT_LT(*report.findings.faults[0].offset, content.size() - 3);

  WriteAll(Anchor(), "something else");
  ExpectDamage(Anchor(), "is not an anchor file");
}

TEST_F(FsckTest, AnAnchorThatLostItsEndIsBehindTheStoredCheckpoint) {
  fs::resize_file(Anchor(), fs::file_size(Anchor()) - 1);
  const FsckReport report = Check();
  ASSERT_THAT(report.findings.notes, SizeIs(1)) << report.Text();
  EXPECT_THAT(report.findings.notes[0], AllOf(HasSubstr(Anchor()), HasSubstr(", byte ")));

  Older("anchor");
  ExpectDamage(Anchor(), "the anchor is an old copy");
}

TEST_F(FsckTest, NamesAnAnchorOfAnotherLedger) {
  const auto key = crypto::Ed25519Key::New();
  const auto anchor = AnchorFile::Open(Anchor());
  ASSERT_TRUE(anchor.ok());
  const FsckReport sound = Check();
  const std::string newest = (*anchor)->newest();
  // Signed by the right key: other records.
  const auto note = ledger::Note::Parse(newest).value();
  auto checkpoint = ledger::Checkpoint::ParseBody(note.text).value();
  ASSERT_TRUE((*anchor)->Append(ledger::SignCheckpoint(checkpoint, key)).ok());
  ExpectDamage(Anchor(), "signature");
}

TEST_F(FsckTest, NamesACheckpointOfOtherRecords) {
  const auto seed = base::ReadFile(data() + "/checkpoint.key").value();
  base::Bytes32 bytes{};
  ASSERT_TRUE(base::Unhex(base::Trim(seed), bytes));
  const auto key = crypto::Ed25519Key::FromSeed(crypto::Secret<base::Bytes32>(bytes));
  const auto anchor = AnchorFile::Open(Anchor());
  ASSERT_TRUE(anchor.ok());
  const auto note = ledger::Note::Parse((*anchor)->newest()).value();
  auto checkpoint = ledger::Checkpoint::ParseBody(note.text).value();
  checkpoint.root[0] ^= 1;
  ASSERT_TRUE((*anchor)->Append(ledger::SignCheckpoint(checkpoint, key)).ok());
  ExpectDamage(Anchor(), "are not those of the checkpoint that was anchored");
}

TEST_F(FsckTest, ChecksWhatWasPublished) {
  std::string published;
  for (const auto& entry : fs::directory_iterator(data() + "/published")) {
    published = entry.path().string();
  }
  ASSERT_FALSE(published.empty());
  const std::string content = ReadAll(published);
  WriteAll(published, "nonsense");
  ExpectDamage(published, "cannot be read");
  WriteAll(published, content.substr(0, content.size() - 10) + content.substr(content.size() - 9));
  ExpectDamage(published, "");
}

TEST_F(FsckTest, ComparesTheKeyWithTheDefinition) {
  WriteAll(data() + "/checkpoint.key", base::Hex(base::Bytes32{7}) + "\n");
  ExpectDamage("checkpoint.key", "is not the key that poll");
  fs::permissions(data() + "/checkpoint.key", fs::perms::others_read, fs::perm_options::add);
  ExpectDamage("checkpoint.key", "");
}

TEST_F(FsckTest, NamesAnswersThatAreOlderThanTheirAnchor) {
  Older("issuer-0");
  const FsckReport report = Check();
  ASSERT_THAT(report.findings.faults, SizeIs(2)) << report.Text();
  EXPECT_THAT(report.findings.faults[0].what, HasSubstr("1 answers, but 2 were given"));
  EXPECT_THAT(report.findings.faults[0].remedy, HasSubstr("second tokens"));
  EXPECT_THAT(report.findings.faults[1].what, HasSubstr("2 residents voted"));
}

TEST_F(FsckTest, NamesADamagedAnswer) {
  rocksdb::DB* raw = nullptr;
  const std::string folder = data() + "/issuer-0/answers";
  ASSERT_TRUE(rocksdb::DB::Open(rocksdb::Options(), folder, &raw).ok());
  std::string key;
  {
    const std::unique_ptr<rocksdb::DB> db(raw);
    const std::unique_ptr<rocksdb::Iterator> at(db->NewIterator({}));
    at->SeekToFirst();
    key = at->key().ToString();
    const std::string other = at->value().ToString();
    ASSERT_TRUE(db->Put({}, key, other.substr(0, other.size() - 1)).ok());
  }
  const FsckReport report = Check();
  ASSERT_FALSE(report.findings.faults.empty());
  EXPECT_EQ(report.findings.faults[0].Place(), folder + ", key " + base::Hex(key));
}

TEST_F(FsckTest, NamesTheByteOfADamagedLogOfAnswers) {
  for (const auto& entry : fs::directory_iterator(data() + "/issuer-0/answers")) {
    if (entry.path().extension() != ".log" || entry.file_size() < 100) continue;
    FlipByte(entry.path().string(), 60);
    const FsckReport report = Check();
    ASSERT_FALSE(report.findings.faults.empty());
    EXPECT_EQ(report.findings.faults[0].Place(), entry.path().string() + ", byte 0");
    return;
  }
  FAIL() << "the answers have no log";
}

TEST_F(FsckTest, NamesEachKindOfDamageToTheLedgersFilesByItsPlace) {
  // Where the damage is put, and where the block or physical record begins that it is in.
  for (const std::string kind : {".log", ".sst", "MANIFEST-"}) {
    PutBack();
    fs::path file;
    for (const auto& entry : fs::directory_iterator(data() + "/ledger")) {
      if (entry.path().filename().string().find(kind) == std::string::npos) continue;
      if (file.empty() || entry.file_size() > fs::file_size(file)) file = entry.path();
    }
    ASSERT_GT(fs::file_size(file), 100u) << kind;
    FlipByte(file.string(), 20);
    const FsckReport report = Check();
    ASSERT_FALSE(report.findings.faults.empty()) << kind;
    EXPECT_EQ(report.findings.faults[0].Place(), file.string() + ", byte 0") << report.Text();
    EXPECT_THAT(report.findings.faults[0].remedy, HasSubstr("restore --from BACKUP")) << kind;
  }
}

TEST_F(FsckTest, NamesTheRecordThatSomebodyRewrote) {
  uint64_t last = 0;
  rocksdb::DB* raw = nullptr;
  ASSERT_TRUE(rocksdb::DB::Open(rocksdb::Options(), data() + "/ledger", &raw).ok());
  {
    const std::unique_ptr<rocksdb::DB> db(raw);
    std::string record;
    while (db->Get({}, ledger::EntryKey(poll_, last + 1), &record).ok()) ++last;
    ASSERT_TRUE(db->Get({}, ledger::EntryKey(poll_, last), &record).ok());
    record.back() ^= 1;
    ASSERT_TRUE(db->Put({}, ledger::EntryKey(poll_, last), record).ok());
  }
  const FsckReport report = Check();
  ASSERT_FALSE(report.sound());
  EXPECT_THAT(report.Text(), AllOf(HasSubstr(base::Cat("record ", last)),
                                   HasSubstr("something wrote into the database")));
}

TEST_F(FsckTest, WhatTheLedgerSaysIsLostIsNoDamage) {
  Older("ledger");
  Older("published");
  const std::string anchor = ReadAll(Anchor());
  ASSERT_FALSE(Check().sound());
  ASSERT_TRUE(AcceptLoss({data(), data() + "/anchor"}, poll_, 1, "a test", 4'000'000'000).ok());
  EXPECT_TRUE(Check().sound()) << Check().Text();
  // Also while the anchor does not know it yet.
  WriteAll(Anchor(), anchor);
  EXPECT_TRUE(Check().sound()) << Check().Text();
  // What was given up and is unsaid again.
  Older("ledger");
  Older("anchor");
  WriteAll(folder_.path() + "/newest.anchor", anchor);
  WriteAll(data() + "/anchor/" + base::Hex(poll_) + ".7.x.lost",
           ReadAnchor(folder_.path() + "/newest.anchor").value().newest);
  EXPECT_THAT(Check().Text(), HasSubstr("given up as lost"));
}

TEST_F(FsckTest, MissesAnIssuersKeyOfThePoll) {
  const std::string path = data() + "/issuer-0/keys/" + base::Hex(poll_) + ".key";
  WriteAll(path, base::Hex(base::Bytes32{7}) + "\n");
  ExpectDamage(path, "is not the key with which the issuer joined");
  fs::remove(path);
  ExpectDamage(path, "");
}

TEST_F(FsckTest, ReportsAsJson) {
  Older("ledger");
  const auto json = nlohmann::json::parse(Check().Json());
  EXPECT_FALSE(json["sound"].get<bool>());
  EXPECT_EQ(json["polls"][0]["poll"], base::Hex(poll_));
  EXPECT_EQ(json["damages"][0]["file"], Anchor());
  EXPECT_THAT(json["damages"][0]["remedy"].get<std::string>(), Not(IsEmpty()));
}

// --- The command ---------------------------------------------------------------------------------

struct Ended {
  int status = 0;
  std::string output;
};

Ended RunProgram(const std::string& arguments) {
  FILE* pipe = popen((std::string(URNA_BIN) + "/urna-server " + arguments + " 2>&1").c_str(), "r");
  Ended ended;
  char buffer[4096];
  while (const size_t read = fread(buffer, 1, sizeof buffer, pipe))
    ended.output.append(buffer, read);
  const int status = pclose(pipe);
  ended.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return ended;
}

TEST_F(FsckTest, TheCommandsExitStatusTellsDamageFromWrongUsage) {
  const Ended sound = RunProgram("fsck --data " + data());
  EXPECT_EQ(sound.status, 0) << sound.output;
  EXPECT_THAT(sound.output, HasSubstr("No damage was found."));
  Older("ledger");
  const Ended damaged = RunProgram("fsck --json --data " + data());
  EXPECT_EQ(damaged.status, 1) << damaged.output;
  EXPECT_TRUE(nlohmann::json::accept(damaged.output)) << damaged.output;
  EXPECT_EQ(RunProgram("fsck --data " + folder_.path() + "/nowhere").status, 2);
  EXPECT_EQ(RunProgram("fsck").status, 2);
}

TEST_F(FsckTest, LooksForTheAnchorsWhereTheConfigurationPutsThem) {
  fs::rename(data() + "/anchor", folder_.path() + "/elsewhere");
  {
    std::ofstream config(data() + "/urna-server.conf", std::ios::app);
    config << "anchor = " << folder_.path() << "/elsewhere\n";
  }
  Older("ledger");
  EXPECT_EQ(RunProgram("fsck --data " + data()).status, 1);
}

TEST(FsckBesideAServer, ReadsWhatItWritesAndSaysSo) {
  TestServer s(Small(4));
  s.RunUntilOpen();
  ASSERT_TRUE(s.Cast(s.MakeBallot(0, 0)).ok());
  const Ended ended = RunProgram("fsck --data " + s.data());
  EXPECT_EQ(ended.status, 0) << ended.output;
  EXPECT_THAT(ended.output, HasSubstr("A server has this folder open"));
  ASSERT_TRUE(s.Cast(s.MakeBallot(1, 0)).ok());
}

}  // namespace
}  // namespace urna::server::testing
