#pragma once

#include <rocksdb/db.h>

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace urna::ledger {

/// What every database of a server needs so that nothing it acknowledged is lost in silence. The
/// caller adds what its size asks for.
rocksdb::Options DurableOptions();

/// Opens the database in `folder`, or creates it where there is none; its own log goes to
/// `log_folder`. Errors name the folder: Unavailable (another process has it open; the file system
/// fails), ResourceExhausted (the disk is full), DataLoss (damaged, or parts of it are gone), with nothing changed.
absl::StatusOr<std::unique_ptr<rocksdb::DB>> OpenDatabase(rocksdb::Options options,
                                                          const std::string& folder,
                                                          const std::string& log_folder);

/// Opens the database in `folder` for reading, as it is at this moment, with nothing written and no
/// lock taken: another process may have it open, and what that one writes afterwards is not seen.
/// Beside a process that is just writing it may fail, or miss the newest part of the log: compare
/// with what was signed, and try again. Errors: those of OpenDatabase; NotFound.
absl::StatusOr<std::unique_ptr<rocksdb::DB>> OpenReadOnly(rocksdb::Options options,
                                                          const std::string& folder);

/// The same for what is left of a damaged database: records may be missing anywhere without a word.
/// Never for data that anybody relies on before comparing it with hashes that were signed.
absl::StatusOr<std::unique_ptr<rocksdb::DB>> OpenDamaged(rocksdb::Options options,
                                                         const std::string& folder);

/// OK, or "WHAT: " and what RocksDB says: DataLoss for damage, otherwise Unavailable.
absl::Status FromRocks(const rocksdb::Status& status, std::string_view what);

}  // namespace urna::ledger
