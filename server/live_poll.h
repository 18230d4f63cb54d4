#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ledger/store/store.h"
#include "poll/state.h"
#include "poll/state_snapshot.h"

namespace urna::server {

using crypto::Hash32;
using crypto::Point;

/// A shared mutex whose writer is not starved by readers: the sequencer must never wait for a
/// flood.
class StateLock {
 public:
  void lock() {
    turnstile_.lock();
    mutex_.lock();
  }
  void unlock() {
    mutex_.unlock();
    turnstile_.unlock();
  }
  void lock_shared() {
    std::lock_guard turn(turnstile_);
    mutex_.lock_shared();
  }
  void unlock_shared() { mutex_.unlock_shared(); }

 private:
  std::mutex turnstile_;
  std::shared_mutex mutex_;
};

/// What most requests need to know about a poll, as of the last durable write. Immutable, so that
/// readers wait for nobody.
struct PublicView {
  poll::Phase phase = poll::Phase::kEmpty;
  std::string reason;
  absl::Status damage;
  uint64_t end = 0;
  std::shared_ptr<const poll::Definition> definition;
  std::shared_ptr<const poll::PollContext> context;  ///< null until opened
  std::vector<std::string> waiting_for;              ///< what the next step lacks, in English
  /// The newest signed checkpoint; for receipts only while the poll is open.
  uint64_t head_size = 0;
  std::string head_note;
  /// What everyone may see.
  uint64_t published_size = 0;
  std::string published_note;
};

/// One poll that this server keeps.
class LivePoll {
  const ledger::Store* const store_;

 public:
  explicit LivePoll(const ledger::Store* store) : store_(store), state(Reader()) {}
  LivePoll(const LivePoll&) = delete;
  LivePoll& operator=(const LivePoll&) = delete;

  /// Set before the poll is in the book, then constant.
  Hash32 id{};

  /// Guards everything down to RefreshView. The sequencer holds it from applying records until they
  /// are durable, so that nobody else sees what a crash could undo.
  mutable StateLock lock;
  poll::State state;
  std::string head_note;  ///< checkpoint of all of `state`
  /// Why no tokens may be given on the strength of `state`, or OK: a copy of a ledger that others
  /// write may be behind, or belong to a ledger that was forked.
  absl::Status hold;
  /// Why nothing is taken and given for this poll, or OK: what the store holds of it is damaged.
  absl::Status damage;
  /// Records applied but not yet in the store, and how many are in it.
  std::vector<std::string> unwritten;
  uint64_t written = 0;

  /// What `state` reads earlier records with.
  poll::State::ReadRecord Reader();
  /// Of a ballot that was decoded before.
  static Point BallotKeyOf(const poll::BallotCast& ballot);
  /// For every ballot that was applied, as record `index`: its revision is shown when that is.
  void NoteRevision(uint64_t index, const poll::BallotCast& ballot);
  void NoteRevision(const poll::BallotNote& note);
  /// Shows everything written so far. `now`: Unix seconds.
  void Publish(uint64_t now);
  /// Resumes with the publication of an earlier run.
  void ResumePublication(uint64_t size, std::string note, uint64_t period);
  /// Shows cosignatures on the publication of `size` records; nothing happens if there has been
  /// another since. Takes `lock` itself.
  void ShowCosigned(uint64_t size, std::string note);
  /// True if the poll is in a phase in which publication waits for the clock.
  bool PublishesByClock() const;
  /// floor(now / publish_every).
  uint64_t PeriodOf(uint64_t now) const;
  /// True if the clock allows the next publication.
  bool PublicationDue(uint64_t now) const;
  /// Replaces view() by what is now true.
  void RefreshView();

  // --- Without `lock`, from any thread ---

  std::shared_ptr<const PublicView> view() const;
  /// The last published revision of a ballot key; 0 if none. Waits for no write: how long an answer
  /// takes must not tell when a ballot comes.
  uint16_t PublishedRevision(const Point& ballot_key) const;
  /// Ballots that arrived in time and are not answered yet. `ended` waits for them.
  std::atomic<int64_t> ballots_in_flight{0};
  /// The end in force.
  std::atomic<uint64_t> end{0};

 private:
  uint64_t published_size_ = 0;
  std::string published_note_;
  uint64_t published_period_ = 0;
  struct Revision {
    uint64_t index;
    std::array<uint8_t, 32> ballot_key;
    uint16_t revision;
  };
  std::deque<Revision> unpublished_revisions_;
  void ShowRevisions(uint64_t size);

  mutable std::mutex revisions_mutex_;
  absl::flat_hash_map<std::array<uint8_t, 32>, uint16_t> revisions_;  // published; by ballot key

  mutable std::mutex view_mutex_;
  std::shared_ptr<const PublicView> view_ = std::make_shared<const PublicView>();
};

/// All polls of the server.
class PollBook {
 public:
  /// Null if there is none.
  std::shared_ptr<LivePoll> Find(const Hash32& id) const;
  std::vector<std::shared_ptr<LivePoll>> All() const;
  void Add(std::shared_ptr<LivePoll> poll);

 private:
  mutable std::mutex mutex_;
  std::map<Hash32, std::shared_ptr<LivePoll>> polls_;
};

/// NotFound, for a poll that this server does not keep.
absl::Status UnknownPoll(const Hash32& id);

}  // namespace urna::server
