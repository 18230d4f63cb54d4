#include "ledger/evidence.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"
#include "ledger/lines.h"

namespace urna::ledger {
namespace {

using base::Cat;

constexpr std::string_view kMalformed = "evidence.malformed";
constexpr std::string_view kForkHeader = "urna-evidence/1 fork";
constexpr std::string_view kReplacedHeader = "urna-evidence/1 replaced-record";
constexpr size_t kMaxHashes = 65;  // PrefixProof's first, and one for each level of the tree

absl::Status Malformed(std::string_view detail) { return base::Reject(kMalformed, detail); }

std::string MessageOf(const absl::Status& status) { return std::string(status.message()); }

Judgement NotProven(std::string_view why) { return {false, Cat("it proves nothing: ", why)}; }

// --- The text

/// Takes a signed checkpoint: its body, an empty line, and signatures up to the next empty line,
/// which is taken too, or the end.
absl::StatusOr<std::string> TakeNote(std::string_view& rest) {
  constexpr std::string_view kGap = "\n\n";
  const size_t body = rest.find(kGap);
  if (body == std::string_view::npos) return Malformed("a signed checkpoint is missing");
  const size_t gap = rest.find(kGap, body + kGap.size());
  const size_t end = gap == std::string_view::npos ? rest.size() : gap + 1;
  std::string bytes(rest.substr(0, end));
  rest.remove_prefix(gap == std::string_view::npos ? end : gap + kGap.size());
  const auto note = Note::Parse(bytes);
  if (!note.ok()) return Malformed(Cat("a checkpoint: ", MessageOf(note.status())));
  const auto checkpoint = Checkpoint::ParseBody(note->text);
  if (!checkpoint.ok()) return Malformed(Cat("a checkpoint: ", MessageOf(checkpoint.status())));
  return bytes;
}

absl::StatusOr<ReplacedRecord::Side> TakeSide(std::string_view& rest) {
  ReplacedRecord::Side side;
  std::string_view leaf;
  if (!TakeField(rest, "leaf ", leaf) || !ParseHash(leaf, &side.leaf)) {
    return Malformed("a line is not \"leaf\" and the base64 of a hash");
  }
  URNA_ASSIGN_OR_RETURN(side.proof, TakeHashes(rest, kMaxHashes, kMalformed));
  URNA_ASSIGN_OR_RETURN(side.checkpoint, TakeNote(rest));
  return side;
}

absl::StatusOr<Evidence> ParseSides(std::string_view rest) {
  ReplacedRecord replaced;
  std::string_view index;
  if (!TakeField(rest, "index ", index) || !base::ParseU64(index, &replaced.index)) {
    return Malformed("the second line is not \"index\" and a plain decimal number");
  }
  URNA_ASSIGN_OR_RETURN(replaced.promised, TakeSide(rest));
  URNA_ASSIGN_OR_RETURN(replaced.later, TakeSide(rest));
  return replaced;
}

absl::StatusOr<Evidence> ParseFork(std::string_view rest) {
  Fork fork;
  URNA_ASSIGN_OR_RETURN(fork.proof, TakeHashes(rest, kMaxHashes, kMalformed));
  URNA_ASSIGN_OR_RETURN(fork.first, TakeNote(rest));
  URNA_ASSIGN_OR_RETURN(fork.second, TakeNote(rest));
  return fork;
}

struct Encoder {
  std::string operator()(const Fork& fork) const {
    return Cat(kForkHeader, "\n", HashLines(fork.proof), fork.first, "\n", fork.second);
  }
  std::string operator()(const ReplacedRecord& replaced) const {
    return Cat(kReplacedHeader, "\nindex ", replaced.index, "\n", Text(replaced.promised), "\n",
               Text(replaced.later));
  }

 private:
  static std::string Text(const ReplacedRecord::Side& side) {
    return Cat("leaf ", base::Base64(base::View(side.leaf)), "\n", HashLines(side.proof),
               side.checkpoint);
  }
};

// --- Making it

/// Checks a note and leaves of it only what `key` signed: of the rest there is no bound.
absl::StatusOr<Checkpoint> Reduce(std::string_view note, const NoteKey& key, std::string* reduced) {
  URNA_ASSIGN_OR_RETURN(Checkpoint checkpoint, OpenCheckpoint(note, key));
  URNA_ASSIGN_OR_RETURN(Note parsed, Note::Parse(note));
  KeepSignaturesOf(key, &parsed);
  // Every one of them holds; one is enough.
  parsed.signatures.resize(1);
  *reduced = parsed.ToString();
  return checkpoint;
}

// --- Judging it

struct Judging {
  const NoteKey& key;

