#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "crypto/signature.h"
#include "ledger/checkpoint.h"
#include "ledger/merkle.h"
#include "ledger/record.h"
#include "ledger/witness.h"

namespace urna::testing {

/// A log that signs whatever it is told to: history `h` has the leaves of history 0 up to where it
/// forks off, and others from there.
class SigningLog {
 public:
  explicit SigningLog(std::string origin)
      : origin_(std::move(origin)), key_(crypto::Ed25519Key::New()) {}

  ledger::NoteKey vkey() const { return {origin_, ledger::kTypeEd25519, key_.public_key()}; }
  const crypto::Ed25519Key& key() const { return key_; }
  /// From here on history `h` goes its own way. Otherwise all are the same.
  void Fork(uint32_t h, uint64_t at) { forks_.push_back({h, at}); }

  ledger::Checkpoint At(uint64_t size, uint32_t h = 0) const {
    ledger::Frontier frontier;
    for (uint64_t i = 0; i < size; ++i) frontier.Append(Leaf(i, h));
    return {origin_, size, frontier.Root()};
  }
  std::string Note(uint64_t size, uint32_t h = 0) const {
    return ledger::SignCheckpoint(At(size, h), key_);
  }
  /// What the log sends to a witness that holds `old_size` of history `h`.
  ledger::AddCheckpoint Request(uint64_t old_size, uint64_t size, uint32_t h = 0) const {
    std::vector<crypto::Hash32> proof;
    if (old_size > 0) {
      const auto nodes = [this, h](uint32_t level, uint64_t index) {
        return absl::StatusOr<crypto::Hash32>(Node(level, index, h));
      };
      proof = ledger::ConsistencyProof(old_size, size, nodes).value();
    }
    return ledger::AddCheckpoint::Make(old_size, std::move(proof), Note(size, h)).value();
  }

 private:
  crypto::Hash32 Leaf(uint64_t index, uint32_t h) const {
    for (const auto& [history, at] : forks_) {
      if (history == h && index >= at) return ledger::LeafHash(base::Cat("entry ", index, "/", h));
    }
    return ledger::LeafHash(base::Cat("entry ", index));
  }
  crypto::Hash32 Node(uint32_t level, uint64_t index, uint32_t h) const {
    if (level == 0) return Leaf(index, h);
    return ledger::NodeHash(Node(level - 1, 2 * index, h), Node(level - 1, 2 * index + 1, h));
  }

  const std::string origin_;
  const crypto::Ed25519Key key_;
  std::vector<std::pair<uint32_t, uint64_t>> forks_;
};

}  // namespace urna::testing
