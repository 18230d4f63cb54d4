#include "client/trustee.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/codec.h"
#include "base/status.h"
#include "base/text.h"
#include "client/key_file.h"
#include "crypto/decryption.h"
#include "crypto/picks.h"
#include "ledger/checkpoint.h"
#include "poll/cosignatures.h"

namespace urna::client {
namespace {

using base::Cat;
using crypto::SecretText;
using poll::Phase;
using poll::RecordKind;

constexpr std::string_view kPurpose = "trustee-state";
constexpr std::string_view kFormat = "urna-trustee/1";
constexpr size_t kMaxText = 1 << 20;

absl::Status NotNow(std::string_view text) {
  return base::Failure(absl::StatusCode::kFailedPrecondition, text);
}

/// The record that follows this trustee's last.
template <typename T>
std::string SignNext(const poll::State& state, const crypto::Ed25519Key& key, T payload) {
  const uint64_t counter = state.TrusteeCounter(payload.trustee);
  return SignAndEncode(state, key, std::move(payload), counter);
}

Hash32 HashOf(std::string_view domain, std::span<const crypto::Point> points) {
  base::Writer w;
  for (const crypto::Point& point : points) w.Raw(point.view());
  return crypto::FramedHash256({domain, w.bytes()});
}

/// Of what is decrypted: a sum, or all mixed ballots.
absl::StatusOr<Hash32> AggregateHash(const poll::State& state, uint32_t contest) {
  if (state.IsMixed(contest)) {
    URNA_ASSIGN_OR_RETURN(const crypto::VectorList mixed, state.MixVectors(contest));
    return HashOf("trustee-mixed", mixed.points);
  }
  const crypto::Ciphertext sum = state.Aggregate(contest);
  std::vector<crypto::Point> points = {sum.R};
  points.insert(points.end(), sum.C.begin(), sum.C.end());
  return HashOf("trustee-aggregate", points);
}

/// How many of `parts` are on the ledger, so that the next may follow; 0, to begin anew, if what is
/// there is of another share. (A share's last part alone is drawn: the others are always the same.)
uint64_t PartsRecorded(const poll::State& state, const crypto::Ed25519Key& key,
                       const std::vector<poll::DecryptionPart>& parts) {
  const auto& shares = state.Mixed(parts[0].contest).shares();
  const auto found = shares.find(parts[0].trustee);
  if (found == shares.end()) return 0;
  const uint64_t count = found->second.parts.size();
  const uint64_t counter = state.TrusteeCounter(parts[0].trustee);
  if (count >= parts.size() || count > counter) return 0;
  for (uint64_t p = 0; p < count; ++p) {
    const std::string same = SignAndEncode(state, key, parts[p], counter - count + p);
    if (crypto::HashSha256(same) != found->second.parts[p].payload_hash) return 0;
  }
  return count;
}

/// What the dealers sent to this trustee.
struct Received {
  std::vector<crypto::SecretScalar> shares;  ///< k_(i,w), if all were right
  uint32_t wrong_dealer = 0;                 ///< the first whose shares are wrong
};

Received OpenAll(const poll::State& state, const TrusteeSecrets& secrets) {
  crypto::Secret<base::Bytes32> secret;
  secret.Expose() = secrets.seal_secret.Expose();
  const crypto::SealKey seal_key = crypto::SealKey::FromSecret(std::move(secret));
  std::vector<std::vector<crypto::SecretScalar>> opened;
  for (const auto& dealt : state.dealt()) {
    auto shares = crypto::OpenShares(seal_key, secrets.trustee, dealt->deal,
                                     dealt->sealed[secrets.trustee - 1u]);
    if (!shares.ok()) return {.shares = {}, .wrong_dealer = dealt->trustee};
    opened.push_back(*std::move(shares));
  }
  return {.shares = crypto::CombineShares(opened), .wrong_dealer = 0};
}

}  // namespace

absl::Status WrongPhase(const poll::State& state, std::string_view what) {
  const std::string reason = state.reason().empty() ? "" : Cat(" (", state.reason(), ")");
  return NotNow(Cat("cannot ", what, ": the poll is ", PhaseName(state.phase()), reason));
}

std::string SignAndEncode(const poll::State& state, const crypto::Ed25519Key& key,
                          poll::Payload payload, uint64_t counter) {
  std::visit(
      [&](auto& p) {
        if constexpr (requires {
                        p.trustee;
                        p.signature;
                      }) {
          p.signature =
              key.Sign(poll::ParticipantMessage("trustee", poll::KindOf(payload), state.poll(),
                                                p.trustee, counter, poll::PayloadBody(payload)));
        }
      },
      payload);
  return poll::EncodePayload(payload);
}

std::vector<crypto::Deal> DealsOf(const poll::State& state) {
  std::vector<crypto::Deal> deals;
  for (const auto& dealt : state.dealt()) deals.push_back(dealt->deal);
  return deals;
}

// --- The state file

SecretText TrusteeSecrets::Encode() const {
  base::Writer open;
  open.Frame(kFormat).Raw(poll).U8(trustee).Raw(U.view()).Raw(z.view());
  open.Frame(joined).Frame(dealt).Frame(confirmed).Frame(complained);
  open.U32(static_cast<uint32_t>(decrypted.size()));
  for (const auto& [contest, hash] : decrypted) open.U16(contest).Raw(hash);
  open.U32(static_cast<uint32_t>(polynomials.Expose().size()));
  open.U32(static_cast<uint32_t>(shares.size()));
  // The secrets last, into memory that does not grow and leave copies behind.
  std::string text = open.Take();
  text.reserve(text.size() + 32 + polynomials.Expose().size() + 32 * shares.size());
  text += base::View(seal_secret.Expose());
  text += polynomials.Expose();
  for (const crypto::SecretScalar& share : shares) text += base::View(share.Expose());
  return SecretText(std::move(text));
}

absl::StatusOr<TrusteeSecrets> TrusteeSecrets::Decode(const SecretText& text) {
  base::Reader r(text.Expose());
  TrusteeSecrets out;
  if (const std::string_view format = r.Frame(kMaxText); format != kFormat) {
    if (r.ok() && format.starts_with("urna-trustee/")) {
      return base::Failure(absl::StatusCode::kInvalidArgument,
                           Cat("its format is ", format, ", but this version of urna reads ",
                               kFormat, ": use the version that wrote it, or a newer one"));
    }
    r.Fail("not a trustee's state");
  }
  out.poll = r.Fixed<32>();
  out.trustee = r.U8();
  const auto U = crypto::Point::Decode(r.Raw(32));
  const auto z = crypto::Scalar::Decode(r.Raw(32));
  if (!U.ok() || !z.ok()) {
    r.Fail("the proof of the deal");
  } else {
    out.U = *U;
    out.z = *z;
  }
  for (std::string* payload : {&out.joined, &out.dealt, &out.confirmed, &out.complained}) {
    *payload = std::string(r.Frame(kMaxText));
  }
  const uint32_t contests = r.U32();
  for (uint32_t i = 0; i < contests && r.ok(); ++i) {
    const uint16_t contest = r.U16();
    out.decrypted[contest] = r.Fixed<32>();
  }
  const uint32_t polynomial_bytes = r.U32();
  const uint32_t shares = r.U32();
  const std::string_view seal_secret = r.Raw(32);
  if (r.ok()) std::ranges::copy(seal_secret, out.seal_secret.Expose().begin());
  out.polynomials = SecretText(std::string(r.Raw(polynomial_bytes)));
  for (uint32_t i = 0; i < shares && r.ok(); ++i) {
    auto share = crypto::SecretScalar::Decode(r.Raw(32));
    if (!share.ok()) {
      r.Fail("a share");
    } else {
      out.shares.push_back(*std::move(share));
    }
  }
  URNA_RETURN_IF_ERROR(r.Finish());
  return out;
}

absl::Status WriteTrusteeState(const std::string& path, const TrusteeSecrets& secrets,
                               const SecretText& passphrase, bool overwrite) {
  return WriteKeyFile(path, kPurpose,
                      Cat("poll ", base::Hex(secrets.poll), " trustee ", secrets.trustee),
                      secrets.Encode(), passphrase, overwrite);
}

absl::Status CheckTrusteeStateFile(const std::string& path) {
  return ReadKeyFilePublic(path, kPurpose).status();
}

absl::StatusOr<TrusteeSecrets> ReadTrusteeState(const std::string& path,
                                                const SecretText& passphrase) {
  URNA_ASSIGN_OR_RETURN(const OpenedKeyFile file, ReadKeyFile(path, kPurpose, passphrase));
  auto secrets = TrusteeSecrets::Decode(file.secret);
  if (!secrets.ok()) return base::Annotate(secrets.status(), path);
  return secrets;
}

absl::StatusOr<TrusteeSecrets> ReadTrusteeState(const std::string& path,
                                                const SecretText& passphrase, const Hash32& poll,
                                                uint32_t trustee) {
  auto secrets = ReadTrusteeState(path, passphrase);
  if (!secrets.ok()) return secrets;
  if (secrets->poll != poll || secrets->trustee != trustee) {
    return base::Failure(
        absl::StatusCode::kInvalidArgument,
        Cat(path, ": is the state of trustee ", secrets->trustee, " of poll ",
            base::Hex(secrets->poll), ", not of trustee ", trustee, " of poll ", base::Hex(poll)));
  }
  return secrets;
}

absl::StatusOr<uint32_t> TrusteeNumber(const poll::Definition& definition,
                                       const crypto::Ed25519Public& key) {
  for (uint32_t j = 1; j <= definition.trustees.size(); ++j) {
    if (definition.trustees[j - 1].key == key) return j;
  }
  return base::Failure(absl::StatusCode::kNotFound,
                       Cat("the key ", base::Hex(key), " is no trustee's of this poll"));
}

// --- The key ceremony

absl::StatusOr<TrusteeSecrets> Join(const poll::State& state, uint32_t trustee,
                                    const crypto::Ed25519Key& key) {
  if (state.phase() < Phase::kJoining || state.phase() > Phase::kReady) {
    return WrongPhase(state, "join");
  }
  if (state.joined()[trustee - 1].has_value()) {
    return NotNow(Cat("trustee ", trustee,
                      " joined before, and its secrets are in the state file of that time: give ",
                      "that file; without it the poll must be cancelled and defined anew"));
  }
  if (state.phase() != Phase::kJoining) return WrongPhase(state, "join");
  const poll::Definition& definition = *state.definition();
  TrusteeSecrets secrets;
  secrets.poll = state.poll();
  secrets.trustee = static_cast<uint8_t>(trustee);
  crypto::SealKey seal_key = crypto::SealKey::New();
  const crypto::Dealer dealer = crypto::Dealer::New(definition.keys(), definition.trustees_needed);
  const crypto::Deal deal = dealer.MakeDeal(state.poll(), trustee);
  secrets.polynomials = dealer.Serialize();
  secrets.U = deal.U;
  secrets.z = deal.z;
  poll::TrusteeJoined joined;
  joined.trustee = secrets.trustee;
  joined.seal_key = seal_key.public_key;
  joined.deal_commitment =
      crypto::DealCommitment(state.poll(), trustee, definition.trustees_needed, deal);
  secrets.seal_secret = std::move(seal_key.secret);
  secrets.joined = SignNext(state, key, joined);
  return secrets;
}

absl::StatusOr<Submission> PrepareJoin(const poll::State& state, const TrusteeSecrets& secrets) {
  const auto& recorded = state.joined()[secrets.trustee - 1u];
  if (recorded.has_value() && poll::EncodePayload(*recorded) != secrets.joined) {
    return base::Failure(
        absl::StatusCode::kDataLoss,
        Cat("the ledger carries a 'trustee joined' of trustee ", secrets.trustee,
            " that this state file did not make: find the state file that did; without it the ",
            "poll must be cancelled and defined anew"));
  }
  return Submission{RecordKind::kTrusteeJoined, secrets.joined, recorded.has_value()};
}

absl::Status CatchUp(const poll::State& state, TrusteeSecrets* secrets) {
  URNA_ASSIGN_OR_RETURN(const Submission joined, PrepareJoin(state, *secrets));
  // Shares that could be opened with a secret that was given away are none.
  if (!joined.recorded || !secrets->complained.empty()) return absl::OkStatus();
  const size_t index = secrets->trustee - 1u;
  // `joined` committed to the deal, and the ledger's was checked against it.
  if (const auto& dealt = state.dealt()[index]; dealt.has_value()) {
    secrets->dealt = poll::EncodePayload(*dealt);
  }
  if (!state.confirmed()[index] || !secrets->shares.empty()) return absl::OkStatus();
  Received received = OpenAll(state, *secrets);
  if (received.wrong_dealer != 0) {
    return base::Failure(absl::StatusCode::kDataLoss,
                         Cat("trustee ", secrets->trustee, " confirmed, but the shares of trustee ",
                             received.wrong_dealer, " are wrong: the key was used elsewhere"));
  }
  secrets->shares = std::move(received.shares);
  return absl::OkStatus();
}

absl::StatusOr<Submission> PrepareDeal(const poll::State& state, const crypto::Ed25519Key& key,
                                       TrusteeSecrets* secrets) {
  const uint32_t trustee = secrets->trustee;
  URNA_RETURN_IF_ERROR(CatchUp(state, secrets));
  if (secrets->dealt.empty()) {
    if (state.phase() != Phase::kDealing) return WrongPhase(state, "deal");
    const poll::Definition& definition = *state.definition();
    URNA_ASSIGN_OR_RETURN(const crypto::Dealer dealer,
                          crypto::Dealer::Deserialize(definition.keys(), definition.trustees_needed,
                                                      secrets->polynomials));
    poll::Dealt dealt;
    dealt.trustee = secrets->trustee;
    dealt.deal = dealer.MakeDeal(state.poll(), trustee);
    // F follows from the polynomials; the proof is drawn anew each time, and joining committed to
    // the first.
    dealt.deal.U = secrets->U;
    dealt.deal.z = secrets->z;
    for (uint32_t i = 1; i <= definition.trustees.size(); ++i) {
      dealt.sealed.push_back(dealer.SealShares(i, state.joined()[i - 1]->seal_key));
    }
    secrets->dealt = SignNext(state, key, std::move(dealt));
  }
  return Submission{RecordKind::kDealt, secrets->dealt, state.dealt()[trustee - 1].has_value()};
}

absl::StatusOr<Submission> PrepareConfirm(const poll::State& state, const crypto::Ed25519Key& key,
                                          TrusteeSecrets* secrets) {
  const uint32_t trustee = secrets->trustee;
  URNA_RETURN_IF_ERROR(CatchUp(state, secrets));
  if (!secrets->complained.empty()) {
    URNA_ASSIGN_OR_RETURN(const poll::Payload payload,
                          poll::DecodePayload(static_cast<uint8_t>(RecordKind::kComplained),
                                              secrets->complained, state.definition().get()));
    // Joined, dealt, complained.
    const bool recorded = state.TrusteeCounter(trustee) == 3 && !state.complaint().empty();
    if (!recorded && state.phase() != Phase::kConfirming) return WrongPhase(state, "complain");
    return Submission{RecordKind::kComplained, secrets->complained, recorded,
                      std::get<poll::Complained>(payload).dealer};
  }
  if (state.confirmed().size() >= trustee && state.confirmed()[trustee - 1]) {
    return Submission{RecordKind::kConfirmed, secrets->confirmed, true};
  }
  if (state.phase() != Phase::kConfirming) return WrongPhase(state, "confirm");
  if (!secrets->confirmed.empty()) {
    return Submission{RecordKind::kConfirmed, secrets->confirmed, false};
  }
  Received received = OpenAll(state, *secrets);
  if (received.wrong_dealer != 0) {
    poll::Complained complaint;
    complaint.trustee = secrets->trustee;
    complaint.dealer = static_cast<uint8_t>(received.wrong_dealer);
    complaint.seal_secret = secrets->seal_secret.Expose();
    secrets->complained = SignNext(state, key, complaint);
    return Submission{RecordKind::kComplained, secrets->complained, false, received.wrong_dealer};
  }
  const std::vector<crypto::Point> base = {crypto::Point::Base()};
  const std::vector<crypto::Point> P = crypto::PublicShares(DealsOf(state), trustee);
  const crypto::DecryptionStatement statement{.opening = state.poll(),
                                              .closed = state.poll(),
                                              .contest = "self-test",
                                              .trustee = trustee,
                                              .R = base,
                                              .P = P};
  poll::Confirmed confirmed;
  confirmed.trustee = secrets->trustee;
  confirmed.self_test = crypto::MakeDecryptionShare(statement, received.shares);
  URNA_RETURN_IF_ERROR(crypto::VerifyDecryptionShare(statement, confirmed.self_test));
  secrets->shares = std::move(received.shares);
  secrets->confirmed = SignNext(state, key, std::move(confirmed));
  return Submission{RecordKind::kConfirmed, secrets->confirmed, false};
}

// --- Decryption

absl::Status CheckWitnesses(const poll::State& state, const std::string& note) {
  const poll::Definition& definition = *state.definition();
  URNA_ASSIGN_OR_RETURN(const ledger::Checkpoint checkpoint,
                        ledger::OpenCheckpoint(note, definition.ballot_box));
  if (checkpoint.size != state.size() || checkpoint.root != state.root()) {
    return base::Reject("ledger.root", "the checkpoint is not that of the ledger to decrypt");
  }
  URNA_ASSIGN_OR_RETURN(const ledger::Note parsed, ledger::Note::Parse(note));
  const poll::Cosignatures found = poll::CosignaturesOn(definition, parsed);
  if (found.AtLeast(definition.witnesses_needed)) return absl::OkStatus();
  return base::Reject(
      "witness.too-few",
      Cat("the ledger must not be decrypted yet: this poll demands the cosignatures of ",
          definition.witnesses_needed, " witnesses on its checkpoint of ", checkpoint.size,
          " records; ", found.ToString(),
          ". Without them, nobody vouches that everybody is shown this ledger. The server asks "
          "the witnesses by itself: try again later, and if one stays away, ask the server's "
          "operator and the witness why"));
}

absl::StatusOr<std::vector<Submission>> PrepareDecryption(const poll::State& state,
                                                          const std::string& note,
                                                          const crypto::Ed25519Key& key,
                                                          uint32_t contest, uint64_t sent,
                                                          TrusteeSecrets* secrets) {
  const uint32_t trustee = secrets->trustee;
  if (state.phase() != Phase::kClosed) return WrongPhase(state, "decrypt");
  if (!state.RegistersSettled()) return NotNow("cannot decrypt: a register is missing");
  if (state.AwaitsLot()) {
    return NotNow(
        "cannot decrypt: officials must draw a lot first, which decides between tied projects "
        "(`urna poll lot`)");
  }
  const poll::Definition& definition = *state.definition();
  const std::string& id = definition.contests[contest].id;
  if (!state.NeedsDecryption(contest)) {
    return base::Reject("decryption.below-minimum",
                        Cat("contest ", id, " has ", state.ContestBallots(contest),
                            " ballots, too few to decrypt"));
  }
  const bool mixed = state.IsMixed(contest);
  if (mixed && state.Mixed(contest).mixers().size() < definition.trustees_needed) {
    return NotNow(Cat("cannot decrypt: contest ", id, " was mixed by ",
                      state.Mixed(contest).mixers().size(), " of ", definition.trustees_needed,
                      " trustees; until then its ballots could be told apart"));
  }
  URNA_RETURN_IF_ERROR(CheckWitnesses(state, note));
  URNA_RETURN_IF_ERROR(CatchUp(state, secrets));
  URNA_ASSIGN_OR_RETURN(const Hash32 aggregate, AggregateHash(state, contest));
  const auto before = secrets->decrypted.find(static_cast<uint16_t>(contest));
  if (before != secrets->decrypted.end() && before->second != aggregate) {
    return base::Reject("decryption.second-aggregate",
                        Cat("contest ", id, ": this ledger ",
                            mixed ? "holds other mixed ballots than those that were"
                                  : "adds up to another sum than the one that was",
                            " decrypted before; somebody shows two versions of this poll"));
  }
  // A long share that is there is not made again.
  if (mixed && state.HasShare(contest, trustee)) {
    return std::vector<Submission>{{RecordKind::kDecryptionPart, "", true}};
  }
  URNA_ASSIGN_OR_RETURN(const poll::State::DecryptionInput input,
                        state.DecryptionInputFor(contest, trustee));
  const size_t width = input.P.size();
  if (secrets->shares.size() < (mixed ? 2 * width : width)) {
    return NotNow("this trustee has not confirmed");
  }
  const crypto::DecryptionStatement statement{.opening = state.context()->opening,
                                              .closed = *state.closed(),
                                              .contest = id,
                                              .trustee = trustee,
                                              .R = input.R,
                                              .P = input.P};
  const std::vector<crypto::SecretScalar> composites =
      mixed ? crypto::CompositeSecrets(secrets->shares, static_cast<uint32_t>(width))
            : std::vector<crypto::SecretScalar>();
  const crypto::DecryptionShare share = crypto::MakeDecryptionShare(
      statement, mixed ? std::span(composites) : std::span(secrets->shares).first(width));
  const absl::Status valid = crypto::VerifyDecryptionShare(statement, share);
  if (!valid.ok()) {
    return base::Annotate(valid, Cat("contest ", id, ": the kept shares are not this ledger's"));
  }
  std::vector<poll::DecryptionPart> parts;
  for (std::string& data : poll::SplitDecryptionShare(share, static_cast<uint32_t>(width))) {
    poll::DecryptionPart& part = parts.emplace_back();
    part.trustee = secrets->trustee;
    part.contest = static_cast<uint16_t>(contest);
    part.part = static_cast<uint16_t>(parts.size() - 1);
    part.data = std::move(data);
  }
  for (poll::DecryptionPart& part : parts) part.parts = static_cast<uint16_t>(parts.size());
  secrets->decrypted[static_cast<uint16_t>(contest)] = aggregate;
  const uint64_t recorded = mixed ? PartsRecorded(state, key, parts) : 0;
  std::vector<Submission> out;
  for (uint64_t p = recorded; p < parts.size(); ++p) {
    out.push_back({RecordKind::kDecryptionPart,
                   SignAndEncode(state, key, std::move(parts[p]),
                                 state.TrusteeCounter(trustee) + sent + (p - recorded)),
                   state.HasShare(contest, trustee)});
  }
  return out;
}

}  // namespace urna::client
