#include "poll/counting/budget_rule.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/status.h"
#include "base/text.h"

namespace urna::poll::counting {
namespace {

using base::Cat;

constexpr std::array<std::pair<TieStep, std::string_view>, 7> kTieSteps = {{
    {TieStep::kLowerCost, "lower-cost"},
    {TieStep::kMoreVotes, "more-votes"},
    {TieStep::kMoreTopMarks, "top-marks"},
    {TieStep::kLowerNumber, "lower-number"},
    {TieStep::kHigherNumber, "higher-number"},
    {TieStep::kId, "id"},
    {TieStep::kLot, "lot"},
}};
constexpr std::array<std::pair<Key, std::string_view>, 4> kKeys = {{
    {Key::kPoints, "points"},
    {Key::kVotes, "votes"},
    {Key::kPointsPerCost, "points-per-cost"},
    {Key::kVotesPerCost, "votes-per-cost"},
}};

absl::Status Invalid(std::string_view text) {
  return base::Failure(absl::StatusCode::kInvalidArgument, text);
}

absl::Status CheckProjects(const std::vector<uint32_t>& list, size_t projects,
                           std::string_view what) {
  std::vector<uint32_t> sorted = list;
  std::sort(sorted.begin(), sorted.end());
  if (!sorted.empty() && sorted.back() >= projects) {
    return Invalid(Cat(what, " names a project that is not there"));
  }
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) {
    return Invalid(Cat(what, " names a project twice"));
  }
  return absl::OkStatus();
}

absl::Status CheckGreedy(const Greedy& greedy) {
  if (!greedy.continuation.has_value()) return absl::OkStatus();
  const Ratio& share = *greedy.continuation;
  if (greedy.misfit != Misfit::kStop) {
    return Invalid("only a count that stops at the first misfit can fund it from a reserve");
  }
  if (share.denominator == 0 || share.numerator == 0 || share.numerator > share.denominator) {
    return Invalid("the share of the cost that must be left is more than 0 and at most 100 %");
  }
  return absl::OkStatus();
}

std::string KeyPhrase(Key key) {
  switch (key) {
    case Key::kPoints:
      return "points";
    case Key::kVotes:
      return "votes (ballots that name it)";
    case Key::kPointsPerCost:
      return "points per cost";
    case Key::kVotesPerCost:
      return "votes per cost";
  }
  return "";
}

std::string RatioText(const Ratio& ratio) {
  return ratio.denominator == 1 ? Cat(ratio.numerator)
                                : Cat(ratio.numerator, "/", ratio.denominator);
}

std::string TiePhrase(TieStep step) {
  switch (step) {
    case TieStep::kLowerCost:
      return "lower cost";
    case TieStep::kMoreVotes:
      return "more votes";
    case TieStep::kMoreTopMarks:
      return "more marks of the most points, then of fewer and fewer";
    case TieStep::kLowerNumber:
      return "lower number";
    case TieStep::kHigherNumber:
      return "higher number";
    case TieStep::kId:
      return "id, byte for byte";
    case TieStep::kLot:
      return "lot";
  }
  return "";
}

std::string ProjectList(const std::vector<uint32_t>& projects, const Profile& profile) {
  std::string text;
  for (const uint32_t p : projects) {
    if (!text.empty()) text += ", ";
    text += profile.projects[p].id;
  }
  return text;
}

void DescribeGreedy(const Greedy& greedy, std::string_view who, std::vector<std::string>* lines) {
  lines->push_back(Cat(who, " in order of their ", KeyPhrase(greedy.key),
                       ", most first, are funded while they fit"));
  if (greedy.misfit == Misfit::kSkip) {
    lines->push_back("A project that costs more than what is left is skipped");
    return;
  }
  lines->push_back("The first project that costs more than what is left ends the funding");
  if (greedy.continuation.has_value()) {
    lines->push_back(Cat("It is funded from a reserve if at least ",
                         RatioText(*greedy.continuation), " of its cost is left"));
  }
}

void DescribeShares(const EqualShares& shares, const Profile& profile,
                    std::vector<std::string>* lines) {
  lines->push_back(Cat("Method of Equal Shares; a mark is worth its points",
                       shares.utility == Utility::kCost ? " times the project's cost" : ""));
  const std::string step = FormatAmount(shares.step, profile.decimals);
  switch (shares.start) {
    case Start::kExactThenWhole:
      lines->push_back(
          "Each voter has an equal share of the budget, exactly; in later runs, the whole units of "
          "it and the steps");
      break;
    case Start::kExact:
      lines->push_back("Each voter has an equal share of the budget, exactly, and the steps");
      break;
    case Start::kWhole:
      lines->push_back(
          "Each voter has the whole units of an equal share of the budget, and the steps");
      break;
  }
  switch (shares.completion) {
    case Completion::kNone:
      lines->push_back("There is one run");
      break;
    case Completion::kAdd1:
      lines->push_back(Cat("Runs with steps of ", step,
                           " for each voter follow while the outcome "
                           "costs no more than the budget; the last such outcome stands (add1)"));
      break;
    case Completion::kAdd1Exhaustive:
      lines->push_back(Cat("Runs with steps of ", step,
                           " for each voter follow while the outcome "
                           "costs no more than the budget and a project could be added to it "
                           "(add1e)"));
      break;
  }
  if (shares.then_greedy) DescribeGreedy(shares.greedy, "With what is left, other projects", lines);
  if (shares.comparison) {
    DescribeGreedy(shares.greedy, "For comparison, projects", lines);
    lines->push_back(
        "If more voters have more of the projects they supported in that outcome, it stands "
        "instead");
  }
}

}  // namespace

