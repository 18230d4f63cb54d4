#include "client/commands_status.h"

#include <functional>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"
#include "client/commands_result.h"
#include "client/commands_steps.h"
#include "client/official.h"
#include "client/poll_view.h"
#include "poll/cosignatures.h"

namespace urna::client {
namespace {

using base::Cat;
using Json = nlohmann::json;
using poll::Phase;

struct StatusFlags {
  Hash32 poll{};
  std::string folder;
  bool quick = false;
};

/// One step of a poll. `mark`: 'x' done, ' ' to come, '!' something that somebody must look at.
struct Line {
  char mark;
  std::string name;
  std::string detail;
};

struct Checklist {
  std::vector<Line> lines;
  std::vector<std::string> next;  ///< what to do now, with the command
};

std::string Span(uint64_t seconds) {
  if (seconds < 60) return Cat(seconds, " s");
  if (seconds < 3600) return Cat(seconds / 60, " min");
  if (seconds < 2 * 86400) return Cat(seconds / 3600, " h ", seconds % 3600 / 60, " min");
  return Cat(seconds / 86400, " days");
}

class Maker {
 public:
  Maker(const PollView& view, uint64_t now)
      : view_(view),
        state_(view.state()),
        d_(*view.state().definition()),
        now_(now),
        poll_(Cat(" --poll ", base::Hex(view.state().poll()))) {}

  Checklist Make() {
    Officials<poll::Defined>("defined", "");
    Officials<poll::RollSealed>("roll sealed", Cat(state_.entitled(), " entitled"));
    if (state_.phase() == Phase::kRoll) {
      Next("two officials or more import the roll", "roll import roll.csv",
           " --key YOURS --persons-sha256 persons.sha256");
    }
    Parties("issuers joined", d_.issuers, 0, Phase::kIssuers,
            [&](uint32_t i) { return state_.issuer_keys()[i].has_value(); });
    if (state_.phase() == Phase::kIssuers) {
      checklist_.next.push_back("issuers join by themselves; is the server of each running?");
    }
    Ceremony("trustees joined", "join", Phase::kJoining,
             [&](uint32_t i) { return state_.joined()[i].has_value(); });
    Ceremony("trustees dealt", "deal", Phase::kDealing,
             [&](uint32_t i) { return state_.dealt()[i].has_value(); });
    Ceremony("trustees confirmed", "confirm", Phase::kConfirming,
             [&](uint32_t i) { return state_.confirmed()[i]; });
    if (state_.phase() == Phase::kFailed) {
      Add('!', "key ceremony FAILED", state_.reason());
      Next("officials cancel the poll and define it anew", "poll cancel",
           " --key YOURS --reason ...");
    }
    Officials<poll::Opened>("opened", "");
    if (state_.phase() == Phase::kReady) Step("open");
    Voting();
    Closing();
    Tally();
    if (state_.phase() == Phase::kCancelled) {
      for (const auto& recorded : view_.steps()) {
        if (std::holds_alternative<poll::Cancelled>(recorded.step)) {
          Add('!', "CANCELLED", Cat(By(recorded), ": \"", state_.reason(), "\""));
        }
      }
    }
    return std::move(checklist_);
  }

 private:
  void Add(char mark, std::string name, std::string detail) {
    checklist_.lines.push_back({mark, std::move(name), OneLine(detail)});
  }
  void Next(std::string_view what, std::string_view command, std::string_view flags) {
    checklist_.next.push_back(Cat(what, ":\n    urna ", command, poll_, flags));
  }
  void Step(std::string_view command) {
    Next(Cat(d_.officials_needed, " officials to ", command, " the poll, each"),
         Cat("poll ", command), " --key YOURS");
  }

  /// "2014-05-25T04:00:00Z by Anna, Jan".
  std::string By(const PollView::RecordedStep& recorded) const {
    std::string names;
    std::visit(
        [&](const auto& p) {
          if constexpr (requires { p.approvals; }) {
            for (const poll::Approval& approval : p.approvals) {
              names += Cat(names.empty() ? "" : ", ", d_.officials[approval.official].name);
            }
          }
        },
        recorded.step);
    return Cat(base::FormatUtc(recorded.time), " by ", names);
  }

  /// A step of officials that a poll has once.
  template <typename T>
  void Officials(std::string name, const std::string& detail) {
    for (const auto& recorded : view_.steps()) {
      if (!std::holds_alternative<T>(recorded.step)) continue;
      Add('x', std::move(name), Cat(By(recorded), detail.empty() ? "" : "; ", detail));
      return;
    }
    Add(' ', std::move(name), "");
  }

