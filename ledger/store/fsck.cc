#include "ledger/store/fsck.h"

#include <fcntl.h>
#include <rocksdb/db.h>
#include <rocksdb/file_checksum.h>
#include <rocksdb/sst_file_reader.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"
#include "ledger/merkle.h"
#include "ledger/record.h"
#include "ledger/store/database.h"
#include "ledger/store/layout.h"
#include "ledger/store/log_scan.h"
#include "ledger/tiles.h"

namespace urna::ledger {
namespace {

namespace fs = std::filesystem;
using base::Cat;

constexpr size_t kPiece = size_t{1} << 20;
// Of a record: where it carries the leaf hash of the one before.
constexpr size_t kPreviousOffset = 1 + 1 + 8;

constexpr std::string_view kRestore =
    "Stop the server, keep this folder as it is, and make a new one of the newest backup and of "
    "what is left here (urna-server restore --from BACKUP --from THIS-DATA-FOLDER): each record is "
    "taken from wherever it is right, and the anchor shows whether anything is missing.";
constexpr std::string_view kTable =
    "The disk or its file system damaged a file: check the disk, keep this folder as it is, and "
    "make a new one on another disk, of the newest backup and of what is left here (urna-server "
    "restore --from BACKUP --from THIS-DATA-FOLDER).";
constexpr std::string_view kLog =
    "The newest records are in this file. Keep the folder as it is, and make a new one of the "
    "newest backup and of what is left here (urna-server restore --from BACKUP --from "
    "THIS-DATA-FOLDER); the anchor shows whether anything is missing. What is lost for good: "
    "urna-server accept-loss.";
constexpr std::string_view kChanged =
    "No fault of a disk passes RocksDB's checksums: something wrote into the database other than "
    "this server. Find out what before you make a new folder of the newest backup and of what is "
    "sound here (urna-server restore --from BACKUP --from THIS-DATA-FOLDER).";
constexpr std::string_view kDerived =
    "This follows from the records and can be computed anew: make a new folder of this one "
    "(urna-server restore --from THIS-DATA-FOLDER). No fault of a disk passes RocksDB's checksums, "
    "though: find out what wrote into the database.";

std::string_view ViewOf(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

rocksdb::Options ReadOnlyOptions(rocksdb::Env* env) {
  rocksdb::Options options = DurableOptions();
  if (env != nullptr) options.env = env;
  return options;
}

// --- Files ---------------------------------------------------------------------------------------

/// The checksum that RocksDB keeps of a whole table.
absl::StatusOr<std::string> ChecksumOf(rocksdb::Env& env, const std::string& path) {
  std::unique_ptr<rocksdb::SequentialFile> file;
  URNA_RETURN_IF_ERROR(FromRocks(env.NewSequentialFile(path, &file, rocksdb::EnvOptions()), path));
  const auto generator =
      rocksdb::GetFileChecksumGenCrc32cFactory()->CreateFileChecksumGenerator({});
  std::string buffer(kPiece, '\0');
  rocksdb::Slice piece;
  do {
    URNA_RETURN_IF_ERROR(FromRocks(file->Read(buffer.size(), &piece, buffer.data()), path));
    generator->Update(piece.data(), piece.size());
  } while (!piece.empty());
  generator->Finalize();
  return generator->GetChecksum();
}

/// RocksDB says "... offset N size M" of a block that is not what it was.
std::optional<uint64_t> OffsetIn(std::string_view message) {
  constexpr std::string_view kOffset = " offset ";
  const size_t at = message.rfind(kOffset);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view rest = message.substr(at + kOffset.size());
  uint64_t offset = 0;
  if (!base::ParseU64(rest.substr(0, rest.find(' ')), &offset)) return std::nullopt;
  return offset;
}

class FilesCheck {
 public:
  FilesCheck(std::string folder, bool in_use, rocksdb::Env* env, Findings& findings)
      : folder_(std::move(folder)),
        in_use_(in_use),
        options_(ReadOnlyOptions(env)),
        findings_(findings) {}

  absl::StatusOr<std::unique_ptr<rocksdb::DB>> Run() {
    std::vector<std::string> names;
    const rocksdb::Status listed = options_.env->GetChildren(folder_, &names);
    if (!listed.ok()) {
      return base::Failure(absl::StatusCode::kNotFound, Cat(folder_, ": ", listed.ToString()));
    }
    std::ranges::sort(names);
    for (const std::string& name : names) {
      if (name.ends_with(".log")) CheckLog(name, /*write_ahead=*/true);
      if (name.starts_with("MANIFEST-")) CheckLog(name, /*write_ahead=*/false);
    }
    std::unique_ptr<rocksdb::DB> database = OpenDatabase();
    if (database != nullptr) {
      std::vector<rocksdb::LiveFileMetaData> live;
      database->GetLiveFilesMetaData(&live);
      for (const auto& file : live) {
        live_.insert(file.name.substr(1));
        if (!file.file_checksum.empty()) checksums_[file.name.substr(1)] = file.file_checksum;
      }
    }
    for (const std::string& name : names) {
      if (name.ends_with(".sst")) CheckTable(name);
    }
    return database;
  }

 private:
  std::string Path(const std::string& name) const { return Cat(folder_, "/", name); }

  void Add(const std::string& path, std::optional<uint64_t> offset, std::string what,
           std::string_view remedy) {
    Fault fault;
    fault.file = path;
    fault.offset = offset;
    fault.what = std::move(what);
    fault.remedy = std::string(remedy);
    findings_.Add(std::move(fault));
  }

  void CheckLog(const std::string& name, bool write_ahead) {
    const std::string path = Path(name);
    std::string content;
    const rocksdb::Status read = rocksdb::ReadFileToString(options_.env, path, &content);
    if (!read.ok()) {
      if (!in_use_) Add(path, std::nullopt, read.ToString(), kLog);
      return;
    }
    const LogScan scan = ScanLog(content, write_ahead);
    switch (scan.verdict) {
      case LogScan::Verdict::kWhole:
        return;
      case LogScan::Verdict::kTorn:
        findings_.notes.push_back(
            Cat(path, ", byte ", scan.offset, ": ", scan.what,
                in_use_ ? " (the server is writing)" : " (a write that was never acknowledged)"));
        return;
      case LogScan::Verdict::kDamaged:
        Add(path, scan.offset, scan.what, write_ahead ? kLog : kTable);
        return;
    }
  }

  std::unique_ptr<rocksdb::DB> OpenDatabase() {
    auto database = OpenReadOnly(options_, folder_);
    whole_ = database.ok();
    if (whole_) return *std::move(database);
    Add(folder_, std::nullopt,
        Cat("RocksDB does not open it: ", std::string(database.status().message())), kRestore);
    auto rest = OpenDamaged(options_, folder_);
    if (!rest.ok()) return nullptr;
    findings_.notes.push_back(
        Cat(folder_, ": what follows is of the records before the damage in the log"));
    return *std::move(rest);
  }

  void CheckTable(const std::string& name) {
    const std::string path = Path(name);
    const auto known = checksums_.find(name);
    if (known != checksums_.end()) {
      const auto checksum = ChecksumOf(*options_.env, path);
      if (checksum.ok() && *checksum == known->second) return;
    }
    rocksdb::SstFileReader reader(options_);
    rocksdb::Status status = reader.Open(path);
    if (status.ok()) status = reader.VerifyChecksum();
    if (!status.ok()) {
      if (in_use_ && (status.IsNotFound() || status.IsPathNotFound())) return;
      if (whole_ && !live_.contains(name)) {
        findings_.notes.push_back(
            Cat(path, ": is no part of the database (a table that the process did not finish)"));
        return;
      }
      Add(path, OffsetIn(status.ToString()), status.ToString(), kTable);
    } else if (known != checksums_.end()) {
      Add(path, std::nullopt, "the file has another checksum than when it was written", kTable);
    }
  }

  const std::string folder_;
  const bool in_use_;
  const rocksdb::Options options_;
  Findings& findings_;
  bool whole_ = false;                            // the database could be opened
  std::set<std::string> live_;                    // names of its tables
  std::map<std::string, std::string> checksums_;  // by name, as the database knows them
};

// --- Ledgers -------------------------------------------------------------------------------------

size_t FirstDifference(std::string_view a, std::string_view b) {
  const auto [at, other] = std::ranges::mismatch(a, b);
  return static_cast<size_t>(at - a.begin());
}

/// One ledger, key by key in RocksDB's order: head, checkpoint, records, tiles, bodies.
class LedgerCheck {
 public:
  LedgerCheck(rocksdb::DB& database, const Hash32& poll, LedgerVisitor& visitor, Findings& findings)
      : database_(database), visitor_(visitor), findings_(findings) {
    ledger_.poll = poll;
    if (const auto bytes = MustGet(Key(poll, kHead), "the head"); bytes.has_value()) {
      if (auto head = DecodeHead(*bytes); head.ok()) {
        head_ = *head;
      } else {
        Add("the head", std::nullopt, head.status().ToString(), kChanged);
      }
    }
    if (const auto stored = Get(Key(poll, kCheckpoint)); stored.ok()) {
      if (auto checkpoint = DecodeStoredCheckpoint(*stored); checkpoint.ok()) {
        sizes_.push_back(checkpoint->size);
        ledger_.checkpoint = std::move(checkpoint->note);
      } else {
        Add("the stored checkpoint", std::nullopt, "is cut short", kChanged);
      }
    }
    const uint64_t records = head_.has_value() ? head_->size : 0;
    for (const uint64_t size :
         visitor_.Begin(poll, records, [this](uint64_t index) { return ReadEntry(index); })) {
      sizes_.push_back(size);
    }
  }

  const Hash32& poll() const { return ledger_.poll; }

  void Take(std::string_view key, std::string_view value) {
    const std::string_view rest = key.substr(ledger_.poll.size() + 1);
    switch (key[ledger_.poll.size()]) {
      case kHead:
      case kCheckpoint:
        if (!rest.empty()) Unknown(key);
        return;
      case kEntry:
        return rest.size() == 8 ? TakeEntry(FromBigEndian(rest), value) : Unknown(key);
      case kTile:
        return rest.size() == 9
                   ? TakeTile(static_cast<uint8_t>(rest[0]), FromBigEndian(rest.substr(1)))
                   : Unknown(key);
      case kBody:
        return rest.size() == 32 && value.size() == 8 ? TakeBody(rest, FromBigEndian(value))
                                                      : Unknown(key);
      default:
        Unknown(key);
    }
  }

  /// Reading stopped here.
  void Unreadable(const rocksdb::Status& status) {
    ledger_.readable = false;
    Add(Cat("record ", next_), std::nullopt,
        Cat("reading stopped here or behind it: ", status.ToString()), kRestore);
  }

  void Finish() {
    FinishEntries();
    ledger_.size = edges_.size();
    ledger_.root = edges_.Root();
    NoteRoot();
    if (ledger_.readable) {
      CheckHead();
      if (bodies_ != distinct_bodies_) FindStrayBodies();
    }
    visitor_.End(ledger_, findings_);
  }

 private:
  absl::StatusOr<std::string> Get(const std::string& key) const {
    std::string value;
    const rocksdb::Status status = database_.Get(rocksdb::ReadOptions(), key, &value);
    if (status.IsNotFound()) return base::Failure(absl::StatusCode::kNotFound, "is missing");
    URNA_RETURN_IF_ERROR(FromRocks(status, "cannot be read"));
    return value;
  }

  /// What a ledger must hold: otherwise a fault of `item`.
  std::optional<std::string> MustGet(const std::string& key, const std::string& item) {
    auto value = Get(key);
    if (value.ok()) return *std::move(value);
    Add(item, std::nullopt, std::string(value.status().message()),
        absl::IsNotFound(value.status()) ? kDerived : kTable);
    return std::nullopt;
  }

  absl::StatusOr<std::string> ReadEntry(uint64_t index) const {
    return Get(EntryKey(ledger_.poll, index));
  }

  void Add(std::string item, std::optional<uint64_t> offset, std::string what,
           std::string_view remedy) {
    Fault fault;
    fault.poll = ledger_.poll;
    fault.item = std::move(item);
    fault.offset = offset;
    fault.what = std::move(what);
    fault.remedy = std::string(remedy);
    findings_.Add(std::move(fault));
  }

  void Unknown(std::string_view key) {
    Add(Cat("key ", base::Hex(key)), std::nullopt, "is none that a ledger has", kChanged);
  }

  void NoteRoot() {
    if (std::ranges::find(sizes_, edges_.size()) != sizes_.end()) {
      ledger_.roots[edges_.size()] = edges_.Root();
    }
  }

  /// The hash of record `index` in its tile, if that is full and as it should be.
  std::optional<Hash32> HashInTile(uint64_t index) const {
    const auto tile = Get(TileKey(ledger_.poll, 0, index / kTileWidth));
    if (!tile.ok() || tile->size() != kTileWidth * sizeof(Hash32)) return std::nullopt;
    Hash32 hash;
    std::copy_n(tile->begin() + static_cast<ptrdiff_t>(index % kTileWidth * hash.size()),
                hash.size(), hash.begin());
    return hash;
  }

  void TakeEntry(uint64_t index, std::string_view bytes) {
    if (head_.has_value() && index >= head_->size) {
      return Add(Cat("record ", index), std::nullopt,
                 Cat("stands behind the last of the ", head_->size, " that the head counts"),
                 kChanged);
    }
    if (index != next_) {
      Add(Cat("record ", next_), std::nullopt,
          index == next_ + 1 ? "is missing" : Cat("is missing, and all up to record ", index - 1),
          kRestore);
      // What follows belongs to no tree that could be recomputed.
      gap_ = true;
    }
    next_ = index + 1;
    const auto record = DecodeRecord(bytes);
    if (!record.ok()) {
      Add(Cat("record ", index), 0, Cat("is no record: ", record.status().ToString()), kChanged);
    } else {
      CheckLink(index, record->previous);
      CheckBody(index, record->payload);
    }
    leaf_ = LeafHash(bytes);
    if (index == 0 && leaf_ != ledger_.poll) {
      Add("record 0", std::nullopt, "its hash is not the poll's id", kChanged);
    }
    if (!gap_) {
      if (pending_.has_value()) Append(*pending_);
      pending_ = leaf_;
    }
    visitor_.Record(index, bytes);
  }

  /// That `index` carries the hash of the record before. Where it does not, the tile, if it is
  /// full, tells which of the two records changed.
  void CheckLink(uint64_t index, const Hash32& previous) {
    if (gap_ || previous == leaf_) return;
    const std::string one = Cat("record ", index);
    if (index == 0) {
      return Add(one, kPreviousOffset, "carries the hash of a record before the first", kChanged);
    }
    const uint64_t offset =
        kPreviousOffset + FirstDifference(base::View(previous), base::View(leaf_));
    const auto in_tile = HashInTile(index - 1);
    if (in_tile == previous) {
      Add(Cat("record ", index - 1), std::nullopt,
          Cat("is not the record whose hash stands in tile 0/", (index - 1) / kTileWidth,
              " and in record ", index),
          kChanged);
      pending_ = previous;  // what was signed: so that this fault is named once
    } else if (in_tile == leaf_) {
      Add(one, offset, Cat("does not carry the hash of record ", index - 1), kChanged);
    } else {
      Add(one, offset, Cat("does not fit record ", index - 1, ": one of the two was changed"),
          kChanged);
    }
  }

  void CheckBody(uint64_t index, std::string_view payload) {
    const Hash32 hash = crypto::HashSha256(payload);
    const std::string item = Cat("index entry of the payload of record ", index);
    const auto value = MustGet(BodyKey(ledger_.poll, hash), item);
    if (!value.has_value()) return;
    const uint64_t found = FromBigEndian(*value);
    if (found == index) {
      ++distinct_bodies_;
      return;
    }
    // The last record with this payload is the one to be found.
    const auto later =
        found > index ? ReadEntry(found) : absl::StatusOr<std::string>(std::string());
    const auto record = later.ok() ? DecodeRecord(*later) : later.status();
    if (!record.ok() || crypto::HashSha256(record->payload) != hash) {
      ++distinct_bodies_;
      Add(item, std::nullopt, Cat("points to record ", found), kDerived);
    }
  }

  void Append(const Hash32& leaf) {
    edges_.Append(
        leaf, [this](const TileId& id, const std::string& expected) { CheckTile(id, expected); });
    NoteRoot();
  }

  void CheckTile(const TileId& id, const std::string& expected) {
    const std::string item = Cat("tile ", id.level, "/", id.index);
    const auto stored = MustGet(TileKey(ledger_.poll, id.level, id.index), item);
    if (!stored.has_value() || *stored == expected) return;
    const size_t at = FirstDifference(*stored, expected);
    Add(item, at,
        stored->size() == expected.size()
            ? Cat("is not the hash tile of these records (its hash ", at / sizeof(Hash32), ")")
            : Cat("has ", stored->size(), " bytes instead of ", expected.size()),
        kDerived);
  }

  void TakeTile(uint32_t level, uint64_t index) {
    FinishEntries();
    if (!head_.has_value()) return;
    uint64_t full = head_->size;
    for (uint32_t l = 0; l <= level; ++l) full /= kTileWidth;
    if (index >= full) {
      Add(Cat("tile ", level, "/", index), std::nullopt,
          Cat("is none of a ledger of ", head_->size, " records"), kDerived);
    }
  }

  void TakeBody(std::string_view, uint64_t) {
    FinishEntries();
    ++bodies_;
  }

  void FinishEntries() {
    if (pending_.has_value()) Append(*pending_);
    pending_.reset();
  }

  void CheckHead() {
    if (!head_.has_value() || gap_) return;
    if (edges_.size() != head_->size) {
      return Add(Cat("record ", edges_.size()), std::nullopt,
                 Cat("is missing: the head counts ", head_->size), kRestore);
    }
    if (edges_.Root() != head_->root) {
      Add("the head", 1 + 8 + FirstDifference(base::View(head_->root), base::View(edges_.Root())),
          "its root is not that of the records", kChanged);
    }
    if (leaf_ != head_->last_leaf) {
      Add("the head", 1 + 8 + 32 + FirstDifference(base::View(head_->last_leaf), base::View(leaf_)),
          "its last hash is not that of the last record", kChanged);
    }
  }

  void FindStrayBodies() {
    const std::string prefix = Key(ledger_.poll, kBody);
    const std::unique_ptr<rocksdb::Iterator> at(database_.NewIterator(rocksdb::ReadOptions()));
    for (at->Seek(prefix); at->Valid() && at->key().starts_with(prefix); at->Next()) {
      const std::string_view hash = ViewOf(at->key()).substr(prefix.size());
      const uint64_t index = FromBigEndian(ViewOf(at->value()));
      const auto entry = ReadEntry(index);
      const auto record = entry.ok() ? DecodeRecord(*entry) : entry.status();
      if (record.ok() && base::View(crypto::HashSha256(record->payload)) == hash) continue;
      Add(Cat("index entry ", base::Hex(hash)), std::nullopt,
          Cat("points to record ", index, ", which has another payload"), kDerived);
    }
  }

  rocksdb::DB& database_;
  LedgerVisitor& visitor_;
  Findings& findings_;
  RecomputedLedger ledger_;
  std::optional<Store::Head> head_;
  std::vector<uint64_t> sizes_;

  uint64_t next_ = 0;
  bool gap_ = false;
  Hash32 leaf_{};                  // of the last record
  std::optional<Hash32> pending_;  // the last leaf, until the record behind it has confirmed it
  TileEdges edges_;
  uint64_t distinct_bodies_ = 0;
  uint64_t bodies_ = 0;
};

/// The first key behind all of a poll's.
std::string Behind(const Hash32& poll) {
  std::string key(base::View(poll));
  while (!key.empty() && key.back() == '\xff') key.pop_back();
  if (!key.empty()) key.back() = static_cast<char>(static_cast<uint8_t>(key.back()) + 1);
  return key;
}

}  // namespace

std::string Fault::Place() const {
  std::string place = poll.has_value() ? PollName(*poll) : file;
  if (!item.empty()) place += Cat(place.empty() ? "" : ", ", item);
  if (offset.has_value()) place += Cat(", byte ", *offset);
  return place;
}

void Findings::Add(Fault fault) {
  if (faults.size() < kMaxFaults) {
    faults.push_back(std::move(fault));
  } else {
    ++left_out;
  }
}

bool IsInUse(const std::string& folder) {
  const int fd = open(Cat(folder, "/LOCK").c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  const bool known = fcntl(fd, F_GETLK, &lock) == 0;
  close(fd);
  return known && lock.l_type != F_UNLCK;
}

absl::StatusOr<std::unique_ptr<rocksdb::DB>> CheckFiles(const std::string& folder, bool in_use,
                                                        rocksdb::Env* env, Findings& findings) {
  std::error_code error;
  if (env == nullptr && !fs::is_directory(folder, error)) {
    return base::Failure(absl::StatusCode::kNotFound, Cat(folder, ": is not there"));
  }
  return FilesCheck(folder, in_use, env, findings).Run();
}

void CheckLedgers(rocksdb::DB& database, const std::string& folder, LedgerVisitor& visitor,
                  Findings& findings) {
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  options.readahead_size = kPiece;
  std::optional<LedgerCheck> ledger;
  const std::unique_ptr<rocksdb::Iterator> at(database.NewIterator(options));
  at->SeekToFirst();
  for (;;) {
    for (; at->Valid(); at->Next()) {
      Hash32 poll;
      const std::string_view key = ViewOf(at->key());
      if (key.size() <= poll.size()) {
        Fault fault;
        fault.file = folder;
        fault.item = Cat("key ", base::Hex(key));
        fault.what = "belongs to no ledger";
        fault.remedy = std::string(kChanged);
        findings.Add(std::move(fault));
        continue;
      }
      std::copy_n(key.begin(), poll.size(), poll.begin());
      if (!ledger.has_value() || ledger->poll() != poll) {
        if (ledger.has_value()) ledger->Finish();
        ledger.emplace(database, poll, visitor, findings);
      }
      ledger->Take(key, ViewOf(at->value()));
    }
    if (at->status().ok()) break;
    if (!ledger.has_value()) {
      Fault fault;
      fault.file = folder;
      fault.what = Cat("cannot be read: ", at->status().ToString());
      fault.remedy = std::string(kRestore);
      findings.Add(std::move(fault));
      break;
    }
    ledger->Unreadable(at->status());
    // On with the next ledger.
    const std::string behind = Behind(ledger->poll());
    ledger->Finish();
    ledger.reset();
    if (behind.empty()) break;
    at->Seek(behind);
  }
  if (ledger.has_value()) ledger->Finish();
}

}  // namespace urna::ledger
