#include "client/official.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"
#include "client/paper.h"
#include "poll/step.h"

namespace urna::client {
namespace {

using base::Cat;
using poll::Phase;

constexpr size_t kAttachmentPieceBytes = size_t{256} << 10;

absl::Status NotNow(const poll::State& state, std::string_view step, std::string_view needed) {
  const std::string reason = state.reason().empty() ? "" : Cat(" (", state.reason(), ")");
  return base::Failure(
      absl::StatusCode::kFailedPrecondition,
      Cat("'", step, "' needs ", needed, "; the poll is ", PhaseName(state.phase()), reason));
}

absl::Status Demand(bool holds, const poll::State& state, std::string_view step,
                    std::string_view needed) {
  return holds ? absl::OkStatus() : NotNow(state, step, needed);
}

absl::Status DemandReason(std::string_view reason) {
  if (!reason.empty()) return absl::OkStatus();
  return base::Failure(absl::StatusCode::kInvalidArgument, "this step needs a --reason");
}

/// Voting, paused or not.
bool IsVoting(Phase phase) { return phase == Phase::kOpen || phase == Phase::kPaused; }

struct Judge {
  const poll::State& state;
  std::string step;

  absl::Status operator()(const poll::Defined&) const {
    return Demand(state.phase() == Phase::kEmpty, state, step, "no poll yet");
  }
  absl::Status operator()(const poll::RollSealed&) const {
    return Demand(state.phase() == Phase::kRoll, state, step, "a poll that waits for its roll");
  }
  absl::Status operator()(const poll::Opened&) const {
    return Demand(state.phase() == Phase::kReady, state, step,
                  "a finished key ceremony that nobody opened before");
  }
  absl::Status operator()(const poll::Paused&) const {
    return Demand(state.phase() == Phase::kOpen, state, step, "an open poll");
  }
  absl::Status operator()(const poll::Resumed&) const {
    return Demand(state.phase() == Phase::kPaused, state, step, "a paused poll");
  }
  absl::Status operator()(const poll::Extended& p) const {
    URNA_RETURN_IF_ERROR(DemandReason(p.reason));
    URNA_RETURN_IF_ERROR(Demand(IsVoting(state.phase()), state, step, "an open or paused poll"));
    const uint64_t latest = state.definition()->latest_end;
    if (p.end > state.end() && p.end <= latest) return absl::OkStatus();
    return base::Failure(absl::StatusCode::kInvalidArgument,
                         Cat("the new end must be after ", base::FormatUtc(state.end()),
                             " and not after ", base::FormatUtc(latest)));
  }
  absl::Status operator()(const poll::CredentialReplaced& p) const {
    URNA_RETURN_IF_ERROR(Demand(IsVoting(state.phase()), state, step, "an open or paused poll"));
    const auto wrong = [](std::string_view which, const poll::Point& credential,
                          std::string_view why) {
      return base::Failure(absl::StatusCode::kFailedPrecondition,
                           Cat(which, " ", base::Hex(credential.bytes()), " ", why));
    };
    if (state.IsReplaced(p.old_credential)) {
      return wrong("the old credential", p.old_credential, "was replaced before");
    }
    if (!state.StyleOf(p.old_credential).has_value()) {
      return wrong("the old credential", p.old_credential, "is not on the roll of this poll");
    }
    if (state.StyleOf(p.new_credential).has_value() || state.IsReplaced(p.new_credential)) {
      return wrong("the new credential", p.new_credential, "is or was on the roll already");
    }
    return absl::OkStatus();
  }
  absl::Status operator()(const poll::Closed&) const {
    URNA_RETURN_IF_ERROR(Demand(state.phase() == Phase::kEnded, state, step,
                                "a poll whose time is over and that nobody closed before"));
    for (uint32_t i = 0; i < state.definition()->issuers.size(); ++i) {
      if (!state.LastCountDone(i)) {
        return NotNow(
            state, step,
            Cat("the last count of issuer ", i, " (", state.definition()->issuers[i].name, ")"));
      }
    }
    return absl::OkStatus();
  }
  absl::Status operator()(const poll::RegisterMissing& p) const {
    URNA_RETURN_IF_ERROR(DemandReason(p.reason));
    URNA_RETURN_IF_ERROR(Demand(state.phase() == Phase::kClosed, state, step, "a closed poll"));
    if (p.issuer >= state.definition()->issuers.size()) {
      return base::Failure(absl::StatusCode::kInvalidArgument, Cat("no issuer ", p.issuer));
    }
    if (!state.RegisterSettled(p.issuer)) return absl::OkStatus();
    return base::Failure(
        absl::StatusCode::kFailedPrecondition,
        Cat("the register of issuer ", p.issuer, " (", state.definition()->issuers[p.issuer].name,
            ") is ",
            state.IsRegisterMissing(p.issuer) ? "declared missing already" : "on the ledger"));
  }
  absl::Status operator()(const poll::Lot&) const {
    URNA_RETURN_IF_ERROR(Demand(state.phase() == Phase::kClosed, state, step, "a closed poll"));
    if (state.lot().has_value()) {
      return base::Failure(absl::StatusCode::kFailedPrecondition,
                           Cat("the lot was drawn before: \"", *state.lot(), "\""));
    }
    for (uint32_t c = 0; c < state.definition()->contests.size(); ++c) {
      if (state.ShareCount(c) > 0) {
        return base::Failure(
            absl::StatusCode::kFailedPrecondition,
            "the lot must be drawn before the first trustee decrypts, and one has");
      }
    }
    return absl::OkStatus();
  }
  absl::Status operator()(const poll::PaperCounted& p) const {
    URNA_RETURN_IF_ERROR(Demand(state.phase() == Phase::kClosed, state, step, "a closed poll"));
    if (!state.paper().at(p.style).has_value()) return absl::OkStatus();
    return base::Failure(absl::StatusCode::kFailedPrecondition,
                         Cat("the paper of style ", state.definition()->styles[p.style].id,
                             " was counted before; what is on the ledger stays"));
  }
  absl::Status operator()(const poll::Certified&) const {
    return Demand(state.phase() == Phase::kClosed, state, step, "a closed poll");
  }
  absl::Status operator()(const poll::Cancelled& p) const {
    URNA_RETURN_IF_ERROR(DemandReason(p.reason));
    return Demand(state.definition() != nullptr && state.phase() != Phase::kCertified &&
                      state.phase() != Phase::kCancelled,
                  state, step, "a poll that is neither certified nor cancelled");
  }
  /// Records that no official signs.
  template <typename T>
  requires(!requires(T p) { p.approvals; }) absl::Status operator()(const T&) const {
    return base::Failure(absl::StatusCode::kInvalidArgument,
                         Cat("'", step, "' is no step of officials"));
  }
};

/// Whether somebody proposed just this step, so that the server holds its attachment.
absl::StatusOr<bool> IsPending(Connection& connection, const v1::Step& step) {
  URNA_ASSIGN_OR_RETURN(const v1::PendingResponse pending, ListPending(connection, step.poll()));
  return std::ranges::any_of(pending.steps(), [&](const v1::PendingStep& other) {
    return other.kind() == step.kind() && other.body() == step.body() && !other.stale();
  });
}

struct Describer {
  const poll::State& state;

