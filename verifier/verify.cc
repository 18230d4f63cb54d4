#include "verifier/verify.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <memory>
#include <system_error>
#include <utility>

#include "base/bytes.h"
#include "base/codec.h"
#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "ledger/checkpoint.h"
#include "ledger/evidence.h"
#include "ledger/export.h"
#include "ledger/merkle.h"
#include "ledger/note.h"
#include "ledger/receipt.h"
#include "ledger/record.h"
#include "ledger/tiles.h"
#include "poll/budget.h"
#include "poll/payload.h"
#include "poll/replay.h"
#include "verifier/pipeline.h"
#include "verifier/witnesses.h"

namespace urna::verifier {
namespace {

using base::Cat;
using poll::Phase;
using poll::RecordKind;

constexpr size_t kMaxAuditorFile = size_t{1} << 20;

std::string Message(const absl::Status& status) {
  return std::string(status.message().data(), status.message().size());
}

Fault FaultOf(const absl::Status& status) {
  const std::string id = base::RejectId(status);
  return {.record = std::nullopt,
          .kind = "",
          .id = id.empty() ? "failure" : id,
          .text = Message(status)};
}

Fault FaultOf(std::string_view id, std::string_view text) {
  return {.record = std::nullopt, .kind = "", .id = std::string(id), .text = std::string(text)};
}

/// A signed checkpoint that the auditor holds, from a file of its own or an older export.
struct HeldNote {
  std::string path;
  std::string note;
};

struct HeldReceipt {
  std::string path;
  absl::StatusOr<ledger::Receipt> receipt;
};

struct HeldEvidence {
  std::string path;
  absl::StatusOr<ledger::Evidence> evidence;
};

/// Size that an unverified note speaks of, if it can be read at all.
std::optional<uint64_t> SizeIn(std::string_view note) {
  const auto parsed = ledger::Note::Parse(note);
  if (!parsed.ok()) return std::nullopt;
  const auto checkpoint = ledger::Checkpoint::ParseBody(parsed->text);
  if (!checkpoint.ok()) return std::nullopt;
  return checkpoint->size;
}

/// The first number of a certificate that differs from the recomputed result.
std::string FirstDifference(const poll::Definition& definition, const poll::Result& result,
                            std::string_view body) {
  base::Reader reader(body);
  std::string difference;
  const auto compare = [&](std::string_view name, uint64_t certified, uint64_t recomputed) {
    if (difference.empty() && certified != recomputed) {
      difference = Cat(name, ": certified ", certified, ", recomputed ", recomputed);
    }
  };
  compare("entitled", reader.U64(), result.entitled);
  compare("ballots", reader.U64(), result.ballots);
  compare("cards on paper", reader.U64(), result.paper_cards);
  compare("registers complete", reader.U8(), result.registers_complete ? 1 : 0);
  for (size_t c = 0; c < result.contests.size(); ++c) {
    const poll::ContestResult& contest = result.contests[c];
    const std::string name = Cat("contest ", definition.contests[c].id, ", ");
    compare(Cat(name, "entitled"), reader.U64(), contest.entitled);
    compare(Cat(name, "ballots"), reader.U64(), contest.ballots);
    compare(Cat(name, "cards on paper"), reader.U64(), contest.paper_cards);
    compare(Cat(name, "withheld"), reader.U8(), contest.withheld ? 1 : 0);
    if (contest.withheld) continue;
    for (size_t o = 0; o < contest.online.size(); ++o) {
      compare(Cat(name, "option ", definition.contests[c].options[o].id, " online"), reader.U64(),
              contest.online[o]);
    }
    for (size_t o = 0; o < contest.paper.size(); ++o) {
      compare(Cat(name, "option ", definition.contests[c].options[o].id, " on paper"), reader.U64(),
              contest.paper[o]);
    }
    compare(Cat(name, "valid votes"), reader.U64(), contest.outcome.valid);
    compare(Cat(name, "invalid votes"), reader.U64(), contest.outcome.invalid);
    compare(Cat(name, "quorum met"), reader.U8(), contest.outcome.quorum_met ? 1 : 0);
    compare(Cat(name, "verdict"), reader.U8(), static_cast<uint8_t>(contest.outcome.verdict));
    compare(Cat(name, "winning option (from 1)"), reader.U16(),
            contest.outcome.option.has_value() ? *contest.outcome.option + 1 : 0);
    if (contest.budget == nullptr) continue;
    const poll::counting::BudgetOutcome& budget = contest.budget->outcome;
    const uint16_t funded = reader.U16();
    compare(Cat(name, "funded projects"), funded, budget.funded.size());
    for (size_t i = 0; i < funded; ++i) {
      compare(Cat(name, "funded project ", i + 1, " (option from 1)"), reader.U16(),
              i < budget.funded.size() ? budget.funded[i] + 1 : 0);
    }
    compare(Cat(name, "left"), reader.U64(), budget.left);
    compare(Cat(name, "from the reserve"), reader.U64(), budget.reserve);
  }
  if (!reader.Finish().ok()) return "the certificate has another length than this poll's has";
  return difference;
}

bool Final(Phase phase) { return phase == Phase::kCertified || phase == Phase::kCancelled; }

class Audit {
 public:
  /// What the auditor says to have checked in the older export is checked again, or is not.
  enum class Older : uint8_t { kChecked, kTaken };

