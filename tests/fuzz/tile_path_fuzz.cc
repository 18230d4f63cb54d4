#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "ledger/tiles.h"

// A path that parses is written as the very path it was read from.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto tile = urna::ledger::TileId::Parse(input);
  if (tile.ok() && tile->Path() != input) abort();
  return 0;
}
