#include "documents/result.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/text.h"

namespace urna::documents {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

poll::Party Party(const std::string& name, uint8_t byte) {
  poll::Party party{name, {}};
  party.key.fill(byte);
  return party;
}

poll::Texts Both(const std::string& pl, const std::string& en) { return {{"pl", pl}, {"en", en}}; }

poll::Contest Question(const std::string& id, poll::Decision decision) {
  poll::Contest contest;
  contest.id = id;
  contest.title = Both("Metro", "Metro");
  contest.question = Both("Czy budować metro?", "Should a metro be built?");
  contest.options = {{"tak", Both("TAK", "YES")}, {"nie", Both("NIE", "NO")}};
  contest.rule = crypto::Choose{.lo = 0, .hi = 1, .n = 2};
  contest.decision = decision;
  return contest;
}

poll::Definition Definition(std::vector<poll::Contest> contests) {
  poll::Definition d;
  d.languages = {"pl", "en"};
  d.title = Both("Referendum próbne", "A referendum for tests");
  d.contests = std::move(contests);
  d.styles = {{"miasto", Both("Miasto", "The city"), {}}};
  for (uint32_t c = 0; c < d.contests.size(); ++c) d.styles[0].contests.push_back(c);
  d.quorum = poll::TurnoutQuorum{3, 10};
  d.officials = {Party("Ada Nowak", 1), Party("Bob Kowal", 2), Party("Cyd Lis", 3)};
  d.officials_needed = 2;
  d.trustees = {Party("Tea", 4), Party("Uma", 5), Party("Vic", 6)};
  d.trustees_needed = 2;
  d.issuers = {Party("City hall", 7)};
  d.ballot_box = {"urna.example/test", ledger::kTypeEd25519, {}};
  d.casting_from = 1400990400;
  d.end = d.casting_from + 12 * 3600;
  return d;
}

struct Votes {
  std::vector<uint64_t> online, paper;
  uint64_t ballots = 0, cards = 0;
};

/// What a ledger with these votes would give; `votes` by contest, one style.
Facts FactsOf(const poll::Definition& definition, uint64_t entitled,
              const std::vector<Votes>& votes) {
  Facts facts;
  facts.definition = std::make_shared<const poll::Definition>(definition);
  facts.definition_sha256.fill(0xdd);
  facts.poll.fill(0xab);
  facts.end = definition.end;
  facts.course.persons_sha256.fill(0xee);
  facts.course.concluded_at = definition.end + 7200;
  facts.course.concluded_by = {0, 2};
  facts.decrypted_by = {1, 3};
  facts.checkpoint = {"urna.example/test", 4321, {}};
  facts.signature = "— urna.example/test c2lnbmF0dXJl";
  poll::Result result;
  result.entitled = entitled;
  result.ballots = votes[0].ballots;
  result.paper_cards = votes[0].cards;
  result.registers_complete = true;
  for (size_t c = 0; c < votes.size(); ++c) {
    poll::ContestResult contest;
    contest.entitled = entitled;
    contest.ballots = votes[c].ballots;
    contest.paper_cards = votes[c].cards;
    contest.online = votes[c].online;
    contest.paper = votes[c].paper;
    std::vector<uint64_t> together = contest.online;
    for (size_t o = 0; o < together.size(); ++o) together[o] += contest.paper[o];
    contest.outcome =
        poll::counting::CountContest(definition.contests[c], definition.quorum, entitled,
                                     contest.ballots + contest.paper_cards, 0, together)
            .value();
    result.contests.push_back(contest);
  }
  poll::Reconciliation all;
  all.has_registers = true;
  all.total.roll = entitled;
  all.total.answered = votes[0].ballots + std::min<uint64_t>(1, entitled - votes[0].ballots);
  all.total.registers = {all.total.answered};
  all.total.cast = votes[0].ballots;
  all.total.paper = votes[0].cards;
  all.styles = {all.total};
  facts.reconciliation = all;
  facts.result = result;
  return facts;
}

std::string Document(const Facts& facts, Format format) {
  const auto document = ResultDocument(facts, format);
  EXPECT_TRUE(document.ok()) << document.status();
  return document.value_or("");
}

json JsonOf(const Facts& facts) { return json::parse(Document(facts, Format::kJson)); }

// --- Sums ----------------------------------------------------------------------------------------

TEST(Sums, AreThoseOfAnIndependentCountInEverySmallPoll) {
  const poll::Definition d = Definition({Question("q", poll::Majority{0, 1})});
  int polls = 0;
  for (uint64_t code = 0; code < 729; ++code) {
    // Yes, no and blank, online and on paper: each 0, 1 or 2.
    uint64_t n[6], rest = code;
    for (uint64_t& number : n) number = rest % 3, rest /= 3;
    const uint64_t online = n[0] + n[1] + n[2], paper = n[3] + n[4] + n[5];
    const uint64_t entitled = online + paper + code % 30;
    const json j = JsonOf(FactsOf(d, entitled, {{{n[0], n[1]}, {n[3], n[4]}, online, paper}}));
    const json& q = j["contests"][0];
    ASSERT_EQ(j["cards"], online + paper);
    ASSERT_EQ(q["options"][0]["votes"], n[0] + n[3]);
    ASSERT_EQ(q["options"][1]["votes"], n[1] + n[4]);
    ASSERT_EQ(q["valid"], n[0] + n[1] + n[3] + n[4]);
    ASSERT_EQ(q["invalid_or_blank"], n[2] + n[5]);
    ASSERT_EQ(q["valid"].get<uint64_t>() + q["invalid_or_blank"].get<uint64_t>(), j["cards"]);
    ASSERT_LE(j["cards_online"], j["received_all_tokens"]);
    ASSERT_LE(j["received_all_tokens"], j["entitled"]);
    ASSERT_LE(j["cards_on_paper"].get<uint64_t>() + j["cards_online"].get<uint64_t>(),
              j["entitled"].get<uint64_t>());
    const bool met = 10 * (online + paper) >= 3 * entitled;
    const uint64_t yes = n[0] + n[3], no = n[1] + n[4];
    const std::string expected = !met ? "invalid" : yes == no ? "undecided" : "decided";
    ASSERT_EQ(q["outcome"], expected) << q;
    if (expected == "decided") {
      ASSERT_EQ(q["winner"], yes > no ? "tak" : "nie");
    }
    ++polls;
  }
  EXPECT_EQ(polls, 729);
}

TEST(Sums, ThatDoNotHoldLeaveNoDocument) {
  const poll::Definition d = Definition({Question("q", poll::Majority{0, 1})});
  const Facts good = FactsOf(d, 100, {{{40, 20}, {5, 3}, 65, 10}});
  ASSERT_TRUE(CheckSums(good).ok());
  const std::vector<std::pair<std::function<void(Facts&)>, std::string>> changes = {
      {[](Facts& f) { ++f.result->entitled; }, "in total: entitled 101, but the roll has 100"},
      {[](Facts& f) { ++f.result->ballots; }, "in total: cards online 66, but ballot keys 65"},
      {[](Facts& f) { ++f.result->paper_cards; }, "cards on paper 11, but the styles have 10"},
      {[](Facts& f) { f.result->registers_complete = false; }, "registers: complete 0"},
      {[](Facts& f) { ++f.result->contests[0].entitled; }, "contest q: entitled 101"},
      {[](Facts& f) { --f.result->contests[0].ballots; }, "contest q: cards online 64"},
      {[](Facts& f) { ++f.result->contests[0].paper_cards; }, "contest q: cards on paper 11"},
      {[](Facts& f) { ++f.result->contests[0].online[0]; },
       "contest q: votes of all options 69, but valid votes 68"},
      {[](Facts& f) { ++f.result->contests[0].outcome.valid; },
       "contest q: valid and invalid votes together 76, but cards 75"},
      {[](Facts& f) { ++f.result->contests[0].outcome.invalid; }, "valid and invalid votes"},
      {[](Facts& f) {
         f.result->contests[0].online = {38, 19}, f.result->contests[0].paper = {7, 4};
       },
       "contest q: votes of all options on paper 11, but only cards on paper 10"},
      {[](Facts& f) { f.result->contests[0].outcome.option = 1; }, "the verdict is not the one"},
      {[](Facts& f) { f.result->contests[0].outcome.quorum_met = false; }, "the verdict is not"},
      {[](Facts& f) { f.result->contests[0].withheld = true; }, "withheld with 65 ballots"},
      {[](Facts& f) { f.result->contests.clear(); }, "result: contests 0"},
      {[](Facts& f) { f.reconciliation->total.answered = 64; }, "in total: "},
      {[](Facts& f) { f.credentials_replaced = 1; }, "credentials replaced 1"},
  };
  for (const auto& [change, named] : changes) {
    Facts facts = good;
    change(facts);
    for (const Format format : {Format::kText, Format::kHtml, Format::kJson}) {
      const auto document = ResultDocument(facts, format);
      ASSERT_FALSE(document.ok()) << named;
      EXPECT_TRUE(absl::IsInternal(document.status()));
      EXPECT_THAT(std::string(document.status().message()), HasSubstr(named));
    }
  }
}

// --- Verdicts ------------------------------------------------------------------------------------

TEST(Verdicts, OfEveryRuleAreSaidWithTheirRule) {
  struct Case {
    poll::Decision decision;
    poll::Quorum quorum;
    uint64_t yes, no, blank, entitled;
    std::string outcome;
    std::vector<std::string> says;
  };
  const poll::Quorum third = poll::TurnoutQuorum{3, 10}, none = poll::NoQuorum{};
  const std::vector<Case> cases = {
      {poll::Majority{0, 1},
       third,
       300,
       299,
       1,
       2000,
       "decided",
       {"30\u00a0% of 2,000 = 600 needed, 600 took part: reached", "Outcome: decided: \"YES\"",
        "more than half of the valid votes"}},
      {poll::Majority{0, 1},
       third,
       300,
       298,
       1,
       2000,
       "invalid",
       {"600 needed, 599 took part: NOT reached", "Outcome: not valid: the quorum was missed"}},
      {poll::Majority{0, 1},
       third,
       300,
       300,
       5,
       2000,
       "undecided",
       {"Outcome: undecided: no option reached what it needs", "50.00\u00a0%"}},
      {poll::Majority{0, 1}, third, 1, 700, 5, 2000, "decided", {"Outcome: decided: \"NO\""}},
      {poll::TwoThirds{0, 1},
       third,
       400,
       200,
       0,
       2000,
       "decided",
       {"Outcome: decided: \"YES\"", "at least two thirds", "referendum on self-taxation"}},
      {poll::TwoThirds{0, 1}, third, 399, 201, 0, 2000, "decided", {"Outcome: decided: \"NO\""}},
      {poll::Variants{},
       third,
       301,
       300,
       0,
       2000,
       "decided",
       {"Outcome: decided: \"YES\"", "a choice between variants"}},
      {poll::Variants{}, third, 300, 300, 0, 2000, "undecided", {"Outcome: undecided"}},
      {poll::NoDecision{},
       none,
       3,
       2,
       1,
       2000,
       "none",
       {"none is demanded", "Outcome: no decision, totals only", "consultation or survey"}},
      {poll::Majority{0, 1},
       poll::RecallQuorum{1001},
       600,
       1,
       0,
       5000,
       "decided",
       {"3/5 of 1,001 = 601 needed, 601 took part: reached", "recall of an elected body"}},
      {poll::Majority{0, 1},
       poll::RecallQuorum{1001},
       600,
       0,
       0,
       5000,
       "invalid",
       {"601 needed, 600 took part: NOT reached"}},
      {poll::Majority{0, 1}, third, 0, 0, 700, 2000, "undecided", {"Outcome: undecided", "–"}},
  };
  for (const Case& one : cases) {
    poll::Definition d = Definition({Question("q", one.decision)});
    d.languages = {"en"};
    d.quorum = one.quorum;
    const Facts facts =
        FactsOf(d, one.entitled, {{{one.yes, one.no}, {0, 0}, one.yes + one.no + one.blank, 0}});
    EXPECT_EQ(JsonOf(facts)["contests"][0]["outcome"], one.outcome);
    const std::string text =
        std::regex_replace(Document(facts, Format::kText), std::regex("\n +"), " ");
    for (const std::string& words : one.says) EXPECT_THAT(text, HasSubstr(words));
  }
}

TEST(OtherRules, SayWhatTheirNumbersMean) {
  poll::Contest score = Question("ocena", poll::NoDecision{});
  score.rule = crypto::Score{.max = 5, .n = 2};
  poll::Contest several = Question("kilka", poll::NoDecision{});
  several.rule = crypto::Choose{.lo = 0, .hi = 2, .n = 2};
  poll::Definition d = Definition({score, several});
  const Facts facts = FactsOf(d, 40, {{{60, 13}, {0, 0}, 20, 0}, {{15, 12}, {0, 0}, 20, 0}});
  const std::string text = Document(facts, Format::kText);
  EXPECT_THAT(text, AllOf(HasSubstr("Mean per"), HasSubstr("3.00"), HasSubstr("0.65"),
                          HasSubstr("3,00"), HasSubstr("% of cards"), HasSubstr("75.00"),
                          HasSubstr("Every card counts here as valid")));
  EXPECT_EQ(JsonOf(facts)["contests"][0]["options"][1]["mean_per_card"], "0.65");
}

TEST(Krakow2014, HasTheNumbersThatTheCityPublished) {
  std::ifstream file(URNA_DEMO "/krakow-2014.json");
  const json facts_2014 = json::parse(file);
  std::vector<poll::Contest> contests;
  std::vector<Votes> votes;
  const uint64_t participants = facts_2014["participants"];
  for (const json& contest : facts_2014["contests"]) {
    contests.push_back(Question(contest["id"], poll::Majority{0, 1}));
    contests.back().title = contest["title"].get<poll::Texts>();
    contests.back().question = contest["question"].get<poll::Texts>();
    const json& counted = facts_2014["votes"][contest["id"].get<std::string>()];
    votes.push_back({{0, 0}, {counted["tak"], counted["nie"]}, 0, participants});
  }
  poll::Definition d = Definition(contests);
  d.title = facts_2014["title"].get<poll::Texts>();
  // The number of the entitled is not among the facts; any that gives the published turnout.
  const Facts facts = FactsOf(d, 585220, votes);
  const json j = JsonOf(facts);
  EXPECT_EQ(j["turnout_percent"], facts_2014["turnout_percent"]);
  const std::vector<std::array<std::string, 2>> expected = {
      {"nie", "69.72"}, {"tak", "55.11"}, {"tak", "69.73"}, {"tak", "85.20"}};
  const std::vector<uint64_t> valid = {206249, 204795, 204741, 205431};
  for (size_t c = 0; c < 4; ++c) {
    const json& contest = j["contests"][c];
    EXPECT_EQ(contest["valid"], valid[c]);
    EXPECT_EQ(contest["invalid_or_blank"], participants - valid[c]);
    EXPECT_EQ(contest["winner"], expected[c][0]);
    EXPECT_EQ(contest["options"][expected[c][0] == "tak" ? 0 : 1]["percent_of_valid"],
              expected[c][1]);
    EXPECT_EQ(contest["quorum"]["needed"], 175566);
    EXPECT_EQ(contest["outcome"], "decided");
  }
  EXPECT_THAT(Document(facts, Format::kText),
              AllOf(HasSubstr("35,96\u00a0%"), HasSubstr("210\u00a0441"), HasSubstr("85,20\u00a0%"),
                    HasSubstr("35.96\u00a0%"), HasSubstr("Rozstrzygnięcie: wygrywa „NIE”")));
}

// --- The course of the poll
// ------------------------------------------------------------------------

Facts Eventful() {
  poll::Definition d = Definition({Question("q", poll::Majority{0, 1})});
  d.rehearsal = true;
  Facts facts = FactsOf(d, 2000, {{{400, 200}, {60, 40}, 619, 100}});
  facts.end = d.end + 3600;
  facts.course.pauses = {{d.casting_from + 60, d.casting_from + 120, "awaria prądu"},
                         {d.casting_from + 7200, std::nullopt, ""}};
  facts.course.extensions = {{d.casting_from + 180, d.end, d.end + 3600, "przerwa"}};
  facts.course.lot = "kula 7";
  facts.credentials_replaced = facts.reconciliation->total.replaced = 3;
  facts.reconciliation->styles[0].replaced = 3;
  return facts;
}

TEST(Document, IsTheGoldenOne) {
  std::ifstream file(URNA_TEST_DATA "/result.txt");
  const std::string golden((std::istreambuf_iterator<char>(file)), {});
  EXPECT_EQ(Document(Eventful(), Format::kText), golden);
}

TEST(Document, SaysRehearsalInCapitalsFirstAndLast) {
  const std::string text = Document(Eventful(), Format::kText);
  EXPECT_THAT(text, StartsWith("*** PRÓBA: TEN DOKUMENT NIE MA ŻADNEJ MOCY ***\n"));
  EXPECT_THAT(text, ::testing::EndsWith("*** REHEARSAL: THIS DOCUMENT COUNTS FOR NOTHING ***\n"));
  EXPECT_THAT(Document(Eventful(), Format::kHtml), HasSubstr("<p class=\"banner\">REHEARSAL"));
  EXPECT_EQ(JsonOf(Eventful())["rehearsal"], true);
  Facts earnest =
      FactsOf(Definition({Question("q", poll::Majority{0, 1})}), 10, {{{2, 1}, {0, 0}, 3, 0}});
  EXPECT_THAT(Document(earnest, Format::kText), Not(HasSubstr("REHEARSAL")));
}

TEST(Document, OfACancelledPollHoldsNoResult) {
  Facts facts = Eventful();
  facts.cancelled = true;
  facts.reason = "misprint";
  facts.result.reset();
  facts.reconciliation.reset();
  const std::string text = Document(facts, Format::kText);
  EXPECT_THAT(text, AllOf(HasSubstr("Protokół odwołania głosowania"), HasSubstr("misprint"),
                          HasSubstr("This vote was cancelled. It has no result"),
                          HasSubstr("Credentials replaced (lost letters): 3"),
                          HasSubstr("Officials who cancelled"), Not(HasSubstr("Turnout")),
                          Not(HasSubstr("YES")), Not(HasSubstr("decrypted the totals"))));
  const json j = JsonOf(facts);
  EXPECT_EQ(j["state"], "cancelled");
  EXPECT_EQ(j["reason"], "misprint");
  for (const char* absent : {"contests", "cards", "turnout_percent", "reconciliation"}) {
    EXPECT_FALSE(j.contains(absent)) << absent;
  }
}

TEST(Document, OfAWithheldQuestionHoldsNoVotes) {
  poll::Definition d = Definition({Question("q", poll::Majority{0, 1})});
  d.minimum_ballots = 20;
  Facts facts = FactsOf(d, 100, {{{7, 3}, {11, 2}, 12, 17}});
  facts.result->contests[0].withheld = true;
  facts.decrypted_by.clear();
  const std::string text =
      std::regex_replace(Document(facts, Format::kText), std::regex("\n +"), " ");
  EXPECT_THAT(text, AllOf(HasSubstr("Withheld: 12 ballots are fewer than the 20"),
                          HasSubstr("Nothing was decrypted."), Not(HasSubstr("YES"))));
  EXPECT_FALSE(JsonOf(facts)["contests"][0].contains("options"));
}

TEST(Document, SaysWhichRegisterIsMissingAndWhy) {
  poll::Definition d = Definition({Question("q", poll::Majority{0, 1})});
  Facts facts = FactsOf(d, 100, {{{7, 3}, {0, 0}, 12, 0}});
  facts.result->registers_complete = false;
  facts.course.missing_registers = {{0, "the disk burnt"}};
  facts.reconciliation->has_registers = false;
  facts.reconciliation->total.registers =
      facts.reconciliation->styles[0].registers = {std::nullopt};
  facts.reconciliation->total.answered = facts.reconciliation->styles[0].answered = 0;
  EXPECT_THAT(std::regex_replace(Document(facts, Format::kText), std::regex("\n +"), " "),
              AllOf(HasSubstr("THE REGISTER OF City hall IS MISSING"), HasSubstr("the disk burnt"),
                    Not(HasSubstr("Tokens never used"))));
  EXPECT_TRUE(JsonOf(facts)["received_all_tokens"].is_null());
}

TEST(Document, SaysHowManyRecordsAreLostAndWhy) {
  poll::Definition d = Definition({Question("q", poll::Majority{0, 1})});
  Facts facts = FactsOf(d, 100, {{{7, 3}, {0, 0}, 12, 0}});
  facts.course.losses = {
      {.record = 30, .lost = {{"urna.example/test", 37, {}}}, .reason = "a fire"}};
  EXPECT_THAT(std::regex_replace(Document(facts, Format::kText), std::regex("\n +"), " "),
              AllOf(HasSubstr("7 RECORDS ARE LOST"), HasSubstr("a fire"),
                    Not(HasSubstr("There were no pauses"))));
  EXPECT_EQ(JsonOf(facts)["course"]["losses"][0]["records_lost"], 7);
}

TEST(Document, NamesWhoSignedAndHowToCheckAgain) {
  const std::string text = Document(Eventful(), Format::kText);
  const std::string poll(base::Cat("urna-verify ledger --poll abababab"));
  EXPECT_THAT(text, AllOf(HasSubstr("Ada Nowak"), Not(HasSubstr("Bob Kowal")), HasSubstr("Cyd Lis"),
                          HasSubstr("Tea "), Not(HasSubstr("Uma")), HasSubstr("Vic "),
                          HasSubstr("City hall"), HasSubstr("0101010101"), HasSubstr(poll),
                          HasSubstr("— urna.example/test c2lnbmF0dXJl"), HasSubstr("4321")));
}

// --- HTML ----------------------------------------------------------------------------------------

/// Nothing but tags that open and close properly; true for a well-formed page.
bool IsBalanced(const std::string& html) {
  static const std::regex kTag("<(/?)([a-z0-9]+)([^<>]*)>");
  std::vector<std::string> open;
  for (std::sregex_iterator it(html.begin(), html.end(), kTag), end; it != end; ++it) {
    const std::string name = (*it)[2];
    if (name == "meta") continue;
    if ((*it)[1].length() == 0) {
      open.push_back(name);
    } else if (open.empty() || open.back() != name) {
      return false;
    } else {
      open.pop_back();
    }
  }
  return open.empty();
}

TEST(Html, IsSelfContainedAndSaysItsLanguages) {
  const std::string html = Document(Eventful(), Format::kHtml);
  EXPECT_TRUE(IsBalanced(html));
  EXPECT_THAT(html, AllOf(StartsWith("<!DOCTYPE html>\n<html lang=\"pl\">"),
                          HasSubstr("<article id=\"pl\" lang=\"pl\">"),
                          HasSubstr("<article id=\"en\" lang=\"en\">"), HasSubstr("@media print"),
                          HasSubstr("scope=\"col\""), HasSubstr("scope=\"row\""),
                          HasSubstr("<caption>"), HasSubstr("default-src 'none'")));
  for (const char* outside :
       {"<script", "src=", "http:", "https:", "url(", "@import", "<link", "<img", "<iframe"}) {
    EXPECT_THAT(html, Not(HasSubstr(outside)));
  }
}

TEST(Html, MarksThePollsTextsWhereItHasNoWordsForTheirLanguage) {
  poll::Definition d = Definition({Question("q", poll::Majority{0, 1})});
  d.languages = {"de"};
  d.title = {{"de", "Volksentscheid"}};
  const std::string html = Document(FactsOf(d, 10, {{{2, 1}, {0, 0}, 3, 0}}), Format::kHtml);
  EXPECT_THAT(html, AllOf(HasSubstr("<article id=\"de\" lang=\"en\">"),
                          HasSubstr("<h1 dir=\"auto\" lang=\"de\">Volksentscheid</h1>")));
}

TEST(Attack, TextsOfThePollCanNeitherForgeMarkupNorLinesNorHide) {
  const std::string evil =
      "</h1><script>alert(1)</script><img src=x onerror=y>&lt;\" ' \x1b[2J\r\nVERIFIED "
      "\xe2\x80\xae"
      "txet\xe2\x80\x8b\xf3\xa0\x81\x81";
  poll::Definition d = Definition({Question("q", poll::Majority{0, 1})});
  d.title = d.contests[0].title = d.contests[0].question = d.contests[0].options[0].text =
      d.contests[0].options[1].text = d.styles[0].title = Both(evil, evil);
  for (auto* parties : {&d.officials, &d.trustees, &d.issuers}) {
    for (poll::Party& party : *parties) party.name = evil;
  }
  Facts facts = FactsOf(d, 2000, {{{400, 200}, {60, 40}, 619, 100}});
  facts.course.pauses = {{d.casting_from + 60, d.casting_from + 120, evil}};
  facts.course.extensions = {{d.casting_from + 180, d.end, d.end + 3600, evil}};
  facts.course.lot = evil;
  facts.checkpoint.origin = facts.signature = evil;
  Facts cancelled = facts;
  cancelled.cancelled = true;
  cancelled.reason = evil;
  for (const Facts& one : {facts, cancelled}) {
    const std::string html = Document(one, Format::kHtml);
    EXPECT_TRUE(IsBalanced(html));
    EXPECT_THAT(html, AllOf(Not(HasSubstr("<script")), Not(HasSubstr("<img")),
                            HasSubstr("&lt;script&gt;alert(1)&lt;/script&gt;")));
    const std::string text = Document(one, Format::kText);
    EXPECT_THAT(text, Not(HasSubstr("\nVERIFIED")));
    const std::string json_text = Document(one, Format::kJson);
    EXPECT_TRUE(json::accept(json_text));
    EXPECT_EQ(json::parse(json_text)["title"]["pl"], evil);
    for (const std::string& document : {html, text, json_text}) {
      for (const char* harmful :
           {"\x1b", "\r", "\xe2\x80\xae", "\xe2\x80\x8b", "\xf3\xa0\x81\x81"}) {
        EXPECT_THAT(document, Not(HasSubstr(harmful)));
      }
    }
  }
}

TEST(Format, IsNamedOrFollowsFromTheFile) {
  EXPECT_EQ(ParseFormat("html").value(), Format::kHtml);
  EXPECT_FALSE(ParseFormat("pdf").ok());
  EXPECT_EQ(FormatOfFile("a/result.txt").value(), Format::kText);
  EXPECT_EQ(FormatOfFile("result.json").value(), Format::kJson);
  EXPECT_FALSE(FormatOfFile("result.pdf").ok());
  EXPECT_FALSE(FormatOfFile("html").ok());
}

}  // namespace
}  // namespace urna::documents
