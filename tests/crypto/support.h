#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sodium.h>

#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/bytes.h"
#include "base/status.h"
#include "crypto/group.h"

namespace urna::crypto {

class CryptoEnvironment : public testing::Environment {
 public:
  void SetUp() override { Initialize(); }
};
inline testing::Environment* const kCryptoEnvironment =
    testing::AddGlobalTestEnvironment(new CryptoEnvironment);

inline nlohmann::json Vectors(const std::string& name) {
  std::ifstream file(std::string(URNA_TEST_DATA) + "/" + name);
  return nlohmann::json::parse(file);
}

inline std::string Unhexed(std::string_view hex) {
  std::string out(hex.size() / 2, '\0');
  EXPECT_TRUE(base::UnhexInto(hex, reinterpret_cast<uint8_t*>(out.data()), out.size())) << hex;
  return out;
}
inline base::Bytes32 Bytes32Of(const std::string& hex) {
  base::Bytes32 out{};
  EXPECT_TRUE(base::Unhex(hex, out)) << hex;
  return out;
}
inline Point PointOf(const std::string& hex) { return Point::Decode(Unhexed(hex)).value(); }
inline Scalar ScalarOf(const std::string& hex) { return Scalar::Decode(Unhexed(hex)).value(); }
inline SecretScalar SecretOf(const std::string& hex) {
  return SecretScalar::Decode(Unhexed(hex)).value();
}
inline std::vector<Point> PointsOf(const nlohmann::json& list) {
  std::vector<Point> out;
  for (const auto& hex : list) out.push_back(PointOf(hex));
  return out;
}
inline std::string HexOf(const Point& point) { return base::Hex(point.view()); }
inline std::string HexOf(const Scalar& scalar) { return base::Hex(scalar.view()); }
inline Scalar One() { return Scalar::FromU64(1); }
inline Hash32 SomeHash(uint8_t seed) { return HashSha256(std::string(1, static_cast<char>(seed))); }

/// The transcript as the text of the protocol defines it (section 2), from libsodium's SHA-512
/// alone: what the proofs' own code must agree with.
class SpecTranscript {
 public:
  explicit SpecTranscript(std::string_view protocol) {
    state_ = Sha512(Framed("urna/v1") + Framed(protocol));
  }
  void Append(std::string_view label, std::string_view data) {
    pending_ += Framed(label) + Framed(data);
  }
  void Append(std::string_view label, const Point& point) { Append(label, point.view()); }
  void Append(std::string_view label, const base::Bytes32& bytes) {
    Append(label, base::View(bytes));
  }
  void AppendNumber(std::string_view label, uint64_t value) {
    Append(label, LittleEndian(value, 8));
  }
  Scalar Challenge(std::string_view label) {
    state_ = Sha512(state_ + pending_ + Framed(label));
    pending_.clear();
    Hash64 wide;
    std::copy(state_.begin(), state_.end(), wide.begin());
    return Scalar::FromUniform(wide);
  }

  static std::string LittleEndian(uint64_t value, int bytes) {
    std::string out;
    for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 255);
    return out;
  }
  static std::string Framed(std::string_view bytes) {
    return LittleEndian(bytes.size(), 4) + std::string(bytes);
  }
  static std::string Sha512(const std::string& bytes) {
    std::string out(64, '\0');
    crypto_hash_sha512(reinterpret_cast<uint8_t*>(out.data()), base::Data(bytes), bytes.size());
    return out;
  }

 private:
  std::string state_, pending_;
};

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& value) {
  return value.status();
}

MATCHER(Ok, "is OK") {
  *result_listener << StatusOf(arg).ToString();
  return StatusOf(arg).ok();
}
MATCHER_P(IsRejected, id, "is a rejection with this id") {
  *result_listener << base::RejectId(StatusOf(arg)) << " (" << StatusOf(arg).ToString() << ")";
  return base::RejectId(StatusOf(arg)) == id;
}

}  // namespace urna::crypto
