#include "server/rereader.h"

#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>
#include <rocksdb/db.h>

#include "base/text.h"
#include "ledger/record.h"
#include "ledger/store/layout.h"
#include "ledger/store/salvage.h"
#include "ledger/store/store.h"
#include "tests/server/kept_city.h"

namespace urna::server::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// --- One ledger ----------------------------------------------------------------------------------

class RereadLedgerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto store =
        ledger::Store::Open({.folder = folder_.path() + "/ledger", .log_folder = ""}).value();
    ledger::Store::Batch batch;
    Hash32 previous{};
    for (int i = 0; i < 700; ++i) {
      ledger::Record record;
      record.kind = 1;
      record.previous = previous;
      record.payload = base::Cat("payload ", i);
      records_.push_back(ledger::EncodeRecord(record));
      previous = ledger::LeafHash(records_.back());
    }
    poll_ = batch.poll = ledger::LeafHash(records_.front());
    batch.records = records_;
    ASSERT_TRUE(store->Append({&batch, 1}).ok());
    head_ = store->GetHead(poll_).value();
  }
  /// Behind the store's back, under checksums that fit.
  void Edit(const std::function<rocksdb::Status(rocksdb::DB&)>& edit) {
    rocksdb::DB* raw = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open(rocksdb::Options(), folder_.path() + "/ledger", &raw).ok());
    const std::unique_ptr<rocksdb::DB> database(raw);
    ASSERT_TRUE(edit(*database).ok());
  }
  void Put(const std::string& key, const std::string& value) {
    Edit([&](rocksdb::DB& database) { return database.Put({}, key, value); });
  }
  /// Straight from the database.
  class Stored final : public StoredLedger {
   public:
    Stored(const std::string& folder, const Hash32& poll)
        : store_(ledger::Salvage::Open(folder).value()), poll_(poll) {}
    absl::StatusOr<std::string> Read(uint64_t index) override { return store_->Read(poll_, index); }
    absl::StatusOr<std::string> ReadTile(uint32_t level, uint64_t index) override {
      return store_->ReadTile(poll_, level, index);
    }

   private:
    const std::unique_ptr<ledger::Salvage> store_;
    const Hash32 poll_;
  };
  absl::Status Reread() {
    bytes_ = 0;
    Stored stored(folder_.path() + "/ledger", poll_);
    return RereadLedger(stored, head_, [this](size_t bytes) {
      bytes_ += bytes;
      return bytes_ < stop_after_;
    });
  }
  void ExpectDamage(const std::string& place) {
    const absl::Status status = Reread();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(place));
  }

  const TemporaryFolder folder_;
  std::vector<std::string> records_;
  Hash32 poll_{};
  ledger::Store::Head head_;
  size_t bytes_ = 0;
  size_t stop_after_ = SIZE_MAX;
};

TEST_F(RereadLedgerTest, ReadsAllOfASoundOne) {
  EXPECT_TRUE(Reread().ok());
  size_t all = 0;
  for (const std::string& record : records_) all += record.size();
  EXPECT_EQ(bytes_, all);
}

TEST_F(RereadLedgerTest, NamesTheRecordThatChangedThoughTheDatabaseNoticesNothing) {
  std::string changed = records_[300];
  changed.back() ^= 1;
  Put(ledger::EntryKey(poll_, 300), changed);
  ExpectDamage("record 301: does not carry the hash of record 300");
}

TEST_F(RereadLedgerTest, NamesARecordThatIsGone) {
  Edit([&](rocksdb::DB& database) { return database.Delete({}, ledger::EntryKey(poll_, 17)); });
  ExpectDamage("record 17: ");
}

TEST_F(RereadLedgerTest, NamesATileThatChanged) {
  Put(ledger::TileKey(poll_, 0, 1), std::string(8192, 'x'));
  ExpectDamage("tile/0/001: ");
}

TEST_F(RereadLedgerTest, TheLastRecordIsHeldAgainstTheRoot) {
  std::string changed = records_.back();
  changed.back() ^= 1;
  Put(ledger::EntryKey(poll_, 699), changed);
  ExpectDamage("record 699");
}

TEST_F(RereadLedgerTest, StopsWhenToldTo) {
  stop_after_ = 1;
  EXPECT_TRUE(absl::IsCancelled(Reread()));
}

// --- A server ------------------------------------------------------------------------------------