  const poll::Definition& definition() const { return *state.definition(); }

  std::string operator()(const poll::Defined&) const { return "define a new poll"; }
  std::string operator()(const poll::RollSealed& p) const {
    return Cat("seal the roll of ", p.count, " credentials (SHA-256 of its parts ",
               base::Hex(p.parts_sha256), ", of the list of persons ", base::Hex(p.persons_sha256),
               ")");
  }
  std::string operator()(const poll::Opened&) const {
    const poll::Definition& d = definition();
    return Cat("open the poll: definition, roll (", state.entitled(),
               " entitled) and keys are fixed from then on; tokens from ",
               base::FormatUtc(d.issuing_from), ", ballots from ", base::FormatUtc(d.casting_from),
               " to ", base::FormatUtc(d.end));
  }
  std::string operator()(const poll::Paused& p) const {
    return Cat(
        "pause the poll: no tokens and no ballots until it is resumed, the end stays; for "
        "everybody to read: \"",
        p.reason, "\"");
  }
  std::string operator()(const poll::Resumed&) const {
    return Cat("end the pause: tokens and ballots are taken again until ",
               base::FormatUtc(state.end()));
  }
  std::string operator()(const poll::Extended& p) const {
    return Cat("move the end of voting from ", base::FormatUtc(state.end()), " to ",
               base::FormatUtc(p.end), "; for everybody to read: \"", p.reason, "\"");
  }
  std::string operator()(const poll::CredentialReplaced& p) const {
    return Cat("replace credential ", base::Hex(p.old_credential.bytes()), " on the roll by ",
               base::Hex(p.new_credential.bytes()),
               ". If a token was given for the old one already, which only the issuers can see "
               "until the poll is closed, they will refuse the new one: nobody votes twice");
  }
  std::string operator()(const poll::Closed&) const {
    return Cat("close the ballot box: the last of ", state.ballot_records(), " ballots of each of ",
               state.distinct_ballots(), " ballot keys is counted, and nothing else");
  }
  std::string operator()(const poll::RegisterMissing& p) const {
    const std::string name =
        p.issuer < definition().issuers.size() ? definition().issuers[p.issuer].name : "unknown";
    return Cat("declare the register of issuer ", p.issuer, " (", name,
               ") missing: the result will say that nobody can check whether only those entitled "
               "voted; for everybody to read: \"",
               p.reason, "\"");
  }
  std::string operator()(const poll::Lot& p) const {
    return Cat("record the outcome of the public draw: \"", p.outcome, "\"");
  }
  std::string operator()(const poll::PaperCounted& p) const {
    return Cat("add the votes on paper of ", DescribePaper(definition(), p));
  }
  std::string operator()(const poll::Certified& p) const {
    return Cat("certify the result (SHA-256 of the certificate ",
               base::Hex(crypto::HashSha256(p.body)), ")");
  }
  std::string operator()(const poll::Cancelled& p) const {
    return Cat(
        "cancel the poll for good: nothing is decrypted after it, no result will be known; "
        "for everybody to read: \"",
        p.reason, "\"");
  }
  template <typename T>
  requires(!requires(T p) { p.approvals; }) std::string operator()(const T&) const { return ""; }
};

}  // namespace

absl::StatusOr<uint32_t> OfficialNumber(const poll::Definition& definition,
                                        const crypto::Ed25519Public& key) {
  for (uint32_t i = 0; i < definition.officials.size(); ++i) {
    if (definition.officials[i].key == key) return i;
  }
  return base::Failure(absl::StatusCode::kNotFound,
                       Cat("the key ", base::Hex(key), " is no official's of this poll"));
}

absl::Status MayTake(const poll::State& state, const poll::Payload& step) {
  return std::visit(Judge{state, poll::KindName(static_cast<uint8_t>(poll::KindOf(step)))}, step);
}

std::string PendingStep::code() const { return base::Hex(crypto::HashSha256(body)).substr(0, 8); }

absl::StatusOr<v1::PendingResponse> ListPending(Connection& connection, const std::string& poll) {
  v1::PendingRequest request;
  request.set_poll(poll);
  auto pending = Call(connection.officials(), &v1::Officials::Stub::Pending, request);
  if (absl::IsUnimplemented(pending.status())) return v1::PendingResponse();
  return pending;
}

absl::StatusOr<std::vector<PendingStep>> FetchPending(Connection& connection,
                                                      const poll::State& state) {
  URNA_ASSIGN_OR_RETURN(const v1::PendingResponse response,
                        ListPending(connection, std::string(base::View(state.poll()))));
  const poll::Definition& definition = *state.definition();
  const auto numbers = [&](const auto& keys) {
    std::vector<uint32_t> out;
    for (const std::string& key : keys) {
      for (uint32_t i = 0; i < definition.officials.size(); ++i) {
        if (base::View(definition.officials[i].key) == key) out.push_back(i);
      }
    }
    return out;
  };
  std::vector<PendingStep> pending;
  for (const v1::PendingStep& step : response.steps()) {
    // No approvals are one zero byte.
    auto payload =
        poll::DecodePayload(static_cast<uint8_t>(step.kind()), step.body() + '\0', &definition);
    if (!payload.ok()) return base::Annotate(payload.status(), "a step that the server shows");
    pending.push_back({*std::move(payload), step.body(), numbers(step.officials()),
                       numbers(step.lapsed()), step.since()});
  }
  return pending;
}

std::vector<PendingStep> Competing(const std::vector<PendingStep>& pending,
                                   const poll::Payload& step, uint32_t official) {
  std::vector<PendingStep> out;
  for (const PendingStep& other : pending) {
    if (poll::KindOf(other.step) != poll::KindOf(step) ||
        poll::StepSubject(other.step) != poll::StepSubject(step) ||
        other.body == poll::PayloadBody(step)) {
      continue;
    }
    if (std::ranges::any_of(other.approved, [&](uint32_t i) { return i != official; })) {
      out.push_back(other);
    }
  }
  return out;
}

std::string DescribeStep(const poll::State& state, const poll::Payload& step) {
  return std::visit(Describer{state}, step);
}

absl::StatusOr<uint32_t> Withdraw(Connection& connection, const poll::State& state,
                                  const poll::Payload& step, uint32_t official,
                                  const crypto::Ed25519Key& key) {
  const poll::RecordKind kind = poll::KindOf(step);
  v1::WithdrawRequest request;
  request.set_poll(std::string(base::View(state.poll())));
  request.set_kind(static_cast<uint32_t>(kind));
  request.set_body(poll::PayloadBody(step));
  request.set_official(std::string(base::View(key.public_key())));
  // Ed25519 is deterministic: this is the signature that was sent.
  const auto approval =
      key.Sign(poll::OfficialMessage(kind, state.PlaceFor(kind, official), request.body()));
  request.set_signature(std::string(base::View(key.Sign(poll::WithdrawalMessage(approval)))));
  URNA_ASSIGN_OR_RETURN(const v1::WithdrawResponse response,
                        Call(connection.officials(), &v1::Officials::Stub::Withdraw, request));
  return response.approvals();
}

absl::StatusOr<v1::ApproveResponse> Approve(Connection& connection, const poll::State& state,
                                            const poll::Payload& step, uint32_t official,
                                            const crypto::Ed25519Key& key,
                                            std::string_view attachment) {
  URNA_RETURN_IF_ERROR(MayTake(state, step));
  const poll::RecordKind kind = poll::KindOf(step);
  const std::string body = poll::PayloadBody(step);
  const crypto::Ed25519Signature signature =
      key.Sign(poll::OfficialMessage(kind, state.PlaceFor(kind, official), body));
  v1::Step sent;
  if (kind != poll::RecordKind::kDefined) sent.set_poll(std::string(base::View(state.poll())));
  sent.set_kind(static_cast<uint32_t>(kind));
  sent.set_body(body);
  sent.set_official(std::string(base::View(key.public_key())));
  sent.set_signature(std::string(base::View(signature)));
  if (!attachment.empty()) {
    URNA_ASSIGN_OR_RETURN(const bool pending, IsPending(connection, sent));
    if (pending) attachment = "";
  }
  grpc::ClientContext context;
  SetDeadline(context);
  v1::ApproveResponse response;
  const auto stream = connection.officials().Approve(&context, &response);
  v1::ApproveRequest request;
  *request.mutable_step() = std::move(sent);
  // A server that refuses stops reading; Finish tells why.
  bool writing = stream->Write(request);
  while (writing && !attachment.empty()) {
    const std::string_view piece =
        attachment.substr(0, std::min(attachment.size(), kAttachmentPieceBytes));
    attachment.remove_prefix(piece.size());
    request.set_attachment(std::string(piece));
    writing = stream->Write(request);
  }
  stream->WritesDone();
  URNA_RETURN_IF_ERROR(FromGrpc(stream->Finish(), context));
  return response;
}

}  // namespace urna::client
