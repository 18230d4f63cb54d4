// Whatever a key file holds, its public part is read or refused with an error that names the file;
// and the JSON inside a wallet is a wallet or refused, and written as what reads the same.

#include <stdlib.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/text.h"
#include "client/key_file.h"
#include "client/wallet.h"
#include "crypto/group.h"

namespace {

void Demand(bool condition) {
  if (!condition) std::abort();
}

/// A file that vanishes with the program, in memory where there is such a folder.
class Scratch {
 public:
  Scratch() {
    const char* parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    path_ = std::string(parent) + "/urna-fuzz-XXXXXX";
    fd_ = mkstemp(path_.data());
    Demand(fd_ >= 0);
  }
  ~Scratch() {
    close(fd_);
    unlink(path_.c_str());
  }
  const std::string& Put(std::string_view content) {
    Demand(ftruncate(fd_, 0) == 0);
    Demand(pwrite(fd_, content.data(), content.size(), 0) == static_cast<ssize_t>(content.size()));
    return path_;
  }

 private:
  std::string path_;
  int fd_ = -1;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace urna::client;
  static const bool ready = (urna::crypto::Initialize(), true);
  Demand(ready);
  static Scratch scratch;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::string& path = scratch.Put(input);
  const auto public_part = ReadKeyFilePublic(path, "official");
  if (public_part.ok()) {
    Demand(urna::base::IsUtf8(*public_part));
  } else {
    Demand(absl::IsInvalidArgument(public_part.status()));
    Demand(std::string(public_part.status().message()).starts_with(path));
  }
  const auto wallet = Wallet::Decode(urna::crypto::SecretText(std::string(input)));
  if (!wallet.ok()) {
    Demand(absl::IsInvalidArgument(wallet.status()));
    return 0;
  }
  const auto encoded = wallet->Encode();
  const auto again = Wallet::Decode(encoded);
  Demand(again.ok() && again->Encode().Expose() == encoded.Expose());
  return 0;
}
