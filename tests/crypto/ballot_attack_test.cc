#include <functional>

#include "tests/crypto/ballot_support.h"

namespace urna::crypto {
namespace {

constexpr char kInvalid[] = "ballot.proof-invalid";

// Two contests of different rules, two issuers, one ballot.
class BallotAttackTest : public testing::Test {
 protected:
  TestPoll poll{{{"p1", Choose{1, 1, 2}}, {"p2", Choose{0, 2, 3}}}, 2};
  Ballot ballot = poll.Vote({{1, 0}, {0, 1, 1}}, 3);

  void SetUp() override { ASSERT_THAT(poll.Check(ballot), Ok()); }
};

TEST_F(BallotAttackTest, EveryChangedPointIsRefused) {
  const auto points = [](Ballot& b) {
    std::vector<std::pair<std::string, Point*>> out = {{"A_b", &b.proof.A_b}};
    for (Ciphertext& contest : b.contests) {
      out.push_back({"R", &contest.R});
      for (Point& C : contest.C) out.push_back({"C", &C});
    }
    for (auto& contest : b.proof.contests) {
      out.push_back({"A", &contest.A});
      for (Point& B : contest.B) out.push_back({"B", &B});
    }
    for (Point& E : b.proof.E) out.push_back({"E", &E});
    return out;
  };
  const size_t count = points(ballot).size();
  EXPECT_EQ(count, 1u + 3 + 4 + 3 + 4 + 3);
  for (size_t i = 0; i < count; ++i) {
    for (const Point& delta : {Point::Base(), PedersenH(), poll.context.keys[0]}) {
      Ballot changed = ballot;
      const auto [name, point] = points(changed)[i];
      *point += delta;
      EXPECT_THAT(poll.Check(changed), IsRejected(kInvalid)) << name << " " << i;
    }
  }
}

TEST_F(BallotAttackTest, EveryChangedScalarIsRefused) {
  const auto scalars = [](Ballot& b) {
    std::vector<std::pair<std::string, Scalar*>> out = {{"z_b", &b.proof.z_b},
                                                        {"tau", &b.proof.tau}};
    for (auto& contest : b.proof.contests) {
      out.push_back({"z", &contest.z});
      for (Scalar& f : contest.f) out.push_back({"f", &f});
    }
    return out;
  };
  for (size_t i = 0; i < scalars(ballot).size(); ++i) {
    Ballot changed = ballot;
    const auto [name, scalar] = scalars(changed)[i];
    *scalar = *scalar + One();
    EXPECT_THAT(poll.Check(changed), IsRejected(kInvalid)) << name << " " << i;
    *scalar = Scalar();
    EXPECT_THAT(poll.Check(changed), IsRejected(kInvalid)) << name << " " << i;
  }
}

TEST_F(BallotAttackTest, EveryChangedTokenFieldIsRefused) {
  for (size_t i = 0; i < ballot.tokens.size(); ++i) {
    for (Scalar Token::*field : {&Token::c, &Token::s, &Token::y, &Token::t}) {
      Ballot changed = ballot;
      changed.tokens[i].*field = changed.tokens[i].*field + One();
      EXPECT_THAT(poll.Check(changed), IsRejected("token.invalid"));
      changed.tokens[i].*field = Scalar();
      EXPECT_THAT(poll.Check(changed), IsRejected("token.invalid"));
    }
  }
}

// Tokens are valid by themselves in these: only the ballot's proof can notice.
TEST_F(BallotAttackTest, AProofOfAnotherOpeningIsRefused) {
  BallotContext other = poll.context;
  other.opening = SomeHash(2);
  EXPECT_THAT(TestPoll::CheckIn(other, ballot), IsRejected(kInvalid));
}

TEST_F(BallotAttackTest, AProofOfAnotherStyleIsRefused) {
  BallotContext other = poll.context;
  for (const char* style : {"miast", "miasto2", ""}) {
    other.shape.style = style;
    EXPECT_THAT(TestPoll::CheckIn(other, ballot), IsRejected(kInvalid));
  }
}

TEST_F(BallotAttackTest, AProofOfAnotherContestIsRefused) {
  BallotContext other = poll.context;
  other.shape.contests[1].id = "p3";
  EXPECT_THAT(TestPoll::CheckIn(other, ballot), IsRejected(kInvalid));
  std::swap(other.shape.contests[0].id, other.shape.contests[1].id);
  EXPECT_THAT(TestPoll::CheckIn(other, ballot), IsRejected(kInvalid));
}

TEST_F(BallotAttackTest, AProofOfAnotherRevisionIsRefused) {
  for (const uint16_t revision : {1, 2, 4, 259}) {
    Ballot changed = ballot;
    changed.revision = revision;
    EXPECT_THAT(poll.Check(changed), IsRejected(kInvalid)) << revision;
  }
}

TEST_F(BallotAttackTest, AProofOfOtherElectionKeysIsRefused) {
  BallotContext other = poll.context;
  other.keys[2] += Point::Base();
  EXPECT_THAT(TestPoll::CheckIn(other, ballot), IsRejected(kInvalid));
  other = poll.context;
  std::swap(other.keys[0], other.keys[1]);
  EXPECT_THAT(TestPoll::CheckIn(other, ballot), IsRejected(kInvalid));
}

TEST_F(BallotAttackTest, AProofOfALaxerRuleIsRefused) {
  BallotContext lax = poll.context;
  lax.shape.contests[0].rule = Choose{0, 1, 2};
  const Ballot blank = BallotAttacks::Forge(lax, poll.key, poll.tokens, {{0, 0}, {0, 1, 1}});
  ASSERT_THAT(TestPoll::CheckIn(lax, blank), Ok());
  // d is the same, so only the equations tell them apart.
  ASSERT_EQ(lax.shape.degree(), poll.context.shape.degree());
  EXPECT_THAT(poll.Check(blank), IsRejected(kInvalid));
}

// Somebody else's encrypted votes, proof and all, under one's own key and tokens.
TEST_F(BallotAttackTest, AWholeBallotCannotBeCopiedUnderAnotherKey) {
  const BallotKey thief = DeriveBallotKey(NewOmega(), poll.context.opening);
  Ballot copy = ballot;
  copy.ballot_key = thief.BK;
  EXPECT_THAT(poll.Check(copy), IsRejected("token.invalid"));
  copy.tokens = poll.TokensFor(thief.BK, poll.context.issuers);
  EXPECT_THAT(poll.Check(copy), IsRejected(kInvalid));
  // Nor does it help to sign with one's own key for the challenge that the copy now has.
  const SecretScalar a = SecretScalar::Random();
  copy.proof.A_b = MulBase(a);
  Transcript transcript = BallotTranscript(poll.context, copy);
  transcript.Append("Abk", copy.proof.A_b);
  for (const auto& contest : copy.proof.contests) {
    transcript.Append("A", contest.A);
    for (const Point& B : contest.B) transcript.Append("B", B);
  }
  transcript.Challenge("y");
  for (const Point& E : copy.proof.E) transcript.Append("E", E);
  copy.proof.z_b = (thief.b * transcript.Challenge("x") + a).Publish();
  EXPECT_THAT(poll.Check(copy), IsRejected(kInvalid));
}

TEST_F(BallotAttackTest, ACopiedContestIsRefusedWithAndWithoutItsProof) {
  const TestPoll& p = poll;
  const Ballot victim = p.Vote({{0, 1}, {1, 0, 0}});
  for (size_t c = 0; c < 2; ++c) {
    Ballot copy = ballot;
    copy.contests[c] = victim.contests[c];
    EXPECT_THAT(p.Check(copy), IsRejected(kInvalid));
    copy.proof.contests[c] = victim.proof.contests[c];
    EXPECT_THAT(p.Check(copy), IsRejected(kInvalid));
    Ballot slot = ballot;
    slot.contests[c].C[0] = victim.contests[c].C[0];
    slot.proof.contests[c].B[0] = victim.proof.contests[c].B[0];
    slot.proof.contests[c].f[0] = victim.proof.contests[c].f[0];
    EXPECT_THAT(p.Check(slot), IsRejected(kInvalid));
  }
}

TEST_F(BallotAttackTest, ARerandomisedCopyIsRefused) {
  const Scalar s = Scalar::Random();
  Ballot copy = ballot;
  copy.contests[0].R += MulBase(s);
  for (size_t i = 0; i < 2; ++i) copy.contests[0].C[i] += Mul(s, poll.context.keys[i]);
  EXPECT_THAT(poll.Check(copy), IsRejected(kInvalid));
}

// The copier even knows by how much it was re-randomised, and adjusts the response to the old
// challenge; the challenge binds R and C, so the response answers another one.
TEST_F(BallotAttackTest, ARerandomisedCopyWithAnAdjustedResponseIsRefused) {
  Transcript transcript = BallotTranscript(poll.context, ballot);
  transcript.Append("Abk", ballot.proof.A_b);
  for (const auto& contest : ballot.proof.contests) {
    transcript.Append("A", contest.A);
    for (const Point& B : contest.B) transcript.Append("B", B);
  }
  transcript.Challenge("y");
  for (const Point& E : ballot.proof.E) transcript.Append("E", E);
  const Scalar x = transcript.Challenge("x");
  const Scalar s = Scalar::Random();
  Ballot copy = ballot;
  copy.contests[0].R += MulBase(s);
  for (size_t i = 0; i < 2; ++i) copy.contests[0].C[i] += Mul(s, poll.context.keys[i]);
  copy.proof.contests[0].z = copy.proof.contests[0].z + x * s;
  // It would satisfy the linear equations under the old challenge ...
  EXPECT_EQ(MulBase(copy.proof.contests[0].z),
            Mul(x, copy.contests[0].R) + copy.proof.contests[0].A);
  // ... but not under its own.
  EXPECT_THAT(poll.Check(copy), IsRejected(kInvalid));
}

TEST_F(BallotAttackTest, SwappedOptionsAreRefused) {
  Ballot swapped = ballot;
  std::swap(swapped.contests[0].C[0], swapped.contests[0].C[1]);
  EXPECT_THAT(poll.Check(swapped), IsRejected(kInvalid));
  std::swap(swapped.proof.contests[0].B[0], swapped.proof.contests[0].B[1]);
  std::swap(swapped.proof.contests[0].f[0], swapped.proof.contests[0].f[1]);
  EXPECT_THAT(poll.Check(swapped), IsRejected(kInvalid));
}

// The same under a keyholder's own fresh signature and proof, but with the ciphertexts made for
// each other's keys: what a voter's software could claim to be the other option.
TEST_F(BallotAttackTest, OptionsEncryptedForEachOthersKeysAreRefused) {
  BallotContext other = poll.context;
  std::swap(other.keys[0], other.keys[1]);
  const Ballot swapped = BallotAttacks::Forge(other, poll.key, poll.tokens, {{1, 0}, {0, 1, 1}});
  ASSERT_THAT(TestPoll::CheckIn(other, swapped), Ok());
  EXPECT_THAT(poll.Check(swapped), IsRejected(kInvalid));
}

TEST_F(BallotAttackTest, SwappedContestsAreRefused) {
  const TestPoll twins({{"a", Choose{1, 1, 2}}, {"b", Choose{1, 1, 2}}});
  Ballot swapped = twins.Vote({{1, 0}, {0, 1}});
  ASSERT_THAT(twins.Check(swapped), Ok());
  std::swap(swapped.contests[0], swapped.contests[1]);
  std::swap(swapped.proof.contests[0], swapped.proof.contests[1]);
  EXPECT_THAT(twins.Check(swapped), IsRejected(kInvalid));
}

TEST_F(BallotAttackTest, InvalidVotesUnderValidTokensAreRefused) {
  using Votes = std::vector<std::vector<int64_t>>;
  for (const Votes& votes : std::vector<Votes>{{{2, -1}, {0, 0, 0}},  // stuffing: the sum is right
                                               {{-1, 2}, {0, 0, 0}},  //
                                               {{1, 1}, {0, 0, 0}},   //
                                               {{0, 0}, {0, 0, 0}},   //
                                               {{1000000, -999999}, {0, 0, 0}},
                                               {{1, 0}, {1, 1, 1}},   // one too many
                                               {{1, 0}, {2, 0, 0}},   //
                                               {{1, 0}, {2, 1, -1}},  //
                                               {{1, 0}, {-1, 1, 1}}}) {
    EXPECT_THAT(poll.Check(poll.Forge(votes)), IsRejected(kInvalid))
        << testing::PrintToString(votes);
  }
  EXPECT_THAT(poll.Check(poll.Forge({{1, 0}, {0, 0, 0}})), Ok());
}

TEST(BallotRuleAttackTest, InvalidVotesOfEveryRuleAreRefused) {
  struct Case {
    Rule rule;
    std::vector<std::vector<int64_t>> votes;
  };
  const Score budget{.max = 5, .n = 3, .has_total = true, .total_lo = 0, .total_hi = 5};
  for (const Case& test :
       std::vector<Case>{{Score{.max = 5, .n = 2}, {{6, 0}, {-1, 0}, {5, 255}}},
                         {budget, {{3, 3, 0}, {5, 1, 0}, {-1, 5, 1}, {6, -1, 0}}},
                         {Points{3, 4},
                          {{3, 3, 0, 0},
                           {2, 2, 2, 0},
                           {3, 2, 0, 1 + 1},
                           {6, 0, 0, 0},
                           {0, 0, 0, 0},
                           {3, 2, 2, -1}}},
                         {Points{5, 7}, {{5, 5, 1, 1, 1, 1, 1}, {5, 4, 3, 2, 1, 1, -1}}},
                         {Picks{1, 20}, {{16, 0}, {0, 16}, {-1, 0}, {0, 255}}}}) {
    const TestPoll poll({{"c", test.rule}});
    for (const std::vector<int64_t>& votes : test.votes) {
      EXPECT_THAT(poll.Check(poll.Forge({votes})), IsRejected(kInvalid))
          << testing::PrintToString(votes);
    }
  }
}

// One contest's surplus does not pay for another's deficit: each constraint has its own power of y.
TEST(BallotRuleAttackTest, ErrorsDoNotCancelBetweenContests) {
  const TestPoll poll({{"a", Choose{1, 1, 2}}, {"b", Choose{1, 1, 2}}});
  EXPECT_THAT(poll.Check(poll.Forge({{1, 1}, {0, 0}})), IsRejected(kInvalid));
  EXPECT_THAT(poll.Check(poll.Forge({{2, 0}, {0, 0}})), IsRejected(kInvalid));
  EXPECT_THAT(poll.Check(poll.Forge({{2, -1}, {-1, 2}})), IsRejected(kInvalid));
}

TEST(BallotBatchAttackTest, ErrorsDoNotCancelBetweenEquationsThatAreCheckedTogether) {
  const TestPoll poll({{"c", Choose{0, 1, 2}}});
  const Ballot honest = poll.Vote({{1, 0}});
  // Responses come after all challenges. One G too many here and one too few there: with equal
  // weights the sum of all equations would hold.
  Ballot more = poll.Vote({{0, 1}}), less = poll.Vote({{1, 0}});
  more.proof.z_b = more.proof.z_b + One();
  less.proof.z_b = less.proof.z_b - One();
  Ballot inside = poll.Vote({{0, 0}});
  inside.proof.z_b = inside.proof.z_b + One();
  inside.proof.contests[0].f[0] = inside.proof.contests[0].f[0] - One();
  std::vector<BallotToCheck> items;
  for (const Ballot* ballot :
       std::initializer_list<const Ballot*>{&honest, &more, &less, &inside, &honest}) {
    items.push_back({&poll.context, ballot});
  }
  const std::vector<absl::Status> verdicts = CheckBallots(items);
  EXPECT_THAT(verdicts[0], Ok());
  EXPECT_THAT(verdicts[1], IsRejected("ballot.proof-invalid"));
  EXPECT_THAT(verdicts[2], IsRejected("ballot.proof-invalid"));
  EXPECT_THAT(verdicts[3], IsRejected("ballot.proof-invalid"));
  EXPECT_THAT(verdicts[4], Ok());
}

TEST_F(BallotAttackTest, AnotherBallotKeyWithoutItsTokensIsRefused) {
  const BallotKey other = DeriveBallotKey(NewOmega(), poll.context.opening);
  const Ballot forged = BallotAttacks::Forge(poll.context, other, poll.tokens, {{1, 0}, {0, 0, 0}});
  EXPECT_THAT(poll.Check(forged), IsRejected("token.invalid"));
}

TEST_F(BallotAttackTest, AKeyThatOneDoesNotHoldCannotSign) {
  BallotKey claimed = DeriveBallotKey(NewOmega(), poll.context.opening);
  claimed.BK = poll.key.BK;
  const Ballot forged =
      BallotAttacks::Forge(poll.context, claimed, poll.tokens, {{1, 0}, {0, 0, 0}});
  EXPECT_THAT(poll.Check(forged), IsRejected(kInvalid));
}

// Everything is proven about r and the votes, and hashed; only what is published differs. The tally
// of such a ballot would be garbage.
TEST_F(BallotAttackTest, PublishedCiphertextsOtherThanTheProvenOnesAreRefused) {
  using Ciphertexts = std::vector<Ciphertext>;
  const auto forge = [&](const std::function<void(Ciphertexts&)>& replace) {
    return poll.Check(
        BallotAttacks::Forge(poll.context, poll.key, poll.tokens, {{1, 0}, {0, 1, 1}}, replace));
  };
  EXPECT_THAT(forge([](Ciphertexts&) {}), Ok());
  for (size_t c = 0; c < 2; ++c) {
    EXPECT_THAT(forge([c](Ciphertexts& all) { all[c].R += Point::Base(); }), IsRejected(kInvalid));
    EXPECT_THAT(forge([c](Ciphertexts& all) { all[c].R = Point() - all[c].R; }),
                IsRejected(kInvalid));
    for (size_t i = 0; i < 2 + c; ++i) {
      EXPECT_THAT(forge([=](Ciphertexts& all) { all[c].C[i] += Point::Base(); }),
                  IsRejected(kInvalid));
    }
  }
}

TEST_F(BallotAttackTest, TokensMustBeOneOfEachIssuerInOrder) {
  const auto forge = [&](std::vector<Token> tokens) {
    return poll.Check(
        BallotAttacks::Forge(poll.context, poll.key, std::move(tokens), {{1, 0}, {0, 0, 0}}));
  };
  const Token first = poll.tokens[0], second = poll.tokens[1];
  EXPECT_THAT(forge({first, second}), Ok());
  EXPECT_THAT(forge({second, first}), IsRejected("token.invalid"));
  EXPECT_THAT(forge({first, first}), IsRejected("token.invalid"));
  EXPECT_THAT(forge({first}), IsRejected("ballot.malformed"));
  EXPECT_THAT(forge({}), IsRejected("ballot.malformed"));
  EXPECT_THAT(forge({first, second, second}), IsRejected("ballot.malformed"));
}

TEST_F(BallotAttackTest, ATokenOfAnotherStyleIsRefused) {
  std::vector<TokenInfo> other;
  for (const IssuerKey& key : poll.issuer_keys) {
    other.emplace_back(poll.context.opening, "wies", key.X);
  }
  const Ballot forged = BallotAttacks::Forge(
      poll.context, poll.key, poll.TokensFor(poll.key.BK, other), {{1, 0}, {0, 0, 0}});
  EXPECT_THAT(poll.Check(forged), IsRejected("token.invalid"));
}

TEST_F(BallotAttackTest, ReplacingTokensUnderAFinishedProofIsRefused) {
  Ballot changed = ballot;
  changed.tokens = poll.TokensFor(poll.key.BK, poll.context.issuers);
  EXPECT_THAT(poll.Check(changed), IsRejected(kInvalid));
}

TEST_F(BallotAttackTest, BallotsOfAnotherFormAreMalformed) {
  const std::vector<std::function<void(Ballot&)>> changes = {
      [](Ballot& b) { b.revision = 0; },
      [](Ballot& b) { b.contests.pop_back(); },
      [](Ballot& b) { b.proof.contests.pop_back(); },
      [](Ballot& b) { b.contests.push_back(b.contests[0]); },
      [](Ballot& b) { b.contests[0].C.pop_back(); },
      [](Ballot& b) { b.contests[0].C.push_back(Point()); },
      [](Ballot& b) { b.proof.contests[1].B.pop_back(); },
      [](Ballot& b) { b.proof.contests[1].f.pop_back(); },
      [](Ballot& b) { b.proof.E.pop_back(); },
      [](Ballot& b) { b.proof.E.push_back(Point()); },
      [](Ballot& b) { b.ballot_key = Point(); },
      [](Ballot& b) { b.proof.A_b = Point(); },
      [](Ballot& b) { b.contests[0].R = Point(); },
      [](Ballot& b) { b.proof.contests[0].A = Point(); },
      [](Ballot& b) { b = Ballot{}; }};
  for (size_t i = 0; i < changes.size(); ++i) {
    Ballot changed = ballot;
    changes[i](changed);
    EXPECT_THAT(poll.Check(changed), IsRejected("ballot.malformed")) << i;
  }
}

// ---- Encoding.

class BallotEncodingTest : public BallotAttackTest {
 protected:
  std::string bytes = EncodeBallot(ballot);
  const BallotShape& shape = poll.context.shape;
};

TEST_F(BallotEncodingTest, FieldsLieWhereTheLayoutSays) {
  ASSERT_EQ(bytes.size(), shape.encoded_size());
  ASSERT_EQ(bytes.size(), 2 + 32 * (1 + 2 * 4 + (1 + 2) + (1 + 3) + 1 + (1 + 2) + (1 + 3) + 3 + 1 +
                                    (1 + 2) + (1 + 3) + 1u));
  const auto item = [this](size_t i) { return bytes.substr(2 + 32 * i, 32); };
  EXPECT_EQ(bytes.substr(0, 2), std::string("\x03\x00", 2));
  EXPECT_EQ(item(0), ballot.ballot_key.view());
  EXPECT_EQ(item(1), ballot.tokens[0].c.view());
  EXPECT_EQ(item(2), ballot.tokens[0].s.view());
  EXPECT_EQ(item(3), ballot.tokens[0].y.view());
  EXPECT_EQ(item(4), ballot.tokens[0].t.view());
  EXPECT_EQ(item(9), ballot.contests[0].R.view());
  EXPECT_EQ(item(11), ballot.contests[0].C[1].view());
  EXPECT_EQ(item(12), ballot.contests[1].R.view());
  EXPECT_EQ(item(16), ballot.proof.A_b.view());
  EXPECT_EQ(item(17), ballot.proof.contests[0].A.view());
  EXPECT_EQ(item(21), ballot.proof.contests[1].B[0].view());
  EXPECT_EQ(item(24), ballot.proof.E[0].view());
  EXPECT_EQ(item(27), ballot.proof.z_b.view());
  EXPECT_EQ(item(28), ballot.proof.contests[0].z.view());
  EXPECT_EQ(item(34), ballot.proof.contests[1].f[2].view());
  EXPECT_EQ(item(35), ballot.proof.tau.view());
}

TEST_F(BallotEncodingTest, EveryOtherLengthIsRefused) {
  ASSERT_THAT(DecodeBallot(shape, bytes), Ok());
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THAT(DecodeBallot(shape, std::string_view(bytes).substr(0, size)),
                IsRejected("ballot.malformed"));
  }
  EXPECT_THAT(DecodeBallot(shape, bytes + '\0'), IsRejected("ballot.malformed"));
  EXPECT_THAT(DecodeBallot(shape, bytes + bytes), IsRejected("ballot.malformed"));
}

TEST_F(BallotEncodingTest, RevisionZeroIsRefused) {
  bytes[0] = 0;
  EXPECT_THAT(DecodeBallot(shape, bytes), IsRejected("ballot.malformed"));
}

TEST_F(BallotEncodingTest, EveryFlippedByteIsNoticed) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string changed = bytes;
    changed[i] = static_cast<char>(changed[i] ^ 4);
    const auto decoded = DecodeBallot(shape, changed);
    if (decoded.ok()) {
      EXPECT_EQ(EncodeBallot(*decoded), changed);
      EXPECT_THAT(poll.Check(*decoded), testing::Not(Ok())) << i;
    }
  }
}

