#include "server/follower.h"

#include <algorithm>
#include <mutex>
#include <span>
#include <utility>

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "ledger/note.h"
#include "ledger/record.h"
#include "poll/replay.h"
#include "server/parallel.h"

namespace urna::server {
namespace {

using base::Cat;
using base::Failure;
using base::Reject;
using poll::Phase;

// Fetched, checked and written at once. A definition, which decides whether a poll is followed, has
// fewer parts.
constexpr uint64_t kChunk = 512;
constexpr size_t kRun = 256;  // checked at once
constexpr Hash32 kNoPoll{};

std::string_view MessageOf(const absl::Status& status) {
  return {status.message().data(), status.message().size()};
}

bool IsOver(const LivePoll& poll) {
  return poll.state.phase() == Phase::kCertified || poll.state.phase() == Phase::kCancelled;
}

absl::Status NotYetCompared() {
  return Failure(absl::StatusCode::kUnavailable,
                 "this issuer has not yet compared its records with the ballot box's ledger since "
                 "it started; try again soon");
}

absl::Status Refused(const absl::Status& why) {
  return Failure(absl::StatusCode::kFailedPrecondition,
                 Cat("this issuer gives no tokens for this poll: ", MessageOf(why)));
}

void SetHold(LivePoll& poll, const absl::Status& why) {
  std::unique_lock guard(poll.lock);
  poll.hold = why;
  poll.RefreshView();
}

}  // namespace

Follower::Follower(Options options, std::unique_ptr<Upstream> upstream, ledger::Store& store,
                   PollBook& book, const std::vector<std::unique_ptr<Issuer>>& issuers,
                   const Clock& clock, DiskWatch& disk, Log& log, Issuer::Fatal fatal,
                   std::function<void(bool)> healthy)
    : options_(std::move(options)),
      upstream_(std::move(upstream)),
      store_(store),
      book_(book),
      issuers_(issuers),
      disk_(disk),
      log_(log),
      fatal_(std::move(fatal)),
      healthy_(std::move(healthy)),
      duties_(issuers, clock,
              [this](const std::shared_ptr<LivePoll>& poll,
                     const IssuerDuties::Group& group) -> absl::StatusOr<uint64_t> {
                URNA_ASSIGN_OR_RETURN(const uint64_t record, upstream_->Submit(poll->id, group));
                const auto kind = static_cast<uint8_t>(poll::KindOf(group.payloads.back()));
                log_.Line(Cat("poll ", base::Hex(poll->id), ": '", poll::KindName(kind),
                              "' was recorded by the ballot box"));
                return record;
              }) {}

std::string Follower::EvidencePath(const Hash32& poll) const {
  return Cat(options_.evidence_folder, "/", base::Hex(poll), ".evidence");
}

void Follower::Adopt(std::shared_ptr<LivePoll> poll, const ledger::Checkpoint& anchored,
                     std::string note, std::unique_ptr<AnchorFile> anchor) {
  Followed& followed = followed_[poll->id];
  followed.poll = std::move(poll);
  followed.anchor = std::move(anchor);
  followed.verified = anchored;
  followed.note = std::move(note);
  LivePoll& live = *followed.poll;
  live.hold = IsOver(live) ? absl::OkStatus() : NotYetCompared();
  if (base::ReadFile(EvidencePath(live.id)).ok()) {
    followed.forked = true;
    live.hold = Refused(Reject(
        "ledger.forked",
        Cat("the ballot box signed two histories; the evidence is in ", EvidencePath(live.id))));
    Report(live.id, live.hold);
  }
  live.head_note = followed.note;
  live.ResumePublication(anchored.size, followed.note, 0);
  live.RefreshView();
  // A first fetch that was interrupted is finished before anybody sees the poll.
  if (anchored.size > 0) book_.Add(followed.poll);
}

void Follower::Start() {
  follow_ = std::thread([this] { FollowUntilStopped(); });
  attend_ = std::thread([this] { AttendUntilStopped(); });
}

void Follower::Stop() {
  {
    std::lock_guard guard(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  upstream_->Stop();
  if (follow_.joinable()) follow_.join();
  if (attend_.joinable()) attend_.join();
}

bool Follower::Pause(std::chrono::milliseconds time) {
  std::unique_lock guard(mutex_);
  return !wake_.wait_for(guard, time, [this] { return stopping_; });
}

void Follower::Report(const Hash32& poll, const absl::Status& status) {
  std::string& said = said_[poll];
  const std::string text = status.ok() ? "" : status.ToString();
  if (text == said) return;
  const std::string where = poll == kNoPoll ? "" : Cat("poll ", base::Hex(poll), ": ");
  log_.Line(Cat(where, text.empty() ? "in order again" : text));
  said = text;
}

// --- Following -----------------------------------------------------------------------------------

void Follower::FollowUntilStopped() {
  do {
    FollowAll();
  } while (Pause(options_.every));
}

void Follower::FollowAll() {
  const auto listed = upstream_->Polls();
  {
    std::lock_guard guard(mutex_);
    if (stopping_) return;
  }
  Report(kNoPoll, listed.status());
  if (listed.ok()) {
    std::set<Hash32> polls(listed->begin(), listed->end());
    std::erase_if(others_, [&](const Hash32& id) { return !polls.contains(id); });
    for (const auto& [id, followed] : followed_) polls.insert(id);
    for (const Hash32& id : polls) {
      if (others_.contains(id)) continue;
      const absl::Status status = FollowOne(id);
      {
        std::lock_guard guard(mutex_);
        if (stopping_) return;
      }
      Report(id, status);
    }
  }
  bool healthy = listed.ok();
  const auto now = Steady::now();
  for (auto& [id, followed] : followed_) {
    LivePoll& poll = *followed.poll;
    if (IsOver(poll)) continue;
    if (poll.hold.ok() && now - followed.news > options_.patience) {
      SetHold(poll, Failure(absl::StatusCode::kUnavailable,
                            "this issuer has had no news of the ballot box's ledger for too long; "
                            "try again later"));
    }
    healthy = healthy && poll.hold.ok();
  }
  healthy_(healthy);
}

absl::Status Follower::FollowOne(const Hash32& id) {
  auto known = followed_.find(id);
  if (known != followed_.end() && IsOver(*known->second.poll)) return absl::OkStatus();
  if (known != followed_.end() && known->second.forked) return known->second.poll->hold;
  URNA_ASSIGN_OR_RETURN(const std::string note, upstream_->Checkpoint(id));
  Followed* followed = known == followed_.end() ? nullptr : &known->second;
  if (followed == nullptr) {
    URNA_ASSIGN_OR_RETURN(const ledger::Note parsed, ledger::Note::Parse(note));
    URNA_ASSIGN_OR_RETURN(const auto claimed, ledger::Checkpoint::ParseBody(parsed.text));
    URNA_ASSIGN_OR_RETURN(followed, Meet(id, claimed, note));
    if (followed == nullptr) return absl::OkStatus();
  }
  const absl::Status status = Compare(*followed, note);
  // A line that breaks, or a disk that is full, says nothing about the ledger; patience is for
  // that.
  if (!status.ok() && !absl::IsUnavailable(status) && !absl::IsResourceExhausted(status))
    SetHold(*followed->poll, Refused(status));
  return status;
}

/// A poll that was not followed before; null if it is not for us.
absl::StatusOr<Follower::Followed*> Follower::Meet(const Hash32& id,
                                                   const ledger::Checkpoint& claimed,
                                                   const std::string& note) {
  URNA_ASSIGN_OR_RETURN(const auto records,
                        upstream_->Records(id, 0, std::min(claimed.size, kChunk)));
  if (records.empty() || ledger::LeafHash(records[0]) != id) {
    return Reject("ledger.poll-id", "record 0 is not that of the poll");
  }
  auto live = std::make_shared<LivePoll>(&store_);
  live->id = id;
  live->hold = NotYetCompared();
  bool others = false;
  absl::Status unwanted;
  const auto accept = [&](const poll::State& state) -> absl::Status {
    if (state.definition() == nullptr) {
      return Reject("ledger.incomplete", "the published records do not hold the whole definition");
    }
    const poll::Definition& definition = *state.definition();
    others = std::ranges::none_of(definition.issuers, [&](const poll::Party& party) {
      return FindIssuer(issuers_, party.key) != nullptr;
    });
    if (others) return absl::CancelledError();
    if (definition.ballot_box.key != options_.ballot_box) {
      unwanted = Failure(absl::StatusCode::kFailedPrecondition,
                         "names an issuer of this process, but the ballot box's key is not the "
                         "setting `follow-key`; it is not joined");
    }
    for (const poll::Party& official : definition.officials) {
      if (std::ranges::find(options_.officials, official.key) != options_.officials.end()) continue;
      unwanted = Failure(absl::StatusCode::kFailedPrecondition,
                         Cat("names an issuer of this process, but its official ", official.name,
                             " is not among the settings `official`; it is not joined"));
    }
    URNA_RETURN_IF_ERROR(unwanted);
    const auto running = std::ranges::count_if(
        followed_, [](const auto& entry) { return !IsOver(*entry.second.poll); });
    if (static_cast<size_t>(running) >= options_.max_polls) {
      return Failure(absl::StatusCode::kResourceExhausted,
                     Cat("is not joined: ", running,
                         " unfinished polls are followed, as many as `max-polls` allows"));
    }
    return ledger::OpenCheckpoint(note, definition.ballot_box).status();
  };
  const absl::Status taken = Take(*live, records, accept);
  if (others || !unwanted.ok()) {
    others_.insert(id);
    if (!unwanted.ok()) log_.Line(Cat("poll ", base::Hex(id), ": ", MessageOf(unwanted)));
    return nullptr;
  }
  URNA_RETURN_IF_ERROR(taken);
  Followed& followed = followed_[id];
  followed.poll = std::move(live);
  log_.Line(Cat("poll ", base::Hex(id), ": \"",
                followed.poll->state.definition()->title.begin()->second, "\" is followed"));
  return &followed;
}

/// Checks records that nothing vouches for, and keeps them up to the first that breaks a rule.
/// `accept` judges the state of a poll that nobody else sees yet, before anything of it is written.
absl::Status Follower::Take(LivePoll& poll, const std::vector<std::string>& records,
                            const std::function<absl::Status(const poll::State&)>& accept) {
  using poll::Replay;
  uint64_t bytes = 0;
  for (const std::string& record : records) bytes += record.size();
  disk_.Measure();
  URNA_RETURN_IF_ERROR(disk_.Admit(DiskWatch::Use::kFinish, bytes));

  // Proofs take long: nobody who reads the state waits for them.
  std::vector<Replay::Run> runs;
  for (std::span<const std::string> left = records; !left.empty();) {
    const size_t size = std::min(kRun, left.size());
    runs.emplace_back(Replay::Trust::kNothing, left.first(size));
    left = left.subspan(size);
  }
  const poll::Basis basis{poll.state.definition(), poll.state.context()};
  OnAllCores(runs.size(), [&](size_t i) { runs[i].Check(basis); });

  absl::Status fault;
  // Held until all is durable: nobody sees what a crash could undo.
  std::unique_lock guard(poll.lock);
  const uint64_t before = poll.state.size();
  poll.unwritten = records;
  Replay replay(
      Replay::Trust::kNothing, std::move(poll.state),
      [&fault](uint64_t index, uint8_t kind, const absl::Status& status) {
        fault = base::Annotate(status, Cat("record ", index, " ('", poll::KindName(kind), "')"));
      },
      poll::Sequentially, Replay::AfterFault::kStop);
  for (Replay::Run& run : runs) {
    while (!replay.Apply(run)) run.Check(replay.basis());
  }
  poll.state = std::move(replay).TakeState();
  const uint64_t accepted = poll.state.size() - before;
  ledger::Store::Batch batch{poll.id, std::move(poll.unwritten)};
  poll.unwritten.clear();
  batch.records.resize(accepted);
  if (accept) {
    URNA_RETURN_IF_ERROR(fault);
    URNA_RETURN_IF_ERROR(accept(poll.state));
  }
  if (accepted == 0) return fault;

  const auto heads = store_.Append({&batch, 1});
  if (!heads.ok() || (*heads)[0].root != poll.state.root()) {
    fatal_(Cat("the copy of a ledger could not be written: ", MessageOf(heads.status())));
    return Failure(absl::StatusCode::kUnavailable, "the copy of the ledger could not be written");
  }
  poll.written = poll.state.size();
  return fault;
}

absl::Status Follower::Compare(Followed& followed, const std::string& note) {
  LivePoll& poll = *followed.poll;
  const ledger::NoteKey& key = poll.state.definition()->ballot_box;
  const ledger::Checkpoint& verified = followed.verified;
  URNA_ASSIGN_OR_RETURN(const ledger::Checkpoint shown, ledger::OpenCheckpoint(note, key));
  while (poll.state.size() < shown.size) {
    const uint64_t first = poll.state.size();
    URNA_ASSIGN_OR_RETURN(const auto records,
                          upstream_->Records(poll.id, first, std::min(shown.size, first + kChunk)));
    const absl::Status taken = Take(poll, records, nullptr);
    // The first new record does not follow the last one that a checkpoint covers.
    if (base::RejectId(taken) == "ledger.chain-broken" && first == verified.size) {
      return ProveFork(followed, shown, note, taken);
    }
    URNA_RETURN_IF_ERROR(taken);
  }
  const ledger::NodeReader nodes = store_.Nodes(poll.id, std::max(shown.size, verified.size));
  URNA_ASSIGN_OR_RETURN(const Hash32 root, ledger::RootAt(shown.size, nodes));
  if (root != shown.root) {
    const absl::Status differs =
        Reject("ledger.root", "the ballot box sent records that are not those it signed");
    if (shown.size > verified.size) return ProveFork(followed, shown, note, differs);
    if (shown.size == 0) return differs;
    URNA_ASSIGN_OR_RETURN(const ledger::Evidence fork,
                          ledger::MakeFork(note, followed.note, key, nodes));
    return Forked(followed, fork);
  }
  if (shown.size < verified.size) {
    return Reject("ledger.forked", Cat("the ballot box shows a shorter ledger than before: ",
                                       shown.size, " records, and had shown ", verified.size));
  }
  return Confirm(followed, shown, note);
}

/// What was sent does not continue what was verified. Whether what was signed does not, only all of
/// its records can show.
absl::Status Follower::ProveFork(Followed& followed, const ledger::Checkpoint& shown,
                                 const std::string& note, const absl::Status& fault) {
  if (followed.verified.size == 0) return fault;
  const Hash32& poll = followed.poll->id;
  URNA_ASSIGN_OR_RETURN(ledger::ForkProver prover,
                        ledger::ForkProver::Begin(followed.note, note,
                                                  followed.poll->state.definition()->ballot_box));
  for (uint64_t first = 0; first < shown.size; first += kChunk) {
    URNA_ASSIGN_OR_RETURN(const auto records,
                          upstream_->Records(poll, first, std::min(shown.size, first + kChunk)));
    for (const std::string& record : records) prover.Append(ledger::LeafHash(record));
  }
  URNA_ASSIGN_OR_RETURN(const std::optional<ledger::Evidence> fork, prover.Finish());
  return fork.has_value() ? Forked(followed, *fork) : fault;
}

absl::Status Follower::Confirm(Followed& followed, const ledger::Checkpoint& checkpoint,
                               const std::string& note) {
  LivePoll& poll = *followed.poll;
  const bool first = followed.verified.size == 0;
  if (checkpoint.size > followed.verified.size) {
    if (followed.anchor == nullptr) {
      URNA_ASSIGN_OR_RETURN(followed.anchor,
                            AnchorFile::Open(AnchorPath(options_.anchor_folder, poll.id)));
    }
    const absl::Status anchored = followed.anchor->Append(note);
    if (!anchored.ok()) {
      fatal_(Cat("the anchor of a ledger could not be written: ", MessageOf(anchored)));
      return anchored;
    }
    followed.verified = checkpoint;
    followed.note = note;
  }
  followed.news = Steady::now();
  const absl::Status issuers = CompareIssuers(poll);
  {
    std::unique_lock guard(poll.lock);
    poll.head_note = followed.note;
    poll.ResumePublication(followed.verified.size, followed.note, 0);
    poll.hold = issuers.ok() ? absl::OkStatus() : Refused(issuers);
    poll.RefreshView();
  }
  if (first) book_.Add(followed.poll);
  return issuers;
}

absl::Status Follower::CompareIssuers(const LivePoll& poll) {
  const poll::Definition& definition = *poll.state.definition();
  for (size_t i = 0; i < definition.issuers.size(); ++i) {
    const auto& X = poll.state.issuer_keys()[i];
    Issuer* const issuer = FindIssuer(issuers_, definition.issuers[i].key);
    if (issuer == nullptr || !X.has_value()) continue;
    const auto index = static_cast<uint8_t>(i);
    URNA_RETURN_IF_ERROR(issuer->Compare(poll.id, index, *X, poll.state.Issued(index),
                                         poll.state.distinct_ballots()));
  }
  return absl::OkStatus();
}

absl::Status Follower::Forked(Followed& followed, const ledger::Evidence& fork) {
  const ledger::NoteKey& key = followed.poll->state.definition()->ballot_box;
  const ledger::Judgement judgement = ledger::Judge(fork, key);
  if (!judgement.proven) {
    return Failure(absl::StatusCode::kDataLoss,
                   Cat("the ballot box's ledger differs from the copy here, but ", judgement.text,
                       "; is the copy damaged?"));
  }
  const std::string path = EvidencePath(followed.poll->id);
  URNA_RETURN_IF_ERROR(base::WriteFileAtomic(path, ledger::EncodeEvidence(fork), 0600));
  followed.forked = true;
  return Reject("ledger.forked",
                Cat("the ballot box shows a ledger that does not continue the one it showed "
                    "before: ",
                    judgement.text, "; ", path, " proves it to anybody (urna-verify --log '",
                    key.ToString(), "' --evidence FILE), keep it"));
}

// --- Duties --------------------------------------------------------------------------------------

void Follower::AttendUntilStopped() {
  std::map<Hash32, std::string> said;
  do {
    for (const auto& poll : book_.All()) {
      {
        std::shared_lock guard(poll->lock);
        if (!poll->hold.ok()) continue;
      }
      const absl::Status status = duties_.Attend(poll);
      {
        std::lock_guard guard(mutex_);
        if (stopping_) return;
      }
      std::string text = status.ok() ? "" : status.ToString();
      if (!text.empty() && text != said[poll->id]) {
        log_.Line(Cat("poll ", base::Hex(poll->id), ": ", text, "; trying again"));
      }
      said[poll->id] = std::move(text);
    }
  } while (Pause(options_.every));
}

}  // namespace urna::server
