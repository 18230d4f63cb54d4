#include "ledger/store/database.h"

#include <rocksdb/file_checksum.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "ledger/store/rocks_log.h"

namespace urna::ledger {
namespace {

/// RocksDB takes a folder without the file CURRENT for an empty one, and deletes the records that
/// lie in it as leftovers.
absl::Status CheckNotBeheaded(const std::string& folder) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (fs::exists(folder + "/CURRENT", error)) return absl::OkStatus();
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const std::string ending = at->path().extension().string();
    if (ending != ".sst" && ending != ".log") continue;
    return base::Failure(
        absl::StatusCode::kDataLoss,
        base::Cat(folder, ": the database is damaged: it has records (",
                  at->path().filename().string(), "), but its file CURRENT is gone"));
  }
  if (!error) return absl::OkStatus();
  return base::Failure(absl::StatusCode::kUnavailable,
                       base::Cat(folder, ": cannot be listed: ", error.message()));
}

}  // namespace

absl::Status FromRocks(const rocksdb::Status& status, std::string_view what) {
  if (status.ok()) return absl::OkStatus();
  const auto code =
      status.IsCorruption() ? absl::StatusCode::kDataLoss : absl::StatusCode::kUnavailable;
  return base::Failure(code, base::Cat(what, ": ", status.ToString()));
}

rocksdb::Options DurableOptions() {
  rocksdb::Options db;
  db.create_if_missing = true;
  // A torn last write was never acknowledged and may go; every other damage must be an error.
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  db.paranoid_checks = true;
  db.paranoid_file_checks = true;
  // Holds only as long as SyncWAL is never called: RocksDB before 7.10 then reports files of its
  // own write-ahead log as missing.
  db.track_and_verify_wals_in_manifest = true;
  db.recycle_log_file_num = 0;
  db.manual_wal_flush = false;
  db.enable_pipelined_write = false;
  db.unordered_write = false;
  db.two_write_queues = false;
  // What a killed process left may be in the system's memory alone, and after a failed sync never
  // reach the disk. Only what is written anew while opening can be relied on.
  db.avoid_flush_during_recovery = false;
  // After a failed write the process stops; a database that heals itself may have lost data.
  db.max_bgerror_resume_count = 0;
  db.file_checksum_gen_factory = rocksdb::GetFileChecksumGenCrc32cFactory();
  db.memtable_protection_bytes_per_key = 8;
  db.compression = rocksdb::kNoCompression;  // ciphertexts and hashes
  db.bottommost_compression = rocksdb::kNoCompression;
  return db;
}

absl::StatusOr<std::unique_ptr<rocksdb::DB>> OpenDatabase(rocksdb::Options options,
                                                          const std::string& folder,
                                                          const std::string& log_folder) {
  URNA_RETURN_IF_ERROR(base::MakeFolders(folder, 0700));
  URNA_RETURN_IF_ERROR(CheckNotBeheaded(folder));
  URNA_ASSIGN_OR_RETURN(options.info_log, OpenRocksLog(log_folder));
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status = rocksdb::DB::Open(options, folder, &db);
  if (status.ok()) return std::unique_ptr<rocksdb::DB>(db);
  if (status.IsIOError() && status.ToString().find("LOCK") != std::string::npos) {
    return base::Failure(
        absl::StatusCode::kUnavailable,
        base::Cat(folder, ": another server has this store open (", status.ToString(), ")"));
  }
  if (status.IsCorruption() || status.IsPathNotFound()) {
    return base::Failure(absl::StatusCode::kDataLoss,
                         base::Cat(folder, ": the database is damaged: ", status.ToString()));
  }
  if (status.IsNoSpace()) {
    return base::Failure(absl::StatusCode::kResourceExhausted,
                         base::Cat(folder, ": ", status.ToString()));
  }
  return FromRocks(status, folder);
}

}  // namespace urna::ledger
