#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace rocksdb {
class Logger;
}

namespace urna::ledger {

/// RocksDB's own log, as files LOG and LOG.old in `folder`, together at most about 8 MiB. Debian's
/// RocksDB is built with assertions, one of which ends the process when its own logger cannot
/// write; this one drops what it cannot write. Errors: Unavailable if `folder` cannot be made.
absl::StatusOr<std::shared_ptr<rocksdb::Logger>> OpenRocksLog(const std::string& folder);

}  // namespace urna::ledger
