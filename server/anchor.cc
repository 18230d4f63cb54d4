#include "server/anchor.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "base/codec.h"
#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "server/poll_files.h"

namespace urna::server {
namespace {

constexpr std::string_view kMagic = "urna-anchor/1\n";
constexpr size_t kMaxText = 1 << 16;
constexpr size_t kRewriteAt = 1 << 18;

absl::Status SystemError(std::string_view what, const std::string& path) {
  const auto code =
      errno == ENOSPC ? absl::StatusCode::kResourceExhausted : absl::StatusCode::kUnavailable;
  return base::Failure(code, base::Cat(path, ": cannot ", what, ": ", strerror(errno)));
}

std::string Framed(std::string_view text) {
  base::Writer w;
  w.Frame(text).Raw(crypto::HashSha256(text));
  return w.Take();
}

/// The text of the frame that `bytes` begins with, and takes it off; nothing if it is not whole.
std::optional<std::string_view> TakeFrame(std::string_view& bytes) {
  base::Reader reader(bytes);
  const std::string_view text = reader.Frame(kMaxText);
  const auto hash = reader.Fixed<32>();
  if (!reader.ok() || hash != crypto::HashSha256(text)) return std::nullopt;
  bytes.remove_prefix(bytes.size() - reader.remaining());
  return text;
}

}  // namespace

std::string AnchorPath(const std::string& folder, const crypto::Hash32& poll) {
  return base::Cat(folder, "/", base::Hex(poll), kAnchorSuffix);
}

std::string IssuerAnchorPath(const std::string& folder, uint64_t issuer) {
  return base::Cat(folder, "/issuer-", issuer, ".anchor");
}

absl::StatusOr<AnchorContent> ReadAnchor(const std::string& path) {
  URNA_ASSIGN_OR_RETURN(const std::string content, base::ReadFile(path));
  if (!content.starts_with(kMagic)) {
    return base::Failure(absl::StatusCode::kDataLoss, base::Cat(path, ": is not an anchor file"));
  }
  AnchorContent anchor;
  std::string_view rest = std::string_view(content).substr(kMagic.size());
  while (const auto text = TakeFrame(rest)) anchor.newest = std::string(*text);
  if (rest.empty()) return anchor;
  anchor.end = content.size() - rest.size();
  while (!rest.empty()) {
    rest.remove_prefix(1);
    while (const auto text = TakeFrame(rest)) {
      anchor.newest = std::string(*text);
      anchor.damaged = true;
    }
  }
  return anchor;
}

absl::StatusOr<std::unique_ptr<AnchorFile>> AnchorFile::Open(const std::string& path) {
  std::unique_ptr<AnchorFile> anchor(new AnchorFile(path));
  const auto content = ReadAnchor(path);
  if (content.ok()) {
    if (content->damaged) {
      return base::Failure(
          absl::StatusCode::kDataLoss,
          base::Cat(path, ": is damaged at byte ", *content->end,
                    ", and whole entries follow: this file no longer tells what was signed last"));
    }
    anchor->newest_ = content->newest;
  } else if (!absl::IsNotFound(content.status())) {
    return content.status();
  }
  // What an earlier process failed to sync can be read all the same, until the machine stops. So
  // what is relied on from here on is written anew. tests/model, TrustTheAnchorAsRead.
  std::string kept(kMagic);
  if (!anchor->newest_.empty()) kept += Framed(anchor->newest_);
  URNA_RETURN_IF_ERROR(base::WriteFileAtomic(path, kept, 0600));
  anchor->size_ = kept.size();
  URNA_RETURN_IF_ERROR(anchor->OpenForAppending());
  return anchor;
}

AnchorFile::~AnchorFile() {
  if (fd_ >= 0) close(fd_);
}

absl::Status AnchorFile::OpenForAppending() {
  if (fd_ >= 0) close(fd_);
  fd_ = open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  return fd_ < 0 ? SystemError("open", path_) : absl::OkStatus();
}

absl::Status AnchorFile::CheckUntouched() const {
  struct stat ours, named;
  if (fstat(fd_, &ours) != 0) return SystemError("inspect", path_);
  std::string_view what;
  if (stat(path_.c_str(), &named) != 0) {
    if (errno != ENOENT) return SystemError("inspect", path_);
    what = "is gone";
  } else if (named.st_dev != ours.st_dev || named.st_ino != ours.st_ino) {
    what = "was replaced";
  } else if (static_cast<uint64_t>(named.st_size) != size_) {
    what = "was written to";
  } else {
    return absl::OkStatus();
  }
  return base::Failure(
      absl::StatusCode::kFailedPrecondition,
      base::Cat(
          path_, ": ", what,
          " by somebody else while this server runs: a second server with the same keys would "
          "sign a second history; find out who it is before this one is started again"));
}

absl::Status AnchorFile::Append(std::string_view text) {
  URNA_RETURN_IF_ERROR(CheckUntouched());
  const std::string frame = Framed(text);
  if (size_ + frame.size() > kRewriteAt) {
    const std::string content = base::Cat(kMagic, frame);
    URNA_RETURN_IF_ERROR(base::WriteFileAtomic(path_, content, 0600));
    URNA_RETURN_IF_ERROR(OpenForAppending());
    size_ = content.size();
  } else {
    std::string_view rest = frame;
    while (!rest.empty()) {
      const ssize_t written = write(fd_, rest.data(), rest.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return SystemError("write", path_);
      rest.remove_prefix(static_cast<size_t>(written));
    }
    if (fdatasync(fd_) != 0) return SystemError("sync", path_);
    size_ += frame.size();
    // Somebody who appended at the same time.
    URNA_RETURN_IF_ERROR(CheckUntouched());
  }
  newest_ = std::string(text);
  return absl::OkStatus();
}

}  // namespace urna::server
