#include "ledger/store/store.h"

#include <gtest/gtest.h>
#include <rocksdb/db.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <random>
#include <thread>

#include "ledger/tiles.h"
#include "tests/ledger/support.h"

namespace urna::ledger {
namespace {

namespace fs = std::filesystem;

std::unique_ptr<Store> OpenAt(const std::string& folder) {
  auto store = Store::Open({.folder = folder, .log_folder = ""});
  EXPECT_TRUE(store.ok()) << store.status();
  return store.ok() ? *std::move(store) : nullptr;
}

/// Makes the records of one ledger, chained, and remembers their leaves.
class Chain {
 public:
  explicit Chain(std::string name) : name_(std::move(name)) {}

  std::string Next() {
    Record record;
    record.kind = 1;
    record.time = leaves.size();
    record.previous = leaves.empty() ? Hash32{} : leaves.back();
    record.payload = PayloadAt(leaves.size());
    std::string bytes = EncodeRecord(record);
    leaves.push_back(LeafHash(bytes));
    return bytes;
  }
  Store::Batch NextBatch(size_t count) {
    Store::Batch batch;
    for (size_t i = 0; i < count; ++i) batch.records.push_back(Next());
    batch.poll = poll();
    return batch;
  }
  std::string PayloadAt(size_t index) const { return base::Cat(name_, " payload ", index); }
  const Hash32& poll() const { return leaves.front(); }
  Hash32 RootAt(size_t size) const { return ReferenceRoot(leaves, 0, size); }

  std::vector<Hash32> leaves;

 private:
  std::string name_;
};

void AppendTo(Store& store, Chain& chain, size_t count) {
  const Store::Batch batch = chain.NextBatch(count);
  const auto heads = store.Append({&batch, 1});
  ASSERT_TRUE(heads.ok()) << heads.status();
  ASSERT_EQ(heads->size(), 1u);
  EXPECT_EQ((*heads)[0].size, chain.leaves.size());
  EXPECT_EQ((*heads)[0].last_leaf, chain.leaves.back());
}

absl::Status ScanAll(const Store& store, const Hash32& poll) {
  const auto head = store.GetHead(poll);
  if (!head.ok()) return head.status();
  Frontier frontier;
  const absl::Status scanned =
      store.Scan(poll, 0, head->size, [&](uint64_t, std::string_view record) {
        frontier.Append(LeafHash(record));
        return absl::OkStatus();
      });
  if (!scanned.ok()) return scanned;
  return frontier.Root() == head->root ? absl::OkStatus() : absl::DataLossError("another root");
}

std::vector<std::string> FilesOf(const std::string& folder, std::string_view ending) {
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().string().ends_with(ending)) files.push_back(entry.path().string());
  }
  return files;
}

void FlipByte(const std::string& path, size_t at) {
  std::string bytes = ReadAll(path);
  ASSERT_LT(at, bytes.size());
  bytes[at] ^= 1;
  WriteAll(path, bytes);
}

/// Writes into the database behind the store's back.
void Overwrite(const std::string& folder, const std::string& key, const std::string& value) {
  rocksdb::DB* raw = nullptr;
  ASSERT_TRUE(rocksdb::DB::Open(rocksdb::Options(), folder, &raw).ok());
  const std::unique_ptr<rocksdb::DB> db(raw);
  std::string before;
  ASSERT_TRUE(db->Get(rocksdb::ReadOptions(), key, &before).ok());
  ASSERT_TRUE(db->Put(rocksdb::WriteOptions(), key, value).ok());
}

std::string IndexBytes(uint64_t index) {
  std::string out;
  for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<char>(index >> shift));
  return out;
}

