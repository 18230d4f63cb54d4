#include "poll/state.h"

#include <gtest/gtest.h>

#include <deque>
#include <span>

#include "base/status.h"
#include "base/text.h"
#include "ledger/record.h"
#include "poll/replay.h"
#include "tests/support/election.h"

namespace urna::testing {
namespace {

using poll::Phase;

constexpr uint64_t kHour = 3600;
using Votes = std::vector<std::vector<uint32_t>>;

void ExpectNoFaults(const TestElection& e) {
  for (const auto& [index, status] : e.faults()) {
    ADD_FAILURE() << "record " << index << ": " << status;
  }
}

TEST(State, RunsAPollFromDefinitionToCertificate) {
  TestElection e;
  e.RunAll();
  ExpectNoFaults(e);
  EXPECT_EQ(e.state().phase(), Phase::kCertified);
  const auto result = e.state().ComputeResult();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->entitled, 6u);
  EXPECT_EQ(result->ballots, 6u);
  EXPECT_TRUE(result->registers_complete);
  // Voters 0..5 end with option 0, option 1, blank, option 0, option 1, blank.
  ASSERT_EQ(result->contests.size(), 2u);
  for (const auto& contest : result->contests) {
    EXPECT_EQ(contest.online, (std::vector<uint64_t>{2, 2}));
    EXPECT_EQ(contest.outcome.valid, 4u);
    EXPECT_EQ(contest.outcome.invalid, 2u);
    EXPECT_TRUE(contest.outcome.quorum_met);
    EXPECT_EQ(contest.outcome.verdict, poll::counting::Verdict::kUndecided);
  }
}

TEST(State, CountsOnlyTheLastBallotOfEachVoter) {
  TestElection e;
  e.RunUntilOpen();
  e.now += kHour;
  for (size_t i = 0; i < 3; ++i) e.Cast(i, {{1, 0}, {1, 0}});
  for (int again = 0; again < 5; ++again) e.Cast(0, {{0, 1}, {0, 0}});
  e.RunAfterVoting();
  ExpectNoFaults(e);
  const auto result = e.state().ComputeResult();
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(e.state().ballot_records(), 8u);
  EXPECT_EQ(result->ballots, 3u);
  EXPECT_EQ(result->contests[0].online, (std::vector<uint64_t>{2, 1}));
  EXPECT_EQ(result->contests[1].online, (std::vector<uint64_t>{2, 0}));
}

TEST(State, SumsEveryKindOfHomomorphicRule) {
  ElectionOptions options;
  options.contests_json = R"([
   {"id":"choose","title":{"en":"a","pl":"a"},"question":{"en":"a","pl":"a"},
    "options":[{"id":"a","text":{"en":"a","pl":"a"}},{"id":"b","text":{"en":"b","pl":"b"}},
               {"id":"c","text":{"en":"c","pl":"c"}}],
    "ballot":{"rule":"choose","min":0,"max":2},"tally":"homomorphic","decision":{"rule":"none"}},
   {"id":"score","title":{"en":"a","pl":"a"},"question":{"en":"a","pl":"a"},
    "options":[{"id":"a","text":{"en":"a","pl":"a"}},{"id":"b","text":{"en":"b","pl":"b"}}],
    "ballot":{"rule":"score","max":5},"tally":"homomorphic","decision":{"rule":"none"}},
   {"id":"points","title":{"en":"a","pl":"a"},"question":{"en":"a","pl":"a"},
    "options":[{"id":"a","text":{"en":"a","pl":"a"}},{"id":"b","text":{"en":"b","pl":"b"}},
               {"id":"c","text":{"en":"c","pl":"c"}},{"id":"d","text":{"en":"d","pl":"d"}}],
    "ballot":{"rule":"points","k":3},"tally":"homomorphic","decision":{"rule":"none"}}])";
  options.style_contests = {{"choose", "score", "points"}, {"score"}};
  TestElection e(options);
  e.RunUntilOpen();
  e.now += kHour;
  e.Cast(0, {{1, 0, 1}, {5, 2}, {3, 2, 1, 0}});
  e.Cast(1, {{4, 4}});
  e.Cast(2, {{0, 1, 1}, {0, 0}, {0, 1, 2, 3}});
  e.RunAfterVoting();
  ExpectNoFaults(e);
  const auto result = e.state().ComputeResult();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->contests[0].ballots, 2u);
  EXPECT_EQ(result->contests[0].entitled, 3u);
  EXPECT_EQ(result->contests[0].online, (std::vector<uint64_t>{1, 1, 2}));
  EXPECT_EQ(result->contests[1].ballots, 3u);
  EXPECT_EQ(result->contests[1].online, (std::vector<uint64_t>{9, 6}));
  EXPECT_EQ(result->contests[2].online, (std::vector<uint64_t>{3, 3, 3, 3}));
}

