#include "server/live_poll.h"

#include <algorithm>
#include <utility>

#include "base/codec.h"
#include "base/status.h"
#include "base/text.h"

namespace urna::server {
namespace {

using base::Cat;
using poll::Phase;

std::vector<std::string> WaitingForShares(const poll::State& state) {
  const poll::Definition& d = *state.definition();
  std::vector<std::string> waiting;
  for (uint32_t c = 0; c < d.contests.size(); ++c) {
    if (!state.NeedsDecryption(c)) continue;
    const size_t mixes = state.IsMixed(c) ? state.Mixed(c).mixers().size() : d.trustees_needed;
    if (mixes < d.trustees_needed) {
      const auto unfinished = state.Mixed(c).unfinished();
      waiting.push_back(
          Cat("contest ", d.contests[c].id, ": ", d.trustees_needed - mixes, " more of ",
              d.trustees_needed, " mixes",
              unfinished.has_value()
                  ? Cat(", one of which is coming: ", unfinished->parts, " of ",
                        unfinished->of, " parts of trustee ", unfinished->trustee)
                  : ""));
      continue;
    }
    const uint32_t have = state.ShareCount(c);
    if (have < d.trustees_needed) {
      waiting.push_back(Cat("contest ", d.contests[c].id, ": ", d.trustees_needed - have,
                            " more of ", d.trustees_needed, " decryption shares"));
    }
  }
  if (waiting.empty()) {
    waiting.push_back(Cat(d.officials_needed, " officials to certify the result"));
  }
  return waiting;
}

/// The parties for which `missing(index)` holds.
template <typename Missing>
std::vector<std::string> Absent(std::string_view role, const std::vector<poll::Party>& parties,
                                uint32_t first_number, std::string_view what, Missing missing) {
  std::vector<std::string> waiting;
  for (uint32_t i = 0; i < parties.size(); ++i) {
    if (missing(i)) {
      waiting.push_back(Cat(role, " ", i + first_number, " (", parties[i].name, ") ", what));
    }
  }
  return waiting;
}

std::vector<std::string> WaitingFor(const poll::State& state) {
  const poll::Definition& d = *state.definition();
  const auto officials = [&](std::string_view what) {
    return std::vector<std::string>{Cat(d.officials_needed, " officials ", what)};
  };
  switch (state.phase()) {
    case Phase::kEmpty:
    case Phase::kDefining:
    case Phase::kCertified:
    case Phase::kCancelled:
      return {};
    case Phase::kRoll:
      return officials("to approve the roll");
    case Phase::kIssuers:
      return Absent("issuer", d.issuers, 0, "to join",
                    [&](uint32_t i) { return !state.issuer_keys()[i].has_value(); });
    case Phase::kJoining:
      return Absent("trustee", d.trustees, 1, "to join",
                    [&](uint32_t i) { return !state.joined()[i].has_value(); });
    case Phase::kDealing:
      return Absent("trustee", d.trustees, 1, "to deal",
                    [&](uint32_t i) { return !state.dealt()[i].has_value(); });
    case Phase::kConfirming:
      return Absent("trustee", d.trustees, 1, "to confirm",
                    [&](uint32_t i) { return !state.confirmed()[i]; });
    case Phase::kReady:
      return officials("to open the poll");
    case Phase::kOpen:
      return {Cat("the end at ", base::FormatUtc(state.end()))};
    case Phase::kPaused:
      return officials("to resume the poll");
    case Phase::kEnded: {
      auto waiting = Absent("issuer", d.issuers, 0, "to give its last count",
                            [&](uint32_t i) { return !state.LastCountDone(i); });
      return waiting.empty() ? officials("to close the poll") : waiting;
    }
    case Phase::kClosed: {
      auto waiting = Absent("issuer", d.issuers, 0, "to publish its register",
                            [&](uint32_t i) { return !state.RegisterSettled(i); });
      return waiting.empty() ? WaitingForShares(state) : waiting;
    }
    case Phase::kFailed:
      return officials("to cancel the poll");
  }
  return {};
}

}  // namespace

poll::State::ReadRecord LivePoll::Reader() {
  return [this](uint64_t index) -> absl::StatusOr<std::string> {
    if (index < written) return store_->Read(id, index);
    if (index - written < unwritten.size()) return unwritten[index - written];
    return base::Failure(absl::StatusCode::kNotFound, Cat("record ", index, " is not there"));
  };
}

// crypto::EncodeBallot begins: u16le revision | ballot key.

Point LivePoll::BallotKeyOf(const poll::BallotCast& ballot) {
  base::Reader r(ballot.ballot);
  r.U16();
  return Point::FromTrusted(r.Fixed<32>());
}

void LivePoll::NoteRevision(uint64_t index, const poll::BallotCast& ballot) {
  unpublished_revisions_.push_back(
      {index, BallotKeyOf(ballot).bytes(), base::Reader(ballot.ballot).U16()});
}

void LivePoll::NoteRevision(const poll::BallotNote& note) {
  unpublished_revisions_.push_back({note.index, note.ballot_key, note.revision});
}

void LivePoll::ShowRevisions(uint64_t size) {
  std::lock_guard guard(revisions_mutex_);
  while (!unpublished_revisions_.empty() && unpublished_revisions_.front().index < size) {
    const Revision& next = unpublished_revisions_.front();
    revisions_[next.ballot_key] = next.revision;
    unpublished_revisions_.pop_front();
  }
}

uint16_t LivePoll::PublishedRevision(const Point& ballot_key) const {
  std::lock_guard guard(revisions_mutex_);
  const auto found = revisions_.find(ballot_key.bytes());
  return found == revisions_.end() ? 0 : found->second;
}

void LivePoll::Publish(uint64_t now) {
  // A publication of nothing new keeps its cosignatures.
  if (published_size_ != state.size()) published_note_ = head_note;
  published_size_ = state.size();
  published_period_ = PeriodOf(now);
  ShowRevisions(published_size_);
}

void LivePoll::ResumePublication(uint64_t size, std::string note, uint64_t period) {
  published_size_ = size;
  published_note_ = std::move(note);
  published_period_ = period;
  ShowRevisions(size);
}

void LivePoll::ShowCosigned(uint64_t size, std::string note) {
  std::lock_guard guard(lock);
  if (published_size_ != size) return;
  published_note_ = std::move(note);
  RefreshView();
}

bool LivePoll::PublishesByClock() const {
  return state.phase() == Phase::kOpen || state.phase() == Phase::kPaused;
}

uint64_t LivePoll::PeriodOf(uint64_t now) const { return now / state.definition()->publish_every; }

bool LivePoll::PublicationDue(uint64_t now) const { return PeriodOf(now) > published_period_; }

void LivePoll::RefreshView() {
  auto view = std::make_shared<PublicView>();
  view->phase = state.phase();
  view->reason = state.reason();
  view->damage = damage;
  view->end = state.end();
  view->definition = state.definition();
  view->context = state.context();
  view->waiting_for = WaitingFor(state);
  if (!hold.ok()) view->waiting_for.insert(view->waiting_for.begin(), std::string(hold.message()));
  if (!damage.ok()) {
    view->waiting_for.insert(view->waiting_for.begin(), std::string(damage.message()));
  }
  view->head_size = state.size();
  view->head_note = head_note;
  view->published_size = published_size_;
  view->published_note = published_note_;
  end = state.end();
  std::lock_guard guard(view_mutex_);
  view_ = std::move(view);
}

std::shared_ptr<const PublicView> LivePoll::view() const {
  std::lock_guard guard(view_mutex_);
  return view_;
}

std::shared_ptr<LivePoll> PollBook::Find(const Hash32& id) const {
  std::lock_guard guard(mutex_);
  const auto found = polls_.find(id);
  return found == polls_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<LivePoll>> PollBook::All() const {
  std::lock_guard guard(mutex_);
  std::vector<std::shared_ptr<LivePoll>> all;
  for (const auto& [id, poll] : polls_) all.push_back(poll);
  return all;
}

void PollBook::Add(std::shared_ptr<LivePoll> poll) {
  std::lock_guard guard(mutex_);
  const Hash32 id = poll->id;
  polls_.emplace(id, std::move(poll));
}

absl::Status UnknownPoll(const Hash32& id) {
  return base::Failure(absl::StatusCode::kNotFound,
                       Cat("this server keeps no poll ", base::Hex(id)));
}

}  // namespace urna::server
