// Nothing that the server writes down, but the ledger and the issuers' answers, names anybody.

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "base/text.h"
#include "tests/server/harness.h"

namespace urna::server::testing {
namespace {

/// What `bytes` looks like wherever they begin in a text; parts of it would do as well.
std::vector<std::string> Forms(std::string_view bytes) {
  constexpr size_t kPart = 12;
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::vector<std::string> forms;
  for (size_t at = 0; at + kPart <= bytes.size(); ++at) {
    const std::string_view part = bytes.substr(at, kPart);
    forms.emplace_back(part);
    std::string hex = base::Hex(part);
    forms.push_back(hex);
    std::ranges::transform(hex, hex.begin(), [](char c) { return c >= 'a' ? c - 32 : c; });
    forms.push_back(hex);
    std::string base64;
    for (size_t i = 0; i < kPart; i += 3) {
      uint32_t group = 0;
      for (size_t j = 0; j < 3; ++j) group = group << 8 | static_cast<uint8_t>(part[i + j]);
      for (int shift = 18; shift >= 0; shift -= 6) base64 += kAlphabet[group >> shift & 63];
    }
    forms.push_back(base64);
    std::ranges::replace(base64, '+', '-');
    std::ranges::replace(base64, '/', '_');
    forms.push_back(base64);
  }
  return forms;
}

/// Somebody who does not speak the protocol.
void SendRubbish(const std::string& address) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
  const std::string rubbish =
      "GET / HTTP/1.1\r\nHost: x\r\n\r\n" + std::string(1000, '\xff') + "\r\n\r\n";
  EXPECT_EQ(send(fd, rubbish.data(), rubbish.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(rubbish.size()));
  char answer[256];
  while (recv(fd, answer, sizeof answer, 0) > 0) {
  }
  close(fd);
}

TEST(Logs, NothingThatIsWrittenDownLinksAnybodyToABallot) {
  ::testing::internal::CaptureStderr();
  TestServer s(Small(4));
  s.RunUntilOpen();
  std::vector<std::string> secrets;
  const auto secret = [&secrets](std::string_view bytes) { secrets.emplace_back(bytes); };
  for (size_t voter = 0; voter < 3; ++voter) {
    const std::string ballot = s.MakeBallot(voter, 0);
    ASSERT_TRUE(s.Cast(ballot).ok());
    // Refused requests tempt a server to log them.
    s.election.voter(voter).revision = 0;
    EXPECT_FALSE(s.Cast(s.MakeBallot(voter, 1)).ok());
    TestServer::Issuance issuance;
    EXPECT_FALSE(s.Begin(voter, &issuance).ok());
    v1::FetchResponse fetched;
    EXPECT_TRUE(s.Fetch(voter, &fetched).ok());
    const auto& who = s.election.voter(voter);
    secret(who.credential.V.view());
    secret(who.ballot_key.BK.view());
    secret(base::View(crypto::HashSha256(ballot)));
    secret(std::string_view(ballot).substr(34, 64));
    secret(fetched.answer());
  }
  // Failures: of form, size, authorisation, the line.
  const auto& last = s.election.voter(3);
  secret(last.credential.V.view());
  s.Cast("rubbish");
  s.Cast(std::string(2 << 20, 'x'));
  v1::BeginRequest begin;
  begin.set_poll(std::string(base::View(s.poll())));
  begin.set_credential(std::string(last.credential.V.view()));
  begin.set_signature(std::string(64, '\1'));
  v1::BeginResponse begun;
  EXPECT_FALSE(TestServer::Run([&](auto* context) {
                 return s.issuing->Begin(context, begin, &begun);
               }).ok());
  EXPECT_FALSE(TestServer::Run([&](grpc::ClientContext* context) {
                 context->set_compression_algorithm(GRPC_COMPRESS_GZIP);
                 begin.set_signature(std::string(10'000, '\1'));
                 return s.issuing->Begin(context, begin, &begun);
               }).ok());
  v1::LastRevisionRequest revision;
  revision.set_poll(begin.poll());
  revision.set_ballot_key(std::string(s.election.voter(0).ballot_key.BK.view()));
  v1::LastRevisionResponse found;
  EXPECT_TRUE(TestServer::Run([&](auto* context) {
                return s.reading->LastRevision(context, revision, &found);
              }).ok());
  EXPECT_FALSE(s.Submit(poll::RecordKind::kConfirmed, "rubbish").ok());
  v1::Step forged = s.MakeStep(poll::Paused{.reason = "x", .approvals = {}}, 0);
  forged.set_signature(std::string(64, '\1'));
  EXPECT_FALSE(s.Send(forged, "").ok());
  SendRubbish(s.server().address());
  SendRubbish(s.server().http_url());
  s.Restart();  // recovery is what RocksDB logs most about
  SendRubbish(s.server().address());
  s.clock.Set(s.end());
  s.Close();
  s.DecryptAll();
  s.Certify();
  for (const auto& key :
       {s.election.ballot_box().seed().Expose(), s.election.issuer(0).seed().Expose()}) {
    secret(base::View(key));
  }
  s.Stop();
  const std::string captured = ::testing::internal::GetCapturedStderr();
  const std::string log = s.log();
  EXPECT_NE(log.find("'certified' is recorded"), std::string::npos) << "not this server's log";

  std::vector<std::pair<std::string, std::string>> written = {{"log", log}, {"stderr", captured}};
  size_t database_logs = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(s.data())) {
    if (!entry.is_regular_file()) continue;
    const std::string path = entry.path().string();
    const bool database_log = entry.path().filename().string().find("LOG") != std::string::npos;
    const bool database =
        path.find("/ledger/") != std::string::npos ||
        path.find("/answers/") != std::string::npos || path.find("/state/") != std::string::npos;
    if (path.ends_with(".key") || (database && !database_log)) continue;
    if (database_log) ++database_logs;
    auto content = base::ReadFile(path);
    ASSERT_TRUE(content.ok()) << content.status();
    written.emplace_back(path, *std::move(content));
  }
  EXPECT_GE(database_logs, 2u) << "RocksDB's own logs are elsewhere";
  for (const std::string& bytes : secrets) {
    for (const std::string& form : Forms(bytes)) {
      for (const auto& [where, text] : written) {
        EXPECT_EQ(text.find(form), std::string::npos) << where << " holds " << base::Hex(bytes);
      }
    }
  }
  for (const std::string& text : {log, captured}) {
    for (std::string_view line : base::Split(text, '\n')) {
      if (line.find("listening on ") != std::string_view::npos) continue;
      EXPECT_EQ(line.find("127.0.0.1"), std::string_view::npos) << line;
      EXPECT_EQ(line.find("ipv"), std::string_view::npos) << line;
      EXPECT_EQ(line.find("ballot"), std::string_view::npos) << line;
    }
  }
}

}  // namespace
}  // namespace urna::server::testing
