#include "ledger/checkpoint.h"

#include <gtest/gtest.h>

#include "base/status.h"
#include "tests/ledger/support.h"

namespace urna::ledger {
namespace {

constexpr std::string_view kWitnessSeed =
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
constexpr std::string_view kWitness = "witness.example/w1";

Checkpoint LogAt15() { return {std::string(kLogOrigin), 15, HashFromBase64(kLogRoot15)}; }

NoteKey WitnessKey() {
  return {std::string(kWitness), kTypeCosignature, KeyFromHex(kWitnessSeed).public_key()};
}

TEST(CheckpointTest, SignsThePublishedCheckpoint) {
  const crypto::Ed25519Key key = KeyFromHex(kLogSeed);
  EXPECT_EQ((NoteKey{std::string(kLogOrigin), kTypeEd25519, key.public_key()}.ToString()), kLogKey);
  EXPECT_EQ(SignCheckpoint(LogAt15(), key), kLogCheckpoint);
}

TEST(CheckpointTest, OpensThePublishedCheckpoint) {
  const auto opened = OpenCheckpoint(kLogCheckpoint, NoteKey::Parse(kLogKey).value());
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(*opened, LogAt15());
}

TEST(CheckpointTest, RefusesAnotherKeyAnotherOriginAndChangedBodies) {
  const NoteKey key = NoteKey::Parse(kLogKey).value();
  NoteKey other = key;
  other.key = KeyFromHex(kWitnessSeed).public_key();
  EXPECT_EQ(base::RejectId(OpenCheckpoint(kLogCheckpoint, other).status()), "note.unsigned");

  std::string changed(kLogCheckpoint);
  changed.replace(changed.find("15"), 2, "14");
  EXPECT_EQ(base::RejectId(OpenCheckpoint(changed, key).status()), "note.signature-invalid");

  EXPECT_EQ(base::RejectId(OpenCheckpoint("no note", key).status()), "note.malformed");

  Note note;
  note.text = Checkpoint{"example.com/another", 1, {}}.Body();
  note.signatures.push_back(SignNote(note.text, kLogOrigin, KeyFromHex(kLogSeed)));
  EXPECT_EQ(base::RejectId(OpenCheckpoint(note.ToString(), key).status()), "checkpoint.origin");

  note.text = "example.com/log/testdata\n15\n";
  note.signatures = {SignNote(note.text, kLogOrigin, KeyFromHex(kLogSeed))};
  EXPECT_EQ(base::RejectId(OpenCheckpoint(note.ToString(), key).status()), "checkpoint.malformed");
}

TEST(CheckpointTest, ParsesExactlyWhatItWrites) {
  const auto parsed = Checkpoint::ParseBody(LogAt15().Body());
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(*parsed, LogAt15());
  const std::string root(kLogRoot15);
  const std::string cases[] = {
      "",
      "origin\n15\n" + root,          // no final newline
      "\n15\n" + root + "\n",         // no origin
      "or igin\n15\n" + root + "\n",  // a blank in the origin
      "origin\n015\n" + root + "\n",  // leading zero
      "origin\n+15\n" + root + "\n",  // sign
      "origin\n\n" + root + "\n",     // no size
      "origin\n18446744073709551616\n" + root + "\n",
      "origin\n15\n" + root.substr(4) + "\n",  // a short root
      "origin\n15\n" + root + "=\n",
      "origin\n15\n" + root + "\nextension\n",
      "origin\n15\n" + root + "\n\n",
      "origin\r\n15\r\n" + root + "\r\n",
  };
  for (const std::string& body : cases) {
    EXPECT_EQ(base::RejectId(Checkpoint::ParseBody(body).status()), "checkpoint.malformed") << body;
  }
}

TEST(CheckpointTest, CosignsTheKnownVector) {
  const Checkpoint checkpoint{std::string(kLogOrigin), 5, HashFromBase64(kLogRoot5)};
  const NoteSignature signature =
      Cosign(checkpoint, kWitness, KeyFromHex(kWitnessSeed), 1679315147);
  Note note;
  note.text = checkpoint.Body();
  note.signatures.push_back(signature);
  EXPECT_EQ(note.ToString(), base::Cat(checkpoint.Body(), "\n\xe2\x80\x94 ", kWitness,
                                       " 519lMgAAAABkGFDLNQYX7mpCQyYfbxURbzIUHcBxWcgUU/O/s/"
                                       "JxtX0JWmSV77NRwyPM3ZfNXGWvSr0VLGoupypHIZxuCoGzJ5YLAA==\n"));
  EXPECT_TRUE(HasCosignature(note, WitnessKey()));
  EXPECT_EQ(CosignatureTime(signature), 1679315147u);
  EXPECT_EQ(CosignatureTime(SignNote(note.text, kWitness, KeyFromHex(kWitnessSeed))), 0u);
}

TEST(CheckpointTest, RefusesFalseCosignatures) {
  const crypto::Ed25519Key key = KeyFromHex(kWitnessSeed);
  Note note;
  note.text = LogAt15().Body();
  EXPECT_FALSE(HasCosignature(note, WitnessKey()));

  note.signatures = {Cosign(LogAt15(), kWitness, key, 1679315147)};
  EXPECT_TRUE(HasCosignature(note, WitnessKey()));
  note.signatures[0].signature[7] ^= 1;  // another time
  EXPECT_FALSE(HasCosignature(note, WitnessKey()));

  Checkpoint other = LogAt15();
  other.size = 14;
  note.signatures = {Cosign(other, kWitness, key, 1679315147)};
  EXPECT_FALSE(HasCosignature(note, WitnessKey()));

  note.signatures = {Cosign(LogAt15(), kWitness, key, (uint64_t{1} << 63) - 1)};
  EXPECT_TRUE(HasCosignature(note, WitnessKey()));
  note.signatures = {Cosign(LogAt15(), kWitness, key, uint64_t{1} << 63)};
  EXPECT_FALSE(HasCosignature(note, WitnessKey()));

  // A plain signature is no cosignature, under either type of key.
  note.signatures = {SignNote(note.text, kWitness, key)};
  NoteKey plain = WitnessKey();
  plain.type = kTypeEd25519;
  EXPECT_TRUE(VerifyNote(note, plain).ok());
  EXPECT_FALSE(HasCosignature(note, plain));
  EXPECT_FALSE(HasCosignature(note, WitnessKey()));
}

}  // namespace
}  // namespace urna::ledger
