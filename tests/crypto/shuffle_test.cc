#include "crypto/shuffle.h"

#include <algorithm>
#include <map>

#include "crypto/vartime/ifma.h"
#include "tests/crypto/shuffle_support.h"

namespace urna::crypto {
namespace {

struct Vector {
  MixStatement statement;
  VectorList inputs;
  MixProof proof;
};

VectorList ListOf(const nlohmann::json& rows) {
  VectorList out;
  for (const auto& row : rows) {
    out.points.push_back(PointOf(row[0]));
    for (const Point& C : PointsOf(row[1])) out.points.push_back(C);
    out.width = row[1].size();
  }
  return out;
}

Vector TheVector() {
  const auto v = Vectors("shuffle.json");
  Vector out;
  out.statement = {Bytes32Of(v["opening"]), Bytes32Of(v["closed"]), "projekty", 1,
                   PointsOf(v["K"])};
  out.inputs = ListOf(v["input"]);
  out.proof.out = ListOf(v["output"]);
  out.proof.c = PointsOf(v["c"]);
  out.proof.chain = PointsOf(v["chain"]);
  const auto& t = v["t"];
  out.proof.t = {PointOf(t[0]), PointOf(t[1]), PointOf(t[2])};
  for (const Point& t4 : PointsOf(t[3])) out.proof.t.push_back(t4);
  out.proof.t_chain = PointsOf(t[4]);
  const auto scalars = [](const nlohmann::json& list) {
    std::vector<Scalar> all;
    for (const auto& hex : list) all.push_back(ScalarOf(hex));
    return all;
  };
  out.proof.s = scalars(v["s"]);
  out.proof.s_chain = scalars(v["s_hat"]);
  out.proof.s_out = scalars(v["s_prime"]);
  return out;
}

TEST(ShuffleVectorTest, Verifies) {
  const Vector v = TheVector();
  EXPECT_EQ(v.inputs.size(), 5u);
  EXPECT_THAT(VerifyParts(v.statement, v.inputs, PartsOf(v.proof)), Ok());
  EXPECT_THAT(SpecBroken(v.statement, v.inputs, v.proof, SpecBases(5)), testing::IsEmpty());
}

TEST(ShuffleVectorTest, IsRefusedWithAnyItemChanged) {
  const Vector v = TheVector();
  const std::vector<std::string> parts = PartsOf(v.proof);
  const MixLayout layout(v.inputs.size(), v.inputs.width);
  for (size_t p = 0; p < parts.size(); ++p) {
    const MixPart part = DecodeMixPart(layout.part(p), parts[p]).value();
    for (size_t i = 0; i < layout.part(p).items(); ++i) {
      MixPart changed = part;
      if (layout.part(p).scalars()) {
        changed.scalars[i] = changed.scalars[i] + One();
      } else {
        changed.points[i] += Point::Base();
      }
      std::vector<std::string> all = parts;
      all[p] = EncodeMixPart(changed);
      EXPECT_THAT(VerifyParts(v.statement, v.inputs, all), IsRejected("mix.proof-invalid"))
          << p << " " << i;
    }
  }
}

class ShuffleTest : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    vartime::ifma_allowed = GetParam();
    if (GetParam() && !vartime::HasIfma()) GTEST_SKIP() << "this processor has no AVX-512 IFMA";
  }
  void TearDown() override { vartime::ifma_allowed = true; }
};
INSTANTIATE_TEST_SUITE_P(Ifma, ShuffleTest, testing::Bool());

// Against the text: the mixer's proof by the slow verifier, the slow prover's by the verifier.
TEST_P(ShuffleTest, ProvesAndVerifiesWhatTheTextSays) {
  for (const auto& [ballots, width] : std::vector<std::pair<size_t, size_t>>{
           {0, 1}, {0, 3}, {1, 1}, {1, 2}, {2, 1}, {2, 3}, {3, 1}, {9, 2}}) {
    SCOPED_TRACE(testing::Message() << ballots << " ballots of width " << width);
    const TestMix mix(ballots, width);
    const std::vector<std::string> parts = mix.Mixed();
    EXPECT_THAT(mix.Verify(parts), Ok());
    const MixProof proof = ProofOf(ballots, width, parts);
    EXPECT_EQ(PartsOf(proof), parts);
    EXPECT_THAT(SpecBroken(mix.statement, mix.inputs, proof, SpecBases(ballots)),
                testing::IsEmpty());
    std::vector<size_t> order(ballots);
    for (size_t i = 0; i < ballots; ++i) order[i] = ballots - 1 - i;
    EXPECT_THAT(mix.Verify(SpecMixer{mix.statement, mix.inputs, PermutationMatrix(order)}.Prove()),
                Ok());
  }
}

