#include "client/commands_budget.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "poll/counting/budget.h"
#include "poll/counting/pabulib.h"

namespace urna::client {
namespace {

using base::Cat;
using Json = nlohmann::json;
namespace counting = poll::counting;

absl::Status Usage(std::string_view text) {
  return base::Failure(absl::StatusCode::kInvalidArgument, text);
}

struct CountFlags {
  std::string file;
  std::string rule;
  std::string by = "points", misfit = "skip", reserve_from;
  std::string utility = "cost", start = "exact-then-whole", step = "1", completion = "none";
  bool then_greedy = false, compare = false;
  std::string threshold, threshold_of = "votes";
  std::vector<std::string> exclusive;
  std::string ties = "lot", lot;
  /// Options of the other rule that were given.
  std::vector<std::string> greedy_only, shares_only;
};

// --- Flags to a rule ---

const std::map<std::string, counting::Misfit> kMisfits = {{"skip", counting::Misfit::kSkip},
                                                          {"stop", counting::Misfit::kStop}};
const std::map<std::string, counting::Utility> kUtilities = {
    {"cost", counting::Utility::kCost}, {"points", counting::Utility::kPoints}};
const std::map<std::string, counting::Start> kStarts = {
    {"exact-then-whole", counting::Start::kExactThenWhole},
    {"exact", counting::Start::kExact},
    {"whole", counting::Start::kWhole}};
const std::map<std::string, counting::Completion> kCompletions = {
    {"none", counting::Completion::kNone},
    {"add1", counting::Completion::kAdd1},
    {"add1e", counting::Completion::kAdd1Exhaustive}};

template <typename T>
std::string NameIn(const std::map<std::string, T>& names, T value) {
  for (const auto& [name, own] : names) {
    if (own == value) return name;
  }
  return "";
}

/// "30" is 30/1; "2.5%" is 25/1000 and sets `percent`.
absl::StatusOr<counting::Ratio> ParseRatio(std::string_view option, std::string_view text,
                                           bool* percent) {
  std::string_view number = text;
  *percent = !number.empty() && number.back() == '%';
  if (*percent) number.remove_suffix(1);
  counting::Ratio ratio;
  uint32_t decimals = 0;
  if (!counting::ParseAmount(number, &ratio.numerator, &decimals) || (!*percent && decimals != 0)) {
    return Usage(Cat(option, ": ", text, " is neither a whole number nor a percentage"));
  }
  if (*percent) ratio.denominator = 100;
  for (; decimals > 0; --decimals) ratio.denominator *= 10;
  return ratio;
}

absl::StatusOr<std::vector<uint32_t>> ParseProjects(std::string_view option, std::string_view text,
                                                    const counting::Profile& profile) {
  std::vector<uint32_t> projects;
  for (const std::string_view piece : base::Split(text, ',')) {
    const std::string_view id = base::Trim(piece);
    const auto found = std::find_if(profile.projects.begin(), profile.projects.end(),
                                    [&](const auto& project) { return project.id == id; });
    if (found == profile.projects.end()) {
      return Usage(Cat(option, ": the file has no project ", id.empty() ? "\"\"" : id));
    }
    projects.push_back(static_cast<uint32_t>(found - profile.projects.begin()));
  }
  return projects;
}

absl::StatusOr<counting::BudgetRule> ParseRule(const CountFlags& flags,
                                               const counting::Profile& profile) {
  counting::BudgetRule rule;
  counting::Greedy greedy;
  greedy.key = *counting::ParseKey(flags.by);
  greedy.misfit = kMisfits.at(flags.misfit);
  bool percent = false;
  if (!flags.reserve_from.empty()) {
    URNA_ASSIGN_OR_RETURN(greedy.continuation,
                          ParseRatio("--reserve-from", flags.reserve_from, &percent));
    if (!percent) return Usage("--reserve-from: a percentage of a project's cost, such as 80%");
  }
  if (flags.rule == "greedy") {
    if (!flags.shares_only.empty()) {
      return Usage(Cat(flags.shares_only[0], " belongs to --rule equal-shares"));
    }
    rule.method = greedy;
  } else {
    if (!flags.greedy_only.empty() && !flags.then_greedy && !flags.compare) {
      return Usage(Cat(flags.greedy_only[0],
                       " belongs to --rule greedy, or to --then-greedy and --compare"));
    }
    counting::EqualShares shares;
    shares.utility = kUtilities.at(flags.utility);
    shares.start = kStarts.at(flags.start);
    shares.completion = kCompletions.at(flags.completion);
    shares.then_greedy = flags.then_greedy;
    shares.comparison = flags.compare;
    shares.greedy = greedy;
    uint32_t decimals = 0;
    if (!counting::ParseAmount(flags.step, &shares.step, &decimals) ||
        decimals > profile.decimals) {
      return Usage(Cat("--step: ", flags.step, " is no amount with at most the ", profile.decimals,
                       " decimals that amounts of the file have"));
    }
    for (; decimals < profile.decimals; ++decimals) {
      shares.step *= 10;
      if (shares.step > counting::kMaxAmount) {
        return Usage(Cat("--step: ", flags.step, " is more than can be counted"));
      }
    }
    rule.method = shares;
  }
  if (!flags.threshold.empty()) {
    counting::Threshold threshold;
    threshold.of = *counting::ParseKey(flags.threshold_of);
    URNA_ASSIGN_OR_RETURN(threshold.at_least,
                          ParseRatio("--threshold", flags.threshold, &threshold.of_ballots));
    rule.threshold = threshold;
  }
  for (const std::string& group : flags.exclusive) {
    URNA_ASSIGN_OR_RETURN(std::vector<uint32_t> projects,
                          ParseProjects("--exclusive", group, profile));
    rule.exclusions.push_back(std::move(projects));
  }
  for (const std::string_view piece : base::Split(flags.ties, ',')) {
    const auto step = counting::ParseTieStep(base::Trim(piece));
    if (!step.has_value()) {
      return Usage(Cat("--ties: ", piece,
                       " is none of lower-cost, more-votes, top-marks, lower-number, "
                       "higher-number, id, lot"));
    }
    rule.ties.push_back(*step);
  }
  if (!flags.lot.empty()) {
    URNA_ASSIGN_OR_RETURN(rule.lot, ParseProjects("--lot", flags.lot, profile));
  }
  URNA_RETURN_IF_ERROR(counting::CheckRule(rule, profile.projects.size()));
  return rule;
}

// --- An outcome in words ---

/// A file, what it says, the rule, and what comes of them.
struct Counted {
  const std::string& text;
  const counting::PabulibFile& file;
  const counting::PabulibElection& election;
  const counting::BudgetRule& rule;
  const counting::BudgetOutcome& outcome;

