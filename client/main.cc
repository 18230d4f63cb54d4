#include <cstdio>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/documentation.h"
#include "client/cli.h"
#include "client/commands_budget.h"
#include "client/interrupt.h"
#include "crypto/group.h"

namespace urna::client {
namespace {

constexpr int kFailed = 1;
constexpr int kWrongUsage = 2;

/// What the values of options are: for help, the manual and completion.
const std::map<std::string, std::string> kValueNames = {
    {"--certificate", "FILE"},
    {"--challenge", "FILE"},
    {"--code", "CODE"},
    {"--code-file", "FILE"},
    {"--credential", "FILE"},
    {"--credential-passphrase-file", "FILE"},
    {"--answer", "QUESTION=ANSWER"},
    {"--definition", "FILE"},
    {"--enrolment", "TEXT"},
    {"--evidence", "FILE"},
    {"--export", "FILE"},
    {"--fingerprint", "DIGITS"},
    {"--folder", "DIR"},
    {"--from", "URL"},
    {"--key", "FILE"},
    {"--label", "LABEL"},
    {"--lang", "LANGUAGE"},
    {"--ledger", "DIR"},
    {"--name", "NAME"},
    {"--new-passphrase-file", "FILE"},
    {"--out", "FILE"},
    {"codes --out", "DIR"},
    {"letters --out", "DIR"},
    {"unseal --out", "DIR"},
    {"protocol --format", "{text,html,json}"},
    {"--passphrase-file", "FILE"},
    {"--persons-sha256", "FILE"},
    {"--phrase-file", "FILE"},
    {"--poll", "ID"},
    {"--reason", "WORDS"},
    {"--receipt", "FILE"},
    {"--recovery-phrase", "FILE"},
    {"--resident", "LABEL"},
    {"--residents", "FILE"},
    {"--roll", "FILE"},
    {"--server", "HOST:PORT"},
    {"--listen", "HOST:PORT"},
    {"--state", "FILE"},
    {"--tls-certificate", "FILE"},
    {"--tls-key", "FILE"},
    {"--style", "STYLE"},
    {"--wallet", "FILE"},
    {"file", "FILE"},
    {"kind", "{referendum,survey,consultation}"},
    {"--id-column", "COLUMN"},
    {"--name-column", "COLUMN"},
    {"--address-column", "COLUMN"},
    {"--exclusive", "ID,..."},
    {"--lot", "ID,..."},
    {"--reserve-from", "PERCENT"},
    {"--step", "AMOUNT"},
    {"--threshold", "NUMBER"},
    {"--ties", "STEP,..."},
    {"--style-column", "COLUMN"},
    {"--contact", "WORDS"},
    {"--id", "ID"},
    {"--office", "DIR"},
    {"--only", "ID"},
    {"--seal-to", "PUBLIC-KEY"},
    {"--sender", "WORDS"},
    {"--show", "FILE"},
    {"--time-zone", "ZONE"},
    {"--title", "WORDS"},
    {"--where", "WORDS"},
    {"files", "FILE"},
    {"new", "FILE"},
    {"old", "FILE"},
};

cli::Facts Documentation() {
  cli::Facts facts;
  facts.version = URNA_VERSION;
  facts.date = URNA_DATE;
  facts.page_per_command = true;
  facts.exit_status = {{"0", "done"}, {"1", "refused or failed"}, {"2", "wrong usage"}};
  facts.environment = {
      {"URNA_PASSPHRASE",
       "The passphrase of key files and wallets, where no --passphrase-file is given. Other "
       "programs of the same user may read it: rather let the terminal ask."},
      {"URNA_NEW_PASSPHRASE",
       "The new passphrase of urna key passphrase, where no --new-passphrase-file is given."}};
  facts.see_also = {"urna-verify(1)", "urna-server(8)"};
  return facts;
}

void Complain(std::string_view text) { std::fprintf(stderr, "urna: %s\n", OneLine(text).c_str()); }

int Run(int argc, char** argv) {
  CLI::App app(
      "Urna: referendums, surveys and consultations whose result anybody can check.\n"
      "Every command explains itself: urna COMMAND --help",
      "urna");
  app.set_version_flag("--version", "urna " URNA_VERSION);
  // So that --json may stand anywhere.
  app.fallthrough();
  GlobalOptions global;
  app.add_flag("--json", global.json, "Print one JSON object instead of text (any command)");
  Action action;
  AddVoteCommands(app, global, &action);
  AddReceiptCommands(app, global, &action);
  AddBallotCommands(app, global, &action);
  AddPollCommands(app, global, &action);
  AddRollCommands(app, global, &action);
  AddOfficialCommands(app, global, &action);
  AddTrusteeCommands(app, global, &action);
  AddLedgerCommands(app, global, &action);
  AddWitnessCommands(app, global, &action);
  AddBudgetCommands(app, global, &action);
  AddKeyCommands(app, global, &action);
  for (const auto& [group, commands] :
       std::initializer_list<std::pair<const char*, std::vector<const char*>>>{
           {"For residents", {"vote", "receipt", "ballot"}},
           {"For officials", {"poll", "roll", "official", "budget"}},
           {"For trustees", {"trustee"}},
           {"For auditors", {"ledger"}},
           {"For witnesses", {"witness"}},
           {"For all of them", {"key"}}}) {
    for (const char* command : commands) app.get_subcommand(command)->group(group);
  }
  // CLI11 would name the missing command before the unknown one that stands in its place.
  for (CLI::App* command : app.get_subcommands({})) command->require_subcommand(0, 1);
  cli::NameValues(&app, kValueNames);
  cli::AddDocumentation(&app, Documentation());

  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& wanted) {  // --help and --version
    return app.exit(wanted);
  } catch (const CLI::ParseError& error) {
    Complain(base::Cat(error.what(), " (see --help)"));
    return kWrongUsage;
  }
  if (!action) {
    Complain("a command is missing (see --help)");
    return kWrongUsage;
  }
  const absl::Status status = action();
  if (status.ok()) return 0;
  const std::string reject = base::RejectId(status);
  std::string text(status.message());
  if (!reject.empty()) text += base::Cat(" (", reject, ")");
  Complain(text);
  // A verdict carries its id; without one, what the command was given made no sense.
  return reject.empty() && absl::IsInvalidArgument(status) ? kWrongUsage : kFailed;
}

}  // namespace
}  // namespace urna::client

int main(int argc, char** argv) {
  urna::client::HandleInterrupts();
  urna::crypto::Initialize();
  return urna::client::Run(argc, argv);
}
