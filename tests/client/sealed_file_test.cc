#include "client/sealed_file.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <string>

#include "base/bytes.h"
#include "base/text.h"
#include "client/interrupt.h"
#include "crypto/group.h"

namespace urna::client {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr size_t kChunk = size_t{64} << 10;

class SealedFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    crypto::Initialize();
    key_ = PrintKey::New();
    header_ = {"batch-0001.pdf", crypto::HashSha256("set"), key_.public_key};
  }
  absl::StatusCode Open(std::string_view sealed) {
    return UnsealFile(sealed, header_.name, key_).status().code();
  }

  PrintKey key_;
  SealedHeader header_;
};

TEST_F(SealedFileTest, OpensWhatWasSealed) {
  for (const size_t size : {size_t{0}, size_t{1}, kChunk - 1, kChunk, kChunk + 1, 3 * kChunk}) {
    std::string content(size, 'x');
    for (size_t i = 0; i < size; ++i) content[i] = static_cast<char>(i * 7 + i / 251);
    const std::string sealed = SealFile(header_, content);
    const auto opened = UnsealFile(sealed, header_.name, key_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_TRUE(opened->content.Expose() == content) << size;
    EXPECT_EQ(opened->header.set, header_.set);
    if (size > 64) {
      EXPECT_THAT(sealed, Not(HasSubstr(content.substr(0, 64))));
    }
  }
}

TEST_F(SealedFileTest, NoticesAnyChangedBit) {
  const std::string sealed = SealFile(header_, "the letters of a few residents");
  for (size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_NE(Open(changed), absl::StatusCode::kOk) << "byte " << i;
  }
}

TEST_F(SealedFileTest, NoticesThatTheEndIsMissing) {
  const std::string sealed = SealFile(header_, std::string(2 * kChunk + 100, 'x'));
  // Also just between two chunks, each of which is whole.
  const size_t beginning = sealed.size() - (2 * kChunk + 100) - 3 * 17;
  const size_t chunk = kChunk + 17;
  for (const size_t size : {sealed.size() - 1, beginning + 2 * chunk, beginning + chunk, beginning,
                            beginning - 1, size_t{20}, size_t{0}}) {
    EXPECT_NE(Open(sealed.substr(0, size)), absl::StatusCode::kOk) << size;
  }
  EXPECT_EQ(Open(sealed.substr(0, beginning + chunk)), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Open(sealed + "x"), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Open(sealed), absl::StatusCode::kOk);
}

TEST_F(SealedFileTest, NoticesChunksInAnotherOrder) {
  const std::string sealed = SealFile(header_, std::string(3 * kChunk, 'x'));
  const size_t chunk = kChunk + 17;
  const size_t beginning = sealed.size() - 3 * chunk;
  const std::string swapped =
      sealed.substr(0, beginning) + sealed.substr(beginning + chunk, chunk) +
      sealed.substr(beginning, chunk) + sealed.substr(beginning + 2 * chunk);
  ASSERT_EQ(swapped.size(), sealed.size());
  EXPECT_EQ(Open(swapped), absl::StatusCode::kDataLoss);
}

TEST_F(SealedFileTest, RefusesAFileUnderAnothersName) {
  const std::string sealed = SealFile(header_, "content");
  const auto opened = UnsealFile(sealed, "batch-0002.pdf", key_);
  EXPECT_EQ(opened.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(opened.status().message()), HasSubstr("renamed"));
  // Nor does it help to write the other name into the header: it is bound to the content.
  std::string forged = sealed;
  forged[sealed.find("batch-0001") + 9] = '2';
  EXPECT_EQ(UnsealFile(forged, "batch-0002.pdf", key_).status().code(),
            absl::StatusCode::kDataLoss);
}

TEST_F(SealedFileTest, RefusesAnotherKey) {
  const std::string sealed = SealFile(header_, "content");
  const PrintKey other = PrintKey::New();
  EXPECT_EQ(UnsealFile(sealed, header_.name, other).status().code(),
            absl::StatusCode::kPermissionDenied);
}

TEST_F(SealedFileTest, ReadsNoNameThatLeadsOutOfTheFolder) {
  for (const std::string name : {"../evil", "/etc/passwd", "", ".", "a/b", ".hidden", "a\nb"}) {
    EXPECT_FALSE(IsPlainFileName(name)) << name;
    SealedHeader header = header_;
    header.name = name;
    const std::string sealed = SealFile(header, "content");
    EXPECT_FALSE(ReadSealedHeader(sealed).ok()) << name;
    EXPECT_FALSE(UnsealFile(sealed, name, key_).ok()) << name;
  }
}

TEST_F(SealedFileTest, AMistypedPublicKeyIsRefused) {
  const std::string text = key_.public_key.ToString();
  const auto parsed = PrintPublicKey::Parse(text + "\n");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->key, key_.public_key.key);
  for (size_t i = text.find(':') + 1; i < text.size(); ++i) {
    std::string typed = text;
    typed[i] = typed[i] == '7' ? '8' : '7';
    EXPECT_FALSE(PrintPublicKey::Parse(typed).ok()) << i;
  }
  EXPECT_FALSE(PrintPublicKey::Parse("").ok());
  EXPECT_FALSE(PrintPublicKey::Parse(text.substr(13)).ok());
}

TEST_F(SealedFileTest, KeepsItsKeyUnderAPassphrase) {
  const auto folder = TemporaryFolder::Create();
  ASSERT_TRUE(folder.ok());
  const std::string path = (*folder)->path() + "/print.key";
  const crypto::SecretText right(std::string("right")), wrong(std::string("wrong"));
  ASSERT_TRUE(WritePrintKey(path, key_, right).ok());
  EXPECT_EQ(WritePrintKey(path, key_, right).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(ReadPrintKey(path, wrong).status().code(), absl::StatusCode::kPermissionDenied);
  const auto read = ReadPrintKey(path, right);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(UnsealFile(SealFile(header_, "content"), header_.name, *read).ok());
}

}  // namespace
}  // namespace urna::client
