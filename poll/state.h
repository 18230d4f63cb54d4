#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/ballot.h"
#include "ledger/checkpoint.h"
#include "ledger/merkle.h"
#include "poll/counting/referendum.h"
#include "poll/definition.h"
#include "poll/mixed_tally.h"
#include "poll/payload.h"

namespace urna::poll {

/// What opening fixes and ballots, tokens and registers are checked against.
struct PollContext {
  std::shared_ptr<const Definition> definition;
  Hash32 poll{};
  Hash32 opening{};
  std::vector<Point> keys;                    ///< K_1 .. K_W
  std::vector<crypto::BallotContext> styles;  ///< by style; issuers' TokenInfo inside
};

struct RawPayload {
  uint8_t kind;
  std::string_view bytes;
};

/// A payload that was decoded and, for ballots and register parts, whose proofs hold. Only the two
/// functions below make one, so that nothing unchecked reaches the state.
class CheckedPayload {
 public:
  const Payload& payload() const { return payload_; }
  RecordKind kind() const { return KindOf(payload_); }
  /// SHA-256 of the encoded payload.
  const Hash32& hash() const { return hash_; }

 private:
  friend struct PayloadChecks;
  friend class State;
  CheckedPayload(Payload payload, std::optional<crypto::DecodedBallot> ballot, const Hash32& hash)
      : payload_(std::move(payload)), ballot_(std::move(ballot)), hash_(hash) {}

  Payload payload_;
  std::optional<crypto::DecodedBallot> ballot_;  // kBallotCast only
  Hash32 hash_;
};

/// Decodes payloads and checks what does not depend on the state's course: ballot proofs, tokens,
/// register entries. Expensive, pure, safe from any thread. out[i] is the verdict on payloads[i],
/// the same as if it were checked alone. `definition` and `context` may be null before they exist.
/// `together`: what is cheapest for the ballots' proofs.
std::vector<absl::StatusOr<CheckedPayload>> CheckPayloads(
    const Definition* definition, const PollContext* context, std::span<const RawPayload> payloads,
    crypto::Together together = crypto::Together::kAll);

/// Decodes payloads whose proofs were checked before, and does not check them again. Only
/// Replay::Trust says when.
std::vector<absl::StatusOr<CheckedPayload>> DecodeStored(const Definition* definition,
                                                         const PollContext* context,
                                                         std::span<const RawPayload> payloads);
absl::StatusOr<CheckedPayload> DecodeStored(const Definition* definition,
                                            const PollContext* context, const RawPayload& payload);

enum class Phase {
  kEmpty,       ///< no record yet
  kDefining,    ///< definition parts missing
  kRoll,        ///< roll parts, roll sealed
  kIssuers,     ///< issuers join
  kJoining,     ///< trustees join
  kDealing,     ///< trustees deal
  kConfirming,  ///< trustees confirm
  kReady,       ///< may be opened
  kOpen,
  kPaused,
  kEnded,   ///< last issuance counts, then closing
  kClosed,  ///< registers, decryption, paper, certificate
  kCertified,
  kFailed,  ///< a complaint ended the key ceremony: only cancelling is left
  kCancelled,
};
std::string PhaseName(Phase phase);

struct BudgetCount;  // poll/budget.h

struct ContestResult {
  uint64_t entitled = 0;
  uint64_t ballots = 0;  ///< counted online ballots that carry this contest
  uint64_t paper_cards = 0;
  bool withheld = false;         ///< fewer ballots than the minimum: not decrypted
  uint64_t void_ballots = 0;     ///< of `ballots`, where they are mixed: see WhyVoid
  std::vector<uint64_t> online;  ///< per option; where ballots are mixed, points
  std::vector<uint64_t> paper;   ///< per option
  counting::ContestOutcome outcome;
  /// Of a Budget that was decided: what is funded, and why.
  std::shared_ptr<const BudgetCount> budget;
};
struct Result {
  uint64_t entitled = 0;
  uint64_t ballots = 0;
  uint64_t paper_cards = 0;
  bool registers_complete = false;
  std::vector<ContestResult> contests;
};
/// The one body that a `certified` record may carry. docs/protocol.md, "Certificate".
std::string EncodeCertificate(const Result& result);

/// What a style's residents and their ballots have come to.
struct StyleCount {
  uint64_t roll = 0;      ///< places on the roll
  uint64_t keys = 0;      ///< distinct ballot keys: counted ballots
  uint64_t records = 0;   ///< accepted ballots, replaced ones too
  uint64_t again = 0;     ///< ballot keys with more than one ballot
  uint64_t replaced = 0;  ///< `credential replaced` records
};

/// What happened on a poll's way that its result does not show. Times are those of the records:
/// statements of the server.
struct Course {
  struct Pause {
    uint64_t from = 0;
    std::optional<uint64_t> until;  ///< none: not resumed before the end
    std::string reason;
  };
  struct Extension {
    uint64_t at = 0;
    uint64_t end_before = 0, end = 0;
    std::string reason;
  };
  struct MissingRegister {
    uint32_t issuer = 0;
    std::string reason;
  };
  /// `loss accepted`: records that were signed for are gone.
  struct Loss {
    uint64_t record = 0;                   ///< index of `loss accepted`: so many were left
    std::vector<ledger::Checkpoint> lost;  ///< of the ledger that is lost, ascending by size
    std::string reason;
    /// How many records that were signed for are gone.
    uint64_t count() const { return lost.back().size - record; }
  };
  Hash32 persons_sha256{};  ///< of the office's list, from `roll sealed`
  std::vector<Pause> pauses;
  std::vector<Extension> extensions;
  std::vector<MissingRegister> missing_registers;
  std::vector<Loss> losses;
  std::optional<std::string> lot;
  /// The step that ended the poll, `certified` or `cancelled`: when, and the officials who approved
  /// it (indices, ascending).
  uint64_t concluded_at = 0;
  std::vector<uint32_t> concluded_by;
};

/// A poll as a fold over its records. docs/protocol.md section 3. No clock, randomness, threads or
/// input/output but `read_record`. Copyable: a copy is how a group of records is tried as a whole.
class State {
 public:
  /// Reads the encoded record `index` of this ledger, all of whose records were applied before:
  /// when someone votes again, the replaced ballot leaves the sums.
  using ReadRecord = std::function<absl::StatusOr<std::string>(uint64_t index)>;
  explicit State(ReadRecord read_record);

