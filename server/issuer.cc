#include "server/issuer.h"

#include <sodium.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "ledger/store/database.h"
#include "server/anchor.h"
#include "server/answers.h"
#include "server/folder_lock.h"
#include "server/keys.h"

namespace urna::server {
namespace {

using base::Cat;
using base::Failure;
using base::Reject;
using ledger::FromRocks;
using poll::RecordKind;

absl::Status AlreadyAnswered() {
  return Reject("token.already-answered",
                "this credential was given its token before; fetch the stored answer");
}

constexpr size_t kRereadPiece = size_t{256} << 10;  // bytes
// A database that is being written may look damaged for a moment.
constexpr int kRereadAttempts = 4;
constexpr auto kBetweenAttempts = std::chrono::milliseconds(250);

absl::Status Older(std::string_view what) {
  return Failure(absl::StatusCode::kDataLoss,
                 Cat("the issuer's answers are older than ", what,
                     ": an old copy would give second tokens; restore the newest one"));
}

}  // namespace

struct Issuer::Database {
  std::optional<base::FileLock> lock;
  std::unique_ptr<rocksdb::DB> db;
  std::unique_ptr<AnchorFile> anchor;
  uint64_t total = 0;  // of all polls; guarded by counts_mutex_
};

Issuer::Issuer(Options options, crypto::Ed25519Key identity, const Clock& clock, Fatal fatal)
    : options_(std::move(options)),
      identity_(std::move(identity)),
      clock_(clock),
      fatal_(std::move(fatal)),
      database_(std::make_unique<Database>()) {}
Issuer::~Issuer() = default;

absl::StatusOr<std::unique_ptr<Issuer>> Issuer::Open(Options options, crypto::Ed25519Key identity,
                                                     const Clock& clock, Fatal fatal) {
  URNA_RETURN_IF_ERROR(base::MakeFolders(Cat(options.folder, "/keys"), 0700));
  URNA_ASSIGN_OR_RETURN(base::FileLock lock, LockFolder(options.folder, kIssuerLock));
  std::unique_ptr<Issuer> issuer(
      new Issuer(std::move(options), std::move(identity), clock, std::move(fatal)));
  const std::string folder = issuer->AnswersFolder();
  URNA_ASSIGN_OR_RETURN(auto db, ledger::OpenDatabase(ledger::DurableOptions(), folder, folder));
  issuer->database_->lock = std::move(lock);
  const std::unique_ptr<rocksdb::Iterator> at(db->NewIterator(rocksdb::ReadOptions()));
  issuer->database_->db = std::move(db);

  for (at->SeekToFirst(); at->Valid(); at->Next()) {
    const auto place = PlaceOfAnswer({at->key().data(), at->key().size()},
                                     {at->value().data(), at->value().size()});
    URNA_RETURN_IF_ERROR(base::Annotate(place.status(), folder));
    ++issuer->counts_[{place->poll, place->index}][place->style];
    ++issuer->database_->total;
  }
  URNA_RETURN_IF_ERROR(FromRocks(at->status(), folder));

  URNA_ASSIGN_OR_RETURN(issuer->database_->anchor, AnchorFile::Open(issuer->options_.anchor));
  const std::string& newest = issuer->database_->anchor->newest();
  uint64_t anchored = 0;
  if (!newest.empty() && !base::ParseU64(newest, &anchored)) {
    return Failure(absl::StatusCode::kDataLoss,
                   Cat(issuer->options_.anchor, ": is not an anchor of answers"));
  }
  if (issuer->database_->total < anchored) {
    return base::Annotate(Older(Cat("their anchor, ", issuer->options_.anchor)), folder);
  }
  return issuer;
}

// --- Records -------------------------------------------------------------------------------------

absl::StatusOr<const crypto::IssuerKey*> Issuer::KeyOf(const Hash32& poll, bool create) {
  std::lock_guard guard(keys_mutex_);
  if (const auto found = keys_.find(poll); found != keys_.end()) return &found->second;
  const std::string path = PollKeyPath(options_.folder, poll);
  auto key = ReadPollKey(path);
  if (absl::IsNotFound(key.status()) && create) {
    key = crypto::IssuerKey::New();
    // On the disk before anybody relies on it: a key that is lost after joining ends the poll.
    URNA_RETURN_IF_ERROR(CreateSecretFile(path, base::View(key->x.Expose())));
  }
  URNA_RETURN_IF_ERROR(key.status());
  return &keys_.emplace(poll, *std::move(key)).first->second;
}

crypto::Ed25519Signature Issuer::Sign(RecordKind kind, const Hash32& poll, uint8_t index,
                                      uint64_t counter, const poll::Payload& payload) const {
  return identity_.Sign(
      poll::ParticipantMessage("issuer", kind, poll, index, counter, poll::PayloadBody(payload)));
}

absl::StatusOr<poll::IssuerJoined> Issuer::Join(const Hash32& poll, uint8_t index,
                                                uint64_t counter) {
  URNA_ASSIGN_OR_RETURN(const crypto::IssuerKey* key, KeyOf(poll, /*create=*/true));
  poll::IssuerJoined joined;
  joined.issuer = index;
  joined.X = key->X;
  joined.possession = crypto::ProveIssuer(*key, poll, index);
  joined.signature = Sign(RecordKind::kIssuerJoined, poll, index, counter, joined);
  return joined;
}

absl::Status Issuer::Compare(const Hash32& poll, uint8_t index, const Point& X,
                             const std::vector<uint64_t>& counted, uint64_t ballots) {
  const absl::Status status = CompareWith(poll, index, X, counted, ballots);
  if (!status.ok()) {
    std::lock_guard guard(usable_mutex_);
    usable_ = status;
  }
  return status;
}

absl::Status Issuer::CompareWith(const Hash32& poll, uint8_t index, const Point& X,
                                 const std::vector<uint64_t>& counted, uint64_t ballots) {
  const auto key = KeyOf(poll, /*create=*/false);
  URNA_RETURN_IF_ERROR(base::Annotate(key.status(), "the issuer's key of a poll that it joined"));
  if ((*key)->X != X) {
    return Failure(absl::StatusCode::kDataLoss,
                   "the issuer's key of this poll is not the one on the ledger");
  }
  std::lock_guard guard(counts_mutex_);
  std::map<uint16_t, uint64_t>& counts = counts_[{poll, index}];
  uint64_t answers = 0;
  for (size_t s = 0; s < counted.size(); ++s) {
    const uint64_t given = counts[static_cast<uint16_t>(s)];
    if (given < counted[s]) {
      return Older(Cat("its last count on the ledger (style ", s, ": ", given, " answers, ",
                       counted[s], " counted)"));
    }
    answers += given;
  }
  if (answers < ballots) {
    return Older(Cat("the ballots on the ledger (", answers, " answers, ", ballots,
                     " residents who voted)"));
  }
  return absl::OkStatus();
}

absl::Status Issuer::Reread(const std::function<bool(size_t bytes)>& pace) {
  const absl::Status status = RereadAll(pace);
  if (!status.ok() && !absl::IsCancelled(status)) {
    std::lock_guard guard(usable_mutex_);
    usable_ = status;
  }
  return status;
}

absl::Status Issuer::RereadAll(const std::function<bool(size_t bytes)>& pace) const {
  absl::Status status;
  for (int attempt = 0; attempt < kRereadAttempts; ++attempt) {
    if (attempt > 0) std::this_thread::sleep_for(kBetweenAttempts);
    uint64_t given = 0;
    {
      std::lock_guard guard(counts_mutex_);
      given = database_->total;
    }
    status = RereadOnce(given, pace);
    if (status.ok() || absl::IsCancelled(status)) return status;
  }
  return status;
}

/// From the disk, as another process would: this database would answer out of its memory.
absl::Status Issuer::RereadOnce(uint64_t given,
                                const std::function<bool(size_t bytes)>& pace) const {
  URNA_ASSIGN_OR_RETURN(const auto database,
                        ledger::OpenReadOnly(ledger::DurableOptions(), AnswersFolder()));
  uint64_t found = 0;
  size_t bytes = 0;
  const std::unique_ptr<rocksdb::Iterator> at(database->NewIterator(rocksdb::ReadOptions()));
  for (at->SeekToFirst(); at->Valid(); at->Next()) {
    // The message goes into the log, where no credential may stand.
    if (!DecodeAnswer({at->key().data(), at->key().size()},
                      {at->value().data(), at->value().size()})
             .ok()) {
      return Failure(absl::StatusCode::kDataLoss, Cat("answer ", found, " in the store's order"));
    }
    ++found;
    bytes += at->key().size() + at->value().size();
    if (bytes < kRereadPiece) continue;
    if (!pace(bytes)) return absl::CancelledError("stopped");
    bytes = 0;
  }
  if (!at->status().ok()) {
    return Failure(
        absl::StatusCode::kDataLoss,
        Cat("answer ", found, " in the store's order, or one after it: ", at->status().ToString()));
  }
  // Those that are given meanwhile may be found or not.
  if (found >= given) return absl::OkStatus();
  return Failure(absl::StatusCode::kDataLoss,
                 Cat(found, " answers are there, but ", given, " were given"));
}

absl::Status Issuer::usable() const {
  std::lock_guard guard(usable_mutex_);
  if (usable_.ok()) return absl::OkStatus();
  return Failure(absl::StatusCode::kFailedPrecondition,
                 Cat("this issuer gives no tokens until its operator has put it right: ",
                     std::string_view(usable_.message().data(), usable_.message().size())));
}

poll::IssuanceCounted Issuer::Count(const Hash32& poll, uint8_t index, size_t styles,
                                    uint64_t counter) {
  poll::IssuanceCounted counted;
  counted.issuer = index;
  {
    std::lock_guard guard(counts_mutex_);
    std::map<uint16_t, uint64_t>& counts = counts_[{poll, index}];
    for (size_t s = 0; s < styles; ++s) {
      counted.tokens.push_back(counts[static_cast<uint16_t>(s)]);
    }
  }
  counted.signature = Sign(RecordKind::kIssuanceCounted, poll, index, counter, counted);
  return counted;
}

void Issuer::FinishAnswers() {
  for (std::mutex& stripe : stripes_) std::lock_guard wait(stripe);
}

absl::StatusOr<Issuer::Register> Issuer::MakeRegister(const Hash32& poll, uint8_t index,
                                                      uint64_t counter) {
  // Keys end with the credential: the database's order is the register's.
  const std::string prefix = AnswersPrefix(poll, index);
  std::vector<poll::RegisterEntry> entries;
  const std::unique_ptr<rocksdb::Iterator> at(database_->db->NewIterator(rocksdb::ReadOptions()));
  for (at->Seek(prefix); at->Valid() && at->key().starts_with(prefix); at->Next()) {
    URNA_ASSIGN_OR_RETURN(StoredAnswer answer,
                          DecodeAnswer({at->key().data(), at->key().size()},
                                       {at->value().data(), at->value().size()}));
    entries.push_back(std::move(answer.entry));
  }
  URNA_RETURN_IF_ERROR(FromRocks(at->status(), "reading the answers"));
  Register out;
  out.parts = poll::SplitRegister(index, entries);
  out.sealed.issuer = index;
  out.sealed.count = entries.size();
  out.sealed.parts_sha256 = poll::PartsHashOf(out.parts);
  out.sealed.signature = Sign(RecordKind::kRegisterSealed, poll, index, counter, out.sealed);
  return out;
}

// --- Sessions ------------------------------------------------------------------------------------

void Issuer::DropExpired() {
  const uint64_t now = clock_.Now();
  while (!oldest_.empty()) {
    const auto found = sessions_.find(oldest_.front());
    if (found != sessions_.end()) {
      if (found->second.expires > now) return;
      const auto list = by_credential_.find(
          AnswerKey(found->second.poll, found->second.index, found->second.credential));
      if (list != by_credential_.end()) {
        std::erase(list->second, found->first);
        if (list->second.empty()) by_credential_.erase(list);
      }
      sessions_.erase(found);
    }
    oldest_.pop_front();
  }
}

absl::StatusOr<Issuer::Offer> Issuer::AddSession(const Request& request,
                                                 crypto::IssuerSession secrets) {
  std::lock_guard guard(sessions_mutex_);
  DropExpired();
  std::deque<SessionId>& mine =
      by_credential_[AnswerKey(request.poll, request.index, request.credential)];
  // The newest counts: a resident who tries again and again must not be locked out by their own
  // abandoned sessions.
  while (mine.size() >= options_.sessions_per_credential) {
    sessions_.erase(mine.front());
    std::erase(oldest_, mine.front());
    mine.pop_front();
  }
  if (sessions_.size() >= options_.max_sessions) {
    return Failure(absl::StatusCode::kResourceExhausted,
                   "too many residents are getting their tokens at this moment; try again later");
  }
  Offer out;
  randombytes_buf(out.session.data(), out.session.size());
  out.offer = secrets.offer();
  sessions_.emplace(out.session,
                    Session{request.poll, request.index, request.credential,
                            clock_.Now() + options_.session_seconds, std::move(secrets)});
  oldest_.push_back(out.session);
  mine.push_back(out.session);
  return out;
}

std::optional<crypto::TokenOffer> Issuer::FindSession(const Request& request, const SessionId& id) {
  std::lock_guard guard(sessions_mutex_);
  DropExpired();
  const auto found = sessions_.find(id);
  if (found == sessions_.end() || found->second.poll != request.poll ||
      found->second.index != request.index || found->second.credential != request.credential) {
    return std::nullopt;
  }
  return found->second.secrets.offer();
}

std::optional<Issuer::Session> Issuer::TakeSession(const SessionId& id) {
  std::lock_guard guard(sessions_mutex_);
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return std::nullopt;
  Session session = std::move(found->second);
  sessions_.erase(found);
  const auto list = by_credential_.find(AnswerKey(session.poll, session.index, session.credential));
  if (list != by_credential_.end()) {
    std::erase(list->second, id);
    if (list->second.empty()) by_credential_.erase(list);
  }
  return session;
}

// --- Residents -----------------------------------------------------------------------------------

absl::StatusOr<const crypto::TokenInfo*> Issuer::InfoOf(const Request& request,
                                                        const Standing& standing,
                                                        uint16_t style) const {
  if (style >= standing.context->styles.size() ||
      request.index >= standing.context->styles[style].issuers.size()) {
    return Reject("issuer.unknown", Cat("issuer ", request.index));
  }
  return &standing.context->styles[style].issuers[request.index];
}

absl::StatusOr<std::optional<poll::RegisterEntry>> Issuer::Stored(const Hash32& poll, uint8_t index,
                                                                  const Point& credential) const {
  const std::string key = AnswerKey(poll, index, credential);
  std::string value;
  const rocksdb::Status status = database_->db->Get(rocksdb::ReadOptions(), key, &value);
  if (status.IsNotFound()) return std::optional<poll::RegisterEntry>();
  URNA_RETURN_IF_ERROR(FromRocks(status, "reading an answer"));
  URNA_ASSIGN_OR_RETURN(StoredAnswer answer, DecodeAnswer(key, value));
  return std::optional(std::move(answer.entry));
}

absl::Status Issuer::CheckReplaced(const Request& request, const Standing& standing) const {
  for (const Point& old : standing.replaced) {
    URNA_ASSIGN_OR_RETURN(const auto stored, Stored(request.poll, request.index, old));
    if (stored.has_value()) {
      return Reject("token.already-answered",
                    "the credential that this one replaced was given its token before");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Issuer::Offer> Issuer::Begin(const Request& request) {
  URNA_ASSIGN_OR_RETURN(const Standing standing, request.look());
  URNA_RETURN_IF_ERROR(usable());
  URNA_RETURN_IF_ERROR(standing.issuing);
  if (!standing.style.has_value()) {
    return Reject("credential.not-entitled", "the credential is not on the roll, or was replaced");
  }
  URNA_ASSIGN_OR_RETURN(const crypto::TokenInfo* info, InfoOf(request, standing, *standing.style));
  URNA_RETURN_IF_ERROR(crypto::VerifyCredential(
      request.credential, crypto::CredentialStatement::Begin(info->opening, info->style, info->X),
      request.signature));
  URNA_ASSIGN_OR_RETURN(const auto stored, Stored(request.poll, request.index, request.credential));
  if (stored.has_value()) return AlreadyAnswered();
  URNA_RETURN_IF_ERROR(CheckReplaced(request, standing));
  return AddSession(request, crypto::IssuerSession(*info));
}

absl::StatusOr<crypto::IssuerAnswer> Issuer::AnswerAgain(const Request& request,
                                                         const poll::RegisterEntry& stored,
                                                         const SessionId& session, const Scalar& c,
                                                         const Standing& standing) {
  URNA_ASSIGN_OR_RETURN(const crypto::TokenInfo* info, InfoOf(request, standing, stored.style));
  const auto is_signed = [&](const crypto::TokenOffer& offer) {
    return crypto::VerifyCredential(request.credential,
                                    crypto::CredentialStatement::Request(
                                        info->opening, info->style, info->X, offer.A, offer.C, c),
                                    request.signature)
        .ok();
  };
  if (is_signed(stored.offer)) {
    if (c == stored.c) return stored.answer;
    return AlreadyAnswered();
  }
  // Only the credential's owner may learn that it was answered.
  const auto offer = FindSession(request, session);
  if (offer.has_value() && is_signed(*offer)) return AlreadyAnswered();
  if (offer.has_value()) {
    return Reject("credential.signature-invalid", "the request is not signed by the credential");
  }
  return Reject("token.session-unknown", "the session expired or was used; begin again");
}

absl::StatusOr<crypto::IssuerAnswer> Issuer::Answer(const Request& request,
                                                    const SessionId& session, const Scalar& c) {
  if (c.IsZero()) return Reject("token.challenge-zero", "the challenge is zero");
  URNA_ASSIGN_OR_RETURN(const Standing early, request.look());
  const Point& first = early.replaced.empty() ? request.credential : early.replaced.back();
  std::lock_guard stripe(stripes_[std::hash<Point>()(first) % kStripes]);

  // Again, under the lock: whoever replaces this credential, or ends the poll, waits for the lock
  // or is seen here.
  URNA_ASSIGN_OR_RETURN(const Standing standing, request.look());
  URNA_ASSIGN_OR_RETURN(const auto stored, Stored(request.poll, request.index, request.credential));
  if (stored.has_value()) return AnswerAgain(request, *stored, session, c, standing);
  URNA_RETURN_IF_ERROR(usable());
  URNA_RETURN_IF_ERROR(standing.issuing);
  if (!standing.style.has_value()) {
    return Reject("credential.not-entitled", "the credential is not on the roll, or was replaced");
  }
  URNA_ASSIGN_OR_RETURN(const crypto::TokenInfo* info, InfoOf(request, standing, *standing.style));
  const auto offer = FindSession(request, session);
  if (!offer.has_value()) {
    return Reject("token.session-unknown", "the session expired or was used; begin again");
  }
  URNA_RETURN_IF_ERROR(
      crypto::VerifyCredential(request.credential,
                               crypto::CredentialStatement::Request(info->opening, info->style,
                                                                    info->X, offer->A, offer->C, c),
                               request.signature));
  URNA_RETURN_IF_ERROR(CheckReplaced(request, standing));

  URNA_ASSIGN_OR_RETURN(const crypto::IssuerKey* key, KeyOf(request.poll, /*create=*/false));
  auto taken = TakeSession(session);
  if (!taken.has_value()) {
    return Reject("token.session-unknown", "the session expired or was used; begin again");
  }
  Reached(Step::kSessionTaken);
  poll::RegisterEntry entry;
  entry.credential = request.credential;
  entry.style = *standing.style;
  entry.offer = *offer;
  entry.c = c;
  entry.signature = request.signature;
  URNA_ASSIGN_OR_RETURN(entry.answer, std::move(taken->secrets).Respond(*key, c));
  Reached(Step::kResponded);
  URNA_RETURN_IF_ERROR(Store(request, entry));
  return entry.answer;
}

absl::Status Issuer::Store(const Request& request, const poll::RegisterEntry& entry) {
  rocksdb::WriteOptions options;
  options.sync = true;
  absl::Status status = FromRocks(
      database_->db->Put(options, AnswerKey(request.poll, request.index, entry.credential),
                         EncodeAnswer(request.index, entry)),
      "storing an answer");
  if (status.ok()) {
    Reached(Step::kStored);
    std::lock_guard guard(counts_mutex_);
    ++counts_[{request.poll, request.index}][entry.style];
    ++database_->total;
    status = database_->anchor->Append(std::to_string(database_->total));
  }
  if (status.ok()) {
    Reached(Step::kAnchored);
    return status;
  }
  fatal_(Cat("an issuer's answers could not be written: ",
             std::string_view(status.message().data(), status.message().size())));
  return Failure(absl::StatusCode::kUnavailable,
                 "the outcome is unknown; sending the same again is safe");
}

absl::StatusOr<poll::RegisterEntry> Issuer::Fetch(const Request& request) {
  URNA_ASSIGN_OR_RETURN(const Standing standing, request.look());
  URNA_ASSIGN_OR_RETURN(const auto stored, Stored(request.poll, request.index, request.credential));
  const std::optional<uint16_t> style =
      stored.has_value() ? std::optional(stored->style) : standing.style;
  if (!style.has_value()) {
    return Reject("credential.not-entitled", "the credential is not on the roll, or was replaced");
  }
  URNA_ASSIGN_OR_RETURN(const crypto::TokenInfo* info, InfoOf(request, standing, *style));
  URNA_RETURN_IF_ERROR(crypto::VerifyCredential(
      request.credential, crypto::CredentialStatement::Fetch(info->opening, info->style, info->X),
      request.signature));
  if (!stored.has_value()) {
    return Failure(absl::StatusCode::kNotFound, "this credential was not given a token");
  }
  return *stored;
}

}  // namespace urna::server