  Audit(Older older, const Inputs& inputs, const OnProgress& on_progress,
        const std::atomic<bool>& stop)
      : take_older_(older == Older::kTaken),
        inputs_(inputs),
        on_progress_(on_progress),
        stop_(stop) {
    report_.folder = inputs.folder;
    for (size_t i = 0; i < kCheckCount; ++i) {
      checks_[i].id = static_cast<CheckId>(i);
      checks_[i].Skip("the export could not be read");
    }
  }

  /// Nothing if this is not the ledger whose beginning the auditor says to have checked.
  absl::StatusOr<std::optional<Report>> Run() {
    URNA_RETURN_IF_ERROR(ReadHeldFiles());
    auto reader = ledger::ExportReader::Open(inputs_.folder);
    if (!reader.ok()) {
      if (base::RejectId(reader.status()).empty()) return reader.status();
      // The checkpoint is there but is none: nothing says how many records there should be.
      Of(CheckId::kCheckpoint).Fail(FaultOf(reader.status()));
      FailHeldOnes("the export's checkpoint cannot be read");
      return Finish();
    }
    reader_ = *std::move(reader);
    report_.size = reader_->checkpoint().size;
    for (const absl::Status& fault : reader_->file_faults()) {
      Of(CheckId::kExportFiles).Fail(FaultOf(fault));
    }
    URNA_RETURN_IF_ERROR(Stream());
    if (claim_ != nullptr) return std::nullopt;
    Judge();
    return Finish();
  }

 private:
  Check& Of(CheckId id) { return checks_[static_cast<size_t>(id)]; }
  const poll::State& state() const { return replay_->state(); }
  uint64_t Accepted(RecordKind kind) const { return accepted_[static_cast<uint8_t>(kind)]; }

  // --- Before ---

  absl::Status ReadHeldFiles() {
    if (inputs_.older.has_value()) {
      std::error_code error;
      const std::string path = std::filesystem::is_directory(*inputs_.older, error)
                                   ? Cat(*inputs_.older, "/checkpoint")
                                   : *inputs_.older;
      URNA_ASSIGN_OR_RETURN(std::string note, base::ReadFile(path, kMaxAuditorFile));
      older_ = HeldNote{*inputs_.older, std::move(note)};
      Want(older_->note);
      if (take_older_) claimed_ = SizeIn(older_->note).value_or(0);
    }
    for (const std::string& path : inputs_.checkpoints) {
      URNA_ASSIGN_OR_RETURN(std::string note, base::ReadFile(path, kMaxAuditorFile));
      held_.push_back({path, std::move(note)});
      Want(held_.back().note);
    }
    for (const std::string& path : inputs_.receipts) {
      URNA_ASSIGN_OR_RETURN(const std::string bytes, base::ReadFile(path, kMaxAuditorFile));
      receipts_.push_back({path, ledger::Receipt::Parse(bytes)});
      if (!receipts_.back().receipt.ok()) continue;
      wanted_records_[receipts_.back().receipt->index];
      Want(receipts_.back().receipt->checkpoint);
    }
    for (const std::string& path : inputs_.evidence) {
      URNA_ASSIGN_OR_RETURN(const std::string bytes, base::ReadFile(path, kMaxAuditorFile));
      evidence_.push_back({path, ledger::ParseEvidence(bytes)});
    }
    return absl::OkStatus();
  }

  void Want(std::string_view note) {
    if (const auto size = SizeIn(note)) wanted_roots_[*size];
  }

  // --- Streaming ---

  absl::Status Stream() {
    if (claimed_ > 0) {
      claim_ = std::make_unique<poll::ClaimedReplay>(RecordReader(), FaultTaker());
      if (claimed_ > report_.size) return absl::OkStatus();
    } else {
      Replay(poll::State(RecordReader()));
    }
    tiles_ = std::make_unique<ledger::TileBuilder>(
        [this](const ledger::TileId& id, const std::string& bytes) { CompareTile(id, bytes); });
    NoteRoot();
    const absl::Status read = StreamRecords(
        *reader_, inputs_.work, claimed_, [this](Piece& piece) { return Apply(piece); }, stop_);
    if (absl::IsCancelled(read)) return read;
    if (claim_ != nullptr) return absl::OkStatus();
    // A bundle that is not there stands in the list of missing files.
    if (!read.ok() && (!absl::IsNotFound(read) || reader_->file_faults().empty())) {
      Of(CheckId::kExportFiles).Fail(FaultOf(read));
    }
    if (Complete()) {
      for (const auto& [id, bytes] : tiles_->Partials()) CompareTile(id, bytes);
    }
    return absl::OkStatus();
  }

  poll::State::ReadRecord RecordReader() const {
    return [this](uint64_t index) { return reader_->ReadEntry(index); };
  }

