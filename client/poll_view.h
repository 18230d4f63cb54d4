#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/connection.h"
#include "ledger/checkpoint.h"
#include "poll/state.h"

namespace urna::client {

using crypto::Hash32;

/// Parses 64 hexadecimal digits. Errors: InvalidArgument naming what is wrong.
absl::StatusOr<Hash32> ParsePollId(std::string_view text);

/// A poll as this client verified it itself: every record replayed and checked, the checkpoint's
/// signature, size and root compared, record 0 equal to the poll id. Nothing the server says is
/// believed.
class PollView {
 public:
  /// Records up to and including `opened`, which is all a voter needs. Held in memory.
  /// Errors: FailedPrecondition if not opened yet; the first fault of the ledger; network failures.
  static absl::StatusOr<std::unique_ptr<PollView>> FetchUntilOpened(Connection& connection,
                                                                    const Hash32& poll);
  /// The whole published ledger, through a folder that is kept (made or brought up to date, see
  /// FetchLedger). Checks proofs on all cores.
  static absl::StatusOr<std::unique_ptr<PollView>> FetchAll(Connection& connection,
                                                            const Hash32& poll,
                                                            const std::string& folder);

  const poll::State& state() const { return *state_; }

 private:
  PollView() = default;
  std::vector<std::string> records_;  // FetchUntilOpened
  std::unique_ptr<poll::State> state_;
};

/// Makes `folder` an export (ledger/export.h) of the published ledger. If the folder holds an older
/// export of the same poll, checks that it is a prefix of the new one before replacing it.
/// `progress(done, total)` is called now and then. Returns the checkpoint.
absl::StatusOr<ledger::Checkpoint> FetchLedger(
    Connection& connection, const Hash32& poll, const std::string& folder,
    const std::function<void(uint64_t, uint64_t)>& progress);

/// ParallelFor of poll::Replay on `threads` threads (0 = all cores).
std::function<void(size_t, const std::function<void(size_t)>&)> OnThreads(unsigned threads);

}  // namespace urna::client
