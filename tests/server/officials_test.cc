#include <gtest/gtest.h>

#include <algorithm>

#include "poll/step.h"
#include "tests/server/harness.h"

namespace urna::server::testing {
namespace {

using poll::RecordKind;

const urna::testing::ElectionOptions kSmall = Small(4);

void ExpectRefused(const Outcome& outcome, const std::string& reject, grpc::StatusCode code) {
  EXPECT_EQ(outcome.reject, reject) << outcome;
  EXPECT_EQ(outcome.code, code) << outcome;
}

std::string Replaced(std::string text, const std::string& what, const std::string& with) {
  const size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), with);
}

poll::Payload DefinedOf(const std::string& json) {
  poll::Defined defined;
  defined.length = static_cast<uint32_t>(json.size());
  defined.sha256 = crypto::HashSha256(json);
  return defined;
}

TEST(Officials, APollMayNameOnlyWitnessesThatTheServerAsks) {
  urna::testing::ElectionOptions options = Small(1);
  options.witnesses = 3;
  for (const uint32_t needed : {0, 2}) {
    options.witnesses_needed = needed;
    TestServer s(options);
    ledger::NoteKey other_key = s.election.witness_key(1);
    other_key.key = s.election.official(0).public_key();
    s.settings.witnesses = {{s.election.witness_key(0), "http://127.0.0.1:1"},
                            {other_key, "http://127.0.0.1:1"}};
    s.Start();
    const Outcome outcome = s.Approve(s.DefinedPayload(), 0, s.election.definition_json());
    EXPECT_EQ(outcome.reject, "definition.witness-unknown") << outcome;
    EXPECT_NE(outcome.message.find("witness.example/w1, witness.example/w2"), std::string::npos)
        << outcome;
    s.Stop();
    s.settings.witnesses = {{s.election.witness_key(0), "http://127.0.0.1:1"},
                            {s.election.witness_key(1), "http://127.0.0.1:1"},
                            {s.election.witness_key(2), "http://127.0.0.1:1"}};
    s.Start();
    EXPECT_TRUE(s.Approve(s.DefinedPayload(), 0, s.election.definition_json()).ok());
  }
}

TEST(Officials, NothingIsRecordedBeforeEnoughApproved) {
  TestServer s(kSmall);
  s.Start();
  v1::ApproveResponse response;
  ASSERT_TRUE(s.Approve(s.DefinedPayload(), 0, s.election.definition_json(), &response).ok());
  EXPECT_FALSE(response.recorded());
  EXPECT_EQ(response.approvals(), 1u);
  EXPECT_EQ(response.needed(), 2u);
  // The same official twice is one approval.
  ASSERT_TRUE(s.Approve(s.DefinedPayload(), 0, "", &response).ok());
  EXPECT_FALSE(response.recorded());
  EXPECT_EQ(response.approvals(), 1u);
  v1::ListPollsResponse polls;
  TestServer::Run([&](auto* context) { return s.reading->ListPolls(context, {}, &polls); });
  EXPECT_EQ(polls.polls_size(), 0);

  v1::PendingResponse pending;
  TestServer::Run([&](auto* context) { return s.officials->Pending(context, {}, &pending); });
  ASSERT_EQ(pending.steps_size(), 1);
  EXPECT_EQ(pending.steps(0).officials_size(), 1);
  // Another official reads what is to be approved, without having it already.
  v1::AttachmentRequest wanted;
  wanted.set_kind(pending.steps(0).kind());
  wanted.set_body(pending.steps(0).body());
  grpc::ClientContext context;
  TestServer::SetDeadline(context);
  const auto stream = s.officials->Attachment(&context, wanted);
  std::string text;
  v1::AttachmentChunk chunk;
  while (stream->Read(&chunk)) text += chunk.bytes();
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(text, s.election.definition_json());

  ASSERT_TRUE(s.Approve(s.DefinedPayload(), 1, "", &response).ok());
  EXPECT_TRUE(response.recorded());
}