TEST(StoreTest, ReadsEveryTileAndBundleInEveryWidth) {
  TestFolder folder;
  Chain chain("tiles");
  const auto store = OpenAt(folder.path());
  std::vector<std::string> records;
  std::map<std::string, std::string> full;
  TileBuilder builder([&](const TileId& id, const std::string& bytes) { full[id.Path()] = bytes; });
  for (const size_t count : {1, 254, 1, 1, 255, 70}) {
    const Store::Batch batch = chain.NextBatch(count);
    ASSERT_TRUE(store->Append({&batch, 1}).ok());
    for (const std::string& record : batch.records) {
      records.push_back(record);
      builder.Append(LeafHash(record));
    }
    const uint64_t size = records.size();
    std::map<std::string, std::string> tiles = full;
    for (const auto& [id, bytes] : builder.Partials()) tiles[id.Path()] = bytes;
    for (const TileId& id : TilesOf(size)) {
      for (uint32_t width = 1; width <= id.width; ++width) {
        const TileId part{id.level, id.index, width};
        ASSERT_TRUE(IsWithin(size, part)) << part.Path();
        const auto got = store->ReadTile(chain.poll(), part);
        ASSERT_TRUE(got.ok()) << got.status();
        if (id.level == TileId::kEntries) {
          const auto first = records.begin() + static_cast<ptrdiff_t>(id.index * kTileWidth);
          ASSERT_EQ(*got, EncodeBundle({first, first + width})) << part.Path() << " of " << size;
        } else {
          ASSERT_EQ(*got, tiles[id.Path()].substr(0, 32 * width)) << part.Path() << " of " << size;
        }
      }
      for (const TileId& beyond : {TileId{id.level, id.index, id.width + 1},
                                   TileId{id.level, TileCount(size, id.level), 1}}) {
        if (beyond.width > kTileWidth) continue;
        EXPECT_FALSE(IsWithin(size, beyond)) << beyond.Path();
        EXPECT_TRUE(absl::IsNotFound(store->ReadTile(chain.poll(), beyond).status()));
      }
    }
  }
  EXPECT_TRUE(absl::IsNotFound(store->ReadTile(chain.poll(), {8, 0, 1}).status()));
  EXPECT_TRUE(absl::IsNotFound(store->ReadTile(chain.poll(), {0, ~uint64_t{0}, 256}).status()));
  EXPECT_TRUE(absl::IsNotFound(store->ReadTile(Hash32{}, {0, 0, 1}).status()));
}

TEST(StoreTest, KeepsRecordsHeadsBodiesAndCheckpointsAcrossReopening) {
  TestFolder folder;
  Chain chain("one");
  Store::Head head;
  {
    const auto store = OpenAt(folder.path());
    ASSERT_NE(store, nullptr);
    EXPECT_TRUE(store->Polls().empty());
    AppendTo(*store, chain, 3);
    AppendTo(*store, chain, 300);
    head = store->GetHead(chain.poll()).value();
    EXPECT_EQ(head.root, chain.RootAt(303));
    EXPECT_TRUE(absl::IsNotFound(store->GetCheckpoint(chain.poll()).status()));
    EXPECT_TRUE(store->PutCheckpoint(chain.poll(), 303, "signed note").ok());
  }
  const auto store = OpenAt(folder.path());
  ASSERT_NE(store, nullptr);
  EXPECT_EQ(store->Polls(), std::vector<Hash32>{chain.poll()});
  EXPECT_EQ(store->GetHead(chain.poll()).value(), head);
  EXPECT_EQ(store->GetCheckpoint(chain.poll()).value(), "signed note");
  for (size_t i = 0; i < 303; ++i) {
    const auto record = store->Read(chain.poll(), i);
    ASSERT_TRUE(record.ok()) << record.status();
    EXPECT_EQ(LeafHash(*record), chain.leaves[i]);
    EXPECT_EQ(store->FindBody(chain.poll(), crypto::HashSha256(chain.PayloadAt(i))).value(), i);
  }
  EXPECT_TRUE(absl::IsNotFound(store->Read(chain.poll(), 303).status()));
  EXPECT_TRUE(absl::IsNotFound(
      store->FindBody(chain.poll(), crypto::HashSha256("never written")).status()));
  AppendTo(*store, chain, 10);
  EXPECT_EQ(store->GetHead(chain.poll())->root, chain.RootAt(313));
}

