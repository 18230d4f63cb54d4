#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <map>
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
#include "client/poll_view.h"
#include "client/voter.h"
#include "client/wallet.h"
#include "crypto/credential.h"

namespace urna::client {
namespace {

using base::Cat;
using crypto::SecretText;
using Json = nlohmann::json;

struct VoteFlags {
  Hash32 poll{};
  std::string wallet, code, code_file, credential, language, receipt;
  PassphraseOptions credential_passphrase;
  std::vector<std::string> answers;
  bool yes = false;
  bool token_only = false;
};

absl::Status Usage(std::string_view text) {
  return base::Failure(absl::StatusCode::kInvalidArgument, text);
}
absl::Status Stopped(std::string_view text) {
  return base::Failure(absl::StatusCode::kCancelled, text);
}

bool Interactive() { return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO); }

/// A line from the terminal. Errors: Cancelled at its end.
absl::StatusOr<std::string> AskLine(std::string_view prompt) {
  std::cout << prompt << std::flush;
  std::string line;
  if (!std::getline(std::cin, line)) return Stopped("stopped; nothing was cast");
  return std::string(base::Trim(line));
}

// --- Credential ---

/// What a resident gave to prove who they are, before the poll is known: nothing, the symbols of a
/// code, or a secret key.
struct Identification {
  std::optional<SecretText> symbols;
  std::optional<crypto::SecretScalar> k;

