#include "client/mixing.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/codec.h"
#include "base/status.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "crypto/shuffle.h"

namespace urna::client {
namespace {

using base::Cat;
using poll::RecordKind;

constexpr std::string_view kFormat = "urna-mix/1";
constexpr size_t kMaxPart = size_t{32} * crypto::MixLayout::kMaxItems;

absl::Status Damaged(std::string_view why) {
  return base::Failure(absl::StatusCode::kInvalidArgument, Cat("not a mix, or damaged: ", why));
}

/// The part as record `counter` of its trustee.
Submission SignPart(const poll::State& state, const crypto::Ed25519Key& key, const StoredMix& mix,
                    uint64_t part, uint64_t counter) {
  const poll::Contest& contest = state.definition()->contests[mix.contest];
  const crypto::MixLayout layout(state.ContestBallots(mix.contest),
                                 std::get<crypto::Picks>(contest.rule).w);
  poll::MixPart fields;
  fields.trustee = static_cast<uint8_t>(mix.trustee);
  fields.contest = static_cast<uint16_t>(mix.contest);
  fields.part = static_cast<uint32_t>(part);
  fields.data = mix.parts[part];
  if (part < layout.output_parts()) {
    return {RecordKind::kMixPart, SignAndEncode(state, key, std::move(fields), counter)};
  }
  return {RecordKind::kMixProofPart,
          SignAndEncode(state, key, poll::MixProofPart{std::move(fields)}, counter)};
}

}  // namespace

std::string StoredMix::Encode() const {
  base::Writer out;
  out.Frame(kFormat)
      .Raw(poll)
      .U16(static_cast<uint16_t>(contest))
      .U8(static_cast<uint8_t>(trustee));
  out.Raw(inputs).U32(static_cast<uint32_t>(parts.size()));
  for (const std::string& part : parts) out.Frame(part);
  const Hash32 hash = crypto::HashSha256(out.bytes());
  return out.Raw(hash).Take();
}

absl::StatusOr<StoredMix> StoredMix::Decode(std::string_view bytes) {
  constexpr size_t kHash = sizeof(Hash32);
  if (bytes.size() < kHash) return Damaged("it is too short");
  const std::string_view hashed = bytes.substr(0, bytes.size() - kHash);
  if (base::View(crypto::HashSha256(hashed)) != bytes.substr(hashed.size())) {
    return Damaged("its hash does not fit");
  }
  base::Reader r(hashed);
  if (r.Frame(kFormat.size()) != kFormat) r.Fail("the format");
  StoredMix mix;
  mix.poll = r.Fixed<32>();
  mix.contest = r.U16();
  mix.trustee = r.U8();
  mix.inputs = r.Fixed<32>();
  const uint32_t parts = r.U32();
  for (uint32_t i = 0; i < parts && r.ok(); ++i) mix.parts.emplace_back(r.Frame(kMaxPart));
  const absl::Status finished = r.Finish();
  if (!finished.ok()) return Damaged(std::string(finished.message()));
  return mix;
}

Hash32 MixInputsHash(const crypto::MixStatement& statement, const crypto::VectorList& inputs) {
  crypto::Sha256 hash;
  hash.Update(crypto::Frame("urna/v1")).Update(crypto::Frame("trustee-mix-inputs"));
  hash.Update(base::View(statement.opening)).Update(base::View(statement.closed));
  hash.Update(crypto::Frame(statement.contest));
  for (const crypto::Point& key : statement.keys) hash.Update(key.view());
  for (const crypto::Point& point : inputs.points) hash.Update(point.view());
  return hash.Finish();
}

absl::StatusOr<MixDuty> MixDutyOf(const poll::State& state, uint32_t contest, uint32_t trustee) {
  if (state.phase() != poll::Phase::kClosed) return WrongPhase(state, "mix");
  if (!state.RegistersSettled()) {
    return base::Failure(absl::StatusCode::kFailedPrecondition,
                         "cannot mix: a register is missing");
  }
  if (!state.IsMixed(contest)) return MixDuty::kNone;
  if (!state.NeedsDecryption(contest)) return MixDuty::kWithheld;
  const poll::MixedTally& tally = state.Mixed(contest);
  if (std::ranges::find(tally.mixers(), trustee) != tally.mixers().end()) return MixDuty::kDone;
  return tally.shares().empty() ? MixDuty::kDue : MixDuty::kTooLate;
}

absl::StatusOr<StoredMix> MakeMix(const poll::State& state, uint32_t contest, uint32_t trustee,
                                  const std::function<void(uint64_t, uint64_t)>& progress) {
  URNA_ASSIGN_OR_RETURN(const crypto::VectorList inputs, state.MixVectors(contest));
  const crypto::MixStatement statement = state.MixStatementFor(contest, trustee);
  const uint64_t parts = crypto::MixLayout(inputs.size(), inputs.width).part_count();
  StoredMix mix;
  mix.poll = state.poll();
  mix.contest = contest;
  mix.trustee = trustee;
  mix.inputs = MixInputsHash(statement, inputs);
  const auto keep = [&](std::string_view part) {
    mix.parts.emplace_back(part);
    progress(mix.parts.size(), parts);
    return absl::OkStatus();
  };
  URNA_RETURN_IF_ERROR(crypto::Mix(statement, inputs, keep).status());
  return mix;
}

absl::StatusOr<bool> StillFits(const poll::State& state, const StoredMix& mix, uint32_t contest,
                               uint32_t trustee) {
  if (mix.poll != state.poll() || mix.contest != contest || mix.trustee != trustee) return false;
  URNA_ASSIGN_OR_RETURN(const crypto::VectorList inputs, state.MixVectors(contest));
  const crypto::MixLayout layout(inputs.size(), inputs.width);
  return mix.parts.size() == layout.part_count() &&
         mix.inputs == MixInputsHash(state.MixStatementFor(contest, trustee), inputs);
}

uint64_t PartsRecorded(const poll::State& state, const crypto::Ed25519Key& key,
                       const StoredMix& mix) {
  const auto unfinished = state.Mixed(mix.contest).unfinished();
  if (!unfinished.has_value() || unfinished->trustee != mix.trustee) return 0;
  const uint64_t count = unfinished->parts;
  const uint64_t counter = state.TrusteeCounter(mix.trustee);
  if (count > mix.parts.size() || count > counter) return 0;
  // A signature follows from what it signs, its place included: so the same parts are the same
  // records, if this trustee did nothing else since.
  for (uint64_t part = 0; part < count; ++part) {
    const Submission same = SignPart(state, key, mix, part, counter - count + part);
    if (crypto::HashSha256(same.payload) != unfinished->records[part].payload_hash) return 0;
  }
  return count;
}

Submission PrepareMixPart(const poll::State& state, const crypto::Ed25519Key& key,
                          const StoredMix& mix, uint64_t part, uint64_t sent) {
  return SignPart(state, key, mix, part, state.TrusteeCounter(mix.trustee) + sent);
}

}  // namespace urna::client
