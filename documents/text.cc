#include "documents/text.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace urna::documents {
namespace {

using base::Cat;

/// Takes the first code point of well-formed, non-empty UTF-8.
char32_t TakeCodePoint(std::string_view& text) {
  const auto first = static_cast<uint8_t>(text[0]);
  const size_t size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  constexpr std::array<uint8_t, 5> kMask = {0, 0x7f, 0x1f, 0x0f, 0x07};
  char32_t code = first & kMask[size];
  for (size_t i = 1; i < size; ++i) code = code << 6 | (static_cast<uint8_t>(text[i]) & 0x3f);
  text.remove_prefix(size);
  return code;
}

/// Characters that move the cursor, end the line or turn the direction of writing: with them a
/// poll's texts could forge lines of a report. Tag characters (U+E0000...) hide whole texts.
bool IsUnprintable(char32_t c) {
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c || (c >= 0x200b && c <= 0x200f) ||
         (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
         (c >= 0xe0000 && c <= 0xe007f);
}

}  // namespace

size_t Width(std::string_view text) {
  size_t width = 0;
  while (!text.empty()) {
    const char32_t c = TakeCodePoint(text);
    const bool combining = (c >= 0x300 && c <= 0x36f) || (c >= 0xfe00 && c <= 0xfe0f);
    const bool wide = (c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xd7a3) ||
                      (c >= 0xf900 && c <= 0xfaff) || (c >= 0xff00 && c <= 0xff60) ||
                      (c >= 0x1f300 && c <= 0x1faff);
    width += combining ? 0 : wide ? 2 : 1;
  }
  return width;
}

std::string Plain(std::string_view text) {
  std::string out;
  if (!base::IsUtf8(text)) {
    for (const char c : text) out += c >= 0x20 && c < 0x7f ? c : '?';
    return out;
  }
  while (!text.empty()) {
    const std::string_view before = text;
    const char32_t c = TakeCodePoint(text);
    if (IsUnprintable(c)) {
      out += "\xef\xbf\xbd";
    } else {
      out += before.substr(0, before.size() - text.size());
    }
  }
  return out;
}

std::string PadRight(std::string_view text, size_t width) {
  const std::string plain = Plain(text);
  return plain + std::string(width - std::min(width, Width(plain)), ' ');
}

std::string PadLeft(std::string_view text, size_t width) {
  const std::string plain = Plain(text);
  return std::string(width - std::min(width, Width(plain)), ' ') + plain;
}

std::string HtmlEscaped(std::string_view text) {
  std::string out;
  for (const char c : Plain(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string JsonEscaped(std::string_view json) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const auto unit = [&](uint32_t u) {
    std::string out = "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) out += kDigits[u >> shift & 15];
    return out;
  };
  std::string out;
  while (!json.empty()) {
    const std::string_view before = json;
    const char32_t c = TakeCodePoint(json);
    // Below 0x80 the writer escaped them inside of texts; outside there are line ends.
    if (c < 0x7f || !IsUnprintable(c)) {
      out += before.substr(0, before.size() - json.size());
    } else if (c < 0x10000) {
      out += unit(c);
    } else {
      out += unit(0xd800 + ((c - 0x10000) >> 10)) + unit(0xdc00 + ((c - 0x10000) & 0x3ff));
    }
  }
  return out;
}

std::optional<std::string> Percent(uint64_t part, uint64_t whole) {
  if (whole == 0) return std::nullopt;
  using Wide = unsigned __int128;
  const Wide hundredths = (Wide{20000} * part + whole) / (Wide{2} * whole);
  const auto whole_percent = static_cast<uint64_t>(hundredths / 100);
  const auto rest = static_cast<uint64_t>(hundredths % 100);
  return Cat(whole_percent, rest < 10 ? ".0" : ".", rest);
}

}  // namespace urna::documents