  /// Applies the next record: `leaf` its hash, `time` its time. On a rejection nothing changes.
  absl::Status Apply(const CheckedPayload& payload, uint64_t time, const Hash32& leaf);
  /// Takes a rejected record of a faulty ledger into size and root, so that the rest can be
  /// reported on.
  void Skip(const Hash32& leaf);

  // --- The ledger so far ---
  uint64_t size() const { return tree_.size(); }
  Hash32 root() const { return tree_.Root(); }
  const Hash32& last_leaf() const { return last_leaf_; }
  Phase phase() const { return phase_; }
  /// Leaf of record 0; zeros when empty.
  const Hash32& poll() const { return poll_; }
  /// Null until the last definition part.
  const std::shared_ptr<const Definition>& definition() const { return definition_; }
  const std::string& definition_json() const { return definition_json_; }
  /// Null until opened.
  const std::shared_ptr<const PollContext>& context() const { return context_; }
  const std::optional<Hash32>& closed() const { return closed_; }
  /// Why the ceremony failed or the poll was cancelled or paused; "" otherwise.
  const std::string& reason() const { return reason_; }
  const Course& course() const { return course_; }
  /// Whether the ledger says that the one of this checkpoint is lost, which was signed before.
  bool IsLost(const ledger::Checkpoint& checkpoint) const;
  /// Whether a checkpoint of `size` records can be one of a ledger that is lost: more than were
  /// left, and no more than are known to have been signed for.
  bool MayBeLost(uint64_t size) const;
  /// Who complained about whom and which of the two is at fault; "" without a complaint. Stays
  /// known when the poll is cancelled.
  const std::string& complaint() const { return complaint_; }

