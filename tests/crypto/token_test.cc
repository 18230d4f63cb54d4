#include "crypto/token.h"

#include <functional>
#include <type_traits>

#include "tests/crypto/support.h"

namespace urna::crypto {
namespace {

struct Issuance {
  IssuerKey key = IssuerKey::New();
  Hash32 opening = SomeHash(1);
  TokenInfo info{opening, "style", key.X};
  BallotKey ballot = DeriveBallotKey(NewOmega(), opening);
  Omega omega = NewOmega();

  Token Run() const {
    IssuerSession session(info);
    const TokenRequest request(info, session.offer(), omega, ballot.BK);
    return request.Unblind(std::move(session).Respond(key, request.challenge()).value()).value();
  }
};

TEST(TokenVectorTest, IssuancesAreReproducedBitForBit) {
  const auto vectors = Vectors("token.json");
  const Hash32 opening = Bytes32Of(vectors["opening"]);
  const IssuerKey key = IssuerKey::FromSecret(SecretOf(vectors["issuer_secret"]));
  EXPECT_EQ(HexOf(key.X), vectors["issuer"]);
  const Point BK = MulBase(SecretOf(vectors["ballot_secret"]));
  EXPECT_EQ(HexOf(BK), vectors["ballot_key"]);
  ASSERT_EQ(vectors["issuances"].size(), 3u);
  for (const auto& v : vectors["issuances"]) {
    const TokenInfo info(opening, std::string(v["style"]), key.X);
    EXPECT_EQ(HexOf(info.Z), v["Z"]);
    IssuerSession session =
        IssuerSession::WithSecrets(info, SecretOf(v["a"]), SecretOf(v["t"]), SecretOf(v["y"]));
    EXPECT_EQ(HexOf(session.offer().A), v["A"]);
    EXPECT_EQ(HexOf(session.offer().C), v["C"]);
    const TokenRequest request =
        TokenRequest::WithBlinding(info, session.offer(), BK, SecretOf(v["r1"]), SecretOf(v["r2"]),
                                   SecretOf(v["gamma1"]), SecretOf(v["gamma2"]));
    EXPECT_EQ(HexOf(request.challenge()), v["c_blinded"]);
    const auto answer = std::move(session).Respond(key, request.challenge());
    ASSERT_THAT(answer, Ok());
    EXPECT_EQ(HexOf(answer->s), v["s"]);
    const auto token = request.Unblind(*answer);
    ASSERT_THAT(token, Ok());
    EXPECT_EQ(HexOf(token->c), v["token"][0]);
    EXPECT_EQ(HexOf(token->s), v["token"][1]);
    EXPECT_EQ(HexOf(token->y), v["token"][2]);
    EXPECT_EQ(HexOf(token->t), v["token"][3]);
    EXPECT_THAT(VerifyToken(info, BK, *token), Ok());
  }
}

TEST(TokenVectorTest, PossessionOfTheIssuerVerifies) {
  const auto v = Vectors("token.json");
  const IssuerPossession proof{PointOf(v["possession"]["U"]), ScalarOf(v["possession"]["z"])};
  EXPECT_THAT(VerifyIssuer(PointOf(v["issuer"]), proof, Bytes32Of(v["opening"]), 0), Ok());
}

TEST(TokenVectorTest, RecoverySecretGivesBallotKeyAndBlinding) {
  const auto v = Vectors("derive.json")["recovery"];
  const Hash32 opening = Bytes32Of(v["opening"]);
  base::Bytes32 bytes = Bytes32Of(v["omega"]);
  const Omega omega(bytes);
  const BallotKey key = DeriveBallotKey(omega, opening);
  EXPECT_EQ(HexOf(key.b.Publish()), v["b"]);
  EXPECT_EQ(HexOf(key.BK), v["BK"]);
  const TokenInfo info(opening, std::string(v["style"]), PointOf(v["X"]));
  const TokenOffer offer{PointOf(v["A"]), PointOf(v["C"])};
  const TokenRequest derived(info, offer, omega, key.BK);
  const TokenRequest given =
      TokenRequest::WithBlinding(info, offer, key.BK, SecretOf(v["r1"]), SecretOf(v["r2"]),
                                 SecretOf(v["gamma1"]), SecretOf(v["gamma2"]));
  EXPECT_EQ(derived.challenge(), given.challenge());
}

TEST(TokenTest, ChallengeIsThatOfTheText) {
  const Issuance issuance;
  const Token token = issuance.Run();
  const std::string wide = SpecTranscript::Sha512(
      SpecTranscript::Framed("urna/v1") + SpecTranscript::Framed("token-info") +
      SpecTranscript::Framed(base::View(issuance.opening)) + SpecTranscript::Framed("style") +
      SpecTranscript::Framed(issuance.key.X.view()));
  Hash64 bytes;
  std::copy(wide.begin(), wide.end(), bytes.begin());
  const Point Z = Point::FromUniform(bytes);
  EXPECT_EQ(Z, issuance.info.Z);
  SpecTranscript spec("token");
  spec.Append("opening", issuance.opening);
  spec.Append("style", "style");
  spec.Append("issuer", issuance.key.X);
  spec.Append("A", MulBase(token.s) - Mul(token.c * token.y, issuance.key.X));
  spec.Append("C", MulBase(token.t) + Mul(token.y, Z));
  spec.Append("ballot-key", issuance.ballot.BK);
  EXPECT_EQ(spec.Challenge("c"), token.c);
  EXPECT_THAT(VerifyToken(issuance.info, issuance.ballot.BK, token), Ok());
}

TEST(TokenTest, RefusesATokenOfAnotherPollStyleIssuerOrBallotKey) {
  const Issuance issuance;
  const Token token = issuance.Run();
  const Point& BK = issuance.ballot.BK;
  const Point X = IssuerKey::New().X;
  const std::string_view id = "token.invalid";
  EXPECT_THAT(VerifyToken(TokenInfo(SomeHash(2), "style", issuance.key.X), BK, token),
              IsRejected(id));
  for (const char* style : {"styl", "style2", "stylE", ""}) {
    EXPECT_THAT(VerifyToken(TokenInfo(issuance.opening, style, issuance.key.X), BK, token),
                IsRejected(id));
  }
  EXPECT_THAT(VerifyToken(TokenInfo(issuance.opening, "style", X), BK, token), IsRejected(id));
  EXPECT_THAT(VerifyToken(issuance.info, X, token), IsRejected(id));
  // Z alone of another style: the public part binds by Z and by the challenge.
  TokenInfo mixed = issuance.info;
  mixed.Z = TokenInfo(issuance.opening, "other", issuance.key.X).Z;
  EXPECT_THAT(VerifyToken(mixed, BK, token), IsRejected(id));
  TokenInfo renamed = issuance.info;
  renamed.style = "other";
  EXPECT_THAT(VerifyToken(renamed, BK, token), IsRejected(id));
  TokenInfo reopened = issuance.info;
  reopened.opening = SomeHash(2);
  EXPECT_THAT(VerifyToken(reopened, BK, token), IsRejected(id));
}

TEST(TokenTest, RefusesEveryChangedField) {
  const Issuance issuance;
  const Token token = issuance.Run();
  for (Scalar Token::*field : {&Token::c, &Token::s, &Token::y, &Token::t}) {
    for (const Scalar& value : {token.*field + One(), -(token.*field), Scalar()}) {
      Token changed = token;
      changed.*field = value;
      EXPECT_THAT(VerifyToken(issuance.info, issuance.ballot.BK, changed),
                  IsRejected("token.invalid"));
    }
  }
}

// With y' = 0 the issuer's key drops out of the equations: anybody could mint.
TEST(TokenTest, RefusesTheForgeryWithYZero) {
  const Issuance issuance;
  const Scalar s = Scalar::Random(), t = Scalar::Random();
  SpecTranscript spec("token");
  spec.Append("opening", issuance.opening);
  spec.Append("style", "style");
  spec.Append("issuer", issuance.key.X);
  spec.Append("A", MulBase(s));
  spec.Append("C", MulBase(t));
  spec.Append("ballot-key", issuance.ballot.BK);
  const Token forged{spec.Challenge("c"), s, Scalar(), t};
  EXPECT_THAT(VerifyToken(issuance.info, issuance.ballot.BK, forged), IsRejected("token.invalid"));
}

// With X = 0 nobody's key is needed: anybody could mint.
TEST(TokenTest, RefusesIdentityKeys) {
  const Issuance issuance;
  const TokenInfo keyless(issuance.opening, "style", Point());
  const Scalar s = Scalar::Random(), y = Scalar::Random(), t = Scalar::Random();
  SpecTranscript spec("token");
  spec.Append("opening", issuance.opening);
  spec.Append("style", "style");
  spec.Append("issuer", Point());
  spec.Append("A", MulBase(s));
  spec.Append("C", MulBase(t) + Mul(y, keyless.Z));
  spec.Append("ballot-key", issuance.ballot.BK);
  const Token forged{spec.Challenge("c"), s, y, t};
  EXPECT_THAT(VerifyToken(keyless, issuance.ballot.BK, forged), IsRejected("token.invalid"));

  Issuance keyless_voter;
  keyless_voter.ballot = BallotKey{SecretScalar(), Point()};
  EXPECT_THAT(VerifyToken(keyless_voter.info, Point(), keyless_voter.Run()),
              IsRejected("token.invalid"));
}

TEST(TokenTest, TheVoterRefusesEveryChangedAnswer) {
  const Issuance issuance;
  IssuerSession session(issuance.info);
  const TokenRequest request(issuance.info, session.offer(), issuance.omega, issuance.ballot.BK);
  const TokenOffer offer = session.offer();
  const auto answer = std::move(session).Respond(issuance.key, request.challenge());
  ASSERT_THAT(answer, Ok());
  ASSERT_THAT(VerifyAnswer(issuance.info, offer, request.challenge(), *answer), Ok());
  const std::string_view id = "token.answer-invalid";
  for (Scalar IssuerAnswer::*field : {&IssuerAnswer::s, &IssuerAnswer::y, &IssuerAnswer::t}) {
    IssuerAnswer changed = *answer;
    changed.*field = changed.*field + One();
    EXPECT_THAT(request.Unblind(changed), IsRejected(id));
    changed.*field = Scalar();
    EXPECT_THAT(request.Unblind(changed), IsRejected(id));
  }
  const Point G = Point::Base();
  const Scalar& c = request.challenge();
  EXPECT_THAT(VerifyAnswer(issuance.info, {offer.A + G, offer.C}, c, *answer), IsRejected(id));
  EXPECT_THAT(VerifyAnswer(issuance.info, {offer.A, offer.C + G}, c, *answer), IsRejected(id));
  EXPECT_THAT(VerifyAnswer(issuance.info, {Point(), offer.C}, c, *answer), IsRejected(id));
  EXPECT_THAT(VerifyAnswer(issuance.info, {offer.A, Point()}, c, *answer), IsRejected(id));
  EXPECT_THAT(VerifyAnswer(issuance.info, offer, c + One(), *answer), IsRejected(id));
  EXPECT_THAT(VerifyAnswer(issuance.info, offer, Scalar(), *answer), IsRejected(id));
  EXPECT_THAT(VerifyAnswer(TokenInfo(issuance.opening, "other", issuance.key.X), offer, c, *answer),
              IsRejected(id));
}

// y = 0 in an answer: C = tG does not commit, and the token would be invalid.
TEST(TokenTest, TheVoterRefusesAnAnswerWithYZero) {
  const Issuance issuance;
  const SecretScalar a = SecretScalar::Random(), t = SecretScalar::Random();
  const TokenOffer offer{MulBase(a), MulBase(t)};
  const TokenRequest request(issuance.info, offer, issuance.omega, issuance.ballot.BK);
  EXPECT_THAT(request.Unblind({a.Publish(), Scalar(), t.Publish()}),
              IsRejected("token.answer-invalid"));
}

TEST(TokenTest, RecoversTheSameTokenFromOmegaAndTheStoredAnswer) {
  const Issuance issuance;
  IssuerSession session(issuance.info);
  const TokenOffer offer = session.offer();
  const TokenRequest first(issuance.info, offer, issuance.omega, issuance.ballot.BK);
  const auto answer = std::move(session).Respond(issuance.key, first.challenge());
  const TokenRequest again(issuance.info, offer, issuance.omega, issuance.ballot.BK);
  const Token token = first.Unblind(*answer).value(), same = again.Unblind(*answer).value();
  EXPECT_EQ(token.c, same.c);
  EXPECT_EQ(token.s, same.s);
  EXPECT_EQ(token.y, same.y);
  EXPECT_EQ(token.t, same.t);
  const TokenRequest stranger(issuance.info, offer, NewOmega(), issuance.ballot.BK);
  EXPECT_THAT(stranger.Unblind(*answer), IsRejected("token.answer-invalid"));
}

// Every token fits every issuance: there are blinding factors that lead from one to the other, so
// not even unbounded computation links them.
TEST(TokenTest, AnyTokenCouldComeFromAnyIssuance) {
  const Issuance issuance;
  struct View {
    TokenOffer offer;
    Scalar c;
    IssuerAnswer answer;
    Token token;
  };
  std::vector<View> views;
  for (int i = 0; i < 3; ++i) {
    IssuerSession session(issuance.info);
    const TokenOffer offer = session.offer();
    const TokenRequest request(issuance.info, offer, NewOmega(), issuance.ballot.BK);
    const auto answer = std::move(session).Respond(issuance.key, request.challenge()).value();
    views.push_back({offer, request.challenge(), answer, request.Unblind(answer).value()});
  }
  for (const View& seen : views) {
    for (const View& cast : views) {
      const Token& token = cast.token;
      const Scalar gamma1 = token.y * seen.answer.y.Invert();
      const Scalar gamma2 = seen.c * token.c.Invert();
      const Scalar gamma = gamma1 * gamma2.Invert();
      const Scalar r1 = token.s - gamma * seen.answer.s;
      const Scalar r2 = token.t - gamma1 * seen.answer.t;
      const TokenRequest request = TokenRequest::WithBlinding(
          issuance.info, seen.offer, issuance.ballot.BK, SecretScalar::From(r1),
          SecretScalar::From(r2), SecretScalar::From(gamma1), SecretScalar::From(gamma2));
      EXPECT_EQ(request.challenge(), seen.c);
      const auto unblinded = request.Unblind(seen.answer);
      ASSERT_THAT(unblinded, Ok());
      EXPECT_EQ(unblinded->s, token.s);
      EXPECT_EQ(unblinded->t, token.t);
    }
  }
}

// Answers of parallel sessions combine only into an answer to the very challenge that each of them
// got; an answer to a challenge that is a sum of others, as the ROS attack on plain blind Schnorr
// signatures needs it, fails on y.
TEST(TokenTest, AnswersOfParallelSessionsDoNotCombineIntoAnother) {
  const Issuance issuance;
  IssuerSession first(issuance.info), second(issuance.info);
  const TokenOffer sum{first.offer().A + second.offer().A, first.offer().C + second.offer().C};
  const Scalar c1 = Scalar::Random(), c2 = Scalar::Random();
  const auto a = std::move(first).Respond(issuance.key, c1).value();
  const auto b = std::move(second).Respond(issuance.key, c2).value();
  const IssuerAnswer combined{a.s + b.s, a.y + b.y, a.t + b.t};
  // C opens, since it is linear; s does not.
  EXPECT_EQ(sum.C, MulBase(combined.t) + Mul(combined.y, issuance.info.Z));
  for (const Scalar& c : {c1, c2, c1 + c2, c1 - c2}) {
    EXPECT_THAT(VerifyAnswer(issuance.info, sum, c, combined), IsRejected("token.answer-invalid"));
  }
}

template <typename S>
concept AnswersAsLvalue = requires(S& session, const IssuerKey& key, const Scalar& c) {
  session.Respond(key, c);
};
static_assert(!AnswersAsLvalue<IssuerSession>, "an answer must consume its session");
static_assert(!std::is_copy_constructible_v<IssuerSession>, "a session must not be duplicated");

TEST(IssuerSessionTest, AnswersOnce) {
  const Issuance issuance;
  IssuerSession session(issuance.info);
  ASSERT_THAT(std::move(session).Respond(issuance.key, One()), Ok());
  // NOLINTNEXTLINE(bugprone-use-after-move)
  const auto second = std::move(session).Respond(issuance.key, One() + One());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(IssuerSessionTest, ARefusedChallengeAlsoConsumesTheSession) {
  const Issuance issuance;
  IssuerSession session(issuance.info);
  EXPECT_THAT(std::move(session).Respond(issuance.key, Scalar()),
              IsRejected("token.challenge-zero"));
  // NOLINTNEXTLINE(bugprone-use-after-move)
  EXPECT_EQ(std::move(session).Respond(issuance.key, One()).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

// Why a session answers once: two answers under one session are the issuer's key.
TEST(IssuerSessionTest, TwoAnswersUnderOneSessionWouldRevealTheKey) {
  const Issuance issuance;
  const SecretScalar a = SecretScalar::Random(), t = SecretScalar::Random(),
                     y = SecretScalar::Random();
  const Scalar c1 = Scalar::Random(), c2 = Scalar::Random();
  const auto answer = [&](const Scalar& c) {
    return IssuerSession::WithSecrets(issuance.info, a.Clone(), t.Clone(), y.Clone())
        .Respond(issuance.key, c)
        .value();
  };
  const Scalar x = (answer(c1).s - answer(c2).s) * ((c1 - c2) * y.Publish()).Invert();
  EXPECT_EQ(MulBase(x), issuance.key.X);
}

TEST(IssuerSessionTest, SessionsDiffer) {
  const Issuance issuance;
  const IssuerSession one(issuance.info), two(issuance.info);
  EXPECT_NE(one.offer().A, two.offer().A);
  EXPECT_NE(one.offer().C, two.offer().C);
}

TEST(IssuerPossessionTest, ChallengeIsThatOfTheText) {
  const IssuerKey key = IssuerKey::New();
  const IssuerPossession proof = ProveIssuer(key, SomeHash(1), 3);
  SpecTranscript spec("issuer-key");
  spec.Append("poll", SomeHash(1));
  spec.AppendNumber("issuer", 3);
  spec.Append("X", key.X);
  spec.Append("U", proof.U);
  EXPECT_EQ(MulBase(proof.z), proof.U + Mul(spec.Challenge("x"), key.X));
  EXPECT_THAT(VerifyIssuer(key.X, proof, SomeHash(1), 3), Ok());
}

TEST(IssuerPossessionTest, RefusesEveryChangedInput) {
  const IssuerKey key = IssuerKey::New();
  const IssuerPossession proof = ProveIssuer(key, SomeHash(1), 3);
  const Point G = Point::Base();
  const std::string_view id = "issuer.possession-invalid";
  EXPECT_THAT(VerifyIssuer(key.X + G, proof, SomeHash(1), 3), IsRejected(id));
  EXPECT_THAT(VerifyIssuer(key.X, proof, SomeHash(2), 3), IsRejected(id));
  EXPECT_THAT(VerifyIssuer(key.X, proof, SomeHash(1), 4), IsRejected(id));
  EXPECT_THAT(VerifyIssuer(key.X, {proof.U + G, proof.z}, SomeHash(1), 3), IsRejected(id));
  EXPECT_THAT(VerifyIssuer(key.X, {proof.U, proof.z + One()}, SomeHash(1), 3), IsRejected(id));
  const Scalar z = Scalar::Random();
  EXPECT_THAT(VerifyIssuer(Point(), {MulBase(z), z}, SomeHash(1), 3), IsRejected(id));
}

/// Entries of a register, of two styles.
struct Register {
  struct Entry {
    CredentialKey credential = CredentialKey::New();
    size_t style;
    TokenOffer offer;
    Scalar c;
    IssuerAnswer answer;
    CredentialSignature signature;
  };

  explicit Register(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      Entry& e = entries.emplace_back(
          Entry{.style = i % 2, .offer = {}, .c = {}, .answer = {}, .signature = {}});
      IssuerSession session(infos[e.style]);
      e.offer = session.offer();
      e.c = Scalar::Random();
      e.answer = std::move(session).Respond(key, e.c).value();
      Sign(e);
    }
  }
  void Sign(Entry& e) const {
    const TokenInfo& info = infos[e.style];
    e.signature = SignCredential(
        e.credential,
        CredentialStatement::Request(info.opening, info.style, info.X, e.offer.A, e.offer.C, e.c));
  }
  std::vector<absl::Status> Verify(size_t first, size_t count) const {
    std::vector<IssuanceToVerify> items;
    for (size_t i = first; i < first + count; ++i) {
      const Entry& e = entries[i];
      items.push_back({&infos[e.style], &e.credential.V, &e.offer, &e.c, &e.answer, &e.signature});
    }
    return VerifyIssuances(items);
  }

  IssuerKey key = IssuerKey::New();
  std::vector<TokenInfo> infos = {{SomeHash(1), "one", key.X}, {SomeHash(1), "two", key.X}};
  std::vector<Entry> entries;
};

TEST(IssuanceTest, VerdictsOfManyAreThoseOfEach) {
  Register reg(40);
  reg.entries[3].signature.z = reg.entries[3].signature.z + One();
  reg.entries[4].answer.s = reg.entries[4].answer.s + One();
  reg.entries[17].answer.t = reg.entries[17].answer.t + One();
  reg.entries[18].answer.y = Scalar();
  reg.entries[19].c = Scalar();
  reg.Sign(reg.entries[19]);
  reg.entries[20].offer.A = Point();
  reg.Sign(reg.entries[20]);
  reg.entries[21].credential.V = reg.entries[22].credential.V;
  reg.entries[30].style = 1;
  const std::vector<absl::Status> together = reg.Verify(0, reg.entries.size());
  for (size_t i = 0; i < together.size(); ++i) {
    EXPECT_EQ(together[i], reg.Verify(i, 1)[0]) << i;
    switch (i) {
      case 3:
      case 21:
      case 30:
        EXPECT_THAT(together[i], IsRejected("credential.signature-invalid")) << i;
        break;
      case 4:
      case 17:
      case 18:
      case 20:
        EXPECT_THAT(together[i], IsRejected("token.answer-invalid")) << i;
        break;
      case 19:
        EXPECT_THAT(together[i], IsRejected("token.challenge-zero"));
        break;
      default:
        EXPECT_THAT(together[i], Ok()) << i;
    }
  }
  EXPECT_TRUE(reg.Verify(0, 0).empty());
}

TEST(IssuanceTest, ErrorsDoNotCancelBetweenEntriesThatAreCheckedTogether) {
  Register reg(4);
  // One G too many and one too few: with equal weights the sum of all equations would hold.
  reg.entries[0].signature.z = reg.entries[0].signature.z + One();
  reg.entries[1].signature.z = reg.entries[1].signature.z - One();
  reg.entries[2].answer.s = reg.entries[2].answer.s + One();
  reg.entries[2].answer.t = reg.entries[2].answer.t - One();
  const std::vector<absl::Status> verdicts = reg.Verify(0, 4);
  EXPECT_THAT(verdicts[0], IsRejected("credential.signature-invalid"));
  EXPECT_THAT(verdicts[1], IsRejected("credential.signature-invalid"));
  EXPECT_THAT(verdicts[2], IsRejected("token.answer-invalid"));
  EXPECT_THAT(verdicts[3], Ok());
}

}  // namespace
}  // namespace urna::crypto
