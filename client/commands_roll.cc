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
#include "client/commands_steps.h"
#include "client/official.h"
#include "client/poll_view.h"
#include "client/roll.h"
#include "client/roll_diff.h"
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

// --- roll diff ---

struct DiffFlags {
  std::string old_file, new_file;
  ResidentColumns columns;
  std::string separator = ",";
  bool list = false;
};

Json ToJson(const StyleCounts& counts) {
  return {{"before", counts.before},     {"after", counts.after},
          {"added", counts.added},       {"gone", counts.gone},
          {"moved_in", counts.moved_in}, {"moved_out", counts.moved_out}};
}

void PrintDiff(const GlobalOptions& global, const DiffFlags& flags, const ListDiff& diff,
               bool rolls) {
  const auto key = [&](const ListChange& change) {
    return rolls ? base::Hex(change.key) : std::string(change.key);
  };
  if (global.json) {
    Json styles = Json::object(), changes = Json::array();
    for (const auto& [id, counts] : diff.styles) styles[id] = ToJson(counts);
    for (const ListChange& change : diff.changes) {
      if (!flags.list) break;
      Json item = {{rolls ? "credential" : "id", key(change)}};
      const auto side = [&](const ListEntry& entry) -> Json {
        if (rolls) return {{"style", entry.style}};
        return {{"style", entry.style}, {"name", entry.name}, {"address", entry.address}};
      };
      if (!change.added) item["before"] = side(change.before);
      if (!change.gone) item["after"] = side(change.after);
      changes.push_back(std::move(item));
    }
    Json out = {{"kind", rolls ? "roll" : "residents"},
                {"together", ToJson(diff.together)},
                {"styles", styles}};
    if (!rolls) {
      out["names_changed"] = diff.names;
      out["addresses_changed"] = diff.addresses;
    }
    if (flags.list) out["changes"] = changes;
    PrintJson(out);
    return;
  }
  size_t width = std::string_view("together").size();
  for (const auto& [id, counts] : diff.styles) width = std::max(width, OneLine(id).size());
  const auto row = [&](std::string_view name, const std::vector<std::string>& cells) {
    std::cout << "  " << Padded(name, width);
    for (const std::string& cell : cells) {
      std::cout << std::string(cell.size() < 11 ? 11 - cell.size() : 1, ' ') << cell;
    }
    std::cout << "\n";
  };
  const auto numbers = [](const StyleCounts& c) {
    return std::vector<std::string>{std::to_string(c.before),   std::to_string(c.after),
                                    std::to_string(c.added),    std::to_string(c.gone),
                                    std::to_string(c.moved_in), std::to_string(c.moved_out)};
  };
  row("style", {"before", "after", "new", "gone", "moved in", "moved out"});
  for (const auto& [id, counts] : diff.styles) row(OneLine(id), numbers(counts));
  row("together", numbers(diff.together));
  if (!rolls) {
    std::cout << "Changed names: " << diff.names << "; changed addresses: " << diff.addresses
              << "\n";
  }
  if (!flags.list) return;
  for (const ListChange& change : diff.changes) {
    const auto& [before, after] = std::pair(change.before, change.after);
    std::cout << (change.added ? "+ " : change.gone ? "- " : "* ") << OneLine(key(change));
    const auto show = [&](const char* what, bool changed, std::string_view from,
                          std::string_view to) {
      if (changed) {
        std::cout << "; " << what << " " << OneLine(from) << " -> " << OneLine(to);
      }
    };
    if (change.added || change.gone) {
      const ListEntry& entry = change.added ? after : before;
      std::cout << "; " << OneLine(entry.style);
      if (!rolls) std::cout << "; " << OneLine(entry.name) << "; " << OneLine(entry.address);
    }
    show("style", change.style, before.style, after.style);
    show("name", change.name, before.name, after.name);
    show("address", change.address, before.address, after.address);
    std::cout << "\n";
  }
}

