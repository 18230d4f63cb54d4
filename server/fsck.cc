#include "server/fsck.h"

#include <rocksdb/db.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "base/bytes.h"
#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "ledger/checkpoint.h"
#include "poll/replay.h"
#include "poll/state.h"
#include "server/anchor.h"
#include "server/answers.h"
#include "server/keys.h"
#include "server/loss.h"
#include "server/parallel.h"
#include "server/poll_files.h"
#include "server/publication.h"
#include "server/setup.h"

namespace urna::server {
namespace {

namespace fs = std::filesystem;
using base::Cat;
using crypto::Hash32;
using ledger::Fault;
using ledger::Findings;

constexpr size_t kReplayChunk = 4096;
constexpr uint64_t kProgressEvery = 1000;
// Beside a running server: what is wrong only for a moment is no damage.
constexpr int kAttempts = 3;
constexpr auto kBetweenAttempts = std::chrono::milliseconds(500);

constexpr std::string_view kRollback =
    "Records that were signed for are missing: look for the folder that was in use last, newer "
    "backups, and exports or mirrors of the ledger, and make a new folder of all of them "
    "(urna-server restore, --from several times). What is nowhere can only be given up on the "
    "record (urna-server accept-loss).";
constexpr std::string_view kForked =
    "These are other records than those that were signed for: keep everything as it is and find "
    "out where they come from before any server is started with them.";
constexpr std::string_view kForeignRecord =
    "This server never wrote that record in this form: keep the folder as it is, and make a new "
    "one "
    "of the newest backup (urna-server restore).";
constexpr std::string_view kAnchorDamaged =
    "Keep a copy of the file. If the ledger is sound and continues the newest checkpoint that "
    "anybody holds (witnesses, mirrors), remove the file: the server makes a new one when it "
    "starts.";
constexpr std::string_view kSignedByAnother =
    "This folder's files belong to different servers, or a key was replaced: put the right file "
    "back from a backup.";
constexpr std::string_view kAnswersLost =
    "Never start from older answers: the issuer would give second tokens. Make a new folder of all "
    "copies there are (urna-server restore, --from several times): their answers are joined. If "
    "some are lost for good, this issuer gives no tokens any more. After the closing its register "
    "is "
    "declared missing (urna poll register-missing); before, the poll cannot be closed, and the "
    "officials cancel it.";
constexpr std::string_view kKey =
    "Put the key's file back from the copy that was made of the keys; without it this issuer gives "
    "no more tokens in this poll.";
constexpr std::string_view kPublished =
    "Keep a copy of the file and remove it: the server then goes on from what the opening showed.";

constexpr std::string_view kWitnessed =
    "Keep a copy of the file. If the ledger is sound and continues what its witnesses hold (each "
    "shows it over HTTP), remove the file: the server asks them when it starts.";

std::string MessageOf(const absl::Status& status) { return std::string(status.message()); }

/// A checkpoint that a file holds, read before the ledger, so that a running server's is not ahead.
struct Held {
  std::string path;
  std::string what;  ///< "anchored"
  std::string note;
  std::string_view remedy;  ///< if the file itself is wrong
};

/// None of a folder that cannot be listed: what else is there says so.
std::vector<PollFile> FilesIn(const std::string& folder, std::string_view suffix) {
  return PollFiles(folder, suffix).value_or(std::vector<PollFile>());
}

/// One pass over a data folder.
class Pass final : public ledger::LedgerVisitor {
 public:
  Pass(const FsckOptions& options, bool in_use) : options_(options) {
    report_.in_use = in_use;
    anchor_ = options.anchor.empty() ? Cat(options.data, "/anchor") : options.anchor;
  }

  FsckReport Run() && {
    ReadHeld();
    const std::string folder = Cat(options_.data, "/ledger");
    Progress(Cat(folder, ": files"));
    auto database = ledger::CheckFiles(folder, report_.in_use, /*env=*/nullptr, report_.findings);
    if (!database.ok()) {
      Add(folder, "", MessageOf(database.status()), kRollback);
    } else if (*database != nullptr) {
      ledger::CheckLedgers(**database, folder, *this, report_.findings);
    }
    for (const auto& [poll, held] : held_) {
      for (const Held& one : held) {
        Add(one.path, "",
            Cat("the ledger of poll ", base::Hex(poll), " was ", one.what, " and is not there"),
            kRollback);
      }
    }
    for (uint64_t i = 0; fs::exists(IssuerFolder(options_.data, i)); ++i) CheckAnswers(i);
    return std::move(report_);
  }

