#include <future>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/text.h"
#include "client/cli.h"
#include "client/ledger_source.h"
#include "client/poll_view.h"
#include "client/witness.h"
#include "http/server.h"

namespace urna::client {
namespace {

using base::Cat;
using ledger::NoteKey;

absl::Status Usage(std::string_view text) {
  return base::Failure(absl::StatusCode::kInvalidArgument, text);
}

// --- key, show

struct KeyFlags {
  std::string path, name;
};

void PrintKey(const GlobalOptions& global, const std::string& path, const std::string& vkey) {
  if (global.json) {
    PrintJson({{"file", path}, {"key", vkey}});
    return;
  }
  std::cout << vkey << "\n";
  std::cerr << "The line above is the witness's verifier key. It is public: give it to the "
               "officials, who put\nit, as it is, into \"witnesses\" of a poll's definition.\n";
}

absl::Status MakeKey(const GlobalOptions& global, const KeyFlags& flags) {
  if (!ledger::IsNoteName(flags.name)) {
    return Usage(
        "--name must be a name without blanks and '+', best one that you own, such as "
        "witness.example.org");
  }
  URNA_ASSIGN_OR_RETURN(
      const crypto::SecretText passphrase,
      GetPassphrase(global.passphrase, Cat("passphrase of ", flags.path), /*confirm=*/true));
  const auto key = crypto::Ed25519Key::New();
  const NoteKey vkey{flags.name, ledger::kTypeCosignature, key.public_key()};
  URNA_RETURN_IF_ERROR(WriteWitnessKey(flags.path, vkey, key, passphrase));
  PrintKey(global, flags.path, vkey.ToString());
  return absl::OkStatus();
}

absl::Status ShowKey(const GlobalOptions& global, const KeyFlags& flags) {
  URNA_ASSIGN_OR_RETURN(const std::string vkey, ReadWitnessPublic(flags.path));
  PrintKey(global, flags.path, vkey);
  return absl::OkStatus();
}

// --- add, run

struct LogFlags {
  std::string folder, key;
  std::vector<std::string> logs;
  std::vector<std::string> polls;
};

/// Adds what the flags name to the folder's list. What a server says about a poll is believed only
/// as far as the poll id vouches for it.
absl::Status AddLogs(const GlobalOptions& global, const LogFlags& flags, std::string_view vkey) {
  std::vector<NoteKey> logs;
  for (const std::string& text : flags.logs) {
    auto log = NoteKey::Parse(text);
    if (!log.ok()) return base::Annotate(log.status(), "--log");
    if (log->type != ledger::kTypeEd25519) {
      return Usage("--log is a witness's key; a log's has the type 1");
    }
    logs.push_back(*std::move(log));
  }
  if (!flags.polls.empty() && global.server.target.empty()) {
    return Usage("--poll needs --server: the poll's definition is fetched from there");
  }
  for (const std::string& text : flags.polls) {
    URNA_ASSIGN_OR_RETURN(const Hash32 poll, ParsePollId(text));
    URNA_ASSIGN_OR_RETURN(const std::unique_ptr<Connection> connection,
                          Connection::Open(global.server));
    URNA_ASSIGN_OR_RETURN(const std::unique_ptr<PollView> view,
                          PollView::FetchDefinition(*OverGrpc(*connection, poll), poll));
    const poll::Definition& d = *view->state().definition();
    logs.push_back(d.ballot_box);
    bool named = false;
    for (const NoteKey& witness : d.witnesses) named = named || witness.ToString() == vkey;
    if (!vkey.empty() && !named) {
      std::cerr << "Note: the definition of " << OneLine(d.ballot_box.name)
                << " does not name this witness, so its cosignatures do not count there.\n";
    }
  }
  for (const NoteKey& log : logs) {
    URNA_ASSIGN_OR_RETURN(const bool added, AddWitnessedLog(flags.folder, log));
    if (!global.json) {
      std::cout << log.ToString() << (added ? "" : " stands in the list already") << std::endl;
    }
  }
  return absl::OkStatus();
}

absl::Status RunAdd(const GlobalOptions& global, const LogFlags& flags) {
  if (flags.logs.empty() && flags.polls.empty()) return Usage("give --poll or --log");
  std::string vkey;
  if (!flags.key.empty()) {
    URNA_ASSIGN_OR_RETURN(vkey, ReadWitnessPublic(flags.key));
  }
  URNA_RETURN_IF_ERROR(AddLogs(global, flags, vkey));
  if (!global.json) return absl::OkStatus();
  URNA_ASSIGN_OR_RETURN(const std::vector<NoteKey> logs, ReadWitnessedLogs(flags.folder));
  nlohmann::json list = nlohmann::json::array();
  for (const NoteKey& log : logs) list.push_back(log.ToString());
  PrintJson({{"folder", flags.folder}, {"logs", list}});
  return absl::OkStatus();
}

struct RunFlags : LogFlags {
  ListenFlags listen{.listen = "127.0.0.1:7480", .certificate = {}, .certificate_key = {}};
};

absl::StatusOr<WitnessKey> OpenKey(const GlobalOptions& global, const std::string& path) {
  URNA_RETURN_IF_ERROR(ReadWitnessPublic(path).status());
  URNA_ASSIGN_OR_RETURN(
      const crypto::SecretText passphrase,
      GetPassphrase(global.passphrase, Cat("passphrase of ", path), /*confirm=*/false));
  return ReadWitnessKey(path, passphrase);
}

absl::Status Run(const GlobalOptions& global, const RunFlags& flags) {
  URNA_ASSIGN_OR_RETURN(const http::Server::Options http, flags.listen.Options());
  URNA_ASSIGN_OR_RETURN(WitnessKey key, OpenKey(global, flags.key));
  const std::string vkey = key.vkey.ToString();
  URNA_RETURN_IF_ERROR(AddLogs(global, flags, vkey));

  std::promise<std::string> broken;
  Witness::Options options;
  options.folder = flags.folder;
  options.now = UnixTime;
  options.log = LogLine;
  // Once: the witness answers nothing more after it.
  options.fatal = [&broken](std::string_view why) { broken.set_value(std::string(why)); };
  URNA_ASSIGN_OR_RETURN(const std::unique_ptr<Witness> witness,
                        Witness::Open(std::move(options), std::move(key)));
  URNA_ASSIGN_OR_RETURN(const auto server,
                        http::Server::Start(http, [&witness](const http::Request& request) {
                          return witness->Serve(request);
                        }));
  const std::string url = flags.listen.Url(server->address());
  if (global.json) {
    PrintJson({{"listening", server->address()}, {"url", url}, {"key", vkey}});
  } else {
    std::cout << vkey << "\nlistening on " << url << std::endl;
  }
  return base::Failure(absl::StatusCode::kUnavailable,
                       Cat(broken.get_future().get(),
                           "; stopped, since it is unknown what is on the disk. Start again when "
                           "the disk is in order"));
}

void AddLogOptions(CLI::App* command, GlobalOptions& global, LogFlags* flags) {
  command
      ->add_option("--folder", flags->folder,
                   "The witness's folder, made if need be: what it cosigned. Never start from "
                   "an old copy of it")
      ->required();
  command
      ->add_option("--poll", flags->polls,
                   "Id of a poll whose ledger is to be cosigned; its definition is fetched from "
                   "--server and checked. May be given several times")
      ->type_name("ID");
  command
      ->add_option("--log", flags->logs,
                   "Verifier key of a log that is to be cosigned; may be given several times")
      ->type_name("KEY");
  global.AddServer(command);
  command->get_option("--server")->required(false);
}

}  // namespace

void AddWitnessCommands(CLI::App& app, GlobalOptions& global, Action* action) {
  CLI::App* witness = app.add_subcommand(
      "witness", "A witness vouches that everybody is shown the same, growing ledger");
  {
    auto flags = std::make_shared<KeyFlags>();
    CLI::App* command = witness->add_subcommand(
        "key", "Makes the key file of a witness and prints its verifier key for definitions");
    command->add_option("--name", flags->name, "Name of the witness, such as witness.example.org")
        ->required();
    command->add_option("--out", flags->path, "New key file")->required();
    global.AddPassphrase(command);
    AddExample(command, "urna witness key --name witness.example.org --out witness.key");
    command->callback([&global, action, flags] {
      *action = [&global, flags] { return MakeKey(global, *flags); };
    });
  }
  {
    auto flags = std::make_shared<KeyFlags>();
    CLI::App* command =
        witness->add_subcommand("show", "Prints the verifier key of a witness's key file");
    command->add_option("file", flags->path, "Key file")->required();
    AddExample(command, "urna witness show witness.key");
    command->callback([&global, action, flags] {
      *action = [&global, flags] { return ShowKey(global, *flags); };
    });
  }
  {
    auto flags = std::make_shared<LogFlags>();
    CLI::App* command = witness->add_subcommand(
        "add", "Has a poll's ledger cosigned from now on, also while the witness runs");
    AddLogOptions(command, global, flags.get());
    command->add_option("--key", flags->key,
                        "The witness's key file: says if the poll does not name it");
    AddExample(command, "urna witness add --folder witness --poll 3f…9a --server vote.example:7443",
               "The list is the file `logs` in the folder, a verifier key a line; a line that is "
               "taken out ends the work\nfor that log.");
    command->callback([&global, action, flags] {
      *action = [&global, flags] { return RunAdd(global, *flags); };
    });
  }
  {
    auto flags = std::make_shared<RunFlags>();
    CLI::App* command = witness->add_subcommand(
        "run", "Runs the witness until it is stopped, and logs what it cosigns and refuses");
    AddLogOptions(command, global, flags.get());
    command->add_option("--key", flags->key, "The witness's key file")->required();
    flags->listen.Add(command, "the witness", "HOST:PORT; port 0 takes a free one");
    global.AddPassphrase(command);
    AddExample(command,
               "urna witness run --folder witness --key witness.key --listen 0.0.0.0:7480 "
               "--poll 3f…9a --server vote.example:7443",
               "Speaks C2SP tlog-witness; the server's operator needs the address for the setting "
               "`witness`.\nIt may be stopped at any time: what it cosigned is on the disk before "
               "anybody gets the cosignature.");
    command->callback(
        [&global, action, flags] { *action = [&global, flags] { return Run(global, *flags); }; });
  }
}

}  // namespace urna::client
