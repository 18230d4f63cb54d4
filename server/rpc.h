#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"
#include "crypto/group.h"
#include "server/lane.h"

namespace urna::server {

/// gRPC's side of an answer: the code, and for a rejection its id in trailing metadata.
grpc::Status ToGrpc(const absl::Status& status, grpc::CallbackServerContext* context);

absl::Status QueueFull();

// --- Fields of requests. Errors name the field: Reject("request.malformed").

template <size_t N>
absl::StatusOr<std::array<uint8_t, N>> FixedField(std::string_view name, std::string_view bytes) {
  if (bytes.size() != N) {
    return base::Reject("request.malformed",
                        base::Cat(name, ": has ", bytes.size(), " bytes, must have ", N));
  }
  std::array<uint8_t, N> out;
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}
absl::StatusOr<crypto::Point> PointField(std::string_view name, std::string_view bytes);
absl::StatusOr<crypto::Scalar> ScalarField(std::string_view name, std::string_view bytes);
absl::Status LimitField(std::string_view name, std::string_view bytes, size_t most);

/// Runs `work` on a lane and finishes the call with its status. gRPC's own threads never wait.
template <typename Work>
grpc::ServerUnaryReactor* Unary(TaskLane& lane, grpc::CallbackServerContext* context, Work work) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const bool queued = lane.TryPush([context, reactor, work = std::move(work)] {
    // Nobody waits for the answer any more: no work for it.
    const absl::Status status =
        context->IsCancelled() ? base::Failure(absl::StatusCode::kCancelled, "cancelled") : work();
    reactor->Finish(ToGrpc(status, context));
  });
  if (!queued) reactor->Finish(ToGrpc(QueueFull(), context));
  return reactor;
}

/// Finishes a call whose request is refused before any queue.
grpc::ServerUnaryReactor* Refuse(grpc::CallbackServerContext* context, const absl::Status& status);

/// How many streams one service may have at a time.
class StreamLimit {
 public:
  explicit StreamLimit(int most) : free_(most) {}
  bool TryTake() {
    if (free_.fetch_sub(1) > 0) return true;
    free_.fetch_add(1);
    return false;
  }
  void Give() { free_.fetch_add(1); }

 private:
  std::atomic<int> free_;
};

/// A stream of answers. `next` fills one in on the lane, or says that there is none.
template <typename Response>
class StreamOut final : public grpc::ServerWriteReactor<Response> {
 public:
  using Next = std::function<absl::StatusOr<bool>(Response*)>;

  static StreamOut* Start(TaskLane& lane, StreamLimit& limit, grpc::CallbackServerContext* context,
                          Next next) {
    auto* stream = new StreamOut(lane, limit, context, std::move(next));
    stream->taken_ = limit.TryTake();
    if (!stream->taken_ || !lane.TryPush([stream] { stream->Step(); })) stream->End(QueueFull());
    return stream;
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return End(base::Failure(absl::StatusCode::kCancelled, "cancelled"));
    if (!lane_.Resume([this] { Step(); })) End(QueueFull());
  }
  void OnDone() override {
    if (taken_) limit_.Give();
    delete this;
  }

 private:
  StreamOut(TaskLane& lane, StreamLimit& limit, grpc::CallbackServerContext* context, Next next)
      : lane_(lane), limit_(limit), context_(context), next_(std::move(next)) {}

  void Step() {
    response_.Clear();
    const absl::StatusOr<bool> more = next_(&response_);
    if (!more.ok()) return End(more.status());
    if (!*more) return End(absl::OkStatus());
    this->StartWrite(&response_);
  }
  void End(const absl::Status& status) { this->Finish(ToGrpc(status, context_)); }

  TaskLane& lane_;
  StreamLimit& limit_;
  grpc::CallbackServerContext* const context_;
  const Next next_;
  Response response_;
  bool taken_ = false;
};

}  // namespace urna::server
