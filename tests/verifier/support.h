#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/tiles.h"
#include "tests/support/election.h"
#include "verifier/report.h"
#include "verifier/verify.h"

namespace urna::verifier {

using testing::ElectionOptions;
using testing::TestElection;

/// A folder of its own that goes away with the object.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  /// The path of `name` in it.
  std::string operator/(std::string_view name) const;

 private:
  std::string path_;
};

/// A certified poll of six voters; made once.
const TestElection& CleanElection();
/// The same after 300 issuers' counts: its export has two bundles, a full tile and two levels.
const TestElection& WideElection();

/// Runs the steps of `election` with its definition changed by `change` before anybody approves it.
void DefineWith(TestElection& election, const std::function<void(std::string&)>& change);

/// Index of the `nth` record of `kind`. Aborts if there is none.
uint64_t FindRecord(const std::vector<std::string>& records, poll::RecordKind kind, int nth = 0);

/// A checkpoint of the first `size` of `records`, signed by `key`.
std::string MakeCheckpoint(const std::vector<std::string>& records, uint64_t size,
                           const std::string& origin, const crypto::Ed25519Key& key);

/// The audit in this process.
Report Audit(const Inputs& inputs);
Report Audit(const std::string& folder);

/// What the shipped program answered.
struct Ran {
  int exit_code = -1;
  std::string out;
  std::string err;
};
Ran RunVerifier(const std::vector<std::string>& arguments);

/// The shipped program's report with --json.
struct Audited {
  int exit_code = -1;
  nlohmann::json json;

  /// Names of the checks with this verdict.
  std::set<std::string> With(std::string_view verdict) const;
  /// The faults of all checks `name`, one a line: "record 7 (ballot cast) token.invalid: ...".
  std::string Faults(std::string_view name) const;
};
Audited RunAudit(std::vector<std::string> arguments);

std::string PollId(const TestElection& election);
std::string ReadAll(const std::string& path);
void WriteAll(const std::string& path, std::string_view content);

}  // namespace urna::verifier
