#include "server/loss.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>
#include <tuple>
#include <utility>

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "ledger/note.h"
#include "ledger/record.h"
#include "ledger/store/store.h"
#include "server/anchor.h"
#include "server/folder_lock.h"
#include "server/keys.h"
#include "server/poll_files.h"
#include "server/publication.h"
#include "server/replay_stored.h"
#include "server/sequencer.h"
#include "server/setup.h"

namespace urna::server {
namespace {

namespace fs = std::filesystem;
using base::Cat;
using base::Failure;
using crypto::Hash32;

constexpr std::string_view kLostSuffix = ".lost";
constexpr size_t kMaxNoteBytes = size_t{1} << 20;

std::string MessageOf(const absl::Status& status) { return std::string(status.message()); }

/// One ledger as it is here.
struct Held {
  std::unique_ptr<poll::State> state;
  uint64_t newest_time = 0;
};

absl::StatusOr<Held> Replay(const ledger::Store& store, const Hash32& id) {
  Held held;
  auto state = ReplayStored(
      store, id, poll::State([&store, id](uint64_t index) { return store.Read(id, index); }),
      [&held](uint64_t, const ledger::RecordView& record) {
        held.newest_time = std::max(held.newest_time, record.time);
      });
  if (!state.ok()) return base::Annotate(state.status(), Cat("poll ", base::Hex(id)));
  held.state = std::make_unique<poll::State>(*std::move(state));
  return held;
}

/// A data folder that no server works on.
class Folder {
 public:
  static absl::StatusOr<Folder> Open(const LossOptions& options, bool read_only) {
    Folder folder(options);
    std::error_code error;
    if (!fs::is_directory(Cat(options.data, "/ledger"), error)) {
      return Failure(absl::StatusCode::kNotFound,
                     Cat(options.data, ": is not a data folder in which a server ran"));
    }
    URNA_ASSIGN_OR_RETURN(base::FileLock data, LockFolder(options.data, kDataLock));
    URNA_ASSIGN_OR_RETURN(base::FileLock anchor, LockFolder(options.anchor, kAnchorLock));
    folder.locks_.push_back(std::move(data));
    folder.locks_.push_back(std::move(anchor));
    URNA_ASSIGN_OR_RETURN(
        folder.store_,
        ledger::Store::Open(
            {.folder = Cat(options.data, "/ledger"), .log_folder = "", .read_only = read_only}));
    return folder;
  }

  ledger::Store& store() { return *store_; }

  /// Where checkpoints of the ledgers stand that the ballot box signed, by path.
  struct Signed {
    std::string path;
    Hash32 poll{};
    std::string note;
  };
  absl::StatusOr<std::vector<Signed>> SignedNotes() const {
    std::vector<Signed> notes;
    URNA_ASSIGN_OR_RETURN(const auto lost, ReadLostNotes(options_.anchor));
    for (const LostNote& one : lost) notes.push_back({one.path, one.poll, one.note});
    URNA_ASSIGN_OR_RETURN(const auto anchors, PollFiles(options_.anchor, kAnchorSuffix));
    for (const auto& [path, poll] : anchors) {
      URNA_ASSIGN_OR_RETURN(AnchorContent content, ReadAnchor(path));
      if (content.damaged) {
        return Failure(absl::StatusCode::kDataLoss,
                       Cat(path, ": is damaged; see urna-server fsck"));
      }
      if (!content.newest.empty()) notes.push_back({path, poll, std::move(content.newest)});
    }
    const std::string published = Cat(options_.data, "/published");
    for (const auto& [path, poll] :
         PollFiles(published, kPublishedSuffix).value_or(std::vector<PollFile>())) {
      if (const auto shown = ReadPublication(published, poll); shown.has_value()) {
        notes.push_back({path, poll, shown->note});
      }
    }
    for (const auto& [path, poll] :
         PollFiles(published, kWitnessedSuffix).value_or(std::vector<PollFile>())) {
      URNA_ASSIGN_OR_RETURN(std::string note, base::ReadFile(path, kMaxNoteBytes));
      notes.push_back({path, poll, std::move(note)});
    }
    return notes;
  }

