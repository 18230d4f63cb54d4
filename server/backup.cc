#include "server/backup.h"

#include <rocksdb/db.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "base/bytes.h"
#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "ledger/checkpoint.h"
#include "ledger/export.h"
#include "ledger/record.h"
#include "ledger/store/database.h"
#include "ledger/store/fsck.h"
#include "ledger/store/store.h"
#include "poll/replay.h"
#include "server/anchor.h"
#include "server/answers.h"
#include "server/keys.h"
#include "server/poll_files.h"
#include "server/publication.h"
#include "server/setup.h"

namespace urna::server {
namespace {

namespace fs = std::filesystem;
using base::Cat;
using base::Failure;
using crypto::Hash32;

constexpr std::string_view kFormat = "urna-backup/1";
constexpr std::string_view kUnfinished = ".unfinished";
constexpr size_t kMaxManifestBytes = size_t{64} << 20;
constexpr size_t kMaxPartBytes = size_t{1} << 30;
constexpr size_t kMaxNoteBytes = size_t{1} << 20;
constexpr uint64_t kProgressEvery = 10'000;
// Beside a running server the database may be caught in the middle of a change.
constexpr int kAttempts = 40;
constexpr auto kBetweenAttempts = std::chrono::milliseconds(250);

std::string MessageOf(const absl::Status& status) { return std::string(status.message()); }
absl::Status Damaged(std::string_view text) { return Failure(absl::StatusCode::kDataLoss, text); }
absl::Status FileError(const std::string& path, const std::error_code& error) {
  return Failure(absl::StatusCode::kUnavailable, Cat(path, ": ", error.message()));
}

void Tell(const Progress& progress, const std::string& text) {
  if (progress) progress(text);
}

std::string LedgerFolder(const std::string& backup, const Hash32& poll) {
  return Cat(backup, "/ledgers/", base::Hex(poll));
}
std::string PartPath(const std::string& backup, uint64_t issuer, size_t part) {
  return Cat(backup, "/issuers/", issuer, "/answers-", part);
}

/// "20141125T060000Z": sorts by time.
std::string NameOf(uint64_t time) {
  std::string name;
  for (const char c : base::FormatUtc(time)) {
    if (c != '-' && c != ':') name += c;
  }
  return name;
}

bool IsBackup(const fs::path& folder) {
  std::error_code error;
  return fs::is_regular_file(folder / kManifestName, error) &&
         !folder.filename().string().ends_with(kUnfinished);
}

/// All backups below a folder, the oldest first.
std::vector<std::string> BackupsIn(const std::string& folder) {
  std::vector<std::string> found;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    if (IsBackup(at->path())) found.push_back(at->path().string());
  }
  std::ranges::sort(found);
  return found;
}

/// The anchored checkpoints, by poll.
absl::StatusOr<std::map<Hash32, std::string>> ReadAnchors(const std::string& folder) {
  std::map<Hash32, std::string> anchors;
  const auto files = PollFiles(folder, kAnchorSuffix);
  if (absl::IsNotFound(files.status())) return anchors;
  URNA_RETURN_IF_ERROR(files.status());
  for (const auto& [path, poll] : *files) {
    URNA_ASSIGN_OR_RETURN(AnchorContent content, ReadAnchor(path));
    if (!content.newest.empty()) anchors[poll] = std::move(content.newest);
  }
  return anchors;
}

// --- Verifying -----------------------------------------------------------------------------------

/// Recomputes an export against its checkpoint, whose key stands in its own definition.
absl::StatusOr<ledger::Checkpoint> VerifyLedger(const std::string& folder, const Hash32& poll,
                                                const Progress& progress) {
  URNA_ASSIGN_OR_RETURN(const auto reader, ledger::ExportReader::Open(folder));
  if (!reader->file_faults().empty()) return Damaged(MessageOf(reader->file_faults().front()));
  absl::Status fault;
  const auto compare = [&](const ledger::TileId& id, const std::string& expected) {
    if (!fault.ok()) return;
    const auto stored = reader->ReadTile(id);
    if (!stored.ok()) {
      fault = stored.status();
    } else if (*stored != expected) {
      fault = Damaged(Cat(folder, "/", id.Path(), ": is not the tile of these records"));
    }
  };
  ledger::TileBuilder tiles(compare);
  poll::Replay replay(
      poll::Replay::Trust::kOwnStore, [&](uint64_t index) { return reader->ReadEntry(index); },
      [&](uint64_t index, uint8_t, const absl::Status& status) {
        if (fault.ok()) fault = base::Annotate(status, Cat(folder, ": record ", index));
      },
      poll::Sequentially);
  Hash32 previous{};
  for (uint64_t bundle = 0; bundle < reader->bundle_count(); ++bundle) {
    URNA_ASSIGN_OR_RETURN(const auto records, reader->ReadBundle(bundle));
    for (const std::string& bytes : records) {
      const uint64_t index = tiles.size();
      const auto record = ledger::DecodeRecord(bytes);
      if (!record.ok() || record->previous != previous) {
        return Damaged(Cat(folder, ": record ", index, " does not continue the one before"));
      }
      previous = ledger::LeafHash(bytes);
      if (index == 0 && previous != poll) {
        return Damaged(Cat(folder, ": record 0 is not that of the poll"));
      }
      if (replay.state().definition() == nullptr) replay.Append({bytes});
      tiles.Append(previous);
      URNA_RETURN_IF_ERROR(fault);
      if (index % kProgressEvery == 0) Tell(progress, Cat(folder, ": record ", index));
    }
  }
  for (const auto& [id, bytes] : tiles.Partials()) compare(id, bytes);
  URNA_RETURN_IF_ERROR(fault);
  if (replay.state().definition() == nullptr) {
    return Damaged(Cat(folder, ": holds no whole definition"));
  }
  const auto checkpoint =
      ledger::OpenCheckpoint(reader->note(), replay.state().definition()->ballot_box);
  if (!checkpoint.ok()) return Damaged(Cat(folder, ": ", MessageOf(checkpoint.status())));
  if (checkpoint->size != tiles.size() || checkpoint->root != tiles.Root()) {
    return Damaged(Cat(folder, ": the records do not have the root that was signed"));
  }
  return *checkpoint;
}

absl::StatusOr<BackupManifest> Verify(const std::string& folder, const Progress& progress) {
  const std::string path = Cat(folder, "/", kManifestName);
  URNA_ASSIGN_OR_RETURN(const std::string json, base::ReadFile(path, kMaxManifestBytes));
  auto manifest = BackupManifest::FromJson(json);
  if (!manifest.ok()) return base::Annotate(manifest.status(), path);
  for (const BackupManifest::Poll& poll : manifest->polls) {
    const std::string ledger = LedgerFolder(folder, poll.id);
    const auto checkpoint = VerifyLedger(ledger, poll.id, progress);
    if (!checkpoint.ok()) {
      return absl::IsUnavailable(checkpoint.status()) ? checkpoint.status()
                                                      : Damaged(MessageOf(checkpoint.status()));
    }
    if (checkpoint->size != poll.records || checkpoint->root != poll.root) {
      return Damaged(Cat(ledger, ": is not the ledger that ", path, " names"));
    }
  }
  for (const BackupManifest::Issuer& issuer : manifest->issuers) {
    uint64_t answers = 0;
    std::string last;
    for (size_t part = 0; part < issuer.parts.size(); ++part) {
      const std::string file = PartPath(folder, issuer.number, part);
      Tell(progress, file);
      const auto bytes = base::ReadFile(file, kMaxPartBytes);
      if (!bytes.ok()) return Damaged(MessageOf(bytes.status()));
      if (crypto::HashSha256(*bytes) != issuer.parts[part]) {
        return Damaged(Cat(file, ": is not the file that was written"));
      }
      const auto decoded = DecodeAnswers(*bytes);
      if (!decoded.ok()) return Damaged(Cat(file, ": ", MessageOf(decoded.status())));
      if (decoded->empty() || decoded->front().first <= last) {
        return Damaged(Cat(file, ": does not continue the part before"));
      }
      last = decoded->back().first;
      answers += decoded->size();
    }
    if (answers != issuer.answers) {
      return Damaged(Cat(path, ": issuer ", issuer.number, " has ", answers, " answers, not ",
                         issuer.answers));
    }
  }
  return *std::move(manifest);
}

// --- Making --------------------------------------------------------------------------------------

class Maker {
 public:
  Maker(const BackupOptions& options, std::string previous, std::string folder)
      : options_(options), previous_(std::move(previous)), folder_(std::move(folder)) {}

