#include "server/loss.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "ledger/checkpoint.h"
#include "tests/server/kept_city.h"

namespace urna::server::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// The second ballot is lost: `data` is what it was before, but for the anchors (and the issuer,
/// whose answers are on another disk).
class LossTest : public KeptCity {
 protected:
  void SetUp() override {
    KeptCity::SetUp();
    Older("ledger");
    Older("published");
  }
  LossOptions Options() const { return {data(), data() + "/anchor"}; }
  absl::Status Accept(uint64_t records = 1, const std::string& reason = "the disk broke") {
    return AcceptLoss(Options(), city_->poll(), records, reason, now());
  }
  Loss OneLoss() {
    const auto losses = FindLosses(Options());
    EXPECT_TRUE(losses.ok()) << losses.status();
    EXPECT_THAT(*losses, SizeIs(1));
    return losses.ok() && !losses->empty() ? losses->front() : Loss();
  }
  const poll::Course& PublishedCourse() {
    city_->Sync();
    return city_->state().course();
  }
};

TEST_F(LossTest, IsShownAsItIsAndChangesNothing) {
  const std::string anchor = ReadAll(AnchorFileOf(data()));
  const Loss loss = OneLoss();
  EXPECT_EQ(loss.poll, city_->poll());
  EXPECT_EQ(loss.phase, "open");
  EXPECT_EQ(loss.count(), 1u);
  EXPECT_EQ(loss.not_acceptable, "");
  ASSERT_THAT(loss.lost, SizeIs(1));
  EXPECT_EQ(loss.lost[0].path, AnchorFileOf(data()));
  EXPECT_EQ(loss.lost[0].checkpoint.size, loss.records + 1);
  EXPECT_EQ(ReadAll(AnchorFileOf(data())), anchor);
  EXPECT_EQ(TryStart(data()).code(), absl::StatusCode::kDataLoss);
}

TEST_F(LossTest, OnceItIsAcceptedTheServerGoesOnAndSaysSo) {
  const Loss loss = OneLoss();
  ASSERT_TRUE(Accept().ok());
  EXPECT_THAT(FindLosses(Options()).value(), IsEmpty());
  const absl::Status started = TryStart(data());
  ASSERT_TRUE(started.ok()) << started;
  // At once, although the poll publishes by the clock.
  EXPECT_EQ(city_->Status().size(), loss.records + 1);
  const auto& losses = PublishedCourse().losses;
  ASSERT_THAT(losses, SizeIs(1));
  EXPECT_EQ(losses[0].record, loss.records);
  EXPECT_EQ(losses[0].count(), 1u);
  EXPECT_EQ(losses[0].reason, "the disk broke");
  EXPECT_EQ(losses[0].lost[0], loss.lost[0].checkpoint);
  // Whose ballot was lost votes again, with the token they have.
  EXPECT_TRUE(city_->Cast(city_->MakeBallot(1, 1)).ok());
  city_->Stop();
  EXPECT_TRUE(TryStart(data()).ok());
}

