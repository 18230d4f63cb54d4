#include "client/commands_steps.h"

#include <unistd.h>

#include <functional>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"
#include "client/commands_result.h"
#include "client/poll_view.h"

namespace urna::client {
namespace {

using base::Cat;
using poll::RecordKind;

struct StepFlags {
  Hash32 poll{};
  std::string key, folder, reason;
  uint64_t end = 0;
  bool yes = false;
};

/// Asks a person; without a terminal, only --yes says yes.
absl::Status Confirm(const StepFlags& flags, std::string_view question) {
  if (flags.yes) return absl::OkStatus();
  if (isatty(STDIN_FILENO) == 0) {
    return base::Failure(absl::StatusCode::kFailedPrecondition,
                         "nobody is there to confirm; give --yes if you checked the result");
  }
  std::cerr << question << " [y/N] ";
  std::string answer;
  std::getline(std::cin, answer);
  if (answer == "y" || answer == "Y" || answer == "yes") return absl::OkStatus();
  return base::Failure(absl::StatusCode::kCancelled, "not confirmed; nothing was signed");
}

/// Makes the step from the ledger that was verified; may ask.
using MakeStep = std::function<absl::StatusOr<poll::Payload>(const poll::State&)>;

absl::Status TakeStep(const GlobalOptions& global, const StepFlags& flags, const MakeStep& make) {
  URNA_ASSIGN_OR_RETURN(const crypto::Ed25519Key key, OpenIdentity(global, flags.key, "official"));
  URNA_ASSIGN_OR_RETURN(const std::unique_ptr<Connection> connection,
                        Connection::Open(global.server));
  URNA_ASSIGN_OR_RETURN(const std::unique_ptr<PollView> view,
                        PollView::FetchAll(*connection, flags.poll, flags.folder, ShowProgress()));
  const poll::State& state = view->state();
  URNA_ASSIGN_OR_RETURN(const uint32_t official,
                        OfficialNumber(*state.definition(), key.public_key()));
  URNA_ASSIGN_OR_RETURN(const poll::Payload step, make(state));
  URNA_ASSIGN_OR_RETURN(const v1::ApproveResponse response,
                        Approve(*connection, state, step, official, key, ""));
  PrintApproval(global, poll::KindOf(step), response, base::Hex(flags.poll));
  return absl::OkStatus();
}

// --- Certifying ----------------------------------------------------------------------------------

absl::StatusOr<poll::Payload> MakeCertificate(const StepFlags& flags, const poll::State& state) {
  URNA_RETURN_IF_ERROR(MayTake(state, poll::Certified{}));
  URNA_ASSIGN_OR_RETURN(const poll::Result result, state.ComputeResult());
  PrintResult(std::cerr, state, result);
  URNA_RETURN_IF_ERROR(Confirm(flags, "Certify this result?"));
  return poll::Certified{poll::EncodeCertificate(result), {}};
}

}  // namespace

void PrintApproval(const GlobalOptions& global, poll::RecordKind kind,
                   const v1::ApproveResponse& response, const std::string& poll_hex) {
  const std::string step = poll::KindName(static_cast<uint8_t>(kind));
  if (global.json) {
    PrintJson({{"step", step},
               {"recorded", response.recorded()},
               {"approvals", response.approvals()},
               {"needed", response.needed()},
               {"poll", poll_hex}});
  } else if (response.recorded()) {
    std::cout << "poll " << poll_hex << " is " << step << "\n";
  } else {
    std::cout << response.approvals() << " of " << response.needed() << " approvals of '" << step
              << "'; the next official runs the same command\n";
  }
}

void AddStepCommands(CLI::App* polls, GlobalOptions& global, Action* action) {
  // Steps of officials: `add_flags` adds what the step needs beside poll and key.
  const auto add_step = [&](const std::string& name, const std::string& description,
                            const std::string& example_flags, const auto& add_flags,
                            const auto& make) {
    auto flags = std::make_shared<StepFlags>();
    CLI::App* command = polls->add_subcommand(name, description);
    AddPoll(command, &flags->poll);
    command->add_option("--key", flags->key, "The official's key file")->required();
    command->add_option("--folder", flags->folder,
                        "Folder for the ledger, kept; without it a temporary one");
    add_flags(command, *flags);
    global.AddServer(command);
    global.AddPassphrase(command);
    AddExample(command,
               Cat("urna poll ", name, " --poll 3f…9a --key anna.key", example_flags,
                   " --server vote.example:7443"),
               "Fetches the ledger and checks all of it before anything is signed. As many "
               "officials as the\ndefinition demands run it in turn.");
    command->callback([&global, action, flags, make] {
      *action = [&global, flags, make] {
        return TakeStep(global, *flags,
                        [&](const poll::State& state) { return make(*flags, state); });
      };
    });
  };
  using StepOr = absl::StatusOr<poll::Payload>;
  const auto no_flags = [](CLI::App*, StepFlags&) {};
  const auto reason = [](CLI::App* command, StepFlags& flags) {
    command->add_option("--reason", flags.reason, "Why; stands on the ledger for everybody to read")
        ->required();
  };
  add_step("open", "Opens the poll: from then on its definition, roll and keys are fixed", "",
           no_flags, [](const StepFlags&, const poll::State&) -> StepOr { return poll::Opened{}; });
  add_step("pause", "Stops issuing and casting for a while; the end stays", " --reason 'power cut'",
           reason, [](const StepFlags& flags, const poll::State&) -> StepOr {
             return poll::Paused{flags.reason, {}};
           });
  add_step("resume", "Ends a pause", "", no_flags,
           [](const StepFlags&, const poll::State&) -> StepOr { return poll::Resumed{}; });
  add_step(
      "extend", "Moves the end of voting, never past the definition's latest end",
      " --end 2014-05-25T22:00:00Z --reason 'power cut'",
      [&reason](CLI::App* command, StepFlags& flags) {
        AddTime(command, "--end", &flags.end, "The new end, UTC")->required();
        reason(command, flags);
      },
      [](const StepFlags& flags, const poll::State&) -> StepOr {
        return poll::Extended{flags.end, flags.reason, {}};
      });
  add_step("close", "Closes the ballot box after the end: fixes every ballot for the tally", "",
           no_flags, [](const StepFlags&, const poll::State&) -> StepOr { return poll::Closed{}; });
  add_step(
      "certify", "Computes the result from the ledger, shows it, and signs it", "",
      [](CLI::App* command, StepFlags& flags) {
        command->add_flag("--yes", flags.yes, "Do not ask before signing");
      },
      [](const StepFlags& flags, const poll::State& state) {
        return MakeCertificate(flags, state);
      });
  add_step("cancel", "Cancels the poll for good; nothing is decrypted after it",
           " --reason 'the question was misprinted'", reason,
           [](const StepFlags& flags, const poll::State&) -> StepOr {
             return poll::Cancelled{flags.reason, {}};
           });
}

}  // namespace urna::client
