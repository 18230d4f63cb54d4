// What happens when the disk fails, and what a damaged or old data folder does to the start.

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>

#include "base/text.h"
#include "server/setup.h"
#include "tests/server/harness.h"

namespace urna::server::testing {
namespace {

namespace fs = std::filesystem;

const urna::testing::ElectionOptions kSmall = Small(4);

TEST(Stores, AFailedWriteLeavesTheOutcomeOpenAndEndsTheServer) {
  std::atomic<bool> broken{false};
  Gate gate;
  TestServer s(kSmall);
  s.before_append = [&] {
    gate.Pass();
    return broken ? absl::UnavailableError("No space left on device") : absl::OkStatus();
  };
  s.RunUntilOpen();
  std::vector<std::string> ballots;
  for (size_t voter = 0; voter < 3; ++voter) ballots.push_back(s.MakeBallot(voter, 0));
  gate.Close();
  auto written = std::async(std::launch::async, [&] { return s.Cast(ballots[0]); });
  gate.AwaitHeld(1);
  auto waiting = std::async(std::launch::async, [&] { return s.Cast(ballots[1]); });
  broken = true;
  gate.Open();
  for (auto* call : {&written, &waiting}) {
    const Outcome outcome = call->get();
    EXPECT_EQ(outcome.code, grpc::StatusCode::UNAVAILABLE) << outcome;
    EXPECT_EQ(outcome.message, "the outcome is unknown; sending the same again is safe");
  }
  Await([&] { return s.fatal_calls() > 0; }, "the exit");
  EXPECT_NE(s.log().find("No space left on device"), std::string::npos);
  // Even a disk that recovers is not written to any more.
  broken = false;
  EXPECT_EQ(s.Cast(ballots[2]).code, grpc::StatusCode::UNAVAILABLE);
  s.Restart();
  for (const std::string& ballot : ballots) {
    const Outcome outcome = s.Cast(ballot);
    EXPECT_TRUE(outcome.ok()) << outcome;
  }
  s.clock.Set(s.end());
  s.WaitForPhase("ended");
  s.Sync();
  EXPECT_EQ(s.state().ballot_records(), 3u);
}

TEST(Stores, AnOldCopyOfTheLedgerIsRefusedAtStart) {
  TestServer s(kSmall);
  s.RunUntilOpen();
  s.Stop();
  const std::string ledger = s.data() + "/ledger";
  fs::copy(ledger, ledger + ".old", fs::copy_options::recursive);
  s.Start();
  ASSERT_TRUE(s.Cast(s.MakeBallot(0, 0)).ok());
  s.Stop();
  fs::remove_all(ledger);
  fs::rename(ledger + ".old", ledger);
  const absl::Status status = s.TryStart();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_NE(status.message().find("was signed"), absl::string_view::npos) << status;
}

/// A copy of a file or folder, to be put back later.
class Copy {
 public:
  explicit Copy(std::string path) : path_(std::move(path)) {
    fs::copy(path_, path_ + ".copy", fs::copy_options::recursive);
  }
  void PutBack() const {
    fs::remove_all(path_);
    fs::rename(path_ + ".copy", path_);
  }

