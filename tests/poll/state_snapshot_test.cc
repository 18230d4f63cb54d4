// A state that was written down and read back is the state: it goes on the same way and judges the
// same way, wherever in its course a poll is.

#include "poll/state_snapshot.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/text.h"
#include "ledger/record.h"
#include "poll/replay.h"
#include "tests/support/election.h"

namespace urna::testing {
namespace {

using poll::Phase;
using poll::RecordKind;
using poll::State;
using poll::StateSnapshot;

/// A ledger that is being read.
class Ledger {
 public:
  explicit Ledger(const std::vector<std::string>& records) : records_(records) {
    for (size_t i = 0; i < records.size(); ++i) {
      const auto note = poll::NoteBallot(i, *ledger::ViewRecord(records[i]));
      if (note.has_value()) notes_ += poll::EncodeBallotNote(*note);
    }
  }
  State::ReadRecord Reader() const {
    return [this](uint64_t index) -> absl::StatusOr<std::string> {
      if (index < records_.size()) return records_[index];
      return absl::NotFoundError(base::Cat("record ", index));
    };
  }
  absl::Status Apply(State& state, size_t index) const {
    const ledger::Record record = *ledger::DecodeRecord(records_[index]);
    const auto checked = poll::DecodeStored(state.definition().get(), state.context().get(),
                                            {record.kind, record.payload});
    if (!checked.ok()) return checked.status();
    return state.Apply(*checked, record.time, ledger::LeafHash(records_[index]));
  }
  absl::StatusOr<State> Decode(std::string_view bytes) const {
    return StateSnapshot::Decode(bytes, notes_, Reader());
  }
  size_t size() const { return records_.size(); }
  std::string& notes() { return notes_; }

 private:
  const std::vector<std::string> records_;
  std::string notes_;
};

/// Folds the ledger; at each record on which the definition is known, a snapshot must give a state
/// that has the same bytes, the same verdict on every record of the ledger, and the same end.
void ExpectSnapshotsGoOn(const TestElection& election) {
  const Ledger ledger(election.records());
  State state(ledger.Reader());
  std::vector<State> restored;
  for (size_t i = 0; i < ledger.size(); ++i) {
    SCOPED_TRACE(base::Cat("record ", i));
    for (State& other : restored) ASSERT_TRUE(ledger.Apply(other, i).ok());
    ASSERT_TRUE(ledger.Apply(state, i).ok());
    if (state.definition() == nullptr) continue;
    const std::string bytes = StateSnapshot::Encode(state);
    auto decoded = ledger.Decode(bytes);
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(StateSnapshot::Encode(*decoded), bytes);
    EXPECT_EQ(decoded->root(), state.root());
    EXPECT_EQ(decoded->definition_json(), state.definition_json());
    EXPECT_EQ(decoded->distinct_ballots(), state.distinct_ballots());
    for (size_t j = 0; j < ledger.size(); ++j) {
      State one = state;
      State other = *decoded;
      EXPECT_EQ(ledger.Apply(one, j).ToString(), ledger.Apply(other, j).ToString()) << j;
      EXPECT_EQ(StateSnapshot::Encode(one), StateSnapshot::Encode(other)) << j;
    }
    restored.push_back(*std::move(decoded));
  }
  ASSERT_FALSE(restored.empty());
  const std::string end = StateSnapshot::Encode(state);
  const auto result = state.ComputeResult();
  for (const State& other : restored) {
    EXPECT_EQ(StateSnapshot::Encode(other), end);
    const auto same = other.ComputeResult();
    ASSERT_EQ(same.ok(), result.ok());
    if (result.ok()) {
      EXPECT_EQ(poll::EncodeCertificate(*same), poll::EncodeCertificate(*result));
    }
  }
}

ElectionOptions ManyParties() {
  ElectionOptions options;
  options.issuers = 2;
  options.voters = 4;
  return options;
}

/// With everything that can happen to a poll but its failure.
void RunEventfully(TestElection& e) {
  e.RunUntilOpen();
  e.now += 3600;
  e.Vote();
  e.CountIssuance();
  e.Pause();
  const crypto::CredentialKey first = crypto::CredentialKey::New();
  const crypto::CredentialKey second = crypto::CredentialKey::New();
  e.ReplaceCredential(e.voter(2).credential.V, first.V);
  e.ReplaceCredential(first.V, second.V);
  e.Extend(e.state().end() + 3600);
  e.AcceptLoss(2);
  e.Resume();
  e.Cast(1, TestElection::VotesFor(e.context().styles[1].shape, 1));
  e.End();
  e.CountIssuance();
  e.Close();
  e.PublishRegisters();
  e.Append(poll::Lot{.outcome = "heads", .approvals = {}});
  e.DecryptAll();
}

TEST(StateSnapshot, GoesOnFromEveryRecordOfAPollAsIfItHadNeverStopped) {
  TestElection e(ManyParties());
  RunEventfully(e);
  e.Certify();
  ASSERT_TRUE(e.faults().empty()) << e.faults()[0].first << ": " << e.faults()[0].second;
  ASSERT_EQ(e.state().phase(), Phase::kCertified);
  ExpectSnapshotsGoOn(e);
}

TEST(StateSnapshot, GoesOnFromEveryPartOfAMix) {
  ElectionOptions options;
  options.voters = 3;
  options.styles = 1;
  options.style_contests = {{"m"}};
  options.contests_json = R"([{"id":"m","title":{"en":"Mixed","pl":"Mix"},
    "question":{"en":"Which?","pl":"Które?"},
    "options":[{"id":"a","text":{"en":"A","pl":"A"}},{"id":"b","text":{"en":"B","pl":"B"}}],
    "ballot":{"rule":"picks","min":0,"max":2,"marks":"ranked"},"tally":"mixed",
    "decision":{"rule":"none"}}])";
  TestElection e(options);
  e.RunAll();
  ASSERT_TRUE(e.faults().empty()) << e.faults()[0].first << ": " << e.faults()[0].second;
  ASSERT_EQ(e.state().phase(), Phase::kCertified);
  ExpectSnapshotsGoOn(e);
}

