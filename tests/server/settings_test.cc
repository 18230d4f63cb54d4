#include "server/settings.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/text.h"
#include "crypto/group.h"
#include "crypto/signature.h"

namespace urna::server {
namespace {

std::string Error(std::string_view config) {
  Settings settings;
  const absl::Status status = ReadConfig("f.conf", config, settings);
  return std::string(status.message());
}

TEST(Settings, ReadsLinesAndComments) {
  crypto::Initialize();
  const auto one = base::Hex(crypto::Ed25519Key::New().public_key());
  const auto two = base::Hex(crypto::Ed25519Key::New().public_key());
  Settings settings;
  const absl::Status status =
      ReadConfig("f.conf",
                 base::Cat("# a comment\n\n data=/srv/urna \nlisten = [::1]:0\r\nplaintext = yes\n",
                           "official = ", one, "\nofficial = ", two, "\ncasting-queue = 7"),
                 settings);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(settings.data, "/srv/urna");
  EXPECT_EQ(settings.listen, "[::1]:0");
  EXPECT_TRUE(settings.plaintext);
  EXPECT_EQ(settings.officials.size(), 2u);
  EXPECT_EQ(settings.casting_queue, 7u);
  ASSERT_TRUE(Complete(settings).ok());
  EXPECT_EQ(settings.certificate, "/srv/urna/tls.crt");
}

TEST(Settings, ErrorsNameFileAndLine) {
  EXPECT_EQ(Error("data = x\nnonsense\n"), "f.conf:2: expected \"name = value\"");
  EXPECT_EQ(Error("\n\ncolour = red\n"),
            "f.conf:3: there is no setting \"colour\"; urna-server --help lists them");
  EXPECT_EQ(Error("data = x\ndata = y\n"), "f.conf:2: data is given twice");
  EXPECT_EQ(Error("data =\n"), "f.conf:1: data: must not be empty");
  EXPECT_EQ(Error("max-polls = 0\n"),
            "f.conf:1: max-polls: must be a whole number from 1 to 10000");
  EXPECT_EQ(Error("plaintext = maybe\n"), "f.conf:1: plaintext: must be yes or no");
  EXPECT_EQ(Error("official = abc\n"), "f.conf:1: official: must be 64 hexadecimal digits");
  EXPECT_EQ(Error("official = " + std::string(64, '0')),
            "f.conf:1: official: is not an Ed25519 public key");
}

TEST(Settings, PlaintextIsForThisMachineOnly) {
  for (const char* listen : {"127.0.0.1:7443", "127.8.8.8:1", "localhost:0", "[::1]:7443"}) {
    EXPECT_TRUE(IsLoopback(listen)) << listen;
  }
  for (const char* listen :
       {"0.0.0.0:7443", "[::]:7443", "192.168.1.1:1", "example.org:1", "", "127.0.0.1",
        "127.0.0.1.example.org:1", "127.0.0:1", "127.0.0.256:1"}) {
    EXPECT_FALSE(IsLoopback(listen)) << listen;
    Settings settings;
    settings.data = "x";
    settings.plaintext = true;
    settings.listen = listen;
    EXPECT_FALSE(Complete(settings).ok()) << listen;
  }
}

TEST(Settings, TheTemplateReadsAsAllDefaults) {
  Settings settings;
  EXPECT_TRUE(ReadConfig("f.conf", ConfigTemplate(), settings).ok());
  for (const Setting& setting : AllSettings()) {
    EXPECT_NE(ConfigTemplate().find("\n#" + setting.name + " = "), std::string::npos)
        << setting.name;
  }
}

}  // namespace
}  // namespace urna::server
