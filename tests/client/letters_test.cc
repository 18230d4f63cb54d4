#include "client/letters.h"

#include <gmock/gmock.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/file.h"
#include "base/text.h"
#include "client/code_uri.h"
#include "client/interrupt.h"
#include "client/roll.h"
#include "crypto/credential.h"
#include "crypto/group.h"
#include "tests/support/election.h"

namespace urna::client {
namespace {

using base::Cat;
using ::testing::AllOf;
using testing::ElectionOptions;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::TestElection;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

poll::Definition DefinitionOf(const ElectionOptions& options) {
  return poll::ParseDefinition(TestElection(options).definition_json()).value();
}

class LettersTest : public ::testing::Test {
 protected:
  void SetUp() override {
    crypto::Initialize();
    folder_ = TemporaryFolder::Create().value();
    std::filesystem::create_directory(Path("office"));
    Put("office/roll.csv", "urna-roll/1,test-roll\n");
    for (int i = 1; i <= 5; ++i) {
      codes_.emplace_back(crypto::NewCode().Expose());
      lines_.push_back({Cat("id", i), Cat("Żaneta Źdźbło ", i),
                        Cat("ul. Długa ", i, ", 31-00", i, " Kraków"), Cat("style-", i % 2), "",
                        codes_.back()});
    }
    WriteCodes();
    words_.sender = "Miasto Kraków\nPlac Wszystkich Świętych 3-4";
    words_.where = "https://vote.example";
    words_.contact = "tel. 12 34";
  }
  std::string Path(const std::string& name) { return Cat(folder_->path(), "/", name); }
  void Put(const std::string& name, const std::string& content) {
    ASSERT_TRUE(base::WriteFileAtomic(Path(name), content, 0600).ok());
  }
  std::string Get(const std::string& name) {
    const auto text = base::ReadFile(Path(name));
    EXPECT_TRUE(text.ok()) << text.status();
    return text.ok() ? *text : "";
  }
  void WriteCodes() {
    std::string text = "id,name,address,style,void,code\n";
    for (const auto& line : lines_) text += FormatCsvRow({line.begin(), line.end()});
    Put("office/codes.csv", text);
  }
  LettersOptions Options(const std::string& out) {
    std::vector<std::string> without_text;
    LettersOptions options;
    options.office = Path("office");
    options.out = Path(out);
    options.design = DesignLetters(nullptr, words_, &without_text).value();
    options.batch = 2;
    options.threads = 1;
    return options;
  }
  /// What a person reads on page `page` (from 1) of a PDF.
  std::string TextOf(const std::string& pdf, int page) {
    const std::string out = Path("text");
    EXPECT_EQ(
        system(Cat("pdftotext -layout -f ", page, " -l ", page, " ", Path(pdf), " ", out).c_str()),
        0);
    return Get("text");
  }

