#include "http/server.h"

#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/text.h"

namespace urna::http {
namespace {

using base::Cat;
using base::Failure;
using Clock = std::chrono::steady_clock;

// Enough for a request's line and headers; what does not fit gets 431 or 414 of the library.
constexpr size_t kConnectionMemory = 16 * 1024;
constexpr unsigned kTimeoutsPerRequest = 3;
constexpr int kBacklog = 128;

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// False for a broken escape and for %00, which would hide what follows it from whoever reads the
/// path as a C string.
bool Decode(std::string_view raw, std::string* path) {
  path->clear();
  for (size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != '%') {
      path->push_back(raw[i]);
      continue;
    }
    if (i + 2 >= raw.size()) return false;
    const int high = HexDigit(raw[i + 1]), low = HexDigit(raw[i + 2]);
    if (high < 0 || low < 0 || (high == 0 && low == 0)) return false;
    path->push_back(static_cast<char>(high << 4 | low));
    i += 2;
  }
  return path->starts_with('/');
}

struct AddressesDeleter {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

/// A socket that listens, and "HOST:PORT" with the port in use.
absl::StatusOr<std::pair<int, std::string>> Listen(const std::string& listen_at) {
  const size_t colon = listen_at.rfind(':');
  uint64_t port = 0;
  if (colon == std::string::npos || colon == 0 ||
      !base::ParseU64(std::string_view(listen_at).substr(colon + 1), &port) || port > 65535) {
    return Failure(absl::StatusCode::kInvalidArgument,
                   Cat("\"", listen_at, "\" is not HOST:PORT to listen at"));
  }
  const std::string shown = listen_at.substr(0, colon);
  const bool bracketed = shown.starts_with('[') && shown.ends_with(']');
  const std::string host = bracketed ? shown.substr(1, shown.size() - 2) : shown;

  addrinfo hints{};
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  const std::unique_ptr<addrinfo, AddressesDeleter> addresses(found);
  if (error != 0) {
    return Failure(absl::StatusCode::kInvalidArgument,
                   Cat("cannot listen at ", listen_at, ": ", gai_strerror(error)));
  }
  int last_error = 0;
  for (const addrinfo* address = found; address != nullptr; address = address->ai_next) {
    const int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
      last_error = errno;
      continue;
    }
    const int yes = 1, no = 0;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    // [::] takes IPv4 too, as gRPC does it.
    if (address->ai_family == AF_INET6) {
      setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
    }
    sockaddr_storage bound{};
    socklen_t size = sizeof bound;
    if (bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, kBacklog) == 0 &&
        getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size) == 0) {
      const in_port_t taken = bound.ss_family == AF_INET6
                                  ? reinterpret_cast<const sockaddr_in6&>(bound).sin6_port
                                  : reinterpret_cast<const sockaddr_in&>(bound).sin_port;
      return std::pair(fd, Cat(shown, ":", ntohs(taken)));
    }
    last_error = errno;
    close(fd);
  }
  return Failure(absl::StatusCode::kUnavailable,
                 Cat("cannot listen at ", listen_at, ": ", strerror(last_error)));
}

/// The library limits the silence between two bytes, not how long a request may take: peers that
/// send or take a byte now and then would keep their places. This ends them.
class Deadlines {
 public:
  explicit Deadlines(std::chrono::seconds limit) : limit_(limit), thread_([this] { Run(); }) {}
  ~Deadlines() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      stopped_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  /// A connection began, or a request on it was answered: what comes next gets the whole time.
  void Restart(int fd) {
    const std::lock_guard<std::mutex> lock(mutex_);
    began_[fd] = Clock::now();
  }
  /// Before the socket is closed and its number can mean another.
  void Forget(int fd) {
    const std::lock_guard<std::mutex> lock(mutex_);
    began_.erase(fd);
  }

 private:
  void Run() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (!stopped_) {
      changed_.wait_for(lock, limit_ / 8);
      const Clock::time_point now = Clock::now();
      for (const auto& [fd, began] : began_) {
        if (now - began > limit_) shutdown(fd, SHUT_RDWR);
      }
    }
  }

  const std::chrono::milliseconds limit_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopped_ = false;
  std::unordered_map<int, Clock::time_point> began_;
  std::thread thread_;
};