  // --- Signing the next step ---
  /// Where the step `kind` by official `official` stands if it is the next record(s).
  StepPlace PlaceFor(RecordKind kind, uint32_t official) const;
  /// Records of this participant so far: the counter of its next signature.
  uint64_t IssuerCounter(uint32_t issuer) const;
  uint64_t TrusteeCounter(uint32_t trustee) const;

  // --- Roll and issuing ---
  uint64_t entitled() const { return roll_.size(); }
  const std::vector<RollEntry>& roll() const { return roll_; }
  /// Style of a credential that may be given a token now: on the roll and not replaced.
  std::optional<uint16_t> StyleOf(const Point& credential) const;
  /// Whether a newer credential stands in its place.
  bool IsReplaced(const Point& credential) const { return replaced_.contains(credential); }
  /// The credential that `credential` replaced, if any.
  std::optional<Point> ReplacedBy(const Point& credential) const;
  const std::vector<std::optional<Point>>& issuer_keys() const { return issuer_keys_; }
  /// The last count of tokens that this issuer gave, by style.
  const std::vector<uint64_t>& Issued(uint32_t issuer) const { return issued_.at(issuer); }
  bool LastCountDone(uint32_t issuer) const;
  bool RegisterSettled(uint32_t issuer) const;
  bool RegistersSettled() const;
  /// Declared missing by officials.
  bool IsRegisterMissing(uint32_t issuer) const;

  // --- Ceremony ---
  const std::vector<std::optional<TrusteeJoined>>& joined() const { return joined_; }
  const std::vector<std::optional<Dealt>>& dealt() const { return dealt_; }
  const std::vector<bool>& confirmed() const { return confirmed_; }

  // --- Voting ---
  uint64_t end() const { return end_; }  ///< the end in force
  uint64_t ballot_records() const { return ballot_records_; }
  uint64_t distinct_ballots() const { return ballots_.size(); }
  /// Last recorded revision of a ballot key; 0 if none.
  uint16_t LastRevision(const Point& ballot_key) const;
  /// By style; empty before the definition is known.
  const std::vector<StyleCount>& styles() const { return styles_; }

  // --- Registers ---
  /// Entries of this issuer's register by style; none unless it was sealed.
  std::optional<std::vector<uint64_t>> RegisterCounts(uint32_t issuer) const;
  /// By style: places on the roll that are in every sealed register; zeros without one.
  std::vector<uint64_t> InEveryRegister() const;
  /// Cards on paper of a style; 0 if none were counted.
  uint64_t PaperCards(uint32_t style) const;

  // --- Tally ---
  /// Counted ballots of a contest.
  uint64_t ContestBallots(uint32_t contest) const;
  /// Whether the contest is decrypted: not withheld and not without any ballot.
  bool NeedsDecryption(uint32_t contest) const;
  /// The sum of the counted ballots' ciphertexts.
  crypto::Ciphertext Aggregate(uint32_t contest) const;
  /// Whether a trustee gave its whole share.
  bool HasShare(uint32_t contest, uint32_t trustee) const;
  /// Whether a lot must be drawn before anything is decrypted, so that nobody knows then which
  /// projects it decides between.
  bool AwaitsLot() const;
  /// The outcome of the public draw; nullopt if there was none.
  const std::optional<std::string>& lot() const { return course_.lot; }
  /// Votes on paper by style; nullopt where none were counted.
  const std::vector<std::optional<PaperCounted>>& paper() const { return paper_; }
  /// How many of this style are on the roll and have no ballot in the ledger.
  uint64_t FreeForPaper(uint32_t style) const;
  uint32_t ShareCount(uint32_t contest) const;
  /// What trustee `trustee` (from 1) decrypts and proves for `contest`: one ciphertext, or all
  /// mixed ballots.
  struct DecryptionInput {
    std::vector<Point> R;
    std::vector<Point> P;
  };
  /// Precondition: where the contest is mixed, somebody mixed it. Errors: those of reading records.
  absl::StatusOr<DecryptionInput> DecryptionInputFor(uint32_t contest, uint32_t trustee) const;
  bool IsMixed(uint32_t contest) const { return mixed_.contains(contest); }
  /// Mixes and shares of a mixed contest.
  const MixedTally& Mixed(uint32_t contest) const { return mixed_.at(contest); }
  /// What the next mixer of a mixed contest mixes: the counted ballots' composite ciphertexts in
  /// the order of their records, then what the last mixer gave out. After enough mixes it is what
  /// is decrypted. Reads records again: some microseconds for each ballot. Errors: those of
  /// reading.
  absl::StatusOr<crypto::VectorList> MixVectors(uint32_t contest) const;
  /// Precondition: the poll is closed, the contest mixed.
  crypto::MixStatement MixStatementFor(uint32_t contest, uint32_t trustee) const;
  /// All ballots of a mixed contest, decrypted: see MixedTally::picks.
  /// Errors: Reject("tally.incomplete") with what is missing, Reject("tally.out-of-bound").
  absl::StatusOr<std::shared_ptr<const std::vector<uint8_t>>> MixedPicks(uint32_t contest) const;
  /// Recomputes the result from shares, paper and roll.
  /// Errors: Reject("tally.incomplete") with what is missing, Reject("tally.out-of-bound"),
  /// Reject("tally.lot-missing") with the projects that are tied.
  absl::StatusOr<Result> ComputeResult() const;

