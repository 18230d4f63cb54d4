#include "server/steward.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "base/status.h"
#include "base/text.h"
#include "server/publication.h"

namespace urna::server {
namespace {

using base::Cat;
using poll::Phase;
using poll::RecordKind;

constexpr std::chrono::milliseconds kLongestPause{60'000};

}  // namespace

Steward::Steward(Options options, PollBook& book, Sequencer& sequencer,
                 const std::vector<std::unique_ptr<Issuer>>& issuers,
                 const crypto::Ed25519Key& checkpoint_key, const Clock& clock, Log& log)
    : options_(std::move(options)),
      book_(book),
      sequencer_(sequencer),
      duties_(issuers, clock,
              [this](const std::shared_ptr<LivePoll>& poll, const IssuerDuties::Group& group) {
                return Append(poll, group.payloads);
              }),
      checkpoint_key_(checkpoint_key),
      clock_(clock),
      log_(log) {}

void Steward::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Steward::Wake() {
  {
    std::lock_guard guard(mutex_);
    woken_ = true;
  }
  wake_.notify_one();
}

void Steward::Stop() {
  {
    std::lock_guard guard(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Steward::Run() {
  for (;;) {
    {
      std::unique_lock guard(mutex_);
      wake_.wait_for(guard, options_.interval, [this] { return woken_ || stopping_; });
      if (stopping_) return;
      woken_ = false;
    }
    for (const auto& poll : book_.All()) {
      Diary& diary = diaries_[poll->id];
      const auto now = std::chrono::steady_clock::now();
      if (now < diary.not_before) continue;
      const absl::Status status = Attend(poll);
      if (status.ok()) {
        diary.pause = std::chrono::milliseconds(0);
        continue;
      }
      diary.pause = std::clamp(diary.pause * 2, std::chrono::milliseconds(1000), kLongestPause);
      diary.not_before = now + diary.pause;
      log_.Line(Cat("poll ", base::Hex(poll->id), ": ", status.ToString(), "; trying again in ",
                    diary.pause.count() / 1000, " s"));
    }
  }
}

absl::Status Steward::Attend(const std::shared_ptr<LivePoll>& poll) {
  const auto view = poll->view();
  switch (view->phase) {
    case Phase::kIssuers:
    case Phase::kEnded:
    case Phase::kClosed:
      return duties_.Attend(poll);
    case Phase::kOpen:
    case Phase::kPaused: {
      // A ballot is counted as in flight before its arrival is read from the clock, and the clock
      // is read here before the count: one that arrived in time is never overlooked.
      if (clock_.Now() >= view->end) {
        return poll->ballots_in_flight.load() == 0 ? End(poll) : absl::OkStatus();
      }
      URNA_RETURN_IF_ERROR(duties_.Attend(poll));
      return PublishIfDue(*poll);
    }
    case Phase::kEmpty:
    case Phase::kDefining:
    case Phase::kRoll:
    case Phase::kJoining:
    case Phase::kDealing:
    case Phase::kConfirming:
    case Phase::kReady:
    case Phase::kCertified:
    case Phase::kFailed:
    case Phase::kCancelled:
      return absl::OkStatus();
  }
  return absl::OkStatus();
}

absl::Status Steward::PublishIfDue(LivePoll& poll) {
  const uint64_t now = clock_.Now();
  std::unique_lock guard(poll.lock);
  if (!poll.PublishesByClock() || !poll.PublicationDue(now)) return absl::OkStatus();
  URNA_RETURN_IF_ERROR(
      StorePublication(options_.published_folder, poll.id, {poll.PeriodOf(now), poll.head_note}));
  poll.Publish(now);
  poll.RefreshView();
  guard.unlock();
  options_.on_published();
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> Steward::Append(const std::shared_ptr<LivePoll>& poll,
                                         const std::vector<poll::Payload>& payloads) {
  const auto view = poll->view();
  std::vector<Checked> group;
  for (const poll::Payload& payload : payloads) {
    URNA_ASSIGN_OR_RETURN(Checked checked,
                          Check(view->definition.get(), view->context.get(), payload));
    group.push_back(std::move(checked));
  }
  const auto kind = static_cast<uint8_t>(poll::KindOf(payloads.back()));
  URNA_ASSIGN_OR_RETURN(const Appended appended, sequencer_.SubmitAndWait(poll, std::move(group)));
  log_.Line(Cat("poll ", base::Hex(poll->id), ": '", poll::KindName(kind), "' is recorded"));
  return appended.index + payloads.size() - 1;
}

absl::Status Steward::End(const std::shared_ptr<LivePoll>& poll) {
  const auto view = poll->view();
  poll::Ended ended;
  ended.end = view->end;
  ended.signature = checkpoint_key_.Sign(poll::ParticipantMessage(
      "ballot-box", RecordKind::kEnded, poll->id, 0, 0, poll::PayloadBody(ended)));
  return base::Annotate(Append(poll, {ended}).status(), "ended");
}

}  // namespace urna::server
