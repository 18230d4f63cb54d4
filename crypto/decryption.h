#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/ballot.h"
#include "crypto/group.h"
#include "crypto/hash.h"

namespace urna::crypto {

/// Threshold decryption with proof. docs/protocol.md section 7, "Decryption share".

/// What is decrypted and by whom: bound before the first challenge.
struct DecryptionStatement {
  Hash32 opening;
  Hash32 closed;
  std::string_view contest;
  uint32_t trustee;          ///< from 1
  std::span<const Point> R;  ///< B ciphertexts' first components
  std::span<const Point> P;  ///< the trustee's public shares of the contest's slots
};

struct DecryptionShare {
  std::vector<Point> D;  ///< D_(b,w): of all slots of the first ciphertext, then of the next
  Point U, V;
  Scalar z;
};

/// `secrets`: k_(i,w) for the same slots as `statement.P`. Constant time. Memory: the share and a
/// few kilobytes.
DecryptionShare MakeDecryptionShare(const DecryptionStatement& statement,
                                    std::span<const SecretScalar> secrets);
/// Checks the shape of the share and its proof. Memory: a few megabytes, however many ciphertexts.
/// Errors: Reject("decryption.share-invalid"), also if an R, P, U or V is the identity.
absl::Status VerifyDecryptionShare(const DecryptionStatement& statement,
                                   const DecryptionShare& share);

/// Lagrange weight at 0 of trustee `i` among `trustees`. Aborts unless they are distinct, from 1,
/// and include `i`: a wrong weight is a wrong tally.
Scalar LagrangeWeight(uint32_t i, std::span<const uint32_t> trustees);

/// v_w G = C_w - sum_i weight_i D_(i,w) for one ciphertext; shares_D[i][w] of trustees[i], exactly
/// the t trustees used.
std::vector<Point> CombineDecryption(std::span<const Point> C, std::span<const uint32_t> trustees,
                                     std::span<const std::vector<Point>> shares_D);

/// The small values that many ciphertexts hold, as mixed ballots do: values v in 0..bound with
/// v G = C - sum_i weight_i D_i, in the order of C; shares_D[i] is of trustees[i], for the same
/// slots as C. Exactly the t trustees used. Precondition: bound at most 65,535. Public data only.
/// Errors: Reject("tally.out-of-bound") with the index of the first that holds none.
absl::StatusOr<std::vector<uint32_t>> DecryptSmall(std::span<const Point> C,
                                                   std::span<const uint32_t> trustees,
                                                   std::span<const std::vector<Point>> shares_D,
                                                   uint32_t bound);

/// Finds v in 0..bound with vG = point, by baby-step giant-step: O(sqrt(bound)) time and memory,
/// the memory capped at 2^18 table entries (then O(bound / 2^18) time).
/// Errors: Reject("tally.out-of-bound") if there is none. Public data only.
absl::StatusOr<uint64_t> DiscreteLogVartime(const Point& point, uint64_t bound);

}  // namespace urna::crypto
