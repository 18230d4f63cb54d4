#include <shared_mutex>
#include <utility>

#include "base/status.h"
#include "base/text.h"
#include "ledger/record.h"
#include "server/services.h"

namespace urna::server {
namespace {

using base::Cat;
using base::Reject;
using poll::RecordKind;
using std::chrono::seconds;

constexpr size_t kMaxReceived = size_t{256} << 20;
constexpr size_t kAttachmentChunk = size_t{256} << 10;

absl::StatusOr<RecordKind> KindField(uint32_t kind) {
  if (kind < 1 || kind > static_cast<uint32_t>(RecordKind::kCancelled)) {
    return Reject("record.kind-unknown", Cat("kind ", kind));
  }
  return static_cast<RecordKind>(kind);
}

/// The empty field stands for polls that are being defined.
absl::StatusOr<std::optional<Hash32>> OptionalPollField(std::string_view bytes) {
  if (bytes.empty()) return std::optional<Hash32>();
  URNA_ASSIGN_OR_RETURN(const Hash32 id, FixedField<32>("poll", bytes));
  return std::optional(id);
}

/// A Step or a WithdrawRequest.
template <typename Message>
absl::StatusOr<Steps::Step> StepField(const Message& message) {
  Steps::Step step;
  URNA_ASSIGN_OR_RETURN(step.poll, OptionalPollField(message.poll()));
  URNA_ASSIGN_OR_RETURN(step.kind, KindField(message.kind()));
  URNA_RETURN_IF_ERROR(LimitField("body", message.body(), ledger::kMaxPayloadBytes));
  step.body = message.body();
  URNA_ASSIGN_OR_RETURN(step.official, FixedField<32>("official", message.official()));
  URNA_ASSIGN_OR_RETURN(step.signature, FixedField<64>("signature", message.signature()));
  return step;
}

}  // namespace

// --- Officials -----------------------------------------------------------------------------------

/// One Approve stream. Attachments are received only after the step's signature was found good, so
/// that strangers cannot make the server keep bytes for them.
class OfficialsService::ApproveCall final : public grpc::ServerReadReactor<v1::ApproveRequest> {
 public:
  ApproveCall(OfficialsService& service, grpc::CallbackServerContext* context,
              v1::ApproveResponse* response)
      : service_(service), context_(context), response_(response) {
    const absl::Status begun = Begin();
    if (begun.ok()) {
      StartRead(&message_);
    } else {
      End(begun);
    }
  }

  void OnReadDone(bool ok) override {
    if (context_->IsCancelled()) {
      End(base::Failure(absl::StatusCode::kCancelled, "cancelled"));
    } else if (!step_.has_value()) {
      TakeStep(ok);
    } else if (ok) {
      TakeAttachment();
    } else {
      const absl::Status resumed = service_.approve_.Resume([this] { End(Approve()); });
      if (!resumed.ok()) End(resumed);
    }
  }
  void OnDone() override {
    service_.received_ -= attachment_bytes_;
    delete this;
  }

 private:
  absl::Status Begin() {
    URNA_RETURN_IF_ERROR(service_.approve_.Admit());
    URNA_ASSIGN_OR_RETURN(place_, service_.approvals_.Take(service_.approve_, context_));
    return absl::OkStatus();
  }

  void TakeStep(bool ok) {
    if (!ok || !message_.has_step()) {
      return End(Reject("request.malformed", "the first message must carry the step"));
    }
    auto step = StepField(message_.step());
    if (!step.ok()) return End(step.status());
    step_ = *std::move(step);
    const absl::Status queued = service_.approve_.Enqueue([this] {
      const absl::Status status = service_.steps_.CheckSubmitter(*step_);
      if (!status.ok()) return End(status);
      StartRead(&message_);
    });
    if (!queued.ok()) End(queued);
  }

