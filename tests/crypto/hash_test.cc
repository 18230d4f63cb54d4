#include "crypto/hash.h"

#include <thread>

#include "tests/crypto/support.h"

namespace urna::crypto {
namespace {

// FIPS 180-4 examples.
constexpr char kSha256Abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr char kSha256Empty[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr char kSha512Abc[] =
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";

TEST(HashTest, GivesTheStandardValues) {
  EXPECT_EQ(base::Hex(HashSha256("abc")), kSha256Abc);
  EXPECT_EQ(base::Hex(HashSha256("")), kSha256Empty);
  EXPECT_EQ(base::Hex(HashSha256({"a", "", "bc"})), kSha256Abc);
  EXPECT_EQ(base::Hex(HashSha512({"ab", "c"})), kSha512Abc);
}

TEST(HashTest, OneObjectHashesManyMessages) {
  Sha256 hash;
  EXPECT_EQ(base::Hex(hash.Update("ab").Update("c").Finish()), kSha256Abc);
  EXPECT_EQ(base::Hex(hash.Finish()), kSha256Empty);
  Sha256 moved = std::move(hash);
  EXPECT_EQ(base::Hex(moved.Update("abc").Finish()), kSha256Abc);
}

TEST(HashTest, ThreadsDoNotShareContexts) {
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (size_t i = 0; i < wrong.size(); ++i) {
    threads.emplace_back([&wrong, i] {
      for (int n = 0; n < 2000; ++n) wrong[i] += base::Hex(HashSha256("abc")) != kSha256Abc;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(wrong, testing::Each(0));
}

TEST(FrameTest, LengthThenBytes) {
  EXPECT_EQ(base::Hex(Frame("abc")), "03000000616263");
  EXPECT_EQ(base::Hex(Frame("")), "00000000");
  EXPECT_EQ(base::Hex(U64(0x0102030405060708)), "0807060504030201");
}

TEST(FrameTest, FramedHashesSeparateTheirItems) {
  EXPECT_EQ(base::Hex(FramedHash({"a", "b"})),
            base::Hex(HashSha512({Frame("urna/v1"), Frame("a"), Frame("b")})));
  EXPECT_EQ(FramedHash256({"a", "b"}), HashSha256({Frame("urna/v1"), Frame("a"), Frame("b")}));
  EXPECT_NE(FramedHash256({"ab", ""}), FramedHash256({"a", "b"}));
  EXPECT_NE(FramedHash256({"a"}), FramedHash256({"a", ""}));
}

}  // namespace
}  // namespace urna::crypto
