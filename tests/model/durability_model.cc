#include "tests/model/durability_model.h"

#include <algorithm>
#include <deque>
#include <functional>
#include <utility>

namespace urna::model {
namespace {

/// Ballots by number, in the order of the ledger.
using Log = std::string;

bool IsPrefix(const Log& a, const Log& b) { return b.compare(0, a.size(), a) == 0; }

/// A file that grows: what programs see, and what a crash leaves of it at least. `lost`: a sync
/// failed, and what was not durable then never will be.
struct File {
  Log seen;
  size_t durable = 0;
  std::vector<size_t> ends;  // of batches after `durable`
  bool lost = false;

  void Write(const Log& content) {
    seen = content;
    ends.push_back(content.size());
  }
  void Sync() {
    if (lost) return;
    durable = seen.size();
    ends.clear();
  }
  auto Key() const { return std::tie(seen, durable, ends, lost); }
};

enum class Step { kIdle, kWritten, kSynced, kSigned, kAnchored, kAnchorSynced, kDown, kRefused };

struct State {
  Step step = Step::kIdle;
  File store;   // the records
  File anchor;  // of the ledger as it was signed last
  Log batch;    // what is being written
  // Outside of the server:
  std::set<Log> signed_logs;
  std::set<char> acknowledged;
  std::vector<Log> copies;  // of the store, made some time
  bool old_copy = false;    // one was put in the store's place
  int crashes = 0, failed_syncs = 0;

  auto Key() const {
    return std::tuple(step, store.Key(), anchor.Key(), batch, signed_logs, acknowledged, copies,
                      old_copy, crashes, failed_syncs);
  }
  bool operator<(const State& other) const { return Key() < other.Key(); }
};

class Explorer {
 public:
  Explorer(const Design& design, const Bounds& bounds) : design_(design), bounds_(bounds) {}

  Exploration Run() {
    Meet(State{}, nullptr, "start");
    while (!waiting_.empty() && !out_.broken.has_value()) {
      const State* state = waiting_.front();
      waiting_.pop_front();
      Advance(*state);
    }
    out_.states = seen_.size();
    return std::move(out_);
  }

 private:
  struct From {
    const State* before;
    std::string step;
  };

  void Meet(State state, const State* before, const std::string& step) {
    const auto [at, is_new] = seen_.try_emplace(std::move(state), From{before, step});
    if (!is_new) return;
    if (at->first.step == Step::kRefused) ++out_.refusals;
    waiting_.push_back(&at->first);
    if (const auto broken = Broken(at->first); broken.has_value() && !out_.broken.has_value()) {
      out_.broken = broken;
      for (const State* s = &at->first; s != nullptr; s = seen_.at(*s).before) {
        out_.trace.insert(out_.trace.begin(), seen_.at(*s).step);
      }
    }
  }

  static std::optional<std::string> Broken(const State& s) {
    for (auto a = s.signed_logs.begin(); a != s.signed_logs.end(); ++a) {
      for (auto b = std::next(a); b != s.signed_logs.end(); ++b) {
        if (!IsPrefix(*a, *b) && !IsPrefix(*b, *a)) return "two signed histories";
      }
    }
    std::set<char> once(s.store.seen.begin(), s.store.seen.end());
    if (once.size() != s.store.seen.size()) return "a ballot is there twice";
    if (s.step == Step::kRefused && !s.old_copy) return "refused after a plain crash";
    if (s.step == Step::kDown || s.step == Step::kRefused) return std::nullopt;
    for (const char ballot : s.acknowledged) {
      if (!once.contains(ballot)) return "an acknowledged ballot is gone and nobody says so";
    }
    return std::nullopt;
  }

  void Advance(const State& s) {
    const auto go = [&](const std::string& step, const std::function<void(State&)>& change) {
      State next = s;
      change(next);
      Meet(std::move(next), &s, step);
    };
    if (s.step != Step::kDown && s.step != Step::kRefused && s.crashes < bounds_.crashes) {
      go("crash", [](State& n) {
        n.step = Step::kDown;
        ++n.crashes;
      });
    }
    switch (s.step) {
      case Step::kIdle:
        TakeBatches(s, go);
        if (bounds_.old_copies > static_cast<int>(s.copies.size()) && !s.store.seen.empty()) {
          go("copy the store", [](State& n) { n.copies.push_back(n.store.seen); });
        }
        return;
      case Step::kWritten:
        if (design_.acknowledge_before_sync && !Acknowledged(s)) {
          go("sign and acknowledge", Acknowledge);
          return;
        }
        if (design_.anchor_before_sync && s.anchor.seen != s.store.seen) {
          go("anchor", [](State& n) {
            n.anchor.Write(n.store.seen);
            n.anchor.Sync();
          });
          return;
        }
        Sync(s, go, "sync the store", &State::store, Step::kSynced);
        return;
      case Step::kSynced:
        go("sign", [](State& n) { n.step = Step::kSigned; });
        return;
      case Step::kSigned:
        if (design_.acknowledge_before_anchor && !Acknowledged(s)) {
          go("acknowledge", Acknowledge);
          return;
        }
        go("write the anchor", [](State& n) {
          if (n.anchor.seen != n.store.seen) n.anchor.Write(n.store.seen);
          n.step = Step::kAnchored;
        });
        return;
      case Step::kAnchored:
        if (design_.acknowledge_without_anchor_sync && !Acknowledged(s)) {
          go("acknowledge", Acknowledge);
          return;
        }
        Sync(s, go, "sync the anchor", &State::anchor, Step::kAnchorSynced);
        return;
      case Step::kAnchorSynced:
        go("acknowledge", [](State& n) {
          Acknowledge(n);
          n.batch.clear();
          n.step = Step::kIdle;
        });
        return;
      case Step::kDown:
        Restart(s, go);
        return;
      case Step::kRefused:
        return;
    }
  }

