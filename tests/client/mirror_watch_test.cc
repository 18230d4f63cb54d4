#include "client/mirror_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/status.h"

namespace urna::client {
namespace {

using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using News = Mirror::News;

class MirrorWatchTest : public ::testing::Test {
 protected:
  std::vector<std::string> At(int second, const absl::StatusOr<News>& outcome,
                              const std::string& source = "a") {
    return watch_.Note(source, outcome, size_, grows_within_, MirrorWatch::Time(seconds(second)));
  }
  MirrorWatch watch_{seconds(900), MirrorWatch::Time(seconds(0))};
  uint64_t size_ = 10;
  std::optional<uint64_t> grows_within_;
  const absl::Status gone_ = absl::UnavailableError("gone");
};

TEST_F(MirrorWatchTest, SaysOnceThatASourceFailsAndOnceThatItIsBack) {
  EXPECT_THAT(At(0, News::kNewer), IsEmpty());
  EXPECT_THAT(At(60, gone_), ElementsAre("a: gone; last news 60 s ago; trying again"));
  EXPECT_THAT(At(120, gone_), IsEmpty());
  EXPECT_THAT(At(300, base::Reject("tile.differs", "no")),
              ElementsAre("a: no (tile.differs); last news 5 min ago; trying again"));
  EXPECT_THAT(At(330, absl::UnavailableError("a/checkpoint: gone")),
              ElementsAre("a/checkpoint: gone; last news 5 min ago; trying again"));
  EXPECT_THAT(At(360, News::kSame), ElementsAre("a: in order again, after 6 min"));
  EXPECT_THAT(At(420, News::kSame), IsEmpty());
}

TEST_F(MirrorWatchTest, WarnsOnceOfALongSilence) {
  EXPECT_THAT(At(0, News::kSame), IsEmpty());
  EXPECT_EQ(At(60, gone_).size(), 1u);
  EXPECT_THAT(At(900, gone_), IsEmpty());
  EXPECT_THAT(At(901, gone_), ElementsAre("WARNING: no news from a for 15 min"));
  EXPECT_THAT(At(5000, gone_), IsEmpty());
  EXPECT_EQ(At(5060, News::kSame).size(), 1u);
  EXPECT_EQ(At(5100, gone_).size(), 1u);
  EXPECT_THAT(At(6000, gone_), ElementsAre(HasSubstr("WARNING")));
}

TEST_F(MirrorWatchTest, AnOldStateIsSaidOnceAndIsNoNews) {
  EXPECT_THAT(At(0, News::kSame), IsEmpty());
  EXPECT_THAT(At(60, News::kOlder),
              ElementsAre(AllOf(HasSubstr("older state"), HasSubstr("10 records"))));
  EXPECT_THAT(At(120, News::kOlder), IsEmpty());
  EXPECT_THAT(At(901, News::kOlder), ElementsAre(HasSubstr("WARNING: no news from a")));
}

TEST_F(MirrorWatchTest, WarnsOnceThatAnOpenPollDoesNotGrow) {
  grows_within_ = 3600;
  EXPECT_THAT(At(0, News::kNewer), IsEmpty());
  EXPECT_THAT(At(4500, News::kSame), IsEmpty());
  EXPECT_THAT(At(4501, News::kSame), ElementsAre(HasSubstr("has not grown for 75 min")));
  EXPECT_THAT(At(9000, News::kSame), IsEmpty());
  size_ = 11;
  EXPECT_THAT(At(9060, News::kNewer), IsEmpty());
  EXPECT_EQ(At(9060 + 4501, News::kSame).size(), 1u);
  // A poll that is not open may be quiet.
  grows_within_.reset();
  EXPECT_THAT(At(90'000, News::kSame), IsEmpty());
  grows_within_ = 3600;
  EXPECT_THAT(At(91'000, News::kSame), IsEmpty());
}

TEST_F(MirrorWatchTest, EachSourceHasItsOwnNews) {
  EXPECT_THAT(At(0, News::kSame, "a"), IsEmpty());
  EXPECT_THAT(At(0, gone_, "b"), ElementsAre("b: gone; no news yet; trying again"));
  EXPECT_THAT(At(901, News::kSame, "a"), IsEmpty());
  EXPECT_THAT(At(901, gone_, "b"), ElementsAre("WARNING: no news from b for 15 min"));
}

TEST_F(MirrorWatchTest, WaitsLongerWhileNobodyAnswers) {
  const seconds every(60);
  EXPECT_EQ(watch_.Pause(every), every);
  At(0, gone_);
  EXPECT_EQ(watch_.Pause(every), seconds(60));
  At(60, gone_);
  EXPECT_EQ(watch_.Pause(every), seconds(120));
  for (int i = 2; i < 50; ++i) At(60 * i, gone_);
  EXPECT_EQ(watch_.Pause(every), seconds(300));
  EXPECT_EQ(watch_.Pause(seconds(1000)), seconds(1000));
  At(4000, News::kSame, "b");
  EXPECT_EQ(watch_.Pause(every), every);
}

}  // namespace
}  // namespace urna::client
