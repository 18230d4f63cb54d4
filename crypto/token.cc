#include "crypto/token.h"

#include <sodium.h>

#include <utility>

#include "base/status.h"
#include "crypto/transcript.h"

namespace urna::crypto {
namespace {

Transcript IssuerTranscript(const Point& X, const Hash32& poll, uint64_t issuer) {
  Transcript transcript("issuer-key");
  transcript.Append("poll", poll).Append("issuer", issuer).Append("X", X);
  return transcript;
}

Scalar TokenChallenge(const TokenInfo& info, const Point& A, const Point& C, const Point& BK) {
  Transcript transcript("token");
  transcript.Append("opening", info.opening)
      .Append("style", std::string_view(info.style))
      .Append("issuer", info.X)
      .Append("A", A)
      .Append("C", C)
      .Append("ballot-key", BK);
  return transcript.Challenge("c");
}

SecretScalar Blinding(const TokenInfo& info, const TokenOffer& offer, const Omega& omega,
                      const Point& BK, std::string_view name) {
  return DeriveSecretScalar({"blinding", base::View(omega.Expose()), base::View(info.opening),
                             info.style, info.X.view(), offer.A.view(), offer.C.view(), BK.view(),
                             name});
}

}  // namespace

IssuerKey IssuerKey::New() { return FromSecret(SecretScalar::Random()); }

IssuerKey IssuerKey::FromSecret(SecretScalar x) {
  Point X = MulBase(x);
  return IssuerKey{std::move(x), X};
}

IssuerPossession ProveIssuer(const IssuerKey& key, const Hash32& poll, uint64_t issuer) {
  Transcript transcript = IssuerTranscript(key.X, poll, issuer);
  const SecretScalar u = Hedge(transcript, {base::View(key.x.Expose())}).Next();
  const Point U = MulBase(u);
  const Scalar x = transcript.Append("U", U).Challenge("x");
  return IssuerPossession{U, (u + key.x * x).Publish()};
}

absl::Status VerifyIssuer(const Point& X, const IssuerPossession& proof, const Hash32& poll,
                          uint64_t issuer) {
  Transcript transcript = IssuerTranscript(X, poll, issuer);
  const Scalar x = transcript.Append("U", proof.U).Challenge("x");
  if (X.IsIdentity() || proof.U.IsIdentity() || MulBase(proof.z) != proof.U + Mul(x, X)) {
    return base::Reject("issuer.possession-invalid",
                        "the issuer did not prove that it holds its key");
  }
  return absl::OkStatus();
}

TokenInfo::TokenInfo(const Hash32& opening_in, std::string_view style_in, const Point& X_in)
    : opening(opening_in),
      style(style_in),
      X(X_in),
      Z(Point::FromUniform(
          FramedHash({"token-info", base::View(opening_in), style_in, X_in.view()}))) {}

IssuerSession::IssuerSession(const TokenInfo& info)
    : IssuerSession(info, SecretScalar::Random(), SecretScalar::Random(), SecretScalar::Random()) {}

IssuerSession::IssuerSession(const TokenInfo& info, SecretScalar a, SecretScalar t, SecretScalar y)
    : a_(std::move(a)),
      t_(std::move(t)),
      y_(std::move(y)),
      offer_{MulBase(a_), MulBase(t_) + Mul(y_, info.Z)} {}

IssuerSession IssuerSession::WithSecrets(const TokenInfo& info, SecretScalar a, SecretScalar t,
                                         SecretScalar y) {
  return IssuerSession(info, std::move(a), std::move(t), std::move(y));
}

absl::StatusOr<IssuerAnswer> IssuerSession::Respond(const IssuerKey& key, const Scalar& c) && {
  // Moving out wipes the members: whatever is left of this session cannot answer again.
  const SecretScalar a = std::move(a_), t = std::move(t_), y = std::move(y_);
  if (c.IsZero()) return base::Reject("token.challenge-zero", "the blinded challenge is zero");
  // A session moved from or answered has y = 0, and its answer would be c y x = 0 of nothing.
  if (y.IsZero()) {
    return base::Failure(absl::StatusCode::kFailedPrecondition,
                         "this issuing session was already answered");
  }
  return Answer{(a + y * key.x * c).Publish(), y.Publish(), t.Publish()};
}

absl::Status VerifyAnswer(const TokenInfo& info, const TokenOffer& offer, const Scalar& c,
                          const IssuerAnswer& answer) {
  if (info.X.IsIdentity() || offer.A.IsIdentity() || offer.C.IsIdentity()) {
    return base::Reject("token.answer-invalid", "a point of the issuance is the identity");
  }
  if (c.IsZero() || answer.y.IsZero()) {
    return base::Reject("token.answer-invalid", "c or y is zero");
  }
  if (offer.C != MulBase(answer.t) + Mul(answer.y, info.Z)) {
    return base::Reject("token.answer-invalid", "t and y do not open the commitment C");
  }
  if (MulBase(answer.s) != offer.A + Mul(c * answer.y, info.X)) {
    return base::Reject("token.answer-invalid", "s does not answer the challenge");
  }
  return absl::OkStatus();
}

Omega NewOmega() {
  Omega omega;
  randombytes_buf(omega.Expose().data(), omega.Expose().size());
  return omega;
}

BallotKey DeriveBallotKey(const Omega& omega, const Hash32& opening) {
  SecretScalar b =
      DeriveSecretScalar({"ballot-key", base::View(omega.Expose()), base::View(opening)});
  Point BK = MulBase(b);
  return BallotKey{std::move(b), BK};
}

TokenRequest::TokenRequest(const TokenInfo& info, const TokenOffer& offer, const Omega& omega,
                           const Point& BK)
    : TokenRequest(info, offer, BK, Blinding(info, offer, omega, BK, "r1"),
                   Blinding(info, offer, omega, BK, "r2"),
                   Blinding(info, offer, omega, BK, "gamma1"),
                   Blinding(info, offer, omega, BK, "gamma2")) {}

TokenRequest::TokenRequest(const TokenInfo& info, const TokenOffer& offer, const Point& BK,
                           SecretScalar r1, SecretScalar r2, SecretScalar gamma1,
                           SecretScalar gamma2)
    : info_(info),
      offer_(offer),
      r1_(std::move(r1)),
      r2_(std::move(r2)),
      gamma_(gamma1 * gamma2.Invert()),
      gamma1_(std::move(gamma1)) {
  const Point A = MulBase(r1_) + Mul(gamma_, offer.A);
  const Point C = Mul(gamma1_, offer.C) + MulBase(r2_);
  c_prime_ = TokenChallenge(info, A, C, BK);
  c_ = (gamma2 * c_prime_).Publish();
}

TokenRequest TokenRequest::WithBlinding(const TokenInfo& info, const TokenOffer& offer,
                                        const Point& BK, SecretScalar r1, SecretScalar r2,
                                        SecretScalar gamma1, SecretScalar gamma2) {
  return TokenRequest(info, offer, BK, std::move(r1), std::move(r2), std::move(gamma1),
                      std::move(gamma2));
}

absl::StatusOr<Token> TokenRequest::Unblind(const IssuerAnswer& answer) const {
  URNA_RETURN_IF_ERROR(VerifyAnswer(info_, offer_, c_, answer));
  return Token{c_prime_, (gamma_ * answer.s + r1_).Publish(), (gamma1_ * answer.y).Publish(),
               (gamma1_ * answer.t + r2_).Publish()};
}

absl::Status VerifyToken(const TokenInfo& info, const Point& BK, const Token& token) {
  if (info.X.IsIdentity() || BK.IsIdentity()) {
    return base::Reject("token.invalid", "the issuer's or the ballot key is the identity");
  }
  if (token.c.IsZero() || token.y.IsZero()) {
    return base::Reject("token.invalid", "c or y of the token is zero");
  }
  const Point C = MulBase(token.t) + Mul(token.y, info.Z);
  const Point A = MulBase(token.s) - Mul(token.c * token.y, info.X);
  if (TokenChallenge(info, A, C, BK) != token.c) {
    return base::Reject("token.invalid",
                        "the issuer did not sign this ballot key for this poll and style");
  }
  return absl::OkStatus();
}

}  // namespace urna::crypto
