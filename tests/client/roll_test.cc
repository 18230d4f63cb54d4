#include "client/roll.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>

#include "base/bytes.h"
#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "tests/support/election.h"

namespace urna::client {
namespace {

using base::Cat;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

std::vector<std::string> Texts(const CsvRow& row) {
  std::vector<std::string> texts;
  for (const CsvField& field : row) texts.push_back(field.text);
  return texts;
}

// --- Tables ---

TEST(Csv, ReadsWhatRfc4180Allows) {
  const auto rows =
      ParseCsv("f", "\xEF\xBB\xBFid,name\r\n1,\"Nowak, Jan\"\r\n\r\n2,\"a \"\"b\"\"\nc\"\n3,", ',');
  ASSERT_TRUE(rows.ok()) << rows.status();
  ASSERT_EQ(rows->size(), 4u);
  EXPECT_THAT(Texts((*rows)[0]), ElementsAre("id", "name"));
  EXPECT_THAT(Texts((*rows)[1]), ElementsAre("1", "Nowak, Jan"));
  EXPECT_THAT(Texts((*rows)[2]), ElementsAre("2", "a \"b\"\nc"));
  EXPECT_THAT(Texts((*rows)[3]), ElementsAre("3", ""));
  EXPECT_EQ((*rows)[2][0].line, 4u);
  EXPECT_EQ((*rows)[3][0].line, 6u);  // after the line end inside the quotes
}

TEST(Csv, WritesWhatItReads) {
  const std::vector<std::string> fields = {"plain", "with, comma", "with \"quotes\"", "two\nlines",
                                           "",      "zażółć"};
  const auto rows = ParseCsv("f", FormatCsvRow({fields.begin(), fields.end()}), ',');
  ASSERT_TRUE(rows.ok()) << rows.status();
  ASSERT_EQ(rows->size(), 1u);
  EXPECT_EQ(Texts((*rows)[0]), fields);
}

TEST(Residents, ReadsColumnsByNameWithAnotherSeparator) {
  ResidentColumns columns;
  columns.id = "PESEL";
  columns.style = "okręg";
  columns.separator = ';';
  const auto residents = ParseResidents(
      "f", "okręg;uwagi;name;address;PESEL\nd1;x;Ewa;ul. Długa 1, m. 2;77\n", columns);
  ASSERT_TRUE(residents.ok()) << residents.status();
  ASSERT_EQ(residents->size(), 1u);
  EXPECT_EQ((*residents)[0].id, "77");
  EXPECT_EQ((*residents)[0].name, "Ewa");
  EXPECT_EQ((*residents)[0].address, "ul. Długa 1, m. 2");
  EXPECT_EQ((*residents)[0].style, "d1");
}

TEST(Residents, NamesFileLineAndColumnOfAnError) {
  const struct {
    std::string text, error;
  } kCases[] = {
      {"", "r.csv: line 1: the file is empty"},
      {"id,name,address\n", "r.csv: line 1: there is no column \"style\""},
      {"id,name,address,style,id\n", "r.csv: line 1, column 5 (id): is there twice"},
      {"id,name,address,style\n", "r.csv: line 1: there is nobody on the list"},
      {"id,name,address,style\n1,A,B,s\n2,A,B\n",
       "r.csv: line 3: has 3 columns, the first line has 4"},
      {"id,name,address,style\n,A,B,s\n", "r.csv: line 2, column 1 (id): is empty"},
      {"id,name,address,style\n1,A,B, \n", "r.csv: line 2, column 4 (style): is empty"},
      {"id,name,address,style\n1,A,B,s\n2,A,B,s\n1,C,D,s\n",
       "r.csv: line 4, column 1 (id): \"1\" was already on line 2"},
      {"id,name,address,style\n1,\"A,B,s\n", "r.csv: line 2, column 2: the quote that opens here"},
      {"id,name,address,style\n1,A\"x\",B,s\n", "r.csv: line 2, column 2: a quote or other text"},
      {"id,name,address,style\n1,\"A\"x,B,s\n", "r.csv: line 2, column 2: a quote or other text"},
      {"id,name,address,style\n1,\"A\nB\",C,s\n2,\xff,C,s\n", "r.csv: line 4: is not valid UTF-8"},
  };
  for (const auto& c : kCases) {
    const auto residents = ParseResidents("r.csv", c.text, {});
    ASSERT_FALSE(residents.ok()) << c.text;
    EXPECT_THAT(Message(residents.status()), StartsWith(c.error)) << c.text;
  }
}

// --- Codes ---

class CodesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    crypto::Initialize();
    std::string pattern = ::testing::TempDir() + "/codes-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    WriteResidents(4);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void WriteResidents(int count) {
    std::string text = "id,name,address,style\r\n";
    for (int i = 0; i < count; ++i)
      text += Cat(i, ",\"Nowak, Jan\",ul. Długa ", i, ",d", i % 2, "\r\n");
    ASSERT_TRUE(base::WriteFileAtomic(folder_ + "/residents.csv", text).ok());
  }
  CodesOptions Options() const {
    CodesOptions options;
    options.residents = folder_ + "/residents.csv";
    options.label = "test-roll";
    options.out = folder_ + "/out";
    return options;
  }
  std::string Read(const std::string& name) const {
    const auto text = base::ReadFile(folder_ + "/out/" + name);
    EXPECT_TRUE(text.ok()) << text.status();
    return text.ok() ? *text : "";
  }

