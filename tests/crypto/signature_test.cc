#include "crypto/signature.h"

#include "tests/crypto/support.h"

namespace urna::crypto {
namespace {

Secret<base::Bytes32> Seed(const char* hex) {
  base::Bytes32 seed = Bytes32Of(hex);
  return Secret<base::Bytes32>(seed);
}

// RFC 8032, 7.1, test 2.
TEST(Ed25519Test, IsThatOfTheRfc) {
  const Ed25519Key key = Ed25519Key::FromSeed(
      Seed("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"));
  EXPECT_EQ(base::Hex(key.public_key()),
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  EXPECT_EQ(base::Hex(key.Sign("\x72")),
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
  EXPECT_TRUE(VerifyEd25519(key.public_key(), "\x72", key.Sign("\x72")));
}

TEST(Ed25519Test, RefusesEveryChangedInput) {
  const Ed25519Key key = Ed25519Key::New(), other = Ed25519Key::New();
  const Ed25519Signature signature = key.Sign("message");
  EXPECT_TRUE(VerifyEd25519(key.public_key(), "message", signature));
  EXPECT_FALSE(VerifyEd25519(other.public_key(), "message", signature));
  EXPECT_FALSE(VerifyEd25519(key.public_key(), "massage", signature));
  EXPECT_FALSE(VerifyEd25519(key.public_key(), "", signature));
  for (size_t i = 0; i < signature.size(); ++i) {
    Ed25519Signature changed = signature;
    changed[i] ^= 1;
    EXPECT_FALSE(VerifyEd25519(key.public_key(), "message", changed)) << i;
  }
  EXPECT_FALSE(VerifyEd25519(Ed25519Public{}, "message", Ed25519Signature{}));
}

TEST(Ed25519Test, SeedRestoresTheKey) {
  const Ed25519Key key = Ed25519Key::New();
  EXPECT_EQ(Ed25519Key::FromSeed(key.seed()).public_key(), key.public_key());
  EXPECT_NE(Ed25519Key::New().public_key(), key.public_key());
}

}  // namespace
}  // namespace urna::crypto
