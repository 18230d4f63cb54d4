#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/trustee.h"
#include "crypto/ballot.h"
#include "crypto/decryption.h"
#include "poll/state.h"

namespace urna::client {

/// Rehearsals of decryption, which touch no ledger. docs/protocol.md section 7, "Rehearsal".
/// Nobody chooses what is decrypted: everybody derives the same test votes, whose randomness is
/// public, from poll and label. What a share reveals of the key, r P, can thus be computed without
/// it, and no ciphertext of the ledger can be passed off as a test.

/// Votes 1, 2, … W for the poll's W keys, encrypted to them with the randomness that `label` gives.
/// All trustees must have dealt.
crypto::Ciphertext TestVotes(const poll::State& state, std::string_view label);

struct RehearsalShare {
  uint32_t trustee = 0;  ///< from 1
  std::string label;
  crypto::DecryptionShare share;  ///< of all W keys

  /// JSON, one object.
  std::string Encode(const Hash32& poll) const;
  /// Errors: InvalidArgument naming what is wrong, also for a share of another poll.
  static absl::StatusOr<RehearsalShare> Decode(const poll::State& state, std::string_view json);
};

/// Decrypts the test votes with this trustee's share of every key and checks the share, as everyone
/// will check the real one. Brings `secrets` up to date first (CatchUp).
/// Errors: FailedPrecondition before all trustees confirmed, after a complaint or cancelling;
/// Reject("decryption.share-invalid") if the shares kept are not those of this ledger.
absl::StatusOr<RehearsalShare> Rehearse(const poll::State& state, std::string_view label,
                                        TrusteeSecrets* secrets);

/// Checks every share and that any t of them decrypt the test votes.
/// Errors: Reject("decryption.share-invalid") naming the trustee; FailedPrecondition for too few
/// shares, two of one trustee, different labels.
absl::Status CombineRehearsal(const poll::State& state, std::span<const RehearsalShare> shares);

}  // namespace urna::client
