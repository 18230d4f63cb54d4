#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"
#include "client/cli.h"
#include "client/issuers.h"
#include "client/published_ledger.h"
#include "client/resident.h"
#include "client/voter.h"
#include "client/wallet.h"
#include "crypto/credential.h"
#include "poll/payload.h"

namespace urna::client {
namespace {

using base::Cat;
using crypto::Point;
using Json = nlohmann::json;

// --- status ---

struct StatusFlags {
  std::optional<Hash32> poll;
  WalletFlags wallet;
  CredentialFlags credential;
  std::string ledger;
};

/// What is known about one issuer's answer to the resident's credential. Empty: not known.
struct IssuerStatus {
  std::optional<bool> answered;         ///< says the issuer
  std::string failure;                  ///< why it could not be asked
  std::optional<bool> for_this_wallet;  ///< what it answered, or has in its register
  std::optional<bool> in_register;
  bool signature_holds = true;  ///< of the credential, in the register
  bool register_missing = false;
};

/// What the published ledger shows.
struct LedgerStatus {
  uint64_t size = 0;
  uint64_t ballots = 0;  ///< of the wallet's ballot key
  uint64_t last_record = 0;
  uint16_t last_revision = 0;
};

class StatusReport {
 public:
  StatusReport(const GlobalOptions& global, const StatusFlags& flags)
      : global_(global), flags_(flags) {}
  absl::Status Run();

 private:
  absl::Status Open();
  absl::Status ReadLedger();
  absl::Status AskIssuers();
  void Judge();
  void Print() const;
  void PrintAsJson() const;
  void TakeEntry(uint8_t issuer, const poll::RegisterEntry& entry);
  void Alarm(std::string text) { alarms_.push_back(std::move(text)); }
  const std::string& IssuerName(size_t i) const { return definition_->issuers[i].name; }

