#include "ledger/export.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <set>

#include "base/status.h"
#include "tests/ledger/support.h"

namespace urna::ledger {
namespace {

namespace fs = std::filesystem;

std::string EntryAt(size_t index) { return base::Cat("entry ", index); }

/// Exports `size` small entries into `folder`; its checkpoint is truly signed.
void MakeExport(const std::string& folder, size_t size) {
  auto writer = ExportWriter::Create(folder);
  ASSERT_TRUE(writer.ok()) << writer.status();
  for (size_t i = 0; i < size; ++i) {
    const absl::Status appended = (*writer)->Append(EntryAt(i));
    ASSERT_TRUE(appended.ok()) << appended;
  }
  ASSERT_EQ((*writer)->size(), size);
  const Checkpoint checkpoint{std::string(kLogOrigin), size, (*writer)->Root()};
  const absl::Status finished = (*writer)->Finish(SignCheckpoint(checkpoint, KeyFromHex(kLogSeed)));
  ASSERT_TRUE(finished.ok()) << finished;
}

/// The faults of the export in `folder`, each as "id path-below-folder".
std::multiset<std::string> FaultsOf(const std::string& folder) {
  const auto reader = ExportReader::Open(folder);
  EXPECT_TRUE(reader.ok()) << reader.status();
  std::multiset<std::string> faults;
  if (!reader.ok()) return faults;
  for (const absl::Status& fault : (*reader)->file_faults()) {
    std::string text(fault.message());
    EXPECT_TRUE(text.starts_with(folder)) << text;
    text = text.substr(std::min(text.size(), folder.size() + 1));
    faults.insert(base::Cat(base::RejectId(fault), " ", text.substr(0, text.find(':'))));
  }
  return faults;
}

using Faults = std::multiset<std::string>;

TEST(ExportTest, ThePublishedLogHasItsPublishedBytes) {
  TestFolder folder;
  auto writer = ExportWriter::Create(folder / "log");
  ASSERT_TRUE(writer.ok()) << writer.status();
  for (const std::string& entry : kLogEntries) ASSERT_TRUE((*writer)->Append(entry).ok());
  EXPECT_EQ(base::Base64(base::View((*writer)->Root())), kLogRoot15);
  ASSERT_TRUE((*writer)->Finish(kLogCheckpoint).ok());

  std::set<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder / "log")) {
    if (entry.is_regular_file()) files.insert(fs::relative(entry, folder / "log").string());
  }
  EXPECT_EQ(files,
            (std::set<std::string>{"checkpoint", "tile/entries/000.p/15", "tile/0/000.p/15"}));
  EXPECT_EQ(ReadAll(folder / "log/checkpoint"), kLogCheckpoint);
  EXPECT_EQ(
      ReadAll(folder / "log/tile/entries/000.p/15"),
      std::string("\0\3one\0\3two\0\5three\0\4four\0\4five\0\3six\0\5seven\0\3eit\0\4nain\0\3ten"
                  "\0\6ileven\0\5twelf\0\10threeten\0\7fourten\0\6fivten",
                  99));
  std::string hashes;
  for (const std::string& entry : kLogEntries) hashes += base::View(LeafHash(entry));
  EXPECT_EQ(ReadAll(folder / "log/tile/0/000.p/15"), hashes);
}

TEST(ExportTest, ReadsBackWhatItWroteAtEverySizeAroundATile) {
  for (const size_t size : {0, 1, 255, 256, 257, 512, 700}) {
    SCOPED_TRACE(size);
    TestFolder folder;
    MakeExport(folder.path(), size);
    const auto reader = ExportReader::Open(folder.path());
    ASSERT_TRUE(reader.ok()) << reader.status();
    EXPECT_TRUE((*reader)->file_faults().empty());
    EXPECT_EQ((*reader)->checkpoint().size, size);
    EXPECT_EQ((*reader)->note(), ReadAll(folder / "checkpoint"));
    EXPECT_TRUE(OpenCheckpoint((*reader)->note(), NoteKey::Parse(kLogKey).value()).ok());

    std::map<std::string, std::string> built;
    const auto keep = [&](const TileId& id, const std::string& bytes) {
      built.emplace(id.Path(), bytes);
    };
    TileBuilder builder(keep);
    size_t index = 0;
    for (uint64_t i = 0; i < (*reader)->bundle_count(); ++i) {
      const auto entries = (*reader)->ReadBundle(i);
      ASSERT_TRUE(entries.ok()) << entries.status();
      for (const std::string& entry : *entries) {
        EXPECT_EQ(entry, EntryAt(index++));
        builder.Append(LeafHash(entry));
      }
    }
    EXPECT_EQ(index, size);
    EXPECT_EQ(builder.Root(), (*reader)->checkpoint().root);
    for (const auto& [id, bytes] : builder.Partials()) keep(id, bytes);
    for (const TileId& id : TilesOf(size)) {
      if (id.level == TileId::kEntries) continue;
      const auto tile = (*reader)->ReadTile(id);
      ASSERT_TRUE(tile.ok()) << tile.status();
      EXPECT_EQ(*tile, built[id.Path()]);
    }
  }
}

