#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "crypto/shuffle.h"

// A part of a mix that decodes, at whatever place, encodes to the very bytes it was read from. The
// first byte says which place.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using urna::crypto::MixLayout;
  static const MixLayout layout(5, 3);
  if (size == 0) return 0;
  const MixLayout::Part& place = layout.part(data[0] % layout.part_count());
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto part = urna::crypto::DecodeMixPart(place, input);
  if (!part.ok()) return 0;
  if (urna::crypto::EncodeMixPart(*part) != input) abort();
  if (part->points.size() + part->scalars.size() != place.items()) abort();
  return 0;
}
