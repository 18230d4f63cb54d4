#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "ledger/receipt.h"

// A receipt that parses is written as the very bytes it was read from.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto receipt = urna::ledger::Receipt::Parse(input);
  if (receipt.ok() && receipt->ToString() != input) abort();
  return 0;
}
