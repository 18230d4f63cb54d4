#include "server/backup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rocksdb/db.h>
#include <stdio.h>
#include <sys/wait.h>

#include <atomic>
#include <set>
#include <thread>

#include "base/bytes.h"
#include "base/text.h"
#include "ledger/export.h"
#include "ledger/record.h"
#include "ledger/store/layout.h"
#include "server/answers.h"
#include "server/restore.h"
#include "tests/server/kept_city.h"

namespace urna::server::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

std::vector<std::string> FilesIn(const std::string& folder) {
  std::vector<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) files.push_back(entry.path().string());
  }
  return files;
}

class BackupTest : public KeptCity {
 protected:
  absl::StatusOr<Backup> BackUp(const std::string& folder, uint64_t later = 0, uint64_t keep = 2) {
    return MakeBackup({.data = folder,
                       .anchor = folder + "/anchor",
                       .to = In("backups"),
                       .keep = keep,
                       .now = now() + later});
  }
  std::string MustBackUp(const std::string& folder, uint64_t later = 0) {
    const auto backup = BackUp(folder, later);
    EXPECT_TRUE(backup.ok()) << backup.status();
    return backup.ok() ? backup->folder : "";
  }
  RestoreReport MustRestore(const std::vector<std::string>& from, const std::string& anchor = "") {
    RestoreOptions options;
    options.from = from;
    options.data = In("restored");
    if (fs::exists(In("keys"))) options.keys = In("keys");
    options.anchor = anchor.empty() ? data() + "/anchor" : anchor;
    const auto report = Restore(options);
    EXPECT_TRUE(report.ok()) << report.status();
    return report.ok() ? *report : RestoreReport();
  }
  uint64_t RecordsIn(const std::string& backup) {
    return VerifyBackup(backup, {}).value().polls.at(0).records;
  }
};

// --- Making --------------------------------------------------------------------------------------

TEST_F(BackupTest, HoldsEverythingThatWasSignedForAndNoSecret) {
  const std::string backup = MustBackUp(data());
  const auto manifest = VerifyBackup(backup, {});
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ(manifest->time, now());
  ASSERT_THAT(manifest->polls, SizeIs(1));
  EXPECT_EQ(manifest->polls[0].id, city_->poll());
  ASSERT_THAT(manifest->issuers, SizeIs(1));
  EXPECT_EQ(manifest->issuers[0].answers, 2u);
  // More than is published: the second ballot is not.
  ASSERT_TRUE(TryStart(data()).ok());
  EXPECT_GT(manifest->polls[0].records, city_->Status().size());

  std::vector<std::string> secrets;
  for (const std::string& file : FilesIn(data())) {
    if (file.ends_with(".key")) secrets.emplace_back(base::Trim(ReadAll(file)));
  }
  ASSERT_GE(secrets.size(), 3u);
  for (const std::string& file : FilesIn(backup)) {
    const std::string content = ReadAll(file);
    for (const std::string& secret : secrets) {
      EXPECT_EQ(content.find(secret), std::string::npos) << file;
      base::Bytes32 bytes{};
      if (!base::Unhex(secret, bytes)) continue;
      EXPECT_EQ(content.find(base::View(bytes)), std::string::npos) << file;
    }
  }
}

TEST_F(BackupTest, EveryFlippedByteIsNoticed) {
  const std::string backup = MustBackUp(data());
  size_t checked = 0;
  for (const std::string& file : FilesIn(backup)) {
    if (file.find("/ledgers/") == std::string::npos &&
        file.find("/issuers/") == std::string::npos && !file.ends_with("backup.json")) {
      continue;
    }
    const size_t size = fs::file_size(file);
    for (const size_t at : {size_t{0}, size / 3, size / 2, size - 1}) {
      FlipByteOf(file, at);
      EXPECT_FALSE(VerifyBackup(backup, {}).ok()) << file << ", byte " << at;
      FlipByteOf(file, at);
    }
    ++checked;
  }
  EXPECT_GE(checked, 5u);
  EXPECT_TRUE(VerifyBackup(backup, {}).ok());
}

