#include <unistd.h>

#include <chrono>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "client/cli.h"
#include "client/letters.h"
#include "client/roll.h"
#include "client/sealed_file.h"
#include "poll/definition.h"

namespace urna::client {
namespace {

using base::Cat;
using Json = nlohmann::json;

std::function<bool(size_t, size_t)> Counter(const char* what) {
  if (isatty(STDERR_FILENO) == 0) return {};
  return [what](size_t done, size_t total) {
    std::cerr << "\r" << what << ": " << done << " of " << total << (done == total ? "\n" : "")
              << std::flush;
    return true;
  };
}

// --- roll letters ---

struct LettersFlags {
  LettersOptions options;
  LetterWords words;
  std::string definition, poll, seal_to, window = "left";
};

/// "Long\nlines" as a shell passes them: "\n" typed as two characters is a line end, too.
std::string WithLines(std::string text) {
  for (size_t at; (at = text.find("\\n")) != std::string::npos;) text.replace(at, 2, "\n");
  return text;
}

absl::Status RunLetters(const GlobalOptions& global, LettersFlags flags) {
  std::optional<poll::Definition> definition;
  if (!flags.definition.empty()) {
    URNA_ASSIGN_OR_RETURN(const std::string json,
                          base::ReadFile(flags.definition, poll::kMaxDefinitionBytes));
    auto parsed = poll::ParseDefinition(poll::StripTemplateComments(json));
    if (!parsed.ok()) return base::Annotate(parsed.status(), flags.definition);
    definition = *std::move(parsed);
  }
  flags.words.sender = WithLines(std::move(flags.words.sender));
  flags.words.contact = WithLines(std::move(flags.words.contact));
  flags.words.window_right = flags.window == "right";
  if (!flags.poll.empty()) {
    URNA_ASSIGN_OR_RETURN(flags.words.poll, ParsePollId(flags.poll));
  }
  if (!flags.seal_to.empty()) {
    URNA_ASSIGN_OR_RETURN(flags.options.seal_to, PrintPublicKey::Parse(flags.seal_to));
  }
  std::vector<std::string> without_text;
  URNA_ASSIGN_OR_RETURN(
      flags.options.design,
      DesignLetters(definition.has_value() ? &*definition : nullptr, flags.words, &without_text));
  for (const std::string& language : without_text) {
    std::cerr << "urna: there are no instructions in \"" << OneLine(language)
              << "\"; the letters have them in English instead\n";
  }
  flags.options.progress = Counter("letters");
  URNA_ASSIGN_OR_RETURN(const LettersResult result, MakeLetters(flags.options));

  const LettersManifest& manifest = result.manifest;
  if (global.json) {
    PrintJson(Json{{"letters", manifest.letters},
                   {"batches", manifest.batches},
                   {"resumed", result.resumed},
                   {"sealed", flags.options.seal_to.has_value()},
                   {"set", base::Hex(manifest.set)},
                   {"without_text", without_text},
                   {"folder", flags.options.out},
                   {"manifest", Cat(flags.options.out, "/", kManifestName)}});
    return absl::OkStatus();
  }
  const std::string& out = flags.options.out;
  std::cout << manifest.letters << (manifest.letters == 1 ? " letter in " : " letters in ")
            << manifest.batches << (manifest.batches == 1 ? " file" : " files");
  if (result.resumed != 0) std::cout << ", " << result.resumed << " made by an earlier run";
  std::cout << ".\n";
  if (flags.options.seal_to.has_value()) {
    std::cout << "  " << out << "/batch-*.pdf.sealed  only the print office can open them, with\n"
              << "    urna roll unseal batch-*.sealed --key print.key --out letters\n";
  } else {
    std::cout << "  " << out << "/batch-*.pdf  SECRET: print them, then destroy them\n";
  }
  std::cout << "  " << out << "/" << kManifestName
            << "  goes with them; whoever prints compares: sha256sum -c " << kManifestName << "\n"
            << "Set " << base::Hex(manifest.set) << "\n";
  return absl::OkStatus();
}

// --- roll print-key ---

struct PrintKeyFlags {
  std::string out, show;
};

absl::Status RunPrintKey(const GlobalOptions& global, const PrintKeyFlags& flags) {
  if (!flags.show.empty()) {
    URNA_ASSIGN_OR_RETURN(const std::string shown, ReadKeyFilePublic(flags.show, "print"));
    if (global.json) {
      PrintJson(Json{{"key", flags.show}, {"public", shown}});
    } else {
      std::cout << OneLine(shown) << "\n";
    }
    return absl::OkStatus();
  }
  const std::string& out = flags.out;
  if (out.empty()) {
    return base::Failure(absl::StatusCode::kInvalidArgument, "--out or --show is missing");
  }
  URNA_ASSIGN_OR_RETURN(
      const crypto::SecretText passphrase,
      GetPassphrase(global.passphrase, Cat("passphrase of ", out), /*confirm=*/true));
  const PrintKey key = PrintKey::New();
  URNA_RETURN_IF_ERROR(WritePrintKey(out, key, passphrase));
  const std::string public_key = key.public_key.ToString();
  if (global.json) {
    PrintJson(Json{{"key", out}, {"public", public_key}});
    return absl::OkStatus();
  }
  std::cout << "Your key is in " << out << ". Keep it and its passphrase; without them nobody can "
            << "open the letters.\nGive this line to the office, and have it read back to you by "
            << "telephone:\n"
            << public_key << "\n";
  return absl::OkStatus();
}

// --- roll unseal ---

struct UnsealFlags {
  std::vector<std::string> files;
  std::string key, out;
};

absl::Status RunUnseal(const GlobalOptions& global, const UnsealFlags& flags) {
  URNA_RETURN_IF_ERROR(ReadKeyFilePublic(flags.key, "print").status());
  URNA_ASSIGN_OR_RETURN(
      const crypto::SecretText passphrase,
      GetPassphrase(global.passphrase, Cat("passphrase of ", flags.key), /*confirm=*/false));
  URNA_ASSIGN_OR_RETURN(const PrintKey key, ReadPrintKey(flags.key, passphrase));
  URNA_ASSIGN_OR_RETURN(const UnsealResult result,
                        UnsealLetters(flags.files, key, flags.out, Counter("files")));
  if (global.json) {
    PrintJson(Json{{"files", result.written}, {"missing", result.missing}});
    return absl::OkStatus();
  }
  std::cout << result.written.size() << (result.written.size() == 1 ? " file" : " files")
            << " opened, whole and unchanged, into " << flags.out << ".\n";
  if (!result.missing.empty()) {
    std::cout << "Of the manifest " << result.missing.size() << " more are missing, beginning with "
              << result.missing.front() << ".\n";
  }
  std::cout << "SECRET: print them, then destroy them.\n";
  return absl::OkStatus();
}

// --- roll replace-code ---

struct ReplaceFlags {
  std::string office, id, label;
  bool update_roll = false;
};

absl::Status RunReplace(const GlobalOptions& global, const ReplaceFlags& flags) {
  const auto now =
      std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()).time_since_epoch();
  URNA_ASSIGN_OR_RETURN(const ReplacedCode replaced,
                        ReplaceCode(flags.office, flags.id, flags.label,
                                    static_cast<uint64_t>(now.count()), flags.update_roll));
  const std::string old_hex = base::Hex(replaced.old_credential.bytes());
  const std::string new_hex = base::Hex(replaced.new_credential.bytes());
  if (global.json) {
    PrintJson(Json{
        {"id", flags.id}, {"old", old_hex}, {"new", new_hex}, {"roll_updated", flags.update_roll}});
    return absl::OkStatus();
  }
  std::cout << "A new code for " << OneLine(flags.id) << " is in " << flags.office
            << "/codes.csv; the old one there is void.\n"
            << "  old credential  " << old_hex << "\n  new credential  " << new_hex << "\n";
  if (flags.update_roll) {
    std::cout << "The new one has taken the old one's place in " << flags.office << "/roll.csv.\n";
  } else {
    std::cout << "For a poll that is open, enough officials approve the exchange, each with\n"
              << "  urna poll replace --old " << old_hex << " --new " << new_hex
              << " --poll POLL --key KEY\n";
  }
  std::cout << "Print the letter: urna roll letters --office " << flags.office << " --only "
            << OneLine(flags.id) << " --out NEW-FOLDER ...\n";
  return absl::OkStatus();
}

}  // namespace

