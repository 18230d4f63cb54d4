#include "ledger/receipt.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"
#include "ledger/lines.h"
#include "ledger/merkle.h"

namespace urna::ledger {
namespace {

constexpr std::string_view kHeader = "c2sp.org/tlog-proof@v1";
constexpr size_t kMaxProofHashes = 64;  // a tree has at most 2^64 leaves

constexpr std::string_view kMalformed = "receipt.malformed";

absl::Status Malformed(std::string_view detail) { return base::Reject(kMalformed, detail); }

}  // namespace

std::string Receipt::ToString() const {
  const std::string extra = base::Cat(base::View(leaf), base::View(body));
  const std::string out =
      base::Cat(kHeader, "\nextra ", base::Base64(extra), "\nindex ", index, "\n");
  return base::Cat(out, HashLines(proof), checkpoint);
}

absl::StatusOr<Receipt> Receipt::Parse(std::string_view bytes) {
  std::string_view rest = bytes;
  std::string_view line;
  if (!TakeLine(rest, line) || line != kHeader) {
    return Malformed(base::Cat("the first line is not ", kHeader));
  }
  Receipt receipt;
  std::string raw;
  if (!TakeField(rest, "extra ", line) || !base::Unbase64(line, &raw) || raw.size() != 64) {
    return Malformed("the second line is not 'extra' and the base64 of two hashes");
  }
  std::copy_n(raw.begin(), 32, receipt.leaf.begin());
  std::copy_n(raw.begin() + 32, 32, receipt.body.begin());
  if (!TakeField(rest, "index ", line) || !base::ParseU64(line, &receipt.index)) {
    return Malformed("the third line is not 'index' and a plain decimal number");
  }
  URNA_ASSIGN_OR_RETURN(receipt.proof, TakeHashes(rest, kMaxProofHashes, kMalformed));
  if (const auto note = Note::Parse(rest); !note.ok()) {
    return Malformed(base::Cat("the checkpoint: ", std::string(note.status().message())));
  }
  receipt.checkpoint = rest;
  return receipt;
}

absl::StatusOr<Checkpoint> VerifyReceipt(const Receipt& receipt, const NoteKey& key) {
  URNA_ASSIGN_OR_RETURN(Checkpoint checkpoint, OpenCheckpoint(receipt.checkpoint, key));
  URNA_RETURN_IF_ERROR(VerifyInclusion(receipt.leaf, receipt.index, checkpoint.size, receipt.proof,
                                       checkpoint.root));
  return checkpoint;
}

}  // namespace urna::ledger
