#include "client/roll_diff.h"

#include <gmock/gmock.h>

#include <string>

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"
#include "client/interrupt.h"
#include "tests/support/election.h"

namespace urna::client {
namespace {

using ::testing::HasSubstr;
using testing::TestElection;

TEST(ListDiffTest, CountsWhatIsNewGoneAndMovedForEachStyle) {
  const std::vector<Resident> before = {{"3", "C", "c street", "north"},
                                        {"1", "A", "a street", "north"},
                                        {"2", "B", "b street", "south"},
                                        {"4", "D", "d street", "south"},
                                        {"10", "E", "e street", "west"}};
  const std::vector<Resident> after = {{"1", "A", "a street", "north"},
                                       {"2", "Bb", "b street", "north"},
                                       {"3", "C", "new street", "north"},
                                       {"5", "F", "f street", "east"},
                                       {"10", "E", "e street", "south"}};
  const ListDiff diff = DiffLists(EntriesOf(before), EntriesOf(after));
  std::string kinds;
  for (const ListChange& c : diff.changes) {
    kinds += base::Cat(c.key, c.added ? "+" : "", c.gone ? "-" : "", c.style ? "s" : "",
                       c.name ? "n" : "", c.address ? "a" : "", " ");
  }
  EXPECT_EQ(kinds, "10s 2sn 3a 4- 5+ ");
  EXPECT_EQ(diff.together.before, 5u);
  EXPECT_EQ(diff.together.after, 5u);
  EXPECT_EQ(diff.together.added, 1u);
  EXPECT_EQ(diff.together.gone, 1u);
  EXPECT_EQ(diff.together.moved_in, 2u);
  EXPECT_EQ(diff.together.moved_out, 2u);
  EXPECT_EQ(diff.names, 1u);
  EXPECT_EQ(diff.addresses, 1u);
  EXPECT_EQ(diff.styles.size(), 4u);
  EXPECT_EQ(diff.styles.at("north").moved_in, 1u);
  EXPECT_EQ(diff.styles.at("south").moved_out, 1u);
  EXPECT_EQ(diff.styles.at("south").gone, 1u);
  EXPECT_EQ(diff.styles.at("west").after, 0u);
  EXPECT_EQ(diff.styles.at("east").added, 1u);
  for (const auto& [id, c] : diff.styles) {
    EXPECT_EQ(c.before + c.added + c.moved_in, c.after + c.gone + c.moved_out) << id;
  }
}

TEST(ListDiffTest, ComparesRollsByCredential) {
  crypto::Initialize();
  RollFile before, after;
  std::vector<crypto::Point> points;
  for (int i = 0; i < 3; ++i) points.push_back(crypto::CredentialKey::New().V);
  before.entries = {{points[0], "north", 0}, {points[1], "north", 0}};
  after.entries = {{points[1], "south", 0}, {points[2], "south", 0}};
  const ListDiff diff = DiffLists(EntriesOf(before), EntriesOf(after));
  EXPECT_EQ(diff.changes.size(), 3u);
  EXPECT_EQ(diff.together.added, 1u);
  EXPECT_EQ(diff.together.gone, 1u);
  EXPECT_EQ(diff.styles.at("south").moved_in, 1u);
  EXPECT_TRUE(DiffLists(EntriesOf(after), EntriesOf(after)).changes.empty());
}

TEST(SealedPersonsTest, ReadsTheHashThatTheOfficialsSealed) {
  crypto::Initialize();
  const auto folder = TemporaryFolder::Create();
  ASSERT_TRUE(folder.ok());
  TestElection election;
  election.RunUntilOpen();
  const std::string ledger = (*folder)->path() + "/ledger";
  election.WriteExport(ledger);
  const auto sealed = ReadSealedPersons(ledger, election.state().poll());
  ASSERT_TRUE(sealed.ok()) << sealed.status();
  EXPECT_EQ(sealed->persons_sha256, crypto::HashSha256("list of persons"));
  EXPECT_EQ(sealed->credentials, election.voter_count());

  EXPECT_EQ(base::RejectId(ReadSealedPersons(ledger, crypto::HashSha256("other")).status()),
            "ledger.poll-id");
}

TEST(SealedPersonsTest, BelievesNoLedgerWhoseSealIsForged) {
  crypto::Initialize();
  const auto folder = TemporaryFolder::Create();
  ASSERT_TRUE(folder.ok());
  TestElection election;
  election.Define();
  election.SealRoll();
  // The ballot box puts the hash of another list where the officials signed for theirs.
  std::vector<std::string> records = election.records();
  const crypto::Hash32 list = crypto::HashSha256("list of persons");
  const crypto::Hash32 other = crypto::HashSha256("another list");
  const size_t at = records.back().find(base::View(list));
  ASSERT_NE(at, std::string::npos);
  records.back().replace(at, 32, base::View(other));
  const std::string ledger = (*folder)->path() + "/ledger";
  election.WriteExport(ledger, records);
  const auto sealed = ReadSealedPersons(ledger, election.state().poll());
  ASSERT_FALSE(sealed.ok());
  EXPECT_THAT(std::string(sealed.status().message()), HasSubstr("record "));
}

TEST(SealedPersonsTest, SaysThatNoRollIsSealed) {
  crypto::Initialize();
  const auto folder = TemporaryFolder::Create();
  ASSERT_TRUE(folder.ok());
  TestElection election;
  election.Define();
  const std::string ledger = (*folder)->path() + "/ledger";
  election.WriteExport(ledger);
  EXPECT_EQ(base::RejectId(ReadSealedPersons(ledger, election.state().poll()).status()),
            "ledger.incomplete");
}

}  // namespace
}  // namespace urna::client