  std::unique_ptr<TemporaryFolder> folder_;
  std::vector<std::string> codes_;
  std::vector<std::vector<std::string>> lines_;
  LetterWords words_;
};

// --- What stands on a page ---

TEST_F(LettersTest, EachResidentGetsAPageWithNameAddressAndCode) {
  const auto made = MakeLetters(Options("out"));
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->manifest.letters, 5u);
  EXPECT_EQ(made->manifest.batches, 3u);
  for (int i = 0; i < 5; ++i) {
    const std::string pdf = Cat("out/batch-000", i / 2 + 1, ".pdf");
    const std::string page = TextOf(pdf, i % 2 + 1);
    EXPECT_THAT(
        page, AllOf(HasSubstr(Cat("Żaneta Źdźbło ", i + 1)), HasSubstr(codes_[i]),
                    HasSubstr(Cat("ul. Długa ", i + 1)), HasSubstr(Cat("31-00", i + 1, " Kraków")),
                    HasSubstr(Cat("Letter ", i + 1)), HasSubstr("https://vote.example"),
                    HasSubstr("Nobody will ever ask you for this code")));
    for (int other = 0; other < 5; ++other) {
      if (other == i) continue;
      EXPECT_THAT(page, Not(HasSubstr(codes_[other])));
    }
    struct stat info;
    ASSERT_EQ(stat(Path(pdf).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u);
  }
  EXPECT_NE(
      system(Cat("pdftotext -f 2 -l 2 ", Path("out/batch-0003.pdf"), " - 2>/dev/null | grep -q .")
                 .c_str()),
      0);
}

TEST_F(LettersTest, TheSquareHoldsPollAndCode) {
  words_.poll = crypto::HashSha256("poll");
  LettersOptions options = Options("out");
  options.only = {"id4"};
  ASSERT_TRUE(MakeLetters(options).ok());
  ASSERT_EQ(
      system(Cat("pdftoppm -r 150 -png -singlefile ", Path("out/batch-0001.pdf"), " ", Path("page"),
                 " && zbarimg -q --raw ", Path("page.png"), " >", Path("square"), " 2>/dev/null")
                 .c_str()),
      0);
  EXPECT_EQ(Get("square"),
            Cat("urna:vote?poll=", base::Hex(*words_.poll), "&code=", codes_[3], "\n"));
  EXPECT_EQ(CodeUri({}, "A-B"), "urna:vote?code=A-B");
}

TEST_F(LettersTest, ThePollsTitleTimesAndLanguagesComeFromItsDefinition) {
  const poll::Definition definition = DefinitionOf({});
  words_.time_zone = "Europe/Warsaw";
  std::vector<std::string> without_text;
  LettersOptions options = Options("out");
  const auto design = DesignLetters(&definition, words_, &without_text);
  ASSERT_TRUE(design.ok()) << design.status();
  EXPECT_THAT(without_text, IsEmpty());
  options.design = *design;
  const auto made = MakeLetters(options);
  ASSERT_TRUE(made.ok()) << made.status();
  const std::string page = TextOf("out/batch-0001.pdf", 1);
  EXPECT_THAT(page, AllOf(HasSubstr("Test poll"), HasSubstr("Głosowanie próbne"),
                          HasSubstr("District 1 · Dzielnica 1"), HasSubstr("Your voting code"),
                          HasSubstr("Twój kod do głosowania"), HasSubstr("CE")));
  EXPECT_THAT(page, Not(HasSubstr("REHEARSAL")));
  // Each language has its own section, in the definition's order.
  ASSERT_EQ(design->sections.size(), 2u);
  EXPECT_EQ(design->sections[0].language, "en");
  EXPECT_EQ(design->sections[1].language, "pl");

  words_.languages = {"pl"};
  const auto polish = DesignLetters(&definition, words_, &without_text);
  ASSERT_TRUE(polish.ok());
  EXPECT_EQ(polish->sections.size(), 1u);
  EXPECT_THAT(polish->titles, ElementsAre("Głosowanie próbne"));
  words_.languages = {"fr"};
  EXPECT_THAT(Message(DesignLetters(&definition, words_, &without_text).status()),
              HasSubstr("no language \"fr\"; it has: en, pl"));
  words_.languages = {};
  words_.time_zone = "Europe/Cracow";
  EXPECT_THAT(Message(DesignLetters(&definition, words_, &without_text).status()),
              HasSubstr("no time zone"));
}

TEST_F(LettersTest, TimesAreThoseOfTheTimeZone) {
  poll::Definition definition = DefinitionOf({});
  ASSERT_TRUE(base::ParseUtc("2026-05-24T05:00:00Z", &definition.casting_from));
  ASSERT_TRUE(base::ParseUtc("2026-05-24T19:00:00Z", &definition.end));
  words_.time_zone = "Europe/Warsaw";
  std::vector<std::string> without_text;
  const auto design = DesignLetters(&definition, words_, &without_text);
  ASSERT_TRUE(design.ok());
  EXPECT_THAT(design->Describe(), AllOf(HasSubstr("from 24 May 2026, 07:00 (CEST) to 24 May 2026, "
                                                  "21:00 (CEST)"),
                                        HasSubstr("od 24.05.2026, 07:00 (CEST) do")));
}

TEST_F(LettersTest, ALetterForARehearsalSaysSo) {
  poll::Definition definition = DefinitionOf({});
  definition.rehearsal = true;
  std::vector<std::string> without_text;
  LettersOptions options = Options("out");
  options.design = DesignLetters(&definition, words_, &without_text).value();
  ASSERT_TRUE(MakeLetters(options).ok());
  for (const int page : {1, 2}) {
    EXPECT_THAT(TextOf("out/batch-0001.pdf", page),
                AllOf(HasSubstr("REHEARSAL"), HasSubstr("PRÓBA"), HasSubstr("have no effect")));
  }
}

TEST_F(LettersTest, ALanguageWithoutInstructionsGetsEnglishOnes) {
  words_.languages = {"uk", "de"};
  std::vector<std::string> without_text;
  const auto design = DesignLetters(nullptr, words_, &without_text);
  ASSERT_TRUE(design.ok());
  EXPECT_THAT(without_text, ElementsAre("de"));
  ASSERT_EQ(design->sections.size(), 2u);
  EXPECT_EQ(design->sections[1].language, "en");
  LettersOptions options = Options("out");
  options.design = *design;
  ASSERT_TRUE(MakeLetters(options).ok());
  EXPECT_THAT(TextOf("out/batch-0001.pdf", 1),
              AllOf(HasSubstr("Ваш код для голосування"), HasSubstr("Your voting code")));
}

TEST_F(LettersTest, WhatDoesNotFitOrHasNoGlyphsIsAnErrorThatNamesTheLetter) {
  lines_[2][2] = std::string(2000, 'x');
  WriteCodes();
  EXPECT_THAT(Message(MakeLetters(Options("a")).status()),
              AllOf(HasSubstr("letter 3"), HasSubstr("window")));
  lines_[2][2] = "\xf4\x8f\xbf\xbd";  // no font has U+10FFFD
  WriteCodes();
  EXPECT_THAT(Message(MakeLetters(Options("b")).status()),
              AllOf(HasSubstr("letter 3"), HasSubstr("no installed font")));
  lines_[2][2] = "<b> & </i>";  // is text, not markup
  WriteCodes();
  ASSERT_TRUE(MakeLetters(Options("c")).ok());
  EXPECT_THAT(TextOf("c/batch-0002.pdf", 1), HasSubstr("<b> & </i>"));
  words_.contact = std::string(20000, 'y');
  EXPECT_THAT(Message(MakeLetters(Options("d")).status()), HasSubstr("do not fit on one page"));
}

// --- Whose letters ---

TEST_F(LettersTest, VoidCodesAreNotPrinted) {
  const std::string fresh = crypto::NewCode().Expose();
  lines_[1][4] = "2026-05-01T10:00:00Z";
  lines_.push_back({lines_[1][0], lines_[1][1], lines_[1][2], lines_[1][3], "", fresh});
  lines_[4][4] = "2026-05-01T10:00:00Z";  // void without a successor
  WriteCodes();
  const auto made = MakeLetters(Options("out"));
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->manifest.letters, 4u);
  EXPECT_THAT(TextOf("out/batch-0001.pdf", 2),
              AllOf(HasSubstr(fresh), HasSubstr("Letter 2"), Not(HasSubstr(codes_[1]))));
  EXPECT_THAT(TextOf("out/batch-0002.pdf", 2), HasSubstr(codes_[3]));

