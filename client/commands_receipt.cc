#include <algorithm>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/codec.h"
#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "client/cli.h"
#include "client/interrupt.h"
#include "client/poll_view.h"
#include "client/wallet.h"
#include "ledger/export.h"
#include "ledger/merkle.h"
#include "ledger/receipt.h"
#include "ledger/record.h"
#include "poll/payload.h"
#include "poll/replay.h"

namespace urna::client {
namespace {

using base::Cat;
using Json = nlohmann::json;

struct CheckFlags {
  Hash32 poll{};
  std::string receipt, wallet, ledger;
};

/// One line of the report.
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

class Report {
 public:
  void Pass(std::string_view what, std::string_view detail) {
    Add(what, Finding::Verdict::kPass, detail);
  }
  void Fail(std::string_view what, std::string_view detail) {
    Add(what, Finding::Verdict::kFail, detail);
  }
  void Skip(std::string_view what, std::string_view detail) {
    Add(what, Finding::Verdict::kSkipped, detail);
  }
  void Expect(bool right, std::string_view what, std::string_view pass, std::string_view fail) {
    right ? Pass(what, pass) : Fail(what, fail);
  }

  absl::Status Print(bool json) const {
    const bool failed = std::ranges::any_of(
        findings_, [](const Finding& f) { return f.verdict == Finding::Verdict::kFail; });
    if (json) {
      Json list = Json::array();
      for (const Finding& f : findings_) {
        list.push_back({{"check", f.what}, {"verdict", Name(f.verdict)}, {"detail", f.detail}});
      }
      PrintJson({{"pass", !failed}, {"checks", list}});
    } else {
      for (const Finding& f : findings_) {
        std::cout << Name(f.verdict) << "  " << f.what << ": " << f.detail << "\n";
      }
    }
    if (!failed) return absl::OkStatus();
    return base::Reject("receipt.check-failed",
                        "the ballot box promised by this receipt what the ledger does not show; "
                        "keep the receipt and the ledger, together they are evidence");
  }

