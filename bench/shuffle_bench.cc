// What mixing and verifying a mix cost for each ballot, on one core.

#include <benchmark/benchmark.h>

#include <string>
#include <utility>
#include <vector>

#include "crypto/group.h"
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

}  // namespace
}  // namespace urna::crypto
