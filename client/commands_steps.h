#pragma once

#include <CLI/CLI.hpp>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "client/cli.h"
#include "client/official.h"
#include "poll/payload.h"

namespace urna::client {

/// What became of an approval: how many there are, or that the step is on the ledger.
void PrintApproval(const GlobalOptions& global, poll::RecordKind kind,
                   const v1::ApproveResponse& response, const std::string& poll_hex);

/// Steps that lack approvals, as JSON and for people.
nlohmann::json PendingJson(const poll::State& state, const std::vector<PendingStep>& pending);
void PrintPending(const poll::State& state, const std::vector<PendingStep>& pending);
/// Another official proposed something else than `step`: shows both on stderr, so that this one
/// knows it and chooses. Returns the error, which says that nothing was signed.
absl::Status RefuseUnseen(const poll::State& state, const poll::Payload& step,
                          const std::vector<PendingStep>& competing);

/// The commands of `urna poll` by which officials take the steps of a poll.
void AddStepCommands(CLI::App* polls, GlobalOptions& global, Action* action);

}  // namespace urna::client
