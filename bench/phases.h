#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace urna::bench {

/// What phases took in time and memory, in the order in which they were first met; a phase may be
/// gone on with.
class Phases {
 public:
  template <typename Work>
  void Run(const std::string& name, Work work) {
    using Steady = std::chrono::steady_clock;
    Begin(name);
    const auto start = Steady::now();
    work();
    Add(name, std::chrono::duration<double>(Steady::now() - start).count(), PeakMiB("self"));
  }
  void Add(const std::string& name, double seconds, uint64_t peak_mib);
  void Progress(uint64_t done, uint64_t all) const;
  void Print() const;

  /// The most memory that a running process had, or "self". (What wait4 tells of a child includes
  /// the memory of the program that forked it.)
  static uint64_t PeakMiB(const std::string& process);

 private:
  struct Phase {
    std::string name;
    double seconds;
    uint64_t peak_mib;
  };
  void Begin(const std::string& name) const;

  std::vector<Phase> phases_;
};

/// Runs urna-verify on an export as anyone would. Ends the program if it does not find the ledger
/// in order. `threads`: 0 for all cores.
void Verify(Phases& phases, const std::string& program, const std::string& folder,
            unsigned threads);

}  // namespace urna::bench
