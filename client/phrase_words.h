#pragma once

#include <array>
#include <string_view>

namespace urna::client {

/// The English word list of BIP-39, ascending. Its licence stands beside it in phrase_words.cc.
extern const std::array<std::string_view, 2048> kPhraseWords;

}  // namespace urna::client
