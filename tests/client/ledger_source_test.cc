#include "client/ledger_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"
#include "client/interrupt.h"
#include "client/poll_view.h"
#include "http/server.h"
#include "ledger/export.h"
#include "ledger/tiles.h"
#include "tests/client/fake_server.h"
#include "tests/support/election.h"

namespace urna::client {
namespace {

using base::Cat;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TestElection;

std::string Id(const absl::Status& status) { return base::RejectId(status); }
std::string Text(const absl::Status& status) { return std::string(status.message()); }

/// An export folder behind a web server that knows nothing of ledgers.
class WebServer {
 public:
  explicit WebServer(std::string folder) : folder_(std::move(folder)) {
    server_ = http::Server::Start({.listen = "127.0.0.1:0"}, [this](const http::Request& request) {
                return Answer(request.path);
              }).value();
  }
  std::string url() const { return Cat("http://", server_->address()); }

  /// What is answered instead of the file at a path below the poll's.
  std::map<std::string, http::Response> instead;
  /// Called with each such path before it is answered.
  std::function<void(const std::string&)> before;
  std::vector<std::string> TakeAsked() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return std::exchange(asked_, {});
  }

 private:
  http::Response Answer(const std::string& path) {
    const size_t slash = path.find('/', 1);
    const std::string file = slash == std::string::npos ? "" : path.substr(slash + 1);
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      asked_.push_back(file);
    }
    if (before) before(file);
    if (const auto it = instead.find(file); it != instead.end()) return it->second;
    const auto content = base::ReadFile(Cat(folder_, "/", file));
    if (!content.ok()) return {.status = 404};
    return {.body = *content};
  }

  const std::string folder_;
  std::mutex mutex_;
  std::vector<std::string> asked_;
  std::unique_ptr<http::Server> server_;
};

/// A ledger of one full bundle and a bit more.
class HttpSourceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    temporary_ = TemporaryFolder::Create().value();
    election_.RunUntilOpen();
    while (election_.records().size() < 260) election_.CountIssuance();
    ASSERT_TRUE(election_.faults().empty()) << election_.faults()[0].second;
    election_.WriteExport(Shown());
    web_ = std::make_unique<WebServer>(Shown());
    source_ = OverHttp(LogUrl(web_->url(), poll()), "").value();
  }
  std::string Shown() const { return temporary_->path() + "/shown"; }
  std::string Fetched() const { return temporary_->path() + "/fetched"; }
  const Hash32& poll() { return election_.state().poll(); }
  /// The log goes on, and what is no longer of its checkpoint is gone.
  void Grow(size_t size) {
    while (election_.records().size() < size) election_.CountIssuance();
    std::filesystem::remove_all(Shown());
    election_.WriteExport(Shown());
  }
  absl::StatusOr<ledger::Checkpoint> Fetch() {
    return FetchLedger(*source_, poll(), Fetched(), [](std::string_view, uint64_t, uint64_t) {});
  }
  absl::StatusOr<std::vector<std::string>> Records(uint64_t first, uint64_t last) {
    std::vector<std::string> records;
    URNA_RETURN_IF_ERROR(
        source_->Records(first, last, [&](const std::string& record) -> absl::StatusOr<bool> {
          records.push_back(record);
          return true;
        }));
    return records;
  }
  std::vector<std::string> Expected(size_t first, size_t last) {
    return {election_.records().begin() + static_cast<ptrdiff_t>(first),
            election_.records().begin() + static_cast<ptrdiff_t>(last)};
  }

  std::unique_ptr<TemporaryFolder> temporary_;
  TestElection election_;
  std::unique_ptr<WebServer> web_;
  std::unique_ptr<LedgerSource> source_;
};

TEST_F(HttpSourceTest, ReadsAFolderOfFilesBehindAnyWebServer) {
  const auto note = source_->Checkpoint();
  ASSERT_TRUE(note.ok()) << note.status();
  EXPECT_EQ(*note, base::ReadFile(Shown() + "/checkpoint").value());
  for (const auto& [first, last] :
       std::vector<std::pair<size_t, size_t>>{{0, 260}, {0, 1}, {255, 257}, {256, 260}, {3, 3}}) {
    const auto records = Records(first, last);
    ASSERT_TRUE(records.ok()) << records.status();
    EXPECT_EQ(*records, Expected(first, last)) << first << " to " << last;
  }
  EXPECT_EQ(source_->name(), Cat(web_->url(), "/", base::Hex(poll())));
}

