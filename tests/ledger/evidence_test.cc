#include "ledger/evidence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/status.h"
#include "tests/ledger/support.h"

namespace urna::ledger {
namespace {

using base::Cat;
using ::testing::HasSubstr;

using Leaves = std::vector<Hash32>;

const NoteKey& LogKey() {
  static const NoteKey key = NoteKey::Parse(kLogKey).value();
  return key;
}

std::string Signed(const Leaves& leaves, size_t size) {
  return SignCheckpoint({std::string(kLogOrigin), size, ReferenceRoot(leaves, 0, size)},
                        KeyFromHex(kLogSeed));
}

/// Signed checkpoints of the first 1, 2, … leaves.
std::vector<std::string> AllSigned(const Leaves& leaves) {
  std::vector<std::string> notes(1);
  for (size_t size = 1; size <= leaves.size(); ++size) notes.push_back(Signed(leaves, size));
  return notes;
}

Fork ForkOf(const std::string& first, size_t m, const std::string& second, size_t n,
            const Leaves& leaves) {
  Fork fork{.first = first, .second = second, .proof = {}};
  if (m != n) fork.proof = PrefixProof(m, n, NodesOver(leaves, n)).value();
  return fork;
}

ReplacedRecord::Side SideOf(const Leaves& leaves, size_t index, size_t size,
                            const std::string& note) {
  return {leaves[index], InclusionProof(index, size, NodesOver(leaves, size)).value(), note};
}

/// Every list that is `hashes` with one change: a bit flipped, a hash left out, doubled, put in or
/// exchanged with the next.
std::vector<Leaves> Mutations(const Leaves& hashes, size_t seed) {
  std::vector<Leaves> mutations;
  for (size_t i = 0; i < hashes.size(); ++i) {
    const auto at = static_cast<ptrdiff_t>(i);
    Leaves& flipped = mutations.emplace_back(hashes);
    const size_t bit = (seed * 37 + i * 101) % 256;
    flipped[i][bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    Leaves& dropped = mutations.emplace_back(hashes);
    dropped.erase(dropped.begin() + at);
    Leaves& doubled = mutations.emplace_back(hashes);
    doubled.insert(doubled.begin() + at, hashes[i]);
    if (i > 0) {
      Leaves& exchanged = mutations.emplace_back(hashes);
      std::swap(exchanged[i - 1], exchanged[i]);
    }
  }
  for (size_t i = 0; i <= hashes.size(); ++i) {
    Leaves& added = mutations.emplace_back(hashes);
    added.insert(added.begin() + static_cast<ptrdiff_t>(i), Hash32{});
  }
  return mutations;
}

/// Through its text, as whoever judges it gets it.
Judgement JudgeText(const Evidence& evidence, const NoteKey& key = LogKey()) {
  const auto parsed = ParseEvidence(EncodeEvidence(evidence));
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  if (!parsed.ok()) return {};
  EXPECT_EQ(*parsed, evidence);
  return Judge(*parsed, key);
}

// --- An honest log

TEST(EvidenceTest, NothingProvesAForkOfALogThatOnlyGrew) {
  constexpr size_t kMax = 20;
  const Leaves leaves = LeavesOf(kMax);
  const std::vector<std::string> notes = AllSigned(leaves);
  for (size_t n = 1; n <= kMax; ++n) {
    for (size_t m = 1; m <= n; ++m) {
      Fork fork = ForkOf(notes[m], m, notes[n], n, leaves);
      const Judgement judgement = JudgeText(fork);
      EXPECT_FALSE(judgement.proven) << m << " " << n;
      EXPECT_THAT(judgement.text, HasSubstr(m == n ? "say the same" : "continues"))
          << m << " " << n;
      for (Leaves& mutation : Mutations(fork.proof, m * kMax + n)) {
        EXPECT_FALSE(Judge(Fork{fork.first, fork.second, mutation}, LogKey()).proven)
            << m << " " << n;
      }
      EXPECT_FALSE(Judge(Fork{fork.second, fork.first, fork.proof}, LogKey()).proven)
          << m << " " << n;
    }
  }
}

TEST(EvidenceTest, NoProofOfAnotherPairOfSizesAccusesAnHonestLog) {
  constexpr size_t kMax = 12;
  const Leaves leaves = LeavesOf(kMax);
  const std::vector<std::string> notes = AllSigned(leaves);
  for (size_t n = 2; n <= kMax; ++n) {
    for (size_t m = 1; m < n; ++m) {
      const Fork fork = ForkOf(notes[m], m, notes[n], n, leaves);
      for (size_t size = 1; size <= kMax; ++size) {
        EXPECT_FALSE(Judge(Fork{notes[size], notes[n], fork.proof}, LogKey()).proven)
            << m << " " << n << " " << size;
        EXPECT_FALSE(Judge(Fork{notes[m], notes[size], fork.proof}, LogKey()).proven)
            << m << " " << n << " " << size;
      }
    }
  }
}

TEST(EvidenceTest, NothingProvesThatAnHonestLogReplacedARecord) {
  constexpr size_t kMax = 9;
  const Leaves leaves = LeavesOf(kMax);
  const std::vector<std::string> notes = AllSigned(leaves);
  for (size_t n = 1; n <= kMax; ++n) {
    for (size_t m = 1; m <= n; ++m) {
      for (size_t i = 0; i < m; ++i) {
        const ReplacedRecord honest{i, SideOf(leaves, i, m, notes[m]),
                                    SideOf(leaves, i, n, notes[n])};
        const Judgement judgement = JudgeText(honest);
        EXPECT_FALSE(judgement.proven);
        EXPECT_THAT(judgement.text, HasSubstr("is the same"));
        for (size_t other = 0; other < n; ++other) {
          if (other == i) continue;
          ReplacedRecord forged = honest;
          forged.later = SideOf(leaves, other, n, notes[n]);
          EXPECT_FALSE(Judge(forged, LogKey()).proven) << m << " " << n << " " << i << " " << other;
          forged.index = other;
          EXPECT_FALSE(Judge(forged, LogKey()).proven) << m << " " << n << " " << i << " " << other;
        }
        ReplacedRecord forged = honest;
        forged.later.leaf = LeafHash("what never was in the log");
        EXPECT_FALSE(Judge(forged, LogKey()).proven);
        for (Leaves& mutation : Mutations(honest.later.proof, m * kMax + n)) {
          forged.later.proof = mutation;
          EXPECT_FALSE(Judge(forged, LogKey()).proven);
        }
        forged = honest;
        forged.promised.leaf = LeafHash("what never was in the log");
        EXPECT_FALSE(Judge(forged, LogKey()).proven);
      }
    }
  }
}

TEST(EvidenceTest, WhatTheKeyDidNotSignProvesNothing) {
  Leaves leaves = LeavesOf(7);
  const std::string honest = Signed(leaves, 5);
  leaves[2] = LeafHash("another");
  const auto root = ReferenceRoot(leaves, 0, 7);
  const crypto::Ed25519Key stranger = KeyFromHex(std::string(64, '7'));
  std::string other_size = Signed(leaves, 6);
  other_size.replace(other_size.find("\n6\n"), 3, "\n7\n");
  for (const std::string& second :
       {SignCheckpoint({std::string(kLogOrigin), 7, root}, stranger),
        SignCheckpoint({"other.example", 7, root}, KeyFromHex(kLogSeed)), other_size}) {
    const Fork fork = ForkOf(honest, 5, second, 7, leaves);
    EXPECT_FALSE(JudgeText(fork).proven) << second;
    EXPECT_FALSE(JudgeText(Fork{second, honest, {}}).proven) << second;
    const ReplacedRecord replaced{2, SideOf(LeavesOf(7), 2, 5, honest),
                                  SideOf(leaves, 2, 7, second)};
    EXPECT_FALSE(JudgeText(replaced).proven) << second;
  }
}

TEST(EvidenceTest, ProvesNothingAgainstAnotherKey) {
  Leaves leaves = LeavesOf(7);
  const std::string first = Signed(leaves, 5);
  leaves[2] = LeafHash("another");
  const Fork fork = ForkOf(first, 5, Signed(leaves, 7), 7, leaves);
  ASSERT_TRUE(JudgeText(fork).proven);
  const crypto::Ed25519Key stranger = KeyFromHex(std::string(64, '7'));
  for (const NoteKey& key : {NoteKey{std::string(kLogOrigin), kTypeEd25519, stranger.public_key()},
                             NoteKey{"other.example", kTypeEd25519, LogKey().key},
                             NoteKey{std::string(kLogOrigin), kTypeCosignature, LogKey().key}}) {
    EXPECT_FALSE(JudgeText(fork, key).proven) << key.ToString();
  }
}

// --- A dishonest one

TEST(EvidenceTest, EveryForkIsProven) {
  constexpr size_t kMax = 20;
  const Leaves leaves = LeavesOf(kMax);
  const std::vector<std::string> notes = AllSigned(leaves);
  for (size_t n = 1; n <= kMax; ++n) {
    for (size_t m = 1; m <= n; ++m) {
      for (const size_t changed : {size_t{0}, m / 2, m - 1}) {
        Leaves other = leaves;
        other[changed] = LeafHash("another");
        const auto fork = MakeFork(notes[m], Signed(other, n), LogKey(), NodesOver(other, n));
        ASSERT_TRUE(fork.ok()) << fork.status();
        const Judgement judgement = JudgeText(*fork);
        EXPECT_TRUE(judgement.proven) << m << " " << n << " " << changed << ": " << judgement.text;
        EXPECT_THAT(judgement.text, HasSubstr(kLogKey));
        EXPECT_THAT(judgement.text, HasSubstr(base::Hex(ReferenceRoot(other, 0, m))));
      }
      // What differs after the smaller one's end is no fork.
      if (m == n) continue;
      Leaves longer = leaves;
      longer[m] = LeafHash("another");
      const auto same = MakeFork(notes[m], Signed(longer, n), LogKey(), NodesOver(longer, n));
      EXPECT_FALSE(JudgeText(same.value()).proven) << m << " " << n;
    }
  }
}

TEST(EvidenceTest, EveryReplacedRecordIsProven) {
  constexpr size_t kMax = 9;
  const Leaves leaves = LeavesOf(kMax);
  const std::vector<std::string> notes = AllSigned(leaves);
  for (size_t n = 1; n <= kMax; ++n) {
    for (size_t m = 1; m <= n; ++m) {
      for (size_t i = 0; i < m; ++i) {
        Receipt receipt{.leaf = leaves[i],
                        .body = {},
                        .index = i,
                        .proof = InclusionProof(i, m, NodesOver(leaves, m)).value(),
                        .checkpoint = notes[m]};
        Leaves other = leaves;
        other[i] = LeafHash("another");
        const auto complaint =
            MakeComplaint(receipt, Signed(other, n), other[i], LogKey(), NodesOver(other, n));
        ASSERT_TRUE(complaint.ok()) << complaint.status();
        const Judgement judgement = JudgeText(*complaint);
        EXPECT_TRUE(judgement.proven) << m << " " << n << " " << i << ": " << judgement.text;
        EXPECT_THAT(judgement.text, HasSubstr(Cat("record ", i, " has the hash ")));
      }
    }
  }
}

TEST(EvidenceTest, OfTheNotesOnlyWhatTheLogSignedIsKept) {
  Leaves leaves = LeavesOf(3);
  const crypto::Ed25519Key witness = KeyFromHex(std::string(64, '7'));
  Note cosigned = Note::Parse(Signed(leaves, 2)).value();
  cosigned.signatures.push_back(
      Cosign(Checkpoint::ParseBody(cosigned.text).value(), "witness.example", witness, 1));
  cosigned.signatures.push_back(cosigned.signatures.front());
  std::swap(cosigned.signatures[0], cosigned.signatures[1]);
  leaves[0] = LeafHash("another");
  const auto fork =
      MakeFork(cosigned.ToString(), Signed(leaves, 3), LogKey(), NodesOver(leaves, 3));
  ASSERT_TRUE(fork.ok()) << fork.status();
  EXPECT_EQ(std::get<Fork>(*fork).first, Signed(LeavesOf(3), 2));
  EXPECT_TRUE(JudgeText(*fork).proven);
}

TEST(EvidenceTest, IsNotMadeOfWhatTheLogDidNotSign) {
  const Leaves leaves = LeavesOf(3);
  const NodeReader nodes = NodesOver(leaves, 3);
  const crypto::Ed25519Key stranger = KeyFromHex(std::string(64, '7'));
  const std::string foreign =
      SignCheckpoint({std::string(kLogOrigin), 2, ReferenceRoot(leaves, 0, 2)}, stranger);
  const std::string good = Signed(leaves, 3);
  EXPECT_EQ(base::RejectId(MakeFork(foreign, good, LogKey(), nodes).status()), "note.unsigned");
  EXPECT_EQ(base::RejectId(MakeFork(good, foreign, LogKey(), nodes).status()), "note.unsigned");
  EXPECT_TRUE(absl::IsInvalidArgument(MakeFork(good, Signed(leaves, 2), LogKey(), nodes).status()));
  const Receipt receipt{.leaf = leaves[0], .body = {}, .index = 3, .proof = {}, .checkpoint = good};
  EXPECT_TRUE(
      absl::IsInvalidArgument(MakeComplaint(receipt, good, leaves[0], LogKey(), nodes).status()));
}

// --- The text

TEST(EvidenceTest, IsWrittenAsTheProtocolSays) {
  Leaves leaves = LeavesOf(3);
  const std::string first = Signed(leaves, 2);
  leaves[0] = LeafHash("another");
  const std::string second = Signed(leaves, 3);
  const auto line = [](const Hash32& hash) { return Cat(base::Base64(base::View(hash)), "\n"); };
  EXPECT_EQ(EncodeEvidence(ForkOf(first, 2, second, 3, leaves)),
            Cat("urna-evidence/1 fork\n", line(ReferenceRoot(leaves, 0, 2)), line(leaves[2]), "\n",
                first, "\n", second));
  const ReplacedRecord replaced{0, SideOf(LeavesOf(3), 0, 2, first), SideOf(leaves, 0, 3, second)};
  EXPECT_EQ(
      EncodeEvidence(replaced),
      Cat("urna-evidence/1 replaced-record\nindex 0\nleaf ", line(LeavesOf(3)[0]), line(leaves[1]),
          "\n", first, "\nleaf ", line(leaves[0]), line(leaves[1]), line(leaves[2]), "\n", second));
}

TEST(EvidenceTest, RefusesEveryOtherText) {
  const Leaves leaves = LeavesOf(3);
  const std::string two = Signed(leaves, 2);
  const std::string three = Signed(leaves, 3);
  const std::string fork = EncodeEvidence(ForkOf(two, 2, three, 3, leaves));
  const std::string replaced =
      EncodeEvidence(ReplacedRecord{0, SideOf(leaves, 0, 2, two), SideOf(leaves, 0, 3, three)});
  const auto with = [](const std::string& good, std::string_view from, std::string_view to) {
    std::string changed = good;
    changed.replace(changed.find(from), from.size(), to);
    return changed;
  };
  const std::string hash = Cat(base::Base64(base::View(leaves[2])), "\n");
  std::string many;
  for (int i = 0; i < 66; ++i) many += hash;
  const std::string cases[] = {
      "",
      "urna-evidence/1 fork",
      with(fork, "/1", "/2"),
      with(fork, " fork", " fork "),
      with(fork, " fork", " replaced-record"),
      with(replaced, " replaced-record", " fork"),
      with(fork, hash, many),
      with(fork, hash, hash.substr(1)),
      with(fork, hash, hash.substr(0, 20) + "\n"),
      with(fork, Cat("\n", two), two),
      with(fork, Cat(two, "\n"), Cat(two, "\n\n")),
      with(fork, Cat(two, "\n"), two),
      with(fork, three, ""),
      with(fork, three, Cat(three, "\n")),
      with(fork, three, Cat(three, "\n", three)),
      with(fork, three, Cat(three, "x")),
      with(fork, "\n3\n", "\n03\n"),
      with(fork, "\n3\n", "\n3\nextension\n"),
      with(replaced, "index 0", "index 00"),
      with(replaced, "index 0\n", ""),
      with(replaced, "\nleaf ", "\nleaf  "),
      with(replaced, "\nleaf ", "\nleaf A"),
      with(replaced, three, Cat(three, "\n")),
      Cat(fork, std::string(kMaxEvidenceBytes, '\n')),
  };
  for (const std::string& bytes : cases) {
    EXPECT_EQ(base::RejectId(ParseEvidence(bytes).status()), "evidence.malformed") << bytes;
  }
  for (size_t cut = 0; cut < fork.size(); ++cut) {
    EXPECT_FALSE(ParseEvidence(fork.substr(0, cut)).ok()) << cut;
  }
}

// --- From records alone

absl::StatusOr<std::optional<Evidence>> Prove(const std::string& first, const std::string& second,
                                              const Leaves& leaves, size_t count) {
  auto prover = ForkProver::Begin(first, second, LogKey());
  URNA_RETURN_IF_ERROR(prover.status());
  for (size_t i = 0; i < count; ++i) prover->Append(leaves[i]);
  return prover->Finish();
}

TEST(ForkProverTest, ProvesEveryForkAndAccusesNoLogThatOnlyGrew) {
  constexpr size_t kMax = 40;
  const Leaves honest = LeavesOf(kMax);
  for (size_t n = 2; n <= kMax; ++n) {
    for (size_t m = 1; m < n; ++m) {
      const std::string first = Signed(honest, m);
      const auto same = Prove(first, Signed(honest, n), honest, n);
      ASSERT_TRUE(same.ok()) << same.status();
      EXPECT_FALSE(same->has_value()) << m << " " << n;

      Leaves forked = honest;
      forked[(m * 7 + n) % m] = Hash32{1};
      const std::string second = Signed(forked, n);
      const auto fork = Prove(first, second, forked, n);
      ASSERT_TRUE(fork.ok()) << fork.status();
      ASSERT_TRUE(fork->has_value()) << m << " " << n;
      EXPECT_TRUE(JudgeText(**fork).proven) << m << " " << n;
      EXPECT_EQ(**fork, MakeFork(first, second, LogKey(), NodesOver(forked, n)).value());
    }
  }
}

TEST(ForkProverTest, TakesNoRecordsButThoseThatWereSigned) {
  const Leaves leaves = LeavesOf(12);
  Leaves others = leaves;
  others[9] = Hash32{1};
  const std::string first = Signed(leaves, 5), second = Signed(leaves, 11);
  EXPECT_EQ(base::RejectId(Prove(first, second, others, 11).status()), "ledger.root");
  EXPECT_EQ(base::RejectId(Prove(first, second, leaves, 10).status()), "ledger.root");
  EXPECT_EQ(base::RejectId(Prove(first, second, leaves, 12).status()), "ledger.root");
  EXPECT_EQ(base::RejectId(Prove(first, second, leaves, 0).status()), "ledger.root");
  EXPECT_TRUE(absl::IsInvalidArgument(Prove(second, first, leaves, 5).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Prove(first, first, leaves, 5).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Prove(Signed(leaves, 0), second, leaves, 11).status()));
  const NoteKey other{std::string(kLogOrigin), kTypeEd25519,
                      crypto::Ed25519Key::New().public_key()};
  EXPECT_EQ(base::RejectId(ForkProver::Begin(first, second, other).status()), "note.unsigned");
}

}  // namespace
}  // namespace urna::ledger
