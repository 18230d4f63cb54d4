// Whatever the number of threads, and however records are cut into pieces: the same verdicts.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <string>
#include <vector>

#include "base/text.h"
#include "ledger/record.h"
#include "tests/support/attacks.h"
#include "tests/verifier/support.h"

namespace urna::verifier {
namespace {

using poll::RecordKind;
using Records = std::vector<std::string>;

struct NamedWork {
  std::string name;
  Work work;
};

/// One thread and pieces as they are shipped come first: the others are held against it.
std::vector<NamedWork> AllWork() {
  return {{"one thread", {.threads = 1}},
          {"four threads", {.threads = 4}},
          {"one thread, single records", {.threads = 1, .piece_records = 1}},
          {"four threads, single records", {.threads = 4, .piece_records = 1}},
          {"four threads, pieces of 3", {.threads = 4, .piece_records = 3}},
          {"two threads, pieces of 2,000 bytes", {.threads = 2, .piece_bytes = 2000}},
          {"three threads, no room ahead", {.threads = 3, .piece_records = 5, .ahead_bytes = 0}}};
}

/// Few that differ most, for many ledgers.
std::vector<NamedWork> SomeWork() {
  const std::vector<NamedWork> all = AllWork();
  return {all[0], all[3], all[6]};
}

/// The report is the same, word by word, whoever does the work.
void ExpectOneReport(Inputs inputs, const std::string& what,
                     const std::vector<NamedWork>& work = SomeWork()) {
  std::string first;
  for (const NamedWork& named : work) {
    inputs.work = named.work;
    const std::string report = ToJson(Audit(inputs));
    if (first.empty()) first = report;
    ASSERT_EQ(report, first) << what << ", " << named.name;
  }
}

TEST(Pipeline, OfACleanLedgerGivesOneReport) {
  for (const TestElection* election : {&CleanElection(), &WideElection()}) {
    const TempFolder folder;
    election->WriteExport(folder / "export");
    Inputs inputs;
    inputs.folder = folder / "export";
    inputs.poll = ledger::LeafHash(election->records()[0]);
    EXPECT_EQ(Audit(inputs).ExitCode(), 0);
    ExpectOneReport(inputs, "clean", AllWork());
  }
}

TEST(Pipeline, OfEveryAttackGivesOneReport) {
  for (const testing::Attack& attack : testing::Attacks()) {
    const auto election = attack.make();
    const TempFolder folder;
    election->WriteExport(folder / "export");
    Inputs inputs;
    inputs.folder = folder / "export";
    ExpectOneReport(inputs, attack.name);
    if (HasFatalFailure()) return;
  }
}

TEST(Pipeline, OfEveryDamagedRecordGivesOneReport) {
  const Records& good = CleanElection().records();
  for (size_t i = 0; i < good.size(); ++i) {
    for (const bool dropped : {false, true}) {
      Records bad = good;
      if (dropped) {
        bad.erase(bad.begin() + static_cast<ptrdiff_t>(i));
      } else {
        bad[i].back() ^= 1;
      }
      if (bad.empty()) continue;
      const TempFolder folder;
      // The chain is mended every second time, so that what it protects is judged without it.
      CleanElection().WriteExport(folder / "export", i % 2 == 0 ? TestElection::Rechain(bad) : bad);
      Inputs inputs;
      inputs.folder = folder / "export";
      ExpectOneReport(inputs, base::Cat(dropped ? "dropped " : "changed ", i));
      if (HasFatalFailure()) return;
    }
  }
}

TEST(Pipeline, OfALedgerWithoutItsSecondBundleReportsOnTheFirst) {
  const TempFolder folder;
  WideElection().WriteExport(folder / "export");
  const size_t rest = WideElection().records().size() - ledger::kTileWidth;
  WriteAll(folder / base::Cat("export/tile/entries/001.p/", rest), "no bundle");
  Inputs inputs;
  inputs.folder = folder / "export";
  const Report report = Audit(inputs);
  EXPECT_EQ(report.ExitCode(), 1);
  EXPECT_EQ(report.records_read, ledger::kTileWidth);
  ExpectOneReport(inputs, "malformed bundle", AllWork());
}

TEST(Pipeline, AppliesAllRecordsInOrderAndEachOnce) {
  const TempFolder folder;
  WideElection().WriteExport(folder / "export");
  const Records& records = WideElection().records();
  const auto reader = ledger::ExportReader::Open(folder / "export");
  ASSERT_TRUE(reader.ok());
  const std::atomic<bool> stop = false;
  for (const NamedWork& named : AllWork()) {
    for (const uint64_t claimed : {uint64_t{0}, uint64_t{1}, uint64_t{200}, uint64_t{257}}) {
      uint64_t next = 0;
      // Every third piece comes back, as if what it depends on had changed.
      std::set<uint64_t> came_back;
      const auto apply = [&](Piece& piece) -> Applied {
        EXPECT_EQ(piece.first, next);
        if (piece.first % 3 == 0 && came_back.insert(piece.first).second) {
          return {Applied::Outcome::kCheckAgain, {}};
        }
        EXPECT_EQ(piece.first < claimed, piece.first + piece.records.size() <= claimed);
        for (size_t i = 0; i < piece.records.size(); ++i, ++next) {
          EXPECT_EQ(piece.records[i], records[next]);
          EXPECT_EQ(piece.run.leaf(i), ledger::LeafHash(records[next]));
        }
        return {Applied::Outcome::kWhole, {}};
      };
      EXPECT_TRUE(StreamRecords(**reader, named.work, claimed, apply, stop).ok());
      EXPECT_EQ(next, records.size()) << named.name;
    }
  }
}

TEST(Pipeline, EndsWhenNothingMoreIsWanted) {
  const TempFolder folder;
  WideElection().WriteExport(folder / "export");
  const auto reader = ledger::ExportReader::Open(folder / "export");
  ASSERT_TRUE(reader.ok());
  const std::atomic<bool> stop = false;
  for (const NamedWork& named : AllWork()) {
    uint64_t pieces = 0;
    const auto apply = [&](Piece&) -> Applied {
      ++pieces;
      return {Applied::Outcome::kEnough, {}};
    };
    EXPECT_TRUE(StreamRecords(**reader, named.work, 0, apply, stop).ok());
    EXPECT_EQ(pieces, 1u) << named.name;
  }
}

TEST(Pipeline, EndsWhenItIsStoppedInTheMiddle) {
  const TempFolder folder;
  WideElection().WriteExport(folder / "export");
  for (const NamedWork& named : AllWork()) {
    Inputs inputs;
    inputs.folder = folder / "export";
    inputs.work = named.work;
    std::atomic<bool> stop = false;
    EXPECT_TRUE(absl::IsCancelled(Verify(
                                      inputs, [&](uint64_t, uint64_t) { stop = true; }, stop)
                                      .status()))
        << named.name;
  }
}

}  // namespace
}  // namespace urna::verifier
