#include "tests/support/election.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>

#include "base/status.h"
#include "base/text.h"
#include "crypto/decryption.h"
#include "crypto/picks.h"
#include "crypto/shuffle.h"
#include "ledger/export.h"
#include "ledger/merkle.h"
#include "ledger/receipt.h"
#include "ledger/record.h"

namespace urna::testing {
namespace {

using base::Cat;
using poll::Payload;
using poll::RecordKind;

constexpr uint64_t kStart = 1400990400;  // 2014-05-25T04:00:00Z, a full hour
constexpr uint64_t kHour = 3600;

void Must(const absl::Status& status, std::string_view what) {
  if (status.ok()) return;
  std::cerr << "test election: " << what << ": " << status << std::endl;
  std::abort();
}

template <typename T>
T Must(absl::StatusOr<T> value, std::string_view what) {
  Must(value.status(), what);
  return *std::move(value);
}

std::vector<crypto::Ed25519Key> NewKeys(uint32_t count) {
  std::vector<crypto::Ed25519Key> keys;
  for (uint32_t i = 0; i < count; ++i) keys.push_back(crypto::Ed25519Key::New());
  return keys;
}

std::string Parties(std::string_view name, const std::vector<crypto::Ed25519Key>& keys) {
  std::string out = "[";
  for (size_t i = 0; i < keys.size(); ++i) {
    out += Cat(i == 0 ? "" : ",", R"({"name":")", name, " ", i + 1, R"(","key":")",
               base::Hex(keys[i].public_key()), R"("})");
  }
  return out + "]";
}

constexpr std::string_view kQuestions = R"([
 {"id":"q1","title":{"en":"Games","pl":"Igrzyska"},
  "question":{"en":"Do you support the games?","pl":"Czy popierasz igrzyska?"},
  "options":[{"id":"tak","text":{"en":"YES","pl":"TAK"}},{"id":"nie","text":{"en":"NO","pl":"NIE"}}],
  "ballot":{"rule":"choose","min":0,"max":1},"tally":"homomorphic",
  "decision":{"rule":"majority","yes":"tak","no":"nie"}},
 {"id":"q2","title":{"en":"Metro","pl":"Metro"},
  "question":{"en":"Should a metro be built?","pl":"Czy budować metro?"},
  "options":[{"id":"tak","text":{"en":"YES","pl":"TAK"}},{"id":"nie","text":{"en":"NO","pl":"NIE"}}],
  "ballot":{"rule":"choose","min":0,"max":1},"tally":"homomorphic",
  "decision":{"rule":"majority","yes":"tak","no":"nie"}}
])";

}  // namespace

ElectionOptions WithMixedContest(uint32_t voters, uint32_t projects, uint32_t picks) {
  std::string list;
  for (uint32_t o = 1; o <= projects; ++o) {
    list += Cat(o == 1 ? "" : ",", R"({"id":"p)", o, R"(","text":{"en":"Project )", o,
                R"(","pl":"Projekt )", o, R"("}})");
  }
  ElectionOptions options;
  options.voters = voters;
  options.styles = 1;
  options.style_contests = {{"q1", "m"}};
  options.contests_json = Cat(
      R"([{"id":"q1","title":{"en":"Games","pl":"Igrzyska"},
  "question":{"en":"Do you support the games?","pl":"Czy popierasz igrzyska?"},
  "options":[{"id":"tak","text":{"en":"YES","pl":"TAK"}},{"id":"nie","text":{"en":"NO","pl":"NIE"}}],
  "ballot":{"rule":"choose","min":0,"max":1},"tally":"homomorphic",
  "decision":{"rule":"majority","yes":"tak","no":"nie"}},
 {"id":"m","title":{"en":"District","pl":"Dzielnica"},
  "question":{"en":"Which projects?","pl":"Które projekty?"},"options":[)",
      list, R"(],
  "ballot":{"rule":"picks","min":1,"max":)",
      picks, R"(,"marks":"approval"},"tally":"mixed",
  "decision":{"rule":"none"}}])");
  return options;
}

