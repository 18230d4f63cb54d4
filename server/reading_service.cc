#include <algorithm>
#include <utility>

#include "base/status.h"
#include "base/text.h"
#include "server/services.h"

namespace urna::server {
namespace {

using base::Cat;

constexpr uint64_t kMaxRecords = 256;
constexpr size_t kMaxChunkBytes = size_t{1} << 20;

absl::StatusOr<std::shared_ptr<LivePoll>> PollField(const PollBook& book, std::string_view bytes) {
  URNA_ASSIGN_OR_RETURN(const Hash32 id, FixedField<32>("poll", bytes));
  auto poll = book.Find(id);
  if (poll == nullptr) return UnknownPoll(id);
  return poll;
}

}  // namespace

grpc::ServerUnaryReactor* ReadingService::Info(grpc::CallbackServerContext* context,
                                               const v1::InfoRequest*, v1::InfoResponse* response) {
  return Unary(info_, context, [this, response] {
    response->set_version(identity_.version);
    response->set_checkpoint_key(std::string(base::View(identity_.checkpoint_key)));
    for (const auto& key : identity_.issuer_keys) {
      response->add_issuer_keys(std::string(base::View(key)));
    }
    response->set_time(clock_.Now());
    for (const IssuerAddress& issuer : identity_.issuer_addresses) {
      v1::IssuerAddress* address = response->add_issuer_addresses();
      address->set_key(std::string(base::View(issuer.key)));
      address->set_address(issuer.address);
    }
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* ReadingService::ListPolls(grpc::CallbackServerContext* context,
                                                    const v1::ListPollsRequest*,
                                                    v1::ListPollsResponse* response) {
  return Unary(list_polls_, context, [this, response] {
    for (const auto& poll : book_.All()) {
      const auto view = poll->view();
      v1::PollSummary* summary = response->add_polls();
      summary->set_poll(std::string(base::View(poll->id)));
      summary->set_phase(poll::PhaseName(view->phase));
      for (const auto& [language, text] : view->definition->title) {
        (*summary->mutable_title())[language] = text;
      }
      summary->set_end(view->end);
      summary->set_rehearsal(view->definition->rehearsal);
    }
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* ReadingService::Status(grpc::CallbackServerContext* context,
                                                 const v1::StatusRequest* request,
                                                 v1::StatusResponse* response) {
  return Unary(status_, context, [this, request, response]() -> absl::Status {
    URNA_ASSIGN_OR_RETURN(const auto poll, PollField(book_, request->poll()));
    const auto view = poll->view();
    response->set_phase(poll::PhaseName(view->phase));
    response->set_reason(view->reason);
    response->set_size(view->published_size);
    response->set_end(view->end);
    response->set_time(clock_.Now());
    for (const std::string& what : view->waiting_for) response->add_waiting_for(what);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* ReadingService::Checkpoint(grpc::CallbackServerContext* context,
                                                     const v1::CheckpointRequest* request,
                                                     v1::CheckpointResponse* response) {
  return Unary(checkpoint_, context, [this, request, response]() -> absl::Status {
    URNA_ASSIGN_OR_RETURN(const auto poll, PollField(book_, request->poll()));
    response->set_note(poll->view()->published_note);
    return absl::OkStatus();
  });
}

grpc::ServerWriteReactor<v1::EntriesResponse>* ReadingService::Entries(
    grpc::CallbackServerContext* context, const v1::EntriesRequest* request) {
  const auto next = [this, id = request->poll(), first = request->first(), last = request->last()](
                        v1::EntriesResponse* response) mutable -> absl::StatusOr<bool> {
    URNA_ASSIGN_OR_RETURN(const auto poll, PollField(book_, id));
    URNA_RETURN_IF_ERROR(poll->view()->damage);
    const uint64_t published = poll->view()->published_size;
    if (first > last || last > published) {
      return base::Failure(
          absl::StatusCode::kOutOfRange,
          Cat("records ", first, " to ", last, " were asked for; ", published, " are published"));
    }
    if (first == last) return false;
    size_t bytes = 0;
    const uint64_t until = std::min(last, first + kMaxRecords);
    const absl::Status scanned =
        store_.Scan(poll->id, first, until, [&](uint64_t, std::string_view record) -> absl::Status {
          if (bytes > 0 && bytes + record.size() > kMaxChunkBytes) return absl::CancelledError();
          bytes += record.size();
          response->add_records(std::string(record));
          return absl::OkStatus();
        });
    if (!scanned.ok() && !absl::IsCancelled(scanned)) return scanned;
    first += static_cast<uint64_t>(response->records_size());
    return true;
  };
  return StreamOut<v1::EntriesResponse>::Start(entries_, streams_, context, next);
}

grpc::ServerUnaryReactor* ReadingService::LastRevision(grpc::CallbackServerContext* context,
                                                       const v1::LastRevisionRequest* request,
                                                       v1::LastRevisionResponse* response) {
  return Unary(last_revision_, context, [this, request, response]() -> absl::Status {
    URNA_ASSIGN_OR_RETURN(const auto poll, PollField(book_, request->poll()));
    URNA_ASSIGN_OR_RETURN(const Point key, PointField("ballot_key", request->ballot_key()));
    response->set_revision(poll->PublishedRevision(key));
    return absl::OkStatus();
  });
}

void ReadingService::Drain() {
  for (TaskMethod* method :
       {&info_, &list_polls_, &status_, &checkpoint_, &entries_, &last_revision_}) {
    method->Drain();
  }
}

}  // namespace urna::server
