// Issuers that run as processes of their own, under another body than the ballot box's.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <future>

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "server/setup.h"
#include "tests/server/harness.h"

namespace urna::server::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using Issuance = TestServer::Issuance;

/// A ballot box that runs issuer 0, and issuer 1 elsewhere.
struct City {
  explicit City(uint32_t voters = 4) : box(Small(voters, 1, 1, 1, 2)), issuer(box, 1) {}

  void RunUntilOpen() {
    box.Start();
    // The issuer finds the ballot box again where it was.
    box.settings.listen = box.server().address();
    issuer.Start();
    box.Define();
    box.SealRoll();
    box.WaitForPhase("waiting for the trustees to join");
    box.Sync();
    box.KeyCeremony();
    box.Record(poll::Opened{});
    box.Sync();
    issuer.AwaitNews();
  }

  TestServer box;
  OutsideIssuer issuer;
};

TEST(OutsideIssuer, TakesPartInAWholePoll) {
  City city;
  city.RunUntilOpen();
  for (size_t voter = 0; voter < 3; ++voter) {
    const Outcome cast = city.box.Cast(city.box.MakeBallot(voter, 0));
    ASSERT_TRUE(cast.ok()) << cast;
  }
  city.box.clock.Set(city.box.start() + 3600);
  Await([&] { return city.issuer.log().find("'issuance counted'") != std::string::npos; },
        "the hourly count");
  ASSERT_TRUE(city.box.Cast(city.box.MakeBallot(3, 1)).ok());
  city.box.clock.Set(city.box.end());
  city.box.Close();
  city.box.DecryptAll();
  city.box.Certify();
  EXPECT_EQ(city.box.state().phase(), poll::Phase::kCertified);
  EXPECT_TRUE(city.box.state().RegistersSettled());
  city.issuer.AwaitNews();
  EXPECT_EQ(city.issuer.fatal_calls(), 0);
}

}  // namespace
}  // namespace urna::server::testing
