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
#include "server/limits.h"

namespace urna::server {

/// gRPC's side of an answer: the code, and in trailing metadata a rejection's id, or when to come
/// back ("grpc-retry-pushback-ms", which gRPC's own retries obey).
grpc::Status ToGrpc(const absl::Status& status, grpc::CallbackServerContext* context);

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

/// Runs `work` on the method's threads and finishes the call with its status. gRPC's own threads
/// never wait.
template <typename Work>
grpc::ServerUnaryReactor* Unary(TaskMethod& method, grpc::CallbackServerContext* context,
                                Work work) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  absl::Status admitted = method.Admit();
  if (admitted.ok()) {
    admitted = method.Enqueue([context, reactor, work = std::move(work)] {
      // Nobody waits for the answer any more: no work for it.
      const absl::Status status = context->IsCancelled()
                                      ? base::Failure(absl::StatusCode::kCancelled, "cancelled")
                                      : work();
      reactor->Finish(ToGrpc(status, context));
    });
  }
  if (!admitted.ok()) reactor->Finish(ToGrpc(admitted, context));
  return reactor;
}

/// Finishes a call whose request is refused before any queue.
grpc::ServerUnaryReactor* Refuse(grpc::CallbackServerContext* context, const absl::Status& status);

/// The streams that one method may have at a time, and for how long each.
class StreamLimit {
 public:
  StreamLimit(int most, std::chrono::seconds time) : time_(time), most_(most), free_(most) {}

  /// One of the places, until it is given back by the end of its life.
  class Place {
   public:
    Place(StreamLimit& limit, grpc::CallbackServerContext* context)
        : limit_(limit), timer_(context, limit.time_) {}
    ~Place() { ++limit_.free_; }

   private:
    StreamLimit& limit_;
    CallTimer timer_;
  };
  /// Errors: ResourceExhausted.
  template <typename Item>
  absl::StatusOr<std::unique_ptr<Place>> Take(const Method<Item>& method,
                                              grpc::CallbackServerContext* context) {
    if (free_.fetch_sub(1) > 0) return std::make_unique<Place>(*this, context);
    ++free_;
    return method.TooMany(base::Cat("has ", most_, " calls under way"), std::chrono::seconds(5));
  }

 private:
  const std::chrono::seconds time_;
  const int most_;
  std::atomic<int> free_;
};

/// A stream of answers. `next` fills one in on the method's threads, or says that there is none.
template <typename Response>
class StreamOut final : public grpc::ServerWriteReactor<Response> {
 public:
  using Next = std::function<absl::StatusOr<bool>(Response*)>;

  static StreamOut* Start(TaskMethod& method, StreamLimit& limit,
                          grpc::CallbackServerContext* context, Next next) {
    auto* stream = new StreamOut(method, context, std::move(next));
    const absl::Status begun = stream->Begin(limit);
    if (!begun.ok()) stream->End(begun);
    return stream;
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return End(base::Failure(absl::StatusCode::kCancelled, "cancelled"));
    const absl::Status resumed = method_.Resume([this] { Step(); });
    if (!resumed.ok()) End(resumed);
  }
  void OnDone() override { delete this; }

 private:
  StreamOut(TaskMethod& method, grpc::CallbackServerContext* context, Next next)
      : method_(method), context_(context), next_(std::move(next)) {}

  absl::Status Begin(StreamLimit& limit) {
    URNA_RETURN_IF_ERROR(method_.Admit());
    URNA_ASSIGN_OR_RETURN(place_, limit.Take(method_, context_));
    return method_.Enqueue([this] { Step(); });
  }
  void Step() {
    response_.Clear();
    const absl::StatusOr<bool> more = next_(&response_);
    if (!more.ok()) return End(more.status());
    if (!*more) return End(absl::OkStatus());
    this->StartWrite(&response_);
  }
  void End(const absl::Status& status) { this->Finish(ToGrpc(status, context_)); }

  TaskMethod& method_;
  grpc::CallbackServerContext* const context_;
  const Next next_;
  Response response_;
  std::unique_ptr<StreamLimit::Place> place_;
};

}  // namespace urna::server
