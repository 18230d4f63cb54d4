#include "ledger/receipt.h"

#include <gtest/gtest.h>

#include "base/status.h"
#include "tests/ledger/support.h"

namespace urna::ledger {
namespace {

Receipt ReceiptFor(uint64_t index) {
  std::vector<Hash32> leaves;
  for (const std::string& entry : kLogEntries) leaves.push_back(LeafHash(entry));
  Receipt receipt;
  receipt.leaf = leaves[index];
  receipt.body = crypto::HashSha256("body");
  receipt.index = index;
  receipt.proof = InclusionProof(index, 15, NodesOver(leaves, 15)).value();
  receipt.checkpoint = kLogCheckpoint;
  return receipt;
}

TEST(ReceiptTest, IsWrittenAsATlogProof) {
  const Receipt receipt = ReceiptFor(14);
  std::string expected = "c2sp.org/tlog-proof@v1\nextra ";
  expected += base::Base64(base::Cat(base::View(receipt.leaf), base::View(receipt.body)));
  expected += "\nindex 14\n";
  for (const Hash32& hash : receipt.proof) expected += base::Base64(base::View(hash)) + "\n";
  expected += "\n";
  expected += kLogCheckpoint;
  EXPECT_EQ(receipt.ToString(), expected);
}

TEST(ReceiptTest, ParsesAndVerifiesEveryEntryOfThePublishedLog) {
  const NoteKey key = NoteKey::Parse(kLogKey).value();
  for (uint64_t index = 0; index < 15; ++index) {
    const auto parsed = Receipt::Parse(ReceiptFor(index).ToString());
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(parsed->index, index);
    EXPECT_EQ(parsed->body, crypto::HashSha256("body"));
    const auto checkpoint = VerifyReceipt(*parsed, key);
    ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
    EXPECT_EQ(checkpoint->size, 15u);
  }
}

TEST(ReceiptTest, RefusesAnotherLeafIndexProofOrCheckpoint) {
  const NoteKey key = NoteKey::Parse(kLogKey).value();
  Receipt leaf = ReceiptFor(3);
  leaf.leaf[0] ^= 1;
  EXPECT_EQ(base::RejectId(VerifyReceipt(leaf, key).status()), "proof.inclusion-invalid");
  Receipt index = ReceiptFor(3);
  index.index = 2;
  EXPECT_EQ(base::RejectId(VerifyReceipt(index, key).status()), "proof.inclusion-invalid");
  Receipt proof = ReceiptFor(3);
  proof.proof.pop_back();
  EXPECT_EQ(base::RejectId(VerifyReceipt(proof, key).status()), "proof.inclusion-invalid");
  Receipt checkpoint = ReceiptFor(3);
  checkpoint.checkpoint.replace(checkpoint.checkpoint.find("15"), 2, "16");
  EXPECT_EQ(base::RejectId(VerifyReceipt(checkpoint, key).status()), "note.signature-invalid");
  NoteKey other = key;
  other.key = KeyFromHex(std::string(64, '0')).public_key();
  EXPECT_EQ(base::RejectId(VerifyReceipt(ReceiptFor(3), other).status()), "note.unsigned");
}

TEST(ReceiptTest, AReceiptWithoutItsProofVerifiesOnlyInALogOfOne) {
  const crypto::Ed25519Key key = KeyFromHex(kLogSeed);
  Receipt receipt;
  receipt.leaf = LeafHash("only");
  receipt.checkpoint = SignCheckpoint({std::string(kLogOrigin), 1, receipt.leaf}, key);
  const auto parsed = Receipt::Parse(receipt.ToString());
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_TRUE(VerifyReceipt(*parsed, NoteKey::Parse(kLogKey).value()).ok());
}

TEST(ReceiptTest, RefusesMalformedReceipts) {
  const std::string good = ReceiptFor(2).ToString();
  const auto with = [&](std::string_view from, std::string_view to) {
    std::string changed = good;
    changed.replace(changed.find(from), from.size(), to);
    return changed;
  };
  std::string without_extra = good;
  without_extra.erase(good.find("extra"), good.find("index") - good.find("extra"));
  std::string long_proof;
  for (int i = 0; i < 65; ++i) long_proof += std::string(kLogRoot5) + "\n";
  const std::string cases[] = {
      "",
      with("@v1", "@v2"),
      with("extra ", "extra  "),
      with("extra ", "extra A"),
      without_extra,
      with("index 2", "index 02"),
      with("index 2", "index -2"),
      with("index 2", "index 2 "),
      with("index 2", "index"),
      with("index 2\n", "index 2\n" + std::string(kLogRoot5).substr(1) + "\n"),
      with("index 2\n", "index 2\n" + long_proof),
      with("\n\nexample", "\nexample"),
      with("\n\nexample", "\n\n\n\nexample") + "x",
      good.substr(0, good.find("\n\n")),
      good.substr(0, good.size() - 1),
      good + "\n",
  };
  for (const std::string& bytes : cases) {
    EXPECT_EQ(base::RejectId(Receipt::Parse(bytes).status()), "receipt.malformed") << bytes;
  }
}

}  // namespace
}  // namespace urna::ledger
