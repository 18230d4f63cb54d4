#include "ledger/merkle.h"

#include <gtest/gtest.h>

#include "base/status.h"
#include "tests/ledger/support.h"

namespace urna::ledger {
namespace {

using Proof = std::vector<Hash32>;

std::vector<Hash32> PublishedLeaves() {
  std::vector<Hash32> leaves;
  for (const std::string_view hex : {"", "00", "10", "2021", "3031", "40414243", "5051525354555657",
                                     "606162636465666768696a6b6c6d6e6f"}) {
    std::string data(hex.size() / 2, '\0');
    EXPECT_TRUE(base::UnhexInto(hex, reinterpret_cast<uint8_t*>(data.data()), data.size()));
    leaves.push_back(LeafHash(data));
  }
  return leaves;
}

// PATH and SUBPROOF of RFC 6962, as they are written there.
Proof ReferencePath(const std::vector<Hash32>& d, size_t m, size_t first, size_t last) {
  if (last - first == 1) return {};
  size_t k = 1;
  while (2 * k < last - first) k *= 2;
  Proof proof;
  if (m < k) {
    proof = ReferencePath(d, m, first, first + k);
    proof.push_back(ReferenceRoot(d, first + k, last));
  } else {
    proof = ReferencePath(d, m - k, first + k, last);
    proof.push_back(ReferenceRoot(d, first, first + k));
  }
  return proof;
}

Proof ReferenceSubproof(const std::vector<Hash32>& d, size_t m, size_t first, size_t last, bool b) {
  if (m == last - first) return b ? Proof{} : Proof{ReferenceRoot(d, first, last)};
  size_t k = 1;
  while (2 * k < last - first) k *= 2;
  Proof proof;
  if (m <= k) {
    proof = ReferenceSubproof(d, m, first, first + k, b);
    proof.push_back(ReferenceRoot(d, first + k, last));
  } else {
    proof = ReferenceSubproof(d, m - k, first + k, last, false);
    proof.push_back(ReferenceRoot(d, first, first + k));
  }
  return proof;
}

/// Every proof that is `proof` with one change: a bit flipped, a hash left out, doubled or put in.
std::vector<Proof> Mutations(const Proof& proof, size_t seed) {
  std::vector<Proof> mutations;
  for (size_t i = 0; i < proof.size(); ++i) {
    Proof flipped = proof;
    const size_t bit = (seed * 37 + i * 101) % 256;
    flipped[i][bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    mutations.push_back(flipped);
    Proof dropped = proof;
    dropped.erase(dropped.begin() + static_cast<ptrdiff_t>(i));
    mutations.push_back(dropped);
    Proof doubled = proof;
    doubled.insert(doubled.begin() + static_cast<ptrdiff_t>(i), proof[i]);
    mutations.push_back(doubled);
  }
  for (size_t i = 0; i <= proof.size(); ++i) {
    Proof added = proof;
    added.insert(added.begin() + static_cast<ptrdiff_t>(i), Hash32{});
    mutations.push_back(added);
  }
  return mutations;
}

TEST(MerkleTest, HasThePublishedRoots) {
  const char* kRoots[] = {"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                          "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                          "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
                          "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
                          "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                          "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
                          "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
                          "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
                          "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
  const std::vector<Hash32> leaves = PublishedLeaves();
  Frontier frontier;
  for (size_t size = 0; size <= 8; ++size) {
    EXPECT_EQ(base::Hex(frontier.Root()), kRoots[size]) << size;
    EXPECT_EQ(frontier.size(), size);
    const auto root = RootAt(size, NodesOver(leaves, size));
    ASSERT_TRUE(root.ok()) << root.status();
    EXPECT_EQ(base::Hex(*root), kRoots[size]) << size;
    if (size < 8) frontier.Append(leaves[size]);
  }
}

TEST(MerkleTest, HasThePublishedProofs) {
  const std::vector<Hash32> leaves = PublishedLeaves();
  const auto inclusion = InclusionProof(5, 8, NodesOver(leaves, 8));
  ASSERT_TRUE(inclusion.ok()) << inclusion.status();
  const Hash32 second = HashFromBase64("yoVOoSjtBQtBs1/8G4e46yveRh6eO1WW7Oa51ZdaCuA=");
  const Hash32 third = HashFromBase64("037kGJdt2VdTwcc4Yrk5j6Kiz5tP8P3+izDNlSCWFLc=");
  EXPECT_EQ(*inclusion,
            (Proof{HashFromBase64("vBoGQ7EuTS18d5GPROD095qDi2z57FtcKD4fTYhZnms="), second, third}));
  const auto consistency = ConsistencyProof(6, 8, NodesOver(leaves, 8));
  ASSERT_TRUE(consistency.ok()) << consistency.status();
  EXPECT_EQ(*consistency,
            (Proof{HashFromBase64("DrxdNDf74tsVi58Sah0RjjCBgQMdCpSfje3t68VY72o="), second, third}));
}

TEST(MerkleTest, FrontierAndNodesGiveTheRootOfTheDefinition) {
  const std::vector<Hash32> leaves = LeavesOf(300);
  Frontier frontier;
  for (size_t size = 0; size <= leaves.size(); ++size) {
    const Hash32 expected = ReferenceRoot(leaves, 0, size);
    EXPECT_EQ(frontier.Root(), expected) << size;
    const auto root = RootAt(size, NodesOver(leaves, size));
    ASSERT_TRUE(root.ok()) << root.status();
    EXPECT_EQ(*root, expected) << size;
    if (size < leaves.size()) frontier.Append(leaves[size]);
  }
}

TEST(MerkleTest, InclusionProofsVerifyAndNoMutationDoes) {
  constexpr size_t kMax = 70;
  const std::vector<Hash32> leaves = LeavesOf(kMax + 1);
  std::vector<Hash32> roots;
  for (size_t size = 0; size <= kMax + 1; ++size) roots.push_back(ReferenceRoot(leaves, 0, size));
  const auto refused = [](const absl::Status& status) {
    return base::RejectId(status) == "proof.inclusion-invalid";
  };
  for (size_t size = 1; size <= kMax; ++size) {
    for (size_t index = 0; index < size; ++index) {
      SCOPED_TRACE(base::Cat("entry ", index, " of ", size));
      const auto proof = InclusionProof(index, size, NodesOver(leaves, size));
      ASSERT_TRUE(proof.ok()) << proof.status();
      ASSERT_EQ(*proof, ReferencePath(leaves, index, 0, size));
      const Hash32& leaf = leaves[index];
      const Hash32& root = roots[size];
      ASSERT_TRUE(VerifyInclusion(leaf, index, size, *proof, root).ok());

      for (const Proof& mutation : Mutations(*proof, size + index)) {
        ASSERT_TRUE(refused(VerifyInclusion(leaf, index, size, mutation, root)));
      }
      for (size_t other = 0; other <= size; ++other) {
        if (other == index) continue;
        ASSERT_TRUE(refused(VerifyInclusion(leaf, other, size, *proof, root))) << other;
      }
      for (const size_t other : {size - 1, size + 1}) {
        ASSERT_TRUE(refused(VerifyInclusion(leaf, index, other, *proof, roots[other]))) << other;
      }
      ASSERT_TRUE(refused(VerifyInclusion(leaves[index + 1], index, size, *proof, root)));
      ASSERT_TRUE(refused(VerifyInclusion(leaf, index, size, *proof, roots[size - 1])));
    }
  }
}

TEST(MerkleTest, ConsistencyProofsVerifyAndNoMutationDoes) {
  constexpr size_t kMax = 40;
  const std::vector<Hash32> leaves = LeavesOf(kMax + 1);
  std::vector<Hash32> roots;
  for (size_t size = 0; size <= kMax + 1; ++size) roots.push_back(ReferenceRoot(leaves, 0, size));
  const auto refused = [](const absl::Status& status) {
    return base::RejectId(status) == "proof.consistency-invalid";
  };
  for (size_t second = 1; second <= kMax; ++second) {
    for (size_t first = 1; first <= second; ++first) {
      SCOPED_TRACE(base::Cat("from ", first, " to ", second));
      const auto proof = ConsistencyProof(first, second, NodesOver(leaves, second));
      ASSERT_TRUE(proof.ok()) << proof.status();
      ASSERT_EQ(*proof, ReferenceSubproof(leaves, first, 0, second, true));
      ASSERT_TRUE(VerifyConsistency(first, second, *proof, roots[first], roots[second]).ok());

      for (const Proof& mutation : Mutations(*proof, first + second)) {
        ASSERT_TRUE(
            refused(VerifyConsistency(first, second, mutation, roots[first], roots[second])));
      }
      for (size_t other = 0; other <= kMax; ++other) {
        if (other != first) {
          ASSERT_TRUE(
              refused(VerifyConsistency(other, second, *proof, roots[other], roots[second])));
          ASSERT_TRUE(
              refused(VerifyConsistency(first, second, *proof, roots[other], roots[second])));
        }
        if (other != second) {
          ASSERT_TRUE(
              refused(VerifyConsistency(first, second, *proof, roots[first], roots[other])));
        }
      }
    }
  }
}

// One hash more makes a proof in a taller tree; the size says how tall the tree is.
TEST(MerkleTest, RefusesAProofThatClimbsAboveTheRoot) {
  const std::vector<Hash32> leaves = LeavesOf(7);
  const Hash32 above = LeafHash("above");
  const Hash32 old_root = ReferenceRoot(leaves, 0, 6);
  const Hash32 root = ReferenceRoot(leaves, 0, 7);
  Proof inclusion = InclusionProof(2, 7, NodesOver(leaves, 7)).value();
  inclusion.push_back(above);
  EXPECT_EQ(base::RejectId(VerifyInclusion(leaves[2], 2, 7, inclusion, NodeHash(above, root))),
            "proof.inclusion-invalid");
  Proof consistency = ConsistencyProof(6, 7, NodesOver(leaves, 7)).value();
  consistency.push_back(above);
  EXPECT_EQ(base::RejectId(VerifyConsistency(6, 7, consistency, NodeHash(above, old_root),
                                             NodeHash(above, root))),
            "proof.consistency-invalid");
}

TEST(MerkleTest, RefusesConsistencyFromNothing) {
  const std::vector<Hash32> leaves = LeavesOf(4);
  const Hash32 root = ReferenceRoot(leaves, 0, 4);
  EXPECT_EQ(base::RejectId(VerifyConsistency(0, 4, {}, EmptyRoot(), root)),
            "proof.consistency-invalid");
  EXPECT_EQ(base::RejectId(VerifyConsistency(0, 0, {}, EmptyRoot(), EmptyRoot())),
            "proof.consistency-invalid");
}

TEST(MerkleTest, ProvesNothingOutsideTheTree) {
  const std::vector<Hash32> leaves = LeavesOf(4);
  EXPECT_FALSE(InclusionProof(4, 4, NodesOver(leaves, 4)).ok());
  EXPECT_FALSE(ConsistencyProof(0, 4, NodesOver(leaves, 4)).ok());
  EXPECT_FALSE(ConsistencyProof(3, 2, NodesOver(leaves, 4)).ok());
}

TEST(MerkleTest, PassesOnTheErrorOfAReader) {
  const NodeReader broken = [](uint32_t, uint64_t) -> absl::StatusOr<Hash32> {
    return absl::UnavailableError("disk");
  };
  EXPECT_TRUE(absl::IsUnavailable(InclusionProof(1, 3, broken).status()));
  EXPECT_TRUE(absl::IsUnavailable(ConsistencyProof(1, 3, broken).status()));
  EXPECT_TRUE(absl::IsUnavailable(RootAt(3, broken).status()));
}

// With equal leaves a node depends on its level alone, so that trees of any size can be walked.
TEST(MerkleTest, ProvesInTreesOfAnySize) {
  std::vector<Hash32> by_level = {LeafHash("same")};
  for (int level = 1; level < 64; ++level) {
    by_level.push_back(NodeHash(by_level.back(), by_level.back()));
  }
  for (const uint64_t size : {uint64_t{1} << 40, (uint64_t{1} << 63) - 1, uint64_t{1} << 63,
                              (uint64_t{1} << 63) + 1, ~uint64_t{0}}) {
    const NodeReader nodes = [&](uint32_t level, uint64_t index) -> absl::StatusOr<Hash32> {
      EXPECT_LT(index, size >> level);
      return by_level[level];
    };
    const auto root = RootAt(size, nodes);
    ASSERT_TRUE(root.ok());
    for (const uint64_t index : {uint64_t{0}, size / 3, size - 2, size - 1}) {
      const auto proof = InclusionProof(index, size, nodes);
      ASSERT_TRUE(proof.ok());
      EXPECT_TRUE(VerifyInclusion(by_level[0], index, size, *proof, *root).ok()) << index;
    }
    for (const uint64_t first : {uint64_t{1}, size / 3, size - 1, size}) {
      const auto proof = ConsistencyProof(first, size, nodes);
      const auto first_root = RootAt(first, nodes);
      ASSERT_TRUE(proof.ok() && first_root.ok());
      EXPECT_TRUE(VerifyConsistency(first, size, *proof, *first_root, *root).ok()) << first;
    }
  }
}

}  // namespace
}  // namespace urna::ledger
