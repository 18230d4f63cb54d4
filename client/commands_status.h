#pragma once

#include <CLI/CLI.hpp>

#include "client/cli.h"

namespace urna::client {

/// `urna poll status`.
void AddStatusCommand(CLI::App* polls, GlobalOptions& global, Action* action);

}  // namespace urna::client
