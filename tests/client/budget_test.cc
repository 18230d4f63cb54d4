// `urna budget count` and `urna budget import`, the built program.

#include "base/bytes.h"
#include "crypto/secret.h"
#include "crypto/signature.h"
#include "poll/definition.h"
#include "tests/client/cli_fixture.h"

namespace urna::client {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Points: a 8, b 6, c 2, d 2; c has a mark of 2.
const char kFile[] =
    "META\nkey;value\ndescription;A small city\nbudget;100.50\ncurrency;PLN\nvote_type;ordinal\n"
    "PROJECTS\nproject_id;cost;name;selected\na;60;Park;1\nb;50;\"Play;\x1bground\";0\nc;40;Trees;"
    "1\n"
    "d;40;Benches;0\ne;999999999;Bridge;0\n"
    "VOTES\nvoter_id;vote\n1;a,b,d\n2;a,b,d\n3;b,a\n4;c,a\n";

class BudgetTest : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    Put("city.pb", kFile);
  }
  Outcome Count(const std::string& flags) { return Run("budget count city.pb " + flags); }
  Json CountJson(const std::string& flags) {
    const Outcome outcome = Count(flags + " --json");
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_THAT(outcome.err, IsEmpty());
    return outcome.status == 0 ? outcome.json() : Json();
  }
};

TEST_F(BudgetTest, SaysWhatIsFundedAndWhy) {
  const Outcome outcome = Count("--rule greedy --ties top-marks,lot");
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(outcome.err, IsEmpty());
  EXPECT_THAT(
      outcome.out,
      AllOf(HasSubstr("A small city\n5 projects, 4 ballots (ordinal), budget 100.50 PLN\n"),
            HasSubstr("Note: project e costs 999999999: withdrawn after the vote.\n"),
            HasSubstr("  1.    a                8 points"), HasSubstr("Play; ground"),
            HasSubstr("There is no threshold.\n"),
            HasSubstr("b                not funded: costs 50.00, more than the 40.50 left\n"),
            HasSubstr("c                FUNDED: costs 40.00 of the 40.50 left; before d, tied with "
                      "it, by more marks of the most points, then of fewer and fewer\n"),
            HasSubstr("e                not funded: it was withdrawn\n"),
            HasSubstr("Funded: 2 projects for 100.00 PLN; left 0.50 PLN\n"),
            HasSubstr("The file calls the same projects funded.\n")));
  EXPECT_EQ(outcome.out.find('\x1b'), std::string::npos);  // no way to a terminal
}

TEST_F(BudgetTest, GivesTheSameAsData) {
  const Json json = CountJson("--rule greedy --misfit stop --reserve-from 80% --ties lower-number");
  EXPECT_EQ(json.at("budget"), "100.50");
  EXPECT_THAT(json.at("funded"), ElementsAre("a", "b"));
  EXPECT_EQ(json.at("cost"), "110.00");
  EXPECT_EQ(json.at("left"), "0.00");
  EXPECT_EQ(json.at("reserve"), "9.50");
  EXPECT_EQ(json.at("rule").at("method"), "greedy");
  EXPECT_EQ(json.at("rule").at("greedy").at("misfit"), "stop");
  EXPECT_EQ(json.at("rule").at("greedy").at("reserve_from"),
            (Json{{"numerator", 80}, {"denominator", 100}}));
  EXPECT_THAT(json.at("rule").at("ties"), ElementsAre("lower-number"));
  EXPECT_EQ(json.at("ranking").at(1).at("project"), "b");
  EXPECT_EQ(json.at("ranking").at(1).at("points"), 6);
  EXPECT_EQ(json.at("ranking").at(1).at("votes"), 3);
  EXPECT_EQ(json.at("decisions").at(1).at("reason"), "reserve");
  EXPECT_EQ(json.at("decisions").at(2).at("because"), "b");
  EXPECT_EQ(json.at("published"), (Json{{"same", false},
                                        {"only_published", Json::array({"c"})},
                                        {"only_counted", Json::array({"b"})}}));
  EXPECT_THAT(json.at("notes"), ElementsAre(HasSubstr("withdrawn")));
}

