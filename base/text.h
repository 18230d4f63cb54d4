#pragma once

#include <concepts>
#include <string>
#include <string_view>
#include <vector>

namespace urna::base {

namespace internal {
inline void Append(std::string& out, std::string_view piece) { out.append(piece); }
inline void Append(std::string& out, char piece) { out.push_back(piece); }
template <std::integral T>
void Append(std::string& out, T piece) {
  out += std::to_string(piece);
}
}  // namespace internal

/// Joins texts and decimal integers into one string.
template <typename... Pieces>
std::string Cat(const Pieces&... pieces) {
  std::string out;
  (internal::Append(out, pieces), ...);
  return out;
}

/// Splits at every `separator`; "" gives one empty piece.
std::vector<std::string_view> Split(std::string_view text, char separator);

/// Without leading and trailing blanks, tabs and line ends.
std::string_view Trim(std::string_view text);

/// True if `text` is well-formed UTF-8 (no surrogates, no overlong forms).
bool IsUtf8(std::string_view text);

/// Decimal without sign, leading zeros or blanks; false otherwise or on overflow.
bool ParseU64(std::string_view text, uint64_t* out);

/// "2014-05-25T06:00:00Z" <-> Unix seconds; false if not exactly of this form.
bool ParseUtc(std::string_view text, uint64_t* out);
std::string FormatUtc(uint64_t unix_seconds);

}  // namespace urna::base
