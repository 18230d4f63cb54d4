#include "server/tiles_http.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/text.h"
#include "ledger/checkpoint.h"
#include "ledger/record.h"
#include "ledger/tiles.h"
#include "tests/server/harness.h"

namespace urna::server::testing {
namespace {

using base::Cat;
using ledger::TileId;

std::string Below(TestServer& s) { return Cat("/", base::Hex(s.poll()), "/"); }

std::string LeavesOf(const std::vector<std::string>& records) {
  std::string out;
  for (const std::string& record : records) out += base::View(ledger::LeafHash(record));
  return out;
}

/// Asks for everything around `published` records, of which state `s` knows all.
void ExpectExactly(TestServer& s, uint64_t published) {
  ASSERT_EQ(s.records.size(), published);
  ASSERT_LT(published, 200u);
  for (uint32_t width = 1; width <= 256; ++width) {
    const http::Response bundle = s.Get(Below(s) + TileId{TileId::kEntries, 0, width}.Path());
    const http::Response tile = s.Get(Below(s) + TileId{0, 0, width}.Path());
    if (width > published) {
      EXPECT_EQ(bundle.status, 404) << width;
      EXPECT_EQ(tile.status, 404) << width;
      continue;
    }
    const std::vector<std::string> first(s.records.begin(), s.records.begin() + width);
    EXPECT_EQ(bundle.status, 200) << width;
    EXPECT_EQ(bundle.body, ledger::EncodeBundle(first)) << width;
    EXPECT_EQ(tile.status, 200) << width;
    EXPECT_EQ(tile.body, LeavesOf(first)) << width;
  }
}

TEST(TilesHttp, ServeExactlyWhatIsPublished) {
  TestServer s(Small(4));
  s.RunUntilOpen();
  s.Sync();
  const uint64_t opened = s.records.size();
  // What is written and not published is not there.
  ASSERT_TRUE(s.Cast(s.MakeBallot(0, 0)).ok());
  ASSERT_TRUE(s.Cast(s.MakeBallot(1, 0)).ok());
  ExpectExactly(s, opened);
  const auto size = [&s] {
    const http::Response got = s.Get(Below(s) + "checkpoint");
    EXPECT_EQ(got.status, 200);
    const auto checkpoint = ledger::OpenCheckpoint(got.body, s.election.checkpoint_key());
    EXPECT_TRUE(checkpoint.ok()) << checkpoint.status();
    return checkpoint->size;
  };
  EXPECT_EQ(size(), opened);

  s.clock.Set(s.start() + 3600);
  Await([&] { return s.Status().size() > opened; }, "the publication");
  s.Sync();
  EXPECT_EQ(size(), s.records.size());
  ExpectExactly(s, s.records.size());
}

TEST(TilesHttp, AreCachedForEverAndCheckpointsNever) {
  TestServer s(Small(4));
  s.RunUntilOpen();
  const http::Response checkpoint = s.Get(Below(s) + "checkpoint");
  EXPECT_EQ(checkpoint.cache_control, "no-cache");
  EXPECT_EQ(checkpoint.content_type, "text/plain; charset=utf-8");
  for (const char* path : {"tile/0/000.p/1", "tile/entries/000.p/1"}) {
    const http::Response tile = s.Get(Below(s) + path);
    EXPECT_EQ(tile.cache_control, "public, max-age=31536000, immutable") << path;
    EXPECT_EQ(tile.content_type, "application/octet-stream") << path;
  }
  EXPECT_EQ(s.Get("/").cache_control, "no-cache");
  // What is not there may come.
  EXPECT_EQ(s.Get(Below(s) + "tile/0/000").cache_control, "no-store");
}

TEST(TilesHttp, ListThePolls) {
  TestServer s(Small(4));
  s.Start();
  EXPECT_EQ(s.Get("/").body, "");
  s.Define();
  EXPECT_EQ(s.Get("/").body, Cat(base::Hex(s.poll()), " ", s.election.checkpoint_key().name, "\n"));
}

TEST(TilesHttp, KnowNoOtherPath) {
  TestServer s(Small(4));
  s.RunUntilOpen();
  std::string upper = base::Hex(s.poll());
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  ASSERT_NE(upper, base::Hex(s.poll()));
  const std::string none(64, '0');
  for (const std::string& path : {std::string("/polls"),
                                  "/" + base::Hex(s.poll()),
                                  "/" + upper + "/checkpoint",
                                  "/" + none + "/checkpoint",
                                  "/" + none + "/tile/0/000.p/1",
                                  Below(s) + "checkpoints",
                                  Below(s) + "tile",
                                  Below(s) + "tile/0/0",
                                  Below(s) + "tile/0/000.p/0",
                                  Below(s) + "tile/0/000.p/01",
                                  Below(s) + "tile/0/000.p/256",
                                  Below(s) + "tile/00/000.p/1",
                                  Below(s) + "tile/64/000.p/1",
                                  Below(s) + "tile/63/000.p/1",
                                  Below(s) + "tile/1/000.p/1",
                                  Below(s) + "tile/0/001.p/1",
                                  Below(s) + "tile/0/x000/000.p/1",
                                  Below(s) + "tile/data/000.p/1",
                                  Below(s) + "tile/entries/x18/x446/x744/073/709/551/615",
                                  Below(s) + "tile/0/x072/x057/x594/x037/x927/935.p/255",
                                  "/" + Below(s) + "checkpoint",
                                  Below(s) + "/checkpoint",
                                  Below(s) + "%2e%2e/checkpoint"}) {
    const http::Response got = s.Get(path);
    EXPECT_EQ(got.status, 404) << path;
    EXPECT_EQ(got.body, "not here\n") << path;
  }
}

TEST(TilesHttp, AreReadOnly) {
  TestServer s(Small(4));
  s.RunUntilOpen();
  const auto client = http::Client::Open({}).value();
  const auto posted =
      client->Post(s.server().http_url() + Below(s) + "checkpoint", "text/plain", "hello");
  ASSERT_TRUE(posted.ok()) << posted.status();
  EXPECT_EQ(posted->status, 405);
}

TEST(TilesHttp, AFloodIsTurnedAway) {
  TestServer s(Small(4));
  s.settings.http_rate = 2;
  s.clock.SetTicks(std::chrono::hours(1));
  s.Start();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(s.Get("/").status, 200) << i;
  EXPECT_EQ(s.Get("/").status, 429);
}

TEST(TilesHttp, AreOffUnlessAsked) {
  TestServer s(Small(4));
  s.settings.http_listen = "";
  s.Start();
  EXPECT_EQ(s.server().http_url(), "");
}

TEST(TilesHttp, AnIssuerServesItsCopy) {
  TestServer s(Small(4, 1, 1, 1, 2));
  OutsideIssuer outside(s, 1);
  outside.settings.http_listen = "127.0.0.1:0";
  outside.settings.http_plaintext = true;
  s.Start();
  outside.Start();
  s.Define();
  s.SealRoll();
  s.WaitForPhase("waiting for the trustees to join");
  outside.AwaitNews();
  const auto client = http::Client::Open({}).value();
  for (const char* path : {"checkpoint", "tile/0/000.p/3", "tile/entries/000.p/3"}) {
    const auto copy = client->Get(outside.server().http_url() + Below(s) + path);
    ASSERT_TRUE(copy.ok()) << copy.status();
    EXPECT_EQ(copy->status, 200) << path;
    EXPECT_EQ(copy->body, s.Get(Below(s) + path).body) << path;
  }
}

}  // namespace
}  // namespace urna::server::testing
