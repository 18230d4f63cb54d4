#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/opened_ballot.h"
#include "client/wallet.h"
#include "crypto/ballot.h"
#include "crypto/credential.h"
#include "ledger/checkpoint.h"
#include "ledger/receipt.h"
#include "poll/state.h"
#include "proto/urna.grpc.pb.h"

namespace urna::client {

/// Slot values of one contest.
using ContestVotes = std::vector<uint32_t>;

/// An answer in words: for `choose`, option ids joined by ',', or "blank" for none; for `score`,
/// "id:points" joined by ','; for `points` and `picks`, option ids joined by ',', best first.
/// Errors: InvalidArgument that names the contest and lists what it allows.
absl::StatusOr<ContestVotes> ParseAnswer(const poll::Contest& contest, std::string_view answer);
/// The same answer in the words of the ballot.
std::string DescribeAnswer(const poll::Contest& contest, const ContestVotes& votes,
                           const std::string& language);

/// A receipt that this client checked against the ballot it had sent.
struct CheckedReceipt {
  std::string text;  ///< C2SP tlog-proof, verbatim
  ledger::Receipt receipt;
  ledger::Checkpoint checkpoint;
  uint16_t revision = 0;
};

/// Checks what a server answered to `payload` (of a "ballot cast" record): the record made of the
/// answer's time and previous hash and of *our* payload has the receipt's leaf hash, and the
/// receipt proves that leaf under a checkpoint of the poll's ballot box.
/// Errors: Reject("receipt.other-ballot"), Reject("receipt.malformed"), those of VerifyReceipt.
absl::StatusOr<CheckedReceipt> CheckCastResponse(const poll::PollContext& context,
                                                 const std::string& payload,
                                                 const urna::v1::CastResponse& response);

/// What an issuer keeps of the one answer that it gave to a credential.
struct StoredAnswer {
  crypto::TokenOffer offer;
  crypto::Scalar c;
  crypto::IssuerAnswer answer;

  /// Whether it was given for the wallet that has `omega`.
  bool IsFor(const crypto::TokenInfo& info, const crypto::Omega& omega) const;
};
/// Asks issuer `issuer` (from 0) what it answered to the credential `key`, which signs the
/// question. Errors: NotFound if nothing; Reject("token.answer-invalid"); rejections of the issuer.
absl::StatusOr<StoredAnswer> FetchAnswer(urna::v1::Issuing::StubInterface& issuing,
                                         const poll::PollContext& context, uint16_t style,
                                         uint32_t issuer, const crypto::CredentialKey& key);

/// What to do while a server is busy or a line is broken. Every request of a Voter may safely be
/// sent again.
struct Retry {
  int attempts = 6;
  /// Called before attempt 2, 3, ...; tells whoever waits, and waits.
  std::function<void(int attempt, const absl::Status& why)> pause;
};

/// A resident's side of the protocol, without terminal: docs/protocol.md sections 5 and 6.
/// Each step saves the wallet before a failure after it could lose something.
class Voter {
 public:
  using Save = std::function<absl::Status(const Wallet&)>;

  /// `wallet` outlives the voter. Errors: FailedPrecondition if the wallet is another poll's or
  /// does not fit it.
  static absl::StatusOr<Voter> Create(std::shared_ptr<const poll::PollContext> context,
                                      Wallet* wallet, Save save, Retry retry);

  /// Gets the tokens that the wallet lacks, one of each issuer, from `issuing`: by issuer. What was
  /// got before a failure is in the wallet. An answer given before, which an interruption or a lost
  /// device took, is fetched and unblinded again. Nothing is spent at any
  /// issuer before all have said that they gave no answer for another omega.
  /// Errors: FailedPrecondition if `key` is not the wallet's credential;
  /// Reject("token.other-wallet") if the issuer had answered this credential for another omega;
  /// Reject("token.answer-invalid"); rejections of the issuer. Messages name the issuer.
  absl::Status ObtainTokens(std::span<urna::v1::Issuing::StubInterface* const> issuing,
                            const crypto::CredentialKey& key);

  /// Encrypts a ballot: slot values for each contest of the style. Returns its fingerprint.
  /// Errors: Reject("ballot.votes-invalid").
  absl::StatusOr<crypto::Hash32> Prepare(const std::vector<ContestVotes>& votes);

  /// Opens what Prepare encrypted instead of casting it; it can be cast no more. Give the voter its
  /// fingerprint before it is decided which of the two happens. Errors: FailedPrecondition without
  /// a prepared ballot.
  absl::StatusOr<OpenedBallot> Challenge();

  /// Proves, signs and casts what Prepare encrypted. Give a connection other than the issuers'.
  /// A wallet restored from its phrase asks `reading` for the last revision first. A copy of a
  /// wallet may learn only from Reject("ballot.revision-repeated") that another one was used
  /// meanwhile: then this ballot is gone, and the next one that is prepared and cast goes higher,
  /// with `reading`'s help and in growing steps, as readers see the newest ballots late. It is not
  /// encrypted anew in here, since the voter chose to cast the ballot whose fingerprint was shown.
  /// Errors: FailedPrecondition without tokens, without a prepared ballot, while an earlier ballot
  /// is pending, or without a revision left; those of CheckCastResponse; rejections of the server.
  absl::StatusOr<CheckedReceipt> Cast(urna::v1::Casting::StubInterface& casting,
                                      urna::v1::Reading::StubInterface& reading);

  /// Sends the wallet's pending ballot again, byte for byte. A ballot that the server rejects is
  /// pending no more. Errors: FailedPrecondition if none is pending; as Cast.
  absl::StatusOr<CheckedReceipt> CastPending(urna::v1::Casting::StubInterface& casting);

  const crypto::BallotContext& ballot_context() const { return context_->styles[style_]; }
  uint16_t style() const { return style_; }

 private:
  Voter(std::shared_ptr<const poll::PollContext> context, uint16_t style, Wallet* wallet, Save save,
        Retry retry)
      : context_(std::move(context)),
        style_(style),
        wallet_(wallet),
        save_(std::move(save)),
        retry_(std::move(retry)) {}

  absl::Status WithRetry(const std::function<absl::Status()>& request) const;
  absl::StatusOr<crypto::Token> ObtainToken(urna::v1::Issuing::StubInterface& issuing,
                                            const crypto::CredentialKey& key,
                                            const crypto::Point& ballot_key, uint32_t issuer);
  absl::StatusOr<crypto::Token> FetchToken(urna::v1::Issuing::StubInterface& issuing,
                                           const crypto::CredentialKey& key,
                                           const crypto::Point& ballot_key, uint32_t issuer);
  /// Saves what `take` brings from each issuer whose token the wallet lacks.
  absl::Status TakeMissing(
      const std::function<absl::StatusOr<std::optional<crypto::Token>>(uint32_t issuer)>& take);
  absl::StatusOr<uint32_t> PublishedRevision(urna::v1::Reading::StubInterface& reading,
                                             const crypto::Point& ballot_key) const;

  std::shared_ptr<const poll::PollContext> context_;
  uint16_t style_;
  Wallet* wallet_;
  Save save_;
  Retry retry_;
  std::optional<crypto::PreparedBallot> prepared_;
  uint32_t taken_ = 0;  ///< revisions that other copies of the wallet seem to have used
  uint32_t step_ = 1;
};

}  // namespace urna::client
