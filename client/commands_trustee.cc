#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"
#include "client/cli.h"
#include "client/poll_view.h"
#include "client/trustee.h"

namespace urna::client {
namespace {

using base::Cat;
using Json = nlohmann::json;
using poll::RecordKind;

struct TrusteeFlags {
  Hash32 poll{};
  std::string key, state, folder;
};

/// What every command of a trustee begins with: key, passphrase, and the ledger, checked.
struct Desk {
  crypto::SecretText passphrase;
  crypto::Ed25519Key key;
  std::unique_ptr<Connection> connection;
  std::unique_ptr<PollView> view;
  uint32_t trustee;

  const poll::State& state() const { return view->state(); }
};

/// Plain words for people; under --json, standard output is the object's alone.
void Say(const GlobalOptions& global, std::string_view text) {
  (global.json ? std::cerr : std::cout) << OneLine(text) << std::endl;
}

absl::StatusOr<Desk> SitDown(const GlobalOptions& global, const TrusteeFlags& flags) {
  URNA_RETURN_IF_ERROR(ReadKeyFilePublic(flags.key, "trustee").status());
  URNA_ASSIGN_OR_RETURN(
      crypto::SecretText passphrase,
      GetPassphrase(global.passphrase, Cat("passphrase of ", flags.key), /*confirm=*/false));
  URNA_ASSIGN_OR_RETURN(crypto::Ed25519Key key, ReadIdentity(flags.key, "trustee", passphrase));
  URNA_ASSIGN_OR_RETURN(std::unique_ptr<Connection> connection, Connection::Open(global.server));
  URNA_ASSIGN_OR_RETURN(std::unique_ptr<PollView> view,
                        PollView::FetchAll(*connection, flags.poll, flags.folder, ShowProgress()));
  const poll::Definition& definition = *view->state().definition();
  URNA_ASSIGN_OR_RETURN(const uint32_t trustee, TrusteeNumber(definition, key.public_key()));
  Say(global, Cat("You are trustee ", trustee, " of ", definition.trustees.size(), " (",
                  definition.trustees[trustee - 1].name, ") in \"",
                  definition.title.at(definition.languages.front()), "\". The ledger's ",
                  view->state().size(), " records were checked; the poll is ",
                  PhaseName(view->state().phase()), "."));
  return Desk{std::move(passphrase), std::move(key), std::move(connection), std::move(view),
              trustee};
}

absl::Status Send(const GlobalOptions& global, Desk& desk, const Submission& submission) {
  const std::string name = poll::KindName(static_cast<uint8_t>(submission.kind));
  if (submission.recorded) {
    Say(global, Cat("'", name, "' is on the ledger already."));
    return absl::OkStatus();
  }
  v1::SubmitRequest request;
  request.set_poll(std::string(base::View(desk.state().poll())));
  request.set_kind(static_cast<uint32_t>(submission.kind));
  request.set_payload(submission.payload);
  const auto response = Call(desk.connection->trustees(), &v1::Trustees::Stub::Submit, request);
  if (!response.ok()) {
    if (response.status().code() != absl::StatusCode::kUnavailable) return response.status();
    return base::Failure(absl::StatusCode::kUnavailable,
                         Cat(std::string_view(response.status().message().data(),
                                              response.status().message().size()),
                             "; run the same command again, it will send the same record"));
  }
  Say(global, Cat("'", name, "' is record ", response->index(), " of the ledger."));
  return absl::OkStatus();
}

void Done(const GlobalOptions& global, const Desk& desk, std::string_view step, Json extra) {
  if (!global.json) return;
  extra["trustee"] = desk.trustee;
  extra["step"] = step;
  PrintJson(extra);
}

absl::Status RunJoin(const GlobalOptions& global, const TrusteeFlags& flags) {
  URNA_ASSIGN_OR_RETURN(Desk desk, SitDown(global, flags));
  auto secrets = ReadTrusteeState(flags.state, desk.passphrase, desk.state().poll(), desk.trustee);
  if (absl::IsNotFound(secrets.status())) {
    secrets = Join(desk.state(), desk.trustee, desk.key);
    URNA_RETURN_IF_ERROR(secrets.status());
    URNA_RETURN_IF_ERROR(
        WriteTrusteeState(flags.state, *secrets, desk.passphrase, /*overwrite=*/false));
    Say(global, Cat("New secrets are in ", flags.state,
                    ". Back it up: without it your part of the poll's key is lost."));
  }
  URNA_RETURN_IF_ERROR(secrets.status());
  URNA_ASSIGN_OR_RETURN(const Submission submission, PrepareJoin(desk.state(), *secrets));
  URNA_RETURN_IF_ERROR(Send(global, desk, submission));
  Say(global, "Next: when all trustees have joined, `urna trustee deal`.");
  Done(global, desk, "join", {{"state", flags.state}});
  return absl::OkStatus();
}

absl::Status RunDeal(const GlobalOptions& global, const TrusteeFlags& flags) {
  URNA_ASSIGN_OR_RETURN(Desk desk, SitDown(global, flags));
  URNA_ASSIGN_OR_RETURN(
      TrusteeSecrets secrets,
      ReadTrusteeState(flags.state, desk.passphrase, desk.state().poll(), desk.trustee));
  URNA_ASSIGN_OR_RETURN(const Submission submission, PrepareDeal(desk.state(), desk.key, &secrets));
  URNA_RETURN_IF_ERROR(
      WriteTrusteeState(flags.state, secrets, desk.passphrase, /*overwrite=*/true));
  URNA_RETURN_IF_ERROR(Send(global, desk, submission));
  Say(global, "Next: when all trustees have dealt, `urna trustee confirm`.");
  Done(global, desk, "deal", Json::object());
  return absl::OkStatus();
}

absl::Status RunConfirm(const GlobalOptions& global, const TrusteeFlags& flags) {
  URNA_ASSIGN_OR_RETURN(Desk desk, SitDown(global, flags));
  URNA_ASSIGN_OR_RETURN(
      TrusteeSecrets secrets,
      ReadTrusteeState(flags.state, desk.passphrase, desk.state().poll(), desk.trustee));
  URNA_ASSIGN_OR_RETURN(const Submission submission,
                        PrepareConfirm(desk.state(), desk.key, &secrets));
  URNA_RETURN_IF_ERROR(
      WriteTrusteeState(flags.state, secrets, desk.passphrase, /*overwrite=*/true));
  URNA_RETURN_IF_ERROR(Send(global, desk, submission));
  if (submission.kind == RecordKind::kComplained) {
    return base::Reject("trustee.share-invalid",
                        "ATTENTION: another trustee sent you WRONG SHARES. Your complaint is on "
                        "the ledger and names the one at fault; this poll must be cancelled and "
                        "defined anew. Tell the officials and the other trustees");
  }
  Say(global,
      "All shares are right, and your share of the key passed its self-test. Keep the "
      "state file until the result is certified.");
  Done(global, desk, "confirm", Json::object());
  return absl::OkStatus();
}

absl::Status RunDecrypt(const GlobalOptions& global, const TrusteeFlags& flags) {
  URNA_ASSIGN_OR_RETURN(Desk desk, SitDown(global, flags));
  URNA_ASSIGN_OR_RETURN(
      TrusteeSecrets secrets,
      ReadTrusteeState(flags.state, desk.passphrase, desk.state().poll(), desk.trustee));
  const poll::State& state = desk.state();
  const poll::Definition& definition = *state.definition();
  // Everything is made, and so refused, before anything is sent.
  Json done = Json::array();
  std::vector<Submission> submissions;
  uint64_t sent = 0;
  for (uint32_t c = 0; c < definition.contests.size(); ++c) {
    const std::string& id = definition.contests[c].id;
    if (state.phase() == poll::Phase::kClosed && !state.NeedsDecryption(c)) {
      Say(global,
          Cat("Contest ", id, " has ", state.ContestBallots(c), " ballots; it is not decrypted."));
      continue;
    }
    URNA_ASSIGN_OR_RETURN(Submission submission,
                          PrepareDecryption(state, desk.key, c, sent, &secrets));
    if (!submission.recorded) ++sent;
    Say(global, Cat("Contest ", id, ": the sum of ", state.ContestBallots(c), " ballots."));
    submissions.push_back(std::move(submission));
    done.push_back(id);
  }
  URNA_RETURN_IF_ERROR(
      WriteTrusteeState(flags.state, secrets, desk.passphrase, /*overwrite=*/true));
  for (const Submission& submission : submissions) {
    URNA_RETURN_IF_ERROR(Send(global, desk, submission));
  }
  Done(global, desk, "decrypt", {{"contests", done}});
  return absl::OkStatus();
}

}  // namespace

void AddTrusteeCommands(CLI::App& app, GlobalOptions& global, Action* action) {
  CLI::App* trustee =
      app.add_subcommand("trustee", "For trustees: the key ceremony and decryption");
  AddIdentityCommands(trustee, "trustee", global, action);
  const auto add = [&](const std::string& name, const std::string& description, auto run) {
    auto flags = std::make_shared<TrusteeFlags>();
    CLI::App* command = trustee->add_subcommand(name, description);
    AddPoll(command, &flags->poll);
    command->add_option("--key", flags->key, "The trustee's key file")->required();
    command
        ->add_option("--state", flags->state,
                     "The trustee's secrets for this poll, encrypted with the key's passphrase; "
                     "made by join")
        ->required();
    command->add_option("--folder", flags->folder,
                        "Folder for the ledger, kept; without it a temporary one");
    global.AddServer(command);
    global.AddPassphrase(command);
    AddExample(command,
               Cat("urna trustee ", name,
                   " --poll 3f…9a --key jan.key --state jan.state "
                   "--server vote.example:7443"),
               "Checks the whole ledger first. Can be run again at any time: it repeats the same "
               "record.");
    command->callback([&global, action, flags, run] {
      *action = [&global, flags, run] { return run(global, *flags); };
    });
  };
  add("join", "Makes this trustee's secrets and commits to them on the ledger", RunJoin);
  add("deal", "Sends every trustee its shares, once all have joined", RunDeal);
  add("confirm", "Checks the shares of all trustees; confirms, or complains about a wrong one",
      RunConfirm);
  add("decrypt", "After closing: decrypts the sum of each contest", RunDecrypt);
}

}  // namespace urna::client
