// A server on a disk that is really full: a small tmpfs in a mount namespace of this test's own.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/text.h"
#include "ledger/receipt.h"
#include "server/disk_watch.h"
#include "server/fsck.h"
#include "tests/server/harness.h"

namespace urna::server::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr uint64_t kKiB = 1024;
constexpr uint64_t kMiB = 1024 * kKiB;

std::string the_disk;     // where it is mounted
std::string why_no_disk;  // "" if it is there

void Write(const char* path, const std::string& text) {
  std::ofstream file(path);
  file << text;
}

/// Before any thread: namespaces are of processes.
std::string MountDisk() {
  const auto failed = [](const char* what) { return base::Cat(what, ": ", std::strerror(errno)); };
  const uid_t user = getuid();
  const gid_t group = getgid();
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0) {
    Write("/proc/self/setgroups", "deny");
    Write("/proc/self/uid_map", base::Cat("0 ", user, " 1"));
    Write("/proc/self/gid_map", base::Cat("0 ", group, " 1"));
  } else if (unshare(CLONE_NEWNS) != 0) {
    return failed("unshare");
  }
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return failed("mount /");
  std::string folder = fs::temp_directory_path().string() + "/urna-full-disk.XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) return failed("mkdtemp");
  the_disk = folder;
  if (mount("tmpfs", folder.c_str(), "tmpfs", 0, "size=60m,mode=0700") != 0) {
    return failed("mount tmpfs");
  }
  setenv("TMPDIR", folder.c_str(), 1);
  return "";
}

void UnmountDisk() {
  if (why_no_disk.empty()) umount2(the_disk.c_str(), MNT_DETACH);
  if (!the_disk.empty()) rmdir(the_disk.c_str());
}

uint64_t FreeOnDisk() { return DiskWatch::FreeSpaceOf(the_disk).value(); }

class FullDisk : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!why_no_disk.empty()) GTEST_SKIP() << "no small disk can be mounted here: " << why_no_disk;
  }
  void TearDown() override { MakeRoom(); }

  static std::string filler() { return the_disk + "/filler"; }
  /// What somebody else writes, until so many bytes are free.
  static void Fill(uint64_t leave) {
    const int fd = open(filler().c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ASSERT_GE(fd, 0);
    for (uint64_t free = FreeOnDisk(); free > leave; free = FreeOnDisk()) {
      ASSERT_EQ(fallocate(fd, 0, lseek(fd, 0, SEEK_END), static_cast<off_t>(free - leave)), 0);
    }
    close(fd);
  }
  static void MakeRoom() {
    std::error_code error;
    fs::remove(filler(), error);
  }
};

/// Ballots of all voters, each voting `times` times, in an order that can be sent.
std::vector<std::string> Ballots(TestServer& s, size_t times) {
  std::vector<std::string> ballots;
  for (size_t i = 0; i < times; ++i) {
    for (size_t voter = 0; voter < s.election.voter_count(); ++voter) {
      ballots.push_back(s.MakeBallot(voter, static_cast<int>(i % 2)));
    }
  }
  return ballots;
}

TEST_F(FullDisk, LosesNothingThatWasAcknowledgedAndStartsAgainWithoutItsBallast) {
  TestServer s(Small(8));
  s.settings.ballast = 8;
  s.RunUntilOpen();
  const std::string ballast = BallastPath(s.data());
  Await([&] { return fs::exists(ballast); }, "the ballast");
  const std::vector<std::string> ballots = Ballots(s, 20);
  std::vector<v1::CastResponse> receipts;

  Fill(64 * kKiB);
  Outcome outcome;
  while (receipts.size() < ballots.size()) {
    v1::CastResponse receipt;
    outcome = s.Cast(ballots[receipts.size()], &receipt);
    if (!outcome.ok()) break;
    receipts.push_back(receipt);
  }
  ASSERT_LT(receipts.size(), ballots.size());
  EXPECT_EQ(outcome.code, grpc::StatusCode::UNAVAILABLE) << outcome;
  EXPECT_EQ(outcome.message, "the outcome is unknown; sending the same again is safe");
  Await([&] { return s.fatal_calls() > 0; }, "the exit");
  EXPECT_THAT(s.log(), HasSubstr(std::strerror(ENOSPC)));
  s.Stop();

  // As often as a service manager may try.
  for (int i = 0; i < 5; ++i) {
    Fill(0);
    const absl::Status status = s.TryStart();
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("\n  rm " + ballast + "\n"));
  }
  fs::remove(ballast);
  s.Start();
  for (size_t i = 0; i < ballots.size(); ++i) {
    v1::CastResponse receipt;
    ASSERT_TRUE(s.Cast(ballots[i], &receipt).ok()) << i;
    if (i >= receipts.size()) continue;
    EXPECT_EQ(receipt.time(), receipts[i].time());
    EXPECT_EQ(receipt.previous(), receipts[i].previous());
  }
  EXPECT_FALSE(fs::exists(ballast));
  MakeRoom();
  Await([&] { return fs::exists(ballast); }, "the ballast");

  s.clock.Set(s.end());
  s.WaitForPhase("ended");
  s.Sync();
  EXPECT_EQ(s.state().ballot_records(), ballots.size());
  for (const v1::CastResponse& response : receipts) {
    const auto receipt = ledger::Receipt::Parse(response.receipt());
    ASSERT_TRUE(receipt.ok()) << receipt.status();
    EXPECT_TRUE(ledger::VerifyReceipt(*receipt, s.state().definition()->ballot_box).ok());
    ASSERT_LT(receipt->index, s.records.size());
    EXPECT_EQ(ledger::LeafHash(s.records[receipt->index]), receipt->leaf);
  }
  s.Stop();
  const auto report = Fsck({.data = s.data(), .anchor = "", .progress = {}});
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->sound()) << report->Text();
}

