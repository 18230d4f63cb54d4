// A payload that decodes encodes to the same bytes, and no bytes crash the decoder or the checks.

#include <cstdlib>

#include "crypto/group.h"
#include "poll/payload.h"
#include "poll/state.h"
#include "tests/support/election.h"

namespace {

urna::testing::TestElection& Election() {
  static urna::testing::TestElection* election = [] {
    auto* e = new urna::testing::TestElection();
    e->RunUntilOpen();
    return e;
  }();
  return *election;
}

}  // namespace

// The first byte is the record kind, the rest the payload.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  auto& election = Election();
  const auto payload =
      urna::poll::DecodePayload(data[0], bytes, election.state().definition().get());
  if (payload.ok() && urna::poll::EncodePayload(*payload) != bytes) abort();
  const urna::poll::RawPayload raw{data[0], bytes};
  auto checked = urna::poll::CheckPayloads(election.state().definition().get(),
                                           election.state().context().get(), {&raw, 1});
  if (checked[0].ok()) {
    urna::poll::State state = election.state();
    (void)state.Apply(*checked[0], 0, {});
  }
  return 0;
}
