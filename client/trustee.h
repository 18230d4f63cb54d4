#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/secret.h"
#include "crypto/signature.h"
#include "crypto/trustee.h"
#include "poll/state.h"

namespace urna::client {

using crypto::Hash32;

/// What one trustee keeps for one poll, from joining to decryption. docs/protocol.md section 7.
/// Each Prepare function below puts into it what its record commits to, or gives away; the caller
/// stores it before the record is sent, so that nothing that is on the ledger is ever lost, and
/// sending again repeats the same record.
struct TrusteeSecrets {
  Hash32 poll{};
  uint8_t trustee = 0;  ///< from 1
  crypto::Secret<base::Bytes32> seal_secret;
  crypto::SecretText polynomials;  ///< Dealer::Serialize
  crypto::Point U;                 ///< proof of the deal that `joined` commits to
  crypto::Scalar z;
  // Encoded payloads; "" until made. Never both of the last two: whoever complained has given the
  // seal secret away, and with it the shares.
  std::string joined, dealt, confirmed, complained;
  std::vector<crypto::SecretScalar> shares;  ///< k_(i,w) by w, once confirmed
  std::map<uint16_t, Hash32> decrypted;      ///< contest -> hash of what was decrypted

  crypto::SecretText Encode() const;
  /// Errors: InvalidArgument.
  static absl::StatusOr<TrusteeSecrets> Decode(const crypto::SecretText& text);
};

/// A trustee-state file (client/key_file.h). `overwrite` false for the first one.
absl::Status WriteTrusteeState(const std::string& path, const TrusteeSecrets& secrets,
                               const crypto::SecretText& passphrase, bool overwrite);
/// Whether it is a trustee-state file at all, without its passphrase.
absl::Status CheckTrusteeStateFile(const std::string& path);
/// Errors: those of ReadKeyFile; InvalidArgument if it was written in another format, or, in the
/// second, if the file is of another poll or trustee.
absl::StatusOr<TrusteeSecrets> ReadTrusteeState(const std::string& path,
                                                const crypto::SecretText& passphrase);
absl::StatusOr<TrusteeSecrets> ReadTrusteeState(const std::string& path,
                                                const crypto::SecretText& passphrase,
                                                const Hash32& poll, uint32_t trustee);

/// The trustee (from 1) whose key this is. Errors: NotFound.
absl::StatusOr<uint32_t> TrusteeNumber(const poll::Definition& definition,
                                       const crypto::Ed25519Public& key);

/// FailedPrecondition: "cannot WHAT: the poll is ..".
absl::Status WrongPhase(const poll::State& state, std::string_view what);

/// A trustee's payload, signed as its record number `counter` (from 0), and encoded.
std::string SignAndEncode(const poll::State& state, const crypto::Ed25519Key& key,
                          poll::Payload payload, uint64_t counter);

/// The deals of all trustees, in order. All must have dealt.
std::vector<crypto::Deal> DealsOf(const poll::State& state);

/// A record to send.
struct Submission {
  poll::RecordKind kind;
  std::string payload;
  bool recorded = false;  ///< it is on the ledger already
  uint32_t accused = 0;   ///< of a complaint: the dealer whose shares are wrong
};

/// Brings an older copy of the state file up to date with the ledger, as every Prepare function
/// below does first: the deal that the ledger carries is the one this trustee committed to, and
/// from the seal secret the shares are opened again. So a copy made after joining is a backup for
/// the whole poll. Does nothing after a complaint.
/// Errors: DataLoss if the ledger's 'trustee joined' is not the one of `secrets`, or if this
/// trustee confirmed shares that these secrets do not open.
absl::Status CatchUp(const poll::State& state, TrusteeSecrets* secrets);

/// Makes the secrets and 'trustee joined'.
absl::StatusOr<TrusteeSecrets> Join(const poll::State& state, uint32_t trustee,
                                    const crypto::Ed25519Key& key);
/// 'trustee joined' as it was made. Errors: DataLoss if the ledger carries another one.
absl::StatusOr<Submission> PrepareJoin(const poll::State& state, const TrusteeSecrets& secrets);

/// 'dealt'. Errors: FailedPrecondition unless all have joined.
absl::StatusOr<Submission> PrepareDeal(const poll::State& state, const crypto::Ed25519Key& key,
                                       TrusteeSecrets* secrets);

/// Opens the shares of every dealer: 'confirmed' with the self-test, or 'complained' about the
/// first dealer whose shares are wrong. Once one was made, always the same: a server that shows
/// this trustee a wrong deal, to make it reveal its seal secret, can never use the right one.
/// Errors: FailedPrecondition unless all have dealt.
absl::StatusOr<Submission> PrepareConfirm(const poll::State& state, const crypto::Ed25519Key& key,
                                          TrusteeSecrets* secrets);

/// Whether as many of the poll's witnesses cosigned `note`, the checkpoint of all of `state`, as
/// the definition demands before decryption. Errors: Reject("witness.too-few") naming those that
/// did not; Reject("ledger.root") if it is another ledger's checkpoint; those of OpenCheckpoint.
absl::Status CheckWitnesses(const poll::State& state, const std::string& note);

/// The records of 'decryption share' of one contest, of which the first is the `sent`-th (from 0)
/// that is sent after `state`: one for a sum; for mixed ballots the parts that the ledger lacks, or
/// one without a payload that is recorded. `state` must be that of a ledger checked as a whole
/// (PollView::FetchAll), `note` its checkpoint.
/// Errors: FailedPrecondition before closing, while a register is missing, after cancelling, before
/// enough trustees have mixed; those of CheckWitnesses;
/// Reject("decryption.below-minimum"); Reject("decryption.second-aggregate") if a different sum of
/// this contest, or another list of mixed ballots, was decrypted before;
/// Reject("decryption.share-invalid") if the shares kept are not those of this ledger.
absl::StatusOr<std::vector<Submission>> PrepareDecryption(const poll::State& state,
                                                          const std::string& note,
                                                          const crypto::Ed25519Key& key,
                                                          uint32_t contest, uint64_t sent,
                                                          TrusteeSecrets* secrets);

}  // namespace urna::client
