#include "server/disk_watch.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <limits>
#include <utility>

#include "base/status.h"
#include "base/text.h"
#include "server/limits.h"

namespace urna::server {
namespace {

using base::Cat;
using base::Failure;

constexpr uint64_t kMiB = uint64_t{1} << 20;
// Of one byte of a record: in the write-ahead log, in a table, and while tables are merged.
constexpr uint64_t kCopies = 3;
// Anchors are a few hundred KiB for each poll, and rewritten now and then.
constexpr uint64_t kAnchorShare = 16;
// What has been refused is taken again when there is an eighth more than what it needs, so that a
// disk at its floor does not change its mind at every ballot.
constexpr uint64_t kMargin = 8;
constexpr auto kComeBack = std::chrono::seconds(30);

absl::Status SystemError(const std::string& path, std::string_view what) {
  const auto code =
      errno == ENOSPC ? absl::StatusCode::kResourceExhausted : absl::StatusCode::kUnavailable;
  return Failure(code, Cat(path, ": cannot ", what, ": ", std::strerror(errno)));
}

std::string InMiB(uint64_t bytes) { return Cat(bytes / kMiB, " MiB"); }

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

}  // namespace

std::string BallastPath(const std::string& data) { return Cat(data, "/ballast"); }

DiskWatch::Use DiskWatch::UseOf(poll::RecordKind kind) {
  using poll::RecordKind;
  const bool takes = kind == RecordKind::kDefined || kind == RecordKind::kDefinitionPart ||
                     kind == RecordKind::kRollPart || kind == RecordKind::kRollSealed ||
                     kind == RecordKind::kBallotCast;
  return takes ? Use::kTake : Use::kFinish;
}

absl::StatusOr<uint64_t> DiskWatch::FreeSpaceOf(const std::string& folder) {
  struct statvfs info;
  std::filesystem::path path = folder;
  while (statvfs(path.empty() ? "." : path.c_str(), &info) != 0) {
    if (errno != ENOENT || path.empty() || path == path.parent_path()) {
      return SystemError(path.string(), "measure the free space");
    }
    path = path.parent_path();
  }
  // Where no file can be made, free bytes are of no use.
  if (info.f_files > 0 && info.f_favail == 0) return 0;
  return static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
}

DiskWatch::DiskWatch(Options options, Log& log, std::function<void()> changed)
    : options_(std::move(options)),
      log_(log),
      changed_(std::move(changed)),
      free_(std::numeric_limits<uint64_t>::max()) {
  places_[0] = {.what = "the data", .folder = options_.data, .floor = options_.floor};
  places_[1] = {
      .what = "the anchors", .folder = options_.anchor, .floor = options_.floor / kAnchorShare};
  places_[2] = {.what = "RocksDB's log",
                .folder = options_.rocksdb_log,
                .floor = options_.floor / kAnchorShare,
                .needed = false};
  MeasureAll();
}

absl::Status DiskWatch::Admit(Use use, uint64_t bytes) const {
  const Level level = level_;
  const uint64_t floor = use == Use::kTake ? options_.floor : options_.floor / 2;
  bool room = level == Level::kRoom || (level == Level::kLow && use == Use::kFinish);
  if (floor > 0 && free_ < floor + kCopies * bytes) room = false;
  if (room) return absl::OkStatus();
  return TryLater(
      "the server's disk is nearly full; what was acknowledged is safe, but nothing more is taken "
      "until its operator has made room",
      kComeBack);
}

void DiskWatch::Measure() {
  if (MeasureAll()) changed_();
}

bool DiskWatch::MeasureAll() {
  std::lock_guard guard(mutex_);
  const bool before = taking();
  Level level = Level::kRoom;
  for (Place& place : places_) {
    MeasurePlace(place);
    if (place.needed) level = std::max(level, place.level);
  }
  level_ = level;
  return before != taking();
}

void DiskWatch::MeasurePlace(Place& place) {
  const auto measured = options_.free_space(place.folder);
  const std::string complaint = measured.ok() ? "" : measured.status().ToString();
  if (complaint != place.complaint) {
    place.complaint = complaint;
    if (!complaint.empty()) log_.Line(complaint);
  }
  if (!measured.ok()) return;
  const uint64_t free = *measured;
  if (&place == &places_[0]) free_ = free;
  const auto below = [&](Level level, uint64_t limit) {
    return free < (place.level >= level ? limit + limit / kMargin : limit);
  };
  const Level level = below(Level::kFull, place.floor / 2) ? Level::kFull
                      : below(Level::kLow, place.floor)    ? Level::kLow
                                                           : Level::kRoom;
  if (level == place.level) return;
  place.level = level;
  std::string line = Cat("disk: ", place.folder, " (", place.what, ") has ", InMiB(free), " free");
  if (level == Level::kRoom) {
    line += " again";
  } else if (!place.needed) {
    line += ": that log may lack lines, nothing else depends on it";
  } else if (level == Level::kLow) {
    line += Cat(", less than the ", InMiB(place.floor),
                " that the setting disk-floor demands: no ballots, tokens, new polls and rolls are "
                "taken until there is room; what running polls need goes on until half of it is "
                "left. See \"The disk fills up\" in the guide for operators");
  } else {
    line += Cat(", less than half of the ", InMiB(place.floor),
                " that the setting disk-floor demands: no record is taken until there is room; "
                "reading goes on. See \"The disk fills up\" in the guide for operators");
  }
  log_.Line(line);
}

void DiskWatch::KeepBallast() {
  const std::string path = BallastPath(options_.data);
  struct stat info {};
  const bool there = stat(path.c_str(), &info) == 0;
  // Not the size: a copy of the folder may hold a ballast of nothing but holes.
  const uint64_t allocated = static_cast<uint64_t>(info.st_blocks) * 512;
  std::string complaint;
  if (options_.ballast == 0) {
    if (there && unlink(path.c_str()) != 0) complaint = SystemError(path, "delete").ToString();
  } else if (allocated < options_.ballast) {
    const uint64_t wanted = options_.floor + options_.floor / kMargin + options_.ballast;
    if (free_ + allocated < wanted) {
      complaint =
          Cat(path, ": is made when ", InMiB(wanted), " are free, so much does it take and ",
              "leave; until then there is nothing to delete if the disk is full");
    } else {
      const absl::Status made = MakeBallast(allocated);
      if (!made.ok()) complaint = made.ToString();
      if (made.ok()) log_.Line(Cat(path, ": ", InMiB(options_.ballast), " are kept"));
    }
  } else if (static_cast<uint64_t>(info.st_size) > options_.ballast) {
    if (truncate(path.c_str(), static_cast<off_t>(options_.ballast)) != 0) {
      complaint = SystemError(path, "shorten").ToString();
    }
  }
  if (!complaint.empty() && complaint != ballast_complaint_) log_.Line(complaint);
  ballast_complaint_ = complaint;
}

absl::Status DiskWatch::MakeBallast(uint64_t allocated) const {
  const std::string path = BallastPath(options_.data);
  const Descriptor fd(open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (fd.get() < 0) return SystemError(path, "create");
  const auto size = static_cast<off_t>(options_.ballast);
  // Not posix_fallocate, which writes where a file system cannot reserve.
  if (fallocate(fd.get(), 0, 0, size) == 0 && ftruncate(fd.get(), size) == 0 &&
      fsync(fd.get()) == 0) {
    return absl::OkStatus();
  }
  const absl::Status status = SystemError(path, "reserve space");
  if (allocated == 0) unlink(path.c_str());
  return status;
}

std::string DiskWatch::Advice(const absl::Status& status) const {
  const std::string_view message(status.message().data(), status.message().size());
  if (!absl::IsResourceExhausted(status) ||
      message.find(std::strerror(ENOSPC)) == std::string_view::npos) {
    return "";
  }
  const std::string path = BallastPath(options_.data);
  struct stat info {};
  const bool there = stat(path.c_str(), &info) == 0;
  return Cat("The disk is full. What was acknowledged is on it, and safe. ",
             there ? Cat("A file is kept for this, delete it:\n  rm ", path, "\nThen start the ")
                   : Cat("There is no ballast left to delete (", path,
                         "): make room in another way, for example by enlarging the file system. ",
                         "Delete nothing else in ", options_.data, ". Then start the "),
             "server, and make more room while it runs.");
}

}  // namespace urna::server
