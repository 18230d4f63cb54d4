// Verifying a whole ledger.

#include <benchmark/benchmark.h>

#include <atomic>
#include <cstdlib>
#include <string>

#include "base/status.h"
#include "bench/ballot_box.h"
#include "crypto/group.h"
#include "crypto/vartime/ifma.h"
#include "tests/support/election.h"
#include "verifier/verify.h"

namespace urna {
namespace {

// Everything urna-verify does, for a poll of two questions in which every third voter votes twice.
void VerifyLedger(benchmark::State& state) {
  testing::ElectionOptions options;
  options.voters = static_cast<uint32_t>(state.range(0));
  testing::TestElection election(options);
  election.RunAll();
  const bench::TemporaryFolder folder;
  const std::string exported = folder.path() + "/export";
  election.WriteExport(exported);
  const std::atomic<bool> stop{false};
  for (auto _ : state) {
    verifier::Inputs inputs;
    inputs.folder = exported;
    inputs.poll = election.state().poll();
    inputs.work.threads = static_cast<unsigned>(state.range(1));
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