TEST_F(BudgetTest, CountsByEqualShares) {
  const Json json = CountJson(
      "--rule equal-shares --completion add1 --step 0.5 --compare --then-greedy --by votes "
      "--ties lower-cost,id");
  // 25.12 and a half each. a: 8 points, all four pay; then c, d, b have too little.
  EXPECT_EQ(json.at("decisions").at(0).at("project"), "a");
  EXPECT_EQ(json.at("decisions").at(0).at("reason"), "shares");
  EXPECT_EQ(json.at("decisions").at(0).at("payers"), 4);
  EXPECT_EQ(json.at("shares").at("end"), "over-budget");
  EXPECT_TRUE(json.at("shares").contains("comparison"));
  EXPECT_EQ(json.at("rule").at("step"), "0.50");
  EXPECT_EQ(json.at("rule").at("greedy").at("by"), "votes");
  const Outcome outcome = Count("--rule equal-shares --ties id");
  EXPECT_THAT(outcome.out,
              AllOf(HasSubstr("Equal Shares: each voter has 25.13, after 0 steps; the rule "
                              "wants one run.\n"),
                    HasSubstr("a                FUNDED: costs 60.00, paid by 4 supporters at "),
                    HasSubstr("that its supporters have left\n")));
}

TEST_F(BudgetTest, TakesThresholdsAndExclusions) {
  EXPECT_THAT(CountJson("--rule greedy --ties id --threshold 75%").at("funded"), ElementsAre("a"));
  EXPECT_THAT(CountJson("--rule greedy --ties id --threshold 2.5%").at("rule").at("threshold"),
              (Json{{"of", "votes"},
                    {"at_least", {{"numerator", 25}, {"denominator", 1000}}},
                    {"of_ballots", true}}));
  EXPECT_THAT(CountJson("--rule greedy --ties id --threshold 8 --threshold-of points").at("funded"),
              ElementsAre("a"));
  EXPECT_THAT(CountJson("--rule greedy --ties id --exclusive a,c --exclusive a,d").at("funded"),
              ElementsAre("a"));
}

TEST_F(BudgetTest, ATieThatALotMustDecideEndsTheCount) {
  ExpectError("budget count city.pb --rule greedy", 1,
              "projects c and d are tied and their order matters: a lot must be drawn among them");
  EXPECT_THAT(CountJson("--rule greedy --lot d,c").at("funded"), ElementsAre("a", "d"));
  ExpectError("budget count city.pb --rule greedy --ties lower-cost", 1,
              "does not decide this tie");
}

TEST_F(BudgetTest, SaysWhatIsWrong) {
  ExpectError("budget count city.pb", 2, "--rule");
  ExpectError("budget count city.pb --rule borda", 2, "--rule");
  ExpectError("budget count none.pb --rule greedy", 1, "none.pb");
  ExpectError("budget count city.pb --rule greedy --utility cost", 2,
              "--utility belongs to --rule equal-shares");
  ExpectError("budget count city.pb --rule equal-shares --misfit stop", 2,
              "--misfit belongs to --rule greedy");
  ExpectError("budget count city.pb --rule greedy --ties luck", 2, "--ties: luck is none of");
  ExpectError("budget count city.pb --rule greedy --ties lot,id", 2, "no step can follow");
  ExpectError("budget count city.pb --rule greedy --exclusive a,z", 2, "has no project z");
  ExpectError("budget count city.pb --rule greedy --exclusive a", 2, "fewer than two");
  ExpectError("budget count city.pb --rule greedy --lot a,a", 2, "twice");
  ExpectError("budget count city.pb --rule greedy --threshold 1.5", 2, "--threshold: 1.5");
  ExpectError("budget count city.pb --rule greedy --reserve-from 80%", 2, "stops at the first");
  ExpectError("budget count city.pb --rule greedy --misfit stop --reserve-from 80", 2,
              "percentage");
  ExpectError("budget count city.pb --rule equal-shares --step 0.005", 2, "--step: 0.005");
  ExpectError("budget count city.pb --rule equal-shares --step 0", 2, "step");
  Put("bad.pb", std::string(kFile) + "5;a,z\n");
  ExpectError("budget count bad.pb --rule greedy", 2,
              "bad.pb: line 20, column 3: there is no project \"z\"");
}

