#include "server/maintenance.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>
#include <system_error>
#include <vector>

#include "base/bytes.h"
#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "server/backup.h"
#include "server/clock.h"
#include "server/fsck.h"
#include "server/limits.h"
#include "server/loss.h"
#include "server/restore.h"
#include "server/settings.h"

namespace urna::server {
namespace {

using base::Cat;

constexpr int kFailed = 1;
constexpr int kWrongUsage = 2;
constexpr int kIncomplete = 3;
constexpr size_t kLineWidth = 79;

int Fail(const absl::Status& status, int exit_status = kFailed) {
  std::cerr << "urna-server: " << status.message() << std::endl;
  return exit_status;
}

/// One line on a terminal that is written over and over.
class ProgressLine {
 public:
  ProgressLine() : shown_(isatty(STDERR_FILENO) == 1) {}
  ~ProgressLine() {
    if (shown_) std::cerr << "\r\033[K" << std::flush;
  }
  std::function<void(const std::string&)> Writer() const {
    if (!shown_) return {};
    return [](const std::string& text) {
      std::cerr << "\r\033[K" << text.substr(0, kLineWidth) << std::flush;
    };
  }

 private:
  const bool shown_;
};

/// The data folder that a command is about, and where else its server keeps things.
struct Folders {
  std::string data, config, anchor;

  void AddTo(CLI::App* command) {
    command->add_option("--data", data, "The server's data folder")->required()->type_name("DIR");
    command
        ->add_option("--config", config,
                     "The server's configuration file [default: DATA/urna-server.conf, if it is "
                     "there]")
        ->type_name("FILE");
    command
        ->add_option("--anchor", anchor,
                     "The folder of its anchors [default: as in the configuration]")
        ->type_name("DIR");
  }

  absl::StatusOr<Settings> Read() const {
    Settings settings;
    std::string path = config;
    std::error_code error;
    if (path.empty() && std::filesystem::exists(Cat(data, "/urna-server.conf"), error)) {
      path = Cat(data, "/urna-server.conf");
    }
    if (!path.empty()) {
      URNA_ASSIGN_OR_RETURN(const std::string text, base::ReadFile(path, 1 << 20));
      URNA_RETURN_IF_ERROR(ReadConfig(path, text, settings));
    }
    settings.data = data;
    if (!anchor.empty()) settings.anchor = anchor;
    URNA_RETURN_IF_ERROR(Complete(settings));
    return settings;
  }
};

}  // namespace

struct Maintenance::Commands {
  CLI::App* fsck = nullptr;
  Folders fsck_folders;
  bool json = false;
  CLI::App* backup = nullptr;
  Folders backup_folders;
  std::string backup_to;
  uint64_t keep = 2;
  CLI::App* check_backup = nullptr;
  std::string backup_from;
  CLI::App* restore = nullptr;
  RestoreOptions restoring;
  CLI::App* copy_keys = nullptr;
  std::string keys_data, keys_to;
  CLI::App* accept_loss = nullptr;
  Folders loss_folders;
  std::string poll_id, reason;
  uint64_t records = 0;

  int Fsck() const {
    const auto settings = fsck_folders.Read();
    if (!settings.ok()) return Fail(settings.status(), kWrongUsage);
    absl::StatusOr<FsckReport> report = absl::UnknownError("");
    {
      const ProgressLine progress;
      report = server::Fsck({settings->data, settings->anchor, progress.Writer()});
    }
    if (!report.ok()) return Fail(report.status(), kWrongUsage);
    std::cout << (json ? Cat(report->Json(), "\n") : report->Text()) << std::flush;
    return report->sound() ? EXIT_SUCCESS : kFailed;
  }

  int Backup() const {
    const auto settings = backup_folders.Read();
    if (!settings.ok()) return Fail(settings.status(), kWrongUsage);
    absl::StatusOr<server::Backup> made = absl::UnknownError("");
    {
      const ProgressLine progress;
      made = MakeBackup({.data = settings->data,
                         .anchor = settings->anchor,
                         .to = backup_to,
                         .keep = keep,
                         .now = SystemClock().Now(),
                         .progress = progress.Writer()});
    }
    if (!made.ok()) return Fail(made.status());
    Print(made->folder, made->manifest);
    for (const std::string& note : made->notes) std::cout << "Note: " << note << "\n";
    return EXIT_SUCCESS;
  }

  static void Print(const std::string& folder, const BackupManifest& manifest) {
    std::cout << "Verified: " << folder << "\n  of " << base::FormatUtc(manifest.time) << "\n";
    for (const auto& poll : manifest.polls) {
      std::cout << "  poll " << base::Hex(poll.id) << ": " << poll.records << " records\n";
    }
    for (const auto& issuer : manifest.issuers) {
      std::cout << "  issuer " << issuer.number << ": " << issuer.answers << " answers\n";
    }
    std::cout << std::flush;
  }

