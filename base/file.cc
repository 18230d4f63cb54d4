#include "base/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/status.h"
#include "base/text.h"

namespace urna::base {
namespace {

absl::Status SystemError(std::string_view what, const std::string& path) {
  const int error = errno;
  const auto code = error == ENOENT   ? absl::StatusCode::kNotFound
                    : error == EEXIST ? absl::StatusCode::kAlreadyExists
                    : error == ENOSPC ? absl::StatusCode::kResourceExhausted
                                      : absl::StatusCode::kUnavailable;
  return Failure(code, Cat(path, ": cannot ", what, ": ", strerror(error)));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

std::string FolderOf(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

absl::Status SyncFolder(const std::string& folder) {
  Descriptor fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0 || fsync(fd.get()) != 0) return SystemError("sync", folder);
  return absl::OkStatus();
}

/// A new file beside `path`, for this process alone; `name` becomes its name. Names that a killed
/// process left behind are passed over: its number may be ours, as in a container.
int OpenTemporary(const std::string& path, mode_t mode, std::string& name) {
  static std::atomic<uint64_t> counter{0};
  for (;;) {
    name = Cat(path, ".tmp.", getpid(), ".", counter++);
    const int fd = open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd >= 0 || errno != EEXIST) return fd;
  }
}

absl::Status WriteAndSync(int fd, const std::string& path, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return SystemError("write", path);
    content.remove_prefix(static_cast<size_t>(written));
  }
  if (fsync(fd) != 0) return SystemError("sync", path);
  return absl::OkStatus();
}

absl::Status WriteThrough(const std::string& path, std::string_view content, mode_t mode,
                          bool replace) {
  std::string temporary;
  absl::Status status;
  {
    const Descriptor fd(OpenTemporary(path, mode, temporary));
    if (fd.get() < 0) return SystemError("create", temporary);
    status = WriteAndSync(fd.get(), temporary, content);
  }
  if (status.ok()) {
    if (replace) {
      if (rename(temporary.c_str(), path.c_str()) != 0) status = SystemError("replace", path);
    } else if (link(temporary.c_str(), path.c_str()) != 0) {
      status = SystemError("create", path);
    }
  }
  if (!status.ok() || !replace) unlink(temporary.c_str());
  if (status.ok()) status = SyncFolder(FolderOf(path));
  return status;
}

/// Says in a file that is locked by whom it is. For people only, so that it may fail: a full disk
/// must not keep a lock from being taken.
void WriteHolder(int fd) {
  char host[HOST_NAME_MAX + 1] = {};
  if (gethostname(host, sizeof host - 1) != 0) host[0] = '?';
  const std::string text = Cat(getpid(), " on ", host, "\n");
  if (pwrite(fd, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size())) {
    if (ftruncate(fd, static_cast<off_t>(text.size())) != 0) return;
  }
}

std::string ReadHolder(int fd) {
  char text[HOST_NAME_MAX + 64];
  const ssize_t got = pread(fd, text, sizeof text, 0);
  const std::string_view line(text, got < 0 ? 0 : static_cast<size_t>(got));
  const size_t end = line.find('\n');
  if (end == std::string_view::npos) return "another process";
  return Cat("process ", line.substr(0, end));
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path, size_t max_bytes) {
  Descriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (fd.get() < 0) return SystemError("open", path);
  struct stat info;
  if (fstat(fd.get(), &info) != 0) return SystemError("inspect", path);
  if (S_ISDIR(info.st_mode)) {
    return Failure(absl::StatusCode::kFailedPrecondition, Cat(path, ": is a folder, not a file"));
  }
  std::string content;
  if (S_ISREG(info.st_mode)) {
    if (static_cast<uint64_t>(info.st_size) > max_bytes) {
      return Failure(absl::StatusCode::kResourceExhausted,
                     Cat(path, ": is larger than ", max_bytes, " bytes"));
    }
    content.reserve(static_cast<size_t>(info.st_size));
  }
  char buffer[1 << 16];
  for (;;) {
    const ssize_t got = read(fd.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return SystemError("read", path);
    if (got == 0) return content;
    content.append(buffer, static_cast<size_t>(got));
    if (content.size() > max_bytes) {
      return Failure(absl::StatusCode::kResourceExhausted,
                     Cat(path, ": is larger than ", max_bytes, " bytes"));
    }
  }
}

absl::Status WriteFileAtomic(const std::string& path, std::string_view content, mode_t mode) {
  return WriteThrough(path, content, mode, /*replace=*/true);
}

absl::Status CreateFileAtomic(const std::string& path, std::string_view content, mode_t mode) {
  return WriteThrough(path, content, mode, /*replace=*/false);
}

absl::Status SyncFileSystem(const std::string& folder) {
  const Descriptor fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0) return SystemError("open", folder);
  return syncfs(fd.get()) == 0 ? absl::OkStatus() : SystemError("sync", folder);
}

absl::Status MakeFolders(const std::string& path, mode_t mode) {
  if (path.empty()) return absl::OkStatus();
  std::filesystem::path built;
  for (const auto& part : std::filesystem::path(path)) {
    const std::string parent = built.empty() ? "." : built.string();
    built /= part;
    if (mkdir(built.c_str(), mode) == 0) {
      URNA_RETURN_IF_ERROR(SyncFolder(parent));
    } else if (errno != EEXIST) {
      return SystemError("create the folder", built.string());
    }
  }
  struct stat info;
  if (stat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) {
    errno = ENOTDIR;
    return SystemError("create the folder", path);
  }
  return absl::OkStatus();
}

absl::StatusOr<FileLock> FileLock::Acquire(const std::string& path) {
  Descriptor fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (fd.get() < 0) return SystemError("create", path);
  if (flock(fd.get(), LOCK_EX | LOCK_NB) == 0) {
    WriteHolder(fd.get());
    return FileLock(fd.Release());
  }
  if (errno != EWOULDBLOCK) return SystemError("lock", path);
  return Failure(absl::StatusCode::kFailedPrecondition,
                 Cat(path, ": is locked by ", ReadHolder(fd.get())));
}

FileLock::~FileLock() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace urna::base
