// Whatever the text, the table parser gives rows or an error that names the file's line; what it
// read, written and read again, is the same.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "client/roll.h"

namespace {

void Demand(bool condition) {
  if (!condition) std::abort();
}

void DemandPlace(const absl::Status& status) {
  Demand(absl::IsInvalidArgument(status));
  const std::string message(status.message());
  Demand(message.starts_with("f: line "));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace urna::client;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto rows = ParseCsv("f", text, ',');
  if (rows.ok()) {
    std::string written;
    for (const CsvRow& row : *rows) {
      std::vector<std::string_view> fields;
      for (const CsvField& field : row) fields.push_back(field.text);
      written += FormatCsvRow(fields);
    }
    const auto again = ParseCsv("f", written, ',');
    Demand(again.ok() && again->size() == rows->size());
    for (size_t i = 0; i < rows->size(); ++i) {
      Demand(std::ranges::equal((*rows)[i], (*again)[i], {}, &CsvField::text, &CsvField::text));
    }
  } else {
    DemandPlace(rows.status());
  }
  const auto residents = ParseResidents("f", text, {});
  if (!residents.ok()) {
    DemandPlace(residents.status());
    return 0;
  }
  for (const Resident& resident : *residents) {
    Demand(!resident.id.empty() && !resident.style.empty());
  }
  return 0;
}
