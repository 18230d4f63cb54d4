#include "poll/definition_budget.h"

#include <algorithm>
#include <map>
#include <optional>
#include <variant>

#include "base/text.h"

namespace urna::poll {
namespace {

using base::Cat;

constexpr size_t kMaxNumberBytes = 64;

/// What the tally of a contest shows of each project, besides its points.
struct Shows {
  bool votes = false;      ///< on how many ballots it stands
  bool top_marks = false;  ///< how many ballots give it each number of points
  bool ballots = false;    ///< every ballot
};

Shows ShownBy(const Contest& contest) {
  if (contest.tally == TallyKind::kMixed) return {true, true, true};
  // Where a mark is one point, sums of points are all there is to know.
  const bool one_point = LargestMark(contest) == 1;
  return {one_point, one_point, false};
}

constexpr std::string_view kOnlySums =
    "the contest's tally is homomorphic and shows only the sum of each project's points, ";

/// `value` when it is one of `names`.
template <typename T>
T ReadName(const Value& value, const std::map<std::string_view, T>& names) {
  const std::string name = value.Text("a word");
  if (!value.ok()) return {};
  const auto found = names.find(name);
  if (found != names.end()) return found->second;
  std::string known;
  for (const auto& [one, unused] : names) known += Cat(known.empty() ? "" : ", ", "\"", one, "\"");
  value.Fail(Cat("must be one of ", known));
  return {};
}

counting::Ratio ReadRatio(const Value& value) {
  counting::Ratio ratio;
  ratio.denominator = value["denominator"].Whole(1, kMaxInteger);
  ratio.numerator = value["numerator"].Whole(1, ratio.denominator);
  return ratio;
}

void NeedsVotes(const Value& value, const Shows& shows) {
  if (!shows.votes) {
    value.Fail(Cat("counts votes, but ", kOnlySums,
                   "not how many ballots name it: use points, or the tally \"mixed\""));
  }
}

counting::Greedy ReadGreedy(const Value& value, const Shows& shows) {
  counting::Greedy greedy;
  const Value by = value["by"];
  greedy.key = ReadName<counting::Key>(by, {{"points", counting::Key::kPoints},
                                            {"votes", counting::Key::kVotes},
                                            {"points-per-cost", counting::Key::kPointsPerCost},
                                            {"votes-per-cost", counting::Key::kVotesPerCost}});
  if (greedy.key == counting::Key::kVotes || greedy.key == counting::Key::kVotesPerCost) {
    NeedsVotes(by, shows);
  }
  enum class Then : uint8_t { kSkip, kStop, kReserve };
  const auto then = ReadName<Then>(
      value["misfit"], {{"skip", Then::kSkip}, {"stop", Then::kStop}, {"reserve", Then::kReserve}});
  if (!value.ok()) return greedy;
  greedy.misfit = then == Then::kSkip ? counting::Misfit::kSkip : counting::Misfit::kStop;
  if (then == Then::kReserve) {
    const Value reserve = value["reserve"];
    reserve.Fields({"numerator", "denominator"});
    greedy.continuation = ReadRatio(reserve);
  } else if (value.Has("reserve")) {
    value["reserve"].Fail("belongs to \"misfit\": \"reserve\"");
  }
  return greedy;
}

counting::EqualShares ReadShares(const Value& value, const Shows& shows) {
  counting::EqualShares shares;
  value.Fields({"rule", "utility", "start", "completion", "then_greedy", "compare"},
               {"step", "greedy"});
  if (value.ok() && !shows.ballots) {
    value["rule"].Fail(
        "\"equal-shares\" is counted from ballots, and a homomorphic tally shows none: "
        "use the tally \"mixed\"");
  }
  shares.utility = ReadName<counting::Utility>(
      value["utility"],
      {{"cost", counting::Utility::kCost}, {"points", counting::Utility::kPoints}});
  shares.start = ReadName<counting::Start>(value["start"],
                                           {{"exact-then-whole", counting::Start::kExactThenWhole},
                                            {"exact", counting::Start::kExact},
                                            {"whole", counting::Start::kWhole}});
  shares.completion = ReadName<counting::Completion>(
      value["completion"], {{"none", counting::Completion::kNone},
                            {"add1", counting::Completion::kAdd1},
                            {"add1e", counting::Completion::kAdd1Exhaustive}});
  shares.then_greedy = value["then_greedy"].Flag();
  shares.comparison = value["compare"].Flag();
  if (!value.ok()) return shares;
  if (shares.completion != counting::Completion::kNone) {
    shares.step = value["step"].Whole(1, kMaxInteger);
  } else if (value.Has("step")) {
    value["step"].Fail("belongs to the completions \"add1\" and \"add1e\"");
  }
  if (shares.then_greedy || shares.comparison) {
    const Value greedy = value["greedy"];
    greedy.Fields({"by", "misfit"}, {"reserve"});
    if (greedy.ok()) shares.greedy = ReadGreedy(greedy, shows);
  } else if (value.Has("greedy")) {
    value["greedy"].Fail("belongs to \"then_greedy\" and \"compare\", and both are false");
  }
  return shares;
}

std::variant<counting::Greedy, counting::EqualShares> ReadMethod(const Value& value,
                                                                 const Shows& shows) {
  const std::string rule = value["rule"].Text("the name of a method");
  if (!value.ok()) return {};
  if (rule == "greedy") {
    value.Fields({"rule", "by", "misfit"}, {"reserve"});
    if (value.ok()) return ReadGreedy(value, shows);
  } else if (rule == "equal-shares") {
    return ReadShares(value, shows);
  }
  value["rule"].Fail("must be \"greedy\" or \"equal-shares\"");
  return {};
}

std::optional<counting::Threshold> ReadThreshold(const Value& value, const Shows& shows) {
  const std::string rule = value["rule"].Text("the name of a rule");
  if (!value.ok()) return std::nullopt;
  if (rule == "none") {
    value.Fields({"rule"});
    return std::nullopt;
  }
  counting::Threshold threshold;
  if (rule == "number") {
    value.Fields({"rule", "of", "at_least"});
    threshold.at_least.numerator = value["at_least"].Whole(1, kMaxInteger);
  } else if (rule == "share") {
    value.Fields({"rule", "of", "numerator", "denominator"});
    threshold.at_least = ReadRatio(value);
    threshold.of_ballots = true;
  } else {
    value["rule"].Fail("must be \"none\", \"number\" or \"share\"");
    return std::nullopt;
  }
  threshold.of = ReadName<counting::Key>(
      value["of"], {{"votes", counting::Key::kVotes}, {"points", counting::Key::kPoints}});
  if (threshold.of == counting::Key::kVotes) NeedsVotes(value["of"], shows);
  return threshold;
}

std::vector<std::vector<uint32_t>> ReadExclusions(const Value& value,
                                                  const std::vector<Option>& options) {
  std::vector<std::vector<uint32_t>> groups;
  for (const Value& item : value.Items(0, options.size())) {
    std::vector<uint32_t> group;
    std::set<uint32_t> seen;
    for (const Value& name : item.Items(2, options.size())) {
      group.push_back(ReadOptionName(name, options));
      Distinct(seen, group.back(), name, "project");
    }
    groups.push_back(std::move(group));
  }
  return groups;
}

std::vector<counting::TieStep> ReadTies(const Value& value, const Shows& shows) {
  std::vector<counting::TieStep> ties;
  std::set<counting::TieStep> seen;
  const std::vector<Value> items = value.Items(1, 7);
  for (const Value& item : items) {
    const auto step = counting::ParseTieStep(item.Text("a step that decides ties"));
    if (!step.has_value()) {
      item.Fail(
          "must be one of \"lower-cost\", \"more-votes\", \"top-marks\", \"lower-number\", "
          "\"higher-number\", \"id\", \"lot\"");
    }
    if (!item.ok()) return ties;
    Distinct(seen, *step, item, "step");
    if (*step == counting::TieStep::kMoreVotes) NeedsVotes(item, shows);
    if (*step == counting::TieStep::kMoreTopMarks && !shows.top_marks) {
      item.Fail(Cat("compares marks of most points, but ", kOnlySums,
                    "not from which marks it comes: use another step, or the tally \"mixed\""));
    }
    const bool last = &item == &items.back();
    const bool decides = *step == counting::TieStep::kLowerNumber ||
                         *step == counting::TieStep::kHigherNumber ||
                         *step == counting::TieStep::kId || *step == counting::TieStep::kLot;
    if (last && !decides) {
      item.Fail(
          "leaves ties open: the last step must be \"lower-number\", \"higher-number\", \"id\" or "
          "\"lot\"");
    }
    if (!last && decides) item.Fail("decides every tie, so no step can follow it");
    ties.push_back(*step);
  }
  return ties;
}

}  // namespace

uint32_t ReadOptionName(const Value& value, const std::vector<Option>& options) {
  const std::string id = value.Text("the id of an option");
  for (uint32_t i = 0; i < options.size(); ++i) {
    if (options[i].id == id) return i;
  }
  value.Fail(Cat("no option has the id \"", Shown(id), "\""));
  return 0;
}

Project ReadProject(const Value& value, const std::vector<std::string>& languages) {
  Project project;
  value.Fields({"number", "cost"}, {"description", "category", "place"});
  const Value number = value["number"];
  project.number = number.NonEmptyText("the number under which voters know the project");
  if (number.ok() && (project.number.size() > kMaxNumberBytes ||
                      base::Trim(project.number).size() != project.number.size() ||
                      project.number.find_first_of(",:") != std::string::npos)) {
    number.Fail(Cat("must be 1 to ", kMaxNumberBytes,
                    " bytes without commas and colons, and no blank at either end"));
  }
  project.cost = value["cost"].Whole(1, kMaxInteger);
  const auto texts = [&](std::string_view name, Texts* out) {
    if (value.ok() && value.Has(name)) *out = ReadTexts(value[name], languages);
  };
  texts("description", &project.description);
  texts("category", &project.category);
  texts("place", &project.place);
  return project;
}

Budget ReadBudget(const Value& value, const Contest& contest) {
  Budget budget;
  value.Fields(
      {"rule", "amount", "currency", "decimals", "method", "threshold", "exclusive", "ties"});
  const Shows shows = ShownBy(contest);
  budget.amount = value["amount"].Whole(1, kMaxInteger);
  budget.currency = value["currency"].NonEmptyText("the currency, such as PLN");
  budget.decimals = value["decimals"].Whole32(0, counting::kMaxDecimals);
  budget.rule.method = ReadMethod(value["method"], shows);
  budget.rule.threshold = ReadThreshold(value["threshold"], shows);
  budget.rule.exclusions = ReadExclusions(value["exclusive"], contest.options);
  budget.rule.ties = ReadTies(value["ties"], shows);
  return budget;
}

void CheckProjects(const std::vector<Value>& options, const Contest& contest) {
  const auto* budget = std::get_if<Budget>(&contest.decision);
  std::map<std::string, size_t> numbers;
  for (size_t i = 0; i < options.size(); ++i) {
    const std::optional<Project>& project = contest.options[i].project;
    if (budget == nullptr) {
      if (project.has_value()) {
        options[i]["project"].Fail("only options of the decision \"budget\" are projects");
      }
      continue;
    }
    const Value value = options[i]["project"];  // fails if it is missing
    if (!value.ok()) return;
    if (project->cost > budget->amount) {
      value["cost"].Fail(Cat("is more than the ", budget->amount, " of the whole pool"));
    }
    if (!numbers.emplace(project->number, i).second) {
      value["number"].Fail("the same project number appears twice");
    }
  }
  // Voters name a project by either: both must mean the same one.
  for (size_t i = 0; i < options.size(); ++i) {
    const auto same = numbers.find(contest.options[i].id);
    if (same != numbers.end() && same->second != i) {
      options[i]["id"].Fail("is the number of another project");
    }
  }
}

}  // namespace urna::poll
