#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "poll/counting/budget_rule.h"
#include "poll/counting/pabulib.h"

namespace urna::client {

/// A pool of a participatory budget, as a .pb file has it.
struct PoolFile {
  std::string name;  ///< of the file; begins messages
  poll::counting::PabulibFile file;
  poll::counting::PabulibElection election;
  poll::counting::BudgetRule rule;
};

/// What became of the files.
struct ImportedBudget {
  std::string definition;          ///< a template: placeholders are left to fill in
  std::vector<std::string> notes;  ///< what was left out or assumed; sentences without full stop
};

/// Makes a definition with a contest for each file. A file whose META has no `subunit` is a pool of
/// the whole unit, in which every style votes; each other file is a pool of its own style. Ballots
/// are as META says: `vote_type`, `min_length`, `max_length`, `max_sum_points`, `max_sum_cost`. The
/// tally is homomorphic where that shows all that the rule asks for, otherwise mixed. `languages`:
/// the texts of the files are in the first; placeholders stand for the others.
/// Errors: InvalidArgument "NAME: line L, column C: ..." for a project without cost or that costs
/// more than its pool, one that a definition cannot hold, a ballot rule that it cannot say, two
/// pools of one name.
absl::StatusOr<ImportedBudget> ImportBudget(const std::vector<PoolFile>& files,
                                            const std::vector<std::string>& languages);

}  // namespace urna::client
