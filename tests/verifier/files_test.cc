// Faults in the files of an export, through the shipped program: it exits with 1 and names the
// check and the file or record.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/text.h"
#include "ledger/checkpoint.h"
#include "ledger/record.h"
#include "tests/verifier/support.h"

namespace urna::verifier {
namespace {

namespace fs = std::filesystem;

using poll::RecordKind;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

using Records = std::vector<std::string>;

/// An export of the wide ledger that each test damages.
class Files : public ::testing::Test {
 protected:
  Files() { WideElection().WriteExport(export_); }

  const Records& records() const { return WideElection().records(); }
  std::string Path(std::string_view file) const { return base::Cat(export_, "/", file); }
  /// The partial tile or bundle that ends `level` ("0", "entries").
  std::string Last(std::string_view level) const {
    const uint64_t count = records().size();
    return base::Cat("tile/", level, "/001.p/", count - 256);
  }
  Audited Run() const { return RunAudit({export_, "--poll", PollId(WideElection())}); }

  void Flip(std::string_view file, size_t offset) const {
    std::string content = ReadAll(Path(file));
    ASSERT_LT(offset, content.size());
    content[offset] ^= 0x20;
    WriteAll(Path(file), content);
  }
  /// Offset of record `index` (in the first bundle) in its file, behind its length.
  size_t OffsetOf(uint64_t index) const {
    size_t offset = 2;
    for (uint64_t i = 0; i < index; ++i) offset += 2 + records()[i].size();
    return offset;
  }

