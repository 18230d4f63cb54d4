#include "client/wallet.h"

#include <sodium.h>
#include <stdlib.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/bytes.h"
#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "client/key_file.h"

namespace urna::client {
namespace {

using Json = nlohmann::json;
using base::Cat;

constexpr std::string_view kFormat = "urna-wallet/1";
constexpr std::string_view kWalletPurpose = "wallet";
constexpr std::string_view kCredentialPurpose = "credential";
constexpr size_t kTokenBytes = 4 * 32;

absl::Status Damaged(std::string_view field) {
  return base::Failure(absl::StatusCode::kInvalidArgument,
                       Cat("the wallet is damaged or of another version: field '", field, "'"));
}

const std::string* Text(const Json& json, const char* field) {
  const auto found = json.find(field);
  return found == json.end() ? nullptr : found->get_ptr<const std::string*>();
}

bool ReadRevision(const Json& json, const char* field, uint16_t* out) {
  const auto found = json.find(field);
  if (found == json.end() || !found->is_number_unsigned()) return false;
  const uint64_t value = found->get<uint64_t>();
  if (value > 65535) return false;
  *out = static_cast<uint16_t>(value);
  return true;
}

std::string EncodeToken(const crypto::Token& token) {
  return base::Hex(Cat(token.c.view(), token.s.view(), token.y.view(), token.t.view()));
}

absl::StatusOr<crypto::Token> DecodeToken(const Json& json) {
  const auto* hex = json.get_ptr<const std::string*>();
  std::array<uint8_t, kTokenBytes> raw{};
  if (hex == nullptr || !base::Unhex(*hex, raw)) return Damaged("tokens");
  const std::string_view bytes = base::View(raw);
  crypto::Token token;
  crypto::Scalar* const parts[] = {&token.c, &token.s, &token.y, &token.t};
  for (size_t i = 0; i < 4; ++i) {
    auto scalar = crypto::Scalar::Decode(bytes.substr(32 * i, 32));
    if (!scalar.ok()) return Damaged("tokens");
    *parts[i] = *scalar;
  }
  return token;
}

bool ReadFlag(const Json& json, const char* field, bool* out) {
  const auto found = json.find(field);
  if (found == json.end() || !found->is_boolean()) return false;
  *out = found->get<bool>();
  return true;
}

// By WalletSummary::State.
constexpr std::array<std::string_view, 4> kStates = {"new", "token", "pending", "cast"};
constexpr std::string_view kSuffix = ".wallet";

WalletSummary::State StateOf(const Wallet& wallet) {
  using State = WalletSummary::State;
  if (wallet.pending.has_value()) return State::kPending;
  if (wallet.last_revision > 0) return State::kCast;
  return wallet.has_all_tokens() ? State::kToken : State::kNew;
}

}  // namespace

Wallet Wallet::New(const crypto::Hash32& poll, const crypto::Point& credential, std::string style,
                   size_t issuers) {
  Wallet wallet;
  wallet.poll = poll;
  wallet.credential = credential;
  wallet.style = std::move(style);
  wallet.omega = crypto::NewOmega();
  wallet.tokens.resize(issuers);
  return wallet;
}

bool Wallet::has_all_tokens() const {
  return std::ranges::all_of(tokens, [](const auto& token) { return token.has_value(); });
}

bool Wallet::has_any_token() const {
  return std::ranges::any_of(tokens, [](const auto& token) { return token.has_value(); });
}

void Wallet::KeepReceipt(KeptReceipt receipt) {
  receipts.push_back(std::move(receipt));
  if (receipts.size() > kMaxReceipts) receipts.erase(receipts.begin());
}

crypto::SecretText Wallet::Encode() const {
  Json kept = Json::array();
  for (const KeptReceipt& receipt : receipts) {
    kept.push_back({{"revision", receipt.revision}, {"text", base::Base64(receipt.text)}});
  }
  Json list = Json::array();
  for (const auto& token : tokens) {
    list.push_back(token.has_value() ? Json(EncodeToken(*token)) : Json());
  }
  Json json = {{"format", kFormat},
               {"poll", base::Hex(poll)},
               {"credential", base::Hex(credential.bytes())},
               {"style", style},
               {"omega", base::Hex(omega.Expose())},
               {"tokens", std::move(list)},
               {"last_revision", last_revision},
               {"pending", nullptr},
               {"receipts", std::move(kept)},
               {"phrase_settled", phrase_settled},
               {"restored", restored}};
  if (pending.has_value()) {
    json["pending"] = {{"revision", pending->revision},
                       {"payload", base::Base64(pending->payload)}};
  }
  return crypto::SecretText(json.dump());
}

absl::StatusOr<Wallet> Wallet::Decode(const crypto::SecretText& text) {
  const Json json = Json::parse(text.Expose(), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || json.size() != 11) return Damaged("format");
  const std::string* value = Text(json, "format");
  if (value == nullptr || *value != kFormat) return Damaged("format");

  Wallet wallet;
  value = Text(json, "poll");
  if (value == nullptr || !base::Unhex(*value, wallet.poll)) return Damaged("poll");

  base::Bytes32 raw{};
  value = Text(json, "credential");
  if (value == nullptr || !base::Unhex(*value, raw)) return Damaged("credential");
  auto credential = crypto::Point::DecodeNonIdentity(base::View(raw));
  if (!credential.ok()) return Damaged("credential");
  wallet.credential = *credential;

  value = Text(json, "style");
  if (value == nullptr) return Damaged("style");
  wallet.style = *value;

  value = Text(json, "omega");
  if (value == nullptr || !base::Unhex(*value, raw)) return Damaged("omega");
  wallet.omega = crypto::Omega(raw);

  const auto tokens = json.find("tokens");
  if (tokens == json.end() || !tokens->is_array() || tokens->empty()) return Damaged("tokens");
  for (const Json& token : *tokens) {
    wallet.tokens.emplace_back();
    if (token.is_null()) continue;
    URNA_ASSIGN_OR_RETURN(wallet.tokens.back(), DecodeToken(token));
  }

  if (!ReadRevision(json, "last_revision", &wallet.last_revision)) return Damaged("last_revision");

  const auto pending = json.find("pending");
  if (pending == json.end()) return Damaged("pending");
  if (!pending->is_null()) {
    PendingBallot ballot;
    value = pending->is_object() ? Text(*pending, "payload") : nullptr;
    if (value == nullptr || !base::Unbase64(*value, &ballot.payload) ||
        !ReadRevision(*pending, "revision", &ballot.revision)) {
      return Damaged("pending");
    }
    wallet.pending = std::move(ballot);
  }

  const auto receipts = json.find("receipts");
  if (receipts == json.end() || !receipts->is_array()) return Damaged("receipts");
  for (const Json& item : *receipts) {
    KeptReceipt receipt;
    value = item.is_object() ? Text(item, "text") : nullptr;
    if (value == nullptr || !base::Unbase64(*value, &receipt.text) ||
        !ReadRevision(item, "revision", &receipt.revision)) {
      return Damaged("receipts");
    }
    wallet.receipts.push_back(std::move(receipt));
  }
  if (!ReadFlag(json, "phrase_settled", &wallet.phrase_settled)) return Damaged("phrase_settled");
  if (!ReadFlag(json, "restored", &wallet.restored)) return Damaged("restored");
  return wallet;
}

absl::Status SaveWallet(const std::string& path, const Wallet& wallet,
                        const crypto::SecretText& passphrase) {
  const std::string shown =
      Cat(base::Hex(wallet.poll), " ", kStates[static_cast<size_t>(StateOf(wallet))]);
  return WriteKeyFile(path, kWalletPurpose, shown, wallet.Encode(), passphrase,
                      /*overwrite=*/true);
}

std::string_view Describe(WalletSummary::State state) {
  switch (state) {
    case WalletSummary::State::kNew:
      return "no ballot token yet";
    case WalletSummary::State::kToken:
      return "has its ballot token, no ballot cast";
    case WalletSummary::State::kPending:
      return "a ballot was sent, its outcome is unknown";
    case WalletSummary::State::kCast:
      return "ballot cast";
  }
  return "";
}

absl::StatusOr<WalletSummary> PeekWallet(const std::string& path) {
  URNA_ASSIGN_OR_RETURN(const std::string shown, ReadKeyFilePublic(path, kWalletPurpose));
  const auto words = base::Split(shown, ' ');
  WalletSummary summary;
  const auto state = words.size() == 2 ? std::ranges::find(kStates, words[1]) : kStates.end();
  if (state == kStates.end() || !base::Unhex(words[0], summary.poll)) {
    return base::Failure(absl::StatusCode::kInvalidArgument,
                         Cat(path, ": the wallet is damaged or of another version"));
  }
  summary.state = static_cast<WalletSummary::State>(state - kStates.begin());
  return summary;
}

absl::StatusOr<Wallet> LoadWallet(const std::string& path, const crypto::SecretText& passphrase) {
  URNA_ASSIGN_OR_RETURN(OpenedKeyFile file, ReadKeyFile(path, kWalletPurpose, passphrase));
  auto wallet = Wallet::Decode(file.secret);
  if (!wallet.ok()) return base::Annotate(wallet.status(), path);
  return wallet;
}

absl::StatusOr<base::FileLock> LockWallet(const std::string& path) {
  // Not on the wallet itself: saving puts a new file in its place.
  auto lock = base::FileLock::Acquire(Cat(path, ".lock"));
  if (!absl::IsFailedPrecondition(lock.status())) return lock;
  return base::Failure(
      absl::StatusCode::kFailedPrecondition,
      Cat(path, ": another urna is using this wallet; wait until it is done, or stop it"));
}

absl::StatusOr<std::string> WalletFolder() {
  const auto variable = [](const char* name) {
    const char* value = getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  if (std::string folder = variable("URNA_WALLETS"); !folder.empty()) return folder;
  std::string data = variable("XDG_DATA_HOME");
  const std::string home = variable("HOME");
  // A relative path is invalid by the XDG specification.
  if (!data.starts_with('/')) data = home.empty() ? "" : Cat(home, "/.local/share");
  if (data.empty()) {
    return base::Failure(absl::StatusCode::kFailedPrecondition,
                         "there is no home for wallets here: give --wallet or set URNA_WALLETS");
  }
  return Cat(data, "/urna/wallets");
}

absl::Status CheckLabel(std::string_view label) {
  const auto control = [](char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7f; };
  std::string_view why;
  if (label.empty() || label.size() > 64) {
    why = "must have 1 to 64 characters";
  } else if (!base::IsUtf8(label) || std::ranges::any_of(label, control)) {
    why = "has characters that no name has";
  } else if (label.find('/') != std::string_view::npos || label.front() == '.') {
    why = "must neither contain '/' nor begin with '.'; for a path there is --wallet";
  }
  if (why.empty()) return absl::OkStatus();
  return base::Failure(absl::StatusCode::kInvalidArgument, Cat("a resident's label ", why));
}

absl::StatusOr<std::string> WalletPath(const std::string& folder, const crypto::Hash32& poll,
                                       std::string_view label) {
  URNA_RETURN_IF_ERROR(CheckLabel(label));
  return Cat(folder, "/", base::Hex(poll), "/", label, kSuffix);
}

absl::StatusOr<std::vector<ListedWallet>> ListWallets(const std::string& folder,
                                                      const std::optional<crypto::Hash32>& poll) {
  namespace fs = std::filesystem;
  std::vector<ListedWallet> listed;
  std::error_code error;
  const fs::directory_iterator end;
  for (fs::directory_iterator of_poll(folder, error); !error && of_poll != end;
       of_poll.increment(error)) {
    crypto::Hash32 id;
    if (!base::Unhex(of_poll->path().filename().string(), id)) continue;
    if (poll.has_value() && id != *poll) continue;
    for (fs::directory_iterator file(of_poll->path(), error); !error && file != end;
         file.increment(error)) {
      const std::string path = file->path().string();
      std::string label = file->path().filename().string();
      if (!label.ends_with(kSuffix)) continue;
      label.resize(label.size() - kSuffix.size());
      auto summary = PeekWallet(path);
      if (summary.ok() && summary->poll != id) {
        summary = base::Failure(absl::StatusCode::kInvalidArgument,
                                Cat(path, ": lies in the folder of another poll than its own, ",
                                    base::Hex(summary->poll)));
      }
      listed.push_back({std::move(label), path, std::move(summary)});
    }
    if (error) break;
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return base::Failure(absl::StatusCode::kUnavailable, Cat(folder, ": ", error.message()));
  }
  std::ranges::sort(listed, {}, &ListedWallet::path);
  return listed;
}

absl::Status SaveCredential(const std::string& path, const crypto::SecretScalar& k,
                            const crypto::Point& V, const crypto::SecretText& passphrase) {
  return WriteKeyFile(path, kCredentialPurpose, base::Hex(V.bytes()),
                      crypto::SecretText(base::Hex(k.Expose())), passphrase, /*overwrite=*/false);
}

absl::StatusOr<crypto::SecretScalar> LoadCredential(const std::string& path,
                                                    const crypto::SecretText& passphrase) {
  URNA_ASSIGN_OR_RETURN(OpenedKeyFile file, ReadKeyFile(path, kCredentialPurpose, passphrase));
  const absl::Status damaged = base::Failure(absl::StatusCode::kInvalidArgument,
                                             Cat(path, ": holds no credential's secret"));
  crypto::Secret<base::Bytes32> raw;
  if (!base::Unhex(file.secret.Expose(), raw.Expose())) return damaged;
  auto k = crypto::SecretScalar::Decode(base::View(raw.Expose()));
  if (!k.ok() || k->IsZero()) return damaged;
  if (base::Hex(crypto::MulBase(*k).bytes()) != file.public_part) return damaged;
  return k;
}

}  // namespace urna::client
