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

}  // namespace urna::poll::counting
