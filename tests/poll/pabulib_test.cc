#include "poll/counting/pabulib.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace urna::poll::counting {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Optional;

const std::string kMeta = "META\nkey;value\nbudget;100\nvote_type;approval\n";
const std::string kProjects = "PROJECTS\nproject_id;cost\na;60\nb;50\nc;40\n";
const std::string kVotes = "VOTES\nvoter_id;vote\n1;a,b\n2;c\n3;\n";

absl::StatusOr<PabulibElection> Read(const std::string& text) {
  const auto file = ParsePabulib("f.pb", text);
  if (!file.ok()) return file.status();
  return ReadPabulib("f.pb", *file);
}

PabulibElection MustRead(const std::string& text) {
  auto election = Read(text);
  EXPECT_TRUE(election.ok()) << election.status() << "\n" << text;
  return election.ok() ? *election : PabulibElection{};
}

void ExpectRefused(const std::string& text, const std::string& message) {
  const auto election = Read(text);
  EXPECT_TRUE(absl::IsInvalidArgument(election.status())) << election.status() << "\n" << text;
  EXPECT_EQ(election.status().message(), message);
}

std::vector<Mark> Ballot(const PabulibElection& election, size_t i) {
  const auto ballot = election.profile.ballot(i);
  return {ballot.begin(), ballot.end()};
}

TEST(Pabulib, ReadsAPlainFile) {
  const PabulibElection election = MustRead(kMeta + kProjects + kVotes);
  EXPECT_EQ(election.profile.budget, 100u);
  EXPECT_EQ(election.profile.decimals, 0u);
  ASSERT_EQ(election.profile.projects.size(), 3u);
  EXPECT_EQ(election.profile.projects[1], (BudgetProject{.id = "b", .name = "", .cost = 50}));
  ASSERT_EQ(election.profile.ballots(), 3u);
  EXPECT_THAT(Ballot(election, 0), ElementsAre(Mark{0, 1}, Mark{1, 1}));
  EXPECT_THAT(Ballot(election, 1), ElementsAre(Mark{2, 1}));
  EXPECT_THAT(Ballot(election, 2), IsEmpty());
  EXPECT_THAT(election.notes, IsEmpty());
}

TEST(Pabulib, TakesWhatFilesHaveInPractice) {
  const PabulibElection plain = MustRead(kMeta + kProjects + kVotes);
  std::string crlf = kMeta + kProjects + kVotes;
  for (size_t at = 0; (at = crlf.find('\n', at)) != std::string::npos; at += 2) {
    crlf.insert(at, "\r");
  }
  const std::string variants[] = {
      "\xef\xbb\xbf" + kMeta + kProjects + kVotes,              // a byte order mark
      crlf,                                                     // CRLF
      kMeta + kProjects + kVotes.substr(0, kVotes.size() - 1),  // no line end at the end
      "\n" + kMeta + "\n\n" + kProjects + ";;\n" + kVotes,      // empty lines
      "META\nkey; value\nbudget; 100\nvote_type;\tapproval \n" + kProjects + kVotes,
      "META;;\nkey;value;\nbudget;100;;\nvote_type;approval\n" + kProjects + kVotes,
      kMeta + kProjects + "VOTES\nvoter_id;vote\n1; \"a,b\"\n2;\"c\" \n3\n",
      kMeta + kProjects + "VOTES\nvote;age;voter_id\n a , b ;30;1\nc;;2\n;;3\n",  // any order
      "VOTES\nvoter_id;vote\n1;a,b\n2;c\n3;\n" + kProjects + kMeta,
  };
  for (const std::string& text : variants) {
    EXPECT_EQ(MustRead(text).profile, plain.profile) << text;
  }
}

TEST(Pabulib, ReadsQuotes) {
  const PabulibElection election = MustRead(
      "META\nkey;value\nbudget;100\nvote_type;approval\ncomment;\"one; \"\"two\"\"\nthree\"\n"
      "PROJECTS\nproject_id;cost;name\n"
      "a;60;\"Park; \"\"Zielony\"\"\"\n"
      "b;50;Park \"Zielony\"\n"  // a quote inside a cell is itself
      "c;40;\"Zielony\" park\n"  // and what follows a quoted beginning belongs to it
      "VOTES\nvoter_id;vote\n1;a\n");
  EXPECT_EQ(election.profile.projects[0].name, "Park; \"Zielony\"");
  EXPECT_EQ(election.profile.projects[1].name, "Park \"Zielony\"");
  EXPECT_EQ(election.profile.projects[2].name, "Zielony park");
}