  /// Writes everything into `folder`. `link`: takes over what the previous backup has.
  absl::StatusOr<Backup> Write(bool link) {
    backup_ = Backup();
    backup_.folder = folder_;
    backup_.manifest.time = options_.now;
    std::error_code error;
    fs::remove_all(folder_, error);
    if (error) return FileError(folder_, error);
    URNA_RETURN_IF_ERROR(base::MakeFolders(folder_, 0700));
    URNA_RETURN_IF_ERROR(CheckNotBehind());
    // The ledgers first: of each ballot that they hold, the answer is there afterwards.
    URNA_RETURN_IF_ERROR(OpenLedgers());
    for (const Hash32& poll : store_->Polls()) {
      URNA_RETURN_IF_ERROR(base::Annotate(WriteLedger(poll, link), Cat("poll ", base::Hex(poll))));
    }
    for (uint64_t i = 0; fs::exists(IssuerFolder(options_.data, i), error); ++i) {
      URNA_RETURN_IF_ERROR(WriteAnswers(i));
    }
    URNA_RETURN_IF_ERROR(CopyRest());
    URNA_RETURN_IF_ERROR(
        base::WriteFileAtomic(Cat(folder_, "/", kManifestName), backup_.manifest.ToJson(), 0600));
    return std::move(backup_);
  }

