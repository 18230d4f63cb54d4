// What it costs to make ballots durable: through the sequencer, and the store's part of it.

#include <benchmark/benchmark.h>

#include "base/status.h"
#include "bench/ballot_box.h"
#include "ledger/record.h"
#include "ledger/store/store.h"

namespace urna::bench {
namespace {

void PerSecond(benchmark::State& state, size_t appends) {
  state.counters["appends"] =
      benchmark::Counter(static_cast<double>(appends), benchmark::Counter::kIsRate);
}

/// Ballots of four questions from submission to receipt: order, state, store, signature, anchor,
/// inclusion proof. Each writer waits for its receipt before it sends the next ballot.
void AppendWithReceipts(benchmark::State& state) {
  const auto writers = static_cast<size_t>(state.range(0));
  const auto count = static_cast<size_t>(state.range(1));
  const TemporaryFolder folder;
  BallotBox box(folder.path(), FourQuestions(1));
  box.Append(box.Ballots(writers), writers);
  std::vector<server::Checked> ballots = box.Ballots(count);
  std::vector<double> seconds;
  for (auto _ : state) seconds = box.Append(std::move(ballots), writers);
  PerSecond(state, count);
  state.counters["p50_ms"] = 1e3 * Quantile(seconds, 0.5);
  state.counters["p99_ms"] = 1e3 * Quantile(seconds, 0.99);
}
BENCHMARK(AppendWithReceipts)
    ->ArgNames({"writers", "ballots"})
    ->Args({1, 2'000})
    ->Args({64, 30'000})
    ->Args({256, 50'000})
    ->Args({1'000, 50'000})
    ->Iterations(1)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

/// The store's part: synchronous writes of so many records of 1,500 bytes each.
void AppendToStore(benchmark::State& state) {
  const auto count = static_cast<size_t>(state.range(0));
  const TemporaryFolder folder;
  const auto store =
      Must(ledger::Store::Open({.folder = folder.path() + "/store", .log_folder = ""}));
  ledger::Store::Batch batch;
  ledger::Hash32 last{};
  uint64_t serial = 0;
  for (auto _ : state) {
    state.PauseTiming();
    batch.records.clear();
    for (size_t i = 0; i < count; ++i) {
      ledger::Record record{11, 0, last, std::string(1500, 'x') + std::to_string(serial++)};
      batch.records.push_back(ledger::EncodeRecord(record));
      last = ledger::LeafHash(batch.records.back());
      if (serial == 1) batch.poll = last;
    }
    state.ResumeTiming();
    if (!store->Append({&batch, 1}).ok()) state.SkipWithError("append failed");
  }
  PerSecond(state, serial);
}
BENCHMARK(AppendToStore)
    ->ArgName("records")
    ->Arg(1)
    ->Arg(64)
    ->Arg(256)
    ->Arg(1'000)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace urna::bench
