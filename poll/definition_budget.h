#pragma once

#include <string>
#include <vector>

#include "poll/definition.h"
#include "poll/definition_json.h"

namespace urna::poll {

/// The parts of a definition that participatory budgets have. Faults go to the values.

/// The number of the option that `value` names by its id.
uint32_t ReadOptionName(const Value& value, const std::vector<Option>& options);

Project ReadProject(const Value& value, const std::vector<std::string>& languages);

/// `contest` has its options, ballot rule and tally. A rule that asks for more than they give
/// fails.
Budget ReadBudget(const Value& value, const Contest& contest);

/// Options have projects exactly in a budget, with numbers that name one each and costs that its
/// pool could pay. `options`: of `contest`, which is complete.
void CheckProjects(const std::vector<Value>& options, const Contest& contest);

}  // namespace urna::poll
