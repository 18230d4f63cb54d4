#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "crypto/ballot.h"
#include "crypto/credential.h"
#include "crypto/signature.h"
#include "crypto/token.h"
#include "crypto/trustee.h"
#include "ledger/checkpoint.h"
#include "poll/payload.h"
#include "poll/state.h"

namespace urna::testing {

using crypto::Hash32;
using crypto::Point;
using crypto::Scalar;

struct ElectionOptions {
  uint32_t voters = 6;
  uint32_t styles = 2;
  uint32_t officials = 3, officials_needed = 2;
  uint32_t trustees = 3, trustees_needed = 2;
  uint32_t issuers = 1;
  uint32_t witnesses = 0, witnesses_needed = 0;
  uint64_t minimum_ballots = 2;
  uint64_t publish_every = 3600;
  bool revoting = true;
  bool rehearsal = false;
  std::string origin = "urna.example/test";  ///< of a rehearsal: with "/rehearsal" after it
  /// JSON of the "contests" array; empty: two referendum questions q1 and q2.
  std::string contests_json;
  /// Contest ids of every style; empty: all contests.
  std::vector<std::vector<std::string>> style_contests;
  std::string roll_label = "test-roll";
};

/// One style with the question q1 and the contest "m", whose ballots are mixed: up to `picks` of so
/// many projects, at least one.
ElectionOptions WithMixedContest(uint32_t voters = 5, uint32_t projects = 20, uint32_t picks = 2);

/// The parts of a mix by `trustee` (from 1), not signed yet.
std::vector<poll::Payload> MixPartsOf(const poll::State& state, uint32_t trustee, uint32_t contest);
/// The parts of a decryption share, not signed yet. `secrets`: k_(i,w) of all keys.
std::vector<poll::DecryptionPart> SharePartsOf(const poll::State& state, uint32_t trustee,
                                               uint32_t contest,
                                               std::span<const crypto::SecretScalar> secrets);

/// Plays every party of a poll and writes its ledger, through the same functions that server and
/// clients use. Steps are called in the protocol's order; `RunUntilOpen`, `RunAfterVoting` and
/// `RunAll` string them together. Attacks: `tamper` changes a payload before it is signed, so that
/// exactly one rule is broken and everything around it stays valid.
class TestElection {
 public:
  explicit TestElection(const ElectionOptions& options = {});

  struct Voter {
    crypto::CredentialKey credential;
    uint16_t style = 0;
    crypto::Omega omega;
    crypto::BallotKey ballot_key;
    std::vector<crypto::Token> tokens;
    uint16_t revision = 0;
  };

  // --- Steps; each appends its records ---
  void Define();
  void SealRoll();
  void JoinIssuers();
  void JoinTrustees();
  void Deal();
  void Confirm();
  void Open();
  /// Issues this voter's tokens; nothing goes to the ledger.
  void Issue(size_t voter);
  /// The same without the issuers' books: returns each issuer's entry, for AddAnswer. Safe for
  /// several voters at once.
  std::vector<poll::RegisterEntry> ObtainTokens(size_t voter);
  /// Issues if need be, encrypts, proves and casts. Slot values per contest of the voter's style.
  void Cast(size_t voter, const std::vector<std::vector<uint32_t>>& votes);
  void Pause();
  void Resume();
  void Extend(uint64_t end);
  void ReplaceCredential(const Point& old_credential, const Point& new_credential);
  void CountIssuance();
  /// As if the next `count` records had been written, signed for and lost.
  void AcceptLoss(uint64_t count);
  /// A checkpoint, signed by the ballot box, of a ledger of `size` records that is none of ours.
  std::string LostCheckpoint(uint64_t size) const;
  void End();
  void Close();
  void PublishRegisters();
  /// A mix of a mixed contest by `trustee`, all its parts.
  void Mix(uint32_t trustee, uint32_t contest);
  /// The parts that Mix appends, not signed yet.
  std::vector<poll::Payload> MakeMix(uint32_t trustee, uint32_t contest);
  void Decrypt(uint32_t trustee, uint32_t contest);
  /// The first trustees, as many as are needed, mix what is mixed and decrypt everything.
  void DecryptAll();
  void Certify();
  void Cancel();

  void RunUntilOpen();
  /// Voters vote in turn for option 0, option 1, blank; every third of them twice.
  void Vote();
  void RunAfterVoting();
  void RunAll();

