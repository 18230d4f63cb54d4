#include "server/log.h"

#include <cstdio>

#include "base/text.h"

namespace urna::server {

void Log::ToStderr(std::string_view line) {
  std::fwrite(line.data(), 1, line.size(), stderr);
  std::fflush(stderr);
}

void Log::Line(std::string_view text) {
  const std::string line = base::Cat(base::FormatUtc(clock_.Now()), " ", text, "\n");
  std::lock_guard lock(mutex_);
  sink_(line);
}

}  // namespace urna::server