TEST(Officials, RefusesStrangersAndForgedSignatures) {
  TestServer s(kSmall);
  s.Start();
  const poll::Payload defined = s.DefinedPayload();
  const std::string json = s.election.definition_json();
  v1::Step step = s.MakeStep(defined, 0);
  const crypto::Ed25519Key stranger = crypto::Ed25519Key::New();
  step.set_official(std::string(base::View(stranger.public_key())));
  ExpectRefused(s.Send(step, json), "official.unknown", grpc::StatusCode::PERMISSION_DENIED);

  step = s.MakeStep(defined, 0);
  (*step.mutable_signature())[5] ^= 1;
  ExpectRefused(s.Send(step, json), "approval.signature-invalid",
                grpc::StatusCode::PERMISSION_DENIED);
  step.clear_signature();
  ExpectRefused(s.Send(step, json), "request.malformed", grpc::StatusCode::INVALID_ARGUMENT);
  // Another role's key is nobody's here.
  step = s.MakeStep(defined, 0);
  step.set_official(std::string(base::View(s.election.trustee(0).public_key())));
  ExpectRefused(s.Send(step, json), "official.unknown", grpc::StatusCode::PERMISSION_DENIED);
  // One official's signature under another's name.
  step = s.MakeStep(defined, 0);
  step.set_official(std::string(base::View(s.election.official(1).public_key())));
  ExpectRefused(s.Send(step, json), "approval.signature-invalid",
                grpc::StatusCode::PERMISSION_DENIED);
}

TEST(Officials, RefusesDefinitionsThatAreNotForThisServer) {
  TestServer s(kSmall);
  TestServer other(kSmall);  // other keys, all of them
  s.Start();
  const std::string json = s.election.definition_json();
  const auto hex = [](const crypto::Ed25519Key& key) { return base::Hex(key.public_key()); };
  const auto define = [&](const std::string& text) { return s.Approve(DefinedOf(text), 0, text); };
  ExpectRefused(
      define(Replaced(json, hex(s.election.ballot_box()), hex(other.election.ballot_box()))),
      "definition.ballot-box-unknown", grpc::StatusCode::INVALID_ARGUMENT);
  ExpectRefused(define(Replaced(json, hex(s.election.issuer(0)), hex(other.election.issuer(0)))),
                "definition.issuer-unknown", grpc::StatusCode::INVALID_ARGUMENT);
  ExpectRefused(
      define(Replaced(json, hex(s.election.official(2)), hex(other.election.official(2)))),
      "definition.official-not-allowed", grpc::StatusCode::INVALID_ARGUMENT);
  ExpectRefused(define(Replaced(json, "urna-definition/1", "urna-definition/9")),
                "definition.invalid", grpc::StatusCode::INVALID_ARGUMENT);
  ExpectRefused(s.Approve(s.DefinedPayload(), 0, json + " "), "definition.hash",
                grpc::StatusCode::INVALID_ARGUMENT);
  ExpectRefused(s.Approve(s.DefinedPayload(), 0), "step.attachment-missing",
                grpc::StatusCode::INVALID_ARGUMENT);
  s.clock.Set(s.end());
  ExpectRefused(define(json), "definition.over", grpc::StatusCode::FAILED_PRECONDITION);
  // What was refused waits for nobody.
  v1::PendingResponse pending;
  TestServer::Run([&](auto* context) { return s.officials->Pending(context, {}, &pending); });
  EXPECT_EQ(pending.steps_size(), 0);
}

