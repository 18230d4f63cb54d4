#include <sodium.h>

#include <algorithm>
#include <cctype>
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
#include "client/issuers.h"
#include "client/opened_ballot.h"
#include "client/poll_view.h"
#include "client/recovery_phrase.h"
#include "client/resident.h"
#include "client/voter.h"
#include "client/wallet.h"
#include "crypto/credential.h"

namespace urna::client {
namespace {

using base::Cat;
using crypto::SecretText;
using Json = nlohmann::json;

struct VoteFlags {
  std::optional<Hash32> poll;
  WalletFlags wallet;
  CredentialFlags credential;
  std::string language, receipt, challenge, phrase_file;
  std::vector<std::string> answers;
  bool yes = false;
  bool token_only = false;
  bool no_phrase = false;
  bool restore = false;  ///< `urna vote restore`
};
/// The style under which `V` is on the roll, which may have changed after opening.
absl::StatusOr<std::string> FindStyle(Connection& connection, const PollView& view,
                                      const crypto::Point& V) {
  const poll::State& state = view.state();
  std::optional<uint16_t> style = state.StyleOf(V);
  if (!style.has_value()) {
    URNA_ASSIGN_OR_RETURN(
        const std::unique_ptr<PollView> all,
        PollView::FetchAll(*OverGrpc(connection, state.poll()), state.poll(), ""));
    style = all->state().StyleOf(V);
  }
  if (!style.has_value()) {
    return base::Reject("credential.not-entitled",
                        "this code or key is not on the poll's roll, or was replaced by a new one");
  }
  return state.definition()->styles[*style].id;
}

// --- Questions ---

bool IsBudget(const poll::Contest& contest) {
  return std::holds_alternative<poll::Budget>(contest.decision);
}

std::string RuleHelp(const poll::Contest& contest) {
  struct Help {
    const poll::Contest& contest;
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
      const std::string count = contest.least_picks == 0 ? Cat("up to ", r.w)
                                : contest.least_picks == r.w
                                    ? Cat(r.w)
                                    : Cat(contest.least_picks, " to ", r.w);
      return Cat(
          count, r.w == 1 ? " number" : " numbers with commas between",
          contest.ranked && r.w > 1
              ? Cat(", the best first: ", poll::PointsOfPick(contest, 0), " points, ",
                    poll::PointsOfPick(contest, 1), r.w > 2 ? ", and so on" : "")
              : "",
          contest.cost_limit.has_value()
              ? Cat(", together at most ",
                    poll::counting::FormatAmount(*contest.cost_limit,
                                                 std::get<poll::Budget>(contest.decision).decimals))
              : "",
          contest.least_picks == 0 ? "; 0 = none" : "");
    }
  };
  return std::visit(Help{contest}, contest.rule);
}

/// Numbers of options as typed -> their ids, as ParseAnswer reads them. Projects have numbers of
/// their own, which it knows.
std::string NumbersToIds(const poll::Contest& contest, std::string_view typed) {
  if (typed == "0") return "blank";
  if (IsBudget(contest)) return std::string(typed);
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

/// Letters A to Z are small; others stay as they are.
std::string Lower(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 32) : c;
  });
  return lower;
}

/// The projects that have `word` in what is printed about them, by their numbers.
void ListProjects(const poll::Contest& contest, const std::string& language,
                  std::string_view word) {
  const poll::Budget& budget = std::get<poll::Budget>(contest.decision);
  size_t width = 0;
  for (const poll::Option& option : contest.options) {
    width = std::max(width, OneLine(option.project->number).size());
  }
  size_t shown = 0;
  for (const poll::Option& option : contest.options) {
    const poll::Project& project = *option.project;
    std::string detail =
        Cat(poll::counting::FormatAmount(project.cost, budget.decimals), " ", budget.currency);
    for (const poll::Texts* texts : {&project.category, &project.place, &project.description}) {
      if (!texts->empty()) detail += Cat("; ", In(*texts, language));
    }
    const std::string line = Cat("  ", Padded(OneLine(project.number), width), "  ",
                                 In(option.text, language), " (", OneLine(detail), ")");
    if (Lower(line).find(Lower(word)) == std::string::npos) continue;
    std::cout << line << "\n";
    ++shown;
  }
  if (shown == 0) std::cout << "No project has \"" << OneLine(word) << "\".\n";
}

