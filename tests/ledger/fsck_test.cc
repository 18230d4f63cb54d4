#include "ledger/store/fsck.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rocksdb/db.h>

#include <memory>
#include <set>

#include "ledger/store/layout.h"
#include "ledger/store/log_scan.h"
#include "ledger/store/store.h"
#include "tests/ledger/support.h"

namespace urna::ledger {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// Records of one ledger, chained.
class Records {
 public:
  explicit Records(std::string name) : name_(std::move(name)) {}

  std::string Next() {
    Record record;
    record.kind = 1;
    record.previous = leaves.empty() ? Hash32{} : leaves.back();
    // The same payload now and then: the index names the last such record.
    const size_t number = leaves.size() % 100 == 98 ? 98 : leaves.size();
    record.payload = base::Cat(name_, " payload ", number, std::string(number % 50, '.'));
    records.push_back(EncodeRecord(record));
    leaves.push_back(LeafHash(records.back()));
    return records.back();
  }
  void AppendTo(Store& store, size_t count) {
    Store::Batch batch;
    for (size_t i = 0; i < count; ++i) batch.records.push_back(Next());
    batch.poll = poll();
    const auto heads = store.Append({&batch, 1});
    ASSERT_TRUE(heads.ok()) << heads.status();
  }
  const Hash32& poll() const { return leaves.front(); }

  std::vector<std::string> records;
  std::vector<Hash32> leaves;

 private:
  std::string name_;
};

class Remembering final : public LedgerVisitor {
 public:
  std::vector<uint64_t> Begin(const Hash32& poll, uint64_t records, ReadRecord read) override {
    announced[poll] = records;
    if (records > 7) first = *read(7);
    return {1, 256, 300, 5000};
  }
  void Record(uint64_t index, std::string_view) override {
    EXPECT_GE(index, seen);
    seen = index + 1;
  }
  void End(const RecomputedLedger& ledger, Findings&) override {
    ledgers[ledger.poll] = ledger;
    seen = 0;
  }

  std::map<Hash32, uint64_t> announced;
  std::map<Hash32, RecomputedLedger> ledgers;
  std::string first;
  uint64_t seen = 0;
};

/// Everything in a folder, with the time at which each file was last written.
std::set<std::tuple<std::string, std::string, int64_t>> Snapshot(const std::string& folder) {
  std::set<std::tuple<std::string, std::string, int64_t>> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    files.emplace(entry.path().string(), ReadAll(entry.path().string()),
                  entry.last_write_time().time_since_epoch().count());
  }
  return files;
}

/// Two ledgers of 600 and 40 records, most of them in a table, the last ones in the log.
class FsckTest : public testing::Test {
 protected:
  void SetUp() override {
    one_.AppendTo(*Open(), 560);
    two_.AppendTo(*Open(), 30);
    const auto store = Open();
    for (int i = 0; i < 20; ++i) one_.AppendTo(*store, 2);
    two_.AppendTo(*store, 10);
    ASSERT_TRUE(store->PutCheckpoint(one_.poll(), 590, "a note").ok());
  }

  std::unique_ptr<Store> Open() {
    auto store = Store::Open({.folder = folder(), .log_folder = folder_ / "log"});
    EXPECT_TRUE(store.ok()) << store.status();
    return *std::move(store);
  }
  std::string folder() const { return folder_ / "ledger"; }

