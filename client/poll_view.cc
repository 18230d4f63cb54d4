#include "client/poll_view.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "client/interrupt.h"
#include "ledger/evidence.h"
#include "ledger/export.h"
#include "ledger/record.h"
#include "poll/replay.h"
#include "poll/step.h"

namespace urna::client {
namespace {

using base::Cat;
using base::Reject;

constexpr uint64_t kRecordsPerProgress = 1024;
// Bundles replayed at once: enough records to keep every core busy, few enough to hold in memory.
constexpr size_t kBundlesPerReplay = 16;

/// What the note says, before anything vouches for it.
absl::StatusOr<ledger::Checkpoint> Claimed(const std::string& note) {
  URNA_ASSIGN_OR_RETURN(const ledger::Note parsed, ledger::Note::Parse(note));
  return ledger::Checkpoint::ParseBody(parsed.text);
}

/// Replays records that nothing vouches for and keeps the first fault.
class Replayer {
 public:
  Replayer(const Hash32& poll, poll::State::ReadRecord read_record,
           poll::Replay::ParallelFor parallel_for)
      : poll_(poll),
        replay_(
            poll::Replay::Trust::kNothing, std::move(read_record),
            [this](uint64_t index, uint8_t kind, const absl::Status& fault) {
              if (fault_.ok()) {
                fault_ =
                    base::Annotate(fault, Cat("record ", index, " (", poll::KindName(kind), ")"));
              }
            },
            std::move(parallel_for)) {}
  Replayer(const Replayer&) = delete;  // the callback above points here
  Replayer& operator=(const Replayer&) = delete;

  absl::Status Append(const std::vector<std::string>& records) {
    if (state().size() == 0 && !records.empty() && ledger::LeafHash(records[0]) != poll_) {
      return Reject("ledger.poll-id",
                    Cat("record 0 is not that of poll ", base::Hex(poll_), " but of poll ",
                        base::Hex(ledger::LeafHash(records[0]))));
    }
    replay_.Append(records);
    return fault_;
  }

  const poll::State& state() const { return replay_.state(); }
  poll::State TakeState() && { return std::move(replay_).TakeState(); }

 private:
  const Hash32 poll_;
  absl::Status fault_;
  poll::Replay replay_;
};

/// For records before any ballot, the only ones that need an earlier record.
absl::StatusOr<std::string> NoEarlierRecord(uint64_t index) {
  return base::Failure(absl::StatusCode::kInternal, Cat("record ", index, " was not kept"));
}

absl::Status RootDiffers(const ledger::Checkpoint& checkpoint, const Hash32& root) {
  return Reject("ledger.root",
                Cat("the first ", checkpoint.size, " records have the root ", base::Hex(root),
                    ", but the checkpoint says ", base::Hex(checkpoint.root)));
}

absl::Status NoDefinition() {
  return Reject("ledger.incomplete", "the published records do not hold the whole definition");
}

// --- An export that grows

std::string Describe(const ledger::Checkpoint& checkpoint) {
  return Cat("size ", checkpoint.size, " root ", base::Hex(checkpoint.root));
}

absl::StatusOr<std::unique_ptr<ledger::ExportReader>> OpenOlder(const std::string& folder) {
  auto older = ledger::ExportReader::Open(folder);
  absl::Status status = older.status();
  if (status.ok() && !(*older)->file_faults().empty()) status = (*older)->file_faults().front();
  if (status.ok() && (*older)->checkpoint().size == 0) {
    status = base::Failure(absl::StatusCode::kInvalidArgument, "its checkpoint is of no record");
  }
  if (status.ok()) return older;
  return base::Failure(absl::StatusCode::kFailedPrecondition,
                       Cat(folder, " holds something, but no whole export (",
                           std::string_view(status.message().data(), status.message().size()),
                           "); it was left as it is, choose another folder"));
}

/// Checks records one by one on their way into an export.
class Intake {
 public:
  Intake(const Hash32& poll, ledger::ExportWriter& writer)
      : writer_(writer), head_(poll, NoEarlierRecord, poll::Sequentially) {}

