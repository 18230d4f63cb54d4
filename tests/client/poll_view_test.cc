#include "client/poll_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "base/file.h"
#include "client/interrupt.h"
#include "ledger/evidence.h"
#include "ledger/export.h"
#include "poll/payload.h"
#include "tests/client/fake_server.h"
#include "tests/client/fake_source.h"

namespace urna::client {
namespace {

using ::testing::HasSubstr;
using testing::TestElection;

void FlipLastByte(std::string& record) { record.back() = static_cast<char>(record.back() ^ 1); }

size_t FirstOfKind(const std::vector<std::string>& records, poll::RecordKind kind) {
  for (size_t i = 0; i < records.size(); ++i) {
    if (ledger::DecodeRecord(records[i])->kind == static_cast<uint8_t>(kind)) return i;
  }
  return records.size();
}

class PollViewTest : public ::testing::Test {
 protected:
  void SetUp() override {
    election_.RunUntilOpen();
    server_ = std::make_unique<FakeServer>(election_);
    connection_ = server_->Connect();
    source_ = OverGrpc(*connection_, election_.state().poll());
    temporary_ = TemporaryFolder::Create().value();
    folder_ = temporary_->path() + "/ledger";
    poll_ = election_.state().poll();
  }
  void Vote() {
    election_.now += 3600;
    election_.Vote();
  }
  absl::StatusOr<std::unique_ptr<PollView>> UntilOpened() {
    return PollView::FetchUntilOpened(*source_, poll_);
  }
  absl::StatusOr<std::unique_ptr<PollView>> All() {
    return PollView::FetchAll(*source_, poll_, folder_);
  }
  absl::StatusOr<ledger::Checkpoint> Fetch() {
    return FetchLedger(*source_, poll_, folder_, [](std::string_view, uint64_t, uint64_t) {});
  }
  /// The folder's parent holds nothing but the folder: no leavings.
  std::vector<std::string> Beside() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(temporary_->path())) {
      names.push_back(entry.path().filename());
    }
    return names;
  }

  TestElection election_;
  std::unique_ptr<FakeServer> server_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<LedgerSource> source_;
  std::unique_ptr<TemporaryFolder> temporary_;
  std::string folder_;
  Hash32 poll_;
};

std::string Id(const absl::Status& status) { return base::RejectId(status); }
std::string Text(const absl::Status& status) { return std::string(status.message()); }

TEST_F(PollViewTest, FetchesWhatAVoterNeedsAndNoMore) {
  Vote();
  const auto view = UntilOpened();
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_EQ((*view)->state().context()->opening, election_.context().opening);
  EXPECT_EQ((*view)->state().ballot_records(), 0u);
  EXPECT_EQ((*view)->checkpoint().size, election_.records().size());
}

TEST_F(PollViewTest, FetchesAndChecksTheWholeLedger) {
  Vote();
  election_.RunAfterVoting();
  const auto view = All();
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_EQ((*view)->state().root(), election_.state().root());
  EXPECT_EQ((*view)->state().phase(), poll::Phase::kCertified);
  EXPECT_EQ((*view)->state().distinct_ballots(), election_.voter_count());
}

TEST_F(PollViewTest, LeavesNoTemporaryFolderBehind) {
  setenv("TMPDIR", temporary_->path().c_str(), 1);
  auto view = PollView::FetchAll(*source_, poll_, "");
  unsetenv("TMPDIR");
  ASSERT_TRUE(view.ok()) << view.status();
  // The state may read it again; it goes with the view.
  view->reset();
  EXPECT_THAT(Beside(), ::testing::IsEmpty());
}

TEST_F(PollViewTest, SaysThatAPollIsNotOpenYet) {
  server_->tamper = [](std::vector<std::string>& records) { records.pop_back(); };
  const auto view = UntilOpened();
  EXPECT_EQ(view.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Text(view.status()), HasSubstr("ready to open"));
}