  const counting::Profile& profile() const { return election.profile; }
  std::string Money(uint64_t amount) const {
    return counting::FormatAmount(amount, profile().decimals);
  }
  /// Minor units as an amount, rounded.
  std::string Money(const mpq_class& amount) const {
    return counting::FormatRational(amount / profile().Unit(), std::max(2u, profile().decimals));
  }
  std::string Currency() const { return OneLine(file.Meta("currency")); }
  std::string Id(uint32_t project) const { return OneLine(profile().projects[project].id); }
  std::string IdsOf(const std::vector<uint32_t>& projects) const {
    std::string text_of;
    for (const uint32_t p : projects) text_of += Cat(text_of.empty() ? "" : ", ", Id(p));
    return text_of;
  }
};

std::string TieText(counting::TieStep step) {
  switch (step) {
    case counting::TieStep::kLowerCost:
      return "lower cost";
    case counting::TieStep::kMoreVotes:
      return "more votes";
    case counting::TieStep::kMoreTopMarks:
      return "more marks of most points";
    case counting::TieStep::kLowerNumber:
      return "lower number";
    case counting::TieStep::kHigherNumber:
      return "higher number";
    case counting::TieStep::kId:
      return "id";
    case counting::TieStep::kLot:
      return "lot";
  }
  return "";
}

std::string ReasonName(counting::Reason reason) {
  switch (reason) {
    case counting::Reason::kFits:
      return "fits";
    case counting::Reason::kShares:
      return "shares";
    case counting::Reason::kReserve:
      return "reserve";
    case counting::Reason::kDoesNotFit:
      return "does-not-fit";
    case counting::Reason::kAfterStop:
      return "after-stop";
    case counting::Reason::kSupportersTooPoor:
      return "supporters-too-poor";
    case counting::Reason::kWithoutCost:
      return "without-cost";
    case counting::Reason::kExcluded:
      return "excluded";
    case counting::Reason::kBelowThreshold:
      return "below-threshold";
    case counting::Reason::kNoSupport:
      return "no-support";
    case counting::Reason::kWithdrawn:
      return "withdrawn";
  }
  return "";
}

std::string ReasonText(const Counted& c, const counting::Decision& d) {
  const uint64_t cost = c.profile().projects[d.project].cost;
  const std::string costs = Cat("costs ", c.Money(cost));
  switch (d.reason) {
    case counting::Reason::kFits:
      return Cat("FUNDED: ", costs, " of the ", c.Money(d.left), " left");
    case counting::Reason::kShares:
      return Cat("FUNDED: ", costs, ", paid by ", d.payers, " supporters at ", c.Money(d.money),
                 " a point",
                 d.paid_all == 0 ? "" : Cat("; ", d.paid_all, " of them with all they had"));
    case counting::Reason::kReserve:
      return Cat("FUNDED: ", costs, ", of which ", c.Money(d.left), " left and ",
                 c.Money(cost - d.left), " from the reserve");
    case counting::Reason::kDoesNotFit:
      return Cat("not funded: ", costs, ", more than the ", c.Money(d.left), " left");
    case counting::Reason::kAfterStop:
      return Cat("not funded: the funding ended at ", c.Id(*d.because));
    case counting::Reason::kSupportersTooPoor:
      return Cat("not funded: ", costs, ", more than the ", c.Money(d.money),
                 " that its supporters have left");
    case counting::Reason::kWithoutCost:
      return "not funded: Equal Shares fund nothing that costs nothing";
    case counting::Reason::kExcluded:
      return Cat("not funded: ", c.Id(*d.because), " is, and excludes it");
    case counting::Reason::kBelowThreshold:
      return "not funded: it does not reach the threshold";
    case counting::Reason::kNoSupport:
      return "not funded: it has no support";
    case counting::Reason::kWithdrawn:
      return "not funded: it was withdrawn";
  }
  return "";
}

std::string TieNote(const Counted& c, const counting::Decision& d) {
  if (d.tied.empty()) return "";
  if (!d.tie.has_value()) return Cat("tied with ", c.IdsOf(d.tied), "; the order does not matter");
  return Cat("before ", c.IdsOf(d.tied), ", tied with it, by ", TieText(*d.tie));
}

std::string EndText(const Counted& c, const counting::SharesReport& report) {
  switch (report.end) {
    case counting::SharesEnd::kOneRun:
      return "the rule wants one run";
    case counting::SharesEnd::kOverBudget:
      return Cat("one step more would fund projects for ", c.Money(*report.next_cost));
    case counting::SharesEnd::kExhaustive:
      return "no project could be added to its outcome";
    case counting::SharesEnd::kAllFunded:
      return "it funds every project that can be";
  }
  return "";
}

/// Projects that the file calls funded by its rule (`selected` 1), and what differs.
struct Published {
  bool known = false;
  std::vector<uint32_t> only_published, only_counted;
};

Published ComparePublished(const Counted& c) {
  Published published;
  std::vector<bool> funded(c.profile().projects.size(), false);
  for (const uint32_t p : c.outcome.funded) funded[p] = true;
  for (uint32_t p = 0; p < funded.size(); ++p) {
    const std::optional<uint64_t>& selected = c.election.selected[p];
    if (!selected.has_value()) continue;
    published.known = true;
    if (*selected == 1 && !funded[p]) published.only_published.push_back(p);
    if (*selected != 1 && funded[p]) published.only_counted.push_back(p);
  }
  return published;
}

void PrintCount(std::ostream& out, const Counted& c) {
  const counting::Profile& profile = c.profile();
  const counting::Sums sums = counting::SumUp(profile);
  const std::string currency = c.Currency().empty() ? "" : Cat(" ", c.Currency());
  const std::string title = OneLine(c.file.Meta("description"));
  if (!title.empty()) out << title << "\n";
  out << profile.projects.size() << " projects, " << profile.ballots() << " ballots ("
      << counting::VoteTypeName(c.election.type) << "), budget " << c.Money(profile.budget)
      << currency << "\nsha256 of the file " << base::Hex(crypto::HashSha256(c.text)) << "\n";
  for (const std::string& note : c.election.notes) out << "Note: " << OneLine(note) << ".\n";
  out << "\nThe rule\n";
  for (const std::string& line : counting::DescribeRule(c.rule, profile)) {
    out << "  " << OneLine(line) << ".\n";
  }

  out << "\nRanking\n";
  for (const counting::Ranked& ranked : c.outcome.ranking) {
    const uint32_t p = ranked.project;
    out << "  " << Padded(Cat(ranked.place, "."), 5) << " " << Padded(c.Id(p), 16) << " "
        << Padded(Cat(sums.points[p], " points"), 15) << " "
        << Padded(Cat(sums.votes[p], " votes"), 13) << " costs "
        << Padded(c.Money(profile.projects[p].cost), 13) << " " << OneLine(profile.projects[p].name)
        << "\n";
  }

  if (c.outcome.shares.has_value()) {
    const counting::SharesReport& report = *c.outcome.shares;
    out << "\nEqual Shares: each voter has " << c.Money(report.per_voter) << currency << ", after "
        << report.steps << " steps; " << EndText(c, report) << ".\n";
    if (report.comparison.has_value()) {
      const auto& comparison = *report.comparison;
      const bool greedy = comparison.prefer_greedy > comparison.prefer_shares;
      out << "Comparison: " << comparison.prefer_shares << " voters have more of their projects by "
          << "Equal Shares, " << comparison.prefer_greedy << " by the greedy rule, "
          << comparison.indifferent << " as many by either; the outcome of "
          << (greedy ? "the greedy rule" : "Equal Shares")
          << " stands.\n  By Equal Shares: " << c.IdsOf(comparison.shares)
          << "\n  By the greedy rule: " << c.IdsOf(comparison.greedy) << "\n";
    }
  }
  out << "\nThe decisions, in their order\n";
  for (const counting::Decision& decision : c.outcome.decisions) {
    out << "  " << Padded(c.Id(decision.project), 16) << " " << ReasonText(c, decision);
    const std::string tie = TieNote(c, decision);
    out << (tie.empty() ? "" : Cat("; ", tie)) << "\n";
  }

  out << "\nFunded: " << c.outcome.funded.size() << " projects for " << c.Money(c.outcome.cost)
      << currency << "; left " << c.Money(c.outcome.left) << currency;
  if (c.outcome.reserve > 0) out << "; from the reserve " << c.Money(c.outcome.reserve) << currency;
  out << "\n";
  for (const uint32_t p : c.outcome.funded) {
    out << "  " << Padded(c.Id(p), 16) << " " << OneLine(profile.projects[p].name) << "\n";
  }
  const Published published = ComparePublished(c);
  if (!published.known) return;
  if (published.only_published.empty() && published.only_counted.empty()) {
    out << "The file calls the same projects funded.\n";
  } else {
    out << "The file calls other projects funded";
    if (!published.only_published.empty()) {
      out << "; it has also " << c.IdsOf(published.only_published);
    }
    if (!published.only_counted.empty()) {
      out << "; it has not " << c.IdsOf(published.only_counted);
    }
    out << ".\n";
  }
}

// --- An outcome as JSON ---

Json IdsJson(const counting::Profile& profile, const std::vector<uint32_t>& projects) {
  Json ids = Json::array();
  for (const uint32_t p : projects) ids.push_back(profile.projects[p].id);
  return ids;
}

Json RatioJson(const counting::Ratio& ratio) {
  return {{"numerator", ratio.numerator}, {"denominator", ratio.denominator}};
}

Json GreedyJson(const counting::Greedy& greedy) {
  Json json = {{"by", counting::KeyName(greedy.key)}, {"misfit", NameIn(kMisfits, greedy.misfit)}};
  json["reserve_from"] =
      greedy.continuation.has_value() ? RatioJson(*greedy.continuation) : Json(nullptr);
  return json;
}

Json RuleJson(const Counted& c) {
  Json json;
  if (const auto* greedy = std::get_if<counting::Greedy>(&c.rule.method)) {
    json = {{"method", "greedy"}, {"greedy", GreedyJson(*greedy)}};
  } else {
    const auto& shares = std::get<counting::EqualShares>(c.rule.method);
    json = {{"method", "equal-shares"},
            {"utility", NameIn(kUtilities, shares.utility)},
            {"start", NameIn(kStarts, shares.start)},
            {"step", c.Money(shares.step)},
            {"completion", NameIn(kCompletions, shares.completion)},
            {"then_greedy", shares.then_greedy},
            {"compare", shares.comparison}};
    if (shares.then_greedy || shares.comparison) json["greedy"] = GreedyJson(shares.greedy);
  }
  json["threshold"] = nullptr;
  if (c.rule.threshold.has_value()) {
    json["threshold"] = {{"of", counting::KeyName(c.rule.threshold->of)},
                         {"at_least", RatioJson(c.rule.threshold->at_least)},
                         {"of_ballots", c.rule.threshold->of_ballots}};
  }
  json["exclusive"] = Json::array();
  for (const auto& group : c.rule.exclusions) {
    json["exclusive"].push_back(IdsJson(c.profile(), group));
  }
  json["ties"] = Json::array();
  for (const counting::TieStep step : c.rule.ties) {
    json["ties"].push_back(counting::TieStepName(step));
  }
  json["lot"] = IdsJson(c.profile(), c.rule.lot);
  return json;
}

Json DecisionJson(const Counted& c, const counting::Decision& d) {
  Json json = {{"project", c.profile().projects[d.project].id},
               {"funded", counting::IsFunded(d.reason)},
               {"reason", ReasonName(d.reason)},
               {"left", c.Money(d.left)}};
  if (d.because.has_value()) json["because"] = c.profile().projects[*d.because].id;
  if (!d.tied.empty()) {
    json["tied"] = IdsJson(c.profile(), d.tied);
    json["tie"] = d.tie.has_value() ? Json(counting::TieStepName(*d.tie)) : Json(nullptr);
  }
  if (d.reason == counting::Reason::kShares) {
    // Exactly, in minor units, and as people read it.
    json["price"] = d.money.get_str();
    json["price_rounded"] = c.Money(d.money);
    json["payers"] = d.payers;
    json["paid_all"] = d.paid_all;
  }
  if (d.reason == counting::Reason::kSupportersTooPoor) {
    json["supporters_left"] = d.money.get_str();
    json["supporters_left_rounded"] = c.Money(d.money);
  }
  return json;
}

Json CountJson(const Counted& c) {
  const counting::Profile& profile = c.profile();
  const counting::Sums sums = counting::SumUp(profile);
  Json ranking = Json::array();
  for (const counting::Ranked& ranked : c.outcome.ranking) {
    const uint32_t p = ranked.project;
    ranking.push_back({{"place", ranked.place},
                       {"project", profile.projects[p].id},
                       {"name", profile.projects[p].name},
                       {"points", sums.points[p]},
                       {"votes", sums.votes[p]},
                       {"cost", c.Money(profile.projects[p].cost)}});
  }
  Json decisions = Json::array();
  for (const counting::Decision& d : c.outcome.decisions) decisions.push_back(DecisionJson(c, d));
  Json json = {{"description", c.file.Meta("description")},
               {"sha256", base::Hex(crypto::HashSha256(c.text))},
               {"currency", c.file.Meta("currency")},
               {"decimals", profile.decimals},
               {"vote_type", counting::VoteTypeName(c.election.type)},
               {"ballots", profile.ballots()},
               {"budget", c.Money(profile.budget)},
               {"notes", c.election.notes},
               {"rule", RuleJson(c)},
               {"ranking", std::move(ranking)},
               {"decisions", std::move(decisions)},
               {"funded", IdsJson(profile, c.outcome.funded)},
               {"cost", c.Money(c.outcome.cost)},
               {"left", c.Money(c.outcome.left)},
               {"reserve", c.Money(c.outcome.reserve)}};
  if (c.outcome.shares.has_value()) {
    const counting::SharesReport& report = *c.outcome.shares;
    static const std::map<std::string, counting::SharesEnd> kEnds = {
        {"one-run", counting::SharesEnd::kOneRun},
        {"over-budget", counting::SharesEnd::kOverBudget},
        {"exhaustive", counting::SharesEnd::kExhaustive},
        {"all-funded", counting::SharesEnd::kAllFunded}};
    Json shares = {{"steps", report.steps},
                   {"per_voter", report.per_voter.get_str()},
                   {"per_voter_rounded", c.Money(report.per_voter)},
                   {"end", NameIn(kEnds, report.end)}};
    if (report.next_cost.has_value()) shares["next_cost"] = c.Money(*report.next_cost);
    if (report.comparison.has_value()) {
      const auto& comparison = *report.comparison;
      shares["comparison"] = {{"prefer_shares", comparison.prefer_shares},
                              {"prefer_greedy", comparison.prefer_greedy},
                              {"indifferent", comparison.indifferent},
                              {"shares", IdsJson(profile, comparison.shares)},
                              {"greedy", IdsJson(profile, comparison.greedy)}};
    }
    json["shares"] = std::move(shares);
  }
  const Published published = ComparePublished(c);
  json["published"] = nullptr;
  if (published.known) {
    json["published"] = {
        {"same", published.only_published.empty() && published.only_counted.empty()},
        {"only_published", IdsJson(profile, published.only_published)},
        {"only_counted", IdsJson(profile, published.only_counted)}};
  }
  return json;
}

// --- urna budget count ---

/// Shows how far the runs of Equal Shares are, if standard error is a terminal.
counting::Watch ShowRuns(const counting::Profile& profile) {
  if (isatty(STDERR_FILENO) == 0) return {};
  return [&profile](uint64_t steps, uint64_t cost) {
    if (steps % 64 == 0 && steps > 0) {
      std::fprintf(stderr, "\r\033[KEqual Shares: %llu steps, projects for %s of %s",
                   static_cast<unsigned long long>(steps),
                   counting::FormatAmount(cost, profile.decimals).c_str(),
                   counting::FormatAmount(profile.budget, profile.decimals).c_str());
      std::fflush(stderr);
    }
    return true;
  };
}

absl::Status RunCount(const GlobalOptions& global, const CountFlags& flags) {
  URNA_ASSIGN_OR_RETURN(const std::string text, base::ReadFile(flags.file));
  URNA_ASSIGN_OR_RETURN(const counting::PabulibFile file, counting::ParsePabulib(flags.file, text));
  URNA_ASSIGN_OR_RETURN(const counting::PabulibElection election,
                        counting::ReadPabulib(flags.file, file));
  URNA_ASSIGN_OR_RETURN(const counting::BudgetRule rule, ParseRule(flags, election.profile));
  const counting::Watch watch = ShowRuns(election.profile);
  const auto outcome = counting::CountBudget(election.profile, rule, watch);
  if (watch) std::fprintf(stderr, "\r\033[K");
  if (!outcome.ok()) return outcome.status();
  const Counted counted{text, file, election, rule, *outcome};
  if (global.json) {
    PrintJson(CountJson(counted));
  } else {
    PrintCount(std::cout, counted);
  }
  return absl::OkStatus();
}

}  // namespace

void AddBudgetCommands(CLI::App& app, GlobalOptions& global, Action* action) {
  CLI::App* budget =
      app.add_subcommand("budget", "Participatory budgets: what is funded, and why.");
  auto flags = std::make_shared<CountFlags>();
  CLI::App* count = budget->add_subcommand(
      "count", "Counts a participatory budget from a .pb file, without any poll.");
  count->add_option("file", flags->file, "The vote, a .pb file as Pabulib has them")->required();
  count->add_option("--rule", flags->rule, "The method")
      ->required()
      ->check(CLI::IsMember({"greedy", "equal-shares"}));
  std::vector<CLI::Option*> greedy_only, shares_only;
  greedy_only.push_back(
      count->add_option("--by", flags->by, "What projects are ranked by")
          ->check(CLI::IsMember({"points", "votes", "points-per-cost", "votes-per-cost"}))
          ->capture_default_str());
  greedy_only.push_back(
      count
          ->add_option("--misfit", flags->misfit,
                       "When a project costs more than what is left: skip it, or stop")
          ->check(CLI::IsMember({"skip", "stop"}))
          ->capture_default_str());
  greedy_only.push_back(count->add_option(
      "--reserve-from", flags->reserve_from,
      "With --misfit stop: fund the project that did not fit from a reserve if this percentage of "
      "its cost is left"));
  shares_only.push_back(
      count
          ->add_option("--utility", flags->utility,
                       "What a mark is worth: its points times the project's cost, or its points")
          ->check(CLI::IsMember({"cost", "points"}))
          ->capture_default_str());
  shares_only.push_back(
      count->add_option("--start", flags->start, "What each voter has at first, and in later runs")
          ->check(CLI::IsMember({"exact-then-whole", "exact", "whole"}))
          ->capture_default_str());
  shares_only.push_back(
      count->add_option("--step", flags->step, "What each voter has more in each later run")
          ->capture_default_str());
  shares_only.push_back(
      count->add_option("--completion", flags->completion, "Whether and when there are later runs")
          ->check(CLI::IsMember({"none", "add1", "add1e"}))
          ->capture_default_str());
  shares_only.push_back(count->add_flag("--then-greedy", flags->then_greedy,
                                        "Spend what is left by the greedy rule"));
  shares_only.push_back(count->add_flag(
      "--compare", flags->compare,
      "Let the greedy rule's outcome stand if more voters have more of their projects in it"));
  count->add_option("--threshold", flags->threshold,
                    "Least support of a project: a number, or a percentage of the ballots");
  count->add_option("--threshold-of", flags->threshold_of, "What the threshold is about")
      ->check(CLI::IsMember({"votes", "points"}))
      ->capture_default_str();
  count
      ->add_option("--exclusive", flags->exclusive,
                   "Projects of which at most one is funded; may be repeated")
      ->allow_extra_args(false);
  count
      ->add_option("--ties", flags->ties,
                   "What decides ties, in this order: lower-cost, more-votes, top-marks, "
                   "lower-number, higher-number, id, lot")
      ->capture_default_str();
  count->add_option("--lot", flags->lot, "Projects in the order in which lots were drawn");
  AddExample(
      count,
      "urna budget count poznan.pb --rule greedy --by votes --misfit stop --ties lower-cost,lot",
      "The output names the whole rule, and for each project why it is funded or not. A tie that "
      "matters and that the steps of --ties leave open ends the count: draw a lot among the "
      "projects it names, and say with --lot how it fell. docs/budget-rules.md defines every rule, "
      "so that a stranger can recount.");
  count->callback([&global, action, flags, greedy_only, shares_only] {
    for (const CLI::Option* option : greedy_only) {
      if (option->count() > 0) flags->greedy_only.push_back(option->get_name());
    }
    for (const CLI::Option* option : shares_only) {
      if (option->count() > 0) flags->shares_only.push_back(option->get_name());
    }
    *action = [&global, flags] { return RunCount(global, *flags); };
  });
}

}  // namespace urna::client
