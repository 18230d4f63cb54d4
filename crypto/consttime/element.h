#pragma once

#include <span>
#include <utility>
#include <vector>

#include "crypto/group.h"
#include "crypto/secret.h"
#include "crypto/vartime/element.h"

namespace urna::crypto::consttime {

/// A group element whose coordinates depend on secrets: they say more than the element does
/// (Naccache, Smart, Stern 2004), so that they stay here and are wiped. What leaves is its
/// encoding, by Publish, in constant time.
class SecretElement {
 public:
  /// The identity.
  SecretElement() = default;
  explicit SecretElement(Secret<vartime::Element> value) : value_(std::move(value)) {}

  SecretElement operator+(const SecretElement& other) const {
    return *this + other.value_.Expose();
  }
  SecretElement operator+(const vartime::Element& other) const {
    SecretElement out;
    out.value_.Expose() = value_.Expose() + other;
    return out;
  }

  Point Publish() const;
  static std::vector<Point> Publish(std::span<const SecretElement> elements);

 private:
  Secret<vartime::Element> value_;
};

}  // namespace urna::crypto::consttime
