#include "documents/budget.h"

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>
#include <variant>

#include "base/text.h"
#include "documents/phrases.h"

namespace urna::documents {
namespace {

using base::Cat;
using nlohmann::ordered_json;
using poll::BudgetCount;
namespace counting = poll::counting;

template <typename T>
using Names = std::vector<std::pair<T, std::string_view>>;

template <typename T>
std::string_view NameIn(const Names<T>& names, T value) {
  return std::ranges::find(names, value, &std::pair<T, std::string_view>::first)->second;
}

const Names<counting::Reason> kReasons = {
    {counting::Reason::kFits, "fits"},
    {counting::Reason::kShares, "shares"},
    {counting::Reason::kReserve, "reserve"},
    {counting::Reason::kDoesNotFit, "does-not-fit"},
    {counting::Reason::kAfterStop, "after-stop"},
    {counting::Reason::kSupportersTooPoor, "supporters-too-poor"},
    {counting::Reason::kWithoutCost, "without-cost"},
    {counting::Reason::kExcluded, "excluded"},
    {counting::Reason::kBelowThreshold, "below-threshold"},
    {counting::Reason::kNoSupport, "no-support"},
    {counting::Reason::kWithdrawn, "withdrawn"}};
const Names<counting::SharesEnd> kEnds = {{counting::SharesEnd::kOneRun, "one-run"},
                                          {counting::SharesEnd::kOverBudget, "over-budget"},
                                          {counting::SharesEnd::kExhaustive, "exhaustive"},
                                          {counting::SharesEnd::kAllFunded, "all-funded"}};
const Names<counting::Utility> kUtilities = {{counting::Utility::kCost, "cost"},
                                             {counting::Utility::kPoints, "points"}};
const Names<counting::Start> kStarts = {{counting::Start::kExactThenWhole, "exact-then-whole"},
                                        {counting::Start::kExact, "exact"},
                                        {counting::Start::kWhole, "whole"}};
const Names<counting::Completion> kCompletions = {{counting::Completion::kNone, "none"},
                                                  {counting::Completion::kAdd1, "add1"},
                                                  {counting::Completion::kAdd1Exhaustive, "add1e"}};

/// "1234567.89" as people of this language write it.
std::string Localized(Language language, std::string_view amount) {
  const size_t point = amount.find('.');
  const std::string_view whole = amount.substr(0, point);
  uint64_t number = 0;
  // A fraction of Equal Shares can be longer than any amount; then it stays as it is.
  if (!base::ParseU64(whole, &number)) return std::string(amount);
  std::string text = Number(language, number);
  if (point != std::string_view::npos) {
    text += Cat(language == Language::kEnglish ? "." : ",", amount.substr(point + 1));
  }
  return text;
}

/// Minor units as an amount, rounded.
std::string Rounded(const mpq_class& amount, const counting::Profile& profile) {
  return counting::FormatRational(amount / profile.Unit(), std::max(2u, profile.decimals));
}

std::string IdsOf(const counting::Profile& profile, const std::vector<uint32_t>& projects) {
  std::string text;
  for (const uint32_t p : projects) {
    text += Cat(text.empty() ? "" : ", ", profile.projects[p].id);
  }
  return text;
}

Phrase TiePhrase(counting::TieStep step) {
  switch (step) {
    case counting::TieStep::kLowerCost:
      return Phrase::kTieLowerCost;
    case counting::TieStep::kMoreVotes:
      return Phrase::kTieMoreVotes;
    case counting::TieStep::kMoreTopMarks:
      return Phrase::kTieTopMarks;
    case counting::TieStep::kLowerNumber:
      return Phrase::kTieLowerNumber;
    case counting::TieStep::kHigherNumber:
      return Phrase::kTieHigherNumber;
    case counting::TieStep::kId:
      return Phrase::kTieId;
    case counting::TieStep::kLot:
      break;
  }
  return Phrase::kTieLot;
}

Phrase KeyPhrase(counting::Key key) {
  switch (key) {
    case counting::Key::kPoints:
      return Phrase::kByPoints;
    case counting::Key::kVotes:
      return Phrase::kByVotes;
    case counting::Key::kPointsPerCost:
      return Phrase::kByPointsPerCost;
    case counting::Key::kVotesPerCost:
      break;
  }
  return Phrase::kByVotesPerCost;
}

std::string RatioText(Language language, const counting::Ratio& ratio) {
  return ratio.denominator == 1 ? Number(language, ratio.numerator)
                                : Cat(ratio.numerator, "/", ratio.denominator);
}

void GreedyRule(Language language, const counting::Greedy& greedy, Phrase who,
                std::vector<std::string>* lines) {
  lines->push_back(Say(language, who, {Say(language, KeyPhrase(greedy.key))}));
  if (greedy.misfit == counting::Misfit::kSkip) {
    lines->push_back(Say(language, Phrase::kRuleSkip));
    return;
  }
  lines->push_back(Say(language, Phrase::kRuleStop));
  if (greedy.continuation.has_value()) {
    lines->push_back(
        Say(language, Phrase::kRuleReserve, {RatioText(language, *greedy.continuation)}));
  }
}

void SharesRule(Language language, const counting::EqualShares& shares, uint32_t decimals,
                std::vector<std::string>* lines) {
  lines->push_back(Say(language, shares.utility == counting::Utility::kCost
                                     ? Phrase::kRuleSharesCost
                                     : Phrase::kRuleSharesPoints));
  lines->push_back(Say(language, shares.start == counting::Start::kExactThenWhole
                                     ? Phrase::kRuleExactThenWhole
                                 : shares.start == counting::Start::kExact ? Phrase::kRuleExact
                                                                           : Phrase::kRuleWhole));
  if (shares.completion == counting::Completion::kNone) {
    lines->push_back(Say(language, Phrase::kRuleOneRun));
  } else {
    lines->push_back(Say(
        language,
        shares.completion == counting::Completion::kAdd1 ? Phrase::kRuleAdd1 : Phrase::kRuleAdd1e,
        {Money(language, shares.step, decimals)}));
  }
  if (shares.then_greedy) GreedyRule(language, shares.greedy, Phrase::kRuleThenGreedy, lines);
  if (shares.comparison) {
    GreedyRule(language, shares.greedy, Phrase::kRuleCompareGreedy, lines);
    lines->push_back(Say(language, Phrase::kRuleComparison));
  }
}

std::string TieNote(Language language, const BudgetCount& count,
                    const counting::Decision& decision) {
  if (decision.tied.empty()) return "";
  const std::string tied = IdsOf(count.profile, decision.tied);
  if (!decision.tie.has_value()) return Say(language, Phrase::kTieUnimportant, {tied});
  return Say(language, Phrase::kTieDecided, {tied, Say(language, TiePhrase(*decision.tie))});
}

std::string ReasonText(Language language, const BudgetCount& count, const counting::Decision& d) {
  const counting::Profile& profile = count.profile;
  const auto money = [&](uint64_t amount) { return Money(language, amount, profile.decimals); };
  const auto rounded = [&] { return Localized(language, Rounded(d.money, profile)); };
  const uint64_t cost = profile.projects[d.project].cost;
  const auto because = [&] { return profile.projects[*d.because].id; };
  switch (d.reason) {
    case counting::Reason::kFits:
      return Say(language, Phrase::kReasonFits, {money(cost), money(d.left)});
    case counting::Reason::kShares: {
      std::string text = Say(language, Phrase::kReasonShares,
                             {money(cost), Number(language, d.payers), rounded()});
      if (d.paid_all == 0) return text;
      return Say(language, Phrase::kReasonSharesAll,
                 {std::move(text), Number(language, d.paid_all)});
    }
    case counting::Reason::kReserve:
      return Say(language, Phrase::kReasonReserve,
                 {money(cost), money(d.left), money(cost - d.left)});
    case counting::Reason::kDoesNotFit:
      return Say(language, Phrase::kReasonDoesNotFit, {money(cost), money(d.left)});
    case counting::Reason::kAfterStop:
      return Say(language, Phrase::kReasonAfterStop, {because()});
    case counting::Reason::kSupportersTooPoor:
      return Say(language, Phrase::kReasonTooPoor, {money(cost), rounded()});
    case counting::Reason::kWithoutCost:
      return Say(language, Phrase::kReasonWithoutCost);
    case counting::Reason::kExcluded:
      return Say(language, Phrase::kReasonExcluded, {because()});
    case counting::Reason::kBelowThreshold:
      return Say(language, Phrase::kReasonBelowThreshold);
    case counting::Reason::kNoSupport:
      return Say(language, Phrase::kReasonNoSupport);
    case counting::Reason::kWithdrawn:
      return Say(language, Phrase::kReasonWithdrawn);
  }
  return "";
}

std::string EndText(Language language, const BudgetCount& count) {
  const counting::SharesReport& report = *count.outcome.shares;
  switch (report.end) {
    case counting::SharesEnd::kOneRun:
      return Say(language, Phrase::kEndOneRun);
    case counting::SharesEnd::kOverBudget:
      return Say(language, Phrase::kEndOverBudget,
                 {Money(language, *report.next_cost, count.profile.decimals)});
    case counting::SharesEnd::kExhaustive:
      return Say(language, Phrase::kEndExhaustive);
    case counting::SharesEnd::kAllFunded:
      return Say(language, Phrase::kEndAllFunded);
  }
  return "";
}

// --- For programs ---

ordered_json IdsJson(const counting::Profile& profile, const std::vector<uint32_t>& projects) {
  ordered_json ids = ordered_json::array();
  for (const uint32_t p : projects) ids.push_back(profile.projects[p].id);
  return ids;
}

ordered_json RatioJson(const counting::Ratio& ratio) {
  return {{"numerator", ratio.numerator}, {"denominator", ratio.denominator}};
}

ordered_json GreedyJson(const counting::Greedy& greedy) {
  return {{"by", counting::KeyName(greedy.key)},
          {"misfit", greedy.misfit == counting::Misfit::kSkip ? "skip" : "stop"},
          {"reserve_from", greedy.continuation.has_value() ? RatioJson(*greedy.continuation)
                                                           : ordered_json(nullptr)}};
}

ordered_json RuleJson(const BudgetCount& count) {
  ordered_json json;
  if (const auto* greedy = std::get_if<counting::Greedy>(&count.rule.method)) {
    json["method"] = "greedy";
    json["greedy"] = GreedyJson(*greedy);
  } else {
    const auto& shares = std::get<counting::EqualShares>(count.rule.method);
    json["method"] = "equal-shares";
    json["utility"] = NameIn(kUtilities, shares.utility);
    json["start"] = NameIn(kStarts, shares.start);
    json["step"] = counting::FormatAmount(shares.step, count.profile.decimals);
    json["completion"] = NameIn(kCompletions, shares.completion);
    json["then_greedy"] = shares.then_greedy;
    json["compare"] = shares.comparison;
    if (shares.then_greedy || shares.comparison) json["greedy"] = GreedyJson(shares.greedy);
  }
  json["threshold"] = nullptr;
  if (const auto& threshold = count.rule.threshold; threshold.has_value()) {
    json["threshold"] = {{"of", counting::KeyName(threshold->of)},
                         {"at_least", RatioJson(threshold->at_least)},
                         {"of_ballots", threshold->of_ballots}};
  }
  json["exclusive"] = ordered_json::array();
  for (const auto& group : count.rule.exclusions) {
    json["exclusive"].push_back(IdsJson(count.profile, group));
  }
  json["ties"] = ordered_json::array();
  for (const counting::TieStep step : count.rule.ties) {
    json["ties"].push_back(counting::TieStepName(step));
  }
  json["lot"] = IdsJson(count.profile, count.rule.lot);
  return json;
}

ordered_json DecisionJson(const BudgetCount& count, const counting::Decision& d) {
  const counting::Profile& profile = count.profile;
  ordered_json json;
  json["project"] = profile.projects[d.project].id;
  json["funded"] = counting::IsFunded(d.reason);
  json["reason"] = NameIn(kReasons, d.reason);
  json["left"] = counting::FormatAmount(d.left, profile.decimals);
  if (d.because.has_value()) json["because"] = profile.projects[*d.because].id;
  if (!d.tied.empty()) {
    json["tied"] = IdsJson(profile, d.tied);
    json["tie"] =
        d.tie.has_value() ? ordered_json(counting::TieStepName(*d.tie)) : ordered_json(nullptr);
  }
  if (d.reason == counting::Reason::kShares) {
    // Exactly, in minor units, and as people read it.
    json["price"] = d.money.get_str();
    json["price_rounded"] = Rounded(d.money, profile);
    json["payers"] = d.payers;
    json["paid_all"] = d.paid_all;
  }
  if (d.reason == counting::Reason::kSupportersTooPoor) {
    json["supporters_left"] = d.money.get_str();
    json["supporters_left_rounded"] = Rounded(d.money, profile);
  }
  return json;
}

ordered_json SharesJson(const BudgetCount& count) {
  const counting::SharesReport& report = *count.outcome.shares;
  ordered_json json;
  json["steps"] = report.steps;
  json["per_voter"] = report.per_voter.get_str();
  json["per_voter_rounded"] = Rounded(report.per_voter, count.profile);
  json["end"] = NameIn(kEnds, report.end);
  if (report.next_cost.has_value()) {
    json["next_cost"] = counting::FormatAmount(*report.next_cost, count.profile.decimals);
  }
  if (report.comparison.has_value()) {
    const auto& comparison = *report.comparison;
    json["comparison"] = {{"prefer_shares", comparison.prefer_shares},
                          {"prefer_greedy", comparison.prefer_greedy},
                          {"indifferent", comparison.indifferent},
                          {"shares", IdsJson(count.profile, comparison.shares)},
                          {"greedy", IdsJson(count.profile, comparison.greedy)}};
  }
  return json;
}

// --- Pages ---

/// Makes the blocks about one budget contest.
class BlockMaker {
 public:
  BlockMaker(const Voice& voice, const poll::Contest& contest, const poll::ContestResult& result)
      : voice_(voice),
        contest_(contest),
        result_(result),
        count_(*result.budget),
        funded_(contest.options.size(), false) {
    for (const uint32_t p : count_.outcome.funded) funded_[p] = true;
  }

