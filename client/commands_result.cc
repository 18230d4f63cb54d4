#include "client/commands_result.h"

#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "client/cli.h"
#include "client/poll_view.h"
#include "documents/budget.h"
#include "documents/result.h"
#include "documents/text.h"
#include "documents/words.h"

namespace urna::client {
namespace {

using base::Cat;
using Json = nlohmann::json;

Json ResultJson(const poll::State& state, const poll::Result& result) {
  const poll::Definition& d = *state.definition();
  Json contests = Json::array();
  for (size_t c = 0; c < result.contests.size(); ++c) {
    const poll::ContestResult& r = result.contests[c];
    const poll::Contest& contest = d.contests[c];
    Json one = {{"id", contest.id},
                {"entitled", r.entitled},
                {"ballots", r.ballots},
                {"paper_cards", r.paper_cards},
                {"withheld", r.withheld}};
    if (!r.withheld) {
      Json options = Json::array();
      for (size_t o = 0; o < contest.options.size(); ++o) {
        options.push_back({{"id", contest.options[o].id},
                           {"online", r.online[o]},
                           {"paper", r.paper[o]},
                           {"votes", r.online[o] + r.paper[o]}});
      }
      one["options"] = options;
      if (contest.tally == poll::TallyKind::kMixed) one["void"] = r.void_ballots;
      one["valid"] = r.outcome.valid;
      one["invalid"] = r.outcome.invalid;
      one["quorum_met"] = r.outcome.quorum_met;
      one["verdict"] = documents::VerdictName(r.outcome.verdict);
      if (r.outcome.option.has_value()) {
        one["option"] = contest.options[*r.outcome.option].id;
      }
      if (r.budget != nullptr) {
        one["currency"] = std::get<poll::Budget>(contest.decision).currency;
        one["budget"] = documents::BudgetJson(*r.budget);
      }
    }
    contests.push_back(std::move(one));
  }
  return {{"poll", base::Hex(state.poll())},
          {"phase", poll::PhaseName(state.phase())},
          {"rehearsal", d.rehearsal},
          {"entitled", result.entitled},
          {"ballots", result.ballots},
          {"paper_cards", result.paper_cards},
          {"registers_complete", result.registers_complete},
          {"contests", contests}};
}

struct ResultFlags {
  Hash32 poll{};
  std::string folder, out;
  documents::Format format = documents::Format::kText;
};

std::string Share(uint64_t part, uint64_t whole) {
  return documents::PercentText(documents::Language::kEnglish, part, whole);
}

absl::Status Tally(const GlobalOptions& global, const ResultFlags& flags) {
  URNA_ASSIGN_OR_RETURN(const std::unique_ptr<Connection> connection,
                        Connection::Open(global.server));
  URNA_ASSIGN_OR_RETURN(const std::unique_ptr<PollView> view,
                        PollView::FetchAll(*OverGrpc(*connection, flags.poll), flags.poll,
                                           flags.folder, ShowProgress()));
  URNA_ASSIGN_OR_RETURN(const poll::Result result, view->state().ComputeResult());
  if (global.json) {
    PrintJson(ResultJson(view->state(), result));
    return absl::OkStatus();
  }
  PrintResult(std::cout, view->state(), result);
  if (view->state().phase() != poll::Phase::kCertified) {
    std::cout << "\nNot certified yet: paper votes may be missing.\n";
  }
  return absl::OkStatus();
}

/// Writes the record of the result, or prints it.
absl::Status WriteProtocol(const GlobalOptions& global, const ResultFlags& flags) {
  URNA_ASSIGN_OR_RETURN(const std::unique_ptr<Connection> connection,
                        Connection::Open(global.server));
  URNA_ASSIGN_OR_RETURN(const std::unique_ptr<PollView> view,
                        PollView::FetchAll(*OverGrpc(*connection, flags.poll), flags.poll,
                                           flags.folder, ShowProgress()));
  const poll::State& state = view->state();
  std::optional<poll::Result> result;
  if (state.phase() == poll::Phase::kCertified) {
    URNA_ASSIGN_OR_RETURN(result, state.ComputeResult());
  }
  URNA_ASSIGN_OR_RETURN(const documents::Facts facts,
                        documents::GatherFacts(state, result, view->checkpoint_note()));
  URNA_ASSIGN_OR_RETURN(const std::string document, documents::ResultDocument(facts, flags.format));
  URNA_RETURN_IF_ERROR(base::WriteFileAtomic(flags.out, document));
  if (global.json) {
    PrintJson({{"file", flags.out},
               {"sha256", base::Hex(crypto::HashSha256(document))},
               {"state", poll::PhaseName(state.phase())},
               {"rehearsal", facts.definition->rehearsal}});
  } else {
    std::cout << "wrote " << flags.out << ": the record of a poll that is "
              << poll::PhaseName(state.phase())
              << (facts.definition->rehearsal ? " (REHEARSAL)" : "") << "\nsha256 "
              << base::Hex(crypto::HashSha256(document))
              << "\nAnybody gets the same bytes from the ledger: urna-verify LEDGER --poll "
              << base::Hex(flags.poll) << " --protocol FILE\n";
  }
  return absl::OkStatus();
}

/// Each project with its points or votes, and what was decided about it and why.
void PrintDecisions(std::ostream& out, const documents::Voice& voice, const poll::Contest& contest,
                    const poll::BudgetCount& count) {
  for (const poll::counting::Decision& decision : count.outcome.decisions) {
    const uint32_t p = decision.project;
    out << "  " << Padded(OneLine(count.profile.projects[p].id), 10) << " "
        << Padded(Cat(count.sums.points[p]), 8) << " "
        << documents::Plain(voice.Of(contest.options[p].text)) << "\n      "
        << documents::Plain(documents::DecisionText(voice.words, count, decision)) << "\n";
  }
}

}  // namespace

std::string Shown(const poll::Definition& definition, const poll::Texts& texts) {
  return OneLine(texts.at(definition.languages.front()));
}

void PrintResult(std::ostream& out, const poll::State& state, const poll::Result& result) {
  const poll::Definition& d = *state.definition();
  out << Shown(d, d.title) << "\n";
  if (d.rehearsal) out << "REHEARSAL: this result counts for nothing.\n";
  if (!result.registers_complete) {
    out << "A register is missing: nobody can check that only those entitled voted.\n";
  }
  const uint64_t cards = result.ballots + result.paper_cards;
  out << result.entitled << " entitled, " << result.ballots << " voted online, "
      << result.paper_cards << " on paper; turnout " << Share(cards, result.entitled) << "\n";
  for (size_t c = 0; c < result.contests.size(); ++c) {
    const poll::ContestResult& r = result.contests[c];
    const poll::Contest& contest = d.contests[c];
    out << "\n" << contest.id << ": " << Shown(d, contest.question) << "\n";
    if (r.withheld) {
      out << "  withheld: " << r.ballots << " ballots are too few to decrypt\n";
      continue;
    }
    const documents::Voice voice = documents::EnglishVoice(d);
    for (size_t o = 0; o < contest.options.size() && r.budget == nullptr; ++o) {
      const uint64_t votes = r.online[o] + r.paper[o];
      out << "  " << Padded(Shown(d, contest.options[o].text), 32) << " " << Padded(Cat(votes), 10);
      if (documents::HasPercent(contest)) out << " " << Share(votes, r.outcome.valid);
      out << "\n";
    }
    const uint64_t participants = r.ballots + r.paper_cards;
    out << "  valid " << r.outcome.valid << ", invalid " << r.outcome.invalid << "; turnout "
        << Share(participants, r.entitled) << "\n  quorum: "
        << documents::QuorumOutcome(voice.words, d.quorum, r.entitled, participants,
                                    r.outcome.quorum_met)
        << "\n  " << documents::Plain(documents::VerdictText(voice, contest, r)) << "\n";
    if (r.budget != nullptr) PrintDecisions(out, voice, contest, *r.budget);
  }
}

void AddResultCommands(CLI::App* polls, GlobalOptions& global, Action* action) {
  {
    auto flags = std::make_shared<ResultFlags>();
    CLI::App* command = polls->add_subcommand(
        "tally", "Computes the result from the ledger, checking every proof, and shows it");
    AddPoll(command, &flags->poll);
    command->add_option("--folder", flags->folder,
                        "Folder for the ledger, kept; without it a temporary one");
    global.AddServer(command);
    AddExample(command, "urna poll tally --poll 3f…9a --server vote.example:7443");
    command->callback(
        [&global, action, flags] { *action = [&global, flags] { return Tally(global, *flags); }; });
  }
  {
    auto flags = std::make_shared<ResultFlags>();
    CLI::App* command = polls->add_subcommand(
        "protocol", "Writes the record of the result, the official document of the count");
    AddPoll(command, &flags->poll);
    command->add_option("--out", flags->out, "The file to write; an old one is replaced")
        ->required();
    const auto parse = [flags](const std::string& name) {
      const auto format = documents::ParseFormat(name);
      if (!format.ok())
        throw CLI::ValidationError("--format", std::string(format.status().message()));
      flags->format = *format;
    };
    command->add_option_function<std::string>("--format", parse, "text, html, json or csv")
        ->required();
    command->add_option("--folder", flags->folder,
                        "Folder for the ledger, kept; without it a temporary one");
    global.AddServer(command);
    AddExample(command,
               "urna poll protocol --poll 3f…9a --format html --out result.html --server "
               "vote.example:7443",
               "Fetches the ledger of a certified or cancelled poll, checks all of it, and makes "
               "the document from it\nalone, in the poll's languages (Polish, English, "
               "Ukrainian). Open the HTML file in a browser to print it.\nAuditors make the same "
               "bytes without a server: urna-verify LEDGER --poll ID --protocol FILE.html");
    command->callback([&global, action, flags] {
      *action = [&global, flags] { return WriteProtocol(global, *flags); };
    });
  }
}

}  // namespace urna::client
