#include "client/key_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "base/codec.h"
#include "base/file.h"
#include "base/text.h"
#include "client/interrupt.h"
#include "crypto/group.h"
#include "crypto/hash.h"

namespace urna::client {
namespace {

using crypto::SecretText;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

SecretText Text(std::string text) { return SecretText(std::move(text)); }

class KeyFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    crypto::Initialize();
    folder_ = TemporaryFolder::Create().value();
    path_ = folder_->path() + "/a.key";
  }
  absl::Status Write(std::string_view secret = "the secret", bool overwrite = false) {
    return WriteKeyFile(path_, "official", "public part", Text(std::string(secret)),
                        Text("passphrase"), overwrite);
  }
  absl::StatusOr<OpenedKeyFile> Read(const std::string& passphrase = "passphrase") {
    return ReadKeyFile(path_, "official", Text(passphrase));
  }
  std::string Content() { return base::ReadFile(path_).value(); }
  void Put(std::string_view content) {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << content;
  }

  std::unique_ptr<TemporaryFolder> folder_;
  std::string path_;
};

TEST_F(KeyFileTest, GivesBackWhatWasWritten) {
  ASSERT_TRUE(Write(std::string("secret\0bytes", 12)).ok());
  const auto file = Read();
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->secret.Expose(), std::string("secret\0bytes", 12));
  EXPECT_EQ(file->public_part, "public part");
  EXPECT_EQ(ReadKeyFilePublic(path_, "official").value(), "public part");
}

TEST_F(KeyFileTest, RefusesAWrongPassphrase) {
  ASSERT_TRUE(Write().ok());
  EXPECT_EQ(Read("passphrasf").status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(Read("").status().message()), HasSubstr(path_));
}

TEST_F(KeyFileTest, RefusesAKeyForAnotherPurpose) {
  ASSERT_TRUE(Write().ok());
  const auto file = ReadKeyFile(path_, "trustee", Text("passphrase"));
  EXPECT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(file.status().message()), HasSubstr("\"official\""));
  EXPECT_FALSE(ReadKeyFilePublic(path_, "trustee").ok());
}

TEST_F(KeyFileTest, RefusesAFileWithAnyByteChanged) {
  ASSERT_TRUE(Write().ok());
  const std::string content = Content();
  for (size_t i = 0; i + 1 < content.size(); ++i) {
    std::string damaged = content;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    Put(damaged);
    EXPECT_EQ(Read().status().code(), absl::StatusCode::kInvalidArgument) << "byte " << i;
  }
}

TEST_F(KeyFileTest, RefusesAFileCutAnywhere) {
  ASSERT_TRUE(Write().ok());
  const std::string content = Content();
  for (size_t size = 0; size + 1 < content.size(); ++size) {
    Put(content.substr(0, size));
    EXPECT_EQ(Read().status().code(), absl::StatusCode::kInvalidArgument) << "size " << size;
  }
}

/// Somebody who changes a file on purpose makes the checksum right again.
void ForgeChecksum(Json& json) {
  const Json& kdf = json["kdf"];
  base::Bytes32 salt{}, nonce{};
  const std::string salt_hex = kdf["salt"], nonce_hex = json["nonce"];
  ASSERT_TRUE(base::UnhexInto(salt_hex, salt.data(), 16));
  ASSERT_TRUE(base::UnhexInto(nonce_hex, nonce.data(), 24));
  std::string box;
  ASSERT_TRUE(base::Unbase64(json["box"].get<std::string>(), &box));
  json["sha256"] = base::Hex(crypto::FramedHash256(
      {"key-file", json["purpose"].get<std::string>(), json["public"].get<std::string>(),
       crypto::U64(kdf["passes"]), crypto::U64(kdf["memory_kib"]), base::View(salt).substr(0, 16),
       base::View(nonce).substr(0, 24), box}));
}

