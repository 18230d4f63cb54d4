#pragma once

#include <functional>
#include <string>

#include <CLI/CLI.hpp>

#include "absl/status/status.h"
#include "client/connection.h"
#include "client/key_file.h"

namespace urna::client {

/// Options that every command of `urna` shares; commands keep a pointer to the one instance.
struct GlobalOptions {
  ServerOptions server;
  PassphraseOptions passphrase;
  bool json = false;

  /// --server, --certificate, --plaintext on `command`.
  void AddServer(CLI::App* command);
  /// --passphrase-file on `command`.
  void AddPassphrase(CLI::App* command);
};

/// A command's work: runs after parsing; the status becomes the exit code (0 OK; 1 rejected or
/// failed; 2 wrong usage) and one line on standard error.
using Action = std::function<absl::Status()>;

/// Each adds its subcommands to `app`; parsing stores the chosen action in `*action`.
void AddPollCommands(CLI::App& app, GlobalOptions& global, Action* action);
void AddOfficialCommands(CLI::App& app, GlobalOptions& global, Action* action);
void AddTrusteeCommands(CLI::App& app, GlobalOptions& global, Action* action);
void AddLedgerCommands(CLI::App& app, GlobalOptions& global, Action* action);
void AddRollCommands(CLI::App& app, GlobalOptions& global, Action* action);
void AddVoteCommands(CLI::App& app, GlobalOptions& global, Action* action);
void AddReceiptCommands(CLI::App& app, GlobalOptions& global, Action* action);

}  // namespace urna::client