TEST_F(HttpSourceTest, FetchesTheSameFolder) {
  const auto checkpoint = Fetch();
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  EXPECT_EQ(checkpoint->size, 260u);
  auto shown = FilesUnder(Shown()), fetched = FilesUnder(Fetched());
  ASSERT_EQ(shown.size(), fetched.size());
  for (const auto& [path, content] : shown) {
    EXPECT_EQ(fetched[Fetched() + path.substr(Shown().size())], content) << path;
  }
}

TEST_F(HttpSourceTest, AsksOnlyForWhatIsNeeded) {
  ASSERT_TRUE(PollView::FetchUntilOpened(*source_, poll()).ok());
  EXPECT_THAT(web_->TakeAsked(), ElementsAre("checkpoint", "tile/entries/000"));
  ASSERT_TRUE(Fetch().ok());
  Grow(270);
  web_->TakeAsked();
  ASSERT_TRUE(Fetch().ok());
  EXPECT_THAT(web_->TakeAsked(), ElementsAre("checkpoint", "tile/entries/001.p/14"));
}

TEST_F(HttpSourceTest, TakesTheFullBundleWhereThePartialOneIsGone) {
  // Between checkpoint and bundle the log grows.
  bool grown = false;
  web_->before = [&](const std::string& file) {
    if (file != "checkpoint" && !std::exchange(grown, true)) Grow(520);
  };
  const auto before = Expected(0, 260);
  const auto checkpoint = Fetch();
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  EXPECT_EQ(checkpoint->size, 260u);
  EXPECT_THAT(web_->TakeAsked(), ElementsAre("checkpoint", "tile/entries/000",
                                             "tile/entries/001.p/4", "tile/entries/001"));
  const auto reader = ledger::ExportReader::Open(Fetched()).value();
  EXPECT_EQ(reader->ReadBundle(1).value(), Expected(256, 260));
}

TEST_F(HttpSourceTest, RefusesABundleOfAnotherFormOrContent) {
  const std::string bundle = "tile/entries/001.p/4";
  const std::string good = base::ReadFile(Cat(Shown(), "/", bundle)).value();
  const auto fetch_of = [&](const std::string& body) {
    web_->instead[bundle] = {.body = body};
    return Id(Fetch().status());
  };
  EXPECT_EQ(fetch_of(""), "bundle.malformed");
  EXPECT_EQ(fetch_of(good.substr(1)), "bundle.malformed");
  EXPECT_EQ(fetch_of(good.substr(0, good.size() - 1)), "bundle.malformed");
  EXPECT_EQ(fetch_of(good + good), "bundle.malformed");
  EXPECT_EQ(fetch_of(ledger::EncodeBundle(Expected(257, 260))), "bundle.malformed");
  std::string changed = good;
  changed.back() ^= 1;
  EXPECT_EQ(fetch_of(changed), "ledger.root");
  auto swapped = Expected(256, 260);
  std::swap(swapped[1], swapped[2]);
  EXPECT_EQ(fetch_of(ledger::EncodeBundle(swapped)), "ledger.chain-broken");
  EXPECT_THAT(Text(Fetch().status()), HasSubstr("record 257"));
  EXPECT_FALSE(std::filesystem::exists(Fetched()));
}

TEST_F(HttpSourceTest, RefusesACheckpointThatIsNoneOrOfAnotherLedger) {
  const auto fetch_of = [&](const std::string& note) {
    web_->instead["checkpoint"] = {.body = note};
    return Id(Fetch().status());
  };
  EXPECT_EQ(fetch_of("hello"), "note.malformed");
  const ledger::Checkpoint other{election_.checkpoint_key().name, 260, Hash32{1}};
  EXPECT_EQ(fetch_of(ledger::SignCheckpoint(other, election_.ballot_box())), "ledger.root");
  EXPECT_EQ(fetch_of(ledger::SignCheckpoint(other, election_.official(0))), "note.unsigned");
}

