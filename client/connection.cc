#include "client/connection.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <string_view>

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"

namespace urna::client {
namespace {

using base::Cat;

constexpr auto kDeadline = std::chrono::seconds(120);
// Above what a server sends in one message, so that a server's own limit is the one that counts.
constexpr int kMaxMessageBytes = 16 << 20;

absl::Status Usage(std::string_view text) {
  return base::Failure(absl::StatusCode::kInvalidArgument, text);
}

/// The host of "host:port" or "[::1]:port".
absl::StatusOr<std::string> HostOf(const std::string& target) {
  const size_t colon = target.rfind(':');
  uint64_t port = 0;
  if (colon == std::string::npos || colon == 0 ||
      !base::ParseU64(std::string_view(target).substr(colon + 1), &port) || port == 0 ||
      port > 65535) {
    return Usage(Cat("the server \"", target, "\" is not HOST:PORT"));
  }
  std::string host = target.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  // What gRPC would read as a scheme, a path or a list of addresses is not a host.
  if (host.find_first_of(bracketed ? "/,[]" : ":/,[]") != std::string::npos) {
    return Usage(Cat("the server \"", target, "\" is not HOST:PORT"));
  }
  return host;
}

bool IsLoopback(std::string_view host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

bool Mentions(std::string_view text, std::string_view what) {
  return text.find(what) != std::string_view::npos;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(const ServerOptions& options) {
  URNA_ASSIGN_OR_RETURN(const std::string host, HostOf(options.target));
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  // Otherwise gRPC hands all channels to one server the same socket.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  std::shared_ptr<grpc::ChannelCredentials> credentials;
  if (options.plaintext) {
    if (!options.certificate.empty()) {
      return Usage("a certificate and plaintext exclude each other");
    }
    if (!IsLoopback(host)) {
      return Usage(Cat("plaintext to ", host,
                       " is refused: without TLS only this machine itself may be reached"));
    }
    // A proxy would carry the plaintext off this machine.
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    credentials = grpc::InsecureChannelCredentials();
  } else {
    grpc::SslCredentialsOptions tls;
    if (!options.certificate.empty()) {
      URNA_ASSIGN_OR_RETURN(tls.pem_root_certs, base::ReadFile(options.certificate, 1 << 20));
      if (!Mentions(tls.pem_root_certs, "-----BEGIN CERTIFICATE-----")) {
        return Usage(Cat(options.certificate, ": holds no PEM certificate"));
      }
    }
    credentials = grpc::SslCredentials(tls);
  }
  const auto channel =
      grpc::CreateCustomChannel(Cat("dns:///", options.target), credentials, arguments);
  std::unique_ptr<Connection> connection(new Connection(options.target));
  connection->issuing_ = v1::Issuing::NewStub(channel);
  connection->casting_ = v1::Casting::NewStub(channel);
  connection->officials_ = v1::Officials::NewStub(channel);
  connection->trustees_ = v1::Trustees::NewStub(channel);
  connection->reading_ = v1::Reading::NewStub(channel);
  return connection;
}

void SetDeadline(grpc::ClientContext& context) {
  context.set_deadline(std::chrono::system_clock::now() + kDeadline);
}

absl::Status FromGrpc(const grpc::Status& status, const grpc::ClientContext& context) {
  if (status.ok()) return absl::OkStatus();
  const std::string& message = status.error_message();
  const auto& trailer = context.GetServerTrailingMetadata();
  const auto reject = trailer.find("urna-reject");
  if (reject != trailer.end()) {
    return base::Reject(std::string_view(reject->second.data(), reject->second.size()), message);
  }
  const auto code = static_cast<absl::StatusCode>(status.error_code());
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE &&
      (Mentions(message, "failed to connect") || Mentions(message, "Failed to connect") ||
       Mentions(message, "DNS resolution failed") || Mentions(message, "backends failing"))) {
    std::string peer = context.peer();
    constexpr std::string_view kScheme = "dns:///";
    if (peer.starts_with(kScheme)) peer = peer.substr(kScheme.size());
    return base::Failure(code, Cat("cannot reach ", peer, ": ", message,
                                   "; is the server running, is the certificate right?"));
  }
  if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
    return base::Failure(code, Cat("the server did not answer in time: ", message));
  }
  if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED) {
    return base::Failure(code,
                         "this server does not do that; is it one that runs issuers only, or an "
                         "older one?");
  }
  return base::Failure(code, message.empty() ? "the server failed without a message" : message);
}

}  // namespace urna::client
