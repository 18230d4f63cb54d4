#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/hash.h"
#include "crypto/secret.h"
#include "poll/definition.h"

namespace urna::client {

/// What the office decides about its letters; the rest comes from the poll's definition.
struct LetterWords {
  std::string sender;   ///< name and address of the office, lines separated by LF
  std::string contact;  ///< whom to ask for a new code; "": the sender
  std::string where;    ///< where to vote: an address of a page, or words
  std::string title;    ///< for letters without a definition
  std::optional<crypto::Hash32> poll;
  std::vector<std::string> languages;  ///< empty: those of the definition, or English
  std::string time_zone = "UTC";       ///< name in the tz database
  bool window_right = false;           ///< the envelope's window is on the right
};

/// One language's part of every letter, ready to be set.
struct LetterSection {
  std::string language;
  std::string heading_of_code;
  std::string rehearsal;  ///< "" unless it is one
  struct Paragraph {
    std::string heading;
    std::vector<std::string> lines;
    bool numbered = false;
  };
  std::vector<Paragraph> paragraphs;
  std::string never;
};

/// All that the letters of a run have in common.
struct LetterDesign {
  std::string sender;
  std::vector<std::string> titles;  ///< of the poll, in the letters' languages
  std::vector<LetterSection> sections;
  /// Ballot style -> its title; empty without a definition.
  std::map<std::string, std::string, std::less<>> styles;
  std::string label;         ///< of the roll; "": not printed
  std::string poll_heading;  ///< "Poll"
  std::string letter_heading;
  std::optional<crypto::Hash32> poll;
  bool window_right = false;

  /// Everything in one text, so that two designs can be compared by hash.
  std::string Describe() const;
};

/// `without_text` gets the languages that English stands in for.
/// Errors: InvalidArgument: no sender or place to vote, a language that the definition does not
/// have, an unknown time zone, text that is not UTF-8.
absl::StatusOr<LetterDesign> DesignLetters(const poll::Definition* definition,
                                           const LetterWords& words,
                                           std::vector<std::string>* without_text);

struct Letter {
  uint64_t number = 0;  ///< place in the office's list, from 1
  std::string_view name, address, style;
  std::string_view code;  ///< with hyphens
};

/// A PDF of one A4 page for each letter. The same input gives the same bytes. Thread-safe.
/// Errors: InvalidArgument naming the letter, if something does not fit or no installed font has
/// its characters.
absl::StatusOr<crypto::SecretText> PrintLetters(const LetterDesign& design,
                                                std::span<const Letter> letters);

}  // namespace urna::client
