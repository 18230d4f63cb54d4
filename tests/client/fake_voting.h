#pragma once

#include <grpcpp/server_builder.h>

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"
#include "client/connection.h"
#include "ledger/record.h"
#include "poll/payload.h"
#include "tests/support/election.h"

namespace urna::client {

using base::Cat;
using testing::TestElection;

inline std::string Bytes(std::string_view view) { return std::string(view); }

inline crypto::Point PointOf(const std::string& bytes) {
  return crypto::Point::Decode(bytes).value();
}
inline crypto::Scalar ScalarOf(const std::string& bytes) {
  return crypto::Scalar::Decode(bytes).value();
}

inline grpc::Status Refuse(grpc::ServerContext* context, const std::string& id) {
  context->AddTrailingMetadata("urna-reject", id);
  return {grpc::StatusCode::INVALID_ARGUMENT, "refused"};
}

/// An issuer that behaves, unless a test tells it otherwise.
class FakeIssuing final : public v1::Issuing::Service {
 public:
  explicit FakeIssuing(TestElection& election) : election_(election) {}

  grpc::Status Begin(grpc::ServerContext* context, const v1::BeginRequest* request,
                     v1::BeginResponse* response) override {
    const auto& info = Info(request->credential(), request->issuer());
    if (!Signed(request->credential(), request->signature(),
                crypto::CredentialStatement::Begin(info.opening, info.style, info.X))) {
      return Refuse(context, "credential.signature-invalid");
    }
    if (not_found) return {grpc::StatusCode::NOT_FOUND, "not run by this server"};
    const std::string id = Cat("session-", begun++);
    const auto [session, fresh] = sessions_.emplace(id, crypto::IssuerSession(info));
    response->set_session(id);
    response->set_offer(Offer(session->second.offer()));
    return grpc::Status::OK;
  }

  grpc::Status Answer(grpc::ServerContext* context, const v1::AnswerRequest* request,
                      v1::AnswerResponse* response) override {
    if (forget_sessions > 0) {
      --forget_sessions;
      sessions_.clear();
    }
    const auto found = sessions_.find(request->session());
    if (found == sessions_.end()) return Refuse(context, "token.session-unknown");
    const auto& info = Info(request->credential(), request->issuer());
    const crypto::TokenOffer offer = found->second.offer();
    const crypto::Scalar c = ScalarOf(request->challenge());
    if (!Signed(request->credential(), request->signature(),
                crypto::CredentialStatement::Request(info.opening, info.style, info.X, offer.A,
                                                     offer.C, c))) {
      return Refuse(context, "credential.signature-invalid");
    }
    auto answer =
        std::move(found->second).Respond(election_.issuer_key(request->issuer()), c).value();
    sessions_.erase(found);
    ++answered;
    if (wrong_answer) answer.s = answer.s + crypto::Scalar::FromU64(1);
    const std::string bytes = Cat(answer.s.view(), answer.y.view(), answer.t.view());
    election_.AddAnswer(request->issuer(),
                        {.credential = PointOf(request->credential()),
                         .style = *election_.state().StyleOf(PointOf(request->credential())),
                         .offer = offer,
                         .c = c,
                         .answer = answer,
                         .signature = {PointOf(request->signature().substr(0, 32)),
                                       ScalarOf(request->signature().substr(32))}});
    stored_[{request->issuer(), request->credential()}] = {Offer(offer), request->challenge(),
                                                           bytes};
    if (before_answering) before_answering();
    if (lose_answers > 0) {
      --lose_answers;
      return {grpc::StatusCode::UNAVAILABLE, "the line broke"};
    }
    response->set_answer(bytes);
    return grpc::Status::OK;
  }

  grpc::Status Fetch(grpc::ServerContext* context, const v1::FetchRequest* request,
                     v1::FetchResponse* response) override {
    const auto& info = Info(request->credential(), request->issuer());
    if (!Signed(request->credential(), request->signature(),
                crypto::CredentialStatement::Fetch(info.opening, info.style, info.X))) {
      return Refuse(context, "credential.signature-invalid");
    }
    peers.insert(context->peer());
    const auto found = stored_.find({request->issuer(), request->credential()});
    if (found == stored_.end()) return {grpc::StatusCode::NOT_FOUND, "none"};
    response->set_offer(found->second.offer);
    response->set_challenge(found->second.challenge);
    response->set_answer(found->second.answer);
    return grpc::Status::OK;
  }

