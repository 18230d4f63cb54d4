// An issuer whose process dies at each step of giving an answer. Each life of it is a process of
// its own: this one never opens a store.

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "server/keys.h"
#include "tests/server/harness.h"

namespace urna::server::testing {
namespace {

using Step = Issuer::Step;
constexpr int kDied = 42;

class IssuerLives : public ::testing::Test {
 protected:
  IssuerLives() : election_(Small(2)) {
    election_.RunUntilOpen();
    clock_.Set(election_.now);
    EXPECT_TRUE(base::MakeFolders(folder_.path() + "/keys", 0700).ok());
    EXPECT_TRUE(CreateSecretFile(base::Cat(folder_.path(), "/keys/", base::Hex(poll()), ".key"),
                                 base::View(election_.issuer_key(0).x.Expose()))
                    .ok());
  }

  const Hash32& poll() { return election_.context().poll; }
  const crypto::TokenInfo& info() { return election_.context().styles[0].issuers[0]; }
  crypto::CredentialKey& key() { return election_.voter(0).credential; }
  std::unique_ptr<Issuer> Open(std::function<void(Step)> reached = {}) {
    auto identity = crypto::Ed25519Key::FromSeed(election_.issuer(0).seed());
    Issuer::Options options;
    options.folder = folder_.path();
    options.anchor = folder_.path() + "/anchor";
    options.reached = std::move(reached);
    auto issuer = Issuer::Open(std::move(options), std::move(identity), clock_,
                               [](std::string_view) { std::abort(); });
    if (!issuer.ok()) {
      ADD_FAILURE() << issuer.status();
      std::_Exit(1);
    }
    return *std::move(issuer);
  }
  Issuer::Request Request(const crypto::CredentialStatement& statement) {
    return {.poll = poll(),
            .index = 0,
            .credential = key().V,
            .signature = crypto::SignCredential(key(), statement),
            .look = [this]() -> absl::StatusOr<Issuer::Standing> {
              Issuer::Standing standing;
              standing.context = election_.state().context();
              standing.style = 0;
              return standing;
            }};
  }
  absl::StatusOr<Issuer::Offer> Begin(Issuer& issuer) {
    return issuer.Begin(
        Request(crypto::CredentialStatement::Begin(info().opening, info().style, info().X)));
  }
  absl::StatusOr<crypto::IssuerAnswer> Answer(Issuer& issuer, const Issuer::Offer& offer,
                                              const Scalar& c) {
    return issuer.Answer(
        Request(crypto::CredentialStatement::Request(info().opening, info().style, info().X,
                                                     offer.offer.A, offer.offer.C, c)),
        offer.session, c);
  }
  absl::StatusOr<poll::RegisterEntry> Fetch(Issuer& issuer) {
    return issuer.Fetch(
        Request(crypto::CredentialStatement::Fetch(info().opening, info().style, info().X)));
  }
  crypto::TokenRequest TokenRequest(const crypto::TokenOffer& offer) {
    auto& voter = election_.voter(0);
    voter.ballot_key = crypto::DeriveBallotKey(voter.omega, info().opening);
    return {info(), offer, voter.omega, voter.ballot_key.BK};
  }

  /// The first life: ends at `step`, leaving the session behind in a file.
  void LiveUntil(Step step) {
    const auto issuer = Open([step](Step reached) {
      if (reached == step) std::_Exit(kDied);
    });
    const auto offer = Begin(*issuer);
    if (!offer.ok()) return;
    const std::string kept =
        base::Cat(base::View(offer->session), offer->offer.A.view(), offer->offer.C.view());
    if (!base::WriteFileAtomic(folder_.path() + "/session", kept).ok()) return;
    (void)Answer(*issuer, *offer, TokenRequest(offer->offer).challenge());
  }

