#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "ledger/witness.h"

using namespace urna::ledger;

// A request, a conflict's size or a cosignature that parses is written as the very bytes it was
// read from; and whatever a log signs, a witness never goes back and never cosigns a second root.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto number = ParseWitnessSize(input);
  if (number.ok() && EncodeWitnessSize(*number) != input) abort();

  static const auto key =
      urna::crypto::Ed25519Key::FromSeed(urna::crypto::Secret<urna::base::Bytes32>{});
  const Checkpoint cosigned{"log.example/fuzz", 5, NodeHash(EmptyRoot(), EmptyRoot())};
  const NoteKey witness{"witness.example", kTypeCosignature, key.public_key()};
  const auto cosignature = ParseCosignature(input, cosigned.Body(), witness);
  if (cosignature.ok() && cosignature->name != witness.name) abort();

  auto request = AddCheckpoint::Parse(input);
  if (!request.ok()) return 0;
  if (request->ToString() != input) abort();
  if (Judge(nullptr, *request).status != 404) abort();
  const WitnessedLog log{
      {request->checkpoint.origin, kTypeEd25519, key.public_key()}, cosigned.size, cosigned.root};
  request->note.signatures = {SignNote(request->note.text, request->checkpoint.origin, key)};
  const int status = Judge(&log, *request).status;
  if (status == 404 || status == 403) abort();
  const Checkpoint& next = request->checkpoint;
  if (status == 200 && (request->old_size != log.size || next.size < log.size ||
                        (next.size == log.size && next.root != log.root))) {
    abort();
  }
  return 0;
}
