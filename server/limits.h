#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "server/clock.h"
#include "server/lane.h"
#include "server/settings.h"

namespace urna::server {

/// What keeps a flood of one method from costing another method anything, and the process from
/// being worn out. All limits are per method and over all callers: the server neither asks nor
/// notes who is calling.

/// ResourceExhausted, with the time after which to come back in words and for ToGrpc. Rounded up to
/// whole seconds.
absl::Status TryLater(std::string_view why, std::chrono::milliseconds after);
/// The time given to TryLater.
std::optional<std::chrono::milliseconds> RetryAfter(const absl::Status& status);

/// So many calls a second in the long run, ten seconds' worth at once. Safe from any thread.
class RateLimit {
 public:
  /// `per_second` 0: no limit.
  RateLimit(uint64_t per_second, const Clock& clock);
  /// Counts the call, if it is admitted: zero. Otherwise how long it is until one would be.
  std::chrono::nanoseconds Take();

 private:
  const uint64_t per_second_;
  const Clock& clock_;
  std::mutex mutex_;
  std::chrono::steady_clock::time_point paid_until_{};
};

/// Called by a worker before each piece of work, with the method's name ("Casting.Cast"); tests
/// hold workers up in it.
using BeforeWork = std::function<void(std::string_view method)>;

/// A method's own rate, bounded queue and threads.
template <typename Item>
class Method {
 public:
  struct Options {
    std::string_view name;
    typename Lane<Item>::Size size;
    uint64_t rate;
    size_t max_batch = 1;
    BeforeWork before_work;
  };
  Method(const Options& options, const Clock& clock, typename Lane<Item>::Handler handler)
      : options_(options),
        rate_(options.rate, clock),
        lane_(options.size, options.max_batch,
              [this, handler = std::move(handler)](std::vector<Item> batch) {
                if (options_.before_work) options_.before_work(options_.name);
                handler(std::move(batch));
              }) {}

  /// For a new call, before anything is done for it. Errors: ResourceExhausted.
  absl::Status Admit() {
    const std::chrono::nanoseconds wait = rate_.Take();
    if (wait.count() == 0) return absl::OkStatus();
    return TooMany("comes more often than " + std::to_string(options_.rate) + " times a second",
                   std::chrono::ceil<std::chrono::milliseconds>(wait));
  }
  /// Puts work of an admitted call into the queue. Errors: ResourceExhausted; `item` is then
  /// untouched.
  absl::Status Enqueue(Item&& item) {
    if (lane_.TryPush(std::move(item))) return absl::OkStatus();
    return TooMany("has " + std::to_string(options_.size.queue) + " requests waiting",
                   std::chrono::seconds(2));
  }
  /// See Lane::Resume. Errors: Unavailable when the server stops.
  absl::Status Resume(Item&& item) {
    if (lane_.Resume(std::move(item))) return absl::OkStatus();
    return absl::UnavailableError("the server is stopping");
  }
  absl::Status TooMany(std::string_view what, std::chrono::milliseconds after) const {
    return TryLater(std::string(options_.name) + " " + std::string(what), after);
  }
  void Drain() { lane_.Drain(); }

 private:
  const Options options_;
  RateLimit rate_;
  Lane<Item> lane_;
};

/// A method whose work is arbitrary, one piece at a time.
using Task = std::function<void()>;
class TaskMethod : public Method<Task> {
 public:
  TaskMethod(const Options& options, const Clock& clock)
      : Method<Task>(options, clock, [](std::vector<Task> batch) { batch.front()(); }) {}
};

/// How much of each method the settings allow.
class Limits {
 public:
  Limits(const Settings& settings, BeforeWork before_work)
      : settings_(settings), before_work_(std::move(before_work)) {}

  /// `method`: one of MethodLimits().
  template <typename Item>
  typename Method<Item>::Options For(std::string_view method) const {
    const MethodLimit& limit = Find(method);
    return {.name = limit.method,
            .size = {static_cast<unsigned>(settings_.*limit.threads), settings_.*limit.queue},
            .rate = settings_.*limit.rate,
            .before_work = before_work_};
  }
  TaskMethod::Options For(std::string_view method) const { return For<Task>(method); }
  std::chrono::seconds stream_time() const {
    return std::chrono::seconds(settings_.stream_seconds);
  }

 private:
  static const MethodLimit& Find(std::string_view method);

  const Settings& settings_;
  const BeforeWork before_work_;
};

/// Cancels a call that takes too long: a peer that reads or sends slowly must not keep one of few
/// places for ever. Made while the call goes on, gone before its context is.
class CallTimer {
 public:
  CallTimer(grpc::CallbackServerContext* context, std::chrono::seconds most);
  ~CallTimer();
  CallTimer(const CallTimer&) = delete;
  CallTimer& operator=(const CallTimer&) = delete;

 private:
  struct Call;
  const std::shared_ptr<Call> call_;
  grpc::Alarm alarm_;
};

/// Bounds what connections may cost before a call is the server's own: sizes of messages and
/// headers, calls per connection, age of connections, memory and threads of gRPC.
void LimitTransport(grpc::ServerBuilder& builder, const Settings& settings);

/// For a process that holds secret keys: no core dumps, nothing for other processes of the same
/// user to read in its memory, as many open files as it may have.
absl::Status HardenProcess();

}  // namespace urna::server
