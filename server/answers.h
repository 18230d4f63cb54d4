#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "crypto/group.h"
#include "crypto/hash.h"
#include "poll/payload.h"

namespace urna::server {

/// An issuer's answers in their database: poll id, the issuer's place in the poll (u8), credential
/// -> a register part of one entry, which has a canonical encoding with a strict reader.
struct StoredAnswer {
  crypto::Hash32 poll{};
  uint8_t index = 0;
  poll::RegisterEntry entry;
};

/// What the keys of all answers of one issuer in one poll begin with; their order is a register's.
std::string AnswersPrefix(const crypto::Hash32& poll, uint8_t index);
std::string AnswerKey(const crypto::Hash32& poll, uint8_t index, const crypto::Point& credential);
std::string EncodeAnswer(uint8_t index, const poll::RegisterEntry& entry);
/// Errors: DataLoss, naming the key, if it is no answer or not that of its key.
absl::StatusOr<StoredAnswer> DecodeAnswer(std::string_view key, std::string_view value);

/// Whose answer it is, without decoding what was answered: for counting many.
struct AnswerPlace {
  crypto::Hash32 poll{};
  uint8_t index = 0;
  uint16_t style = 0;
};
/// Errors: as of DecodeAnswer, for what is seen.
absl::StatusOr<AnswerPlace> PlaceOfAnswer(std::string_view key, std::string_view value);

/// Key and value, as the database has them.
using AnswerPair = std::pair<std::string, std::string>;

/// A file of answers in a backup: "urna-answers/1\n", then of each answer frame(key) |
/// frame(value), strictly ascending by key.
std::string EncodeAnswers(const std::vector<AnswerPair>& answers);
/// Strict. Errors: Reject("record.malformed"); DataLoss naming the key of what is no answer.
absl::StatusOr<std::vector<AnswerPair>> DecodeAnswers(std::string_view bytes);

}  // namespace urna::server