std::vector<Payload> MixPartsOf(const poll::State& state, uint32_t trustee, uint32_t contest) {
  const crypto::VectorList inputs = Must(state.MixVectors(contest), "what is mixed");
  const crypto::MixLayout layout(inputs.size(), inputs.width);
  std::vector<Payload> parts;
  const auto outputs =
      crypto::Mix(state.MixStatementFor(contest, trustee), inputs, [&](std::string_view data) {
        poll::MixPart part;
        part.trustee = static_cast<uint8_t>(trustee);
        part.contest = static_cast<uint16_t>(contest);
        part.part = static_cast<uint32_t>(parts.size());
        part.data = std::string(data);
        if (parts.size() < layout.output_parts()) {
          parts.emplace_back(std::move(part));
        } else {
          parts.emplace_back(poll::MixProofPart{std::move(part)});
        }
        return absl::OkStatus();
      });
  Must(outputs.status(), "mixing");
  return parts;
}

std::vector<poll::DecryptionPart> SharePartsOf(const poll::State& state, uint32_t trustee,
                                               uint32_t contest,
                                               std::span<const crypto::SecretScalar> secrets) {
  const auto input = Must(state.DecryptionInputFor(contest, trustee), "what is decrypted");
  const auto slots = static_cast<uint32_t>(input.P.size());
  const std::vector<crypto::SecretScalar> composites =
      state.IsMixed(contest) ? crypto::CompositeSecrets(secrets, slots)
                             : std::vector<crypto::SecretScalar>();
  const auto share =
      crypto::MakeDecryptionShare({.opening = state.context()->opening,
                                   .closed = *state.closed(),
                                   .contest = state.definition()->contests[contest].id,
                                   .trustee = trustee,
                                   .R = input.R,
                                   .P = input.P},
                                  state.IsMixed(contest) ? composites : secrets.first(slots));
  const std::vector<std::string> data = poll::SplitDecryptionShare(share, slots);
  std::vector<poll::DecryptionPart> parts(data.size());
  for (size_t i = 0; i < parts.size(); ++i) {
    parts[i].trustee = static_cast<uint8_t>(trustee);
    parts[i].contest = static_cast<uint16_t>(contest);
    parts[i].part = static_cast<uint16_t>(i);
    parts[i].parts = static_cast<uint16_t>(parts.size());
    parts[i].data = data[i];
  }
  return parts;
}

TestElection::TestElection(const ElectionOptions& options) : now(kStart), options_(options) {
  crypto::Initialize();
  if (options_.rehearsal) options_.origin += "/rehearsal";
  officials_ = NewKeys(options.officials);
  trustees_ = NewKeys(options.trustees);
  issuers_ = NewKeys(options.issuers);
  ballot_box_ = NewKeys(1);
  witnesses_ = NewKeys(options.witnesses);
  for (uint32_t i = 0; i < options.voters; ++i) {
    Voter voter;
    voter.credential = crypto::CredentialKey::New();
    voter.style = static_cast<uint16_t>(i % options.styles);
    voter.omega = crypto::NewOmega();
    voters_.push_back(std::move(voter));
  }
  answered_.resize(options.issuers);
  definition_json_ = MakeDefinition();
  state_ = std::make_unique<poll::State>(
      [this](uint64_t index) -> absl::StatusOr<std::string> { return records_.at(index); });
}