  const TempFolder folder_;
  const std::string export_ = folder_ / "export";
};

TEST_F(Files, FlippedByteOfARecordIsNamedByRecordTileAndCheckpoint) {
  const uint64_t index = FindRecord(records(), RecordKind::kIssuanceCounted, 5);
  Flip("tile/entries/000", OffsetOf(index) + 50);
  const Audited audited = Run();
  EXPECT_EQ(audited.exit_code, 1);
  EXPECT_THAT(audited.With("FAIL"),
              IsSupersetOf({"chain", "tiles", "checkpoint", "issuance-counts"}));
  EXPECT_THAT(audited.Faults("chain"), HasSubstr(base::Cat("record ", index + 1, " ")));
  EXPECT_THAT(audited.Faults("tiles"), HasSubstr(base::Cat("tile/0/000: hash ", index, " of 256")));
  EXPECT_THAT(audited.Faults("checkpoint"), HasSubstr("checkpoint.root"));
  EXPECT_THAT(audited.Faults("issuance-counts"), HasSubstr(base::Cat("record ", index, " ")));
}

TEST_F(Files, FlippedByteOfALengthNamesTheBundle) {
  Flip("tile/entries/000", OffsetOf(9) - 1);
  const Audited audited = Run();
  EXPECT_EQ(audited.exit_code, 1);
  EXPECT_THAT(audited.Faults("export-files"),
              AllOf(HasSubstr("bundle.malformed"), HasSubstr("tile/entries/000")));
  EXPECT_THAT(audited.Faults("checkpoint"), HasSubstr("checkpoint.beyond-ledger"));
  EXPECT_THAT(audited.With("SKIPPED"),
              IsSupersetOf({"records", "tiles", "ballot-proofs", "totals"}));
}

TEST_F(Files, FlippedByteOfATileNamesIt) {
  for (const std::string& tile :
       {std::string("tile/0/000"), Last("0"), std::string("tile/1/000.p/1")}) {
    Flip(tile, 7);
    const Audited audited = Run();
    EXPECT_EQ(audited.exit_code, 1) << tile;
    EXPECT_EQ(audited.With("FAIL"), std::set<std::string>{"tiles"}) << tile;
    EXPECT_THAT(audited.Faults("tiles"), HasSubstr(base::Cat("tile.differs: ", tile, ": hash 0 ")));
    Flip(tile, 7);
  }
}

TEST_F(Files, TileOfAnotherLengthIsNamed) {
  const std::string content = ReadAll(Path("tile/0/000"));
  for (const std::string& other :
       {content.substr(0, content.size() - 1), content + "x", std::string()}) {
    WriteAll(Path("tile/0/000"), other);
    const Audited audited = Run();
    EXPECT_EQ(audited.With("FAIL"), std::set<std::string>{"tiles"});
    EXPECT_THAT(audited.Faults("tiles"), HasSubstr("tile/0/000: has another length"));
  }
}

TEST_F(Files, MissingOnesAreNamed) {
  for (const std::string& file :
       {std::string("tile/entries/000"), Last("entries"), std::string("tile/0/000"), Last("0"),
        std::string("tile/1/000.p/1")}) {
    fs::rename(Path(file), folder_ / "kept");
    const Audited audited = Run();
    EXPECT_EQ(audited.exit_code, 1) << file;
    EXPECT_THAT(audited.Faults("export-files"),
                AllOf(HasSubstr("export.file-missing"), HasSubstr(file)));
    fs::rename(folder_ / "kept", Path(file));
  }
  EXPECT_EQ(Run().exit_code, 0);
}

TEST_F(Files, UnexpectedOnesAreNamed) {
  for (const std::string file : {"tile/0/002", "tile/entries/001", "tile/2/000.p/1", "notes.txt",
                                 "tile/0/000.bak", "tile/0/000.p/12"}) {
    fs::create_directories(fs::path(Path(file)).parent_path());
    WriteAll(Path(file), "x");
    const Audited audited = Run();
    EXPECT_EQ(audited.exit_code, 1) << file;
    EXPECT_THAT(audited.Faults("export-files"),
                AllOf(HasSubstr("export.file-unexpected"), HasSubstr(file)));
    fs::remove(Path(file));
    if (fs::is_empty(fs::path(Path(file)).parent_path())) {
      fs::remove(fs::path(Path(file)).parent_path());
    }
  }
}

TEST_F(Files, RenamedBundleIsMissingUnderItsNameAndUnexpectedUnderTheOther) {
  fs::create_directories(Path("tile/entries/002.p"));
  fs::rename(Path("tile/entries/000"), Path("tile/entries/002.p/7"));
  const Audited audited = Run();
  EXPECT_EQ(audited.exit_code, 1);
  EXPECT_THAT(audited.Faults("export-files"),
              AllOf(HasSubstr("tile/entries/000: is missing"), HasSubstr("tile/entries/002.p/7")));
}

TEST_F(Files, SymbolicLinksAndPipesAreNotRead) {
  fs::rename(Path("tile/entries/000"), folder_ / "kept");
  fs::create_symlink(folder_ / "kept", Path("tile/entries/000"));
  EXPECT_EQ(Run().exit_code, 1);
  EXPECT_THAT(Run().Faults("export-files"), HasSubstr("a symbolic link"));
  fs::remove(Path("tile/entries/000"));
  ASSERT_EQ(mkfifo(Path("tile/entries/000").c_str(), 0600), 0);
  EXPECT_EQ(Run().exit_code, 1);
  EXPECT_THAT(Run().Faults("export-files"), HasSubstr("not a regular file"));
}

TEST_F(Files, TruncatedBundleIsNamed) {
  for (const size_t cut : {size_t{1}, size_t{2} + records().back().size()}) {
    const std::string content = ReadAll(Path(Last("entries")));
    WriteAll(Path(Last("entries")), content.substr(0, content.size() - cut));
    const Audited audited = Run();
    EXPECT_EQ(audited.exit_code, 1);
    EXPECT_THAT(audited.Faults("export-files"),
                AllOf(HasSubstr("bundle.malformed"), HasSubstr(Last("entries"))));
    WriteAll(Path(Last("entries")), content);
  }
}

TEST_F(Files, WithoutACheckpointThereIsNothingToCheck) {
  fs::remove(Path("checkpoint"));
  const Ran ran = RunVerifier({export_});
  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_THAT(ran.err, HasSubstr(Path("checkpoint")));
}

// --- The checkpoint ------------------------------------------------------------------------------

class CheckpointFile : public Files {
 protected:
  /// What the export's checkpoint says.
  ledger::Checkpoint Good() const { return good_; }
  void ExpectRefused(std::string_view note, std::string_view id) const {
    WriteAll(Path("checkpoint"), note);
    const Audited audited = Run();
    EXPECT_EQ(audited.exit_code, 1) << note;
    EXPECT_THAT(audited.With("FAIL"), Contains("checkpoint")) << note;
    EXPECT_THAT(audited.Faults("checkpoint"), HasSubstr(id)) << note;
  }