 private:
  /// What was backed up before must still be there: otherwise a rollback of the data would, backup
  /// by backup, replace the copies that could mend it.
  absl::Status CheckNotBehind() {
    before_.clear();
    answers_before_.clear();
    if (previous_.empty()) return absl::OkStatus();
    const std::string path = Cat(previous_, "/", kManifestName);
    URNA_ASSIGN_OR_RETURN(const std::string json, base::ReadFile(path, kMaxManifestBytes));
    const auto manifest = BackupManifest::FromJson(json);
    if (!manifest.ok()) {
      backup_.notes.push_back(Cat(path, ": this older backup's list is damaged: ",
                                  MessageOf(manifest.status()), "; nothing is taken from it"));
      return absl::OkStatus();
    }
    for (const auto& poll : manifest->polls) before_[poll.id] = poll;
    for (const auto& issuer : manifest->issuers) answers_before_[issuer.number] = issuer.answers;
    return absl::OkStatus();
  }
  absl::Status Behind(std::string_view what) const {
    return Failure(absl::StatusCode::kFailedPrecondition,
                   Cat(previous_, ": this older backup holds ", what,
                       ". Nothing was backed up, so that it is not replaced. Restore from it "
                       "(urna-server restore), or back up into another folder if that is meant"));
  }

  /// Opens the ledgers as of a moment at which they cover what was anchored before.
  absl::Status OpenLedgers() {
    const std::string folder = Cat(options_.data, "/ledger");
    absl::Status status;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      if (attempt > 0) std::this_thread::sleep_for(kBetweenAttempts);
      Tell(options_.progress, Cat(folder, ": opening"));
      const bool in_use = ledger::IsInUse(folder);
      status = TryOpenLedgers(folder);
      if (status.ok()) return CheckPrevious();
      if (!in_use) break;
    }
    return status;
  }
  absl::Status TryOpenLedgers(const std::string& folder) {
    URNA_ASSIGN_OR_RETURN(anchors_, ReadAnchors(options_.anchor));
    URNA_ASSIGN_OR_RETURN(
        store_, ledger::Store::Open({.folder = folder, .log_folder = "", .read_only = true}));
    for (const auto& [poll, note] : anchors_) {
      const auto anchored = ledger::ReadUnverified(note);
      if (!anchored.ok()) {
        return Damaged(Cat(AnchorPath(options_.anchor, poll), ": holds no checkpoint"));
      }
      const std::string name = Cat("poll ", base::Hex(poll));
      const auto head = store_->GetHead(poll);
      if (!head.ok() || head->size < anchored->size) {
        return Damaged(Cat(name, ": a checkpoint of ", anchored->size,
                           " records was anchored, but ", head.ok() ? head->size : 0,
                           " are there; see urna-server fsck"));
      }
      URNA_ASSIGN_OR_RETURN(const Hash32 root,
                            ledger::RootAt(anchored->size, store_->Nodes(poll, anchored->size)));
      if (root != anchored->root) {
        return Damaged(Cat(name, ": the records are not those of the anchored checkpoint"));
      }
    }
    return absl::OkStatus();
  }
  absl::Status CheckPrevious() const {
    for (const auto& [poll, before] : before_) {
      const auto head = store_->GetHead(poll);
      const std::string ledger = Cat(before.records, " records of poll ", base::Hex(poll));
      if (!head.ok() || head->size < before.records) {
        return Behind(Cat(ledger, ", the data only ", head.ok() ? head->size : 0));
      }
      URNA_ASSIGN_OR_RETURN(const Hash32 root,
                            ledger::RootAt(before.records, store_->Nodes(poll, before.records)));
      if (root != before.root) return Behind(Cat(ledger, " that are others than the data's"));
    }
    return absl::OkStatus();
  }

