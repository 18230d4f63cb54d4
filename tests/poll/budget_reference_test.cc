// Real elections, counted by every rule, against outcomes computed by another program, and against
// what the cities decided. The data is not part of this repository: URNA_DATA names a folder whose
// subfolder pabulib has the elections, MANIFEST.json and expected/; without it these tests are
// skipped.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <tuple>
#include <vector>

#include "base/file.h"
#include "poll/counting/budget.h"
#include "poll/counting/greedy.h"
#include "poll/counting/pabulib.h"

namespace urna::poll::counting {
namespace {

using Json = nlohmann::json;
using Ids = std::vector<std::string>;

constexpr int kParts = 6;  // of the files, so that they are counted on all cores

std::optional<std::filesystem::path> DataFolder() {
  const char* folder = std::getenv("URNA_DATA");
  if (folder == nullptr) return std::nullopt;
  return std::filesystem::path(folder) / "pabulib";
}

std::string Read(const std::filesystem::path& path) {
  const auto text = base::ReadFile(path.string());
  EXPECT_TRUE(text.ok()) << text.status();
  return text.ok() ? *text : "";
}

/// An election of the folder, by its file's name.
PabulibElection Load(const std::filesystem::path& folder, const std::string& file) {
  const auto parsed = ParsePabulib(file, Read(folder / file));
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  auto election = ReadPabulib(file, *parsed);
  EXPECT_TRUE(election.ok()) << election.status();
  return std::move(*election);
}

struct Election {
  PabulibElection file;
  Json manifest;  // its entry in MANIFEST.json
  Json expected;  // expected/NAME.json
  std::string name;
};

/// The rules of the reference results.
BudgetRule Rule(std::variant<Greedy, EqualShares> method) {
  BudgetRule rule;
  rule.method = std::move(method);
  rule.ties = {TieStep::kLowerCost, TieStep::kMoreVotes, TieStep::kId};
  return rule;
}
BudgetRule Skip(Key key) { return Rule(Greedy{.key = key}); }
BudgetRule Stop(Key key) { return Rule(Greedy{.key = key, .misfit = Misfit::kStop}); }
BudgetRule WithThreshold(BudgetRule rule, uint64_t at_least) {
  rule.threshold = Threshold{.of = std::get<Greedy>(rule.method).key, .at_least = {at_least, 1}};
  return rule;
}
BudgetRule TopRank(Key key) {
  BudgetRule rule = Skip(key);
  rule.ties = {TieStep::kMoreTopMarks, TieStep::kId};
  return rule;
}
BudgetRule Shares(Utility utility, Completion completion, bool then_greedy, uint64_t step) {
  return Rule(EqualShares{
      .utility = utility, .step = step, .completion = completion, .then_greedy = then_greedy});
}

/// The rule of that name in the reference results, for this election.
std::optional<BudgetRule> RuleNamed(const std::string& name, const Election& election) {
  const bool by_votes = election.expected.at("results").at("greedy_key") == "votes";
  const Key key = by_votes ? Key::kVotes : Key::kPoints;
  uint64_t threshold = 0;
  const Json& meta = election.expected.at("meta");
  if (meta.contains("min_project_score_threshold")) {
    threshold = std::stoull(meta.at("min_project_score_threshold").get<std::string>());
  }
  if (name == "greedy_skip") return Skip(key);
  if (name == "greedy_stop") return Stop(key);
  if (name == "greedy_per_cost") return Skip(by_votes ? Key::kVotesPerCost : Key::kPointsPerCost);
  if (name == "greedy_skip_toprank") return TopRank(key);
  if (name == "greedy_skip_threshold") return WithThreshold(Skip(key), threshold);
  if (name == "greedy_stop_threshold") return WithThreshold(Stop(key), threshold);
  for (const auto& [utility, prefix] :
       {std::pair(Utility::kCost, "mes_cost"), std::pair(Utility::kPoints, "mes_points")}) {
    for (const auto& [completion, then_greedy, suffix] :
         {std::tuple(Completion::kNone, false, ""),
          std::tuple(Completion::kNone, true, "_then_greedy"),
          std::tuple(Completion::kAdd1, false, "_add1"),
          std::tuple(Completion::kAdd1, true, "_add1u"),
          std::tuple(Completion::kAdd1Exhaustive, false, "_add1e"),
          std::tuple(Completion::kAdd1Exhaustive, true, "_add1eu")}) {
      if (name == std::string(prefix) + suffix) {
        return Shares(utility, completion, then_greedy, election.file.profile.Unit());
      }
    }
  }
  return std::nullopt;
}

class Reference : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    const auto folder = DataFolder();
    if (!folder.has_value()) GTEST_SKIP() << "URNA_DATA is not set";
    const Json manifest = Json::parse(Read(*folder / "MANIFEST.json"));
    int index = 0;
    for (const Json& entry : manifest.at("files")) {
      if (index++ % kParts != GetParam()) continue;
      const std::string file = entry.at("file");
      PabulibElection election = Load(*folder, file);
      const auto expected = Read((*folder / "expected" / file).replace_extension(".json"));
      elections_.push_back({std::move(election), entry, Json::parse(expected), file});
    }
    ASSERT_GT(elections_.size(), 10u);
  }

