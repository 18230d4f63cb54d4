#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "client/cli.h"
#include "client/official.h"
#include "client/poll_view.h"
#include "client/roll.h"
#include "client/wallet.h"
#include "poll/payload.h"

namespace urna::client {
namespace {

using base::Cat;
using Json = nlohmann::json;

absl::Status Usage(std::string_view text) {
  return base::Failure(absl::StatusCode::kInvalidArgument, text);
}

// --- roll codes ---

struct CodesFlags {
  CodesOptions options;
  std::string separator = ",";
};

absl::Status RunCodes(const GlobalOptions& global, CodesFlags flags) {
  flags.options.columns.separator = flags.separator[0];
  if (isatty(STDERR_FILENO)) {
    flags.options.progress = [](size_t done, size_t total) {
      std::cerr << "\rcodes: " << done << " of " << total << (done == total ? "\n" : "")
                << std::flush;
      return true;
    };
  }
  URNA_ASSIGN_OR_RETURN(const CodesResult result, MakeCodes(flags.options));
  const std::string& out = flags.options.out;
  if (global.json) {
    PrintJson(Json{{"codes", result.codes},
                   {"resumed", result.resumed},
                   {"codes_file", out + "/codes.csv"},
                   {"roll_file", out + "/roll.csv"},
                   {"persons_file", out + "/persons.sha256"}});
    return absl::OkStatus();
  }
  std::cout << result.codes << " codes made";
  if (result.resumed != 0) std::cout << ", " << result.resumed << " of them by an earlier run";
  std::cout << ".\n"
            << "  " << out << "/codes.csv       SECRET: print the letters (`urna roll letters`)\n"
            << "  " << out
            << "/roll.csv        the roll; more can be added with `urna roll enrol`\n"
            << "  " << out << "/persons.sha256  hash of the list of residents; keep the list\n";
  return absl::OkStatus();
}

// --- roll key ---

struct KeyFlags {
  std::string label, out;
};

absl::Status RunKey(const GlobalOptions& global, const KeyFlags& flags) {
  URNA_RETURN_IF_ERROR(CheckRollLabel(flags.label));
  URNA_ASSIGN_OR_RETURN(const crypto::SecretText passphrase,
                        GetPassphrase(global.passphrase, Cat("passphrase of ", flags.out), true));
  const crypto::CredentialKey key = crypto::CredentialKey::New();
  URNA_RETURN_IF_ERROR(SaveCredential(flags.out, key.k, key.V, passphrase));
  const std::string enrolment = Enrolment::Make(key, flags.label).ToString();
  if (global.json) {
    PrintJson(Json{
        {"key", flags.out}, {"credential", base::Hex(key.V.bytes())}, {"enrolment", enrolment}});
    return absl::OkStatus();
  }
  std::cout << "Your key is in " << flags.out << ". Keep it and its passphrase; without them you "
            << "cannot vote.\nGive this line to the office, which will check who you are:\n"
            << enrolment << "\n";
  return absl::OkStatus();
}

// --- roll enrol ---

struct EnrolFlags {
  std::string roll, label, style, enrolment;
};

/// (enrolment, style, place) of each to be enrolled.
struct Candidate {
  std::string enrolment, style, place;
};

absl::StatusOr<std::vector<Candidate>> ReadCandidates(const EnrolFlags& flags) {
  if (!std::filesystem::exists(flags.enrolment)) {
    if (flags.style.empty()) return Usage("--style is missing");
    return std::vector<Candidate>{{flags.enrolment, flags.style, "the enrolment"}};
  }
  URNA_ASSIGN_OR_RETURN(const std::string text, base::ReadFile(flags.enrolment));
  if (base::Trim(text).find_first_of("\r\n,") == std::string_view::npos) {
    if (flags.style.empty()) return Usage("--style is missing");
    return std::vector<Candidate>{{text, flags.style, flags.enrolment}};
  }
  URNA_ASSIGN_OR_RETURN(const std::vector<CsvRow> rows,
                        ParseTable(flags.enrolment, text, ',', {"enrolment", "style"}));
  if (!flags.style.empty()) {
    return Usage(Cat(flags.enrolment, ": names each style itself; leave --style out"));
  }
  std::vector<Candidate> candidates;
  for (const CsvRow& row : rows) {
    const std::string place = Cat(flags.enrolment, ": line ", row[0].line);
    if (row[1].text.empty()) {
      return Usage(Cat(place, ", column ", row[1].column, " (style): is empty"));
    }
    candidates.push_back({row[0].text, row[1].text, place});
  }
  return candidates;
}

absl::Status RunEnrol(const GlobalOptions& global, const EnrolFlags& flags) {
  RollFile roll;
  if (std::filesystem::exists(flags.roll)) {
    URNA_ASSIGN_OR_RETURN(const std::string text, base::ReadFile(flags.roll));
    URNA_ASSIGN_OR_RETURN(roll, RollFile::Parse(flags.roll, text));
    if (!flags.label.empty() && flags.label != roll.label) {
      return Usage(
          Cat(flags.roll, ": its label is \"", roll.label, "\", not \"", flags.label, "\""));
    }
  } else {
    if (flags.label.empty()) {
      return Usage(Cat(flags.roll, ": is not there; to begin a new roll give its --label"));
    }
    URNA_RETURN_IF_ERROR(CheckRollLabel(flags.label));
    roll.label = flags.label;
  }
  URNA_ASSIGN_OR_RETURN(const std::vector<Candidate> candidates, ReadCandidates(flags));
  std::vector<absl::StatusOr<Enrolment>> enrolments(candidates.size(), absl::UnknownError(""));
  OnThreads(0)(candidates.size(), [&](size_t i) {
    enrolments[i] = Enrolment::Parse(candidates[i].enrolment, roll.label);
  });
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (!enrolments[i].ok()) {
      return base::Annotate(enrolments[i].status(), candidates[i].place);
    }
    if (candidates[i].style.find_first_of(",\r\n") != std::string::npos) {
      return Usage(Cat(candidates[i].place, ": \"", candidates[i].style, "\" is no style"));
    }
    roll.entries.push_back({enrolments[i]->credential, candidates[i].style, 0});
  }
  auto text = roll.Format();
  if (!text.ok()) return base::Annotate(text.status(), flags.roll);
  URNA_RETURN_IF_ERROR(base::WriteFileAtomic(flags.roll, *text));
  if (global.json) {
    PrintJson(Json{{"enrolled", candidates.size()}, {"roll", roll.entries.size()}});
  } else {
    std::cout << candidates.size() << " enrolled; " << flags.roll << " now has "
              << roll.entries.size() << " credentials.\n";
  }
  return absl::OkStatus();
}

// --- roll check ---

struct CheckFlags {
  std::string file, definition;
};

absl::StatusOr<RollFile> ReadRoll(const std::string& path) {
  URNA_ASSIGN_OR_RETURN(const std::string text, base::ReadFile(path));
  return RollFile::Parse(path, text);
}

void PrintSummary(const GlobalOptions& global, const poll::Definition& definition,
                  const RollSummary& summary, Json extra) {
  if (global.json) {
    Json styles = Json::object();
    for (size_t s = 0; s < definition.styles.size(); ++s) {
      styles[definition.styles[s].id] = summary.per_style[s];
    }
    extra["credentials"] = summary.entries.size();
    extra["styles"] = styles;
    PrintJson(extra);
    return;
  }
  for (size_t s = 0; s < definition.styles.size(); ++s) {
    std::cout << "  " << definition.styles[s].id << ": " << summary.per_style[s] << "\n";
  }
  std::cout << "  together: " << summary.entries.size() << "\n";
}

absl::Status RunCheck(const GlobalOptions& global, const CheckFlags& flags) {
  URNA_ASSIGN_OR_RETURN(const std::string json, base::ReadFile(flags.definition));
  const auto definition = poll::ParseDefinition(poll::StripTemplateComments(json));
  if (!definition.ok()) return base::Annotate(definition.status(), flags.definition);
  URNA_ASSIGN_OR_RETURN(const RollFile roll, ReadRoll(flags.file));
  URNA_ASSIGN_OR_RETURN(const RollSummary summary, MatchRoll(flags.file, roll, *definition));
  if (!global.json) std::cout << "The roll fits the definition. Credentials for each style:\n";
  PrintSummary(global, *definition, summary, Json::object());
  return absl::OkStatus();
}

// --- roll import ---

struct ImportFlags {
  std::string file, key, persons;
  Hash32 poll{};
};

/// True if somebody already proposed just this roll, so that the server holds its entries.
absl::StatusOr<bool> IsPending(Connection& connection, const Hash32& poll_id,
                               const poll::RollSealed& sealed) {
  v1::PendingRequest request;
  request.set_poll(std::string(base::View(poll_id)));
  URNA_ASSIGN_OR_RETURN(const v1::PendingResponse pending,
                        Call(connection.officials(), &v1::Officials::Stub::Pending, request));
  return std::ranges::any_of(pending.steps(), [&](const v1::PendingStep& step) {
    return step.kind() == static_cast<uint32_t>(poll::RecordKind::kRollSealed) &&
           step.body() == poll::PayloadBody(sealed) && !step.stale();
  });
}

absl::Status RunImport(const GlobalOptions& global, const ImportFlags& flags) {
  URNA_ASSIGN_OR_RETURN(const RollFile roll, ReadRoll(flags.file));
  poll::RollSealed sealed;
  URNA_ASSIGN_OR_RETURN(sealed.persons_sha256, ReadSha256(flags.persons));
  URNA_ASSIGN_OR_RETURN(const crypto::Ed25519Key key, OpenIdentity(global, flags.key, "official"));

  URNA_ASSIGN_OR_RETURN(const std::unique_ptr<Connection> connection,
                        Connection::Open(global.server));
  URNA_ASSIGN_OR_RETURN(const std::unique_ptr<PollView> view,
                        PollView::FetchAll(*connection, flags.poll, "", ShowProgress()));
  const poll::State& state = view->state();
  URNA_RETURN_IF_ERROR(MayTake(state, sealed));
  const poll::Definition& definition = *state.definition();
  URNA_ASSIGN_OR_RETURN(const RollSummary summary, MatchRoll(flags.file, roll, definition));
  const auto official = OfficialNumber(definition, key.public_key());
  if (!official.ok()) return base::Annotate(official.status(), flags.key);

  sealed.count = summary.entries.size();
  sealed.parts_sha256 = poll::PartsHashOf(poll::SplitRoll(summary.entries));
  URNA_ASSIGN_OR_RETURN(const bool proposed, IsPending(*connection, flags.poll, sealed));
  const std::string attachment = proposed ? "" : poll::EncodeRollEntries(summary.entries);
  URNA_ASSIGN_OR_RETURN(const v1::ApproveResponse response,
                        Approve(*connection, state, sealed, *official, key, attachment));

  if (!global.json) {
    std::cout << OneLine(definition.officials[*official].name)
              << (proposed ? " approved" : " proposed") << " this roll:\n";
  }
  PrintSummary(global, definition, summary,
               {{"recorded", response.recorded()},
                {"approvals", response.approvals()},
                {"needed", response.needed()}});
  if (global.json) return absl::OkStatus();
  if (response.recorded()) {
    std::cout << "Enough officials approved: the roll is sealed on the ledger.\n";
  } else {
    std::cout << response.approvals() << " of " << response.needed()
              << " approvals. Next, another official runs the same command with the same file.\n";
  }
  return absl::OkStatus();
}

}  // namespace

