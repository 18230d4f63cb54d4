#pragma once

#include <CLI/CLI.hpp>
#include <iosfwd>
#include <string>

#include "client/cli.h"
#include "poll/definition.h"
#include "poll/state.h"

namespace urna::client {

/// A text in the poll's first language.
std::string Shown(const poll::Definition& definition, const poll::Texts& texts);
/// The result for people, as `tally` shows it and as officials see it before they sign.
void PrintResult(std::ostream& out, const poll::State& state, const poll::Result& result);

/// The commands of `urna poll` about a poll's result.
void AddResultCommands(CLI::App* polls, GlobalOptions& global, Action* action);

}  // namespace urna::client
