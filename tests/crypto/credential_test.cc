#include "crypto/credential.h"

#include <set>

#include "tests/crypto/support.h"

namespace urna::crypto {

class CredentialStatementForTest {
 public:
  static CredentialStatement Make(std::string_view purpose,
                                  std::vector<std::pair<std::string, std::string>> items) {
    return CredentialStatement(purpose, std::move(items));
  }
};

namespace {

constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

TEST(CodeTest, DerivesTheCredentialsOfTheVectors) {
  const auto vectors = Vectors("derive.json")["codes"];
  ASSERT_FALSE(vectors.empty());
  for (const auto& vector : vectors) {
    const auto symbols = ParseCode(std::string(vector["code"]));
    ASSERT_THAT(symbols, Ok());
    const auto key = DeriveCredential(*symbols, std::string(vector["roll_label"]));
    ASSERT_THAT(key, Ok());
    EXPECT_EQ(HexOf(key->k.Publish()), vector["k"]);
    EXPECT_EQ(HexOf(key->V), vector["V"]);
  }
}

TEST(CodeTest, RollLabelChangesTheCredential) {
  const auto vector = Vectors("derive.json")["codes"][0];
  const auto symbols = ParseCode(std::string(vector["code"]));
  EXPECT_NE(HexOf(DeriveCredential(*symbols, "another-roll")->V), vector["V"]);
}

TEST(CodeTest, NewCodesParseAndDiffer) {
  std::set<std::string> codes;
  std::set<char> symbols;
  for (int i = 0; i < 300; ++i) {
    const std::string code = NewCode().Expose();
    ASSERT_EQ(code.size(), 23u);
    for (size_t j = 0; j < code.size(); ++j) {
      if (j % 6 == 5) {
        EXPECT_EQ(code[j], '-');
      } else {
        EXPECT_NE(kAlphabet.find(code[j]), std::string_view::npos) << code[j];
        symbols.insert(code[j]);
      }
    }
    const auto parsed = ParseCode(code);
    ASSERT_THAT(parsed, Ok());
    EXPECT_EQ(parsed->Expose().size(), 18u);
    codes.insert(code);
  }
  EXPECT_EQ(codes.size(), 300u);
  EXPECT_EQ(symbols.size(), kAlphabet.size());
}

TEST(CodeTest, ReadsWhatPeopleType) {
  const std::string expected = ParseCode("XXYHQ-M4HZ8-NGD04-KNDWR")->Expose();
  EXPECT_EQ(expected, "XXYHQM4HZ8NGD04KND");
  for (const char* typed :
       {"xxyhqm4hz8ngd04kndwr", "  XXYHQ M4HZ8 NGDO4 KNDWR\r\n", "XX-YH-QM-4H-Z8-NG-Do-4K-ND-WR"}) {
    ASSERT_THAT(ParseCode(typed), Ok()) << typed;
    EXPECT_EQ(ParseCode(typed)->Expose(), expected);
  }
}

TEST(CodeTest, ReadsILAsOne) {
  std::string code;
  do {
    code = NewCode().Expose();
  } while (code.find('1') == std::string::npos);
  const std::string expected = ParseCode(code)->Expose();
  for (const char letter : {'I', 'i', 'L', 'l'}) {
    std::string typed = code;
    std::replace(typed.begin(), typed.end(), '1', letter);
    EXPECT_EQ(ParseCode(typed)->Expose(), expected);
  }
}

TEST(CodeTest, RefusesWrongLengthAndSymbolsWithoutRepeatingTheCode) {
  for (const char* typed : {"", "XXYHQ-M4HZ8-NGD04-KNDW", "XXYHQ-M4HZ8-NGD04-KNDWRR",
                            "XXYHQ-M4HZ8-NGD04-KNDW!", "XXYHU-M4HZ8-NGD04-KNDWR"}) {
    const auto parsed = ParseCode(typed);
    EXPECT_THAT(parsed, IsRejected("code.malformed")) << typed;
    EXPECT_EQ(parsed.status().ToString().find("M4HZ8"), std::string::npos);
  }
  EXPECT_THAT(std::string(ParseCode("XXYHU-M4HZ8-NGD04-KNDWR").status().message()),
              testing::HasSubstr("character 5"));
}

TEST(CodeTest, NoticesAMistypedOrSwappedSymbol) {
  const std::string code = "XXYHQM4HZ8NGD04KNDWR";
  int noticed = 0, tried = 0;
  for (size_t i = 0; i < code.size(); ++i) {
    for (const char symbol : kAlphabet) {
      std::string typed = code;
      typed[i] = symbol;
      if (typed == code) continue;
      ++tried;
      noticed += base::RejectId(ParseCode(typed).status()) == "code.typing-error";
    }
  }
  // 10 check bits miss one change in 1024.
  EXPECT_GE(noticed, tried - 5);
  EXPECT_THAT(ParseCode("XXYHQ-4MHZ8-NGD04-KNDWR"), IsRejected("code.typing-error"));
}

struct Statements {
  Hash32 opening = SomeHash(1);
  Point X = MulBase(Scalar::FromU64(5)), A = MulBase(Scalar::FromU64(6)),
        C = MulBase(Scalar::FromU64(7));
  Scalar c = Scalar::FromU64(8);

