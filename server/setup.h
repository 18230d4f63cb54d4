#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "crypto/signature.h"

namespace urna::server {

/// What a process does; the operator of an issuer is another body than that of the ballot box.
enum class Role { kBoth, kBallotBox, kIssuer };

struct SetupOptions {
  std::string data;
  Role role = Role::kBoth;
  std::vector<std::string> hostnames;
  uint32_t issuers = 1;  ///< not for a ballot box alone, which runs none
};
struct SetupResult {
  crypto::Ed25519Public checkpoint_key{};  ///< zeros for an issuer
  std::vector<crypto::Ed25519Public> issuer_keys;
  std::string config;       ///< path of the configuration file
  std::string certificate;  ///< path of the TLS certificate
};
/// Makes a data folder: keys (mode 0600), TLS certificate, configuration file.
/// Errors: AlreadyExists if the folder holds anything; InvalidArgument for a bad host name.
absl::StatusOr<SetupResult> MakeDataFolder(const SetupOptions& options);

/// OK if setup made this folder for a ballot box (with issuers or without), or for issuers alone.
/// Errors: NotFound if it is no data folder; InvalidArgument if the setting `ballot-box` does not
/// fit it.
absl::Status CheckRole(const std::string& data, bool ballot_box);

/// Where setup put things.
std::string CheckpointKeyPath(const std::string& data);
std::string IssuerFolder(const std::string& data, uint64_t issuer);
std::string IssuerKeyPath(const std::string& data, uint64_t issuer);

}  // namespace urna::server
