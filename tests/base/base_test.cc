#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/bytes.h"
#include "base/codec.h"
#include "base/file.h"
#include "base/status.h"
#include "base/text.h"

namespace urna::base {
namespace {

TEST(Bytes, HexIsStrictAboutLengthAndDigits) {
  std::array<uint8_t, 2> out{};
  EXPECT_TRUE(Unhex("aBf0", out));
  EXPECT_EQ(Hex(out), "abf0");
  for (const char* bad : {"", "ab", "abcde", "abcg", "ab 0", "0xab", "abf0 "}) {
    EXPECT_FALSE(Unhex(bad, out)) << bad;
  }
}

TEST(Bytes, Base64HasOneSpelling) {
  std::string out;
  EXPECT_TRUE(Unbase64("Zm9vYg==", &out));
  EXPECT_EQ(out, "foob");
  EXPECT_TRUE(Unbase64("", &out));
  // Missing padding, blanks, URL alphabet, spare bits that are not zero.
  for (const char* bad : {"Zm9vYg", "Zm9vYg=", "Zm9v Yg==", "Zm9vYg==\n", "-_8=", "Zm9vYh=="}) {
    EXPECT_FALSE(Unbase64(bad, &out)) << bad;
  }
}

TEST(Codec, ReadsWhatItWrote) {
  Writer w;
  w.U8(1).U16(0x0203).U32(0x04050607).U64(0x08090a0b0c0d0e0fULL).Frame("text").Raw("tail");
  EXPECT_EQ(Hex(w.bytes().substr(0, 7)), "01030207060504");
  Reader r(w.bytes());
  EXPECT_EQ(r.U8(), 1);
  EXPECT_EQ(r.U16(), 0x0203);
  EXPECT_EQ(r.U32(), 0x04050607u);
  EXPECT_EQ(r.U64(), 0x08090a0b0c0d0e0fULL);
  EXPECT_EQ(r.Frame(10), "text");
  EXPECT_EQ(r.Raw(4), "tail");
  EXPECT_TRUE(r.Finish().ok());
}

TEST(Codec, NamesTheByteWhereTheInputEndsOrGoesOn) {
  Reader cut("abc");
  cut.U16();
  cut.U16();
  EXPECT_EQ(RejectId(cut.Finish()), "record.malformed");
  EXPECT_NE(cut.Finish().message().find("at byte 2"), absl::string_view::npos);
  EXPECT_EQ(cut.U64(), 0u);
  Reader more("abc");
  more.U16();
  EXPECT_NE(more.Finish().message().find("1 bytes too many"), absl::string_view::npos);
  Writer huge;
  huge.U32(0xffffffff);
  Reader frame(huge.bytes());
  frame.Frame(100);
  EXPECT_FALSE(frame.Finish().ok());
}

TEST(Text, Utf8IsChecked) {
  for (const char* good : {"", "abc", "zażółć gęślą jaźń", "\xf0\x9f\x97\xb3"}) {
    EXPECT_TRUE(IsUtf8(good)) << good;
  }
  for (const char* bad : {"\x80", "\xc0\x80", "\xc3", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff"}) {
    EXPECT_FALSE(IsUtf8(bad));
  }
}

TEST(Text, NumbersAndTimesHaveOneSpelling) {
  uint64_t value = 0;
  EXPECT_TRUE(ParseU64("18446744073709551615", &value));
  EXPECT_EQ(value, ~uint64_t{0});
  for (const char* bad : {"", "-1", "+1", "01", "1 ", "18446744073709551616", "1e3"}) {
    EXPECT_FALSE(ParseU64(bad, &value)) << bad;
  }
  EXPECT_TRUE(ParseUtc("2014-05-25T06:00:00Z", &value));
  EXPECT_EQ(value, 1400997600u);
  EXPECT_EQ(FormatUtc(value), "2014-05-25T06:00:00Z");
  for (const char* bad :
       {"2014-05-25", "2014-05-25 06:00:00", "2014-02-30T06:00:00Z", "2014-05-25T06:00:00+02:00",
        "1914-05-25T06:00:00Z", "2014-5-25T06:00:00Z", "12014-05-25T06:00:00Z"}) {
    EXPECT_FALSE(ParseUtc(bad, &value)) << bad;
  }
}

TEST(Status, ARejectionKeepsItsIdWhenAnnotated) {
  const absl::Status status = Annotate(Reject("ballot.malformed", "too short"), "record 7");
  EXPECT_EQ(RejectId(status), "ballot.malformed");
  EXPECT_EQ(status.message(), "record 7: too short");
  EXPECT_EQ(RejectId(absl::UnavailableError("disk")), "");
}

class FileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "urna-file-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string folder_;
};

TEST_F(FileTest, ReplacesAtomicallyAndLeavesNothingBehind) {
  const std::string path = folder_ + "/x";
  ASSERT_TRUE(WriteFileAtomic(path, "one", 0600).ok());
  ASSERT_TRUE(WriteFileAtomic(path, "two", 0600).ok());
  EXPECT_EQ(*ReadFile(path), "two");
  struct stat info;
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(CreateFileAtomic(path, "three").code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(*ReadFile(path), "two");
  size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder_)) ++files;
  EXPECT_EQ(files, 1u);
}

TEST_F(FileTest, WhatAKilledProcessLeftBehindIsInNobodysWay) {
  // In a container every life of a server has the same process number.
  const std::string path = folder_ + "/x";
  for (int i = 0; i < 1000; ++i) {
    std::ofstream(Cat(path, ".tmp.", getpid(), ".", i)) << "half";
  }
  EXPECT_TRUE(WriteFileAtomic(path, "whole").ok());
  EXPECT_EQ(*ReadFile(path), "whole");
}

TEST_F(FileTest, AFolderTakesThePlaceOfAnother) {
  const std::string fresh = folder_ + "/fresh", place = folder_ + "/place";
  const auto make = [](const std::string& folder, std::string_view content) {
    EXPECT_TRUE(MakeFolders(folder).ok());
    EXPECT_TRUE(WriteFileAtomic(folder + "/x", content).ok());
  };
  make(fresh, "one");
  ASSERT_TRUE(PutFolder(fresh, place).ok());
  EXPECT_EQ(*ReadFile(place + "/x"), "one");
  EXPECT_FALSE(std::filesystem::exists(fresh));
  make(fresh, "two");
  ASSERT_TRUE(PutFolder(fresh, place).ok());
  EXPECT_EQ(*ReadFile(place + "/x"), "two");
  EXPECT_EQ(*ReadFile(fresh + "/x"), "one");
  EXPECT_EQ(PutFolder(folder_ + "/none", place).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(PutFolder(fresh, place + "/x").code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(*ReadFile(place + "/x"), "two");
}

TEST_F(FileTest, ALockIsHeldByOneObjectAndEndsWithIt) {
  const std::string path = folder_ + "/lock";
  {
    auto lock = FileLock::Acquire(path);
    ASSERT_TRUE(lock.ok()) << lock.status();
    EXPECT_EQ(FileLock::Acquire(path).status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_TRUE(FileLock::Acquire(folder_ + "/other").ok());
    const FileLock moved = *std::move(lock);
    EXPECT_EQ(FileLock::Acquire(path).status().code(), absl::StatusCode::kFailedPrecondition);
  }
  EXPECT_TRUE(FileLock::Acquire(path).ok());
  EXPECT_EQ(FileLock::Acquire(folder_ + "/none/lock").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(FileTest, ALockNamesItsHolderAndEndsWithADeadProcess) {
  const std::string path = folder_ + "/lock";
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t holder = fork();
  if (holder == 0) {
    const auto lock = FileLock::Acquire(path);
    (void)!write(ready[1], lock.ok() ? "y" : "n", 1);
    pause();
    _exit(1);
  }
  char locked = 0;
  ASSERT_EQ(read(ready[0], &locked, 1), 1);
  ASSERT_EQ(locked, 'y');
  const absl::Status refused = FileLock::Acquire(path).status();
  EXPECT_NE(refused.message().find(Cat(path, ": is locked by process ", holder, " on ")),
            absl::string_view::npos)
      << refused;
  ASSERT_EQ(kill(holder, SIGKILL), 0);
  ASSERT_EQ(waitpid(holder, nullptr, 0), holder);
  EXPECT_TRUE(FileLock::Acquire(path).ok());
  close(ready[0]);
  close(ready[1]);
}

TEST_F(FileTest, NamesThePathInEveryError) {
  EXPECT_EQ(ReadFile(folder_ + "/none").status().code(), absl::StatusCode::kNotFound);
  EXPECT_NE(ReadFile(folder_ + "/none").status().message().find("/none"), absl::string_view::npos);
  EXPECT_FALSE(ReadFile(folder_).ok());
  ASSERT_TRUE(WriteFileAtomic(folder_ + "/big", std::string(100, 'x')).ok());
  EXPECT_EQ(ReadFile(folder_ + "/big", 99).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_FALSE(WriteFileAtomic(folder_ + "/none/x", "y").ok());
  EXPECT_FALSE(MakeFolders(folder_ + "/big/y").ok());
}

}  // namespace
}  // namespace urna::base
