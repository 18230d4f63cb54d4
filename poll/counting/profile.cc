#include "poll/counting/profile.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include "base/status.h"
#include "base/text.h"

namespace urna::poll::counting {
namespace {

using base::Cat;

absl::Status Invalid(std::string_view text) {
  return base::Failure(absl::StatusCode::kInvalidArgument, text);
}

}  // namespace

std::span<const Mark> Profile::ballot(size_t i) const {
  const size_t begin = i == 0 ? 0 : ends[i - 1];
  return std::span(marks).subspan(begin, ends[i] - begin);
}

void Profile::AddBallot(std::span<const Mark> ballot) {
  marks.insert(marks.end(), ballot.begin(), ballot.end());
  ends.push_back(marks.size());
}

uint64_t Profile::Unit() const {
  uint64_t unit = 1;
  for (uint32_t i = 0; i < decimals; ++i) unit *= 10;
  return unit;
}

absl::Status CheckProfile(const Profile& profile) {
  if (profile.budget > kMaxAmount) return Invalid("the budget is larger than can be counted");
  if (profile.decimals > kMaxDecimals) return Invalid("money has more than 9 decimals");
  if (profile.projects.size() > kMaxProjects) {
    return Invalid(Cat(profile.projects.size(), " projects are more than can be counted"));
  }
  if (profile.ballots() > kMaxBallots) {
    return Invalid(Cat(profile.ballots(), " ballots are more than can be counted"));
  }
  std::set<std::string_view> ids;
  uint64_t sum = 0;
  for (const BudgetProject& project : profile.projects) {
    if (project.id.empty()) return Invalid("a project has no id");
    if (!ids.insert(project.id).second) return Invalid(Cat("two projects are ", project.id));
    if (project.cost > kMaxAmount) {
      return Invalid(Cat("project ", project.id, " costs more than can be counted"));
    }
    sum += project.cost;  // at most 2^53 from less than 2^62
    if (sum >= uint64_t{1} << 62) return Invalid("the costs add up to more than can be counted");
  }
  std::vector<size_t> last(profile.projects.size(), 0);  // ballot that named it, from 1
  size_t begin = 0;
  for (size_t i = 0; i < profile.ballots(); ++i) {
    if (profile.ends[i] < begin || profile.ends[i] > profile.marks.size()) {
      return Invalid(Cat("ballot ", i + 1, " has no proper bounds"));
    }
    begin = profile.ends[i];
    for (const Mark& mark : profile.ballot(i)) {
      if (mark.project >= profile.projects.size()) {
        return Invalid(Cat("ballot ", i + 1, " marks a project that is not there"));
      }
      if (last[mark.project] == i + 1) {
        return Invalid(
            Cat("ballot ", i + 1, " marks ", profile.projects[mark.project].id, " twice"));
      }
      last[mark.project] = i + 1;
      if (mark.points > kMaxPoints) {
        return Invalid(Cat("ballot ", i + 1, " gives more points than can be counted"));
      }
    }
  }
  return absl::OkStatus();
}

Sums SumUp(const Profile& profile) {
  Sums sums;
  sums.ballots = profile.ballots();
  sums.votes.assign(profile.projects.size(), 0);
  sums.points.assign(profile.projects.size(), 0);
  std::map<uint32_t, size_t, std::greater<>> levels;
  for (const Mark& mark : profile.marks) {
    if (mark.points > 0) levels.try_emplace(mark.points, 0);
  }
  size_t level = 0;
  for (auto& [points, index] : levels) index = level++;
  sums.top_marks.assign(profile.projects.size(), std::vector<uint64_t>(levels.size(), 0));
  for (const Mark& mark : profile.marks) {
    ++sums.votes[mark.project];
    sums.points[mark.project] += mark.points;
    if (mark.points > 0) ++sums.top_marks[mark.project][levels.find(mark.points)->second];
  }
  return sums;
}

bool ParseAmount(std::string_view text, uint64_t* digits, uint32_t* decimals) {
  const size_t point = text.find('.');
  std::string_view whole = text.substr(0, point);
  std::string_view part = point == std::string_view::npos ? "" : text.substr(point + 1);
  if (whole.empty() || (point != std::string_view::npos && part.empty())) return false;
  while (!part.empty() && part.back() == '0') part.remove_suffix(1);
  if (part.size() > kMaxDecimals) return false;
  uint64_t value = 0;
  for (const std::string_view piece : {whole, part}) {
    for (const char c : piece) {
      if (c < '0' || c > '9') return false;
      value = value * 10 + static_cast<uint64_t>(c - '0');
      if (value > kMaxAmount) return false;
    }
  }
  *digits = value;
  *decimals = static_cast<uint32_t>(part.size());
  return true;
}

std::string FormatAmount(uint64_t amount, uint32_t decimals) {
  std::string text = std::to_string(amount);
  if (decimals == 0) return text;
  if (text.size() <= decimals) text = std::string(decimals + 1 - text.size(), '0') + text;
  return text.substr(0, text.size() - decimals) + "." + text.substr(text.size() - decimals);
}

}  // namespace urna::poll::counting
