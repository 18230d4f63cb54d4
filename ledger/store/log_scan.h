#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace urna::ledger {

/// What reading a file of RocksDB's log format (write-ahead log, manifest) comes to.
struct LogScan {
  enum class Verdict {
    kWhole,
    kTorn,     ///< ends within a record, or in zeros: a write that the process did not finish
    kDamaged,  ///< a record that was finished is not what it was
  };
  Verdict verdict = Verdict::kWhole;
  uint64_t offset = 0;   ///< kTorn, kDamaged: of the first byte that is not as written
  std::string what;      ///< what is wrong there, in words
  uint64_t records = 0;  ///< whole ones before
};

/// Reads the physical records of a log: blocks of 32 KiB; records of a masked CRC-32C, a length, a
/// type and the bytes; never across a block. Stops at the first fault. Whether records are missing
/// from the end, or whole files, no reader can tell. `write_ahead`: that the sequence numbers of
/// the writes follow on one another is checked, too. RocksDB, db/log_format.h, write_batch.cc.
LogScan ScanLog(std::string_view bytes, bool write_ahead);

}  // namespace urna::ledger
