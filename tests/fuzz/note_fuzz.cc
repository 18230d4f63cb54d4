#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "ledger/note.h"

// A note or a key that parses is written as the very bytes it was read from.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto note = urna::ledger::Note::Parse(input);
  if (note.ok() && note->ToString() != input) abort();
  const auto key = urna::ledger::NoteKey::Parse(input);
  if (key.ok() && key->ToString() != input) abort();
  return 0;
}
