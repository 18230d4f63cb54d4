#include "crypto/decryption.h"

#include <numeric>

#include "crypto/trustee.h"
#include "tests/crypto/support.h"

namespace urna::crypto {
namespace {

// The outcome of a key ceremony of n trustees, any t of whom decrypt.
struct Trustees {
  std::vector<Deal> deals;
  std::vector<Point> keys;
  std::vector<std::vector<SecretScalar>> secrets;  // by trustee from 0
  std::vector<std::vector<Point>> public_shares;

  Trustees(uint32_t t, uint32_t n, uint32_t key_count) {
    const Hash32 poll = SomeHash(1);
    std::vector<Dealer> dealers;
    for (uint32_t j = 1; j <= n; ++j) {
      dealers.push_back(Dealer::New(key_count, t));
      deals.push_back(dealers.back().MakeDeal(poll, j));
      EXPECT_THAT(VerifyDeal(poll, j, key_count, t, deals.back()), Ok());
    }
    keys = ElectionKeys(deals).value();
    for (uint32_t i = 1; i <= n; ++i) {
      const SealKey recipient = SealKey::New();
      std::vector<std::vector<SecretScalar>> received;
      for (uint32_t j = 0; j < n; ++j) {
        const std::string sealed = dealers[j].SealShares(i, recipient.public_key);
        received.push_back(OpenShares(recipient, i, deals[j], sealed).value());
      }
      secrets.push_back(CombineShares(received));
      public_shares.push_back(PublicShares(deals, i));
    }
  }
};

struct Encrypted {
  Point R;
  std::vector<Point> C;
};
Encrypted Encrypt(const std::vector<Point>& keys, const std::vector<uint64_t>& values) {
  const Scalar r = Scalar::Random();
  Encrypted out{MulBase(r), {}};
  for (size_t w = 0; w < values.size(); ++w) {
    out.C.push_back(Mul(r, keys[w]) + MulBase(Scalar::FromU64(values[w])));
  }
  return out;
}

DecryptionStatement StatementOf(uint32_t trustee, std::span<const Point> R,
                                std::span<const Point> P) {
  return {SomeHash(3), SomeHash(4), "p1", trustee, R, P};
}

TEST(DecryptionTest, VerifiesTheVector) {
  const auto v = Vectors("trustee.json");
  const auto& d = v["decryption"];
  const std::string contest = d["contest"];
  const std::vector<Point> R = PointsOf(d["R"]), P = PointsOf(d["P"]);
  DecryptionShare share{{}, PointOf(d["U"]), PointOf(d["V"]), ScalarOf(d["z"])};
  for (const auto& row : d["D"]) {
    for (const Point& point : PointsOf(row)) share.D.push_back(point);
  }
  const DecryptionStatement statement{
      Bytes32Of(v["opening"]), Bytes32Of(v["closed"]), contest, d["trustee"], R, P};
  EXPECT_THAT(VerifyDecryptionShare(statement, share), Ok());
}

TEST(DecryptionTest, AnyThresholdOfTrusteesTallies) {
  for (const auto& [t, n] : std::vector<std::pair<uint32_t, uint32_t>>{{1, 1}, {2, 3}, {3, 5}}) {
    const Trustees trustees(t, n, 3);
    // Three ballots, added without decrypting any.
    Encrypted sum{Point(), std::vector<Point>(3)};
    for (const std::vector<uint64_t>& votes :
         std::vector<std::vector<uint64_t>>{{1, 0, 5}, {0, 0, 7}, {1, 0, 255}}) {
      const Encrypted ballot = Encrypt(trustees.keys, votes);
      sum.R += ballot.R;
      for (size_t w = 0; w < 3; ++w) sum.C[w] += ballot.C[w];
    }
    // Every subset of t of the n trustees.
    for (uint32_t subset = 0; subset < (1u << n); ++subset) {
      if (static_cast<uint32_t>(std::popcount(subset)) != t) continue;
      std::vector<uint32_t> who;
      std::vector<std::vector<Point>> shares;
      for (uint32_t i = 1; i <= n; ++i) {
        if ((subset >> (i - 1) & 1) == 0) continue;
        const auto statement = StatementOf(i, {&sum.R, 1}, trustees.public_shares[i - 1]);
        const auto share = MakeDecryptionShare(statement, trustees.secrets[i - 1]);
        ASSERT_THAT(VerifyDecryptionShare(statement, share), Ok());
        who.push_back(i);
        shares.push_back(share.D);
      }
      const std::vector<Point> totals = CombineDecryption(sum.C, who, shares);
      EXPECT_EQ(DiscreteLogVartime(totals[0], 3).value(), 2u);
      EXPECT_EQ(DiscreteLogVartime(totals[1], 3).value(), 0u);
      EXPECT_EQ(DiscreteLogVartime(totals[2], 3 * 255).value(), 267u);
    }
  }
}

TEST(DecryptionTest, FewerThanTheThresholdGetNoTally) {
  const Trustees trustees(3, 4, 1);
  const Encrypted ballot = Encrypt(trustees.keys, {1});
  const std::vector<uint32_t> who = {1, 4};
  std::vector<std::vector<Point>> shares;
  for (const uint32_t i : who) shares.push_back({Mul(trustees.secrets[i - 1][0], ballot.R)});
  const std::vector<Point> totals = CombineDecryption(ballot.C, who, shares);
  EXPECT_THAT(DiscreteLogVartime(totals[0], 1000), IsRejected("tally.out-of-bound"));
}

// One bad share among t+1: it is named, the other t still tally.
TEST(DecryptionTest, ABadShareIsNamedAndStopsNobodyElse) {
  const Trustees trustees(2, 3, 1);
  const Encrypted ballot = Encrypt(trustees.keys, {7});
  std::vector<uint32_t> who;
  std::vector<std::vector<Point>> shares;
  for (uint32_t i = 1; i <= 3; ++i) {
    const auto statement = StatementOf(i, {&ballot.R, 1}, trustees.public_shares[i - 1]);
    auto share = MakeDecryptionShare(statement, trustees.secrets[i - 1]);
    if (i == 2) share.D[0] += Point::Base();
    const absl::Status verdict = VerifyDecryptionShare(statement, share);
    if (i == 2) {
      EXPECT_THAT(verdict, IsRejected("decryption.share-invalid"));
      EXPECT_THAT(std::string(verdict.message()), testing::HasSubstr("trustee 2"));
      continue;
    }
    ASSERT_THAT(verdict, Ok());
    who.push_back(i);
    shares.push_back(share.D);
  }
  EXPECT_EQ(DiscreteLogVartime(CombineDecryption(ballot.C, who, shares)[0], 10).value(), 7u);
}

class DecryptionProofTest : public testing::Test {
 protected:
  DecryptionProofTest() {
    for (int b = 0; b < 3; ++b) R.push_back(MulBase(Scalar::Random()));
    share = MakeDecryptionShare(Statement(), trustees.secrets[0]);
  }
  DecryptionStatement Statement() const { return StatementOf(1, R, trustees.public_shares[0]); }