TEST(Pabulib, KeepsAQuotedNameOfASectionAsAnId) {
  const PabulibElection election = MustRead(kMeta + "PROJECTS\nproject_id;cost\n\"VOTES\";60\n" +
                                            "VOTES\nvoter_id;vote\n1;VOTES\n");
  EXPECT_EQ(election.profile.projects[0].id, "VOTES");
  EXPECT_EQ(election.profile.ballots(), 1u);
}

TEST(Pabulib, CountsMoneyInTheFilesSmallestUnit) {
  const PabulibElection election = MustRead(
      "META\nkey;value\nbudget;1331751.11\nvote_type;approval\n"
      "PROJECTS\nproject_id;cost\na;400000.0\nb;0.5\nc;7\nVOTES\nvoter_id;vote\n1;a\n");
  EXPECT_EQ(election.profile.decimals, 2u);
  EXPECT_EQ(election.profile.Unit(), 100u);
  EXPECT_EQ(election.profile.budget, 133175111u);
  EXPECT_EQ(election.profile.projects[0].cost, 40000000u);
  EXPECT_EQ(election.profile.projects[1].cost, 50u);
  EXPECT_EQ(election.profile.projects[2].cost, 700u);
  EXPECT_EQ(FormatAmount(50, 2), "0.50");
  EXPECT_EQ(FormatAmount(133175111, 2), "1331751.11");
  EXPECT_EQ(FormatAmount(7, 0), "7");
}

TEST(Pabulib, GivesPointsByPositionOrAsTheyStand) {
  const std::string ordinal = "META\nkey;value\nbudget;100\nvote_type;ordinal\n" + kProjects;
  PabulibElection election = MustRead(ordinal + "VOTES\nvoter_id;vote\n1;c,a,b\n2;b,a\n");
  EXPECT_THAT(Ballot(election, 0), ElementsAre(Mark{2, 3}, Mark{0, 2}, Mark{1, 1}));
  EXPECT_THAT(Ballot(election, 1), ElementsAre(Mark{1, 2}, Mark{0, 1}));
  election = MustRead(ordinal + "VOTES\nvoter_id;vote;points\n1;c,a,b;5,4,0\n");
  EXPECT_THAT(Ballot(election, 0), ElementsAre(Mark{2, 5}, Mark{0, 4}, Mark{1, 0}));
  election = MustRead("META\nkey;value\nbudget;100\nvote_type;cumulative\n" + kProjects +
                      "VOTES\npoints;voter_id;vote\n 7 , 2;1;b,c\n");
  EXPECT_THAT(Ballot(election, 0), ElementsAre(Mark{1, 7}, Mark{2, 2}));
}

TEST(Pabulib, CountsAProjectThatABallotNamesTwiceOnce) {
  PabulibElection election = MustRead(
      "META\nkey;value\nbudget;100\nvote_type;ordinal\n"
      "PROJECTS\nproject_id;cost;votes;score\na;60;2;3\nb;50;1;2\n"
      "VOTES\nvoter_id;vote\n1;a,b,a\n");
  EXPECT_THAT(Ballot(election, 0), ElementsAre(Mark{0, 2}, Mark{1, 1}));
  EXPECT_THAT(
      election.notes,
      ElementsAre("marks of a project that the same ballot has marked: 1, the first on line "
                  "11; a ballot supports it once",
                  "published votes that are not those of the ballots: 1, the first of a (2 "
                  "published, 1 counted)",
                  "published points that are not those of the ballots: 2, the first of a (3 "
                  "published, 2 counted)"));
}

TEST(Pabulib, TellsWhatIsPublished) {
  const PabulibElection election = MustRead(
      kMeta + "PROJECTS\nproject_id;selected;cost;votes\na;2;60;1\nb;;50;1\nc;0;999999999.0;x\n" +
      kVotes);
  EXPECT_THAT(election.selected, ElementsAre(Optional(2), std::nullopt, Optional(0)));
  EXPECT_THAT(election.votes, ElementsAre(Optional(1), Optional(1), std::nullopt));
  EXPECT_THAT(election.score, ElementsAre(std::nullopt, std::nullopt, std::nullopt));
  EXPECT_FALSE(election.profile.projects[0].withdrawn);
  EXPECT_TRUE(election.profile.projects[2].withdrawn);
  EXPECT_THAT(election.notes, ElementsAre(HasSubstr("withdrawn")));
}

