#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"
#include "client/cli.h"
#include "client/poll_view.h"

namespace urna::client {
namespace {

struct LedgerFlags {
  Hash32 poll{};
  std::string folder;
  std::string from;
};

absl::Status Fetch(const GlobalOptions& global, const LedgerFlags& flags) {
  std::unique_ptr<Connection> connection;
  std::unique_ptr<LedgerSource> source;
  if (!flags.from.empty()) {
    URNA_ASSIGN_OR_RETURN(source,
                          OverHttp(LogUrl(flags.from, flags.poll), global.server.certificate));
  } else if (!global.server.target.empty()) {
    URNA_ASSIGN_OR_RETURN(connection, Connection::Open(global.server));
    source = OverGrpc(*connection, flags.poll);
  } else {
    return base::Failure(absl::StatusCode::kInvalidArgument, "give --server, or --from with a URL");
  }
  URNA_ASSIGN_OR_RETURN(const ledger::Checkpoint checkpoint,
                        FetchLedger(*source, flags.poll, flags.folder, ShowProgress()));
  if (global.json) {
    PrintJson({{"folder", flags.folder},
               {"origin", checkpoint.origin},
               {"size", checkpoint.size},
               {"root", base::Hex(checkpoint.root)}});
  } else {
    std::cout << flags.folder << ": " << checkpoint.size << " records of " << checkpoint.origin
              << ", root " << base::Hex(checkpoint.root) << "\n"
              << "Chain, root and signature are right; check the rest with: urna-verify "
              << flags.folder << "\n";
  }
  return absl::OkStatus();
}

absl::Status Export(const GlobalOptions& global, const LedgerFlags& flags) {
  std::error_code error;
  if (std::filesystem::exists(flags.folder, error)) {
    return base::Failure(absl::StatusCode::kAlreadyExists,
                         base::Cat(flags.folder,
                                   ": exists; export into a new folder, or bring "
                                   "this one up to date with `urna ledger fetch`"));
  }
  return Fetch(global, flags);
}

}  // namespace

void AddLedgerCommands(CLI::App& app, GlobalOptions& global, Action* action) {
  CLI::App* ledger = app.add_subcommand("ledger", "For auditors: the published ledger as files");
  const auto add = [&](const std::string& name, const std::string& description,
                       const std::string& where, auto run) {
    auto flags = std::make_shared<LedgerFlags>();
    CLI::App* command = ledger->add_subcommand(name, description);
    AddPoll(command, &flags->poll);
    command->add_option("--folder", flags->folder, "Folder of the export")->required();
    command->add_option(
        "--from", flags->from,
        "Read over HTTP, from http(s)://HOST[:PORT] of the server or of anybody who "
        "keeps a copy, instead of from --server");
    global.AddServer(command);
    command->get_option("--server")->required(false);
    AddExample(command, base::Cat("urna ledger ", name, " --poll 3f…9a --folder ledger ", where));
    command->callback([&global, action, flags, run] {
      *action = [&global, flags, run] { return run(global, *flags); };
    });
  };
  add("fetch",
      "Makes a folder with the ledger, or brings it up to date; refuses a ledger that does not "
      "continue the one in the folder, and leaves that as it is",
      "--from https://vote.example:7480", Fetch);
  add("export", "Writes the ledger to a new folder", "--server vote.example:7443", Export);
}

}  // namespace urna::client
