// What a dishonest mixer may try. Each attack names the equations that stop it: the slow verifier
// finds exactly these broken, so that without them the attack would succeed.

#include <algorithm>
#include <cstdlib>
#include <map>

#include "tests/crypto/shuffle_support.h"

namespace urna::crypto {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr std::string_view kRefused = "mix.proof-invalid";

std::vector<size_t> InOrder(size_t n) {
  std::vector<size_t> order(n);
  for (size_t i = 0; i < n; ++i) order[i] = i;
  return order;
}

class ShuffleAttackTest : public testing::Test {
 protected:
  SpecMixer Prover(std::vector<size_t> order = {2, 0, 3, 1}) const {
    return {mix.statement, mix.inputs, PermutationMatrix(order)};
  }
  std::set<std::string> Broken(const MixProof& proof) const {
    return SpecBroken(mix.statement, mix.inputs, proof, SpecBases(mix.inputs.size()));
  }
  Point& Output(MixProof& proof, size_t i, size_t k) const {
    return proof.out.points[i * mix.inputs.columns() + k];
  }

  const TestMix mix{4, 2};
};

TEST_F(ShuffleAttackTest, WithoutACheatTheSlowProverIsBelieved) {
  const MixProof proof = Prover().Prove();
  EXPECT_THAT(Broken(proof), IsEmpty());
  EXPECT_THAT(mix.Verify(proof), Ok());
}

// A ballot of the mixer's own in the place of another's.
TEST_F(ShuffleAttackTest, ABallotIsReplaced) {
  SpecMixer prover = Prover();
  prover.change_outputs = [this](MixProof& proof) {
    const Scalar r = Scalar::Random();
    Output(proof, 1, 0) = MulBase(r);
    Output(proof, 1, 1) = Mul(r, mix.statement.keys[0]) + Point::Base();
    Output(proof, 1, 2) = Mul(r, mix.statement.keys[1]) + Point::Base();
  };
  const MixProof proof = prover.Prove();
  EXPECT_THAT(Broken(proof), UnorderedElementsAre("t4/0", "t4/1", "t4/2"));
  EXPECT_THAT(mix.Verify(proof), IsRejected(kRefused));
}

TEST_F(ShuffleAttackTest, ABallotIsDroppedAndAnotherCountedTwice) {
  SpecMixer prover = Prover({0, 1, 2, 0});
  MixProof proof = prover.Prove();
  EXPECT_THAT(Broken(proof), UnorderedElementsAre("t2", "t4/0", "t4/1", "t4/2"));
  EXPECT_THAT(mix.Verify(proof), IsRejected(kRefused));
  // Committed to a permutation, but mixed otherwise.
  prover.mixed = PermutationMatrix({0, 1, 2, 0});
  prover.committed = PermutationMatrix({0, 1, 2, 3});
  proof = prover.Prove();
  EXPECT_THAT(Broken(proof), UnorderedElementsAre("t4/0", "t4/1", "t4/2"));
  EXPECT_THAT(mix.Verify(proof), IsRejected(kRefused));
}

// A tag would let the mixer find one voter's ballot again when it is decrypted.
TEST_F(ShuffleAttackTest, AVoteIsTagged) {
  for (size_t k = 0; k < 3; ++k) {
    SpecMixer prover = Prover();
    prover.change_outputs = [&](MixProof& proof) {
      Output(proof, 2, k) += MulBase(Scalar::FromU64(1'000'003));
    };
    const MixProof proof = prover.Prove();
    EXPECT_THAT(Broken(proof), ElementsAre("t4/" + std::to_string(k)));
    EXPECT_THAT(mix.Verify(proof), IsRejected(kRefused)) << k;
  }
}

TEST_F(ShuffleAttackTest, AComponentIsMultiplied) {
  for (size_t k = 0; k < 3; ++k) {
    SpecMixer prover = Prover();
    prover.change_outputs = [&](MixProof& proof) {
      Output(proof, 0, k) = Mul(Scalar::FromU64(2), Output(proof, 0, k));
    };
    const MixProof proof = prover.Prove();
    EXPECT_THAT(Broken(proof), ElementsAre("t4/" + std::to_string(k)));
    EXPECT_THAT(mix.Verify(proof), IsRejected(kRefused)) << k;
  }
  // All of a vector: twice the randomness and twice the votes.
  SpecMixer prover = Prover();
  prover.mixed[0][2] = Scalar::FromU64(2);
  EXPECT_THAT(mix.Verify(prover.Prove()), IsRejected(kRefused));
}

TEST_F(ShuffleAttackTest, OneComponentIsReencryptedByAnotherExponent) {
  for (size_t k = 0; k < 3; ++k) {
    SpecMixer prover = Prover();
    prover.change_outputs = [&](MixProof& proof) {
      Output(proof, 3, k) += k == 0 ? Point::Base() : mix.statement.keys[k - 1];
    };
    const MixProof proof = prover.Prove();
    EXPECT_THAT(Broken(proof), ElementsAre("t4/" + std::to_string(k)));
    EXPECT_THAT(mix.Verify(proof), IsRejected(kRefused)) << k;
  }
}

TEST_F(ShuffleAttackTest, ComponentsOfTwoBallotsChangePlaces) {
  SpecMixer prover = Prover();
  prover.change_outputs = [this](MixProof& proof) {
    std::swap(Output(proof, 0, 2), Output(proof, 1, 2));
  };
  const MixProof proof = prover.Prove();
  EXPECT_THAT(Broken(proof), ElementsAre("t4/2"));
  EXPECT_THAT(mix.Verify(proof), IsRejected(kRefused));
}

Matrix Numbers(const std::vector<std::vector<int>>& rows) {
  Matrix out;
  for (const auto& row : rows) {
    auto& numbers = out.emplace_back();
    for (const int value : row) {
      const Scalar size = Scalar::FromU64(static_cast<uint64_t>(std::abs(value)));
      numbers.push_back(value < 0 ? -size : size);
    }
  }
  return out;
}

// A matrix whose rows sum to one, and outputs mixed by its inverse transposed: every equation but
// that of the product holds, and votes are no longer those of the voters.
TEST_F(ShuffleAttackTest, AMatrixThatIsNoPermutationFailsByItsProduct) {
  const TestMix two(2, 2);
  SpecMixer prover{two.statement, two.inputs, Numbers({{2, -1}, {-1, 2}})};
  const Scalar third = Scalar::FromU64(3).Invert();
  prover.mixed = Numbers({{2, 1}, {1, 2}});
  for (auto& row : prover.mixed) {
    for (Scalar& value : row) value = value * third;
  }
  const MixProof proof = prover.Prove();
  EXPECT_THAT(SpecBroken(two.statement, two.inputs, proof, SpecBases(2)), ElementsAre("t2"));
  EXPECT_THAT(two.Verify(proof), IsRejected(kRefused));
}

// A repeated index and another that makes up for it.
TEST_F(ShuffleAttackTest, ARepeatedIndexWithACompensatingOneFails) {
  SpecMixer prover = Prover();
  prover.committed = Numbers({{1, 0, 0, 0}, {1, 0, 0, 0}, {-1, 1, 1, 0}, {0, 0, 0, 1}});
  prover.mixed = prover.committed;
  const MixProof proof = prover.Prove();
  EXPECT_THAT(Broken(proof), UnorderedElementsAre("t2", "t4/0", "t4/1", "t4/2"));
  EXPECT_THAT(mix.Verify(proof), IsRejected(kRefused));
}

// Scaled rows keep the product and the outputs, but not the sums of the rows.
TEST_F(ShuffleAttackTest, AScaledPermutationFailsByItsRowSums) {
  SpecMixer prover = Prover(InOrder(4));
  const Scalar two = Scalar::FromU64(2), half = two.Invert();
  prover.committed[0][0] = two;
  prover.committed[1][1] = half;
  prover.mixed[0][0] = half;
  prover.mixed[1][1] = two;
  const MixProof proof = prover.Prove();
  EXPECT_THAT(Broken(proof), ElementsAre("t1"));
  EXPECT_THAT(mix.Verify(proof), IsRejected(kRefused));
}

// Exponents other than those committed to, of which the outputs would be a mix.
TEST_F(ShuffleAttackTest, TheChainIsOfOtherExponents) {
  SpecMixer prover = Prover();
  prover.change_commitments = [](MixProof& proof) { proof.chain[1] += Point::Base(); };
  const MixProof proof = prover.Prove();
  EXPECT_THAT(Broken(proof), UnorderedElementsAre("chain/1", "chain/2"));
  EXPECT_THAT(mix.Verify(proof), IsRejected(kRefused));
}

TEST_F(ShuffleAttackTest, CommitmentsAreMadeToOtherBases) {
  SpecMixer prover = Prover();
  prover.change_outputs = [](MixProof& proof) {
    proof.c[0] += Point::Base();
    proof.c[1] = proof.c[1] - Point::Base();
  };
  const MixProof proof = prover.Prove();
  EXPECT_THAT(Broken(proof), ElementsAre("t3"));
  EXPECT_THAT(mix.Verify(proof), IsRejected(kRefused));
}

// Who knew the logarithms of the bases could open the commitments to anything. The verifier derives
// them itself; the mixer has no say.
TEST_F(ShuffleAttackTest, BasesOfKnownLogarithmOpenToAnything) {
  TestMix forged(0, 1);
  const MixStatement& statement = forged.statement;
  const auto encrypt = [&](VectorList& list, uint64_t vote, const Scalar& r) {
    list.points.push_back(MulBase(r));
    list.points.push_back(Mul(r, statement.keys[0]) + MulBase(Scalar::FromU64(vote)));
  };
  const std::vector<Scalar> r_in = {Scalar::Random(), Scalar::Random()};
  const std::vector<Scalar> r_out = {Scalar::Random(), Scalar::Random()};
  MixProof proof;
  proof.out.width = 1;
  encrypt(forged.inputs, 1, r_in[0]);
  encrypt(forged.inputs, 2, r_in[1]);
  encrypt(proof.out, 5, r_out[0]);  // votes that nobody cast
  encrypt(proof.out, 7, r_out[1]);
  std::vector<Scalar> a, c;  // logarithms of h_0 .. h_2, and of c_0, c_1
  std::vector<Point> known;
  for (int i = 0; i < 3; ++i) {
    a.push_back(Scalar::Random());
    known.push_back(MulBase(a.back()));
  }
  for (int i = 0; i < 2; ++i) {
    c.push_back(Scalar::Random());
    proof.c.push_back(MulBase(c.back()));
  }
  SpecMixTranscript transcript;
  const auto u = SpecExponents(SpecChallengeU(transcript, statement, forged.inputs, proof), 2);
  // 5 u'_0 + 7 u'_1 = u_0 + 2 u_1
  std::vector<Scalar> u_out = {Scalar::Random(), Scalar()};
  u_out[1] = (u[0] + Scalar::FromU64(2) * u[1] - Scalar::FromU64(5) * u_out[0]) *
             Scalar::FromU64(7).Invert();
  const std::vector<Scalar> chain = {Scalar::Random(), Scalar::Random()};  // logarithms
  for (const Scalar& log : chain) proof.chain.push_back(MulBase(log));
  const auto n = [] { return Scalar::Random(); };
  const std::vector<Scalar> omega = {n(), n(), n(), n()}, omega_chain = {n(), n()},
                            omega_out = {n(), n()};
  proof.t = {MulBase(omega[0]), MulBase(omega[1]),
             MulBase(omega[2]) + Mul(omega_out[0], known[1]) + Mul(omega_out[1], known[2])};
  for (size_t k = 0; k < 2; ++k) {
    proof.t.push_back(Mul(omega_out[0], proof.out.points[k]) +
                      Mul(omega_out[1], proof.out.points[2 + k]) -
                      Mul(omega[3], k == 0 ? Point::Base() : statement.keys[0]));
  }
  proof.t_chain = {MulBase(omega_chain[0]) + Mul(omega_out[0], known[0]),
                   MulBase(omega_chain[1]) + Mul(omega_out[1], proof.chain[0])};
  const Scalar x = SpecChallengeX(transcript, proof);
  const Scalar open1 = c[0] + c[1] - a[1] - a[2];
  const Scalar open2 = chain[1] - u[0] * u[1] * a[0];
  const Scalar open3 = u[0] * c[0] + u[1] * c[1] - u_out[0] * a[1] - u_out[1] * a[2];
  const Scalar open4 = u_out[0] * r_out[0] + u_out[1] * r_out[1] - u[0] * r_in[0] - u[1] * r_in[1];
  proof.s = {omega[0] + x * open1, omega[1] + x * open2, omega[2] + x * open3,
             omega[3] + x * open4};
  proof.s_chain = {omega_chain[0] + x * (chain[0] - u_out[0] * a[0]),
                   omega_chain[1] + x * (chain[1] - u_out[1] * chain[0])};
  proof.s_out = {omega_out[0] + x * u_out[0], omega_out[1] + x * u_out[1]};
  EXPECT_THAT(SpecBroken(statement, forged.inputs, proof, known), IsEmpty());
  EXPECT_THAT(SpecBroken(statement, forged.inputs, proof, SpecBases(2)), testing::Not(IsEmpty()));
  EXPECT_THAT(forged.Verify(proof), IsRejected(kRefused));
}

// A proof whose challenges leave one item out would be good for any value of that item.
TEST_F(ShuffleAttackTest, EveryItemIsBoundByTheChallenges) {
  const std::map<std::string, size_t> items = {
      {"opening", 1}, {"closed", 1}, {"contest", 1}, {"mixer", 1}, {"K", 2},
      {"in", 12},     {"out", 12},   {"c", 4},       {"chain", 4}, {"t", 10}};
  for (const auto& [label, count] : items) {
    for (size_t index = 0; index < count; ++index) {
      SpecMixer prover = Prover();
      prover.unbound = {label, index};
      const MixProof proof = prover.Prove();
      EXPECT_THAT(SpecBroken(mix.statement, mix.inputs, proof, SpecBases(4), {label, index}),
                  IsEmpty());
      EXPECT_THAT(mix.Verify(proof), IsRejected(kRefused)) << label << " " << index;
    }
  }
}

TEST_F(ShuffleAttackTest, AProofForAnotherPollContestOrMixerIsRefused) {
  const std::vector<std::string> parts = mix.Mixed();
  ASSERT_THAT(mix.Verify(parts), Ok());
  const auto refused = [&](const std::function<void(MixStatement&)>& change) {
    MixStatement other = mix.statement;
    change(other);
    EXPECT_THAT(VerifyParts(other, mix.inputs, parts), IsRejected(kRefused));
  };
  refused([](MixStatement& s) { s.opening = SomeHash(9); });
  refused([](MixStatement& s) { s.closed = SomeHash(9); });
  refused([](MixStatement& s) { s.contest = "inne"; });
  refused([](MixStatement& s) { s.mixer = 2; });
  refused([](MixStatement& s) { std::swap(s.keys[0], s.keys[1]); });
  refused([](MixStatement& s) { s.keys[1] += Point::Base(); });
  for (size_t i = 0; i < mix.inputs.points.size(); ++i) {
    VectorList other = mix.inputs;
    other.points[i] += Point::Base();
    EXPECT_THAT(VerifyParts(mix.statement, other, parts), IsRejected(kRefused)) << i;
  }
  // The inputs in another order are other inputs.
  VectorList turned = mix.inputs;
  std::rotate(turned.points.begin(), turned.points.begin() + 3, turned.points.end());
  EXPECT_THAT(VerifyParts(mix.statement, turned, parts), IsRejected(kRefused));
}

// Errors that would cancel out in a sum without weights.
TEST_F(ShuffleAttackTest, ErrorsDoNotCompensateEachOther) {
  const Scalar d = Scalar::Random();
  const Point D = MulBase(d);
  const auto changed = [&](const std::function<void(MixProof&)>& change) {
    MixProof proof = Prover().Prove();
    change(proof);
    EXPECT_THAT(mix.Verify(proof), IsRejected(kRefused));
  };
  // All of these are taken times G.
  changed([&](MixProof& p) { p.s[0] = p.s[0] + d, p.s[1] = p.s[1] - d; });
  changed([&](MixProof& p) { p.s[2] = p.s[2] + d, p.s_chain[0] = p.s_chain[0] - d; });
  changed([&](MixProof& p) { p.s_chain[1] = p.s_chain[1] + d, p.s_chain[2] = p.s_chain[2] - d; });
  // Commitments, before they are hashed: of two equations, of two components, of two links.
  for (const auto& [one, other] : std::vector<std::pair<size_t, size_t>>{{0, 1}, {2, 3}, {4, 5}}) {
    SpecMixer prover = Prover();
    prover.change_commitments = [&, one = one, other = other](MixProof& proof) {
      proof.t[one] += D;
      proof.t[other] = proof.t[other] - D;
    };
    EXPECT_THAT(mix.Verify(prover.Prove()), IsRejected(kRefused)) << one;
  }
  SpecMixer prover = Prover();
  prover.change_commitments = [&](MixProof& proof) {
    proof.t_chain[0] += D;
    proof.t_chain[3] = proof.t_chain[3] - D;
  };
  EXPECT_THAT(mix.Verify(prover.Prove()), IsRejected(kRefused));
}

// A vote moved from one component to another, and from one ballot to another, leaves the sums.
TEST_F(ShuffleAttackTest, ErrorsOfOutputsDoNotCompensateEachOther) {
  const auto moved = [&](size_t i, size_t k, size_t other_i, size_t other_k) {
    SpecMixer prover = Prover();
    prover.change_outputs = [&](MixProof& proof) {
      Output(proof, i, k) += Point::Base();
      Output(proof, other_i, other_k) = Output(proof, other_i, other_k) - Point::Base();
    };
    EXPECT_THAT(mix.Verify(prover.Prove()), IsRejected(kRefused));
  };
  moved(0, 1, 0, 2);
  moved(0, 1, 1, 1);
  moved(0, 0, 3, 2);
}

// Each mix is judged by itself: what is wrong in one is not made up for by another.
TEST_F(ShuffleAttackTest, ErrorsOfTwoMixesDoNotCompensateEachOther) {
  const TestMix other(4, 2);
  const Scalar d = Scalar::Random();
  MixProof one = Prover().Prove();
  MixProof two = SpecMixer{other.statement, other.inputs, PermutationMatrix(InOrder(4))}.Prove();
  one.s[0] = one.s[0] + d;
  two.s[0] = two.s[0] - d;
  EXPECT_THAT(mix.Verify(one), IsRejected(kRefused));
  EXPECT_THAT(other.Verify(two), IsRejected(kRefused));
}

TEST_F(ShuffleAttackTest, PartsInAnotherOrderAreRefused) {
  std::vector<std::string> parts = mix.Mixed();
  // Both hold a point for each ballot.
  std::swap(parts[1], parts[2]);
  EXPECT_THAT(mix.Verify(parts), IsRejected(kRefused));
  parts = mix.Mixed();
  std::swap(parts[0], parts[3]);
  EXPECT_THAT(mix.Verify(parts), IsRejected("mix.malformed"));
}

// Who knows a ballot's randomness could cancel it, and no trustee could prove its decryption.
TEST_F(ShuffleAttackTest, AnOutputWhoseRIsTheIdentityIsRefusedThoughProven) {
  SpecMixer prover = Prover();
  prover.change_outputs = [this](MixProof& proof) { Output(proof, 1, 0) = Point(); };
  EXPECT_THAT(mix.Verify(prover.Prove()), IsRejected("point.identity"));
}

}  // namespace
}  // namespace urna::crypto
