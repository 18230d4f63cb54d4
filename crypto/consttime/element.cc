#include "crypto/consttime/element.h"

#include <sodium.h>

namespace urna::crypto::consttime {

Point SecretElement::Publish() const { return ToPoint(value_.Expose()); }

std::vector<Point> SecretElement::Publish(std::span<const SecretElement> elements) {
  std::vector<vartime::Element> together;
  together.reserve(elements.size());
  for (const SecretElement& element : elements) together.push_back(element.value_.Expose());
  std::vector<Point> points = ToPoints(together);
  sodium_memzero(together.data(), together.size() * sizeof(vartime::Element));
  return points;
}

}  // namespace urna::crypto::consttime