  /// Called on every payload just before it is signed.
  std::function<void(poll::Payload&)> tamper;
  /// Called on every payload just after it is signed.
  std::function<void(poll::Payload&)> tamper_signed;
  /// Called on an issuer's entries before they are cut into parts.
  std::function<void(uint32_t issuer, std::vector<poll::RegisterEntry>&)> tamper_register;
  /// Called on every ballot before it is encoded.
  std::function<void(crypto::Ballot&)> tamper_ballot;

  // --- Building blocks ---
  /// Signs (officials, or the participant the payload names), encodes and appends.
  void Append(poll::Payload payload);
  /// Appends encoded payload bytes as they are.
  void AppendRaw(poll::RecordKind kind, std::string payload, uint64_t time);
  /// The same, where the verdict of CheckPayloads on the payload is known.
  void AppendJudged(poll::RecordKind kind, std::string payload, uint64_t time,
                    const absl::StatusOr<poll::CheckedPayload>& verdict);
  void Sign(poll::Payload& payload);
  /// Once the voter has tokens, safe for several voters at once.
  crypto::Ballot MakeBallot(size_t voter, const std::vector<std::vector<uint32_t>>& votes,
                            uint16_t revision);
  /// The slot values of a ballot that picks these options (from 1).
  static std::vector<uint32_t> SlotsOfPicks(const std::vector<uint32_t>& options, uint32_t picks);
  static std::vector<std::vector<uint32_t>> VotesFor(const crypto::BallotShape& shape, int choice);

  const std::vector<std::string>& records() const { return records_; }
  /// Leaves: the verdict of the state on each record that it rejected.
  const std::vector<std::pair<uint64_t, absl::Status>>& faults() const { return faults_; }
  poll::State& state() { return *state_; }
  const poll::PollContext& context() { return *state_->context(); }
  Voter& voter(size_t i) { return voters_[i]; }
  size_t voter_count() const { return voters_.size(); }
  std::string definition_json() const { return definition_json_; }
  const crypto::Ed25519Key& official(size_t i) const { return officials_[i]; }
  const crypto::Ed25519Key& trustee(size_t i) const { return trustees_[i]; }
  const crypto::Ed25519Key& issuer(size_t i) const { return issuers_[i]; }
  const crypto::Ed25519Key& ballot_box() const { return ballot_box_[0]; }
  const crypto::Ed25519Key& witness(size_t i) const { return witnesses_[i]; }
  ledger::NoteKey witness_key(size_t i) const;
  /// The signed checkpoint `note`, cosigned by these witnesses.
  std::string Cosigned(const std::string& note, const std::vector<size_t>& witnesses) const;
  /// The blind-signing key of an issuer that joined.
  const crypto::IssuerKey& issuer_key(size_t i) const { return issuer_keys_[i]; }
  ledger::NoteKey checkpoint_key() const;
  const std::vector<poll::RegisterEntry>& answered(uint32_t issuer) const {
    return answered_[issuer];
  }
  /// For an issuer that a test plays itself: counts, and goes into the register.
  void AddAnswer(uint32_t issuer, poll::RegisterEntry entry) {
    answered_[issuer].push_back(std::move(entry));
  }
  uint64_t now = 0;  ///< time of the next record

  /// Writes records (all, or `records`) as an export folder with a signed checkpoint.
  void WriteExport(const std::string& folder) const;
  void WriteExport(const std::string& folder, const std::vector<std::string>& records) const;
  /// Re-chains `records` (every `previous` recomputed): what a dishonest ballot box would do.
  static std::vector<std::string> Rechain(std::vector<std::string> records);
  /// A receipt for record `index` under a checkpoint of the first `size` records.
  std::string MakeReceipt(uint64_t index, uint64_t size) const;

 private:
  std::string MakeDefinition() const;

  ElectionOptions options_;
  std::vector<crypto::Ed25519Key> officials_, trustees_, issuers_, ballot_box_, witnesses_;
  std::vector<Voter> voters_;
  std::string definition_json_;
  std::vector<crypto::IssuerKey> issuer_keys_;
  std::vector<std::vector<poll::RegisterEntry>> answered_;  // by issuer
  std::vector<crypto::SealKey> seal_keys_;
  std::vector<crypto::Dealer> dealers_;
  std::vector<crypto::Deal> deals_;
  std::vector<std::vector<crypto::SecretScalar>> shares_;  // k_(i,w) by trustee - 1

  std::vector<std::string> records_;
  std::vector<std::pair<uint64_t, absl::Status>> faults_;
  std::unique_ptr<poll::State> state_;
};

}  // namespace urna::testing
