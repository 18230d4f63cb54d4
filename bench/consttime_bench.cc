// What secret multiples of public points cost, and whether their time depends on the secret.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <random>
#include <vector>

#include "crypto/consttime/multi_mul.h"
#include "crypto/consttime/table.h"
#include "crypto/group.h"

namespace urna::crypto::consttime {
namespace {

std::vector<SecretScalar> Scalars(size_t count) {
  Initialize();
  std::vector<SecretScalar> out;
  for (size_t i = 0; i < count; ++i) out.push_back(SecretScalar::Random());
  return out;
}

void PerItem(benchmark::State& state, size_t count) {
  state.counters["each"] =
      benchmark::Counter(static_cast<double>(count) * static_cast<double>(state.iterations()),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void MakeTable(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(Table(vartime::Element::Base()));
}
BENCHMARK(MakeTable)->Unit(benchmark::kMicrosecond);

/// So many multiples of G, without their encoding.
void MultiplyFixedBase(benchmark::State& state) {
  const auto count = static_cast<size_t>(state.range(0));
  const std::vector<SecretScalar> scalars = Scalars(count);
  std::vector<Product> products;
  for (const SecretScalar& scalar : scalars) products.push_back({&Table::OfBase(), &scalar});
  for (auto _ : state) benchmark::DoNotOptimize(Sums(products, 1));
  PerItem(state, count);
}
BENCHMARK(MultiplyFixedBase)->Arg(1)->Arg(8)->Arg(256);

void MultiplyAndAddSecretly(benchmark::State& state) {
  const auto count = static_cast<size_t>(state.range(0));
  const std::vector<SecretScalar> scalars = Scalars(count);
  const std::vector<vartime::Element> elements = Generators("bench-", 0, count);
  for (auto _ : state) benchmark::DoNotOptimize(MultiMul(scalars, elements));
  PerItem(state, count);
}
BENCHMARK(MultiplyAndAddSecretly)->Arg(1)->Arg(8)->Arg(256);

/// As dudect (Reparaz, Balasch, Verbauwhede 2017): times of one fixed scalar against those of
/// random ones, in random order and without the slowest tenth; Welch's t beyond 10 would say that
/// they differ, about 5 that one should look again.
template <typename Compute>
void CompareTimes(benchmark::State& state, const Compute& compute) {
  constexpr size_t kRuns = 20'000;
  Initialize();
  std::mt19937 random(1);
  for (auto _ : state) {
    std::vector<double> times[2];
    for (size_t i = 0; i < kRuns; ++i) {
      const bool fixed = random() % 2 == 0;
      const SecretScalar drawn = SecretScalar::Random();
      const SecretScalar scalar = fixed ? SecretScalar::FromU64(1) : drawn.Clone();
      const auto start = std::chrono::steady_clock::now();
      compute(scalar);
      const std::chrono::duration<double, std::nano> time =
          std::chrono::steady_clock::now() - start;
      times[fixed].push_back(time.count());
    }
    double mean[2], error[2];
    for (int k = 0; k < 2; ++k) {
      std::sort(times[k].begin(), times[k].end());
      times[k].resize(times[k].size() * 9 / 10);
      const auto count = static_cast<double>(times[k].size());
      double sum = 0, squares = 0;
      for (const double t : times[k]) sum += t;
      mean[k] = sum / count;
      for (const double t : times[k]) squares += (t - mean[k]) * (t - mean[k]);
      error[k] = squares / (count - 1) / count;
    }
    state.counters["t"] = (mean[0] - mean[1]) / std::sqrt(error[0] + error[1]);
  }
}

void ConstantTimeFixedBase(benchmark::State& state) {
  CompareTimes(state, [](const SecretScalar& scalar) {
    const Product product{&Table::OfBase(), &scalar};
    benchmark::DoNotOptimize(Sums({&product, 1}, 1)[0].Publish());
  });
}
BENCHMARK(ConstantTimeFixedBase)->Iterations(1)->Unit(benchmark::kMillisecond);

void ConstantTimeMultiMul(benchmark::State& state) {
  const std::vector<vartime::Element> elements = Generators("bench-", 0, 8);
  CompareTimes(state, [&elements](const SecretScalar& scalar) {
    std::vector<SecretScalar> scalars;
    for (size_t i = 0; i < elements.size(); ++i) scalars.push_back(scalar.Clone());
    benchmark::DoNotOptimize(MultiMul(scalars, elements).Publish());
  });
}
BENCHMARK(ConstantTimeMultiMul)->Iterations(1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace urna::crypto::consttime