  LettersOptions options = Options("one");
  options.only = {"id5"};
  EXPECT_EQ(MakeLetters(options).status().code(), absl::StatusCode::kNotFound);
  options.only = {"id2", "id1"};
  ASSERT_TRUE(MakeLetters(options).ok());
  EXPECT_THAT(TextOf("one/batch-0001.pdf", 1), HasSubstr(codes_[0]));
  EXPECT_THAT(TextOf("one/batch-0001.pdf", 2), HasSubstr(fresh));
  options.only = {"nobody"};
  EXPECT_THAT(Message(MakeLetters(options).status()), HasSubstr("\"nobody\""));
}

TEST_F(LettersTest, RefusesCodesThatDoNotFitThePoll) {
  poll::Definition definition = DefinitionOf({});
  std::vector<std::string> without_text;
  lines_[3][3] = "elsewhere";
  WriteCodes();
  LettersOptions options = Options("out");
  options.design = DesignLetters(&definition, words_, &without_text).value();
  EXPECT_THAT(Message(MakeLetters(options).status()),
              AllOf(HasSubstr("\"id4\""), HasSubstr("\"elsewhere\"")));
  definition.roll_label = "other-roll";
  options.design = DesignLetters(&definition, words_, &without_text).value();
  EXPECT_THAT(Message(MakeLetters(options).status()),
              AllOf(HasSubstr("\"test-roll\""), HasSubstr("\"other-roll\"")));
}

// --- Batches ---

TEST_F(LettersTest, AnInterruptedRunIsContinuedAndGivesTheSameFiles) {
  ASSERT_TRUE(MakeLetters(Options("whole")).ok());
  LettersOptions options = Options("out");
  options.progress = [](size_t, size_t) { return false; };
  EXPECT_EQ(MakeLetters(options).status().code(), absl::StatusCode::kCancelled);
  const std::filesystem::path first = Path("out/batch-0001.pdf");
  ASSERT_TRUE(std::filesystem::exists(first));
  EXPECT_FALSE(std::filesystem::exists(Path("out/batch-0002.pdf")));
  // Killed while the next file was being written, and the disk lost what it was not asked to keep.
  Put("out/batch-0002.pdf.tmp.1.0", "half");
  const auto before = std::filesystem::last_write_time(first);

  const auto made = MakeLetters(Options("out"));
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->resumed, 1u);
  EXPECT_EQ(std::filesystem::last_write_time(first), before);
  for (const char* name :
       {"batch-0001.pdf", "batch-0002.pdf", "batch-0003.pdf", "letters.sha256"}) {
    EXPECT_TRUE(Get(Cat("out/", name)) == Get(Cat("whole/", name))) << name;
  }
  EXPECT_FALSE(std::filesystem::exists(Path("out/batch-0002.pdf.tmp.1.0")));
  EXPECT_EQ(
      system(Cat("cd ", Path("out"), " && sha256sum -c --quiet --strict letters.sha256").c_str()),
      0);
  // A file that was taken away is made again.
  std::filesystem::remove(Path("out/batch-0002.pdf"));
  ASSERT_TRUE(MakeLetters(Options("out")).ok());
  EXPECT_TRUE(Get("out/batch-0002.pdf") == Get("whole/batch-0002.pdf"));
}

