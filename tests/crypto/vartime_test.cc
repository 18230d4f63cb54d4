// The variable-time engine against libsodium and against arithmetic that is too slow to be wrong.

#include <cstdlib>
#include <cstring>
#include <functional>
#include <random>
#include <vector>

#include "crypto/vartime/element.h"
#include "crypto/vartime/field.h"
#include "crypto/vartime/fixed_base.h"
#include "crypto/vartime/ifma.h"
#include "crypto/vartime/modq.h"
#include "crypto/vartime/multi_mul.h"
#include "crypto/vartime/power.h"
#include "crypto/vartime/search.h"
#include "tests/crypto/support.h"

namespace urna::crypto::vartime {
namespace {

using base::Bytes32;

/// Nightly runs take a hundred times as many inputs.
size_t Rounds(size_t usual) {
  return std::getenv("URNA_LONG_TESTS") == nullptr ? usual : 100 * usual;
}

/// Numbers modulo p, bit by bit.
class SlowField {
 public:
  explicit SlowField(const Bytes32& bytes) {
    for (size_t i = 0; i < 32; ++i) words_[i / 4] |= uint32_t{bytes[i]} << (8 * (i % 4));
    Reduce();
  }
  static SlowField Small(uint32_t value) {
    SlowField out;
    out.words_[0] = value;
    return out;
  }
  template <unsigned kBound>
  static SlowField From(const Field<kBound>& x) {
    SlowField out, unit = Small(1);
    for (const uint64_t limb : x.limb) {
      SlowField bit = unit;
      for (int b = 0; b < 64; ++b, bit = bit.Plus(bit)) {
        if ((limb >> b & 1) != 0) out = out.Plus(bit);
        if (b == 50) unit = bit.Plus(bit);
      }
    }
    return out;
  }
  SlowField Plus(const SlowField& other) const {
    SlowField out;
    uint64_t carry = 0;
    for (size_t i = 0; i < 9; ++i) {
      carry += uint64_t{words_[i]} + other.words_[i];
      out.words_[i] = static_cast<uint32_t>(carry);
      carry >>= 32;
    }
    out.Reduce();
    return out;
  }
  SlowField Times(const SlowField& other) const {
    SlowField out, bit = *this;
    for (size_t b = 0; b < 256; ++b, bit = bit.Plus(bit)) {
      if ((other.words_[b / 32] >> (b % 32) & 1) != 0) out = out.Plus(bit);
    }
    return out;
  }
  Bytes32 Bytes() const {
    Bytes32 out;
    for (size_t i = 0; i < 32; ++i) out[i] = static_cast<uint8_t>(words_[i / 4] >> (8 * (i % 4)));
    return out;
  }

 private:
  SlowField() = default;
  static const std::array<uint32_t, 9>& P() {
    static const std::array<uint32_t, 9> p = {0xffffffed, ~0U, ~0U,        ~0U, ~0U,
                                              ~0U,        ~0U, 0x7fffffff, 0};
    return p;
  }
  void Reduce() {
    for (;;) {
      std::array<uint32_t, 9> less;
      int64_t borrow = 0;
      for (size_t i = 0; i < 9; ++i) {
        const int64_t d = int64_t{words_[i]} - P()[i] + borrow;
        less[i] = static_cast<uint32_t>(d);
        borrow = d >> 32;
      }
      if (borrow < 0) return;
      words_ = less;
    }
  }
  std::array<uint32_t, 9> words_{};
};

class Inputs {
 public:
  uint64_t Word() { return random_(); }

  /// Limbs at their bounds, zeros, ones and anything between.
  template <unsigned kBound>
  Field<kBound> Limbs() {
    Field<kBound> out;
    const bool all_at_bound = Word() % 8 == 0;
    for (uint64_t& limb : out.limb) {
      switch (all_at_bound ? 0 : Word() % 6) {
        case 0:
          limb = kBound * kUnit;
          break;
        case 1:
          limb = 0;
          break;
        case 2:
          limb = kLimbMask;
          break;
        case 3:
          limb = kBound * kUnit - Word() % 64;
          break;
        default:
          limb = Word() % (kBound * kUnit + 1);
      }
    }
    return out;
  }