  std::vector<Block> Make() const {
    std::vector<Block> blocks;
    blocks.emplace_back(Sums());
    const auto heading = [&](Phrase phrase) {
      blocks.emplace_back(Paragraph{Paragraph::Kind::kHeading, Words(phrase)});
    };
    if (!count_.outcome.funded.empty()) {
      heading(Phrase::kFundedProjects);
      blocks.emplace_back(Funded());
    }
    heading(Phrase::kRanking);
    blocks.emplace_back(Bars());
    blocks.emplace_back(Ranking());
    heading(Phrase::kDecisions);
    for (std::string& text : SharesText(voice_.words, count_)) {
      blocks.emplace_back(Paragraph{Paragraph::Kind::kPlain, std::move(text)});
    }
    blocks.emplace_back(Decisions());
    heading(Phrase::kBudgetRule);
    for (const std::string& line : BudgetRule(voice_.words, count_.rule, count_.profile)) {
      blocks.emplace_back(Paragraph{Paragraph::Kind::kPlain, Cat(line, ".")});
    }
    return blocks;
  }

 private:
  std::string Words(Phrase phrase) const { return Say(voice_.words, phrase); }
  std::string Amount(uint64_t amount) const {
    return Money(voice_.words, amount, count_.profile.decimals);
  }
  const std::string& NumberOf(uint32_t p) const { return count_.profile.projects[p].id; }
  std::string Name(uint32_t p) const { return voice_.Of(contest_.options[p].text); }
  uint64_t Cost(uint32_t p) const { return count_.profile.projects[p].cost; }
  /// What the marks are called: votes where each is one point.
  Phrase Marks() const {
    return poll::LargestMark(contest_) == 1 ? Phrase::kVotes : Phrase::kPoints;
  }