// --- Import --------------------------------------------------------------------------------------

const char kCity[] =
    "META\nkey;value\nunit;Kraków\nbudget;100.50\ncurrency;PLN\nvote_type;ordinal\n"
    "min_length;2\nmax_length;2\n"
    "PROJECTS\nproject_id;cost;name;category;neighborhood\n1/OM;60;Park;green,sport;Rynek\n"
    "2/OM;50;;;\n3/OM;999999999;Bridge;;\nVOTES\nvoter_id;vote\n1;1/OM,2/OM\n";
const char kDistrict[] =
    "META\nkey;value\nunit;Kraków\nsubunit;Prądnik Biały\nbudget;7000\ncurrency;PLN\n"
    "vote_type;approval\nmax_length;2\n"
    "PROJECTS\nproject_id;cost;name\n7;3000;Benches\n8;4000;Trees\n9;500;Lamps\n"
    "VOTES\nvoter_id;vote\n1;7\n";

class ImportTest : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    Put("city.pb", kCity);
    Put("district.pb", kDistrict);
  }
  /// The definition with every placeholder filled in, as JSON; what `urna poll check` says of it.
  Json Filled(const std::string& arguments, Outcome* check) {
    const Outcome imported = Run("budget import " + arguments);
    EXPECT_EQ(imported.status, 0) << imported.err;
    notes_ = imported.err;
    Json json = Json::parse(poll::StripTemplateComments(imported.out));
    json["roll_label"] = "krakow";
    int key = 0;
    const auto fill = [&](Json& party) {
      base::Bytes32 seed{};
      seed[0] = static_cast<uint8_t>(++key);
      party["name"] = "N";
      party["key"] =
          base::Hex(crypto::Ed25519Key::FromSeed(crypto::Secret<base::Bytes32>(seed)).public_key());
    };
    for (const char* role : {"officials", "trustees"}) {
      for (Json& party : json[role]["list"]) fill(party);
    }
    for (Json& party : json["issuers"]) fill(party);
    fill(json["ballot_box"]);
    json["ballot_box"].erase("name");
    json["ballot_box"]["origin"] = "votes.example/1";
    int hour = 10;
    for (const char* time : {"issuing_from", "casting_from", "end", "latest_end"}) {
      json["times"][time] = Cat("2030-05-25T", hour++, ":00:00Z");
    }
    json["title"]["pl"] = "Budżet";
    for (Json& contest : json["contests"]) contest["question"]["pl"] = "Które?";
    Put("poll.json", json.dump());
    *check = Run("poll check poll.json");
    return json;
  }
  std::string notes_;
};

TEST_F(ImportTest, MakesAPoolOfEachFileAndAStyleOfEachDistrict) {
  Outcome check;
  const Json json = Filled("district.pb city.pb --rule greedy --ties lower-cost,lot", &check);
  EXPECT_EQ(check.status, 0) << check.err;
  EXPECT_THAT(notes_, HasSubstr("Note: city.pb: project 3/OM was withdrawn and is left out.\n"));
  // The whole city's pool first.
  const Json& city = json.at("contests").at(0);
  EXPECT_EQ(city.at("id"), "krakow");
  EXPECT_EQ(city.at("ballot"), (Json{{"rule", "points"}, {"k", 2}}));
  EXPECT_EQ(city.at("tally"), "homomorphic");
  EXPECT_EQ(city.at("decision").at("amount"), 10050);
  EXPECT_EQ(city.at("decision").at("decimals"), 2);
  EXPECT_THAT(city.at("decision").at("ties"), ElementsAre("lower-cost", "lot"));
  ASSERT_EQ(city.at("options").size(), 2u);
  EXPECT_EQ(city.at("options").at(0).at("id"), "1-om");
  EXPECT_EQ(city.at("options").at(0).at("project"), (Json{{"number", "1/OM"},
                                                          {"cost", 6000},
                                                          {"category", {{"pl", "green,sport"}}},
                                                          {"place", {{"pl", "Rynek"}}}}));
  EXPECT_EQ(city.at("options").at(1).at("text").at("pl"), "2/OM");  // it has no name
  const Json& district = json.at("contests").at(1);
  EXPECT_EQ(district.at("id"), "pradnik-bialy");
  EXPECT_EQ(district.at("ballot"), (Json{{"rule", "choose"}, {"min", 0}, {"max", 2}}));
  EXPECT_EQ(district.at("decision").at("amount"), 700000);  // grosze, though the file has none
  ASSERT_EQ(json.at("styles").size(), 1u);
  EXPECT_THAT(json.at("styles").at(0).at("contests"), ElementsAre("krakow", "pradnik-bialy"));
  EXPECT_THAT(check.out, AllOf(HasSubstr("pool of 100.50 PLN for 2 projects"), HasSubstr("1/OM"),
                               HasSubstr("Ties: lower cost; then lot.")));
}

