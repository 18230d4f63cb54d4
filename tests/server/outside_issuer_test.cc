// Issuers that run as processes of their own, under another body than the ballot box's.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <future>

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "client/connection.h"
#include "client/issuers.h"
#include "client/voter.h"
#include "client/wallet.h"
#include "ledger/evidence.h"
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

  /// Lets hours pass, so that both issuers' counts are on the ledger and published.
  void CountAndPublish() {
    uint64_t hour = 0;
    // An issuer that was just started may look at the clock for the first time in a new hour, which
    // it counts at its end; so more than one hour may have to pass.
    const auto await_in_some_hour = [&](const auto& condition, const std::string& what) {
      uint64_t looked = 0;
      const auto look = [&] {
        if (looked++ % 100 == 0) box.clock.Set(box.start() + 3600 * ++hour);
        return condition();
      };
      Await(look, what);
    };
    await_in_some_hour(
        [&] {
          return issuer.log().find("'issuance counted' was") != std::string::npos &&
                 box.log().find("'issuance counted' is recorded") != std::string::npos;
        },
        "the counts of both issuers");
    const uint64_t size = box.Status().size();
    await_in_some_hour([&] { return box.Status().size() > size; }, "their publication");
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

TEST(OutsideIssuer, GivesNoTokensBeforeItHasComparedItsRecordsSinceItsStart) {
  City city;
  city.RunUntilOpen();
  city.box.Issue(0);
  city.issuer.Stop();
  city.box.Stop();
  city.issuer.Start();
  Issuance issuance;
  const Outcome early = city.box.Begin(1, &issuance, 1);
  EXPECT_EQ(early.code, grpc::StatusCode::UNAVAILABLE) << early;
  EXPECT_THAT(early.message, HasSubstr("has not yet compared"));
  // What was answered before may be fetched at any time.
  v1::FetchResponse fetched;
  EXPECT_TRUE(city.box.Fetch(0, &fetched, 1).ok());
  city.box.Start();
  city.issuer.AwaitNews();
  EXPECT_TRUE(city.box.Begin(1, &issuance, 1).ok());
}

TEST(OutsideIssuer, GivesNoTokensWithoutNewsForLong) {
  City city;
  city.issuer.settings.follow_patience = 1;
  city.RunUntilOpen();
  city.box.Stop();
  Issuance issuance;
  Await([&] { return !city.box.Begin(1, &issuance, 1).ok(); }, "the end of its patience");
  EXPECT_THAT(city.box.Begin(1, &issuance, 1).message, HasSubstr("no news"));
  EXPECT_THAT(city.issuer.log(), HasSubstr("the ballot box cannot be reached"));
  city.box.Start();
  Await([&] { return city.box.Begin(1, &issuance, 1).ok(); }, "tokens again");
}

TEST(OutsideIssuer, SeesAPauseAndAReplacedCredential) {
  City city;
  city.RunUntilOpen();
  city.box.Record(poll::Paused{.reason = "a fault", .approvals = {}});
  city.issuer.AwaitNews();
  Issuance issuance;
  EXPECT_EQ(city.box.Begin(0, &issuance, 1).reject, "issuing.paused");
  city.box.Record(poll::Resumed{});
  const crypto::CredentialKey fresh = crypto::CredentialKey::New();
  city.box.Record(
      poll::CredentialReplaced{.old_credential = city.box.election.voter(0).credential.V,
                               .new_credential = fresh.V,
                               .approvals = {}});
  city.issuer.AwaitNews();
  EXPECT_EQ(city.box.Begin(0, &issuance, 1).reject, "credential.not-entitled");
}

TEST(OutsideIssuer, RefusesAnOldCopyOfItsAnswersAtStart) {
  City city;
  city.RunUntilOpen();
  city.box.Issue(0);
  city.issuer.Stop();
  const std::string answers = IssuerFolder(city.issuer.data(), 0) + "/answers";
  fs::copy(answers, answers + ".old", fs::copy_options::recursive);
  city.issuer.Start();
  city.issuer.AwaitNews();
  city.box.Issue(1);
  // The count on the ledger covers both.
  city.CountAndPublish();
  city.issuer.Stop();
  fs::remove_all(answers);
  fs::rename(answers + ".old", answers);
  absl::Status status = city.issuer.TryStart();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("older than their anchor"));
  // Without the anchor its own copy of the ledger still tells.
  fs::remove(city.issuer.data() + "/anchor/issuer-0.anchor");
  status = city.issuer.TryStart();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("its last count on the ledger"));
}

