// Contests whose ballots are mixed: from the ballots to the picks of everybody and nobody.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/text.h"
#include "crypto/picks.h"
#include "poll/mixed_tally.h"
#include "poll/state.h"
#include "tests/crypto/ballot_support.h"
#include "tests/support/election.h"

namespace urna::testing {
namespace {

using base::Cat;
using poll::Payload;
using poll::Phase;

constexpr uint64_t kHour = 3600;
constexpr uint32_t kMixed = 1;  // the second contest

std::string Options(uint32_t count) {
  std::string out;
  for (uint32_t o = 1; o <= count; ++o) {
    out += Cat(o == 1 ? "" : ",", R"({"id":"p)", o, R"(","text":{"en":"Project )", o,
               R"(","pl":"Projekt )", o, R"("}})");
  }
  return Cat("[", out, "]");
}

std::string Contests(uint32_t options, uint32_t least, uint32_t picks, std::string_view marks) {
  return Cat(R"([{"id":"q1","title":{"en":"Games","pl":"Igrzyska"},)",
             R"("question":{"en":"Do you?","pl":"Czy?"},"options":)", Options(2),
             R"(,"ballot":{"rule":"choose","min":0,"max":1},"tally":"homomorphic",)",
             R"("decision":{"rule":"none"}},)", R"({"id":"m","title":{"en":"Mixed","pl":"Mix"},)",
             R"("question":{"en":"Which?","pl":"Które?"},"options":)", Options(options),
             R"(,"ballot":{"rule":"picks","min":)", least, R"(,"max":)", picks, R"(,"marks":")",
             marks, R"("},"tally":"mixed","decision":{"rule":"none"}}])");
}

ElectionOptions Mixed(uint32_t voters = 5, uint32_t options = 20, uint32_t least = 1,
                      uint32_t picks = 2, std::string_view marks = "approval") {
  ElectionOptions out;
  out.voters = voters;
  out.styles = 1;
  out.contests_json = Contests(options, least, picks, marks);
  out.style_contests = {{"q1", "m"}};
  return out;
}

void CastPicks(TestElection& e, size_t voter, const std::vector<uint32_t>& options) {
  const auto& rule = std::get<crypto::Picks>(e.state().definition()->contests[kMixed].rule);
  e.Cast(voter, {{1, 0}, TestElection::SlotsOfPicks(options, rule.w)});
}

/// As software does that knows no rule but what its proof has to say.
void ForcePicks(TestElection& e, size_t voter, const std::vector<uint32_t>& options) {
  e.Issue(voter);
  std::vector<int64_t> slots;
  for (const uint32_t slot : TestElection::SlotsOfPicks(options, 2)) slots.push_back(slot);
  const auto& v = e.voter(voter);
  const crypto::Ballot ballot =
      crypto::BallotAttacks::Forge(e.context().styles[0], v.ballot_key, v.tokens, {{0, 1}, slots});
  e.AppendRaw(poll::RecordKind::kBallotCast,
              poll::EncodePayload(poll::BallotCast{0, crypto::EncodeBallot(ballot)}),
              e.now - e.now % kHour);
}

void RunUntilVoting(TestElection& e) {
  e.RunUntilOpen();
  e.now += kHour;
}

void CloseAll(TestElection& e) {
  e.End();
  e.CountIssuance();
  e.Close();
  e.PublishRegisters();
}

/// A poll that is closed, with five ballots to be mixed.
void RunUntilMixing(TestElection& e) {
  RunUntilVoting(e);
  for (uint32_t i = 0; i < e.voter_count(); ++i) CastPicks(e, i, {i + 1, i + 10});
  CloseAll(e);
  ASSERT_TRUE(e.faults().empty()) << e.faults()[0].second;
}

std::vector<std::vector<int>> SortedPicks(TestElection& e) {
  const auto picks = e.state().MixedPicks(kMixed).value();
  const auto& rule = std::get<crypto::Picks>(e.state().definition()->contests[kMixed].rule);
  std::vector<std::vector<int>> out;
  for (size_t i = 0; i < picks->size(); i += rule.w) {
    out.emplace_back(picks->begin() + static_cast<ptrdiff_t>(i),
                     picks->begin() + static_cast<ptrdiff_t>(i + rule.w));
  }
  std::ranges::sort(out);
  return out;
}

