// A manifest that parses lists plain file names only, and is written as what reads the same.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "client/letters.h"

namespace {

void Demand(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace urna::client;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto manifest = LettersManifest::Parse("f", input);
  if (!manifest.ok()) {
    Demand(absl::IsInvalidArgument(manifest.status()));
    return 0;
  }
  for (const auto& [name, batch] : manifest->files) Demand(IsPlainFileName(name));
  const std::string written = manifest->Format();
  const auto again = LettersManifest::Parse("f", written);
  Demand(again.ok() && again->Format() == written);
  return 0;
}