TEST_F(BackupTest, AMissingOrAddedFileIsNoticed) {
  const std::string backup = MustBackUp(data());
  for (const std::string& file : FilesIn(backup)) {
    if (file.find("/published/") != std::string::npos || file.ends_with(".conf")) continue;
    fs::rename(file, In("away"));
    EXPECT_FALSE(VerifyBackup(backup, {}).ok()) << file;
    fs::rename(In("away"), file);
  }
  std::ofstream(backup + "/ledgers/" + base::Hex(city_->poll()) + "/tile/0/001") << "x";
  EXPECT_FALSE(VerifyBackup(backup, {}).ok());
}

TEST_F(BackupTest, TheNextOneLeavesTheOneBeforeAsItWas) {
  const std::string first = MustBackUp(before());
  const std::string second = MustBackUp(data(), 60);
  EXPECT_EQ(RecordsIn(second), RecordsIn(first) + 1);
  EXPECT_EQ(NewestBackup(In("backups")).value(), second);
  // What did not change is there once.
  size_t shared = 0;
  for (const std::string& file : FilesIn(first)) shared += fs::hard_link_count(file) > 1 ? 1 : 0;
  MustBackUp(data(), 120);
  for (const std::string& file : FilesIn(second)) shared += fs::hard_link_count(file) > 1 ? 1 : 0;
  EXPECT_GT(shared, 0u);
}

TEST_F(BackupTest, KeepsAsManyAsAsked) {
  ASSERT_TRUE(BackUp(data(), 0, 2).ok());
  ASSERT_TRUE(BackUp(data(), 1, 2).ok());
  const auto third = BackUp(data(), 2, 2);
  ASSERT_TRUE(third.ok());
  size_t left = 0;
  for (const auto& entry : fs::directory_iterator(In("backups"))) left += entry.is_directory();
  EXPECT_EQ(left, 2u);
  EXPECT_TRUE(fs::exists(third->folder));
}

TEST_F(BackupTest, ADamagedOlderOneIsNotTakenOver) {
  const std::string first = MustBackUp(data());
  for (const std::string& file : FilesIn(first)) {
    if (file.find("/entries/") != std::string::npos) FlipByteOf(file, fs::file_size(file) / 2);
  }
  ASSERT_FALSE(VerifyBackup(first, {}).ok());
  const auto second = BackUp(data(), 60);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_THAT(second->notes, Contains(HasSubstr("this older backup is damaged")));
  EXPECT_TRUE(VerifyBackup(second->folder, {}).ok());
}

TEST_F(BackupTest, DataThatLostSomethingDoesNotReplaceABackupThatHasIt) {
  const std::string good = MustBackUp(data());
  // Consistent in itself, an old copy with its own anchors.
  const auto ledger = BackUp(before(), 60);
  EXPECT_EQ(ledger.status().code(), absl::StatusCode::kFailedPrecondition) << ledger.status();
  EXPECT_THAT(Message(ledger.status()), AllOf(HasSubstr(good), HasSubstr("records of poll")));
  Older("issuer-0");
  fs::remove(data() + "/anchor/issuer-0.anchor");
  const auto answers = BackUp(data(), 60);
  EXPECT_EQ(answers.status().code(), absl::StatusCode::kFailedPrecondition) << answers.status();
  EXPECT_THAT(Message(answers.status()), HasSubstr("2 answers of issuer 0"));
  EXPECT_EQ(NewestBackup(In("backups")).value(), good);
  EXPECT_TRUE(VerifyBackup(good, {}).ok());
}

