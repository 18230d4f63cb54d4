// What the shipped verifier says about trustees who did wrong.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "crypto/trustee.h"
#include "tests/verifier/support.h"

namespace urna::verifier {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

using Names = std::set<std::string>;

/// A key ceremony up to the deals, whose secrets the test knows.
class Ceremony : public ::testing::Test {
 protected:
  static constexpr uint32_t kTrustees = 3;

  void Run(const std::function<void(poll::Dealt&)>& change) {
    election_.Define();
    election_.SealRoll();
    election_.JoinIssuers();
    const Hash32 poll = election_.state().poll();
    const uint32_t t = election_.state().definition()->trustees_needed;
    std::vector<crypto::Dealer> dealers;
    std::vector<crypto::Deal> deals;
    for (uint32_t j = 1; j <= kTrustees; ++j) {
      seal_keys_.push_back(crypto::SealKey::New());
      dealers.push_back(crypto::Dealer::New(election_.state().definition()->keys(), t));
      deals.push_back(dealers.back().MakeDeal(poll, j));
      election_.Append(
          poll::TrusteeJoined{.trustee = static_cast<uint8_t>(j),
                              .seal_key = seal_keys_.back().public_key,
                              .deal_commitment = crypto::DealCommitment(poll, j, t, deals.back()),
                              .signature = {}});
    }
    for (uint32_t j = 1; j <= kTrustees; ++j) {
      poll::Dealt dealt;
      dealt.trustee = static_cast<uint8_t>(j);
      dealt.deal = deals[j - 1];
      for (const auto& seal_key : seal_keys_) {
        const auto i = static_cast<uint32_t>(dealt.sealed.size() + 1);
        dealt.sealed.push_back(dealers[j - 1].SealShares(i, seal_key.public_key));
      }
      change(dealt);
      election_.Append(dealt);
    }
  }
  void Complain(uint8_t trustee, uint8_t dealer) {
    election_.Append(poll::Complained{.trustee = trustee,
                                      .dealer = dealer,
                                      .seal_secret = seal_keys_[trustee - 1].secret.Expose(),
                                      .signature = {}});
  }
  /// The report, once the poll was cancelled, holds `text` and no fault.
  void ExpectNamed(const std::string& text) {
    const TempFolder folder;
    election_.WriteExport(folder / "failed");
    const Ran failed = RunVerifier({folder / "failed", "--poll", PollId(election_)});
    EXPECT_EQ(failed.exit_code, 3) << failed.out;
    EXPECT_THAT(failed.out, AllOf(HasSubstr(text), HasSubstr("can only be cancelled")));
    election_.Cancel();
    election_.WriteExport(folder / "cancelled");
    const Audited audited = RunAudit({folder / "cancelled", "--poll", PollId(election_)});
    EXPECT_EQ(audited.exit_code, 0);
    EXPECT_EQ(audited.With("FAIL"), Names{});
    EXPECT_THAT(audited.json["poll"]["reason"].get<std::string>(), HasSubstr(text));
    std::string note;
    for (const auto& check : audited.json["checks"]) {
      if (check["check"] == "key-ceremony") note = check["note"];
    }
    EXPECT_THAT(note, HasSubstr(text));
  }

  TestElection election_;
  std::vector<crypto::SealKey> seal_keys_;
};

TEST_F(Ceremony, ADealerWhoSentAnothersShareIsNamed) {
  Run([](poll::Dealt& dealt) {
    if (dealt.trustee == 3) dealt.sealed[1] = dealt.sealed[0];
  });
  Complain(2, 3);
  ExpectNamed("at fault is trustee 3 (Trustee 3), who sent wrong shares");
}

TEST_F(Ceremony, ADealerWhoSealedAFalseShareIsNamed) {
  // The box opens, to shares of another polynomial.
  Run([this](poll::Dealt& dealt) {
    if (dealt.trustee != 1) return;
    const auto other = crypto::Dealer::New(election_.state().definition()->keys(), 2);
    dealt.sealed[2] = other.SealShares(3, seal_keys_[2].public_key);
  });
  Complain(3, 1);
  ExpectNamed("at fault is trustee 1 (Trustee 1), who sent wrong shares");
}

TEST_F(Ceremony, ADealerOfAGarbledBoxIsNamedAlsoByItself) {
  Run([](poll::Dealt& dealt) {
    if (dealt.trustee == 2) dealt.sealed[1][5] ^= 1;
  });
  Complain(2, 2);
  ExpectNamed("at fault is trustee 2 (Trustee 2), who sent wrong shares");
}

TEST_F(Ceremony, AFalseComplainerIsNamed) {
  Run([](poll::Dealt&) {});
  Complain(1, 2);
  ExpectNamed("at fault is trustee 1 (Trustee 1), who complained about correct shares");
}

TEST_F(Ceremony, AFalseComplaintAboutOneselfNamesOneself) {
  Run([](poll::Dealt&) {});
  Complain(1, 1);
  ExpectNamed("at fault is trustee 1 (Trustee 1), who complained about correct shares");
}

TEST(BadShares, OneIsNamedAndTheTallyStillSucceeds) {
  TestElection election;
  election.RunUntilOpen();
  election.now += 3600;
  election.Vote();
  election.End();
  election.CountIssuance();
  election.Close();
  election.PublishRegisters();
  const uint64_t bad = election.records().size();
  election.tamper = [](poll::Payload& payload) {
    auto* p = std::get_if<poll::DecryptionPart>(&payload);
    if (p != nullptr && p->trustee == 3) p->data[p->data.size() - 32] ^= 1;  // z
  };
  election.Decrypt(3, 0);
  election.DecryptAll();
  election.tamper = nullptr;
  election.Certify();
  const TempFolder folder;
  election.WriteExport(folder / "export");
  const Audited audited = RunAudit({folder / "export", "--poll", PollId(election)});
  EXPECT_EQ(audited.exit_code, 1);
  EXPECT_EQ(audited.With("FAIL"), Names{"decryption"});
  EXPECT_THAT(audited.Faults("decryption"),
              AllOf(HasSubstr("record " + std::to_string(bad)),
                    HasSubstr("decryption.share-invalid"), HasSubstr("trustee 3 (Trustee 3)")));
  EXPECT_TRUE(audited.With("PASS").contains("totals"));
  EXPECT_EQ(audited.json["poll"]["state"], "certified");
}

}  // namespace
}  // namespace urna::verifier