  std::vector<std::string> Files(std::string_view ending) const {
    std::vector<std::string> files;
    for (const auto& entry : fs::directory_iterator(folder())) {
      if (entry.path().string().ends_with(ending)) files.push_back(entry.path().string());
    }
    std::sort(files.begin(), files.end());
    return files;
  }
  std::string Log() const { return Files(".log").back(); }
  std::string Manifest() const {
    return folder() + "/" + std::string(base::Trim(ReadAll(folder() + "/CURRENT")));
  }
  static void Flip(const std::string& path, size_t at) {
    std::string bytes = ReadAll(path);
    ASSERT_LT(at, bytes.size());
    bytes[at] ^= 1;
    WriteAll(path, bytes);
  }
  /// Writes (or deletes) behind the store's back, as a whole write of RocksDB.
  void Edit(const std::function<void(rocksdb::DB&)>& edit) {
    rocksdb::DB* raw = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open(rocksdb::Options(), folder(), &raw).ok());
    const std::unique_ptr<rocksdb::DB> db(raw);
    edit(*db);
  }
  void Put(const std::string& key, const std::string& value) {
    Edit([&](rocksdb::DB& db) { ASSERT_TRUE(db.Put(rocksdb::WriteOptions(), key, value).ok()); });
  }
  void Delete(const std::string& key) {
    Edit([&](rocksdb::DB& db) {
      std::string value;
      ASSERT_TRUE(db.Get(rocksdb::ReadOptions(), key, &value).ok());
      ASSERT_TRUE(db.Delete(rocksdb::WriteOptions(), key).ok());
    });
  }
  std::string Tile(uint64_t index) {
    std::string value;
    Edit([&](rocksdb::DB& db) {
      ASSERT_TRUE(db.Get(rocksdb::ReadOptions(), TileKey(one_.poll(), 0, index), &value).ok());
    });
    return value;
  }

  Findings Check(LedgerVisitor& visitor) {
    Findings findings;
    const auto database = CheckFiles(folder(), /*in_use=*/false, nullptr, findings);
    EXPECT_TRUE(database.ok()) << database.status();
    if (database.ok() && *database != nullptr) {
      CheckLedgers(**database, folder(), visitor, findings);
    }
    return findings;
  }
  Findings Check() {
    Remembering visitor;
    return Check(visitor);
  }
  /// There is one fault, and it is of the first ledger.
  void ExpectFault(const std::string& item, std::optional<uint64_t> offset,
                   const std::string& what) {
    const Findings findings = Check();
    ASSERT_THAT(findings.faults, SizeIs(1)) << Text(findings);
    const Fault& fault = findings.faults[0];
    EXPECT_EQ(fault.poll, one_.poll());
    EXPECT_EQ(fault.item, item) << Text(findings);
    EXPECT_EQ(fault.offset, offset) << Text(findings);
    EXPECT_THAT(fault.what, HasSubstr(what));
    EXPECT_FALSE(fault.remedy.empty());
  }
  static std::string Text(const Findings& findings) {
    std::string text;
    for (const Fault& fault : findings.faults) text += fault.Place() + ": " + fault.what + "\n";
    for (const std::string& note : findings.notes) text += "note: " + note + "\n";
    return text;
  }

  TestFolder folder_;
  Records one_{"one"};
  Records two_{"two"};
};

TEST_F(FsckTest, RecomputesSoundLedgersAndWritesNothing) {
  ASSERT_THAT(Files(".sst"), testing::Not(IsEmpty()));
  const auto before = Snapshot(folder_.path());
  Remembering visitor;
  const Findings findings = Check(visitor);
  EXPECT_EQ(Snapshot(folder_.path()), before);
  EXPECT_THAT(findings.faults, IsEmpty()) << Text(findings);
  EXPECT_THAT(findings.notes, IsEmpty()) << Text(findings);
  EXPECT_EQ(visitor.announced, (std::map<Hash32, uint64_t>{{one_.poll(), 600}, {two_.poll(), 40}}));
  ASSERT_THAT(visitor.ledgers, SizeIs(2));
  const RecomputedLedger& one = visitor.ledgers[one_.poll()];
  EXPECT_EQ(one.size, 600u);
  EXPECT_TRUE(one.readable);
  EXPECT_EQ(one.root, ReferenceRoot(one_.leaves, 0, 600));
  EXPECT_EQ(one.checkpoint, "a note");
  ASSERT_THAT(one.roots, SizeIs(4));
  for (const auto& [size, root] : one.roots) {
    EXPECT_EQ(root, ReferenceRoot(one_.leaves, 0, size)) << size;
  }
  EXPECT_EQ(one.roots.count(590), 1u);
  EXPECT_EQ(visitor.ledgers[two_.poll()].size, 40u);
  EXPECT_FALSE(visitor.ledgers[two_.poll()].checkpoint.has_value());
}

