#pragma once

// Eight group elements in the lanes of AVX-512 IFMA. For files that ask HasIfma() first.

#include "crypto/vartime/element.h"
#include "crypto/vartime/ifma.h"

namespace urna::crypto::vartime {

URNA_IFMA_BEGIN

/// Eight elements, one in each lane.
struct LaneElement {
  Lanes X, Y, Z, T;
};
struct LaneNiels {
  Lanes y_plus_x, y_minus_x, xy2d;
};
struct LaneProjectiveNiels {
  Lanes Y_plus_X, Y_minus_X, Z, T2d;
};

inline LaneElement Complete(const Lanes& X, const Lanes& Y, const Lanes& Z, const Lanes& T) {
  return {X * T, Y * Z, Z * T, X * Y};
}

// As Element's additions.
inline LaneElement operator+(const LaneElement& a, const LaneNiels& n) {
  const Lanes PP = (a.Y + a.X) * n.y_plus_x;
  const Lanes MM = (a.Y - a.X) * n.y_minus_x;
  const Lanes TT = a.T * n.xy2d;
  const Lanes ZZ = a.Z + a.Z;
  return Complete(PP - MM, PP + MM, ZZ + TT, ZZ - TT);
}

inline LaneElement operator+(const LaneElement& a, const LaneProjectiveNiels& n) {
  const Lanes PP = (a.Y + a.X) * n.Y_plus_X;
  const Lanes MM = (a.Y - a.X) * n.Y_minus_X;
  const Lanes TT = a.T * n.T2d;
  const Lanes Z = a.Z * n.Z;
  const Lanes ZZ = Z + Z;
  return Complete(PP - MM, PP + MM, ZZ + TT, ZZ - TT);
}

inline LaneProjectiveNiels ToNiels(const LaneElement& a, const Lanes& d2) {
  return {a.Y + a.X, a.Y - a.X, a.Z, a.T * d2};
}

inline LaneElement Sum(const LaneElement& a, const LaneElement& b, const Lanes& d2) {
  return a + ToNiels(b, d2);
}

inline LaneElement Double(const LaneElement& a) {
  const Lanes XX = Square(a.X), YY = Square(a.Y), ZZ = Square(a.Z);
  const Lanes Y = YY + XX;
  const Lanes Z = YY - XX;
  const Lanes X = Square(a.X + a.Y) - Y;
  const Lanes T = (ZZ + ZZ) - Z;
  return Complete(X, Y, Z, T);
}

inline Lanes Everywhere(const Fe& value) {
  Lanes out;
  for (size_t k = 0; k < 5; ++k) {
    out.limb[k] = _mm512_set1_epi64(static_cast<int64_t>(value.limb[k]));
  }
  return out;
}

inline void Select(Lanes& lanes, __mmask8 mask, const Lanes& instead) {
  for (size_t k = 0; k < 5; ++k) {
    lanes.limb[k] = _mm512_mask_mov_epi64(lanes.limb[k], mask, instead.limb[k]);
  }
}

/// Rows to columns of an 8 x 8 matrix of 64-bit numbers, and back.
inline void Transpose(__m512i (&m)[8]) {
  __m512i pairs[8], quads[8];
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    pairs[i] = _mm512_unpacklo_epi64(m[i], m[i + 1]);
    pairs[i + 1] = _mm512_unpackhi_epi64(m[i], m[i + 1]);
  }
  // 128-bit blocks: rows (0,1) (2,3) (4,5) (6,7).
#pragma GCC unroll 2
  for (int i = 0; i < 2; ++i) {
    quads[i] = _mm512_shuffle_i64x2(pairs[i], pairs[i + 2], 0x88);
    quads[i + 2] = _mm512_shuffle_i64x2(pairs[i], pairs[i + 2], 0xdd);
    quads[i + 4] = _mm512_shuffle_i64x2(pairs[i + 4], pairs[i + 6], 0x88);
    quads[i + 6] = _mm512_shuffle_i64x2(pairs[i + 4], pairs[i + 6], 0xdd);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 2; ++i) {
    m[i] = _mm512_shuffle_i64x2(quads[i], quads[i + 4], 0x88);
    m[i + 4] = _mm512_shuffle_i64x2(quads[i], quads[i + 4], 0xdd);
    m[i + 2] = _mm512_shuffle_i64x2(quads[i + 2], quads[i + 6], 0x88);
    m[i + 6] = _mm512_shuffle_i64x2(quads[i + 2], quads[i + 6], 0xdd);
  }
}

/// `niels`, or its negative where `negative` says so; the same steps whatever it says.
inline LaneNiels Signed(LaneNiels niels, __mmask8 negative) {
  const Lanes plus = niels.y_plus_x;
  Select(niels.y_plus_x, negative, niels.y_minus_x);
  Select(niels.y_minus_x, negative, plus);
  Select(niels.xy2d, negative, Everywhere(kZero) - niels.xy2d);
  return niels;
}

inline LaneProjectiveNiels Signed(LaneProjectiveNiels niels, __mmask8 negative) {
  const Lanes plus = niels.Y_plus_X;
  Select(niels.Y_plus_X, negative, niels.Y_minus_X);
  Select(niels.Y_minus_X, negative, plus);
  Select(niels.T2d, negative, Everywhere(kZero) - niels.T2d);
  return niels;
}

inline LaneElement NeutralLanes() {
  return {Everywhere(kZero), Everywhere(kOne), Everywhere(kOne), Everywhere(kZero)};
}

inline std::array<Element, kLanes> ElementsOf(const LaneElement& lanes) {
  const auto X = ValuesOf(lanes.X), Y = ValuesOf(lanes.Y), Z = ValuesOf(lanes.Z),
             T = ValuesOf(lanes.T);
  std::array<Element, kLanes> out;
  for (size_t lane = 0; lane < kLanes; ++lane) {
    out[lane] = Element::FromCoordinates(X[lane], Y[lane], Z[lane], T[lane]);
  }
  return out;
}

URNA_IFMA_END

}  // namespace urna::crypto::vartime
