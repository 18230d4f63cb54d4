#include "client/sealed_file.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/codec.h"
#include "base/status.h"
#include "base/text.h"
#include "client/key_file.h"

namespace urna::client {
namespace {

using base::Cat;
using base::Data;
using crypto::SecretText;

constexpr std::string_view kPublicFormat = "urna-print/1:";
constexpr std::string_view kPurpose = "print";
constexpr std::string_view kMagic = "urna-sealed/1\n";
constexpr size_t kChunkBytes = size_t{64} << 10;
constexpr size_t kSealedKeyBytes =
    crypto_box_SEALBYTES + crypto_secretstream_xchacha20poly1305_KEYBYTES;

using StreamKey =
    crypto::Secret<std::array<uint8_t, crypto_secretstream_xchacha20poly1305_KEYBYTES>>;
using StreamHeader = std::array<uint8_t, crypto_secretstream_xchacha20poly1305_HEADERBYTES>;

constexpr size_t kChecksumBytes = 4;

std::string_view ChecksumOf(const crypto::Hash32& hash) {
  return base::View(hash).substr(0, kChecksumBytes);
}

absl::Status Damaged(std::string_view why) {
  return base::Failure(absl::StatusCode::kDataLoss, why);
}

std::string EncodeHeader(const SealedHeader& header) {
  return base::Writer()
      .Raw(kMagic)
      .Frame(header.name)
      .Raw(header.set)
      .Raw(header.receiver.key)
      .Take();
}

/// A sealed file taken apart; the views are into it.
struct Parts {
  SealedHeader header;
  std::string_view header_bytes;
  std::string_view sealed_key;
  StreamHeader stream{};
  std::string_view chunks;
};

absl::StatusOr<Parts> TakeApart(std::string_view sealed) {
  base::Reader reader(sealed);
  Parts parts;
  const bool magic = reader.Raw(kMagic.size()) == kMagic;
  parts.header.name = reader.Frame(kMaxSealedName);
  parts.header.set = reader.Fixed<32>();
  parts.header.receiver.key = reader.Fixed<32>();
  const size_t header_size = sealed.size() - reader.remaining();
  parts.sealed_key = reader.Raw(kSealedKeyBytes);
  parts.stream = reader.Fixed<crypto_secretstream_xchacha20poly1305_HEADERBYTES>();
  parts.chunks = reader.Raw(reader.remaining());
  if (!magic || !reader.ok() || !IsPlainFileName(parts.header.name)) {
    return base::Failure(absl::StatusCode::kInvalidArgument,
                         "is no sealed file of urna, or its beginning is damaged");
  }
  parts.header_bytes = sealed.substr(0, header_size);
  return parts;
}

}  // namespace

bool IsPlainFileName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxSealedName && name[0] != '.' &&
         std::ranges::all_of(name, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '_' || c == '.';
         });
}

std::string PrintPublicKey::ToString() const {
  const crypto::Hash32 hash = crypto::HashSha256(base::View(key));
  return Cat(kPublicFormat, base::Hex(key), base::Hex(ChecksumOf(hash)));
}

absl::StatusOr<PrintPublicKey> PrintPublicKey::Parse(std::string_view text) {
  text = base::Trim(text);
  std::array<uint8_t, 32 + kChecksumBytes> raw{};
  if (!text.starts_with(kPublicFormat) || !base::Unhex(text.substr(kPublicFormat.size()), raw)) {
    return base::Failure(absl::StatusCode::kInvalidArgument,
                         Cat("a print office's public key is \"", kPublicFormat,
                             "\" and 72 hexadecimal digits, as `urna roll print-key` shows it"));
  }
  PrintPublicKey key;
  std::copy_n(raw.begin(), key.key.size(), key.key.begin());
  if (key.ToString() != Cat(kPublicFormat, base::Hex(raw))) {
    return base::Failure(absl::StatusCode::kInvalidArgument,
                         "the print office's public key has a typing error");
  }
  return key;
}

PrintKey PrintKey::New() {
  PrintKey key;
  crypto_box_keypair(key.public_key.key.data(), key.secret.Expose().data());
  return key;
}

absl::Status WritePrintKey(const std::string& path, const PrintKey& key,
                           const SecretText& passphrase) {
  return WriteKeyFile(path, kPurpose, key.public_key.ToString(),
                      SecretText(std::string(base::View(key.secret.Expose()))), passphrase,
                      /*overwrite=*/false);
}