TEST_F(FsckTest, ReadsWhileAServerHasTheStoreOpen) {
  const auto store = Open();
  one_.AppendTo(*store, 10);
  Remembering visitor;
  Findings findings;
  const auto database = CheckFiles(folder(), /*in_use=*/true, nullptr, findings);
  ASSERT_TRUE(database.ok()) << database.status();
  CheckLedgers(**database, folder(), visitor, findings);
  EXPECT_THAT(findings.faults, IsEmpty()) << Text(findings);
  EXPECT_EQ(visitor.ledgers[one_.poll()].size, 610u);
  one_.AppendTo(*store, 1);
}

TEST_F(FsckTest, SaysThatThereIsNoFolder) {
  Findings findings;
  EXPECT_TRUE(absl::IsNotFound(CheckFiles(folder_ / "nowhere", false, nullptr, findings).status()));
  EXPECT_FALSE(fs::exists(folder_ / "nowhere"));
}

// --- Files ---------------------------------------------------------------------------------------

TEST_F(FsckTest, NamesTheRecordOfTheLogThatWasDamaged) {
  const std::string log = Log();
  const size_t at = fs::file_size(log) / 2;
  Flip(log, at);
  Remembering visitor;
  const Findings findings = Check(visitor);
  ASSERT_THAT(findings.faults, SizeIs(2)) << Text(findings);
  EXPECT_EQ(findings.faults[0].file, log);
  ASSERT_TRUE(findings.faults[0].offset.has_value());
  EXPECT_LE(*findings.faults[0].offset, at);
  EXPECT_LT(at - *findings.faults[0].offset, 1000u);
  EXPECT_THAT(findings.faults[0].Place(), HasSubstr(".log, byte "));
  EXPECT_THAT(findings.faults[1].what, HasSubstr("RocksDB does not open it"));
  // What can still be read is checked: so an operator learns what would be left.
  EXPECT_GT(visitor.ledgers[one_.poll()].size, 560u);
  EXPECT_LT(visitor.ledgers[one_.poll()].size, 600u);
}

TEST_F(FsckTest, ALogThatEndsWithinARecordIsNoDamageByItself) {
  const std::string log = Log();
  fs::resize_file(log, fs::file_size(log) - 3);
  const Findings findings = Check();
  EXPECT_THAT(findings.faults, IsEmpty()) << Text(findings);
  ASSERT_THAT(findings.notes, SizeIs(1));
  EXPECT_THAT(findings.notes[0], AllOf(HasSubstr(log), HasSubstr(", byte ")));
}

TEST_F(FsckTest, ATableThatAKilledProcessHadBegunIsNoDamage) {
  const std::string begun = folder() + "/000999.sst";
  WriteAll(begun, "");
  const Findings findings = Check();
  EXPECT_THAT(findings.faults, IsEmpty()) << Text(findings);
  ASSERT_THAT(findings.notes, SizeIs(1));
  EXPECT_THAT(findings.notes[0], AllOf(HasSubstr(begun), HasSubstr("no part of the database")));
}

TEST_F(FsckTest, NamesTheBlockOfATableThatWasDamaged) {
  const std::string table = Files(".sst").front();
  const size_t at = 10'000;
  ASSERT_LT(at, fs::file_size(table) / 2);
  Flip(table, at);
  const Findings findings = Check();
  ASSERT_FALSE(findings.faults.empty());
  EXPECT_EQ(findings.faults[0].file, table);
  ASSERT_TRUE(findings.faults[0].offset.has_value()) << Text(findings);
  EXPECT_LE(*findings.faults[0].offset, at);
  EXPECT_LT(at - *findings.faults[0].offset, 9000u);
}