TEST_F(LettersTest, NeverMixesTwoSetsInOneFolder) {
  LettersOptions options = Options("out");
  options.progress = [](size_t, size_t) { return false; };
  ASSERT_EQ(MakeLetters(options).status().code(), absl::StatusCode::kCancelled);
  const std::string before = Get("out/letters.sha256");

  LettersOptions batch = Options("out");
  batch.batch = 3;
  words_.where = "https://elsewhere.example";
  LettersOptions words = Options("out");
  LettersOptions only = Options("out");
  only.only = {"id1"};
  LettersOptions sealed = Options("out");
  sealed.seal_to = PrintKey::New().public_key;
  for (LettersOptions* other : {&batch, &words, &only, &sealed}) {
    EXPECT_EQ(MakeLetters(*other).status().code(), absl::StatusCode::kFailedPrecondition);
  }
  words_.where = "https://vote.example";
  lines_[4][5] = crypto::NewCode().Expose();
  WriteCodes();
  EXPECT_EQ(MakeLetters(Options("out")).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Get("out/letters.sha256"), before);

  std::filesystem::remove(Path("out/letters.sha256"));
  EXPECT_THAT(Message(MakeLetters(Options("out")).status()), HasSubstr("but no letters.sha256"));
}

TEST_F(LettersTest, ABatchThatWasChangedIsNotedWhenTheRunGoesOn) {
  ASSERT_TRUE(MakeLetters(Options("out")).ok());
  Put("out/batch-0002.pdf", "something else");
  EXPECT_THAT(Message(MakeLetters(Options("out")).status()),
              AllOf(HasSubstr("batch-0002.pdf"), HasSubstr("changed")));
}

TEST_F(LettersTest, ReadsBackItsManifestStrictly) {
  ASSERT_TRUE(MakeLetters(Options("out")).ok());
  const std::string text = Get("out/letters.sha256");
  const auto manifest = LettersManifest::Parse("m", text);
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ(manifest->Format(), text);
  EXPECT_EQ(manifest->files.at("batch-0003.pdf").first, 5u);
  for (const std::string& wrong : {std::string(), text.substr(1), text.substr(0, text.size() - 5),
                                   text + "x\n", text + text.substr(text.rfind("# batch"))}) {
    EXPECT_FALSE(LettersManifest::Parse("m", wrong).ok()) << wrong;
  }
}

// --- Sealed ---

