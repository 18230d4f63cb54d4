#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/bytes.h"
#include "crypto/hash.h"
#include "crypto/secret.h"

namespace urna::client {

/// Files for one receiver, the print office: only the holder of its secret key can read them, and
/// a file that was changed, cut short, renamed or taken from another set is noticed. Who made a
/// file is not proved: compare the manifest's hash over another channel. Byte layout:
/// docs/letters.md.

/// An X25519 public key.
struct PrintPublicKey {
  base::Bytes32 key{};

  /// "urna-print/1:" and 72 hexadecimal digits: the key and 4 bytes of its SHA-256, so that a
  /// mistyped key does not seal letters that nobody can open.
  std::string ToString() const;
  /// Errors: InvalidArgument.
  static absl::StatusOr<PrintPublicKey> Parse(std::string_view text);
};

struct PrintKey {
  crypto::Secret<base::Bytes32> secret;
  PrintPublicKey public_key;

  static PrintKey New();
};

/// Key files (client/key_file.h) with the purpose "print". WritePrintKey: never over an existing
/// file. Errors: those of WriteKeyFile and ReadKeyFile.
absl::Status WritePrintKey(const std::string& path, const PrintKey& key,
                           const crypto::SecretText& passphrase);
absl::StatusOr<PrintKey> ReadPrintKey(const std::string& path,
                                      const crypto::SecretText& passphrase);

/// What of a sealed file can be read without a key. Nothing vouches for it until the file is
/// opened.
struct SealedHeader {
  std::string name;      ///< of the file inside, such as "batch-0001.pdf"
  crypto::Hash32 set{};  ///< which set of files it belongs to
  PrintPublicKey receiver;
};

/// Longest name, in bytes.
inline constexpr size_t kMaxSealedName = 255;

/// True for what may be a file's name: letters A-Z a-z, digits, '-', '_' and '.', not beginning
/// with '.'. So a name never leads out of a folder.
bool IsPlainFileName(std::string_view name);

/// `content` sealed under a fresh key. `header.name` is a plain file name.
std::string SealFile(const SealedHeader& header, std::string_view content);
/// Errors: InvalidArgument if it is no sealed file.
absl::StatusOr<SealedHeader> ReadSealedHeader(std::string_view sealed);

struct UnsealedFile {
  SealedHeader header;
  crypto::SecretText content;
};
/// The content, if the file is whole and unchanged and holds `name`. Errors: InvalidArgument (no
/// sealed file; another name), PermissionDenied (sealed for another key), DataLoss (changed, cut
/// short or continued).
absl::StatusOr<UnsealedFile> UnsealFile(std::string_view sealed, std::string_view name,
                                        const PrintKey& key);

}  // namespace urna::client
