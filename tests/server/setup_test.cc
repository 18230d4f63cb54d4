#include "server/setup.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/text.h"
#include "server/keys.h"
#include "tests/server/harness.h"

namespace urna::server::testing {
namespace {

namespace fs = std::filesystem;

struct Finished {
  int code;
  std::string output;
};
Finished RunProgram(const std::string& arguments) {
  const std::string command = base::Cat("'", URNA_BIN, "/urna-server' ", arguments, " 2>&1");
  FILE* pipe = popen(command.c_str(), "r");
  std::string output;
  std::array<char, 4096> buffer;
  while (const size_t got = fread(buffer.data(), 1, buffer.size(), pipe)) {
    output.append(buffer.data(), got);
  }
  return {WEXITSTATUS(pclose(pipe)), output};
}

TEST(Setup, MakesAFolderThatAServerStartsFromOverTls) {
  crypto::Initialize();
  const TemporaryFolder folder;
  const std::string data = folder.path() + "/data";
  const auto made = MakeDataFolder({.data = data, .hostnames = {"vote.example.org"}, .issuers = 2});
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(fs::status(data).permissions(), fs::perms::owner_all);
  Settings settings;
  ASSERT_TRUE(ReadConfig(made->config, *base::ReadFile(made->config), settings).ok());
  EXPECT_EQ(settings.issuers, 2u);
  EXPECT_EQ(settings.http_listen, "127.0.0.1:7480");
  settings.listen = settings.http_listen = "127.0.0.1:0";
  FakeClock clock;
  Environment environment;
  environment.clock = &clock;
  environment.log = [](std::string_view) {};
  auto server = Server::Start(settings, std::move(environment));
  ASSERT_TRUE(server.ok()) << server.status();

  grpc::SslCredentialsOptions trusted;
  trusted.pem_root_certs = *base::ReadFile(made->certificate);
  v1::InfoResponse info;
  for (const std::string name : {"127.0.0.1", "localhost"}) {
    const std::string port = (*server)->address().substr((*server)->address().rfind(':'));
    const auto stub =
        v1::Reading::NewStub(grpc::CreateChannel(name + port, grpc::SslCredentials(trusted)));
    const Outcome outcome =
        TestServer::Run([&](auto* context) { return stub->Info(context, {}, &info); });
    ASSERT_TRUE(outcome.ok()) << outcome;
  }
  EXPECT_EQ(info.checkpoint_key(), base::View(made->checkpoint_key));
  EXPECT_EQ(info.issuer_keys_size(), 2);
  const auto http = http::Client::Open({.certificate = made->certificate}).value();
  const auto list = http->Get((*server)->http_url());
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_EQ(list->status, 200);
  EXPECT_TRUE((*server)->http_url().starts_with("https://127.0.0.1:"));
  // Without TLS nobody gets in.
  EXPECT_FALSE(http->Get("http" + (*server)->http_url().substr(5)).ok());
  const auto plain = v1::Reading::NewStub(
      grpc::CreateChannel((*server)->address(), grpc::InsecureChannelCredentials()));
  EXPECT_FALSE(
      TestServer::Run([&](auto* context) { return plain->Info(context, {}, &info); }).ok());
}

TEST(Setup, AFolderFitsItsRoleOnly) {
  crypto::Initialize();
  const TemporaryFolder folder;
  const std::string box = folder.path() + "/box";
  const std::string issuer = folder.path() + "/issuer";
  ASSERT_TRUE(MakeDataFolder({.data = box, .role = Role::kBallotBox, .hostnames = {}}).ok());
  ASSERT_TRUE(MakeDataFolder({.data = issuer, .role = Role::kIssuer, .hostnames = {}}).ok());
  EXPECT_FALSE(fs::exists(IssuerKeyPath(box, 0)));
  EXPECT_FALSE(fs::exists(CheckpointKeyPath(issuer)));
  for (const auto& [data, ballot_box] : {std::pair(box, true), std::pair(issuer, false)}) {
    Settings settings;
    const std::string config = *base::ReadFile(data + "/urna-server.conf");
    ASSERT_TRUE(ReadConfig("f.conf", config, settings).ok());
    EXPECT_EQ(settings.ballot_box, ballot_box);
    EXPECT_EQ(settings.http_listen, ballot_box ? "127.0.0.1:7480" : "");
    EXPECT_TRUE(CheckRole(data, ballot_box).ok());
    EXPECT_FALSE(CheckRole(data, !ballot_box).ok());
  }
  EXPECT_EQ(CheckRole(folder.path() + "/nothing", false).code(), absl::StatusCode::kNotFound);
}

TEST(Setup, NeverOverwrites) {
  crypto::Initialize();
  const TemporaryFolder folder;
  const std::string data = folder.path() + "/data";
  ASSERT_TRUE(MakeDataFolder({.data = data, .hostnames = {}, .issuers = 1}).ok());
  const std::string key = *base::ReadFile(CheckpointKeyPath(data));
  const auto again = MakeDataFolder({.data = data, .hostnames = {}, .issuers = 1});
  EXPECT_EQ(again.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(*base::ReadFile(CheckpointKeyPath(data)), key);
}

TEST(Setup, RefusesWhatIsNoHostName) {
  crypto::Initialize();
  const TemporaryFolder folder;
  for (const char* name : {"", "a b", "x,DNS:evil.example", "-a.example", "a..b", "ż.example"}) {
    const std::string data = folder.path() + "/data";
    EXPECT_EQ(MakeDataFolder({.data = data, .hostnames = {name}, .issuers = 1}).status().code(),
              absl::StatusCode::kInvalidArgument)
        << name;
    EXPECT_FALSE(fs::exists(data));
  }
}

TEST(Program, SetsUpRunsAndStopsOnASignal) {
  const TemporaryFolder folder;
  const std::string data = folder.path() + "/data";
  const Finished made = RunProgram(base::Cat("setup --json --data ", data));
  ASSERT_EQ(made.code, 0) << made.output;
  const auto json = nlohmann::json::parse(made.output);
  EXPECT_EQ(json["checkpoint_key"].get<std::string>().size(), 64u);

  int out[2];
  ASSERT_EQ(pipe(out), 0);
  const pid_t child = fork();
  if (child == 0) {
    dup2(out[1], STDOUT_FILENO);
    close(out[0]);
    const std::string program = base::Cat(URNA_BIN, "/urna-server");
    const std::string config = json["config"];
    execl(program.c_str(), program.c_str(), "run", "--config", config.c_str(), "--listen",
          "127.0.0.1:0", "--http-listen", "127.0.0.1:0", nullptr);
    _exit(99);
  }
  close(out[1]);
  FILE* const said = fdopen(out[0], "r");
  std::array<char, 256> line;
  ASSERT_NE(fgets(line.data(), line.size(), said), nullptr);
  EXPECT_TRUE(std::string_view(line.data()).starts_with("ledgers at https://127.0.0.1:"));
  ASSERT_NE(fgets(line.data(), line.size(), said), nullptr);
  EXPECT_TRUE(std::string_view(line.data()).starts_with("listening on 127.0.0.1:"));
  fclose(said);
  kill(child, SIGTERM);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(Program, ExplainsWrongUsage) {
  EXPECT_EQ(RunProgram("").code, 2);
  EXPECT_EQ(RunProgram("run --no-such-flag").code, 2);
  const Finished bad = RunProgram("run --data /nowhere --max-polls many");
  EXPECT_EQ(bad.code, 2);
  EXPECT_NE(bad.output.find("--max-polls: must be a whole number"), std::string::npos);
  const Finished missing = RunProgram("run --data /nowhere-at-all");
  EXPECT_EQ(missing.code, 1);
  EXPECT_NE(missing.output.find("is not a server's data folder"), std::string::npos);
  const Finished plain = RunProgram("run --data /nowhere --listen 0.0.0.0:0 --plaintext yes");
  EXPECT_NE(plain.code, 0);
  EXPECT_NE(plain.output.find("plaintext: refused"), std::string::npos);
  const Finished help = RunProgram("--help");
  EXPECT_EQ(help.code, 0);
  for (const Setting& setting : AllSettings()) {
    EXPECT_NE(help.output.find("--" + setting.name), std::string::npos) << setting.name;
  }
}

}  // namespace
}  // namespace urna::server::testing
