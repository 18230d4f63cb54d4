#include "cli/documentation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "base/file.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/completion.h"
#include "cli/manual.h"

namespace urna::cli {
namespace {

namespace fs = std::filesystem;
using base::Cat;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

struct Outcome {
  int status;
  std::string output;
};
Outcome Shell(const std::string& command) {
  FILE* pipe = popen(Cat("( ", command, " ) 2>&1").c_str(), "r");
  std::string output;
  std::array<char, 4096> buffer;
  while (const size_t got = fread(buffer.data(), 1, buffer.size(), pipe)) {
    output.append(buffer.data(), got);
  }
  return {WEXITSTATUS(pclose(pipe)), output};
}
bool Has(const std::string& program) { return Shell("command -v " + program).status == 0; }

/// A folder with the pages and completions of the built programs.
class ProgramsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string path = fs::temp_directory_path() / "urna-cli-XXXXXX";
    ASSERT_NE(mkdtemp(path.data()), nullptr);
    folder_ = path;
    const std::string bin = URNA_BIN;
    const Outcome made = Shell(
        Cat(bin, "/urna man --out ", path, " && ", bin, "/urna-server man --out ", path, " && ",
            bin, "/urna-verify --man-folder ", path, " && cd ", path,
            " && for shell in bash zsh fish; do ", bin, "/urna completion $shell > urna.$shell && ",
            bin, "/urna-server completion $shell > urna-server.$shell && ", bin,
            "/urna-verify --completion $shell > urna-verify.$shell || exit 1; done"));
    ASSERT_EQ(made.status, 0) << made.output;
  }
  void TearDown() override { fs::remove_all(folder_); }

  /// What bash offers for a command line, whose last word is being typed; sorted.
  std::vector<std::string> Complete(const std::string& program,
                                    const std::vector<std::string>& words) {
    std::string line = program;
    for (const std::string& word : words) line += Cat(" \"", word, "\"");
    const Outcome done = Shell(Cat("cd ", folder_.string(), " && bash -uc 'source ", program,
                                   ".bash; function=$(complete -p ", program,
                                   " | sed \"s/.*-F \\([^ ]*\\).*/\\1/\"); COMP_WORDS=(", line,
                                   "); COMP_CWORD=", words.size(),
                                   "; $function; printf \"%s\\n\" \"${COMPREPLY[@]:-}\" | sort'"));
    EXPECT_EQ(done.status, 0) << done.output;
    std::vector<std::string> offered;
    for (const std::string_view word : base::Split(done.output, '\n')) {
      if (!word.empty()) offered.emplace_back(word);
    }
    return offered;
  }

  fs::path folder_;
};

TEST_F(ProgramsTest, PagesHaveNoFaultThatAFormatterSees) {
  if (!Has("mandoc") && !Has("groff")) GTEST_SKIP() << "neither mandoc nor groff is installed";
  size_t pages = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder_ / "man1")) {
    const std::string path = entry.path();
    ++pages;
    for (const std::string check : {"mandoc -Tlint -W warning", "groff -man -Tutf8 -ww -z"}) {
      if (!Has(check.substr(0, check.find(' ')))) continue;
      EXPECT_EQ(Shell(base::Cat(check, " ", path)).output, "") << path;
    }
  }
  EXPECT_GE(pages, 8u);
  ASSERT_TRUE(fs::exists(folder_ / "man8/urna-server.8"));
}

TEST_F(ProgramsTest, EveryCommandStandsInTheManual) {
  const std::string poll = *base::ReadFile(folder_ / "man1/urna-poll.1");
  for (const char* text : {"urna poll create", "\\-\\-reason", ".SH \"EXIT STATUS\"",
                           ".SH ENVIRONMENT", "URNA_SERVER", "urna poll certify"}) {
    EXPECT_THAT(poll, HasSubstr(text));
  }
  EXPECT_THAT(*base::ReadFile(folder_ / "man8/urna-server.8"),
              AllOf(HasSubstr("rocksdb\\-log"), HasSubstr("urna\\-server.conf")));
  EXPECT_THAT(*base::ReadFile(folder_ / "man1/urna-verify.1"), HasSubstr("\\-\\-since"));
}

TEST_F(ProgramsTest, BashCompletesCommandsOptionsChoicesFilesAndFolders) {
  EXPECT_THAT(Complete("urna", {"po"}), ElementsAre("poll"));
  EXPECT_THAT(Complete("urna", {"poll", "cl"}), ElementsAre("close"));
  EXPECT_THAT(Complete("urna", {"poll", "close", "--ke"}), ElementsAre("--key"));
  EXPECT_THAT(Complete("urna", {"poll", "close", "--js"}), ElementsAre("--json"));
  EXPECT_THAT(Complete("urna", {"poll", "template", "s"}), ElementsAre("survey"));
  EXPECT_THAT(Complete("urna", {"poll", "create", "--key", "urna-v"}),
              UnorderedElementsAre("urna-verify.bash", "urna-verify.fish", "urna-verify.zsh"));
  EXPECT_THAT(Complete("urna", {"poll", "create", "--key", "=", "urna-verify.b"}),
              ElementsAre("urna-verify.bash"));
  EXPECT_THAT(Complete("urna", {"ledger", "export", "--folder", ""}), ElementsAre("man1", "man8"));
  EXPECT_THAT(Complete("urna", {"poll", "status", "--server", ""}), IsEmpty());
  // A value is no command, whatever it is called.
  EXPECT_THAT(Complete("urna", {"vote", "--wallet", "show", "--cred"}),
              ElementsAre("--credential", "--credential-passphrase-file"));
  EXPECT_THAT(Complete("urna-server", {"ru"}), ElementsAre("run"));
  EXPECT_THAT(Complete("urna-server", {"run", "--liste"}), ElementsAre("--listen"));
  EXPECT_THAT(Complete("urna-verify", {"man"}), ElementsAre("man1", "man8"));
  EXPECT_THAT(Complete("urna-verify", {"man1", "--si"}), ElementsAre("--since"));
}

