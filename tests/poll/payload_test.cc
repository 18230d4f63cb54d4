#include "poll/payload.h"

#include <gtest/gtest.h>

#include <set>

#include "base/status.h"
#include "ledger/record.h"
#include "tests/support/election.h"

namespace urna::testing {
namespace {

std::vector<std::pair<uint8_t, std::string>> PayloadsOfAWholePoll(TestElection& e) {
  e.RunUntilOpen();
  e.now += 3600;
  e.Vote();
  e.Pause();
  e.Extend(e.state().end() + 3600);
  e.Resume();
  e.ReplaceCredential(e.voter(5).credential.V, crypto::CredentialKey::New().V);
  e.End();
  e.CountIssuance();
  e.Close();
  e.PublishRegisters();
  e.Append(poll::Lot{.outcome = "7 3 1", .approvals = {}});
  e.DecryptAll();
  e.Certify();
  std::vector<std::pair<uint8_t, std::string>> payloads;
  for (const std::string& bytes : e.records()) {
    auto record = ledger::DecodeRecord(bytes);
    payloads.emplace_back(record->kind, record->payload);
  }
  return payloads;
}

TEST(Payload, EveryKindHasExactlyOneEncoding) {
  TestElection e;
  std::set<uint8_t> seen;
  for (const auto& [kind, bytes] : PayloadsOfAWholePoll(e)) {
    const auto payload = poll::DecodePayload(kind, bytes, e.state().definition().get());
    ASSERT_TRUE(payload.ok()) << poll::KindName(kind) << ": " << payload.status();
    EXPECT_EQ(poll::EncodePayload(*payload), bytes) << poll::KindName(kind);
    EXPECT_EQ(static_cast<uint8_t>(poll::KindOf(*payload)), kind);
    seen.insert(kind);
  }
  EXPECT_GE(seen.size(), 21u);
}

TEST(Payload, RefusesEveryTruncationAndEveryAddedByte) {
  TestElection e;
  const poll::Definition* definition = nullptr;
  for (const auto& [kind, bytes] : PayloadsOfAWholePoll(e)) {
    definition = e.state().definition().get();
    const auto known = static_cast<poll::RecordKind>(kind);
    // A definition part is any bytes; a ballot's length is checked with its style's shape.
    if (known == poll::RecordKind::kDefinitionPart || known == poll::RecordKind::kBallotCast) {
      continue;
    }
    // Parts of whole entries cut at an entry are parts; the seal's hash notices.
    const bool entries =
        known == poll::RecordKind::kRollPart || known == poll::RecordKind::kRegisterPart;
    const bool signed_share = known == poll::RecordKind::kDecryptionPart;
    if (signed_share) continue;  // `data` is decoded against the contest by the state
    for (size_t size = 0; size < bytes.size(); ++size) {
      const auto cut = poll::DecodePayload(kind, bytes.substr(0, size), definition);
      if (cut.ok()) {
        EXPECT_TRUE(entries) << poll::KindName(kind) << " cut to " << size;
      }
    }
    EXPECT_FALSE(poll::DecodePayload(kind, bytes + '\0', definition).ok()) << poll::KindName(kind);
  }
}

TEST(Payload, ASignatureIsBoundToPollStepCounterPlaceAndBody) {
  using poll::RecordKind;
  const poll::StepPlace place{.poll = {1}, .counter = 2, .size = 3, .root = {4}};
  const std::string message = poll::OfficialMessage(RecordKind::kOpened, place, "body");
  const auto changed = [&](auto change) {
    poll::StepPlace other = place;
    change(other);
    return poll::OfficialMessage(RecordKind::kOpened, other, "body");
  };
  EXPECT_NE(message, changed([](auto& p) { p.poll[0] = 9; }));
  EXPECT_NE(message, changed([](auto& p) { p.counter = 9; }));
  EXPECT_NE(message, changed([](auto& p) { p.size = 9; }));
  EXPECT_NE(message, changed([](auto& p) { p.root[0] = 9; }));
  EXPECT_NE(message, poll::OfficialMessage(RecordKind::kClosed, place, "body"));
  EXPECT_NE(message, poll::OfficialMessage(RecordKind::kOpened, place, "bodY"));
  // Steps that happen while ballots arrive leave size and root out.
  poll::StepPlace moved = place;
  moved.size = 9;
  moved.root[0] = 9;
  EXPECT_EQ(poll::OfficialMessage(RecordKind::kPaused, place, "body"),
            poll::OfficialMessage(RecordKind::kPaused, moved, "body"));

  const std::string trustee =
      poll::ParticipantMessage("trustee", RecordKind::kDealt, {1}, 2, 3, "body");
  EXPECT_NE(trustee, poll::ParticipantMessage("issuer", RecordKind::kDealt, {1}, 2, 3, "body"));
  EXPECT_NE(trustee,
            poll::ParticipantMessage("trustee", RecordKind::kConfirmed, {1}, 2, 3, "body"));
  EXPECT_NE(trustee, poll::ParticipantMessage("trustee", RecordKind::kDealt, {2}, 2, 3, "body"));
  EXPECT_NE(trustee, poll::ParticipantMessage("trustee", RecordKind::kDealt, {1}, 3, 3, "body"));
  EXPECT_NE(trustee, poll::ParticipantMessage("trustee", RecordKind::kDealt, {1}, 2, 4, "body"));
  EXPECT_NE(trustee, poll::ParticipantMessage("trustee", RecordKind::kDealt, {1}, 2, 3, "bodY"));
}

/// Points are decoded all at once; what is said of a bad one is what is said of it alone.
TEST(Payload, NamesTheBadPointOfAPartAndGivesTheCoordinatesOfGoodOnes) {
  poll::RegisterPart part;
  for (uint64_t i = 0; i < 5; ++i) {
    const auto point = [&](uint64_t n) { return crypto::MulBase(Scalar::FromU64(10 * i + n)); };
    poll::RegisterEntry entry;
    entry.credential = point(1);
    entry.offer = {point(2), point(3)};
    entry.c = Scalar::FromU64(i);
    entry.signature.U = point(4);
    part.entries.push_back(entry);
  }
  const std::string good = poll::EncodePayload(part);
  std::vector<crypto::vartime::Element> elements;
  const auto decoded = poll::DecodeRegisterPart(good, &elements);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  ASSERT_EQ(elements.size(), 5 * poll::kRegisterEntryPoints);
  const std::vector<Point> points = crypto::ToPoints(elements);
  for (size_t i = 0; i < 5; ++i) {
    const poll::RegisterEntry& entry = part.entries[i];
    const std::vector<Point> expected = {entry.credential, entry.offer.A, entry.offer.C,
                                         entry.signature.U};
    EXPECT_EQ(std::vector<Point>(points.begin() + static_cast<ptrdiff_t>(4 * i),
                                 points.begin() + static_cast<ptrdiff_t>(4 * i + 4)),
              expected);
  }
  const std::vector<std::pair<size_t, std::string>> fields = {
      {0, "credential"}, {34, "A"}, {66, "C"}, {226, "U"}};
  for (size_t i = 0; i < 5; ++i) {
    for (const auto& [offset, name] : fields) {
      const size_t at = 1 + i * poll::kRegisterEntryBytes + offset;
      const auto refused = [&](std::string bytes) {
        const auto status =
            poll::DecodePayload(static_cast<uint8_t>(poll::RecordKind::kRegisterPart), bytes,
                                nullptr)
                .status();
        EXPECT_TRUE(std::string(status.message()).starts_with(name + ": ")) << status;
        return base::RejectId(status);
      };
      EXPECT_EQ(refused(std::string(good).replace(at, 32, 32, '\0')), "point.identity");
      EXPECT_EQ(refused(std::string(good).replace(at, 32, 32, '\xff')), "point.not-canonical");
    }
  }
}

TEST(Payload, PartsAreFullButTheLast) {
  std::vector<poll::RollEntry> entries(poll::kRollEntriesPerPart * 2 + 1, {Point::Base(), 3});
  const auto parts = poll::SplitRoll(entries);
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_EQ(parts[2].entries.size(), 1u);
  EXPECT_LE(poll::EncodePayload(parts[0]).size(), ledger::kMaxPayloadBytes);
  EXPECT_GT(poll::EncodePayload(parts[0]).size() + poll::kRollEntryBytes, ledger::kMaxPayloadBytes);
}

}  // namespace
}  // namespace urna::testing
