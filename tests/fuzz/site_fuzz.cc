#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/bytes.h"
#include "base/text.h"
#include "ledger/site.h"
#include "ledger/tiles.h"

using namespace urna;

// A path that names a poll and a file is the one spelling of these, and a tile's too.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view path(reinterpret_cast<const char*>(data), size);
  const auto parsed = ledger::ParseSitePath(path);
  if (!parsed.has_value()) return 0;
  if (base::Cat("/", base::Hex(parsed->poll), "/", parsed->file) != path) abort();
  const auto tile = ledger::TileId::Parse(parsed->file);
  if (tile.ok() && tile->Path() != parsed->file) abort();
  return 0;
}