std::string LastFault(const TestElection& e) {
  return e.faults().empty() ? "" : std::string(base::RejectId(e.faults().back().second));
}

/// Appends `payload` and gives the id under which it was refused; "" if it was taken.
std::string Verdict(TestElection& e, Payload payload) {
  const size_t before = e.faults().size();
  e.Append(std::move(payload));
  return e.faults().size() == before ? "" : LastFault(e);
}

poll::MixPart& PartOf(Payload& payload) {
  if (auto* proof = std::get_if<poll::MixProofPart>(&payload)) return *proof;
  return std::get<poll::MixPart>(payload);
}

// --- What comes out ------------------------------------------------------------------------------

TEST(Mixing, GivesThePicksOfEveryBallotAndTheirSums) {
  TestElection e(Mixed());
  RunUntilVoting(e);
  CastPicks(e, 0, {1, 20});
  CastPicks(e, 1, {20, 1});
  CastPicks(e, 2, {7});
  CastPicks(e, 3, {1, 16});
  CastPicks(e, 3, {17, 16});  // again: this one counts
  CastPicks(e, 4, {1, 20});
  e.RunAfterVoting();
  ASSERT_TRUE(e.faults().empty()) << e.faults()[0].second;
  EXPECT_EQ(e.state().phase(), Phase::kCertified);
  EXPECT_EQ(SortedPicks(e),
            (std::vector<std::vector<int>>{{1, 20}, {1, 20}, {7, 0}, {17, 16}, {20, 1}}));
  const auto result = e.state().ComputeResult().value().contests[kMixed];
  EXPECT_EQ(result.ballots, 5u);
  EXPECT_EQ(result.void_ballots, 0u);
  EXPECT_EQ(result.outcome.valid, 5u);
  std::vector<uint64_t> votes(20, 0);
  votes[0] = 3, votes[19] = 3, votes[6] = 1, votes[15] = 1, votes[16] = 1;
  EXPECT_EQ(result.online, votes);
}

TEST(Mixing, RankedPicksGivePointsByTheirPlace) {
  TestElection e(Mixed(3, 8, 1, 3, "ranked"));
  RunUntilVoting(e);
  CastPicks(e, 0, {1, 2, 3});
  CastPicks(e, 1, {3, 0, 1});  // a place left out gives nothing
  CastPicks(e, 2, {2, 1});
  e.RunAfterVoting();
  ASSERT_TRUE(e.faults().empty()) << e.faults()[0].second;
  EXPECT_EQ(e.state().ComputeResult()->contests[kMixed].online,
            (std::vector<uint64_t>{3 + 1 + 2, 2 + 3, 1 + 3, 0, 0, 0, 0, 0}));
}

TEST(Mixing, BallotsAgainstTheRuleAreVoidInThisContestAlone) {
  TestElection e(Mixed(5, 20, 2));
  RunUntilVoting(e);
  CastPicks(e, 0, {1, 2});
  CastPicks(e, 1, {3});       // fewer than two
  ForcePicks(e, 2, {4, 4});   // one twice
  ForcePicks(e, 3, {5, 21});  // not there
  ForcePicks(e, 4, {255, 254});
  e.RunAfterVoting();
  ASSERT_TRUE(e.faults().empty()) << e.faults()[0].second;
  const auto result = e.state().ComputeResult().value();
  EXPECT_EQ(result.contests[kMixed].void_ballots, 4u);
  EXPECT_EQ(result.contests[kMixed].outcome.valid, 1u);
  EXPECT_EQ(result.contests[kMixed].outcome.invalid, 4u);
  EXPECT_EQ(result.contests[kMixed].online[0], 1u);
  EXPECT_EQ(result.contests[kMixed].online[3], 0u);
  EXPECT_EQ(result.contests[0].outcome.valid, 5u);
}

