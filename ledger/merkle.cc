#include "ledger/merkle.h"

#include <algorithm>
#include <bit>
#include <optional>

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"

namespace urna::ledger {
namespace {

/// The largest power of two below `n`: where RFC 6962 splits a tree of n > 1 leaves.
uint64_t SplitOf(uint64_t n) { return std::bit_floor(n - 1); }

/// MTH of the `count` > 0 leaves from `first` on, a multiple of the smallest power of two >= count:
/// so every piece asked for is a complete, aligned subtree.
absl::StatusOr<Hash32> RangeRoot(uint64_t first, uint64_t count, const NodeReader& nodes) {
  std::optional<Hash32> root;
  uint64_t end = first + count;
  while (count > 0) {
    const auto level = static_cast<uint32_t>(std::countr_zero(count));
    const uint64_t width = uint64_t{1} << level;
    URNA_ASSIGN_OR_RETURN(const Hash32 node, nodes(level, (end - width) >> level));
    root = root.has_value() ? NodeHash(node, *root) : node;
    end -= width;
    count -= width;
  }
  return *root;
}

absl::Status Precondition(std::string_view text) {
  return base::Failure(absl::StatusCode::kInvalidArgument, text);
}

/// The steps a proof takes upwards, shared by both verifications: the position of the current node
/// and of the last node, at the level reached.
struct Climb {
  uint64_t position;
  uint64_t last;

