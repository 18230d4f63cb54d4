#include "client/opened_ballot.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"

namespace urna::client {
namespace {

using base::Cat;
using crypto::Hash32;
using crypto::Point;
using crypto::Scalar;
using Json = nlohmann::json;

constexpr std::string_view kFormat = "urna-opened-ballot/1";

absl::Status Malformed(std::string_view field) {
  return base::Reject("challenge.malformed",
                      Cat("not an opened ballot, or a damaged one: field '", field, "'"));
}

/// The string `json[field]`, or null.
const std::string* Text(const Json& json, const char* field) {
  const auto found = json.is_object() ? json.find(field) : json.end();
  return found == json.end() ? nullptr : found->get_ptr<const std::string*>();
}

bool Bytes(const std::string* hex, base::Bytes32* out) {
  return hex != nullptr && base::Unhex(*hex, *out);
}

absl::StatusOr<Point> ReadPoint(const std::string* hex, std::string_view field) {
  base::Bytes32 raw;
  if (!Bytes(hex, &raw)) return Malformed(field);
  auto point = Point::Decode(base::View(raw));
  if (!point.ok()) return Malformed(field);
  return point;
}

absl::StatusOr<OpenedBallot::Contest> ReadContest(const Json& json) {
  OpenedBallot::Contest contest;
  const std::string* id = Text(json, "id");
  if (id == nullptr || json.size() != 5) return Malformed("contests");
  contest.id = *id;
  URNA_ASSIGN_OR_RETURN(contest.R, ReadPoint(Text(json, "R"), "R"));
  base::Bytes32 raw;
  if (!Bytes(Text(json, "r"), &raw)) return Malformed("r");
  const auto r = Scalar::Decode(base::View(raw));
  if (!r.ok()) return Malformed("r");
  contest.r = *r;
  const auto C = json.find("C");
  if (C == json.end() || !C->is_array()) return Malformed("C");
  for (const Json& point : *C) {
    contest.C.emplace_back();
    URNA_ASSIGN_OR_RETURN(contest.C.back(), ReadPoint(point.get_ptr<const std::string*>(), "C"));
  }
  const auto votes = json.find("v");
  if (votes == json.end() || !votes->is_array()) return Malformed("v");
  for (const Json& vote : *votes) {
    if (!vote.is_number_unsigned() || vote.get<uint64_t>() > UINT32_MAX) return Malformed("v");
    contest.votes.push_back(vote.get<uint32_t>());
  }
  return contest;
}

}  // namespace

std::string OpenedBallot::ToJson() const {
  Json list = Json::array();
  for (const Contest& contest : contests) {
    Json C = Json::array();
    for (const Point& point : contest.C) C.push_back(base::Hex(point.bytes()));
    list.push_back({{"id", contest.id},
                    {"R", base::Hex(contest.R.bytes())},
                    {"C", std::move(C)},
                    {"r", base::Hex(contest.r.bytes())},
                    {"v", contest.votes}});
  }
  const Json json = {{"format", kFormat},
                     {"poll", base::Hex(poll)},
                     {"style", style},
                     {"fingerprint", base::Hex(fingerprint)},
                     {"contests", std::move(list)}};
  return json.dump(1) + "\n";
}

absl::StatusOr<OpenedBallot> OpenedBallot::Parse(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  const std::string* value = Text(json, "format");
  if (value == nullptr || *value != kFormat || json.size() != 5) return Malformed("format");
  OpenedBallot ballot;
  if (!Bytes(Text(json, "poll"), &ballot.poll)) return Malformed("poll");
  value = Text(json, "style");
  if (value == nullptr) return Malformed("style");
  ballot.style = *value;
  if (!Bytes(Text(json, "fingerprint"), &ballot.fingerprint)) return Malformed("fingerprint");
  const auto contests = json.find("contests");
  if (contests == json.end() || !contests->is_array()) return Malformed("contests");
  for (const Json& contest : *contests) {
    ballot.contests.emplace_back();
    URNA_ASSIGN_OR_RETURN(ballot.contests.back(), ReadContest(contest));
  }
  return ballot;
}

OpenedBallot OpenBallot(const Hash32& poll, const crypto::BallotShape& shape,
                        crypto::PreparedBallot prepared) {
  OpenedBallot ballot;
  ballot.poll = poll;
  ballot.style = shape.style;
  ballot.fingerprint = prepared.fingerprint();
  const std::vector<crypto::Ciphertext> ciphertexts = prepared.contests();
  crypto::PreparedBallot::Opening opening = std::move(prepared).Challenge();
  for (size_t c = 0; c < ciphertexts.size(); ++c) {
    ballot.contests.push_back({shape.contests[c].id, ciphertexts[c].R, ciphertexts[c].C,
                               opening.r[c], std::move(opening.votes[c])});
  }
  return ballot;
}

std::vector<std::string> FindDifferences(const OpenedBallot& ballot,
                                         const poll::PollContext& context,
                                         const Hash32& fingerprint) {
  if (ballot.poll != context.poll) {
    return {
        Cat("the file is of poll ", base::Hex(ballot.poll), ", not of ", base::Hex(context.poll))};
  }
  const auto style =
      std::ranges::find(context.styles, ballot.style, [](const auto& s) { return s.shape.style; });
  if (style == context.styles.end()) {
    return {Cat("the poll has no ballot style \"", ballot.style, "\"")};
  }
  const crypto::BallotShape& shape = style->shape;
  if (!std::ranges::equal(ballot.contests, shape.contests, {}, &OpenedBallot::Contest::id,
                          &crypto::ContestShape::id)) {
    return {Cat("the file does not hold the questions of the ballot \"", ballot.style, "\"")};
  }

  std::vector<std::string> differences;
  crypto::PreparedBallot::Opening opening;
  for (size_t c = 0; c < shape.contests.size(); ++c) {
    const OpenedBallot::Contest& contest = ballot.contests[c];
    const std::string where = Cat("question \"", contest.id, "\": ");
    opening.r.push_back(contest.r);
    opening.votes.push_back(contest.votes);
    const size_t slots = crypto::SlotCount(shape.contests[c].rule);
    if (contest.votes.size() != slots || contest.C.size() != slots) {
      differences.push_back(Cat(where, "it has ", slots, " ciphertexts, the file has ",
                                contest.C.size(), " with ", contest.votes.size(), " values"));
      continue;
    }
    if (!crypto::Obeys(shape.contests[c].rule, contest.votes)) {
      differences.push_back(Cat(where, "the answer is none that its rule allows"));
    }
    if (contest.R != crypto::MulBase(contest.r)) {
      differences.push_back(Cat(where, "R is not r times G"));
    }
    for (size_t i = 0; i < slots; ++i) {
      const Point right = crypto::Mul(contest.r, context.keys[i]) +
                          crypto::MulBase(Scalar::FromU64(contest.votes[i]));
      if (contest.C[i] == right) continue;
      differences.push_back(
          Cat(where, "C_", i + 1, " is not the encryption of ", contest.votes[i]));
    }
  }
  const Hash32 recomputed =
      crypto::OpenedFingerprint(context.opening, shape, context.keys, opening);
  if (recomputed != fingerprint) {
    differences.push_back(Cat("these votes were encrypted to the fingerprint ",
                              base::Hex(recomputed), ", but the one on the voter's screen was ",
                              base::Hex(fingerprint)));
  }
  if (ballot.fingerprint != fingerprint) {
    differences.push_back(Cat("the file names the fingerprint ", base::Hex(ballot.fingerprint),
                              ", not the one that was on the screen"));
  }
  return differences;
}

}  // namespace urna::client
