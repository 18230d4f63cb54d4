#include "tests/server/harness.h"

#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "crypto/decryption.h"
#include "poll/replay.h"
#include "server/keys.h"
#include "server/setup.h"

namespace urna::server::testing {
namespace {

using base::Cat;
using poll::Payload;
using poll::RecordKind;

void Must(const absl::Status& status, std::string_view what) {
  if (status.ok()) return;
  std::cerr << "test server: " << what << ": " << status << std::endl;
  std::abort();
}
template <typename T>
T Must(absl::StatusOr<T> value, std::string_view what) {
  Must(value.status(), what);
  return *std::move(value);
}
void Must(const Outcome& outcome, std::string_view what) {
  if (outcome.ok()) return;
  std::cerr << "test server: " << what << ": " << outcome << std::endl;
  std::abort();
}

std::string Bytes(const Hash32& hash) { return std::string(base::View(hash)); }

}  // namespace

urna::testing::ElectionOptions Small(uint32_t voters, uint32_t styles, uint32_t trustees,
                                     uint32_t trustees_needed, uint32_t issuers) {
  urna::testing::ElectionOptions options;
  options.voters = voters;
  options.styles = styles;
  options.trustees = trustees;
  options.trustees_needed = trustees_needed;
  options.issuers = issuers;
  return options;
}

std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
  return out << "code " << outcome.code << " [" << outcome.reject << "] " << outcome.message;
}

TemporaryFolder::TemporaryFolder() {
  std::string name = std::filesystem::temp_directory_path().string() + "/urna-server-test.XXXXXX";
  if (mkdtemp(name.data()) == nullptr) std::abort();
  path_ = name;
}
TemporaryFolder::~TemporaryFolder() { std::filesystem::remove_all(path_); }

void Gate::Close() {
  std::lock_guard guard(mutex_);
  closed_ = true;
}
void Gate::Open() {
  std::lock_guard guard(mutex_);
  closed_ = false;
  changed_.notify_all();
}
void Gate::Pass() {
  std::unique_lock guard(mutex_);
  if (!closed_) return;
  ++held_;
  changed_.notify_all();
  changed_.wait(guard, [this] { return !closed_; });
  --held_;
}
void Gate::AwaitHeld(int count) {
  std::unique_lock guard(mutex_);
  changed_.wait(guard, [&] { return held_ >= count; });
}

void Await(const std::function<bool()>& condition, const std::string& what) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  FAIL() << "waited in vain for " << what;
}

crypto::IssuerAnswer ParseAnswer(const std::string& bytes) {
  const std::string_view view = bytes;
  return {Must(Scalar::Decode(view.substr(0, 32)), "s"),
          Must(Scalar::Decode(view.substr(32, 32)), "y"),
          Must(Scalar::Decode(view.substr(64)), "t")};
}

std::string SignatureBytes(const crypto::CredentialSignature& signature) {
  return Cat(signature.U.view(), signature.z.view());
}

// --- Server ----------------------------------------------------------------------------------

TestServer::TestServer(const urna::testing::ElectionOptions& options)
    : election(options),
      start_(election.now),
      definition_(election.definition_json()),
      steps_(options.officials, 0) {
  clock.Set(start_);
  settings.data = data();
  settings.listen = "127.0.0.1:0";
  settings.plaintext = true;
  settings.http_listen = "127.0.0.1:0";
  settings.http_plaintext = true;
  settings.issuers = options.issuers;
  settings.disk_floor = 0;  // whatever disk the tests run on
  settings.ballast = 0;
  for (uint32_t i = 0; i < options.officials; ++i) {
    settings.officials.push_back(election.official(i).public_key());
  }
  Must(base::MakeFolders(data(), 0700), "data folder");
  Must(CreateSecretFile(CheckpointKeyPath(data()),
                        base::View(election.ballot_box().seed().Expose())),
       "checkpoint key");
  for (uint32_t i = 0; i < options.issuers; ++i) {
    Must(base::MakeFolders(IssuerFolder(data(), i), 0700), "issuer folder");
    Must(CreateSecretFile(IssuerKeyPath(data(), i), base::View(election.issuer(i).seed().Expose())),
         "issuer key");
  }
}

TestServer::~TestServer() { Stop(); }