  absl::Status Take(const std::string& bytes) {
    if (definition() == nullptr) {
      URNA_RETURN_IF_ERROR(head_.Append({bytes}));
    } else {
      const auto record = ledger::DecodeRecord(bytes);
      if (!record.ok()) return base::Annotate(record.status(), Cat("record ", writer_.size()));
      if (record->previous != last_leaf_) {
        return Reject("ledger.chain-broken",
                      Cat("record ", writer_.size(), " (", poll::KindName(record->kind),
                          "): does not carry the hash of the record before it"));
      }
    }
    last_leaf_ = ledger::LeafHash(bytes);
    return writer_.Append(bytes);
  }

  /// Null until its last part was taken.
  const poll::Definition* definition() const { return head_.state().definition().get(); }

  absl::StatusOr<ledger::Checkpoint> Open(const std::string& note) const {
    if (definition() == nullptr) return NoDefinition();
    return ledger::OpenCheckpoint(note, definition()->ballot_box);
  }

 private:
  ledger::ExportWriter& writer_;
  Replayer head_;
  Hash32 last_leaf_{};
};

/// What proves that `key` signed two histories, the export `older` and the ledger of `note`, which
/// says that it is `shown`; nothing if one continues the other. Errors: Reject("ledger.root") if
/// the source's records are not those of the note; those of the source and of ExportReader.
absl::StatusOr<std::optional<ledger::Evidence>> FindFork(
    LedgerSource& source, const ledger::ExportReader& older, const std::string& note,
    const ledger::Checkpoint& shown, const ledger::NoteKey& key, const Progress& progress) {
  if (shown.size == 0) return std::nullopt;
  if (shown.size <= older.checkpoint().size) {
    const ledger::NodeReader nodes = [&older](uint32_t level, uint64_t index) {
      return older.ReadNode(level, index);
    };
    URNA_ASSIGN_OR_RETURN(ledger::Evidence fork, ledger::MakeFork(note, older.note(), key, nodes));
    if (!ledger::Judge(fork, key).proven) return std::nullopt;
    return fork;
  }
  URNA_ASSIGN_OR_RETURN(ledger::ForkProver prover,
                        ledger::ForkProver::Begin(older.note(), note, key));
  uint64_t compared = 0;
  URNA_RETURN_IF_ERROR(
      source.Records(0, shown.size, [&](const std::string& record) -> absl::StatusOr<bool> {
        prover.Append(ledger::LeafHash(record));
        if (++compared % kRecordsPerProgress == 0) progress("compared", compared, shown.size);
        return true;
      }));
  return prover.Finish();
}

}  // namespace

absl::StatusOr<Hash32> ParsePollId(std::string_view text) {
  Hash32 poll;
  if (text.size() != 64) {
    return base::Failure(absl::StatusCode::kInvalidArgument,
                         Cat("a poll id has 64 hexadecimal digits, \"", text.substr(0, 80),
                             "\" has ", text.size(), " characters"));
  }
  if (!base::Unhex(text, poll)) {
    const size_t at = text.find_first_not_of("0123456789abcdefABCDEF");
    return base::Failure(
        absl::StatusCode::kInvalidArgument,
        Cat("a poll id has 64 hexadecimal digits, character ", at + 1, " is none"));
  }
  return poll;
}

// --- Views

absl::StatusOr<std::unique_ptr<PollView>> PollView::FetchStart(
    LedgerSource& source, const Hash32& poll,
    const std::function<bool(const poll::State&)>& enough) {
  URNA_ASSIGN_OR_RETURN(const std::string note, source.Checkpoint());
  URNA_ASSIGN_OR_RETURN(const ledger::Checkpoint claimed, Claimed(note));
  Replayer replayer(poll, NoEarlierRecord, poll::Sequentially);
  const auto take = [&](const std::string& record) -> absl::StatusOr<bool> {
    URNA_RETURN_IF_ERROR(replayer.Append({record}));
    return !enough(replayer.state());
  };
  URNA_RETURN_IF_ERROR(source.Records(0, claimed.size, take));
  if (replayer.state().definition() == nullptr) return NoDefinition();
  URNA_ASSIGN_OR_RETURN(ledger::Checkpoint checkpoint,
                        ledger::OpenCheckpoint(note, replayer.state().definition()->ballot_box));
  if (replayer.state().size() == checkpoint.size && replayer.state().root() != checkpoint.root) {
    return RootDiffers(checkpoint, replayer.state().root());
  }
  return std::unique_ptr<PollView>(
      new PollView(std::move(replayer).TakeState(), std::move(checkpoint), note));
}

absl::StatusOr<std::unique_ptr<PollView>> PollView::FetchDefinition(LedgerSource& source,
                                                                    const Hash32& poll) {
  return FetchStart(source, poll,
                    [](const poll::State& state) { return state.definition() != nullptr; });
}

absl::StatusOr<std::unique_ptr<PollView>> PollView::FetchUntilOpened(LedgerSource& source,
                                                                     const Hash32& poll) {
  // A poll that is cancelled before it is opened ends there.
  const auto enough = [](const poll::State& state) {
    return state.context() != nullptr || state.phase() == poll::Phase::kCancelled;
  };
  URNA_ASSIGN_OR_RETURN(std::unique_ptr<PollView> view, FetchStart(source, poll, enough));
  if (view->state().context() == nullptr) {
    return base::Failure(
        absl::StatusCode::kFailedPrecondition,
        Cat("the poll is not open: it is ", poll::PhaseName(view->state().phase())));
  }
  return view;
}

absl::StatusOr<std::unique_ptr<PollView>> PollView::FetchAll(LedgerSource& source,
                                                             const Hash32& poll,
                                                             const std::string& folder,
                                                             const Progress& progress) {
  std::unique_ptr<TemporaryFolder> temporary;
  std::string path = folder;
  if (folder.empty()) {
    URNA_ASSIGN_OR_RETURN(temporary, TemporaryFolder::Create());
    path = Cat(temporary->path(), "/ledger");
  }
  URNA_ASSIGN_OR_RETURN(ledger::Checkpoint checkpoint, FetchLedger(source, poll, path, progress));
  return Replayed(path, std::move(temporary), poll, std::move(checkpoint), progress);
}

absl::StatusOr<std::unique_ptr<PollView>> PollView::Open(const std::string& folder,
                                                         const Hash32& poll,
                                                         const Progress& progress) {
  URNA_ASSIGN_OR_RETURN(const std::unique_ptr<const ledger::ExportReader> reader,
                        ledger::ExportReader::Open(folder));
  if (!reader->file_faults().empty()) return reader->file_faults().front();
  URNA_ASSIGN_OR_RETURN(std::unique_ptr<PollView> view,
                        Replayed(folder, nullptr, poll, reader->checkpoint(), progress));
  const auto definition = view->state().definition();
  if (definition == nullptr) return NoDefinition();
  const auto signed_by_its_key = ledger::OpenCheckpoint(reader->note(), definition->ballot_box);
  if (!signed_by_its_key.ok()) return base::Annotate(signed_by_its_key.status(), folder);
  return view;
}

absl::StatusOr<std::unique_ptr<PollView>> PollView::Replayed(
    const std::string& path, std::unique_ptr<TemporaryFolder> temporary, const Hash32& poll,
    ledger::Checkpoint checkpoint, const Progress& progress) {
  URNA_ASSIGN_OR_RETURN(const std::shared_ptr<const ledger::ExportReader> reader,
                        ledger::ExportReader::Open(path));
  const auto later = std::make_shared<Later>();
  later->first = checkpoint.size;
  // What a mixed contest's shares and mixes are about is read again.
  const auto read = [reader, later](uint64_t index) -> absl::StatusOr<std::string> {
    if (index < later->first) return reader->ReadEntry(index);
    if (index - later->first < later->records.size()) return later->records[index - later->first];
    return NoEarlierRecord(index);
  };
  Replayer replayer(poll, read, OnThreads(0));
  std::vector<std::string> records;
  for (uint64_t bundle = 0; bundle < reader->bundle_count(); ++bundle) {
    URNA_ASSIGN_OR_RETURN(std::vector<std::string> entries, reader->ReadBundle(bundle));
    std::ranges::move(entries, std::back_inserter(records));
    if (records.size() < kBundlesPerReplay * ledger::kTileWidth &&
        bundle + 1 < reader->bundle_count()) {
      continue;
    }
    URNA_RETURN_IF_ERROR(replayer.Append(records));
    records.clear();
    progress("checked", replayer.state().size(), checkpoint.size);
  }
  if (replayer.state().size() != checkpoint.size || replayer.state().root() != checkpoint.root) {
    return base::Annotate(RootDiffers(checkpoint, replayer.state().root()), path);
  }
  std::unique_ptr<PollView> view(
      new PollView(std::move(replayer).TakeState(), std::move(checkpoint), reader->note()));
  view->temporary_ = std::move(temporary);
  view->later_ = later;
  for (uint64_t bundle = 0; bundle < reader->bundle_count(); ++bundle) {
    URNA_ASSIGN_OR_RETURN(const std::vector<std::string> entries, reader->ReadBundle(bundle));
    for (size_t i = 0; i < entries.size(); ++i) {
      view->NoteStep(bundle * ledger::kTileWidth + i, entries[i]);
    }
  }
  return view;
}

void PollView::NoteStep(uint64_t index, const std::string& bytes) {
  const auto record = ledger::DecodeRecord(bytes);
  if (!record.ok()) return;  // the replay has judged it
  const auto kind = static_cast<poll::RecordKind>(record->kind);
  if (!poll::IsOfficialStep(kind)) return;
  auto payload = poll::DecodePayload(record->kind, record->payload, state_->definition().get());
  if (payload.ok()) steps_.push_back({index, record->time, *std::move(payload)});
}

absl::Status PollView::Advance(LedgerSource& source) {
  URNA_ASSIGN_OR_RETURN(std::string note, source.Checkpoint());
  URNA_ASSIGN_OR_RETURN(ledger::Checkpoint checkpoint,
                        ledger::OpenCheckpoint(note, state_->definition()->ballot_box));
  poll::State next = *state_;
  std::vector<std::string>& records = later_->records;
  const size_t before = records.size();
  const auto take = [&](const std::string& bytes) -> absl::StatusOr<bool> {
    URNA_ASSIGN_OR_RETURN(const ledger::Record record, ledger::DecodeRecord(bytes));
    if (record.previous != next.last_leaf()) {
      return Reject("ledger.chain-broken",
                    Cat("record ", next.size(), " does not carry the hash of the one before it"));
    }
    const poll::RawPayload raw{record.kind, record.payload};
    auto checked = poll::CheckPayloads(next.definition().get(), next.context().get(), {&raw, 1});
    absl::Status status = checked[0].status();
    // Where it is read again, if the record asks for that.
    records.push_back(bytes);
    if (status.ok()) status = next.Apply(*checked[0], record.time, ledger::LeafHash(bytes));
    if (!status.ok()) return base::Annotate(status, Cat("record ", next.size()));
    return true;
  };
  absl::Status taken = source.Records(next.size(), checkpoint.size, take);
  if (taken.ok() && (next.size() != checkpoint.size || next.root() != checkpoint.root)) {
    taken = RootDiffers(checkpoint, next.root());
  }
  if (!taken.ok()) {
    records.resize(before);
    return taken;
  }
  uint64_t index = state_->size();
  *state_ = std::move(next);
  checkpoint_ = std::move(checkpoint);
  note_ = std::move(note);
  for (size_t i = before; i < records.size(); ++i) NoteStep(index++, records[i]);
  return absl::OkStatus();
}

// --- Exports

absl::StatusOr<ledger::Checkpoint> FetchLedger(LedgerSource& source, const Hash32& poll,
                                               const std::string& folder_name,
                                               const Progress& progress) {
  std::string folder = folder_name;
  while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
  std::error_code error;
  const bool present =
      std::filesystem::exists(folder, error) && !std::filesystem::is_empty(folder, error);
  if (error) {
    return base::Failure(absl::StatusCode::kUnavailable, Cat(folder, ": ", error.message()));
  }
  std::unique_ptr<ledger::ExportReader> older;
  if (present) {
    URNA_ASSIGN_OR_RETURN(older, OpenOlder(folder));
  }

  URNA_ASSIGN_OR_RETURN(const std::string note, source.Checkpoint());
  URNA_ASSIGN_OR_RETURN(const ledger::Checkpoint claimed, Claimed(note));
  const TemporaryFolder temporary(Cat(folder, ".new.", getpid()));
  URNA_ASSIGN_OR_RETURN(const std::unique_ptr<ledger::ExportWriter> writer,
                        ledger::ExportWriter::Create(temporary.path()));
  Intake intake(poll, *writer);

  uint64_t start = 0;
  if (older != nullptr) {
    start = older->checkpoint().size;
    for (uint64_t bundle = 0; bundle < older->bundle_count(); ++bundle) {
      URNA_ASSIGN_OR_RETURN(const std::vector<std::string> entries, older->ReadBundle(bundle));
      for (const std::string& entry : entries) {
        const absl::Status taken = intake.Take(entry);
        if (!taken.ok()) return base::Annotate(taken, folder);
      }
    }
    if (writer->Root() != older->checkpoint().root) {
      return base::Annotate(RootDiffers(older->checkpoint(), writer->Root()), folder);
    }
    const auto opened = intake.Open(older->note());
    if (!opened.ok()) return base::Annotate(opened.status(), folder);
  }
  // What is shown does not continue the older export. If the ballot box signed both, the evidence
  // is kept; if not, `fault` is all that is known, and accuses nobody.
  const auto refuse = [&](const absl::Status& fault) -> absl::Status {
    URNA_RETURN_IF_ERROR(intake.Open(note).status());
    const ledger::NoteKey& key = intake.definition()->ballot_box;
    const auto fork = FindFork(source, *older, note, claimed, key, progress);
    if (base::RejectId(fork.status()) == "ledger.root") return fault;
    URNA_RETURN_IF_ERROR(fork.status());
    if (!fork->has_value()) return fault;
    const std::string file =
        Cat(folder, "-", claimed.size, "-", base::Hex(claimed.root).substr(0, 16), ".evidence");
    const absl::Status kept = base::WriteFileAtomic(file, ledger::EncodeEvidence(**fork));
    return Reject("ledger.forked",
                  Cat(ledger::Judge(**fork, key).text, ". ", folder, " was left as it is. ",
                      kept.ok() ? Cat("Keep ", file,
                                      ": it proves this to anybody who runs urna-verify --log '",
                                      key.ToString(), "' --evidence ", file)
                                : Cat("What proves this could not be kept: ", kept.ToString())));
  };
  if (older != nullptr && claimed.size < start) {
    return refuse(
        Reject("ledger.forked", Cat("the server shows a shorter ledger than the one in ", folder,
                                    ", which was left as it is: kept ",
                                    Describe(older->checkpoint()), "; shown ", Describe(claimed))));
  }

  absl::Status fetched =
      source.Records(start, claimed.size, [&](const std::string& record) -> absl::StatusOr<bool> {
        URNA_RETURN_IF_ERROR(intake.Take(record));
        if (writer->size() % kRecordsPerProgress == 0 || writer->size() == claimed.size) {
          progress("fetched", writer->size(), claimed.size);
        }
        return true;
      });
  if (!fetched.ok()) {
    // The first new record does not follow the last old one.
    const bool at_seam = older != nullptr && writer->size() == start &&
                         base::RejectId(fetched) == "ledger.chain-broken";
    return at_seam ? refuse(fetched) : fetched;
  }
  URNA_ASSIGN_OR_RETURN(const ledger::Checkpoint checkpoint, intake.Open(note));
  if (writer->Root() != checkpoint.root) {
    const absl::Status differs = RootDiffers(checkpoint, writer->Root());
    return older != nullptr ? refuse(differs) : differs;
  }
  URNA_RETURN_IF_ERROR(writer->Finish(note));
  URNA_RETURN_IF_ERROR(base::PutFolder(temporary.path(), folder));
  return checkpoint;
}

std::function<void(size_t, const std::function<void(size_t)>&)> OnThreads(unsigned threads) {
  if (threads == 0) threads = std::max(1u, std::thread::hardware_concurrency());
  return [threads](size_t count, const std::function<void(size_t)>& work) {
    if (count <= 1 || threads == 1) {
      poll::Sequentially(count, work);
      return;
    }
    std::atomic<size_t> next{0};
    const auto run = [&] {
      for (size_t i = next++; i < count; i = next++) work(i);
    };
    std::vector<std::jthread> others;
    for (size_t i = 1; i < std::min<size_t>(threads, count); ++i) others.emplace_back(run);
    run();
  };
}

}  // namespace urna::client
