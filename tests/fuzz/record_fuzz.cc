#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "ledger/record.h"

// A record that decodes encodes to the very bytes it was read from.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto record = urna::ledger::DecodeRecord(input);
  if (record.ok() && urna::ledger::EncodeRecord(*record) != input) abort();
  return 0;
}
