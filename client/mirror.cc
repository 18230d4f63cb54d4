#include "client/mirror.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"
#include "ledger/record.h"
#include "ledger/site.h"
#include "ledger/tiles.h"
#include "poll/cosignatures.h"

namespace urna::client {
namespace {

namespace fs = std::filesystem;
using base::Cat;
using base::Failure;
using base::Reject;
using ledger::Checkpoint;
using ledger::TileId;

// Checked at once: enough for every core and for checking ballots as one equation.
constexpr size_t kMaxBatch = 1024;
constexpr size_t kMaxBatchBytes = size_t{16} << 20;
// Issuers count their tokens at least so often while a poll is open.
constexpr uint64_t kIssuersCount = 3600;
constexpr size_t kMaxAlarm = size_t{1} << 16;
// A record has so many bytes at least, in its bundle and in its tile.
constexpr uint64_t kLeastBytes = 2 + ledger::kRecordHeaderBytes + sizeof(Hash32);
// What is shown must not fill the disk that others need too.
constexpr uint64_t kReserve = uint64_t{64} << 20;

std::string MessageOf(const absl::Status& status) { return std::string(status.message()); }

std::string Describe(const Checkpoint& checkpoint) {
  return Cat(checkpoint.size, " records with the root ", base::Hex(checkpoint.root));
}

absl::Status Damaged(const std::string& folder, std::string_view what) {
  return Failure(absl::StatusCode::kDataLoss,
                 Cat(folder, ": the copy is damaged, or no mirror made it: ", what,
                     ". Nobody is accused. See what urna-verify says of it, then move it away and "
                     "let the mirror fetch it anew"));
}

/// Checks records that nothing vouches for, many at a time, and keeps the first fault.
class Checker {
 public:
  Checker(poll::State state, poll::Replay::ParallelFor parallel_for)
      : replay_(
            poll::Replay::Trust::kNothing, std::move(state),
            [this](uint64_t index, uint8_t kind, const absl::Status& fault) {
              if (fault_.ok()) {
                fault_ =
                    base::Annotate(fault, Cat("record ", index, " (", poll::KindName(kind), ")"));
              }
            },
            std::move(parallel_for)) {}
  Checker(const Checker&) = delete;  // the callback above points here
  Checker& operator=(const Checker&) = delete;

  /// After a fault nothing is checked any more: there is no state that could be taken.
  void Append(const std::string& record) {
    if (!fault_.ok()) return;
    batch_.push_back(record);
    bytes_ += record.size();
    // Until the definition is known nothing is: look at each record at once.
    if (state().definition() == nullptr || batch_.size() == kMaxBatch || bytes_ > kMaxBatchBytes) {
      Flush();
    }
  }
  void Flush() {
    replay_.Append(batch_);
    batch_.clear();
    bytes_ = 0;
  }
  /// As of the last Flush.
  const poll::State& state() const { return replay_.state(); }
  const absl::Status& fault() const { return fault_; }
  poll::State TakeState() && { return std::move(replay_).TakeState(); }