  int CheckBackup() const {
    const auto folder = NewestBackup(backup_from);
    if (!folder.ok()) return Fail(folder.status(), kWrongUsage);
    absl::StatusOr<BackupManifest> manifest = absl::UnknownError("");
    {
      const ProgressLine progress;
      manifest = VerifyBackup(*folder, progress.Writer());
    }
    if (!manifest.ok()) return Fail(manifest.status());
    Print(*folder, *manifest);
    return EXIT_SUCCESS;
  }

  int Restore() const {
    if (const absl::Status hardened = HardenProcess(); !hardened.ok()) return Fail(hardened);
    absl::StatusOr<RestoreReport> report = absl::UnknownError("");
    {
      const ProgressLine progress;
      RestoreOptions options = restoring;
      options.progress = progress.Writer();
      report = server::Restore(options);
    }
    if (!report.ok()) return Fail(report.status());
    std::cout << "Restored: " << restoring.data << "\n";
    if (report->newest_backup > 0) {
      const uint64_t now = SystemClock().Now();
      const uint64_t age = now - std::min(now, report->newest_backup);
      std::cout << "  The newest backup is of " << base::FormatUtc(report->newest_backup) << ", "
                << age / 3600 << " h " << age / 60 % 60 << " min ago.\n";
    }
    for (const auto& poll : report->polls) {
      std::cout << "  poll " << base::Hex(poll.id) << ": " << poll.records << " records"
                << (poll.note.empty() ? "" : Cat("; ", poll.note)) << "\n";
    }
    for (const std::string& note : report->notes) std::cout << "Note: " << note << "\n";
    std::cout << "\n" << report->check.Text();
    if (report->complete()) return EXIT_SUCCESS;
    std::cout
        << "\nThe folder is there, but something is missing (above). Before a server is "
           "started on it, look for what could be added with --from: an undamaged part of the "
           "old data folder, a newer backup, an export or a mirror of the ledger. What is lost "
           "for good: urna-server accept-loss.\n";
    return kIncomplete;
  }

  int CopyKeys() const {
    if (const absl::Status hardened = HardenProcess(); !hardened.ok()) return Fail(hardened);
    const auto copied = server::CopyKeys(keys_data, keys_to);
    if (!copied.ok()) return Fail(copied.status());
    for (const std::string& name : *copied) std::cout << keys_to << "/" << name << "\n";
    if (copied->empty()) std::cout << "All of them are there already.\n";
    std::cout << std::flush;
    return EXIT_SUCCESS;
  }

  static void Print(const Loss& loss) {
    std::cout << "Poll " << base::Hex(loss.poll) << "\n";
    if (!loss.phase.empty()) {
      std::cout << "  \"" << loss.title << "\", " << loss.phase << "; " << loss.records
                << " records are here, the newest of " << base::FormatUtc(loss.newest_time) << "\n";
    }
    if (loss.count() > 0) {
      std::cout << "  MISSING: " << loss.count() << " records, " << loss.records << " to "
                << loss.lost.back().checkpoint.size - 1 << ", for which the ballot box signed:\n";
    }
    for (const Loss::Lost& lost : loss.lost) {
      std::error_code error;
      std::cout << "    " << lost.path << ": " << lost.checkpoint.size << " records, root "
                << base::Hex(lost.checkpoint.root) << WrittenAt(lost.path) << "\n";
    }
    if (!loss.not_acceptable.empty()) {
      std::cout << "  This cannot be accepted as a loss: " << loss.not_acceptable << "\n";
    }
  }
  static std::string WrittenAt(const std::string& path) {
    std::error_code error;
    const auto time = std::filesystem::last_write_time(path, error);
    if (error) return "";
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(
        std::chrono::file_clock::to_sys(time).time_since_epoch());
    return Cat(", written ", base::FormatUtc(static_cast<uint64_t>(seconds.count())));
  }

  int AcceptLoss() const {
    const auto settings = loss_folders.Read();
    if (!settings.ok()) return Fail(settings.status(), kWrongUsage);
    const LossOptions options{settings->data, settings->anchor};
    if (poll_id.empty()) return ShowLosses(options);
    crypto::Hash32 id;
    if (!base::Unhex(poll_id, id)) {
      return Fail(base::Failure(absl::StatusCode::kInvalidArgument,
                                "--poll: must be the poll's id, 64 hexadecimal digits"),
                  kWrongUsage);
    }
    if (const absl::Status hardened = HardenProcess(); !hardened.ok()) return Fail(hardened);
    const absl::Status accepted =
        server::AcceptLoss(options, id, records, reason, SystemClock().Now());
    if (!accepted.ok()) return Fail(accepted);
    std::cout << "The ledger of poll " << poll_id << " says now that " << records
              << " records are lost. Every auditor will see it, and the verifier fails this ledger "
                 "for good. Tell the officials and the public now: whoever voted after the last "
                 "record that is left should vote again.\n"
              << std::flush;
    return EXIT_SUCCESS;
  }