absl::Status CheckRule(const BudgetRule& rule, size_t projects) {
  if (const auto* greedy = std::get_if<Greedy>(&rule.method)) {
    URNA_RETURN_IF_ERROR(CheckGreedy(*greedy));
  } else {
    const EqualShares& shares = std::get<EqualShares>(rule.method);
    if (shares.step == 0 || shares.step > kMaxAmount) {
      return Invalid("the step by which voters get more is not above 0");
    }
    URNA_RETURN_IF_ERROR(CheckGreedy(shares.greedy));
  }
  if (rule.threshold.has_value()) {
    if (rule.threshold->of != Key::kVotes && rule.threshold->of != Key::kPoints) {
      return Invalid("a threshold is one of votes or of points");
    }
    if (rule.threshold->at_least.denominator == 0) return Invalid("the threshold is no number");
  }
  for (const std::vector<uint32_t>& group : rule.exclusions) {
    if (group.size() < 2) return Invalid("a group of exclusive projects has fewer than two");
    URNA_RETURN_IF_ERROR(CheckProjects(group, projects, "a group of exclusive projects"));
  }
  std::vector<TieStep> steps = rule.ties;
  std::sort(steps.begin(), steps.end());
  if (std::adjacent_find(steps.begin(), steps.end()) != steps.end()) {
    return Invalid("a step for ties stands twice");
  }
  const auto lot = std::find(rule.ties.begin(), rule.ties.end(), TieStep::kLot);
  if (lot != rule.ties.end() && lot + 1 != rule.ties.end()) {
    return Invalid("a lot decides every tie, so no step can follow it");
  }
  if (lot == rule.ties.end() && !rule.lot.empty()) {
    return Invalid("lots were drawn, but ties are not decided by lot");
  }
  return CheckProjects(rule.lot, projects, "the lot");
}

std::string_view TieStepName(TieStep step) { return kTieSteps[static_cast<size_t>(step)].second; }

std::optional<TieStep> ParseTieStep(std::string_view name) {
  for (const auto& [step, own] : kTieSteps) {
    if (own == name) return step;
  }
  return std::nullopt;
}

std::string_view KeyName(Key key) { return kKeys[static_cast<size_t>(key)].second; }

std::optional<Key> ParseKey(std::string_view name) {
  for (const auto& [key, own] : kKeys) {
    if (own == name) return key;
  }
  return std::nullopt;
}

std::vector<std::string> DescribeRule(const BudgetRule& rule, const Profile& profile) {
  std::vector<std::string> lines;
  if (const auto* greedy = std::get_if<Greedy>(&rule.method)) {
    DescribeGreedy(*greedy, "Projects", &lines);
  } else {
    DescribeShares(std::get<EqualShares>(rule.method), profile, &lines);
  }
  if (!rule.threshold.has_value()) {
    lines.push_back("There is no threshold");
  } else {
    lines.push_back(Cat("Only projects with at least ", RatioText(rule.threshold->at_least),
                        rule.threshold->of_ballots ? " of the ballots as " : " ",
                        KeyName(rule.threshold->of), " can be funded"));
  }
  if (rule.exclusions.empty()) lines.push_back("No projects exclude each other");
  for (const std::vector<uint32_t>& group : rule.exclusions) {
    lines.push_back(Cat("At most one is funded of ", ProjectList(group, profile)));
  }
  if (rule.ties.empty()) {
    lines.push_back("Nothing decides a tie");
  } else {
    std::string ties = "Ties: ";
    for (size_t i = 0; i < rule.ties.size(); ++i) {
      ties += Cat(i == 0 ? "" : "; then ", TiePhrase(rule.ties[i]));
    }
    lines.push_back(ties);
  }
  if (!rule.lot.empty()) {
    lines.push_back(Cat("Lots drew, first to last: ", ProjectList(rule.lot, profile)));
  }
  return lines;
}

}  // namespace urna::poll::counting
