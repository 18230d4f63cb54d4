// Mixed contests, as trustees send them to a server.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/server/harness.h"

namespace urna::server::testing {
namespace {

using poll::RecordKind;
using ::testing::HasSubstr;

constexpr uint32_t kMixed = 1;

/// A closed poll whose ballots wait for mixers.
class MixingServer : public ::testing::Test {
 protected:
  void SetUp() override {
    s_.RunUntilOpen();
    for (size_t voter = 0; voter < 5; ++voter) {
      ASSERT_TRUE(s_.Cast(s_.MakeBallot(voter, static_cast<int>(voter))).ok());
    }
    s_.clock.Set(s_.end());
    s_.Close();
    s_.Sync();
  }
  std::string Waiting() {
    const v1::StatusResponse status = s_.Status();
    std::string all;
    for (const std::string& one : status.waiting_for()) all += one + "\n";
    return all;
  }
  std::vector<poll::Payload> Mix(uint32_t trustee) {
    return urna::testing::MixPartsOf(s_.state(), trustee, kMixed);
  }
  void SendAll(const std::vector<poll::Payload>& parts, uint32_t trustee) {
    for (const poll::Payload& part : parts) {
      s_.Sync();
      s_.MustSubmit(part, trustee);
    }
    s_.Sync();
  }
  void DecryptBoth(uint32_t trustee) {
    for (uint32_t c = 0; c < 2; ++c) {
      for (const poll::DecryptionPart& part : s_.ShareParts(trustee, c)) {
        s_.MustSubmit(part, trustee);
        s_.Sync();
      }
    }
  }

  TestServer s_{urna::testing::WithMixedContest()};
};

TEST_F(MixingServer, TakesMixesAndSharesAcrossARestartToTheCertificate) {
  EXPECT_THAT(Waiting(), HasSubstr("contest m: 2 more of 2 mixes\n"));
  EXPECT_THAT(Waiting(), HasSubstr("contest q1: 2 more of 2 decryption shares"));
  std::vector<poll::Payload> parts = Mix(3);
  for (size_t i = 0; i < 3; ++i) {
    s_.Sync();
    s_.MustSubmit(parts[i], 3);
  }
  EXPECT_THAT(Waiting(), HasSubstr("one of which is coming: 3 of 7 parts of trustee 3"));
  s_.Restart();
  EXPECT_THAT(Waiting(), HasSubstr("3 of 7 parts of trustee 3"));
  parts.erase(parts.begin(), parts.begin() + 3);
  SendAll(parts, 3);
  EXPECT_THAT(Waiting(), HasSubstr("contest m: 1 more of 2 mixes\n"));
  SendAll(Mix(1), 1);
  EXPECT_THAT(Waiting(), HasSubstr("contest m: 2 more of 2 decryption shares"));
  s_.Restart();
  s_.Sync();
  DecryptBoth(1);
  DecryptBoth(2);
  s_.Certify();
  const auto result = s_.state().ComputeResult();
  ASSERT_TRUE(result.ok()) << result.status();
  // Voter i picks i+1 and i+2.
  EXPECT_EQ(result->contests[kMixed].online[0], 1u);
  EXPECT_EQ(result->contests[kMixed].online[1], 2u);
}

TEST_F(MixingServer, APartSentAgainIsTheSameRecord) {
  poll::Payload part = Mix(2)[0];
  s_.SignAsTrustee(part, 2);
  const std::string payload = poll::EncodePayload(part);
  ASSERT_TRUE(s_.Submit(RecordKind::kMixPart, payload).ok());
  const uint64_t size = s_.Status().size();
  ASSERT_TRUE(s_.Submit(RecordKind::kMixPart, payload).ok());
  EXPECT_EQ(s_.Status().size(), size);
}

TEST_F(MixingServer, RefusesAFalseMixAndGoesOnWithAnother) {
  std::vector<poll::Payload> parts = Mix(2);
  auto& data = std::get<poll::MixPart>(parts[0]).data;
  std::swap_ranges(data.begin(), data.begin() + 32, data.begin() + 96);
  for (size_t i = 0; i < parts.size(); ++i) {
    s_.Sync();
    s_.SignAsTrustee(parts[i], 2);
    const Outcome outcome = s_.Submit(poll::KindOf(parts[i]), poll::EncodePayload(parts[i]));
    if (i + 1 < parts.size()) {
      ASSERT_TRUE(outcome.ok()) << outcome;
    } else {
      EXPECT_EQ(outcome.reject, "mix.proof-invalid") << outcome;
    }
  }
  s_.Sync();
  SendAll(Mix(1), 1);
  SendAll(Mix(2), 2);
  EXPECT_EQ(s_.state().Mixed(kMixed).mixers(), (std::vector<uint32_t>{1, 2}));
}

TEST_F(MixingServer, RefusesAPartThatIsNotNextOrNotSigned) {
  std::vector<poll::Payload> parts = Mix(2);
  s_.SignAsTrustee(parts[1], 2);
  EXPECT_EQ(s_.Submit(poll::KindOf(parts[1]), poll::EncodePayload(parts[1])).reject,
            "mix.out-of-order");
  s_.SignAsTrustee(parts[0], 1);
  EXPECT_EQ(s_.Submit(RecordKind::kMixPart, poll::EncodePayload(parts[0])).reject,
            "trustee.signature-invalid");
}

}  // namespace
}  // namespace urna::server::testing