TEST_F(PollViewTest, RefusesALedgerOfAnotherPoll) {
  TestElection other;
  other.RunUntilOpen();
  server_->tamper = [&](std::vector<std::string>& records) { records = other.records(); };
  server_->note = server_->SignedNote(other.records(), other.ballot_box());
  EXPECT_EQ(Id(UntilOpened().status()), "ledger.poll-id");
  EXPECT_EQ(Id(All().status()), "ledger.poll-id");
}

TEST_F(PollViewTest, RefusesAChangedRecordBeforeOpening) {
  const size_t roll = FirstOfKind(election_.records(), poll::RecordKind::kRollPart);
  for (const bool rechain : {false, true}) {
    server_->tamper = [&](std::vector<std::string>& records) {
      // The last byte is that of the last resident's style.
      FlipLastByte(records[roll]);
      if (rechain) records = TestElection::Rechain(records);
    };
    EXPECT_FALSE(UntilOpened().ok());
    EXPECT_FALSE(All().ok());
  }
}

TEST_F(PollViewTest, NamesTheRecordWithABadProof) {
  Vote();
  const size_t ballot = FirstOfKind(election_.records(), poll::RecordKind::kBallotCast) + 1;
  server_->tamper = [&](std::vector<std::string>& records) {
    ledger::Record record = ledger::DecodeRecord(records[ballot]).value();
    record.payload[record.payload.size() - 32] ^= 1;  // tau, still below q
    records[ballot] = ledger::EncodeRecord(record);
    records = TestElection::Rechain(records);
  };
  const auto view = All();
  EXPECT_EQ(Id(view.status()), "ballot.proof-invalid");
  EXPECT_THAT(Text(view.status()), HasSubstr(base::Cat("record ", ballot, " (ballot cast)")));
}

TEST_F(PollViewTest, RefusesAMissingRecord) {
  Vote();
  const size_t ballot = FirstOfKind(election_.records(), poll::RecordKind::kBallotCast);
  server_->tamper = [&](std::vector<std::string>& records) {
    records.erase(records.begin() + static_cast<ptrdiff_t>(ballot) + 1);
  };
  EXPECT_EQ(Id(Fetch().status()), "ledger.chain-broken");
  EXPECT_THAT(Text(Fetch().status()), HasSubstr(base::Cat("record ", ballot + 1)));
  server_->tamper = nullptr;
  server_->send_at_most = 3;
  EXPECT_EQ(Id(Fetch().status()), "ledger.incomplete");
  EXPECT_EQ(Id(UntilOpened().status()), "ledger.incomplete");
  EXPECT_THAT(Beside(), ::testing::IsEmpty());
}

TEST_F(PollViewTest, RefusesMoreRecordsThanTheCheckpointCovers) {
  const std::string note = server_->SignedNote(
      {election_.records().begin(), election_.records().end() - 1}, election_.ballot_box());
  server_->note = note;
  server_->send_one_more = true;
  EXPECT_EQ(Id(Fetch().status()), "ledger.incomplete");
}

TEST_F(PollViewTest, RefusesACheckpointOfAnotherKey) {
  server_->note = server_->SignedNote(election_.records(), crypto::Ed25519Key::New());
  EXPECT_EQ(Id(UntilOpened().status()), "note.unsigned");
  EXPECT_EQ(Id(Fetch().status()), "note.unsigned");
  // Officials have keys, but not this role.
  server_->note = server_->SignedNote(election_.records(), election_.official(0));
  EXPECT_EQ(Id(Fetch().status()), "note.unsigned");
}

TEST_F(PollViewTest, RefusesACheckpointOfAnotherRoot) {
  server_->note = ledger::SignCheckpoint(
      {election_.checkpoint_key().name, election_.records().size(), Hash32{1}},
      election_.ballot_box());
  EXPECT_EQ(Id(UntilOpened().status()), "ledger.root");
  EXPECT_EQ(Id(All().status()), "ledger.root");
  EXPECT_THAT(Beside(), ::testing::IsEmpty());
}