  poll::Replay::OnFault FaultTaker() {
    return [this](uint64_t index, uint8_t kind, const absl::Status& fault) {
      TakeFault(index, kind, fault);
    };
  }

  void Replay(poll::State state) {
    replay_ = std::make_unique<poll::Replay>(poll::Replay::Trust::kNothing, std::move(state),
                                             FaultTaker(), poll::Sequentially);
  }

  bool Complete() const { return report_.records_read == report_.size; }

  void NoteRoot() {
    const auto wanted = wanted_roots_.find(report_.records_read);
    if (wanted != wanted_roots_.end()) wanted->second = tiles_->Root();
  }

  Applied Apply(Piece& piece) {
    const auto on_accepted = [this](uint64_t index, const poll::CheckedPayload& p) {
      TakeAccepted(index, p);
    };
    const bool whole = claim_ != nullptr ? claim_->Apply(piece.run, on_accepted)
                                         : replay_->Apply(piece.run, on_accepted);
    const uint64_t end = claim_ != nullptr ? claim_->size() : state().size();
    while (report_.records_read < end) {
      const size_t i = report_.records_read - piece.first;
      const auto wanted = wanted_records_.find(report_.records_read);
      if (wanted != wanted_records_.end()) wanted->second.bytes = piece.records[i];
      tiles_->Append(piece.run.leaf(i));
      ++report_.records_read;
      NoteRoot();
    }
    if (on_progress_) on_progress_(report_.records_read, report_.size);
    if (claim_ != nullptr && report_.records_read == claimed_) {
      if (!ConfirmClaim()) return {Applied::Outcome::kEnough, {}};
    }
    return {whole ? Applied::Outcome::kWhole : Applied::Outcome::kCheckAgain,
            claim_ != nullptr ? claim_->basis() : replay_->basis()};
  }

  /// Whether the records so far are those of the older export, under its signed root. Only then is
  /// there a state to go on from.
  bool ConfirmClaim() {
    const auto definition = claim_->basis().definition;
    if (definition == nullptr) return false;
    const auto checkpoint = ledger::OpenCheckpoint(older_->note, definition->ballot_box);
    if (!checkpoint.ok()) return false;
    auto state = std::move(*claim_).Confirm(checkpoint->root);
    if (!state.ok()) return false;
    claim_.reset();
    Replay(*std::move(state));
    if (taken_.ballots + taken_.register_entries > 0) {
      taken_.from = older_->path;
      taken_.records = claimed_;
      report_.taken = taken_;
    }
    return true;
  }

  void TakeFault(uint64_t index, uint8_t kind, const absl::Status& status) {
    Fault fault = FaultOf(status);
    fault.record = index;
    fault.kind = poll::KindName(kind);
    const CheckId check = CheckFor(kind, base::RejectId(status));
    const auto wanted = wanted_records_.find(index);
    // The chain is judged apart from what the record says, which may be accepted all the same.
    if (check != CheckId::kChain && wanted != wanted_records_.end()) {
      wanted->second.refused = fault.id;
    }
    if (fault.id == "certificate.differs" && !certificate_refused_.has_value()) {
      certificate_refused_ = index;
    }
    Of(check).Fail(std::move(fault));
  }

  void TakeAccepted(uint64_t index, const poll::CheckedPayload& accepted) {
    const RecordKind kind = accepted.kind();
    ++accepted_[static_cast<uint8_t>(kind)];
    if (kind == RecordKind::kClosed) closed_at_ = index;
    if (claim_ != nullptr) {
      const auto* part = std::get_if<poll::RegisterPart>(&accepted.payload());
      if (part != nullptr) taken_.register_entries += part->entries.size();
      if (kind == RecordKind::kBallotCast) ++taken_.ballots;
    }
    const auto* missing = std::get_if<poll::RegisterMissing>(&accepted.payload());
    if (missing == nullptr) return;
    Of(CheckId::kEligibility)
        .Fail({.record = index,
               .kind = poll::KindName(static_cast<uint8_t>(kind)),
               .id = "register.missing",
               .text = Cat(
                   "the register of issuer ", missing->issuer,
                   " never came, so nobody can check who was given a ballot: ", missing->reason)});
  }

  void CompareTile(const ledger::TileId& id, const std::string& expected) {
    const auto bytes = reader_->ReadTile(id);
    ++tiles_compared_;
    if (!bytes.ok()) {
      Of(CheckId::kTiles).Fail(FaultOf(bytes.status()));
      return;
    }
    if (*bytes == expected) return;
    constexpr size_t kHash = sizeof(Hash32);
    const size_t same =
        static_cast<size_t>(std::ranges::mismatch(*bytes, expected).in2 - expected.begin());
    const std::string what =
        same == std::min(bytes->size(), expected.size())
            ? std::string("has another length than its ") + Cat(id.width, " hashes")
            : Cat("hash ", same / kHash, " of ", id.width,
                  id.level == 0
                      ? Cat(" (record ", id.index * ledger::kTileWidth + same / kHash, ")")
                      : std::string(),
                  " is not the one that follows from the records");
    Of(CheckId::kTiles).Fail(FaultOf("tile.differs", Cat(id.Path(), ": ", what)));
  }

