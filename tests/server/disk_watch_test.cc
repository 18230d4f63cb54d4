// What a server does before its disk is full. What it does on a full one: full_disk_test.cc.

#include "server/disk_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <map>

#include "base/status.h"
#include "base/text.h"
#include "server/limits.h"
#include "tests/server/harness.h"

namespace urna::server::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;
using Use = DiskWatch::Use;

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kPlenty = 1000 * kMiB;

/// Free space by folder, as a test says.
class FakeDisk {
 public:
  void Set(const std::string& folder, uint64_t free) {
    Set(folder, [free] { return free; });
  }
  void Set(const std::string& folder, std::function<uint64_t()> free) {
    std::lock_guard guard(mutex_);
    free_[folder] = std::move(free);
  }
  DiskWatch::FreeSpace Reader() {
    return [this](const std::string& folder) -> absl::StatusOr<uint64_t> {
      std::lock_guard guard(mutex_);
      const auto found = free_.find(folder);
      return found == free_.end() ? kPlenty : found->second();
    };
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::function<uint64_t()>> free_;
};

class DiskWatchTest : public ::testing::Test {
 protected:
  DiskWatch& Watch(uint64_t floor, uint64_t ballast = 0) {
    watch_ = std::make_unique<DiskWatch>(DiskWatch::Options{.data = folder_.path(),
                                                            .anchor = "anchors",
                                                            .rocksdb_log = "log",
                                                            .floor = floor,
                                                            .ballast = ballast,
                                                            .free_space = disk_.Reader()},
                                         log_, [this] { ++changes_; });
    return *watch_;
  }
  void Measure(const std::string& folder, uint64_t free) {
    disk_.Set(folder, free);
    watch_->Measure();
  }
  bool Admits(Use use, uint64_t bytes = 0) const {
    const absl::Status status = watch_->Admit(use, bytes);
    EXPECT_TRUE(status.ok() || absl::IsResourceExhausted(status)) << status;
    EXPECT_NE(status.ok(), RetryAfter(status).has_value());
    return status.ok();
  }
  std::string TakeLines() { return std::exchange(lines_, ""); }
  std::string data() const { return folder_.path(); }
  std::string ballast() const { return BallastPath(data()); }
  uint64_t Allocated() const {
    struct stat info {};
    return stat(ballast().c_str(), &info) == 0 ? static_cast<uint64_t>(info.st_blocks) * 512 : 0;
  }

