#include "ledger/record.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/status.h"

namespace urna::ledger {
namespace {

Record Sample() {
  Record record;
  record.kind = 7;
  record.time = 0x0102030405060708;
  record.previous.fill(0xab);
  record.payload = "payload";
  return record;
}

TEST(RecordTest, HasTheDocumentedLayout) {
  std::string expected("\x01\x07\x08\x07\x06\x05\x04\x03\x02\x01", 10);
  expected += std::string(32, '\xab');
  expected += "payload";
  EXPECT_EQ(EncodeRecord(Sample()), expected);
}

TEST(RecordTest, DecodesWhatItEncodes) {
  const auto decoded = DecodeRecord(EncodeRecord(Sample()));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(*decoded, Sample());
}

TEST(RecordTest, AllowsAnEmptyAndALargestPayload) {
  for (const size_t size : {size_t{0}, kMaxPayloadBytes}) {
    Record record = Sample();
    record.payload.assign(size, 'x');
    const auto decoded = DecodeRecord(EncodeRecord(record));
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(*decoded, record);
  }
}

TEST(RecordTest, RefusesRecordsTooShortTooLongOrOfAnotherFormat) {
  const std::string bytes = EncodeRecord(Sample());
  for (size_t size = 0; size < kRecordHeaderBytes; ++size) {
    EXPECT_EQ(base::RejectId(DecodeRecord(bytes.substr(0, size)).status()), "record.malformed");
  }
  const std::string too_long = bytes + std::string(kMaxRecordBytes + 1 - bytes.size(), 'x');
  EXPECT_EQ(base::RejectId(DecodeRecord(too_long).status()), "record.malformed");
  for (const char format : {'\x00', '\x02'}) {
    std::string other = bytes;
    other[0] = format;
    EXPECT_EQ(base::RejectId(DecodeRecord(other).status()), "record.malformed");
  }
}

TEST(RecordTest, LeafHashIsThatOfRfc6962) {
  EXPECT_EQ(base::Hex(LeafHash("")),
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
}

}  // namespace
}  // namespace urna::ledger