  // --- Judging what was streamed ---

  void Judge() {
    report_.root = tiles_->Root();
    report_.poll = state().poll();
    report_.phase = state().phase();
    report_.reason = state().reason();
    report_.definition = state().definition();
    if (report_.definition != nullptr) {
      report_.end = state().end();
      report_.entitled = state().entitled();
      report_.ballot_records = state().ballot_records();
      report_.distinct_ballots = state().distinct_ballots();
    }
    JudgeLedger();
    JudgeCheckpoint();
    JudgePollId();
    JudgePreparation();
    JudgeVoting();
    JudgeRegisters();
    JudgeTally();
    JudgeReconciliation();
    JudgeHeld();
    JudgeCosignatures();
  }

  void JudgeLedger() {
    if (Complete()) {
      Of(CheckId::kExportFiles).Pass("exactly those that its size demands");
    } else {
      Of(CheckId::kExportFiles).Skip("not all of them could be read");
    }
    const std::string_view none = "the ledger is empty";
    const std::string all = Cat(report_.records_read, " records");
    PassIf(CheckId::kRecords, report_.records_read > 0, all, none);
    PassIf(CheckId::kChain, report_.records_read > 0, all, none);
    if (!Complete()) {
      Of(CheckId::kTiles).Skip("the records could not all be read");
    } else {
      PassIf(CheckId::kTiles, tiles_compared_ > 0, Cat(tiles_compared_, " tiles"), none);
    }
  }

  void PassIf(CheckId id, bool pass, std::string_view found, std::string_view otherwise) {
    if (pass) {
      Of(id).Pass(found);
    } else {
      Of(id).Skip(otherwise);
    }
  }

  /// The signature of a note under the ledger's own key, and its size and root against the records.
  /// True if all holds.
  bool JudgeNote(Check& check, std::string_view note, const std::optional<Hash32>& root_then) {
    if (report_.definition == nullptr) {
      check.Fail(FaultOf("checkpoint.no-key",
                         "the ledger holds no valid definition and so no key to check it with"));
      return false;
    }
    const auto checkpoint = ledger::OpenCheckpoint(note, report_.definition->ballot_box);
    if (!checkpoint.ok()) {
      check.Fail(FaultOf(checkpoint.status()));
      return false;
    }
    return JudgeRoot(check, *checkpoint, root_then);
  }

  bool JudgeRoot(Check& check, const ledger::Checkpoint& checkpoint,
                 const std::optional<Hash32>& root_then) {
    if (!root_then.has_value()) {
      check.Fail(FaultOf("checkpoint.beyond-ledger",
                         Cat("it promises ", checkpoint.size, " records, but only ",
                             report_.records_read, " could be read here: records are gone")));
      return false;
    }
    if (*root_then == checkpoint.root) return true;
    if (checkpoint.size == report_.size && check.id != CheckId::kCheckpoint) {
      check.Fail(FaultOf("checkpoint.equivocation",
                         Cat("two different ledgers of ", checkpoint.size,
                             " records under one name: keep both files as evidence")));
    } else {
      check.Fail(
          FaultOf("checkpoint.root",
                  Cat("the first ", checkpoint.size, " records of this ledger have the root ",
                      base::Base64(base::View(*root_then)), ", the checkpoint says ",
                      base::Base64(base::View(checkpoint.root)))));
    }
    return false;
  }

  /// The root when the ledger had as many records as `note` says.
  std::optional<Hash32> RootFor(std::string_view note) const {
    const auto size = SizeIn(note);
    if (!size.has_value()) return std::nullopt;
    const auto wanted = wanted_roots_.find(*size);
    return wanted == wanted_roots_.end() ? std::nullopt : wanted->second;
  }

  void JudgeCheckpoint() {
    Check& check = Of(CheckId::kCheckpoint);
    const std::optional<Hash32> root =
        Complete() ? std::optional<Hash32>(report_.root) : std::nullopt;
    if (report_.definition == nullptr) {
      check.Skip("the ledger holds no valid definition and so no key to check it with");
      JudgeRoot(check, reader_->checkpoint(), root);
      return;
    }
    if (!JudgeNote(check, reader_->note(), root)) return;
    check.Pass(Cat("signed by ", report_.definition->ballot_box.name));
    good_notes_.push_back(reader_->note());
  }

  void JudgePollId() {
    Check& check = Of(CheckId::kPollId);
    const std::string own = base::Hex(report_.poll);
    if (!inputs_.poll.has_value()) {
      check.Skip(report_.records_read == 0 ? std::string("not pinned, and the ledger is empty")
                                           : Cat("not pinned: this ledger says its poll id is ",
                                                 own, "; compare it with what the city published"));
    } else if (report_.records_read == 0) {
      check.Fail(FaultOf("poll.other", "the ledger is empty and so of no poll"));
    } else if (*inputs_.poll != report_.poll) {
      check.Fail(
          {.record = 0,
           .kind = poll::KindName(static_cast<uint8_t>(RecordKind::kDefined)),
           .id = "poll.other",
           .text = Cat("this is the ledger of poll ", own, ", not of ", base::Hex(*inputs_.poll))});
    } else {
      report_.pinned = true;
      check.Pass(own);
    }
  }