  const GlobalOptions& global_;
  const StatusFlags& flags_;
  Hash32 poll_{};
  std::optional<Wallet> wallet_;
  std::optional<crypto::CredentialKey> key_;
  std::unique_ptr<PublishedLedger> ledger_;
  std::shared_ptr<const poll::PollContext> context_;
  const poll::Definition* definition_ = nullptr;
  Point credential_;
  std::optional<uint16_t> style_;
  std::vector<IssuerStatus> issuers_;
  LedgerStatus shown_;
  std::vector<std::string> alarms_;
  absl::Status failed_;  ///< of the first issuer that could not be asked
};

absl::Status StatusReport::Open() {
  URNA_ASSIGN_OR_RETURN(Identification id, flags_.credential.Identify());
  URNA_ASSIGN_OR_RETURN(poll_, id.ChoosePoll(flags_.poll));
  if (flags_.wallet.given() || !id.given()) {
    URNA_ASSIGN_OR_RETURN(const std::string path, flags_.wallet.Resolve(poll_));
    if (!flags_.wallet.given() && !std::filesystem::exists(path)) {
      return Usage(
          "there is no wallet for this poll here; give --resident, --wallet or, to learn "
          "whether a code or key was used, --code-file or --credential");
    }
    URNA_ASSIGN_OR_RETURN(OpenWallet open, OpenWalletAt(global_, path, poll_));
    wallet_ = std::move(open.wallet);
  }
  if (!id.given() && !global_.server.target.empty() && Interactive()) {
    URNA_ASSIGN_OR_RETURN(
        id, AskForCode("Your code, to ask the issuers about it (or nothing): ", poll_));
  }
  if (!flags_.ledger.empty()) {
    URNA_ASSIGN_OR_RETURN(ledger_, PublishedLedger::Open(flags_.ledger, poll_));
  } else if (global_.server.target.empty()) {
    return Usage("give --server, or --ledger with an exported ledger");
  } else {
    URNA_ASSIGN_OR_RETURN(const std::unique_ptr<Connection> connection,
                          Connection::Open(global_.server));
    URNA_ASSIGN_OR_RETURN(
        ledger_, PublishedLedger::Fetch(*OverGrpc(*connection, poll_), poll_, ShowProgress()));
  }
  URNA_ASSIGN_OR_RETURN(context_, ledger_->context());
  definition_ = context_->definition.get();
  issuers_.resize(definition_->issuers.size());
  if (id.given()) {
    URNA_ASSIGN_OR_RETURN(key_, id.Derive(*definition_));
    credential_ = key_->V;
    if (wallet_.has_value()) {
      URNA_RETURN_IF_ERROR(CheckSameCredential(*wallet_, *key_, "the wallet"));
    }
  } else {
    credential_ = wallet_->credential;
  }
  if (wallet_.has_value() && wallet_->tokens.size() != issuers_.size()) {
    return base::Failure(absl::StatusCode::kFailedPrecondition,
                         "the wallet does not have as many issuers as the poll");
  }
  return absl::OkStatus();
}

void StatusReport::TakeEntry(uint8_t issuer, const poll::RegisterEntry& entry) {
  if (entry.credential != credential_ || entry.style >= context_->styles.size()) return;
  IssuerStatus& status = issuers_[issuer];
  const crypto::TokenInfo& info = context_->styles[entry.style].issuers[issuer];
  status.in_register = true;
  status.signature_holds = crypto::VerifyCredential(credential_,
                                                    crypto::CredentialStatement::Request(
                                                        info.opening, info.style, info.X,
                                                        entry.offer.A, entry.offer.C, entry.c),
                                                    entry.signature)
                               .ok();
  if (!wallet_.has_value()) return;
  status.for_this_wallet =
      StoredAnswer{entry.offer, entry.c, entry.answer}.IsFor(info, wallet_->omega);
}

absl::Status StatusReport::ReadLedger() {
  std::string ballot_key;
  if (wallet_.has_value()) {
    ballot_key = crypto::DeriveBallotKey(wallet_->omega, context_->opening).BK.view();
  }
  Point entitled = credential_;  // or what it replaced, back to the roll
  std::vector<std::pair<Point, Point>> replaced;
  Hash32 root{};
  URNA_RETURN_IF_ERROR(ledger_->ForEach(
      [&](const ledger::Frontier& tree, const Hash32&, const ledger::Record* record) {
        shown_.size = tree.size();
        if (tree.size() == ledger_->reader().checkpoint().size) root = tree.Root();
        if (record == nullptr) return;
        if (const auto ballot = KeyOfBallot(*record); ballot.has_value()) {
          if (ballot->first != ballot_key) return;
          ++shown_.ballots;
          shown_.last_record = tree.size() - 1;
          shown_.last_revision = ballot->second;
          return;
        }
        const auto payload = poll::DecodePayload(record->kind, record->payload, definition_);
        if (!payload.ok()) return;
        if (const auto* part = std::get_if<poll::RegisterPart>(&*payload)) {
          if (part->issuer >= issuers_.size()) return;
          for (const poll::RegisterEntry& entry : part->entries) TakeEntry(part->issuer, entry);
        } else if (const auto* sealed = std::get_if<poll::RegisterSealed>(&*payload)) {
          if (sealed->issuer >= issuers_.size()) return;
          IssuerStatus& status = issuers_[sealed->issuer];
          if (!status.in_register.has_value()) status.in_register = false;
        } else if (const auto* missing = std::get_if<poll::RegisterMissing>(&*payload)) {
          if (missing->issuer < issuers_.size()) issuers_[missing->issuer].register_missing = true;
        } else if (const auto* replacement = std::get_if<poll::CredentialReplaced>(&*payload)) {
          replaced.emplace_back(replacement->old_credential, replacement->new_credential);
        }
      }));
  const auto signed_checkpoint =
      ledger::OpenCheckpoint(ledger_->reader().note(), definition_->ballot_box);
  if (!signed_checkpoint.ok()) {
    return base::Annotate(signed_checkpoint.status(), "the ledger's checkpoint");
  }
  if (root != signed_checkpoint->root) {
    return base::Reject("ledger.root", "the ledger's records are not those of its checkpoint");
  }
  for (size_t i = replaced.size(); i-- > 0;) {
    if (replaced[i].second == entitled) entitled = replaced[i].first;
  }
  style_ = ledger_->StyleOf(entitled);
  return absl::OkStatus();
}

absl::Status StatusReport::AskIssuers() {
  if (!key_.has_value() || global_.server.target.empty()) return absl::OkStatus();
  if (!style_.has_value()) {
    return base::Reject("credential.not-entitled",
                        "this code or key is not on the poll's roll, or was replaced by a new one");
  }
  URNA_ASSIGN_OR_RETURN(const std::unique_ptr<Connection> connection,
                        Connection::Open(global_.server));
  URNA_ASSIGN_OR_RETURN(const IssuerLines lines,
                        IssuerLines::Open(global_.server, *connection, *context_->definition));
  for (uint32_t i = 0; i < issuers_.size(); ++i) {
    const auto stored = FetchAnswer(*lines.stubs()[i], *context_, *style_, i, *key_);
    if (absl::IsNotFound(stored.status())) {
      issuers_[i].answered = false;
      continue;
    }
    if (!stored.ok()) {
      // The others are asked all the same.
      issuers_[i].failure = std::string(stored.status().message());
      if (failed_.ok()) failed_ = base::Annotate(stored.status(), Cat("issuer ", IssuerName(i)));
      continue;
    }
    issuers_[i].answered = true;
    if (!wallet_.has_value()) continue;
    issuers_[i].for_this_wallet =
        stored->IsFor(context_->styles[*style_].issuers[i], wallet_->omega);
  }
  return absl::OkStatus();
}

void StatusReport::Judge() {
  constexpr std::string_view kWhatToDo =
      " Either you made another wallet (use that one, or its recovery phrase), or somebody else "
      "has used your code or key: report it to the officials, who can tell you how to vote.";
  for (size_t i = 0; i < issuers_.size(); ++i) {
    const IssuerStatus& status = issuers_[i];
    if (status.in_register.value_or(false) && !status.signature_holds) {
      Alarm(Cat(IssuerName(i),
                " has your code or key in its register without its signature: the "
                "issuer made the entry up. Give the exported ledger to the "
                "officials and to whoever checks the poll."));
    } else if (status.for_this_wallet.has_value() && !*status.for_this_wallet) {
      Alarm(Cat(IssuerName(i), " gave the token of your code or key for another wallet than this.",
                kWhatToDo));
    }
    const bool has_token = wallet_.has_value() && wallet_->tokens[i].has_value();
    if (has_token && (!status.in_register.value_or(true) || !status.answered.value_or(true))) {
      Alarm(Cat(IssuerName(i), " gave this wallet a token, but denies it",
                status.answered.value_or(true) ? " in its register" : "",
                ". Keep the wallet and the exported ledger, and report it to the officials."));
    }
  }
  if (!wallet_.has_value()) return;
  const uint16_t known =
      std::max(wallet_->last_revision,
               wallet_->pending.has_value() ? wallet_->pending->revision : uint16_t{0});
  if (!wallet_->restored && shown_.last_revision > known) {
    Alarm(Cat("The ledger has a ballot of yours (record ", shown_.last_record, ", revision ",
              shown_.last_revision,
              ") that this wallet did not cast. A copy of the wallet or its recovery phrase is in "
              "use elsewhere. If that is not you, vote again while the poll is open: "
              "the last ballot counts."));
  }
}

void StatusReport::Print() const {
  std::cout << In(definition_->title, definition_->languages.front()) << "\n\nYour code or key "
            << (style_.has_value() ? "is on the roll." : "is NOT on the roll, or was replaced.")
            << "\n";
  for (size_t i = 0; i < issuers_.size(); ++i) {
    const IssuerStatus& status = issuers_[i];
    const std::string whose = !status.for_this_wallet.has_value() ? ""
                              : *status.for_this_wallet           ? ", for this wallet"
                                                                  : ", for ANOTHER wallet";
    std::cout << "  " << OneLine(IssuerName(i)) << ": ";
    if (!status.failure.empty()) {
      std::cout << "could not be asked (" << OneLine(status.failure) << ")";
    } else if (!status.answered.has_value()) {
      std::cout << "not asked whether it gave a token (that needs your code or key)";
    } else if (*status.answered) {
      std::cout << "gave a token" << whose;
      if (wallet_.has_value() && !wallet_->tokens[i].has_value() &&
          status.for_this_wallet.value_or(false)) {
        std::cout << "; it was lost on the way, and `urna vote` fetches it";
      }
    } else {
      std::cout << "gave no token";
    }
    if (status.register_missing) {
      std::cout << "; its register is missing";
    } else if (!status.in_register.has_value()) {
      std::cout << "; its register is not published yet";
    } else {
      std::cout << (*status.in_register ? "; in its register" : "; not in its register")
                << (*status.in_register && !status.answered.has_value() ? whose : "");
    }
    std::cout << "\n";
  }
  if (wallet_.has_value()) {
    std::cout << "\nThis wallet:\n  "
              << (wallet_->last_revision == 0
                      ? std::string("no ballot acknowledged")
                      : Cat("last acknowledged ballot: revision ", wallet_->last_revision))
              << (wallet_->restored ? "; restored from its recovery phrase" : "") << "\n";
    if (wallet_->pending.has_value()) {
      std::cout << "  a ballot was sent (revision " << wallet_->pending->revision
                << "), its outcome is unknown; `urna vote` sends the same one again\n";
    }
    std::cout << "\nThe published ledger, " << shown_.size << " records:\n";
    if (shown_.ballots == 0) {
      std::cout << "  no ballot of this wallet";
    } else {
      std::cout << "  " << shown_.ballots << " ballot" << (shown_.ballots == 1 ? "" : "s")
                << " of this wallet; record " << shown_.last_record << ", revision "
                << shown_.last_revision << ", counts";
    }
    std::cout << (shown_.last_revision < wallet_->last_revision
                      ? "\n  your last ballot is not published yet; if it stays so, run `urna "
                        "receipt check`\n"
                      : "\n");
  } else if (std::ranges::any_of(issuers_, [](const IssuerStatus& s) {
               return s.answered.value_or(false) || s.in_register.value_or(false);
             })) {
    std::cout << "\nIf you did not ask for a token, somebody else has used your code or key: "
                 "report it to the officials.\n";
  }
  for (const std::string& alarm : alarms_) std::cout << "\nALARM: " << OneLine(alarm) << "\n";
}

void StatusReport::PrintAsJson() const {
  const auto known = [](const std::optional<bool>& value) {
    return value.has_value() ? Json(*value) : Json();
  };
  Json issuers = Json::array();
  for (size_t i = 0; i < issuers_.size(); ++i) {
    issuers.push_back({{"name", IssuerName(i)},
                       {"answered", known(issuers_[i].answered)},
                       {"failure", issuers_[i].failure},
                       {"for_this_wallet", known(issuers_[i].for_this_wallet)},
                       {"in_register", known(issuers_[i].in_register)}});
  }
  Json out = {{"poll", base::Hex(poll_)}, {"on_roll", style_.has_value()},
              {"issuers", issuers},       {"ledger_size", shown_.size},
              {"wallet", nullptr},        {"alarms", alarms_}};
  if (wallet_.has_value()) {
    out["wallet"] = {{"tokens", std::ranges::count_if(wallet_->tokens,
                                                      [](const auto& t) { return t.has_value(); })},
                     {"last_revision", wallet_->last_revision},
                     {"pending", wallet_->pending.has_value()},
                     {"restored", wallet_->restored},
                     {"published_ballots", shown_.ballots},
                     {"counts", nullptr}};
    if (shown_.ballots > 0) {
      out["wallet"]["counts"] = {{"record", shown_.last_record},
                                 {"revision", shown_.last_revision}};
    }
  }
  PrintJson(out);
}

absl::Status StatusReport::Run() {
  URNA_RETURN_IF_ERROR(Open());
  URNA_RETURN_IF_ERROR(ReadLedger());
  URNA_RETURN_IF_ERROR(AskIssuers());
  Judge();
  global_.json ? PrintAsJson() : Print();
  if (!alarms_.empty()) return base::Reject("vote.alarm", alarms_.front());
  return failed_;
}

// --- list and show ---

absl::Status RunList(const GlobalOptions& global, const std::optional<Hash32>& poll) {
  URNA_ASSIGN_OR_RETURN(const std::string folder, WalletFolder());
  URNA_ASSIGN_OR_RETURN(const std::vector<ListedWallet> wallets, ListWallets(folder, poll));
  const auto state = [](const ListedWallet& wallet) {
    return wallet.summary.ok()
               ? std::string(Describe(wallet.summary->state))
               : Cat("UNREADABLE: ", std::string(wallet.summary.status().message()));
  };
  const auto poll_of = [](const ListedWallet& wallet) {
    return std::filesystem::path(wallet.path).parent_path().filename().string();
  };
  if (global.json) {
    Json list = Json::array();
    for (const ListedWallet& wallet : wallets) {
      list.push_back({{"poll", poll_of(wallet)},
                      {"resident", wallet.label},
                      {"wallet", wallet.path},
                      {"readable", wallet.summary.ok()},
                      {"state", state(wallet)}});
    }
    PrintJson({{"folder", folder}, {"wallets", list}});
    return absl::OkStatus();
  }
  if (wallets.empty()) std::cout << "There are no wallets in " << folder << ".\n";
  std::string shown;
  for (const ListedWallet& wallet : wallets) {
    if (poll_of(wallet) != shown) std::cout << "poll " << (shown = poll_of(wallet)) << "\n";
    std::cout << "  " << Padded(OneLine(wallet.label), 16) << "  " << OneLine(state(wallet))
              << "\n";
  }
  return absl::OkStatus();
}

absl::Status RunShow(const GlobalOptions& global, const WalletFlags& flags,
                     const std::optional<Hash32>& poll) {
  if (flags.path.empty() && !poll.has_value()) return Usage("give --wallet, or --poll");
  URNA_ASSIGN_OR_RETURN(const std::string path, flags.Resolve(poll.value_or(Hash32{})));
  URNA_ASSIGN_OR_RETURN(const WalletSummary summary, PeekWallet(path));
  URNA_ASSIGN_OR_RETURN(const OpenWallet open,
                        OpenWalletAt(global, path, poll.value_or(summary.poll)));
  const Wallet& wallet = open.wallet;
  const auto tokens =
      std::ranges::count_if(wallet.tokens, [](const auto& token) { return token.has_value(); });
  if (global.json) {
    PrintJson(Json{{"poll", base::Hex(wallet.poll)},
                   {"credential", base::Hex(wallet.credential.bytes())},
                   {"style", wallet.style},
                   {"tokens", tokens},
                   {"issuers", wallet.tokens.size()},
                   {"last_revision", wallet.last_revision},
                   {"receipts", wallet.receipts.size()},
                   {"restored", wallet.restored},
                   {"pending", wallet.pending.has_value()}});
    return absl::OkStatus();
  }
  std::cout << "poll:         " << base::Hex(wallet.poll)
            << "\ncredential:   " << base::Hex(wallet.credential.bytes())
            << "\nstyle:        " << wallet.style << "\ntokens:       " << tokens << " of "
            << wallet.tokens.size() << "\nlast ballot:  "
            << (wallet.last_revision == 0 ? "none" : Cat("revision ", wallet.last_revision))
            << (wallet.restored ? ", as far as this restored wallet knows" : "")
            << (wallet.pending.has_value() ? "\none more was sent, its outcome is unknown" : "")
            << "\nreceipts:     " << wallet.receipts.size() << "\n";
  return absl::OkStatus();
}

}  // namespace

void AddWalletCommands(CLI::App* vote, GlobalOptions& global, Action* action) {
  CLI::App* status = vote->add_subcommand(
      "status",
      "Whether your code or key was used, by you or by somebody else, which of your ballots is on\n"
      "the published ledger and counts, and, after the end, whether the registers say the same.");
  auto flags = std::make_shared<StatusFlags>();
  AddPoll(status, &flags->poll);
  flags->wallet.Add(status);
  flags->credential.Add(status);
  global.AddServer(status);
  status->get_option("--server")->required(false);
  status->add_option("--ledger", flags->ledger,
                     "Folder of an exported ledger; without it, the server's is fetched");
  global.AddPassphrase(status);
  AddExample(
      status, "urna vote status --poll 4c1f... --server vote.example:7443 --resident anna",
      "With --code, --code-file or --credential each issuer is asked, on a connection of its "
      "own, whether it gave\na token; it learns that this code asks, and from where. Your "
      "ballots are looked for in a copy of the whole\nledger: the server learns only that "
      "somebody fetched it. To hide that it was the same person, take\n--ledger with a copy "
      "from elsewhere. Ends with status 1 after an ALARM.");
  status->callback([&global, action, flags] {
    *action = [&global, flags] { return StatusReport(global, *flags).Run(); };
  });

  CLI::App* list = vote->add_subcommand(
      "list", "The wallets of this device's wallet folder: polls, residents, how far they are.");
  const auto list_poll = std::make_shared<std::optional<Hash32>>();
  AddPoll(list, list_poll.get());
  AddExample(list, "urna vote list",
             "Needs no passphrase. Wallets elsewhere, made with --wallet, are not listed.");
  list->callback([&global, action, list_poll] {
    *action = [&global, list_poll] { return RunList(global, *list_poll); };
  });

  CLI::App* show = vote->add_subcommand("show", "What a wallet holds, without its secrets.");
  auto wallet = std::make_shared<WalletFlags>();
  const auto show_poll = std::make_shared<std::optional<Hash32>>();
  AddPoll(show, show_poll.get());
  wallet->Add(show);
  global.AddPassphrase(show);
  AddExample(show, "urna vote show --poll 4c1f... --resident anna");
  show->callback([&global, action, wallet, show_poll] {
    *action = [&global, wallet, show_poll] { return RunShow(global, *wallet, *show_poll); };
  });
}

}  // namespace urna::client
