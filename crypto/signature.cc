#include "crypto/signature.h"

#include <sodium.h>

namespace urna::crypto {

Ed25519Key Ed25519Key::New() {
  Secret<base::Bytes32> seed;
  randombytes_buf(seed.Expose().data(), seed.Expose().size());
  return FromSeed(seed);
}

Ed25519Key Ed25519Key::FromSeed(const Secret<base::Bytes32>& seed) {
  Ed25519Key key;
  key.seed_.Expose() = seed.Expose();
  crypto_sign_seed_keypair(key.public_.data(), key.secret_.Expose().data(), seed.Expose().data());
  return key;
}

Ed25519Signature Ed25519Key::Sign(std::string_view message) const {
  Ed25519Signature signature;
  crypto_sign_detached(signature.data(), nullptr, base::Data(message), message.size(),
                       secret_.Expose().data());
  return signature;
}

bool VerifyEd25519(const Ed25519Public& key, std::string_view message,
                   const Ed25519Signature& signature) {
  return crypto_sign_verify_detached(signature.data(), base::Data(message), message.size(),
                                     key.data()) == 0;
}

bool IsEd25519PublicKey(const Ed25519Public& key) {
  return crypto_core_ed25519_is_valid_point(key.data()) == 1;
}

}  // namespace urna::crypto