TEST(ExportTest, ReadsSingleEntries) {
  TestFolder folder;
  MakeExport(folder.path(), 300);
  const auto reader = ExportReader::Open(folder.path());
  ASSERT_TRUE(reader.ok()) << reader.status();
  for (const size_t index : {0, 255, 256, 299}) {
    const auto entry = (*reader)->ReadEntry(index);
    ASSERT_TRUE(entry.ok()) << entry.status();
    EXPECT_EQ(*entry, EntryAt(index));
  }
  EXPECT_TRUE(absl::IsNotFound((*reader)->ReadEntry(300).status()));
  EXPECT_TRUE(absl::IsNotFound((*reader)->ReadBundle(2).status()));
  EXPECT_TRUE(absl::IsNotFound((*reader)->ReadTile({5, 0, 256}).status()));
}

TEST(ExportTest, CutsPartsOfEveryWidthFromItsFiles) {
  TestFolder folder;
  MakeExport(folder.path(), 300);
  const auto reader = ExportReader::Open(folder.path()).value();
  for (const uint64_t index : {0, 1}) {
    const uint32_t there = index == 0 ? 256 : 44;
    std::vector<std::string> entries;
    std::string hashes;
    for (uint32_t width = 1; width <= there; ++width) {
      entries.push_back(EntryAt(index * 256 + width - 1));
      hashes += base::View(LeafHash(entries.back()));
      const auto bundle = reader->ReadPart({TileId::kEntries, index, width});
      ASSERT_TRUE(bundle.ok()) << bundle.status();
      EXPECT_EQ(*bundle, EncodeBundle(entries)) << index << " " << width;
      const auto tile = reader->ReadPart({0, index, width});
      ASSERT_TRUE(tile.ok()) << tile.status();
      EXPECT_EQ(*tile, hashes) << index << " " << width;
    }
  }
  EXPECT_EQ(reader->ReadPart({1, 0, 1}).value().size(), 32u);
  for (const TileId& id : {TileId{0, 1, 45}, TileId{TileId::kEntries, 1, 256},
                           TileId{TileId::kEntries, 2, 1}, TileId{1, 0, 2}, TileId{9, 0, 1}}) {
    EXPECT_TRUE(absl::IsNotFound(reader->ReadPart(id).status())) << id.Path();
  }
  WriteAll(folder / "tile/0/001.p/44", "short");
  EXPECT_EQ(base::RejectId(reader->ReadPart({0, 1, 1}).status()), "tile.malformed");
}

TEST(ExportTest, ALinkedCopyGrowsAlone) {
  TestFolder folder;
  MakeExport(folder / "a", 300);
  ASSERT_TRUE(LinkExport(folder / "a", folder / "b").ok());
  EXPECT_TRUE(FaultsOf(folder / "b").empty());
  {
    auto writer = ExportWriter::Continue(folder / "b").value();
    for (size_t i = 300; i < 600; ++i) ASSERT_TRUE(writer->Append(EntryAt(i)).ok());
    const Checkpoint checkpoint{std::string(kLogOrigin), 600, writer->Root()};
    ASSERT_TRUE(writer->Finish(SignCheckpoint(checkpoint, KeyFromHex(kLogSeed))).ok());
  }
  EXPECT_TRUE(FaultsOf(folder / "b").empty());
  EXPECT_EQ(ExportReader::Open(folder / "b").value()->ReadEntry(599).value(), EntryAt(599));
  EXPECT_TRUE(FaultsOf(folder / "a").empty());
  EXPECT_EQ(ExportReader::Open(folder / "a").value()->checkpoint().size, 300u);

  EXPECT_TRUE(absl::IsAlreadyExists(LinkExport(folder / "a", folder / "b")));
  EXPECT_TRUE(absl::IsNotFound(LinkExport(folder / "none", folder / "c")));
}