  /// What of `notes` is missing from this ledger.
  absl::StatusOr<Loss> Compare(const Held& held, const std::vector<Signed>& notes) const {
    const poll::State& state = *held.state;
    Loss loss;
    loss.poll = state.poll();
    loss.records = state.size();
    loss.newest_time = held.newest_time;
    loss.phase = poll::PhaseName(state.phase());
    if (state.definition() == nullptr) {
      loss.not_acceptable = "its definition is not whole: define the poll anew";
      return loss;
    }
    loss.title = state.definition()->title.begin()->second;
    for (const Signed& one : notes) {
      const auto checkpoint = ledger::OpenCheckpoint(one.note, state.definition()->ballot_box);
      if (!checkpoint.ok()) {
        loss.not_acceptable = Cat(one.path, ": ", MessageOf(checkpoint.status()));
        continue;
      }
      if (state.IsLost(*checkpoint)) continue;
      if (checkpoint->size > state.size()) {
        // Cosignatures say nothing about the loss, and a record has little room.
        ledger::Note note = ledger::Note::Parse(one.note).value();
        ledger::KeepSignaturesOf(state.definition()->ballot_box, &note);
        loss.lost.push_back({one.path, note.ToString(), *checkpoint});
        continue;
      }
      URNA_ASSIGN_OR_RETURN(
          const Hash32 root,
          ledger::RootAt(checkpoint->size, store_->Nodes(loss.poll, checkpoint->size)));
      if (root != checkpoint->root) {
        loss.not_acceptable =
            Cat(one.path, ": the first ", checkpoint->size,
                " records are others than those that were signed: this is another history, and no "
                "loss; find out where it comes from");
      }
    }
    const auto by_place = [](const Loss::Lost& a, const Loss::Lost& b) {
      return std::tie(a.checkpoint.size, a.checkpoint.root) <
             std::tie(b.checkpoint.size, b.checkpoint.root);
    };
    std::ranges::sort(loss.lost, by_place);
    const auto same = std::ranges::unique(
        loss.lost, [](const auto& a, const auto& b) { return a.checkpoint == b.checkpoint; });
    loss.lost.erase(same.begin(), same.end());
    if (loss.lost.size() > poll::kMaxLostCheckpoints) {
      // The newest say the most.
      loss.lost.erase(loss.lost.begin(),
                      loss.lost.end() - static_cast<ptrdiff_t>(poll::kMaxLostCheckpoints));
    }
    const bool over =
        state.phase() == poll::Phase::kCertified || state.phase() == poll::Phase::kCancelled;
    if (loss.not_acceptable.empty() && !loss.lost.empty() && over) {
      loss.not_acceptable = "the poll is over, and nothing can come after its last record";
    }
    return loss;
  }

 private:
  explicit Folder(const LossOptions& options) : options_(options) {}