TEST(Pabulib, NotesVotersThatStandTwice) {
  const PabulibElection election = MustRead(kMeta + kProjects + "VOTES\nvoter_id;vote\n1;a\n1;b\n");
  EXPECT_EQ(election.profile.ballots(), 2u);
  EXPECT_THAT(election.notes, ElementsAre(HasSubstr("the first is line 13")));
}

TEST(Pabulib, SaysWhereAFileIsWrong) {
  ExpectRefused("", "f.pb: line 1, column 1: the file ends, and the section META did not come");
  ExpectRefused("x;y\n" + kMeta,
                "f.pb: line 1, column 1: \"x\" stands before the first section, META");
  ExpectRefused(kMeta + kProjects,
                "f.pb: line 10, column 1: the file ends, and the section VOTES did not come");
  ExpectRefused(kMeta + kProjects + "VOTES\n",
                "f.pb: line 11, column 1: the file ends, and the columns of VOTES did not come");
  ExpectRefused(kMeta + kProjects + kVotes + "PROJECTS\n",
                "f.pb: line 15, column 1: a second section PROJECTS");
  ExpectRefused("META\nvalue;key\n" + kProjects + kVotes,
                "f.pb: line 2, column 1: the columns of META are key and value");
  ExpectRefused("META\nkey;value\nbudget;\"100\n" + kProjects + kVotes,
                "f.pb: line 3, column 8: the quote that begins here does not end");
  ExpectRefused(kMeta + "PROJECTS\nproject_id;cost\n\xc5\xbb\xc3\xb3w;\xff\n" + kVotes,
                "f.pb: line 7, column 5: this is not UTF-8");
  ExpectRefused(kMeta + "PROJECTS\nproject_id;cost\na;60;x\n" + kVotes,
                "f.pb: line 7, column 6: more cells than the 2 columns of PROJECTS");
  ExpectRefused(kMeta + "PROJECTS\nproject_id\na\n" + kVotes,
                "f.pb: line 6, column 1: PROJECTS has fewer than two columns");
}

TEST(Pabulib, SaysWhereAnElectionIsWrong) {
  const std::string meta = "META\nkey;value\n";
  ExpectRefused(meta + "budget;100\n" + kProjects + kVotes,
                "f.pb: line 1, column 1: META has no vote_type");
  ExpectRefused(meta + "vote_type;approval\n" + kProjects + kVotes,
                "f.pb: line 1, column 1: META has no budget");
  ExpectRefused(kMeta + "budget;200\n" + kProjects + kVotes,
                "f.pb: line 5, column 1: META has budget twice");
  ExpectRefused(meta + "budget;100\nvote_type;secret\n" + kProjects + kVotes,
                "f.pb: line 4, column 11: the vote_type \"secret\" is none of approval, choose-1, "
                "ordinal, cumulative and scoring");
  for (const std::string money :
       {"", "-5", "1,5", "1.", ".5", "1.2.3", "9007199254740993", "1.0000000001", "1e6", "0x10"}) {
    ExpectRefused(
        meta + "vote_type;approval\nbudget;" + money + "\n" + kProjects + kVotes,
        "f.pb: line 4, column 8: \"" + money + "\" is no amount of money that can be counted");
  }
  ExpectRefused(kMeta + "PROJECTS\nproject_id;cost\na;9007199254740992\nb;0.01\n" + kVotes,
                "f.pb: line 7, column 3: \"9007199254740992\" is more than can be counted with the "
                "2 decimals of this file");
  ExpectRefused(kMeta + "PROJECTS\nproject_id;price\na;60\n" + kVotes,
                "f.pb: line 6, column 1: PROJECTS has no column cost");
  ExpectRefused(kMeta + "PROJECTS\nproject_id;cost;cost\na;60;60\n" + kVotes,
                "f.pb: line 6, column 17: the column cost stands twice");
  ExpectRefused(kMeta + "PROJECTS\nproject_id;cost\na;60\n;50\n" + kVotes,
                "f.pb: line 8, column 1: the project has no id");
  ExpectRefused(kMeta + "PROJECTS\nproject_id;cost\na;60\na;50\n" + kVotes,
                "f.pb: line 8, column 1: a project \"a\" stands above already");
  ExpectRefused(kMeta + "num_projects;4\n" + kProjects + kVotes,
                "f.pb: line 5, column 14: num_projects is \"4\", but the file has 3");
  ExpectRefused(kMeta + "num_votes;2\n" + kProjects + kVotes,
                "f.pb: line 5, column 11: num_votes is \"2\", but the file has 3");
}

