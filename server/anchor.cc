#include "server/anchor.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/codec.h"
#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "crypto/hash.h"

namespace urna::server {
namespace {

constexpr std::string_view kMagic = "urna-anchor/1\n";
constexpr size_t kMaxText = 1 << 16;
constexpr size_t kRewriteAt = 1 << 18;

absl::Status SystemError(std::string_view what, const std::string& path) {
  return base::Failure(absl::StatusCode::kUnavailable,
                       base::Cat(path, ": cannot ", what, ": ", strerror(errno)));
}

std::string Framed(std::string_view text) {
  base::Writer w;
  w.Frame(text).Raw(crypto::HashSha256(text));
  return w.Take();
}

}  // namespace

absl::StatusOr<std::unique_ptr<AnchorFile>> AnchorFile::Open(const std::string& path) {
  std::unique_ptr<AnchorFile> anchor(new AnchorFile(path));
  auto content = base::ReadFile(path);
  if (absl::IsNotFound(content.status())) {
    URNA_RETURN_IF_ERROR(base::WriteFileAtomic(path, kMagic, 0600));
    content = std::string(kMagic);
  }
  URNA_RETURN_IF_ERROR(content.status());
  if (!content->starts_with(kMagic)) {
    return base::Failure(absl::StatusCode::kDataLoss, base::Cat(path, ": is not an anchor file"));
  }
  base::Reader reader(std::string_view(*content).substr(kMagic.size()));
  size_t whole = kMagic.size();
  while (reader.remaining() > 0) {
    const std::string_view text = reader.Frame(kMaxText);
    const auto hash = reader.Fixed<32>();
    if (!reader.ok() || hash != crypto::HashSha256(text)) break;
    anchor->newest_ = std::string(text);
    whole = content->size() - reader.remaining();
  }
  if (whole < content->size()) {
    URNA_RETURN_IF_ERROR(
        base::WriteFileAtomic(path, std::string_view(*content).substr(0, whole), 0600));
  }
  anchor->size_ = whole;
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

absl::Status AnchorFile::Append(std::string_view text) {
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
  }
  newest_ = std::string(text);
  return absl::OkStatus();
}

}  // namespace urna::server
