#include "poll/state_snapshot.h"

#include <algorithm>
#include <bit>
#include <utility>
#include <vector>

#include "base/codec.h"
#include "base/status.h"
#include "base/text.h"

namespace urna::poll {
namespace {

using base::Reader;
using base::Writer;

constexpr uint8_t kFormat = 2;
// Longer texts and lists than a ledger can hold are refused before memory is taken for them.
constexpr size_t kMaxText = ledger::kMaxRecordBytes * 2;
constexpr uint64_t kMaxRecords = uint64_t{1} << 40;

absl::Status Malformed(std::string_view what) { return base::Reject("snapshot.malformed", what); }
absl::Status OtherLedger(std::string_view what) {
  return base::Reject("snapshot.other-ledger", what);
}

// --- Writing ---

void Put(Writer& w, bool value) { w.U8(value ? 1 : 0); }
void Put(Writer& w, uint64_t value) { w.U64(value); }
void Put(Writer& w, const Hash32& hash) { w.Raw(hash); }
void Put(Writer& w, const Point& point) { w.Raw(point.view()); }
void Put(Writer& w, const StoredPart& part) { w.U64(part.index).Raw(part.payload_hash); }
void Put(Writer& w, const std::string& text) { w.Frame(text); }
template <typename T>
requires requires(const T& payload) { PayloadBody(Payload(payload)); }
void Put(Writer& w, const T& payload) { w.Frame(EncodePayload(payload)); }
template <typename T>
void Put(Writer& w, const std::optional<T>& value) {
  Put(w, value.has_value());
  if (value.has_value()) Put(w, *value);
}
/// Without its length, which the reader knows.
template <typename T>
void PutAll(Writer& w, const std::vector<T>& values) {
  for (const auto& value : values) Put(w, T(value));
}
template <typename T>
void PutList(Writer& w, const std::vector<T>& values) {
  w.U64(values.size());
  PutAll(w, values);
}

// --- Reading ---

/// Reads what was written above. After the first failure everything read is empty.
class Fields {
 public:
  Fields(std::string_view bytes, const Definition* definition)
      : r(bytes), definition_(definition) {}

  void Get(bool& value) {
    const uint8_t byte = r.U8();
    if (byte > 1) r.Fail("a truth value");
    value = byte == 1;
  }
  void Get(uint64_t& value) { value = r.U64(); }
  void Get(Hash32& hash) { hash = r.Fixed<32>(); }
  void Get(Point& point) {
    const std::string_view bytes = r.Raw(32);
    if (!r.ok()) return;
    auto decoded = Point::Decode(bytes);
    if (decoded.ok()) {
      point = *decoded;
    } else {
      r.Fail("a point");
    }
  }
  void Get(StoredPart& part) {
    Get(part.index);
    Get(part.payload_hash);
  }
  void Get(std::string& text) { text = r.Frame(kMaxText); }
  template <typename T>
  requires requires(const T& payload) { PayloadBody(Payload(payload)); }
  void Get(T& payload) {
    const std::string_view bytes = r.Frame(ledger::kMaxPayloadBytes);
    if (!r.ok()) return;
    auto decoded = DecodePayload(static_cast<uint8_t>(KindOf(T())), bytes, definition_);
    if (decoded.ok()) {
      payload = std::get<T>(*std::move(decoded));
    } else {
      r.Fail("a payload");
    }
  }
  template <typename T>
  void Get(std::optional<T>& value) {
    bool present = false;
    Get(present);
    if (present) Get(value.emplace());
  }
  template <typename T>
  void GetAll(std::vector<T>& values, size_t count) {
    for (size_t i = 0; i < count && r.ok(); ++i) {
      T value{};
      Get(value);
      values.push_back(std::move(value));
    }
  }
  /// How many of something follow, each of at least `bytes` bytes.
  size_t Count(size_t bytes) {
    const uint64_t count = r.U64();
    if (count > r.remaining() / bytes) r.Fail("a count");
    return r.ok() ? static_cast<size_t>(count) : 0;
  }
  template <typename T>
  void GetList(std::vector<T>& values) {
    GetAll(values, Count(1));
  }
  template <typename T>
  T Number(uint64_t below) {
    const uint64_t value = r.U64();
    if (value >= below) r.Fail("a number");
    return static_cast<T>(r.ok() ? value : 0);
  }