  void JudgePreparation() {
    const poll::State& s = state();
    const poll::Definition* d = report_.definition.get();
    constexpr std::string_view kNotYet = "the ledger has not come so far";
    PassIf(CheckId::kDefinition, d != nullptr, "", kNotYet);
    PassIf(CheckId::kRoll, Accepted(RecordKind::kRollSealed) > 0, Cat(s.entitled(), " credentials"),
           kNotYet);
    const uint64_t issuers = d == nullptr ? 0 : d->issuers.size();
    PassIf(CheckId::kIssuerKeys, issuers > 0 && Accepted(RecordKind::kIssuerJoined) == issuers,
           Cat(issuers, issuers == 1 ? " issuer" : " issuers"), kNotYet);
    const uint64_t trustees = d == nullptr ? 0 : d->trustees.size();
    if (Accepted(RecordKind::kComplained) > 0) {
      Of(CheckId::kKeyCeremony)
          .Skip(Cat("ended by a complaint, this poll can only be cancelled: ", s.complaint()));
    } else {
      PassIf(CheckId::kKeyCeremony, trustees > 0 && Accepted(RecordKind::kConfirmed) == trustees,
             d == nullptr ? "" : Cat(d->trustees_needed, " of ", trustees, " trustees decrypt"),
             kNotYet);
    }
    PassIf(CheckId::kOpening, s.context() != nullptr, "", kNotYet);
  }

  void JudgeVoting() {
    const poll::State& s = state();
    const std::string_view no_ballot =
        s.context() == nullptr ? "the poll was not opened" : "no valid ballot was recorded";
    const bool ballots = Accepted(RecordKind::kBallotCast) > 0;
    for (const CheckId id :
         {CheckId::kBallotProofs, CheckId::kBallotTokens, CheckId::kBallotOrder}) {
      PassIf(id, ballots, Cat(s.ballot_records(), " ballots"), no_ballot);
    }
    for (const CheckId id : {CheckId::kBallotProofs, CheckId::kBallotTokens}) {
      if (taken_.ballots == 0) break;
      Of(id).Take(Cat(s.ballot_records() - taken_.ballots, " of ", s.ballot_records(),
                      " ballots; those in ", taken_.from, " were not checked again"));
    }
    PassIf(CheckId::kIssuanceCounts, Accepted(RecordKind::kIssuanceCounted) > 0,
           Cat(Accepted(RecordKind::kIssuanceCounted), " counts"), "no issuer counted yet");
    const uint64_t steps = Accepted(RecordKind::kPaused) + Accepted(RecordKind::kResumed) +
                           Accepted(RecordKind::kExtended) +
                           Accepted(RecordKind::kCredentialReplaced);
    PassIf(CheckId::kSteps, steps > 0, Cat(steps, " steps"), "there were none");
    JudgeLosses();
    PassIf(CheckId::kEnding, closed_at_.has_value(), Cat("end ", base::FormatUtc(s.end())),
           Accepted(RecordKind::kEnded) > 0 ? "ended, but not closed" : "the poll has not ended");
  }

  /// Said on the record or not, ballots that had receipts may be among what is lost.
  void JudgeLosses() {
    Check& check = Of(CheckId::kLosses);
    for (const poll::Course::Loss& loss : state().course().losses) {
      check.Fail(
          {.record = loss.record,
           .kind = poll::KindName(static_cast<uint8_t>(RecordKind::kLossAccepted)),
           .id = "loss.accepted",
           .text = Cat(loss.count(), " records that the ballot box had signed (", loss.record,
                       " to ", loss.lost.back().size - 1, " of a ledger with the root ",
                       base::Base64(base::View(loss.lost.back().root)),
                       ") are lost, and receipts may have been given for them; the ballot "
                       "box says why: ",
                       loss.reason)});
    }
    PassIf(CheckId::kLosses, report_.records_read > 0, "the ledger speaks of none",
           "the ledger is empty");
  }

  void JudgeRegisters() {
    const uint64_t issuers = report_.definition == nullptr ? 0 : report_.definition->issuers.size();
    const uint64_t sealed = Accepted(RecordKind::kRegisterSealed);
    const uint64_t missing = Accepted(RecordKind::kRegisterMissing);
    const std::string found = Cat(sealed, " of ", issuers, " registers are sealed");
    const bool settled = sealed > 0 && sealed + missing == issuers;
    PassIf(CheckId::kRegisters, settled, found,
           closed_at_.has_value() ? found : "the poll is not closed");
    if (settled && taken_.register_entries > 0) {
      Of(CheckId::kRegisters)
          .Take(Cat(found, "; the entries in ", taken_.from, " were not checked again"));
    }
    // A register that is missing has made this check fail.
    PassIf(CheckId::kEligibility, sealed > 0 && sealed == issuers, found,
           closed_at_.has_value() ? found : "the poll is not closed");
  }

