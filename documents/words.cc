#include "documents/words.h"

#include <array>
#include <optional>
#include <string_view>
#include <variant>

#include "base/text.h"
#include "documents/budget.h"
#include "documents/phrases.h"
#include "documents/text.h"

namespace urna::documents {
namespace {

using base::Cat;
using Wide = unsigned __int128;

constexpr std::string_view kNoBreakSpace = "\xc2\xa0";
constexpr std::string_view kNothing = "–";

std::string Decimal(Language language, std::string text) {
  if (language == Language::kEnglish) return text;
  for (char& c : text) {
    if (c == '.') c = ',';
  }
  return text;
}

/// "30 %" where that is exact, else "1/3".
std::string Share(uint64_t numerator, uint64_t denominator) {
  const Wide hundred = Wide{100} * numerator;
  if (hundred % denominator != 0) return Cat(numerator, "/", denominator);
  return Cat(static_cast<uint64_t>(hundred / denominator), kNoBreakSpace, "%");
}

uint64_t RoundedUp(Wide numerator, uint64_t denominator) {
  return static_cast<uint64_t>((numerator + denominator - 1) / denominator);
}

std::string_view Primary(std::string_view tag) { return tag.substr(0, tag.find('-')); }

std::string OptionText(const Voice& voice, const poll::Contest& contest, uint32_t option) {
  return voice.Of(contest.options[option].text);
}

}  // namespace

Language LanguageOf(std::string_view tag) {
  if (Primary(tag) == "pl") return Language::kPolish;
  if (Primary(tag) == "uk") return Language::kUkrainian;
  return Language::kEnglish;
}

bool HasWords(std::string_view tag) { return TagOf(LanguageOf(tag)) == Primary(tag); }

std::string_view TagOf(Language language) {
  constexpr std::array<std::string_view, kLanguages> kTags = {"en", "pl", "uk"};
  return kTags[static_cast<size_t>(language)];
}

std::string Voice::Of(const poll::Texts& all) const {
  const auto it = all.find(texts);
  return it == all.end() ? "" : it->second;
}

std::vector<Voice> VoicesOf(const poll::Definition& definition) {
  std::vector<Voice> voices;
  for (const std::string& tag : definition.languages) {
    if (HasWords(tag)) voices.push_back({LanguageOf(tag), tag});
  }
  if (voices.empty()) voices.push_back(EnglishVoice(definition));
  return voices;
}

Voice EnglishVoice(const poll::Definition& definition) {
  return {Language::kEnglish, definition.languages.front()};
}

std::string Number(Language language, uint64_t number) {
  const std::string digits = Cat(number);
  std::string out;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) {
      out += language == Language::kEnglish ? std::string_view(",") : kNoBreakSpace;
    }
    out += digits[i];
  }
  return out;
}

std::string PercentText(Language language, uint64_t part, uint64_t whole) {
  const std::optional<std::string> percent = Percent(part, whole);
  if (!percent.has_value()) return std::string(kNothing);
  return Cat(Decimal(language, *percent), kNoBreakSpace, "%");
}

std::string Mean(Language language, uint64_t sum, uint64_t count) {
  if (count == 0) return std::string(kNothing);
  const Wide hundredths = (Wide{200} * sum + count) / (Wide{2} * count);
  const auto rest = static_cast<uint64_t>(hundredths % 100);
  return Decimal(language,
                 Cat(static_cast<uint64_t>(hundredths / 100), rest < 10 ? ".0" : ".", rest));
}

std::string Time(uint64_t unix_seconds) {
  std::string text = base::FormatUtc(unix_seconds);
  text.replace(text.find('T'), 1, " ");
  text.replace(text.find('Z'), 1, " UTC");
  return text;
}

// --- Quorum --------------------------------------------------------------------------------------

uint64_t QuorumThreshold(const poll::Quorum& quorum, uint64_t entitled) {
  if (const auto* turnout = std::get_if<poll::TurnoutQuorum>(&quorum)) {
    return RoundedUp(Wide{turnout->numerator} * entitled, turnout->denominator);
  }
  if (const auto* recall = std::get_if<poll::RecallQuorum>(&quorum)) {
    return RoundedUp(Wide{3} * recall->voters_then, 5);
  }
  return 0;
}

