#include "cli/documentation.h"

#include <iostream>
#include <memory>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/completion.h"

namespace urna::cli {
namespace {

using base::Cat;

const std::vector<std::string> kShells = {"bash", "zsh", "fish"};

/// Prints, and ends the parse as --help does.
[[noreturn]] void PrintAndFinish(std::string_view text) {
  std::cout << text << std::flush;
  if (!std::cout) throw CLI::RuntimeError("cannot write to standard output", 1);
  throw CLI::Success();
}

[[noreturn]] void PrintPage(const CLI::App& app, const Facts& facts, const std::string& wanted) {
  const std::vector<Page> pages = ManualPages(Describe(app), facts);
  if (wanted.empty()) PrintAndFinish(pages.front().text);
  std::string names;
  for (const Page& page : pages) {
    // "urna-poll.1", and "poll" and "urna-poll" for it.
    const std::string name = page.name.substr(0, page.name.rfind('.'));
    if (wanted == page.name || wanted == name || Cat(app.get_name(), "-", wanted) == name) {
      PrintAndFinish(page.text);
    }
    names += Cat(names.empty() ? "" : ", ", name);
  }
  throw CLI::ValidationError("PAGE", Cat("there is no page \"", wanted, "\", only ", names));
}

[[noreturn]] void WritePages(const CLI::App& app, const Facts& facts, const std::string& folder) {
  const auto check = [](const absl::Status& status) {
    if (!status.ok()) throw CLI::FileError(std::string(status.message()));
  };
  const std::string section = Cat(folder, "/man", facts.section);
  check(base::MakeFolders(section));
  for (const Page& page : ManualPages(Describe(app), facts)) {
    check(base::WriteFileAtomic(Cat(section, "/", page.name), page.text));
  }
  throw CLI::Success();
}

[[noreturn]] void PrintCompletion(const CLI::App& app, const std::string& shell) {
  const Command program = Describe(app);
  PrintAndFinish(shell == "bash"  ? BashCompletion(program)
                 : shell == "zsh" ? ZshCompletion(program)
                                  : FishCompletion(program));
}

}  // namespace

void AddDocumentation(CLI::App* app, const Facts& facts) {
  std::string statuses = "Exit status:";
  for (const auto& [status, text] : facts.exit_status) {
    statuses += Cat("\n  ", std::string(4 - std::min<size_t>(3, status.size()), ' ').substr(1),
                    status, "  ", text);
  }
  app->footer(statuses + "\n");

  if (app->get_subcommands([](const CLI::App*) { return true; }).empty()) {
    app->add_flag_callback(
           "--man", [app, facts] { PrintPage(*app, facts, ""); }, "Print the manual page")
        ->group("Documentation");
    app->add_option_function<std::string>(
           "--man-folder",
           [app, facts](const std::string& folder) { WritePages(*app, facts, folder); },
           "Write the manual page into a folder")
        ->type_name("DIR")
        ->group("Documentation");
    app->add_option_function<std::string>(
           "--completion", [app](const std::string& shell) { PrintCompletion(*app, shell); },
           "Print the script by which a shell completes this command")
        ->type_name("SHELL")
        ->check(CLI::IsMember(kShells))
        ->group("Documentation");
    return;
  }

  const std::string name = app->get_name();
  auto page = std::make_shared<std::string>();
  auto folder = std::make_shared<std::string>();
  CLI::App* man = app->add_subcommand("man", "Prints a page of the manual");
  man->group("Documentation");
  man->add_option("page", *page, "Which page; without it the program's own");
  man->get_option("page")->type_name("PAGE");
  man->add_option("--out", *folder, "Write all pages into this folder instead")->type_name("DIR");
  man->footer(Cat("Example:\n  ", name, " man | man -l -"));
  man->callback([app, facts, page, folder] {
    if (!folder->empty()) WritePages(*app, facts, *folder);
    PrintPage(*app, facts, *page);
  });

  auto shell = std::make_shared<std::string>();
  CLI::App* completion = app->add_subcommand(
      "completion", "Prints the script by which a shell completes commands, options and files");
  completion->group("Documentation");
  completion->add_option("shell", *shell, "The shell")
      ->required()
      ->type_name("SHELL")
      ->check(CLI::IsMember(kShells));
  completion->footer(Cat("Example:\n  source <(", name, " completion bash)"));
  completion->callback([app, shell] { PrintCompletion(*app, *shell); });
}

}  // namespace urna::cli
