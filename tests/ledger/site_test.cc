#include "ledger/site.h"

#include <gtest/gtest.h>

#include <string>

#include "base/bytes.h"
#include "base/text.h"

namespace urna::ledger {
namespace {

TEST(SiteTest, PathsNameAPollAndAFileInOneSpelling) {
  Hash32 poll{};
  poll[0] = 0xab;
  const std::string id = base::Hex(poll);
  for (const std::string file : {"checkpoint", "tile/0/000", "x", "a/../b", ""}) {
    const std::string path = base::Cat("/", id, "/", file);
    const auto parsed = ParseSitePath(path);
    ASSERT_TRUE(parsed.has_value()) << path;
    EXPECT_EQ(parsed->poll, poll);
    EXPECT_EQ(parsed->file, file);
  }
  std::string upper = id;
  upper[0] = 'A';
  for (const std::string& path :
       {std::string(), std::string("/"), "/" + id, id + "/checkpoint", "/" + id + "0/checkpoint",
        "/" + id.substr(1) + "/checkpoint", "/" + upper + "/checkpoint", "//" + id + "/checkpoint",
        "/" + std::string(64, 'g') + "/checkpoint"}) {
    EXPECT_FALSE(ParseSitePath(path).has_value()) << path;
  }
}

}  // namespace
}  // namespace urna::ledger
