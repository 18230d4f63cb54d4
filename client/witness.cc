#include "client/witness.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"
#include "client/key_file.h"
#include "crypto/secret.h"
#include "ledger/evidence.h"

namespace urna::client {
namespace {

using base::Cat;
using ledger::NoteKey;

constexpr std::string_view kPurpose = "witness";
constexpr size_t kMaxList = size_t{1} << 20;
constexpr size_t kMaxState = size_t{1} << 16;

std::string MessageOf(const absl::Status& status) { return std::string(status.message()); }

std::string ListPath(const std::string& folder) { return Cat(folder, "/logs"); }

absl::Status Damaged(std::string_view path, std::string_view text) {
  return base::Failure(absl::StatusCode::kDataLoss, Cat(path, ": ", text));
}

absl::Status WrongLine(const std::string& folder, size_t line, std::string_view text) {
  return base::Failure(absl::StatusCode::kInvalidArgument,
                       Cat(ListPath(folder), ":", line, ": ", text));
}

absl::StatusOr<std::string> ReadList(const std::string& folder) {
  auto text = base::ReadFile(ListPath(folder), kMaxList);
  if (absl::IsNotFound(text.status())) return std::string();
  return text;
}

absl::StatusOr<std::vector<NoteKey>> ParseList(const std::string& folder, std::string_view text) {
  std::vector<NoteKey> logs;
  size_t number = 0;
  for (const std::string_view raw : base::Split(text, '\n')) {
    ++number;
    const std::string_view line = base::Trim(raw);
    if (line.empty() || line.starts_with('#')) continue;
    auto key = NoteKey::Parse(line);
    if (!key.ok()) return WrongLine(folder, number, MessageOf(key.status()));
    if (key->type != ledger::kTypeEd25519) {
      return WrongLine(folder, number, "is a witness's key, not a log's");
    }
    if (std::ranges::find(logs, key->name, &NoteKey::name) != logs.end()) {
      return WrongLine(folder, number, Cat("the log ", key->name, " stands here twice"));
    }
    logs.push_back(*std::move(key));
  }
  return logs;
}

http::Response Plain(int status, std::string_view text) {
  return {.status = status, .body = Cat(text, "\n")};
}

/// The note with only what `log` signed: of the rest nothing was checked.
std::string SignedBy(const NoteKey& log, ledger::Note note) {
  ledger::KeepSignaturesOf(log, &note);
  return note.ToString();
}

http::Response NotFound() { return Plain(404, "there is nothing here"); }

}  // namespace

// --- Files

absl::StatusOr<std::vector<NoteKey>> ReadWitnessedLogs(const std::string& folder) {
  URNA_ASSIGN_OR_RETURN(const std::string text, ReadList(folder));
  return ParseList(folder, text);
}

absl::StatusOr<bool> AddWitnessedLog(const std::string& folder, const NoteKey& log) {
  URNA_RETURN_IF_ERROR(base::MakeFolders(folder, 0700));
  URNA_ASSIGN_OR_RETURN(const base::FileLock lock,
                        base::FileLock::Acquire(Cat(ListPath(folder), ".lock")));
  URNA_ASSIGN_OR_RETURN(std::string text, ReadList(folder));
  URNA_ASSIGN_OR_RETURN(const std::vector<NoteKey> logs, ParseList(folder, text));
  const auto same = std::ranges::find(logs, log.name, &NoteKey::name);
  if (same != logs.end()) {
    if (same->ToString() == log.ToString()) return false;
    return base::Failure(
        absl::StatusCode::kFailedPrecondition,
        Cat(ListPath(folder), ": the log ", log.name, " stands there with another key, ",
            same->ToString(), "; a log has one key: find out which is right before you change it"));
  }
  if (!text.empty() && !text.ends_with('\n')) text += '\n';
  URNA_RETURN_IF_ERROR(
      base::WriteFileAtomic(ListPath(folder), Cat(text, log.ToString(), "\n"), 0600));
  return true;
}

absl::Status WriteWitnessKey(const std::string& path, const NoteKey& vkey,
                             const crypto::Ed25519Key& key, const crypto::SecretText& passphrase) {
  return WriteKeyFile(path, kPurpose, vkey.ToString(),
                      crypto::SecretText(std::string(base::View(key.seed().Expose()))), passphrase,
                      /*overwrite=*/false);
}

absl::StatusOr<std::string> ReadWitnessPublic(const std::string& path) {
  URNA_ASSIGN_OR_RETURN(const std::string text, ReadKeyFilePublic(path, kPurpose));
  const auto vkey = NoteKey::Parse(text);
  if (!vkey.ok()) {
    return base::Failure(absl::StatusCode::kInvalidArgument, Cat(path, ": holds no witness's key"));
  }
  return vkey->ToString();
}

absl::StatusOr<WitnessKey> ReadWitnessKey(const std::string& path,
                                          const crypto::SecretText& passphrase) {
  URNA_ASSIGN_OR_RETURN(const OpenedKeyFile file, ReadKeyFile(path, kPurpose, passphrase));
  const auto bad = [&path](std::string_view text) {
    return base::Failure(absl::StatusCode::kInvalidArgument, Cat(path, ": ", text));
  };
  auto vkey = NoteKey::Parse(file.public_part);
  if (!vkey.ok() || vkey->type != ledger::kTypeCosignature) return bad("holds no witness's key");
  URNA_ASSIGN_OR_RETURN(crypto::Ed25519Key key, SigningKeyOf(path, file));
  if (key.public_key() != vkey->key) return bad("the public key is not the secret key's");
  return WitnessKey{*std::move(vkey), std::move(key)};
}

// --- The witness

absl::StatusOr<std::unique_ptr<Witness>> Witness::Open(Options options, WitnessKey key) {
  for (const char* folder : {"", "/state", "/evidence"}) {
    URNA_RETURN_IF_ERROR(base::MakeFolders(Cat(options.folder, folder), 0700));
  }
  auto lock = base::FileLock::Acquire(Cat(options.folder, "/lock"));
  if (absl::IsFailedPrecondition(lock.status())) {
    return base::Failure(
        absl::StatusCode::kFailedPrecondition,
        Cat(options.folder,
            ": a witness runs on this folder already; two on one could sign two histories"));
  }
  URNA_RETURN_IF_ERROR(lock.status());
  std::unique_ptr<Witness> witness(
      new Witness(std::move(options), std::move(key), *std::move(lock)));
  URNA_ASSIGN_OR_RETURN(witness->logs_, ReadWitnessedLogs(witness->options_.folder));
  for (const NoteKey& log : witness->logs_) URNA_RETURN_IF_ERROR(witness->HeldOf(log).status());
  return witness;
}

std::string Witness::StatePath(std::string_view origin) const {
  return Cat(options_.folder, "/state/", base::Hex(crypto::HashSha256(origin)));
}

absl::StatusOr<Witness::Held> Witness::Load(const NoteKey& log) const {
  Held held{.log = {.key = log}, .time = 0, .note = {}};
  const std::string path = StatePath(log.name);
  auto bytes = base::ReadFile(path, kMaxState);
  if (absl::IsNotFound(bytes.status())) return held;
  URNA_RETURN_IF_ERROR(bytes.status());
  const auto note = ledger::Note::Parse(*bytes);
  if (!note.ok() || !ledger::HasCosignature(*note, key_.vkey)) {
    return Damaged(path, Cat("is damaged, or was written by another witness than ", key_.vkey.name,
                             "; nothing is cosigned for ", log.name, " before that is cleared up"));
  }
  const auto checkpoint = ledger::OpenCheckpoint(*bytes, log);
  if (!checkpoint.ok()) {
    return Damaged(path, Cat("is not a checkpoint by the key of ", log.name,
                             " that is listed: ", MessageOf(checkpoint.status())));
  }
  held.log.size = checkpoint->size;
  held.log.root = checkpoint->root;
  for (const ledger::NoteSignature& signature : note->signatures) {
    if (signature.name != key_.vkey.name || signature.key_id != key_.vkey.id()) continue;
    held.time = std::max(held.time, ledger::CosignatureTime(signature));
  }
  held.note = *std::move(bytes);
  return held;
}

absl::StatusOr<Witness::Held*> Witness::HeldOf(const NoteKey& log) {
  const auto known = held_.find(log.name);
  if (known != held_.end() && known->second.log.key.key == log.key) return &known->second;
  URNA_ASSIGN_OR_RETURN(Held held, Load(log));
  return &held_.insert_or_assign(log.name, std::move(held)).first->second;
}

void Witness::RefreshLogs() {
  auto logs = ReadWitnessedLogs(options_.folder);
  std::string fault = logs.ok() ? "" : MessageOf(logs.status());
  if (logs.ok()) logs_ = *std::move(logs);
  if (!fault.empty() && fault != list_fault_) {
    options_.log(Cat(fault, "; the list of logs stays as it was"));
  }
  list_fault_ = std::move(fault);
}

const NoteKey* Witness::Find(std::string_view origin) const {
  const auto found = std::ranges::find(logs_, origin, &NoteKey::name);
  return found == logs_.end() ? nullptr : &*found;
}

http::Response Witness::Serve(const http::Request& request) {
  if (request.method == "POST") {
    return request.path == "/add-checkpoint" ? AddCheckpoint(request.body) : NotFound();
  }
  return Show(request.path);
}

http::Response Witness::AddCheckpoint(std::string_view body) {
  const auto request = ledger::AddCheckpoint::Parse(body);
  // Judging and keeping what was judged is one step: of two requests at once, the second meets
  // what the first left.
  std::lock_guard guard(mutex_);
  if (failed_) return Plain(503, "this witness has stopped");
  if (!request.ok()) return Refuse("", {400, MessageOf(request.status())}, 0);
  RefreshLogs();
  const std::string& origin = request->checkpoint.origin;
  const NoteKey* const log = Find(origin);
  if (log == nullptr) return Refuse(origin, ledger::Judge(nullptr, *request), 0);
  const auto known = HeldOf(*log);
  if (!known.ok()) {
    options_.log(MessageOf(known.status()));
    return Plain(500, "what was cosigned last cannot be read; the witness's operator must look");
  }
  Held& held = **known;
  const ledger::WitnessVerdict verdict = ledger::Judge(&held.log, *request);
  if (verdict.status == 200) return Cosign(*request, held);
  if (verdict.status == 422) KeepEvidence(*request, held);
  return Refuse(origin, verdict, held.log.size);
}

http::Response Witness::Cosign(const ledger::AddCheckpoint& request, Held& held) {
  const ledger::Checkpoint& checkpoint = request.checkpoint;
  const uint64_t time = std::max(options_.now(), held.time);
  const ledger::NoteSignature cosignature =
      ledger::Cosign(checkpoint, key_.vkey.name, key_.key, time);
  // Only what was checked is kept of the signatures that came.
  ledger::Note note{.text = request.note.text, .signatures = {}};
  std::ranges::copy_if(request.note.signatures, std::back_inserter(note.signatures),
                       [&](const ledger::NoteSignature& signature) {
                         return signature.name == held.log.key.name &&
                                signature.key_id == held.log.key.id();
                       });
  note.signatures.push_back(cosignature);
  std::string bytes = note.ToString();
  if (const absl::Status kept = base::WriteFileAtomic(StatePath(checkpoint.origin), bytes, 0600);
      !kept.ok()) {
    options_.log(Cat("cannot keep what is to be cosigned: ", MessageOf(kept)));
    // A full disk refuses the new file before it takes the old one's place.
    if (!absl::IsResourceExhausted(kept)) {
      failed_ = true;
      options_.fatal(MessageOf(kept));
    }
    return Plain(503, "the checkpoint could not be kept, so it is not cosigned; try again later");
  }
  options_.persisted();
  if (checkpoint.size > held.log.size || held.note.empty()) {
    options_.log(Cat("cosigned ", checkpoint.origin, " at ", checkpoint.size, " records, root ",
                     base::Hex(checkpoint.root)));
  }
  held.log.size = checkpoint.size;
  held.log.root = checkpoint.root;
  held.time = time;
  held.note = std::move(bytes);
  return {.body = ledger::EncodeCosignatures({cosignature})};
}

http::Response Witness::Refuse(std::string_view origin, const ledger::WitnessVerdict& verdict,
                               uint64_t size) {
  // Strangers can cause refusals; they must not fill the disk with them.
  if (const uint64_t now = options_.now(); now != refusal_logged_) {
    options_.log(
        Cat("refused (", verdict.status, ") ",
            origin.empty() ? "" : Cat("a checkpoint of ", origin, ": "), verdict.reason,
            refusals_unlogged_ > 0 ? Cat("; and ", refusals_unlogged_, " requests before") : ""));
    refusal_logged_ = now;
    refusals_unlogged_ = 0;
  } else {
    ++refusals_unlogged_;
  }
  if (verdict.status == 409) {
    return {.status = 409,
            .body = ledger::EncodeWitnessSize(size),
            .content_type = std::string(ledger::kSizeContentType)};
  }
  return Plain(verdict.status, verdict.reason);
}

void Witness::KeepEvidence(const ledger::AddCheckpoint& request, const Held& held) {
  if (held.note.empty()) return;
  // A proof that does not hold proves nothing: anybody can send one with a public checkpoint. One
  // that shows another beginning does, and so do two roots of one size.
  const ledger::Evidence fork = ledger::Fork{
      .first = held.note, .second = SignedBy(held.log.key, request.note), .proof = request.proof};
  const ledger::Judgement judgement = ledger::Judge(fork, held.log.key);
  if (!judgement.proven) return;
  const std::string path =
      Cat(options_.folder, "/evidence/", base::Hex(crypto::HashSha256(held.log.key.name)), "-",
          held.log.size, ".evidence");
  const absl::Status kept = base::CreateFileAtomic(path, ledger::EncodeEvidence(fork), 0600);
  if (absl::IsAlreadyExists(kept)) return;
  options_.log(Cat("ALARM: ", judgement.text, ". Tell the officials and the public; ",
                   kept.ok() ? Cat("what proves it is ", path)
                             : Cat("what proves it could not be kept: ", MessageOf(kept))));
}

http::Response Witness::Show(std::string_view path) {
  std::lock_guard guard(mutex_);
  RefreshLogs();
  std::string who = Cat("Witness of transparency logs (https://c2sp.org/tlog-witness)\n\n",
                        key_.vkey.ToString(), "\n\n");
  for (const NoteKey& log : logs_) {
    const bool asked = path == ledger::WitnessedPath(log.name);
    if (!asked && path != "/") continue;
    const auto held = HeldOf(log);
    if (!held.ok()) {
      options_.log(MessageOf(held.status()));
      return Plain(500, "what was cosigned last cannot be read");
    }
    if (asked && (*held)->note.empty()) return Plain(404, "nothing of this log was cosigned yet");
    if (asked) return {.body = (*held)->note};
    who += Cat(log.ToString(), "\n  ", (*held)->log.size, " records, ",
               ledger::WitnessedPath(log.name).substr(1), "\n");
  }
  if (path == "/") return {.body = std::move(who)};
  return NotFound();
}

}  // namespace urna::client
