#pragma once

#include <cstdint>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/bytes.h"
#include "crypto/hash.h"
#include "crypto/secret.h"
#include "crypto/vartime/element.h"
#include "crypto/vartime/modq.h"

namespace urna::crypto {

/// Initialises libsodium; aborts if it cannot. Call once at the start of every program.
void Initialize();

/// A public integer modulo the group order q, in variable time. docs/protocol.md section 2.
class Scalar {
 public:
  /// Zero.
  Scalar() : bytes_{} {}

  /// Exactly 32 bytes, little-endian, < q. Errors: Reject("scalar.not-canonical").
  static absl::StatusOr<Scalar> Decode(std::string_view bytes);
  static Scalar FromU64(uint64_t value);
  /// 64 bytes little-endian, reduced mod q.
  static Scalar FromUniform(const Hash64& bytes);
  /// Below 2^252, which every value is whose last byte is below 16: little-endian.
  /// Precondition: just so.
  static Scalar FromShort(const base::Bytes32& bytes);
  /// Uniform and public.
  static Scalar Random();

  Scalar operator+(const Scalar& other) const;
  Scalar operator-(const Scalar& other) const;
  Scalar operator*(const Scalar& other) const;
  Scalar operator-() const;
  /// 1/this. Precondition: not zero.
  Scalar Invert() const;

  bool IsZero() const;
  bool operator==(const Scalar&) const = default;
  const base::Bytes32& bytes() const { return bytes_; }
  std::string_view view() const { return base::View(bytes_); }
  vartime::ModQ words() const;

 private:
  friend class SecretScalar;
  explicit Scalar(const vartime::ModQ& words);
  base::Bytes32 bytes_;
};

/// A secret integer modulo q. Its arithmetic is libsodium's, in constant time; it never reaches
/// variable-time code because it does not convert to Scalar except by Publish().
class SecretScalar {
 public:
  /// Zero.
  SecretScalar() = default;
  SecretScalar(SecretScalar&&) noexcept = default;
  SecretScalar& operator=(SecretScalar&&) noexcept = default;

  /// Uniform and not zero.
  static SecretScalar Random();
  /// 64 secret bytes reduced mod q; wipes its argument's copy.
  static SecretScalar FromUniform(const Secret<Hash64>& bytes);
  /// A secret small integer, e.g. a slot value.
  static SecretScalar FromU64(uint64_t value);
  /// Strict, for key files and sealed shares. Errors: Reject("scalar.not-canonical").
  static absl::StatusOr<SecretScalar> Decode(std::string_view bytes);
  /// A public value used among secret ones.
  static SecretScalar From(const Scalar& value);

  SecretScalar Clone() const;
  SecretScalar operator+(const SecretScalar& other) const;
  SecretScalar operator-(const SecretScalar& other) const;
  SecretScalar operator*(const SecretScalar& other) const;
  SecretScalar operator+(const Scalar& other) const;
  SecretScalar operator-(const Scalar& other) const;
  SecretScalar operator*(const Scalar& other) const;
  /// 1/this. Precondition: not zero.
  SecretScalar Invert() const;
  /// Constant-time.
  bool IsZero() const;

  /// The value as public: a response of a proof, an issuer's answer.
  Scalar Publish() const;
  /// The 32 bytes, for storing in an encrypted file.
  const base::Bytes32& Expose() const { return value_.Expose(); }

 private:
  Secret<base::Bytes32> value_;
};

/// An element of ristretto255 (RFC 9496), always valid. docs/protocol.md section 2.
class Point {
 public:
  /// The identity.
  Point() : bytes_{} {}

  /// Strict: 32 bytes, byte 31 < 0x80, valid and re-encoding to itself. The identity is accepted.
  /// Errors: Reject("point.not-canonical").
  static absl::StatusOr<Point> Decode(std::string_view bytes);
  /// As Decode, and refuses the identity. Errors: also Reject("point.identity").
  static absl::StatusOr<Point> DecodeNonIdentity(std::string_view bytes);
  /// Decode for many, faster, together with their coordinates. out[i] and elements[i] belong to
  /// bytes[i]; where valid[i] is false they are the identity. Equal lengths.
  static void DecodeMany(std::span<const base::Bytes32> bytes, std::span<Point> out,
                         std::span<vartime::Element> elements, std::span<bool> valid);
  static const Point& Base();
  /// RFC 9496 one-way map of 64 uniform bytes.
  static Point FromUniform(const Hash64& bytes);

  Point operator+(const Point& other) const;
  Point operator-(const Point& other) const;
  Point& operator+=(const Point& other) { return *this = *this + other; }

  bool IsIdentity() const;
  bool operator==(const Point&) const = default;
  const base::Bytes32& bytes() const { return bytes_; }
  std::string_view view() const { return base::View(bytes_); }

 private:
  /// Seeded, so that chosen points cannot make a hash table slow.
  template <typename H>
  friend H AbslHashValue(H state, const Point& point) {
    return H::combine_contiguous(std::move(state), point.bytes_.data(), point.bytes_.size());
  }
  friend Point Mul(const Scalar&, const Point&);
  friend Point Mul(const SecretScalar&, const Point&);
  friend Point MulBase(const Scalar&);
  friend std::vector<Point> ToPoints(std::span<const vartime::Element>);
  base::Bytes32 bytes_;
};

/// The coordinates of a public point, for arithmetic in variable time, and back.
vartime::Element ToElement(const Point& point);
std::vector<vartime::Element> ToElements(std::span<const Point> points);
Point ToPoint(const vartime::Element& element);
std::vector<Point> ToPoints(std::span<const vartime::Element> elements);

Point Mul(const Scalar& scalar, const Point& point);
Point MulBase(const Scalar& scalar);
/// Constant time. For many products, or sums of them: crypto/consttime/.
Point Mul(const SecretScalar& scalar, const Point& point);
Point MulBase(const SecretScalar& scalar);

/// sum of scalars[i] * points[i]; equal lengths. Public data only.
Point MultiMulVartime(std::span<const Scalar> scalars, std::span<const Point> points);

/// Gen(name): a base whose discrete logarithm nobody knows. docs/protocol.md section 2.
Point Generator(std::string_view name);
/// Gen(prefix || number) for `count` numbers from `first` on, in decimal, as coordinates.
std::vector<vartime::Element> Generators(std::string_view prefix, uint64_t first, size_t count);
/// H = Gen("pedersen-h").
const Point& PedersenH();

/// scalar(a, b, ...) of docs/protocol.md section 2 from public items. Zero has probability 2^-252
/// and aborts.
Scalar DeriveScalar(std::initializer_list<std::string_view> items);
/// The same from items of which some are secret; intermediate values are wiped.
SecretScalar DeriveSecretScalar(std::initializer_list<std::string_view> items);

}  // namespace urna::crypto

template <>
struct std::hash<urna::crypto::Point> {
  size_t operator()(const urna::crypto::Point& point) const {
    size_t value;
    std::memcpy(&value, point.bytes().data(), sizeof value);
    return value;
  }
};