TEST(State, WorksForOtherNumbersOfTrusteesAndIssuers) {
  for (const auto& [n, t, m] :
       std::vector<std::array<uint32_t, 3>>{{1, 1, 1}, {5, 3, 2}, {4, 4, 3}}) {
    ElectionOptions options;
    options.trustees = n;
    options.trustees_needed = t;
    options.issuers = m;
    TestElection e(options);
    e.RunAll();
    ExpectNoFaults(e);
    EXPECT_EQ(e.state().phase(), Phase::kCertified);
  }
}

TEST(State, WithholdsAContestWithTooFewBallotsAndDecryptsNothingOfIt) {
  TestElection e;
  e.RunUntilOpen();
  e.now += kHour;
  e.Cast(0, {{1, 0}, {1, 0}});
  e.RunAfterVoting();
  ExpectNoFaults(e);
  const auto result = e.state().ComputeResult();
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(result->contests[0].withheld);
  EXPECT_EQ(e.state().ShareCount(0), 0u);
}

TEST(State, CertifiesZeroWithoutDecryptionWhenNobodyVoted) {
  TestElection e;
  e.RunUntilOpen();
  e.RunAfterVoting();
  ExpectNoFaults(e);
  const auto result = e.state().ComputeResult();
  ASSERT_TRUE(result.ok());
  EXPECT_FALSE(result->contests[0].withheld);
  EXPECT_EQ(result->contests[0].online, (std::vector<uint64_t>{0, 0}));
  EXPECT_EQ(result->contests[0].outcome.verdict, poll::counting::Verdict::kInvalid);
}

TEST(State, AddsPaperToTheRestAndShowsItApart) {
  TestElection e;
  e.RunUntilOpen();
  e.now += kHour;
  e.Cast(0, {{1, 0}, {1, 0}});
  e.Cast(1, {{1, 0}, {0, 1}});
  e.End();
  e.CountIssuance();
  e.Close();
  e.PublishRegisters();
  e.Append(poll::PaperCounted{.style = 0, .cards = 2, .votes = {{0, 2}, {1, 0}}, .approvals = {}});
  e.DecryptAll();
  e.Certify();
  ExpectNoFaults(e);
  const auto result = e.state().ComputeResult();
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->paper_cards, 2u);
  EXPECT_EQ(result->contests[0].online, (std::vector<uint64_t>{2, 0}));
  EXPECT_EQ(result->contests[0].paper, (std::vector<uint64_t>{0, 2}));
  EXPECT_EQ(result->contests[0].outcome.valid, 4u);
  EXPECT_EQ(result->contests[1].outcome.invalid, 1u);
}

TEST(State, RefusesMorePaperThanResidentsWhoDidNotVoteOnline) {
  TestElection e;
  e.RunUntilOpen();
  e.now += kHour;
  e.Cast(0, {{1, 0}, {1, 0}});
  e.End();
  e.CountIssuance();
  e.Close();
  e.Append(poll::PaperCounted{.style = 0, .cards = 3, .votes = {{0, 2}, {1, 0}}, .approvals = {}});
  ASSERT_EQ(e.faults().size(), 1u);
  EXPECT_EQ(base::RejectId(e.faults()[0].second), "paper.exceeds-roll");
}

TEST(State, RefusesMorePaperVotesThanCardsCanCarry) {
  TestElection e;
  e.RunUntilOpen();
  e.End();
  e.CountIssuance();
  e.Close();
  e.Append(poll::PaperCounted{.style = 0, .cards = 2, .votes = {{2, 1}, {1, 0}}, .approvals = {}});
  ASSERT_EQ(e.faults().size(), 1u);
  EXPECT_EQ(base::RejectId(e.faults()[0].second), "paper.exceeds-cards");
}

TEST(State, RefusesATrusteeWhoseCeremonyKeyCannotReceiveShares) {
  TestElection e;
  e.Define();
  e.SealRoll();
  e.JoinIssuers();
  e.tamper = [](poll::Payload& payload) {
    // A point of small order: everyone could open what is sealed to it.
    if (auto* p = std::get_if<poll::TrusteeJoined>(&payload)) p->seal_key = {};
  };
  e.JoinTrustees();
  ASSERT_EQ(e.faults().size(), 3u);
  EXPECT_EQ(e.state().phase(), Phase::kJoining);
}

