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
#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "client/cli.h"
#include "client/published_ledger.h"
#include "client/resident.h"
#include "client/wallet.h"
#include "ledger/evidence.h"
#include "ledger/receipt.h"
#include "poll/cosignatures.h"

namespace urna::client {
namespace {

using base::Cat;
using Json = nlohmann::json;

struct CheckFlags {
  Hash32 poll{};
  WalletFlags wallet;
  std::string receipt, ledger, evidence;
};

/// One line of a receipt's report.
struct Finding {
  enum class Verdict { kPass, kFail, kSkipped };
  std::string what;
  Verdict verdict;
  std::string detail;
};

std::string Name(Finding::Verdict verdict) {
  switch (verdict) {
    case Finding::Verdict::kPass:
      return "PASS";
    case Finding::Verdict::kFail:
      return "FAIL";
    case Finding::Verdict::kSkipped:
      return "SKIPPED";
  }
  return "";
}

/// A receipt on its way through the ledger.
struct Checked {
  std::string name;  ///< the file, or "revision 2"
  std::string text;
  std::optional<ledger::Receipt> receipt;
  absl::StatusOr<ledger::Checkpoint> promised;  ///< what the receipt's own checkpoint says

  // What the ledger shows.
  std::optional<Hash32> root_then;  ///< of as many records as were promised
  std::optional<Hash32> leaf, body;
  bool is_ballot = false;
  bool is_own = false;

  enum class State { kProvisional, kFinal, kBroken };
  State state = State::kBroken;
  std::optional<std::string> complaint;  ///< evidence that proves by itself that it is broken
  std::vector<Finding> findings;

  void Pass(std::string_view what, std::string_view detail) {
    Add(what, Finding::Verdict::kPass, detail);
  }
  void Expect(bool right, std::string_view what, std::string_view pass, std::string_view fail) {
    Add(what, right ? Finding::Verdict::kPass : Finding::Verdict::kFail, right ? pass : fail);
  }
  void Add(std::string_view what, Finding::Verdict verdict, std::string_view detail) {
    findings.push_back({std::string(what), verdict, std::string(detail)});
  }
  bool failed() const {
    return std::ranges::any_of(
        findings, [](const Finding& f) { return f.verdict == Finding::Verdict::kFail; });
  }
};

std::string Name(Checked::State state) {
  switch (state) {
    case Checked::State::kProvisional:
      return "provisional";
    case Checked::State::kFinal:
      return "final";
    case Checked::State::kBroken:
      return "broken";
  }
  return "";
}

Checked MakeChecked(std::string name, std::string text, const poll::Definition& definition) {
  Checked checked{.name = std::move(name),
                  .text = std::move(text),
                  .receipt = std::nullopt,
                  .promised = ledger::Checkpoint(),
                  .root_then = {},
                  .leaf = {},
                  .body = {},
                  .complaint = std::nullopt,
                  .findings = {}};
  auto receipt = ledger::Receipt::Parse(checked.text);
  checked.promised = receipt.ok() ? ledger::VerifyReceipt(*receipt, definition.ballot_box)
                                  : absl::StatusOr<ledger::Checkpoint>(receipt.status());
  if (receipt.ok()) checked.receipt = std::move(*receipt);
  return checked;
}

/// The ballots of the wallet's ballot key.
struct Own {
  std::string ballot_key;
  uint16_t last_revision = 0;
  uint64_t last_index = 0;
};

class Check {
 public:
  Check(const GlobalOptions& global, const CheckFlags& flags) : global_(global), flags_(flags) {}
  absl::Status Run();

 private:
  absl::Status Open();
  absl::Status Scan();
  void Judge(Checked& checked) const;
  /// Whether enough witnesses cosigned the ledger's checkpoint, which holds.
  bool JudgeWitnesses(Checked& checked) const;
  std::optional<std::string> Complain(const Checked& checked) const;
  absl::StatusOr<std::string> KeepEvidence() const;
  void Print() const;
  void PrintAsJson(const std::string& evidence) const;

