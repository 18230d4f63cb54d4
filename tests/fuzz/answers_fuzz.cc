// A file of answers that decodes encodes to the same bytes, and no bytes crash the decoder.

#include <cstdlib>

#include "server/answers.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto answers = urna::server::DecodeAnswers(bytes);
  if (answers.ok() && urna::server::EncodeAnswers(*answers) != bytes) abort();
  return 0;
}
