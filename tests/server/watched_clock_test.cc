// What a clock that steps does to a server: it is stopped before it does anything by that time.

#include "server/watched_clock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"
#include "base/text.h"
#include "server/watchman.h"
#include "tests/server/harness.h"

namespace urna::server::testing {
namespace {

using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr uint64_t kNoon = 1'400'976'000;

/// A clock of which both hands are moved by the test.
class TwoHands final : public Clock {
 public:
  uint64_t Now() const override { return now; }
  std::chrono::steady_clock::time_point Ticks() const override {
    return std::chrono::steady_clock::time_point(ticks);
  }
  void Pass(uint64_t time) {
    now += time;
    ticks += seconds(time);
  }
  uint64_t now = kNoon;
  seconds ticks{1000};
};

class WatchedClockTest : public ::testing::Test {
 protected:
  TwoHands hands_;
  std::vector<std::string> stops_;
  WatchedClock clock_{hands_, {.tolerance = 5, .leap = 300}, [this](std::string_view reason) {
                        stops_.emplace_back(reason);
                      }};
};

TEST_F(WatchedClockTest, NeverGivesATimeBeforeTheLast) {
  hands_.Pass(100);
  EXPECT_EQ(clock_.Now(), kNoon + 100);
  hands_.now -= 5;
  EXPECT_EQ(clock_.Now(), kNoon + 100);
  hands_.Pass(3);
  EXPECT_EQ(clock_.Now(), kNoon + 100);
  hands_.Pass(3);
  EXPECT_EQ(clock_.Now(), kNoon + 101);
  EXPECT_THAT(stops_, IsEmpty());
}

TEST_F(WatchedClockTest, StopsWhenTheClockGoesBackAndStandsStillFromThenOn) {
  hands_.Pass(100);
  EXPECT_EQ(clock_.Now(), kNoon + 100);
  hands_.now -= 6;
  EXPECT_EQ(clock_.Now(), kNoon + 100);
  ASSERT_EQ(stops_.size(), 1u);
  EXPECT_THAT(stops_[0], AllOf(HasSubstr("went back"), HasSubstr(base::FormatUtc(kNoon + 100)),
                               HasSubstr(base::FormatUtc(kNoon + 94))));
  hands_.Pass(1000);
  EXPECT_EQ(clock_.Now(), kNoon + 100);
  EXPECT_EQ(stops_.size(), 1u);
}

TEST_F(WatchedClockTest, SmallStepsBackAddUp) {
  hands_.now -= 3;
  EXPECT_EQ(clock_.Now(), kNoon);
  hands_.now -= 3;
  EXPECT_EQ(clock_.Now(), kNoon);
  EXPECT_EQ(stops_.size(), 1u);
}

TEST_F(WatchedClockTest, StopsWhenTheClockIsSetBackToWhereItWas) {
  // Nobody asked for an hour, and the clock was set back by it.
  hands_.Pass(3600);
  hands_.now -= 3600;
  EXPECT_EQ(clock_.Now(), kNoon);
  EXPECT_EQ(stops_.size(), 1u);
}

TEST_F(WatchedClockTest, StopsWhenTheClockLeapsForwards) {
  hands_.Pass(10);
  hands_.now += 300;
  EXPECT_EQ(clock_.Now(), kNoon + 310);
  EXPECT_THAT(stops_, IsEmpty());
  hands_.Pass(10);
  hands_.now += 301;
  EXPECT_EQ(clock_.Now(), kNoon + 310);
  ASSERT_EQ(stops_.size(), 1u);
  EXPECT_THAT(stops_[0], AllOf(HasSubstr("leapt forwards"), HasSubstr(base::FormatUtc(kNoon + 310)),
                               HasSubstr(base::FormatUtc(kNoon + 621))));
}

TEST_F(WatchedClockTest, ALongSilenceIsNoLeap) {
  hands_.Pass(100'000);
  EXPECT_EQ(clock_.Now(), kNoon + 100'000);
  EXPECT_THAT(stops_, IsEmpty());
}

TEST_F(WatchedClockTest, GoesOnFromWhatWasRecorded) {
  EXPECT_TRUE(clock_.ContinueFrom(kNoon - 1'000'000, "here").ok());
  EXPECT_EQ(clock_.Now(), kNoon);
  EXPECT_TRUE(clock_.ContinueFrom(kNoon + 5, "here").ok());
  EXPECT_EQ(clock_.Now(), kNoon + 5);
  const absl::Status status = clock_.ContinueFrom(kNoon + 6, "in a file");
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr(base::FormatUtc(kNoon)), HasSubstr(base::FormatUtc(kNoon + 6)),
                    HasSubstr("in a file"), HasSubstr("6 seconds behind")));
  EXPECT_THAT(stops_, IsEmpty());
}

// --- Servers -------------------------------------------------------------------------------------

const urna::testing::ElectionOptions kSmall = Small(2);

std::string ClockFile(const TestServer& s) { return TimePath(s.data() + "/anchor"); }

void AwaitRemembered(const TestServer& s, uint64_t time) {
  Await([&] { return ReadTime(ClockFile(s)).value_or(0) == time; }, "the time to be remembered");
}

TEST(ServersClock, ALeapForwardsEndsNoPoll) {
  TestServer s(kSmall);
  s.clock.SetTicks(seconds(1));
  s.RunUntilOpen();
  s.clock.GoByItself();
  s.clock.Set(s.end() + 1);
  Await([&] { return !s.halted().empty(); }, "the stop");
  EXPECT_THAT(s.halted(), HasSubstr("leapt forwards"));
  // The stop, which does not end the process here, must have come before all else.
  EXPECT_EQ(s.Status().phase(), "open");
  const Outcome outcome = s.Cast(s.MakeBallot(0, 0));
  EXPECT_TRUE(outcome.ok()) << outcome;
  s.Stop();
  EXPECT_LT(ReadTime(ClockFile(s)).value(), s.end());
  EXPECT_EQ(s.log().find("'ended'"), std::string::npos) << s.log();
}

TEST(ServersClock, AClockThatGoesBackStopsTheServerBeforeAnyBallotHasTheTime) {
  TestServer s(kSmall);
  s.RunUntilOpen();
  const uint64_t hour = s.start() + 5 * 3600;
  s.clock.Set(hour);
  ASSERT_TRUE(s.Cast(s.MakeBallot(0, 0)).ok());
  s.clock.Set(hour - 60);
  v1::CastResponse response;
  const Outcome outcome = s.Cast(s.MakeBallot(1, 0), &response);
  EXPECT_TRUE(outcome.ok()) << outcome;
  EXPECT_EQ(response.time(), hour);
  EXPECT_THAT(s.halted(), AllOf(HasSubstr("went back"), HasSubstr(base::FormatUtc(hour - 60))));
}

TEST(ServersClock, IsRefusedAtStartWhenItIsBehindTheNewestRecord) {
  TestServer s(kSmall);
  s.RunUntilOpen();
  const uint64_t hour = s.start() + 5 * 3600;
  s.clock.Set(hour);
  ASSERT_TRUE(s.Cast(s.MakeBallot(0, 0)).ok());
  s.Stop();
  ASSERT_TRUE(std::filesystem::remove(ClockFile(s)));
  s.clock.Set(hour - 6);
  const absl::Status status = s.TryStart();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr(base::FormatUtc(hour - 6)), HasSubstr(base::FormatUtc(hour)),
                    HasSubstr("in a record of a ledger")));
  s.clock.Set(hour - 5);
  EXPECT_TRUE(s.TryStart().ok());
}

TEST(ServersClock, IsRefusedAtStartWhenItIsBehindWhatWasRemembered) {
  TestServer s(kSmall);
  s.Start();
  const uint64_t later = s.start() + 100'000;
  s.clock.Set(later);
  AwaitRemembered(s, later);
  s.Stop();
  s.clock.Set(later - 3600);
  const absl::Status status = s.TryStart();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(base::Cat("in ", ClockFile(s))));
  // What the guide tells an operator whose clock was ahead, and is right now.
  ASSERT_TRUE(std::filesystem::remove(ClockFile(s)));
  EXPECT_TRUE(s.TryStart().ok());
  AwaitRemembered(s, later - 3600);
}

TEST(ServersClock, AFileWithoutATimeIsNotTakenForNone) {
  TestServer s(kSmall);
  ASSERT_TRUE(base::MakeFolders(s.data() + "/anchor", 0700).ok());
  ASSERT_TRUE(base::WriteFileAtomic(ClockFile(s), "noon\n").ok());
  const absl::Status status = s.TryStart();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(ClockFile(s)));
}

}  // namespace
}  // namespace urna::server::testing
