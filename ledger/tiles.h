#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "crypto/hash.h"

namespace urna::ledger {

using crypto::Hash32;

/// C2SP tlog-tiles geometry: tiles of 256 hashes, entry bundles of 256 entries.
inline constexpr uint32_t kTileWidth = 256;

/// "tile/<L>/<N>[.p/<W>]" or "tile/entries/<N>[.p/<W>]".
struct TileId {
  static constexpr uint32_t kEntries = 0xffffffff;
  uint32_t level = 0;   ///< 0..63, or kEntries
  uint64_t index = 0;
  uint32_t width = kTileWidth;  ///< 1..256; below 256 the tile is partial

  bool operator==(const TileId&) const = default;
  std::string Path() const;
  /// Strict; nullopt-like error Reject("tile.path") for anything Path would not write.
  static absl::StatusOr<TileId> Parse(std::string_view path);
};

/// Every tile and bundle of a log of `size` entries, bundles first, in order of level and index.
/// Full tiles, and the one partial tile per level where there is one.
std::vector<TileId> TilesOf(uint64_t size);

/// u16be length || entry, repeated. Precondition: each entry at most 65,535 bytes.
std::string EncodeBundle(const std::vector<std::string>& entries);
/// Exactly `width` entries and nothing after. Errors: Reject("bundle.malformed").
absl::StatusOr<std::vector<std::string>> DecodeBundle(std::string_view bytes, uint32_t width);

/// Grows tiles as leaves arrive: emits every full hash tile once, keeps the partial edges.
class TileBuilder {
 public:
  /// `emit(id, bytes)` for each tile that becomes full (8,192 bytes).
  explicit TileBuilder(std::function<void(const TileId&, const std::string&)> emit);
  void Append(const Hash32& leaf);
  uint64_t size() const { return size_; }
  Hash32 Root() const;
  /// The partial tiles at the present size, lowest level first; levels without one are left out.
  std::vector<std::pair<TileId, std::string>> Partials() const;

 private:
  std::function<void(const TileId&, const std::string&)> emit_;
  uint64_t size_ = 0;
  std::vector<std::string> edges_;  // by level: the hashes of the tile being filled
};

}  // namespace urna::ledger
