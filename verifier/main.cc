#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/documentation.h"
#include "crypto/group.h"
#include "documents/result.h"
#include "verifier/evidence.h"
#include "verifier/report.h"
#include "verifier/verify.h"

namespace urna::verifier {
namespace {

/// What a shell reports for a program that SIGINT ended.
constexpr int kExitInterrupted = 130;

std::atomic<bool> g_stop = false;
static_assert(std::atomic<bool>::is_always_lock_free);

void Stop(int) { g_stop = true; }

/// One line on the terminal that is written over, at most five times a second.
class Progress {
 public:
  void Show(uint64_t done, uint64_t total) {
    const auto now = Clock::now();
    if (now - shown_ < std::chrono::milliseconds(200)) return;
    shown_ = now;
    const double seconds = std::chrono::duration<double>(now - start_).count();
    std::fprintf(stderr, "\r%llu of %llu records, %.0f per second ",
                 static_cast<unsigned long long>(done), static_cast<unsigned long long>(total),
                 static_cast<double>(done) / seconds);
    used_ = true;
  }
  void Clear() {
    if (used_) std::fputs("\r\033[K", stderr);
  }

 private:
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start_ = Clock::now();
  Clock::time_point shown_ = start_;
  bool used_ = false;
};

cli::Facts Documentation() {
  cli::Facts facts;
  facts.version = URNA_VERSION;
  facts.date = URNA_DATE;
  facts.exit_status = {
      {"0", "complete and clean, and the poll that --poll names"},
      {"1", "something is wrong; the report says what and where, or evidence proves it"},
      {"2", "the export or a named file cannot be read, or wrong usage"},
      {"3",
       "nothing wrong so far, but not certified yet, or --poll was not given, or --since left "
       "proofs unchecked; with --log: the evidence proves nothing"},
      {"130", "interrupted; nothing was decided"}};
  facts.examples = {
      "urna ledger export --poll 3f...9a --folder ledger --server vote.example:7443",
      "urna-verify ledger --poll 3f...9a --receipt my.wallet.receipt-1",
      "urna-verify ledger --poll 3f...9a --since monday",
      "urna-verify ledger --poll 3f...9a --protocol result.html",
      "urna-verify --log vote.example/budget+1f4e...+AcT9... --evidence fork.evidence"};
  facts.see_also = {"urna-ledger(1)", "urna-receipt(1)"};
  return facts;
}

absl::StatusOr<ledger::NoteKey> ParseLogKey(const std::string& vkey) {
  auto key = ledger::NoteKey::Parse(vkey);
  if (key.ok() && key->type != ledger::kTypeEd25519) {
    return base::Failure(absl::StatusCode::kInvalidArgument, "is a witness's key, not a log's");
  }
  return key;
}

/// Evidence alone, without a ledger.
int JudgeAlone(const std::string& vkey, const std::vector<std::string>& files, bool json) {
  const auto key = ParseLogKey(vkey);
  if (!key.ok()) {
    std::cerr << "urna-verify: --log: " << key.status().message() << "\n";
    return kExitUnreadable;
  }
  const auto report = JudgeEvidence(files, *key);
  if (!report.ok()) {
    std::cerr << "urna-verify: " << report.status().message() << "\n";
    return kExitUnreadable;
  }
  std::cout << (json ? ToJson(*report) : ToText(*report)) << std::flush;
  if (!std::cout) {
    std::cerr << "urna-verify: cannot write the report\n";
    return kExitUnreadable;
  }
  return report->ExitCode();
}

int Main(int argc, char** argv) {
  CLI::App app("Checks an exported ledger of a poll from nothing but its files and what you hold.",
               "urna-verify");
  app.set_version_flag("--version", "urna-verify " URNA_VERSION);
  Inputs inputs;
  std::string poll;
  std::string older;
  std::string protocol;
  std::string log;
  bool json = false;
  CLI::Option* folder =
      app.add_option("EXPORT", inputs.folder, "Folder of the exported ledger; or give --log");
  app.add_option("--poll", poll,
                 "The poll id that the city published, 64 hexadecimal digits; without it nothing "
                 "says that this is the poll you mean");
  app.add_option("--receipt", inputs.receipts, "A receipt of a ballot; repeatable")
      ->allow_extra_args(false);
  app.add_option("--since", older,
                 "Folder of an older export, or its checkpoint file, that you audited without a "
                 "fault: if this ledger begins with it, the proofs of its ballots and register "
                 "entries are not checked again, and the report says so. All else is. To have all "
                 "checked, give its checkpoint with --checkpoint instead");
  app.add_option("--checkpoint", inputs.checkpoints,
                 "A signed checkpoint from elsewhere, cosigned or not; repeatable")
      ->allow_extra_args(false);
  CLI::Option* evidence =
      app.add_option("--evidence", inputs.evidence,
                     "A file of evidence, from a mirror, a witness or a resident; repeatable. It "
                     "fails the check if it proves that the ledger's key signed a contradiction")
          ->allow_extra_args(false);
  app.add_option("--log", log,
                 "Instead of EXPORT: the verifier key of the ledger, to judge --evidence with "
                 "nothing else")
      ->needs(evidence)
      ->excludes(folder);
  app.add_option("--threads", inputs.work.threads,
                 "Threads to check proofs with (default: all cores)")
      ->check(CLI::Range(1, 256));
  app.add_option("--protocol", protocol,
                 "Also write the record of the result here, the official document of the count: "
                 "FILE.html, FILE.txt or FILE.json. Only if nothing failed and the poll is "
                 "certified or cancelled; needs --poll");
  app.add_flag("--json", json, "Print the report as JSON, with every fault");
  cli::NameValues(&app, {{"EXPORT", "DIR"},
                         {"--poll", "ID"},
                         {"--receipt", "FILE"},
                         {"--since", "FILE"},
                         {"--checkpoint", "FILE"},
                         {"--evidence", "FILE"},
                         {"--log", "KEY"},
                         {"--protocol", "FILE"}});
  cli::AddDocumentation(&app, Documentation());
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitUnreadable;
  }
  if (app.count("--log") > 0) {
    for (const char* option : {"--poll", "--receipt", "--since", "--checkpoint", "--protocol"}) {
      if (app.count(option) == 0) continue;
      std::cerr << "urna-verify: " << option << " needs EXPORT; --log judges evidence alone\n";
      return kExitUnreadable;
    }
    return JudgeAlone(log, inputs.evidence, json);
  }
  if (inputs.folder.empty()) {
    std::cerr << "urna-verify: EXPORT is missing (see --help)\n";
    return kExitUnreadable;
  }
  if (app.count("--poll") > 0) {
    Hash32 id;
    if (!base::Unhex(poll, id)) {
      std::cerr << "urna-verify: --poll: a poll id has 64 hexadecimal digits\n";
      return kExitUnreadable;
    }
    inputs.poll = id;
  }
  if (app.count("--since") > 0) inputs.older = older;
  std::optional<documents::Format> format;
  if (app.count("--protocol") > 0) {
    const auto of_file = documents::FormatOfFile(protocol);
    if (!of_file.ok() || !inputs.poll.has_value()) {
      std::cerr << "urna-verify: --protocol: "
                << (of_file.ok() ? "needs --poll, so that it is of the poll you mean"
                                 : of_file.status().message())
                << "\n";
      return kExitUnreadable;
    }
    format = *of_file;
  }

