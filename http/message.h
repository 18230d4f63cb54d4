#pragma once

#include <string>

namespace urna::http {

struct Request {
  std::string method;  ///< "GET", "HEAD" or "POST"
  std::string path;    ///< decoded, without query; begins with '/'
  std::string body;
};

struct Response {
  int status = 200;
  std::string body = {};
  std::string content_type = "text/plain; charset=utf-8";
  std::string cache_control = "no-store";
};

}  // namespace urna::http