  // --- LedgerVisitor ---

  std::vector<uint64_t> Begin(const Hash32& poll, uint64_t records, ReadRecord read) override {
    total_ = records;
    faults_ = 0;
    replay_ = std::make_unique<poll::Replay>(
        poll::Replay::Trust::kOwnStore, std::move(read),
        [this, poll](uint64_t index, uint8_t kind, const absl::Status& status) {
          OnRuleBroken(poll, index, kind, status);
        },
        OnAllCores);
    std::vector<uint64_t> sizes;
    for (const Held& held : held_[poll]) {
      if (const auto body = ledger::ReadUnverified(held.note); body.ok())
        sizes.push_back(body->size);
    }
    return sizes;
  }

  void Record(uint64_t index, std::string_view bytes) override {
    chunk_.emplace_back(bytes);
    if (chunk_.size() == kReplayChunk) Replay();
    if (index % kProgressEvery == 0) Progress(Cat("record ", index, " of ", total_));
  }

  void End(const ledger::RecomputedLedger& ledger, Findings&) override {
    Replay();
    const poll::State state = std::move(*replay_).TakeState();
    FsckReport::Poll poll{.id = ledger.poll,
                          .title = "",
                          .phase = "",
                          .records = ledger.size,
                          .root = ledger.root,
                          .anchored = 0};
    std::vector<Held> held = std::move(held_[ledger.poll]);
    held_.erase(ledger.poll);
    if (const auto& definition = state.definition(); definition != nullptr) {
      poll.title = definition->title.begin()->second;
      poll.phase = poll::PhaseName(state.phase());
      CheckKey(ledger.poll, *definition);
      uint64_t stored = 0;
      if (ledger.checkpoint.has_value()) {
        stored =
            CheckCheckpoint(ledger, state, {"", "stored as signed", *ledger.checkpoint, kForked});
      }
      for (const Held& one : held) {
        const uint64_t size = CheckCheckpoint(ledger, state, one);
        if (one.what != kAnchored) continue;
        poll.anchored = size;
        if (size > 0 && size < stored) {
          Add(one.path, "",
              Cat("vouches for ", size, " records, but a checkpoint of ", stored,
                  " is stored: the anchor is an old copy, or lost its end"),
              kAnchorDamaged);
        }
      }
      NoteIssuers(ledger.poll, *definition, state);
    } else if (ledger.readable) {
      Add(ledger.poll, "definition", "cannot be read: what was signed cannot be compared",
          kForeignRecord);
    }
    report_.polls.push_back(std::move(poll));
  }

 private:
  static constexpr std::string_view kAnchored = "anchored";

  /// What the answers of an issuer must come up to in a poll.
  struct Owed {
    Hash32 poll{};
    uint8_t index = 0;
    crypto::Point X;
    std::vector<uint64_t> counted;
    uint64_t ballots = 0;
  };

  void Progress(const std::string& text) const {
    if (options_.progress) options_.progress(text);
  }

  void Add(const std::string& file, const std::string& item, std::string what,
           std::string_view remedy, std::optional<uint64_t> offset = std::nullopt) {
    Fault fault;
    fault.file = file;
    fault.offset = offset;
    fault.item = item;
    fault.what = std::move(what);
    fault.remedy = std::string(remedy);
    report_.findings.Add(std::move(fault));
  }
  void Add(const Hash32& poll, const std::string& item, std::string what, std::string_view remedy) {
    Fault fault;
    fault.poll = poll;
    fault.item = item;
    fault.what = std::move(what);
    fault.remedy = std::string(remedy);
    report_.findings.Add(std::move(fault));
  }

