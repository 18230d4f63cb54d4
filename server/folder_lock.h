#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/file.h"

namespace urna::server {

/// Names of the files that are locked, each in its folder.
inline constexpr std::string_view kDataLock = "server.lock";
inline constexpr std::string_view kAnchorLock = "anchor.lock";
inline constexpr std::string_view kIssuerLock = "issuer.lock";

/// Keeps every other server, and every tool that changes what a server keeps, out of a folder for
/// as long as the object lives: two that wrote with the same keys would sign two histories. A lock
/// ends with its process, however that ends. `name`: one of the above. Errors: FailedPrecondition,
/// naming the process that holds it; NotFound, Unavailable.
absl::StatusOr<base::FileLock> LockFolder(const std::string& folder, std::string_view name);

}  // namespace urna::server