absl::StatusOr<ContestVotes> AskContest(const poll::Contest& contest, const std::string& language) {
  std::cout << "\n"
            << In(contest.title, language) << "\n"
            << In(contest.question, language) << "\n";
  if (IsBudget(contest)) {
    ListProjects(contest, language, "");
    std::cout << "?WORD lists the projects with that word, ? all of them.\n";
  } else {
    for (size_t i = 0; i < contest.options.size(); ++i) {
      std::cout << "  " << i + 1 << "  " << In(contest.options[i].text, language) << "\n";
    }
  }
  for (;;) {
    URNA_ASSIGN_OR_RETURN(const std::string typed, AskLine(Cat("(", RuleHelp(contest), "): ")));
    if (IsBudget(contest) && typed.starts_with('?')) {
      ListProjects(contest, language, base::Trim(std::string_view(typed).substr(1)));
      continue;
    }
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

/// Asks what the flags left open.
absl::Status AskOpen(const poll::Definition& definition, const poll::Style& style,
                     const std::string& language, Answers* answers) {
  for (size_t i = 0; i < answers->size(); ++i) {
    if ((*answers)[i].has_value()) continue;
    const poll::Contest& contest = definition.contests[style.contests[i]];
    if (!Interactive()) return Usage(Cat("no --answer to \"", contest.id, "\""));
    URNA_ASSIGN_OR_RETURN((*answers)[i], AskContest(contest, language));
  }
  return absl::OkStatus();
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

/// The folder of a wallet that lies in the wallet folder is made for it.
absl::Status MakeRoomFor(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? absl::OkStatus() : base::MakeFolders(folder, 0700);
}

absl::StatusOr<crypto::Omega> ReadPhrase(const std::string& file) {
  if (!file.empty()) {
    URNA_ASSIGN_OR_RETURN(std::string text, base::ReadFile(file, 4096));
    const SecretText typed(std::move(text));
    auto omega = DecodePhrase(typed.Expose());
    if (!omega.ok()) return base::Annotate(omega.status(), file);
    return omega;
  }
  if (!Interactive()) return Usage("give --phrase-file");
  std::cout << "Type the " << kPhraseLength
            << " words of the recovery phrase with blanks between, on one line or several; an "
               "empty line ends them.\n";
  for (;;) {
    std::string typed;
    for (;;) {
      URNA_ASSIGN_OR_RETURN(const std::string line, AskLine("> "));
      typed += Cat(" ", line);
      const bool more = std::ranges::count(base::Trim(typed), ' ') + 1 <
                        static_cast<std::ptrdiff_t>(kPhraseLength);
      if (line.empty() || !more) break;
    }
    const SecretText text(std::move(typed));
    auto omega = DecodePhrase(text.Expose());
    if (omega.ok()) return omega;
    std::cout << std::string(omega.status().message()) << "\nOnce more, all of it:\n";
  }
}

/// Shows the phrase and lets two of its words be typed back. OK also when skipped.
absl::Status ShowPhrase(const SecretText& phrase) {
  const std::vector<std::string_view> words = base::Split(phrase.Expose(), ' ');
  std::cout << "\nYour recovery phrase. It is shown this once and never again.\n\n";
  for (size_t i = 0; i < words.size(); ++i) {
    std::cout << (i < 9 ? "  " : " ") << i + 1 << " " << Padded(words[i], 10)
              << (i % 4 == 3 ? "\n" : "");
  }
  std::cout << "\nWrite it on paper. With it and your code you can vote again from another device "
               "if this one is lost;\nwithout it, losing the wallet means losing your vote: the "
               "token is given once. Whoever has the phrase\nand your code can vote in your "
               "place.\n";
  uint32_t first = randombytes_uniform(kPhraseLength);
  uint32_t second = randombytes_uniform(kPhraseLength - 1);
  if (second >= first) ++second;
  if (first > second) std::swap(first, second);
  for (const uint32_t at : {first, second}) {
    for (;;) {
      URNA_ASSIGN_OR_RETURN(std::string typed,
                            AskLine(Cat("Type word ", at + 1, ", or \"skip\": ")));
      std::ranges::transform(typed, typed.begin(), [](unsigned char c) { return tolower(c); });
      if (typed == "skip") return absl::OkStatus();
      if (typed == words[at]) break;
      std::cout << "That is not word " << at + 1 << ". Look at what you wrote down.\n";
    }
  }
  // Off the screen and out of what can be scrolled back.
  std::cout << "\033[2J\033[3J\033[HBoth are right.\n" << std::flush;
  return absl::OkStatus();
}

/// One run of `urna vote` or of `urna vote restore`.
class Session {
 public:
  Session(const GlobalOptions& global, const VoteFlags& flags) : global_(global), flags_(flags) {}

  absl::Status Vote();
  absl::Status Restore();

 private:
  template <typename... Pieces>
  void Say(const Pieces&... pieces) const {
    if (!global_.json) std::cout << Cat(pieces...) << "\n" << std::flush;
  }
  absl::Status Start();
  absl::Status FetchPoll();
  absl::Status TakeWallet();
  absl::Status OfferPhrase();
  absl::Status ObtainTokens();
  absl::StatusOr<bool> MayCastNow(bool token_is_new);
  absl::StatusOr<bool> ChooseToCast(Answers* answers);
  absl::StatusOr<std::optional<CheckedReceipt>> EncryptAndCast(Answers answers);
  absl::Status WriteOpened(const std::string& path);
  absl::Status KeepReceipt(const CheckedReceipt& checked, const std::string& fingerprint);
  absl::Status Save() { return SaveWallet(path_, *wallet_, *passphrase_); }
  /// How to name this wallet to another command.
  std::string WalletArguments() const {
    if (!flags_.wallet.resident.empty()) return Cat(" --resident ", flags_.wallet.resident);
    return flags_.wallet.path.empty() ? "" : Cat(" --wallet ", flags_.wallet.path);
  }

  const GlobalOptions& global_;
  const VoteFlags& flags_;
  Identification id_;
  Hash32 poll_{};
  std::string path_;
  std::optional<base::FileLock> lock_;
  bool fresh_ = false;  ///< the wallet is made in this run
  std::optional<Wallet> wallet_;
  std::optional<SecretText> passphrase_;
  std::unique_ptr<Connection> connection_;
  std::shared_ptr<const poll::PollContext> context_;
  const poll::Definition* definition_ = nullptr;
  const poll::Style* style_ = nullptr;
  std::string language_;
  std::optional<crypto::CredentialKey> key_;  ///< of the code or key that was given
  std::optional<Voter> voter_;
  Hash32 fingerprint_{};  ///< of the ballot encrypted last
  Json challenged_;       ///< what was opened last
};

/// Everything that can be wrong on this machine is found before anything is sent.
absl::Status Session::Start() {
  URNA_ASSIGN_OR_RETURN(id_, flags_.credential.Identify());
  URNA_ASSIGN_OR_RETURN(poll_, id_.ChoosePoll(flags_.poll));
  URNA_ASSIGN_OR_RETURN(path_, flags_.wallet.Resolve(poll_));
  if (flags_.wallet.path.empty()) URNA_RETURN_IF_ERROR(MakeRoomFor(path_));
  URNA_ASSIGN_OR_RETURN(lock_, LockWallet(path_));
  fresh_ = !std::filesystem::exists(path_);
  if (!fresh_ && flags_.restore) {
    return base::Failure(absl::StatusCode::kAlreadyExists,
                         Cat(path_,
                             ": there is a wallet already, which may be all you need (see "
                             "`urna vote list`); restoring makes a new one beside it: "
                             "give another --resident or --wallet"));
  }
  if (!fresh_) {
    URNA_ASSIGN_OR_RETURN(OpenWallet open, OpenWalletAt(global_, path_, poll_));
    wallet_ = std::move(open.wallet);
    passphrase_ = std::move(open.passphrase);
  }
  if (!flags_.phrase_file.empty() && !flags_.restore &&
      (wallet_.has_value() && (wallet_->phrase_settled || wallet_->has_any_token()))) {
    return Usage("--recovery-phrase: the phrase is given once, when the wallet is made");
  }
  if ((fresh_ || !wallet_->has_all_tokens()) && !id_.given()) {
    if (!Interactive()) return Usage("give --code, --code-file or --credential");
    while (!id_.given()) {
      URNA_ASSIGN_OR_RETURN(id_, AskForCode("Your code, from the letter: ", poll_));
    }
  }
  return absl::OkStatus();
}

absl::Status Session::FetchPoll() {
  URNA_ASSIGN_OR_RETURN(connection_, Connection::Open(global_.server));
  URNA_ASSIGN_OR_RETURN(const std::unique_ptr<PollView> view,
                        PollView::FetchUntilOpened(*OverGrpc(*connection_, poll_), poll_));
  context_ = view->state().context();
  definition_ = context_->definition.get();
  language_ = flags_.language.empty() ? definition_->languages.front() : flags_.language;
  if (std::ranges::find(definition_->languages, language_) == definition_->languages.end()) {
    return Usage(Cat("--lang: the poll has no texts in \"", language_, "\""));
  }
  Say(In(definition_->title, language_),
      definition_->rehearsal ? " - REHEARSAL, counts nothing" : "");
  Say("The poll's records up to its opening were checked on this machine.");
  if (id_.given()) {
    URNA_ASSIGN_OR_RETURN(key_, id_.Derive(*definition_));
    if (!fresh_) URNA_RETURN_IF_ERROR(CheckSameCredential(*wallet_, *key_, path_));
  }
  if (fresh_) {
    URNA_ASSIGN_OR_RETURN(std::string style, FindStyle(*connection_, *view, key_->V));
    wallet_ = Wallet::New(poll_, key_->V, std::move(style), definition_->issuers.size());
  }
  const auto style = std::ranges::find(definition_->styles, wallet_->style, &poll::Style::id);
  if (style == definition_->styles.end()) return Usage("the wallet names a style of another poll");
  style_ = &*style;
  return absl::OkStatus();
}

/// Asks for a new wallet's passphrase only now that everything that could be wrong was looked at.
absl::Status Session::TakeWallet() {
  if (!passphrase_.has_value()) {
    URNA_ASSIGN_OR_RETURN(
        passphrase_,
        GetPassphrase(global_.passphrase,
                      Cat("passphrase for the new ", NameOfWallet(path_, poll_)), true));
  }
  const auto save = [this](const Wallet& wallet) {
    return SaveWallet(path_, wallet, *passphrase_);
  };
  URNA_ASSIGN_OR_RETURN(voter_, Voter::Create(context_, &*wallet_, save, RetryOnTerminal()));
  return absl::OkStatus();
}

absl::Status Session::OfferPhrase() {
  if (wallet_->phrase_settled || wallet_->has_any_token()) return absl::OkStatus();
  // The phrase is that of a wallet that outlives an interruption here.
  URNA_RETURN_IF_ERROR(Save());
  if (!flags_.no_phrase) {
    const SecretText phrase = EncodePhrase(wallet_->omega);
    if (!flags_.phrase_file.empty()) {
      const SecretText line(phrase.Expose() + "\n");
      URNA_RETURN_IF_ERROR(base::CreateFileAtomic(flags_.phrase_file, line.Expose(), 0600));
      Say("The recovery phrase is in ", flags_.phrase_file, "; keep it away from this device.");
    } else if (Interactive()) {
      URNA_RETURN_IF_ERROR(ShowPhrase(phrase));
    } else {
      std::cerr << "urna: no recovery phrase was written (--recovery-phrase FILE): if " << path_
                << " is lost, so is the vote\n";
    }
  }
  wallet_->phrase_settled = true;
  return Save();
}

absl::Status Session::ObtainTokens() {
  if (wallet_->has_all_tokens()) return absl::OkStatus();
  URNA_ASSIGN_OR_RETURN(const IssuerLines lines,
                        IssuerLines::Open(global_.server, *connection_, *definition_));
  const absl::Status status = voter_->ObtainTokens(lines.stubs(), *key_);
  if (base::RejectId(status) == "token.other-wallet" && fresh_ && !wallet_->has_any_token()) {
    // No issuer has seen anything of this omega.
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
    if (flags_.restore) {
      return base::Reject("token.other-wallet",
                          "the token of this code or key was given to a wallet with another "
                          "recovery phrase. Check that the phrase is this poll's and this "
                          "resident's. If you never got a token before, somebody else has used "
                          "your code or key: report it to the officials");
    }
    const std::string labels = OtherLabels(path_, poll_);
    return base::Annotate(status, Cat("the new wallet was removed again, a recovery phrase shown "
                                      "just now is worth nothing",
                                      labels.empty() ? "" : Cat("; other wallets here: ", labels)));
  }
  URNA_RETURN_IF_ERROR(status);
  Say("You have your anonymous ballot token, in ", NameOfWallet(path_, poll_),
      ". Your code is not needed any more; the wallet and its passphrase are.");
  return absl::OkStatus();
}

/// Says when to vote, and asks whether now.
absl::StatusOr<bool> Session::MayCastNow(bool token_is_new) {
  v1::StatusRequest request;
  request.set_poll(std::string(base::View(poll_)));
  URNA_ASSIGN_OR_RETURN(const v1::StatusResponse status,
                        Call(connection_->reading(), &v1::Reading::Stub::Status, request));
  constexpr std::string_view kLater =
      "Run the same command again to vote, at another time and best from another network: then "
      "nobody who sees both can match who you are with the ballot.";
  if (status.time() < definition_->casting_from) {
    Say("Ballots are accepted from ", base::FormatUtc(definition_->casting_from), " on. ", kLater);
    return false;
  }
  if (flags_.token_only) {
    Say(kLater);
    return false;
  }
  if (!token_is_new) return true;
  if (flags_.yes || !Interactive()) {
    Say("It is safer to get the token first (--token-only) and to vote later from another "
        "network.");
    return true;
  }
  Say("The server has just seen who asked for a token, and from where. It cannot tell which ballot "
      "is yours, but\nwhoever watches the network could guess if you cast at once. It is safer to "
      "vote later, from another network\n(until ",
      base::FormatUtc(status.end()), "); this wallet is all you need then.");
  for (;;) {
    URNA_ASSIGN_OR_RETURN(const std::string typed, AskLine("Vote \"now\" or \"later\"? "));
    if (typed == "now") return true;
    if (typed != "later") continue;
    Say(kLater);
    return false;
  }
}

absl::Status Session::WriteOpened(const std::string& path) {
  URNA_ASSIGN_OR_RETURN(const OpenedBallot opened, voter_->Challenge());
  // Whether or not it can be written, this ballot is gone.
  URNA_RETURN_IF_ERROR(base::CreateFileAtomic(path, opened.ToJson(), 0600));
  challenged_ = {{"fingerprint", base::Hex(opened.fingerprint)}, {"file", path}};
  Say("Opened: ", path,
      ". That ballot is never cast. The file shows the answers above, but not "
      "whose they are. On another\nmachine, best with a copy of urna from elsewhere:\n  urna "
      "ballot "
      "open ",
      path, " --poll ", base::Hex(poll_), " --server ", global_.server.target,
      " --fingerprint THE-ONE-YOU-COPIED");
  return absl::OkStatus();
}

/// Encrypts, shows the fingerprint and only then lets the voter say what happens with the ballot.
/// False: a challenge was all that was asked for.
absl::StatusOr<bool> Session::ChooseToCast(Answers* answers) {
  bool challenge = !flags_.challenge.empty() && challenged_.is_null();
  for (;;) {
    if (!global_.json) {
      std::cout << "\nYour answers:\n";
      PrintAnswers(*definition_, *style_, *answers, language_);
    }
    std::vector<ContestVotes> votes;
    for (const auto& answer : *answers) votes.push_back(*answer);
    URNA_ASSIGN_OR_RETURN(fingerprint_, voter_->Prepare(votes));
    Say("Encrypted. Fingerprint: ", base::Hex(fingerprint_));
    if (challenge) {
      challenge = false;
      URNA_RETURN_IF_ERROR(WriteOpened(flags_.challenge));
      if (!flags_.yes && !Interactive()) return false;
      continue;
    }
    if (flags_.yes) return true;
    if (!Interactive()) {
      return Usage("nobody can review the answers here; give --yes to cast them");
    }
    std::cout << "Type \"cast\" to cast this ballot, a number to change that answer, \"quit\" to "
                 "stop; or copy the\nfingerprint and type \"challenge\" to have this ballot opened "
                 "instead, so that you can check elsewhere\nwhether it was encrypted as shown.\n";
    for (bool asking = true; asking;) {
      URNA_ASSIGN_OR_RETURN(const std::string typed, AskLine("> "));
      uint64_t number = 0;
      if (typed == "cast") return true;
      if (typed == "quit") return Stopped("stopped; nothing was cast");
      if (typed == "challenge") {
        URNA_RETURN_IF_ERROR(
            WriteOpened(Cat("opened-ballot-", base::Hex(fingerprint_).substr(0, 12), ".json")));
        Say("Now the ballot is encrypted afresh; challenge it too, as often as you like.");
        asking = false;
      } else if (base::ParseU64(typed, &number) && number >= 1 && number <= answers->size()) {
        const poll::Contest& contest = definition_->contests[style_->contests[number - 1]];
        URNA_ASSIGN_OR_RETURN((*answers)[number - 1], AskContest(contest, language_));
        asking = false;
      }
    }
  }
}

/// Nothing if a challenge was all that was asked for.
absl::StatusOr<std::optional<CheckedReceipt>> Session::EncryptAndCast(Answers answers) {
  URNA_RETURN_IF_ERROR(AskOpen(*definition_, *style_, language_, &answers));
  for (;;) {
    URNA_ASSIGN_OR_RETURN(const bool cast, ChooseToCast(&answers));
    if (!cast) return std::nullopt;
    auto receipt = voter_->Cast(connection_->casting(), connection_->reading());
    if (base::RejectId(receipt.status()) != "ballot.revision-repeated") return receipt;
    Say("A later ballot of yours is on the ledger, cast from a copy of this wallet; so this one "
        "was "
        "not recorded.\nIt is encrypted anew, to take the other one's place.");
  }
}

absl::Status Session::KeepReceipt(const CheckedReceipt& checked, const std::string& fingerprint) {
  if (!flags_.receipt.empty()) {
    URNA_RETURN_IF_ERROR(base::WriteFileAtomic(flags_.receipt, checked.text, 0600));
  }
  if (global_.json) {
    Json out = {{"poll", base::Hex(wallet_->poll)},
                {"style", wallet_->style},
                {"revision", checked.revision},
                {"record", checked.receipt.index},
                {"leaf", base::Hex(checked.receipt.leaf)}};
    if (!flags_.receipt.empty()) out["receipt"] = flags_.receipt;
    if (!fingerprint.empty()) out["fingerprint"] = fingerprint;
    if (!challenged_.is_null()) out["challenged"] = challenged_;
    PrintJson(out);
    return absl::OkStatus();
  }
  Say("Recorded: your ballot is record ", checked.receipt.index, " of the ledger",
      checked.revision > 1 ? " and takes the place of your earlier one" : "",
      ".\nIts receipt, checked by this program, is in the wallet",
      flags_.receipt.empty() ? "" : Cat(" and in ", flags_.receipt),
      ".\nIt becomes final with the next publication, in ", definition_->publish_every,
      " s at most. Then run\n  urna receipt check --poll ", base::Hex(wallet_->poll), " --server ",
      global_.server.target, WalletArguments());
  return absl::OkStatus();
}

absl::Status Session::Vote() {
  URNA_ASSIGN_OR_RETURN(auto given, SplitAnswers(flags_.answers));
  URNA_RETURN_IF_ERROR(Start());
  URNA_RETURN_IF_ERROR(FetchPoll());
  URNA_ASSIGN_OR_RETURN(Answers answers, AnswersFromFlags(*definition_, *style_, std::move(given)));
  URNA_RETURN_IF_ERROR(TakeWallet());
  Say("Your ballot: ", In(style_->title, language_));
  const bool token_is_new = !wallet_->has_all_tokens();
  URNA_RETURN_IF_ERROR(OfferPhrase());
  URNA_RETURN_IF_ERROR(ObtainTokens());
  key_.reset();
  URNA_ASSIGN_OR_RETURN(const bool now, MayCastNow(token_is_new));
  connection_.reset();
  if (!now) {
    if (global_.json) {
      PrintJson(Json{{"poll", base::Hex(poll_)}, {"style", wallet_->style}, {"token", true}});
    }
    return absl::OkStatus();
  }

  // Another connection than the one on which the resident was identified.
  URNA_ASSIGN_OR_RETURN(connection_, Connection::Open(global_.server));
  if (wallet_->pending.has_value()) {
    Say("The outcome of your last ballot is unknown. Sending the same ballot again is safe.");
    auto receipt = voter_->CastPending(connection_->casting());
    if (receipt.ok()) {
      Say("It holds the answers that you gave then; to change them, run the command again.");
      return KeepReceipt(*receipt, "");
    }
    if (base::RejectId(receipt.status()) != "ballot.revision-repeated") return receipt.status();
    Say("A later ballot of yours is on the ledger already.");
  }
  URNA_ASSIGN_OR_RETURN(const std::optional<CheckedReceipt> receipt,
                        EncryptAndCast(std::move(answers)));
  if (receipt.has_value()) return KeepReceipt(*receipt, base::Hex(fingerprint_));
  if (global_.json) {
    PrintJson(Json{{"poll", base::Hex(poll_)}, {"challenged", challenged_}});
  }
  return absl::OkStatus();
}

absl::Status Session::Restore() {
  URNA_RETURN_IF_ERROR(Start());
  URNA_ASSIGN_OR_RETURN(crypto::Omega omega, ReadPhrase(flags_.phrase_file));
  URNA_RETURN_IF_ERROR(FetchPoll());
  wallet_->omega = std::move(omega);
  wallet_->phrase_settled = true;
  wallet_->restored = true;
  URNA_RETURN_IF_ERROR(TakeWallet());
  URNA_RETURN_IF_ERROR(ObtainTokens());
  // The ledger is not asked for earlier ballots now: so soon after the code, that would tell whose
  // they are. Casting asks, on its own connection.
  if (global_.json) {
    PrintJson(Json{
        {"poll", base::Hex(poll_)}, {"style", wallet_->style}, {"wallet", path_}, {"token", true}});
    return absl::OkStatus();
  }
  Say("Restored. To vote, or to vote again, run\n  urna vote --poll ", base::Hex(poll_),
      " --server ", global_.server.target, WalletArguments(),
      "\nlater and best from another network. It finds out by itself which of your ballots is the "
      "last and replaces it.\nWhat you cast from the lost device still counts until then.");
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
  flags->wallet.Add(vote);
  flags->credential.Add(vote);
  vote->add_option("--answer", flags->answers,
                   "QUESTION=ANSWER: option ids with commas between, or \"blank\"; may be repeated")
      ->allow_extra_args(false);
  vote->add_option("--lang", flags->language, "Language of the ballot");
  vote->add_option("--receipt", flags->receipt,
                   "File for a copy of the receipt, which the wallet keeps in any case");
  vote->add_flag("--yes", flags->yes, "Casts without showing the answers for review");
  vote->add_flag("--token-only", flags->token_only,
                 "Only gets the ballot token, to vote later from the wallet");
  CLI::Option* phrase =
      vote->add_option("--recovery-phrase", flags->phrase_file,
                       "New file for the recovery phrase of a new wallet, instead of the screen");
  vote->add_flag("--no-recovery-phrase", flags->no_phrase,
                 "Makes a new wallet without: if it is lost, so is the vote")
      ->excludes(phrase);
  vote->add_option("--challenge", flags->challenge,
                   "Opens a first ballot into this new file instead of casting it. A dishonest "
                   "program would see this flag: for a real test, type \"challenge\" once the "
                   "fingerprint is shown");
  global.AddServer(vote);
  global.AddPassphrase(vote);
  AddExample(
      vote, "urna vote --poll 4c1f... --server vote.example:7443 --resident anna",
      "The token is asked for on one connection, the ballot cast on another. To keep the two "
      "apart in time and\nplace as well, run this with --token-only first and again later "
      "from another network.");

  CLI::App* restore = vote->add_subcommand(
      "restore",
      "After a lost device: makes a wallet from the recovery phrase and your code or key. The\n"
      "token given before is fetched and works again; if there was none, a new one is asked for.");
  auto restoring = std::make_shared<VoteFlags>();
  restoring->restore = true;
  AddPoll(restore, &restoring->poll);
  restoring->wallet.Add(restore);
  restoring->credential.Add(restore);
  restore->add_option("--phrase-file", restoring->phrase_file,
                      "File with the recovery phrase; otherwise you are asked to type it");
  global.AddServer(restore);
  global.AddPassphrase(restore);
  AddExample(restore, "urna vote restore --poll 4c1f... --server vote.example:7443 --resident anna",
             "The issuers learn that your code asks for its token again, as they would of any "
             "interruption. They\nare not asked for your ballots; voting asks for those later, "
             "without your code.");
  restore->callback([&global, action, restoring] {
    *action = [&global, restoring] { return Session(global, *restoring).Restore(); };
  });

  AddWalletCommands(vote, global, action);
  // What voting requires, its subcommands require for themselves; and CLI11 calls a command's
  // callback after those of its subcommands.
  for (CLI::App* command : vote->get_subcommands({})) {
    command->preparse_callback([vote](size_t) {
      for (CLI::Option* option : vote->get_options()) option->required(false);
    });
  }
  vote->callback([&global, action, flags, vote] {
    if (vote->get_subcommands().empty()) {
      *action = [&global, flags] { return Session(global, *flags).Vote(); };
    }
  });
}

}  // namespace urna::client
