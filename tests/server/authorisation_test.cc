// Every method that needs an authorisation, under every wrong one: none, a stranger's, that of
// another party or role, one made for something else, and one that was good in another poll of the
// same parties. The course of two polls makes the requests; each is attacked just before it is
// taken.

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/text.h"
#include "poll/step.h"
#include "tests/server/harness.h"

namespace urna::server::testing {
namespace {

using base::Cat;
using crypto::CredentialKey;
using crypto::CredentialStatement;
using crypto::Ed25519Key;
using grpc::StatusCode;
using poll::Payload;
using poll::RecordKind;

/// A request that must be refused.
struct Case {
  std::string what;
  std::function<Outcome()> send;
  std::string reject;
  StatusCode code = StatusCode::PERMISSION_DENIED;
};

std::string Bytes(const auto& array) { return std::string(base::View(array)); }
std::string NameOf(const Payload& payload) {
  return poll::KindName(static_cast<uint8_t>(poll::KindOf(payload)));
}
RecordKind OtherKind(RecordKind kind) {
  return kind == RecordKind::kClosed ? RecordKind::kOpened : RecordKind::kClosed;
}

class Authorisation : public ::testing::Test {
 protected:
  explicit Authorisation(const urna::testing::ElectionOptions& options = Small(3, 1, 2))
      : s_(options) {}

  /// What is shown of all polls.
  std::vector<uint64_t> Sizes() {
    v1::ListPollsResponse polls;
    TestServer::Run([&](auto* context) { return s_.reading->ListPolls(context, {}, &polls); });
    std::vector<uint64_t> sizes;
    for (const v1::PollSummary& poll : polls.polls()) {
      v1::StatusRequest request;
      request.set_poll(poll.poll());
      v1::StatusResponse status;
      TestServer::Run([&](auto* context) { return s_.reading->Status(context, request, &status); });
      sizes.push_back(status.size());
    }
    return sizes;
  }

  void ExpectRefused(const std::string& request, const std::vector<Case>& cases) {
    const std::vector<uint64_t> sizes = Sizes();
    for (const Case& c : cases) {
      const Outcome outcome = c.send();
      EXPECT_EQ(outcome.reject, c.reject) << request << ", " << c.what << ": " << outcome;
      EXPECT_EQ(outcome.code, c.code) << request << ", " << c.what << ": " << outcome;
    }
    EXPECT_EQ(Sizes(), sizes) << request;
    attacked_.push_back(request);
  }

  // --- Officials ---

  void AttackApproval(const Payload& payload, size_t official) {
    const RecordKind kind = poll::KindOf(payload);
    const std::string body = poll::PayloadBody(payload);
    poll::StepPlace place;
    place.root = ledger::EmptyRoot();
    if (kind != RecordKind::kDefined) {
      s_.Sync();
      place = s_.state().PlaceFor(kind, static_cast<uint32_t>(official));
    }
    const v1::Step good = s_.MakeStep(payload, official);
    const std::string message = poll::OfficialMessage(kind, place, body);
    const Ed25519Key& own = s_.election.official(official);
    const Ed25519Key& trustee = s_.election.trustee(0);
    const auto signature = [&](const std::string& bytes) {
      return [this, good, bytes] {
        v1::Step step = good;
        step.set_signature(bytes);
        return s_.Send(step, "");
      };
    };
    const auto signed_by = [&](const Ed25519Key& key, const std::string& text) {
      return signature(Bytes(key.Sign(text)));
    };
    const auto in_own_name = [&](const Ed25519Key& key) {
      return [this, good, name = Bytes(key.public_key()), bytes = Bytes(key.Sign(message))] {
        v1::Step step = good;
        step.set_official(name);
        step.set_signature(bytes);
        return s_.Send(step, "");
      };
    };
    const std::string invalid = "approval.signature-invalid", unknown = "official.unknown";
    poll::StepPlace later = place;
    ++later.counter;
    std::vector<Case> cases = {
        {"no signature", signature(""), "request.malformed", StatusCode::INVALID_ARGUMENT},
        {"an empty signature", signature(std::string(64, '\0')), invalid},
        {"a stranger's", signed_by(stranger_, message), invalid},
        {"a stranger", in_own_name(stranger_), unknown},
        {"another official's", signed_by(s_.election.official(official + 1), message), invalid},
        {"a trustee's", signed_by(trustee, message), invalid},
        {"a trustee", in_own_name(trustee), unknown},
        {"an issuer", in_own_name(s_.election.issuer(0)), unknown},
        {"the ballot box", in_own_name(s_.election.ballot_box()), unknown},
        {"for another step", signed_by(own, poll::OfficialMessage(OtherKind(kind), place, body)),
         invalid},
        {"for other content", signed_by(own, poll::OfficialMessage(kind, place, body + "x")),
         invalid},
        {"for a later step", signed_by(own, poll::OfficialMessage(kind, later, body)), invalid},
        {"as a trustee",
         signed_by(own, poll::ParticipantMessage("trustee", kind, place.poll, 1, 0, body)),
         invalid},
        {"for a withdrawal", signed_by(own, poll::WithdrawalMessage(own.Sign(message))), invalid},
    };
    if (const auto before = steps_.find(kind); before != steps_.end()) {
      v1::Step moved = before->second;
      cases.push_back({"of another poll, for this content", signature(moved.signature()), invalid});
      if (kind != RecordKind::kDefined) {
        cases.push_back({"replayed", [this, moved] { return s_.Send(moved, ""); }, invalid});
        moved.set_poll(good.poll());
        cases.push_back({"of another poll", [this, moved] { return s_.Send(moved, ""); }, invalid});
      }
    }
    ExpectRefused(Cat("Officials.Approve of '", NameOf(payload), "'"), cases);
    steps_[kind] = good;
  }

