#include "ledger/record.h"

#include "base/codec.h"
#include "base/status.h"
#include "base/text.h"

namespace urna::ledger {
namespace {

constexpr uint8_t kFormat = 1;

}  // namespace

std::string EncodeRecord(const Record& record) {
  base::Writer writer;
  writer.U8(kFormat).U8(record.kind).U64(record.time).Raw(record.previous).Raw(record.payload);
  return writer.Take();
}

absl::StatusOr<RecordView> ViewRecord(std::string_view bytes) {
  if (bytes.size() > kMaxRecordBytes) {
    return base::Reject(
        "record.malformed",
        base::Cat("a record of ", bytes.size(), " bytes, at most ", kMaxRecordBytes, " allowed"));
  }
  base::Reader reader(bytes);
  const uint8_t format = reader.U8();
  if (reader.ok() && format != kFormat) {
    reader.Fail(base::Cat("record format ", format, ", known is ", kFormat));
  }
  RecordView record;
  record.kind = reader.U8();
  record.time = reader.U64();
  record.previous = reader.Fixed<32>();
  record.payload = reader.Raw(reader.remaining());
  URNA_RETURN_IF_ERROR(reader.Finish());
  return record;
}

absl::StatusOr<Record> DecodeRecord(std::string_view bytes) {
  URNA_ASSIGN_OR_RETURN(const RecordView view, ViewRecord(bytes));
  return Record{view.kind, view.time, view.previous, std::string(view.payload)};
}

Hash32 LeafHash(std::string_view record_bytes) {
  return crypto::HashSha256({std::string_view("\0", 1), record_bytes});
}

}  // namespace urna::ledger