TEST(StoreTest, ScansARangeAndStopsWhenTold) {
  TestFolder folder;
  const auto store = OpenAt(folder.path());
  ASSERT_NE(store, nullptr);
  Chain chain("one");
  AppendTo(*store, chain, 600);
  uint64_t expected = 254;
  EXPECT_TRUE(store
                  ->Scan(chain.poll(), 254, 514,
                         [&](uint64_t index, std::string_view record) {
                           EXPECT_EQ(index, expected++);
                           EXPECT_EQ(LeafHash(record), chain.leaves[index]);
                           return absl::OkStatus();
                         })
                  .ok());
  EXPECT_EQ(expected, 514u);
  uint64_t visited = 0;
  const absl::Status stopped =
      store->Scan(chain.poll(), 0, 600, [&](uint64_t index, std::string_view) {
        ++visited;
        return index == 4 ? absl::CancelledError("enough") : absl::OkStatus();
      });
  EXPECT_TRUE(absl::IsCancelled(stopped));
  EXPECT_EQ(visited, 5u);
  const auto any = [](uint64_t, std::string_view) { return absl::OkStatus(); };
  EXPECT_TRUE(store->Scan(chain.poll(), 600, 600, any).ok());
  EXPECT_TRUE(absl::IsNotFound(store->Scan(chain.poll(), 0, 601, any)));
  EXPECT_TRUE(absl::IsNotFound(store->Scan(Hash32{}, 0, 0, any)));
}

TEST(StoreTest, KeepsTwoPollsApartInOneWrite) {
  TestFolder folder;
  Chain one("one");
  Chain two("two");
  {
    const auto store = OpenAt(folder.path());
    ASSERT_NE(store, nullptr);
    const std::vector<Store::Batch> batches = {one.NextBatch(300), two.NextBatch(5),
                                               one.NextBatch(2)};
    const auto heads = store->Append(batches);
    ASSERT_TRUE(heads.ok()) << heads.status();
    ASSERT_EQ(heads->size(), 3u);
    EXPECT_EQ((*heads)[0].root, one.RootAt(300));
    EXPECT_EQ((*heads)[1].root, two.RootAt(5));
    EXPECT_EQ((*heads)[2].root, one.RootAt(302));
  }
  const auto store = OpenAt(folder.path());
  ASSERT_NE(store, nullptr);
  EXPECT_EQ(store->Polls().size(), 2u);
  EXPECT_TRUE(ScanAll(*store, one.poll()).ok());
  EXPECT_TRUE(ScanAll(*store, two.poll()).ok());
  EXPECT_EQ(store->GetHead(one.poll())->size, 302u);
  EXPECT_EQ(store->GetHead(two.poll())->size, 5u);
  EXPECT_TRUE(
      absl::IsNotFound(store->FindBody(two.poll(), crypto::HashSha256(one.PayloadAt(7))).status()));
}

TEST(StoreTest, RefusesRecordsThatDoNotChainAndWritesNothing) {
  TestFolder folder;
  const auto store = OpenAt(folder.path());
  ASSERT_NE(store, nullptr);
  Chain chain("one");
  AppendTo(*store, chain, 3);
  const Store::Head before = store->GetHead(chain.poll()).value();

  Chain other("two");
  Store::Batch good = other.NextBatch(2);
  Store::Batch skipping = chain.NextBatch(2);
  skipping.records.erase(skipping.records.begin());
  Store::Batch malformed{chain.poll(), {"no record"}};
  Store::Batch misnamed = Chain("three").NextBatch(2);
  misnamed.poll[0] ^= 1;
  Store::Batch empty{Hash32{}, {}};
  for (const Store::Batch& bad : {skipping, malformed, misnamed, empty}) {
    const std::vector<Store::Batch> batches = {good, bad};
    const auto heads = store->Append(batches);
    EXPECT_TRUE(absl::IsInvalidArgument(heads.status())) << heads.status();
  }
  EXPECT_EQ(store->GetHead(chain.poll()).value(), before);
  EXPECT_TRUE(absl::IsNotFound(store->GetHead(other.poll()).status()));
  EXPECT_TRUE(absl::IsNotFound(store->Read(chain.poll(), 3).status()));
  EXPECT_TRUE(store->Append({&good, 1}).ok());
}

TEST(StoreTest, CheckpointsNeverGoBackOrBeyondTheLedger) {
  TestFolder folder;
  const auto store = OpenAt(folder.path());
  ASSERT_NE(store, nullptr);
  Chain chain("one");
  AppendTo(*store, chain, 5);
  EXPECT_TRUE(absl::IsInvalidArgument(store->PutCheckpoint(chain.poll(), 6, "six")));
  EXPECT_TRUE(absl::IsNotFound(store->PutCheckpoint(Hash32{}, 0, "none")));
  EXPECT_TRUE(store->PutCheckpoint(chain.poll(), 4, "four").ok());
  EXPECT_TRUE(store->PutCheckpoint(chain.poll(), 4, "four, cosigned").ok());
  EXPECT_TRUE(absl::IsInvalidArgument(store->PutCheckpoint(chain.poll(), 3, "three")));
  EXPECT_EQ(store->GetCheckpoint(chain.poll()).value(), "four, cosigned");
}

