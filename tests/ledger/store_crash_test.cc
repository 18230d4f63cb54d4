// What a store holds after the power was cut, or a write failed, at any of its operations.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "ledger/store/rocks_log.h"
#include "ledger/store/store.h"
#include "rocksdb/env.h"
#include "tests/ledger/faulty_file_system.h"
#include "tests/ledger/support.h"

namespace urna::ledger {
namespace {

using Fault = FaultyFileSystem::Fault;

/// Records of one ledger, chained.
class Records {
 public:
  std::vector<std::string> Next(size_t count, size_t payload_bytes) {
    std::vector<std::string> out;
    for (size_t i = 0; i < count; ++i) {
      Record record;
      record.kind = 1;
      record.previous = leaves.empty() ? Hash32{} : leaves.back();
      record.payload = base::Cat(leaves.size(), std::string(payload_bytes, 'x'));
      out.push_back(EncodeRecord(record));
      leaves.push_back(LeafHash(out.back()));
    }
    return out;
  }
  std::vector<Hash32> leaves;
};

/// A store on a file system that fails, and what it acknowledged.
class Trial {
 public:
  Trial() : env_(rocksdb::NewCompositeEnv(files)) {}

  absl::Status Open() {
    auto opened = Store::Open(
        {.folder = folder_ / "store", .log_folder = folder_ / "log", .env = env_.get()});
    if (!opened.ok()) return opened.status();
    store_ = *std::move(opened);
    return absl::OkStatus();
  }
  void Close() { store_.reset(); }

