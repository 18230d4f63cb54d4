#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/consttime/table.h"
#include "crypto/group.h"
#include "crypto/hash.h"
#include "crypto/token.h"
#include "crypto/transcript.h"
#include "crypto/vartime/search.h"

namespace urna::crypto {

/// Encrypted ballots and the proof that they are well formed. docs/protocol.md section 6.

/// Each of n slots 0 or 1, between lo and hi of them 1.
struct Choose {
  uint32_t lo, hi, n;
  bool operator==(const Choose&) const = default;
};
/// Each of n slots 0..max; with a total, their sum in lo..hi.
struct Score {
  uint32_t max, n;
  bool has_total = false;
  uint32_t total_lo = 0, total_hi = 0;
  bool operator==(const Score&) const = default;
};
/// k, k-1, .., 1 points to k different options of n; k <= 5.
struct Points {
  uint32_t k, n;
  bool operator==(const Points&) const = default;
};
/// w picks of n options (n <= 255), two base-16 digits each: 2w slots. For mixed tallies.
struct Picks {
  uint32_t w, n;
  bool operator==(const Picks&) const = default;
};
using Rule = std::variant<Choose, Score, Points, Picks>;

/// Number of ciphertext slots of a contest under `rule`.
uint32_t SlotCount(const Rule& rule);
/// Largest value that a slot of a valid ballot holds.
uint32_t LargestValue(const Rule& rule);
/// Limits every rule to what could fit a ballot: at most 1024 slots, and degree at most 2048.
/// The functions below presume it. Errors: Reject("rule.invalid") with the reason (lo > hi, k > 5,
/// n = 0, ...).
absl::Status CheckRule(const Rule& rule);
/// True iff the slot values obey the rule. The proof proves the same, except for picks: there it
/// proves the digits' range only, while this also asks for options 0..n, none but 0 repeated.
bool Obeys(const Rule& rule, std::span<const uint32_t> values);

/// One polynomial constraint on the slots of one contest.
struct Constraint {
  enum class Kind { kProduct, kPowerSum };
  Kind kind;
  std::vector<uint32_t> slots;  ///< the slots summed over, from 0
  std::vector<uint64_t> roots;  ///< kProduct: the values the sum may take
  uint32_t exponent = 0;        ///< kPowerSum: e
  uint64_t value = 0;           ///< kPowerSum: the required sum of v_i^e
  uint32_t degree() const;
};
/// In the order of the protocol: slots first, then sums.
std::vector<Constraint> Constraints(const Rule& rule);

struct ContestShape {
  std::string id;
  Rule rule;
};
/// What a ballot of one style looks like: contests in style order.
struct BallotShape {
  std::string style;
  std::vector<ContestShape> contests;
  uint32_t issuers;  ///< m: tokens per ballot

  /// d, the largest degree of any constraint: number of commitments E.
  uint32_t degree() const;
  /// Encoded size in bytes, see EncodeBallot.
  size_t encoded_size() const;
};

/// One contest's ElGamal vector: R = rG, C_i = rK_i + v_i G.
struct Ciphertext {
  Point R;
  std::vector<Point> C;
};

struct BallotProof {
  struct Contest {
    Point A;
    std::vector<Point> B;
    Scalar z;
    std::vector<Scalar> f;
  };
  Point A_b;
  std::vector<Contest> contests;
  std::vector<Point> E;  ///< E_0 .. E_(d-1)
  Scalar z_b, tau;
};

struct Ballot {
  uint16_t revision = 0;
  Point ballot_key;
  std::vector<Token> tokens;
  std::vector<Ciphertext> contests;
  BallotProof proof;
};

/// What a ballot is checked against, fixed when the poll opens.
struct BallotContext {
  Hash32 opening;
  BallotShape shape;
  std::vector<Point> keys;         ///< K_1 .. K_W, at least as many as the widest contest
  std::vector<TokenInfo> issuers;  ///< one per issuer, of this style
};

/// A ballot that was encrypted but not yet signed and cast: it can be challenged instead.
class PreparedBallot {
 public:
  /// Move-only: of a copy, one half could be challenged and the other cast.
  PreparedBallot(PreparedBallot&&) = default;
  PreparedBallot& operator=(PreparedBallot&&) = default;