TEST_F(KeyFileTest, RefusesAnExchangedPurposeOrPublicPart) {
  for (const char* field : {"purpose", "public"}) {
    ASSERT_TRUE(Write("the secret", /*overwrite=*/true).ok());
    Json json = Json::parse(Content());
    json[field] = "something else";
    ForgeChecksum(json);
    Put(json.dump());
    const auto file = ReadKeyFile(path_, json["purpose"].get<std::string>(), Text("passphrase"));
    EXPECT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument) << field;
    EXPECT_THAT(std::string(file.status().message()), HasSubstr("exchanged"));
  }
}

TEST_F(KeyFileTest, RefusesAChangedBoxWithARightChecksum) {
  ASSERT_TRUE(Write().ok());
  Json json = Json::parse(Content());
  std::string box;
  ASSERT_TRUE(base::Unbase64(json["box"].get<std::string>(), &box));
  box.back() = static_cast<char>(box.back() ^ 1);
  json["box"] = base::Base64(box);
  ForgeChecksum(json);
  Put(json.dump());
  EXPECT_EQ(Read().status().code(), absl::StatusCode::kPermissionDenied);
}

TEST_F(KeyFileTest, RefusesArgon2ParametersOutOfRange) {
  const std::vector<std::pair<const char*, uint64_t>> changes = {
      {"passes", 1}, {"passes", 1000000}, {"memory_kib", 8}, {"memory_kib", uint64_t{1} << 40}};
  for (const auto& [field, value] : changes) {
    ASSERT_TRUE(Write("the secret", /*overwrite=*/true).ok());
    Json json = Json::parse(Content());
    json["kdf"][field] = value;
    ForgeChecksum(json);
    Put(json.dump());
    EXPECT_THAT(std::string(Read().status().message()), HasSubstr("out of range")) << field;
  }
}

TEST_F(KeyFileTest, AFileOfANewerVersionSaysSo) {
  ASSERT_TRUE(Write().ok());
  Json json = Json::parse(Content());
  json["format"] = "urna-key/2";
  Put(json.dump());
  EXPECT_EQ(Read().status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(Read().status().message()), HasSubstr("format is urna-key/2"));
}

TEST_F(KeyFileTest, OpensAFileMadeWithOtherParametersThanTodays) {
  // What a version with stronger defaults would write.
  ASSERT_TRUE(Write().ok());
  Json json = Json::parse(Content());
  json["kdf"]["passes"] = 4;
  json["kdf"]["memory_kib"] = 65 * 1024;
  std::array<uint8_t, 16> salt;
  std::array<uint8_t, 24> nonce;
  ASSERT_TRUE(base::Unhex(json["kdf"]["salt"].get<std::string>(), salt));
  ASSERT_TRUE(base::Unhex(json["nonce"].get<std::string>(), nonce));
  std::array<uint8_t, 32> key;
  ASSERT_EQ(crypto_pwhash(key.data(), key.size(), "passphrase", 10, salt.data(), 4,
                          size_t{65} << 20, crypto_pwhash_ALG_ARGON2ID13),
            0);
  const std::string plain =
      base::Writer().Frame("official").Frame("public part").Raw("of tomorrow").Take();
  std::string box(plain.size() + crypto_secretbox_MACBYTES, '\0');
  crypto_secretbox_easy(reinterpret_cast<uint8_t*>(box.data()), base::Data(plain), plain.size(),
                        nonce.data(), key.data());
  json["box"] = base::Base64(box);
  ForgeChecksum(json);
  Put(json.dump());
  const auto file = Read();
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->secret.Expose(), "of tomorrow");
}

