// Evidence against a ledger's key: what the shipped program makes of files that people bring.

#include "ledger/evidence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/text.h"
#include "ledger/merkle.h"
#include "ledger/record.h"
#include "tests/verifier/support.h"

namespace urna::verifier {
namespace {

using base::Cat;
using ::testing::AllOf;
using ::testing::HasSubstr;

using Names = std::set<std::string>;
using Records = std::vector<std::string>;

/// Nodes of the tree over `records`, as many of them as there are.
ledger::NodeReader NodesOver(const Records& records) {
  return [records](uint32_t level, uint64_t index) -> absl::StatusOr<ledger::Hash32> {
    ledger::Frontier tree;
    for (uint64_t i = index << level; i < (index + 1) << level; ++i) {
      tree.Append(ledger::LeafHash(records[i]));
    }
    return tree.Root();
  };
}

class EvidenceFiles : public ::testing::Test {
 protected:
  EvidenceFiles() { election_.WriteExport(folder_ / "export"); }

  const Records& records() const { return election_.records(); }
  ledger::NoteKey key() const { return election_.checkpoint_key(); }
  std::string Note(const Records& of, uint64_t size) const {
    return MakeCheckpoint(of, size, key().name, election_.ballot_box());
  }
  /// The ledger with another record 10.
  Records Changed() const {
    Records changed = records();
    changed[10] = "another";
    return changed;
  }
  std::string ForkOf(const Records& second, uint64_t m, uint64_t n) const {
    return EncodeEvidence(
        ledger::MakeFork(Note(records(), m), Note(second, n), key(), NodesOver(second)).value());
  }
  std::string ReplacedRecord() const {
    const auto receipt = ledger::Receipt::Parse(election_.MakeReceipt(10, 20)).value();
    return EncodeEvidence(ledger::MakeComplaint(receipt, Note(Changed(), 30),
                                                ledger::LeafHash(Changed()[10]), key(),
                                                NodesOver(Changed()))
                              .value());
  }
  std::string Write(std::string_view name, std::string_view content) const {
    WriteAll(folder_ / name, content);
    return folder_ / name;
  }
  Audited Run(const std::string& file) const {
    return RunAudit({folder_ / "export", "--poll", PollId(election_), "--evidence", file});
  }
  Ran Alone(const std::string& file, const ledger::NoteKey& key) const {
    return RunVerifier({"--log", key.ToString(), "--evidence", file});
  }
  /// Nothing is proven, with the ledger or without, and `why` is said.
  void ExpectProvesNothing(const std::string& evidence, std::string_view verdict,
                           std::string_view why) const {
    const std::string file = Write("evidence", evidence);
    const Audited audited = Run(file);
    EXPECT_EQ(audited.exit_code, 0) << why;
    EXPECT_TRUE(audited.With(verdict).contains("evidence")) << why;
    EXPECT_THAT(audited.json.dump(), AllOf(HasSubstr("it proves nothing"), HasSubstr(why)));
    const Ran alone = Alone(file, key());
    EXPECT_EQ(alone.exit_code, kExitIncomplete) << why;
    EXPECT_THAT(alone.out,
                AllOf(HasSubstr("it proves nothing"), HasSubstr(why), HasSubstr("\nNOT PROVEN: ")));
  }

