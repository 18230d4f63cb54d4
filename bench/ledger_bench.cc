// Appending to the store, and verifying a whole ledger.

#include <benchmark/benchmark.h>
#include <stdlib.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "base/status.h"
#include "crypto/group.h"
#include "crypto/vartime/ifma.h"
#include "ledger/record.h"
#include "ledger/store/store.h"
#include "tests/support/election.h"
#include "verifier/verify.h"

namespace urna {
namespace {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "urna-bench-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// One synchronous write of `records` records of 1,500 bytes, as the sequencer makes them.
void AppendRecords(benchmark::State& state) {
  const auto count = static_cast<size_t>(state.range(0));
  TemporaryFolder folder;
  auto store = ledger::Store::Open({.folder = folder.path() + "/store", .log_folder = ""});
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
    if (!(*store)->Append({&batch, 1}).ok()) state.SkipWithError("append failed");
  }
  state.SetItemsProcessed(static_cast<int64_t>(serial));
}
BENCHMARK(AppendRecords)
    ->ArgName("records")
    ->Arg(1)
    ->Arg(64)
    ->Arg(256)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

// Everything urna-verify does, for a poll of two questions in which every third voter votes twice.
void VerifyLedger(benchmark::State& state) {
  testing::ElectionOptions options;
  options.voters = static_cast<uint32_t>(state.range(0));
  testing::TestElection election(options);
  election.RunAll();
  TemporaryFolder folder;
  const std::string exported = folder.path() + "/export";
  election.WriteExport(exported);
  const std::atomic<bool> stop{false};
  for (auto _ : state) {
    verifier::Inputs inputs;
    inputs.folder = exported;
    inputs.poll = election.state().poll();
    inputs.threads = static_cast<unsigned>(state.range(1));
    if (!verifier::Verify(inputs, {}, stop).ok()) state.SkipWithError("not verified");
  }
  const auto ballots = static_cast<double>(election.state().ballot_records());
  state.counters["ballots"] = ballots;
  state.counters["per_ballot"] = benchmark::Counter(
      ballots, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}
BENCHMARK(VerifyLedger)
    ->ArgNames({"voters", "threads"})
    ->Args({300, 1})
    ->Args({300, 2})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace urna

int main(int argc, char** argv) {
  urna::crypto::Initialize();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  // Both ways of arithmetic on one machine.
  if (std::getenv("URNA_BENCH_NO_IFMA") != nullptr) urna::crypto::vartime::ifma_allowed = false;
  benchmark::RunSpecifiedBenchmarks();
}
