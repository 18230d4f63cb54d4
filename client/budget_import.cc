#include "client/budget_import.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>
#include <variant>

#include "base/status.h"
#include "base/text.h"
#include "crypto/ballot.h"
#include "documents/text.h"
#include "poll/definition.h"

namespace urna::client {
namespace {

using base::Cat;
using Json = nlohmann::ordered_json;
namespace counting = poll::counting;

constexpr uint64_t kMaxInteger = (uint64_t{1} << 53) - 1;
constexpr uint32_t kLeastDecimals = 2;  // grosze, even where a file writes whole zlotys only
constexpr size_t kMaxOptions = 256;
constexpr uint32_t kMaxRanks = 5;  // k of the ballot rule "points"

absl::Status Invalid(std::string_view where, std::string_view why) {
  return base::Failure(absl::StatusCode::kInvalidArgument, Cat(where, ": ", why));
}

/// The Latin letters of Polish and Ukrainian names have their bare ones, everything else is a dash.
std::string Slug(std::string_view name) {
  static const std::map<std::string_view, char> kBare = {
      {"ą", 'a'}, {"ć", 'c'}, {"ę", 'e'}, {"ł", 'l'}, {"ń", 'n'}, {"ó", 'o'},
      {"ś", 's'}, {"ź", 'z'}, {"ż", 'z'}, {"Ą", 'a'}, {"Ć", 'c'}, {"Ę", 'e'},
      {"Ł", 'l'}, {"Ń", 'n'}, {"Ó", 'o'}, {"Ś", 's'}, {"Ź", 'z'}, {"Ż", 'z'}};
  std::string slug;
  for (size_t i = 0; i < name.size(); ++i) {
    char c = name[i];
    if (const auto bare = kBare.find(name.substr(i, 2)); bare != kBare.end()) {
      c = bare->second;
      ++i;
    }
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 32);
    const bool kept = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (!kept && (slug.empty() || slug.back() == '-')) continue;
    slug += kept ? c : '-';
  }
  slug = slug.substr(0, 64);
  while (!slug.empty() && slug.back() == '-') slug.pop_back();
  return slug;
}

/// One line that a definition takes.
std::string Clean(std::string_view text) {
  std::string line(text);
  std::ranges::replace_if(
      line, [](char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7f; }, ' ');
  return documents::Plain(base::Trim(line));
}

/// Texts in all languages.
class Texts {
 public:
  explicit Texts(const std::vector<std::string>& languages) : languages_(languages) {}
  Json Of(std::string_view first) const {
    Json texts;
    for (const std::string& language : languages_) texts[language] = "PUT-TEXT-HERE";
    texts[languages_.front()] = first;
    return texts;
  }
  Json Placeholder(std::string_view name) const {
    Json texts;
    for (const std::string& language : languages_) texts[language] = Cat("PUT-", name, "-HERE");
    return texts;
  }

 private:
  const std::vector<std::string>& languages_;
};

/// Makes the contest of one file.
class PoolImport {
 public:
  PoolImport(const PoolFile& file, const Texts& texts, std::vector<std::string>* notes)
      : f_(file), texts_(texts), notes_(*notes) {
    decimals_ = std::max(kLeastDecimals, file.election.profile.decimals);
  }

  absl::StatusOr<Json> Contest(const std::string& id, const std::string& title) {
    Json contest;
    contest["id"] = id;
    contest["title"] = texts_.Of(title);
    contest["question"] = texts_.Placeholder("QUESTION");
    URNA_ASSIGN_OR_RETURN(contest["options"], Options());
    URNA_RETURN_IF_ERROR(Ballot(&contest));
    URNA_ASSIGN_OR_RETURN(contest["decision"], Decision());
    return contest;
  }

 private:
  const counting::Profile& profile() const { return f_.election.profile; }

  const counting::PabulibCell* ProjectCell(size_t project, std::string_view column) const {
    const counting::PabulibTable& table = f_.file.projects;
    for (size_t c = 0; c < table.columns.size(); ++c) {
      if (table.columns[c].text == column) return &table.rows[project][c];
    }
    return nullptr;
  }

  /// "city.pb: line 12, column 3: project 7".
  std::string At(size_t project, std::string_view column) const {
    const counting::PabulibCell* cell = ProjectCell(project, column);
    return Cat(f_.name, ": line ", cell->line, ", column ", cell->column, ": project ",
               profile().projects[project].id);
  }

  std::optional<uint64_t> Meta(std::string_view key) const {
    uint64_t digits = 0;
    uint32_t decimals = 0;
    if (!counting::ParseAmount(f_.file.Meta(key), &digits, &decimals) || decimals > 0) {
      return std::nullopt;
    }
    return digits;
  }

