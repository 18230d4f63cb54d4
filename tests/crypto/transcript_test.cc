#include "crypto/transcript.h"

#include <cstring>

#include "tests/crypto/support.h"

namespace urna::crypto {
namespace {

using namespace std::string_view_literals;

TEST(TranscriptTest, ReproducesTheVectors) {
  const auto expected = Vectors("transcript.json")["challenges"];
  Transcript transcript("vectors");
  transcript.Append("empty", ""sv)
      .Append("text", "głosowanie"sv)
      .Append("number", uint64_t{300})
      .Append("point", MulBase(Scalar::FromU64(7)));
  EXPECT_EQ(HexOf(transcript.Challenge("one")), expected[0]);
  EXPECT_EQ(HexOf(transcript.Challenge("two")), expected[1]);
  transcript.Append("again", "\x00\x01"sv);
  EXPECT_EQ(HexOf(transcript.Challenge("three")), expected[2]);
}

TEST(TranscriptTest, EveryOverloadAppendsTheBytesOfTheText) {
  const Scalar scalar = Scalar::Random();
  const Point point = MulBase(scalar);
  Transcript transcript("p");
  transcript.Append("text", "x"sv)
      .Append("number", uint64_t{1} << 40)
      .Append("point", point)
      .Append("scalar", scalar)
      .Append("bytes", SomeHash(1));
  SpecTranscript spec("p");
  spec.Append("text", "x");
  spec.AppendNumber("number", uint64_t{1} << 40);
  spec.Append("point", point);
  spec.Append("scalar", scalar.view());
  spec.Append("bytes", SomeHash(1));
  EXPECT_EQ(transcript.Challenge("c"), spec.Challenge("c"));
  EXPECT_EQ(transcript.Challenge("c"), spec.Challenge("c"));
}

TEST(TranscriptTest, AnyDifferenceChangesTheChallenge) {
  const auto challenge = [](std::string_view protocol, std::string_view label,
                            std::string_view data, std::string_view name) {
    return Transcript(protocol).Append(label, data).Challenge(name);
  };
  const Scalar reference = challenge("p", "l", "d", "c");
  EXPECT_EQ(challenge("p", "l", "d", "c"), reference);
  EXPECT_NE(challenge("q", "l", "d", "c"), reference);
  EXPECT_NE(challenge("p", "m", "d", "c"), reference);
  EXPECT_NE(challenge("p", "l", "e", "c"), reference);
  EXPECT_NE(challenge("p", "l", "d", "d"), reference);
  EXPECT_NE(challenge("p", "ld", "", "c"), reference);
  EXPECT_NE(challenge("p", "", "ld", "c"), reference);
  EXPECT_NE(Transcript("p").Append("l", "d"sv).Append("", ""sv).Challenge("c"), reference);
}

TEST(HedgeTest, NeverRepeatsANonceEvenForTheSameTranscriptAndWitness) {
  const Transcript transcript("p");
  Hedge first(transcript, {"witness"}), second(transcript, {"witness"});
  const Scalar a = first.Next().Publish(), b = first.Next().Publish();
  const Scalar c = second.Next().Publish();
  EXPECT_NE(a, b);
  EXPECT_NE(a, c);
  EXPECT_NE(b, c);
}

// A generator that always returns zeros, while an object of this class lives.
class BrokenGenerator {
 public:
  BrokenGenerator() {
    static randombytes_implementation implementation{
        .implementation_name = [] { return "zeros"; },
        .random = [] { return uint32_t{0}; },
        .stir = nullptr,
        .uniform = nullptr,
        .buf = [](void* out, size_t size) { std::memset(out, 0, size); },
        .close = nullptr};
    randombytes_set_implementation(&implementation);
  }
  ~BrokenGenerator() { randombytes_set_implementation(&randombytes_sysrandom_implementation); }
};

TEST(HedgeTest, ABrokenGeneratorDoesNotRepeatNoncesOfOtherStatementsOrWitnesses) {
  const BrokenGenerator broken;
  Transcript transcript("p"), pending("p"), advanced("p");
  pending.Append("l", "d"sv);
  advanced.Challenge("c");
  const Scalar reference = Hedge(transcript, {"witness"}).Next().Publish();
  EXPECT_EQ(Hedge(transcript, {"witness"}).Next().Publish(), reference);
  EXPECT_NE(Hedge(transcript, {"other"}).Next().Publish(), reference);
  EXPECT_NE(Hedge(transcript, {"wit", "ness"}).Next().Publish(), reference);
  EXPECT_NE(Hedge(pending, {"witness"}).Next().Publish(), reference);
  EXPECT_NE(Hedge(advanced, {"witness"}).Next().Publish(), reference);
}

}  // namespace
}  // namespace urna::crypto
