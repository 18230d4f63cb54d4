#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/bytes.h"

namespace urna::base {

/// Appends canonical little-endian fields. docs/protocol.md, "Byte layout".
class Writer {
 public:
  Writer& U8(uint8_t value);
  Writer& U16(uint16_t value);
  Writer& U32(uint32_t value);
  Writer& U64(uint64_t value);
  /// The bytes as they are, without a length.
  Writer& Raw(std::string_view bytes);
  template <size_t N>
  Writer& Raw(const std::array<uint8_t, N>& bytes) {
    return Raw(View(bytes));
  }
  /// u32le length, then the bytes (`frame` of docs/protocol.md section 2).
  Writer& Frame(std::string_view bytes);

  const std::string& bytes() const { return bytes_; }
  std::string Take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

/// Reads what Writer wrote. Never reads outside its view; after the first failure every read
/// returns zero or empty bytes and Finish reports the failure with its offset, so a decoder reads
/// all its fields and asks once.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  uint8_t U8();
  uint16_t U16();
  uint32_t U32();
  uint64_t U64();
  /// Exactly `size` bytes, valid as long as the input is.
  std::string_view Raw(size_t size);
  template <size_t N>
  std::array<uint8_t, N> Fixed() {
    std::array<uint8_t, N> out{};
    const std::string_view raw = Raw(N);
    if (ok_) std::copy(raw.begin(), raw.end(), out.begin());
    return out;
  }
  /// A frame of at most `max` bytes.
  std::string_view Frame(size_t max);

  /// Records that a field just read has a value it may not have.
  void Fail(std::string_view what);

  bool ok() const { return ok_; }
  size_t remaining() const { return bytes_.size() - position_; }

  /// OK iff every read succeeded and nothing is left over. Otherwise Reject("record.malformed").
  absl::Status Finish() const;

 private:
  std::string_view bytes_;
  size_t position_ = 0;
  bool ok_ = true;
  std::string error_;
};

}  // namespace urna::base
