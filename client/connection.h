#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/urna.grpc.pb.h"

namespace urna::client {

namespace v1 = ::urna::v1;

/// How to reach a server.
struct ServerOptions {
  std::string target;       ///< "host:port"
  std::string certificate;  ///< PEM file of certificates of servers or authorities; "" = system's
  bool plaintext = false;   ///< no TLS; refused unless the target is a loopback address
};

/// One gRPC channel with sockets of its own. A resident's client opens one for each issuer
/// (IssuerLines) and another for casting, so that nobody can match the two by connection.
class Connection {
 public:
  /// Errors: InvalidArgument (not "host:port", plaintext to another machine), NotFound (certificate
  /// file). Does not wait for the server.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const ServerOptions& options);

  const std::string& target() const { return target_; }  ///< "host:port"
  v1::Issuing::Stub& issuing() { return *issuing_; }
  v1::Casting::Stub& casting() { return *casting_; }
  v1::Officials::Stub& officials() { return *officials_; }
  v1::Trustees::Stub& trustees() { return *trustees_; }
  v1::Reading::Stub& reading() { return *reading_; }

 private:
  explicit Connection(std::string target) : target_(std::move(target)) {}
  const std::string target_;
  std::unique_ptr<v1::Issuing::Stub> issuing_;
  std::unique_ptr<v1::Casting::Stub> casting_;
  std::unique_ptr<v1::Officials::Stub> officials_;
  std::unique_ptr<v1::Trustees::Stub> trustees_;
  std::unique_ptr<v1::Reading::Stub> reading_;
};

/// The status of a finished call, with the server's reject id restored (base::RejectId). When the
/// server was not reached at all, the message names it and what to look at.
absl::Status FromGrpc(const grpc::Status& status, const grpc::ClientContext& context);

/// No call hangs for ever: two minutes from now, room for a server that checks a whole step.
void SetDeadline(grpc::ClientContext& context);

/// One call that is not a stream: Call(connection.reading(), &v1::Reading::Stub::Status, request).
template <typename Stub, typename Request, typename Response>
absl::StatusOr<Response> Call(Stub& stub,
                              grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                           Response*),
                              const Request& request) {
  grpc::ClientContext context;
  SetDeadline(context);
  Response response;
  const absl::Status status = FromGrpc((stub.*method)(&context, request, &response), context);
  if (!status.ok()) return status;
  return response;
}

}  // namespace urna::client