 private:
  const ledger::Checkpoint good_ =
      *ledger::OpenCheckpoint(ReadAll(Path("checkpoint")), WideElection().checkpoint_key());
};

TEST_F(CheckpointFile, SignedByAnotherKeyIsRefused) {
  ExpectRefused(ledger::SignCheckpoint(Good(), crypto::Ed25519Key::New()), "note.unsigned");
}

TEST_F(CheckpointFile, SignedByAnotherRolesKeyIsRefused) {
  ExpectRefused(ledger::SignCheckpoint(Good(), WideElection().official(0)), "note.unsigned");
  ExpectRefused(ledger::SignCheckpoint(Good(), WideElection().issuer(0)), "note.unsigned");
}

TEST_F(CheckpointFile, OfAnotherOriginIsRefused) {
  ledger::Checkpoint other = Good();
  other.origin = "urna.example/other";
  ExpectRefused(ledger::SignCheckpoint(other, WideElection().ballot_box()), "note.unsigned");
  // The right key's signature under the right name, on another origin's checkpoint.
  ledger::Note note;
  note.text = other.Body();
  note.signatures.push_back(
      ledger::SignNote(note.text, Good().origin, WideElection().ballot_box()));
  ExpectRefused(note.ToString(), "checkpoint.origin");
}

TEST_F(CheckpointFile, WithoutSignatureIsRefused) {
  ExpectRefused(Good().Body(), "note.malformed");
  ExpectRefused(base::Cat(Good().Body(), "\n"), "note.malformed");
}

TEST_F(CheckpointFile, OfAnotherRootIsRefused) {
  ledger::Checkpoint other = Good();
  other.root[0] ^= 1;
  ExpectRefused(ledger::SignCheckpoint(other, WideElection().ballot_box()), "checkpoint.root");
}

TEST_F(CheckpointFile, OfAnAbsurdSizeIsRefusedAtOnce) {
  ledger::Checkpoint other = Good();
  for (const uint64_t size : {uint64_t{1} << 62, UINT64_MAX, Good().size + 1}) {
    other.size = size;
    ExpectRefused(ledger::SignCheckpoint(other, WideElection().ballot_box()),
                  "checkpoint.beyond-ledger");
  }
}

TEST_F(CheckpointFile, OfASmallerSizeThanTheFilesIsRefused) {
  ledger::Checkpoint other = Good();
  other.size -= 1;
  WriteAll(Path("checkpoint"), ledger::SignCheckpoint(other, WideElection().ballot_box()));
  const Audited audited = Run();
  EXPECT_EQ(audited.exit_code, 1);
  EXPECT_THAT(audited.With("FAIL"), Contains("export-files"));
}

TEST(Checkpoint, WithAnyByteChangedIsRefused) {
  const TempFolder folder;
  CleanElection().WriteExport(folder / "export");
  const std::string path = folder / "export/checkpoint";
  const std::string good = ReadAll(path);
  Inputs inputs;
  inputs.folder = folder / "export";
  inputs.poll = ledger::LeafHash(CleanElection().records()[0]);
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] ^= 0x01;
    WriteAll(path, bad);
    const Report report = Audit(inputs);
    EXPECT_EQ(report.ExitCode(), 1) << "byte " << i << "\n" << bad;
  }
}

// --- A dishonest ballot box: files and tree recomputed, and signed again -------------------------

class Recomputed : public ::testing::Test {
 protected:
  static Audited Run(const Records& records) {
    const TempFolder folder;
    CleanElection().WriteExport(folder / "export", records);
    return RunAudit({folder / "export", "--poll", PollId(CleanElection())});
  }
  const Records& good() const { return CleanElection().records(); }
  uint64_t Ballot(int nth) const { return FindRecord(good(), RecordKind::kBallotCast, nth); }

