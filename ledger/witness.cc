#include "ledger/witness.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"
#include "ledger/lines.h"
#include "ledger/merkle.h"

namespace urna::ledger {
namespace {

using base::Cat;

constexpr std::string_view kOld = "old ";

constexpr std::string_view kMalformedRequest = "witness.request-malformed";

absl::Status MalformedRequest(std::string_view detail) {
  return base::Reject(kMalformedRequest, detail);
}

absl::Status MalformedAnswer(std::string_view detail) {
  return base::Reject("witness.answer-malformed", detail);
}

std::string MessageOf(const absl::Status& status) { return std::string(status.message()); }

}  // namespace

absl::StatusOr<AddCheckpoint> AddCheckpoint::Make(uint64_t old_size, std::vector<Hash32> proof,
                                                  std::string_view note) {
  AddCheckpoint request{
      .old_size = old_size, .proof = std::move(proof), .note = {}, .checkpoint = {}};
  URNA_ASSIGN_OR_RETURN(request.note, Note::Parse(note));
  URNA_ASSIGN_OR_RETURN(request.checkpoint, Checkpoint::ParseBody(request.note.text));
  return request;
}

std::string AddCheckpoint::ToString() const {
  return Cat(kOld, old_size, "\n", HashLines(proof), note.ToString());
}

absl::StatusOr<AddCheckpoint> AddCheckpoint::Parse(std::string_view body) {
  std::string_view rest = body, line;
  uint64_t old_size = 0;
  if (!TakeLine(rest, line) || !line.starts_with(kOld) ||
      !base::ParseU64(line.substr(kOld.size()), &old_size)) {
    return MalformedRequest("the first line is not \"old\" and a plain decimal number");
  }
  URNA_ASSIGN_OR_RETURN(std::vector<Hash32> proof, TakeHashes(rest, kMaxProof, kMalformedRequest));
  return Make(old_size, std::move(proof), rest);
}

WitnessVerdict Judge(const WitnessedLog* log, const AddCheckpoint& request) {
  const Checkpoint& checkpoint = request.checkpoint;
  if (log == nullptr || log->key.name != checkpoint.origin) {
    return {404, Cat("the log ", checkpoint.origin, " is not known here")};
  }
  if (const absl::Status signed_by_log = VerifyNote(request.note, log->key); !signed_by_log.ok()) {
    return {403, MessageOf(signed_by_log)};
  }
  if (request.old_size > checkpoint.size) {
    return {400, Cat("the old size ", request.old_size, " is above the checkpoint's, ",
                     checkpoint.size)};
  }
  if (request.old_size != log->size) {
    return {409, Cat("the checkpoint cosigned last is of ", log->size, " records, not of ",
                     request.old_size)};
  }
  if (checkpoint.size == log->size) {
    if (checkpoint.root != log->root) {
      return {422, Cat("another checkpoint of ", log->size, " records was cosigned")};
    }
    if (!request.proof.empty()) return {422, "a proof between equal sizes must be empty"};
    return {};
  }
  if (log->size == 0) {
    // Whatever the first checkpoint says continues the empty log.
    if (!request.proof.empty()) return {422, "a proof from size 0 must be empty"};
    return {};
  }
  const absl::Status continues =
      VerifyConsistency(log->size, checkpoint.size, request.proof, log->root, checkpoint.root);
  if (!continues.ok()) return {422, MessageOf(continues)};
  return {};
}

std::string EncodeWitnessSize(uint64_t size) { return Cat(size, "\n"); }

absl::StatusOr<uint64_t> ParseWitnessSize(std::string_view body) {
  uint64_t size = 0;
  if (!body.ends_with('\n') || !base::ParseU64(body.substr(0, body.size() - 1), &size)) {
    return MalformedAnswer("the body of a 409 is not a plain decimal number and a newline");
  }
  return size;
}

std::string EncodeCosignatures(const std::vector<NoteSignature>& signatures) {
  return Note{.text = "", .signatures = signatures}.ToString().substr(1);
}

absl::StatusOr<NoteSignature> ParseCosignature(std::string_view body, std::string_view text,
                                               const NoteKey& witness) {
  auto note = Note::Parse(Cat(text, "\n", body));
  // The body could bring a blank line of its own, and with it another text.
  if (!note.ok() || note->text != text) {
    return MalformedAnswer(note.ok() ? "the body of a 200 is not lines of signatures"
                                     : Cat("the body of a 200: ", MessageOf(note.status())));
  }
  URNA_RETURN_IF_ERROR(VerifyNote(*note, witness));
  const auto found = std::ranges::find_if(note->signatures, [&](const NoteSignature& signature) {
    return signature.name == witness.name && signature.key_id == witness.id();
  });
  return std::move(*found);
}

std::string WitnessedPath(std::string_view origin) {
  return Cat("/", base::Hex(crypto::HashSha256(origin)), "/checkpoint");
}

}  // namespace urna::ledger