std::string TestElection::MakeDefinition() const {
  std::string styles;
  for (uint32_t s = 0; s < options_.styles; ++s) {
    std::string contests;
    const std::vector<std::string> ids = options_.style_contests.empty()
                                             ? std::vector<std::string>{"q1", "q2"}
                                             : options_.style_contests.at(s);
    for (const std::string& id : ids) contests += Cat(contests.empty() ? "" : ",", "\"", id, "\"");
    styles += Cat(s == 0 ? "" : ",", R"({"id":"style-)", s, R"(","title":{"en":"District )", s,
                  R"(","pl":"Dzielnica )", s, R"("},"contests":[)", contests, "]}");
  }
  std::string witnesses;
  for (size_t i = 0; i < witnesses_.size(); ++i) {
    witnesses += Cat(i == 0 ? "" : ",", "\"", witness_key(i).ToString(), "\"");
  }
  return Cat(
      R"({"format":"urna-definition/1","roll_label":")", options_.roll_label, R"(","rehearsal":)",
      options_.rehearsal ? "true" : "false",
      R"(,"languages":["en","pl"],"title":{"en":"Test poll","pl":"Głosowanie próbne"},)",
      R"("description":{"en":"A poll for tests.","pl":"Do testów."},"contests":)",
      options_.contests_json.empty() ? kQuestions : std::string_view(options_.contests_json),
      R"(,"styles":[)", styles,
      R"(],"quorum":{"rule":"turnout","numerator":3,"denominator":10},"officials":{"needed":)",
      options_.officials_needed, R"(,"list":)", Parties("Official", officials_),
      R"(},"trustees":{"needed":)", options_.trustees_needed, R"(,"list":)",
      Parties("Trustee", trustees_), R"(},"issuers":)", Parties("Issuer", issuers_),
      R"(,"ballot_box":{"origin":")", options_.origin, R"(","key":")",
      base::Hex(ballot_box_[0].public_key()), R"("},"witnesses":{"needed":)",
      options_.witnesses_needed, R"(,"list":[)", witnesses, R"(]},"times":{"issuing_from":")",
      base::FormatUtc(kStart), R"(","casting_from":")", base::FormatUtc(kStart), R"(","end":")",
      base::FormatUtc(kStart + 12 * kHour), R"(","latest_end":")",
      base::FormatUtc(kStart + 24 * kHour), R"("},"publish_every":)", options_.publish_every,
      R"(,"minimum_ballots":)", options_.minimum_ballots, R"(,"revoting":)",
      options_.revoting ? "true" : "false", "}");
}

ledger::NoteKey TestElection::checkpoint_key() const {
  return {options_.origin, ledger::kTypeEd25519, ballot_box_[0].public_key()};
}

ledger::NoteKey TestElection::witness_key(size_t i) const {
  return {Cat("witness.example/w", i), ledger::kTypeCosignature, witnesses_[i].public_key()};
}

std::string TestElection::Cosigned(const std::string& note,
                                   const std::vector<size_t>& witnesses) const {
  auto cosigned = Must(ledger::Note::Parse(note), "a note");
  const auto checkpoint = Must(ledger::Checkpoint::ParseBody(cosigned.text), "a checkpoint");
  for (const size_t i : witnesses) {
    cosigned.signatures.push_back(
        ledger::Cosign(checkpoint, witness_key(i).name, witnesses_[i], now));
  }
  return cosigned.ToString();
}

// --- Appending -------------------------------------------------------------------------------

void TestElection::Sign(Payload& payload) {
  const RecordKind kind = poll::KindOf(payload);
  const std::string body = poll::PayloadBody(payload);
  const auto participant = [&](std::string_view role, const crypto::Ed25519Key& key, uint64_t index,
                               uint64_t counter) {
    return key.Sign(poll::ParticipantMessage(role, kind, state_->poll(), index, counter, body));
  };
  std::visit(
      [&](auto& p) {
        using T = std::decay_t<decltype(p)>;
        if constexpr (requires { p.approvals; }) {
          p.approvals.clear();
          for (uint32_t i = 0; i < options_.officials_needed; ++i) {
            const poll::StepPlace place = state_->PlaceFor(kind, i);
            p.approvals.push_back({static_cast<uint8_t>(i),
                                   officials_[i].Sign(poll::OfficialMessage(kind, place, body))});
          }
        } else if constexpr (std::is_same_v<T, poll::Ended>) {
          p.signature = participant("ballot-box", ballot_box_[0], 0, 0);
        } else if constexpr (std::is_same_v<T, poll::LossAccepted>) {
          p.signature =
              participant("ballot-box", ballot_box_[0], 0, state_->course().losses.size());
        } else if constexpr (requires {
                               p.issuer;
                               p.signature;
                             }) {
          const uint32_t i = std::min<uint32_t>(p.issuer, options_.issuers - 1);
          p.signature = participant("issuer", issuers_[i], p.issuer, state_->IssuerCounter(i));
        } else if constexpr (requires {
                               p.trustee;
                               p.signature;
                             }) {
          const uint32_t j = std::clamp<uint32_t>(p.trustee, 1, options_.trustees);
          p.signature =
              participant("trustee", trustees_[j - 1], p.trustee, state_->TrusteeCounter(j));
        }
      },
      payload);
}

