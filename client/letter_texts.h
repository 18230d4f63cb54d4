#pragma once

#include <string_view>
#include <vector>

namespace urna::client {

/// What a letter says in one language. Placeholders in braces are filled in by DesignLetters:
/// {issuing} {casting} {end} {where} {contact}.
struct LetterText {
  std::string_view language;  ///< tag
  std::string_view code;      ///< heading of the code
  std::string_view rehearsal, rehearsal_note;
  std::string_view when_heading, when;
  std::string_view where_heading;
  std::string_view how_heading, open, choose, keep_and_revote, keep;
  std::string_view check_heading, check;
  std::string_view opened_heading, opened;
  std::string_view lost_heading, lost;
  std::string_view never;  ///< nobody will ever ask for this code
  std::string_view poll;   ///< "Poll"
  std::string_view letter;
  std::string_view time_format;  ///< of absl::FormatTime
};

/// English first.
const std::vector<LetterText>& LetterTexts();
/// The text for a language tag, by its first subtag; null if there is none.
const LetterText* LetterTextFor(std::string_view language);

}  // namespace urna::client
