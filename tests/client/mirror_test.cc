#include "client/mirror.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "client/interrupt.h"
#include "http/client.h"
#include "http/server.h"
#include "ledger/evidence.h"
#include "ledger/export.h"
#include "ledger/tiles.h"
#include "tests/client/fake_server.h"
#include "tests/client/fake_source.h"
#include "tests/support/election.h"

namespace urna::client {
namespace {

namespace fs = std::filesystem;
using base::Cat;
using ledger::TileId;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using testing::TestElection;

std::string Id(const absl::Status& status) { return base::RejectId(status); }
std::string Text(const absl::Status& status) { return std::string(status.message()); }

testing::ElectionOptions WithWitnesses() {
  testing::ElectionOptions options;
  options.witnesses = 3;
  return options;
}

class MirrorTest : public ::testing::Test {
 protected:
  explicit MirrorTest(const testing::ElectionOptions& options = {}) : election_(options) {}

  void SetUp() override {
    temporary_ = TemporaryFolder::Create().value();
    election_.RunUntilOpen();
    Show(source_, Records());
  }

  const Hash32& poll() { return election_.state().poll(); }
  const std::vector<std::string>& Records() { return election_.records(); }
  void Grow(size_t size) {
    while (Records().size() < size) election_.CountIssuance();
    ASSERT_THAT(election_.faults(), IsEmpty());
  }
  /// Signed by the ballot box.
  void Show(FakeSource& source, const std::vector<std::string>& records) {
    source.ShowFirst(records, records.size(), election_.checkpoint_key().name,
                     election_.ballot_box());
  }
  void ShowFirst(FakeSource& source, size_t size) {
    source.ShowFirst(Records(), size, election_.checkpoint_key().name, election_.ballot_box());
  }
  /// The first `size` records, but record `at` is missing and another is at the end.
  std::vector<std::string> Forked(size_t size, size_t at) {
    std::vector<std::string> records(Records().begin(),
                                     Records().begin() + static_cast<ptrdiff_t>(size));
    records.erase(records.begin() + static_cast<ptrdiff_t>(at));
    records.push_back(records.back());
    return TestElection::Rechain(records);
  }

