// The constant-time engine against libsodium.

#include <cstdlib>
#include <memory>
#include <random>
#include <type_traits>
#include <vector>

#include "crypto/consttime/digits.h"
#include "crypto/consttime/multi_mul.h"
#include "crypto/consttime/table.h"
#include "crypto/vartime/ifma.h"
#include "crypto/vartime/multi_mul.h"
#include "tests/crypto/support.h"

namespace urna::crypto::consttime {
namespace {

// What keeps a secret out of variable time: no type that the other engine takes can be made of one
// but by Publish, and an element computed from secrets shows no coordinates.
static_assert(!std::is_convertible_v<SecretScalar, Scalar>);
static_assert(!std::is_constructible_v<Scalar, SecretScalar>);
static_assert(!std::is_convertible_v<SecretElement, vartime::Element>);
static_assert(!std::is_constructible_v<vartime::Element, SecretElement>);
static_assert(!std::is_copy_constructible_v<SecretElement>);

/// Nightly runs take a hundred times as many inputs.
size_t Rounds(size_t usual) {
  return std::getenv("URNA_LONG_TESTS") == nullptr ? usual : 100 * usual;
}

class Inputs {
 public:
  uint64_t Word() { return random_(); }

  /// Ends of the range, digits at their bounds, runs of carries, and anything.
  SecretScalar AScalar() {
    base::Bytes32 bytes{};
    switch (Word() % 10) {
      case 0:
        return SecretScalar();
      case 1:
        return SecretScalar::FromU64(1 + Word() % 16);
      case 2:
        return SecretScalar() - Scalar::FromU64(1 + Word() % 16);  // q - 1, ..
      case 3:
        bytes.fill(0x88);  // every digit carries
        break;
      case 4:
        bytes.fill(0x77);  // none does
        break;
      case 5:
        bytes.fill(0xff);
        break;
      case 6:
        bytes.fill(0x78);
        break;
      case 7:
        for (uint8_t& byte : bytes) byte = Word() % 2 == 0 ? 0x88 : 0x00;
        break;
      default:
        return SecretScalar::Random();
    }
    bytes[31] &= 0x0f;  // below 2^252
    return SecretScalar::Decode(base::View(bytes)).value();
  }
  Point APoint() {
    switch (Word() % 8) {
      case 0:
        return Point();
      case 1:
        return Point::Base();
      default:
        return MulBase(Scalar::Random());
    }
  }

 private:
  std::mt19937_64 random_{20260102};
};

class ConstantTimeTest : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    vartime::ifma_allowed = GetParam();
    if (GetParam() && !vartime::HasIfma()) GTEST_SKIP() << "this processor has no AVX-512 IFMA";
  }
  void TearDown() override { vartime::ifma_allowed = true; }
};
INSTANTIATE_TEST_SUITE_P(Ifma, ConstantTimeTest, testing::Bool());

