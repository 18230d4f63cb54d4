#include "http/client.h"

#include <curl/curl.h>

#include <algorithm>
#include <utility>

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"

namespace urna::http {
namespace {

using base::Cat;
using base::Failure;

constexpr size_t kMaxUrl = 2048;
constexpr size_t kMaxHeaders = 64 * 1024;
// A peer that sends less than this, in bytes a second, for so many seconds is given up.
constexpr long kSlowestBytes = 200;
constexpr long kSlowestSeconds = 15;

absl::Status BadUrl(std::string_view text, std::string_view why) {
  return Failure(absl::StatusCode::kInvalidArgument, Cat("\"", text.substr(0, 200),
                                                         "\" is not a URL of the form "
                                                         "http(s)://HOST[:PORT][/PATH]: ",
                                                         why));
}

bool IsAlphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

}  // namespace

absl::StatusOr<std::string> ParseUrl(std::string_view text) {
  if (text.size() > kMaxUrl) return BadUrl(text, "it is too long");
  const size_t slashes = text.find("://");
  if (slashes == std::string_view::npos) return BadUrl(text, "the scheme is missing");
  const std::string scheme = Lower(text.substr(0, slashes));
  if (scheme != "http" && scheme != "https") return BadUrl(text, "only http and https are spoken");
  std::string_view rest = text.substr(slashes + 3);
  const size_t slash = std::min(rest.find('/'), rest.size());
  std::string_view authority = rest.substr(0, slash);
  std::string_view path = rest.substr(slash);

  std::string_view host = authority;
  std::string port;
  const size_t bracket = authority.rfind(']');
  const size_t colon = authority.rfind(':');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    uint64_t number = 0;
    if (!base::ParseU64(authority.substr(colon + 1), &number) || number == 0 || number > 65535) {
      return BadUrl(text, "the port must be a number from 1 to 65535");
    }
    host = authority.substr(0, colon);
    port = Cat(":", number);
  }
  std::string_view name = host;
  const bool bracketed = name.starts_with('[') && name.ends_with(']');
  if (bracketed) name = name.substr(1, name.size() - 2);
  if (name.empty()) return BadUrl(text, "the host is missing");
  for (const char c : name) {
    if (!IsAlphanumeric(c) && c != '.' && c != '-' && c != '_' && (c != ':' || !bracketed)) {
      return BadUrl(text, "the host has a character that no host has");
    }
  }
  while (path.ends_with('/')) path.remove_suffix(1);
  for (const char c : path) {
    if (!IsAlphanumeric(c) &&
        std::string_view("/-._~%!$&'()*+,;=:@").find(c) == std::string_view::npos) {
      return BadUrl(text, "the path has a character that no path has, or a query");
    }
  }
  for (const std::string_view segment : base::Split(path, '/')) {
    if (segment == "." || segment == "..") return BadUrl(text, "the path has dots for a folder");
  }
  return Cat(scheme, "://", Lower(host), port, path);
}

struct Client::Impl {
  ~Impl() { curl_easy_cleanup(curl); }

  static size_t TakeBody(char* data, size_t, size_t size, void* self) {
    auto& impl = *static_cast<Impl*>(self);
    if (size > impl.options.max_body - impl.response.body.size()) {
      impl.too_large = true;
      return 0;
    }
    impl.response.body.append(data, size);
    return size;
  }

