#include <chrono>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"
#include "client/cli.h"
#include "client/ledger_source.h"
#include "client/mirror.h"
#include "client/mirror_watch.h"
#include "http/server.h"

namespace urna::client {
namespace {

using base::Cat;
using Clock = std::chrono::steady_clock;

// A code of its own, so that a script can tell an alarm from a line that is down.
constexpr int kAlarm = 3;
constexpr std::chrono::hours kReminder{1};

absl::Status Usage(std::string_view text) {
  return base::Failure(absl::StatusCode::kInvalidArgument, text);
}

struct RunFlags {
  std::string folder;
  std::vector<std::string> polls, from;
  ListenFlags listen;
  uint32_t every = 60;
  uint32_t patience = 900;
  bool once = false;
};

/// One poll's mirror and where it looks.
struct Work {
  Mirror* mirror;
  std::vector<std::unique_ptr<LedgerSource>> sources;
};

absl::StatusOr<std::vector<std::unique_ptr<LedgerSource>>> Sources(const GlobalOptions& global,
                                                                   const RunFlags& flags,
                                                                   Connection* connection,
                                                                   const Hash32& poll) {
  std::vector<std::unique_ptr<LedgerSource>> sources;
  for (const std::string& url : flags.from) {
    URNA_ASSIGN_OR_RETURN(auto source, OverHttp(LogUrl(url, poll), global.server.certificate));
    sources.push_back(std::move(source));
  }
  if (connection != nullptr) sources.push_back(OverGrpc(*connection, poll));
  return sources;
}

/// "2bb1…04 " for the lines of a process that mirrors several polls.
std::string Short(const Hash32& poll) {
  const std::string id = base::Hex(poll);
  return Cat("poll ", id.substr(0, 4), "…", id.substr(id.size() - 4), ": ");
}

/// One look at each source. Returns the first failure.
absl::Status Look(Work& work, MirrorWatch& watch) {
  absl::Status first;
  for (const auto& source : work.sources) {
    const auto outcome = work.mirror->Follow(*source);
    const auto held = work.mirror->checkpoint();
    const std::string poll = Short(work.mirror->poll());
    if (outcome.ok() && *outcome == Mirror::News::kNewer) {
      LogLine(Cat(poll, held->size, " records, root ", base::Hex(held->root), ", from ",
                  source->name()));
    }
    // An alarm has said it all.
    if (!work.mirror->alarm().empty()) return outcome.status();
    for (const std::string& line :
         watch.Note(source->name(), outcome, held.has_value() ? held->size : 0,
                    work.mirror->grows_within(), Clock::now())) {
      LogLine(Cat(poll, line));
    }
    if (!first.ok()) continue;
    first = outcome.status();
    if (outcome.ok() && *outcome == Mirror::News::kOlder) {
      first = base::Failure(absl::StatusCode::kFailedPrecondition,
                            Cat(source->name(), " shows an older state of the ledger than the ",
                                held->size, " records held"));
    }
  }
  return first;
}

nlohmann::json ToJson(const Mirror& mirror) {
  nlohmann::json json = {{"poll", base::Hex(mirror.poll())}, {"alarm", mirror.alarm()}};
  if (const auto held = mirror.checkpoint(); held.has_value()) {
    json["origin"] = held->origin;
    json["size"] = held->size;
    json["root"] = base::Hex(held->root);
  }
  return json;
}

absl::Status RunOnce(GlobalOptions& global, const RunFlags& flags, std::vector<Work>& works) {
  absl::Status first;
  bool alarm = false;
  nlohmann::json polls = nlohmann::json::array();
  for (Work& work : works) {
    MirrorWatch watch(std::chrono::seconds(flags.patience), Clock::now());
    const absl::Status looked = Look(work, watch);
    if (!work.mirror->alarm().empty() && !alarm) {
      alarm = true;
      first = looked;
    }
    if (first.ok()) first = looked;
    polls.push_back(ToJson(*work.mirror));
    if (const auto held = work.mirror->checkpoint(); !global.json && held.has_value()) {
      std::cout << Cat(flags.folder, "/", base::Hex(work.mirror->poll()), ": ", held->size,
                       " records of ", held->origin, ", root ", base::Hex(held->root), "\n");
    }
  }
  if (global.json) PrintJson({{"folder", flags.folder}, {"polls", polls}});
  if (alarm) global.failure_status = kAlarm;
  return first;
}

[[noreturn]] void RunForEver(const RunFlags& flags, Work& work) {
  MirrorWatch watch(std::chrono::seconds(flags.patience), Clock::now());
  for (;;) {
    if (work.mirror->alarm().empty()) Look(work, watch).IgnoreError();  // said by the watch
    if (work.mirror->alarm().empty()) {
      std::this_thread::sleep_for(watch.Pause(std::chrono::seconds(flags.every)));
    } else {
      std::this_thread::sleep_for(kReminder);
      LogLine(Cat(Short(work.mirror->poll()), "*** still: ", work.mirror->alarm()));
    }
  }
}

absl::Status Run(GlobalOptions& global, const RunFlags& flags) {
  if (flags.from.empty() && global.server.target.empty()) {
    return Usage("give --from with a URL, or --server");
  }
  if (flags.once && !flags.listen.listen.empty()) {
    return Usage("--once serves nobody; leave out --listen");
  }
  if (flags.every == 0 || flags.patience == 0) {
    return Usage("--every and --patience are at least one second");
  }
  URNA_ASSIGN_OR_RETURN(const http::Server::Options http, flags.listen.Options());
  std::unique_ptr<Connection> connection;
  if (flags.from.empty()) {
    URNA_ASSIGN_OR_RETURN(connection, Connection::Open(global.server));
  }
  std::vector<std::unique_ptr<Mirror>> mirrors;
  std::vector<Work> works;
  for (const std::string& text : flags.polls) {
    Mirror::Options options;
    options.folder = flags.folder;
    URNA_ASSIGN_OR_RETURN(options.poll, ParsePollId(text));
    const std::string poll = Short(options.poll);
    options.log = [poll](std::string_view line) { LogLine(Cat(poll, line)); };
    options.now = UnixTime;
    if (flags.polls.size() == 1) options.progress = ShowProgress();
    Work work{nullptr, {}};
    URNA_ASSIGN_OR_RETURN(work.sources, Sources(global, flags, connection.get(), options.poll));
    URNA_ASSIGN_OR_RETURN(auto mirror, Mirror::Open(std::move(options)));
    work.mirror = mirror.get();
    mirrors.push_back(std::move(mirror));
    works.push_back(std::move(work));
  }
  for (const auto& mirror : mirrors) {
    const std::string alarm = mirror->alarm();
    if (!alarm.empty()) LogLine(Cat(Short(mirror->poll()), "*** since before: ", alarm));
  }
  if (flags.once) return RunOnce(global, flags, works);

  std::unique_ptr<http::Server> server;
  if (!http.listen.empty()) {
    URNA_ASSIGN_OR_RETURN(server,
                          http::Server::Start(http, [&mirrors](const http::Request& request) {
                            return ServeMirrors(mirrors, request);
                          }));
    const std::string url = flags.listen.Url(server->address());
    if (global.json) {
      PrintJson({{"listening", server->address()}, {"url", url}});
    } else {
      std::cout << "listening on " << url << std::endl;
    }
  }
  std::vector<std::jthread> threads;
  for (Work& work : works) threads.emplace_back([&flags, &work] { RunForEver(flags, work); });
  threads.clear();  // waits for ever
  return absl::OkStatus();
}

}  // namespace

void AddMirrorCommands(CLI::App& app, GlobalOptions& global, Action* action) {
  CLI::App* mirror = app.add_subcommand(
      "mirror", "A mirror keeps a verified copy of the published ledger and serves it to others");
  auto flags = std::make_shared<RunFlags>();
  CLI::App* command = mirror->add_subcommand(
      "run",
      "Follows ledgers, checks every record, and raises an alarm about what an honest "
      "server cannot show");
  command->add_option("--folder", flags->folder, "The mirror's folder, made if need be")
      ->required();
  command
      ->add_option("--poll", flags->polls,
                   "Poll id, 64 hexadecimal digits; may be given several times")
      ->required();
  command->add_option("--from", flags->from,
                      "Read over HTTP, from http(s)://HOST[:PORT] of the server or of another "
                      "mirror; may be given several times, and then they are also compared with "
                      "each other");
  global.AddServer(command);
  command->get_option("--server")->required(false);
  flags->listen.Add(command, "the mirror",
                    "Serve the copies over HTTP at HOST:PORT; port 0 takes "
                    "a free one");
  command->add_option("--every", flags->every, "Seconds between two looks")->capture_default_str();
  command
      ->add_option("--patience", flags->patience,
                   "Warn after so many seconds without news, or when an open poll's ledger does "
                   "not grow so much longer than it should")
      ->capture_default_str();
  command->add_flag("--once", flags->once, "Look once and end, with exit status 3 for an alarm");
  AddExample(command,
             "urna mirror run --folder mirror --poll 3f…9a --from https://vote.example:7480 "
             "--listen 0.0.0.0:7480",
             "It may be stopped at any time: the folder of a poll, DIR/ID, is always a whole copy "
             "that urna-verify reads.\nExit status with --once: 0 all is well, 1 a source failed "
             "or showed what was refused, 3 an alarm.");
  command->callback(
      [&global, action, flags] { *action = [&global, flags] { return Run(global, *flags); }; });
}

}  // namespace urna::client
