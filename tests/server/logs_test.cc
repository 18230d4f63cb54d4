#include <gtest/gtest.h>

#include "base/text.h"
#include "tests/server/harness.h"

namespace urna::server::testing {
namespace {

TEST(Logs, NothingInTheLogLinksAnybodyToABallot) {
  TestServer s(Small(3));
  s.RunUntilOpen();
  std::vector<std::string> secrets;
  for (size_t voter = 0; voter < 3; ++voter) {
    const std::string ballot = s.MakeBallot(voter, 0);
    ASSERT_TRUE(s.Cast(ballot).ok());
    // Refused requests tempt a server to log them.
    s.election.voter(voter).revision = 0;
    EXPECT_FALSE(s.Cast(s.MakeBallot(voter, 1)).ok());
    TestServer::Issuance issuance;
    EXPECT_FALSE(s.Begin(voter, &issuance).ok());
    const auto& who = s.election.voter(voter);
    secrets.push_back(base::Hex(who.credential.V.bytes()));
    secrets.push_back(base::Hex(who.ballot_key.BK.bytes()));
    secrets.push_back(base::Hex(crypto::HashSha256(ballot)));
  }
  s.Cast("rubbish");
  s.clock.Set(s.end());
  s.Close();
  for (const auto& key :
       {s.election.ballot_box().seed().Expose(), s.election.issuer(0).seed().Expose()}) {
    secrets.push_back(base::Hex(key));
  }
  const std::string own = s.server().address();
  s.Stop();

  const std::string log = s.log();
  EXPECT_NE(log.find("'ended' is recorded"), std::string::npos) << "the log is not this server's";
  for (const std::string& secret : secrets) {
    // A part of it would do as well.
    for (size_t at = 0; at + 8 <= secret.size(); at += 8) {
      EXPECT_EQ(log.find(secret.substr(at, 8)), std::string::npos) << secret;
    }
  }
  for (std::string_view line : base::Split(log, '\n')) {
    if (line.find(own) != std::string_view::npos) continue;  // where it listens
    EXPECT_EQ(line.find("127.0.0.1"), std::string_view::npos) << line;
    EXPECT_EQ(line.find("ipv"), std::string_view::npos) << line;
    EXPECT_EQ(line.find("ballot"), std::string_view::npos) << line;
  }
}

}  // namespace
}  // namespace urna::server::testing