 private:
  std::string path_;
};

TEST(Stores, WhatAKilledServerHadNotAnchoredIsAnchoredBeforeItIsServed) {
  TestServer s(kSmall);
  s.RunUntilOpen();
  const std::string ballot = s.MakeBallot(0, 0);
  s.Stop();
  const Copy ledger(s.data() + "/ledger");
  const Copy anchor(s.data() + "/anchor");
  s.Start();
  ASSERT_TRUE(s.Cast(ballot).ok());
  s.Stop();
  // As if it had died between the two.
  anchor.PutBack();
  s.Start();
  // The ballot is in, and its receipt must be a promise again.
  ASSERT_TRUE(s.Cast(ballot).ok());
  s.Stop();
  ledger.PutBack();
  const absl::Status status = s.TryStart();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
}

TEST(Stores, AnOldCopyTogetherWithItsAnchorIsBehindWhatWasPublished) {
  TestServer s(kSmall);
  s.RunUntilOpen();
  const std::string ballot = s.MakeBallot(0, 0);
  s.Stop();
  const Copy ledger(s.data() + "/ledger");
  const Copy anchor(s.data() + "/anchor");
  s.Start();
  const uint64_t published = s.Status().size();
  ASSERT_TRUE(s.Cast(ballot).ok());
  s.clock.Set(s.start() + 2 * 3600);
  Await([&] { return s.Status().size() > published; }, "the publication");
  s.Stop();
  ledger.PutBack();
  anchor.PutBack();
  const absl::Status status = s.TryStart();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_NE(status.message().find("was published"), absl::string_view::npos) << status;
}

TEST(Stores, NothingIsShownThatARestartWouldTakeBack) {
  TestServer s(kSmall);
  s.RunUntilOpen();
  const uint64_t published = s.Status().size();
  ASSERT_TRUE(s.Cast(s.MakeBallot(0, 0)).ok());
  const std::string folder = s.data() + "/published";
  fs::rename(folder, folder + ".away");
  std::ofstream(folder) << "no folder";
  s.clock.Set(s.start() + 2 * 3600);
  Await([&] { return s.log().find("trying again") != std::string::npos; }, "the failure");
  EXPECT_EQ(s.Status().size(), published);
  fs::remove(folder);
  fs::rename(folder + ".away", folder);
  Await([&] { return s.Status().size() > published; }, "the publication");
  // The same for what officials do while the poll is open.
  fs::rename(folder, folder + ".away");
  const uint64_t before = s.Status().size();
  EXPECT_EQ(s.Approve(poll::Paused{}, 0).code, grpc::StatusCode::OK);
  EXPECT_EQ(s.Approve(poll::Paused{}, 1).code, grpc::StatusCode::UNAVAILABLE);
  Await([&] { return s.fatal_calls() > 0; }, "the exit");
  EXPECT_EQ(s.Status().size(), before);
}

TEST(Stores, ALostLedgerIsRefusedAtStart) {
  TestServer s(kSmall);
  s.Start();
  s.Define();
  s.Stop();
  fs::remove_all(s.data() + "/ledger");
  const absl::Status status = s.TryStart();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
}

TEST(Stores, ALogOfTheDatabaseThatWasCutIsRefusedAtStart) {
  TestServer s(kSmall);
  s.RunUntilOpen();
  ASSERT_TRUE(s.Cast(s.MakeBallot(0, 0)).ok());
  s.Stop();
  size_t removed = 0;
  for (const auto& entry : fs::directory_iterator(s.data() + "/ledger")) {
    // The newest part of a ledger lives in the write-ahead log alone.
    if (entry.path().extension() == ".log") removed += fs::remove(entry.path()) ? 1 : 0;
  }
  ASSERT_GT(removed, 0u);
  EXPECT_FALSE(s.TryStart().ok());
}

absl::Status StartSecond(const Settings& settings) {
  FakeClock clock;
  Environment environment;
  environment.clock = &clock;
  environment.log = [](std::string_view) {};
  return Server::Start(settings, std::move(environment)).status();
}

void ExpectLocked(const absl::Status& status, const std::string& file) {
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  const std::string holder = base::Cat(file, ": is locked by process ", getpid(), " on ");
  EXPECT_NE(status.message().find(holder), absl::string_view::npos) << status;
}

TEST(Stores, TwoServersCannotShareAFolder) {
  TestServer s(kSmall);
  s.Start();
  Settings second = s.settings;
  second.anchor = s.data() + "-second-anchor";
  ExpectLocked(StartSecond(second), s.data() + "/server.lock");
}

TEST(Stores, TwoServersWithOneKeyCannotShareAnchors) {
  TestServer s(kSmall);
  s.Start();
  s.Define();
  s.Stop();
  Settings second = s.settings;
  second.data = s.data() + "-copy";
  fs::copy(s.data(), second.data, fs::copy_options::recursive);
  second.anchor = s.data() + "/anchor";
  s.Start();
  ExpectLocked(StartSecond(second), s.data() + "/anchor/anchor.lock");
}

TEST(Stores, AnAnchorThatSomebodyElseWritesEndsTheServer) {
  TestServer s(kSmall);
  s.RunUntilOpen();
  const std::string ballot = s.MakeBallot(0, 0);
  std::ofstream(s.data() + "/anchor/" + base::Hex(s.poll()) + ".anchor", std::ios::app) << 'x';
  const Outcome outcome = s.Cast(ballot);
  EXPECT_EQ(outcome.code, grpc::StatusCode::UNAVAILABLE) << outcome;
  Await([&] { return s.fatal_calls() > 0; }, "the exit");
  EXPECT_NE(s.log().find("was written to by somebody else"), std::string::npos) << s.log();
}

TEST(Stores, TwoProcessesCannotShareAnIssuersFolder) {
  TestServer s(kSmall);
  s.Start();
  Issuer::Options options;
  options.folder = IssuerFolder(s.data(), 0);
  options.anchor = s.data() + "/another.anchor";
  const auto second = Issuer::Open(std::move(options), crypto::Ed25519Key::New(), s.clock, nullptr);
  ExpectLocked(second.status(), s.data() + "/issuer-0/issuer.lock");
}

TEST(Stores, TwoServersCannotShareAnAddress) {
  TestServer s(kSmall);
  s.Start();
  TestServer other(kSmall);
  other.settings.listen = s.server().address();
  EXPECT_EQ(other.TryStart().code(), absl::StatusCode::kUnavailable);
}

TEST(Stores, AFolderThatIsNoServersIsNamed) {
  TestServer s(kSmall);
  fs::remove(s.data() + "/checkpoint.key");
  const absl::Status status = s.TryStart();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(status.message().find("urna-server setup"), absl::string_view::npos) << status;
}

}  // namespace
}  // namespace urna::server::testing