TEST(State, PausesResumesAndExtends) {
  TestElection e;
  e.RunUntilOpen();
  e.now += kHour;
  const uint64_t end = e.state().end();
  e.Pause();
  EXPECT_EQ(e.state().phase(), Phase::kPaused);
  e.Extend(end + kHour);
  e.Resume();
  EXPECT_EQ(e.state().phase(), Phase::kOpen);
  EXPECT_EQ(e.state().end(), end + kHour);
  e.now = end + kHour / 2;
  e.Vote();
  e.RunAfterVoting();
  ExpectNoFaults(e);
  EXPECT_EQ(e.state().phase(), Phase::kCertified);
}

TEST(State, AReplacedCredentialGetsNoTokenAndItsSuccessorVotes) {
  TestElection e;
  e.RunUntilOpen();
  e.now += kHour;
  const auto successor = crypto::CredentialKey::New();
  const Point old_credential = e.voter(0).credential.V;
  ASSERT_EQ(e.state().StyleOf(old_credential), 0);
  e.ReplaceCredential(old_credential, successor.V);
  EXPECT_EQ(e.state().StyleOf(old_credential), std::nullopt);
  EXPECT_EQ(e.state().StyleOf(successor.V), 0);
  EXPECT_EQ(e.state().ReplacedBy(successor.V), old_credential);
  e.voter(0).credential = crypto::CredentialKey::FromSecret(successor.k.Clone());
  e.Vote();
  e.RunAfterVoting();
  ExpectNoFaults(e);
  EXPECT_EQ(e.state().phase(), Phase::kCertified);
}

