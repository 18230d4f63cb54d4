#include "ledger/export.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <optional>
#include <system_error>
#include <utility>

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "ledger/record.h"

namespace urna::ledger {
namespace {

constexpr std::string_view kCheckpointName = "checkpoint";
constexpr size_t kMaxCheckpointBytes = size_t{1} << 20;
/// Faults of one kind that are listed one by one; the rest is counted.
constexpr uint64_t kMaxListed = 100;
/// The deepest path of a tile ("tile/0/x../x../x../x../x../x../000.p/255") has fewer parts.
constexpr int kMaxDepth = 12;

constexpr size_t kMaxBundleBytes = kTileWidth * (2 + kMaxRecordBytes);
constexpr uint32_t kLevels = 8;  // of tiles: 256^8 entries are more than a 64-bit size counts
constexpr std::array<uint32_t, 9> kLevelsAndEntries = {TileId::kEntries, 0, 1, 2, 3, 4, 5, 6, 7};

absl::Status SystemError(std::string_view what, const std::string& path) {
  const int error = errno;
  const auto code = error == ENOENT ? absl::StatusCode::kNotFound : absl::StatusCode::kUnavailable;
  return base::Failure(code, base::Cat(path, ": cannot ", what, ": ", strerror(error)));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

/// Opens "a/b/c" below `folder` without following a symbolic link anywhere on the way, and without
/// waiting for the other end of a pipe.
Descriptor OpenBeneath(int folder, std::string_view path) {
  constexpr int kFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  Descriptor at(-1);
  for (size_t start = 0;;) {
    const size_t slash = path.find('/', start);
    const bool last = slash == std::string_view::npos;
    const std::string part(path.substr(start, last ? slash : slash - start));
    Descriptor next(
        openat(start == 0 ? folder : at.get(), part.c_str(), last ? kFlags : kFlags | O_DIRECTORY));
    if (last || next.get() < 0) return next;
    at = std::move(next);
    start = slash + 1;
  }
}

/// The first `max_bytes` bytes of the regular file `path` below `folder`. `shown` is its full path.
absl::StatusOr<std::string> ReadBeneath(int folder, std::string_view path, size_t max_bytes,
                                        const std::string& shown) {
  const Descriptor fd = OpenBeneath(folder, path);
  struct stat info;
  if (fd.get() < 0 || fstat(fd.get(), &info) != 0) return SystemError("open", shown);
  if (!S_ISREG(info.st_mode)) {
    return base::Failure(absl::StatusCode::kUnavailable,
                         base::Cat(shown, ": is not a regular file"));
  }
  std::string content(std::min<uint64_t>(static_cast<uint64_t>(info.st_size), max_bytes), '\0');
  size_t filled = 0;
  while (filled < content.size()) {
    const ssize_t got = read(fd.get(), content.data() + filled, content.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return SystemError("read", shown);
    if (got == 0) break;
    filled += static_cast<size_t>(got);
  }
  content.resize(filled);
  return content;
}

/// Compares the files of a folder with those that a log of one size has.
class FolderCheck {
 public:
  FolderCheck(std::string folder, uint64_t size) : folder_(std::move(folder)), size_(size) {}

  absl::StatusOr<std::vector<absl::Status>> Run(int folder) {
    URNA_RETURN_IF_ERROR(Walk(folder, "", 0));
    if (unexpected_ > kMaxListed) {
      faults_.push_back(base::Reject(
          "export.file-unexpected",
          base::Cat(folder_, ": ", unexpected_ - kMaxListed, " more files that do not belong")));
    }
    FindMissing();
    return std::move(faults_);
  }

 private:
  /// `path` is "" or ends in '/'.
  absl::Status Walk(int folder, const std::string& path, int depth) {
    const int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR* const stream = fd < 0 ? nullptr : fdopendir(fd);
    if (stream == nullptr) {
      const absl::Status status = SystemError("list", base::Cat(folder_, "/", path));
      if (fd >= 0) close(fd);
      return status;
    }
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = readdir(stream)) {
      if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
        names.emplace_back(entry->d_name);
      }
    }
    const absl::Status listed =
        errno == 0 ? absl::OkStatus() : SystemError("list", base::Cat(folder_, "/", path));
    closedir(stream);
    URNA_RETURN_IF_ERROR(listed);
    if (names.empty() && !path.empty()) Unexpected(path, "an empty folder");
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) {
      URNA_RETURN_IF_ERROR(Judge(folder, path + name, name, depth));
    }
    return absl::OkStatus();
  }