  void Parties(std::string name, const std::vector<poll::Party>& parties, uint32_t first_number,
               Phase when, const std::function<bool(uint32_t)>& done) {
    std::string missing;
    for (uint32_t i = 0; i < parties.size(); ++i) {
      if (done(i)) continue;
      missing += Cat(missing.empty() ? "" : ", ", i + first_number, " (", parties[i].name, ")");
    }
    const bool now = state_.phase() == when;
    Add(missing.empty() ? 'x' : ' ', std::move(name),
        missing.empty() ? Cat("all ", parties.size())
        : now           ? Cat("not yet: ", missing)
                        : "");
  }
  void Ceremony(std::string name, std::string_view command, Phase when,
                const std::function<bool(uint32_t)>& done) {
    Parties(std::move(name), d_.trustees, 1, when, done);
    if (state_.phase() != when) return;
    Next("each trustee that is missing", Cat("trustee ", command), " --key YOURS --state YOURS");
  }

  void Voting() {
    for (const poll::Course::Loss& loss : state_.course().losses) {
      Add('!', "records LOST",
          Cat(loss.count(), " that the ballot box had signed for, from record ", loss.record,
              " on: \"", loss.reason, "\""));
    }
    for (const auto& recorded : view_.steps()) {
      if (const auto* paused = std::get_if<poll::Paused>(&recorded.step)) {
        Add('x', "  paused", Cat(By(recorded), ": \"", paused->reason, "\""));
      } else if (std::holds_alternative<poll::Resumed>(recorded.step)) {
        Add('x', "  resumed", By(recorded));
      } else if (const auto* extended = std::get_if<poll::Extended>(&recorded.step)) {
        Add('x', "  extended",
            Cat(By(recorded), ", to ", base::FormatUtc(extended->end), ": \"", extended->reason,
                "\""));
      } else if (const auto* r = std::get_if<poll::CredentialReplaced>(&recorded.step)) {
        Add('x', "  credential replaced",
            Cat(By(recorded), ": ", base::Hex(r->old_credential.bytes()).substr(0, 8), "... by ",
                base::Hex(r->new_credential.bytes()).substr(0, 8), "..."));
      }
    }
    const bool voting = state_.phase() == Phase::kOpen || state_.phase() == Phase::kPaused;
    const bool over = state_.phase() == Phase::kEnded || state_.closed().has_value();
    const std::string ballots = Cat(state_.distinct_ballots(), " ballots counted so far (",
                                    state_.ballot_records(), " cast), as published");
    const std::string end = base::FormatUtc(state_.end());
    if (!voting) {
      Add(over ? 'x' : ' ', "voting",
          over ? Cat("ended ", end, "; ", state_.distinct_ballots(), " ballots")
               : Cat("until ", end));
      return;
    }
    const std::string left =
        now_ < state_.end() ? Cat(Span(state_.end() - now_), " left") : "the end has come";
    if (state_.phase() == Phase::kPaused) {
      Add('!', "voting is PAUSED",
          Cat("\"", state_.reason(), "\"; until ", end, ", ", left, "; ", ballots));
      Step("resume");
    } else if (now_ < d_.casting_from) {
      Add(' ', "voting", Cat("ballots from ", base::FormatUtc(d_.casting_from), " until ", end));
      checklist_.next.push_back("nothing; residents can get their tokens");
    } else {
      Add(' ', "voting", Cat("until ", end, ", ", left, "; ", ballots));
      checklist_.next.push_back(now_ < state_.end()
                                    ? "nothing; the server ends the poll at its time"
                                    : "nothing; the server is about to end the poll");
    }
  }

