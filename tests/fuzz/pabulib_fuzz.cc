// Whatever the text, the reader of .pb files gives an election that can be counted, or an error
// that names the place; what it read, written and read again, is the same.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "poll/counting/pabulib.h"

namespace {

void Demand(bool condition) {
  if (!condition) std::abort();
}

void DemandPlace(const absl::Status& status) {
  Demand(absl::IsInvalidArgument(status));
  const std::string message(status.message());
  Demand(message.starts_with("f: line ") && message.find(", column ") != std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace urna::poll::counting;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto file = ParsePabulib("f", text);
  if (!file.ok()) {
    DemandPlace(file.status());
    return 0;
  }
  const auto again = ParsePabulib("f", FormatPabulib(*file));
  Demand(again.ok() && *again == *file);
  const auto election = ReadPabulib("f", *file);
  if (!election.ok()) {
    DemandPlace(election.status());
    return 0;
  }
  Demand(CheckProfile(election->profile).ok());
  const auto made = MakePabulib(election->profile, VoteType::kScoring, {}, std::nullopt);
  if (!made.ok()) return 0;  // an id that cannot stand in a list
  const auto remade = ReadPabulib("f", *ParsePabulib("f", FormatPabulib(*made)));
  Demand(remade.ok() && remade->profile.ends == election->profile.ends &&
         remade->profile.budget == election->profile.budget);
  return 0;
}
