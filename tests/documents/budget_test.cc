// Participatory budgets in the record of the result.

#include "documents/budget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "documents/result.h"

namespace urna::documents {
namespace {

namespace counting = poll::counting;
using counting::Completion;
using counting::EqualShares;
using counting::Greedy;
using counting::Key;
using counting::Misfit;
using counting::Profile;
using counting::Ratio;
using counting::Start;
using counting::Threshold;
using counting::TieStep;
using counting::Utility;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

Profile ThreeProjects() {
  Profile profile;
  profile.budget = 800;
  profile.projects = {{.id = "a", .name = "", .cost = 300},
                      {.id = "b", .name = "", .cost = 200},
                      {.id = "c", .name = "", .cost = 300}};
  return profile;
}

TEST(BudgetRule, NamesEverythingThatCanChangeAnOutcomeInEveryLanguage) {
  for (const Language language : {Language::kEnglish, Language::kPolish, Language::kUkrainian}) {
    const Profile profile = ThreeProjects();
    counting::BudgetRule rule;
    rule.method = EqualShares{.completion = Completion::kAdd1, .then_greedy = true};
    rule.ties = {TieStep::kLowerCost, TieStep::kLot};
    rule.lot = {2, 0};
    rule.exclusions = {{0, 1}};
    rule.threshold = Threshold{.of = Key::kVotes, .at_least = {10, 100}, .of_ballots = true};
    // Each change of the rule changes the text.
    std::vector<std::vector<std::string>> texts = {BudgetRule(language, rule, profile)};
    const auto add = [&](auto change) {
      counting::BudgetRule other = rule;
      change(other, std::get<EqualShares>(other.method));
      texts.push_back(BudgetRule(language, other, profile));
    };
    add([](counting::BudgetRule&, EqualShares& s) { s.utility = Utility::kPoints; });
    add([](counting::BudgetRule&, EqualShares& s) { s.start = Start::kExact; });
    add([](counting::BudgetRule&, EqualShares& s) { s.start = Start::kWhole; });
    add([](counting::BudgetRule&, EqualShares& s) { s.step = 2; });
    add([](counting::BudgetRule&, EqualShares& s) { s.completion = Completion::kNone; });
    add([](counting::BudgetRule&, EqualShares& s) { s.completion = Completion::kAdd1Exhaustive; });
    add([](counting::BudgetRule&, EqualShares& s) { s.then_greedy = false; });
    add([](counting::BudgetRule&, EqualShares& s) { s.comparison = true; });
    add([](counting::BudgetRule&, EqualShares& s) { s.greedy.key = Key::kVotes; });
    add([](counting::BudgetRule&, EqualShares& s) { s.greedy.misfit = Misfit::kStop; });
    add([](counting::BudgetRule&, EqualShares& s) {
      s.greedy = {.misfit = Misfit::kStop, .continuation = Ratio{4, 5}};
    });
    add([](counting::BudgetRule& r, EqualShares&) { r.ties = {TieStep::kLot}; });
    add([](counting::BudgetRule& r, EqualShares&) { r.lot = {0, 2}; });
    add([](counting::BudgetRule& r, EqualShares&) { r.exclusions = {}; });
    add([](counting::BudgetRule& r, EqualShares&) { r.exclusions = {{0, 2}}; });
    add([](counting::BudgetRule& r, EqualShares&) { r.threshold.reset(); });
    add([](counting::BudgetRule& r, EqualShares&) { r.threshold->of_ballots = false; });
    add([](counting::BudgetRule& r, EqualShares&) { r.threshold->of = Key::kPoints; });
    add([](counting::BudgetRule& r, EqualShares&) { r.method = Greedy{}; });
    std::sort(texts.begin(), texts.end());
    EXPECT_EQ(std::adjacent_find(texts.begin(), texts.end()), texts.end());
  }
}

poll::Texts Both(const std::string& pl, const std::string& en) { return {{"pl", pl}, {"en", en}}; }

/// Park 8, trees 6, lamps 6 points; the park and one of the others fit, by lot.
Facts BudgetFacts() {
  poll::Definition d;
  d.languages = {"pl", "en"};
  d.title = Both("Budżet", "Budget");
  poll::Contest contest;
  contest.id = "city";
  contest.title = Both("Pula miejska", "The city's pool");
  contest.question = Both("Które?", "Which?");
  const auto project = [](const std::string& number, uint64_t cost) {
    poll::Project one;
    one.number = number;
    one.cost = cost;
    return one;
  };
  contest.options = {{"park", Both("=Park", "=A \"park\""), project("1/30", 600000)},
                     {"trees", Both("Drzewa", "Trees"), project("2/30", 400000)},
                     {"lamps", Both("<b>Lampy</b>", "<b>Lamps</b>"), project("3/30", 400000)}};
  contest.options[1].project->category = Both("zieleń", "green");
  contest.rule = crypto::Points{.k = 2, .n = 3};
  poll::Budget budget;
  budget.amount = 1005000;
  budget.currency = "PLN";
  budget.decimals = 2;
  budget.rule.method = Greedy{};
  budget.rule.ties = {TieStep::kLowerCost, TieStep::kLot};
  contest.decision = budget;
  d.contests = {contest};
  d.styles = {{"city", Both("Miasto", "City"), {0}}};
  d.officials_needed = 1;
  d.trustees_needed = 1;
  d.officials.emplace_back();
  d.trustees.emplace_back();
  d.issuers.emplace_back();
  d.ballot_box = {"urna.example/test", ledger::kTypeEd25519, {}};

  Facts facts;
  facts.course.concluded_by = {0};
  facts.decrypted_by = {1};
  facts.course.lot = "ball 7";
  facts.checkpoint = {"urna.example/test", 4321, {}};
  poll::ContestResult r;
  r.entitled = 10;
  r.ballots = 6;
  r.paper_cards = 1;
  r.online = {8, 5, 5};
  r.paper = {1, 1, 1};
  const std::vector<uint64_t> votes = {9, 6, 6};
  r.outcome = counting::CountContest(contest, d.quorum, 10, 7, 0, votes).value();
  r.budget = std::make_shared<poll::BudgetCount>(
      poll::CountBudgetOf(contest, "pl", {.ballots = 7, .points = votes, .picks = {}}, {2, 0, 1})
          .value());
  poll::Result result;
  result.entitled = 10;
  result.ballots = 6;
  result.paper_cards = 1;
  result.registers_complete = true;
  result.contests = {r};
  facts.result = result;
  facts.definition = std::make_shared<const poll::Definition>(d);
  poll::Reconciliation all;
  all.has_registers = true;
  all.total.roll = 10;
  all.total.answered = 7;
  all.total.registers = {7};
  all.total.cast = 6;
  all.total.paper = 1;
  all.styles = {all.total};
  facts.reconciliation = all;
  return facts;
}

std::string Document(const Facts& facts, Format format) {
  const auto document = ResultDocument(facts, format);
  EXPECT_TRUE(document.ok()) << document.status();
  return document.value_or("");
}

TEST(BudgetRecord, SaysWhatIsFundedAndWhyInEveryLanguage) {
  const std::string text = Document(BudgetFacts(), Format::kText);
  EXPECT_THAT(text,
              AllOf(HasSubstr("liczba wybranych projektów: 2"), HasSubstr("Lampy"),
                    HasSubstr("2 projects are funded"), HasSubstr("Ties: lower cost; then lot.")));
  EXPECT_THAT(text, HasSubstr("Lots drew, first to last: 3/30, 1/30, 2/30."));
  EXPECT_THAT(text, HasSubstr("10,000.00\u00a0PLN"));
  EXPECT_THAT(text, HasSubstr("10\u00a0000,00\u00a0PLN"));
  // Bars of points: the park is the longest, and funded.
  EXPECT_THAT(text, HasSubstr("9  ########################\n"));
  EXPECT_THAT(text, HasSubstr("6  ----------------\n"));
}

TEST(BudgetRecord, DrawsBarsThatPrint) {
  const std::string html = Document(BudgetFacts(), Format::kHtml);
  EXPECT_THAT(html, HasSubstr("<rect class=\"filled\" x=\"0\" y=\"0\" width=\"1000\""));
  EXPECT_THAT(html, HasSubstr("<rect class=\"empty\" x=\"0\" y=\"0\" width=\"666\""));
  EXPECT_THAT(html, AllOf(HasSubstr("&lt;b&gt;Lamps"), Not(HasSubstr("<b>Lamps"))));
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  EXPECT_THAT(html, HasSubstr("4,050.00 left; before 2/30, tied with it, by lot<"));
}

TEST(BudgetRecord, GivesTheSameAsData) {
  const json contest = json::parse(Document(BudgetFacts(), Format::kJson)).at("contests").at(0);
  EXPECT_EQ(contest.at("rule"), "budget");
  EXPECT_EQ(contest.at("currency"), "PLN");
  EXPECT_EQ(contest.at("options").at(1).at("project").at("cost"), "4000.00");
  EXPECT_EQ(contest.at("options").at(1).at("project").at("category").at("en"), "green");
  const json& budget = contest.at("budget");
  EXPECT_EQ(budget.at("budget"), "10050.00");
  EXPECT_THAT(budget.at("funded"), ElementsAre("1/30", "3/30"));
  EXPECT_EQ(budget.at("cost"), "10000.00");
  EXPECT_EQ(budget.at("left"), "50.00");
  EXPECT_THAT(budget.at("rule").at("lot"), ElementsAre("3/30", "1/30", "2/30"));
  EXPECT_EQ(budget.at("decisions").at(1).at("tie"), "lot");
  EXPECT_EQ(budget.at("decisions").at(2).at("reason"), "does-not-fit");
  EXPECT_TRUE(budget.at("ranking").at(0).at("votes").is_null());  // points do not show them
}

TEST(BudgetRecord, GivesATableWithoutFormulas) {
  const std::string csv = Document(BudgetFacts(), Format::kCsv);
  EXPECT_THAT(csv,
              HasSubstr("city,park,\"'=Park\",8,1,9,\"1/30\",\"\",\"\",6000.00,\"PLN\",1,yes,1,"
                        "10050.00,\"FUNDED: costs 6,000.00 of the 10,050.00 left\"\r\n"));
  EXPECT_THAT(
      csv, HasSubstr(",no,3,50.00,\"not funded: costs 4,000.00, more than the 50.00 left\"\r\n"));
  EXPECT_EQ(std::ranges::count(csv, '\n'), 4);
}

TEST(BudgetRecord, IsNotMadeOfAnotherCount) {
  const auto broken = [](auto change) {
    Facts facts = BudgetFacts();
    auto count = std::make_shared<poll::BudgetCount>(*facts.result->contests[0].budget);
    change(*count);
    facts.result->contests[0].budget = count;
    return !ResultDocument(facts, Format::kText).ok();
  };
  EXPECT_FALSE(broken([](poll::BudgetCount&) {}));
  EXPECT_TRUE(broken([](poll::BudgetCount& c) { c.sums.points[0] = 8; }));
  EXPECT_TRUE(broken([](poll::BudgetCount& c) { c.sums.ballots = 6; }));
  EXPECT_TRUE(broken([](poll::BudgetCount& c) { c.outcome.funded.push_back(1); }));
  EXPECT_TRUE(broken([](poll::BudgetCount& c) { c.outcome.funded = {0, 0}; }));
  EXPECT_TRUE(broken([](poll::BudgetCount& c) { c.outcome.left += 1; }));
  EXPECT_TRUE(broken([](poll::BudgetCount& c) { c.outcome.decisions.pop_back(); }));
  Facts uncounted = BudgetFacts();
  uncounted.result->contests[0].budget = nullptr;
  EXPECT_FALSE(ResultDocument(uncounted, Format::kText).ok());
}

}  // namespace
}  // namespace urna::documents
