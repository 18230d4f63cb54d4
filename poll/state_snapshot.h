#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/codec.h"
#include "ledger/record.h"
#include "poll/state.h"

namespace urna::poll {

/// What a State must know of one accepted ballot.
struct BallotNote {
  uint64_t index = 0;  ///< of its record
  base::Bytes32 ballot_key{};
  Hash32 payload_hash{};
  uint16_t style = 0;
  uint16_t revision = 0;
};
inline constexpr size_t kBallotNoteBytes = 8 + 32 + 32 + 2 + 2;

/// The note of a record that a state accepted; nothing if it is no ballot.
std::optional<BallotNote> NoteBallot(uint64_t index, const ledger::RecordView& record);
/// u64le index | ballot key | SHA-256 of the payload | u16le style | u16le revision.
std::string EncodeBallotNote(const BallotNote& note);
/// Precondition: kBallotNoteBytes of them.
BallotNote DecodeBallotNote(std::string_view bytes);

/// A State as bytes, so that a process need not fold its ledger anew. docs/decisions/0018.
///
/// Only what the ledger does not hold word for word is in a snapshot: definition and roll are read
/// from their records again, ballots come as notes, which grow at their end. A snapshot is a cache
/// of its own process: whoever keeps it compares hashes before it is decoded. Nothing in it is
/// checked as if a stranger had written it, but no bytes make decoding crash or read outside them.
class StateSnapshot {
 public:
  /// Precondition: the definition is known. Equal states give equal bytes.
  static std::string Encode(const State& state);
  /// `notes`: of the first ballots of the ledger, at least those of the state; what is more is not
  /// read. `read_record` as State takes it. Errors: Reject("snapshot.malformed"); those of
  /// `read_record`; Reject("snapshot.other-ledger") if the ledger's definition or roll are others.
  static absl::StatusOr<State> Decode(std::string_view bytes, std::string_view notes,
                                      State::ReadRecord read_record);

 private:
  static void KnowsEveryMember(const State& state);
  static absl::Status ReadRoll(State& state, bool known);
  static absl::Status TakeNotes(State& state, std::string_view notes);
  struct MixToRepeat {
    uint32_t contest = 0, trustee = 0;
    std::vector<StoredPart> parts;
  };
  static void PutMixed(base::Writer& w, const MixedTally& tally);
  template <typename Fields>
  static void GetMixed(Fields& f, State& state, uint32_t contest,
                       std::vector<MixToRepeat>& unfinished);
  static absl::Status RepeatMix(State& state, const MixToRepeat& mix);
};

}  // namespace urna::poll
