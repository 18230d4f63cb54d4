#include "ledger/tiles.h"

#include <optional>

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"
#include "ledger/merkle.h"

namespace urna::ledger {
namespace {

constexpr uint32_t kMaxLevel = 63;
/// 256^8 entries are more than a 64-bit size counts.
constexpr uint32_t kLevels = 8;

/// Hashes (or, for kEntries, entries) that a log of `size` entries has at `level`.
uint64_t HashesAt(uint64_t size, uint32_t level) {
  if (level == TileId::kEntries) return size;
  return level < kLevels ? size >> (8 * level) : 0;
}

/// "x001/x234/067".
std::string GroupsOf(uint64_t index) {
  std::string out;
  for (bool last = true; last || index > 0; last = false, index /= 1000) {
    std::string group = std::to_string(index % 1000);
    group.insert(0, 3 - group.size(), '0');
    out = last ? group : base::Cat("x", group, "/", out);
  }
  return out;
}

/// Adds a group's digits to `index`; false if they are not three or the number is too large.
bool AddGroup(std::string_view group, uint64_t& index) {
  if (group.size() != 3) return false;
  for (const char c : group) {
    if (c < '0' || c > '9') return false;
    if (__builtin_mul_overflow(index, uint64_t{10}, &index)) return false;
    if (__builtin_add_overflow(index, static_cast<uint64_t>(c - '0'), &index)) return false;
  }
  return true;
}

/// Reads what `TileId::Path` writes, and some forms that it would not write.
bool ParseLoosely(std::string_view path, TileId& id) {
  std::vector<std::string_view> parts = base::Split(path, '/');
  if (parts.size() < 3 || parts[0] != "tile") return false;
  uint64_t number = 0;
  if (parts[1] == "entries") {
    id.level = TileId::kEntries;
  } else if (base::ParseU64(parts[1], &number) && number <= kMaxLevel) {
    id.level = static_cast<uint32_t>(number);
  } else {
    return false;
  }
  id.width = kTileWidth;
  if (parts.size() > 3 && parts[parts.size() - 2].ends_with(".p")) {
    if (!base::ParseU64(parts.back(), &number) || number == 0 || number >= kTileWidth) return false;
    id.width = static_cast<uint32_t>(number);
    parts.pop_back();
    parts.back().remove_suffix(2);
  }
  id.index = 0;
  for (size_t i = 2; i < parts.size(); ++i) {
    std::string_view group = parts[i];
    if (i + 1 < parts.size()) {
      if (!group.starts_with('x')) return false;
      group.remove_prefix(1);
    }
    if (!AddGroup(group, id.index)) return false;
  }
  return true;
}

}  // namespace

std::string TileId::Path() const {
  std::string out = "tile/";
  out += level == kEntries ? "entries" : std::to_string(level);
  out += base::Cat("/", GroupsOf(index));
  if (width != kTileWidth) out += base::Cat(".p/", width);
  return out;
}

absl::StatusOr<TileId> TileId::Parse(std::string_view path) {
  TileId id;
  if (!ParseLoosely(path, id) || id.Path() != path) {
    return base::Reject("tile.path", base::Cat("not the path of a tile: ", path));
  }
  return id;
}

uint64_t TileCount(uint64_t size, uint32_t level) {
  const uint64_t hashes = HashesAt(size, level);
  return hashes / kTileWidth + (hashes % kTileWidth == 0 ? 0 : 1);
}

TileId TileAt(uint64_t size, uint32_t level, uint64_t index) {
  const uint64_t hashes = HashesAt(size, level);
  const bool full = index < hashes / kTileWidth;
  return TileId{level, index, full ? kTileWidth : static_cast<uint32_t>(hashes % kTileWidth)};
}

bool IsTileOf(uint64_t size, const TileId& id) {
  return id.index < TileCount(size, id.level) && TileAt(size, id.level, id.index) == id;
}

bool IsWithin(uint64_t size, const TileId& id) {
  const uint64_t hashes = HashesAt(size, id.level);
  return id.index <= hashes / kTileWidth && id.width <= hashes - id.index * kTileWidth;
}

std::vector<TileId> TilesOf(uint64_t size) {
  std::vector<TileId> tiles;
  const auto add_level = [&](uint32_t level) {
    const uint64_t count = TileCount(size, level);
    for (uint64_t i = 0; i < count; ++i) tiles.push_back(TileAt(size, level, i));
  };
  add_level(TileId::kEntries);
  for (uint32_t level = 0; level < kLevels; ++level) add_level(level);
  return tiles;
}

std::string EncodeBundle(const std::vector<std::string>& entries) {
  std::string out;
  for (const std::string& entry : entries) {
    out.push_back(static_cast<char>(entry.size() >> 8 & 0xff));
    out.push_back(static_cast<char>(entry.size() & 0xff));
    out += entry;
  }
  return out;
}

absl::StatusOr<std::vector<std::string_view>> ViewBundle(std::string_view bytes, uint32_t width) {
  constexpr std::string_view kId = "bundle.malformed";
  std::vector<std::string_view> entries;
  for (uint32_t i = 0; i < width; ++i) {
    if (bytes.size() < 2) return base::Reject(kId, base::Cat("entry ", i, " is missing"));
    const size_t length = static_cast<size_t>(base::Data(bytes)[0]) << 8 | base::Data(bytes)[1];
    bytes.remove_prefix(2);
    if (bytes.size() < length) return base::Reject(kId, base::Cat("entry ", i, " is cut short"));
    entries.push_back(bytes.substr(0, length));
    bytes.remove_prefix(length);
  }
  if (!bytes.empty()) {
    return base::Reject(kId,
                        base::Cat(bytes.size(), " bytes follow the last of ", width, " entries"));
  }
  return entries;
}

absl::StatusOr<std::vector<std::string>> DecodeBundle(std::string_view bytes, uint32_t width) {
  URNA_ASSIGN_OR_RETURN(const std::vector<std::string_view> entries, ViewBundle(bytes, width));
  return std::vector<std::string>(entries.begin(), entries.end());
}

void TileNodes::Append(const Hash32& hash) {
  rows_[0].push_back(hash);
  for (size_t row = 0; rows_[row].size() % 2 == 0; ++row) {
    const std::vector<Hash32>& below = rows_[row];
    rows_[row + 1].push_back(NodeHash(below[below.size() - 2], below.back()));
  }
}

std::string TileNodes::Bytes() const {
  std::string out;
  out.reserve(rows_[0].size() * sizeof(Hash32));
  for (const Hash32& hash : rows_[0]) out += base::View(hash);
  return out;
}

TileEdges::TileEdges(uint64_t size, std::vector<TileNodes> levels)
    : size_(size), levels_(std::move(levels)) {}

void TileEdges::Append(const Hash32& leaf, const Emit& emit) {
  Hash32 hash = leaf;
  uint64_t count = ++size_;  // hashes at the level reached, with this one
  for (uint32_t level = 0;; ++level) {
    if (levels_.size() == level) levels_.emplace_back();
    TileNodes& edge = levels_[level];
    edge.Append(hash);
    if (edge.size() < kTileWidth) return;
    count /= kTileWidth;
    emit(TileId{level, count - 1, kTileWidth}, edge.Bytes());
    hash = edge.Node(8, 0);
    edge = TileNodes();
  }
}

Hash32 TileEdges::Root() const {
  std::optional<Hash32> root;
  for (const TileNodes& edge : levels_) {
    for (uint32_t row = 0; row < 8; ++row) {
      if ((edge.size() >> row & 1) == 0) continue;
      const Hash32& node = edge.Node(row, (edge.size() >> row) - 1);
      root = root.has_value() ? NodeHash(node, *root) : node;
    }
  }
  return root.has_value() ? *root : EmptyRoot();
}

TileBuilder::TileBuilder(TileEdges::Emit emit, TileEdges edges)
    : emit_(std::move(emit)), edges_(std::move(edges)) {}

void TileBuilder::Append(const Hash32& leaf) { edges_.Append(leaf, emit_); }

std::vector<std::pair<TileId, std::string>> TileBuilder::Partials() const {
  std::vector<std::pair<TileId, std::string>> partials;
  for (uint32_t level = 0; level < edges_.levels().size(); ++level) {
    const TileNodes& edge = edges_.levels()[level];
    if (edge.size() == 0) continue;
    const TileId id = TileAt(size(), level, TileCount(size(), level) - 1);
    partials.emplace_back(id, edge.Bytes());
  }
  return partials;
}

}  // namespace urna::ledger
