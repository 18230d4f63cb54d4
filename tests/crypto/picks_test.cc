#include "crypto/picks.h"

#include "crypto/decryption.h"
#include "tests/crypto/support.h"

namespace urna::crypto {
namespace {

Point Multiple(uint64_t n) { return MulBase(Scalar::FromU64(n)); }

// Slots under keys that are known: the composite is the pick under the composite key.
struct Keys {
  explicit Keys(uint32_t slots) {
    for (uint32_t i = 0; i < slots; ++i) {
      secrets.push_back(SecretScalar::Random());
      keys.push_back(MulBase(secrets.back()));
    }
  }
  Ciphertext Encrypt(std::span<const uint32_t> values) const {
    const Scalar r = Scalar::Random();
    Ciphertext out{MulBase(r), {}};
    for (size_t i = 0; i < values.size(); ++i) {
      out.C.push_back(Mul(r, keys[i]) + Multiple(values[i]));
    }
    return out;
  }
  std::vector<SecretScalar> secrets;
  std::vector<Point> keys;
};

TEST(PicksTest, ACompositeOfTwoDigitsDecryptsToThePick) {
  constexpr uint32_t kPicks = 3;
  const Keys keys(2 * kPicks + 1);  // a poll may have more keys than the contest has slots
  const std::vector<std::vector<uint32_t>> ballots = {
      {0, 1, 0, 0, 15, 15}, {1, 0, 0, 15, 0, 0}, {2, 5, 15, 0, 7, 7}};
  const std::vector<std::vector<uint32_t>> picks = {{1, 0, 255}, {16, 15, 0}, {37, 240, 119}};
  // More than are composed together.
  std::vector<Ciphertext> ciphertexts;
  for (size_t b = 0; b < 300; ++b) ciphertexts.push_back(keys.Encrypt(ballots[b % 3]));
  VectorList list{.width = kPicks, .points = {}};
  AppendComposites(ciphertexts, kPicks, &list);
  ASSERT_EQ(list.size(), ciphertexts.size());

  const std::vector<Point> composite_keys = CompositeKeys(keys.keys, kPicks);
  const std::vector<SecretScalar> composite_secrets = CompositeSecrets(keys.secrets, kPicks);
  ASSERT_EQ(composite_keys.size(), kPicks);
  ASSERT_EQ(composite_secrets.size(), kPicks);
  std::vector<Point> C, D;
  for (size_t b = 0; b < list.size(); ++b) {
    EXPECT_EQ(list.points[4 * b], ciphertexts[b].R);
    for (size_t p = 0; p < kPicks; ++p) {
      C.push_back(list.points[4 * b + 1 + p]);
      D.push_back(Mul(composite_secrets[p], ciphertexts[b].R));
    }
  }
  for (size_t p = 0; p < kPicks; ++p) EXPECT_EQ(composite_keys[p], MulBase(composite_secrets[p]));
  const auto values =
      DecryptSmall(C, std::vector<uint32_t>{1}, std::vector<std::vector<Point>>{D}, kLargestPick);
  ASSERT_THAT(values, Ok());
  for (size_t b = 0; b < list.size(); ++b) {
    for (size_t p = 0; p < kPicks; ++p) EXPECT_EQ((*values)[3 * b + p], picks[b % 3][p]) << b;
  }
}

TEST(PicksTest, AListGoesOnWhereItEnded) {
  const Keys keys(2);
  const std::vector<Ciphertext> ciphertexts = {keys.Encrypt(std::vector<uint32_t>{0, 3}),
                                               keys.Encrypt(std::vector<uint32_t>{4, 0})};
  VectorList at_once{.width = 1, .points = {}}, one_by_one = at_once;
  AppendComposites(ciphertexts, 1, &at_once);
  AppendComposites({ciphertexts.data(), 1}, 1, &one_by_one);
  AppendComposites({ciphertexts.data() + 1, 1}, 1, &one_by_one);
  EXPECT_EQ(at_once.points, one_by_one.points);
  AppendComposites({}, 1, &one_by_one);
  EXPECT_EQ(at_once.points, one_by_one.points);
}

TEST(PicksDeathTest, AnotherShapeAborts) {
  const Keys keys(3);
  EXPECT_DEATH(CompositeKeys(keys.keys, 2), "two keys");
  EXPECT_DEATH(CompositeSecrets(keys.secrets, 2), "two secrets");
  const std::vector<Ciphertext> three = {keys.Encrypt(std::vector<uint32_t>{0, 3, 1})};
  VectorList list{.width = 1, .points = {}};
  EXPECT_DEATH(AppendComposites(three, 1, &list), "two slots");
  EXPECT_DEATH(AppendComposites(three, 2, &list), "width");
}

}  // namespace
}  // namespace urna::crypto
