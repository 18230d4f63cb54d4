#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "crypto/ballot.h"
#include "poll/state.h"

namespace urna::client {

/// A ballot that was challenged instead of cast: everything that went into its encryption, for
/// anybody to recompute. Names neither ballot key nor credential. docs/protocol.md section 6.
struct OpenedBallot {
  struct Contest {
    std::string id;
    crypto::Point R;
    std::vector<crypto::Point> C;
    crypto::Scalar r;
    std::vector<uint32_t> votes;  ///< v, by slot
  };
  crypto::Hash32 poll{};
  std::string style;
  crypto::Hash32 fingerprint{};
  std::vector<Contest> contests;

  /// The file "urna-opened-ballot/1".
  std::string ToJson() const;
  /// Strict. Errors: Reject("challenge.malformed") naming the field.
  static absl::StatusOr<OpenedBallot> Parse(std::string_view json);
};

/// Uses up `prepared`, a ballot of `shape` that was encrypted for `poll`.
OpenedBallot OpenBallot(const crypto::Hash32& poll, const crypto::BallotShape& shape,
                        crypto::PreparedBallot prepared);

/// Recomputes the ballot with the poll's keys and compares everything, most of all with
/// `fingerprint`, which a person copied from the voter's screen before the ballot was opened.
/// Returns what differs, in words; nothing if the device encrypted just these votes.
std::vector<std::string> FindDifferences(const OpenedBallot& ballot,
                                         const poll::PollContext& context,
                                         const crypto::Hash32& fingerprint);

}  // namespace urna::client
