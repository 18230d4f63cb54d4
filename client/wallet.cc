#include "client/wallet.h"

#include <sodium.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/bytes.h"
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

crypto::SecretText Wallet::Encode() const {
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
               {"pending", nullptr}};
  if (pending.has_value()) {
    json["pending"] = {{"revision", pending->revision},
                       {"payload", base::Base64(pending->payload)}};
  }
  return crypto::SecretText(json.dump());
}

absl::StatusOr<Wallet> Wallet::Decode(const crypto::SecretText& text) {
  const Json json = Json::parse(text.Expose(), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || json.size() != 8) return Damaged("format");
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
  return wallet;
}

absl::Status SaveWallet(const std::string& path, const Wallet& wallet,
                        const crypto::SecretText& passphrase) {
  return WriteKeyFile(path, kWalletPurpose, base::Hex(wallet.poll), wallet.Encode(), passphrase,
                      /*overwrite=*/true);
}

absl::StatusOr<Wallet> LoadWallet(const std::string& path, const crypto::SecretText& passphrase) {
  URNA_ASSIGN_OR_RETURN(OpenedKeyFile file, ReadKeyFile(path, kWalletPurpose, passphrase));
  auto wallet = Wallet::Decode(file.secret);
  if (!wallet.ok()) return base::Annotate(wallet.status(), path);
  return wallet;
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
