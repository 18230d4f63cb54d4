#include "ledger/tiles.h"

#include <gtest/gtest.h>

#include <map>

#include "base/status.h"
#include "ledger/merkle.h"
#include "tests/ledger/support.h"

namespace urna::ledger {
namespace {

size_t CountAt(const std::vector<TileId>& tiles, uint32_t level, uint32_t width) {
  return static_cast<size_t>(std::count_if(tiles.begin(), tiles.end(), [&](const TileId& id) {
    return id.level == level && id.width == width;
  }));
}

TEST(TilesTest, PathsAreThoseOfTheSpecification) {
  EXPECT_EQ((TileId{0, 1234067, 256}.Path()), "tile/0/x001/x234/067");
  EXPECT_EQ((TileId{0, 0, 256}.Path()), "tile/0/000");
  EXPECT_EQ((TileId{1, 999, 17}.Path()), "tile/1/999.p/17");
  EXPECT_EQ((TileId{TileId::kEntries, 1000, 3}.Path()), "tile/entries/x001/000.p/3");
  EXPECT_EQ((TileId{63, ~uint64_t{0}, 1}.Path()), "tile/63/x018/x446/x744/x073/x709/x551/615.p/1");
}

TEST(TilesTest, ParsesEveryPathItWrites) {
  for (const uint32_t level : {0u, 1u, 9u, 10u, 63u, TileId::kEntries}) {
    for (const uint64_t index : {uint64_t{0}, uint64_t{7}, uint64_t{999}, uint64_t{1000},
                                 uint64_t{1000000}, uint64_t{1234067}, ~uint64_t{0}}) {
      for (const uint32_t width : {1u, 99u, 255u, 256u}) {
        const TileId id{level, index, width};
        const auto parsed = TileId::Parse(id.Path());
        ASSERT_TRUE(parsed.ok()) << id.Path();
        EXPECT_EQ(*parsed, id);
      }
    }
  }
}

TEST(TilesTest, RefusesEveryOtherPath) {
  for (const std::string_view path : {"",
                                      "tile",
                                      "tile/0",
                                      "tile/0/",
                                      "tile/0/1",
                                      "tile/0/0001",
                                      "tile/00/000",
                                      "tile/64/000",
                                      "tile/-1/000",
                                      "tile/data/000",
                                      "tile/0/x001",
                                      "tile/0/x000/001",
                                      "tile/0/001/002",
                                      "tile/0/x001/x002",
                                      "tile/0/00a",
                                      "tile/0/000/",
                                      "/tile/0/000",
                                      "tile//000",
                                      "tile/0/000.p",
                                      "tile/0/000.p/",
                                      "tile/0/000.p/0",
                                      "tile/0/000.p/256",
                                      "tile/0/000.p/01",
                                      "tile/0/000.p/1/",
                                      "tile/0/000.q/1",
                                      "tile/0/.p/1",
                                      "tile/0/x000.p/1",
                                      "Tile/0/000",
                                      "tile/0/000.p/1.p/1",
                                      "tile/0/x018/x446/x744/x073/x709/x551/616",
                                      "tile/0/x001/x000/x000/x000/x000/x000/x000/x000/000"}) {
    EXPECT_EQ(base::RejectId(TileId::Parse(path).status()), "tile.path") << path;
  }
}

TEST(TilesTest, GeometryOfSeventyThousandEntries) {
  const std::vector<TileId> tiles = TilesOf(70000);
  EXPECT_EQ(tiles.size(), 2 * 274u + 2 + 1);
  for (const uint32_t level : {TileId::kEntries, 0u}) {
    EXPECT_EQ(CountAt(tiles, level, 256), 273u);
    EXPECT_EQ(CountAt(tiles, level, 112), 1u);
  }
  EXPECT_EQ(CountAt(tiles, 1, 256), 1u);
  EXPECT_EQ(CountAt(tiles, 1, 17), 1u);
  EXPECT_EQ(CountAt(tiles, 2, 1), 1u);
  EXPECT_EQ(tiles.front(), (TileId{TileId::kEntries, 0, 256}));
  EXPECT_EQ(tiles.back(), (TileId{2, 0, 1}));
}

TEST(TilesTest, GeometryAtTheEdges) {
  EXPECT_TRUE(TilesOf(0).empty());
  EXPECT_EQ(TilesOf(1), (std::vector<TileId>{{TileId::kEntries, 0, 1}, {0, 0, 1}}));
  EXPECT_EQ(TilesOf(256),
            (std::vector<TileId>{{TileId::kEntries, 0, 256}, {0, 0, 256}, {1, 0, 1}}));
}

TEST(TilesTest, KnowsWhichTilesBelongToASizeHoweverLarge) {
  for (const uint64_t size : {0, 1, 255, 256, 257, 65535, 65536, 70000}) {
    const std::vector<TileId> tiles = TilesOf(size);
    size_t counted = TileCount(size, TileId::kEntries);
    for (uint32_t level = 0; level < 64; ++level) counted += TileCount(size, level);
    EXPECT_EQ(counted, tiles.size()) << size;
    for (const TileId& id : tiles) EXPECT_TRUE(IsTileOf(size, id)) << id.Path();
  }
  EXPECT_FALSE(IsTileOf(256, {0, 0, 255}));
  EXPECT_FALSE(IsTileOf(256, {0, 1, 256}));
  EXPECT_FALSE(IsTileOf(256, {1, 0, 256}));
  EXPECT_FALSE(IsTileOf(256, {2, 0, 1}));
  EXPECT_TRUE(IsTileOf(~uint64_t{0}, {7, 0, 255}));
  EXPECT_TRUE(IsTileOf(~uint64_t{0}, {0, (uint64_t{1} << 56) - 1, 255}));
  EXPECT_FALSE(IsTileOf(~uint64_t{0}, {8, 0, 1}));
  EXPECT_FALSE(IsTileOf(~uint64_t{0}, {63, 0, 1}));
}

TEST(TilesTest, BundleHasThePublishedBytes) {
  const std::string expected("\0\3one\0\3two\0\5three", 17);
  EXPECT_EQ(EncodeBundle({"one", "two", "three"}), expected);
  const auto decoded = DecodeBundle(expected, 3);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(*decoded, (std::vector<std::string>{"one", "two", "three"}));
}

TEST(TilesTest, BundlesHoldEmptyAndLargestEntries) {
  const std::vector<std::string> entries = {"", std::string(65535, 'x'), ""};
  const auto decoded = DecodeBundle(EncodeBundle(entries), 3);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(*decoded, entries);
}

TEST(TilesTest, RefusesBundlesOfAnotherWidthOrCutShort) {
  const std::string bundle = EncodeBundle({"one", "two", "three"});
  for (size_t size = 0; size < bundle.size(); ++size) {
    EXPECT_EQ(base::RejectId(DecodeBundle(bundle.substr(0, size), 3).status()), "bundle.malformed");
  }
  EXPECT_EQ(base::RejectId(DecodeBundle(bundle, 2).status()), "bundle.malformed");
  EXPECT_EQ(base::RejectId(DecodeBundle(bundle, 4).status()), "bundle.malformed");
  EXPECT_EQ(base::RejectId(DecodeBundle(bundle + "x", 3).status()), "bundle.malformed");
}

TEST(TilesTest, BuilderGivesTheTilesOfTheDefinition) {
  constexpr size_t kSize = 70000;
  const std::vector<Hash32> leaves = LeavesOf(kSize);
  std::map<std::string, std::string> built;
  const auto keep = [&](const TileId& id, const std::string& bytes) {
    EXPECT_EQ(id.width, kTileWidth);
    EXPECT_TRUE(built.emplace(id.Path(), bytes).second) << id.Path() << " came twice";
  };
  TileBuilder builder(keep);
  for (const Hash32& leaf : leaves) builder.Append(leaf);
  EXPECT_EQ(builder.size(), kSize);
  EXPECT_EQ(builder.Root(), ReferenceRoot(leaves, 0, kSize));
  for (const auto& [id, bytes] : builder.Partials()) built.emplace(id.Path(), bytes);

  size_t hash_tiles = 0;
  for (const TileId& id : TilesOf(kSize)) {
    if (id.level == TileId::kEntries) continue;
    ++hash_tiles;
    const size_t span = size_t{1} << (8 * id.level);
    std::string expected;
    for (size_t i = 0; i < id.width; ++i) {
      const size_t first = (256 * id.index + i) * span;
      expected += base::View(ReferenceRoot(leaves, first, first + span));
    }
    EXPECT_EQ(built[id.Path()], expected) << id.Path();
  }
  EXPECT_EQ(built.size(), hash_tiles);
}

TEST(TilesTest, BuilderHasTheRootAndPartialsOfEverySize) {
  const std::vector<Hash32> leaves = LeavesOf(600);
  TileBuilder builder([](const TileId&, const std::string&) {});
  Frontier frontier;
  for (size_t size = 0; size <= leaves.size(); ++size) {
    EXPECT_EQ(builder.Root(), frontier.Root()) << size;
    std::vector<TileId> partials;
    for (const auto& [id, bytes] : builder.Partials()) {
      EXPECT_EQ(bytes.size(), size_t{id.width} * 32);
      partials.push_back(id);
    }
    std::vector<TileId> expected;
    for (const TileId& id : TilesOf(size)) {
      if (id.level != TileId::kEntries && id.width < kTileWidth) expected.push_back(id);
    }
    EXPECT_EQ(partials, expected) << size;
    if (size == leaves.size()) break;
    builder.Append(leaves[size]);
    frontier.Append(leaves[size]);
  }
}

TEST(TilesTest, EdgesGoOnFromTheirLevels) {
  const std::vector<Hash32> leaves = LeavesOf(1000);
  std::vector<std::string> emitted;
  const auto emit = [&](const TileId& id, const std::string&) { emitted.push_back(id.Path()); };
  TileEdges first;
  for (size_t i = 0; i < 500; ++i) first.Append(leaves[i], emit);
  TileEdges second(first.size(), first.levels());
  for (size_t i = 500; i < 1000; ++i) second.Append(leaves[i], emit);
  EXPECT_EQ(second.Root(), ReferenceRoot(leaves, 0, 1000));
  EXPECT_EQ(emitted, (std::vector<std::string>{"tile/0/000", "tile/0/001", "tile/0/002"}));
}

}  // namespace
}  // namespace urna::ledger
