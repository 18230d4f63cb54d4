#include "server/steps.h"

#include <algorithm>
#include <shared_mutex>
#include <utility>

#include "base/status.h"
#include "base/text.h"
#include "ledger/merkle.h"
#include "poll/step.h"

namespace urna::server {
namespace {

using base::Cat;
using base::Reject;
using poll::RecordKind;

constexpr size_t kMaxProposals = 8;  // of one official that wait for others
constexpr size_t kMaxPendingAttachmentBytes = size_t{256} << 20;

bool HasAttachment(RecordKind kind) {
  return kind == RecordKind::kDefined || kind == RecordKind::kRollSealed;
}

std::optional<uint8_t> OfficialIndex(const poll::Definition& definition,
                                     const crypto::Ed25519Public& key) {
  for (size_t i = 0; i < definition.officials.size(); ++i) {
    if (definition.officials[i].key == key) return static_cast<uint8_t>(i);
  }
  return std::nullopt;
}

poll::StepPlace DefinedPlace() {
  poll::StepPlace place;
  place.root = ledger::EmptyRoot();
  return place;
}

absl::Status UnknownOfficial(std::string_view detail) { return Reject("official.unknown", detail); }

absl::Status BadSignature() {
  return Reject("approval.signature-invalid",
                "the approval is not a signature of this step at this place; if the ledger moved "
                "on since it was signed, approve again");
}

/// Body and approvals as the record would carry them.
absl::StatusOr<poll::Payload> WithApprovals(RecordKind kind, const std::string& body,
                                            const poll::Definition* definition,
                                            poll::Approvals approvals) {
  // No approvals are one zero byte.
  URNA_ASSIGN_OR_RETURN(poll::Payload payload,
                        poll::DecodePayload(static_cast<uint8_t>(kind), body + '\0', definition));
  std::visit(
      [&](auto& p) {
        if constexpr (requires { p.approvals; }) p.approvals = std::move(approvals);
      },
      payload);
  return payload;
}

}  // namespace

Steps::Steps(Rules rules, PollBook& book, Sequencer& sequencer, const Clock& clock,
             const DiskWatch& disk, Log& log)
    : rules_(std::move(rules)),
      book_(book),
      sequencer_(sequencer),
      clock_(clock),
      disk_(disk),
      log_(log) {}

Steps::Key Steps::KeyOf(const std::optional<Hash32>& poll, RecordKind kind,
                        const std::string& body) {
  return {poll, kind, crypto::HashSha256(body)};
}

absl::Status Steps::CheckSubmitter(const Step& step) const {
  if (!poll::IsOfficialStep(step.kind)) {
    return Reject("step.kind", Cat("'", poll::KindName(static_cast<uint8_t>(step.kind)),
                                   "' is not a step of officials"));
  }
  if (step.poll.has_value() == (step.kind == RecordKind::kDefined)) {
    return Reject("request.malformed",
                  "poll: must be empty for 'defined' and given for every other step");
  }
  poll::StepPlace place;
  std::shared_ptr<const poll::Definition> definition;
  if (!step.poll.has_value()) {
    if (std::ranges::find(rules_.officials, step.official) == rules_.officials.end()) {
      return UnknownOfficial("this key is not among those that may define polls on this server");
    }
    place = DefinedPlace();
  } else {
    const auto poll = book_.Find(*step.poll);
    if (poll == nullptr) return UnknownPoll(*step.poll);
    definition = poll->view()->definition;
    const auto index = OfficialIndex(*definition, step.official);
    if (!index.has_value()) return UnknownOfficial("this key is no official's of this poll");
    // Whether such a signature fits the ledger of the moment would show whether a ballot came.
    if (poll->view()->phase == poll::Phase::kOpen && !poll::SignedWithoutRoot(step.kind)) {
      return Reject("record.out-of-order",
                    Cat("'", poll::KindName(static_cast<uint8_t>(step.kind)),
                        "' is signed for a ledger that stands still; while the poll is open, pause "
                        "it first"));
    }
    std::shared_lock guard(poll->lock);
    place = poll->state.PlaceFor(step.kind, *index);
  }
  if (!crypto::VerifyEd25519(step.official, poll::OfficialMessage(step.kind, place, step.body),
                             step.signature)) {
    return BadSignature();
  }
  URNA_RETURN_IF_ERROR(disk_.Admit(DiskWatch::UseOf(step.kind)));
  return WithApprovals(step.kind, step.body, definition.get(), {}).status();
}

absl::Status Steps::CheckServerRules(const poll::Definition& definition) const {
  for (const poll::Party& official : definition.officials) {
    if (std::ranges::find(rules_.officials, official.key) == rules_.officials.end()) {
      return Reject("definition.official-not-allowed",
                    Cat("official ", official.name,
                        " is not among those that may define polls on this server"));
    }
  }
  if (definition.ballot_box.key != rules_.ballot_box) {
    return Reject("definition.ballot-box-unknown",
                  "the ballot box's key is not this server's checkpoint key");
  }
  for (const poll::Party& issuer : definition.issuers) {
    if (std::ranges::find(rules_.issuers, issuer.key) == rules_.issuers.end()) {
      return Reject("definition.issuer-unknown",
                    Cat("issuer ", issuer.name,
                        " neither runs on this server nor is among its settings issuer-address"));
    }
  }
  // Without them receipts would never become final, or nothing could be decrypted.
  std::string unknown;
  for (const ledger::NoteKey& witness : definition.witnesses) {
    const bool known = std::ranges::any_of(rules_.witnesses, [&](const ledger::NoteKey& own) {
      return own.ToString() == witness.ToString();
    });
    if (!known) unknown += Cat(unknown.empty() ? "" : ", ", witness.name);
  }
  if (!unknown.empty()) {
    return Reject("definition.witness-unknown",
                  Cat("this server asks no witness with the name and key of ", unknown,
                      " to cosign: its operator must add each as a setting `witness`"));
  }
  if (definition.end <= clock_.Now()) {
    return Reject("definition.over", "the poll would have ended before it was defined");
  }
  return absl::OkStatus();
}

absl::Status Steps::CheckOrigin(const poll::Definition& definition) const {
  for (const std::shared_ptr<LivePoll>& poll : book_.All()) {
    if (poll->view()->definition->ballot_box.name != definition.ballot_box.name) continue;
    return Reject("definition.origin-used",
                  Cat("poll ", base::Hex(poll->id), " of this server has the origin \"",
                      definition.ballot_box.name, "\" already"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Steps::Proposal> Steps::MakeProposal(const Step& step,
                                                    std::string attachment) const {
  Proposal proposal;
  proposal.step = step;
  if (HasAttachment(step.kind) && attachment.empty()) {
    return Reject("step.attachment-missing",
                  step.kind == RecordKind::kDefined
                      ? "the first approval must carry the text of the definition"
                      : "the first approval must carry the entries of the roll");
  }
  if (step.kind == RecordKind::kDefined) {
    URNA_ASSIGN_OR_RETURN(const auto payload, WithApprovals(step.kind, step.body, nullptr, {}));
    const auto& defined = std::get<poll::Defined>(payload);
    if (defined.length != attachment.size() || defined.sha256 != crypto::HashSha256(attachment)) {
      return Reject("definition.hash", "the definition is not the one whose hash is approved");
    }
    URNA_ASSIGN_OR_RETURN(poll::Definition definition, poll::ParseDefinition(attachment));
    URNA_RETURN_IF_ERROR(CheckServerRules(definition));
    proposal.definition = std::make_shared<const poll::Definition>(std::move(definition));
    for (const poll::DefinitionPart& part : poll::SplitDefinition(attachment)) {
      URNA_ASSIGN_OR_RETURN(Checked checked, Check(nullptr, nullptr, part));
      proposal.parts.push_back(std::move(checked));
    }
  } else {
    proposal.definition = book_.Find(*step.poll)->view()->definition;
  }
  if (step.kind == RecordKind::kRollSealed) {
    URNA_ASSIGN_OR_RETURN(const auto entries, poll::DecodeRollEntries(attachment));
    for (const poll::RollPart& part : poll::SplitRoll(entries)) {
      URNA_ASSIGN_OR_RETURN(Checked checked, Check(proposal.definition.get(), nullptr, part));
      proposal.parts.push_back(std::move(checked));
    }
  }
  URNA_ASSIGN_OR_RETURN(const auto payload,
                        WithApprovals(step.kind, step.body, proposal.definition.get(), {}));
  proposal.subject = poll::StepSubject(payload);
  proposal.since = clock_.Now();
  proposal.attachment = std::make_shared<const std::string>(std::move(attachment));
  return proposal;
}

absl::Status Steps::MakeRoom(const Proposal& proposal) {
  // An official's own oldest proposal gives way, a stale one first: nobody can fill the memory, or
  // push out what others proposed.
  for (;;) {
    size_t mine = 0;
    auto victim = proposals_.end();
    for (auto it = proposals_.begin(); it != proposals_.end(); ++it) {
      if (it->second.step.official != proposal.step.official) continue;
      ++mine;
      if (victim == proposals_.end() ||
          std::pair(!it->second.approvals.empty(), it->second.order) <
              std::pair(!victim->second.approvals.empty(), victim->second.order)) {
        victim = it;
      }
    }
    if (mine < kMaxProposals) break;
    proposals_.erase(victim);
  }
  size_t bytes = proposal.attachment->size();
  for (const auto& [key, other] : proposals_) bytes += other.attachment->size();
  if (bytes > kMaxPendingAttachmentBytes) {
    return base::Failure(absl::StatusCode::kResourceExhausted,
                         "too many large steps wait for approvals");
  }
  return absl::OkStatus();
}

void Steps::DropStaleApprovals(Proposal& proposal) const {
  if (!proposal.step.poll.has_value()) return;  // signed for an empty ledger, which never moves
  const auto poll = book_.Find(*proposal.step.poll);
  std::shared_lock guard(poll->lock);
  std::erase_if(proposal.approvals, [&](const auto& approval) {
    const poll::StepPlace place = poll->state.PlaceFor(proposal.step.kind, approval.first);
    const bool holds = crypto::VerifyEd25519(
        proposal.definition->officials[approval.first].key,
        poll::OfficialMessage(proposal.step.kind, place, proposal.step.body), approval.second);
    if (!holds) proposal.lapsed.insert(approval.first);
    return !holds;
  });
}

void Steps::DropImpossible(const std::optional<Hash32>& poll) {
  if (!poll.has_value()) {
    std::erase_if(proposals_, [&](const auto& entry) {
      return !entry.second.step.poll.has_value() && !CheckOrigin(*entry.second.definition).ok();
    });
    return;
  }
  const auto live = book_.Find(*poll);
  if (live == nullptr) return;
  const poll::Phase phase = live->view()->phase;
  std::erase_if(proposals_, [&](const auto& entry) {
    return entry.second.step.poll == poll && !poll::PhaseAllows(phase, entry.second.step.kind);
  });
}

/// Calls `change` for every proposal that competes with `proposal`; erases those for which it
/// returns true.
template <typename Change>
void Steps::ForCompeting(const Proposal& proposal, Change change) {
  const Step& step = proposal.step;
  for (auto it = proposals_.begin(); it != proposals_.end();) {
    Proposal& other = it->second;
    const bool competes = other.step.poll == step.poll && other.step.kind == step.kind &&
                          other.subject == proposal.subject && other.step.body != step.body;
    it = competes && change(other) ? proposals_.erase(it) : std::next(it);
  }
}

absl::StatusOr<std::vector<Checked>> Steps::Assemble(const Proposal& proposal) const {
  poll::Approvals approvals;
  for (const auto& [official, signature] : proposal.approvals) {
    approvals.push_back({official, signature});
  }
  URNA_ASSIGN_OR_RETURN(const auto payload,
                        WithApprovals(proposal.step.kind, proposal.step.body,
                                      proposal.definition.get(), std::move(approvals)));
  URNA_ASSIGN_OR_RETURN(Checked sealing, Check(proposal.definition.get(), nullptr, payload));
  std::vector<Checked> group = proposal.parts;
  const bool first = proposal.step.kind == RecordKind::kDefined;
  group.insert(first ? group.begin() : group.end(), std::move(sealing));
  return group;
}

absl::StatusOr<Steps::Progress> Steps::Approve(const Step& step, std::string attachment) {
  URNA_RETURN_IF_ERROR(CheckSubmitter(step));
  if (!HasAttachment(step.kind) && !attachment.empty()) {
    return Reject("step.attachment-unexpected",
                  Cat("'", poll::KindName(static_cast<uint8_t>(step.kind)), "' has no attachment"));
  }
  URNA_RETURN_IF_ERROR(disk_.Admit(DiskWatch::UseOf(step.kind), attachment.size()));
  const Key key = KeyOf(step.poll, step.kind, step.body);
  std::unique_lock guard(mutex_);
  DropImpossible(step.poll);
  bool fresh = false;
  if (!proposals_.contains(key)) {
    guard.unlock();  // parsing a large roll takes seconds
    URNA_ASSIGN_OR_RETURN(Proposal proposal, MakeProposal(step, std::move(attachment)));
    guard.lock();
    URNA_RETURN_IF_ERROR(MakeRoom(proposal));
    proposal.order = next_order_++;
    fresh = proposals_.try_emplace(key, std::move(proposal)).second;
  }
  Proposal& proposal = proposals_.at(key);
  const auto index = OfficialIndex(*proposal.definition, step.official);
  if (!index.has_value()) {
    if (fresh) proposals_.erase(key);
    return UnknownOfficial("this key is no official's of this poll");
  }
  DropStaleApprovals(proposal);
  proposal.approvals[*index] = step.signature;

  // One truth: what the ledger would say to the step with the approvals so far.
  const std::shared_ptr<LivePoll> poll = step.poll.has_value() ? book_.Find(*step.poll) : nullptr;
  absl::StatusOr<std::vector<Checked>> group = Assemble(proposal);
  absl::Status verdict = poll == nullptr ? CheckOrigin(*proposal.definition) : absl::OkStatus();
  verdict.Update(group.status());
  if (verdict.ok()) {
    poll::State trial = [&] {
      if (poll == nullptr) return poll::State(nullptr);
      std::shared_lock state_guard(poll->lock);
      return poll->state;
    }();
    verdict = ApplyGroup(trial, *group, clock_.Now()).status();
  }
  const bool complete = verdict.ok();
  if (!complete && base::RejectId(verdict) != "approval.too-few") {
    proposal.approvals.erase(*index);
    if (fresh) proposals_.erase(key);
    return verdict;
  }
  proposal.lapsed.erase(*index);
  ForCompeting(proposal, [&](Proposal& other) {
    other.lapsed.erase(*index);
    return other.approvals.erase(*index) > 0 && other.approvals.empty();
  });
  Progress progress;
  progress.approvals = static_cast<uint32_t>(proposal.approvals.size());
  progress.needed = proposal.definition->officials_needed;
  progress.poll = step.poll.value_or(Hash32{});
  if (!complete) return progress;

  URNA_ASSIGN_OR_RETURN(const Appended appended, sequencer_.SubmitAndWait(poll, *std::move(group)));
  // What competed with it was approved without knowing of it.
  ForCompeting(proposal, [](Proposal&) { return true; });
  proposals_.erase(key);
  DropImpossible(step.poll);
  log_.Line(Cat("poll ", base::Hex(appended.poll), ": '",
                poll::KindName(static_cast<uint8_t>(step.kind)), "' is recorded"));
  progress.recorded = true;
  progress.poll = appended.poll;
  return progress;
}

absl::StatusOr<uint32_t> Steps::Withdraw(const Step& step) {
  std::lock_guard guard(mutex_);
  const auto found = proposals_.find(KeyOf(step.poll, step.kind, step.body));
  const auto none = [] {
    return base::Failure(absl::StatusCode::kNotFound,
                         "no approval of this step by this key waits for others");
  };
  if (found == proposals_.end()) return none();
  Proposal& proposal = found->second;
  const auto index = OfficialIndex(*proposal.definition, step.official);
  if (!index.has_value()) return UnknownOfficial("this key is no official's of this poll");
  DropStaleApprovals(proposal);
  const auto approval = proposal.approvals.find(*index);
  if (approval == proposal.approvals.end()) return none();
  if (!crypto::VerifyEd25519(step.official, poll::WithdrawalMessage(approval->second),
                             step.signature)) {
    return Reject("withdrawal.signature-invalid",
                  "the withdrawal is not signed by the official who approved");
  }
  proposal.approvals.erase(approval);
  const auto left = static_cast<uint32_t>(proposal.approvals.size());
  if (left == 0) proposals_.erase(found);
  return left;
}

std::vector<Steps::Pending> Steps::List(const std::optional<Hash32>& poll) {
  std::lock_guard guard(mutex_);
  DropImpossible(poll);
  std::vector<Pending> out;
  for (auto& [key, proposal] : proposals_) {
    if (proposal.step.poll != poll) continue;
    DropStaleApprovals(proposal);
    Pending pending;
    pending.poll = proposal.step.poll;
    pending.kind = proposal.step.kind;
    pending.body = proposal.step.body;
    for (const auto& [official, signature] : proposal.approvals) {
      pending.officials.push_back(proposal.definition->officials[official].key);
    }
    for (const uint8_t official : proposal.lapsed) {
      pending.lapsed.push_back(proposal.definition->officials[official].key);
    }
    pending.needed = proposal.definition->officials_needed;
    pending.stale = proposal.approvals.empty();
    pending.since = proposal.since;
    out.push_back(std::move(pending));
  }
  return out;
}

absl::StatusOr<std::shared_ptr<const std::string>> Steps::Attachment(
    const std::optional<Hash32>& poll, RecordKind kind, const std::string& body) {
  std::lock_guard guard(mutex_);
  const auto found = proposals_.find(KeyOf(poll, kind, body));
  if (found == proposals_.end()) {
    return base::Failure(absl::StatusCode::kNotFound, "no such step waits for approvals");
  }
  return found->second.attachment;
}

}  // namespace urna::server
