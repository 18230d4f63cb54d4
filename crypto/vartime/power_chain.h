#pragma once

namespace urna::crypto::vartime {

/// x^(2^252 - 3) by 252 squarings and 11 products; the comments give exponents. For anything with *
/// and Square.
template <typename F>
F PowerChain(const F& x) {
  const auto squared = [](F value, int times) {
    for (int i = 0; i < times; ++i) value = Square(value);
    return value;
  };
  const F x2 = Square(x);
  const F x9 = squared(x2, 2) * x;
  const F x11 = x9 * x2;
  const F e5 = Square(x11) * x9;             // 2^5 - 1
  const F e10 = squared(e5, 5) * e5;         // 2^10 - 1
  const F e20 = squared(e10, 10) * e10;      // 2^20 - 1
  const F e40 = squared(e20, 20) * e20;      // 2^40 - 1
  const F e50 = squared(e40, 10) * e10;      // 2^50 - 1
  const F e100 = squared(e50, 50) * e50;     // 2^100 - 1
  const F e200 = squared(e100, 100) * e100;  // 2^200 - 1
  const F e250 = squared(e200, 50) * e50;    // 2^250 - 1
  return squared(e250, 2) * x;               // 2^252 - 3
}

}  // namespace urna::crypto::vartime
