#include "client/key_file.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "base/bytes.h"
#include "base/codec.h"
#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "client/interrupt.h"
#include "crypto/hash.h"

namespace urna::client {
namespace {

using base::Cat;
using crypto::SecretText;
using Json = nlohmann::json;

constexpr std::string_view kFormat = "urna-key/1";
constexpr size_t kMaxFileBytes = size_t{64} << 20;
// The second recommended choice of RFC 9106 section 4, with the one lane that libsodium has.
constexpr uint64_t kPasses = 3;
constexpr uint64_t kMemoryKib = 64 * 1024;
// What a file may ask for: a forged one neither exhausts the machine nor makes guessing cheap. The
// lower bounds stay when the defaults above grow, so that old files open.
constexpr uint64_t kMinPasses = 3;
constexpr uint64_t kMinMemoryKib = 64 * 1024;
constexpr uint64_t kMaxPasses = 16;
constexpr uint64_t kMaxMemoryKib = 1024 * 1024;
constexpr size_t kMaxPassphraseBytes = 1024;

using Salt = std::array<uint8_t, crypto_pwhash_argon2id_SALTBYTES>;
using Nonce = std::array<uint8_t, crypto_secretbox_NONCEBYTES>;
using BoxKey = crypto::Secret<std::array<uint8_t, crypto_secretbox_KEYBYTES>>;

struct File {
  std::string purpose;
  std::string public_part;
  uint64_t passes = 0;
  uint64_t memory_kib = 0;
  Salt salt{};
  Nonce nonce{};
  std::string box;

  /// Tells a damaged file from a wrong passphrase.
  std::string Checksum() const {
    return base::Hex(
        crypto::FramedHash256({"key-file", purpose, public_part, crypto::U64(passes),
                               crypto::U64(memory_kib), base::View(salt), base::View(nonce), box}));
  }
};

absl::Status Refuse(const std::string& path, std::string_view why) {
  return base::Failure(absl::StatusCode::kInvalidArgument, Cat(path, ": ", why));
}

absl::StatusOr<BoxKey> Stretch(const File& file, const SecretText& passphrase) {
  BoxKey key;
  const std::string& text = passphrase.Expose();
  if (crypto_pwhash(key.Expose().data(), key.Expose().size(), text.data(), text.size(),
                    file.salt.data(), file.passes, file.memory_kib * 1024,
                    crypto_pwhash_ALG_ARGON2ID13) != 0) {
    return base::Failure(absl::StatusCode::kResourceExhausted,
                         Cat("no ", file.memory_kib / 1024, " MiB of memory for the passphrase"));
  }
  return key;
}

std::string Header(const File& file) {
  return base::Writer().Frame(file.purpose).Frame(file.public_part).Take();
}

std::string ToJson(const File& file) {
  const Json json = {{"format", kFormat},
                     {"purpose", file.purpose},
                     {"public", file.public_part},
                     {"kdf",
                      {{"name", "argon2id"},
                       {"passes", file.passes},
                       {"memory_kib", file.memory_kib},
                       {"salt", base::Hex(file.salt)}}},
                     {"nonce", base::Hex(file.nonce)},
                     {"box", base::Base64(file.box)},
                     {"sha256", file.Checksum()}};
  return json.dump(2) + "\n";
}

/// The strings and numbers of a parsed file; remembers whether one was not as it must be.
class Fields {
 public:
  explicit Fields(const Json& json) : json_(json) { ok_ = json.is_object(); }

  std::string Text(const char* name) {
    const Json* value = Get(name);
    if (value == nullptr || !value->is_string()) return Fail(std::string());
    return value->get<std::string>();
  }
  uint64_t Number(const char* name) {
    const Json* value = Get(name);
    if (value == nullptr || !value->is_number_unsigned()) return Fail(uint64_t{0});
    return value->get<uint64_t>();
  }
  template <size_t N>
  std::array<uint8_t, N> Bytes(const char* name) {
    std::array<uint8_t, N> out{};
    if (!base::Unhex(Text(name), out)) ok_ = false;
    return out;
  }
  Json Object(const char* name) {
    const Json* value = Get(name);
    return value == nullptr ? Fail(Json()) : *value;
  }
  /// True if every field read was right and there is no other.
  bool Finish() const { return ok_ && json_.size() == seen_.size(); }

 private:
  const Json* Get(const char* name) {
    if (!json_.is_object() || !json_.contains(name)) return nullptr;
    seen_.insert(name);
    return &json_[name];
  }
  template <typename T>
  T Fail(T value) {
    ok_ = false;
    return value;
  }

