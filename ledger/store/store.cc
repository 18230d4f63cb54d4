#include "ledger/store/store.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <utility>

#include "base/bytes.h"
#include "base/codec.h"
#include "base/status.h"
#include "base/text.h"
#include "ledger/record.h"
#include "ledger/store/database.h"
#include "ledger/store/layout.h"
#include "ledger/tiles.h"

namespace urna::ledger {
namespace {

constexpr size_t kMaxCachedTiles = 64;  // 16 KiB each

using Edges = std::shared_ptr<const TileEdges>;

rocksdb::Slice Slice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
std::string_view ViewOf(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

absl::Status NotFound(std::string_view text) {
  return base::Failure(absl::StatusCode::kNotFound, text);
}

absl::Status Damaged(const Hash32& poll, std::string_view detail) {
  return base::Failure(absl::StatusCode::kDataLoss,
                       base::Cat("ledger.store-damaged: ", PollName(poll), ": ", detail));
}

absl::Status Refused(const Hash32& poll, uint64_t index, std::string_view detail) {
  return base::Failure(absl::StatusCode::kInvalidArgument,
                       base::Cat(PollName(poll), ", record ", index, ": ", detail));
}

rocksdb::Options DatabaseOptions(const Store::Options& options) {
  rocksdb::Options db = DurableOptions();
  if (options.env != nullptr) db.env = options.env;
  db.write_buffer_size = size_t{64} << 20;
  db.max_write_buffer_number = 2;
  db.max_total_wal_size = uint64_t{256} << 20;
  rocksdb::BlockBasedTableOptions table;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.block_cache = rocksdb::NewLRUCache(size_t{32} << 20);
  db.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return db;
}

rocksdb::WriteBatch NewWriteBatch(size_t reserved_bytes) {
  return rocksdb::WriteBatch(reserved_bytes, /*max_bytes=*/0, /*protection_bytes_per_key=*/8,
                             /*default_cf_ts_sz=*/0);
}

/// RocksDB, read with our errors.
struct Database {
  absl::StatusOr<std::string> Get(const std::string& key, std::string_view what) const {
    std::string value;
    const rocksdb::Status status = db->Get(rocksdb::ReadOptions(), key, &value);
    if (status.IsNotFound()) return NotFound(base::Cat(what, ": is not in the store"));
    URNA_RETURN_IF_ERROR(FromRocks(status, what));
    return value;
  }

  /// Something that a ledger of this size must hold: its absence is damage.
  absl::StatusOr<std::string> MustGet(const Hash32& poll, const std::string& key,
                                      const std::string& what) const {
    auto value = Get(key, base::Cat(PollName(poll), ": ", what));
    if (absl::IsNotFound(value.status())) return Damaged(poll, base::Cat(what, " is missing"));
    return value;
  }

  absl::StatusOr<std::string> ReadEntry(const Hash32& poll, uint64_t index) const {
    return MustGet(poll, EntryKey(poll, index), base::Cat("record ", index));
  }

  absl::StatusOr<std::string> ReadTileBytes(const Hash32& poll, uint32_t level,
                                            uint64_t index) const {
    const std::string name = base::Cat("tile ", level, "/", index);
    URNA_ASSIGN_OR_RETURN(std::string bytes, MustGet(poll, TileKey(poll, level, index), name));
    if (bytes.size() != kTileWidth * sizeof(Hash32)) {
      return Damaged(poll, base::Cat(name, " has ", bytes.size(), " bytes"));
    }
    return bytes;
  }

  absl::StatusOr<std::shared_ptr<const TileNodes>> ReadTile(const Hash32& poll, uint32_t level,
                                                            uint64_t index) const {
    URNA_ASSIGN_OR_RETURN(const std::string bytes, ReadTileBytes(poll, level, index));
    auto nodes = std::make_shared<TileNodes>();
    for (size_t at = 0; at < bytes.size(); at += sizeof(Hash32)) {
      Hash32 hash;
      std::copy_n(bytes.begin() + static_cast<ptrdiff_t>(at), hash.size(), hash.begin());
      nodes->Append(hash);
    }
    return nodes;
  }

  std::unique_ptr<rocksdb::DB> db;
};

/// Rebuilds the edges of one ledger from its last records and full tiles. Partial tiles are never
/// stored: rebuilding them is the check that head, records and tiles belong together.
absl::StatusOr<Edges> Rebuild(const Database& database, const Hash32& poll,
                              const Store::Head& head) {
  if (head.size == 0) return Damaged(poll, "the stored head is of an empty ledger");
  std::vector<TileNodes> levels;
  for (uint64_t hashes = head.size; hashes > 0; hashes /= kTileWidth) {
    const auto level = static_cast<uint32_t>(levels.size());
    TileNodes edge;
    for (uint64_t i = hashes - hashes % kTileWidth; i < hashes; ++i) {
      if (level == 0) {
        URNA_ASSIGN_OR_RETURN(const std::string entry, database.ReadEntry(poll, i));
        edge.Append(LeafHash(entry));
      } else {
        URNA_ASSIGN_OR_RETURN(const auto tile, database.ReadTile(poll, level - 1, i));
        edge.Append(tile->Node(8, 0));
      }
    }
    levels.push_back(std::move(edge));
  }
  auto edges = std::make_shared<const TileEdges>(head.size, std::move(levels));
  if (edges->Root() != head.root) {
    return Damaged(poll, base::Cat("the records and tiles of its ", head.size,
                                   " records do not have the stored root"));
  }
  URNA_ASSIGN_OR_RETURN(const std::string last, database.ReadEntry(poll, head.size - 1));
  if (LeafHash(last) != head.last_leaf) {
    return Damaged(poll, base::Cat("record ", head.size - 1, " is not the stored last one"));
  }
  return edges;
}

/// The nodes of a ledger as it was when Nodes was called.
class SnapshotNodes {
 public:
  SnapshotNodes(const Database* database, const Hash32& poll, uint64_t size, Edges edges)
      : database_(database), poll_(poll), size_(size), edges_(std::move(edges)) {}

  absl::StatusOr<Hash32> Node(uint32_t level, uint64_t index) {
    if (level > 63 || index >= size_ >> level) {
      return NotFound(base::Cat(PollName(poll_), ": no node ", index, " at height ", level,
                                " over ", size_, " records"));
    }
    const uint32_t tile_level = level / 8;
    const uint32_t row = level % 8;
    const uint64_t tile_index = index >> (8 - row);
    const uint64_t inside = index - (tile_index << (8 - row));
    if (tile_index == edges_->size() >> (8 * tile_level) >> 8) {
      return edges_->levels()[tile_level].Node(row, inside);
    }
    URNA_ASSIGN_OR_RETURN(const auto tile, Tile(tile_level, tile_index));
    return tile->Node(row, inside);
  }

 private:
  absl::StatusOr<std::shared_ptr<const TileNodes>> Tile(uint32_t level, uint64_t index) {
    const std::pair<uint32_t, uint64_t> key(level, index);
    {
      std::lock_guard lock(mutex_);
      if (const auto found = tiles_.find(key); found != tiles_.end()) return found->second;
    }
    URNA_ASSIGN_OR_RETURN(auto tile, database_->ReadTile(poll_, level, index));
    std::lock_guard lock(mutex_);
    if (tiles_.size() >= kMaxCachedTiles) tiles_.clear();
    tiles_[key] = tile;
    return tile;
  }

  const Database* const database_;
  const Hash32 poll_;
  const uint64_t size_;
  const Edges edges_;
  std::mutex mutex_;
  std::map<std::pair<uint32_t, uint64_t>, std::shared_ptr<const TileNodes>> tiles_;
};

/// One ledger after the last durable write. Immutable: a write replaces it.
struct Ledger {
  Store::Head head;
  Edges edges;
};

/// One ledger while a batch is put together.
struct Pending {
  Store::Head head;
  std::shared_ptr<TileEdges> edges;
};

}  // namespace

struct Store::Impl {
  absl::Status Load();
  absl::StatusOr<Ledger> Find(const Hash32& poll) const;
  absl::Status Add(const Batch& batch, Pending& pending, rocksdb::WriteBatch& writes) const;
  absl::Status CheckNotFailed() const;
  absl::Status Write(rocksdb::WriteBatch& writes, bool sync, std::string_view what);

