#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "crypto/secret.h"
#include "crypto/token.h"

namespace urna::client {

/// Words of a recovery phrase.
inline constexpr size_t kPhraseLength = 24;

/// A wallet's omega as 24 English words with blanks between: BIP-39's encoding of 256 bits and the
/// first 8 bits of their SHA-256. docs/protocol.md section 5.
crypto::SecretText EncodePhrase(const crypto::Omega& omega);

/// What somebody typed, in any case and with any white space. No message repeats a typed word.
/// Errors: Reject("phrase.malformed") for another number of words, or naming the place of a word
/// that is not on the list and the nearest one that is; Reject("phrase.typing-error") if the words
/// are right one by one but do not belong together.
absl::StatusOr<crypto::Omega> DecodePhrase(std::string_view typed);

}  // namespace urna::client