  Pairs Sums() const {
    const std::string& currency = std::get<poll::Budget>(contest_.decision).currency;
    const auto money = [&](uint64_t amount) {
      return Money(voice_.words, amount, count_.profile.decimals, currency);
    };
    Pairs pairs;
    pairs.rows = {{Words(Phrase::kPool), money(count_.profile.budget)},
                  {Words(Phrase::kFundedLabel), Number(voice_.words, count_.outcome.funded.size())},
                  {Words(Phrase::kFundedCost), money(count_.outcome.cost)},
                  {Words(Phrase::kBudgetLeft), money(count_.outcome.left)}};
    if (count_.outcome.reserve > 0) {
      pairs.rows.emplace_back(Words(Phrase::kBudgetReserve), money(count_.outcome.reserve));
    }
    return pairs;
  }

  Table Funded() const {
    Table table;
    table.caption = Words(Phrase::kFundedProjects);
    table.columns = {{.head = Words(Phrase::kProjectNumber)},
                     {.head = Words(Phrase::kProject), .poll_text = true},
                     {.head = Words(Phrase::kCost), .number = true}};
    for (const uint32_t p : count_.outcome.funded) {
      table.rows.push_back({NumberOf(p), Name(p), Amount(Cost(p))});
    }
    table.rows.push_back({"", Words(Phrase::kTotal), Amount(count_.outcome.cost)});
    table.last_is_total = true;
    return table;
  }

