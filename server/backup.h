#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/hash.h"
#include "crypto/signature.h"

namespace urna::server {

/// Backups of a data folder. docs/decisions/0015, docs/guides/operator.md.
///
/// A backup is a folder named after its time, below the folder of all backups:
///   backup.json              what is in it (BackupManifest)
///   ledgers/<poll id>/       the whole ledger, not only what is published, as an export
///   issuers/<i>/answers-<n>  an issuer's answers (server/answers.h)
///   published/, evidence/, urna-server.conf   as in the data folder
/// It holds no secret key. It is confidential all the same: who was given a token, and ballots that
/// are not published yet.

/// What a backup says that it holds.
struct BackupManifest {
  struct Poll {
    crypto::Hash32 id{};
    uint64_t records = 0;
    crypto::Hash32 root{};
  };
  struct Issuer {
    uint64_t number = 0;
    uint64_t answers = 0;
    std::vector<crypto::Hash32> parts;  ///< SHA-256 of answers-0, answers-1, ...
  };
  uint64_t time = 0;  ///< Unix seconds
  std::vector<Poll> polls;
  std::vector<Issuer> issuers;

  std::string ToJson() const;
  /// Errors: DataLoss saying what is wrong.
  static absl::StatusOr<BackupManifest> FromJson(std::string_view json);
};

inline constexpr std::string_view kManifestName = "backup.json";
/// Answers in one file of a backup.
inline constexpr size_t kAnswersPerPart = 65'536;

/// Told now and then what is being done, for a terminal; may be empty.
using Progress = std::function<void(const std::string&)>;

struct BackupOptions {
  std::string data;
  std::string anchor;  ///< folder of the anchors
  std::string to;      ///< folder of all backups
  uint64_t keep = 2;   ///< older ones are removed once the new one is verified
  uint64_t now = 0;    ///< Unix seconds
  Progress progress = {};
};
struct Backup {
  std::string folder;
  BackupManifest manifest;
  std::vector<std::string> notes;  ///< what an operator should know
};
/// Makes a backup of what a server has written, whether it runs or not, reads it again and verifies
/// it. What the last backup holds already is linked, not copied, where the file system can.
/// Errors: NotFound (no data folder), DataLoss (the data is damaged, or behind its anchor),
/// FailedPrecondition (the last backup holds what the data does not; another backup is being made),
/// Unavailable.
absl::StatusOr<Backup> MakeBackup(const BackupOptions& options);

/// Reads everything in a backup and recomputes it: each ledger's records, tiles and root against
/// its signed checkpoint, the answers' hashes, and all against the manifest. Errors: NotFound;
/// DataLoss naming the file; Unavailable.
absl::StatusOr<BackupManifest> VerifyBackup(const std::string& folder, const Progress& progress);

/// The newest backup below a folder of backups, or `folder` if it is one. Errors: NotFound.
absl::StatusOr<std::string> NewestBackup(const std::string& folder);

/// Copies the secret keys of a data folder (and certificate and configuration file), under the same
/// names, for a medium that is locked away; also beside a running server. What is there already is
/// left as it is. Returns the paths of what was copied, below `to`.
/// Errors: NotFound; AlreadyExists if another key is there under a name; Unavailable.
absl::StatusOr<std::vector<std::string>> CopyKeys(const std::string& data, const std::string& to);

}  // namespace urna::server
