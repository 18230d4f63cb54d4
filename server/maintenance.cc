#include "server/maintenance.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>
#include <system_error>

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "server/fsck.h"
#include "server/settings.h"

namespace urna::server {
namespace {

using base::Cat;

constexpr int kFailed = 1;
constexpr int kWrongUsage = 2;
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
}

Maintenance::~Maintenance() = default;

std::optional<int> Maintenance::Run() const {
  if (commands_->fsck->parsed()) return commands_->Fsck();
  return std::nullopt;
}

}  // namespace urna::server
