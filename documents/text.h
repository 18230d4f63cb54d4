#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace urna::documents {

/// Texts that came from a ledger may hold anything: these make them harmless on paper and screens.

/// `text` with every character that moves a cursor, ends a line, turns the direction of writing or
/// cannot be seen replaced by U+FFFD; what is no UTF-8 becomes ASCII with question marks.
std::string Plain(std::string_view text);
/// Columns that well-formed UTF-8 takes in a terminal.
size_t Width(std::string_view text);
/// Plain(text), filled up with blanks to `width` columns.
std::string PadRight(std::string_view text, size_t width);
std::string PadLeft(std::string_view text, size_t width);
/// Plain(text) as the content of an HTML element or quoted attribute.
std::string HtmlEscaped(std::string_view text);
/// JSON with the characters that Plain replaces escaped instead: the same value, harmless to look
/// at. `json` is well-formed JSON in UTF-8; its line ends stay.
std::string JsonEscaped(std::string_view json);

/// `part` of `whole` in percent with two decimals, rounded half up, exactly: "66.67".
/// nullopt for a whole of 0.
std::optional<std::string> Percent(uint64_t part, uint64_t whole);

}  // namespace urna::documents
