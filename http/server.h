#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "http/message.h"

namespace urna::http {

/// Called on threads of the server, several at once.
using Handler = std::function<Response(const Request&)>;

/// Serves HTTP/1.1, with or without TLS, to anybody: GET, HEAD and POST only (others get 405; a
/// handler may answer it too). Never logs, keeps or hands on who called.
class Server {
 public:
  struct Options {
    std::string listen = {};       ///< HOST:PORT; port 0 takes a free one
    std::string certificate = {};  ///< PEM; certificate and key "" = plain HTTP
    std::string key = {};          ///< PEM
    unsigned threads = 1;
    unsigned max_connections = 512;
    /// After so long without a byte a connection is ended. One request with its answer may take
    /// three times as long, however many bytes trickle in.
    unsigned timeout_seconds = 20;
    size_t max_body = 64 * 1024;  ///< larger requests get 413
    /// Bytes of answers that callers may leave unread, of all of them together; then 503.
    size_t max_unsent = size_t{256} << 20;
  };
  /// Errors: InvalidArgument for a `listen`, certificate or key that is none; Unavailable if the
  /// address cannot be taken.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const Options& options, Handler handler);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// "127.0.0.1:7480": the host as given, with the port in use.
  const std::string& address() const;

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace urna::http