TEST_F(FsckTest, NoticesEveryFlippedByteOfATable) {
  const std::string table = Files(".sst").front();
  const size_t size = fs::file_size(table);
  for (size_t at = size - 1; at < size; at -= size / 40) {
    SCOPED_TRACE(at);
    Flip(table, at);
    const Findings findings = Check();
    ASSERT_FALSE(findings.faults.empty());
    // Where RocksDB cannot even open the table, that comes first.
    EXPECT_THAT(Text(findings), HasSubstr(table));
    Flip(table, at);
  }
  EXPECT_THAT(Check().faults, IsEmpty());
}

TEST_F(FsckTest, MissesATableThatIsGone) {
  const std::string table = Files(".sst").front();
  fs::remove(table);
  const Findings findings = Check();
  ASSERT_FALSE(findings.faults.empty());
  EXPECT_THAT(findings.faults[0].what, HasSubstr(fs::path(table).stem().string()));
}

TEST_F(FsckTest, NamesTheRecordOfTheManifestThatWasDamaged) {
  const std::string manifest = Manifest();
  Flip(manifest, 20);
  const Findings findings = Check();
  ASSERT_FALSE(findings.faults.empty());
  EXPECT_EQ(findings.faults[0].file, manifest);
  EXPECT_EQ(findings.faults[0].offset, 0u);
}

TEST_F(FsckTest, SaysThatTheDatabaseHasLostItsBeginning) {
  fs::remove(folder() + "/CURRENT");
  const auto before = Snapshot(folder_.path());
  const Findings findings = Check();
  ASSERT_THAT(findings.faults, SizeIs(1)) << Text(findings);
  EXPECT_EQ(findings.faults[0].file, folder());
  EXPECT_THAT(findings.faults[0].what, HasSubstr("CURRENT"));
  EXPECT_EQ(Snapshot(folder_.path()), before);
}

// --- What stands in the database, under checksums that fit ---------------------------------------

std::string Changed(std::string record) {
  record.back() ^= 1;
  return record;
}

TEST_F(FsckTest, NamesAChangedRecordUnderAFullTile) {
  Put(EntryKey(one_.poll(), 17), Changed(one_.records[17]));
  const Findings findings = Check();
  ASSERT_THAT(findings.faults, SizeIs(3)) << Text(findings);
  EXPECT_EQ(findings.faults[0].item, "index entry of the payload of record 17");
  EXPECT_EQ(findings.faults[1].item, "record 17");
  EXPECT_THAT(findings.faults[1].what, HasSubstr("tile 0/0 and in record 18"));
  EXPECT_THAT(findings.faults[2].item, HasSubstr("index entry "));
}

TEST_F(FsckTest, NamesTheByteOfALinkThatWasChanged) {
  std::string record = one_.records[18];
  record[10 + 5] ^= 1;
  Put(EntryKey(one_.poll(), 18), record);
  const Findings findings = Check();
  ASSERT_THAT(findings.faults, SizeIs(2)) << Text(findings);
  EXPECT_EQ(findings.faults[0].item, "record 18");
  EXPECT_EQ(findings.faults[0].offset, 10u + 5);
  EXPECT_THAT(findings.faults[0].what, HasSubstr("record 17"));
  EXPECT_EQ(findings.faults[1].item, "record 18");
  EXPECT_THAT(findings.faults[1].what, HasSubstr("in record 19"));
}

TEST_F(FsckTest, NamesAChangedRecordAtTheEdge) {
  Put(EntryKey(one_.poll(), 580), Changed(one_.records[580]));
  const Findings findings = Check();
  ASSERT_THAT(findings.faults, SizeIs(4)) << Text(findings);
  EXPECT_EQ(findings.faults[1].item, "record 581");
  EXPECT_THAT(findings.faults[1].what, HasSubstr("does not fit record 580"));
  EXPECT_EQ(findings.faults[2].item, "the head");
}

TEST_F(FsckTest, NamesTheLastRecordWhenItChanged) {
  std::string record = one_.records[599];
  record[3] ^= 1;  // the time
  Put(EntryKey(one_.poll(), 599), record);
  const Findings findings = Check();
  ASSERT_THAT(findings.faults, SizeIs(2)) << Text(findings);
  EXPECT_THAT(findings.faults[0].what, HasSubstr("root is not that of the records"));
  EXPECT_THAT(findings.faults[1].what, HasSubstr("not that of the last record"));
}

