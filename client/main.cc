#include <cstdio>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/text.h"
#include "client/cli.h"
#include "client/interrupt.h"
#include "crypto/group.h"

namespace urna::client {
namespace {

constexpr int kFailed = 1;
constexpr int kWrongUsage = 2;

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
  for (const auto& [group, commands] :
       std::initializer_list<std::pair<const char*, std::vector<const char*>>>{
           {"For residents", {"vote", "receipt", "ballot"}},
           {"For officials", {"poll", "roll", "official"}},
           {"For trustees", {"trustee"}},
           {"For auditors", {"ledger"}}}) {
    for (const char* command : commands) app.get_subcommand(command)->group(group);
  }
  // CLI11 would name the missing command before the unknown one that stands in its place.
  for (CLI::App* command : app.get_subcommands({})) command->require_subcommand(0, 1);
  app.footer("Exit status: 0 done; 1 refused or failed; 2 wrong usage.");

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