  static Ids IdsOf(const Profile& profile, const std::vector<uint32_t>& projects) {
    Ids ids;
    for (const uint32_t p : projects) ids.push_back(profile.projects[p].id);
    return ids;
  }

  /// Counts by the rule of that name and compares order and cost.
  static BudgetOutcome Check(const Election& election, const std::string& name) {
    const Json& expected = election.expected.at("results").at(name);
    const Profile& profile = election.file.profile;
    const auto rule = RuleNamed(name, election);
    EXPECT_TRUE(rule.has_value()) << name;
    const auto outcome = CountBudget(profile, *rule);
    EXPECT_TRUE(outcome.ok()) << election.name << " " << name << ": " << outcome.status();
    if (!outcome.ok()) return {};
    EXPECT_EQ(IdsOf(profile, outcome->funded), expected.at("winners").get<Ids>())
        << election.name << " " << name;
    uint64_t cost = 0;
    uint32_t decimals = 0;
    EXPECT_TRUE(ParseAmount(expected.at("cost").get<std::string>(), &cost, &decimals));
    for (; decimals < profile.decimals; ++decimals) cost *= 10;
    EXPECT_EQ(outcome->cost, cost) << election.name << " " << name;
    return *outcome;
  }

  /// Every rule whose name begins so and whose outcome is known. The number of outcomes.
  size_t CheckAll(const std::string& prefix) {
    size_t checked = 0;
    for (const Election& election : elections_) {
      for (const auto& [name, expected] : election.expected.at("results").items()) {
        if (!name.starts_with(prefix) || !expected.is_object()) continue;
        const BudgetOutcome outcome = Check(election, name);
        ++checked;
        if (!outcome.shares.has_value()) continue;
        if (expected.contains("increments")) {
          // The reference makes a second run even where the first has funded everything.
          const bool extra =
              outcome.shares->end == SharesEnd::kAllFunded && outcome.shares->steps == 0;
          EXPECT_EQ(outcome.shares->steps + extra, expected.at("increments"))
              << election.name << " " << name;
        }
        if (name == prefix) {
          const auto ties =
              std::count_if(outcome.decisions.begin(), outcome.decisions.end(),
                            [](const Decision& decision) { return !decision.tied.empty(); });
          EXPECT_EQ(ties, election.expected.at("results").at(prefix + "_ties")) << election.name;
        }
      }
    }
    return checked;
  }

  std::vector<Election> elections_;
};

TEST_P(Reference, RanksProjectsByTheirSums) {
  for (const Election& election : elections_) {
    const Profile& profile = election.file.profile;
    const Sums sums = SumUp(profile);
    const Json& results = election.expected.at("results");
    const bool by_votes = results.at("greedy_key") == "votes";
    const BudgetRule rule = Skip(by_votes ? Key::kVotes : Key::kPoints);
    const auto ranking = RankProjects({profile.projects, sums, profile.budget, rule},
                                      std::get<Greedy>(rule.method).key);
    const Json& expected = results.at("ranking");
    size_t place = 0;
    for (const Ranked& ranked : ranking) {
      const uint32_t p = ranked.project;
      if (sums.points[p] == 0) continue;
      ASSERT_LT(place, expected.size()) << election.name;
      EXPECT_EQ(profile.projects[p].id, expected[place][0]) << election.name;
      EXPECT_EQ(std::to_string(by_votes ? sums.votes[p] : sums.points[p]), expected[place][1])
          << election.name;
      EXPECT_EQ(sums.votes[p], expected[place][2]) << election.name;
      ++place;
    }
    EXPECT_EQ(place, expected.size()) << election.name;
  }
}

TEST_P(Reference, CountsByGreedyRules) { EXPECT_GE(CheckAll("greedy"), elections_.size() * 3); }
TEST_P(Reference, CountsByEqualSharesOfCost) {
  EXPECT_EQ(CheckAll("mes_cost"), elections_.size() * 6);
}
TEST_P(Reference, CountsByEqualSharesOfPoints) {
  EXPECT_GE(CheckAll("mes_points"), elections_.size() * 4);
}