TEST(OutsideIssuer, AnOldCopyOfAllItHasGivesNoTokensOnceTheBallotBoxShowsMore) {
  City city;
  city.RunUntilOpen();
  city.box.Issue(0);
  city.issuer.Stop();
  const std::string old = city.issuer.data() + ".old";
  fs::copy(city.issuer.data(), old, fs::copy_options::recursive);
  city.issuer.Start();
  city.issuer.AwaitNews();
  city.box.Issue(1);
  city.CountAndPublish();
  city.issuer.Stop();
  fs::remove_all(city.issuer.data());
  fs::rename(old, city.issuer.data());
  city.issuer.Start();
  Await([&] { return city.issuer.log().find("older than its last count") != std::string::npos; },
        "the complaint");
  Issuance issuance;
  // Neither a second token for one resident nor a first for another.
  for (const size_t voter : {size_t{1}, size_t{2}}) {
    const Outcome refused = city.box.Begin(voter, &issuance, 1);
    EXPECT_EQ(refused.code, grpc::StatusCode::FAILED_PRECONDITION) << refused;
    EXPECT_THAT(refused.message, HasSubstr("until its operator has put it right"));
  }
  EXPECT_THAT(city.issuer.Status().waiting_for(0), HasSubstr("this issuer gives no tokens"));
}

TEST(OutsideIssuer, RefusesARollbackAndKeepsTheEvidenceOfAFork) {
  City city;
  city.RunUntilOpen();
  const std::string old = city.box.data() + ".old";
  const std::string newest = city.box.data() + ".new";
  city.box.Stop();
  fs::copy(city.box.data(), old, fs::copy_options::recursive);
  city.box.Start();
  city.box.Record(poll::Paused{.reason = "a fault", .approvals = {}});
  city.box.Record(poll::Resumed{});
  city.issuer.AwaitNews();
  city.box.Stop();
  fs::rename(city.box.data(), newest);
  fs::copy(old, city.box.data(), fs::copy_options::recursive);
  city.box.Start();
  Issuance issuance;
  Await([&] { return !city.box.Begin(0, &issuance, 1).ok(); }, "the refusal");
  EXPECT_THAT(city.box.Begin(0, &issuance, 1).message, HasSubstr("a shorter ledger than before"));
  EXPECT_THAT(city.issuer.log(), HasSubstr("a shorter ledger than before"));

  // The true one again: nothing was signed that contradicts it.
  city.box.Stop();
  fs::remove_all(city.box.data());
  fs::copy(newest, city.box.data(), fs::copy_options::recursive);
  city.box.Start();
  city.issuer.AwaitNews();
  EXPECT_TRUE(city.box.Begin(0, &issuance, 1).ok());

  // The old one again, and it goes on otherwise.
  city.box.Stop();
  fs::remove_all(city.box.data());
  fs::rename(old, city.box.data());
  city.box.Start();
  Await([&] { return !city.box.Begin(0, &issuance, 1).ok(); }, "the refusal");
  city.box.clock.Set(city.box.start() + 3600);
  Await([&] { return city.issuer.log().find("does not continue") != std::string::npos; },
        "the complaint");
  EXPECT_EQ(city.box.Begin(0, &issuance, 1).code, grpc::StatusCode::FAILED_PRECONDITION);
  const std::string evidence =
      base::Cat(city.issuer.data(), "/evidence/", base::Hex(city.box.poll()), ".evidence");
  const auto fork = ledger::ParseEvidence(base::ReadFile(evidence).value());
  ASSERT_TRUE(fork.ok()) << fork.status();
  EXPECT_TRUE(ledger::Judge(*fork, city.box.election.checkpoint_key()).proven);

  // For ever: also under the true ledger, also after a restart.
  city.box.Stop();
  fs::remove_all(city.box.data());
  fs::rename(newest, city.box.data());
  city.box.Start();
  city.issuer.Restart();
  Await(
      [&] { return city.box.Begin(0, &issuance, 1).code == grpc::StatusCode::FAILED_PRECONDITION; },
      "the refusal after a restart");
  EXPECT_THAT(city.box.Begin(0, &issuance, 1).message, HasSubstr("signed two histories"));
}