class SealedLettersTest : public LettersTest {
 protected:
  void SetUp() override {
    LettersTest::SetUp();
    key_ = PrintKey::New();
    MakeSealed("sealed");
  }
  void MakeSealed(const std::string& out) {
    LettersOptions options = Options(out);
    options.seal_to = key_.public_key;
    const auto made = MakeLetters(options);
    ASSERT_TRUE(made.ok()) << made.status();
  }
  std::vector<std::string> Files(const std::string& folder) {
    std::vector<std::string> files;
    for (int i = 1; i <= 3; ++i) files.push_back(Path(Cat(folder, "/batch-000", i, ".pdf.sealed")));
    return files;
  }
  absl::Status Unseal(const std::vector<std::string>& files) {
    return UnsealLetters(files, key_, Path("open"), {}).status();
  }

  PrintKey key_;
};

TEST_F(SealedLettersTest, ThePrintOfficeGetsTheVeryLetters) {
  for (const auto& entry : std::filesystem::directory_iterator(Path("sealed"))) {
    const std::string name = entry.path().filename().string();
    EXPECT_TRUE(name.ends_with(".sealed") || name == "letters.sha256") << name;
    EXPECT_THAT(Get(Cat("sealed/", name)), Not(HasSubstr("%PDF"))) << name;
  }
  ASSERT_TRUE(MakeLetters(Options("plain")).ok());
  const auto opened = UnsealLetters(Files("sealed"), key_, Path("open"), {});
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_THAT(opened->missing, IsEmpty());
  for (const char* name : {"batch-0001.pdf", "batch-0002.pdf", "batch-0003.pdf"}) {
    EXPECT_TRUE(Get(Cat("open/", name)) == Get(Cat("plain/", name))) << name;
    struct stat info;
    ASSERT_EQ(stat(Path(Cat("open/", name)).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u);
  }
  // Once more is harmless; over something else it does not write.
  EXPECT_TRUE(Unseal(Files("sealed")).ok());
  Put("open/batch-0002.pdf", "something else");
  EXPECT_EQ(Unseal(Files("sealed")).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Get("open/batch-0002.pdf"), "something else");
}

TEST_F(SealedLettersTest, MissingFilesAreNamed) {
  const auto opened = UnsealLetters({Files("sealed")[1]}, key_, Path("open"), {});
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_THAT(opened->missing, ElementsAre("batch-0001.pdf.sealed", "batch-0003.pdf.sealed"));
}

TEST_F(SealedLettersTest, ExchangedFilesAreRefused) {
  const std::vector<std::string> files = Files("sealed");
  std::filesystem::rename(files[0], Path("kept"));
  std::filesystem::rename(files[1], files[0]);
  std::filesystem::rename(Path("kept"), files[1]);
  EXPECT_THAT(Message(Unseal(files)), AllOf(HasSubstr("batch-0001"), HasSubstr("renamed")));
  EXPECT_FALSE(std::filesystem::exists(Path("open/batch-0001.pdf")));
}

TEST_F(SealedLettersTest, AFileOfAnotherSetIsRefused) {
  words_.where = "https://elsewhere.example";
  MakeSealed("other");
  std::filesystem::copy_file(Files("other")[1], Files("sealed")[1],
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_EQ(Unseal({Files("sealed")[0], Files("sealed")[1]}).code(),
            absl::StatusCode::kFailedPrecondition);
  // Alone, too: the manifest beside it does not list it.
  EXPECT_THAT(Message(Unseal({Files("sealed")[1]})), HasSubstr("letters.sha256"));
  std::filesystem::remove(Path("sealed/letters.sha256"));
  EXPECT_THAT(Message(Unseal({Files("sealed")[0], Files("sealed")[1]})), HasSubstr("another set"));
}

TEST_F(SealedLettersTest, ATruncatedFileIsRefusedAndNothingOfItIsWritten) {
  const std::string path = Files("sealed")[0];
  const std::string content = base::ReadFile(path).value();
  std::filesystem::remove(Path("sealed/letters.sha256"));
  Put("sealed/batch-0001.pdf.sealed", content.substr(0, content.size() - 1));
  EXPECT_EQ(Unseal({path}).code(), absl::StatusCode::kDataLoss);
  EXPECT_FALSE(std::filesystem::exists(Path("open/batch-0001.pdf")));
}

}  // namespace
}  // namespace urna::client
