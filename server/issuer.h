#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/credential.h"
#include "crypto/signature.h"
#include "crypto/token.h"
#include "poll/payload.h"
#include "poll/state.h"
#include "server/clock.h"

namespace urna::server {

using crypto::Hash32;
using crypto::Point;
using crypto::Scalar;

/// One issuer of tokens: an identity, its keys for each poll, and the answers that it gave.
/// docs/protocol.md section 5. It knows the ledger only through `Look`, so that it can become a
/// process of its own, run by another body than the ballot box. Safe from any thread.
///
/// One credential gets one answer, ever. The answer is durable, and vouched for by the anchor,
/// before it leaves; a restored old copy of the answers is refused at start.
class Issuer {
 public:
  /// The steps between taking a session and sending the answer, in their order.
  enum class Step { kSessionTaken, kResponded, kStored, kAnchored };
  static constexpr std::array kSteps = {Step::kSessionTaken, Step::kResponded, Step::kStored,
                                        Step::kAnchored};
  struct Options {
    std::string folder;  ///< holds keys/ and answers/
    std::string anchor;  ///< file that vouches for the answers; best on another file system
    size_t max_sessions = 100'000;
    size_t sessions_per_credential = 4;
    uint64_t session_seconds = 600;
    /// Tests: called at each step of giving an answer, to let the process die there.
    std::function<void(Step)> reached = {};
  };
  /// What happens when the answers' store cannot say whether it wrote; does not return but in
  /// tests.
  using Fatal = std::function<void(std::string_view reason)>;

  /// Errors: FailedPrecondition (another process has this folder), Unavailable (corrupt,
  /// unreadable), DataLoss when the answers are older than their anchor.
  static absl::StatusOr<std::unique_ptr<Issuer>> Open(Options options, crypto::Ed25519Key identity,
                                                      const Clock& clock, Fatal fatal);
  ~Issuer();

  const crypto::Ed25519Public& identity() const { return identity_.public_key(); }

  // --- The issuer's records; `index`: its place in the poll's definition, from 0 ---

  /// Makes this issuer's key for the poll, or takes the one made before, and signs it in.
  absl::StatusOr<poll::IssuerJoined> Join(const Hash32& poll, uint8_t index, uint64_t counter);
  /// Compares with the ledger of a poll that it joined: its key must be the ledger's, and its
  /// answers no fewer than `counted`, its last count on the ledger by style, nor than `ballots`,
  /// the ballot keys on the ledger, each of which has its token. Errors: DataLoss, NotFound. After
  /// an error it gives no answer that it has not given before, for any poll.
  absl::Status Compare(const Hash32& poll, uint8_t index, const Point& X,
                       const std::vector<uint64_t>& counted, uint64_t ballots);
  /// OK, or the last error of Compare.
  absl::Status usable() const;
  /// Reads all stored answers again. `pace`: see RereadLedger. Errors: Cancelled; DataLoss saying
  /// which answer is damaged, though not whose, after which no answer is given that was not given
  /// before.
  absl::Status Reread(const std::function<bool(size_t bytes)>& pace);
  /// Tokens given so far, for each of `styles` styles. `counter`: as in ParticipantMessage.
  poll::IssuanceCounted Count(const Hash32& poll, uint8_t index, size_t styles, uint64_t counter);
  /// Returns once no answer is being given that was admitted before the call. Whoever has seen the
  /// poll end calls it before the last count.
  void FinishAnswers();
  struct Register {
    std::vector<poll::RegisterPart> parts;
    poll::RegisterSealed sealed;
  };
  absl::StatusOr<Register> MakeRegister(const Hash32& poll, uint8_t index, uint64_t counter);

  // --- Residents ---

  /// What the ledger says about a credential at this moment.
  struct Standing {
    std::shared_ptr<const poll::PollContext> context;
    absl::Status issuing;           ///< why no token is given now, or OK
    std::optional<uint16_t> style;  ///< null: not on the roll, or replaced
    std::vector<Point> replaced;    ///< the credentials that this one stands for, newest first
  };
  using Look = std::function<absl::StatusOr<Standing>()>;
  struct Request {
    Hash32 poll;
    uint8_t index;
    Point credential;
    crypto::CredentialSignature signature;
    Look look;  ///< may be called several times: what it says may change meanwhile
  };

