#pragma once

#include <cstdint>
#include <string>
#include <string_view>

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

}  // namespace urna::client
