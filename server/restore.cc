#include "server/restore.h"

#include <rocksdb/db.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <system_error>
#include <tuple>
#include <utility>

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "ledger/checkpoint.h"
#include "ledger/export.h"
#include "ledger/record.h"
#include "ledger/store/database.h"
#include "ledger/store/salvage.h"
#include "ledger/store/store.h"
#include "poll/replay.h"
#include "server/anchor.h"
#include "server/answers.h"
#include "server/publication.h"
#include "server/settings.h"
#include "server/setup.h"

namespace urna::server {
namespace {

namespace fs = std::filesystem;
using base::Cat;
using base::Failure;
using crypto::Hash32;

constexpr uint64_t kChunk = 4096;  // records written at once
constexpr size_t kMaxNoteBytes = size_t{1} << 20;
constexpr std::string_view kBuilding = ".restoring";
constexpr std::string_view kMark = "restoring.lock";

std::string MessageOf(const absl::Status& status) { return std::string(status.message()); }
absl::Status Damaged(std::string_view text) { return Failure(absl::StatusCode::kDataLoss, text); }
absl::Status FileError(const std::string& path, const std::error_code& error) {
  return Failure(absl::StatusCode::kUnavailable, Cat(path, ": ", error.message()));
}

/// One place that may have records of a ledger. What it gives is believed only as far as hashes
/// bear it out.
class Records {
 public:
  virtual ~Records() = default;
  virtual absl::StatusOr<std::string> Read(uint64_t index) = 0;
};

class RecordsOfExport final : public Records {
 public:
  explicit RecordsOfExport(std::unique_ptr<ledger::ExportReader> reader)
      : reader_(std::move(reader)) {}
  absl::StatusOr<std::string> Read(uint64_t index) override {
    if (index >= reader_->checkpoint().size) return absl::NotFoundError("behind the last record");
    const uint64_t bundle = index / ledger::kTileWidth;
    if (bundle != bundle_ || entries_.empty()) {
      entries_.clear();
      URNA_ASSIGN_OR_RETURN(entries_, reader_->ReadBundle(bundle));
      bundle_ = bundle;
    }
    return entries_.at(index % ledger::kTileWidth);
  }

 private:
  const std::unique_ptr<ledger::ExportReader> reader_;
  uint64_t bundle_ = 0;
  std::vector<std::string> entries_;
};

class RecordsOfStore final : public Records {
 public:
  RecordsOfStore(std::shared_ptr<ledger::Salvage> store, const Hash32& poll)
      : store_(std::move(store)), poll_(poll) {}
  absl::StatusOr<std::string> Read(uint64_t index) override { return store_->Read(poll_, index); }

 private:
  const std::shared_ptr<ledger::Salvage> store_;
  const Hash32 poll_;
};

/// All that is known about one ledger.
struct Sources {
  std::map<size_t, std::unique_ptr<Records>> records;  // by the place of --from
  std::vector<std::string> notes;                      // signed checkpoints
  std::vector<ledger::Store::Head> heads;              // of data folders: not signed
  std::vector<Publication> publications;
  std::vector<std::string> witnessed;  // checkpoints with cosignatures
};

struct BySize {
  bool operator()(const ledger::Checkpoint& a, const ledger::Checkpoint& b) const {
    return std::tie(a.size, a.root, a.origin) < std::tie(b.size, b.root, b.origin);
  }
};

class Restorer {
 public:
  explicit Restorer(const RestoreOptions& options)
      : options_(options), work_(Cat(options.data, kBuilding)) {}