  void ReadHeld() {
    for (const auto& [path, poll] : FilesIn(anchor_, kAnchorSuffix)) {
      if (const auto content = ReadAnchorFile(path); content.has_value() && !content->empty()) {
        held_[poll].push_back({path, std::string(kAnchored), *content, kAnchorDamaged});
      }
    }
    const std::string published = Cat(options_.data, "/published");
    for (const auto& [path, poll] : FilesIn(published, kPublishedSuffix)) {
      if (const auto shown = ReadPublication(published, poll); shown.has_value()) {
        held_[poll].push_back({path, "published", shown->note, kPublished});
      } else {
        Add(path, "", "cannot be read", kPublished);
      }
    }
    for (const auto& [path, poll] : FilesIn(published, kWitnessedSuffix)) {
      if (const auto note = base::ReadFile(path); note.ok()) {
        held_[poll].push_back({path, "cosigned by a witness", *note, kWitnessed});
      } else {
        Add(path, "", "cannot be read", kWitnessed);
      }
    }
    for (uint64_t i = 0; fs::exists(IssuerFolder(options_.data, i)); ++i) {
      const std::string path = IssuerAnchorPath(anchor_, i);
      uint64_t number = 0;
      std::error_code error;
      if (!fs::exists(path, error)) {
        report_.findings.notes.push_back(Cat(path,
                                             ": is not there; the issuer's answers cannot be "
                                             "compared with how many were given"));
        continue;
      }
      const auto content = ReadAnchorFile(path);
      if (!content.has_value() || content->empty()) continue;
      if (!base::ParseU64(*content, &number)) {
        Add(path, "", "is not an anchor of answers", kAnchorDamaged);
      }
      answers_anchored_[i] = number;
    }
    std::error_code error;
    if (const auto lost = ReadLostNotes(anchor_); lost.ok()) {
      for (const LostNote& one : *lost) {
        held_[one.poll].push_back({one.path, "given up as lost", one.note, kAnchorDamaged});
      }
    }
    if (!fs::exists(anchor_, error)) {
      report_.findings.notes.push_back(
          Cat(anchor_, ": is not there; what was signed last cannot be compared"));
    }
  }

  /// The newest text in an anchor file.
  std::optional<std::string> ReadAnchorFile(const std::string& path) {
    auto content = ReadAnchor(path);
    if (!content.ok()) {
      Add(path, "", MessageOf(content.status()), kAnchorDamaged);
      return std::nullopt;
    }
    if (content->damaged) {
      Add(path, "", "is damaged here, and whole entries follow", kAnchorDamaged, content->end);
    } else if (content->end.has_value()) {
      report_.findings.notes.push_back(
          Cat(path, ", byte ", *content->end,
              ": the last entry is not whole (a write that was never acknowledged)"));
    }
    return std::move(content->newest);
  }

  void Replay() {
    replay_->Append(chunk_);
    chunk_.clear();
  }

  /// One broken rule breaks others after it: the first is named.
  void OnRuleBroken(const Hash32& poll, uint64_t index, uint8_t kind, const absl::Status& status) {
    const std::string id = base::RejectId(status);
    if (id == "ledger.chain-broken" || id == "record.malformed" || ++faults_ > 1) return;
    Add(poll, Cat("record ", index, " ('", poll::KindName(kind), "')"),
        Cat("breaks a rule of polls: ", MessageOf(status)), kForeignRecord);
  }

  /// Compares with the records; returns the checkpoint's size, 0 if it is none of this ledger's.
  uint64_t CheckCheckpoint(const ledger::RecomputedLedger& ledger, const poll::State& state,
                           const Held& held) {
    const auto add = [&](std::string what, std::string_view remedy) {
      if (held.path.empty()) {
        Add(ledger.poll, "the stored checkpoint", std::move(what), remedy);
      } else {
        Add(held.path, "", std::move(what), remedy);
      }
    };
    const auto checkpoint = ledger::OpenCheckpoint(held.note, state.definition()->ballot_box);
    if (!checkpoint.ok()) {
      add(MessageOf(checkpoint.status()), held.remedy);
      return 0;
    }
    if (state.IsLost(*checkpoint)) return 0;  // the ledger says so itself
    if (checkpoint->size > ledger.size) {
      if (ledger.readable) {
        add(Cat("a checkpoint of ", checkpoint->size, " records was ", held.what, ", but records ",
                ledger.size, " to ", checkpoint->size - 1, " are not in the ledger"),
            kRollback);
      }
    } else if (const auto root = ledger.roots.find(checkpoint->size);
               root == ledger.roots.end() || root->second != checkpoint->root) {
      add(Cat("the first ", checkpoint->size, " records are not those of the checkpoint that was ",
              held.what),
          kForked);
    }
    return checkpoint->size;
  }

