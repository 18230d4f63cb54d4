#include "server/issuer_duties.h"

#include <algorithm>
#include <iterator>
#include <shared_mutex>

#include "base/status.h"
#include "base/text.h"

namespace urna::server {
namespace {

using base::Cat;
using poll::Phase;

constexpr uint64_t kHour = 3600;

}  // namespace

Issuer* FindIssuer(const std::vector<std::unique_ptr<Issuer>>& issuers,
                   const crypto::Ed25519Public& identity) {
  for (const auto& issuer : issuers) {
    if (issuer->identity() == identity) return issuer.get();
  }
  return nullptr;
}

absl::Status IssuerDuties::Attend(const std::shared_ptr<LivePoll>& poll) {
  const auto view = poll->view();
  absl::Status first;
  for (size_t i = 0; i < view->definition->issuers.size(); ++i) {
    const poll::Party& party = view->definition->issuers[i];
    Issuer* const issuer = FindIssuer(issuers_, party.key);
    if (issuer == nullptr) continue;
    const absl::Status status = Attend(poll, *view, static_cast<uint8_t>(i), *issuer);
    if (first.ok()) first = base::Annotate(status, Cat("issuer ", i, " (", party.name, ")"));
  }
  return first;
}

absl::Status IssuerDuties::Attend(const std::shared_ptr<LivePoll>& poll, const PublicView& view,
                                  uint8_t index, Issuer& issuer) {
  const uint64_t hour = clock_.Now() / kHour;
  const auto [at, fresh] = diaries_.try_emplace({poll->id, index});
  Diary& diary = at->second;
  // The hour in which the process started was, or will be, counted at its end.
  if (fresh) diary.counted_hour = hour;

  uint64_t counter = 0;
  bool done = false;
  {
    std::shared_lock guard(poll->lock);
    const poll::State& state = poll->state;
    std::erase_if(diary.unseen, [&](uint64_t record) { return record < state.size(); });
    counter = state.IssuerCounter(index) + diary.unseen.size();
    // A copy of the ledger that is behind shows a phase that is over.
    if (state.phase() != view.phase) return absl::OkStatus();
    switch (view.phase) {
      case Phase::kIssuers:
        done = state.issuer_keys()[index].has_value() || !diary.unseen.empty();
        break;
      case Phase::kOpen:
        done = hour <= diary.counted_hour;
        break;
      case Phase::kEnded:
        done = state.LastCountDone(index) || !diary.unseen.empty();
        break;
      case Phase::kClosed:
        done = state.RegisterSettled(index) || !diary.unseen.empty();
        break;
      case Phase::kEmpty:
      case Phase::kDefining:
      case Phase::kRoll:
      case Phase::kJoining:
      case Phase::kDealing:
      case Phase::kConfirming:
      case Phase::kReady:
      case Phase::kPaused:
      case Phase::kCertified:
      case Phase::kFailed:
      case Phase::kCancelled:
        done = true;
    }
  }
  if (done) return absl::OkStatus();
  URNA_RETURN_IF_ERROR(issuer.usable());

  Group group;
  if (view.phase == Phase::kIssuers) {
    URNA_ASSIGN_OR_RETURN(poll::Payload joined, issuer.Join(poll->id, index, counter));
    group.payloads.push_back(std::move(joined));
  } else if (view.phase == Phase::kClosed) {
    URNA_ASSIGN_OR_RETURN(auto reg, issuer.MakeRegister(poll->id, index, counter));
    group.payloads.assign(std::make_move_iterator(reg.parts.begin()),
                          std::make_move_iterator(reg.parts.end()));
    group.payloads.emplace_back(reg.sealed);
  } else {
    group.last_count = view.phase == Phase::kEnded;
    // The poll has ended, so that no answer is admitted any more; those that were must be counted.
    if (group.last_count) issuer.FinishAnswers();
    group.payloads.emplace_back(
        issuer.Count(poll->id, index, view.definition->styles.size(), counter));
  }
  const uint8_t kind = static_cast<uint8_t>(poll::KindOf(group.payloads.back()));
  const auto record = submit_(poll, group);
  if (!record.ok()) return base::Annotate(record.status(), poll::KindName(kind));
  diary.unseen.push_back(*record);
  diary.counted_hour = hour;
  return absl::OkStatus();
}

}  // namespace urna::server
