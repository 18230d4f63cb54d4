#include "server/server.h"

#include <grpc/support/log.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>

#include <algorithm>
#include <mutex>
#include <utility>

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "ledger/checkpoint.h"
#include "ledger/record.h"
#include "server/folder_lock.h"
#include "server/issuer_duties.h"
#include "server/keys.h"
#include "server/poll_files.h"
#include "server/publication.h"
#include "server/replay_stored.h"
#include "server/setup.h"
#include "server/tiles_http.h"

namespace urna::server {
namespace {

using base::Cat;
using base::Failure;

// Names in gRPC's health service.
const std::string kIssuingHealth = "urna.v1.Issuing";
const std::string kCastingHealth = "urna.v1.Casting";
constexpr auto kShutdownGrace = std::chrono::seconds(10);

std::string_view MessageOf(const absl::Status& status) {
  return {status.message().data(), status.message().size()};
}

absl::Status Damaged(std::string_view what) { return Failure(absl::StatusCode::kDataLoss, what); }

/// gRPC's own messages name peers; where they came from is all that may be kept of them. One a
/// second: strangers can cause them.
void LogForGrpc(gpr_log_func_args* args) {
  if (args->severity < GPR_LOG_SEVERITY_ERROR) return;
  static std::atomic<uint64_t> last{0};
  const uint64_t now = SystemClock().Now();
  if (last.exchange(now) == now) return;
  std::string_view file = args->file;
  Log::ToStderr(
      Cat("gRPC reports an error at ", file.substr(file.rfind('/') + 1), ":", args->line, "\n"));
}

void InitializeGrpcOnce() {
  static std::once_flag once;
  std::call_once(once, [] {
    gpr_set_log_function(LogForGrpc);
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  });
}

}  // namespace

Server::Server(Settings settings, Environment environment)
    : settings_(std::move(settings)),
      environment_(std::move(environment)),
      clock_(*environment_.clock,
             {.tolerance = settings_.clock_tolerance, .leap = settings_.clock_leap},
             environment_.halt),
      log_(clock_, environment_.log),
      disk_({.data = settings_.data,
             .anchor = settings_.anchor,
             .rocksdb_log = settings_.rocksdb_log,
             .floor = settings_.disk_floor << 20,
             .ballast = settings_.ballast << 20,
             .free_space = environment_.free_space},
            log_, [this] { ShowHealth(); }),
      issuing_healthy_(settings_.ballot_box) {}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(Settings settings, Environment environment) {
  URNA_RETURN_IF_ERROR(Complete(settings));
  InitializeGrpcOnce();
  std::unique_ptr<Server> server(new Server(std::move(settings), std::move(environment)));
  URNA_RETURN_IF_ERROR(server->WithAdvice(server->Load()));
  if (server->cosigning_ != nullptr) {
    URNA_RETURN_IF_ERROR(server->WithAdvice(server->cosigning_->Start()));
  }
  URNA_RETURN_IF_ERROR(server->Listen());
  URNA_RETURN_IF_ERROR(server->ListenHttp());
  return server;
}

absl::Status Server::Load() {
  URNA_RETURN_IF_ERROR(LockFolders());
  URNA_RETURN_IF_ERROR(OpenStores());
  URNA_RETURN_IF_ERROR(CheckAnchors());
  URNA_RETURN_IF_ERROR(CheckWitnessed());
  for (const Hash32& id : store_->Polls()) {
    URNA_RETURN_IF_ERROR(base::Annotate(LoadPoll(id), Cat("poll ", base::Hex(id))));
  }
  return CheckClock();
}

Server::~Server() { Shutdown(); }

/// What whoever starts a server on damaged or old data, or on a full disk, must know first.
absl::Status Server::WithAdvice(const absl::Status& status) const {
  std::string advice = disk_.Advice(status);
  if (absl::IsDataLoss(status)) {
    advice =
        "Nothing is served. Keep a copy of the data and of the anchors as they are now. Then look "
        "for newer or undamaged data: the old disk, the newest backup. Never remove an anchor to "
        "get the server started: receipts may have been given for what is missing. The operator's "
        "guide, \"What can go wrong\", says how to restore, and what to do if the rest is lost for "
        "good.";
  }
  if (advice.empty()) return status;
  return Failure(status.code(), Cat(MessageOf(status), "\n", advice));
}

absl::Status Server::LockFolders() {
  URNA_RETURN_IF_ERROR(CheckRole(settings_.data, settings_.ballot_box));
  URNA_ASSIGN_OR_RETURN(base::FileLock data, LockFolder(settings_.data, kDataLock));
  locks_.push_back(std::move(data));
  // Of another server with the same keys, on a copy of the data, this is all that is met.
  URNA_RETURN_IF_ERROR(base::MakeFolders(settings_.anchor, 0700));
  URNA_ASSIGN_OR_RETURN(base::FileLock anchor, LockFolder(settings_.anchor, kAnchorLock));
  locks_.push_back(std::move(anchor));
  return absl::OkStatus();
}

absl::Status Server::OpenStores() {
  const std::string& data = settings_.data;
  URNA_ASSIGN_OR_RETURN(store_, ledger::Store::Open({.folder = Cat(data, "/ledger"),
                                                     .log_folder = settings_.rocksdb_log}));
  StateKeeper::Options kept;
  kept.folder = Cat(data, "/state");
  URNA_RETURN_IF_ERROR(base::MakeFolders(kept.folder, 0700));
  keeper_ = std::make_unique<StateKeeper>(std::move(kept), *store_, book_, log_);
  for (uint64_t i = 0; i < settings_.issuers; ++i) {
    URNA_ASSIGN_OR_RETURN(auto identity, ReadSigningKey(IssuerKeyPath(data, i)));
    Issuer::Options options;
    options.folder = IssuerFolder(data, i);
    options.anchor = IssuerAnchorPath(settings_.anchor, i);
    URNA_ASSIGN_OR_RETURN(auto issuer, Issuer::Open(std::move(options), std::move(identity), clock_,
                                                    environment_.fatal));
    issuers_.push_back(std::move(issuer));
  }
  return settings_.ballot_box ? OpenBallotBox() : OpenFollower();
}

absl::Status Server::OpenBallotBox() {
  const std::string& data = settings_.data;
  URNA_ASSIGN_OR_RETURN(auto key, ReadSigningKey(CheckpointKeyPath(data)));
  checkpoint_key_ = std::make_unique<crypto::Ed25519Key>(std::move(key));
  URNA_RETURN_IF_ERROR(base::MakeFolders(Cat(data, "/published"), 0700));
  Sequencer::Options options;
  options.queue = settings_.sequencer_queue;
  options.max_polls = settings_.max_polls;
  options.anchor_folder = settings_.anchor;
  options.published_folder = Cat(data, "/published");
  options.before_append = environment_.before_append;
  const std::string published = options.published_folder;
  sequencer_ = std::make_unique<Sequencer>(std::move(options), *store_, book_, *checkpoint_key_,
                                           clock_, disk_, log_, environment_.fatal, [this] {
                                             steward_->Wake();
                                             cosigning_->Wake();
                                           });
  steward_ = std::make_unique<Steward>(
      Steward::Options{environment_.steward_interval, published, [this] { cosigning_->Wake(); }},
      book_, *sequencer_, issuers_, *checkpoint_key_, clock_, log_);
  cosigning_ = std::make_unique<Cosigning>(
      Cosigning::Options{settings_.witnesses, published, environment_.witness_pace}, *store_, book_,
      clock_, log_, environment_.halt);
  return absl::OkStatus();
}

absl::Status Server::OpenFollower() {
  const Settings& s = settings_;
  Follower::Options options;
  options.ballot_box = s.follow_key;
  options.officials = s.officials;
  options.every = std::chrono::milliseconds(s.follow_every);
  options.patience = std::chrono::seconds(s.follow_patience);
  options.anchor_folder = s.anchor;
  options.evidence_folder = Cat(s.data, "/evidence");
  options.max_polls = s.max_polls;
  URNA_RETURN_IF_ERROR(base::MakeFolders(options.evidence_folder, 0700));
  URNA_ASSIGN_OR_RETURN(auto upstream,
                        Upstream::Open({s.follow, s.follow_certificate, s.follow_plaintext}));
  follower_ =
      std::make_unique<Follower>(std::move(options), std::move(upstream), *store_, book_, issuers_,
                                 clock_, disk_, log_, environment_.fatal, [this](bool healthy) {
                                   issuing_healthy_ = healthy;
                                   ShowHealth();
                                 });
  return absl::OkStatus();
}

absl::Status Server::CheckAnchors() {
  URNA_ASSIGN_OR_RETURN(lost_notes_, ReadLostNotes(settings_.anchor));
  URNA_ASSIGN_OR_RETURN(const auto files, PollFiles(settings_.anchor, kAnchorSuffix));
  for (const auto& [path, id] : files) {
    URNA_ASSIGN_OR_RETURN(auto anchor, AnchorFile::Open(path));
    if (!anchor->newest().empty() && !store_->GetHead(id).ok()) {
      return Damaged(Cat(path, ": the ledger of poll ", base::Hex(id),
                         " was signed once and is gone; an old copy must not be served"));
    }
    anchors_[id] = std::move(anchor);
  }
  return absl::OkStatus();
}

absl::Status Server::CheckWitnessed() const {
  if (!settings_.ballot_box) return absl::OkStatus();
  URNA_ASSIGN_OR_RETURN(const auto files,
                        PollFiles(Cat(settings_.data, "/published"), kWitnessedSuffix));
  for (const auto& [path, id] : files) {
    if (store_->GetHead(id).ok()) continue;
    return Damaged(Cat(path, ": the ledger of poll ", base::Hex(id),
                       " was cosigned once and is gone; an old copy must not be served"));
  }
  return absl::OkStatus();
}

Server::Published Server::PublishedBefore(const Hash32& id) const {
  const auto stored = ReadPublication(Cat(settings_.data, "/published"), id);
  if (!stored.has_value()) return {};
  const auto note = ledger::Note::Parse(stored->note);
  if (!note.ok()) return {};
  const auto body = ledger::Checkpoint::ParseBody(note->text);
  if (!body.ok() || !ledger::VerifyNote(
                         *note, {body->origin, ledger::kTypeEd25519, checkpoint_key_->public_key()})
                         .ok()) {
    return {};
  }
  return {*body, stored->period};
}

poll::State Server::KeptState(LivePoll& live, uint64_t& published) {
  auto kept = keeper_->Load(live.id, live.Reader());
  if (!kept.ok()) {
    if (!absl::IsNotFound(kept.status())) {
      log_.Line(Cat("poll ", base::Hex(live.id), ": what was kept of its state ",
                    MessageOf(kept.status()), "; all its records are read"));
    }
    return poll::State(live.Reader());
  }
  // Another process's clock is no measure for this one's.
  if (settings_.ballot_box) newest_record_ = std::max(newest_record_, kept->newest_time);
  if (published == 0) published = kept->opened;
  for (size_t at = 0; at < kept->notes.size(); at += poll::kBallotNoteBytes) {
    live.NoteRevision(poll::DecodeBallotNote(std::string_view(kept->notes).substr(at)));
  }
  return std::move(kept->state);
}

/// `published`: how much an earlier run showed; if 0, becomes what the opening showed.
absl::StatusOr<uint64_t> Server::Replay(LivePoll& live, uint64_t& published) {
  poll::State state = KeptState(live, published);
  const uint64_t kept = state.size();
  URNA_ASSIGN_OR_RETURN(live.state,
                        ReplayStored(*store_, live.id, std::move(state),
                                     [&](uint64_t index, const ledger::RecordView& record) {
                                       constexpr auto kOpened =
                                           static_cast<uint8_t>(poll::RecordKind::kOpened);
                                       if (record.kind == kOpened && published == 0)
                                         published = index + 1;
                                       if (settings_.ballot_box) {
                                         newest_record_ = std::max(newest_record_, record.time);
                                       }
                                       if (const auto note = poll::NoteBallot(index, record)) {
                                         live.NoteRevision(*note);
                                       }
                                     }));
  if (live.state.definition() == nullptr) return Damaged("it has no whole definition");
  return kept;
}

absl::StatusOr<ledger::Checkpoint> Server::CheckAgainstAnchor(const LivePoll& live) const {
  const auto found = anchors_.find(live.id);
  if (found == anchors_.end() || found->second->newest().empty()) return ledger::Checkpoint{};
  const auto anchored =
      ledger::OpenCheckpoint(found->second->newest(), live.state.definition()->ballot_box);
  if (!anchored.ok()) {
    return Damaged(
        Cat("the anchor is not a checkpoint of this ledger: ", MessageOf(anchored.status())));
  }
  if (live.state.IsLost(*anchored)) return ledger::Checkpoint{};
  URNA_RETURN_IF_ERROR(CheckAgainst(live, *anchored, "signed"));
  return *anchored;
}

absl::Status Server::CheckLostNotes(const LivePoll& live) const {
  for (const LostNote& lost : lost_notes_) {
    if (lost.poll != live.id) continue;
    const auto checkpoint = ledger::OpenCheckpoint(lost.note, live.state.definition()->ballot_box);
    if (!checkpoint.ok()) return Damaged(Cat(lost.path, ": ", MessageOf(checkpoint.status())));
    if (live.state.IsLost(*checkpoint)) continue;
    URNA_RETURN_IF_ERROR(base::Annotate(CheckAgainst(live, *checkpoint, "given up"), lost.path));
  }
  return absl::OkStatus();
}

absl::Status Server::CheckAgainst(const LivePoll& live, const ledger::Checkpoint& checkpoint,
                                  std::string_view what) const {
  const uint64_t held = live.state.size();
  if (checkpoint.size > held) {
    return Damaged(Cat("the store holds ", held, " records, but a checkpoint of ", checkpoint.size,
                       " was ", what, ": the store was cut, or is an old copy; records ", held,
                       " to ", checkpoint.size - 1, " are missing"));
  }
  URNA_ASSIGN_OR_RETURN(const Hash32 root,
                        ledger::RootAt(checkpoint.size, store_->Nodes(live.id, checkpoint.size)));
  if (root != checkpoint.root) {
    return Damaged(Cat("the first ", checkpoint.size,
                       " records are not those of the checkpoint that was ", what));
  }
  return absl::OkStatus();
}

absl::Status Server::LoadPoll(const Hash32& id) {
  URNA_ASSIGN_OR_RETURN(const ledger::Store::Head head, store_->GetHead(id));
  auto live = std::make_shared<LivePoll>(store_.get());
  live->id = id;
  live->written = head.size;
  // What was published before matters to a ballot box only.
  Published before;
  uint64_t published = head.size;
  if (settings_.ballot_box) {
    before = PublishedBefore(id);
    published = before.checkpoint.size;
  }
  URNA_ASSIGN_OR_RETURN(const uint64_t kept, Replay(*live, published));
  URNA_ASSIGN_OR_RETURN(const ledger::Checkpoint anchored, CheckAgainstAnchor(*live));
  URNA_RETURN_IF_ERROR(CheckLostNotes(*live));
  if (live->state.IsLost(before.checkpoint)) {
    published = head.size;  // the loss is shown at once
  } else if (before.checkpoint.size > 0) {
    URNA_RETURN_IF_ERROR(CheckAgainst(*live, before.checkpoint, "published"));
  }
  Witnessed witnessed;
  if (settings_.ballot_box) {
    URNA_ASSIGN_OR_RETURN(witnessed, ReadWitnessed(Cat(settings_.data, "/published"), id,
                                                   live->state.definition()->ballot_box));
  }
  if (live->state.IsLost(witnessed.checkpoint)) witnessed = {};
  if (witnessed.checkpoint.size > 0) {
    URNA_RETURN_IF_ERROR(
        CheckAgainst(*live, witnessed.checkpoint, "cosigned by a witness, or shown by one"));
    published = std::max(published, witnessed.checkpoint.size);
  }
  before.checkpoint.size = published;
  URNA_RETURN_IF_ERROR(CompareIssuers(*live));
  log_.Line(Cat("poll ", base::Hex(id), ": \"", live->state.definition()->title.begin()->second,
                "\", ", head.size, " records, ",
                kept > 0 ? Cat(kept, " of them from the kept state, ") : "",
                poll::PhaseName(live->state.phase())));

  std::unique_ptr<AnchorFile> anchor;
  if (const auto found = anchors_.find(id); found != anchors_.end()) {
    anchor = std::move(found->second);
  }
  if (follower_ != nullptr) {
    std::string note = anchor == nullptr ? "" : anchor->newest();
    follower_->Adopt(std::move(live), anchored, std::move(note), std::move(anchor));
    return absl::OkStatus();
  }
  URNA_RETURN_IF_ERROR(SignHead(*live, anchored, anchor));
  sequencer_->AdoptAnchor(id, std::move(anchor));
  URNA_RETURN_IF_ERROR(ResumePublication(*live, before));
  if (witnessed.checkpoint.size > 0) cosigning_->Resume(*live, std::move(witnessed));
  WarnOfWitnesses(*live);
  book_.Add(std::move(live));
  return absl::OkStatus();
}

absl::Status Server::SignHead(LivePoll& live, const ledger::Checkpoint& anchored,
                              std::unique_ptr<AnchorFile>& anchor) const {
  live.head_note = ledger::SignCheckpoint(
      {live.state.definition()->ballot_box.name, live.state.size(), live.state.root()},
      *checkpoint_key_);
  if (anchored.size == live.state.size()) return absl::OkStatus();
  // A process that died between write and anchor left records that nothing vouches for yet.
  if (anchor == nullptr) {
    URNA_ASSIGN_OR_RETURN(anchor, AnchorFile::Open(AnchorPath(settings_.anchor, live.id)));
  }
  return anchor->Append(live.head_note);
}

absl::Status Server::ResumePublication(LivePoll& live, Published before) {
  const poll::Definition& definition = *live.state.definition();
  if (live.PublishesByClock()) {
    ledger::Checkpoint& shown = before.checkpoint;
    shown.origin = definition.ballot_box.name;
    URNA_ASSIGN_OR_RETURN(shown.root,
                          ledger::RootAt(shown.size, store_->Nodes(live.id, shown.size)));
    if (before.period == 0) before.period = live.PeriodOf(clock_.Now());
    live.ResumePublication(shown.size, ledger::SignCheckpoint(shown, *checkpoint_key_),
                           before.period);
  } else {
    live.Publish(clock_.Now());
  }
  live.RefreshView();
  return absl::OkStatus();
}

absl::Status Server::CompareIssuers(const LivePoll& live) {
  const poll::Definition& definition = *live.state.definition();
  for (size_t i = 0; i < definition.issuers.size(); ++i) {
    const auto& X = live.state.issuer_keys()[i];
    Issuer* const issuer = FindIssuer(issuers_, definition.issuers[i].key);
    if (issuer == nullptr || !X.has_value()) continue;
    const auto index = static_cast<uint8_t>(i);
    URNA_RETURN_IF_ERROR(issuer->Compare(live.id, index, *X, live.state.Issued(index),
                                         live.state.distinct_ballots()));
  }
  return absl::OkStatus();
}

void Server::WarnOfWitnesses(const LivePoll& live) {
  for (const ledger::NoteKey& named : live.state.definition()->witnesses) {
    const bool asked = std::ranges::any_of(settings_.witnesses, [&](const WitnessAddress& witness) {
      return witness.key.ToString() == named.ToString();
    });
    if (asked) continue;
    log_.Line(Cat("poll ", base::Hex(live.id), ": names witness ", named.name,
                  ", which nobody asks to cosign: it is not among the settings `witness`"));
  }
}

absl::Status Server::CheckClock() {
  const std::string path = TimePath(settings_.anchor);
  URNA_ASSIGN_OR_RETURN(const uint64_t remembered, ReadTime(path));
  URNA_RETURN_IF_ERROR(clock_.ContinueFrom(newest_record_, "in a record of a ledger"));
  URNA_RETURN_IF_ERROR(clock_.ContinueFrom(remembered, Cat("in ", path)));
  watchman_ = std::make_unique<Watchman>(Watchman::Options{environment_.watchman_interval, path},
                                         clock_, disk_, log_);
  return absl::OkStatus();
}

void Server::ShowHealth() {
  if (grpc_ == nullptr) return;
  std::lock_guard guard(health_mutex_);
  grpc::HealthCheckServiceInterface* const health = grpc_->GetHealthCheckService();
  const bool ledgers =
      std::ranges::all_of(book_.All(), [](const auto& poll) { return poll->view()->damage.ok(); });
  const bool answers =
      std::ranges::all_of(issuers_, [](const auto& issuer) { return issuer->usable().ok(); });
  const bool casting = ledgers && disk_.taking();
  health->SetServingStatus(kIssuingHealth, casting && answers && issuing_healthy_);
  if (settings_.ballot_box) health->SetServingStatus(kCastingHealth, casting);
  health->SetServingStatus("", ledgers && answers);
}

void Server::MakeServices() {
  const Settings& s = settings_;
  const Limits limits(s, environment_.before_work);
  ReadingService::Identity identity;
  identity.version = URNA_VERSION;
  identity.checkpoint_key = s.ballot_box ? checkpoint_key_->public_key() : s.follow_key;
  for (const auto& issuer : issuers_) identity.issuer_keys.push_back(issuer->identity());
  identity.issuer_addresses = s.issuer_addresses;
  Steps::Rules rules{s.officials, identity.checkpoint_key, identity.issuer_keys, {}};
  for (const IssuerAddress& issuer : s.issuer_addresses) rules.issuers.push_back(issuer.key);
  for (const WitnessAddress& witness : s.witnesses) rules.witnesses.push_back(witness.key);
  issuing_ = std::make_unique<IssuingService>(limits, book_, issuers_, clock_, disk_);
  reading_ = std::make_unique<ReadingService>(limits, std::move(identity), *store_, book_, clock_);
  if (!s.ballot_box) return;
  steps_ = std::make_unique<Steps>(std::move(rules), book_, *sequencer_, clock_, disk_, log_);
  casting_ = std::make_unique<CastingService>(limits, *store_, book_, *sequencer_, clock_, disk_);
  officials_ = std::make_unique<OfficialsService>(limits, *steps_, clock_);
  trustees_ = std::make_unique<TrusteesService>(limits, *store_, book_, *sequencer_, clock_, log_);
  outside_issuers_ =
      std::make_unique<IssuersService>(limits, *store_, book_, *sequencer_, clock_, log_);
}

absl::Status Server::Listen() {
  MakeServices();
  const Settings& s = settings_;
  std::shared_ptr<grpc::ServerCredentials> credentials = grpc::InsecureServerCredentials();
  if (!s.plaintext) {
    URNA_ASSIGN_OR_RETURN(const std::string certificate, base::ReadFile(s.certificate, 1 << 20));
    URNA_ASSIGN_OR_RETURN(std::string key, base::ReadFile(s.key, 1 << 20));
    grpc::SslServerCredentialsOptions options;
    options.pem_key_cert_pairs.push_back({std::move(key), certificate});
    credentials = grpc::SslServerCredentials(options);
  }
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(s.listen, credentials, &port);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  LimitTransport(builder, s);
  builder.RegisterService(issuing_.get());
  builder.RegisterService(reading_.get());
  if (s.ballot_box) {
    builder.RegisterService(casting_.get());
    builder.RegisterService(officials_.get());
    builder.RegisterService(trustees_.get());
    builder.RegisterService(outside_issuers_.get());
  }
  grpc_ = builder.BuildAndStart();
  if (grpc_ == nullptr || port == 0) {
    return Failure(absl::StatusCode::kUnavailable,
                   Cat("cannot listen on ", s.listen,
                       ": the address is in use or not this machine's, or the certificate and its "
                       "key do not fit"));
  }
  address_ = Cat(std::string_view(s.listen).substr(0, s.listen.rfind(':')), ":", port);
  grpc_->GetHealthCheckService()->SetServingStatus(true);
  // Issuers that run alone are not in order before they have compared.
  ShowHealth();
  if (steward_ != nullptr) steward_->Start();
  if (follower_ != nullptr) follower_->Start();
  watchman_->Start();
  keeper_->Start();
  rereader_ = std::make_unique<Rereader>(
      Rereader::Options{
          .ledger_folder = Cat(s.data, "/ledger"),
          .bytes_per_second = s.reread_rate << 20,
          .every = environment_.reread_every.value_or(std::chrono::hours(s.reread_every))},
      *store_, book_, issuers_, log_, [this] { ShowHealth(); });
  rereader_->Start();
  log_.Line(Cat("listening on ", address_, s.plaintext ? " without TLS" : ""));
  return absl::OkStatus();
}

absl::Status Server::ListenHttp() {
  const Settings& s = settings_;
  if (s.http_listen.empty()) return absl::OkStatus();
  http::Server::Options options;
  options.listen = s.http_listen;
  options.max_connections = static_cast<unsigned>(s.http_connections);
  if (!s.http_plaintext) {
    URNA_ASSIGN_OR_RETURN(options.certificate, base::ReadFile(s.certificate, 1 << 20));
    URNA_ASSIGN_OR_RETURN(options.key, base::ReadFile(s.key, 1 << 20));
  }
  auto server = http::Server::Start(options, ServeTiles(book_, *store_, s.http_rate, clock_));
  if (!server.ok()) return base::Annotate(server.status(), "http-listen");
  http_ = *std::move(server);
  http_url_ = Cat(s.http_plaintext ? "http://" : "https://", http_->address());
  log_.Line(Cat("listening on ", http_url_));
  return absl::OkStatus();
}

void Server::Shutdown() {
  http_.reset();
  if (grpc_ != nullptr) {
    grpc_->GetHealthCheckService()->Shutdown();
    // The lanes work on: calls under way are answered, or cancelled when their time is up.
    grpc_->Shutdown(std::chrono::system_clock::now() + kShutdownGrace);
    log_.Line("no more calls; writing what is queued");
  }
  if (watchman_ != nullptr) watchman_->Stop();
  if (rereader_ != nullptr) rereader_->Stop();
  if (issuing_ != nullptr) issuing_->Drain();
  if (casting_ != nullptr) casting_->Drain();
  if (reading_ != nullptr) reading_->Drain();
  if (officials_ != nullptr) officials_->Drain();
  if (trustees_ != nullptr) trustees_->Drain();
  if (outside_issuers_ != nullptr) outside_issuers_->Drain();
  if (steward_ != nullptr) steward_->Stop();
  if (follower_ != nullptr) follower_->Stop();
  if (cosigning_ != nullptr) cosigning_->Stop();
  if (sequencer_ != nullptr) sequencer_->Drain();
  if (keeper_ != nullptr) keeper_->Stop();
  grpc_.reset();
}

}  // namespace urna::server
