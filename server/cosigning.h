#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "http/client.h"
#include "ledger/store/store.h"
#include "server/clock.h"
#include "server/live_poll.h"
#include "server/log.h"
#include "server/publication.h"
#include "server/sequencer.h"
#include "server/settings.h"

namespace urna::server {

/// Has everything that is published cosigned by the witnesses of the settings (C2SP tlog-witness;
/// docs/protocol.md, "Witnesses"), each on a thread of its own, so that a slow one delays nobody. A
/// cosignature is stored before it is shown. Whatever a witness does or leaves undone, publishing
/// and voting go on, but for one thing: if it proves, by a checkpoint that the ledger's own key
/// signed, that the ledger here was cut or is another one, the server must not go on.
class Cosigning {
 public:
  struct Pace {
    std::chrono::milliseconds timeout{10'000};  ///< of one request
    /// Between attempts that fail: the first pause; it doubles up to the longest.
    std::chrono::milliseconds first_pause{1'000}, longest_pause{15'000};
    /// How long Start waits for answers.
    std::chrono::milliseconds start_patience{10'000};
  };
  struct Options {
    std::vector<WitnessAddress> witnesses;
    std::string folder;  ///< where StoreWitnessed keeps what is cosigned
    Pace pace;
  };
  /// `halt` is called when a witness proved that the ledger is not what was signed; from Start on,
  /// on a thread of this object.
  Cosigning(Options options, const ledger::Store& store, PollBook& book, const Clock& clock,
            Log& log, Fatal halt);
  ~Cosigning() { Stop(); }

  /// Goes on with what an earlier run stored, and shows it. Before Start, for each poll of which
  /// something was stored.
  void Resume(LivePoll& poll, Witnessed witnessed);
  /// Asks every witness about every poll, waits for their answers, though not for ever, and goes on
  /// by itself. Errors: DataLoss if a witness proved meanwhile that the ledger is not what was
  /// signed; nothing may be served then. Those of http::Client::Open.
  absl::Status Start();
  /// Something was published.
  void Wake();
  void Stop();

 private:
  using Time = std::chrono::steady_clock::time_point;
  /// When to try again what failed, and what was logged of it.
  struct Trouble {
    std::chrono::milliseconds pause{0};
    Time not_before{};
    std::string words;  ///< "" when all is well
  };
  /// What a witness's thread knows of a poll.
  struct Diary {
    uint64_t settled = 0;   ///< size of the publication about which there is nothing more to do
    uint64_t tried = 0;     ///< size of the publication that was tried last
    uint64_t cosigned = 0;  ///< size of the newest checkpoint that the witness cosigned
    uint64_t time = 0;      ///< of its newest cosignature, by its own clock
    bool greeted = false;   ///< it was logged that the witness cosigns
    Trouble trouble;
  };
  struct Witness {
    WitnessAddress address;
    std::unique_ptr<http::Client> client;
    std::map<Hash32, Diary> diaries;
    Trouble trouble;  ///< that concerns all polls: it cannot be reached
    std::thread thread;
    // Under mutex_.
    bool woken = false;
    bool went_round = false;
  };
  enum class Verdict {
    kSettled,
    kUnreachable,  ///< concerns the witness
    kRefused,      ///< concerns the poll
    kContradicted,
  };
  struct Outcome {
    Verdict verdict = Verdict::kSettled;
    std::string words = {};
  };

  void Run(Witness& witness);
  /// Asks for what is published and not cosigned yet. Returns when to come back if nothing happens
  /// before; nothing if never again.
  std::optional<Time> GoRound(Witness& witness);
  Diary& DiaryOf(Witness& witness, const Hash32& poll);
  Outcome Ask(Witness& witness, LivePoll& poll, Diary& diary);
  Outcome Take(Witness& witness, LivePoll& poll, Diary& diary, const Witnessed& shown,
               const std::string& body);
  /// What the witness claims to hold does not fit: whether it can prove it.
  Outcome Confront(Witness& witness, LivePoll& poll, const std::string& claim);
  absl::Status Keep(LivePoll& poll, const WitnessAddress& witness, const Witnessed& shown,
                    const ledger::NoteSignature& cosignature);
  void LogTrouble(Trouble& trouble, std::string_view where, std::string words);
  void Contradict(const std::string& words);

  const Options options_;
  const ledger::Store& store_;
  PollBook& book_;
  const Clock& clock_;
  Log& log_;
  const Fatal halt_;

  std::vector<std::unique_ptr<Witness>> witnesses_;
  std::atomic<bool> stopping_{false};

  std::mutex mutex_;
  std::condition_variable changed_;
  bool started_ = false;  // Start has returned, or is about to
  absl::Status contradiction_;

  std::mutex witnessed_mutex_;  // taken before a poll's lock
  std::map<Hash32, Witnessed> witnessed_;
  bool proof_stored_ = false;  // nothing may be stored over it
};

}  // namespace urna::server