void TestElection::Append(Payload payload) {
  if (tamper) tamper(payload);
  Sign(payload);
  if (tamper_signed) tamper_signed(payload);
  AppendRaw(poll::KindOf(payload), poll::EncodePayload(payload), now);
}

void TestElection::AppendRaw(RecordKind kind, std::string payload, uint64_t time) {
  const poll::RawPayload raw{static_cast<uint8_t>(kind), payload};
  const auto verdicts =
      poll::CheckPayloads(state_->definition().get(), state_->context().get(), {&raw, 1});
  AppendJudged(kind, std::move(payload), time, verdicts[0]);
}

void TestElection::AppendJudged(RecordKind kind, std::string payload, uint64_t time,
                                const absl::StatusOr<poll::CheckedPayload>& verdict) {
  std::string bytes = ledger::EncodeRecord(
      {static_cast<uint8_t>(kind), time, state_->last_leaf(), std::move(payload)});
  const Hash32 leaf = ledger::LeafHash(bytes);
  const uint64_t index = state_->size();
  records_.push_back(std::move(bytes));
  absl::Status status = verdict.status();
  if (status.ok()) status = state_->Apply(*verdict, time, leaf);
  if (!status.ok()) {
    faults_.emplace_back(index, status);
    state_->Skip(leaf);
  }
}

// --- Preparing -------------------------------------------------------------------------------

void TestElection::Define() {
  poll::Defined defined;
  defined.length = static_cast<uint32_t>(definition_json_.size());
  defined.sha256 = crypto::HashSha256(definition_json_);
  Append(defined);
  for (const poll::DefinitionPart& part : poll::SplitDefinition(definition_json_)) Append(part);
}

void TestElection::SealRoll() {
  std::vector<poll::RollEntry> entries;
  for (const Voter& voter : voters_) entries.push_back({voter.credential.V, voter.style});
  std::ranges::sort(entries, {}, [](const poll::RollEntry& e) { return e.credential.view(); });
  const auto parts = poll::SplitRoll(entries);
  poll::RollSealed sealed;
  sealed.count = entries.size();
  sealed.parts_sha256 = poll::PartsHashOf(parts);
  sealed.persons_sha256 = crypto::HashSha256("list of persons");
  if (tamper) {
    Payload payload = sealed;
    tamper(payload);
    sealed = std::get<poll::RollSealed>(payload);
  }
  // Officials sign where the roll begins, before its first part.
  Payload signed_seal = sealed;
  Sign(signed_seal);
  for (const poll::RollPart& part : parts) Append(part);
  AppendRaw(RecordKind::kRollSealed, poll::EncodePayload(signed_seal), now);
}

void TestElection::JoinIssuers() {
  for (uint32_t i = 0; i < options_.issuers; ++i) {
    issuer_keys_.push_back(crypto::IssuerKey::New());
    poll::IssuerJoined joined;
    joined.issuer = static_cast<uint8_t>(i);
    joined.X = issuer_keys_[i].X;
    joined.possession = crypto::ProveIssuer(issuer_keys_[i], state_->poll(), i);
    Append(joined);
  }
}

void TestElection::JoinTrustees() {
  const uint32_t keys = state_->definition()->keys();
  for (uint32_t j = 1; j <= options_.trustees; ++j) {
    seal_keys_.push_back(crypto::SealKey::New());
    dealers_.push_back(crypto::Dealer::New(keys, options_.trustees_needed));
    deals_.push_back(dealers_.back().MakeDeal(state_->poll(), j));
    poll::TrusteeJoined joined;
    joined.trustee = static_cast<uint8_t>(j);
    joined.seal_key = seal_keys_.back().public_key;
    joined.deal_commitment =
        crypto::DealCommitment(state_->poll(), j, options_.trustees_needed, deals_.back());
    Append(joined);
  }
}

void TestElection::Deal() {
  for (uint32_t j = 1; j <= options_.trustees; ++j) {
    poll::Dealt dealt;
    dealt.trustee = static_cast<uint8_t>(j);
    dealt.deal = deals_[j - 1];
    for (uint32_t i = 1; i <= options_.trustees; ++i) {
      dealt.sealed.push_back(dealers_[j - 1].SealShares(i, seal_keys_[i - 1].public_key));
    }
    Append(dealt);
  }
}