  /// In the definition's minor units; 0 if it is too much for it.
  uint64_t Scaled(uint64_t amount) const {
    for (uint32_t d = profile().decimals; d < decimals_; ++d) {
      if (amount > kMaxInteger / 10) return 0;
      amount *= 10;
    }
    return amount <= kMaxInteger ? amount : 0;
  }

  absl::StatusOr<Json> Options() {
    Json options = Json::array();
    std::set<std::string> used;
    if (Scaled(profile().budget) == 0) {
      return Invalid(f_.name, "the budget is 0, or more than a definition can hold");
    }
    for (size_t p = 0; p < profile().projects.size(); ++p) {
      const counting::BudgetProject& project = profile().projects[p];
      if (project.withdrawn) {
        notes_.push_back(Cat(f_.name, ": project ", project.id, " was withdrawn and is left out"));
        ids_.emplace_back();
        continue;
      }
      if (project.cost == 0) return Invalid(At(p, "cost"), "has no cost");
      if (project.cost > profile().budget) {
        return Invalid(
            At(p, "cost"),
            Cat("costs ", counting::FormatAmount(project.cost, profile().decimals),
                ", more than the ", counting::FormatAmount(profile().budget, profile().decimals),
                " of the whole pool"));
      }
      if (project.id.size() > 64 || project.id.find_first_of(",:") != std::string::npos) {
        return Invalid(At(p, "project_id"),
                       "its id has more than 64 bytes, or commas or colons, which voters type "
                       "between projects");
      }
      std::string id = Slug(project.id);
      if (id.empty()) id = "project";
      // A number that is no other project's, so that either names one project.
      const std::string stem = id.substr(0, 56);
      for (size_t n = 2; used.contains(id) || IsOthersNumber(id, p); ++n) id = Cat(stem, "-", n);
      used.insert(id);
      ids_.push_back(id);
      Json option;
      option["id"] = id;
      const std::string name = Clean(project.name);
      option["text"] = texts_.Of(name.empty() ? project.id : name);
      Json& detail = option["project"];
      detail["number"] = project.id;
      detail["cost"] = Scaled(project.cost);
      const auto copy = [&](std::string_view column, std::string_view field) {
        const counting::PabulibCell* cell = ProjectCell(p, column);
        if (cell == nullptr || Clean(cell->text).empty()) return;
        detail[field] = texts_.Of(Clean(cell->text));
      };
      copy("description", "description");
      copy("category", "category");
      copy("neighborhood", "place");
      options.push_back(std::move(option));
    }
    if (options.empty() || options.size() > kMaxOptions) {
      return Invalid(f_.name,
                     Cat("has ", options.size(), " projects; a contest has 1 to ", kMaxOptions));
    }
    return options;
  }

  bool IsOthersNumber(const std::string& id, size_t own) const {
    for (size_t p = 0; p < profile().projects.size(); ++p) {
      if (p != own && profile().projects[p].id == id) return true;
    }
    return false;
  }

  uint64_t OptionCount() const {
    return static_cast<uint64_t>(
        std::ranges::count_if(ids_, [](const std::string& id) { return !id.empty(); }));
  }

  static bool AsksVotes(counting::Key key) {
    return key == counting::Key::kVotes || key == counting::Key::kVotesPerCost;
  }

  /// Whether sums of points are enough for the rule. `one_point`: they are votes, too.
  bool SumsSuffice(bool one_point) const {
    const counting::BudgetRule& rule = f_.rule;
    const auto* greedy = std::get_if<counting::Greedy>(&rule.method);
    if (greedy == nullptr) return false;
    if (one_point) return true;
    return !AsksVotes(greedy->key) &&
           !(rule.threshold.has_value() && AsksVotes(rule.threshold->of)) &&
           std::ranges::none_of(rule.ties, [](counting::TieStep step) {
             return step == counting::TieStep::kMoreVotes ||
                    step == counting::TieStep::kMoreTopMarks;
           });
  }