TEST_F(KeyFileTest, ChangesThePassphraseAndNothingElse) {
  ASSERT_TRUE(Write().ok());
  const std::string before = Content();
  EXPECT_EQ(ChangePassphrase(path_, Text("wrong"), Text("new")).code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(Content(), before);
  ASSERT_TRUE(ChangePassphrase(path_, Text("passphrase"), Text("new")).ok());
  EXPECT_EQ(Read().status().code(), absl::StatusCode::kPermissionDenied);
  const auto file = Read("new");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->secret.Expose(), "the secret");
  EXPECT_EQ(file->public_part, "public part");
  EXPECT_EQ(KeyFilePurpose(path_).value(), "official");
  struct stat info;
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(KeyFileTest, OnlyItsOwnerMayReadIt) {
  ASSERT_TRUE(Write().ok());
  struct stat info;
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(KeyFileTest, HoldsNoSecretInPlainText) {
  const auto key = crypto::Ed25519Key::New();
  ASSERT_TRUE(WriteIdentity(path_, "official", key, Text("passphrase")).ok());
  const std::string seed(base::View(key.seed().Expose()));
  EXPECT_THAT(Content(), Not(HasSubstr(seed)));
  EXPECT_THAT(Content(), Not(HasSubstr(base::Hex(seed))));
  EXPECT_THAT(Content(), Not(HasSubstr(base::Base64(seed).substr(0, 42))));
  EXPECT_THAT(Content(), Not(HasSubstr("passphrase")));
}

TEST_F(KeyFileTest, NeverWritesOverAFileUnlessTold) {
  ASSERT_TRUE(Write("first").ok());
  EXPECT_EQ(Write("second").code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Read()->secret.Expose(), "first");
  ASSERT_TRUE(Write("third", /*overwrite=*/true).ok());
  EXPECT_EQ(Read()->secret.Expose(), "third");
}

TEST_F(KeyFileTest, TwoFilesOfOneSecretShareNoCiphertext) {
  ASSERT_TRUE(Write().ok());
  const Json first = Json::parse(Content());
  ASSERT_TRUE(Write("the secret", /*overwrite=*/true).ok());
  const Json second = Json::parse(Content());
  EXPECT_NE(first["box"], second["box"]);
  EXPECT_NE(first["nonce"], second["nonce"]);
  EXPECT_NE(first["kdf"]["salt"], second["kdf"]["salt"]);
}

TEST_F(KeyFileTest, AnIdentityComesBackWithItsKey) {
  const auto key = crypto::Ed25519Key::New();
  ASSERT_TRUE(WriteIdentity(path_, "trustee", key, Text("passphrase")).ok());
  const auto read = ReadIdentity(path_, "trustee", Text("passphrase"));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->public_key(), key.public_key());
  EXPECT_EQ(ReadKeyFilePublic(path_, "trustee").value(), base::Hex(key.public_key()));
}

TEST_F(KeyFileTest, RefusesAnIdentityWhosePublicKeyIsAnothers) {
  const auto key = crypto::Ed25519Key::New();
  ASSERT_TRUE(WriteKeyFile(path_, "official", base::Hex(crypto::Ed25519Key::New().public_key()),
                           Text(std::string(base::View(key.seed().Expose()))), Text("passphrase"),
                           false)
                  .ok());
  EXPECT_EQ(ReadIdentity(path_, "official", Text("passphrase")).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(KeyFileTest, NamesAFileThatIsNotThere) {
  EXPECT_EQ(Read().status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(Read().status().message()), HasSubstr(path_));
}

TEST_F(KeyFileTest, ThePassphraseIsTheFirstLineOfItsFile) {
  const std::string file = folder_->path() + "/passphrase";
  ASSERT_TRUE(base::WriteFileAtomic(file, "correct horse\r\nsecond line\n").ok());
  EXPECT_EQ(GetPassphrase({file}, "passphrase", false)->Expose(), "correct horse");
  ASSERT_TRUE(base::WriteFileAtomic(file, "\nsecond line\n").ok());
  EXPECT_EQ(GetPassphrase({file}, "passphrase", false).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(KeyFileTest, ThePassphraseMayStandInTheEnvironment) {
  setenv("URNA_PASSPHRASE", "from the environment", 1);
  EXPECT_EQ(GetPassphrase({}, "passphrase", true)->Expose(), "from the environment");
  setenv("URNA_PASSPHRASE", "", 1);
  EXPECT_EQ(GetPassphrase({}, "passphrase", true).status().code(),
            absl::StatusCode::kInvalidArgument);
  unsetenv("URNA_PASSPHRASE");
}

}  // namespace
}  // namespace urna::client