TEST_F(PollViewTest, FetchesOnlyWhatIsNew) {
  ASSERT_TRUE(Fetch().ok());
  const uint64_t before = election_.records().size();
  server_->TakeFirstAskedFor();
  Vote();
  const auto checkpoint = Fetch();
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  EXPECT_EQ(server_->TakeFirstAskedFor(), before);
  EXPECT_EQ(checkpoint->size, election_.records().size());
  const auto reader = ledger::ExportReader::Open(folder_);
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_TRUE((*reader)->file_faults().empty());
  EXPECT_EQ((*reader)->checkpoint(), *checkpoint);
  EXPECT_EQ((*reader)->ReadEntry(before).value(), election_.records()[before]);
  EXPECT_THAT(Beside(), ::testing::ElementsAre("ledger"));
}

/// What makes an older export no prefix of what the server shows.
class ForkTest : public PollViewTest {
 protected:
  void SetUp() override {
    PollViewTest::SetUp();
    Vote();
    ASSERT_TRUE(Fetch().ok());
    kept_ = FilesUnder(folder_);
  }
  void ExpectRefused(const std::string& id) {
    EXPECT_EQ(Id(Fetch().status()), id);
    EXPECT_EQ(FilesUnder(folder_), kept_);
    EXPECT_EQ(Id(All().status()), id);
  }
  /// Refused, and what proves the fork to anybody is beside the folder.
  void ExpectProven() {
    ExpectRefused("ledger.forked");
    const absl::Status status = Fetch().status();
    std::vector<std::string> beside = Beside();
    std::erase(beside, "ledger");
    ASSERT_EQ(beside.size(), 1u);
    const std::string file = temporary_->path() + "/" + beside[0];
    EXPECT_THAT(Text(status), HasSubstr(file));
    const auto evidence = ledger::ParseEvidence(base::ReadFile(file).value());
    ASSERT_TRUE(evidence.ok()) << evidence.status();
    const auto judgement = ledger::Judge(*evidence, election_.checkpoint_key());
    EXPECT_TRUE(judgement.proven) << judgement.text;
    EXPECT_THAT(Text(status), HasSubstr(judgement.text));
    const auto checkpoint = ledger::ExportReader::Open(folder_).value()->checkpoint();
    EXPECT_THAT(judgement.text, HasSubstr(base::Cat(" of ", checkpoint.size, " records")));
  }
  /// Refused, and nobody is accused.
  void ExpectUnproven(const std::string& id) {
    ExpectRefused(id);
    EXPECT_THAT(Beside(), ::testing::ElementsAre("ledger"));
  }
  /// Drops the first ballot from the records, with everything signed anew.
  static void DropABallot(std::vector<std::string>& records) {
    const size_t ballot = FirstOfKind(records, poll::RecordKind::kBallotCast);
    records.erase(records.begin() + static_cast<ptrdiff_t>(ballot));
    records = TestElection::Rechain(records);
  }

  std::map<std::string, std::string> kept_;
};

TEST_F(ForkTest, RefusesAnotherHistoryOfTheSameSize) {
  server_->tamper = [](std::vector<std::string>& records) {
    std::swap(records[records.size() - 1], records[records.size() - 2]);
    records = TestElection::Rechain(records);
  };
  ExpectProven();
}

TEST_F(ForkTest, RefusesALongerHistoryWithoutARecordThatWasShown) {
  election_.CountIssuance();
  election_.CountIssuance();
  server_->tamper = DropABallot;
  ExpectProven();
}

TEST_F(ForkTest, RefusesAShorterHistoryWithoutARecordThatWasShown) {
  server_->tamper = DropABallot;
  ExpectProven();
}

TEST_F(ForkTest, WhoeverHidesRecordsAccusesNobody) {
  // What the ballot box signed, and not its records: a copy that somebody keeps can do that.
  election_.CountIssuance();
  server_->note = server_->SignedNote(election_.records(), election_.ballot_box());
  server_->tamper = [](std::vector<std::string>& records) {
    std::swap(records[records.size() - 1], records[records.size() - 2]);
    records = TestElection::Rechain(records);
  };
  ExpectUnproven("ledger.chain-broken");
}

