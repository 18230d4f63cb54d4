#include "base/status.h"

#include "absl/strings/cord.h"

namespace urna::base {
namespace {

constexpr absl::string_view kRejectUrl = "urna.reject";

}  // namespace

absl::Status Reject(std::string_view id, std::string_view detail) {
  absl::Status status = absl::InvalidArgumentError(Absl(detail));
  status.SetPayload(kRejectUrl, absl::Cord(Absl(id)));
  return status;
}

std::string RejectId(const absl::Status& status) {
  const auto payload = status.GetPayload(kRejectUrl);
  return payload.has_value() ? std::string(*payload) : std::string();
}

absl::Status Annotate(const absl::Status& status, std::string_view where) {
  if (status.ok()) return status;
  std::string text(where);
  text += ": ";
  text.append(status.message().data(), status.message().size());
  absl::Status annotated(status.code(), text);
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) {
    annotated.SetPayload(url, payload);
  });
  return annotated;
}

}  // namespace urna::base
