#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "crypto/group.h"
#include "crypto/vartime/element.h"

namespace urna::crypto::vartime {

/// Many linear equations between public group elements as one: each is brought to "sum = 0" and
/// multiplied by a random weight, so that the total is the identity if all hold, and otherwise with
/// probability 2^-128 at most (Bellare, Garay, Rabin 1998). docs/protocol.md section 2.
class Batch {
 public:
  /// `count` fresh uniform weights of 128 bits. They must be drawn after all that is checked with
  /// them is fixed.
  static std::vector<Scalar> Weights(size_t count);

  void Add(const Scalar& scalar, const Element& element);
  /// Multiples of G, of H, and of points that many equations share, each added up first.
  void AddBase(const Scalar& scalar) { base_ = base_ + scalar; }
  void AddPedersenH(const Scalar& scalar) { pedersen_h_ = pedersen_h_ + scalar; }
  void AddShared(const Scalar& scalar, const Point& point);

  /// What each adds up to: the identity if its equations hold.
  static std::vector<Element> Sums(std::span<const Batch> batches);

 private:
  std::vector<Scalar> scalars_;
  std::vector<Element> elements_;
  Scalar base_, pedersen_h_;
  absl::flat_hash_map<Point, Scalar> shared_;
};

}  // namespace urna::crypto::vartime