  void Closing() {
    Parties("last counts of issuers", d_.issuers, 0, Phase::kEnded,
            [&](uint32_t i) { return state_.LastCountDone(i); });
    Officials<poll::Closed>("closed", "");
    if (state_.phase() == Phase::kEnded) {
      bool counted = true;
      for (uint32_t i = 0; i < d_.issuers.size(); ++i) counted = counted && state_.LastCountDone(i);
      if (counted) {
        Step("close");
      } else {
        checklist_.next.push_back("issuers give their last count by themselves");
      }
    }
    Parties("registers of issuers", d_.issuers, 0, Phase::kClosed,
            [&](uint32_t i) { return state_.RegisterSettled(i); });
    for (const auto& recorded : view_.steps()) {
      if (const auto* missing = std::get_if<poll::RegisterMissing>(&recorded.step)) {
        Add('!', "  register MISSING",
            Cat("of ", d_.issuers[missing->issuer].name, ", ", By(recorded), ": \"",
                missing->reason, "\""));
      } else if (const auto* lot = std::get_if<poll::Lot>(&recorded.step)) {
        Add('x', "public draw", Cat(By(recorded), ": \"", lot->outcome, "\""));
      }
    }
    if (state_.phase() == Phase::kClosed && !state_.RegistersSettled()) {
      Next("issuers publish their registers by themselves; if one never will, officials",  //
           "poll register-missing", " --key YOURS --issuer N --reason ...");
    }
  }

  /// Whether enough witnesses cosigned what is shown for trustees to decrypt it.
  bool Witnesses() {
    if (d_.witnesses.empty()) return true;
    const auto note = ledger::Note::Parse(view_.checkpoint_note());
    const poll::Cosignatures found =
        note.ok() ? poll::CosignaturesOn(d_, *note) : poll::Cosignatures();
    const bool enough = found.AtLeast(poll::CosignaturesForFinal(d_));
    const bool closed = state_.phase() == Phase::kClosed;
    Add(enough   ? 'x'
        : closed ? '!'
                 : ' ',
        "witnesses",
        Cat("of the newest checkpoint: ", found.ToString(), "; ", d_.witnesses_needed,
            " must before trustees decrypt"));
    return found.AtLeast(d_.witnesses_needed);
  }

  void Tally() {
    std::string paper;
    for (size_t s = 0; s < state_.paper().size(); ++s) {
      if (!state_.paper()[s].has_value()) continue;
      paper += Cat(paper.empty() ? "" : ", ", d_.styles[s].id, " ", state_.paper()[s]->cards);
    }
    bool shared = true, decrypts = false;
    std::string missing;
    if (state_.closed().has_value()) {
      for (uint32_t c = 0; c < d_.contests.size(); ++c) {
        if (!state_.NeedsDecryption(c)) continue;
        decrypts = true;
        if (state_.ShareCount(c) >= d_.trustees_needed) continue;
        shared = false;
        std::string absent;
        for (uint32_t j = 1; j <= d_.trustees.size(); ++j) {
          if (state_.HasShare(c, j)) continue;
          absent += Cat(absent.empty() ? "" : ", ", d_.trustees[j - 1].name);
        }
        missing += Cat(missing.empty() ? "" : "; ", d_.contests[c].id, ": ",
                       d_.trustees_needed - state_.ShareCount(c), " more of ", d_.trustees_needed,
                       " decryption shares, not yet ", absent);
      }
    }
    const bool closed = state_.closed().has_value();
    const bool witnessed = Witnesses();
    Add(closed && shared ? 'x' : ' ', "decrypted",
        !closed || state_.phase() == Phase::kCancelled ? ""
        : shared ? decrypts ? "every contest" : "no contest has enough ballots to be decrypted"
                 : missing);
    Add(paper.empty() ? ' ' : 'x', "votes on paper (optional)",
        paper.empty() ? "" : Cat("cards: ", paper));
    Officials<poll::Certified>("certified", "");
    if (state_.phase() == Phase::kCertified) {
      Next("everybody can look at the result", "poll tally", "");
    }
    if (state_.phase() != Phase::kClosed || !state_.RegistersSettled()) return;
    if (!shared && !witnessed) {
      checklist_.next.push_back(
          "the server asks the poll's witnesses by itself; if one stays away, ask it, and the "
          "server's operator, why");
    }
    if (!shared && state_.AwaitsLot()) {
      Next(
          "officials draw a lot in public and write down its outcome, before anything is decrypted",
          "poll lot", " --key YOURS --outcome ...");
      return;
    }
    if (!shared) {
      Next("trustees decrypt, each", "trustee decrypt", " --key YOURS --state YOURS");
      return;
    }
    if (paper.empty()) {
      Next("if people voted on paper too: fill in this table, then `urna poll paper`",
           "poll paper-template", "");
    }
    Next(Cat(d_.officials_needed, " officials to certify the result, each"), "poll certify",
         " --key YOURS");
  }