class RereaderTest : public KeptCity {
 protected:
  void TearDown() override {
    city_->reread_every.reset();
    city_->settings.reread_rate = Settings().reread_rate;
    KeptCity::TearDown();
  }
  /// A server that reads everything again all the time, and all of whose data is in tables.
  void StartReading() {
    ASSERT_TRUE(TryStart(data()).ok());
    city_->Stop();
    city_->reread_every = std::chrono::milliseconds(1);
    city_->settings.reread_rate = 1000;
    ASSERT_TRUE(TryStart(data()).ok());
  }
  void BreakTables(const std::string& folder) {
    for (const auto& entry : fs::directory_iterator(data() + "/" + folder)) {
      // In the first block, which holds the first record, or answer.
      if (entry.path().extension() == ".sst") FlipByteOf(entry.path(), 100);
    }
  }
  /// As grpc.health.v1 says it: 1 serving, 2 not serving.
  int Health(const std::string& service = "") {
    // Field 1, a string.
    std::string request;
    if (!service.empty()) request = base::Cat("\x0a", static_cast<char>(service.size()), service);
    const grpc::Slice asked(request);
    grpc::ByteBuffer response;
    grpc::CompletionQueue queue;
    grpc::ClientContext context;
    TestServer::SetDeadline(context);
    grpc::GenericStub stub(city_->channel());
    const auto call = stub.PrepareUnaryCall(&context, "/grpc.health.v1.Health/Check",
                                            grpc::ByteBuffer(&asked, 1), &queue);
    grpc::Status status;
    call->StartCall();
    call->Finish(&response, &status, this);
    void* tag = nullptr;
    bool ok = false;
    EXPECT_TRUE(queue.Next(&tag, &ok) && ok && status.ok()) << status.error_message();
    grpc::Slice slice;
    EXPECT_TRUE(response.DumpToSingleSlice(&slice).ok());
    // Field 1, an enumeration.
    return slice.size() == 2 && slice.begin()[0] == 8 ? slice.begin()[1] : -1;
  }
  static constexpr int kServing = 1;
  static constexpr int kNotServing = 2;
  /// What the log says since this test began.
  std::string Said() const { return city_->log().substr(said_before_); }
  const size_t said_before_ = city_->log().size();
};

TEST_F(RereaderTest, DamageOnTheDiskStopsThePollAndIsAnAlarm) {
  StartReading();
  EXPECT_EQ(Health(), kServing);
  EXPECT_EQ(Health("urna.v1.Casting"), kServing);
  const std::string ballot = city_->MakeBallot(0, 1);
  BreakTables("ledger");
  Await([&] { return Said().find("ALARM: poll ") != std::string::npos; }, "the alarm");
  EXPECT_THAT(Said(), AllOf(HasSubstr(base::Hex(city_->poll())), HasSubstr("record ")));
  Await([&] { return Health() == kNotServing; }, "health");
  EXPECT_EQ(Health("urna.v1.Casting"), kNotServing);
  EXPECT_EQ(Health("urna.v1.Issuing"), kNotServing);
  const Outcome cast = city_->Cast(ballot);
  EXPECT_EQ(cast.code, grpc::StatusCode::UNAVAILABLE) << cast;
  EXPECT_THAT(cast.message, HasSubstr("keep your receipts"));
  TestServer::Issuance issuance;
  EXPECT_EQ(city_->Begin(3, &issuance).code, grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(city_->Get("/" + base::Hex(city_->poll()) + "/tile/0/000.p/1").status, 503);
  const v1::StatusResponse status = city_->Status();
  ASSERT_GT(status.waiting_for_size(), 0);
  EXPECT_THAT(status.waiting_for(0), HasSubstr("found damage"));
  // The officials can still move the end.
  EXPECT_TRUE(city_
                  ->Approve(
                      poll::Extended{
                          .end = status.end() + 3600, .reason = "a damaged disk", .approvals = {}},
                      0)
                  .ok());
}

TEST_F(RereaderTest, DamagedAnswersStopTheIssuerAndTheLogNamesNobody) {
  StartReading();
  BreakTables("issuer-0/answers");
  Await([&] { return Said().find("ALARM: issuer 0") != std::string::npos; }, "the alarm");
  TestServer::Issuance issuance;
  const Outcome begun = city_->Begin(3, &issuance);
  EXPECT_EQ(begun.code, grpc::StatusCode::FAILED_PRECONDITION) << begun;
  Await([&] { return Health() == kNotServing; }, "health");
  EXPECT_EQ(Health("urna.v1.Issuing"), kNotServing);
  EXPECT_EQ(Health("urna.v1.Casting"), kServing);
  for (size_t voter = 0; voter < 2; ++voter) {
    EXPECT_THAT(Said(),
                Not(HasSubstr(base::Hex(city_->election.voter(voter).credential.V.bytes()))));
  }
  // Who has a token votes.
  EXPECT_TRUE(city_->Cast(city_->MakeBallot(1, 0)).ok());
}

TEST_F(RereaderTest, ASoundServerReadsOnAndSaysNothing) {
  StartReading();
  EXPECT_TRUE(city_->Cast(city_->MakeBallot(0, 0)).ok());
  city_->Stop();
  EXPECT_THAT(Said(), Not(HasSubstr("ALARM")));
}

}  // namespace
}  // namespace urna::server::testing
