#include "ledger/store/rocks_log.h"

#include <fcntl.h>
#include <rocksdb/env.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdint>
#include <mutex>
#include <string_view>

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"

namespace urna::ledger {
namespace {

constexpr uint64_t kMaxBytes = uint64_t{4} << 20;
constexpr size_t kMaxLine = 4096;

class RocksLog final : public rocksdb::Logger {
 public:
  explicit RocksLog(std::string path)
      : Logger(rocksdb::InfoLogLevel::INFO_LEVEL), path_(std::move(path)) {
    Reopen();
  }
  ~RocksLog() override {
    if (fd_ >= 0) close(fd_);
  }

  using Logger::Logv;
  void Logv(const char* format, va_list arguments) override {
    std::array<char, kMaxLine> line;
    const time_t now = time(nullptr);
    tm utc{};
    gmtime_r(&now, &utc);
    size_t length = strftime(line.data(), line.size(), "%Y-%m-%dT%H:%M:%SZ ", &utc);
    const int printed = vsnprintf(&line[length], line.size() - length, format, arguments);
    if (printed < 0) return;
    length = std::min(length + static_cast<size_t>(printed), line.size() - 1);
    line[length++] = '\n';
    std::lock_guard guard(mutex_);
    if (size_ + length > kMaxBytes) Rotate();
    // A line that does not fit on the disk is lost, nothing else.
    if (fd_ < 0 || write(fd_, line.data(), length) != static_cast<ssize_t>(length)) return;
    size_ += length;
  }
  size_t GetLogFileSize() const override {
    std::lock_guard guard(mutex_);
    return size_;
  }

 private:
  void Rotate() {
    rename(path_.c_str(), base::Cat(path_, ".old").c_str());
    Reopen();
  }
  void Reopen() {
    if (fd_ >= 0) close(fd_);
    fd_ = open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    struct stat info;
    size_ = fd_ >= 0 && fstat(fd_, &info) == 0 ? static_cast<uint64_t>(info.st_size) : 0;
  }

  const std::string path_;
  mutable std::mutex mutex_;
  int fd_ = -1;
  uint64_t size_ = 0;
};

}  // namespace

absl::StatusOr<std::shared_ptr<rocksdb::Logger>> OpenRocksLog(const std::string& folder) {
  URNA_RETURN_IF_ERROR(base::MakeFolders(folder, 0700));
  return std::make_shared<RocksLog>(base::Cat(folder, "/LOG"));
}

}  // namespace urna::ledger