  absl::StatusOr<RestoreReport> Run() {
    URNA_RETURN_IF_ERROR(PrepareFolder());
    for (const std::string& path : options_.from) {
      URNA_RETURN_IF_ERROR(TakeSource(path));
      ++place_;
    }
    URNA_RETURN_IF_ERROR(RestoreFiles());
    URNA_ASSIGN_OR_RETURN(const std::string anchor, AnchorFolder());
    TakeAnchors(anchor);
    TakeStores();
    URNA_RETURN_IF_ERROR(RestoreLedgers());
    for (const auto& [issuer, folders] : answers_) {
      URNA_RETURN_IF_ERROR(RestoreAnswers(issuer, folders));
    }
    Tell("checking the whole folder");
    URNA_ASSIGN_OR_RETURN(report_.check, Fsck({work_, anchor, options_.progress}));
    for (ledger::Fault& fault : report_.check.findings.faults) {
      Rename(fault.file);
      Rename(fault.what);
    }
    for (std::string& note : report_.check.findings.notes) Rename(note);
    return Finish();
  }

 private:
  void Tell(const std::string& text) const {
    if (options_.progress) options_.progress(text);
  }

  /// Messages about the folder while it was built, for who reads them when it has its name.
  void Rename(std::string& text) const {
    for (size_t at = text.find(work_); at != std::string::npos; at = text.find(work_, at)) {
      text.replace(at, work_.size(), options_.data);
      at += options_.data.size();
    }
  }

  absl::Status PrepareFolder() {
    std::error_code error;
    if (fs::exists(options_.data, error) && !fs::is_empty(options_.data, error)) {
      return Failure(absl::StatusCode::kAlreadyExists,
                     Cat(options_.data, ": is not empty; nothing is ever restored over data"));
    }
    if (fs::exists(work_, error)) {
      // Of an interrupted restoration; anybody else's folder has no mark.
      if (!fs::exists(Cat(work_, "/", kMark), error)) {
        return Failure(absl::StatusCode::kAlreadyExists, Cat(work_, ": is in the way"));
      }
      URNA_RETURN_IF_ERROR(base::FileLock::Acquire(Cat(work_, "/", kMark)).status());
      fs::remove_all(work_, error);
      if (error) return FileError(work_, error);
    }
    URNA_RETURN_IF_ERROR(base::MakeFolders(work_, 0700));
    URNA_ASSIGN_OR_RETURN(base::FileLock mark, base::FileLock::Acquire(Cat(work_, "/", kMark)));
    mark_ = std::move(mark);
    return absl::OkStatus();
  }

  // --- What there is ---

  absl::Status TakeSource(const std::string& path) {
    std::error_code error;
    if (!fs::is_directory(path, error)) {
      return Failure(absl::StatusCode::kNotFound, Cat(path, ": is no folder"));
    }
    if (fs::exists(Cat(path, "/checkpoint"), error)) return TakeExport(path, nullptr);
    // A data folder before a folder of backups: backups may lie in it.
    if (fs::is_directory(Cat(path, "/ledger"), error)) return TakeData(path);
    const auto backup = NewestBackup(path);
    if (backup.ok()) return TakeBackup(*backup);
    return Failure(
        absl::StatusCode::kNotFound,
        Cat(path, ": is neither a backup, nor the export of a ledger, nor a data folder"));
  }

  absl::Status TakeExport(const std::string& path, const Hash32* expected) {
    auto reader = ledger::ExportReader::Open(path);
    if (!reader.ok()) {
      report_.notes.push_back(Cat("not used: ", MessageOf(reader.status())));
      return absl::OkStatus();
    }
    Hash32 poll{};
    if (expected != nullptr) {
      poll = *expected;
    } else {
      const auto first = (*reader)->ReadEntry(0);
      if (!first.ok()) return base::Annotate(first.status(), path);
      poll = ledger::LeafHash(*first);
    }
    Sources& sources = ledgers_[poll];
    sources.notes.push_back((*reader)->note());
    // What anybody exported was published.
    if (expected == nullptr) sources.publications.push_back({0, (*reader)->note()});
    sources.records[place_] = std::make_unique<RecordsOfExport>(*std::move(reader));
    return absl::OkStatus();
  }

