#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/evidence.h"

using namespace urna::ledger;

namespace {

constexpr const char* kOrigin = "example.com/log/testdata";

/// What an honest log signed: the first 0, 1, … 15 of its records.
const std::vector<std::string>& HonestNotes(const urna::crypto::Ed25519Key& key) {
  static const std::vector<std::string> notes = [&] {
    std::vector<std::string> made;
    Frontier tree;
    for (const char* entry : {"one", "two", "three", "four", "five", "six", "seven", "eit", "nain",
                              "ten", "ileven", "twelf", "threeten", "fourten", "fivten"}) {
      made.push_back(SignCheckpoint({kOrigin, tree.size(), tree.Root()}, key));
      tree.Append(urna::crypto::HashSha256({std::string_view("\0", 1), entry}));
    }
    made.push_back(SignCheckpoint({kOrigin, tree.size(), tree.Root()}, key));
    return made;
  }();
  return notes;
}

/// Puts an honest note of the size that `note` says in its place.
void MakeHonest(std::string& note, const std::vector<std::string>& honest) {
  const auto said = Checkpoint::ParseBody(Note::Parse(note)->text);
  note = honest[std::min<uint64_t>(said->size, honest.size() - 1)];
}

}  // namespace

// Evidence that parses is written as the very bytes it was read from, and whatever a text says, it
// accuses neither a key that signed nothing of it nor an honest log.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  auto evidence = ParseEvidence(input);
  if (!evidence.ok()) return 0;
  if (EncodeEvidence(*evidence) != input) abort();
  static const auto key =
      urna::crypto::Ed25519Key::FromSeed(urna::crypto::Secret<urna::base::Bytes32>{});
  const NoteKey log{kOrigin, kTypeEd25519, key.public_key()};
  if (Judge(*evidence, log).proven) abort();

  const std::vector<std::string>& honest = HonestNotes(key);
  if (auto* fork = std::get_if<Fork>(&*evidence)) {
    MakeHonest(fork->first, honest);
    MakeHonest(fork->second, honest);
  } else {
    auto& replaced = std::get<ReplacedRecord>(*evidence);
    MakeHonest(replaced.promised.checkpoint, honest);
    MakeHonest(replaced.later.checkpoint, honest);
  }
  if (Judge(*evidence, log).proven) abort();
  return 0;
}
