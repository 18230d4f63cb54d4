#include "client/commands_steps.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "client/commands_result.h"
#include "client/paper.h"
#include "client/poll_view.h"

namespace urna::client {
namespace {

using base::Cat;
using poll::RecordKind;

constexpr size_t kMaxPaperBytes = size_t{16} << 20;
constexpr std::chrono::seconds kLook{1};

std::string OfficialNames(const poll::Definition& definition,
                          const std::vector<uint32_t>& officials) {
  std::string out;
  for (const uint32_t i : officials) {
    out += Cat(out.empty() ? "" : ", ", OneLine(definition.officials[i].name));
  }
  return out.empty() ? "nobody" : out;
}

struct StepFlags {
  Hash32 poll{};
  std::string command, key, folder, reason, join, outcome, issuer, file;
  std::string old_credential, new_credential;
  uint64_t end = 0;
  bool yes = false, separate = false;
};

/// Asks a person for `word`; without a terminal, only --yes says yes.
absl::Status Confirm(const StepFlags& flags, std::string_view question, std::string_view word) {
  if (flags.yes) return absl::OkStatus();
  if (isatty(STDIN_FILENO) == 0) {
    return base::Failure(absl::StatusCode::kFailedPrecondition,
                         "nobody is there to confirm; give --yes if you checked what is above");
  }
  std::cerr << question;
  std::string answer;
  std::getline(std::cin, answer);
  if (answer == word) return absl::OkStatus();
  return base::Failure(absl::StatusCode::kCancelled, "not confirmed; nothing was signed");
}

/// An official at work on a poll whose ledger was verified.
struct Desk {
  std::unique_ptr<Connection> connection;
  std::unique_ptr<PollView> view;
  crypto::Ed25519Key key;
  uint32_t official;