 private:
  void Add(std::string_view what, Finding::Verdict verdict, std::string_view detail) {
    findings_.push_back({std::string(what), verdict, std::string(detail)});
  }
  std::vector<Finding> findings_;
};

/// The poll's definition as its own first records give it.
absl::StatusOr<std::shared_ptr<const poll::Definition>> ReadDefinition(
    const ledger::ExportReader& reader, const Hash32& poll_id) {
  absl::Status fault;
  poll::Replay replay(
      poll::Replay::Trust::kNothing,
      [](uint64_t) -> absl::StatusOr<std::string> { return absl::InternalError("no ballot yet"); },
      [&](uint64_t index, uint8_t, const absl::Status& why) {
        if (fault.ok()) fault = base::Annotate(why, Cat("record ", index));
      },
      poll::Sequentially);
  const uint64_t size = reader.checkpoint().size;
  for (uint64_t i = 0; i < size && replay.state().definition() == nullptr; ++i) {
    URNA_ASSIGN_OR_RETURN(const std::string record, reader.ReadEntry(i));
    if (i == 0 && ledger::LeafHash(record) != poll_id) {
      return base::Reject("ledger.poll-id",
                          Cat("this is the ledger of poll ", base::Hex(ledger::LeafHash(record))));
    }
    replay.Append({record});
    URNA_RETURN_IF_ERROR(fault);
  }
  if (replay.state().definition() == nullptr) {
    return base::Reject("ledger.incomplete", "the ledger does not hold the whole definition");
  }
  return replay.state().definition();
}

/// What the voter's wallet looks for in the ledger: the ballots of one ballot key.
struct Own {
  std::string ballot_key;
  uint16_t last_revision = 0;
  uint64_t last_index = 0;
};

/// The ballot key and revision that begin a "ballot cast" payload (after its style).
std::optional<std::pair<std::string_view, uint16_t>> KeyOfBallot(const ledger::Record& record) {
  if (record.kind != static_cast<uint8_t>(poll::RecordKind::kBallotCast)) return std::nullopt;
  base::Reader reader(record.payload);
  reader.U16();
  const uint16_t revision = reader.U16();
  const std::string_view key = reader.Raw(32);
  if (!reader.ok()) return std::nullopt;
  return std::pair(key, revision);
}

absl::StatusOr<std::string> BallotKeyOf(const GlobalOptions& global, const std::string& path,
                                        const ledger::ExportReader& reader, const Hash32& poll_id) {
  URNA_ASSIGN_OR_RETURN(const crypto::SecretText passphrase,
                        GetPassphrase(global.passphrase, Cat("passphrase of ", path), false));
  URNA_ASSIGN_OR_RETURN(const Wallet wallet, LoadWallet(path, passphrase));
  if (wallet.poll != poll_id) {
    return base::Failure(absl::StatusCode::kFailedPrecondition,
                         Cat(path, ": belongs to poll ", base::Hex(wallet.poll)));
  }
  // opening = the leaf of the "opened" record.
  for (uint64_t i = 0; i < reader.checkpoint().size; ++i) {
    URNA_ASSIGN_OR_RETURN(const std::string bytes, reader.ReadEntry(i));
    URNA_ASSIGN_OR_RETURN(const ledger::Record record, ledger::DecodeRecord(bytes));
    if (record.kind == static_cast<uint8_t>(poll::RecordKind::kOpened)) {
      const crypto::BallotKey key = crypto::DeriveBallotKey(wallet.omega, ledger::LeafHash(bytes));
      return std::string(key.BK.view());
    }
  }
  return base::Reject("ledger.incomplete", "the poll was not opened in this ledger");
}

absl::Status CheckAgainst(const GlobalOptions& global, const CheckFlags& flags,
                          const Hash32& poll_id, const ledger::Receipt& receipt,
                          const std::string& folder) {
  URNA_ASSIGN_OR_RETURN(const std::unique_ptr<ledger::ExportReader> reader,
                        ledger::ExportReader::Open(folder));
  URNA_ASSIGN_OR_RETURN(const auto definition, ReadDefinition(*reader, poll_id));
  Report report;

  const auto promised = ledger::VerifyReceipt(receipt, definition->ballot_box);
  if (!promised.ok()) {
    report.Fail("receipt", Cat("it proves nothing: ", std::string(promised.status().message())));
    return report.Print(global.json);
  }
  report.Pass("receipt", Cat("signed by ", definition->ballot_box.name, "; record ", receipt.index,
                             " of its first ", promised->size, " records"));

  const auto shown = ledger::OpenCheckpoint(reader->note(), definition->ballot_box);
  report.Expect(shown.ok(), "checkpoint of the ledger", "signed by the ballot box",
                shown.ok() ? "" : std::string(shown.status().message()));

  std::optional<Own> own;
  if (!flags.wallet.empty()) {
    own.emplace();
    URNA_ASSIGN_OR_RETURN(own->ballot_key, BallotKeyOf(global, flags.wallet, *reader, poll_id));
  }

  // Everything is hashed, so that neither tiles nor proofs of the server are needed.
  ledger::Frontier tree;
  std::optional<Hash32> leaf;
  std::optional<Hash32> body;
  std::optional<Hash32> promised_root;
  bool is_ballot = false;
  bool is_own = false;
  for (uint64_t bundle = 0; bundle < reader->bundle_count(); ++bundle) {
    URNA_ASSIGN_OR_RETURN(const std::vector<std::string> entries, reader->ReadBundle(bundle));
    for (const std::string& bytes : entries) {
      const uint64_t index = tree.size();
      const Hash32 hash = ledger::LeafHash(bytes);
      tree.Append(hash);
      if (tree.size() == promised->size) promised_root = tree.Root();
      const auto record = ledger::DecodeRecord(bytes);
      if (!record.ok()) continue;
      const auto ballot = KeyOfBallot(*record);
      const bool mine = own.has_value() && ballot.has_value() && ballot->first == own->ballot_key;
      if (mine) {
        own->last_revision = ballot->second;
        own->last_index = index;
      }
      if (index != receipt.index) continue;
      leaf = hash;
      body = crypto::HashSha256(record->payload);
      is_ballot = ballot.has_value();
      is_own = mine;
    }
  }
  if (shown.ok()) {
    report.Expect(tree.Root() == shown->root, "records of the ledger",
                  Cat("all ", tree.size(), " are those that the checkpoint signs"),
                  "they are not those that the checkpoint signs");
  }
  if (tree.size() < promised->size) {
    report.Skip("ballot in the ledger", Cat("this ledger has ", tree.size(),
                                            " records and is older than the receipt, "
                                            "which covers ",
                                            promised->size, "; try again with a newer one"));
    return report.Print(global.json);
  }
  report.Expect(promised_root == promised->root, "nothing was rewritten",
                "the ledger continues the one that the receipt was given for",
                "the ledger is not a continuation of the one that the receipt was given for");
  report.Expect(is_ballot && leaf == receipt.leaf && body == receipt.body, "ballot in the ledger",
                Cat("record ", receipt.index, " is this very ballot, unchanged"),
                Cat("record ", receipt.index, " is not the ballot of the receipt"));
  if (own.has_value()) {
    report.Expect(is_own, "ballot of the wallet", "it was cast with this wallet's ballot key",
                  "it was cast with another ballot key than this wallet's");
    if (is_own) {
      report.Pass("which ballot counts", own->last_index == receipt.index
                                             ? std::string("this one, the last of this ballot key")
                                             : Cat("a later one, record ", own->last_index,
                                                   ", revision ", own->last_revision));
    }
  }
  return report.Print(global.json);
}

absl::Status RunCheck(const GlobalOptions& global, const CheckFlags& flags) {
  const Hash32& poll_id = flags.poll;
  URNA_ASSIGN_OR_RETURN(const std::string text, base::ReadFile(flags.receipt, 1 << 20));
  const auto receipt = ledger::Receipt::Parse(text);
  if (!receipt.ok()) return base::Annotate(receipt.status(), flags.receipt);
  if (!flags.ledger.empty()) {
    return CheckAgainst(global, flags, poll_id, *receipt, flags.ledger);
  }
  if (global.server.target.empty()) {
    return base::Failure(absl::StatusCode::kInvalidArgument,
                         "give --ledger with an exported ledger, or --server to fetch it");
  }
  URNA_ASSIGN_OR_RETURN(const std::unique_ptr<Connection> connection,
                        Connection::Open(global.server));
  URNA_ASSIGN_OR_RETURN(const std::unique_ptr<TemporaryFolder> temporary,
                        TemporaryFolder::Create());
  const std::string folder = Cat(temporary->path(), "/ledger");
  URNA_RETURN_IF_ERROR(FetchLedger(*connection, poll_id, folder, ShowProgress()).status());
  return CheckAgainst(global, flags, poll_id, *receipt, folder);
}

}  // namespace

void AddReceiptCommands(CLI::App& app, GlobalOptions& global, Action* action) {
  CLI::App* receipt = app.add_subcommand("receipt", "What a receipt proves");
  receipt->require_subcommand(1);
  auto flags = std::make_shared<CheckFlags>();
  CLI::App* command = receipt->add_subcommand(
      "check",
      "For residents: whether the ballot of a receipt is in the ledger, unchanged.\n"
      "Take a ledger published after your vote, best one that somebody else exported.");
  command->add_option("file", flags->receipt, "Receipt file")->required();
  AddPoll(command, &flags->poll);
  command->add_option("--wallet", flags->wallet,
                      "Your wallet, to see whether the ballot is yours and is the one that counts");
  global.AddServer(command);
  command->get_option("--server")->required(false);
  command->add_option("--ledger", flags->ledger,
                      "Folder of an exported ledger; without it, the server is asked for its own");
  global.AddPassphrase(command);
  AddExample(command, "urna receipt check my.wallet.receipt-1 --poll 4c1f... --ledger export");
  command->callback([&global, action, flags] {
    *action = [&global, flags] { return RunCheck(global, *flags); };
  });
}

}  // namespace urna::client
