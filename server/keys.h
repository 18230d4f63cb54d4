#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/bytes.h"
#include "crypto/hash.h"
#include "crypto/secret.h"
#include "crypto/signature.h"
#include "crypto/token.h"

namespace urna::server {

/// 32 secret bytes in a file: one line of hexadecimal digits, mode 0600, for the one who runs the
/// server. Errors: NotFound; PermissionDenied if others may read the file; DataLoss if it is not
/// such a file. Messages name the path, never the content.
absl::StatusOr<crypto::Secret<base::Bytes32>> ReadSecretFile(const std::string& path);
/// Durable when it returns. Errors: AlreadyExists.
absl::Status CreateSecretFile(const std::string& path, std::string_view secret);

/// An Ed25519 key whose seed is in such a file.
absl::StatusOr<crypto::Ed25519Key> ReadSigningKey(const std::string& path);

/// An issuer's key of one poll is in such a file.
std::string PollKeyPath(const std::string& issuer_folder, const crypto::Hash32& poll);
absl::StatusOr<crypto::IssuerKey> ReadPollKey(const std::string& path);

/// PEM of a new P-256 key and of a certificate that it signs itself, for localhost and `hostnames`
/// (DNS names or IP addresses), valid for five years from now.
/// Errors: InvalidArgument naming the hostname that is none.
struct TlsIdentity {
  std::string certificate;
  crypto::SecretText key;
};
absl::StatusOr<TlsIdentity> MakeTlsIdentity(const std::vector<std::string>& hostnames);

}  // namespace urna::server
