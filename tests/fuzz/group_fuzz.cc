// The project's arithmetic of the group against libsodium's, with vector instructions and without.

#include <sodium.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/consttime/multi_mul.h"
#include "crypto/consttime/table.h"
#include "crypto/group.h"
#include "crypto/vartime/fixed_base.h"
#include "crypto/vartime/ifma.h"
#include "crypto/vartime/multi_mul.h"

namespace {

using urna::base::Bytes32;
using urna::crypto::Hash64;
using urna::crypto::Point;
using urna::crypto::Scalar;
using urna::crypto::SecretScalar;
using urna::crypto::vartime::Element;
namespace consttime = urna::crypto::consttime;
namespace vartime = urna::crypto::vartime;

void Expect(bool good) {
  if (!good) abort();
}

/// The input piece by piece; zeros after its end.
class Pieces {
 public:
  Pieces(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  bool empty() const { return size_ == 0; }
  template <size_t kSize>
  std::array<uint8_t, kSize> Take() {
    std::array<uint8_t, kSize> out{};
    const size_t count = std::min(kSize, size_);
    std::copy_n(data_, count, out.begin());
    data_ += count;
    size_ -= count;
    return out;
  }

 private:
  const uint8_t* data_;
  size_t size_;
};

Bytes32 SodiumAdd(const Bytes32& a, const Bytes32& b) {
  Bytes32 out;
  Expect(crypto_core_ristretto255_add(out.data(), a.data(), b.data()) == 0);
  return out;
}
Bytes32 SodiumMul(const Scalar& scalar, const Bytes32& point) {
  Bytes32 out{};
  // -1 also for the identity, which it has written.
  (void)!crypto_scalarmult_ristretto255(out.data(), scalar.bytes().data(), point.data());
  return out;
}
Bytes32 SodiumFromUniform(const Hash64& uniform) {
  Bytes32 out;
  crypto_core_ristretto255_from_hash(out.data(), uniform.data());
  return out;
}

void Decode(Pieces& pieces) {
  while (!pieces.empty()) {
    const Bytes32 bytes = pieces.Take<32>();
    const bool valid =
        bytes[31] < 0x80 && crypto_core_ristretto255_is_valid_point(bytes.data()) == 1;
    const auto element = Element::Decode(bytes);
    Expect(element.has_value() == valid);
    if (valid) Expect(element->Encode() == bytes);
  }
}

void Scalars(Pieces& pieces) {
  const Hash64 wide = pieces.Take<64>(), other = pieces.Take<64>();
  const Scalar a = Scalar::FromUniform(wide), b = Scalar::FromUniform(other);
  Bytes32 x, y, out;
  crypto_core_ristretto255_scalar_reduce(x.data(), wide.data());
  crypto_core_ristretto255_scalar_reduce(y.data(), other.data());
  Expect(a.bytes() == x && b.bytes() == y);
  crypto_core_ristretto255_scalar_add(out.data(), x.data(), y.data());
  Expect((a + b).bytes() == out);
  crypto_core_ristretto255_scalar_sub(out.data(), x.data(), y.data());
  Expect((a - b).bytes() == out);
  crypto_core_ristretto255_scalar_mul(out.data(), x.data(), y.data());
  Expect((a * b).bytes() == out);
}

void Sums(Pieces& pieces) {
  std::vector<Hash64> uniform;
  std::vector<Scalar> scalars;
  while (!pieces.empty() && uniform.size() < 16) {
    uniform.push_back(pieces.Take<64>());
    Bytes32 scalar = pieces.Take<32>();
    scalar[31] &= 0x0f;
    scalars.push_back(Scalar::FromShort(scalar));
  }
  const std::vector<Element> elements = Element::FromUniformMany(uniform);
  const std::vector<Bytes32> encoded = Element::EncodeMany(elements);
  Bytes32 sum{}, expected{};
  Element running;
  std::vector<SecretScalar> secrets;
  for (size_t i = 0; i < elements.size(); ++i) {
    Expect(encoded[i] == SodiumFromUniform(uniform[i]));
    sum = SodiumAdd(sum, encoded[i]);
    running += elements[i];
    Expect(running.Encode() == sum);
    Expect((running - elements[i]).Double().Encode() ==
           SodiumAdd((running - elements[i]).Encode(), (running - elements[i]).Encode()));
    expected = SodiumAdd(expected, SodiumMul(scalars[i], encoded[i]));
    secrets.push_back(SecretScalar::From(scalars[i]));
  }
  Expect(vartime::MultiMul(scalars, elements).Encode() == expected);
  Expect(consttime::MultiMul(secrets, elements).Publish().bytes() == expected);
  if (elements.empty()) return;
  const consttime::Table table(elements[0]);
  const vartime::FixedBase fixed(elements[0], 5);
  std::vector<consttime::Product> products;
  std::vector<vartime::FixedSum> sums;
  for (size_t i = 0; i < secrets.size(); ++i) {
    products.push_back({&table, &secrets[i]});
    sums.push_back({&fixed, scalars[i], &vartime::FixedBase::OfBase(), scalars[0]});
  }
  const std::vector<Point> secret = consttime::SecretElement::Publish(consttime::Sums(products, 1));
  const std::vector<Bytes32> open = Element::EncodeMany(vartime::SumFixed(sums));
  const Bytes32 of_base = SodiumMul(scalars[0], Point::Base().bytes());
  for (size_t i = 0; i < secrets.size(); ++i) {
    const Bytes32 product = SodiumMul(scalars[i], encoded[0]);
    Expect(secret[i].bytes() == product);
    Expect(open[i] == SodiumAdd(product, of_base));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const bool initialized = (urna::crypto::Initialize(), true);
  (void)initialized;
  if (size == 0) return 0;
  vartime::ifma_allowed = data[0] % 2 == 0;
  Pieces pieces(data + 1, size - 1);
  switch (data[0] / 2 % 3) {
    case 0:
      Decode(pieces);
      break;
    case 1:
      Scalars(pieces);
      break;
    default:
      Sums(pieces);
  }
  return 0;
}