TEST_F(BackupTest, RefusesDataThatIsBehindItsAnchors) {
  Older("ledger");
  const auto ledger = BackUp(data());
  EXPECT_EQ(ledger.status().code(), absl::StatusCode::kDataLoss) << ledger.status();
  Copy(original_->path() + "/data", data());
  Older("issuer-0");
  const auto answers = BackUp(data());
  EXPECT_EQ(answers.status().code(), absl::StatusCode::kDataLoss) << answers.status();
  EXPECT_THAT(Message(answers.status()), HasSubstr("holds 1 answers, but 2 were given"));
  EXPECT_TRUE(absl::IsNotFound(NewestBackup(In("backups")).status()));
}

TEST_F(BackupTest, AnInterruptedOneIsNoneAndIsClearedAway) {
  const std::string first = MustBackUp(data());
  Copy(first, In("backups/20990101T000000Z.unfinished"));
  EXPECT_EQ(NewestBackup(In("backups")).value(), first);
  MustBackUp(data(), 60);
  EXPECT_FALSE(fs::exists(In("backups/20990101T000000Z.unfinished")));
}

TEST_F(BackupTest, SaysWhatIsNoDataFolder) {
  EXPECT_TRUE(absl::IsNotFound(BackUp(In("nowhere")).status()));
}

TEST_F(BackupTest, CopiesKeysAndNeverOverwritesOne) {
  const auto copied = CopyKeys(data(), In("keys"));
  ASSERT_TRUE(copied.ok()) << copied.status();
  EXPECT_THAT(*copied, AllOf(Contains("checkpoint.key"), Contains("issuer-0/identity.key"),
                             Contains("issuer-0/keys/" + base::Hex(city_->poll()) + ".key")));
  for (const std::string& name : *copied) {
    EXPECT_EQ(ReadAll(In("keys/" + name)), ReadAll(data() + "/" + name));
  }
  const auto mode = fs::status(In("keys/checkpoint.key")).permissions();
  EXPECT_EQ(mode & (fs::perms::group_all | fs::perms::others_all), fs::perms::none);
  EXPECT_THAT(CopyKeys(data(), In("keys")).value(), IsEmpty());
  std::ofstream(In("keys/checkpoint.key")) << std::string(64, '0') << "\n";
  EXPECT_TRUE(absl::IsAlreadyExists(CopyKeys(data(), In("keys")).status()));
  EXPECT_TRUE(absl::IsNotFound(CopyKeys(In("nowhere"), In("keys")).status()));
}