  void AttackWithdrawal() {
    const Payload paused = poll::Paused{.reason = "a fault", .approvals = {}};
    const v1::Step step = s_.MakeStep(paused, 0);
    v1::ApproveResponse approved;
    ASSERT_TRUE(s_.Send(step, "", &approved).ok());
    v1::WithdrawRequest good;
    good.set_poll(step.poll());
    good.set_kind(step.kind());
    good.set_body(step.body());
    good.set_official(step.official());
    const Ed25519Key& own = s_.election.official(0);
    const Ed25519Key& other = s_.election.official(1);
    const Ed25519Key& trustee = s_.election.trustee(0);
    const auto approval = own.Sign(poll::OfficialMessage(
        RecordKind::kPaused, s_.state().PlaceFor(RecordKind::kPaused, 0), step.body()));
    ASSERT_EQ(Bytes(approval), step.signature());
    const std::string message = poll::WithdrawalMessage(approval);
    good.set_signature(Bytes(own.Sign(message)));
    const auto send = [this](const v1::WithdrawRequest& request) {
      return [this, request] {
        v1::WithdrawResponse response;
        return TestServer::Run(
            [&](auto* context) { return s_.officials->Withdraw(context, request, &response); });
      };
    };
    const auto signature = [&](const std::string& bytes) {
      v1::WithdrawRequest request = good;
      request.set_signature(bytes);
      return send(request);
    };
    const auto in_own_name = [&](const Ed25519Key& key) {
      v1::WithdrawRequest request = good;
      request.set_official(Bytes(key.public_key()));
      request.set_signature(Bytes(key.Sign(message)));
      return send(request);
    };
    const std::string invalid = "withdrawal.signature-invalid", unknown = "official.unknown";
    std::vector<Case> cases = {
        {"no signature", signature(""), "request.malformed", StatusCode::INVALID_ARGUMENT},
        {"an empty signature", signature(std::string(64, '\0')), invalid},
        {"a stranger's", signature(Bytes(stranger_.Sign(message))), invalid},
        {"a stranger", in_own_name(stranger_), unknown},
        {"another official's", signature(Bytes(other.Sign(message))), invalid},
        {"another official, who approved nothing", in_own_name(other), "", StatusCode::NOT_FOUND},
        {"a trustee's", signature(Bytes(trustee.Sign(message))), invalid},
        {"a trustee", in_own_name(trustee), unknown},
        {"the approval itself", signature(Bytes(approval)), invalid},
        {"for another approval",
         signature(Bytes(own.Sign(poll::WithdrawalMessage(own.Sign(message))))), invalid},
    };
    if (withdrawal_.has_value()) {
      cases.push_back({"replayed", send(*withdrawal_), "", StatusCode::NOT_FOUND});
      v1::WithdrawRequest moved = *withdrawal_;
      moved.set_poll(good.poll());
      cases.push_back({"of another poll", send(moved), invalid});
    }
    ExpectRefused("Officials.Withdraw", cases);
    ASSERT_TRUE(s_.Send(step, "", &approved).ok());
    EXPECT_EQ(approved.approvals(), 1u);
    EXPECT_TRUE(send(good)().ok());
    withdrawal_ = good;
  }

