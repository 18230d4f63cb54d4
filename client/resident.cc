#include "client/resident.h"

#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "client/code_uri.h"

namespace urna::client {
namespace {

using base::Cat;
using crypto::SecretText;

constexpr std::string_view kOnlyResident = "me";

absl::StatusOr<Identification> IdentifyByCode(std::string typed) {
  URNA_ASSIGN_OR_RETURN(TypedCode code, ReadCode(std::move(typed)));
  Identification id;
  id.symbols = std::move(code.symbols);
  id.poll = code.poll;
  return id;
}

std::string Labels(const std::vector<ListedWallet>& wallets, std::string_view except = "") {
  std::string labels;
  for (const ListedWallet& wallet : wallets) {
    if (wallet.path != except) labels += Cat(labels.empty() ? "" : ", ", wallet.label);
  }
  return labels;
}

}  // namespace

absl::Status Usage(std::string_view text) {
  return base::Failure(absl::StatusCode::kInvalidArgument, text);
}
absl::Status Stopped(std::string_view text) {
  return base::Failure(absl::StatusCode::kCancelled, text);
}

bool Interactive() { return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO); }

absl::StatusOr<std::string> AskLine(std::string_view prompt) {
  std::cout << prompt << std::flush;
  std::string line;
  if (!std::getline(std::cin, line)) return Stopped("stopped; nothing was cast");
  return std::string(base::Trim(line));
}

void WalletFlags::Add(CLI::App* command) {
  CLI::Option* file = command->add_option(
      "--wallet", path, "Wallet file: your token and ballots, encrypted under your passphrase");
  CLI::Option* label = command->add_option(
      "--resident", resident,
      "Instead of a path, a name of your choice for whoever votes: its wallet lies in "
      "$URNA_WALLETS or ~/.local/share/urna/wallets");
  file->excludes(label);
}

absl::StatusOr<std::string> WalletFlags::Resolve(const Hash32& poll) const {
  if (!path.empty()) return path;
  URNA_ASSIGN_OR_RETURN(const std::string folder, WalletFolder());
  if (!resident.empty()) return WalletPath(folder, poll, resident);
  URNA_ASSIGN_OR_RETURN(const std::vector<ListedWallet> wallets, ListWallets(folder, poll));
  if (wallets.size() > 1) {
    return Usage(Cat("several residents have a wallet for this poll: ", Labels(wallets),
                     "; name one with --resident"));
  }
  if (wallets.size() == 1) return wallets[0].path;
  return WalletPath(folder, poll, kOnlyResident);
}

std::string NameOfWallet(const std::string& path, const Hash32& poll) {
  const auto folder = WalletFolder();
  const std::string label = std::filesystem::path(path).stem().string();
  const auto inside = folder.ok() ? WalletPath(*folder, poll, label) : folder;
  return inside.ok() && *inside == path ? Cat("wallet of ", OneLine(label)) : Cat("wallet ", path);
}

std::string OtherLabels(const std::string& path, const Hash32& poll) {
  const auto folder = WalletFolder();
  if (!folder.ok() || !path.starts_with(*folder)) return "";
  const auto wallets = ListWallets(*folder, poll);
  return wallets.ok() ? Labels(*wallets, path) : "";
}

absl::StatusOr<OpenWallet> OpenWalletAt(const GlobalOptions& global, const std::string& path,
                                        const Hash32& poll) {
  // Before anybody types a passphrase for a file that is not there or is another poll's.
  URNA_ASSIGN_OR_RETURN(const WalletSummary summary, PeekWallet(path));
  if (summary.poll != poll) {
    return base::Failure(absl::StatusCode::kFailedPrecondition,
                         Cat(path, ": belongs to poll ", base::Hex(summary.poll)));
  }
  URNA_ASSIGN_OR_RETURN(
      SecretText passphrase,
      GetPassphrase(global.passphrase, Cat("passphrase of the ", NameOfWallet(path, poll)), false));
  auto wallet = LoadWallet(path, passphrase);
  if (wallet.ok()) {
    // The summary is bound to the content only by whoever wrote it.
    if (wallet->poll != poll) {
      return base::Failure(absl::StatusCode::kFailedPrecondition,
                           Cat(path, ": belongs to poll ", base::Hex(wallet->poll)));
    }
    return OpenWallet{std::move(*wallet), std::move(passphrase)};
  }
  const std::string others = OtherLabels(path, poll);
  if (!absl::IsPermissionDenied(wallet.status()) || others.empty()) return wallet.status();
  return base::Failure(
      absl::StatusCode::kPermissionDenied,
      Cat(std::string(wallet.status().message()),
          "; every resident's wallet has its own (--resident; others here: ", others, ")"));
}