TEST(BackupManifest, IsReadAsItWasWritten) {
  BackupManifest manifest;
  manifest.time = 1'400'990'400;
  manifest.polls.push_back({{1}, 7, {2}});
  manifest.issuers.push_back({0, 70'000, {{3}, {4}}});
  const std::string json = manifest.ToJson();
  const auto read = BackupManifest::FromJson(json);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->ToJson(), json);
  for (const std::string bad : {"", "[]", "{}", "{\"format\":\"urna-backup/1\"}"}) {
    EXPECT_EQ(BackupManifest::FromJson(bad).status().code(), absl::StatusCode::kDataLoss) << bad;
  }
}

// --- Beside a server -----------------------------------------------------------------------------

struct Ended {
  int status = 0;
  std::string output;
};

Ended RunProgram(const std::string& arguments) {
  FILE* pipe = popen((std::string(URNA_BIN) + "/urna-server " + arguments + " 2>&1").c_str(), "r");
  Ended ended;
  char buffer[4096];
  while (const size_t read = fread(buffer, 1, sizeof buffer, pipe)) {
    ended.output.append(buffer, read);
  }
  const int status = pclose(pipe);
  ended.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return ended;
}

TEST_F(BackupTest, IsMadeBesideAServerThatWrites) {
  const uint64_t before_casting = RecordsIn(MustBackUp(data()));
  ASSERT_TRUE(TryStart(data()).ok());
  std::vector<std::string> ballots;
  for (int i = 0; i < 60; ++i) ballots.push_back(city_->MakeBallot(2, i % 2));
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> casts{0};
  std::thread voter([&] {
    for (const std::string& ballot : ballots) {
      if (stop) return;
      EXPECT_TRUE(city_->Cast(ballot).ok());
      ++casts;
    }
  });
  for (int round = 0; round < 3; ++round) {
    const uint64_t acknowledged = casts;
    const Ended ended =
        RunProgram("backup --data " + data() + " --to " + In("backups-" + std::to_string(round)));
    EXPECT_EQ(ended.status, 0) << ended.output;
    const auto newest = NewestBackup(In("backups-" + std::to_string(round)));
    ASSERT_TRUE(newest.ok()) << ended.output;
    EXPECT_GE(RecordsIn(*newest), before_casting + acknowledged) << ended.output;
  }
  stop = true;
  voter.join();
}

TEST_F(BackupTest, TheCommandsTellWhatTheyDid) {
  const Ended made = RunProgram("backup --data " + data() + " --to " + In("backups"));
  EXPECT_EQ(made.status, 0) << made.output;
  EXPECT_THAT(made.output, AllOf(HasSubstr("Verified: "), HasSubstr("issuer 0: 2 answers")));
  EXPECT_EQ(RunProgram("check-backup --from " + In("backups")).status, 0);
  EXPECT_EQ(RunProgram("copy-keys --data " + data() + " --to " + In("keys")).status, 0);
  const std::string restore = "restore --from " + In("backups") + " --keys " + In("keys") +
                              " --anchor " + data() + "/anchor --data " + In("restored");
  const Ended restored = RunProgram(restore);
  EXPECT_EQ(restored.status, 0) << restored.output;
  EXPECT_THAT(restored.output, AllOf(HasSubstr("The newest backup is of "), HasSubstr(" ago."),
                                     HasSubstr("No damage was found.")));
  const Ended again = RunProgram(restore);
  EXPECT_EQ(again.status, 1);
  EXPECT_THAT(again.output, HasSubstr("nothing is ever restored over data"));
  EXPECT_EQ(RunProgram("check-backup --from " + In("nowhere")).status, 2);
  EXPECT_EQ(RunProgram("restore --data " + In("x")).status, 2);
}

// --- Restoring -----------------------------------------------------------------------------------

TEST_F(BackupTest, WhatWasRestoredGoesOn) {
  const std::string backup = MustBackUp(data());
  ASSERT_TRUE(CopyKeys(data(), In("keys")).ok());
  const RestoreReport report = MustRestore({In("backups")});
  EXPECT_TRUE(report.complete()) << report.check.Text();
  EXPECT_EQ(report.newest_backup, now());
  EXPECT_EQ(report.polls.at(0).records, RecordsIn(backup));
  city_->settings.anchor = data() + "/anchor";
  const absl::Status started = TryStart(In("restored"));
  city_->settings.anchor.clear();
  ASSERT_TRUE(started.ok()) << started;
  EXPECT_TRUE(city_->Cast(city_->MakeBallot(0, 1)).ok());
  // Who was given a token gets no second one.
  TestServer::Issuance issuance;
  EXPECT_EQ(city_->Begin(1, &issuance).reject, "token.already-answered");
}

TEST_F(BackupTest, AnOlderBackupIsRecognisedByTheAnchors) {
  MustBackUp(before());
  ASSERT_TRUE(CopyKeys(data(), In("keys")).ok());
  const RestoreReport report = MustRestore({In("backups")});
  EXPECT_FALSE(report.complete());
  const uint64_t held = report.polls.at(0).records;
  EXPECT_THAT(report.check.Text(),
              AllOf(HasSubstr(base::Cat("records ", held, " to ", held, " are not in the ledger")),
                    HasSubstr("1 answers, but 2 were given")));
  city_->settings.anchor = data() + "/anchor";
  const absl::Status started = TryStart(In("restored"));
  city_->settings.anchor.clear();
  EXPECT_EQ(started.code(), absl::StatusCode::kDataLoss) << started;
}

TEST_F(BackupTest, NothingIsRestoredOverData) {
  MustBackUp(data());
  RestoreOptions options;
  options.from = {In("backups")};
  options.data = before();
  EXPECT_TRUE(absl::IsAlreadyExists(Restore(options).status()));
  options.data = In("restored");
  fs::create_directories(In("restored.restoring/precious"));
  EXPECT_TRUE(absl::IsAlreadyExists(Restore(options).status()));
  EXPECT_TRUE(fs::exists(In("restored.restoring/precious")));
  EXPECT_FALSE(fs::exists(In("restored")));
}

TEST_F(BackupTest, AnInterruptedRestorationIsBegunAnew) {
  MustBackUp(data());
  ASSERT_TRUE(CopyKeys(data(), In("keys")).ok());
  fs::create_directories(In("restored.restoring/ledger"));
  std::ofstream(In("restored.restoring/restoring.lock")) << "1 on here\n";
  EXPECT_TRUE(MustRestore({In("backups")}).complete());
  EXPECT_FALSE(fs::exists(In("restored.restoring")));
}

TEST_F(BackupTest, MissingKeysAreNamed) {
  MustBackUp(data());
  fs::create_directories(In("keys/issuer-0"));
  fs::copy(data() + "/checkpoint.key", In("keys/checkpoint.key"));
  const RestoreReport report = MustRestore({In("backups")});
  EXPECT_FALSE(report.complete());
  EXPECT_THAT(report.check.Text(), HasSubstr(In("restored") + "/issuer-0/identity.key"));
}

TEST_F(BackupTest, TakesEachRecordFromWhereItIsRight) {
  const std::string backup = MustBackUp(before());
  // Everything of the newest folder goes from the log into tables, of which one block breaks.
  ASSERT_TRUE(TryStart(data()).ok());
  city_->Stop();
  fs::path largest;
  for (const auto& entry : fs::directory_iterator(data() + "/ledger")) {
    if (entry.path().extension() != ".sst") continue;
    if (largest.empty() || entry.file_size() > fs::file_size(largest)) largest = entry.path();
  }
  FlipByteOf(largest, 100);
  ASSERT_FALSE(TryStart(data()).ok());
  // The damaged folder alone does not do, nor does the old backup; together they do.
  const RestoreReport alone = MustRestore({data()});
  EXPECT_FALSE(alone.complete());
  fs::remove_all(In("restored"));
  const RestoreReport both = MustRestore({backup, data()});
  EXPECT_TRUE(both.complete()) << both.check.Text();
  EXPECT_EQ(both.polls.at(0).records, RecordsIn(backup) + 1);
  EXPECT_EQ(both.check.issuers.at(0).answers, 2u);
}

TEST_F(BackupTest, ARecordThatChangedUnderTheChecksumsIsToldFromTheRightOne) {
  const std::string backup = MustBackUp(data());
  const uint64_t records = RecordsIn(backup);
  for (const uint64_t index : {records - 1, records / 2}) {
    Copy(original_->path() + "/data", data());
    rocksdb::DB* raw = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open(rocksdb::Options(), data() + "/ledger", &raw).ok());
    {
      const std::unique_ptr<rocksdb::DB> db(raw);
      const std::string key = ledger::EntryKey(city_->poll(), index);
      std::string record;
      ASSERT_TRUE(db->Get({}, key, &record).ok());
      record.back() ^= 1;
      ASSERT_TRUE(db->Put({}, key, record).ok());
    }
    ASSERT_FALSE(Fsck({.data = data(), .anchor = ""}).value().sound());
    fs::remove_all(In("restored"));
    const RestoreReport report = MustRestore({data(), backup});
    EXPECT_TRUE(report.complete()) << "record " << index << "\n" << report.check.Text();
  }
}

