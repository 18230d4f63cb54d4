// What the shipped verifier says about mixed contests.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/crypto/shuffle_support.h"
#include "tests/verifier/support.h"

namespace urna::verifier {
namespace {

using ::testing::HasSubstr;
using Names = std::set<std::string>;

constexpr uint32_t kMixed = 1;

void CloseWith(TestElection& e, uint32_t ballots) {
  e.RunUntilOpen();
  e.now += 3600;
  for (uint32_t i = 0; i < ballots; ++i) {
    e.Cast(i, {{1, 0}, TestElection::SlotsOfPicks({i + 1, i + 10}, 2)});
  }
  e.End();
  e.CountIssuance();
  e.Close();
  e.PublishRegisters();
}

std::string NoteOf(const Audited& audited, std::string_view name) {
  for (const auto& check : audited.json["checks"]) {
    if (check["check"] == name) return check["note"];
  }
  return "";
}

TEST(MixedContest, TheReportNamesMixersAndBallots) {
  TestElection e(testing::WithMixedContest());
  CloseWith(e, 5);
  const TempFolder folder;
  e.WriteExport(folder / "before");
  const Audited before = RunAudit({folder / "before", "--poll", PollId(e)});
  EXPECT_TRUE(before.With("SKIPPED").contains("mixing"));
  EXPECT_THAT(NoteOf(before, "mixing"), HasSubstr("contest m has 0 of 2 mixes"));
  e.Mix(3, kMixed);
  e.Mix(1, kMixed);
  for (uint32_t c = 0; c < 2; ++c) {
    e.Decrypt(1, c);
    e.Decrypt(2, c);
  }
  e.Certify();
  e.WriteExport(folder / "after");
  const Audited after = RunAudit({folder / "after", "--poll", PollId(e)});
  EXPECT_EQ(after.exit_code, 0);
  EXPECT_EQ(NoteOf(after, "mixing"), "m: 5 ballots by Trustee 3, then Trustee 1");
}

TEST(MixedContest, NoneOneAndTwoBallotsAreCertified) {
  for (const uint32_t ballots : {0u, 1u, 2u}) {
    SCOPED_TRACE(ballots);
    TestElection e(testing::WithMixedContest(3));
    CloseWith(e, ballots);
    e.DecryptAll();
    e.Certify();
    ASSERT_TRUE(e.faults().empty()) << e.faults()[0].second;
    const TempFolder folder;
    e.WriteExport(folder / "export");
    const Audited audited = RunAudit({folder / "export", "--poll", PollId(e)});
    EXPECT_EQ(audited.exit_code, 0) << audited.json.dump(1);
    EXPECT_EQ(audited.With(ballots == 2 ? "PASS" : "SKIPPED").contains("mixing"), true);
  }
}

// Whoever knows the logarithms of the h_i opens a commitment to any matrix. So the verifier derives
// them itself, and a proof that is right under bases of the mixer's own proves nothing.
TEST(MixedContest, AMixUnderBasesOfKnownLogarithmIsRefused) {
  TestElection e(testing::WithMixedContest());
  CloseWith(e, 5);
  const crypto::VectorList inputs = e.state().MixVectors(kMixed).value();
  const crypto::MixStatement statement = e.state().MixStatementFor(kMixed, 2);
  crypto::SpecMixer mixer{statement, inputs, crypto::PermutationMatrix({3, 1, 0, 4, 2})};
  ASSERT_TRUE(crypto::VerifyParts(statement, inputs, crypto::PartsOf(mixer.Prove())).ok());
  for (crypto::Point& h : mixer.h) h = crypto::MulBase(crypto::Scalar::Random());
  const crypto::MixProof proof = mixer.Prove();
  ASSERT_TRUE(crypto::SpecBroken(statement, inputs, proof, mixer.h).empty());
  const std::vector<std::string> data = crypto::PartsOf(proof);
  std::vector<poll::Payload> parts = e.MakeMix(2, kMixed);
  ASSERT_EQ(parts.size(), data.size());
  for (size_t i = 0; i < parts.size(); ++i) {
    if (auto* of_proof = std::get_if<poll::MixProofPart>(&parts[i])) {
      of_proof->data = data[i];
    } else {
      std::get<poll::MixPart>(parts[i]).data = data[i];
    }
    e.Append(parts[i]);
  }
  ASSERT_EQ(e.faults().size(), 1u);
  const uint64_t bad = e.faults()[0].first;
  e.DecryptAll();
  e.Certify();
  const TempFolder folder;
  e.WriteExport(folder / "export");
  const Audited audited = RunAudit({folder / "export", "--poll", PollId(e)});
  EXPECT_EQ(audited.exit_code, 1);
  EXPECT_EQ(audited.With("FAIL"), Names{"mixing"});
  EXPECT_THAT(audited.Faults("mixing"), HasSubstr("record " + std::to_string(bad)));
  EXPECT_THAT(audited.Faults("mixing"), HasSubstr("mix.proof-invalid"));
  EXPECT_THAT(audited.Faults("mixing"), HasSubstr("mixer 2"));
  EXPECT_TRUE(audited.With("PASS").contains("totals"));
}

}  // namespace
}  // namespace urna::verifier
