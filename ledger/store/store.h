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
#include "ledger/receipt.h"

namespace urna::ledger {

/// All ledgers of one server in one RocksDB; one ledger per poll. docs/architecture.md, "Store".
///
/// Writing is for one thread (the sequencer); reading is for any.
class Store {
 public:
  struct Options {
    std::string folder;
    std::string log_folder;  ///< RocksDB's own log; "" = inside `folder`
  };
  /// Opens or creates; locks the folder. Errors: Unavailable (locked, corrupt, unreadable).
  static absl::StatusOr<std::unique_ptr<Store>> Open(const Options& options);
  virtual ~Store();

  /// The polls present, by poll id.
  std::vector<Hash32> Polls() const;

  /// What one durable write adds to one ledger.
  struct Batch {
    Hash32 poll{};                        ///< leaf hash of record 0, also when record 0 is in here
    std::vector<std::string> records;     ///< encoded, in order, chained by the caller
  };
  struct Head {
    uint64_t size = 0;
    Hash32 root{};
    Hash32 last_leaf{};  ///< what the next record carries as `previous`; zeros if empty
  };
  /// Appends all batches in one synchronous write: after OK everything survives a crash; after an
  /// error nothing may be assumed and the process must stop. Also writes full tiles and, for each
  /// record, SHA-256(payload) -> index.
  /// Returns the new heads, one per batch.
  absl::StatusOr<std::vector<Head>> Append(std::span<const Batch> batches);

  absl::StatusOr<Head> GetHead(const Hash32& poll) const;
  /// Stores the newest signed checkpoint (not synced by itself: it can be signed again).
  absl::Status PutCheckpoint(const Hash32& poll, uint64_t size, std::string_view note);
  /// The newest stored checkpoint. Errors: NotFound.
  absl::StatusOr<std::string> GetCheckpoint(const Hash32& poll) const;

  /// One encoded record. Errors: NotFound, Unavailable.
  absl::StatusOr<std::string> Read(const Hash32& poll, uint64_t index) const;
  /// Calls `visit` for records first .. last-1 in order until it returns an error.
  absl::Status Scan(const Hash32& poll, uint64_t first, uint64_t last,
                    const std::function<absl::Status(uint64_t, std::string_view)>& visit) const;
  /// Index of the record whose payload has this SHA-256 (the last such). Errors: NotFound.
  absl::StatusOr<uint64_t> FindBody(const Hash32& poll, const Hash32& body_hash) const;

  /// Tree nodes of the first `size` records, for proofs at that size or below.
  NodeReader Nodes(const Hash32& poll, uint64_t size) const;

 protected:
  Store() = default;
};

}  // namespace urna::ledger
