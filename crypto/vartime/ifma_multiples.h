#pragma once

// A term in each of eight lanes, multiplied digit by digit, with the same steps whatever the
// digits. For files that ask HasIfma() first.

#include <array>
#include <cstdint>
#include <span>

#include "crypto/vartime/ifma_element.h"

namespace urna::crypto::vartime {

URNA_IFMA_BEGIN

/// Signed digits of four bits, -8 .. 8: a table holds the multiples 1 .. 8.
inline constexpr unsigned kLaneWindow = 4;
inline constexpr size_t kLaneMultiples = 8;

/// A digit in each lane, as masks and what they leave of a number.
struct LaneChoice {
  explicit LaneChoice(const std::array<int8_t, kLanes>& digits) {
    alignas(64) std::array<int64_t, kLanes> wide;
    for (size_t lane = 0; lane < kLanes; ++lane) wide[lane] = digits[lane];
    const __m512i digit = _mm512_load_si512(wide.data());
    negative = _mm512_cmplt_epi64_mask(digit, _mm512_setzero_si512());
    magnitude = _mm512_abs_epi64(digit);
    some = _mm512_test_epi64_mask(digit, digit);
  }
  __mmask8 negative, some;
  __m512i magnitude;
};

/// The multiples 1 .. 8 of the terms in eight lanes. Without alignas, std::vector would not align
/// vectors of 64 bytes.
struct alignas(64) LaneMultiples {
  std::array<LaneProjectiveNiels, kLaneMultiples> of;
};

/// The first of `elements` in the first lane; identities in those that are left.
inline LaneElement LanesOf(std::span<const Element> elements) {
  std::array<std::array<Fe, kLanes>, 4> coordinates;
  for (size_t lane = 0; lane < kLanes; ++lane) {
    const Element element = lane < elements.size() ? elements[lane] : Element();
    const auto [X, Y, Z, T] = element.coordinates();
    coordinates[0][lane] = X;
    coordinates[1][lane] = Y;
    coordinates[2][lane] = Z;
    coordinates[3][lane] = T;
  }
  return {LanesOf(coordinates[0]), LanesOf(coordinates[1]), LanesOf(coordinates[2]),
          LanesOf(coordinates[3])};
}

inline LaneMultiples MultiplesOf(const LaneElement& element) {
  const Lanes d2 = Everywhere(Element::TwiceD());
  LaneMultiples out;
  out.of[0] = ToNiels(element, d2);
  LaneElement multiple = element;
  for (size_t j = 1; j < kLaneMultiples; ++j) {
    multiple = multiple + out.of[0];
    out.of[j] = ToNiels(multiple, d2);
  }
  return out;
}

/// In each lane the multiple of its own term that its digit names: all are read.
inline LaneProjectiveNiels Lookup(const LaneMultiples& multiples, const LaneChoice& choice) {
  const Lanes one = Everywhere(kOne);
  LaneProjectiveNiels niels{one, one, one, Everywhere(kZero)};
  for (size_t j = 0; j < kLaneMultiples; ++j) {
    const __mmask8 mask =
        _mm512_cmpeq_epi64_mask(choice.magnitude, _mm512_set1_epi64(static_cast<int64_t>(j + 1)));
    Select(niels.Y_plus_X, mask, multiples.of[j].Y_plus_X);
    Select(niels.Y_minus_X, mask, multiples.of[j].Y_minus_X);
    Select(niels.Z, mask, multiples.of[j].Z);
    Select(niels.T2d, mask, multiples.of[j].T2d);
  }
  return Signed(niels, choice.negative);
}

inline LaneElement SixteenTimes(LaneElement element) {
  for (int i = 0; i < 4; ++i) element = Double(element);
  return element;
}

URNA_IFMA_END

}  // namespace urna::crypto::vartime
