#include "client/recovery_phrase.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "client/phrase_words.h"
#include "crypto/group.h"

namespace urna::client {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// BIP-39's own vectors of 256 bits (python-mnemonic, vectors.json).
const std::vector<std::pair<std::string, std::string>> kVectors = {
    {"0000000000000000000000000000000000000000000000000000000000000000",
     "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon "
     "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon "
     "abandon art"},
    {"7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f",
     "legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth "
     "useful legal winner thank year wave sausage worth title"},
    {"8080808080808080808080808080808080808080808080808080808080808080",
     "letter advice cage absurd amount doctor acoustic avoid letter advice cage absurd amount "
     "doctor acoustic avoid letter advice cage absurd amount doctor acoustic bless"},
    {"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
     "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo "
     "vote"},
    {"00ac97c48106f0aeb8ba061e0250a559b3251dc35854e694780ba51d53a50120",
     "absent gorilla van acoustic humor firm title dolphin bulk barely citizen recall crane moment "
     "aspect appear track phrase actual enforce steel spoon afraid benefit"},
    {"3edc83b60740d77af3afa2fcb82c2f1bc541ee4e2518ddef4996d32453f54a3c",
     "disagree tomato unique attend aspect runway solid violin witness scrap armed daring favorite "
     "warm decade perfect target kid grant play early wide cigar night"},
    {"89bb4bc5555992cdaf3444c5e7ca5a6e9f27efab894f1990bae41be8b2a26ea4",
     "meadow surge vanish primary odor grocery rubber mass shine dinner notable tag venue water "
     "purchase clarify book magic ribbon daughter menu eye ritual orchard"},
    {"911fec0fbd88029f6fa99164896c18d898c9232af18bdcca3e42d53b86493104",
     "much youth advance kitchen lens exile salt cram goose enter alert raise milk muscle profit "
     "cousin system faint mouse price reveal cause series long"},
};

crypto::Omega OmegaOf(const std::string& hex) {
  base::Bytes32 bytes;
  EXPECT_TRUE(base::Unhex(hex, bytes));
  return crypto::Omega(bytes);
}

std::string Message(const std::string& typed, std::string_view id) {
  const auto omega = DecodePhrase(typed);
  EXPECT_EQ(base::RejectId(omega.status()), id) << omega.status();
  return std::string(omega.status().message());
}

TEST(RecoveryPhrase, IsThatOfBip39) {
  for (const auto& [hex, phrase] : kVectors) {
    EXPECT_EQ(EncodePhrase(OmegaOf(hex)).Expose(), phrase);
    const auto omega = DecodePhrase(phrase);
    ASSERT_TRUE(omega.ok()) << omega.status();
    EXPECT_EQ(base::Hex(omega->Expose()), hex);
  }
}

TEST(RecoveryPhrase, BringsEveryOmegaBack) {
  crypto::Initialize();
  for (int i = 0; i < 200; ++i) {
    const crypto::Omega omega = crypto::NewOmega();
    const auto back = DecodePhrase(EncodePhrase(omega).Expose());
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(back->Expose(), omega.Expose());
  }
}

TEST(RecoveryPhrase, ToleratesCaseAndWhiteSpace) {
  const auto& [hex, phrase] = kVectors[4];
  std::string typed = "\n\t ";
  for (const char c : phrase) {
    typed += c == ' ' ? std::string(" \r\n ") : std::string(1, static_cast<char>(toupper(c)));
  }
  const auto omega = DecodePhrase(typed + " \n");
  ASSERT_TRUE(omega.ok()) << omega.status();
  EXPECT_EQ(base::Hex(omega->Expose()), hex);
}

TEST(RecoveryPhrase, NamesTheWordThatIsNotOnTheListButDoesNotRepeatIt) {
  std::string typed = kVectors[4].second;
  typed.replace(typed.find("gorilla"), 7, "gorrila");
  EXPECT_THAT(Message(typed, "phrase.malformed"),
              AllOf(HasSubstr("word 2 "), HasSubstr("\"gorilla\""), Not(HasSubstr("gorrila"))));
  // A word that is not there matters more than their number.
  EXPECT_THAT(Message("absent gorilla vann", "phrase.malformed"),
              AllOf(HasSubstr("word 3 "), HasSubstr("\"van\"")));
  EXPECT_THAT(Message(std::string(2000, 'x'), "phrase.malformed"), HasSubstr("word 1 "));
  EXPECT_THAT(Message("zażółć", "phrase.malformed"), HasSubstr("word 1 "));
  EXPECT_THAT(Message(std::string(5000, 'x'), "phrase.malformed"), HasSubstr("too long"));
}

TEST(RecoveryPhrase, SaysHowManyWordsThereAre) {
  EXPECT_THAT(Message("", "phrase.malformed"), HasSubstr("has 24 words, this one has 0"));
  const std::string& phrase = kVectors[0].second;
  EXPECT_THAT(Message(phrase.substr(0, phrase.rfind(' ')), "phrase.malformed"),
              HasSubstr("this one has 23"));
  EXPECT_THAT(Message(phrase + " zoo zoo", "phrase.malformed"), HasSubstr("this one has 26"));
}

TEST(RecoveryPhrase, NoticesAWrongWordOrTwoThatChangedPlaces) {
  std::string typed = kVectors[4].second;
  typed.replace(typed.find("dolphin"), 7, "donkey");
  EXPECT_THAT(Message(typed, "phrase.typing-error"), HasSubstr("do not fit"));
  typed = kVectors[4].second;
  typed.replace(typed.find("absent gorilla"), 14, "gorilla absent");
  Message(typed, "phrase.typing-error");
}

TEST(PhraseWords, AreAscendingAndToldApartByFourLetters) {
  EXPECT_TRUE(std::ranges::is_sorted(kPhraseWords));
  for (size_t i = 1; i < kPhraseWords.size(); ++i) {
    EXPECT_NE(kPhraseWords[i - 1].substr(0, 4), kPhraseWords[i].substr(0, 4)) << kPhraseWords[i];
  }
}

}  // namespace
}  // namespace urna::client
