// What damage to the data folder does to the start. RocksDB does not notice all of it: what the
// server promises is that it never serves a ledger that lost something, and says what is wrong.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "base/text.h"
#include "ledger/checkpoint.h"
#include "server/anchor.h"
#include "tests/server/harness.h"

namespace urna::server::testing {
namespace {

namespace fs = std::filesystem;

std::string ContentOf(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void Replace(const fs::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

/// The one non-empty file of this kind, or the largest.
fs::path Largest(const fs::path& folder, std::string_view part_of_name) {
  fs::path found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().filename().string().find(part_of_name) == std::string::npos) continue;
    if (found.empty() || entry.file_size() > fs::file_size(found)) found = entry.path();
  }
  EXPECT_FALSE(found.empty()) << part_of_name;
  return found;
}

/// Where the records of a write-ahead log end. Its blocks are of 32 KiB; a fragment has a checksum,
/// a length (u16le) and a kind: 1 whole, 2 first, 3 middle, 4 last.
std::vector<size_t> RecordEnds(const std::string& log) {
  constexpr size_t kBlock = 32768;
  constexpr size_t kHeader = 7;
  std::vector<size_t> ends;
  for (size_t at = 0; at + kHeader <= log.size();) {
    if (kBlock - at % kBlock < kHeader) {
      at += kBlock - at % kBlock;
      continue;
    }
    const size_t length = static_cast<uint8_t>(log[at + 4]) |
                          static_cast<size_t>(static_cast<uint8_t>(log[at + 5])) << 8;
    const char kind = log[at + 6];
    at += kHeader + length;
    if (kind == 1 || kind == 4) ends.push_back(at);
  }
  return ends;
}

void Flip(const fs::path& path, size_t at) {
  std::string bytes = ContentOf(path);
  ASSERT_LT(at, bytes.size());
  bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
  Replace(path, bytes);
}

struct Damage {
  std::string name;
  std::string says;  ///< a part of what the refusal says
  std::function<void(const fs::path& ledger)> damage;
};

constexpr char kCut[] = "was signed: the store was cut, or is an old copy; records";
constexpr char kDamaged[] = "the database is damaged";

std::vector<Damage> Matrix() {
  const auto log = [](const fs::path& ledger) { return Largest(ledger, ".log"); };
  const auto table = [](const fs::path& ledger) { return Largest(ledger, ".sst"); };
  const auto manifest = [](const fs::path& ledger) { return Largest(ledger, "MANIFEST-"); };
  const auto cut_log_to = [log](const fs::path& ledger, auto choose) {
    const std::string bytes = ContentOf(log(ledger));
    const std::vector<size_t> ends = RecordEnds(bytes);
    ASSERT_GE(ends.size(), 8u);
    ASSERT_EQ(ends.back(), bytes.size());
    Replace(log(ledger), bytes.substr(0, choose(ends)));
  };
  using Ends = std::vector<size_t>;
  return {
      {"LogCutInTheMiddleOfARecord", kCut,
       [=](const fs::path& ledger) {
         cut_log_to(ledger, [](const Ends& ends) { return ends[ends.size() / 2] + 20; });
       }},
      {"LogCutBetweenTwoRecords", kCut,
       [=](const fs::path& ledger) {
         cut_log_to(ledger, [](const Ends& ends) { return ends[ends.size() / 2]; });
       }},
      // The last records are a ballot and the (unsynced) copy of its checkpoint.
      {"LogCutBeforeTheLastBallot", kCut,
       [=](const fs::path& ledger) {
         cut_log_to(ledger, [](const Ends& ends) { return ends[ends.size() - 3]; });
       }},
      {"LogCutInTheLastBallot", kCut,
       [=](const fs::path& ledger) {
         cut_log_to(ledger, [](const Ends& ends) { return ends[ends.size() - 2] - 1; });
       }},
      {"LogEmptied", kCut, [=](const fs::path& ledger) { Replace(log(ledger), ""); }},
      {"LogDeleted", kCut, [=](const fs::path& ledger) { fs::remove(log(ledger)); }},
      {"LogWithAZeroedTail", kDamaged,
       [=](const fs::path& ledger) {
         std::string bytes = ContentOf(log(ledger));
         const size_t from = RecordEnds(bytes)[4] + 30;
         std::fill(bytes.begin() + static_cast<ptrdiff_t>(from), bytes.end(), '\0');
         Replace(log(ledger), bytes);
       }},
      {"LogWithABitFlippedInTheMiddle", kDamaged,
       [=](const fs::path& ledger) { Flip(log(ledger), fs::file_size(log(ledger)) / 2); }},
      {"LogWithABitFlippedInTheLastRecord", kDamaged,
       [=](const fs::path& ledger) { Flip(log(ledger), fs::file_size(log(ledger)) - 10); }},
      {"TableWithABitFlippedInItsFirstRecords", "Corruption",
       [=](const fs::path& ledger) { Flip(table(ledger), 100); }},
      {"TableWithABitFlippedInTheMiddle", "Corruption",
       [=](const fs::path& ledger) { Flip(table(ledger), fs::file_size(table(ledger)) / 2); }},
      {"TableWithoutItsEnd", kDamaged,
       [=](const fs::path& ledger) {
         fs::resize_file(table(ledger), fs::file_size(table(ledger)) / 2);
       }},
      {"TableDeleted", kDamaged, [=](const fs::path& ledger) { fs::remove(table(ledger)); }},
      {"ManifestWithABitFlipped", kDamaged,
       [=](const fs::path& ledger) {
         Flip(manifest(ledger), fs::file_size(manifest(ledger)) / 2);
       }},
      {"ManifestEmptied", kDamaged, [=](const fs::path& ledger) { Replace(manifest(ledger), ""); }},
      {"ManifestDeleted", kDamaged, [=](const fs::path& ledger) { fs::remove(manifest(ledger)); }},
      {"CurrentOfNonsense", kDamaged,
       [](const fs::path& ledger) { Replace(ledger / "CURRENT", "nonsense\n"); }},
      {"CurrentCutShort", kDamaged,
       [](const fs::path& ledger) { Replace(ledger / "CURRENT", "MANIFEST-"); }},
      {"CurrentEmptied", kDamaged, [](const fs::path& ledger) { Replace(ledger / "CURRENT", ""); }},
      {"CurrentDeleted", "CURRENT is gone",
       [](const fs::path& ledger) { fs::remove(ledger / "CURRENT"); }},
      {"EverythingDeleted", "was signed once and is gone",
       [](const fs::path& ledger) {
         fs::remove_all(ledger);
         fs::create_directories(ledger);
       }},
  };
}

/// A server with an open poll and eight ballots, the older half of its records in a table and the
/// newer in the write-ahead log; put back before each test.
class Damaged : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    server_ = std::make_unique<TestServer>(Small(8));
    TestServer& s = *server_;
    s.RunUntilOpen();
    for (size_t voter = 0; voter < 4; ++voter) ASSERT_TRUE(s.Cast(s.MakeBallot(voter, 0)).ok());
    s.Restart();
    for (size_t voter = 4; voter < 8; ++voter) {
      last_ballot_ = s.MakeBallot(voter, 0);
      ASSERT_TRUE(s.Cast(last_ballot_).ok());
    }
    s.Stop();
    fs::copy(s.data(), whole(), fs::copy_options::recursive);
  }
  static void TearDownTestSuite() { server_.reset(); }
  void SetUp() override { PutBack(); }
  void TearDown() override { server_->Stop(); }

