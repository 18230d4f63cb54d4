#include "tests/model/durability_model.h"

#include <gtest/gtest.h>

#include <string>

namespace urna::model {
namespace {

std::string Told(const Exploration& found) {
  std::string out = found.broken.value_or("nothing is broken");
  for (const std::string& step : found.trace) out += "\n  " + step;
  return out;
}

TEST(DurabilityModel, EveryReachableStateKeepsWhatWasPromised) {
  const Exploration found = Explore({}, {});
  EXPECT_FALSE(found.broken.has_value()) << Told(found);
  // The model has crashes, failing syncs and old copies in it, and walked through all of them.
  EXPECT_GT(found.states, 10'000u);
  EXPECT_GT(found.refusals, 0u);
}

struct Mutant {
  const char* name;
  bool Design::*fault;
  const char* breaks;
};

class WrongDesign : public testing::TestWithParam<Mutant> {};

// A model that cannot fail would show nothing.
TEST_P(WrongDesign, BreaksAPromise) {
  Design design;
  design.*GetParam().fault = true;
  const Exploration found = Explore(design, {});
  ASSERT_TRUE(found.broken.has_value());
  EXPECT_EQ(*found.broken, GetParam().breaks) << Told(found);
}

constexpr char kFork[] = "two signed histories";
constexpr char kLost[] = "an acknowledged ballot is gone and nobody says so";

INSTANTIATE_TEST_SUITE_P(
    Every, WrongDesign,
    testing::Values(
        Mutant{"AcknowledgeBeforeSync", &Design::acknowledge_before_sync, kLost},
        Mutant{"AcknowledgeBeforeAnchor", &Design::acknowledge_before_anchor, kLost},
        Mutant{"AnchorBeforeSync", &Design::anchor_before_sync, "refused after a plain crash"},
        Mutant{"AcknowledgeWithoutAnchorSync", &Design::acknowledge_without_anchor_sync, kLost},
        // The anchor, written later, knows of more than the disk holds.
        Mutant{"RetryAFailedSync", &Design::retry_failed_sync, "refused after a plain crash"},
        Mutant{"TrustTheAnchorAsRead", &Design::trust_the_anchor_as_read, kLost},
        Mutant{"ServeWhenBehind", &Design::serve_when_behind, kLost},
        Mutant{"ForgetWhatWasSentBefore", &Design::forget_what_was_sent_before,
               "a ballot is there twice"}),
    [](const auto& mutant) { return std::string(mutant.param.name); });

}  // namespace
}  // namespace urna::model