// In every field: what is no point, no scalar, or an identity that may not be there.
TEST_F(BallotEncodingTest, FieldsAreDecodedStrictly) {
  const std::string identity(32, '\0'), all_ones(32, '\xff');
  const auto with = [&](size_t item, const std::string& field) {
    std::string changed = bytes;
    changed.replace(2 + 32 * item, 32, field);
    return DecodeBallot(shape, changed);
  };
  for (const size_t item : {0, 9, 12, 16, 17, 20}) {
    const auto decoded = with(item, identity);
    EXPECT_THAT(decoded, IsRejected("point.identity")) << item;
  }
  for (const size_t item : {10, 11, 13, 14, 15, 18, 19, 21, 22, 23, 24, 25, 26}) {
    const auto decoded = with(item, identity);
    ASSERT_THAT(decoded, Ok()) << item;
    EXPECT_THAT(poll.Check(*decoded), IsRejected(kInvalid)) << item;
  }
  for (size_t item = 0; item < 36; ++item) {
    const bool scalar = (item >= 1 && item <= 8) || item >= 27;
    const std::string_view id = scalar ? "scalar.not-canonical" : "point.not-canonical";
    EXPECT_THAT(with(item, all_ones), IsRejected(id)) << item;
    std::string high = bytes.substr(2 + 32 * item, 32);
    high[31] = static_cast<char>(high[31] | 0x80);
    EXPECT_THAT(with(item, high), IsRejected(id)) << item;
    if (!scalar) {
      EXPECT_THAT(with(item, std::string("\x01", 1) + std::string(31, '\0')), IsRejected(id));
    }
  }
  EXPECT_THAT(std::string(with(10, all_ones).status().message()),
              testing::HasSubstr("contest p1: C 0"));
  EXPECT_THAT(std::string(with(8, all_ones).status().message()), testing::HasSubstr("token 1: t"));
}

// q added to a response is the same number, and would be a second encoding of the same ballot.
TEST_F(BallotEncodingTest, AScalarPlusTheOrderIsRefused) {
  const std::string order =
      Unhexed("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  for (const size_t item : {1, 27, 28, 30, 35}) {
    std::string changed = bytes;
    int carry = 0;
    for (size_t i = 0; i < 32; ++i) {
      char& byte = changed[2 + 32 * item + i];
      carry += static_cast<uint8_t>(byte) + static_cast<uint8_t>(order[i]);
      byte = static_cast<char>(carry & 255);
      carry >>= 8;
    }
    EXPECT_THAT(DecodeBallot(shape, changed), IsRejected("scalar.not-canonical")) << item;
  }
}

}  // namespace
}  // namespace urna::crypto
