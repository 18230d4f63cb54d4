#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ledger/store/store.h"
#include "proto/urna.grpc.pb.h"
#include "server/clock.h"
#include "server/disk_watch.h"
#include "server/false_share.h"
#include "server/issuer.h"
#include "server/limits.h"
#include "server/live_poll.h"
#include "server/rpc.h"
#include "server/sequencer.h"
#include "server/settings.h"
#include "server/steps.h"

namespace urna::server {

namespace v1 = ::urna::v1;

/// The gRPC services of proto/urna.proto. They check the form of a request, put the work into their
/// method's queue, and turn verdicts into status codes; what a request means is decided elsewhere.

class IssuingService final : public v1::Issuing::CallbackService {
 public:
  IssuingService(const Limits& limits, PollBook& book,
                 const std::vector<std::unique_ptr<Issuer>>& issuers, const Clock& clock,
                 const DiskWatch& disk)
      : book_(book),
        issuers_(issuers),
        clock_(clock),
        disk_(disk),
        begin_(limits.For("Issuing.Begin"), clock),
        answer_(limits.For("Issuing.Answer"), clock),
        fetch_(limits.For("Issuing.Fetch"), clock) {}

  grpc::ServerUnaryReactor* Begin(grpc::CallbackServerContext* context,
                                  const v1::BeginRequest* request,
                                  v1::BeginResponse* response) override;
  grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context,
                                   const v1::AnswerRequest* request,
                                   v1::AnswerResponse* response) override;
  grpc::ServerUnaryReactor* Fetch(grpc::CallbackServerContext* context,
                                  const v1::FetchRequest* request,
                                  v1::FetchResponse* response) override;
  void Drain();

 private:
  struct Asked {
    Issuer* issuer;
    Issuer::Request request;
  };
  template <typename Request>
  absl::StatusOr<Asked> Ask(const Request& request) const;
  absl::StatusOr<Issuer::Standing> Look(const LivePoll& poll, const Point& credential) const;

  PollBook& book_;
  const std::vector<std::unique_ptr<Issuer>>& issuers_;
  const Clock& clock_;
  const DiskWatch& disk_;
  TaskMethod begin_, answer_, fetch_;
};

/// Neither asks nor notes who is calling: no peer, no metadata.
class CastingService final : public v1::Casting::CallbackService {
 public:
  CastingService(const Limits& limits, const ledger::Store& store, PollBook& book,
                 Sequencer& sequencer, const Clock& clock, const DiskWatch& disk);

  grpc::ServerUnaryReactor* Cast(grpc::CallbackServerContext* context,
                                 const v1::CastRequest* request,
                                 v1::CastResponse* response) override;
  void Drain() { cast_.Drain(); }

 private:
  struct Ballot {
    std::shared_ptr<LivePoll> poll;
    const v1::CastRequest* request = nullptr;  ///< lives until the call is finished
    uint64_t arrived = 0;
    bool in_flight = false;
    grpc::CallbackServerContext* context = nullptr;
    grpc::ServerUnaryReactor* reactor = nullptr;
    v1::CastResponse* response = nullptr;
  };

  void Work(std::vector<Ballot> ballots);
  /// Ballots of one poll.
  void Check(const LivePoll& poll, std::span<Ballot> ballots);
  /// True if the ballot was answered with the receipt of its earlier record.
  bool AnswerRepeated(Ballot& ballot) const;
  void Submit(Ballot ballot, poll::CheckedPayload checked);
  static void Finish(Ballot& ballot, const absl::StatusOr<CastReceipt>& receipt);

  const ledger::Store& store_;
  PollBook& book_;
  Sequencer& sequencer_;
  const Clock& clock_;
  const DiskWatch& disk_;
  FalseShare false_share_;
  Method<Ballot> cast_;
};

class OfficialsService final : public v1::Officials::CallbackService {
 public:
  OfficialsService(const Limits& limits, Steps& steps, const Clock& clock)
      : steps_(steps),
        approvals_(64, limits.stream_time()),
        attachments_(32, limits.stream_time()),
        approve_(limits.For("Officials.Approve"), clock),
        withdraw_(limits.For("Officials.Withdraw"), clock),
        pending_(limits.For("Officials.Pending"), clock),
        attachment_(limits.For("Officials.Attachment"), clock) {}

