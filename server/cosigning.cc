#include "server/cosigning.h"

#include <algorithm>
#include <optional>
#include <shared_mutex>
#include <utility>

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"
#include "ledger/merkle.h"
#include "ledger/witness.h"

namespace urna::server {
namespace {

using base::Cat;
using std::chrono::steady_clock;

constexpr size_t kMaxAnswer = 64 * 1024;
constexpr size_t kMaxQuoted = 200;
// Seconds that a witness's clock may be ahead. A time far in the future would bar all later ones.
constexpr uint64_t kMaxAhead = 3600;
// A witness may have cosigned more in the meantime, for somebody else who submits to it.
constexpr int kAttempts = 3;

std::string MessageOf(const absl::Status& status) { return std::string(status.message()); }

/// What a stranger says, for the log: the first line, as far as it is plain text.
std::string Quoted(std::string_view text) {
  std::string quoted(text.substr(0, std::min(text.find('\n'), kMaxQuoted)));
  std::ranges::replace_if(
      quoted, [](char c) { return c < ' ' || c > '~'; }, '?');
  return Cat("\"", quoted, "\"");
}

/// Two troubles that differ in nothing else are one: some messages say how long something took.
std::string WithoutDigits(std::string_view text) {
  std::string out(text);
  std::erase_if(out, [](char c) { return c >= '0' && c <= '9'; });
  return out;
}

std::string Name(const WitnessAddress& witness) { return Cat("witness ", witness.key.name); }

std::string Name(const LivePoll& poll) { return Cat("poll ", base::Hex(poll.id)); }

bool IsFrom(const ledger::NoteSignature& signature, const ledger::NoteKey& key) {
  return signature.name == key.name && signature.key_id == key.id();
}

bool Names(const poll::Definition& definition, const ledger::NoteKey& witness) {
  return std::ranges::any_of(definition.witnesses, [&](const ledger::NoteKey& named) {
    return named.ToString() == witness.ToString();
  });
}

}  // namespace

Cosigning::Cosigning(Options options, const ledger::Store& store, PollBook& book,
                     const Clock& clock, Log& log, Fatal halt)
    : options_(std::move(options)),
      store_(store),
      book_(book),
      clock_(clock),
      log_(log),
      halt_(std::move(halt)) {}

void Cosigning::Resume(LivePoll& poll, Witnessed witnessed) {
  std::lock_guard guard(witnessed_mutex_);
  poll.ShowCosigned(witnessed.checkpoint.size, witnessed.note.ToString());
  witnessed_[poll.id] = std::move(witnessed);
}

absl::Status Cosigning::Start() {
  for (const WitnessAddress& address : options_.witnesses) {
    auto witness = std::make_unique<Witness>();
    witness->address = address;
    http::Client::Options client;
    client.timeout = options_.pace.timeout;
    client.max_body = kMaxAnswer;
    client.cancelled = [this] { return stopping_.load(); };
    URNA_ASSIGN_OR_RETURN(witness->client, http::Client::Open(std::move(client)));
    witnesses_.push_back(std::move(witness));
  }
  for (const auto& witness : witnesses_) {
    witness->thread = std::thread([this, w = witness.get()] { Run(*w); });
  }
  std::unique_lock guard(mutex_);
  const auto all_answered = [this] {
    return !contradiction_.ok() ||
           std::ranges::all_of(witnesses_, [](const auto& witness) { return witness->went_round; });
  };
  if (!changed_.wait_for(guard, options_.pace.start_patience, all_answered)) {
    for (const auto& witness : witnesses_) {
      if (!witness->went_round) {
        log_.Line(Cat(Name(witness->address), " has not answered yet; starting without it"));
      }
    }
  }
  started_ = contradiction_.ok();
  return contradiction_;
}

void Cosigning::Wake() {
  {
    std::lock_guard guard(mutex_);
    for (const auto& witness : witnesses_) witness->woken = true;
  }
  changed_.notify_all();
}

void Cosigning::Stop() {
  {
    std::lock_guard guard(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (const auto& witness : witnesses_) {
    if (witness->thread.joinable()) witness->thread.join();
  }
}

void Cosigning::Run(Witness& witness) {
  for (;;) {
    const std::optional<Time> again = GoRound(witness);
    std::unique_lock guard(mutex_);
    witness.went_round = true;
    changed_.notify_all();
    const auto called = [&] { return witness.woken || stopping_ || !contradiction_.ok(); };
    if (again.has_value()) {
      changed_.wait_until(guard, *again, called);
    } else {
      changed_.wait(guard, called);
    }
    if (stopping_ || !contradiction_.ok()) return;
    witness.woken = false;
  }
}

std::optional<Cosigning::Time> Cosigning::GoRound(Witness& witness) {
  std::optional<Time> again;
  const auto come_back = [&again](Time time) {
    if (!again.has_value() || time < *again) again = time;
  };
  for (const auto& poll : book_.All()) {
    const Time now = steady_clock::now();
    if (now < witness.trouble.not_before) {
      come_back(witness.trouble.not_before);
      return again;
    }
    const uint64_t size = poll->view()->published_size;
    Diary& diary = DiaryOf(witness, poll->id);
    if (size == 0 || diary.settled == size) continue;
    if (now < diary.trouble.not_before && diary.tried == size) {
      come_back(diary.trouble.not_before);
      continue;
    }
    diary.tried = size;
    const Outcome outcome = Ask(witness, *poll, diary);
    if (stopping_) return again;
    switch (outcome.verdict) {
      case Verdict::kContradicted:
        Contradict(outcome.words);
        return again;
      case Verdict::kUnreachable:
        LogTrouble(witness.trouble, Name(witness.address), outcome.words);
        come_back(witness.trouble.not_before);
        return again;
      case Verdict::kRefused:
        LogTrouble(diary.trouble, Cat(Name(*poll), ": ", Name(witness.address)), outcome.words);
        come_back(diary.trouble.not_before);
        break;
      case Verdict::kSettled:
        diary.trouble = {};
        break;
    }
    if (!witness.trouble.words.empty()) {
      log_.Line(Cat(Name(witness.address), " answers again"));
    }
    witness.trouble = {};
  }
  return again;
}

Cosigning::Diary& Cosigning::DiaryOf(Witness& witness, const Hash32& poll) {
  const auto [at, fresh] = witness.diaries.try_emplace(poll);
  if (!fresh) return at->second;
  std::lock_guard guard(witnessed_mutex_);
  const auto stored = witnessed_.find(poll);
  if (stored == witnessed_.end()) return at->second;
  for (const ledger::NoteSignature& signature : stored->second.note.signatures) {
    if (!IsFrom(signature, witness.address.key)) continue;
    at->second.cosigned = stored->second.checkpoint.size;
    at->second.time = ledger::CosignatureTime(signature);
  }
  return at->second;
}

Cosigning::Outcome Cosigning::Ask(Witness& witness, LivePoll& poll, Diary& diary) {
  const auto view = poll.view();
  const ledger::NoteKey& log_key = view->definition->ballot_box;
  auto note = ledger::Note::Parse(view->published_note);
  auto checkpoint = ledger::OpenCheckpoint(view->published_note, log_key);
  if (!note.ok() || !checkpoint.ok()) {
    return {Verdict::kRefused, Cat("was not asked: the published checkpoint cannot be read: ",
                                   MessageOf(checkpoint.status()))};
  }
  ledger::KeepSignaturesOf(log_key, &*note);
  const Witnessed shown{*std::move(note), *std::move(checkpoint)};
  const uint64_t size = shown.checkpoint.size;

  uint64_t old_size = std::min(diary.cosigned, size);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    std::vector<Hash32> proof;
    if (old_size > 0 && old_size < size) {
      auto made = ledger::ConsistencyProof(old_size, size, store_.Nodes(poll.id, size));
      if (!made.ok()) return {Verdict::kRefused, Cat("was not asked: ", made.status().ToString())};
      proof = *std::move(made);
    }
    const ledger::AddCheckpoint request{.old_size = old_size,
                                        .proof = std::move(proof),
                                        .note = shown.note,
                                        .checkpoint = shown.checkpoint};
    const auto answer = witness.client->Post(Cat(witness.address.url, "/add-checkpoint"),
                                             "text/plain; charset=utf-8", request.ToString());
    if (!answer.ok()) return {Verdict::kUnreachable, MessageOf(answer.status())};
    switch (answer->status) {
      case 200:
        return Take(witness, poll, diary, shown, answer->body);
      case 404:
        return {Verdict::kRefused,
                Cat("does not know this ledger (404). Its operator must have it cosigned: urna "
                    "witness add --folder FOLDER --poll ",
                    base::Hex(poll.id), " --server HOST:PORT; the ledger's verifier key is ",
                    log_key.ToString(),
                    Names(*view->definition, witness.address.key)
                        ? ""
                        : " (the definition does not name this witness, so nothing depends on "
                          "it)")};
      case 409: {
        const auto held = ledger::ParseWitnessSize(answer->body);
        if (!held.ok()) return {Verdict::kRefused, MessageOf(held.status())};
        // An older version of the specification has 409 also for another root of the same size.
        if (*held == old_size) return Confront(witness, poll, Cat("another root at ", *held));
        if (*held > poll.view()->head_size) {
          return Confront(witness, poll, Cat(*held, " records"));
        }
        if (*held < diary.cosigned) {
          log_.Line(Cat("ALARM: ", Name(poll), ": ", Name(witness.address), " cosigned ",
                        diary.cosigned, " records and now knows of ", *held,
                        ": it was started from an old copy of its folder, or its key signs in two "
                        "places. Tell its operator"));
          diary.cosigned = *held;
        }
        if (*held > size) {
          // No proof leads back to what is published; forth to the next publication one does.
          log_.Line(Cat(Name(poll), ": ", Name(witness.address), " cosigned ", *held,
                        " records already, more than are published, so somebody showed it the "
                        "checkpoint of a receipt; it is asked again with the next publication"));
          diary.settled = size;
          return {};
        }
        old_size = *held;
        break;
      }
      case 422:
        return Confront(
            witness, poll,
            Cat("what ", size, " records do not continue (", Quoted(answer->body), ")"));
      default:
        return {Verdict::kRefused,
                Cat("does not cosign (", answer->status, "): ", Quoted(answer->body))};
    }
  }
  return {Verdict::kRefused, "names another size each time that it is asked"};
}

Cosigning::Outcome Cosigning::Take(Witness& witness, LivePoll& poll, Diary& diary,
                                   const Witnessed& shown, const std::string& body) {
  const auto cosignature = ledger::ParseCosignature(body, shown.note.text, witness.address.key);
  if (!cosignature.ok()) {
    return {Verdict::kRefused,
            Cat("gave no cosignature that holds: ", MessageOf(cosignature.status()),
                ". Is the key in the setting `witness` its key?")};
  }
  const uint64_t time = ledger::CosignatureTime(*cosignature);
  if (time < diary.time) {
    return {Verdict::kRefused,
            Cat("dated its cosignature ", base::FormatUtc(time), ", before its last one of ",
                base::FormatUtc(diary.time), ". Its clock went back")};
  }
  if (time > clock_.Now() + kMaxAhead) {
    return {Verdict::kRefused, Cat("dated its cosignature ", base::FormatUtc(time),
                                   ", which has not come yet. Its clock is wrong")};
  }
  const absl::Status kept = Keep(poll, witness.address, shown, *cosignature);
  if (!kept.ok()) {
    return {Verdict::kRefused, Cat("cosigned, but that cannot be stored: ", kept.ToString())};
  }
  diary.settled = diary.cosigned = shown.checkpoint.size;
  diary.time = time;
  if (!diary.greeted || !diary.trouble.words.empty()) {
    log_.Line(Cat(Name(poll), ": ", Name(witness.address), " cosigns"));
  }
  diary.greeted = true;
  return {};
}

Cosigning::Outcome Cosigning::Confront(Witness& witness, LivePoll& poll, const std::string& claim) {
  const ledger::NoteKey& log_key = poll.view()->definition->ballot_box;
  const std::string url = Cat(witness.address.url, ledger::WitnessedPath(log_key.name));
  const std::string claims = Cat("ALARM: claims to have cosigned ", claim);
  const auto answer = witness.client->Get(url);
  const auto checkpoint = answer.ok() ? ledger::OpenCheckpoint(answer->body, log_key)
                                      : absl::StatusOr<ledger::Checkpoint>(answer.status());
  if (!checkpoint.ok()) {
    return {Verdict::kRefused,
            Cat(claims, ", and shows no checkpoint at ", url,
                " that this ledger's key signed: that proves nothing. Ask its operator for the "
                "checkpoint; if the key signed it, this ledger was cut or is another one")};
  }
  // Read after the answer: by then all that could be signed before stands in it.
  const uint64_t held = poll.view()->head_size;
  std::string words;
  if (checkpoint->size > held) {
    words = Cat("the ledger holds ", held, " records, but ", Name(witness.address),
                " shows a checkpoint of ", checkpoint->size,
                " records that this ledger's key signed: the store was cut, is an old copy, or "
                "another server runs with the same key");
  } else {
    const auto root = ledger::RootAt(checkpoint->size, store_.Nodes(poll.id, checkpoint->size));
    if (!root.ok()) return {Verdict::kRefused, Cat(claims, ": ", root.status().ToString())};
    if (*root == checkpoint->root) {
      return {Verdict::kRefused,
              Cat(claims, ", but the checkpoint of ", checkpoint->size,
                  " records that it shows is this ledger's: it refuses without reason")};
    }
    words = Cat("the first ", checkpoint->size, " records are not those of the checkpoint that ",
                Name(witness.address),
                " shows and that the ledger's key signed: the key signed two histories");
  }
  {
    // Not every checkpoint of the lost ledger need be named in the record of the loss.
    std::shared_lock guard(poll.lock);
    if (poll.state.MayBeLost(checkpoint->size)) {
      return {Verdict::kRefused,
              Cat("cosigned ", checkpoint->size,
                  " records of the ledger that was lost, as this one says itself; it will never "
                  "cosign this one")};
    }
  }
  // The proof outlasts this process: no later one starts on this store.
  ledger::Note proof = ledger::Note::Parse(answer->body).value();
  std::erase_if(proof.signatures, [&](const ledger::NoteSignature& signature) {
    return !IsFrom(signature, log_key) && !IsFrom(signature, witness.address.key);
  });
  {
    std::lock_guard guard(witnessed_mutex_);
    proof_stored_ = true;
    const absl::Status stored = StoreWitnessed(options_.folder, poll.id, proof);
    words += stored.ok() ? Cat(". The checkpoint is in ", WitnessedFile(options_.folder, poll.id))
                         : Cat(". The checkpoint could not be kept: ", MessageOf(stored));
  }
  return {Verdict::kContradicted, Cat(Name(poll), ": ", words)};
}

absl::Status Cosigning::Keep(LivePoll& poll, const WitnessAddress& witness, const Witnessed& shown,
                             const ledger::NoteSignature& cosignature) {
  // One at a time: what is shown is what is stored.
  std::lock_guard guard(witnessed_mutex_);
  if (proof_stored_) {
    return base::Failure(absl::StatusCode::kFailedPrecondition, "the server is stopping");
  }
  Witnessed& held = witnessed_[poll.id];
  // Others have cosigned more already, which this witness is asked for next.
  if (held.checkpoint.size > shown.checkpoint.size) return absl::OkStatus();
  Witnessed next = held.checkpoint.size == shown.checkpoint.size ? held : shown;
  std::erase_if(next.note.signatures, [&](const ledger::NoteSignature& signature) {
    return IsFrom(signature, witness.key);
  });
  next.note.signatures.push_back(cosignature);
  URNA_RETURN_IF_ERROR(StoreWitnessed(options_.folder, poll.id, next.note));
  held = std::move(next);
  poll.ShowCosigned(held.checkpoint.size, held.note.ToString());
  return absl::OkStatus();
}

void Cosigning::LogTrouble(Trouble& trouble, std::string_view where, std::string words) {
  trouble.pause =
      std::clamp(trouble.pause * 2, options_.pace.first_pause, options_.pace.longest_pause);
  trouble.not_before = steady_clock::now() + trouble.pause;
  if (WithoutDigits(words) == WithoutDigits(trouble.words)) return;
  log_.Line(Cat(where, ": ", words, "; it is asked again from time to time"));
  trouble.words = std::move(words);
}

void Cosigning::Contradict(const std::string& words) {
  log_.Line(Cat("ALARM: ", words));
  bool serving = false;
  {
    std::lock_guard guard(mutex_);
    if (!contradiction_.ok()) return;
    contradiction_ = base::Failure(absl::StatusCode::kDataLoss, words);
    serving = started_;
  }
  changed_.notify_all();
  if (serving) halt_(words);
}

}  // namespace urna::server
