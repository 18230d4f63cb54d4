#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli.h"
#include "client/wallet.h"
#include "crypto/credential.h"
#include "crypto/secret.h"
#include "poll/definition.h"

namespace urna::client {

/// What the commands of residents share.

absl::Status Usage(std::string_view text);
/// Cancelled: somebody chose to stop.
absl::Status Stopped(std::string_view text);
bool Interactive();
/// A line from the terminal, trimmed. Errors: Cancelled at its end.
absl::StatusOr<std::string> AskLine(std::string_view prompt);

/// Which wallet a command is about: a path, or a resident's label in the wallet folder.
struct WalletFlags {
  std::string path, resident;

  /// --wallet and --resident.
  void Add(CLI::App* command);
  bool given() const { return !path.empty() || !resident.empty(); }
  /// The wallet's file, which need not exist. Without flags it is the only wallet of the poll in
  /// the folder; or, if there is none, that of the label "me".
  /// Errors: InvalidArgument naming the labels if there are several; those of WalletPath.
  absl::StatusOr<std::string> Resolve(const Hash32& poll) const;
};

struct OpenWallet {
  Wallet wallet;
  crypto::SecretText passphrase;
};
/// Asks for the passphrase and opens the poll's wallet at `path`. Errors: those of LoadWallet, with
/// the other residents' labels after a wrong passphrase; FailedPrecondition if it is another
/// poll's.
absl::StatusOr<OpenWallet> OpenWalletAt(const GlobalOptions& global, const std::string& path,
                                        const Hash32& poll);

/// What a resident gave to prove who they are, before the poll is known: nothing, the symbols of a
/// code, or a secret key.
struct Identification {
  std::optional<crypto::SecretText> symbols;
  std::optional<crypto::SecretScalar> k;
  std::optional<Hash32> poll;  ///< that the square of the letter names

  bool given() const { return symbols.has_value() || k.has_value(); }
  /// Errors: ResourceExhausted.
  absl::StatusOr<crypto::CredentialKey> Derive(const poll::Definition& definition) const;
  /// The poll that --poll gave, or else the letter's. Errors: InvalidArgument if there is none, or
  /// two.
  absl::StatusOr<Hash32> ChoosePoll(const std::optional<Hash32>& given) const;
};

struct CredentialFlags {
  std::string code, code_file, credential;
  PassphraseOptions passphrase;

  /// --code, --code-file, --credential, --credential-passphrase-file.
  void Add(CLI::App* command);
  bool given() const { return !code.empty() || !code_file.empty() || !credential.empty(); }
  /// Finds typing errors before anything is sent. Errors: those of ReadCode and LoadCredential.
  absl::StatusOr<Identification> Identify() const;
};
/// Asks for a code until it has no typing error and no square of another poll's letter was read; an
/// empty line gives none.
absl::StatusOr<Identification> AskForCode(std::string_view prompt, const Hash32& poll);

/// "wallet of anna" in the wallet folder, "wallet anna.wallet" elsewhere.
std::string NameOfWallet(const std::string& path, const Hash32& poll);
/// The labels of the poll's other wallets, if `path` is in the wallet folder; otherwise "".
std::string OtherLabels(const std::string& path, const Hash32& poll);

/// Error unless `key` is the one that the wallet at `path` was made for.
absl::Status CheckSameCredential(const Wallet& wallet, const crypto::CredentialKey& key,
                                 const std::string& path);

/// `text` in `language`, fit for a terminal; "" if there is none.
std::string In(const poll::Texts& texts, const std::string& language);

/// Subcommands of `vote` for what is not voting: restore, status, list, show.
void AddWalletCommands(CLI::App* vote, GlobalOptions& global, Action* action);

}  // namespace urna::client
