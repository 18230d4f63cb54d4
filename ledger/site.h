#pragma once

#include <optional>
#include <string_view>

#include "crypto/hash.h"

namespace urna::ledger {

using crypto::Hash32;

/// Ledgers over HTTP, as C2SP tlog-tiles: what all who serve them have in common.
/// docs/protocol.md, "Reading over HTTP".

/// Of a tile or bundle: it says the same for ever.
inline constexpr std::string_view kCacheForEver = "public, max-age=31536000, immutable";
/// Of a checkpoint or a list: it may be another one at any moment.
inline constexpr std::string_view kCacheNever = "no-cache";

struct SitePath {
  Hash32 poll{};
  std::string_view file;  ///< "checkpoint", "tile/..", or what is nothing; views into the path
};
/// "/<poll id>/<file>"; nothing for every other path. The id is in lower case only.
std::optional<SitePath> ParseSitePath(std::string_view path);

}  // namespace urna::ledger