absl::Status TestServer::TryStart() {
  Environment environment;
  environment.clock = &clock;
  environment.steward_interval = std::chrono::milliseconds(10);
  environment.watchman_interval = std::chrono::milliseconds(10);
  environment.before_append = before_append;
  environment.before_work = before_work;
  environment.witness_pace = witness_pace;
  environment.reread_every = reread_every;
  environment.free_space = free_space;
  environment.log = [this](std::string_view line) {
    std::lock_guard guard(log_mutex_);
    log_ += line;
  };
  environment.fatal = [this](std::string_view) { ++fatal_calls_; };
  environment.halt = [this](std::string_view reason) {
    std::lock_guard guard(log_mutex_);
    halted_ = reason;
  };
  auto server = Server::Start(settings, std::move(environment));
  if (!server.ok()) return server.status();
  server_ = *std::move(server);
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  channel_ =
      grpc::CreateCustomChannel(server_->address(), grpc::InsecureChannelCredentials(), arguments);
  issuing = v1::Issuing::NewStub(channel_);
  casting = v1::Casting::NewStub(channel_);
  officials = v1::Officials::NewStub(channel_);
  trustees = v1::Trustees::NewStub(channel_);
  reading = v1::Reading::NewStub(channel_);
  return absl::OkStatus();
}

void TestServer::Start() { Must(TryStart(), "start"); }

void TestServer::Stop() {
  if (server_ != nullptr) server_->Shutdown();
  server_.reset();
}

std::string TestServer::log() const {
  std::lock_guard guard(log_mutex_);
  return log_;
}

std::string TestServer::halted() const {
  std::lock_guard guard(log_mutex_);
  return halted_;
}

http::Response TestServer::Get(const std::string& path) {
  return Must(http_->Get(Cat(server_->http_url(), path)), "GET");
}

std::pair<grpc::StatusCode, std::string> TestServer::CallByName(const std::string& method,
                                                                const std::string& request) {
  grpc::GenericStub stub(channel_);
  grpc::ClientContext context;
  SetDeadline(context);
  const grpc::Slice slice(request);
  grpc::ByteBuffer sent(&slice, 1);
  grpc::ByteBuffer received;
  std::promise<grpc::Status> done;
  stub.UnaryCall(&context, method, grpc::StubOptions(), &sent, &received,
                 [&done](grpc::Status status) { done.set_value(std::move(status)); });
  const grpc::Status status = done.get_future().get();
  grpc::Slice bytes;
  if (status.ok() && !received.DumpToSingleSlice(&bytes).ok()) return {status.error_code(), "?"};
  return {status.error_code(), std::string(bytes.begin(), bytes.end())};
}

void TestServer::SetDeadline(grpc::ClientContext& context) {
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
}

Outcome TestServer::From(const grpc::Status& status, const grpc::ClientContext& context) {
  Outcome outcome{status.error_code(), "", status.error_message(), ""};
  const auto trailer = [&context](const char* name) {
    const auto& metadata = context.GetServerTrailingMetadata();
    const auto found = metadata.find(name);
    return found == metadata.end() ? std::string()
                                   : std::string(found->second.data(), found->second.size());
  };
  outcome.reject = trailer("urna-reject");
  outcome.retry_after_ms = trailer("grpc-retry-pushback-ms");
  return outcome;
}

// --- Reading ---------------------------------------------------------------------------------

v1::StatusResponse TestServer::Status() {
  v1::StatusRequest request;
  request.set_poll(Bytes(poll_));
  v1::StatusResponse response;
  Must(Run([&](auto* context) { return reading->Status(context, request, &response); }), "status");
  return response;
}

std::string TestServer::Checkpoint() {
  v1::CheckpointRequest request;
  request.set_poll(Bytes(poll_));
  v1::CheckpointResponse response;
  Must(Run([&](auto* context) { return reading->Checkpoint(context, request, &response); }),
       "checkpoint");
  return response.note();
}

void TestServer::WaitForPhase(const std::string& phase) {
  Await([&] { return Status().phase() == phase; }, Cat("the poll to be ", phase));
}

void TestServer::Sync() {
  v1::EntriesRequest request;
  request.set_poll(Bytes(poll_));
  request.set_first(0);
  request.set_last(Status().size());
  grpc::ClientContext context;
  SetDeadline(context);
  const auto stream = reading->Entries(&context, request);
  records.clear();
  v1::EntriesResponse chunk;
  while (stream->Read(&chunk)) {
    records.insert(records.end(), chunk.records().begin(), chunk.records().end());
  }
  Must(From(stream->Finish(), context), "entries");
  poll::Replay replay(
      poll::Replay::Trust::kNothing,
      [this](uint64_t index) -> absl::StatusOr<std::string> { return records.at(index); },
      [](uint64_t index, uint8_t, const absl::Status& fault) {
        ADD_FAILURE() << "record " << index << ": " << fault;
      },
      poll::Sequentially);
  replay.Append(records);
  state_ = std::make_unique<poll::State>(std::move(replay).TakeState());
}