  const GlobalOptions& global_;
  const CheckFlags& flags_;
  std::optional<Wallet> wallet_;
  std::unique_ptr<PublishedLedger> ledger_;
  std::optional<Own> own_;
  std::vector<Checked> receipts_;
  uint64_t size_ = 0;
  Hash32 root_{};
};

absl::Status Check::Open() {
  std::string text;
  if (!flags_.receipt.empty()) {
    URNA_ASSIGN_OR_RETURN(text, base::ReadFile(flags_.receipt, 1 << 20));
    const absl::Status parsed = ledger::Receipt::Parse(text).status();
    if (!parsed.ok()) return base::Annotate(parsed, flags_.receipt);
  }
  if (flags_.receipt.empty() || flags_.wallet.given()) {
    URNA_ASSIGN_OR_RETURN(const std::string path, flags_.wallet.Resolve(flags_.poll));
    URNA_ASSIGN_OR_RETURN(OpenWallet open, OpenWalletAt(global_, path, flags_.poll));
    wallet_ = std::move(open.wallet);
    if (flags_.receipt.empty() && wallet_->receipts.empty()) {
      return base::Failure(
          absl::StatusCode::kFailedPrecondition,
          Cat(path, ": holds no receipt: no ballot of this wallet was acknowledged",
              wallet_->restored ? " since it was restored" : "",
              wallet_->pending.has_value() ? "; one was sent, `urna vote` sends it again" : ""));
    }
  }
  if (!flags_.ledger.empty()) {
    URNA_ASSIGN_OR_RETURN(ledger_, PublishedLedger::Open(flags_.ledger, flags_.poll));
  } else if (global_.server.target.empty()) {
    return Usage("give --ledger with an exported ledger, or --server to fetch it");
  } else {
    URNA_ASSIGN_OR_RETURN(const std::unique_ptr<Connection> connection,
                          Connection::Open(global_.server));
    URNA_ASSIGN_OR_RETURN(ledger_, PublishedLedger::Fetch(*OverGrpc(*connection, flags_.poll),
                                                          flags_.poll, ShowProgress()));
  }
  if (wallet_.has_value()) {
    URNA_ASSIGN_OR_RETURN(const auto context, ledger_->context());
    own_.emplace();
    own_->ballot_key = crypto::DeriveBallotKey(wallet_->omega, context->opening).BK.view();
  }
  const poll::Definition& definition = *ledger_->definition();
  if (!flags_.receipt.empty()) {
    receipts_.push_back(MakeChecked(flags_.receipt, std::move(text), definition));
  } else {
    for (const KeptReceipt& kept : wallet_->receipts) {
      receipts_.push_back(MakeChecked(Cat("revision ", kept.revision), kept.text, definition));
    }
  }
  return absl::OkStatus();
}

absl::Status Check::Scan() {
  return ledger_->ForEach([&](const ledger::Frontier& tree, const Hash32& leaf,
                              const ledger::Record* record) {
    const uint64_t index = tree.size() - 1;
    size_ = tree.size();
    if (size_ == ledger_->reader().checkpoint().size) root_ = tree.Root();
    const auto ballot = record == nullptr ? std::nullopt : KeyOfBallot(*record);
    const bool mine = own_.has_value() && ballot.has_value() && ballot->first == own_->ballot_key;
    if (mine) {
      own_->last_revision = ballot->second;
      own_->last_index = index;
    }
    for (Checked& checked : receipts_) {
      if (checked.promised.ok() && checked.promised->size == size_) {
        checked.root_then = tree.Root();
      }
      if (!checked.receipt.has_value() || checked.receipt->index != index) continue;
      checked.leaf = leaf;
      if (record != nullptr) checked.body = crypto::HashSha256(record->payload);
      checked.is_ballot = ballot.has_value();
      checked.is_own = mine;
    }
  });
}

void Check::Judge(Checked& checked) const {
  const poll::Definition& definition = *ledger_->definition();
  if (!checked.promised.ok()) {
    checked.Add("receipt", Finding::Verdict::kFail,
                Cat("it proves nothing: ", std::string(checked.promised.status().message())));
    return;
  }
  const ledger::Receipt& receipt = *checked.receipt;
  const ledger::Checkpoint& promised = *checked.promised;
  checked.Pass("receipt", Cat("signed by ", definition.ballot_box.name, "; record ", receipt.index,
                              " of its first ", promised.size, " records"));
  const auto shown = ledger::OpenCheckpoint(ledger_->reader().note(), definition.ballot_box);
  checked.Expect(shown.ok(), "checkpoint of the ledger", "signed by the ballot box",
                 shown.ok() ? "" : std::string(shown.status().message()));
  if (shown.ok()) {
    checked.Expect(root_ == shown->root && size_ == shown->size, "records of the ledger",
                   Cat("all ", size_, " are those that the checkpoint signs"),
                   "they are not those that the checkpoint signs");
  }
  const bool replaced = checked.leaf.has_value() && *checked.leaf != receipt.leaf;
  if (size_ < promised.size && !replaced) {
    checked.Add("ballot in the ledger", Finding::Verdict::kSkipped,
                Cat("this ledger has ", size_,
                    " records and is older than the receipt, which "
                    "covers ",
                    promised.size, "; try again with a newer one"));
    if (!checked.failed()) checked.state = Checked::State::kProvisional;
    return;
  }
  if (size_ >= promised.size) {
    checked.Expect(checked.root_then == promised.root, "nothing was rewritten",
                   "the ledger continues the one that the receipt was given for",
                   "the ledger is not a continuation of the one that the receipt was given for");
  }
  checked.Expect(checked.is_ballot && checked.leaf == receipt.leaf && checked.body == receipt.body,
                 "ballot in the ledger",
                 Cat("record ", receipt.index, " is this very ballot, unchanged"),
                 Cat("record ", receipt.index, " is not the ballot of the receipt"));
  if (own_.has_value()) {
    checked.Expect(checked.is_own, "ballot of the wallet",
                   "it was cast with this wallet's ballot key",
                   "it was cast with another ballot key than this wallet's");
    if (checked.is_own) {
      checked.Pass("which ballot counts", own_->last_index == receipt.index
                                              ? std::string("this one, the last of this ballot key")
                                              : Cat("a later one, record ", own_->last_index,
                                                    ", revision ", own_->last_revision));
    }
  }
  const bool witnessed = !shown.ok() || JudgeWitnesses(checked);
  if (checked.failed()) return;
  checked.state = witnessed ? Checked::State::kFinal : Checked::State::kProvisional;
}

bool Check::JudgeWitnesses(Checked& checked) const {
  const poll::Definition& definition = *ledger_->definition();
  const uint32_t needed = poll::CosignaturesForFinal(definition);
  if (needed == 0) return true;
  const auto note = ledger::Note::Parse(ledger_->reader().note());
  const poll::Cosignatures found = poll::CosignaturesOn(definition, *note);
  const bool enough = found.AtLeast(needed);
  checked.Add("witnesses", enough ? Finding::Verdict::kPass : Finding::Verdict::kSkipped,
              Cat("of this ledger's checkpoint: ", found.ToString(), "; ", needed,
                  enough ? " are enough"
                         : " are needed before the receipt is final; try again in a while, with "
                           "the ledger as it is then"));
  return enough;
}

/// Evidence of the fault, if signatures alone prove it.
std::optional<std::string> Check::Complain(const Checked& checked) const {
  if (!checked.promised.ok() || checked.state != Checked::State::kBroken) return std::nullopt;
  const ledger::NoteKey& key = ledger_->definition()->ballot_box;
  const ledger::ExportReader& reader = ledger_->reader();
  const auto nodes = [&reader](uint32_t level, uint64_t index) {
    return reader.ReadNode(level, index);
  };
  const ledger::Receipt& receipt = *checked.receipt;
  const auto evidence =
      checked.leaf.has_value() && *checked.leaf != receipt.leaf
          ? ledger::MakeComplaint(receipt, reader.note(), *checked.leaf, key, nodes)
          : ledger::MakeFork(receipt.checkpoint, reader.note(), key, nodes);
  // Otherwise the tiles of a ledger from elsewhere may be wrong.
  if (!evidence.ok() || !ledger::Judge(*evidence, key).proven) return std::nullopt;
  return ledger::EncodeEvidence(*evidence);
}

/// Puts the receipts that the ledger breaks into a folder, what each proves by itself, and the
/// ledger, if it was fetched: the server may not show it again. Returns the folder's path, or "" if
/// there is nothing to keep.
absl::StatusOr<std::string> Check::KeepEvidence() const {
  namespace fs = std::filesystem;
  const auto broken = [](const Checked& c) { return c.state == Checked::State::kBroken; };
  if (!ledger_->fetched() &&
      std::ranges::none_of(receipts_, [](const Checked& c) { return c.complaint.has_value(); })) {
    return std::string();
  }
  const std::string wanted =
      flags_.evidence.empty()
          ? Cat("urna-evidence-", base::Hex(flags_.poll).substr(0, 12), "-", size_)
          : flags_.evidence;
  std::string folder = wanted;
  std::error_code error;
  for (int i = 2; fs::exists(folder, error); ++i) folder = Cat(wanted, "-", i);
  URNA_RETURN_IF_ERROR(base::MakeFolders(folder, 0700));
  if (ledger_->fetched()) {
    fs::copy(ledger_->folder(), Cat(folder, "/ledger"), fs::copy_options::recursive, error);
  }
  if (error) {
    return base::Failure(absl::StatusCode::kUnavailable, Cat(folder, ": ", error.message()));
  }
  int number = 0;
  for (const Checked& checked : receipts_) {
    if (!broken(checked)) continue;
    ++number;
    URNA_RETURN_IF_ERROR(
        base::WriteFileAtomic(Cat(folder, "/receipt-", number), checked.text, 0600));
    if (!checked.complaint.has_value()) continue;
    URNA_RETURN_IF_ERROR(
        base::WriteFileAtomic(Cat(folder, "/complaint-", number), *checked.complaint, 0600));
  }
  return folder;
}

void Check::Print() const {
  for (const Checked& checked : receipts_) {
    if (&checked != receipts_.data()) std::cout << "\n";
    std::cout << "Receipt: " << OneLine(checked.name) << "\n";
    for (const Finding& f : checked.findings) {
      std::cout << Name(f.verdict) << "  " << f.what << ": " << f.detail << "\n";
    }
    switch (checked.state) {
      case Checked::State::kFinal:
        std::cout << "FINAL: covered by the publication of " << size_ << " records\n";
        break;
      case Checked::State::kProvisional:
        if (checked.promised->size <= size_) {
          std::cout << "PROVISIONAL: covered by the publication of " << size_
                    << " records, which too few witnesses cosigned so far\n";
          break;
        }
        std::cout << "PROVISIONAL: not yet covered by a publication; the next one comes within "
                  << ledger_->definition()->publish_every << " s while the poll is open\n";
        break;
      case Checked::State::kBroken:
        std::cout << "BROKEN: see FAIL above\n";
        break;
    }
  }
}

void Check::PrintAsJson(const std::string& evidence) const {
  Json list = Json::array();
  for (const Checked& checked : receipts_) {
    Json checks = Json::array();
    for (const Finding& f : checked.findings) {
      checks.push_back({{"check", f.what}, {"verdict", Name(f.verdict)}, {"detail", f.detail}});
    }
    list.push_back(
        {{"receipt", checked.name}, {"state", Name(checked.state)}, {"checks", std::move(checks)}});
  }
  const bool pass = std::ranges::none_of(
      receipts_, [](const Checked& c) { return c.state == Checked::State::kBroken; });
  Json out = {{"pass", pass}, {"ledger_size", size_}, {"receipts", std::move(list)}};
  if (!evidence.empty()) out["evidence"] = evidence;
  PrintJson(out);
}

absl::Status Check::Run() {
  URNA_RETURN_IF_ERROR(Open());
  URNA_RETURN_IF_ERROR(Scan());
  for (Checked& checked : receipts_) {
    Judge(checked);
    checked.complaint = Complain(checked);
  }
  const bool broken = std::ranges::any_of(
      receipts_, [](const Checked& c) { return c.state == Checked::State::kBroken; });
  // A receipt that nobody signed is evidence of nothing.
  const bool promised = std::ranges::any_of(receipts_, [](const Checked& c) {
    return c.state == Checked::State::kBroken && c.promised.ok();
  });
  std::string evidence;
  if (!global_.json) Print();
  if (promised) {
    URNA_ASSIGN_OR_RETURN(evidence, KeepEvidence());
  }
  if (global_.json) PrintAsJson(evidence);
  if (!broken) return absl::OkStatus();
  if (!promised) {
    return base::Reject("receipt.check-failed",
                        "the ballot box of this poll signed no such receipt, so it proves nothing; "
                        "is it the receipt of this poll, and whole?");
  }
  std::string officials;
  for (const poll::Party& official : ledger_->definition()->officials) {
    officials += Cat(officials.empty() ? "" : ", ", OneLine(official.name));
  }
  const bool proven =
      std::ranges::any_of(receipts_, [](const Checked& c) { return c.complaint.has_value(); });
  return base::Reject(
      "receipt.check-failed",
      Cat("the ballot box promised by this receipt what the ledger does not show. Keep both, "
          "together they are evidence: ",
          evidence.empty() ? Cat("the receipt and the folder ", ledger_->folder())
                           : Cat("they are in ", evidence),
          proven
              ? Cat(". A file complaint-… there proves it by itself, to anybody, with nothing but "
                    "the ledger's key: urna-verify --log ",
                    ledger_->definition()->ballot_box.ToString(), " --evidence FILE")
              : std::string(),
          ". Give copies to the officials (", officials,
          ") and to somebody who does not depend on them: an observer, a newspaper, a court. They "
          "show which encrypted ballot is yours, but not your vote; never hand out the wallet"));
}

absl::Status RunSave(const GlobalOptions& global, const Hash32& poll, const WalletFlags& flags,
                     uint32_t revision, const std::string& out) {
  URNA_ASSIGN_OR_RETURN(const std::string path, flags.Resolve(poll));
  URNA_ASSIGN_OR_RETURN(const OpenWallet open, OpenWalletAt(global, path, poll));
  const KeptReceipt* found = nullptr;
  for (const KeptReceipt& kept : open.wallet.receipts) {
    if (revision == 0 || kept.revision == revision) found = &kept;
  }
  if (found == nullptr) {
    return base::Failure(absl::StatusCode::kNotFound,
                         revision == 0 ? Cat(path, ": holds no receipt")
                                       : Cat(path, ": holds no receipt of revision ", revision));
  }
  URNA_RETURN_IF_ERROR(base::CreateFileAtomic(out, found->text, 0600));
  if (global.json) {
    PrintJson({{"receipt", out}, {"revision", found->revision}});
  } else {
    std::cout << "Receipt of revision " << found->revision << ": " << out << "\n";
  }
  return absl::OkStatus();
}

}  // namespace

void AddReceiptCommands(CLI::App& app, GlobalOptions& global, Action* action) {
  CLI::App* receipt = app.add_subcommand("receipt", "What a receipt proves");
  receipt->require_subcommand(1);
  auto flags = std::make_shared<CheckFlags>();
  CLI::App* command = receipt->add_subcommand(
      "check",
      "For residents: whether the ballot of a receipt is in the published ledger, unchanged, or\n"
      "not published yet. Take a ledger published after your vote, best one that somebody else\n"
      "exported.");
  command->add_option("file", flags->receipt,
                      "Receipt file; without it, all receipts of the wallet are checked");
  AddPoll(command, &flags->poll);
  flags->wallet.Add(command);
  global.AddServer(command);
  command->get_option("--server")->required(false);
  command->add_option("--ledger", flags->ledger,
                      "Folder of an exported ledger; without it, the server is asked for its own");
  command->add_option("--evidence", flags->evidence,
                      "New folder for what proves a fault, if one is found in a fetched ledger; "
                      "otherwise urna-evidence-... here");
  global.AddPassphrase(command);
  AddExample(
      command, "urna receipt check --poll 4c1f... --server vote.example:7443 --resident anna",
      "A file together with --wallet or --resident also says whether the ballot is yours and "
      "is the one that counts.\nPROVISIONAL: the ballot box promised the ballot, but did not "
      "publish since, or the poll's witnesses did\nnot yet cosign what it published. FINAL: "
      "everybody can see it in the ledger, and it can neither\nchange nor vanish unseen. BROKEN: a "
      "promise was not kept; what proves it is kept.");
  command->callback([&global, action, flags] {
    *action = [&global, flags] { return Check(global, *flags).Run(); };
  });

  struct SaveFlags {
    Hash32 poll{};
    WalletFlags wallet;
    uint32_t revision = 0;
    std::string out;
  };
  auto saving = std::make_shared<SaveFlags>();
  CLI::App* save = receipt->add_subcommand(
      "save", "Copies a receipt out of the wallet, for urna-verify or for an observer.");
  AddPoll(save, &saving->poll);
  saving->wallet.Add(save);
  save->add_option("--revision", saving->revision, "Which ballot's; otherwise the last");
  save->add_option("--out", saving->out, "New file")->required();
  global.AddPassphrase(save);
  AddExample(save, "urna receipt save --poll 4c1f... --resident anna --out anna.receipt",
             "Whoever gets it learns which encrypted ballot is yours, but not your vote.");
  save->callback([&global, action, saving] {
    *action = [&global, saving] {
      return RunSave(global, saving->poll, saving->wallet, saving->revision, saving->out);
    };
  });
}

}  // namespace urna::client
