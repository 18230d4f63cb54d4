#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/hash.h"
#include "ledger/checkpoint.h"
#include "ledger/merkle.h"
#include "ledger/tiles.h"

namespace rocksdb {
class Env;
}

namespace urna::ledger {

/// All ledgers of one server in one RocksDB; one ledger per poll. docs/architecture.md, "Store".
///
/// Writing is for one thread (the sequencer); reading is for any.
///
/// No database notices that the newest part of its write-ahead log is gone: a store opened after
/// such a loss is a shorter, consistent ledger. Whoever opens one compares GetHead with a signed
/// checkpoint kept elsewhere.
class Store {
 public:
  struct Options {
    std::string folder;
    std::string log_folder;       ///< RocksDB's own log; "" = inside `folder`
    rocksdb::Env* env = nullptr;  ///< tests: where files are written; must outlive the store
  };
  /// Opens or creates; locks the folder. Rebuilds the right edge of every ledger's tree from the
  /// stored records and tiles, and compares its root with the stored one.
  /// Errors: Unavailable (locked, unreadable); ResourceExhausted (the disk is full); DataLoss (the database is damaged; or
  /// "ledger.store-damaged", naming the poll whose records, tiles and head contradict each other).
  static absl::StatusOr<std::unique_ptr<Store>> Open(const Options& options);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  /// The polls present, by poll id.
  std::vector<Hash32> Polls() const;

  /// What one durable write adds to one ledger.
  struct Batch {
    Hash32 poll{};                     ///< leaf hash of record 0, also when record 0 is in here
    std::vector<std::string> records;  ///< encoded, in order, chained by the caller
  };
  struct Head {
    uint64_t size = 0;
    Hash32 root{};
    Hash32 last_leaf{};  ///< what the next record carries as `previous`; zeros if empty

    bool operator==(const Head&) const = default;
  };
  /// Appends all batches in one synchronous write: after OK everything survives a crash; after an
  /// error other than InvalidArgument nothing may be assumed and the process must stop (this object
  /// takes no further write). Also writes full tiles and, for each record,
  /// SHA-256(payload) -> index. Returns the new heads, one per batch.
  /// Errors: InvalidArgument, with nothing written, if a record is malformed or does not carry the
  /// leaf hash of the one before, or record 0 is not the one that the poll is named after;
  /// FailedPrecondition after an earlier failure; Unavailable.
  absl::StatusOr<std::vector<Head>> Append(std::span<const Batch> batches);

  /// Errors: NotFound if there is no such poll.
  absl::StatusOr<Head> GetHead(const Hash32& poll) const;
  /// Stores the newest signed checkpoint (not synced by itself: it can be signed again).
  /// Errors: NotFound, InvalidArgument if `size` is beyond the ledger or below that of the stored
  /// checkpoint, Unavailable.
  absl::Status PutCheckpoint(const Hash32& poll, uint64_t size, std::string_view note);
  /// The newest stored checkpoint. Errors: NotFound, Unavailable.
  absl::StatusOr<std::string> GetCheckpoint(const Hash32& poll) const;

  /// One encoded record. Errors: NotFound, Unavailable, DataLoss.
  absl::StatusOr<std::string> Read(const Hash32& poll, uint64_t index) const;
  /// Calls `visit` for records first .. last-1 in order until it returns an error.
  /// Errors: what `visit` returns; NotFound if there are no `last` records, Unavailable, DataLoss.
  absl::Status Scan(const Hash32& poll, uint64_t first, uint64_t last,
                    const std::function<absl::Status(uint64_t, std::string_view)>& visit) const;
  /// A tile or entry bundle of a ledger, full or partial, as C2SP tlog-tiles. Errors: NotFound if
  /// the ledger does not have all of it yet, Unavailable, DataLoss.
  absl::StatusOr<std::string> ReadTile(const Hash32& poll, const TileId& id) const;
  /// Index of the record whose payload has this SHA-256 (the last such). Errors: NotFound.
  absl::StatusOr<uint64_t> FindBody(const Hash32& poll, const Hash32& body_hash) const;

  /// Tree nodes of the first `size` records, for proofs at that size or below. The reader keeps
  /// the tiles it has met, so one reader for many proofs is cheaper than one each. It may be used
  /// by several threads and must not outlive this object. What lies outside the first `size`
  /// records, or a poll that has fewer, gives NotFound.
  NodeReader Nodes(const Hash32& poll, uint64_t size) const;

 private:
  struct Impl;
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace urna::ledger