 private:
  absl::Status fault_;
  poll::Replay replay_;
  std::vector<std::string> batch_;
  size_t bytes_ = 0;
};

/// Whether there is room for so many more records, however small. A signed checkpoint can say any
/// size.
absl::Status CheckRoom(const std::string& folder, uint64_t records) {
  std::error_code error;
  const fs::space_info space = fs::space(folder, error);
  if (error) return Failure(absl::StatusCode::kUnavailable, Cat(folder, ": ", error.message()));
  if (space.available > kReserve && (space.available - kReserve) / kLeastBytes >= records) {
    return absl::OkStatus();
  }
  return Failure(absl::StatusCode::kResourceExhausted,
                 Cat(folder, ": there is no room for ", records, " more records"));
}

absl::Status OtherPoll(const Hash32& wanted, const Hash32& found) {
  return Reject("ledger.poll-id", Cat("record 0 is not that of poll ", base::Hex(wanted),
                                      " but of poll ", base::Hex(found)));
}

}  // namespace

// --- The folder

Mirror::Mirror(Options options, base::FileLock lock)
    : options_(std::move(options)),
      lock_(std::move(lock)),
      state_([this](uint64_t index) { return ReadRecord(index); }) {}

std::string Mirror::Path(std::string_view name) const { return Cat(options_.folder, "/", name); }

absl::StatusOr<std::unique_ptr<Mirror>> Mirror::Open(Options options) {
  const std::string id = base::Hex(options.poll);
  for (const char* folder : {"", "/spare", "/evidence"}) {
    URNA_RETURN_IF_ERROR(base::MakeFolders(Cat(options.folder, folder)));
  }
  auto lock = base::FileLock::Acquire(Cat(options.folder, "/", id, ".lock"));
  if (absl::IsFailedPrecondition(lock.status())) {
    return base::Annotate(lock.status(), "a mirror of this poll runs on this folder already");
  }
  URNA_RETURN_IF_ERROR(lock.status());
  std::unique_ptr<Mirror> mirror(new Mirror(std::move(options), *std::move(lock)));
  auto alarm = base::ReadFile(mirror->Path(Cat(id, ".alarm")), kMaxAlarm);
  if (!alarm.ok() && !absl::IsNotFound(alarm.status())) return alarm.status();
  // A file that somebody emptied still is one.
  if (alarm.ok()) mirror->alarm_ = alarm->empty() ? "ALARM\n" : *std::move(alarm);
  std::error_code error;
  if (fs::exists(fs::symlink_status(mirror->Path(id), error))) {
    URNA_RETURN_IF_ERROR(mirror->Load());
  }
  return mirror;
}

absl::Status Mirror::Load() {
  const std::string folder = Path(base::Hex(poll()));
  auto opened_export = ledger::ExportReader::Open(folder);
  if (!base::RejectId(opened_export.status()).empty()) {
    return Damaged(folder, MessageOf(opened_export.status()));
  }
  URNA_RETURN_IF_ERROR(opened_export.status());
  const Reader reader = *std::move(opened_export);
  if (!reader->file_faults().empty()) {
    return Damaged(folder, MessageOf(reader->file_faults().front()));
  }
  held_ = reader;  // for what the checks read back
  Checker checker(state_, options_.parallel_for);
  absl::Status tile_fault;
  const auto compare = [&](const TileId& id, const std::string& bytes) {
    const auto kept = reader->ReadTile(id);
    if (tile_fault.ok() && (!kept.ok() || *kept != bytes)) {
      tile_fault = Damaged(folder, Cat(id.Path(), " is not the tile of its records"));
    }
  };
  ledger::TileBuilder tiles(compare);
  for (uint64_t bundle = 0; bundle < reader->bundle_count(); ++bundle) {
    const auto records = reader->ReadBundle(bundle);
    if (!records.ok()) return Damaged(folder, MessageOf(records.status()));
    for (const std::string& record : *records) {
      tiles.Append(ledger::LeafHash(record));
      checker.Append(record);
    }
    options_.progress("checked", tiles.size(), reader->checkpoint().size);
  }
  checker.Flush();
  for (const auto& [id, bytes] : tiles.Partials()) compare(id, bytes);
  URNA_RETURN_IF_ERROR(tile_fault);
  if (!checker.fault().ok()) return Damaged(folder, MessageOf(checker.fault()));
  if (checker.state().poll() != poll()) {
    return Damaged(folder, MessageOf(OtherPoll(poll(), checker.state().poll())));
  }
  if (checker.state().definition() == nullptr) return Damaged(folder, "it has no whole definition");
  const auto opened =
      ledger::OpenCheckpoint(reader->note(), checker.state().definition()->ballot_box);
  if (!opened.ok()) return Damaged(folder, MessageOf(opened.status()));
  if (opened->root != tiles.Root()) return Damaged(folder, "its root is not that of its records");
  state_ = std::move(checker).TakeState();
  return Show();
}

/// From now on the export in place, whose state is known, is what is held and served.
absl::Status Mirror::Show() {
  URNA_ASSIGN_OR_RETURN(Reader reader, ledger::ExportReader::Open(Path(base::Hex(poll()))));
  const std::lock_guard guard(mutex_);
  held_ = std::move(reader);
  grows_within_.reset();
  if (state_.phase() == poll::Phase::kOpen) {
    grows_within_ = kIssuersCount + state_.definition()->publish_every;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Mirror::ReadRecord(uint64_t index) const {
  return writer_ != nullptr ? writer_->ReadEntry(index) : held()->ReadEntry(index);
}

absl::Status Mirror::ClearSpare() const {
  const std::string path = Path(Cat("spare/", base::Hex(poll())));
  std::error_code error;
  fs::remove_all(path, error);
  if (!error) return absl::OkStatus();
  return Failure(absl::StatusCode::kUnavailable,
                 Cat(path, ": cannot be removed: ", error.message()));
}

// --- Following

absl::StatusOr<Mirror::News> Mirror::Follow(LedgerSource& source) {
  if (!alarm().empty()) {
    return Failure(
        absl::StatusCode::kFailedPrecondition,
        Cat("there is an alarm about this ledger, see ", Path(Cat(base::Hex(poll()), ".alarm")),
            "; the copy stays as it was before"));
  }
  URNA_ASSIGN_OR_RETURN(const std::string note, source.Checkpoint());
  const Reader held = this->held();
  if (held == nullptr) {
    URNA_ASSIGN_OR_RETURN(const ledger::Note parsed, ledger::Note::Parse(note));
    URNA_ASSIGN_OR_RETURN(const Checkpoint claimed, Checkpoint::ParseBody(parsed.text));
    return Advance(source, note, claimed, nullptr);
  }
  URNA_ASSIGN_OR_RETURN(const Checkpoint shown, ledger::OpenCheckpoint(note, key()));
  if (shown.size <= held->checkpoint().size) return Compare(source, note, shown, held);
  return Advance(source, note, shown, held);
}

/// What is shown is no larger than what is held.
absl::StatusOr<Mirror::News> Mirror::Compare(LedgerSource& source, const std::string& note,
                                             const Checkpoint& shown, const Reader& held) {
  const ledger::NodeReader nodes = [&held](uint32_t level, uint64_t index) {
    return held->ReadNode(level, index);
  };
  URNA_ASSIGN_OR_RETURN(const Hash32 root, ledger::RootAt(shown.size, nodes));
  if (root == shown.root) {
    if (shown.size < held->checkpoint().size) return News::kOlder;
    URNA_RETURN_IF_ERROR(TakeCosignatures(note, held));
    return News::kSame;
  }
  if (shown.size == 0) {
    return Reject("ledger.root", "a signed checkpoint of no records has not the root of none");
  }
  URNA_ASSIGN_OR_RETURN(const ledger::Evidence fork,
                        ledger::MakeFork(note, held->note(), key(), nodes));
  const ledger::Judgement judgement = ledger::Judge(fork, key());
  if (!judgement.proven) return Damaged(Path(base::Hex(poll())), judgement.text);
  // The alarm first: for the rest it takes the very source that lied.
  const std::string name = NameOf(shown);
  RaiseAlarm(judgement.text, name, fork);
  const auto copied = CopyOther(source, note, shown, *held, nullptr);
  if (copied.ok()) {
    KeepOther(name);
  } else {
    options_.log(
        Cat("the ledger that was shown could not be copied: ", MessageOf(copied.status())));
  }
  return Reject("ledger.forked", judgement.text);
}

/// The checkpoint that is held, cosigned by more of the poll's witnesses.
absl::Status Mirror::TakeCosignatures(const std::string& note, const Reader& held) {
  const auto count = [this](const std::string& bytes) {
    const auto parsed = ledger::Note::Parse(bytes);
    return parsed.ok() ? poll::CosignaturesOn(*state_.definition(), *parsed).present.size() : 0;
  };
  if (note == held->note() || count(note) <= count(held->note())) return absl::OkStatus();
  URNA_RETURN_IF_ERROR(base::WriteFileAtomic(Path(Cat(base::Hex(poll()), "/checkpoint")), note));
  options_.persisted();
  return Show();
}

absl::StatusOr<Mirror::News> Mirror::Advance(LedgerSource& source, const std::string& note,
                                             const Checkpoint& claimed, const Reader& held) {
  const std::string spare = Path(Cat("spare/", base::Hex(poll())));
  const uint64_t start = held == nullptr ? 0 : held->checkpoint().size;
  URNA_RETURN_IF_ERROR(ClearSpare());
  URNA_RETURN_IF_ERROR(CheckRoom(options_.folder, claimed.size - start));
  if (held != nullptr) {
    URNA_RETURN_IF_ERROR(ledger::LinkExport(Path(base::Hex(poll())), spare));
  }
  URNA_ASSIGN_OR_RETURN(auto writer, ledger::ExportWriter::Continue(spare));
  if (writer->size() != start || (held != nullptr && writer->Root() != held->checkpoint().root)) {
    return Failure(absl::StatusCode::kDataLoss,
                   Cat(Path(base::Hex(poll())), ": was changed by another program; start anew"));
  }
  // State reads earlier records through it.
  writer_ = std::move(writer);
  const auto end = [this](const absl::Status& status) {
    writer_.reset();
    ClearSpare().IgnoreError();  // it is cleared before it is used, too
    return status;
  };

  Checker checker(state_, options_.parallel_for);
  const auto take = [&](const std::string& record) -> absl::StatusOr<bool> {
    const bool defined = checker.state().definition() != nullptr;
    if (writer_->size() == 0 && ledger::LeafHash(record) != poll()) {
      return OtherPoll(poll(), ledger::LeafHash(record));
    }
    URNA_RETURN_IF_ERROR(writer_->Append(record));
    checker.Append(record);
    if (!defined) {
      URNA_RETURN_IF_ERROR(checker.fault());
      if (checker.state().definition() != nullptr) {
        // Now it is known whose signature it takes to ask for so many records.
        URNA_RETURN_IF_ERROR(
            ledger::OpenCheckpoint(note, checker.state().definition()->ballot_box).status());
      }
    }
    if (writer_->size() % kMaxBatch == 0 || writer_->size() == claimed.size) {
      options_.progress("fetched", writer_->size(), claimed.size);
      URNA_RETURN_IF_ERROR(CheckRoom(options_.folder, claimed.size - writer_->size()));
    }
    return true;
  };
  const absl::Status fetched = source.Records(start, claimed.size, take);
  if (!fetched.ok()) return end(fetched);
  checker.Flush();
  if (checker.state().definition() == nullptr) {
    return end(
        Reject("ledger.incomplete", "the published records do not hold the whole definition"));
  }
  if (writer_->Root() != claimed.root) {
    const absl::Status differs = Reject(
        "ledger.root", Cat(source.name(), " sent records that are not those of the checkpoint of ",
                           claimed.size, " records that it shows"));
    const absl::Status ended = end(checker.fault().ok() ? differs : checker.fault());
    return held == nullptr ? ended : ProveFork(source, note, claimed, held, ended);
  }
  // What could not be judged, because this disk failed, accuses nobody either.
  if (!checker.fault().ok() && base::RejectId(checker.fault()).empty()) return end(checker.fault());
  if (const absl::Status written = writer_->Finish(note); !written.ok()) return end(written);
  if (!checker.fault().ok()) {
    const std::string name = NameOf(claimed);
    std::string what = Cat("a ledger of ", Describe(claimed), " is signed with the key of ",
                           claimed.origin, ", and breaks a rule: ", MessageOf(checker.fault()),
                           " (", base::RejectId(checker.fault()), ")");
    if (base::RejectId(checker.fault()).starts_with("record.kind-")) {
      what += ". Is this program older than the server's? Then take the newer one first";
    }
    writer_.reset();
    KeepOther(name);
    RaiseAlarm(what, name, std::nullopt);
    return base::Annotate(checker.fault(), "the signed ledger breaks a rule");
  }
  const auto tiles = [&]() -> absl::Status {
    URNA_ASSIGN_OR_RETURN(const auto reader, ledger::ExportReader::Open(spare));
    URNA_RETURN_IF_ERROR(CompareTiles(source, *reader, start));
    return base::PutFolder(spare, Path(base::Hex(poll())));
  }();
  if (!tiles.ok()) return end(tiles);
  options_.persisted();
  state_ = std::move(checker).TakeState();
  writer_.reset();
  URNA_RETURN_IF_ERROR(Show());
  return News::kNewer;
}

/// Those that are new since `known_size` records, or grew.
absl::Status Mirror::CompareTiles(LedgerSource& source, const ledger::ExportReader& reader,
                                  uint64_t known_size) const {
  const uint64_t size = reader.checkpoint().size;
  for (uint32_t level = 0; ledger::TileCount(size, level) > 0; ++level) {
    const uint64_t full = (known_size >> 8 * level) / ledger::kTileWidth;
    for (uint64_t index = full; index < ledger::TileCount(size, level); ++index) {
      const TileId id = ledger::TileAt(size, level, index);
      URNA_ASSIGN_OR_RETURN(const std::optional<std::string> shown, source.Tile(id));
      if (!shown.has_value()) return absl::OkStatus();
      URNA_ASSIGN_OR_RETURN(const std::string own, reader.ReadTile(id));
      if (*shown != own) {
        return Reject("tile.differs", Cat(source.name(), "/", id.Path(),
                                          ": is not the tile of the records that it shows"));
      }
    }
  }
  return absl::OkStatus();
}

// --- What must not be

/// What was sent does not continue what is held. Whether what was signed does not, only all of its
/// records can show: bytes alone that come from a source accuse nobody.
absl::Status Mirror::ProveFork(LedgerSource& source, const std::string& note,
                               const Checkpoint& shown, const Reader& held,
                               const absl::Status& fault) {
  URNA_ASSIGN_OR_RETURN(ledger::ForkProver prover,
                        ledger::ForkProver::Begin(held->note(), note, key()));
  const auto first = CopyOther(source, note, shown, *held, &prover);
  if (base::RejectId(first.status()) == "ledger.root") return fault;
  URNA_RETURN_IF_ERROR(first.status());
  URNA_ASSIGN_OR_RETURN(const std::optional<ledger::Evidence> fork, prover.Finish());
  if (!fork.has_value()) {
    URNA_RETURN_IF_ERROR(ClearSpare());
    return fault;
  }
  std::string what = ledger::Judge(*fork, key()).text;
  if (first->has_value()) what += Cat("; the first record that differs is record ", **first);
  const std::string name = NameOf(shown);
  RaiseAlarm(what, name, fork);
  KeepOther(name);
  return Reject("ledger.forked", what);
}

/// Copies the whole ledger that `note` signs into the spare folder. Returns the first record in
/// which it differs from what is held. Errors: Reject("ledger.root") if what comes is not that
/// ledger; network and file failures.
absl::StatusOr<std::optional<uint64_t>> Mirror::CopyOther(LedgerSource& source,
                                                          const std::string& note,
                                                          const Checkpoint& shown,
                                                          const ledger::ExportReader& held,
                                                          ledger::ForkProver* prover) const {
  URNA_RETURN_IF_ERROR(ClearSpare());
  URNA_RETURN_IF_ERROR(CheckRoom(options_.folder, shown.size));
  const std::string spare = Path(Cat("spare/", base::Hex(poll())));
  URNA_ASSIGN_OR_RETURN(const auto writer, ledger::ExportWriter::Create(spare));
  std::optional<uint64_t> first;
  std::vector<std::string> own;  // the bundle of what is held
  const auto take = [&](const std::string& record) -> absl::StatusOr<bool> {
    const uint64_t index = writer->size();
    if (!first.has_value() && index < held.checkpoint().size) {
      if (index % ledger::kTileWidth == 0) {
        URNA_ASSIGN_OR_RETURN(own, held.ReadBundle(index / ledger::kTileWidth));
      }
      if (own[index % ledger::kTileWidth] != record) first = index;
    }
    URNA_RETURN_IF_ERROR(writer->Append(record));
    if (prover != nullptr) prover->Append(ledger::LeafHash(record));
    if (writer->size() % kMaxBatch == 0 || writer->size() == shown.size) {
      options_.progress("fetched", writer->size(), shown.size);
      URNA_RETURN_IF_ERROR(CheckRoom(options_.folder, shown.size - writer->size()));
    }
    return true;
  };
  absl::Status copied = source.Records(0, shown.size, take);
  if (copied.ok() && writer->Root() != shown.root) {
    copied = Reject("ledger.root", Cat(source.name(),
                                       " sent records that are not those of the "
                                       "checkpoint that it shows"));
  }
  if (copied.ok()) copied = writer->Finish(note);
  if (!copied.ok()) {
    ClearSpare().IgnoreError();
    return copied;
  }
  return first;
}

std::string Mirror::NameOf(const Checkpoint& shown) const {
  return Cat(base::Hex(poll()), "-", shown.size, "-", base::Hex(shown.root).substr(0, 16));
}

void Mirror::KeepOther(const std::string& name) const {
  const std::string path = Path(Cat("evidence/", name));
  const absl::Status kept = base::PutFolder(Path(Cat("spare/", base::Hex(poll()))), path);
  options_.log(kept.ok() ? Cat("the ledger that was shown is kept in ", path)
                         : Cat("the ledger that was shown could not be kept: ", MessageOf(kept)));
}

void Mirror::RaiseAlarm(std::string_view what, const std::string& name,
                        const std::optional<ledger::Evidence>& evidence) {
  const std::string file = Path(Cat("evidence/", name, ".evidence"));
  std::string text = Cat("ALARM ", base::FormatUtc(options_.now()), "\npoll ", base::Hex(poll()),
                         "\n\n", what, ".\n\nKept: evidence/", name, "*\n");
  absl::Status kept;
  if (evidence.has_value()) {
    kept = base::WriteFileAtomic(file, ledger::EncodeEvidence(*evidence));
    text += Cat("It is proven to anybody by: urna-verify --log '", key().ToString(),
                "' --evidence FILE\n");
  }
  absl::Status noted = base::WriteFileAtomic(Path(Cat(base::Hex(poll()), ".alarm")), text);
  if (kept.ok()) kept = std::move(noted);
  {
    const std::lock_guard guard(mutex_);
    alarm_ = std::move(text);
  }
  options_.log(Cat("*** ALARM *** ", what,
                   ". The copy stays as it was before. Tell the officials, the public and other "
                   "mirrors",
                   evidence.has_value() ? Cat("; what proves it is ", file) : ""));
  if (!kept.ok()) {
    options_.log(Cat("*** what the alarm is about could not be kept: ", MessageOf(kept),
                     "; copy these lines"));
    if (evidence.has_value()) options_.log(ledger::EncodeEvidence(*evidence));
  }
}

// --- For others

Mirror::Reader Mirror::held() const {
  const std::lock_guard guard(mutex_);
  return held_;
}

std::optional<Checkpoint> Mirror::checkpoint() const {
  const Reader reader = held();
  if (reader == nullptr) return std::nullopt;
  return reader->checkpoint();
}

std::string Mirror::alarm() const {
  const std::lock_guard guard(mutex_);
  return alarm_;
}

std::optional<uint64_t> Mirror::grows_within() const {
  const std::lock_guard guard(mutex_);
  return grows_within_;
}

http::Response Mirror::Serve(std::string_view file) const {
  const http::Response not_there{.status = 404, .body = "not here\n"};
  if (file == "alarm") {
    const std::string text = alarm();
    return text.empty() ? not_there : http::Response{.body = text};
  }
  if (file == "evidence") {
    std::error_code error;
    std::vector<std::string> paths;
    for (const auto& entry : fs::directory_iterator(Path("evidence"), error)) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with(base::Hex(poll())) && name.ends_with(".evidence")) {
        paths.push_back(entry.path().string());
      }
    }
    std::ranges::sort(paths);
    const auto bytes = paths.empty() ? absl::StatusOr<std::string>(absl::NotFoundError(""))
                                     : base::ReadFile(paths[0], ledger::kMaxEvidenceBytes);
    return bytes.ok() ? http::Response{.body = *bytes} : not_there;
  }
  Reader reader = held();
  if (reader == nullptr) return not_there;
  if (file == "checkpoint") {
    return {.body = reader->note(), .cache_control = std::string(ledger::kCacheNever)};
  }
  const auto id = TileId::Parse(file);
  if (!id.ok() || !ledger::IsWithin(reader->checkpoint().size, *id)) return not_there;
  auto bytes = reader->ReadPart(*id);
  // While it was read, the copy may have been exchanged twice, and its files be gone.
  if (!bytes.ok()) bytes = held()->ReadPart(*id);
  if (!bytes.ok()) return {.status = 500, .body = "cannot be read\n"};
  return {.body = *std::move(bytes),
          .content_type = "application/octet-stream",
          .cache_control = std::string(ledger::kCacheForEver)};
}

http::Response ServeMirrors(const std::vector<std::unique_ptr<Mirror>>& mirrors,
                            const http::Request& request) {
  if (request.method == "POST") return {.status = 405, .body = "GET and HEAD only\n"};
  if (request.path == "/") {
    http::Response list{.cache_control = std::string(ledger::kCacheNever)};
    for (const auto& mirror : mirrors) {
      const auto checkpoint = mirror->checkpoint();
      if (!checkpoint.has_value()) continue;
      list.body += Cat(base::Hex(mirror->poll()), " ", checkpoint->origin, "\n");
    }
    return list;
  }
  if (const auto asked = ledger::ParseSitePath(request.path); asked.has_value()) {
    for (const auto& mirror : mirrors) {
      if (mirror->poll() == asked->poll) return mirror->Serve(asked->file);
    }
  }
  return {.status = 404, .body = "not here\n"};
}

}  // namespace urna::client