  /// The newest checkpoint that was signed: what comes after it was not acknowledged.
  std::optional<std::pair<ledger::Checkpoint, std::string>> NewestNote(const Hash32& poll) const {
    std::optional<std::pair<ledger::Checkpoint, std::string>> newest;
    const auto take = [&](const std::string& note) {
      const auto body = ledger::ReadUnverified(note);
      if (body.ok() && (!newest.has_value() || body->size > newest->first.size)) {
        newest = {*body, note};
      }
    };
    if (const auto found = anchors_.find(poll); found != anchors_.end()) take(found->second);
    if (const auto stored = store_->GetCheckpoint(poll); stored.ok()) take(*stored);
    return newest;
  }

  absl::Status WriteLedger(const Hash32& poll, bool link) {
    const auto newest = NewestNote(poll);
    if (!newest.has_value()) {
      backup_.notes.push_back(Cat("poll ", base::Hex(poll),
                                  ": nothing of it was signed yet; it is not in this backup"));
      return absl::OkStatus();
    }
    const auto& [checkpoint, note] = *newest;
    const std::string folder = LedgerFolder(folder_, poll);
    const bool linked = link && before_.contains(poll);
    if (linked) LinkTree(LedgerFolder(previous_, poll), folder);
    auto begun = ledger::ExportWriter::Continue(folder);
    if (!begun.ok()) {
      return linked ? Damaged(Cat(previous_, ": ", MessageOf(begun.status()))) : begun.status();
    }
    const std::unique_ptr<ledger::ExportWriter> writer = *std::move(begun);
    for (uint64_t first = writer->size(); first < checkpoint.size; first = writer->size()) {
      Tell(options_.progress, Cat(folder, ": record ", first, " of ", checkpoint.size));
      const uint64_t last = std::min(first + kProgressEvery, checkpoint.size);
      URNA_RETURN_IF_ERROR(store_->Scan(poll, first, last, [&](uint64_t, std::string_view record) {
        return writer->Append(record);
      }));
    }
    if (writer->size() != checkpoint.size || writer->Root() != checkpoint.root) {
      return Damaged("the records do not have the root that was signed; see urna-server fsck");
    }
    // Of what did not grow everything stays the same file.
    const auto kept = base::ReadFile(Cat(folder, "/checkpoint"));
    if (!kept.ok() || *kept != note) URNA_RETURN_IF_ERROR(writer->Finish(note));
    backup_.manifest.polls.push_back({poll, checkpoint.size, checkpoint.root});
    const std::string from = Cat(options_.data, "/published"), to = Cat(folder_, "/published");
    URNA_RETURN_IF_ERROR(base::MakeFolders(to, 0700));
    if (const auto published = ReadPublication(from, poll); published.has_value()) {
      URNA_RETURN_IF_ERROR(StorePublication(to, poll, *published));
    }
    const auto witnessed = base::ReadFile(WitnessedFile(from, poll), kMaxNoteBytes);
    if (!witnessed.ok()) {
      return absl::IsNotFound(witnessed.status()) ? absl::OkStatus() : witnessed.status();
    }
    return base::WriteFileAtomic(WitnessedFile(to, poll), *witnessed, 0600);
  }

