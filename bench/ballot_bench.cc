// What one ballot and one token cost. Shapes: questions of two answers each, one issuer.

#include <benchmark/benchmark.h>

#include "base/status.h"
#include "crypto/ballot.h"
#include "crypto/credential.h"
#include "crypto/token.h"

namespace urna::crypto {
namespace {

struct Setup {
  explicit Setup(uint32_t questions) : Setup(questions, Choose{0, 1, 2}, {1, 0}) {}
  Setup(uint32_t contests, const Rule& rule, const std::vector<uint32_t>& vote)
      : issuer(IssuerKey::New()), omega(NewOmega()) {
    context.opening = HashSha256("bench");
    context.shape.style = "style";
    for (uint32_t c = 0; c < contests; ++c) {
      context.shape.contests.push_back({"q" + std::to_string(c), rule});
      votes.push_back(vote);
    }
    context.shape.issuers = 1;
    for (uint32_t w = 0; w < SlotCount(rule); ++w) {
      context.keys.push_back(Generator("bench-key-" + std::to_string(w)));
    }
    context.issuers.emplace_back(context.opening, context.shape.style, issuer.X);
    ballot_key = DeriveBallotKey(omega, context.opening);
    IssuerSession session(context.issuers[0]);
    const TokenRequest request(context.issuers[0], session.offer(), omega, ballot_key.BK);
    token = *request.Unblind(*std::move(session).Respond(issuer, request.challenge()));
  }

  Ballot Make() const {
    return (*PreparedBallot::Encrypt(context, votes)).Cast(context, ballot_key, {token}, 1);
  }