TEST(OutsideIssuer, ProvesAForkThatIsLongerThanWhatItHolds) {
  City city;
  city.RunUntilOpen();
  const uint64_t opened = city.box.Status().size();
  const std::string old = city.box.data() + ".old";
  city.box.Stop();
  fs::copy(city.box.data(), old, fs::copy_options::recursive);
  city.box.Start();
  for (size_t voter = 0; voter < 2; ++voter) city.box.Issue(voter);
  city.box.Record(poll::Paused{.reason = "a fault", .approvals = {}});
  city.issuer.AwaitNews();
  city.issuer.Stop();
  city.box.Stop();
  fs::remove_all(city.box.data());
  fs::rename(old, city.box.data());
  city.box.Start();
  for (size_t voter = 0; voter < 2; ++voter) {
    ASSERT_TRUE(city.box.Cast(city.box.MakeBallot(voter, 0)).ok());
  }
  city.box.clock.Set(city.box.start() + 3600);
  Await([&] { return city.box.Status().size() > opened + 1; }, "another history");
  city.issuer.Start();
  Await([&] { return city.issuer.log().find("does not continue") != std::string::npos; },
        "the complaint");
  const auto evidence =
      ledger::ParseEvidence(base::ReadFile(base::Cat(city.issuer.data(), "/evidence/",
                                                     base::Hex(city.box.poll()), ".evidence"))
                                .value());
  ASSERT_TRUE(evidence.ok()) << evidence.status();
  EXPECT_FALSE(std::get<ledger::Fork>(*evidence).proof.empty());
  EXPECT_TRUE(ledger::Judge(*evidence, city.box.election.checkpoint_key()).proven);
}

TEST(OutsideIssuer, JoinsNoPollOfOtherOfficialsOrAnotherBallotBox) {
  {
    City city;
    city.issuer.settings.officials.pop_back();
    city.box.Start();
    city.issuer.Start();
    city.box.Define();
    Await([&] { return city.issuer.log().find("settings `official`") != std::string::npos; },
          "the refusal");
  }
  City city;
  city.issuer.settings.follow_key = crypto::Ed25519Key::New().public_key();
  city.box.Start();
  city.issuer.Start();
  city.box.Define();
  Await([&] { return city.issuer.log().find("`follow-key`") != std::string::npos; }, "the refusal");
  city.box.SealRoll();
  city.box.WaitForPhase("waiting for the issuers");
  Await([&] { return city.box.Status().waiting_for(0).find("issuer 1") == 0; },
        "the ballot box to wait for the issuer alone");
}

TEST(OutsideIssuer, GivesRacingRequestsOneAnswerAndForgetsSessions) {
  City city;
  city.issuer.settings.issuing_threads = 4;
  city.RunUntilOpen();
  std::vector<v1::AnswerRequest> requests;
  std::vector<Issuance> issuances(5);
  for (Issuance& issuance : issuances) {
    ASSERT_TRUE(city.box.Begin(0, &issuance, 1).ok());
    requests.push_back(city.box.AnswerRequestFor(0, issuance, 1));
  }
  v1::AnswerResponse response;
  // The first of five gave way.
  EXPECT_EQ(city.box.Answer(requests[0], &response).reject, "token.session-unknown");
  std::vector<std::future<bool>> racing;
  for (size_t i = 1; i < requests.size(); ++i) {
    racing.push_back(std::async(std::launch::async, [&city, &requests, i] {
      v1::AnswerResponse answer;
      return city.box.Answer(requests[i], &answer).ok();
    }));
  }
  int answered = 0;
  for (auto& race : racing) answered += race.get() ? 1 : 0;
  EXPECT_EQ(answered, 1);
  Issuance late;
  ASSERT_TRUE(city.box.Begin(1, &late, 1).ok());
  city.box.clock.Set(city.box.start() + 600);
  EXPECT_EQ(city.box.Answer(city.box.AnswerRequestFor(1, late, 1), &response).reject,
            "token.session-unknown");
}

