// Whatever the text, it is a roll in order or an error that names the line; what was read is
// written as what reads the same.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "client/roll.h"
#include "crypto/group.h"

namespace {

void Demand(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using urna::client::RollFile;
  static const bool ready = (urna::crypto::Initialize(), true);
  Demand(ready);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  auto roll = RollFile::Parse("f", text);
  if (!roll.ok()) {
    Demand(absl::IsInvalidArgument(roll.status()));
    Demand(std::string(roll.status().message()).starts_with("f: line "));
    return 0;
  }
  for (size_t i = 0; i < roll->entries.size(); ++i) {
    Demand(!roll->entries[i].style.empty());
    Demand(i == 0 || roll->entries[i - 1].credential.view() < roll->entries[i].credential.view());
  }
  const auto written = roll->Format();
  Demand(written.ok());
  const auto again = RollFile::Parse("f", *written);
  Demand(again.ok() && again->label == roll->label &&
         again->entries.size() == roll->entries.size());
  return 0;
}