TEST_F(FullDisk, LosesNoTokenThatWasGiven) {
  // The answers of some fit into what the disk gave to the log already.
  constexpr size_t kResidents = 40;
  TestServer s(Small(kResidents));
  s.settings.ballast = 8;
  s.RunUntilOpen();
  const std::string ballast = BallastPath(s.data());
  Await([&] { return fs::exists(ballast); }, "the ballast");
  std::vector<TestServer::Issuance> sessions(kResidents);
  std::vector<v1::AnswerRequest> requests;
  for (size_t voter = 0; voter < kResidents; ++voter) {
    ASSERT_TRUE(s.Begin(voter, &sessions[voter]).ok());
    requests.push_back(s.AnswerRequestFor(voter, sessions[voter]));
  }
  std::vector<std::string> answers;
  Outcome outcome;
  for (const v1::AnswerRequest& request : requests) {
    if (answers.size() == 3) Fill(0);
    v1::AnswerResponse response;
    outcome = s.Answer(request, &response);
    if (!outcome.ok()) break;
    answers.push_back(response.answer());
  }
  ASSERT_LT(answers.size(), requests.size());
  EXPECT_EQ(outcome.code, grpc::StatusCode::UNAVAILABLE) << outcome;
  Await([&] { return s.fatal_calls() > 0; }, "the exit");
  s.Stop();
  Fill(0);
  EXPECT_THAT(std::string(s.TryStart().message()), HasSubstr("rm " + ballast));
  fs::remove(ballast);
  s.Start();
  for (size_t voter = 0; voter < kResidents; ++voter) {
    v1::AnswerResponse response;
    const Outcome again = s.Answer(requests[voter], &response);
    if (voter < answers.size()) {
      ASSERT_TRUE(again.ok()) << again;
      EXPECT_EQ(response.answer(), answers[voter]);
    } else if (!again.ok()) {
      EXPECT_EQ(again.reject, "token.session-unknown") << again;
      s.Issue(voter);
    }
  }
}

TEST_F(FullDisk, IsReadAndStaysUpWhereTheFloorIsWatched) {
  TestServer s(Small(4));
  s.settings.disk_floor = 16;
  s.RunUntilOpen();
  const std::vector<std::string> ballots = Ballots(s, 2);
  ASSERT_TRUE(s.Cast(ballots[0]).ok());
  Fill(0);
  Await([&] { return s.log().find("less than half of the 16 MiB") != std::string::npos; },
        "the alarm");
  EXPECT_EQ(s.Cast(ballots[1]).code, grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(s.Cast(ballots[0]).ok());
  s.Sync();
  // Hours pass, in which counts fall due, publications, and remembering the time.
  s.clock.Set(s.start() + 2 * 3600);
  Await([&] { return s.log().find("the time cannot be remembered") != std::string::npos; },
        "the watchman");
  Await([&] { return s.log().find("issuance counted: the server's disk") != std::string::npos; },
        "the count");
  EXPECT_EQ(s.Status().phase(), "open");
  EXPECT_EQ(s.fatal_calls(), 0);
  MakeRoom();
  for (const std::string& ballot : ballots) {
    Await([&] { return s.Cast(ballot).ok(); }, "room");
  }
  EXPECT_EQ(s.fatal_calls(), 0);
  s.clock.Set(s.end());
  s.WaitForPhase("ended");
}

TEST_F(FullDisk, StartsAndIsReadBelowTheFloor) {
  TestServer s(Small(4));
  s.settings.disk_floor = 40;
  s.RunUntilOpen();
  const std::string ballot = s.MakeBallot(0, 0);
  s.Stop();
  Fill(10 * kMiB);
  s.Start();
  EXPECT_EQ(s.Status().phase(), "open");
  EXPECT_EQ(s.Cast(ballot).code, grpc::StatusCode::RESOURCE_EXHAUSTED);
  MakeRoom();
  Await([&] { return s.Cast(ballot).ok(); }, "room");
}

}  // namespace
}  // namespace urna::server::testing

int main(int argc, char** argv) {
  using namespace urna::server::testing;
  why_no_disk = MountDisk();
  ::testing::InitGoogleTest(&argc, argv);
  const int result = RUN_ALL_TESTS();
  UnmountDisk();
  return result;
}
