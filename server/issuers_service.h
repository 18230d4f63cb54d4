#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <utility>

#include "ledger/store/store.h"
#include "proto/urna.grpc.pb.h"
#include "server/clock.h"
#include "server/limits.h"
#include "server/live_poll.h"
#include "server/log.h"
#include "server/rpc.h"
#include "server/sequencer.h"

namespace urna::server {

namespace v1 = ::urna::v1;

/// Takes the records of issuers that run elsewhere. docs/protocol.md section 5.
class IssuersService final : public v1::Issuers::CallbackService {
 public:
  IssuersService(const Limits& limits, const ledger::Store& store, PollBook& book,
                 Sequencer& sequencer, const Clock& clock, Log& log)
      : store_(store),
        book_(book),
        sequencer_(sequencer),
        log_(log),
        strangers_(64, limits.stream_time()),
        submit_(limits.For("Issuers.Submit"), clock) {}

  grpc::ServerReadReactor<v1::IssuerSubmission>* Submit(grpc::CallbackServerContext* context,
                                                        v1::IssuerSubmitted* response) override;
  void Drain() { submit_.Drain(); }

 private:
  class Submission;
  using Sender = std::pair<Hash32, uint8_t>;

  bool TrySeat(const Sender& sender);
  void Leave(const Sender& sender);

  const ledger::Store& store_;
  PollBook& book_;
  Sequencer& sequencer_;
  Log& log_;
  StreamLimit strangers_;  // calls that have not yet shown an issuer's signature
  std::mutex mutex_;
  std::set<Sender> seated_;  // issuers with a submission under way
  TaskMethod submit_;
};

}  // namespace urna::server
