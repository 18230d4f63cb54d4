#include <algorithm>
#include <ctime>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "client/cli.h"
#include "client/commands_result.h"
#include "client/commands_status.h"
#include "client/commands_steps.h"
#include "client/official.h"
#include "client/poll_view.h"
#include "documents/budget.h"
#include "documents/text.h"
#include "documents/words.h"
#include "poll/definition.h"
#include "poll/payload.h"

namespace urna::client {
namespace {

using base::Cat;
using Json = nlohmann::json;

constexpr size_t kMaxDefinitionBytes = size_t{16} << 20;

std::string Span(uint64_t seconds) { return Cat(seconds, seconds == 1 ? " second" : " seconds"); }

// --- Definitions ---------------------------------------------------------------------------------

struct DefinitionFile {
  std::string text;  ///< without comments: what officials sign
  poll::Definition definition;
};

absl::StatusOr<DefinitionFile> ReadDefinition(const std::string& path) {
  URNA_ASSIGN_OR_RETURN(const std::string text, base::ReadFile(path, kMaxDefinitionBytes));
  DefinitionFile file;
  file.text = poll::StripTemplateComments(text);
  auto definition = poll::ParseDefinition(file.text);
  if (!definition.ok()) return base::Annotate(definition.status(), path);
  file.definition = *std::move(definition);
  return file;
}

struct RuleText {
  const poll::Contest& contest;
  std::string operator()(const crypto::Choose& r) const {
    return Cat("choose ", r.lo, " to ", r.hi, " of ", r.n);
  }
  std::string operator()(const crypto::Score& r) const {
    const std::string total =
        r.has_total ? Cat(", together ", r.total_lo, " to ", r.total_hi) : std::string();
    return Cat("score 0 to ", r.max, " for each of ", r.n, total);
  }
  std::string operator()(const crypto::Points& r) const {
    return Cat("points ", r.k, " to 1 for ", r.k, " of ", r.n);
  }
  std::string operator()(const crypto::Picks& r) const {
    const std::string points =
        contest.ranked ? Cat(", ", r.w, " points for the first, one less for each after it") : "";
    return Cat("pick ", contest.least_picks, " to ", r.w, " of ", r.n, points,
               "; ballots are mixed and published");
  }
};

std::vector<std::string> Names(const std::vector<poll::Party>& parties) {
  std::vector<std::string> names;
  for (const poll::Party& party : parties) names.push_back(OneLine(party.name));
  return names;
}

std::vector<std::string> WitnessNames(const poll::Definition& d) {
  std::vector<std::string> names;
  for (const ledger::NoteKey& witness : d.witnesses) names.push_back(OneLine(witness.name));
  return names;
}

std::string Joined(const std::vector<std::string>& pieces) {
  std::string out;
  for (const std::string& piece : pieces) out += Cat(out.empty() ? "" : ", ", piece);
  return out;
}

Json DefinitionJson(const DefinitionFile& file) {
  const poll::Definition& d = file.definition;
  Json contests = Json::array();
  for (const poll::Contest& contest : d.contests) {
    contests.push_back({{"id", contest.id}, {"options", contest.options.size()}});
  }
  Json styles = Json::array();
  for (const poll::Style& style : d.styles) styles.push_back(style.id);
  return {{"title", d.title},
          {"sha256", base::Hex(crypto::HashSha256(file.text))},
          {"rehearsal", d.rehearsal},
          {"contests", contests},
          {"styles", styles},
          {"officials", Names(d.officials)},
          {"officials_needed", d.officials_needed},
          {"trustees", Names(d.trustees)},
          {"trustees_needed", d.trustees_needed},
          {"issuers", Names(d.issuers)},
          {"witnesses", WitnessNames(d)},
          {"witnesses_needed", d.witnesses_needed},
          {"origin", d.ballot_box.name},
          {"issuing_from", base::FormatUtc(d.issuing_from)},
          {"casting_from", base::FormatUtc(d.casting_from)},
          {"end", base::FormatUtc(d.end)},
          {"latest_end", base::FormatUtc(d.latest_end)}};
}

/// The pool, every project with its cost, and the whole rule of the count.
void PrintProjects(const poll::Definition& d, const poll::Contest& contest,
                   const poll::Budget& budget) {
  const auto money = [&](uint64_t amount) {
    return documents::Money(documents::Language::kEnglish, amount, budget.decimals);
  };
  std::cout << "    pool of " << money(budget.amount) << " " << OneLine(budget.currency) << " for "
            << contest.options.size() << " projects\n";
  if (contest.cost_limit.has_value()) {
    std::cout << "    projects of one ballot cost at most " << money(*contest.cost_limit)
              << " together, or it is void\n";
  }
  for (const poll::Option& option : contest.options) {
    std::cout << "      " << Padded(OneLine(option.project->number), 14) << " "
              << documents::PadLeft(money(option.project->cost), 16) << "  "
              << Shown(d, option.text) << "\n";
  }
  for (const std::string& line :
       documents::BudgetRule(documents::Language::kEnglish, budget.rule,
                             poll::ProfileOf(contest, d.languages.front()))) {
    std::cout << "    " << OneLine(line) << ".\n";
  }
}

void PrintDefinition(const DefinitionFile& file) {
  const poll::Definition& d = file.definition;
  std::cout << Shown(d, d.title)
            << (d.rehearsal ? "   [REHEARSAL: the result counts for nothing]" : "") << "\n";
  for (const poll::Contest& contest : d.contests) {
    std::cout << "\n  " << contest.id << ": " << Shown(d, contest.question) << "\n";
    std::vector<std::string> options;
    for (const poll::Option& option : contest.options) {
      options.push_back(Shown(d, option.text));
    }
    if (const auto* budget = std::get_if<poll::Budget>(&contest.decision)) {
      PrintProjects(d, contest, *budget);
    } else {
      std::cout << "    " << Joined(options) << "\n";
    }
    std::cout << "    " << std::visit(RuleText{contest}, contest.rule) << "\n";
  }
  std::cout << "\n";
  for (const poll::Style& style : d.styles) {
    std::vector<std::string> contests;
    for (const uint32_t c : style.contests) contests.push_back(d.contests[c].id);
    std::cout << "ballot style " << style.id << ": " << Joined(contests) << "\n";
  }
  std::cout << "quorum:        " << documents::QuorumRule(documents::Language::kEnglish, d.quorum)
            << "\n"
            << "languages:     " << Joined(d.languages) << "\n"
            << "officials:     " << d.officials_needed << " of " << Joined(Names(d.officials))
            << "\n"
            << "trustees:      " << d.trustees_needed << " of " << Joined(Names(d.trustees)) << "\n"
            << "issuers:       all of " << Joined(Names(d.issuers)) << "\n"
            << "witnesses:     "
            << (d.witnesses.empty()
                    ? std::string("none")
                    : Cat(d.witnesses_needed, " before decryption, of ", Joined(WitnessNames(d))))
            << "\n"
            << "ledger:        " << d.ballot_box.name << ", published every "
            << Span(d.publish_every) << "\n"
            << "tokens from:   " << base::FormatUtc(d.issuing_from) << "\n"
            << "ballots from:  " << base::FormatUtc(d.casting_from) << "\n"
            << "end:           " << base::FormatUtc(d.end) << ", at the latest "
            << base::FormatUtc(d.latest_end) << "\n"
            << "secrecy:       a contest with fewer than " << d.minimum_ballots
            << " ballots is not decrypted\n"
            << "voting again:  " << (d.revoting ? "allowed, the last ballot counts" : "refused")
            << "\n"
            << "sha256:        " << base::Hex(crypto::HashSha256(file.text)) << "\n";
}

absl::Status CheckDefinition(const GlobalOptions& global, const std::string& path) {
  URNA_ASSIGN_OR_RETURN(const DefinitionFile file, ReadDefinition(path));
  if (global.json) {
    PrintJson(DefinitionJson(file));
  } else {
    PrintDefinition(file);
  }
  return absl::OkStatus();
}

absl::Status PrintTemplate(const GlobalOptions& global, const std::string& kind, bool rehearsal) {
  URNA_ASSIGN_OR_RETURN(const std::string text, poll::DefinitionTemplate(kind, rehearsal));
  if (global.json) {
    PrintJson({{"kind", kind}, {"template", text}});
  } else {
    std::cout << text;
  }
  return absl::OkStatus();
}

struct RehearseFlags {
  std::string path;
  uint64_t from = 0, end = 0;
};

absl::Status Rehearse(const GlobalOptions& global, const RehearseFlags& flags) {
  URNA_ASSIGN_OR_RETURN(const DefinitionFile file, ReadDefinition(flags.path));
  const uint64_t from = flags.from > 0 ? flags.from : static_cast<uint64_t>(std::time(nullptr));
  const auto text = poll::RehearsalOf(file.text, from, flags.end);
  if (!text.ok()) return base::Annotate(text.status(), flags.path);
  if (global.json) {
    PrintJson({{"definition", *text}});
  } else {
    std::cout << *text;
  }
  return absl::OkStatus();
}

// --- Steps of officials --------------------------------------------------------------------------
absl::Status CreatePoll(const GlobalOptions& global, const std::string& path,
                        const std::string& key_path) {
  URNA_ASSIGN_OR_RETURN(const DefinitionFile file, ReadDefinition(path));
  URNA_ASSIGN_OR_RETURN(const crypto::Ed25519Key key, OpenIdentity(global, key_path, "official"));
  URNA_ASSIGN_OR_RETURN(const uint32_t official, OfficialNumber(file.definition, key.public_key()));
  URNA_ASSIGN_OR_RETURN(const std::unique_ptr<Connection> connection,
                        Connection::Open(global.server));
  if (file.definition.rehearsal) {
    std::cerr << "*** REHEARSAL: this definition is of a poll that counts for nothing ***\n";
  }
  poll::Defined defined;
  defined.length = static_cast<uint32_t>(file.text.size());
  defined.sha256 = crypto::HashSha256(file.text);
  const poll::State nothing_yet({});
  URNA_ASSIGN_OR_RETURN(const v1::ApproveResponse response,
                        Approve(*connection, nothing_yet, defined, official, key, file.text));
  std::string poll_hex;
  if (response.recorded()) {
    // The id came from the server: it must be that of a ledger with this very definition.
    poll_hex = base::Hex(response.poll());
    URNA_ASSIGN_OR_RETURN(const Hash32 poll, ParsePollId(poll_hex));
    URNA_ASSIGN_OR_RETURN(const std::unique_ptr<PollView> view,
                          PollView::FetchDefinition(*OverGrpc(*connection, poll), poll));
    if (view->state().definition_json() != file.text) {
      return base::Reject("definition.differs", Cat("the server's poll ", poll_hex,
                                                    " has another definition than ", path));
    }
  }
  PrintApproval(global, poll::RecordKind::kDefined, response, poll_hex);
  return absl::OkStatus();
}

// --- Reading -------------------------------------------------------------------------------------

absl::Status List(const GlobalOptions& global) {
  URNA_ASSIGN_OR_RETURN(const std::unique_ptr<Connection> connection,
                        Connection::Open(global.server));
  URNA_ASSIGN_OR_RETURN(
      const v1::ListPollsResponse response,
      Call(connection->reading(), &v1::Reading::Stub::ListPolls, v1::ListPollsRequest()));
  URNA_ASSIGN_OR_RETURN(const v1::PendingResponse pending, ListPending(*connection, ""));
  if (global.json) {
    Json polls = Json::array();
    for (const v1::PollSummary& poll : response.polls()) {
      Json title = Json::object();
      for (const auto& [language, text] : poll.title()) title[language] = text;
      polls.push_back({{"poll", base::Hex(poll.poll())},
                       {"phase", poll.phase()},
                       {"title", title},
                       {"end", base::FormatUtc(poll.end())},
                       {"rehearsal", poll.rehearsal()}});
    }
    Json proposed = Json::array();
    for (const v1::PendingStep& step : pending.steps()) {
      std::vector<std::string> keys;
      for (const std::string& key : step.officials()) keys.push_back(base::Hex(key));
      proposed.push_back({{"approved_by", keys}, {"needed", step.needed()}});
    }
    PrintJson({{"polls", polls}, {"being_defined", proposed}});
    return absl::OkStatus();
  }
  for (const v1::PollSummary& poll : response.polls()) {
    const std::string title = poll.title().empty() ? "" : OneLine(poll.title().begin()->second);
    std::cout << base::Hex(poll.poll()) << "  " << Padded(OneLine(poll.phase()), 10) << "  ends "
              << base::FormatUtc(poll.end()) << "  " << title
              << (poll.rehearsal() ? "   [REHEARSAL]" : "") << "\n";
  }
  for (const v1::PendingStep& step : pending.steps()) {
    std::cout << "being defined: " << step.officials_size() << " of " << step.needed()
              << " approvals\n";
  }
  if (response.polls().empty() && pending.steps().empty()) std::cout << "no polls\n";
  return absl::OkStatus();
}

}  // namespace

void AddPollCommands(CLI::App& app, GlobalOptions& global, Action* action) {
  CLI::App* polls =
      app.add_subcommand("poll", "Define, open, close and certify polls; see how they stand");

  {
    auto kind = std::make_shared<std::string>();
    auto rehearsal = std::make_shared<bool>(false);
    CLI::App* command =
        polls->add_subcommand("template", "Prints a commented definition to start from");
    command->add_option("kind", *kind, "referendum, survey, consultation or budget")->required();
    command->add_flag("--rehearsal", *rehearsal, "Of a rehearsal, whose result counts for nothing");
    AddExample(command, "urna poll template referendum > poll.json");
    command->callback([&global, action, kind, rehearsal] {
      *action = [&global, kind, rehearsal] { return PrintTemplate(global, *kind, *rehearsal); };
    });
  }
  {
    auto flags = std::make_shared<RehearseFlags>();
    CLI::App* command = polls->add_subcommand(
        "rehearse", "Prints the definition of a rehearsal of a poll, from the poll's definition");
    command->add_option("file", flags->path, "Definition of the real poll, JSON")->required();
    AddTime(command, "--from", &flags->from, "Start of the rehearsal, UTC; otherwise now");
    AddTime(command, "--end", &flags->end,
            "End of voting, UTC; otherwise it lasts as long as the real poll");
    AddExample(command, "urna poll rehearse poll.json > rehearsal.json",
               "Everything stays but times, ledger name and roll label: a rehearsal has codes of "
               "its own, and the\ncodes of neither are good for the other.");
    command->callback([&global, action, flags] {
      *action = [&global, flags] { return Rehearse(global, *flags); };
    });
  }
  {
    auto path = std::make_shared<std::string>();
    CLI::App* command = polls->add_subcommand(
        "check", "Checks a definition and shows in plain words what it defines");
    command->add_option("file", *path, "Definition, JSON")->required();
    AddExample(command, "urna poll check poll.json");
    command->callback([&global, action, path] {
      *action = [&global, path] { return CheckDefinition(global, *path); };
    });
  }
  {
    struct Flags {
      std::string path, key;
    };
    auto flags = std::make_shared<Flags>();
    CLI::App* command = polls->add_subcommand(
        "create",
        "Proposes and approves a new poll: each official runs it in turn, with the same file");
    command->add_option("file", flags->path, "Definition, JSON")->required();
    command->add_option("--key", flags->key, "The official's key file")->required();
    global.AddServer(command);
    global.AddPassphrase(command);
    AddExample(command, "urna poll create poll.json --key anna.key --server vote.example:7443");
    command->callback([&global, action, flags] {
      *action = [&global, flags] { return CreatePoll(global, flags->path, flags->key); };
    });
  }

  AddStepCommands(polls, global, action);
  AddResultCommands(polls, global, action);
  AddStatusCommand(polls, global, action);
  {
    CLI::App* command = polls->add_subcommand("list", "The polls of a server");
    global.AddServer(command);
    AddExample(command, "urna poll list --server vote.example:7443");
    command->callback([&global, action] { *action = [&global] { return List(global); }; });
  }
}

}  // namespace urna::client
