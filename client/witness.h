#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/file.h"
#include "crypto/signature.h"
#include "http/message.h"
#include "ledger/note.h"
#include "ledger/witness.h"

namespace urna::client {

/// The logs that the witness of `folder` cosigns: the file `logs` there, a verifier key a line;
/// '#' begins a comment. None if there is no such file.
/// Errors: InvalidArgument "FILE:LINE: ...": no key of a log, or an origin twice; those of
/// ReadFile.
absl::StatusOr<std::vector<ledger::NoteKey>> ReadWitnessedLogs(const std::string& folder);
/// Puts a log into that list, also while the witness runs; false if it stands there.
/// Errors: also FailedPrecondition if its origin stands there with another key, or if somebody
/// else is changing the list.
absl::StatusOr<bool> AddWitnessedLog(const std::string& folder, const ledger::NoteKey& log);

/// A key file's public part is the verifier key, so that the name is sealed with the secret key.
/// Errors: those of WriteKeyFile.
absl::Status WriteWitnessKey(const std::string& path, const ledger::NoteKey& vkey,
                             const crypto::Ed25519Key& key, const crypto::SecretText& passphrase);
/// The verifier key, without the passphrase: nothing vouches for it. Errors: those of
/// ReadKeyFilePublic; InvalidArgument.
absl::StatusOr<std::string> ReadWitnessPublic(const std::string& path);
struct WitnessKey {
  ledger::NoteKey vkey;
  crypto::Ed25519Key key;
};
/// Errors: those of ReadKeyFile.
absl::StatusOr<WitnessKey> ReadWitnessKey(const std::string& path,
                                          const crypto::SecretText& passphrase);

/// A witness of logs (C2SP tlog-witness): cosigns a checkpoint only if it continues the last one
/// that it cosigned. What it cosigned is on the disk before anybody gets the cosignature, so that
/// no crash makes it sign two histories. In its folder:
///
///     lock             held by the process that runs on it
///     logs             ReadWitnessedLogs
///     state/HASH       by SHA-256 of the origin: the checkpoint cosigned last, with its
///     cosignature evidence/HASH/   two checkpoints of one size and with different roots that a log
///     signed
///
/// Safe from any thread.
class Witness {
 public:
  struct Options {
    std::string folder;             ///< made if it does not exist
    std::function<uint64_t()> now;  ///< Unix seconds
    std::function<void(std::string_view)> log;
    /// Called when the disk fails: whether the last checkpoint is on it is then unknown, and the
    /// process must end.
    std::function<void(std::string_view)> fatal;
    /// Tests: after persisting, before answering.
    std::function<void()> persisted = [] {};
  };
  /// Locks the folder and checks all that is in it. Errors: FailedPrecondition if another process
  /// runs on it; DataLoss if a state is damaged or not this witness's; those of ReadWitnessedLogs.
  static absl::StatusOr<std::unique_ptr<Witness>> Open(Options options, WitnessKey key);

  /// POST /add-checkpoint, GET of ledger::WitnessedPath of a log, GET /, which says who this is;
  /// 404 for anything else. Logs what it cosigns; of what it refuses one line a second.
  http::Response Serve(const http::Request& request);

 private:
  Witness(Options options, WitnessKey key, base::FileLock lock)
      : options_(std::move(options)), key_(std::move(key)), lock_(std::move(lock)) {}

  /// The state of a log; `note` is empty if nothing was cosigned yet.
  struct Held {
    ledger::WitnessedLog log;
    uint64_t time = 0;
    std::string note;
  };
  void RefreshLogs();
  const ledger::NoteKey* Find(std::string_view origin) const;
  std::string StatePath(std::string_view origin) const;
  absl::StatusOr<Held> Load(const ledger::NoteKey& log) const;
  /// Valid until the next call.
  absl::StatusOr<Held*> HeldOf(const ledger::NoteKey& log);
  http::Response AddCheckpoint(std::string_view body);
  http::Response Show(std::string_view path);
  http::Response Cosign(const ledger::AddCheckpoint& request, Held& held);
  http::Response Refuse(std::string_view origin, const ledger::WitnessVerdict& verdict,
                        uint64_t size);
  void KeepEvidence(const ledger::AddCheckpoint& request, const Held& held);

  const Options options_;
  const WitnessKey key_;
  const base::FileLock lock_;

  std::mutex mutex_;
  std::vector<ledger::NoteKey> logs_;
  std::map<std::string, Held> held_;  // by origin
  std::string list_fault_;            // what was wrong with the list at the last look
  uint64_t refusal_logged_ = 0;       // Unix seconds
  uint64_t refusals_unlogged_ = 0;
  bool failed_ = false;
};

}  // namespace urna::client
