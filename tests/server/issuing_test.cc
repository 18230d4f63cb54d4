#include <gtest/gtest.h>

#include <filesystem>
#include <future>

#include "server/setup.h"
#include "tests/server/harness.h"

namespace urna::server::testing {
namespace {

using Issuance = TestServer::Issuance;

const urna::testing::ElectionOptions kSmall = Small(3);

TEST(Issuing, RefusesASecondTokenForOneCredential) {
  TestServer s(kSmall);
  s.RunUntilOpen();
  Issuance first;
  Issuance second;
  ASSERT_TRUE(s.Begin(0, &first).ok());
  ASSERT_TRUE(s.Begin(0, &second).ok());
  v1::AnswerResponse answer;
  ASSERT_TRUE(s.Answer(s.AnswerRequestFor(0, first), &answer).ok());
  ASSERT_TRUE(first.request->Unblind(ParseAnswer(answer.answer())).ok());

  v1::AnswerResponse other;
  const Outcome again = s.Answer(s.AnswerRequestFor(0, second), &other);
  EXPECT_EQ(again.reject, "token.already-answered") << again;
  EXPECT_EQ(other.answer(), "");
  Issuance third;
  EXPECT_EQ(s.Begin(0, &third).reject, "token.already-answered");
}

TEST(Issuing, NeverAnswersOneSessionForTwoChallenges) {
  TestServer s(kSmall);
  s.RunUntilOpen();
  Issuance first;
  ASSERT_TRUE(s.Begin(0, &first).ok());
  v1::AnswerResponse answer;
  ASSERT_TRUE(s.Answer(s.AnswerRequestFor(0, first), &answer).ok());
  // The same offer, another secret and so another challenge: two answers would reveal the key.
  Issuance changed;
  changed.session = first.session;
  changed.offer = first.offer;
  changed.request = std::make_unique<crypto::TokenRequest>(
      s.InfoOf(0), first.offer, crypto::NewOmega(), s.election.voter(0).ballot_key.BK);
  v1::AnswerResponse other;
  EXPECT_EQ(s.Answer(s.AnswerRequestFor(0, changed), &other).reject, "token.already-answered");
  EXPECT_EQ(other.answer(), "");
}

TEST(Issuing, TheSameRequestAgainGetsTheSameAnswerAlsoAfterARestart) {
  TestServer s(kSmall);
  s.RunUntilOpen();
  Issuance issuance;
  ASSERT_TRUE(s.Begin(0, &issuance).ok());
  const v1::AnswerRequest request = s.AnswerRequestFor(0, issuance);
  v1::AnswerResponse first;
  v1::AnswerResponse again;
  ASSERT_TRUE(s.Answer(request, &first).ok());
  ASSERT_TRUE(s.Answer(request, &again).ok());
  EXPECT_EQ(first.answer(), again.answer());

  s.Restart();
  again.Clear();
  ASSERT_TRUE(s.Answer(request, &again).ok());
  EXPECT_EQ(first.answer(), again.answer());
  Issuance more;
  EXPECT_EQ(s.Begin(0, &more).reject, "token.already-answered");

  v1::FetchResponse fetched;
  ASSERT_TRUE(s.Fetch(0, &fetched).ok());
  EXPECT_EQ(fetched.answer(), first.answer());
  EXPECT_EQ(fetched.challenge(), request.challenge());
  // After the end, too: a resident may ask at any time.
  s.clock.Set(s.end());
  s.WaitForPhase("ended");
  EXPECT_TRUE(s.Fetch(0, &fetched).ok());
}

TEST(Issuing, ARestartBeforeTheAnswerCostsNothing) {
  TestServer s(kSmall);
  s.RunUntilOpen();
  Issuance issuance;
  ASSERT_TRUE(s.Begin(0, &issuance).ok());
  s.Restart();
  v1::AnswerResponse response;
  EXPECT_EQ(s.Answer(s.AnswerRequestFor(0, issuance), &response).reject, "token.session-unknown");
  v1::FetchResponse fetched;
  EXPECT_EQ(s.Fetch(0, &fetched).code, grpc::StatusCode::NOT_FOUND);
  const Outcome outcome = s.Cast(s.MakeBallot(0, 0));
  EXPECT_TRUE(outcome.ok()) << outcome;
}

TEST(Issuing, RacingRequestsGetExactlyOneAnswer) {
  TestServer s(kSmall);
  s.settings.issuing_threads = 4;
  s.RunUntilOpen();
  for (size_t voter = 0; voter < 3; ++voter) {
    std::vector<v1::AnswerRequest> requests;
    for (int i = 0; i < 4; ++i) {
      Issuance issuance;
      ASSERT_TRUE(s.Begin(voter, &issuance).ok());
      requests.push_back(s.AnswerRequestFor(voter, issuance));
    }
    std::vector<std::future<std::string>> racing;
    for (const v1::AnswerRequest& request : requests) {
      racing.push_back(std::async(std::launch::async, [&] {
        v1::AnswerResponse response;
        const Outcome outcome = s.Answer(request, &response);
        if (!outcome.ok()) {
          EXPECT_EQ(outcome.reject, "token.already-answered") << outcome;
        }
        return response.answer();
      }));
    }
    std::vector<std::string> answers;
    for (auto& answer : racing) answers.push_back(answer.get());
    EXPECT_EQ(std::count(answers.begin(), answers.end(), ""), 3);
    v1::FetchResponse fetched;
    ASSERT_TRUE(s.Fetch(voter, &fetched).ok());
    EXPECT_EQ(std::count(answers.begin(), answers.end(), fetched.answer()), 1);
  }
}

TEST(Issuing, KeepsFourSessionsOfOneCredentialAndForgetsThemInTime) {
  TestServer s(kSmall);
  s.RunUntilOpen();
  std::vector<Issuance> issuances(5);
  for (Issuance& issuance : issuances) ASSERT_TRUE(s.Begin(0, &issuance).ok());
  v1::AnswerResponse response;
  // The first gave way to the fifth.
  EXPECT_EQ(s.Answer(s.AnswerRequestFor(0, issuances[0]), &response).reject,
            "token.session-unknown");
  s.clock.Set(s.start() + 600);
  EXPECT_EQ(s.Answer(s.AnswerRequestFor(0, issuances[4]), &response).reject,
            "token.session-unknown");
  Issuance fresh;
  ASSERT_TRUE(s.Begin(0, &fresh).ok());
  s.clock.Set(s.start() + 1199);
  EXPECT_TRUE(s.Answer(s.AnswerRequestFor(0, fresh), &response).ok());
}

TEST(Issuing, RefusesWithoutTheCredentialsSignature) {
  TestServer s(kSmall);
  s.RunUntilOpen();
  const crypto::TokenInfo& info = s.InfoOf(0);
  v1::BeginRequest begin;
  begin.set_poll(std::string(base::View(s.poll())));
  begin.set_credential(std::string(s.election.voter(0).credential.V.view()));
  v1::BeginResponse begun;
  const auto send = [&] {
    return TestServer::Run([&](auto* context) { return s.issuing->Begin(context, begin, &begun); });
  };
  EXPECT_EQ(send().reject, "request.malformed") << "no signature";
  // Another resident's signature; a signature for another purpose.
  const auto statement = crypto::CredentialStatement::Begin(info.opening, info.style, info.X);
  begin.set_signature(SignatureBytes(s.Sign(1, statement)));
  EXPECT_EQ(send().reject, "credential.signature-invalid");
  EXPECT_EQ(send().code, grpc::StatusCode::PERMISSION_DENIED);
  begin.set_signature(SignatureBytes(
      s.Sign(0, crypto::CredentialStatement::Fetch(info.opening, info.style, info.X))));
  EXPECT_EQ(send().reject, "credential.signature-invalid");

  // A stranger's session, or challenge, under somebody else's name.
  Issuance mine;
  ASSERT_TRUE(s.Begin(0, &mine).ok());
  v1::AnswerRequest request = s.AnswerRequestFor(0, mine);
  request.set_signature(s.AnswerRequestFor(1, mine).signature());
  v1::AnswerResponse response;
  EXPECT_EQ(s.Answer(request, &response).reject, "credential.signature-invalid");
  request = s.AnswerRequestFor(1, mine);
  EXPECT_EQ(s.Answer(request, &response).reject, "token.session-unknown");
  // The owner is not harmed by all that.
  EXPECT_TRUE(s.Answer(s.AnswerRequestFor(0, mine), &response).ok());

  v1::FetchRequest fetch;
  fetch.set_poll(std::string(base::View(s.poll())));
  fetch.set_credential(std::string(s.election.voter(0).credential.V.view()));
  fetch.set_signature(SignatureBytes(
      s.Sign(1, crypto::CredentialStatement::Fetch(info.opening, info.style, info.X))));
  v1::FetchResponse fetched;
  EXPECT_EQ(TestServer::Run([&](auto* context) {
              return s.issuing->Fetch(context, fetch, &fetched);
            }).reject,
            "credential.signature-invalid");
}

TEST(Issuing, NobodyButTheOwnerLearnsWhetherACredentialWasAnswered) {
  TestServer s(kSmall);
  s.RunUntilOpen();
  Issuance answered;
  ASSERT_TRUE(s.Begin(0, &answered).ok());
  v1::AnswerResponse response;
  ASSERT_TRUE(s.Answer(s.AnswerRequestFor(0, answered), &response).ok());
  // A forged request looks the same for a credential that was answered and one that was not.
  for (size_t voter : {size_t{0}, size_t{1}}) {
    v1::AnswerRequest forged = s.AnswerRequestFor(2, answered);
    forged.set_credential(std::string(s.election.voter(voter).credential.V.view()));
    EXPECT_EQ(s.Answer(forged, &response).reject, "token.session-unknown") << voter;
  }
}

TEST(Issuing, RefusesAStrangersCredentialAndAZeroChallenge) {
  TestServer s(kSmall);
  s.RunUntilOpen();
  auto own = std::move(s.election.voter(0).credential);
  s.election.voter(0).credential = crypto::CredentialKey::New();
  Issuance issuance;
  EXPECT_EQ(s.Begin(0, &issuance).reject, "credential.not-entitled");
  s.election.voter(0).credential = std::move(own);
  ASSERT_TRUE(s.Begin(0, &issuance).ok());
  v1::AnswerRequest request = s.AnswerRequestFor(0, issuance);
  request.set_challenge(std::string(32, '\0'));
  v1::AnswerResponse response;
  EXPECT_EQ(s.Answer(request, &response).reject, "token.challenge-zero");
  request.set_challenge(std::string(32, '\xff'));
  EXPECT_EQ(s.Answer(request, &response).reject, "scalar.not-canonical");
  request.set_credential(std::string(32, '\0'));
  EXPECT_EQ(s.Answer(request, &response).reject, "point.identity");
}

TEST(Issuing, GivesTokensOnlyBetweenTheTimesAndWhileThePollIsOpen) {
  TestServer s(kSmall);
  s.clock.Set(s.start() - 1);
  s.RunUntilOpen();
  Issuance issuance;
  EXPECT_EQ(s.Begin(0, &issuance).reject, "issuing.too-early");
  s.clock.Set(s.start());
  ASSERT_TRUE(s.Begin(0, &issuance).ok());
  s.Record(poll::Paused{.reason = "a fault", .approvals = {}});
  v1::AnswerResponse response;
  EXPECT_EQ(s.Answer(s.AnswerRequestFor(0, issuance), &response).reject, "issuing.paused");
  s.Record(poll::Resumed{});
  s.clock.Set(s.end());
  const Outcome late = s.Answer(s.AnswerRequestFor(0, issuance), &response);
  EXPECT_EQ(late.reject, "poll.ended");
  EXPECT_EQ(late.code, grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(response.answer(), "");
}

TEST(Issuing, AnOldCopyOfTheAnswersIsRefusedAtStart) {
  namespace fs = std::filesystem;
  TestServer s(kSmall);
  s.RunUntilOpen();
  s.Issue(0);
  s.Stop();
  const std::string answers = IssuerFolder(s.data(), 0) + "/answers";
  fs::copy(answers, answers + ".old", fs::copy_options::recursive);
  s.Start();
  s.Issue(1);
  s.Stop();
  fs::remove_all(answers);
  fs::rename(answers + ".old", answers);
  const absl::Status status = s.TryStart();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_NE(status.message().find("older"), absl::string_view::npos) << status;
}

TEST(Issuing, AnswersBehindTheCountOnTheLedgerAreRefusedEvenWithoutAnAnchor) {
  namespace fs = std::filesystem;
  TestServer s(kSmall);
  s.RunUntilOpen();
  s.Issue(0);
  s.clock.Set(s.start() + 3600);
  const uint64_t size = s.Status().size();
  Await([&] { return s.Status().size() > size; }, "the hourly count");
  s.Stop();
  fs::remove_all(IssuerFolder(s.data(), 0) + "/answers");
  fs::remove(s.data() + "/anchor/issuer-0.anchor");
  const absl::Status status = s.TryStart();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
}

TEST(Issuing, AMissingPollKeyIsRefusedAtStart) {
  namespace fs = std::filesystem;
  TestServer s(kSmall);
  s.RunUntilOpen();
  s.Stop();
  fs::remove_all(IssuerFolder(s.data(), 0) + "/keys");
  EXPECT_EQ(s.TryStart().code(), absl::StatusCode::kNotFound);
}

TEST(Issuing, SecretsAreKeptFromOthers) {
  namespace fs = std::filesystem;
  TestServer s(kSmall);
  s.RunUntilOpen();
  int keys = 0;
  for (const auto& entry : fs::recursive_directory_iterator(s.data())) {
    if (entry.path().extension() != ".key") continue;
    ++keys;
    EXPECT_EQ(entry.status().permissions(), fs::perms::owner_read | fs::perms::owner_write)
        << entry.path();
  }
  EXPECT_EQ(keys, 3);  // checkpoint, issuer, issuer's key of the poll
  s.Stop();
  fs::permissions(s.data() + "/checkpoint.key", fs::perms::group_read, fs::perm_options::add);
  EXPECT_EQ(s.TryStart().code(), absl::StatusCode::kPermissionDenied);
}

}  // namespace
}  // namespace urna::server::testing
