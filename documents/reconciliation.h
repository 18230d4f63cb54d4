#pragma once

#include <nlohmann/json.hpp>

#include "documents/page.h"
#include "documents/words.h"
#include "poll/definition.h"
#include "poll/reconciliation.h"

namespace urna::documents {

/// One row for each style, and the total; of a single style one row for each number.
Table ReconciliationTable(const Voice& voice, const poll::Definition& definition,
                          const poll::PublicReconciliation& numbers);
/// Whether some number is hidden, so that a reader needs the legend.
bool HidesAny(const poll::PublicReconciliation& numbers);
/// The legend of what is hidden.
std::string HiddenLegend(Language language, const poll::PublicReconciliation& numbers);
/// {"threshold", "total": {column: number}, "styles": [{"id", column: number, "<10" or null}]}.
nlohmann::ordered_json ReconciliationJson(const poll::Definition& definition,
                                          const poll::PublicReconciliation& numbers);

}  // namespace urna::documents