TEST(StoreTest, FindsTheLastRecordWithABody) {
  TestFolder folder;
  const auto store = OpenAt(folder.path());
  ASSERT_NE(store, nullptr);
  Chain chain("one");
  AppendTo(*store, chain, 3);
  Record again;
  again.previous = chain.leaves.back();
  again.payload = chain.PayloadAt(1);
  const Store::Batch batch{chain.poll(), {EncodeRecord(again)}};
  ASSERT_TRUE(store->Append({&batch, 1}).ok());
  EXPECT_EQ(store->FindBody(chain.poll(), crypto::HashSha256(chain.PayloadAt(1))).value(), 3u);
}

TEST(StoreTest, RefusesASecondServerOnOneFolder) {
  TestFolder folder;
  const auto store = OpenAt(folder.path());
  ASSERT_NE(store, nullptr);
  const auto second = Store::Open({.folder = folder.path(), .log_folder = ""});
  EXPECT_TRUE(absl::IsUnavailable(second.status()));
  EXPECT_NE(std::string(second.status().message()).find("another server"), std::string::npos)
      << second.status();
  EXPECT_NE(std::string(second.status().message()).find(folder.path()), std::string::npos);
}

TEST(StoreTest, PutsTheDatabasesOwnLogWhereToldTo) {
  TestFolder folder;
  {
    const auto store = Store::Open({.folder = folder / "data", .log_folder = folder / "logs"});
    ASSERT_TRUE(store.ok()) << store.status();
  }
  EXPECT_FALSE(FilesOf(folder / "logs", "LOG").empty());
  EXPECT_TRUE(FilesOf(folder / "data", "LOG").empty());
}

TEST(StoreTest, TenThousandRecordsHaveTheirTilesAndProofs) {
  constexpr size_t kSize = 10000;
  TestFolder folder;
  Chain chain("big");
  for (const bool reopened : {false, true}) {
    const auto store = OpenAt(folder.path());
    ASSERT_NE(store, nullptr);
    // Batches that end before, on and after tile boundaries.
    for (size_t i = 0; !reopened && chain.leaves.size() < kSize; ++i) {
      AppendTo(*store, chain, std::min(kSize - chain.leaves.size(), i % 3 == 0 ? 256 : 1 + i * 7));
    }
    const Store::Head head = store->GetHead(chain.poll()).value();
    ASSERT_EQ(head.size, kSize);
    ASSERT_EQ(head.root, chain.RootAt(kSize));
    EXPECT_TRUE(ScanAll(*store, chain.poll()).ok());

    const NodeReader nodes = store->Nodes(chain.poll(), kSize);
    EXPECT_EQ(ledger::RootAt(kSize, nodes).value(), head.root);
    for (size_t index = 0; index < kSize; index += 97) {
      const auto proof = InclusionProof(index, kSize, nodes);
      ASSERT_TRUE(proof.ok()) << proof.status();
      EXPECT_TRUE(VerifyInclusion(chain.leaves[index], index, kSize, *proof, head.root).ok());
    }
    for (const size_t first : {1, 255, 256, 257, 511, 512, 4096, 9984, 9985, 9999}) {
      const Hash32 first_root = chain.RootAt(first);
      EXPECT_EQ(ledger::RootAt(first, nodes).value(), first_root);
      const auto proof = ConsistencyProof(first, kSize, nodes);
      ASSERT_TRUE(proof.ok()) << proof.status();
      EXPECT_TRUE(VerifyConsistency(first, kSize, *proof, first_root, head.root).ok());
      // A reader of an earlier size serves proofs at that size, although the ledger went on.
      const auto earlier = InclusionProof(first - 1, first, store->Nodes(chain.poll(), first));
      ASSERT_TRUE(earlier.ok()) << earlier.status();
      EXPECT_TRUE(
          VerifyInclusion(chain.leaves[first - 1], first - 1, first, *earlier, first_root).ok());
    }
  }
}