  std::string folder_;
};

TEST_F(CodesTest, RollHoldsTheCredentialOfEveryCode) {
  const auto result = MakeCodes(Options());
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->codes, 4u);
  EXPECT_EQ(result->resumed, 0u);

  const auto codes = ParseTable("codes", Read("codes.csv"), ',', {"id", "name", "style", "code"});
  ASSERT_TRUE(codes.ok()) << codes.status();
  const auto roll = RollFile::Parse("roll", Read("roll.csv"));
  ASSERT_TRUE(roll.ok()) << roll.status();
  EXPECT_EQ(roll->label, "test-roll");
  ASSERT_EQ(codes->size(), 4u);
  ASSERT_EQ(roll->entries.size(), 4u);
  for (const CsvRow& row : *codes) {
    EXPECT_EQ(row[1].text, "Nowak, Jan");
    const auto symbols = crypto::ParseCode(row[3].text);
    ASSERT_TRUE(symbols.ok());
    const auto key = crypto::DeriveCredential(*symbols, "test-roll");
    ASSERT_TRUE(key.ok());
    const auto entry = std::ranges::find(roll->entries, key->V, &RollFile::Entry::credential);
    ASSERT_NE(entry, roll->entries.end());
    EXPECT_EQ(entry->style, row[2].text);
  }
  const auto list = base::ReadFile(folder_ + "/residents.csv");
  EXPECT_EQ(Read("persons.sha256"), base::Hex(crypto::HashSha256(*list)) + "  residents.csv\n");
  EXPECT_EQ(ReadSha256(folder_ + "/out/persons.sha256").value(), crypto::HashSha256(*list));
}

TEST_F(CodesTest, ATypingErrorInACodeIsRecognised) {
  WriteResidents(1);
  ASSERT_TRUE(MakeCodes(Options()).ok());
  const auto codes = ParseTable("codes", Read("codes.csv"), ',', {"code"});
  ASSERT_TRUE(codes.ok());
  const std::string code = (*codes)[0][0].text;
  // Two letters exchanged, or one mistyped, are seen unless the 10 check bits happen to fit, which
  // over all positions is far rarer than this allows.
  int recognised = 0, tried = 0;
  for (size_t i = 0; i < code.size(); ++i) {
    if (code[i] == '-') continue;
    std::string typed = code;
    typed[i] = typed[i] == '7' ? '8' : '7';
    ++tried;
    recognised += base::RejectId(crypto::ParseCode(typed).status()) == "code.typing-error";
  }
  EXPECT_EQ(tried, 20);
  EXPECT_GE(recognised, 18);
  EXPECT_EQ(base::RejectId(crypto::ParseCode(code.substr(1)).status()), "code.malformed");
}

