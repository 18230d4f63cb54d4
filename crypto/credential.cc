#include "crypto/credential.h"

#include <sodium.h>

#include <array>
#include <cstring>

#include "base/status.h"
#include "base/text.h"

namespace urna::crypto {
namespace {

constexpr size_t kRandomSymbols = 18;
constexpr size_t kCheckSymbols = 2;
constexpr size_t kGroup = 5;
constexpr unsigned long long kPasses = 2;
constexpr size_t kMemoryBytes = size_t{64} << 20;

// 0123456789ABCDEFGHJKMNPQRSTVWXYZ[value], without a memory access that depends on the value.
char Symbol(uint8_t value) {
  return static_cast<char>('0' + value + 7 * (value > 9) + (value > 17) + (value > 19) +
                           (value > 21) + (value > 26));
}

bool IsSymbol(char c) {
  return (c >= '0' && c <= '9') ||
         (c >= 'A' && c <= 'Z' && c != 'I' && c != 'L' && c != 'O' && c != 'U');
}

// Two symbols: the first 10 bits of SHA-256 of the 18.
std::string CheckSymbols(std::string_view symbols) {
  Secret<base::Bytes32> hash;
  crypto_hash_sha256(hash.Expose().data(), base::Data(symbols), symbols.size());
  const uint8_t first = hash.Expose()[0], second = hash.Expose()[1];
  return {Symbol(first >> 3), Symbol(static_cast<uint8_t>((first & 7) << 2 | second >> 6))};
}

}  // namespace

CredentialKey CredentialKey::New() { return FromSecret(SecretScalar::Random()); }

CredentialKey CredentialKey::FromSecret(SecretScalar k) {
  Point V = MulBase(k);
  return CredentialKey{std::move(k), V};
}

SecretText NewCode() {
  Secret<std::array<uint8_t, kRandomSymbols>> random;
  randombytes_buf(random.Expose().data(), kRandomSymbols);
  std::string symbols;
  symbols.reserve(kRandomSymbols + kCheckSymbols);
  for (const uint8_t byte : random.Expose()) symbols += Symbol(byte & 31);
  symbols += CheckSymbols(symbols);
  std::string code;
  code.reserve(symbols.size() + symbols.size() / kGroup);
  for (size_t i = 0; i < symbols.size(); ++i) {
    if (i != 0 && i % kGroup == 0) code += '-';
    code += symbols[i];
  }
  sodium_memzero(symbols.data(), symbols.size());
  return SecretText(std::move(code));
}

absl::StatusOr<SecretText> ParseCode(std::string_view typed) {
  std::array<char, kRandomSymbols + kCheckSymbols> symbols{};
  size_t count = 0;
  absl::Status status;
  for (size_t i = 0; i < typed.size() && status.ok(); ++i) {
    char c = typed[i];
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '-') continue;
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    if (c == 'O') c = '0';
    if (c == 'I' || c == 'L') c = '1';
    if (!IsSymbol(c)) {
      status = base::Reject("code.malformed",
                            base::Cat("character ", i + 1, " cannot be part of a code"));
    } else if (count < symbols.size()) {
      symbols[count] = c;
    }
    ++count;
  }
  if (status.ok() && count != symbols.size()) {
    status = base::Reject("code.malformed",
                          base::Cat("a code has ", symbols.size(), " symbols, these are ", count));
  }
  std::string random(symbols.data(), kRandomSymbols);
  if (status.ok()) {
    std::string check = CheckSymbols(random);
    if (sodium_memcmp(check.data(), symbols.data() + kRandomSymbols, kCheckSymbols) != 0) {
      status = base::Reject("code.typing-error",
                            "the last two symbols do not match the rest: a symbol is mistyped");
    }
    sodium_memzero(check.data(), check.size());
  }
  sodium_memzero(symbols.data(), symbols.size());
  SecretText out(std::move(random));
  if (!status.ok()) return status;
  return out;
}

absl::StatusOr<CredentialKey> DeriveCredential(const SecretText& symbols,
                                               std::string_view roll_label) {
  const Hash64 salt = FramedHash({"credential-salt", roll_label});
  static_assert(crypto_pwhash_SALTBYTES == 16);
  Secret<Hash64> out;
  if (crypto_pwhash(out.Expose().data(), out.Expose().size(), symbols.Expose().data(),
                    symbols.Expose().size(), salt.data(), kPasses, kMemoryBytes,
                    crypto_pwhash_ALG_ARGON2ID13) != 0) {
    return base::Failure(absl::StatusCode::kResourceExhausted,
                         "deriving a credential needs 64 MiB of memory");
  }
  return CredentialKey::FromSecret(SecretScalar::FromUniform(out));
}

CredentialStatement::CredentialStatement(std::string_view purpose,
                                         std::vector<std::pair<std::string, std::string>> items)
    : purpose_(purpose), items_(std::move(items)) {}

CredentialStatement CredentialStatement::Enrol(std::string_view roll_label) {
  return CredentialStatement("enrol", {{"roll", std::string(roll_label)}});
}

CredentialStatement CredentialStatement::Begin(const Hash32& opening, std::string_view style,
                                               const Point& X) {
  return CredentialStatement("begin", {{"opening", std::string(base::View(opening))},
                                       {"style", std::string(style)},
                                       {"issuer", std::string(X.view())}});
}

CredentialStatement CredentialStatement::Fetch(const Hash32& opening, std::string_view style,
                                               const Point& X) {
  return CredentialStatement("fetch", {{"opening", std::string(base::View(opening))},
                                       {"style", std::string(style)},
                                       {"issuer", std::string(X.view())}});
}

CredentialStatement CredentialStatement::Request(const Hash32& opening, std::string_view style,
                                                 const Point& X, const Point& A, const Point& C,
                                                 const Scalar& c) {
  return CredentialStatement("request", {{"opening", std::string(base::View(opening))},
                                         {"style", std::string(style)},
                                         {"issuer", std::string(X.view())},
                                         {"A", std::string(A.view())},
                                         {"C", std::string(C.view())},
                                         {"c", std::string(c.view())}});
}

Transcript CredentialStatement::transcript() const {
  Transcript transcript("credential");
  transcript.Append("purpose", std::string_view(purpose_));
  for (const auto& [label, data] : items_) transcript.Append(label, std::string_view(data));
  return transcript;
}

Scalar CredentialStatement::Challenge(const Point& V, const Point& U) const {
  return transcript().Append("V", V).Append("U", U).Challenge("c");
}

CredentialSignature SignCredential(const CredentialKey& key, const CredentialStatement& statement) {
  Transcript transcript = statement.transcript();
  transcript.Append("V", key.V);
  const SecretScalar u = Hedge(transcript, {base::View(key.k.Expose())}).Next();
  const Point U = MulBase(u);
  const Scalar c = statement.Challenge(key.V, U);
  return CredentialSignature{U, (u + key.k * c).Publish()};
}

absl::Status VerifyCredential(const Point& V, const CredentialStatement& statement,
                              const CredentialSignature& signature) {
  const Scalar c = statement.Challenge(V, signature.U);
  const std::array<Scalar, 2> factors = {signature.z, -c};
  const std::array<Point, 2> points = {Point::Base(), V};
  if (V.IsIdentity() || signature.U.IsIdentity() ||
      MultiMulVartime(factors, points) != signature.U) {
    return base::Reject("credential.signature-invalid",
                        "the credential did not sign this statement");
  }
  return absl::OkStatus();
}

}  // namespace urna::crypto
