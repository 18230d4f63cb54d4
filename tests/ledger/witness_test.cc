#include "ledger/witness.h"

#include <gtest/gtest.h>

#include "base/status.h"
#include "tests/ledger/support.h"

namespace urna::ledger {
namespace {

using base::Cat;

constexpr std::string_view kWitnessSeed =
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
constexpr std::string_view kWitness = "witness.example/w1";
constexpr uint64_t kTime = 1679315147;

NoteKey WitnessKey() {
  return {std::string(kWitness), kTypeCosignature, KeyFromHex(kWitnessSeed).public_key()};
}

std::vector<Hash32> LogLeaves() {
  std::vector<Hash32> leaves;
  for (const std::string& entry : kLogEntries) leaves.push_back(LeafHash(entry));
  return leaves;
}

Checkpoint LogAt(size_t size) {
  return {std::string(kLogOrigin), size, ReferenceRoot(LogLeaves(), 0, size)};
}

std::string NoteAt(size_t size) { return SignCheckpoint(LogAt(size), KeyFromHex(kLogSeed)); }

/// What a witness knows that cosigned the first `size` entries of the published log.
WitnessedLog Knows(size_t size) {
  return {.key = NoteKey::Parse(kLogKey).value(), .size = size, .root = LogAt(size).root};
}

AddCheckpoint Request(size_t old_size, size_t size, std::string note = "") {
  const std::vector<Hash32> leaves = LogLeaves();
  std::vector<Hash32> proof;
  if (old_size > 0) proof = ConsistencyProof(old_size, size, NodesOver(leaves, size)).value();
  if (note.empty()) note = NoteAt(size);
  return AddCheckpoint::Make(old_size, std::move(proof), note).value();
}

int StatusOf(const WitnessedLog& log, const AddCheckpoint& request) {
  return Judge(&log, request).status;
}

// --- The bytes

TEST(WitnessTest, WritesTheRequestOfTheSpecification) {
  EXPECT_EQ(Request(0, 15).ToString(), Cat("old 0\n\n", kLogCheckpoint));
  const std::vector<Hash32> leaves = LogLeaves();
  const auto proof = ConsistencyProof(5, 15, NodesOver(leaves, 15)).value();
  std::string expected = "old 5\n";
  for (const Hash32& hash : proof) expected += Cat(base::Base64(base::View(hash)), "\n");
  expected += Cat("\n", kLogCheckpoint);
  EXPECT_EQ(Request(5, 15).ToString(), expected);
  const auto parsed = AddCheckpoint::Parse(expected);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->old_size, 5u);
  EXPECT_EQ(parsed->proof, proof);
  EXPECT_EQ(parsed->checkpoint, LogAt(15));
  EXPECT_EQ(parsed->ToString(), expected);
}

TEST(WitnessTest, ReadsTheExampleOfTheSpecification) {
  const std::string_view body =
      "old 20852014\n"
      "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n"
      "jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n"
      "5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n"
      "/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n"
      "\n"
      "example.com/behind-the-sofa\n"
      "20852163\n"
      "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
      "\n"
      "\xe2\x80\x94 example.com/behind-the-sofa "
      "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/"
      "Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
      "\xe2\x80\x94 example.com/behind-the-sofa "
      "opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/"
      "V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=\n";
  const auto parsed = AddCheckpoint::Parse(body);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->old_size, 20852014u);
  EXPECT_EQ(parsed->proof.size(), 4u);
  EXPECT_EQ(parsed->checkpoint.size, 20852163u);
  EXPECT_EQ(parsed->checkpoint.origin, "example.com/behind-the-sofa");
  EXPECT_EQ(parsed->note.signatures.size(), 2u);
  EXPECT_EQ(parsed->ToString(), body);
}

TEST(WitnessTest, RefusesEveryOtherSpellingOfARequest) {
  const std::string hash = Cat(kLogRoot5, "\n");
  const std::string note(kLogCheckpoint);
  std::string longest = "old 5\n";
  for (size_t i = 0; i < AddCheckpoint::kMaxProof; ++i) longest += hash;
  EXPECT_TRUE(AddCheckpoint::Parse(Cat(longest, "\n", note)).ok());
  const std::string cases[] = {
      "",
      "old 5",
      "old 5\n",
      Cat("old 5\n", hash),
      Cat("old 5\n\n"),
      Cat(longest, hash, "\n", note),
      Cat("old 05\n\n", note),
      Cat("old +5\n\n", note),
      Cat("old -1\n\n", note),
      Cat("old  5\n\n", note),
      Cat("old 5 \n\n", note),
      Cat("old 5\r\n\n", note),
      Cat("old\n\n", note),
      Cat("old \n\n", note),
      Cat("Old 5\n\n", note),
      Cat("old 18446744073709551616\n\n", note),
      Cat("5\n\n", note),
      Cat("\n\n", note),
      Cat("old 5\n", note),                        // no empty line of its own
      Cat("old 5\n", hash.substr(4), "\n", note),  // a short hash
      Cat("old 5\n", kLogRoot5, "=\n\n", note),
      Cat("old 5\n", kLogRoot5, " \n\n", note),
      Cat("old 5\n", hash, "\n\n", note),  // one empty line too many
      Cat("old 5\n\n", note.substr(0, note.size() - 1)),
      Cat("old 5\n\n", note, "\n"),
      Cat("old 5\n\n", LogAt(5).Body(), "\n"),  // not signed
      Cat("old 5\n\n", LogAt(5).Body(), "extension\n\n", note.substr(note.find("\n\n") + 2)),
  };
  for (const std::string& body : cases) {
    const auto parsed = AddCheckpoint::Parse(body);
    EXPECT_FALSE(parsed.ok()) << body;
    EXPECT_NE(base::RejectId(parsed.status()), "") << body;
  }
}

