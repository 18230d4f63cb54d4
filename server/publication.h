#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "crypto/hash.h"

namespace urna::server {

/// What was shown last of a poll that publishes by the clock. It is stored before it is shown:
/// after a restart the server neither shows ballots before their time nor goes back behind what
/// readers, mirrors and witnesses have seen.
struct Publication {
  uint64_t period = 0;  ///< floor(time / publish_every)
  std::string note;     ///< the signed checkpoint
};

/// After OK it survives a crash. Errors: those of WriteFileAtomic.
absl::Status StorePublication(const std::string& folder, const crypto::Hash32& poll,
                              const Publication& publication);
/// Nothing if none was stored, or it cannot be read.
std::optional<Publication> ReadPublication(const std::string& folder, const crypto::Hash32& poll);

}  // namespace urna::server
