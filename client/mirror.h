#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/file.h"
#include "client/ledger_source.h"
#include "client/poll_view.h"
#include "http/message.h"
#include "ledger/evidence.h"
#include "ledger/export.h"
#include "poll/replay.h"
#include "poll/state.h"

namespace urna::client {

/// A verified copy of one poll's ledger, which follows whoever shows the ledger, serves it to
/// others, and raises an alarm when it is shown what an honest ballot box cannot have signed.
/// docs/guides/mirror.md. In its folder, which mirrors of other polls may share:
///
///     POLL/                 an export (ledger/export.h); always whole, exchanged as one
///     POLL.alarm            what the alarm is about; while it is there, the copy stays as it is
///     POLL.lock             held by the process that runs on it
///     evidence/POLL-SIZE-ROOT.evidence   what proves a fork to anybody
///     evidence/POLL-SIZE-ROOT/           the ledger that was shown and is refused, an export too
///     spare/POLL/           an export that is being made, or the one before
class Mirror {
 public:
  struct Options {
    std::string folder;  ///< made if it does not exist
    Hash32 poll{};
    std::function<void(std::string_view)> log;
    std::function<uint64_t()> now;  ///< Unix seconds, for alarms
    Progress progress = [](std::string_view, uint64_t, uint64_t) {};
    poll::Replay::ParallelFor parallel_for = OnThreads(0);
    /// Tests: what is new is on the disk and not yet shown to anybody.
    std::function<void()> persisted = [] {};
  };
  /// Locks the folder and checks all that is in it anew, proofs included.
  /// Errors: FailedPrecondition if another process runs on it; DataLoss if the copy is damaged, for
  /// which nobody is accused; file failures.
  static absl::StatusOr<std::unique_ptr<Mirror>> Open(Options options);

  enum class News {
    kNewer,  ///< the copy has grown
    kSame,   ///< the source shows what the copy holds
    kOlder,  ///< the source shows a beginning of what the copy holds, which is proof of nothing
  };
  /// Looks at what a source shows and takes over what is new: every record checked, root and
  /// signature compared, hash tiles compared where the source has some. What is new is on the disk
  /// before anybody is shown it. For one thread at a time.
  /// Errors: with an alarm(), new or old, whatever raised it; otherwise the copy stays as it is,
  /// and nobody is accused: Rejects for what the source sent and nobody signed; network and file
  /// failures; DataLoss if the copy was changed by others.
  absl::StatusOr<News> Follow(LedgerSource& source);

  /// GET below the poll's path: "checkpoint" and "tile/..", as a server gives them, "alarm", and
  /// "evidence", the file that proves it. Safe from any thread, as are all functions below.
  http::Response Serve(std::string_view file) const;
  const Hash32& poll() const { return options_.poll; }
  /// What the copy holds; nothing before the first fetch.
  std::optional<ledger::Checkpoint> checkpoint() const;
  /// "" if there is none.
  std::string alarm() const;
  /// While the poll is open: how many seconds the published ledger may go without a new record.
  std::optional<uint64_t> grows_within() const;

 private:
  using Reader = std::shared_ptr<const ledger::ExportReader>;

  Mirror(Options options, base::FileLock lock);
  const ledger::NoteKey& key() const { return state_.definition()->ballot_box; }
  std::string Path(std::string_view name) const;
  Reader held() const;
  absl::StatusOr<std::string> ReadRecord(uint64_t index) const;
  absl::Status Load();
  absl::StatusOr<News> Compare(LedgerSource& source, const std::string& note,
                               const ledger::Checkpoint& shown, const Reader& held);
  absl::Status TakeCosignatures(const std::string& note, const Reader& held);
  absl::StatusOr<News> Advance(LedgerSource& source, const std::string& note,
                               const ledger::Checkpoint& claimed, const Reader& held);
  absl::Status Show();
  absl::Status CompareTiles(LedgerSource& source, const ledger::ExportReader& reader,
                            uint64_t known_size) const;
  absl::Status ProveFork(LedgerSource& source, const std::string& note,
                         const ledger::Checkpoint& shown, const Reader& held,
                         const absl::Status& fault);
  absl::StatusOr<std::optional<uint64_t>> CopyOther(LedgerSource& source, const std::string& note,
                                                    const ledger::Checkpoint& shown,
                                                    const ledger::ExportReader& held,
                                                    ledger::ForkProver* prover) const;
  absl::Status ClearSpare() const;
  void KeepOther(const std::string& name) const;
  std::string NameOf(const ledger::Checkpoint& shown) const;
  void RaiseAlarm(std::string_view what, const std::string& name,
                  const std::optional<ledger::Evidence>& evidence);

  const Options options_;
  const base::FileLock lock_;

  // Of the thread that follows.
  poll::State state_;                             // as of what is held
  std::unique_ptr<ledger::ExportWriter> writer_;  // while something is added

  mutable std::mutex mutex_;
  Reader held_;
  std::string alarm_;
  std::optional<uint64_t> grows_within_;
};

/// GET and HEAD of what the mirrors hold, each below /<poll id>/, and of /, the list of them, so
/// that another mirror can follow this one. The mirrors must outlive the handler's use.
http::Response ServeMirrors(const std::vector<std::unique_ptr<Mirror>>& mirrors,
                            const http::Request& request);

}  // namespace urna::client
