#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "client/cli.h"
#include "client/official.h"
#include "poll/payload.h"

namespace urna::client {

/// What became of an approval: how many there are, or that the step is on the ledger.
void PrintApproval(const GlobalOptions& global, poll::RecordKind kind,
                   const v1::ApproveResponse& response, const std::string& poll_hex);

/// The commands of `urna poll` by which officials take the steps of a poll.
void AddStepCommands(CLI::App* polls, GlobalOptions& global, Action* action);

}  // namespace urna::client
