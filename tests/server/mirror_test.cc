// A mirror beside a real server, over both of its doors.

#include "client/mirror.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/text.h"
#include "client/connection.h"
#include "client/ledger_source.h"
#include "ledger/evidence.h"
#include "ledger/export.h"
#include "tests/server/harness.h"

namespace urna::server::testing {
namespace {

namespace fs = std::filesystem;
using base::Cat;
using client::LedgerSource;
using client::Mirror;
using ::testing::IsEmpty;

class ServerMirror : public ::testing::TestWithParam<bool> {
 protected:
  void TearDown() override { mirror_.reset(); }

  void Start() {
    s_.RunUntilOpen();
    Mirror::Options options;
    options.folder = folder_.path() + "/mirror";
    options.poll = s_.poll();
    options.log = [](std::string_view) {};
    options.now = [] { return uint64_t{0}; };
    mirror_ = Mirror::Open(std::move(options)).value();
  }
  /// The port changes with every start.
  absl::StatusOr<Mirror::News> Follow() {
    if (GetParam()) {
      const auto source =
          client::OverHttp(client::LogUrl(s_.server().http_url(), s_.poll()), "").value();
      return mirror_->Follow(*source);
    }
    const auto connection =
        client::Connection::Open(
            {.target = s_.server().address(), .certificate = "", .plaintext = true})
            .value();
    return mirror_->Follow(*client::OverGrpc(*connection, s_.poll()));
  }
  void Swap(const std::string& by) {
    s_.Stop();
    fs::remove_all(s_.data());
    fs::copy(by, s_.data(), fs::copy_options::recursive);
    s_.Start();
  }

  TemporaryFolder folder_;
  TestServer s_{Small(4)};
  std::unique_ptr<Mirror> mirror_;
};

TEST_P(ServerMirror, FollowsAPollFromItsOpeningToItsCertificate) {
  Start();
  EXPECT_EQ(Follow().value(), Mirror::News::kNewer);
  const uint64_t opened = mirror_->checkpoint()->size;
  for (size_t voter = 0; voter < 3; ++voter) {
    ASSERT_TRUE(s_.Cast(s_.MakeBallot(voter, 0)).ok());
  }
  ASSERT_TRUE(s_.Cast(s_.MakeBallot(0, 1)).ok());
  // Nothing is shown before it is published.
  EXPECT_EQ(Follow().value(), Mirror::News::kSame);
  s_.clock.Set(s_.start() + 3600);
  Await([&] { return s_.Status().size() >= opened + 4; }, "the publication");
  EXPECT_EQ(Follow().value(), Mirror::News::kNewer);
  s_.clock.Set(s_.end());
  s_.WaitForPhase("ended");
  s_.Close();
  s_.DecryptAll();
  s_.Certify();
  EXPECT_EQ(Follow().value(), Mirror::News::kNewer);
  s_.Sync();
  const auto reader =
      ledger::ExportReader::Open(Cat(folder_.path(), "/mirror/", base::Hex(s_.poll()))).value();
  EXPECT_THAT(reader->file_faults(), IsEmpty());
  ASSERT_EQ(reader->checkpoint().size, s_.records.size());
  EXPECT_EQ(reader->ReadBundle(0).value(), s_.records);
  EXPECT_EQ(mirror_->alarm(), "");
}

TEST_P(ServerMirror, TellsAServerThatWasSetBackFromOneThatSignsTwoHistories) {
  Start();
  ASSERT_TRUE(Follow().ok());
  const std::string old = folder_.path() + "/old", newest = folder_.path() + "/new";
  s_.Stop();
  fs::copy(s_.data(), old, fs::copy_options::recursive);
  s_.Start();
  s_.Record(poll::Paused{.reason = "a fault", .approvals = {}});
  s_.Record(poll::Resumed{});
  EXPECT_EQ(Follow().value(), Mirror::News::kNewer);
  const uint64_t size = mirror_->checkpoint()->size;
  s_.Stop();
  fs::copy(s_.data(), newest, fs::copy_options::recursive);
  s_.Start();
  Swap(old);
  EXPECT_EQ(Follow().value(), Mirror::News::kOlder);
  Swap(newest);
  EXPECT_EQ(Follow().value(), Mirror::News::kSame);
  EXPECT_EQ(mirror_->alarm(), "");

  // The old one again, and it goes on otherwise: longer than what is held.
  Swap(old);
  for (size_t voter = 0; voter < 3; ++voter) {
    ASSERT_TRUE(s_.Cast(s_.MakeBallot(voter, 0)).ok());
  }
  s_.clock.Set(s_.start() + 3600);
  Await([&] { return s_.Status().size() > size; }, "the other history");
  const auto news = Follow();
  EXPECT_EQ(base::RejectId(news.status()), "ledger.forked") << news.status();
  const auto evidence = ledger::ParseEvidence(mirror_->Serve("evidence").body);
  ASSERT_TRUE(evidence.ok()) << evidence.status();
  EXPECT_TRUE(ledger::Judge(*evidence, s_.election.checkpoint_key()).proven);
  EXPECT_EQ(mirror_->checkpoint()->size, size);
}

INSTANTIATE_TEST_SUITE_P(Over, ServerMirror, ::testing::Bool(), [](const auto& test) {
  return std::string(test.param ? "Http" : "Grpc");
});

}  // namespace
}  // namespace urna::server::testing
