#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/connection.h"
#include "client/key_file.h"
#include "client/poll_view.h"
#include "http/server.h"

namespace urna::client {

/// Options that every command of `urna` shares; commands keep a pointer to the one instance.
struct GlobalOptions {
  ServerOptions server;
  PassphraseOptions passphrase;
  bool json = false;
  /// Exit status of a command that fails; one that has another meaning sets it.
  int failure_status = 1;

  /// --server, --certificate, --plaintext on `command`.
  void AddServer(CLI::App* command);
  /// --passphrase-file on `command`.
  void AddPassphrase(CLI::App* command);
};

/// Options of commands that serve HTTP.
struct ListenFlags {
  std::string listen;  ///< HOST:PORT
  std::string certificate, certificate_key;

  /// --listen, --tls-certificate, --tls-key on `command`.
  void Add(CLI::App* command, const std::string& who, const std::string& listen_description);
  /// With the files read. Errors: InvalidArgument if one of the two is missing; those of ReadFile.
  absl::StatusOr<http::Server::Options> Options() const;
  /// Of a server that listens at `address`.
  std::string Url(const std::string& address) const;
};

/// --poll on `command`; what is no poll id is wrong usage.
void AddPoll(CLI::App* command, Hash32* poll);
/// --poll that may be left out.
void AddPoll(CLI::App* command, std::optional<Hash32>* poll);
/// A time such as 2014-05-25T21:00:00Z as the option `name`.
CLI::Option* AddTime(CLI::App* command, const std::string& name, uint64_t* unix_seconds,
                     const std::string& description);
/// Adds an example, and before it what else is worth knowing, to the end of a command's help.
void AddExample(CLI::App* command, const std::string& example, const std::string& note = "");

/// A command's work: runs after parsing; the status becomes the exit code (0 OK; 2 for an
/// InvalidArgument that is no Reject: wrong usage; otherwise failure_status) and one line on
/// standard error.
using Action = std::function<absl::Status()>;

/// The one JSON object of a command under --json, on standard output.
void PrintJson(const nlohmann::json& object);
/// A line that counts records on standard error, if that is a terminal; otherwise nothing.
Progress ShowProgress();
/// Opens a key file, asking for its passphrase as `global` says.
absl::StatusOr<crypto::Ed25519Key> OpenIdentity(const GlobalOptions& global,
                                                const std::string& path, std::string_view purpose);
/// Unix seconds.
uint64_t UnixTime();
/// `text` as one line with the time, on standard error. From any thread.
void LogLine(std::string_view text);
/// `text` without what could move a terminal's cursor or forge a line.
std::string OneLine(std::string_view text);
/// `text` filled up with blanks to `width` characters.
std::string Padded(std::string_view text, size_t width);

/// `key` and `show` for the identities of a role ("official", "trustee").
void AddIdentityCommands(CLI::App* parent, const std::string& purpose, GlobalOptions& global,
                         Action* action);

/// Each adds its subcommands to `app`; parsing stores the chosen action in `*action`.
void AddPollCommands(CLI::App& app, GlobalOptions& global, Action* action);
void AddOfficialCommands(CLI::App& app, GlobalOptions& global, Action* action);
void AddWitnessCommands(CLI::App& app, GlobalOptions& global, Action* action);
void AddMirrorCommands(CLI::App& app, GlobalOptions& global, Action* action);
void AddKeyCommands(CLI::App& app, GlobalOptions& global, Action* action);
void AddTrusteeCommands(CLI::App& app, GlobalOptions& global, Action* action);
void AddLedgerCommands(CLI::App& app, GlobalOptions& global, Action* action);
void AddRollCommands(CLI::App& app, GlobalOptions& global, Action* action);
/// The commands of `roll` that concern letters; AddRollCommands calls it.
void AddLetterCommands(CLI::App* roll, GlobalOptions& global, Action* action);
void AddVoteCommands(CLI::App& app, GlobalOptions& global, Action* action);
void AddReceiptCommands(CLI::App& app, GlobalOptions& global, Action* action);
void AddBallotCommands(CLI::App& app, GlobalOptions& global, Action* action);

}  // namespace urna::client