TEST_F(ForkTest, RefusesANewRootOverTheOldChain) {
  // The chain goes on from what was shown, but the signed tree has another past, which is not
  // shown.
  election_.CountIssuance();
  std::vector<std::string> other = election_.records();
  DropABallot(other);
  other.push_back(other.back());
  server_->note = server_->SignedNote(other, election_.ballot_box());
  ExpectUnproven("ledger.root");
}

TEST_F(ForkTest, RefusesAShorterLedger) {
  server_->tamper = [](std::vector<std::string>& records) { records.pop_back(); };
  ExpectUnproven("ledger.forked");
  // One old checkpoint shown again is no second history.
  EXPECT_THAT(Text(Fetch().status()), HasSubstr("shorter"));
}

TEST_F(ForkTest, ABadSignatureIsNoProofOfAFork) {
  server_->tamper = DropABallot;
  std::vector<std::string> other = election_.records();
  DropABallot(other);
  server_->note = server_->SignedNote(other, crypto::Ed25519Key::New());
  EXPECT_EQ(Id(Fetch().status()), "note.unsigned");
  EXPECT_EQ(FilesUnder(folder_), kept_);
}

TEST_F(ForkTest, RefusesToBuildOnADamagedExport) {
  const std::string bundle = FilesUnder(folder_ + "/tile/entries").begin()->first;
  std::string content = base::ReadFile(bundle).value();
  FlipLastByte(content);
  ASSERT_TRUE(base::WriteFileAtomic(bundle, content).ok());
  kept_ = FilesUnder(folder_);
  const auto fetched = Fetch();
  EXPECT_EQ(Id(fetched.status()), "ledger.root");
  EXPECT_THAT(Text(fetched.status()), HasSubstr(folder_));
  EXPECT_EQ(FilesUnder(folder_), kept_);
}