  void CheckKey(const Hash32& poll, const poll::Definition& definition) {
    const std::string path = CheckpointKeyPath(options_.data);
    std::error_code error;
    if (!fs::exists(path, error)) return;  // issuers that run alone
    const auto key = ReadSigningKey(path);
    if (!key.ok()) {
      if (key_reported_) return;
      key_reported_ = true;
      return Add(path, "", MessageOf(key.status()), kSignedByAnother);
    }
    if (key->public_key() != definition.ballot_box.key) {
      Add(path, "", Cat("is not the key that poll ", base::Hex(poll), " names"), kSignedByAnother);
    }
  }

  void NoteIssuers(const Hash32& poll, const poll::Definition& definition,
                   const poll::State& state) {
    for (size_t i = 0; i < definition.issuers.size(); ++i) {
      if (!state.issuer_keys()[i].has_value()) continue;
      const auto index = static_cast<uint8_t>(i);
      owed_[definition.issuers[i].key].push_back(
          {poll, index, *state.issuer_keys()[i], state.Issued(index), state.distinct_ballots()});
    }
  }

  // --- Answers ---

  void CheckAnswers(uint64_t issuer) {
    const std::string data = IssuerFolder(options_.data, issuer);
    const std::string folder = Cat(data, "/answers");
    std::error_code error;
    if (!fs::exists(folder, error) && answers_anchored_[issuer] == 0) return;  // gave none yet
    Progress(Cat(folder, ": files"));
    std::map<std::pair<Hash32, uint8_t>, std::map<uint16_t, uint64_t>> counts;
    FsckReport::Answers answers{issuer, 0, answers_anchored_[issuer]};
    const auto database =
        ledger::CheckFiles(folder, report_.in_use, /*env=*/nullptr, report_.findings);
    if (!database.ok()) {
      Add(folder, "", MessageOf(database.status()), kAnswersLost);
    } else if (*database != nullptr) {
      const std::unique_ptr<rocksdb::Iterator> at((*database)->NewIterator({}));
      for (at->SeekToFirst(); at->Valid(); at->Next()) {
        const auto answer = DecodeAnswer({at->key().data(), at->key().size()},
                                         {at->value().data(), at->value().size()});
        if (!answer.ok()) {
          Add(folder, Cat("key ", base::Hex(std::string_view(at->key().data(), at->key().size()))),
              MessageOf(answer.status()), kAnswersLost);
          continue;
        }
        ++counts[{answer->poll, answer->index}][answer->entry.style];
        ++answers.answers;
      }
      if (!at->status().ok()) {
        Add(folder, "", Cat("reading stopped: ", at->status().ToString()), kAnswersLost);
      }
    }
    if (answers.answers < answers.anchored) {
      Add(folder, "",
          Cat("holds ", answers.answers, " answers, but ", answers.anchored, " were given"),
          kAnswersLost);
    }
    const auto identity = ReadSigningKey(IssuerKeyPath(options_.data, issuer));
    if (!identity.ok()) {
      Add(IssuerKeyPath(options_.data, issuer), "", MessageOf(identity.status()), kKey);
    } else {
      for (const Owed& owed : owed_[identity->public_key()]) {
        CheckOwed(data, owed, counts[{owed.poll, owed.index}]);
      }
    }
    report_.issuers.push_back(answers);
  }

  void CheckOwed(const std::string& data, const Owed& owed, std::map<uint16_t, uint64_t>& counts) {
    const std::string path = PollKeyPath(data, owed.poll);
    const auto key = ReadPollKey(path);
    if (!key.ok()) {
      Add(path, "", MessageOf(key.status()), kKey);
    } else if (key->X != owed.X) {
      Add(path, "", "is not the key with which the issuer joined the poll", kKey);
    }
    uint64_t answers = 0;
    for (size_t s = 0; s < owed.counted.size(); ++s) {
      const uint64_t given = counts[static_cast<uint16_t>(s)];
      answers += given;
      if (given >= owed.counted[s]) continue;
      Add(Cat(data, "/answers"), Cat("poll ", base::Hex(owed.poll)),
          Cat("style ", s, ": ", given, " answers, but the issuer counted ", owed.counted[s],
              " on the ledger"),
          kAnswersLost);
    }
    if (answers < owed.ballots) {
      Add(Cat(data, "/answers"), Cat("poll ", base::Hex(owed.poll)),
          Cat(answers, " answers, but ", owed.ballots, " residents voted"), kAnswersLost);
    }
  }