std::string QuorumRule(Language language, const poll::Quorum& quorum) {
  if (const auto* turnout = std::get_if<poll::TurnoutQuorum>(&quorum)) {
    return Say(language, Phrase::kQuorumTurnout, {Share(turnout->numerator, turnout->denominator)});
  }
  if (const auto* recall = std::get_if<poll::RecallQuorum>(&quorum)) {
    return Say(language, Phrase::kQuorumRecall, {Number(language, recall->voters_then)});
  }
  return Say(language, Phrase::kQuorumNone);
}

std::string QuorumOutcome(Language language, const poll::Quorum& quorum, uint64_t entitled,
                          uint64_t participants, bool met) {
  if (std::holds_alternative<poll::NoQuorum>(quorum)) return QuorumRule(language, quorum);
  std::string share = "3/5";
  uint64_t whole = entitled;
  if (const auto* turnout = std::get_if<poll::TurnoutQuorum>(&quorum)) {
    share = Share(turnout->numerator, turnout->denominator);
  } else if (const auto* recall = std::get_if<poll::RecallQuorum>(&quorum)) {
    whole = recall->voters_then;
  }
  return Say(language, Phrase::kQuorumOutcome,
             {share, Number(language, whole), Number(language, QuorumThreshold(quorum, entitled)),
              Number(language, participants),
              Say(language, met ? Phrase::kReached : Phrase::kNotReached)});
}

std::string_view QuorumName(const poll::Quorum& quorum) {
  if (std::holds_alternative<poll::TurnoutQuorum>(quorum)) return "turnout";
  if (std::holds_alternative<poll::RecallQuorum>(quorum)) return "recall";
  return "none";
}

// --- Decisions -----------------------------------------------------------------------------------

std::string DecisionRule(const Voice& voice, const poll::Contest& contest) {
  if (const auto* majority = std::get_if<poll::Majority>(&contest.decision)) {
    return Say(
        voice.words, Phrase::kRuleMajority,
        {OptionText(voice, contest, majority->yes), OptionText(voice, contest, majority->no)});
  }
  if (const auto* two_thirds = std::get_if<poll::TwoThirds>(&contest.decision)) {
    return Say(
        voice.words, Phrase::kRuleTwoThirds,
        {OptionText(voice, contest, two_thirds->yes), OptionText(voice, contest, two_thirds->no)});
  }
  if (std::holds_alternative<poll::Variants>(contest.decision)) {
    return Say(voice.words, Phrase::kRuleVariants);
  }
  if (const auto* budget = std::get_if<poll::Budget>(&contest.decision)) {
    std::string rule;
    for (const std::string& line :
         BudgetRule(voice.words, budget->rule, poll::ProfileOf(contest, voice.texts))) {
      rule += Cat(rule.empty() ? "" : ". ", line);
    }
    return rule;
  }
  return Say(voice.words, Phrase::kRuleNone);
}

std::string VerdictText(const Voice& voice, const poll::Contest& contest,
                        const poll::ContestResult& result) {
  switch (result.outcome.verdict) {
    case poll::counting::Verdict::kNone:
      return Say(voice.words, Phrase::kVerdictNone);
    case poll::counting::Verdict::kInvalid:
      return Say(voice.words, Phrase::kVerdictInvalid);
    case poll::counting::Verdict::kUndecided:
      return Say(voice.words, Phrase::kVerdictUndecided);
    case poll::counting::Verdict::kDecided:
      if (const auto* budget = std::get_if<poll::Budget>(&contest.decision)) {
        return FundingText(voice.words, *result.budget, budget->currency);
      }
      return Say(voice.words, Phrase::kVerdictDecided,
                 {OptionText(voice, contest, *result.outcome.option)});
  }
  return "";
}

std::string_view VerdictName(poll::counting::Verdict verdict) {
  switch (verdict) {
    case poll::counting::Verdict::kNone:
      return "none";
    case poll::counting::Verdict::kInvalid:
      return "invalid";
    case poll::counting::Verdict::kUndecided:
      return "undecided";
    case poll::counting::Verdict::kDecided:
      return "decided";
  }
  return "";
}

bool HasPercent(const poll::Contest& contest) {
  return std::holds_alternative<crypto::Choose>(contest.rule);
}

bool AddsUp(const poll::Contest& contest) {
  const auto* choose = std::get_if<crypto::Choose>(&contest.rule);
  return choose != nullptr && choose->hi == 1;
}

}  // namespace urna::documents
