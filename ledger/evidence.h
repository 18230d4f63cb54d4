#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "ledger/checkpoint.h"
#include "ledger/merkle.h"
#include "ledger/receipt.h"

namespace urna::ledger {

/// What proves, to anybody who has a log's verifier key and nothing else, that the holder of its
/// key signed two things that cannot both be true of a log that only grows. An honest log cannot be
/// accused with it, whatever anybody writes into it: only what the key signed counts.
/// docs/protocol.md, "Evidence".

/// Two checkpoints, the second of as many records or more, that no one log has.
struct Fork {
  std::string first;  ///< the signed notes
  std::string second;
  /// From first.size to second.size, as PrefixProof makes it from the records of the second.
  std::vector<Hash32> proof;

  bool operator==(const Fork&) const = default;
};

/// Two checkpoints of logs that have different records at one index: what a receipt promised, and
/// what a later checkpoint signs in its place.
struct ReplacedRecord {
  struct Side {
    Hash32 leaf{};
    std::vector<Hash32> proof;  ///< that the leaf is at `index`
    std::string checkpoint;     ///< the signed note

    bool operator==(const Side&) const = default;
  };
  uint64_t index = 0;
  Side promised;
  Side later;

  bool operator==(const ReplacedRecord&) const = default;
};

using Evidence = std::variant<Fork, ReplacedRecord>;

/// A larger text is no evidence.
inline constexpr size_t kMaxEvidenceBytes = size_t{1} << 18;

/// Both keep of the notes only what `key` signed. `nodes` are those of the second checkpoint.
/// Whether the result proves anything is Judge's to say. Errors: those of OpenCheckpoint;
/// InvalidArgument if the sizes are not 0 < first <= second; those of `nodes`.
absl::StatusOr<Evidence> MakeFork(std::string_view first, std::string_view second,
                                  const NoteKey& key, const NodeReader& nodes);
/// `leaf`: of the record that is at the receipt's index under the checkpoint `later`.
/// Errors: those of OpenCheckpoint; InvalidArgument if `later` has no such record.
absl::StatusOr<Evidence> MakeComplaint(const Receipt& receipt, std::string_view later,
                                       const Hash32& leaf, const NoteKey& key,
                                       const NodeReader& nodes);

/// Finds out whether the ledger that a signed checkpoint is of continues a smaller one, from the
/// hashes of its records alone, and proves it if not. Memory does not grow with their number.
class ForkProver {
 public:
  /// Errors: those of OpenCheckpoint; InvalidArgument if the sizes are not 0 < first < second.
  static absl::StatusOr<ForkProver> Begin(std::string_view first, std::string_view second,
                                          const NoteKey& key);
  /// The next record of what is said to be the second ledger, from record 0.
  void Append(const Hash32& leaf);
  /// Nothing if it continues the first. What is returned, Judge calls proven.
  /// Errors: Reject("ledger.root") if these are not the records of the second checkpoint.
  absl::StatusOr<std::optional<Evidence>> Finish() const;

 private:
  struct Node {
    uint32_t level;
    uint64_t index;
    Hash32 hash{};  ///< once all its leaves are there
  };

  Fork fork_;  // without the proof
  Checkpoint first_, second_;
  std::vector<Node> proof_;  // the subtrees that the proof is made of, from left to right
  size_t complete_ = 0;      // of those
  Frontier part_;            // of the next
  Frontier tree_;
};

std::string EncodeEvidence(const Evidence& evidence);
/// Strict: exactly what EncodeEvidence writes. Errors: Reject("evidence.malformed").
absl::StatusOr<Evidence> ParseEvidence(std::string_view bytes);

struct Judgement {
  bool proven = false;
  std::string text;  ///< a sentence: what is proven, or why nothing is
};
/// Against the verifier key of the log; a key of another kind or log proves nothing.
Judgement Judge(const Evidence& evidence, const NoteKey& key);

}  // namespace urna::ledger
