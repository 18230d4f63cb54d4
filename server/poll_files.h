#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "crypto/hash.h"

namespace urna::server {

inline constexpr std::string_view kAnchorSuffix = ".anchor";
inline constexpr std::string_view kPublishedSuffix = ".published";

/// A file that is named after a poll: "<poll id>SUFFIX".
struct PollFile {
  std::string path;
  crypto::Hash32 poll{};
};
/// All of a folder with this suffix, ascending by path.
/// Errors: NotFound if there is no such folder; Unavailable, naming it.
absl::StatusOr<std::vector<PollFile>> PollFiles(const std::string& folder,
                                                std::string_view suffix);

}  // namespace urna::server
