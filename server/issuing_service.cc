#include <shared_mutex>
#include <utility>

#include "base/status.h"
#include "base/text.h"
#include "server/issuer_duties.h"
#include "server/services.h"

namespace urna::server {
namespace {

using base::Cat;
using base::Reject;
using poll::Phase;

absl::StatusOr<crypto::CredentialSignature> SignatureField(std::string_view bytes) {
  URNA_RETURN_IF_ERROR(FixedField<64>("signature", bytes).status());
  crypto::CredentialSignature signature;
  URNA_ASSIGN_OR_RETURN(signature.U, PointField("signature, U", bytes.substr(0, 32)));
  URNA_ASSIGN_OR_RETURN(signature.z, ScalarField("signature, z", bytes.substr(32)));
  return signature;
}

std::string OfferBytes(const crypto::TokenOffer& offer) {
  return Cat(offer.A.view(), offer.C.view());
}
std::string AnswerBytes(const crypto::IssuerAnswer& answer) {
  return Cat(answer.s.view(), answer.y.view(), answer.t.view());
}

/// Why no token is given at this moment, or OK.
absl::Status CheckIssuing(Phase phase, uint64_t now, uint64_t from, uint64_t end) {
  switch (phase) {
    case Phase::kOpen:
      break;
    case Phase::kPaused:
      return Reject("issuing.paused", "the poll is paused");
    case Phase::kEnded:
    case Phase::kClosed:
    case Phase::kCertified:
    case Phase::kCancelled:
      return Reject("poll.ended", Cat("the poll is ", poll::PhaseName(phase)));
    case Phase::kEmpty:
    case Phase::kDefining:
    case Phase::kRoll:
    case Phase::kIssuers:
    case Phase::kJoining:
    case Phase::kDealing:
    case Phase::kConfirming:
    case Phase::kReady:
    case Phase::kFailed:
      return Reject("issuing.not-open", Cat("the poll is ", poll::PhaseName(phase)));
  }
  if (now < from) {
    return Reject("issuing.too-early", Cat("tokens are given from ", base::FormatUtc(from)));
  }
  if (now >= end) return Reject("poll.ended", "the poll has ended");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Issuer::Standing> IssuingService::Look(const LivePoll& poll,
                                                      const Point& credential) const {
  std::shared_lock guard(poll.lock);
  const poll::State& state = poll.state;
  Issuer::Standing standing;
  standing.context = state.context();
  standing.issuing =
      CheckIssuing(state.phase(), clock_.Now(), state.definition()->issuing_from, state.end());
  if (!poll.hold.ok()) standing.issuing = poll.hold;
  if (standing.issuing.ok()) standing.issuing = disk_.Admit(DiskWatch::Use::kTake);
  if (standing.context == nullptr) return standing.issuing;
  standing.style = state.StyleOf(credential);
  for (auto old = state.ReplacedBy(credential); old.has_value(); old = state.ReplacedBy(*old)) {
    standing.replaced.push_back(*old);
  }
  return standing;
}

template <typename Request>
absl::StatusOr<IssuingService::Asked> IssuingService::Ask(const Request& request) const {
  URNA_ASSIGN_OR_RETURN(const Hash32 id, FixedField<32>("poll", request.poll()));
  URNA_ASSIGN_OR_RETURN(const Point credential, PointField("credential", request.credential()));
  URNA_ASSIGN_OR_RETURN(const auto signature, SignatureField(request.signature()));
  const auto poll = book_.Find(id);
  if (poll == nullptr) return UnknownPoll(id);
  const auto definition = poll->view()->definition;
  if (request.issuer() >= definition->issuers.size()) {
    return Reject("issuer.unknown",
                  Cat("issuer ", request.issuer(), " of ", definition->issuers.size()));
  }
  const poll::Party& party = definition->issuers[request.issuer()];
  Issuer* const issuer = FindIssuer(issuers_, party.key);
  if (issuer == nullptr) {
    return base::Failure(
        absl::StatusCode::kNotFound,
        Cat("issuer ", request.issuer(), " (", party.name, ") is not run by this server"));
  }
  return Asked{issuer,
               {.poll = id,
                .index = static_cast<uint8_t>(request.issuer()),
                .credential = credential,
                .signature = signature,
                .look = [this, poll, credential] { return Look(*poll, credential); }}};
}

grpc::ServerUnaryReactor* IssuingService::Begin(grpc::CallbackServerContext* context,
                                                const v1::BeginRequest* request,
                                                v1::BeginResponse* response) {
  return Unary(begin_, context, [this, request, response]() -> absl::Status {
    URNA_ASSIGN_OR_RETURN(const Asked asked, Ask(*request));
    URNA_ASSIGN_OR_RETURN(const Issuer::Offer offer, asked.issuer->Begin(asked.request));
    response->set_session(std::string(base::View(offer.session)));
    response->set_offer(OfferBytes(offer.offer));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* IssuingService::Answer(grpc::CallbackServerContext* context,
                                                 const v1::AnswerRequest* request,
                                                 v1::AnswerResponse* response) {
  return Unary(answer_, context, [this, request, response]() -> absl::Status {
    URNA_ASSIGN_OR_RETURN(const Asked asked, Ask(*request));
    URNA_ASSIGN_OR_RETURN(const auto session, FixedField<16>("session", request->session()));
    URNA_ASSIGN_OR_RETURN(const Scalar c, ScalarField("challenge", request->challenge()));
    URNA_ASSIGN_OR_RETURN(const auto answer, asked.issuer->Answer(asked.request, session, c));
    response->set_answer(AnswerBytes(answer));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* IssuingService::Fetch(grpc::CallbackServerContext* context,
                                                const v1::FetchRequest* request,
                                                v1::FetchResponse* response) {
  return Unary(fetch_, context, [this, request, response]() -> absl::Status {
    URNA_ASSIGN_OR_RETURN(const Asked asked, Ask(*request));
    URNA_ASSIGN_OR_RETURN(const auto entry, asked.issuer->Fetch(asked.request));
    response->set_offer(OfferBytes(entry.offer));
    response->set_challenge(std::string(entry.c.view()));
    response->set_answer(AnswerBytes(entry.answer));
    return absl::OkStatus();
  });
}

void IssuingService::Drain() {
  for (TaskMethod* method : {&begin_, &answer_, &fetch_}) method->Drain();
}

}  // namespace urna::server
