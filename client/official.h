#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/connection.h"
#include "crypto/signature.h"
#include "poll/state.h"

namespace urna::client {

/// The official (index) whose key this is. Errors: NotFound.
absl::StatusOr<uint32_t> OfficialNumber(const poll::Definition& definition,
                                        const crypto::Ed25519Public& key);

/// Whether officials may take this step now, as the state machine will judge it later, with a
/// message for people. Errors: FailedPrecondition, InvalidArgument.
absl::Status MayTake(const poll::State& state, const poll::Payload& step);

/// Signs `step` (without approvals) as the next step after `state` and sends the approval.
/// `attachment`: the definition's text or roll entries; sent unless the step is pending already.
absl::StatusOr<v1::ApproveResponse> Approve(Connection& connection, const poll::State& state,
                                            const poll::Payload& step, uint32_t official,
                                            const crypto::Ed25519Key& key,
                                            std::string_view attachment);

/// The steps that lack approvals, as the server says: of a poll, or being defined if `poll` is "".
/// None on a server that runs issuers only, which takes no steps.
absl::StatusOr<v1::PendingResponse> ListPending(Connection& connection, const std::string& poll);

/// A step that lacks approvals, as the server says: whoever signs it checks its content, not who
/// approved it before.
struct PendingStep {
  poll::Payload step;
  std::string body;
  std::vector<uint32_t> approved;  ///< officials (indices)
  std::vector<uint32_t> lapsed;    ///< approved for a place that the ledger has left
  uint64_t since = 0;              ///< Unix seconds

  /// What stands for it on the command line: the first 8 digits of the SHA-256 of its body.
  std::string code() const;
};
/// Of the poll whose ledger `state` is. Errors: as Call; those of DecodePayload.
absl::StatusOr<std::vector<PendingStep>> FetchPending(Connection& connection,
                                                      const poll::State& state);
/// Steps of the same kind about the same thing with another content, that somebody other than
/// `official` approved.
std::vector<PendingStep> Competing(const std::vector<PendingStep>& pending,
                                   const poll::Payload& step, uint32_t official);

/// What a step does to the poll, in plain words, without a full stop at the end.
std::string DescribeStep(const poll::State& state, const poll::Payload& step);

/// Takes back the approval that this official gave to `step` at the present place. Returns how many
/// are left. Errors: NotFound if there is none.
absl::StatusOr<uint32_t> Withdraw(Connection& connection, const poll::State& state,
                                  const poll::Payload& step, uint32_t official,
                                  const crypto::Ed25519Key& key);

}  // namespace urna::client