  TemporaryFolder folder_;
  FakeDisk disk_;
  FakeClock clock_;
  std::string lines_;
  Log log_{clock_, [this](std::string_view line) { lines_ += line; }};
  int changes_ = 0;
  std::unique_ptr<DiskWatch> watch_;
};

TEST_F(DiskWatchTest, RefusesWhatIsNewBelowTheFloorAndEverythingBelowHalfOfIt) {
  Watch(64 * kMiB);
  Measure(data(), 64 * kMiB);
  EXPECT_TRUE(Admits(Use::kTake));
  Measure(data(), 64 * kMiB - 1);
  EXPECT_FALSE(Admits(Use::kTake));
  EXPECT_TRUE(Admits(Use::kFinish));
  Measure(data(), 32 * kMiB);
  EXPECT_TRUE(Admits(Use::kFinish));
  Measure(data(), 32 * kMiB - 1);
  EXPECT_FALSE(Admits(Use::kFinish));
  Measure(data(), kPlenty);
  EXPECT_TRUE(Admits(Use::kTake));
  EXPECT_EQ(changes_, 2);
}

TEST_F(DiskWatchTest, DoesNotChangeItsMindAtEveryBallot) {
  Watch(64 * kMiB);
  Measure(data(), 63 * kMiB);
  Measure(data(), 71 * kMiB);
  EXPECT_FALSE(Admits(Use::kTake));
  Measure(data(), 72 * kMiB);
  EXPECT_TRUE(Admits(Use::kTake));
  Measure(data(), 65 * kMiB);
  EXPECT_TRUE(Admits(Use::kTake));
}

TEST_F(DiskWatchTest, RefusesWhatWouldNotFitAboveTheFloor) {
  Watch(64 * kMiB);
  Measure(data(), 94 * kMiB);
  EXPECT_TRUE(Admits(Use::kTake, 10 * kMiB));
  EXPECT_FALSE(Admits(Use::kTake, 10 * kMiB + 1));
  EXPECT_TRUE(Admits(Use::kFinish, 20 * kMiB));
  EXPECT_FALSE(Admits(Use::kFinish, 21 * kMiB));
}

TEST_F(DiskWatchTest, AnchorsNeedALittleAndTheDatabasesLogNothing) {
  Watch(64 * kMiB);
  Measure("anchors", 4 * kMiB);
  EXPECT_TRUE(Admits(Use::kTake));
  Measure("anchors", 4 * kMiB - 1);
  EXPECT_FALSE(Admits(Use::kTake));
  EXPECT_TRUE(Admits(Use::kFinish));
  Measure("anchors", kMiB);
  EXPECT_FALSE(Admits(Use::kFinish));
  Measure("anchors", kPlenty);
  TakeLines();
  Measure("log", 0);
  EXPECT_TRUE(Admits(Use::kTake));
  EXPECT_THAT(TakeLines(), HasSubstr("that log may lack lines"));
}

TEST_F(DiskWatchTest, WithoutAFloorNothingIsRefused) {
  Watch(0);
  Measure(data(), 0);
  EXPECT_TRUE(Admits(Use::kTake, kMiB));
  EXPECT_EQ(TakeLines(), "");
}

TEST_F(DiskWatchTest, SaysEachChangeOnceAndWithFigures) {
  Watch(64 * kMiB);
  EXPECT_EQ(TakeLines(), "");
  for (int i = 0; i < 3; ++i) Measure(data(), 50 * kMiB);
  const std::string low = TakeLines();
  EXPECT_THAT(low, HasSubstr(data() + " (the data) has 50 MiB free, less than the 64 MiB"));
  EXPECT_EQ(std::ranges::count(low, '\n'), 1);
  Measure(data(), 20 * kMiB);
  EXPECT_THAT(TakeLines(), HasSubstr("has 20 MiB free, less than half of the 64 MiB"));
  Measure(data(), 100 * kMiB);
  EXPECT_THAT(TakeLines(), HasSubstr("has 100 MiB free again"));
  Measure(data(), 100 * kMiB);
  EXPECT_EQ(TakeLines(), "");
}

TEST_F(DiskWatchTest, MeasuresTheFileSystemOfAFolderThatIsStillToBeMade) {
  const auto here = DiskWatch::FreeSpaceOf(data());
  const auto below = DiskWatch::FreeSpaceOf(data() + "/a/b");
  ASSERT_TRUE(here.ok() && below.ok());
  EXPECT_GT(*below, 0u);
  EXPECT_FALSE(DiskWatch::FreeSpaceOf(data() + "/" + std::string(300, 'x')).ok());
}

TEST_F(DiskWatchTest, KeepsTheLastMeasurementIfThereIsNoNewOne) {
  bool fails = false;
  DiskWatch watch({.data = data(),
                   .anchor = data(),
                   .rocksdb_log = data(),
                   .floor = 64 * kMiB,
                   .free_space = [&](const std::string&) -> absl::StatusOr<uint64_t> {
                     if (fails) return absl::UnavailableError("the disk is gone");
                     return 1;
                   }},
                  log_, [] {});
  fails = true;
  TakeLines();
  for (int i = 0; i < 3; ++i) watch.Measure();
  EXPECT_FALSE(watch.taking());
  // Once for each of the three folders.
  EXPECT_EQ(std::ranges::count(TakeLines(), '\n'), 3);
}

// --- The ballast ---------------------------------------------------------------------------------

TEST_F(DiskWatchTest, MakesABallastThatTakesRoom) {
  Watch(kMiB, 3 * kMiB).KeepBallast();
  EXPECT_GE(Allocated(), 3 * kMiB);
  EXPECT_EQ(fs::file_size(ballast()), 3 * kMiB);
  EXPECT_THAT(TakeLines(), HasSubstr("3 MiB are kept"));
  watch_->KeepBallast();
  EXPECT_EQ(TakeLines(), "");
}

TEST_F(DiskWatchTest, MakesABallastAnewWhenThereIsRoomForItAboveTheFloor) {
  Watch(8 * kMiB, 3 * kMiB).KeepBallast();
  fs::remove(ballast());
  Measure(data(), 12 * kMiB - 1);
  TakeLines();
  for (int i = 0; i < 3; ++i) watch_->KeepBallast();
  EXPECT_FALSE(fs::exists(ballast()));
  const std::string waits = TakeLines();
  EXPECT_THAT(waits, HasSubstr("is made when 12 MiB are free"));
  EXPECT_EQ(std::ranges::count(waits, '\n'), 1);
  Measure(data(), 12 * kMiB);
  watch_->KeepBallast();
  EXPECT_GE(Allocated(), 3 * kMiB);
}

TEST_F(DiskWatchTest, FillsTheHolesOfACopiedBallast) {
  std::ofstream(ballast()).flush();
  fs::resize_file(ballast(), 3 * kMiB);
  ASSERT_LT(Allocated(), kMiB);
  Watch(kMiB, 3 * kMiB).KeepBallast();
  EXPECT_GE(Allocated(), 3 * kMiB);
}

TEST_F(DiskWatchTest, FollowsTheSettingDownToNone) {
  Watch(kMiB, 3 * kMiB).KeepBallast();
  Watch(kMiB, 2 * kMiB).KeepBallast();
  EXPECT_EQ(fs::file_size(ballast()), 2 * kMiB);
  Watch(kMiB, 0).KeepBallast();
  EXPECT_FALSE(fs::exists(ballast()));
}

TEST_F(DiskWatchTest, AdvisesWhatToDoOnAFullDiskOnly) {
  const absl::Status full = absl::ResourceExhaustedError("F: No space left on device");
  Watch(kMiB, 3 * kMiB);
  EXPECT_THAT(watch_->Advice(full), HasSubstr("no ballast left"));
  watch_->KeepBallast();
  EXPECT_THAT(watch_->Advice(full), HasSubstr("\n  rm " + ballast() + "\n"));
  EXPECT_EQ(watch_->Advice(absl::ResourceExhaustedError("F: is larger than 5 bytes")), "");
  EXPECT_EQ(watch_->Advice(absl::DataLossError("F: No space left on device")), "");
}

// --- The server ----------------------------------------------------------------------------------

/// A server on a disk that a test fills.
class ServerOnADisk : public ::testing::Test {
 protected:
  static constexpr uint64_t kFloor = 64 * kMiB;

