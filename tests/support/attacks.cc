#include "tests/support/attacks.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "crypto/decryption.h"
#include "crypto/shuffle.h"
#include "ledger/record.h"

namespace urna::testing {
namespace {

using poll::Payload;
using poll::RecordKind;
using ElectionPtr = std::unique_ptr<TestElection>;
using Votes = std::vector<std::vector<uint32_t>>;

constexpr uint64_t kHour = 3600;

ElectionPtr New(const ElectionOptions& options = {}) {
  return std::make_unique<TestElection>(options);
}

ElectionPtr NewOpen(const ElectionOptions& options = {}) {
  ElectionPtr e = New(options);
  e->RunUntilOpen();
  e->now += kHour;
  return e;
}

const Votes kYes = {{1, 0}, {1, 0}};
const Votes kNo = {{0, 1}, {0, 1}};

/// A poll in which the ballot of voter 0 is changed by `change` and all else goes its way.
ElectionPtr WithBallot(const std::function<void(TestElection&, crypto::Ballot&)>& change,
                       const ElectionOptions& options = {}) {
  ElectionPtr e = NewOpen(options);
  e->Vote();
  TestElection& ref = *e;
  e->tamper_ballot = [&ref, change](crypto::Ballot& ballot) { change(ref, ballot); };
  e->Cast(0, kYes);
  e->tamper_ballot = nullptr;
  e->RunAfterVoting();
  return e;
}

/// The same, changing the encoded payload.
ElectionPtr WithBallotBytes(const std::function<void(std::string&)>& change) {
  ElectionPtr e = NewOpen();
  e->Vote();
  e->tamper = [change](Payload& payload) {
    if (auto* cast = std::get_if<poll::BallotCast>(&payload)) change(cast->ballot);
  };
  e->Cast(0, kYes);
  e->tamper = nullptr;
  e->RunAfterVoting();
  return e;
}

/// A poll in which `change` alters every payload of type T before (or after) it is signed.
template <typename T>
ElectionPtr WithPayload(const std::function<void(T&)>& change, bool signed_already = false,
                        const ElectionOptions& options = {}) {
  ElectionPtr e = New(options);
  const auto hook = [change](Payload& payload) {
    if (auto* p = std::get_if<T>(&payload)) change(*p);
  };
  (signed_already ? e->tamper_signed : e->tamper) = hook;
  return e;
}

ElectionPtr Finish(ElectionPtr e) {
  e->RunUntilOpen();
  e->now += kHour;
  e->Vote();
  e->End();
  e->CountIssuance();
  e->Close();
  e->PublishRegisters();
  e->DecryptAll();
  e->Certify();
  return e;
}

constexpr std::string_view kPoints = R"("ballot":{"rule":"points","k":2},"tally":"homomorphic")";
constexpr std::string_view kPicks =
    R"("ballot":{"rule":"picks","min":0,"max":2,"marks":"approval"},"tally":"mixed")";
constexpr std::string_view kGreedy = R"({"rule":"greedy","by":"points","misfit":"skip"})";
constexpr std::string_view kShares =
    R"({"rule":"equal-shares","utility":"cost","start":"exact","completion":"none",)"
    R"("then_greedy":false,"compare":false})";

/// A poll of one pool of 90, with three projects of 60, 30 and 30.
ElectionOptions ABudget(std::string_view ballot, std::string_view method, std::string_view ties) {
  std::string projects;
  for (int i = 1; i <= 3; ++i) {
    projects += base::Cat(i == 1 ? "" : ",", R"({"id":"p)", i, R"(","text":{"en":"P","pl":"P"},)",
                          R"("project":{"number":")", i, R"(/30","cost":)", i == 1 ? 60 : 30, "}}");
  }
  ElectionOptions options;
  options.styles = 1;
  options.style_contests = {{"city"}};
  options.contests_json = base::Cat(
      R"([{"id":"city","title":{"en":"City","pl":"Miasto"},"question":{"en":"?","pl":"?"},)",
      R"("options":[)", projects, "],", ballot, R"(,"decision":{"rule":"budget","amount":90,)",
      R"("currency":"PLN","decimals":0,"method":)", method,
      R"(,"threshold":{"rule":"none"},"exclusive":[],"ties":)", ties, "}}]");
  return options;
}

ElectionPtr UpToClosing(const ElectionOptions& options = {}) {
  ElectionPtr e = NewOpen(options);
  e->Vote();
  e->End();
  e->CountIssuance();
  e->Close();
  return e;
}

/// A poll whose register of issuer `issuer` is changed before it is published; the rest cannot
/// follow, since nothing is decrypted without a register.
ElectionPtr WithRegister(
    const std::function<void(TestElection&, uint32_t, std::vector<poll::RegisterEntry>&)>& change,
    const ElectionOptions& options = {}) {
  ElectionPtr e = NewOpen(options);
  e->Vote();
  TestElection& ref = *e;
  e->tamper_register = [&ref, change](uint32_t issuer, std::vector<poll::RegisterEntry>& entries) {
    change(ref, issuer, entries);
  };
  e->End();
  e->CountIssuance();
  e->Close();
  e->PublishRegisters();
  return e;
}

/// A poll in which the record of a loss is changed before it is signed and all else goes its way.
ElectionPtr WithLoss(const std::function<void(TestElection&, poll::LossAccepted&)>& change) {
  ElectionPtr e = NewOpen();
  e->Vote();
  TestElection& ref = *e;
  e->tamper = [&ref, change](Payload& payload) {
    if (auto* loss = std::get_if<poll::LossAccepted>(&payload)) change(ref, *loss);
  };
  e->AcceptLoss(5);
  e->tamper = nullptr;
  e->RunAfterVoting();
  return e;
}

ElectionOptions TwoIssuers() {
  ElectionOptions options;
  options.issuers = 2;
  return options;
}

// --- Mixes ---

constexpr uint32_t kMixed = 1;  // the contest of WithMixedContest

poll::MixPart& PartOf(Payload& payload) {
  if (auto* proof = std::get_if<poll::MixProofPart>(&payload)) return *proof;
  return std::get<poll::MixPart>(payload);
}

/// Where the points of an output are in the first part.
constexpr size_t kMixRow = size_t{3} * 32;

Point PointAt(const std::string& data, size_t at) {
  return *Point::Decode(std::string_view(data).substr(at, 32));
}

/// A closed poll whose five ballots of "m" are all different; `poll` is made of `options`.
ElectionPtr UpToMixing(uint32_t voters = 5) {
  ElectionPtr e = NewOpen(WithMixedContest(voters));
  for (uint32_t i = 0; i < voters; ++i) {
    e->Cast(i, {{1, 0}, TestElection::SlotsOfPicks({i + 1, i + 10}, 2)});
  }
  e->End();
  e->CountIssuance();
  e->Close();
  e->PublishRegisters();
  return e;
}

/// Appends a mix until a part is refused.
void AppendMix(TestElection& e, std::vector<Payload> parts) {
  const size_t before = e.faults().size();
  for (Payload& part : parts) {
    if (e.faults().size() == before) e.Append(std::move(part));
  }
}

/// A poll in which the mix of trustee 3 is changed by `change`, after `honest` others, and all else
/// goes its way.
ElectionPtr WithMix(const std::function<void(TestElection&, std::vector<Payload>&)>& change,
                    uint32_t honest = 0) {
  ElectionPtr e = UpToMixing();
  for (uint32_t j = 1; j <= honest; ++j) e->Mix(j, kMixed);
  std::vector<Payload> parts = e->MakeMix(3, kMixed);
  change(*e, parts);
  AppendMix(*e, std::move(parts));
  for (uint32_t j = honest + 1; j <= 2; ++j) e->Mix(j, kMixed);
  for (uint32_t j = 1; j <= 2; ++j) {
    for (uint32_t c = 0; c < 2; ++c) e->Decrypt(j, c);
  }
  e->Certify();
  return e;
}

/// Changes the outputs, with the proof of the honest ones.
ElectionPtr WithOutputs(const std::function<void(TestElection&, std::string&)>& change,
                        uint32_t honest = 0) {
  return WithMix(
      [change](TestElection& e, std::vector<Payload>& parts) { change(e, PartOf(parts[0]).data); },
      honest);
}

void AddMixAttacks(
    const std::function<void(std::string, std::string, std::function<ElectionPtr()>)>& add) {
  const std::string invalid = "mix.proof-invalid";
  add("MixThatDropsABallotAndCountsAnotherTwice", invalid, [] {
    return WithOutputs([](TestElection&, std::string& data) {
      data.replace(0, kMixRow, data.substr(kMixRow, kMixRow));
    });
  });
  add("MixThatReplacesABallot", invalid, [] {
    return WithOutputs([](TestElection& e, std::string& data) {
      const Scalar r = Scalar::Random();
      std::string made(crypto::MulBase(r).view());
      for (const Point& key : e.state().MixStatementFor(kMixed, 3).keys) {
        made += (crypto::Mul(r, key) + crypto::MulBase(Scalar::FromU64(7))).view();
      }
      data.replace(0, kMixRow, made);
    });
  });
  add("MixThatTagsABallot", invalid, [] {
    return WithOutputs([](TestElection&, std::string& data) {
      const Point pick = PointAt(data, 32);
      data.replace(32, 32, (pick + pick).view());
    });
  });
  add("MixThatExchangesPicksOfTwoBallots", invalid, [] {
    return WithOutputs([](TestElection&, std::string& data) {
      std::swap_ranges(data.begin() + 32, data.begin() + 64, data.begin() + 32 + kMixRow);
    });
  });
  add("DishonestLastMixer", invalid, [] {
    return WithOutputs(
        [](TestElection&, std::string& data) {
          data.replace(32, 32, (PointAt(data, 32) + Point::Base()).view());
        },
        /*honest=*/2);
  });
  add("MixOfWhatWasMixedBefore", invalid, [] {
    ElectionPtr e = UpToMixing();
    std::vector<Payload> stale = e->MakeMix(3, kMixed);
    e->Mix(1, kMixed);
    AppendMix(*e, std::move(stale));
    e->Mix(2, kMixed);
    for (uint32_t j = 1; j <= 2; ++j) {
      for (uint32_t c = 0; c < 2; ++c) e->Decrypt(j, c);
    }
    e->Certify();
    return e;
  });
  add("MixOfAnotherMixer", invalid, [] {
    return WithMix([](TestElection& e, std::vector<Payload>& parts) {
      parts = e.MakeMix(2, kMixed);
      for (Payload& part : parts) PartOf(part).trustee = 3;
    });
  });
  const auto of_another = [](const std::function<void(crypto::MixStatement&)>& change) {
    return WithMix([change](TestElection& e, std::vector<Payload>& parts) {
      crypto::MixStatement statement = e.state().MixStatementFor(kMixed, 3);
      change(statement);
      size_t i = 0;
      crypto::Mix(statement, e.state().MixVectors(kMixed).value(),
                  [&](std::string_view data) {
                    PartOf(parts[i++]).data = std::string(data);
                    return absl::OkStatus();
                  })
          .status()
          .IgnoreError();
    });
  };
  add("MixOfAnotherPoll", invalid, [of_another] {
    return of_another([](crypto::MixStatement& statement) { statement.opening[0] ^= 1; });
  });
  add("MixOfAnotherClosing", invalid, [of_another] {
    return of_another([](crypto::MixStatement& statement) { statement.closed[0] ^= 1; });
  });
  add("MixOfAnotherContest", invalid, [of_another] {
    return of_another([](crypto::MixStatement& statement) { statement.contest = "q1"; });
  });
  add("SecondMixOfOneTrustee", "mix.twice", [] {
    ElectionPtr e = UpToMixing();
    e->Mix(1, kMixed);
    AppendMix(*e, e->MakeMix(1, kMixed));
    e->Mix(2, kMixed);
    for (uint32_t j = 1; j <= 2; ++j) {
      for (uint32_t c = 0; c < 2; ++c) e->Decrypt(j, c);
    }
    e->Certify();
    return e;
  });
  add("MixPartsOutOfOrder", "mix.out-of-order", [] {
    return WithMix([](TestElection&, std::vector<Payload>& parts) {
      parts = {parts[1], parts[0]};
      PartOf(parts[0]).part = 1;
    });
  });
  add("TruncatedMixPart", "mix.malformed", [] {
    return WithMix([](TestElection&, std::vector<Payload>& parts) {
      std::string& data = PartOf(parts[0]).data;
      data.resize(data.size() - 32);
    });
  });
  add("MixPartThatAnotherTrusteeSigned", "trustee.signature-invalid", [] {
    ElectionPtr e = UpToMixing();
    std::vector<Payload> parts = e->MakeMix(3, kMixed);
    e->tamper_signed = [&](Payload& payload) { PartOf(payload).trustee = 2; };
    e->Append(parts[0]);
    e->tamper_signed = nullptr;
    e->DecryptAll();
    e->Certify();
    return e;
  });
  add("DecryptionBeforeEnoughHaveMixed", "decryption.early", [] {
    ElectionPtr e = UpToMixing();
    e->Mix(1, kMixed);
    e->Decrypt(1, kMixed);
    e->Mix(2, kMixed);
    for (uint32_t j = 1; j <= 2; ++j) {
      for (uint32_t c = 0; c < 2; ++c) e->Decrypt(j, c);
    }
    e->Certify();
    return e;
  });
  add("MixAfterDecryptionBegan", "mix.late", [] {
    ElectionPtr e = UpToMixing();
    e->Mix(1, kMixed);
    e->Mix(2, kMixed);
    std::vector<Payload> late = e->MakeMix(3, kMixed);
    e->Decrypt(1, kMixed);
    AppendMix(*e, std::move(late));
    e->Decrypt(2, kMixed);
    for (uint32_t j = 1; j <= 2; ++j) e->Decrypt(j, 0);
    e->Certify();
    return e;
  });
  add("FalseShareOfMixedBallots", "decryption.share-invalid", [] {
    ElectionPtr e = UpToMixing();
    e->Mix(1, kMixed);
    e->Mix(2, kMixed);
    e->tamper = [](Payload& payload) {
      if (auto* p = std::get_if<poll::DecryptionPart>(&payload)) {
        std::swap_ranges(p->data.begin(), p->data.begin() + 32, p->data.begin() + 64);
      }
    };
    e->Decrypt(3, kMixed);
    e->tamper = nullptr;
    for (uint32_t j = 1; j <= 2; ++j) {
      for (uint32_t c = 0; c < 2; ++c) e->Decrypt(j, c);
    }
    e->Certify();
    return e;
  });
  add("MixOfTooFewBallots", "mix.below-minimum", [] {
    ElectionPtr e = UpToMixing(/*voters=*/1);
    poll::MixPart part;
    part.trustee = 1;
    part.contest = kMixed;
    part.data = std::string(kMixRow, '\0');
    e->Append(part);
    e->Certify();
    return e;
  });
}

std::vector<Attack> Make() {
  std::vector<Attack> attacks;
  const auto add = [&](std::string name, std::string id, std::function<ElectionPtr()> make) {
    attacks.push_back({std::move(name), std::move(id), std::move(make)});
  };

  // --- Ballots (items 1-7) ---
  add("BallotWithAFalseProof", "ballot.proof-invalid", [] {
    return WithBallot([](TestElection&, crypto::Ballot& b) {
      b.proof.contests[0].f[0] = b.proof.contests[0].f[0] + Scalar::FromU64(1);
    });
  });
  add("BallotWithAnotherRevision", "ballot.proof-invalid",
      [] { return WithBallot([](TestElection&, crypto::Ballot& b) { b.revision = 77; }); });
  add("CiphertextCopiedFromAnotherBallot", "ballot.proof-invalid", [] {
    return WithBallot([](TestElection& e, crypto::Ballot& b) {
      b.contests[0] = e.MakeBallot(2, kNo, 50).contests[0];
    });
  });
  add("ContestCopiedFromAnotherBallotWithItsProof", "ballot.proof-invalid", [] {
    return WithBallot([](TestElection& e, crypto::Ballot& b) {
      const crypto::Ballot other = e.MakeBallot(2, kNo, 50);
      b.contests[0] = other.contests[0];
      b.proof.contests[0] = other.proof.contests[0];
    });
  });
  add("WholeBallotCopiedUnderAnotherToken", "ballot.proof-invalid", [] {
    return WithBallot([](TestElection& e, crypto::Ballot& b) {
      crypto::Ballot other = e.MakeBallot(2, kNo, b.revision);
      other.ballot_key = b.ballot_key;
      other.tokens = b.tokens;
      b = other;
    });
  });
  add("ReRandomisedCopyOfAnotherBallot", "ballot.proof-invalid", [] {
    return WithBallot([](TestElection& e, crypto::Ballot& b) {
      const Scalar r = Scalar::FromU64(12345);
      b.contests[0] = e.MakeBallot(2, kNo, 50).contests[0];
      b.contests[0].R += crypto::MulBase(r);
      for (size_t i = 0; i < b.contests[0].C.size(); ++i) {
        b.contests[0].C[i] += crypto::Mul(r, e.context().keys[i]);
      }
    });
  });
  add("OptionsSwapped", "ballot.proof-invalid", [] {
    return WithBallot([](TestElection&, crypto::Ballot& b) {
      std::swap(b.contests[0].C[0], b.contests[0].C[1]);
    });
  });
  add("ContestsSwapped", "ballot.proof-invalid", [] {
    return WithBallot([](TestElection&, crypto::Ballot& b) {
      std::swap(b.contests[0], b.contests[1]);
      std::swap(b.proof.contests[0], b.proof.contests[1]);
    });
  });
  add("BallotOfAnotherPoll", "token.invalid", [] {
    ElectionPtr other = NewOpen();
    const crypto::Ballot foreign = other->MakeBallot(0, kYes, 9);
    return WithBallot([foreign](TestElection&, crypto::Ballot& b) { b = foreign; });
  });
  add("BallotOfAnotherStyle", "token.invalid", [] {
    ElectionPtr e = NewOpen();
    e->Vote();
    e->tamper = [](Payload& payload) {
      if (auto* cast = std::get_if<poll::BallotCast>(&payload)) cast->style = 1;
    };
    e->Cast(0, kYes);
    e->tamper = nullptr;
    e->RunAfterVoting();
    return e;
  });
  add("TokensOfTwoIssuersSwapped", "token.invalid", [] {
    return WithBallot([](TestElection&, crypto::Ballot& b) { std::swap(b.tokens[0], b.tokens[1]); },
                      TwoIssuers());
  });
  add("TokenOfOneIssuerTwice", "token.invalid", [] {
    return WithBallot([](TestElection&, crypto::Ballot& b) { b.tokens[1] = b.tokens[0]; },
                      TwoIssuers());
  });
  add("TokenOfAnotherBallotKey", "token.invalid", [] {
    return WithBallot([](TestElection& e, crypto::Ballot& b) { b.tokens = e.voter(2).tokens; });
  });
  add("NonCanonicalPoint", "point.not-canonical", [] {
    // Byte 31 of the ballot key: the encoding with bit 255 set is another spelling of one point.
    return WithBallotBytes([](std::string& bytes) { bytes[2 + 31] |= static_cast<char>(0x80); });
  });
  add("NonCanonicalScalar", "scalar.not-canonical", [] {
    return WithBallotBytes([](std::string& bytes) {
      for (size_t i = bytes.size() - 32; i < bytes.size(); ++i) bytes[i] = static_cast<char>(0xff);
    });
  });
  add("IdentityAsBallotKey", "point.identity", [] {
    return WithBallotBytes([](std::string& bytes) { bytes.replace(2, 32, std::string(32, '\0')); });
  });
  add("BallotWithTrailingByte", "ballot.malformed",
      [] { return WithBallotBytes([](std::string& bytes) { bytes.push_back('\0'); }); });
  add("BallotCutShort", "ballot.malformed",
      [] { return WithBallotBytes([](std::string& bytes) { bytes.pop_back(); }); });
  add("RevisionRepeated", "ballot.revision-repeated", [] {
    ElectionPtr e = NewOpen();
    e->Vote();
    --e->voter(0).revision;
    e->Cast(0, kYes);
    e->RunAfterVoting();
    return e;
  });
  add("OlderRevisionAfterANewer", "ballot.revision-repeated", [] {
    ElectionPtr e = NewOpen();
    e->Vote();
    e->voter(0).revision = 100;
    e->Cast(0, kYes);
    e->voter(0).revision = 50;
    e->Cast(0, kNo);
    e->RunAfterVoting();
    return e;
  });
  add("SecondBallotWhereVotingAgainIsNotAllowed", "ballot.already-voted", [] {
    ElectionOptions options;
    options.revoting = false;
    ElectionPtr e = NewOpen(options);
    e->Vote();
    e->Cast(0, kYes);
    e->RunAfterVoting();
    return e;
  });
  add("BallotTimeNotRounded", "ballot.time", [] {
    ElectionPtr e = NewOpen();
    e->Vote();
    const crypto::Ballot ballot = e->MakeBallot(0, kYes, 99);
    e->AppendRaw(RecordKind::kBallotCast,
                 poll::EncodePayload(poll::BallotCast{0, crypto::EncodeBallot(ballot)}),
                 e->now + 1);
    e->RunAfterVoting();
    return e;
  });

  // --- When ballots may come (item 21) ---
  add("BallotBeforeOpening", "ballot.not-open", [] {
    ElectionPtr e = New();
    e->Define();
    e->AppendRaw(RecordKind::kBallotCast, std::string("\0\0", 2) + std::string(100, 'x'), e->now);
    e->SealRoll();
    return e;
  });
  add("BallotWhilePaused", "ballot.paused", [] {
    ElectionPtr e = NewOpen();
    e->Vote();
    e->Pause();
    e->Cast(0, kYes);
    e->Resume();
    e->RunAfterVoting();
    return e;
  });
  add("BallotAfterTheEnd", "poll.ended", [] {
    ElectionPtr e = NewOpen();
    e->Vote();
    e->End();
    e->Cast(0, kYes);
    e->CountIssuance();
    e->Close();
    e->PublishRegisters();
    e->DecryptAll();
    e->Certify();
    return e;
  });
  add("BallotAfterClosing", "poll.ended", [] {
    ElectionPtr e = UpToClosing();
    e->Cast(0, kYes);
    e->PublishRegisters();
    e->DecryptAll();
    e->Certify();
    return e;
  });
  add("EndedEarly", "poll.ended-early", [] {
    ElectionPtr e = NewOpen();
    e->Vote();
    e->Append(poll::Ended{.end = e->now, .signature = {}});
    e->RunAfterVoting();
    return e;
  });
  add("EndedBySomebodyElse", "ballot-box.signature-invalid", [] {
    ElectionPtr e = WithPayload<poll::Ended>([](poll::Ended& p) { p.signature[5] ^= 1; }, true);
    e->RunUntilOpen();
    e->now += kHour;
    e->Vote();
    e->End();
    return e;
  });
  add("LossWithoutASignedCheckpoint", "note.unsigned", [] {
    return WithLoss([](TestElection& e, poll::LossAccepted& p) {
      const auto foreign = crypto::Ed25519Key::New();
      p.lost = {ledger::SignCheckpoint(
          {.origin = e.checkpoint_key().name, .size = p.size + 5, .root = {7}}, foreign)};
    });
  });
  add("LossWithAForgedCheckpoint", "note.signature-invalid", [] {
    return WithLoss([](TestElection& e, poll::LossAccepted& p) {
      auto note = ledger::Note::Parse(e.LostCheckpoint(p.size + 5)).value();
      note.text = ledger::Checkpoint{e.checkpoint_key().name, p.size + 50, {7}}.Body();
      p.lost = {note.ToString()};
    });
  });
  add("LossOfAnotherLedger", "note.unsigned", [] {
    return WithLoss([](TestElection& e, poll::LossAccepted& p) {
      p.lost = {ledger::SignCheckpoint(
          {.origin = "urna.example/another", .size = p.size + 5, .root = {7}}, e.ballot_box())};
    });
  });
  add("LossOfWhatIsStillHere", "loss.nothing-lost", [] {
    return WithLoss([](TestElection& e, poll::LossAccepted& p) {
      p.lost = {ledger::SignCheckpoint(
          {.origin = e.checkpoint_key().name, .size = p.size, .root = p.root}, e.ballot_box())};
    });
  });
  add("LossOfFewerThanAreHere", "loss.nothing-lost", [] {
    return WithLoss(
        [](TestElection& e, poll::LossAccepted& p) { p.lost = {e.LostCheckpoint(p.size - 1)}; });
  });
  add("LossAtAnotherPlace", "loss.place",
      [] { return WithLoss([](TestElection&, poll::LossAccepted& p) { --p.size; }); });
  add("LossOfAnotherHistory", "loss.place",
      [] { return WithLoss([](TestElection&, poll::LossAccepted& p) { p.root[0] ^= 1; }); });
  add("LossOfOneCheckpointTwiceInARecord", "loss.order", [] {
    return WithLoss([](TestElection&, poll::LossAccepted& p) { p.lost.push_back(p.lost[0]); });
  });
  add("LossWithoutAReason", "loss.reason",
      [] { return WithLoss([](TestElection&, poll::LossAccepted& p) { p.reason.clear(); }); });
  add("LossAcceptedBySomebodyElse", "ballot-box.signature-invalid", [] {
    ElectionPtr e = NewOpen();
    e->tamper_signed = [](Payload& payload) {
      if (auto* p = std::get_if<poll::LossAccepted>(&payload)) p->signature[5] ^= 1;
    };
    e->AcceptLoss(5);
    return e;
  });
  add("LossAcceptedTwice", "loss.twice", [] {
    ElectionPtr e = NewOpen();
    e->AcceptLoss(5);
    const std::string lost = e->LostCheckpoint(e->state().size() + 4);
    e->Append(poll::LossAccepted{.size = e->state().size(),
                                 .root = e->state().root(),
                                 .lost = {lost},
                                 .reason = "again",
                                 .signature = {}});
    return e;
  });
  add("LossRecordRepeated", "loss.place", [] {
    ElectionPtr e = NewOpen();
    e->AcceptLoss(5);
    const auto record = ledger::DecodeRecord(e->records().back());
    e->AppendRaw(RecordKind::kLossAccepted, std::string(record->payload), e->now);
    return e;
  });
  add("LossOfACertifiedPoll", "record.out-of-order", [] {
    ElectionPtr e = New();
    e->RunAll();
    e->AcceptLoss(5);
    return e;
  });
  add("OpenedAfterALoss", "loss.before-opening", [] {
    ElectionPtr e = New();
    e->Define();
    e->SealRoll();
    e->JoinIssuers();
    e->JoinTrustees();
    e->Deal();
    e->Confirm();
    e->AcceptLoss(5);
    e->Open();
    return e;
  });
  add("ExtendedPastTheLatestEnd", "extension.end", [] {
    ElectionPtr e = NewOpen();
    e->Vote();
    e->Extend(e->state().definition()->latest_end + 1);
    e->RunAfterVoting();
    return e;
  });
  add("ExtendedBackwards", "extension.end", [] {
    ElectionPtr e = NewOpen();
    e->Vote();
    e->Extend(e->state().end() - kHour);
    e->RunAfterVoting();
    return e;
  });

  add("ExtendedAfterTheEnd", "extension.late", [] {
    // `ended` is not written yet: a ballot box that likes the votes to come better.
    ElectionPtr e = NewOpen();
    e->Vote();
    e->now = e->state().end();
    e->Extend(e->state().end() + kHour);
    e->End();
    return e;
  });
  add("ExtendedWithoutAReason", "extension.reason", [] {
    ElectionPtr e = WithPayload<poll::Extended>([](poll::Extended& p) { p.reason.clear(); });
    e->RunUntilOpen();
    e->now += kHour;
    e->Extend(e->state().end() + kHour);
    return e;
  });
  add("ReplacedACredentialOfNobody", "replacement.old-unknown", [] {
    ElectionPtr e = NewOpen();
    e->ReplaceCredential(crypto::MulBase(Scalar::FromU64(7)), crypto::MulBase(Scalar::FromU64(8)));
    return e;
  });
  add("ReplacedByACredentialOfTheRoll", "replacement.new-known", [] {
    ElectionPtr e = NewOpen();
    e->ReplaceCredential(e->voter(0).credential.V, e->voter(1).credential.V);
    return e;
  });
  add("ReplacedTwice", "replacement.old-replaced", [] {
    ElectionPtr e = NewOpen();
    e->ReplaceCredential(e->voter(0).credential.V, crypto::MulBase(Scalar::FromU64(7)));
    e->ReplaceCredential(e->voter(0).credential.V, crypto::MulBase(Scalar::FromU64(8)));
    return e;
  });
  add("LotAfterADecryptionShare", "lot.late", [] {
    ElectionPtr e = UpToClosing();
    e->PublishRegisters();
    e->Decrypt(1, 0);
    e->Append(poll::Lot{.outcome = "a draw that suits", .approvals = {}});
    return e;
  });
  add("DecryptedBeforeTheLotOfABudget", "decryption.lot-missing", [] {
    ElectionPtr e = UpToClosing(ABudget(kPoints, kGreedy, R"(["lot"])"));
    e->PublishRegisters();
    e->Decrypt(1, 0);
    e->Append(poll::Lot{.outcome = "ball 7", .approvals = {}});
    e->DecryptAll();
    e->Certify();
    return e;
  });
  add("FalseFundedProject", "certificate.differs", [] {
    return Finish(WithPayload<poll::Certified>(
        // The last funded project, before two amounts.
        [](poll::Certified& p) { p.body[p.body.size() - 18] ^= 3; }, false,
        ABudget(kPoints, kGreedy, R"(["lower-number"])")));
  });
  add("PaperForACountOfBallots", "paper.ballots-needed", [] {
    ElectionPtr e = NewOpen(ABudget(kPicks, kShares, R"(["lower-number"])"));
    for (size_t i = 0; i < 3; ++i) e->Cast(i, {TestElection::SlotsOfPicks({1}, 2)});
    e->End();
    e->CountIssuance();
    e->Close();
    e->PublishRegisters();
    e->Append(poll::PaperCounted{.style = 0, .cards = 1, .votes = {{1, 0, 0}}, .approvals = {}});
    return e;
  });
  add("PaperOfMoreThanTheRoll", "paper.exceeds-roll", [] {
    ElectionPtr e = UpToClosing();
    e->PublishRegisters();
    e->Append(poll::PaperCounted{
        .style = 0, .cards = 1000, .votes = {{1000, 0}, {1000, 0}}, .approvals = {}});
    return e;
  });
  add("CancelledWithoutAReason", "cancellation.reason", [] {
    ElectionPtr e = NewOpen();
    e->Append(poll::Cancelled{});
    return e;
  });
  add("CancelledAfterCertifying", "record.out-of-order", [] {
    ElectionPtr e = New();
    e->RunAll();
    e->Cancel();
    return e;
  });

  // --- Officials (items 20, 21, 26) ---
  add("ClosedByOfficialsOfAnotherPoll", "approval.signature-invalid", [] {
    ElectionPtr other = UpToClosing();
    std::string payload;
    for (const std::string& bytes : other->records()) {
      const auto record = ledger::DecodeRecord(bytes);
      if (record->kind == static_cast<uint8_t>(RecordKind::kClosed)) payload = record->payload;
    }
    ElectionPtr e = NewOpen();
    e->Vote();
    e->End();
    e->CountIssuance();
    e->AppendRaw(RecordKind::kClosed, payload, e->now);
    return e;
  });
  add("RollPartAfterOpening", "record.out-of-order", [] {
    ElectionPtr e = NewOpen();
    e->Append(poll::RollPart{{{crypto::MulBase(Scalar::FromU64(7)), 0}}});
    e->Vote();
    e->RunAfterVoting();
    return e;
  });
  add("DefinitionPartAfterOpening", "record.out-of-order", [] {
    ElectionPtr e = NewOpen();
    e->Append(poll::DefinitionPart{"{}"});
    e->Vote();
    e->RunAfterVoting();
    return e;
  });
  add("TrusteeKeyAfterOpening", "record.out-of-order", [] {
    ElectionPtr e = NewOpen();
    e->Append(*e->state().joined()[0]);
    e->Vote();
    e->RunAfterVoting();
    return e;
  });
  add("ClosedByTooFewOfficials", "approval.too-few", [] {
    ElectionPtr e =
        WithPayload<poll::Closed>([](poll::Closed& p) { p.approvals.pop_back(); }, true);
    e->RunUntilOpen();
    e->now += kHour;
    e->Vote();
    e->End();
    e->CountIssuance();
    e->Close();
    return e;
  });
  add("OpenedWithAForgedApproval", "approval.signature-invalid", [] {
    ElectionPtr e =
        WithPayload<poll::Opened>([](poll::Opened& p) { p.approvals[1].signature[9] ^= 4; }, true);
    e->RunUntilOpen();
    return e;
  });
  add("ApprovalByNobodyOnTheList", "approval.official-unknown", [] {
    ElectionPtr e =
        WithPayload<poll::Opened>([](poll::Opened& p) { p.approvals[1].official = 31; }, true);
    e->RunUntilOpen();
    return e;
  });
  add("ApprovalsOfPausingReplayed", "approval.signature-invalid", [] {
    ElectionPtr e = NewOpen();
    e->Vote();
    std::string pause;
    e->tamper_signed = [&pause](Payload& payload) {
      if (std::holds_alternative<poll::Paused>(payload)) pause = poll::EncodePayload(payload);
    };
    e->Pause();
    e->tamper_signed = nullptr;
    e->Resume();
    e->AppendRaw(RecordKind::kPaused, pause, e->now);
    e->RunAfterVoting();
    return e;
  });
  add("CertifiedByTooFewOfficials", "approval.too-few", [] {
    return Finish(
        WithPayload<poll::Certified>([](poll::Certified& p) { p.approvals.pop_back(); }, true));
  });

  // --- Definition and roll (items 11, 20) ---
  add("DefinitionEdited", "definition.hash", [] {
    ElectionPtr e = WithPayload<poll::DefinitionPart>([](poll::DefinitionPart& p) {
      const size_t at = p.text.find("Test poll");
      p.text.replace(at, 9, "Best poll");
    });
    e->Define();
    return e;
  });
  add("CredentialTwiceOnTheRoll", "roll.credential-twice", [] {
    ElectionPtr e = WithPayload<poll::RollPart>(
        [](poll::RollPart& p) { p.entries[1].credential = p.entries[0].credential; });
    e->Define();
    e->SealRoll();
    return e;
  });
  add("RollNotSorted", "roll.order", [] {
    ElectionPtr e = WithPayload<poll::RollPart>(
        [](poll::RollPart& p) { std::swap(p.entries[0], p.entries[1]); });
    e->Define();
    e->SealRoll();
    return e;
  });
  add("RollEditedAfterApproval", "roll.hash", [] {
    ElectionPtr e = WithPayload<poll::RollPart>(
        [](poll::RollPart& p) { p.entries[0].style = 1 - p.entries[0].style; });
    e->Define();
    e->SealRoll();
    return e;
  });
  add("StyleOnTheRollThatDoesNotExist", "roll.style-unknown", [] {
    ElectionPtr e = WithPayload<poll::RollPart>([](poll::RollPart& p) { p.entries[0].style = 99; });
    e->Define();
    e->SealRoll();
    return e;
  });

  // --- Issuers (items 8, 11, 12) ---
  add("IssuerWithoutPossession", "issuer.possession-invalid", [] {
    ElectionPtr e =
        WithPayload<poll::IssuerJoined>([](poll::IssuerJoined& p) { p.X += Point::Base(); });
    e->Define();
    e->SealRoll();
    e->JoinIssuers();
    return e;
  });
  add("IssuerNotSigned", "issuer.signature-invalid", [] {
    ElectionPtr e =
        WithPayload<poll::IssuerJoined>([](poll::IssuerJoined& p) { p.signature[0] ^= 1; }, true);
    e->Define();
    e->SealRoll();
    e->JoinIssuers();
    return e;
  });
  add("MoreTokensThanOnTheRoll", "issuance.exceeds-roll", [] {
    ElectionPtr e = NewOpen();
    e->Vote();
    e->tamper = [](Payload& payload) {
      if (auto* p = std::get_if<poll::IssuanceCounted>(&payload)) p->tokens[0] = 1000;
    };
    e->CountIssuance();
    e->tamper = nullptr;
    e->RunAfterVoting();
    return e;
  });
  add("IssuanceCountThatDecreases", "issuance.decreased", [] {
    ElectionPtr e = NewOpen();
    e->Vote();
    e->CountIssuance();
    e->tamper = [](Payload& payload) {
      if (auto* p = std::get_if<poll::IssuanceCounted>(&payload)) --p->tokens[0];
    };
    e->CountIssuance();
    e->tamper = nullptr;
    e->RunAfterVoting();
    return e;
  });
  add("FewerTokensThanBallotKeys", "issuance.fewer-than-ballots", [] {
    ElectionPtr e = NewOpen();
    e->Vote();
    e->End();
    e->tamper = [](Payload& payload) {
      if (auto* p = std::get_if<poll::IssuanceCounted>(&payload)) --p->tokens[0];
    };
    e->CountIssuance();
    return e;
  });
  add("RegisterEntryNeverSigned", "credential.signature-invalid", [] {
    return WithRegister([](TestElection&, uint32_t, std::vector<poll::RegisterEntry>& entries) {
      entries[0].signature = entries[1].signature;
    });
  });
  add("RegisterEntryWithAFalseAnswer", "token.answer-invalid", [] {
    return WithRegister([](TestElection&, uint32_t, std::vector<poll::RegisterEntry>& entries) {
      entries[0].answer.s = entries[0].answer.s + Scalar::FromU64(1);
    });
  });
  add("CredentialTwiceInTheRegister", "register.credential-twice", [] {
    return WithRegister([](TestElection&, uint32_t, std::vector<poll::RegisterEntry>& entries) {
      entries[1] = entries[0];
    });
  });
  add("RegisterNotSorted", "register.order", [] {
    return WithRegister([](TestElection&, uint32_t, std::vector<poll::RegisterEntry>& entries) {
      std::swap(entries[0], entries[1]);
    });
  });
  add("RegisterLacksAnEntry", "register.count", [] {
    return WithRegister([](TestElection&, uint32_t, std::vector<poll::RegisterEntry>& entries) {
      entries.pop_back();
    });
  });
  add("CredentialThatIsNotOnTheRoll", "credential.not-on-roll", [] {
    return WithRegister([](TestElection& e, uint32_t issuer,
                           std::vector<poll::RegisterEntry>& entries) {
      // A dishonest issuer makes up a resident and answers itself.
      const auto stranger = crypto::CredentialKey::New();
      poll::RegisterEntry& entry = entries[0];
      const crypto::TokenInfo& info = e.context().styles[entry.style].issuers[issuer];
      entry.credential = stranger.V;
      entry.signature = crypto::SignCredential(
          stranger, crypto::CredentialStatement::Request(info.opening, info.style, info.X,
                                                         entry.offer.A, entry.offer.C, entry.c));
      std::ranges::sort(entries, {}, [](const auto& x) { return x.credential.view(); });
    });
  });
  add("BallotKeyWithoutACredentialInEveryRegister", "register.fewer-than-ballots", [] {
    // Voter 6 asks issuer 0 only and never votes; its entry takes the place of voter 0's there, so
    // that every count is right but one ballot has no credential that all issuers answered.
    ElectionOptions options = TwoIssuers();
    options.voters = 8;
    ElectionPtr e = NewOpen(options);
    for (size_t i = 0; i < 6; ++i) e->Cast(i, kYes);
    const Point voter0 = e->voter(0).credential.V;
    e->Issue(6);
    const Point voter6 = e->voter(6).credential.V;
    e->tamper = [](Payload& payload) {
      if (auto* p = std::get_if<poll::IssuanceCounted>(&payload)) --p->tokens[0];
    };
    e->tamper_register = [voter0, voter6](uint32_t issuer,
                                          std::vector<poll::RegisterEntry>& entries) {
      const Point& dropped = issuer == 0 ? voter0 : voter6;
      std::erase_if(entries, [&](const auto& entry) { return entry.credential == dropped; });
    };
    e->End();
    e->CountIssuance();
    e->tamper = nullptr;
    e->Close();
    e->PublishRegisters();
    return e;
  });
  add("ReplacedAndNewCredentialBothInTheRegister", "register.credential-twice", [] {
    ElectionPtr e = NewOpen();
    e->Vote();
    const auto replacement = crypto::CredentialKey::New();
    e->ReplaceCredential(e->voter(0).credential.V, replacement.V);
    const uint16_t style = e->voter(0).style;
    e->End();
    e->tamper = [style](Payload& payload) {
      if (auto* p = std::get_if<poll::IssuanceCounted>(&payload)) {
        p->tokens[style] = std::min<uint64_t>(p->tokens[style] + 1, 3);
      }
    };
    e->CountIssuance();
    e->tamper = nullptr;
    e->Close();
    TestElection& ref = *e;
    e->tamper_register = [&ref, &replacement](uint32_t issuer,
                                              std::vector<poll::RegisterEntry>& entries) {
      poll::RegisterEntry entry = ref.answered(issuer)[0];
      const crypto::TokenInfo& info = ref.context().styles[entry.style].issuers[issuer];
      entry.credential = replacement.V;
      entry.signature = crypto::SignCredential(
          replacement, crypto::CredentialStatement::Request(info.opening, info.style, info.X,
                                                            entry.offer.A, entry.offer.C, entry.c));
      entries.push_back(entry);
      std::ranges::sort(entries, {}, [](const auto& x) { return x.credential.view(); });
    };
    e->PublishRegisters();
    e->tamper_register = nullptr;
    return e;
  });

  // --- Trustees (items 13, 14, 17) ---
  add("DealChangedAfterCommitting", "trustee.deal-changed", [] {
    ElectionPtr e = WithPayload<poll::Dealt>([](poll::Dealt& p) {
      if (p.trustee == 2) p.deal.F[0][1] += Point::Base();
    });
    e->Define();
    e->SealRoll();
    e->JoinIssuers();
    e->JoinTrustees();
    e->Deal();
    return e;
  });
  // Trustee 3 knew the deal of trustee 1 before it committed, and deals what follows from it.
  const auto with_deal = [](std::function<crypto::Deal(const crypto::Deal&)> derive) {
    ElectionPtr e = New();
    TestElection& ref = *e;
    const auto first = std::make_shared<crypto::Deal>();
    e->tamper = [&ref, first, derive](Payload& payload) {
      const auto& definition = ref.state().definition();
      if (auto* p = std::get_if<poll::TrusteeJoined>(&payload); p != nullptr && p->trustee != 2) {
        const uint32_t t = definition->trustees_needed;
        if (p->trustee == 1) {
          *first = crypto::Dealer::New(definition->keys(), t).MakeDeal(ref.state().poll(), 1);
        }
        p->deal_commitment = crypto::DealCommitment(ref.state().poll(), p->trustee, t,
                                                    p->trustee == 1 ? *first : derive(*first));
      }
      if (auto* p = std::get_if<poll::Dealt>(&payload); p != nullptr && p->trustee != 2) {
        p->deal = p->trustee == 1 ? *first : derive(*first);
      }
    };
    e->Define();
    e->SealRoll();
    e->JoinIssuers();
    e->JoinTrustees();
    e->Deal();
    return e;
  };
  add("DealCopiedFromAnother", "trustee.deal-invalid",
      [with_deal] { return with_deal([](const crypto::Deal& other) { return other; }); });
  add("KeyDerivedFromAnothers", "trustee.deal-invalid", [with_deal] {
    // The sum of both keys would be one that trustee 3 knows.
    return with_deal([](const crypto::Deal& other) {
      crypto::Deal deal = other;
      for (auto& polynomial : deal.F) {
        polynomial[0] = crypto::MulBase(Scalar::FromU64(7)) - other.F[0][0];
      }
      return deal;
    });
  });
  add("TrusteeRepeatsAnother", "trustee.key-repeated", [] {
    const auto first = std::make_shared<poll::TrusteeJoined>();
    ElectionPtr e = WithPayload<poll::TrusteeJoined>([first](poll::TrusteeJoined& p) {
      if (p.trustee == 1) *first = p;
      if (p.trustee == 2) p.deal_commitment = first->deal_commitment;
    });
    e->Define();
    e->SealRoll();
    e->JoinIssuers();
    e->JoinTrustees();
    return e;
  });
  add("TrusteeZero", "trustee.unknown", [] {
    ElectionPtr e = WithPayload<poll::TrusteeJoined>([](poll::TrusteeJoined& p) {
      if (p.trustee == 1) p.trustee = 0;
    });
    e->Define();
    e->SealRoll();
    e->JoinIssuers();
    e->JoinTrustees();
    return e;
  });
  add("TrusteeTwice", "trustee.twice", [] {
    ElectionPtr e = WithPayload<poll::TrusteeJoined>([](poll::TrusteeJoined& p) {
      if (p.trustee == 2) {
        p.trustee = 1;
        p.seal_key[0] ^= 1;
      }
    });
    e->Define();
    e->SealRoll();
    e->JoinIssuers();
    e->JoinTrustees();
    return e;
  });
  add("ConfirmedWithoutTheRightShare", "decryption.share-invalid", [] {
    ElectionPtr e = WithPayload<poll::Confirmed>([](poll::Confirmed& p) {
      if (p.trustee == 3) p.self_test.z = p.self_test.z + Scalar::FromU64(1);
    });
    e->Define();
    e->SealRoll();
    e->JoinIssuers();
    e->JoinTrustees();
    e->Deal();
    e->Confirm();
    return e;
  });
  add("ComplaintWithAnotherSecret", "trustee.complaint-invalid", [] {
    ElectionPtr e = New();
    e->Define();
    e->SealRoll();
    e->JoinIssuers();
    e->JoinTrustees();
    e->Deal();
    e->Append(poll::Complained{.trustee = 2, .dealer = 1, .seal_secret = {7}, .signature = {}});
    return e;
  });
  add("FalseDecryptionShare", "decryption.share-invalid", [] {
    // One bad share among t + 1: named, and the tally still succeeds.
    ElectionPtr e = UpToClosing();
    e->PublishRegisters();
    e->tamper = [](Payload& payload) {
      auto* p = std::get_if<poll::DecryptionPart>(&payload);
      if (p != nullptr && p->trustee == 3) {
        const Point moved = *Point::Decode(p->data.substr(0, 32)) + Point::Base();
        p->data.replace(0, 32, moved.view());
      }
    };
    e->Decrypt(3, 0);
    e->tamper = nullptr;
    e->DecryptAll();
    e->Certify();
    return e;
  });
  add("ShareOfAnotherContest", "decryption.share-invalid", [] {
    ElectionPtr e = UpToClosing();
    e->PublishRegisters();
    e->tamper = [](Payload& payload) {
      if (auto* p = std::get_if<poll::DecryptionPart>(&payload)) p->contest = 1;
    };
    e->Decrypt(3, 0);
    e->tamper = nullptr;
    e->DecryptAll();
    e->Certify();
    return e;
  });
  add("SecondShareOfOneTrustee", "decryption.twice", [] {
    ElectionPtr e = UpToClosing();
    e->PublishRegisters();
    e->DecryptAll();
    e->Decrypt(1, 0);
    e->Certify();
    return e;
  });
  add("DecryptedBeforeTheRegisters", "decryption.early", [] {
    ElectionPtr e = UpToClosing();
    e->Decrypt(1, 0);
    e->PublishRegisters();
    e->DecryptAll();
    e->Certify();
    return e;
  });
  add("DecryptedBelowTheMinimum", "decryption.below-minimum", [] {
    ElectionOptions options;
    options.minimum_ballots = 50;
    ElectionPtr e = UpToClosing(options);
    e->PublishRegisters();
    e->Decrypt(1, 0);
    e->Certify();
    return e;
  });

  // --- Result (item 15) ---
  add("FalseTotals", "certificate.differs", [] {
    return Finish(WithPayload<poll::Certified>([](poll::Certified& p) {
      ++p.body[8 + 8 + 8 + 1 + 8 + 8 + 8 + 1];  // first contest's first online total
    }));
  });
  add("FalseTurnout", "certificate.differs",
      [] { return Finish(WithPayload<poll::Certified>([](poll::Certified& p) { ++p.body[8]; })); });
  add("FalseVerdict", "certificate.differs", [] {
    return Finish(WithPayload<poll::Certified>([](poll::Certified& p) { p.body.back() ^= 1; }));
  });
  add("CertifiedWithoutDecryption", "tally.incomplete", [] {
    ElectionPtr e = UpToClosing();
    e->PublishRegisters();
    e->Append(poll::Certified{.body = "made up", .approvals = {}});
    return e;
  });
  add("ClosedWithoutTheLastCount", "issuance.last-missing", [] {
    ElectionPtr e = NewOpen();
    e->Vote();
    e->End();
    e->Close();
    return e;
  });
  add("DecryptedAfterCancelling", "record.out-of-order", [] {
    ElectionPtr e = UpToClosing();
    e->PublishRegisters();
    e->Cancel();
    e->Decrypt(1, 0);
    return e;
  });
  add("StepOutOfOrder", "record.out-of-order", [] {
    ElectionPtr e = New();
    e->Define();
    e->Append(poll::Opened{});
    e->SealRoll();
    return e;
  });
  add("MixOfAContestThatIsAddedUp", "mix.contest", [] {
    ElectionPtr e = UpToClosing();
    e->PublishRegisters();
    poll::MixPart part;
    part.trustee = 1;
    part.data = std::string(32, '\0');
    e->Append(part);
    e->DecryptAll();
    e->Certify();
    return e;
  });
  AddMixAttacks(add);
  add("UnknownRecordKind", "record.kind-unknown", [] {
    ElectionPtr e = NewOpen();
    e->Vote();
    e->AppendRaw(static_cast<RecordKind>(99), "?", e->now);
    e->RunAfterVoting();
    return e;
  });
  return attacks;
}

}  // namespace

const std::vector<Attack>& Attacks() {
  static const std::vector<Attack> attacks = Make();
  return attacks;
}

}  // namespace urna::testing