TEST(StoreTest, EveryNodeIsThatOfTheDefinition) {
  TestFolder folder;
  const auto store = OpenAt(folder.path());
  ASSERT_NE(store, nullptr);
  Chain chain("one");
  AppendTo(*store, chain, 700);
  const NodeReader nodes = store->Nodes(chain.poll(), 650);
  for (uint32_t level = 0; level < 10; ++level) {
    for (uint64_t index = 0; (index + 1) << level <= 650; ++index) {
      EXPECT_EQ(nodes(level, index).value(),
                ReferenceRoot(chain.leaves, index << level, (index + 1) << level))
          << level << " " << index;
    }
    EXPECT_TRUE(absl::IsNotFound(nodes(level, 650 >> level).status())) << level;
  }
  EXPECT_TRUE(absl::IsNotFound(nodes(64, 0).status()));
  EXPECT_TRUE(absl::IsNotFound(store->Nodes(chain.poll(), 701)(0, 0).status()));
  EXPECT_TRUE(absl::IsNotFound(store->Nodes(Hash32{}, 0)(0, 0).status()));
}

TEST(StoreTest, ReadersSeeWholeLedgersWhileOneAppends) {
  TestFolder folder;
  const auto store = OpenAt(folder.path());
  ASSERT_NE(store, nullptr);
  Chain chain("one");
  AppendTo(*store, chain, 1);
  const Hash32 poll = chain.poll();
  std::atomic<bool> done{false};
  std::atomic<int> proofs{0};
  const auto read = [&](unsigned seed) {
    std::mt19937 random(seed);
    do {
      const Store::Head head = store->GetHead(poll).value();
      const NodeReader nodes = store->Nodes(poll, head.size);
      ASSERT_EQ(RootAt(head.size, nodes).value(), head.root);
      const uint64_t index = random() % head.size;
      const auto record = store->Read(poll, index);
      const auto proof = InclusionProof(index, head.size, nodes);
      ASSERT_TRUE(record.ok() && proof.ok());
      ASSERT_TRUE(VerifyInclusion(LeafHash(*record), index, head.size, *proof, head.root).ok());
      ++proofs;
    } while (!done);
  };
  std::thread first(read, 1);
  std::thread second(read, 2);
  for (int i = 0; i < 120; ++i) AppendTo(*store, chain, 11);
  done = true;
  first.join();
  second.join();
  EXPECT_GE(proofs, 2);
  EXPECT_EQ(store->GetHead(poll)->root, chain.RootAt(1 + 120 * 11));
}

TEST(StoreTest, ACrashLosesNothingThatWasAcknowledged) {
  TestFolder folder;
  int acks[2];
  ASSERT_EQ(pipe(acks), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto store = Store::Open({.folder = folder.path(), .log_folder = ""});
    Chain chain("crash");
    while (store.ok()) {
      const Store::Batch batch = chain.NextBatch(7);
      if (!(*store)->Append({&batch, 1}).ok() || write(acks[1], "7", 1) != 1) break;
    }
    _exit(1);
  }
  close(acks[1]);
  size_t acknowledged = 0;
  char ack;
  while (acknowledged < 100 * 7 && read(acks[0], &ack, 1) == 1) acknowledged += 7;
  kill(child, SIGKILL);
  while (read(acks[0], &ack, 1) == 1) acknowledged += 7;
  close(acks[0]);
  int result = 0;
  waitpid(child, &result, 0);
  ASSERT_TRUE(WIFSIGNALED(result));

  const auto store = OpenAt(folder.path());
  ASSERT_NE(store, nullptr);
  ASSERT_EQ(store->Polls().size(), 1u);
  const Hash32 poll = store->Polls()[0];
  EXPECT_GE(store->GetHead(poll)->size, acknowledged);
  EXPECT_EQ(store->GetHead(poll)->size % 7, 0u);
  EXPECT_TRUE(ScanAll(*store, poll).ok());
}

