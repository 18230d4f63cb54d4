#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/group.h"
#include "crypto/hash.h"
#include "crypto/transcript.h"
#include "crypto/vartime/element.h"

namespace urna::crypto {

/// Mixing: a list of ElGamal vectors is re-encrypted and permuted, with the proof of Terelius and
/// Wikstroem (AFRICACRYPT 2010). docs/protocol.md section 8, "Mixing".

/// ElGamal vectors (R, C_1 .. C_w), one for each ballot of a contest.
struct VectorList {
  size_t width = 0;           ///< w
  std::vector<Point> points;  ///< R, C_1 .. C_w of the first ballot, then of the next

  size_t columns() const { return width + 1; }
  size_t size() const { return points.size() / columns(); }
};

/// What is mixed and by whom: bound before the first challenge.
struct MixStatement {
  Hash32 opening;
  Hash32 closed;
  std::string contest;
  uint32_t mixer;           ///< from 1
  std::vector<Point> keys;  ///< K_1 .. K_w
};

/// How a mix is cut into parts, each of which fits a record: a function of the number of ballots
/// and the width. The sections follow each other, each in rows of so many items of 32 bytes; a part
/// holds rows of one section, as many as fit, so that every part but a section's last is full.
class MixLayout {
 public:
  enum class Section {
    kOutputs,           ///< a row for each ballot: R', C'_1 .. C'_w
    kPermutation,       ///< a row for each ballot: c_i
    kChain,             ///< a row for each ballot: chain_i
    kCommitments,       ///< one row: t1, t2, t3, t4 (R part, then each C)
    kChainCommitments,  ///< a row for each ballot: t^_i
    kResponses,         ///< one row: s1 .. s4, scalars
    kBallotResponses,   ///< a row for each ballot: s^_i, s'_i, scalars
  };
  struct Part {
    Section section;
    size_t first_row, rows, columns;

    bool scalars() const { return section >= Section::kResponses; }
    size_t items() const { return rows * columns; }
    size_t bytes() const { return 32 * items(); }
  };
  /// Leaves 213 bytes of the largest payload to what a record says besides.
  static constexpr size_t kMaxItems = 2040;

  /// Precondition: at most 2^32 - 1 ballots, width 1..1024.
  MixLayout(size_t ballots, size_t width);

  size_t part_count() const { return parts_.size(); }
  const Part& part(size_t index) const { return parts_[index]; }
  /// The parts before this one hold the outputs, the others the proof.
  size_t output_parts() const { return output_parts_; }

 private:
  std::vector<Part> parts_;
  size_t output_parts_ = 0;
};

/// The items of one part, row by row; only one of both lists has any.
struct MixPart {
  std::vector<Point> points;
  std::vector<Scalar> scalars;
};
/// Canonical bytes: the items one after another.
std::string EncodeMixPart(const MixPart& part);
/// Strict: canonical points and scalars, exactly the size of this place, and no output whose R is
/// the identity, which nobody could decrypt with proof. Errors: Reject("mix.malformed"),
/// Reject("point.not-canonical"), Reject("point.identity"), Reject("scalar.not-canonical"), with
/// ballot and item.
absl::StatusOr<MixPart> DecodeMixPart(const MixLayout::Part& place, std::string_view bytes);

/// Takes the parts of a mix one after another as they are made. An error of it stops the mixer.
using MixPartSink = std::function<absl::Status(std::string_view part)>;

/// Re-encrypts and permutes the inputs with a fresh secret permutation, gives the parts of the mix
/// to `sink`, and returns the outputs. Takes the same steps whatever the secrets, except that
/// the permutation shows in the addresses at which inputs, bases h_i and u_i are read, and in those
/// that drawing it swaps: run it where nobody else's program shares the processor's caches. Memory:
/// about 64 (w + 1) + 400 bytes for each ballot. Precondition: the statement has a key for each
/// column. Errors: those of `sink`; FailedPrecondition for a key that is the identity.
absl::StatusOr<VectorList> Mix(const MixStatement& statement, const VectorList& inputs,
                               const MixPartSink& sink);

/// Checks the mix of one mixer part by part, as a ledger holds them. The equations are one sum,
/// each with a random weight of 128 bits, which is added up as the responses come: that a mix does
/// not hold is known at the end only. Memory: 32 (w + 1) + 96 bytes for each ballot, besides the
/// inputs.
class MixVerifier {
 public:
  /// `inputs` must outlive it. Preconditions: those of Mix.
  MixVerifier(const MixStatement& statement, const VectorList& inputs);

  const MixLayout& layout() const { return layout_; }
  /// Parts taken so far.
  size_t parts() const { return next_part_; }

  /// The next part. Errors: those of DecodeMixPart, after which the same part may be tried again;
  /// Reject("mix.malformed") for a part after the last.
  absl::Status Add(std::string_view part);

  /// The outputs, if every part came and the proof holds. Errors: Reject("mix.incomplete"),
  /// Reject("mix.proof-invalid").
  absl::StatusOr<VectorList> Finish() &&;

 private:
  void AddCommitments(MixLayout::Section section, std::span<const Point> points);
  void AddResponses(std::span<const Scalar> scalars);
  void AddBallotResponses(size_t first, std::span<const Scalar> scalars);
  std::string Where() const;

  const MixStatement statement_;
  const VectorList& inputs_;
  const MixLayout layout_;
  size_t next_part_ = 0;
  Transcript transcript_;

  VectorList outputs_;
  std::vector<Point> c_, chain_, commitments_, chain_commitments_;
  std::optional<Scalar> u_, x_;
  std::vector<Scalar> responses_;  // s1 .. s4

  // The sum of all equations, times their weights, so far.
  std::vector<Scalar> weights_;  // of the equations of t1, t2, t3, t4 (each component)
  vartime::Element sum_;
  Scalar base_;                          // what G is taken times
  Scalar product_ = Scalar::FromU64(1);  // of the u_i
};

}  // namespace urna::crypto