  const PollView& view_;
  const poll::State& state_;
  const poll::Definition& d_;
  const uint64_t now_;
  const std::string poll_;
  Checklist checklist_;
};

absl::Status Status(const GlobalOptions& global, const StatusFlags& flags) {
  URNA_ASSIGN_OR_RETURN(const std::unique_ptr<Connection> connection,
                        Connection::Open(global.server));
  auto fetched = flags.quick
                     ? PollView::FetchDefinition(*OverGrpc(*connection, flags.poll), flags.poll)
                     : PollView::FetchAll(*OverGrpc(*connection, flags.poll), flags.poll,
                                          flags.folder, ShowProgress());
  URNA_RETURN_IF_ERROR(fetched.status());
  const PollView& view = **fetched;
  const poll::State& state = view.state();
  const poll::Definition& d = *state.definition();
  v1::StatusRequest request;
  request.set_poll(std::string(base::View(flags.poll)));
  URNA_ASSIGN_OR_RETURN(const v1::StatusResponse status,
                        Call(connection->reading(), &v1::Reading::Stub::Status, request));
  URNA_ASSIGN_OR_RETURN(const std::vector<PendingStep> pending, FetchPending(*connection, state));
  Checklist checklist;
  if (!flags.quick) checklist = Maker(view, status.time()).Make();

  const std::string sha256 = base::Hex(crypto::HashSha256(state.definition_json()));
  if (global.json) {
    Json lines = Json::array();
    for (const Line& line : checklist.lines) {
      lines.push_back({{"step", std::string(base::Trim(line.name))},
                       {"done", line.mark == 'x'},
                       {"attention", line.mark == '!'},
                       {"detail", line.detail}});
    }
    PrintJson({{"poll", base::Hex(flags.poll)},
               {"title", d.title},
               {"sha256", sha256},
               {"rehearsal", d.rehearsal},
               {"verified", !flags.quick},
               {"phase", status.phase()},
               {"reason", status.reason()},
               {"size", status.size()},
               {"end", base::FormatUtc(status.end())},
               {"server_time", base::FormatUtc(status.time())},
               {"waiting_for",
                std::vector<std::string>(status.waiting_for().begin(), status.waiting_for().end())},
               {"checklist", lines},
               {"next", checklist.next},
               {"pending", PendingJson(state, pending)}});
    return absl::OkStatus();
  }
  if (d.rehearsal) std::cout << "*** REHEARSAL: this poll counts for nothing ***\n";
  std::cout << Shown(d, d.title) << "\n"
            << "ledger " << OneLine(d.ballot_box.name) << ", definition sha256 " << sha256 << "\n";
  if (!flags.quick) {
    std::cout << "\nChecked record by record, " << state.size() << " records:\n";
    for (const Line& line : checklist.lines) {
      std::cout << "  [" << line.mark << "] "
                << (line.detail.empty() ? line.name : Cat(Padded(line.name, 26), " ", line.detail))
                << "\n";
    }
  }
  std::cout << "\nThe server says, at " << base::FormatUtc(status.time()) << ":\n"
            << "  phase: " << OneLine(status.phase());
  if (!status.reason().empty()) std::cout << " (" << OneLine(status.reason()) << ")";
  std::cout << "; end: " << base::FormatUtc(status.end()) << "; " << status.size()
            << " records published\n";
  for (const std::string& what : status.waiting_for()) {
    std::cout << "  waits for " << OneLine(what) << "\n";
  }
  if (!pending.empty()) {
    std::cout << "\n";
    PrintPending(state, pending);
  }
  if (!checklist.next.empty()) std::cout << "\nNext:\n";
  for (const std::string& next : checklist.next) std::cout << "  " << next << "\n";
  return absl::OkStatus();
}

}  // namespace

void AddStatusCommand(CLI::App* polls, GlobalOptions& global, Action* action) {
  auto flags = std::make_shared<StatusFlags>();
  CLI::App* command = polls->add_subcommand(
      "status", "A checklist: what is done, what blocks the next step, and what to type next");
  AddPoll(command, &flags->poll);
  command->add_option("--folder", flags->folder,
                      "Folder for the ledger, kept; without it a temporary one");
  command->add_flag("--quick", flags->quick,
                    "Only what the server says, without checking the ledger");
  global.AddServer(command);
  AddExample(command, "urna poll status --poll 3f…9a --server vote.example:7443",
             "Fetches the ledger and checks all of it. [x] is done, [ ] to come, [!] needs "
             "somebody's attention.");
  command->callback(
      [&global, action, flags] { *action = [&global, flags] { return Status(global, *flags); }; });
}

}  // namespace urna::client
