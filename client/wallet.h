#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/file.h"
#include "crypto/group.h"
#include "crypto/hash.h"
#include "crypto/secret.h"
#include "crypto/token.h"

namespace urna::client {

/// A ballot that was handed to the server without an answer yet: the same bytes may be sent again.
struct PendingBallot {
  uint16_t revision = 0;
  std::string payload;  ///< of the "ballot cast" record
};

/// What the ballot box gave for a ballot that it acknowledged.
struct KeptReceipt {
  uint16_t revision = 0;
  std::string text;  ///< C2SP tlog-proof, verbatim
};

/// All that a resident's device keeps for one poll. Whoever has it can vote in the resident's
/// place, and can recognise the resident's ballots. The credential's secret is not in it.
struct Wallet {
  crypto::Hash32 poll{};
  crypto::Point credential;                          ///< V
  std::string style;                                 ///< id of the ballot style
  crypto::Omega omega;                               ///< docs/protocol.md section 5
  std::vector<std::optional<crypto::Token>> tokens;  ///< by issuer
  uint16_t last_revision = 0;                        ///< of the last acknowledged ballot; 0: none
  std::optional<PendingBallot> pending;
  std::vector<KeptReceipt> receipts;  ///< in the order of casting; at most kMaxReceipts
  /// The recovery phrase was shown, written or declined: it is offered once, never again.
  bool phrase_settled = false;
  /// Made from a recovery phrase: another device may have cast ballots that this one knows not of.
  bool restored = false;

  /// Of more receipts the oldest are dropped: a wallet stays small.
  static constexpr size_t kMaxReceipts = 1000;

  /// With a fresh omega.
  static Wallet New(const crypto::Hash32& poll, const crypto::Point& credential, std::string style,
                    size_t issuers);

  bool has_all_tokens() const;
  bool has_any_token() const;
  void KeepReceipt(KeptReceipt receipt);
  /// JSON with everything, for the inside of a key file.
  crypto::SecretText Encode() const;
  /// Strict inverse of Encode. Errors: InvalidArgument naming the field.
  static absl::StatusOr<Wallet> Decode(const crypto::SecretText& json);
};

/// What a wallet's file shows without its passphrase. Nothing vouches for it until the passphrase
/// is given; then it is known to belong to what is inside.
struct WalletSummary {
  enum class State { kNew, kToken, kPending, kCast };
  crypto::Hash32 poll{};
  State state = State::kNew;  ///< not how often a ballot was cast: who looks must not learn that
};
/// "no token yet", "has its token, no ballot cast", ...
std::string_view Describe(WalletSummary::State state);

/// Errors: those of ReadKeyFilePublic; InvalidArgument if it is no wallet's.
absl::StatusOr<WalletSummary> PeekWallet(const std::string& path);

/// Writes or replaces the wallet's file, encrypted, atomically, mode 0600.
absl::Status SaveWallet(const std::string& path, const Wallet& wallet,
                        const crypto::SecretText& passphrase);
/// Errors: those of ReadKeyFile; InvalidArgument if what it holds is no wallet.
absl::StatusOr<Wallet> LoadWallet(const std::string& path, const crypto::SecretText& passphrase);

/// Keeps other processes from using the wallet at `path` (which need not exist yet) at the same
/// time, by a lock on "<path>.lock". Errors: FailedPrecondition if another process holds it; those
/// of FileLock.
absl::StatusOr<base::FileLock> LockWallet(const std::string& path);

// --- Several residents on one device: FOLDER/<poll id>/<label>.wallet

/// $URNA_WALLETS, otherwise urna/wallets in the XDG data home.
/// Errors: FailedPrecondition if neither it nor a home is known.
absl::StatusOr<std::string> WalletFolder();
/// A label that a resident picked: 1 to 64 bytes of UTF-8, no control characters, no '/', not
/// beginning with '.'. Errors: InvalidArgument.
absl::Status CheckLabel(std::string_view label);
/// The file of `label` in `poll`. Errors: those of CheckLabel.
absl::StatusOr<std::string> WalletPath(const std::string& folder, const crypto::Hash32& poll,
                                       std::string_view label);

struct ListedWallet {
  std::string label, path;
  absl::StatusOr<WalletSummary> summary;  ///< or why the file cannot be read
};
/// All wallets of the folder (of one poll), by poll and label; none if there is no folder.
/// Errors: Unavailable.
absl::StatusOr<std::vector<ListedWallet>> ListWallets(const std::string& folder,
                                                      const std::optional<crypto::Hash32>& poll);

/// A credential's key file (purpose "credential"): k inside, V readable without the passphrase.
absl::Status SaveCredential(const std::string& path, const crypto::SecretScalar& k,
                            const crypto::Point& V, const crypto::SecretText& passphrase);
/// k. Errors: those of ReadKeyFile; InvalidArgument if it is no scalar or not the secret of V.
absl::StatusOr<crypto::SecretScalar> LoadCredential(const std::string& path,
                                                    const crypto::SecretText& passphrase);

}  // namespace urna::client