  CredentialStatement Request() const {
    return CredentialStatement::Request(opening, "s", X, A, C, c);
  }
};

TEST(CredentialSignatureTest, VerifiesTheVector) {
  const auto vectors = Vectors("token.json");
  const auto& vector = vectors["credential"];
  const auto statement = CredentialStatementForTest::Make(
      "request", {{"opening", Unhexed(std::string(vectors["opening"]))},
                  {"style", "miasto"},
                  {"point", std::string(MulBase(Scalar::FromU64(9)).view())}});
  const CredentialKey key = CredentialKey::FromSecret(SecretOf(vector["k"]));
  EXPECT_EQ(HexOf(key.V), vector["V"]);
  const CredentialSignature signature{PointOf(vector["U"]), ScalarOf(vector["z"])};
  EXPECT_THAT(VerifyCredential(key.V, statement, signature), Ok());
}

TEST(CredentialSignatureTest, ChallengeIsThatOfTheText) {
  const Statements s;
  const CredentialKey key = CredentialKey::New();
  const auto holds = [&](const CredentialStatement& statement, SpecTranscript spec) {
    const CredentialSignature signature = SignCredential(key, statement);
    spec.Append("V", key.V);
    spec.Append("U", signature.U);
    const Scalar c = spec.Challenge("c");
    return MulBase(signature.z) == signature.U + Mul(c, key.V) &&
           VerifyCredential(key.V, statement, signature).ok();
  };
  SpecTranscript enrol("credential");
  enrol.Append("purpose", "enrol");
  enrol.Append("roll", "krakow-2026");
  EXPECT_TRUE(holds(CredentialStatement::Enrol("krakow-2026"), enrol));
  for (const std::string purpose : {"begin", "fetch", "request"}) {
    SpecTranscript spec("credential");
    spec.Append("purpose", purpose);
    spec.Append("opening", s.opening);
    spec.Append("style", "s");
    spec.Append("issuer", s.X);
    if (purpose == "request") {
      spec.Append("A", s.A);
      spec.Append("C", s.C);
      spec.Append("c", s.c.view());
    }
    const CredentialStatement statement =
        purpose == "begin"   ? CredentialStatement::Begin(s.opening, "s", s.X)
        : purpose == "fetch" ? CredentialStatement::Fetch(s.opening, "s", s.X)
                             : s.Request();
    EXPECT_TRUE(holds(statement, spec)) << purpose;
  }
}

TEST(CredentialSignatureTest, RefusesEveryChangedInput) {
  const Statements s;
  const CredentialKey key = CredentialKey::New();
  const CredentialSignature signature = SignCredential(key, s.Request());
  ASSERT_THAT(VerifyCredential(key.V, s.Request(), signature), Ok());
  const std::string_view id = "credential.signature-invalid";

  const Point P = MulBase(Scalar::Random());
  const Scalar x = Scalar::Random();
  const std::vector<CredentialStatement> others = {
      CredentialStatement::Request(SomeHash(2), "s", s.X, s.A, s.C, s.c),
      CredentialStatement::Request(s.opening, "t", s.X, s.A, s.C, s.c),
      CredentialStatement::Request(s.opening, "s", P, s.A, s.C, s.c),
      CredentialStatement::Request(s.opening, "s", s.X, P, s.C, s.c),
      CredentialStatement::Request(s.opening, "s", s.X, s.A, P, s.c),
      CredentialStatement::Request(s.opening, "s", s.X, s.A, s.C, x),
      CredentialStatement::Request(s.opening, "s", s.X, s.C, s.A, s.c),
      CredentialStatement::Begin(s.opening, "s", s.X),
      CredentialStatement::Fetch(s.opening, "s", s.X),
      CredentialStatement::Enrol("s")};
  for (const CredentialStatement& other : others) {
    EXPECT_THAT(VerifyCredential(key.V, other, signature), IsRejected(id));
  }
  EXPECT_THAT(VerifyCredential(CredentialKey::New().V, s.Request(), signature), IsRejected(id));
  EXPECT_THAT(VerifyCredential(key.V, s.Request(), {signature.U + P, signature.z}), IsRejected(id));
  EXPECT_THAT(VerifyCredential(key.V, s.Request(), {signature.U, signature.z + x}), IsRejected(id));
}

TEST(CredentialSignatureTest, BeginSignatureIsNoFetchSignature) {
  const Statements s;
  const CredentialKey key = CredentialKey::New();
  const auto begin = CredentialStatement::Begin(s.opening, "s", s.X);
  const auto fetch = CredentialStatement::Fetch(s.opening, "s", s.X);
  EXPECT_THAT(VerifyCredential(key.V, fetch, SignCredential(key, begin)),
              IsRejected("credential.signature-invalid"));
}

TEST(CredentialSignatureTest, RefusesIdentities) {
  const Statements s;
  const std::string_view id = "credential.signature-invalid";
  // Anybody could sign for V = 0: zG = U.
  const Scalar z = Scalar::Random();
  EXPECT_THAT(VerifyCredential(Point(), s.Request(), {MulBase(z), z}), IsRejected(id));
  // U = 0 with z = ck holds, and is refused by rule.
  const CredentialKey key = CredentialKey::New();
  Transcript transcript = s.Request().transcript();
  transcript.Append("V", key.V).Append("U", Point());
  const Scalar c = transcript.Challenge("c");
  EXPECT_THAT(VerifyCredential(key.V, s.Request(), {Point(), (key.k * c).Publish()}),
              IsRejected(id));
}

}  // namespace
}  // namespace urna::crypto
