// `urna budget count`, the built program.

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
                      "it, by more marks of most points\n"),
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
              AllOf(HasSubstr("Equal Shares: each voter has 25.13 PLN, after 0 steps; the rule "
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

}  // namespace
}  // namespace urna::client