  grpc::ServerReadReactor<v1::ApproveRequest>* Approve(grpc::CallbackServerContext* context,
                                                       v1::ApproveResponse* response) override;
  grpc::ServerUnaryReactor* Withdraw(grpc::CallbackServerContext* context,
                                     const v1::WithdrawRequest* request,
                                     v1::WithdrawResponse* response) override;
  grpc::ServerUnaryReactor* Pending(grpc::CallbackServerContext* context,
                                    const v1::PendingRequest* request,
                                    v1::PendingResponse* response) override;
  grpc::ServerWriteReactor<v1::AttachmentChunk>* Attachment(
      grpc::CallbackServerContext* context, const v1::AttachmentRequest* request) override;
  void Drain();

 private:
  class ApproveCall;

  Steps& steps_;
  StreamLimit approvals_, attachments_;
  std::atomic<size_t> received_{0};  ///< bytes of attachments of calls that go on
  TaskMethod approve_, withdraw_, pending_, attachment_;
};

class TrusteesService final : public v1::Trustees::CallbackService {
 public:
  TrusteesService(const Limits& limits, const ledger::Store& store, PollBook& book,
                  Sequencer& sequencer, const Clock& clock, Log& log)
      : store_(store),
        book_(book),
        sequencer_(sequencer),
        log_(log),
        submit_(limits.For("Trustees.Submit"), clock) {}

  grpc::ServerUnaryReactor* Submit(grpc::CallbackServerContext* context,
                                   const v1::SubmitRequest* request,
                                   v1::SubmitResponse* response) override;
  void Drain() { submit_.Drain(); }

 private:
  absl::Status Take(const v1::SubmitRequest& request, v1::SubmitResponse* response);

  const ledger::Store& store_;
  PollBook& book_;
  Sequencer& sequencer_;
  Log& log_;
  TaskMethod submit_;
};

class ReadingService final : public v1::Reading::CallbackService {
 public:
  struct Identity {
    std::string version;
    crypto::Ed25519Public checkpoint_key{};
    std::vector<crypto::Ed25519Public> issuer_keys;
    std::vector<IssuerAddress> issuer_addresses;
  };
  ReadingService(const Limits& limits, Identity identity, const ledger::Store& store,
                 PollBook& book, const Clock& clock)
      : identity_(std::move(identity)),
        store_(store),
        book_(book),
        clock_(clock),
        streams_(256, limits.stream_time()),
        info_(limits.For("Reading.Info"), clock),
        list_polls_(limits.For("Reading.ListPolls"), clock),
        status_(limits.For("Reading.Status"), clock),
        checkpoint_(limits.For("Reading.Checkpoint"), clock),
        entries_(limits.For("Reading.Entries"), clock),
        last_revision_(limits.For("Reading.LastRevision"), clock) {}

  grpc::ServerUnaryReactor* Info(grpc::CallbackServerContext* context,
                                 const v1::InfoRequest* request,
                                 v1::InfoResponse* response) override;
  grpc::ServerUnaryReactor* ListPolls(grpc::CallbackServerContext* context,
                                      const v1::ListPollsRequest* request,
                                      v1::ListPollsResponse* response) override;
  grpc::ServerUnaryReactor* Status(grpc::CallbackServerContext* context,
                                   const v1::StatusRequest* request,
                                   v1::StatusResponse* response) override;
  grpc::ServerUnaryReactor* Checkpoint(grpc::CallbackServerContext* context,
                                       const v1::CheckpointRequest* request,
                                       v1::CheckpointResponse* response) override;
  grpc::ServerWriteReactor<v1::EntriesResponse>* Entries(
      grpc::CallbackServerContext* context, const v1::EntriesRequest* request) override;
  grpc::ServerUnaryReactor* LastRevision(grpc::CallbackServerContext* context,
                                         const v1::LastRevisionRequest* request,
                                         v1::LastRevisionResponse* response) override;
  void Drain();

 private:
  const Identity identity_;
  const ledger::Store& store_;
  PollBook& book_;
  const Clock& clock_;
  StreamLimit streams_;
  TaskMethod info_, list_polls_, status_, checkpoint_, entries_, last_revision_;
};

}  // namespace urna::server
