#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace urna::base {

/// 32 bytes: a SHA-256 value, a poll id, an encoded point or scalar.
using Bytes32 = std::array<uint8_t, 32>;

/// The bytes of a fixed array as a view; no copy.
template <size_t N>
std::string_view View(const std::array<uint8_t, N>& bytes) {
  return std::string_view(reinterpret_cast<const char*>(bytes.data()), N);
}

/// The bytes of a view as an unsigned pointer, for C interfaces.
inline const uint8_t* Data(std::string_view bytes) {
  return reinterpret_cast<const uint8_t*>(bytes.data());
}

/// Lower-case hexadecimal.
std::string Hex(std::string_view bytes);
template <size_t N>
std::string Hex(const std::array<uint8_t, N>& bytes) {
  return Hex(View(bytes));
}

/// Strict hexadecimal of exactly `out.size()` bytes, either case; false if anything else.
bool UnhexInto(std::string_view hex, uint8_t* out, size_t size);
template <size_t N>
bool Unhex(std::string_view hex, std::array<uint8_t, N>& out) {
  return UnhexInto(hex, out.data(), N);
}

/// RFC 4648 section 4 base64 with padding.
std::string Base64(std::string_view bytes);

/// Strict base64: accepts exactly what `Base64` produces, nothing else; false otherwise.
bool Unbase64(std::string_view text, std::string* out);

}  // namespace urna::base