TEST(StoreTest, AfterAFailedWriteItWritesNoMore) {
  TestFolder folder;
  int acks[2];
  ASSERT_EQ(pipe(acks), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    // A limit on the size of files makes the write-ahead log fail as a full disk would.
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1 << 20, 1 << 20};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) _exit(2);
    auto store = Store::Open({.folder = folder.path(), .log_folder = ""});
    if (!store.ok()) _exit(3);
    Chain chain("full");
    absl::Status status;
    while (status.ok() && chain.leaves.size() < 100000) {
      const Store::Batch batch = chain.NextBatch(256);
      status = (*store)->Append({&batch, 1}).status();
      if (status.ok() && write(acks[1], "7", 1) != 1) _exit(4);
    }
    if (!absl::IsUnavailable(status)) _exit(5);
    const Store::Batch batch = chain.NextBatch(1);
    if (!absl::IsFailedPrecondition((*store)->Append({&batch, 1}).status())) _exit(6);
    if (!absl::IsFailedPrecondition((*store)->PutCheckpoint(chain.poll(), 1, "note"))) _exit(7);
    _exit(0);
  }
  close(acks[1]);
  size_t acknowledged = 0;
  char ack;
  while (read(acks[0], &ack, 1) == 1) acknowledged += 256;
  close(acks[0]);
  int result = 0;
  waitpid(child, &result, 0);
  ASSERT_TRUE(WIFEXITED(result));
  ASSERT_EQ(WEXITSTATUS(result), 0);
  EXPECT_GT(acknowledged, 0u);

  const auto store = OpenAt(folder.path());
  ASSERT_NE(store, nullptr);
  const Hash32 poll = store->Polls().at(0);
  EXPECT_GE(store->GetHead(poll)->size, acknowledged);
  EXPECT_TRUE(ScanAll(*store, poll).ok());
}

// No mode of RocksDB notices that the end of its log is gone; what is left must be a whole ledger
// of an earlier size, which a checkpoint kept elsewhere then shows to be too short.
TEST(StoreTest, ATruncatedLogLeavesAConsistentShorterLedger) {
  TestFolder folder;
  Chain chain("one");
  {
    const auto store = OpenAt(folder.path());
    ASSERT_NE(store, nullptr);
    for (int i = 0; i < 50; ++i) AppendTo(*store, chain, 11);
  }
  const std::vector<std::string> logs = FilesOf(folder.path(), ".log");
  ASSERT_EQ(logs.size(), 1u);
  fs::resize_file(logs[0], fs::file_size(logs[0]) / 2);
  const auto store = OpenAt(folder.path());
  ASSERT_NE(store, nullptr);
  const Store::Head head = store->GetHead(chain.poll()).value();
  EXPECT_LT(head.size, chain.leaves.size());
  EXPECT_GT(head.size, 0u);
  EXPECT_EQ(head.root, chain.RootAt(head.size));
  EXPECT_TRUE(ScanAll(*store, chain.poll()).ok());
}

// RocksDB would take the folder for an empty one, and delete the records.
TEST(StoreTest, RefusesAFolderWithoutItsTableOfContentsAndDeletesNothing) {
  TestFolder folder;
  Chain chain("one");
  for (int i = 0; i < 2; ++i) {  // then there are tables and a log
    const auto store = OpenAt(folder.path());
    ASSERT_NE(store, nullptr);
    AppendTo(*store, chain, 5);
  }
  fs::rename(folder / "CURRENT", folder / "elsewhere");
  for (int i = 0; i < 2; ++i) {
    const auto store = Store::Open({.folder = folder.path(), .log_folder = folder / "logs"});
    EXPECT_TRUE(absl::IsDataLoss(store.status())) << store.status();
    EXPECT_NE(std::string(store.status().message()).find("CURRENT is gone"), std::string::npos);
  }
  fs::rename(folder / "elsewhere", folder / "CURRENT");
  const auto store = OpenAt(folder.path());
  ASSERT_NE(store, nullptr);
  EXPECT_EQ(store->GetHead(chain.poll())->size, 10u);
  EXPECT_TRUE(ScanAll(*store, chain.poll()).ok());
}

TEST(StoreTest, RefusesALogWithAFlippedBit) {
  TestFolder folder;
  Chain chain("one");
  {
    const auto store = OpenAt(folder.path());
    ASSERT_NE(store, nullptr);
    for (int i = 0; i < 50; ++i) AppendTo(*store, chain, 11);
  }
  const std::vector<std::string> logs = FilesOf(folder.path(), ".log");
  ASSERT_EQ(logs.size(), 1u);
  FlipByte(logs[0], fs::file_size(logs[0]) / 2);
  const auto store = Store::Open({.folder = folder.path(), .log_folder = ""});
  EXPECT_TRUE(absl::IsDataLoss(store.status())) << store.status();
}