TEST(ExportTest, RefusesAFolderThatIsNotEmptyAndARecordTooLarge) {
  TestFolder folder;
  WriteAll(folder / "used/file", "");
  EXPECT_TRUE(absl::IsAlreadyExists(ExportWriter::Create(folder / "used").status()));
  auto writer = ExportWriter::Create(folder / "new");
  ASSERT_TRUE(writer.ok()) << writer.status();
  EXPECT_TRUE(absl::IsInvalidArgument((*writer)->Append(std::string(65536, 'x'))));
  EXPECT_EQ((*writer)->size(), 0u);
  EXPECT_TRUE((*writer)->Append(std::string(65535, 'x')).ok());
}

// --- Exports that grow

std::string SignedAt(const ExportWriter& writer) {
  return SignCheckpoint({std::string(kLogOrigin), writer.size(), writer.Root()},
                        KeyFromHex(kLogSeed));
}

/// Appends entries up to `size`, as MakeExport does.
void AppendUpTo(ExportWriter& writer, size_t size) {
  while (writer.size() < size) ASSERT_TRUE(writer.Append(EntryAt(writer.size())).ok());
}

/// Every file below `folder`, and every folder as "path/".
std::map<std::string, std::string> Contents(const std::string& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const std::string path = fs::relative(entry, folder).string();
    if (entry.is_directory()) files[path + "/"] = "";
    if (entry.is_regular_file()) files[path] = ReadAll(entry.path().string());
  }
  return files;
}

constexpr std::pair<size_t, size_t> kGrowths[] = {{0, 1},     {1, 2},     {2, 700},  {255, 256},
                                                  {256, 257}, {256, 512}, {300, 300}};

TEST(GrowingExportTest, IsTheSameAsOneMadeAtOnce) {
  for (const auto& [m, n] : kGrowths) {
    SCOPED_TRACE(base::Cat(m, " ", n));
    TestFolder folder;
    MakeExport(folder / "grown", m);
    MakeExport(folder / "once", n);
    auto writer = ExportWriter::Continue(folder / "grown");
    ASSERT_TRUE(writer.ok()) << writer.status();
    ASSERT_EQ((*writer)->size(), m);
    AppendUpTo(**writer, n);
    for (const size_t index : {size_t{0}, m / 2, n - 1}) {
      if (index >= n) continue;
      EXPECT_EQ((*writer)->ReadEntry(index).value(), EntryAt(index));
    }
    EXPECT_TRUE(absl::IsNotFound((*writer)->ReadEntry(n).status()));
    ASSERT_TRUE((*writer)->Finish(SignedAt(**writer)).ok());
    EXPECT_EQ(Contents(folder / "grown"), Contents(folder / "once"));
  }
}

TEST(GrowingExportTest, GrowsStepByStepInOneHand) {
  TestFolder folder;
  auto writer = ExportWriter::Continue(folder / "log");
  ASSERT_TRUE(writer.ok()) << writer.status();
  for (const size_t size : {1, 2, 2, 255, 256, 257, 520}) {
    SCOPED_TRACE(size);
    AppendUpTo(**writer, size);
    ASSERT_TRUE((*writer)->Finish(SignedAt(**writer)).ok());
    TestFolder fresh;
    MakeExport(fresh.path(), size);
    EXPECT_EQ(Contents(folder / "log"), Contents(fresh.path()));
  }
}

TEST(GrowingExportTest, IsMadeWholeAgainWhereverItWasInterrupted) {
  for (const auto& [m, n] : kGrowths) {
    SCOPED_TRACE(base::Cat(m, " ", n));
    TestFolder folder;
    MakeExport(folder / "old", m);
    MakeExport(folder / "new", n);
    // Before the new checkpoint, all new tiles there; and after it, the old ones still there.
    for (const char* checkpoint : {"old", "new"}) {
      const std::string both = folder / base::Cat("both-", checkpoint);
      fs::copy(folder / "old", both, fs::copy_options::recursive);
      fs::copy(folder / "new", both,
               fs::copy_options::recursive | fs::copy_options::overwrite_existing);
      fs::copy(folder / base::Cat(checkpoint, "/checkpoint"), both,
               fs::copy_options::overwrite_existing);
      WriteAll(both + "/tile/0/000.tmp.17.4", "unfinished");
      WriteAll(both + "/checkpoint.tmp.17.5", "unfinished");
      const auto writer = ExportWriter::Continue(both);
      ASSERT_TRUE(writer.ok()) << writer.status();
      EXPECT_EQ(Contents(both), Contents(folder / checkpoint));
    }
    // Before there was a checkpoint at all.
    fs::remove(folder / "new/checkpoint");
    const auto writer = ExportWriter::Continue(folder / "new");
    ASSERT_TRUE(writer.ok()) << writer.status();
    EXPECT_EQ((*writer)->size(), 0u);
    EXPECT_TRUE(Contents(folder / "new").empty());
  }
}