  /// The files of an export are replaced, never written to: both backups keep theirs. Where links
  /// cannot be made, everything is copied anew.
  static void LinkTree(const std::string& from, const std::string& to) {
    std::error_code error;
    fs::create_directories(fs::path(to).parent_path(), error);
    if (!error) {
      fs::copy(from, to, fs::copy_options::recursive | fs::copy_options::create_hard_links, error);
    }
    if (error) fs::remove_all(to, error);
  }

  absl::Status WriteAnswers(uint64_t issuer) {
    const std::string folder = Cat(IssuerFolder(options_.data, issuer), "/answers");
    absl::Status status;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      if (attempt > 0) std::this_thread::sleep_for(kBetweenAttempts);
      const bool in_use = ledger::IsInUse(folder);
      status = TryWriteAnswers(issuer, folder);
      if (!in_use || !(absl::IsDataLoss(status) || absl::IsUnavailable(status))) break;
    }
    return status;
  }
  absl::Status TryWriteAnswers(uint64_t issuer, const std::string& folder) {
    uint64_t anchored = 0;
    const std::string anchor = IssuerAnchorPath(options_.anchor, issuer);
    const auto content = ReadAnchor(anchor);
    if (content.ok() && !content->newest.empty()) {
      if (!base::ParseU64(content->newest, &anchored)) {
        return Damaged(Cat(anchor, ": is not an anchor of answers"));
      }
    } else if (!content.ok() && !absl::IsNotFound(content.status())) {
      return content.status();
    }
    BackupManifest::Issuer entry;
    entry.number = issuer;
    auto database = ledger::OpenReadOnly(ledger::DurableOptions(), folder);
    if (!database.ok() && !absl::IsNotFound(database.status())) return database.status();
    if (database.ok()) URNA_RETURN_IF_ERROR(WriteParts(**database, entry));
    if (entry.answers < anchored) {
      return Damaged(Cat(folder, ": holds ", entry.answers, " answers, but ", anchored,
                         " were given; see urna-server fsck"));
    }
    const auto before = answers_before_.find(issuer);
    if (before != answers_before_.end() && entry.answers < before->second) {
      return Behind(
          Cat(before->second, " answers of issuer ", issuer, ", the data only ", entry.answers));
    }
    backup_.manifest.issuers.push_back(std::move(entry));
    return absl::OkStatus();
  }
  absl::Status WriteParts(rocksdb::DB& database, BackupManifest::Issuer& entry) const {
    URNA_RETURN_IF_ERROR(base::MakeFolders(Cat(folder_, "/issuers/", entry.number), 0700));
    std::vector<AnswerPair> part;
    const auto write = [&]() -> absl::Status {
      const std::string bytes = EncodeAnswers(part);
      const std::string path = PartPath(folder_, entry.number, entry.parts.size());
      entry.parts.push_back(crypto::HashSha256(bytes));
      entry.answers += part.size();
      part.clear();
      return base::WriteFileAtomic(path, bytes, 0600);
    };
    const std::unique_ptr<rocksdb::Iterator> at(database.NewIterator({}));
    for (at->SeekToFirst(); at->Valid(); at->Next()) {
      part.emplace_back(at->key().ToString(), at->value().ToString());
      if (part.size() < kAnswersPerPart) continue;
      Tell(options_.progress, Cat("answers of issuer ", entry.number, ": ", entry.answers));
      URNA_RETURN_IF_ERROR(write());
    }
    URNA_RETURN_IF_ERROR(ledger::FromRocks(at->status(), "reading the answers"));
    return part.empty() ? absl::OkStatus() : write();
  }

  absl::Status CopyRest() const {
    std::error_code error;
    for (const std::string name : {"evidence", "urna-server.conf"}) {
      const std::string from = Cat(options_.data, "/", name);
      if (!fs::exists(from, error)) continue;
      fs::copy(from, Cat(folder_, "/", name), fs::copy_options::recursive, error);
      if (error) return FileError(from, error);
    }
    return absl::OkStatus();
  }

  const BackupOptions& options_;
  const std::string previous_;
  const std::string folder_;
  Backup backup_;
  std::map<Hash32, BackupManifest::Poll> before_;  // in the previous backup
  std::map<uint64_t, uint64_t> answers_before_;
  std::map<Hash32, std::string> anchors_;
  std::unique_ptr<ledger::Store> store_;
};

