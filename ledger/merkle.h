#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/hash.h"

namespace urna::ledger {

using crypto::Hash32;

/// RFC 6962 Merkle trees over leaf hashes.

/// SHA-256(0x01 || left || right).
Hash32 NodeHash(const Hash32& left, const Hash32& right);
/// MTH() of no leaves: SHA-256("").
Hash32 EmptyRoot();

/// The right edge of a growing tree: 64 hashes at most, whatever the size.
class Frontier {
 public:
  Frontier() = default;
  /// That of `size` leaves with these subtrees(). Precondition: as many as `size` has bits set.
  Frontier(uint64_t size, std::vector<Hash32> subtrees)
      : size_(size), stack_(std::move(subtrees)) {}
  void Append(const Hash32& leaf);
  uint64_t size() const { return size_; }
  /// Root of the leaves appended so far.
  Hash32 Root() const;
  /// Roots of the full subtrees, largest first.
  const std::vector<Hash32>& subtrees() const { return stack_; }

 private:
  uint64_t size_ = 0;
  std::vector<Hash32> stack_;  // roots of the full subtrees, largest first
};

/// A subtree hash: MTH of the 2^level leaves from index * 2^level on, all of which exist.
using NodeReader = std::function<absl::StatusOr<Hash32>(uint32_t level, uint64_t index)>;

/// PATH(index, D[size]), leaf to root. Precondition: index < size.
absl::StatusOr<std::vector<Hash32>> InclusionProof(uint64_t index, uint64_t size,
                                                   const NodeReader& nodes);
/// PROOF(first, D[second]). Precondition: 0 < first <= second.
absl::StatusOr<std::vector<Hash32>> ConsistencyProof(uint64_t first, uint64_t second,
                                                     const NodeReader& nodes);
/// What shows the root of the first `first` of `second` leaves to whoever knows the root of all:
/// ConsistencyProof, but always with the hash that it begins at, which that leaves out where it is
/// the root of `first` leaves itself. Precondition: 0 < first < second.
absl::StatusOr<std::vector<Hash32>> PrefixProof(uint64_t first, uint64_t second,
                                                const NodeReader& nodes);
/// Root of the first `size` leaves.
absl::StatusOr<Hash32> RootAt(uint64_t size, const NodeReader& nodes);

/// Errors: Reject("proof.inclusion-invalid").
absl::Status VerifyInclusion(const Hash32& leaf, uint64_t index, uint64_t size,
                             std::span<const Hash32> proof, const Hash32& root);
/// Errors: Reject("proof.consistency-invalid").
absl::Status VerifyConsistency(uint64_t first, uint64_t second, std::span<const Hash32> proof,
                               const Hash32& first_root, const Hash32& second_root);
/// The root of the first `first` leaves of the tree of `second` leaves with the root `second_root`,
/// from their PrefixProof. Errors: Reject("proof.consistency-invalid") if it does not lead to that
/// root.
absl::StatusOr<Hash32> PrefixRoot(uint64_t first, uint64_t second, std::span<const Hash32> proof,
                                  const Hash32& second_root);

}  // namespace urna::ledger