  Reader r;

 private:
  const Definition* const definition_;
};

/// The payload of record `index` of `size`, which must be of this kind.
absl::StatusOr<std::string> ReadPayload(const State::ReadRecord& read, uint64_t index,
                                        uint64_t size, RecordKind kind) {
  if (index >= size) return Malformed(base::Cat("record ", index, " of ", size));
  URNA_ASSIGN_OR_RETURN(const std::string bytes, read(index));
  URNA_ASSIGN_OR_RETURN(ledger::Record record, ledger::DecodeRecord(bytes));
  if (record.kind != static_cast<uint8_t>(kind)) {
    return OtherLedger(base::Cat("record ", index, " is a '", KindName(record.kind), "'"));
  }
  return std::move(record.payload);
}

/// Do not compile when a member is added that a snapshot would lose: add it to Encode and Decode
/// too.
[[maybe_unused]] void KnowsEveryMember(const Course& course) {
  [[maybe_unused]] const auto& [persons, pauses, extensions, missing, losses, lot, at, by] = course;
  [[maybe_unused]] const auto& [from, until, reason] = pauses.at(0);
  [[maybe_unused]] const auto& [when, end_before, end, why] = extensions.at(0);
  [[maybe_unused]] const auto& [issuer, because] = missing.at(0);
  [[maybe_unused]] const auto& [record, lost, cause] = losses.at(0);
}
[[maybe_unused]] void KnowsEveryMember(const StyleCount& style) {
  [[maybe_unused]] const auto& [roll, keys, records, again, replaced] = style;
}

bool NeedsOpening(Phase phase) {
  return phase == Phase::kOpen || phase == Phase::kPaused || phase == Phase::kEnded ||
         phase == Phase::kClosed || phase == Phase::kCertified;
}

}  // namespace

// --- Notes ---------------------------------------------------------------------------------------

std::optional<BallotNote> NoteBallot(uint64_t index, const ledger::RecordView& record) {
  if (record.kind != static_cast<uint8_t>(RecordKind::kBallotCast)) return std::nullopt;
  // u16le style, then crypto::EncodeBallot: u16le revision | ballot key ...
  Reader r(record.payload);
  BallotNote note;
  note.index = index;
  note.style = r.U16();
  note.revision = r.U16();
  note.ballot_key = r.Fixed<32>();
  note.payload_hash = crypto::HashSha256(record.payload);
  return note;
}

std::string EncodeBallotNote(const BallotNote& note) {
  Writer w;
  w.U64(note.index).Raw(note.ballot_key).Raw(note.payload_hash).U16(note.style).U16(note.revision);
  return w.Take();
}

BallotNote DecodeBallotNote(std::string_view bytes) {
  Reader r(bytes);
  BallotNote note;
  note.index = r.U64();
  note.ballot_key = r.Fixed<32>();
  note.payload_hash = r.Fixed<32>();
  note.style = r.U16();
  note.revision = r.U16();
  return note;
}

/// As above.
void StateSnapshot::KnowsEveryMember(const State& s) {
  [[maybe_unused]] const auto& [read_record, tree, last_leaf, poll, phase, reason, course,
                                complaint, defined, definition_json, definition, official_steps,
                                styles, roll_start_size, roll_start_root, roll_parts,
                                roll_part_full, roll, replacements, replaced, issuer_keys,
                                issuer_records, joined, dealt, confirmed, trustee_records,
                                public_shares, context, end, ballots, ballot_records, sums, issued,
                                last_count_done, closed, registers, answered, shares, mixed,
                                paper] = s;
  [[maybe_unused]] const auto& [status, parts, last_part_full, count, per_style, last_credential] =
      registers.at(0);
  [[maybe_unused]] const auto& [mixers, outputs, unfinished, mixed_shares, picks] = mixed.at(0);
  [[maybe_unused]] const auto& [trustee, mix_parts, inputs, verifier] = *unfinished;
  [[maybe_unused]] const auto& [share_parts, complete] = mixed_shares.at(0);
}

// --- Snapshots -----------------------------------------------------------------------------------

std::string StateSnapshot::Encode(const State& s) {
  Writer w;
  w.U8(kFormat).U64(s.size());
  Put(w, s.defined_);
  PutAll(w, s.tree_.subtrees());
  w.Raw(s.last_leaf_).Raw(s.poll_).U64(static_cast<uint64_t>(s.phase_));
  Put(w, s.reason_);
  Put(w, s.complaint_);

  const Course& course = s.course_;
  w.Raw(course.persons_sha256).U64(course.pauses.size());
  for (const Course::Pause& pause : course.pauses) {
    Put(w, pause.from);
    Put(w, pause.until);
    Put(w, pause.reason);
  }
  w.U64(course.extensions.size());
  for (const Course::Extension& extension : course.extensions) {
    w.U64(extension.at).U64(extension.end_before).U64(extension.end).Frame(extension.reason);
  }
  w.U64(course.missing_registers.size());
  for (const Course::MissingRegister& missing : course.missing_registers) {
    w.U64(missing.issuer).Frame(missing.reason);
  }
  w.U64(course.losses.size());
  for (const Course::Loss& loss : course.losses) {
    w.U64(loss.record).U64(loss.lost.size());
    for (const ledger::Checkpoint& lost : loss.lost) w.U64(lost.size).Raw(lost.root);
    w.Frame(loss.reason);
  }
  Put(w, course.lot);
  w.U64(course.concluded_at).U64(course.concluded_by.size());
  for (const uint32_t official : course.concluded_by) w.U64(official);

  PutAll(w, s.official_steps_);
  for (const StyleCount& style : s.styles_) {
    w.U64(style.roll).U64(style.keys).U64(style.records).U64(style.again).U64(style.replaced);
  }
  w.U64(s.roll_start_size_).Raw(s.roll_start_root_);
  Put(w, s.roll_part_full_);
  PutList(w, s.roll_parts_);
  std::vector<std::pair<Point, State::Replacement>> replacements(s.replacements_.begin(),
                                                                 s.replacements_.end());
  std::ranges::sort(replacements, {}, [](const auto& entry) { return entry.first.view(); });
  w.U64(replacements.size());
  for (const auto& [credential, replacement] : replacements) {
    Put(w, credential);
    Put(w, replacement.old_credential);
    w.U64(replacement.slot);
  }

  PutAll(w, s.issuer_keys_);
  PutAll(w, s.issuer_records_);
  PutAll(w, s.joined_);
  PutAll(w, s.dealt_);
  PutAll(w, s.confirmed_);
  PutAll(w, s.trustee_records_);
  Put(w, s.context_ == nullptr ? std::nullopt : std::optional(s.context_->opening));

  w.U64(s.end_).U64(s.ballot_records_);
  for (const auto& sums : s.sums_) PutAll(w, crypto::ToPoints(sums));
  for (const auto& issued : s.issued_) PutAll(w, issued);
  PutAll(w, s.last_count_done_);

  Put(w, s.closed_);
  for (const State::Register& reg : s.registers_) {
    w.U64(static_cast<uint64_t>(reg.status));
    PutList(w, reg.parts);
    Put(w, reg.last_part_full);
    Put(w, reg.count);
    PutAll(w, reg.per_style);
    Put(w, reg.last_credential);
  }
  w.Raw({reinterpret_cast<const char*>(s.answered_.data()), s.answered_.size()});
  w.U64(s.shares_.size());
  for (const auto& [key, points] : s.shares_) {
    w.U64(key.first).U64(key.second);
    PutAll(w, points);
  }
  for (const auto& [contest, tally] : s.mixed_) PutMixed(w, tally);
  PutAll(w, s.paper_);
  return w.Take();
}

absl::StatusOr<State> StateSnapshot::Decode(std::string_view bytes, std::string_view notes,
                                            State::ReadRecord read_record) {
  State s(read_record);
  Fields before(bytes, nullptr);
  if (before.r.U8() != kFormat) before.r.Fail("the format");
  const auto size = before.Number<uint64_t>(kMaxRecords);
  before.Get(s.defined_);
  if (s.defined_.length == 0 || s.defined_.length > kMaxDefinitionBytes) before.r.Fail("a length");
  const std::string_view rest = before.r.Raw(before.r.remaining());
  if (const auto read = before.r.Finish(); !read.ok()) return Malformed(read.ToString());

  for (uint64_t index = 1; s.definition_json_.size() < s.defined_.length; ++index) {
    URNA_ASSIGN_OR_RETURN(const std::string text,
                          ReadPayload(read_record, index, size, RecordKind::kDefinitionPart));
    if (text.empty()) return OtherLedger("its definition");
    s.definition_json_ += text;
  }
  if (crypto::HashSha256(s.definition_json_) != s.defined_.sha256) {
    return OtherLedger("its definition");
  }
  URNA_ASSIGN_OR_RETURN(Definition definition, ParseDefinition(s.definition_json_));
  s.definition_ = std::make_shared<const Definition>(std::move(definition));
  const Definition& d = *s.definition_;
  const size_t styles = d.styles.size();

  Fields f(rest, &d);
  std::vector<Hash32> subtrees;
  f.GetAll(subtrees, static_cast<size_t>(std::popcount(size)));
  if (f.r.ok()) s.tree_ = ledger::Frontier(size, std::move(subtrees));
  f.Get(s.last_leaf_);
  f.Get(s.poll_);
  s.phase_ = f.Number<Phase>(static_cast<uint64_t>(Phase::kCancelled) + 1);
  f.Get(s.reason_);
  f.Get(s.complaint_);

  Course& course = s.course_;
  f.Get(course.persons_sha256);
  course.pauses.resize(f.Count(13));
  for (Course::Pause& pause : course.pauses) {
    f.Get(pause.from);
    f.Get(pause.until);
    f.Get(pause.reason);
  }
  course.extensions.resize(f.Count(28));
  for (Course::Extension& extension : course.extensions) {
    f.Get(extension.at);
    f.Get(extension.end_before);
    f.Get(extension.end);
    f.Get(extension.reason);
  }
  course.missing_registers.resize(f.Count(12));
  for (Course::MissingRegister& missing : course.missing_registers) {
    missing.issuer = f.Number<uint32_t>(d.issuers.size());
    f.Get(missing.reason);
  }
  course.losses.resize(f.Count(60));
  for (Course::Loss& loss : course.losses) {
    f.Get(loss.record);
    loss.lost.resize(f.Count(40));
    if (loss.lost.empty()) f.r.Fail("a loss");
    for (ledger::Checkpoint& lost : loss.lost) {
      lost.origin = d.ballot_box.name;
      f.Get(lost.size);
      f.Get(lost.root);
    }
    f.Get(loss.reason);
  }
  f.Get(course.lot);
  f.Get(course.concluded_at);
  course.concluded_by.resize(f.Count(8));
  for (uint32_t& official : course.concluded_by) {
    official = f.Number<uint32_t>(d.officials.size());
  }

  f.GetAll(s.official_steps_, d.officials.size());
  for (size_t i = 0; i < styles; ++i) {
    StyleCount& style = s.styles_.emplace_back();
    for (uint64_t* const count :
         {&style.roll, &style.keys, &style.records, &style.again, &style.replaced}) {
      f.Get(*count);
    }
  }
  f.Get(s.roll_start_size_);
  f.Get(s.roll_start_root_);
  f.Get(s.roll_part_full_);
  f.GetList(s.roll_parts_);
  URNA_RETURN_IF_ERROR(ReadRoll(s, f.r.ok()));
  std::optional<Point> last;
  for (size_t left = f.Count(72); left > 0 && f.r.ok(); --left) {
    Point credential;
    State::Replacement replacement;
    f.Get(credential);
    if (last.has_value() && last->view() >= credential.view()) f.r.Fail("an order");
    last = credential;
    f.Get(replacement.old_credential);
    replacement.slot = f.Number<size_t>(s.roll_.size());
    s.replaced_[replacement.old_credential] = credential;
    s.replacements_[credential] = std::move(replacement);
  }

  f.GetAll(s.issuer_keys_, d.issuers.size());
  f.GetAll(s.issuer_records_, d.issuers.size());
  f.GetAll(s.joined_, d.trustees.size());
  f.GetAll(s.dealt_, d.trustees.size());
  f.GetAll(s.confirmed_, d.trustees.size());
  f.GetAll(s.trustee_records_, d.trustees.size());
  std::optional<Hash32> opening;
  f.Get(opening);
  const auto all = [](const auto& parts) {
    return std::ranges::all_of(parts, [](const auto& part) { return part.has_value(); });
  };
  const bool dealt = f.r.ok() && all(s.dealt_);
  if (opening.has_value() ? !dealt || !all(s.issuer_keys_) : NeedsOpening(s.phase_)) {
    f.r.Fail("the opening");
  }
  if (dealt) s.SetPublicShares();
  if (f.r.ok() && opening.has_value()) URNA_RETURN_IF_ERROR(s.SetContext(*opening));

  f.Get(s.end_);
  f.Get(s.ballot_records_);
  for (const Contest& contest : d.contests) {
    std::vector<Point> points;
    f.GetAll(points, 1 + crypto::SlotCount(contest.rule));
    std::vector<crypto::vartime::Element>& sums = s.sums_.emplace_back();
    for (const Point& point : points) sums.push_back(crypto::ToElement(point));
  }
  for (size_t i = 0; i < d.issuers.size(); ++i) f.GetAll(s.issued_.emplace_back(), styles);
  f.GetAll(s.last_count_done_, d.issuers.size());

  f.Get(s.closed_);
  if (!s.closed_.has_value() && (s.phase_ == Phase::kClosed || s.phase_ == Phase::kCertified)) {
    f.r.Fail("the closing");
  }
  for (size_t i = 0; i < d.issuers.size(); ++i) {
    State::Register& reg = s.registers_.emplace_back();
    reg.status =
        f.Number<State::RegisterStatus>(static_cast<uint64_t>(State::RegisterStatus::kMissing) + 1);
    f.GetList(reg.parts);
    f.Get(reg.last_part_full);
    f.Get(reg.count);
    f.GetAll(reg.per_style, styles);
    f.Get(reg.last_credential);
  }
  if (s.closed_.has_value()) {
    const std::string_view answered = f.r.Raw(s.roll_.size());
    s.answered_.assign(answered.begin(), answered.end());
  }
  for (size_t left = f.Count(16); left > 0 && f.r.ok(); --left) {
    const auto contest = f.Number<uint32_t>(d.contests.size());
    const auto trustee = f.Number<uint32_t>(d.trustees.size() + 1);
    if (!s.shares_.empty() && s.shares_.rbegin()->first >= std::pair(contest, trustee)) {
      f.r.Fail("an order");
    }
    f.GetAll(s.shares_[{contest, trustee}], s.sums_[contest].size() - 1);
  }
  std::vector<MixToRepeat> unfinished;
  for (uint32_t c = 0; c < d.contests.size(); ++c) {
    if (d.contests[c].tally == TallyKind::kMixed) GetMixed(f, s, c, unfinished);
  }
  f.GetAll(s.paper_, styles);
  if (const auto read = f.r.Finish(); !read.ok()) return Malformed(read.ToString());
  URNA_RETURN_IF_ERROR(TakeNotes(s, notes));
  for (const MixToRepeat& mix : unfinished) URNA_RETURN_IF_ERROR(RepeatMix(s, mix));
  return s;
}

void StateSnapshot::PutMixed(Writer& w, const MixedTally& tally) {
  w.U64(tally.mixers_.size());
  for (const uint32_t mixer : tally.mixers_) w.U64(mixer);
  PutList(w, tally.outputs_);
  w.U64(tally.unfinished_.has_value() ? tally.unfinished_->trustee : 0);
  if (tally.unfinished_.has_value()) PutList(w, tally.unfinished_->parts);
  w.U64(tally.shares_.size());
  for (const auto& [trustee, share] : tally.shares_) {
    w.U64(trustee);
    PutList(w, share.parts);
    Put(w, share.complete);
  }
  Put(w, tally.picks_ != nullptr);
  if (tally.picks_ != nullptr) {
    w.Raw({reinterpret_cast<const char*>(tally.picks_->data()), tally.picks_->size()});
  }
}

template <typename Fields>
void StateSnapshot::GetMixed(Fields& f, State& s, uint32_t contest,
                             std::vector<MixToRepeat>& unfinished) {
  const uint64_t trustees = s.definition_->trustees.size() + 1;
  MixedTally& tally = s.mixed_[contest];
  tally.mixers_.resize(f.Count(8));
  for (uint32_t& mixer : tally.mixers_) mixer = f.template Number<uint32_t>(trustees);
  f.GetList(tally.outputs_);
  const auto trustee = f.template Number<uint32_t>(trustees);
  if (trustee != 0) {
    MixToRepeat& mix = unfinished.emplace_back();
    mix.contest = contest;
    mix.trustee = trustee;
    f.GetList(mix.parts);
  }
  for (size_t left = f.Count(17); left > 0 && f.r.ok(); --left) {
    MixedTally::Share& share = tally.shares_[f.template Number<uint32_t>(trustees)];
    f.GetList(share.parts);
    f.Get(share.complete);
  }
  bool known = false;
  f.Get(known);
  if (!known) return;
  const uint64_t picks = std::get<crypto::Picks>(s.definition_->contests[contest].rule).w;
  const std::string_view bytes = f.r.Raw(static_cast<size_t>(s.ContestBallots(contest) * picks));
  tally.SetPicks({bytes.begin(), bytes.end()});
}

/// What has come of an unfinished mix is checked again: the sums of its proof are nowhere kept.
absl::Status StateSnapshot::RepeatMix(State& s, const MixToRepeat& mix) {
  if (!s.closed_.has_value() || mix.parts.empty()) return Malformed("an unfinished mix");
  MixedTally& tally = s.mixed_[mix.contest];
  const crypto::MixStatement statement = s.MixStatementFor(mix.contest, mix.trustee);
  for (const StoredPart& stored : mix.parts) {
    const uint64_t next = tally.unfinished_.has_value() ? tally.unfinished_->parts.size() : 0;
    const bool proof = next > 0 && next >= tally.unfinished_->verifier->layout().output_parts();
    URNA_ASSIGN_OR_RETURN(
        const std::string payload,
        s.ReadBack(stored, proof ? RecordKind::kMixProofPart : RecordKind::kMixPart));
    auto part = DecodePayload(static_cast<uint8_t>(RecordKind::kMixPart), payload, nullptr);
    if (!part.ok() || std::get<MixPart>(*part).part != next) return OtherLedger("a mix");
    URNA_RETURN_IF_ERROR(tally.AddMixPart(statement, std::get<MixPart>(*part), stored,
                                          [&] { return s.MixVectors(mix.contest); }));
  }
  return absl::OkStatus();
}

/// The roll's records, one after another from where it began. Their hashes are compared; what is in
/// them was judged when they were applied.
absl::Status StateSnapshot::ReadRoll(State& s, bool known) {
  if (!known) return Malformed("cut short");
  for (size_t part = 0; part < s.roll_parts_.size(); ++part) {
    const uint64_t index = s.roll_start_size_ + part;
    URNA_ASSIGN_OR_RETURN(const std::string bytes,
                          ReadPayload(s.read_record_, index, s.size(), RecordKind::kRollPart));
    if (crypto::HashSha256(bytes) != s.roll_parts_[part] || bytes.size() % kRollEntryBytes != 0) {
      return OtherLedger(base::Cat("its roll, record ", index));
    }
    for (Reader r(bytes); r.remaining() > 0;) {
      const base::Bytes32 credential = r.Fixed<32>();
      s.roll_.push_back({Point::FromTrusted(credential), r.U16()});
      if (s.roll_.back().style >= s.styles_.size()) return OtherLedger("the styles of its roll");
    }
  }
  return absl::OkStatus();
}

absl::Status StateSnapshot::TakeNotes(State& s, std::string_view notes) {
  uint64_t keys = 0;
  for (const StyleCount& style : s.styles_) keys += style.keys;
  if (s.ballot_records_ > notes.size() / kBallotNoteBytes || keys > s.ballot_records_) {
    return Malformed("fewer notes of ballots than ballots");
  }
  s.ballots_.reserve(static_cast<size_t>(keys));
  for (size_t i = 0; i < s.ballot_records_; ++i) {
    const BallotNote note = DecodeBallotNote(notes.substr(i * kBallotNoteBytes, kBallotNoteBytes));
    if (note.style >= s.styles_.size() || note.index >= s.size()) return Malformed("a note");
    const auto [at, is_new] = s.ballots_.try_emplace(Point::FromTrusted(note.ballot_key));
    at->second = {note.index, note.payload_hash, note.style, note.revision, !is_new};
  }
  if (s.ballots_.size() != keys) return Malformed("notes of other ballots");
  return absl::OkStatus();
}

}  // namespace urna::poll
