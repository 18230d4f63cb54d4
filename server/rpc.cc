#include "server/rpc.h"

#include <algorithm>
#include <array>

namespace urna::server {
namespace {

// What another time, or another state of the poll, would let pass.
constexpr std::array<std::string_view, 19> kTooEarlyOrLate = {
    "record.out-of-order",
    "ballot.too-early",
    "ballot.not-open",
    "ballot.paused",
    "ballot.time",
    "poll.ended",
    "poll.ended-early",
    "issuing.too-early",
    "issuing.not-open",
    "issuing.paused",
    "issuance.last-missing",
    "decryption.early",
    "mix.early",
    "mix.late",
    "tally.incomplete",
    "lot.late",
    "token.session-unknown",
    "definition.over",
};

grpc::StatusCode CodeOf(const absl::Status& status, std::string_view reject) {
  // The codes of absl and gRPC are the same numbers.
  if (reject.empty()) return static_cast<grpc::StatusCode>(status.code());
  if (reject == "official.unknown" || reject.ends_with(".signature-invalid")) {
    return grpc::StatusCode::PERMISSION_DENIED;
  }
  if (std::ranges::find(kTooEarlyOrLate, reject) != kTooEarlyOrLate.end()) {
    return grpc::StatusCode::FAILED_PRECONDITION;
  }
  return grpc::StatusCode::INVALID_ARGUMENT;
}

}  // namespace

grpc::Status ToGrpc(const absl::Status& status, grpc::CallbackServerContext* context) {
  if (status.ok()) return grpc::Status::OK;
  const std::string reject = base::RejectId(status);
  if (!reject.empty()) context->AddTrailingMetadata("urna-reject", reject);
  if (const auto after = RetryAfter(status); after.has_value()) {
    context->AddTrailingMetadata("grpc-retry-pushback-ms", std::to_string(after->count()));
  }
  return grpc::Status(CodeOf(status, reject), std::string(status.message()));
}

absl::StatusOr<crypto::Point> PointField(std::string_view name, std::string_view bytes) {
  auto point = crypto::Point::DecodeNonIdentity(bytes);
  if (!point.ok()) return base::Annotate(point.status(), name);
  return point;
}

absl::StatusOr<crypto::Scalar> ScalarField(std::string_view name, std::string_view bytes) {
  auto scalar = crypto::Scalar::Decode(bytes);
  if (!scalar.ok()) return base::Annotate(scalar.status(), name);
  return scalar;
}

absl::Status LimitField(std::string_view name, std::string_view bytes, size_t most) {
  if (bytes.size() <= most) return absl::OkStatus();
  return base::Reject("request.malformed", base::Cat(name, ": has ", bytes.size(),
                                                     " bytes, at most ", most, " are allowed"));
}

grpc::ServerUnaryReactor* Refuse(grpc::CallbackServerContext* context, const absl::Status& status) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  reactor->Finish(ToGrpc(status, context));
  return reactor;
}

}  // namespace urna::server