TEST_F(PollViewTest, LeavesAFolderWithOtherThingsAlone) {
  ASSERT_TRUE(base::MakeFolders(folder_).ok());
  ASSERT_TRUE(base::WriteFileAtomic(folder_ + "/thesis.txt", "three years of work").ok());
  EXPECT_EQ(Fetch().status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(base::ReadFile(folder_ + "/thesis.txt").value(), "three years of work");
}

TEST_F(PollViewTest, TwoConnectionsDoNotShareASocket) {
  const auto second = server_->Connect();
  for (Connection* connection : {connection_.get(), second.get()}) {
    EXPECT_TRUE(PollView::FetchDefinition(*OverGrpc(*connection, poll_), poll_).ok());
  }
  EXPECT_EQ(server_->peers().size(), 2u);
}

TEST_F(PollViewTest, ARejectionKeepsItsIdOnTheWay) {
  v1::SubmitRequest request;
  request.set_kind(static_cast<uint32_t>(poll::RecordKind::kTrusteeJoined));
  request.set_payload("too short");
  const auto response = Call(connection_->trustees(), &v1::Trustees::Stub::Submit, request);
  EXPECT_EQ(Id(response.status()), "record.malformed");
}

TEST(ConnectionTest, RefusesPlaintextToAnotherMachine) {
  for (const char* target : {"10.0.0.1:80", "vote.example:7800", "[2001:db8::1]:1"}) {
    EXPECT_EQ(Connection::Open({target, "", true}).status().code(),
              absl::StatusCode::kInvalidArgument)
        << target;
  }
  EXPECT_TRUE(Connection::Open({"[::1]:7800", "", true}).ok());
}

TEST(ConnectionTest, RefusesWhatIsNoHostAndPort) {
  for (const char* target :
       {"", "localhost", "localhost:", ":80", "localhost:0", "localhost:65536", "localhost:+80",
        "unix:/tmp/s:80", "dns:///localhost:80", "ipv4:127.0.0.1:80", "a,b:80", "::1:80"}) {
    EXPECT_EQ(Connection::Open({target, "", false}).status().code(),
              absl::StatusCode::kInvalidArgument)
        << target;
  }
}

TEST(ConnectionTest, NamesAServerThatIsNotThere) {
  const auto connection = Connection::Open({"127.0.0.1:1", "", true}).value();
  const absl::Status status =
      PollView::FetchDefinition(*OverGrpc(*connection, Hash32{}), Hash32{}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(Text(status), HasSubstr("cannot reach 127.0.0.1:1: "));
}

TEST(ParsePollIdTest, SaysWhatIsWrong) {
  EXPECT_TRUE(ParsePollId(std::string(64, 'a')).ok());
  EXPECT_THAT(Text(ParsePollId("abc").status()), HasSubstr("has 3 characters"));
  EXPECT_THAT(Text(ParsePollId(std::string(63, 'a') + "g").status()),
              HasSubstr("character 64 is none"));
}

TEST(OnThreadsTest, DoesEachPieceOfWorkOnce) {
  for (const unsigned threads : {0u, 1u, 3u, 16u}) {
    std::vector<std::atomic<int>> done(101);
    OnThreads(threads)(done.size(), [&](size_t i) { ++done[i]; });
    for (const auto& count : done) EXPECT_EQ(count, 1);
  }
}

// What is mixed is read from the ledger again: from the folder, be it a temporary one, and from
// what came since.
TEST(MixedPollView, ReadsEarlierRecordsAgainAlsoAfterAdvancing) {
  constexpr uint32_t kMixed = 1;
  TestElection e(testing::WithMixedContest());
  e.RunUntilOpen();
  e.now += 3600;
  e.Vote();
  e.End();
  e.CountIssuance();
  e.Close();
  e.PublishRegisters();
  FakeSource source;
  const auto show = [&] {
    source.ShowFirst(e.records(), e.records().size(), e.checkpoint_key().name, e.ballot_box());
  };
  const auto same = [&](const PollView& view) {
    const auto vectors = view.state().MixVectors(kMixed);
    return vectors.ok() && vectors->points == e.state().MixVectors(kMixed)->points;
  };
  const auto temporary = TemporaryFolder::Create().value();
  uint32_t mixer = 1;
  for (const std::string& folder : {std::string(), temporary->path() + "/ledger"}) {
    show();
    const auto view = PollView::FetchAll(source, e.state().poll(), folder);
    ASSERT_TRUE(view.ok()) << view.status();
    EXPECT_TRUE(same(**view));
    e.Mix(mixer++, kMixed);
    EXPECT_FALSE(same(**view));
    // A line that breaks leaves the view as it was.
    show();
    const size_t size = e.records().size();
    source.before_record = [size](uint64_t index) {
      return index + 1 < size ? absl::OkStatus() : absl::UnavailableError("the line broke");
    };
    EXPECT_FALSE((*view)->Advance(source).ok());
    source.before_record = [](uint64_t) { return absl::OkStatus(); };
    ASSERT_TRUE((*view)->Advance(source).ok());
    EXPECT_TRUE(same(**view));
  }
}

TEST_F(PollViewTest, OpensAFolderThatSomebodyMadeAndJudgesItAll) {
  Vote();
  election_.RunAfterVoting();
  const auto nothing = [](std::string_view, uint64_t, uint64_t) {};
  election_.WriteExport(folder_);
  const auto view = PollView::Open(folder_, poll_, nothing);
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_EQ((*view)->state().phase(), poll::Phase::kCertified);
  EXPECT_EQ(Id(PollView::Open(folder_, Hash32{}, nothing).status()), "ledger.poll-id");
  const ledger::Checkpoint checkpoint = (*view)->checkpoint();
  ASSERT_TRUE(base::WriteFileAtomic(folder_ + "/checkpoint",
                                    ledger::SignCheckpoint(checkpoint, election_.official(0)))
                  .ok());
  EXPECT_EQ(Id(PollView::Open(folder_, poll_, nothing).status()), "note.unsigned");
  // A false ballot in an export that is otherwise in order.
  std::vector<std::string> records = election_.records();
  FlipLastByte(records[FirstOfKind(records, poll::RecordKind::kBallotCast)]);
  election_.WriteExport(temporary_->path() + "/false", TestElection::Rechain(records));
  EXPECT_FALSE(PollView::Open(temporary_->path() + "/false", poll_, nothing).ok());
}

}  // namespace
}  // namespace urna::client