  void TakePublications(const std::string& folder) {
    std::error_code error;
    for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
      Hash32 poll;
      if (!base::Unhex(at->path().stem().string(), poll)) continue;
      if (at->path().string() == WitnessedFile(folder, poll)) {
        auto note = base::ReadFile(at->path().string(), kMaxNoteBytes);
        if (!note.ok()) continue;
        ledgers_[poll].notes.push_back(*note);
        ledgers_[poll].witnessed.push_back(*std::move(note));
        continue;
      }
      if (auto published = ReadPublication(folder, poll); published.has_value()) {
        ledgers_[poll].notes.push_back(published->note);
        ledgers_[poll].publications.push_back(*std::move(published));
      }
    }
  }

  /// What was signed last: so many records there should be.
  void TakeAnchors(const std::string& folder) {
    std::error_code error;
    for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
      Hash32 poll;
      if (at->path().extension() != ".anchor" || !base::Unhex(at->path().stem().string(), poll)) {
        continue;
      }
      auto content = ReadAnchor(at->path().string());
      if (content.ok() && !content->newest.empty()) {
        ledgers_[poll].notes.push_back(std::move(content->newest));
      }
    }
  }

  /// Data folders may have records of any poll that is known from anywhere: a damaged database
  /// cannot always list its own.
  void TakeStores() {
    for (const auto& [place, store] : stores_) {
      for (const Hash32& poll : store->Polls()) ledgers_[poll];
    }
    for (auto& [poll, sources] : ledgers_) {
      for (const auto& [place, store] : stores_) {
        sources.records[place] = std::make_unique<RecordsOfStore>(store, poll);
        if (auto note = store->Checkpoint(poll)) sources.notes.push_back(*std::move(note));
        if (const auto head = store->Head(poll)) sources.heads.push_back(*head);
      }
    }
  }

  absl::Status TakeBackup(const std::string& path) {
    const auto manifest = VerifyBackup(path, options_.progress);
    if (!manifest.ok()) {
      if (!absl::IsDataLoss(manifest.status())) return manifest.status();
      // What is left of it may still be what is missing elsewhere.
      report_.notes.push_back(
          Cat("damaged, used as far as it goes: ", MessageOf(manifest.status())));
    } else {
      report_.newest_backup = std::max(report_.newest_backup, manifest->time);
    }
    std::error_code error;
    const std::string ledgers = Cat(path, "/ledgers");
    for (fs::directory_iterator at(ledgers, error), end; !error && at != end; at.increment(error)) {
      Hash32 poll;
      if (!base::Unhex(at->path().filename().string(), poll)) continue;
      URNA_RETURN_IF_ERROR(TakeExport(at->path().string(), &poll));
    }
    for (uint64_t i = 0; fs::is_directory(Cat(path, "/issuers/", i), error); ++i) {
      answers_[i].push_back({Cat(path, "/issuers/", i), /*database=*/false});
    }
    TakePublications(Cat(path, "/published"));
    rest_.push_back(path);
    return absl::OkStatus();
  }

  absl::Status TakeData(const std::string& path) {
    auto store = ledger::Salvage::Open(Cat(path, "/ledger"));
    if (store.ok()) {
      stores_[place_] = *std::move(store);
    } else {
      report_.notes.push_back(Cat("its ledgers cannot be read: ", MessageOf(store.status())));
    }
    std::error_code error;
    for (uint64_t i = 0; fs::exists(IssuerFolder(path, i), error); ++i) {
      const std::string answers = Cat(IssuerFolder(path, i), "/answers");
      if (fs::exists(answers, error)) answers_[i].push_back({answers, /*database=*/true});
    }
    TakePublications(Cat(path, "/published"));
    rest_.push_back(path);
    data_folders_.push_back(path);
    return absl::OkStatus();
  }

  // --- Ledgers ---