// --- Officials -------------------------------------------------------------------------------

v1::Step TestServer::MakeStep(const Payload& payload, size_t official) {
  const RecordKind kind = poll::KindOf(payload);
  const std::string body = poll::PayloadBody(payload);
  poll::StepPlace place;
  place.root = ledger::EmptyRoot();
  if (kind != RecordKind::kDefined) {
    place = {poll_, steps_[official], state_->size(), state_->root()};
  }
  v1::Step step;
  if (kind != RecordKind::kDefined) step.set_poll(Bytes(poll_));
  step.set_kind(static_cast<uint32_t>(kind));
  step.set_body(body);
  step.set_official(Bytes(election.official(official).public_key()));
  const auto signature = election.official(official).Sign(poll::OfficialMessage(kind, place, body));
  step.set_signature(std::string(base::View(signature)));
  return step;
}

Outcome TestServer::Send(const v1::Step& step, const std::string& attachment,
                         v1::ApproveResponse* response) {
  v1::ApproveResponse ignored;
  grpc::ClientContext context;
  SetDeadline(context);
  const auto stream = officials->Approve(&context, response == nullptr ? &ignored : response);
  v1::ApproveRequest request;
  *request.mutable_step() = step;
  bool writable = stream->Write(request);
  for (size_t at = 0; writable && at < attachment.size(); at += 100'000) {
    request.set_attachment(attachment.substr(at, 100'000));
    writable = stream->Write(request);
  }
  stream->WritesDone();
  return From(stream->Finish(), context);
}

Outcome TestServer::Approve(const Payload& payload, size_t official, const std::string& attachment,
                            v1::ApproveResponse* response) {
  return Send(MakeStep(payload, official), attachment, response);
}

void TestServer::Record(const Payload& payload, const std::string& attachment) {
  const uint32_t needed = 2;
  v1::ApproveResponse response;
  for (uint32_t i = 0; i < needed; ++i) {
    if (before_approval) before_approval(payload, i);
    Must(Approve(payload, i, i == 0 ? attachment : "", &response), "approve");
  }
  if (!response.recorded()) Must(absl::UnknownError("not recorded"), "approve");
  for (uint32_t i = 0; i < needed; ++i) ++steps_[i];
  if (poll::KindOf(payload) == RecordKind::kDefined) {
    std::copy(response.poll().begin(), response.poll().end(), poll_.begin());
  }
}

Payload TestServer::DefinedPayload() const {
  poll::Defined defined;
  defined.length = static_cast<uint32_t>(definition_.size());
  defined.sha256 = crypto::HashSha256(definition_);
  return defined;
}

void TestServer::Define() {
  Record(DefinedPayload(), definition_);
  Sync();
}

std::string TestServer::RollBytes() {
  std::vector<poll::RollEntry> entries;
  for (size_t i = 0; i < election.voter_count(); ++i) {
    entries.push_back({election.voter(i).credential.V, election.voter(i).style});
  }
  std::ranges::sort(entries, {}, [](const poll::RollEntry& e) { return e.credential.view(); });
  return poll::EncodeRollEntries(entries);
}

Payload TestServer::RollPayload() {
  const auto entries = Must(poll::DecodeRollEntries(RollBytes()), "roll");
  poll::RollSealed sealed;
  sealed.count = entries.size();
  sealed.parts_sha256 = poll::PartsHashOf(poll::SplitRoll(entries));
  sealed.persons_sha256 = crypto::HashSha256("list of persons");
  return sealed;
}

void TestServer::SealRoll() { Record(RollPayload(), RollBytes()); }

// --- Trustees --------------------------------------------------------------------------------

Outcome TestServer::Submit(RecordKind kind, const std::string& payload) {
  v1::SubmitRequest request;
  request.set_poll(Bytes(poll_));
  request.set_kind(static_cast<uint32_t>(kind));
  request.set_payload(payload);
  v1::SubmitResponse response;
  return Run([&](auto* context) { return trustees->Submit(context, request, &response); });
}

void TestServer::SignAsTrustee(Payload& payload, uint32_t trustee) const {
  const auto signature = election.trustee(trustee - 1)
                             .Sign(poll::ParticipantMessage(
                                 "trustee", poll::KindOf(payload), poll_, trustee,
                                 state_->TrusteeCounter(trustee), poll::PayloadBody(payload)));
  std::visit(
      [&](auto& p) {
        if constexpr (requires {
                        p.trustee;
                        p.signature;
                      })
          p.signature = signature;
      },
      payload);
}

void TestServer::MustSubmit(Payload payload, uint32_t trustee) {
  SignAsTrustee(payload, trustee);
  if (before_submission) before_submission(payload, trustee);
  Must(Submit(poll::KindOf(payload), poll::EncodePayload(payload)), "submit");
}

void TestServer::KeyCeremony() {
  const auto n = static_cast<uint32_t>(state_->definition()->trustees.size());
  const uint32_t keys = state_->definition()->keys();
  const uint32_t needed = state_->definition()->trustees_needed;
  for (uint32_t j = 1; j <= n; ++j) {
    seal_keys_.push_back(crypto::SealKey::New());
    dealers_.push_back(crypto::Dealer::New(keys, needed));
    deals_.push_back(dealers_.back().MakeDeal(poll_, j));
    poll::TrusteeJoined joined;
    joined.trustee = static_cast<uint8_t>(j);
    joined.seal_key = seal_keys_.back().public_key;
    joined.deal_commitment = crypto::DealCommitment(poll_, j, needed, deals_.back());
    MustSubmit(joined, j);
  }
  Sync();
  for (uint32_t j = 1; j <= n; ++j) {
    poll::Dealt dealt;
    dealt.trustee = static_cast<uint8_t>(j);
    dealt.deal = deals_[j - 1];
    for (uint32_t i = 1; i <= n; ++i) {
      dealt.sealed.push_back(dealers_[j - 1].SealShares(i, seal_keys_[i - 1].public_key));
    }
    MustSubmit(dealt, j);
  }
  Sync();
  for (uint32_t i = 1; i <= n; ++i) {
    std::vector<std::vector<crypto::SecretScalar>> received;
    for (uint32_t j = 1; j <= n; ++j) {
      received.push_back(Must(crypto::OpenShares(seal_keys_[i - 1], i, deals_[j - 1],
                                                 state_->dealt()[j - 1]->sealed[i - 1]),
                              "open shares"));
    }
    shares_.push_back(crypto::CombineShares(received));
    const std::vector<Point> base = {Point::Base()};
    const std::vector<Point> P = crypto::PublicShares(deals_, i);
    poll::Confirmed confirmed;
    confirmed.trustee = static_cast<uint8_t>(i);
    confirmed.self_test = crypto::MakeDecryptionShare({.opening = poll_,
                                                       .closed = poll_,
                                                       .contest = "self-test",
                                                       .trustee = i,
                                                       .R = base,
                                                       .P = P},
                                                      shares_.back());
    MustSubmit(confirmed, i);
  }
  Sync();
}

std::vector<poll::DecryptionPart> TestServer::ShareParts(uint32_t trustee, uint32_t contest) const {
  return urna::testing::SharePartsOf(*state_, trustee, contest, shares_[trustee - 1]);
}

Payload TestServer::DecryptionPayload(uint32_t trustee, uint32_t contest) const {
  return ShareParts(trustee, contest)[0];
}

void TestServer::DecryptAll() {
  for (uint32_t j = 1; j <= state_->definition()->trustees_needed; ++j) {
    for (uint32_t c = 0; c < state_->definition()->contests.size(); ++c) {
      Sync();
      if (state_->NeedsDecryption(c)) MustSubmit(DecryptionPayload(j, c), j);
    }
  }
  Sync();
}

// --- Course ----------------------------------------------------------------------------------

void TestServer::TurnToAnotherPoll(const std::string& origin) {
  start_ = clock.Now();
  auto json = nlohmann::json::parse(definition_);
  json["ballot_box"]["origin"] = origin;
  json["times"] = {{"issuing_from", base::FormatUtc(start_)},
                   {"casting_from", base::FormatUtc(start_)},
                   {"end", base::FormatUtc(end())},
                   {"latest_end", base::FormatUtc(end() + 3600)}};
  definition_ = json.dump();
  poll_ = {};
  state_.reset();
  records.clear();
  std::ranges::fill(steps_, 0);
  seal_keys_.clear();
  dealers_.clear();
  deals_.clear();
  shares_.clear();
  for (size_t i = 0; i < election.voter_count(); ++i) {
    election.voter(i).tokens.clear();
    election.voter(i).revision = 0;
  }
}

void TestServer::RunUntilOpen() {
  Start();
  Define();
  SealRoll();
  WaitForPhase("waiting for the trustees to join");
  Sync();
  KeyCeremony();
  Record(poll::Opened{});
  Sync();
}

void TestServer::Close() {
  WaitForPhase("ended");
  Await([&] { return Status().waiting_for(0).find("close") != std::string::npos; },
        "the last counts");
  Sync();
  Record(poll::Closed{});
  Await([&] { return Status().waiting_for(0).find("register") == std::string::npos; },
        "the registers");
  Sync();
}

void TestServer::Certify() {
  const poll::Result result = Must(state_->ComputeResult(), "result");
  Record(poll::Certified{poll::EncodeCertificate(result), {}});
  Sync();
}

// --- Residents -------------------------------------------------------------------------------

const crypto::TokenInfo& TestServer::InfoOf(size_t voter, uint32_t issuer) {
  return context().styles[election.voter(voter).style].issuers[issuer];
}

crypto::CredentialSignature TestServer::Sign(size_t voter,
                                             const crypto::CredentialStatement& statement) {
  return crypto::SignCredential(election.voter(voter).credential, statement);
}

v1::Issuing::Stub& TestServer::IssuingOf(uint32_t issuer) const {
  const auto found = elsewhere.find(issuer);
  return found == elsewhere.end() ? *issuing : *found->second;
}

Outcome TestServer::Begin(size_t voter, Issuance* issuance, uint32_t issuer) {
  const crypto::TokenInfo& info = InfoOf(voter, issuer);
  v1::BeginRequest request;
  request.set_poll(Bytes(poll_));
  request.set_issuer(issuer);
  request.set_credential(std::string(election.voter(voter).credential.V.view()));
  request.set_signature(SignatureBytes(
      Sign(voter, crypto::CredentialStatement::Begin(info.opening, info.style, info.X))));
  v1::BeginResponse response;
  const Outcome outcome =
      Run([&](auto* context) { return IssuingOf(issuer).Begin(context, request, &response); });
  if (!outcome.ok()) return outcome;
  issuance->session = response.session();
  const std::string_view offer = response.offer();
  issuance->offer.A = Must(Point::Decode(offer.substr(0, 32)), "A");
  issuance->offer.C = Must(Point::Decode(offer.substr(32)), "C");
  auto& who = election.voter(voter);
  who.ballot_key = crypto::DeriveBallotKey(who.omega, info.opening);
  issuance->request =
      std::make_unique<crypto::TokenRequest>(info, issuance->offer, who.omega, who.ballot_key.BK);
  return outcome;
}

v1::AnswerRequest TestServer::AnswerRequestFor(size_t voter, const Issuance& issuance,
                                               uint32_t issuer) {
  const crypto::TokenInfo& info = InfoOf(voter, issuer);
  const Scalar& c = issuance.request->challenge();
  v1::AnswerRequest request;
  request.set_poll(Bytes(poll_));
  request.set_issuer(issuer);
  request.set_credential(std::string(election.voter(voter).credential.V.view()));
  request.set_session(issuance.session);
  request.set_challenge(std::string(c.view()));
  request.set_signature(SignatureBytes(
      Sign(voter, crypto::CredentialStatement::Request(info.opening, info.style, info.X,
                                                       issuance.offer.A, issuance.offer.C, c))));
  return request;
}

Outcome TestServer::Answer(const v1::AnswerRequest& request, v1::AnswerResponse* response) {
  return Run([&](auto* context) {
    return IssuingOf(request.issuer()).Answer(context, request, response);
  });
}

Outcome TestServer::Fetch(size_t voter, v1::FetchResponse* response, uint32_t issuer) {
  const crypto::TokenInfo& info = InfoOf(voter, issuer);
  v1::FetchRequest request;
  request.set_poll(Bytes(poll_));
  request.set_issuer(issuer);
  request.set_credential(std::string(election.voter(voter).credential.V.view()));
  request.set_signature(SignatureBytes(
      Sign(voter, crypto::CredentialStatement::Fetch(info.opening, info.style, info.X))));
  return Run([&](auto* context) { return IssuingOf(issuer).Fetch(context, request, response); });
}

void TestServer::Issue(size_t voter) {
  election.voter(voter).tokens.clear();
  for (uint32_t i = 0; i < state_->definition()->issuers.size(); ++i) {
    Issuance issuance;
    Must(Begin(voter, &issuance, i), "begin");
    v1::AnswerResponse response;
    Must(Answer(AnswerRequestFor(voter, issuance, i), &response), "answer");
    election.voter(voter).tokens.push_back(
        Must(issuance.request->Unblind(ParseAnswer(response.answer())), "unblind"));
  }
}

std::string TestServer::MakeBallot(size_t voter, int choice) {
  auto& who = election.voter(voter);
  if (who.tokens.empty()) Issue(voter);
  const crypto::BallotContext& ctx = context().styles[who.style];
  auto prepared = Must(crypto::PreparedBallot::Encrypt(
                           ctx, urna::testing::TestElection::VotesFor(ctx.shape, choice)),
                       "encrypt");
  const crypto::Ballot ballot =
      std::move(prepared).Cast(ctx, who.ballot_key, who.tokens, ++who.revision);
  return poll::EncodePayload(poll::BallotCast{who.style, crypto::EncodeBallot(ballot)});
}

Outcome TestServer::Cast(const std::string& ballot, v1::CastResponse* response) {
  v1::CastRequest request;
  request.set_poll(Bytes(poll_));
  request.set_ballot(ballot);
  v1::CastResponse ignored;
  return Run([&](auto* context) {
    return casting->Cast(context, request, response == nullptr ? &ignored : response);
  });
}

// --- Issuers of other bodies -----------------------------------------------------------------

OutsideIssuer::OutsideIssuer(TestServer& ballot_box, uint32_t issuer)
    : ballot_box_(ballot_box), issuer_(issuer) {
  ballot_box.settings.issuers = issuer;
  ballot_box.settings.issuer_addresses.push_back({key(), "localhost:1"});
  settings.ballot_box = false;
  settings.data = data();
  settings.listen = "127.0.0.1:0";
  settings.plaintext = true;
  settings.issuers = 1;
  settings.disk_floor = 0;
  settings.ballast = 0;
  settings.officials = ballot_box.settings.officials;
  settings.follow_key = ballot_box.election.ballot_box().public_key();
  settings.follow_plaintext = true;
  settings.follow_every = 10;
  Must(base::MakeFolders(IssuerFolder(data(), 0), 0700), "issuer folder");
  Must(CreateSecretFile(IssuerKeyPath(data(), 0),
                        base::View(ballot_box.election.issuer(issuer).seed().Expose())),
       "issuer key");
}

crypto::Ed25519Public OutsideIssuer::key() const {
  return ballot_box_.election.issuer(issuer_).public_key();
}

absl::Status OutsideIssuer::TryStart() {
  if (settings.follow.empty()) settings.follow = ballot_box_.server().address();
  Environment environment;
  environment.clock = &ballot_box_.clock;
  environment.log = [this](std::string_view line) {
    std::lock_guard guard(log_mutex_);
    log_ += line;
  };
  environment.free_space = free_space;
  environment.fatal = [this](std::string_view) { ++fatal_calls_; };
  environment.halt = environment.fatal;
  auto server = Server::Start(settings, std::move(environment));
  if (!server.ok()) return server.status();
  server_ = *std::move(server);
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  const auto channel =
      grpc::CreateCustomChannel(server_->address(), grpc::InsecureChannelCredentials(), arguments);
  issuing = v1::Issuing::NewStub(channel);
  reading = v1::Reading::NewStub(channel);
  ballot_box_.elsewhere[issuer_] = issuing.get();
  return absl::OkStatus();
}

void OutsideIssuer::Start() { Must(TryStart(), "start of the issuer"); }

void OutsideIssuer::Stop() {
  if (server_ != nullptr) server_->Shutdown();
  server_.reset();
}

std::string OutsideIssuer::log() const {
  std::lock_guard guard(log_mutex_);
  return log_;
}

v1::StatusResponse OutsideIssuer::Status() {
  v1::StatusRequest request;
  request.set_poll(Bytes(ballot_box_.poll()));
  v1::StatusResponse response;
  TestServer::Run([&](auto* context) { return reading->Status(context, request, &response); });
  return response;
}

void OutsideIssuer::AwaitNews() {
  const v1::StatusResponse wanted = ballot_box_.Status();
  Await(
      [&] {
        const v1::StatusResponse mine = Status();
        return mine.size() == wanted.size() && mine.phase() == wanted.phase() &&
               (mine.waiting_for().empty() || mine.waiting_for(0).find("this issuer") != 0);
      },
      "the issuer to see what is published");
}

}  // namespace urna::server::testing
