#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "base/status.h"
#include "base/text.h"
#include "client/cli.h"

namespace urna::client {
namespace {

using base::Cat;

struct KeyFlags {
  std::string file;
  PassphraseOptions after{
      .file = "", .option = "--new-passphrase-file", .variable = "URNA_NEW_PASSPHRASE"};
};

absl::Status Passphrase(const GlobalOptions& global, const KeyFlags& flags) {
  URNA_ASSIGN_OR_RETURN(const std::string purpose, KeyFilePurpose(flags.file));
  URNA_ASSIGN_OR_RETURN(
      const crypto::SecretText before,
      GetPassphrase(global.passphrase, Cat("passphrase of ", flags.file), /*confirm=*/false));
  // Before anybody thinks of a new one.
  URNA_RETURN_IF_ERROR(ReadKeyFile(flags.file, purpose, before).status());
  URNA_ASSIGN_OR_RETURN(
      const crypto::SecretText after,
      GetPassphrase(flags.after, Cat("new passphrase of ", flags.file), /*confirm=*/true));
  URNA_RETURN_IF_ERROR(ChangePassphrase(flags.file, before, after));
  if (global.json) {
    PrintJson({{"file", flags.file}, {"purpose", purpose}});
    return absl::OkStatus();
  }
  std::cout << flags.file << " has its new passphrase; copies of it keep the old one.\n";
  if (purpose == "trustee" || purpose == "trustee-state") {
    std::cout
        << "A trustee's key and state files need the same passphrase: change the others too.\n";
  }
  return absl::OkStatus();
}

}  // namespace

void AddKeyCommands(CLI::App& app, GlobalOptions& global, Action* action) {
  CLI::App* key = app.add_subcommand("key", "Key files, of whatever kind");
  auto flags = std::make_shared<KeyFlags>();
  CLI::App* command = key->add_subcommand("passphrase",
                                          "Changes the passphrase of a file of urna: an official's "
                                          "or trustee's or witness's key, a trustee's state, "
                                          "a credential, a wallet");
  command->add_option("file", flags->file, "The file")->required();
  global.AddPassphrase(command);
  command->add_option("--new-passphrase-file", flags->after.file,
                      "File whose first line is the new passphrase; otherwise URNA_NEW_PASSPHRASE, "
                      "or the terminal asks twice");
  AddExample(command, "urna key passphrase anna.key",
             "The file is exchanged at once or not at all. Copies keep the old passphrase: destroy "
             "them if somebody may know it.");
  command->callback([&global, action, flags] {
    *action = [&global, flags] { return Passphrase(global, *flags); };
  });
}

}  // namespace urna::client
