#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/shuffle.h"
#include "poll/definition.h"
#include "poll/payload.h"

namespace urna::poll {

/// A record that carries part of something larger, to be read again when the whole is there.
struct StoredPart {
  uint64_t index = 0;
  Hash32 payload_hash{};

  bool operator==(const StoredPart&) const = default;
};

/// What the trustees did with one mixed contest: mixes in turn, then shares. docs/protocol.md
/// section 8, "Mixing". It keeps where the parts are, and of an unfinished mix what its proof
/// needs; copies share that until one of them goes on.
class MixedTally {
 public:
  /// Reads the payload of a stored part again.
  using ReadPart = std::function<absl::StatusOr<std::string>(const StoredPart&)>;

  struct UnfinishedMix {
    uint32_t trustee = 0;
    uint64_t parts = 0;  ///< that came
    uint64_t of = 0;
    std::vector<StoredPart> records;  ///< which they are
  };
  struct Share {
    std::vector<StoredPart> parts;
    bool complete = false;
  };

  // --- Mixes ---

  /// Whose mixes hold, in their order.
  const std::vector<uint32_t>& mixers() const { return mixers_; }
  std::optional<UnfinishedMix> unfinished() const;
  /// Whether this part may come now: the next of the unfinished mix, or the first of another, which
  /// takes its place. `proof`: whether it came as a part of the proof.
  /// Errors: Reject("mix.late"), Reject("mix.twice"), Reject("mix.out-of-order").
  absl::Status CheckMixPlace(uint32_t trustee, uint32_t part, bool proof) const;
  /// The next part of a mix of `inputs`, which are read for the first part only. With the last, the
  /// mix holds. On an error nothing changes.
  /// Precondition: CheckMixPlace. Errors: those of MixVerifier, and of `inputs`.
  absl::Status AddMixPart(const crypto::MixStatement& statement, const MixPart& part,
                          const StoredPart& at,
                          const std::function<absl::StatusOr<crypto::VectorList>()>& inputs);
  /// What the last mixer gave out. Precondition: there is one. Errors: those of `read`.
  absl::StatusOr<crypto::VectorList> Outputs(size_t width, const ReadPart& read) const;

  // --- Shares ---

  /// By trustee, complete or not.
  const std::map<uint32_t, Share>& shares() const { return shares_; }
  uint32_t CompleteShares() const;
  bool HasShare(uint32_t trustee) const;
  /// Whether this part may come now: the next, or the first of a share begun anew.
  /// Errors: Reject("decryption.early") before `needed` mixes, Reject("decryption.twice"),
  /// Reject("decryption.parts"), Reject("decryption.out-of-order").
  absl::Status CheckSharePlace(const DecryptionPart& part, uint64_t ballots, uint32_t width,
                               uint32_t needed) const;
  /// Keeps a part. Precondition: CheckSharePlace, and for the last that the share is valid.
  void AddSharePart(const DecryptionPart& part, const StoredPart& at);
  /// The share of a trustee whose parts have all come, or all but `last`.
  absl::StatusOr<crypto::DecryptionShare> ReadShare(uint32_t trustee, uint64_t ballots,
                                                    uint32_t width, std::string_view last,
                                                    const ReadPart& read) const;

  // --- Picks ---

  /// All ballots in the order of the last mix, `width` picks each: 0 for none, options from 1; null
  /// until enough shares are there. Written once.
  const std::shared_ptr<const std::vector<uint8_t>>& picks() const { return picks_; }
  void SetPicks(std::vector<uint8_t> picks) {
    picks_ = std::make_shared<const std::vector<uint8_t>>(std::move(picks));
  }

 private:
  friend class StateSnapshot;  // which must know every member below
  struct Mix {
    uint32_t trustee = 0;
    std::vector<StoredPart> parts;
    std::shared_ptr<const crypto::VectorList> inputs;
    std::shared_ptr<crypto::MixVerifier> verifier;
  };

  std::vector<uint32_t> mixers_;
  std::vector<StoredPart> outputs_;  // of the last of them
  std::optional<Mix> unfinished_;
  std::map<uint32_t, Share> shares_;
  std::shared_ptr<const std::vector<uint8_t>> picks_;
};

/// Why these picks are void in a contest with the ballot rule `picks`, in a few words; nothing if
/// they are valid.
std::optional<std::string> WhyVoid(const Contest& contest, std::span<const uint8_t> picks);

}  // namespace urna::poll