void TestElection::Confirm() {
  for (uint32_t i = 1; i <= options_.trustees; ++i) {
    std::vector<std::vector<crypto::SecretScalar>> received;
    for (uint32_t j = 1; j <= options_.trustees; ++j) {
      received.push_back(
          Must(crypto::OpenShares(seal_keys_[i - 1], i, deals_[j - 1],
                                  dealers_[j - 1].SealShares(i, seal_keys_[i - 1].public_key)),
               "open shares"));
    }
    shares_.push_back(crypto::CombineShares(received));
    const std::vector<Point> base = {Point::Base()};
    const std::vector<Point> P = crypto::PublicShares(deals_, i);
    poll::Confirmed confirmed;
    confirmed.trustee = static_cast<uint8_t>(i);
    confirmed.self_test = crypto::MakeDecryptionShare({.opening = state_->poll(),
                                                       .closed = state_->poll(),
                                                       .contest = "self-test",
                                                       .trustee = i,
                                                       .R = base,
                                                       .P = P},
                                                      shares_.back());
    Append(confirmed);
  }
}

void TestElection::Open() { Append(poll::Opened{}); }

// --- Voting ----------------------------------------------------------------------------------

void TestElection::Issue(size_t index) {
  const std::vector<poll::RegisterEntry> entries = ObtainTokens(index);
  for (uint32_t i = 0; i < options_.issuers; ++i) AddAnswer(i, entries[i]);
}

std::vector<poll::RegisterEntry> TestElection::ObtainTokens(size_t index) {
  Voter& voter = voters_[index];
  std::vector<poll::RegisterEntry> entries;
  const poll::PollContext& ctx = context();
  voter.ballot_key = crypto::DeriveBallotKey(voter.omega, ctx.opening);
  voter.tokens.clear();
  for (uint32_t i = 0; i < options_.issuers; ++i) {
    const crypto::TokenInfo& info = ctx.styles[voter.style].issuers[i];
    crypto::IssuerSession session(info);
    const crypto::TokenOffer offer = session.offer();
    const crypto::TokenRequest request(info, offer, voter.omega, voter.ballot_key.BK);
    const auto answer =
        Must(std::move(session).Respond(issuer_keys_[i], request.challenge()), "answer");
    voter.tokens.push_back(Must(request.Unblind(answer), "unblind"));
    poll::RegisterEntry entry;
    entry.credential = voter.credential.V;
    entry.style = voter.style;
    entry.offer = offer;
    entry.c = request.challenge();
    entry.answer = answer;
    entry.signature = crypto::SignCredential(
        voter.credential, crypto::CredentialStatement::Request(info.opening, info.style, info.X,
                                                               offer.A, offer.C, entry.c));
    entries.push_back(entry);
  }
  return entries;
}

crypto::Ballot TestElection::MakeBallot(size_t index,
                                        const std::vector<std::vector<uint32_t>>& votes,
                                        uint16_t revision) {
  Voter& voter = voters_[index];
  if (voter.tokens.empty()) Issue(index);
  const crypto::BallotContext& ctx = context().styles[voter.style];
  crypto::PreparedBallot prepared = Must(crypto::PreparedBallot::Encrypt(ctx, votes), "encrypt");
  return std::move(prepared).Cast(ctx, voter.ballot_key, voter.tokens, revision);
}

void TestElection::Cast(size_t index, const std::vector<std::vector<uint32_t>>& votes) {
  Voter& voter = voters_[index];
  crypto::Ballot ballot = MakeBallot(index, votes, ++voter.revision);
  if (tamper_ballot) tamper_ballot(ballot);
  Payload payload = poll::BallotCast{voter.style, crypto::EncodeBallot(ballot)};
  if (tamper) tamper(payload);
  AppendRaw(RecordKind::kBallotCast, poll::EncodePayload(payload), now - now % kHour);
}

std::vector<uint32_t> TestElection::SlotsOfPicks(const std::vector<uint32_t>& options,
                                                 uint32_t picks) {
  std::vector<uint32_t> slots(2 * size_t{picks}, 0);
  for (size_t p = 0; p < options.size(); ++p) {
    slots[2 * p] = options[p] / 16;
    slots[2 * p + 1] = options[p] % 16;
  }
  return slots;
}