  static std::string whole() { return server_->data() + ".whole"; }
  static void PutBack() {
    fs::remove_all(server_->data());
    fs::copy(whole(), server_->data(), fs::copy_options::recursive);
  }
  static fs::path ledger() { return server_->data() + "/ledger"; }
  static std::string anchor() { return AnchorPath(server_->data() + "/anchor", server_->poll()); }
  static void ExpectRefused(const std::string& says) {
    const absl::Status status = server_->TryStart();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    EXPECT_NE(status.ToString().find(says), std::string::npos) << status;
    EXPECT_NE(status.ToString().find("Never remove an anchor"), std::string::npos) << status;
  }

  static std::unique_ptr<TestServer> server_;
  static std::string last_ballot_;
};
std::unique_ptr<TestServer> Damaged::server_;
std::string Damaged::last_ballot_;

// One test, so that the server is run once.
TEST_F(Damaged, LedgersAreRefusedAndTheRefusalSaysWhatIsWrong) {
  for (const Damage& row : Matrix()) {
    SCOPED_TRACE(row.name);
    PutBack();
    row.damage(ledger());
    ExpectRefused(row.says);
    // And again, whatever the first start did to the files.
    EXPECT_EQ(server_->TryStart().code(), absl::StatusCode::kDataLoss);
    server_->Stop();
    // A copy of the whole folder, put back, is all right.
    PutBack();
    ASSERT_TRUE(server_->TryStart().ok());
    EXPECT_TRUE(server_->Cast(last_ballot_).ok());
    server_->Stop();
  }
}

/// Where the database itself notices, a refused start has changed nothing.
TEST_F(Damaged, APartPutBackIsEnoughIfTheDatabaseNoticed) {
  for (const std::string name : {"CURRENT", "MANIFEST-", ".sst", ".log"}) {
    PutBack();
    const fs::path path = Largest(ledger(), name);
    const std::string content = ContentOf(path);
    Flip(path, content.size() / 2);
    EXPECT_EQ(server_->TryStart().code(), absl::StatusCode::kDataLoss) << name;
    Replace(path, content);
    const absl::Status status = server_->TryStart();
    EXPECT_TRUE(status.ok()) << name << ": " << status;
    server_->Stop();
  }
}

TEST_F(Damaged, AnchorOfTheSameSizeWithAnotherRootIsRefused) {
  ASSERT_TRUE(server_->TryStart().ok());
  server_->Stop();
  auto file = AnchorFile::Open(anchor());
  ASSERT_TRUE(file.ok()) << file.status();
  const auto& party = server_->state().definition()->ballot_box;
  auto checkpoint = ledger::OpenCheckpoint((*file)->newest(), party);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  checkpoint->root[5] ^= 1;
  ASSERT_TRUE(
      (*file)->Append(ledger::SignCheckpoint(*checkpoint, server_->election.ballot_box())).ok());
  file->reset();
  ExpectRefused("are not those of the checkpoint that was signed");
}

TEST_F(Damaged, AnchorOfAnotherLedgerIsRefused) {
  auto file = AnchorFile::Open(anchor());
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE((*file)->Append("no checkpoint").ok());
  file->reset();
  ExpectRefused("the anchor is not a checkpoint of this ledger");
}

TEST_F(Damaged, AnswersOfAnIssuerAreRefused) {
  const fs::path answers = server_->data() + "/issuer-0/answers";
  fs::remove(Largest(answers, ".log"));
  ExpectRefused("older than");
  PutBack();
  Flip(Largest(answers, ".log"), fs::file_size(Largest(answers, ".log")) / 2);
  ExpectRefused(kDamaged);
  PutBack();
  Flip(Largest(answers, ".sst"), 100);
  ExpectRefused("Corruption");
  PutBack();
  fs::remove(answers / "CURRENT");
  ExpectRefused("CURRENT is gone");
}

}  // namespace
}  // namespace urna::server::testing