  using SessionId = std::array<uint8_t, 16>;
  struct Offer {
    SessionId session;
    crypto::TokenOffer offer;
  };
  /// Errors: Reject("credential.not-entitled"), Reject("credential.signature-invalid"),
  /// Reject("token.already-answered"), what `look` says; ResourceExhausted; FailedPrecondition when
  /// it is not usable.
  absl::StatusOr<Offer> Begin(const Request& request);
  /// Errors: as Begin, and Reject("token.challenge-zero"), Reject("token.session-unknown").
  absl::StatusOr<crypto::IssuerAnswer> Answer(const Request& request, const SessionId& session,
                                              const Scalar& c);
  /// The answer given before. Errors: NotFound if none was; as Begin.
  absl::StatusOr<poll::RegisterEntry> Fetch(const Request& request);

 private:
  struct Database;
  struct Session {
    Hash32 poll;
    uint8_t index;
    Point credential;
    uint64_t expires;
    crypto::IssuerSession secrets;
  };

  Issuer(Options options, crypto::Ed25519Key identity, const Clock& clock, Fatal fatal);
  std::string AnswersFolder() const { return options_.folder + "/answers"; }
  absl::Status RereadAll(const std::function<bool(size_t bytes)>& pace) const;
  absl::Status RereadOnce(uint64_t given, const std::function<bool(size_t bytes)>& pace) const;
  absl::Status CompareWith(const Hash32& poll, uint8_t index, const Point& X,
                           const std::vector<uint64_t>& counted, uint64_t ballots);
  void Reached(Step step) const {
    if (options_.reached) options_.reached(step);
  }
  absl::StatusOr<const crypto::IssuerKey*> KeyOf(const Hash32& poll, bool create);
  absl::StatusOr<const crypto::TokenInfo*> InfoOf(const Request& request, const Standing& standing,
                                                  uint16_t style) const;
  absl::StatusOr<std::optional<poll::RegisterEntry>> Stored(const Hash32& poll, uint8_t index,
                                                            const Point& credential) const;
  /// OK unless a credential that this one stands for was answered.
  absl::Status CheckReplaced(const Request& request, const Standing& standing) const;
  absl::Status Store(const Request& request, const poll::RegisterEntry& entry);
  absl::StatusOr<crypto::IssuerAnswer> AnswerAgain(const Request& request,
                                                   const poll::RegisterEntry& stored,
                                                   const SessionId& session, const Scalar& c,
                                                   const Standing& standing);

  std::optional<crypto::TokenOffer> FindSession(const Request& request, const SessionId& id);
  std::optional<Session> TakeSession(const SessionId& id);
  absl::StatusOr<Offer> AddSession(const Request& request, crypto::IssuerSession secrets);
  void DropExpired();  // sessions_mutex_ held

  crypto::Ed25519Signature Sign(poll::RecordKind kind, const Hash32& poll, uint8_t index,
                                uint64_t counter, const poll::Payload& payload) const;

  const Options options_;
  const crypto::Ed25519Key identity_;
  const Clock& clock_;
  const Fatal fatal_;
  std::unique_ptr<Database> database_;

  std::mutex keys_mutex_;
  std::map<Hash32, crypto::IssuerKey> keys_;  // never erased: pointers into it stay valid

  // Held from looking at a credential until its answer is stored; by the first of the credentials
  // that replaced one another, so that they cannot race.
  static constexpr size_t kStripes = 64;
  std::array<std::mutex, kStripes> stripes_;

  mutable std::mutex usable_mutex_;
  absl::Status usable_;

  mutable std::mutex counts_mutex_;
  std::map<std::pair<Hash32, uint8_t>, std::map<uint16_t, uint64_t>> counts_;  // by style

  std::mutex sessions_mutex_;
  std::map<SessionId, Session> sessions_;
  std::deque<SessionId> oldest_;  // in the order in which they expire
  std::map<std::string, std::deque<SessionId>> by_credential_;
};

}  // namespace urna::server