void RemoveUnfinished(const std::string& folder) {
  std::error_code error;
  std::vector<fs::path> unfinished;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    if (at->path().filename().string().ends_with(kUnfinished)) unfinished.push_back(at->path());
  }
  for (const fs::path& path : unfinished) fs::remove_all(path, error);
}

}  // namespace

std::string BackupManifest::ToJson() const {
  nlohmann::ordered_json json;
  json["format"] = kFormat;
  json["time"] = base::FormatUtc(time);
  json["polls"] = nlohmann::ordered_json::array();
  for (const Poll& poll : polls) {
    nlohmann::ordered_json one;
    one["poll"] = base::Hex(poll.id);
    one["records"] = poll.records;
    one["root"] = base::Hex(poll.root);
    json["polls"].push_back(std::move(one));
  }
  json["issuers"] = nlohmann::ordered_json::array();
  for (const Issuer& issuer : issuers) {
    nlohmann::ordered_json one;
    one["issuer"] = issuer.number;
    one["answers"] = issuer.answers;
    one["parts_sha256"] = nlohmann::ordered_json::array();
    for (const Hash32& part : issuer.parts) one["parts_sha256"].push_back(base::Hex(part));
    json["issuers"].push_back(std::move(one));
  }
  return json.dump(2) + "\n";
}

absl::StatusOr<BackupManifest> BackupManifest::FromJson(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  bool good = json.is_object();
  const auto member = [&](const nlohmann::json& object, const char* name) -> nlohmann::json {
    if (object.is_object() && object.contains(name)) return object[name];
    good = false;
    return nullptr;
  };
  const auto words = [&](const nlohmann::json& value) -> std::string {
    if (value.is_string()) return value.get<std::string>();
    good = false;
    return "";
  };
  const auto number = [&](const nlohmann::json& value) -> uint64_t {
    if (value.is_number_unsigned()) return value.get<uint64_t>();
    good = false;
    return 0;
  };
  const auto hash = [&](const nlohmann::json& value) {
    Hash32 out{};
    if (!base::Unhex(words(value), out)) good = false;
    return out;
  };
  const auto list = [&](const nlohmann::json& value) -> nlohmann::json {
    if (value.is_array()) return value;
    good = false;
    return nlohmann::json::array();
  };
  BackupManifest manifest;
  if (words(member(json, "format")) != kFormat) good = false;
  if (!base::ParseUtc(words(member(json, "time")), &manifest.time)) good = false;
  for (const auto& one : list(member(json, "polls"))) {
    manifest.polls.push_back(
        {hash(member(one, "poll")), number(member(one, "records")), hash(member(one, "root"))});
  }
  for (const auto& one : list(member(json, "issuers"))) {
    Issuer issuer;
    issuer.number = number(member(one, "issuer"));
    issuer.answers = number(member(one, "answers"));
    for (const auto& part : list(member(one, "parts_sha256"))) issuer.parts.push_back(hash(part));
    manifest.issuers.push_back(std::move(issuer));
  }
  if (!good) return Damaged(Cat("is not the list of a backup (", kFormat, ")"));
  return manifest;
}

absl::StatusOr<BackupManifest> VerifyBackup(const std::string& folder, const Progress& progress) {
  return Verify(folder, progress);
}

absl::StatusOr<std::string> NewestBackup(const std::string& folder) {
  if (IsBackup(folder)) return folder;
  const std::vector<std::string> backups = BackupsIn(folder);
  if (!backups.empty()) return backups.back();
  return Failure(absl::StatusCode::kNotFound, Cat(folder, ": no backup is there"));
}