  static size_t TakeHeader(char* data, size_t, size_t size, void* self) {
    auto& impl = *static_cast<Impl*>(self);
    impl.header_bytes += size;
    if (impl.header_bytes > kMaxHeaders) {
      impl.too_large = true;
      return 0;
    }
    const std::string_view line(data, size);
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) return size;
    const std::string header = Lower(line.substr(0, colon));
    const std::string_view value = base::Trim(line.substr(colon + 1));
    if (header == "content-type") impl.response.content_type = value;
    if (header == "cache-control") impl.response.cache_control = value;
    return size;
  }

  static int LookAround(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return static_cast<Impl*>(self)->options.cancelled() ? 1 : 0;
  }

  /// Puts back everything that a request may have changed, so that none leaks into the next.
  void Reset() {
    curl_easy_reset(curl);  // keeps the connection
    response = Response{};
    response.content_type.clear();
    response.cache_control.clear();
    header_bytes = 0;
    too_large = false;
    error[0] = '\0';

    const auto set = [this](CURLoption option, auto value) {
      curl_easy_setopt(curl, option, value);
    };
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_ERRORBUFFER, error);
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_PROXY, "");
    set(CURLOPT_NOPROXY, "*");
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(CURLOPT_HTTP09_ALLOWED, 0L);
    set(CURLOPT_PATH_AS_IS, 1L);
    set(CURLOPT_USERAGENT, "urna");
    set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    set(CURLOPT_SSL_VERIFYPEER, 1L);
    set(CURLOPT_SSL_VERIFYHOST, 2L);
    if (!options.certificate.empty()) {
      set(CURLOPT_CAINFO, options.certificate.c_str());
      set(CURLOPT_CAPATH, static_cast<const char*>(nullptr));
    }
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(options.timeout.count()));
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.timeout.count()));
    set(CURLOPT_LOW_SPEED_LIMIT, kSlowestBytes);
    set(CURLOPT_LOW_SPEED_TIME, kSlowestSeconds);
    set(CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(options.max_body));
    set(CURLOPT_WRITEFUNCTION, &Impl::TakeBody);
    set(CURLOPT_WRITEDATA, this);
    set(CURLOPT_HEADERFUNCTION, &Impl::TakeHeader);
    set(CURLOPT_HEADERDATA, this);
    if (options.cancelled) {
      set(CURLOPT_NOPROGRESS, 0L);
      set(CURLOPT_XFERINFOFUNCTION, &Impl::LookAround);
      set(CURLOPT_XFERINFODATA, this);
    }
  }

  absl::StatusOr<Response> Perform(const std::string& url) {
    curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
    const CURLcode code = curl_easy_perform(curl);
    if (too_large || code == CURLE_FILESIZE_EXCEEDED) {
      return Failure(absl::StatusCode::kResourceExhausted,
                     Cat(url, ": the answer is larger than ", options.max_body, " bytes"));
    }
    if (code != CURLE_OK) {
      const std::string_view words = error[0] != '\0' ? error : curl_easy_strerror(code);
      return Failure(absl::StatusCode::kUnavailable, Cat(url, ": ", base::Trim(words)));
    }
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    response.status = static_cast<int>(status);
    return std::move(response);
  }

  Options options;
  CURL* curl = nullptr;
  Response response;
  size_t header_bytes = 0;
  bool too_large = false;
  char error[CURL_ERROR_SIZE] = {};
};

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::~Client() = default;

absl::StatusOr<std::unique_ptr<Client>> Client::Open(Options options) {
  if (!options.certificate.empty()) {
    URNA_ASSIGN_OR_RETURN(const std::string pem, base::ReadFile(options.certificate, 1 << 20));
    if (pem.find("-----BEGIN CERTIFICATE-----") == std::string::npos) {
      return Failure(absl::StatusCode::kInvalidArgument,
                     Cat(options.certificate, ": holds no certificate in PEM"));
    }
  }
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  auto impl = std::make_unique<Impl>();
  impl->options = std::move(options);
  impl->curl = curl_easy_init();
  if (initialised != CURLE_OK || impl->curl == nullptr) {
    return Failure(absl::StatusCode::kUnavailable, "cannot make an HTTP client");
  }
  return std::unique_ptr<Client>(new Client(std::move(impl)));
}

absl::StatusOr<Response> Client::Get(const std::string& url) {
  URNA_ASSIGN_OR_RETURN(const std::string normal, ParseUrl(url));
  impl_->Reset();
  return impl_->Perform(normal);
}

absl::StatusOr<Response> Client::Post(const std::string& url, std::string_view content_type,
                                      std::string_view body) {
  URNA_ASSIGN_OR_RETURN(const std::string normal, ParseUrl(url));
  impl_->Reset();
  const std::string type = Cat("Content-Type: ", content_type);
  // Without "Expect:" a larger body would wait a second for servers that do not answer it.
  curl_slist* const first = curl_slist_append(nullptr, type.c_str());
  curl_slist* const headers = first == nullptr ? nullptr : curl_slist_append(first, "Expect:");
  if (headers == nullptr) {
    curl_slist_free_all(first);
    return Failure(absl::StatusCode::kResourceExhausted, "no memory for a request");
  }
  curl_easy_setopt(impl_->curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(impl_->curl, CURLOPT_POST, 1L);
  curl_easy_setopt(impl_->curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  curl_easy_setopt(impl_->curl, CURLOPT_POSTFIELDS, body.empty() ? "" : body.data());
  auto response = impl_->Perform(normal);
  curl_easy_setopt(impl_->curl, CURLOPT_HTTPHEADER, static_cast<curl_slist*>(nullptr));
  curl_slist_free_all(headers);
  return response;
}

}  // namespace urna::http