  std::set<std::string> peers;
  int begun = 0;
  int answered = 0;
  int lose_answers = 0;
  int forget_sessions = 0;
  bool wrong_answer = false;
  bool not_found = false;
  /// Called once the answer is stored, before it is sent.
  std::function<void()> before_answering;

 private:
  struct Stored {
    std::string offer, challenge, answer;
  };

  static std::string Offer(const crypto::TokenOffer& offer) {
    return Cat(offer.A.view(), offer.C.view());
  }
  const crypto::TokenInfo& Info(const std::string& credential, uint32_t issuer) {
    return election_.context()
        .styles[*election_.state().StyleOf(PointOf(credential))]
        .issuers[issuer];
  }
  static bool Signed(const std::string& credential, const std::string& signature,
                     const crypto::CredentialStatement& statement) {
    return crypto::VerifyCredential(
               PointOf(credential), statement,
               {PointOf(signature.substr(0, 32)), ScalarOf(signature.substr(32))})
        .ok();
  }

  TestElection& election_;
  std::map<std::string, crypto::IssuerSession> sessions_;
  std::map<std::pair<uint32_t, std::string>, Stored> stored_;
};

/// A ballot box that writes into the test election's ledger.
class FakeCasting final : public v1::Casting::Service {
 public:
  explicit FakeCasting(TestElection& election) : election_(election) {}

  grpc::Status Cast(grpc::ServerContext* context, const v1::CastRequest* request,
                    v1::CastResponse* response) override {
    received.push_back(request->ballot());
    peers.insert(context->peer());
    for (const auto& [name, value] : context->client_metadata()) {
      metadata[std::string(name.data(), name.size())] = std::string(value.data(), value.size());
    }
    if (!reject.empty()) return Refuse(context, reject);
    uint64_t index = 0;
    const auto known = index_.find(request->ballot());
    if (known != index_.end()) {
      index = known->second;
    } else {
      index = election_.records().size();
      const size_t faults = election_.faults().size();
      election_.AppendRaw(poll::RecordKind::kBallotCast, request->ballot(), election_.now);
      if (election_.faults().size() != faults) {
        return Refuse(context, base::RejectId(election_.faults().back().second));
      }
      index_[request->ballot()] = index;
    }
    if (before_answering) before_answering();
    if (lose_receipts > 0) {
      --lose_receipts;
      return {grpc::StatusCode::UNAVAILABLE, "the line broke"};
    }
    Fill(index, response);
    if (tamper) tamper(*response);
    return grpc::Status::OK;
  }

  /// The honest answer for the ballot in record `index`.
  void Fill(uint64_t index, v1::CastResponse* response) {
    const auto record = ledger::DecodeRecord(election_.records()[index]).value();
    response->set_time(record.time);
    response->set_previous(Bytes(base::View(record.previous)));
    response->set_receipt(election_.MakeReceipt(index, election_.records().size()));
  }

  std::vector<std::string> received;
  std::set<std::string> peers;
  std::map<std::string, std::string> metadata;  ///< that clients sent along
  std::string reject;
  int lose_receipts = 0;
  std::function<void(v1::CastResponse&)> tamper;
  /// Called once the ballot is recorded, before the receipt is sent.
  std::function<void()> before_answering;

 private:
  TestElection& election_;
  std::map<std::string, uint64_t> index_;
};

class FakeReading final : public v1::Reading::Service {
 public:
  grpc::Status LastRevision(grpc::ServerContext*, const v1::LastRevisionRequest*,
                            v1::LastRevisionResponse* response) override {
    response->set_revision(published);
    ++asked;
    return grpc::Status::OK;
  }
  int asked = 0;
  uint32_t published = 0;
};

}  // namespace urna::client
