#include "client/official.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"

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
  absl::Status operator()(const poll::CredentialReplaced&) const {
    return Demand(IsVoting(state.phase()), state, step, "an open or paused poll");
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
    return Demand(state.phase() == Phase::kClosed, state, step, "a closed poll");
  }
  absl::Status operator()(const poll::Lot&) const {
    return Demand(state.phase() == Phase::kClosed, state, step, "a closed poll");
  }
  absl::Status operator()(const poll::PaperCounted&) const {
    return Demand(state.phase() == Phase::kClosed, state, step, "a closed poll");
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
  v1::PendingRequest request;
  request.set_poll(step.poll());
  URNA_ASSIGN_OR_RETURN(const v1::PendingResponse pending,
                        Call(connection.officials(), &v1::Officials::Stub::Pending, request));
  return std::ranges::any_of(pending.steps(), [&](const v1::PendingStep& other) {
    return other.kind() == step.kind() && other.body() == step.body() && !other.stale();
  });
}

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