  absl::Status RestoreLedgers() {
    URNA_ASSIGN_OR_RETURN(const auto store,
                          ledger::Store::Open({.folder = Cat(work_, "/ledger"), .log_folder = ""}));
    URNA_RETURN_IF_ERROR(base::MakeFolders(Cat(work_, "/published"), 0700));
    for (auto& [poll, sources] : ledgers_) {
      URNA_RETURN_IF_ERROR(
          base::Annotate(RestoreLedger(*store, poll, sources), Cat("poll ", base::Hex(poll))));
    }
    return absl::OkStatus();
  }

  /// The records at `index` that continue `previous`, each once.
  static std::vector<std::string> Candidates(Sources& sources, uint64_t index,
                                             const Hash32& previous) {
    std::vector<std::string> found;
    for (const auto& [place, source] : sources.records) {
      auto bytes = source->Read(index);
      if (!bytes.ok() || std::ranges::find(found, *bytes) != found.end()) continue;
      const auto record = ledger::DecodeRecord(*bytes);
      if (record.ok() && record->previous == previous) found.push_back(*std::move(bytes));
    }
    return found;
  }

  /// Of several records at one index the one that leads to a root that somebody speaks of, or that
  /// the next record, anywhere, names.
  static size_t Choose(Sources& sources, uint64_t index, const std::vector<std::string>& candidates,
                       const std::function<bool(const Hash32& leaf)>& leads_to_a_root) {
    if (candidates.size() == 1) return 0;
    for (size_t i = 0; i < candidates.size(); ++i) {
      if (leads_to_a_root(ledger::LeafHash(candidates[i]))) return i;
    }
    for (size_t i = 0; i < candidates.size(); ++i) {
      if (!Candidates(sources, index + 1, ledger::LeafHash(candidates[i])).empty()) return i;
    }
    return 0;
  }

  struct Explored {
    uint64_t reached = 0;              ///< records that continue one another
    std::map<uint64_t, Hash32> roots;  ///< at the sizes that were asked for
    /// Where the sources have several records, the leaf of the one that was taken.
    std::map<uint64_t, Hash32> taken;
    std::shared_ptr<const poll::Definition> definition;
  };
  /// How far the sources lead.
  Explored Explore(const Hash32& poll, Sources& sources,
                   const std::map<uint64_t, std::set<Hash32>>& wanted) {
    Explored found;
    poll::Replay replay(
        poll::Replay::Trust::kOwnStore,
        [](uint64_t) -> absl::StatusOr<std::string> { return absl::NotFoundError("not read"); },
        [](uint64_t, uint8_t, const absl::Status&) {}, poll::Sequentially);
    ledger::Frontier tree;
    Hash32 previous{};
    for (;; ++found.reached) {
      if (wanted.contains(found.reached)) found.roots[found.reached] = tree.Root();
      const auto candidates = Candidates(sources, found.reached, previous);
      if (candidates.empty()) return found;
      const auto leads_to_a_root = [&](const Hash32& leaf) {
        const auto roots = wanted.find(found.reached + 1);
        ledger::Frontier longer = tree;
        longer.Append(leaf);
        return roots != wanted.end() && roots->second.contains(longer.Root());
      };
      const std::string& record =
          candidates[Choose(sources, found.reached, candidates, leads_to_a_root)];
      previous = ledger::LeafHash(record);
      if (candidates.size() > 1) found.taken[found.reached] = previous;
      if (found.reached == 0 && previous != poll) return found;
      tree.Append(previous);
      if (found.definition == nullptr) {
        replay.Append({record});
        found.definition = replay.state().definition();
      }
      if (found.reached % kChunk == 0) {
        Tell(Cat("poll ", base::Hex(poll), ": reading record ", found.reached));
      }
    }
  }

