#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

/// Returns from the enclosing function if `expr` is not OK.
#define URNA_RETURN_IF_ERROR(expr)                       \
  do {                                                   \
    absl::Status urna_status_ = (expr);                  \
    if (!urna_status_.ok()) return urna_status_;         \
  } while (0)

#define URNA_CONCAT_INNER_(a, b) a##b
#define URNA_CONCAT_(a, b) URNA_CONCAT_INNER_(a, b)
#define URNA_ASSIGN_OR_RETURN_(tmp, lhs, expr) \
  auto tmp = (expr);                           \
  if (!tmp.ok()) return tmp.status();          \
  lhs = std::move(tmp).value()

/// `URNA_ASSIGN_OR_RETURN(auto x, F());` with F returning an absl::StatusOr.
#define URNA_ASSIGN_OR_RETURN(lhs, expr) \
  URNA_ASSIGN_OR_RETURN_(URNA_CONCAT_(urna_statusor_, __LINE__), lhs, expr)

namespace urna::base {

/// A verdict, not a failure: the input breaks the rule named by `id` ("ballot.revision-repeated").
/// The same id reaches gRPC clients, the verifier's report and the tests; docs/protocol.md lists
/// them all. `detail` says in plain words what was wrong. Code: InvalidArgument.
absl::Status Reject(std::string_view id, std::string_view detail);

/// The id given to Reject, or "" when `status` is OK or a run-time failure.
std::string RejectId(const absl::Status& status);

/// The same status with "where: " put before its message; the reject id is kept.
absl::Status Annotate(const absl::Status& status, std::string_view where);

/// Adapts std::string_view to absl interfaces (Debian's absl has a string_view of its own).
inline absl::string_view Absl(std::string_view s) { return absl::string_view(s.data(), s.size()); }

/// A run-time failure, e.g. Failure(absl::StatusCode::kUnavailable, "disk full").
inline absl::Status Failure(absl::StatusCode code, std::string_view text) {
  return absl::Status(code, Absl(text));
}

}  // namespace urna::base
