#include "crypto/token.h"

#include <sodium.h>

#include <array>
#include <mutex>
#include <optional>
#include <utility>

#include "base/status.h"
#include "crypto/consttime/multi_mul.h"
#include "crypto/consttime/table.h"
#include "crypto/transcript.h"
#include "crypto/vartime/batch.h"
#include "crypto/vartime/fixed_base.h"
#include "crypto/vartime/search.h"

namespace urna::crypto {
namespace {

// Digits of the tables of a poll's issuers and styles: 165 KB for each point.
constexpr unsigned kTokenWindow = 6;

Transcript IssuerTranscript(const Point& X, const Hash32& poll, uint64_t issuer) {
  Transcript transcript("issuer-key");
  transcript.Append("poll", poll).Append("issuer", issuer).Append("X", X);
  return transcript;
}

/// What a credential's signature of a request has as its challenge.
Scalar CredentialRequestChallenge(const TokenInfo& info, const TokenOffer& offer, const Scalar& c,
                                  const Point& V, const Point& U) {
  return CredentialStatement::Request(info.opening, info.style, info.X, offer.A, offer.C, c)
      .Challenge(V, U);
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

struct TokenInfo::Tables {
  /// The tables of `info`, whose tables_ these are unless its points were changed since.
  static std::shared_ptr<const Tables> Of(const TokenInfo& info) {
    const std::shared_ptr<Tables>& shared = info.tables_;
    std::call_once(shared->once, [&] { shared->Make(info); });
    if (shared->of_X == info.X && shared->of_Z == info.Z) return shared;
    const auto own = std::make_shared<Tables>();
    own->Make(info);
    return own;
  }
  void Make(const TokenInfo& info) {
    of_X = info.X;
    of_Z = info.Z;
    X.emplace(ToElement(info.X), kTokenWindow);
    Z.emplace(ToElement(info.Z), kTokenWindow);
  }
  std::once_flag once;
  Point of_X, of_Z;
  std::optional<vartime::FixedBase> X, Z;
};

TokenInfo::TokenInfo(const Hash32& opening_in, std::string_view style_in, const Point& X_in)
    : opening(opening_in),
      style(style_in),
      X(X_in),
      Z(Point::FromUniform(
          FramedHash({"token-info", base::View(opening_in), style_in, X_in.view()}))),
      tables_(std::make_shared<Tables>()) {}

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
  const auto sum = [](const Scalar& of_base, const Scalar& factor, const Point& point) {
    const std::array<Scalar, 2> factors = {of_base, factor};
    const std::array<Point, 2> points = {Point::Base(), point};
    return MultiMulVartime(factors, points);
  };
  if (offer.C != sum(answer.t, answer.y, info.Z)) {
    return base::Reject("token.answer-invalid", "t and y do not open the commitment C");
  }
  if (offer.A != sum(answer.s, -(c * answer.y), info.X)) {
    return base::Reject("token.answer-invalid", "s does not answer the challenge");
  }
  return absl::OkStatus();
}

namespace {

absl::Status VerifyIssuance(const IssuanceToVerify& e) {
  const auto statement = CredentialStatement::Request(e.info->opening, e.info->style, e.info->X,
                                                      e.offer->A, e.offer->C, *e.c);
  URNA_RETURN_IF_ERROR(VerifyCredential(*e.V, statement, *e.signature));
  if (e.c->IsZero()) return base::Reject("token.challenge-zero", "the challenge is zero");
  return VerifyAnswer(*e.info, *e.offer, *e.c, *e.answer);
}

/// Whether it can be in a batch. False says nothing about whether it is valid.
bool Batchable(const IssuanceToVerify& e) {
  for (const Point* point : {&e.info->X, e.V, &e.offer->A, &e.offer->C, &e.signature->U}) {
    if (point->IsIdentity()) return false;
  }
  return !e.c->IsZero() && !e.answer->y.IsZero();
}

constexpr size_t kEquations = 3;

/// An issuance's equations with their weights.
void AddEquations(const IssuanceToVerify& entry, std::span<const Scalar, kEquations> w,
                  vartime::Batch& batch) {
  const auto& [info, V, offer, c, answer, signature, elements] = entry;
  const Scalar challenge = CredentialRequestChallenge(*info, *offer, *c, *V, signature->U);
  const std::array<vartime::Element, 4> e =
      elements.empty() ? std::array{ToElement(*V), ToElement(offer->A), ToElement(offer->C),
                                    ToElement(signature->U)}
                       : std::array{elements[0], elements[1], elements[2], elements[3]};
  // U + cV - zG, tG + yZ - C and A + cyX - sG: the second with its sign turned, so that all
  // weights on points that occur once stay short.
  batch.Add(w[0], e[3]);
  batch.Add(w[0] * challenge, e[0]);
  batch.Add(w[1], e[2]);
  batch.AddShared(-(w[1] * answer->y), info->Z);
  batch.Add(w[2], e[1]);
  batch.AddShared(w[2] * *c * answer->y, info->X);
  batch.AddBase(-(w[0] * signature->z + w[1] * answer->t + w[2] * answer->s));
}

}  // namespace

std::vector<absl::Status> VerifyIssuances(std::span<const IssuanceToVerify> entries) {
  std::vector<absl::Status> verdicts(entries.size());
  std::vector<size_t> together;
  for (size_t i = 0; i < entries.size(); ++i) {
    if (Batchable(entries[i])) {
      together.push_back(i);
    } else {
      verdicts[i] = VerifyIssuance(entries[i]);
    }
  }
  const std::vector<Scalar> weights = vartime::Batch::Weights(kEquations * together.size());
  const auto failures = vartime::FindFailures(
      together.size(), vartime::Together::kAll, [&](size_t first, size_t count) {
        vartime::Batch batch;
        for (size_t k = first; k < first + count; ++k) {
          AddEquations(entries[together[k]],
                       std::span(weights).subspan(kEquations * k).first<kEquations>(), batch);
        }
        return batch;
      });
  for (const vartime::Failure& failure : failures) {
    verdicts[together[failure.item]] = VerifyIssuance(entries[together[failure.item]]);
  }
  return verdicts;
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
  // A' = r1 G + gamma A, C' = r2 G + gamma1 C.
  const std::vector<consttime::Product> of_base = {{&consttime::Table::OfBase(), &r1_},
                                                   {&consttime::Table::OfBase(), &r2_}};
  std::vector<consttime::SecretElement> sums = consttime::Sums(of_base, 1);
  const vartime::Element offered_A = ToElement(offer.A), offered_C = ToElement(offer.C);
  sums[0] = sums[0] + consttime::MultiMul({&gamma_, 1}, {&offered_A, 1});
  sums[1] = sums[1] + consttime::MultiMul({&gamma1_, 1}, {&offered_C, 1});
  const std::vector<Point> blinded = consttime::SecretElement::Publish(sums);
  const Point &A = blinded[0], &C = blinded[1];
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
  const TokenToVerify one{&info, &BK, &token};
  return VerifyTokens({&one, 1})[0];
}

std::vector<absl::Status> VerifyTokens(std::span<const TokenToVerify> tokens) {
  std::vector<absl::Status> verdicts(tokens.size());
  // A' and C' of each token that is not refused before.
  std::vector<vartime::FixedSum> sums;
  std::vector<size_t> owners;
  std::vector<std::shared_ptr<const TokenInfo::Tables>> tables;
  for (size_t i = 0; i < tokens.size(); ++i) {
    const auto& [info, BK, token] = tokens[i];
    if (info->X.IsIdentity() || BK->IsIdentity()) {
      verdicts[i] = base::Reject("token.invalid", "the issuer's or the ballot key is the identity");
    } else if (token->c.IsZero() || token->y.IsZero()) {
      verdicts[i] = base::Reject("token.invalid", "c or y of the token is zero");
    } else {
      tables.push_back(TokenInfo::Tables::Of(*info));
      const vartime::FixedBase* const G = &vartime::FixedBase::OfBase();
      sums.push_back({G, token->s, &*tables.back()->X, -(token->c * token->y)});
      sums.push_back({G, token->t, &*tables.back()->Z, token->y});
      owners.push_back(i);
    }
  }
  const std::vector<Point> points = ToPoints(vartime::SumFixed(sums));
  for (size_t k = 0; k < owners.size(); ++k) {
    const auto& [info, BK, token] = tokens[owners[k]];
    if (TokenChallenge(*info, points[2 * k], points[2 * k + 1], *BK) != token->c) {
      verdicts[owners[k]] = base::Reject(
          "token.invalid", "the issuer did not sign this ballot key for this poll and style");
    }
  }
  return verdicts;
}

}  // namespace urna::crypto