 private:
  friend class StateSnapshot;  // which must know every member below
  struct BallotEntry {
    uint64_t index;
    Hash32 payload_hash;
    uint16_t style;
    uint16_t revision;
    bool again;  // not the first ballot of its key
  };
  enum class RegisterStatus : uint8_t { kAwaited, kSealed, kMissing };
  struct Register {
    RegisterStatus status = RegisterStatus::kAwaited;
    std::vector<Hash32> parts;
    bool last_part_full = true;
    uint64_t count = 0;
    std::vector<uint64_t> per_style;
    std::optional<Point> last_credential;
  };
  struct Replacement {
    size_t slot;
    Point old_credential;
  };

  struct Input {
    const CheckedPayload& checked;
    uint64_t time;
    const Hash32& leaf;
  };

  absl::Status Require(Phase phase, RecordKind kind) const;
  absl::Status CheckApprovals(RecordKind kind, const Approvals& approvals, std::string_view body,
                              uint64_t size, const Hash32& root) const;
  absl::Status CheckStep(const Payload& payload, const Approvals& approvals) const;
  absl::Status CheckParticipant(std::string_view role, const crypto::Ed25519Public& key,
                                const Payload& payload, uint64_t index, uint64_t counter,
                                const crypto::Ed25519Signature& signature) const;
  void CountSteps(const Approvals& approvals);
  /// "trustee 2 (Jan Kowalski)".
  std::string TrusteeName(uint32_t trustee) const;
  /// Once all trustees dealt.
  void SetPublicShares();
  /// Once all trustees dealt and all issuers joined.
  absl::Status SetContext(const Hash32& opening);
  void AddBallot(const crypto::DecodedBallot& decoded, uint16_t style, bool add);
  /// The payload of a record that was applied. DataLoss if it is not what it was.
  absl::StatusOr<std::string> ReadBack(const StoredPart& part, RecordKind kind) const;
  MixedTally::ReadPart ShareReader() const;
  absl::StatusOr<crypto::VectorList> CountedBallots(uint32_t contest) const;
  /// What a mix or a share of `contest` by `trustee` has in common.
  absl::Status CheckTallyPlace(uint32_t contest, uint32_t trustee, std::string_view what) const;
  absl::Status OnMix(const MixPart& p, const Payload& payload, const Input& in);
  absl::Status OnMixedShare(const DecryptionPart& p, const Input& in);
  absl::StatusOr<std::vector<uint8_t>> DecryptPicks(uint32_t contest) const;
  absl::Status VerifyShare(const DecryptionPart& p, const crypto::DecryptionShare& share) const;
  absl::Status CheckShares(uint32_t contest) const;
  absl::Status CountHomomorphic(uint32_t contest, ContestResult& result) const;
  absl::Status CountMixed(uint32_t contest, ContestResult& result) const;
  absl::StatusOr<size_t> RollSlot(const Point& credential) const;
  std::vector<uint64_t> InRegisters(uint8_t mask) const;
  absl::Status CheckEligibility(uint32_t sealing_issuer) const;
  void Conclude(const Approvals& approvals, uint64_t time);

