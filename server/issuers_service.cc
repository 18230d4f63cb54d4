#include "server/issuers_service.h"

#include <algorithm>
#include <optional>
#include <shared_mutex>
#include <string>
#include <variant>
#include <vector>

#include "base/status.h"
#include "base/text.h"
#include "ledger/record.h"
#include "server/rpc.h"

namespace urna::server {
namespace {

using base::Cat;
using base::Reject;
using poll::RecordKind;

/// The issuer who signs, and the signature; nothing for payloads of others.
struct Signed {
  uint8_t issuer;
  const crypto::Ed25519Signature* signature;
};
std::optional<Signed> IssuerOf(const poll::Payload& payload) {
  return std::visit(
      [](const auto& p) -> std::optional<Signed> {
        if constexpr (requires {
                        p.issuer;
                        p.signature;
                      })
          return Signed{p.issuer, &p.signature};
        return std::nullopt;
      },
      payload);
}

size_t PartCount(uint64_t entries) {
  return (entries + poll::kRegisterEntriesPerPart - 1) / poll::kRegisterEntriesPerPart;
}

}  // namespace

/// One stream. The signed record comes first: a register's parts are received only after its seal
/// was found good, each of the size that the seal implies, and checked one by one. So strangers can
/// make the server keep nothing, and an issuer no more than the register that it counted.
class IssuersService::Submission final : public grpc::ServerReadReactor<v1::IssuerSubmission> {
 public:
  Submission(IssuersService& service, grpc::CallbackServerContext* context,
             v1::IssuerSubmitted* response)
      : service_(service), context_(context), response_(response) {
    const absl::Status begun = Begin();
    if (begun.ok()) {
      StartRead(&message_);
    } else {
      End(begun);
    }
  }

  void OnReadDone(bool ok) override {
    if (context_->IsCancelled()) {
      return End(base::Failure(absl::StatusCode::kCancelled, "cancelled"));
    }
    const auto on_method = [this](auto work) {
      return [this, work] {
        const absl::StatusOr<bool> more = work();
        if (!more.ok() || !*more) return End(more.status());
        StartRead(&message_);
      };
    };
    absl::Status queued;
    if (!sealed_.has_value()) {
      queued = service_.submit_.Enqueue(on_method([this, ok] { return TakeRecord(ok); }));
    } else if (ok) {
      queued = service_.submit_.Resume(on_method([this] { return TakePart(); }));
    } else {
      queued = service_.submit_.Resume(on_method([this] { return AppendRegister(); }));
    }
    if (!queued.ok()) End(queued);
  }

  void OnDone() override { delete this; }

 private:
  absl::Status Begin() {
    URNA_RETURN_IF_ERROR(service_.submit_.Admit());
    URNA_ASSIGN_OR_RETURN(place_, service_.strangers_.Take(service_.submit_, context_));
    return absl::OkStatus();
  }

  /// False: the call is answered.
  absl::StatusOr<bool> TakeRecord(bool ok) {
    if (!ok || !message_.has_record()) {
      return Reject("request.malformed", "the first message must carry the signed record");
    }
    const v1::IssuerRecord& record = message_.record();
    URNA_RETURN_IF_ERROR(LimitField("payload", record.payload(), ledger::kMaxPayloadBytes));
    URNA_ASSIGN_OR_RETURN(id_, FixedField<32>("poll", record.poll()));
    poll_ = service_.book_.Find(id_);
    if (poll_ == nullptr) return UnknownPoll(id_);
    view_ = poll_->view();
    if (record.kind() > static_cast<uint32_t>(RecordKind::kCancelled)) {
      return Reject("record.kind-unknown", Cat("kind ", record.kind()));
    }
    URNA_ASSIGN_OR_RETURN(const poll::Payload payload,
                          poll::DecodePayload(static_cast<uint8_t>(record.kind()), record.payload(),
                                              view_->definition.get()));
    const std::optional<Signed> by = IssuerOf(payload);
    if (!by.has_value()) {
      return Reject("step.kind", Cat("'", poll::KindName(static_cast<uint8_t>(record.kind())),
                                     "' is not a signed record of issuers"));
    }
    const auto same = service_.store_.FindBody(id_, crypto::HashSha256(record.payload()));
    if (same.ok() && *same < view_->head_size) {
      response_->set_index(*same);
      return false;
    }
    URNA_RETURN_IF_ERROR(CheckSignature(payload, *by));
    issuer_ = by->issuer;
    if (!service_.TrySeat({id_, issuer_})) {
      return service_.submit_.TooMany("is taking another record of this issuer",
                                      std::chrono::seconds(5));
    }
    seat_.emplace(id_, issuer_);
    // The register of a city takes longer to check than a stranger may stay.
    place_.reset();

    URNA_ASSIGN_OR_RETURN(Checked checked, Check(view_->definition.get(), view_->context.get(),
                                                 poll::KindOf(payload), record.payload()));
    if (const auto* sealed = std::get_if<poll::RegisterSealed>(&payload)) {
      URNA_RETURN_IF_ERROR(CheckSeal(*sealed));
      sealed_ = *sealed;
      group_.reserve(PartCount(sealed->count) + 1);
      seal_.emplace(std::move(checked));
      return true;
    }
    group_.push_back(std::move(checked));
    std::function<absl::Status(const poll::State&)> condition;
    if (poll::KindOf(payload) == RecordKind::kIssuanceCounted) {
      condition = [last = record.last()](const poll::State& state) {
        return (state.phase() == poll::Phase::kEnded) == last
                   ? absl::OkStatus()
                   : Reject("record.out-of-order",
                            last ? "a last count before the poll has ended"
                                 : "a count that was not meant as the last, after the end");
      };
    }
    URNA_RETURN_IF_ERROR(Append(std::move(condition)));
    return false;
  }