  absl::Status Judge(int folder, const std::string& path, const std::string& name, int depth) {
    struct stat info;
    if (fstatat(folder, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
      return SystemError("inspect", base::Cat(folder_, "/", path));
    }
    if (S_ISDIR(info.st_mode)) {
      if (depth == kMaxDepth || (depth == 0 && path != "tile")) {
        Unexpected(path, "a folder that does not belong");
        return absl::OkStatus();
      }
      const Descriptor inner = OpenBeneath(folder, name);
      if (inner.get() < 0) return SystemError("open", base::Cat(folder_, "/", path));
      return Walk(inner.get(), path + "/", depth + 1);
    }
    if (!S_ISREG(info.st_mode)) {
      Unexpected(path, S_ISLNK(info.st_mode) ? "a symbolic link" : "not a regular file");
      return absl::OkStatus();
    }
    if (path == kCheckpointName) return absl::OkStatus();
    const auto id = TileId::Parse(path);
    if (id.ok() && IsTileOf(size_, *id)) {
      const size_t slot = id->level == TileId::kEntries ? 0 : 1 + id->level;
      found_[slot].push_back(id->index);
    } else {
      Unexpected(path, base::Cat("does not belong to ", size_, " entries"));
    }
    return absl::OkStatus();
  }

  void Unexpected(const std::string& path, std::string_view why) {
    if (++unexpected_ > kMaxListed) return;
    faults_.push_back(
        base::Reject("export.file-unexpected", base::Cat(folder_, "/", path, ": ", why)));
  }

  /// The size is unverified and may be absurd: this takes as many steps as there are files, and
  /// then only as many as faults may be listed.
  void FindMissing() {
    uint64_t missing = 0;
    uint64_t listed = 0;
    for (size_t slot = 0; slot < kLevelsAndEntries.size(); ++slot) {
      const uint32_t level = kLevelsAndEntries[slot];
      std::vector<uint64_t>& found = found_[slot];
      std::sort(found.begin(), found.end());
      const uint64_t missing_here = TileCount(size_, level) - found.size();
      missing += missing_here;
      auto next = found.begin();
      uint64_t left = missing_here;
      for (uint64_t index = 0; left > 0 && listed < kMaxListed; ++index) {
        if (next != found.end() && *next == index) {
          ++next;
          continue;
        }
        --left;
        ++listed;
        faults_.push_back(base::Reject(
            "export.file-missing",
            base::Cat(folder_, "/", TileAt(size_, level, index).Path(), ": is missing")));
      }
    }
    if (missing > listed) {
      faults_.push_back(
          base::Reject("export.file-missing",
                       base::Cat(folder_, ": ", missing - listed, " more files are missing")));
    }
  }

  const std::string folder_;
  const uint64_t size_;
  std::vector<absl::Status> faults_;
  uint64_t unexpected_ = 0;
  std::array<std::vector<uint64_t>, kLevelsAndEntries.size()> found_;
};

/// Whether an ExportWriter writes such a file, or base::WriteFileAtomic on its way to it.
bool IsWritten(std::string_view path) {
  path = path.substr(0, path.find(".tmp."));
  return path == kCheckpointName || TileId::Parse(path).ok();
}

/// Removes what an interrupted ExportWriter left: tiles that the checkpoint's `size` does not have,
/// unfinished files, empty folders. `begun`: there is a checkpoint.
/// Errors: FailedPrecondition if there is anything that it does not write.
absl::Status RemoveLeftovers(const std::string& folder, bool begun, uint64_t size) {
  namespace fs = std::filesystem;
  std::vector<fs::path> leftovers, folders;
  std::error_code error;
  for (auto it = fs::recursive_directory_iterator(folder, error);
       !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    const std::string path = it->path().lexically_relative(folder).string();
    const fs::file_status status = it->symlink_status(error);
    if (error) break;
    if (fs::is_directory(status) && (path == "tile" || path.starts_with("tile/"))) {
      folders.push_back(it->path());
      continue;
    }
    if (!IsWritten(path) || !fs::is_regular_file(status)) {
      return base::Failure(absl::StatusCode::kFailedPrecondition,
                           base::Cat(folder, "/", path,
                                     ": does not belong into a copy of a ledger; nothing was "
                                     "changed, choose another folder"));
    }
    const auto id = TileId::Parse(path);
    const bool belongs = id.ok() ? begun && IsTileOf(size, *id) : path == kCheckpointName;
    if (!belongs) leftovers.push_back(it->path());
  }
  for (const fs::path& path : leftovers) {
    if (!error) fs::remove(path, error);
  }
  // The deepest first.
  for (auto path = folders.rbegin(); !error && path != folders.rend(); ++path) {
    if (fs::is_empty(*path, error) && !error) fs::remove(*path, error);
  }
  if (!error) return absl::OkStatus();
  return base::Failure(absl::StatusCode::kUnavailable, base::Cat(folder, ": ", error.message()));
}

Hash32 HashAt(std::string_view tile, size_t index) {
  Hash32 hash;
  std::copy_n(tile.begin() + static_cast<ptrdiff_t>(index * hash.size()), hash.size(),
              hash.begin());
  return hash;
}

}  // namespace

namespace {

/// The bundle that an entry was read from last: neighbours are mostly read one after another.
/// Thread-safe.
class BundleCache {
 public:
  /// Entry `index` of bundle `id`, whose entries `read()` gives.
  template <typename Read>
  absl::StatusOr<std::string> Entry(const TileId& id, uint64_t index, Read read) {
    std::lock_guard guard(mutex_);
    if (!id_.has_value() || *id_ != id) {
      id_.reset();
      URNA_ASSIGN_OR_RETURN(entries_, read());
      id_ = id;
    }
    return entries_[index % kTileWidth];
  }

