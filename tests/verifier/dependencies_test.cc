#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <string>

namespace urna::verifier {
namespace {

/// What `command` prints.
std::string Output(const std::string& command) {
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return "";
  std::string out;
  std::array<char, 4096> buffer;
  for (size_t got; (got = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
    out.append(buffer.data(), got);
  }
  return pclose(pipe) == 0 ? out : "";
}

TEST(Dependencies, OfTheVerifierAreTheCryptographicLibrariesAndNoServersOnes) {
  const std::string needed = Output("readelf -d " URNA_BIN "/urna-verify");
  ASSERT_NE(needed.find("libcrypto.so"), std::string::npos) << needed;
  ASSERT_NE(needed.find("libsodium.so"), std::string::npos) << needed;
  // Also what those libraries bring along.
  const std::string loaded = Output("ldd " URNA_BIN "/urna-verify");
  ASSERT_NE(loaded.find("libcrypto.so"), std::string::npos) << loaded;
  for (const std::string& libraries : {needed, loaded}) {
    for (const char* forbidden : {"rocksdb", "grpc", "protobuf", "libssl", "libgpr", "microhttpd",
                                  "libcurl", "gnutls"}) {
      EXPECT_EQ(libraries.find(forbidden), std::string::npos) << forbidden << "\n" << libraries;
    }
  }
}

}  // namespace
}  // namespace urna::verifier
