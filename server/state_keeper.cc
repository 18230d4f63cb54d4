#include "server/state_keeper.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <shared_mutex>
#include <utility>

#include "base/codec.h"
#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "ledger/record.h"

namespace urna::server {
namespace {

using base::Cat;

constexpr std::string_view kMagic = "urna-state/1\n";
constexpr size_t kMaxFile = size_t{1} << 36;
constexpr size_t kMaxState = size_t{1} << 31;

absl::Status Useless(std::string_view why) {
  return base::Failure(absl::StatusCode::kDataLoss, why);
}

absl::Status SystemError(std::string_view what, const std::string& path) {
  return base::Failure(absl::StatusCode::kUnavailable,
                       Cat(path, ": cannot ", what, ": ", strerror(errno)));
}

/// Writes `bytes` at `offset`, durably, and cuts off what follows.
absl::Status WriteAt(const std::string& path, uint64_t offset, std::string_view bytes) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return SystemError("open", path);
  absl::Status status;
  auto at = static_cast<off_t>(offset);
  while (status.ok() && !bytes.empty()) {
    const ssize_t written = pwrite(fd, bytes.data(), bytes.size(), at);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      status = SystemError("write", path);
    } else {
      bytes.remove_prefix(static_cast<size_t>(written));
      at += written;
    }
  }
  if (status.ok() && (ftruncate(fd, at) != 0 || fdatasync(fd) != 0)) {
    status = SystemError("sync", path);
  }
  close(fd);
  return status;
}

}  // namespace

StateKeeper::StateKeeper(Options options, const ledger::Store& store, const PollBook& book,
                         Log& log)
    : options_(std::move(options)), store_(store), book_(book), log_(log) {}

std::string StateKeeper::StatePath(const Hash32& poll) const {
  return Cat(options_.folder, "/", base::Hex(poll), ".state");
}

std::string StateKeeper::NotesPath(const Hash32& poll) const {
  return Cat(options_.folder, "/", base::Hex(poll), ".ballots");
}

absl::StatusOr<StateKeeper::Kept> StateKeeper::Load(const Hash32& poll,
                                                    poll::State::ReadRecord read_record) {
  URNA_ASSIGN_OR_RETURN(const std::string file, base::ReadFile(StatePath(poll), kMaxFile));
  if (!file.starts_with(kMagic)) return Useless("is of another version");
  constexpr size_t kHash = sizeof(Hash32);
  if (file.size() < kMagic.size() + kHash) return Useless("is cut short");
  const std::string_view content = std::string_view(file).substr(0, file.size() - kHash);
  if (base::View(crypto::HashSha256(content)) != std::string_view(file).substr(content.size())) {
    return Useless("is damaged");
  }
  base::Reader r(content.substr(kMagic.size()));
  const uint64_t size = r.U64();
  const Hash32 root = r.Fixed<32>();
  Files files;
  files.newest_time = r.U64();
  files.opened = r.U64();
  files.ballots = r.U64();
  const Hash32 notes_hash = r.Fixed<32>();
  const std::string_view encoded = r.Frame(kMaxState);
  URNA_RETURN_IF_ERROR(r.Finish());
  files.saved = files.noted = size;

  const auto stored = ledger::RootAt(size, store_.Nodes(poll, size));
  if (!stored.ok() || *stored != root) return Useless("is of another ledger");

  std::string notes;
  if (files.ballots > 0) {
    auto read = base::ReadFile(NotesPath(poll), kMaxFile);
    if (!read.ok()) return Useless(Cat("lacks ballots: ", read.status().ToString()));
    notes = *std::move(read);
  }
  if (notes.size() / poll::kBallotNoteBytes < files.ballots) return Useless("lacks ballots");
  notes.resize(static_cast<size_t>(files.ballots) * poll::kBallotNoteBytes);
  if (files.hash.Update(notes).Peek() != notes_hash) return Useless("has damaged ballots");

  auto state = poll::StateSnapshot::Decode(encoded, notes, std::move(read_record));
  if (!state.ok()) return Useless(state.status().ToString());
  if (state->poll() != poll || state->size() != size || state->root() != root ||
      state->ballot_records() != files.ballots) {
    return Useless("contradicts itself");
  }
  Kept kept{*std::move(state), files.newest_time, files.opened, std::move(notes)};
  files_[poll] = std::move(files);
  return kept;
}

void StateKeeper::Start() {
  thread_ = std::thread([this] { SaveUntilStopped(); });
}

void StateKeeper::Stop() {
  if (!thread_.joinable()) return;
  {
    std::lock_guard guard(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
  SaveAll(1);
}

void StateKeeper::SaveUntilStopped() {
  std::unique_lock guard(mutex_);
  while (!wake_.wait_for(guard, options_.every, [this] { return stopping_; })) {
    guard.unlock();
    SaveAll(options_.records);
    guard.lock();
  }
}

void StateKeeper::SaveAll(uint64_t at_least) {
  for (const auto& poll : book_.All()) {
    Files& files = files_[poll->id];
    if (poll->view()->head_size < files.saved + at_least) continue;
    const absl::Status status = Save(*poll, files);
    const std::string complaint = status.ok() ? "" : status.ToString();
    if (complaint != files.complaint) {
      log_.Line(Cat("poll ", base::Hex(poll->id),
                    complaint.empty() ? ": its state is saved again"
                                      : ": its state could not be saved, the next start may be "
                                        "slow: ",
                    complaint));
    }
    files.complaint = complaint;
  }
}

absl::Status StateKeeper::Save(const LivePoll& poll, Files& files) {
  uint64_t size = 0;
  Hash32 root;
  std::string state;
  {
    std::shared_lock guard(poll.lock);
    size = poll.state.size();
    root = poll.state.root();
    state = poll::StateSnapshot::Encode(poll.state);
  }
  URNA_RETURN_IF_ERROR(NoteUpTo(poll.id, size, files));
  base::Writer w;
  w.Raw(kMagic).U64(size).Raw(root).U64(files.newest_time).U64(files.opened).U64(files.ballots);
  w.Raw(files.hash.Peek()).Frame(state);
  w.Raw(crypto::HashSha256(w.bytes()));
  URNA_RETURN_IF_ERROR(base::WriteFileAtomic(StatePath(poll.id), w.bytes(), 0600));
  files.saved = size;
  return absl::OkStatus();
}

/// Notes what is in the store and not noted yet, up to `size` records.
absl::Status StateKeeper::NoteUpTo(const Hash32& poll, uint64_t size, Files& files) {
  std::string notes;
  uint64_t newest_time = files.newest_time;
  uint64_t opened = files.opened;
  URNA_RETURN_IF_ERROR(store_.Scan(
      poll, files.noted, size, [&](uint64_t index, std::string_view bytes) -> absl::Status {
        URNA_ASSIGN_OR_RETURN(const ledger::RecordView record, ledger::ViewRecord(bytes));
        newest_time = std::max(newest_time, record.time);
        if (record.kind == static_cast<uint8_t>(poll::RecordKind::kOpened)) opened = index + 1;
        if (const auto note = poll::NoteBallot(index, record)) {
          notes += poll::EncodeBallotNote(*note);
        }
        return absl::OkStatus();
      }));
  if (!notes.empty()) {
    URNA_RETURN_IF_ERROR(WriteAt(NotesPath(poll), files.ballots * poll::kBallotNoteBytes, notes));
  }
  files.hash.Update(notes);
  files.ballots += notes.size() / poll::kBallotNoteBytes;
  files.noted = size;
  files.newest_time = newest_time;
  files.opened = opened;
  return absl::OkStatus();
}

}  // namespace urna::server