  const FsckOptions& options_;
  std::string anchor_;
  FsckReport report_;
  std::map<Hash32, std::vector<Held>> held_;
  std::map<uint64_t, uint64_t> answers_anchored_;
  std::map<crypto::Ed25519Public, std::vector<Owed>> owed_;  // by the issuer's identity
  bool key_reported_ = false;

  // Of the ledger that is being read.
  std::unique_ptr<poll::Replay> replay_;
  std::vector<std::string> chunk_;
  uint64_t total_ = 0;
  uint64_t faults_ = 0;
};

}  // namespace

absl::StatusOr<FsckReport> Fsck(const FsckOptions& options) {
  std::error_code error;
  if (!fs::is_directory(Cat(options.data, "/ledger"), error)) {
    return base::Failure(absl::StatusCode::kNotFound,
                         Cat(options.data, ": is not a data folder in which a server ran (",
                             options.data, "/ledger is missing)"));
  }
  FsckReport report;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const bool in_use = ledger::IsInUse(Cat(options.data, "/ledger"));
    report = Pass(options, in_use).Run();
    if (report.sound() || !report.in_use) break;
    std::this_thread::sleep_for(kBetweenAttempts);
  }
  return report;
}

std::string FsckReport::Text() const {
  std::string text;
  if (in_use) {
    text +=
        "A server has this folder open: what was checked is what it had written at about one "
        "moment.\n";
  }
  for (const Poll& poll : polls) {
    text +=
        Cat("Poll ", base::Hex(poll.id), "\n  ",
            poll.title.empty() ? std::string() : Cat("\"", poll.title, "\", ", poll.phase, ", "),
            poll.records, " records, root ", base::Hex(poll.root), "\n  ",
            poll.anchored == 0 ? std::string("no checkpoint is anchored")
                               : Cat("anchored: the first ", poll.anchored, " records"),
            "\n");
  }
  for (const Answers& answers : issuers) {
    text += Cat("Issuer ", answers.issuer, ": ", answers.answers, " answers, ", answers.anchored,
                " anchored\n");
  }
  for (const std::string& note : findings.notes) text += Cat("Note: ", note, "\n");
  for (const Fault& fault : findings.faults) {
    text += Cat("\nDAMAGE at ", fault.Place(), "\n  ", fault.what, "\n  What to do: ", fault.remedy,
                "\n");
  }
  if (findings.left_out > 0) text += Cat("\nand ", findings.left_out, " more\n");
  text += sound() ? "\nNo damage was found.\n"
                  : Cat("\n", findings.faults.size() + findings.left_out, " places are damaged.\n");
  return text;
}

std::string FsckReport::Json() const {
  nlohmann::json out = {{"in_use", in_use},
                        {"sound", sound()},
                        {"polls", nlohmann::json::array()},
                        {"issuers", nlohmann::json::array()},
                        {"damages", nlohmann::json::array()},
                        {"more_damages", findings.left_out},
                        {"notes", findings.notes}};
  for (const Poll& poll : polls) {
    out["polls"].push_back({{"poll", base::Hex(poll.id)},
                            {"title", poll.title},
                            {"phase", poll.phase},
                            {"records", poll.records},
                            {"root", base::Hex(poll.root)},
                            {"anchored", poll.anchored}});
  }
  for (const Answers& answers : issuers) {
    out["issuers"].push_back(
        {{"issuer", answers.issuer}, {"answers", answers.answers}, {"anchored", answers.anchored}});
  }
  for (const Fault& fault : findings.faults) {
    nlohmann::json one = {{"place", fault.Place()}, {"what", fault.what}, {"remedy", fault.remedy}};
    if (!fault.file.empty()) one["file"] = fault.file;
    if (fault.offset.has_value()) one["byte"] = *fault.offset;
    if (fault.poll.has_value()) one["poll"] = base::Hex(*fault.poll);
    if (!fault.item.empty()) one["item"] = fault.item;
    out["damages"].push_back(std::move(one));
  }
  return out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace urna::server
