#include "ledger/checkpoint.h"

#include <algorithm>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"

namespace urna::ledger {
namespace {

constexpr std::string_view kMalformed = "checkpoint.malformed";

}  // namespace

std::string Checkpoint::Body() const {
  return base::Cat(origin, "\n", size, "\n", base::Base64(base::View(root)), "\n");
}

absl::StatusOr<Checkpoint> Checkpoint::ParseBody(std::string_view body) {
  const std::vector<std::string_view> lines = base::Split(body, '\n');
  if (lines.size() != 4 || !lines[3].empty()) {
    return base::Reject(kMalformed, "a checkpoint has three lines: origin, size, root");
  }
  Checkpoint parsed;
  parsed.origin = lines[0];
  if (!IsNoteName(parsed.origin)) return base::Reject(kMalformed, "the origin is not a note name");
  if (!base::ParseU64(lines[1], &parsed.size)) {
    return base::Reject(kMalformed, "the size is not a plain decimal number");
  }
  std::string root;
  if (!base::Unbase64(lines[2], &root) || root.size() != parsed.root.size()) {
    return base::Reject(kMalformed, "the root is not the strict base64 of 32 bytes");
  }
  std::copy(root.begin(), root.end(), parsed.root.begin());
  return parsed;
}

std::string SignCheckpoint(const Checkpoint& checkpoint, const crypto::Ed25519Key& key) {
  Note note;
  note.text = checkpoint.Body();
  note.signatures.push_back(SignNote(note.text, checkpoint.origin, key));
  return note.ToString();
}

absl::StatusOr<Checkpoint> OpenCheckpoint(std::string_view note, const NoteKey& key) {
  URNA_ASSIGN_OR_RETURN(const Note parsed, Note::Parse(note));
  URNA_ASSIGN_OR_RETURN(Checkpoint checkpoint, Checkpoint::ParseBody(parsed.text));
  URNA_RETURN_IF_ERROR(VerifyNote(parsed, key));
  if (checkpoint.origin != key.name) {
    return base::Reject("checkpoint.origin", base::Cat("the checkpoint is of ", checkpoint.origin,
                                                       ", the key is of ", key.name));
  }
  return checkpoint;
}

absl::StatusOr<Checkpoint> ReadUnverified(std::string_view note) {
  URNA_ASSIGN_OR_RETURN(const Note parsed, Note::Parse(note));
  return Checkpoint::ParseBody(parsed.text);
}

NoteSignature Cosign(const Checkpoint& checkpoint, std::string_view witness_name,
                     const crypto::Ed25519Key& key, uint64_t timestamp) {
  NoteSignature signature;
  signature.name = witness_name;
  signature.key_id = NoteKey{signature.name, kTypeCosignature, key.public_key()}.id();
  for (int shift = 56; shift >= 0; shift -= 8) {
    signature.signature.push_back(static_cast<char>(timestamp >> shift & 0xff));
  }
  signature.signature += base::View(key.Sign(CosignedText(checkpoint.Body(), timestamp)));
  return signature;
}

bool HasCosignature(const Note& note, const NoteKey& witness) {
  return witness.type == kTypeCosignature && VerifyNote(note, witness).ok();
}

}  // namespace urna::ledger