  /// `ballot` and `tally`.
  absl::Status Ballot(Json* contest) {
    const counting::VoteType type = f_.election.type;
    const uint64_t n = OptionCount();
    const uint64_t longest = LongestBallot();
    const uint64_t max = type == counting::VoteType::kChooseOne
                             ? 1
                             : std::min(n, Meta("max_length").value_or(longest));
    const uint64_t min = std::min(max, Meta("min_length").value_or(0));
    Json ballot;
    std::string tally = "homomorphic";
    const bool marks = type == counting::VoteType::kApproval ||
                       type == counting::VoteType::kChooseOne ||
                       type == counting::VoteType::kOrdinal;
    if (marks && !Meta("max_length").has_value() && type != counting::VoteType::kChooseOne) {
      notes_.push_back(Cat(f_.name, ": META has no max_length; the longest ballot has ", longest));
    }
    const bool ranked = type == counting::VoteType::kOrdinal;
    const bool whole_ranking = ranked && min == max && max >= 1 && max <= kMaxRanks;
    const std::string limit(f_.file.Meta("max_sum_cost"));
    const bool sums = limit.empty() && SumsSuffice(!ranked) && (!ranked || whole_ranking);
    if (marks && sums) {
      if (ranked) {
        ballot = {{"rule", "points"}, {"k", max}};
      } else {
        ballot = {{"rule", "choose"}, {"min", min}, {"max", std::max<uint64_t>(max, 1)}};
      }
    } else if (marks) {
      tally = "mixed";
      ballot = {{"rule", "picks"},
                {"min", min},
                {"max", std::max<uint64_t>(max, 1)},
                {"marks", ranked ? "ranked" : "approval"}};
      if (!limit.empty()) {
        uint64_t amount = 0;
        uint32_t decimals = 0;
        if (!counting::ParseAmount(limit, &amount, &decimals) || decimals > decimals_) {
          return Invalid(f_.name, Cat("META: max_sum_cost ", limit, " is no amount"));
        }
        for (; decimals < decimals_ && amount <= kMaxInteger / 10; ++decimals) amount *= 10;
        if (decimals < decimals_) return Invalid(f_.name, "META: max_sum_cost is too much");
        ballot["cost_limit"] = amount;
      }
    } else {
      const std::optional<uint64_t> total = Meta("max_sum_points");
      const uint64_t most = Meta("max_points").value_or(total.value_or(0));
      if (most < 1 || most > 255 || !SumsSuffice(most == 1)) {
        return Invalid(f_.name,
                       Cat("vote_type ", counting::VoteTypeName(type),
                           ": ballots with free points are added up encrypted: META must say "
                           "max_sum_points or max_points, 1 to 255, and the rule cannot ask for "
                           "more than points"));
      }
      ballot = {{"rule", "score"}, {"max", most}};
      if (total.has_value()) {
        ballot["total"] = {{"min", Meta("min_sum_points").value_or(0)}, {"max", *total}};
      }
    }
    (*contest)["ballot"] = std::move(ballot);
    (*contest)["tally"] = tally;
    return absl::OkStatus();
  }

  uint64_t LongestBallot() const {
    size_t longest = 1;
    for (size_t i = 0; i < profile().ballots(); ++i) {
      longest = std::max(longest, profile().ballot(i).size());
    }
    return longest;
  }

  static Json Greedy(const counting::Greedy& greedy) {
    Json json;
    json["by"] = counting::KeyName(greedy.key);
    json["misfit"] = greedy.continuation.has_value()            ? "reserve"
                     : greedy.misfit == counting::Misfit::kSkip ? "skip"
                                                                : "stop";
    if (greedy.continuation.has_value()) {
      json["reserve"] = {{"numerator", greedy.continuation->numerator},
                         {"denominator", greedy.continuation->denominator}};
    }
    return json;
  }

  Json Method() const {
    Json json;
    if (const auto* greedy = std::get_if<counting::Greedy>(&f_.rule.method)) {
      json["rule"] = "greedy";
      json.update(Greedy(*greedy));
      return json;
    }
    const auto& shares = std::get<counting::EqualShares>(f_.rule.method);
    json["rule"] = "equal-shares";
    json["utility"] = shares.utility == counting::Utility::kCost ? "cost" : "points";
    json["start"] = shares.start == counting::Start::kExact   ? "exact"
                    : shares.start == counting::Start::kWhole ? "whole"
                                                              : "exact-then-whole";
    json["completion"] = shares.completion == counting::Completion::kNone   ? "none"
                         : shares.completion == counting::Completion::kAdd1 ? "add1"
                                                                            : "add1e";
    if (shares.completion != counting::Completion::kNone) json["step"] = Scaled(shares.step);
    json["then_greedy"] = shares.then_greedy;
    json["compare"] = shares.comparison;
    if (shares.then_greedy || shares.comparison) json["greedy"] = Greedy(shares.greedy);
    return json;
  }