TEST(OutsideIssuer, LogsNothingThatLinksAnybodyToABallot) {
  City city;
  city.RunUntilOpen();
  std::vector<std::string> secrets;
  for (size_t voter = 0; voter < 3; ++voter) {
    city.box.Issue(voter);
    Issuance issuance;
    EXPECT_FALSE(city.box.Begin(voter, &issuance, 1).ok());
    const auto& who = city.box.election.voter(voter);
    secrets.push_back(base::Hex(who.credential.V.bytes()));
    secrets.push_back(base::Hex(who.ballot_key.BK.bytes()));
  }
  secrets.push_back(base::Hex(city.box.election.issuer(1).seed().Expose()));
  // Faults tempt a server to log whom it met.
  city.box.Restart();
  city.issuer.AwaitNews();
  city.box.clock.Set(city.box.end());
  city.box.Close();
  const std::string own = city.issuer.server().address();
  city.issuer.Stop();
  for (const std::string& log : {city.issuer.log(), city.box.log()}) {
    EXPECT_THAT(log, HasSubstr("'register sealed'"));
    for (const std::string& secret : secrets) {
      for (size_t at = 0; at + 8 <= secret.size(); at += 8) {
        EXPECT_EQ(log.find(secret.substr(at, 8)), std::string::npos) << secret;
      }
    }
    for (const std::string_view line : base::Split(log, '\n')) {
      if (line.find("listening on") != std::string_view::npos) continue;
      EXPECT_EQ(line.find("127.0.0.1"), std::string_view::npos) << line;
      EXPECT_EQ(line.find("ipv"), std::string_view::npos) << line;
    }
  }
}

TEST(OutsideIssuer, ThatCannotBeReachedIsNamedAndNothingIsSpent) {
  City city;
  city.RunUntilOpen();
  const client::ServerOptions options{
      .target = city.box.server().address(), .certificate = "", .plaintext = true};
  const poll::Definition& definition = *city.box.state().definition();
  const crypto::CredentialKey& key = city.box.election.voter(0).credential;
  client::Wallet wallet = client::Wallet::New(city.box.poll(), key.V, definition.styles[0].id, 2);
  client::Retry retry;
  retry.attempts = 2;
  client::Voter voter = client::Voter::Create(
                            city.box.state().context(), &wallet,
                            [](const client::Wallet&) { return absl::OkStatus(); }, retry)
                            .value();
  {
    // The ballot box names a port on which nobody listens.
    const auto ballot_box = client::Connection::Open(options).value();
    const auto lines = client::IssuerLines::Open(options, *ballot_box, definition).value();
    const absl::Status status = voter.ObtainTokens(lines.stubs(), key);
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("issuer " + definition.issuers[1].name));
    EXPECT_THAT(std::string(status.message()), HasSubstr("cannot reach"));
    v1::FetchResponse fetched;
    EXPECT_EQ(city.box.Fetch(0, &fetched, 0).code, grpc::StatusCode::NOT_FOUND);
  }
  city.box.settings.issuer_addresses[0].address = city.issuer.server().address();
  city.box.Restart();
  city.issuer.AwaitNews();
  const auto ballot_box = client::Connection::Open(options).value();
  const auto lines = client::IssuerLines::Open(options, *ballot_box, definition).value();
  const absl::Status status = voter.ObtainTokens(lines.stubs(), key);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_TRUE(wallet.has_all_tokens());

  // An issuer of which the server knows nothing.
  poll::Definition other = definition;
  other.issuers[1].key[0] ^= 1;
  EXPECT_THAT(
      std::string(client::IssuerLines::Open(options, *ballot_box, other).status().message()),
      HasSubstr("does not say where it is"));
}

// --- What the ballot box takes from issuers ---