 private:
  std::mutex mutex_;
  std::optional<TileId> id_;
  std::vector<std::string> entries_;
};

}  // namespace

struct ExportWriter::Impl {
  explicit Impl(std::string path, TileEdges edges = {})
      : folder(std::move(path)),
        builder(
            [this](const TileId& id, const std::string& bytes) {
              if (status.ok()) status = Write(id, bytes);
            },
            std::move(edges)),
        finished(builder.size()) {}

  std::string PathOf(const TileId& id) const { return base::Cat(folder, "/", id.Path()); }

  absl::Status Write(const TileId& id, std::string_view content) {
    const std::string path = PathOf(id);
    URNA_RETURN_IF_ERROR(base::MakeFolders(path.substr(0, path.rfind('/'))));
    return base::WriteFileAtomic(path, content);
  }

  /// The entries of the bundle being filled, as a tile.
  TileId LastBundle() const {
    return {TileId::kEntries, (builder.size() - entries.size()) / kTileWidth,
            static_cast<uint32_t>(entries.size())};
  }

  absl::Status WriteBundle() { return Write(LastBundle(), EncodeBundle(entries)); }

  /// Removes the partial tiles of the size that was finished before.
  absl::Status RemoveStale() {
    for (const uint32_t level : kLevelsAndEntries) {
      const uint64_t count = TileCount(finished, level);
      if (count == 0) continue;
      const TileId last = TileAt(finished, level, count - 1);
      if (last.width == kTileWidth || IsTileOf(builder.size(), last)) continue;
      const std::string path = PathOf(last);
      if (unlink(path.c_str()) != 0 && errno != ENOENT) return SystemError("remove", path);
      const std::string parent = path.substr(0, path.rfind('/'));
      if (rmdir(parent.c_str()) != 0 && errno != ENOTEMPTY && errno != EEXIST) {
        return SystemError("remove", parent);
      }
    }
    return absl::OkStatus();
  }

