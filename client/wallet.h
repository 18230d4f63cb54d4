#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/group.h"
#include "crypto/hash.h"
#include "crypto/secret.h"
#include "crypto/token.h"

namespace urna::client {

/// A ballot that was handed to the server without an answer yet: the same bytes may be sent again.
struct PendingBallot {
  uint16_t revision = 0;
  std::string payload;  ///< of the "ballot cast" record
};

/// All that a resident's device keeps for one poll. Whoever has it can vote in the resident's
/// place, and can recognise the resident's ballots. The credential's secret is not in it.
struct Wallet {
  crypto::Hash32 poll{};
  crypto::Point credential;                          ///< V
  std::string style;                                 ///< id of the ballot style
  crypto::Omega omega;                               ///< docs/protocol.md section 5
  std::vector<std::optional<crypto::Token>> tokens;  ///< by issuer
  uint16_t last_revision = 0;                        ///< of the last acknowledged ballot; 0: none
  std::optional<PendingBallot> pending;

  /// With a fresh omega.
  static Wallet New(const crypto::Hash32& poll, const crypto::Point& credential, std::string style,
                    size_t issuers);

  bool has_all_tokens() const;
  /// JSON with everything, for the inside of a key file.
  crypto::SecretText Encode() const;
  /// Strict inverse of Encode. Errors: InvalidArgument naming the field.
  static absl::StatusOr<Wallet> Decode(const crypto::SecretText& json);
};

/// Writes or replaces the wallet's file, encrypted, atomically, mode 0600.
absl::Status SaveWallet(const std::string& path, const Wallet& wallet,
                        const crypto::SecretText& passphrase);
/// Errors: those of ReadKeyFile; InvalidArgument if what it holds is no wallet.
absl::StatusOr<Wallet> LoadWallet(const std::string& path, const crypto::SecretText& passphrase);

/// A credential's key file (purpose "credential"): k inside, V readable without the passphrase.
absl::Status SaveCredential(const std::string& path, const crypto::SecretScalar& k,
                            const crypto::Point& V, const crypto::SecretText& passphrase);
/// k. Errors: those of ReadKeyFile; InvalidArgument if it is no scalar or not the secret of V.
absl::StatusOr<crypto::SecretScalar> LoadCredential(const std::string& path,
                                                    const crypto::SecretText& passphrase);

}  // namespace urna::client