TEST(Mixing, SaysWhyABallotIsVoid) {
  poll::Contest contest;
  contest.options.resize(3);
  contest.rule = crypto::Picks{.w = 2, .n = 3};
  contest.tally = poll::TallyKind::kMixed;
  contest.least_picks = 1;
  const auto why = [&](std::vector<uint8_t> picks) {
    return poll::WhyVoid(contest, picks).value_or("");
  };
  EXPECT_EQ(why({1, 3}), "");
  EXPECT_EQ(why({0, 3}), "");
  EXPECT_EQ(why({1, 1}), "picks option 1 twice");
  EXPECT_EQ(why({1, 4}), "picks option 4 of 3");
  EXPECT_EQ(why({0, 0}), "0 picks instead of at least 1");
  contest.least_picks = 0;
  EXPECT_EQ(why({0, 0}), "");
}

TEST(Mixing, MixesAndSharesOfManyPartsComeTogether) {
  ElectionOptions options = Mixed(33, 70, 0, 64);
  TestElection e(options);
  RunUntilVoting(e);
  for (uint32_t i = 0; i < 33; ++i) CastPicks(e, i, {i % 7 + 1, i % 3 + 60});
  CloseAll(e);
  ASSERT_EQ(crypto::MixLayout(33, 64).output_parts(), 2u);
  ASSERT_EQ(poll::SharePartCount(33, 64), 2u);
  e.DecryptAll();
  e.Certify();
  ASSERT_TRUE(e.faults().empty()) << e.faults()[0].second;
  const auto result = e.state().ComputeResult().value().contests[kMixed];
  EXPECT_EQ(result.online[0], 5u);
  EXPECT_EQ(result.online[6], 4u);
  EXPECT_EQ(result.online[59], 11u);
}

TEST(Mixing, NoBallotsGiveZeroesAndFewAreWithheld) {
  for (const uint32_t ballots : {0u, 1u, 2u}) {
    SCOPED_TRACE(ballots);
    TestElection e(Mixed(3));
    RunUntilVoting(e);
    for (uint32_t i = 0; i < ballots; ++i) CastPicks(e, i, {4, 5});
    CloseAll(e);
    EXPECT_EQ(e.state().NeedsDecryption(kMixed), ballots == 2);
    if (ballots < 2) {
      poll::MixPart part;
      part.trustee = 1;
      part.contest = kMixed;
      EXPECT_EQ(Verdict(e, part), "mix.below-minimum");
    }
    e.DecryptAll();
    e.Certify();
    EXPECT_EQ(e.state().phase(), Phase::kCertified);
    const auto result = e.state().ComputeResult().value().contests[kMixed];
    EXPECT_EQ(result.withheld, ballots == 1);
    EXPECT_EQ(result.online[3], ballots == 2 ? 2u : 0u);
  }
}

// --- What is refused -----------------------------------------------------------------------------

TEST(Mixing, ComesAfterTheRegistersAndBeforeDecryption) {
  TestElection e(Mixed());
  RunUntilVoting(e);
  for (uint32_t i = 0; i < 5; ++i) CastPicks(e, i, {1, 2});
  poll::MixPart part;
  part.trustee = 1;
  part.contest = kMixed;
  EXPECT_EQ(Verdict(e, part), "record.out-of-order");
  e.End();
  e.CountIssuance();
  e.Close();
  EXPECT_EQ(Verdict(e, part), "mix.early");
  e.PublishRegisters();
  part.trustee = 4;
  EXPECT_EQ(Verdict(e, part), "trustee.unknown");
  part.trustee = 1;
  part.contest = 0;
  EXPECT_EQ(Verdict(e, part), "mix.contest");
  part.contest = 2;
  EXPECT_EQ(Verdict(e, part), "mix.contest-unknown");
  e.Mix(1, kMixed);
  e.Decrypt(1, kMixed);
  EXPECT_EQ(LastFault(e), "decryption.early");
  e.Mix(2, kMixed);
  e.Decrypt(2, kMixed);
  EXPECT_EQ(Verdict(e, e.MakeMix(3, kMixed)[0]), "mix.late");
  EXPECT_EQ(base::RejectId(e.state().ComputeResult().status()), "tally.incomplete");
  e.Decrypt(2, kMixed);
  EXPECT_EQ(LastFault(e), "decryption.twice");
  e.Decrypt(3, kMixed);  // who did not mix may decrypt
  EXPECT_EQ(e.state().ShareCount(kMixed), 2u);
}

