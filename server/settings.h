#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/signature.h"
#include "ledger/note.h"

namespace urna::server {

/// An issuer that runs elsewhere, as residents' clients reach it.
struct IssuerAddress {
  crypto::Ed25519Public key{};
  std::string address;  ///< HOST:PORT
};

/// A witness that is asked to cosign what is published.
struct WitnessAddress {
  ledger::NoteKey key;
  std::string url;  ///< as http::ParseUrl writes it
};

/// Everything that `urna-server run` can be told.
struct Settings {
  /// The ledgers are kept here; otherwise this process runs issuers only and follows `follow`.
  bool ballot_box = true;
  std::string data;
  std::string listen = "127.0.0.1:7443";
  bool plaintext = false;
  std::string certificate, key;  ///< PEM files
  std::string http_listen;       ///< HOST:PORT; "": no HTTP
  bool http_plaintext = false;
  std::vector<crypto::Ed25519Public> officials;
  uint64_t issuers = 1;
  std::vector<IssuerAddress> issuer_addresses;  ///< ballot box: issuers of other bodies
  std::vector<WitnessAddress> witnesses;        ///< ballot box; at most kMaxWitnesses
  std::string follow;                           ///< issuer: HOST:PORT of the ballot box
  std::string follow_certificate;               ///< PEM file; "" = the system's authorities
  bool follow_plaintext = false;
  crypto::Ed25519Public follow_key{};  ///< the ballot box's checkpoint key; zeros: not given
  uint64_t follow_every = 1000;        ///< milliseconds
  uint64_t follow_patience = 300;      ///< seconds
  std::string anchor;                  ///< folder
  std::string rocksdb_log;             ///< folder
  uint64_t disk_floor = 1024;          ///< MiB
  uint64_t ballast = 512;              ///< MiB
  uint64_t clock_tolerance = 5;        ///< seconds
  uint64_t clock_leap = 300;           ///< seconds
  uint64_t max_polls = 64;
  uint64_t sequencer_queue = 4096;
  // Of each method of the service.
  uint64_t issuing_threads = 2, issuing_queue = 1024;
  uint64_t casting_threads = 2, casting_queue = 4096;
  uint64_t control_threads = 2, control_queue = 256;
  uint64_t reading_threads = 1, reading_queue = 1024;
  // Calls a second; 0: no limit.
  uint64_t begin_rate = 200, answer_rate = 200, fetch_rate = 200;
  uint64_t cast_rate = 1000;
  uint64_t approve_rate = 50, withdraw_rate = 50, pending_rate = 100, attachment_rate = 50,
           submit_rate = 100;
  uint64_t issuers_submit_rate = 50;
  uint64_t info_rate = 1000, list_polls_rate = 500, status_rate = 1000, checkpoint_rate = 1000;
  uint64_t entries_rate = 500, last_revision_rate = 500;
  uint64_t http_rate = 1000;  ///< requests a second, 0: no limit
  uint64_t http_connections = 512;
  uint64_t stream_seconds = 300;
  uint64_t memory = 512;  ///< MiB
};

/// As many as a definition may name.
inline constexpr size_t kMaxWitnesses = 32;

/// Where the settings have a method's limits.
struct MethodLimit {
  std::string_view method;  ///< "Casting.Cast"
  std::string_view rate_name;
  uint64_t Settings::*rate;
  uint64_t Settings::*threads;
  uint64_t Settings::*queue;
};
/// All methods of proto/urna.proto.
const std::vector<MethodLimit>& MethodLimits();

/// One setting: the flag --NAME and the line "NAME = value" of the configuration file.
struct Setting {
  std::string name;
  std::string group;
  std::string help;
  std::string shown_default;
  bool repeatable = false;
  /// Errors: InvalidArgument saying what the value must be.
  std::function<absl::Status(Settings&, std::string_view value)> set = {};
  /// Back to nothing: a repeatable setting on the command line replaces the file's.
  std::function<void(Settings&)> clear = {};
};
/// All of them, in the order in which help shows them.
const std::vector<Setting>& AllSettings();

/// Reads "name = value" lines; '#' begins a comment line. Errors: "FILE:LINE: " and what is wrong
/// there: no '=', an unknown or repeated name, a bad value.
absl::Status ReadConfig(const std::string& path, std::string_view text, Settings& settings);

/// Fills in what defaults from the data folder, and refuses what does not go together.
/// Errors: InvalidArgument.
absl::Status Complete(Settings& settings);

/// True for "HOST:PORT" with a port from 1 to 65535.
bool IsHostAndPort(std::string_view text);
/// True if only this machine can reach `listen` ("127.0.0.1:7443", "[::1]:0", "localhost:7443").
bool IsLoopback(std::string_view listen);

/// A commented configuration file with every setting at its default.
std::string ConfigTemplate();

}  // namespace urna::server
