#include "client/commands_result.h"

#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <variant>

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"
#include "client/cli.h"
#include "client/poll_view.h"

namespace urna::client {
namespace {

using base::Cat;
using Json = nlohmann::json;

struct QuorumWords {
  std::string operator()(const poll::NoQuorum&) const { return "none"; }
  std::string operator()(const poll::TurnoutQuorum& q) const {
    return Cat("turnout of ", q.numerator, "/", q.denominator);
  }
  std::string operator()(const poll::RecallQuorum& q) const {
    return Cat("3/5 of the ", q.voters_then, " who voted in the election");
  }
};

std::string VerdictName(poll::counting::Verdict verdict) {
  switch (verdict) {
    case poll::counting::Verdict::kNone:
      return "none";
    case poll::counting::Verdict::kInvalid:
      return "invalid";
    case poll::counting::Verdict::kUndecided:
      return "undecided";
    case poll::counting::Verdict::kDecided:
      return "decided";
  }
  return "unknown";
}

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
      one["valid"] = r.outcome.valid;
      one["invalid"] = r.outcome.invalid;
      one["quorum_met"] = r.outcome.quorum_met;
      one["verdict"] = VerdictName(r.outcome.verdict);
      if (r.outcome.option.has_value()) {
        one["option"] = contest.options[*r.outcome.option].id;
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

std::string VerdictText(const poll::Definition& d, const poll::Contest& contest,
                        const poll::counting::ContestOutcome& outcome) {
  switch (outcome.verdict) {
    case poll::counting::Verdict::kNone:
      return "totals only, nothing is decided";
    case poll::counting::Verdict::kInvalid:
      return "not valid: the quorum was missed";
    case poll::counting::Verdict::kUndecided:
      return "undecided: no option has the majority needed";
    case poll::counting::Verdict::kDecided:
      return Cat("decided: ", Shown(d, contest.options[*outcome.option].text));
  }
  return "";
}

struct ResultFlags {
  Hash32 poll{};
  std::string folder;
};

absl::Status Tally(const GlobalOptions& global, const ResultFlags& flags) {
  URNA_ASSIGN_OR_RETURN(const std::unique_ptr<Connection> connection,
                        Connection::Open(global.server));
  URNA_ASSIGN_OR_RETURN(const std::unique_ptr<PollView> view,
                        PollView::FetchAll(*connection, flags.poll, flags.folder, ShowProgress()));
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

}  // namespace

std::string Shown(const poll::Definition& definition, const poll::Texts& texts) {
  return OneLine(texts.at(definition.languages.front()));
}

std::string QuorumText(const poll::Quorum& quorum) { return std::visit(QuorumWords(), quorum); }

void PrintResult(std::ostream& out, const poll::State& state, const poll::Result& result) {
  const poll::Definition& d = *state.definition();
  out << Shown(d, d.title) << "\n";
  if (d.rehearsal) out << "REHEARSAL: this result counts for nothing.\n";
  if (!result.registers_complete) {
    out << "A register is missing: nobody can check that only those entitled voted.\n";
  }
  const uint64_t cards = result.ballots + result.paper_cards;
  out << result.entitled << " entitled, " << result.ballots << " voted online, "
      << result.paper_cards << " on paper; turnout " << Percent(cards, result.entitled) << "\n";
  for (size_t c = 0; c < result.contests.size(); ++c) {
    const poll::ContestResult& r = result.contests[c];
    const poll::Contest& contest = d.contests[c];
    out << "\n" << contest.id << ": " << Shown(d, contest.question) << "\n";
    if (r.withheld) {
      out << "  withheld: " << r.ballots << " ballots are too few to decrypt\n";
      continue;
    }
    const auto* choose = std::get_if<crypto::Choose>(&contest.rule);
    for (size_t o = 0; o < contest.options.size(); ++o) {
      const uint64_t votes = r.online[o] + r.paper[o];
      out << "  " << Padded(Shown(d, contest.options[o].text), 32) << " " << Padded(Cat(votes), 10);
      if (choose != nullptr) out << " " << Percent(votes, r.outcome.valid);
      out << "\n";
    }
    out << "  valid " << r.outcome.valid << ", invalid " << r.outcome.invalid << "; turnout "
        << Percent(r.ballots + r.paper_cards, r.entitled) << "; quorum (" << QuorumText(d.quorum)
        << ") " << (r.outcome.quorum_met ? "met" : "missed") << "\n  "
        << VerdictText(d, contest, r.outcome) << "\n";
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
}

}  // namespace urna::client