  Chart Bars() const {
    Chart chart;
    chart.caption = Cat(Words(Marks()), ". ", Words(Phrase::kChartLegend));
    for (const counting::Ranked& ranked : count_.outcome.ranking) {
      const uint32_t p = ranked.project;
      chart.bars.push_back({.label = Cat(NumberOf(p), "  ", Name(p)),
                            .value = count_.sums.points[p],
                            .text = Number(voice_.words, count_.sums.points[p]),
                            .filled = funded_[p]});
    }
    return chart;
  }

  Table Ranking() const {
    Table table;
    table.caption = Words(Phrase::kRanking);
    table.columns = {{.head = Words(Phrase::kPlace), .number = true},
                     {.head = Words(Phrase::kProjectNumber)},
                     {.head = Words(Phrase::kProject), .poll_text = true},
                     {.head = Words(Phrase::kOnline), .number = true},
                     {.head = Words(Phrase::kPaper), .number = true},
                     {.head = Words(Marks()), .number = true},
                     {.head = Words(Phrase::kCost), .number = true},
                     {.head = Words(Phrase::kOutcome)}};
    for (const counting::Ranked& ranked : count_.outcome.ranking) {
      const uint32_t p = ranked.project;
      table.rows.push_back(
          {Cat(ranked.place, "."), NumberOf(p), Name(p), Number(voice_.words, result_.online[p]),
           Number(voice_.words, result_.paper[p]), Number(voice_.words, count_.sums.points[p]),
           Amount(Cost(p)), Words(funded_[p] ? Phrase::kIsFunded : Phrase::kIsNotFunded)});
    }
    return table;
  }

