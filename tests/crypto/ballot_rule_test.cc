#include "tests/crypto/ballot_support.h"

namespace urna::crypto {
namespace {

using Values = std::vector<uint32_t>;

Score Total(uint32_t max, uint32_t n, uint32_t lo, uint32_t hi) {
  return {.max = max, .n = n, .has_total = true, .total_lo = lo, .total_hi = hi};
}
Score Plain(uint32_t max, uint32_t n) { return {.max = max, .n = n}; }

// Whether the values satisfy the constraints, in plain integers.
bool Satisfies(const Rule& rule, const Values& values) {
  for (const Constraint& constraint : Constraints(rule)) {
    uint64_t sum = 0;
    for (const uint32_t slot : constraint.slots) {
      uint64_t term = 1;
      const uint32_t e = constraint.kind == Constraint::Kind::kPowerSum ? constraint.exponent : 1;
      for (uint32_t i = 0; i < e; ++i) term *= values[slot];
      sum += term;
    }
    const bool holds = constraint.kind == Constraint::Kind::kPowerSum
                           ? sum == constraint.value
                           : std::count(constraint.roots.begin(), constraint.roots.end(), sum) == 1;
    if (!holds) return false;
  }
  return true;
}

TEST(RuleTest, AcceptsSensibleRules) {
  for (const Rule& rule : std::vector<Rule>{
           Choose{0, 1, 2}, Choose{1, 1, 1}, Choose{0, 8, 8}, Choose{2, 3, 600}, Plain(5, 4),
           Plain(1, 1), Total(5, 4, 0, 5), Total(5, 4, 20, 20), Points{1, 1}, Points{3, 6},
           Points{5, 5}, Points{5, 40}, Picks{1, 1}, Picks{5, 255}}) {
    EXPECT_THAT(CheckRule(rule), Ok());
  }
}

TEST(RuleTest, RefusesRulesThatMakeNoSense) {
  for (const Rule& rule : std::vector<Rule>{Choose{2, 1, 3},
                                            Choose{0, 4, 3},
                                            Choose{0, 0, 0},
                                            Choose{0, 0, 3},
                                            Choose{1, 1, 5000},
                                            Choose{1, 1, 4294967295u},
                                            Plain(0, 3),
                                            Plain(5, 0),
                                            Plain(4294967295u, 1),
                                            Plain(5, 100000),
                                            Total(5, 4, 3, 2),
                                            Total(5, 4, 0, 21),
                                            Total(5, 4, 0, 0),
                                            Total(2047, 1024, 0, 4096),
                                            Points{0, 3},
                                            Points{6, 9},
                                            Points{3, 2},
                                            Points{1, 0},
                                            Picks{0, 3},
                                            Picks{1, 0},
                                            Picks{1, 256},
                                            Picks{4, 3},
                                            Picks{4294967295u, 255}}) {
    EXPECT_THAT(CheckRule(rule), IsRejected("rule.invalid"));
  }
}

TEST(RuleTest, SlotsAndLargestValues) {
  EXPECT_EQ(SlotCount(Choose{0, 1, 7}), 7u);
  EXPECT_EQ(SlotCount(Plain(5, 3)), 3u);
  EXPECT_EQ(SlotCount(Points{2, 4}), 4u);
  EXPECT_EQ(SlotCount(Picks{3, 100}), 6u);
  EXPECT_EQ(LargestValue(Choose{0, 3, 7}), 1u);
  EXPECT_EQ(LargestValue(Plain(5, 3)), 5u);
  EXPECT_EQ(LargestValue(Total(5, 3, 1, 4)), 4u);
  EXPECT_EQ(LargestValue(Points{4, 9}), 4u);
  EXPECT_EQ(LargestValue(Picks{3, 100}), 15u);
}

TEST(RuleTest, ConstraintsComeInTheOrderOfTheProtocol) {
  const auto choose = Constraints(Choose{1, 2, 3});
  ASSERT_EQ(choose.size(), 4u);
  for (uint32_t i = 0; i < 3; ++i) {
    EXPECT_EQ(choose[i].slots, std::vector<uint32_t>{i});
    EXPECT_EQ(choose[i].roots, (std::vector<uint64_t>{0, 1}));
  }
  EXPECT_EQ(choose[3].slots, (std::vector<uint32_t>{0, 1, 2}));
  EXPECT_EQ(choose[3].roots, (std::vector<uint64_t>{1, 2}));
  EXPECT_EQ(Constraints(Choose{0, 3, 3}).size(), 3u);
  EXPECT_EQ(Constraints(Choose{1, 3, 3}).size(), 4u);
  EXPECT_EQ(Constraints(Plain(5, 3)).size(), 3u);
  EXPECT_EQ(Constraints(Total(5, 3, 0, 15)).size(), 4u);
  EXPECT_EQ(Constraints(Picks{2, 9}).size(), 4u);
  EXPECT_EQ(Constraints(Picks{2, 9})[3].degree(), 16u);
  const auto points = Constraints(Points{5, 6});
  ASSERT_EQ(points.size(), 9u);
  const uint64_t sums[] = {15, 55, 225};
  for (uint32_t e = 1; e <= 3; ++e) {
    EXPECT_EQ(points[5 + e].kind, Constraint::Kind::kPowerSum);
    EXPECT_EQ(points[5 + e].exponent, e);
    EXPECT_EQ(points[5 + e].value, sums[e - 1]);
  }
  EXPECT_EQ(Constraints(Points{4, 6}).size(), 8u);
}

// All values of a few slots a little beyond the range: the constraints say what the rule says.
TEST(RuleTest, ConstraintsHoldExactlyForValuesThatObey) {
  for (const Rule& rule :
       std::vector<Rule>{Choose{0, 1, 2}, Choose{1, 1, 3}, Choose{0, 2, 4}, Choose{2, 3, 4},
                         Choose{0, 4, 4}, Plain(3, 3), Total(3, 3, 0, 3), Total(2, 4, 2, 4),
                         Points{1, 3}, Points{2, 4}, Points{3, 4}, Points{4, 4}}) {
    const uint32_t n = SlotCount(rule), limit = LargestValue(rule) + 2;
    Values values(n);
    int obeying = 0;
    while (true) {
      EXPECT_EQ(Satisfies(rule, values), Obeys(rule, values)) << testing::PrintToString(values);
      obeying += Obeys(rule, values);
      uint32_t i = 0;
      while (i < n && ++values[i] == limit) values[i++] = 0;
      if (i == n) break;
    }
    EXPECT_GT(obeying, 0);
  }
}

// Points: how often each value occurs is all that matters; no other counts give the power sums,
// however many options there are.
TEST(RuleTest, PowerSumsOfPointsHaveOneSolution) {
  for (uint32_t k = 1; k <= 5; ++k) {
    uint32_t limit = k * (k + 1) / 2;
    int solutions = 0;
    std::vector<uint32_t> counts(k, 0);
    while (true) {
      Values values;
      for (uint32_t v = 1; v <= k; ++v) values.insert(values.end(), counts[v - 1], v);
      const auto n = static_cast<uint32_t>(values.size());
      if (n >= k && n <= limit) solutions += Satisfies(Points{k, n}, values);
      uint32_t i = 0;
      while (i < k && ++counts[i] > limit / (i + 1)) counts[i++] = 0;
      if (i == k) break;
    }
    EXPECT_EQ(solutions, 1) << k;
  }
}

TEST(RuleTest, PicksAreOptionsNoneRepeated) {
  const Rule rule = Picks{3, 20};
  const auto obeys = [&](const Values& values) { return Obeys(rule, values); };
  EXPECT_TRUE(obeys({0, 0, 0, 0, 0, 0}));
  EXPECT_TRUE(obeys({1, 4, 0, 1, 0, 15}));
  EXPECT_TRUE(obeys({0, 0, 0, 3, 0, 0}));
  EXPECT_FALSE(obeys({1, 5, 0, 0, 0, 0}));
  EXPECT_FALSE(obeys({0, 3, 0, 0, 0, 3}));
  EXPECT_FALSE(obeys({0, 16, 0, 0, 0, 0}));
  EXPECT_FALSE(obeys({16, 0, 0, 0, 0, 0}));
  EXPECT_FALSE(obeys({0, 1, 0, 2}));
  EXPECT_TRUE(Obeys(Picks{1, 255}, Values{15, 15}));
}

TEST(RuleTest, ObeysNeedsOneValuePerSlot) {
  for (const Rule& rule :
       std::vector<Rule>{Choose{0, 1, 2}, Plain(5, 2), Points{1, 2}, Picks{1, 9}}) {
    EXPECT_FALSE(Obeys(rule, Values{0}));
    EXPECT_FALSE(Obeys(rule, Values{0, 1, 0}));
    EXPECT_TRUE(Obeys(rule, Values{0, 1}));
  }
}

// A sum that wraps in 32 bits is still too large.
TEST(RuleTest, SumsDoNotWrap) {
  EXPECT_FALSE(Obeys(Total(4294967295u, 2, 0, 1), Values{4294967295u, 2}));
}

TEST(RuleTest, DegreeIsTheLargestOfTheStyle) {
  const auto degree = [](std::vector<ContestShape> contests) {
    return BallotShape{"s", std::move(contests), 1}.degree();
  };
  EXPECT_EQ(degree({{"a", Choose{1, 1, 2}}}), 2u);
  EXPECT_EQ(degree({{"a", Choose{0, 4, 5}}}), 5u);
  EXPECT_EQ(degree({{"a", Plain(5, 2)}, {"b", Choose{1, 1, 2}}}), 6u);
  EXPECT_EQ(degree({{"a", Total(2, 9, 3, 12)}}), 10u);
  EXPECT_EQ(degree({{"a", Points{5, 7}}}), 6u);
  EXPECT_EQ(degree({{"a", Points{1, 7}}}), 2u);
  EXPECT_EQ(degree({{"a", Picks{1, 2}}, {"b", Points{2, 3}}}), 16u);
}

}  // namespace
}  // namespace urna::crypto