  absl::Status On(const Defined& p, const Input& in);
  absl::Status On(const DefinitionPart& p, const Input& in);
  absl::Status On(const RollPart& p, const Input& in);
  absl::Status On(const RollSealed& p, const Input& in);
  absl::Status On(const IssuerJoined& p, const Input& in);
  absl::Status On(const TrusteeJoined& p, const Input& in);
  absl::Status On(const Dealt& p, const Input& in);
  absl::Status On(const Confirmed& p, const Input& in);
  absl::Status On(const Complained& p, const Input& in);
  absl::Status On(const Opened& p, const Input& in);
  absl::Status On(const BallotCast& p, const Input& in);
  absl::Status On(const IssuanceCounted& p, const Input& in);
  absl::Status On(const Paused& p, const Input& in);
  absl::Status On(const Resumed& p, const Input& in);
  absl::Status On(const Extended& p, const Input& in);
  absl::Status On(const CredentialReplaced& p, const Input& in);
  absl::Status On(const Ended& p, const Input& in);
  absl::Status On(const Closed& p, const Input& in);
  absl::Status On(const RegisterPart& p, const Input& in);
  absl::Status On(const RegisterSealed& p, const Input& in);
  absl::Status On(const RegisterMissing& p, const Input& in);
  absl::Status On(const Lot& p, const Input& in);
  absl::Status On(const MixPart& p, const Input& in);
  absl::Status On(const MixProofPart& p, const Input& in);
  absl::Status On(const DecryptionPart& p, const Input& in);
  absl::Status On(const PaperCounted& p, const Input& in);
  absl::Status On(const Certified& p, const Input& in);
  absl::Status On(const Cancelled& p, const Input& in);
  absl::Status On(const LossAccepted& p, const Input& in);

  ReadRecord read_record_;
  ledger::Frontier tree_;
  Hash32 last_leaf_{};
  Hash32 poll_{};
  Phase phase_ = Phase::kEmpty;
  std::string reason_;
  Course course_;
  std::string complaint_;

  Defined defined_;
  std::string definition_json_;
  std::shared_ptr<const Definition> definition_;
  std::vector<uint64_t> official_steps_;
  std::vector<StyleCount> styles_;

  // Where the roll begins: what its officials signed.
  uint64_t roll_start_size_ = 0;
  Hash32 roll_start_root_{};
  std::vector<Hash32> roll_parts_;
  bool roll_part_full_ = true;
  std::vector<RollEntry> roll_;  // ascending by credential; 34 bytes an entry
  absl::flat_hash_map<Point, Replacement> replacements_;  // new credential -> its roll slot
  absl::flat_hash_map<Point, Point> replaced_;            // old credential -> new

  std::vector<std::optional<Point>> issuer_keys_;
  std::vector<uint64_t> issuer_records_;
  std::vector<std::optional<TrusteeJoined>> joined_;
  std::vector<std::optional<Dealt>> dealt_;
  std::vector<bool> confirmed_;
  std::vector<uint64_t> trustee_records_;
  std::vector<std::vector<Point>> public_shares_;  // P_(i,w): by trustee - 1, then w
  std::shared_ptr<const PollContext> context_;

  uint64_t end_ = 0;
  absl::flat_hash_map<Point, BallotEntry> ballots_;  // by ballot key
  uint64_t ballot_records_ = 0;
  // R, C_1 .. of the counted ballots, by contest.
  std::vector<std::vector<crypto::vartime::Element>> sums_;
  std::vector<std::vector<uint64_t>> issued_;  // by issuer, style
  std::vector<bool> last_count_done_;

  std::optional<Hash32> closed_;
  std::vector<Register> registers_;
  std::vector<uint8_t> answered_;  // by roll slot: bit i set if issuer i's register holds it
  // (contest, trustee) -> D, of homomorphic contests.
  std::map<std::pair<uint32_t, uint32_t>, std::vector<Point>> shares_;
  std::map<uint32_t, MixedTally> mixed_;            // by contest, those with a mixed tally
  std::vector<std::optional<PaperCounted>> paper_;  // by style
};

}  // namespace urna::poll