TEST(WitnessTest, WritesAndReadsTheSizeOfAConflict) {
  EXPECT_EQ(EncodeWitnessSize(0), "0\n");
  EXPECT_EQ(ParseWitnessSize(EncodeWitnessSize(20852014)).value(), 20852014u);
  EXPECT_EQ(ParseWitnessSize("18446744073709551615\n").value(), 18446744073709551615u);
  for (const std::string_view body :
       {"", "\n", "5", "05\n", "5\n\n", "5\r\n", " 5\n", "5 \n", "x\n", "18446744073709551616\n"}) {
    EXPECT_EQ(base::RejectId(ParseWitnessSize(body).status()), "witness.answer-malformed") << body;
  }
}

TEST(WitnessTest, TakesTheCosignatureOfTheWitnessAskedAndOfNobodyElse) {
  const crypto::Ed25519Key key = KeyFromHex(kWitnessSeed);
  const Checkpoint checkpoint = LogAt(15);
  const NoteSignature own = Cosign(checkpoint, kWitness, key, kTime);
  const NoteSignature foreign = Cosign(checkpoint, "other.example", KeyFromHex(kLogSeed), kTime);
  const std::string text = checkpoint.Body();

  const std::string body = EncodeCosignatures({foreign, own});
  EXPECT_TRUE(body.starts_with("\xe2\x80\x94 other.example ")) << body;
  const auto taken = ParseCosignature(body, text, WitnessKey());
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(taken->name, kWitness);
  EXPECT_EQ(taken->signature, own.signature);

  // Only another's; of another checkpoint; of another time than it says; a signature, not a
  // cosignature.
  const auto reject = [&](const std::string& answer) {
    return base::RejectId(ParseCosignature(answer, text, WitnessKey()).status());
  };
  EXPECT_EQ(reject(EncodeCosignatures({foreign})), "note.unsigned");
  EXPECT_EQ(reject(EncodeCosignatures({Cosign(LogAt(14), kWitness, key, kTime)})),
            "note.signature-invalid");
  NoteSignature backdated = own;
  backdated.signature[7] ^= 1;
  EXPECT_EQ(reject(EncodeCosignatures({backdated})), "note.signature-invalid");
  EXPECT_EQ(reject(EncodeCosignatures({SignNote(text, kWitness, key)})), "note.unsigned");

  for (const std::string& answer :
       {std::string(), std::string("\n"), body.substr(0, body.size() - 1), Cat(body, "\n"),
        Cat("\n", body), Cat("garbage\n", body), std::string("<html>"),
        // A text of its own, rightly cosigned.
        Cat("more\n\n", EncodeCosignatures({own}))}) {
    EXPECT_EQ(reject(answer), "witness.answer-malformed") << answer;
  }
}

TEST(WitnessTest, NamesTheFolderOfALogByTheHashOfItsOrigin) {
  EXPECT_EQ(WitnessedPath(kLogOrigin),
            Cat("/", base::Hex(crypto::HashSha256(kLogOrigin)), "/checkpoint"));
}

// --- The judgement

TEST(WitnessTest, CosignsEverySizeThatContinuesWhatItCosigned) {
  for (size_t old_size = 0; old_size <= 15; ++old_size) {
    for (size_t size = old_size; size <= 15; ++size) {
      const WitnessVerdict verdict = Judge(nullptr, Request(old_size, size));
      EXPECT_EQ(verdict.status, 404);
      const WitnessedLog log = Knows(old_size);
      EXPECT_EQ(StatusOf(log, Request(old_size, size)), 200) << old_size << " to " << size;
    }
  }
}

