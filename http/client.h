#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "http/message.h"

namespace urna::http {

/// "http(s)://HOST[:PORT][/PATH]" without query, fragment, user or "." and ".." in the path; scheme
/// and host in lower case and no trailing slash after normalising. Errors: InvalidArgument.
absl::StatusOr<std::string> ParseUrl(std::string_view text);

/// One connection, kept alive between requests; for one thread at a time. Goes where it is told and
/// nowhere else: no redirects, no proxies (also none of the environment), no cookies. HTTPS is TLS
/// 1.2 or newer with the host's name and the chain verified.
class Client {
 public:
  struct Options {
    /// PEM file of the server's certificate or its authority, which is then the only one; "" = the
    /// system's.
    std::string certificate = {};
    std::chrono::milliseconds timeout{30'000};  ///< of a request with its answer
    size_t max_body = size_t{16} << 20;         ///< larger answers fail
    /// Looked at about once a second: true ends the request under way.
    std::function<bool()> cancelled = nullptr;
  };
  /// Errors: those of reading `certificate`; InvalidArgument if it holds none.
  static absl::StatusOr<std::unique_ptr<Client>> Open(Options options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Any status of the server is an OK result. Errors name the URL: Unavailable, InvalidArgument
  /// for a bad URL, ResourceExhausted if the answer is too large.
  absl::StatusOr<Response> Get(const std::string& url);
  absl::StatusOr<Response> Post(const std::string& url, std::string_view content_type,
                                std::string_view body);

 private:
  struct Impl;
  explicit Client(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace urna::http
