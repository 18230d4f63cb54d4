// A poll whose ballots are mixed: made, mixed, decrypted, exported, and verified by urna-verify.
// What each phase takes, in time and memory.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/text.h"
#include "bench/ballot_box.h"
#include "bench/phases.h"
#include "ledger/checkpoint.h"
#include "ledger/export.h"
#include "server/parallel.h"
#include "tests/support/election.h"

namespace urna::bench {
namespace {

using base::Cat;
using poll::RecordKind;

constexpr size_t kChunk = 4096;   // ballots made at once
constexpr size_t kTogether = 64;  // ballots checked as one equation
constexpr uint64_t kHour = 3600;
constexpr uint32_t kMixed = 1;
constexpr uint32_t kProjects = 60;

/// The picks of a voter: different ones, the same at every run.
std::vector<uint32_t> PicksOf(size_t voter, uint32_t picks) {
  std::vector<uint32_t> out;
  for (uint32_t p = 0; p < picks; ++p) {
    out.push_back(static_cast<uint32_t>((voter * 7 + p * (1 + voter % 3)) % kProjects) + 1);
  }
  return out;
}

void Vote(Phases& phases, testing::TestElection& e, uint32_t picks) {
  for (size_t first = 0; first < e.voter_count(); first += kChunk) {
    phases.Progress(first, e.voter_count());
    const size_t count = std::min(kChunk, e.voter_count() - first);
    std::vector<std::string> payloads(count);
    std::vector<std::vector<poll::RegisterEntry>> entries(count);
    phases.Run("tokens and ballots", [&] {
      server::OnAllCores(count, [&](size_t i) {
        entries[i] = e.ObtainTokens(first + i);
        const auto slots = testing::TestElection::SlotsOfPicks(PicksOf(first + i, picks), picks);
        payloads[i] = poll::EncodePayload(
            poll::BallotCast{0, crypto::EncodeBallot(e.MakeBallot(first + i, {{1, 0}, slots}, 1))});
      });
    });
    for (const auto& of_voter : entries) e.AddAnswer(0, of_voter[0]);
    std::vector<std::vector<absl::StatusOr<poll::CheckedPayload>>> verdicts(
        (count + kTogether - 1) / kTogether);
    phases.Run("checks of ballots", [&] {
      server::OnAllCores(verdicts.size(), [&](size_t group) {
        std::vector<poll::RawPayload> raw;
        for (size_t i = group * kTogether; i < std::min(count, (group + 1) * kTogether); ++i) {
          raw.push_back({static_cast<uint8_t>(RecordKind::kBallotCast), payloads[i]});
        }
        verdicts[group] = poll::CheckPayloads(e.context().definition.get(), &e.context(), raw);
      });
    });
    phases.Run("state", [&] {
      for (size_t i = 0; i < count; ++i) {
        e.AppendJudged(RecordKind::kBallotCast, std::move(payloads[i]), e.now - e.now % kHour,
                       verdicts[i / kTogether][i % kTogether]);
      }
    });
  }
}

int Main(int argc, char** argv) {
  CLI::App app("Makes a poll with mixed ballots, mixes and decrypts them, and verifies all of it.",
               "urna_mixing");
  std::string folder;
  std::string verifier = (std::filesystem::path(argv[0]).parent_path() / "urna-verify").string();
  uint32_t ballots = 65'000, picks = 3, mixers = 3;
  app.add_option("FOLDER", folder, "New folder for the export")->required();
  app.add_option("--ballots", ballots, "How many")->check(CLI::Range(10, 1'000'000));
  app.add_option("--picks", picks, "Of each ballot")->check(CLI::Range(1, 20));
  app.add_option("--mixers", mixers, "How many trustees mix, and decrypt")->check(CLI::Range(1, 5));
  app.add_option("--verifier", verifier, "The program urna-verify");
  CLI11_PARSE(app, argc, argv);

  Phases phases;
  testing::ElectionOptions options = testing::WithMixedContest(ballots, kProjects, picks);
  options.trustees = 5;
  options.trustees_needed = mixers;
  testing::TestElection e(options);
  phases.Run("roll, key ceremony, opening", [&] { e.RunUntilOpen(); });
  e.now += kHour;
  Vote(phases, e, picks);
  phases.Run("end, closing, register", [&] {
    e.End();
    e.CountIssuance();
    e.Close();
    e.PublishRegisters();
  });
  size_t bytes = 0, parts = 0;
  for (uint32_t j = 1; j <= mixers; ++j) {
    std::vector<poll::Payload> mix;
    phases.Run("mixing, all mixers", [&] { mix = e.MakeMix(j, kMixed); });
    parts = mix.size();
    const size_t before = e.records().size();
    phases.Run("mixes, judged by the state", [&] {
      for (poll::Payload& part : mix) e.Append(std::move(part));
    });
    bytes = 0;
    for (size_t i = before; i < e.records().size(); ++i) bytes += e.records()[i].size();
  }
  for (uint32_t j = 1; j <= mixers; ++j) {
    phases.Run("shares, made and judged", [&] {
      e.Decrypt(j, kMixed);
      e.Decrypt(j, 0);
    });
  }
  phases.Run("result, certificate", [&] { e.Certify(); });
  if (!e.faults().empty()) Must(e.faults()[0].second);
  std::vector<uint64_t> wanted(kProjects, 0);
  for (uint32_t v = 0; v < ballots; ++v) {
    const std::vector<uint32_t> of_voter = PicksOf(v, picks);
    for (const uint32_t option : of_voter) ++wanted[option - 1];
  }
  if (Must(e.state().ComputeResult()).contests[kMixed].online != wanted) {
    Die("the count is not what was voted");
  }
  const std::string exported = folder + "/export";
  phases.Run("export", [&] {
    Must(base::MakeFolders(folder));
    e.WriteExport(exported);
  });
  std::printf("%u ballots of %u picks, %u mixers; a mix has %zu records, %.1f MB\n", ballots, picks,
              mixers, parts, static_cast<double>(bytes) / 1e6);
  std::fflush(stdout);
  Verify(phases, verifier, exported, 0);
  phases.Print();
  return 0;
}

}  // namespace
}  // namespace urna::bench

int main(int argc, char** argv) {
  urna::crypto::Initialize();
  return urna::bench::Main(argc, argv);
}