std::vector<std::vector<uint32_t>> TestElection::VotesFor(const crypto::BallotShape& shape,
                                                          int choice) {
  std::vector<std::vector<uint32_t>> votes;
  for (const crypto::ContestShape& contest : shape.contests) {
    if (const auto* picks = std::get_if<crypto::Picks>(&contest.rule)) {
      // As many different options as may be picked, from the chosen one on.
      std::vector<uint32_t> options;
      for (uint32_t p = 0; p < picks->w && choice >= 0; ++p) {
        options.push_back((static_cast<uint32_t>(choice) + p) % picks->n + 1);
      }
      votes.push_back(SlotsOfPicks(options, picks->w));
      continue;
    }
    std::vector<uint32_t> slots(crypto::SlotCount(contest.rule), 0);
    if (choice >= 0) slots[static_cast<size_t>(choice) % slots.size()] = 1;
    if (!crypto::Obeys(contest.rule, slots)) {
      // Rules that demand more than one mark: points k, k-1, .. from the chosen option on.
      const auto* points = std::get_if<crypto::Points>(&contest.rule);
      slots.assign(slots.size(), 0);
      const size_t first = choice >= 0 ? static_cast<size_t>(choice) : 0;
      for (uint32_t p = 0; points != nullptr && p < points->k; ++p) {
        slots[(first + p) % slots.size()] = points->k - p;
      }
    }
    votes.push_back(std::move(slots));
  }
  return votes;
}

void TestElection::Pause() {
  Append(poll::Paused{.reason = "a fault is looked into", .approvals = {}});
}
void TestElection::Resume() { Append(poll::Resumed{}); }
void TestElection::Extend(uint64_t end) {
  Append(poll::Extended{.end = end, .reason = "a power cut", .approvals = {}});
}
void TestElection::ReplaceCredential(const Point& old_credential, const Point& new_credential) {
  Append(poll::CredentialReplaced{old_credential, new_credential, {}});
}

std::string TestElection::LostCheckpoint(uint64_t size) const {
  return ledger::SignCheckpoint({.origin = checkpoint_key().name, .size = size, .root = {7}},
                                ballot_box_[0]);
}

void TestElection::AcceptLoss(uint64_t count) {
  Append(poll::LossAccepted{.size = state_->size(),
                            .root = state_->root(),
                            .lost = {LostCheckpoint(state_->size() + count)},
                            .reason = "the disk broke",
                            .signature = {}});
}

void TestElection::CountIssuance() {
  for (uint32_t i = 0; i < options_.issuers; ++i) {
    poll::IssuanceCounted counted;
    counted.issuer = static_cast<uint8_t>(i);
    counted.tokens.assign(options_.styles, 0);
    for (const poll::RegisterEntry& entry : answered_[i]) ++counted.tokens[entry.style];
    Append(counted);
  }
}

// --- After the vote --------------------------------------------------------------------------

void TestElection::End() {
  now = std::max(now, state_->end());
  Append(poll::Ended{.end = state_->end(), .signature = {}});
}

void TestElection::Close() { Append(poll::Closed{}); }

void TestElection::PublishRegisters() {
  for (uint32_t i = 0; i < options_.issuers; ++i) {
    std::vector<poll::RegisterEntry> entries = answered_[i];
    std::ranges::sort(entries, {}, [](const auto& e) { return e.credential.view(); });
    if (tamper_register) tamper_register(i, entries);
    const auto parts = poll::SplitRegister(static_cast<uint8_t>(i), entries);
    for (const poll::RegisterPart& part : parts) Append(part);
    poll::RegisterSealed sealed;
    sealed.issuer = static_cast<uint8_t>(i);
    sealed.count = entries.size();
    sealed.parts_sha256 = poll::PartsHashOf(parts);
    Append(sealed);
  }
}

void TestElection::Decrypt(uint32_t trustee, uint32_t contest) {
  for (poll::DecryptionPart& part : SharePartsOf(*state_, trustee, contest, shares_[trustee - 1])) {
    Append(std::move(part));
  }
}

std::vector<Payload> TestElection::MakeMix(uint32_t trustee, uint32_t contest) {
  return MixPartsOf(*state_, trustee, contest);
}

