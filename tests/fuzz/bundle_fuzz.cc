#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "ledger/tiles.h"

// The first byte chooses the width. A bundle that decodes encodes to the very bytes it was read
// from.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (input.empty()) return 0;
  const uint32_t width = data[0] + 1u;
  const auto entries = urna::ledger::DecodeBundle(input.substr(1), width);
  if (!entries.ok()) return 0;
  if (entries->size() != width) abort();
  if (urna::ledger::EncodeBundle(*entries) != input.substr(1)) abort();
  return 0;
}
