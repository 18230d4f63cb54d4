#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "crypto/consttime/digits.h"
#include "crypto/consttime/element.h"
#include "crypto/vartime/element.h"

namespace urna::crypto::consttime {

/// Multiples of a public base that is multiplied by secrets more than once: j 16^(4p) base for j in
/// 1..8 and p in 0..15, 15 KB. A product is four passes over them with four doublings in between
/// (Lim, Lee 1994); making it costs about six products.
class Table {
 public:
  explicit Table(const vartime::Element& base);
  /// Of G and of H, made once.
  static const Table& OfBase();
  static const Table& OfPedersenH();

  static constexpr size_t kPositions = 16;
  static constexpr size_t kStride = kDigits / kPositions;
  /// y + x, y - x, 2dxy of the eight multiples.
  struct Position {
    alignas(64) std::array<Row, 3> rows;
  };
  const Position& at(size_t position) const { return (*positions_)[position]; }

 private:
  std::shared_ptr<const std::array<Position, kPositions>> positions_;
};

/// scalar * base. `digits` may be less where it is public that the scalar is small, as a vote is:
/// DigitsFor its bits.
struct Product {
  const Table* base;
  const SecretScalar* scalar;
  size_t digits = kDigits;
};

/// The sums of each `terms` products in a row, in constant time. Sums over the same bases that
/// stand together are computed together, where the processor has AVX-512 IFMA.
std::vector<SecretElement> Sums(std::span<const Product> products, size_t terms);

}  // namespace urna::crypto::consttime
