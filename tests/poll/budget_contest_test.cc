// Participatory budgets as contests: what a definition may ask for, the lot, and the certificate.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/codec.h"
#include "base/status.h"
#include "base/text.h"
#include "poll/budget.h"
#include "poll/definition.h"
#include "tests/support/election.h"

namespace urna::testing {
namespace {

using base::Cat;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Json = nlohmann::json;

/// Three projects, a pool that pays for two, 2 and 1 points each ballot.
Json Pool(const std::string& id = "city") {
  const auto project = [](const std::string& option, const std::string& number, uint64_t cost) {
    return Json{{"id", option},
                {"text", {{"pl", option}, {"en", option}}},
                {"project", {{"number", number}, {"cost", cost}}}};
  };
  return {{"id", id},
          {"title", {{"pl", "Pula"}, {"en", "Pool"}}},
          {"question", {{"pl", "Które?"}, {"en", "Which?"}}},
          {"options",
           {project("park", "1/30", 6000), project("trees", "2/30", 4000),
            project("lamps", "3/30", 4000)}},
          {"ballot", {{"rule", "points"}, {"k", 2}}},
          {"tally", "homomorphic"},
          {"decision",
           {{"rule", "budget"},
            {"amount", 10050},
            {"currency", "PLN"},
            {"decimals", 2},
            {"method", {{"rule", "greedy"}, {"by", "points"}, {"misfit", "skip"}}},
            {"threshold", {{"rule", "none"}}},
            {"exclusive", Json::array()},
            {"ties", {"lower-cost", "lot"}}}}};
}

ElectionOptions With(const std::vector<Json>& contests) {
  ElectionOptions options;
  options.styles = 1;
  options.contests_json = Json(contests).dump();
  options.style_contests.emplace_back();
  for (const Json& contest : contests) {
    options.style_contests[0].push_back(contest["id"].get<std::string>());
  }
  return options;
}

/// What a definition with this contest is refused with.
std::string Refusal(const Json& contest) {
  const TestElection e(With({Pool()}));
  Json definition = Json::parse(e.definition_json());
  definition["contests"][0] = contest;
  const auto parsed = poll::ParseDefinition(definition.dump());
  if (parsed.ok()) return "accepted";
  EXPECT_EQ(base::RejectId(parsed.status()), "definition.invalid");
  return std::string(parsed.status().message());
}

/// The same after `change` of the pool above.
template <typename Change>
std::string RefusedWhen(Change change) {
  Json contest = Pool();
  change(contest);
  return Refusal(contest);
}

TEST(BudgetDefinition, SaysEverythingAboutProjectsPoolAndRule) {
  Json contest = Pool();
  contest["options"][0]["project"]["category"] = {{"pl", "zieleń"}, {"en", "green"}};
  contest["decision"]["exclusive"] = Json::parse(R"([["trees","lamps"]])");
  contest["decision"]["threshold"] = {{"rule", "number"}, {"of", "points"}, {"at_least", 3}};
  contest["decision"]["method"] = {{"rule", "greedy"},
                                   {"by", "points-per-cost"},
                                   {"misfit", "reserve"},
                                   {"reserve", {{"numerator", 4}, {"denominator", 5}}}};
  const TestElection e(With({contest}));
  const poll::Definition d = poll::ParseDefinition(e.definition_json()).value();
  const poll::Contest& city = d.contests[0];
  EXPECT_EQ(city.options[0].project->number, "1/30");
  EXPECT_EQ(city.options[0].project->cost, 6000u);
  EXPECT_EQ(city.options[0].project->category.at("en"), "green");
  EXPECT_TRUE(city.options[1].project->category.empty());
  const auto& budget = std::get<poll::Budget>(city.decision);
  EXPECT_EQ(budget.amount, 10050u);
  EXPECT_EQ(budget.currency, "PLN");
  EXPECT_EQ(budget.decimals, 2u);
  EXPECT_EQ(budget.rule,
            (poll::counting::BudgetRule{
                .method = poll::counting::Greedy{.key = poll::counting::Key::kPointsPerCost,
                                                 .misfit = poll::counting::Misfit::kStop,
                                                 .continuation = poll::counting::Ratio{4, 5}},
                .threshold = poll::counting::Threshold{.of = poll::counting::Key::kPoints,
                                                       .at_least = {3, 1}},
                .exclusions = {{1, 2}},
                .ties = {poll::counting::TieStep::kLowerCost, poll::counting::TieStep::kLot},
                .lot = {}}));
}

TEST(BudgetDefinition, RefusesProjectsThatNoCountCouldFund) {
  const auto project = [](Json& c, int i) -> Json& { return c["options"][i]["project"]; };
  EXPECT_THAT(RefusedWhen([&](Json& c) { project(c, 1).erase("cost"); }),
              HasSubstr("contests[0].options[1].project.cost: is missing"));
  EXPECT_THAT(RefusedWhen([&](Json& c) { project(c, 1)["cost"] = 0; }),
              HasSubstr("options[1].project.cost: must be a whole number from 1"));
  EXPECT_THAT(RefusedWhen([&](Json& c) { project(c, 1)["cost"] = 10051; }),
              HasSubstr("options[1].project.cost: is more than the 10050 of the whole pool"));
  EXPECT_EQ(RefusedWhen([&](Json& c) { project(c, 1)["cost"] = 10050; }), "accepted");
  EXPECT_THAT(RefusedWhen([&](Json& c) { project(c, 2)["number"] = "1/30"; }),
              HasSubstr("options[2].project.number: the same project number appears twice"));
  EXPECT_THAT(RefusedWhen([&](Json& c) { project(c, 2)["number"] = "park"; }),
              HasSubstr("options[0].id: is the number of another project"));
  EXPECT_THAT(RefusedWhen([&](Json& c) { project(c, 2)["number"] = "1,2"; }),
              HasSubstr("options[2].project.number: must be 1 to 64 bytes without commas"));
  EXPECT_THAT(RefusedWhen([&](Json& c) { c["options"][2].erase("project"); }),
              HasSubstr("options[2].project: is missing"));
  EXPECT_THAT(RefusedWhen([&](Json& c) {
                project(c, 0)["place"] = {{"pl", "Rynek"}};
              }),
              HasSubstr("options[0].project.place.en: is missing"));
  EXPECT_THAT(RefusedWhen([&](Json& c) {
                c["decision"] = {{"rule", "none"}};
              }),
              HasSubstr("options[0].project: only options of the decision \"budget\""));
}

TEST(BudgetDefinition, RefusesRulesThatTheTallyCannotShow) {
  const auto decide = [](Json& c) -> Json& { return c["decision"]; };
  EXPECT_THAT(
      RefusedWhen([&](Json& c) { decide(c)["method"]["by"] = "votes"; }),
      HasSubstr("decision.method.by: counts votes, but the contest's tally is homomorphic"));
  EXPECT_THAT(RefusedWhen([&](Json& c) { decide(c)["method"]["by"] = "votes-per-cost"; }),
              HasSubstr("decision.method.by: counts votes"));
  EXPECT_THAT(RefusedWhen([&](Json& c) {
                decide(c)["ties"] = Json::array({"more-votes", "lot"});
              }),
              HasSubstr("decision.ties[0]: counts votes"));
  EXPECT_THAT(RefusedWhen([&](Json& c) {
                decide(c)["ties"] = Json::array({"top-marks", "lot"});
              }),
              HasSubstr("decision.ties[0]: compares marks of most points"));
  EXPECT_THAT(RefusedWhen([&](Json& c) {
                decide(c)["threshold"] = {
                    {"rule", "share"}, {"of", "votes"}, {"numerator", 1}, {"denominator", 10}};
              }),
              HasSubstr("decision.threshold.of: counts votes"));
  EXPECT_THAT(RefusedWhen([&](Json& c) {
                decide(c)["method"] = {{"rule", "equal-shares"}, {"utility", "cost"},
                                       {"start", "exact"},       {"completion", "none"},
                                       {"then_greedy", false},   {"compare", false}};
              }),
              HasSubstr("decision.method.rule: \"equal-shares\" is counted from ballots"));
  // Where a mark is one point, its sums are votes.
  for (const Json& ballot :
       {Json{{"rule", "choose"}, {"min", 0}, {"max", 2}}, Json{{"rule", "score"}, {"max", 1}},
        Json{{"rule", "points"}, {"k", 1}}}) {
    EXPECT_EQ(RefusedWhen([&](Json& c) {
                c["ballot"] = ballot;
                decide(c)["method"]["by"] = "votes";
                decide(c)["ties"] = Json::array({"top-marks", "more-votes", "id"});
              }),
              "accepted");
  }
  EXPECT_THAT(RefusedWhen([&](Json& c) {
                c["ballot"] = {{"rule", "score"}, {"max", 2}};
                decide(c)["method"]["by"] = "votes";
              }),
              HasSubstr("decision.method.by: counts votes"));
}

TEST(BudgetDefinition, RefusesRulesThatLeaveSomethingOpen) {
  const auto decide = [](Json& c) -> Json& { return c["decision"]; };
  for (const char* field :
       {"amount", "currency", "decimals", "method", "threshold", "exclusive", "ties"}) {
    EXPECT_THAT(RefusedWhen([&](Json& c) { decide(c).erase(field); }),
                HasSubstr(Cat("decision.", field, ": is missing")));
  }
  EXPECT_THAT(RefusedWhen([&](Json& c) { decide(c)["ties"] = Json::array({"lower-cost"}); }),
              HasSubstr("decision.ties[0]: leaves ties open"));
  EXPECT_THAT(RefusedWhen([&](Json& c) { decide(c)["ties"] = Json::array(); }),
              HasSubstr("decision.ties: has 0 entries"));
  EXPECT_THAT(RefusedWhen([&](Json& c) {
                decide(c)["ties"] = Json::array({"lot", "id"});
              }),
              HasSubstr("decision.ties[0]: decides every tie"));
  EXPECT_THAT(RefusedWhen([&](Json& c) {
                decide(c)["ties"] = Json::array({"lower-cost", "lower-cost", "id"});
              }),
              HasSubstr("decision.ties[1]: the same step appears twice"));
  EXPECT_THAT(RefusedWhen([&](Json& c) { decide(c)["ties"] = Json::array({"coin"}); }),
              HasSubstr("decision.ties[0]: must be one of"));
  EXPECT_THAT(RefusedWhen([&](Json& c) { decide(c)["method"]["misfit"] = "reserve"; }),
              HasSubstr("decision.method.reserve: is missing"));
  EXPECT_THAT(RefusedWhen([&](Json& c) {
                decide(c)["method"]["reserve"] = {{"numerator", 1}, {"denominator", 2}};
              }),
              HasSubstr("decision.method.reserve: belongs to"));
  EXPECT_THAT(RefusedWhen([&](Json& c) { decide(c)["method"]["by"] = "luck"; }),
              HasSubstr("decision.method.by: must be one of \"points\""));
  EXPECT_THAT(RefusedWhen([&](Json& c) { decide(c)["exclusive"] = Json::parse(R"([["park"]])"); }),
              HasSubstr("decision.exclusive[0]: has 1 entries"));
  EXPECT_THAT(
      RefusedWhen([&](Json& c) { decide(c)["exclusive"] = Json::parse(R"([["park","sea"]])"); }),
      HasSubstr("decision.exclusive[0][1]: no option has the id \"sea\""));
  EXPECT_THAT(
      RefusedWhen([&](Json& c) { decide(c)["exclusive"] = Json::parse(R"([["park","park"]])"); }),
      HasSubstr("decision.exclusive[0][1]: the same project appears twice"));
  EXPECT_THAT(RefusedWhen([&](Json& c) { decide(c)["decimals"] = 10; }),
              HasSubstr("decision.decimals: must be a whole number from 0 to 9"));
  EXPECT_THAT(RefusedWhen([&](Json& c) { decide(c)["amount"] = 0; }),
              HasSubstr("decision.amount: must be a whole number from 1"));
}

TEST(BudgetDefinition, RefusesAPoolInWhichNobodyVotes) {
  const TestElection e(With({Pool(), Pool("district")}));
  Json definition = Json::parse(e.definition_json());
  for (Json& style : definition["styles"]) style["contests"] = Json::array({"city"});
  const auto parsed = poll::ParseDefinition(definition.dump());
  EXPECT_THAT(std::string(parsed.status().message()),
              HasSubstr("contests[1]: no style has the contest \"district\""));
}

// --- Counting -----------------------------------------------------------------------------------

using Votes = std::vector<std::vector<uint32_t>>;

/// Runs a poll of six voters until its registers are there.
void VoteAll(TestElection& e, const std::vector<Votes>& votes) {
  e.RunUntilOpen();
  e.now += 3600;
  for (size_t i = 0; i < votes.size(); ++i) e.Cast(i, votes[i]);
  e.CountIssuance();
  e.End();
  e.CountIssuance();
  e.Close();
  e.PublishRegisters();
}

std::vector<std::string> FundedIn(const poll::Result& result, size_t contest = 0) {
  std::vector<std::string> numbers;
  const poll::BudgetCount& count = *result.contests[contest].budget;
  for (const uint32_t p : count.outcome.funded) numbers.push_back(count.profile.projects[p].id);
  return numbers;
}

void ExpectNoFaults(const TestElection& e) {
  for (const auto& [index, status] : e.faults()) {
    ADD_FAILURE() << "record " << index << ": " << status;
  }
}

// park 8, trees 6, lamps 4 points.
const std::vector<Votes> kClear = {{{2, 1, 0}}, {{2, 0, 1}}, {{2, 1, 0}},
                                   {{0, 2, 1}}, {{1, 2, 0}}, {{1, 0, 2}}};
// 6 points each.
const std::vector<Votes> kTied = {{{2, 1, 0}}, {{2, 0, 1}}, {{0, 2, 1}},
                                  {{1, 2, 0}}, {{1, 0, 2}}, {{0, 1, 2}}};

/// Trees and lamps cost the same, come first, and only one of them fits.
Json TiedPool() {
  Json contest = Pool();
  contest["decision"]["amount"] = 7000;
  return contest;
}

TEST(BudgetContest, CertifiesTheFundedProjectsInTheirOrder) {
  Json contest = Pool();
  contest["decision"]["ties"] = Json::array({"lower-cost", "lower-number"});
  TestElection e(With({contest}));
  VoteAll(e, kClear);
  e.DecryptAll();
  e.Certify();
  ExpectNoFaults(e);
  ASSERT_EQ(e.state().phase(), poll::Phase::kCertified);
  const poll::Result result = e.state().ComputeResult().value();
  EXPECT_THAT(result.contests[0].online, ElementsAre(8, 6, 4));
  EXPECT_THAT(FundedIn(result), ElementsAre("1/30", "2/30"));
  EXPECT_EQ(result.contests[0].budget->outcome.left, 50u);

  // docs/protocol.md, "Certificate".
  const std::string body = poll::EncodeCertificate(result);
  base::Reader reader(std::string_view(body).substr(3 * 8 + 1 + 3 * 8 + 1 + 6 * 8 + 2 * 8));
  EXPECT_EQ(reader.U8(), 1);
  EXPECT_EQ(reader.U8(), 3);   // decided
  EXPECT_EQ(reader.U16(), 0);  // no single option
  EXPECT_EQ(reader.U16(), 2);
  EXPECT_EQ(reader.U16(), 1);
  EXPECT_EQ(reader.U16(), 2);
  EXPECT_EQ(reader.U64(), 50u);
  EXPECT_EQ(reader.U64(), 0u);
  EXPECT_TRUE(reader.Finish().ok());
}

TEST(BudgetContest, RefusesACertificateWithOtherFundedProjects) {
  Json contest = Pool();
  contest["decision"]["ties"] = Json::array({"lower-cost", "lower-number"});
  TestElection e(With({contest}));
  VoteAll(e, kClear);
  e.DecryptAll();
  e.tamper = [](poll::Payload& payload) {
    auto* certified = std::get_if<poll::Certified>(&payload);
    if (certified == nullptr) return;
    // The third project instead of the second, which costs as much: the sums stay right.
    const size_t at = certified->body.size() - 16 - 2;
    certified->body[at] = 3;
  };
  e.Certify();
  ASSERT_EQ(e.faults().size(), 1u);
  EXPECT_EQ(base::RejectId(e.faults()[0].second), "certificate.differs");
  EXPECT_NE(e.state().phase(), poll::Phase::kCertified);
}

TEST(BudgetContest, LotIsDrawnBeforeAnythingIsDecrypted) {
  TestElection e(With({TiedPool()}));
  VoteAll(e, kTied);
  EXPECT_TRUE(e.state().AwaitsLot());
  e.Decrypt(1, 0);
  ASSERT_EQ(e.faults().size(), 1u);
  EXPECT_EQ(base::RejectId(e.faults()[0].second), "decryption.lot-missing");
  EXPECT_EQ(e.state().ShareCount(0), 0u);
  e.Append(poll::Lot{"dice: 3 1 6 2 5 5 4 1 2 6", {}});
  EXPECT_FALSE(e.state().AwaitsLot());
  e.DecryptAll();
  e.Append(poll::Lot{"dice: 1 1 1 1", {}});
  ASSERT_EQ(e.faults().size(), 2u);
  EXPECT_EQ(base::RejectId(e.faults()[1].second), "lot.twice");
}

TEST(BudgetContest, LotDecidesATieThatMatters) {
  for (const char* outcome : {"balls 4 17 9", "balls 4 17 10", "balls 1 2 3", "balls 30 2 8"}) {
    TestElection e(With({TiedPool()}));
    VoteAll(e, kTied);
    e.Append(poll::Lot{outcome, {}});
    e.DecryptAll();
    e.Certify();
    ExpectNoFaults(e);
    const poll::Result result = e.state().ComputeResult().value();
    const std::vector<uint32_t> order =
        poll::LotOrder(e.state().definition()->contests[0], *e.state().closed(), outcome);
    const bool trees = std::ranges::find(order, 1u) < std::ranges::find(order, 2u);
    EXPECT_THAT(FundedIn(result), ElementsAre(trees ? "2/30" : "3/30"));
    const poll::counting::Decision& first = result.contests[0].budget->outcome.decisions[0];
    EXPECT_EQ(first.tie, poll::counting::TieStep::kLot);
  }
}

TEST(BudgetContest, LotOrderIsAFunctionOfWhatWasDrawnAndOfTheClosedLedger) {
  const TestElection e(With({Pool(), Pool("district")}));
  const poll::Definition d = poll::ParseDefinition(e.definition_json()).value();
  crypto::Hash32 closed{};
  std::set<std::vector<uint32_t>> orders;
  for (int i = 0; i < 64; ++i) {
    std::vector<uint32_t> order = poll::LotOrder(d.contests[0], closed, Cat("ball ", i));
    EXPECT_EQ(order, poll::LotOrder(d.contests[0], closed, Cat("ball ", i)));
    orders.insert(order);
    std::ranges::sort(order);
    EXPECT_THAT(order, ElementsAre(0, 1, 2));
  }
  EXPECT_EQ(orders.size(), 6u);  // all that there are
  // 64 draws: of two ledgers, or two pools, some come out differently.
  const auto differs = [&](const poll::Contest& contest, const crypto::Hash32& other) {
    for (int i = 0; i < 64; ++i) {
      if (poll::LotOrder(d.contests[0], closed, Cat("ball ", i)) !=
          poll::LotOrder(contest, other, Cat("ball ", i))) {
        return true;
      }
    }
    return false;
  };
  crypto::Hash32 other{};
  other[0] = 1;
  EXPECT_TRUE(differs(d.contests[0], other));
  EXPECT_TRUE(differs(d.contests[1], closed));
  EXPECT_FALSE(differs(d.contests[0], closed));
}

TEST(BudgetContest, CountOfAContestOnPaperAloneAsksForItsLot) {
  TestElection e(With({TiedPool()}));
  VoteAll(e, {});
  poll::PaperCounted paper;
  paper.cards = 2;
  paper.votes = {{2, 2, 2}};
  e.Append(paper);
  const auto result = e.state().ComputeResult();
  EXPECT_EQ(base::RejectId(result.status()), "tally.lot-missing");
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("projects 2/30 and 3/30 are tied"));
  e.Append(poll::Lot{"heads", {}});
  EXPECT_TRUE(e.state().ComputeResult().ok());
  ExpectNoFaults(e);
}

TEST(BudgetContest, PaperCountsWithTheRest) {
  Json contest = Pool();
  contest["decision"]["ties"] = Json::array({"lower-number"});
  TestElection e(With({contest}));
  VoteAll(e, {kClear[0], kClear[1], kClear[2]});  // park 6, trees 2, lamps 1
  poll::PaperCounted paper;
  paper.cards = 2;
  paper.votes = {{0, 2, 4}};
  e.Append(paper);
  e.DecryptAll();
  e.Certify();
  ExpectNoFaults(e);
  const poll::Result result = e.state().ComputeResult().value();
  EXPECT_THAT(result.contests[0].budget->sums.points, ElementsAre(6, 4, 5));
  EXPECT_EQ(result.contests[0].budget->sums.ballots, 5u);
  EXPECT_THAT(FundedIn(result), ElementsAre("1/30", "3/30"));
}

TEST(BudgetContest, NothingIsFundedWhereTheQuorumIsMissed) {
  TestElection e(With({Pool()}));
  VoteAll(e, {});
  const poll::Result result = e.state().ComputeResult().value();
  EXPECT_EQ(result.contests[0].outcome.verdict, poll::counting::Verdict::kInvalid);
  EXPECT_EQ(result.contests[0].budget, nullptr);
}

TEST(BudgetContest, WithheldPoolFundsNothing) {
  Json contest = Pool();
  contest["decision"]["ties"] = Json::array({"lower-number"});
  TestElection e(With({contest}));
  VoteAll(e, {kClear[0]});
  e.Certify();
  ExpectNoFaults(e);
  const poll::Result result = e.state().ComputeResult().value();
  EXPECT_TRUE(result.contests[0].withheld);
  EXPECT_EQ(result.contests[0].budget, nullptr);
}

// --- Mixed ballots ------------------------------------------------------------------------------

/// The same pool, of which ballots pick up to two projects.
Json MixedPool(const std::string& marks, const Json& method, const Json& ties) {
  Json contest = Pool();
  contest["tally"] = "mixed";
  contest["ballot"] = {{"rule", "picks"}, {"min", 0}, {"max", 2}, {"marks", marks}};
  contest["decision"]["method"] = method;
  contest["decision"]["ties"] = ties;
  return contest;
}

const Json kShares = {{"rule", "equal-shares"}, {"utility", "cost"},    {"start", "exact"},
                      {"completion", "none"},   {"then_greedy", false}, {"compare", false}};

/// Ballots that pick these options, from 1, 0 for none.
std::vector<Votes> Picks(const std::vector<std::vector<uint32_t>>& ballots) {
  std::vector<Votes> votes;
  for (const auto& ballot : ballots) votes.push_back({TestElection::SlotsOfPicks(ballot, 2)});
  return votes;
}

TEST(MixedBudgetContest, EqualSharesAreCountedFromBallots) {
  TestElection e(With({MixedPool("approval", kShares, {"lower-number"})}));
  // Greedily the park would win with 4 votes of 6, and then trees or lamps fit. By shares each
  // voter has 16.75: the park's four supporters pay 15 each, the two others cannot buy the lamps.
  VoteAll(e, Picks({{1}, {1}, {1}, {1, 2}, {3}, {3}}));
  e.DecryptAll();
  e.Certify();
  ExpectNoFaults(e);
  ASSERT_EQ(e.state().phase(), poll::Phase::kCertified);
  const poll::Result result = e.state().ComputeResult().value();
  const poll::BudgetCount& count = *result.contests[0].budget;
  EXPECT_EQ(count.profile.ballots(), 6u);
  EXPECT_THAT(FundedIn(result), ElementsAre("1/30"));
  ASSERT_TRUE(count.outcome.shares.has_value());
  EXPECT_EQ(count.outcome.decisions[0].payers, 4u);
  EXPECT_EQ(count.outcome.decisions[0].reason, poll::counting::Reason::kShares);
  EXPECT_EQ(count.outcome.left, 4050u);
}

TEST(MixedBudgetContest, RankedBallotsShowVotesAndTopMarks) {
  TestElection e(
      With({MixedPool("ranked", {{"rule", "greedy"}, {"by", "points"}, {"misfit", "skip"}},
                      {"top-marks", "lot"})}));
  // Trees 2 + 2, lamps 2 + 1 + 1: as many points, but trees more top marks.
  VoteAll(e, Picks({{2}, {2}, {3}, {1, 3}, {1, 3}}));
  e.Append(poll::Lot{"ball 7", {}});
  e.DecryptAll();
  e.Certify();
  ExpectNoFaults(e);
  const poll::Result result = e.state().ComputeResult().value();
  const poll::BudgetCount& count = *result.contests[0].budget;
  EXPECT_THAT(count.sums.points, ElementsAre(4, 4, 4));
  EXPECT_THAT(count.sums.votes, ElementsAre(2, 2, 3));
  EXPECT_THAT(FundedIn(result), ::testing::UnorderedElementsAre("1/30", "2/30"));
}

TEST(MixedBudgetContest, RefusesPaperWhereSumsAreNotEnough) {
  TestElection e(With({MixedPool("approval", kShares, {"lower-number"})}));
  VoteAll(e, Picks({{1}, {1}, {2}}));
  poll::PaperCounted paper;
  paper.cards = 1;
  paper.votes = {{1, 0, 0}};
  e.Append(paper);
  ASSERT_EQ(e.faults().size(), 1u);
  EXPECT_EQ(base::RejectId(e.faults()[0].second), "paper.ballots-needed");
  // A greedy count of approvals takes it.
  TestElection greedy(With({MixedPool(
      "approval", {{"rule", "greedy"}, {"by", "votes"}, {"misfit", "skip"}}, {"lower-number"})}));
  VoteAll(greedy, Picks({{1}, {1}, {2}}));
  greedy.Append(paper);
  greedy.DecryptAll();
  greedy.Certify();
  ExpectNoFaults(greedy);
  EXPECT_THAT(greedy.state().ComputeResult()->contests[0].budget->sums.votes, ElementsAre(3, 1, 0));
}

TEST(MixedBudgetContest, BallotsAboveTheCostLimitAreVoid) {
  Json contest = MixedPool("approval", {{"rule", "greedy"}, {"by", "votes"}, {"misfit", "skip"}},
                           {"lower-number"});
  contest["ballot"]["cost_limit"] = 9999;  // trees and lamps, but not with the park
  TestElection e(With({contest}));
  VoteAll(e, Picks({{1, 2}, {2, 3}, {1}, {3}}));
  e.DecryptAll();
  e.Certify();
  ExpectNoFaults(e);
  const poll::Result result = e.state().ComputeResult().value();
  EXPECT_EQ(result.contests[0].void_ballots, 1u);
  EXPECT_EQ(result.contests[0].outcome.valid, 3u);
  EXPECT_THAT(result.contests[0].budget->sums.votes, ElementsAre(1, 1, 2));
  // It belongs to budgets.
  EXPECT_THAT(RefusedWhen([&](Json& c) {
                c = contest;
                for (Json& option : c["options"]) option.erase("project");
                c["decision"] = {{"rule", "none"}};
              }),
              HasSubstr("contests[0].ballot.cost_limit: belongs to the decision \"budget\""));
}

TEST(MixedBudgetContest, RuleMayAskForEverything) {
  for (const char* marks : {"approval", "ranked"}) {
    EXPECT_EQ(RefusedWhen([&](Json& c) {
                c = MixedPool(marks, kShares, {"more-votes", "top-marks", "lot"});
                c["decision"]["threshold"] = {
                    {"rule", "share"}, {"of", "votes"}, {"numerator", 1}, {"denominator", 10}};
              }),
              "accepted");
  }
  const auto shares = [](auto change) {
    return RefusedWhen([&](Json& c) {
      c = MixedPool("approval", kShares, {"lot"});
      change(c["decision"]["method"]);
    });
  };
  EXPECT_THAT(shares([](Json& m) { m.erase("start"); }), HasSubstr("method.start: is missing"));
  EXPECT_THAT(shares([](Json& m) { m["completion"] = "add1"; }),
              HasSubstr("method.step: is missing"));
  EXPECT_THAT(shares([](Json& m) { m["step"] = 100; }), HasSubstr("method.step: belongs to"));
  EXPECT_THAT(shares([](Json& m) { m["compare"] = true; }), HasSubstr("method.greedy: is missing"));
  EXPECT_THAT(shares([](Json& m) {
                m["greedy"] = {{"by", "votes"}, {"misfit", "skip"}};
              }),
              HasSubstr("method.greedy: belongs to"));
}

// The largest definition's certificate fits its record.
TEST(BudgetContest, LargestCertificateFitsARecord) {
  poll::Result result;
  result.contests.resize(256);
  for (poll::ContestResult& contest : result.contests) {
    contest.online.resize(8);
    contest.paper.resize(8);
    auto count = std::make_shared<poll::BudgetCount>();
    count->outcome.funded.resize(8);
    contest.budget = count;
  }
  EXPECT_LT(poll::EncodeCertificate(result).size(), 60000u);
}

}  // namespace
}  // namespace urna::testing
