#include "poll/mixed_tally.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"

namespace urna::poll {

using base::Cat;
using base::Reject;

// --- Mixes ---------------------------------------------------------------------------------------

std::optional<MixedTally::UnfinishedMix> MixedTally::unfinished() const {
  if (!unfinished_.has_value()) return std::nullopt;
  return UnfinishedMix{unfinished_->trustee, unfinished_->parts.size(),
                       unfinished_->verifier->layout().part_count(), unfinished_->parts};
}

absl::Status MixedTally::CheckMixPlace(uint32_t trustee, uint32_t part, bool proof) const {
  if (!shares_.empty()) {
    return Reject("mix.late", "the contest is being decrypted");
  }
  if (std::ranges::find(mixers_, trustee) != mixers_.end()) {
    return Reject("mix.twice", Cat("trustee ", trustee, " mixed this contest before"));
  }
  bool belongs_to_proof = false;
  if (part > 0) {
    if (!unfinished_.has_value() || unfinished_->trustee != trustee ||
        unfinished_->parts.size() != part) {
      return Reject("mix.out-of-order",
                    Cat("part ", part, " of trustee ", trustee, "'s mix, but ",
                        unfinished_.has_value()
                            ? Cat("part ", unfinished_->parts.size(), " of trustee ",
                                  unfinished_->trustee, "'s mix, or part 0 of another, is next")
                            : "a mix begins with part 0"));
    }
    belongs_to_proof = part >= unfinished_->verifier->layout().output_parts();
  }
  if (proof != belongs_to_proof) {
    return Reject("mix.out-of-order",
                  Cat("part ", part, " is a part of the ", belongs_to_proof ? "proof" : "outputs",
                      ", which the record's kind does not say"));
  }
  return absl::OkStatus();
}

absl::Status MixedTally::AddMixPart(
    const crypto::MixStatement& statement, const MixPart& part, const StoredPart& at,
    const std::function<absl::StatusOr<crypto::VectorList>()>& inputs) {
  Mix mix;
  if (part.part == 0) {
    URNA_ASSIGN_OR_RETURN(crypto::VectorList list, inputs());
    mix.trustee = part.trustee;
    mix.inputs = std::make_shared<const crypto::VectorList>(std::move(list));
    mix.verifier = std::make_shared<crypto::MixVerifier>(statement, *mix.inputs);
  } else {
    mix = *unfinished_;
  }
  const crypto::MixLayout& layout = mix.verifier->layout();
  const bool last = part.part + 1 == layout.part_count();
  // Another copy may go on elsewhere, and a last part that is wrong must leave this one as it is.
  if (last || mix.verifier.use_count() > 2) {
    mix.verifier = std::make_shared<crypto::MixVerifier>(*mix.verifier);
  }
  URNA_RETURN_IF_ERROR(mix.verifier->Add(part.data));
  mix.parts.push_back(at);
  if (!last) {
    unfinished_ = std::move(mix);
    return absl::OkStatus();
  }
  const size_t output_parts = layout.output_parts();
  URNA_RETURN_IF_ERROR(std::move(*mix.verifier).Finish().status());
  mix.parts.resize(output_parts);
  outputs_ = std::move(mix.parts);
  mixers_.push_back(part.trustee);
  unfinished_.reset();
  return absl::OkStatus();
}

absl::StatusOr<crypto::VectorList> MixedTally::Outputs(size_t width, const ReadPart& read) const {
  crypto::VectorList list{.width = width, .points = {}};
  for (const StoredPart& stored : outputs_) {
    URNA_ASSIGN_OR_RETURN(const std::string payload, read(stored));
    URNA_ASSIGN_OR_RETURN(
        const Payload part,
        DecodePayload(static_cast<uint8_t>(RecordKind::kMixPart), payload, nullptr));
    const std::string& data = std::get<MixPart>(part).data;
    for (size_t at = 0; at < data.size(); at += 32) {
      base::Bytes32 point;
      std::copy_n(base::Data(data) + at, point.size(), point.begin());
      list.points.push_back(Point::FromTrusted(point));
    }
  }
  return list;
}

// --- Shares --------------------------------------------------------------------------------------

uint32_t MixedTally::CompleteShares() const {
  return static_cast<uint32_t>(
      std::ranges::count_if(shares_, [](const auto& share) { return share.second.complete; }));
}

bool MixedTally::HasShare(uint32_t trustee) const {
  const auto found = shares_.find(trustee);
  return found != shares_.end() && found->second.complete;
}

absl::Status MixedTally::CheckSharePlace(const DecryptionPart& part, uint64_t ballots,
                                         uint32_t width, uint32_t needed) const {
  if (mixers_.size() < needed) {
    return Reject("decryption.early", Cat("a share before ", needed, " trustees have mixed; ",
                                          mixers_.size(), " have"));
  }
  const auto found = shares_.find(part.trustee);
  if (found != shares_.end() && found->second.complete) {
    return Reject("decryption.twice", Cat("trustee ", part.trustee, " gave its share before"));
  }
  const uint64_t parts = SharePartCount(ballots, width);
  if (part.parts != parts || part.part >= parts ||
      part.data.size() != SharePartBytes(ballots, width, part.part)) {
    return Reject("decryption.parts", Cat("part ", part.part, " of ", part.parts, " with ",
                                          part.data.size(), " bytes; a share of ", ballots,
                                          " ballots of ", width, " picks has ", parts, " parts"));
  }
  const size_t next = found == shares_.end() ? 0 : found->second.parts.size();
  if (part.part != 0 && part.part != next) {
    return Reject("decryption.out-of-order",
                  Cat("part ", part.part, " of trustee ", part.trustee, "'s share; ",
                      next == 0 ? "" : Cat("part ", next, ", or "), "part 0 is next"));
  }
  return absl::OkStatus();
}

void MixedTally::AddSharePart(const DecryptionPart& part, const StoredPart& at) {
  Share& share = shares_[part.trustee];
  if (part.part == 0) share.parts.clear();
  share.parts.push_back(at);
  share.complete = share.parts.size() == part.parts;
}

absl::StatusOr<crypto::DecryptionShare> MixedTally::ReadShare(uint32_t trustee, uint64_t ballots,
                                                              uint32_t width, std::string_view last,
                                                              const ReadPart& read) const {
  std::string data;
  if (const auto found = shares_.find(trustee); found != shares_.end()) {
    for (const StoredPart& stored : found->second.parts) {
      URNA_ASSIGN_OR_RETURN(const std::string payload, read(stored));
      URNA_ASSIGN_OR_RETURN(
          const Payload part,
          DecodePayload(static_cast<uint8_t>(RecordKind::kDecryptionPart), payload, nullptr));
      data += std::get<DecryptionPart>(part).data;
    }
  }
  data += last;
  return DecodeDecryptionShare(data, ballots, width);
}

// --- Picks ---------------------------------------------------------------------------------------

std::optional<std::string> WhyVoid(const Contest& contest, std::span<const uint8_t> picks) {
  std::vector<bool> seen(contest.options.size(), false);
  size_t given = 0;
  uint64_t cost = 0;
  for (const uint8_t pick : picks) {
    if (pick == 0) continue;
    if (pick > seen.size()) return Cat("picks option ", int{pick}, " of ", seen.size());
    if (seen[pick - 1u]) return Cat("picks option ", int{pick}, " twice");
    seen[pick - 1u] = true;
    ++given;
    if (contest.cost_limit.has_value()) cost += contest.options[pick - 1u].project->cost;
  }
  if (given < contest.least_picks) {
    return Cat(given, given == 1 ? " pick" : " picks", " instead of at least ",
               contest.least_picks);
  }
  if (contest.cost_limit.has_value() && cost > *contest.cost_limit) {
    const uint32_t decimals = std::get<Budget>(contest.decision).decimals;
    return Cat("picks projects for ", counting::FormatAmount(cost, decimals), ", more than ",
               counting::FormatAmount(*contest.cost_limit, decimals));
  }
  return std::nullopt;
}

}  // namespace urna::poll