TEST_F(BackupTest, WhatFollowsFromTheRecordsIsMadeAnew) {
  rocksdb::DB* raw = nullptr;
  ASSERT_TRUE(rocksdb::DB::Open(rocksdb::Options(), data() + "/ledger", &raw).ok());
  {
    const std::unique_ptr<rocksdb::DB> db(raw);
    const std::string prefix = ledger::Key(city_->poll(), ledger::kBody);
    const std::unique_ptr<rocksdb::Iterator> at(db->NewIterator({}));
    at->Seek(prefix);
    ASSERT_TRUE(at->Valid() && at->key().starts_with(prefix));
    ASSERT_TRUE(db->Delete({}, at->key()).ok());
  }
  const FsckReport damaged = Fsck({.data = data(), .anchor = ""}).value();
  ASSERT_THAT(damaged.findings.faults, SizeIs(1)) << damaged.Text();
  EXPECT_THAT(damaged.findings.faults[0].remedy, HasSubstr("restore --from THIS-DATA-FOLDER"));
  const RestoreReport report = MustRestore({data()});
  EXPECT_TRUE(report.complete()) << report.check.Text();
}

TEST_F(BackupTest, TakesALedgerFromAnExport) {
  const std::string older = MustBackUp(before());
  const std::string newer = MustBackUp(data(), 60);
  Copy(newer + "/ledgers/" + base::Hex(city_->poll()), In("export"));
  ASSERT_TRUE(CopyKeys(data(), In("keys")).ok());
  const RestoreReport report = MustRestore({older, In("export")});
  EXPECT_EQ(report.polls.at(0).records, RecordsIn(newer));
  // The answers are not in an export.
  EXPECT_THAT(report.check.Text(), HasSubstr("1 answers, but 2 were given"));
}

