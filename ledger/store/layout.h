#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "ledger/store/store.h"

namespace urna::ledger {

// How the store lays ledgers out in RocksDB; for this folder only. Keys are the poll id, one of
// these, and what the comment says; integers are big-endian, so that RocksDB's order is ours.
// Everything lives in one column family: recovery of several is a known source of trouble.
inline constexpr char kEntry = 'e';       // index -> encoded record
inline constexpr char kTile = 't';        // level (u8), index -> 8,192 bytes; full tiles only
inline constexpr char kBody = 'x';        // SHA-256(payload) -> index
inline constexpr char kCheckpoint = 'c';  // -> size, signed note
inline constexpr char kHead = 'H';        // -> format, size, root, last leaf

std::string BigEndian(uint64_t value);
/// Of at most eight bytes.
uint64_t FromBigEndian(std::string_view bytes);

std::string Key(const Hash32& poll, char prefix);
std::string EntryKey(const Hash32& poll, uint64_t index);
std::string TileKey(const Hash32& poll, uint32_t level, uint64_t index);
std::string BodyKey(const Hash32& poll, const Hash32& body);

/// "poll 12ab…", for messages.
std::string PollName(const Hash32& poll);

std::string EncodeHead(const Store::Head& head);
/// Errors: Reject("record.malformed"), as of the two below.
absl::StatusOr<Store::Head> DecodeHead(std::string_view bytes);

struct StoredCheckpoint {
  uint64_t size = 0;
  std::string note;
};
std::string EncodeStoredCheckpoint(uint64_t size, std::string_view note);
absl::StatusOr<StoredCheckpoint> DecodeStoredCheckpoint(std::string_view bytes);

}  // namespace urna::ledger