void AddLetterCommands(CLI::App* roll, GlobalOptions& global, Action* action) {
  {
    auto flags = std::make_shared<LettersFlags>();
    CLI::App* command = roll->add_subcommand(
        "letters",
        "For the office: a printable letter for each resident with a code, A4 pages in PDF files.\n"
        "An interrupted run can be repeated and goes on where it stopped.");
    LettersOptions& o = flags->options;
    LetterWords& w = flags->words;
    command->add_option("--office", o.office, "The folder that `urna roll codes` made")->required();
    command->add_option("--out", o.out, "Folder for the files; new, or that of the same run")
        ->required();
    command
        ->add_option("--sender", w.sender,
                     "The office's name and address; \\n begins a new line. The first line is the "
                     "letterhead's title")
        ->required();
    command->add_option("--where", w.where, "Where to vote: a page's address, or words")
        ->required();
    command->add_option("--contact", w.contact,
                        "Whom to ask for a new code: address, telephone; otherwise the sender");
    command->add_option("--definition", flags->definition,
                        "The poll's definition: title, times, languages, styles");
    command->add_option("--title", w.title, "Title, if there is no --definition")
        ->excludes("--definition");
    command->add_option("--poll", flags->poll, "Poll id, 64 hexadecimal digits, if it is known");
    command->add_option("--lang", w.languages,
                        "Languages of the letters, such as pl; otherwise all of the definition's, "
                        "or en. There are instructions in en, pl and uk");
    command
        ->add_option("--time-zone", w.time_zone,
                     "For the times on the letters, such as "
                     "Europe/Warsaw")
        ->capture_default_str();
    command->add_option("--window", flags->window, "Side of the envelope's window")
        ->check(CLI::IsMember({"left", "right"}))
        ->capture_default_str();
    command->add_option("--only", o.only, "Only the resident with this id (may be repeated)");
    command->add_option("--batch", o.batch, "Letters in a file")
        ->check(CLI::Range(size_t{1}, kMostLettersInABatch))
        ->capture_default_str();
    command->add_option("--seal-to", flags->seal_to,
                        "The print office's public key (urna-print/1:...): the files can then be "
                        "opened by that office only");
    AddExample(
        command,
        "urna roll letters --office office --out letters --definition poll.txt --poll 3f…9a "
        "\\\n    --sender 'Miasto Kraków\\nPlac Wszystkich Świętych 3-4\\n31-004 Kraków' \\\n"
        "    --contact 'tel. 12 616 12 34' --where https://glosowanie.krakow.pl \\\n"
        "    --time-zone Europe/Warsaw --seal-to urna-print/1:5b…e0",
        "Letters are in the order of the residents' list; residents who enrolled a device "
        "of their own have no code and get none. The square (QR code) holds "
        "urna:vote?poll=...&code=.... The letter of a definition with \"rehearsal\" says so "
        "in large words. Times are printed in --time-zone.");
    command->callback([&global, action, flags] {
      *action = [&global, flags] { return RunLetters(global, *flags); };
    });
  }
  {
    auto flags = std::make_shared<PrintKeyFlags>();
    CLI::App* command = roll->add_subcommand(
        "print-key", "For a print office: makes a key, for which letters can be sealed.");
    CLI::Option* out = command->add_option("--out", flags->out, "New key file");
    command->add_option("--show", flags->show, "Only show the public key of this key file again")
        ->excludes(out);
    global.AddPassphrase(command);
    AddExample(command, "urna roll print-key --out print.key");
    command->callback([&global, action, flags] {
      *action = [&global, flags] { return RunPrintKey(global, *flags); };
    });
  }
  {
    auto flags = std::make_shared<UnsealFlags>();
    CLI::App* command =
        roll->add_subcommand("unseal", "For a print office: opens sealed files of letters.");
    command->add_option("files", flags->files, "Files batch-....pdf.sealed")->required();
    command->add_option("--key", flags->key, "The print office's key file")->required();
    command->add_option("--out", flags->out, "Folder for the PDF files")->required();
    global.AddPassphrase(command);
    AddExample(command, "urna roll unseal batch-*.pdf.sealed --key print.key --out letters",
               "Files that were changed, cut short, renamed or exchanged are refused, as are those "
               "that letters.sha256 beside them does not list. Anybody can seal files for you: "
               "compare the hash of letters.sha256 with the office by telephone.");
    command->callback([&global, action, flags] {
      *action = [&global, flags] { return RunUnseal(global, *flags); };
    });
  }
  {
    auto flags = std::make_shared<ReplaceFlags>();
    CLI::App* command = roll->add_subcommand(
        "replace-code",
        "For the office: a new code for a resident whose letter was lost, opened or spoilt.");
    command->add_option("--office", flags->office, "The folder that `urna roll codes` made")
        ->required();
    command->add_option("--id", flags->id, "The resident's id in codes.csv")->required();
    command->add_option("--label", flags->label, "The roll's label; refused if it is another");
    command->add_flag("--update-roll", flags->update_roll,
                      "Also exchange the credential in roll.csv: for a roll that is not imported "
                      "yet");
    AddExample(
        command, "urna roll replace-code --office office --id 4711 --label krakow-2026",
        "The old code stays in codes.csv, marked as void. In a poll whose roll is sealed the "
        "old one works until officials approved the exchange with `urna poll replace`; this "
        "command prints what they need. Keep a copy of the imported roll.csv: the next "
        "poll's needs --update-roll.");
    command->callback([&global, action, flags] {
      *action = [&global, flags] { return RunReplace(global, *flags); };
    });
  }
}

}  // namespace urna::client
