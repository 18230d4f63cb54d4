// How long a server takes to start again on a poll with many ballots: from the state that it kept,
// and from its records alone.

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "bench/ballot_box.h"
#include "server/server.h"

namespace urna::bench {
namespace {

using Steady = std::chrono::steady_clock;

constexpr size_t kAtOnce = 20'000;  // ballots in memory
constexpr size_t kWriters = 1'000;

double SecondsSince(Steady::time_point start) {
  return std::chrono::duration<double>(Steady::now() - start).count();
}

void StartAndStop(const std::string& folder, const char* what) {
  const StoppedClock clock(kCastingFrom);
  server::Environment environment;
  environment.clock = &clock;
  environment.fatal = Die;
  environment.halt = environment.fatal;
  auto start = Steady::now();
  const auto server = Must(server::Server::Start(SettingsFor(folder), std::move(environment)));
  std::printf("%s: started in %.2f s\n", what, SecondsSince(start));
  start = Steady::now();
  server->Shutdown();
  std::printf("%s: stopped in %.2f s\n", what, SecondsSince(start));
}

int Main(int argc, char** argv) {
  CLI::App app("How long a server takes to start again.", "urna_restart");
  std::string folder;
  uint64_t ballots = 1'000'000;
  app.add_option("FOLDER", folder, "The server's data, made if it is not there")->required();
  app.add_option("--ballots", ballots, "Of four questions each; their proofs are false")
      ->check(CLI::Range(1000, 100'000'000));
  CLI11_PARSE(app, argc, argv);
  if (!std::filesystem::exists(folder)) {
    const auto start = Steady::now();
    std::filesystem::create_directories(folder);
    BallotBox box(folder, FourQuestions(1));
    for (uint64_t done = 0; done < ballots;) {
      const size_t count = std::min<size_t>(kAtOnce, ballots - done);
      box.Append(box.Ballots(count), kWriters);
      done += count;
    }
    std::printf("%llu ballots appended in %.0f s\n", static_cast<unsigned long long>(ballots),
                SecondsSince(start));
  }
  std::filesystem::remove_all(folder + "/state");
  StartAndStop(folder, "from the records alone");
  StartAndStop(folder, "from the state that was kept");
  return 0;
}

}  // namespace
}  // namespace urna::bench

int main(int argc, char** argv) {
  urna::crypto::Initialize();
  return urna::bench::Main(argc, argv);
}