  static bool Acknowledged(const State& s) {
    return std::ranges::all_of(s.batch, [&](char b) { return s.acknowledged.contains(b); });
  }
  static void Acknowledge(State& n) {
    n.signed_logs.insert(n.store.seen);
    n.acknowledged.insert(n.batch.begin(), n.batch.end());
  }

  /// Voters send what was not acknowledged, again after a crash, in any order and number.
  template <typename Go>
  void TakeBatches(const State& s, const Go& go) {
    Log unanswered;
    for (int i = 0; i < bounds_.ballots; ++i) {
      const char ballot = static_cast<char>('a' + i);
      if (!s.acknowledged.contains(ballot)) unanswered.push_back(ballot);
    }
    do {
      for (size_t count = 1; count <= unanswered.size(); ++count) {
        const Log batch = unanswered.substr(0, count);
        go("write " + batch, [&](State& n) {
          n.batch = batch;
          Log log = n.store.seen;
          for (const char ballot : batch) {
            const bool known = log.find(ballot) != Log::npos;
            if (!known || design_.forget_what_was_sent_before) log.push_back(ballot);
          }
          if (log != n.store.seen) n.store.Write(log);
          n.step = Step::kWritten;
        });
      }
    } while (std::ranges::next_permutation(unanswered).found);
  }

  template <typename Go>
  void Sync(const State& s, const Go& go, const std::string& what, File State::*file, Step after) {
    go(what, [&](State& n) {
      (n.*file).Sync();
      n.step = after;
    });
    if (s.failed_syncs == bounds_.failed_syncs) return;
    for (const bool done : {false, true}) {
      go(what + (done ? ": fails, but was done" : ": fails"), [&](State& n) {
        ++n.failed_syncs;
        if (done) {
          (n.*file).Sync();
        } else {
          (n.*file).lost = true;
        }
        // The process ends, unless it tries again.
        n.step = design_.retry_failed_sync ? n.step : Step::kDown;
      });
    }
  }

  template <typename Go>
  void Restart(const State& s, const Go& go) {
    std::vector<Log> stores = Left(s.store);
    const size_t plain = stores.size();
    if (!s.old_copy) stores.insert(stores.end(), s.copies.begin(), s.copies.end());
    const std::vector<Log> anchors = Left(s.anchor);
    for (size_t i = 0; i < stores.size(); ++i) {
      for (const Log& anchor : anchors) {
        const bool copy = i >= plain;
        go("start with the store at " + std::to_string(stores[i].size()) + (copy ? " (copy)" : "") +
               ", the anchor at " + std::to_string(anchor.size()),
           [&](State& n) {
             n.store = {stores[i], stores[i].size(), {}, false};
             const bool on_disk = !n.anchor.lost || anchor.size() <= n.anchor.durable;
             if (on_disk || !design_.trust_the_anchor_as_read) {
               n.anchor = {anchor, anchor.size(), {}, false};
             }
             n.batch.clear();
             n.old_copy |= copy;
             const bool behind = !IsPrefix(anchor, n.store.seen);
             n.step = behind && !design_.serve_when_behind ? Step::kRefused : Step::kIdle;
           });
      }
    }
  }

  /// What a crash may leave of a file.
  static std::vector<Log> Left(const File& file) {
    std::vector<Log> left = {file.seen.substr(0, file.durable)};
    for (const size_t end : file.ends) left.push_back(file.seen.substr(0, end));
    return left;
  }

  const Design design_;
  const Bounds bounds_;
  std::map<State, From> seen_;
  std::deque<const State*> waiting_;
  Exploration out_;
};

}  // namespace

Exploration Explore(const Design& design, const Bounds& bounds) {
  return Explorer(design, bounds).Run();
}

}  // namespace urna::model