TEST(WitnessTest, CosignsNoMutationOfAProof) {
  for (size_t old_size = 1; old_size < 15; ++old_size) {
    const WitnessedLog log = Knows(old_size);
    const AddCheckpoint right = Request(old_size, 15);
    for (size_t i = 0; i < right.proof.size(); ++i) {
      AddCheckpoint request = right;
      request.proof[i][i % 32] ^= 1;
      EXPECT_EQ(StatusOf(log, request), 422);
      request = right;
      request.proof.erase(request.proof.begin() + static_cast<ptrdiff_t>(i));
      EXPECT_EQ(StatusOf(log, request), 422);
      request = right;
      request.proof.insert(request.proof.begin() + static_cast<ptrdiff_t>(i), Hash32{});
      EXPECT_EQ(StatusOf(log, request), 422);
    }
    WitnessedLog other = log;
    other.root[0] ^= 1;
    EXPECT_EQ(StatusOf(other, right), 422);
  }
}

TEST(WitnessTest, NeverCosignsTwoRootsForOneSize) {
  Checkpoint other = LogAt(15);
  other.root[31] ^= 1;
  const std::string signed_too = SignCheckpoint(other, KeyFromHex(kLogSeed));
  const WitnessedLog log = Knows(15);
  EXPECT_EQ(StatusOf(log, Request(15, 15)), 200);
  EXPECT_EQ(StatusOf(log, Request(15, 15, signed_too)), 422);
  EXPECT_EQ(StatusOf(log, Request(5, 15, signed_too)), 409);
  EXPECT_EQ(StatusOf(log, AddCheckpoint::Make(0, {}, signed_too).value()), 409);
  EXPECT_EQ(StatusOf(Knows(5), Request(5, 15, signed_too)), 422);
  // An empty log has one root, too.
  other = Checkpoint{std::string(kLogOrigin), 0, LogAt(5).root};
  EXPECT_EQ(StatusOf(Knows(0), Request(0, 0)), 200);
  EXPECT_EQ(StatusOf(Knows(0), Request(0, 0, SignCheckpoint(other, KeyFromHex(kLogSeed)))), 422);
}

TEST(WitnessTest, RefusesProofsWhereThereIsNothingToProve) {
  AddCheckpoint first = Request(0, 15);
  first.proof.push_back(LogAt(5).root);
  EXPECT_EQ(StatusOf(Knows(0), first), 422);
  AddCheckpoint again = Request(15, 15);
  again.proof.push_back(LogAt(15).root);
  EXPECT_EQ(StatusOf(Knows(15), again), 422);
}

TEST(WitnessTest, GivesTheFirstFaultInTheOrderOfTheSpecification) {
  const crypto::Ed25519Key stranger = KeyFromHex(kWitnessSeed);
  WitnessedLog log = Knows(5);
  // Everything is wrong: origin, signature, sizes, proof.
  AddCheckpoint request =
      AddCheckpoint::Make(20, {Hash32{}},
                          SignCheckpoint({"other.example", 15, LogAt(15).root}, stranger))
          .value();
  EXPECT_EQ(Judge(nullptr, request).status, 404);
  EXPECT_EQ(StatusOf(log, request), 404);
  const auto with_note = [&](const std::string& note) {
    return AddCheckpoint::Make(request.old_size, request.proof, note).value();
  };
  // Signed by nobody known; by the right name with another key; falsely under name and key id.
  request = with_note(SignCheckpoint(LogAt(15), stranger));
  EXPECT_EQ(StatusOf(log, request), 403);
  std::string changed(kLogCheckpoint);
  changed.replace(changed.find("15"), 2, "14");
  request = with_note(changed);
  EXPECT_EQ(StatusOf(log, request), 403);
  request = with_note(std::string(kLogCheckpoint));
  EXPECT_EQ(StatusOf(log, request), 400);
  request.old_size = 7;
  EXPECT_EQ(StatusOf(log, request), 409);
  request.old_size = 15;  // as large as the checkpoint, which is not above it
  EXPECT_EQ(StatusOf(log, request), 409);
  request.old_size = 5;
  EXPECT_EQ(StatusOf(log, request), 422);
  EXPECT_NE(Judge(&log, request).reason, "");
  request = Request(5, 15);
  EXPECT_EQ(StatusOf(log, request), 200);
  EXPECT_EQ(Judge(&log, request).reason, "");
}

TEST(WitnessTest, IgnoresSignaturesOfOthersOnACheckpoint) {
  AddCheckpoint request = Request(5, 15);
  request.note.signatures.insert(request.note.signatures.begin(),
                                 Cosign(LogAt(14), kWitness, KeyFromHex(kWitnessSeed), kTime));
  EXPECT_EQ(StatusOf(Knows(5), request), 200);
}

TEST(WitnessTest, RefusesToGoBack) {
  EXPECT_EQ(StatusOf(Knows(15), Request(5, 14)), 409);
  EXPECT_EQ(StatusOf(Knows(15), Request(0, 5)), 409);
  AddCheckpoint back = Request(0, 14);
  back.old_size = 15;
  EXPECT_EQ(StatusOf(Knows(15), back), 400);
}

}  // namespace
}  // namespace urna::ledger
