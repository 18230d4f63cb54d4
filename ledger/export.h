#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ledger/checkpoint.h"
#include "ledger/tiles.h"

namespace urna::ledger {

/// A ledger as a folder of C2SP tlog-tiles files: "checkpoint", "tile/<L>/..", "tile/entries/..".

/// Writes such a folder record by record. Files appear atomically, the checkpoint last, so that an
/// interrupted export is never taken for a whole one.
class ExportWriter {
 public:
  /// `folder` must not exist or be empty. Errors: AlreadyExists, Unavailable (path in the message).
  static absl::StatusOr<std::unique_ptr<ExportWriter>> Create(const std::string& folder);
  /// Goes on with the export in `folder`, or makes one. What an interrupted writer left beside the
  /// files of its checkpoint is removed. Reads edges, not history: what lies before the partial
  /// tiles and the partial bundle is only compared through the root.
  /// Errors: FailedPrecondition if the folder holds something else, DataLoss if the export is not
  /// whole; NotFound / Unavailable.
  static absl::StatusOr<std::unique_ptr<ExportWriter>> Continue(const std::string& folder);
  ~ExportWriter();

  absl::Status Append(std::string_view record_bytes);
  uint64_t size() const;
  Hash32 Root() const;
  /// One of the records so far, finished or not. Errors: NotFound, Unavailable,
  /// Reject("bundle.malformed").
  absl::StatusOr<std::string> ReadEntry(uint64_t index) const;
  /// Writes partial tiles and the signed checkpoint, then removes the partial tiles of an earlier
  /// Finish. The caller made sure that it is of this size and root. May be followed by more of
  /// both; the folder is an export as soon as this returned, until it is called again.
  absl::Status Finish(std::string_view checkpoint_note);

 private:
  struct Impl;
  explicit ExportWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Makes `copy`, which must not exist, an export with the files of the one in `folder`: hard links,
/// so that it costs neither time nor space. Writers replace files, never change them, so the two go
/// their own ways. After OK it survives a crash. Errors: AlreadyExists, NotFound, Unavailable.
absl::Status LinkExport(const std::string& folder, const std::string& copy);

/// Reads such a folder as a stream; memory does not grow with it.
class ExportReader {
 public:
  /// Reads the checkpoint note, without judging its signature (its key stands in the ledger), and
  /// compares the folder's list of files with those its size demands. Symbolic links and anything
  /// but regular files and folders are unexpected.
  /// Errors: NotFound / Unavailable if the folder or checkpoint cannot be read,
  /// Reject("checkpoint.malformed" / "note.malformed").
  static absl::StatusOr<std::unique_ptr<ExportReader>> Open(const std::string& folder);
  ~ExportReader();

  const std::string& note() const;       ///< the checkpoint file, verbatim
  const Checkpoint& checkpoint() const;  ///< its body: unverified
  /// Files that are missing, unexpected or no regular files, each a Reject("export.file-missing")
  /// or Reject("export.file-unexpected") naming the path. Of each kind the first 100 are listed and
  /// the rest is counted in one more: the size is unverified and may be absurd.
  const std::vector<absl::Status>& file_faults() const;

  /// The entries of bundle `index` (0 .. number of bundles - 1), in order. Thread-safe.
  /// Errors: NotFound / Unavailable, Reject("bundle.malformed"); each names the file.
  absl::StatusOr<std::vector<std::string>> ReadBundle(uint64_t index) const;
  uint64_t bundle_count() const;
  /// One entry by its index. Thread-safe.
  absl::StatusOr<std::string> ReadEntry(uint64_t index) const;
  /// The bytes of one hash tile, unjudged, but at most one byte more than its width demands: what
  /// is longer differs all the same. Thread-safe. Errors: NotFound / Unavailable, naming the file.
  absl::StatusOr<std::string> ReadTile(const TileId& id) const;
  /// The bytes of a tile or bundle of any width that this ledger has, as a server gives them, cut
  /// from the file that is there. Thread-safe. Errors: NotFound for what this ledger does not have;
  /// those of ReadTile and ReadBundle; Reject("tile.malformed") if the tile is too short.
  absl::StatusOr<std::string> ReadPart(const TileId& id) const;
  /// A NodeReader over its hash tiles, unjudged. Thread-safe. Errors: those of ReadTile;
  /// Reject("tile.malformed") if the tile is too short.
  absl::StatusOr<Hash32> ReadNode(uint32_t level, uint64_t index) const;

 private:
  struct Impl;
  explicit ExportReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace urna::ledger