TEST(GrowingExportTest, WhatWasAppendedButNotFinishedIsGoneAfterARestart) {
  TestFolder folder;
  MakeExport(folder / "log", 300);
  const auto before = Contents(folder / "log");
  {
    auto writer = ExportWriter::Continue(folder / "log");
    ASSERT_TRUE(writer.ok()) << writer.status();
    AppendUpTo(**writer, 900);
    EXPECT_NE(Contents(folder / "log"), before);
  }
  ASSERT_TRUE(ExportWriter::Continue(folder / "log").ok());
  EXPECT_EQ(Contents(folder / "log"), before);
}

TEST(GrowingExportTest, TouchesNoFolderThatHoldsAnythingElse) {
  TestFolder folder;
  MakeExport(folder / "log", 300);
  WriteAll(folder / "log/tile/0/000.p/7", "a leftover");
  for (const char* name : {"notes.txt", "tile/notes.tmp.txt", "tile/0/0", "deep/er/000"}) {
    WriteAll(folder / base::Cat("log/", name), "mine");
    const auto before = Contents(folder / "log");
    EXPECT_TRUE(absl::IsFailedPrecondition(ExportWriter::Continue(folder / "log").status()))
        << name;
    EXPECT_EQ(Contents(folder / "log"), before);
    fs::remove(folder / base::Cat("log/", name));
  }
  fs::create_symlink(folder / "elsewhere", folder / "log/tile/0/001.p/9");
  EXPECT_TRUE(absl::IsFailedPrecondition(ExportWriter::Continue(folder / "log").status()));
}

TEST(GrowingExportTest, DoesNotGoOnFromADamagedOne) {
  for (const char* name : {"tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/001.p/44"}) {
    for (const char* how : {"missing", "changed", "short"}) {
      SCOPED_TRACE(base::Cat(name, " ", how));
      TestFolder folder;
      MakeExport(folder.path(), 300);
      std::string bytes = ReadAll(folder / name);
      bytes[5] = static_cast<char>(bytes[5] ^ 1);
      if (how == std::string("short")) bytes.pop_back();
      WriteAll(folder / name, bytes);
      if (how == std::string("missing")) fs::remove(folder / name);
      EXPECT_TRUE(absl::IsDataLoss(ExportWriter::Continue(folder.path()).status()));
    }
  }
}

TEST(ExportTest, ReadsEveryNodeOfItsTree) {
  constexpr size_t kSize = 700;
  TestFolder folder;
  MakeExport(folder.path(), kSize);
  std::vector<Hash32> leaves;
  for (size_t i = 0; i < kSize; ++i) leaves.push_back(LeafHash(EntryAt(i)));
  const auto reader = ExportReader::Open(folder.path());
  ASSERT_TRUE(reader.ok()) << reader.status();
  for (uint32_t level = 0; level < 10; ++level) {
    for (uint64_t index = 0; (index + 1) << level <= kSize; index += 1 + index / 3) {
      EXPECT_EQ((*reader)->ReadNode(level, index).value(),
                ReferenceRoot(leaves, index << level, (index + 1) << level))
          << level << " " << index;
    }
    EXPECT_FALSE((*reader)->ReadNode(level, kSize >> level).ok()) << level;
  }
}

TEST(ExportTest, AnInterruptedExportIsNoExport) {
  TestFolder folder;
  auto writer = ExportWriter::Create(folder.path());
  ASSERT_TRUE(writer.ok()) << writer.status();
  for (size_t i = 0; i < 300; ++i) ASSERT_TRUE((*writer)->Append(EntryAt(i)).ok());
  writer->reset();
  EXPECT_TRUE(absl::IsNotFound(ExportReader::Open(folder.path()).status()));
}

