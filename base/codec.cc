#include "base/codec.h"

#include "base/status.h"
#include "base/text.h"

namespace urna::base {
namespace {

template <typename T>
void PutLittleEndian(std::string& out, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

template <typename T>
T GetLittleEndian(std::string_view raw) {
  T value = 0;
  for (size_t i = 0; i < raw.size(); ++i) {
    value = static_cast<T>(value |
                           static_cast<T>(static_cast<T>(static_cast<uint8_t>(raw[i])) << (8 * i)));
  }
  return value;
}

}  // namespace

Writer& Writer::U8(uint8_t value) { return PutLittleEndian(bytes_, value), *this; }
Writer& Writer::U16(uint16_t value) { return PutLittleEndian(bytes_, value), *this; }
Writer& Writer::U32(uint32_t value) { return PutLittleEndian(bytes_, value), *this; }
Writer& Writer::U64(uint64_t value) { return PutLittleEndian(bytes_, value), *this; }

Writer& Writer::Raw(std::string_view bytes) {
  bytes_.append(bytes);
  return *this;
}

Writer& Writer::Frame(std::string_view bytes) {
  U32(static_cast<uint32_t>(bytes.size()));
  return Raw(bytes);
}

uint8_t Reader::U8() { return GetLittleEndian<uint8_t>(Raw(1)); }
uint16_t Reader::U16() { return GetLittleEndian<uint16_t>(Raw(2)); }
uint32_t Reader::U32() { return GetLittleEndian<uint32_t>(Raw(4)); }
uint64_t Reader::U64() { return GetLittleEndian<uint64_t>(Raw(8)); }

std::string_view Reader::Raw(size_t size) {
  if (!ok_) return {};
  if (remaining() < size) {
    Fail(Cat("needs ", size, " bytes, has ", remaining()));
    return {};
  }
  const std::string_view raw = bytes_.substr(position_, size);
  position_ += size;
  return raw;
}

std::string_view Reader::Frame(size_t max) {
  const uint32_t size = U32();
  if (ok_ && size > max) Fail(Cat("a field of ", size, " bytes, at most ", max, " allowed"));
  return Raw(size);
}

void Reader::Fail(std::string_view what) {
  if (!ok_) return;
  ok_ = false;
  error_ = Cat("at byte ", position_, ": ", what);
}

absl::Status Reader::Finish() const {
  if (!ok_) return Reject("record.malformed", error_);
  if (remaining() != 0) {
    return Reject("record.malformed",
                  Cat("at byte ", position_, ": ", remaining(), " bytes too many"));
  }
  return absl::OkStatus();
}

}  // namespace urna::base
