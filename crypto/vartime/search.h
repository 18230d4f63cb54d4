#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "crypto/vartime/batch.h"

namespace urna::crypto::vartime {

// Finding what does not hold among equations that are checked together. Every equation keeps its
// weight in all sums that it is part of, so that a sum minus one of its parts is the other part. A
// search of n equations looks at 2n sums at most, none of which depends on another's outcome: it
// errs with probability 2n 2^-128 at most.

enum class Together {
  kAll,   ///< one sum first: cheapest if few or none are false
  kEach,  ///< every item's own sum at once: cheapest if many are false
};

/// An item whose equations do not all hold.
struct Failure {
  size_t item;
  Element sum;  ///< of its weighted equations, not the identity
};
/// The equations of items first .. first + count - 1 with their weights.
using ItemBatch = std::function<Batch(size_t first, size_t count)>;
/// In ascending order.
std::vector<Failure> FindFailures(size_t items, Together together, const ItemBatch& batch_of);

/// Equations first .. first + count - 1 of an item with their weights.
using EquationBatch = std::function<Batch(size_t item, size_t first, size_t count)>;
/// Of each failure the first equation that does not hold. `equations`: how many its item has.
std::vector<size_t> FirstFailing(std::span<const Failure> failures,
                                 const std::function<size_t(size_t item)>& equations,
                                 const EquationBatch& batch_of);

}  // namespace urna::crypto::vartime