  void TakeAttachment() {
    if (message_.has_step()) {
      return End(Reject("request.malformed", "only the first message may carry the step"));
    }
    const size_t size = message_.attachment().size();
    if (attachment_.size() + size > Steps::kMaxAttachmentBytes) {
      return End(Reject("request.malformed",
                        Cat("attachment: more than ", Steps::kMaxAttachmentBytes, " bytes")));
    }
    attachment_bytes_ += size;
    if ((service_.received_ += size) > kMaxReceived) {
      return End(service_.approve_.TooMany("is receiving too many large steps", seconds(30)));
    }
    attachment_ += message_.attachment();
    StartRead(&message_);
  }

  absl::Status Approve() {
    URNA_ASSIGN_OR_RETURN(const Steps::Progress progress,
                          service_.steps_.Approve(*step_, std::move(attachment_)));
    response_->set_recorded(progress.recorded);
    response_->set_approvals(progress.approvals);
    response_->set_needed(progress.needed);
    if (progress.recorded || step_->poll.has_value()) {
      response_->set_poll(std::string(base::View(progress.poll)));
    }
    return absl::OkStatus();
  }

  void End(const absl::Status& status) { Finish(ToGrpc(status, context_)); }

  OfficialsService& service_;
  grpc::CallbackServerContext* const context_;
  v1::ApproveResponse* const response_;
  v1::ApproveRequest message_;
  std::optional<Steps::Step> step_;
  std::string attachment_;
  size_t attachment_bytes_ = 0;
  std::unique_ptr<StreamLimit::Place> place_;
};

grpc::ServerReadReactor<v1::ApproveRequest>* OfficialsService::Approve(
    grpc::CallbackServerContext* context, v1::ApproveResponse* response) {
  return new ApproveCall(*this, context, response);
}

grpc::ServerUnaryReactor* OfficialsService::Withdraw(grpc::CallbackServerContext* context,
                                                     const v1::WithdrawRequest* request,
                                                     v1::WithdrawResponse* response) {
  return Unary(withdraw_, context, [this, request, response]() -> absl::Status {
    URNA_ASSIGN_OR_RETURN(const Steps::Step step, StepField(*request));
    URNA_ASSIGN_OR_RETURN(const uint32_t left, steps_.Withdraw(step));
    response->set_approvals(left);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* OfficialsService::Pending(grpc::CallbackServerContext* context,
                                                    const v1::PendingRequest* request,
                                                    v1::PendingResponse* response) {
  return Unary(pending_, context, [this, request, response]() -> absl::Status {
    URNA_ASSIGN_OR_RETURN(const auto poll, OptionalPollField(request->poll()));
    for (const Steps::Pending& pending : steps_.List(poll)) {
      v1::PendingStep* step = response->add_steps();
      if (pending.poll.has_value()) step->set_poll(std::string(base::View(*pending.poll)));
      step->set_kind(static_cast<uint32_t>(pending.kind));
      step->set_body(pending.body);
      for (const auto& key : pending.officials) step->add_officials(std::string(base::View(key)));
      step->set_needed(pending.needed);
      for (const auto& key : pending.lapsed) step->add_lapsed(std::string(base::View(key)));
      step->set_stale(pending.stale);
      step->set_since(pending.since);
    }
    return absl::OkStatus();
  });
}

grpc::ServerWriteReactor<v1::AttachmentChunk>* OfficialsService::Attachment(
    grpc::CallbackServerContext* context, const v1::AttachmentRequest* request) {
  // The request lives only until the first answer.
  const v1::AttachmentRequest asked = *request;
  std::shared_ptr<const std::string> attachment;
  const auto next = [this, asked, attachment,
                     sent = size_t{0}](v1::AttachmentChunk* chunk) mutable -> absl::StatusOr<bool> {
    if (attachment == nullptr) {
      URNA_ASSIGN_OR_RETURN(const auto poll, OptionalPollField(asked.poll()));
      URNA_ASSIGN_OR_RETURN(const RecordKind kind, KindField(asked.kind()));
      URNA_ASSIGN_OR_RETURN(attachment, steps_.Attachment(poll, kind, asked.body()));
    }
    if (sent == attachment->size()) return false;
    chunk->set_bytes(attachment->substr(sent, kAttachmentChunk));
    sent += chunk->bytes().size();
    return true;
  };
  return StreamOut<v1::AttachmentChunk>::Start(attachment_, attachments_, context, next);
}

void OfficialsService::Drain() {
  for (TaskMethod* method : {&approve_, &withdraw_, &pending_, &attachment_}) method->Drain();
}

// --- Trustees ------------------------------------------------------------------------------------

namespace {

/// The trustee who signs, and the signature; nothing for payloads of others.
struct Signed {
  uint8_t trustee;
  const crypto::Ed25519Signature* signature;
};
std::optional<Signed> TrusteeOf(const poll::Payload& payload) {
  return std::visit(
      [](const auto& p) -> std::optional<Signed> {
        if constexpr (requires {
                        p.trustee;
                        p.signature;
                      })
          return Signed{p.trustee, &p.signature};
        return std::nullopt;
      },
      payload);
}

}  // namespace

grpc::ServerUnaryReactor* TrusteesService::Submit(grpc::CallbackServerContext* context,
                                                  const v1::SubmitRequest* request,
                                                  v1::SubmitResponse* response) {
  const absl::Status fits = LimitField("payload", request->payload(), ledger::kMaxPayloadBytes);
  if (!fits.ok()) return Refuse(context, fits);
  return Unary(submit_, context, [this, request, response] { return Take(*request, response); });
}

absl::Status TrusteesService::Take(const v1::SubmitRequest& request, v1::SubmitResponse* response) {
  URNA_ASSIGN_OR_RETURN(const Hash32 id, FixedField<32>("poll", request.poll()));
  URNA_ASSIGN_OR_RETURN(const RecordKind kind, KindField(request.kind()));
  const auto poll = book_.Find(id);
  if (poll == nullptr) return UnknownPoll(id);
  const auto view = poll->view();
  URNA_ASSIGN_OR_RETURN(
      const poll::Payload payload,
      poll::DecodePayload(static_cast<uint8_t>(kind), request.payload(), view->definition.get()));
  const std::optional<Signed> by = TrusteeOf(payload);
  if (!by.has_value()) {
    return Reject("step.kind", Cat("'", poll::KindName(static_cast<uint8_t>(kind)),
                                   "' is not a record of trustees"));
  }
  // The same again, because the answer was lost, is the same record.
  const auto same = store_.FindBody(id, crypto::HashSha256(request.payload()));
  if (same.ok() && *same < view->head_size) {
    response->set_index(*same);
    return absl::OkStatus();
  }
  if (by->trustee < 1 || by->trustee > view->definition->trustees.size()) {
    return Reject("trustee.unknown", Cat("trustee ", by->trustee));
  }
  uint64_t counter = 0;
  {
    std::shared_lock guard(poll->lock);
    counter = poll->state.TrusteeCounter(by->trustee);
  }
  const std::string message = poll::ParticipantMessage("trustee", kind, id, by->trustee, counter,
                                                       poll::PayloadBody(payload));
  if (!crypto::VerifyEd25519(view->definition->trustees[by->trustee - 1].key, message,
                             *by->signature)) {
    return Reject("trustee.signature-invalid",
                  Cat("'", poll::KindName(static_cast<uint8_t>(kind)), "' of trustee ", by->trustee,
                      " is not signed by its key at this place"));
  }
  URNA_ASSIGN_OR_RETURN(
      Checked checked, Check(view->definition.get(), view->context.get(), kind, request.payload()));
  std::vector<Checked> payloads;
  payloads.push_back(std::move(checked));
  URNA_ASSIGN_OR_RETURN(const Appended appended,
                        sequencer_.SubmitAndWait(poll, std::move(payloads)));
  log_.Line(Cat("poll ", base::Hex(id), ": '", poll::KindName(static_cast<uint8_t>(kind)),
                "' of trustee ", by->trustee, " is recorded"));
  response->set_index(appended.index);
  return absl::OkStatus();
}

}  // namespace urna::server
