#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "crypto/group.h"
#include "crypto/secret.h"
#include "crypto/transcript.h"

namespace urna::crypto {

/// A resident's key pair (k, V = kG). docs/protocol.md section 4.
struct CredentialKey {
  SecretScalar k;
  Point V;

  /// A key that the resident's own device makes.
  static CredentialKey New();
  static CredentialKey FromSecret(SecretScalar k);
};

/// Draws a code: XXXXX-XXXXX-XXXXX-XXXXX in Crockford's base32, 90 random bits and 2 check symbols.
SecretText NewCode();
/// The 18 random symbols of a typed code: upper case, O read as 0, I and L as 1, blanks and hyphens
/// ignored. Errors: Reject("code.malformed") for wrong length or symbol (with its position, never
/// the code), Reject("code.typing-error") if the check symbols do not match.
absl::StatusOr<SecretText> ParseCode(std::string_view typed);
/// k = Argon2id(symbols; 64 MiB, 2 passes; salt of `roll_label`) mod q. About 0.1 s.
/// `symbols`: what ParseCode returned. Errors: ResourceExhausted when memory is short.
absl::StatusOr<CredentialKey> DeriveCredential(const SecretText& symbols,
                                               std::string_view roll_label);

/// What a credential signs: a purpose and its items, bound by their transcript. Section 4.
class CredentialStatement {
 public:
  static CredentialStatement Enrol(std::string_view roll_label);
  static CredentialStatement Begin(const Hash32& opening, std::string_view style, const Point& X);
  static CredentialStatement Fetch(const Hash32& opening, std::string_view style, const Point& X);
  static CredentialStatement Request(const Hash32& opening, std::string_view style, const Point& X,
                                     const Point& A, const Point& C, const Scalar& c);

  /// Transcript "credential" with purpose and items appended; V and U come next.
  Transcript transcript() const;
  /// c of a signature by V with commitment U.
  Scalar Challenge(const Point& V, const Point& U) const;

 private:
  friend class CredentialStatementForTest;
  CredentialStatement(std::string_view purpose,
                      std::vector<std::pair<std::string, std::string>> items);
  std::string purpose_;
  std::vector<std::pair<std::string, std::string>> items_;
};

struct CredentialSignature {
  Point U;
  Scalar z;
};

CredentialSignature SignCredential(const CredentialKey& key, const CredentialStatement& statement);
/// zG = U + cV. Errors: Reject("credential.signature-invalid").
absl::Status VerifyCredential(const Point& V, const CredentialStatement& statement,
                              const CredentialSignature& signature);

}  // namespace urna::crypto