TEST(ExportTest, RefusesMissingAndMalformedCheckpoints) {
  TestFolder folder;
  EXPECT_TRUE(absl::IsNotFound(ExportReader::Open(folder / "nowhere").status()));
  EXPECT_TRUE(absl::IsNotFound(ExportReader::Open(folder.path()).status()));
  WriteAll(folder / "checkpoint", "no note");
  EXPECT_EQ(base::RejectId(ExportReader::Open(folder.path()).status()), "note.malformed");
  WriteAll(folder / "checkpoint", std::string((1 << 20) + 5, 'x'));
  EXPECT_EQ(base::RejectId(ExportReader::Open(folder.path()).status()), "note.malformed");
  WriteAll(folder / "checkpoint", "text\n\n\xe2\x80\x94 a Uw2QOkn8\n");
  EXPECT_EQ(base::RejectId(ExportReader::Open(folder.path()).status()), "checkpoint.malformed");
  fs::remove(folder / "checkpoint");
  WriteAll(folder / "elsewhere", kLogCheckpoint);
  fs::create_symlink(folder / "elsewhere", folder / "checkpoint");
  EXPECT_TRUE(absl::IsUnavailable(ExportReader::Open(folder.path()).status()));
  fs::remove(folder / "checkpoint");
  ASSERT_EQ(mkfifo((folder / "checkpoint").c_str(), 0600), 0);
  EXPECT_TRUE(absl::IsUnavailable(ExportReader::Open(folder.path()).status()));
}

TEST(ExportTest, FindsMissingFiles) {
  TestFolder folder;
  MakeExport(folder.path(), 600);
  fs::remove(folder / "tile/entries/001");
  fs::remove(folder / "tile/0/000");
  fs::remove_all(folder / "tile/1");
  EXPECT_EQ(FaultsOf(folder.path()),
            (Faults{"export.file-missing tile/entries/001", "export.file-missing tile/0/000",
                    "export.file-missing tile/1/000.p/2"}));
  const auto reader = ExportReader::Open(folder.path());
  ASSERT_TRUE(reader.ok());
  EXPECT_TRUE((*reader)->ReadBundle(0).ok());
  const absl::Status missing = (*reader)->ReadBundle(1).status();
  EXPECT_TRUE(absl::IsNotFound(missing));
  EXPECT_NE(std::string(missing.message()).find("tile/entries/001"), std::string::npos);
}

TEST(ExportTest, FindsFilesThatDoNotBelong) {
  TestFolder folder;
  MakeExport(folder.path(), 600);
  WriteAll(folder / "README", "");
  WriteAll(folder / "private/key", "");
  WriteAll(folder / "tile/entries/002.p/87", "");
  WriteAll(folder / "tile/0/000.p/7", "");  // beside the full tile
  WriteAll(folder / "tile/0/003", "");
  WriteAll(folder / "tile/2/000.p/1", "");
  WriteAll(folder / "tile/0/000.tmp.1.2", "");
  fs::create_directories(folder / "tile/0/004");
  EXPECT_EQ(
      FaultsOf(folder.path()),
      (Faults{"export.file-unexpected README", "export.file-unexpected private",
              "export.file-unexpected tile/entries/002.p/87",
              "export.file-unexpected tile/0/000.p/7", "export.file-unexpected tile/0/003",
              "export.file-unexpected tile/2/000.p/1", "export.file-unexpected tile/0/000.tmp.1.2",
              "export.file-unexpected tile/0/004/"}));
}

TEST(ExportTest, AFolderInPlaceOfAFileIsMissingAndUnexpected) {
  TestFolder folder;
  MakeExport(folder.path(), 600);
  fs::remove(folder / "tile/0/001");
  fs::create_directories(folder / "tile/0/001");
  EXPECT_EQ(FaultsOf(folder.path()),
            (Faults{"export.file-missing tile/0/001", "export.file-unexpected tile/0/001/"}));
}

TEST(ExportTest, FollowsNoSymbolicLinkAndWaitsForNoPipe) {
  TestFolder folder;
  MakeExport(folder / "true", 600);
  MakeExport(folder / "log", 600);
  fs::remove(folder / "log/tile/entries/000");
  fs::create_symlink(folder / "true/tile/entries/000", folder / "log/tile/entries/000");
  fs::remove(folder / "log/tile/entries/001");
  ASSERT_EQ(mkfifo((folder / "log/tile/entries/001").c_str(), 0600), 0);
  fs::remove_all(folder / "log/tile/0");
  fs::create_directory_symlink(folder / "true/tile/0", folder / "log/tile/0");
  EXPECT_EQ(
      FaultsOf(folder / "log"),
      (Faults{"export.file-unexpected tile/entries/000", "export.file-missing tile/entries/000",
              "export.file-unexpected tile/entries/001", "export.file-missing tile/entries/001",
              "export.file-unexpected tile/0", "export.file-missing tile/0/000",
              "export.file-missing tile/0/001", "export.file-missing tile/0/002.p/88"}));
  const auto reader = ExportReader::Open(folder / "log");
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_TRUE(absl::IsUnavailable((*reader)->ReadBundle(0).status()));
  EXPECT_TRUE(absl::IsUnavailable((*reader)->ReadBundle(1).status()));
  EXPECT_TRUE(absl::IsUnavailable((*reader)->ReadTile({0, 0, 256}).status()));
}

