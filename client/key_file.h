#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/secret.h"
#include "crypto/signature.h"

namespace urna::client {

/// Keys and wallets on disk: JSON with "format": "urna-key/1", "purpose" ("official", "trustee",
/// "wallet", ...), "public" (readable without the passphrase), Argon2id parameters and a secretbox.
/// Purpose and public part are sealed in the box as well, so that nobody can exchange them. Mode
/// 0600.

/// Writes or replaces the file atomically. `overwrite` false: AlreadyExists if it is there.
/// `public_part` is UTF-8. Errors: also ResourceExhausted (no memory for Argon2id), Unavailable.
absl::Status WriteKeyFile(const std::string& path, std::string_view purpose,
                          std::string_view public_part, const crypto::SecretText& secret,
                          const crypto::SecretText& passphrase, bool overwrite);

struct OpenedKeyFile {
  std::string public_part;
  crypto::SecretText secret;
};
/// Errors: NotFound, InvalidArgument (not such a file, another purpose, damaged), PermissionDenied
/// (wrong passphrase).
absl::StatusOr<OpenedKeyFile> ReadKeyFile(const std::string& path, std::string_view purpose,
                                          const crypto::SecretText& passphrase);
/// The public part alone; needs no passphrase, and nothing vouches for it.
absl::StatusOr<std::string> ReadKeyFilePublic(const std::string& path, std::string_view purpose);

/// Seals the file anew, atomically, with today's Argon2id parameters. Copies elsewhere keep the old
/// passphrase. Errors: those of ReadKeyFile and WriteKeyFile; the file is then as it was.
absl::Status ChangePassphrase(const std::string& path, const crypto::SecretText& before,
                              const crypto::SecretText& after);
/// What the file says it is for; nothing vouches for it. Errors: those of ReadKeyFilePublic.
absl::StatusOr<std::string> KeyFilePurpose(const std::string& path);

/// Where a passphrase comes from: a file (its first line), an environment variable, or the
/// terminal (asked without echo; twice when `confirm`).
struct PassphraseOptions {
  std::string file;
  const char* option = "--passphrase-file";  ///< that gives `file`
  const char* variable = "URNA_PASSPHRASE";
};
/// `what` is asked for: "passphrase of official.key". Errors: InvalidArgument (empty, or typed
/// differently the second time), FailedPrecondition (nowhere to take it from), those of ReadFile.
absl::StatusOr<crypto::SecretText> GetPassphrase(const PassphraseOptions& options,
                                                 std::string_view what, bool confirm);

/// Writes `key` as the identity of an official or trustee; never over an existing file.
absl::Status WriteIdentity(const std::string& path, std::string_view purpose,
                           const crypto::Ed25519Key& key, const crypto::SecretText& passphrase);
/// The secret of `file`, which was read from `path`, as an Ed25519 key. Errors: InvalidArgument.
absl::StatusOr<crypto::Ed25519Key> SigningKeyOf(const std::string& path, const OpenedKeyFile& file);
/// An Ed25519 identity of an official or trustee in such a file.
absl::StatusOr<crypto::Ed25519Key> ReadIdentity(const std::string& path, std::string_view purpose,
                                                const crypto::SecretText& passphrase);

}  // namespace urna::client