  std::string Signer() const {
    return Cat("whoever holds the key of ", key.name, " (", key.ToString(), ") signed ");
  }

  Judgement operator()(const Fork& fork) const {
    const auto first = OpenCheckpoint(fork.first, key);
    if (!first.ok()) return NotProven(Cat("the first checkpoint: ", MessageOf(first.status())));
    const auto second = OpenCheckpoint(fork.second, key);
    if (!second.ok()) return NotProven(Cat("the second checkpoint: ", MessageOf(second.status())));
    if (first->size == second->size) return OfOneSize(fork, *first, *second);
    const auto prefix = PrefixRoot(first->size, second->size, fork.proof, second->root);
    if (!prefix.ok()) return NotProven(MessageOf(prefix.status()));
    if (*prefix == first->root) {
      return NotProven(Cat("the ledger of ", second->size, " records continues the ledger of ",
                           first->size, " records, as it must"));
    }
    return {true, Cat(Signer(), "a ledger of ", first->size, " records with the root ",
                      base::Hex(first->root), ", and also a ledger of ", second->size,
                      " records whose first ", first->size, " records have another root, ",
                      base::Hex(*prefix), ": the second does not continue the first")};
  }

  Judgement OfOneSize(const Fork& fork, const Checkpoint& first, const Checkpoint& second) const {
    if (!fork.proof.empty()) return NotProven("a proof between equal sizes must be empty");
    if (first.root == second.root) return NotProven("both checkpoints say the same");
    return {true,
            Cat(Signer(), "two different ledgers of ", first.size, " records, with the roots ",
                base::Hex(first.root), " and ", base::Hex(second.root))};
  }

  Judgement operator()(const ReplacedRecord& replaced) const {
    const auto promised = Check(replaced.index, replaced.promised);
    if (!promised.ok()) return NotProven(Cat("the promise: ", MessageOf(promised.status())));
    const auto later = Check(replaced.index, replaced.later);
    if (!later.ok()) return NotProven(Cat("what came later: ", MessageOf(later.status())));
    if (replaced.promised.leaf == replaced.later.leaf) {
      return NotProven(Cat("record ", replaced.index, " is the same under both checkpoints"));
    }
    return {true, Cat(Signer(), "a ledger of ", promised->size, " records in which record ",
                      replaced.index, " has the hash ", base::Hex(replaced.promised.leaf),
                      ", and also a ledger of ", later->size,
                      " records in which that record has another hash, ",
                      base::Hex(replaced.later.leaf), ": what was promised was replaced")};
  }