TEST_F(FsckTest, NamesAnotherFirstRecord) {
  std::string record = one_.records[0];
  record[3] ^= 1;
  Put(EntryKey(one_.poll(), 0), record);
  const Findings findings = Check();
  ASSERT_FALSE(findings.faults.empty());
  EXPECT_EQ(findings.faults[0].item, "record 0");
  EXPECT_THAT(findings.faults[0].what, HasSubstr("poll's id"));
}

TEST_F(FsckTest, NamesWhatIsNoRecord) {
  Put(EntryKey(one_.poll(), 33), "short");
  const Findings findings = Check();
  ASSERT_FALSE(findings.faults.empty());
  EXPECT_EQ(findings.faults[0].item, "record 33");
  EXPECT_EQ(findings.faults[0].offset, 0u);
  EXPECT_THAT(findings.faults[0].what, HasSubstr("is no record"));
}

TEST_F(FsckTest, NamesAMissingRecord) {
  Delete(EntryKey(one_.poll(), 300));
  const Findings findings = Check();
  ASSERT_FALSE(findings.faults.empty());
  EXPECT_EQ(findings.faults[0].item, "record 300");
  EXPECT_EQ(findings.faults[0].what, "is missing");
}

TEST_F(FsckTest, NamesAMissingLastRecord) {
  Delete(EntryKey(one_.poll(), 599));
  const Findings findings = Check();
  ASSERT_FALSE(findings.faults.empty());
  EXPECT_EQ(findings.faults[0].item, "record 599");
  EXPECT_THAT(findings.faults[0].what, HasSubstr("the head counts 600"));
}

TEST_F(FsckTest, NamesARecordBehindTheLast) {
  Put(EntryKey(one_.poll(), 600), one_.records[1]);
  ExpectFault("record 600", std::nullopt, "the 600 that the head counts");
}

TEST_F(FsckTest, NamesTheByteOfATile) {
  std::string tile = Tile(1);
  tile[32 * 7 + 3] ^= 1;
  Put(TileKey(one_.poll(), 0, 1), tile);
  ExpectFault("tile 0/1", 32 * 7 + 3, "its hash 7");
}

TEST_F(FsckTest, NamesATileOfAnotherLength) {
  Put(TileKey(one_.poll(), 0, 1), Tile(1).substr(0, 8000));
  ExpectFault("tile 0/1", 8000, "8000 bytes instead of 8192");
}

TEST_F(FsckTest, NamesAMissingTile) {
  Delete(TileKey(one_.poll(), 0, 0));
  ExpectFault("tile 0/0", std::nullopt, "is missing");
}

TEST_F(FsckTest, NamesATileThatIsNone) {
  Put(TileKey(one_.poll(), 0, 2), Tile(1));
  ExpectFault("tile 0/2", std::nullopt, "none of a ledger of 600 records");
}

TEST_F(FsckTest, NamesAMissingIndexEntry) {
  Delete(BodyKey(one_.poll(), crypto::HashSha256(DecodeRecord(one_.records[20])->payload)));
  ExpectFault("index entry of the payload of record 20", std::nullopt, "is missing");
}

TEST_F(FsckTest, NamesAnIndexEntryThatPointsElsewhere) {
  const std::string key =
      BodyKey(one_.poll(), crypto::HashSha256(DecodeRecord(one_.records[20])->payload));
  for (const uint64_t other : {19, 21, 7000}) {
    Put(key, BigEndian(other));
    ExpectFault("index entry of the payload of record 20", std::nullopt,
                base::Cat("points to record ", other));
  }
}

