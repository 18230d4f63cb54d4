// main() of a fuzz target built without libFuzzer: runs the target over its seeds and over
// deterministic mutations of them, so that every build meets hostile input.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

constexpr int kMutations = 20000;
constexpr std::chrono::seconds kLongest(5);  // sanitizers slow some targets down

void Run(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size());
}

size_t Below(std::mt19937_64& random, size_t limit) { return limit == 0 ? 0 : random() % limit; }

std::string Mutate(const std::vector<std::string>& seeds, std::mt19937_64& random) {
  std::string input = seeds[Below(random, seeds.size())];
  for (size_t steps = 1 + Below(random, 4); steps > 0; --steps) {
    const size_t at = Below(random, input.size());
    switch (random() % 5) {
      case 0:
        if (!input.empty()) input[at] = static_cast<char>(input[at] ^ 1 << random() % 8);
        break;
      case 1:
        input.resize(at);
        break;
      case 2: {
        const std::string& other = seeds[Below(random, seeds.size())];
        input = input.substr(0, at) + other.substr(Below(random, other.size()));
        break;
      }
      case 3:
        input.insert(at, 1 + Below(random, 4), static_cast<char>(random()));
        break;
      case 4:
        input.erase(at, 1 + Below(random, 8));
        break;
    }
  }
  return input;
}

}  // namespace

int main(int, char** argv) {
  const std::filesystem::path folder =
      std::filesystem::path(URNA_TEST_DATA) / "fuzz" / std::filesystem::path(argv[0]).filename();
  std::error_code error;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    files.push_back(entry.path());
  }
  if (files.empty()) {
    std::fprintf(stderr, "no seeds in %s\n", folder.c_str());
    return 1;
  }
  std::sort(files.begin(), files.end());
  std::vector<std::string> seeds;
  for (const auto& file : files) {
    std::ifstream in(file, std::ios::binary);
    seeds.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
    Run(seeds.back());
  }
  Run("");
  std::mt19937_64 random(1);
  const auto end = std::chrono::steady_clock::now() + kLongest;
  int mutations = 0;
  for (; mutations < kMutations && std::chrono::steady_clock::now() < end; ++mutations) {
    Run(Mutate(seeds, random));
  }
  std::printf("%zu seeds, %d mutations\n", seeds.size(), mutations);
  return 0;
}
