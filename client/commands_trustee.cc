#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "client/cli.h"
#include "client/destruction.h"
#include "client/mixing.h"
#include "client/poll_view.h"
#include "client/rehearsal.h"
#include "client/trustee.h"

namespace urna::client {
namespace {

using base::Cat;
using Json = nlohmann::json;
using poll::RecordKind;

using Clock = std::chrono::steady_clock;

struct TrusteeFlags {
  Hash32 poll{};
  std::string key, state, folder;
  // rehearse, destroy
  std::string label, out;
  bool yes = false;
  // mix, decrypt
  uint32_t wait = 20;
  // mix
  bool replace_unfinished = false;
};

/// The largest mix: 150,000 ballots of 64 picks and more.
constexpr size_t kMaxMixFile = size_t{1} << 30;

/// Statements and shares of rehearsals are small.
constexpr size_t kMaxSmallFile = size_t{1} << 20;

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

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string Seconds(double seconds) {
  char text[32];
  std::snprintf(text, sizeof text, seconds < 10 ? "%.2f s" : "%.0f s", seconds);
  return text;
}

/// The ledger is kept beside the state file: who shows this trustee another ledger later is found
/// out even if the state file is an older copy that remembers nothing.
std::string LedgerFolder(const TrusteeFlags& flags) {
  return flags.folder.empty() ? Cat(flags.state, ".ledger") : flags.folder;
}

absl::StatusOr<TrusteeSecrets> OpenState(const TrusteeFlags& flags, const Desk& desk) {
  auto secrets = ReadTrusteeState(flags.state, desk.passphrase, desk.state().poll(), desk.trustee);
  if (absl::IsPermissionDenied(secrets.status())) {
    return base::Failure(absl::StatusCode::kPermissionDenied,
                         Cat(flags.state, ": has another passphrase than ", flags.key,
                             "; both need the same, and `urna key passphrase FILE` changes one"));
  }
  return secrets;
}

absl::StatusOr<Desk> SitDown(const GlobalOptions& global, const TrusteeFlags& flags) {
  URNA_RETURN_IF_ERROR(ReadKeyFilePublic(flags.key, "trustee").status());
  URNA_ASSIGN_OR_RETURN(
      crypto::SecretText passphrase,
      GetPassphrase(global.passphrase, Cat("passphrase of ", flags.key), /*confirm=*/false));
  URNA_ASSIGN_OR_RETURN(crypto::Ed25519Key key, ReadIdentity(flags.key, "trustee", passphrase));
  URNA_ASSIGN_OR_RETURN(std::unique_ptr<Connection> connection, Connection::Open(global.server));
  URNA_ASSIGN_OR_RETURN(std::unique_ptr<PollView> view,
                        PollView::FetchAll(*OverGrpc(*connection, flags.poll), flags.poll,
                                           LedgerFolder(flags), ShowProgress()));
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

std::string NameOf(const Submission& submission) {
  return Cat("'", poll::KindName(static_cast<uint8_t>(submission.kind)), "'");
}

/// The record that it became. A server that has too much to do is asked again.
absl::StatusOr<uint64_t> SendRecord(Desk& desk, const Submission& submission) {
  constexpr int kAttempts = 5;
  v1::SubmitRequest request;
  request.set_poll(std::string(base::View(desk.state().poll())));
  request.set_kind(static_cast<uint32_t>(submission.kind));
  request.set_payload(submission.payload);
  for (int attempt = 1;; ++attempt) {
    const auto response = Call(desk.connection->trustees(), &v1::Trustees::Stub::Submit, request);
    if (response.ok()) return response->index();
    const absl::StatusCode code = response.status().code();
    if (code == absl::StatusCode::kResourceExhausted && attempt < kAttempts) {
      std::this_thread::sleep_for(std::chrono::seconds(attempt));
      continue;
    }
    if (code != absl::StatusCode::kUnavailable) return response.status();
    return base::Failure(absl::StatusCode::kUnavailable,
                         Cat(std::string_view(response.status().message().data(),
                                              response.status().message().size()),
                             "; run the same command again, it goes on where this one ended"));
  }
}

absl::Status Send(const GlobalOptions& global, Desk& desk, const Submission& submission) {
  if (submission.recorded) {
    Say(global, Cat(NameOf(submission), " is on the ledger already."));
    return absl::OkStatus();
  }
  URNA_ASSIGN_OR_RETURN(const uint64_t index, SendRecord(desk, submission));
  Say(global, Cat(NameOf(submission), " is record ", index, " of the ledger."));
  return absl::OkStatus();
}

/// Records that belong together.
absl::Status SendAll(const GlobalOptions& global, Desk& desk,
                     const std::vector<Submission>& submissions) {
  if (submissions.size() == 1) return Send(global, desk, submissions[0]);
  const Progress progress = ShowProgress();
  uint64_t index = 0;
  for (size_t i = 0; i < submissions.size(); ++i) {
    URNA_ASSIGN_OR_RETURN(index, SendRecord(desk, submissions[i]));
    progress("sent", i + 1, submissions.size());
  }
  Say(global, Cat(NameOf(submissions[0]), " is ", submissions.size(),
                  " records of the ledger, the last of them ", index, "."));
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
  auto secrets = OpenState(flags, desk);
  if (absl::IsNotFound(secrets.status())) {
    secrets = Join(desk.state(), desk.trustee, desk.key);
    URNA_RETURN_IF_ERROR(secrets.status());
    URNA_RETURN_IF_ERROR(
        WriteTrusteeState(flags.state, *secrets, desk.passphrase, /*overwrite=*/false));
    Say(global, Cat("New secrets are in ", flags.state,
                    ". Copy the file to a safe place: without it your part of the poll's key is "
                    "lost. A copy made now serves for the whole poll."));
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
  URNA_ASSIGN_OR_RETURN(TrusteeSecrets secrets, OpenState(flags, desk));
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
  URNA_ASSIGN_OR_RETURN(TrusteeSecrets secrets, OpenState(flags, desk));
  URNA_ASSIGN_OR_RETURN(const Submission submission,
                        PrepareConfirm(desk.state(), desk.key, &secrets));
  URNA_RETURN_IF_ERROR(
      WriteTrusteeState(flags.state, secrets, desk.passphrase, /*overwrite=*/true));
  URNA_RETURN_IF_ERROR(Send(global, desk, submission));
  if (submission.kind == RecordKind::kComplained) {
    const poll::Party& dealer = desk.state().definition()->trustees[submission.accused - 1];
    return base::Reject(
        "trustee.share-invalid",
        Cat("ATTENTION: trustee ", submission.accused, " (", dealer.name,
            ") sent you WRONG SHARES. Your complaint is on the ledger, where everybody sees that "
            "this trustee is at fault; the poll must be cancelled (`urna poll cancel`) and defined "
            "anew. Tell the officials and the other trustees. Never use an older copy of ",
            flags.state, " for this poll: your complaint gave its secret away"));
  }
  Say(global,
      "All shares are right, and your share of the key passed its self-test. Keep the "
      "state file until the result is certified. Next: when all trustees have confirmed, "
      "`urna trustee rehearse` tries out the decryption.");
  Done(global, desk, "confirm", Json::object());
  return absl::OkStatus();
}

/// Witnesses cosign a moment after a checkpoint is published, and every record makes a new one.
absl::Status AwaitWitnesses(const GlobalOptions& global, const TrusteeFlags& flags, Desk& desk) {
  constexpr std::chrono::milliseconds kBetweenLooks(500);
  const Clock::time_point end = Clock::now() + std::chrono::seconds(flags.wait);
  bool said = false;
  for (;;) {
    const absl::Status enough = CheckWitnesses(desk.state(), desk.view->checkpoint_note());
    if (base::RejectId(enough) != "witness.too-few" || Clock::now() >= end) return enough;
    if (!said) Say(global, "Waiting for the witnesses' cosignatures.");
    said = true;
    std::this_thread::sleep_for(kBetweenLooks);
    URNA_RETURN_IF_ERROR(desk.view->Advance(*OverGrpc(*desk.connection, flags.poll)));
  }
}

/// The mixes that this trustee made are beside its state file until they are on the ledger.
std::string MixFile(const TrusteeFlags& flags, const poll::Contest& contest) {
  return Cat(flags.state, ".", contest.id, ".mix");
}

/// The mix that is in the file, if it is of the contest as it stands now.
absl::StatusOr<std::optional<StoredMix>> ReadMix(const GlobalOptions& global, const Desk& desk,
                                                 const std::string& path, uint32_t contest) {
  const auto bytes = base::ReadFile(path, kMaxMixFile);
  if (absl::IsNotFound(bytes.status())) return std::nullopt;
  URNA_RETURN_IF_ERROR(bytes.status());
  auto mix = StoredMix::Decode(*bytes);
  if (!mix.ok()) {
    Say(global, Cat(path, " is ",
                    std::string_view(mix.status().message().data(), mix.status().message().size()),
                    "; the mix is made anew."));
    return std::nullopt;
  }
  URNA_ASSIGN_OR_RETURN(const bool fits, StillFits(desk.state(), *mix, contest, desk.trustee));
  if (fits) return std::optional(*std::move(mix));
  Say(global, Cat(path, " is of other ballots than the contest's last mix; it is made anew."));
  return std::nullopt;
}

/// Takes what was published meanwhile. `sent`, the records sent and not in the view, shrinks by
/// those that are.
absl::Status Refresh(const TrusteeFlags& flags, Desk& desk, uint64_t* sent) {
  const uint64_t next = desk.state().TrusteeCounter(desk.trustee) + *sent;
  URNA_RETURN_IF_ERROR(desk.view->Advance(*OverGrpc(*desk.connection, flags.poll)));
  const uint64_t recorded = desk.state().TrusteeCounter(desk.trustee);
  *sent = next > recorded ? next - recorded : 0;
  return absl::OkStatus();
}

/// Mixes one contest that is due and sends what the ledger lacks.
absl::Status MixContest(const GlobalOptions& global, const TrusteeFlags& flags, Desk& desk,
                        uint32_t contest, uint64_t* sent) {
  const poll::Contest& definition = desk.state().definition()->contests[contest];
  const std::string path = MixFile(flags, definition);
  const Progress progress = ShowProgress();
  std::optional<StoredMix> mix;
  for (;;) {
    const auto unfinished = desk.state().Mixed(contest).unfinished();
    if (unfinished.has_value() && unfinished->trustee != desk.trustee &&
        !flags.replace_unfinished) {
      const poll::Party& other = desk.state().definition()->trustees[unfinished->trustee - 1];
      return base::Failure(
          absl::StatusCode::kFailedPrecondition,
          Cat("contest ", definition.id, ": trustee ", unfinished->trustee, " (", other.name,
              ") is sending a mix, ", unfinished->parts, " of ", unfinished->of,
              " parts so far. Two cannot mix at once: wait until it is done and run this again. If "
              "that trustee does not go on, --replace-unfinished puts your mix in the place of "
              "what was begun"));
    }
    URNA_ASSIGN_OR_RETURN(mix, ReadMix(global, desk, path, contest));
    if (mix.has_value()) break;
    URNA_ASSIGN_OR_RETURN(
        mix, MakeMix(desk.state(), contest, desk.trustee,
                     [&](uint64_t done, uint64_t total) { progress("mixed", done, total); }));
    // Before anything is sent: two mixes of one trustee would be of no use to anybody.
    URNA_RETURN_IF_ERROR(base::WriteFileAtomic(path, mix->Encode()));
    const auto mixers = desk.state().Mixed(contest).mixers();
    URNA_RETURN_IF_ERROR(Refresh(flags, desk, sent));
    if (desk.state().Mixed(contest).mixers() == mixers) break;
    Say(global, Cat("Contest ", definition.id, ": another trustee mixed meanwhile."));
    URNA_ASSIGN_OR_RETURN(const MixDuty duty, MixDutyOf(desk.state(), contest, desk.trustee));
    if (duty != MixDuty::kDue) {
      return base::Failure(absl::StatusCode::kFailedPrecondition,
                           Cat("contest ", definition.id, " is being decrypted already"));
    }
  }
  const uint64_t recorded = PartsRecorded(desk.state(), desk.key, *mix);
  if (recorded > 0) {
    Say(global, Cat("Contest ", definition.id, ": ", recorded, " of ", mix->parts.size(),
                    " parts of your mix are on the ledger already."));
  }
  for (uint64_t part = recorded; part < mix->parts.size(); ++part) {
    URNA_RETURN_IF_ERROR(
        SendRecord(desk, PrepareMixPart(desk.state(), desk.key, *mix, part, (*sent)++)).status());
    progress("sent", part + 1, mix->parts.size());
  }
  Say(global,
      Cat("Contest ", definition.id, ": your mix of ", desk.state().ContestBallots(contest),
          " ballots is on the ledger, in ", mix->parts.size(), " records, and was found right."));
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
  return absl::OkStatus();
}

absl::Status RunMix(const GlobalOptions& global, const TrusteeFlags& flags) {
  URNA_ASSIGN_OR_RETURN(Desk desk, SitDown(global, flags));
  if (desk.state().phase() == poll::Phase::kClosed && desk.state().RegistersSettled()) {
    URNA_RETURN_IF_ERROR(AwaitWitnesses(global, flags, desk));
  }
  const poll::Definition& definition = *desk.state().definition();
  Json mixed = Json::array();
  uint64_t sent = 0;
  for (uint32_t c = 0; c < definition.contests.size(); ++c) {
    const std::string& id = definition.contests[c].id;
    URNA_ASSIGN_OR_RETURN(const MixDuty duty, MixDutyOf(desk.state(), c, desk.trustee));
    switch (duty) {
      case MixDuty::kNone:
        continue;
      case MixDuty::kWithheld:
        Say(global, Cat("Contest ", id, " has ", desk.state().ContestBallots(c),
                        " ballots; it is not decrypted, and so not mixed."));
        continue;
      case MixDuty::kDone:
        Say(global, Cat("Contest ", id, ": your mix is on the ledger already."));
        continue;
      case MixDuty::kTooLate:
        Say(global, Cat("Contest ", id, ": is being decrypted already; enough others mixed it."));
        continue;
      case MixDuty::kDue:
        break;
    }
    Say(global, Cat("Contest ", id, ": mixing ", desk.state().ContestBallots(c), " ballots."));
    URNA_RETURN_IF_ERROR(MixContest(global, flags, desk, c, &sent));
    mixed.push_back(id);
  }
  Say(global, Cat("Next: when ", definition.trustees_needed,
                  " trustees have mixed, `urna trustee decrypt`."));
  Done(global, desk, "mix", {{"contests", mixed}});
  return absl::OkStatus();
}

absl::Status RunDecrypt(const GlobalOptions& global, const TrusteeFlags& flags) {
  URNA_ASSIGN_OR_RETURN(Desk desk, SitDown(global, flags));
  URNA_ASSIGN_OR_RETURN(TrusteeSecrets secrets, OpenState(flags, desk));
  if (desk.state().phase() == poll::Phase::kClosed) {
    URNA_RETURN_IF_ERROR(AwaitWitnesses(global, flags, desk));
  }
  const poll::State& state = desk.state();
  const poll::Definition& definition = *state.definition();
  // Everything is made, and so refused, before anything is sent.
  Json done = Json::array();
  std::vector<std::vector<Submission>> shares;
  uint64_t sent = 0;
  for (uint32_t c = 0; c < definition.contests.size(); ++c) {
    const std::string& id = definition.contests[c].id;
    if (state.phase() == poll::Phase::kClosed && !state.NeedsDecryption(c)) {
      Say(global,
          Cat("Contest ", id, " has ", state.ContestBallots(c), " ballots; it is not decrypted."));
      continue;
    }
    URNA_ASSIGN_OR_RETURN(
        std::vector<Submission> share,
        PrepareDecryption(state, desk.view->checkpoint_note(), desk.key, c, sent, &secrets));
    if (!share[0].recorded) sent += share.size();
    Say(global, Cat("Contest ", id, ": ",
                    state.IsMixed(c) ? Cat("the ", state.ContestBallots(c), " mixed ballots.")
                                     : Cat("the sum of ", state.ContestBallots(c), " ballots.")));
    shares.push_back(std::move(share));
    done.push_back(id);
  }
  URNA_RETURN_IF_ERROR(
      WriteTrusteeState(flags.state, secrets, desk.passphrase, /*overwrite=*/true));
  for (const std::vector<Submission>& share : shares) {
    URNA_RETURN_IF_ERROR(SendAll(global, desk, share));
  }
  Say(global,
      Cat("Next: when the result is certified, `urna trustee destroy` destroys your share."));
  Done(global, desk, "decrypt", {{"contests", done}});
  return absl::OkStatus();
}

// --- Beside the ledger

absl::Status RunRehearse(const GlobalOptions& global, const TrusteeFlags& flags) {
  if (!base::IsUtf8(flags.label)) {
    return base::Failure(absl::StatusCode::kInvalidArgument, "--label is not UTF-8");
  }
  const Clock::time_point before_ledger = Clock::now();
  URNA_ASSIGN_OR_RETURN(Desk desk, SitDown(global, flags));
  const double ledger_seconds = SecondsSince(before_ledger);
  URNA_ASSIGN_OR_RETURN(TrusteeSecrets secrets, OpenState(flags, desk));
  const Clock::time_point before_share = Clock::now();
  URNA_ASSIGN_OR_RETURN(const RehearsalShare share, Rehearse(desk.state(), flags.label, &secrets));
  const poll::Definition& definition = *desk.state().definition();
  uint64_t slots = 0, mixed = 0;
  for (const poll::Contest& contest : definition.contests) {
    if (contest.tally == poll::TallyKind::kMixed) {
      ++mixed;
    } else {
      slots += contest.options.size();
    }
  }
  const double share_seconds = SecondsSince(before_share) * static_cast<double>(slots) /
                               static_cast<double>(secrets.shares.size());
  if (!flags.out.empty()) {
    URNA_RETURN_IF_ERROR(base::CreateFileAtomic(flags.out, share.Encode(desk.state().poll())));
  }
  Say(global,
      Cat("The state file and its passphrase work: your share decrypts under all ",
          secrets.shares.size(), " keys of the poll, and everybody can check that it does. ",
          "Nothing was written to the ledger."));
  Say(global,
      Cat("The real decryption first checks the whole ledger, ", Seconds(ledger_seconds),
          " today for ", desk.state().size(), " records with ", desk.state().ballot_records(),
          " ballots, and then makes your shares of ", definition.contests.size() - mixed,
          " contests that are added up, about ", Seconds(share_seconds), " on this machine."));
  if (mixed > 0) {
    Say(global,
        Cat("The ballots of ", mixed, mixed == 1 ? " contest" : " contests",
            " are mixed (`urna trustee mix`) and decrypted one by one. How long that takes depends "
            "on how many will vote: minutes, in a big city."));
  }
  if (!flags.out.empty()) {
    Say(global, Cat(flags.out, " holds your share of the test votes; it tells nothing secret. ",
                    "Whoever has ", definition.trustees_needed,
                    " such files of one label tries them together with `urna trustee combine`."));
  }
  Done(global, desk, "rehearse",
       {{"label", flags.label},
        {"keys", secrets.shares.size()},
        {"ledger_seconds", ledger_seconds},
        {"share_seconds", share_seconds}});
  return absl::OkStatus();
}

struct CombineFlags {
  Hash32 poll{};
  std::string folder;
  std::vector<std::string> files;
};

absl::Status RunCombine(const GlobalOptions& global, const CombineFlags& flags) {
  URNA_ASSIGN_OR_RETURN(const std::unique_ptr<Connection> connection,
                        Connection::Open(global.server));
  URNA_ASSIGN_OR_RETURN(const std::unique_ptr<PollView> view,
                        PollView::FetchAll(*OverGrpc(*connection, flags.poll), flags.poll,
                                           flags.folder, ShowProgress()));
  std::vector<RehearsalShare> shares;
  for (const std::string& path : flags.files) {
    URNA_ASSIGN_OR_RETURN(const std::string text, base::ReadFile(path, kMaxSmallFile));
    auto share = RehearsalShare::Decode(view->state(), text);
    if (!share.ok()) return base::Annotate(share.status(), path);
    shares.push_back(*std::move(share));
  }
  URNA_RETURN_IF_ERROR(CombineRehearsal(view->state(), shares));
  const poll::Definition& definition = *view->state().definition();
  Json trustees = Json::array();
  std::string names;
  for (const RehearsalShare& share : shares) {
    const std::string& name = definition.trustees[share.trustee - 1].name;
    trustees.push_back(share.trustee);
    names += Cat(names.empty() ? "" : ", ", name);
  }
  Say(global, Cat("The shares of ", names, " together decrypt the test votes",
                  shares.front().label.empty() ? "" : Cat(" of \"", shares.front().label, "\""),
                  "; any ", definition.trustees_needed, " of ", definition.trustees.size(),
                  " trustees will decrypt the result."));
  if (global.json) PrintJson({{"label", shares.front().label}, {"trustees", trustees}});
  return absl::OkStatus();
}

/// Both answers must be right; without a terminal, only --yes says yes.
absl::Status ConfirmDestruction(const TrusteeFlags& flags, const Desk& desk) {
  if (flags.yes) return absl::OkStatus();
  if (isatty(STDIN_FILENO) == 0) {
    return base::Failure(absl::StatusCode::kFailedPrecondition,
                         "nobody is there to confirm; give --yes to destroy without being asked");
  }
  const auto ask = [](std::string_view question, std::string_view wanted) {
    std::cerr << question;
    std::string answer;
    std::getline(std::cin, answer);
    return base::Trim(answer) == wanted;
  };
  const std::string poll = base::Hex(desk.state().poll()).substr(0, 8);
  if (ask(Cat("Destroy ", flags.state, " for ever? Type yes: "), "yes") &&
      ask(Cat("This cannot be undone. Type the first 8 digits of the poll id (", poll, "): "),
          poll)) {
    return absl::OkStatus();
  }
  return base::Failure(absl::StatusCode::kCancelled, "not confirmed; nothing was destroyed");
}

absl::Status RunDestroy(const GlobalOptions& global, const TrusteeFlags& flags) {
  const std::string out = flags.out.empty() ? Cat(flags.state, ".destroyed") : flags.out;
  URNA_ASSIGN_OR_RETURN(Desk desk, SitDown(global, flags));
  URNA_RETURN_IF_ERROR(MayDestroy(desk.state()));
  URNA_RETURN_IF_ERROR(OpenState(flags, desk).status());
  if (access(out.c_str(), F_OK) == 0) {
    return base::Failure(absl::StatusCode::kAlreadyExists,
                         Cat(out, ": exists; give --out another name for the statement"));
  }
  URNA_RETURN_IF_ERROR(ConfirmDestruction(flags, desk));
  URNA_RETURN_IF_ERROR(OverwriteAndRemove(flags.state));
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(
      std::chrono::system_clock::now().time_since_epoch());
  const auto statement = DestructionStatement::Make(desk.state().poll(), desk.trustee,
                                                    static_cast<uint64_t>(now.count()), desk.key);
  const std::string text =
      statement.Encode(desk.state().definition()->trustees[desk.trustee - 1].name);
  const absl::Status written = base::CreateFileAtomic(out, text);
  if (!written.ok()) {
    // The share is gone; the statement need not be.
    std::cout << text;
    return base::Annotate(written, "the share is destroyed; its statement is on standard output");
  }
  Say(global, Cat(flags.state, " was overwritten and removed. ", out,
                  " is your signed statement; publish it."));
  Say(global,
      "Urna cannot vouch for what lies beneath: solid-state disks, journaling and copying file "
      "systems and earlier versions of the file may keep older bytes, sealed with your passphrase. "
      "Destroy every copy and backup too. The ledger's folder is public and may stay.");
  Done(global, desk, "destroy", {{"statement", out}});
  return absl::OkStatus();
}

struct StatementFlags {
  Hash32 poll{};
  std::string file;
};

absl::Status RunCheckDestroyed(const GlobalOptions& global, const StatementFlags& flags) {
  URNA_ASSIGN_OR_RETURN(const std::string text, base::ReadFile(flags.file, kMaxSmallFile));
  const auto statement = DestructionStatement::Decode(text);
  if (!statement.ok()) return base::Annotate(statement.status(), flags.file);
  URNA_ASSIGN_OR_RETURN(const std::unique_ptr<Connection> connection,
                        Connection::Open(global.server));
  URNA_ASSIGN_OR_RETURN(const std::unique_ptr<PollView> view,
                        PollView::FetchDefinition(*OverGrpc(*connection, flags.poll), flags.poll));
  const poll::Definition& definition = *view->state().definition();
  const absl::Status checked = statement->Check(flags.poll, definition);
  if (!checked.ok()) return base::Annotate(checked, flags.file);
  const std::string& name = definition.trustees[statement->trustee - 1].name;
  const std::string date = base::FormatUtc(statement->time);
  Say(global, Cat("Trustee ", statement->trustee, " (", name, ") signed that on ", date,
                  " the share of this poll was destroyed. The signature is right; that no copy is "
                  "left is the trustee's word, and the date is that of the trustee's clock."));
  if (global.json) {
    PrintJson({{"trustee", statement->trustee}, {"name", name}, {"date", date}});
  }
  return absl::OkStatus();
}

struct ShowStateFlags {
  std::string file;
};

absl::Status RunShowState(const GlobalOptions& global, const ShowStateFlags& flags) {
  URNA_RETURN_IF_ERROR(CheckTrusteeStateFile(flags.file));
  URNA_ASSIGN_OR_RETURN(
      const crypto::SecretText passphrase,
      GetPassphrase(global.passphrase, Cat("passphrase of ", flags.file), /*confirm=*/false));
  URNA_ASSIGN_OR_RETURN(const TrusteeSecrets secrets, ReadTrusteeState(flags.file, passphrase));
  std::string_view stage = "joined", meaning = "can deal, once all have joined";
  if (!secrets.complained.empty()) {
    stage = "complained";
    meaning = "its secret was given away; of no further use";
  } else if (!secrets.decrypted.empty()) {
    stage = "decrypted";
    meaning = "made shares of the result";
  } else if (!secrets.shares.empty()) {
    stage = "confirmed";
    meaning = "can decrypt, once the poll is closed";
  } else if (!secrets.dealt.empty()) {
    stage = "dealt";
    meaning = "can confirm, once all have dealt";
  }
  Json contests = Json::array();
  for (const auto& [contest, hash] : secrets.decrypted) contests.push_back(contest + 1);
  if (global.json) {
    PrintJson({{"poll", base::Hex(secrets.poll)},
               {"trustee", secrets.trustee},
               {"stage", stage},
               {"decrypted_contests", contests}});
    return absl::OkStatus();
  }
  std::cout << "poll:      " << base::Hex(secrets.poll)
            << "\ntrustee:   " << static_cast<int>(secrets.trustee) << "\nstage:     " << stage
            << " (" << meaning << ")\n";
  if (!contests.empty()) {
    std::cout << "decrypted: contests " << contests.dump() << ", in the definition's order\n";
  }
  std::cout << "An older copy says an earlier stage; the next command brings it up to date.\n";
  return absl::OkStatus();
}

}  // namespace

void AddTrusteeCommands(CLI::App& app, GlobalOptions& global, Action* action) {
  CLI::App* trustee =
      app.add_subcommand("trustee", "For trustees: the key ceremony and decryption");
  AddIdentityCommands(trustee, "trustee", global, action);
  constexpr std::string_view kRepeats =
      "Checks the whole ledger first. Can be run again at any time: it repeats the same record.";
  const auto add = [&](const std::string& name, const std::string& description,
                       std::string_view note, auto run) {
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
                        "Folder where the ledger is kept, so that a server that shows another one "
                        "later is found out; without it, STATE.ledger");
    global.AddServer(command);
    global.AddPassphrase(command);
    AddExample(command,
               Cat("urna trustee ", name,
                   " --poll 3f…9a --key jan.key --state jan.state "
                   "--server vote.example:7443"),
               std::string(note));
    command->callback([&global, action, flags, run] {
      *action = [&global, flags, run] { return run(global, *flags); };
    });
    return std::pair(command, flags);
  };
  add("join", "Makes this trustee's secrets and commits to them on the ledger",
      Cat(kRepeats,
          " Copy the state file to a safe place: a copy made after joining is a backup "
          "for the whole poll."),
      RunJoin);
  add("deal", "Sends every trustee its shares, once all have joined", kRepeats, RunDeal);
  add("confirm", "Checks the shares of all trustees; confirms, or complains about a wrong one",
      Cat(kRepeats, " A complaint gives this ceremony's secret away and ends the poll."),
      RunConfirm);
  const auto add_wait = [](CLI::App* command, uint32_t* wait) {
    command
        ->add_option("--wait", *wait,
                     "Seconds to wait for witnesses' cosignatures that are missing")
        ->type_name("SECONDS")
        ->capture_default_str();
  };
  constexpr std::string_view kWitnessed =
      " Where the poll demands it, only after its witnesses cosigned the closed ledger.";
  const auto [mix, mix_flags] = add(
      "mix", "After closing: mixes the ballots of each contest that is tallied by mixing",
      Cat("Checks the whole ledger first. Mixes what the last mixer gave out; which ballot went "
          "where is never stored. What is on its way to the ledger is kept beside the state "
          "file, so that an interrupted run goes on where it ended.",
          kWitnessed),
      RunMix);
  add_wait(mix, &mix_flags->wait);
  mix->add_flag("--replace-unfinished", mix_flags->replace_unfinished,
                "Mix even if another trustee has begun to send a mix and not finished: yours takes "
                "its place");
  const auto [decrypt, decrypt_flags] =
      add("decrypt", "After closing: decrypts the sum of each contest, or its mixed ballots",
          Cat(kRepeats, kWitnessed), RunDecrypt);
  add_wait(decrypt, &decrypt_flags->wait);

  const auto [rehearse, rehearse_flags] = add(
      "rehearse", "Tries out, before it matters, whether this file and passphrase decrypt",
      "Decrypts test votes that everybody can compute, checks the share as everybody will check "
      "the real one, and writes nothing to the ledger. Possible once all have confirmed. With "
      "--export, several trustees rehearse together: see `urna trustee combine`.",
      RunRehearse);
  rehearse->add_option("--label", rehearse_flags->label,
                       "Name of a rehearsal, such as its date: other test votes for each; all "
                       "trustees of one rehearsal give the same");
  rehearse->add_option("--export", rehearse_flags->out,
                       "New file for the share of the test votes, to be combined with others'");

  const auto [destroy, destroy_flags] = add(
      "destroy", "Destroys this trustee's share for ever and signs a statement that it did",
      "Refuses until the poll is certified or cancelled, or a complaint ended it. Overwrites the "
      "state file before removing it, but disks and file systems may keep older bytes; destroy "
      "copies and backups as well.",
      RunDestroy);
  destroy->add_option("--out", destroy_flags->out,
                      "New file for the statement; without it, STATE.destroyed");
  destroy->add_flag("--yes", destroy_flags->yes, "Do not ask before destroying");

  {
    auto flags = std::make_shared<CombineFlags>();
    CLI::App* command = trustee->add_subcommand(
        "combine", "Checks that the trustees' shares of a rehearsal decrypt together");
    AddPoll(command, &flags->poll);
    command->add_option("file", flags->files, "Files made by `urna trustee rehearse --export`")
        ->required();
    command->add_option("--folder", flags->folder,
                        "Folder for the ledger, kept; without it a temporary one");
    global.AddServer(command);
    AddExample(command,
               "urna trustee combine jan.share eva.share --poll 3f…9a --server vote.example:7443",
               "Needs no key: anybody may combine the files, which tell nothing secret.");
    command->callback([&global, action, flags] {
      *action = [&global, flags] { return RunCombine(global, *flags); };
    });
  }
  {
    auto flags = std::make_shared<StatementFlags>();
    CLI::App* command = trustee->add_subcommand(
        "check-destroyed", "Checks a trustee's statement that a share was destroyed");
    AddPoll(command, &flags->poll);
    command->add_option("file", flags->file, "The statement")->required();
    global.AddServer(command);
    AddExample(command,
               "urna trustee check-destroyed jan.state.destroyed --poll 3f…9a "
               "--server vote.example:7443",
               "Checks signature, poll and trustee. No signature proves that no copy is left.");
    command->callback([&global, action, flags] {
      *action = [&global, flags] { return RunCheckDestroyed(global, *flags); };
    });
  }
  {
    auto flags = std::make_shared<ShowStateFlags>();
    CLI::App* command = trustee->add_subcommand(
        "show-state", "Says which poll and trustee a state file is for, and how far it got");
    command->add_option("file", flags->file, "State file")->required();
    global.AddPassphrase(command);
    AddExample(command, "urna trustee show-state jan.state", "Asks no server.");
    command->callback([&global, action, flags] {
      *action = [&global, flags] { return RunShowState(global, *flags); };
    });
  }
}

}  // namespace urna::client
