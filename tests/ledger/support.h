#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/text.h"
#include "crypto/secret.h"
#include "crypto/signature.h"
#include "ledger/merkle.h"
#include "ledger/record.h"

namespace urna::ledger {

inline std::string FromBase64(std::string_view text) {
  std::string bytes;
  EXPECT_TRUE(base::Unbase64(text, &bytes)) << text;
  return bytes;
}

inline Hash32 HashFromBase64(std::string_view text) {
  const std::string bytes = FromBase64(text);
  Hash32 hash{};
  EXPECT_EQ(bytes.size(), hash.size());
  std::copy_n(bytes.begin(), std::min(bytes.size(), hash.size()), hash.begin());
  return hash;
}

inline Hash32 HashFromHex(std::string_view text) {
  Hash32 hash{};
  EXPECT_TRUE(base::Unhex(text, hash)) << text;
  return hash;
}

inline crypto::Ed25519Key KeyFromHex(std::string_view seed) {
  base::Bytes32 bytes = HashFromHex(seed);
  return crypto::Ed25519Key::FromSeed(crypto::Secret<base::Bytes32>(bytes));
}

/// The published log of 15 entries that C2SP's tessera implementation tests with.
inline const std::vector<std::string> kLogEntries = {
    "one",  "two", "three",  "four",  "five",     "six",     "seven", "eit",
    "nain", "ten", "ileven", "twelf", "threeten", "fourten", "fivten"};
inline constexpr std::string_view kLogOrigin = "example.com/log/testdata";
inline constexpr std::string_view kLogSeed =
    "eca663f499017d2365c27c7a7679158d43cfec1330bdb259290afbd0d21777a0";
inline constexpr std::string_view kLogKey =
    "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx";
inline constexpr std::string_view kLogRoot5 = "gy5gl3aksFyiCO95a/1vLXz88A3dRq+0l9Sxte8ZqZQ=";
inline constexpr std::string_view kLogRoot15 = "rKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=";
inline constexpr std::string_view kLogCheckpoint =
    "example.com/log/testdata\n15\nrKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=\n\n"
    "\xe2\x80\x94 example.com/log/testdata "
    "M9e0luh4jTG+UMBqOUo9/q+yAEvx1ilBEniMvjf1zfcBOhg+CKubMt53MvIt/uEWP6zdkdIQzd/fmwlM/"
    "dlPWF74ewI=\n";

/// MTH of RFC 6962 section 2.1, as it is written there.
inline Hash32 ReferenceRoot(const std::vector<Hash32>& leaves, size_t first, size_t last) {
  if (first == last) return EmptyRoot();
  if (last - first == 1) return leaves[first];
  size_t k = 1;
  while (2 * k < last - first) k *= 2;
  return NodeHash(ReferenceRoot(leaves, first, first + k), ReferenceRoot(leaves, first + k, last));
}

inline std::vector<Hash32> LeavesOf(size_t count) {
  std::vector<Hash32> leaves;
  for (size_t i = 0; i < count; ++i) leaves.push_back(LeafHash(base::Cat("entry ", i)));
  return leaves;
}

/// Nodes over `leaves`; asking for anything but a complete subtree is a test failure.
inline NodeReader NodesOver(const std::vector<Hash32>& leaves, size_t size) {
  return [&leaves, size](uint32_t level, uint64_t index) -> absl::StatusOr<Hash32> {
    const size_t first = index << level;
    const size_t last = (index + 1) << level;
    EXPECT_LE(last, size) << "node " << index << " at level " << level;
    return ReferenceRoot(leaves, first, last);
  };
}

/// A folder that is gone when the test is.
class TestFolder {
 public:
  TestFolder() {
    std::string form = (std::filesystem::temp_directory_path() / "urna-test-XXXXXX").string();
    const char* made = mkdtemp(form.data());
    EXPECT_NE(made, nullptr);
    path_ = form;
  }
  ~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(std::string_view name) const { return base::Cat(path_, "/", name); }

 private:
  std::string path_;
};

inline std::string ReadAll(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in.good()) << path;
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

inline void WriteAll(const std::string& path, std::string_view bytes) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  EXPECT_TRUE(out.good()) << path;
}

}  // namespace urna::ledger