TEST_F(FsckTest, NamesAnIndexEntryOfAnEarlierRecordWithTheSamePayload) {
  // Records 98, 198, .. 598 carry one payload.
  Put(BodyKey(one_.poll(), crypto::HashSha256(DecodeRecord(one_.records[98])->payload)),
      BigEndian(198));
  const Findings findings = Check();
  ASSERT_THAT(findings.faults, testing::Not(IsEmpty()));
  EXPECT_EQ(findings.faults[0].item, "index entry of the payload of record 298");
}

TEST_F(FsckTest, NamesAStrayIndexEntry) {
  const Hash32 stray = crypto::HashSha256("never written");
  Put(BodyKey(one_.poll(), stray), BigEndian(20));
  ExpectFault("index entry " + base::Hex(stray), std::nullopt, "record 20");
}

TEST_F(FsckTest, NamesAHeadThatDoesNotFit) {
  Store::Head head{600, ReferenceRoot(one_.leaves, 0, 600), one_.leaves.back()};
  head.root[4] ^= 1;
  Put(Key(one_.poll(), kHead), EncodeHead(head));
  ExpectFault("the head", 1 + 8 + 4, "root");
  head.root[4] ^= 1;
  head.last_leaf[31] ^= 1;
  Put(Key(one_.poll(), kHead), EncodeHead(head));
  ExpectFault("the head", 1 + 8 + 32 + 31, "last hash");
  Put(Key(one_.poll(), kHead), "nonsense");
  ExpectFault("the head", std::nullopt, "unknown format");
  Delete(Key(one_.poll(), kHead));
  ExpectFault("the head", std::nullopt, "is missing");
}

TEST_F(FsckTest, NamesACheckpointThatIsCutShort) {
  Put(Key(one_.poll(), kCheckpoint), "abc");
  ExpectFault("the stored checkpoint", std::nullopt, "cut short");
}

TEST_F(FsckTest, NamesKeysThatNoLedgerHas) {
  const std::string poll(base::View(one_.poll()));
  for (const std::string& key :
       {poll + "q", poll + "e123", poll + "Hx", poll + "xshort", poll + "t", poll + '\xff'}) {
    Put(key, "12345678");
    ExpectFault("key " + base::Hex(key), std::nullopt, "none that a ledger has");
    Delete(key);
  }
  Put("short", "x");
  const Findings findings = Check();
  ASSERT_THAT(findings.faults, SizeIs(1));
  EXPECT_EQ(findings.faults[0].Place(), folder() + ", key " + base::Hex(std::string("short")));
}

TEST_F(FsckTest, ChecksTheNextLedgerWhenOneCannotBeRead) {
  // The table's blocks are in the order of the keys: one of the first damages the first ledger.
  Flip(Files(".sst").front(), 5000);
  Remembering visitor;
  Findings findings = Check(visitor);
  const Hash32& broken = std::min(one_.poll(), two_.poll());
  const Hash32& sound = std::max(one_.poll(), two_.poll());
  EXPECT_FALSE(visitor.ledgers.at(broken).readable);
  EXPECT_TRUE(visitor.ledgers.at(sound).readable);
  EXPECT_EQ(visitor.ledgers.at(sound).size, visitor.announced.at(sound));
}

TEST(FindingsTest, CountsFaultsBeyondTheFirstHundred) {
  Findings findings;
  for (int i = 0; i < 130; ++i) findings.Add(Fault());
  EXPECT_THAT(findings.faults, SizeIs(100));
  EXPECT_EQ(findings.left_out, 30u);
}

// --- Logs ----------------------------------------------------------------------------------------

/// A log of RocksDB of several blocks, in which records cross them.
std::string SomeLog() {
  TestFolder folder;
  rocksdb::DB* raw = nullptr;
  EXPECT_TRUE([&] {
    rocksdb::Options options;
    options.create_if_missing = true;
    return rocksdb::DB::Open(options, folder.path(), &raw).ok();
  }());
  const std::unique_ptr<rocksdb::DB> db(raw);
  for (int i = 0; i < 60; ++i) {
    const size_t size = i == 20 ? 50'000 : 37 * static_cast<size_t>(i);
    EXPECT_TRUE(db->Put(rocksdb::WriteOptions(), base::Cat("key", i),
                        std::string(size, static_cast<char>(i)))
                    .ok());
  }
  for (const auto& entry : fs::directory_iterator(folder.path())) {
    if (entry.path().extension() == ".log") return ReadAll(entry.path().string());
  }
  return "";
}

