#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace urna::base {

/// The whole content of a regular file. Errors: NotFound, ResourceExhausted if larger than
/// `max_bytes`, Unavailable with the system's reason. Every message names the path.
absl::StatusOr<std::string> ReadFile(const std::string& path, size_t max_bytes = size_t{1} << 30);

/// Replaces `path` atomically: temporary file beside it, fsync, rename, fsync of the folder.
/// Nothing half-written is ever visible under `path`.
absl::Status WriteFileAtomic(const std::string& path, std::string_view content, mode_t mode = 0644);

/// Like WriteFileAtomic, but AlreadyExists if `path` exists.
absl::Status CreateFileAtomic(const std::string& path, std::string_view content,
                              mode_t mode = 0644);

/// After OK everything that was written before on the file system of `folder` survives a crash.
absl::Status SyncFileSystem(const std::string& folder);

/// mkdir -p. New folders get `mode` and, after OK, survive a crash.
absl::Status MakeFolders(const std::string& path, mode_t mode = 0755);

/// An exclusive lock on a file, which is made for this purpose and stays; against other processes
/// as well as other objects of this one. Ends with the object or the process, however that ends.
class FileLock {
 public:
  /// Errors: FailedPrecondition "PATH: is locked by process PID on HOST" if it is held; NotFound
  /// (no folder), Unavailable.
  static absl::StatusOr<FileLock> Acquire(const std::string& path);
  FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileLock& operator=(FileLock&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FileLock();

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace urna::base