  const TestElection& election_ = CleanElection();
  const TempFolder folder_;
};

TEST_F(EvidenceFiles, OfAForkFailTheLedgerWhoseKeySignedIt) {
  for (const std::string& evidence :
       {ForkOf(Changed(), 20, 30), ForkOf(Changed(), 30, 30), ReplacedRecord()}) {
    const std::string file = Write("evidence", evidence);
    const Audited audited = Run(file);
    EXPECT_EQ(audited.exit_code, kExitFailed);
    EXPECT_EQ(audited.With("FAIL"), Names{"evidence"});
    EXPECT_THAT(audited.Faults("evidence"),
                AllOf(HasSubstr("evidence.proven: "), HasSubstr(key().ToString())));
    const Ran alone = Alone(file, key());
    EXPECT_EQ(alone.exit_code, kExitFailed);
    EXPECT_THAT(alone.out, AllOf(HasSubstr(key().ToString()), HasSubstr("\nPROVEN: ")));
  }
}

TEST_F(EvidenceFiles, OfAnUnpinnedLedgerDoNotSayWhoseKeyItIs) {
  const std::string file = Write("evidence", ReplacedRecord());
  const Audited audited = RunAudit({folder_ / "export", "--evidence", file});
  EXPECT_EQ(audited.exit_code, kExitFailed);
  EXPECT_THAT(audited.Faults("evidence"), HasSubstr("not pinned with --poll"));
}

TEST_F(EvidenceFiles, OfAnHonestLedgerProveNothing) {
  ExpectProvesNothing(ForkOf(records(), 20, 30), "PASS", "continues");
  ExpectProvesNothing(ForkOf(records(), 30, 30), "PASS", "say the same");
  const auto receipt = ledger::Receipt::Parse(election_.MakeReceipt(10, 20)).value();
  const auto same = ledger::MakeComplaint(
      receipt, Note(records(), 30), ledger::LeafHash(records()[10]), key(), NodesOver(records()));
  ExpectProvesNothing(EncodeEvidence(same.value()), "PASS", "is the same");
}

TEST_F(EvidenceFiles, ThatAreForgedProveNothing) {
  auto proof = std::get<ledger::Fork>(*ledger::ParseEvidence(ForkOf(records(), 20, 30)));
  proof.proof[0][0] ^= 1;
  ExpectProvesNothing(EncodeEvidence(proof), "PASS", "contradicts the root of 30 entries");

  // A ledger that somebody made up, under the true one's name.
  const auto stranger = crypto::Ed25519Key::FromSeed(crypto::Secret<base::Bytes32>{});
  auto name = std::get<ledger::Fork>(*ledger::ParseEvidence(ForkOf(Changed(), 30, 30)));
  name.second = MakeCheckpoint(Changed(), 30, key().name, stranger);
  ExpectProvesNothing(EncodeEvidence(name), "PASS", "no signature by");

  auto changed = std::get<ledger::Fork>(*ledger::ParseEvidence(ForkOf(Changed(), 30, 30)));
  const size_t size = changed.second.find("\n30\n");
  changed.second.replace(size, 4, "\n31\n");
  ExpectProvesNothing(EncodeEvidence(changed), "PASS", "does not hold");

  auto leaf = std::get<ledger::ReplacedRecord>(*ledger::ParseEvidence(ReplacedRecord()));
  leaf.later.leaf[0] ^= 1;
  ExpectProvesNothing(EncodeEvidence(leaf), "PASS", "leads to another root");
}

TEST_F(EvidenceFiles, ThatAreNoneProveNothing) {
  ExpectProvesNothing("", "SKIPPED", "the first line");
  ExpectProvesNothing("PROVEN\n", "SKIPPED", "the first line");
  const std::string fork = ForkOf(Changed(), 20, 30);
  ExpectProvesNothing(fork.substr(0, fork.size() - 1), "SKIPPED", "a checkpoint");
  ExpectProvesNothing(election_.MakeReceipt(10, 20), "SKIPPED", "the first line");
}

TEST_F(EvidenceFiles, AreJudgedEachByItself) {
  const std::string good = Write("fork", ForkOf(Changed(), 20, 30));
  const std::string bad = Write("none", "none");
  const Audited audited = RunAudit({folder_ / "export", "--evidence", bad, "--evidence", good});
  for (const auto& check : audited.json["checks"]) {
    if (check["check"] != "evidence") continue;
    EXPECT_EQ(check["verdict"], check["subject"] == good ? "FAIL" : "SKIPPED");
  }
  const Ran alone =
      RunVerifier({"--log", key().ToString(), "--json", "--evidence", bad, "--evidence", good});
  EXPECT_EQ(alone.exit_code, kExitFailed);
  const auto json = nlohmann::json::parse(alone.out);
  EXPECT_EQ(json["format"], "urna-evidence-report/1");
  EXPECT_EQ(json["key"], key().ToString());
  EXPECT_EQ(json["exit_code"], kExitFailed);
  ASSERT_EQ(json["evidence"].size(), 2U);
  EXPECT_EQ(json["evidence"][0]["file"], bad);
  EXPECT_EQ(json["evidence"][0]["proven"], false);
  EXPECT_EQ(json["evidence"][1]["proven"], true);
}

TEST_F(EvidenceFiles, NeedALedgerWithAKeyOrAKey) {
  const std::string file = Write("evidence", ForkOf(Changed(), 20, 30));
  const TempFolder other;
  election_.WriteExport(other / "export", Records(records().begin(), records().begin() + 1));
  const Audited keyless = RunAudit({other / "export", "--evidence", file});
  EXPECT_TRUE(keyless.With("SKIPPED").contains("evidence"));
  EXPECT_THAT(keyless.json.dump(), HasSubstr("no key to judge it with"));

  const std::string vkey = key().ToString();
  const auto witness = ledger::NoteKey{key().name, ledger::kTypeCosignature, key().key}.ToString();
  for (const std::vector<std::string>& wrong : std::vector<std::vector<std::string>>{
           {"--evidence", file},
           {"--log", vkey},
           {"--log", vkey, "--evidence", file, folder_ / "export"},
           {"--log", vkey, "--evidence", file, "--poll", PollId(election_)},
           {"--log", vkey, "--evidence", file, "--receipt", file},
           {"--log", vkey.substr(1), "--evidence", file},
           {"--log", witness, "--evidence", file},
           {"--log", vkey, "--evidence", folder_ / "absent"},
           {folder_ / "export", "--evidence", folder_ / "absent"}}) {
    const Ran ran = RunVerifier(wrong);
    EXPECT_EQ(ran.exit_code, kExitUnreadable) << wrong.back();
    EXPECT_EQ(ran.out, "");
    EXPECT_NE(ran.err, "");
  }
}

}  // namespace
}  // namespace urna::verifier