absl::StatusOr<PrintKey> ReadPrintKey(const std::string& path, const SecretText& passphrase) {
  URNA_ASSIGN_OR_RETURN(const OpenedKeyFile file, ReadKeyFile(path, kPurpose, passphrase));
  PrintKey key;
  const std::string& secret = file.secret.Expose();
  if (secret.size() != key.secret.Expose().size()) {
    return base::Failure(absl::StatusCode::kInvalidArgument,
                         Cat(path, ": does not hold a print office's key"));
  }
  std::ranges::copy(secret, key.secret.Expose().begin());
  crypto_scalarmult_base(key.public_key.key.data(), key.secret.Expose().data());
  if (key.public_key.ToString() != file.public_part) {
    return base::Failure(absl::StatusCode::kInvalidArgument,
                         Cat(path, ": the public key is not the secret key's"));
  }
  return key;
}

std::string SealFile(const SealedHeader& header, std::string_view content) {
  StreamKey key;
  crypto_secretstream_xchacha20poly1305_keygen(key.Expose().data());
  const std::string bound = EncodeHeader(header);
  std::string out = bound;
  out.reserve(bound.size() + kSealedKeyBytes + content.size() + content.size() / 1024 + 1024);

  std::array<uint8_t, kSealedKeyBytes> sealed_key{};
  crypto_box_seal(sealed_key.data(), key.Expose().data(), key.Expose().size(),
                  header.receiver.key.data());
  out += base::View(sealed_key);

  crypto_secretstream_xchacha20poly1305_state state;
  StreamHeader stream{};
  crypto_secretstream_xchacha20poly1305_init_push(&state, stream.data(), key.Expose().data());
  out += base::View(stream);
  std::array<uint8_t, kChunkBytes + crypto_secretstream_xchacha20poly1305_ABYTES> chunk{};
  bool last = false;
  while (!last) {
    const std::string_view piece = content.substr(0, kChunkBytes);
    content.remove_prefix(piece.size());
    last = content.empty();
    const uint8_t tag = last ? crypto_secretstream_xchacha20poly1305_TAG_FINAL : 0;
    unsigned long long size = 0;
    crypto_secretstream_xchacha20poly1305_push(&state, chunk.data(), &size, Data(piece),
                                               piece.size(), Data(bound), bound.size(), tag);
    out += base::View(chunk).substr(0, size);
  }
  sodium_memzero(&state, sizeof state);
  return out;
}

absl::StatusOr<SealedHeader> ReadSealedHeader(std::string_view sealed) {
  URNA_ASSIGN_OR_RETURN(Parts parts, TakeApart(sealed));
  return std::move(parts.header);
}

absl::StatusOr<UnsealedFile> UnsealFile(std::string_view sealed, std::string_view name,
                                        const PrintKey& key) {
  URNA_ASSIGN_OR_RETURN(Parts parts, TakeApart(sealed));
  if (parts.header.name != name) {
    return base::Failure(
        absl::StatusCode::kInvalidArgument,
        Cat("holds \"", parts.header.name, "\", not \"", name, "\": it was renamed or exchanged"));
  }
  if (parts.header.receiver.key != key.public_key.key) {
    return base::Failure(absl::StatusCode::kPermissionDenied,
                         Cat("is sealed for another key, ", parts.header.receiver.ToString()));
  }
  StreamKey stream_key;
  if (crypto_box_seal_open(stream_key.Expose().data(), Data(parts.sealed_key),
                           parts.sealed_key.size(), key.public_key.key.data(),
                           key.secret.Expose().data()) != 0) {
    return Damaged("is damaged: its key does not open");
  }
  crypto_secretstream_xchacha20poly1305_state state;
  if (crypto_secretstream_xchacha20poly1305_init_pull(&state, parts.stream.data(),
                                                      stream_key.Expose().data()) != 0) {
    return Damaged("is damaged");
  }
  constexpr size_t kSealedChunk = kChunkBytes + crypto_secretstream_xchacha20poly1305_ABYTES;
  std::string content(parts.chunks.size(), '\0');
  size_t written = 0;
  uint8_t tag = 0;
  bool whole = true;
  while (whole && tag != crypto_secretstream_xchacha20poly1305_TAG_FINAL) {
    const std::string_view chunk = parts.chunks.substr(0, kSealedChunk);
    parts.chunks.remove_prefix(chunk.size());
    unsigned long long size = 0;
    whole =
        crypto_secretstream_xchacha20poly1305_pull(
            &state, reinterpret_cast<uint8_t*>(content.data()) + written, &size, &tag, Data(chunk),
            chunk.size(), Data(parts.header_bytes), parts.header_bytes.size()) == 0;
    if (whole) written += size;
  }
  sodium_memzero(&state, sizeof state);
  content.resize(written);
  SecretText opened(std::move(content));
  if (!whole) return Damaged("was changed or cut short");
  if (!parts.chunks.empty()) return Damaged("has more bytes than were sealed");
  return UnsealedFile{std::move(parts.header), std::move(opened)};
}

}  // namespace urna::client
