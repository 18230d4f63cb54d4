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
#include "cli/command.h"
#include "cli/documentation.h"
#include "crypto/group.h"
#include "server/limits.h"
#include "server/maintenance.h"
#ifdef URNA_PRACTICE
#include "server/practice_clock.h"
#endif
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
    nlohmann::json out = {{"config", result->config},
                          {"certificate", result->certificate},
                          {"issuer_keys", nlohmann::json::array()}};
    if (options.role != Role::kIssuer) {
      out["checkpoint_key"] = base::Hex(result->checkpoint_key);
    }
    for (const auto& key : result->issuer_keys) out["issuer_keys"].push_back(base::Hex(key));
    std::cout << out.dump(2) << std::endl;
    return EXIT_SUCCESS;
  }
  if (options.role != Role::kIssuer) {
    std::cout << "Checkpoint key (\"ballot_box\" of a definition): "
              << base::Hex(result->checkpoint_key) << "\n";
  }
  for (size_t i = 0; i < result->issuer_keys.size(); ++i) {
    std::cout << "Issuer " << i
              << " (\"issuers\" of a definition):           " << base::Hex(result->issuer_keys[i])
              << "\n";
  }
  std::cout << "\nNext:\n"
            << "  1. Put the officials' keys into " << result->config << "\n"
            << "     (a line \"official = KEY\" for each; `urna official key` makes one).\n";
  if (options.role == Role::kIssuer) {
    std::cout << "     Put there, too, what the ballot box's operator gives you:\n"
              << "       follow = HOST:PORT            where it is\n"
              << "       follow-key = KEY              its checkpoint key\n"
              << "       follow-certificate = FILE     its tls.crt, or its authority's\n"
              << "     and give them this issuer's key, address and " << result->certificate
              << ";\n     they add a line \"issuer-address = KEY HOST:PORT\" to theirs.\n"
              << "  2. Put `anchor` and `rocksdb-log` on another file system. Back up the keys\n"
              << "     now; never start from an old copy of " << options.data
              << ": it is refused.\n";
  } else {
    std::cout << "     For each issuer that another body runs, a line\n"
              << "     \"issuer-address = KEY HOST:PORT\".\n"
              << "  2. Put `anchor` and `rocksdb-log` on another file system, and back up the "
                 "keys.\n";
  }
  std::cout << "  3. Start:  urna-server run --config " << result->config << "\n"
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
  if (const absl::Status hardened = HardenProcess(); !hardened.ok()) return Fail(hardened);
  // Before any thread starts, so that all of them leave the signals to sigwait below.
  signal(SIGPIPE, SIG_IGN);
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);

#ifdef URNA_PRACTICE
  const PracticeClock clock(settings.data + "/clock-offset");
#else
  const SystemClock clock;
#endif
  Environment environment;
  environment.clock = &clock;
  const auto exit_at_once = [](std::string_view reason, int status) {
    Log::ToStderr(Cat("urna-server: stopping at once: ", reason, "\n"));
    std::_Exit(status);
  };
  environment.fatal = [=](std::string_view reason) { exit_at_once(reason, kStoreFailed); };
  environment.halt = [=](std::string_view reason) { exit_at_once(reason, kFailed); };
  auto server = Server::Start(settings, environment);
  if (!server.ok()) return Fail(server.status());
  if (!(*server)->http_url().empty()) {
    std::cout << "ledgers at " << (*server)->http_url() << std::endl;
  }
  std::cout << "listening on " << (*server)->address() << std::endl;
  int signal_number = 0;
  sigwait(&stop, &signal_number);
  (*server)->Shutdown();
  return EXIT_SUCCESS;
}

cli::Facts Documentation() {
  cli::Facts facts;
  facts.version = URNA_VERSION;
  facts.date = URNA_DATE;
  facts.section = 8;
  facts.exit_status = {{"0", "done; of run: told to stop, and stopped in order"},
                       {"1",
                        "failed, or stopped because the clock stepped or a witness proved that "
                        "the ledger is not what was signed; standard error says why. A person must "
                        "look first"},
                       {"2", "wrong usage, or a setting that makes no sense"},
                       {"70", "a write failed: stopped at once, and may be started again"}};
  facts.files = {
      {"DATA/urna-server.conf", "Settings, one \"name = value\" a line."},
      {"DATA/checkpoint.key, DATA/issuer-*/identity.key",
       "Secret keys of the ballot box and of the issuers. Keep copies of them apart."},
      {"DATA/tls.crt, DATA/tls.key", "The server's certificate, which clients trust, and its key."},
      {"DATA/anchor",
       "The newest checkpoints, by which the server notices a ledger that was cut or restored "
       "from an old copy. Belongs on another file system: see the setting anchor."},
      {"DATA/anchor/clock",
       "A time, in Unix seconds, at which the server ran lately: it does not start with a clock "
       "that "
       "is behind it."},
      {"DATA/ballast",
       "Takes room, to be deleted when the disk is full: see the setting ballast."},
      {"DATA/server.lock, DATA/anchor/anchor.lock, DATA/issuer-*/issuer.lock",
       "Locked by the server while it runs; each says which process that is. They mean nothing "
       "once "
       "it is gone."}};
  facts.examples = {"urna-server setup --data /var/lib/urna --hostname vote.example",
                    "urna-server run --config /var/lib/urna/urna-server.conf"};
  facts.see_also = {"urna(1)", "urna-verify(1)", "systemctl(1)"};
  return facts;
}

int Main(int argc, char** argv) {
  crypto::Initialize();
  CLI::App app(
      "Urna: the server of referendums and votes. It keeps the ledger, gives tokens to "
      "residents, takes ballots, and serves readers.");
  app.name("urna-server");
  app.set_help_flag();
  app.set_help_all_flag("-h,--help", "All commands and settings");
  app.set_version_flag("--version", "urna-server " URNA_VERSION);
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
  setup
      ->add_option("--role", setup_options.role,
                   "both: ballot box and issuers in one process; ballot-box: without issuers; "
                   "issuer: issuers alone, for a body of its own that follows the ballot box")
      ->transform(CLI::CheckedTransformer(std::map<std::string, Role>{
          {"both", Role::kBoth}, {"ballot-box", Role::kBallotBox}, {"issuer", Role::kIssuer}}))
      ->type_name("ROLE")
      ->default_str("both");
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

  for (const char* name : {"--data", "--anchor", "--rocksdb-log"}) {
    run->get_option(name)->type_name("DIR");
  }
  for (const char* name : {"--certificate", "--key"}) run->get_option(name)->type_name("FILE");
  const Maintenance maintenance(app);
  cli::AddDocumentation(&app, Documentation());

  try {  // CLI11 throws; ours does not.
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? EXIT_SUCCESS : kWrongUsage;
  }
  if (setup->parsed()) return RunSetup(setup_options, json);
  if (const auto status = maintenance.Run(); status.has_value()) return *status;
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
