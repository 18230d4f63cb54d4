#include "crypto/vartime/element.h"

#include <algorithm>
#include <utility>

#include "crypto/check.h"
#include "crypto/vartime/power.h"

namespace urna::crypto::vartime {
namespace {

constexpr Fe kD{
    {0x34dca135978a3, 0x1a8283b156ebd, 0x5e7a26001c029, 0x739c663a03cbb, 0x52036cee2b6ff}};
constexpr Fe k2D{
    {0x69b9426b2f159, 0x35050762add7a, 0x3cf44c0038052, 0x6738cc7407977, 0x2406d9dc56dff}};
constexpr Fe kSqrtMinusOne{
    {0x61b274a0ea0b0, 0xd5a5fc8f189d, 0x7ef5e9cbd0c60, 0x78595a6804c9e, 0x2b8324804fc1d}};
constexpr Fe kInvSqrtAMinusD{
    {0xfdaa805d40ea, 0x2eb482e57d339, 0x7610274bc58, 0x6510b613dc8ff, 0x786c8905cfaff}};
constexpr Fe kOneMinusDSquared{
    {0x409c1945fc176, 0x719abc6a1fc4f, 0x1c37f90b20684, 0x6bccca55eedf, 0x29072a8b2b3e}};
constexpr Fe kDMinusOneSquared{
    {0x55aaa44ed4d20, 0x59603c3332635, 0x26d3baf4a7928, 0x120a66e6997a9, 0x5968b37af66c2}};
constexpr Fe kSqrtAdMinusOne{
    {0x7f6a0497b2e1b, 0x1836f0a97afd2, 0x7d747f6be7638, 0x456079e7e6498, 0x376931bf2b834}};

constexpr base::Bytes32 kEncodedOne = Encode(kOne);
constexpr base::Bytes32 kEncodedMinusOne = Encode(Carried(-kOne));
constexpr base::Bytes32 kEncodedMinusSqrtMinusOne = Encode(Carried(-kSqrtMinusOne));

/// How many values share one exponentiation.
constexpr size_t kGroup = kPowerLanes;

/// RFC 9496 4.2 SQRT_RATIO_M1(1, v), up to sign, from v^3 (v^7)^((p-5)/8).
struct Root {
  Fe value;
  bool was_square;
};
Root FinishInvSqrt(const Fe& v, const Fe& candidate) {
  const base::Bytes32 check = Encode(v * Square(candidate));
  const uint64_t plus = MaskOfEqual(check, kEncodedOne);
  const uint64_t minus = MaskOfEqual(check, kEncodedMinusOne);
  const uint64_t minus_i = MaskOfEqual(check, kEncodedMinusSqrtMinusOne);
  return {Select(minus | minus_i, candidate * kSqrtMinusOne, candidate), (plus | minus) != 0};
}

/// inverse square roots of `values`, each up to sign.
void InvSqrtMany(std::span<const Fe> values, std::span<Root> out) {
  std::array<Fe, kGroup> cubes, sevenths, powers;
  for (size_t first = 0; first < values.size(); first += kGroup) {
    const size_t count = std::min(kGroup, values.size() - first);
    for (size_t i = 0; i < count; ++i) {
      const Fe& v = values[first + i];
      cubes[i] = Square(v) * v;
      sevenths[i] = Square(cubes[i]) * v;
    }
    PowerP58Many({sevenths.data(), count}, {powers.data(), count});
    for (size_t i = 0; i < count; ++i) {
      out[first + i] = FinishInvSqrt(values[first + i], cubes[i] * powers[i]);
    }
  }
}

bool IsCanonical(const base::Bytes32& bytes, const Fe& s) { return Encode(s) == bytes; }

/// What decoding knows before the inverse square root.
struct HalfDecoded {
  Fe s, u1, u2, v, v_u2u2;
  bool valid;
};
HalfDecoded BeginDecode(const base::Bytes32& bytes) {
  HalfDecoded half;
  half.s = DecodeField(bytes.data());
  half.valid = IsCanonical(bytes, half.s) && (bytes[0] & 1) == 0;
  const Fe ss = Square(half.s);
  half.u1 = Carried(kOne - ss);
  half.u2 = Carried(kOne + ss);
  const Fe u2u2 = Square(half.u2);
  half.v = Carried(-(kD * Square(half.u1)) - u2u2);
  half.v_u2u2 = half.v * u2u2;
  return half;
}

Fe InvertFe(const Fe& x) {
  // x^(p-2) = (x^((p-5)/8))^8 x^3
  Fe power = PowerP58(x);
  for (int i = 0; i < 3; ++i) power = Square(power);
  return power * (Square(x) * x);
}

}  // namespace

std::optional<Element> Element::Decode(const base::Bytes32& bytes) {
  Element out;
  bool valid = false;
  DecodeMany({&bytes, 1}, {&out, 1}, {&valid, 1});
  if (!valid) return std::nullopt;
  return out;
}

bool Element::DecodeMany(std::span<const base::Bytes32> bytes, std::span<Element> out,
                         std::span<bool> valid) {
  Check(bytes.size() == out.size() && bytes.size() == valid.size(), "as many places as points");
  bool all = true;
  std::array<HalfDecoded, kGroup> half;
  std::array<Fe, kGroup> values;
  std::array<Root, kGroup> roots;
  for (size_t first = 0; first < bytes.size(); first += kGroup) {
    const size_t count = std::min(kGroup, bytes.size() - first);
    for (size_t i = 0; i < count; ++i) {
      half[i] = BeginDecode(bytes[first + i]);
      values[i] = half[i].v_u2u2;
    }
    InvSqrtMany({values.data(), count}, {roots.data(), count});
    for (size_t i = 0; i < count; ++i) {
      const HalfDecoded& h = half[i];
      const Fe den_x = roots[i].value * h.u2;
      const Fe den_y = roots[i].value * den_x * h.v;
      const Fe x = Absolute((h.s + h.s) * den_x);
      const Fe y = h.u1 * den_y;
      const Fe t = x * y;
      const bool good = h.valid && roots[i].was_square && !IsNegative(t) && !IsZero(y);
      valid[first + i] = good;
      out[first + i] = good ? Element(x, y, kOne, t) : Element();
      all &= good;
    }
  }
  return all;
}

const Element& Element::Base() {
  // RFC 9496 4: the canonical generator.
  static const Element base =
      *Decode({0xe2, 0xf2, 0xae, 0x0a, 0x6a, 0xbc, 0x4e, 0x71, 0xa8, 0x84, 0xa9,
               0x61, 0xc5, 0x00, 0x51, 0x5f, 0x58, 0xe3, 0x0b, 0x6a, 0xa5, 0x82,
               0xdd, 0x8d, 0xb6, 0xa6, 0x59, 0x45, 0xe0, 0x8d, 0x2d, 0x76});
  return base;
}

std::vector<Element> Element::FromUniformMany(std::span<const std::array<uint8_t, 64>> uniform) {
  std::vector<Element> out(uniform.size());
  // RFC 9496 4.3.4 MAP of each half; both are added.
  struct Half {
    Fe t, r, u, v, cubed;
  };
  std::array<Half, kGroup> halves;
  std::array<Fe, kGroup> bases, powers;
  for (size_t first = 0; first < 2 * uniform.size(); first += kGroup) {
    const size_t count = std::min(kGroup, 2 * uniform.size() - first);
    for (size_t i = 0; i < count; ++i) {
      Half& h = halves[i];
      h.t = DecodeField(&uniform[(first + i) / 2][32 * ((first + i) % 2)]);
      h.r = kSqrtMinusOne * Square(h.t);
      h.u = (h.r + kOne) * kOneMinusDSquared;
      h.v = (-kOne - h.r * kD) * (h.r + kD);
      h.cubed = Square(h.v) * h.v;
      bases[i] = h.u * (Square(h.cubed) * h.v);
    }
    PowerP58Many({bases.data(), count}, {powers.data(), count});
    for (size_t i = 0; i < count; ++i) {
      const Half& h = halves[i];
      // SQRT_RATIO_M1(u, v)
      const Fe candidate = h.u * h.cubed * powers[i];
      const Fe check = h.v * Square(candidate);
      const bool plus = Equal(check, h.u), minus = IsZero(Carried(check + h.u));
      const bool turned = minus || IsZero(Carried(check + h.u * kSqrtMinusOne));
      const Fe root = Absolute(turned ? candidate * kSqrtMinusOne : candidate);
      const bool was_square = plus || minus;
      const Fe s = was_square ? root : Carried(-Absolute(root * h.t));
      const Fe c = was_square ? Carried(-kOne) : h.r;
      const Fe n = Carried(c * (h.r - kOne) * kDMinusOneSquared - h.v);
      const Fe w0 = (s + s) * h.v;
      const Fe w1 = n * kSqrtAdMinusOne;
      const Fe ss = Square(s);
      const auto w2 = kOne - ss;
      const auto w3 = kOne + ss;
      out[(first + i) / 2] += Element(w0 * w3, w2 * w1, w1 * w3, w0 * w2);
    }
  }
  return out;
}

std::vector<base::Bytes32> Element::EncodeMany(std::span<const Element> elements) {
  std::vector<base::Bytes32> out(elements.size());
  std::array<Fe, kGroup> u1, u2, values;
  std::array<Root, kGroup> roots;
  for (size_t first = 0; first < elements.size(); first += kGroup) {
    const size_t count = std::min(kGroup, elements.size() - first);
    for (size_t i = 0; i < count; ++i) {
      const Element& e = elements[first + i];
      u1[i] = (e.Z_ + e.Y_) * (e.Z_ - e.Y_);
      u2[i] = e.X_ * e.Y_;
      values[i] = u1[i] * Square(u2[i]);
    }
    InvSqrtMany({values.data(), count}, {roots.data(), count});
    for (size_t i = 0; i < count; ++i) {
      const Element& e = elements[first + i];
      const Fe den1 = roots[i].value * u1[i];
      const Fe den2 = roots[i].value * u2[i];
      const Fe z_inv = den1 * den2 * e.T_;
      const uint64_t rotate = MaskOf(IsNegative(e.T_ * z_inv));
      const Fe x = Select(rotate, e.Y_ * kSqrtMinusOne, e.X_);
      const Fe y = Select(rotate, e.X_ * kSqrtMinusOne, e.Y_);
      const Fe den_inv = Select(rotate, den1 * kInvSqrtAMinusD, den2);
      const Fe signed_y = Select(MaskOf(IsNegative(x * z_inv)), Carried(-y), y);
      out[first + i] = vartime::Encode(Absolute(den_inv * (e.Z_ - signed_y)));
    }
  }
  return out;
}

base::Bytes32 Element::Encode() const { return EncodeMany({this, 1})[0]; }

// The additions are those of Hisil et al. 2008 in the completed coordinates of Bernstein et al.:
// (X : Z, Y : T) -> (XT, YZ, ZT, XY).
Element Element::operator+(const AffineNiels& n) const {
  const Fe PP = (Y_ + X_) * n.y_plus_x;
  const Fe MM = (Y_ - X_) * n.y_minus_x;
  const Fe TT = T_ * n.xy2d;
  const auto ZZ = Z_ + Z_;
  const auto X = PP - MM;
  const auto Y = PP + MM;
  const auto Z = ZZ + TT;
  const auto T = ZZ - TT;
  return {X * T, Y * Z, Z * T, X * Y};
}

Element Element::operator-(const AffineNiels& n) const {
  const Fe PP = (Y_ + X_) * n.y_minus_x;
  const Fe MM = (Y_ - X_) * n.y_plus_x;
  const Fe TT = T_ * n.xy2d;
  const auto ZZ = Z_ + Z_;
  const auto X = PP - MM;
  const auto Y = PP + MM;
  const auto Z = ZZ - TT;
  const auto T = ZZ + TT;
  return {X * T, Y * Z, Z * T, X * Y};
}

Element Element::operator+(const ProjectiveNiels& n) const {
  const Fe PP = (Y_ + X_) * n.Y_plus_X;
  const Fe MM = (Y_ - X_) * n.Y_minus_X;
  const Fe TT = T_ * n.T2d;
  const Fe ZZ1 = Z_ * n.Z;
  const auto ZZ = ZZ1 + ZZ1;
  const auto X = PP - MM;
  const auto Y = PP + MM;
  const auto Z = ZZ + TT;
  const auto T = ZZ - TT;
  return {X * T, Y * Z, Z * T, X * Y};
}

Element Element::operator-(const ProjectiveNiels& n) const {
  const Fe PP = (Y_ + X_) * n.Y_minus_X;
  const Fe MM = (Y_ - X_) * n.Y_plus_X;
  const Fe TT = T_ * n.T2d;
  const Fe ZZ1 = Z_ * n.Z;
  const auto ZZ = ZZ1 + ZZ1;
  const auto X = PP - MM;
  const auto Y = PP + MM;
  const auto Z = ZZ - TT;
  const auto T = ZZ + TT;
  return {X * T, Y * Z, Z * T, X * Y};
}

Element Element::operator+(const Element& other) const { return *this + other.ToNiels(); }
Element Element::operator-(const Element& other) const { return *this - other.ToNiels(); }

Element Element::operator-() const { return {Carried(-X_), Y_, Z_, Carried(-T_)}; }

Element Element::Double() const {
  const Fe XX = Square(X_);
  const Fe YY = Square(Y_);
  const Fe ZZ = Square(Z_);
  const auto Y = YY + XX;
  const auto Z = YY - XX;
  const auto X = Square(X_ + Y_) - Y;
  const auto T = (ZZ + ZZ) - Z;
  return {X * T, Y * Z, Z * T, X * Y};
}

bool Element::IsIdentity() const { return IsZero(X_) || IsZero(Y_); }

bool Element::operator==(const Element& other) const {
  return Equal(X_ * other.Y_, Y_ * other.X_) || Equal(Y_ * other.Y_, X_ * other.X_);
}

const Fe& Element::TwiceD() { return k2D; }

ProjectiveNiels Element::ToNiels() const {
  return {Carried(Y_ + X_), Carried(Y_ - X_), Z_, T_ * k2D};
}

std::vector<AffineNiels> Element::ToAffineNiels(std::span<const Element> elements) {
  std::vector<AffineNiels> out(elements.size());
  if (elements.empty()) return out;
  // Montgomery's trick: prefix products, one inversion, and back.
  std::vector<Fe> prefix(elements.size());
  Fe product = kOne;
  for (size_t i = 0; i < elements.size(); ++i) {
    prefix[i] = product;
    product = product * elements[i].Z_;
  }
  Fe inverse = InvertFe(product);
  for (size_t i = elements.size(); i-- > 0;) {
    const Element& e = elements[i];
    const Fe z = inverse * prefix[i];
    inverse = inverse * e.Z_;
    const Fe x = e.X_ * z;
    const Fe y = e.Y_ * z;
    out[i] = {Carried(y + x), Carried(y - x), x * y * k2D};
  }
  return out;
}

}  // namespace urna::crypto::vartime