TEST_F(HttpSourceTest, ReadsHashTilesCutToWhatIsAskedFor) {
  ASSERT_TRUE(source_->Checkpoint().ok());
  const auto tile = source_->Tile({0, 1, 4});
  ASSERT_TRUE(tile.ok()) << tile.status();
  EXPECT_EQ(**tile, base::ReadFile(Shown() + "/tile/0/001.p/4").value());
  web_->instead["tile/0/001.p/4"] = {.body = std::string(127, 'x')};
  EXPECT_EQ(Id(source_->Tile({0, 1, 4}).status()), "tile.malformed");
  web_->instead["tile/0/001.p/4"] = {.body = **tile + "more"};
  EXPECT_EQ(source_->Tile({0, 1, 4}).value(), **tile);
  // The log has grown, and the partial tile is gone.
  web_->instead["tile/0/001.p/4"] = {.status = 404};
  EXPECT_EQ(source_->Tile({0, 1, 4}).status().code(), absl::StatusCode::kNotFound);
  web_->instead["tile/0/001"] = {.body = **tile + std::string(252 * 32, 'y')};
  EXPECT_EQ(source_->Tile({0, 1, 4}).value(), **tile);
}

TEST_F(HttpSourceTest, SaysWhatIsNotThereAndWhatFailed) {
  const auto unknown = OverHttp(Cat(web_->url(), "/nobody/knows"), "").value();
  EXPECT_EQ(unknown->Checkpoint().status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(Text(unknown->Checkpoint().status()), HasSubstr(Cat(web_->url(), "/nobody/knows")));
  web_->instead["checkpoint"] = {.status = 302};
  EXPECT_EQ(source_->Checkpoint().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(Text(source_->Checkpoint().status()), HasSubstr("status 302"));
  web_->instead["tile/entries/000"] = {.status = 404};
  EXPECT_EQ(Records(0, 1).status().code(), absl::StatusCode::kNotFound);
  for (const char* url : {"vote.example:1", "ftp://vote.example/a", "http://user@vote.example"}) {
    EXPECT_EQ(OverHttp(url, "").status().code(), absl::StatusCode::kInvalidArgument) << url;
  }
}

TEST_F(HttpSourceTest, TriesAgainWhatMayPass) {
  int asked = 0;
  web_->instead["tile/entries/000"] = {.status = 503};
  web_->before = [&](const std::string& file) {
    if (file == "tile/entries/000" && ++asked == 2) web_->instead.clear();
  };
  EXPECT_EQ(Records(0, 256).value(), Expected(0, 256));
  EXPECT_EQ(asked, 2);
  // What will not pass is asked for once, and what does not pass not for ever.
  web_->instead["tile/entries/000"] = {.status = 403};
  asked = 10;
  EXPECT_FALSE(Records(0, 256).ok());
  EXPECT_EQ(asked, 11);
}

TEST_F(HttpSourceTest, TheCallerMayStop) {
  int taken = 0;
  const absl::Status status = source_->Records(
      250, 260, [&](const std::string&) -> absl::StatusOr<bool> { return ++taken < 3; });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(taken, 3);
  EXPECT_THAT(web_->TakeAsked(), ElementsAre("tile/entries/000"));
  const absl::Status failed = source_->Records(
      250, 260,
      [&](const std::string&) -> absl::StatusOr<bool> { return absl::DataLossError("full"); });
  EXPECT_EQ(failed.code(), absl::StatusCode::kDataLoss);
}

TEST(LogUrl, IsTheServersWithThePollId) {
  Hash32 poll{};
  poll[31] = 0xab;
  const std::string id = std::string(62, '0') + "ab";
  EXPECT_EQ(LogUrl("https://vote.example", poll), "https://vote.example/" + id);
  EXPECT_EQ(LogUrl("https://vote.example/logs/", poll), "https://vote.example/logs/" + id);
}

}  // namespace
}  // namespace urna::client