TEST(Officials, RefusesASecondPollOfOneOrigin) {
  TestServer s(kSmall);
  s.Start();
  const std::string json = s.election.definition_json();
  const std::string rival = Replaced(json, "test-roll", "other-roll");
  ASSERT_TRUE(s.Approve(DefinedOf(rival), 2, rival).ok());
  s.Define();
  // What was proposed under this origin before waits no longer.
  v1::PendingResponse pending;
  TestServer::Run([&](auto* context) { return s.officials->Pending(context, {}, &pending); });
  EXPECT_EQ(pending.steps_size(), 0);
  const auto refuses = [&](const std::string& text) {
    ExpectRefused(s.Approve(DefinedOf(text), 1, text), "definition.origin-used",
                  grpc::StatusCode::INVALID_ARGUMENT);
  };
  refuses(rival);
  refuses(json);  // an official who runs the same command after it was recorded
  s.Restart();
  refuses(rival);
  const std::string third = Replaced(rival, "urna.example/test", "urna.example/third");
  ASSERT_TRUE(s.Approve(DefinedOf(third), 0, third).ok());
  EXPECT_TRUE(s.Approve(DefinedOf(third), 1).ok());
}

TEST(Officials, KeepsNoMorePollsThanItsSettingAllows) {
  TestServer s(kSmall);
  s.settings.max_polls = 1;
  s.Start();
  s.Define();
  const std::string more =
      Replaced(s.election.definition_json(), "urna.example/test", "urna.example/more");
  ASSERT_TRUE(s.Approve(DefinedOf(more), 0, more).ok());
  EXPECT_EQ(s.Approve(DefinedOf(more), 1).code, grpc::StatusCode::RESOURCE_EXHAUSTED);
  // A cancelled poll makes room.
  s.Record(poll::Cancelled{.reason = "not needed", .approvals = {}});
  EXPECT_TRUE(s.Approve(DefinedOf(more), 1).ok());
}

TEST(Officials, RefusesAStepOutOfItsOrder) {
  TestServer s(kSmall);
  s.Start();
  s.Define();
  ExpectRefused(s.Approve(poll::Opened{}, 0), "record.out-of-order",
                grpc::StatusCode::FAILED_PRECONDITION);
  ExpectRefused(s.Approve(poll::Closed{}, 0), "record.out-of-order",
                grpc::StatusCode::FAILED_PRECONDITION);
  ExpectRefused(s.Approve(poll::Opened{}, 0, "an attachment"), "step.attachment-unexpected",
                grpc::StatusCode::INVALID_ARGUMENT);
}

TEST(Officials, RefusesRecordsThatAreNotSteps) {
  TestServer s(kSmall);
  s.RunUntilOpen();
  poll::Ended ended;
  ended.end = s.end();
  ExpectRefused(s.Approve(ended, 0), "step.kind", grpc::StatusCode::INVALID_ARGUMENT);
  v1::Step step = s.MakeStep(poll::Closed{}, 0);
  step.set_kind(99);
  ExpectRefused(s.Send(step, ""), "record.kind-unknown", grpc::StatusCode::INVALID_ARGUMENT);
}

TEST(Officials, RefusesARollThatIsNotTheApprovedOne) {
  TestServer s(kSmall);
  s.Start();
  s.Define();
  std::string roll = s.RollBytes();
  roll.resize(roll.size() - poll::kRollEntryBytes);
  ExpectRefused(s.Approve(s.RollPayload(), 0, roll), "roll.hash",
                grpc::StatusCode::INVALID_ARGUMENT);
  s.SealRoll();
  s.WaitForPhase("waiting for the trustees to join");
}

TEST(Officials, ARollTakesEffectAsAWholeOrNotAtAll) {
  TestServer s(kSmall);
  s.Start();
  s.Define();
  const uint64_t size = s.Status().size();
  // Valid in itself, but one approval only: no part of it may be on the ledger.
  ASSERT_TRUE(s.Approve(s.RollPayload(), 0, s.RollBytes()).ok());
  EXPECT_EQ(s.Status().size(), size);
  ASSERT_TRUE(s.Approve(s.RollPayload(), 1).ok());
  EXPECT_GE(s.Status().size(), size + 2);
}

