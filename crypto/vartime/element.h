#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "crypto/vartime/field.h"

namespace urna::crypto::vartime {

/// ristretto255 (RFC 9496) in extended twisted Edwards coordinates. docs/protocol.md section 2.
/// Decoding and comparing are for public data. Sums, doubles, multiples prepared for sums and
/// encodings take the same steps whatever the values: the formulas have no exception. On them rests
/// crypto/consttime/.

struct AffineNiels;
struct ProjectiveNiels;

/// An element of ristretto255, always valid: x = X/Z, y = Y/Z, T = XY/Z on -x^2 + y^2 = 1 + d x^2
/// y^2 (Hisil, Wong, Carter, Dawson 2008). Several coordinates stand for the same element.
class Element {
 public:
  /// The identity.
  Element() : X_(kZero), Y_(kOne), Z_(kOne), T_(kZero) {}

  /// Strict: below p, not negative, on the curve; the identity is accepted. Nothing for all else.
  static std::optional<Element> Decode(const base::Bytes32& bytes);
  /// The same for many, faster. out[i] belongs to bytes[i]; where valid[i] is false, out[i] is the
  /// identity. True iff all are valid. Equal lengths.
  static bool DecodeMany(std::span<const base::Bytes32> bytes, std::span<Element> out,
                         std::span<bool> valid);
  static const Element& Base();
  /// The one-way map of 64 uniform bytes, for many.
  static std::vector<Element> FromUniformMany(std::span<const std::array<uint8_t, 64>> uniform);

  /// The one canonical encoding.
  base::Bytes32 Encode() const;
  /// The same for many, faster.
  static std::vector<base::Bytes32> EncodeMany(std::span<const Element> elements);

  Element operator+(const Element& other) const;
  Element operator-(const Element& other) const;
  Element operator-() const;
  Element& operator+=(const Element& other) { return *this = *this + other; }
  Element& operator-=(const Element& other) { return *this = *this - other; }
  Element Double() const;

  Element operator+(const ProjectiveNiels& other) const;
  Element operator-(const ProjectiveNiels& other) const;
  Element operator+(const AffineNiels& other) const;
  Element operator-(const AffineNiels& other) const;

  bool IsIdentity() const;
  /// Whether both stand for the same element, whatever their coordinates.
  bool operator==(const Element& other) const;

  /// For vector code, which computes with the coordinates X, Y, Z, T of an element.
  static Element FromCoordinates(const Fe& X, const Fe& Y, const Fe& Z, const Fe& T) {
    return {X, Y, Z, T};
  }
  std::array<Fe, 4> coordinates() const { return {X_, Y_, Z_, T_}; }
  static const Fe& TwiceD();

  ProjectiveNiels ToNiels() const;
  /// All of them with one inversion.
  static std::vector<AffineNiels> ToAffineNiels(std::span<const Element> elements);

 private:
  Element(const Fe& X, const Fe& Y, const Fe& Z, const Fe& T) : X_(X), Y_(Y), Z_(Z), T_(T) {}

  Fe X_, Y_, Z_, T_;
};

/// What an addition needs of its right side, prepared: x, y -> y + x, y - x, 2dxy.
struct AffineNiels {
  Fe y_plus_x, y_minus_x, xy2d;
};
/// The same with Z: Y + X, Y - X, Z, 2dT.
struct ProjectiveNiels {
  Fe Y_plus_X, Y_minus_X, Z, T2d;
};

}  // namespace urna::crypto::vartime
