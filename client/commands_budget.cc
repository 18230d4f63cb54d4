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
#include "client/budget_import.h"
#include "crypto/hash.h"
#include "documents/budget.h"
#include "poll/budget.h"
#include "poll/counting/pabulib.h"

namespace urna::client {
namespace {

using base::Cat;
using Json = nlohmann::ordered_json;
namespace counting = poll::counting;

constexpr documents::Language kWords = documents::Language::kEnglish;

absl::Status Usage(std::string_view text) {
  return base::Failure(absl::StatusCode::kInvalidArgument, text);
}

struct RuleFlags {
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

struct CountFlags : RuleFlags {
  std::string file;
};

struct ImportFlags : RuleFlags {
  std::vector<std::string> files;
  std::string languages = "pl";
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

absl::StatusOr<counting::BudgetRule> ParseRule(const RuleFlags& flags,
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

/// A file, what it says, and what comes of it.
struct Counted {
  const std::string& text;
  const counting::PabulibFile& file;
  const counting::PabulibElection& election;
  const poll::BudgetCount& count;

  const counting::Profile& profile() const { return count.profile; }
  const counting::BudgetOutcome& outcome() const { return count.outcome; }
  std::string Money(uint64_t amount) const {
    return documents::Money(kWords, amount, profile().decimals);
  }
  std::string Currency() const { return OneLine(file.Meta("currency")); }
  std::string Id(uint32_t project) const { return OneLine(profile().projects[project].id); }
  std::string IdsOf(const std::vector<uint32_t>& projects) const {
    std::string text_of;
    for (const uint32_t p : projects) text_of += Cat(text_of.empty() ? "" : ", ", Id(p));
    return text_of;
  }
};

/// Projects that the file calls funded by its rule (`selected` 1), and what differs.
struct Published {
  bool known = false;
  std::vector<uint32_t> only_published, only_counted;
};

Published ComparePublished(const Counted& c) {
  Published published;
  std::vector<bool> funded(c.profile().projects.size(), false);
  for (const uint32_t p : c.outcome().funded) funded[p] = true;
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
  const counting::Sums& sums = c.count.sums;
  const std::string currency = c.Currency().empty() ? "" : Cat(" ", c.Currency());
  const std::string title = OneLine(c.file.Meta("description"));
  if (!title.empty()) out << title << "\n";
  out << profile.projects.size() << " projects, " << profile.ballots() << " ballots ("
      << counting::VoteTypeName(c.election.type) << "), budget " << c.Money(profile.budget)
      << currency << "\nsha256 of the file " << base::Hex(crypto::HashSha256(c.text)) << "\n";
  for (const std::string& note : c.election.notes) out << "Note: " << OneLine(note) << ".\n";
  out << "\nThe rule\n";
  for (const std::string& line : documents::BudgetRule(kWords, c.count.rule, profile)) {
    out << "  " << OneLine(line) << ".\n";
  }

  out << "\nRanking\n";
  for (const counting::Ranked& ranked : c.outcome().ranking) {
    const uint32_t p = ranked.project;
    out << "  " << Padded(Cat(ranked.place, "."), 5) << " " << Padded(c.Id(p), 16) << " "
        << Padded(Cat(sums.points[p], " points"), 15) << " "
        << Padded(Cat(sums.votes[p], " votes"), 13) << " costs "
        << Padded(c.Money(profile.projects[p].cost), 13) << " " << OneLine(profile.projects[p].name)
        << "\n";
  }

  const std::vector<std::string> shares = documents::SharesText(kWords, c.count);
  if (!shares.empty()) out << "\n";
  for (const std::string& line : shares) out << OneLine(line) << "\n";
  out << "\nThe decisions, in their order\n";
  for (const counting::Decision& decision : c.outcome().decisions) {
    out << "  " << Padded(c.Id(decision.project), 16) << " "
        << OneLine(documents::DecisionText(kWords, c.count, decision)) << "\n";
  }

  out << "\nFunded: " << c.outcome().funded.size() << " projects for " << c.Money(c.outcome().cost)
      << currency << "; left " << c.Money(c.outcome().left) << currency;
  if (c.outcome().reserve > 0)
    out << "; from the reserve " << c.Money(c.outcome().reserve) << currency;
  out << "\n";
  for (const uint32_t p : c.outcome().funded) {
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

Json CountJson(const Counted& c) {
  const counting::Profile& profile = c.profile();
  Json json = documents::BudgetJson(c.count);
  json["description"] = c.file.Meta("description");
  json["sha256"] = base::Hex(crypto::HashSha256(c.text));
  json["currency"] = c.file.Meta("currency");
  json["decimals"] = profile.decimals;
  json["vote_type"] = counting::VoteTypeName(c.election.type);
  json["ballots"] = profile.ballots();
  json["notes"] = c.election.notes;
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
  auto outcome = counting::CountBudget(election.profile, rule, watch);
  if (watch) std::fprintf(stderr, "\r\033[K");
  if (!outcome.ok()) return outcome.status();
  const poll::BudgetCount count{election.profile, counting::SumUp(election.profile), rule,
                                *std::move(outcome)};
  const Counted counted{text, file, election, count};
  if (global.json) {
    PrintJson(CountJson(counted));
  } else {
    PrintCount(std::cout, counted);
  }
  return absl::OkStatus();
}

/// The options that name a rule.
void AddRule(CLI::App* command, const std::shared_ptr<RuleFlags>& flags) {
  command->add_option("--rule", flags->rule, "The method")
      ->required()
      ->check(CLI::IsMember({"greedy", "equal-shares"}));
  std::vector<CLI::Option*> greedy_only, shares_only;
  greedy_only.push_back(
      command->add_option("--by", flags->by, "What projects are ranked by")
          ->check(CLI::IsMember({"points", "votes", "points-per-cost", "votes-per-cost"}))
          ->capture_default_str());
  greedy_only.push_back(
      command
          ->add_option("--misfit", flags->misfit,
                       "When a project costs more than what is left: skip it, or stop")
          ->check(CLI::IsMember({"skip", "stop"}))
          ->capture_default_str());
  greedy_only.push_back(command->add_option(
      "--reserve-from", flags->reserve_from,
      "With --misfit stop: fund the project that did not fit from a reserve if this percentage of "
      "its cost is left"));
  shares_only.push_back(
      command
          ->add_option("--utility", flags->utility,
                       "What a mark is worth: its points times the project's cost, or its points")
          ->check(CLI::IsMember({"cost", "points"}))
          ->capture_default_str());
  shares_only.push_back(
      command
          ->add_option("--start", flags->start, "What each voter has at first, and in later runs")
          ->check(CLI::IsMember({"exact-then-whole", "exact", "whole"}))
          ->capture_default_str());
  shares_only.push_back(
      command->add_option("--step", flags->step, "What each voter has more in each later run")
          ->capture_default_str());
  shares_only.push_back(
      command
          ->add_option("--completion", flags->completion, "Whether and when there are later runs")
          ->check(CLI::IsMember({"none", "add1", "add1e"}))
          ->capture_default_str());
  shares_only.push_back(command->add_flag("--then-greedy", flags->then_greedy,
                                          "Spend what is left by the greedy rule"));
  shares_only.push_back(command->add_flag(
      "--compare", flags->compare,
      "Let the greedy rule's outcome stand if more voters have more of their projects in it"));
  command->add_option("--threshold", flags->threshold,
                      "Least support of a project: a number, or a percentage of the ballots");
  command->add_option("--threshold-of", flags->threshold_of, "What the threshold is about")
      ->check(CLI::IsMember({"votes", "points"}))
      ->capture_default_str();
  command
      ->add_option("--exclusive", flags->exclusive,
                   "Projects of which at most one is funded; may be repeated")
      ->allow_extra_args(false);
  command
      ->add_option("--ties", flags->ties,
                   "What decides ties, in this order: lower-cost, more-votes, top-marks, "
                   "lower-number, higher-number, id, lot")
      ->capture_default_str();
  command->add_option("--lot", flags->lot, "Projects in the order in which lots were drawn");
  command->parse_complete_callback([flags, greedy_only, shares_only] {
    for (const CLI::Option* option : greedy_only) {
      if (option->count() > 0) flags->greedy_only.push_back(option->get_name());
    }
    for (const CLI::Option* option : shares_only) {
      if (option->count() > 0) flags->shares_only.push_back(option->get_name());
    }
  });
}

absl::Status RunImport(const GlobalOptions& global, const ImportFlags& flags) {
  std::vector<PoolFile> files;
  std::vector<std::string> homeless = flags.exclusive;
  for (const std::string& name : flags.files) {
    PoolFile pool;
    pool.name = name;
    URNA_ASSIGN_OR_RETURN(const std::string text, base::ReadFile(name));
    URNA_ASSIGN_OR_RETURN(pool.file, counting::ParsePabulib(name, text));
    URNA_ASSIGN_OR_RETURN(pool.election, counting::ReadPabulib(name, pool.file));
    // A group of --exclusive is about the pool that has its projects.
    RuleFlags own = flags;
    std::erase_if(own.exclusive, [&](const std::string& group) {
      return !ParseProjects("--exclusive", group, pool.election.profile).ok();
    });
    for (const std::string& group : own.exclusive) std::erase(homeless, group);
    URNA_ASSIGN_OR_RETURN(pool.rule, ParseRule(own, pool.election.profile));
    files.push_back(std::move(pool));
  }
  if (!homeless.empty()) {
    return Usage(Cat("--exclusive: no file has all of the projects ", homeless.front()));
  }
  if (!flags.lot.empty()) return Usage("--lot: lots are drawn when the poll is closed");
  std::vector<std::string> languages;
  for (const std::string_view language : base::Split(flags.languages, ',')) {
    languages.emplace_back(base::Trim(language));
  }
  URNA_ASSIGN_OR_RETURN(const ImportedBudget imported, ImportBudget(files, languages));
  for (const std::string& note : imported.notes) std::cerr << "Note: " << OneLine(note) << ".\n";
  if (global.json) {
    PrintJson({{"template", imported.definition}, {"notes", imported.notes}});
  } else {
    std::cout << imported.definition;
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
  AddRule(count, flags);
  AddExample(
      count,
      "urna budget count poznan.pb --rule greedy --by votes --misfit stop --ties lower-cost,lot",
      "The output names the whole rule, and for each project why it is funded or not. A tie that "
      "matters and that the steps of --ties leave open ends the count: draw a lot among the "
      "projects it names, and say with --lot how it fell. docs/budget-rules.md defines every rule, "
      "so that a stranger can recount.");
  count->callback([&global, action, flags] {
    *action = [&global, flags] { return RunCount(global, *flags); };
  });
  auto import_flags = std::make_shared<ImportFlags>();
  CLI::App* from_files = budget->add_subcommand(
      "import", "Prints a definition of a participatory budget, from .pb files to start from");
  from_files->add_option("files", import_flags->files, "A .pb file for each pool of money")
      ->required();
  AddRule(from_files, import_flags);
  from_files
      ->add_option("--languages", import_flags->languages,
                   "Languages of the poll; the files are in the first")
      ->capture_default_str();
  AddExample(from_files,
             "urna budget import city.pb district-1.pb district-2.pb --rule greedy --ties "
             "lower-cost,lot > poll.txt",
             "Projects, costs, pools, ballot rules and the rule of the count come from the files "
             "and the options; fill\nin the rest, marked PUT-...-HERE. A file without \"subunit\" "
             "is a pool in which everybody votes, each\nother one has a ballot style of its own. "
             "Votes in the files are not used.");
  from_files->callback([&global, action, import_flags] {
    *action = [&global, import_flags] { return RunImport(global, *import_flags); };
  });
}

}  // namespace urna::client
