#include "client/rehearsal.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"

namespace urna::client {
namespace {

using base::Cat;
using crypto::Point;
using crypto::Scalar;
using poll::Phase;
using Json = nlohmann::json;

constexpr std::string_view kFormat = "urna-rehearsal/1";
constexpr std::string_view kContest = "rehearsal";

absl::Status Fail(std::string_view text) {
  return base::Failure(absl::StatusCode::kFailedPrecondition, text);
}

absl::Status CheckPhase(const poll::State& state) {
  if (state.phase() >= Phase::kReady && state.phase() != Phase::kFailed &&
      state.phase() != Phase::kCancelled) {
    return absl::OkStatus();
  }
  return Fail(Cat("nothing to rehearse: the poll is ", PhaseName(state.phase()),
                  state.reason().empty() ? "" : Cat(" (", state.reason(), ")")));
}

absl::Status Verify(const poll::State& state, const crypto::Ciphertext& votes, uint32_t trustee,
                    const crypto::DecryptionShare& share) {
  const std::vector<Point> R = {votes.R};
  const std::vector<Point> P = crypto::PublicShares(DealsOf(state), trustee);
  return base::Annotate(crypto::VerifyDecryptionShare({.opening = state.poll(),
                                                       .closed = state.poll(),
                                                       .contest = kContest,
                                                       .trustee = trustee,
                                                       .R = R,
                                                       .P = P},
                                                      share),
                        state.definition()->trustees[trustee - 1].name);
}

}  // namespace

crypto::Ciphertext TestVotes(const poll::State& state, std::string_view label) {
  const Scalar r = crypto::DeriveScalar({kContest, base::View(state.poll()), label});
  // The deals were checked with the last of them: their sums are keys.
  const std::vector<Point> keys = crypto::ElectionKeys(DealsOf(state)).value();
  crypto::Ciphertext votes{crypto::MulBase(r), {}};
  for (size_t w = 0; w < keys.size(); ++w) {
    votes.C.push_back(crypto::Mul(r, keys[w]) + crypto::MulBase(Scalar::FromU64(w + 1)));
  }
  return votes;
}

std::string RehearsalShare::Encode(const Hash32& poll) const {
  const Json json = {{"format", kFormat},
                     {"poll", base::Hex(poll)},
                     {"trustee", trustee},
                     {"label", label},
                     {"share", base::Hex(poll::EncodeDecryptionShare(share))}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

absl::StatusOr<RehearsalShare> RehearsalShare::Decode(const poll::State& state,
                                                      std::string_view text) {
  const auto refuse = [](std::string_view why) {
    return base::Failure(absl::StatusCode::kInvalidArgument, why);
  };
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  const auto word = [&json](const char* name) -> std::string {
    return json.is_object() && json.contains(name) && json[name].is_string()
               ? json[name].get<std::string>()
               : "";
  };
  if (word("format") != kFormat)
    return refuse(Cat("is not a share of a rehearsal (", kFormat, ")"));
  if (word("poll") != base::Hex(state.poll())) {
    return refuse(Cat("is a share of a rehearsal of another poll, ", word("poll")));
  }
  const uint64_t trustees = state.definition()->trustees.size();
  if (!json.contains("trustee") || !json["trustee"].is_number_unsigned() ||
      json["trustee"].get<uint64_t>() < 1 || json["trustee"].get<uint64_t>() > trustees) {
    return refuse(Cat("\"trustee\" is no number from 1 to ", trustees));
  }
  RehearsalShare out;
  out.trustee = json["trustee"].get<uint32_t>();
  out.label = word("label");
  const std::string hex = word("share");
  std::string bytes(hex.size() / 2, '\0');
  if (!base::UnhexInto(hex, reinterpret_cast<uint8_t*>(bytes.data()), bytes.size())) {
    return refuse("\"share\" is not hexadecimal");
  }
  auto share = poll::DecodeDecryptionShare(bytes, 1, state.definition()->keys());
  if (!share.ok()) return base::Annotate(share.status(), "\"share\"");
  out.share = *std::move(share);
  return out;
}

absl::StatusOr<RehearsalShare> Rehearse(const poll::State& state, std::string_view label,
                                        TrusteeSecrets* secrets) {
  URNA_RETURN_IF_ERROR(CheckPhase(state));
  URNA_RETURN_IF_ERROR(CatchUp(state, secrets));
  const crypto::Ciphertext votes = TestVotes(state, label);
  if (secrets->shares.size() != votes.C.size()) {
    return Fail("the state file holds no shares of this poll's keys");
  }
  const std::vector<Point> R = {votes.R};
  const std::vector<Point> P = crypto::PublicShares(DealsOf(state), secrets->trustee);
  RehearsalShare out{secrets->trustee, std::string(label),
                     crypto::MakeDecryptionShare({.opening = state.poll(),
                                                  .closed = state.poll(),
                                                  .contest = kContest,
                                                  .trustee = secrets->trustee,
                                                  .R = R,
                                                  .P = P},
                                                 secrets->shares)};
  URNA_RETURN_IF_ERROR(Verify(state, votes, out.trustee, out.share));
  return out;
}

absl::Status CombineRehearsal(const poll::State& state, std::span<const RehearsalShare> shares) {
  URNA_RETURN_IF_ERROR(CheckPhase(state));
  const uint32_t needed = state.definition()->trustees_needed;
  if (shares.size() < needed) {
    return Fail(Cat(shares.size(), " of ", needed, " trustees' shares were given"));
  }
  for (const RehearsalShare& share : shares) {
    if (share.label != shares.front().label) {
      return Fail(Cat("the shares are of different rehearsals, \"", shares.front().label,
                      "\" and \"", share.label, "\""));
    }
    if (std::ranges::count(shares, share.trustee, &RehearsalShare::trustee) != 1) {
      return Fail(Cat("two shares of trustee ", share.trustee));
    }
  }
  const crypto::Ciphertext votes = TestVotes(state, shares.front().label);
  for (const RehearsalShare& share : shares) {
    URNA_RETURN_IF_ERROR(Verify(state, votes, share.trustee, share.share));
  }
  std::vector<uint32_t> trustees;
  std::vector<std::vector<Point>> decrypted;
  for (const RehearsalShare& share : shares.first(needed)) {
    trustees.push_back(share.trustee);
    decrypted.push_back(share.share.D);
  }
  const std::vector<Point> values = crypto::CombineDecryption(votes.C, trustees, decrypted);
  for (size_t w = 0; w < values.size(); ++w) {
    if (values[w] != crypto::MulBase(Scalar::FromU64(w + 1))) {
      return base::Failure(absl::StatusCode::kInternal,
                           Cat("all shares are right, but test vote ", w + 1, " is not decrypted"));
    }
  }
  return absl::OkStatus();
}

}  // namespace urna::client
