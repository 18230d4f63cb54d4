// A server that starts from the state that it kept is the same server as one that reads all its
// records; and what it kept is never believed against the ledger.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/text.h"
#include "tests/server/harness.h"

namespace urna::server::testing {
namespace {

namespace fs = std::filesystem;

class Restart : public ::testing::Test {
 protected:
  Restart() : s_(Small(6)) {
    s_.RunUntilOpen();
    for (size_t voter = 0; voter < 3; ++voter) Cast(voter, 0);
    Cast(0, 1);
  }
  void Cast(size_t voter, int choice) {
    const Outcome outcome = s_.Cast(s_.MakeBallot(voter, choice));
    ASSERT_TRUE(outcome.ok()) << outcome;
  }
  std::string Path(const std::string& ending) const {
    return base::Cat(s_.data(), "/state/", base::Hex(s_.poll()), ".", ending);
  }
  /// Starts, and expects the log to say so many times that the kept state served.
  void StartExpecting(bool kept) {
    const size_t before = Mentions(" of them from the kept state");
    s_.Start();
    EXPECT_EQ(Mentions(" of them from the kept state"), before + (kept ? 1 : 0)) << s_.log();
  }
  size_t Mentions(const std::string& text) const {
    const std::string log = s_.log();
    size_t count = 0;
    for (size_t at = log.find(text); at != std::string::npos; at = log.find(text, at + 1)) ++count;
    return count;
  }
  /// Votes for the first option of voters 0, 1 and 2: 0 has voted for the second since.
  void ExpectResult(std::vector<uint64_t> votes) {
    s_.clock.Set(s_.end());
    s_.Close();
    s_.DecryptAll();
    s_.Certify();
    const auto result = s_.state().ComputeResult();
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->contests[0].online, votes);
  }

  TestServer s_;
};

TEST_F(Restart, FromTheKeptStateCountsWhatCameBeforeAndAfter) {
  s_.Stop();
  StartExpecting(true);
  // The first ballots of voters 0 and 1 are taken out of the sums again.
  Cast(0, 0);
  Cast(1, 1);
  Cast(3, 1);
  ExpectResult({2, 2});
}

TEST_F(Restart, FromTheKeptStateRefusesWhatTheLedgerRefuses) {
  const std::string old = s_.MakeBallot(4, 0);
  const std::string newer = s_.MakeBallot(4, 1);
  ASSERT_TRUE(s_.Cast(newer).ok());
  s_.Stop();
  StartExpecting(true);
  EXPECT_EQ(s_.Cast(old).reject, "ballot.revision-repeated");
  EXPECT_TRUE(s_.Cast(newer).ok());  // the same again has its receipt
}

TEST_F(Restart, FromAnOldKeptStateReadsTheRecordsSince) {
  s_.Stop();
  fs::copy(s_.data() + "/state", s_.data() + "/state.old", fs::copy_options::recursive);
  s_.Start();
  Cast(3, 1);
  Cast(0, 0);
  s_.Stop();
  fs::remove_all(s_.data() + "/state");
  fs::rename(s_.data() + "/state.old", s_.data() + "/state");
  StartExpecting(true);
  Cast(4, 1);
  s_.Restart();
  ExpectResult({3, 2});
}

TEST_F(Restart, WithoutAKeptStateReadsAllRecords) {
  s_.Stop();
  fs::remove_all(s_.data() + "/state");
  StartExpecting(false);
  ExpectResult({2, 1});
}

TEST_F(Restart, ShowsRevisionsNoSoonerThanBefore) {
  const auto last_revision = [&](size_t voter) {
    v1::LastRevisionRequest request;
    request.set_poll(std::string(base::View(s_.poll())));
    request.set_ballot_key(std::string(s_.election.voter(voter).ballot_key.BK.view()));
    v1::LastRevisionResponse response;
    const Outcome outcome = TestServer::Run(
        [&](auto* context) { return s_.reading->LastRevision(context, request, &response); });
    EXPECT_TRUE(outcome.ok()) << outcome;
    return response.revision();
  };
  EXPECT_EQ(last_revision(0), 0u);
  s_.Stop();
  StartExpecting(true);
  EXPECT_EQ(last_revision(0), 0u);
  s_.clock.Set(s_.start() + 2 * 3600);
  Await([&] { return last_revision(0) == 2; }, "the publication");
  s_.Restart();
  EXPECT_EQ(last_revision(0), 2u);
  EXPECT_EQ(last_revision(1), 1u);
}

/// Whatever single byte of what is kept was changed, the records decide.
TEST_F(Restart, DamagedKeptStatesAreNotUsed) {
  s_.Stop();
  for (const std::string ending : {"state", "ballots"}) {
    std::string bytes;
    {
      std::ifstream in(Path(ending), std::ios::binary);
      bytes.assign(std::istreambuf_iterator<char>(in), {});
    }
    ASSERT_GT(bytes.size(), 100u);
    for (size_t i = 0; i < 4; ++i) {
      SCOPED_TRACE(base::Cat(ending, " ", i));
      std::string damaged = bytes;
      char& byte = damaged[i * (bytes.size() - 1) / 3];
      byte = static_cast<char>(byte ^ 1);
      std::ofstream(Path(ending), std::ios::binary | std::ios::trunc) << damaged;
      StartExpecting(false);
      EXPECT_EQ(s_.Status().phase(), "open");
      s_.Stop();  // keeps a new one
    }
    std::ofstream(Path(ending), std::ios::binary | std::ios::trunc)
        << bytes.substr(0, bytes.size() / 2);
    StartExpecting(false);
    s_.Stop();
  }
  StartExpecting(true);
  ExpectResult({2, 1});
}

/// A kept state whose own hashes are right, of a ledger that is not this one.
TEST_F(Restart, AKeptStateOfAnotherLedgerIsNotUsed) {
  TestServer other(Small(6));
  other.RunUntilOpen();
  for (size_t voter = 0; voter < 4; ++voter) {
    ASSERT_TRUE(other.Cast(other.MakeBallot(voter, 1)).ok());
  }
  other.Stop();
  s_.Stop();
  const std::string theirs = base::Cat(other.data(), "/state/", base::Hex(other.poll()), ".");
  for (const std::string ending : {"state", "ballots"}) {
    fs::copy_file(theirs + ending, Path(ending), fs::copy_options::overwrite_existing);
  }
  StartExpecting(false);
  EXPECT_NE(s_.log().find("is of another ledger"), std::string::npos) << s_.log();
  ExpectResult({2, 1});
}

TEST(RestartElsewhere, AnIssuerStartsFromItsKeptState) {
  TestServer box(Small(2, 1, 1, 1, 2));
  OutsideIssuer issuer(box, 1);
  box.Start();
  issuer.Start();
  box.Define();
  box.SealRoll();
  box.WaitForPhase("waiting for the trustees to join");
  box.Sync();
  box.KeyCeremony();
  box.Record(poll::Opened{});
  box.Sync();
  issuer.AwaitNews();
  ASSERT_TRUE(box.Cast(box.MakeBallot(0, 0)).ok());
  issuer.AwaitNews();
  issuer.Stop();
  issuer.Start();
  EXPECT_NE(issuer.log().find(" of them from the kept state"), std::string::npos) << issuer.log();
  issuer.AwaitNews();
  ASSERT_TRUE(box.Cast(box.MakeBallot(1, 0)).ok());
}

}  // namespace
}  // namespace urna::server::testing