void TestElection::Mix(uint32_t trustee, uint32_t contest) {
  for (Payload& part : MakeMix(trustee, contest)) Append(std::move(part));
}

void TestElection::DecryptAll() {
  for (uint32_t j = 1; j <= options_.trustees_needed; ++j) {
    for (uint32_t c = 0; c < state_->definition()->contests.size(); ++c) {
      if (state_->IsMixed(c) && state_->NeedsDecryption(c)) Mix(j, c);
    }
  }
  for (uint32_t j = 1; j <= options_.trustees_needed; ++j) {
    for (uint32_t c = 0; c < state_->definition()->contests.size(); ++c) {
      if (state_->NeedsDecryption(c)) Decrypt(j, c);
    }
  }
}

void TestElection::Certify() {
  const poll::Result result = Must(state_->ComputeResult(), "result");
  Append(poll::Certified{poll::EncodeCertificate(result), {}});
}

void TestElection::Cancel() {
  Append(poll::Cancelled{.reason = "the question was wrong", .approvals = {}});
}

void TestElection::RunUntilOpen() {
  Define();
  SealRoll();
  JoinIssuers();
  JoinTrustees();
  Deal();
  Confirm();
  Open();
}

void TestElection::Vote() {
  for (size_t i = 0; i < voters_.size(); ++i) {
    const crypto::BallotShape& shape = context().styles[voters_[i].style].shape;
    if (i % 3 == 0 && options_.revoting) Cast(i, VotesFor(shape, 1));
    Cast(i, VotesFor(shape, static_cast<int>(i % 3) - (i % 3 == 2 ? 3 : 0)));
  }
}

void TestElection::RunAfterVoting() {
  End();
  CountIssuance();
  Close();
  PublishRegisters();
  DecryptAll();
  Certify();
}

void TestElection::RunAll() {
  RunUntilOpen();
  now += kHour;
  Vote();
  RunAfterVoting();
}

// --- Files -----------------------------------------------------------------------------------

void TestElection::WriteExport(const std::string& folder) const { WriteExport(folder, records_); }

void TestElection::WriteExport(const std::string& folder,
                               const std::vector<std::string>& records) const {
  auto writer = Must(ledger::ExportWriter::Create(folder), "create export");
  for (const std::string& record : records) Must(writer->Append(record), "write export");
  const ledger::Checkpoint checkpoint{options_.origin, writer->size(), writer->Root()};
  Must(writer->Finish(ledger::SignCheckpoint(checkpoint, ballot_box_[0])), "finish export");
}

std::vector<std::string> TestElection::Rechain(std::vector<std::string> records) {
  Hash32 previous{};
  for (std::string& bytes : records) {
    ledger::Record record = Must(ledger::DecodeRecord(bytes), "decode record");
    record.previous = previous;
    bytes = ledger::EncodeRecord(record);
    previous = ledger::LeafHash(bytes);
  }
  return records;
}

std::string TestElection::MakeReceipt(uint64_t index, uint64_t size) const {
  ledger::Frontier tree;
  std::vector<Hash32> leaves;
  for (uint64_t i = 0; i < size; ++i) {
    leaves.push_back(ledger::LeafHash(records_[i]));
    tree.Append(leaves.back());
  }
  const ledger::NodeReader nodes = [&](uint32_t level, uint64_t at) -> absl::StatusOr<Hash32> {
    std::vector<Hash32> row(leaves.begin() + static_cast<ptrdiff_t>(at << level),
                            leaves.begin() + static_cast<ptrdiff_t>((at + 1) << level));
    while (row.size() > 1) {
      for (size_t i = 0; i < row.size() / 2; ++i) {
        row[i] = ledger::NodeHash(row[2 * i], row[2 * i + 1]);
      }
      row.resize(row.size() / 2);
    }
    return row[0];
  };
  ledger::Receipt receipt;
  receipt.leaf = leaves[index];
  receipt.body =
      crypto::HashSha256(Must(ledger::DecodeRecord(records_[index]), "decode record").payload);
  receipt.index = index;
  receipt.proof = Must(ledger::InclusionProof(index, size, nodes), "inclusion proof");
  receipt.checkpoint = ledger::SignCheckpoint({options_.origin, size, tree.Root()}, ballot_box_[0]);
  return receipt.ToString();
}

}  // namespace urna::testing