  // --- Trustees and issuers ---

  struct Participant {
    std::string role;
    uint64_t index;
    uint64_t counter;
    const Ed25519Key* key;
    std::vector<std::pair<std::string, const Ed25519Key*>> others;
    std::function<Outcome(RecordKind, const std::string&)> send;
  };
  /// `payload`: signed as it should be.
  void AttackRecord(const std::string& method, const Participant& who, const Payload& payload) {
    const RecordKind kind = poll::KindOf(payload);
    const std::string good = poll::EncodePayload(payload);
    const std::string body = poll::PayloadBody(payload);
    ASSERT_EQ(good.size(), body.size() + 64);
    const auto message = [&](const std::string& role, RecordKind of, const Hash32& poll,
                             uint64_t index, uint64_t counter) {
      return poll::ParticipantMessage(role, of, poll, index, counter, body);
    };
    const std::string right = message(who.role, kind, s_.poll(), who.index, who.counter);
    ASSERT_EQ(good, body + Bytes(who.key->Sign(right)));
    const auto send = [&](const std::string& bytes) {
      return [who, kind, bytes] { return who.send(kind, bytes); };
    };
    const auto signed_by = [&](const Ed25519Key& key, const std::string& text) {
      return send(body + Bytes(key.Sign(text)));
    };
    const std::string invalid = who.role + ".signature-invalid";
    const std::string another_role = who.role == "issuer" ? "trustee" : "issuer";
    std::vector<Case> cases = {
        {"an empty signature", send(body + std::string(64, '\0')), invalid},
        {"a stranger's", signed_by(stranger_, right), invalid},
        {"for another record",
         signed_by(*who.key, message(who.role, OtherKind(kind), s_.poll(), who.index, who.counter)),
         invalid},
        {"in another role",
         signed_by(*who.key, message(another_role, kind, s_.poll(), who.index, who.counter)),
         invalid},
        {"as another",
         signed_by(*who.key, message(who.role, kind, s_.poll(), who.index + 1, who.counter)),
         invalid},
        {"for a later record",
         signed_by(*who.key, message(who.role, kind, s_.poll(), who.index, who.counter + 1)),
         invalid},
    };
    if (kind == RecordKind::kDecryptionPart) {
      cases.push_back(
          {"no signature", send(body), invalid});  // the end of the share is taken for it
    } else {
      cases.push_back(
          {"no signature", send(body), "record.malformed", StatusCode::INVALID_ARGUMENT});
    }
    for (const auto& [name, key] : who.others) {
      cases.push_back({name, signed_by(*key, right), invalid});
    }
    Taken& before = records_[{kind, who.index}];
    if (!before.bytes.empty() && before.poll != s_.poll()) {
      cases.push_back({"of another poll", send(before.bytes), invalid});
      cases.push_back({"of another poll, for this content",
                       send(body + before.bytes.substr(before.bytes.size() - 64)), invalid});
    }
    ExpectRefused(Cat(method, " of '", NameOf(payload), "'"), cases);
    before = {s_.poll(), good};
  }

  void AttackTrustee(const Payload& payload, uint32_t trustee) {
    const uint32_t other = trustee == 1 ? 2 : 1;
    AttackRecord("Trustees.Submit",
                 {.role = "trustee",
                  .index = trustee,
                  .counter = s_.state().TrusteeCounter(trustee),
                  .key = &s_.election.trustee(trustee - 1),
                  .others = {{"another trustee's", &s_.election.trustee(other - 1)},
                             {"an official's", &s_.election.official(0)},
                             {"an issuer's", &s_.election.issuer(0)},
                             {"the ballot box's", &s_.election.ballot_box()}},
                  .send = [this](RecordKind kind,
                                 const std::string& bytes) { return s_.Submit(kind, bytes); }},
                 payload);
  }

  // --- Residents ---

