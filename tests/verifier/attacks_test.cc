// Every attack of tests/support/attacks.h through the shipped program: it exits with 1 and names
// the record and the rule.

#include "tests/support/attacks.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "base/bytes.h"
#include "base/status.h"

namespace urna::testing {
namespace {

class ShippedVerifier : public ::testing::TestWithParam<Attack> {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "urna-attack-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  struct Outcome {
    int exit_code;
    nlohmann::json report;
  };
  Outcome Verify(const TestElection& election, const Hash32& poll,
                 const std::string& options = "") {
    const std::string exported = folder_ + "/export";
    election.WriteExport(exported);
    const std::string command = std::string(URNA_BIN) + "/urna-verify " + exported +
                                " --json --poll " + base::Hex(poll) + options + " 2>/dev/null";
    FILE* pipe = popen(command.c_str(), "r");
    std::string output;
    char buffer[4096];
    for (size_t got; (got = fread(buffer, 1, sizeof buffer, pipe)) > 0;) output.append(buffer, got);
    const int status = pclose(pipe);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1,
            nlohmann::json::parse(output, nullptr, /*allow_exceptions=*/false)};
  }

  std::string folder_;
};

TEST_P(ShippedVerifier, ExitsWithOneAndNamesTheRecordAndTheRule) {
  const auto election = GetParam().make();
  const Outcome outcome = Verify(*election, election->state().poll());
  EXPECT_EQ(outcome.exit_code, 1);
  ASSERT_TRUE(outcome.report.contains("checks")) << outcome.report;
  const uint64_t record = election->faults()[0].first;
  bool named = false;
  for (const auto& check : outcome.report["checks"]) {
    for (const auto& fault : check["faults"]) {
      if (fault.value("id", "") != GetParam().reject_id || fault["record"] != record) continue;
      named = true;
      EXPECT_EQ(check["verdict"], "FAIL");
    }
  }
  EXPECT_TRUE(named) << GetParam().reject_id << " at record " << record << "\n"
                     << outcome.report.dump(1);
}

// What an auditor checked before the attack stands for nothing that comes with it.
TEST_P(ShippedVerifier, NamesTheSameFaultsSinceAnExportFromBeforeTheAttack) {
  const auto election = GetParam().make();
  const uint64_t record = election->faults()[0].first;
  if (record == 0) return;
  const std::vector<std::string>& records = election->records();
  election->WriteExport(folder_ + "/older",
                        {records.begin(), records.begin() + static_cast<ptrdiff_t>(record)});
  const Outcome all = Verify(*election, election->state().poll());
  std::filesystem::remove_all(folder_ + "/export");
  const Outcome since =
      Verify(*election, election->state().poll(), " --since " + folder_ + "/older");
  EXPECT_EQ(since.exit_code, 1);
  ASSERT_TRUE(since.report.contains("checks")) << since.report;
  ASSERT_EQ(since.report["checks"].size(), all.report["checks"].size());
  for (size_t i = 0; i < all.report["checks"].size(); ++i) {
    const auto& expected = all.report["checks"][i];
    const auto& check = since.report["checks"][i];
    // Where the attack is on the definition no key is known to judge the older export with.
    if (check["check"] == "older-export") {
      EXPECT_NE(check["verdict"], "SKIPPED");
      continue;
    }
    EXPECT_EQ(check["faults"], expected["faults"]) << check["check"];
    EXPECT_EQ(check["verdict"] == "TAKEN" ? "PASS" : check["verdict"], expected["verdict"])
        << check["check"];
  }
}

INSTANTIATE_TEST_SUITE_P(Verifier, ShippedVerifier, ::testing::ValuesIn(Attacks()),
                         [](const auto& attack) { return attack.param.name; });

TEST_F(ShippedVerifier, AcceptsACleanLedgerOfEveryShape) {
  for (const uint32_t issuers : {1u, 2u}) {
    ElectionOptions options;
    options.issuers = issuers;
    TestElection election(options);
    election.RunAll();
    std::filesystem::remove_all(folder_ + "/export");
    const Outcome outcome = Verify(election, election.state().poll());
    EXPECT_EQ(outcome.exit_code, 0) << outcome.report.dump(1);
  }
}

TEST_F(ShippedVerifier, RefusesAWholeAlternativeLedgerPreparedInAdvance) {
  TestElection pinned, alternative;
  pinned.RunUntilOpen();
  alternative.RunAll();
  EXPECT_EQ(Verify(alternative, pinned.state().poll()).exit_code, 1);
}

}  // namespace
}  // namespace urna::testing
