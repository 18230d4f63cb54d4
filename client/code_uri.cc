#include "client/code_uri.h"

#include <utility>

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"
#include "crypto/credential.h"

namespace urna::client {
namespace {

using base::Cat;

constexpr std::string_view kPrefix = "urna:vote?";
constexpr std::string_view kPoll = "poll=";
constexpr std::string_view kCode = "code=";

}  // namespace

std::string CodeUri(const std::optional<crypto::Hash32>& poll, std::string_view code) {
  return Cat(kPrefix, poll.has_value() ? Cat(kPoll, base::Hex(*poll), "&") : "", kCode, code);
}

absl::StatusOr<TypedCode> ReadCode(std::string typed) {
  const crypto::SecretText secret(std::move(typed));
  std::string_view text = base::Trim(secret.Expose());
  std::optional<crypto::Hash32> poll;
  if (text.starts_with(kPrefix)) {
    std::optional<std::string_view> code;
    bool right = true;
    for (const std::string_view field : base::Split(text.substr(kPrefix.size()), '&')) {
      if (field.starts_with(kPoll) && !poll.has_value()) {
        right = right && base::Unhex(field.substr(kPoll.size()), poll.emplace());
      } else if (field.starts_with(kCode) && !code.has_value()) {
        code = field.substr(kCode.size());
      } else {
        right = false;
      }
    }
    if (!right || !code.has_value()) {
      return base::Reject("code.malformed",
                          "the text of a letter's square is urna:vote?poll=...&code=...");
    }
    text = *code;
  }
  auto symbols = crypto::ParseCode(text);
  if (!symbols.ok()) return symbols.status();
  return TypedCode{std::move(symbols).value(), poll};
}

}  // namespace urna::client