  bool given() const { return symbols.has_value() || k.has_value(); }
};

absl::StatusOr<SecretText> CheckCode(std::string text) {
  const SecretText typed(std::move(text));
  return crypto::ParseCode(typed.Expose());
}

absl::StatusOr<Identification> Identify(const VoteFlags& flags) {
  Identification id;
  if (!flags.code.empty()) {
    URNA_ASSIGN_OR_RETURN(id.symbols, CheckCode(flags.code));
  } else if (!flags.code_file.empty()) {
    URNA_ASSIGN_OR_RETURN(std::string text, base::ReadFile(flags.code_file, 4096));
    URNA_ASSIGN_OR_RETURN(id.symbols, CheckCode(std::move(text)));
  } else if (!flags.credential.empty()) {
    URNA_ASSIGN_OR_RETURN(
        const SecretText passphrase,
        GetPassphrase(flags.credential_passphrase, Cat("passphrase of ", flags.credential), false));
    URNA_ASSIGN_OR_RETURN(id.k, LoadCredential(flags.credential, passphrase));
  }
  return id;
}

absl::StatusOr<Identification> AskForCode() {
  for (;;) {
    URNA_ASSIGN_OR_RETURN(std::string typed, AskLine("Your code, from the letter: "));
    auto symbols = CheckCode(std::move(typed));
    if (symbols.ok()) {
      Identification id;
      id.symbols = std::move(symbols).value();
      return id;
    }
    std::cout << std::string(symbols.status().message()) << "\n";
  }
}

absl::StatusOr<crypto::CredentialKey> DeriveKey(const Identification& id,
                                                const poll::Definition& definition) {
  if (id.k.has_value()) return crypto::CredentialKey::FromSecret(id.k->Clone());
  return crypto::DeriveCredential(*id.symbols, definition.roll_label);
}

/// The style under which `V` is on the roll, which may have changed after opening.
absl::StatusOr<std::string> FindStyle(Connection& connection, const PollView& view,
                                      const crypto::Point& V) {
  const poll::State& state = view.state();
  std::optional<uint16_t> style = state.StyleOf(V);
  if (!style.has_value()) {
    URNA_ASSIGN_OR_RETURN(const std::unique_ptr<PollView> all,
                          PollView::FetchAll(connection, state.poll(), ""));
    style = all->state().StyleOf(V);
  }
  if (!style.has_value()) {
    return base::Reject("credential.not-entitled",
                        "this code or key is not on the poll's roll, or was replaced by a new one");
  }
  return state.definition()->styles[*style].id;
}

// --- Questions ---

std::string In(const poll::Texts& texts, const std::string& language) {
  const auto found = texts.find(language);
  return found == texts.end() ? std::string() : OneLine(found->second);
}

std::string RuleHelp(const poll::Contest& contest) {
  struct Help {
    std::string operator()(const crypto::Choose& r) const {
      const std::string blank = r.lo == 0 ? "; 0 = blank vote (invalid)" : "";
      if (r.hi == 1) return Cat("one number", blank);
      return Cat(r.lo, " to ", r.hi, " numbers with commas between", blank);
    }
    std::string operator()(const crypto::Score& r) const {
      return Cat("NUMBER:POINTS with commas between, 0 to ", r.max, " points each",
                 r.has_total ? Cat(", ", r.total_lo, " to ", r.total_hi, " together") : "");
    }
    std::string operator()(const crypto::Points& r) const {
      return Cat(r.k, " numbers with commas between, the best first");
    }
    std::string operator()(const crypto::Picks& r) const {
      return Cat("up to ", r.w, " numbers with commas between; 0 = none");
    }
  };
  return std::visit(Help{}, contest.rule);
}

/// Numbers of options as typed -> their ids, as ParseAnswer reads them.
std::string NumbersToIds(const poll::Contest& contest, std::string_view typed) {
  if (typed == "0") return "blank";
  std::string out;
  for (const std::string_view raw : base::Split(typed, ',')) {
    const std::string_view item = base::Trim(raw);
    const size_t colon = item.find(':');
    uint64_t number = 0;
    std::string id(item.substr(0, colon));
    if (base::ParseU64(id, &number) && number >= 1 && number <= contest.options.size()) {
      id = contest.options[number - 1].id;
    }
    out += Cat(out.empty() ? "" : ",", id,
               colon == std::string_view::npos ? std::string_view() : item.substr(colon));
  }
  return out;
}

absl::StatusOr<ContestVotes> AskContest(const poll::Contest& contest, const std::string& language) {
  std::cout << "\n"
            << In(contest.title, language) << "\n"
            << In(contest.question, language) << "\n";
  for (size_t i = 0; i < contest.options.size(); ++i) {
    std::cout << "  " << i + 1 << "  " << In(contest.options[i].text, language) << "\n";
  }
  for (;;) {
    URNA_ASSIGN_OR_RETURN(const std::string typed, AskLine(Cat("(", RuleHelp(contest), "): ")));
    auto votes = ParseAnswer(contest, NumbersToIds(contest, typed));
    if (votes.ok()) return votes;
    std::cout << std::string(votes.status().message()) << "\n";
  }
}

/// The answers given by flags, by contest id. Errors name the flag's contest.
absl::StatusOr<std::map<std::string, std::string>> SplitAnswers(
    const std::vector<std::string>& answers) {
  std::map<std::string, std::string> split;
  for (const std::string& answer : answers) {
    const size_t equals = answer.find('=');
    if (equals == std::string::npos) {
      return Usage(Cat("--answer \"", answer, "\" is not QUESTION=ANSWER"));
    }
    const auto [unused, fresh] = split.emplace(answer.substr(0, equals), answer.substr(equals + 1));
    if (!fresh) return Usage(Cat("--answer: \"", answer.substr(0, equals), "\" is there twice"));
  }
  return split;
}

using Answers = std::vector<std::optional<ContestVotes>>;

/// What the flags answer, by contest of the style.
absl::StatusOr<Answers> AnswersFromFlags(const poll::Definition& definition,
                                         const poll::Style& style,
                                         std::map<std::string, std::string> given) {
  Answers answers;
  for (const uint32_t c : style.contests) {
    const poll::Contest& contest = definition.contests[c];
    answers.emplace_back();
    const auto found = given.find(contest.id);
    if (found == given.end()) continue;
    URNA_ASSIGN_OR_RETURN(answers.back(), ParseAnswer(contest, found->second));
    given.erase(found);
  }
  if (given.empty()) return answers;
  std::string ids;
  for (const uint32_t c : style.contests) {
    ids += Cat(ids.empty() ? "" : ", ", definition.contests[c].id);
  }
  return Usage(Cat("--answer: there is no question \"", given.begin()->first,
                   "\" on this ballot; its questions are ", ids));
}

void PrintAnswers(const poll::Definition& definition, const poll::Style& style,
                  const Answers& answers, const std::string& language) {
  for (size_t i = 0; i < answers.size(); ++i) {
    const poll::Contest& contest = definition.contests[style.contests[i]];
    std::cout << "  " << i + 1 << "  " << In(contest.title, language) << ": "
              << DescribeAnswer(contest, *answers[i], language) << "\n";
  }
}

absl::Status AskAndReview(const poll::Definition& definition, const poll::Style& style,
                          const std::string& language, bool review, Answers* answers) {
  for (size_t i = 0; i < answers->size(); ++i) {
    if ((*answers)[i].has_value()) continue;
    const poll::Contest& contest = definition.contests[style.contests[i]];
    if (!Interactive()) return Usage(Cat("no --answer to \"", contest.id, "\""));
    URNA_ASSIGN_OR_RETURN((*answers)[i], AskContest(contest, language));
  }
  if (!review) return absl::OkStatus();
  if (!Interactive()) return Usage("nobody can review the answers here; give --yes to cast them");
  for (;;) {
    std::cout << "\nYour answers:\n";
    PrintAnswers(definition, style, *answers, language);
    URNA_ASSIGN_OR_RETURN(
        const std::string typed,
        AskLine("Type \"cast\" to cast them, a number to change that answer, \"quit\" to stop: "));
    uint64_t number = 0;
    if (typed == "cast") return absl::OkStatus();
    if (typed == "quit") return Stopped("stopped; nothing was cast");
    if (base::ParseU64(typed, &number) && number >= 1 && number <= answers->size()) {
      const poll::Contest& contest = definition.contests[style.contests[number - 1]];
      URNA_ASSIGN_OR_RETURN((*answers)[number - 1], AskContest(contest, language));
    }
  }
}

// --- Voting ---

Retry RetryOnTerminal() {
  Retry retry;
  retry.pause = [](int attempt, const absl::Status& why) {
    const auto wait = std::chrono::seconds(1 << std::min(attempt - 2, 4));
    std::cerr << "urna: " << std::string(why.message())
              << "\nurna: sending the same again is safe; trying again in " << wait.count()
              << " s\n";
    std::this_thread::sleep_for(wait);
  };
  return retry;
}

absl::Status KeepReceipt(const GlobalOptions& global, const VoteFlags& flags,
                         const poll::Definition& definition, const Wallet& wallet,
                         const CheckedReceipt& checked, const std::string& fingerprint) {
  const std::string path =
      flags.receipt.empty() ? Cat(flags.wallet, ".receipt-", checked.revision) : flags.receipt;
  URNA_RETURN_IF_ERROR(base::WriteFileAtomic(path, checked.text, 0600));
  if (global.json) {
    Json out = {{"poll", base::Hex(wallet.poll)},
                {"style", wallet.style},
                {"revision", checked.revision},
                {"record", checked.receipt.index},
                {"leaf", base::Hex(checked.receipt.leaf)},
                {"receipt", path}};
    if (!fingerprint.empty()) out["fingerprint"] = fingerprint;
    PrintJson(out);
    return absl::OkStatus();
  }
  std::cout << "Recorded: your ballot is record " << checked.receipt.index << " of the ledger"
            << (checked.revision > 1 ? " and takes the place of your earlier one" : "")
            << ".\nReceipt, checked by this program: " << path
            << "\nIt becomes final with the next publication, in " << definition.publish_every
            << " s at most. Then run\n  urna receipt check " << path << " --poll "
            << base::Hex(wallet.poll) << " --server " << global.server.target << "\n";
  return absl::OkStatus();
}

absl::Status RunVote(const GlobalOptions& global, const VoteFlags& flags) {
  const auto say = [&global](const auto&... pieces) {
    if (!global.json) std::cout << Cat(pieces...) << "\n" << std::flush;
  };
  const Hash32& poll_id = flags.poll;
  URNA_ASSIGN_OR_RETURN(auto given, SplitAnswers(flags.answers));
  // A typing error in the code is found here, before anything is sent.
  URNA_ASSIGN_OR_RETURN(Identification id, Identify(flags));

  const bool known = std::filesystem::exists(flags.wallet);
  std::optional<Wallet> wallet;
  std::optional<SecretText> passphrase;
  if (known) {
    URNA_ASSIGN_OR_RETURN(
        passphrase, GetPassphrase(global.passphrase, Cat("passphrase of ", flags.wallet), false));
    URNA_ASSIGN_OR_RETURN(wallet, LoadWallet(flags.wallet, *passphrase));
    if (wallet->poll != poll_id) {
      return base::Failure(absl::StatusCode::kFailedPrecondition,
                           Cat(flags.wallet, ": belongs to poll ", base::Hex(wallet->poll)));
    }
  }
  const bool needs_key = !wallet.has_value() || !wallet->has_all_tokens();
  if (needs_key && !id.given()) {
    if (!Interactive()) return Usage("give --code, --code-file or --credential");
    URNA_ASSIGN_OR_RETURN(id, AskForCode());
  }

  URNA_ASSIGN_OR_RETURN(std::unique_ptr<Connection> connection, Connection::Open(global.server));
  URNA_ASSIGN_OR_RETURN(const std::unique_ptr<PollView> view,
                        PollView::FetchUntilOpened(*connection, poll_id));
  const std::shared_ptr<const poll::PollContext>& context = view->state().context();
  const poll::Definition& definition = *context->definition;
  const std::string language =
      flags.language.empty() ? definition.languages.front() : flags.language;
  if (std::ranges::find(definition.languages, language) == definition.languages.end()) {
    return Usage(Cat("--lang: the poll has no texts in \"", language, "\""));
  }
  say(In(definition.title, language), definition.rehearsal ? " - REHEARSAL, counts nothing" : "");
  say("The poll's records up to its opening were checked on this machine.");

  std::optional<crypto::CredentialKey> key;
  if (needs_key) {
    URNA_ASSIGN_OR_RETURN(key, DeriveKey(id, definition));
    if (!wallet.has_value()) {
      URNA_ASSIGN_OR_RETURN(std::string style, FindStyle(*connection, *view, key->V));
      wallet = Wallet::New(poll_id, key->V, std::move(style), definition.issuers.size());
    }
  }
  const auto save = [&](const Wallet& w) { return SaveWallet(flags.wallet, w, *passphrase); };
  const auto style = std::ranges::find(definition.styles, wallet->style, &poll::Style::id);
  if (style == definition.styles.end()) return Usage("the wallet names a style of another poll");
  URNA_ASSIGN_OR_RETURN(Answers answers, AnswersFromFlags(definition, *style, std::move(given)));
  // Asked for only now that everything that could be wrong was looked at.
  if (!passphrase.has_value()) {
    URNA_ASSIGN_OR_RETURN(passphrase,
                          GetPassphrase(global.passphrase,
                                        Cat("passphrase for the new wallet ", flags.wallet), true));
  }
  URNA_ASSIGN_OR_RETURN(Voter voter, Voter::Create(context, &*wallet, save, RetryOnTerminal()));
  say("Your ballot: ", In(style->title, language));

  if (needs_key) {
    URNA_RETURN_IF_ERROR(voter.ObtainTokens(connection->issuing(), *key));
    say("You have your anonymous ballot token; it is in ", flags.wallet,
        ". Without that file and its passphrase nobody can vote for you, you included.");
    key.reset();
  }
  v1::StatusRequest status_request;
  status_request.set_poll(std::string(base::View(poll_id)));
  URNA_ASSIGN_OR_RETURN(const v1::StatusResponse status,
                        Call(connection->reading(), &v1::Reading::Stub::Status, status_request));
  connection.reset();
  const bool too_early = status.time() < definition.casting_from;
  if (flags.token_only || too_early) {
    if (global.json) {
      PrintJson(Json{{"poll", base::Hex(poll_id)}, {"style", wallet->style}, {"token", true}});
    }
    say(too_early
            ? Cat("Ballots are accepted from ", base::FormatUtc(definition.casting_from), " on. ")
            : std::string(),
        "Run the same command again to vote; the later and the less predictable your moment, the "
        "less can be learnt from it.");
    return absl::OkStatus();
  }
  if (needs_key) {
    say("To keep anybody from matching the two by time, you can stop here (Ctrl-C) and vote later "
        "from this wallet.");
  }

  // Another connection than the one on which the resident was identified.
  URNA_ASSIGN_OR_RETURN(connection, Connection::Open(global.server));
  if (wallet->pending.has_value()) {
    say("The outcome of your last ballot is unknown. Sending the same ballot again is safe.");
    auto receipt = voter.CastPending(connection->casting());
    if (receipt.ok()) {
      say("It holds the answers that you gave then; to change them, run the command again.");
      return KeepReceipt(global, flags, definition, *wallet, *receipt, "");
    }
    if (base::RejectId(receipt.status()) != "ballot.revision-repeated") return receipt.status();
    say("A later ballot of yours is on the ledger already.");
  }
  URNA_RETURN_IF_ERROR(AskAndReview(definition, *style, language, !flags.yes, &answers));
  if (flags.yes && !global.json) PrintAnswers(definition, *style, answers, language);
  std::vector<ContestVotes> votes;
  for (const auto& answer : answers) votes.push_back(*answer);
  URNA_ASSIGN_OR_RETURN(const crypto::Hash32 fingerprint, voter.Prepare(std::move(votes)));
  say("Encrypted. Fingerprint: ", base::Hex(fingerprint));
  URNA_ASSIGN_OR_RETURN(const CheckedReceipt receipt,
                        voter.Cast(connection->casting(), connection->reading()));
  if (voter.fingerprint() != fingerprint) {
    say("A later ballot of yours was on the ledger, so yours was encrypted anew. Fingerprint: ",
        base::Hex(voter.fingerprint()));
  }
  return KeepReceipt(global, flags, definition, *wallet, receipt, base::Hex(voter.fingerprint()));
}

absl::Status RunShow(const GlobalOptions& global, const std::string& path) {
  URNA_ASSIGN_OR_RETURN(const SecretText passphrase,
                        GetPassphrase(global.passphrase, Cat("passphrase of ", path), false));
  URNA_ASSIGN_OR_RETURN(const Wallet wallet, LoadWallet(path, passphrase));
  const auto tokens =
      std::ranges::count_if(wallet.tokens, [](const auto& token) { return token.has_value(); });
  if (global.json) {
    PrintJson(Json{{"poll", base::Hex(wallet.poll)},
                   {"credential", base::Hex(wallet.credential.bytes())},
                   {"style", wallet.style},
                   {"tokens", tokens},
                   {"issuers", wallet.tokens.size()},
                   {"last_revision", wallet.last_revision},
                   {"pending", wallet.pending.has_value()}});
    return absl::OkStatus();
  }
  std::cout << "poll:         " << base::Hex(wallet.poll)
            << "\ncredential:   " << base::Hex(wallet.credential.bytes())
            << "\nstyle:        " << wallet.style << "\ntokens:       " << tokens << " of "
            << wallet.tokens.size() << "\nlast ballot:  "
            << (wallet.last_revision == 0 ? "none" : Cat("revision ", wallet.last_revision))
            << (wallet.pending.has_value() ? "\none more was sent, its outcome is unknown" : "")
            << "\n";
  return absl::OkStatus();
}

}  // namespace