  std::signal(SIGINT, Stop);
  std::signal(SIGTERM, Stop);
  Progress progress;
  OnProgress on_progress;
  if (isatty(STDERR_FILENO) != 0) {
    on_progress = [&](uint64_t done, uint64_t total) { progress.Show(done, total); };
  }
  const auto report = Verify(inputs, on_progress, g_stop);
  progress.Clear();
  if (absl::IsCancelled(report.status())) {
    std::cerr << "urna-verify: interrupted; nothing was decided\n";
    return kExitInterrupted;
  }
  if (!report.ok()) {
    std::cerr << "urna-verify: " << report.status().message() << "\n";
    return kExitUnreadable;
  }
  std::cout << (json ? ToJson(*report) : ToText(*report)) << std::flush;
  if (!std::cout) {
    std::cerr << "urna-verify: cannot write the report\n";
    return kExitUnreadable;
  }
  if (format.has_value()) {
    const auto document = ResultDocument(*report, *format);
    if (!document.ok()) {
      std::cerr << "urna-verify: " << protocol << ": " << document.status().message() << "\n";
      return absl::IsInternal(document.status()) ? kExitFailed : report->ExitCode();
    }
    const absl::Status written = base::WriteFileAtomic(protocol, *document);
    if (!written.ok()) {
      std::cerr << "urna-verify: " << written.message() << "\n";
      return kExitUnreadable;
    }
  }
  return report->ExitCode();
}

}  // namespace
}  // namespace urna::verifier

int main(int argc, char** argv) {
  urna::crypto::Initialize();
  return urna::verifier::Main(argc, argv);
}
