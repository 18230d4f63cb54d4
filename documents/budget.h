#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "documents/page.h"
#include "documents/words.h"
#include "poll/budget.h"

namespace urna::documents {

/// A counted participatory budget, in words and for programs. Projects are called by their numbers.

/// "1,331,751.11 PLN" in English, "1 331 751,11 PLN" in Polish and Ukrainian.
std::string Money(Language language, uint64_t amount, uint32_t decimals,
                  std::string_view currency = "");

/// The whole rule, one sentence a line, without full stops.
std::vector<std::string> BudgetRule(Language language, const poll::counting::BudgetRule& rule,
                                    const poll::counting::Profile& profile);

/// Why it was so decided: "FUNDED: costs 40.00 of the 40.50 left; before d, tied with it, by lot".
std::string DecisionText(Language language, const poll::BudgetCount& count,
                         const poll::counting::Decision& decision);

/// What the runs of Equal Shares came to, and the comparison: sentences; none of a greedy count.
std::vector<std::string> SharesText(Language language, const poll::BudgetCount& count);

/// "decided: 2 projects are funded, for 100.00 PLN; 0.50 PLN is left".
std::string FundingText(Language language, const poll::BudgetCount& count,
                        std::string_view currency);

/// The same for programs: rule, ranking, decisions, funded, cost, left, reserve, and of Equal
/// Shares what their runs came to. Amounts are texts with all decimals.
nlohmann::ordered_json BudgetJson(const poll::BudgetCount& count);

/// What the definition says of a project: number, cost, and the texts that it has.
nlohmann::ordered_json ProjectJson(const poll::Project& project, uint32_t decimals);

/// The blocks of a page about a counted budget contest, after its numbers of cards: sums, funded
/// projects, ranking with a chart, decisions, rule.
std::vector<Block> BudgetBlocks(const Voice& voice, const poll::Contest& contest,
                                const poll::ContestResult& result);

}  // namespace urna::documents
