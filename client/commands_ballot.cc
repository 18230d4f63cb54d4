#include <algorithm>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "client/cli.h"
#include "client/opened_ballot.h"
#include "client/poll_view.h"
#include "client/published_ledger.h"
#include "client/resident.h"
#include "client/voter.h"

namespace urna::client {
namespace {

using base::Cat;
using Json = nlohmann::json;

struct OpenFlags {
  Hash32 poll{};
  Hash32 fingerprint{};
  std::string file, ledger, language;
};

absl::StatusOr<std::shared_ptr<const poll::PollContext>> ContextOf(const GlobalOptions& global,
                                                                   const OpenFlags& flags) {
  if (!flags.ledger.empty()) {
    URNA_ASSIGN_OR_RETURN(const std::unique_ptr<PublishedLedger> ledger,
                          PublishedLedger::Open(flags.ledger, flags.poll));
    return ledger->context();
  }
  if (global.server.target.empty()) {
    return Usage("give --server, or --ledger with an exported ledger");
  }
  URNA_ASSIGN_OR_RETURN(const std::unique_ptr<Connection> connection,
                        Connection::Open(global.server));
  URNA_ASSIGN_OR_RETURN(const std::unique_ptr<PollView> view,
                        PollView::FetchUntilOpened(*OverGrpc(*connection, flags.poll), flags.poll));
  return view->state().context();
}

absl::Status RunOpen(const GlobalOptions& global, const OpenFlags& flags) {
  URNA_ASSIGN_OR_RETURN(const std::string text, base::ReadFile(flags.file, 4 << 20));
  const auto ballot = OpenedBallot::Parse(text);
  if (!ballot.ok()) return base::Annotate(ballot.status(), flags.file);
  URNA_ASSIGN_OR_RETURN(const auto context, ContextOf(global, flags));
  const poll::Definition& definition = *context->definition;
  const std::string language =
      flags.language.empty() ? definition.languages.front() : flags.language;
  if (std::ranges::find(definition.languages, language) == definition.languages.end()) {
    return Usage(Cat("--lang: the poll has no texts in \"", language, "\""));
  }
  const std::vector<std::string> differences =
      FindDifferences(*ballot, *context, flags.fingerprint);

  // The answers are shown only if they are what the fingerprint stands for.
  Json answers = Json::array();
  if (differences.empty()) {
    if (!global.json) {
      std::cout << In(definition.title, language)
                << "\nThe fingerprint is that of a ballot with these answers:\n";
    }
    for (const OpenedBallot::Contest& opened : ballot->contests) {
      const auto contest = std::ranges::find(definition.contests, opened.id, &poll::Contest::id);
      const std::string words = OneLine(DescribeAnswer(*contest, opened.votes, language));
      answers.push_back({{"question", opened.id}, {"answer", words}});
      if (!global.json) std::cout << "  " << In(contest->title, language) << ": " << words << "\n";
    }
    if (!global.json) {
      std::cout << "If these are the answers that were on the screen, the device encrypted what it "
                   "showed. This\nballot was opened and is never cast.\n";
    }
  } else if (!global.json) {
    for (const std::string& difference : differences) {
      std::cout << "DIFFERS: " << OneLine(difference) << "\n";
    }
  }
  if (global.json) {
    PrintJson({{"poll", base::Hex(flags.poll)},
               {"style", ballot->style},
               {"honest", differences.empty()},
               {"answers", answers},
               {"differences", differences}});
  }
  if (differences.empty()) return absl::OkStatus();
  return base::Reject("challenge.differs",
                      "the fingerprint is not that of this ballot. If it was copied and the file "
                      "carried over without a mistake, do not vote with that device; keep the file "
                      "and the fingerprint, and tell the officials");
}

}  // namespace

void AddBallotCommands(CLI::App& app, GlobalOptions& global, Action* action) {
  CLI::App* ballot = app.add_subcommand("ballot", "Whether a device encrypts what it shows");
  ballot->require_subcommand(1);
  auto flags = std::make_shared<OpenFlags>();
  CLI::App* open = ballot->add_subcommand(
      "open",
      "For anybody: checks a ballot that a voter challenged instead of casting it. Run it on\n"
      "another machine than the one that encrypted, with a copy of urna from elsewhere.");
  open->add_option("file", flags->file, "The opened ballot, from \"challenge\" in `urna vote`")
      ->required();
  AddPoll(open, &flags->poll);
  const auto parse = [flags](const std::string& hex) {
    if (!base::Unhex(hex, flags->fingerprint)) {
      throw CLI::ValidationError("--fingerprint", "is not 64 hexadecimal digits");
    }
  };
  open->add_option_function<std::string>(
          "--fingerprint", parse,
          "What the voter copied from the screen before the ballot was opened")
      ->required();
  global.AddServer(open);
  open->get_option("--server")->required(false);
  open->add_option("--ledger", flags->ledger,
                   "Folder of an exported ledger, for the poll's keys; without it, the server is "
                   "asked");
  open->add_option("--lang", flags->language, "Language of the answers");
  AddExample(open,
             "urna ballot open opened-ballot-1f0c.json --poll 4c1f... --fingerprint 1f0c... "
             "--server vote.example:7443",
             "The file shows the answers of that one ballot, which is never cast, and nothing "
             "about who made it. A device\nthat cheats in one of two ballots is caught by the "
             "first challenge with probability one half.");
  open->callback(
      [&global, action, flags] { *action = [&global, flags] { return RunOpen(global, *flags); }; });
}

}  // namespace urna::client
