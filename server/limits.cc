#include "server/limits.h"

#include <grpcpp/resource_quota.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/cord.h"
#include "base/status.h"
#include "base/text.h"
#include "crypto/check.h"

namespace urna::server {
namespace {

using base::Cat;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr absl::string_view kRetryUrl = "urna.retry-after-ms";
constexpr seconds kBurst{10};

constexpr int kMaxMessageBytes = 1 << 20;
constexpr int kMaxMetadataBytes = 8 << 10;
constexpr int kMaxCallsPerConnection = 128;
// Only reflection is served by threads of gRPC's own, one for each of its streams.
constexpr int kMaxGrpcThreads = 16;

int Milliseconds(milliseconds time) { return static_cast<int>(time.count()); }

}  // namespace

absl::Status TryLater(std::string_view why, milliseconds after) {
  const auto whole = std::max(seconds(1), std::chrono::ceil<seconds>(after));
  absl::Status status = base::Failure(
      absl::StatusCode::kResourceExhausted,
      Cat(why, "; try again in ", whole.count(), whole.count() == 1 ? " second" : " seconds"));
  status.SetPayload(kRetryUrl, absl::Cord(std::to_string(milliseconds(whole).count())));
  return status;
}

std::optional<milliseconds> RetryAfter(const absl::Status& status) {
  const auto payload = status.GetPayload(kRetryUrl);
  uint64_t value = 0;
  if (!payload.has_value() || !base::ParseU64(std::string(*payload), &value)) return std::nullopt;
  return milliseconds(value);
}

RateLimit::RateLimit(uint64_t per_second, const Clock& clock)
    : per_second_(per_second), clock_(clock) {}

nanoseconds RateLimit::Take() {
  if (per_second_ == 0) return nanoseconds(0);
  const nanoseconds price = nanoseconds(seconds(1)) / per_second_;
  const auto now = clock_.Ticks();
  std::lock_guard guard(mutex_);
  const auto paid = std::max(paid_until_, now) + price;
  if (paid > now + kBurst) return paid - (now + kBurst);
  paid_until_ = paid;
  return nanoseconds(0);
}

const MethodLimit& Limits::Find(std::string_view method) {
  const auto found = std::ranges::find(MethodLimits(), method, &MethodLimit::method);
  crypto::Check(found != MethodLimits().end(), "a method without limits");
  return *found;
}

// The alarm may go off while the call ends.
struct CallTimer::Call {
  std::mutex mutex;
  grpc::CallbackServerContext* context;
};

CallTimer::CallTimer(grpc::CallbackServerContext* context, seconds most)
    : call_(std::make_shared<Call>()) {
  call_->context = context;
  alarm_.Set(std::chrono::system_clock::now() + most, [call = call_](bool expired) {
    if (!expired) return;
    std::lock_guard guard(call->mutex);
    if (call->context != nullptr) call->context->TryCancel();
  });
}

CallTimer::~CallTimer() {
  {
    std::lock_guard guard(call_->mutex);
    call_->context = nullptr;
  }
  alarm_.Cancel();
}

void LimitTransport(grpc::ServerBuilder& builder, const Settings& settings) {
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
  // A small compressed message may become a huge one.
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);

  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxCallsPerConnection);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, Milliseconds(seconds(20)));
  // Also ends calls whose request never comes.
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS,
                             Milliseconds(std::chrono::minutes(5)));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS,
                             Milliseconds(std::chrono::minutes(30)));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS,
                             Milliseconds(seconds(settings.stream_seconds)));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, Milliseconds(std::chrono::minutes(1)));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, Milliseconds(seconds(20)));

  grpc::ResourceQuota quota("urna");
  quota.Resize(settings.memory << 20);
  quota.SetMaxThreads(kMaxGrpcThreads);
  builder.SetResourceQuota(quota);
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 1);
}

absl::Status HardenProcess() {
  const auto failed = [](std::string_view what) {
    return base::Failure(absl::StatusCode::kUnavailable, Cat(what, ": ", std::strerror(errno)));
  };
  const rlimit none{0, 0};
  if (setrlimit(RLIMIT_CORE, &none) != 0) return failed("switching core dumps off");
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return failed("closing the memory to others");
  // Connections and database files come out of one allowance; a database that gets none fails.
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return failed("asking for the limit of open files");
  files.rlim_cur = files.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &files) != 0) return failed("raising the limit of open files");
  return absl::OkStatus();
}

}  // namespace urna::server
