#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/letter_page.h"
#include "client/sealed_file.h"

namespace urna::client {

/// Letters in batches, for a printer or a print office. docs/letters.md.

inline constexpr std::string_view kManifestName = "letters.sha256";
inline constexpr size_t kMostLettersInABatch = 10'000;

/// The list of batches beside them, as sha256sum reads it:
///   # urna-letters/1 <set: SHA-256 of all that the letters were made from>
///   # letters: 1203, batches: 3
///   # batch-0001.pdf: letters 1-500
///   <SHA-256>  batch-0001.pdf
/// The lines of a batch are added when it is on the disk.
struct LettersManifest {
  struct Batch {
    uint64_t first = 0, last = 0;  ///< letters, counted from 1 within this set
    crypto::Hash32 sha256{};
  };
  crypto::Hash32 set{};
  uint64_t letters = 0;
  uint64_t batches = 0;
  std::map<std::string, Batch> files;  ///< name -> batch, those that are done

  std::string Format() const;
  /// Strict inverse of Format. Errors: InvalidArgument with the line.
  static absl::StatusOr<LettersManifest> Parse(std::string_view file, std::string_view text);
};

struct LettersOptions {
  std::string office;  ///< the folder that MakeCodes wrote
  std::string out;     ///< folder, made if need be
  LetterDesign design;
  std::vector<std::string> only;  ///< ids of residents; empty: everybody with a code
  size_t batch = 500;             ///< letters in a file
  std::optional<PrintPublicKey> seal_to;
  unsigned threads = 0;  ///< 0: all cores
  /// Called after each batch, from one thread at a time; false stops the work, to be resumed later.
  std::function<bool(size_t done, size_t total)> progress;
};
struct LettersResult {
  LettersManifest manifest;
  size_t resumed = 0;  ///< batches that an earlier run had made
};
/// Writes out/batch-0001.pdf (mode 0600) and so on, in the order of codes.csv, void codes left out,
/// and the manifest. With `seal_to` the files are sealed, named batch-0001.pdf.sealed, and no
/// letter is ever on the disk in plain. An interrupted run is continued by the next with the same
/// input, and the files are the same, or sealed as such. An interrupt waits for the file that is
/// being written. Errors: those of ReadCodes and PrintLetters; NotFound (an id of `only`);
/// InvalidArgument (a style that the poll does not have, another roll label);
/// FailedPrecondition (`out` holds letters of another set, or files of no known set; a batch was
/// changed since); Cancelled if `progress` said so; file failures.
absl::StatusOr<LettersResult> MakeLetters(const LettersOptions& options);

struct UnsealResult {
  std::vector<std::string> written;  ///< paths
  std::vector<std::string> missing;  ///< batches of the manifest that were not given
};
/// Opens sealed batches into `out` (mode 0600). If the manifest lies beside the files, they must be
/// those that it lists, and all of one set. Files that are there with the same content are left.
/// Errors: those of UnsealFile with the path, FailedPrecondition (not what the manifest lists; of
/// two sets), AlreadyExists.
absl::StatusOr<UnsealResult> UnsealLetters(const std::vector<std::string>& files,
                                           const PrintKey& key, const std::string& out,
                                           const std::function<bool(size_t, size_t)>& progress);

}  // namespace urna::client
