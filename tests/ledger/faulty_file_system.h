#pragma once

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

namespace urna::ledger {

/// A file system for RocksDB that can lose its power, and whose operations can fail. Counted are
/// the operations that change something: appending, syncing a file or folder, creating, renaming,
/// truncating, deleting, linking.
class FaultyFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  enum class Fault {
    kError,         ///< fails, and does nothing
    kErrorButDone,  ///< does it, and reports failure all the same
    kNoSpace,       ///< fails as a full disk does
    kPowerFails,    ///< from here on nothing works any more
  };

  FaultyFileSystem() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}

  /// The next operation but `skip` fails, once; with kPowerFails, all from there on.
  void FailAfter(uint64_t skip, Fault fault);
  uint64_t operations() const;
  /// Whether the planned fault has happened.
  bool happened() const;
  /// A disk that says that it synced, and did not.
  void LieAboutSyncing(bool lie = true) { lying_ = lie; }

  /// What is left after a power cut: of every file the synced bytes; no files, names or removals
  /// that the folder was not synced after. Then everything works again.
  void CutPower();

  const char* Name() const override { return "FaultyFileSystem"; }
  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* result,
                                    rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus ReopenWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                       std::unique_ptr<rocksdb::FSWritableFile>* result,
                                       rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus ReuseWritableFile(const std::string& name, const std::string& old_name,
                                      const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSWritableFile>* result,
                                      rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewDirectory(const std::string& name, const rocksdb::IOOptions& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* result,
                                 rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus DeleteFile(const std::string& name, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus Truncate(const std::string& name, size_t size,
                             const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* debug) override;

 private:
  class File;
  class Folder;

  /// Does `operation`, or fails, or both.
  template <typename Operation>
  rocksdb::IOStatus Counted(Operation operation);
  void Synced(const std::string& name, const std::string& content);
  void FolderSynced(const std::string& folder);

  mutable std::mutex mutex_;
  uint64_t operations_ = 0;
  std::optional<uint64_t> fail_at_;
  Fault fault_ = Fault::kError;
  bool happened_ = false;
  bool powerless_ = false;
  bool lying_ = false;
  // What a power cut leaves: content by name, of files whose names are durable; and the synced
  // contents of all files, whatever their names.
  std::map<std::string, std::string> durable_;
  std::map<std::string, std::string> synced_;
  std::set<std::string> seen_;  // every name that was ever written
};

}  // namespace urna::ledger