TEST(StateSnapshot, GoesOnWherePaperIsCountedAndARegisterIsMissing) {
  TestElection e(ManyParties());
  e.RunUntilOpen();
  e.now += 3600;
  e.Cast(0, TestElection::VotesFor(e.context().styles[0].shape, 1));
  e.End();
  e.CountIssuance();
  e.Close();
  e.Append(poll::RegisterMissing{.issuer = 1, .reason = "burnt", .approvals = {}});
  e.Append(poll::PaperCounted{.style = 1, .cards = 2, .votes = {{1, 0}, {0, 1}}, .approvals = {}});
  ASSERT_TRUE(e.faults().empty()) << e.faults()[0].first << ": " << e.faults()[0].second;
  ExpectSnapshotsGoOn(e);
}

TEST(StateSnapshot, GoesOnAfterACeremonyThatFailed) {
  TestElection e;
  e.Define();
  e.SealRoll();
  e.JoinIssuers();
  const crypto::SealKey complainer = crypto::SealKey::New();
  e.tamper = [&](poll::Payload& payload) {
    if (auto* p = std::get_if<poll::TrusteeJoined>(&payload); p && p->trustee == 2) {
      p->seal_key = complainer.public_key;
    }
    if (auto* p = std::get_if<poll::Dealt>(&payload); p && p->trustee == 3) {
      p->sealed[1] = p->sealed[0];
    }
  };
  e.JoinTrustees();
  e.Deal();
  poll::Complained complaint;
  complaint.trustee = 2;
  complaint.dealer = 3;
  complaint.seal_secret = complainer.secret.Expose();
  e.Append(complaint);
  e.Cancel();
  ASSERT_TRUE(e.faults().empty()) << e.faults()[0].first << ": " << e.faults()[0].second;
  ExpectSnapshotsGoOn(e);
}

class StateSnapshotDamage : public ::testing::Test {
 protected:
  StateSnapshotDamage() {
    RunEventfully(election_);
    ledger_ = std::make_unique<Ledger>(election_.records());
    bytes_ = StateSnapshot::Encode(election_.state());
  }
  TestElection election_{ManyParties()};
  std::unique_ptr<Ledger> ledger_;
  std::string bytes_;
};

TEST_F(StateSnapshotDamage, RefusesBeginningsAndAnythingAfterTheEnd) {
  ASSERT_TRUE(ledger_->Decode(bytes_).ok());
  for (size_t size = 0; size < bytes_.size(); size += 5) {
    EXPECT_FALSE(ledger_->Decode(std::string_view(bytes_).substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(ledger_->Decode(bytes_ + '\0').ok());
}

TEST_F(StateSnapshotDamage, RefusesTheSnapshotOfAnotherLedger) {
  TestElection other(ManyParties());
  RunEventfully(other);
  const auto decoded = Ledger(other.records()).Decode(bytes_);
  EXPECT_EQ(base::RejectId(decoded.status()), "snapshot.other-ledger") << decoded.status();
}

TEST_F(StateSnapshotDamage, RefusesARollThatIsNotTheOneItWasMadeWith) {
  std::vector<std::string> records = election_.records();
  size_t changed = 0;
  for (std::string& record : records) {
    if (static_cast<uint8_t>(record[1]) != static_cast<uint8_t>(RecordKind::kRollPart)) continue;
    record.back() = static_cast<char>(record.back() ^ 1);
    ++changed;
  }
  ASSERT_GT(changed, 0u);
  const auto decoded = Ledger(records).Decode(bytes_);
  EXPECT_EQ(base::RejectId(decoded.status()), "snapshot.other-ledger") << decoded.status();
}

TEST_F(StateSnapshotDamage, RefusesNotesOfFewerOrOtherBallots) {
  std::string& notes = ledger_->notes();
  const std::string whole = notes;
  notes.resize(notes.size() - poll::kBallotNoteBytes);
  EXPECT_EQ(base::RejectId(ledger_->Decode(bytes_).status()), "snapshot.malformed");
  // The ballot of a voter who voted once under the key of another voter.
  notes = whole;
  notes.replace(notes.size() - poll::kBallotNoteBytes + 8, 32, std::string(32, '\x01'));
  EXPECT_EQ(base::RejectId(ledger_->Decode(bytes_).status()), "snapshot.malformed");
}

}  // namespace
}  // namespace urna::testing
