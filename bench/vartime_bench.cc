// What public group elements cost.

#include <benchmark/benchmark.h>

#include <memory>
#include <vector>

#include "crypto/group.h"
#include "crypto/vartime/element.h"
#include "crypto/vartime/fixed_base.h"
#include "crypto/vartime/multi_mul.h"

namespace urna::crypto::vartime {
namespace {

struct Inputs {
  explicit Inputs(size_t count) {
    Initialize();
    for (size_t i = 0; i < count; ++i) {
      scalars.push_back(Scalar::Random());
      bytes.push_back(MulBase(scalars.back()).bytes());
      base::Bytes32 low = scalars.back().bytes();
      std::fill(low.begin() + 16, low.end(), 0);
      weights.push_back(Scalar::FromShort(low));
    }
    elements.resize(count);
    valid = std::make_unique<bool[]>(count);
    Element::DecodeMany(bytes, elements, {valid.get(), count});
  }
  std::vector<Scalar> scalars, weights;
  std::vector<base::Bytes32> bytes;
  std::vector<Element> elements;
  std::unique_ptr<bool[]> valid;
};

void PerItem(benchmark::State& state, size_t count) {
  state.counters["each"] =
      benchmark::Counter(static_cast<double>(count) * static_cast<double>(state.iterations()),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void DecodePoints(benchmark::State& state) {
  Inputs inputs(1000);
  for (auto _ : state) {
    Element::DecodeMany(inputs.bytes, inputs.elements, {inputs.valid.get(), 1000});
  }
  PerItem(state, 1000);
}
BENCHMARK(DecodePoints);

void EncodePoints(benchmark::State& state) {
  const Inputs inputs(1000);
  for (auto _ : state) benchmark::DoNotOptimize(Element::EncodeMany(inputs.elements));
  PerItem(state, 1000);
}
BENCHMARK(EncodePoints);

/// Half of the scalars are whole ones, half weights of 128 bits, as in a batch of ballots.
void MultiplyAndAdd(benchmark::State& state) {
  const auto count = static_cast<size_t>(state.range(0));
  Inputs inputs(count);
  for (size_t i = 0; i < count; i += 2) inputs.scalars[i] = inputs.weights[i];
  for (auto _ : state) benchmark::DoNotOptimize(MultiMul(inputs.scalars, inputs.elements));
  PerItem(state, count);
}
BENCHMARK(MultiplyAndAdd)->Arg(10)->Arg(100)->Arg(1'000)->Arg(10'000)->Arg(20'000);

/// Two multiples of fixed bases added up, as a token has two.
void SumFixedBases(benchmark::State& state) {
  const Inputs inputs(64);
  const FixedBase table(inputs.elements[0], static_cast<unsigned>(state.range(0)));
  std::vector<FixedSum> sums;
  for (const Scalar& scalar : inputs.scalars) {
    sums.push_back({&table, scalar, &FixedBase::OfBase(), scalar});
  }
  for (auto _ : state) benchmark::DoNotOptimize(SumFixed(sums));
  PerItem(state, sums.size());
}
BENCHMARK(SumFixedBases)->DenseRange(5, 8);

void MultiplyConstantTime(benchmark::State& state) {
  const Inputs inputs(1);
  const Point point = MulBase(inputs.scalars[0]);
  for (auto _ : state) benchmark::DoNotOptimize(Mul(inputs.scalars[0], point));
}
BENCHMARK(MultiplyConstantTime);

}  // namespace
}  // namespace urna::crypto::vartime