TEST(Mixing, AResultNeedsEnoughDifferentMixers) {
  TestElection e(Mixed());
  RunUntilMixing(e);
  e.Mix(2, kMixed);
  for (const Payload& part : e.MakeMix(2, kMixed)) EXPECT_EQ(Verdict(e, part), "mix.twice");
  EXPECT_EQ(e.state().Mixed(kMixed).mixers(), std::vector<uint32_t>{2});
  const auto result = e.state().ComputeResult();
  EXPECT_EQ(base::RejectId(result.status()), "tally.incomplete");
}

TEST(Mixing, PartsComeInOrderUnderTheRightKind) {
  TestElection e(Mixed());
  RunUntilMixing(e);
  auto parts = e.MakeMix(1, kMixed);
  EXPECT_EQ(Verdict(e, parts[1]), "mix.out-of-order");
  EXPECT_EQ(Verdict(e, poll::MixProofPart{PartOf(parts[0])}), "mix.out-of-order");
  EXPECT_EQ(Verdict(e, parts[0]), "");
  EXPECT_EQ(Verdict(e, parts[2]), "mix.out-of-order");
  EXPECT_EQ(Verdict(e, PartOf(parts[1])), "mix.out-of-order");
  PartOf(parts[1]).trustee = 2;
  EXPECT_EQ(Verdict(e, parts[1]), "mix.out-of-order");
  PartOf(parts[1]).trustee = 1;
  for (size_t i = 1; i < parts.size(); ++i) EXPECT_EQ(Verdict(e, parts[i]), "") << i;
  EXPECT_EQ(e.state().Mixed(kMixed).mixers(), std::vector<uint32_t>{1});
}

TEST(Mixing, APartNeedsItsTrusteesSignature) {
  TestElection e(Mixed());
  RunUntilMixing(e);
  const auto parts = e.MakeMix(1, kMixed);
  e.tamper_signed = [](Payload& payload) { PartOf(payload).signature[3] ^= 1; };
  EXPECT_EQ(Verdict(e, parts[0]), "trustee.signature-invalid");
  e.tamper_signed = nullptr;
  EXPECT_EQ(Verdict(e, parts[0]), "");
}

TEST(Mixing, AnUnfinishedMixGivesWayToAnotherBegunAnew) {
  TestElection e(Mixed());
  RunUntilMixing(e);
  const auto lost = e.MakeMix(1, kMixed);
  for (size_t i = 0; i + 1 < lost.size(); ++i) ASSERT_EQ(Verdict(e, lost[i]), "");
  EXPECT_EQ(e.state().Mixed(kMixed).unfinished()->trustee, 1u);
  EXPECT_EQ(e.state().Mixed(kMixed).unfinished()->parts, lost.size() - 1);
  e.Mix(1, kMixed);  // with other randomness
  for (const Payload& part : e.MakeMix(3, kMixed)) ASSERT_EQ(Verdict(e, part), "");
  EXPECT_EQ(e.state().Mixed(kMixed).mixers(), (std::vector<uint32_t>{1, 3}));
  const auto begun = e.MakeMix(2, kMixed);
  EXPECT_EQ(Verdict(e, begun[0]), "");
  // Two have mixed, two are needed: the third's beginning holds nothing up.
  e.Decrypt(1, kMixed);
  EXPECT_EQ(Verdict(e, begun[1]), "mix.late");
  e.Decrypt(2, kMixed);
  e.Decrypt(1, 0);
  e.Decrypt(2, 0);
  e.Certify();
  EXPECT_EQ(e.state().phase(), Phase::kCertified);
}

