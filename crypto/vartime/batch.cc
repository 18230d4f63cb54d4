#include "crypto/vartime/batch.h"

#include <sodium.h>

#include <cstring>

#include "base/bytes.h"
#include "crypto/check.h"
#include "crypto/vartime/multi_mul.h"

namespace urna::crypto::vartime {

std::vector<Scalar> Batch::Weights(size_t count) {
  constexpr size_t kBytes = 16;
  if (count == 0) return {};  // libsodium wants no null pointer, even for nothing
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

std::vector<Element> Batch::Sums(std::span<const Batch> batches) {
  static const Element pedersen_h = ToElement(PedersenH());
  struct Own {
    std::vector<Scalar> scalars;
    std::vector<Element> elements;
  };
  std::vector<Own> own(batches.size());
  std::vector<Terms> terms;
  absl::flat_hash_map<Point, Element> shared;
  for (size_t b = 0; b < batches.size(); ++b) {
    auto& [scalars, elements] = own[b];
    scalars = batches[b].scalars_;
    elements = batches[b].elements_;
    const auto add = [&](const Scalar& scalar, const Element& element) {
      if (scalar.IsZero()) return;
      scalars.push_back(scalar);
      elements.push_back(element);
    };
    add(batches[b].base_, Element::Base());
    add(batches[b].pedersen_h_, pedersen_h);
    for (const auto& [point, scalar] : batches[b].shared_) {
      auto known = shared.find(point);
      if (known == shared.end()) known = shared.emplace(point, ToElement(point)).first;
      add(scalar, known->second);
    }
    terms.push_back({scalars, elements});
  }
  return MultiMulEach(terms);
}

}  // namespace urna::crypto::vartime
