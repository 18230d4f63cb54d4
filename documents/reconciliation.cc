#include "documents/reconciliation.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/text.h"
#include "documents/phrases.h"

namespace urna::documents {
namespace {

using base::Cat;
using nlohmann::ordered_json;
using poll::PublicCell;
using poll::ReconciledColumn;
using Column = poll::PublicReconciliation::Column;

std::string HeadOf(Language language, const poll::Definition& definition, const Column& column) {
  switch (column.kind) {
    case ReconciledColumn::kRoll:
      return Say(language, Phrase::kColRoll);
    case ReconciledColumn::kRegister:
      return Say(language, Phrase::kColRegister, {definition.issuers[column.issuer].name});
    case ReconciledColumn::kAnswered:
      return Say(language, Phrase::kColAnswered);
    case ReconciledColumn::kCast:
      return Say(language, Phrase::kColCast);
    case ReconciledColumn::kPaper:
      return Say(language, Phrase::kColPaper);
    case ReconciledColumn::kDidNotVote:
      return Say(language, Phrase::kColDidNotVote);
    case ReconciledColumn::kUnused:
      return Say(language, Phrase::kColUnused);
    case ReconciledColumn::kAgain:
      return Say(language, Phrase::kColAgain);
    case ReconciledColumn::kReplacing:
      return Say(language, Phrase::kColReplacing);
    case ReconciledColumn::kReplaced:
      return Say(language, Phrase::kColReplaced);
  }
  return "";
}

std::string NameOf(const Column& column) {
  switch (column.kind) {
    case ReconciledColumn::kRoll:
      return "roll";
    case ReconciledColumn::kRegister:
      return Cat("register_", column.issuer);
    case ReconciledColumn::kAnswered:
      return "answered";
    case ReconciledColumn::kCast:
      return "cast";
    case ReconciledColumn::kPaper:
      return "on_paper";
    case ReconciledColumn::kDidNotVote:
      return "did_not_vote";
    case ReconciledColumn::kUnused:
      return "tokens_unused";
    case ReconciledColumn::kAgain:
      return "voted_again";
    case ReconciledColumn::kReplacing:
      return "ballots_replaced";
    case ReconciledColumn::kReplaced:
      return "credentials_replaced";
  }
  return "";
}

}  // namespace

Table ReconciliationTable(const Voice& voice, const poll::Definition& definition,
                          const poll::PublicReconciliation& numbers) {
  const Language language = voice.words;
  Table table;
  table.caption = Say(language, Phrase::kReconciliation);
  if (numbers.styles.empty()) {
    table.columns = {{.head = Say(language, Phrase::kWhat)},
                     {.head = Say(language, Phrase::kCount), .number = true}};
    for (size_t c = 0; c < numbers.columns.size(); ++c) {
      table.rows.push_back(
          {HeadOf(language, definition, numbers.columns[c]), Number(language, numbers.total[c])});
    }
    return table;
  }
  table.columns.push_back({.head = Say(language, Phrase::kStyle), .poll_text = true});
  for (const Column& column : numbers.columns) {
    table.columns.push_back({.head = HeadOf(language, definition, column), .number = true});
  }
  for (size_t s = 0; s < numbers.styles.size(); ++s) {
    std::vector<std::string> row = {voice.Of(definition.styles[s].title)};
    for (const PublicCell& cell : numbers.styles[s]) {
      row.push_back(cell.kind == PublicCell::Kind::kNumber ? Number(language, cell.number)
                    : cell.kind == PublicCell::Kind::kFewer
                        ? Say(language, Phrase::kFewer, {Cat(numbers.threshold)})
                        : std::string("•"));
    }
    table.rows.push_back(std::move(row));
  }
  std::vector<std::string> total = {Say(language, Phrase::kTotal)};
  for (const uint64_t number : numbers.total) total.push_back(Number(language, number));
  table.rows.push_back(std::move(total));
  table.last_is_total = true;
  return table;
}

bool HidesAny(const poll::PublicReconciliation& numbers) {
  return std::ranges::any_of(numbers.styles, [](const auto& row) {
    return std::ranges::any_of(
        row, [](const PublicCell& cell) { return cell.kind != PublicCell::Kind::kNumber; });
  });
}

std::string HiddenLegend(Language language, const poll::PublicReconciliation& numbers) {
  return Say(language, Phrase::kHiddenLegend, {Cat(numbers.threshold)});
}

ordered_json ReconciliationJson(const poll::Definition& definition,
                                const poll::PublicReconciliation& numbers) {
  ordered_json total = ordered_json::object();
  for (size_t c = 0; c < numbers.columns.size(); ++c) {
    total[NameOf(numbers.columns[c])] = numbers.total[c];
  }
  ordered_json styles = ordered_json::array();
  for (size_t s = 0; s < numbers.styles.size(); ++s) {
    ordered_json row;
    row["id"] = definition.styles[s].id;
    for (size_t c = 0; c < numbers.columns.size(); ++c) {
      const PublicCell& cell = numbers.styles[s][c];
      row[NameOf(numbers.columns[c])] =
          cell.kind == PublicCell::Kind::kNumber  ? ordered_json(cell.number)
          : cell.kind == PublicCell::Kind::kFewer ? ordered_json(Cat("<", numbers.threshold))
                                                  : ordered_json(nullptr);
    }
    styles.push_back(std::move(row));
  }
  ordered_json json;
  json["threshold"] = numbers.threshold;
  json["total"] = std::move(total);
  json["styles"] = std::move(styles);
  return json;
}

}  // namespace urna::documents
