#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "crypto/signature.h"

namespace urna::server {

struct SetupOptions {
  std::string data;
  std::vector<std::string> hostnames;
  uint32_t issuers = 1;
};
struct SetupResult {
  crypto::Ed25519Public checkpoint_key{};
  std::vector<crypto::Ed25519Public> issuer_keys;
  std::string config;       ///< path of the configuration file
  std::string certificate;  ///< path of the TLS certificate
};
/// Makes a data folder: keys (mode 0600), TLS certificate, configuration file.
/// Errors: AlreadyExists if the folder holds anything; InvalidArgument for a bad host name.
absl::StatusOr<SetupResult> MakeDataFolder(const SetupOptions& options);

/// Where setup put things.
std::string CheckpointKeyPath(const std::string& data);
std::string IssuerFolder(const std::string& data, uint64_t issuer);
std::string IssuerKeyPath(const std::string& data, uint64_t issuer);

}  // namespace urna::server
