#include "server/watched_clock.h"

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "base/text.h"

namespace urna::server {
namespace {

using base::Cat;
using base::FormatUtc;
using std::chrono::seconds;

}  // namespace

WatchedClock::WatchedClock(const Clock& clock, Options options,
                           std::function<void(std::string_view)> stop)
    : clock_(clock), options_(options), stop_(std::move(stop)), last_(Look()), latest_(last_.now) {}

WatchedClock::Sample WatchedClock::Look() const {
  for (;;) {
    const auto before = clock_.Ticks();
    const Sample sample{clock_.Now(), clock_.Ticks()};
    // A process that was held up between the two would seem to have a clock that steps.
    if (sample.ticks - before < seconds(1)) return sample;
  }
}

std::string WatchedClock::Judge(const Sample& sample) const {
  if (sample.now + options_.tolerance < latest_) {
    return Cat("the clock went back: it said ", FormatUtc(latest_), ", and now says ",
               FormatUtc(sample.now));
  }
  if (clock_.MovedByHand()) return "";
  const auto passed = static_cast<uint64_t>(
      std::chrono::duration_cast<seconds>(sample.ticks - last_.ticks).count());
  const uint64_t expected = last_.now + passed;
  const auto said = [&] {
    return Cat("it said ", FormatUtc(last_.now), ", and ", passed, " seconds later says ",
               FormatUtc(sample.now));
  };
  if (sample.now + options_.tolerance < expected) return Cat("the clock went back: ", said());
  if (sample.now > expected + options_.leap) return Cat("the clock leapt forwards: ", said());
  return "";
}

uint64_t WatchedClock::Now() const {
  std::string wrong;
  uint64_t latest;
  {
    std::lock_guard guard(mutex_);
    if (stopped_) return latest_;
    const Sample sample = Look();
    wrong = Judge(sample);
    if (wrong.empty()) {
      last_ = sample;
      latest_ = std::max(latest_, sample.now);
      return latest_;
    }
    stopped_ = true;
    latest = latest_;
  }
  stop_(Cat(wrong,
            ". Nothing was done by this time. See that the clock is right, then start the server "
            "again"));
  return latest;
}

absl::Status WatchedClock::ContinueFrom(uint64_t time, std::string_view where) {
  std::lock_guard guard(mutex_);
  last_ = Look();
  if (last_.now + options_.tolerance < time) {
    return base::Failure(
        absl::StatusCode::kFailedPrecondition,
        Cat("the clock says ", FormatUtc(last_.now), ", but this server has recorded ",
            FormatUtc(time), " already (", where, "): the clock is ", time - last_.now,
            " seconds behind. Set it right, then start the server again. If it is right now and "
            "was "
            "wrong before, see \"The clock\" in the guide for operators"));
  }
  latest_ = std::max(latest_, time);
  return absl::OkStatus();
}

}  // namespace urna::server
