// Whatever the text, the strict parser gives a verdict: it neither crashes nor hangs, a refusal is
// a definition.invalid with valid UTF-8, and what is accepted has the properties that others rely
// on.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/status.h"
#include "base/text.h"
#include "ledger/record.h"
#include "poll/definition.h"

namespace {

void Demand(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto definition = urna::poll::ParseDefinition(text);
  if (!definition.ok()) {
    const auto message = definition.status().message();
    Demand(urna::base::RejectId(definition.status()) == "definition.invalid");
    Demand(urna::base::IsUtf8({message.data(), message.size()}) && message.size() < 2000);
    return 0;
  }
  Demand(definition->trustees_needed >= 1 &&
         definition->trustees_needed <= definition->trustees.size());
  Demand(definition->officials_needed >= 1 &&
         definition->officials_needed <= definition->officials.size());
  Demand(definition->keys() >= 1 && definition->keys() <= 256);
  Demand(definition->casting_from < definition->end && definition->end <= definition->latest_end);
  for (uint32_t i = 0; i < definition->styles.size(); ++i) {
    for (const uint32_t contest : definition->styles[i].contests) {
      Demand(contest < definition->contests.size());
    }
    Demand(definition->Shape(i).encoded_size() <= urna::ledger::kMaxPayloadBytes - 2);
  }
  return 0;
}
