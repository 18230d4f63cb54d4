#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/signature.h"
#include "poll/payload.h"
#include "server/clock.h"
#include "server/disk_watch.h"
#include "server/live_poll.h"
#include "server/log.h"
#include "server/sequencer.h"

namespace urna::server {

/// Steps of officials on their way to k approvals. What lacks approvals is kept in memory only:
/// after a restart officials approve again. Safe from any thread.
class Steps {
 public:
  /// What this server demands of a poll that is to be defined on it.
  struct Rules {
    std::vector<crypto::Ed25519Public> officials;  ///< who may define polls
    crypto::Ed25519Public ballot_box{};            ///< this server's checkpoint key
    std::vector<crypto::Ed25519Public> issuers;    ///< those that run here or are known to
    std::vector<ledger::NoteKey> witnesses;        ///< those that are asked to cosign
  };
  static constexpr size_t kMaxAttachmentBytes = size_t{64} << 20;

  Steps(Rules rules, PollBook& book, Sequencer& sequencer, const Clock& clock,
        const DiskWatch& disk, Log& log);

  struct Step {
    std::optional<Hash32> poll;  ///< null for `defined`
    poll::RecordKind kind{};
    std::string body;
    crypto::Ed25519Public official{};
    crypto::Ed25519Signature signature{};
  };
  /// Before any attachment is received: the step is an official's, of this poll (or configured, for
  /// `defined`), its signature holds at this moment, and the disk has room for such a step.
  /// Errors: NotFound, Reject("step.kind"), Reject("official.unknown"),
  /// Reject("approval.signature-invalid"), those of DecodePayload, ResourceExhausted.
  absl::Status CheckSubmitter(const Step& step) const;

  struct Progress {
    bool recorded = false;
    uint32_t approvals = 0;
    uint32_t needed = 0;
    Hash32 poll{};  ///< zeros while being defined
  };
  /// Takes an approval; the one that completes a step appends it and waits until it is durable. A
  /// step that the ledger would refuse as it stands is refused at once. Of steps that compete
  /// (poll::StepSubject) an official approves one: a newer approval takes back the older.
  /// Errors: as CheckSubmitter; Reject("step.attachment-missing"),
  /// Reject("step.attachment-unexpected"), Reject("definition. ..."); those of State::Apply;
  /// ResourceExhausted, Unavailable.
  absl::StatusOr<Progress> Approve(const Step& step, std::string attachment);

  /// Takes an approval back. `signature` signs WithdrawalMessage of the approval's signature.
  /// Returns how many approvals are left; without any the proposal is gone.
  /// Errors: NotFound if this official's approval is not pending;
  /// Reject("withdrawal.signature-invalid").
  absl::StatusOr<uint32_t> Withdraw(const Step& step);

  struct Pending {
    std::optional<Hash32> poll;
    poll::RecordKind kind{};
    std::string body;
    std::vector<crypto::Ed25519Public> officials;
    std::vector<crypto::Ed25519Public> lapsed;  ///< approved for a place the ledger has left
    uint32_t needed = 0;
    bool stale = false;  ///< no approval is left
    uint64_t since = 0;
  };
  std::vector<Pending> List(const std::optional<Hash32>& poll);
  /// Errors: NotFound.
  absl::StatusOr<std::shared_ptr<const std::string>> Attachment(const std::optional<Hash32>& poll,
                                                                poll::RecordKind kind,
                                                                const std::string& body);

 private:
  struct Proposal {
    Step step;  ///< as proposed; poll, kind and body are all approvals' own
    std::shared_ptr<const std::string> attachment;
    std::shared_ptr<const poll::Definition> definition;
    std::vector<Checked> parts;  ///< definition or roll parts
    std::string subject;
    std::map<uint8_t, crypto::Ed25519Signature> approvals;
    std::set<uint8_t> lapsed;
    uint64_t since = 0;
    uint64_t order = 0;
  };
  using Key = std::tuple<std::optional<Hash32>, poll::RecordKind, Hash32>;

  static Key KeyOf(const std::optional<Hash32>& poll, poll::RecordKind kind,
                   const std::string& body);
  absl::Status CheckServerRules(const poll::Definition& definition) const;
  /// No two polls of a server have one origin. Only steps, one at a time, make polls.
  /// Errors: Reject("definition.origin-used").
  absl::Status CheckOrigin(const poll::Definition& definition) const;
  absl::StatusOr<Proposal> MakeProposal(const Step& step, std::string attachment) const;
  absl::Status MakeRoom(const Proposal& proposal);
  void DropStaleApprovals(Proposal& proposal) const;
  void DropImpossible(const std::optional<Hash32>& poll);
  template <typename Change>
  void ForCompeting(const Proposal& proposal, Change change);
  absl::StatusOr<std::vector<Checked>> Assemble(const Proposal& proposal) const;

  const Rules rules_;
  PollBook& book_;
  Sequencer& sequencer_;
  const Clock& clock_;
  const DiskWatch& disk_;
  Log& log_;

  std::mutex mutex_;
  std::map<Key, Proposal> proposals_;
  uint64_t next_order_ = 0;
};

}  // namespace urna::server
