// Random damage to an export's bundles and to the ledger itself: all of it is noticed.

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "base/text.h"
#include "ledger/record.h"
#include "ledger/tiles.h"
#include "tests/verifier/support.h"

namespace urna::verifier {
namespace {

using Records = std::vector<std::string>;

/// The smallest election that has every kind of proof: thousands of audits of it take a minute.
const TestElection& SmallElection() {
  static const TestElection* const kElection = [] {
    ElectionOptions options;
    options.voters = 3;
    options.styles = 1;
    options.officials = 1;
    options.officials_needed = 1;
    options.trustees = 2;
    auto* election = new TestElection(options);
    election->RunAll();
    return election;
  }();
  return *kElection;
}

class Damage : public ::testing::TestWithParam<int> {
 protected:
  size_t Pick(size_t count) { return std::uniform_int_distribution<size_t>(0, count - 1)(random_); }

  /// Drops, repeats, swaps or moves a record; says what it did.
  std::string Rearrange(Records& records) {
    const size_t i = Pick(records.size());
    const size_t j = (i + 1 + Pick(records.size() - 1)) % records.size();
    const auto at = [&](size_t k) { return records.begin() + static_cast<ptrdiff_t>(k); };
    switch (Pick(4)) {
      case 0:
        records.erase(at(i));
        return base::Cat("dropped record ", i);
      case 1:
        records.insert(at(j), std::string(records[i]));
        return base::Cat("repeated record ", i, " at ", j);
      case 2:
        std::swap(records[i], records[j]);
        return base::Cat("swapped records ", i, " and ", j);
      default: {
        std::string moved = records[i];
        records.erase(at(i));
        records.insert(at(j), std::move(moved));
        return base::Cat("moved record ", i, " to ", j);
      }
    }
  }

  /// Changes, adds or removes one byte; says what it did.
  std::string ChangeByte(std::string& bytes) {
    const size_t i = Pick(bytes.size());
    switch (Pick(4)) {
      case 0:
        bytes.erase(i, 1);
        return base::Cat("removed byte ", i);
      case 1:
        bytes.insert(i, 1, static_cast<char>(Pick(256)));
        return base::Cat("added byte ", i);
      default:
        bytes[i] = static_cast<char>(static_cast<uint8_t>(bytes[i]) ^ (1 + Pick(255)));
        return base::Cat("changed byte ", i);
    }
  }

  std::mt19937_64 random_{static_cast<uint64_t>(GetParam())};
};

class DamagedFiles : public Damage {};

TEST_P(DamagedFiles, AreRefusedWithoutException) {
  const TestElection& election = SmallElection();
  const TempFolder folder;
  election.WriteExport(folder / "export");
  const size_t count = election.records().size();
  ASSERT_LT(count, ledger::kTileWidth);
  const std::string bundle = folder / base::Cat("export/tile/entries/000.p/", count);
  const std::string good = ReadAll(bundle);
  Inputs inputs;
  inputs.folder = folder / "export";
  inputs.poll = ledger::LeafHash(election.records()[0]);
  ASSERT_EQ(Audit(inputs).ExitCode(), 0);
  for (int round = 0; round < 300; ++round) {
    std::string bad = good;
    std::string what;
    if (Pick(2) == 0) {
      what = ChangeByte(bad);
    } else {
      Records records = election.records();
      what = Rearrange(records);
      bad = ledger::EncodeBundle(records);
    }
    ASSERT_NE(bad, good) << what;
    WriteAll(bundle, bad);
    const Report report = Audit(inputs);
    EXPECT_EQ(report.ExitCode(), 1) << what << "\n" << ToText(report);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, DamagedFiles, ::testing::Range(1, 9));

class DamagedLedger : public Damage {};

/// The ballot box itself changes the ledger, mends the chain, the tree and all files, and signs.
TEST_P(DamagedLedger, IsRefusedThoughChainTreeAndSignatureAreMended) {
  const TestElection& election = SmallElection();
  const Records& good = election.records();
  Inputs inputs;
  inputs.poll = ledger::LeafHash(good[0]);
  for (int round = 0; round < 150; ++round) {
    Records bad = good;
    std::string what;
    if (Pick(2) == 0) {
      const size_t i = Pick(bad.size());
      // Behind the header: what the record says.
      std::string payload = bad[i].substr(ledger::kRecordHeaderBytes);
      if (payload.empty()) continue;
      what = base::Cat("record ", i, ": ", ChangeByte(payload));
      bad[i] = bad[i].substr(0, ledger::kRecordHeaderBytes) + payload;
      if (bad[i].size() > ledger::kMaxRecordBytes) continue;
    } else {
      what = Rearrange(bad);
    }
    bad = TestElection::Rechain(bad);
    // What is a beginning of the true ledger is not false, only not complete.
    if (bad.size() < good.size() && std::equal(bad.begin(), bad.end(), good.begin())) continue;
    const TempFolder folder;
    election.WriteExport(folder / "export", bad);
    inputs.folder = folder / "export";
    const Report report = Audit(inputs);
    EXPECT_EQ(report.ExitCode(), 1) << what << "\n" << ToText(report);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, DamagedLedger, ::testing::Range(101, 107));

class DamagedWideLedger : public Damage {};

TEST_P(DamagedWideLedger, IsRefusedByTheShippedProgram) {
  const TestElection& election = WideElection();
  const TempFolder folder;
  election.WriteExport(folder / "export");
  const std::string last =
      base::Cat("export/tile/entries/001.p/", election.records().size() - ledger::kTileWidth);
  for (int round = 0; round < 25; ++round) {
    const std::string path = folder / (Pick(2) == 0 ? "export/tile/entries/000" : last);
    const std::string good = ReadAll(path);
    std::string bad = good;
    const std::string what = ChangeByte(bad);
    WriteAll(path, bad);
    const Ran ran = RunVerifier({folder / "export", "--poll", PollId(election)});
    EXPECT_EQ(ran.exit_code, 1) << path << ": " << what << "\n" << ran.out << ran.err;
    WriteAll(path, good);
  }
  EXPECT_EQ(RunVerifier({folder / "export", "--poll", PollId(election)}).exit_code, 0);
}

INSTANTIATE_TEST_SUITE_P(Seeds, DamagedWideLedger, ::testing::Range(201, 205));

}  // namespace
}  // namespace urna::verifier