TEST(ExportTest, RefusesTruncatedAndOverlongBundlesNamingTheFile) {
  TestFolder folder;
  MakeExport(folder.path(), 300);
  const std::string path = folder / "tile/entries/001.p/44";
  const std::string bundle = ReadAll(path);
  const auto reader = ExportReader::Open(folder.path());
  ASSERT_TRUE(reader.ok()) << reader.status();
  for (const std::string& bytes : {bundle.substr(0, bundle.size() - 1), bundle + "x", std::string(),
                                   bundle + std::string(size_t{44} * 65537, 'x')}) {
    WriteAll(path, bytes);
    const absl::Status refused = (*reader)->ReadBundle(1).status();
    EXPECT_EQ(base::RejectId(refused), "bundle.malformed");
    EXPECT_NE(std::string(refused.message()).find(path), std::string::npos) << refused;
    EXPECT_EQ(base::RejectId((*reader)->ReadEntry(256).status()), "bundle.malformed");
  }
}

TEST(ExportTest, GivesDamagedTilesAsTheyAre) {
  TestFolder folder;
  MakeExport(folder.path(), 300);
  const std::string path = folder / "tile/0/000";
  const std::string tile = ReadAll(path);
  const auto reader = ExportReader::Open(folder.path());
  ASSERT_TRUE(reader.ok()) << reader.status();
  std::string flipped = tile;
  flipped[100] ^= 1;
  for (const std::string& bytes : {flipped, tile.substr(1), tile + "x"}) {
    WriteAll(path, bytes);
    EXPECT_EQ((*reader)->ReadTile({0, 0, 256}).value(), bytes);
  }
  WriteAll(path, tile + std::string(1 << 20, 'x'));
  EXPECT_EQ((*reader)->ReadTile({0, 0, 256}).value(), tile + "x");
}

TEST(ExportTest, AnAbsurdSizeIsReportedNotEnumerated) {
  for (const uint64_t size : {uint64_t{1} << 40, uint64_t{1} << 63, ~uint64_t{0}}) {
    TestFolder folder;
    MakeExport(folder.path(), 600);
    const Checkpoint absurd{std::string(kLogOrigin), size, {}};
    WriteAll(folder / "checkpoint", SignCheckpoint(absurd, KeyFromHex(kLogSeed)));
    const auto reader = ExportReader::Open(folder.path());
    ASSERT_TRUE(reader.ok()) << reader.status();
    const std::vector<absl::Status>& faults = (*reader)->file_faults();
    // The partial files of 600 entries do not belong; 100 missing files and their number.
    EXPECT_EQ(faults.size(), 3u + 100 + 1);
    EXPECT_NE(std::string(faults.back().message()).find("more files are missing"),
              std::string::npos);
    EXPECT_TRUE((*reader)->ReadBundle(0).ok());
    EXPECT_TRUE(absl::IsNotFound((*reader)->ReadBundle((*reader)->bundle_count() - 1).status()));
  }
}

TEST(ExportTest, ManyUnexpectedFilesAreCounted) {
  TestFolder folder;
  MakeExport(folder.path(), 1);
  for (int i = 0; i < 150; ++i) WriteAll(folder / base::Cat("extra", i), "");
  const auto reader = ExportReader::Open(folder.path());
  ASSERT_TRUE(reader.ok()) << reader.status();
  ASSERT_EQ((*reader)->file_faults().size(), 101u);
  EXPECT_NE(std::string((*reader)->file_faults().back().message()).find("50 more"),
            std::string::npos);
}

TEST(ExportTest, DeepFoldersAreNotWalked) {
  TestFolder folder;
  MakeExport(folder.path(), 1);
  std::string deep = folder / "tile";
  for (int i = 0; i < 500; ++i) deep += "/d";
  WriteAll(deep + "/file", "");
  std::string reported = "export.file-unexpected tile";
  for (int i = 0; i < 12; ++i) reported += "/d";
  EXPECT_EQ(FaultsOf(folder.path()), (Faults{reported}));
}

}  // namespace
}  // namespace urna::ledger
