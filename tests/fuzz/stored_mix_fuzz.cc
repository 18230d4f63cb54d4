#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "client/mixing.h"
#include "crypto/hash.h"

// A trustee's mix that decodes encodes to the very bytes it was read from. With the hash at its end
// as it came, and made right, so that the input gets past it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using urna::client::StoredMix;
  const std::string input(reinterpret_cast<const char*>(data), size);
  const std::string hashed = input + std::string(urna::base::View(urna::crypto::HashSha256(input)));
  for (const std::string& bytes : {input, hashed}) {
    const auto mix = StoredMix::Decode(bytes);
    if (mix.ok() && mix->Encode() != bytes) abort();
  }
  return 0;
}