TEST(StoreTest, NoticesAFlippedBitInATable) {
  TestFolder folder;
  Chain chain("one");
  {
    const auto store = OpenAt(folder.path());
    ASSERT_NE(store, nullptr);
    AppendTo(*store, chain, 3000);
  }
  // Reopening turns the log into a table.
  ASSERT_NE(OpenAt(folder.path()), nullptr);
  const std::vector<std::string> tables = FilesOf(folder.path(), ".sst");
  ASSERT_EQ(tables.size(), 1u);
  const size_t size = fs::file_size(tables[0]);
  for (const size_t at : {size / 10, size / 3}) {
    FlipByte(tables[0], at);
    const auto store = Store::Open({.folder = folder.path(), .log_folder = ""});
    const absl::Status status = store.ok() ? ScanAll(**store, chain.poll()) : store.status();
    EXPECT_FALSE(status.ok()) << at;
    FlipByte(tables[0], at);
  }
  const auto store = OpenAt(folder.path());
  ASSERT_NE(store, nullptr);
  EXPECT_TRUE(ScanAll(*store, chain.poll()).ok());
}

class EditedStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto store = OpenAt(folder_.path());
    ASSERT_NE(store, nullptr);
    AppendTo(*store, chain_, 600);
  }

  std::string Key(std::string_view rest) const {
    return base::Cat(base::View(chain_.poll()), rest);
  }
  void ExpectDamaged() {
    const auto store = Store::Open({.folder = folder_.path(), .log_folder = ""});
    EXPECT_TRUE(absl::IsDataLoss(store.status())) << store.status();
    const std::string text(store.status().message());
    EXPECT_NE(text.find("ledger.store-damaged"), std::string::npos) << text;
    EXPECT_NE(text.find(base::Hex(chain_.poll())), std::string::npos) << text;
  }

  TestFolder folder_;
  Chain chain_{"edited"};
};

TEST_F(EditedStoreTest, RefusesAReplacedRecordAtTheEdge) {
  Record record;
  record.previous = chain_.leaves[549];
  record.payload = "another vote";
  Overwrite(folder_.path(), Key("e" + IndexBytes(550)), EncodeRecord(record));
  ExpectDamaged();
}

TEST_F(EditedStoreTest, RefusesAReplacedTile) {
  std::string key = "t";
  key.push_back('\0');
  Overwrite(folder_.path(), Key(key + IndexBytes(1)), std::string(8192, 'x'));
  ExpectDamaged();
}

TEST_F(EditedStoreTest, RefusesATileOfAnotherLength) {
  std::string key = "t";
  key.push_back('\0');
  Overwrite(folder_.path(), Key(key + IndexBytes(1)), "short");
  ExpectDamaged();
}

TEST_F(EditedStoreTest, RefusesAHeadOfAnotherSize) {
  std::string head("\1\x57\2\0\0\0\0\0\0", 9);  // 599 records
  head += base::View(chain_.RootAt(600));
  head += base::View(chain_.leaves[598]);
  Overwrite(folder_.path(), Key("H"), head);
  ExpectDamaged();
}

TEST_F(EditedStoreTest, RefusesAHeadWithAnotherLastLeaf) {
  std::string head("\1\x58\2\0\0\0\0\0\0", 9);  // 600 records
  head += base::View(chain_.RootAt(600));
  Overwrite(folder_.path(), Key("H"), head + std::string(base::View(chain_.leaves[599])));
  ASSERT_NE(OpenAt(folder_.path()), nullptr);
  Overwrite(folder_.path(), Key("H"), head + std::string(base::View(chain_.leaves[598])));
  ExpectDamaged();
}

TEST_F(EditedStoreTest, RefusesAHeadItCannotRead) {
  Overwrite(folder_.path(), Key("H"), "nonsense");
  ExpectDamaged();
}

TEST_F(EditedStoreTest, ARecordAwayFromTheEdgeIsFoundByScanning) {
  Record record;
  record.previous = chain_.leaves[9];
  record.payload = "another vote";
  Overwrite(folder_.path(), Key("e" + IndexBytes(10)), EncodeRecord(record));
  const auto store = OpenAt(folder_.path());
  ASSERT_NE(store, nullptr);
  EXPECT_FALSE(ScanAll(*store, chain_.poll()).ok());
}

}  // namespace
}  // namespace urna::ledger
