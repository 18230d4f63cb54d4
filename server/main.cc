#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "crypto/group.h"
#include "server/server.h"
#include "server/settings.h"
#include "server/setup.h"

namespace urna::server {
namespace {

using base::Cat;

constexpr int kFailed = 1;
constexpr int kWrongUsage = 2;
constexpr int kStoreFailed = 70;  // EX_SOFTWARE: for the service manager to start it again

int Fail(const absl::Status& status) {
  std::cerr << "urna-server: " << status.message() << std::endl;
  return kFailed;
}

int RunSetup(const SetupOptions& options, bool json) {
  const auto result = MakeDataFolder(options);
  if (!result.ok()) return Fail(result.status());
  if (json) {
    nlohmann::json out = {{"checkpoint_key", base::Hex(result->checkpoint_key)},
                          {"config", result->config},
                          {"certificate", result->certificate},
                          {"issuer_keys", nlohmann::json::array()}};
    for (const auto& key : result->issuer_keys) out["issuer_keys"].push_back(base::Hex(key));
    std::cout << out.dump(2) << std::endl;
    return EXIT_SUCCESS;
  }
  std::cout << "Checkpoint key (\"ballot_box\" of a definition): "
            << base::Hex(result->checkpoint_key) << "\n";
  for (size_t i = 0; i < result->issuer_keys.size(); ++i) {
    std::cout << "Issuer " << i
              << " (\"issuers\" of a definition):           " << base::Hex(result->issuer_keys[i])
              << "\n";
  }
  std::cout << "\nNext:\n"
            << "  1. Put the officials' keys into " << result->config << "\n"
            << "     (a line \"official = KEY\" for each; `urna official key` makes one).\n"
            << "  2. Put `anchor` and `rocksdb-log` on another file system, and back up the keys.\n"
            << "  3. Start:  urna-server run --config " << result->config << "\n"
            << "Clients trust this server by the file " << result->certificate << ".\n";
  return EXIT_SUCCESS;
}

/// The file's settings, then the flags', which win.
absl::StatusOr<Settings> Gather(const std::string& config,
                                const std::map<std::string, std::vector<std::string>>& flags) {
  Settings settings;
  if (!config.empty()) {
    URNA_ASSIGN_OR_RETURN(const std::string text, base::ReadFile(config, 1 << 20));
    URNA_RETURN_IF_ERROR(ReadConfig(config, text, settings));
  }
  for (const Setting& setting : AllSettings()) {
    const auto given = flags.find(setting.name);
    if (given == flags.end() || given->second.empty()) continue;
    if (setting.clear) setting.clear(settings);
    for (const std::string& value : given->second) {
      URNA_RETURN_IF_ERROR(base::Annotate(setting.set(settings, value), Cat("--", setting.name)));
    }
  }
  return settings;
}

int Run(const Settings& settings) {
  // Before any thread starts, so that all of them leave the signals to sigwait below.
  signal(SIGPIPE, SIG_IGN);
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);

  const SystemClock clock;
  Environment environment;
  environment.clock = &clock;
  environment.fatal = [](std::string_view reason) {
    Log::ToStderr(Cat("urna-server: stopping at once: ", reason, "\n"));
    std::_Exit(kStoreFailed);
  };
  auto server = Server::Start(settings, environment);
  if (!server.ok()) return Fail(server.status());
  std::cout << "listening on " << (*server)->address() << std::endl;
  int signal_number = 0;
  sigwait(&stop, &signal_number);
  (*server)->Shutdown();
  return EXIT_SUCCESS;
}

int Main(int argc, char** argv) {
  crypto::Initialize();
  CLI::App app(
      "Urna: the server of referendums and votes. It keeps the ledger, gives tokens to "
      "residents, takes ballots, and serves readers.");
  app.name("urna-server");
  app.set_help_flag();
  app.set_help_all_flag("-h,--help", "All commands and settings");
  app.set_version_flag("--version", URNA_VERSION);
  app.require_subcommand(1);

  CLI::App* const setup =
      app.add_subcommand("setup", "Make a data folder: keys, TLS certificate, configuration file");
  SetupOptions setup_options;
  bool json = false;
  setup->add_option("--data", setup_options.data, "The folder to make")
      ->required()
      ->type_name("DIR");
  setup
      ->add_option("--hostname", setup_options.hostnames,
                   "Name or address under which clients reach the server; may be given several "
                   "times (localhost is always there)")
      ->type_name("NAME");
  setup->add_option("--issuers", setup_options.issuers, "Issuers of tokens to make keys for")
      ->check(CLI::Range(0, 8))
      ->capture_default_str();
  setup->add_flag("--json", json, "Print the result as JSON");

  CLI::App* const run = app.add_subcommand(
      "run",
      "Serve. Every setting is a flag and a line \"name = value\" of the configuration "
      "file; flags win");
  std::string config;
  run->add_option("--config", config, "Configuration file")->type_name("FILE");
  std::map<std::string, std::vector<std::string>> flags;
  for (const Setting& setting : AllSettings()) {
    CLI::Option* const option =
        run->add_option(Cat("--", setting.name), flags[setting.name],
                        Cat(setting.help, " [default: ", setting.shown_default, "]"))
            ->group(setting.group)
            ->type_name("VALUE");
    if (!setting.repeatable) option->expected(1);
  }

  try {  // CLI11 throws; ours does not.
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? EXIT_SUCCESS : kWrongUsage;
  }
  if (setup->parsed()) return RunSetup(setup_options, json);
  auto settings = Gather(config, flags);
  if (!settings.ok()) {
    Fail(settings.status());
    return kWrongUsage;
  }
  return Run(*settings);
}

}  // namespace
}  // namespace urna::server

int main(int argc, char** argv) { return urna::server::Main(argc, argv); }
