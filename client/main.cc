#include <cstdio>
#include <string>

#include "base/status.h"
#include "base/text.h"
#include "client/cli.h"
#include "client/interrupt.h"
#include "crypto/group.h"

namespace urna::client {
namespace {

int Complain(std::string_view text) {
  std::fprintf(stderr, "urna: %s\n", OneLine(text).c_str());
  return 2;
}

int Run(int argc, char** argv) {
  CLI::App app(
      "Urna: referendums, surveys and consultations whose result anybody can check.\n"
      "Every command explains itself: urna COMMAND --help",
      "urna");
  app.set_version_flag("--version", "urna " URNA_VERSION);
  // So that --json may stand anywhere.
  app.fallthrough();
  app.require_subcommand(1);
  GlobalOptions global;
  app.add_flag("--json", global.json, "Print one JSON object instead of text (any command)");
  Action action;
  AddVoteCommands(app, global, &action);
  AddReceiptCommands(app, global, &action);
  AddPollCommands(app, global, &action);
  AddRollCommands(app, global, &action);
  AddOfficialCommands(app, global, &action);
  AddTrusteeCommands(app, global, &action);
  AddLedgerCommands(app, global, &action);
  app.footer("Exit status: 0 done; 1 refused or failed; 2 wrong usage.");

  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& wanted) {  // --help and --version
    return app.exit(wanted);
  } catch (const CLI::ParseError& error) {
    return Complain(base::Cat(error.what(), " (see --help)"));
  }
  const absl::Status status = action();
  if (status.ok()) return 0;
  const std::string reject = base::RejectId(status);
  std::string text(status.message());
  if (!reject.empty()) text += base::Cat(" (", reject, ")");
  Complain(text);
  return 1;
}

}  // namespace
}  // namespace urna::client

int main(int argc, char** argv) {
  urna::client::HandleInterrupts();
  urna::crypto::Initialize();
  return urna::client::Run(argc, argv);
}