class Submissions : public ::testing::Test {
 protected:
  /// Sends a signed record and parts; `index` gets the answer.
  Outcome Send(const v1::IssuerRecord& record, const std::vector<std::string>& parts = {},
               uint64_t* index = nullptr) {
    const auto stub = v1::Issuers::NewStub(box().channel());
    grpc::ClientContext context;
    TestServer::SetDeadline(context);
    v1::IssuerSubmitted response;
    const auto stream = stub->Submit(&context, &response);
    v1::IssuerSubmission message;
    *message.mutable_record() = record;
    bool open = stream->Write(message);
    for (const std::string& part : parts) {
      if (!open) break;
      message.set_register_part(part);
      open = stream->Write(message);
    }
    stream->WritesDone();
    const Outcome outcome = TestServer::From(stream->Finish(), context);
    if (index != nullptr) *index = response.index();
    return outcome;
  }
  v1::IssuerRecord Record(const poll::Payload& payload, bool last = false) {
    v1::IssuerRecord record;
    record.set_poll(std::string(base::View(box().poll())));
    record.set_kind(static_cast<uint32_t>(poll::KindOf(payload)));
    record.set_payload(poll::EncodePayload(payload));
    record.set_last(last);
    return record;
  }
  template <typename P>
  P Signed(P payload, uint32_t signer = 1) {
    box().Sync();
    payload.signature = box().election.issuer(signer).Sign(poll::ParticipantMessage(
        "issuer", poll::KindOf(payload), box().poll(), payload.issuer,
        box().state().IssuerCounter(payload.issuer), poll::PayloadBody(payload)));
    return payload;
  }
  poll::IssuanceCounted Count(uint64_t tokens) {
    poll::IssuanceCounted count;
    count.issuer = 1;
    count.tokens = {tokens};
    return count;
  }
  /// The issuer's own register, made from what it left on its disk.
  Issuer::Register TakeRegister() {
    Issuer::Options options;
    options.folder = IssuerFolder(city_.issuer.data(), 0);
    options.anchor = city_.issuer.data() + "/anchor/issuer-0.anchor";
    auto issuer = Issuer::Open(std::move(options),
                               crypto::Ed25519Key::FromSeed(box().election.issuer(1).seed()),
                               box().clock, [](std::string_view) { std::abort(); });
    box().Sync();
    return (*issuer)->MakeRegister(box().poll(), 1, box().state().IssuerCounter(1)).value();
  }
  TestServer& box() { return city_.box; }
  uint64_t Size() { return box().Status().size(); }

  City city_;
};

