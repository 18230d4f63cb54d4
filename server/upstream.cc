#include "server/upstream.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/file.h"
#include "base/status.h"
#include "base/text.h"

namespace urna::server {
namespace {

using base::Cat;
using base::Failure;

constexpr auto kShort = std::chrono::seconds(30);
constexpr auto kRecords = std::chrono::minutes(2);
// The ballot box checks every entry of a register while it is received.
constexpr auto kRegister = std::chrono::hours(1);

}  // namespace

/// One call: cancelled by Stop, and its end in our words. gRPC's would name addresses.
class Upstream::Call {
 public:
  template <typename Duration>
  Call(Upstream& line, Duration deadline) : line_(line) {
    context_.set_deadline(std::chrono::system_clock::now() + deadline);
    std::lock_guard guard(line_.mutex_);
    line_.calls_.push_back(&context_);
    if (line_.stopped_) context_.TryCancel();
  }
  ~Call() {
    std::lock_guard guard(line_.mutex_);
    std::erase(line_.calls_, &context_);
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  grpc::ClientContext* context() { return &context_; }

  absl::Status End(const grpc::Status& status) const {
    if (status.ok()) return absl::OkStatus();
    const auto& trailer = context_.GetServerTrailingMetadata();
    const auto reject = trailer.find("urna-reject");
    if (reject != trailer.end()) {
      return base::Reject({reject->second.data(), reject->second.size()}, status.error_message());
    }
    const grpc::StatusCode code = status.error_code();
    return Failure(
        absl::StatusCode::kUnavailable,
        code == grpc::StatusCode::UNAVAILABLE ? "the ballot box cannot be reached; do `follow` and "
                                                "`follow-certificate` fit, and is it "
                                                "running?"
        : code == grpc::StatusCode::DEADLINE_EXCEEDED ? "the ballot box did not answer in time"
        : code == grpc::StatusCode::CANCELLED
            ? "stopped"
            : Cat("the ballot box failed: ", status.error_message()));
  }

 private:
  Upstream& line_;
  grpc::ClientContext context_;
};

absl::StatusOr<std::unique_ptr<Upstream>> Upstream::Open(const Options& options) {
  grpc::ChannelArguments arguments;
  // After an outage the ballot box is looked for again soon, not minutes later.
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 5000);
  std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials();
  if (!options.plaintext) {
    grpc::SslCredentialsOptions tls;
    if (!options.certificate.empty()) {
      URNA_ASSIGN_OR_RETURN(tls.pem_root_certs, base::ReadFile(options.certificate, 1 << 20));
      if (tls.pem_root_certs.find("-----BEGIN CERTIFICATE-----") == std::string::npos) {
        return Failure(absl::StatusCode::kInvalidArgument,
                       Cat(options.certificate, ": holds no PEM certificate"));
      }
    }
    credentials = grpc::SslCredentials(tls);
  } else {
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  }
  return std::unique_ptr<Upstream>(new Upstream(
      grpc::CreateCustomChannel(Cat("dns:///", options.target), credentials, arguments)));
}

absl::StatusOr<std::vector<Hash32>> Upstream::Polls() {
  Call call(*this, kShort);
  v1::ListPollsResponse response;
  URNA_RETURN_IF_ERROR(call.End(reading_->ListPolls(call.context(), {}, &response)));
  std::vector<Hash32> polls;
  for (const v1::PollSummary& summary : response.polls()) {
    Hash32 id;
    if (summary.poll().size() != id.size()) continue;
    std::ranges::copy(summary.poll(), id.begin());
    polls.push_back(id);
  }
  return polls;
}

absl::StatusOr<std::string> Upstream::Checkpoint(const Hash32& poll) {
  Call call(*this, kShort);
  v1::CheckpointRequest request;
  request.set_poll(std::string(base::View(poll)));
  v1::CheckpointResponse response;
  URNA_RETURN_IF_ERROR(call.End(reading_->Checkpoint(call.context(), request, &response)));
  return response.note();
}

absl::StatusOr<std::vector<std::string>> Upstream::Records(const Hash32& poll, uint64_t first,
                                                           uint64_t last) {
  Call call(*this, kRecords);
  v1::EntriesRequest request;
  request.set_poll(std::string(base::View(poll)));
  request.set_first(first);
  request.set_last(last);
  const auto stream = reading_->Entries(call.context(), request);
  std::vector<std::string> records;
  v1::EntriesResponse response;
  while (stream->Read(&response)) {
    for (std::string& record : *response.mutable_records()) records.push_back(std::move(record));
    if (records.size() > last - first) call.context()->TryCancel();
  }
  const absl::Status status = call.End(stream->Finish());
  if (records.size() > last - first) {
    return Failure(absl::StatusCode::kUnavailable, "the ballot box sent more records than asked");
  }
  URNA_RETURN_IF_ERROR(status);
  if (records.size() < last - first) {
    return Failure(absl::StatusCode::kUnavailable,
                   Cat("the ballot box did not send record ", first + records.size(),
                       ", which its checkpoint covers"));
  }
  return records;
}

absl::StatusOr<uint64_t> Upstream::Submit(const Hash32& poll, const IssuerDuties::Group& group) {
  Call call(*this, kRegister);
  v1::IssuerSubmitted response;
  const auto stream = issuers_->Submit(call.context(), &response);
  v1::IssuerSubmission message;
  v1::IssuerRecord& record = *message.mutable_record();
  record.set_poll(std::string(base::View(poll)));
  record.set_kind(static_cast<uint32_t>(poll::KindOf(group.payloads.back())));
  record.set_payload(poll::EncodePayload(group.payloads.back()));
  record.set_last(group.last_count);
  bool open = stream->Write(message);
  for (size_t i = 0; open && i + 1 < group.payloads.size(); ++i) {
    message.set_register_part(poll::EncodePayload(group.payloads[i]));
    open = stream->Write(message);
  }
  stream->WritesDone();
  URNA_RETURN_IF_ERROR(call.End(stream->Finish()));
  return response.index();
}

void Upstream::Stop() {
  std::lock_guard guard(mutex_);
  stopped_ = true;
  for (grpc::ClientContext* call : calls_) call->TryCancel();
}

}  // namespace urna::server
