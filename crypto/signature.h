#pragma once

#include <array>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/bytes.h"
#include "crypto/secret.h"

namespace urna::crypto {

/// Ed25519 (RFC 8032) through libsodium: officials, trustees, issuers' records, checkpoints.

using Ed25519Public = base::Bytes32;
using Ed25519Signature = std::array<uint8_t, 64>;

class Ed25519Key {
 public:
  static Ed25519Key New();
  static Ed25519Key FromSeed(const Secret<base::Bytes32>& seed);

  const Ed25519Public& public_key() const { return public_; }
  Ed25519Signature Sign(std::string_view message) const;
  /// The 32-byte seed, for an encrypted key file.
  const Secret<base::Bytes32>& seed() const { return seed_; }

 private:
  Ed25519Key() = default;
  Secret<base::Bytes32> seed_;
  Secret<std::array<uint8_t, 64>> secret_;
  Ed25519Public public_;
};

bool VerifyEd25519(const Ed25519Public& key, std::string_view message,
                   const Ed25519Signature& signature);

/// True iff `key` is the canonical encoding of a point of the prime-order subgroup, the identity
/// excluded: nobody can make one signature that fits many messages under it.
bool IsEd25519PublicKey(const Ed25519Public& key);

}  // namespace urna::crypto