  Trustees trustees{1, 1, 2};
  std::vector<Point> R;
  DecryptionShare share;
};

// More terms than are multiplied at once, in rows that the limit cuts.
TEST(DecryptionTest, AShareOfManyCiphertextsIsCheckedToTheLast) {
  const Trustees trustees(1, 1, 3);
  std::vector<Point> R;
  vartime::Element next = ToElement(MulBase(Scalar::Random()));
  std::vector<vartime::Element> elements;
  for (size_t b = 0; b < 5600; ++b) elements.push_back(next += vartime::Element::Base());
  R = ToPoints(elements);
  const auto statement = StatementOf(1, R, trustees.public_shares[0]);
  DecryptionShare share = MakeDecryptionShare(statement, trustees.secrets[0]);
  EXPECT_THAT(VerifyDecryptionShare(statement, share), Ok());
  for (const size_t at : {size_t{0}, size_t{16383}, size_t{16384}, share.D.size() - 1}) {
    DecryptionShare bad = share;
    bad.D[at] += Point::Base();
    EXPECT_THAT(VerifyDecryptionShare(statement, bad), IsRejected("decryption.share-invalid"));
  }
  std::swap(share.D[0], share.D[3 * 5500]);
  EXPECT_THAT(VerifyDecryptionShare(statement, share), IsRejected("decryption.share-invalid"));
}

TEST_F(DecryptionProofTest, ChallengesAreThoseOfTheText) {
  SpecTranscript spec("decryption");
  spec.Append("opening", SomeHash(3));
  spec.Append("closed", SomeHash(4));
  spec.Append("contest", "p1");
  spec.AppendNumber("trustee", 1);
  for (const Point& point : R) spec.Append("R", point);
  const std::vector<Point>& P = trustees.public_shares[0];
  for (const Point& point : P) spec.Append("P", point);
  for (const Point& point : share.D) spec.Append("D", point);
  const Scalar sigma = spec.Challenge("sigma");
  const Scalar rho = spec.Challenge("rho");
  spec.Append("U", share.U);
  spec.Append("V", share.V);
  const Scalar x = spec.Challenge("x");
  const auto fold = [&sigma](const Point& a, const Point& b, const Point& c) {
    return a + Mul(sigma, b) + Mul(sigma * sigma, c);
  };
  const Point D0 = fold(share.D[0], share.D[2], share.D[4]);
  const Point D1 = fold(share.D[1], share.D[3], share.D[5]);
  EXPECT_EQ(MulBase(share.z), share.U + Mul(x, P[0] + Mul(rho, P[1])));
  EXPECT_EQ(Mul(share.z, fold(R[0], R[1], R[2])), share.V + Mul(x, D0 + Mul(rho, D1)));
  EXPECT_THAT(VerifyDecryptionShare(Statement(), share), Ok());
}

TEST_F(DecryptionProofTest, RefusesEveryChangedInput) {
  const std::string_view id = "decryption.share-invalid";
  DecryptionStatement other = Statement();
  other.opening = SomeHash(9);
  EXPECT_THAT(VerifyDecryptionShare(other, share), IsRejected(id));
  other = Statement();
  other.closed = SomeHash(9);
  EXPECT_THAT(VerifyDecryptionShare(other, share), IsRejected(id));
  other = Statement();
  other.contest = "p2";
  EXPECT_THAT(VerifyDecryptionShare(other, share), IsRejected(id));
  other = Statement();
  other.trustee = 2;
  EXPECT_THAT(VerifyDecryptionShare(other, share), IsRejected(id));

  const Point G = Point::Base();
  for (size_t b = 0; b < R.size(); ++b) {
    std::vector<Point> changed = R;
    changed[b] += G;
    other = Statement();
    other.R = changed;
    EXPECT_THAT(VerifyDecryptionShare(other, share), IsRejected(id));
  }
  for (size_t w = 0; w < 2; ++w) {
    std::vector<Point> changed = trustees.public_shares[0];
    changed[w] += G;
    other = Statement();
    other.P = changed;
    EXPECT_THAT(VerifyDecryptionShare(other, share), IsRejected(id));
    for (size_t b = 0; b < R.size(); ++b) {
      DecryptionShare bad = share;
      bad.D[2 * b + w] += G;
      EXPECT_THAT(VerifyDecryptionShare(Statement(), bad), IsRejected(id));
    }
  }
  DecryptionShare bad = share;
  bad.U += G;
  EXPECT_THAT(VerifyDecryptionShare(Statement(), bad), IsRejected(id));
  bad = share;
  bad.V += G;
  EXPECT_THAT(VerifyDecryptionShare(Statement(), bad), IsRejected(id));
  bad = share;
  bad.z = bad.z + One();
  EXPECT_THAT(VerifyDecryptionShare(Statement(), bad), IsRejected(id));
}

// Errors that cancel in the plain sum are caught by the weights sigma and rho.
TEST_F(DecryptionProofTest, RefusesErrorsThatCancel) {
  DecryptionShare bad = share;
  bad.D[0] += Point::Base();
  bad.D[2] = bad.D[2] - Point::Base();
  EXPECT_THAT(VerifyDecryptionShare(Statement(), bad), IsRejected("decryption.share-invalid"));
  bad = share;
  bad.D[0] += Point::Base();
  bad.D[1] = bad.D[1] - Point::Base();
  EXPECT_THAT(VerifyDecryptionShare(Statement(), bad), IsRejected("decryption.share-invalid"));
  bad = share;
  std::swap(bad.D[0], bad.D[1]);
  EXPECT_THAT(VerifyDecryptionShare(Statement(), bad), IsRejected("decryption.share-invalid"));
}

TEST_F(DecryptionProofTest, RefusesAWrongKeyProvenHonestly) {
  const Trustees others(1, 1, 2);
  const auto false_share = MakeDecryptionShare(Statement(), others.secrets[0]);
  EXPECT_THAT(VerifyDecryptionShare(Statement(), false_share),
              IsRejected("decryption.share-invalid"));
}

// The trustee knows its key, proves so and hashes everything; only what it publishes as D is false.
TEST_F(DecryptionProofTest, RefusesFalseDecryptionsUnderAnHonestProofOfTheKey) {
  const std::vector<SecretScalar>& k = trustees.secrets[0];
  DecryptionShare lie = share;
  for (size_t b = 0; b < R.size(); ++b) lie.D[2 * b + 1] += Point::Base();
  SpecTranscript spec("decryption");
  spec.Append("opening", SomeHash(3));
  spec.Append("closed", SomeHash(4));
  spec.Append("contest", "p1");
  spec.AppendNumber("trustee", 1);
  for (const Point& point : R) spec.Append("R", point);
  for (const Point& point : trustees.public_shares[0]) spec.Append("P", point);
  for (const Point& point : lie.D) spec.Append("D", point);
  const Scalar sigma = spec.Challenge("sigma"), rho = spec.Challenge("rho");
  const SecretScalar u = SecretScalar::Random();
  lie.U = MulBase(u);
  lie.V = Mul(u, R[0] + Mul(sigma, R[1]) + Mul(sigma * sigma, R[2]));
  spec.Append("U", lie.U);
  spec.Append("V", lie.V);
  const Scalar x = spec.Challenge("x");
  lie.z = (u + (k[0] + k[1] * rho) * x).Publish();
  const std::vector<Point>& P = trustees.public_shares[0];
  ASSERT_EQ(MulBase(lie.z), lie.U + Mul(x, P[0] + Mul(rho, P[1])));
  EXPECT_THAT(VerifyDecryptionShare(Statement(), lie), IsRejected("decryption.share-invalid"));
}

TEST_F(DecryptionProofTest, RefusesAnotherShapeAndIdentities) {
  const std::string_view id = "decryption.share-invalid";
  DecryptionShare bad = share;
  bad.D.pop_back();
  EXPECT_THAT(VerifyDecryptionShare(Statement(), bad), IsRejected(id));
  bad = share;
  bad.D.push_back(Point::Base());
  EXPECT_THAT(VerifyDecryptionShare(Statement(), bad), IsRejected(id));
  EXPECT_THAT(VerifyDecryptionShare(Statement(), DecryptionShare{}), IsRejected(id));
  DecryptionStatement empty = Statement();
  empty.R = {};
  EXPECT_THAT(VerifyDecryptionShare(empty, DecryptionShare{}), IsRejected(id));

  // Honest proofs of degenerate statements.
  const std::vector<Point> identity(1);
  const std::vector<Point> generator{Point::Base()};
  std::vector<SecretScalar> zero(1), one(1);
  one[0] = SecretScalar::FromU64(1);
  const auto no_key = StatementOf(1, generator, identity);
  EXPECT_THAT(VerifyDecryptionShare(no_key, MakeDecryptionShare(no_key, zero)), IsRejected(id));
  const auto no_ciphertext = StatementOf(1, identity, generator);
  EXPECT_THAT(VerifyDecryptionShare(no_ciphertext, MakeDecryptionShare(no_ciphertext, one)),
              IsRejected(id));
  // Beside another ciphertext V is not the identity: the rule for R alone refuses it.
  const std::vector<Point> one_of_two{Point(), Point::Base()};
  const auto mixed = StatementOf(1, one_of_two, generator);
  EXPECT_THAT(VerifyDecryptionShare(mixed, MakeDecryptionShare(mixed, one)), IsRejected(id));
  const auto self_test = StatementOf(1, generator, generator);
  EXPECT_THAT(VerifyDecryptionShare(self_test, MakeDecryptionShare(self_test, one)), Ok());
}

// Values of `count` ciphertexts and what the trustees numbered so would publish for them.
struct ManySmall {
  ManySmall(const std::vector<uint32_t>& trustees, size_t count, uint32_t bound) {
    // A polynomial of as many coefficients as there are trustees.
    std::vector<Scalar> coefficients;
    for (size_t k = 0; k < trustees.size(); ++k) coefficients.push_back(Scalar::Random());
    std::vector<Scalar> keys;
    for (const uint32_t i : trustees) {
      Scalar key, power = One();
      for (const Scalar& coefficient : coefficients) {
        key = key + coefficient * power;
        power = power * Scalar::FromU64(i);
      }
      keys.push_back(key);
    }
    D.resize(trustees.size());
    vartime::Element R;
    for (size_t b = 0; b < count; ++b) {
      R += vartime::Element::Base();  // r = b + 1
      const Scalar r = Scalar::FromU64(b + 1);
      values.push_back(static_cast<uint32_t>(b * 7 % (bound + 1)));
      C.push_back(MulBase(r * coefficients[0] + Scalar::FromU64(values.back())));
      for (size_t i = 0; i < trustees.size(); ++i) D[i].push_back(MulBase(r * keys[i]));
    }
  }
  std::vector<Point> C;
  std::vector<std::vector<Point>> D;
  std::vector<uint32_t> values;
};

// Multipliers with and without a common denominator, of both signs, and long ones.
TEST(DecryptSmallTest, AnyTrusteesDecryptEveryValue) {
  for (const auto& trustees : std::vector<std::vector<uint32_t>>{
           {1}, {7}, {1, 2}, {2, 1}, {5, 1, 3}, {2, 3, 5, 9}, {3, 1000003, 77, 65536, 999}}) {
    const ManySmall many(trustees, 300, 255);
    const auto values = DecryptSmall(many.C, trustees, many.D, 255);
    ASSERT_THAT(values, Ok());
    EXPECT_EQ(*values, many.values) << trustees.size() << " from " << trustees[0];
  }
}

TEST(DecryptSmallTest, MoreThanAreDecryptedTogether) {
  const std::vector<uint32_t> trustees = {1, 3};
  const ManySmall many(trustees, 2050, 15);
  EXPECT_EQ(DecryptSmall(many.C, trustees, many.D, 15).value(), many.values);
  EXPECT_THAT(DecryptSmall({}, trustees, std::vector<std::vector<Point>>(2), 15).value(),
              testing::IsEmpty());
}

TEST(DecryptSmallTest, NamesTheValueBeyondTheBound) {
  const std::vector<uint32_t> trustees = {2, 3};
  ManySmall many(trustees, 1100, 255);
  ASSERT_EQ(many.values[36], 252u);
  EXPECT_THAT(DecryptSmall(many.C, trustees, many.D, 255), Ok());
  many.C[1050] += MulBase(Scalar::FromU64(256));
  const auto beyond = DecryptSmall(many.C, trustees, many.D, 255);
  EXPECT_THAT(beyond, IsRejected("tally.out-of-bound"));
  EXPECT_THAT(std::string(beyond.status().message()), testing::HasSubstr("value 1050:"));
  // A value that is right, of a trustee whose point is wrong.
  many = ManySmall(trustees, 3, 255);
  many.D[1][2] += MulBase(Scalar::FromU64(1000));
  EXPECT_THAT(DecryptSmall(many.C, trustees, many.D, 255), IsRejected("tally.out-of-bound"));
}

TEST(LagrangeTest, InterpolatesAtZero) {
  const std::vector<uint32_t> trustees = {2, 7, 3};
  // f(X) = 11 + 5X + 4X^2
  Scalar sum;
  for (const uint32_t i : trustees) {
    sum = sum + LagrangeWeight(i, trustees) * Scalar::FromU64(11 + 5 * i + 4 * i * i);
  }
  EXPECT_EQ(sum, Scalar::FromU64(11));
  EXPECT_EQ(LagrangeWeight(9, std::vector<uint32_t>{9}), One());
}

TEST(LagrangeDeathTest, IndexZeroTwiceOrMissingAborts) {
  EXPECT_DEATH(LagrangeWeight(1, std::vector<uint32_t>{1, 0}), "count from 1");
  EXPECT_DEATH(LagrangeWeight(0, std::vector<uint32_t>{1, 0}), "count from 1");
  EXPECT_DEATH(LagrangeWeight(1, std::vector<uint32_t>{1, 2, 1}), "repeated");
  EXPECT_DEATH(LagrangeWeight(1, std::vector<uint32_t>{1, 2, 2}), "repeated");
  EXPECT_DEATH(LagrangeWeight(3, std::vector<uint32_t>{1, 2}), "missing");
}

TEST(DiscreteLogTest, FindsEveryValueUpToTheBound) {
  for (const uint64_t bound : {0, 1, 2, 3, 4, 15, 16, 17, 63, 100}) {
    Point point;
    for (uint64_t v = 0; v <= bound; ++v) {
      EXPECT_EQ(DiscreteLogVartime(point, bound).value(), v) << bound;
      point += Point::Base();
    }
    EXPECT_THAT(DiscreteLogVartime(point, bound), IsRejected("tally.out-of-bound")) << bound;
  }
}

TEST(DiscreteLogTest, RefusesWhatIsBeyondTheBound) {
  EXPECT_THAT(DiscreteLogVartime(Point::Base(), 0), IsRejected("tally.out-of-bound"));
  EXPECT_THAT(DiscreteLogVartime(MulBase(Scalar::FromU64(10001)), 10000),
              IsRejected("tally.out-of-bound"));
  EXPECT_THAT(DiscreteLogVartime(MulBase(-One()), 10000), IsRejected("tally.out-of-bound"));
  EXPECT_THAT(DiscreteLogVartime(MulBase(Scalar::Random()), 10000),
              IsRejected("tally.out-of-bound"));
}

TEST(DiscreteLogTest, ManagesALargeBound) {
  const uint64_t bound = uint64_t{1} << 32;
  for (const uint64_t v : {bound, bound - 65537}) {
    EXPECT_EQ(DiscreteLogVartime(MulBase(Scalar::FromU64(v)), bound).value(), v);
  }
}

}  // namespace
}  // namespace urna::crypto
