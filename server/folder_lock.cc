#include "server/folder_lock.h"

#include <utility>

#include "base/status.h"
#include "base/text.h"

namespace urna::server {

absl::StatusOr<base::FileLock> LockFolder(const std::string& folder, std::string_view name) {
  auto lock = base::FileLock::Acquire(base::Cat(folder, "/", name));
  if (!absl::IsFailedPrecondition(lock.status())) return lock;
  const absl::string_view held = lock.status().message();
  return base::Failure(
      absl::StatusCode::kFailedPrecondition,
      base::Cat(std::string_view(held.data(), held.size()),
                ": another server, or a tool, works on this folder; two at a time would sign two "
                "histories with one key. Stop the other one first"));
}

}  // namespace urna::server