absl::Status RunDiff(const GlobalOptions& global, DiffFlags flags) {
  flags.columns.separator = flags.separator[0];
  URNA_ASSIGN_OR_RETURN(const std::string old_text, base::ReadFile(flags.old_file));
  URNA_ASSIGN_OR_RETURN(const std::string new_text, base::ReadFile(flags.new_file));
  const bool rolls = IsRollFile(old_text);
  if (rolls != IsRollFile(new_text)) {
    return Usage(Cat(rolls ? flags.old_file : flags.new_file, ": is a roll, ",
                     rolls ? flags.new_file : flags.old_file,
                     " is none; give two rolls or two lists of residents"));
  }
  if (rolls) {
    URNA_ASSIGN_OR_RETURN(const RollFile before, RollFile::Parse(flags.old_file, old_text));
    URNA_ASSIGN_OR_RETURN(const RollFile after, RollFile::Parse(flags.new_file, new_text));
    if (before.label != after.label) {
      std::cerr << "urna: the labels are \"" << before.label << "\" and \"" << after.label
                << "\": the same code gives another credential for each\n";
    }
    PrintDiff(global, flags, DiffLists(EntriesOf(before), EntriesOf(after)), rolls);
    return absl::OkStatus();
  }
  URNA_ASSIGN_OR_RETURN(const std::vector<Resident> before,
                        ParseResidents(flags.old_file, old_text, flags.columns));
  URNA_ASSIGN_OR_RETURN(const std::vector<Resident> after,
                        ParseResidents(flags.new_file, new_text, flags.columns));
  PrintDiff(global, flags, DiffLists(EntriesOf(before), EntriesOf(after)), rolls);
  return absl::OkStatus();
}

// --- roll persons-check ---

struct PersonsFlags {
  std::string residents, ledger;
  Hash32 poll{};
};

absl::Status RunPersonsCheck(const GlobalOptions& global, const PersonsFlags& flags) {
  URNA_ASSIGN_OR_RETURN(const std::string list, base::ReadFile(flags.residents));
  const std::string hash = base::Hex(crypto::HashSha256(list));
  URNA_ASSIGN_OR_RETURN(const SealedPersons sealed, ReadSealedPersons(flags.ledger, flags.poll));
  const std::string sealed_hash = base::Hex(sealed.persons_sha256);
  const bool same = hash == sealed_hash;
  if (global.json) {
    PrintJson(Json{{"same", same},
                   {"sha256", hash},
                   {"sealed_sha256", sealed_hash},
                   {"record", sealed.record},
                   {"credentials", sealed.credentials}});
  } else {
    std::cout << "sealed by the officials, record " << sealed.record << ": " << sealed_hash
              << "\nSHA-256 of " << OneLine(flags.residents) << ": " << hash
              << "\ncredentials on the roll: " << sealed.credentials << "\n";
  }
  if (!same) {
    return base::Failure(
        absl::StatusCode::kFailedPrecondition,
        Cat(flags.residents,
            ": is not the list that was sealed; one byte makes it another, so take the very file "
            "that `urna roll codes` read, not one that was opened and saved again"));
  }
  if (!global.json) {
    std::cout << OneLine(flags.residents) << " is the list that the officials sealed.\n";
  }
  return absl::OkStatus();
}

// --- roll import ---

struct ImportFlags {
  std::string file, key, persons;
  Hash32 poll{};
  bool separate = false;
};

