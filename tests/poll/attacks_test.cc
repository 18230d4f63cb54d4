#include "tests/support/attacks.h"

#include <gtest/gtest.h>

#include "base/status.h"

namespace urna::testing {
namespace {

class AttackTest : public ::testing::TestWithParam<Attack> {};

// The first record that the state refuses is refused for exactly the rule that was broken.
TEST_P(AttackTest, IsRefusedForTheRuleThatWasBroken) {
  const auto election = GetParam().make();
  ASSERT_FALSE(election->faults().empty());
  EXPECT_EQ(base::RejectId(election->faults()[0].second), GetParam().reject_id)
      << election->faults()[0].second;
  // Where the poll could go on to its certificate, nothing else was broken.
  if (election->state().phase() == poll::Phase::kCertified) {
    EXPECT_EQ(election->faults().size(), 1u) << election->faults()[1].second;
  }
}

INSTANTIATE_TEST_SUITE_P(Poll, AttackTest, ::testing::ValuesIn(Attacks()),
                         [](const auto& attack) { return attack.param.name; });

}  // namespace
}  // namespace urna::testing
