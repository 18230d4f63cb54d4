#include <random>

#include "tests/crypto/ballot_support.h"

namespace urna::crypto {
namespace {

Rule RuleOf(const nlohmann::json& rule, uint32_t slots) {
  const std::string kind = rule[0];
  if (kind == "choose") return Choose{rule[1], rule[2], slots};
  if (kind == "points") return Points{rule[1], slots};
  if (kind == "picks") return Picks{slots / 2, 255};
  EXPECT_EQ(kind, "score");
  Score score{.max = rule[1], .n = slots};
  if (rule.size() == 4) {
    score.has_total = true;
    score.total_lo = rule[2];
    score.total_hi = rule[3];
  }
  return score;
}

struct Vector {
  BallotContext context;
  Ballot ballot;
};

Vector VectorOf(const nlohmann::json& all, const nlohmann::json& v) {
  Vector out;
  out.context.opening = Bytes32Of(all["opening"]);
  out.context.shape.style = all["style"];
  out.context.shape.issuers = static_cast<uint32_t>(all["issuers"].size());
  out.context.keys = PointsOf(all["keys"]);
  for (const auto& X : all["issuers"]) {
    out.context.issuers.emplace_back(out.context.opening, out.context.shape.style, PointOf(X));
  }
  Ballot& ballot = out.ballot;
  ballot.revision = v["revision"];
  ballot.ballot_key = PointOf(all["ballot_key"]);
  for (const auto& t : all["tokens"]) {
    ballot.tokens.push_back({ScalarOf(t[0]), ScalarOf(t[1]), ScalarOf(t[2]), ScalarOf(t[3])});
  }
  for (size_t c = 0; c < v["contests"].size(); ++c) {
    const auto& contest = v["contests"][c];
    out.context.shape.contests.push_back(
        {contest["id"], RuleOf(contest["rule"], contest["slots"])});
    const auto& ct = v["cts"][c];
    ballot.contests.push_back({PointOf(ct["R"]), PointsOf(ct["C"])});
    BallotProof::Contest part{PointOf(ct["A"]), PointsOf(ct["B"]), ScalarOf(v["z"][c]), {}};
    for (const auto& f : v["f"][c]) part.f.push_back(ScalarOf(f));
    ballot.proof.contests.push_back(std::move(part));
  }
  ballot.proof.A_b = PointOf(v["abk"]);
  ballot.proof.E = PointsOf(v["E"]);
  ballot.proof.z_b = ScalarOf(v["z_b"]);
  ballot.proof.tau = ScalarOf(v["tau"]);
  return out;
}

struct Challenges {
  Scalar y, x;
};

// Item by item from the text of section 6.
Challenges SpecChallenges(const BallotContext& context, const Ballot& ballot) {
  SpecTranscript spec("ballot");
  spec.Append("opening", context.opening);
  spec.Append("style", context.shape.style);
  spec.Append("ballot-key", ballot.ballot_key);
  spec.AppendNumber("revision", ballot.revision);
  spec.AppendNumber("tokens", ballot.tokens.size());
  for (const Token& token : ballot.tokens) {
    spec.Append("token", std::string(token.c.view()) + std::string(token.s.view()) +
                             std::string(token.y.view()) + std::string(token.t.view()));
  }
  for (size_t c = 0; c < ballot.contests.size(); ++c) {
    spec.Append("contest", context.shape.contests[c].id);
    spec.Append("R", ballot.contests[c].R);
    for (const Point& C : ballot.contests[c].C) spec.Append("C", C);
  }
  spec.Append("Abk", ballot.proof.A_b);
  for (const auto& contest : ballot.proof.contests) {
    spec.Append("A", contest.A);
    for (const Point& B : contest.B) spec.Append("B", B);
  }
  const Scalar y = spec.Challenge("y");
  for (const Point& E : ballot.proof.E) spec.Append("E", E);
  return {y, spec.Challenge("x")};
}

Scalar Power(const Scalar& base, uint64_t exponent) {
  Scalar out = One();
  for (uint64_t i = 0; i < exponent; ++i) out = out * base;
  return out;
}

// A second verifier of the proof, written from the rules as the text states them.
bool SpecVerifies(const BallotContext& context, const Ballot& ballot) {
  const auto [y, x] = SpecChallenges(context, ballot);
  const BallotProof& proof = ballot.proof;
  bool ok = MulBase(proof.z_b) == Mul(x, ballot.ballot_key) + proof.A_b;

  struct Term {
    Scalar q;
    uint64_t degree;
  };
  std::vector<Term> terms;
  const auto range = [&terms, &x = x](const Scalar& value, uint64_t lo, uint64_t hi) {
    Scalar q = One();
    for (uint64_t root = lo; root <= hi; ++root) q = q * (value - Scalar::FromU64(root) * x);
    terms.push_back({q, hi - lo + 1});
  };
  for (size_t c = 0; c < ballot.contests.size(); ++c) {
    const auto& part = proof.contests[c];
    ok = ok && MulBase(part.z) == Mul(x, ballot.contests[c].R) + part.A;
    Scalar sum;
    const Rule& rule = context.shape.contests[c].rule;
    const auto* choose = std::get_if<Choose>(&rule);
    const auto* score = std::get_if<Score>(&rule);
    const auto* points = std::get_if<Points>(&rule);
    for (size_t i = 0; i < part.f.size(); ++i) {
      ok = ok && Mul(part.z, context.keys[i]) + MulBase(part.f[i]) ==
                     Mul(x, ballot.contests[c].C[i]) + part.B[i];
      sum = sum + part.f[i];
      range(part.f[i], 0, choose ? 1 : score ? score->max : points ? points->k : 15);
    }
    if (choose && !(choose->lo == 0 && choose->hi == choose->n)) {
      range(sum, choose->lo, choose->hi);
    }
    if (score && score->has_total) range(sum, score->total_lo, score->total_hi);
    for (uint64_t e = 1; points && e <= (points->k == 5 ? 3 : 2); ++e) {
      Scalar q, value;
      for (const Scalar& f : part.f) q = q + Power(f, e);
      for (uint64_t v = 1; v <= points->k; ++v) value = value + Power(Scalar::FromU64(v), e);
      terms.push_back({q - value * Power(x, e), e});
    }
  }
  uint64_t d = 0;
  for (const Term& term : terms) d = std::max(d, term.degree);
  if (proof.E.size() != d) return false;
  Scalar value;
  for (size_t k = 0; k < terms.size(); ++k) {
    value = value + Power(y, k) * Power(x, d - terms[k].degree) * terms[k].q;
  }
  Point committed;
  for (size_t j = 0; j < d; ++j) committed += Mul(Power(x, j), proof.E[j]);
  return ok && MulBase(value) + Mul(proof.tau, Generator("pedersen-h")) == committed;
}

TEST(BallotVectorTest, EveryBallotGetsItsVerdictChallengesAndFingerprint) {
  const auto all = Vectors("ballot.json");
  ASSERT_EQ(all["ballots"].size(), 20u);
  for (const auto& v : all["ballots"]) {
    SCOPED_TRACE(std::string(v["name"]));
    const Vector vector = VectorOf(all, v);
    const auto [y, x] = SpecChallenges(vector.context, vector.ballot);
    EXPECT_EQ(HexOf(y), v["y"]);
    EXPECT_EQ(HexOf(x), v["x"]);
    Transcript transcript = BallotTranscript(vector.context, vector.ballot);
    transcript.Append("Abk", vector.ballot.proof.A_b);
    for (const auto& contest : vector.ballot.proof.contests) {
      transcript.Append("A", contest.A);
      for (const Point& B : contest.B) transcript.Append("B", B);
    }
    EXPECT_EQ(HexOf(transcript.Challenge("y")), v["y"]);

    std::string fingerprint = SpecTranscript::Framed("urna/v1") +
                              SpecTranscript::Framed("fingerprint") +
                              SpecTranscript::Framed(base::View(vector.context.opening)) +
                              SpecTranscript::Framed("miasto");
    for (const Ciphertext& contest : vector.ballot.contests) {
      fingerprint += contest.R.view();
      for (const Point& C : contest.C) fingerprint += C.view();
    }
    EXPECT_EQ(base::Hex(HashSha256(fingerprint)), v["fingerprint"]);

    const absl::Status verdict = TestPoll::CheckIn(vector.context, vector.ballot);
    if (v["valid"]) {
      EXPECT_THAT(verdict, Ok());
    } else {
      EXPECT_THAT(verdict, IsRejected("ballot.proof-invalid"));
    }
    EXPECT_EQ(SpecVerifies(vector.context, vector.ballot), v["valid"]);
    for (size_t c = 0; c < v["votes"].size(); ++c) {
      bool negative = false;
      std::vector<uint32_t> values;
      for (const int64_t vote : v["votes"][c]) {
        negative = negative || vote < 0;
        values.push_back(static_cast<uint32_t>(vote));
      }
      if (v["valid"]) {
        EXPECT_TRUE(Obeys(vector.context.shape.contests[c].rule, values));
      } else if (v["votes"].size() == 1) {
        EXPECT_FALSE(!negative && Obeys(vector.context.shape.contests[c].rule, values));
      }
    }
  }
}

TEST(BallotVectorTest, EncodingRoundTrips) {
  const auto all = Vectors("ballot.json");
  for (const auto& v : all["ballots"]) {
    const Vector vector = VectorOf(all, v);
    const std::string bytes = EncodeBallot(vector.ballot);
    EXPECT_EQ(bytes.size(), vector.context.shape.encoded_size());
    const auto decoded = DecodeBallot(vector.context.shape, bytes);
    ASSERT_THAT(decoded, Ok());
    EXPECT_EQ(EncodeBallot(*decoded), bytes);
  }
}

std::vector<Rule> RulesOfEveryKind() {
  return {Choose{1, 1, 1},
          Choose{0, 1, 2},
          Choose{0, 3, 3},
          Choose{2, 3, 5},
          Choose{3, 3, 3},
          Score{.max = 1, .n = 1},
          Score{.max = 5, .n = 4},
          Score{.max = 3, .n = 3, .has_total = true, .total_lo = 2, .total_hi = 4},
          Score{.max = 2, .n = 2, .has_total = true, .total_lo = 0, .total_hi = 4},
          Points{1, 1},
          Points{2, 2},
          Points{3, 5},
          Points{4, 4},
          Points{5, 7},
          Picks{1, 1},
          Picks{2, 40}};
}

// Random values, near the rule: about half of them obey it.
std::vector<uint32_t> RandomValues(const Rule& rule, std::mt19937& random) {
  std::vector<uint32_t> values(SlotCount(rule));
  if (const auto* points = std::get_if<Points>(&rule)) {
    for (uint32_t v = 1; v <= points->k; ++v) values[v - 1] = v;
    std::shuffle(values.begin(), values.end(), random);
    if (random() % 2) values[random() % values.size()] = random() % (points->k + 2);
    return values;
  }
  const uint32_t limit = LargestValue(rule) + (random() % 4 == 0 ? 2 : 1);
  for (uint32_t& value : values) value = random() % limit;
  return values;
}

// The constraints decide what the proof proves; for picks these are the digits alone.
bool ProofShouldHold(const Rule& rule, const std::vector<uint32_t>& values) {
  if (!std::holds_alternative<Picks>(rule)) return Obeys(rule, values);
  return std::all_of(values.begin(), values.end(), [](uint32_t v) { return v <= 15; });
}

TEST(BallotTest, OneCiphertextIsReadWithoutTheRest) {
  const TestPoll poll({{"a", Choose{0, 1, 2}}, {"b", Picks{2, 200}}, {"c", Score{3, 4}}}, 2);
  const Ballot ballot = poll.Vote({{1, 0}, {0, 5, 12, 8}, {3, 0, 1, 2}});
  const std::string bytes = EncodeBallot(ballot);
  for (size_t c = 0; c < 3; ++c) {
    const auto ciphertext = CiphertextOf(poll.context.shape, bytes, c);
    ASSERT_THAT(ciphertext, Ok());
    EXPECT_EQ(ciphertext->R, ballot.contests[c].R);
    EXPECT_EQ(ciphertext->C, ballot.contests[c].C);
  }
  EXPECT_THAT(CiphertextOf(poll.context.shape, bytes + "x", 0), IsRejected("ballot.malformed"));
  EXPECT_THAT(CiphertextOf(poll.context.shape, std::string_view(bytes).substr(1), 2),
              IsRejected("ballot.malformed"));
  EXPECT_DEATH(CiphertextOf(poll.context.shape, bytes, 3).status().IgnoreError(),
               "a contest of the shape");
}

TEST(BallotPropertyTest, AProofHoldsExactlyForVotesThatObey) {
  std::mt19937 random(20261123);
  for (const Rule& rule : RulesOfEveryKind()) {
    const TestPoll poll({{"c", rule}});
    int valid = 0;
    for (int i = 0; i < 12; ++i) {
      const std::vector<uint32_t> values = RandomValues(rule, random);
      SCOPED_TRACE(testing::PrintToString(values));
      const Ballot ballot = poll.Forge({std::vector<int64_t>(values.begin(), values.end())});
      const bool should_hold = ProofShouldHold(rule, values);
      valid += should_hold;
      EXPECT_EQ(poll.Check(ballot).ok(), should_hold) << poll.Check(ballot);
      EXPECT_EQ(SpecVerifies(poll.context, ballot), should_hold);
      EXPECT_EQ(PreparedBallot::Encrypt(poll.context, {values}).ok(), Obeys(rule, values));
    }
    EXPECT_GT(valid, 0);
  }
}

TEST(BallotTest, AllRulesInOneBallotWithThreeIssuers) {
  std::vector<ContestShape> contests;
  std::vector<std::vector<uint32_t>> votes;
  std::mt19937 random(7);
  for (const Rule& rule : RulesOfEveryKind()) {
    contests.push_back({"contest-" + std::to_string(contests.size()), rule});
    do {
      votes.resize(contests.size());
      votes.back() = RandomValues(rule, random);
    } while (!Obeys(rule, votes.back()));
  }
  const TestPoll poll(contests, 3);
  const Ballot ballot = poll.Vote(votes, 65535);
  EXPECT_THAT(poll.Check(ballot), Ok());
  EXPECT_TRUE(SpecVerifies(poll.context, ballot));
  const std::string bytes = EncodeBallot(ballot);
  EXPECT_EQ(bytes.size(), poll.context.shape.encoded_size());
  ASSERT_THAT(DecodeBallot(poll.context.shape, bytes), Ok());
  EXPECT_THAT(poll.Check(*DecodeBallot(poll.context.shape, bytes)), Ok());
}

TEST(BallotTest, VerdictsOfManyAreThoseOfEach) {
  const TestPoll poll({{"c", Choose{0, 1, 2}}}), other({{"d", Score{.max = 2, .n = 1}}});
  std::vector<Ballot> ballots = {poll.Vote({{1, 0}}), poll.Forge({{1, 1}}), poll.Vote({{0, 0}}),
                                 poll.Vote({{0, 1}}), other.Vote({{2}})};
  ballots[3].tokens[0].s = One();
  std::vector<BallotToCheck> items;
  for (const Ballot& ballot : ballots) {
    items.push_back({&ballot == &ballots[4] ? &other.context : &poll.context, &ballot});
  }
  const std::vector<absl::Status> verdicts = CheckBallots(items);
  ASSERT_EQ(verdicts.size(), 5u);
  EXPECT_THAT(verdicts[0], Ok());
  EXPECT_THAT(verdicts[1], IsRejected("ballot.proof-invalid"));
  EXPECT_THAT(verdicts[2], Ok());
  EXPECT_THAT(verdicts[3], IsRejected("token.invalid"));
  EXPECT_THAT(verdicts[4], Ok());
  EXPECT_TRUE(CheckBallots({}).empty());
}

TEST(BallotTest, VerdictsDoNotDependOnWhatElseIsChecked) {
  const TestPoll poll({{"c", Choose{0, 1, 2}}}), other({{"d", Score{.max = 2, .n = 2}}}, 2);
  std::vector<Ballot> ballots;
  std::vector<const BallotContext*> contexts;
  for (size_t i = 0; i < 70; ++i) {
    const TestPoll& of = i % 3 == 0 ? other : poll;
    Ballot ballot = of.Vote({{1, 0}});
    // Every seventh is broken, and a run of them in the middle.
    if (i % 7 == 0 || (i >= 30 && i < 40)) {
      switch (i % 5) {
        case 0:
          ballot.proof.z_b = ballot.proof.z_b + One();
          break;
        case 1:
          ballot.contests[0].C[1] = ballot.contests[0].C[0];
          break;
        case 2:
          ballot.proof.tau = ballot.proof.tau + One();
          break;
        case 3:
          ballot.tokens[0].y = One();
          break;
        default:
          ballot.proof.contests[0].f[1] = One();
      }
    }
    ballots.push_back(std::move(ballot));
    contexts.push_back(&of.context);
  }
  std::vector<BallotToCheck> items;
  for (size_t i = 0; i < ballots.size(); ++i) items.push_back({contexts[i], &ballots[i]});
  const std::vector<absl::Status> together = CheckBallots(items);
  const std::vector<absl::Status> each = CheckBallots(items, Together::kEach);
  size_t refused = 0;
  for (size_t i = 0; i < items.size(); ++i) {
    EXPECT_EQ(together[i], CheckBallots({&items[i], 1})[0]) << i;
    EXPECT_EQ(together[i], each[i]) << i;
    if (!together[i].ok()) ++refused;
  }
  EXPECT_EQ(refused, 19u);
}

// Of every equation of section 6 one false, alone and before another.
TEST(BallotTest, TheFirstEquationThatDoesNotHoldIsNamed) {
  const TestPoll poll({{"c", Choose{0, 1, 2}}, {"d", Score{.max = 2, .n = 1}}});
  const std::vector<std::pair<std::function<void(BallotProof&)>, std::string>> faults = {
      {[](BallotProof& p) { p.z_b = p.z_b + One(); }, "the ballot key did not sign this ballot"},
      {[](BallotProof& p) { p.contests[0].z = p.contests[0].z + One(); },
       "contest c: R is not what was proven"},
      {[](BallotProof& p) { p.contests[0].f[0] = One(); },
       "contest c, slot 0: C is not what was proven"},
      {[](BallotProof& p) { p.contests[0].f[1] = One(); },
       "contest c, slot 1: C is not what was proven"},
      {[](BallotProof& p) { p.contests[1].z = p.contests[1].z + One(); },
       "contest d: R is not what was proven"},
      {[](BallotProof& p) { p.contests[1].f[0] = One(); },
       "contest d, slot 0: C is not what was proven"},
      {[](BallotProof& p) { p.tau = p.tau + One(); }, "the votes do not obey the rules"}};
  std::vector<Ballot> ballots;
  std::vector<std::string> reasons;
  for (size_t first = 0; first < faults.size(); ++first) {
    for (size_t second = first; second < faults.size(); ++second) {
      Ballot& ballot = ballots.emplace_back(poll.Vote({{1, 0}, {2}}));
      faults[first].first(ballot.proof);
      if (second != first) faults[second].first(ballot.proof);
      reasons.push_back(faults[first].second);
    }
  }
  std::vector<BallotToCheck> items;
  for (const Ballot& ballot : ballots) items.push_back({&poll.context, &ballot});
  for (const Together together : {Together::kAll, Together::kEach}) {
    const std::vector<absl::Status> verdicts = CheckBallots(items, together);
    for (size_t i = 0; i < items.size(); ++i) {
      EXPECT_THAT(verdicts[i], IsRejected("ballot.proof-invalid")) << i;
      EXPECT_NE(verdicts[i].message().find(reasons[i]), std::string::npos) << verdicts[i];
    }
  }
}

TEST(BallotTest, CoordinatesThatCameWithABallotGiveTheSameVerdict) {
  const TestPoll poll({{"c", Choose{0, 1, 2}}, {"d", Points{.k = 2, .n = 3}}});
  for (const bool valid : {true, false}) {
    const Ballot ballot = valid ? poll.Vote({{0, 1}, {2, 1, 0}}) : poll.Forge({{1, 1}, {2, 1, 0}});
    const std::string bytes = EncodeBallot(ballot);
    const EncodedBallot encoded{&poll.context.shape, bytes};
    const auto decoded = DecodeBallots({&encoded, 1});
    ASSERT_THAT(decoded[0], Ok());
    const BallotToCheck item{&poll.context, &decoded[0]->ballot, decoded[0]->elements};
    EXPECT_EQ(CheckBallots({&item, 1})[0], poll.Check(ballot));
    EXPECT_EQ(poll.Check(ballot).ok(), valid);
  }
}

// Of two shapes and of wrong sizes, with one field changed in every third: as if each were alone.
TEST(BallotTest, DecodingTogetherGivesEachTheVerdictItGetsAlone) {
  const TestPoll small({{"c", Choose{0, 1, 2}}});
  const TestPoll large({{"c", Choose{0, 1, 2}}, {"d", Points{.k = 2, .n = 3}}});
  const std::string of_small = EncodeBallot(small.Vote({{1, 0}}));
  const std::string of_large = EncodeBallot(large.Vote({{0, 1}, {2, 1, 0}}));
  std::vector<std::string> bytes;
  std::vector<const TestPoll*> polls;
  for (size_t at = 2; at + 32 <= of_large.size(); at += 32) {
    bytes.push_back(of_large);
    bytes.back().replace(at, 32, 32, at % 64 == 2 ? '\xff' : '\0');
    polls.push_back(&large);
    bytes.push_back(of_small);
    polls.push_back(&small);
    bytes.push_back(of_small.substr(at % 3));
    polls.push_back(at % 2 == 0 ? &small : &large);
    bytes.push_back(of_large);
    polls.push_back(&large);
  }
  std::vector<EncodedBallot> encoded;
  for (size_t i = 0; i < bytes.size(); ++i) {
    encoded.push_back({&polls[i]->context.shape, bytes[i]});
  }
  const auto together = DecodeBallots(encoded);
  size_t refused = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const auto alone = DecodeBallot(*encoded[i].shape, bytes[i]);
    ASSERT_EQ(together[i].status(), alone.status()) << i;
    if (!alone.ok()) {
      ++refused;
      continue;
    }
    EXPECT_EQ(EncodeBallot(together[i]->ballot), bytes[i]) << i;
    const BallotToCheck item{&polls[i]->context, &together[i]->ballot, together[i]->elements};
    EXPECT_EQ(CheckBallots({&item, 1})[0], polls[i]->Check(*alone)) << i;
  }
  EXPECT_GT(refused, bytes.size() / 4);
  EXPECT_LT(refused, bytes.size() * 3 / 4);
}

TEST(BallotTest, ContextWithTooFewKeysOrIssuersIsNotTheBallotsFault) {
  const TestPoll poll({{"c", Choose{0, 1, 2}}});
  const Ballot ballot = poll.Vote({{1, 0}});
  BallotContext context = poll.context;
  context.keys.pop_back();
  EXPECT_EQ(TestPoll::CheckIn(context, ballot).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(PreparedBallot::Encrypt(context, {{1, 0}}).status().code(),
            absl::StatusCode::kFailedPrecondition);
  context = poll.context;
  context.issuers.clear();
  EXPECT_EQ(TestPoll::CheckIn(context, ballot).code(), absl::StatusCode::kFailedPrecondition);
}

TEST(PreparedBallotTest, RefusesVotesThatBreakARule) {
  const TestPoll poll({{"p", Choose{1, 1, 2}}, {"q", Choose{0, 1, 2}}});
  const std::string_view id = "ballot.votes-invalid";
  for (const std::vector<std::vector<uint32_t>>& votes :
       std::vector<std::vector<std::vector<uint32_t>>>{{{1, 1}, {0, 0}},
                                                       {{0, 0}, {0, 0}},
                                                       {{1, 0}, {2, 0}},
                                                       {{1, 0}},
                                                       {{1, 0}, {0}},
                                                       {{1, 0}, {0, 0}, {}},
                                                       {}}) {
    EXPECT_THAT(PreparedBallot::Encrypt(poll.context, votes), IsRejected(id));
  }
}

TEST(PreparedBallotTest, EncryptsAfreshEveryTime) {
  const TestPoll poll({{"p", Choose{1, 1, 2}}});
  const auto one = PreparedBallot::Encrypt(poll.context, {{1, 0}});
  const auto two = PreparedBallot::Encrypt(poll.context, {{1, 0}});
  EXPECT_NE(one->contests()[0].R, two->contests()[0].R);
  EXPECT_NE(one->fingerprint(), two->fingerprint());
}

// What is encrypted is multiplied in as few digits as the largest vote has.
TEST(PreparedBallotTest, EncryptsEveryVoteUpToTheLargest) {
  for (const uint32_t largest : {1, 2, 3, 4, 7, 8, 15, 16, 31, 63, 64, 127, 128}) {
    const TestPoll poll({{"s", Score{.max = largest, .n = 2}}});
    EXPECT_THAT(poll.Check(poll.Vote({{largest, largest - 1}})), Ok()) << largest;
  }
}

TEST(PreparedBallotTest, AChallengedBallotShowsItsVotesAndFingerprint) {
  const TestPoll poll({{"p", Choose{1, 1, 2}}, {"s", Score{.max = 9, .n = 3}}});
  auto prepared = PreparedBallot::Encrypt(poll.context, {{0, 1}, {9, 0, 4}}).value();
  const Hash32 shown = prepared.fingerprint();
  const auto opening = std::move(prepared).Challenge();
  EXPECT_EQ(opening.votes, (std::vector<std::vector<uint32_t>>{{0, 1}, {9, 0, 4}}));
  const BallotContext& c = poll.context;
  EXPECT_EQ(OpenedFingerprint(c.opening, c.shape, c.keys, opening), shown);

  auto lie = opening;
  lie.votes[0] = {1, 0};
  EXPECT_NE(OpenedFingerprint(c.opening, c.shape, c.keys, lie), shown);
  lie = opening;
  lie.r[1] = lie.r[1] + One();
  EXPECT_NE(OpenedFingerprint(c.opening, c.shape, c.keys, lie), shown);
  EXPECT_NE(OpenedFingerprint(SomeHash(9), c.shape, c.keys, opening), shown);
  BallotShape other = c.shape;
  other.style = "other";
  EXPECT_NE(OpenedFingerprint(c.opening, other, c.keys, opening), shown);
  std::vector<Point> keys = c.keys;
  std::swap(keys[0], keys[1]);
  EXPECT_NE(OpenedFingerprint(c.opening, c.shape, keys, opening), shown);
}

TEST(PreparedBallotTest, AnOpeningOfAnotherShapeMatchesNothing) {
  const TestPoll poll({{"p", Choose{1, 1, 2}}, {"s", Score{.max = 9, .n = 3}}});
  const auto opening = PreparedBallot::Encrypt(poll.context, {{0, 1}, {9, 0, 4}}).value();
  PreparedBallot::Opening bad;
  const BallotContext& c = poll.context;
  EXPECT_EQ(OpenedFingerprint(c.opening, c.shape, c.keys, bad), Hash32{});
  bad = {{One(), One()}, {{0, 1}, {9, 0}}};
  EXPECT_EQ(OpenedFingerprint(c.opening, c.shape, c.keys, bad), Hash32{});
  bad = {{One(), One()}, {{0, 1}, {9, 0, 4}, {1}}};
  EXPECT_EQ(OpenedFingerprint(c.opening, c.shape, c.keys, bad), Hash32{});
  bad = {{One()}, {{0, 1}, {9, 0, 4}}};
  EXPECT_EQ(OpenedFingerprint(c.opening, c.shape, c.keys, bad), Hash32{});
}

TEST(PreparedBallotTest, FingerprintIsThatOfTheCiphertextsAndNamesNoBallotKey) {
  const TestPoll poll({{"p", Choose{1, 1, 2}}});
  auto prepared = PreparedBallot::Encrypt(poll.context, {{0, 1}}).value();
  const Hash32 shown = prepared.fingerprint();
  const Ballot ballot = std::move(prepared).Cast(poll.context, poll.key, poll.tokens, 1);
  Sha256 hash;
  hash.Update(Frame("urna/v1")).Update(Frame("fingerprint"));
  hash.Update(Frame(base::View(poll.context.opening))).Update(Frame("miasto"));
  hash.Update(ballot.contests[0].R.view());
  for (const Point& C : ballot.contests[0].C) hash.Update(C.view());
  EXPECT_EQ(hash.Finish(), shown);
}

template <typename P>
concept UsableAsLvalue = requires(P& prepared) {
  prepared.Challenge();
};
static_assert(!UsableAsLvalue<PreparedBallot>, "challenging must consume the ballot");
static_assert(!std::is_copy_constructible_v<PreparedBallot>, "or a copy could still be cast");

TEST(PreparedBallotDeathTest, AChallengedOrCastBallotCannotBeCast) {
  const TestPoll poll({{"p", Choose{1, 1, 2}}});
  auto challenged = PreparedBallot::Encrypt(poll.context, {{0, 1}}).value();
  EXPECT_EQ(std::move(challenged).Challenge().r.size(), 1u);
  // NOLINTNEXTLINE(bugprone-use-after-move)
  EXPECT_DEATH(std::move(challenged).Cast(poll.context, poll.key, poll.tokens, 1), "cast once");
  auto cast = PreparedBallot::Encrypt(poll.context, {{0, 1}}).value();
  EXPECT_THAT(poll.Check(std::move(cast).Cast(poll.context, poll.key, poll.tokens, 1)), Ok());
  // NOLINTNEXTLINE(bugprone-use-after-move)
  EXPECT_DEATH(std::move(cast).Cast(poll.context, poll.key, poll.tokens, 2), "cast once");
}

}  // namespace
}  // namespace urna::crypto
