#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
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
  uint32_t level = 0;  ///< 0..63, or kEntries
  uint64_t index = 0;
  uint32_t width = kTileWidth;  ///< 1..256; below 256 the tile is partial

  bool operator==(const TileId&) const = default;
  std::string Path() const;
  /// Strict; nullopt-like error Reject("tile.path") for anything Path would not write.
  static absl::StatusOr<TileId> Parse(std::string_view path);
};

/// Every tile and bundle of a log of `size` entries, bundles first, in order of level and index.
/// Full tiles, and the one partial tile per level where there is one. For sizes whose list fits in
/// memory; an unverified size goes through IsTileOf and TileCount.
std::vector<TileId> TilesOf(uint64_t size);
/// True iff TilesOf(size) holds `id`.
bool IsTileOf(uint64_t size, const TileId& id);
/// True iff a log of `size` entries has all the hashes (or entries) that `id` speaks of, so also
/// for partial tiles that are narrower than its own.
bool IsWithin(uint64_t size, const TileId& id);
/// How many tiles TilesOf(size) holds at `level` (or kEntries). Their indices are 0 .. count - 1.
uint64_t TileCount(uint64_t size, uint32_t level);
/// Tile `index` of `level` in a log of `size` entries. Precondition: index < TileCount.
TileId TileAt(uint64_t size, uint32_t level, uint64_t index);

/// u16be length || entry, repeated. Precondition: each entry at most 65,535 bytes.
std::string EncodeBundle(const std::vector<std::string>& entries);
/// Exactly `width` entries and nothing after. Errors: Reject("bundle.malformed").
absl::StatusOr<std::vector<std::string>> DecodeBundle(std::string_view bytes, uint32_t width);
/// The same as views into `bytes`.
absl::StatusOr<std::vector<std::string_view>> ViewBundle(std::string_view bytes, uint32_t width);

/// The hashes of one tile while it fills, with every complete subtree above them, so that any
/// node inside costs nothing to look up.
class TileNodes {
 public:
  /// Precondition: size() < kTileWidth.
  void Append(const Hash32& hash);
  size_t size() const { return rows_[0].size(); }
  /// MTH of hashes index * 2^row .. (index + 1) * 2^row - 1 of this tile, row 0..8.
  /// Precondition: all of them are there.
  const Hash32& Node(uint32_t row, uint64_t index) const { return rows_[row][index]; }
  /// The tile's file content: 32 bytes per hash.
  std::string Bytes() const;

 private:
  std::array<std::vector<Hash32>, 9> rows_;
};

/// The tiles at the right edge of a tree, one per level: all that appending and proofs at the edge
/// need. A copy is a snapshot.
class TileEdges {
 public:
  using Emit = std::function<void(const TileId&, const std::string&)>;

  TileEdges() = default;
  /// The edges of a log of `size` entries, read back from storage: `levels[L]` holds the
  /// `size / 256^L mod 256` hashes of level L's partial tile. Precondition: just so.
  TileEdges(uint64_t size, std::vector<TileNodes> levels);

  /// Calls `emit` for each tile that becomes full (8,192 bytes).
  void Append(const Hash32& leaf, const Emit& emit);
  uint64_t size() const { return size_; }
  Hash32 Root() const;
  const std::vector<TileNodes>& levels() const { return levels_; }

 private:
  uint64_t size_ = 0;
  std::vector<TileNodes> levels_;
};

/// Grows tiles as leaves arrive: emits every full hash tile once, keeps the partial edges.
class TileBuilder {
 public:
  /// `emit(id, bytes)` for each tile that becomes full (8,192 bytes).
  explicit TileBuilder(TileEdges::Emit emit, TileEdges edges = {});
  void Append(const Hash32& leaf);
  uint64_t size() const { return edges_.size(); }
  Hash32 Root() const { return edges_.Root(); }
  /// The partial tiles at the present size, lowest level first; levels without one are left out.
  std::vector<std::pair<TileId, std::string>> Partials() const;

 private:
  TileEdges::Emit emit_;
  TileEdges edges_;
};

}  // namespace urna::ledger