  absl::Status CheckSignature(const poll::Payload& payload, const Signed& by) {
    const auto& issuers = view_->definition->issuers;
    if (by.issuer >= issuers.size()) {
      return Reject("issuer.unknown", Cat("issuer ", by.issuer, " of ", issuers.size()));
    }
    uint64_t counter = 0;
    {
      std::shared_lock guard(poll_->lock);
      counter = poll_->state.IssuerCounter(by.issuer);
    }
    const RecordKind kind = poll::KindOf(payload);
    if (!crypto::VerifyEd25519(issuers[by.issuer].key,
                               poll::ParticipantMessage("issuer", kind, id_, by.issuer, counter,
                                                        poll::PayloadBody(payload)),
                               *by.signature)) {
      return Reject("issuer.signature-invalid",
                    Cat("'", poll::KindName(static_cast<uint8_t>(kind)), "' of issuer ", by.issuer,
                        " is not signed by its key at this place"));
    }
    return absl::OkStatus();
  }

  absl::Status CheckSeal(const poll::RegisterSealed& sealed) {
    std::shared_lock guard(poll_->lock);
    const poll::State& state = poll_->state;
    if (state.phase() != poll::Phase::kClosed) {
      return Reject("record.out-of-order",
                    Cat("'register sealed' while the poll is ", poll::PhaseName(state.phase())));
    }
    if (state.RegisterSettled(issuer_)) {
      return Reject("register.twice", Cat("the register of issuer ", issuer_, " is settled"));
    }
    uint64_t counted = 0;
    for (const uint64_t tokens : state.Issued(issuer_)) counted += tokens;
    if (sealed.count != counted) {
      return Reject("register.count", Cat(sealed.count,
                                          " entries are announced, but the last "
                                          "count was ",
                                          counted));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<bool> TakePart() {
    const size_t parts = PartCount(sealed_->count);
    if (message_.has_record() || group_.size() == parts) {
      return Reject("request.malformed",
                    Cat("register: more than the ", parts, " parts that the seal announces"));
    }
    const uint64_t entries =
        std::min<uint64_t>(poll::kRegisterEntriesPerPart,
                           sealed_->count - group_.size() * poll::kRegisterEntriesPerPart);
    const std::string& bytes = message_.register_part();
    if (bytes.size() != 1 + entries * poll::kRegisterEntryBytes ||
        static_cast<uint8_t>(bytes[0]) != issuer_) {
      return Reject("request.malformed", Cat("register: part ", group_.size(), " is not ", entries,
                                             " entries of issuer ", issuer_));
    }
    auto checked =
        Check(view_->definition.get(), view_->context.get(), RecordKind::kRegisterPart, bytes);
    if (!checked.ok()) {
      return base::Annotate(checked.status(), Cat("register: part ", group_.size()));
    }
    group_.push_back(*std::move(checked));
    return true;
  }

  absl::StatusOr<bool> AppendRegister() {
    const size_t parts = PartCount(sealed_->count);
    if (group_.size() != parts) {
      return Reject("request.malformed", Cat("register: ", group_.size(), " of ", parts, " parts"));
    }
    group_.push_back(*std::move(seal_));
    URNA_RETURN_IF_ERROR(Append({}));
    return false;
  }

  absl::Status Append(std::function<absl::Status(const poll::State&)> condition) {
    const auto kind = static_cast<uint8_t>(group_.back().payload.kind());
    const uint64_t after = group_.size() - 1;
    URNA_ASSIGN_OR_RETURN(
        const Appended appended,
        service_.sequencer_.SubmitAndWait(poll_, std::move(group_), std::move(condition)));
    service_.log_.Line(Cat("poll ", base::Hex(id_), ": '", poll::KindName(kind), "' of issuer ",
                           issuer_, " is recorded"));
    response_->set_index(appended.index + after);
    return absl::OkStatus();
  }

  /// The seat is free before the issuer hears the answer: it may send again at once.
  void End(const absl::Status& status) {
    if (seat_.has_value()) service_.Leave(*seat_);
    Finish(ToGrpc(status, context_));
  }

  IssuersService& service_;
  grpc::CallbackServerContext* const context_;
  v1::IssuerSubmitted* const response_;
  v1::IssuerSubmission message_;
  std::unique_ptr<StreamLimit::Place> place_;
  Hash32 id_{};
  uint8_t issuer_ = 0;
  std::shared_ptr<LivePoll> poll_;
  std::shared_ptr<const PublicView> view_;
  std::optional<Sender> seat_;
  std::optional<poll::RegisterSealed> sealed_;
  std::optional<Checked> seal_;
  std::vector<Checked> group_;
};

grpc::ServerReadReactor<v1::IssuerSubmission>* IssuersService::Submit(
    grpc::CallbackServerContext* context, v1::IssuerSubmitted* response) {
  return new Submission(*this, context, response);
}

bool IssuersService::TrySeat(const Sender& sender) {
  std::lock_guard guard(mutex_);
  return seated_.insert(sender).second;
}

void IssuersService::Leave(const Sender& sender) {
  std::lock_guard guard(mutex_);
  seated_.erase(sender);
}

}  // namespace urna::server