TEST(Mixing, ALastPartThatIsWrongChangesNothing) {
  TestElection e(Mixed());
  RunUntilMixing(e);
  auto parts = e.MakeMix(1, kMixed);
  const Payload right = parts.back();
  for (size_t i = 0; i + 1 < parts.size(); ++i) ASSERT_EQ(Verdict(e, parts[i]), "");
  PartOf(parts.back()).data[0] ^= 1;
  EXPECT_EQ(Verdict(e, parts.back()), "mix.proof-invalid");
  EXPECT_EQ(Verdict(e, right), "");
  EXPECT_EQ(e.state().Mixed(kMixed).mixers(), std::vector<uint32_t>{1});
}

/// What a mixer does to its outputs, with the proof of the honest ones.
void ExpectRefused(const std::function<void(std::vector<Payload>&, TestElection&)>& attack,
                   std::string_view id) {
  TestElection e(Mixed());
  RunUntilMixing(e);
  auto parts = e.MakeMix(1, kMixed);
  attack(parts, e);
  std::string last;
  for (const Payload& part : parts) last = Verdict(e, part);
  EXPECT_EQ(last, id);
  EXPECT_TRUE(e.state().Mixed(kMixed).mixers().empty());
}

// Five vectors of three points each in the first part.
constexpr size_t kRow = 3 * 32;

TEST(Mixing, DroppedReplacedDuplicatedAndTaggedBallotsAreFoundOut) {
  // One twice, another not at all.
  ExpectRefused(
      [](std::vector<Payload>& parts, TestElection&) {
        std::string& data = PartOf(parts[0]).data;
        data.replace(0, kRow, data.substr(kRow, kRow));
      },
      "mix.proof-invalid");
  // One that nobody cast.
  ExpectRefused(
      [](std::vector<Payload>& parts, TestElection& e) {
        const crypto::Scalar r = crypto::Scalar::Random();
        const auto keys = e.state().MixStatementFor(kMixed, 1).keys;
        std::string made(crypto::MulBase(r).view());
        for (size_t w = 0; w < keys.size(); ++w) {
          made += (crypto::Mul(r, keys[w]) + crypto::Point::Base()).view();
        }
        PartOf(parts[0]).data.replace(0, kRow, made);
      },
      "mix.proof-invalid");
  // One tagged: a pick multiplied.
  ExpectRefused(
      [](std::vector<Payload>& parts, TestElection&) {
        std::string& data = PartOf(parts[0]).data;
        const auto pick = crypto::Point::Decode(std::string_view(data).substr(32, 32)).value();
        data.replace(32, 32, std::string((pick + pick).view()));
      },
      "mix.proof-invalid");
  // Two exchange one component.
  ExpectRefused(
      [](std::vector<Payload>& parts, TestElection&) {
        std::string& data = PartOf(parts[0]).data;
        std::swap_ranges(data.begin() + 32, data.begin() + 64, data.begin() + 32 + kRow);
      },
      "mix.proof-invalid");
}

TEST(Mixing, AMixForAnotherPlaceIsFoundOut) {
  // Another mixer's, signed as one's own.
  ExpectRefused(
      [](std::vector<Payload>& parts, TestElection& e) {
        parts = e.MakeMix(2, kMixed);
        for (Payload& part : parts) PartOf(part).trustee = 1;
      },
      "mix.proof-invalid");
  // Of another closing.
  ExpectRefused(
      [](std::vector<Payload>& parts, TestElection& e) {
        auto statement = e.state().MixStatementFor(kMixed, 1);
        statement.closed[0] ^= 1;
        size_t i = 0;
        const auto inputs = e.state().MixVectors(kMixed).value();
        ASSERT_TRUE(crypto::Mix(statement, inputs, [&](std::string_view data) {
                      PartOf(parts[i++]).data = std::string(data);
                      return absl::OkStatus();
                    }).ok());
      },
      "mix.proof-invalid");
  // Of the ballots as they were before the mix before.
  TestElection e(Mixed());
  RunUntilMixing(e);
  const auto early = e.MakeMix(2, kMixed);
  e.Mix(1, kMixed);
  std::string last;
  for (const Payload& part : early) last = Verdict(e, part);
  EXPECT_EQ(last, "mix.proof-invalid");
  EXPECT_EQ(e.state().Mixed(kMixed).mixers(), std::vector<uint32_t>{1});
}