  /// Encrypts `votes` (slot values per contest). Fresh randomness every time.
  /// Errors: Reject("ballot.votes-invalid") if a contest's values do not obey its rule.
  /// FailedPrecondition if the context has fewer keys than a contest has slots.
  static absl::StatusOr<PreparedBallot> Encrypt(const BallotContext& context,
                                                std::vector<std::vector<uint32_t>> votes);

  const std::vector<Ciphertext>& contests() const { return contests_; }
  /// Section 6, "Cast as intended".
  Hash32 fingerprint() const { return fingerprint_; }

  /// Gives up secrecy of this ballot: r and v per contest. A challenged ballot cannot be cast.
  struct Opening {
    std::vector<Scalar> r;
    std::vector<std::vector<uint32_t>> votes;
  };
  Opening Challenge() &&;

  /// Proves and signs. `revision` from 1.
  Ballot Cast(const BallotContext& context, const BallotKey& key, std::vector<Token> tokens,
              uint16_t revision) &&;

 private:
  friend class BallotAttacks;  // tests/: makes proofs of false statements
  PreparedBallot() = default;
  /// `vote_digits`: as Product::digits, for every vote.
  static PreparedBallot EncryptUnchecked(const BallotContext& context,
                                         std::vector<std::vector<SecretScalar>> votes,
                                         size_t vote_digits = consttime::kDigits);

  std::vector<consttime::Table> keys_;  // of the context's, for encrypting and for proving
  std::vector<std::vector<SecretScalar>> votes_;
  std::vector<SecretScalar> r_;
  std::vector<Ciphertext> contests_;
  Hash32 fingerprint_;
};

/// Recomputes the ciphertexts of an opened ballot and its fingerprint. An opening of another shape
/// gives the zero hash, which is no ballot's fingerprint.
Hash32 OpenedFingerprint(const Hash32& opening, const BallotShape& shape,
                         std::span<const Point> keys, const PreparedBallot::Opening& opened);

/// Canonical bytes (docs/protocol.md, "Ballot layout"):
/// u16le revision | BK | tokens: c s y t each | per contest R C.. | A_b | per contest A B.. |
/// E.. | z_b | per contest z f.. | tau. All counts follow from the shape.
std::string EncodeBallot(const Ballot& ballot);
/// Strict: canonical points and scalars, exact size, the identity where the protocol allows it
/// only, revision >= 1. Errors: Reject("ballot.malformed"), Reject("point.not-canonical"),
/// Reject("point.identity"), Reject("scalar.not-canonical"), with the field's name.
absl::StatusOr<Ballot> DecodeBallot(const BallotShape& shape, std::string_view bytes);

/// A ballot with the coordinates of its points, in the order of its bytes: what checking needs.
struct DecodedBallot {
  Ballot ballot;
  std::vector<vartime::Element> elements;
};
struct EncodedBallot {
  const BallotShape* shape;
  std::string_view bytes;
};
/// The same for many, faster; out[i] is the verdict on ballots[i].
std::vector<absl::StatusOr<DecodedBallot>> DecodeBallots(std::span<const EncodedBallot> ballots);

/// One contest's ciphertext of a ballot that DecodeBallot accepted before, without decoding the
/// rest, or judging anything again but the size. Precondition: the shape has the contest.
/// Errors: Reject("ballot.malformed") for another size.
absl::StatusOr<Ciphertext> CiphertextOf(const BallotShape& shape, std::string_view bytes,
                                        size_t contest);

struct BallotToCheck {
  const BallotContext* context;
  const Ballot* ballot;
  /// What DecodeBallots gave together with `ballot`; if empty, it is computed.
  std::span<const vartime::Element> elements = {};
};
using vartime::Together;
/// Tokens and proof of each ballot; out[i] is the verdict on in[i], the same as if it were checked
/// alone, whatever `together` says: the proofs of many are one multi-scalar multiplication, of
/// which parts are tried when it fails, until the equations are found that do not hold. Errors:
/// Reject("token.invalid"), Reject("ballot.proof-invalid") with the first such equation; for a
/// ballot that DecodeBallot would not return, Reject("ballot.malformed"); FailedPrecondition for a
/// context with too few keys or issuers.
std::vector<absl::Status> CheckBallots(std::span<const BallotToCheck> ballots,
                                       Together together = Together::kAll);

/// The transcript up to challenge y, shared by prover and verifier: everything a ballot says but
/// its proof's commitments.
Transcript BallotTranscript(const BallotContext& context, const Ballot& ballot);

}  // namespace urna::crypto