TEST_F(ProgramsTest, FishCompletes) {
  if (!Has("fish")) GTEST_SKIP() << "fish is not installed";
  const auto offered = [&](const std::string& line) {
    const std::string home = folder_.string();
    return Shell(Cat("cd ", home, " && HOME=", home, " XDG_CONFIG_HOME=", home,
                     " fish --no-config -c 'source urna.fish; complete -C \"", line, "\"'"))
        .output;
  };
  EXPECT_THAT(offered("urna po"), HasSubstr("poll\t"));
  EXPECT_THAT(offered("urna poll cl"), AllOf(HasSubstr("close\t"), Not(HasSubstr("create"))));
  EXPECT_THAT(offered("urna poll close --k"), HasSubstr("--key"));
  EXPECT_THAT(offered("urna poll create --key urna-verify.b"), HasSubstr("urna-verify.bash"));
  EXPECT_THAT(offered("urna completion b"), HasSubstr("bash"));
}

TEST_F(ProgramsTest, ZshUnderstandsItsScripts) {
  if (!Has("zsh")) GTEST_SKIP() << "zsh is not installed";
  for (const auto& [program, function] : {std::pair("urna", "_urna"),
                                          {"urna-server", "_urna_server"},
                                          {"urna-verify", "_urna_verify"}}) {
    const std::string script = Cat(folder_.string(), "/", program, ".zsh");
    const Outcome checked = Shell(
        Cat("zsh -fn ", script, " && zsh -fc 'autoload -U compinit && compinit -D -u && source ",
            script, " && echo $_comps[", program, "] && whence -w ", function, "'"));
    EXPECT_EQ(checked.status, 0) << checked.output;
    EXPECT_EQ(checked.output, Cat(function, "\n", function, ": function\n"));
  }
}

TEST(Programs, SayWhichPagesAndShellsThereAre) {
  const std::string bin = URNA_BIN;
  Outcome outcome = Shell(bin + "/urna man frobnicate");
  EXPECT_EQ(outcome.status, 2);
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("frobnicate"), HasSubstr("urna-poll")));
  outcome = Shell(bin + "/urna-verify --completion tcsh");
  EXPECT_EQ(outcome.status, 2);
  EXPECT_THAT(outcome.output, HasSubstr("bash,zsh,fish"));
  EXPECT_NE(Shell(bin + "/urna man --out /dev/null/x").status, 0);
  EXPECT_NE(Shell(bin + "/urna man >/dev/full").status, 0);
}

TEST(Describe, ReadsNamesValuesChoicesAndFooters) {
  CLI::App app("A program. It does things.", "prog");
  std::string key, colour, hidden;
  uint64_t number = 7;
  bool yes = false;
  CLI::App* paint = app.add_subcommand("paint", "Paints.");
  paint->add_option("--key", key, "A key")->required()->envname("PROG_KEY");
  paint->add_option("-c,--colour", colour, "Which")->check(CLI::IsMember({"red", "blue"}));
  paint->add_option("--number", number, "How many")->check(CLI::Range(1, 9))->capture_default_str();
  paint->add_flag("--yes", yes, "Yes");
  paint->add_option("--hidden", hidden)->group("");
  paint->footer("A note.\n\nExample:\n  prog paint --key k");
  app.add_subcommand("secret", "Not shown")->group("");
  NameValues(&app, {{"--key", "TEXT"}, {"paint --key", "FILE"}});

  const Command program = Describe(app);
  ASSERT_EQ(program.commands.size(), 1u);
  const Command& command = program.commands[0];
  EXPECT_EQ(command.path, "prog paint");
  EXPECT_THAT(command.notes, ElementsAre("A note."));
  EXPECT_THAT(command.examples, ElementsAre("prog paint --key k"));
  ASSERT_EQ(command.arguments.size(), 5u);  // with --help
  EXPECT_EQ(command.arguments[1].value, "FILE");
  EXPECT_EQ(command.arguments[1].environment, "PROG_KEY");
  EXPECT_TRUE(command.arguments[1].required);
  EXPECT_THAT(command.arguments[2].names, ElementsAre("-c", "--colour"));
  EXPECT_THAT(command.arguments[2].choices, UnorderedElementsAre("red", "blue"));
  EXPECT_EQ(command.arguments[3].range, "1 - 9");
  EXPECT_EQ(command.arguments[3].standard, "7");
  EXPECT_EQ(command.arguments[4].value, "");
}

TEST(Manual, NothingInATextIsARequestOrAnEscape) {
  CLI::App app(".Dots and\n'quotes \\fB – ś", "prog");
  const std::string page = ManualPages(Describe(app), Facts()).front().text;
  EXPECT_THAT(page, AllOf(HasSubstr("\n\\&.Dots and\n\\(aqquotes \\efB \\[u2013] \\[u015B]\n")));
}

TEST(FirstSentenceTest, StopsAtAFullStopOrALine) {
  EXPECT_EQ(FirstSentence("Does this. And that."), "Does this");
  EXPECT_EQ(FirstSentence("Does v1.2\nand that"), "Does v1.2");
}

}  // namespace
}  // namespace urna::cli