TEST_F(LossTest, AnotherNumberThanIsMissingChangesNothing) {
  for (const uint64_t wrong : {0u, 2u}) {
    EXPECT_EQ(Accept(wrong).code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(Accept(1, "").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(OneLoss().count(), 1u);
}

TEST_F(LossTest, WhereNothingIsMissingNothingIsAccepted) {
  Copy(original_->path() + "/data", data());
  EXPECT_THAT(FindLosses(Options()).value(), IsEmpty());
  EXPECT_EQ(Accept(0).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Accept(1).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(LossTest, ARunningServersFolderIsLeftAlone) {
  Copy(original_->path() + "/data", data());
  ASSERT_TRUE(TryStart(data()).ok());
  EXPECT_EQ(FindLosses(Options()).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Accept().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(LossTest, AnotherHistoryIsNoLoss) {
  // Of the same length as what was signed, but other records.
  Copy(original_->path() + "/before", data());
  ASSERT_TRUE(TryStart(data()).ok());
  EXPECT_TRUE(city_->Cast(city_->MakeBallot(0, 1)).ok());
  city_->Stop();
  Copy(original_->path() + "/data/anchor", data() + "/anchor");
  EXPECT_THAT(OneLoss().not_acceptable, HasSubstr("this is another history"));
  EXPECT_EQ(Accept().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(LossTest, AnInterruptedAcceptanceIsFinishedByTheServer) {
  const std::string anchor = ReadAll(AnchorFileOf(data()));
  const std::string published = data() + "/published";
  Copy(published, In("published"));
  ASSERT_TRUE(Accept().ok());
  // As if the process had died right after the record was written.
  std::ofstream(AnchorFileOf(data()), std::ios::binary | std::ios::trunc) << anchor;
  Copy(In("published"), published);
  EXPECT_THAT(FindLosses(Options()).value(), IsEmpty());
  ASSERT_TRUE(TryStart(data()).ok());
  city_->Stop();
  EXPECT_NE(ReadAll(AnchorFileOf(data())), anchor);
}

TEST_F(LossTest, WhatIsFoundAfterwardsIsRefused) {
  ASSERT_TRUE(Accept().ok());
  Copy(original_->path() + "/data/ledger", data() + "/ledger");
  const absl::Status started = TryStart(data());
  EXPECT_EQ(started.code(), absl::StatusCode::kDataLoss) << started;
  EXPECT_THAT(Message(started), HasSubstr("are not those of the checkpoint"));
}

TEST_F(LossTest, TheLedgerWithTheRecordMustNotBeRolledBackEither) {
  ASSERT_TRUE(Accept().ok());
  Copy(data() + "/ledger", In("after"));
  ASSERT_TRUE(TryStart(data()).ok());
  ASSERT_TRUE(city_->Cast(city_->MakeBallot(1, 0)).ok());
  city_->Stop();
  Copy(In("after"), data() + "/ledger");
  EXPECT_EQ(TryStart(data()).code(), absl::StatusCode::kDataLoss);
}

TEST_F(LossTest, ASecondLossSpeaksOfTheFirstToo) {
  const auto first = OneLoss().lost[0].checkpoint;
  ASSERT_TRUE(Accept().ok());
  ASSERT_TRUE(TryStart(data()).ok());
  ASSERT_TRUE(city_->Cast(city_->MakeBallot(1, 0)).ok());
  city_->Stop();
  // And again the newest that is left is from before both.
  Older("ledger");
  Older("published");
  const Loss second = OneLoss();
  ASSERT_THAT(second.lost, SizeIs(2));
  EXPECT_EQ(second.lost[0].checkpoint, first);
  EXPECT_EQ(second.count(), 2u);
  ASSERT_TRUE(Accept(2).ok());
  ASSERT_TRUE(TryStart(data()).ok());
  const auto& losses = PublishedCourse().losses;
  ASSERT_THAT(losses, SizeIs(1));
  EXPECT_THAT(losses[0].lost, SizeIs(2));
}

TEST_F(LossTest, WhatWasGivenUpCannotBecomeUnsaid) {
  const std::string anchor = ReadAll(AnchorFileOf(before()));
  ASSERT_TRUE(Accept().ok());
  // The ledger from before the record, with anchors to match: but for the note that was kept.
  Older("ledger");
  Older("published");
  std::ofstream(AnchorFileOf(data()), std::ios::binary | std::ios::trunc) << anchor;
  const absl::Status started = TryStart(data());
  EXPECT_EQ(started.code(), absl::StatusCode::kDataLoss) << started;
  EXPECT_THAT(Message(started), HasSubstr(".lost"));
}

TEST_F(LossTest, AnswersOfAnIssuerCannotBeGivenUp) {
  Older("issuer-0");
  ASSERT_TRUE(Accept().ok());
  const absl::Status started = TryStart(data());
  EXPECT_EQ(started.code(), absl::StatusCode::kDataLoss) << started;
  EXPECT_THAT(Message(started), HasSubstr("an old copy would give second tokens"));
}

TEST_F(LossTest, WhatWasPublishedAndIsLostIsReplacedAtOnce) {
  Copy(original_->path() + "/data", data());
  ASSERT_TRUE(TryStart(data()).ok());
  const uint64_t published = city_->Status().size(), time = now();
  city_->clock.Set(time + 2 * 3600);
  Await([&] { return city_->Status().size() > published; }, "the publication");
  const uint64_t shown = city_->Status().size();
  city_->Stop();
  Older("ledger");
  const Loss loss = OneLoss();
  EXPECT_GT(shown, loss.records);
  ASSERT_TRUE(Accept(loss.count()).ok());
  const absl::Status started = TryStart(data());
  ASSERT_TRUE(started.ok()) << started;
  EXPECT_EQ(city_->Status().size(), loss.records + 1);
  EXPECT_THAT(PublishedCourse().losses, SizeIs(1));
  city_->Stop();
  city_->clock.Set(time);
}

}  // namespace
}  // namespace urna::server::testing