  absl::StatusOr<Checkpoint> Check(uint64_t index, const ReplacedRecord::Side& side) const {
    URNA_ASSIGN_OR_RETURN(Checkpoint checkpoint, OpenCheckpoint(side.checkpoint, key));
    URNA_RETURN_IF_ERROR(
        VerifyInclusion(side.leaf, index, checkpoint.size, side.proof, checkpoint.root));
    return checkpoint;
  }
};

}  // namespace

absl::StatusOr<Evidence> MakeFork(std::string_view first, std::string_view second,
                                  const NoteKey& key, const NodeReader& nodes) {
  Fork fork;
  URNA_ASSIGN_OR_RETURN(const Checkpoint smaller, Reduce(first, key, &fork.first));
  URNA_ASSIGN_OR_RETURN(const Checkpoint larger, Reduce(second, key, &fork.second));
  if (smaller.size != larger.size) {
    URNA_ASSIGN_OR_RETURN(fork.proof, PrefixProof(smaller.size, larger.size, nodes));
  }
  return fork;
}

absl::StatusOr<Evidence> MakeComplaint(const Receipt& receipt, std::string_view later,
                                       const Hash32& leaf, const NoteKey& key,
                                       const NodeReader& nodes) {
  ReplacedRecord replaced;
  replaced.index = receipt.index;
  replaced.promised.leaf = receipt.leaf;
  replaced.promised.proof = receipt.proof;
  URNA_RETURN_IF_ERROR(Reduce(receipt.checkpoint, key, &replaced.promised.checkpoint).status());
  URNA_ASSIGN_OR_RETURN(const Checkpoint checkpoint,
                        Reduce(later, key, &replaced.later.checkpoint));
  replaced.later.leaf = leaf;
  URNA_ASSIGN_OR_RETURN(replaced.later.proof,
                        InclusionProof(receipt.index, checkpoint.size, nodes));
  return replaced;
}

absl::StatusOr<ForkProver> ForkProver::Begin(std::string_view first, std::string_view second,
                                             const NoteKey& key) {
  ForkProver prover;
  URNA_ASSIGN_OR_RETURN(prover.first_, Reduce(first, key, &prover.fork_.first));
  URNA_ASSIGN_OR_RETURN(prover.second_, Reduce(second, key, &prover.fork_.second));
  // Which subtrees it takes does not depend on their hashes.
  const auto note_it = [&prover](uint32_t level, uint64_t index) -> absl::StatusOr<Hash32> {
    prover.proof_.push_back({level, index});
    return Hash32{};
  };
  URNA_RETURN_IF_ERROR(PrefixProof(prover.first_.size, prover.second_.size, note_it).status());
  std::ranges::sort(prover.proof_, {}, [](const Node& node) { return node.index << node.level; });
  return prover;
}

void ForkProver::Append(const Hash32& leaf) {
  const uint64_t index = tree_.size();
  tree_.Append(leaf);
  if (complete_ == proof_.size()) return;
  Node& next = proof_[complete_];
  if (index < next.index << next.level) return;
  part_.Append(leaf);
  if (part_.size() < uint64_t{1} << next.level) return;
  next.hash = part_.Root();
  part_ = Frontier();
  ++complete_;
}

absl::StatusOr<std::optional<Evidence>> ForkProver::Finish() const {
  if (tree_.size() != second_.size || tree_.Root() != second_.root) {
    return base::Reject("ledger.root",
                        Cat("these ", tree_.size(), " records have the root ",
                            base::Hex(tree_.Root()), ", but the checkpoint is of ", second_.size,
                            " records with the root ", base::Hex(second_.root)));
  }
  Fork fork = fork_;
  URNA_ASSIGN_OR_RETURN(
      fork.proof, PrefixProof(first_.size, second_.size,
                              [this](uint32_t level, uint64_t index) -> absl::StatusOr<Hash32> {
                                return std::ranges::find_if(proof_,
                                                            [&](const Node& node) {
                                                              return node.level == level &&
                                                                     node.index == index;
                                                            })
                                    ->hash;
                              }));
  URNA_ASSIGN_OR_RETURN(const Hash32 prefix,
                        PrefixRoot(first_.size, second_.size, fork.proof, second_.root));
  if (prefix == first_.root) return std::optional<Evidence>();
  return std::optional<Evidence>(std::move(fork));
}

std::string EncodeEvidence(const Evidence& evidence) { return std::visit(Encoder{}, evidence); }

absl::StatusOr<Evidence> ParseEvidence(std::string_view bytes) {
  if (bytes.size() > kMaxEvidenceBytes) {
    return Malformed(Cat("it is larger than ", kMaxEvidenceBytes, " bytes"));
  }
  std::string_view rest = bytes;
  std::string_view header;
  TakeLine(rest, header);
  absl::StatusOr<Evidence> evidence = Malformed(
      Cat("the first line is neither \"", kForkHeader, "\" nor \"", kReplacedHeader, "\""));
  if (header == kForkHeader) evidence = ParseFork(rest);
  if (header == kReplacedHeader) evidence = ParseSides(rest);
  if (evidence.ok() && EncodeEvidence(*evidence) != bytes) {
    return Malformed("something follows the last checkpoint");
  }
  return evidence;
}

Judgement Judge(const Evidence& evidence, const NoteKey& key) {
  if (key.type != kTypeEd25519) return NotProven(Cat(key.name, " is a witness's key, not a log's"));
  return std::visit(Judging{key}, evidence);
}

}  // namespace urna::ledger