  IssuerKey issuer;
  Omega omega;
  BallotContext context;
  std::vector<std::vector<uint32_t>> votes;
  BallotKey ballot_key;
  Token token;
};

void PrepareBallot(benchmark::State& state) {
  const Setup setup(static_cast<uint32_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(setup.Make());
}
BENCHMARK(PrepareBallot)->ArgName("questions")->Arg(1)->Arg(4)->Unit(benchmark::kMicrosecond);

void CheckBallot(benchmark::State& state) {
  const Setup setup(static_cast<uint32_t>(state.range(0)));
  const Ballot ballot = setup.Make();
  const BallotToCheck item{&setup.context, &ballot};
  for (auto _ : state) {
    if (!CheckBallots({&item, 1})[0].ok()) state.SkipWithError("a valid ballot was refused");
  }
}
BENCHMARK(CheckBallot)->ArgName("questions")->Arg(1)->Arg(4)->Unit(benchmark::kMicrosecond);

/// 3, 2 and 1 points among 155 projects, the largest pool of a city.
Setup BudgetSetup() {
  std::vector<uint32_t> vote(155, 0);
  vote[7] = 3, vote[70] = 2, vote[154] = 1;
  return {1, Points{3, 155}, vote};
}

void PrepareBudgetBallot(benchmark::State& state) {
  const Setup setup = BudgetSetup();
  for (auto _ : state) benchmark::DoNotOptimize(setup.Make());
}
BENCHMARK(PrepareBudgetBallot)->Unit(benchmark::kMillisecond);

void CheckBudgetBallots(benchmark::State& state) {
  const Setup setup = BudgetSetup();
  constexpr size_t kMany = 32;
  std::vector<Ballot> ballots;
  std::vector<BallotToCheck> items;
  for (size_t i = 0; i < kMany; ++i) ballots.push_back(setup.Make());
  for (const Ballot& ballot : ballots) items.push_back({&setup.context, &ballot});
  for (auto _ : state) {
    for (const absl::Status& verdict : CheckBallots(items)) {
      if (!verdict.ok()) state.SkipWithError("a valid ballot was refused");
    }
  }
  state.counters["each"] =
      benchmark::Counter(static_cast<double>(kMany * state.iterations()),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(CheckBudgetBallots)->Unit(benchmark::kMillisecond);

/// Bytes of ballots to verdicts, many at once.
void CheckManyBallots(benchmark::State& state) {
  const Setup setup(static_cast<uint32_t>(state.range(0)));
  const auto count = static_cast<size_t>(state.range(1));
  std::vector<std::string> encoded;
  for (size_t i = 0; i < std::min<size_t>(count, 64); ++i) {
    encoded.push_back(EncodeBallot(setup.Make()));
  }
  for (auto _ : state) {
    std::vector<EncodedBallot> in;
    for (size_t i = 0; i < count; ++i) {
      in.push_back({&setup.context.shape, encoded[i % encoded.size()]});
    }
    const auto ballots = DecodeBallots(in);
    std::vector<BallotToCheck> items;
    for (const auto& ballot : ballots) {
      items.push_back({&setup.context, &ballot->ballot, ballot->elements});
    }
    for (const absl::Status& verdict : CheckBallots(items)) {
      if (!verdict.ok()) state.SkipWithError("a valid ballot was refused");
    }
  }
  state.counters["each"] =
      benchmark::Counter(static_cast<double>(count) * static_cast<double>(state.iterations()),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(CheckManyBallots)
    ->ArgNames({"questions", "ballots"})
    ->ArgsProduct({{1, 4}, {16, 64, 256, 1024}})
    ->Unit(benchmark::kMillisecond);

/// Some of 64 ballots' proofs are false; a flood is where all are.
void CheckInvalidBallots(benchmark::State& state) {
  const Setup setup(static_cast<uint32_t>(state.range(0)));
  const auto together = state.range(2) == 0 ? Together::kAll : Together::kEach;
  std::vector<std::string> bytes;
  for (int64_t i = 0; i < 64; ++i) {
    Ballot ballot = setup.Make();
    // Spread; at the last equation, which is found last.
    if (i * state.range(1) % 64 < state.range(1)) {
      ballot.proof.tau = ballot.proof.tau + Scalar::FromU64(1);
    }
    bytes.push_back(EncodeBallot(ballot));
  }
  std::vector<EncodedBallot> encoded;
  for (const std::string& one : bytes) encoded.push_back({&setup.context.shape, one});
  const auto ballots = DecodeBallots(encoded);
  std::vector<BallotToCheck> items;
  for (const auto& ballot : ballots) {
    items.push_back({&setup.context, &ballot->ballot, ballot->elements});
  }
  for (auto _ : state) {
    const auto verdicts = CheckBallots(items, together);
    if (std::ranges::count_if(verdicts, [](const auto& v) { return !v.ok(); }) != state.range(1)) {
      state.SkipWithError("a wrong verdict");
    }
  }
  state.counters["each"] = benchmark::Counter(
      static_cast<double>(items.size()) * static_cast<double>(state.iterations()),
      benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(CheckInvalidBallots)
    ->ArgNames({"questions", "false", "each"})
    ->ArgsProduct({{1, 4}, {0, 1, 2, 4, 8, 13, 64}, {0, 1}})
    ->Unit(benchmark::kMillisecond);

/// A register's part of 200 entries, without decoding them.
void VerifyRegisterEntries(benchmark::State& state) {
  const Setup setup(1);
  const TokenInfo& info = setup.context.issuers[0];
  struct Entry {
    CredentialKey credential = CredentialKey::New();
    TokenOffer offer = {};
    Scalar c = Scalar::Random();
    IssuerAnswer answer = {};
    CredentialSignature signature = {};
  };
  std::vector<Entry> entries(200);
  std::vector<IssuanceToVerify> items;
  for (Entry& e : entries) {
    IssuerSession session(info);
    e.offer = session.offer();
    e.answer = *std::move(session).Respond(setup.issuer, e.c);
    e.signature = SignCredential(
        e.credential,
        CredentialStatement::Request(info.opening, info.style, info.X, e.offer.A, e.offer.C, e.c));
    items.push_back({&info, &e.credential.V, &e.offer, &e.c, &e.answer, &e.signature});
  }
  for (auto _ : state) {
    for (const absl::Status& verdict : VerifyIssuances(items)) {
      if (!verdict.ok()) state.SkipWithError("a valid entry was refused");
    }
  }
  state.counters["each"] = benchmark::Counter(
      static_cast<double>(items.size()) * static_cast<double>(state.iterations()),
      benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(VerifyRegisterEntries)->Unit(benchmark::kMillisecond);

void DecodeBallotBytes(benchmark::State& state) {
  const Setup setup(static_cast<uint32_t>(state.range(0)));
  const std::string bytes = EncodeBallot(setup.Make());
  for (auto _ : state) {
    if (!DecodeBallot(setup.context.shape, bytes).ok()) state.SkipWithError("refused");
  }
  state.counters["bytes"] = static_cast<double>(bytes.size());
}
BENCHMARK(DecodeBallotBytes)->ArgName("questions")->Arg(1)->Arg(4)->Unit(benchmark::kMicrosecond);

// The issuer's side of one token: the resident's two signatures, the offer and the answer.
void IssueToken(benchmark::State& state) {
  const Setup setup(1);
  const TokenInfo& info = setup.context.issuers[0];
  const CredentialKey credential = CredentialKey::New();
  const auto begin = CredentialStatement::Begin(info.opening, info.style, info.X);
  const CredentialSignature begin_signature = SignCredential(credential, begin);
  const Scalar c = Scalar::Random();
  for (auto _ : state) {
    if (!VerifyCredential(credential.V, begin, begin_signature).ok()) state.SkipWithError("begin");
    IssuerSession session(info);
    const auto request = CredentialStatement::Request(info.opening, info.style, info.X,
                                                      session.offer().A, session.offer().C, c);
    state.PauseTiming();
    const CredentialSignature signature = SignCredential(credential, request);
    state.ResumeTiming();
    if (!VerifyCredential(credential.V, request, signature).ok()) state.SkipWithError("request");
    benchmark::DoNotOptimize(std::move(session).Respond(setup.issuer, c));
  }
}
BENCHMARK(IssueToken)->Unit(benchmark::kMicrosecond);

// The resident's side: blinding, checking the answer, unblinding.
void ObtainToken(benchmark::State& state) {
  const Setup setup(1);
  const TokenInfo& info = setup.context.issuers[0];
  for (auto _ : state) {
    state.PauseTiming();
    IssuerSession session(info);
    const TokenOffer offer = session.offer();
    state.ResumeTiming();
    const TokenRequest request(info, offer, setup.omega, setup.ballot_key.BK);
    state.PauseTiming();
    const auto answer = std::move(session).Respond(setup.issuer, request.challenge());
    state.ResumeTiming();
    benchmark::DoNotOptimize(request.Unblind(*answer));
  }
}
BENCHMARK(ObtainToken)->Unit(benchmark::kMicrosecond);

void CheckToken(benchmark::State& state) {
  const Setup setup(1);
  for (auto _ : state) {
    if (!VerifyToken(setup.context.issuers[0], setup.ballot_key.BK, setup.token).ok()) {
      state.SkipWithError("a valid token was refused");
    }
  }
}
BENCHMARK(CheckToken)->Unit(benchmark::kMicrosecond);

void DeriveCredentialFromCode(benchmark::State& state) {
  const SecretText symbols = *ParseCode(NewCode().Expose());
  for (auto _ : state) benchmark::DoNotOptimize(DeriveCredential(symbols, "bench"));
}
BENCHMARK(DeriveCredentialFromCode)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace urna::crypto
