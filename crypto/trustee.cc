#include "crypto/trustee.h"

#include <sodium.h>

#include <unordered_set>
#include <utility>

#include "base/codec.h"
#include "base/status.h"
#include "base/text.h"
#include "crypto/check.h"
#include "crypto/transcript.h"

namespace urna::crypto {
namespace {

constexpr size_t kScalarSize = 32;

// A text of a known size that is wiped, filled piece by piece without reallocating.
class SecretWriter {
 public:
  explicit SecretWriter(size_t size) { bytes_.reserve(size); }
  ~SecretWriter() { sodium_memzero(bytes_.data(), bytes_.size()); }
  SecretWriter(const SecretWriter&) = delete;
  SecretWriter& operator=(const SecretWriter&) = delete;

  void Append(const SecretScalar& scalar) {
    const std::string_view piece = base::View(scalar.Expose());
    Check(bytes_.size() + piece.size() <= bytes_.capacity(), "secret text outgrew its buffer");
    bytes_.append(piece);
  }
  std::string_view view() const { return bytes_; }
  SecretText Take() { return SecretText(std::move(bytes_)); }

 private:
  std::string bytes_;
};

Transcript DealTranscript(const Hash32& poll, uint32_t trustee, uint32_t threshold,
                          const Commitments& F) {
  Transcript transcript("trustee-key");
  transcript.Append("poll", poll)
      .Append("trustee", uint64_t{trustee})
      .Append("threshold", uint64_t{threshold});
  for (const auto& polynomial : F) {
    for (const Point& point : polynomial) transcript.Append("F", point);
  }
  return transcript;
}

SecretScalar Evaluate(const std::vector<SecretScalar>& coefficients, uint32_t at) {
  const Scalar x = Scalar::FromU64(at);
  SecretScalar value;
  for (size_t k = coefficients.size(); k-- > 0;) value = value * x + coefficients[k];
  return value;
}

Point EvaluateVartime(std::span<const Point> commitments, uint32_t at) {
  const Scalar x = Scalar::FromU64(at);
  Point value;
  for (size_t k = commitments.size(); k-- > 0;) value = Mul(x, value) + commitments[k];
  return value;
}

}  // namespace

SealKey SealKey::New() {
  Secret<base::Bytes32> secret;
  randombytes_buf(secret.Expose().data(), secret.Expose().size());
  return FromSecret(std::move(secret));
}

SealKey SealKey::FromSecret(Secret<base::Bytes32> secret) {
  SealKey key{std::move(secret), {}};
  Check(crypto_scalarmult_base(key.public_key.data(), key.secret.Expose().data()) == 0,
        "X25519 failed");
  return key;
}

absl::Status CheckSealKey(const base::Bytes32& public_key) {
  // X25519 clamps to a multiple of 8, so any scalar takes a point of small order to zero, which
  // libsodium reports.
  constexpr base::Bytes32 kAnyScalar{1};
  base::Bytes32 shared;
  if (crypto_scalarmult(shared.data(), kAnyScalar.data(), public_key.data()) != 0) {
    return base::Reject("trustee.seal-key-invalid", "the X25519 key is a point of small order");
  }
  return absl::OkStatus();
}

Dealer Dealer::New(uint32_t keys, uint32_t threshold) {
  Dealer dealer;
  dealer.coefficients_.resize(keys);
  for (auto& polynomial : dealer.coefficients_) {
    for (uint32_t k = 0; k < threshold; ++k) polynomial.push_back(SecretScalar::Random());
  }
  return dealer;
}

Deal Dealer::MakeDeal(const Hash32& poll, uint32_t trustee) const {
  Deal deal;
  for (const auto& polynomial : coefficients_) {
    auto& row = deal.F.emplace_back();
    for (const SecretScalar& coefficient : polynomial) row.push_back(MulBase(coefficient));
  }
  const auto threshold = static_cast<uint32_t>(coefficients_.front().size());
  Transcript transcript = DealTranscript(poll, trustee, threshold, deal.F);
  const Scalar rho = transcript.Challenge("rho");
  SecretScalar secret;
  for (size_t w = coefficients_.size(); w-- > 0;) {
    secret = secret * rho + coefficients_[w].front();
  }
  const SecretScalar u = Hedge(transcript, {base::View(secret.Expose())}).Next();
  deal.U = MulBase(u);
  const Scalar x = transcript.Append("U", deal.U).Challenge("x");
  deal.z = (u + secret * x).Publish();
  return deal;
}

std::string Dealer::SealShares(uint32_t recipient, const base::Bytes32& recipient_key) const {
  Check(recipient != 0, "a share at 0 would be the secret itself");
  SecretWriter plain(coefficients_.size() * kScalarSize);
  for (const auto& polynomial : coefficients_) plain.Append(Evaluate(polynomial, recipient));
  std::string sealed(crypto_box_SEALBYTES + plain.view().size(), '\0');
  Check(crypto_box_seal(reinterpret_cast<uint8_t*>(sealed.data()), base::Data(plain.view()),
                        plain.view().size(), recipient_key.data()) == 0,
        "sealing to a key that CheckSealKey refuses");
  return sealed;
}

SecretText Dealer::Serialize() const {
  size_t scalars = 0;
  for (const auto& polynomial : coefficients_) scalars += polynomial.size();
  SecretWriter writer(scalars * kScalarSize);
  for (const auto& polynomial : coefficients_) {
    for (const SecretScalar& coefficient : polynomial) writer.Append(coefficient);
  }
  return writer.Take();
}

absl::StatusOr<Dealer> Dealer::Deserialize(uint32_t keys, uint32_t threshold,
                                           const SecretText& bytes) {
  const uint64_t size = uint64_t{keys} * threshold * kScalarSize;
  if (size == 0 || bytes.Expose().size() != size) {
    return base::Reject(
        "trustee.secret-malformed",
        base::Cat("a dealer's secret of ", bytes.Expose().size(), " bytes instead of ", size));
  }
  base::Reader reader(bytes.Expose());
  Dealer dealer;
  dealer.coefficients_.resize(keys);
  for (auto& polynomial : dealer.coefficients_) {
    for (uint32_t k = 0; k < threshold; ++k) {
      auto coefficient = SecretScalar::Decode(reader.Raw(kScalarSize));
      if (!coefficient.ok()) {
        return base::Reject("trustee.secret-malformed", "a coefficient is not below q");
      }
      polynomial.push_back(*std::move(coefficient));
    }
  }
  return dealer;
}

Hash32 DealCommitment(const Hash32& poll, uint32_t trustee, uint32_t threshold, const Deal& deal) {
  Sha256 hash;
  hash.Update(Frame("urna/v1"))
      .Update(Frame("deal"))
      .Update(Frame(base::View(poll)))
      .Update(Frame(U64(trustee)))
      .Update(Frame(U64(threshold)));
  for (const auto& polynomial : deal.F) {
    for (const Point& point : polynomial) hash.Update(point.view());
  }
  return hash.Update(deal.U.view()).Update(deal.z.view()).Finish();
}

absl::Status VerifyDeal(const Hash32& poll, uint32_t trustee, uint32_t keys, uint32_t threshold,
                        const Deal& deal) {
  const auto invalid = [trustee](std::string_view why) {
    return base::Reject("trustee.deal-invalid", base::Cat("trustee ", trustee, ": ", why));
  };
  if (trustee == 0 || keys == 0 || threshold == 0) {
    return invalid("trustees count from 1, and there is at least one key and one coefficient");
  }
  if (deal.F.size() != keys) {
    return invalid(base::Cat("a deal of ", deal.F.size(), " keys instead of ", keys));
  }
  for (size_t w = 0; w < deal.F.size(); ++w) {
    if (deal.F[w].size() != threshold) {
      return invalid(base::Cat("key ", w, ": a polynomial of ", deal.F[w].size(),
                               " coefficients instead of ", threshold));
    }
    if (deal.F[w].front().IsIdentity()) return invalid(base::Cat("key ", w, ": F is the identity"));
  }
  if (deal.U.IsIdentity()) return invalid("U is the identity");
  Transcript transcript = DealTranscript(poll, trustee, threshold, deal.F);
  const Scalar rho = transcript.Challenge("rho");
  const Scalar x = transcript.Append("U", deal.U).Challenge("x");
  Point combined;
  for (size_t w = keys; w-- > 0;) combined = Mul(rho, combined) + deal.F[w].front();
  if (MulBase(deal.z) != deal.U + Mul(x, combined)) {
    return invalid("the proof of possession does not hold");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<SecretScalar>> OpenShares(const SealKey& key, uint32_t recipient,
                                                     const Deal& deal, std::string_view sealed) {
  const auto invalid = [recipient](std::string_view why) {
    return base::Reject("trustee.share-invalid",
                        base::Cat("shares for trustee ", recipient, ": ", why));
  };
  if (recipient == 0) return invalid("trustees count from 1");
  const size_t size = deal.F.size() * kScalarSize;
  if (sealed.size() != size + crypto_box_SEALBYTES) {
    return invalid(base::Cat(sealed.size(), " bytes instead of ", size + crypto_box_SEALBYTES));
  }
  std::string plain(size, '\0');
  const bool opened =
      crypto_box_seal_open(reinterpret_cast<uint8_t*>(plain.data()), base::Data(sealed),
                           sealed.size(), key.public_key.data(), key.secret.Expose().data()) == 0;
  const SecretText shares_text(std::move(plain));
  if (!opened) return invalid("they cannot be opened with the recipient's key");
  std::vector<SecretScalar> shares;
  base::Reader reader(shares_text.Expose());
  for (size_t w = 0; w < deal.F.size(); ++w) {
    auto share = SecretScalar::Decode(reader.Raw(kScalarSize));
    if (!share.ok()) return invalid(base::Cat("key ", w, ": the share is not below q"));
    if (MulBase(*share) != EvaluateVartime(deal.F[w], recipient)) {
      return invalid(base::Cat("key ", w, ": the share does not lie on the dealt polynomial"));
    }
    shares.push_back(*std::move(share));
  }
  return shares;
}

absl::StatusOr<std::vector<Point>> ElectionKeys(std::span<const Deal> deals) {
  Check(!deals.empty(), "election keys of no trustees");
  std::vector<Point> keys(deals.front().F.size());
  for (const Deal& deal : deals) {
    Check(deal.F.size() == keys.size(), "deals of different shapes");
    for (size_t w = 0; w < keys.size(); ++w) keys[w] += deal.F[w].front();
  }
  std::unordered_set<Point> seen;
  for (size_t w = 0; w < keys.size(); ++w) {
    if (keys[w].IsIdentity()) {
      return base::Reject("trustee.key-degenerate", base::Cat("key ", w, " is the identity"));
    }
    if (!seen.insert(keys[w]).second) {
      return base::Reject("trustee.key-degenerate", base::Cat("key ", w, " equals another"));
    }
  }
  return keys;
}

std::vector<Point> PublicShares(std::span<const Deal> deals, uint32_t trustee) {
  Check(!deals.empty() && trustee != 0, "public shares of no trustee");
  std::vector<Point> shares;
  for (size_t w = 0; w < deals.front().F.size(); ++w) {
    std::vector<Point> sum(deals.front().F[w].size());
    for (const Deal& deal : deals) {
      Check(deal.F.size() == deals.front().F.size() && deal.F[w].size() == sum.size(),
            "deals of different shapes");
      for (size_t k = 0; k < sum.size(); ++k) sum[k] += deal.F[w][k];
    }
    shares.push_back(EvaluateVartime(sum, trustee));
  }
  return shares;
}

std::vector<SecretScalar> CombineShares(std::span<const std::vector<SecretScalar>> shares) {
  Check(!shares.empty(), "shares of no dealer");
  std::vector<SecretScalar> sums(shares.front().size());
  for (const auto& dealt : shares) {
    Check(dealt.size() == sums.size(), "shares of different shapes");
    for (size_t w = 0; w < sums.size(); ++w) sums[w] = sums[w] + dealt[w];
  }
  return sums;
}

}  // namespace urna::crypto
