#include "client/cli.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <mutex>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"

namespace urna::client {

using base::Cat;

void GlobalOptions::AddServer(CLI::App* command) {
  // CLI11 reads the variables of all commands, also of those that were not given, and in the order
  // in which they were added: a later one would overrule the flag of an earlier one.
  const auto set = [command](std::string* field) {
    return [command, field](const std::string& value) {
      if (command->parsed()) *field = value;
    };
  };
  command
      ->add_option_function<std::string>("--server", set(&server.target), "The server, HOST:PORT")
      ->envname("URNA_SERVER")
      ->required();
  command
      ->add_option_function<std::string>(
          "--certificate", set(&server.certificate),
          "PEM file of the server's certificate or its authority, which may also hold those "
          "of the issuers; without it, the system's authorities")
      ->envname("URNA_CERTIFICATE");
  command->add_flag("--plaintext", server.plaintext, "No TLS; only for a server on this machine");
}

void GlobalOptions::AddPassphrase(CLI::App* command) {
  command->add_option("--passphrase-file", passphrase.file,
                      "File whose first line is the passphrase; otherwise URNA_PASSPHRASE, or "
                      "the terminal asks");
}

void ListenFlags::Add(CLI::App* command, const std::string& who,
                      const std::string& listen_description) {
  CLI::Option* option = command->add_option("--listen", listen, listen_description);
  if (!listen.empty()) option->capture_default_str();
  command->add_option("--tls-certificate", certificate,
                      Cat("PEM file of ", who,
                          "'s own certificate; without it, plain HTTP, which is enough: all that "
                          "is said is public and signed"));
  command->add_option("--tls-key", certificate_key, "PEM file of that certificate's key");
}

absl::StatusOr<http::Server::Options> ListenFlags::Options() const {
  constexpr size_t kMaxPem = size_t{1} << 20;
  if (certificate.empty() != certificate_key.empty()) {
    return base::Failure(absl::StatusCode::kInvalidArgument,
                         "--tls-certificate and --tls-key go together");
  }
  http::Server::Options options;
  options.listen = listen;
  options.threads = 2;
  if (!certificate.empty()) {
    URNA_ASSIGN_OR_RETURN(options.certificate, base::ReadFile(certificate, kMaxPem));
    URNA_ASSIGN_OR_RETURN(options.key, base::ReadFile(certificate_key, kMaxPem));
  }
  return options;
}

std::string ListenFlags::Url(const std::string& address) const {
  return Cat(certificate.empty() ? "http://" : "https://", address);
}

namespace {
template <typename Poll>
CLI::Option* AddPollOption(CLI::App* command, Poll* poll) {
  const auto parse = [poll](const std::string& text) {
    const auto id = ParsePollId(text);
    if (!id.ok()) throw CLI::ValidationError("--poll", std::string(id.status().message()));
    *poll = *id;
  };
  return command->add_option_function<std::string>("--poll", parse,
                                                   "Poll id, 64 hexadecimal digits");
}
}  // namespace

void AddPoll(CLI::App* command, Hash32* poll) { AddPollOption(command, poll)->required(); }

void AddPoll(CLI::App* command, std::optional<Hash32>* poll) { AddPollOption(command, poll); }

CLI::Option* AddTime(CLI::App* command, const std::string& name, uint64_t* unix_seconds,
                     const std::string& description) {
  const auto parse = [name, unix_seconds](const std::string& text) {
    if (!base::ParseUtc(text, unix_seconds)) {
      throw CLI::ValidationError(name,
                                 "\"" + text + "\" is not a UTC time like 2014-05-25T21:00:00Z");
    }
  };
  return command->add_option_function<std::string>(name, parse, description)->type_name("TIME");
}

void AddExample(CLI::App* command, const std::string& example, const std::string& note) {
  command->footer(Cat(note, note.empty() ? "" : "\n\n", "Example:\n  ", example));
}

void PrintJson(const nlohmann::json& object) {
  // What a server sent need not be UTF-8.
  std::cout << object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << std::endl;
}

Progress ShowProgress() {
  if (isatty(STDERR_FILENO) == 0) return [](std::string_view, uint64_t, uint64_t) {};
  return [](std::string_view what, uint64_t done, uint64_t total) {
    std::fprintf(stderr, "\r\033[K%.*s %llu of %llu records%s", static_cast<int>(what.size()),
                 what.data(), static_cast<unsigned long long>(done),
                 static_cast<unsigned long long>(total), done == total ? "\n" : "");
    std::fflush(stderr);
  };
}

absl::StatusOr<crypto::Ed25519Key> OpenIdentity(const GlobalOptions& global,
                                                const std::string& path, std::string_view purpose) {
  // Before anybody types a passphrase for a file that is not there.
  URNA_RETURN_IF_ERROR(ReadKeyFilePublic(path, purpose).status());
  URNA_ASSIGN_OR_RETURN(
      const crypto::SecretText passphrase,
      GetPassphrase(global.passphrase, Cat("passphrase of ", path), /*confirm=*/false));
  return ReadIdentity(path, purpose, passphrase);
}

uint64_t UnixTime() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(now).count());
}

void LogLine(std::string_view text) {
  static std::mutex mutex;
  const std::lock_guard guard(mutex);
  std::cerr << base::FormatUtc(UnixTime()) << " " << OneLine(text) << std::endl;
}

std::string OneLine(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    const uint8_t next = i + 1 < text.size() ? static_cast<uint8_t>(text[i + 1]) : 0;
    const bool c1 = byte == 0xc2 && next >= 0x80 && next < 0xa0;
    if (c1) ++i;
    out.push_back(c1 || byte < 0x20 || byte == 0x7f ? ' ' : text[i]);
  }
  return std::string(base::Trim(out));
}

std::string Padded(std::string_view text, size_t width) {
  std::string out(text);
  const auto characters = static_cast<size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<uint8_t>(c) & 0xc0) != 0x80; }));
  if (characters < width) out.append(width - characters, ' ');
  return out;
}

}  // namespace urna::client