int Socket(MHD_Connection* connection) {
  return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
}

/// A request while its body arrives.
struct Call {
  Request request;
  bool too_large = false;
};

size_t KeepAsItIs(void*, MHD_Connection*, char* text) { return strlen(text); }

Response Error(int status, std::string_view words) {
  Response response;
  response.status = status;
  response.body = Cat(words, "\n");
  return response;
}

}  // namespace

struct Server::Impl {
  Impl(const Options& options, Handler h)
      : max_body(options.max_body),
        handler(std::move(h)),
        max_unsent(options.max_unsent),
        deadlines(std::chrono::seconds(options.timeout_seconds * kTimeoutsPerRequest)) {}

  static MHD_Result Handle(void* self, MHD_Connection* connection, const char* url,
                           const char* method, const char*, const char* data, size_t* size,
                           void** state) {
    auto& impl = *static_cast<Impl*>(self);
    if (*state == nullptr) {  // the headers are there, the body is not
      auto call = std::make_unique<Call>();
      call->request.method = method;
      const std::string& known = call->request.method;
      if (known != "GET" && known != "HEAD" && known != "POST") {
        return impl.Send(connection, Error(MHD_HTTP_METHOD_NOT_ALLOWED, "GET, HEAD and POST only"));
      }
      if (!Decode(url, &call->request.path)) {
        return impl.Send(connection, Error(MHD_HTTP_BAD_REQUEST, "not a path"));
      }
      *state = call.release();
      return MHD_YES;
    }
    Call& call = *static_cast<Call*>(*state);
    if (*size > 0) {
      // Read on to the end, so that the peer is there for the answer.
      if (call.too_large || call.request.body.size() + *size > impl.max_body) {
        call.too_large = true;
        call.request.body.clear();
      } else {
        call.request.body.append(data, *size);
      }
      *size = 0;
      return MHD_YES;
    }
    if (call.too_large) {
      return impl.Send(connection, Error(MHD_HTTP_CONTENT_TOO_LARGE,
                                         Cat("at most ", impl.max_body, " bytes are accepted")));
    }
    Response response = impl.handler(call.request);
    // What other methods it takes is not known here.
    const std::string_view allowed = call.request.method == "POST" ? "GET, HEAD" : "POST";
    if (impl.unsent + response.body.size() > impl.max_unsent) {
      response = Error(MHD_HTTP_SERVICE_UNAVAILABLE, "too much is on its way; try again later");
    }
    return impl.Send(connection, std::move(response), allowed);
  }

  /// A body until it is sent, or its connection gone.
  struct Unsent {
    std::string body;
    std::atomic<size_t>& total;
  };

  /// `allowed`: methods, for status 405.
  MHD_Result Send(MHD_Connection* connection, Response response,
                  std::string_view allowed = "GET, HEAD, POST") {
    auto* const kept = new Unsent{std::move(response.body), unsent};
    const size_t size = kept->body.size();
    unsent += size;
    const auto free = [](void* owned) {
      auto* const sent = static_cast<Unsent*>(owned);
      sent->total -= sent->body.size();
      delete sent;
    };
    MHD_Response* const out =
        MHD_create_response_from_buffer_with_free_callback_cls(size, kept->body.data(), free, kept);
    if (out == nullptr) {
      free(kept);
      return MHD_NO;
    }
    MHD_add_response_header(out, MHD_HTTP_HEADER_CONTENT_TYPE, response.content_type.c_str());
    MHD_add_response_header(out, MHD_HTTP_HEADER_CACHE_CONTROL, response.cache_control.c_str());
    if (response.status == MHD_HTTP_METHOD_NOT_ALLOWED) {
      MHD_add_response_header(out, MHD_HTTP_HEADER_ALLOW, std::string(allowed).c_str());
    }
    if (response.status == MHD_HTTP_TOO_MANY_REQUESTS ||
        response.status == MHD_HTTP_SERVICE_UNAVAILABLE) {
      MHD_add_response_header(out, MHD_HTTP_HEADER_RETRY_AFTER, "1");
    }
    const MHD_Result result =
        MHD_queue_response(connection, static_cast<unsigned>(response.status), out);
    MHD_destroy_response(out);
    return result;
  }

