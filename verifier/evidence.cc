#include "verifier/evidence.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "documents/text.h"
#include "verifier/report.h"

namespace urna::verifier {
namespace {

using base::Cat;
using nlohmann::ordered_json;

constexpr size_t kMaxFile = size_t{1} << 20;

std::string Summary(const EvidenceReport& report) {
  return report.proven()
             ? "PROVEN: the ledger's key signed what contradicts itself. Do not trust this ledger "
               "or "
               "any result drawn from it."
             : "NOT PROVEN: nothing here contradicts what the ledger's key signed, which is not to "
               "say that the ledger is right.";
}

}  // namespace

bool EvidenceReport::proven() const {
  return std::ranges::any_of(files, [](const File& file) { return file.judgement.proven; });
}

int EvidenceReport::ExitCode() const { return proven() ? kExitFailed : kExitIncomplete; }

absl::StatusOr<EvidenceReport> JudgeEvidence(const std::vector<std::string>& paths,
                                             const ledger::NoteKey& key) {
  EvidenceReport report{.key = key, .files = {}};
  for (const std::string& path : paths) {
    URNA_ASSIGN_OR_RETURN(const std::string bytes, base::ReadFile(path, kMaxFile));
    const auto evidence = ledger::ParseEvidence(bytes);
    report.files.push_back(
        {path, evidence.ok()
                   ? ledger::Judge(*evidence, key)
                   : ledger::Judgement{false, Cat("it proves nothing: ",
                                                  std::string(evidence.status().message()))}});
  }
  return report;
}

std::string ToText(const EvidenceReport& report) {
  std::string out = Cat("urna-verify: evidence against the key ",
                        documents::Plain(report.key.ToString()), "\n\n");
  for (const auto& [path, judgement] : report.files) {
    out += Cat("  ", documents::PadRight(judgement.proven ? "PROVEN" : "NOT PROVEN", 12),
               documents::Plain(Cat(path, ": ", judgement.text)), "\n");
  }
  return Cat(out, "\n", Summary(report), "\n");
}

std::string ToJson(const EvidenceReport& report) {
  ordered_json json;
  json["format"] = "urna-evidence-report/1";
  json["key"] = report.key.ToString();
  json["exit_code"] = report.ExitCode();
  json["summary"] = Summary(report);
  ordered_json files = ordered_json::array();
  for (const auto& [path, judgement] : report.files) {
    ordered_json file;
    file["file"] = path;
    file["proven"] = judgement.proven;
    file["text"] = judgement.text;
    files.push_back(std::move(file));
  }
  json["evidence"] = std::move(files);
  return json.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace urna::verifier