TEST(DigitsTest, AddUpToTheirScalar) {
  Inputs inputs;
  for (size_t i = 0; i < Rounds(1'000); ++i) {
    const SecretScalar scalar = inputs.AScalar();
    const Secret<Digits> digits = DigitsOf(scalar);
    Scalar sum;
    for (size_t at = kDigits; at-- > 0;) {
      const int digit = digits.Expose()[at];
      ASSERT_LE(std::abs(digit), 8);
      const Scalar size = Scalar::FromU64(static_cast<uint64_t>(std::abs(digit)));
      sum = sum * Scalar::FromU64(16);
      sum = digit < 0 ? sum - size : sum + size;
    }
    ASSERT_EQ(sum, scalar.Clone().Publish());
  }
}

TEST_P(ConstantTimeTest, SumsOfFixedBasesAgreeWithLibsodium) {
  Inputs inputs;
  for (size_t round = 0; round < Rounds(12); ++round) {
    const std::vector<Point> bases = {inputs.APoint(), inputs.APoint(), Point::Base()};
    std::vector<Table> tables;
    for (const Point& base : bases) tables.emplace_back(ToElement(base));
    for (size_t terms = 1; terms <= 3; ++terms) {
      // Numbers of sums that fill lanes and that do not.
      const size_t count = inputs.Word() % 20;
      std::vector<SecretScalar> scalars;
      for (size_t i = 0; i < count * terms; ++i) scalars.push_back(inputs.AScalar());
      std::vector<Product> products;
      std::vector<Point> expected(count);
      for (size_t i = 0; i < scalars.size(); ++i) {
        // Now and then another base, so that a run ends.
        const size_t base = round % 3 == 0 && inputs.Word() % 7 == 0 ? 2 : i % terms;
        products.push_back({&tables[base], &scalars[i]});
        expected[i / terms] += Mul(scalars[i].Clone().Publish(), bases[base]);
      }
      ASSERT_EQ(SecretElement::Publish(Sums(products, terms)), expected) << count << " x " << terms;
    }
  }
}

TEST_P(ConstantTimeTest, ShortScalarsNeedFewDigits) {
  for (size_t bits = 1; bits <= 63; ++bits) {
    const uint64_t largest = (uint64_t{1} << bits) - 1;
    std::vector<SecretScalar> scalars;
    for (const uint64_t value : {uint64_t{0}, uint64_t{1}, largest / 2 + 1, largest - 1, largest}) {
      scalars.push_back(SecretScalar::FromU64(value));
    }
    std::vector<Product> products;
    std::vector<Point> expected;
    for (const SecretScalar& scalar : scalars) {
      products.push_back({&Table::OfBase(), &scalar, DigitsFor(bits)});
      expected.push_back(MulBase(scalar.Clone().Publish()));
    }
    ASSERT_EQ(SecretElement::Publish(Sums(products, 1)), expected) << bits;
  }
}

TEST_P(ConstantTimeTest, TablesOfGAndH) {
  const SecretScalar a = SecretScalar::Random(), b = SecretScalar::Random();
  const std::vector<Product> products = {{&Table::OfBase(), &a}, {&Table::OfPedersenH(), &b}};
  const Scalar x = a.Clone().Publish(), y = b.Clone().Publish();
  EXPECT_EQ(Sums(products, 2)[0].Publish(), MulBase(x) + Mul(y, PedersenH()));
  EXPECT_TRUE(Sums({}, 2).empty());
}

TEST_P(ConstantTimeTest, MultiMulAgreesWithLibsodium) {
  Inputs inputs;
  for (size_t round = 0; round < Rounds(40); ++round) {
    const size_t count = round < 20 ? round : inputs.Word() % 40;
    std::vector<SecretScalar> scalars;
    std::vector<vartime::Element> elements;
    Point expected;
    for (size_t i = 0; i < count; ++i) {
      scalars.push_back(i > 0 && inputs.Word() % 8 == 0 ? scalars.back().Clone()
                                                        : inputs.AScalar());
      // Equal points next to each other, and sums that are not affine.
      if (i > 0 && inputs.Word() % 4 == 0) {
        elements.push_back(elements.back());
      } else if (inputs.Word() % 4 == 0) {
        elements.push_back(ToElement(inputs.APoint()) + vartime::Element::Base());
      } else {
        elements.push_back(ToElement(inputs.APoint()));
      }
      expected += Mul(scalars.back().Clone().Publish(), ToPoint(elements.back()));
    }
    ASSERT_EQ(MultiMul(scalars, elements).Publish(), expected) << count;
  }
}

/// More than shares doublings, against the other engine.
TEST_P(ConstantTimeTest, MultiMulOfManyTermsAgreesWithVariableTime) {
  Inputs inputs;
  for (const size_t count : {255, 256, 257, 700}) {
    std::vector<SecretScalar> scalars;
    std::vector<Scalar> published;
    std::vector<vartime::Element> elements;
    for (size_t i = 0; i < count; ++i) {
      scalars.push_back(inputs.AScalar());
      published.push_back(scalars.back().Clone().Publish());
      elements.push_back(i == 0 || i % 50 != 0 ? ToElement(inputs.APoint()) : elements.back());
    }
    ASSERT_EQ(MultiMul(scalars, elements).Publish(),
              ToPoint(vartime::MultiMul(published, elements)))
        << count;
  }
}

TEST_P(ConstantTimeTest, SumsOfSecretsAndPublicPoints) {
  Inputs inputs;
  for (size_t i = 0; i < Rounds(50); ++i) {
    const SecretScalar a = inputs.AScalar(), b = inputs.AScalar();
    const std::vector<Product> products = {{&Table::OfBase(), &a}, {&Table::OfBase(), &b}};
    const std::vector<SecretElement> sums = Sums(products, 1);
    const Point point = inputs.APoint();
    const Point A = MulBase(a.Clone().Publish()), B = MulBase(b.Clone().Publish());
    ASSERT_EQ((sums[0] + ToElement(point)).Publish(), A + point);
    ASSERT_EQ((sums[0] + sums[1]).Publish(), A + B);
  }
}

}  // namespace
}  // namespace urna::crypto::consttime
