#include "ledger/note.h"

#include <gtest/gtest.h>

#include "base/status.h"
#include "tests/ledger/support.h"

namespace urna::ledger {
namespace {

constexpr std::string_view kFooKey =
    "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
constexpr std::string_view kFooNote =
    "This is an example message.\n\n\xe2\x80\x94 example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM="
    "\n";
constexpr std::string_view kLine = "\xe2\x80\x94 example.com/foo Uw2QOkn8\n";

TEST(NoteTest, VerifiesThePublishedNote) {
  const auto key = NoteKey::Parse(kFooKey);
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(key->name, "example.com/foo");
  EXPECT_EQ(key->id(), 0x530d903au);
  EXPECT_EQ(key->ToString(), kFooKey);
  const auto note = Note::Parse(kFooNote);
  ASSERT_TRUE(note.ok()) << note.status();
  EXPECT_EQ(note->text, "This is an example message.\n");
  EXPECT_EQ(note->ToString(), kFooNote);
  EXPECT_TRUE(VerifyNote(*note, *key).ok());
}

TEST(NoteTest, RefusesAChangedTextOrSignature) {
  const NoteKey key = NoteKey::Parse(kFooKey).value();
  Note text = Note::Parse(kFooNote).value();
  text.text[0] = 't';
  EXPECT_EQ(base::RejectId(VerifyNote(text, key)), "note.signature-invalid");
  for (size_t i = 0; i < 64; i += 9) {
    Note note = Note::Parse(kFooNote).value();
    note.signatures[0].signature[i] ^= 1;
    EXPECT_EQ(base::RejectId(VerifyNote(note, key)), "note.signature-invalid");
  }
  for (const size_t size : {1, 63, 65, 72}) {
    Note note = Note::Parse(kFooNote).value();
    note.signatures[0].signature.resize(size);
    EXPECT_EQ(base::RejectId(VerifyNote(note, key)), "note.signature-invalid");
  }
}

TEST(NoteTest, IgnoresUnknownKeysButNotOneFailingSignatureOfAKnownKey) {
  const NoteKey key = NoteKey::Parse(kFooKey).value();
  Note note = Note::Parse(kFooNote).value();
  note.signatures.push_back({"example.com/other", 0x530d903a, std::string(64, 'x')});
  note.signatures.push_back({"example.com/foo", 0x530d903b, std::string(64, 'x')});
  EXPECT_TRUE(VerifyNote(note, key).ok());
  note.signatures.push_back({"example.com/foo", 0x530d903a, std::string(64, 'x')});
  EXPECT_EQ(base::RejectId(VerifyNote(note, key)), "note.signature-invalid");
  note.signatures.resize(0);
  note.signatures.push_back({"example.com/foo", 0x530d903b, std::string(64, 'x')});
  EXPECT_EQ(base::RejectId(VerifyNote(note, key)), "note.unsigned");
}

TEST(NoteTest, SplitsAtTheLastBlankLine) {
  const auto note = Note::Parse(base::Cat("a\n\nb\n\n", kLine));
  ASSERT_TRUE(note.ok()) << note.status();
  EXPECT_EQ(note->text, "a\n\nb\n");
}

TEST(NoteTest, RefusesMalformedNotes) {
  const std::string cases[] = {
      "",
      "\n\n",
      "text\n",
      "text\n\n",
      base::Cat("text\n", kLine),
      base::Cat("text\n\n", kLine, "\n"),
      base::Cat("text\n\n", kLine.substr(0, kLine.size() - 1)),
      base::Cat("te\txt\n\n", kLine),
      base::Cat("te\rxt\n\n", kLine),
      base::Cat("te", std::string_view("\0", 1), "xt\n\n", kLine),
      base::Cat("te\xff\n\n", kLine),
      "text\n\n- example.com/foo Uw2QOkn8\n",    // a hyphen
      "text\n\n\xe2\x80\x94 example.com/foo\n",  // no signature
      "text\n\n\xe2\x80\x94  Uw2QOkn8\n",        // no name
      "text\n\n\xe2\x80\x94 a+b Uw2QOkn8\n",     // a plus in the name
      "text\n\n\xe2\x80\x94 a\xc2\xa0"
      "b Uw2QOkn8\n",                        // a Unicode space in the name
      "text\n\n\xe2\x80\x94 a Uw2QOg==\n",   // a key id and nothing more
      "text\n\n\xe2\x80\x94 a Uw2QOkn8 \n",  // a blank after it
      "text\n\n\xe2\x80\x94 a Uw2QOkk\n",    // without padding
      "text\n\n\xe2\x80\x94 a Uw2QOkl=\n",   // loose bits before the padding
  };
  for (const std::string& bytes : cases) {
    EXPECT_EQ(base::RejectId(Note::Parse(bytes).status()), "note.malformed") << bytes;
  }
}

TEST(NoteTest, LimitsSignaturesAndSize) {
  std::string bytes = "text\n\n";
  for (int i = 0; i < 64; ++i) bytes += kLine;
  EXPECT_TRUE(Note::Parse(bytes).ok());
  bytes += kLine;
  EXPECT_EQ(base::RejectId(Note::Parse(bytes).status()), "note.malformed");
  const std::string end = base::Cat("\n\n", kLine);
  const std::string largest(((size_t{1} << 20) - end.size()), 'x');
  EXPECT_TRUE(Note::Parse(largest + end).ok());
  EXPECT_EQ(base::RejectId(Note::Parse("x" + largest + end).status()), "note.malformed");
}

TEST(NoteTest, RefusesMalformedKeys) {
  const std::string cases[] = {
      "",
      "example.com/foo",
      "example.com/foo+530d903a",
      "+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
      "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",  // another id
      "example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",  // capitals
      "example.com/foo+530d903a+AukyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",  // type 2
      "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv",      // short
      "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k\n",
  };
  for (const std::string& vkey : cases) {
    EXPECT_EQ(base::RejectId(NoteKey::Parse(vkey).status()), "note.key-malformed") << vkey;
  }
}

TEST(NoteTest, KnowsNames) {
  EXPECT_TRUE(IsNoteName("example.com/log"));
  for (const std::string_view bad :
       {"", "a b", "a+b", "a\nb", "a\tb", "a\xe2\x80\xa8", "\xe3\x80\x80", "a\xff", "\x01"}) {
    EXPECT_FALSE(IsNoteName(bad)) << bad;
  }
}

TEST(NoteTest, SignsWhatItVerifies) {
  const crypto::Ed25519Key key = KeyFromHex(kLogSeed);
  Note note;
  note.text = "one\n\ntwo\n";
  note.signatures.push_back(SignNote(note.text, "some/name", key));
  const auto parsed = Note::Parse(note.ToString());
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_TRUE(VerifyNote(*parsed, NoteKey{"some/name", kTypeEd25519, key.public_key()}).ok());
  EXPECT_EQ(base::RejectId(VerifyNote(*parsed, NoteKey{"other", kTypeEd25519, key.public_key()})),
            "note.unsigned");
}

}  // namespace
}  // namespace urna::ledger