TEST_F(Submissions, AreRefusedUnsignedAndSignedByOthers) {
  city_.RunUntilOpen();
  city_.issuer.Stop();
  EXPECT_EQ(Send(Record(Count(0))).reject, "issuer.signature-invalid");
  EXPECT_EQ(Send(Record(Signed(Count(0), /*signer=*/0))).reject, "issuer.signature-invalid");
  poll::IssuanceCounted stranger = Count(0);
  stranger.issuer = 7;
  EXPECT_EQ(Send(Record(stranger)).reject, "issuer.unknown");
  // A seal needs its signature before a single part is taken.
  poll::RegisterSealed seal;
  seal.issuer = 1;
  seal.count = 1'000'000'000;
  EXPECT_EQ(Send(Record(seal), {std::string(60'000, 'x')}).reject, "issuer.signature-invalid");
  EXPECT_EQ(Send(Record(Signed(seal))).reject, "record.out-of-order");
  poll::TrusteeJoined trustee;
  trustee.trustee = 1;
  EXPECT_EQ(Send(Record(trustee)).reject, "step.kind");
  v1::IssuerRecord bad = Record(Signed(Count(0)));
  bad.set_payload(bad.payload() + "x");
  EXPECT_EQ(Send(bad).reject, "record.malformed");
  bad.set_payload(std::string(70'000, 'x'));
  EXPECT_EQ(Send(bad).reject, "request.malformed");
  bad.set_kind(99);
  bad.set_payload("");
  EXPECT_EQ(Send(bad).reject, "record.kind-unknown");
  bad.set_poll(std::string(32, 'p'));
  EXPECT_EQ(Send(bad).code, grpc::StatusCode::NOT_FOUND);
}

TEST_F(Submissions, ThatAreRepeatedAreTheSameRecord) {
  city_.RunUntilOpen();
  city_.issuer.Stop();
  const v1::IssuerRecord record = Record(Signed(Count(0)));
  uint64_t first = 0;
  uint64_t again = 0;
  ASSERT_TRUE(Send(record, {}, &first).ok());
  ASSERT_TRUE(Send(record, {}, &again).ok());
  EXPECT_EQ(first, again);
  EXPECT_NE(first, 0u);
  // The record's signature holds at its own place only.
  v1::IssuerRecord changed = record;
  changed.set_payload(poll::EncodePayload([&] {
    poll::IssuanceCounted count = Count(1);
    count.signature = std::get<poll::IssuanceCounted>(
                          poll::DecodePayload(static_cast<uint8_t>(record.kind()), record.payload(),
                                              box().state().definition().get())
                              .value())
                          .signature;
    return count;
  }()));
  EXPECT_EQ(Send(changed).reject, "issuer.signature-invalid");
}

TEST_F(Submissions, NoCountIsTakenForTheLastThatWasNotMeantSo) {
  city_.RunUntilOpen();
  city_.issuer.Stop();
  EXPECT_EQ(Send(Record(Signed(Count(0)), /*last=*/true)).reject, "record.out-of-order");
  box().clock.Set(box().end());
  box().WaitForPhase("ended");
  EXPECT_EQ(Send(Record(Signed(Count(0)), /*last=*/false)).reject, "record.out-of-order");
  EXPECT_TRUE(Send(Record(Signed(Count(0)), /*last=*/true)).ok());
}

TEST_F(Submissions, ARegisterIsTakenWholeOrNotAtAll) {
  city_.RunUntilOpen();
  for (size_t voter = 0; voter < 3; ++voter)
    ASSERT_TRUE(box().Cast(box().MakeBallot(voter, 0)).ok());
  box().clock.Set(box().end());
  box().WaitForPhase("ended");
  Await([&] { return box().Status().waiting_for(0).find("close") != std::string::npos; },
        "the last counts");
  city_.issuer.Stop();
  box().Sync();
  box().Record(poll::Closed{});
  Await([&] { return box().Status().waiting_for(0).find("issuer 1") == 0; }, "the other register");
  const Issuer::Register reg = TakeRegister();
  ASSERT_EQ(reg.parts.size(), 1u);
  const std::string part = poll::EncodePayload(reg.parts[0]);
  const uint64_t size = Size();

  // More than was counted, fewer or more parts, parts of another size or issuer.
  poll::RegisterSealed seal = reg.sealed;
  seal.count = 4;
  EXPECT_EQ(Send(Record(Signed(seal)), {part}).reject, "register.count");
  EXPECT_EQ(Send(Record(reg.sealed)).reject, "request.malformed");
  EXPECT_EQ(Send(Record(reg.sealed), {part, part}).reject, "request.malformed");
  EXPECT_EQ(Send(Record(reg.sealed), {part + "x"}).reject, "request.malformed");
  EXPECT_EQ(Send(Record(reg.sealed), {part.substr(0, 1 + 290)}).reject, "request.malformed");
  std::string others = part;
  others[0] = 0;
  EXPECT_EQ(Send(Record(reg.sealed), {others}).reject, "request.malformed");
  // An entry that its credential never signed.
  poll::RegisterPart forged = reg.parts[0];
  forged.entries[0].signature = forged.entries[1].signature;
  EXPECT_EQ(Send(Record(reg.sealed), {poll::EncodePayload(forged)}).reject,
            "credential.signature-invalid");
  // The seal of other parts.
  seal = reg.sealed;
  seal.parts_sha256[0] ^= 1;
  EXPECT_EQ(Send(Record(Signed(seal)), {part}).reject, "register.hash");
  EXPECT_EQ(Size(), size) << "nothing of all that may be on the ledger";

  uint64_t index = 0;
  const Outcome taken = Send(Record(reg.sealed), {part}, &index);
  ASSERT_TRUE(taken.ok()) << taken;
  EXPECT_EQ(index, size + 1);
  uint64_t again = 0;
  EXPECT_TRUE(Send(Record(reg.sealed), {}, &again).ok());
  EXPECT_EQ(again, index);
  EXPECT_EQ(Size(), size + 2);
}

}  // namespace
}  // namespace urna::server::testing
