#include "bench/phases.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <thread>

#include "base/bytes.h"
#include "base/text.h"
#include "bench/ballot_box.h"
#include "ledger/export.h"

namespace urna::bench {
namespace {

using base::Cat;
using Steady = std::chrono::steady_clock;

bool OnTerminal() {
  static const bool terminal = isatty(STDERR_FILENO) != 0;
  return terminal;
}

/// The poll id of an export: the hash of its record 0.
std::string PollOf(const std::string& folder) {
  const auto reader = Must(ledger::ExportReader::Open(folder));
  return base::Hex(ledger::LeafHash(Must(reader->ReadEntry(0))));
}

}  // namespace

uint64_t Phases::PeakMiB(const std::string& process) {
  std::ifstream status(Cat("/proc/", process, "/status"));
  std::string word;
  while (status >> word) {
    uint64_t kib = 0;
    if (word == "VmHWM:" && status >> kib) return kib / 1024;
  }
  return 0;
}

void Phases::Begin(const std::string& name) const {
  if (OnTerminal()) std::fprintf(stderr, "\r\033[K%s ", name.c_str());
  std::ofstream("/proc/self/clear_refs") << '5';  // forgets the peak
}

void Phases::Add(const std::string& name, double seconds, uint64_t peak_mib) {
  auto found = std::ranges::find(phases_, name, &Phase::name);
  if (found == phases_.end()) found = phases_.insert(found, Phase{name, 0, 0});
  found->seconds += seconds;
  found->peak_mib = std::max(found->peak_mib, peak_mib);
}

void Phases::Progress(uint64_t done, uint64_t all) const {
  if (!OnTerminal()) return;
  std::fprintf(stderr, "\r\033[K%llu of %llu voters ", static_cast<unsigned long long>(done),
               static_cast<unsigned long long>(all));
}

void Phases::Print() const {
  if (OnTerminal()) std::fputs("\r\033[K", stderr);
  std::printf("%-36s %10s %10s\n", "phase", "seconds", "peak MiB");
  for (const Phase& phase : phases_) {
    std::printf("%-36s %10.1f %10llu\n", phase.name.c_str(), phase.seconds,
                static_cast<unsigned long long>(phase.peak_mib));
  }
}

void Verify(Phases& phases, const std::string& program, const std::string& folder,
            unsigned threads) {
  std::vector<std::string> arguments = {program, folder, "--poll", PollOf(folder)};
  if (threads > 0) {
    arguments.insert(arguments.end(), {"--threads", std::to_string(threads)});
  }
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const auto start = Steady::now();
  const pid_t child = fork();
  if (child == 0) {
    execv(program.c_str(), argv.data());
    std::perror(program.c_str());
    _exit(127);
  }
  if (child < 0) Die(Cat(program, ": cannot be run"));
  int status = 0;
  uint64_t peak_mib = 0;
  for (pid_t ended = 0; ended != child; ended = waitpid(child, &status, WNOHANG)) {
    if (ended < 0) Die(Cat(program, ": cannot be waited for"));
    peak_mib = std::max(peak_mib, Phases::PeakMiB(std::to_string(child)));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  phases.Add("urna-verify", std::chrono::duration<double>(Steady::now() - start).count(), peak_mib);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    Die(Cat(program, ": did not find the ledger in order"));
  }
}

}  // namespace urna::bench
