// Whatever the bytes, a sealed file is refused unless it was sealed for this key: the decoder reads
// nothing outside of it, and a name that it lets through is a plain file name.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "client/sealed_file.h"
#include "crypto/group.h"

namespace {

using namespace urna::client;

void Demand(bool condition) {
  if (!condition) std::abort();
}

const PrintKey& Key() {
  static const PrintKey key = (urna::crypto::Initialize(), PrintKey::New());
  return key;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto header = ReadSealedHeader(input);
  if (header.ok()) {
    Demand(IsPlainFileName(header->name));
    const auto opened = UnsealFile(input, header->name, Key());
    Demand(!opened.ok());
    // As if it were for this key: the key inside and the chunks are still not.
    std::string own(input);
    const size_t at = 14 + 4 + header->name.size() + 32;
    own.replace(at, 32, reinterpret_cast<const char*>(Key().public_key.key.data()), 32);
    Demand(!UnsealFile(own, header->name, Key()).ok());
  } else {
    Demand(absl::IsInvalidArgument(header.status()));
  }
  // The input as content, and as what happens to a sealed file on its way.
  const SealedHeader sealed_header = {"a.pdf", {}, Key().public_key};
  std::string sealed = SealFile(sealed_header, input);
  const auto whole = UnsealFile(sealed, "a.pdf", Key());
  Demand(whole.ok() && whole->content.Expose() == input);
  if (!input.empty()) {
    const size_t place = (data[0] * size_t{251} + size) % sealed.size();
    sealed[place] = static_cast<char>(sealed[place] ^ (1 << data[0] % 8));
    Demand(!UnsealFile(sealed, "a.pdf", Key()).ok());
    Demand(!UnsealFile(sealed.substr(0, place), "a.pdf", Key()).ok());
  }
  return 0;
}