  absl::Status RestoreLedger(ledger::Store& store, const Hash32& poll, Sources& sources) {
    if (sources.records.empty()) return absl::OkStatus();  // a publication without its ledger
    std::map<ledger::Checkpoint, std::string, BySize> notes;
    std::map<uint64_t, std::set<Hash32>> wanted;
    for (const std::string& note : sources.notes) {
      const auto body = ledger::ReadUnverified(note);
      if (!body.ok()) continue;
      notes[*body] = note;
      wanted[body->size].insert(body->root);
    }
    for (const auto& head : sources.heads) wanted[head.size].insert(head.root);
    const Explored found = Explore(poll, sources, wanted);
    // Exports and backups can come from anybody. Only the ballot box's signature says which records
    // are the ledger's; and the end of a data folder, which may be ahead of it by one write.
    if (found.definition == nullptr) {
      report_.polls.push_back(
          {poll, 0, "no source has the beginning of this ledger, with its definition"});
      return absl::OkStatus();
    }
    std::erase_if(notes, [&](const auto& entry) {
      return !ledger::OpenCheckpoint(entry.second, found.definition->ballot_box).ok();
    });
    const auto leads_to = [&](uint64_t size, const Hash32& root) {
      const auto at = found.roots.find(size);
      return at != found.roots.end() && at->second == root;
    };
    uint64_t size = 0, largest = 0;
    const ledger::Checkpoint* newest = nullptr;
    for (const auto& [checkpoint, note] : notes) {
      largest = std::max(largest, checkpoint.size);
      if (!leads_to(checkpoint.size, checkpoint.root)) continue;
      size = std::max(size, checkpoint.size);
      newest = &checkpoint;
    }
    for (const auto& head : sources.heads) {
      largest = std::max(largest, head.size);
      if (leads_to(head.size, head.root)) size = std::max(size, head.size);
    }
    RestoreReport::Poll restored{.id = poll, .records = size, .note = ""};
    if (size < largest) {
      restored.note = Cat("the sources speak of ", largest, " records; the first ", size,
                          " lead to what was signed");
    }
    report_.polls.push_back(restored);
    if (size == 0) return absl::OkStatus();
    URNA_RETURN_IF_ERROR(WriteLedger(store, poll, sources, found, size));
    URNA_ASSIGN_OR_RETURN(const ledger::Store::Head head, store.GetHead(poll));
    if (!leads_to(size, head.root)) return Damaged("a source changed while it was read");
    if (newest != nullptr) {
      URNA_RETURN_IF_ERROR(store.PutCheckpoint(poll, newest->size, notes.at(*newest)));
    }
    return RestoreShown(poll, sources, found.definition->ballot_box);
  }

  /// The newest that was published, and cosigned: even if this ledger does not come up to it, and
  /// above all then. A server compares at its start.
  absl::Status RestoreShown(const Hash32& poll, const Sources& sources,
                            const ledger::NoteKey& ballot_box) {
    const std::string folder = Cat(work_, "/published");
    const Publication* shown = nullptr;
    uint64_t shown_size = 0;
    for (const Publication& publication : sources.publications) {
      const auto body = ledger::OpenCheckpoint(publication.note, ballot_box);
      if (!body.ok() || body->size < shown_size) continue;
      shown = &publication;
      shown_size = body->size;
    }
    if (shown != nullptr) URNA_RETURN_IF_ERROR(StorePublication(folder, poll, *shown));
    const std::string* witnessed = nullptr;
    uint64_t witnessed_size = 0;
    for (const std::string& note : sources.witnessed) {
      const auto body = ledger::OpenCheckpoint(note, ballot_box);
      if (!body.ok() || body->size < witnessed_size) continue;
      witnessed = &note;
      witnessed_size = body->size;
    }
    if (witnessed == nullptr) return absl::OkStatus();
    return base::WriteFileAtomic(WitnessedFile(folder, poll), *witnessed, 0600);
  }