  /// Requests of resident 0 under wrong signatures. `right`: the statement that belongs there.
  template <typename Request>
  void AttackIssuing(const std::string& method, const Request& good,
                     const CredentialStatement& right,
                     const std::vector<std::pair<std::string, CredentialStatement>>& wrong,
                     const std::function<Outcome(const Request&)>& send,
                     const std::vector<Request>& replayed) {
    const auto signature = [&](const std::string& bytes) {
      Request request = good;
      request.set_signature(bytes);
      return [send, request] { return send(request); };
    };
    const auto signed_by = [&](const CredentialKey& key, const CredentialStatement& statement) {
      return signature(SignatureBytes(crypto::SignCredential(key, statement)));
    };
    const CredentialKey& own = s_.election.voter(0).credential;
    const auto ballot_key =
        crypto::DeriveBallotKey(s_.election.voter(0).omega, s_.InfoOf(0).opening);
    const std::string invalid = "credential.signature-invalid";
    std::vector<Case> cases = {
        {"no signature", signature(""), "request.malformed", StatusCode::INVALID_ARGUMENT},
        {"a stranger's", signed_by(CredentialKey::New(), right), invalid},
        {"another resident's", signed_by(s_.election.voter(1).credential, right), invalid},
        {"the ballot key's", signed_by(CredentialKey::FromSecret(ballot_key.b.Clone()), right),
         invalid},
    };
    for (const auto& [name, statement] : wrong) {
      cases.push_back({name, signed_by(own, statement), invalid});
    }
    for (const Request& request : replayed) {
      cases.push_back({"of another poll", [send, request] { return send(request); }, invalid});
    }
    ExpectRefused(method, cases);
  }

  void AttackResident() {
    const crypto::TokenInfo& info = s_.InfoOf(0);
    const auto begin = CredentialStatement::Begin(info.opening, info.style, info.X);
    const auto fetch = CredentialStatement::Fetch(info.opening, info.style, info.X);
    const auto enrol = CredentialStatement::Enrol("test-roll");
    const std::string poll = Bytes(s_.poll());
    const std::string credential(s_.election.voter(0).credential.V.view());

    v1::BeginRequest beginning;
    beginning.set_poll(poll);
    beginning.set_credential(credential);
    const std::function<Outcome(const v1::BeginRequest&)> send_begin = [this](const auto& request) {
      v1::BeginResponse response;
      return TestServer::Run(
          [&](auto* context) { return s_.issuing->Begin(context, request, &response); });
    };
    std::vector<v1::BeginRequest> begins;
    if (begin_.has_value()) begins.push_back(*begin_);
    for (v1::BeginRequest& request : begins) request.set_poll(poll);
    AttackIssuing<v1::BeginRequest>("Issuing.Begin", beginning, begin,
                                    {{"to fetch", fetch}, {"to enrol", enrol}}, send_begin, begins);
    beginning.set_signature(SignatureBytes(s_.Sign(0, begin)));
    begin_ = beginning;

    TestServer::Issuance issuance;
    ASSERT_TRUE(s_.Begin(0, &issuance).ok());
    const v1::AnswerRequest answering = s_.AnswerRequestFor(0, issuance);
    const auto request = [&](const crypto::TokenOffer& offer) {
      return CredentialStatement::Request(info.opening, info.style, info.X, offer.A, offer.C,
                                          issuance.request->challenge());
    };
    const std::function<Outcome(const v1::AnswerRequest&)> send_answer = [this](const auto& sent) {
      v1::AnswerResponse response;
      const Outcome outcome = s_.Answer(sent, &response);
      EXPECT_EQ(response.answer(), "");
      return outcome;
    };
    std::vector<v1::AnswerRequest> answers;
    if (answer_.has_value()) answers.push_back(*answer_);
    for (v1::AnswerRequest& sent : answers) {
      sent.set_poll(poll);
      sent.set_session(issuance.session);
    }
    AttackIssuing<v1::AnswerRequest>(
        "Issuing.Answer", answering, request(issuance.offer),
        {{"to begin", begin},
         {"to fetch", fetch},
         {"of another offer", request({issuance.offer.C, issuance.offer.A})}},
        send_answer, answers);
    answer_ = answering;
    v1::FetchResponse fetched;
    EXPECT_EQ(s_.Fetch(0, &fetched).code, StatusCode::NOT_FOUND) << "nothing was spent";
    v1::AnswerResponse answered;
    ASSERT_TRUE(s_.Answer(answering, &answered).ok());

    v1::FetchRequest fetching;
    fetching.set_poll(poll);
    fetching.set_credential(credential);
    const std::function<Outcome(const v1::FetchRequest&)> send_fetch = [this](const auto& sent) {
      v1::FetchResponse response;
      const Outcome outcome = TestServer::Run(
          [&](auto* context) { return s_.issuing->Fetch(context, sent, &response); });
      EXPECT_EQ(response.answer(), "");
      return outcome;
    };
    std::vector<v1::FetchRequest> fetches;
    if (fetch_.has_value()) fetches.push_back(*fetch_);
    for (v1::FetchRequest& sent : fetches) sent.set_poll(poll);
    AttackIssuing<v1::FetchRequest>(
        "Issuing.Fetch", fetching, fetch,
        {{"to begin", begin}, {"to get a token", request(issuance.offer)}, {"to enrol", enrol}},
        send_fetch, fetches);
    fetching.set_signature(SignatureBytes(s_.Sign(0, fetch)));
    fetch_ = fetching;
    ASSERT_TRUE(s_.Fetch(0, &fetched).ok());
    EXPECT_EQ(fetched.answer(), answered.answer());
    s_.election.voter(0).tokens = {*issuance.request->Unblind(ParseAnswer(answered.answer()))};
  }