  Scalar AScalar() {
    switch (Word() % 8) {
      case 0:
        return Scalar();
      case 1:
        return Scalar::FromU64(1);
      case 2:
        return -Scalar::FromU64(1);
      case 3:
        return Scalar::FromU64(Word() % 64);
      case 4:
        return -Scalar::FromU64(Word() % 64);
      case 5:
        return Short();
      default:
        return Scalar::Random();
    }
  }
  /// 128 bits, as weights are.
  Scalar Short() {
    Bytes32 bytes = Scalar::Random().bytes();
    std::fill(bytes.begin() + 16, bytes.end(), 0);
    return *Scalar::Decode(base::View(bytes));
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
  std::mt19937_64 random_{20260101};
};

/// With the vector instructions of this machine, and without.
class BothWays : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    ifma_allowed = GetParam();
    if (GetParam() && !HasIfma()) GTEST_SKIP() << "this processor has no AVX-512 IFMA";
  }
  void TearDown() override { ifma_allowed = true; }
};
class FieldTest : public BothWays {};
INSTANTIATE_TEST_SUITE_P(Ifma, FieldTest, testing::Bool());
class DecodingTest : public BothWays {};
INSTANTIATE_TEST_SUITE_P(Ifma, DecodingTest, testing::Bool());
class ElementTest : public BothWays {};
INSTANTIATE_TEST_SUITE_P(Ifma, ElementTest, testing::Bool());
class MultiMulTest : public BothWays {};
INSTANTIATE_TEST_SUITE_P(Ifma, MultiMulTest, testing::Bool());
class FixedBaseTest : public BothWays {};
INSTANTIATE_TEST_SUITE_P(Ifma, FixedBaseTest, testing::Bool());

Element ElementOf(const Point& point) { return Element::Decode(point.bytes()).value(); }

template <unsigned kA, unsigned kB>
void ExpectProducts(Inputs& inputs) {
  for (size_t i = 0; i < Rounds(500); ++i) {
    const Field<kA> a = inputs.Limbs<kA>();
    const Field<kB> b = inputs.Limbs<kB>();
    const SlowField slow_a = SlowField::From(a), slow_b = SlowField::From(b);
    const Fe product = a * b;
    for (const uint64_t limb : product.limb) ASSERT_LE(limb, kUnit);
    ASSERT_EQ(Encode(product), slow_a.Times(slow_b).Bytes());
    ASSERT_EQ(Encode(Carried(a + b)), slow_a.Plus(slow_b).Bytes());
    // a - b + b = a
    ASSERT_EQ(SlowField::From(Carried(a - b)).Plus(slow_b).Bytes(), slow_a.Bytes());
    ASSERT_EQ(Encode(Carried(a - b)), SlowField::From(Carried(a - b)).Bytes());
  }
}

TEST_P(FieldTest, AgreesWithSlowArithmeticAtTheBoundsOfEveryLimb) {
  Inputs inputs;
  ExpectProducts<1, 1>(inputs);
  ExpectProducts<2, 3>(inputs);
  ExpectProducts<4, 6>(inputs);
  ExpectProducts<8, 10>(inputs);
  ExpectProducts<80, 1>(inputs);
  ExpectProducts<1, 80>(inputs);
}

TEST_P(FieldTest, SquaresAreProductsWithThemselves) {
  Inputs inputs;
  for (size_t i = 0; i < Rounds(20'000); ++i) {
    const Field<8> a = inputs.Limbs<8>();
    const Fe square = Square(a);
    for (const uint64_t limb : square.limb) ASSERT_LE(limb, kUnit);
    ASSERT_EQ(Encode(square), Encode(a * a));
  }
}

TEST_P(FieldTest, EncodesValuesAroundPCanonically) {
  for (int64_t delta = -40; delta <= 40; ++delta) {
    // p + delta, in the limbs of 2^51 - 1 that a lazy reduction may leave.
    Field<2> x{{kLimbMask - 18, kLimbMask, kLimbMask, kLimbMask, kLimbMask}};
    if (delta < 0) {
      x.limb[0] -= static_cast<uint64_t>(-delta);
    } else {
      x.limb[0] += static_cast<uint64_t>(delta);
    }
    ASSERT_EQ(Encode(Carried(x)), SlowField::From(x).Bytes()) << delta;
  }
}

TEST_P(FieldTest, PowersAgreeInAllLanes) {
  Inputs inputs;
  for (size_t i = 0; i < Rounds(200); ++i) {
    std::array<Fe, kPowerLanes> x, lanes;
    for (Fe& value : x) value = inputs.Limbs<1>();
    const size_t count = 1 + i % x.size();
    PowerP58Many({x.data(), count}, {lanes.data(), count});
    for (size_t lane = 0; lane < count; ++lane) {
      ASSERT_EQ(Encode(lanes[lane]), Encode(PowerP58(x[lane])));
      for (const uint64_t limb : lanes[lane].limb) ASSERT_LE(limb, kUnit);
      // (x^((p-5)/8))^8 x^4 = x^(p-1)
      Fe power = lanes[lane];
      for (int k = 0; k < 3; ++k) power = Square(power);
      const Fe fermat = power * Square(Square(x[lane]));
      ASSERT_EQ(Encode(fermat), Encode(IsZero(x[lane]) ? kZero : kOne));
    }
  }
}

Scalar FromLibsodium(const std::function<void(uint8_t*)>& compute) {
  Bytes32 bytes{};
  compute(bytes.data());
  return Scalar::Decode(base::View(bytes)).value();
}

TEST(ModQTest, AgreesWithLibsodium) {
  Inputs inputs;
  for (size_t i = 0; i < Rounds(20'000); ++i) {
    const Scalar a = inputs.AScalar(), b = inputs.AScalar();
    const uint8_t *x = a.bytes().data(), *y = b.bytes().data();
    ASSERT_EQ(a + b,
              FromLibsodium([&](uint8_t* out) { crypto_core_ristretto255_scalar_add(out, x, y); }));
    ASSERT_EQ(a - b,
              FromLibsodium([&](uint8_t* out) { crypto_core_ristretto255_scalar_sub(out, x, y); }));
    ASSERT_EQ(a * b,
              FromLibsodium([&](uint8_t* out) { crypto_core_ristretto255_scalar_mul(out, x, y); }));
    ASSERT_EQ(-a,
              FromLibsodium([&](uint8_t* out) { crypto_core_ristretto255_scalar_negate(out, x); }));
  }
}

TEST(ModQTest, Reduces512BitsAsLibsodiumDoes) {
  Inputs inputs;
  for (size_t i = 0; i < Rounds(20'000); ++i) {
    Hash64 wide;
    for (size_t w = 0; w < 64; w += 8) {
      const uint64_t kind = inputs.Word() % 4;
      const uint64_t word = kind == 0 ? 0 : kind == 1 ? ~uint64_t{0} : inputs.Word();
      std::memcpy(&wide[w], &word, sizeof word);
    }
    if (i % 3 == 0) {  // a multiple of q, give or take a little
      const ModQ multiple = Scalar::Random().words();
      auto words = internal::MulWords(multiple, kQ);
      words[0] += inputs.Word() % 3 - 1;
      std::memcpy(wide.data(), words.data(), wide.size());
    }
    ASSERT_EQ(Scalar::FromUniform(wide), FromLibsodium([&](uint8_t* out) {
                crypto_core_ristretto255_scalar_reduce(out, wide.data());
              }));
  }
}

TEST(ModQTest, DecodesExactlyWhatIsBelowTheOrder) {
  Bytes32 q;
  std::memcpy(q.data(), kQ.data(), q.size());
  EXPECT_FALSE(Scalar::Decode(base::View(q)).ok());
  Bytes32 below = q, above = q;
  --below[0];
  ++above[0];
  EXPECT_TRUE(Scalar::Decode(base::View(below)).ok());
  EXPECT_FALSE(Scalar::Decode(base::View(above)).ok());
  for (size_t i = 0; i < 32; ++i) {
    Bytes32 more = q, less = q;
    if (more[i] < 0xff) {
      ++more[i];
      EXPECT_FALSE(Scalar::Decode(base::View(more)).ok()) << i;
    }
    if (less[i] > 0) {
      --less[i];
      EXPECT_TRUE(Scalar::Decode(base::View(less)).ok()) << i;
    }
  }
}

TEST_P(DecodingTest, AcceptsExactlyWhatLibsodiumAcceptsWithBit255Clear) {
  Inputs inputs;
  size_t accepted = 0;
  std::vector<Bytes32> many;
  for (size_t i = 0; i < Rounds(20'000); ++i) {
    Bytes32 bytes;
    switch (inputs.Word() % 4) {
      case 0: {  // around 0 and p
        bytes = SlowField::Small(static_cast<uint32_t>(inputs.Word() % 64)).Bytes();
        if (inputs.Word() % 2 == 0) {
          bytes.fill(0xff);
          bytes[31] = 0x7f;
          bytes[0] = static_cast<uint8_t>(inputs.Word());
        }
        break;
      }
      case 1: {  // a valid one with one bit changed
        bytes = inputs.APoint().bytes();
        bytes[inputs.Word() % 32] ^= static_cast<uint8_t>(1 << inputs.Word() % 8);
        break;
      }
      default:
        for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(inputs.Word());
        bytes[31] &= static_cast<uint8_t>(inputs.Word() % 4 == 0 ? 0xff : 0x7f);
        bytes[0] &= 0xfe;
    }
    const bool expected =
        bytes[31] < 0x80 && crypto_core_ristretto255_is_valid_point(bytes.data()) == 1;
    const auto element = Element::Decode(bytes);
    ASSERT_EQ(element.has_value(), expected) << base::Hex(bytes);
    if (element.has_value()) {
      ++accepted;
      ASSERT_EQ(element->Encode(), bytes);
    }
    many.push_back(bytes);
  }
  EXPECT_GT(accepted, many.size() / 100);
  const auto valid = std::make_unique<bool[]>(many.size());
  std::vector<Element> out(many.size());
  EXPECT_FALSE(Element::DecodeMany(many, out, {valid.get(), many.size()}));
  for (size_t i = 0; i < many.size(); ++i) {
    const auto alone = Element::Decode(many[i]);
    ASSERT_EQ(valid[i], alone.has_value());
    ASSERT_EQ(out[i].Encode(), alone.value_or(Element()).Encode());
  }
}

TEST_P(DecodingTest, RefusesEveryBadEncodingOfRfc9496) {
  // Appendix A.3: not canonical, negative, not square, with negative xy, s = -1.
  for (const std::string_view hex : {
           "00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
           "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
           "f3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
           "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
           "0100000000000000000000000000000000000000000000000000000000000000",
           "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
           "ed57ffd8c914fb201471d1c3d245ce3c746fcbe63a3679d51b6a516ebebe0e20",
           "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371",
           "3eb858e78f5a7254d8c9731174a94f76755fd3941c0ac93735c07ba14579630e",
           "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
       }) {
    EXPECT_FALSE(Element::Decode(Bytes32Of(std::string(hex))).has_value()) << hex;
  }
}

TEST_P(ElementTest, AddAndDoubleAsLibsodiumDoes) {
  Inputs inputs;
  for (size_t i = 0; i < Rounds(2'000); ++i) {
    const Point a = inputs.APoint();
    const Point b = inputs.Word() % 8 == 0 ? a : inputs.APoint();
    const Element x = ElementOf(a), y = ElementOf(b);
    ASSERT_EQ((x + y).Encode(), (a + b).bytes());
    ASSERT_EQ((x - y).Encode(), (a - b).bytes());
    ASSERT_EQ((-y).Encode(), (Point() - b).bytes());
    ASSERT_EQ(x.Double().Encode(), (a + a).bytes());
    const std::array<Element, 2> both = {x + y, y};
    const auto niels = Element::ToAffineNiels(both);
    ASSERT_EQ((x + niels[0]).Encode(), (a + a + b).bytes());
    ASSERT_EQ((x - niels[0]).Encode(), (Point() - b).bytes());
    ASSERT_EQ(x == y, a == b);
    ASSERT_EQ((x - y).IsIdentity(), a == b);
  }
}

TEST_P(ElementTest, AreEqualInEveryCosetOfTheirTorsion) {
  // A point that was added up stands in another coset than one that was decoded: three times in
  // four, so that a comparison of coordinates alone would fail here.
  Inputs inputs;
  for (size_t i = 0; i < Rounds(500); ++i) {
    const Element sum = ElementOf(inputs.APoint()) + ElementOf(inputs.APoint());
    const Element decoded = Element::Decode(sum.Encode()).value();
    ASSERT_TRUE(sum == decoded);
    const Element difference = sum - decoded;
    ASSERT_TRUE(difference.IsIdentity());
    ASSERT_EQ(difference.Encode(), Bytes32{});
    ASSERT_FALSE((difference + Element::Base()).IsIdentity());
  }
}

TEST_P(ElementTest, EncodeManyAsOne) {
  Inputs inputs;
  std::vector<Element> elements;
  for (int i = 0; i < 11; ++i) elements.push_back(ElementOf(inputs.APoint()) + Element::Base());
  for (size_t n = 0; n <= elements.size(); ++n) {
    const auto encoded = Element::EncodeMany({elements.data(), n});
    ASSERT_EQ(encoded.size(), n);
    for (size_t i = 0; i < n; ++i) ASSERT_EQ(encoded[i], elements[i].Encode());
  }
}

TEST_P(MultiMulTest, AgreesWithLibsodium) {
  Inputs inputs;
  for (size_t i = 0; i < Rounds(60); ++i) {
    const size_t n = inputs.Word() % 12;
    std::vector<Scalar> scalars;
    std::vector<Point> points;
    std::vector<Element> elements;
    for (size_t k = 0; k < n; ++k) {
      scalars.push_back(inputs.AScalar());
      points.push_back(inputs.APoint());
      elements.push_back(ElementOf(points.back()));
    }
    ASSERT_EQ(MultiMul(scalars, elements).Encode(), MultiMulVartime(scalars, points).bytes());
  }
}

/// Sums whose value follows from few terms: 1 * A + .. + (q - 1) * A + .. = 0.
TEST_P(MultiMulTest, OfManyTermsAgreesWithSumsOfFew) {
  Inputs inputs;
  for (const size_t n : {189, 190, 191, 500, 1'100, 5'000}) {
    std::vector<Element> elements;
    std::vector<Scalar> scalars;
    Scalar base, other;
    const Point b = MulBase(Scalar::Random());
    const Element of_b = ElementOf(b);
    const Element sum_with_base = of_b + Element::Base();
    for (size_t k = 0; k < n; ++k) {
      const Scalar s = n % 2 == 0 && k % 2 == 0 ? inputs.Short() : inputs.AScalar();
      scalars.push_back(s);
      switch (inputs.Word() % 4) {
        case 0:
          elements.push_back(Element::Base());
          base = base + s;
          break;
        case 1:
          elements.push_back(of_b);
          other = other + s;
          break;
        case 2:
          elements.push_back(sum_with_base);  // not affine
          base = base + s;
          other = other + s;
          break;
        default:
          elements.push_back(Element());
      }
    }
    ASSERT_EQ(MultiMul(scalars, elements).Encode(), (MulBase(base) + Mul(other, b)).bytes()) << n;
  }
}

/// Of many lengths, so that some lanes have less to add than others, and some sums several lanes.
TEST_P(MultiMulTest, EachOfManyIsWhatItIsAlone) {
  Inputs inputs;
  std::vector<Scalar> scalars;
  std::vector<Point> points;
  std::vector<Element> elements;
  for (size_t k = 0; k < 40; ++k) {
    scalars.push_back(k % 3 == 0 ? inputs.Short() : inputs.AScalar());
    points.push_back(inputs.APoint());
    elements.push_back(ElementOf(points.back()));
  }
  for (const size_t count : {1, 2, 3, 5, 7, 8, 9, 15, 17, 30}) {
    std::vector<Terms> sums;
    std::vector<Bytes32> expected;
    for (size_t s = 0; s < count; ++s) {
      const size_t first = inputs.Word() % 8, size = inputs.Word() % 33;
      sums.push_back(
          {std::span(scalars).subspan(first, size), std::span(elements).subspan(first, size)});
      Point sum;
      for (size_t k = first; k < first + size; ++k) sum += Mul(scalars[k], points[k]);
      expected.push_back(sum.bytes());
    }
    ASSERT_EQ(Element::EncodeMany(MultiMulEach(sums)), expected) << count;
  }
}

TEST_P(MultiMulTest, OfOnlyZerosIsTheIdentity) {
  for (const size_t n : {0, 1, 300}) {
    const std::vector<Scalar> scalars(n);
    const std::vector<Element> elements(n, Element::Base());
    EXPECT_TRUE(MultiMul(scalars, elements).IsIdentity()) << n;
  }
}

// Items of up to five equations e G = 0, each of which holds if e is zero.
class SearchTest : public BothWays {
 protected:
  using Items = std::vector<std::vector<Scalar>>;
  /// The items that do not hold and the first equation of each that does not.
  static std::vector<std::pair<size_t, size_t>> Search(const Items& items, Together together) {
    std::vector<std::vector<Scalar>> weights;
    for (const auto& item : items) weights.push_back(Batch::Weights(item.size()));
    const auto add = [&](size_t i, size_t first, size_t count, Batch& batch) {
      for (size_t e = first; e < first + count; ++e) {
        batch.Add(weights[i][e] * items[i][e], Element::Base());
      }
    };
    const auto failures = FindFailures(items.size(), together, [&](size_t first, size_t count) {
      Batch batch;
      for (size_t i = first; i < first + count; ++i) add(i, 0, items[i].size(), batch);
      return batch;
    });
    const auto firsts = FirstFailing(
        failures, [&](size_t i) { return items[i].size(); },
        [&](size_t i, size_t first, size_t count) {
          Batch batch;
          add(i, first, count, batch);
          return batch;
        });
    std::vector<std::pair<size_t, size_t>> found;
    for (size_t f = 0; f < failures.size(); ++f) found.emplace_back(failures[f].item, firsts[f]);
    return found;
  }
};
INSTANTIATE_TEST_SUITE_P(Ifma, SearchTest, testing::Bool());

TEST_P(SearchTest, FindsEveryFailureAndItsFirstEquation) {
  Inputs inputs;
  for (const size_t count : {0, 1, 2, 3, 4, 5, 17, 64, 100}) {
    for (const uint64_t rarity : {1, 2, 10, 100, 10'000}) {
      Items items(count);
      std::vector<std::pair<size_t, size_t>> expected;
      for (size_t i = 0; i < count; ++i) {
        items[i].resize(1 + inputs.Word() % 5);
        if (inputs.Word() % rarity != 0) continue;
        const size_t first = inputs.Word() % items[i].size();
        items[i][first] = Scalar::FromU64(1 + inputs.Word() % 3);
        if (first + 1 < items[i].size()) items[i].back() = -items[i][first];
        expected.emplace_back(i, first);
      }
      for (const Together together : {Together::kAll, Together::kEach}) {
        ASSERT_EQ(Search(items, together), expected) << count << " " << rarity;
      }
    }
  }
}

TEST_P(FixedBaseTest, SumsAgreeWithLibsodiumForEveryDigitSize) {
  Inputs inputs;
  for (unsigned window = 5; window <= 8; ++window) {
    const Point point = inputs.APoint(), other = inputs.APoint();
    const FixedBase table(ElementOf(point), window), other_table(ElementOf(other), 13 - window);
    std::vector<FixedSum> sums;
    std::vector<Bytes32> expected;
    for (size_t i = 0; i < Rounds(61); ++i) {
      const Scalar a = inputs.AScalar(), b = inputs.AScalar();
      sums.push_back({&table, a, &other_table, b});
      expected.push_back((Mul(a, point) + Mul(b, other)).bytes());
    }
    ASSERT_EQ(Element::EncodeMany(SumFixed(sums)), expected) << window;
  }
  EXPECT_TRUE(SumFixed({}).empty());
}

}  // namespace
}  // namespace urna::crypto::vartime