// More ballots than a part holds, than are worked on at once, and than a transcript keeps.
TEST_P(ShuffleTest, MixesMoreThanFitsAPart) {
  const TestMix mix(1'030, 3);
  const MixLayout layout(1'030, 3);
  EXPECT_EQ(layout.output_parts(), 3u);
  const std::vector<std::string> parts = mix.Mixed();
  ASSERT_EQ(parts.size(), layout.part_count());
  for (size_t p = 0; p < parts.size(); ++p) {
    EXPECT_EQ(parts[p].size(), layout.part(p).bytes());
    EXPECT_LE(parts[p].size(), 65'280u);
  }
  EXPECT_THAT(mix.Verify(parts), Ok());
  const MixProof proof = ProofOf(1'030, 3, parts);
  SpecMixTranscript transcript;
  const Scalar u = SpecChallengeU(transcript, mix.statement, mix.inputs, proof);
  const Scalar x = SpecChallengeX(transcript, proof);
  // t1 and t2 alone hold both challenges.
  const std::vector<Point> h = SpecBases(1'030);
  Point sum;
  Scalar product = One();
  for (size_t i = 0; i < 1'030; ++i) sum = sum + proof.c[i] - h[i + 1];
  for (const Scalar& u_i : SpecExponents(u, 1'030)) product = product * u_i;
  EXPECT_EQ(MulBase(proof.s[0]), proof.t[0] + Mul(x, sum));
  EXPECT_EQ(MulBase(proof.s[1]), proof.t[1] + Mul(x, proof.chain.back() - Mul(product, h[0])));
}

TEST_P(ShuffleTest, OneMixerAfterAnotherKeepsEveryVote) {
  TestMix mix(40, 2);
  std::vector<std::vector<Point>> before = mix.Decrypt(mix.inputs);
  VectorList list = mix.inputs;
  for (uint32_t mixer = 1; mixer <= 3; ++mixer) {
    mix.statement.mixer = mixer;
    mix.inputs = list;
    const std::vector<std::string> parts = mix.Mixed();
    MixVerifier verifier(mix.statement, mix.inputs);
    for (const std::string& part : parts) ASSERT_THAT(verifier.Add(part), Ok());
    list = std::move(verifier).Finish().value();
    for (const Point& point : list.points) {
      EXPECT_EQ(std::count(mix.inputs.points.begin(), mix.inputs.points.end(), point), 0);
    }
  }
  std::vector<std::vector<Point>> after = mix.Decrypt(list);
  EXPECT_NE(before, after);
  const auto order = [](const std::vector<Point>& a, const std::vector<Point>& b) {
    return a[0].bytes() < b[0].bytes();
  };
  std::sort(before.begin(), before.end(), order);
  std::sort(after.begin(), after.end(), order);
  EXPECT_EQ(before, after);
}

TEST(ShuffleTest, TakesEveryOrder) {
  const TestMix mix(3, 1);
  const auto votes = mix.Decrypt(mix.inputs);
  std::map<std::vector<size_t>, int> seen;
  for (int i = 0; i < 300; ++i) {
    std::vector<size_t> order;
    for (const auto& vote : mix.Decrypt(ProofOf(3, 1, mix.Mixed()).out)) {
      order.push_back(
          static_cast<size_t>(std::find(votes.begin(), votes.end(), vote) - votes.begin()));
    }
    ++seen[order];
  }
  // Each of six misses 300 times with probability 2^-78.
  EXPECT_EQ(seen.size(), 6u);
}

TEST(ShuffleTest, NoRandomnessIsUsedTwice) {
  const TestMix mix(4, 2);
  const MixProof one = ProofOf(4, 2, mix.Mixed()), two = ProofOf(4, 2, mix.Mixed());
  for (const auto& [a, b] : {std::pair(one.out.points, two.out.points), std::pair(one.c, two.c),
                             std::pair(one.chain, two.chain), std::pair(one.t, two.t),
                             std::pair(one.t_chain, two.t_chain)}) {
    for (const Point& point : a) EXPECT_EQ(std::count(b.begin(), b.end(), point), 0);
  }
}

TEST(ShuffleTest, AnErrorOfTheSinkStopsTheMixer) {
  const TestMix mix(3, 1);
  int parts = 0;
  const auto outputs = Mix(mix.statement, mix.inputs, [&parts](std::string_view) {
    return ++parts == 2 ? absl::CancelledError("interrupted") : absl::OkStatus();
  });
  EXPECT_EQ(outputs.status(), absl::CancelledError("interrupted"));
  EXPECT_EQ(parts, 2);
}

TEST(ShuffleTest, NoMixerEncryptsToTheIdentity) {
  TestMix mix(2, 2);
  mix.statement.keys[1] = Point();
  const auto outputs =
      Mix(mix.statement, mix.inputs, [](std::string_view) { return absl::OkStatus(); });
  EXPECT_EQ(outputs.status().code(), absl::StatusCode::kFailedPrecondition);
}

class MixPartTest : public testing::Test {
 protected:
  const TestMix mix{3, 2};
  const MixLayout layout{3, 2};
  const std::vector<std::string> parts = mix.Mixed();
};

TEST_F(MixPartTest, RoundTrips) {
  for (size_t p = 0; p < parts.size(); ++p) {
    const auto part = DecodeMixPart(layout.part(p), parts[p]);
    ASSERT_THAT(part, Ok());
    EXPECT_EQ(EncodeMixPart(*part), parts[p]);
  }
}

TEST_F(MixPartTest, RefusesOtherSizes) {
  for (size_t p = 0; p < parts.size(); ++p) {
    const MixLayout::Part& place = layout.part(p);
    for (const std::string& bytes :
         {std::string(), parts[p].substr(1), parts[p].substr(0, parts[p].size() - 32),
          parts[p] + '\0', parts[p] + parts[p].substr(0, 32)}) {
      EXPECT_THAT(DecodeMixPart(place, bytes), IsRejected("mix.malformed")) << p;
    }
  }
}

TEST_F(MixPartTest, RefusesItemsThatAreNotCanonical) {
  for (size_t p = 0; p < parts.size(); ++p) {
    for (size_t i = 0; i < layout.part(p).items(); ++i) {
      std::string bytes = parts[p];
      bytes.replace(32 * i, 32, std::string(32, '\xff'));
      EXPECT_THAT(
          DecodeMixPart(layout.part(p), bytes),
          IsRejected(layout.part(p).scalars() ? "scalar.not-canonical" : "point.not-canonical"));
    }
  }
}

TEST_F(MixPartTest, RefusesTheIdentityAsAnOutputsROnly) {
  for (size_t p = 0; p < parts.size(); ++p) {
    for (size_t i = 0; i < layout.part(p).items(); ++i) {
      std::string bytes = parts[p];
      bytes.replace(32 * i, 32, std::string(32, '\0'));
      const auto part = DecodeMixPart(layout.part(p), bytes);
      if (p < layout.output_parts() && i % 3 == 0) {
        EXPECT_THAT(part, IsRejected("point.identity"));
        EXPECT_THAT(std::string(part.status().message()),
                    testing::HasSubstr("row " + std::to_string(i / 3)));
      } else {
        EXPECT_THAT(part, Ok());
      }
    }
  }
}

TEST_F(MixPartTest, ARefusedPartMayComeAgain) {
  MixVerifier verifier(mix.statement, mix.inputs);
  for (const std::string& part : parts) {
    EXPECT_THAT(verifier.Add(part.substr(1)), IsRejected("mix.malformed"));
    EXPECT_THAT(verifier.Add(part), Ok());
  }
  EXPECT_THAT(verifier.Add(parts.back()), IsRejected("mix.malformed"));
  EXPECT_THAT(std::move(verifier).Finish(), Ok());
}

TEST_F(MixPartTest, WithoutItsLastPartAMixIsIncomplete) {
  for (size_t count = 0; count < parts.size(); ++count) {
    const std::vector<std::string> some(parts.begin(),
                                        parts.begin() + static_cast<ptrdiff_t>(count));
    EXPECT_THAT(mix.Verify(some), IsRejected("mix.incomplete")) << count;
  }
}

}  // namespace
}  // namespace urna::crypto
