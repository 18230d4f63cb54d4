#pragma once

#include <cstdio>
#include <cstdlib>

namespace urna::crypto {

/// Aborts with `what` unless `ok`: for broken preconditions and failed system calls, after which no
/// result could be trusted. Never for input from outside.
inline void Check(bool ok, const char* what) {
  if (ok) return;
  std::fprintf(stderr, "urna: fatal: %s\n", what);
  std::abort();
}

}  // namespace urna::crypto