  void JudgeTally() {
    const poll::State& s = state();
    PassIf(CheckId::kLot, Accepted(RecordKind::kLot) > 0, "", "none was recorded");
    PassIf(CheckId::kPaper, Accepted(RecordKind::kPaperCounted) > 0,
           Cat(Accepted(RecordKind::kPaperCounted), " styles"), "no paper was counted");
    PassIf(CheckId::kCancellation, Accepted(RecordKind::kCancelled) > 0, s.reason(),
           "the poll was not cancelled");
    JudgeMixing();
    JudgeDecryption();

    Check& totals = Of(CheckId::kTotals);
    if (!closed_at_.has_value() || s.phase() == Phase::kCancelled) {
      totals.Skip(Cat("there is no result: the poll is ", poll::PhaseName(s.phase())));
      return;
    }
    auto result = s.ComputeResult();
    if (!result.ok()) {
      if (base::RejectId(result.status()) == "tally.incomplete") {
        totals.Skip(Cat("no result yet: ", Message(result.status())));
      } else {
        totals.Fail(FaultOf(result.status()));
      }
      return;
    }
    report_.result = *std::move(result);
    PassIf(CheckId::kTotals, s.phase() == Phase::kCertified,
           "the certificate is what follows from the ledger", "computed, but not certified yet");
    ExplainCertificate();
  }

  void JudgeMixing() {
    Check& check = Of(CheckId::kMixing);
    if (report_.definition == nullptr) {
      check.Skip("the ledger holds no valid definition");
      return;
    }
    const poll::Definition& d = *report_.definition;
    if (std::ranges::none_of(d.contests, [](const poll::Contest& contest) {
          return contest.tally == poll::TallyKind::kMixed;
        })) {
      check.Skip("no contest of this poll is mixed");
      return;
    }
    if (!closed_at_.has_value()) {
      check.Skip("the poll is not closed");
      return;
    }
    std::string found;
    for (uint32_t c = 0; c < d.contests.size(); ++c) {
      if (!state().IsMixed(c) || !state().NeedsDecryption(c)) continue;
      const std::vector<uint32_t>& mixers = state().Mixed(c).mixers();
      if (mixers.size() < d.trustees_needed) {
        check.Skip(Cat("contest ", d.contests[c].id, " has ", mixers.size(), " of ",
                       d.trustees_needed, " mixes"));
        return;
      }
      std::string names;
      for (const uint32_t mixer : mixers) {
        names += Cat(names.empty() ? "" : ", then ", d.trustees[mixer - 1].name);
      }
      found += Cat(found.empty() ? "" : "; ", d.contests[c].id, ": ", state().ContestBallots(c),
                   " ballots by ", names);
    }
    PassIf(CheckId::kMixing, !found.empty(), found,
           "no mixed contest has enough ballots to be decrypted");
  }

  void JudgeDecryption() {
    Check& check = Of(CheckId::kDecryption);
    if (!closed_at_.has_value()) {
      check.Skip("the poll is not closed");
      return;
    }
    const uint32_t needed = report_.definition->trustees_needed;
    uint64_t contests = 0;
    for (uint32_t c = 0; c < report_.definition->contests.size(); ++c) {
      if (!state().NeedsDecryption(c)) continue;
      ++contests;
      if (state().ShareCount(c) >= needed) continue;
      check.Skip(Cat("contest ", report_.definition->contests[c].id, " has ", state().ShareCount(c),
                     " of ", needed, " shares"));
      return;
    }
    PassIf(CheckId::kDecryption, contests > 0, Cat(contests, " contests"),
           "no contest has enough ballots to be decrypted");
  }

  void JudgeReconciliation() {
    Check& check = Of(CheckId::kReconciliation);
    if (report_.definition == nullptr) {
      check.Skip("the ledger holds no valid definition");
      return;
    }
    report_.reconciliation = poll::Reconcile(state());
    if (!report_.reconciliation.has_value()) {
      check.Skip(state().phase() == Phase::kCancelled ? "the poll was cancelled"
                                                      : "the registers are not all settled");
      return;
    }
    for (const std::string& broken :
         poll::BrokenNumbers(*report_.reconciliation, *report_.definition)) {
      check.Fail(FaultOf("reconciliation.number", broken));
    }
    const poll::Reconciled& total = report_.reconciliation->total;
    check.Pass(Cat(total.roll, " on the roll = ", total.cast, " online + ", total.paper,
                   " on paper + ", total.did_not_vote(), " who did not vote"));
  }