  ServerOnADisk() : s_(Small(6)) {
    s_.settings.disk_floor = kFloor / kMiB;
    s_.free_space = disk_.Reader();
  }
  /// Waits until the server has noticed.
  void Free(uint64_t bytes) {
    disk_.Set(s_.data(), bytes);
    const std::string figure = base::Cat(" has ", bytes / kMiB, " MiB free");
    Await([&] { return s_.log().find(figure) != std::string::npos; }, "the measurement");
  }
  static void ExpectLater(const Outcome& outcome) {
    EXPECT_EQ(outcome.code, grpc::StatusCode::RESOURCE_EXHAUSTED) << outcome;
    EXPECT_THAT(outcome.message, HasSubstr("what was acknowledged is safe"));
    EXPECT_THAT(outcome.message, HasSubstr("try again in 30 seconds"));
    EXPECT_EQ(outcome.retry_after_ms, "30000");
  }
  /// What gRPC's health service says of a service.
  bool Serves(const std::string& service) {
    const auto answer =
        s_.CallByName("/grpc.health.v1.Health/Check",
                      base::Cat('\x0a', static_cast<char>(service.size()), service));
    EXPECT_EQ(answer.first, grpc::StatusCode::OK);
    return answer.second == "\x08\x01";
  }

  FakeDisk disk_;
  TestServer s_;
};

TEST_F(ServerOnADisk, TakesNothingNewBelowTheFloorAndStillAnswersWhatItTook) {
  s_.RunUntilOpen();
  const std::string first = s_.MakeBallot(0, 0);
  v1::CastResponse receipt;
  ASSERT_TRUE(s_.Cast(first, &receipt).ok());
  const std::string second = s_.MakeBallot(1, 1);
  TestServer::Issuance begun, asked;
  ASSERT_TRUE(s_.Begin(2, &begun).ok());
  const v1::AnswerRequest request = s_.AnswerRequestFor(2, begun);
  Free(kFloor - kMiB);

  ExpectLater(s_.Cast(second));
  ExpectLater(s_.Begin(3, &asked));
  v1::AnswerResponse answer;
  ExpectLater(s_.Answer(request, &answer));
  // What was acknowledged is there.
  v1::CastResponse again;
  ASSERT_TRUE(s_.Cast(first, &again).ok());
  EXPECT_EQ(again.time(), receipt.time());
  v1::FetchResponse token;
  EXPECT_TRUE(s_.Fetch(1, &token).ok());
  EXPECT_EQ(s_.Status().phase(), "open");
  EXPECT_EQ(s_.Get(base::Cat("/", base::Hex(s_.poll()), "/checkpoint")).status, 200);

  Free(kPlenty);
  EXPECT_TRUE(s_.Cast(second).ok());
  // The session that was refused was not used up.
  EXPECT_TRUE(s_.Answer(request, &answer).ok());
  EXPECT_EQ(s_.fatal_calls(), 0);
}

TEST_F(ServerOnADisk, TakesNoPollAndNoRollBelowTheFloor) {
  s_.Start();
  Free(kFloor - kMiB);
  ExpectLater(s_.Approve(s_.DefinedPayload(), 0, s_.election.definition_json()));
  Free(kPlenty);
  s_.Define();
  Free(kFloor - 2 * kMiB);
  ExpectLater(s_.Approve(s_.RollPayload(), 0, s_.RollBytes()));
  disk_.Set(s_.data(), kPlenty + kMiB);
  Await([&] { return s_.Approve(s_.RollPayload(), 0, s_.RollBytes()).ok(); }, "room");
}

TEST_F(ServerOnADisk, FinishesAPollBelowTheFloor) {
  s_.RunUntilOpen();
  for (size_t voter = 0; voter < 3; ++voter) ASSERT_TRUE(s_.Cast(s_.MakeBallot(voter, 0)).ok());
  Free(kFloor / 2 + kMiB);
  s_.Record(poll::Paused{});
  s_.Sync();
  s_.Record(poll::Resumed{});
  s_.clock.Set(s_.end());
  s_.Close();
  s_.DecryptAll();
  s_.Certify();
  EXPECT_EQ(s_.Status().phase(), "certified");
}

TEST_F(ServerOnADisk, WritesNothingBelowHalfTheFloorAndGoesOnByItself) {
  s_.RunUntilOpen();
  ASSERT_TRUE(s_.Cast(s_.MakeBallot(0, 0)).ok());
  Free(kFloor / 2 - kMiB);
  ExpectLater(s_.Approve(poll::Paused{}, 0));
  s_.clock.Set(s_.end());
  Await([&] { return s_.log().find("ended: the server's disk") != std::string::npos; },
        "the refused end");
  EXPECT_EQ(s_.Status().phase(), "open");
  EXPECT_EQ(s_.fatal_calls(), 0);
  Free(kPlenty);
  s_.WaitForPhase("ended");
}

TEST_F(ServerOnADisk, TakesNoMoreAtOnceThanThereIsRoomFor) {
  Gate gate;
  s_.before_append = [&] {
    gate.Pass();
    return absl::OkStatus();
  };
  s_.RunUntilOpen();
  std::vector<std::string> ballots;
  for (size_t voter = 0; voter < 4; ++voter) ballots.push_back(s_.MakeBallot(voter, 0));
  // Room for two and a half, each written three times; less as the log grows.
  const auto log_bytes = [this] {
    uint64_t bytes = 0;
    for (const auto& entry : fs::directory_iterator(s_.data() + "/ledger")) {
      if (entry.path().extension() == ".log") bytes += entry.file_size();
    }
    return bytes;
  };
  const uint64_t at_first = log_bytes();
  disk_.Set(s_.data(), [=, room = 15 * ballots[0].size() / 2] {
    return kFloor + room - std::min(room, 3 * (log_bytes() - at_first));
  });
  gate.Close();
  std::vector<std::future<Outcome>> calls;
  const auto cast = [&](size_t i) {
    calls.push_back(std::async(std::launch::async, [&, i] { return s_.Cast(ballots[i]); }));
  };
  cast(0);
  gate.AwaitHeld(1);
  // Three more, for which there would be room one at a time, wait for the write that is held up.
  for (size_t i = 1; i < 4; ++i) cast(i);
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(s_.Cast("no ballot").ok());
  gate.Open();
  int taken = 0;
  for (auto& call : calls) taken += call.get().ok() ? 1 : 0;
  EXPECT_GE(taken, 1);
  EXPECT_LE(taken, 3);
}

TEST_F(ServerOnADisk, TellsWhoeverWatchesItsHealth) {
  s_.Start();
  EXPECT_TRUE(Serves("urna.v1.Casting"));
  EXPECT_TRUE(Serves("urna.v1.Issuing"));
  Free(kFloor - kMiB);
  Await([&] { return !Serves("urna.v1.Casting") && !Serves("urna.v1.Issuing"); }, "the alarm");
  EXPECT_TRUE(Serves(""));
  Free(kPlenty);
  Await([&] { return Serves("urna.v1.Casting") && Serves("urna.v1.Issuing"); }, "the all-clear");
}

TEST(Disk, AnIssuerFarAwayWaitsForRoom) {
  FakeDisk disk;
  TestServer box(Small(4, 1, 1, 1, 2));
  OutsideIssuer issuer(box, 1);
  issuer.settings.disk_floor = 64;
  issuer.free_space = disk.Reader();
  box.Start();
  issuer.Start();
  box.Define();
  box.SealRoll();
  box.WaitForPhase("waiting for the trustees to join");
  box.Sync();
  box.KeyCeremony();
  issuer.AwaitNews();
  disk.Set(issuer.data(), 20 * kMiB);
  box.Record(poll::Opened{});
  box.Sync();
  Await([&] { return issuer.log().find("RESOURCE_EXHAUSTED") != std::string::npos; },
        "the refusal");
  EXPECT_NE(issuer.Status().size(), box.Status().size());
  disk.Set(issuer.data(), kPlenty);
  issuer.AwaitNews();
  box.Issue(0);
  EXPECT_THAT(issuer.log(), HasSubstr("in order again"));
  EXPECT_EQ(issuer.fatal_calls(), 0);
}

}  // namespace
}  // namespace urna::server::testing