  LossOptions options_;
  std::vector<base::FileLock> locks_;
  std::unique_ptr<ledger::Store> store_;
};

std::vector<Folder::Signed> Of(const std::vector<Folder::Signed>& notes, const Hash32& poll) {
  std::vector<Folder::Signed> mine;
  std::ranges::copy_if(notes, std::back_inserter(mine),
                       [&](const auto& one) { return one.poll == poll; });
  return mine;
}

std::string LostPath(const std::string& folder, const Hash32& poll,
                     const ledger::Checkpoint& checkpoint) {
  return Cat(folder, "/", base::Hex(poll), ".", checkpoint.size, ".", base::Hex(checkpoint.root),
             kLostSuffix);
}

}  // namespace

absl::StatusOr<std::vector<LostNote>> ReadLostNotes(const std::string& anchor_folder) {
  std::vector<LostNote> notes;
  std::error_code error;
  for (fs::directory_iterator at(anchor_folder, error), end; !error && at != end;
       at.increment(error)) {
    const std::string name = at->path().filename().string();
    LostNote note{at->path().string(), {}, ""};
    if (!name.ends_with(kLostSuffix) ||
        !base::Unhex(std::string_view(name).substr(0, name.find('.')), note.poll)) {
      continue;
    }
    URNA_ASSIGN_OR_RETURN(note.note, base::ReadFile(note.path, kMaxNoteBytes));
    notes.push_back(std::move(note));
  }
  if (error) {
    return Failure(absl::StatusCode::kUnavailable, Cat(anchor_folder, ": ", error.message()));
  }
  std::ranges::sort(notes, {}, &LostNote::path);
  return notes;
}

absl::StatusOr<std::vector<Loss>> FindLosses(const LossOptions& options) {
  URNA_ASSIGN_OR_RETURN(Folder folder, Folder::Open(options, /*read_only=*/true));
  URNA_ASSIGN_OR_RETURN(const auto notes, folder.SignedNotes());
  std::vector<Loss> losses;
  const std::vector<Hash32> polls = folder.store().Polls();
  for (const Hash32& poll : polls) {
    URNA_ASSIGN_OR_RETURN(const Held held, Replay(folder.store(), poll));
    URNA_ASSIGN_OR_RETURN(Loss loss, folder.Compare(held, Of(notes, poll)));
    if (!loss.lost.empty() || !loss.not_acceptable.empty()) losses.push_back(std::move(loss));
  }
  for (const Folder::Signed& one : notes) {
    if (std::ranges::find(polls, one.poll) != polls.end()) continue;
    const bool known =
        std::ranges::any_of(losses, [&](const Loss& loss) { return loss.poll == one.poll; });
    if (known) continue;
    Loss gone;
    gone.poll = one.poll;
    gone.not_acceptable = Cat(one.path,
                              ": this ledger is gone as a whole. Whoever copied what was published "
                              "of it (urna ledger export, a mirror) has its beginning: restore "
                              "from that (urna-server restore)");
    losses.push_back(std::move(gone));
  }
  return losses;
}

absl::Status AcceptLoss(const LossOptions& options, const Hash32& poll, uint64_t records,
                        const std::string& reason, uint64_t now) {
  URNA_ASSIGN_OR_RETURN(Folder folder, Folder::Open(options, /*read_only=*/false));
  URNA_ASSIGN_OR_RETURN(const auto notes, folder.SignedNotes());
  URNA_ASSIGN_OR_RETURN(Held held, Replay(folder.store(), poll));
  URNA_ASSIGN_OR_RETURN(const Loss loss, folder.Compare(held, Of(notes, poll)));
  if (!loss.not_acceptable.empty()) {
    return Failure(absl::StatusCode::kFailedPrecondition, loss.not_acceptable);
  }
  if (loss.lost.empty() || loss.count() != records) {
    return Failure(absl::StatusCode::kInvalidArgument,
                   Cat("--records ", records, ": of this poll ", loss.count(),
                       " records that were signed for are missing; nothing was changed"));
  }
  if (now < loss.newest_time) {
    return Failure(absl::StatusCode::kFailedPrecondition,
                   Cat("the clock says ", base::FormatUtc(now), ", but a record is of ",
                       base::FormatUtc(loss.newest_time), ": set it right first"));
  }
  URNA_ASSIGN_OR_RETURN(const auto key, ReadSigningKey(CheckpointKeyPath(options.data)));
  poll::State& state = *held.state;
  const poll::Definition& definition = *state.definition();
  if (key.public_key() != definition.ballot_box.key) {
    return Failure(absl::StatusCode::kFailedPrecondition,
                   Cat(CheckpointKeyPath(options.data), ": is not the key that the poll names"));
  }

  poll::LossAccepted accepted;
  accepted.size = state.size();
  accepted.root = state.root();
  accepted.reason = reason;
  for (const Loss::Lost& lost : loss.lost) {
    // Before the record: a crash in between must not lose what the record shall say.
    const absl::Status kept =
        base::CreateFileAtomic(LostPath(options.anchor, poll, lost.checkpoint), lost.note, 0600);
    if (!kept.ok() && !absl::IsAlreadyExists(kept)) return kept;
    accepted.lost.push_back(lost.note);
  }
  accepted.signature =
      key.Sign(poll::ParticipantMessage("ballot-box", poll::RecordKind::kLossAccepted, poll, 0,
                                        state.course().losses.size(), poll::PayloadBody(accepted)));
  URNA_ASSIGN_OR_RETURN(Checked checked,
                        Check(&definition, state.context().get(), poll::Payload(accepted)));
  std::vector<Checked> group;
  group.push_back(std::move(checked));
  ledger::Store::Batch batch;
  batch.poll = poll;
  URNA_ASSIGN_OR_RETURN(batch.records, ApplyGroup(state, group, now));
  URNA_RETURN_IF_ERROR(folder.store().Append({&batch, 1}).status());

  // From here on a server that starts finds the record, believes it, and does the rest itself.
  const std::string note =
      ledger::SignCheckpoint({definition.ballot_box.name, state.size(), state.root()}, key);
  URNA_ASSIGN_OR_RETURN(const auto anchor, AnchorFile::Open(AnchorPath(options.anchor, poll)));
  URNA_RETURN_IF_ERROR(anchor->Append(note));
  URNA_RETURN_IF_ERROR(folder.store().PutCheckpoint(poll, state.size(), note));
  const std::string published = Cat(options.data, "/published");
  URNA_RETURN_IF_ERROR(base::MakeFolders(published, 0700));
  return StorePublication(published, poll, {now / definition.publish_every, note});
}

}  // namespace urna::server
