#include "server/steward.h"

#include <algorithm>
#include <shared_mutex>
#include <utility>

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"

namespace urna::server {
namespace {

using base::Cat;
using poll::Phase;
using poll::RecordKind;

constexpr uint64_t kHour = 3600;
constexpr std::chrono::milliseconds kLongestPause{60'000};

}  // namespace

std::string PublicationPath(const std::string& folder, const Hash32& poll) {
  return Cat(folder, "/", base::Hex(poll), ".published");
}

std::string EncodePublication(uint64_t period, const std::string& note) {
  return Cat(period, "\n", note);
}

bool DecodePublication(const std::string& content, uint64_t* period, std::string* note) {
  const size_t line = content.find('\n');
  if (line == std::string::npos) return false;
  *note = content.substr(line + 1);
  return base::ParseU64(std::string_view(content).substr(0, line), period);
}

Steward::Steward(Options options, PollBook& book, Sequencer& sequencer,
                 const std::vector<std::unique_ptr<Issuer>>& issuers,
                 const crypto::Ed25519Key& checkpoint_key, const Clock& clock, Log& log)
    : options_(std::move(options)),
      book_(book),
      sequencer_(sequencer),
      issuers_(issuers),
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
      auto [at, first] = diaries_.try_emplace(poll->id);
      Diary& diary = at->second;
      // The hour in which the server started was, or will be, counted at its end.
      if (first) diary.counted_hour = clock_.Now() / kHour;
      const auto now = std::chrono::steady_clock::now();
      if (now < diary.not_before) continue;
      const absl::Status status = Attend(poll, diary);
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

absl::Status Steward::Attend(const std::shared_ptr<LivePoll>& poll, Diary& diary) {
  const auto view = poll->view();
  switch (view->phase) {
    case Phase::kIssuers:
      return Join(poll);
    case Phase::kOpen:
    case Phase::kPaused: {
      const uint64_t now = clock_.Now();
      // A ballot is counted as in flight before its arrival is read from the clock, and the clock
      // is read here before the count: one that arrived in time is never overlooked.
      if (now >= view->end) {
        return poll->ballots_in_flight.load() == 0 ? End(poll) : absl::OkStatus();
      }
      if (view->phase == Phase::kOpen && now / kHour > diary.counted_hour) {
        URNA_RETURN_IF_ERROR(CountIssuance(poll, /*last=*/false));
        diary.counted_hour = now / kHour;
      }
      return PublishIfDue(*poll, diary);
    }
    case Phase::kEnded:
      return CountIssuance(poll, /*last=*/true);
    case Phase::kClosed:
      return PublishRegisters(poll);
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

absl::Status Steward::PublishIfDue(LivePoll& poll, Diary& diary) {
  const uint64_t now = clock_.Now();
  std::string content;
  {
    std::unique_lock guard(poll.lock);
    if (!poll.PublishesByClock()) return absl::OkStatus();
    if (poll.PublicationDue(now)) {
      poll.Publish(now);
      poll.RefreshView();
    }
    // The sequencer publishes too; whatever is public must stay so after a restart.
    content = EncodePublication(poll.published_period(), poll.view()->published_note);
  }
  if (content == diary.stored_publication) return absl::OkStatus();
  URNA_RETURN_IF_ERROR(
      base::WriteFileAtomic(PublicationPath(options_.published_folder, poll.id), content, 0600));
  diary.stored_publication = std::move(content);
  return absl::OkStatus();
}

absl::Status Steward::Append(const std::shared_ptr<LivePoll>& poll, const PublicView& view,
                             std::vector<poll::Payload> payloads) {
  std::vector<Checked> group;
  for (const poll::Payload& payload : payloads) {
    URNA_ASSIGN_OR_RETURN(Checked checked,
                          Check(view.definition.get(), view.context.get(), payload));
    group.push_back(std::move(checked));
  }
  const RecordKind kind = group.back().payload.kind();
  URNA_RETURN_IF_ERROR(base::Annotate(sequencer_.SubmitAndWait(poll, std::move(group)).status(),
                                      poll::KindName(static_cast<uint8_t>(kind))));
  log_.Line(Cat("poll ", base::Hex(poll->id), ": '", poll::KindName(static_cast<uint8_t>(kind)),
                "' is recorded"));
  return absl::OkStatus();
}

Issuer* Steward::Find(const crypto::Ed25519Public& identity) const {
  for (const auto& issuer : issuers_) {
    if (issuer->identity() == identity) return issuer.get();
  }
  return nullptr;
}

absl::Status Steward::Join(const std::shared_ptr<LivePoll>& poll) {
  const auto view = poll->view();
  for (size_t i = 0; i < view->definition->issuers.size(); ++i) {
    const auto index = static_cast<uint8_t>(i);
    Issuer* const issuer = Find(view->definition->issuers[i].key);
    uint64_t counter = 0;
    {
      std::shared_lock guard(poll->lock);
      if (issuer == nullptr || poll->state.issuer_keys()[i].has_value()) continue;
      counter = poll->state.IssuerCounter(index);
    }
    URNA_ASSIGN_OR_RETURN(poll::Payload joined, issuer->Join(poll->id, index, counter));
    URNA_RETURN_IF_ERROR(Append(poll, *view, {std::move(joined)}));
  }
  return absl::OkStatus();
}

absl::Status Steward::CountIssuance(const std::shared_ptr<LivePoll>& poll, bool last) {
  const auto view = poll->view();
  for (size_t i = 0; i < view->definition->issuers.size(); ++i) {
    const auto index = static_cast<uint8_t>(i);
    Issuer* const issuer = Find(view->definition->issuers[i].key);
    uint64_t counter = 0;
    {
      std::shared_lock guard(poll->lock);
      if (issuer == nullptr || poll->state.LastCountDone(index)) continue;
      counter = poll->state.IssuerCounter(index);
    }
    // The poll has ended, so that no answer is admitted any more; those that were must be counted.
    if (last) issuer->FinishAnswers();
    URNA_RETURN_IF_ERROR(Append(
        poll, *view, {issuer->Count(poll->id, index, view->definition->styles.size(), counter)}));
  }
  return absl::OkStatus();
}

absl::Status Steward::End(const std::shared_ptr<LivePoll>& poll) {
  const auto view = poll->view();
  poll::Ended ended;
  ended.end = view->end;
  ended.signature = checkpoint_key_.Sign(poll::ParticipantMessage(
      "ballot-box", RecordKind::kEnded, poll->id, 0, 0, poll::PayloadBody(ended)));
  return Append(poll, *view, {ended});
}

absl::Status Steward::PublishRegisters(const std::shared_ptr<LivePoll>& poll) {
  const auto view = poll->view();
  for (size_t i = 0; i < view->definition->issuers.size(); ++i) {
    const auto index = static_cast<uint8_t>(i);
    Issuer* const issuer = Find(view->definition->issuers[i].key);
    uint64_t counter = 0;
    {
      std::shared_lock guard(poll->lock);
      if (issuer == nullptr || poll->state.RegisterSettled(index)) continue;
      counter = poll->state.IssuerCounter(index);
    }
    URNA_ASSIGN_OR_RETURN(auto reg, issuer->MakeRegister(poll->id, index, counter));
    std::vector<poll::Payload> group(std::make_move_iterator(reg.parts.begin()),
                                     std::make_move_iterator(reg.parts.end()));
    group.push_back(reg.sealed);
    URNA_RETURN_IF_ERROR(Append(poll, *view, std::move(group)));
  }
  return absl::OkStatus();
}

}  // namespace urna::server
