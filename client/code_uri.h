#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "crypto/hash.h"
#include "crypto/secret.h"

namespace urna::client {

/// The text of the square (QR code) in a letter, docs/letters.md:
/// "urna:vote?poll=<64 hexadecimal digits>&code=<code>", without "poll=...&" if it is not known.
std::string CodeUri(const std::optional<crypto::Hash32>& poll, std::string_view code);

struct TypedCode {
  crypto::SecretText symbols;          ///< as crypto::ParseCode returns them
  std::optional<crypto::Hash32> poll;  ///< if it was the text of a square that names one
};
/// Reads a code as it is printed in a letter, or the text of the letter's square.
/// Errors: Reject("code.malformed"), Reject("code.typing-error"); none repeats what was typed.
absl::StatusOr<TypedCode> ReadCode(std::string typed);

}  // namespace urna::client
