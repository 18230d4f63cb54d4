#include "poll/definition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"
#include "crypto/group.h"
#include "crypto/secret.h"
#include "ledger/record.h"

namespace urna::poll {
namespace {

using base::Cat;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using Json = nlohmann::json;

crypto::Ed25519Public Key(uint8_t number) {
  base::Bytes32 seed{};
  seed[0] = number;
  return crypto::Ed25519Key::FromSeed(crypto::Secret<base::Bytes32>(seed)).public_key();
}

std::string KeyHex(uint8_t number) { return base::Hex(Key(number)); }

std::string Witness(uint8_t number, uint8_t type = ledger::kTypeCosignature) {
  return ledger::NoteKey{.name = "witness.example", .type = type, .key = Key(number)}.ToString();
}

Json TextPair(const std::string& pl, const std::string& en) { return {{"pl", pl}, {"en", en}}; }

Json Options(const std::vector<std::string>& ids) {
  Json options = Json::array();
  for (const std::string& id : ids) {
    options.push_back({{"id", id}, {"text", TextPair("opcja " + id, "option " + id)}});
  }
  return options;
}

std::vector<std::string> Numbered(size_t count) {
  std::vector<std::string> ids;
  for (size_t i = 0; i < count; ++i) ids.push_back(Cat("o", i));
  return ids;
}

Json ContestJson(const std::string& id, const Json& options, const Json& ballot,
                 const Json& decision) {
  return {{"id", id},
          {"title", TextPair("Tytuł", "Title")},
          {"question", TextPair("Pytanie?", "Question?")},
          {"options", options},
          {"ballot", ballot},
          {"tally", "homomorphic"},
          {"decision", decision}};
}

Json PartyJson(const std::string& name, uint8_t key) {
  return {{"name", name}, {"key", KeyHex(key)}};
}

Json Valid() {
  return {
      {"format", "urna-definition/1"},
      {"roll_label", "krakow-2014.1"},
      {"rehearsal", false},
      {"languages", {"pl", "en"}},
      {"title", TextPair("Referendum", "Referendum")},
      {"description", TextPair("", "What it is about")},
      {"contests",
       {ContestJson("metro", Options({"tak", "nie"}), {{"rule", "choose"}, {"min", 0}, {"max", 1}},
                    {{"rule", "majority"}, {"yes", "tak"}, {"no", "nie"}}),
        ContestJson("podatek", Options({"nie", "tak"}),
                    {{"rule", "choose"}, {"min", 1}, {"max", 1}},
                    {{"rule", "two-thirds"}, {"yes", "tak"}, {"no", "nie"}}),
        ContestJson("plac", Options({"a", "b", "c"}), {{"rule", "choose"}, {"min", 0}, {"max", 1}},
                    {{"rule", "variants"}}),
        ContestJson("oceny", Options({"a", "b"}),
                    {{"rule", "score"}, {"max", 5}, {"total", {{"min", 1}, {"max", 7}}}},
                    {{"rule", "none"}}),
        ContestJson("punkty", Options({"a", "b", "c", "d"}), {{"rule", "points"}, {"k", 3}},
                    {{"rule", "none"}})}},
      {"styles",
       {{{"id", "d1"}, {"title", TextPair("Jeden", "One")}, {"contests", {"metro", "oceny"}}},
        {{"id", "d2"},
         {"title", TextPair("Dwa", "Two")},
         {"contests", {"podatek", "plac", "punkty"}}}}},
      {"quorum", {{"rule", "turnout"}, {"numerator", 3}, {"denominator", 10}}},
      {"officials", {{"needed", 1}, {"list", {PartyJson("Anna", 1), PartyJson("Jan", 2)}}}},
      {"trustees",
       {{"needed", 2}, {"list", {PartyJson("T1", 3), PartyJson("T2", 4), PartyJson("T3", 5)}}}},
      {"issuers", {PartyJson("Urząd", 6), PartyJson("Uniwersytet", 7)}},
      {"ballot_box", {{"origin", "urna.example/krakow-2014"}, {"key", KeyHex(8)}}},
      {"witnesses", {{"needed", 0}, {"list", {Witness(9)}}}},
      {"times",
       {{"issuing_from", "2014-05-20T05:00:00Z"},
        {"casting_from", "2014-05-25T05:00:00Z"},
        {"end", "2014-05-25T19:00:00Z"},
        {"latest_end", "2014-05-25T21:00:00Z"}}},
      {"publish_every", 1800},
      {"minimum_ballots", 5},
      {"revoting", true}};
}

std::string Message(const absl::Status& status) { return std::string(status.message()); }

/// The message with which `text` is refused; a definition.invalid verdict is demanded.
std::string Refusal(std::string_view text) {
  const auto definition = ParseDefinition(text);
  EXPECT_FALSE(definition.ok()) << text.substr(0, 2000);
  if (definition.ok()) return "accepted";
  EXPECT_EQ(base::RejectId(definition.status()), "definition.invalid");
  return Message(definition.status());
}

TEST(Definition, ReadsEveryField) {
  const auto parsed = ParseDefinition(Valid().dump(2));
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  const Definition& d = *parsed;
  EXPECT_EQ(d.roll_label, "krakow-2014.1");
  EXPECT_FALSE(d.rehearsal);
  EXPECT_THAT(d.languages, ElementsAre("pl", "en"));
  EXPECT_EQ(d.title.at("pl"), "Referendum");
  EXPECT_EQ(d.description.at("pl"), "");
  EXPECT_EQ(d.description.at("en"), "What it is about");

  ASSERT_EQ(d.contests.size(), 5u);
  EXPECT_EQ(d.contests[0].id, "metro");
  EXPECT_EQ(d.contests[0].title.at("pl"), "Tytuł");
  EXPECT_EQ(d.contests[0].question.at("en"), "Question?");
  ASSERT_EQ(d.contests[0].options.size(), 2u);
  EXPECT_EQ(d.contests[0].options[1].id, "nie");
  EXPECT_EQ(d.contests[0].options[1].text.at("en"), "option nie");
  EXPECT_EQ(d.contests[0].rule, (crypto::Rule(crypto::Choose{.lo = 0, .hi = 1, .n = 2})));
  EXPECT_EQ(d.contests[0].tally, TallyKind::kHomomorphic);
  ASSERT_TRUE(std::holds_alternative<Majority>(d.contests[0].decision));
  EXPECT_EQ(std::get<Majority>(d.contests[0].decision).yes, 0u);
  EXPECT_EQ(std::get<Majority>(d.contests[0].decision).no, 1u);
  EXPECT_EQ(d.contests[1].rule, (crypto::Rule(crypto::Choose{.lo = 1, .hi = 1, .n = 2})));
  ASSERT_TRUE(std::holds_alternative<TwoThirds>(d.contests[1].decision));
  EXPECT_EQ(std::get<TwoThirds>(d.contests[1].decision).yes, 1u);
  EXPECT_EQ(std::get<TwoThirds>(d.contests[1].decision).no, 0u);
  EXPECT_TRUE(std::holds_alternative<Variants>(d.contests[2].decision));
  EXPECT_EQ(d.contests[3].rule,
            (crypto::Rule(
                crypto::Score{.max = 5, .n = 2, .has_total = true, .total_lo = 1, .total_hi = 7})));
  EXPECT_TRUE(std::holds_alternative<NoDecision>(d.contests[3].decision));
  EXPECT_EQ(d.contests[4].rule, (crypto::Rule(crypto::Points{.k = 3, .n = 4})));

  ASSERT_EQ(d.styles.size(), 2u);
  EXPECT_EQ(d.styles[0].id, "d1");
  EXPECT_EQ(d.styles[0].title.at("en"), "One");
  EXPECT_THAT(d.styles[0].contests, ElementsAre(0, 3));
  EXPECT_THAT(d.styles[1].contests, ElementsAre(1, 2, 4));

  ASSERT_TRUE(std::holds_alternative<TurnoutQuorum>(d.quorum));
  EXPECT_EQ(std::get<TurnoutQuorum>(d.quorum).numerator, 3u);
  EXPECT_EQ(std::get<TurnoutQuorum>(d.quorum).denominator, 10u);

  ASSERT_EQ(d.officials.size(), 2u);
  EXPECT_EQ(d.officials[1].name, "Jan");
  EXPECT_EQ(d.officials[1].key, Key(2));
  EXPECT_EQ(d.officials_needed, 1u);
  ASSERT_EQ(d.trustees.size(), 3u);
  EXPECT_EQ(d.trustees[2].key, Key(5));
  EXPECT_EQ(d.trustees_needed, 2u);
  ASSERT_EQ(d.issuers.size(), 2u);
  EXPECT_EQ(d.issuers[0].name, "Urząd");
  EXPECT_EQ(d.issuers[1].key, Key(7));
  EXPECT_EQ(d.ballot_box.name, "urna.example/krakow-2014");
  EXPECT_EQ(d.ballot_box.type, ledger::kTypeEd25519);
  EXPECT_EQ(d.ballot_box.key, Key(8));
  ASSERT_EQ(d.witnesses.size(), 1u);
  EXPECT_EQ(d.witnesses[0].key, Key(9));
  EXPECT_EQ(d.witnesses_needed, 0u);

  EXPECT_EQ(d.issuing_from, 1400562000u);
  EXPECT_EQ(d.casting_from, 1400994000u);
  EXPECT_EQ(d.end, 1401044400u);
  EXPECT_EQ(d.latest_end, 1401051600u);
  EXPECT_EQ(d.publish_every, 1800u);
  EXPECT_EQ(d.minimum_ballots, 5u);
  EXPECT_TRUE(d.revoting);
}

TEST(Definition, GivesTheShapeOfEachStyleAndTheWidestContest) {
  const auto d = ParseDefinition(Valid().dump());
  ASSERT_TRUE(d.ok()) << d.status();
  EXPECT_EQ(d->keys(), 4u);
  const crypto::BallotShape shape = d->Shape(1);
  EXPECT_EQ(shape.style, "d2");
  EXPECT_EQ(shape.issuers, 2u);
  ASSERT_EQ(shape.contests.size(), 3u);
  EXPECT_EQ(shape.contests[0].id, "podatek");
  EXPECT_EQ(shape.contests[1].id, "plac");
  EXPECT_EQ(shape.contests[2].id, "punkty");
  EXPECT_EQ(shape.contests[2].rule, (crypto::Rule(crypto::Points{.k = 3, .n = 4})));
}

TEST(Definition, ReadsTheOtherQuorums) {
  Json json = Valid();
  json["quorum"] = {{"rule", "recall"}, {"voters_then", 264000}};
  const auto recall = ParseDefinition(json.dump());
  ASSERT_TRUE(recall.ok()) << recall.status();
  ASSERT_TRUE(std::holds_alternative<RecallQuorum>(recall->quorum));
  EXPECT_EQ(std::get<RecallQuorum>(recall->quorum).voters_then, 264000u);

  json["quorum"] = {{"rule", "none"}};
  const auto none = ParseDefinition(json.dump());
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_TRUE(std::holds_alternative<NoQuorum>(none->quorum));
}

TEST(Definition, AScoreNeedsNoTotal) {
  Json json = Valid();
  json["contests"][3]["ballot"].erase("total");
  const auto d = ParseDefinition(json.dump());
  ASSERT_TRUE(d.ok()) << d.status();
  EXPECT_EQ(d->contests[3].rule, (crypto::Rule(crypto::Score{.max = 5, .n = 2})));
}

// --- One fault at a time

struct Fault {
  std::string pointer;  // JSON pointer of what is replaced or added
  Json value;           // a discarded value: the member is removed
  std::string message;  // how the refusal begins: its path, and the start of its reason
};

const Json kRemoved = Json(Json::value_t::discarded);

std::vector<Fault> Faults() {
  const std::string other_quorum = "must be \"turnout\", \"recall\" or \"none\"";
  std::vector<Fault> faults = {
      {"/format", "urna-definition/2", "format: must be \"urna-definition/1\""},
      {"/format", kRemoved, "format: is missing"},
      {"/colour", "red", "colour: unknown field"},
      {"/revoting", kRemoved, "revoting: is missing"},
      {"/revoting", 1, "revoting: must be true or false"},
      {"/rehearsal", "false", "rehearsal: must be true or false"},
      {"/roll_label", "", "roll_label: must be 1 to 64 characters"},
      {"/roll_label", "Krakow", "roll_label: must be 1 to 64 characters"},
      {"/roll_label", std::string(65, 'a'), "roll_label: must be 1 to 64 characters"},
      {"/roll_label", 2014, "roll_label: must be a text"},
      // Languages and texts.
      {"/languages", Json::array(), "languages: has 0 entries"},
      {"/languages", "pl", "languages: must be a list"},
      {"/languages/1", "pl", "languages[1]: the same language appears twice"},
      {"/languages/1", "EN", "languages[1]: must be a language tag"},
      {"/languages/1", "en-", "languages[1]: must be a language tag"},
      {"/languages/1", "e", "languages[1]: must be a language tag"},
      {"/title/de", "Titel", "title.de: this language is not among"},
      {"/title/en", kRemoved, "title.en: is missing"},
      {"/title/en", "", "title.en: is empty"},
      {"/title/en", "  ", "title.en: is empty"},
      {"/title", "Referendum", "title: must be an object"},
      {"/title/en", "a\nb", "title.en: has control characters"},
      {"/title/en", "a\u0085b", "title.en: has control characters"},
      {"/title/en", "Yes\u202eoN", "title.en: has control characters"},
      {"/title/en", "Yes\u2066oN", "title.en: has control characters"},
      {"/title/en", std::string("a\0b", 3), "title.en: has control characters"},
      {"/description/pl", kRemoved, "description.pl: is missing"},
      {"/description/pl", 7, "description.pl: must be a text"},
      // Contests.
      {"/contests", Json::array(), "contests: has 0 entries; 1 to 256 are allowed"},
      {"/contests", Json::object(), "contests: must be a list"},
      {"/contests/1", "metro", "contests[1]: must be an object"},
      {"/contests/1/id", "metro", "contests[1].id: the same contest id appears twice"},
      {"/contests/1/id", "Podatek", "contests[1].id: must be 1 to 64 characters"},
      {"/contests/1/id", "a.b", "contests[1].id: must be 1 to 64 characters"},
      {"/contests/1/weight", 2, "contests[1].weight: unknown field"},
      {"/contests/1/question", kRemoved, "contests[1].question: is missing"},
      {"/contests/1/question/pl", "", "contests[1].question.pl: is empty"},
      {"/contests/1/options", Json::array(), "contests[1].options: has 0 entries"},
      {"/contests/1/options", Options(Numbered(257)), "contests[1].options: has 257 entries"},
      {"/contests/2/options/2/id", "a", "contests[2].options[2].id: the same option id"},
      {"/contests/2/options/2/id", "", "contests[2].options[2].id: must be 1 to 64"},
      {"/contests/2/options/2/text/en", kRemoved, "contests[2].options[2].text.en: is missing"},
      {"/contests/2/options/2/colour", 1, "contests[2].options[2].colour: unknown field"},
      {"/contests/0/tally", "mixed", "contests[0].tally: must be \"homomorphic\": only the ballot"},
      {"/contests/0/tally", "open", "contests[0].tally: must be \"homomorphic\""},
      // Ballot rules.
      {"/contests/0/ballot", Json::object(), "contests[0].ballot.rule: is missing"},
      {"/contests/0/ballot/rule", "rank", "contests[0].ballot.rule: must be \"choose\""},
      {"/contests/0/ballot",
       {{"rule", "picks"}, {"w", 3}},
       "contests[0].ballot.w: unknown field"},
      {"/contests/0/ballot",
       {{"rule", "picks"}, {"min", 0}, {"max", 2}, {"marks", "approval"}},
       "contests[0].tally: must be \"mixed\": picks cannot be added up"},
      {"/contests/0/ballot",
       {{"rule", "picks"}, {"min", 2}, {"max", 1}, {"marks", "approval"}},
       "contests[0].ballot.min: must be a whole number from 0 to 1"},
      {"/contests/0/ballot",
       {{"rule", "picks"}, {"min", 0}, {"max", 3}, {"marks", "approval"}},
       "contests[0].ballot.max: must be a whole number from 1 to 2"},
      {"/contests/0/ballot",
       {{"rule", "picks"}, {"min", 0}, {"max", 2}, {"marks", "borda"}},
       "contests[0].ballot.marks: must be \"approval\" or \"ranked\""},
      {"/contests/0/ballot/k", 1, "contests[0].ballot.k: unknown field"},
      {"/contests/0/ballot/min", kRemoved, "contests[0].ballot.min: is missing"},
      {"/contests/0/ballot/max", 3, "contests[0].ballot.max: must be a whole number from 1 to 2"},
      {"/contests/0/ballot/max", 0, "contests[0].ballot.max: must be a whole number from 1 to 2"},
      {"/contests/0/ballot/max", 1.0, "contests[0].ballot.max: must be a whole number"},
      {"/contests/0/ballot/max", "1", "contests[0].ballot.max: must be a whole number"},
      {"/contests/0/ballot/max", uint64_t{4294967297}, "contests[0].ballot.max: must be a whole"},
      {"/contests/0/ballot/min", -1, "contests[0].ballot.min: must be a whole number"},
      {"/contests/2/ballot", {{"rule", "choose"}, {"min", 2}, {"max", 1}}, "contests[2].ballot: "},
      {"/contests/3/ballot/max", 256, "contests[3].ballot.max: must be a whole number from 1"},
      {"/contests/3/ballot/total/max", 11,
       "contests[3].ballot.total.max: must be a whole number from 0 to 10"},
      {"/contests/3/ballot/total/min", 8,
       "contests[3].ballot.total.min: must be a whole number from 0 to 7"},
      {"/contests/3/ballot/total/min", kRemoved, "contests[3].ballot.total.min: is missing"},
      {"/contests/4/ballot/k", 6, "contests[4].ballot.k: must be a whole number from 1 to 5"},
      {"/contests/4/ballot/k", 5, "contests[4].ballot: "},
      {"/contests/0/id", "self-test", "contests[0].id: \"self-test\" is reserved"},
      {"/contests/1/id", "rehearsal", "contests[1].id: \"rehearsal\" is reserved"},
      // Decisions.
      {"/contests/0/decision/rule", "plurality", "contests[0].decision.rule: must be"},
      {"/contests/0/decision/yes", "maybe", "contests[0].decision.yes: no option has the id"},
      {"/contests/0/decision/no", "tak", "contests[0].decision.no: must be another option"},
      {"/contests/0/decision/no", kRemoved, "contests[0].decision.no: is missing"},
      {"/contests/0/decision/tie", "lot", "contests[0].decision.tie: unknown field"},
      {"/contests/0/ballot/max", 2, "contests[0].decision.rule: \"majority\" is for a contest"},
      {"/contests/1/options", Options({"tak", "nie", "wcale"}),
       "contests[1].decision.rule: \"two-thirds\" is for a contest of two options"},
      {"/contests/2/ballot/max", 2, "contests[2].decision.rule: \"variants\" is for a contest"},
      {"/contests/2/options", Options({"a"}), "contests[2].decision.rule: \"variants\" is for"},
      {"/contests/3/decision/rule", "variants", "contests[3].decision.rule: \"variants\" is for"},
      // Styles.
      {"/styles", Json::array(), "styles: has 0 entries"},
      {"/styles/1/id", "d1", "styles[1].id: the same style id appears twice"},
      {"/styles/1/contests", Json::array(), "styles[1].contests: has 0 entries"},
      {"/styles/1/contests/0", "budzet", "styles[1].contests[0]: no contest has the id"},
      {"/styles/1/contests/1", "podatek", "styles[1].contests[1]: contests must stand in the"},
      {"/styles/1/contests",
       {"plac", "podatek", "punkty"},
       "styles[1].contests[1]: contests must stand in the order"},
      {"/styles/1/contests",
       {"podatek", "punkty"},
       "contests[2]: no style has the contest \"plac\""},
      {"/styles/1/title/pl", kRemoved, "styles[1].title.pl: is missing"},
      // Quorum.
      {"/quorum/rule", "half", "quorum.rule: " + other_quorum},
      {"/quorum/numerator", 11, "quorum.numerator: must be a whole number from 1 to 10"},
      {"/quorum/numerator", 0, "quorum.numerator: must be a whole number from 1 to 10"},
      {"/quorum/denominator", 0, "quorum.denominator: must be a whole number from 1"},
      {"/quorum/voters_then", 5, "quorum.voters_then: unknown field"},
      {"/quorum", {{"rule", "recall"}, {"voters_then", 0}}, "quorum.voters_then: must be a whole"},
      {"/quorum", "none", "quorum: must be an object"},
      // People and keys.
      {"/officials/needed", 0, "officials.needed: must be a whole number from 1 to 2"},
      {"/officials/needed", 3, "officials.needed: must be a whole number from 1 to 2"},
      {"/officials/list", Json::array(), "officials.list: has 0 entries"},
      {"/officials/list/1/key", KeyHex(1),
       "officials.list[1].key: is the key of officials.list[0].key too"},
      {"/officials/list/1/key", "abc", "officials.list[1].key: must be the 64 hexadecimal digits"},
      {"/officials/list/1/key", "PUT-KEY-HERE",
       "officials.list[1].key: put the 64 hexadecimal digits that `urna official key` printed"},
      {"/officials/list/1/name", "PUT-NAME-HERE", "officials.list[1].name: put the name of"},
      {"/officials/list/1/name", " ", "officials.list[1].name: is empty"},
      {"/officials/list/1/mail", "a@b", "officials.list[1].mail: unknown field"},
      {"/trustees/needed", 4, "trustees.needed: must be a whole number from 1 to 3"},
      {"/trustees/list/2/key", KeyHex(2),
       "trustees.list[2].key: is the key of officials.list[1].key too"},
      {"/trustees/list/2/key", "PUT-KEY-HERE",
       "trustees.list[2].key: put the 64 hexadecimal digits that `urna trustee key` printed"},
      {"/issuers", Json::array(), "issuers: has 0 entries; 1 to 8 are allowed"},
      {"/issuers/1/key", KeyHex(3), "issuers[1].key: is the key of trustees.list[0].key too"},
      {"/ballot_box/key", KeyHex(7), "ballot_box.key: is the key of issuers[1].key too"},
      {"/ballot_box/origin", "", "ballot_box.origin: must be a name"},
      {"/ballot_box/origin", "two words", "ballot_box.origin: must be a name"},
      {"/ballot_box/origin", "a+b", "ballot_box.origin: must be a name"},
      {"/ballot_box/origin", std::string(256, 'a'), "ballot_box.origin: must be a name"},
      {"/ballot_box/origin", "PUT-ORIGIN-HERE", "ballot_box.origin: put the name under which"},
      {"/witnesses/needed", 2, "witnesses.needed: must be a whole number from 0 to 1"},
      {"/witnesses/list/0", "nonsense", "witnesses.list[0]: is no verifier key"},
      {"/witnesses/list/0", Witness(9, ledger::kTypeEd25519),
       "witnesses.list[0]: is no witness's key"},
      {"/witnesses/list/0", Witness(8), "witnesses.list[0]: is the key of ballot_box.key too"},
      // Times and numbers.
      {"/times/end", "2014-05-25 19:00", "times.end: must be a time in UTC"},
      {"/times/end", "2014-02-30T19:00:00Z", "times.end: must be a time in UTC"},
      {"/times/end", "12014-05-25T05:00:00Z", "times.end: must be a time in UTC"},
      {"/times/end", 1401044400, "times.end: must be a text"},
      {"/times/end", "PUT-TIME-HERE", "times.end: put a time such as"},
      {"/times/casting_from", "2014-05-20T04:59:59Z", "times.casting_from: casting cannot start"},
      {"/times/end", "2014-05-25T05:00:00Z", "times.end: must be later than casting_from"},
      {"/times/latest_end", "2014-05-25T18:59:59Z", "times.latest_end: must not be earlier"},
      {"/times/zone", "CET", "times.zone: unknown field"},
      {"/publish_every", 0, "publish_every: must be a whole number from 1 to 86400"},
      {"/publish_every", 86401, "publish_every: must be a whole number from 1 to 86400"},
      {"/publish_every", 3600.5, "publish_every: must be a whole number"},
      {"/minimum_ballots", 1, "minimum_ballots: must be a whole number from 2"},
      {"/minimum_ballots", nullptr, "minimum_ballots: must be a whole number from 2"},
      // Beyond 2^53, JavaScript would read another number.
      {"/minimum_ballots", uint64_t{1} << 53, "minimum_ballots: must be a whole number from 2"},
  };
  return faults;
}

TEST(Definition, RefusesEachFaultByItsPath) {
  for (const Fault& fault : Faults()) {
    Json json = Valid();
    const Json::json_pointer pointer(fault.pointer);
    if (fault.value.is_discarded()) {
      ASSERT_EQ(json[pointer.parent_pointer()].erase(pointer.back()), 1u) << fault.pointer;
    } else {
      json[pointer] = fault.value;
    }
    EXPECT_THAT(Refusal(json.dump()), StartsWith(fault.message)) << fault.pointer;
  }
}

// --- Keys

TEST(Definition, RefusesKeysThatAreNoPointsOrOfSmallOrder) {
  const std::string bad_keys[] = {
      std::string(64, '0'),                                                // order 4
      "01" + std::string(62, '0'),                                         // the identity
      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  // order 2
      "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  // not canonical
      "02" + std::string(62, '0'),                                         // not on the curve
      std::string(64, 'f'),
  };
  for (const std::string& key : bad_keys) {
    for (const char* pointer :
         {"/officials/list/0/key", "/trustees/list/0/key", "/issuers/0/key", "/ballot_box/key"}) {
      Json json = Valid();
      json[Json::json_pointer(pointer)] = key;
      EXPECT_THAT(Refusal(json.dump()), HasSubstr("key: is no Ed25519 public key")) << key;
    }
    crypto::Ed25519Public bytes;
    ASSERT_TRUE(base::Unhex(key, bytes));
    Json json = Valid();
    json["witnesses"]["list"][0] =
        ledger::NoteKey{.name = "w", .type = ledger::kTypeCosignature, .key = bytes}.ToString();
    EXPECT_THAT(Refusal(json.dump()), StartsWith("witnesses.list[0]: is no Ed25519 public key"));
  }
}

TEST(Definition, RefusesOneKeyWrittenInTwoWays) {
  Json json = Valid();
  std::string upper = KeyHex(1);
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  json["officials"]["list"][1]["key"] = upper;
  EXPECT_THAT(Refusal(json.dump()),
              StartsWith("officials.list[1].key: is the key of officials.list[0].key too"));
}

// --- Sizes

Json WithContests(size_t contests, size_t options, const Json& ballot) {
  Json json = Valid();
  json["contests"] = Json::array();
  json["styles"] = {{{"id", "all"}, {"title", TextPair("a", "a")}, {"contests", Json::array()}}};
  for (size_t i = 0; i < contests; ++i) {
    const std::string id = Cat("c", i);
    json["contests"].push_back(
        ContestJson(id, Options(Numbered(options)), ballot, {{"rule", "none"}}));
    json["styles"][0]["contests"].push_back(id);
  }
  return json;
}

const Json kAnyNumber = {{"rule", "choose"}, {"min", 0}, {"max", 1}};

TEST(Definition, AcceptsTheLargestBallotThatFitsARecordAndRefusesTheNext) {
  size_t refused = 0;
  for (size_t options = 200; options <= 256 && refused == 0; ++options) {
    const auto d = ParseDefinition(WithContests(3, options, kAnyNumber).dump());
    if (d.ok()) {
      EXPECT_LE(d->Shape(0).encoded_size(), ledger::kMaxPayloadBytes - 2);
      // The next size is 3 contests * 96 bytes more.
      if (d->Shape(0).encoded_size() + 3 * 96 <= ledger::kMaxPayloadBytes - 2) continue;
      refused = options + 1;
    }
  }
  ASSERT_GT(refused, 200u);
  EXPECT_THAT(Refusal(WithContests(3, refused, kAnyNumber).dump()),
              StartsWith("styles[0]: a ballot of this style would have at least"));
}

TEST(Definition, RefusesABallotWhoseScoresNeedTooManyCommitments) {
  const Json score = {{"rule", "score"}, {"max", 255}, {"total", {{"min", 0}, {"max", 2040}}}};
  EXPECT_THAT(Refusal(WithContests(1, 10, score).dump()),
              StartsWith("styles[0]: a ballot of this style would have at least"));
}

TEST(Definition, RefusesAHugeBallotQuickly) {
  EXPECT_THAT(Refusal(WithContests(8, 256, kAnyNumber).dump()),
              StartsWith("styles[0]: a ballot of this style would have at least"));
}

TEST(Definition, RefusesMoreOptionsThanTheCertificateHolds) {
  Json json = WithContests(9, 228, kAnyNumber);  // 2,052
  EXPECT_THAT(Refusal(json.dump()),
              StartsWith("contests: all contests together have 2052 options; the certificate"));
}

Json WithTrustees(size_t count, uint32_t needed, size_t options) {
  Json json = WithContests(1, options, kAnyNumber);
  json["trustees"] = {{"needed", needed}, {"list", Json::array()}};
  for (size_t i = 0; i < count; ++i) {
    json["trustees"]["list"].push_back(PartyJson(Cat("T", i), static_cast<uint8_t>(100 + i)));
  }
  return json;
}

TEST(Definition, RefusesATrusteesDealThatDoesNotFitARecord) {
  // 1 + W t 32 + 64 + n (W 32 + 48) + 64 <= 65,493 with t = 5 and n = 11: W <= 126.
  const auto fits = ParseDefinition(WithTrustees(11, 5, 126).dump());
  EXPECT_TRUE(fits.ok()) << fits.status();
  const std::string message = Refusal(WithTrustees(11, 5, 127).dump());
  EXPECT_THAT(message, StartsWith("trustees: a trustee's part in the key ceremony would have"));
  EXPECT_THAT(message, HasSubstr("there are 11 trustees, 5 needed, and the widest contest "
                                 "(contests[0]) has 127 options"));
}

// --- The text itself

TEST(Definition, RefusesDuplicateKeysAnywhere) {
  const std::string valid = Valid().dump();
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = valid;
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
  };
  EXPECT_EQ(Refusal(with("\"revoting\":true", "\"revoting\":true,\"revoting\":true")),
            "revoting: this key appears twice");
  EXPECT_EQ(Refusal(with("\"id\":\"plac\"", "\"id\":\"plac\",\"id\":\"park\"")),
            "contests[2].id: this key appears twice");
  EXPECT_EQ(Refusal(with("\"option nie\"", "\"No\",\"en\":\"Yes\"")),
            "contests[0].options[1].text.en: this key appears twice");
  // The same name in other letters.
  EXPECT_EQ(Refusal(with("\"revoting\":true", "\"revoting\":true,\"revot\\u0069ng\":false")),
            "revoting: this key appears twice");
}

TEST(Definition, NamesLineAndColumnOfASyntaxError) {
  EXPECT_THAT(Refusal(""), StartsWith("line 1, column 1: "));
  EXPECT_THAT(Refusal("{\n  \"format\": \"urna-definition/1\",\n  \"x\": ?\n}\n"),
              StartsWith("line 3, column 8: "));
  // Columns count characters, not bytes.
  EXPECT_THAT(Refusal("{\"żółw\": ?}"), StartsWith("line 1, column 10: "));
  EXPECT_THAT(Refusal("{\"a\": 1\n \"b\": 2}"), StartsWith("line 2, column "));
  EXPECT_THAT(Refusal("{\"a\": \"never closed\n}"), StartsWith("line 1, column "));
  EXPECT_THAT(Refusal("{\"a\": 1,\n}"), StartsWith("line 2, column 1: "));
  EXPECT_THAT(Refusal("{\n\"a\": 1"), StartsWith("line 2, column "));
}

TEST(Definition, SyntaxErrorsSayWhatWasExpectedInValidUtf8) {
  EXPECT_EQ(Refusal("{\"a\": 1,\n }"),
            "line 2, column 2: syntax error while parsing object key - unexpected '}'; "
            "expected string literal");
  // The parser stops within a character.
  const std::string message = Refusal("{\"a\": \"b\", \xc5\xbc: 1}");
  EXPECT_THAT(message, StartsWith("line 1, column 12: "));
  EXPECT_TRUE(base::IsUtf8(message)) << message;
  // What was read last is left out, even if it looks like a part of the message.
  EXPECT_EQ(Refusal("{\"; last read: '; expected x\" 1"),
            "line 1, column 31: syntax error while parsing object separator - unexpected number "
            "literal; expected ':'");
}

TEST(Definition, RefusesTextAroundTheDefinition) {
  const std::string valid = Valid().dump();
  EXPECT_TRUE(ParseDefinition(" \n" + valid + "\r\n\t ").ok());
  EXPECT_THAT(Refusal(valid + "x"), StartsWith("line 1, column "));
  EXPECT_THAT(Refusal(valid + "\n" + valid), StartsWith("line 2, column 1: "));
  EXPECT_THAT(Refusal("\xef\xbb\xbf" + valid), StartsWith("line 1, column 1: "));
  // Some readers stop at a zero byte and would never see what follows.
  EXPECT_THAT(Refusal(valid + "\n" + std::string(1, '\0') + "{}"),
              StartsWith("line 2, column 1: "));
}

TEST(Definition, RefusesWhatIsNotStrictJson) {
  std::string valid = Valid().dump(2);
  EXPECT_THAT(Refusal("// a comment\n" + valid), StartsWith("line 1, column "));
  EXPECT_THAT(Refusal("/* a comment */" + valid), StartsWith("line 1, column "));
  for (const char* number : {"NaN", "Infinity", "01", "+1", "0x10", ".5", "1.", "1e999"}) {
    std::string text = valid;
    text.replace(text.find("1800"), 4, number);
    EXPECT_THAT(Refusal(text), StartsWith("line ")) << number;
  }
  for (const char* number : {"-0", "1e2", "1800.0", "99999999999999999999999"}) {
    std::string text = valid;
    text.replace(text.find("1800"), 4, number);
    EXPECT_THAT(Refusal(text), StartsWith("publish_every: must be a whole number")) << number;
  }
  for (const char* root : {"[]", "1", "null", "true", "\"text\""}) {
    EXPECT_THAT(Refusal(root), StartsWith("definition: must be an object")) << root;
  }
}

TEST(Definition, RefusesTextThatIsNotUtf8) {
  std::string text = Valid().dump(2);
  const size_t at = text.find("Question?");
  const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(at), '\n');
  for (const char* bad : {"\xff", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc3"}) {
    std::string broken = text;
    broken.insert(at, bad);
    EXPECT_EQ(Refusal(broken), Cat("line ", line, ": is not valid UTF-8"));
  }
  // A lone surrogate as an escape.
  text.insert(at, "\\ud800");
  EXPECT_THAT(Refusal(text), StartsWith(Cat("line ", line, ", column ")));
}

TEST(Definition, RefusesDeepNestingAndHugeTexts) {
  EXPECT_THAT(Refusal(std::string(100000, '[')), HasSubstr("nested deeper than 16 levels"));
  std::string objects;
  for (int i = 0; i < 17; ++i) objects += "{\"a\":";
  EXPECT_EQ(Refusal(objects), "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a: nested deeper than 16 levels");

  Json json = Valid();
  json["description"]["pl"] = std::string(4 << 20, 'a');
  EXPECT_THAT(Refusal(json.dump()), StartsWith("definition: is "));
  json["description"]["pl"] = std::string(3 << 20, 'a');
  EXPECT_TRUE(ParseDefinition(json.dump()).ok());
}

TEST(Definition, ShowsStrangeNamesShortAndPrintable) {
  Json json = Valid();
  json["\x1b[2J" + std::string(1000, 'x')] = 1;
  const std::string message = Refusal(json.dump());
  EXPECT_EQ(message, "?[2J" + std::string(56, 'x') + "...: unknown field");

  const std::string text = "{\"" + std::string(100000, 'y');
  EXPECT_LT(Refusal(text).size(), 400u);
}

// --- Templates

void ReplaceEach(std::string& text, const std::string& from,
                 const std::function<std::string()>& to) {
  for (size_t at; (at = text.find(from)) != std::string::npos;) text.replace(at, from.size(), to());
}

TEST(Definition, AnOriginTellsARehearsalFromARealPoll) {
  Json d = Valid();
  const auto with = [&d](bool rehearsal, const std::string& origin) {
    d["rehearsal"] = rehearsal;
    d["ballot_box"]["origin"] = origin;
    return d.dump();
  };
  for (const char* origin : {"a.example/rehearsal", "a.example/x/rehearsal-2", "rehearsal"}) {
    EXPECT_TRUE(ParseDefinition(with(true, origin)).ok()) << origin;
    EXPECT_THAT(Refusal(with(false, origin)), HasSubstr("ballot_box.origin: this is no rehearsal"));
  }
  EXPECT_THAT(Refusal(with(false, "a.example/ReHearsal/2")), HasSubstr("this is no rehearsal"));
  for (const char* origin :
       {"a.example/2030", "rehearsal/2030", "a.example/Rehearsal", "a.example/no-rehearsal"}) {
    EXPECT_THAT(Refusal(with(true, origin)), HasSubstr("ballot_box.origin: this is a rehearsal"));
  }
}

TEST(RehearsalOf, ChangesNameLabelAndTimesOnly) {
  const std::string real = Valid().dump();
  const Definition before = *ParseDefinition(real);
  const auto text = RehearsalOf(real, 1'000'000, 0);
  ASSERT_TRUE(text.ok()) << text.status();
  const Definition d = *ParseDefinition(*text);
  EXPECT_TRUE(d.rehearsal);
  EXPECT_EQ(d.ballot_box.name, before.ballot_box.name + "/rehearsal");
  EXPECT_NE(d.roll_label, before.roll_label);
  EXPECT_EQ(d.issuing_from, 1'000'000u);
  EXPECT_EQ(d.end - d.issuing_from, before.end - before.issuing_from);
  EXPECT_EQ(d.latest_end - d.end, before.latest_end - before.end);
  Json tree = Json::parse(*text);
  const Json original = Json::parse(real);
  for (const char* field : {"rehearsal", "roll_label", "ballot_box", "times"}) {
    tree[field] = original[field];
  }
  EXPECT_EQ(tree, original);
  EXPECT_EQ(ParseDefinition(*RehearsalOf(real, 1'000'000, 1'003'600))->end, 1'003'600u);
  // It is none of a rehearsal, and refuses an end before its start.
  EXPECT_FALSE(RehearsalOf(*text, 1'000'000, 0).ok());
  EXPECT_FALSE(RehearsalOf(real, 1'000'000, 999'999).ok());
}

TEST(DefinitionTemplate, ParsesOnceItsPlaceholdersAreFilledIn) {
  for (const char* kind : {"referendum", "survey", "consultation", "budget"}) {
    const auto text = DefinitionTemplate(kind);
    ASSERT_TRUE(text.ok()) << kind;
    std::string filled = StripTemplateComments(*text);
    // As it is, it is refused at its first placeholder.
    EXPECT_EQ(Refusal(filled), "roll_label: put a short name for the roll of voters") << kind;
    uint8_t key = 0;
    int hour = 10;
    ReplaceEach(filled, "PUT-KEY-HERE", [&] { return KeyHex(++key); });
    ReplaceEach(filled, "PUT-NAME-HERE", [] { return "Jan Kowalski"; });
    ReplaceEach(filled, "PUT-ORIGIN-HERE", [] { return "votes.example/1"; });
    ReplaceEach(filled, "PUT-ROLL-LABEL-HERE", [] { return "krakow-2030"; });
    ReplaceEach(filled, "PUT-TIME-HERE", [&] { return Cat("2030-05-25T", hour++, ":00:00Z"); });
    const auto d = ParseDefinition(filled);
    ASSERT_TRUE(d.ok()) << kind << ": " << d.status();
    EXPECT_EQ(d->officials.size(), 3u);
    if (std::string(kind) == "referendum") {
      ASSERT_TRUE(std::holds_alternative<TurnoutQuorum>(d->quorum));
      EXPECT_EQ(std::get<TurnoutQuorum>(d->quorum).numerator, 3u);
      EXPECT_EQ(std::get<TurnoutQuorum>(d->quorum).denominator, 10u);
    }
  }
}

TEST(DefinitionTemplate, ExplainsEveryFieldOfTheTopLevel) {
  // Each is preceded by a comment, but for those whose name says all.
  const auto text = DefinitionTemplate("survey");
  ASSERT_TRUE(text.ok());
  const std::vector<std::string_view> lines = base::Split(*text, '\n');
  size_t explained = 0;
  for (size_t i = 1; i < lines.size(); ++i) {
    if (!lines[i].starts_with("  \"")) continue;
    const bool comment = base::Trim(lines[i - 1]).starts_with("//");
    const bool plain = lines[i].starts_with("  \"format\"") || lines[i].starts_with("  \"title\"");
    EXPECT_TRUE(comment || plain) << lines[i];
    if (comment) ++explained;
  }
  EXPECT_EQ(explained, 16u);
}

TEST(DefinitionTemplate, NamesTheKnownKinds) {
  const auto text = DefinitionTemplate("election");
  EXPECT_EQ(text.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(Message(text.status()), HasSubstr("referendum, survey, consultation and budget"));
}

TEST(DefinitionTemplate, CommentsAreRefusedUntilTheyAreStripped) {
  const std::string text = "// one\n" + Valid().dump(2);
  EXPECT_THAT(Refusal(text), StartsWith("line 1, column "));
  EXPECT_TRUE(ParseDefinition(StripTemplateComments(text)).ok());
}

TEST(StripTemplateComments, KeepsLineNumbersAndTextThatOnlyLooksLikeAComment) {
  EXPECT_EQ(StripTemplateComments(""), "");
  EXPECT_EQ(StripTemplateComments("a\n// b\n  \t// c\nd"), "a\n\n\nd");
  EXPECT_EQ(StripTemplateComments("// a\n"), "\n");
  EXPECT_EQ(StripTemplateComments("\"x\": \"https://a\" // b\n"), "\"x\": \"https://a\" // b\n");
  EXPECT_EQ(StripTemplateComments("/ / a\n"), "/ / a\n");
  EXPECT_EQ(StripTemplateComments("a\r\n// b\r\nc\r\n"), "a\r\n\nc\r\n");
}

}  // namespace
}  // namespace urna::poll