  const Json& json_;
  std::set<std::string> seen_;
  bool ok_ = true;
};

absl::StatusOr<File> LoadAny(const std::string& path) {
  URNA_ASSIGN_OR_RETURN(const std::string text, base::ReadFile(path, kMaxFileBytes));
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  Fields fields(json);
  const std::string format = fields.Text("format");
  if (format.starts_with("urna-key/") && format != kFormat) {
    return Refuse(path, Cat("its format is ", format, ", but this version of urna reads ", kFormat,
                            ": use the version that wrote it, or a newer one"));
  }
  if (format != kFormat) {
    return Refuse(path, "is not a key file of urna, or is damaged");
  }
  File file;
  file.purpose = fields.Text("purpose");
  file.public_part = fields.Text("public");
  file.nonce = fields.Bytes<crypto_secretbox_NONCEBYTES>("nonce");
  const std::string box = fields.Text("box");
  const std::string checksum = fields.Text("sha256");
  const Json kdf_json = fields.Object("kdf");
  Fields kdf(kdf_json);
  const bool argon2id = kdf.Text("name") == "argon2id";
  file.passes = kdf.Number("passes");
  file.memory_kib = kdf.Number("memory_kib");
  file.salt = kdf.Bytes<crypto_pwhash_argon2id_SALTBYTES>("salt");
  if (!fields.Finish() || !kdf.Finish() || !argon2id || !base::Unbase64(box, &file.box) ||
      checksum != file.Checksum()) {
    return Refuse(path, "the key file is damaged");
  }
  if (file.passes < kMinPasses || file.passes > kMaxPasses || file.memory_kib < kMinMemoryKib ||
      file.memory_kib > kMaxMemoryKib) {
    return Refuse(path, Cat("asks for Argon2id with ", file.passes, " passes over ",
                            file.memory_kib, " KiB, which is out of range"));
  }
  return file;
}

absl::StatusOr<File> Load(const std::string& path, std::string_view purpose) {
  URNA_ASSIGN_OR_RETURN(File file, LoadAny(path));
  if (file.purpose != purpose) {
    return Refuse(path, Cat("is a key file for purpose \"", file.purpose, "\", but one for \"",
                            purpose, "\" is needed"));
  }
  return file;
}

// --- Passphrases

/// The terminal without echo, until this ends.
class QuietTerminal {
 public:
  explicit QuietTerminal(int fd) : fd_(fd) {
    if (tcgetattr(fd, &before_) != 0) return;
    undo_.emplace([fd, before = before_] { tcsetattr(fd, TCSAFLUSH, &before); });
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    quiet.c_lflag |= ECHONL;
    tcsetattr(fd, TCSAFLUSH, &quiet);
  }
  ~QuietTerminal() {
    if (undo_.has_value()) tcsetattr(fd_, TCSAFLUSH, &before_);
  }
  QuietTerminal(const QuietTerminal&) = delete;
  QuietTerminal& operator=(const QuietTerminal&) = delete;

