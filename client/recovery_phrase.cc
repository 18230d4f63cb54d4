#include "client/recovery_phrase.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/text.h"
#include "client/phrase_words.h"
#include "crypto/hash.h"

namespace urna::client {
namespace {

using base::Cat;
using crypto::SecretText;

constexpr size_t kBitsPerWord = 11;
constexpr size_t kLongestTyped = 4096;
constexpr std::string_view kBlanks = " \t\r\n\v\f";

/// omega and its checksum: 33 bytes, read as 24 numbers of 11 bits.
using Bits = std::array<uint8_t, 33>;
static_assert(kPhraseLength * kBitsPerWord == 8 * std::tuple_size_v<Bits>);

uint8_t Checksum(const base::Bytes32& omega) { return crypto::HashSha256(base::View(omega))[0]; }

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// Levenshtein's distance.
size_t Distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({replaced, row[j] + 1, row[j - 1] + 1}));
    }
  }
  return row[b.size()];
}

/// The nearest word; of several the one that begins alike the longest, as a hand slips late.
std::string_view Nearest(std::string_view typed) {
  const auto shared = [typed](std::string_view word) {
    return static_cast<size_t>(std::ranges::mismatch(typed, word).in1 - typed.begin());
  };
  return *std::ranges::min_element(kPhraseWords, {}, [&](std::string_view word) {
    return std::pair(Distance(typed, word), kPhraseWords.size() - shared(word));
  });
}

}  // namespace

SecretText EncodePhrase(const crypto::Omega& omega) {
  crypto::Secret<Bits> secret;
  Bits& bits = secret.Expose();
  std::ranges::copy(omega.Expose(), bits.begin());
  bits.back() = Checksum(omega.Expose());
  std::string phrase;
  phrase.reserve(kPhraseLength * 9);  // the longest word has 8 letters: no copy is left behind
  for (size_t w = 0; w < kPhraseLength; ++w) {
    size_t number = 0;
    for (size_t i = w * kBitsPerWord; i < (w + 1) * kBitsPerWord; ++i) {
      number = 2 * number + ((bits[i / 8] >> (7 - i % 8)) & 1);
    }
    if (w > 0) phrase += ' ';
    phrase += kPhraseWords[number];
  }
  return SecretText(std::move(phrase));
}

absl::StatusOr<crypto::Omega> DecodePhrase(std::string_view typed) {
  if (typed.size() > kLongestTyped) {
    return base::Reject("phrase.malformed", "this is far too long for a recovery phrase");
  }
  std::string copy(typed);
  std::ranges::transform(copy, copy.begin(), Lower);
  const SecretText text(std::move(copy));
  const std::string_view all = text.Expose();
  std::vector<std::string_view> words;
  for (size_t at = all.find_first_not_of(kBlanks); at != std::string_view::npos;) {
    const size_t end = std::min(all.find_first_of(kBlanks, at), all.size());
    words.push_back(all.substr(at, end - at));
    at = all.find_first_not_of(kBlanks, end);
  }

  crypto::Secret<Bits> secret;
  Bits& bits = secret.Expose();
  for (size_t w = 0; w < words.size(); ++w) {
    const auto found = std::ranges::lower_bound(kPhraseWords, words[w]);
    if (found == kPhraseWords.end() || *found != words[w]) {
      return base::Reject("phrase.malformed",
                          Cat("word ", w + 1,
                              " of the recovery phrase is not one of its list; the "
                              "nearest is \"",
                              Nearest(words[w].substr(0, 16)), "\""));
    }
    if (w >= kPhraseLength) continue;
    const auto number = static_cast<size_t>(found - kPhraseWords.begin());
    for (size_t i = 0; i < kBitsPerWord; ++i) {
      const size_t at = w * kBitsPerWord + i;
      bits[at / 8] |=
          static_cast<uint8_t>(((number >> (kBitsPerWord - 1 - i)) & 1) << (7 - at % 8));
    }
  }
  if (words.size() != kPhraseLength) {
    return base::Reject("phrase.malformed", Cat("a recovery phrase has ", kPhraseLength,
                                                " words, this one has ", words.size()));
  }
  base::Bytes32 omega;
  std::copy_n(bits.begin(), omega.size(), omega.begin());
  const bool right = Checksum(omega) == bits.back();
  crypto::Omega out(omega);  // wipes `omega`
  if (!right) {
    return base::Reject("phrase.typing-error",
                        "each word of the recovery phrase is one of the list, but together they "
                        "do not fit: a word is another than was written down, or two changed "
                        "places");
  }
  return out;
}

}  // namespace urna::client