  /// The second life: whatever the resident does now, there is one answer.
  void LiveOn(bool stored) {
    const std::string kept = base::ReadFile(folder_.path() + "/session").value();
    Issuer::Offer offer;
    std::copy_n(kept.begin(), 16, offer.session.begin());
    offer.offer.A = Point::Decode(std::string_view(kept).substr(16, 32)).value();
    offer.offer.C = Point::Decode(std::string_view(kept).substr(48)).value();
    const crypto::TokenRequest token = TokenRequest(offer.offer);
    const auto issuer = Open();

    const auto again = Answer(*issuer, offer, token.challenge());
    if (stored) {
      ASSERT_TRUE(again.ok()) << again.status();
      EXPECT_TRUE(token.Unblind(*again).ok());
      EXPECT_EQ(base::RejectId(Begin(*issuer).status()), "token.already-answered");
    } else {
      EXPECT_EQ(base::RejectId(again.status()), "token.session-unknown") << again.status();
      EXPECT_TRUE(absl::IsNotFound(Fetch(*issuer).status()));
      const auto fresh = Begin(*issuer);
      ASSERT_TRUE(fresh.ok()) << fresh.status();
      const crypto::TokenRequest second = TokenRequest(fresh->offer);
      const auto answer = Answer(*issuer, *fresh, second.challenge());
      ASSERT_TRUE(answer.ok()) << answer.status();
      EXPECT_TRUE(second.Unblind(*answer).ok());
    }
    // Another challenge for the first offer: a second answer would reveal the key.
    const crypto::TokenRequest other(info(), offer.offer, crypto::NewOmega(),
                                     election_.voter(0).ballot_key.BK);
    const auto refused = Answer(*issuer, offer, other.challenge());
    EXPECT_EQ(base::RejectId(refused.status()),
              stored ? "token.already-answered" : "token.session-unknown");

    const auto entry = Fetch(*issuer);
    ASSERT_TRUE(entry.ok()) << entry.status();
    EXPECT_EQ(issuer->Count(poll(), 0, 1, 0).tokens, std::vector<uint64_t>{1});
    const auto reg = issuer->MakeRegister(poll(), 0, 0);
    ASSERT_TRUE(reg.ok());
    ASSERT_EQ(reg->sealed.count, 1u);
    EXPECT_EQ(reg->parts[0].entries[0].c, entry->c);
  }

  TemporaryFolder folder_;
  urna::testing::TestElection election_;
  FakeClock clock_;
};

class IssuerCrash : public IssuerLives, public ::testing::WithParamInterface<Step> {};

TEST_P(IssuerCrash, LeavesOneAnswerForOneCredential) {
  const bool stored = GetParam() == Step::kStored || GetParam() == Step::kAnchored;
  EXPECT_EXIT(LiveUntil(GetParam()), ::testing::ExitedWithCode(kDied), "");
  EXPECT_EXIT(
      {
        LiveOn(stored);
        std::_Exit(HasFailure() ? 1 : 0);
      },
      ::testing::ExitedWithCode(0), "");
}

INSTANTIATE_TEST_SUITE_P(AtEachStep, IssuerCrash, ::testing::ValuesIn(Issuer::kSteps));

TEST_F(IssuerLives, PassAllStepsInTheirOrder) {
  EXPECT_EXIT(
      {
        std::vector<Step> seen;
        const auto issuer = Open([&](Step step) { seen.push_back(step); });
        const auto offer = Begin(*issuer);
        EXPECT_TRUE(Answer(*issuer, *offer, TokenRequest(offer->offer).challenge()).ok());
        EXPECT_EQ(seen, std::vector<Step>(Issuer::kSteps.begin(), Issuer::kSteps.end()));
        std::_Exit(HasFailure() ? 1 : 0);
      },
      ::testing::ExitedWithCode(0), "");
}

TEST_F(IssuerLives, EndForNewAnswersOnceTheLedgerKnowsOfMoreThanItDoes) {
  EXPECT_EXIT(
      {
        const auto issuer = Open();
        const Point& X = election_.issuer_key(0).X;
        EXPECT_TRUE(issuer->Compare(poll(), 0, X, {0}, 0).ok());
        EXPECT_TRUE(Begin(*issuer).ok());
        // A ballot that carries a token which this copy of the answers does not hold.
        EXPECT_EQ(issuer->Compare(poll(), 0, X, {0}, 1).code(), absl::StatusCode::kDataLoss);
        EXPECT_EQ(Begin(*issuer).status().code(), absl::StatusCode::kFailedPrecondition);
        // A later comparison with less does not make it good again.
        EXPECT_TRUE(issuer->Compare(poll(), 0, X, {0}, 0).ok());
        EXPECT_EQ(Begin(*issuer).status().code(), absl::StatusCode::kFailedPrecondition);
        std::_Exit(HasFailure() ? 1 : 0);
      },
      ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace urna::server::testing
