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

constexpr std::string_view kAnswersMagic = "urna-answers/1\n";
constexpr size_t kMaxAnswerBytes = 4096;

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

std::string EncodeAnswers(const std::vector<AnswerPair>& answers) {
  base::Writer w;
  w.Raw(kAnswersMagic);
  for (const auto& [key, value] : answers) w.Frame(key).Frame(value);
  return w.Take();
}

absl::StatusOr<std::vector<AnswerPair>> DecodeAnswers(std::string_view bytes) {
  base::Reader r(bytes);
  if (r.Raw(kAnswersMagic.size()) != kAnswersMagic) r.Fail("not a file of answers");
  std::vector<AnswerPair> answers;
  while (r.ok() && r.remaining() > 0) {
    AnswerPair answer;
    answer.first = r.Frame(kMaxAnswerBytes);
    answer.second = r.Frame(kMaxAnswerBytes);
    if (!answers.empty() && answer.first <= answers.back().first) r.Fail("answers out of order");
    answers.push_back(std::move(answer));
  }
  URNA_RETURN_IF_ERROR(r.Finish());
  for (const auto& [key, value] : answers) {
    URNA_RETURN_IF_ERROR(DecodeAnswer(key, value).status());
  }
  return answers;
}

}  // namespace urna::server