  static void Completed(void* self, MHD_Connection* connection, void** state,
                        MHD_RequestTerminationCode) {
    delete static_cast<Call*>(*state);
    *state = nullptr;
    static_cast<Impl*>(self)->deadlines.Restart(Socket(connection));
  }

  static void Notify(void* self, MHD_Connection* connection, void**,
                     MHD_ConnectionNotificationCode what) {
    Deadlines& deadlines = static_cast<Impl*>(self)->deadlines;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
      deadlines.Restart(Socket(connection));
    } else {
      deadlines.Forget(Socket(connection));
    }
  }

  const size_t max_body;
  const Handler handler;
  const size_t max_unsent;
  std::atomic<size_t> unsent{0};
  Deadlines deadlines;
  std::string address;
  MHD_Daemon* daemon = nullptr;
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() {
  if (impl_->daemon != nullptr) MHD_stop_daemon(impl_->daemon);
}

const std::string& Server::address() const { return impl_->address; }

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const Options& options, Handler handler) {
  const bool tls = !options.certificate.empty() || !options.key.empty();
  URNA_ASSIGN_OR_RETURN(auto listening, Listen(options.listen));
  auto impl = std::make_unique<Impl>(options, std::move(handler));
  impl->address = std::move(listening.second);

  std::vector<MHD_OptionItem> items = {
      {MHD_OPTION_LISTEN_SOCKET, listening.first, nullptr},
      {MHD_OPTION_CONNECTION_LIMIT, options.max_connections, nullptr},
      {MHD_OPTION_CONNECTION_TIMEOUT, options.timeout_seconds, nullptr},
      {MHD_OPTION_CONNECTION_MEMORY_LIMIT, kConnectionMemory, nullptr},
      {MHD_OPTION_STRICT_FOR_CLIENT, 1, nullptr},
      {MHD_OPTION_UNESCAPE_CALLBACK, reinterpret_cast<intptr_t>(&KeepAsItIs), nullptr},
      {MHD_OPTION_NOTIFY_COMPLETED, reinterpret_cast<intptr_t>(&Impl::Completed), impl.get()},
      {MHD_OPTION_NOTIFY_CONNECTION, reinterpret_cast<intptr_t>(&Impl::Notify), impl.get()},
  };
  if (options.threads > 1) {
    items.push_back({MHD_OPTION_THREAD_POOL_SIZE, options.threads, nullptr});
  }
  unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD;
  if (tls) {
    flags |= MHD_USE_TLS;
    const auto text = [](const char* value) { return const_cast<char*>(value); };
    items.push_back({MHD_OPTION_HTTPS_MEM_CERT, 0, text(options.certificate.c_str())});
    items.push_back({MHD_OPTION_HTTPS_MEM_KEY, 0, text(options.key.c_str())});
    items.push_back({MHD_OPTION_HTTPS_PRIORITIES, 0,
                     text("NORMAL:-VERS-TLS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:%SERVER_PRECEDENCE")});
  }
  items.push_back({MHD_OPTION_END, 0, nullptr});
  impl->daemon = MHD_start_daemon(flags, 0, nullptr, nullptr, &Impl::Handle, impl.get(),
                                  MHD_OPTION_ARRAY, items.data(), MHD_OPTION_END);
  if (impl->daemon == nullptr) {  // and has closed the socket
    return tls ? Failure(absl::StatusCode::kInvalidArgument,
                         Cat("cannot serve HTTPS at ", impl->address,
                             ": its certificate and key are no pair in PEM"))
               : Failure(absl::StatusCode::kUnavailable,
                         Cat("cannot serve HTTP at ", impl->address));
  }
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

}  // namespace urna::http
