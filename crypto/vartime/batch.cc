#include "crypto/vartime/batch.h"

#include <sodium.h>

#include <cstring>

#include "base/bytes.h"
#include "crypto/check.h"
#include "crypto/vartime/multi_mul.h"

namespace urna::crypto::vartime {

std::vector<Scalar> Batch::Weights(size_t count) {
  constexpr size_t kBytes = 16;
  std::vector<uint8_t> random(count * kBytes);
  randombytes_buf(random.data(), random.size());
  std::vector<Scalar> weights;
  weights.reserve(count);
  base::Bytes32 bytes{};
  for (size_t i = 0; i < count; ++i) {
    std::memcpy(bytes.data(), &random[i * kBytes], kBytes);
    weights.push_back(Scalar::FromShort(bytes));
  }
  return weights;
}

void Batch::Add(const Scalar& scalar, const Element& element) {
  scalars_.push_back(scalar);
  elements_.push_back(element);
}

void Batch::AddShared(const Scalar& scalar, const Point& point) {
  Scalar& sum = shared_[point];
  sum = sum + scalar;
}

bool Batch::IsIdentity() const {
  std::vector<Scalar> scalars = scalars_;
  std::vector<Element> elements = elements_;
  scalars.push_back(base_);
  elements.push_back(Element::Base());
  scalars.push_back(pedersen_h_);
  elements.push_back(ToElement(PedersenH()));
  for (const auto& [point, scalar] : shared_) {
    scalars.push_back(scalar);
    elements.push_back(ToElement(point));
  }
  return MultiMul(scalars, elements).IsIdentity();
}

}  // namespace urna::crypto::vartime