  const poll::State& state() const { return view->state(); }
  const poll::Definition& definition() const { return *view->state().definition(); }
  std::string Name(uint32_t i) const { return OneLine(definition().officials[i].name); }
  std::string Names(const std::vector<uint32_t>& officials) const {
    return OfficialNames(definition(), officials);
  }
};

absl::StatusOr<Desk> SitDown(const GlobalOptions& global, const StepFlags& flags) {
  URNA_ASSIGN_OR_RETURN(crypto::Ed25519Key key, OpenIdentity(global, flags.key, "official"));
  URNA_ASSIGN_OR_RETURN(std::unique_ptr<Connection> connection, Connection::Open(global.server));
  URNA_ASSIGN_OR_RETURN(std::unique_ptr<PollView> view,
                        PollView::FetchAll(*OverGrpc(*connection, flags.poll), flags.poll,
                                           flags.folder, ShowProgress()));
  URNA_ASSIGN_OR_RETURN(const uint32_t official,
                        OfficialNumber(*view->state().definition(), key.public_key()));
  return Desk{std::move(connection), std::move(view), std::move(key), official};
}

void PrintHead(const Desk& desk) {
  const poll::Definition& d = desk.definition();
  if (d.rehearsal) std::cerr << "*** REHEARSAL: this poll counts for nothing ***\n";
  std::cerr << Shown(d, d.title) << "\n";
}

/// The pending step that `code` stands for.
absl::StatusOr<poll::Payload> Joined(const std::vector<PendingStep>& pending, RecordKind kind,
                                     const std::string& code) {
  const std::string name = poll::KindName(static_cast<uint8_t>(kind));
  std::string known;
  for (const PendingStep& other : pending) {
    if (poll::KindOf(other.step) != kind) continue;
    if (other.code() == code) return other.step;
    known += Cat(known.empty() ? "" : ", ", other.code());
  }
  return base::Failure(
      absl::StatusCode::kNotFound,
      Cat("no '", name, "' with the code ", code, " is pending; ",
          known.empty() ? "none is: it was recorded, withdrawn, or the server restarted"
                        : Cat("pending: ", known)));
}

absl::StatusOr<v1::ApproveResponse> Sign(const GlobalOptions& global, const StepFlags& flags,
                                         const Desk& desk, const poll::Payload& step) {
  URNA_ASSIGN_OR_RETURN(const v1::ApproveResponse response,
                        Approve(*desk.connection, desk.state(), step, desk.official, desk.key, ""));
  PrintApproval(global, poll::KindOf(step), response, base::Hex(flags.poll));
  if (!global.json && !response.recorded()) {
    URNA_ASSIGN_OR_RETURN(const std::vector<PendingStep> pending,
                          FetchPending(*desk.connection, desk.state()));
    for (const PendingStep& other : pending) {
      if (other.body != poll::PayloadBody(step) || poll::KindOf(other.step) != poll::KindOf(step)) {
        continue;
      }
      std::vector<uint32_t> absent;
      for (uint32_t i = 0; i < desk.definition().officials.size(); ++i) {
        if (std::ranges::find(other.approved, i) == other.approved.end()) absent.push_back(i);
      }
      std::cout << "Not yet: " << desk.Names(absent)
                << ". They see it with\n  urna poll pending --poll " << base::Hex(flags.poll)
                << "\n";
    }
  }
  return response;
}

/// Makes the step from the ledger that was verified.
using MakeStep = std::function<absl::StatusOr<poll::Payload>(const Desk&)>;

absl::Status TakeStep(const GlobalOptions& global, const StepFlags& flags, RecordKind kind,
                      const MakeStep& make) {
  URNA_ASSIGN_OR_RETURN(const Desk desk, SitDown(global, flags));
  PrintHead(desk);
  URNA_ASSIGN_OR_RETURN(const std::vector<PendingStep> pending,
                        FetchPending(*desk.connection, desk.state()));
  auto step = flags.join.empty() ? make(desk) : Joined(pending, kind, flags.join);
  URNA_RETURN_IF_ERROR(step.status());
  URNA_RETURN_IF_ERROR(MayTake(desk.state(), *step));
  const std::vector<PendingStep> competing = Competing(pending, *step, desk.official);
  if (!competing.empty() && flags.join.empty() && !flags.separate) {
    return RefuseUnseen(desk.state(), *step, competing);
  }
  const poll::Definition& d = desk.definition();
  std::cerr << desk.Name(desk.official) << " signs (" << d.officials_needed << " of "
            << d.officials.size() << " officials must): " << DescribeStep(desk.state(), *step)
            << ".\n";
  if (kind == RecordKind::kOpened) {
    const std::string_view word = d.rehearsal ? "rehearsal" : "real";
    std::cerr << (d.rehearsal ? "THIS IS A REHEARSAL. ITS RESULT WILL COUNT FOR NOTHING.\n"
                              : "THIS IS A REAL POLL, NOT A REHEARSAL. ITS RESULT WILL COUNT.\n");
    URNA_RETURN_IF_ERROR(Confirm(flags, Cat("Type the word ", word, " to open it: "), word));
  } else {
    URNA_RETURN_IF_ERROR(Confirm(flags, "Type y to sign: ", "y"));
  }
  return Sign(global, flags, desk, *step).status();
}

absl::StatusOr<poll::Point> ParseCredential(std::string_view option, const std::string& hex) {
  base::Bytes32 bytes;
  if (hex.size() == 64 && base::Unhex(hex, bytes)) {
    auto point = poll::Point::DecodeNonIdentity(base::View(bytes));
    if (point.ok()) return point;
  }
  return base::Failure(absl::StatusCode::kInvalidArgument,
                       Cat(option, ": \"", hex.substr(0, 80),
                           "\" is no credential: it is the 64 hexadecimal digits that stand in the "
                           "roll file"));
}

/// By number from 0 or by name.
absl::StatusOr<uint8_t> ParseIssuer(const poll::Definition& definition, const std::string& text) {
  uint64_t number = 0;
  if (base::ParseU64(text, &number) && number < definition.issuers.size()) {
    return static_cast<uint8_t>(number);
  }
  std::string known;
  for (size_t i = 0; i < definition.issuers.size(); ++i) {
    if (definition.issuers[i].name == text) return static_cast<uint8_t>(i);
    known += Cat(known.empty() ? "" : ", ", i, " (", definition.issuers[i].name, ")");
  }
  return base::Failure(absl::StatusCode::kInvalidArgument,
                       Cat("--issuer: this poll has no issuer \"", text, "\"; it has ", known));
}

absl::StatusOr<std::string> Demanded(std::string_view option, const std::string& value) {
  if (!base::Trim(value).empty()) return value;
  return base::Failure(absl::StatusCode::kInvalidArgument,
                       Cat(option,
                           " is required, or --join CODE to sign what another official "
                           "proposed"));
}

absl::StatusOr<poll::Payload> MakeCertificate(const Desk& desk) {
  URNA_RETURN_IF_ERROR(MayTake(desk.state(), poll::Certified{}));
  URNA_ASSIGN_OR_RETURN(const poll::Result result, desk.state().ComputeResult());
  PrintResult(std::cerr, desk.state(), result);
  return poll::Certified{poll::EncodeCertificate(result), {}};
}

// --- Paper ---------------------------------------------------------------------------------------

absl::Status PrintPaperTemplate(const GlobalOptions& global, const Hash32& poll) {
  URNA_ASSIGN_OR_RETURN(const std::unique_ptr<Connection> connection,
                        Connection::Open(global.server));
  URNA_ASSIGN_OR_RETURN(const std::unique_ptr<PollView> view,
                        PollView::FetchDefinition(*OverGrpc(*connection, poll), poll));
  const std::string table = PaperTemplate(*view->state().definition());
  if (global.json) {
    PrintJson({{"poll", base::Hex(poll)}, {"template", table}});
  } else {
    std::cout << table;
  }
  return absl::OkStatus();
}

/// Every style is a step of its own, signed where the one before it ended: two officials who run
/// this at the same time with the same file take turns.
absl::Status CountPaper(const GlobalOptions& global, const StepFlags& flags) {
  URNA_ASSIGN_OR_RETURN(const std::string text, base::ReadFile(flags.file, kMaxPaperBytes));
  URNA_ASSIGN_OR_RETURN(const Desk desk, SitDown(global, flags));
  PrintHead(desk);
  const poll::Definition& d = desk.definition();
  const poll::State& state = desk.state();
  if (state.phase() != poll::Phase::kClosed) return MayTake(state, poll::PaperCounted{});
  URNA_ASSIGN_OR_RETURN(const std::vector<poll::PaperCounted> all,
                        ParsePaper(flags.file, text, state));
  std::vector<poll::PaperCounted> papers;
  for (const poll::PaperCounted& paper : all) {
    const auto& counted = state.paper()[paper.style];
    if (!counted.has_value()) {
      papers.push_back(paper);
    } else if (poll::PayloadBody(*counted) != poll::PayloadBody(paper)) {
      return base::Failure(
          absl::StatusCode::kFailedPrecondition,
          Cat(flags.file, ": the ledger has other numbers already, and they stay: ",
              DescribePaper(d, *counted)));
    }
  }
  if (papers.empty()) {
    std::cerr << "All of these numbers are on the ledger already.\n";
    return absl::OkStatus();
  }
  URNA_ASSIGN_OR_RETURN(const std::vector<PendingStep> pending,
                        FetchPending(*desk.connection, state));
  std::cerr << desk.Name(desk.official) << " signs (" << d.officials_needed << " of "
            << d.officials.size() << " officials must): add the votes on paper of\n";
  for (const poll::PaperCounted& paper : papers) {
    const auto competing = Competing(pending, paper, desk.official);
    if (!competing.empty() && !flags.separate) {
      std::cerr << "Yours:\n  " << DescribePaper(d, paper) << "\nApproved by "
                << desk.Names(competing.front().approved) << ":\n  "
                << DescribePaper(d, std::get<poll::PaperCounted>(competing.front().step)) << "\n";
      return base::Failure(
          absl::StatusCode::kFailedPrecondition,
          Cat("another official has proposed other numbers for style ", d.styles[paper.style].id,
              "; nothing was signed. Compare the protocols; then correct ", flags.file,
              ", or give --separate to propose yours beside it"));
    }
    std::cerr << "  " << DescribePaper(d, paper) << "\n";
  }
  URNA_RETURN_IF_ERROR(Confirm(flags, "Type y to sign: ", "y"));
  for (size_t i = 0; i < papers.size(); ++i) {
    while (!state.paper()[papers[i].style].has_value()) {
      const auto response =
          Approve(*desk.connection, state, papers[i], desk.official, desk.key, "");
      // The other official's approval may have moved the ledger just now.
      const bool moved = base::RejectId(response.status()) == "approval.signature-invalid" ||
                         base::RejectId(response.status()) == "paper.twice";
      if (!response.ok() && !moved) return response.status();
      if (response.ok() && !response->recorded() && i + 1 == papers.size()) {
        PrintApproval(global, RecordKind::kPaperCounted, *response, base::Hex(flags.poll));
        return absl::OkStatus();
      }
      if (response.ok() && !response->recorded()) {
        std::cerr << "Style " << d.styles[papers[i].style].id
                  << ": waiting until another official signs it with the same file (an interrupt "
                     "does no harm)\n";
      }
      const uint64_t size = state.size();
      while (state.size() == size) {
        URNA_RETURN_IF_ERROR(desk.view->Advance(*OverGrpc(*desk.connection, flags.poll)));
        if (state.size() == size) std::this_thread::sleep_for(kLook);
      }
    }
    std::cerr << "Style " << d.styles[papers[i].style].id << ": on the ledger\n";
    if (poll::PayloadBody(*state.paper()[papers[i].style]) != poll::PayloadBody(papers[i])) {
      return base::Failure(absl::StatusCode::kFailedPrecondition,
                           Cat("other officials recorded other numbers: ",
                               DescribePaper(d, *state.paper()[papers[i].style])));
    }
  }
  if (global.json) {
    PrintJson({{"step", "paper counted"}, {"recorded", true}, {"poll", base::Hex(flags.poll)}});
  } else {
    std::cout << "poll " << base::Hex(flags.poll) << ": 'paper counted' is on the ledger\n";
  }
  return absl::OkStatus();
}

// --- What is pending -----------------------------------------------------------------------------

absl::Status RunWithdraw(const GlobalOptions& global, const StepFlags& flags) {
  URNA_ASSIGN_OR_RETURN(const Desk desk, SitDown(global, flags));
  PrintHead(desk);
  URNA_ASSIGN_OR_RETURN(const std::vector<PendingStep> pending,
                        FetchPending(*desk.connection, desk.state()));
  for (const PendingStep& step : pending) {
    if (step.code() != flags.join) continue;
    std::cerr << desk.Name(desk.official) << " takes back the approval to "
              << DescribeStep(desk.state(), step.step) << ".\n";
    URNA_ASSIGN_OR_RETURN(const uint32_t left, Withdraw(*desk.connection, desk.state(), step.step,
                                                        desk.official, desk.key));
    if (global.json) {
      PrintJson({{"withdrawn", true}, {"approvals", left}, {"poll", base::Hex(flags.poll)}});
    } else {
      std::cout << "taken back; " << left << " approvals are left"
                << (left == 0 ? ", the step is no longer proposed" : "") << "\n";
    }
    return absl::OkStatus();
  }
  return base::Failure(absl::StatusCode::kNotFound,
                       Cat("no pending step has the code ", flags.join,
                           "; `urna poll pending` lists them. What is recorded stays"));
}

absl::Status RunPending(const GlobalOptions& global, const StepFlags& flags) {
  URNA_ASSIGN_OR_RETURN(const std::unique_ptr<Connection> connection,
                        Connection::Open(global.server));
  URNA_ASSIGN_OR_RETURN(const std::unique_ptr<PollView> view,
                        PollView::FetchAll(*OverGrpc(*connection, flags.poll), flags.poll,
                                           flags.folder, ShowProgress()));
  const poll::State& state = view->state();
  URNA_ASSIGN_OR_RETURN(const std::vector<PendingStep> pending, FetchPending(*connection, state));
  if (global.json) {
    PrintJson({{"poll", base::Hex(flags.poll)},
               {"rehearsal", state.definition()->rehearsal},
               {"pending", PendingJson(state, pending)}});
    return absl::OkStatus();
  }
  std::cout << Shown(*state.definition(), state.definition()->title)
            << (state.definition()->rehearsal ? "   [REHEARSAL]" : "") << "\n";
  PrintPending(state, pending);
  if (pending.empty()) std::cout << "Nothing waits for approvals.\n";
  return absl::OkStatus();
}

/// What an official types after `urna` to approve a pending step, but for the key.
struct CommandOf {
  const PendingStep& pending;
  const std::string poll;  ///< flag