/// The projects whose `selected` is one of `values`.
Ids Selected(const PabulibElection& file, const std::vector<uint64_t>& values) {
  Ids ids;
  for (size_t p = 0; p < file.selected.size(); ++p) {
    if (std::find(values.begin(), values.end(), file.selected[p]) != values.end()) {
      ids.push_back(file.profile.projects[p].id);
    }
  }
  return ids;
}

// Where the manifest says that a rule reproduces what the city decided, it does.
TEST_P(Reference, FundsWhatTheCitiesFunded) {
  size_t checked = 0;
  for (const Election& election : elections_) {
    if (!election.manifest.at("reproducing_rules").is_array()) continue;
    const Profile& profile = election.file.profile;
    for (const std::string name : election.manifest.at("reproducing_rules")) {
      // Every rule in turn is left to the tests above, which compare with the same outcomes.
      if (name.starts_with("mes_") && name != "mes_cost_add1") continue;
      const auto rule = RuleNamed(name, election);
      ASSERT_TRUE(rule.has_value()) << name;
      const auto outcome = CountBudget(profile, *rule);
      ASSERT_TRUE(outcome.ok()) << outcome.status();
      EXPECT_THAT(IdsOf(profile, outcome->funded),
                  testing::UnorderedElementsAreArray(Selected(election.file, {1})))
          << election.name << " " << name;
      ++checked;
    }
  }
  EXPECT_GT(checked, 0u);
}

Ids Funded(const PabulibElection& election, const BudgetRule& rule) {
  const auto outcome = CountBudget(election.profile, rule);
  EXPECT_TRUE(outcome.ok()) << outcome.status();
  Ids ids;
  for (const uint32_t p : outcome->funded) ids.push_back(election.profile.projects[p].id);
  return ids;
}

class Cities : public testing::Test {
 protected:
  void SetUp() override {
    const auto folder = DataFolder();
    if (!folder.has_value()) GTEST_SKIP() << "URNA_DATA is not set";
    folder_ = *folder;
  }
  std::filesystem::path folder_;
};

// Poznań funds the first project that does not fit if 80 % of its cost is left: selected 2.
TEST_F(Cities, PoznanGoesOnWithEightyPercent) {
  size_t continued = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("Poland_Poznan_")) continue;
    const PabulibElection election = Load(folder_, name);
    BudgetRule rule = Stop(Key::kVotes);
    std::get<Greedy>(rule.method).continuation = Ratio{80, 100};
    EXPECT_THAT(Funded(election, rule),
                testing::UnorderedElementsAreArray(Selected(election, {1, 2})))
        << name;
    continued += Selected(election, {2}).size();
  }
  EXPECT_EQ(continued, 2u);
}

// Warszawa 2018 wanted a tenth of the ballots; the files say how many votes that was.
TEST_F(Cities, WarszawaWantsATenthOfTheBallots) {
  size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("Poland_Warszawa_2018_")) continue;
    const PabulibElection election = Load(folder_, name);
    const auto file = ParsePabulib(name, Read(entry.path()));
    uint64_t votes = std::stoull(std::string(file->Meta("min_project_score_threshold")));
    const BudgetRule number = WithThreshold(Skip(Key::kVotes), votes);
    BudgetRule share = Skip(Key::kVotes);
    share.threshold = Threshold{.of = Key::kVotes, .at_least = {10, 100}, .of_ballots = true};
    EXPECT_EQ(Funded(election, share), Funded(election, number)) << name;
    // The number is the least that is a tenth.
    EXPECT_GE(votes * 10, election.profile.ballots());
    EXPECT_LT((votes - 1) * 10, election.profile.ballots());
    ++files;
  }
  EXPECT_GT(files, 3u);
}

// The two elections in which a ballot names a project twice.
TEST_F(Cities, ABallotSupportsAProjectOnce) {
  for (const auto& [name, marks] : {std::pair("Poland_Warszawa_2026_Rakowiec.pb", 1),
                                    std::pair("Poland_Warszawa_2026_Sady_Zoliborskie.pb", 5)}) {
    const PabulibElection election = Load(folder_ / "duplicates", name);
    const Sums sums = SumUp(election.profile);
    uint64_t more = 0;  // the city counted each mark
    for (size_t p = 0; p < sums.votes.size(); ++p) more += *election.votes[p] - sums.votes[p];
    EXPECT_EQ(more, marks) << name;
    EXPECT_EQ(election.notes.size(), 2u) << name;
    EXPECT_THAT(Funded(election, WithThreshold(Skip(Key::kVotes), 30)),
                testing::UnorderedElementsAreArray(Selected(election, {1})))
        << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Files, Reference, testing::Range(0, kParts));

}  // namespace
}  // namespace urna::poll::counting
