#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"
#include "client/cli.h"

namespace urna::client {
namespace {

using base::Cat;
using Json = nlohmann::json;

struct IdentityFlags {
  std::string path, name;
};

void PrintPublic(const GlobalOptions& global, const IdentityFlags& flags,
                 const std::string& public_key) {
  const Json party = {{"name", flags.name.empty() ? "PUT-NAME-HERE" : flags.name},
                      {"key", public_key}};
  if (global.json) {
    PrintJson({{"file", flags.path}, {"key", public_key}});
    return;
  }
  std::cout << public_key << "\n";
  std::cerr << "The line above is the public key. In the definition it stands as\n  "
            << party.dump(-1, ' ', false, Json::error_handler_t::replace) << "\n";
}

absl::Status MakeKey(const GlobalOptions& global, const IdentityFlags& flags,
                     const std::string& purpose) {
  URNA_ASSIGN_OR_RETURN(
      const crypto::SecretText passphrase,
      GetPassphrase(global.passphrase, Cat("passphrase of ", flags.path), /*confirm=*/true));
  const auto key = crypto::Ed25519Key::New();
  URNA_RETURN_IF_ERROR(WriteIdentity(flags.path, purpose, key, passphrase));
  PrintPublic(global, flags, base::Hex(key.public_key()));
  return absl::OkStatus();
}

absl::Status ShowKey(const GlobalOptions& global, const IdentityFlags& flags,
                     const std::string& purpose) {
  URNA_ASSIGN_OR_RETURN(const std::string public_key, ReadKeyFilePublic(flags.path, purpose));
  PrintPublic(global, flags, OneLine(public_key));
  return absl::OkStatus();
}

}  // namespace

void AddIdentityCommands(CLI::App* parent, const std::string& purpose, GlobalOptions& global,
                         Action* action) {
  {
    auto flags = std::make_shared<IdentityFlags>();
    CLI::App* command = parent->add_subcommand(
        "key", Cat("Makes a key file for one ", purpose,
                   " on this device and prints its public part for the definition"));
    command->add_option("--out", flags->path, "New key file")->required();
    command->add_option("--name", flags->name, "Name to show beside the key");
    global.AddPassphrase(command);
    AddExample(command, Cat("urna ", purpose, " key --out anna.key --name 'Anna Nowak'"));
    command->callback([&global, action, flags, purpose] {
      *action = [&global, flags, purpose] { return MakeKey(global, *flags, purpose); };
    });
  }
  {
    auto flags = std::make_shared<IdentityFlags>();
    CLI::App* command = parent->add_subcommand("show", "Prints the public part of a key file");
    command->add_option("file", flags->path, "Key file")->required();
    command->add_option("--name", flags->name, "Name to show beside the key");
    AddExample(command, Cat("urna ", purpose, " show anna.key"));
    command->callback([&global, action, flags, purpose] {
      *action = [&global, flags, purpose] { return ShowKey(global, *flags, purpose); };
    });
  }
}

void AddOfficialCommands(CLI::App& app, GlobalOptions& global, Action* action) {
  CLI::App* official = app.add_subcommand("official", "Keys of officials");
  AddIdentityCommands(official, "official", global, action);
}

}  // namespace urna::client