  std::string Plain(std::string_view command) const { return Cat("poll ", command, poll); }
  std::string Joined(std::string_view command) const {
    return Cat("poll ", command, poll, " --join ", pending.code());
  }
  std::string operator()(const poll::RollSealed&) const {
    return Cat("roll import FILE", poll, " --persons-sha256 FILE");
  }
  std::string operator()(const poll::Opened&) const { return Plain("open"); }
  std::string operator()(const poll::Paused&) const { return Joined("pause"); }
  std::string operator()(const poll::Resumed&) const { return Plain("resume"); }
  std::string operator()(const poll::Extended&) const { return Joined("extend"); }
  std::string operator()(const poll::CredentialReplaced&) const { return Joined("replace"); }
  std::string operator()(const poll::Closed&) const { return Plain("close"); }
  std::string operator()(const poll::RegisterMissing&) const { return Joined("register-missing"); }
  std::string operator()(const poll::Lot&) const { return Joined("lot"); }
  std::string operator()(const poll::PaperCounted&) const { return Plain("paper YOUR-FILE"); }
  std::string operator()(const poll::Certified&) const { return Plain("certify"); }
  std::string operator()(const poll::Cancelled&) const { return Joined("cancel"); }
  template <typename T>
  std::string operator()(const T&) const {
    return "";
  }
};

std::string CommandFor(const poll::State& state, const PendingStep& pending) {
  return Cat("urna ",
             std::visit(CommandOf{pending, Cat(" --poll ", base::Hex(state.poll()))}, pending.step),
             " --key YOURS");
}

}  // namespace

nlohmann::json PendingJson(const poll::State& state, const std::vector<PendingStep>& pending) {
  const poll::Definition& d = *state.definition();
  const auto names = [&](const std::vector<uint32_t>& officials) {
    nlohmann::json out = nlohmann::json::array();
    for (const uint32_t i : officials) out.push_back(d.officials[i].name);
    return out;
  };
  nlohmann::json out = nlohmann::json::array();
  for (const PendingStep& step : pending) {
    std::vector<uint32_t> absent;
    for (uint32_t i = 0; i < d.officials.size(); ++i) {
      if (std::ranges::find(step.approved, i) == step.approved.end()) absent.push_back(i);
    }
    out.push_back({{"step", poll::KindName(static_cast<uint8_t>(poll::KindOf(step.step)))},
                   {"code", step.code()},
                   {"content", DescribeStep(state, step.step)},
                   {"approved_by", names(step.approved)},
                   {"lapsed", names(step.lapsed)},
                   {"not_yet", names(absent)},
                   {"needed", d.officials_needed},
                   {"stale", step.approved.empty()},
                   {"since", base::FormatUtc(step.since)}});
  }
  return out;
}

void PrintPending(const poll::State& state, const std::vector<PendingStep>& pending) {
  const poll::Definition& d = *state.definition();
  for (const PendingStep& step : pending) {
    std::vector<uint32_t> absent;
    for (uint32_t i = 0; i < d.officials.size(); ++i) {
      if (std::ranges::find(step.approved, i) == step.approved.end()) absent.push_back(i);
    }
    std::cout << "pending since " << base::FormatUtc(step.since) << ": '"
              << poll::KindName(static_cast<uint8_t>(poll::KindOf(step.step))) << "', code "
              << step.code() << ", " << step.approved.size() << " of " << d.officials_needed
              << " approvals\n  to " << DescribeStep(state, step.step)
              << "\n  approved: " << OfficialNames(d, step.approved)
              << "; not yet: " << OfficialNames(d, absent) << "\n";
    if (!step.lapsed.empty()) {
      std::cout << "  the ledger moved on since " << OfficialNames(d, step.lapsed)
                << " approved: they must approve anew\n";
    }
    std::cout << "  to sign it: " << CommandFor(state, step) << "\n";
  }
}

absl::Status RefuseUnseen(const poll::State& state, const poll::Payload& step,
                          const std::vector<PendingStep>& competing) {
  std::cerr << "Yours:\n  " << OneLine(DescribeStep(state, step)) << "\n";
  for (const PendingStep& other : competing) {
    std::cerr << "Approved by " << OfficialNames(*state.definition(), other.approved) << " since "
              << base::FormatUtc(other.since) << ":\n  " << OneLine(DescribeStep(state, other.step))
              << "\n  to sign this one: " << CommandFor(state, other) << "\n";
  }
  return base::Failure(absl::StatusCode::kFailedPrecondition,
                       Cat("another official has proposed a different '",
                           poll::KindName(static_cast<uint8_t>(poll::KindOf(step))),
                           "'; nothing was signed. Sign that one as shown above, or give "
                           "--separate to propose yours beside it"));
}

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
    std::cout << "poll " << poll_hex << ": '" << step << "' is on the ledger\n";
  } else {
    std::cout << response.approvals() << " of " << response.needed() << " approvals of '" << step
              << "'; the next official runs the same command\n";
  }
}