  /// Appends batches of several sizes until one fails. The write-ahead log is cut into blocks of 32
  /// KiB, which the larger ones cross.
  absl::Status Run() {
    absl::Status status = store_ == nullptr ? Open() : absl::OkStatus();
    if (!status.ok()) return status;
    for (const auto& [count, bytes] : std::vector<std::pair<size_t, size_t>>{
             {1, 10}, {3, 1500}, {40, 1500}, {1, 60'000}, {260, 50}, {1, 1}}) {
      const Store::Batch batch{records.leaves.empty() ? Hash32{} : records.leaves[0],
                               records.Next(count, bytes)};
      Store::Batch named = batch;
      named.poll = records.leaves[0];
      const auto heads = store_->Append({&named, 1});
      if (!heads.ok()) return heads.status();
      acknowledged = (*heads)[0].size;
    }
    return absl::OkStatus();
  }

  Store& store() { return *store_; }

  /// The store, opened again, holds at least what was acknowledged, and nothing but what was sent.
  void ExpectNothingLost(const std::string& when) {
    Close();
    const absl::Status status = Open();
    ASSERT_TRUE(status.ok()) << when << ": " << status;
    if (acknowledged == 0 && store_->Polls().empty()) return;
    const auto head = store_->GetHead(records.leaves[0]);
    ASSERT_TRUE(head.ok()) << when << ": " << head.status();
    ASSERT_GE(head->size, acknowledged) << when;
    ASSERT_LE(head->size, records.leaves.size()) << when;
    ASSERT_EQ(head->root, ReferenceRoot(records.leaves, 0, head->size)) << when;
    uint64_t seen = 0;
    ASSERT_TRUE(store_
                    ->Scan(records.leaves[0], 0, head->size,
                           [&](uint64_t index, std::string_view record) {
                             EXPECT_EQ(LeafHash(record), records.leaves[index]) << when;
                             ++seen;
                             return absl::OkStatus();
                           })
                    .ok())
        << when;
    ASSERT_EQ(seen, head->size) << when;
  }

  std::shared_ptr<FaultyFileSystem> files = std::make_shared<FaultyFileSystem>();
  Records records;
  uint64_t acknowledged = 0;

 private:
  TestFolder folder_;
  std::unique_ptr<rocksdb::Env> env_;
  std::unique_ptr<Store> store_;
};

uint64_t OperationsOfARun() {
  Trial trial;
  EXPECT_TRUE(trial.Run().ok());
  return trial.files->operations();
}

TEST(StoreCrash, LosesNothingWhenThePowerIsCutAtAnyOperation) {
  const uint64_t operations = OperationsOfARun();
  ASSERT_GT(operations, 20u);
  uint64_t cut_while_writing = 0;
  for (uint64_t at = 0; at < operations; ++at) {
    Trial trial;
    trial.files->FailAfter(at, Fault::kPowerFails);
    if (trial.Run().ok()) continue;  // the last operations may be of a thread in the background
    if (trial.acknowledged > 0) ++cut_while_writing;
    trial.Close();
    trial.files->CutPower();
    trial.ExpectNothingLost(base::Cat("power cut at operation ", at));
    if (testing::Test::HasFatalFailure()) return;
  }
  EXPECT_GT(cut_while_writing, 5u);
}

TEST(StoreCrash, TheseTestsNoticeADiskThatLiesAboutSyncing) {
  Trial trial;
  trial.files->LieAboutSyncing();
  ASSERT_TRUE(trial.Run().ok());
  trial.Close();
  trial.files->CutPower();
  // Everything is gone, and only an anchor elsewhere can tell.
  ASSERT_TRUE(trial.Open().ok());
  EXPECT_TRUE(trial.store().Polls().empty());
}

TEST(StoreCrash, WhatAStartReadsIsOnTheDiskWhenItHasStarted) {
  // A process that was killed, or whose sync failed, leaves records in the system's memory; the
  // next one reads and signs them, so they must not go with the power.
  Trial trial;
  ASSERT_TRUE(trial.Open().ok());
  trial.files->LieAboutSyncing();
  ASSERT_TRUE(trial.Run().ok());
  trial.Close();
  trial.files->LieAboutSyncing(false);
  ASSERT_TRUE(trial.Open().ok());
  ASSERT_EQ(trial.store().GetHead(trial.records.leaves[0])->size, trial.acknowledged);
  trial.Close();
  trial.files->CutPower();
  trial.ExpectNothingLost("power cut after a start");
}

class StoreFault : public testing::TestWithParam<Fault> {};
INSTANTIATE_TEST_SUITE_P(EveryKind, StoreFault,
                         testing::Values(Fault::kError, Fault::kErrorButDone, Fault::kNoSpace));

TEST_P(StoreFault, OfAnyOperationLosesNothingAndIsNotWrittenAfter) {
  const uint64_t operations = OperationsOfARun();
  uint64_t failed_appends = 0;
  for (uint64_t at = 0; at < operations; ++at) {
    Trial trial;
    trial.files->FailAfter(at, GetParam());
    const absl::Status status = trial.Run();
    if (!status.ok() && trial.acknowledged > 0) {
      ++failed_appends;
      // What was sent may or may not be there: the store takes nothing more.
      const Store::Batch next{trial.records.leaves[0], trial.records.Next(1, 1)};
      EXPECT_TRUE(absl::IsFailedPrecondition(trial.store().Append({&next, 1}).status()))
          << "operation " << at;
      trial.records.leaves.pop_back();
    }
    trial.ExpectNothingLost(base::Cat("operation ", at, " failed"));
    if (testing::Test::HasFatalFailure()) return;
  }
  EXPECT_GT(failed_appends, 5u);
}

TEST(RocksLog, DropsWhatItCannotWrite) {
  // Every write to this device fails as on a full disk.
  TestFolder folder;
  std::filesystem::create_symlink("/dev/full", folder / "LOG");
  const auto log = OpenRocksLog(folder.path());
  ASSERT_TRUE(log.ok()) << log.status();
  for (int i = 0; i < 10; ++i) rocksdb::Info(log->get(), "line %d", i);
  EXPECT_EQ((*log)->GetLogFileSize(), 0u);
}

TEST(RocksLog, DoesNotGrowForEver) {
  TestFolder folder;
  const auto log = OpenRocksLog(folder.path());
  ASSERT_TRUE(log.ok()) << log.status();
  const std::string line(4000, 'x');
  for (int i = 0; i < 3'000; ++i) rocksdb::Info(log->get(), "%s", line.c_str());
  uintmax_t total = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    total += entry.file_size();
  }
  EXPECT_GT(total, uintmax_t{4} << 20);
  EXPECT_LE(total, uintmax_t{8} << 20);
}

}  // namespace
}  // namespace urna::ledger