absl::StatusOr<Backup> MakeBackup(const BackupOptions& options) {
  std::error_code error;
  if (!fs::is_directory(Cat(options.data, "/ledger"), error)) {
    return Failure(absl::StatusCode::kNotFound,
                   Cat(options.data, ": is not a data folder in which a server ran (", options.data,
                       "/ledger is missing)"));
  }
  URNA_RETURN_IF_ERROR(base::MakeFolders(options.to, 0700));
  URNA_ASSIGN_OR_RETURN(const base::FileLock lock,
                        base::FileLock::Acquire(Cat(options.to, "/backup.lock")));
  RemoveUnfinished(options.to);
  std::vector<std::string> backups = BackupsIn(options.to);
  const std::string folder = Cat(options.to, "/", NameOf(options.now));
  if (!backups.empty() && backups.back() >= folder) {
    return Failure(absl::StatusCode::kFailedPrecondition,
                   Cat(backups.back(), ": this backup is of this second or of the future"));
  }
  Maker maker(options, backups.empty() ? "" : backups.back(), Cat(folder, kUnfinished));
  auto backup = maker.Write(/*link=*/true);
  absl::Status verified = backup.status();
  if (backup.ok()) verified = Verify(backup->folder, options.progress).status();
  if (absl::IsDataLoss(verified) && !backups.empty()) {
    // The older backup's files may be what is damaged: once more, and none of them taken over.
    auto again = maker.Write(/*link=*/false);
    verified = again.status();
    if (again.ok()) verified = Verify(again->folder, options.progress).status();
    if (verified.ok()) {
      again->notes.push_back(Cat(
          backups.back(), ": this older backup is damaged (",
          backup.ok() ? "verified with its files, the new one failed" : MessageOf(backup.status()),
          "); the new one takes nothing from it"));
    }
    backup = std::move(again);
  }
  if (!verified.ok()) {
    RemoveUnfinished(options.to);
    return verified;
  }
  URNA_RETURN_IF_ERROR(base::SyncFileSystem(options.to));
  fs::rename(backup->folder, folder, error);
  if (error) return FileError(folder, error);
  URNA_RETURN_IF_ERROR(base::SyncFileSystem(options.to));
  backup->folder = folder;
  backups.push_back(folder);
  for (size_t i = 0; i + std::max<uint64_t>(options.keep, 1) < backups.size(); ++i) {
    fs::remove_all(backups[i], error);
    if (error) backup->notes.push_back(Cat(backups[i], ": cannot be removed: ", error.message()));
  }
  return backup;
}

absl::StatusOr<std::vector<std::string>> CopyKeys(const std::string& data, const std::string& to) {
  std::error_code error;
  std::vector<std::string> names = {"checkpoint.key", "tls.key", "tls.crt", "urna-server.conf"};
  for (uint64_t i = 0; fs::exists(IssuerFolder(data, i), error); ++i) {
    names.push_back(Cat("issuer-", i, "/identity.key"));
    const std::string keys = Cat(IssuerFolder(data, i), "/keys");
    std::vector<std::string> of_polls;
    for (fs::directory_iterator at(keys, error), end; !error && at != end; at.increment(error)) {
      if (at->path().extension() == ".key") {
        of_polls.push_back(Cat("issuer-", i, "/keys/", at->path().filename().string()));
      }
    }
    std::ranges::sort(of_polls);
    std::ranges::move(of_polls, std::back_inserter(names));
  }
  std::vector<std::string> copied;
  size_t found = 0;
  for (const std::string& name : names) {
    const auto content = base::ReadFile(Cat(data, "/", name), 1 << 20);
    if (absl::IsNotFound(content.status())) continue;
    URNA_RETURN_IF_ERROR(content.status());
    ++found;
    const std::string path = Cat(to, "/", name);
    const auto there = base::ReadFile(path, 1 << 20);
    const bool is_key = name.ends_with(".key");
    if (there.ok() && *there == *content) continue;
    if (there.ok() && is_key) {
      return Failure(absl::StatusCode::kAlreadyExists,
                     Cat(path, ": is another key than that of ", data, "; nothing is overwritten"));
    }
    if (!there.ok() && !absl::IsNotFound(there.status())) return there.status();
    URNA_RETURN_IF_ERROR(base::MakeFolders(fs::path(path).parent_path().string(), 0700));
    URNA_RETURN_IF_ERROR(base::WriteFileAtomic(path, *content, is_key ? 0600 : 0644));
    copied.push_back(name);
  }
  if (found == 0) {
    return Failure(absl::StatusCode::kNotFound, Cat(data, ": holds no keys of a server"));
  }
  return copied;
}

}  // namespace urna::server
