#include "ledger/note.h"

#include <algorithm>
#include <optional>

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"
#include "crypto/hash.h"

namespace urna::ledger {
namespace {

constexpr std::string_view kDash = "\xe2\x80\x94 ";
constexpr size_t kMaxNoteBytes = size_t{1} << 20;
constexpr size_t kMaxSignatures = 64;
constexpr size_t kTimestampBytes = 8;
constexpr size_t kCosignatureBytes = kTimestampBytes + sizeof(crypto::Ed25519Signature);

std::string BigEndian(uint64_t value, size_t size) {
  std::string out(size, '\0');
  for (size_t i = size; i-- > 0; value >>= 8) out[i] = static_cast<char>(value & 0xff);
  return out;
}

uint32_t KeyIdFrom(std::string_view four_bytes) {
  uint32_t id = 0;
  for (const char c : four_bytes) id = id << 8 | static_cast<uint8_t>(c);
  return id;
}

bool HasControlCharacter(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<uint8_t>(c) < 0x20 && c != '\n'; });
}

absl::Status Malformed(std::string_view detail) { return base::Reject("note.malformed", detail); }

absl::StatusOr<NoteSignature> ParseSignature(std::string_view line) {
  if (!line.starts_with(kDash)) return Malformed("a signature line does not begin with a dash");
  line.remove_prefix(kDash.size());
  const size_t blank = line.find(' ');
  if (blank == std::string_view::npos) return Malformed("a signature line has no blank");
  NoteSignature signature;
  signature.name = line.substr(0, blank);
  if (!IsNoteName(signature.name)) return Malformed("a signature's name is not a note name");
  std::string blob;
  if (!base::Unbase64(line.substr(blank + 1), &blob) || blob.size() < 5) {
    return Malformed(base::Cat("the signature by ", signature.name, " is not strict base64"));
  }
  signature.key_id = KeyIdFrom(std::string_view(blob).substr(0, 4));
  signature.signature = blob.substr(4);
  return signature;
}

bool IsValidSignature(std::string_view text, const NoteSignature& signature, const NoteKey& key) {
  std::string message;
  std::string_view blob = signature.signature;
  if (key.type == kTypeCosignature) {
    if (blob.size() != kCosignatureBytes) return false;
    const uint64_t timestamp = CosignatureTime(signature);
    if (timestamp >> 63 != 0) return false;  // C2SP tlog-cosignature
    message = CosignedText(text, timestamp);
    blob.remove_prefix(kTimestampBytes);
  } else if (key.type == kTypeEd25519) {
    message = text;
  }
  crypto::Ed25519Signature bytes{};
  if (message.empty() || blob.size() != bytes.size()) return false;
  std::copy(blob.begin(), blob.end(), bytes.begin());
  return crypto::VerifyEd25519(key.key, message, bytes);
}

}  // namespace

uint32_t NoteKey::id() const {
  const char type_byte = static_cast<char>(type);
  const crypto::Hash32 hash =
      crypto::HashSha256({name, "\n", std::string_view(&type_byte, 1), base::View(key)});
  return KeyIdFrom(base::View(hash).substr(0, 4));
}

std::string NoteKey::ToString() const {
  const std::string blob = base::Cat(static_cast<char>(type), base::View(key));
  return base::Cat(name, "+", base::Hex(BigEndian(id(), 4)), "+", base::Base64(blob));
}

absl::StatusOr<NoteKey> NoteKey::Parse(std::string_view vkey) {
  constexpr std::string_view kId = "note.key-malformed";
  const size_t first = vkey.find('+');
  // The key's base64 may hold further '+'.
  const size_t second = first == std::string_view::npos ? first : vkey.find('+', first + 1);
  if (second == std::string_view::npos) return base::Reject(kId, "a key has the form name+id+key");
  NoteKey parsed;
  parsed.name = vkey.substr(0, first);
  if (!IsNoteName(parsed.name)) return base::Reject(kId, "the key's name is not a note name");
  std::string blob;
  if (!base::Unbase64(vkey.substr(second + 1), &blob) || blob.size() != 1 + parsed.key.size()) {
    return base::Reject(kId, "the key is not the strict base64 of a type and 32 bytes");
  }
  parsed.type = static_cast<uint8_t>(blob[0]);
  if (parsed.type != kTypeEd25519 && parsed.type != kTypeCosignature) {
    return base::Reject(kId, base::Cat("key type ", parsed.type, " is not known"));
  }
  std::copy(blob.begin() + 1, blob.end(), parsed.key.begin());
  if (parsed.ToString() != vkey) return base::Reject(kId, "the key id is not that of name and key");
  return parsed;
}

