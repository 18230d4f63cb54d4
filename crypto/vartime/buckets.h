#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "crypto/vartime/element.h"

namespace urna::crypto::vartime {

/// What Pippenger's method adds up: signed digits of scalars, -2^(window-1) .. 2^(window-1).
struct Digits {
  unsigned window = 0;
  size_t count = 0;  ///< digits of the longest scalar
  size_t terms = 0;
  std::vector<int16_t> rows;  ///< [digit][term], the least significant digit first
};

/// sum of digits * terms, with IFMA; the window is at most 14. Precondition: HasIfma().
Element SumBucketsIfma(const Digits& digits, std::span<const AffineNiels> terms);

}  // namespace urna::crypto::vartime
