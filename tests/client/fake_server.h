#pragma once

#include <grpcpp/server_builder.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/codec.h"
#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "client/connection.h"
#include "ledger/checkpoint.h"
#include "ledger/merkle.h"
#include "ledger/record.h"
#include "tests/support/election.h"

namespace urna::client {

/// A server, in this process, of the poll that a TestElection plays: publishes all of its ledger at
/// once, and lets officials and trustees add to it. Its answers can be falsified.
class FakeServer final : public v1::Reading::Service,
                         public v1::Officials::Service,
                         public v1::Trustees::Service {
 public:
  /// `more`: other services at the same place.
  explicit FakeServer(testing::TestElection& election, const std::vector<grpc::Service*>& more = {})
      : election_(election) {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(static_cast<v1::Reading::Service*>(this));
    builder.RegisterService(static_cast<v1::Officials::Service*>(this));
    builder.RegisterService(static_cast<v1::Trustees::Service*>(this));
    for (grpc::Service* service : more) builder.RegisterService(service);
    server_ = builder.BuildAndStart();
    target_ = base::Cat("127.0.0.1:", port);
  }

  const std::string& target() const { return target_; }
  std::unique_ptr<Connection> Connect() const {
    return Connection::Open({.target = target_, .certificate = "", .plaintext = true}).value();
  }

  /// Changes what is shown, not the election.
  std::function<void(std::vector<std::string>& records)> tamper;
  /// Shown instead of a checkpoint of the shown records signed by the ballot box.
  std::optional<std::string> note;
  /// Witnesses whose cosignatures are on the checkpoints shown.
  std::function<std::vector<size_t>()> cosigned_by = [] { return std::vector<size_t>(); };
  /// Only this many of the records asked for are sent.
  std::optional<uint64_t> send_at_most;
  /// Trustees' records do not arrive.
  bool refuse_submissions = false;
  /// Changes a trustee's record before it is appended.
  std::function<void(poll::RecordKind kind, std::string& payload)> tamper_submission;
  /// A record after those asked for.
  bool send_one_more = false;

  /// Records never come; `asked` is kept once somebody waits for them.
  bool stall = false;
  std::promise<void> asked;

  std::set<std::string> peers() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return peers_;
  }
  /// Smallest record asked for since the last call.
  uint64_t TakeFirstAskedFor() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return std::exchange(first_asked_for_, UINT64_MAX);
  }

  std::string SignedNote(const std::vector<std::string>& records,
                         const crypto::Ed25519Key& key) const {
    ledger::Frontier tree;
    for (const std::string& record : records) tree.Append(ledger::LeafHash(record));
    return ledger::SignCheckpoint({election_.checkpoint_key().name, tree.size(), tree.Root()}, key);
  }

  /// All issuers are here.
  grpc::Status Info(grpc::ServerContext*, const v1::InfoRequest*,
                    v1::InfoResponse* response) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const poll::Party& issuer : election_.state().definition()->issuers) {
      response->add_issuer_keys(std::string(base::View(issuer.key)));
    }
    return grpc::Status::OK;
  }

  grpc::Status Checkpoint(grpc::ServerContext* context, const v1::CheckpointRequest*,
                          v1::CheckpointResponse* response) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    peers_.insert(context->peer());
    response->set_note(note.value_or(
        election_.Cosigned(SignedNote(Shown(), election_.ballot_box()), cosigned_by())));
    return grpc::Status::OK;
  }

  grpc::Status Entries(grpc::ServerContext* context, const v1::EntriesRequest* request,
                       grpc::ServerWriter<v1::EntriesResponse>* writer) override {
    if (stall) {
      asked.set_value();
      while (!context->IsCancelled()) usleep(1000);
      return grpc::Status::CANCELLED;
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    first_asked_for_ = std::min(first_asked_for_, request->first());
    const std::vector<std::string> records = Shown();
    uint64_t last = std::min<uint64_t>(request->last() + (send_one_more ? 1 : 0), records.size());
    if (send_at_most.has_value()) last = std::min(last, request->first() + *send_at_most);
    for (uint64_t i = request->first(); i < last; ++i) {
      v1::EntriesResponse response;
      response.add_records(records[i]);
      writer->Write(response);
    }
    return grpc::Status::OK;
  }

  grpc::Status Status(grpc::ServerContext*, const v1::StatusRequest*,
                      v1::StatusResponse* response) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    response->set_phase(poll::PhaseName(election_.state().phase()));
    response->set_size(election_.records().size());
    response->set_end(election_.state().end());
    response->set_time(election_.now);
    return grpc::Status::OK;
  }

  grpc::Status LastRevision(grpc::ServerContext*, const v1::LastRevisionRequest* request,
                            v1::LastRevisionResponse* response) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    response->set_revision(
        election_.state().LastRevision(crypto::Point::Decode(request->ballot_key()).value()));
    return grpc::Status::OK;
  }

  grpc::Status Submit(grpc::ServerContext* context, const v1::SubmitRequest* request,
                      v1::SubmitResponse* response) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (refuse_submissions) return grpc::Status(grpc::StatusCode::UNAVAILABLE, "lost");
    const auto kind = static_cast<poll::RecordKind>(request->kind());
    std::string payload = request->payload();
    if (tamper_submission) tamper_submission(kind, payload);
    response->set_index(election_.records().size());
    return Append(context, kind, payload);
  }

  grpc::Status Pending(grpc::ServerContext*, const v1::PendingRequest*,
                       v1::PendingResponse* response) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const auto& [step, approvals] : pending_) {
      v1::PendingStep* out = response->add_steps();
      out->set_kind(step.first);
      out->set_body(step.second);
      out->set_needed(2);
      for (const auto& [official, signature] : approvals) {
        out->add_officials(std::string(base::View(election_.official(official).public_key())));
      }
    }
    return grpc::Status::OK;
  }

  grpc::Status Approve(grpc::ServerContext* context, grpc::ServerReader<v1::ApproveRequest>* reader,
                       v1::ApproveResponse* response) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    v1::ApproveRequest request;
    v1::Step step;
    while (reader->Read(&request)) {
      if (request.has_step()) step = request.step();
      if (request.has_attachment()) attachment_ += request.attachment();
    }
    const std::pair<uint32_t, std::string> key(step.kind(), step.body());
    auto& approvals = pending_[key];
    for (uint8_t i = 0; i < 3; ++i) {
      if (base::View(election_.official(i).public_key()) == step.official()) {
        approvals[i] = step.signature();
      }
    }
    response->set_approvals(static_cast<uint32_t>(approvals.size()));
    response->set_needed(2);
    if (approvals.size() < 2) return grpc::Status::OK;
    base::Writer payload;
    payload.Raw(step.body()).U8(static_cast<uint8_t>(approvals.size()));
    for (const auto& [official, signature] : approvals) payload.U8(official).Raw(signature);
    pending_.erase(key);
    const auto kind = static_cast<poll::RecordKind>(step.kind());
    grpc::Status status = Append(context, kind, payload.Take());
    if (status.ok() && kind == poll::RecordKind::kDefined) {
      for (const auto& part : poll::SplitDefinition(attachment_)) {
        status = Append(context, poll::RecordKind::kDefinitionPart, poll::EncodePayload(part));
      }
    }
    response->set_recorded(status.ok());
    response->set_poll(std::string(base::View(election_.state().poll())));
    return status;
  }

 private:
  std::vector<std::string> Shown() const {
    std::vector<std::string> records = election_.records();
    if (tamper) tamper(records);
    return records;
  }

  grpc::Status Append(grpc::ServerContext* context, poll::RecordKind kind,
                      const std::string& payload) {
    const size_t faults = election_.faults().size();
    election_.AppendRaw(kind, payload, election_.now);
    if (election_.faults().size() == faults) return grpc::Status::OK;
    const absl::Status& fault = election_.faults().back().second;
    context->AddTrailingMetadata("urna-reject", base::RejectId(fault));
    return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, std::string(fault.message()));
  }

  testing::TestElection& election_;
  std::string target_;
  mutable std::mutex mutex_;
  std::set<std::string> peers_;
  uint64_t first_asked_for_ = UINT64_MAX;
  std::map<std::pair<uint32_t, std::string>, std::map<uint8_t, std::string>> pending_;
  std::string attachment_;
  std::unique_ptr<grpc::Server> server_;  // last: its threads use the rest
};

/// Every file under `folder` with its content.
inline std::map<std::string, std::string> FilesUnder(const std::string& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) {
      files[entry.path().string()] = base::ReadFile(entry.path().string()).value();
    }
  }
  return files;
}

}  // namespace urna::client
