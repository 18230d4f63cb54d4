#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "crypto/signature.h"

namespace urna::ledger {

/// C2SP signed-note, with Ed25519 keys. Foreign tools read and write the same bytes.

inline constexpr uint8_t kTypeEd25519 = 0x01;
inline constexpr uint8_t kTypeCosignature = 0x04;

/// A verifier key: "name+hex8(keyID)+base64(type || public)".
struct NoteKey {
  std::string name;
  uint8_t type = kTypeEd25519;
  crypto::Ed25519Public key{};

  uint32_t id() const;  ///< first 4 bytes, big-endian, of SHA-256(name || 0x0A || type || key)
  std::string ToString() const;
  /// Errors: Reject("note.key-malformed").
  static absl::StatusOr<NoteKey> Parse(std::string_view vkey);
};

/// What a cosignature/v1 over `text` at `timestamp` signs (C2SP tlog-cosignature).
std::string CosignedText(std::string_view text, uint64_t timestamp);

/// Non-empty, no Unicode space, no '+', no control character, valid UTF-8.
bool IsNoteName(std::string_view name);

struct NoteSignature {
  std::string name;
  uint32_t key_id = 0;
  std::string signature;  ///< what follows the key id: 64 bytes for Ed25519, 72 for a cosignature
};

/// The time that a cosignature says, whether it holds or not; 0 if it is none.
uint64_t CosignatureTime(const NoteSignature& cosignature);

struct Note {
  std::string text;  ///< with its final newline, without the blank line
  std::vector<NoteSignature> signatures;

  std::string ToString() const;
  /// Errors: Reject("note.malformed"). More than 64 signatures or 1 MiB are refused.
  static absl::StatusOr<Note> Parse(std::string_view bytes);
};

/// Leaves nothing but signatures with `key`'s name and id, whether they hold or not.
void KeepSignaturesOf(const NoteKey& key, Note* note);

NoteSignature SignNote(std::string_view text, std::string_view name, const crypto::Ed25519Key& key);
/// OK iff `note` carries a valid signature of `key`, of the kind that the key's type says. A
/// signature with the key's name and id that fails makes the whole note refused; signatures of
/// unknown keys are ignored. Errors: Reject("note.unsigned"), Reject("note.signature-invalid").
absl::Status VerifyNote(const Note& note, const NoteKey& key);

}  // namespace urna::ledger