  Database database;
  std::atomic<bool> failed{false};
  std::mutex checkpoint_mutex;  // makes "not below the stored one" and the write one step
  mutable std::shared_mutex mutex;
  std::map<Hash32, Ledger> ledgers;  // guarded by mutex
};

absl::Status Store::Impl::Load() {
  const std::unique_ptr<rocksdb::Iterator> at(database.db->NewIterator(rocksdb::ReadOptions()));
  for (at->SeekToFirst(); at->Valid();) {
    Hash32 poll;
    const std::string_view key = ViewOf(at->key());
    if (key.size() <= poll.size()) {
      return base::Failure(absl::StatusCode::kDataLoss,
                           base::Cat("ledger.store-damaged: unknown key ", base::Hex(key)));
    }
    std::copy_n(key.begin(), poll.size(), poll.begin());
    URNA_ASSIGN_OR_RETURN(const std::string bytes,
                          database.MustGet(poll, Key(poll, kHead), "the head"));
    const auto head = DecodeHead(bytes);
    if (!head.ok()) return Damaged(poll, base::Cat("the head: ", head.status().ToString()));
    URNA_ASSIGN_OR_RETURN(Edges edges, Rebuild(database, poll, *head));
    ledgers[poll] = Ledger{*head, std::move(edges)};
    at->Seek(Key(poll, '\xff'));
  }
  return FromRocks(at->status(), "listing the polls");
}

absl::StatusOr<Ledger> Store::Impl::Find(const Hash32& poll) const {
  std::shared_lock lock(mutex);
  const auto found = ledgers.find(poll);
  if (found == ledgers.end()) return NotFound(base::Cat(PollName(poll), ": is not in the store"));
  return found->second;
}

absl::Status Store::Impl::Add(const Batch& batch, Pending& pending,
                              rocksdb::WriteBatch& writes) const {
  rocksdb::Status put;
  const auto write = [&](const std::string& key, std::string_view value) {
    if (put.ok()) put = writes.Put(key, Slice(value));
  };
  const auto write_tile = [&](const TileId& id, const std::string& bytes) {
    write(TileKey(batch.poll, id.level, id.index), bytes);
  };
  Head& head = pending.head;
  std::vector<std::pair<Hash32, uint64_t>> bodies;
  bodies.reserve(batch.records.size());
  for (const std::string& bytes : batch.records) {
    const auto record = ViewRecord(bytes);
    if (!record.ok()) return Refused(batch.poll, head.size, record.status().ToString());
    if (record->previous != head.last_leaf) {
      return Refused(batch.poll, head.size, "does not carry the leaf hash of the record before");
    }
    const Hash32 leaf = LeafHash(bytes);
    if (head.size == 0 && leaf != batch.poll) {
      return Refused(batch.poll, 0, "its leaf hash is not the poll id");
    }
    write(EntryKey(batch.poll, head.size), bytes);
    bodies.emplace_back(crypto::HashSha256(record->payload), head.size);
    pending.edges->Append(leaf, write_tile);
    head.last_leaf = leaf;
    ++head.size;
  }
  if (head.size == 0) return Refused(batch.poll, 0, "a new ledger needs a first record");
  // Keys that come in order are cheap for RocksDB's table in memory. Of equal bodies the last
  // counts.
  std::ranges::sort(bodies);
  for (const auto& [body, index] : bodies) write(BodyKey(batch.poll, body), BigEndian(index));
  head.root = pending.edges->Root();
  write(Key(batch.poll, kHead), EncodeHead(head));
  return FromRocks(put, "building a write");
}

absl::Status Store::Impl::CheckNotFailed() const {
  if (!failed) return absl::OkStatus();
  return base::Failure(absl::StatusCode::kFailedPrecondition,
                       "an earlier write failed; the store must be opened anew");
}

absl::Status Store::Impl::Write(rocksdb::WriteBatch& writes, bool sync, std::string_view what) {
  URNA_RETURN_IF_ERROR(CheckNotFailed());
  rocksdb::WriteOptions options;
  options.sync = sync;
  const rocksdb::Status written = database.db->Write(options, &writes);
  // Whether a failed write is durable is unknown, and another fsync would not tell.
  if (!written.ok()) failed = true;
  return FromRocks(written, what);
}

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::~Store() = default;

absl::StatusOr<std::unique_ptr<Store>> Store::Open(const Options& options) {
  auto impl = std::make_unique<Impl>();
  const std::string& log = options.log_folder.empty() ? options.folder : options.log_folder;
  URNA_ASSIGN_OR_RETURN(impl->database.db,
                        options.read_only
                            ? OpenReadOnly(DatabaseOptions(options), options.folder)
                            : OpenDatabase(DatabaseOptions(options), options.folder, log));
  URNA_RETURN_IF_ERROR(base::Annotate(impl->Load(), options.folder));
  return std::unique_ptr<Store>(new Store(std::move(impl)));
}

std::vector<Hash32> Store::Polls() const {
  std::shared_lock lock(impl_->mutex);
  std::vector<Hash32> polls;
  for (const auto& [poll, ledger] : impl_->ledgers) polls.push_back(poll);
  return polls;
}

absl::StatusOr<std::vector<Store::Head>> Store::Append(std::span<const Batch> batches) {
  URNA_RETURN_IF_ERROR(impl_->CheckNotFailed());
  size_t reserved = 0;
  for (const Batch& batch : batches) {
    for (const std::string& record : batch.records) reserved += record.size() + 256;
  }
  rocksdb::WriteBatch writes = NewWriteBatch(reserved);
  std::map<Hash32, Pending> pending;
  std::vector<Head> heads;
  for (const Batch& batch : batches) {
    auto [at, is_new] = pending.try_emplace(batch.poll);
    if (is_new) {
      const auto ledger = impl_->Find(batch.poll);
      at->second.edges =
          ledger.ok() ? std::make_shared<TileEdges>(*ledger->edges) : std::make_shared<TileEdges>();
      if (ledger.ok()) at->second.head = ledger->head;
    }
    URNA_RETURN_IF_ERROR(impl_->Add(batch, at->second, writes));
    heads.push_back(at->second.head);
  }

  URNA_RETURN_IF_ERROR(impl_->Write(writes, /*sync=*/true, "writing records"));
  std::unique_lock lock(impl_->mutex);
  for (auto& [poll, added] : pending) {
    impl_->ledgers[poll] = Ledger{added.head, std::move(added.edges)};
  }
  return heads;
}

absl::StatusOr<Store::Head> Store::GetHead(const Hash32& poll) const {
  URNA_ASSIGN_OR_RETURN(const Ledger ledger, impl_->Find(poll));
  return ledger.head;
}

absl::Status Store::PutCheckpoint(const Hash32& poll, uint64_t size, std::string_view note) {
  URNA_ASSIGN_OR_RETURN(const Head head, GetHead(poll));
  if (size > head.size) {
    return base::Failure(
        absl::StatusCode::kInvalidArgument,
        base::Cat(PollName(poll), ": a checkpoint of ", size, " records, but has ", head.size));
  }
  std::lock_guard lock(impl_->checkpoint_mutex);
  const std::string key = Key(poll, kCheckpoint);
  const auto stored = impl_->database.Get(key, "the checkpoint");
  if (stored.ok()) {
    const uint64_t stored_size = base::Reader(*stored).U64();
    if (size < stored_size) {
      return base::Failure(absl::StatusCode::kInvalidArgument,
                           base::Cat(PollName(poll), ": a checkpoint of ", size,
                                     " records after one of ", stored_size));
    }
  } else if (!absl::IsNotFound(stored.status())) {
    return stored.status();
  }
  const std::string value = EncodeStoredCheckpoint(size, note);
  rocksdb::WriteBatch writes = NewWriteBatch(key.size() + value.size());
  URNA_RETURN_IF_ERROR(FromRocks(writes.Put(key, value), "building a write"));
  return impl_->Write(writes, /*sync=*/false, "writing a checkpoint");
}

absl::StatusOr<std::string> Store::GetCheckpoint(const Hash32& poll) const {
  URNA_ASSIGN_OR_RETURN(
      const std::string stored,
      impl_->database.Get(Key(poll, kCheckpoint), base::Cat(PollName(poll), ": a checkpoint")));
  auto checkpoint = DecodeStoredCheckpoint(stored);
  if (!checkpoint.ok()) return Damaged(poll, "the stored checkpoint is cut short");
  return std::move(checkpoint->note);
}

absl::StatusOr<std::string> Store::Read(const Hash32& poll, uint64_t index) const {
  URNA_ASSIGN_OR_RETURN(const Head head, GetHead(poll));
  if (index >= head.size) {
    return NotFound(base::Cat(PollName(poll), ": record ", index, " of ", head.size));
  }
  return impl_->database.ReadEntry(poll, index);
}

absl::Status Store::Scan(
    const Hash32& poll, uint64_t first, uint64_t last,
    const std::function<absl::Status(uint64_t, std::string_view)>& visit) const {
  URNA_ASSIGN_OR_RETURN(const Head head, GetHead(poll));
  if (first > last || last > head.size) {
    return NotFound(
        base::Cat(PollName(poll), ": records ", first, " to ", last, " of ", head.size));
  }
  const std::string end = EntryKey(poll, last);
  const rocksdb::Slice upper_bound(end);
  rocksdb::ReadOptions options;
  options.iterate_upper_bound = &upper_bound;
  options.fill_cache = false;
  const std::unique_ptr<rocksdb::Iterator> at(impl_->database.db->NewIterator(options));
  at->Seek(EntryKey(poll, first));
  for (uint64_t index = first; index < last; ++index, at->Next()) {
    if (!at->Valid() || ViewOf(at->key()) != EntryKey(poll, index)) {
      URNA_RETURN_IF_ERROR(FromRocks(at->status(), base::Cat(PollName(poll), ": record ", index)));
      return Damaged(poll, base::Cat("record ", index, " is missing"));
    }
    URNA_RETURN_IF_ERROR(visit(index, ViewOf(at->value())));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Store::ReadTile(const Hash32& poll, const TileId& id) const {
  URNA_ASSIGN_OR_RETURN(const Ledger ledger, impl_->Find(poll));
  if (!IsWithin(ledger.head.size, id)) {
    return NotFound(
        base::Cat(PollName(poll), ": ", id.Path(), " of ", ledger.head.size, " records"));
  }
  if (id.level == TileId::kEntries) {
    const uint64_t first = id.index * kTileWidth;
    std::vector<std::string> entries;
    URNA_RETURN_IF_ERROR(
        Scan(poll, first, first + id.width, [&](uint64_t, std::string_view record) {
          entries.emplace_back(record);
          return absl::OkStatus();
        }));
    return EncodeBundle(entries);
  }
  const size_t bytes = size_t{id.width} * sizeof(Hash32);
  if (!IsWithin(ledger.head.size, {id.level, id.index, kTileWidth})) {
    return ledger.edges->levels()[id.level].Bytes().substr(0, bytes);
  }
  URNA_ASSIGN_OR_RETURN(const std::string full,
                        impl_->database.ReadTileBytes(poll, id.level, id.index));
  return full.substr(0, bytes);
}

absl::StatusOr<uint64_t> Store::FindBody(const Hash32& poll, const Hash32& body_hash) const {
  URNA_ASSIGN_OR_RETURN(
      const std::string value,
      impl_->database.Get(BodyKey(poll, body_hash), base::Cat(PollName(poll), ": a body")));
  return FromBigEndian(value);
}

NodeReader Store::Nodes(const Hash32& poll, uint64_t size) const {
  auto ledger = impl_->Find(poll);
  if (ledger.ok() && ledger->head.size < size) {
    ledger = NotFound(base::Cat(PollName(poll), ": ", size, " records of ", ledger->head.size));
  }
  if (!ledger.ok()) {
    return
        [status = ledger.status()](uint32_t, uint64_t) -> absl::StatusOr<Hash32> { return status; };
  }
  auto nodes = std::make_shared<SnapshotNodes>(&impl_->database, poll, size, ledger->edges);
  return [nodes](uint32_t level, uint64_t index) { return nodes->Node(level, index); };
}

}  // namespace urna::ledger
