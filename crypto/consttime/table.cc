#include "crypto/consttime/table.h"

#include <utility>

#include "crypto/check.h"
#include "crypto/consttime/lanes.h"
#include "crypto/vartime/ifma.h"

namespace urna::crypto::consttime {
namespace {

using vartime::AffineNiels;
using vartime::Element;
using vartime::Fe;

// Fewer sums do not fill enough lanes to pay.
constexpr size_t kFewestLanes = 3;

AffineNiels Lookup(const Table::Position& position, int8_t digit) {
  const Choice choice(digit);
  const Fe plus = Chosen(position.rows[0], choice, 1);
  const Fe minus = Chosen(position.rows[1], choice, 1);
  const Fe xy2d = Chosen(position.rows[2], choice, 0);
  return {Select(choice.negative, minus, plus), Select(choice.negative, plus, minus),
          Select(choice.negative, Carried(-xy2d), xy2d)};
}

SecretElement Sum(std::span<const Product> products) {
  std::vector<Secret<Digits>> digits;
  for (const Product& product : products) digits.push_back(DigitsOf(*product.scalar));
  Secret<Element> secret;
  Element& sum = secret.Expose();
  for (size_t pass = Table::kStride; pass-- > 0;) {
    if (pass + 1 < Table::kStride) sum = sum.Double().Double().Double().Double();
    for (size_t t = 0; t < products.size(); ++t) {
      for (size_t at = pass; at < products[t].digits; at += Table::kStride) {
        sum = sum + Lookup(products[t].base->at(at / Table::kStride), digits[t].Expose()[at]);
      }
    }
  }
  return SecretElement(std::move(secret));
}

/// How many sums from the first one on have its bases; at most as many as there are lanes.
size_t Together(std::span<const Product> products, size_t terms) {
  size_t sums = 1;
  for (; sums < vartime::kLanes && (sums + 1) * terms <= products.size(); ++sums) {
    for (size_t t = 0; t < terms; ++t) {
      const Product &first = products[t], &other = products[sums * terms + t];
      if (first.base != other.base || first.digits != other.digits) return sums;
    }
  }
  return sums;
}

}  // namespace

Table::Table(const Element& base) {
  std::vector<Element> multiples;
  Element unit = base;
  for (size_t p = 0; p < kPositions; ++p) {
    Element multiple = unit;
    for (size_t j = 0; j < kMultiples; ++j) {
      multiples.push_back(multiple);
      multiple += unit;
    }
    for (size_t i = 0; i < 4 * kStride; ++i) unit = unit.Double();
  }
  const std::vector<AffineNiels> niels = Element::ToAffineNiels(multiples);
  const auto positions = std::make_shared<std::array<Position, kPositions>>();
  for (size_t i = 0; i < niels.size(); ++i) {
    std::array<Row, 3>& rows = (*positions)[i / kMultiples].rows;
    const std::array<const Fe*, 3> numbers = {&niels[i].y_plus_x, &niels[i].y_minus_x,
                                              &niels[i].xy2d};
    for (size_t n = 0; n < rows.size(); ++n) {
      for (size_t k = 0; k < 5; ++k) rows[n][k][i % kMultiples] = numbers[n]->limb[k];
    }
  }
  positions_ = positions;
}

const Table& Table::OfBase() {
  static const Table table(Element::Base());
  return table;
}

const Table& Table::OfPedersenH() {
  static const Table table(ToElement(PedersenH()));
  return table;
}

std::vector<SecretElement> Sums(std::span<const Product> products, size_t terms) {
  Check(terms > 0 && products.size() % terms == 0, "as many products for each sum");
  std::vector<SecretElement> out;
  out.reserve(products.size() / terms);
  while (!products.empty()) {
    const size_t together = vartime::HasIfma() ? Together(products, terms) : 1;
    const std::span<const Product> group = products.first(together * terms);
    if (together >= kFewestLanes) {
      SumsIfma(group, terms, out);
    } else {
      for (size_t i = 0; i < together; ++i) out.push_back(Sum(group.subspan(i * terms, terms)));
    }
    products = products.subspan(group.size());
  }
  return out;
}

}  // namespace urna::crypto::consttime
