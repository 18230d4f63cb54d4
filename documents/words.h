#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "poll/definition.h"
#include "poll/state.h"

namespace urna::documents {

/// Languages that we have words for.
enum class Language : uint8_t { kEnglish, kPolish, kUkrainian };
/// "pl" of a tag such as "pl" or "pl-pl"; English for a language that we have no words for.
Language LanguageOf(std::string_view tag);
/// Whether we have words for the language of `tag`.
bool HasWords(std::string_view tag);
/// "en", "pl", "uk".
std::string_view TagOf(Language language);

/// What a reader sees: words in one language, the poll's texts in one of its own.
struct Voice {
  Language words = Language::kEnglish;
  std::string texts;  ///< one of Definition::languages

  /// The text of `texts`; "" where there is none.
  std::string Of(const poll::Texts& all) const;
};
/// For each of the poll's languages that we have words for, in its order; if there is none, English
/// words and the poll's texts in its first language.
std::vector<Voice> VoicesOf(const poll::Definition& definition);
/// English words, and the poll's texts in its first language: for reports.
Voice EnglishVoice(const poll::Definition& definition);

/// "2,000" in English, "2 000" with no-break spaces in Polish and Ukrainian.
std::string Number(Language language, uint64_t number);
/// "35.96 %", "35,96 %"; "–" of nothing.
std::string PercentText(Language language, uint64_t part, uint64_t whole);
/// `sum` / `count` with two decimals, rounded half up; "–" of nothing.
std::string Mean(Language language, uint64_t sum, uint64_t count);
/// "2014-05-25 16:00:00 UTC".
std::string Time(uint64_t unix_seconds);

/// Participants that a quorum demands of a contest: the least number that reaches it.
uint64_t QuorumThreshold(const poll::Quorum& quorum, uint64_t entitled);
/// "at least 30 % of those entitled must take part".
std::string QuorumRule(Language language, const poll::Quorum& quorum);
/// "30 % of 2,000 = 600 needed, 719 took part: reached"; QuorumRule where none is demanded.
std::string QuorumOutcome(Language language, const poll::Quorum& quorum, uint64_t entitled,
                          uint64_t participants, bool met);
/// "none", "turnout", "recall": for programs.
std::string_view QuorumName(const poll::Quorum& quorum);

/// When an option of this contest wins.
std::string DecisionRule(const Voice& voice, const poll::Contest& contest);
/// What a contest decided: "decided: "YES"".
std::string VerdictText(const Voice& voice, const poll::Contest& contest,
                        const poll::ContestResult& result);
/// "none", "invalid", "undecided", "decided": for programs.
std::string_view VerdictName(poll::counting::Verdict verdict);

/// Whether "percent of the valid votes" says something: options are marked, not given points.
bool HasPercent(const poll::Contest& contest);
/// Whether a card has at most one mark in it, so that the votes add up to the valid ones.
bool AddsUp(const poll::Contest& contest);

}  // namespace urna::documents
