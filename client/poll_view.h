#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/interrupt.h"
#include "client/ledger_source.h"
#include "ledger/checkpoint.h"
#include "poll/state.h"

namespace urna::client {

/// Parses 64 hexadecimal digits. Errors: InvalidArgument naming what is wrong.
absl::StatusOr<Hash32> ParsePollId(std::string_view text);

/// Told now and then how far a long work is: what is done ("fetched", "checked") and how many of
/// how many records.
using Progress = std::function<void(std::string_view what, uint64_t done, uint64_t total)>;

/// A poll as this client verified it itself: every record replayed and checked, the checkpoint's
/// signature, size and root compared, record 0 equal to the poll id. Nothing the server says is
/// believed.
class PollView {
 public:
  /// Records up to the end of the definition. Errors as FetchUntilOpened.
  static absl::StatusOr<std::unique_ptr<PollView>> FetchDefinition(LedgerSource& source,
                                                                   const Hash32& poll);
  /// Records up to and including `opened`, which is all a voter needs. If more is published, the
  /// root of these records is not the checkpoint's; the officials who opened the poll signed it.
  /// Errors: FailedPrecondition if not opened yet; Reject("ledger.poll-id"), Reject("ledger.root"),
  /// Reject("ledger.incomplete"), those of OpenCheckpoint; the first fault of the ledger, with its
  /// record; network failures.
  static absl::StatusOr<std::unique_ptr<PollView>> FetchUntilOpened(LedgerSource& source,
                                                                    const Hash32& poll);
  /// The whole published ledger, through a folder that is kept (made or brought up to date, see
  /// FetchLedger), or through a temporary one if `folder` is "". Checks proofs on all cores.
  static absl::StatusOr<std::unique_ptr<PollView>> FetchAll(
      LedgerSource& source, const Hash32& poll, const std::string& folder,
      const Progress& progress = [](std::string_view, uint64_t, uint64_t) {});

  /// The ledger in a folder that somebody made (ledger/export.h), as a whole and as FetchAll checks
  /// it. Errors: those of ExportReader and of FetchAll.
  static absl::StatusOr<std::unique_ptr<PollView>> Open(const std::string& folder,
                                                        const Hash32& poll,
                                                        const Progress& progress);

  /// Takes what was published since FetchAll, checking it as before; keeps it in memory. For polls
  /// that are closed.
  absl::Status Advance(LedgerSource& source);

  const poll::State& state() const { return *state_; }
  /// The steps of officials on the ledger, in order. Only after FetchAll.
  struct RecordedStep {
    uint64_t index = 0;
    uint64_t time = 0;  ///< Unix seconds, as the server wrote it
    poll::Payload step;
  };
  const std::vector<RecordedStep>& steps() const { return steps_; }
  /// What the ballot box signed when this was fetched; at least as large as the state.
  const ledger::Checkpoint& checkpoint() const { return checkpoint_; }
  /// The signed note of that checkpoint, verbatim.
  const std::string& checkpoint_note() const { return note_; }

 private:
  PollView(poll::State state, ledger::Checkpoint checkpoint, std::string note)
      : state_(std::make_unique<poll::State>(std::move(state))),
        checkpoint_(std::move(checkpoint)),
        note_(std::move(note)) {}
  static absl::StatusOr<std::unique_ptr<PollView>> FetchStart(
      LedgerSource& source, const Hash32& poll,
      const std::function<bool(const poll::State&)>& enough);

  static absl::StatusOr<std::unique_ptr<PollView>> Replayed(
      const std::string& path, std::unique_ptr<TemporaryFolder> temporary, const Hash32& poll,
      ledger::Checkpoint checkpoint, const Progress& progress);

  /// Records that came after the folder was made.
  struct Later {
    uint64_t first = 0;
    std::vector<std::string> records;
  };

  void NoteStep(uint64_t index, const std::string& record);

  std::unique_ptr<TemporaryFolder> temporary_;  ///< that the state reads from
  std::shared_ptr<Later> later_;                ///< shared with the state
  std::unique_ptr<poll::State> state_;
  ledger::Checkpoint checkpoint_;
  std::string note_;
  std::vector<RecordedStep> steps_;
};

/// Makes `folder` an export (ledger/export.h) of the published ledger: checks the poll id, the
/// chain, the root and the checkpoint's signature by the key of the ledger's definition, but no
/// proofs. If the folder holds an older export of the same poll, only what is new is fetched, and
/// the old one must be a prefix of the new one. The folder is exchanged as a whole at the end;
/// whatever fails leaves it as it was. Returns the checkpoint.
/// Errors: Reject("ledger.forked") if the old export is not a prefix of what was signed, naming
/// both checkpoints and the file, `folder`-SIZE-ROOT.evidence, that proves it (none if what is
/// shown is only shorter); Reject("ledger.chain-broken"), Reject("ledger.poll-id"),
/// Reject("ledger.root"), Reject("ledger.incomplete"), those of OpenCheckpoint and of ExportReader;
/// FailedPrecondition if the folder holds something else; network and file failures.
absl::StatusOr<ledger::Checkpoint> FetchLedger(LedgerSource& source, const Hash32& poll,
                                               const std::string& folder, const Progress& progress);

/// ParallelFor of poll::Replay on `threads` threads (0 = all cores).
std::function<void(size_t, const std::function<void(size_t)>&)> OnThreads(unsigned threads);

}  // namespace urna::client
