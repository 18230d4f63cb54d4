#include "tests/ledger/faulty_file_system.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

namespace urna::ledger {
namespace {

namespace fs = std::filesystem;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

std::string ContentOf(const std::string& name) {
  std::ifstream in(name, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

/// Appends and syncs count; what is buffered above (RocksDB's own buffer) is gone with the power
/// anyhow.
class FaultyFileSystem::File final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  File(std::unique_ptr<rocksdb::FSWritableFile> target, std::string name, FaultyFileSystem& owner)
      : FSWritableFileOwnerWrapper(std::move(target)), name_(std::move(name)), owner_(owner) {}

  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  IODebugContext* debug) override {
    return owner_.Counted([&] { return target()->Append(data, options, debug); });
  }
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo&, IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    return owner_.Counted([&] {
      // What is durable is what was noted here; the real disk need not be waited for.
      const IOStatus status = target()->Flush(options, debug);
      if (status.ok()) owner_.Synced(name_, ContentOf(name_));
      return status;
    });
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return Sync(options, debug);
  }
  IOStatus RangeSync(uint64_t, uint64_t, const IOOptions&, IODebugContext*) override {
    return IOStatus::OK();
  }
  // No preallocated blocks: a file is as long as what was written.
  void PrepareWrite(size_t, size_t, const IOOptions&, IODebugContext*) override {}
  IOStatus Allocate(uint64_t, uint64_t, const IOOptions&, IODebugContext*) override {
    return IOStatus::OK();
  }

 private:
  const std::string name_;
  FaultyFileSystem& owner_;
};

class FaultyFileSystem::Folder final : public rocksdb::FSDirectory {
 public:
  Folder(std::unique_ptr<FSDirectory> target, std::string name, FaultyFileSystem& owner)
      : target_(std::move(target)), name_(std::move(name)), owner_(owner) {}
  IOStatus Fsync(const IOOptions&, IODebugContext*) override {
    return owner_.Counted([&] {
      owner_.FolderSynced(name_);
      return IOStatus::OK();
    });
  }
  IOStatus FsyncWithDirOptions(const IOOptions& options, IODebugContext* debug,
                               const rocksdb::DirFsyncOptions&) override {
    return Fsync(options, debug);
  }
  IOStatus Close(const IOOptions& options, IODebugContext* debug) override {
    return target_->Close(options, debug);
  }