  /// Says which number of a refused certificate is wrong.
  void ExplainCertificate() {
    if (!certificate_refused_.has_value()) return;
    const auto bytes = reader_->ReadEntry(*certificate_refused_);
    if (!bytes.ok()) return;
    const auto record = ledger::DecodeRecord(*bytes);
    if (!record.ok()) return;
    const auto payload =
        poll::DecodePayload(record->kind, record->payload, report_.definition.get());
    if (!payload.ok() || !std::holds_alternative<poll::Certified>(*payload)) return;
    const std::string difference = FirstDifference(*report_.definition, *report_.result,
                                                   std::get<poll::Certified>(*payload).body);
    for (Fault& fault : Of(CheckId::kTotals).faults) {
      if (fault.record == certificate_refused_) fault.text += Cat("; ", difference);
    }
  }

  // --- Judging what the auditor holds ---

  void JudgeHeld() {
    if (older_.has_value()) {
      Check& check = Of(CheckId::kOlderExport);
      check.subject = older_->path;
      if (JudgeNote(check, older_->note, RootFor(older_->note))) {
        check.Pass(Cat("its ", *SizeIn(older_->note), " records are the first of these"));
        good_notes_.push_back(older_->note);
      }
    } else {
      Of(CheckId::kOlderExport).Skip("none was given (--since)");
    }
    Of(CheckId::kHeldCheckpoint).Skip("none was given (--checkpoint)");
    for (const HeldNote& held : held_) {
      Check& check = Another(CheckId::kHeldCheckpoint, held.path);
      if (!JudgeNote(check, held.note, RootFor(held.note))) continue;
      check.Pass(Cat("its ", *SizeIn(held.note), " records are the first of these"));
      good_notes_.push_back(held.note);
    }
    Of(CheckId::kReceipt).Skip("none was given (--receipt)");
    for (const HeldReceipt& held : receipts_) {
      Check& check = Another(CheckId::kReceipt, held.path);
      if (!held.receipt.ok()) {
        check.Fail(FaultOf(held.receipt.status()));
      } else {
        JudgeReceipt(check, *held.receipt);
      }
    }
    Of(CheckId::kEvidence).Skip("none was given (--evidence)");
    for (const HeldEvidence& held : evidence_) {
      JudgeEvidence(Another(CheckId::kEvidence, held.path), held.evidence);
    }
  }

  /// Whatever a file says against the ledger's key, only what the key signed makes it fail.
  void JudgeEvidence(Check& check, const absl::StatusOr<ledger::Evidence>& evidence) const {
    if (!evidence.ok()) {
      check.Skip(Cat("it proves nothing: ", Message(evidence.status())));
      return;
    }
    if (report_.definition == nullptr) {
      check.Skip("the ledger holds no valid definition and so no key to judge it with");
      return;
    }
    const ledger::Judgement judgement = ledger::Judge(*evidence, report_.definition->ballot_box);
    if (judgement.proven) {
      check.Fail(
          FaultOf("evidence.proven",
                  Cat(judgement.text, report_.pinned ? ""
                                                     : ". Whose key that is, nothing says: this "
                                                       "ledger was not pinned with --poll")));
    } else {
      check.Pass(judgement.text);
    }
  }

  /// A line of its own for one file that the auditor holds.
  Check& Another(CheckId id, const std::string& path) {
    Check& check = several_[id].emplace_back();
    check.id = id;
    check.subject = path;
    return check;
  }

  void FailHeldOnes(std::string_view why) {
    if (older_.has_value()) {
      Check& check = Of(CheckId::kOlderExport);
      check.subject = older_->path;
      check.Fail(FaultOf("checkpoint.no-ledger", why));
    }
    for (const HeldNote& held : held_) {
      Another(CheckId::kHeldCheckpoint, held.path).Fail(FaultOf("checkpoint.no-ledger", why));
    }
    for (const HeldReceipt& held : receipts_) {
      Another(CheckId::kReceipt, held.path).Fail(FaultOf("receipt.no-ledger", why));
    }
    for (const HeldEvidence& held : evidence_) Another(CheckId::kEvidence, held.path).Skip(why);
  }

  void JudgeReceipt(Check& check, const ledger::Receipt& receipt) {
    if (JudgeNote(check, receipt.checkpoint, RootFor(receipt.checkpoint))) {
      const auto verified = ledger::VerifyReceipt(receipt, report_.definition->ballot_box);
      if (verified.ok()) {
        good_notes_.push_back(receipt.checkpoint);
      } else {
        check.Fail(FaultOf(verified.status()));
      }
    }
    const Wanted& wanted = wanted_records_[receipt.index];
    if (!wanted.bytes.has_value()) {
      check.Fail(FaultOf("receipt.ballot-missing",
                         Cat("the ledger has no record ", receipt.index,
                             ": the ballot that this receipt was given for is not there")));
      return;
    }
    const auto fail = [&](std::string_view id, std::string_view text, std::string_view kind) {
      check.Fail({.record = receipt.index,
                  .kind = std::string(kind),
                  .id = std::string(id),
                  .text = std::string(text)});
    };
    const auto record = ledger::DecodeRecord(*wanted.bytes);
    const std::string kind = record.ok() ? poll::KindName(record->kind) : "malformed";
    if (ledger::LeafHash(*wanted.bytes) != receipt.leaf) {
      fail("receipt.record-differs",
           "this is another record than the one that the receipt was given for: the ballot was "
           "changed, moved or removed",
           kind);
    }
    if (!record.ok()) return;
    if (crypto::HashSha256(record->payload) != receipt.body) {
      fail("receipt.ballot-differs",
           "the ballot here is not the one that the receipt was given for", kind);
    }
    if (record->kind != static_cast<uint8_t>(RecordKind::kBallotCast)) {
      fail("receipt.not-a-ballot", "the receipt is for a record that is no ballot", kind);
      return;
    }
    if (wanted.refused.has_value()) {
      fail("receipt.ballot-refused",
           Cat("the ballot breaks a rule (", *wanted.refused, ") and was not counted"), kind);
      return;
    }
    check.Pass(Cat("record ", receipt.index, ": ", WhatBecameOf(*record)));
  }