  const std::string folder;
  absl::Status status;  // the first failure: nothing more is written then
  TileBuilder builder;
  std::vector<std::string> entries;  // of the bundle being filled
  uint64_t finished;                 // size of the checkpoint in the folder
  mutable BundleCache last_read;
};

ExportWriter::ExportWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ExportWriter::~ExportWriter() = default;

absl::StatusOr<std::unique_ptr<ExportWriter>> ExportWriter::Create(const std::string& folder) {
  URNA_RETURN_IF_ERROR(base::MakeFolders(folder));
  std::error_code error;
  const bool empty = std::filesystem::is_empty(folder, error);
  if (error) {
    return base::Failure(absl::StatusCode::kUnavailable,
                         base::Cat(folder, ": cannot list: ", error.message()));
  }
  if (!empty) {
    return base::Failure(absl::StatusCode::kAlreadyExists,
                         base::Cat(folder, ": is not empty; export into a new folder"));
  }
  return std::unique_ptr<ExportWriter>(new ExportWriter(std::make_unique<Impl>(folder)));
}

absl::StatusOr<std::unique_ptr<ExportWriter>> ExportWriter::Continue(const std::string& folder) {
  URNA_RETURN_IF_ERROR(base::MakeFolders(folder));
  struct stat info;
  const bool begun = stat(base::Cat(folder, "/", kCheckpointName).c_str(), &info) == 0;
  uint64_t size = 0;
  if (begun) {
    URNA_ASSIGN_OR_RETURN(const auto reader, ExportReader::Open(folder));
    size = reader->checkpoint().size;
  }
  URNA_RETURN_IF_ERROR(RemoveLeftovers(folder, begun, size));
  if (!begun) return Create(folder);
  URNA_ASSIGN_OR_RETURN(const auto reader, ExportReader::Open(folder));
  const auto damaged = [&folder](std::string_view what) {
    return base::Failure(absl::StatusCode::kDataLoss, base::Cat(folder, ": is damaged: ", what));
  };
  if (!reader->file_faults().empty()) {
    return damaged(std::string(reader->file_faults().front().message()));
  }
  std::vector<TileNodes> levels(kLevels);
  for (uint32_t level = 0; level < kLevels; ++level) {
    const uint64_t count = TileCount(size, level);
    if (count == 0) break;
    const TileId last = TileAt(size, level, count - 1);
    if (last.width == kTileWidth) continue;
    URNA_ASSIGN_OR_RETURN(const std::string bytes, reader->ReadTile(last));
    if (bytes.size() != last.width * sizeof(Hash32)) return damaged(last.Path());
    for (uint32_t i = 0; i < last.width; ++i) levels[level].Append(HashAt(bytes, i));
  }
  std::vector<std::string> entries;
  if (size % kTileWidth != 0) {
    const uint64_t last = size / kTileWidth;
    auto bundle = reader->ReadBundle(last);
    // What is carried on into the next bundle is looked at.
    bool sound = bundle.ok();
    for (size_t i = 0; sound && i < bundle->size(); ++i) {
      sound = LeafHash((*bundle)[i]) == levels[0].Node(0, i);
    }
    if (!sound) return damaged(TileAt(size, TileId::kEntries, last).Path());
    entries = *std::move(bundle);
  }
  auto impl = std::make_unique<Impl>(folder, TileEdges(size, std::move(levels)));
  if (impl->builder.Root() != reader->checkpoint().root) {
    return damaged("its tiles do not lead to the root of its checkpoint");
  }
  impl->entries = std::move(entries);
  return std::unique_ptr<ExportWriter>(new ExportWriter(std::move(impl)));
}

absl::Status ExportWriter::Append(std::string_view record_bytes) {
  URNA_RETURN_IF_ERROR(impl_->status);
  if (record_bytes.size() > kMaxRecordBytes) {
    return base::Failure(absl::StatusCode::kInvalidArgument,
                         base::Cat("record ", size(), " has ", record_bytes.size(),
                                   " bytes, at most ", kMaxRecordBytes));
  }
  impl_->entries.emplace_back(record_bytes);
  impl_->builder.Append(LeafHash(record_bytes));
  if (impl_->status.ok() && impl_->entries.size() == kTileWidth) {
    impl_->status = impl_->WriteBundle();
    impl_->entries.clear();
  }
  return impl_->status;
}

uint64_t ExportWriter::size() const { return impl_->builder.size(); }
Hash32 ExportWriter::Root() const { return impl_->builder.Root(); }

absl::StatusOr<std::string> ExportWriter::ReadEntry(uint64_t index) const {
  if (index >= size()) {
    return base::Failure(absl::StatusCode::kNotFound,
                         base::Cat(impl_->folder, ": entry ", index, " of ", size(), " entries"));
  }
  const uint64_t first = size() - impl_->entries.size();
  if (index >= first) return impl_->entries[index - first];
  const TileId id{TileId::kEntries, index / kTileWidth, kTileWidth};
  return impl_->last_read.Entry(id, index, [&]() -> absl::StatusOr<std::vector<std::string>> {
    const std::string path = impl_->PathOf(id);
    URNA_ASSIGN_OR_RETURN(const std::string bytes, base::ReadFile(path, kMaxBundleBytes));
    auto entries = DecodeBundle(bytes, kTileWidth);
    if (!entries.ok()) return base::Annotate(entries.status(), path);
    return entries;
  });
}

absl::Status ExportWriter::Finish(std::string_view checkpoint_note) {
  URNA_RETURN_IF_ERROR(impl_->status);
  const auto write = [&]() -> absl::Status {
    if (!impl_->entries.empty()) URNA_RETURN_IF_ERROR(impl_->WriteBundle());
    for (const auto& [id, bytes] : impl_->builder.Partials()) {
      URNA_RETURN_IF_ERROR(impl_->Write(id, bytes));
    }
    URNA_RETURN_IF_ERROR(
        base::WriteFileAtomic(base::Cat(impl_->folder, "/", kCheckpointName), checkpoint_note));
    return impl_->RemoveStale();
  };
  impl_->status = write();
  if (impl_->status.ok()) impl_->finished = size();
  return impl_->status;
}

absl::Status LinkExport(const std::string& folder, const std::string& copy) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (fs::exists(fs::symlink_status(copy, error))) {
    return base::Failure(absl::StatusCode::kAlreadyExists, base::Cat(copy, ": exists"));
  }
  URNA_RETURN_IF_ERROR(base::MakeFolders(copy));
  std::vector<std::string> folders = {copy};
  for (auto it = fs::recursive_directory_iterator(folder, error);
       !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    const std::string target = base::Cat(copy, "/", it->path().lexically_relative(folder).string());
    if (it->is_directory(error)) {
      folders.push_back(target);
      fs::create_directory(target, error);
    } else if (!error && link(it->path().c_str(), target.c_str()) != 0) {
      return SystemError("link to another folder", it->path().string());
    }
    if (error) break;
  }
  if (error) {
    return base::Failure(error == std::errc::no_such_file_or_directory
                             ? absl::StatusCode::kNotFound
                             : absl::StatusCode::kUnavailable,
                         base::Cat(folder, ": cannot link its files: ", error.message()));
  }
  for (const std::string& made : folders) {
    const Descriptor fd(open(made.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd.get() < 0 || fsync(fd.get()) != 0) return SystemError("sync", made);
  }
  return absl::OkStatus();
}

struct ExportReader::Impl {
  std::string Shown(const TileId& id) const { return base::Cat(folder, "/", id.Path()); }
  absl::StatusOr<std::string> BundleBytes(const TileId& id) const {
    // One byte more than the largest bundle: a larger file then fails to decode.
    const size_t max_bytes = size_t{id.width} * (2 + kMaxRecordBytes) + 1;
    return ReadBeneath(descriptor.get(), id.Path(), max_bytes, Shown(id));
  }