TEST(Officials, ApprovalsCannotBeReplayed) {
  TestServer s(kSmall);
  s.RunUntilOpen();
  const poll::Payload paused = poll::Paused{.reason = "a fault", .approvals = {}};
  const v1::Step first = s.MakeStep(paused, 0);
  const v1::Step second = s.MakeStep(paused, 1);
  s.Record(paused);
  s.Record(poll::Resumed{});
  // An eavesdropper pauses the poll once more with what the officials had signed.
  ExpectRefused(s.Send(first, ""), "approval.signature-invalid",
                grpc::StatusCode::PERMISSION_DENIED);
  ExpectRefused(s.Send(second, ""), "approval.signature-invalid",
                grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(s.Status().phase(), "open");
}

TEST(Officials, ApprovalsOfALedgerThatMovedOnAreDropped) {
  TestServer s(Small(4, 1, 2));
  s.Start();
  s.Define();
  s.SealRoll();
  s.WaitForPhase("waiting for the trustees to join");
  s.Sync();
  const poll::Payload cancelled = poll::Cancelled{.reason = "a mistake", .approvals = {}};
  const poll::Payload other = poll::Cancelled{.reason = "another", .approvals = {}};
  ASSERT_TRUE(s.Approve(cancelled, 0).ok());
  ASSERT_TRUE(s.Approve(other, 2).ok());
  v1::PendingRequest request;
  request.set_poll(std::string(base::View(s.poll())));
  v1::PendingResponse pending;
  TestServer::Run([&](auto* context) { return s.officials->Pending(context, request, &pending); });
  ASSERT_EQ(pending.steps_size(), 2);
  EXPECT_FALSE(pending.steps(0).stale());
  EXPECT_FALSE(pending.steps(1).stale());

  s.KeyCeremony();  // the ledger grows
  // The second official signs for the ledger as it is; the first one's consent was for another.
  v1::ApproveResponse response;
  const Outcome outcome = s.Approve(cancelled, 1, "", &response);
  ASSERT_TRUE(outcome.ok()) << outcome;
  EXPECT_FALSE(response.recorded());
  EXPECT_EQ(response.approvals(), 1u);
  TestServer::Run([&](auto* context) { return s.officials->Pending(context, request, &pending); });
  ASSERT_EQ(pending.steps_size(), 2);
  for (const v1::PendingStep& step : pending.steps()) {
    const bool signed_anew = step.body() == poll::PayloadBody(cancelled);
    EXPECT_EQ(step.stale(), !signed_anew);
    EXPECT_EQ(step.officials_size(), signed_anew ? 1 : 0);
  }
  ASSERT_TRUE(s.Approve(cancelled, 0, "", &response).ok());
  EXPECT_TRUE(response.recorded());
}

TEST(Officials, AForgedStepIsRefusedBeforeItsAttachmentIsReceived) {
  TestServer s(kSmall);
  s.Start();
  v1::ApproveRequest request;
  *request.mutable_step() = s.MakeStep(s.DefinedPayload(), 0);
  (*request.mutable_step()->mutable_signature())[0] ^= 1;
  v1::ApproveResponse response;
  grpc::ClientContext context;
  TestServer::SetDeadline(context);
  const auto stream = s.officials->Approve(&context, &response);
  EXPECT_TRUE(stream->Write(request));
  // More is announced, none is sent: the answer must not wait for it.
  const Outcome outcome = TestServer::From(stream->Finish(), context);
  ExpectRefused(outcome, "approval.signature-invalid", grpc::StatusCode::PERMISSION_DENIED);
}

TEST(Officials, RefusesAnAttachmentThatIsTooLarge) {
  TestServer s(kSmall);
  s.Start();
  const Outcome outcome =
      s.Approve(s.DefinedPayload(), 0, std::string(Steps::kMaxAttachmentBytes + 1, ' '));
  ExpectRefused(outcome, "request.malformed", grpc::StatusCode::INVALID_ARGUMENT);
}

TEST(Officials, AFalseResultIsRefusedAtTheFirstApproval) {
  TestServer s(kSmall);
  s.RunUntilOpen();
  for (size_t voter = 0; voter < 3; ++voter) {
    ASSERT_TRUE(s.Cast(s.MakeBallot(voter, 0)).ok());
  }
  s.clock.Set(s.end());
  s.Close();
  ExpectRefused(s.Approve(poll::Certified{"too early", {}}, 0), "tally.incomplete",
                grpc::StatusCode::FAILED_PRECONDITION);
  s.DecryptAll();
  poll::Result result = *s.state().ComputeResult();
  result.contests[0].online[0] = 2;
  result.contests[0].online[1] = 1;
  ExpectRefused(s.Approve(poll::Certified{poll::EncodeCertificate(result), {}}, 0),
                "certificate.differs", grpc::StatusCode::INVALID_ARGUMENT);
  s.Certify();
}

std::vector<v1::PendingStep> PendingOf(TestServer& s) {
  v1::PendingRequest request;
  request.set_poll(std::string(base::View(s.poll())));
  v1::PendingResponse pending;
  TestServer::Run([&](auto* context) { return s.officials->Pending(context, request, &pending); });
  return {pending.steps().begin(), pending.steps().end()};
}

TEST(Officials, ANewerApprovalOfACompetingStepTakesBackTheOlder) {
  TestServer s(kSmall);
  s.RunUntilOpen();
  const poll::Payload mine = poll::Paused{.reason = "power cut", .approvals = {}};
  const poll::Payload theirs = poll::Paused{.reason = "a fault", .approvals = {}};
  ASSERT_TRUE(s.Approve(mine, 0).ok());
  ASSERT_TRUE(s.Approve(theirs, 1).ok());
  EXPECT_EQ(PendingOf(s).size(), 2u);  // both are seen
  v1::ApproveResponse response;
  ASSERT_TRUE(s.Approve(theirs, 0, "", &response).ok());
  EXPECT_TRUE(response.recorded());
  s.Sync();
  EXPECT_EQ(s.state().reason(), "a fault");
  EXPECT_TRUE(PendingOf(s).empty());
}

TEST(Officials, ARecordedStepTakesWithItWhatCompetedWithIt) {
  TestServer s(kSmall);
  s.RunUntilOpen();
  // The third official's consent to another pause must not wait for a later day.
  const poll::Payload old = poll::Paused{.reason = "once", .approvals = {}};
  ASSERT_TRUE(s.Approve(old, 2).ok());
  s.Record(poll::Paused{.reason = "a fault", .approvals = {}});
  s.Record(poll::Resumed{});
  EXPECT_TRUE(PendingOf(s).empty());
  v1::ApproveResponse response;
  ASSERT_TRUE(s.Approve(old, 0, "", &response).ok());
  EXPECT_FALSE(response.recorded());
  EXPECT_EQ(response.approvals(), 1u);
}

TEST(Officials, StepsAboutDifferentThingsDoNotCompete) {
  TestServer s(kSmall);
  s.RunUntilOpen();
  const auto replace = [&](size_t voter) {
    return poll::CredentialReplaced{s.election.voter(voter).credential.V,
                                    crypto::MulBase(crypto::Scalar::FromU64(100 + voter)),
                                    {}};
  };
  ASSERT_TRUE(s.Approve(replace(0), 0).ok());
  ASSERT_TRUE(s.Approve(replace(1), 0).ok());
  EXPECT_EQ(PendingOf(s).size(), 2u);
}

TEST(Officials, AnApprovalIsTakenBackByItsOfficialOnly) {
  TestServer s(kSmall);
  s.RunUntilOpen();
  const poll::Payload paused = poll::Paused{.reason = "a fault", .approvals = {}};
  const v1::Step step = s.MakeStep(paused, 0);
  ASSERT_TRUE(s.Send(step, "").ok());
  crypto::Ed25519Signature approval;
  std::ranges::copy(step.signature(), approval.begin());
  const auto withdraw = [&](size_t official, size_t signer) {
    v1::WithdrawRequest request;
    request.set_poll(step.poll());
    request.set_kind(step.kind());
    request.set_body(step.body());
    request.set_official(std::string(base::View(s.election.official(official).public_key())));
    request.set_signature(std::string(
        base::View(s.election.official(signer).Sign(poll::WithdrawalMessage(approval)))));
    v1::WithdrawResponse response;
    return TestServer::Run(
        [&](auto* context) { return s.officials->Withdraw(context, request, &response); });
  };
  ExpectRefused(withdraw(0, 1), "withdrawal.signature-invalid",
                grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(withdraw(1, 1).code, grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(PendingOf(s).size(), 1u);
  EXPECT_TRUE(withdraw(0, 0).ok());
  EXPECT_TRUE(PendingOf(s).empty());
  EXPECT_EQ(withdraw(0, 0).code, grpc::StatusCode::NOT_FOUND);
  v1::ApproveResponse response;
  ASSERT_TRUE(s.Approve(paused, 1, "", &response).ok());
  EXPECT_EQ(response.approvals(), 1u);
}

TEST(Officials, TheEndCannotBeMovedOnceItHasCome) {
  TestServer s(kSmall);
  s.RunUntilOpen();
  const poll::Payload extended =
      poll::Extended{.end = s.end() + 1, .reason = "queues", .approvals = {}};
  ASSERT_TRUE(s.Approve(extended, 0).ok());
  const v1::Step second = s.MakeStep(extended, 1);
  s.clock.Set(s.end());
  const Outcome outcome = s.Send(second, "");
  EXPECT_FALSE(outcome.ok());
  // The steward may have written `ended` by now.
  EXPECT_TRUE(outcome.reject == "extension.late" || outcome.reject == "record.out-of-order" ||
              outcome.reject == "approval.signature-invalid")
      << outcome;
  s.WaitForPhase("ended");
  EXPECT_TRUE(PendingOf(s).empty());
}

TEST(Officials, RefusesAnApprovalForAnotherPlaceOrPoll) {
  TestServer s(kSmall);
  TestServer other(kSmall);
  s.RunUntilOpen();
  other.RunUntilOpen();
  const poll::Payload paused = poll::Paused{.reason = "a fault", .approvals = {}};
  v1::Step foreign = other.MakeStep(paused, 0);
  EXPECT_EQ(s.Send(foreign, "").code, grpc::StatusCode::NOT_FOUND);
  foreign.set_poll(std::string(base::View(s.poll())));
  ExpectRefused(s.Send(foreign, ""), "official.unknown", grpc::StatusCode::PERMISSION_DENIED);
  // The same official's signature, made for another step.
  v1::Step moved = s.MakeStep(paused, 0);
  const v1::Step extended =
      s.MakeStep(poll::Extended{.end = s.end() + 1, .reason = "x", .approvals = {}}, 0);
  moved.set_signature(extended.signature());
  ExpectRefused(s.Send(moved, ""), "approval.signature-invalid",
                grpc::StatusCode::PERMISSION_DENIED);
}

TEST(Officials, AnOfficialsOwnOldProposalsGiveWay) {
  TestServer s(Small(20));
  s.RunUntilOpen();
  for (uint32_t i = 0; i < 20; ++i) {
    ASSERT_TRUE(s.Approve(poll::CredentialReplaced{s.election.voter(i).credential.V,
                                                   crypto::MulBase(crypto::Scalar::FromU64(i + 9)),
                                                   {}},
                          0)
                    .ok());
  }
  ASSERT_TRUE(s.Approve(poll::Paused{.reason = "of the other", .approvals = {}}, 1).ok());
  v1::PendingRequest request;
  request.set_poll(std::string(base::View(s.poll())));
  v1::PendingResponse pending;
  TestServer::Run([&](auto* context) { return s.officials->Pending(context, request, &pending); });
  EXPECT_EQ(pending.steps_size(), 9);
}

}  // namespace
}  // namespace urna::server::testing