  absl::Status WriteLedger(ledger::Store& store, const Hash32& poll, Sources& sources,
                           const Explored& found, uint64_t size) {
    ledger::Store::Batch batch;
    batch.poll = poll;
    Hash32 previous{};
    for (uint64_t index = 0; index < size; ++index) {
      const auto candidates = Candidates(sources, index, previous);
      const auto taken = found.taken.find(index);
      const auto record = std::ranges::find_if(candidates, [&](const std::string& one) {
        return taken == found.taken.end() || ledger::LeafHash(one) == taken->second;
      });
      if (record == candidates.end()) return Damaged("a source changed while it was read");
      batch.records.push_back(*record);
      previous = ledger::LeafHash(*record);
      if (batch.records.size() < kChunk && index + 1 < size) continue;
      Tell(Cat("poll ", base::Hex(poll), ": writing record ", index, " of ", size));
      URNA_RETURN_IF_ERROR(store.Append({&batch, 1}).status());
      batch.records.clear();
    }
    return absl::OkStatus();
  }

  // --- Answers ---

  struct AnswerSource {
    std::string folder;
    bool database = false;
  };

  /// Answers are never changed: all that any source has are right, and together they are the most.
  absl::Status RestoreAnswers(uint64_t issuer, const std::vector<AnswerSource>& sources) {
    const std::string folder = Cat(IssuerFolder(work_, issuer), "/answers");
    URNA_ASSIGN_OR_RETURN(const auto database,
                          ledger::OpenDatabase(ledger::DurableOptions(), folder, folder));
    for (const AnswerSource& source : sources) {
      Tell(Cat("answers of issuer ", issuer, " from ", source.folder));
      URNA_RETURN_IF_ERROR(source.database ? TakeDatabase(*database, source.folder)
                                           : TakeParts(*database, source.folder));
    }
    return absl::OkStatus();
  }
  static absl::Status TakeAnswer(rocksdb::DB& database, const std::string& key,
                                 const std::string& value, rocksdb::WriteBatch& batch) {
    std::string there;
    const rocksdb::Status status = database.Get({}, key, &there);
    if (status.ok() && there != value) {
      return Damaged(Cat("two different answers to one credential (key ", base::Hex(key),
                         "): one of the sources comes from a server that was started with an old "
                         "copy of the answers and gave a second token"));
    }
    if (status.IsNotFound()) return ledger::FromRocks(batch.Put(key, value), "an answer");
    return ledger::FromRocks(status, "an answer");
  }
  static absl::Status Write(rocksdb::DB& database, rocksdb::WriteBatch& batch) {
    rocksdb::WriteOptions options;
    options.sync = true;
    URNA_RETURN_IF_ERROR(ledger::FromRocks(database.Write(options, &batch), "writing answers"));
    batch.Clear();
    return absl::OkStatus();
  }
  absl::Status TakeParts(rocksdb::DB& database, const std::string& folder) {
    std::error_code error;
    for (size_t part = 0;; ++part) {
      const std::string path = Cat(folder, "/answers-", part);
      if (!fs::exists(path, error)) return absl::OkStatus();
      URNA_ASSIGN_OR_RETURN(const std::string bytes, base::ReadFile(path));
      const auto answers = DecodeAnswers(bytes);
      if (!answers.ok()) {
        report_.notes.push_back(Cat(path, ": not used: ", MessageOf(answers.status())));
        continue;
      }
      rocksdb::WriteBatch batch;
      for (const auto& [key, value] : *answers) {
        URNA_RETURN_IF_ERROR(TakeAnswer(database, key, value, batch));
      }
      URNA_RETURN_IF_ERROR(Write(database, batch));
    }
  }
  absl::Status TakeDatabase(rocksdb::DB& database, const std::string& folder) {
    auto opened = ledger::OpenReadOnly(ledger::DurableOptions(), folder);
    if (!opened.ok()) opened = ledger::OpenDamaged(ledger::DurableOptions(), folder);
    if (!opened.ok()) {
      report_.notes.push_back(Cat("answers not used: ", MessageOf(opened.status())));
      return absl::OkStatus();
    }
    rocksdb::WriteBatch batch;
    const std::unique_ptr<rocksdb::Iterator> at((*opened)->NewIterator({}));
    for (at->SeekToFirst(); at->Valid(); at->Next()) {
      const std::string key = at->key().ToString(), value = at->value().ToString();
      if (const auto answer = DecodeAnswer(key, value); !answer.ok()) {
        report_.notes.push_back(Cat(folder, ": ", MessageOf(answer.status())));
        continue;
      }
      URNA_RETURN_IF_ERROR(TakeAnswer(database, key, value, batch));
      if (batch.Count() >= kChunk) URNA_RETURN_IF_ERROR(Write(database, batch));
    }
    if (!at->status().ok()) {
      report_.notes.push_back(Cat(folder, ": reading stopped: ", at->status().ToString()));
    }
    return Write(database, batch);
  }

