#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "ledger/checkpoint.h"

// A checkpoint that parses is written as the very bytes it was read from.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto checkpoint = urna::ledger::Checkpoint::ParseBody(input);
  if (checkpoint.ok() && checkpoint->Body() != input) abort();
  return 0;
}