TEST(Mixing, TruncatedPartsAreRefusedAtOnce) {
  TestElection e(Mixed());
  RunUntilMixing(e);
  auto parts = e.MakeMix(1, kMixed);
  Payload cut = parts[0];
  PartOf(cut).data.resize(PartOf(cut).data.size() - 32);
  EXPECT_EQ(Verdict(e, cut), "mix.malformed");
  PartOf(cut).data.clear();
  EXPECT_EQ(Verdict(e, cut), "mix.malformed");
  PartOf(cut) = PartOf(parts[0]);
  PartOf(cut).data[31] ^= '\x80';
  EXPECT_EQ(Verdict(e, cut), "point.not-canonical");
  for (const Payload& part : parts) EXPECT_EQ(Verdict(e, part), "");
}

TEST(Mixing, AWrongShareIsNamedAndAnotherTakesItsPlace) {
  TestElection e(Mixed(33, 70, 0, 64));
  RunUntilVoting(e);
  for (uint32_t i = 0; i < 33; ++i) CastPicks(e, i, {i % 7 + 1});
  CloseAll(e);
  e.Mix(1, kMixed);
  e.Mix(2, kMixed);
  size_t part = 0;
  e.tamper = [&](Payload& payload) {
    if (auto* share = std::get_if<poll::DecryptionPart>(&payload)) {
      // Two points of the first part change places.
      if (part++ == 0)
        std::swap_ranges(share->data.begin(), share->data.begin() + 32, share->data.begin() + 32);
    }
  };
  e.Decrypt(1, kMixed);
  EXPECT_EQ(LastFault(e), "decryption.share-invalid");
  EXPECT_NE(e.faults().back().second.ToString().find("Trustee 1"), std::string::npos);
  EXPECT_EQ(e.state().ShareCount(kMixed), 0u);
  e.tamper = nullptr;
  const size_t before = e.faults().size();
  e.Decrypt(1, kMixed);
  e.Decrypt(2, kMixed);
  e.Decrypt(1, 0);
  e.Decrypt(2, 0);
  e.Certify();
  EXPECT_EQ(e.faults().size(), before);
  EXPECT_EQ(e.state().phase(), Phase::kCertified);
}

TEST(Mixing, PartsOfAShareComeInOrderAndWhole) {
  TestElection e(Mixed(33, 70, 0, 64));
  RunUntilVoting(e);
  for (uint32_t i = 0; i < 33; ++i) CastPicks(e, i, {i % 7 + 1});
  CloseAll(e);
  e.Mix(1, kMixed);
  e.Mix(2, kMixed);
  e.tamper = [&](Payload& payload) {
    if (auto* share = std::get_if<poll::DecryptionPart>(&payload)) {
      if (share->part == 1) share->part = 2;
    }
  };
  e.Decrypt(1, kMixed);
  ASSERT_EQ(e.faults().size(), 1u);
  EXPECT_EQ(base::RejectId(e.faults()[0].second), "decryption.parts");
  e.tamper = [&](Payload& payload) {
    if (auto* share = std::get_if<poll::DecryptionPart>(&payload)) {
      if (share->part == 0) share->data.pop_back();
    }
  };
  e.Decrypt(2, kMixed);
  ASSERT_EQ(e.faults().size(), 3u);
  EXPECT_EQ(base::RejectId(e.faults()[1].second), "decryption.parts");
  EXPECT_EQ(base::RejectId(e.faults()[2].second), "decryption.out-of-order");
}

TEST(Mixing, ACopyOfAStateGoesOnByItself) {
  TestElection e(Mixed());
  RunUntilMixing(e);
  const auto parts = e.MakeMix(1, kMixed);
  ASSERT_EQ(Verdict(e, parts[0]), "");
  const poll::State copy = e.state();
  for (size_t i = 1; i < parts.size(); ++i) ASSERT_EQ(Verdict(e, parts[i]), "");
  EXPECT_EQ(copy.Mixed(kMixed).unfinished()->parts, 1u);
  EXPECT_TRUE(copy.Mixed(kMixed).mixers().empty());
}

}  // namespace
}  // namespace urna::testing
