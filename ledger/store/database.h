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

/// OK, or "WHAT: " and what RocksDB says: DataLoss for damage, otherwise Unavailable.
absl::Status FromRocks(const rocksdb::Status& status, std::string_view what);

}  // namespace urna::ledger