  // --- The rest ---

  absl::Status RestoreFiles() {
    std::error_code error;
    const auto copy_missing = [&](const std::string& from,
                                  const std::string& name) -> absl::Status {
      const std::string source = Cat(from, "/", name), target = Cat(work_, "/", name);
      if (!fs::exists(source, error) || fs::exists(target, error)) return absl::OkStatus();
      fs::copy(source, target, fs::copy_options::recursive, error);
      return error ? FileError(source, error) : absl::OkStatus();
    };
    if (!options_.keys.empty()) {
      URNA_RETURN_IF_ERROR(CopyKeys(options_.keys, work_).status());
    }
    for (const std::string& data : data_folders_) {
      const auto copied = CopyKeys(data, work_);
      // Older keys of the same names: the folder given as --keys wins.
      if (absl::IsAlreadyExists(copied.status()) || absl::IsNotFound(copied.status())) {
        report_.notes.push_back(MessageOf(copied.status()));
      } else if (!copied.ok()) {
        return copied.status();
      }
    }
    for (const std::string& from : rest_) {
      for (const char* name : {"urna-server.conf", "evidence"}) {
        URNA_RETURN_IF_ERROR(copy_missing(from, name));
      }
    }
    // Anchors that were kept inside of a data folder; those elsewhere are where they were.
    URNA_ASSIGN_OR_RETURN(const std::string anchor, AnchorFolder());
    if (anchor != Cat(work_, "/anchor")) return absl::OkStatus();
    for (const std::string& data : data_folders_) {
      URNA_RETURN_IF_ERROR(copy_missing(data, "anchor"));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> AnchorFolder() const {
    if (!options_.anchor.empty()) return options_.anchor;
    Settings settings;
    const std::string path = Cat(work_, "/urna-server.conf");
    const auto text = base::ReadFile(path, 1 << 20);
    if (text.ok()) URNA_RETURN_IF_ERROR(ReadConfig(path, *text, settings));
    return settings.anchor.empty() ? Cat(work_, "/anchor") : settings.anchor;
  }

  absl::StatusOr<RestoreReport> Finish() {
    std::error_code error;
    fs::remove(Cat(work_, "/", kMark), error);
    fs::remove(options_.data, error);  // an empty folder
    fs::rename(work_, options_.data, error);
    if (error) return FileError(options_.data, error);
    const std::string parent = fs::absolute(options_.data).parent_path().string();
    URNA_RETURN_IF_ERROR(base::SyncFileSystem(parent));
    return std::move(report_);
  }

  const RestoreOptions& options_;
  const std::string work_;
  std::optional<base::FileLock> mark_;
  RestoreReport report_;
  size_t place_ = 0;
  std::map<size_t, std::shared_ptr<ledger::Salvage>> stores_;
  std::map<Hash32, Sources> ledgers_;
  std::map<uint64_t, std::vector<AnswerSource>> answers_;
  std::vector<std::string> rest_;  // folders that may have other files
  std::vector<std::string> data_folders_;
};

}  // namespace

absl::StatusOr<RestoreReport> Restore(const RestoreOptions& options) {
  return Restorer(options).Run();
}

}  // namespace urna::server
