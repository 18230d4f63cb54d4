#include "server/settings.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"
#include "http/client.h"

namespace urna::server {
namespace {

using base::Cat;

absl::Status Bad(std::string_view text) {
  return base::Failure(absl::StatusCode::kInvalidArgument, text);
}

Setting Text(std::string name, std::string group, std::string help, std::string shown_default,
             std::string Settings::*field) {
  Setting setting{std::move(name), std::move(group), std::move(help), std::move(shown_default)};
  setting.set = [field](Settings& settings, std::string_view value) -> absl::Status {
    if (value.empty()) return Bad("must not be empty");
    settings.*field = std::string(value);
    return absl::OkStatus();
  };
  return setting;
}

Setting Number(std::string name, std::string group, std::string help, uint64_t Settings::*field,
               uint64_t least, uint64_t most) {
  const uint64_t standard = Settings().*field;
  Setting setting{std::move(name), std::move(group), std::move(help), std::to_string(standard)};
  setting.set = [field, least, most](Settings& settings, std::string_view value) -> absl::Status {
    uint64_t number = 0;
    if (!base::ParseU64(value, &number) || number < least || number > most) {
      return Bad(Cat("must be a whole number from ", least, " to ", most));
    }
    settings.*field = number;
    return absl::OkStatus();
  };
  return setting;
}

Setting YesOrNo(std::string name, std::string group, std::string help, bool Settings::*field) {
  Setting setting{std::move(name), std::move(group), std::move(help),
                  Settings().*field ? "yes" : "no"};
  setting.set = [field](Settings& settings, std::string_view value) -> absl::Status {
    if (value != "yes" && value != "no") return Bad("must be yes or no");
    settings.*field = value == "yes";
    return absl::OkStatus();
  };
  return setting;
}

absl::StatusOr<crypto::Ed25519Public> ParseKey(std::string_view text) {
  crypto::Ed25519Public key;
  if (!base::Unhex(text, key)) return Bad("must be 64 hexadecimal digits");
  if (!crypto::IsEd25519PublicKey(key)) return Bad("is not an Ed25519 public key");
  return key;
}

Setting Officials() {
  Setting setting{"official", "Who may define polls",
                  "Ed25519 key, 64 hexadecimal digits, of an official who may define polls here; "
                  "may be given several times. A definition is accepted only if every official "
                  "that it names is among them; issuers, too, join only such polls",
                  "nobody", true};
  setting.set = [](Settings& settings, std::string_view value) -> absl::Status {
    URNA_ASSIGN_OR_RETURN(const crypto::Ed25519Public key, ParseKey(value));
    if (std::ranges::find(settings.officials, key) != settings.officials.end()) {
      return Bad("is given twice");
    }
    settings.officials.push_back(key);
    return absl::OkStatus();
  };
  setting.clear = [](Settings& settings) { settings.officials.clear(); };
  return setting;
}

Setting IssuerAddresses(const std::string& group) {
  Setting setting{"issuer-address", group,
                  "KEY HOST:PORT of an issuer that another body runs; may be given several times. "
                  "Definitions may name it, and residents' clients learn from here where it is",
                  "none", true};
  setting.set = [](Settings& settings, std::string_view value) -> absl::Status {
    const size_t blank = value.find(' ');
    if (blank == std::string_view::npos) return Bad("must be KEY HOST:PORT");
    const auto key = ParseKey(value.substr(0, blank));
    if (!key.ok()) return base::Annotate(key.status(), "the key");
    const std::string_view address = base::Trim(value.substr(blank));
    if (!IsHostAndPort(address)) return Bad("must be KEY HOST:PORT");
    if (std::ranges::find(settings.issuer_addresses, *key, &IssuerAddress::key) !=
        settings.issuer_addresses.end()) {
      return Bad("the key is given twice");
    }
    settings.issuer_addresses.push_back({*key, std::string(address)});
    return absl::OkStatus();
  };
  setting.clear = [](Settings& settings) { settings.issuer_addresses.clear(); };
  return setting;
}

Setting Witnesses(const std::string& group) {
  Setting setting{
      "witness", group,
      "KEY URL of a witness that is asked to cosign every publication, so that nobody can be shown "
      "another ledger; may be given several times. KEY is the line that `urna witness key` "
      "printed. "
      "A definition may name only witnesses that stand here",
      "none", true};
  setting.set = [](Settings& settings, std::string_view value) -> absl::Status {
    const size_t blank = value.find(' ');
    if (blank == std::string_view::npos) return Bad("must be KEY URL");
    auto key = ledger::NoteKey::Parse(value.substr(0, blank));
    if (!key.ok()) return base::Annotate(key.status(), "the key");
    if (key->type != ledger::kTypeCosignature) {
      return Bad("is no witness's key: its type must be 4, cosignature/v1");
    }
    URNA_ASSIGN_OR_RETURN(std::string url, http::ParseUrl(base::Trim(value.substr(blank))));
    for (const WitnessAddress& other : settings.witnesses) {
      if (other.key.name == key->name || other.key.key == key->key) {
        return Bad(Cat("a witness of this name or key stands here already: ", other.key.name));
      }
    }
    if (settings.witnesses.size() == kMaxWitnesses) {
      return Bad(Cat("there are at most ", kMaxWitnesses));
    }
    settings.witnesses.push_back({*std::move(key), std::move(url)});
    return absl::OkStatus();
  };
  setting.clear = [](Settings& settings) { settings.witnesses.clear(); };
  return setting;
}

Setting Follow(const std::string& group) {
  Setting setting{"follow", group,
                  "HOST:PORT of the ballot box whose ledgers the issuers of this process follow",
                  "none, needed where ballot-box is no"};
  setting.set = [](Settings& settings, std::string_view value) -> absl::Status {
    if (!IsHostAndPort(value)) return Bad("must be HOST:PORT");
    settings.follow = std::string(value);
    return absl::OkStatus();
  };
  return setting;
}

Setting HttpListen(const std::string& group) {
  Setting setting{"http-listen", group,
                  "HOST:PORT at which everybody may read the published ledgers over HTTP, as files "
                  "of C2SP tlog-tiles, with the same certificate; port 0 takes a free one; no: not "
                  "at all",
                  "no"};
  setting.set = [](Settings& settings, std::string_view value) -> absl::Status {
    if (value != "no" && !IsHostAndPort(value) &&
        !(value.ends_with(":0") && IsHostAndPort(Cat(value.substr(0, value.size() - 1), "1")))) {
      return Bad("must be HOST:PORT or no");
    }
    settings.http_listen = value == "no" ? "" : std::string(value);
    return absl::OkStatus();
  };
  return setting;
}

Setting FollowKey(const std::string& group) {
  Setting setting{
      "follow-key", group,
      "the ballot box's checkpoint key, 64 hexadecimal digits: only its polls are joined",
      "none, needed where ballot-box is no"};
  setting.set = [](Settings& settings, std::string_view value) -> absl::Status {
    URNA_ASSIGN_OR_RETURN(settings.follow_key, ParseKey(value));
    return absl::OkStatus();
  };
  return setting;
}

std::vector<Setting> MakeSettings() {
  const std::string folders = "Folders";
  const std::string network = "Network";
  const std::string limits = "Limits";
  std::vector<Setting> all;
  all.push_back(Text("data", folders, "the folder that `urna-server setup` made", "none, needed",
                     &Settings::data));
  all.push_back(Text("anchor", folders,
                     "folder of the newest checkpoints and counts, by which the server notices "
                     "that its ledger was cut or restored from an old copy; put it on another "
                     "file system",
                     "DATA/anchor", &Settings::anchor));
  all.push_back(Text("rocksdb-log", folders,
                     "folder of RocksDB's own log; best on another file system, where it cannot "
                     "fill the disk of the data",
                     "DATA/rocksdb-log", &Settings::rocksdb_log));
  all.push_back(Number("disk-floor", folders,
                       "MiB that must be free where `data` is: below it no ballots, tokens, new "
                       "polls and rolls are taken, below half of it no records at all, until there "
                       "is room again; a sixteenth of it where `anchor` is. 0: the disk is not "
                       "watched",
                       &Settings::disk_floor, 0, 1'000'000'000));
  all.push_back(Number("ballast", folders,
                       "MiB of the file DATA/ballast, which is kept to be deleted when the disk is "
                       "full all the same: a database cannot be opened without some room. 0: none",
                       &Settings::ballast, 0, 1'000'000'000));
  all.push_back(Text("listen", network, "address and port; port 0 takes a free one",
                     Settings().listen, &Settings::listen));
  all.push_back(Text("certificate", network, "PEM file of the server's TLS certificate",
                     "DATA/tls.crt", &Settings::certificate));
  all.push_back(
      Text("key", network, "PEM file of the certificate's key", "DATA/tls.key", &Settings::key));
  all.push_back(YesOrNo("plaintext", network,
                        "yes: without TLS, for tests and for a proxy on this machine; only where "
                        "`listen` is a loopback address",
                        &Settings::plaintext));
  all.push_back(HttpListen(network));
  all.push_back(YesOrNo("http-plaintext", network,
                        "yes: `http-listen` without TLS, at any address. All that is read there is "
                        "public and signed; a proxy or a cache in front may add TLS",
                        &Settings::http_plaintext));
  all.push_back(Officials());
  all.push_back(Number("issuers", "Who may define polls",
                       "issuers of tokens that this server runs, as made by setup",
                       &Settings::issuers, 0, 8));
  const std::string roles = "Roles: ballot box, issuers of other bodies, witnesses";
  all.push_back(YesOrNo("ballot-box", roles,
                        "no: this process runs issuers only, for the ballot box that `follow` "
                        "names; it keeps a copy of the ledgers that it checks itself",
                        &Settings::ballot_box));
  all.push_back(IssuerAddresses(roles));
  all.push_back(Witnesses(roles));
  all.push_back(Follow(roles));
  all.push_back(FollowKey(roles));
  all.push_back(Text("follow-certificate", roles,
                     "PEM file of the ballot box's TLS certificate or its authority",
                     "the system's authorities", &Settings::follow_certificate));
  all.push_back(YesOrNo("follow-plaintext", roles,
                        "yes: reach the ballot box without TLS; only on this machine",
                        &Settings::follow_plaintext));
  all.push_back(Number("follow-every", roles, "milliseconds between two looks at the ballot box",
                       &Settings::follow_every, 10, 3'600'000));
  all.push_back(Number("follow-patience", roles,
                       "seconds without news from the ballot box after which no tokens are given, "
                       "since a pause or a replaced code could have been missed",
                       &Settings::follow_patience, 1, 86'400));
  const std::string clock = "The clock";
  all.push_back(Number("clock-tolerance", clock,
                       "seconds that the clock may go back; beyond that the server stops, and does "
                       "not start, since it would contradict what it recorded",
                       &Settings::clock_tolerance, 1, 3600));
  all.push_back(
      Number("clock-leap", clock,
             "seconds that the clock may jump forwards while the server runs; beyond that "
             "it stops, before a poll ends that should not",
             &Settings::clock_leap, 1, 1'000'000));
  all.push_back(Number("max-polls", limits, "polls that are neither certified nor cancelled",
                       &Settings::max_polls, 1, 10'000));
  all.push_back(Number("sequencer-queue", limits, "records that may wait to be written",
                       &Settings::sequencer_queue, 1, 1'000'000));
  const auto lane = [&](const std::string& name, const std::string& what,
                        uint64_t Settings::*threads, uint64_t Settings::*queue) {
    all.push_back(Number(name + "-threads", limits,
                         Cat("threads for each kind of request of ", what), threads, 1, 256));
    all.push_back(Number(name + "-queue", limits,
                         Cat("requests of each kind of ", what, " that may wait"), queue, 1,
                         1'000'000));
  };
  lane("issuing", "residents for tokens", &Settings::issuing_threads, &Settings::issuing_queue);
  lane("casting", "voters with ballots", &Settings::casting_threads, &Settings::casting_queue);
  lane("control", "officials, trustees and issuers", &Settings::control_threads,
       &Settings::control_queue);
  lane("reading", "readers", &Settings::reading_threads, &Settings::reading_queue);
  all.push_back(Number("http-connections", limits, "connections to `http-listen` at a time",
                       &Settings::http_connections, 1, 100'000));
  all.push_back(Number("stream-seconds", limits,
                       "seconds after which a call that sends or receives many messages is ended, "
                       "so that slow peers do not keep its place",
                       &Settings::stream_seconds, 1, 86'400));
  all.push_back(Number("memory", limits,
                       "MiB that connections and messages on their way may take; beyond it "
                       "connections are ended",
                       &Settings::memory, 16, 1'000'000));
  const std::string rates = "Rates";
  for (const MethodLimit& limit : MethodLimits()) {
    all.push_back(Number(std::string(limit.rate_name), rates,
                         Cat("calls of ", limit.method,
                             " a second, of all callers together; ten seconds' worth may come at "
                             "once; 0: no limit"),
                         limit.rate, 0, 1'000'000));
  }
  all.push_back(
      Number("http-rate", rates,
             "requests over HTTP a second, of all callers together; ten seconds' worth may "
             "come at once; 0: no limit",
             &Settings::http_rate, 0, 1'000'000));
  return all;
}

}  // namespace

const std::vector<MethodLimit>& MethodLimits() {
  using S = Settings;
  static const std::vector<MethodLimit> all = {
      {"Issuing.Begin", "begin-rate", &S::begin_rate, &S::issuing_threads, &S::issuing_queue},
      {"Issuing.Answer", "answer-rate", &S::answer_rate, &S::issuing_threads, &S::issuing_queue},
      {"Issuing.Fetch", "fetch-rate", &S::fetch_rate, &S::issuing_threads, &S::issuing_queue},
      {"Casting.Cast", "cast-rate", &S::cast_rate, &S::casting_threads, &S::casting_queue},
      {"Officials.Approve", "approve-rate", &S::approve_rate, &S::control_threads,
       &S::control_queue},
      {"Officials.Withdraw", "withdraw-rate", &S::withdraw_rate, &S::control_threads,
       &S::control_queue},
      {"Officials.Pending", "pending-rate", &S::pending_rate, &S::control_threads,
       &S::control_queue},
      {"Officials.Attachment", "attachment-rate", &S::attachment_rate, &S::control_threads,
       &S::control_queue},
      {"Trustees.Submit", "submit-rate", &S::submit_rate, &S::control_threads, &S::control_queue},
      {"Issuers.Submit", "issuers-submit-rate", &S::issuers_submit_rate, &S::control_threads,
       &S::control_queue},
      {"Reading.Info", "info-rate", &S::info_rate, &S::reading_threads, &S::reading_queue},
      {"Reading.ListPolls", "list-polls-rate", &S::list_polls_rate, &S::reading_threads,
       &S::reading_queue},
      {"Reading.Status", "status-rate", &S::status_rate, &S::reading_threads, &S::reading_queue},
      {"Reading.Checkpoint", "checkpoint-rate", &S::checkpoint_rate, &S::reading_threads,
       &S::reading_queue},
      {"Reading.Entries", "entries-rate", &S::entries_rate, &S::reading_threads, &S::reading_queue},
      {"Reading.LastRevision", "last-revision-rate", &S::last_revision_rate, &S::reading_threads,
       &S::reading_queue},
  };
  return all;
}

const std::vector<Setting>& AllSettings() {
  static const std::vector<Setting> all = MakeSettings();
  return all;
}

absl::Status ReadConfig(const std::string& path, std::string_view text, Settings& settings) {
  std::set<std::string_view> seen;
  size_t number = 0;
  for (const std::string_view raw : base::Split(text, '\n')) {
    ++number;
    const std::string_view line = base::Trim(raw);
    if (line.empty() || line.front() == '#') continue;
    const auto wrong = [&](std::string_view what) {
      return Bad(Cat(path, ":", number, ": ", what));
    };
    const size_t equals = line.find('=');
    if (equals == std::string_view::npos) return wrong("expected \"name = value\"");
    const std::string_view name = base::Trim(line.substr(0, equals));
    const std::string_view value = base::Trim(line.substr(equals + 1));
    const auto setting = std::ranges::find(AllSettings(), name, &Setting::name);
    if (setting == AllSettings().end()) {
      return wrong(Cat("there is no setting \"", name, "\"; urna-server --help lists them"));
    }
    if (!seen.insert(name).second && !setting->repeatable) {
      return wrong(Cat(name, " is given twice"));
    }
    const absl::Status status = setting->set(settings, value);
    if (!status.ok()) {
      return wrong(
          Cat(name, ": ", std::string_view(status.message().data(), status.message().size())));
    }
  }
  return absl::OkStatus();
}

absl::Status Complete(Settings& settings) {
  if (settings.data.empty()) {
    return Bad("data: the data folder is not set; give --data DIR or --config FILE");
  }
  const auto inside = [&](std::string& path, std::string_view name) {
    if (path.empty()) path = Cat(settings.data, "/", name);
  };
  if (settings.ballot_box) {
    if (!settings.follow.empty()) {
      return Bad("follow: is for issuers only; a ballot box follows nobody (set ballot-box to no)");
    }
  } else {
    if (settings.follow.empty() || settings.follow_key == crypto::Ed25519Public{}) {
      return Bad(
          "follow, follow-key: without a ballot box of its own (ballot-box = no) this process "
          "needs "
          "the address and the checkpoint key of the one whose ledgers it follows");
    }
    if (settings.issuers == 0) return Bad("issuers: neither a ballot box nor an issuer runs here");
    if (!settings.issuer_addresses.empty()) {
      return Bad("issuer-address: is for the ballot box, which tells residents' clients");
    }
    if (!settings.witnesses.empty()) {
      return Bad("witness: is for the ballot box, which publishes the ledger");
    }
    if (settings.follow_plaintext && !IsLoopback(settings.follow)) {
      return Bad(
          Cat("follow-plaintext: refused, because ", settings.follow, " is not this machine"));
    }
  }
  inside(settings.anchor, "anchor");
  inside(settings.rocksdb_log, "rocksdb-log");
  inside(settings.certificate, "tls.crt");
  inside(settings.key, "tls.key");
  if (settings.plaintext && !IsLoopback(settings.listen)) {
    return Bad(Cat("plaintext: refused, because others than this machine could reach ",
                   settings.listen, "; listen on 127.0.0.1 or use TLS"));
  }
  return absl::OkStatus();
}

bool IsHostAndPort(std::string_view text) {
  const size_t colon = text.rfind(':');
  uint64_t port = 0;
  return colon != std::string_view::npos && colon > 0 &&
         text.find_first_of("/, \t") == std::string_view::npos &&
         base::ParseU64(text.substr(colon + 1), &port) && port >= 1 && port <= 65535;
}

bool IsLoopback(std::string_view listen) {
  const size_t colon = listen.rfind(':');
  if (colon == std::string_view::npos) return false;
  const std::string_view host = listen.substr(0, colon);
  if (host == "localhost" || host == "[::1]") return true;
  const auto parts = base::Split(host, '.');
  return parts.size() == 4 && parts[0] == "127" &&
         std::ranges::all_of(parts, [](std::string_view part) {
           uint64_t number = 0;
           return base::ParseU64(part, &number) && number <= 255;
         });
}

std::string ConfigTemplate() {
  std::string text =
      "# Configuration of urna-server. Every line is also a flag: --name value. Lines that begin\n"
      "# with # are comments; those with a setting show its default.\n";
  std::string group;
  for (const Setting& setting : AllSettings()) {
    if (setting.group != group) text += Cat("\n# --- ", setting.group, " ---\n");
    group = setting.group;
    // Wrapped at 90 columns, for people who read this in a terminal.
    text += "\n";
    std::string line = "#";
    for (const std::string_view word : base::Split(setting.help, ' ')) {
      if (line.size() + 1 + word.size() > 90) {
        text += line + "\n";
        line = "#";
      }
      line += Cat(" ", word);
    }
    text += Cat(line, ".\n#", setting.name, " = ", setting.shown_default, "\n");
  }
  return text;
}

}  // namespace urna::server
