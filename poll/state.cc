#include "poll/state.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/codec.h"
#include "base/status.h"
#include "base/text.h"
#include "crypto/picks.h"
#include "ledger/record.h"
#include "poll/budget.h"

namespace urna::poll {
namespace {

using base::Cat;
using base::Reject;

constexpr uint64_t kHour = 3600;

size_t Index(uint32_t one_based) { return one_based - 1; }

/// What all options of one valid card get together, at most.
uint64_t LargestSum(const Contest& contest) {
  struct Visitor {
    const Contest& contest;
    uint64_t operator()(const crypto::Choose& r) { return r.hi; }
    uint64_t operator()(const crypto::Score& r) {
      return r.has_total ? r.total_hi : uint64_t{r.max} * r.n;
    }
    uint64_t operator()(const crypto::Points& r) { return uint64_t{r.k} * (r.k + 1) / 2; }
    uint64_t operator()(const crypto::Picks& r) {
      uint64_t sum = 0;
      for (size_t place = 0; place < r.w; ++place) sum += PointsOfPick(contest, place);
      return sum;
    }
  };
  return std::visit(Visitor{contest}, contest.rule);
}

uint32_t PicksOf(const Contest& contest) { return std::get<crypto::Picks>(contest.rule).w; }

/// What is encrypted under the identity can be read by everybody.
absl::Status CheckCompositeKeys(const Definition& definition, std::span<const Point> keys) {
  for (const Contest& contest : definition.contests) {
    if (contest.tally != TallyKind::kMixed) continue;
    const std::vector<Point> composite = crypto::CompositeKeys(keys, PicksOf(contest));
    for (size_t w = 0; w < composite.size(); ++w) {
      if (!composite[w].IsIdentity()) continue;
      return Reject("trustee.key-degenerate",
                    Cat("the key of pick ", w + 1, " of contest ", contest.id, " is the identity"));
    }
  }
  return absl::OkStatus();
}

/// Precondition: all trustees dealt.
std::vector<crypto::Deal> DealsOf(const std::vector<std::optional<Dealt>>& dealt) {
  std::vector<crypto::Deal> deals;
  for (const auto& one : dealt) deals.push_back(one->deal);
  return deals;
}

}  // namespace

// --- Checks that need no state -----------------------------------------------------------------

namespace {

struct Decoded {
  Payload payload;
  std::optional<crypto::DecodedBallot> ballot;
  std::vector<crypto::vartime::Element> of_register;  // kRegisterPart: see DecodeRegisterPart
};

/// All but a ballot's own bytes.
absl::StatusOr<Decoded> Decode(const Definition* definition, const PollContext* context,
                               const RawPayload& raw) {
  Decoded decoded;
  if (raw.kind == static_cast<uint8_t>(RecordKind::kRegisterPart)) {
    URNA_ASSIGN_OR_RETURN(decoded.payload, DecodeRegisterPart(raw.bytes, &decoded.of_register));
    return decoded;
  }
  URNA_ASSIGN_OR_RETURN(decoded.payload, DecodePayload(raw.kind, raw.bytes, definition));
  if (context == nullptr && std::holds_alternative<BallotCast>(decoded.payload)) {
    return Reject("ballot.not-open", "a ballot before the poll was opened");
  }
  return decoded;
}

std::vector<absl::StatusOr<Decoded>> DecodeAll(const Definition* definition,
                                               const PollContext* context,
                                               std::span<const RawPayload> payloads) {
  std::vector<absl::StatusOr<Decoded>> decoded;
  decoded.reserve(payloads.size());
  std::vector<crypto::EncodedBallot> ballots;
  std::vector<size_t> owners;
  for (size_t i = 0; i < payloads.size(); ++i) {
    decoded.push_back(Decode(definition, context, payloads[i]));
    if (!decoded[i].ok()) continue;
    const auto* cast = std::get_if<BallotCast>(&decoded[i]->payload);
    if (cast == nullptr) continue;
    ballots.push_back({&context->styles[cast->style].shape, cast->ballot});
    owners.push_back(i);
  }
  auto of_ballots = crypto::DecodeBallots(ballots);
  for (size_t b = 0; b < ballots.size(); ++b) {
    if (of_ballots[b].ok()) {
      decoded[owners[b]]->ballot = *std::move(of_ballots[b]);
    } else {
      decoded[owners[b]] = of_ballots[b].status();
    }
  }
  return decoded;
}

/// Entries of registers, those of several parts in one batch.
void CheckRegisterParts(const PollContext* context, std::span<absl::StatusOr<Decoded>> decoded) {
  struct Part {
    absl::StatusOr<Decoded>* decoded;
    size_t first, count;  // of `issuances`: its entries before one of an unknown style
  };
  std::vector<Part> parts;
  std::vector<crypto::IssuanceToVerify> issuances;
  for (absl::StatusOr<Decoded>& one : decoded) {
    if (!one.ok()) continue;
    const auto* part = std::get_if<RegisterPart>(&one->payload);
    if (part == nullptr) continue;
    if (context == nullptr) {
      one = Reject("record.out-of-order", "a register part before the poll was opened");
      continue;
    }
    if (part->issuer >= context->definition->issuers.size()) {
      one = Reject("register.issuer-unknown", Cat("issuer ", part->issuer));
      continue;
    }
    const size_t first = issuances.size();
    std::span<const crypto::vartime::Element> elements = one->of_register;
    for (const RegisterEntry& entry : part->entries) {
      if (entry.style >= context->styles.size()) break;
      issuances.push_back({&context->styles[entry.style].issuers[part->issuer], &entry.credential,
                           &entry.offer, &entry.c, &entry.answer, &entry.signature,
                           elements.first(kRegisterEntryPoints)});
      elements = elements.subspan(kRegisterEntryPoints);
    }
    parts.push_back({&one, first, issuances.size() - first});
  }
  const std::vector<absl::Status> verdicts = crypto::VerifyIssuances(issuances);
  for (const Part& part : parts) {
    const std::vector<RegisterEntry>& entries =
        std::get<RegisterPart>((*part.decoded)->payload).entries;
    size_t i = 0;
    while (i < part.count && verdicts[part.first + i].ok()) ++i;
    if (i < part.count) {
      *part.decoded = base::Annotate(
          verdicts[part.first + i],
          Cat("entry ", i, ", credential ", base::Hex(entries[i].credential.bytes())));
    } else if (i < entries.size()) {
      *part.decoded =
          Reject("register.style-unknown", Cat("entry ", i, ": style ", entries[i].style));
    }
  }
}

void CheckBallotProofs(const PollContext* context, crypto::Together together,
                       std::span<absl::StatusOr<Decoded>> decoded) {
  std::vector<crypto::BallotToCheck> ballots;
  std::vector<absl::StatusOr<Decoded>*> owners;
  for (absl::StatusOr<Decoded>& one : decoded) {
    if (!one.ok() || !one->ballot.has_value()) continue;
    const auto& cast = std::get<BallotCast>(one->payload);
    ballots.push_back({&context->styles[cast.style], &one->ballot->ballot, one->ballot->elements});
    owners.push_back(&one);
  }
  const std::vector<absl::Status> verdicts = crypto::CheckBallots(ballots, together);
  for (size_t b = 0; b < ballots.size(); ++b) {
    if (!verdicts[b].ok()) *owners[b] = verdicts[b];
  }
}

}  // namespace

/// The one maker of CheckedPayload.
struct PayloadChecks {
  static std::vector<absl::StatusOr<CheckedPayload>> Take(
      std::vector<absl::StatusOr<Decoded>> decoded, std::span<const RawPayload> payloads) {
    std::vector<absl::StatusOr<CheckedPayload>> checked;
    checked.reserve(payloads.size());
    for (size_t i = 0; i < payloads.size(); ++i) {
      if (!decoded[i].ok()) {
        checked.push_back(decoded[i].status());
      } else {
        checked.push_back(CheckedPayload(std::move(decoded[i]->payload),
                                         std::move(decoded[i]->ballot),
                                         crypto::HashSha256(payloads[i].bytes)));
      }
    }
    return checked;
  }
};

std::vector<absl::StatusOr<CheckedPayload>> CheckPayloads(const Definition* definition,
                                                          const PollContext* context,
                                                          std::span<const RawPayload> payloads,
                                                          crypto::Together together) {
  auto decoded = DecodeAll(definition, context, payloads);
  CheckRegisterParts(context, decoded);
  CheckBallotProofs(context, together, decoded);
  return PayloadChecks::Take(std::move(decoded), payloads);
}

std::vector<absl::StatusOr<CheckedPayload>> DecodeStored(const Definition* definition,
                                                         const PollContext* context,
                                                         std::span<const RawPayload> payloads) {
  return PayloadChecks::Take(DecodeAll(definition, context, payloads), payloads);
}

absl::StatusOr<CheckedPayload> DecodeStored(const Definition* definition,
                                            const PollContext* context, const RawPayload& payload) {
  return std::move(DecodeStored(definition, context, std::span(&payload, 1))[0]);
}

// --- Names ---------------------------------------------------------------------------------------

std::string PhaseName(Phase phase) {
  switch (phase) {
    case Phase::kEmpty:
      return "empty";
    case Phase::kDefining:
      return "defining";
    case Phase::kRoll:
      return "waiting for the roll";
    case Phase::kIssuers:
      return "waiting for the issuers";
    case Phase::kJoining:
      return "waiting for the trustees to join";
    case Phase::kDealing:
      return "waiting for the trustees to deal";
    case Phase::kConfirming:
      return "waiting for the trustees to confirm";
    case Phase::kReady:
      return "ready to open";
    case Phase::kOpen:
      return "open";
    case Phase::kPaused:
      return "paused";
    case Phase::kEnded:
      return "ended";
    case Phase::kClosed:
      return "closed";
    case Phase::kCertified:
      return "certified";
    case Phase::kFailed:
      return "key ceremony failed";
    case Phase::kCancelled:
      return "cancelled";
  }
  return "unknown";
}

std::string EncodeCertificate(const Result& result) {
  base::Writer w;
  w.U64(result.entitled).U64(result.ballots).U64(result.paper_cards);
  w.U8(result.registers_complete ? 1 : 0);
  for (const ContestResult& contest : result.contests) {
    w.U64(contest.entitled).U64(contest.ballots).U64(contest.paper_cards);
    w.U8(contest.withheld ? 1 : 0);
    if (contest.withheld) continue;
    for (const uint64_t votes : contest.online) w.U64(votes);
    for (const uint64_t votes : contest.paper) w.U64(votes);
    const counting::ContestOutcome& outcome = contest.outcome;
    w.U64(outcome.valid).U64(outcome.invalid);
    w.U8(outcome.quorum_met ? 1 : 0).U8(static_cast<uint8_t>(outcome.verdict));
    w.U16(static_cast<uint16_t>(outcome.option.has_value() ? *outcome.option + 1 : 0));
    if (contest.budget == nullptr) continue;
    const counting::BudgetOutcome& budget = contest.budget->outcome;
    w.U16(static_cast<uint16_t>(budget.funded.size()));
    for (const uint32_t option : budget.funded) w.U16(static_cast<uint16_t>(option + 1));
    w.U64(budget.left).U64(budget.reserve);
  }
  return w.Take();
}

// --- State: shared checks ------------------------------------------------------------------------

State::State(ReadRecord read_record) : read_record_(std::move(read_record)) {}

absl::Status State::Apply(const CheckedPayload& payload, uint64_t time, const Hash32& leaf) {
  const Input in{payload, time, leaf};
  const absl::Status status =
      std::visit([&](const auto& p) { return On(p, in); }, payload.payload());
  if (status.ok()) Skip(leaf);
  return status;
}

void State::Skip(const Hash32& leaf) {
  if (tree_.size() == 0) poll_ = leaf;
  tree_.Append(leaf);
  last_leaf_ = leaf;
}

absl::Status State::Require(Phase phase, RecordKind kind) const {
  if (phase_ == phase) return absl::OkStatus();
  return Reject("record.out-of-order", Cat("'", KindName(static_cast<uint8_t>(kind)),
                                           "' while the poll is ", PhaseName(phase_)));
}

absl::Status State::CheckApprovals(RecordKind kind, const Approvals& approvals,
                                   std::string_view body, uint64_t size, const Hash32& root) const {
  const Definition& d = *definition_;
  for (const Approval& approval : approvals) {
    if (approval.official >= d.officials.size()) {
      return Reject("approval.official-unknown", Cat("official ", approval.official));
    }
    StepPlace place;
    place.poll = kind == RecordKind::kDefined ? Hash32{} : poll_;
    place.counter = official_steps_[approval.official];
    place.size = size;
    place.root = root;
    if (!crypto::VerifyEd25519(d.officials[approval.official].key,
                               OfficialMessage(kind, place, body), approval.signature)) {
      return Reject("approval.signature-invalid",
                    Cat("the approval of ", d.officials[approval.official].name,
                        " is not a signature of this step at this place"));
    }
  }
  if (approvals.size() < d.officials_needed) {
    return Reject("approval.too-few", Cat(approvals.size(), " officials approved, ",
                                          d.officials_needed, " are needed"));
  }
  return absl::OkStatus();
}

absl::Status State::CheckStep(const Payload& payload, const Approvals& approvals) const {
  return CheckApprovals(KindOf(payload), approvals, PayloadBody(payload), size(), root());
}

absl::Status State::CheckParticipant(std::string_view role, const crypto::Ed25519Public& key,
                                     const Payload& payload, uint64_t index, uint64_t counter,
                                     const crypto::Ed25519Signature& signature) const {
  const RecordKind kind = KindOf(payload);
  const std::string message =
      ParticipantMessage(role, kind, poll_, index, counter, PayloadBody(payload));
  if (crypto::VerifyEd25519(key, message, signature)) return absl::OkStatus();
  return Reject(Cat(role, ".signature-invalid"),
                Cat("'", KindName(static_cast<uint8_t>(kind)), "' of ", role, " ", index,
                    " is not signed by its key at this place"));
}

void State::CountSteps(const Approvals& approvals) {
  for (const Approval& approval : approvals) ++official_steps_[approval.official];
}

StepPlace State::PlaceFor(RecordKind kind, uint32_t official) const {
  StepPlace place;
  place.poll = kind == RecordKind::kDefined ? Hash32{} : poll_;
  place.counter = official < official_steps_.size() ? official_steps_[official] : 0;
  place.size = size();
  place.root = root();
  return place;
}

uint64_t State::IssuerCounter(uint32_t issuer) const { return issuer_records_.at(issuer); }
uint64_t State::TrusteeCounter(uint32_t trustee) const {
  return trustee_records_.at(Index(trustee));
}

// --- Definition and roll -------------------------------------------------------------------------

absl::Status State::On(const Defined& p, const Input&) {
  URNA_RETURN_IF_ERROR(Require(Phase::kEmpty, RecordKind::kDefined));
  if (size() != 0) return Reject("record.out-of-order", "'defined' is not the first record");
  if (p.length == 0 || p.length > kMaxDefinitionBytes) {
    return Reject("definition.invalid", Cat("a definition of ", p.length, " bytes; 1 to ",
                                            kMaxDefinitionBytes, " are allowed"));
  }
  defined_ = p;
  phase_ = Phase::kDefining;
  return absl::OkStatus();
}

absl::Status State::On(const DefinitionPart& p, const Input&) {
  URNA_RETURN_IF_ERROR(Require(Phase::kDefining, RecordKind::kDefinitionPart));
  if (definition_json_.size() + p.text.size() > defined_.length) {
    return Reject("definition.invalid", "more bytes than record 0 announced");
  }
  if (definition_json_.size() + p.text.size() < defined_.length) {
    if (p.text.size() != ledger::kMaxPayloadBytes) {
      return Reject("definition.invalid", "a part that is not the last is not full");
    }
    definition_json_ += p.text;
    return absl::OkStatus();
  }
  const std::string json = definition_json_ + p.text;
  if (crypto::HashSha256(json) != defined_.sha256) {
    return Reject("definition.hash", "the definition is not the one whose hash record 0 carries");
  }
  URNA_ASSIGN_OR_RETURN(Definition definition, ParseDefinition(json));
  definition_ = std::make_shared<const Definition>(std::move(definition));
  const Definition& d = *definition_;
  official_steps_.assign(d.officials.size(), 0);
  const absl::Status approved = CheckApprovals(RecordKind::kDefined, defined_.approvals,
                                               PayloadBody(defined_), 0, ledger::EmptyRoot());
  if (!approved.ok()) {
    definition_.reset();
    official_steps_.clear();
    return approved;
  }
  definition_json_ = json;
  CountSteps(defined_.approvals);
  styles_.assign(d.styles.size(), StyleCount());
  issuer_keys_.assign(d.issuers.size(), std::nullopt);
  issuer_records_.assign(d.issuers.size(), 0);
  joined_.assign(d.trustees.size(), std::nullopt);
  dealt_.assign(d.trustees.size(), std::nullopt);
  confirmed_.assign(d.trustees.size(), false);
  trustee_records_.assign(d.trustees.size(), 0);
  end_ = d.end;
  for (uint32_t c = 0; c < d.contests.size(); ++c) {
    sums_.emplace_back(1 + crypto::SlotCount(d.contests[c].rule));
    if (d.contests[c].tally == TallyKind::kMixed) mixed_.try_emplace(c);
  }
  issued_.assign(d.issuers.size(), std::vector<uint64_t>(d.styles.size(), 0));
  last_count_done_.assign(d.issuers.size(), false);
  Register awaited;
  awaited.per_style.assign(d.styles.size(), 0);
  registers_.assign(d.issuers.size(), awaited);
  paper_.assign(d.styles.size(), std::nullopt);
  phase_ = Phase::kRoll;
  return absl::OkStatus();
}

absl::Status State::On(const RollPart& p, const Input& in) {
  URNA_RETURN_IF_ERROR(Require(Phase::kRoll, RecordKind::kRollPart));
  if (!roll_part_full_) {
    return Reject("roll.invalid", "a part that is not the last is not full");
  }
  const Point* last = roll_.empty() ? nullptr : &roll_.back().credential;
  for (const RollEntry& entry : p.entries) {
    if (last != nullptr && !(last->view() < entry.credential.view())) {
      return Reject(*last == entry.credential ? "roll.credential-twice" : "roll.order",
                    Cat("credential ", base::Hex(entry.credential.bytes()),
                        " is not above the one before it"));
    }
    if (entry.style >= definition_->styles.size()) {
      return Reject("roll.style-unknown", Cat("credential ", base::Hex(entry.credential.bytes()),
                                              " has style ", entry.style));
    }
    last = &entry.credential;
  }
  if (roll_parts_.empty()) {
    roll_start_size_ = size();
    roll_start_root_ = root();
  }
  roll_part_full_ = p.entries.size() == kRollEntriesPerPart;
  roll_parts_.push_back(in.checked.hash());
  for (const RollEntry& entry : p.entries) ++styles_[entry.style].roll;
  roll_.insert(roll_.end(), p.entries.begin(), p.entries.end());
  return absl::OkStatus();
}

absl::Status State::On(const RollSealed& p, const Input&) {
  URNA_RETURN_IF_ERROR(Require(Phase::kRoll, RecordKind::kRollSealed));
  if (roll_.empty()) return Reject("roll.invalid", "the roll is empty");
  if (p.count != roll_.size() || p.parts_sha256 != PartsHash(roll_parts_)) {
    return Reject("roll.hash", "the sealed roll is not the roll of the parts");
  }
  URNA_RETURN_IF_ERROR(CheckApprovals(RecordKind::kRollSealed, p.approvals, PayloadBody(p),
                                      roll_start_size_, roll_start_root_));
  CountSteps(p.approvals);
  course_.persons_sha256 = p.persons_sha256;
  phase_ = Phase::kIssuers;
  return absl::OkStatus();
}

// --- Issuers and trustees ------------------------------------------------------------------------

std::string State::TrusteeName(uint32_t trustee) const {
  return Cat("trustee ", trustee, " (", definition_->trustees.at(Index(trustee)).name, ")");
}

absl::Status State::On(const IssuerJoined& p, const Input&) {
  URNA_RETURN_IF_ERROR(Require(Phase::kIssuers, RecordKind::kIssuerJoined));
  if (p.issuer >= issuer_keys_.size()) {
    return Reject("issuer.unknown", Cat("issuer ", p.issuer));
  }
  if (issuer_keys_[p.issuer].has_value()) {
    return Reject("issuer.twice", Cat("issuer ", p.issuer, " joined before"));
  }
  for (const auto& key : issuer_keys_) {
    if (key == p.X) return Reject("issuer.key-repeated", "two issuers with one key");
  }
  URNA_RETURN_IF_ERROR(CheckParticipant("issuer", definition_->issuers[p.issuer].key, p, p.issuer,
                                        issuer_records_[p.issuer], p.signature));
  URNA_RETURN_IF_ERROR(crypto::VerifyIssuer(p.X, p.possession, poll_, p.issuer));
  issuer_keys_[p.issuer] = p.X;
  ++issuer_records_[p.issuer];
  if (std::ranges::all_of(issuer_keys_, [](const auto& key) { return key.has_value(); })) {
    phase_ = Phase::kJoining;
  }
  return absl::OkStatus();
}

absl::Status State::On(const TrusteeJoined& p, const Input&) {
  URNA_RETURN_IF_ERROR(Require(Phase::kJoining, RecordKind::kTrusteeJoined));
  if (p.trustee < 1 || p.trustee > joined_.size()) {
    return Reject("trustee.unknown", Cat("trustee ", p.trustee));
  }
  if (joined_[Index(p.trustee)].has_value()) {
    return Reject("trustee.twice", Cat("trustee ", p.trustee, " joined before"));
  }
  URNA_RETURN_IF_ERROR(crypto::CheckSealKey(p.seal_key));
  for (const auto& other : joined_) {
    if (other.has_value() &&
        (other->seal_key == p.seal_key || other->deal_commitment == p.deal_commitment)) {
      return Reject("trustee.key-repeated",
                    Cat("trustee ", p.trustee, " repeats what trustee ", other->trustee, " sent"));
    }
  }
  URNA_RETURN_IF_ERROR(CheckParticipant("trustee", definition_->trustees[Index(p.trustee)].key, p,
                                        p.trustee, trustee_records_[Index(p.trustee)],
                                        p.signature));
  joined_[Index(p.trustee)] = p;
  ++trustee_records_[Index(p.trustee)];
  if (std::ranges::all_of(joined_, [](const auto& j) { return j.has_value(); })) {
    phase_ = Phase::kDealing;
  }
  return absl::OkStatus();
}

absl::Status State::On(const Dealt& p, const Input&) {
  URNA_RETURN_IF_ERROR(Require(Phase::kDealing, RecordKind::kDealt));
  if (p.trustee < 1 || p.trustee > dealt_.size()) {
    return Reject("trustee.unknown", Cat("trustee ", p.trustee));
  }
  if (dealt_[Index(p.trustee)].has_value()) {
    return Reject("trustee.twice", Cat("trustee ", p.trustee, " dealt before"));
  }
  const Definition& d = *definition_;
  URNA_RETURN_IF_ERROR(CheckParticipant("trustee", d.trustees[Index(p.trustee)].key, p, p.trustee,
                                        trustee_records_[Index(p.trustee)], p.signature));
  if (crypto::DealCommitment(poll_, p.trustee, d.trustees_needed, p.deal) !=
      joined_[Index(p.trustee)]->deal_commitment) {
    return Reject("trustee.deal-changed",
                  Cat("trustee ", p.trustee, " did not deal what it committed to on joining"));
  }
  URNA_RETURN_IF_ERROR(crypto::VerifyDeal(poll_, p.trustee, d.keys(), d.trustees_needed, p.deal));
  std::vector<std::optional<Dealt>> dealt = dealt_;
  dealt[Index(p.trustee)] = p;
  if (std::ranges::all_of(dealt, [](const auto& x) { return x.has_value(); })) {
    URNA_ASSIGN_OR_RETURN(const std::vector<Point> keys, crypto::ElectionKeys(DealsOf(dealt)));
    URNA_RETURN_IF_ERROR(CheckCompositeKeys(d, keys));
  }
  dealt_ = std::move(dealt);
  if (std::ranges::all_of(dealt_, [](const auto& x) { return x.has_value(); })) {
    SetPublicShares();
    phase_ = Phase::kConfirming;
  }
  ++trustee_records_[Index(p.trustee)];
  return absl::OkStatus();
}

void State::SetPublicShares() {
  const std::vector<crypto::Deal> deals = DealsOf(dealt_);
  for (uint32_t i = 1; i <= deals.size(); ++i) {
    public_shares_.push_back(crypto::PublicShares(deals, i));
  }
}

absl::Status State::On(const Confirmed& p, const Input&) {
  URNA_RETURN_IF_ERROR(Require(Phase::kConfirming, RecordKind::kConfirmed));
  if (p.trustee < 1 || p.trustee > confirmed_.size()) {
    return Reject("trustee.unknown", Cat("trustee ", p.trustee));
  }
  if (confirmed_[Index(p.trustee)]) {
    return Reject("trustee.twice", Cat("trustee ", p.trustee, " confirmed before"));
  }
  URNA_RETURN_IF_ERROR(CheckParticipant("trustee", definition_->trustees[Index(p.trustee)].key, p,
                                        p.trustee, trustee_records_[Index(p.trustee)],
                                        p.signature));
  const std::vector<Point> base = {Point::Base()};
  const crypto::DecryptionStatement statement{.opening = poll_,
                                              .closed = poll_,
                                              .contest = "self-test",
                                              .trustee = p.trustee,
                                              .R = base,
                                              .P = public_shares_[Index(p.trustee)]};
  URNA_RETURN_IF_ERROR(base::Annotate(crypto::VerifyDecryptionShare(statement, p.self_test),
                                      TrusteeName(p.trustee)));
  confirmed_[Index(p.trustee)] = true;
  ++trustee_records_[Index(p.trustee)];
  if (std::ranges::all_of(confirmed_, [](bool c) { return c; })) phase_ = Phase::kReady;
  return absl::OkStatus();
}

absl::Status State::On(const Complained& p, const Input&) {
  URNA_RETURN_IF_ERROR(Require(Phase::kConfirming, RecordKind::kComplained));
  const size_t n = joined_.size();
  if (p.trustee < 1 || p.trustee > n || p.dealer < 1 || p.dealer > n) {
    return Reject("trustee.unknown", Cat("trustee ", p.trustee, ", dealer ", p.dealer));
  }
  if (confirmed_[Index(p.trustee)]) {
    return Reject("trustee.twice", Cat("trustee ", p.trustee, " confirmed before"));
  }
  URNA_RETURN_IF_ERROR(CheckParticipant("trustee", definition_->trustees[Index(p.trustee)].key, p,
                                        p.trustee, trustee_records_[Index(p.trustee)],
                                        p.signature));
  base::Bytes32 secret = p.seal_secret;
  const auto key = crypto::SealKey::FromSecret(crypto::Secret<base::Bytes32>(secret));
  if (key.public_key != joined_[Index(p.trustee)]->seal_key) {
    return Reject("trustee.complaint-invalid",
                  Cat("trustee ", p.trustee, " revealed a secret that is not its ceremony key's"));
  }
  const Dealt& dealt = *dealt_[Index(p.dealer)];
  const bool dealer_honest =
      crypto::OpenShares(key, p.trustee, dealt.deal, dealt.sealed[Index(p.trustee)]).ok();
  complaint_ =
      Cat(TrusteeName(p.trustee), " complained about the shares of ", TrusteeName(p.dealer),
          "; at fault is ", TrusteeName(dealer_honest ? p.trustee : p.dealer), ", who ",
          dealer_honest ? "complained about correct shares" : "sent wrong shares");
  reason_ = complaint_;
  ++trustee_records_[Index(p.trustee)];
  phase_ = Phase::kFailed;
  return absl::OkStatus();
}

absl::Status State::On(const Opened& p, const Input& in) {
  URNA_RETURN_IF_ERROR(Require(Phase::kReady, RecordKind::kOpened));
  // Whether the lost records opened it, nobody knows; tokens of two openings would exist.
  if (!course_.losses.empty()) {
    return Reject("loss.before-opening",
                  "records were lost before the poll was opened; it can only be cancelled");
  }
  URNA_RETURN_IF_ERROR(CheckStep(p, p.approvals));
  URNA_RETURN_IF_ERROR(SetContext(in.leaf));
  CountSteps(p.approvals);
  phase_ = Phase::kOpen;
  return absl::OkStatus();
}

absl::Status State::SetContext(const Hash32& opening) {
  auto context = std::make_shared<PollContext>();
  context->definition = definition_;
  context->poll = poll_;
  context->opening = opening;
  URNA_ASSIGN_OR_RETURN(context->keys, crypto::ElectionKeys(DealsOf(dealt_)));
  for (uint32_t s = 0; s < definition_->styles.size(); ++s) {
    crypto::BallotContext style{opening, definition_->Shape(s), context->keys, {}};
    for (const auto& X : issuer_keys_) {
      style.issuers.emplace_back(opening, definition_->styles[s].id, *X);
    }
    context->styles.push_back(std::move(style));
  }
  context_ = std::move(context);
  return absl::OkStatus();
}

// --- Voting --------------------------------------------------------------------------------------

absl::Status State::On(const BallotCast& p, const Input& in) {
  if (phase_ == Phase::kPaused) return Reject("ballot.paused", "the poll is paused");
  if (phase_ != Phase::kOpen) {
    const bool over =
        phase_ == Phase::kEnded || phase_ == Phase::kClosed || phase_ == Phase::kCertified;
    return over ? Reject("poll.ended", "the poll has ended")
                : Reject("ballot.not-open", Cat("the poll is ", PhaseName(phase_)));
  }
  if (in.time % kHour != 0) {
    return Reject("ballot.time", "the time of a ballot is not rounded down to the hour");
  }
  if (in.time + kHour <= definition_->casting_from || in.time >= end_) {
    return Reject("ballot.time",
                  Cat("cast at ", base::FormatUtc(in.time), ", outside the time of casting"));
  }
  const crypto::Ballot& ballot = in.checked.ballot_->ballot;
  const auto found = ballots_.find(ballot.ballot_key);
  const bool again = found != ballots_.end();
  if (again) {
    const BallotEntry& entry = found->second;
    if (!definition_->revoting) {
      return Reject("ballot.already-voted", "this poll allows one ballot for each ballot key");
    }
    if (entry.style != p.style) {
      return Reject("ballot.style-changed", Cat("style ", p.style, " after ", entry.style));
    }
    if (ballot.revision <= entry.revision) {
      return Reject("ballot.revision-repeated",
                    Cat("revision ", ballot.revision, "; the last recorded is ", entry.revision));
    }
    URNA_ASSIGN_OR_RETURN(const std::string bytes,
                          ReadBack({entry.index, entry.payload_hash}, RecordKind::kBallotCast));
    URNA_ASSIGN_OR_RETURN(
        const Payload old,
        DecodePayload(static_cast<uint8_t>(RecordKind::kBallotCast), bytes, definition_.get()));
    const crypto::EncodedBallot encoded{&context_->styles[p.style].shape,
                                        std::get<BallotCast>(old).ballot};
    const auto old_ballot = std::move(crypto::DecodeBallots({&encoded, 1})[0]);
    URNA_RETURN_IF_ERROR(old_ballot.status());
    AddBallot(*old_ballot, p.style, /*add=*/false);
    if (!entry.again) ++styles_[p.style].again;
  } else {
    ++styles_[p.style].keys;
  }
  AddBallot(*in.checked.ballot_, p.style, /*add=*/true);
  ballots_[ballot.ballot_key] = {size(), in.checked.hash(), p.style, ballot.revision, again};
  ++styles_[p.style].records;
  ++ballot_records_;
  return absl::OkStatus();
}

absl::StatusOr<std::string> State::ReadBack(const StoredPart& part, RecordKind kind) const {
  const auto bytes = read_record_(part.index);
  auto record = bytes.ok() ? ledger::DecodeRecord(*bytes) : bytes.status();
  // What storage gives back wrong is a failure, never a verdict on the record to come.
  if (!record.ok() && base::RejectId(record.status()).empty()) return record.status();
  if (!record.ok() || record->kind != static_cast<uint8_t>(kind) ||
      crypto::HashSha256(record->payload) != part.payload_hash) {
    return base::Failure(absl::StatusCode::kDataLoss,
                         Cat("record ", part.index, " changed since it was applied"));
  }
  return std::move(record->payload);
}

void State::AddBallot(const crypto::DecodedBallot& decoded, uint16_t style, bool add) {
  // The ciphertexts follow the ballot key.
  auto next = decoded.elements.begin() + 1;
  for (const uint32_t contest : definition_->styles[style].contests) {
    for (crypto::vartime::Element& sum : sums_[contest]) {
      sum = add ? sum + *next : sum - *next;
      ++next;
    }
  }
}

crypto::Ciphertext State::Aggregate(uint32_t contest) const {
  const std::vector<Point> points = crypto::ToPoints(sums_.at(contest));
  return {points.front(), {points.begin() + 1, points.end()}};
}

absl::Status State::On(const IssuanceCounted& p, const Input&) {
  if (phase_ != Phase::kOpen && phase_ != Phase::kPaused && phase_ != Phase::kEnded) {
    return Require(Phase::kOpen, RecordKind::kIssuanceCounted);
  }
  if (p.issuer >= issued_.size()) return Reject("issuer.unknown", Cat("issuer ", p.issuer));
  if (last_count_done_[p.issuer]) {
    return Reject("issuance.after-last", Cat("issuer ", p.issuer, " gave its last count before"));
  }
  URNA_RETURN_IF_ERROR(CheckParticipant("issuer", definition_->issuers[p.issuer].key, p, p.issuer,
                                        issuer_records_[p.issuer], p.signature));
  for (size_t s = 0; s < p.tokens.size(); ++s) {
    if (p.tokens[s] < issued_[p.issuer][s]) {
      return Reject("issuance.decreased",
                    Cat("style ", s, ": ", p.tokens[s], " after ", issued_[p.issuer][s]));
    }
    if (p.tokens[s] > styles_[s].roll) {
      return Reject("issuance.exceeds-roll", Cat("style ", s, ": ", p.tokens[s], " tokens for ",
                                                 styles_[s].roll, " on the roll"));
    }
    if (phase_ == Phase::kEnded && p.tokens[s] < styles_[s].keys) {
      return Reject(
          "issuance.fewer-than-ballots",
          Cat("style ", s, ": ", p.tokens[s], " tokens for ", styles_[s].keys, " ballot keys"));
    }
  }
  issued_[p.issuer] = p.tokens;
  ++issuer_records_[p.issuer];
  if (phase_ == Phase::kEnded) last_count_done_[p.issuer] = true;
  return absl::OkStatus();
}

absl::Status State::On(const Paused& p, const Input& in) {
  URNA_RETURN_IF_ERROR(Require(Phase::kOpen, RecordKind::kPaused));
  URNA_RETURN_IF_ERROR(CheckStep(p, p.approvals));
  CountSteps(p.approvals);
  reason_ = p.reason;
  course_.pauses.push_back({in.time, std::nullopt, p.reason});
  phase_ = Phase::kPaused;
  return absl::OkStatus();
}

absl::Status State::On(const Resumed& p, const Input& in) {
  URNA_RETURN_IF_ERROR(Require(Phase::kPaused, RecordKind::kResumed));
  URNA_RETURN_IF_ERROR(CheckStep(p, p.approvals));
  CountSteps(p.approvals);
  course_.pauses.back().until = in.time;
  reason_.clear();
  phase_ = Phase::kOpen;
  return absl::OkStatus();
}

absl::Status State::On(const Extended& p, const Input& in) {
  if (phase_ != Phase::kPaused) {
    URNA_RETURN_IF_ERROR(Require(Phase::kOpen, RecordKind::kExtended));
  }
  if (in.time >= end_) {
    return Reject("extension.late", Cat("extended at ", base::FormatUtc(in.time),
                                        ", but voting ended at ", base::FormatUtc(end_)));
  }
  if (p.end <= end_ || p.end > definition_->latest_end) {
    return Reject("extension.end", Cat("the new end ", base::FormatUtc(p.end),
                                       " is not after the present end ", base::FormatUtc(end_),
                                       " and at most ", base::FormatUtc(definition_->latest_end)));
  }
  if (p.reason.empty()) return Reject("extension.reason", "an extension needs a reason");
  URNA_RETURN_IF_ERROR(CheckStep(p, p.approvals));
  CountSteps(p.approvals);
  course_.extensions.push_back({in.time, end_, p.end, p.reason});
  end_ = p.end;
  return absl::OkStatus();
}

absl::Status State::On(const CredentialReplaced& p, const Input&) {
  if (phase_ != Phase::kPaused) {
    URNA_RETURN_IF_ERROR(Require(Phase::kOpen, RecordKind::kCredentialReplaced));
  }
  if (replaced_.contains(p.old_credential)) {
    return Reject("replacement.old-replaced", "the old credential was replaced before");
  }
  const auto slot = RollSlot(p.old_credential);
  if (!slot.ok()) {
    return Reject("replacement.old-unknown", "the old credential is not on the roll");
  }
  if (RollSlot(p.new_credential).ok()) {
    return Reject("replacement.new-known", "the new credential is on the roll already");
  }
  URNA_RETURN_IF_ERROR(CheckStep(p, p.approvals));
  CountSteps(p.approvals);
  replaced_[p.old_credential] = p.new_credential;
  replacements_[p.new_credential] = {*slot, p.old_credential};
  ++styles_[roll_[*slot].style].replaced;
  return absl::OkStatus();
}

absl::Status State::On(const Ended& p, const Input& in) {
  if (phase_ != Phase::kPaused) URNA_RETURN_IF_ERROR(Require(Phase::kOpen, RecordKind::kEnded));
  if (p.end != end_ || in.time < end_) {
    return Reject("poll.ended-early", Cat("ended at ", base::FormatUtc(in.time),
                                          ", the end in force is ", base::FormatUtc(end_)));
  }
  URNA_RETURN_IF_ERROR(
      CheckParticipant("ballot-box", definition_->ballot_box.key, p, 0, 0, p.signature));
  reason_.clear();
  phase_ = Phase::kEnded;
  return absl::OkStatus();
}

absl::Status State::On(const Closed& p, const Input& in) {
  URNA_RETURN_IF_ERROR(Require(Phase::kEnded, RecordKind::kClosed));
  for (size_t i = 0; i < last_count_done_.size(); ++i) {
    if (!last_count_done_[i]) {
      return Reject("issuance.last-missing", Cat("issuer ", i, " has not given its last count"));
    }
  }
  URNA_RETURN_IF_ERROR(CheckStep(p, p.approvals));
  CountSteps(p.approvals);
  closed_ = in.leaf;
  answered_.assign(roll_.size(), 0);
  phase_ = Phase::kClosed;
  return absl::OkStatus();
}

// --- Registers -----------------------------------------------------------------------------------

absl::StatusOr<size_t> State::RollSlot(const Point& credential) const {
  const auto replacement = replacements_.find(credential);
  if (replacement != replacements_.end()) return replacement->second.slot;
  const auto it = std::ranges::lower_bound(
      roll_, credential.view(), {}, [](const RollEntry& entry) { return entry.credential.view(); });
  if (it == roll_.end() || it->credential != credential) {
    return Reject("credential.not-on-roll",
                  Cat("credential ", base::Hex(credential.bytes()), " is not on the roll"));
  }
  return static_cast<size_t>(it - roll_.begin());
}

std::optional<uint16_t> State::StyleOf(const Point& credential) const {
  if (replaced_.contains(credential)) return std::nullopt;
  const auto slot = RollSlot(credential);
  if (!slot.ok()) return std::nullopt;
  return roll_[*slot].style;
}

std::optional<Point> State::ReplacedBy(const Point& credential) const {
  const auto it = replacements_.find(credential);
  if (it == replacements_.end()) return std::nullopt;
  return it->second.old_credential;
}

absl::Status State::On(const RegisterPart& p, const Input& in) {
  URNA_RETURN_IF_ERROR(Require(Phase::kClosed, RecordKind::kRegisterPart));
  Register& reg = registers_[p.issuer];
  if (reg.status != RegisterStatus::kAwaited) {
    return Reject("register.twice", Cat("the register of issuer ", p.issuer, " is settled"));
  }
  if (!reg.last_part_full) {
    return Reject("register.invalid", "a part that is not the last is not full");
  }
  const uint8_t bit = static_cast<uint8_t>(1 << p.issuer);
  std::vector<size_t> slots;
  slots.reserve(p.entries.size());
  std::vector<uint64_t> per_style = reg.per_style;
  std::optional<Point> last = reg.last_credential;
  for (const RegisterEntry& entry : p.entries) {
    const std::string name = Cat("credential ", base::Hex(entry.credential.bytes()));
    if (last.has_value() && !(last->view() < entry.credential.view())) {
      return Reject(*last == entry.credential ? "register.credential-twice" : "register.order",
                    Cat(name, " is not above the one before it"));
    }
    URNA_ASSIGN_OR_RETURN(const size_t slot, RollSlot(entry.credential));
    if ((answered_[slot] & bit) != 0 || std::ranges::find(slots, slot) != slots.end()) {
      return Reject("register.credential-twice",
                    Cat(name, " and the one it replaced are both in the register"));
    }
    if (roll_[slot].style != entry.style) {
      return Reject("register.style", Cat(name, " has style ", roll_[slot].style, " on the roll"));
    }
    slots.push_back(slot);
    ++per_style[entry.style];
    last = entry.credential;
  }
  for (const size_t slot : slots) answered_[slot] |= bit;
  reg.per_style = std::move(per_style);
  reg.last_credential = last;
  reg.count += p.entries.size();
  reg.last_part_full = p.entries.size() == kRegisterEntriesPerPart;
  reg.parts.push_back(in.checked.hash());
  return absl::OkStatus();
}

absl::Status State::On(const RegisterSealed& p, const Input&) {
  URNA_RETURN_IF_ERROR(Require(Phase::kClosed, RecordKind::kRegisterSealed));
  if (p.issuer >= registers_.size()) return Reject("issuer.unknown", Cat("issuer ", p.issuer));
  Register& reg = registers_[p.issuer];
  if (reg.status != RegisterStatus::kAwaited) {
    return Reject("register.twice", Cat("the register of issuer ", p.issuer, " is settled"));
  }
  URNA_RETURN_IF_ERROR(CheckParticipant("issuer", definition_->issuers[p.issuer].key, p, p.issuer,
                                        issuer_records_[p.issuer], p.signature));
  if (p.count != reg.count || p.parts_sha256 != PartsHash(reg.parts)) {
    return Reject("register.hash", "the sealed register is not the register of the parts");
  }
  for (size_t s = 0; s < reg.per_style.size(); ++s) {
    if (reg.per_style[s] != issued_[p.issuer][s]) {
      return Reject("register.count",
                    Cat("style ", s, ": ", reg.per_style[s], " entries, but the last count was ",
                        issued_[p.issuer][s]));
    }
  }
  URNA_RETURN_IF_ERROR(CheckEligibility(p.issuer));
  reg.status = RegisterStatus::kSealed;
  ++issuer_records_[p.issuer];
  return absl::OkStatus();
}

/// By style: places on the roll that are in all registers whose bits are in `mask`.
std::vector<uint64_t> State::InRegisters(uint8_t mask) const {
  std::vector<uint64_t> counts(styles_.size(), 0);
  if (mask == 0 || answered_.size() != roll_.size()) return counts;
  for (size_t slot = 0; slot < roll_.size(); ++slot) {
    if ((answered_[slot] & mask) == mask) ++counts[roll_[slot].style];
  }
  return counts;
}

std::optional<std::vector<uint64_t>> State::RegisterCounts(uint32_t issuer) const {
  const Register& reg = registers_.at(issuer);
  if (reg.status != RegisterStatus::kSealed) return std::nullopt;
  return reg.per_style;
}

std::vector<uint64_t> State::InEveryRegister() const {
  unsigned mask = 0;
  for (size_t i = 0; i < registers_.size(); ++i) {
    if (registers_[i].status == RegisterStatus::kSealed) mask |= 1U << i;
  }
  return InRegisters(static_cast<uint8_t>(mask));
}

/// Once every register is there: no more ballot keys than credentials that all issuers answered.
absl::Status State::CheckEligibility(uint32_t sealing_issuer) const {
  for (size_t i = 0; i < registers_.size(); ++i) {
    if (i != sealing_issuer && registers_[i].status != RegisterStatus::kSealed) {
      return absl::OkStatus();
    }
  }
  const std::vector<uint64_t> eligible =
      InRegisters(static_cast<uint8_t>((1 << registers_.size()) - 1));
  for (size_t s = 0; s < eligible.size(); ++s) {
    if (styles_[s].keys > eligible[s]) {
      return Reject("register.fewer-than-ballots",
                    Cat("style ", s, ": ", styles_[s].keys, " ballot keys, but only ", eligible[s],
                        " credentials are in all registers"));
    }
  }
  return absl::OkStatus();
}

absl::Status State::On(const RegisterMissing& p, const Input&) {
  URNA_RETURN_IF_ERROR(Require(Phase::kClosed, RecordKind::kRegisterMissing));
  if (p.issuer >= registers_.size()) return Reject("issuer.unknown", Cat("issuer ", p.issuer));
  if (registers_[p.issuer].status != RegisterStatus::kAwaited) {
    return Reject("register.twice", Cat("the register of issuer ", p.issuer, " is settled"));
  }
  if (p.reason.empty()) return Reject("register.reason", "a missing register needs a reason");
  URNA_RETURN_IF_ERROR(CheckStep(p, p.approvals));
  CountSteps(p.approvals);
  registers_[p.issuer].status = RegisterStatus::kMissing;
  course_.missing_registers.push_back({p.issuer, p.reason});
  return absl::OkStatus();
}

bool State::LastCountDone(uint32_t issuer) const { return last_count_done_.at(issuer); }
bool State::RegisterSettled(uint32_t issuer) const {
  return registers_.at(issuer).status != RegisterStatus::kAwaited;
}
bool State::IsRegisterMissing(uint32_t issuer) const {
  return registers_.at(issuer).status == RegisterStatus::kMissing;
}
bool State::RegistersSettled() const {
  return std::ranges::all_of(
      registers_, [](const Register& r) { return r.status != RegisterStatus::kAwaited; });
}

// --- Tally ---------------------------------------------------------------------------------------

absl::Status State::On(const Lot& p, const Input&) {
  URNA_RETURN_IF_ERROR(Require(Phase::kClosed, RecordKind::kLot));
  if (course_.lot.has_value()) return Reject("lot.twice", "the lot was drawn before");
  const bool decrypting =
      std::ranges::any_of(mixed_, [](const auto& mixed) { return !mixed.second.shares().empty(); });
  if (!shares_.empty() || decrypting) {
    return Reject("lot.late", "the lot comes after a decryption share");
  }
  URNA_RETURN_IF_ERROR(CheckStep(p, p.approvals));
  CountSteps(p.approvals);
  course_.lot = p.outcome;
  return absl::OkStatus();
}

uint64_t State::ContestBallots(uint32_t contest) const {
  uint64_t ballots = 0;
  for (size_t s = 0; s < definition_->styles.size(); ++s) {
    if (std::ranges::binary_search(definition_->styles[s].contests, contest)) {
      ballots += styles_[s].keys;
    }
  }
  return ballots;
}

bool State::NeedsDecryption(uint32_t contest) const {
  return ContestBallots(contest) >= std::max<uint64_t>(2, definition_->minimum_ballots);
}

uint64_t State::FreeForPaper(uint32_t style) const {
  return styles_[style].roll - std::min(styles_[style].roll, styles_[style].keys);
}

uint16_t State::LastRevision(const Point& ballot_key) const {
  const auto it = ballots_.find(ballot_key);
  return it == ballots_.end() ? 0 : it->second.revision;
}

bool State::AwaitsLot() const {
  return !course_.lot.has_value() && std::ranges::any_of(definition_->contests, AsksForLot);
}

bool State::HasShare(uint32_t contest, uint32_t trustee) const {
  if (const auto mixed = mixed_.find(contest); mixed != mixed_.end()) {
    return mixed->second.HasShare(trustee);
  }
  return shares_.contains({contest, trustee});
}

uint32_t State::ShareCount(uint32_t contest) const {
  if (const auto mixed = mixed_.find(contest); mixed != mixed_.end()) {
    return mixed->second.CompleteShares();
  }
  return static_cast<uint32_t>(std::ranges::count_if(
      shares_, [contest](const auto& share) { return share.first.first == contest; }));
}

absl::StatusOr<State::DecryptionInput> State::DecryptionInputFor(uint32_t contest,
                                                                 uint32_t trustee) const {
  DecryptionInput input;
  const std::vector<Point>& all = public_shares_.at(Index(trustee));
  if (!IsMixed(contest)) {
    input.R = {crypto::ToPoint(sums_.at(contest).front())};
    input.P.assign(all.begin(), all.begin() + static_cast<ptrdiff_t>(sums_[contest].size() - 1));
    return input;
  }
  URNA_ASSIGN_OR_RETURN(const crypto::VectorList vectors, MixVectors(contest));
  input.R.reserve(vectors.size());
  for (size_t b = 0; b < vectors.size(); ++b) {
    input.R.push_back(vectors.points[b * vectors.columns()]);
  }
  input.P = crypto::CompositeKeys(all, PicksOf(definition_->contests[contest]));
  return input;
}

absl::Status State::CheckTallyPlace(uint32_t contest, uint32_t trustee,
                                    std::string_view what) const {
  if (!RegistersSettled()) {
    return Reject(Cat(what, ".early"), "not before all registers are settled");
  }
  if (trustee < 1 || trustee > confirmed_.size()) {
    return Reject("trustee.unknown", Cat("trustee ", trustee));
  }
  if (contest >= definition_->contests.size()) {
    return Reject(Cat(what, ".contest-unknown"), Cat("contest ", contest));
  }
  if (!NeedsDecryption(contest)) {
    return Reject(Cat(what, ".below-minimum"),
                  Cat("contest ", definition_->contests[contest].id, " has ",
                      ContestBallots(contest), " ballots and must not be decrypted"));
  }
  return absl::OkStatus();
}

absl::Status State::On(const DecryptionPart& p, const Input& in) {
  URNA_RETURN_IF_ERROR(Require(Phase::kClosed, RecordKind::kDecryptionPart));
  URNA_RETURN_IF_ERROR(CheckTallyPlace(p.contest, p.trustee, "decryption"));
  if (AwaitsLot()) {
    return Reject("decryption.lot-missing",
                  "not before the lot that decides between tied projects was drawn");
  }
  if (IsMixed(p.contest)) return OnMixedShare(p, in);
  if (p.part != 0 || p.parts != 1) {
    return Reject("decryption.parts", "a homomorphic contest's share has one part");
  }
  if (HasShare(p.contest, p.trustee)) {
    return Reject("decryption.twice", Cat("trustee ", p.trustee, " gave its share of contest ",
                                          definition_->contests[p.contest].id, " before"));
  }
  URNA_RETURN_IF_ERROR(CheckParticipant("trustee", definition_->trustees[Index(p.trustee)].key, p,
                                        p.trustee, trustee_records_[Index(p.trustee)],
                                        p.signature));
  const auto slots = static_cast<uint32_t>(sums_[p.contest].size() - 1);
  URNA_ASSIGN_OR_RETURN(crypto::DecryptionShare share, DecodeDecryptionShare(p.data, 1, slots));
  URNA_RETURN_IF_ERROR(VerifyShare(p, share));
  shares_[{p.contest, p.trustee}] = std::move(share.D);
  ++trustee_records_[Index(p.trustee)];
  return absl::OkStatus();
}

absl::Status State::VerifyShare(const DecryptionPart& p,
                                const crypto::DecryptionShare& share) const {
  URNA_ASSIGN_OR_RETURN(const DecryptionInput input, DecryptionInputFor(p.contest, p.trustee));
  const crypto::DecryptionStatement statement{.opening = context_->opening,
                                              .closed = *closed_,
                                              .contest = definition_->contests[p.contest].id,
                                              .trustee = p.trustee,
                                              .R = input.R,
                                              .P = input.P};
  return base::Annotate(crypto::VerifyDecryptionShare(statement, share), TrusteeName(p.trustee));
}

// --- Mixed contests ------------------------------------------------------------------------------

absl::StatusOr<crypto::VectorList> State::MixVectors(uint32_t contest) const {
  const MixedTally& tally = mixed_.at(contest);
  if (tally.mixers().empty()) return CountedBallots(contest);
  return tally.Outputs(PicksOf(definition_->contests[contest]), [this](const StoredPart& part) {
    return ReadBack(part, RecordKind::kMixPart);
  });
}

/// The composite ciphertexts of the counted ballots, in the order of their records.
absl::StatusOr<crypto::VectorList> State::CountedBallots(uint32_t contest) const {
  // Enough that decoding and encoding points together pays.
  constexpr size_t kTogether = 1024;
  struct Counted {
    StoredPart record;
    uint16_t style;
  };
  std::vector<Counted> counted;
  for (const auto& [key, entry] : ballots_) {
    if (std::ranges::binary_search(definition_->styles[entry.style].contests, contest)) {
      counted.push_back({{entry.index, entry.payload_hash}, entry.style});
    }
  }
  std::ranges::sort(counted, {}, [](const Counted& one) { return one.record.index; });
  const uint32_t picks = PicksOf(definition_->contests[contest]);
  crypto::VectorList list{.width = picks, .points = {}};
  list.points.reserve(counted.size() * list.columns());
  std::vector<crypto::Ciphertext> waiting;
  for (const auto& [record, style] : counted) {
    URNA_ASSIGN_OR_RETURN(const std::string payload, ReadBack(record, RecordKind::kBallotCast));
    URNA_ASSIGN_OR_RETURN(
        const Payload cast,
        DecodePayload(static_cast<uint8_t>(RecordKind::kBallotCast), payload, definition_.get()));
    const auto at = std::ranges::find(definition_->styles[style].contests, contest) -
                    definition_->styles[style].contests.begin();
    URNA_ASSIGN_OR_RETURN(
        crypto::Ciphertext ciphertext,
        crypto::CiphertextOf(context_->styles[style].shape, std::get<BallotCast>(cast).ballot,
                             static_cast<size_t>(at)));
    waiting.push_back(std::move(ciphertext));
    if (waiting.size() == kTogether) {
      crypto::AppendComposites(waiting, picks, &list);
      waiting.clear();
    }
  }
  crypto::AppendComposites(waiting, picks, &list);
  return list;
}

crypto::MixStatement State::MixStatementFor(uint32_t contest, uint32_t trustee) const {
  const Contest& mixed = definition_->contests[contest];
  return {.opening = context_->opening,
          .closed = *closed_,
          .contest = mixed.id,
          .mixer = trustee,
          .keys = crypto::CompositeKeys(context_->keys, PicksOf(mixed))};
}

absl::Status State::On(const MixPart& p, const Input& in) { return OnMix(p, p, in); }
absl::Status State::On(const MixProofPart& p, const Input& in) { return OnMix(p, p, in); }

absl::Status State::OnMix(const MixPart& p, const Payload& payload, const Input& in) {
  const RecordKind kind = KindOf(payload);
  URNA_RETURN_IF_ERROR(Require(Phase::kClosed, kind));
  URNA_RETURN_IF_ERROR(CheckTallyPlace(p.contest, p.trustee, "mix"));
  if (!IsMixed(p.contest)) {
    return Reject("mix.contest",
                  Cat("contest ", definition_->contests[p.contest].id, " has a homomorphic tally"));
  }
  MixedTally& tally = mixed_.at(p.contest);
  URNA_RETURN_IF_ERROR(tally.CheckMixPlace(p.trustee, p.part, kind == RecordKind::kMixProofPart));
  URNA_RETURN_IF_ERROR(CheckParticipant("trustee", definition_->trustees[Index(p.trustee)].key,
                                        payload, p.trustee, trustee_records_[Index(p.trustee)],
                                        p.signature));
  URNA_RETURN_IF_ERROR(base::Annotate(
      tally.AddMixPart(MixStatementFor(p.contest, p.trustee), p, {size(), in.checked.hash()},
                       [&] { return MixVectors(p.contest); }),
      TrusteeName(p.trustee)));
  ++trustee_records_[Index(p.trustee)];
  return absl::OkStatus();
}

absl::Status State::OnMixedShare(const DecryptionPart& p, const Input& in) {
  MixedTally& tally = mixed_.at(p.contest);
  const uint64_t ballots = ContestBallots(p.contest);
  const uint32_t picks = PicksOf(definition_->contests[p.contest]);
  URNA_RETURN_IF_ERROR(tally.CheckSharePlace(p, ballots, picks, definition_->trustees_needed));
  URNA_RETURN_IF_ERROR(CheckParticipant("trustee", definition_->trustees[Index(p.trustee)].key, p,
                                        p.trustee, trustee_records_[Index(p.trustee)],
                                        p.signature));
  const bool last = p.part + 1u == p.parts;
  if (last) {
    URNA_ASSIGN_OR_RETURN(const crypto::DecryptionShare share,
                          tally.ReadShare(p.trustee, ballots, picks, p.data, ShareReader()));
    URNA_RETURN_IF_ERROR(VerifyShare(p, share));
  }
  // A part alone proves nothing; it is judged with the last.
  tally.AddSharePart(p, {size(), in.checked.hash()});
  if (last && tally.CompleteShares() == definition_->trustees_needed) {
    // If they cannot be read, whoever asks for the result is told why.
    if (auto all = DecryptPicks(p.contest); all.ok()) tally.SetPicks(*std::move(all));
  }
  ++trustee_records_[Index(p.trustee)];
  return absl::OkStatus();
}

MixedTally::ReadPart State::ShareReader() const {
  return [this](const StoredPart& part) { return ReadBack(part, RecordKind::kDecryptionPart); };
}

absl::StatusOr<std::shared_ptr<const std::vector<uint8_t>>> State::MixedPicks(
    uint32_t contest) const {
  const MixedTally& tally = mixed_.at(contest);
  if (tally.picks() != nullptr) return tally.picks();
  const Definition& d = *definition_;
  if (tally.mixers().size() < d.trustees_needed) {
    return Reject("tally.incomplete",
                  Cat("contest ", d.contests[contest].id, " has ", tally.mixers().size(), " of ",
                      d.trustees_needed, " mixes"));
  }
  URNA_RETURN_IF_ERROR(CheckShares(contest));
  URNA_ASSIGN_OR_RETURN(std::vector<uint8_t> picks, DecryptPicks(contest));
  return std::make_shared<const std::vector<uint8_t>>(std::move(picks));
}

absl::StatusOr<std::vector<uint8_t>> State::DecryptPicks(uint32_t contest) const {
  const MixedTally& tally = mixed_.at(contest);
  const uint32_t picks = PicksOf(definition_->contests[contest]);
  URNA_ASSIGN_OR_RETURN(const crypto::VectorList vectors, MixVectors(contest));
  std::vector<uint32_t> trustees;
  std::vector<std::vector<Point>> shares;
  for (const auto& [trustee, kept] : tally.shares()) {
    if (!kept.complete || trustees.size() == definition_->trustees_needed) continue;
    URNA_ASSIGN_OR_RETURN(crypto::DecryptionShare share,
                          tally.ReadShare(trustee, vectors.size(), picks, "", ShareReader()));
    trustees.push_back(trustee);
    shares.push_back(std::move(share.D));
  }
  std::vector<Point> C;
  C.reserve(vectors.size() * picks);
  for (size_t b = 0; b < vectors.size(); ++b) {
    const auto row = vectors.points.begin() + static_cast<ptrdiff_t>(b * vectors.columns());
    C.insert(C.end(), row + 1, row + static_cast<ptrdiff_t>(vectors.columns()));
  }
  URNA_ASSIGN_OR_RETURN(const std::vector<uint32_t> values,
                        crypto::DecryptSmall(C, trustees, shares, crypto::kLargestPick));
  return std::vector<uint8_t>(values.begin(), values.end());
}

absl::Status State::On(const PaperCounted& p, const Input&) {
  URNA_RETURN_IF_ERROR(Require(Phase::kClosed, RecordKind::kPaperCounted));
  if (paper_[p.style].has_value()) {
    return Reject("paper.twice", Cat("the paper of style ", p.style, " was counted before"));
  }
  const uint64_t free = FreeForPaper(p.style);
  if (p.cards > free) {
    return Reject("paper.exceeds-roll",
                  Cat(p.cards, " cards, but only ", free, " on the roll have not voted online"));
  }
  for (size_t c = 0; c < p.votes.size(); ++c) {
    const Contest& contest = definition_->contests[definition_->styles[p.style].contests[c]];
    if (p.cards > 0 && std::holds_alternative<Budget>(contest.decision) && CountsBallots(contest)) {
      return Reject("paper.ballots-needed",
                    Cat("contest ", contest.id,
                        ": its rule is counted from ballots, and paper gives only sums"));
    }
    uint64_t left = p.cards * LargestSum(contest);
    for (const uint64_t votes : p.votes[c]) {
      if (votes > p.cards * LargestMark(contest) || votes > left) {
        return Reject("paper.exceeds-cards",
                      Cat("contest ", contest.id, ": more votes than cards allow"));
      }
      left -= votes;
    }
  }
  URNA_RETURN_IF_ERROR(CheckStep(p, p.approvals));
  CountSteps(p.approvals);
  paper_[p.style] = p;
  return absl::OkStatus();
}

uint64_t State::PaperCards(uint32_t style) const {
  return paper_.at(style).has_value() ? paper_[style]->cards : 0;
}

absl::Status State::CheckShares(uint32_t contest) const {
  const uint32_t have = ShareCount(contest), needed = definition_->trustees_needed;
  if (have >= needed) return absl::OkStatus();
  return Reject("tally.incomplete", Cat("contest ", definition_->contests[contest].id, " has ",
                                        have, " of ", needed, " decryption shares"));
}

absl::Status State::CountHomomorphic(uint32_t contest, ContestResult& result) const {
  URNA_RETURN_IF_ERROR(CheckShares(contest));
  std::vector<uint32_t> trustees;
  std::vector<std::vector<Point>> decrypted;
  for (const auto& [key, D] : shares_) {
    if (key.first != contest || trustees.size() == definition_->trustees_needed) continue;
    trustees.push_back(key.second);
    decrypted.push_back(D);
  }
  const uint64_t bound = result.ballots * crypto::LargestValue(definition_->contests[contest].rule);
  const std::vector<Point> values =
      crypto::CombineDecryption(Aggregate(contest).C, trustees, decrypted);
  for (size_t o = 0; o < result.online.size(); ++o) {
    URNA_ASSIGN_OR_RETURN(result.online[o], crypto::DiscreteLogVartime(values[o], bound));
  }
  return absl::OkStatus();
}

absl::Status State::CountMixed(uint32_t contest, ContestResult& result) const {
  URNA_ASSIGN_OR_RETURN(const auto picks, MixedPicks(contest));
  const Contest& rules = definition_->contests[contest];
  const size_t width = PicksOf(rules);
  for (size_t first = 0; first < picks->size(); first += width) {
    const std::span<const uint8_t> ballot(picks->data() + first, width);
    if (WhyVoid(rules, ballot).has_value()) {
      ++result.void_ballots;
      continue;
    }
    for (size_t place = 0; place < width; ++place) {
      if (ballot[place] > 0) result.online[ballot[place] - 1u] += PointsOfPick(rules, place);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Result> State::ComputeResult() const {
  if (phase_ != Phase::kClosed && phase_ != Phase::kCertified) {
    return Reject("tally.incomplete", Cat("the poll is ", PhaseName(phase_)));
  }
  if (!RegistersSettled()) return Reject("tally.incomplete", "a register is missing");
  const Definition& d = *definition_;
  Result result;
  result.entitled = roll_.size();
  result.ballots = ballots_.size();
  result.registers_complete = std::ranges::all_of(
      registers_, [](const Register& r) { return r.status == RegisterStatus::kSealed; });
  for (const auto& paper : paper_) {
    if (paper.has_value()) result.paper_cards += paper->cards;
  }
  for (uint32_t c = 0; c < d.contests.size(); ++c) {
    ContestResult contest;
    const size_t options = d.contests[c].options.size();
    contest.online.assign(options, 0);
    contest.paper.assign(options, 0);
    for (size_t s = 0; s < d.styles.size(); ++s) {
      const auto it = std::ranges::lower_bound(d.styles[s].contests, c);
      if (it == d.styles[s].contests.end() || *it != c) continue;
      contest.entitled += styles_[s].roll;
      if (!paper_[s].has_value()) continue;
      contest.paper_cards += paper_[s]->cards;
      const auto& votes = paper_[s]->votes[static_cast<size_t>(it - d.styles[s].contests.begin())];
      for (size_t o = 0; o < options; ++o) contest.paper[o] += votes[o];
    }
    contest.ballots = ContestBallots(c);
    if (NeedsDecryption(c)) {
      URNA_RETURN_IF_ERROR(IsMixed(c) ? CountMixed(c, contest) : CountHomomorphic(c, contest));
    } else {
      contest.withheld = contest.ballots > 0;
    }
    if (!contest.withheld) {
      std::vector<uint64_t> votes = contest.online;
      for (size_t o = 0; o < options; ++o) votes[o] += contest.paper[o];
      URNA_ASSIGN_OR_RETURN(contest.outcome,
                            counting::CountContest(d.contests[c], d.quorum, contest.entitled,
                                                   contest.ballots + contest.paper_cards,
                                                   contest.void_ballots, votes));
      if (std::holds_alternative<Budget>(d.contests[c].decision) &&
          contest.outcome.verdict == counting::Verdict::kDecided) {
        std::vector<uint32_t> lot;
        if (course_.lot.has_value()) lot = LotOrder(d.contests[c], *closed_, *course_.lot);
        BudgetVotes all{.ballots = contest.outcome.valid, .points = votes, .picks = {}};
        std::shared_ptr<const std::vector<uint8_t>> picks;
        if (CountsBallots(d.contests[c]) && NeedsDecryption(c)) {
          URNA_ASSIGN_OR_RETURN(picks, MixedPicks(c));
          all.picks = *picks;
        }
        URNA_ASSIGN_OR_RETURN(BudgetCount count, CountBudgetOf(d.contests[c], d.languages.front(),
                                                               all, std::move(lot)));
        contest.budget = std::make_shared<const BudgetCount>(std::move(count));
      }
    }
    result.contests.push_back(std::move(contest));
  }
  return result;
}

void State::Conclude(const Approvals& approvals, uint64_t time) {
  course_.concluded_at = time;
  for (const Approval& approval : approvals) course_.concluded_by.push_back(approval.official);
}

absl::Status State::On(const Certified& p, const Input& in) {
  URNA_RETURN_IF_ERROR(Require(Phase::kClosed, RecordKind::kCertified));
  // Computing a result is expensive: only an official may ask for it. What is wrong with it matters
  // more than how many approved, so that the first official to sign learns it.
  const absl::Status approved = CheckStep(p, p.approvals);
  if (p.approvals.empty() || base::RejectId(approved) == "approval.signature-invalid" ||
      base::RejectId(approved) == "approval.official-unknown") {
    return approved;
  }
  URNA_ASSIGN_OR_RETURN(const Result result, ComputeResult());
  if (EncodeCertificate(result) != p.body) {
    return Reject("certificate.differs",
                  "the certified result is not the one that follows from the ledger");
  }
  URNA_RETURN_IF_ERROR(approved);
  CountSteps(p.approvals);
  Conclude(p.approvals, in.time);
  phase_ = Phase::kCertified;
  return absl::OkStatus();
}

absl::Status State::On(const Cancelled& p, const Input& in) {
  if (definition_ == nullptr || phase_ == Phase::kCertified || phase_ == Phase::kCancelled) {
    return Reject("record.out-of-order", Cat("'cancelled' while the poll is ", PhaseName(phase_)));
  }
  if (p.reason.empty()) return Reject("cancellation.reason", "cancelling needs a reason");
  URNA_RETURN_IF_ERROR(CheckStep(p, p.approvals));
  CountSteps(p.approvals);
  Conclude(p.approvals, in.time);
  reason_ = complaint_.empty() ? p.reason : Cat(p.reason, " (", complaint_, ")");
  phase_ = Phase::kCancelled;
  return absl::OkStatus();
}

// --- Losses --------------------------------------------------------------------------------------

bool State::IsLost(const ledger::Checkpoint& checkpoint) const {
  return std::ranges::any_of(course_.losses, [&](const Course::Loss& loss) {
    return std::ranges::find(loss.lost, checkpoint) != loss.lost.end();
  });
}

bool State::MayBeLost(uint64_t size) const {
  return std::ranges::any_of(course_.losses, [&](const Course::Loss& loss) {
    return size > loss.record && size <= loss.record + loss.count();
  });
}

absl::Status State::On(const LossAccepted& p, const Input&) {
  if (definition_ == nullptr || phase_ == Phase::kCertified || phase_ == Phase::kCancelled) {
    return Reject("record.out-of-order",
                  Cat("'loss accepted' while the poll is ", PhaseName(phase_)));
  }
  if (p.size != size() || p.root != root()) {
    return Reject("loss.place", Cat("is for a ledger of which ", p.size,
                                    " records are left, not for this one at this place"));
  }
  Course::Loss loss{.record = size(), .lost = {}, .reason = p.reason};
  for (const std::string& note : p.lost) {
    URNA_ASSIGN_OR_RETURN(const ledger::Checkpoint lost,
                          ledger::OpenCheckpoint(note, definition_->ballot_box));
    if (lost.size <= size()) {
      return Reject("loss.nothing-lost", Cat("a checkpoint of ", lost.size,
                                             " records is no loss: ", size(), " are here"));
    }
    if (!loss.lost.empty() &&
        std::tie(lost.size, lost.root) <= std::tie(loss.lost.back().size, loss.lost.back().root)) {
      return Reject("loss.order", "the lost checkpoints are not in ascending order");
    }
    if (IsLost(lost)) {
      return Reject("loss.twice",
                    Cat("the loss of the ledger of ", lost.size, " records was accepted before"));
    }
    loss.lost.push_back(lost);
  }
  if (p.reason.empty()) return Reject("loss.reason", "accepting a loss needs a reason");
  URNA_RETURN_IF_ERROR(CheckParticipant("ballot-box", definition_->ballot_box.key, p, 0,
                                        course_.losses.size(), p.signature));
  course_.losses.push_back(std::move(loss));
  return absl::OkStatus();
}

}  // namespace urna::poll