absl::StatusOr<crypto::CredentialKey> Identification::Derive(
    const poll::Definition& definition) const {
  if (k.has_value()) return crypto::CredentialKey::FromSecret(k->Clone());
  return crypto::DeriveCredential(*symbols, definition.roll_label);
}

absl::StatusOr<Hash32> Identification::ChoosePoll(const std::optional<Hash32>& given) const {
  if (!given.has_value() && !poll.has_value()) {
    return Usage(
        "--poll is missing: the poll id is in your letter; or give the text of the letter's square "
        "as --code, which has both");
  }
  if (given.has_value() && poll.has_value() && *given != *poll) {
    return Usage(Cat("--poll is not the poll of this letter, which is ", base::Hex(*poll),
                     "; if your city says that the letter is good for another poll as well, give "
                     "only its code"));
  }
  return given.has_value() ? *given : *poll;
}

void CredentialFlags::Add(CLI::App* command) {
  CLI::Option* by_code = command->add_option(
      "--code", code,
      "The code of your letter, or the text of its square (QR code), which names the poll too; "
      "others on this machine may see it, so rather leave it out and type it when asked");
  CLI::Option* by_file = command->add_option("--code-file", code_file,
                                             "File with the code, or with the text of the square");
  CLI::Option* by_key =
      command->add_option("--credential", credential, "Your key file, from `urna roll key`");
  by_code->excludes(by_file)->excludes(by_key);
  by_file->excludes(by_key);
  command->add_option("--credential-passphrase-file", passphrase.file,
                      "File with the key file's passphrase");
}

absl::StatusOr<Identification> CredentialFlags::Identify() const {
  if (!code.empty()) return IdentifyByCode(code);
  Identification id;
  if (!code_file.empty()) {
    URNA_ASSIGN_OR_RETURN(std::string text, base::ReadFile(code_file, 4096));
    return IdentifyByCode(std::move(text));
  }
  if (!credential.empty()) {
    URNA_ASSIGN_OR_RETURN(const SecretText opens,
                          GetPassphrase(passphrase, Cat("passphrase of ", credential), false));
    URNA_ASSIGN_OR_RETURN(id.k, LoadCredential(credential, opens));
  }
  return id;
}

absl::StatusOr<Identification> AskForCode(std::string_view prompt, const Hash32& poll) {
  for (;;) {
    URNA_ASSIGN_OR_RETURN(std::string typed, AskLine(prompt));
    if (typed.empty()) return Identification();
    auto id = IdentifyByCode(std::move(typed));
    absl::Status fault = id.status();
    if (fault.ok()) fault = id->ChoosePoll(poll).status();
    if (fault.ok()) return id;
    std::cout << std::string(fault.message()) << "\n";
  }
}

absl::Status CheckSameCredential(const Wallet& wallet, const crypto::CredentialKey& key,
                                 const std::string& path) {
  if (wallet.credential == key.V) return absl::OkStatus();
  return base::Failure(
      absl::StatusCode::kFailedPrecondition,
      Cat(path,
          ": this wallet was made for another code or key than the one given now; every "
          "resident has a wallet of their own: give --resident (see `urna vote list`) or "
          "--wallet"));
}

std::string In(const poll::Texts& texts, const std::string& language) {
  const auto found = texts.find(language);
  return found == texts.end() ? std::string() : OneLine(found->second);
}

}  // namespace urna::client