  Table Decisions() const {
    Table table;
    table.caption = Words(Phrase::kDecisions);
    table.columns = {{.head = Words(Phrase::kLine), .number = true},
                     {.head = Words(Phrase::kProjectNumber)},
                     {.head = Words(Phrase::kOutcome)}};
    for (const counting::Decision& d : count_.outcome.decisions) {
      table.rows.push_back({Cat(table.rows.size() + 1, "."), NumberOf(d.project),
                            DecisionText(voice_.words, count_, d)});
    }
    return table;
  }

  const Voice& voice_;
  const poll::Contest& contest_;
  const poll::ContestResult& result_;
  const BudgetCount& count_;
  std::vector<bool> funded_;
};

}  // namespace

std::string Money(Language language, uint64_t amount, uint32_t decimals,
                  std::string_view currency) {
  const std::string text = Localized(language, counting::FormatAmount(amount, decimals));
  return currency.empty() ? text : Cat(text, "\xc2\xa0", currency);
}

std::vector<std::string> BudgetRule(Language language, const counting::BudgetRule& rule,
                                    const counting::Profile& profile) {
  std::vector<std::string> lines;
  if (const auto* greedy = std::get_if<counting::Greedy>(&rule.method)) {
    GreedyRule(language, *greedy, Phrase::kRuleGreedy, &lines);
  } else {
    SharesRule(language, std::get<counting::EqualShares>(rule.method), profile.decimals, &lines);
  }
  if (!rule.threshold.has_value()) {
    lines.push_back(Say(language, Phrase::kRuleNoThreshold));
  } else {
    lines.push_back(Say(
        language, rule.threshold->of_ballots ? Phrase::kRuleThresholdShare : Phrase::kRuleThreshold,
        {RatioText(language, rule.threshold->at_least),
         Say(language, rule.threshold->of == counting::Key::kVotes ? Phrase::kThresholdVotes
                                                                   : Phrase::kThresholdPoints)}));
  }
  if (rule.exclusions.empty()) lines.push_back(Say(language, Phrase::kRuleNoExclusions));
  for (const std::vector<uint32_t>& group : rule.exclusions) {
    lines.push_back(Say(language, Phrase::kRuleExclusive, {IdsOf(profile, group)}));
  }
  std::string ties;
  for (const counting::TieStep step : rule.ties) {
    const std::string text = Say(language, TiePhrase(step));
    ties = ties.empty() ? text : Say(language, Phrase::kThen, {ties, text});
  }
  lines.push_back(ties.empty() ? Say(language, Phrase::kRuleNoTies)
                               : Say(language, Phrase::kRuleTies, {ties}));
  if (!rule.lot.empty()) {
    lines.push_back(Say(language, Phrase::kRuleLot, {IdsOf(profile, rule.lot)}));
  }
  return lines;
}

std::string DecisionText(Language language, const BudgetCount& count,
                         const counting::Decision& decision) {
  const std::string tie = TieNote(language, count, decision);
  return Cat(ReasonText(language, count, decision), tie.empty() ? "" : "; ", tie);
}

std::vector<std::string> SharesText(Language language, const BudgetCount& count) {
  std::vector<std::string> lines;
  if (!count.outcome.shares.has_value()) return lines;
  const counting::SharesReport& report = *count.outcome.shares;
  lines.push_back(Say(language, Phrase::kSharesRun,
                      {Localized(language, Rounded(report.per_voter, count.profile)),
                       Number(language, report.steps), EndText(language, count)}));
  if (!report.comparison.has_value()) return lines;
  const auto& comparison = *report.comparison;
  const bool greedy = comparison.prefer_greedy > comparison.prefer_shares;
  lines.push_back(
      Say(language, Phrase::kComparison,
          {Number(language, comparison.prefer_shares), Number(language, comparison.prefer_greedy),
           Number(language, comparison.indifferent),
           Say(language, greedy ? Phrase::kGreedyRule : Phrase::kEqualShares)}));
  lines.push_back(Say(language, Phrase::kByEqualShares, {IdsOf(count.profile, comparison.shares)}));
  lines.push_back(Say(language, Phrase::kByGreedy, {IdsOf(count.profile, comparison.greedy)}));
  return lines;
}

std::string FundingText(Language language, const BudgetCount& count, std::string_view currency) {
  const auto money = [&](uint64_t amount) {
    return Money(language, amount, count.profile.decimals, currency);
  };
  return Say(language, Phrase::kVerdictBudget,
             {Number(language, count.outcome.funded.size()), money(count.outcome.cost),
              money(count.outcome.left)});
}

ordered_json BudgetJson(const BudgetCount& count) {
  const counting::Profile& profile = count.profile;
  const auto money = [&](uint64_t amount) {
    return counting::FormatAmount(amount, profile.decimals);
  };
  ordered_json json;
  json["budget"] = money(profile.budget);
  json["rule"] = RuleJson(count);
  json["ranking"] = ordered_json::array();
  for (const counting::Ranked& ranked : count.outcome.ranking) {
    const uint32_t p = ranked.project;
    ordered_json one;
    one["place"] = ranked.place;
    one["project"] = profile.projects[p].id;
    one["name"] = profile.projects[p].name;
    one["points"] = count.sums.points[p];
    one["votes"] =
        count.sums.votes.empty() ? ordered_json(nullptr) : ordered_json(count.sums.votes[p]);
    one["cost"] = money(profile.projects[p].cost);
    json["ranking"].push_back(std::move(one));
  }
  json["decisions"] = ordered_json::array();
  for (const counting::Decision& d : count.outcome.decisions) {
    json["decisions"].push_back(DecisionJson(count, d));
  }
  json["funded"] = IdsJson(profile, count.outcome.funded);
  json["cost"] = money(count.outcome.cost);
  json["left"] = money(count.outcome.left);
  json["reserve"] = money(count.outcome.reserve);
  if (count.outcome.shares.has_value()) json["shares"] = SharesJson(count);
  return json;
}

ordered_json ProjectJson(const poll::Project& project, uint32_t decimals) {
  ordered_json json;
  json["number"] = project.number;
  json["cost"] = counting::FormatAmount(project.cost, decimals);
  if (!project.description.empty()) json["description"] = project.description;
  if (!project.category.empty()) json["category"] = project.category;
  if (!project.place.empty()) json["place"] = project.place;
  return json;
}

std::vector<Block> BudgetBlocks(const Voice& voice, const poll::Contest& contest,
                                const poll::ContestResult& result) {
  return BlockMaker(voice, contest, result).Make();
}

}  // namespace urna::documents
