#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/trustee.h"
#include "crypto/signature.h"
#include "poll/state.h"

namespace urna::client {

/// A trustee's mix of one contest, made and on its way to the ledger. All of it is public; which
/// ballot went where is forgotten as soon as it is made. docs/protocol.md section 8, "Mixing".
struct StoredMix {
  Hash32 poll{};
  uint32_t contest = 0;
  uint32_t trustee = 0;            ///< from 1
  Hash32 inputs{};                 ///< MixInputsHash of what was mixed
  std::vector<std::string> parts;  ///< in their order

  std::string Encode() const;
  /// Strict, with a hash over all of it. Errors: InvalidArgument.
  static absl::StatusOr<StoredMix> Decode(std::string_view bytes);
};

/// Binds the list that is mixed and all that its proof is about.
Hash32 MixInputsHash(const crypto::MixStatement& statement, const crypto::VectorList& inputs);

/// What a trustee has to do for a contest.
enum class MixDuty {
  kNone,      ///< it is not mixed, but added up
  kWithheld,  ///< it has too few ballots to be decrypted
  kDone,      ///< this trustee mixed it
  kTooLate,   ///< it is being decrypted
  kDue,
};
/// Errors: FailedPrecondition before closing, while a register is missing, after certifying or
/// cancelling.
absl::StatusOr<MixDuty> MixDutyOf(const poll::State& state, uint32_t contest, uint32_t trustee);

/// Mixes what the contest's last mixer gave out. Precondition: kDue. `progress` is told the parts
/// made and how many there will be. Errors: those of State::MixVectors.
absl::StatusOr<StoredMix> MakeMix(const poll::State& state, uint32_t contest, uint32_t trustee,
                                  const std::function<void(uint64_t, uint64_t)>& progress);

/// Whether `mix` is of this contest as it stands, by this trustee: no other mix came in between.
absl::StatusOr<bool> StillFits(const poll::State& state, const StoredMix& mix, uint32_t contest,
                               uint32_t trustee);

/// How many parts of `mix` are on the ledger, so that the next may follow; 0, to begin anew, if
/// what is there is of another mix.
uint64_t PartsRecorded(const poll::State& state, const crypto::Ed25519Key& key,
                       const StoredMix& mix);

/// The record of one part, which is the `sent`-th (from 0) that is sent after `state`.
Submission PrepareMixPart(const poll::State& state, const crypto::Ed25519Key& key,
                          const StoredMix& mix, uint64_t part, uint64_t sent);

}  // namespace urna::client
