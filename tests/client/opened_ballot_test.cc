#include "client/opened_ballot.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "tests/support/election.h"

namespace urna::client {
namespace {

using crypto::Hash32;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Json = nlohmann::json;

class OpenedBallotTest : public ::testing::Test {
 protected:
  void SetUp() override { election_.RunUntilOpen(); }

  const poll::PollContext& context() { return election_.context(); }
  /// What a device does when it is challenged: shows the fingerprint, then opens.
  OpenedBallot Challenge(std::vector<std::vector<uint32_t>> votes, Hash32* fingerprint) {
    auto prepared = crypto::PreparedBallot::Encrypt(context().styles[0], std::move(votes)).value();
    *fingerprint = prepared.fingerprint();
    return OpenBallot(context().poll, context().styles[0].shape, std::move(prepared));
  }
  OpenedBallot Yes(Hash32* fingerprint) { return Challenge({{1, 0}, {1, 0}}, fingerprint); }
  OpenedBallot No(Hash32* fingerprint) { return Challenge({{0, 1}, {0, 1}}, fingerprint); }

  testing::TestElection election_;
};

TEST_F(OpenedBallotTest, OfAnHonestDeviceHoldsThroughItsFile) {
  Hash32 shown;
  const OpenedBallot opened = Yes(&shown);
  const auto read = OpenedBallot::Parse(opened.ToJson());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_THAT(FindDifferences(*read, context(), shown), IsEmpty());
  EXPECT_EQ(read->contests[1].votes, (std::vector<uint32_t>{1, 0}));
  EXPECT_EQ(read->ToJson(), opened.ToJson());
}

TEST_F(OpenedBallotTest, SaysNothingAboutTheVoter) {
  Hash32 shown;
  std::vector<std::string> names;
  const Json json = Json::parse(Yes(&shown).ToJson());
  for (const auto& item : json.items()) names.push_back(item.key());
  EXPECT_THAT(names, ElementsAre("contests", "fingerprint", "format", "poll", "style"));
  names.clear();
  for (const auto& item : json["contests"][0].items()) names.push_back(item.key());
  EXPECT_THAT(names, ElementsAre("C", "R", "id", "r", "v"));
}

TEST_F(OpenedBallotTest, CatchesADeviceThatEncryptedAnotherVote) {
  Hash32 shown, honest;
  // The screen said "yes" and showed the fingerprint of a ballot that says "no". To show "yes" when
  // it is challenged, the device has these ways.
  OpenedBallot lie = No(&shown);
  lie.contests[0].votes = lie.contests[1].votes = {1, 0};
  EXPECT_THAT(FindDifferences(lie, context(), shown),
              Contains(HasSubstr("C_1 is not the encryption of 1")));
  // Ciphertexts that fit the lie have another fingerprint.
  OpenedBallot other = Yes(&honest);
  EXPECT_THAT(FindDifferences(other, context(), shown), Contains(HasSubstr(base::Hex(shown))));
  other.fingerprint = shown;
  EXPECT_THAT(FindDifferences(other, context(), shown),
              ElementsAre(HasSubstr("were encrypted to the fingerprint")));
  // The ciphertexts that were fingerprinted, with the honest ballot's randomness.
  OpenedBallot mixed = No(&shown);
  const OpenedBallot yes = Yes(&honest);
  for (size_t c = 0; c < 2; ++c) {
    mixed.contests[c].r = yes.contests[c].r;
    mixed.contests[c].votes = yes.contests[c].votes;
  }
  EXPECT_THAT(FindDifferences(mixed, context(), shown), Contains(HasSubstr("R is not r times G")));
}

TEST_F(OpenedBallotTest, CatchesAFileWithAnotherFingerprint) {
  Hash32 shown;
  OpenedBallot opened = Yes(&shown);
  opened.fingerprint[0] ^= 1;
  EXPECT_THAT(FindDifferences(opened, context(), shown),
              ElementsAre(HasSubstr("the file names the fingerprint")));
}

TEST_F(OpenedBallotTest, CatchesKeysOfAnotherPoll) {
  // A device could encrypt for keys that it knows the secrets of.
  testing::TestElection other;
  other.RunUntilOpen();
  auto prepared =
      crypto::PreparedBallot::Encrypt(other.context().styles[0], {{1, 0}, {1, 0}}).value();
  const Hash32 shown = prepared.fingerprint();
  OpenedBallot opened =
      OpenBallot(other.context().poll, other.context().styles[0].shape, std::move(prepared));
  ASSERT_THAT(FindDifferences(opened, other.context(), shown), IsEmpty());
  EXPECT_THAT(FindDifferences(opened, context(), shown),
              ElementsAre(HasSubstr("the file is of poll")));
  opened.poll = context().poll;
  EXPECT_THAT(FindDifferences(opened, context(), shown),
              Contains(HasSubstr("C_1 is not the encryption of 1")));
}

TEST_F(OpenedBallotTest, NamesWhatDoesNotFitTheBallot) {
  Hash32 shown;
  OpenedBallot opened = Yes(&shown);
  opened.style = "elsewhere";
  EXPECT_THAT(FindDifferences(opened, context(), shown),
              ElementsAre(HasSubstr("no ballot style \"elsewhere\"")));
  opened = Yes(&shown);
  opened.contests.pop_back();
  EXPECT_THAT(FindDifferences(opened, context(), shown),
              ElementsAre(HasSubstr("does not hold the questions")));
  opened = Yes(&shown);
  std::swap(opened.contests[0], opened.contests[1]);
  EXPECT_THAT(FindDifferences(opened, context(), shown),
              ElementsAre(HasSubstr("does not hold the questions")));
  opened = Yes(&shown);
  opened.contests[1].votes.push_back(0);
  EXPECT_THAT(FindDifferences(opened, context(), shown),
              Contains(HasSubstr("question \"q2\": it has 2 ciphertexts, the file has 2 with 3")));
  opened = Yes(&shown);
  opened.contests[1].C.pop_back();
  EXPECT_THAT(FindDifferences(opened, context(), shown),
              Contains(HasSubstr("question \"q2\": it has 2 ciphertexts, the file has 1 with 2")));
  opened = Yes(&shown);
  opened.contests[1].votes = {1, 1};
  EXPECT_THAT(FindDifferences(opened, context(), shown),
              Contains(HasSubstr("question \"q2\": the answer is none that its rule allows")));
}

TEST_F(OpenedBallotTest, NamesTheDamagedField) {
  Hash32 shown;
  const Json good = Json::parse(Yes(&shown).ToJson());
  const auto refused = [](const Json& json) {
    const absl::Status status = OpenedBallot::Parse(json.dump()).status();
    EXPECT_EQ(base::RejectId(status), "challenge.malformed") << json;
    return std::string(status.message());
  };
  for (const auto& [field, value] :
       std::vector<std::pair<std::string, Json>>{{"format", "urna-opened-ballot/2"},
                                                 {"poll", "00"},
                                                 {"style", 1},
                                                 {"fingerprint", nullptr},
                                                 {"contests", 7}}) {
    Json damaged = good;
    damaged[field] = value;
    EXPECT_THAT(refused(damaged), HasSubstr("'" + field + "'"));
    damaged.erase(field);
    refused(damaged);
  }
  for (const auto& [field, value] :
       std::vector<std::pair<std::string, Json>>{{"R", std::string(64, 'f')},
                                                 {"r", std::string(64, 'f')},
                                                 {"C", Json::array({1})},
                                                 {"v", Json::array({-1})}}) {
    Json damaged = good;
    damaged["contests"][0][field] = value;
    EXPECT_THAT(refused(damaged), HasSubstr("'" + field + "'"));
  }
  refused(Json::array());
  EXPECT_EQ(base::RejectId(OpenedBallot::Parse("thank you").status()), "challenge.malformed");
}

}  // namespace
}  // namespace urna::client
