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

TEST(Settings, AWitnessIsAKeyAndAUrl) {
  crypto::Initialize();
  const auto key = [](std::string_view name, uint8_t type = ledger::kTypeCosignature) {
    return ledger::NoteKey{std::string(name), type, crypto::Ed25519Key::New().public_key()};
  };
  const std::string one = key("w1.example").ToString();
  Settings settings;
  ASSERT_TRUE(ReadConfig("f.conf",
                         base::Cat("witness = ", one, "  HTTP://W1.example:7480/\nwitness = ",
                                   key("w2.example").ToString(), " https://w2.example/a"),
                         settings)
                  .ok());
  ASSERT_EQ(settings.witnesses.size(), 2u);
  EXPECT_EQ(settings.witnesses[0].key.ToString(), one);
  EXPECT_EQ(settings.witnesses[0].url, "http://w1.example:7480");
  EXPECT_EQ(settings.witnesses[1].url, "https://w2.example/a");

  EXPECT_EQ(Error(base::Cat("witness = ", one)), "f.conf:1: witness: must be KEY URL");
  EXPECT_NE(Error(base::Cat("witness = ", one, " w1.example:7480")).find("the scheme is missing"),
            std::string::npos);
  EXPECT_NE(Error("witness = abc http://a").find("witness: the key: "), std::string::npos);
  EXPECT_NE(Error(base::Cat("witness = ", key("a", ledger::kTypeEd25519).ToString(), " http://a"))
                .find("is no witness's key"),
            std::string::npos);
  EXPECT_NE(Error(base::Cat("witness = ", one,
                            " http://a\nwitness = ", key("w1.example").ToString(), " http://b"))
                .find("stands here already: w1.example"),
            std::string::npos);
  std::string many;
  for (size_t i = 0; i <= kMaxWitnesses; ++i) {
    many += base::Cat("witness = ", key(base::Cat("w", i)).ToString(), " http://a\n");
  }
  EXPECT_EQ(Error(many), "f.conf:33: witness: there are at most 32");

  Settings issuer = settings;
  issuer.data = "x";
  issuer.ballot_box = false;
  issuer.follow = "a:1";
  issuer.follow_key = crypto::Ed25519Key::New().public_key();
  EXPECT_EQ(std::string(Complete(issuer).message()),
            "witness: is for the ballot box, which publishes the ledger");
}

TEST(Settings, AnIssuerAloneMustKnowItsBallotBox) {
  crypto::Initialize();
  const std::string key = base::Hex(crypto::Ed25519Key::New().public_key());
  const auto complete = [](const std::string& config) {
    Settings settings;
    absl::Status status = ReadConfig("f.conf", config, settings);
    if (status.ok()) status = Complete(settings);
    return std::string(status.message());
  };
  const std::string issuer = "data = x\nballot-box = no\n";
  const std::string follow = base::Cat("follow = vote.example:7443\nfollow-key = ", key, "\n");
  EXPECT_EQ(complete(issuer + follow), "");
  EXPECT_NE(complete(issuer).find("the address and the checkpoint key"), std::string::npos);
  EXPECT_NE(complete("data = x\n" + follow).find("a ballot box follows nobody"), std::string::npos);
  EXPECT_NE(complete(issuer + follow + "issuers = 0\n").find("neither"), std::string::npos);
  EXPECT_NE(complete(issuer + follow + "follow-plaintext = yes\n").find("is not this machine"),
            std::string::npos);
  const std::string address = base::Cat("issuer-address = ", key, " issuer.example:7443\n");
  EXPECT_NE(complete(issuer + follow + address).find("is for the ballot box"), std::string::npos);
  EXPECT_EQ(complete("data = x\n" + address), "");
  EXPECT_EQ(Error("issuer-address = abc host:1"),
            "f.conf:1: issuer-address: the key: must be 64 hexadecimal digits");
  EXPECT_EQ(Error(base::Cat("issuer-address = ", key, " host")),
            "f.conf:1: issuer-address: must be KEY HOST:PORT");
  EXPECT_EQ(Error("follow = https://vote.example"), "f.conf:1: follow: must be HOST:PORT");
}

TEST(Settings, HttpIsOffUnlessAnAddressIsGiven) {
  const auto read = [](const std::string& config) {
    Settings settings;
    absl::Status status = ReadConfig("f.conf", "data = x\n" + config, settings);
    if (status.ok()) status = Complete(settings);
    return status.ok() ? settings.http_listen : std::string(status.message());
  };
  EXPECT_EQ(read(""), "");
  EXPECT_EQ(read("http-listen = no"), "");
  EXPECT_EQ(read("http-listen = 127.0.0.1:0"), "127.0.0.1:0");
  // All that is served there is public and signed: plaintext is for everybody.
  EXPECT_EQ(read("http-listen = 0.0.0.0:80\nhttp-plaintext = yes"), "0.0.0.0:80");
  for (const char* bad :
       {"yes", "7480", ":80", "0.0.0.0", "0.0.0.0:65536", "http://a:80", "a:00"}) {
    EXPECT_EQ(read(base::Cat("http-listen = ", bad)),
              "f.conf:2: http-listen: must be HOST:PORT or no")
        << bad;
  }
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
