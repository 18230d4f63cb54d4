#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace urna::crypto {

using Hash32 = base::Bytes32;
using Hash64 = std::array<uint8_t, 64>;

/// Incremental SHA-256 (FIPS 180-4, OpenSSL). One object may be reused: Finish resets it.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  Sha256& Update(std::string_view bytes);
  Hash32 Finish();
  /// What Finish would return; more may follow.
  Hash32 Peek() const;

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

/// The same with SHA-512.
class Sha512 {
 public:
  Sha512();
  ~Sha512();
  Sha512(const Sha512& other);
  Sha512& operator=(const Sha512& other);
  Sha512(Sha512&&) noexcept;
  Sha512& operator=(Sha512&&) noexcept;

  Sha512& Update(std::string_view bytes);
  Hash64 Finish();
  /// What Finish would return now; goes on from here.
  Hash64 Peek() const;

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

/// SHA-256 of the pieces one after another, without separators.
Hash32 HashSha256(std::initializer_list<std::string_view> pieces);
inline Hash32 HashSha256(std::string_view bytes) { return HashSha256({bytes}); }
/// SHA-512 of the pieces one after another, without separators.
Hash64 HashSha512(std::initializer_list<std::string_view> pieces);

/// u32le length and the bytes; docs/protocol.md section 2.
std::string Frame(std::string_view bytes);
/// u64le, the form in which integers enter a hash.
std::string U64(uint64_t value);

/// Hash(a, b, ...) of docs/protocol.md section 2: SHA-512(frame("urna/v1") || frame(a) || ...).
Hash64 FramedHash(std::initializer_list<std::string_view> items);
/// The same frames under SHA-256, as fingerprints and deal commitments use them.
Hash32 FramedHash256(std::initializer_list<std::string_view> items);

}  // namespace urna::crypto