  TestServer s_;
  const Ed25519Key stranger_ = Ed25519Key::New();
  // Good requests of the poll before.
  std::map<RecordKind, v1::Step> steps_;
  struct Taken {
    Hash32 poll{};
    std::string bytes;
  };
  std::map<std::pair<RecordKind, uint64_t>, Taken> records_;  // by kind and who signed
  std::optional<v1::WithdrawRequest> withdrawal_;
  std::optional<v1::BeginRequest> begin_;
  std::optional<v1::AnswerRequest> answer_;
  std::optional<v1::FetchRequest> fetch_;
  std::vector<std::string> attacked_;
};

TEST_F(Authorisation, OfOfficialsTrusteesAndResidentsIsTheirOwnForThisOneThing) {
  s_.before_approval = [&](const Payload& payload, size_t official) {
    if (official == 0) AttackApproval(payload, official);
  };
  s_.before_submission = [&](const Payload& payload, uint32_t trustee) {
    if (trustee != 1) return;
    if (poll::KindOf(payload) == RecordKind::kConfirmed) {
      Payload complaint = poll::Complained{.trustee = 1, .dealer = 2};
      s_.SignAsTrustee(complaint, 1);
      AttackTrustee(complaint, 1);
    }
    AttackTrustee(payload, trustee);
  };
  s_.Start();
  for (const std::string origin : {"urna.example/test", "urna.example/again"}) {
    if (origin != "urna.example/test") s_.TurnToAnotherPoll(origin);
    s_.Define();
    if (origin == "urna.example/test") {
      ExpectRefused(
          "a definition",
          {{"replayed",
            [&] { return s_.Send(steps_[RecordKind::kDefined], s_.election.definition_json()); },
            "definition.origin-used", StatusCode::INVALID_ARGUMENT}});
    }
    s_.SealRoll();
    s_.WaitForPhase("waiting for the trustees to join");
    s_.Sync();
    s_.KeyCeremony();
    s_.Record(poll::Opened{});
    s_.Sync();
    AttackResident();
    for (size_t voter = 0; voter < 3; ++voter) {
      ASSERT_TRUE(s_.Cast(s_.MakeBallot(voter, 0)).ok());
    }
    AttackWithdrawal();
    s_.Record(poll::Paused{.reason = "a fault", .approvals = {}});
    s_.Record(poll::Resumed{});
    s_.Record(poll::Extended{.end = s_.end() + 60, .reason = "there was a fault", .approvals = {}});
    s_.clock.Set(s_.end() + 60);
    s_.Close();
    s_.Record(poll::Lot{.outcome = "17", .approvals = {}});
    s_.DecryptAll();
    s_.Certify();
    EXPECT_EQ(s_.state().phase(), poll::Phase::kCertified);
  }
  for (const std::string request :
       {"Officials.Approve of 'defined'", "Officials.Approve of 'roll sealed'",
        "Officials.Approve of 'opened'", "Officials.Approve of 'paused'",
        "Officials.Approve of 'resumed'", "Officials.Approve of 'extended'",
        "Officials.Approve of 'closed'", "Officials.Approve of 'lot'",
        "Officials.Approve of 'certified'", "Officials.Withdraw",
        "Trustees.Submit of 'trustee joined'", "Trustees.Submit of 'dealt'",
        "Trustees.Submit of 'confirmed'", "Trustees.Submit of 'complained'",
        "Trustees.Submit of 'decryption share'", "Issuing.Begin", "Issuing.Answer",
        "Issuing.Fetch"}) {
    EXPECT_GE(std::ranges::count(attacked_, request), 2) << request;
  }
}

/// Issuer 1 runs elsewhere; the test plays it.
class AuthorisationOfIssuers : public Authorisation {
 protected:
  AuthorisationOfIssuers() : Authorisation(Small(3, 1, 1, 1, 2)) {
    s_.settings.issuers = 1;
    s_.settings.issuer_addresses.push_back({s_.election.issuer(1).public_key(), "localhost:1"});
  }

