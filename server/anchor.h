#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/hash.h"

namespace urna::server {

/// Where the anchor of a poll is.
std::string AnchorPath(const std::string& folder, const crypto::Hash32& poll);
/// Where the anchor of an issuer's answers is.
std::string IssuerAnchorPath(const std::string& folder, uint64_t issuer);

/// What an anchor file says, read without touching it.
struct AnchorContent {
  std::string newest;  ///< "" when nothing was written yet
  /// Where the bytes begin that are not as written. Only the last write can be torn: where whole
  /// entries follow, something else happened to the file, and what is newest in it is not known.
  std::optional<uint64_t> end;
  bool damaged = false;  ///< whole entries follow `end`
};
/// Errors: NotFound; Unavailable; DataLoss if it is not an anchor file at all.
absl::StatusOr<AnchorContent> ReadAnchor(const std::string& path);

/// The newest of a row of short texts, durable and outside of the database that it vouches for. No
/// database notices that it was cut at a record boundary or restored from an old backup; whoever
/// opens one compares it with its anchor. Best kept on another file system.
///
/// The file is appended to, and rewritten now and then and when it is opened; a torn end is the
/// write that was never acknowledged and is cut off. Not for several threads at once.
class AnchorFile {
 public:
  /// Opens or creates. Errors: those of the file system, naming the path; DataLoss if the file is
  /// not an anchor at all, or damaged before its end.
  static absl::StatusOr<std::unique_ptr<AnchorFile>> Open(const std::string& path);
  ~AnchorFile();
  AnchorFile(const AnchorFile&) = delete;
  AnchorFile& operator=(const AnchorFile&) = delete;

  /// "" when nothing was written yet.
  const std::string& newest() const { return newest_; }
  /// After OK `text` survives a crash. After an error the process must stop: whether it is there is
  /// unknown; or, FailedPrecondition, the file is not as this object left it, so that somebody else
  /// writes or replaces anchors here.
  absl::Status Append(std::string_view text);

 private:
  explicit AnchorFile(std::string path) : path_(std::move(path)) {}
  absl::Status OpenForAppending();
  /// OK if `path_` is the open file and has the size that this object gave it.
  absl::Status CheckUntouched() const;

  const std::string path_;
  int fd_ = -1;
  size_t size_ = 0;
  std::string newest_;
};

}  // namespace urna::server