  /// Whether an accepted ballot counts or a later one of the same voter does.
  std::string WhatBecameOf(const ledger::Record& record) const {
    const auto payload = poll::DecodePayload(record.kind, record.payload, report_.definition.get());
    if (!payload.ok() || state().context() == nullptr) return "the ballot is there";
    const auto& cast = std::get<poll::BallotCast>(*payload);
    const auto ballot =
        crypto::DecodeBallot(state().context()->styles[cast.style].shape, cast.ballot);
    if (!ballot.ok()) return "the ballot is there";
    const uint16_t last = state().LastRevision(ballot->ballot_key);
    if (last == ballot->revision) return "the ballot is there and is the one that counts";
    return Cat("the ballot is there; its voter replaced it later (revision ", last, " after ",
               ballot->revision, ")");
  }

  void JudgeCosignatures() {
    if (report_.definition == nullptr) {
      Of(CheckId::kWitnesses).Skip("the ledger holds no valid definition");
      return;
    }
    JudgeWitnesses(Of(CheckId::kWitnesses),
                   {.witnesses = report_.definition->witnesses,
                    .needed = report_.definition->witnesses_needed,
                    .closed_at = closed_at_,
                    .decrypted = Accepted(RecordKind::kDecryptionPart) > 0},
                   good_notes_);
  }

  // --- After ---

  absl::StatusOr<std::optional<Report>> Finish() {
    for (Check& check : checks_) {
      const auto several = several_.find(check.id);
      if (several == several_.end()) {
        report_.checks.push_back(std::move(check));
      } else {
        std::ranges::move(several->second, std::back_inserter(report_.checks));
      }
    }
    // Of a ledger with faults there is no document, and its facts need not fit together.
    if (!report_.failed() && Final(report_.phase)) {
      URNA_ASSIGN_OR_RETURN(report_.facts,
                            documents::GatherFacts(state(), report_.result, reader_->note()));
    }
    return std::optional<Report>(std::move(report_));
  }

  struct Wanted {
    std::optional<std::string> bytes;    // none: the ledger has no such record
    std::optional<std::string> refused;  // the id of the fault
  };

  const bool take_older_;
  const Inputs& inputs_;
  const OnProgress& on_progress_;
  const std::atomic<bool>& stop_;

  // What the auditor holds, and what has to be remembered of the stream to judge it.
  std::optional<HeldNote> older_;
  std::vector<HeldNote> held_;
  std::vector<HeldReceipt> receipts_;
  std::vector<HeldEvidence> evidence_;
  std::map<uint64_t, std::optional<Hash32>> wanted_roots_;  // by size; none: not come so far
  std::map<uint64_t, Wanted> wanted_records_;               // by index
  std::vector<std::string> good_notes_;                     // checkpoints that this ledger extends

  std::unique_ptr<ledger::ExportReader> reader_;
  // Of the first `claimed_` records, until it is known whether they are those of the older export.
  std::unique_ptr<poll::ClaimedReplay> claim_;
  uint64_t claimed_ = 0;
  Taken taken_;
  std::unique_ptr<poll::Replay> replay_;
  std::unique_ptr<ledger::TileBuilder> tiles_;
  uint64_t tiles_compared_ = 0;
  std::array<uint64_t, 256> accepted_{};  // records by kind
  std::optional<uint64_t> closed_at_;
  std::optional<uint64_t> certificate_refused_;

  Report report_;
  std::array<Check, kCheckCount> checks_;
  std::map<CheckId, std::vector<Check>> several_;  // one for each file that the auditor holds
};

}  // namespace

absl::StatusOr<Report> Verify(const Inputs& inputs, const OnProgress& on_progress,
                              const std::atomic<bool>& stop) {
  std::optional<Report> report;
  if (inputs.older.has_value()) {
    URNA_ASSIGN_OR_RETURN(report, Audit(Audit::Older::kTaken, inputs, on_progress, stop).Run());
  }
  if (!report.has_value()) {
    // A claim about another ledger is worth nothing: all of this one is checked.
    URNA_ASSIGN_OR_RETURN(report, Audit(Audit::Older::kChecked, inputs, on_progress, stop).Run());
  }
  return *std::move(report);
}

}  // namespace urna::verifier
