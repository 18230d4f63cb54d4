#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include "base/file.h"
#include "server/anchor.h"
#include "tests/server/harness.h"

namespace urna::server::testing {

namespace fs = std::filesystem;

inline std::string ReadAll(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

/// In place: whoever has the file open reads it too.
inline void FlipByteOf(const fs::path& path, size_t at) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(at));
  const int byte = file.get();
  ASSERT_NE(byte, std::char_traits<char>::eof()) << path;
  file.seekp(static_cast<std::streamoff>(at));
  file.put(static_cast<char>(byte ^ 0x10));
}

/// The data folder of an open poll, made once for all tests: `before` after one of four residents
/// has voted, `data` after two. Each test works on copies of its own.
class KeptCity : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    original_ = new TemporaryFolder();
    city_ = new TestServer(Small(4));
    city_->RunUntilOpen();
    EXPECT_TRUE(city_->Cast(city_->MakeBallot(0, 0)).ok());
    city_->Stop();
    Copy(city_->data(), original_->path() + "/before");
    city_->Start();
    EXPECT_TRUE(city_->Cast(city_->MakeBallot(1, 1)).ok());
    city_->Stop();
    Copy(city_->data(), original_->path() + "/data");
  }
  static void TearDownTestSuite() {
    delete city_;
    delete original_;
  }
  void SetUp() override {
    Copy(original_->path() + "/data", data());
    Copy(original_->path() + "/before", before());
  }
  void TearDown() override { city_->Stop(); }

  static void Copy(const std::string& from, const std::string& to) {
    fs::remove_all(to);
    fs::copy(from, to, fs::copy_options::recursive);
  }
  /// Puts this part of the folder back to what it was before the second resident voted.
  void Older(const std::string& name) { Copy(before() + "/" + name, data() + "/" + name); }

  std::string data() const { return folder_.path() + "/data"; }
  std::string before() const { return folder_.path() + "/before"; }
  std::string In(const std::string& name) const { return folder_.path() + "/" + name; }
  std::string AnchorFileOf(const std::string& folder) const {
    return AnchorPath(folder + "/anchor", city_->poll());
  }
  uint64_t now() const { return city_->clock.Now(); }

  /// Starts the server on `folder`.
  absl::Status TryStart(const std::string& folder) {
    city_->settings.data = folder;
    return city_->TryStart();
  }
  static std::string Message(const absl::Status& status) { return std::string(status.message()); }

  static TemporaryFolder* original_;
  static TestServer* city_;
  const TemporaryFolder folder_;
};

inline TemporaryFolder* KeptCity::original_ = nullptr;
inline TestServer* KeptCity::city_ = nullptr;

}  // namespace urna::server::testing
