#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/hash.h"
#include "ledger/store/store.h"

namespace rocksdb {
class DB;
class Env;
}  // namespace rocksdb

namespace urna::ledger {

/// One damage: where, what, and what an operator can do.
struct Fault {
  std::string file;                ///< path; "" if the place is not one in a file
  std::optional<uint64_t> offset;  ///< first bad byte (of a table: of the block that holds it)
  std::optional<Hash32> poll;
  std::string item;  ///< "record 17", "tile 0/3", "head"; "" if the place is a file
  std::string what;
  std::string remedy;

  /// "FILE, byte 4096", "poll 12ab…, record 17, byte 10".
  std::string Place() const;
};

/// What checks found. Faults beyond the first hundred are only counted: one cause can have very
/// many consequences.
struct Findings {
  static constexpr size_t kMaxFaults = 100;
  std::vector<Fault> faults;
  uint64_t left_out = 0;
  /// What is no damage by itself, such as a last write that was not finished.
  std::vector<std::string> notes;

  void Add(Fault fault);
};

/// Whether another process has the database in `folder` open. Never for a process that may have it
/// open itself: closing a file gives up all of the process's locks on it.
bool IsInUse(const std::string& folder);

/// Checks the files of one RocksDB: write-ahead logs and manifest by their physical records, tables
/// by the checksums of their blocks and, where the database knows it, of the whole file. Gives the
/// database, open for reading, as far as it can be read; null if it cannot be opened at all. Writes
/// nothing. `in_use`: files may come and go. Errors: NotFound if there is no such folder.
absl::StatusOr<std::unique_ptr<rocksdb::DB>> CheckFiles(const std::string& folder, bool in_use,
                                                        rocksdb::Env* env, Findings& findings);

/// One ledger as recomputed from its records.
struct RecomputedLedger {
  Hash32 poll{};
  uint64_t size = 0;  ///< records that could be read
  Hash32 root{};
  /// At the sizes that were asked for, as far as there are so many records.
  std::map<uint64_t, Hash32> roots;
  std::optional<std::string> checkpoint;  ///< the stored one
  bool readable = true;                   ///< false: reading stopped before the end
};

/// Is told what CheckLedgers reads.
class LedgerVisitor {
 public:
  using ReadRecord = std::function<absl::StatusOr<std::string>(uint64_t index)>;
  virtual ~LedgerVisitor() = default;
  /// `records`: as many as the head says. `read` is good until End. Returns the sizes at which the
  /// root is wanted, besides that of the stored checkpoint.
  virtual std::vector<uint64_t> Begin(const Hash32& poll, uint64_t records, ReadRecord read) = 0;
  virtual void Record(uint64_t index, std::string_view bytes) = 0;
  virtual void End(const RecomputedLedger& ledger, Findings& findings) = 0;
};

/// Reads everything in a store's database once and recomputes it from the records: no unknown key;
/// records 0 .. size-1 without a gap, decodable, each with the leaf hash of the one before; full
/// tiles byte by byte; the index of payloads complete, right and without strays; size, root and
/// last leaf of the head. `folder`: for messages.
void CheckLedgers(rocksdb::DB& database, const std::string& folder, LedgerVisitor& visitor,
                  Findings& findings);

}  // namespace urna::ledger
