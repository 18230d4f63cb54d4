#include "crypto/picks.h"

#include <algorithm>

#include "crypto/check.h"
#include "crypto/vartime/element.h"

namespace urna::crypto {
namespace {

using vartime::Element;

constexpr uint64_t kDigitBase = 16;
// Ballots whose points are decoded and encoded together.
constexpr size_t kTogether = 256;

/// 16 high + low of each pair.
std::vector<Point> Composites(std::span<const Point> pairs) {
  const std::vector<Element> elements = ToElements(pairs);
  std::vector<Element> out;
  out.reserve(pairs.size() / 2);
  for (size_t i = 0; i < elements.size(); i += 2) {
    out.push_back(elements[i].Double().Double().Double().Double() + elements[i + 1]);
  }
  return ToPoints(out);
}

}  // namespace

std::vector<Point> CompositeKeys(std::span<const Point> keys, uint32_t picks) {
  Check(keys.size() / 2 >= picks, "two keys for each pick");
  return Composites(keys.first(2 * size_t{picks}));
}

std::vector<SecretScalar> CompositeSecrets(std::span<const SecretScalar> secrets, uint32_t picks) {
  Check(secrets.size() / 2 >= picks, "two secrets for each pick");
  std::vector<SecretScalar> out;
  for (size_t p = 0; p < picks; ++p) {
    out.push_back(secrets[2 * p] * Scalar::FromU64(kDigitBase) + secrets[2 * p + 1]);
  }
  return out;
}

void AppendComposites(std::span<const Ciphertext> ciphertexts, uint32_t picks, VectorList* list) {
  Check(list->width == picks, "a list of this width");
  for (size_t first = 0; first < ciphertexts.size(); first += kTogether) {
    const auto some = ciphertexts.subspan(first, std::min(kTogether, ciphertexts.size() - first));
    std::vector<Point> pairs;
    for (const Ciphertext& ciphertext : some) {
      Check(ciphertext.C.size() == 2 * size_t{picks}, "two slots for each pick");
      pairs.insert(pairs.end(), ciphertext.C.begin(), ciphertext.C.end());
    }
    const std::vector<Point> composites = Composites(pairs);
    for (size_t b = 0; b < some.size(); ++b) {
      list->points.push_back(some[b].R);
      const auto own = composites.begin() + static_cast<ptrdiff_t>(b * picks);
      list->points.insert(list->points.end(), own, own + static_cast<ptrdiff_t>(picks));
    }
  }
}

}  // namespace urna::crypto