void AddVoteCommands(CLI::App& app, GlobalOptions& global, Action* action) {
  auto flags = std::make_shared<VoteFlags>();
  CLI::App* vote = app.add_subcommand(
      "vote",
      "For residents: votes, and votes again. Asks for what the flags leave open. The first time\n"
      "it needs the code of your letter or your key; afterwards the wallet is enough.");
  AddPoll(vote, &flags->poll);
  vote->add_option("--wallet", flags->wallet,
                   "File for your token and ballots, encrypted; made if it is not there")
      ->required();
  CLI::Option* code =
      vote->add_option("--code", flags->code,
                       "The code of your letter; others on this machine may see it, so rather "
                       "leave it out and type it when asked");
  CLI::Option* code_file = vote->add_option("--code-file", flags->code_file, "File with the code");
  CLI::Option* credential =
      vote->add_option("--credential", flags->credential, "Your key file, from `urna roll key`");
  code->excludes(code_file)->excludes(credential);
  code_file->excludes(credential);
  vote->add_option("--credential-passphrase-file", flags->credential_passphrase.file,
                   "File with the key file's passphrase");
  vote->add_option("--answer", flags->answers,
                   "QUESTION=ANSWER: option ids with commas between, or \"blank\"; may be repeated")
      ->allow_extra_args(false);
  vote->add_option("--lang", flags->language, "Language of the ballot");
  vote->add_option("--receipt", flags->receipt,
                   "File for the receipt; otherwise beside the wallet");
  vote->add_flag("--yes", flags->yes, "Casts without showing the answers for review");
  vote->add_flag("--token-only", flags->token_only,
                 "Only gets the ballot token, to vote later from the wallet");
  global.AddServer(vote);
  global.AddPassphrase(vote);
  AddExample(vote, "urna vote --poll 4c1f... --server vote.example:7443 --wallet my.wallet");

  CLI::App* show = vote->add_subcommand("show", "What a wallet holds, without its secrets.");
  auto wallet = std::make_shared<std::string>();
  show->add_option("--wallet", *wallet, "Wallet file")->required();
  global.AddPassphrase(show);
  // What voting requires, showing does not; and CLI11 calls a command's callback after those of its
  // subcommands.
  show->preparse_callback([vote](size_t) {
    for (CLI::Option* option : vote->get_options()) option->required(false);
  });
  show->callback([&global, action, wallet] {
    *action = [&global, wallet] { return RunShow(global, *wallet); };
  });
  vote->callback([&global, action, flags, vote] {
    if (vote->get_subcommands().empty()) {
      *action = [&global, flags] { return RunVote(global, *flags); };
    }
  });
}

}  // namespace urna::client