  absl::StatusOr<Json> Decision() const {
    Json json;
    json["rule"] = "budget";
    json["amount"] = Scaled(profile().budget);
    const std::string currency = Clean(f_.file.Meta("currency"));
    json["currency"] = currency.empty() ? "PUT-CURRENCY-HERE" : currency;
    json["decimals"] = decimals_;
    json["method"] = Method();
    json["threshold"] = {{"rule", "none"}};
    if (const auto& threshold = f_.rule.threshold; threshold.has_value()) {
      json["threshold"] = {{"rule", threshold->of_ballots ? "share" : "number"},
                           {"of", counting::KeyName(threshold->of)}};
      if (threshold->of_ballots) {
        json["threshold"]["numerator"] = threshold->at_least.numerator;
        json["threshold"]["denominator"] = threshold->at_least.denominator;
      } else {
        json["threshold"]["at_least"] = threshold->at_least.numerator;
      }
    }
    json["exclusive"] = Json::array();
    for (const std::vector<uint32_t>& group : f_.rule.exclusions) {
      Json ids = Json::array();
      for (const uint32_t p : group) {
        if (!ids_[p].empty()) ids.push_back(ids_[p]);
      }
      if (ids.size() >= 2) json["exclusive"].push_back(std::move(ids));
    }
    json["ties"] = Json::array();
    for (const counting::TieStep step : f_.rule.ties) {
      json["ties"].push_back(counting::TieStepName(step));
    }
    constexpr counting::TieStep kLast[] = {counting::TieStep::kLowerNumber,
                                           counting::TieStep::kHigherNumber, counting::TieStep::kId,
                                           counting::TieStep::kLot};
    if (f_.rule.ties.empty() || std::ranges::find(kLast, f_.rule.ties.back()) == std::end(kLast)) {
      return Invalid("--ties",
                     "a poll must have an outcome: the last step must be lower-number, "
                     "higher-number, id or lot");
    }
    return json;
  }

  const PoolFile& f_;
  const Texts& texts_;
  std::vector<std::string>& notes_;
  uint32_t decimals_ = 0;
  std::vector<std::string> ids_;  ///< of options, by project; "" if it was left out
};

/// `json` as a member of the definition's object, with what explains it before it.
std::string Member(std::string_view comment, std::string_view name, const Json& json) {
  std::string out;
  for (const std::string_view line : base::Split(comment, '\n')) out += Cat("  // ", line, "\n");
  const std::string text = json.dump(2);
  out += Cat("  \"", name, "\": ");
  for (const char c : text) {
    out += c;
    if (c == '\n') out += "  ";
  }
  return out + ",\n\n";
}

}  // namespace

absl::StatusOr<ImportedBudget> ImportBudget(const std::vector<PoolFile>& files,
                                            const std::vector<std::string>& languages) {
  ImportedBudget imported;
  const Texts texts(languages);
  // Pools of the whole unit come first on every ballot.
  std::vector<const PoolFile*> order;
  for (const PoolFile& file : files) order.push_back(&file);
  const auto whole = [](const PoolFile* file) { return file->file.Meta("subunit").empty(); };
  std::ranges::stable_partition(order, whole);
  Json contests = Json::array();
  Json common = Json::array();  // ids of the pools of the whole unit
  Json styles = Json::array();
  std::map<std::string, std::string> owners;  // contest id -> file
  for (const PoolFile* file : order) {
    const bool is_whole = whole(file);
    std::string name = Clean(file->file.Meta(is_whole ? "unit" : "subunit"));
    if (name.empty()) name = "Budget";
    std::string id = Slug(name);
    if (id.empty()) id = Cat("pool-", contests.size() + 1);
    const auto [owner, fresh] = owners.emplace(id, file->name);
    if (!fresh) {
      return Invalid(file->name, Cat("is of the pool \"", name, "\", as ", owner->second, " is"));
    }
    PoolImport pool(*file, texts, &imported.notes);
    URNA_ASSIGN_OR_RETURN(Json contest, pool.Contest(id, name));
    contests.push_back(std::move(contest));
    if (is_whole) {
      common.push_back(id);
      continue;
    }
    Json style;
    style["id"] = id;
    style["title"] = texts.Of(name);
    style["contests"] = common;
    style["contests"].push_back(id);
    styles.push_back(std::move(style));
  }
  if (styles.empty()) {
    Json style;
    style["id"] = contests[0]["id"];
    style["title"] = contests[0]["title"];
    style["contests"] = common;
    styles.push_back(std::move(style));
  }
  Json empty;
  for (const std::string& language : languages) empty[language] = "";
  imported.definition = poll::TemplateAround(
      languages,
      Cat(Member("Of the whole poll.", "title", texts.Placeholder("TITLE")),
          Member("What residents read first; may be empty, \"\".", "description", empty),
          Member("Each contest is one pool of money, each option a project. Costs are in the "
                 "smallest unit of the\ncurrency. docs/budget-rules.md defines every word of "
                 "\"decision\"; nothing is implied.",
                 "contests", contests),
          Member("Ballot styles: the pools in which a resident votes. The roll names the style of "
                 "each resident.",
                 "styles", styles),
          Member("A participatory budget needs no turnout.", "quorum", {{"rule", "none"}})));
  return imported;
}

}  // namespace urna::client
