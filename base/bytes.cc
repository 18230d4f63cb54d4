#include "base/bytes.h"

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"

namespace urna::base {
namespace {

absl::string_view Absl(std::string_view s) { return absl::string_view(s.data(), s.size()); }

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string Hex(std::string_view bytes) { return absl::BytesToHexString(Absl(bytes)); }

bool UnhexInto(std::string_view hex, uint8_t* out, size_t size) {
  if (hex.size() != 2 * size) return false;
  for (size_t i = 0; i < size; ++i) {
    const int high = HexDigit(hex[2 * i]);
    const int low = HexDigit(hex[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return true;
}

std::string Base64(std::string_view bytes) { return absl::Base64Escape(Absl(bytes)); }

bool Unbase64(std::string_view text, std::string* out) {
  // absl accepts blanks and missing padding; only what encodes back to itself is strict base64.
  return absl::Base64Unescape(Absl(text), out) && Base64(*out) == text;
}

}  // namespace urna::base