void AddStepCommands(CLI::App* polls, GlobalOptions& global, Action* action) {
  const auto add_folder = [](CLI::App* command, StepFlags& flags) {
    command->add_option("--folder", flags.folder,
                        "Folder for the ledger, kept; without it a temporary one");
  };
  const auto add_command = [&](const std::string& name, const std::string& description,
                               const std::string& example, const std::string& note,
                               const auto& add_flags, const auto& run) {
    auto flags = std::make_shared<StepFlags>();
    flags->command = name;
    CLI::App* command = polls->add_subcommand(name, description);
    AddPoll(command, &flags->poll);
    add_flags(command, *flags);
    global.AddServer(command);
    AddExample(command, Cat("urna poll ", name, example, " --server vote.example:7443"), note);
    command->callback([&global, action, flags, run] {
      *action = [&global, flags, run] { return run(global, *flags); };
    });
    return command;
  };
  const auto add_key = [&](CLI::App* command, StepFlags& flags) {
    command->add_option("--key", flags.key, "The official's key file")->required();
    global.AddPassphrase(command);
  };

  // Steps of officials: `add_flags` adds what the step needs beside poll and key. `content`: two
  // officials may propose different ones.
  const auto add_step = [&](const std::string& name, RecordKind kind,
                            const std::string& description, const std::string& example_flags,
                            bool content, const auto& add_flags, const auto& make) {
    add_command(
        name, description, Cat(" --poll 3f…9a --key anna.key", example_flags),
        "Fetches the ledger, checks all of it, shows what will be signed and asks. As many "
        "officials as the\ndefinition demands run it in turn.",
        [&](CLI::App* command, StepFlags& flags) {
          add_key(command, flags);
          add_folder(command, flags);
          add_flags(command, flags);
          command->add_flag("--yes", flags.yes, "Do not ask before signing");
          if (!content) return;
          command->add_option("--join", flags.join,
                              "Sign what another official proposed; the code is in `urna poll "
                              "pending`");
          command->add_flag("--separate", flags.separate,
                            "Propose this although another official proposed something else");
        },
        [kind, make](const GlobalOptions& options, const StepFlags& flags) {
          return TakeStep(options, flags, kind,
                          [&](const Desk& desk) { return make(flags, desk); });
        });
  };
  using StepOr = absl::StatusOr<poll::Payload>;
  const auto no_flags = [](CLI::App*, StepFlags&) {};
  const auto reason = [](CLI::App* command, StepFlags& flags) {
    command->add_option("--reason", flags.reason,
                        "Why; stands on the ledger for everybody to read");
  };
  add_step("open", RecordKind::kOpened,
           "Opens the poll: from then on its definition, roll and keys are fixed", "", false,
           no_flags, [](const StepFlags&, const Desk&) -> StepOr { return poll::Opened{}; });
  add_step("pause", RecordKind::kPaused, "Stops issuing and casting for a while; the end stays",
           " --reason 'power cut'", true, reason,
           [](const StepFlags& flags, const Desk&) -> StepOr {
             URNA_ASSIGN_OR_RETURN(std::string why, Demanded("--reason", flags.reason));
             return poll::Paused{std::move(why), {}};
           });
  add_step("resume", RecordKind::kResumed, "Ends a pause", "", false, no_flags,
           [](const StepFlags&, const Desk&) -> StepOr { return poll::Resumed{}; });
  add_step(
      "extend", RecordKind::kExtended,
      "Moves the end of voting before it has come, never past the definition's latest end",
      " --end 2014-05-25T22:00:00Z --reason 'power cut'", true,
      [&reason](CLI::App* command, StepFlags& flags) {
        AddTime(command, "--end", &flags.end, "The new end, UTC");
        reason(command, flags);
      },
      [](const StepFlags& flags, const Desk&) -> StepOr {
        URNA_ASSIGN_OR_RETURN(std::string why, Demanded("--reason", flags.reason));
        URNA_RETURN_IF_ERROR(Demanded("--end", flags.end > 0 ? "given" : "").status());
        return poll::Extended{flags.end, std::move(why), {}};
      });
  add_step(
      "replace", RecordKind::kCredentialReplaced,
      "Puts a new credential in the place of one whose letter was lost", " --old 02…7c --new e1…40",
      true,
      [](CLI::App* command, StepFlags& flags) {
        command->add_option("--old", flags.old_credential, "The lost credential, as on the roll");
        command->add_option("--new", flags.new_credential, "The one of the new letter");
      },
      [](const StepFlags& flags, const Desk&) -> StepOr {
        poll::CredentialReplaced step;
        URNA_RETURN_IF_ERROR(Demanded("--old", flags.old_credential).status());
        URNA_RETURN_IF_ERROR(Demanded("--new", flags.new_credential).status());
        URNA_ASSIGN_OR_RETURN(step.old_credential, ParseCredential("--old", flags.old_credential));
        URNA_ASSIGN_OR_RETURN(step.new_credential, ParseCredential("--new", flags.new_credential));
        return step;
      });
  add_step("close", RecordKind::kClosed,
           "Closes the ballot box after the end: fixes every ballot for the tally", "", false,
           no_flags, [](const StepFlags&, const Desk&) -> StepOr { return poll::Closed{}; });
  add_step(
      "register-missing", RecordKind::kRegisterMissing,
      "After closing: goes on without the register of an issuer that will never publish it",
      " --issuer 'City hall' --reason 'its disk was lost'", true,
      [&reason](CLI::App* command, StepFlags& flags) {
        command->add_option("--issuer", flags.issuer, "Number from 0, or name");
        reason(command, flags);
      },
      [](const StepFlags& flags, const Desk& desk) -> StepOr {
        poll::RegisterMissing step;
        URNA_RETURN_IF_ERROR(Demanded("--issuer", flags.issuer).status());
        URNA_ASSIGN_OR_RETURN(step.issuer, ParseIssuer(desk.definition(), flags.issuer));
        URNA_ASSIGN_OR_RETURN(step.reason, Demanded("--reason", flags.reason));
        return step;
      });
  add_step(
      "lot", RecordKind::kLot,
      "After closing, before anybody decrypts: records the outcome of a public draw",
      " --outcome 'drawn in public: 17 42 3'", true,
      [](CLI::App* command, StepFlags& flags) {
        command->add_option("--outcome", flags.outcome, "What was drawn");
      },
      [](const StepFlags& flags, const Desk&) -> StepOr {
        URNA_ASSIGN_OR_RETURN(std::string outcome, Demanded("--outcome", flags.outcome));
        return poll::Lot{std::move(outcome), {}};
      });
  add_step("certify", RecordKind::kCertified,
           "Computes the result from the ledger, shows it, and signs it", "", false, no_flags,
           [](const StepFlags&, const Desk& desk) { return MakeCertificate(desk); });
  add_step(
      "cancel", RecordKind::kCancelled,
      "Cancels the poll for good, also before it is open; nothing is decrypted after it",
      " --reason 'the question was misprinted'", true, reason,
      [](const StepFlags& flags, const Desk& desk) -> StepOr {
        URNA_ASSIGN_OR_RETURN(std::string why, Demanded("--reason", flags.reason));
        if (desk.state().phase() == poll::Phase::kOpen) {
          return base::Failure(
              absl::StatusCode::kFailedPrecondition,
              Cat("pause the poll first (urna poll pause --poll ", base::Hex(desk.state().poll()),
                  " --reason ...): a cancellation is signed for the ledger as it stands, and "
                  "while ballots arrive that changes"));
        }
        return poll::Cancelled{std::move(why), {}};
      });

  add_command("paper-template",
              "Prints the table for the votes on paper, with one row for each number",
              " --poll 3f…9a > paper.csv", "Fill it in and give it to `urna poll paper`.", no_flags,
              [](const GlobalOptions& options, const StepFlags& flags) {
                return PrintPaperTemplate(options, flags.poll);
              });
  add_command(
      "paper", "After closing: adds the votes on paper of each style, from a table",
      " paper.csv --poll 3f…9a --key anna.key",
      "`urna poll paper-template` prints the table. Each style is signed on its own: the officials "
      "run this at the\nsame time with the same file and it takes turns; it can be interrupted and "
      "run again. What is counted stays.",
      [&](CLI::App* command, StepFlags& flags) {
        command->add_option("file", flags.file, "CSV table: style,contest,row,count")->required();
        add_key(command, flags);
        add_folder(command, flags);
        command->add_flag("--yes", flags.yes, "Do not ask before signing");
        command->add_flag("--separate", flags.separate,
                          "Propose these numbers although another official proposed others");
      },
      [](const GlobalOptions& options, const StepFlags& flags) {
        return CountPaper(options, flags);
      });
  add_command("pending", "What waits for approvals: its content, who approved it and who has not",
              " --poll 3f…9a",
              "Content is as the server shows it; who signs it, signs what is shown here.",
              add_folder, [](const GlobalOptions& options, const StepFlags& flags) {
                return RunPending(options, flags);
              });
  add_command(
      "withdraw", "Takes back your approval of a step that still lacks others",
      " 3f9a12cd --poll 3f…9a --key anna.key", "What is recorded on the ledger stays.",
      [&](CLI::App* command, StepFlags& flags) {
        command->add_option("code", flags.join, "The step's code, from `urna poll pending`")
            ->required();
        add_key(command, flags);
        add_folder(command, flags);
      },
      [](const GlobalOptions& options, const StepFlags& flags) {
        return RunWithdraw(options, flags);
      });
}

}  // namespace urna::client
