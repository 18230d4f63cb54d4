#include "server/answers.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/bytes.h"
#include "base/codec.h"
#include "base/status.h"
#include "base/text.h"

namespace urna::server {

using base::Cat;

namespace {

absl::Status DamagedAnswer(std::string_view key) {
  return base::Failure(absl::StatusCode::kDataLoss,
                       Cat("the stored answer ", base::Hex(key), " is damaged"));
}

}  // namespace

std::string AnswersPrefix(const crypto::Hash32& poll, uint8_t index) {
  return Cat(base::View(poll), static_cast<char>(index));
}

std::string AnswerKey(const crypto::Hash32& poll, uint8_t index, const crypto::Point& credential) {
  return Cat(AnswersPrefix(poll, index), credential.view());
}

std::string EncodeAnswer(uint8_t index, const poll::RegisterEntry& entry) {
  return poll::EncodePayload(poll::RegisterPart{index, {entry}});
}

absl::StatusOr<StoredAnswer> DecodeAnswer(std::string_view key, std::string_view value) {
  auto payload = poll::DecodePayload(static_cast<uint8_t>(poll::RecordKind::kRegisterPart), value,
                                     /*definition=*/nullptr);
  StoredAnswer answer;
  bool fits = payload.ok() && key.size() > answer.poll.size();
  if (fits) {
    auto& part = std::get<poll::RegisterPart>(*payload);
    std::copy_n(key.begin(), answer.poll.size(), answer.poll.begin());
    answer.index = part.issuer;
    fits = part.entries.size() == 1 &&
           key == AnswerKey(answer.poll, part.issuer, part.entries[0].credential);
    if (fits) answer.entry = std::move(part.entries[0]);
  }
  if (fits) return answer;
  return DamagedAnswer(key);
}

absl::StatusOr<AnswerPlace> PlaceOfAnswer(std::string_view key, std::string_view value) {
  base::Reader k(key);
  base::Reader v(value);
  AnswerPlace place;
  place.poll = k.Fixed<32>();
  place.index = k.U8();
  const bool same_index = v.U8() == place.index;
  const bool same_credential = k.Raw(32) == v.Raw(32);
  place.style = v.U16();
  if (!same_index || !same_credential || !k.ok() || k.remaining() != 0 || !v.ok() ||
      value.size() != 1 + poll::kRegisterEntryBytes) {
    return DamagedAnswer(key);
  }
  return place;
}

}  // namespace urna::server