 private:
  const std::unique_ptr<FSDirectory> target_;
  const std::string name_;
  FaultyFileSystem& owner_;
};

template <typename Operation>
IOStatus FaultyFileSystem::Counted(Operation operation) {
  std::optional<Fault> fault;
  {
    std::lock_guard guard(mutex_);
    const uint64_t number = operations_++;
    if (powerless_) {
      fault = Fault::kPowerFails;
    } else if (fail_at_ == number) {
      happened_ = true;
      fault = fault_;
      if (fault_ == Fault::kPowerFails) powerless_ = true;
    }
  }
  if (!fault.has_value()) return operation();
  switch (*fault) {
    case Fault::kError:
      return IOStatus::IOError("injected");
    case Fault::kErrorButDone: {
      const IOStatus done = operation();
      return done.ok() ? IOStatus::IOError("injected, but done") : done;
    }
    case Fault::kNoSpace:
      return IOStatus::NoSpace("injected");
    case Fault::kPowerFails:
      return IOStatus::IOError("the power is off");
  }
  return IOStatus::OK();
}

void FaultyFileSystem::FailAfter(uint64_t skip, Fault fault) {
  std::lock_guard guard(mutex_);
  fail_at_ = operations_ + skip;
  fault_ = fault;
  happened_ = false;
}

uint64_t FaultyFileSystem::operations() const {
  std::lock_guard guard(mutex_);
  return operations_;
}

bool FaultyFileSystem::happened() const {
  std::lock_guard guard(mutex_);
  return happened_;
}

void FaultyFileSystem::Synced(const std::string& name, const std::string& content) {
  std::lock_guard guard(mutex_);
  if (lying_) return;
  synced_[name] = content;
  if (durable_.contains(name)) durable_[name] = content;
}

void FaultyFileSystem::FolderSynced(const std::string& folder) {
  std::lock_guard guard(mutex_);
  if (lying_) return;
  const fs::path path = fs::path(folder).lexically_normal();
  for (const std::string& name : seen_) {
    if (fs::path(name).parent_path().lexically_normal() != path) continue;
    if (fs::exists(name)) {
      const auto synced = synced_.find(name);
      durable_[name] = synced == synced_.end() ? "" : synced->second;
    } else {
      durable_.erase(name);
    }
  }
}

void FaultyFileSystem::CutPower() {
  std::lock_guard guard(mutex_);
  for (const std::string& name : seen_) {
    const auto left = durable_.find(name);
    std::error_code ignored;
    if (left == durable_.end()) {
      fs::remove(name, ignored);
      continue;
    }
    std::ofstream out(name, std::ios::binary | std::ios::trunc);
    out.write(left->second.data(), static_cast<std::streamsize>(left->second.size()));
  }
  synced_ = durable_;
  powerless_ = false;
  fail_at_.reset();
}

IOStatus FaultyFileSystem::NewWritableFile(const std::string& name,
                                           const rocksdb::FileOptions& options,
                                           std::unique_ptr<rocksdb::FSWritableFile>* result,
                                           IODebugContext* debug) {
  return Counted([&] {
    std::unique_ptr<rocksdb::FSWritableFile> file;
    IOStatus status = target()->NewWritableFile(name, options, &file, debug);
    if (!status.ok()) return status;
    {
      std::lock_guard guard(mutex_);
      seen_.insert(name);
      synced_[name] = "";
    }
    *result = std::make_unique<File>(std::move(file), name, *this);
    return status;
  });
}

IOStatus FaultyFileSystem::ReopenWritableFile(const std::string&, const rocksdb::FileOptions&,
                                              std::unique_ptr<rocksdb::FSWritableFile>*,
                                              IODebugContext*) {
  return IOStatus::NotSupported("reopening, which the store does not do");
}

IOStatus FaultyFileSystem::ReuseWritableFile(const std::string&, const std::string&,
                                             const rocksdb::FileOptions&,
                                             std::unique_ptr<rocksdb::FSWritableFile>*,
                                             IODebugContext*) {
  return IOStatus::NotSupported("reusing, which the store does not do");
}

IOStatus FaultyFileSystem::NewDirectory(const std::string& name, const IOOptions& options,
                                        std::unique_ptr<rocksdb::FSDirectory>* result,
                                        IODebugContext* debug) {
  std::unique_ptr<rocksdb::FSDirectory> folder;
  IOStatus status = target()->NewDirectory(name, options, &folder, debug);
  if (status.ok()) *result = std::make_unique<Folder>(std::move(folder), name, *this);
  return status;
}

IOStatus FaultyFileSystem::RenameFile(const std::string& from, const std::string& to,
                                      const IOOptions& options, IODebugContext* debug) {
  return Counted([&] {
    const IOStatus status = target()->RenameFile(from, to, options, debug);
    if (!status.ok()) return status;
    std::lock_guard guard(mutex_);
    seen_.insert(to);
    synced_[to] = synced_[from];
    synced_.erase(from);
    return status;
  });
}

IOStatus FaultyFileSystem::DeleteFile(const std::string& name, const IOOptions& options,
                                      IODebugContext* debug) {
  return Counted([&] { return target()->DeleteFile(name, options, debug); });
}

IOStatus FaultyFileSystem::Truncate(const std::string& name, size_t size, const IOOptions& options,
                                    IODebugContext* debug) {
  return Counted([&] { return target()->Truncate(name, size, options, debug); });
}

}  // namespace urna::ledger