TEST_F(ImportTest, MixesWhereTheRuleAsksForBallots) {
  Outcome check;
  Json json = Filled(
      "district.pb --rule equal-shares --completion add1 --ties more-votes,lot --exclusive 7,8",
      &check);
  EXPECT_EQ(check.status, 0) << check.err;
  const Json& district = json.at("contests").at(0);
  EXPECT_EQ(district.at("tally"), "mixed");
  EXPECT_EQ(district.at("ballot"),
            (Json{{"rule", "picks"}, {"min", 0}, {"max", 2}, {"marks", "approval"}}));
  EXPECT_EQ(district.at("decision").at("method").at("step"), 100);  // one zloty
  EXPECT_EQ(district.at("decision").at("exclusive"), Json::array({Json::array({"7", "8"})}));
  json = Filled("city.pb --rule greedy --ties top-marks,lot", &check);
  EXPECT_EQ(check.status, 0) << check.err;
  EXPECT_EQ(json.at("contests").at(0).at("ballot"),
            (Json{{"rule", "picks"}, {"min", 2}, {"max", 2}, {"marks", "ranked"}}));
}

TEST_F(ImportTest, LeavesPlaceholdersForOtherLanguages) {
  const Outcome imported =
      Run("budget import city.pb --rule greedy --ties id --languages pl,en --json");
  ASSERT_EQ(imported.status, 0) << imported.err;
  const Json json =
      Json::parse(poll::StripTemplateComments(imported.json().at("template").get<std::string>()));
  EXPECT_THAT(json.at("languages"), ElementsAre("pl", "en"));
  EXPECT_EQ(json.at("contests").at(0).at("options").at(0).at("text"),
            (Json{{"pl", "Park"}, {"en", "PUT-TEXT-HERE"}}));
  EXPECT_EQ(json.at("title").at("en"), "PUT-TITLE-HERE");
}

TEST_F(ImportTest, SaysWhereAFileCannotBeAPool) {
  const auto refused = [&](const std::string& from, const std::string& to, const std::string& why) {
    std::string text = kDistrict;
    text.replace(text.find(from), from.size(), to);
    Put("bad.pb", text);
    ExpectError("budget import bad.pb --rule greedy --ties lot", 2, why);
  };
  refused("7;3000;", "7;0;", "bad.pb: line 11, column 3: project 7: has no cost");
  refused("8;4000;", "8;7001;",
          "bad.pb: line 12, column 3: project 8: costs 7001, more than the 7000 of the whole pool");
  refused("8;4000;", "7;4000;", "bad.pb");
  refused("8;4000;", "8:1;4000;", "bad.pb: line 12, column 1: project 8:1: its id has");
  refused("8;4000;", "8;many;", "bad.pb: line 12, column 3");
  ExpectError("budget import district.pb district.pb --rule greedy --ties lot", 2,
              "district.pb: is of the pool \"Prądnik Biały\", as district.pb is");
  ExpectError("budget import district.pb --rule greedy --ties lower-cost", 2,
              "--ties: a poll must have an outcome");
  ExpectError("budget import district.pb --rule greedy --ties lot --lot 7,8", 2,
              "--lot: lots are drawn when the poll is closed");
  ExpectError("budget import city.pb district.pb --rule greedy --ties lot --exclusive 1/OM,8", 2,
              "--exclusive: no file has all of the projects 1/OM,8");
}

}  // namespace
}  // namespace urna::client