void AddRollCommands(CLI::App& app, GlobalOptions& global, Action* action) {
  CLI::App* roll = app.add_subcommand("roll", "Who may vote: codes, residents' keys, the roll");
  roll->require_subcommand(1);

  {
    auto flags = std::make_shared<CodesFlags>();
    CLI::App* command = roll->add_subcommand(
        "codes",
        "Makes a secret voting code for each resident on a list, and the roll.\n"
        "Takes about 0.1 s of one core for each; an interrupted run can be repeated.");
    CodesOptions& o = flags->options;
    command->add_option("--residents", o.residents, "CSV list of residents, with a header line")
        ->required();
    command->add_option("--label", o.label, "The definition's roll_label")->required();
    command->add_option("--out", o.out, "Folder for codes.csv, roll.csv and persons.sha256")
        ->required();
    command->add_option("--id-column", o.columns.id, "Column with a unique number")
        ->capture_default_str();
    command->add_option("--name-column", o.columns.name)->capture_default_str();
    command->add_option("--address-column", o.columns.address)->capture_default_str();
    command->add_option("--style-column", o.columns.style, "Column with the ballot style's id")
        ->capture_default_str();
    command->add_option("--separator", flags->separator, "Between columns: ',' or ';'")
        ->check(CLI::IsMember({",", ";"}))
        ->capture_default_str();
    command->callback([&global, action, flags] {
      *action = [&global, flags] { return RunCodes(global, *flags); };
    });
  }
  AddLetterCommands(roll, global, action);
  {
    auto flags = std::make_shared<KeyFlags>();
    CLI::App* command = roll->add_subcommand(
        "key", "For a resident: makes a key on this device, and the line to enrol it with.");
    command->add_option("--label", flags->label, "The roll's label, as the office names it")
        ->required();
    command->add_option("--out", flags->out, "New key file")->required();
    global.AddPassphrase(command);
    command->callback([&global, action, flags] {
      *action = [&global, flags] { return RunKey(global, *flags); };
    });
  }
  {
    auto flags = std::make_shared<EnrolFlags>();
    CLI::App* command = roll->add_subcommand(
        "enrol", "For the office: adds residents' keys to a roll, after checking who they are.");
    command->add_option("--roll", flags->roll, "Roll file; made if it is not there")->required();
    command->add_option("--label", flags->label, "Label of a new roll");
    command->add_option("--style", flags->style, "Ballot style's id, for one enrolment");
    command
        ->add_option("--enrolment", flags->enrolment,
                     "The resident's line, a file with it, or a CSV with columns enrolment,style")
        ->required();
    command->callback([&global, action, flags] {
      *action = [&global, flags] { return RunEnrol(global, *flags); };
    });
  }
  {
    auto flags = std::make_shared<CheckFlags>();
    CLI::App* command = roll->add_subcommand("check", "Whether a roll file fits a definition.");
    command->add_option("file", flags->file, "Roll file")->required();
    command->add_option("--definition", flags->definition, "The poll's definition, JSON")
        ->required();
    command->callback([&global, action, flags] {
      *action = [&global, flags] { return RunCheck(global, *flags); };
    });
  }
  {
    auto flags = std::make_shared<ImportFlags>();
    CLI::App* command = roll->add_subcommand(
        "import",
        "For officials: proposes and approves a poll's roll. Each runs it in turn, with "
        "the same file.");
    command->add_option("file", flags->file, "Roll file")->required();
    AddPoll(command, &flags->poll);
    command->add_option("--key", flags->key, "The official's key file")->required();
    command
        ->add_option("--persons-sha256", flags->persons,
                     "SHA-256 of the office's list of persons, or the file persons.sha256")
        ->required();
    global.AddServer(command);
    global.AddPassphrase(command);
    command->callback([&global, action, flags] {
      *action = [&global, flags] { return RunImport(global, *flags); };
    });
  }
}

}  // namespace urna::client
