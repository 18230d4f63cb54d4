#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "http/client.h"
#include "http/server.h"
#include "server/keys.h"

namespace urna::http {
namespace {

using base::Cat;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// Answers with what it was asked.
Response Echo(const Request& request) {
  Response response;
  response.body = Cat(request.method, " ", request.path, " ", request.body);
  response.content_type = "application/x-echo";
  response.cache_control = "public, max-age=7";
  return response;
}

std::unique_ptr<Server> Started(const Server::Options& options, Handler handler = Echo) {
  auto server = Server::Start(options, std::move(handler));
  EXPECT_TRUE(server.ok()) << server.status();
  return std::move(server).value();
}

Server::Options Plain() {
  Server::Options options;
  options.listen = "127.0.0.1:0";
  return options;
}

std::unique_ptr<Client> Opened(Client::Options options = {}) {
  auto client = Client::Open(std::move(options));
  EXPECT_TRUE(client.ok()) << client.status();
  return std::move(client).value();
}

std::string PortOf(const std::string& address) { return address.substr(address.rfind(':')); }

/// A socket of this machine, for what no well-behaved end would do.
class Line {
 public:
  /// Connected to `address`.
  explicit Line(const std::string& address) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(std::stoi(PortOf(address).substr(1))));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
  }
  explicit Line(int fd) : fd_(fd) {}
  ~Line() { close(fd_); }
  Line(const Line&) = delete;

  bool Send(std::string_view bytes) {
    return send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size());
  }
  /// All that comes until the other end closes.
  std::string ReadAll() {
    std::string all;
    char bytes[4096];
    for (ssize_t got; (got = recv(fd_, bytes, sizeof bytes, 0)) > 0;) {
      all.append(bytes, static_cast<size_t>(got));
    }
    return all;
  }
  /// Whether the other end has closed.
  bool Closed() {
    char byte;
    const ssize_t got = recv(fd_, &byte, 1, MSG_DONTWAIT | MSG_PEEK);
    return got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
  }
  int fd() const { return fd_; }

 private:
  const int fd_;
};

std::string Ask(const std::string& address, std::string_view bytes) {
  Line line(address);
  EXPECT_TRUE(line.Send(bytes));
  return line.ReadAll();
}

/// A server that says exactly `answer` to whoever connects, then closes, or waits if it is "".
class FixedServer {
 public:
  explicit FixedServer(std::string answer) : answer_(std::move(answer)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
    EXPECT_EQ(listen(fd_, 8), 0);
    getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &size);
    url_ = Cat("http://127.0.0.1:", ntohs(at.sin_port));
    thread_ = std::thread([this] {
      for (int peer; (peer = accept(fd_, nullptr, nullptr)) >= 0;) {
        ++connections_;
        Line line(peer);
        if (answer_.empty()) {
          line.ReadAll();
          continue;
        }
        char request[4096];
        if (recv(peer, request, sizeof request, 0) > 0) line.Send(answer_);
      }
    });
  }
  ~FixedServer() {
    shutdown(fd_, SHUT_RDWR);
    thread_.join();
    close(fd_);
  }
  const std::string& url() const { return url_; }
  int connections() const { return connections_; }

 private:
  const std::string answer_;
  const int fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::string url_;
  std::atomic<int> connections_{0};
  std::thread thread_;
};

TEST(Http, CarriesRequestsAndAnswers) {
  const auto server = Started(Plain());
  const auto client = Opened();
  const std::string url = "http://" + server->address();
  const auto got = client->Get(url + "/a/b%20c/x+y");
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->status, 200);
  EXPECT_EQ(got->body, "GET /a/b c/x+y ");
  EXPECT_EQ(got->content_type, "application/x-echo");
  EXPECT_EQ(got->cache_control, "public, max-age=7");
  // The same connection carries the next request, and nothing of the last one.
  const std::string body("1\0\n2", 4);
  const auto posted = client->Post(url + "/p", "text/x.test", body);
  ASSERT_TRUE(posted.ok()) << posted.status();
  EXPECT_EQ(posted->body, "POST /p " + body);
  EXPECT_EQ(client->Post(url + "/p", "text/plain", "")->body, "POST /p ");
  EXPECT_EQ(client->Get(url)->body, "GET / ");
}

