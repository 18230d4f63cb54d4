#include "ledger/store/layout.h"

#include "base/bytes.h"
#include "base/codec.h"
#include "base/status.h"
#include "base/text.h"

namespace urna::ledger {
namespace {

constexpr uint8_t kHeadFormat = 1;

}  // namespace

std::string BigEndian(uint64_t value) {
  std::string out(8, '\0');
  for (size_t i = 8; i-- > 0; value >>= 8) out[i] = static_cast<char>(value & 0xff);
  return out;
}

uint64_t FromBigEndian(std::string_view bytes) {
  uint64_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<uint8_t>(c);
  return value;
}

std::string Key(const Hash32& poll, char prefix) { return base::Cat(base::View(poll), prefix); }

std::string EntryKey(const Hash32& poll, uint64_t index) {
  return base::Cat(Key(poll, kEntry), BigEndian(index));
}

std::string TileKey(const Hash32& poll, uint32_t level, uint64_t index) {
  return base::Cat(Key(poll, kTile), static_cast<char>(level), BigEndian(index));
}

std::string BodyKey(const Hash32& poll, const Hash32& body) {
  return base::Cat(Key(poll, kBody), base::View(body));
}

std::string PollName(const Hash32& poll) { return base::Cat("poll ", base::Hex(poll)); }

std::string EncodeHead(const Store::Head& head) {
  base::Writer writer;
  writer.U8(kHeadFormat).U64(head.size).Raw(head.root).Raw(head.last_leaf);
  return writer.Take();
}

absl::StatusOr<Store::Head> DecodeHead(std::string_view bytes) {
  base::Reader reader(bytes);
  const uint8_t format = reader.U8();
  if (reader.ok() && format != kHeadFormat) reader.Fail(base::Cat("unknown format ", format));
  Store::Head head;
  head.size = reader.U64();
  head.root = reader.Fixed<32>();
  head.last_leaf = reader.Fixed<32>();
  URNA_RETURN_IF_ERROR(reader.Finish());
  return head;
}

std::string EncodeStoredCheckpoint(uint64_t size, std::string_view note) {
  base::Writer writer;
  writer.U64(size).Raw(note);
  return writer.Take();
}

absl::StatusOr<StoredCheckpoint> DecodeStoredCheckpoint(std::string_view bytes) {
  base::Reader reader(bytes);
  StoredCheckpoint stored;
  stored.size = reader.U64();
  stored.note = std::string(reader.Raw(reader.remaining()));
  URNA_RETURN_IF_ERROR(reader.Finish());
  return stored;
}

}  // namespace urna::ledger
