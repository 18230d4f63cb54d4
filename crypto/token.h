#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/credential.h"
#include "crypto/group.h"
#include "crypto/hash.h"
#include "crypto/secret.h"

namespace urna::crypto {

/// Partially blind tokens (Tessaro-Zhu, EUROCRYPT 2022). docs/protocol.md section 5.

struct IssuerKey {
  SecretScalar x;
  Point X;

  static IssuerKey New();
  static IssuerKey FromSecret(SecretScalar x);
};

/// Proof of possession of an issuer's key.
struct IssuerPossession {
  Point U;
  Scalar z;
};
/// `issuer`: index from 0.
IssuerPossession ProveIssuer(const IssuerKey& key, const Hash32& poll, uint64_t issuer);
/// Errors: Reject("issuer.possession-invalid") (also for X or U the identity).
absl::Status VerifyIssuer(const Point& X, const IssuerPossession& proof, const Hash32& poll,
                          uint64_t issuer);

/// What issuer and voter agree on: which token this is. Z is computed once.
struct TokenInfo {
  Hash32 opening;
  std::string style;
  Point X;
  Point Z;

  TokenInfo(const Hash32& opening, std::string_view style, const Point& X);

 private:
  friend std::vector<absl::Status> VerifyTokens(std::span<const struct TokenToVerify> tokens);
  // Multiples of X and Z, made when the first token is verified; copies share them.
  struct Tables;
  std::shared_ptr<Tables> tables_;
};

struct Token {
  Scalar c, s, y, t;
};

/// The issuer's first message.
struct TokenOffer {
  Point A, C;
};

/// The issuer's secrets between offer and answer: held in memory only, answered at most once.
class IssuerSession {
 public:
  explicit IssuerSession(const TokenInfo& info);

  const TokenOffer& offer() const { return offer_; }
  /// (s = a + c y x, y, t). Consumes and wipes the session: a second challenge under one session
  /// would reveal x. Errors: Reject("token.challenge-zero"); FailedPrecondition if the session
  /// was consumed before.
  struct Answer {
    Scalar s, y, t;
  };
  absl::StatusOr<Answer> Respond(const IssuerKey& key, const Scalar& c) &&;

  /// For test vectors only: a session with given secrets.
  static IssuerSession WithSecrets(const TokenInfo& info, SecretScalar a, SecretScalar t,
                                   SecretScalar y);

 private:
  IssuerSession(const TokenInfo& info, SecretScalar a, SecretScalar t, SecretScalar y);
  SecretScalar a_, t_, y_;
  TokenOffer offer_;
};
using IssuerAnswer = IssuerSession::Answer;

/// sG = A + c y X, C = tG + yZ, y != 0: what a voter checks on the answer, and a verifier on a
/// register entry. Errors: Reject("token.answer-invalid").
absl::Status VerifyAnswer(const TokenInfo& info, const TokenOffer& offer, const Scalar& c,
                          const IssuerAnswer& answer);

/// A credential, the issuance that it signed for, and the issuer's answer.
struct IssuanceToVerify {
  const TokenInfo* info;
  const Point* V;
  const TokenOffer* offer;
  const Scalar* c;
  const IssuerAnswer* answer;
  const CredentialSignature* signature;  ///< purpose "request"
  /// The coordinates of V, A, C and the signature's U, where they are known; otherwise empty.
  std::span<const vartime::Element> elements = {};
};
/// Of each issuance the credential's signature and the answer; out[i] is the verdict on entries[i],
/// the same as if it were checked alone. All equations are one multi-scalar multiplication.
/// Errors: Reject("credential.signature-invalid"), Reject("token.challenge-zero"),
/// Reject("token.answer-invalid").
std::vector<absl::Status> VerifyIssuances(std::span<const IssuanceToVerify> entries);

/// The ballot key of one voter in one poll: b = scalar("ballot-key", omega, opening).
struct BallotKey {
  SecretScalar b;
  Point BK;
};
/// omega: 32 random bytes made on the voter's device, the recovery secret.
using Omega = Secret<base::Bytes32>;
Omega NewOmega();
BallotKey DeriveBallotKey(const Omega& omega, const Hash32& opening);

/// The voter's side of one issuance. Deterministic in (omega, info, offer), so that a voter who has
/// omega recovers the token from the stored answer on another device.
class TokenRequest {
 public:
  TokenRequest(const TokenInfo& info, const TokenOffer& offer, const Omega& omega, const Point& BK);

  /// The blinded challenge c = c' gamma2 to send.
  const Scalar& challenge() const { return c_; }
  /// Checks the answer and unblinds it. Errors: Reject("token.answer-invalid").
  absl::StatusOr<Token> Unblind(const IssuerAnswer& answer) const;

  /// For test vectors only: given blinding scalars.
  static TokenRequest WithBlinding(const TokenInfo& info, const TokenOffer& offer, const Point& BK,
                                   SecretScalar r1, SecretScalar r2, SecretScalar gamma1,
                                   SecretScalar gamma2);

 private:
  TokenRequest(const TokenInfo& info, const TokenOffer& offer, const Point& BK, SecretScalar r1,
               SecretScalar r2, SecretScalar gamma1, SecretScalar gamma2);
  TokenInfo info_;
  TokenOffer offer_;
  SecretScalar r1_, r2_, gamma_, gamma1_;
  Scalar c_prime_, c_;
};

/// A token is valid for BK and its info. Errors: Reject("token.invalid").
absl::Status VerifyToken(const TokenInfo& info, const Point& BK, const Token& token);

struct TokenToVerify {
  const TokenInfo* info;
  const Point* BK;
  const Token* token;
};
/// The same for many, faster; out[i] is the verdict on tokens[i].
std::vector<absl::Status> VerifyTokens(std::span<const TokenToVerify> tokens);

}  // namespace urna::crypto