  /// True iff the next hash of the proof lies to the left.
  bool Left() const { return (position & 1) == 1 || position == last; }
  /// Skips the levels at which a right edge has no sibling.
  void SkipAfterLeft() {
    if ((position & 1) == 1) return;
    while ((position & 1) == 0 && position != 0) Up();
  }
  void Up() {
    position >>= 1;
    last >>= 1;
  }
};

constexpr std::string_view kConsistency = "proof.consistency-invalid";

absl::Status ContradictsSecond(uint64_t size) {
  return base::Reject(kConsistency,
                      base::Cat("the proof contradicts the root of ", size, " entries"));
}

struct TwoRoots {
  Hash32 first, second;
};

/// Climbs from `node`, the largest complete subtree that ends at entry `first`, to the roots of
/// `first` and of `second` entries. Precondition: 0 < first < second.
absl::StatusOr<TwoRoots> ClimbBoth(uint64_t first, uint64_t second, const Hash32& node,
                                   std::span<const Hash32> siblings) {
  Climb climb{first - 1, second - 1};
  while ((climb.position & 1) == 1) climb.Up();
  TwoRoots roots{node, node};
  for (const Hash32& sibling : siblings) {
    if (climb.last == 0) return base::Reject(kConsistency, "the proof has too many hashes");
    if (climb.Left()) {
      roots.first = NodeHash(sibling, roots.first);
      roots.second = NodeHash(sibling, roots.second);
      climb.SkipAfterLeft();
    } else {
      roots.second = NodeHash(roots.second, sibling);
    }
    climb.Up();
  }
  if (climb.last != 0) return base::Reject(kConsistency, "the proof has too few hashes");
  return roots;
}

}  // namespace

Hash32 NodeHash(const Hash32& left, const Hash32& right) {
  return crypto::HashSha256({std::string_view("\1", 1), base::View(left), base::View(right)});
}

Hash32 EmptyRoot() { return crypto::HashSha256(""); }

void Frontier::Append(const Hash32& leaf) {
  Hash32 node = leaf;
  for (uint64_t k = size_; (k & 1) == 1; k >>= 1) {
    node = NodeHash(stack_.back(), node);
    stack_.pop_back();
  }
  stack_.push_back(node);
  ++size_;
}

Hash32 Frontier::Root() const {
  if (stack_.empty()) return EmptyRoot();
  Hash32 root = stack_.back();
  for (size_t i = stack_.size() - 1; i-- > 0;) root = NodeHash(stack_[i], root);
  return root;
}

absl::StatusOr<std::vector<Hash32>> InclusionProof(uint64_t index, uint64_t size,
                                                   const NodeReader& nodes) {
  if (index >= size) {
    return Precondition(base::Cat("no inclusion proof of entry ", index, " in ", size, " entries"));
  }
  std::vector<Hash32> proof;
  uint64_t first = 0;
  for (uint64_t count = size; count > 1;) {
    const uint64_t k = SplitOf(count);
    if (index - first < k) {
      URNA_ASSIGN_OR_RETURN(const Hash32 right, RangeRoot(first + k, count - k, nodes));
      proof.push_back(right);
      count = k;
    } else {
      URNA_ASSIGN_OR_RETURN(const Hash32 left, RangeRoot(first, k, nodes));
      proof.push_back(left);
      first += k;
      count -= k;
    }
  }
  std::reverse(proof.begin(), proof.end());
  return proof;
}

absl::StatusOr<std::vector<Hash32>> ConsistencyProof(uint64_t first, uint64_t second,
                                                     const NodeReader& nodes) {
  if (first == 0 || first > second) {
    return Precondition(base::Cat("no consistency proof from ", first, " to ", second, " entries"));
  }
  std::vector<Hash32> proof;
  uint64_t start = 0;
  uint64_t count = second;
  bool whole = true;  // still a prefix from entry 0 on, whose root the verifier knows
  while (first - start != count) {
    const uint64_t k = SplitOf(count);
    if (first - start <= k) {
      URNA_ASSIGN_OR_RETURN(const Hash32 right, RangeRoot(start + k, count - k, nodes));
      proof.push_back(right);
      count = k;
    } else {
      URNA_ASSIGN_OR_RETURN(const Hash32 left, RangeRoot(start, k, nodes));
      proof.push_back(left);
      start += k;
      count -= k;
      whole = false;
    }
  }
  if (!whole) {
    URNA_ASSIGN_OR_RETURN(const Hash32 known, RangeRoot(start, count, nodes));
    proof.push_back(known);
  }
  std::reverse(proof.begin(), proof.end());
  return proof;
}

absl::StatusOr<std::vector<Hash32>> PrefixProof(uint64_t first, uint64_t second,
                                                const NodeReader& nodes) {
  if (first >= second) {
    return Precondition(base::Cat("no proof of the first ", first, " of ", second, " entries"));
  }
  URNA_ASSIGN_OR_RETURN(std::vector<Hash32> proof, ConsistencyProof(first, second, nodes));
  if (std::has_single_bit(first)) {
    URNA_ASSIGN_OR_RETURN(const Hash32 root, RootAt(first, nodes));
    proof.insert(proof.begin(), root);
  }
  return proof;
}

absl::StatusOr<Hash32> RootAt(uint64_t size, const NodeReader& nodes) {
  if (size == 0) return EmptyRoot();
  return RangeRoot(0, size, nodes);
}

absl::Status VerifyInclusion(const Hash32& leaf, uint64_t index, uint64_t size,
                             std::span<const Hash32> proof, const Hash32& root) {
  constexpr std::string_view kId = "proof.inclusion-invalid";
  if (index >= size) {
    return base::Reject(kId, base::Cat("entry ", index, " is not among ", size, " entries"));
  }
  Climb climb{index, size - 1};
  Hash32 node = leaf;
  for (const Hash32& sibling : proof) {
    if (climb.last == 0) return base::Reject(kId, "the proof has too many hashes");
    if (climb.Left()) {
      node = NodeHash(sibling, node);
      climb.SkipAfterLeft();
    } else {
      node = NodeHash(node, sibling);
    }
    climb.Up();
  }
  if (climb.last != 0) return base::Reject(kId, "the proof has too few hashes");
  if (node != root) {
    return base::Reject(
        kId, base::Cat("the proof of entry ", index, " of ", size, " leads to another root"));
  }
  return absl::OkStatus();
}

absl::Status VerifyConsistency(uint64_t first, uint64_t second, std::span<const Hash32> proof,
                               const Hash32& first_root, const Hash32& second_root) {
  if (first == 0 || first > second) {
    return base::Reject(kConsistency,
                        base::Cat("no proof can lead from ", first, " to ", second, " entries"));
  }
  if (first == second) {
    if (!proof.empty()) {
      return base::Reject(kConsistency, "a proof between equal sizes must be empty");
    }
    if (first_root != second_root) return base::Reject(kConsistency, "one size, but two roots");
    return absl::OkStatus();
  }
  if (proof.empty()) return base::Reject(kConsistency, "the proof is empty");
  const bool begins_at_root = std::has_single_bit(first);
  URNA_ASSIGN_OR_RETURN(const TwoRoots roots,
                        ClimbBoth(first, second, begins_at_root ? first_root : proof.front(),
                                  proof.subspan(begins_at_root ? 0 : 1)));
  if (roots.first != first_root) {
    return base::Reject(kConsistency,
                        base::Cat("the proof contradicts the root of ", first, " entries"));
  }
  if (roots.second != second_root) return ContradictsSecond(second);
  return absl::OkStatus();
}

absl::StatusOr<Hash32> PrefixRoot(uint64_t first, uint64_t second, std::span<const Hash32> proof,
                                  const Hash32& second_root) {
  if (first == 0 || first >= second) {
    return base::Reject(kConsistency, base::Cat("no proof can show the root of the first ", first,
                                                " of ", second, " entries"));
  }
  if (proof.empty()) return base::Reject(kConsistency, "the proof is empty");
  URNA_ASSIGN_OR_RETURN(const TwoRoots roots,
                        ClimbBoth(first, second, proof.front(), proof.subspan(1)));
  if (roots.second != second_root) return ContradictsSecond(second);
  return roots.first;
}

}  // namespace urna::ledger
