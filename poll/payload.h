#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "crypto/credential.h"
#include "crypto/decryption.h"
#include "crypto/group.h"
#include "crypto/shuffle.h"
#include "crypto/signature.h"
#include "crypto/token.h"
#include "crypto/trustee.h"
#include "ledger/record.h"
#include "poll/definition.h"

namespace urna::poll {

using crypto::Hash32;
using crypto::Point;
using crypto::Scalar;

/// Kinds of records, in the order in which a poll writes them. docs/protocol.md, "Record layouts".
enum class RecordKind : uint8_t {
  kDefined = 1,
  kDefinitionPart = 2,
  kRollPart = 3,
  kRollSealed = 4,
  kIssuerJoined = 5,
  kTrusteeJoined = 6,
  kDealt = 7,
  kConfirmed = 8,
  kComplained = 9,
  kOpened = 10,
  kBallotCast = 11,
  kIssuanceCounted = 12,
  kPaused = 13,
  kResumed = 14,
  kExtended = 15,
  kCredentialReplaced = 16,
  kEnded = 17,
  kClosed = 18,
  kRegisterPart = 19,
  kRegisterSealed = 20,
  kRegisterMissing = 21,
  kLot = 22,
  kMixPart = 23,
  kMixProofPart = 24,
  kDecryptionPart = 25,
  kPaperCounted = 26,
  kCertified = 27,
  kCancelled = 28,
  kLossAccepted = 29,
};
/// "ballot cast", as reports name it; "unknown kind 99" for a number that is none.
std::string KindName(uint8_t kind);

/// One official's consent to a step.
struct Approval {
  uint8_t official = 0;  ///< index in Definition::officials
  crypto::Ed25519Signature signature{};
};
/// Strictly ascending by official.
using Approvals = std::vector<Approval>;

// --- Steps of officials. Body() is what they sign the SHA-256 of; the record is body | approvals.

struct Defined {
  uint32_t length = 0;  ///< bytes of the definition
  Hash32 sha256{};      ///< of the definition
  Approvals approvals;
};
struct RollSealed {
  uint64_t count = 0;
  Hash32 parts_sha256{};    ///< PartsHash of the roll parts
  Hash32 persons_sha256{};  ///< of the office's list of persons, kept off the ledger
  Approvals approvals;
};
struct Opened {
  Approvals approvals;
};
struct Paused {
  std::string reason;
  Approvals approvals;
};
struct Resumed {
  Approvals approvals;
};
struct Extended {
  uint64_t end = 0;  ///< the new end, Unix seconds
  std::string reason;
  Approvals approvals;
};
struct CredentialReplaced {
  Point old_credential, new_credential;
  Approvals approvals;
};
struct Closed {
  Approvals approvals;
};
struct RegisterMissing {
  uint8_t issuer = 0;
  std::string reason;
  Approvals approvals;
};
struct Lot {
  std::string outcome;
  Approvals approvals;
};
/// Votes on paper of one style.
struct PaperCounted {
  uint16_t style = 0;
  uint64_t cards = 0;
  std::vector<std::vector<uint64_t>> votes;  ///< per contest of the style, per option
  Approvals approvals;
};
/// The result. The state computes the one right body (State::ExpectedCertificate).
struct Certified {
  std::string body;
  Approvals approvals;
};
struct Cancelled {
  std::string reason;
  Approvals approvals;
};

// --- Parts of large data; the step that seals them binds their hash.

struct DefinitionPart {
  std::string text;
};
struct RollEntry {
  Point credential;
  uint16_t style = 0;
};
struct RollPart {
  std::vector<RollEntry> entries;
};

// --- Records signed by one issuer, one trustee or the ballot box.

struct IssuerJoined {
  uint8_t issuer = 0;  ///< from 0
  Point X;
  crypto::IssuerPossession possession;
  crypto::Ed25519Signature signature{};
};
struct TrusteeJoined {
  uint8_t trustee = 0;  ///< from 1
  base::Bytes32 seal_key{};
  Hash32 deal_commitment{};
  crypto::Ed25519Signature signature{};
};
struct Dealt {
  uint8_t trustee = 0;
  crypto::Deal deal;
  std::vector<std::string> sealed;  ///< to trustee 1..n
  crypto::Ed25519Signature signature{};
};
struct Confirmed {
  uint8_t trustee = 0;
  crypto::DecryptionShare self_test;
  crypto::Ed25519Signature signature{};
};
/// Reveals the complainer's ceremony secret, so that everyone can open the dealer's shares.
struct Complained {
  uint8_t trustee = 0;
  uint8_t dealer = 0;
  base::Bytes32 seal_secret{};
  crypto::Ed25519Signature signature{};
};
struct BallotCast {
  uint16_t style = 0;
  std::string ballot;  ///< crypto::EncodeBallot of the style's shape
};
struct IssuanceCounted {
  uint8_t issuer = 0;
  std::vector<uint64_t> tokens;  ///< per style
  crypto::Ed25519Signature signature{};
};
struct Ended {
  uint64_t end = 0;
  crypto::Ed25519Signature signature{};
};
/// Records that were signed for are lost for good; the ledger goes on without them, and says so.
struct LossAccepted {
  /// What is left: this record's index, and the root of the records before it.
  uint64_t size = 0;
  Hash32 root{};
  /// Signed checkpoints of the ledger that is lost, each of more than `size` records; strictly
  /// ascending by size and root.
  std::vector<std::string> lost;
  std::string reason;
  crypto::Ed25519Signature signature{};  ///< of the ballot box; its counter: losses before
};
/// One answered credential.
struct RegisterEntry {
  Point credential;
  uint16_t style = 0;
  crypto::TokenOffer offer;
  Scalar c;
  crypto::IssuerAnswer answer;
  crypto::CredentialSignature signature;  ///< purpose "request"
};
struct RegisterPart {
  uint8_t issuer = 0;
  std::vector<RegisterEntry> entries;
};
struct RegisterSealed {
  uint8_t issuer = 0;
  uint64_t count = 0;
  Hash32 parts_sha256{};  ///< PartsHash of the issuer's register parts
  crypto::Ed25519Signature signature{};
};
/// One part of a trustee's mix of a contest that holds outputs. docs/protocol.md section 8, "Layout
/// of a mix".
struct MixPart {
  uint8_t trustee = 0;
  uint16_t contest = 0;
  uint32_t part = 0;  ///< from 0; proof parts count on
  std::string data;   ///< crypto::EncodeMixPart
  crypto::Ed25519Signature signature{};
};
/// The same, of the proof.
struct MixProofPart : MixPart {};
/// A decryption share, or one part of it. `data` over all parts is
/// D (ciphertexts outer, slots inner) | U | V | z, cut as by SplitDecryptionShare.
struct DecryptionPart {
  uint8_t trustee = 0;
  uint16_t contest = 0;
  uint16_t part = 0;  ///< from 0
  uint16_t parts = 0;
  std::string data;
  crypto::Ed25519Signature signature{};
};

using Payload =
    std::variant<Defined, DefinitionPart, RollPart, RollSealed, IssuerJoined, TrusteeJoined, Dealt,
                 Confirmed, Complained, Opened, BallotCast, IssuanceCounted, Paused, Resumed,
                 Extended, CredentialReplaced, Ended, Closed, RegisterPart, RegisterSealed,
                 RegisterMissing, Lot, MixPart, MixProofPart, DecryptionPart, PaperCounted,
                 Certified, Cancelled, LossAccepted>;

RecordKind KindOf(const Payload& payload);

/// The part of the payload that is signed: without approvals or signature.
std::string PayloadBody(const Payload& payload);
/// In one `loss accepted`.
inline constexpr size_t kMaxLostCheckpoints = 16;
inline constexpr size_t kMaxLostCheckpointBytes = 3072;

/// Canonical bytes.
std::string EncodePayload(const Payload& payload);
/// Strict. `definition` is needed (and may be null before it is known) for kinds whose sizes follow
/// from it: without it they are refused with Reject("record.out-of-order").
/// Errors: Reject("record.malformed"), Reject("record.kind-unknown"),
/// Reject("point.not-canonical"), ...
absl::StatusOr<Payload> DecodePayload(uint8_t kind, std::string_view payload,
                                      const Definition* definition);

// --- What is signed.

/// Where a step stands: officials sign it. `size` and `root` are those of the ledger before the
/// step's first record; steps that happen while ballots arrive leave them out.
struct StepPlace {
  Hash32 poll{};  ///< zeros for `defined`
  uint64_t counter = 0;
  uint64_t size = 0;
  Hash32 root{};
};
/// True for pause, resume, extend, replace: signed without size and root.
bool SignedWithoutRoot(RecordKind kind);
/// The bytes an official signs. docs/protocol.md section 3, "Officials sign".
std::string OfficialMessage(RecordKind kind, const StepPlace& place, std::string_view body);
/// The bytes an issuer, trustee or the ballot box signs. `role`: "issuer", "trustee", "ballot-box".
/// `index` as in the payload (0 for the ballot box); `counter`: its records already on the ledger
/// (the ballot box's: those of this kind).
std::string ParticipantMessage(std::string_view role, RecordKind kind, const Hash32& poll,
                               uint64_t index, uint64_t counter, std::string_view body);

// --- Cutting large data into parts; every part but the last is full.

inline constexpr size_t kRollEntryBytes = 32 + 2;
inline constexpr size_t kRegisterEntryBytes = 32 + 2 + 2 * 32 + 32 + 3 * 32 + 2 * 32;
inline constexpr size_t kRollEntriesPerPart = ledger::kMaxPayloadBytes / kRollEntryBytes;
inline constexpr size_t kRegisterEntriesPerPart =
    (ledger::kMaxPayloadBytes - 1) / kRegisterEntryBytes;

std::vector<DefinitionPart> SplitDefinition(std::string_view json);
std::vector<RollPart> SplitRoll(const std::vector<RollEntry>& entries);
std::vector<RegisterPart> SplitRegister(uint8_t issuer, const std::vector<RegisterEntry>& entries);
/// What seals parts: SHA-256 of the parts' SHA-256 hashes, one after another.
Hash32 PartsHash(const std::vector<Hash32>& part_hashes);
/// PartsHash of `parts` as EncodePayload writes them.
template <typename Part>
Hash32 PartsHashOf(const std::vector<Part>& parts) {
  std::vector<Hash32> hashes;
  for (const Part& part : parts) hashes.push_back(crypto::HashSha256(EncodePayload(part)));
  return PartsHash(hashes);
}

/// Roll entries as one text of bytes, the way officials send and approve a roll.
std::string EncodeRollEntries(const std::vector<RollEntry>& entries);
/// Strict inverse of EncodeRollEntries.
absl::StatusOr<std::vector<RollEntry>> DecodeRollEntries(std::string_view bytes);

/// Points of a register entry.
inline constexpr size_t kRegisterEntryPoints = 4;
/// The payload of a register part; DecodePayload goes through it. `elements`, if given, becomes the
/// coordinates of its points, by entry: credential, A, C, U. Errors: those of DecodePayload.
absl::StatusOr<RegisterPart> DecodeRegisterPart(
    std::string_view payload, std::vector<crypto::vartime::Element>* elements = nullptr);

/// How many parts a share of so many ciphertexts of so many slots has: in each as many whole rows
/// D[b] as fit beside U | V | z, which follow the last row. Preconditions: 1 ciphertext, 1..1024
/// slots.
uint64_t SharePartCount(uint64_t ciphertexts, uint32_t slots);
/// Bytes of part `part` of them, from 0.
size_t SharePartBytes(uint64_t ciphertexts, uint32_t slots, uint64_t part);
/// The `data` of all parts in one.
std::string EncodeDecryptionShare(const crypto::DecryptionShare& share);
/// The `data` of each part.
std::vector<std::string> SplitDecryptionShare(const crypto::DecryptionShare& share, uint32_t slots);
/// Strict inverse of EncodeDecryptionShare.
absl::StatusOr<crypto::DecryptionShare> DecodeDecryptionShare(std::string_view data,
                                                              uint64_t ciphertexts, uint32_t slots);

}  // namespace urna::poll
