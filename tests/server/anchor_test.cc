#include "server/anchor.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/text.h"
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

TEST(Anchor, DamageBeforeTheEndIsNotTakenForATornWrite) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/a.anchor";
  std::vector<std::string> texts = {"one", "two", "three"};
  {
    auto anchor = AnchorFile::Open(path);
    for (const std::string& text : texts) ASSERT_TRUE((*anchor)->Append(text).ok());
  }
  std::ifstream in(path, std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(in), {}};
  size_t refused = 0;
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    std::ofstream(path, std::ios::binary | std::ios::trunc) << damaged;
    const auto anchor = AnchorFile::Open(path);
    if (anchor.ok()) {
      // Only what could have been a torn write: "two" was acknowledged, and is remembered.
      EXPECT_EQ((*anchor)->newest(), "two") << "byte " << at;
      EXPECT_GT(at, whole.find("three") - 5);
    } else {
      EXPECT_EQ(anchor.status().code(), absl::StatusCode::kDataLoss) << anchor.status();
      ++refused;
    }
  }
  EXPECT_GT(refused, whole.find("two"));
}

TEST(Anchor, IsWrittenAnewWhenItIsOpened) {
  // What an earlier process could not sync may be in the cache alone.
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/a.anchor";
  ASSERT_TRUE((*AnchorFile::Open(path))->Append("one").ok());
  fs::create_hard_link(path, path + ".before");
  ASSERT_EQ((*AnchorFile::Open(path))->newest(), "one");
  EXPECT_FALSE(fs::equivalent(path, path + ".before"));
}

// What somebody else does to an anchor while a server relies on it.
class AnchorOfSomebodyElse : public ::testing::Test {
 protected:
  AnchorOfSomebodyElse() {
    auto anchor = AnchorFile::Open(path_);
    EXPECT_TRUE(anchor.ok()) << anchor.status();
    ours_ = *std::move(anchor);
    EXPECT_TRUE(ours_->Append("one").ok());
  }
  void ExpectNoticed(std::string_view how) {
    const absl::Status status = ours_->Append("two");
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    EXPECT_NE(status.message().find(base::Absl(how)), absl::string_view::npos) << status;
    EXPECT_NE(status.message().find(base::Absl(path_)), absl::string_view::npos) << status;
    EXPECT_EQ(ours_->newest(), "one");
  }

  const TemporaryFolder folder_;
  const std::string path_ = folder_.path() + "/a.anchor";
  std::unique_ptr<AnchorFile> ours_;
};

TEST_F(AnchorOfSomebodyElse, WhoAppendsIsNoticed) {
  std::ofstream(path_, std::ios::app) << "another history";
  ExpectNoticed("was written to");
}

TEST_F(AnchorOfSomebodyElse, WhoOpensItToWriteIsNoticed) {
  ASSERT_EQ((*AnchorFile::Open(path_))->newest(), "one");
  ExpectNoticed("was replaced");
}

TEST_F(AnchorOfSomebodyElse, WhoPutsACopyInItsPlaceIsNoticed) {
  fs::copy_file(path_, path_ + ".copy");
  fs::rename(path_ + ".copy", path_);
  ExpectNoticed("was replaced");
}

TEST_F(AnchorOfSomebodyElse, WhoDeletesItIsNoticed) {
  fs::remove(path_);
  ExpectNoticed("is gone");
}

TEST_F(AnchorOfSomebodyElse, WhoCutsItIsNoticed) {
  fs::resize_file(path_, fs::file_size(path_) - 1);
  ExpectNoticed("was written to");
}

TEST(Anchor, RefusesAForeignFile) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/a.anchor";
  std::ofstream(path) << "something else";
  EXPECT_EQ(AnchorFile::Open(path).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace urna::server::testing