TEST(LogScanTest, ReadsALogOfRocksDb) {
  const std::string log = SomeLog();
  ASSERT_GT(log.size(), 100'000u);
  const LogScan scan = ScanLog(log, /*write_ahead=*/true);
  EXPECT_EQ(scan.verdict, LogScan::Verdict::kWhole) << scan.offset << ": " << scan.what;
  EXPECT_EQ(scan.records, 60u);
  EXPECT_EQ(ScanLog("", true).verdict, LogScan::Verdict::kWhole);
}

TEST(LogScanTest, NamesTheRecordOfEveryFlippedBit) {
  const std::string log = SomeLog();
  for (size_t at = 0; at < log.size(); at += at < 400 ? 1 : 211) {
    std::string bytes = log;
    bytes[at] = static_cast<char>(bytes[at] ^ 1 << at % 8);
    const LogScan scan = ScanLog(bytes, true);
    ASSERT_EQ(scan.verdict, LogScan::Verdict::kDamaged) << at;
    ASSERT_LE(scan.offset, at);
    ASSERT_LT(at - scan.offset, 32768u);
    // Before the place that is named all is well.
    ASSERT_NE(ScanLog(log.substr(0, scan.offset), true).verdict, LogScan::Verdict::kDamaged);
  }
}

TEST(LogScanTest, ACutLogIsWholeOrTornNeverDamaged) {
  const std::string log = SomeLog();
  for (size_t size = 0; size < log.size(); size += size < 400 ? 1 : 97) {
    const LogScan scan = ScanLog(log.substr(0, size), true);
    ASSERT_NE(scan.verdict, LogScan::Verdict::kDamaged) << size << ": " << scan.what;
    if (scan.verdict == LogScan::Verdict::kWhole) continue;
    // What is named is where the unfinished write begins.
    ASSERT_EQ(ScanLog(log.substr(0, scan.offset), true).verdict, LogScan::Verdict::kWhole) << size;
  }
}

TEST(LogScanTest, NamesARecordThatIsMissingFromTheMiddle) {
  const std::string log = SomeLog();
  // The first record, by its header: checksum, length, type.
  const size_t first = 7 + static_cast<uint8_t>(log[4]) + (static_cast<uint8_t>(log[5]) << 8);
  const std::string begins = log.substr(0, 1000);
  std::string without = begins.substr(0, first);
  const size_t second = 7 + static_cast<uint8_t>(log[first + 4]);
  without += begins.substr(first + second);
  const LogScan scan = ScanLog(without, true);
  EXPECT_EQ(scan.verdict, LogScan::Verdict::kDamaged);
  EXPECT_EQ(scan.offset, first);
  EXPECT_THAT(scan.what, HasSubstr("sequence number"));
  EXPECT_NE(ScanLog(without, false).verdict, LogScan::Verdict::kDamaged);
}

TEST(LogScanTest, ALengthThatHidesRecordsIsDamageAlthoughRocksDbTakesItForTheEnd) {
  std::string log = SomeLog().substr(0, 600);
  log[5] ^= 0x10;
  const LogScan scan = ScanLog(log, true);
  EXPECT_EQ(scan.verdict, LogScan::Verdict::kDamaged);
  EXPECT_EQ(scan.offset, 0u);
}

TEST(LogScanTest, ZerosToTheEndAreAnUnfinishedWrite) {
  std::string log = SomeLog();
  log += std::string(100'000, '\0');
  EXPECT_EQ(ScanLog(log, true).verdict, LogScan::Verdict::kTorn);
  log += "x";
  EXPECT_EQ(ScanLog(log, true).verdict, LogScan::Verdict::kDamaged);
}

}  // namespace
}  // namespace urna::ledger