 private:
  int fd_;
  termios before_{};
  std::optional<OnInterrupt> undo_;
};

absl::StatusOr<SecretText> Checked(std::string text, std::string_view what) {
  SecretText passphrase(std::move(text));
  if (passphrase.Expose().empty()) {
    return base::Failure(absl::StatusCode::kInvalidArgument, Cat("the ", what, " is empty"));
  }
  return passphrase;
}

/// A line typed at the terminal `fd`.
std::string ReadLine(int fd) {
  // Reserved, so that growing leaves no copy of it behind.
  std::string line;
  line.reserve(kMaxPassphraseBytes);
  char c = 0;
  while (line.size() < kMaxPassphraseBytes) {
    const ssize_t got = read(fd, &c, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got != 1 || c == '\n') break;
    line.push_back(c);
  }
  return line;
}

absl::StatusOr<SecretText> Ask(int terminal, std::string_view prompt, std::string_view what) {
  const std::string shown = Cat(prompt, ": ");
  if (write(terminal, shown.data(), shown.size()) < 0) {
    return base::Failure(absl::StatusCode::kUnavailable, "cannot write to the terminal");
  }
  const QuietTerminal quiet(terminal);
  return Checked(ReadLine(terminal), what);
}

}  // namespace

absl::Status WriteKeyFile(const std::string& path, std::string_view purpose,
                          std::string_view public_part, const SecretText& secret,
                          const SecretText& passphrase, bool overwrite) {
  if (!base::IsUtf8(purpose) || !base::IsUtf8(public_part)) {
    return Refuse(path, "the public part of a key file must be UTF-8");
  }
  File file{.purpose = std::string(purpose),
            .public_part = std::string(public_part),
            .passes = kPasses,
            .memory_kib = kMemoryKib,
            .salt = {},
            .nonce = {},
            .box = {}};
  randombytes_buf(file.salt.data(), file.salt.size());
  randombytes_buf(file.nonce.data(), file.nonce.size());
  URNA_ASSIGN_OR_RETURN(const BoxKey key, Stretch(file, passphrase));
  std::string plain = Header(file);
  plain.reserve(plain.size() + secret.Expose().size());
  plain += secret.Expose();
  const SecretText sealed_text(std::move(plain));
  const std::string& text = sealed_text.Expose();
  file.box.resize(text.size() + crypto_secretbox_MACBYTES);
  crypto_secretbox_easy(reinterpret_cast<uint8_t*>(file.box.data()), base::Data(text), text.size(),
                        file.nonce.data(), key.Expose().data());
  const std::string json = ToJson(file);
  return overwrite ? base::WriteFileAtomic(path, json, 0600)
                   : base::CreateFileAtomic(path, json, 0600);
}

absl::StatusOr<OpenedKeyFile> ReadKeyFile(const std::string& path, std::string_view purpose,
                                          const SecretText& passphrase) {
  URNA_ASSIGN_OR_RETURN(File file, Load(path, purpose));
  if (file.box.size() < crypto_secretbox_MACBYTES) return Refuse(path, "the key file is damaged");
  URNA_ASSIGN_OR_RETURN(const BoxKey key, Stretch(file, passphrase));
  std::string plain(file.box.size() - crypto_secretbox_MACBYTES, '\0');
  if (crypto_secretbox_open_easy(reinterpret_cast<uint8_t*>(plain.data()), base::Data(file.box),
                                 file.box.size(), file.nonce.data(), key.Expose().data()) != 0) {
    return base::Failure(absl::StatusCode::kPermissionDenied, Cat(path, ": wrong passphrase"));
  }
  const SecretText opened(std::move(plain));
  const std::string header = Header(file);
  if (!opened.Expose().starts_with(header)) {
    return Refuse(path, "the purpose or public part was exchanged");
  }
  return OpenedKeyFile{std::move(file.public_part),
                       SecretText(opened.Expose().substr(header.size()))};
}

absl::StatusOr<std::string> ReadKeyFilePublic(const std::string& path, std::string_view purpose) {
  URNA_ASSIGN_OR_RETURN(File file, Load(path, purpose));
  return std::move(file.public_part);
}

absl::StatusOr<std::string> KeyFilePurpose(const std::string& path) {
  URNA_ASSIGN_OR_RETURN(File file, LoadAny(path));
  return std::move(file.purpose);
}

absl::Status ChangePassphrase(const std::string& path, const SecretText& before,
                              const SecretText& after) {
  URNA_ASSIGN_OR_RETURN(const std::string purpose, KeyFilePurpose(path));
  URNA_ASSIGN_OR_RETURN(const OpenedKeyFile file, ReadKeyFile(path, purpose, before));
  return WriteKeyFile(path, purpose, file.public_part, file.secret, after, /*overwrite=*/true);
}

absl::StatusOr<SecretText> GetPassphrase(const PassphraseOptions& options, std::string_view what,
                                         bool confirm) {
  if (!options.file.empty()) {
    URNA_ASSIGN_OR_RETURN(std::string text, base::ReadFile(options.file, 64 * 1024));
    const SecretText content(std::move(text));
    const std::string_view line =
        std::string_view(content.Expose()).substr(0, content.Expose().find_first_of("\r\n"));
    return Checked(std::string(line), Cat(what, ", the first line of ", options.file, ","));
  }
  if (const char* variable = getenv(options.variable); variable != nullptr) {
    return Checked(variable, Cat(what, " in ", options.variable));
  }
  const int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
  if (terminal < 0) {
    return base::Failure(absl::StatusCode::kFailedPrecondition,
                         Cat("there is no terminal to ask for the ", what, "; give ",
                             options.option, " or ", options.variable));
  }
  auto first = Ask(terminal, what, what);
  if (first.ok() && confirm) {
    const auto second = Ask(terminal, Cat(what, ", once more"), what);
    if (!second.ok()) {
      first = second.status();
    } else if (first->Expose() != second->Expose()) {
      first = base::Failure(absl::StatusCode::kInvalidArgument, "the two passphrases differ");
    }
  }
  close(terminal);
  return first;
}

absl::Status WriteIdentity(const std::string& path, std::string_view purpose,
                           const crypto::Ed25519Key& key, const SecretText& passphrase) {
  return WriteKeyFile(path, purpose, base::Hex(key.public_key()),
                      SecretText(std::string(base::View(key.seed().Expose()))), passphrase,
                      /*overwrite=*/false);
}

absl::StatusOr<crypto::Ed25519Key> SigningKeyOf(const std::string& path,
                                                const OpenedKeyFile& file) {
  crypto::Secret<base::Bytes32> seed;
  if (file.secret.Expose().size() != seed.Expose().size()) {
    return Refuse(path, "does not hold an Ed25519 key");
  }
  std::copy(file.secret.Expose().begin(), file.secret.Expose().end(), seed.Expose().begin());
  return crypto::Ed25519Key::FromSeed(seed);
}

absl::StatusOr<crypto::Ed25519Key> ReadIdentity(const std::string& path, std::string_view purpose,
                                                const SecretText& passphrase) {
  URNA_ASSIGN_OR_RETURN(const OpenedKeyFile file, ReadKeyFile(path, purpose, passphrase));
  URNA_ASSIGN_OR_RETURN(crypto::Ed25519Key key, SigningKeyOf(path, file));
  if (base::Hex(key.public_key()) != file.public_part) {
    return Refuse(path, "the public key is not the secret key's");
  }
  return key;
}

}  // namespace urna::client
