#include "tests/verifier/support.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "base/bytes.h"
#include "base/text.h"
#include "crypto/check.h"
#include "ledger/checkpoint.h"
#include "ledger/merkle.h"
#include "ledger/record.h"

namespace urna::verifier {
namespace {

std::string Quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

}  // namespace

TempFolder::TempFolder() {
  std::string path = ::testing::TempDir() + "/urna-verifier-XXXXXX";
  crypto::Check(mkdtemp(path.data()) != nullptr, "cannot make a temporary folder");
  path_ = path;
}

TempFolder::~TempFolder() { std::filesystem::remove_all(path_); }

std::string TempFolder::operator/(std::string_view name) const {
  return base::Cat(path_, "/", name);
}

const TestElection& CleanElection() {
  static const TestElection* const kElection = [] {
    auto* election = new TestElection();
    election->RunAll();
    return election;
  }();
  return *kElection;
}

const TestElection& WideElection() {
  static const TestElection* const kElection = [] {
    auto* election = new TestElection();
    election->RunUntilOpen();
    election->now += 3600;
    for (int i = 0; i < 150; ++i) election->CountIssuance();
    election->Vote();
    for (int i = 0; i < 150; ++i) election->CountIssuance();
    election->RunAfterVoting();
    return election;
  }();
  return *kElection;
}

void DefineWith(TestElection& election, const std::function<void(std::string&)>& change) {
  std::string json = election.definition_json();
  change(json);
  crypto::Check(json.size() <= ledger::kMaxPayloadBytes, "the definition has one part");
  election.tamper = [json](poll::Payload& payload) {
    if (auto* defined = std::get_if<poll::Defined>(&payload)) {
      defined->length = static_cast<uint32_t>(json.size());
      defined->sha256 = crypto::HashSha256(json);
    } else if (auto* part = std::get_if<poll::DefinitionPart>(&payload)) {
      part->text = json;
    }
  };
  election.Define();
  election.tamper = nullptr;
}

uint64_t FindRecord(const std::vector<std::string>& records, poll::RecordKind kind, int nth) {
  for (uint64_t i = 0; i < records.size(); ++i) {
    const auto record = ledger::DecodeRecord(records[i]);
    if (record.ok() && record->kind == static_cast<uint8_t>(kind) && nth-- == 0) return i;
  }
  crypto::Check(false, "no such record");
  return 0;
}

std::string MakeCheckpoint(const std::vector<std::string>& records, uint64_t size,
                           const std::string& origin, const crypto::Ed25519Key& key) {
  ledger::Frontier tree;
  for (uint64_t i = 0; i < size; ++i) tree.Append(ledger::LeafHash(records[i]));
  return ledger::SignCheckpoint({origin, size, tree.Root()}, key);
}

Report Audit(const Inputs& inputs) {
  const std::atomic<bool> stop = false;
  auto report = Verify(inputs, nullptr, stop);
  crypto::Check(report.ok(), "the audit could not be made");
  return *std::move(report);
}

Report Audit(const std::string& folder) {
  Inputs inputs;
  inputs.folder = folder;
  return Audit(inputs);
}

Ran RunVerifier(const std::vector<std::string>& arguments) {
  const TempFolder folder;
  std::string command = URNA_BIN "/urna-verify";
  for (const std::string& argument : arguments) command += base::Cat(" ", Quoted(argument));
  command += base::Cat(" >", Quoted(folder / "out"), " 2>", Quoted(folder / "err"));
  const int status = std::system(command.c_str());
  Ran ran;
  ran.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  ran.out = ReadAll(folder / "out");
  ran.err = ReadAll(folder / "err");
  return ran;
}

std::set<std::string> Audited::With(std::string_view verdict) const {
  std::set<std::string> names;
  if (!json.contains("checks")) return names;
  for (const auto& check : json["checks"]) {
    if (check["verdict"] == verdict) names.insert(check["check"].get<std::string>());
  }
  return names;
}

std::string Audited::Faults(std::string_view name) const {
  std::string out;
  if (!json.contains("checks")) return out;
  for (const auto& check : json["checks"]) {
    if (check["check"] != name) continue;
    for (const auto& fault : check["faults"]) {
      if (fault.contains("record")) {
        out += base::Cat("record ", fault["record"].get<uint64_t>(), " (",
                         fault["kind"].get<std::string>(), ") ");
      }
      out +=
          base::Cat(fault["id"].get<std::string>(), ": ", fault["text"].get<std::string>(), "\n");
    }
  }
  return out;
}

Audited RunAudit(std::vector<std::string> arguments) {
  arguments.push_back("--json");
  const Ran ran = RunVerifier(arguments);
  Audited audited;
  audited.exit_code = ran.exit_code;
  audited.json = nlohmann::json::parse(ran.out, nullptr, /*allow_exceptions=*/false);
  return audited;
}

std::string PollId(const TestElection& election) {
  return base::Hex(ledger::LeafHash(election.records()[0]));
}

std::string ReadAll(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

void WriteAll(const std::string& path, std::string_view content) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << content;
  out.close();
  crypto::Check(!out.fail(), "cannot write a test file");
}

}  // namespace urna::verifier
