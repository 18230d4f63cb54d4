#include "poll/counting/ties.h"

#include <algorithm>

#include "base/status.h"
#include "base/text.h"

namespace urna::poll::counting {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

/// Takes the digits that `text` begins with, without zeros before them.
std::string_view TakeNumber(std::string_view* text) {
  size_t end = 0;
  while (end < text->size() && IsDigit((*text)[end])) ++end;
  std::string_view number = text->substr(0, end);
  text->remove_prefix(end);
  while (number.size() > 1 && number[0] == '0') number.remove_prefix(1);
  return number;
}

template <typename T>
int ThreeWay(const T& a, const T& b) {
  return a < b ? -1 : b < a ? 1 : 0;
}

}  // namespace

int CompareNumbers(std::string_view a, std::string_view b) {
  std::string_view rest_a = a;
  std::string_view rest_b = b;
  while (!rest_a.empty() && !rest_b.empty()) {
    int order;
    if (IsDigit(rest_a[0]) && IsDigit(rest_b[0])) {
      const std::string_view number_a = TakeNumber(&rest_a);
      const std::string_view number_b = TakeNumber(&rest_b);
      order = ThreeWay(number_a.size(), number_b.size());
      if (order == 0) order = number_a.compare(number_b);
    } else {
      order = ThreeWay(static_cast<uint8_t>(rest_a[0]), static_cast<uint8_t>(rest_b[0]));
      rest_a.remove_prefix(1);
      rest_b.remove_prefix(1);
    }
    if (order != 0) return order;
  }
  if (rest_a.empty() != rest_b.empty()) return rest_a.empty() ? -1 : 1;
  return a.compare(b);
}

TieBreaker::TieBreaker(std::span<const BudgetProject> projects, const Sums& sums,
                       const BudgetRule& rule)
    : projects_(projects), sums_(sums), drawn_(projects.size()) {
  for (const TieStep step : rule.ties) {
    if (step == TieStep::kLot) {
      has_lot_ = true;
    } else {
      steps_.push_back(step);
    }
  }
  for (uint32_t i = 0; i < rule.lot.size(); ++i) drawn_[rule.lot[i]] = i;
}

int TieBreaker::Compare(uint32_t a, uint32_t b, TieStep* step) const {
  for (const TieStep s : steps_) {
    int order = 0;
    switch (s) {
      case TieStep::kLowerCost:
        order = ThreeWay(projects_[a].cost, projects_[b].cost);
        break;
      case TieStep::kMoreVotes:
        order = ThreeWay(sums_.votes[b], sums_.votes[a]);
        break;
      case TieStep::kMoreTopMarks:
        order = ThreeWay(sums_.top_marks[b], sums_.top_marks[a]);
        break;
      case TieStep::kLowerNumber:
        order = CompareNumbers(projects_[a].id, projects_[b].id);
        break;
      case TieStep::kHigherNumber:
        order = CompareNumbers(projects_[b].id, projects_[a].id);
        break;
      case TieStep::kId:
        order = projects_[a].id.compare(projects_[b].id);
        break;
      case TieStep::kLot:  // SortByLot
        break;
    }
    if (order != 0) {
      *step = s;
      return order;
    }
  }
  return 0;
}

bool TieBreaker::SortByLot(std::span<uint32_t> tied) const {
  if (!has_lot_) return false;
  for (const uint32_t p : tied) {
    if (!drawn_[p].has_value()) return false;
  }
  std::sort(tied.begin(), tied.end(),
            [this](uint32_t a, uint32_t b) { return *drawn_[a] < *drawn_[b]; });
  return true;
}

absl::StatusOr<TieBreaker::First> TieBreaker::FirstOf(std::span<const uint32_t> tied) const {
  TieStep step;
  uint32_t best = tied[0];
  for (const uint32_t p : tied) {
    if (Compare(p, best, &step) < 0) best = p;
  }
  std::vector<uint32_t> first;
  size_t latest = 0;  // step in the rule that it took to be before all others
  for (const uint32_t p : tied) {
    if (p == best || Compare(best, p, &step) == 0) {
      first.push_back(p);
    } else {
      latest =
          std::max<size_t>(latest, std::find(steps_.begin(), steps_.end(), step) - steps_.begin());
    }
  }
  if (first.size() == 1) return First{best, steps_[latest]};
  if (!SortByLot(first)) return Undecided(first);
  return First{first[0], TieStep::kLot};
}

absl::Status TieBreaker::Undecided(std::span<const uint32_t> tied) const {
  std::string ids;
  for (size_t i = 0; i < tied.size(); ++i) {
    if (i > 0) ids += i + 1 == tied.size() ? " and " : ", ";
    ids += projects_[tied[i]].id;
  }
  return base::Failure(
      absl::StatusCode::kFailedPrecondition,
      base::Cat("projects ", ids, " are tied and their order matters: ",
                has_lot_ ? "a lot must be drawn among them" : "the rule does not decide this tie"));
}

}  // namespace urna::poll::counting
