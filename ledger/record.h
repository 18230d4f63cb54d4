#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "crypto/hash.h"

namespace urna::ledger {

using crypto::Hash32;

/// Largest encoded record: an entry of a C2SP entry bundle has a 16-bit length.
inline constexpr size_t kMaxRecordBytes = 65535;

/// One entry of a ledger. docs/protocol.md section 3 and "Record layout":
/// u8 format (1) | u8 kind | u64le time | previous (32 bytes) | payload.
/// The ledger does not know what kinds and payloads mean; poll/ does.
struct Record {
  uint8_t kind = 0;
  uint64_t time = 0;  ///< Unix seconds; a statement of the server, orders nothing
  Hash32 previous{};  ///< leaf hash of the record before; zeros in record 0
  std::string payload;

  bool operator==(const Record&) const = default;
};

inline constexpr size_t kRecordHeaderBytes = 1 + 1 + 8 + 32;
inline constexpr size_t kMaxPayloadBytes = kMaxRecordBytes - kRecordHeaderBytes;

/// A record whose payload is a view into the bytes that it was decoded from.
struct RecordView {
  uint8_t kind = 0;
  uint64_t time = 0;
  Hash32 previous{};
  std::string_view payload;
};

/// Precondition: payload.size() <= kMaxPayloadBytes.
std::string EncodeRecord(const Record& record);
/// Errors: Reject("record.malformed") (too short, too long, unknown format).
absl::StatusOr<Record> DecodeRecord(std::string_view bytes);
absl::StatusOr<RecordView> ViewRecord(std::string_view bytes);

/// SHA-256(0x00 || bytes): the chain value, the RFC 6962 leaf, and for record 0 the poll id.
Hash32 LeafHash(std::string_view record_bytes);

}  // namespace urna::ledger