  std::string Folder() const { return temporary_->path() + "/mirror"; }
  std::string Path(const std::string& name) const { return Cat(Folder(), "/", name); }
  std::string Copy() { return Path(base::Hex(poll())); }
  Mirror::Options Options(const std::string& folder) {
    Mirror::Options options;
    options.folder = folder;
    options.poll = poll();
    options.log = [this](std::string_view line) { log_ += Cat(line, "\n"); };
    options.now = [] { return uint64_t{1'400'000'000}; };
    options.parallel_for = poll::Sequentially;
    options.persisted = [this] {
      if (persisted_) persisted_();
    };
    return options;
  }
  std::unique_ptr<Mirror> Open() {
    auto mirror = Mirror::Open(Options(Folder()));
    EXPECT_TRUE(mirror.ok()) << mirror.status();
    return mirror.ok() ? *std::move(mirror) : nullptr;
  }
  /// A mirror that holds the first `size` records.
  std::unique_ptr<Mirror> Holding(size_t size) {
    Grow(size);
    FakeSource honest;
    ShowFirst(honest, size);
    auto mirror = Open();
    const auto news = mirror->Follow(honest);
    EXPECT_TRUE(news.ok()) << news.status();
    return mirror;
  }
  static uint64_t SizeOf(const Mirror& mirror) {
    const auto held = mirror.checkpoint();
    return held.has_value() ? held->size : 0;
  }
  /// The copy on the disk is whole, and of so many true records.
  void ExpectCopy(const std::string& folder, size_t size) {
    const auto reader = ledger::ExportReader::Open(folder);
    ASSERT_TRUE(reader.ok()) << reader.status();
    EXPECT_THAT((*reader)->file_faults(), IsEmpty());
    ASSERT_EQ((*reader)->checkpoint().size, size);
    EXPECT_TRUE(ledger::OpenCheckpoint((*reader)->note(), election_.checkpoint_key()).ok());
    for (size_t i = 0; i < size; i += 7) {
      EXPECT_EQ((*reader)->ReadEntry(i).value(), Records()[i]) << i;
    }
    TestFolderOf(size);
  }
  /// Compares with what an exporter makes.
  void TestFolderOf(size_t size) {
    const std::string expected = temporary_->path() + "/expected";
    fs::remove_all(expected);
    auto writer = ledger::ExportWriter::Create(expected).value();
    for (size_t i = 0; i < size; ++i) ASSERT_TRUE(writer->Append(Records()[i]).ok());
    ASSERT_TRUE(writer->Finish(base::ReadFile(Copy() + "/checkpoint").value()).ok());
    auto wanted = FilesUnder(expected), got = FilesUnder(Copy());
    EXPECT_EQ(wanted.size(), got.size());
    for (const auto& [path, content] : wanted) {
      EXPECT_EQ(got[Copy() + path.substr(expected.size())], content) << path;
    }
  }
  /// A proven alarm, which lasts, while the copy stays at `size`.
  void ExpectProvenAlarm(std::unique_ptr<Mirror> mirror, size_t size, size_t other_size) {
    const std::string alarm = mirror->alarm();
    EXPECT_THAT(alarm, StartsWith("ALARM 2014-05-13T16:53:20Z\n"));
    EXPECT_THAT(alarm, HasSubstr(base::Hex(poll())));
    EXPECT_THAT(log_, HasSubstr("*** ALARM *** "));
    EXPECT_EQ(mirror->Serve("alarm").body, alarm);
    const auto evidence = ledger::ParseEvidence(mirror->Serve("evidence").body);
    ASSERT_TRUE(evidence.ok()) << evidence.status();
    EXPECT_TRUE(ledger::Judge(*evidence, election_.checkpoint_key()).proven);
    // The other ledger is there for all to look at.
    std::vector<std::string> others;
    for (const auto& entry : fs::directory_iterator(Path("evidence"))) {
      if (entry.is_directory()) others.push_back(entry.path().string());
    }
    ASSERT_EQ(others.size(), 1u);
    const auto other = ledger::ExportReader::Open(others[0]).value();
    EXPECT_EQ(other->checkpoint().size, other_size);
    EXPECT_THAT(other->file_faults(), IsEmpty());

    // Neither truth nor a restart ends it, and what was held is still served.
    for (int life = 0; life < 2; ++life) {
      SCOPED_TRACE(life);
      FakeSource honest;
      Show(honest, Records());
      const auto news = mirror->Follow(honest);
      EXPECT_EQ(news.status().code(), absl::StatusCode::kFailedPrecondition) << news.status();
      EXPECT_THAT(Text(news.status()), HasSubstr(Copy() + ".alarm"));
      EXPECT_EQ(SizeOf(*mirror), size);
      EXPECT_EQ(mirror->Serve("tile/entries/000.p/1").status, 200);
      EXPECT_EQ(mirror->alarm(), alarm);
      ExpectCopy(Copy(), size);
      mirror.reset();
      mirror = Open();
    }
    // A person ends it.
    mirror.reset();
    ASSERT_TRUE(fs::remove(Copy() + ".alarm"));
    mirror = Open();
    FakeSource honest;
    Show(honest, Records());
    EXPECT_TRUE(mirror->Follow(honest).ok());
  }
  void ExpectNoAlarm(const Mirror& mirror, size_t size) {
    EXPECT_EQ(mirror.alarm(), "");
    EXPECT_EQ(mirror.Serve("alarm").status, 404);
    EXPECT_EQ(mirror.Serve("evidence").status, 404);
    EXPECT_TRUE(fs::is_empty(Path("evidence")));
    EXPECT_FALSE(fs::exists(Copy() + ".alarm"));
    EXPECT_EQ(SizeOf(mirror), size);
    if (size > 0) ExpectCopy(Copy(), size);
  }

  std::unique_ptr<TemporaryFolder> temporary_;
  TestElection election_;
  FakeSource source_;
  std::string log_;
  std::function<void()> persisted_;
};

// --- In good order

TEST_F(MirrorTest, FollowsALedgerAndKeepsAWholeExport) {
  const auto mirror = Open();
  EXPECT_EQ(mirror->Serve("checkpoint").status, 404);
  EXPECT_EQ(mirror->checkpoint(), std::nullopt);
  size_t size = Records().size();
  for (const size_t next : {size, size + 1, size_t{255}, size_t{256}, size_t{257}, size_t{600}}) {
    SCOPED_TRACE(next);
    Grow(next);
    Show(source_, Records());
    source_.sent = 0;
    const auto news = mirror->Follow(source_);
    ASSERT_TRUE(news.ok()) << news.status();
    EXPECT_EQ(*news, Mirror::News::kNewer);
    EXPECT_EQ(source_.sent, next == size ? size : next - size);
    size = next;
    EXPECT_EQ(SizeOf(*mirror), size);
    EXPECT_EQ(mirror->Serve("checkpoint").body, source_.note);
    ExpectCopy(Copy(), size);
    EXPECT_EQ(mirror->Follow(source_).value(), Mirror::News::kSame);
  }
}

TEST_F(MirrorTest, GoesThroughAWholePoll) {
  const auto mirror = Open();
  const auto follow = [&] {
    Show(source_, Records());
    const auto news = mirror->Follow(source_);
    ASSERT_TRUE(news.ok()) << news.status();
    EXPECT_EQ(*news, Mirror::News::kNewer);
  };
  follow();
  EXPECT_EQ(mirror->grows_within(), 3600u + 3600u);
  election_.Vote();  // some twice, so that earlier records are read back
  follow();
  election_.RunAfterVoting();
  follow();
  EXPECT_EQ(mirror->grows_within(), std::nullopt);
  ExpectCopy(Copy(), Records().size());
}

TEST_F(MirrorTest, ServesEveryPartThatItHoldsAndNothingElse) {
  const auto mirror = Holding(300);
  std::vector<std::string> entries;
  std::string hashes;
  for (uint32_t width = 1; width <= 256; ++width) {
    entries.push_back(Records()[width - 1]);
    hashes += base::View(ledger::LeafHash(entries.back()));
    const http::Response bundle = mirror->Serve(TileId{TileId::kEntries, 0, width}.Path());
    EXPECT_EQ(bundle.status, 200);
    EXPECT_EQ(bundle.body, ledger::EncodeBundle(entries)) << width;
    EXPECT_EQ(bundle.cache_control, "public, max-age=31536000, immutable");
    EXPECT_EQ(bundle.content_type, "application/octet-stream");
    EXPECT_EQ(mirror->Serve(TileId{0, 0, width}.Path()).body, hashes) << width;
  }
  EXPECT_EQ(mirror->Serve("checkpoint").cache_control, "no-cache");
  EXPECT_EQ(mirror->Serve("tile/0/001.p/44").status, 200);
  for (const char* file :
       {"", "tile", "tile/0/001.p/45", "tile/0/001", "tile/entries/001.p/45", "tile/entries/002",
        "tile/2/000.p/1", "tile/0/000.p/0", "tile/0/0", "../lock", "alarm/", "evidence/x",
        "tile/entries/x18/x446/x744/073/709/551/615"}) {
    EXPECT_EQ(mirror->Serve(file).status, 404) << file;
  }
}

TEST_F(MirrorTest, AMirrorFollowsAMirror) {
  std::vector<std::unique_ptr<Mirror>> first;
  first.push_back(Holding(300));
  const auto server = http::Server::Start({.listen = "127.0.0.1:0"}, [&](const auto& request) {
                        return ServeMirrors(first, request);
                      }).value();
  const std::string url = Cat("http://", server->address());
  const auto client = http::Client::Open({}).value();
  EXPECT_EQ(client->Get(url + "/")->body,
            Cat(base::Hex(poll()), " ", election_.checkpoint_key().name, "\n"));
  EXPECT_EQ(client->Get(url + "/nothing")->status, 404);
  EXPECT_EQ(client->Get(Cat(url, "/", std::string(64, '0'), "/checkpoint"))->status, 404);
  EXPECT_EQ(client->Post(url + "/", "text/plain", "x")->status, 405);

  const auto source = OverHttp(LogUrl(url, poll()), "").value();
  const std::string folder = temporary_->path() + "/second";
  auto second = Mirror::Open(Options(folder)).value();
  EXPECT_EQ(second->Follow(*source).value(), Mirror::News::kNewer);
  Grow(520);
  Show(source_, Records());
  ASSERT_TRUE(first[0]->Follow(source_).ok());
  EXPECT_EQ(second->Follow(*source).value(), Mirror::News::kNewer);
  EXPECT_EQ(SizeOf(*second), 520u);
  const auto ours = FilesUnder(Copy());
  auto theirs = FilesUnder(Cat(folder, "/", base::Hex(poll())));
  EXPECT_EQ(ours.size(), theirs.size());
  for (const auto& [path, content] : ours) {
    EXPECT_EQ(theirs[folder + path.substr(Folder().size())], content) << path;
  }
  // An auditor takes it from there.
  const auto fetched = FetchLedger(*source, poll(), temporary_->path() + "/ledger",
                                   [](std::string_view, uint64_t, uint64_t) {});
  ASSERT_TRUE(fetched.ok()) << fetched.status();
  EXPECT_EQ(fetched->size, 520u);
}

class CosignedMirrorTest : public MirrorTest {
 protected:
  CosignedMirrorTest() : MirrorTest(WithWitnesses()) {}
};

TEST_F(CosignedMirrorTest, KeepsTheCheckpointThatMoreWitnessesCosigned) {
  const auto mirror = Holding(Records().size());
  const std::string bare = source_.note;
  const auto show = [&](const std::string& note) {
    source_.note = note;
    EXPECT_EQ(mirror->Follow(source_).value(), Mirror::News::kSame);
    return mirror->Serve("checkpoint").body;
  };
  const std::string one = election_.Cosigned(bare, {1}), two = election_.Cosigned(bare, {0, 2});
  EXPECT_EQ(show(one), one);
  EXPECT_EQ(show(bare), one);
  EXPECT_EQ(show(election_.Cosigned(bare, {0})), one);
  EXPECT_EQ(show(two), two);
  // What strangers add is worth nothing.
  ledger::Note junk = ledger::Note::Parse(bare).value();
  for (size_t i = 0; i < 3; ++i) {
    ledger::NoteSignature forged = ledger::Note::Parse(two)->signatures.back();
    forged.name = election_.witness_key(i).name;
    forged.key_id = election_.witness_key(i).id();
    forged.signature.back() ^= 1;
    junk.signatures.push_back(forged);
  }
  EXPECT_EQ(show(junk.ToString()), two);
  ExpectCopy(Copy(), Records().size());
  EXPECT_EQ(base::ReadFile(Copy() + "/checkpoint").value(), two);
}

// --- Forks

TEST_F(MirrorTest, AnotherLedgerOfTheSameSizeIsProvenAndEndsTheCopying) {
  auto mirror = Holding(300);
  Show(source_, Forked(300, 280));
  EXPECT_EQ(Id(mirror->Follow(source_).status()), "ledger.forked");
  ExpectProvenAlarm(std::move(mirror), 300, 300);
}

TEST_F(MirrorTest, AShorterLedgerThatIsNoBeginningIsProven) {
  auto mirror = Holding(300);
  Show(source_, Forked(270, 100));
  EXPECT_EQ(Id(mirror->Follow(source_).status()), "ledger.forked");
  ExpectProvenAlarm(std::move(mirror), 300, 270);
}

TEST_F(MirrorTest, ALongerLedgerThatDoesNotContinueIsProven) {
  auto mirror = Holding(300);
  Grow(400);
  Show(source_, Forked(400, 290));
  const auto news = mirror->Follow(source_);
  EXPECT_EQ(Id(news.status()), "ledger.forked");
  EXPECT_THAT(Text(news.status()), HasSubstr("the first record that differs is record 290"));
  ExpectProvenAlarm(std::move(mirror), 300, 400);
}

TEST_F(MirrorTest, ARecordChangedBeneathAnUnchangedEndIsProven) {
  // Not even the chain is mended: only the root tells.
  auto mirror = Holding(300);
  Grow(310);
  std::vector<std::string> changed = Records();
  changed[40].back() ^= 1;
  Show(source_, changed);
  EXPECT_EQ(Id(mirror->Follow(source_).status()), "ledger.forked");
  EXPECT_THAT(mirror->alarm(), HasSubstr("the first record that differs is record 40"));
  ExpectProvenAlarm(std::move(mirror), 300, 310);
}

TEST_F(MirrorTest, TwoSourcesThatAreShownDifferentLedgersAreNoticed) {
  auto mirror = Holding(300);
  FakeSource other;
  Show(other, Forked(300, 299));
  EXPECT_EQ(mirror->Follow(source_).status().code(), absl::StatusCode::kOk);
  EXPECT_EQ(Id(mirror->Follow(other).status()), "ledger.forked");
}

TEST_F(MirrorTest, TheAlarmDoesNotDependOnTheGoodWillOfTheSource) {
  auto mirror = Holding(300);
  Show(source_, Forked(300, 280));
  source_.before_record = [](uint64_t) { return absl::UnavailableError("no more"); };
  EXPECT_EQ(Id(mirror->Follow(source_).status()), "ledger.forked");
  EXPECT_NE(mirror->alarm(), "");
  EXPECT_TRUE(ledger::ParseEvidence(mirror->Serve("evidence").body).ok());
  EXPECT_THAT(log_, HasSubstr("could not be copied: no more"));
}

// --- What is wrong, but proves nothing

TEST_F(MirrorTest, AnOlderStateIsNoAlarm) {
  const auto mirror = Holding(300);
  for (const size_t size : {299, 256, 100, 1, 0}) {
    ShowFirst(source_, size);
    const auto news = mirror->Follow(source_);
    ASSERT_TRUE(news.ok()) << news.status();
    EXPECT_EQ(*news, Mirror::News::kOlder) << size;
  }
  ExpectNoAlarm(*mirror, 300);
  Grow(301);
  Show(source_, Records());
  EXPECT_EQ(mirror->Follow(source_).value(), Mirror::News::kNewer);
}

TEST_F(MirrorTest, WhatTheBallotBoxDidNotSignAccusesNobody) {
  const auto mirror = Holding(300);
  Grow(400);
  const auto refused = [&](std::string_view id) {
    const auto news = mirror->Follow(source_);
    EXPECT_EQ(Id(news.status()), id) << news.status();
    ExpectNoAlarm(*mirror, 300);
  };
  const auto honest = [&] { Show(source_, Records()); };

  honest();
  source_.records[350].back() ^= 1;
  refused("issuer.signature-invalid");
  honest();
  source_.records.back().back() ^= 1;
  refused("issuer.signature-invalid");
  honest();
  std::swap(source_.records[350], source_.records[351]);
  refused("ledger.chain-broken");
  honest();  // an old record: the new ones are right, but not what tiles are made of
  source_.records[5].back() ^= 1;
  refused("tile.differs");
}

TEST_F(MirrorTest, RecordsThatDoNotFollowAccuseNobodyUnlessTheyAreSigned) {
  const auto mirror = Holding(300);
  Grow(400);
  Show(source_, Records());
  source_.records = Forked(400, 250);
  EXPECT_EQ(Id(mirror->Follow(source_).status()), "ledger.chain-broken");
  ExpectNoAlarm(*mirror, 300);
  // Wrong at first, right when all of it is asked for.
  bool asked_again = false;
  source_.before_record = [&](uint64_t index) {
    if (index == 0) {
      asked_again = true;
      source_.records = Records();
    }
    return absl::OkStatus();
  };
  EXPECT_EQ(Id(mirror->Follow(source_).status()), "ledger.chain-broken");
  EXPECT_TRUE(asked_again);
  ExpectNoAlarm(*mirror, 300);
  EXPECT_EQ(mirror->Follow(source_).value(), Mirror::News::kNewer);
}

TEST_F(MirrorTest, RefusesCheckpointsThatAreNotTheLedgers) {
  const auto mirror = Holding(300);
  const auto refused = [&](std::string_view id) {
    EXPECT_EQ(Id(mirror->Follow(source_).status()), id);
    ExpectNoAlarm(*mirror, 300);
  };
  const std::vector<std::string> forked = Forked(300, 200);
  source_.ShowFirst(forked, 300, election_.checkpoint_key().name, election_.official(0));
  refused("note.unsigned");
  source_.ShowFirst(forked, 300, "other.example", election_.ballot_box());
  refused("note.unsigned");
  source_.note = "hello";
  refused("note.malformed");
  source_.note = std::string(size_t{2} << 20, 'x');
  refused("note.malformed");
  ShowFirst(source_, 300);
  source_.note[source_.note.size() - 10] ^= 1;
  EXPECT_FALSE(mirror->Follow(source_).ok());
  ExpectNoAlarm(*mirror, 300);
  source_.note = ledger::SignCheckpoint({election_.checkpoint_key().name, 0, Hash32{1}},
                                        election_.ballot_box());
  refused("ledger.root");
}

TEST_F(MirrorTest, RefusesAnotherPollsLedgerAndOneThatEndsTooEarly) {
  const auto mirror = Open();
  TestElection other;
  other.RunUntilOpen();
  source_.ShowFirst(other.records(), other.records().size(), other.checkpoint_key().name,
                    other.ballot_box());
  EXPECT_EQ(Id(mirror->Follow(source_).status()), "ledger.poll-id");
  Show(source_, Records());
  source_.records.pop_back();
  EXPECT_EQ(Id(mirror->Follow(source_).status()), "ledger.incomplete");
  ShowFirst(source_, 1);
  EXPECT_EQ(Id(mirror->Follow(source_).status()), "ledger.incomplete");
  Show(source_, Records());
  source_.records.back().back() ^= 1;
  EXPECT_NE(Id(mirror->Follow(source_).status()), "");
  ExpectNoAlarm(*mirror, 0);
  EXPECT_FALSE(fs::exists(Copy()));
}

TEST_F(MirrorTest, AWrongTileIsRefused) {
  const auto mirror = Holding(300);
  Grow(600);
  Show(source_, Records());
  for (const char* path : {"tile/0/001", "tile/0/002.p/88", "tile/1/000.p/2"}) {
    const TileId id = TileId::Parse(path).value();
    std::string wrong = source_.Tile(id).value().value();
    wrong[7] ^= 1;
    source_.tiles_instead = {{path, wrong}};
    const auto news = mirror->Follow(source_);
    EXPECT_EQ(Id(news.status()), "tile.differs");
    EXPECT_THAT(Text(news.status()), HasSubstr(Cat("fake.example/", path)));
    ExpectNoAlarm(*mirror, 300);
  }
  source_.tiles_instead.clear();
  EXPECT_EQ(mirror->Follow(source_).value(), Mirror::News::kNewer);
  // gRPC has none.
  Grow(601);
  Show(source_, Records());
  source_.has_tiles = false;
  EXPECT_EQ(mirror->Follow(source_).value(), Mirror::News::kNewer);
}

TEST_F(MirrorTest, AnEndlessLedgerIsNotTakenToItsEnd) {
  source_.endless = true;
  const auto absurd = [&](uint64_t size, const crypto::Ed25519Key& key) {
    source_.sent = 0;
    source_.note = ledger::SignCheckpoint({election_.checkpoint_key().name, size, Hash32{1}}, key);
  };
  // A stranger's: until the definition says whose signature it takes.
  const auto mirror = Open();
  absurd(1'000'000, election_.official(0));
  EXPECT_EQ(Id(mirror->Follow(source_).status()), "note.unsigned");
  EXPECT_LT(source_.sent, 5u);
  // The ballot box's: as far as there is room.
  absurd(uint64_t{1} << 60, election_.ballot_box());
  EXPECT_EQ(mirror->Follow(source_).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(source_.sent, 0u);
  absurd(5000, election_.ballot_box());
  EXPECT_NE(Id(mirror->Follow(source_).status()), "");
  ExpectNoAlarm(*mirror, 0);
}

TEST_F(MirrorTest, ALineThatBreaksChangesNothing) {
  const auto mirror = Holding(300);
  Grow(400);
  Show(source_, Records());
  source_.before_record = [](uint64_t index) {
    return index == 390 ? absl::UnavailableError("gone") : absl::OkStatus();
  };
  EXPECT_EQ(mirror->Follow(source_).status().code(), absl::StatusCode::kUnavailable);
  ExpectNoAlarm(*mirror, 300);
  source_.before_checkpoint = [] { return absl::UnavailableError("gone"); };
  EXPECT_EQ(mirror->Follow(source_).status().code(), absl::StatusCode::kUnavailable);
  ExpectNoAlarm(*mirror, 300);
}

// --- A record that breaks a rule

TEST_F(MirrorTest, ASignedLedgerThatBreaksARuleIsKeptAsWhatAccusesIt) {
  const size_t size = Records().size();
  auto mirror = Holding(size);
  election_.AppendRaw(poll::RecordKind::kIssuanceCounted, "nonsense", election_.now);
  election_.CountIssuance();
  Show(source_, Records());
  const auto news = mirror->Follow(source_);
  EXPECT_EQ(Id(news.status()), "record.malformed");
  EXPECT_THAT(mirror->alarm(), HasSubstr(Cat("breaks a rule: record ", size)));
  EXPECT_THAT(log_, HasSubstr("*** ALARM ***"));
  EXPECT_EQ(mirror->Serve("evidence").status, 404);
  // The whole of it, under its signature, for urna-verify.
  std::vector<std::string> kept;
  for (const auto& entry : fs::directory_iterator(Path("evidence"))) kept.push_back(entry.path());
  ASSERT_EQ(kept.size(), 1u);
  const auto reader = ledger::ExportReader::Open(kept[0]).value();
  EXPECT_THAT(reader->file_faults(), IsEmpty());
  EXPECT_EQ(reader->note(), source_.note);
  EXPECT_EQ(reader->ReadEntry(size).value(), Records()[size]);
  EXPECT_EQ(SizeOf(*mirror), size);
  ExpectCopy(Copy(), size);
  mirror.reset();
  EXPECT_NE(Open()->alarm(), "");
}

TEST_F(MirrorTest, AKindThatIsNotKnownMayBeTheFaultOfThisProgram) {
  const auto mirror = Holding(Records().size());
  election_.AppendRaw(static_cast<poll::RecordKind>(200), "later", election_.now);
  Show(source_, Records());
  EXPECT_EQ(Id(mirror->Follow(source_).status()), "record.kind-unknown");
  EXPECT_THAT(mirror->alarm(), HasSubstr("older than the server's"));
}

// --- Its own folder

TEST_F(MirrorTest, ACrashAtAnyMomentLeavesACopyThatIsWholeAndAccusesNobody) {
  const auto mirror = Holding(250);
  Grow(520);
  Show(source_, Records());
  // A crash leaves the disk as it is; so a copy of the folder is what a crash would have left.
  std::vector<std::string> crashed;
  const auto crash = [&] {
    crashed.push_back(Cat(temporary_->path(), "/crash", crashed.size()));
    fs::copy(Folder(), crashed.back(), fs::copy_options::recursive);
  };
  source_.before_checkpoint = [&] {
    crash();
    return absl::OkStatus();
  };
  source_.before_record = [&](uint64_t index) {
    if (index % 40 == 0 || (index >= 255 && index < 258)) crash();
    return absl::OkStatus();
  };
  persisted_ = crash;
  ASSERT_TRUE(mirror->Follow(source_).ok());
  crash();
  source_.before_checkpoint = [] { return absl::OkStatus(); };
  source_.before_record = [](uint64_t) { return absl::OkStatus(); };
  persisted_ = nullptr;
  ASSERT_GT(crashed.size(), 10u);
  for (const std::string& folder : crashed) {
    SCOPED_TRACE(folder);
    const auto again = Mirror::Open(Options(folder));
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(SizeOf(**again), &folder < &crashed[crashed.size() - 2] ? 250u : 520u);
    EXPECT_TRUE((*again)->Follow(source_).ok());
    EXPECT_EQ(SizeOf(**again), 520u);
    EXPECT_EQ((*again)->alarm(), "");
    EXPECT_THAT(
        ledger::ExportReader::Open(Cat(folder, "/", base::Hex(poll()))).value()->file_faults(),
        IsEmpty());
  }
}

TEST_F(MirrorTest, WhatWasAddedIsServedOnlyOnceItIsOnTheDisk) {
  const auto mirror = Holding(300);
  Grow(400);
  Show(source_, Records());
  int asked = 0;
  persisted_ = [&] {
    ++asked;
    EXPECT_EQ(SizeOf(*mirror), 300u);
    EXPECT_EQ(mirror->Serve("tile/0/001.p/45").status, 404);
    // The copy that is served has moved, and is still whole.
    EXPECT_EQ(mirror->Serve("tile/0/001.p/44").status, 200);
    EXPECT_EQ(mirror->Serve("tile/entries/001.p/44").status, 200);
    EXPECT_EQ(ledger::ExportReader::Open(Copy()).value()->checkpoint().size, 400u);
  };
  ASSERT_TRUE(mirror->Follow(source_).ok());
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(mirror->Serve("tile/0/001.p/144").status, 200);
}

TEST_F(MirrorTest, WhoeverReadsTheCopyMeanwhileReadsAWholeOne) {
  const auto mirror = Holding(300);
  const auto reader = ledger::ExportReader::Open(Copy()).value();
  Grow(600);
  Show(source_, Records());
  ASSERT_TRUE(mirror->Follow(source_).ok());
  EXPECT_EQ(reader->ReadBundle(1).value().size(), 44u);
  EXPECT_TRUE(reader->ReadTile({0, 1, 44}).ok());
}

TEST_F(MirrorTest, ADamagedCopyIsFoundAtTheStartAndNobodyIsAccused) {
  Holding(300);
  const std::string sound = temporary_->path() + "/sound";
  fs::rename(Folder(), sound);
  const auto damaged_by = [&](const std::string& file, const std::function<void(std::string&)>& f) {
    fs::remove_all(Folder());
    fs::copy(sound, Folder(), fs::copy_options::recursive);
    std::string bytes = base::ReadFile(Cat(Copy(), "/", file)).value();
    f(bytes);
    ASSERT_TRUE(base::WriteFileAtomic(Cat(Copy(), "/", file), bytes).ok());
    const auto opened = Mirror::Open(Options(Folder()));
    EXPECT_EQ(opened.status().code(), absl::StatusCode::kDataLoss) << file << opened.status();
    EXPECT_THAT(Text(opened.status()), HasSubstr("Nobody is accused"));
  };
  const auto flip = [](std::string& bytes) { bytes[bytes.size() / 2] ^= 1; };
  damaged_by("tile/entries/000", flip);
  damaged_by("tile/entries/001.p/44", flip);
  damaged_by("tile/0/000", flip);
  damaged_by("tile/0/001.p/44", flip);
  damaged_by("tile/1/000.p/1", flip);
  damaged_by("checkpoint", [](std::string& bytes) { bytes[bytes.size() - 20] ^= 1; });
  damaged_by("checkpoint", [&](std::string& bytes) { bytes = Cat("x", bytes); });
  damaged_by("tile/0/001.p/44", [](std::string& bytes) { bytes.pop_back(); });
  fs::remove_all(Folder());
  fs::copy(sound, Folder(), fs::copy_options::recursive);
  fs::remove(Copy() + "/tile/0/000");
  EXPECT_EQ(Mirror::Open(Options(Folder())).status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(MirrorTest, ACopyThatIsDamagedWhileItRunsAccusesNobody) {
  const auto mirror = Holding(300);
  std::string tile = base::ReadFile(Copy() + "/tile/0/000").value();
  tile[40 * 32] ^= 1;
  ASSERT_TRUE(base::WriteFileAtomic(Copy() + "/tile/0/000", tile).ok());
  ShowFirst(source_, 100);
  EXPECT_EQ(mirror->Follow(source_).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(mirror->alarm(), "");
  EXPECT_TRUE(fs::is_empty(Path("evidence")));
}

TEST_F(MirrorTest, AnEarlierBallotThatCannotBeReadHereAccusesNobody) {
  const auto mirror = Holding(Records().size());
  const auto votes = [&](int choice) {
    return TestElection::VotesFor(election_.context().styles[election_.voter(0).style].shape,
                                  choice);
  };
  election_.Cast(0, votes(0));
  Show(source_, Records());
  ASSERT_EQ(mirror->Follow(source_).value(), Mirror::News::kNewer);
  // Voting again takes the first ballot out of the sums, for which it is read.
  election_.Cast(0, votes(1));
  ASSERT_THAT(election_.faults(), IsEmpty());
  Show(source_, Records());
  const std::string bundle =
      Cat(Copy(), "/", ledger::TileAt(SizeOf(*mirror), TileId::kEntries, 0).Path());
  const std::string sound = base::ReadFile(bundle).value();
  const size_t ballot = sound.size() - Records()[SizeOf(*mirror) - 1].size();
  // Its length, its format and its content.
  for (const size_t at : {ballot - 1, ballot, sound.size() - 300}) {
    std::string changed = sound;
    changed[at] ^= 0x40;
    ASSERT_TRUE(base::WriteFileAtomic(bundle, changed).ok());
    const auto news = mirror->Follow(source_);
    EXPECT_FALSE(news.ok());
    EXPECT_EQ(Id(news.status()), "") << news.status();
    EXPECT_EQ(mirror->alarm(), "");
    EXPECT_TRUE(fs::is_empty(Path("evidence")));
  }
  ASSERT_TRUE(base::WriteFileAtomic(bundle, sound).ok());
  EXPECT_EQ(mirror->Follow(source_).value(), Mirror::News::kNewer);
}

TEST_F(MirrorTest, TwoDoNotWorkOnOneCopy) {
  auto mirror = Open();
  const auto second = Mirror::Open(Options(Folder()));
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Text(second.status()), HasSubstr("a mirror of this poll runs on this folder"));
  mirror.reset();
  EXPECT_NE(Open(), nullptr);
}

TEST_F(MirrorTest, ACopyOfAnotherPollIsNotTaken) {
  TestElection other;
  other.RunUntilOpen();
  ASSERT_TRUE(base::MakeFolders(Folder()).ok());
  other.WriteExport(Copy());
  const auto opened = Mirror::Open(Options(Folder()));
  EXPECT_EQ(opened.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(Text(opened.status()), HasSubstr("not that of poll"));
}

}  // namespace
}  // namespace urna::client
