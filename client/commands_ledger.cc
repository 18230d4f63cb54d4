#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"
#include "client/cli.h"
#include "client/poll_view.h"
#include "poll/budget.h"
#include "poll/counting/pabulib.h"
#include "poll/mixed_tally.h"

namespace urna::client {
namespace {

using base::Cat;
using Json = nlohmann::json;

struct LedgerFlags {
  Hash32 poll{};
  std::string folder;
  std::string from;
};

absl::Status Fetch(const GlobalOptions& global, const LedgerFlags& flags) {
  std::unique_ptr<Connection> connection;
  std::unique_ptr<LedgerSource> source;
  if (!flags.from.empty()) {
    URNA_ASSIGN_OR_RETURN(source,
                          OverHttp(LogUrl(flags.from, flags.poll), global.server.certificate));
  } else if (!global.server.target.empty()) {
    URNA_ASSIGN_OR_RETURN(connection, Connection::Open(global.server));
    source = OverGrpc(*connection, flags.poll);
  } else {
    return base::Failure(absl::StatusCode::kInvalidArgument, "give --server, or --from with a URL");
  }
  URNA_ASSIGN_OR_RETURN(const ledger::Checkpoint checkpoint,
                        FetchLedger(*source, flags.poll, flags.folder, ShowProgress()));
  if (global.json) {
    PrintJson({{"folder", flags.folder},
               {"origin", checkpoint.origin},
               {"size", checkpoint.size},
               {"root", base::Hex(checkpoint.root)}});
  } else {
    std::cout << flags.folder << ": " << checkpoint.size << " records of " << checkpoint.origin
              << ", root " << base::Hex(checkpoint.root) << "\n"
              << "Chain, root and signature are right; check the rest with: urna-verify "
              << flags.folder << "\n";
  }
  return absl::OkStatus();
}

absl::Status Export(const GlobalOptions& global, const LedgerFlags& flags) {
  std::error_code error;
  if (std::filesystem::exists(flags.folder, error)) {
    return base::Failure(absl::StatusCode::kAlreadyExists,
                         base::Cat(flags.folder,
                                   ": exists; export into a new folder, or bring "
                                   "this one up to date with `urna ledger fetch`"));
  }
  return Fetch(global, flags);
}

// --- Profiles ------------------------------------------------------------------------------------

struct ProfileFlags {
  Hash32 poll{};
  std::string folder, from, contest;
  bool pb = false;
};

absl::StatusOr<std::unique_ptr<PollView>> CheckedLedger(const GlobalOptions& global,
                                                        const ProfileFlags& flags) {
  if (!flags.folder.empty() && !flags.from.empty()) {
    return base::Failure(absl::StatusCode::kInvalidArgument,
                         "give the folder of an export, or --from with a URL, not both");
  }
  // A server may be named by the environment: what is given here comes first.
  if (!flags.folder.empty()) return PollView::Open(flags.folder, flags.poll, ShowProgress());
  if (flags.from.empty() && global.server.target.empty()) {
    return base::Failure(absl::StatusCode::kInvalidArgument,
                         "give the folder of an export, --from with a URL, or --server");
  }
  if (!flags.from.empty()) {
    URNA_ASSIGN_OR_RETURN(const std::unique_ptr<LedgerSource> source,
                          OverHttp(LogUrl(flags.from, flags.poll), global.server.certificate));
    return PollView::FetchAll(*source, flags.poll, "", ShowProgress());
  }
  URNA_ASSIGN_OR_RETURN(const std::unique_ptr<Connection> connection,
                        Connection::Open(global.server));
  return PollView::FetchAll(*OverGrpc(*connection, flags.poll), flags.poll, "", ShowProgress());
}

/// The number of a mixed contest. Errors: InvalidArgument naming those that are.
absl::StatusOr<uint32_t> MixedContest(const poll::Definition& definition, std::string_view id) {
  std::string mixed;
  for (uint32_t c = 0; c < definition.contests.size(); ++c) {
    const poll::Contest& contest = definition.contests[c];
    if (contest.tally != poll::TallyKind::kMixed) continue;
    if (contest.id == id) return c;
    mixed += Cat(mixed.empty() ? "" : ", ", contest.id);
  }
  return base::Failure(
      absl::StatusCode::kInvalidArgument,
      Cat("--contest: no contest \"", id, "\" of this poll publishes its ballots; ",
          mixed.empty() ? "none does: all are added up" : Cat("those that do are ", mixed)));
}

/// Prints the ballots of a participatory budget as a .pb file, void ones left out.
absl::Status PrintPabulib(const poll::State& state, uint32_t index,
                          const std::vector<uint8_t>& picks) {
  namespace counting = poll::counting;
  const poll::Definition& d = *state.definition();
  const poll::Contest& contest = d.contests[index];
  const auto* budget = std::get_if<poll::Budget>(&contest.decision);
  if (budget == nullptr) {
    return base::Failure(
        absl::StatusCode::kInvalidArgument,
        Cat("--pb: contest ", contest.id, " is no participatory budget, its options have no cost"));
  }
  counting::Profile profile = poll::ProfileOf(contest, d.languages.front());
  poll::AddPicks(contest, picks, &profile);
  // Without points, the last of a ranking has one.
  bool ordinal = contest.ranked;
  for (size_t i = 0; ordinal && i < profile.ballots(); ++i) {
    ordinal = profile.ballot(i).size() == std::get<crypto::Picks>(contest.rule).w;
  }
  const counting::VoteType type = !contest.ranked ? counting::VoteType::kApproval
                                  : ordinal       ? counting::VoteType::kOrdinal
                                                  : counting::VoteType::kCumulative;
  std::optional<std::vector<bool>> funded;
  const auto result = state.ComputeResult();
  if (result.ok() && result->contests[index].budget != nullptr) {
    funded.emplace(contest.options.size(), false);
    for (const uint32_t p : result->contests[index].budget->outcome.funded) (*funded)[p] = true;
  }
  URNA_ASSIGN_OR_RETURN(
      const counting::PabulibFile file,
      counting::MakePabulib(profile, type,
                            {{"description", contest.title.at(d.languages.front())},
                             {"currency", budget->currency},
                             {"comment", Cat("poll ", base::Hex(state.poll()), ", contest ",
                                             contest.id, ", void ballots left out")}},
                            funded));
  std::cout << counting::FormatPabulib(file);
  return absl::OkStatus();
}

absl::Status Profile(const GlobalOptions& global, const ProfileFlags& flags) {
  URNA_ASSIGN_OR_RETURN(const std::unique_ptr<PollView> view, CheckedLedger(global, flags));
  const poll::State& state = view->state();
  const poll::Definition& definition = *state.definition();
  URNA_ASSIGN_OR_RETURN(const uint32_t index, MixedContest(definition, flags.contest));
  const poll::Contest& contest = definition.contests[index];
  if (state.closed().has_value() && !state.NeedsDecryption(index)) {
    return base::Reject("decryption.below-minimum",
                        Cat("contest ", contest.id, " has ", state.ContestBallots(index),
                            " ballots, which are not decrypted"));
  }
  URNA_ASSIGN_OR_RETURN(const auto picks, state.MixedPicks(index));
  if (flags.pb) return PrintPabulib(state, index, *picks);
  const size_t width = std::get<crypto::Picks>(contest.rule).w;
  Json ballots = Json::array();
  uint64_t void_ballots = 0;
  for (size_t first = 0; first < picks->size(); first += width) {
    const std::span<const uint8_t> ballot(picks->data() + first, width);
    const std::optional<std::string> why = poll::WhyVoid(contest, ballot);
    if (why.has_value()) ++void_ballots;
    Json list = Json::array();
    std::string text;
    for (const uint8_t pick : ballot) {
      if (pick == 0) continue;
      // A number that no option has can only stand on a void ballot.
      const bool known = pick <= contest.options.size();
      list.push_back(known ? Json(contest.options[pick - 1u].id) : Json(pick));
      text += Cat(text.empty() ? "" : ", ", known ? contest.options[pick - 1u].id : Cat(pick));
    }
    if (global.json) {
      Json one = {{"picks", std::move(list)}};
      if (why.has_value()) one["void"] = *why;
      ballots.push_back(std::move(one));
    } else {
      std::cout << (text.empty() ? "(no pick)" : text)
                << (why.has_value() ? Cat("   VOID: ", *why) : "") << "\n";
    }
  }
  Json mixers = Json::array();
  std::string names;
  for (const uint32_t mixer : state.Mixed(index).mixers()) {
    const std::string& name = definition.trustees[mixer - 1].name;
    mixers.push_back({{"trustee", mixer}, {"name", name}});
    names += Cat(names.empty() ? "" : ", then ", OneLine(name));
  }
  const uint64_t count = picks->size() / width;
  if (global.json) {
    PrintJson({{"poll", base::Hex(state.poll())},
               {"contest", contest.id},
               {"marks", contest.ranked ? "ranked" : "approval"},
               {"mixers", mixers},
               {"ballots", count},
               {"void", void_ballots},
               {"profile", ballots}});
  } else {
    std::cerr << count << " ballots of contest " << contest.id << ", " << void_ballots
              << " of them void, mixed by " << names
              << "; every proof of the ledger was checked. Their order says nothing of who cast "
                 "them.\n";
  }
  return absl::OkStatus();
}

}  // namespace

void AddLedgerCommands(CLI::App& app, GlobalOptions& global, Action* action) {
  CLI::App* ledger = app.add_subcommand("ledger", "For auditors: the published ledger as files");
  const auto add = [&](const std::string& name, const std::string& description,
                       const std::string& where, auto run) {
    auto flags = std::make_shared<LedgerFlags>();
    CLI::App* command = ledger->add_subcommand(name, description);
    AddPoll(command, &flags->poll);
    command->add_option("--folder", flags->folder, "Folder of the export")->required();
    command->add_option(
        "--from", flags->from,
        "Read over HTTP, from http(s)://HOST[:PORT] of the server or of anybody who "
        "keeps a copy, instead of from --server");
    global.AddServer(command);
    command->get_option("--server")->required(false);
    AddExample(command, base::Cat("urna ledger ", name, " --poll 3f…9a --folder ledger ", where));
    command->callback([&global, action, flags, run] {
      *action = [&global, flags, run] { return run(global, *flags); };
    });
  };
  add("fetch",
      "Makes a folder with the ledger, or brings it up to date; refuses a ledger that does not "
      "continue the one in the folder, and leaves that as it is",
      "--from https://vote.example:7480", Fetch);
  add("export", "Writes the ledger to a new folder", "--server vote.example:7443", Export);

  auto flags = std::make_shared<ProfileFlags>();
  CLI::App* profile = ledger->add_subcommand(
      "profile", "The decrypted ballots of a contest that was tallied by mixing, one on each line");
  AddPoll(profile, &flags->poll);
  profile->add_option("folder", flags->folder, "Folder of an export");
  profile->add_option("--contest", flags->contest, "Id of the contest")->required();
  profile->add_option("--from", flags->from,
                      "Read over HTTP, from http(s)://HOST[:PORT], instead of from a folder");
  global.AddServer(profile);
  profile->get_option("--server")->required(false);
  profile->add_flag(
      "--pb", flags->pb,
      "Print a .pb file, which `urna budget count` counts: of a participatory budget");
  AddExample(profile, "urna ledger profile ledger --poll 3f…9a --contest district",
             "Checks every proof of the ledger first. Options by their ids, in the order in which "
             "they were picked.");
  profile->callback(
      [&global, action, flags] { *action = [&global, flags] { return Profile(global, *flags); }; });
}

}  // namespace urna::client