  std::string folder;
  Descriptor descriptor{-1};
  std::string note;
  Checkpoint checkpoint;
  std::vector<absl::Status> faults;
  mutable BundleCache last_read;
};

ExportReader::ExportReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ExportReader::~ExportReader() = default;

absl::StatusOr<std::unique_ptr<ExportReader>> ExportReader::Open(const std::string& folder) {
  auto impl = std::make_unique<Impl>();
  impl->folder = folder;
  impl->descriptor = Descriptor(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (impl->descriptor.get() < 0) return SystemError("open the folder", folder);
  const std::string path = base::Cat(folder, "/", kCheckpointName);
  // One byte more than a note may have: Note::Parse then refuses a file that is larger.
  URNA_ASSIGN_OR_RETURN(impl->note, ReadBeneath(impl->descriptor.get(), kCheckpointName,
                                                kMaxCheckpointBytes + 1, path));
  const auto note = Note::Parse(impl->note);
  if (!note.ok()) return base::Annotate(note.status(), path);
  auto checkpoint = Checkpoint::ParseBody(note->text);
  if (!checkpoint.ok()) return base::Annotate(checkpoint.status(), path);
  impl->checkpoint = *std::move(checkpoint);
  FolderCheck check(folder, impl->checkpoint.size);
  URNA_ASSIGN_OR_RETURN(impl->faults, check.Run(impl->descriptor.get()));
  return std::unique_ptr<ExportReader>(new ExportReader(std::move(impl)));
}

const std::string& ExportReader::note() const { return impl_->note; }
const Checkpoint& ExportReader::checkpoint() const { return impl_->checkpoint; }
const std::vector<absl::Status>& ExportReader::file_faults() const { return impl_->faults; }

uint64_t ExportReader::bundle_count() const {
  return TileCount(impl_->checkpoint.size, TileId::kEntries);
}

absl::StatusOr<std::vector<std::string>> ExportReader::ReadBundle(uint64_t index) const {
  if (index >= bundle_count()) {
    return base::Failure(
        absl::StatusCode::kNotFound,
        base::Cat(impl_->folder, ": bundle ", index, " of ", bundle_count(), " bundles"));
  }
  const TileId id = TileAt(impl_->checkpoint.size, TileId::kEntries, index);
  URNA_ASSIGN_OR_RETURN(const std::string bytes, impl_->BundleBytes(id));
  auto entries = DecodeBundle(bytes, id.width);
  if (!entries.ok()) return base::Annotate(entries.status(), impl_->Shown(id));
  return entries;
}

absl::StatusOr<std::string> ExportReader::ReadEntry(uint64_t index) const {
  if (index >= impl_->checkpoint.size) {
    return base::Failure(
        absl::StatusCode::kNotFound,
        base::Cat(impl_->folder, ": entry ", index, " of ", impl_->checkpoint.size, " entries"));
  }
  const TileId id = TileAt(impl_->checkpoint.size, TileId::kEntries, index / kTileWidth);
  return impl_->last_read.Entry(id, index, [&] { return ReadBundle(index / kTileWidth); });
}

absl::StatusOr<std::string> ExportReader::ReadTile(const TileId& id) const {
  const size_t expected = size_t{id.width} * sizeof(Hash32);
  return ReadBeneath(impl_->descriptor.get(), id.Path(), expected + 1, impl_->Shown(id));
}

absl::StatusOr<std::string> ExportReader::ReadPart(const TileId& id) const {
  const uint64_t size = impl_->checkpoint.size;
  if (!IsWithin(size, id)) {
    return base::Failure(absl::StatusCode::kNotFound,
                         base::Cat(impl_->Shown(id), ": is not of ", size, " entries"));
  }
  if (id.level == TileId::kEntries) {
    URNA_ASSIGN_OR_RETURN(std::vector<std::string> entries, ReadBundle(id.index));
    entries.resize(id.width);
    return EncodeBundle(entries);
  }
  const TileId file = TileAt(size, id.level, id.index);
  URNA_ASSIGN_OR_RETURN(std::string bytes, ReadTile(file));
  const size_t wanted = size_t{id.width} * sizeof(Hash32);
  if (bytes.size() < wanted) {
    return base::Reject("tile.malformed", base::Cat(impl_->Shown(file), ": is too short"));
  }
  bytes.resize(wanted);
  return bytes;
}

absl::StatusOr<Hash32> ExportReader::ReadNode(uint32_t level, uint64_t index) const {
  const uint32_t row = level % 8;
  const uint64_t first = index << row;
  const uint32_t tile_level = level / 8;
  if (first / kTileWidth >= TileCount(impl_->checkpoint.size, tile_level)) {
    return base::Failure(absl::StatusCode::kNotFound,
                         base::Cat(impl_->folder, ": node ", index, " at level ", level));
  }
  const TileId id = TileAt(impl_->checkpoint.size, tile_level, first / kTileWidth);
  URNA_ASSIGN_OR_RETURN(const std::string bytes, ReadTile(id));
  const size_t offset = first % kTileWidth;
  const size_t count = size_t{1} << row;
  if (bytes.size() < (offset + count) * sizeof(Hash32)) {
    return base::Reject("tile.malformed", base::Cat(impl_->Shown(id), ": is too short"));
  }
  TileNodes nodes;
  for (size_t i = 0; i < count; ++i) nodes.Append(HashAt(bytes, offset + i));
  return nodes.Node(row, 0);
}

}  // namespace urna::ledger