TEST(Pabulib, SaysWhichVoteIsWrong) {
  const auto refused = [](const std::string& type, const std::string& columns,
                          const std::string& row, const std::string& message) {
    ExpectRefused("META\nkey;value\nbudget;100\nvote_type;" + type + "\n" + kProjects + "VOTES\n" +
                      columns + "\n" + row + "\n",
                  "f.pb: line 12, column " + message);
  };
  refused("approval", "voter_id;vote", "17;a,d", "4: there is no project \"d\"");
  refused("approval", "voter_id;vote", "17;a,", "4: there is no project \"\"");
  refused("choose-1", "voter_id;vote", "17;a,b", "4: 2 projects where one may be chosen");
  refused("cumulative", "voter_id;vote;points", "17;a,b;3",
          "8: 1 numbers of points for 2 projects");
  refused("cumulative", "voter_id;vote;points", "17;;3", "5: there are points, but no project");
  refused("scoring", "voter_id;vote;points", "17;a;-1",
          "6: \"-1\" is no number of points from 0 to 1000000");
  refused("scoring", "voter_id;vote;points", "17;a;1000001",
          "6: \"1000001\" is no number of points from 0 to 1000000");
  ExpectRefused("META\nkey;value\nbudget;100\nvote_type;cumulative\n" + kProjects + kVotes,
                "f.pb: line 11, column 1: VOTES has no column points");
}

TEST(Pabulib, WritesWhatItReads) {
  const std::string text =
      "META\nkey;value\ndescription;\"one; \"\"two\"\"\"\nbudget;100\nvote_type;approval\n"
      "PROJECTS\ncost;project_id;name\n60;a;\" blanks \"\n50;b;\"a\nb\"\n\"\";c;\n"
      "VOTES\nvoter_id;vote\n\"VOTES\";a,b\n\"\";\n";
  const auto file = ParsePabulib("f.pb", text);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(FormatPabulib(*file), text);
  const auto again = ParsePabulib("f.pb", FormatPabulib(*file));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(*again == *file);
}

TEST(Pabulib, MakesAFileOfAProfile) {
  Profile profile;
  profile.budget = 10050;
  profile.decimals = 2;
  profile.projects = {{.id = "BO.D5.13/24", .name = "A \"park\"; big", .cost = 6001},
                      {.id = "b", .name = "", .cost = 99999999900, .withdrawn = true}};
  profile.AddBallot(std::vector<Mark>{{1, 1}, {0, 2}});
  profile.AddBallot({});
  const auto file = MakePabulib(profile, VoteType::kOrdinal, {{"unit", "Kraków"}},
                                std::vector<bool>{true, false});
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(FormatPabulib(*file),
            "META\nkey;value\nunit;Kraków\nnum_projects;2\nnum_votes;2\nbudget;100.50\n"
            "vote_type;ordinal\n"
            "PROJECTS\nproject_id;cost;votes;score;name;selected\n"
            "BO.D5.13/24;60.01;1;2;\"A \"\"park\"\"; big\";1\nb;999999999;1;1;;0\n"
            "VOTES\nvoter_id;vote\n1;BO.D5.13/24,b\n2;\n");
  Profile sorted = profile;
  std::swap(sorted.marks[0], sorted.marks[1]);  // a file has the best first
  const auto election = ReadPabulib("f.pb", *ParsePabulib("f.pb", FormatPabulib(*file)));
  ASSERT_TRUE(election.ok()) << election.status();
  EXPECT_TRUE(election->profile == sorted);

  EXPECT_FALSE(MakePabulib(profile, VoteType::kApproval, {}, std::nullopt).ok());
  EXPECT_FALSE(MakePabulib(profile, VoteType::kChooseOne, {}, std::nullopt).ok());
  EXPECT_FALSE(MakePabulib(profile, VoteType::kOrdinal, {{"budget", "7"}}, std::nullopt).ok());
  const auto points = MakePabulib(profile, VoteType::kCumulative, {}, std::nullopt);
  ASSERT_TRUE(points.ok());
  EXPECT_THAT(FormatPabulib(*points),
              HasSubstr("voter_id;vote;points\n1;BO.D5.13/24,b;2,1\n2;;\n"));
  Profile dear = profile;
  dear.projects[1].withdrawn = false;  // and would be read as withdrawn
  EXPECT_FALSE(MakePabulib(dear, VoteType::kOrdinal, {}, std::nullopt).ok());
  profile.projects[0].id = "a,b";
  EXPECT_FALSE(MakePabulib(profile, VoteType::kOrdinal, {}, std::nullopt).ok());
}

}  // namespace
}  // namespace urna::poll::counting
