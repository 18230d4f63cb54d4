// A snapshot with any of its bytes changed, or cut anywhere, is refused or gives a state that can
// be gone on with: nothing crashes. Input: the length kept (u16le), then changes of three bytes
// each, where (u16le) and what is XORed to it.

#include <cstdlib>
#include <string>

#include "ledger/record.h"
#include "poll/state_snapshot.h"
#include "tests/support/election.h"

namespace {

using urna::poll::State;
using urna::poll::StateSnapshot;

struct Election {
  Election() {
    election.RunUntilOpen();
    election.now += 3600;
    election.Vote();
    election.End();
    election.CountIssuance();
    election.Close();
    election.PublishRegisters();
    snapshot = StateSnapshot::Encode(election.state());
    election.DecryptAll();
    election.Certify();
    for (size_t i = 0; i < election.records().size(); ++i) {
      const auto record = urna::ledger::ViewRecord(election.records()[i]);
      if (const auto note = urna::poll::NoteBallot(i, *record)) {
        notes += urna::poll::EncodeBallotNote(*note);
      }
    }
  }
  urna::testing::TestElection election;
  std::string snapshot, notes;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Election* const e = new Election();
  std::string bytes = e->snapshot;
  const auto number = [&](size_t at) { return size_t{data[at]} | size_t{data[at + 1]} << 8; };
  if (size >= 2) bytes.resize(std::min(bytes.size(), number(0)));
  for (size_t at = 2; at + 3 <= size && !bytes.empty(); at += 3) {
    char& byte = bytes[number(at) % bytes.size()];
    byte = static_cast<char>(byte ^ data[at + 2]);
  }
  const std::vector<std::string>& records = e->election.records();
  auto state =
      StateSnapshot::Decode(bytes, e->notes, [&](uint64_t index) -> absl::StatusOr<std::string> {
        if (index < records.size()) return records[index];
        return absl::NotFoundError("no such record");
      });
  if (!state.ok()) return 0;
  if (StateSnapshot::Encode(*state) != bytes) abort();
  for (const std::string& bytes_of_record : records) {
    const auto record = urna::ledger::DecodeRecord(bytes_of_record);
    const auto checked = urna::poll::DecodeStored(state->definition().get(), state->context().get(),
                                                  {record->kind, record->payload});
    if (!checked.ok()) continue;
    (void)state->Apply(*checked, record->time, urna::ledger::LeafHash(bytes_of_record));
  }
  return 0;
}