TEST(State, NamesTheDealerWhoSentAWrongShare) {
  TestElection e;
  e.Define();
  e.SealRoll();
  e.JoinIssuers();
  crypto::SealKey complainer = crypto::SealKey::New();
  e.tamper = [&](poll::Payload& payload) {
    if (auto* p = std::get_if<poll::TrusteeJoined>(&payload); p && p->trustee == 2) {
      p->seal_key = complainer.public_key;
    }
    // Trustee 3 seals to trustee 2 what it meant for somebody else.
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
  ExpectNoFaults(e);
  EXPECT_EQ(e.state().phase(), Phase::kFailed);
  EXPECT_NE(e.state().reason().find("at fault is trustee 3"), std::string::npos)
      << e.state().reason();
  e.Cancel();
  EXPECT_EQ(e.state().phase(), Phase::kCancelled);
}

TEST(State, NamesTheTrusteeWhoComplainsFalsely) {
  // Give trustee 2 a ceremony key that the test knows, so that the dealers' shares for it are good.
  TestElection e;
  crypto::SealKey complainer = crypto::SealKey::New();
  e.Define();
  e.SealRoll();
  e.JoinIssuers();
  const uint32_t keys = e.state().definition()->keys();
  const uint32_t t = e.state().definition()->trustees_needed;
  std::vector<crypto::Dealer> dealers;
  std::vector<crypto::Deal> deals;
  std::vector<crypto::SealKey> seal_keys;
  for (uint32_t j = 1; j <= 3; ++j) {
    dealers.push_back(crypto::Dealer::New(keys, t));
    deals.push_back(dealers.back().MakeDeal(e.state().poll(), j));
    seal_keys.push_back(crypto::SealKey::New());
    poll::TrusteeJoined joined;
    joined.trustee = static_cast<uint8_t>(j);
    joined.seal_key = seal_keys.back().public_key;
    joined.deal_commitment = crypto::DealCommitment(e.state().poll(), j, t, deals.back());
    e.Append(joined);
  }
  for (uint32_t j = 1; j <= 3; ++j) {
    poll::Dealt dealt;
    dealt.trustee = static_cast<uint8_t>(j);
    dealt.deal = deals[j - 1];
    for (uint32_t i = 1; i <= 3; ++i) {
      dealt.sealed.push_back(dealers[j - 1].SealShares(i, seal_keys[i - 1].public_key));
    }
    e.Append(dealt);
  }
  poll::Complained complaint;
  complaint.trustee = 2;
  complaint.dealer = 3;
  complaint.seal_secret = seal_keys[1].secret.Expose();
  e.Append(complaint);
  ExpectNoFaults(e);
  EXPECT_EQ(e.state().phase(), Phase::kFailed);
  EXPECT_NE(e.state().reason().find("at fault is trustee 2"), std::string::npos)
      << e.state().reason();
}

TEST(State, AMissingRegisterIsSaidSoInTheCertificate) {
  TestElection e;
  e.RunUntilOpen();
  e.now += kHour;
  e.Vote();
  e.End();
  e.CountIssuance();
  e.Close();
  e.Append(poll::RegisterMissing{.issuer = 0, .reason = "its disk burnt", .approvals = {}});
  e.DecryptAll();
  e.Certify();
  ExpectNoFaults(e);
  const auto result = e.state().ComputeResult();
  ASSERT_TRUE(result.ok());
  EXPECT_FALSE(result->registers_complete);
}

TEST(State, GoesOnAfterLossesThatWereAccepted) {
  TestElection e;
  e.RunUntilOpen();
  e.now += kHour;
  e.Vote();
  const uint64_t left = e.state().size();
  const ledger::Checkpoint lost{e.checkpoint_key().name, left + 3, {7}};
  EXPECT_FALSE(e.state().IsLost(lost));
  e.AcceptLoss(3);
  EXPECT_TRUE(e.state().IsLost(lost));
  EXPECT_FALSE(e.state().IsLost({lost.origin, lost.size, {8}}));
  e.Cast(0, {{1, 0}, {1, 0}});
  e.Pause();
  e.AcceptLoss(8);
  e.Resume();
  e.RunAfterVoting();
  ExpectNoFaults(e);
  EXPECT_EQ(e.state().phase(), Phase::kCertified);
  const auto& losses = e.state().course().losses;
  ASSERT_EQ(losses.size(), 2u);
  EXPECT_EQ(losses[0].record, left);
  EXPECT_EQ(losses[0].count(), 3u);
  EXPECT_EQ(losses[1].count(), 8u);
  EXPECT_EQ(losses[1].reason, "the disk broke");
}

TEST(State, APollThatLostRecordsBeforeItsOpeningCanOnlyBeCancelled) {
  TestElection e;
  e.Define();
  e.AcceptLoss(1);
  ExpectNoFaults(e);
  e.Cancel();
  ExpectNoFaults(e);
  EXPECT_EQ(e.state().phase(), Phase::kCancelled);
}

TEST(State, LeavesEverythingAsItWasWhenARecordIsRefused) {
  TestElection e;
  e.RunUntilOpen();
  e.now += kHour;
  e.Vote();
  const auto sum = e.state().Aggregate(0);
  const uint64_t size = e.state().size();
  --e.voter(0).revision;
  e.Cast(0, {{1, 0}, {1, 0}});
  ASSERT_EQ(e.faults().size(), 1u);
  EXPECT_EQ(e.state().Aggregate(0).R, sum.R);
  EXPECT_EQ(e.state().Aggregate(0).C, sum.C);
  EXPECT_EQ(e.state().size(), size + 1);  // the faulty record stays in the tree
}

TEST(Replay, ReachesTheSameStateWhateverThePieces) {
  TestElection e;
  e.RunAll();
  for (const size_t piece : {size_t{1}, size_t{3}, size_t{1000}}) {
    std::vector<absl::Status> faults;
    poll::Replay replay(
        poll::Replay::Trust::kNothing,
        [&](uint64_t i) -> absl::StatusOr<std::string> { return e.records().at(i); },
        [&](uint64_t, uint8_t, const absl::Status& s) { faults.push_back(s); }, poll::Sequentially);
    for (size_t i = 0; i < e.records().size(); i += piece) {
      const size_t last = std::min(i + piece, e.records().size());
      replay.Append({e.records().begin() + static_cast<ptrdiff_t>(i),
                     e.records().begin() + static_cast<ptrdiff_t>(last)});
    }
    EXPECT_TRUE(faults.empty()) << faults[0];
    EXPECT_EQ(replay.state().root(), e.state().root());
    EXPECT_EQ(replay.state().phase(), Phase::kCertified);
  }
}

TEST(Replay, AppliesRunsThatWereCheckedLongBefore) {
  TestElection e;
  e.RunAll();
  using Trust = poll::Replay::Trust;
  uint64_t accepted = 0;
  poll::Replay replay(
      Trust::kNothing, [&](uint64_t i) -> absl::StatusOr<std::string> { return e.records().at(i); },
      [&](uint64_t i, uint8_t, const absl::Status& s) { ADD_FAILURE() << i << ": " << s; },
      poll::Sequentially);
  const auto on_accepted = [&](uint64_t index, const poll::CheckedPayload& payload) {
    EXPECT_EQ(index, accepted++);
    EXPECT_EQ(static_cast<char>(payload.kind()), e.records()[index][1]);
  };
  std::deque<poll::Replay::Run> runs;
  for (std::span<const std::string> left = e.records(); !left.empty();) {
    const size_t size = std::min<size_t>(5, left.size());
    runs.emplace_back(Trust::kNothing, left.first(size)).Check(replay.basis());
    left = left.subspan(size);
  }
  size_t again = 0;
  for (poll::Replay::Run& run : runs) {
    while (!replay.Apply(run, on_accepted)) {
      run.Check(replay.basis());
      ++again;
    }
  }
  EXPECT_GE(again, 2u);  // after the definition and after the opening
  EXPECT_EQ(accepted, e.records().size());
  EXPECT_EQ(replay.state().root(), e.state().root());
}

TEST(Replay, TakesNoRunThatWasCheckedUnderAnotherTrust) {
  TestElection e;
  e.Define();
  poll::Replay replay(
      poll::Replay::Trust::kNothing,
      [](uint64_t) -> absl::StatusOr<std::string> { return absl::InternalError("none"); },
      [](uint64_t, uint8_t, const absl::Status&) {}, poll::Sequentially);
  for (const auto trust : {poll::Replay::Trust::kOwnStore, poll::Replay::Trust::kClaim}) {
    poll::Replay::Run run(trust, e.records());
    run.Check(replay.basis());
    EXPECT_DEATH((void)replay.Apply(run), "under the trust that it was checked under");
  }
}

TEST(ClaimedReplay, GivesItsStateOnlyForTheRootOfTheClaim) {
  TestElection e;
  e.RunAll();
  for (const bool right : {true, false}) {
    poll::ClaimedReplay claim(
        [&](uint64_t i) -> absl::StatusOr<std::string> { return e.records().at(i); },
        [&](uint64_t i, uint8_t, const absl::Status& s) { ADD_FAILURE() << i << ": " << s; });
    poll::Replay::Run run(poll::Replay::Trust::kClaim, e.records());
    do run.Check(claim.basis());
    while (!claim.Apply(run));
    EXPECT_EQ(claim.size(), e.records().size());
    Hash32 root = e.state().root();
    if (!right) root[31] ^= 1;
    const auto state = std::move(claim).Confirm(root);
    EXPECT_EQ(base::RejectId(state.status()), right ? "" : "checkpoint.root");
    if (right) {
      EXPECT_EQ(state->root(), root);
    }
  }
}

TEST(Replay, NamesTheRecordWhoseChainIsBrokenAndReportsTheRest) {
  TestElection e;
  e.RunAll();
  std::vector<std::string> records = e.records();
  // Drop the first ballot: the next record's `previous` no longer fits.
  size_t ballot = 0;
  while (records[ballot][1] != static_cast<char>(poll::RecordKind::kBallotCast)) ++ballot;
  records.erase(records.begin() + static_cast<ptrdiff_t>(ballot));
  std::vector<std::pair<uint64_t, std::string>> faults;
  poll::Replay replay(
      poll::Replay::Trust::kNothing,
      [&](uint64_t i) -> absl::StatusOr<std::string> { return records.at(i); },
      [&](uint64_t index, uint8_t, const absl::Status& s) {
        faults.emplace_back(index, base::RejectId(s));
      },
      poll::Sequentially);
  replay.Append(records);
  ASSERT_FALSE(faults.empty());
  EXPECT_EQ(faults[0], (std::pair<uint64_t, std::string>(ballot, "ledger.chain-broken")));
}

TEST(Replay, StopsBeforeTheRecordThatBreaksARule) {
  TestElection e;
  e.RunAll();
  size_t ballot = 0;
  while (e.records()[ballot][1] != static_cast<char>(poll::RecordKind::kBallotCast)) ++ballot;
  std::vector<std::string> missing = e.records();
  missing.erase(missing.begin() + static_cast<ptrdiff_t>(ballot));
  std::vector<std::string> forged = e.records();
  forged[ballot].back() = static_cast<char>(forged[ballot].back() ^ 1);
  for (const std::vector<std::string>& records : {missing, forged}) {
    std::vector<uint64_t> faults;
    const auto read = [&](uint64_t i) -> absl::StatusOr<std::string> { return records.at(i); };
    poll::Replay replay(
        poll::Replay::Trust::kNothing, poll::State(read),
        [&](uint64_t index, uint8_t, const absl::Status&) { faults.push_back(index); },
        poll::Sequentially, poll::Replay::AfterFault::kStop);
    replay.Append(records);
    EXPECT_EQ(faults, std::vector<uint64_t>{ballot});
    EXPECT_EQ(replay.state().size(), ballot);
    EXPECT_EQ(replay.state().last_leaf(), ledger::LeafHash(e.records()[ballot - 1]));
    replay.Append({e.records()[ballot]});
    EXPECT_EQ(replay.state().size(), ballot) << "what follows is left out";
  }
}

}  // namespace
}  // namespace urna::testing