std::string CosignedText(std::string_view text, uint64_t timestamp) {
  return base::Cat("cosignature/v1\ntime ", timestamp, "\n", text);
}

uint64_t CosignatureTime(const NoteSignature& cosignature) {
  if (cosignature.signature.size() != kCosignatureBytes) return 0;
  uint64_t time = 0;
  for (const char c : cosignature.signature.substr(0, kTimestampBytes)) {
    time = time << 8 | static_cast<uint8_t>(c);
  }
  return time;
}

bool IsNoteName(std::string_view name) {
  if (name.empty() || !base::IsUtf8(name) || HasControlCharacter(name)) return false;
  // The code points of Unicode's White_Space that are no control characters below 0x20, and '+'.
  constexpr std::string_view kForbidden[] = {"\n",
                                             " ",
                                             "+",
                                             "\xc2\x85",
                                             "\xc2\xa0",
                                             "\xe1\x9a\x80",
                                             "\xe2\x80\x80",
                                             "\xe2\x80\x81",
                                             "\xe2\x80\x82",
                                             "\xe2\x80\x83",
                                             "\xe2\x80\x84",
                                             "\xe2\x80\x85",
                                             "\xe2\x80\x86",
                                             "\xe2\x80\x87",
                                             "\xe2\x80\x88",
                                             "\xe2\x80\x89",
                                             "\xe2\x80\x8a",
                                             "\xe2\x80\xa8",
                                             "\xe2\x80\xa9",
                                             "\xe2\x80\xaf",
                                             "\xe2\x81\x9f",
                                             "\xe3\x80\x80"};
  return std::none_of(std::begin(kForbidden), std::end(kForbidden), [&](std::string_view bad) {
    return name.find(bad) != std::string_view::npos;
  });
}

std::string Note::ToString() const {
  std::string out = base::Cat(text, "\n");
  for (const NoteSignature& signature : signatures) {
    const std::string blob = base::Cat(BigEndian(signature.key_id, 4), signature.signature);
    out += base::Cat(kDash, signature.name, " ", base::Base64(blob), "\n");
  }
  return out;
}

absl::StatusOr<Note> Note::Parse(std::string_view bytes) {
  if (bytes.size() > kMaxNoteBytes) {
    return Malformed(base::Cat("a note of ", bytes.size(), " bytes, at most ", kMaxNoteBytes));
  }
  if (!base::IsUtf8(bytes)) return Malformed("the note is not UTF-8");
  if (HasControlCharacter(bytes)) return Malformed("the note holds a control character");
  const size_t split = bytes.rfind("\n\n");
  if (split == std::string_view::npos) {
    return Malformed("no blank line stands before the signatures");
  }
  Note note;
  note.text = bytes.substr(0, split + 1);
  std::string_view lines = bytes.substr(split + 2);
  if (!lines.ends_with('\n')) return Malformed("the note does not end in a signature line");
  while (!lines.empty()) {
    if (note.signatures.size() == kMaxSignatures) {
      return Malformed(base::Cat("more than ", kMaxSignatures, " signatures"));
    }
    const size_t end = lines.find('\n');
    URNA_ASSIGN_OR_RETURN(NoteSignature signature, ParseSignature(lines.substr(0, end)));
    note.signatures.push_back(std::move(signature));
    lines.remove_prefix(end + 1);
  }
  return note;
}

void KeepSignaturesOf(const NoteKey& key, Note* note) {
  const uint32_t id = key.id();
  std::erase_if(note->signatures, [&](const NoteSignature& signature) {
    return signature.name != key.name || signature.key_id != id;
  });
}

NoteSignature SignNote(std::string_view text, std::string_view name,
                       const crypto::Ed25519Key& key) {
  NoteSignature signature;
  signature.name = name;
  signature.key_id = NoteKey{signature.name, kTypeEd25519, key.public_key()}.id();
  signature.signature = base::View(key.Sign(text));
  return signature;
}

absl::Status VerifyNote(const Note& note, const NoteKey& key) {
  const uint32_t id = key.id();
  bool found = false;
  for (const NoteSignature& signature : note.signatures) {
    if (signature.name != key.name || signature.key_id != id) continue;
    if (!IsValidSignature(note.text, signature, key)) {
      return base::Reject("note.signature-invalid",
                          base::Cat("the signature by ", key.name, " does not hold"));
    }
    found = true;
  }
  if (!found) return base::Reject("note.unsigned", base::Cat("no signature by ", key.name));
  return absl::OkStatus();
}

}  // namespace urna::ledger