  int ShowLosses(const LossOptions& options) const {
    const auto losses = FindLosses(options);
    if (!losses.ok()) return Fail(losses.status());
    if (losses->empty()) {
      std::cout << "Nothing that was signed for is missing.\n" << std::flush;
      return EXIT_SUCCESS;
    }
    for (const Loss& loss : *losses) {
      Print(loss);
      if (!loss.not_acceptable.empty()) continue;
      std::cout
          << "  Only if they are nowhere else (the old disk, a newer backup, mirrors), and the "
             "officials agree:\n    urna-server accept-loss --data "
          << options.data << " --poll " << base::Hex(loss.poll) << " --records " << loss.count()
          << " --reason \"WHAT HAPPENED\"\n";
    }
    std::cout << std::flush;
    return kFailed;
  }
};

Maintenance::Maintenance(CLI::App& app) : commands_(std::make_unique<Commands>()) {
  Commands& c = *commands_;
  c.fsck = app.add_subcommand(
      "fsck",
      "Check a data folder: read all of it, recompute everything from the records, compare with "
      "what was signed. Changes nothing. Beside a running server it checks what was written at "
      "about one moment. Exit status 1 if anything is damaged");
  c.fsck_folders.AddTo(c.fsck);
  c.fsck->add_flag("--json", c.json, "Print the report as JSON");

  c.backup = app.add_subcommand(
      "backup",
      "Back up what a server has written, whether it runs or not, and verify the backup by reading "
      "it again. It holds ledgers and issuers' answers, but no keys (see copy-keys). It is "
      "confidential. Exit status 1 if nothing could be backed up");
  c.backup_folders.AddTo(c.backup);
  c.backup
      ->add_option("--to", c.backup_to, "The folder of all backups; each makes a folder of its own")
      ->required()
      ->type_name("DIR");
  c.backup->add_option("--keep", c.keep, "Backups to keep; older ones are removed after a new one")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();

  c.check_backup = app.add_subcommand(
      "check-backup", "Read a whole backup and recompute it. Exit status 1 if it is damaged");
  c.check_backup
      ->add_option("--from", c.backup_from, "A backup, or a folder of backups (then the newest)")
      ->required()
      ->type_name("DIR");

  c.restore = app.add_subcommand(
      "restore",
      "Make a new data folder from backups, exports of ledgers and what is left of old data "
      "folders; each record is taken from wherever it is right. Nothing is overwritten. Exit "
      "status "
      "3 if something that was signed for, or a key, is missing");
  c.restore
      ->add_option("--from", c.restoring.from,
                   "A backup, a folder of backups (then the newest), the export of a ledger, or a "
                   "data folder, damaged or not; may be given several times")
      ->required()
      ->type_name("DIR");
  c.restore->add_option("--data", c.restoring.data, "The data folder to make")
      ->required()
      ->type_name("DIR");
  c.restore->add_option("--keys", c.restoring.keys, "Where copy-keys put the keys")
      ->type_name("DIR");
  c.restore
      ->add_option("--anchor", c.restoring.anchor,
                   "The folder of the anchors, to compare with [default: as in the configuration]")
      ->type_name("DIR");

  c.copy_keys = app.add_subcommand(
      "copy-keys",
      "Copy the secret keys, for a medium that is locked away. Again after each key ceremony: "
      "issuers make a key for each poll. Nothing is overwritten");
  c.copy_keys->add_option("--data", c.keys_data, "The server's data folder")
      ->required()
      ->type_name("DIR");
  c.copy_keys->add_option("--to", c.keys_to, "The folder to copy them to")
      ->required()
      ->type_name("DIR");

  c.accept_loss = app.add_subcommand(
      "accept-loss",
      "Show which records that were signed for are missing and, with --poll, go on without them, "
      "on "
      "the record: the ledger will say so, and no verifier will pass it. The server must not run");
  c.loss_folders.AddTo(c.accept_loss);
  CLI::Option* const poll =
      c.accept_loss->add_option("--poll", c.poll_id, "The poll whose loss is accepted")
          ->type_name("ID");
  CLI::Option* const records =
      c.accept_loss->add_option("--records", c.records, "How many records are lost, as was shown")
          ->type_name("N");
  CLI::Option* const reason =
      c.accept_loss->add_option("--reason", c.reason, "What happened; goes on the record")
          ->type_name("TEXT");
  poll->needs(records, reason);
  records->needs(poll);
  reason->needs(poll);
}

Maintenance::~Maintenance() = default;

std::optional<int> Maintenance::Run() const {
  if (commands_->fsck->parsed()) return commands_->Fsck();
  if (commands_->backup->parsed()) return commands_->Backup();
  if (commands_->check_backup->parsed()) return commands_->CheckBackup();
  if (commands_->restore->parsed()) return commands_->Restore();
  if (commands_->copy_keys->parsed()) return commands_->CopyKeys();
  if (commands_->accept_loss->parsed()) return commands_->AcceptLoss();
  return std::nullopt;
}

}  // namespace urna::server
