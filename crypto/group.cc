#include "crypto/group.h"

#include <sodium.h>

#include <array>
#include <bit>
#include <memory>
#include <string>
#include <vector>

#include "base/codec.h"
#include "base/status.h"
#include "base/text.h"
#include "crypto/check.h"
#include "crypto/consttime/table.h"
#include "crypto/vartime/multi_mul.h"

namespace urna::crypto {
namespace {

// libsodium takes no position on scalars that are not reduced; reducing and comparing does, in
// constant time.
bool IsCanonicalScalar(const uint8_t* bytes) {
  uint8_t wide[crypto_core_ristretto255_NONREDUCEDSCALARBYTES] = {};
  uint8_t reduced[crypto_core_ristretto255_SCALARBYTES];
  std::memcpy(wide, bytes, sizeof reduced);
  crypto_core_ristretto255_scalar_reduce(reduced, wide);
  const bool same = sodium_memcmp(reduced, bytes, sizeof reduced) == 0;
  sodium_memzero(wide, sizeof wide);
  sodium_memzero(reduced, sizeof reduced);
  return same;
}

absl::Status BadScalar(size_t size) {
  return base::Reject("scalar.not-canonical",
                      size != 32 ? base::Cat("a scalar of ", size, " bytes instead of 32")
                                 : std::string("a scalar that is not below the group order"));
}

void PutU64(uint64_t value, base::Bytes32& out) {
  for (size_t i = 0; i < sizeof value; ++i) out[i] = static_cast<uint8_t>(value >> (8 * i));
}

// libsodium reports -1 both for an invalid point, which a Point never is, and for a result that is
// the identity, which is legitimate and which it has written by then.
base::Bytes32 ScalarMult(const uint8_t* scalar, const base::Bytes32& point) {
  base::Bytes32 out{};
  [[maybe_unused]] const int is_identity =
      crypto_scalarmult_ristretto255(out.data(), scalar, point.data());
  return out;
}
base::Bytes32 ScalarMultBase(const uint8_t* scalar) {
  base::Bytes32 out{};
  [[maybe_unused]] const int is_identity = crypto_scalarmult_ristretto255_base(out.data(), scalar);
  return out;
}

}  // namespace

void Initialize() { Check(sodium_init() >= 0, "libsodium cannot be initialised"); }

absl::StatusOr<Scalar> Scalar::Decode(std::string_view bytes) {
  if (bytes.size() != 32) return BadScalar(bytes.size());
  Scalar out;
  std::memcpy(out.bytes_.data(), bytes.data(), out.bytes_.size());
  if (!vartime::IsBelowQ(out.words())) return BadScalar(bytes.size());
  return out;
}

Scalar Scalar::FromU64(uint64_t value) {
  Scalar out;
  PutU64(value, out.bytes_);
  return out;
}

Scalar Scalar::FromUniform(const Hash64& bytes) {
  std::array<uint64_t, 8> words;
  std::memcpy(words.data(), bytes.data(), sizeof words);
  return Scalar(vartime::ReduceModQ(words));
}

Scalar Scalar::FromShort(const base::Bytes32& bytes) {
  Check(bytes[31] < 16, "a short scalar is below 2^252");
  Scalar out;
  out.bytes_ = bytes;
  return out;
}

Scalar Scalar::Random() {
  Scalar out;
  crypto_core_ristretto255_scalar_random(out.bytes_.data());
  return out;
}

Scalar::Scalar(const vartime::ModQ& words) {
  std::memcpy(bytes_.data(), words.data(), sizeof words);
}

vartime::ModQ Scalar::words() const {
  static_assert(std::endian::native == std::endian::little);
  vartime::ModQ out;
  std::memcpy(out.data(), bytes_.data(), sizeof out);
  return out;
}

Scalar Scalar::operator+(const Scalar& other) const {
  return Scalar(vartime::AddModQ(words(), other.words()));
}

Scalar Scalar::operator-(const Scalar& other) const {
  return Scalar(vartime::SubModQ(words(), other.words()));
}

Scalar Scalar::operator*(const Scalar& other) const {
  return Scalar(vartime::MulModQ(words(), other.words()));
}

Scalar Scalar::operator-() const { return Scalar() - *this; }

Scalar Scalar::Invert() const {
  Scalar out;
  Check(crypto_core_ristretto255_scalar_invert(out.bytes_.data(), bytes_.data()) == 0,
        "inverse of zero");
  return out;
}

bool Scalar::IsZero() const { return *this == Scalar(); }

SecretScalar SecretScalar::Random() {
  SecretScalar out;
  crypto_core_ristretto255_scalar_random(out.value_.Expose().data());
  return out;
}

SecretScalar SecretScalar::FromUniform(const Secret<Hash64>& bytes) {
  SecretScalar out;
  crypto_core_ristretto255_scalar_reduce(out.value_.Expose().data(), bytes.Expose().data());
  return out;
}

SecretScalar SecretScalar::FromU64(uint64_t value) {
  SecretScalar out;
  PutU64(value, out.value_.Expose());
  return out;
}

absl::StatusOr<SecretScalar> SecretScalar::Decode(std::string_view bytes) {
  if (bytes.size() != 32 || !IsCanonicalScalar(base::Data(bytes))) return BadScalar(bytes.size());
  SecretScalar out;
  std::memcpy(out.value_.Expose().data(), bytes.data(), bytes.size());
  return out;
}

SecretScalar SecretScalar::From(const Scalar& value) {
  SecretScalar out;
  out.value_.Expose() = value.bytes_;
  return out;
}

SecretScalar SecretScalar::Clone() const {
  SecretScalar out;
  out.value_.Expose() = value_.Expose();
  return out;
}

SecretScalar SecretScalar::operator+(const SecretScalar& other) const {
  SecretScalar out;
  crypto_core_ristretto255_scalar_add(out.value_.Expose().data(), value_.Expose().data(),
                                      other.value_.Expose().data());
  return out;
}

SecretScalar SecretScalar::operator-(const SecretScalar& other) const {
  SecretScalar out;
  crypto_core_ristretto255_scalar_sub(out.value_.Expose().data(), value_.Expose().data(),
                                      other.value_.Expose().data());
  return out;
}

SecretScalar SecretScalar::operator*(const SecretScalar& other) const {
  SecretScalar out;
  crypto_core_ristretto255_scalar_mul(out.value_.Expose().data(), value_.Expose().data(),
                                      other.value_.Expose().data());
  return out;
}

SecretScalar SecretScalar::operator+(const Scalar& other) const { return *this + From(other); }
SecretScalar SecretScalar::operator-(const Scalar& other) const { return *this - From(other); }
SecretScalar SecretScalar::operator*(const Scalar& other) const { return *this * From(other); }

SecretScalar SecretScalar::Invert() const {
  SecretScalar out;
  Check(crypto_core_ristretto255_scalar_invert(out.value_.Expose().data(),
                                               value_.Expose().data()) == 0,
        "inverse of zero");
  return out;
}

bool SecretScalar::IsZero() const {
  return sodium_is_zero(value_.Expose().data(), value_.Expose().size()) == 1;
}

Scalar SecretScalar::Publish() const {
  Scalar out;
  out.bytes_ = value_.Expose();
  return out;
}

absl::StatusOr<Point> Point::Decode(std::string_view bytes) {
  if (bytes.size() != 32) {
    return base::Reject("point.not-canonical",
                        base::Cat("a point of ", bytes.size(), " bytes instead of 32"));
  }
  Point out;
  std::memcpy(out.bytes_.data(), bytes.data(), out.bytes_.size());
  if (!vartime::Element::Decode(out.bytes_).has_value()) {
    return base::Reject("point.not-canonical", "not the canonical encoding of a group element");
  }
  return out;
}

void Point::DecodeMany(std::span<const base::Bytes32> bytes, std::span<Point> out,
                       std::span<vartime::Element> elements, std::span<bool> valid) {
  Check(bytes.size() == out.size(), "as many places as points");
  vartime::Element::DecodeMany(bytes, elements, valid);
  for (size_t i = 0; i < bytes.size(); ++i) {
    out[i] = Point();
    if (valid[i]) out[i].bytes_ = bytes[i];
  }
}

absl::StatusOr<Point> Point::DecodeNonIdentity(std::string_view bytes) {
  URNA_ASSIGN_OR_RETURN(Point out, Decode(bytes));
  if (out.IsIdentity()) return base::Reject("point.identity", "the identity is not allowed here");
  return out;
}

const Point& Point::Base() {
  static const Point kBase = MulBase(Scalar::FromU64(1));
  return kBase;
}

Point Point::FromUniform(const Hash64& bytes) {
  Point out;
  crypto_core_ristretto255_from_hash(out.bytes_.data(), bytes.data());
  return out;
}

Point Point::operator+(const Point& other) const {
  Point out;
  Check(crypto_core_ristretto255_add(out.bytes_.data(), bytes_.data(), other.bytes_.data()) == 0,
        "invalid point");
  return out;
}

Point Point::operator-(const Point& other) const {
  Point out;
  Check(crypto_core_ristretto255_sub(out.bytes_.data(), bytes_.data(), other.bytes_.data()) == 0,
        "invalid point");
  return out;
}

bool Point::IsIdentity() const { return *this == Point(); }

Point Mul(const Scalar& scalar, const Point& point) {
  Point out;
  out.bytes_ = ScalarMult(scalar.bytes().data(), point.bytes_);
  return out;
}

Point MulBase(const Scalar& scalar) {
  Point out;
  out.bytes_ = ScalarMultBase(scalar.bytes().data());
  return out;
}

Point Mul(const SecretScalar& scalar, const Point& point) {
  Point out;
  out.bytes_ = ScalarMult(scalar.Expose().data(), point.bytes_);
  return out;
}

Point MulBase(const SecretScalar& scalar) {
  const consttime::Product product{&consttime::Table::OfBase(), &scalar};
  return consttime::Sums({&product, 1}, 1)[0].Publish();
}

Point MultiMulVartime(std::span<const Scalar> scalars, std::span<const Point> points) {
  return ToPoint(vartime::MultiMul(scalars, ToElements(points)));
}

vartime::Element ToElement(const Point& point) { return ToElements({&point, 1})[0]; }

std::vector<vartime::Element> ToElements(std::span<const Point> points) {
  std::vector<base::Bytes32> bytes;
  bytes.reserve(points.size());
  for (const Point& point : points) bytes.push_back(point.bytes());
  std::vector<vartime::Element> elements(points.size());
  const auto valid = std::make_unique<bool[]>(points.size());
  Check(vartime::Element::DecodeMany(bytes, elements, {valid.get(), points.size()}),
        "invalid point");
  return elements;
}

Point ToPoint(const vartime::Element& element) { return ToPoints({&element, 1})[0]; }

std::vector<Point> ToPoints(std::span<const vartime::Element> elements) {
  const std::vector<base::Bytes32> encoded = vartime::Element::EncodeMany(elements);
  std::vector<Point> out(encoded.size());
  for (size_t i = 0; i < out.size(); ++i) out[i].bytes_ = encoded[i];
  return out;
}

Point Generator(std::string_view name) {
  return Point::FromUniform(FramedHash({"generator", name}));
}

std::vector<vartime::Element> Generators(std::string_view prefix, uint64_t first, size_t count) {
  std::vector<Hash64> hashes;
  hashes.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    hashes.push_back(FramedHash({"generator", base::Cat(prefix, first + i)}));
  }
  return vartime::Element::FromUniformMany(hashes);
}

const Point& PedersenH() {
  static const Point kH = Generator("pedersen-h");
  return kH;
}

Scalar DeriveScalar(std::initializer_list<std::string_view> items) {
  const Scalar out = Scalar::FromUniform(FramedHash(items));
  Check(!out.IsZero(), "a derived scalar is zero");
  return out;
}

SecretScalar DeriveSecretScalar(std::initializer_list<std::string_view> items) {
  // Not FramedHash: its buffers are not wiped.
  crypto_hash_sha512_state state;
  crypto_hash_sha512_init(&state);
  const auto update = [&state](std::string_view bytes) {
    crypto_hash_sha512_update(&state, base::Data(bytes), bytes.size());
  };
  update(Frame("urna/v1"));
  for (const std::string_view item : items) {
    update(base::Writer().U32(static_cast<uint32_t>(item.size())).bytes());
    update(item);
  }
  Secret<Hash64> hash;
  crypto_hash_sha512_final(&state, hash.Expose().data());
  sodium_memzero(&state, sizeof state);
  SecretScalar out = SecretScalar::FromUniform(hash);
  Check(!out.IsZero(), "a derived scalar is zero");
  return out;
}

}  // namespace urna::crypto