TEST_F(CodesTest, SecretsAreForTheirOwnerOnly) {
  WriteResidents(1);
  ASSERT_TRUE(MakeCodes(Options()).ok());
  struct stat info;
  ASSERT_EQ(stat((folder_ + "/out/codes.csv").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(CodesTest, GoesOnWhereItWasInterrupted) {
  CodesOptions options = Options();
  options.threads = 1;
  options.progress = [](size_t done, size_t) { return done < 2; };
  EXPECT_EQ(MakeCodes(options).status().code(), absl::StatusCode::kCancelled);
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/out/codes.csv"));
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/out/roll.csv"));
  const std::string drawn = Read("unfinished/codes.csv");
  // The power fails while a line is being written.
  const std::string derived = Read("unfinished/derived");
  ASSERT_TRUE(base::WriteFileAtomic(folder_ + "/out/unfinished/derived",
                                    derived.substr(0, derived.size() - 10))
                  .ok());

  const auto result = MakeCodes(Options());
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->resumed, 1u);
  EXPECT_EQ(Read("codes.csv"), drawn);
  const auto roll = RollFile::Parse("roll", Read("roll.csv"));
  ASSERT_TRUE(roll.ok());
  std::set<std::string> credentials;
  for (const auto& entry : roll->entries) credentials.emplace(entry.credential.view());
  EXPECT_EQ(credentials.size(), 4u);
  const auto codes = ParseTable("codes", drawn, ',', {"code"});
  for (const CsvRow& row : *codes) {
    const auto symbols = crypto::ParseCode(row[0].text);
    const auto key = crypto::DeriveCredential(*symbols, "test-roll");
    EXPECT_EQ(credentials.count(std::string(key->V.view())), 1u);
  }
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/out/unfinished"));
}

TEST_F(CodesTest, RefusesToGoOnWithAnotherListOrLabel) {
  CodesOptions options = Options();
  options.progress = [](size_t, size_t) { return false; };
  ASSERT_EQ(MakeCodes(options).status().code(), absl::StatusCode::kCancelled);

  CodesOptions other_label = Options();
  other_label.label = "other-roll";
  EXPECT_EQ(MakeCodes(other_label).status().code(), absl::StatusCode::kFailedPrecondition);

  WriteResidents(5);
  EXPECT_EQ(MakeCodes(Options()).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(CodesTest, NeverReplacesCodesThatMayHaveBeenPrinted) {
  WriteResidents(1);
  ASSERT_TRUE(MakeCodes(Options()).ok());
  const std::string codes = Read("codes.csv");
  EXPECT_EQ(MakeCodes(Options()).status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Read("codes.csv"), codes);
}

TEST_F(CodesTest, AReplacedCodeIsKeptAsVoidAndTheNewOneFits) {
  ASSERT_TRUE(MakeCodes(Options()).ok());
  const std::string roll_before = Read("roll.csv");
  const auto before = ReadCodes(folder_ + "/out/codes.csv");
  ASSERT_TRUE(before.ok()) << before.status();
  const auto replaced = ReplaceCode(folder_ + "/out", "2", "", 1'700'000'000, false);
  ASSERT_TRUE(replaced.ok()) << replaced.status();
  const auto after = ReadCodes(folder_ + "/out/codes.csv");
  ASSERT_TRUE(after.ok()) << after.status();
  ASSERT_EQ(after->size(), 5u);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ((*after)[i].code.Expose(), (*before)[i].code.Expose());
    EXPECT_EQ((*after)[i].voided, i == 2 ? "2023-11-14T22:13:20Z" : "");
  }
  EXPECT_EQ((*after)[4].resident, (*before)[2].resident);
  EXPECT_EQ((*after)[4].voided, "");
  const auto credential = [](const CodeLine& line) {
    return crypto::DeriveCredential(*crypto::ParseCode(line.code.Expose()), "test-roll")->V;
  };
  EXPECT_EQ(replaced->old_credential, credential((*before)[2]));
  EXPECT_EQ(replaced->new_credential, credential((*after)[4]));
  EXPECT_EQ(Read("roll.csv"), roll_before);
  struct stat info;
  ASSERT_EQ(stat((folder_ + "/out/codes.csv").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);

  // Its successor can be replaced in turn, but is not on the roll file.
  EXPECT_EQ(ReplaceCode(folder_ + "/out", "2", "", 1'700'000'001, true).status().code(),
            absl::StatusCode::kNotFound);
  const auto other = ReplaceCode(folder_ + "/out", "3", "test-roll", 1'700'000'001, true);
  ASSERT_TRUE(other.ok()) << other.status();
  const auto roll = RollFile::Parse("roll", Read("roll.csv"));
  ASSERT_TRUE(roll.ok()) << roll.status();
  EXPECT_EQ(roll->entries.size(), 4u);
  const auto entry =
      std::ranges::find(roll->entries, other->new_credential, &RollFile::Entry::credential);
  ASSERT_NE(entry, roll->entries.end());
  EXPECT_EQ(entry->style, "d1");
}

TEST_F(CodesTest, ReplacesNoCodeThatIsNotThere) {
  WriteResidents(1);
  ASSERT_TRUE(MakeCodes(Options()).ok());
  const std::string before = Read("codes.csv");
  EXPECT_EQ(ReplaceCode(folder_ + "/out", "7", "", 0, false).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_THAT(Message(ReplaceCode(folder_ + "/out", "0", "other-roll", 0, false).status()),
              HasSubstr("\"test-roll\", not \"other-roll\""));
  EXPECT_EQ(Read("codes.csv"), before);
}

TEST_F(CodesTest, NamesTheLineOfABadCodeWithoutShowingIt) {
  WriteResidents(1);
  ASSERT_TRUE(MakeCodes(Options()).ok());
  const std::string codes = Read("codes.csv");
  const std::string code = codes.substr(codes.size() - 24, 23);
  const std::string path = folder_ + "/out/codes.csv";
  ASSERT_TRUE(base::WriteFileAtomic(path, codes.substr(0, codes.size() - 2) + "\n").ok());
  EXPECT_THAT(Message(ReadCodes(path).status()), HasSubstr("line 2, column 6 (code): "));
  EXPECT_THAT(Message(ReadCodes(path).status()), ::testing::Not(HasSubstr(code.substr(0, 5))));
  ASSERT_TRUE(base::WriteFileAtomic(path, codes + codes.substr(codes.find('\n') + 1)).ok());
  EXPECT_THAT(Message(ReadCodes(path).status()), HasSubstr("line 3, column 1 (id): "));
}

// --- Enrolment ---

TEST(EnrolmentTest, IsGoodForItsOwnRollOnly) {
  crypto::Initialize();
  const crypto::CredentialKey key = crypto::CredentialKey::New();
  const std::string text = Enrolment::Make(key, "roll-a").ToString();
  const auto enrolment = Enrolment::Parse(" " + text + "\n", "roll-a");
  ASSERT_TRUE(enrolment.ok()) << enrolment.status();
  EXPECT_EQ(enrolment->credential, key.V);
  EXPECT_EQ(base::RejectId(Enrolment::Parse(text, "roll-b").status()),
            "credential.signature-invalid");
}

TEST(EnrolmentTest, RefusesACredentialThatTheResidentCannotSignFor) {
  crypto::Initialize();
  const auto mine = Enrolment::Make(crypto::CredentialKey::New(), "roll-a");
  const Enrolment stolen{crypto::CredentialKey::New().V, mine.signature};
  EXPECT_EQ(base::RejectId(Enrolment::Parse(stolen.ToString(), "roll-a").status()),
            "credential.signature-invalid");
}

TEST(EnrolmentTest, RefusesADamagedLine) {
  crypto::Initialize();
  const std::string text = Enrolment::Make(crypto::CredentialKey::New(), "r").ToString();
  for (const std::string& damaged :
       {text.substr(1), text.substr(0, text.size() - 1), text + "0", std::string(),
        Cat("urna-enrol/1:", std::string(192, 'f')), Cat("urna-enrol/1:", std::string(192, '0'))}) {
    EXPECT_EQ(Enrolment::Parse(damaged, "r").status().code(), absl::StatusCode::kInvalidArgument)
        << damaged;
  }
}

// --- Roll files ---

class RollFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    crypto::Initialize();
    for (int i = 0; i < 3; ++i) points_.push_back(crypto::CredentialKey::New().V);
    std::ranges::sort(points_, {}, [](const crypto::Point& p) { return p.view(); });
  }
  std::string Line(size_t i, std::string_view style) const {
    return Cat(base::Hex(points_[i].bytes()), ",", style, "\n");
  }
  std::vector<crypto::Point> points_;
};

TEST_F(RollFileTest, IsWrittenInOrderAndReadBack) {
  RollFile roll;
  roll.label = "r";
  roll.entries = {{points_[2], "b", 0}, {points_[0], "a", 0}, {points_[1], "a", 0}};
  const auto text = roll.Format();
  ASSERT_TRUE(text.ok());
  EXPECT_EQ(*text, Cat("urna-roll/1,r\n", Line(0, "a"), Line(1, "a"), Line(2, "b")));
  const auto read = RollFile::Parse("f", *text);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->entries[2].credential, points_[2]);
  EXPECT_EQ(read->entries[2].line, 4u);
}

TEST_F(RollFileTest, RefusesToWriteACredentialTwice) {
  RollFile roll;
  roll.label = "r";
  roll.entries = {{points_[0], "a", 0}, {points_[1], "a", 0}, {points_[0], "b", 0}};
  EXPECT_THAT(Message(roll.Format().status()), HasSubstr(base::Hex(points_[0].bytes())));
}

TEST_F(RollFileTest, NamesTheLineOfAnError) {
  const std::string head = "urna-roll/1,r\n";
  const struct {
    std::string text, error;
  } kCases[] = {
      {"", "f: line 1: is not \"urna-roll/1,LABEL\""},
      {"urna-roll/1,\n", "f: line 1: a roll label has"},
      {"urna-roll/1,A b\n", "f: line 1: a roll label has"},
      {head + "\n", "f: line 2: is not \"64 hexadecimal digits,STYLE\""},
      {head + Line(0, "a") + "zz,a\n", "f: line 3, column 1 (credential): a credential has 64"},
      {head + std::string(64, '0') + ",a\n", "f: line 2, column 1 (credential): this is no valid"},
      {head + Line(0, ""), "f: line 2, column 2 (style): is empty"},
      {head + Line(0, "a,b"), "f: line 2: has more than two columns"},
      {head + Line(0, "a") + Line(2, "a") + Line(1, "a"),
       "f: line 4, column 1 (credential): is not above line 3"},
      {head + Line(0, "a") + Line(0, "b"),
       "f: line 3, column 1 (credential): is the same as on line 2"},
  };
  for (const auto& c : kCases) {
    const auto roll = RollFile::Parse("f", c.text);
    ASSERT_FALSE(roll.ok()) << c.text;
    EXPECT_THAT(Message(roll.status()), StartsWith(c.error)) << c.text;
  }
}

TEST_F(RollFileTest, FitsOnlyAPollWithItsLabelAndStyles) {
  testing::TestElection election;
  election.Define();
  const poll::Definition& definition = *election.state().definition();
  RollFile roll;
  roll.label = "test-roll";
  roll.entries = {
      {points_[0], "style-1", 2}, {points_[1], "style-0", 3}, {points_[2], "style-1", 4}};
  const auto summary = MatchRoll("f", roll, definition);
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_THAT(summary->per_style, ElementsAre(1, 2));
  EXPECT_EQ(summary->entries[0].style, 1);
  EXPECT_EQ(summary->entries[1].style, 0);

  RollFile unknown = roll;
  unknown.entries[1].style = "style-9";
  EXPECT_THAT(Message(MatchRoll("f", unknown, definition).status()),
              StartsWith("f: line 3, column 2 (style): the poll has no style \"style-9\""));
  RollFile other = roll;
  other.label = "other";
  EXPECT_THAT(Message(MatchRoll("f", other, definition).status()), StartsWith("f: line 1: "));
  RollFile empty = roll;
  empty.entries.clear();
  EXPECT_THAT(Message(MatchRoll("f", empty, definition).status()), HasSubstr("empty"));
}

}  // namespace
}  // namespace urna::client