absl::Status RunImport(const GlobalOptions& global, const ImportFlags& flags) {
  URNA_ASSIGN_OR_RETURN(const RollFile roll, ReadRoll(flags.file));
  poll::RollSealed sealed;
  URNA_ASSIGN_OR_RETURN(sealed.persons_sha256, ReadSha256(flags.persons));
  URNA_ASSIGN_OR_RETURN(const crypto::Ed25519Key key, OpenIdentity(global, flags.key, "official"));

  URNA_ASSIGN_OR_RETURN(const std::unique_ptr<Connection> connection,
                        Connection::Open(global.server));
  URNA_ASSIGN_OR_RETURN(
      const std::unique_ptr<PollView> view,
      PollView::FetchAll(*OverGrpc(*connection, flags.poll), flags.poll, "", ShowProgress()));
  const poll::State& state = view->state();
  URNA_RETURN_IF_ERROR(MayTake(state, sealed));
  const poll::Definition& definition = *state.definition();
  URNA_ASSIGN_OR_RETURN(const RollSummary summary, MatchRoll(flags.file, roll, definition));
  const auto official = OfficialNumber(definition, key.public_key());
  if (!official.ok()) return base::Annotate(official.status(), flags.key);

  sealed.count = summary.entries.size();
  sealed.parts_sha256 = poll::PartsHashOf(poll::SplitRoll(summary.entries));
  URNA_ASSIGN_OR_RETURN(const std::vector<PendingStep> pending, FetchPending(*connection, state));
  const std::vector<PendingStep> competing = Competing(pending, sealed, *official);
  if (!competing.empty() && !flags.separate) return RefuseUnseen(state, sealed, competing);
  // Then the server holds the entries.
  const bool proposed = std::ranges::any_of(pending, [&](const PendingStep& step) {
    return poll::KindOf(step.step) == poll::RecordKind::kRollSealed &&
           step.body == poll::PayloadBody(sealed) && !step.approved.empty();
  });
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

namespace {

/// How the columns of a list of residents are called.
void AddColumns(CLI::App* command, ResidentColumns* columns, std::string* separator) {
  command->add_option("--id-column", columns->id, "Column with a unique number")
      ->capture_default_str();
  command->add_option("--name-column", columns->name, "Column with the name")
      ->capture_default_str();
  command->add_option("--address-column", columns->address, "Column with the address")
      ->capture_default_str();
  command->add_option("--style-column", columns->style, "Column with the ballot style's id")
      ->capture_default_str();
  command->add_option("--separator", *separator, "Between columns: ',' or ';'")
      ->check(CLI::IsMember({",", ";"}))
      ->capture_default_str();
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
    AddColumns(command, &o.columns, &flags->separator);
    AddExample(
        command, "urna roll codes --residents residents.csv --label krakow-2026 --out office",
        "codes.csv is secret: the residents with their codes, for `urna roll letters`. "
        "roll.csv has no names: officials seal it with `urna roll import`. persons.sha256 is "
        "the hash of the list of residents; sealed with the roll it proves later, with "
        "`urna roll persons-check`, which list it was: keep that very file. A resident who "
        "will enrol a device of their own should not be on this list.");
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
    AddExample(command, "urna roll key --label krakow-2026 --out my.key");
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
    AddExample(
        command,
        "urna roll enrol --roll office/roll.csv --style miasto --enrolment urna-enrol/1:5b…e0",
        "Those enrolled get no letter: codes.csv does not hold them.");
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
    AddExample(command, "urna roll check office/roll.csv --definition poll.txt");
    command->callback([&global, action, flags] {
      *action = [&global, flags] { return RunCheck(global, *flags); };
    });
  }
  {
    auto flags = std::make_shared<DiffFlags>();
    CLI::App* command = roll->add_subcommand(
        "diff", "What changed between two lists of residents (by id), or between two rolls.");
    command->add_option("old", flags->old_file, "CSV list of residents, or roll file")->required();
    command->add_option("new", flags->new_file, "A later one")->required();
    command->add_flag("--list", flags->list, "Name each change, too");
    AddColumns(command, &flags->columns, &flags->separator);
    AddExample(command, "urna roll diff residents-2025.csv residents-2026.csv --list",
               "Prints for each ballot style how many were there before and are there after, are "
               "new or gone, or came from and went to another style. Spaces around ids and styles "
               "do not count; names and addresses are compared as they are.");
    command->callback([&global, action, flags] {
      *action = [&global, flags] { return RunDiff(global, *flags); };
    });
  }
  {
    auto flags = std::make_shared<PersonsFlags>();
    CLI::App* command = roll->add_subcommand(
        "persons-check",
        "For an audit, by a court for instance: whether a list of residents is the one whose hash "
        "the officials sealed with the roll.");
    command->add_option("--residents", flags->residents, "The list, the very file")->required();
    command->add_option("--ledger", flags->ledger, "Folder that `urna ledger export` wrote")
        ->required();
    AddPoll(command, &flags->poll);
    AddExample(command,
               "urna roll persons-check --residents residents.csv --ledger ledger --poll 3f…9a",
               "The list itself is never published; the ledger holds only its SHA-256 "
               "(persons_sha256), which `urna roll codes` writes to persons.sha256 and `urna roll "
               "import` seals. Checks the ledger up to the sealed roll; check the rest with "
               "urna-verify. Exit status 1 if it is another list.");
    command->callback([&global, action, flags] {
      *action = [&global, flags] { return RunPersonsCheck(global, *flags); };
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
    command->add_flag("--separate", flags->separate,
                      "Propose this roll although another official proposed another one");
    global.AddServer(command);
    global.AddPassphrase(command);
    AddExample(command,
               "urna roll import office/roll.csv --poll 3f…9a --key ada.key --persons-sha256 "
               "office/persons.sha256 --server vote.example:7443",
               "The hash of the list of persons is sealed with the roll, so that a court can later "
               "tell with `urna roll persons-check` whether a list is the one that was used.");
    command->callback([&global, action, flags] {
      *action = [&global, flags] { return RunImport(global, *flags); };
    });
  }
}

}  // namespace urna::client