  Outcome Send(RecordKind kind, const std::string& payload) {
    v1::IssuerSubmission message;
    message.mutable_record()->set_poll(Bytes(s_.poll()));
    message.mutable_record()->set_kind(static_cast<uint32_t>(kind));
    message.mutable_record()->set_payload(payload);
    message.mutable_record()->set_last(true);
    const auto stub = v1::Issuers::NewStub(s_.channel());
    grpc::ClientContext context;
    TestServer::SetDeadline(context);
    v1::IssuerSubmitted response;
    const auto stream = stub->Submit(&context, &response);
    stream->Write(message);
    stream->WritesDone();
    return TestServer::From(stream->Finish(), context);
  }
  /// Attacks the record of issuer 1, then submits it.
  template <typename P>
  void Submit(P payload) {
    Await([&] { return s_.Status().waiting_for(0).find("issuer 1") == 0; }, "issuer 1 alone");
    s_.Sync();
    const RecordKind kind = poll::KindOf(payload);
    const uint64_t counter = s_.state().IssuerCounter(1);
    payload.issuer = 1;
    payload.signature = s_.election.issuer(1).Sign(poll::ParticipantMessage(
        "issuer", kind, s_.poll(), 1, counter, poll::PayloadBody(payload)));
    AttackRecord(
        "Issuers.Submit",
        {.role = "issuer",
         .index = 1,
         .counter = counter,
         .key = &s_.election.issuer(1),
         .others = {{"the other issuer's", &s_.election.issuer(0)},
                    {"an official's", &s_.election.official(0)},
                    {"a trustee's", &s_.election.trustee(0)},
                    {"the ballot box's", &s_.election.ballot_box()}},
         .send = [this](RecordKind of, const std::string& bytes) { return Send(of, bytes); }},
        payload);
    const Outcome taken = Send(kind, poll::EncodePayload(payload));
    ASSERT_TRUE(taken.ok()) << taken;
  }
};

TEST_F(AuthorisationOfIssuers, IsTheirOwnForThisOneThing) {
  s_.Start();
  for (const std::string origin : {"urna.example/test", "urna.example/again"}) {
    if (origin != "urna.example/test") s_.TurnToAnotherPoll(origin);
    s_.Define();
    s_.SealRoll();
    const crypto::IssuerKey key = crypto::IssuerKey::New();
    poll::IssuerJoined joined;
    joined.X = key.X;
    joined.possession = crypto::ProveIssuer(key, s_.poll(), 1);
    Submit(joined);
    s_.WaitForPhase("waiting for the trustees to join");
    s_.Sync();
    s_.KeyCeremony();
    s_.Record(poll::Opened{});
    s_.clock.Set(s_.end());
    s_.WaitForPhase("ended");
    poll::IssuanceCounted count;
    count.tokens = {0};
    Submit(count);
    Await([&] { return s_.Status().waiting_for(0).find("close") != std::string::npos; },
          "the last counts");
    s_.Sync();
    s_.Record(poll::Closed{});
    poll::RegisterSealed sealed;
    sealed.parts_sha256 = poll::PartsHash({});
    Submit(sealed);
    s_.Sync();
    EXPECT_TRUE(s_.state().RegistersSettled());
  }
  for (const std::string kind : {"issuer joined", "issuance counted", "register sealed"}) {
    EXPECT_EQ(std::ranges::count(attacked_, Cat("Issuers.Submit of '", kind, "'")), 2) << kind;
  }
}

}  // namespace
}  // namespace urna::server::testing
