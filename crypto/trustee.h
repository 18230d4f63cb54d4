#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/group.h"
#include "crypto/hash.h"
#include "crypto/secret.h"

namespace urna::crypto {

/// The trustees' key ceremony: n trustees, any t of them decrypt. docs/protocol.md section 7.
/// Trustees count from 1; keys w and coefficients k from 0.

/// X25519 key pair of one trustee for one ceremony; receives sealed shares.
struct SealKey {
  Secret<base::Bytes32> secret;
  base::Bytes32 public_key;
  static SealKey New();
  static SealKey FromSecret(Secret<base::Bytes32> secret);
};

/// Refuses a public key of small order, to which nobody can seal: otherwise its owner would block
/// the dealers. Part of checking "joined". Errors: Reject("trustee.seal-key-invalid").
absl::Status CheckSealKey(const base::Bytes32& public_key);

/// Size of one trustee's sealed shares of `keys` keys: the shares and a sealed box's overhead.
inline size_t SealedSharesBytes(uint32_t keys) { return size_t{32} * keys + 48; }

/// F[w][k]: commitments to the coefficients of W polynomials of degree t-1.
using Commitments = std::vector<std::vector<Point>>;

/// The public part of a deal.
struct Deal {
  Commitments F;
  Point U;
  Scalar z;
};

/// One trustee's secret polynomials.
class Dealer {
 public:
  /// `keys`: W; `threshold`: t.
  static Dealer New(uint32_t keys, uint32_t threshold);

  /// F and its proof of possession. Hedged; calling it twice gives two valid proofs, so keep one.
  Deal MakeDeal(const Hash32& poll, uint32_t trustee) const;
  /// f_w(i) for every w, sealed to trustee i's ceremony key (libsodium sealed box): W x 32 bytes
  /// under the seal. Preconditions, or it aborts: `recipient` from 1 (f_w(0) is the secret itself)
  /// and a key that CheckSealKey accepts.
  std::string SealShares(uint32_t recipient, const base::Bytes32& recipient_key) const;

  /// For the trustee's encrypted file: coefficients, w outer, k inner, 32 bytes each.
  SecretText Serialize() const;
  /// Errors: Reject("trustee.secret-malformed") for a wrong size or a scalar not below q.
  static absl::StatusOr<Dealer> Deserialize(uint32_t keys, uint32_t threshold,
                                            const SecretText& bytes);

 private:
  Dealer() = default;
  std::vector<std::vector<SecretScalar>> coefficients_;
};

/// SHA-256 commitment to a deal, published before any deal is. Section 7, "joined".
Hash32 DealCommitment(const Hash32& poll, uint32_t trustee, uint32_t threshold, const Deal& deal);

/// Shape (W x t), F_(j,w,0) not the identity, and the proof of possession.
/// Errors: Reject("trustee.deal-invalid").
absl::Status VerifyDeal(const Hash32& poll, uint32_t trustee, uint32_t keys, uint32_t threshold,
                        const Deal& deal);

/// Opens the shares sealed for `recipient` and checks sG = sum_k recipient^k F_(w,k) for every w.
/// Used by the recipient, and by everyone once a complaint revealed the recipient's secret.
/// Errors: Reject("trustee.share-invalid").
absl::StatusOr<std::vector<SecretScalar>> OpenShares(const SealKey& key, uint32_t recipient,
                                                     const Deal& deal, std::string_view sealed);

/// K_w = sum_j F_(j,w,0). Errors: Reject("trustee.key-degenerate") if one is the identity or two
/// are equal. `deals`: of all trustees.
absl::StatusOr<std::vector<Point>> ElectionKeys(std::span<const Deal> deals);
/// P_(i,w): trustee i's public shares, by w.
std::vector<Point> PublicShares(std::span<const Deal> deals, uint32_t trustee);
/// k_(i,w): sum over dealers of the shares they sent to one trustee; shares[j][w].
std::vector<SecretScalar> CombineShares(std::span<const std::vector<SecretScalar>> shares);

}  // namespace urna::crypto
