#include "documents/words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "documents/phrases.h"

namespace urna::documents {
namespace {

using ::testing::ElementsAre;

constexpr Language kAll[] = {Language::kEnglish, Language::kPolish, Language::kUkrainian};

std::multiset<char> Placeholders(std::string_view words) {
  std::multiset<char> found;
  for (size_t i = 0; i + 2 < words.size(); ++i) {
    if (words[i] == '{' && words[i + 2] == '}') found.insert(words[i + 1]);
  }
  return found;
}

TEST(Phrases, ExistInEveryLanguageWithTheSamePlaceholders) {
  for (size_t i = 0; i < kPhrases; ++i) {
    const auto phrase = static_cast<Phrase>(i);
    const auto english = Placeholders(WordsOf(Language::kEnglish, phrase));
    for (const Language language : kAll) {
      const std::string_view words = WordsOf(language, phrase);
      EXPECT_FALSE(words.empty()) << i;
      const auto found = Placeholders(words);
      EXPECT_EQ(std::set<char>(found.begin(), found.end()),
                std::set<char>(english.begin(), english.end()))
          << words;
    }
  }
}

TEST(Phrases, TakeArgumentsAsTheyAre) {
  EXPECT_EQ(Say(Language::kEnglish, Phrase::kRuleMajority, {"{1}", "{0}"}),
            "\"{1}\" or \"{0}\" wins with more than half of the valid votes");
}

TEST(Languages, AreThoseOfThePollThatWeHaveWordsFor) {
  poll::Definition d;
  const auto tags = [&] {
    std::vector<std::string> out;
    for (const Voice& voice : VoicesOf(d)) {
      out.push_back(std::string(TagOf(voice.words)) + "/" + voice.texts);
    }
    return out;
  };
  d.languages = {"pl", "de", "uk", "en-gb"};
  EXPECT_THAT(tags(), ElementsAre("pl/pl", "uk/uk", "en/en-gb"));
  d.languages = {"de", "fr"};
  EXPECT_THAT(tags(), ElementsAre("en/de"));
  d.languages = {"pli"};  // another language that begins alike
  EXPECT_THAT(tags(), ElementsAre("en/pli"));
}

TEST(Numbers, AreWrittenAsTheLanguageDoes) {
  EXPECT_EQ(Number(Language::kEnglish, 0), "0");
  EXPECT_EQ(Number(Language::kEnglish, 999), "999");
  EXPECT_EQ(Number(Language::kEnglish, 1000), "1,000");
  EXPECT_EQ(Number(Language::kEnglish, 1234567), "1,234,567");
  EXPECT_EQ(Number(Language::kPolish, 210441), "210\u00a0441");
  EXPECT_EQ(PercentText(Language::kPolish, 719, 2000), "35,95\u00a0%");
  EXPECT_EQ(PercentText(Language::kEnglish, 1, 0), "–");
  EXPECT_EQ(Mean(Language::kEnglish, 7, 3), "2.33");
  EXPECT_EQ(Mean(Language::kPolish, 1, 200), "0,01");
  EXPECT_EQ(Mean(Language::kEnglish, 1, 0), "–");
  EXPECT_EQ(Time(1400990400), "2014-05-25 04:00:00 UTC");
}

TEST(Quorum, ThresholdIsTheLeastNumberThatReachesIt) {
  for (const poll::Quorum& quorum :
       {poll::Quorum(poll::TurnoutQuorum{3, 10}), poll::Quorum(poll::TurnoutQuorum{1, 3}),
        poll::Quorum(poll::TurnoutQuorum{1, 1}), poll::Quorum(poll::RecallQuorum{158555}),
        poll::Quorum(poll::RecallQuorum{1}), poll::Quorum(poll::NoQuorum{})}) {
    for (uint64_t entitled = 0; entitled < 200; ++entitled) {
      const uint64_t needed = QuorumThreshold(quorum, entitled);
      EXPECT_TRUE(poll::counting::QuorumMet(quorum, needed, entitled));
      if (needed > 0) {
        EXPECT_FALSE(poll::counting::QuorumMet(quorum, needed - 1, entitled));
      }
    }
  }
  constexpr uint64_t kLargest = (uint64_t{1} << 53) - 1;
  EXPECT_EQ(QuorumThreshold(poll::TurnoutQuorum{kLargest, kLargest}, kLargest), kLargest);
}

TEST(Quorum, IsExplainedWithItsNumbers) {
  EXPECT_EQ(QuorumOutcome(Language::kEnglish, poll::TurnoutQuorum{3, 10}, 2000, 719, true),
            "30\u00a0% of 2,000 = 600 needed, 719 took part: reached");
  EXPECT_EQ(QuorumOutcome(Language::kPolish, poll::RecallQuorum{158555}, 400000, 95132, false),
            "3/5 z 158\u00a0555 = 95\u00a0133 wymaganych, udział wzięło 95\u00a0132: próg NIE "
            "osiągnięty");
  EXPECT_EQ(QuorumOutcome(Language::kEnglish, poll::TurnoutQuorum{1, 3}, 9, 3, true),
            "1/3 of 9 = 3 needed, 3 took part: reached");
  EXPECT_EQ(QuorumOutcome(Language::kEnglish, poll::NoQuorum{}, 9, 3, true), "none is demanded");
}

}  // namespace
}  // namespace urna::documents
