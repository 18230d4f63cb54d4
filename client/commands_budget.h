#pragma once

#include <CLI/CLI.hpp>

#include "client/cli.h"

namespace urna::client {

/// `urna budget`: counts of participatory budgets, without any poll.
void AddBudgetCommands(CLI::App& app, GlobalOptions& global, Action* action);

}  // namespace urna::client
