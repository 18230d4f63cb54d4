#include "server/anchor.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/server/harness.h"

namespace urna::server::testing {
namespace {

namespace fs = std::filesystem;

TEST(Anchor, RemembersTheNewest) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/a.anchor";
  {
    auto anchor = AnchorFile::Open(path);
    ASSERT_TRUE(anchor.ok()) << anchor.status();
    EXPECT_EQ((*anchor)->newest(), "");
    ASSERT_TRUE((*anchor)->Append("one").ok());
    ASSERT_TRUE((*anchor)->Append("two").ok());
  }
  auto again = AnchorFile::Open(path);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ((*again)->newest(), "two");
}

TEST(Anchor, StaysSmall) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/a.anchor";
  auto anchor = AnchorFile::Open(path);
  ASSERT_TRUE(anchor.ok());
  const std::string text(20'000, 'x');
  for (int i = 0; i < 40; ++i) ASSERT_TRUE((*anchor)->Append(text + std::to_string(i)).ok());
  EXPECT_LT(fs::file_size(path), 300'000u);
  anchor->reset();
  EXPECT_EQ((*AnchorFile::Open(path))->newest(), text + "39");
}

TEST(Anchor, ATornEndIsCutOffAndWritingGoesOn) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/a.anchor";
  {
    auto anchor = AnchorFile::Open(path);
    ASSERT_TRUE((*anchor)->Append("one").ok());
    ASSERT_TRUE((*anchor)->Append("two").ok());
  }
  fs::resize_file(path, fs::file_size(path) - 5);
  {
    auto anchor = AnchorFile::Open(path);
    ASSERT_TRUE(anchor.ok()) << anchor.status();
    EXPECT_EQ((*anchor)->newest(), "one");
    ASSERT_TRUE((*anchor)->Append("three").ok());
  }
  EXPECT_EQ((*AnchorFile::Open(path))->newest(), "three");
}

TEST(Anchor, RefusesAForeignFile) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/a.anchor";
  std::ofstream(path) << "something else";
  EXPECT_EQ(AnchorFile::Open(path).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace urna::server::testing
