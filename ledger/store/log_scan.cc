#include "ledger/store/log_scan.h"

#include <rocksdb/file_checksum.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "base/codec.h"
#include "base/text.h"

namespace urna::ledger {
namespace {

constexpr size_t kBlock = 32768;
constexpr size_t kHeader = 4 + 2 + 1;
constexpr uint32_t kMaskDelta = 0xa282ead8;
// Of a write: u64le sequence number of its first operation, u32le number of operations.
constexpr size_t kWriteHeader = 8 + 4;

enum Type : uint8_t { kZero = 0, kFull = 1, kFirst = 2, kMiddle = 3, kLast = 4 };

/// CRC-32C, masked as logs do, because checksums of what holds checksums are weak.
uint32_t MaskedCrc(std::string_view bytes) {
  const auto generator =
      rocksdb::GetFileChecksumGenCrc32cFactory()->CreateFileChecksumGenerator({});
  generator->Update(bytes.data(), bytes.size());
  generator->Finalize();
  uint32_t crc = 0;
  for (const char c : generator->GetChecksum()) crc = crc << 8 | static_cast<uint8_t>(c);
  return (crc >> 15 | crc << 17) + kMaskDelta;
}

bool IsZeros(std::string_view bytes) {
  return std::ranges::all_of(bytes, [](char c) { return c == 0; });
}

/// Whether a whole record begins anywhere in these bytes, which are of one block.
bool WholeRecordIn(std::string_view bytes) {
  for (; bytes.size() > kHeader; bytes.remove_prefix(1)) {
    base::Reader reader(bytes);
    const uint32_t crc = reader.U32();
    const size_t length = reader.U16();
    const uint8_t type = reader.U8();
    if (type < kFull || type > kLast || length > bytes.size() - kHeader) continue;
    if (MaskedCrc(bytes.substr(kHeader - 1, 1 + length)) == crc) return true;
  }
  return false;
}

class Scanner {
 public:
  Scanner(std::string_view bytes, bool write_ahead) : bytes_(bytes), write_ahead_(write_ahead) {}

  LogScan Run() {
    while (at_ < bytes_.size() && scan_.verdict == LogScan::Verdict::kWhole) Step();
    if (scan_.verdict == LogScan::Verdict::kWhole && in_record_) {
      Stop(LogScan::Verdict::kTorn, begun_at_, "the last record is not finished");
    }
    return std::move(scan_);
  }

 private:
  void Stop(LogScan::Verdict verdict, size_t offset, std::string what) {
    // A write that was not finished began with its record's first part.
    scan_.verdict = verdict;
    scan_.offset = verdict == LogScan::Verdict::kTorn && in_record_ ? begun_at_ : offset;
    scan_.what = std::move(what);
  }
  void Damaged(size_t offset, std::string what) {
    Stop(LogScan::Verdict::kDamaged, offset, std::move(what));
  }

  void Step() {
    const std::string_view rest = bytes_.substr(at_);
    const size_t in_block = kBlock - at_ % kBlock;
    if (in_block < kHeader) {
      const std::string_view filler = rest.substr(0, in_block);
      if (!IsZeros(filler)) return Damaged(at_, "the filler at the end of a block is not zeros");
      at_ += filler.size();
      return;
    }
    if (IsZeros(rest)) return Stop(LogScan::Verdict::kTorn, at_, "nothing but zeros from here on");
    if (rest.size() < kHeader) {
      return Stop(LogScan::Verdict::kTorn, at_, "the header of the last record is cut");
    }
    base::Reader reader(rest);
    const uint32_t crc = reader.U32();
    const size_t length = reader.U16();
    const uint8_t type = reader.U8();
    if (length > in_block - kHeader) {
      return Damaged(at_, base::Cat("a record of ", length, " bytes does not fit into its block"));
    }
    if (length > rest.size() - kHeader) {
      // RocksDB takes this for the end; a wrong length hides records from it.
      if (WholeRecordIn(rest.substr(1))) {
        return Damaged(at_, "the length of a record goes beyond the end, yet whole ones follow");
      }
      return Stop(LogScan::Verdict::kTorn, at_, "the last record is cut");
    }
    if (MaskedCrc(rest.substr(kHeader - 1, 1 + length)) != crc) {
      return Damaged(at_, "the checksum of a record does not fit its bytes");
    }
    Take(type, rest.substr(kHeader, length));
    at_ += kHeader + length;
  }

  void Take(uint8_t type, std::string_view payload) {
    if (type < kFull || type > kLast) {
      return Damaged(at_, base::Cat("a record of unknown type ", int{type}));
    }
    const bool begins = type == kFull || type == kFirst;
    if (begins == in_record_) {
      return Damaged(at_, begins ? "a record begins before the one before it has ended"
                                 : "a part of a record whose beginning is missing");
    }
    if (begins) {
      begun_at_ = at_;
      head_.clear();
    }
    head_ += payload.substr(0, kWriteHeader - head_.size());
    in_record_ = type == kFirst || type == kMiddle;
    if (in_record_) return;
    if (write_ahead_) CheckSequence();
    ++scan_.records;
  }

  void CheckSequence() {
    base::Reader reader(head_);
    const uint64_t sequence = reader.U64();
    const uint64_t count = reader.U32();
    if (!reader.ok()) return Damaged(begun_at_, "a record that is too short for a write");
    if (next_sequence_.has_value() && sequence != *next_sequence_) {
      return Damaged(begun_at_, base::Cat("a write with sequence number ", sequence, " where ",
                                          *next_sequence_, " should follow"));
    }
    next_sequence_ = sequence + count;
  }

  const std::string_view bytes_;
  const bool write_ahead_;
  LogScan scan_;
  size_t at_ = 0;
  bool in_record_ = false;
  size_t begun_at_ = 0;
  std::string head_;  // the first bytes of the record
  std::optional<uint64_t> next_sequence_;
};

}  // namespace

LogScan ScanLog(std::string_view bytes, bool write_ahead) {
  return Scanner(bytes, write_ahead).Run();
}

}  // namespace urna::ledger
