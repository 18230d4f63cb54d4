#include <algorithm>
#include <map>
#include <span>
#include <utility>

#include "base/status.h"
#include "base/text.h"
#include "ledger/record.h"
#include "server/services.h"

namespace urna::server {
namespace {

using base::Cat;
using base::Reject;
using poll::Phase;
using poll::RecordKind;

// Taken from the queue together: their proofs can share one multi-scalar multiplication.
constexpr size_t kMaxTogether = 64;

/// Before the expensive proof check, what the ledger would say anyway; and the exact time of
/// casting, which the ledger, whose ballots carry the hour only, cannot check.
absl::Status CheckCasting(const PublicView& view, uint64_t arrived) {
  URNA_RETURN_IF_ERROR(view.damage);
  switch (view.phase) {
    case Phase::kOpen:
      break;
    case Phase::kPaused:
      return Reject("ballot.paused", "the poll is paused");
    case Phase::kEnded:
    case Phase::kClosed:
    case Phase::kCertified:
      return Reject("poll.ended", "the poll has ended");
    case Phase::kEmpty:
    case Phase::kDefining:
    case Phase::kRoll:
    case Phase::kIssuers:
    case Phase::kJoining:
    case Phase::kDealing:
    case Phase::kConfirming:
    case Phase::kReady:
    case Phase::kFailed:
    case Phase::kCancelled:
      return Reject("ballot.not-open", Cat("the poll is ", poll::PhaseName(view.phase)));
  }
  if (arrived < view.definition->casting_from) {
    return Reject("ballot.too-early", Cat("ballots are accepted from ",
                                          base::FormatUtc(view.definition->casting_from)));
  }
  if (arrived >= view.end) return Reject("poll.ended", "the poll has ended");
  return absl::OkStatus();
}

}  // namespace

CastingService::CastingService(const Limits& limits, const ledger::Store& store, PollBook& book,
                               Sequencer& sequencer, const Clock& clock, const DiskWatch& disk)
    : store_(store),
      book_(book),
      sequencer_(sequencer),
      clock_(clock),
      disk_(disk),
      cast_(
          [&] {
            auto options = limits.For<Ballot>("Casting.Cast");
            options.max_batch = kMaxTogether;
            return options;
          }(),
          clock, [this](std::vector<Ballot> ballots) { Work(std::move(ballots)); }) {}

void CastingService::Finish(Ballot& ballot, const absl::StatusOr<CastReceipt>& receipt) {
  if (receipt.ok()) {
    ballot.response->set_receipt(receipt->receipt.ToString());
    ballot.response->set_time(receipt->time);
    ballot.response->set_previous(std::string(base::View(receipt->previous)));
  }
  if (ballot.in_flight) --ballot.poll->ballots_in_flight;
  ballot.reactor->Finish(ToGrpc(receipt.status(), ballot.context));
}

grpc::ServerUnaryReactor* CastingService::Cast(grpc::CallbackServerContext* context,
                                               const v1::CastRequest* request,
                                               v1::CastResponse* response) {
  const absl::Status admitted = cast_.Admit();
  if (!admitted.ok()) return Refuse(context, admitted);
  const auto id = FixedField<32>("poll", request->poll());
  if (!id.ok()) return Refuse(context, id.status());
  const absl::Status fits = LimitField("ballot", request->ballot(), ledger::kMaxPayloadBytes);
  if (!fits.ok()) return Refuse(context, fits);
  Ballot ballot;
  ballot.poll = book_.Find(*id);
  if (ballot.poll == nullptr) return Refuse(context, UnknownPoll(*id));

  // Counted before the clock is read: Steward::Attend relies on this order. A late ballot is not
  // counted, or a flood of them could put off the end.
  ++ballot.poll->ballots_in_flight;
  ballot.arrived = clock_.Now();
  ballot.in_flight = ballot.arrived < ballot.poll->end.load();
  if (!ballot.in_flight) --ballot.poll->ballots_in_flight;

  ballot.request = request;
  ballot.context = context;
  ballot.response = response;
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  ballot.reactor = reactor;
  const absl::Status queued = cast_.Enqueue(std::move(ballot));
  if (!queued.ok()) Finish(ballot, queued);
  return reactor;
}

bool CastingService::AnswerRepeated(Ballot& ballot) const {
  const auto index = store_.FindBody(ballot.poll->id, crypto::HashSha256(ballot.request->ballot()));
  if (!index.ok()) return false;
  const auto view = ballot.poll->view();
  if (*index >= view->head_size) return false;  // being signed; the sequencer will find it again
  const auto receipt = MakeReceipt(store_, ballot.poll->id, *index, view->head_size,
                                   view->head_note, store_.Nodes(ballot.poll->id, view->head_size));
  if (!receipt.ok()) return false;
  Finish(ballot, receipt);
  return true;
}

void CastingService::Work(std::vector<Ballot> ballots) {
  std::map<LivePoll*, std::vector<Ballot>> by_poll;
  for (Ballot& ballot : ballots) {
    // The same ballot again, because the answer was lost, has its receipt even after the end.
    if (AnswerRepeated(ballot)) continue;
    absl::Status status = CheckCasting(*ballot.poll->view(), ballot.arrived);
    if (status.ok()) status = disk_.Admit(DiskWatch::Use::kTake, ballot.request->ballot().size());
    if (!status.ok()) {
      Finish(ballot, status);
    } else {
      by_poll[ballot.poll.get()].push_back(std::move(ballot));
    }
  }
  for (auto& [poll, group] : by_poll) Check(*poll, group);
}

void CastingService::Check(const LivePoll& poll, std::span<Ballot> ballots) {
  const auto view = poll.view();
  std::vector<poll::RawPayload> payloads;
  for (const Ballot& ballot : ballots) {
    payloads.push_back({static_cast<uint8_t>(RecordKind::kBallotCast), ballot.request->ballot()});
  }
  auto verdicts = poll::CheckPayloads(view->definition.get(), view->context.get(), payloads,
                                      false_share_.together());
  const auto failed = std::ranges::count_if(verdicts, [](const auto& verdict) {
    return base::RejectId(verdict.status()) == "ballot.proof-invalid";
  });
  false_share_.Note(ballots.size(), static_cast<size_t>(failed));
  for (size_t i = 0; i < ballots.size(); ++i) {
    if (verdicts[i].ok()) {
      Submit(std::move(ballots[i]), *std::move(verdicts[i]));
    } else {
      Finish(ballots[i], verdicts[i].status());
    }
  }
}

void CastingService::Submit(Ballot ballot, poll::CheckedPayload checked) {
  Sequencer::Item item;
  item.poll = ballot.poll;
  item.arrived = ballot.arrived;
  item.payloads.push_back({std::move(checked), ballot.request->ballot()});
  const auto waiting = std::make_shared<Ballot>(std::move(ballot));
  item.done = [waiting](const absl::StatusOr<Appended>& appended) {
    if (appended.ok()) {
      Finish(*waiting, appended->receipt);
    } else {
      Finish(*waiting, appended.status());
    }
  };
  if (!sequencer_.TrySubmit(std::move(item))) {
    Finish(*waiting, TryLater("the ledger's queue is full", std::chrono::seconds(2)));
  }
}

}  // namespace urna::server