TEST_F(BackupTest, BelievesNoExportThatTheBallotBoxDidNotSign) {
  const std::string backup = MustBackUp(before());
  const std::string forged = In("forged");
  Copy(backup + "/ledgers/" + base::Hex(city_->poll()), forged);
  auto writer = ledger::ExportWriter::Continue(forged).value();
  const auto last = ledger::DecodeRecord(writer->ReadEntry(writer->size() - 1).value()).value();
  ledger::Record extra = last;
  extra.previous = ledger::LeafHash(writer->ReadEntry(writer->size() - 1).value());
  ASSERT_TRUE(writer->Append(ledger::EncodeRecord(extra)).ok());
  const auto checkpoint = ledger::ReadUnverified(ReadAll(forged + "/checkpoint")).value();
  ASSERT_TRUE(
      writer
          ->Finish(ledger::SignCheckpoint({checkpoint.origin, writer->size(), writer->Root()},
                                          crypto::Ed25519Key::New()))
          .ok());
  const RestoreReport report = MustRestore({backup, forged}, before() + "/anchor");
  EXPECT_EQ(report.polls.at(0).records, RecordsIn(backup));
}

TEST_F(BackupTest, TwoAnswersToOneCredentialAreRefused) {
  const std::string backup = MustBackUp(data());
  rocksdb::DB* raw = nullptr;
  ASSERT_TRUE(rocksdb::DB::Open(rocksdb::Options(), data() + "/issuer-0/answers", &raw).ok());
  {
    const std::unique_ptr<rocksdb::DB> db(raw);
    const std::unique_ptr<rocksdb::Iterator> at(db->NewIterator({}));
    at->SeekToFirst();
    auto answer = DecodeAnswer(at->key().ToString(), at->value().ToString()).value();
    answer.entry.answer.s = answer.entry.answer.s + crypto::Scalar::FromU64(1);
    ASSERT_TRUE(db->Put({}, at->key().ToString(), EncodeAnswer(answer.index, answer.entry)).ok());
  }
  RestoreOptions options;
  options.from = {backup, data()};
  options.data = In("restored");
  const auto report = Restore(options);
  EXPECT_EQ(report.status().code(), absl::StatusCode::kDataLoss) << report.status();
  EXPECT_THAT(Message(report.status()), HasSubstr("two different answers to one credential"));
  EXPECT_FALSE(fs::exists(In("restored")));
}

}  // namespace
}  // namespace urna::server::testing
