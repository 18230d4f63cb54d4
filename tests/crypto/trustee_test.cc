#include "crypto/trustee.h"

#include "tests/crypto/support.h"

namespace urna::crypto {
namespace {

constexpr uint32_t kKeys = 2, kThreshold = 3, kTrustee = 2;

struct Ceremony {
  Hash32 poll = SomeHash(1);
  Dealer dealer = Dealer::New(kKeys, kThreshold);
  Deal deal = dealer.MakeDeal(poll, kTrustee);

  absl::Status Verify(const Deal& changed) const {
    return VerifyDeal(poll, kTrustee, kKeys, kThreshold, changed);
  }
};

Commitments CommitmentsOf(const nlohmann::json& rows) {
  Commitments out;
  for (const auto& row : rows) out.push_back(PointsOf(row));
  return out;
}

TEST(DealTest, VerifiesTheVector) {
  const auto v = Vectors("trustee.json");
  const Deal deal{CommitmentsOf(v["F"]), PointOf(v["pok"]["U"]), ScalarOf(v["pok"]["z"])};
  EXPECT_THAT(VerifyDeal(Bytes32Of(v["poll"]), 2, 3, 2, deal), Ok());
  EXPECT_THAT(VerifyDeal(Bytes32Of(v["poll"]), 1, 3, 2, deal), IsRejected("trustee.deal-invalid"));
}

TEST(DealTest, CommitmentIsThatOfTheVector) {
  const auto v = Vectors("derive.json")["deal"];
  const Hash32 poll = Bytes32Of(v["poll"]);
  const Deal deal{CommitmentsOf(v["F"]), PointOf(v["U"]), ScalarOf(v["z"])};
  const Hash32 commitment = DealCommitment(poll, 2, 2, deal);
  EXPECT_EQ(base::Hex(commitment), v["commitment"]);

  EXPECT_NE(DealCommitment(SomeHash(2), 2, 2, deal), commitment);
  EXPECT_NE(DealCommitment(poll, 3, 2, deal), commitment);
  EXPECT_NE(DealCommitment(poll, 2, 3, deal), commitment);
  for (size_t w = 0; w < deal.F.size(); ++w) {
    for (size_t k = 0; k < deal.F[w].size(); ++k) {
      Deal changed = deal;
      changed.F[w][k] += Point::Base();
      EXPECT_NE(DealCommitment(poll, 2, 2, changed), commitment);
    }
  }
  Deal changed = deal;
  changed.U += Point::Base();
  EXPECT_NE(DealCommitment(poll, 2, 2, changed), commitment);
  changed = deal;
  changed.z = changed.z + One();
  EXPECT_NE(DealCommitment(poll, 2, 2, changed), commitment);
}

TEST(DealTest, ChallengesAreThoseOfTheText) {
  const Ceremony c;
  SpecTranscript spec("trustee-key");
  spec.Append("poll", c.poll);
  spec.AppendNumber("trustee", kTrustee);
  spec.AppendNumber("threshold", kThreshold);
  for (const auto& row : c.deal.F) {
    for (const Point& F : row) spec.Append("F", F);
  }
  const Scalar rho = spec.Challenge("rho");
  spec.Append("U", c.deal.U);
  const Scalar x = spec.Challenge("x");
  EXPECT_EQ(MulBase(c.deal.z), c.deal.U + Mul(x, c.deal.F[0][0] + Mul(rho, c.deal.F[1][0])));
  EXPECT_THAT(c.Verify(c.deal), Ok());
}

TEST(DealTest, RefusesEveryChangedInput) {
  const Ceremony c;
  const std::string_view id = "trustee.deal-invalid";
  EXPECT_THAT(VerifyDeal(SomeHash(2), kTrustee, kKeys, kThreshold, c.deal), IsRejected(id));
  EXPECT_THAT(VerifyDeal(c.poll, kTrustee + 1, kKeys, kThreshold, c.deal), IsRejected(id));
  EXPECT_THAT(VerifyDeal(c.poll, 0, kKeys, kThreshold, c.deal), IsRejected(id));
  for (uint32_t w = 0; w < kKeys; ++w) {
    for (uint32_t k = 0; k < kThreshold; ++k) {
      Deal changed = c.deal;
      changed.F[w][k] += Point::Base();
      EXPECT_THAT(c.Verify(changed), IsRejected(id)) << w << " " << k;
    }
  }
  Deal changed = c.deal;
  changed.U += Point::Base();
  EXPECT_THAT(c.Verify(changed), IsRejected(id));
  changed = c.deal;
  changed.z = changed.z + One();
  EXPECT_THAT(c.Verify(changed), IsRejected(id));
  changed = c.deal;
  std::swap(changed.F[0], changed.F[1]);
  EXPECT_THAT(c.Verify(changed), IsRejected(id));
}

TEST(DealTest, RefusesAnotherShape) {
  const Ceremony c;
  const std::string_view id = "trustee.deal-invalid";
  EXPECT_THAT(VerifyDeal(c.poll, kTrustee, kKeys + 1, kThreshold, c.deal), IsRejected(id));
  EXPECT_THAT(VerifyDeal(c.poll, kTrustee, kKeys, kThreshold - 1, c.deal), IsRejected(id));
  Deal changed = c.deal;
  changed.F.back().pop_back();
  EXPECT_THAT(c.Verify(changed), IsRejected(id));
  changed = c.deal;
  changed.F.pop_back();
  EXPECT_THAT(c.Verify(changed), IsRejected(id));
  EXPECT_THAT(c.Verify(Deal{}), IsRejected(id));
  // A polynomial of a higher degree, honestly proven.
  EXPECT_THAT(c.Verify(Dealer::New(kKeys, kThreshold + 1).MakeDeal(c.poll, kTrustee)),
              IsRejected(id));
}

// The identity carries an honest proof when the dealer's secret is zero.
TEST(DealTest, RefusesAnIdentityInFOfZeroOnly) {
  const Hash32 poll = SomeHash(1);
  const auto dealer_with = [](size_t zero_at) {
    std::string bytes;
    for (size_t i = 0; i < kKeys * kThreshold; ++i) {
      bytes += (i == zero_at ? Scalar() : Scalar::Random()).view();
    }
    return Dealer::Deserialize(kKeys, kThreshold, SecretText(std::move(bytes))).value();
  };
  const Deal no_secret = dealer_with(kThreshold).MakeDeal(poll, kTrustee);
  ASSERT_TRUE(no_secret.F[1][0].IsIdentity());
  EXPECT_THAT(VerifyDeal(poll, kTrustee, kKeys, kThreshold, no_secret),
              IsRejected("trustee.deal-invalid"));
  const Deal no_slope = dealer_with(1).MakeDeal(poll, kTrustee);
  ASSERT_TRUE(no_slope.F[0][1].IsIdentity());
  EXPECT_THAT(VerifyDeal(poll, kTrustee, kKeys, kThreshold, no_slope), Ok());
}

// A rogue key: F made from another trustee's so that the sum is a key that the attacker knows.
TEST(DealTest, ARogueKeyHasNoProof) {
  const Ceremony victim;
  const Hash32& poll = victim.poll;
  const Dealer known = Dealer::New(kKeys, kThreshold);
  Deal rogue = known.MakeDeal(poll, 3);
  for (uint32_t w = 0; w < kKeys; ++w) rogue.F[w][0] = rogue.F[w][0] - victim.deal.F[w][0];
  EXPECT_THAT(VerifyDeal(poll, 3, kKeys, kThreshold, rogue), IsRejected("trustee.deal-invalid"));
  // Nor can the victim's own proof be presented again under another number.
  EXPECT_THAT(VerifyDeal(poll, 3, kKeys, kThreshold, victim.deal),
              IsRejected("trustee.deal-invalid"));
}

TEST(ShareTest, OpensForItsRecipientOnly) {
  const Ceremony c;
  const SealKey recipient = SealKey::New(), other = SealKey::New();
  const std::string sealed = c.dealer.SealShares(5, recipient.public_key);
  const auto shares = OpenShares(recipient, 5, c.deal, sealed);
  ASSERT_THAT(shares, Ok());
  for (uint32_t w = 0; w < kKeys; ++w) {
    Point expected;
    for (uint32_t k = 0, power = 1; k < kThreshold; ++k, power *= 5) {
      expected += Mul(Scalar::FromU64(power), c.deal.F[w][k]);
    }
    EXPECT_EQ(MulBase((*shares)[w]), expected);
  }
  const std::string_view id = "trustee.share-invalid";
  EXPECT_THAT(OpenShares(other, 5, c.deal, sealed), IsRejected(id));
  EXPECT_THAT(OpenShares(recipient, 4, c.deal, sealed), IsRejected(id));
  EXPECT_THAT(OpenShares(recipient, 0, c.deal, sealed), IsRejected(id));
}

TEST(ShareTest, RefusesDamagedOrForeignShares) {
  const Ceremony c, stranger;
  const SealKey recipient = SealKey::New();
  const std::string sealed = c.dealer.SealShares(5, recipient.public_key);
  const std::string_view id = "trustee.share-invalid";
  for (size_t i = 0; i < sealed.size(); i += 7) {
    std::string changed = sealed;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_THAT(OpenShares(recipient, 5, c.deal, changed), IsRejected(id)) << i;
  }
  EXPECT_THAT(OpenShares(recipient, 5, c.deal, sealed.substr(1)), IsRejected(id));
  EXPECT_THAT(OpenShares(recipient, 5, c.deal, sealed + '\0'), IsRejected(id));
  EXPECT_THAT(OpenShares(recipient, 5, c.deal, ""), IsRejected(id));
  EXPECT_THAT(OpenShares(recipient, 5, stranger.deal, sealed), IsRejected(id));
  EXPECT_THAT(OpenShares(recipient, 5, c.deal, c.dealer.SealShares(4, recipient.public_key)),
              IsRejected(id));
}

// A share that is right modulo q but not reduced would be a second encoding.
TEST(ShareTest, RefusesAShareNotBelowTheOrder) {
  const SealKey recipient = SealKey::New();
  std::string zero_secret(32, '\0');
  zero_secret[0] = 3;
  const Dealer dealer = Dealer::Deserialize(1, 1, SecretText(std::string(zero_secret))).value();
  const Deal deal = dealer.MakeDeal(SomeHash(1), 1);
  // q + 3
  const std::string plain =
      Unhexed("f0d3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  std::string sealed(plain.size() + crypto_box_SEALBYTES, '\0');
  ASSERT_EQ(crypto_box_seal(reinterpret_cast<uint8_t*>(sealed.data()), base::Data(plain),
                            plain.size(), recipient.public_key.data()),
            0);
  EXPECT_THAT(OpenShares(recipient, 1, deal, sealed), IsRejected("trustee.share-invalid"));
  EXPECT_THAT(OpenShares(recipient, 1, deal, dealer.SealShares(1, recipient.public_key)), Ok());
}

// A complaint reveals the recipient's secret: anybody then finds the same verdict.
TEST(ShareTest, ARevealedSecretLetsEveryoneJudge) {
  const Ceremony c, lying;
  const SealKey recipient = SealKey::New();
  base::Bytes32 revealed = recipient.secret.Expose();
  const SealKey judge = SealKey::FromSecret(Secret<base::Bytes32>(revealed));
  EXPECT_EQ(judge.public_key, recipient.public_key);
  EXPECT_THAT(OpenShares(judge, 1, c.deal, c.dealer.SealShares(1, recipient.public_key)), Ok());
  EXPECT_THAT(OpenShares(judge, 1, c.deal, lying.dealer.SealShares(1, recipient.public_key)),
              IsRejected("trustee.share-invalid"));
}

TEST(SealKeyTest, RefusesPointsOfSmallOrder) {
  EXPECT_THAT(CheckSealKey(SealKey::New().public_key), Ok());
  base::Bytes32 one{1};
  for (const base::Bytes32& bad :
       {base::Bytes32{}, one,
        Bytes32Of("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
        Bytes32Of("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
        Bytes32Of("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")}) {
    EXPECT_THAT(CheckSealKey(bad), IsRejected("trustee.seal-key-invalid"));
  }
}

TEST(SealKeyDeathTest, SharesAreNotSealedAtZeroOrToABadKey) {
  const Ceremony c;
  EXPECT_DEATH(c.dealer.SealShares(0, SealKey::New().public_key), "the secret itself");
  EXPECT_DEATH(c.dealer.SealShares(1, base::Bytes32{}), "CheckSealKey");
}

TEST(DealerTest, SurvivesItsFile) {
  const Ceremony c;
  const SecretText bytes = c.dealer.Serialize();
  EXPECT_EQ(bytes.Expose().size(), kKeys * kThreshold * 32u);
  const auto restored = Dealer::Deserialize(kKeys, kThreshold, bytes);
  ASSERT_THAT(restored, Ok());
  EXPECT_EQ(restored->MakeDeal(c.poll, kTrustee).F, c.deal.F);
  EXPECT_EQ(restored->Serialize().Expose(), bytes.Expose());
  const std::string_view id = "trustee.secret-malformed";
  EXPECT_THAT(Dealer::Deserialize(kKeys, kThreshold + 1, bytes), IsRejected(id));
  EXPECT_THAT(Dealer::Deserialize(0, kThreshold, SecretText()), IsRejected(id));
  EXPECT_THAT(Dealer::Deserialize(1, 1, SecretText(std::string(32, '\xff'))), IsRejected(id));
}

TEST(DealerTest, TwoDealsOfOneDealerShareNoNonce) {
  const Ceremony c;
  const Deal again = c.dealer.MakeDeal(c.poll, kTrustee);
  EXPECT_THAT(c.Verify(again), Ok());
  EXPECT_NE(again.U, c.deal.U);
}

TEST(ElectionKeysTest, AreTheSumsAndTheSharesLieOnThem) {
  std::vector<Dealer> dealers;
  std::vector<Deal> deals;
  for (uint32_t j = 1; j <= 4; ++j) {
    dealers.push_back(Dealer::New(kKeys, kThreshold));
    deals.push_back(dealers.back().MakeDeal(SomeHash(1), j));
  }
  const auto keys = ElectionKeys(deals);
  ASSERT_THAT(keys, Ok());
  for (uint32_t w = 0; w < kKeys; ++w) {
    EXPECT_EQ((*keys)[w],
              deals[0].F[w][0] + deals[1].F[w][0] + deals[2].F[w][0] + deals[3].F[w][0]);
  }
  for (uint32_t i = 1; i <= 4; ++i) {
    const SealKey recipient = SealKey::New();
    std::vector<std::vector<SecretScalar>> received;
    for (size_t j = 0; j < deals.size(); ++j) {
      auto shares =
          OpenShares(recipient, i, deals[j], dealers[j].SealShares(i, recipient.public_key));
      received.push_back(std::move(shares).value());
    }
    const std::vector<SecretScalar> secrets = CombineShares(received);
    const std::vector<Point> shares = PublicShares(deals, i);
    ASSERT_EQ(secrets.size(), kKeys);
    for (uint32_t w = 0; w < kKeys; ++w) EXPECT_EQ(MulBase(secrets[w]), shares[w]);
  }
}

TEST(ElectionKeysTest, RefusesDegenerateKeys) {
  std::vector<Deal> deals = {Dealer::New(kKeys, 1).MakeDeal(SomeHash(1), 1)};
  deals.push_back(deals[0]);
  deals[1].F[1][0] = Point() - deals[0].F[1][0];
  EXPECT_THAT(ElectionKeys(deals), IsRejected("trustee.key-degenerate"));
  deals[1].F[1][0] = deals[0].F[0][0] + deals[1].F[0][0] - deals[0].F[1][0];
  EXPECT_THAT(ElectionKeys(deals), IsRejected("trustee.key-degenerate"));
}

}  // namespace
}  // namespace urna::crypto