TEST(Http, TheHandlersStatusIsTheAnswers) {
  const auto server = Started(Plain(), [](const Request&) {
    return Response{.status = 409, .body = "7\n", .content_type = "text/x.tlog.size"};
  });
  const auto got =
      Opened()->Post("http://" + server->address() + "/add-checkpoint", "text/plain", "x");
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->status, 409);
  EXPECT_EQ(got->body, "7\n");
  EXPECT_EQ(got->content_type, "text/x.tlog.size");
  EXPECT_EQ(got->cache_control, "no-store");
}

TEST(HttpServer, AnswersManyAtOnceOnSeveralThreads) {
  auto options = Plain();
  options.threads = 2;
  const auto server = Started(options);
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      const auto client = Opened();
      for (int i = 0; i < 20; ++i) {
        const std::string path = Cat("/", t, "/", i);
        const auto got = client->Get(Cat("http://", server->address(), path));
        if (got.ok() && got->body == Cat("GET ", path, " ")) ++right;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 160);
}

TEST(HttpServer, LeavesOutTheQueryAndTheBodyOfHead) {
  const auto server = Started(Plain());
  EXPECT_EQ(Ask(server->address(), "GET /a?b=/c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                .ends_with("\r\n\r\nGET /a "),
            true);
  const std::string head =
      Ask(server->address(), "HEAD /abc HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(head, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(head, HasSubstr("Content-Length: 10\r\n"));
  EXPECT_TRUE(head.ends_with("\r\n\r\n")) << head;
}

TEST(HttpServer, RefusesOtherMethods) {
  const auto server = Started(Plain());
  for (const char* method : {"PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get", "X"}) {
    const std::string answer =
        Ask(server->address(), Cat(method, " /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 405")) << method;
    EXPECT_THAT(answer, HasSubstr("Allow: GET, HEAD, POST\r\n")) << method;
  }
}

TEST(HttpServer, RefusesPathsThatAreNone) {
  const auto server = Started(Plain(), [](const Request& request) {
    ADD_FAILURE() << "handled: " << request.path;
    return Response{};
  });
  for (const char* path : {"/%", "/%4", "/%zz", "/a%00b", "*", "a", "http://x/a"}) {
    EXPECT_THAT(Ask(server->address(),
                    Cat("GET ", path, " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")),
                StartsWith("HTTP/1.1 400"))
        << path;
  }
}

TEST(HttpServer, OutlivesWhatIsNoRequest) {
  auto options = Plain();
  options.timeout_seconds = 1;  // half of one is waited for
  const auto server = Started(options);
  std::vector<std::unique_ptr<Line>> lines;
  for (const std::string& rubbish :
       {std::string(2000, '\xff'), std::string("GET\r\n\r\n"), std::string("\r\n\r\n\r\n"),
        std::string("GET / HTTP/9.9\r\n\r\n"), std::string("GET / HTTP/1.1\r\n\r\n"),
        std::string("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"),
        std::string(
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n"),
        std::string("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        "GET /" + std::string(100'000, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nA: " + std::string(100'000, 'a') + "\r\n\r\n"}) {
    lines.push_back(std::make_unique<Line>(server->address()));
    lines.back()->Send(rubbish);
    shutdown(lines.back()->fd(), SHUT_WR);
  }
  for (size_t i = 0; i < lines.size(); ++i) {
    EXPECT_THAT(lines[i]->ReadAll(), ::testing::Not(StartsWith("HTTP/1.1 200"))) << i;
  }
  EXPECT_EQ(Opened()->Get("http://" + server->address() + "/still")->body, "GET /still ");
}

TEST(HttpServer, RefusesALargerBodyThanAllowed) {
  auto options = Plain();
  options.max_body = 1000;
  const auto server = Started(options);
  const auto client = Opened();
  const std::string url = "http://" + server->address() + "/p";
  EXPECT_EQ(client->Post(url, "text/plain", std::string(1000, 'a'))->body.size(), 1008u);
  EXPECT_EQ(client->Post(url, "text/plain", std::string(1001, 'a'))->status, 413);
  EXPECT_EQ(client->Post(url, "text/plain", std::string(500'000, 'a'))->status, 413);
  // Of no announced length.
  std::string chunked =
      "POST /p HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 11; ++i) chunked += "64\r\n" + std::string(100, 'a') + "\r\n";
  EXPECT_THAT(Ask(server->address(), chunked + "0\r\n\r\n"), StartsWith("HTTP/1.1 413"));
}

TEST(HttpServer, EndsConnectionsThatSayNothingOrTooLittle) {
  auto options = Plain();
  options.timeout_seconds = 1;
  options.max_connections = 3;
  const auto server = Started(options);
  Line silent(server->address());
  Line unread(server->address());
  // A byte now and then is no silence, but no request either.
  Line trickle(server->address());
  ASSERT_TRUE(trickle.Send("GET / HTTP/1.1\r\nHost: x\r\nA: "));
  while (!trickle.Closed() && trickle.Send("a")) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_EQ(silent.ReadAll(), "");
  EXPECT_EQ(unread.ReadAll(), "");
  // They do not keep others out.
  EXPECT_EQ(Opened()->Get("http://" + server->address() + "/a")->body, "GET /a ");
}

TEST(HttpServer, BoundsWhatCallersLeaveUnread) {
  constexpr size_t kBody = size_t{32} << 20;  // more than the system takes for a peer that sleeps
  auto options = Plain();
  options.max_unsent = kBody + 1000;
  std::promise<void> asked;
  const auto server = Started(options, [&](const Request& request) {
    if (request.path == "/unread") asked.set_value();
    return Response{.body = std::string(kBody, 'a')};
  });
  const auto client = Opened({.max_body = kBody});
  const std::string url = "http://" + server->address() + "/";
  {
    Line line(server->address());
    ASSERT_TRUE(line.Send("GET /unread HTTP/1.1\r\nHost: x\r\n\r\n"));
    asked.get_future().wait();
    EXPECT_EQ(client->Get(url)->status, 503);
  }
  // Its connection is gone, and so is what it left.
  while (client->Get(url)->status != 200) std::this_thread::yield();
}

TEST(HttpServer, ListensWhereItIsToldOrSaysWhyNot) {
  for (const char* bad : {"", "127.0.0.1", ":80", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:http",
                          "no such host:1"}) {
    auto options = Plain();
    options.listen = bad;
    EXPECT_EQ(Server::Start(options, Echo).status().code(), absl::StatusCode::kInvalidArgument)
        << bad;
  }
  const auto first = Started(Plain());
  auto options = Plain();
  options.listen = first->address();
  const auto second = Server::Start(options, Echo);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(first->address()));
}

// --- TLS

class HttpTls : public ::testing::Test {
 protected:
  HttpTls() {
    folder_ = std::filesystem::path(::testing::TempDir()) / Cat("urna_http_", getpid());
    std::filesystem::create_directories(folder_);
    options_.listen = "0.0.0.0:0";
    Fill(options_, "own.pem");
  }
  ~HttpTls() override { std::filesystem::remove_all(folder_); }

  /// A new certificate, which is also in the file `name`.
  void Fill(Server::Options& options, const std::string& name) {
    const auto identity = server::MakeTlsIdentity({});
    ASSERT_TRUE(identity.ok()) << identity.status();
    options.certificate = identity->certificate;
    options.key = identity->key.Expose();
    ASSERT_TRUE(base::WriteFileAtomic(File(name), identity->certificate).ok());
  }
  std::string File(const std::string& name) const { return (folder_ / name).string(); }

  std::filesystem::path folder_;
  Server::Options options_;
};

TEST_F(HttpTls, ReachesTheServerWhoseCertificateItHas) {
  const auto server = Started(options_);
  const auto client = Opened({.certificate = File("own.pem")});
  for (const char* host : {"127.0.0.1", "localhost"}) {
    const auto got = client->Get(Cat("https://", host, PortOf(server->address()), "/a"));
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_EQ(got->body, "GET /a ");
  }
}

TEST_F(HttpTls, RefusesAnotherCertificateAnotherHostAndNoTls) {
  const auto server = Started(options_);
  const std::string port = PortOf(server->address());
  Server::Options other;
  Fill(other, "other.pem");
  const auto refused = [](Client& client, const std::string& url) {
    const auto got = client.Get(url);
    EXPECT_EQ(got.status().code(), absl::StatusCode::kUnavailable) << url;
    EXPECT_THAT(std::string(got.status().message()), HasSubstr(url));
  };
  refused(*Opened({.certificate = File("other.pem")}), Cat("https://127.0.0.1", port, "/a"));
  refused(*Opened(), Cat("https://127.0.0.1", port, "/a"));
  const auto client = Opened({.certificate = File("own.pem")});
  refused(*client, Cat("https://127.0.0.2", port, "/a"));
  refused(*client, Cat("http://127.0.0.1", port, "/a"));
}

TEST_F(HttpTls, ServesNothingOlderThanTls12) {
  const auto server = Started(options_);
  const auto connects = [&](int version) {
    const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(
        SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
    SSL_CTX_set_min_proto_version(context.get(), version);
    SSL_CTX_set_max_proto_version(context.get(), version);
    SSL_CTX_set_cipher_list(context.get(), "ALL:@SECLEVEL=0");
    const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context.get()), SSL_free);
    Line line(server->address());
    SSL_set_fd(ssl.get(), line.fd());
    return SSL_connect(ssl.get()) == 1;
  };
  EXPECT_TRUE(connects(TLS1_3_VERSION));
  EXPECT_TRUE(connects(TLS1_2_VERSION));
  EXPECT_FALSE(connects(TLS1_1_VERSION));
  EXPECT_FALSE(connects(TLS1_VERSION));
}

TEST_F(HttpTls, StartsOnlyWithACertificateAndItsKey) {
  const auto code = [](const Server::Options& options) {
    return Server::Start(options, Echo).status().code();
  };
  Server::Options other;
  Fill(other, "other.pem");
  Server::Options bad = options_;
  bad.key = other.key;
  EXPECT_EQ(code(bad), absl::StatusCode::kInvalidArgument);
  bad = options_;
  bad.key = "";
  EXPECT_EQ(code(bad), absl::StatusCode::kInvalidArgument);
  bad = options_;
  bad.certificate = "rubbish";
  EXPECT_EQ(code(bad), absl::StatusCode::kInvalidArgument);
}

TEST_F(HttpTls, AClientNeedsAFileThatHoldsACertificate) {
  EXPECT_EQ(Client::Open({.certificate = File("none.pem")}).status().code(),
            absl::StatusCode::kNotFound);
  ASSERT_TRUE(base::WriteFileAtomic(File("empty.pem"), "hello").ok());
  EXPECT_EQ(Client::Open({.certificate = File("empty.pem")}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

// --- What a client puts up with

TEST(HttpClient, FollowsNoRedirects) {
  const FixedServer target("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  const FixedServer server(
      Cat("HTTP/1.1 302 Found\r\nLocation: ", target.url(), "/\r\nContent-Length: 0\r\n\r\n"));
  const auto got = Opened()->Get(server.url() + "/a");
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->status, 302);
  EXPECT_EQ(target.connections(), 0);
}

TEST(HttpClient, TakesNoProxyFromTheEnvironment) {
  const FixedServer proxy("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nproxy");
  for (const char* name : {"http_proxy", "all_proxy", "ALL_PROXY"}) {
    setenv(name, proxy.url().c_str(), 1);
  }
  const auto server = Started(Plain());
  EXPECT_EQ(Opened()->Get("http://" + server->address() + "/a")->body, "GET /a ");
  EXPECT_EQ(proxy.connections(), 0);
}

TEST(HttpClient, RefusesLargeAnswers) {
  const std::string body(1001, 'a');
  const auto client = Opened({.max_body = 1000});
  for (const std::string& answer :
       {Cat("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n", body),
        Cat("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", body),
        Cat("HTTP/1.1 200 OK\r\nA: ", std::string(90'000, 'a'), "\r\n\r\n")}) {
    const FixedServer server(answer);
    const auto got = client->Get(server.url() + "/a");
    EXPECT_EQ(got.status().code(), absl::StatusCode::kResourceExhausted) << answer.substr(0, 50);
    EXPECT_THAT(std::string(got.status().message()), HasSubstr(server.url() + "/a"));
  }
  const FixedServer exact(Cat("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", body.substr(1)));
  EXPECT_EQ(client->Get(exact.url())->body.size(), 1000u);
}

TEST(HttpClient, CallsAnAnswerThatBreaksOffOrIsNoneUnavailable) {
  const auto client = Opened();
  for (const char* answer : {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", "rubbish\r\n",
                             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
    const FixedServer server(answer);
    const auto got = client->Get(server.url());
    EXPECT_EQ(got.status().code(), absl::StatusCode::kUnavailable) << answer;
    EXPECT_THAT(std::string(got.status().message()), HasSubstr(server.url()));
  }
}

TEST(HttpClient, GivesUpOnAServerThatDoesNotAnswer) {
  const FixedServer server("");
  const auto client = Opened({.timeout = std::chrono::milliseconds(100)});
  EXPECT_EQ(client->Get(server.url()).status().code(), absl::StatusCode::kUnavailable);
}

TEST(HttpClient, EndsARequestThatIsCancelled) {
  const FixedServer server("");
  int looks = 0;
  const auto client =
      Opened({.timeout = std::chrono::hours(1), .cancelled = [&looks] { return ++looks > 1; }});
  EXPECT_EQ(client->Get(server.url()).status().code(), absl::StatusCode::kUnavailable);
}

TEST(HttpClient, RefusesUrlsOfAnotherKind) {
  const auto client = Opened();
  for (const char* url : {"file:///etc/passwd", "ftp://127.0.0.1/a", "gopher://127.0.0.1/"}) {
    EXPECT_EQ(client->Get(url).status().code(), absl::StatusCode::kInvalidArgument) << url;
    EXPECT_EQ(client->Post(url, "a", "b").status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(ParseUrl, NormalisesWhatItAccepts) {
  for (const auto& [text, normal] : std::initializer_list<std::pair<const char*, const char*>>{
           {"http://a", "http://a"},
           {"HTTPS://Vote.Example.ORG:443/", "https://vote.example.org:443"},
           {"http://127.0.0.1:7480/x/Y//", "http://127.0.0.1:7480/x/Y"},
           {"http://[::1]:1", "http://[::1]:1"},
           {"https://h/a%20b", "https://h/a%20b"}}) {
    const auto parsed = ParseUrl(text);
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(*parsed, normal);
    EXPECT_EQ(*ParseUrl(*parsed), *parsed);
  }
}

TEST(ParseUrl, RefusesEverythingElse) {
  for (const std::string& text : {std::string(""),
                                  std::string("a"),
                                  std::string("http:/a"),
                                  std::string("http://"),
                                  std::string("http:///x"),
                                  std::string("http://:80"),
                                  std::string("ftp://a"),
                                  std::string("http://a:0"),
                                  std::string("http://a:65536"),
                                  std::string("http://a:"),
                                  std::string("http://a:+1"),
                                  std::string("http://user@a"),
                                  std::string("http://u:p@a"),
                                  std::string("http://a?b"),
                                  std::string("http://a/b?c"),
                                  std::string("http://a/b#c"),
                                  std::string("http://a b"),
                                  std::string("http://a/b c"),
                                  std::string("http://a/\n"),
                                  std::string("http://a\0b", 10),
                                  std::string("http://a/\xc3\xa9"),
                                  std::string("http://[::1"),
                                  std::string("http://::1"),
                                  std::string("http://a/../b"),
                                  std::string("http://a/."),
                                  std::string("http://a\\b"),
                                  "http://a/" + std::string(3000, 'x')}) {
    EXPECT_EQ(ParseUrl(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace urna::http
