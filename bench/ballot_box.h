#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/store/store.h"
#include "server/clock.h"
#include "server/disk_watch.h"
#include "server/live_poll.h"
#include "server/log.h"
#include "server/sequencer.h"
#include "server/settings.h"
#include "tests/support/election.h"

namespace urna::bench {

/// A folder that goes away with the object, in TMPDIR: the disk that is measured.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// Payloads of kind `ballot cast` that decode and have different ballot keys: `sample` under other
/// keys. Their proofs are false; for measuring what comes after the checks. Revisions are 1.
std::vector<std::string> UnprovenBallots(const std::string& sample, size_t count);

/// A clock that stands still.
class StoppedClock final : public server::Clock {
 public:
  explicit StoppedClock(uint64_t now) : now_(now) {}
  uint64_t Now() const override { return now_; }
  bool MovedByHand() const override { return true; }

 private:
  const uint64_t now_;
};

/// The writing half of a server: sequencer, store and anchor as the server has them, with a poll
/// that is open. There are no services before it, and nothing checks proofs.
class BallotBox {
 public:
  /// Everything is laid out in `folder` as in a server's data folder, so that a server can be
  /// started on it later; its issuer is said to be elsewhere.
  BallotBox(const std::string& folder, const testing::ElectionOptions& options);

  /// Ballots ready for the sequencer.
  std::vector<server::Checked> Ballots(size_t count);
  /// Submits `ballots` from `writers` writers, each of which sends its next ballot when the one
  /// before is answered. Returns the seconds each ballot took from submission to receipt.
  std::vector<double> Append(std::vector<server::Checked> ballots, size_t writers);

  ledger::Store& store() { return *store_; }
  const crypto::Hash32& poll() const { return poll_->id; }

  testing::TestElection& election() { return election_; }

 private:
  testing::TestElection election_;
  const StoppedClock clock_;
  server::Log log_;
  server::DiskWatch disk_;
  std::unique_ptr<ledger::Store> store_;
  server::PollBook book_;
  std::unique_ptr<server::Sequencer> sequencer_;
  std::shared_ptr<server::LivePoll> poll_;
  std::string sample_;
};

/// Settings for a server on the folder of a BallotBox that is gone: no TLS, a free port of this
/// machine, no limits of rates.
server::Settings SettingsFor(const std::string& folder);

/// The value below which `share` of `values` lie; sorts them. Precondition: not empty.
double Quantile(std::vector<double>& values, double share);

/// For programs that have no use for an error but to end with it.
[[noreturn]] void Die(std::string_view what);
void Must(const absl::Status& status);
template <typename T>
T Must(absl::StatusOr<T> value) {
  Must(value.status());
  return *std::move(value);
}

/// A poll of referendum questions, TAK or NIE, with these ids, all of them in every style.
testing::ElectionOptions Referendum(uint32_t voters, uint32_t styles,
                                    const std::vector<std::string>& questions);
/// One style of four questions.
testing::ElectionOptions FourQuestions(uint32_t voters);
/// When a TestElection's casting begins.
inline constexpr uint64_t kCastingFrom = 1400990400;

}  // namespace urna::bench