  /// `change` breaks the chain at `index`, and with the chain mended, what officials signed.
  void ExpectRefused(const std::function<void(Records&)>& change, uint64_t index) const {
    Records records = good();
    change(records);
    const Audited kept = Run(records);
    EXPECT_EQ(kept.exit_code, 1);
    EXPECT_THAT(kept.With("FAIL"), Contains("chain"));
    EXPECT_THAT(kept.Faults("chain"), HasSubstr(base::Cat("record ", index, " ")));
    EXPECT_THAT(kept.With("PASS"), IsSupersetOf({"export-files", "tiles", "checkpoint"}));

    const Records mended = TestElection::Rechain(records);
    const Audited rechained = Run(mended);
    EXPECT_EQ(rechained.exit_code, 1);
    EXPECT_THAT(rechained.With("PASS"), IsSupersetOf({"chain", "tiles", "checkpoint"}));
    EXPECT_THAT(rechained.With("FAIL"), Contains("ending"));
    EXPECT_THAT(rechained.Faults("ending"),
                HasSubstr(base::Cat("record ", FindRecord(mended, RecordKind::kClosed),
                                    " (closed) approval.signature-invalid")));
  }
};

TEST_F(Recomputed, DroppedBallotIsNoticed) {
  const auto at = static_cast<ptrdiff_t>(Ballot(3));
  ExpectRefused([at](Records& r) { r.erase(r.begin() + at); }, Ballot(3));
}

TEST_F(Recomputed, DroppedLastRevisionIsNoticed) {
  // The first voter votes twice.
  const auto at = static_cast<ptrdiff_t>(Ballot(1));
  ExpectRefused([at](Records& r) { r.erase(r.begin() + at); }, Ballot(1));
}

TEST_F(Recomputed, RepeatedBallotIsNoticed) {
  const auto at = static_cast<ptrdiff_t>(Ballot(3));
  ExpectRefused([at](Records& r) { r.insert(r.begin() + at, r[static_cast<size_t>(at)]); },
                Ballot(3) + 1);
}

TEST_F(Recomputed, SwappedBallotsAreNoticed) {
  ExpectRefused([this](Records& r) { std::swap(r[Ballot(2)], r[Ballot(3)]); }, Ballot(2));
}

TEST_F(Recomputed, InsertedBallotOfAnotherPollIsNoticed) {
  const auto& other = WideElection().records();
  const std::string ballot = other[FindRecord(other, RecordKind::kBallotCast)];
  ExpectRefused(
      [&](Records& r) { r.insert(r.begin() + static_cast<ptrdiff_t>(Ballot(2)), ballot); },
      Ballot(2));
  Records records = good();
  records.insert(records.begin() + static_cast<ptrdiff_t>(Ballot(2)), ballot);
  EXPECT_THAT(Run(TestElection::Rechain(records)).Faults("ballot-tokens"),
              HasSubstr(base::Cat("record ", Ballot(2), " (ballot cast) token.invalid")));
}

TEST_F(Recomputed, BrokenLinkIsNamedApartFromWhatTheRecordSays) {
  const uint64_t sealed = FindRecord(good(), RecordKind::kRollSealed);
  Records records(good().begin(), good().begin() + static_cast<ptrdiff_t>(sealed + 1));
  constexpr size_t kPrevious = 1 + 1 + 8;
  records[sealed][kPrevious] ^= 1;
  const Audited audited = Run(records);
  EXPECT_EQ(audited.With("FAIL"), std::set<std::string>{"chain"});
  EXPECT_THAT(audited.Faults("chain"),
              HasSubstr(base::Cat("record ", sealed, " (roll sealed) ledger.chain-broken")));
  EXPECT_THAT(audited.With("PASS"), Contains("roll"));
}

TEST_F(Recomputed, RecordAfterTheCertificateIsNoticed) {
  Records records = good();
  records.push_back(records[Ballot(0)]);
  const Audited audited = Run(TestElection::Rechain(records));
  EXPECT_EQ(audited.exit_code, 1);
  EXPECT_THAT(audited.Faults("ballot-order"),
              HasSubstr(base::Cat("record ", good().size(), " (ballot cast) poll.ended")));
}

}  // namespace
}  // namespace urna::verifier
