// What mixing, decrypting what was mixed, and verifying both cost for each ballot, on one core.

#include <benchmark/benchmark.h>

#include <string>
#include <utility>
#include <vector>

#include "crypto/decryption.h"
#include "crypto/group.h"
#include "crypto/picks.h"
#include "crypto/shuffle.h"

namespace urna::crypto {
namespace {

struct Setup {
  Setup(size_t ballots, size_t width) {
    Initialize();
    statement = {HashSha256("opening"), HashSha256("closed"), "contest", 1, {}};
    for (size_t k = 0; k < width; ++k) {
      statement.keys.push_back(Generator("bench-key-" + std::to_string(k)));
    }
    // Any points do.
    inputs.width = width;
    std::vector<vartime::Element> elements;
    vartime::Element next = ToElement(MulBase(Scalar::Random()));
    for (size_t i = 0; i < ballots * inputs.columns(); ++i) {
      elements.push_back(next);
      next += vartime::Element::Base();
    }
    inputs.points = ToPoints(elements);
  }
  std::vector<std::string> Parts() const {
    std::vector<std::string> parts;
    const auto outputs = Mix(statement, inputs, [&parts](std::string_view part) {
      parts.emplace_back(part);
      return absl::OkStatus();
    });
    return parts;
  }
  MixStatement statement;
  VectorList inputs;
};

void PerBallot(benchmark::State& state) {
  state.counters["each"] = benchmark::Counter(
      static_cast<double>(state.range(0)) * static_cast<double>(state.iterations()),
      benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void MixBallots(benchmark::State& state) {
  const Setup setup(static_cast<size_t>(state.range(0)), static_cast<size_t>(state.range(1)));
  for (auto _ : state) benchmark::DoNotOptimize(setup.Parts());
  PerBallot(state);
}
BENCHMARK(MixBallots)
    ->ArgNames({"ballots", "width"})
    ->ArgsProduct({{100, 1'000, 10'000}, {3, 6, 15}})
    ->Unit(benchmark::kMillisecond);

void VerifyMix(benchmark::State& state) {
  const Setup setup(static_cast<size_t>(state.range(0)), static_cast<size_t>(state.range(1)));
  const std::vector<std::string> parts = setup.Parts();
  for (auto _ : state) {
    MixVerifier verifier(setup.statement, setup.inputs);
    for (const std::string& part : parts) {
      if (!verifier.Add(part).ok()) state.SkipWithError("a part was refused");
    }
    if (!std::move(verifier).Finish().ok()) state.SkipWithError("a valid mix was refused");
  }
  PerBallot(state);
}
BENCHMARK(VerifyMix)
    ->ArgNames({"ballots", "width"})
    ->ArgsProduct({{100, 1'000, 10'000}, {3, 6, 15}})
    ->Unit(benchmark::kMillisecond);

/// A trustee of `t` who decrypt the picks of mixed ballots.
struct DecryptionSetup {
  DecryptionSetup(size_t ballots, size_t width, size_t t) {
    Initialize();
    std::vector<vartime::Element> elements;
    for (size_t b = 0; b < ballots; ++b) {
      elements.push_back((elements.empty() ? vartime::Element() : elements.back()) +
                         vartime::Element::Base());
    }
    R = ToPoints(elements);
    for (uint32_t i = 1; i <= t; ++i) trustees.push_back(2 * i);
    for (size_t w = 0; w < width; ++w) {
      secrets.push_back(SecretScalar::Random());
      P.push_back(MulBase(secrets.back()));
    }
  }
  DecryptionStatement Statement() const {
    return {HashSha256("opening"), HashSha256("closed"), "contest", 1, R, P};
  }
  std::vector<Point> R, P;
  std::vector<SecretScalar> secrets;
  std::vector<uint32_t> trustees;
};

void MakeShare(benchmark::State& state) {
  const DecryptionSetup setup(static_cast<size_t>(state.range(0)),
                              static_cast<size_t>(state.range(1)), 1);
  for (auto _ : state) {
    benchmark::DoNotOptimize(MakeDecryptionShare(setup.Statement(), setup.secrets));
  }
  PerBallot(state);
}
BENCHMARK(MakeShare)
    ->ArgNames({"ballots", "width"})
    ->ArgsProduct({{1'000, 10'000}, {3, 15}})
    ->Unit(benchmark::kMillisecond);

void VerifyShare(benchmark::State& state) {
  const DecryptionSetup setup(static_cast<size_t>(state.range(0)),
                              static_cast<size_t>(state.range(1)), 1);
  const DecryptionShare share = MakeDecryptionShare(setup.Statement(), setup.secrets);
  for (auto _ : state) {
    if (!VerifyDecryptionShare(setup.Statement(), share).ok()) {
      state.SkipWithError("a valid share was refused");
    }
  }
  PerBallot(state);
}
BENCHMARK(VerifyShare)
    ->ArgNames({"ballots", "width"})
    ->ArgsProduct({{1'000, 10'000}, {3, 15}})
    ->Unit(benchmark::kMillisecond);

/// Every value is 0: shares that add up to nothing take the same steps.
void DecryptPicks(benchmark::State& state) {
  const auto ballots = static_cast<size_t>(state.range(0));
  const auto width = static_cast<size_t>(state.range(1));
  const auto t = static_cast<size_t>(state.range(2));
  const DecryptionSetup setup(ballots * width, 1, t);
  // With a key of 1 for all trustees, since weights add up to one.
  const std::vector<std::vector<Point>> shares(t, setup.R);
  for (auto _ : state) {
    if (!DecryptSmall(setup.R, setup.trustees, shares, 255).ok()) {
      state.SkipWithError("a value was not found");
    }
  }
  PerBallot(state);
}
BENCHMARK(DecryptPicks)
    ->ArgNames({"ballots", "width", "trustees"})
    ->ArgsProduct({{1'000}, {3, 15}, {2, 3, 5}})
    ->Unit(benchmark::kMillisecond);

void Compose(benchmark::State& state) {
  const auto ballots = static_cast<size_t>(state.range(0));
  const auto picks = static_cast<uint32_t>(state.range(1));
  const DecryptionSetup setup(2 * picks, 1, 1);
  const std::vector<Ciphertext> ciphertexts(ballots, {setup.R[0], setup.R});
  for (auto _ : state) {
    VectorList list{.width = picks, .points = {}};
    AppendComposites(ciphertexts, picks, &list);
    benchmark::DoNotOptimize(list);
  }
  PerBallot(state);
}
BENCHMARK(Compose)
    ->ArgNames({"ballots", "picks"})
    ->ArgsProduct({{1'000}, {3, 15}})
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace urna::crypto
