#include "poll/cosignatures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ledger/checkpoint.h"

namespace urna::poll {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class CosignaturesTest : public ::testing::Test {
 protected:
  CosignaturesTest() {
    for (const char* name : {"w0", "w1", "w2"}) {
      keys_.push_back(crypto::Ed25519Key::New());
      definition_.witnesses.push_back({name, ledger::kTypeCosignature, keys_.back().public_key()});
    }
    note_.text = checkpoint_.Body();
  }
  void Cosign(size_t witness) {
    note_.signatures.push_back(
        ledger::Cosign(checkpoint_, definition_.witnesses[witness].name, keys_[witness], 1));
  }

  std::vector<crypto::Ed25519Key> keys_;
  Definition definition_;
  const ledger::Checkpoint checkpoint_{"votes.example/poll", 7, {}};
  ledger::Note note_;
};

TEST_F(CosignaturesTest, NamesThoseThatCosignedAndThoseThatDidNot) {
  Cosign(2);
  Cosign(0);
  const Cosignatures found = CosignaturesOn(definition_, note_);
  EXPECT_THAT(found.present, ElementsAre("w0", "w2"));
  EXPECT_THAT(found.missing, ElementsAre("w1"));
  EXPECT_EQ(found.ToString(), "2 of 3 witnesses cosigned it, not yet w1");
  EXPECT_TRUE(found.AtLeast(2));
  EXPECT_FALSE(found.AtLeast(3));
}

TEST_F(CosignaturesTest, AFalseOneIsAMissingOne) {
  Cosign(1);
  note_.signatures.back().signature.back() ^= 1;
  EXPECT_THAT(CosignaturesOn(definition_, note_).present, IsEmpty());
  // Beside it a right one does not help: the witness's statement is in doubt.
  Cosign(1);
  EXPECT_THAT(CosignaturesOn(definition_, note_).present, IsEmpty());
}

TEST_F(CosignaturesTest, AReceiptIsFinalWithAsManyAsBeforeDecryptionButAtLeastOne) {
  EXPECT_EQ(CosignaturesForFinal(definition_), 1u);
  definition_.witnesses_needed = 2;
  EXPECT_EQ(CosignaturesForFinal(definition_), 2u);
  EXPECT_EQ(CosignaturesForFinal(Definition()), 0u);
}

}  // namespace
}  // namespace urna::poll
