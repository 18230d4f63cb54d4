#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/clock.h"
#include "server/issuer.h"
#include "server/live_poll.h"

namespace urna::server {

/// What issuers owe the ledger: joining, the hourly counts, the last count, the register. The same
/// beside a ballot box and far from it; only the way to the ledger differs. For one thread.
class IssuerDuties {
 public:
  /// Records of one issuer: the signed one at the end, a register's parts before it.
  struct Group {
    std::vector<poll::Payload> payloads;
    bool last_count = false;  ///< a count that is meant as the last one
  };
  /// Puts a group on the ledger as a whole; returns the index of the signed record. The same group
  /// again, because the answer was lost, is the same record.
  using Submit = std::function<absl::StatusOr<uint64_t>(const std::shared_ptr<LivePoll>& poll,
                                                        const Group& group)>;

  IssuerDuties(const std::vector<std::unique_ptr<Issuer>>& issuers, const Clock& clock,
               Submit submit)
      : issuers_(issuers), clock_(clock), submit_(std::move(submit)) {}

  /// Does what is due for `poll`, as its view shows it. Errors: the first that came up, after every
  /// issuer had its turn.
  absl::Status Attend(const std::shared_ptr<LivePoll>& poll);

 private:
  /// One issuer of one poll.
  struct Diary {
    uint64_t counted_hour = 0;
    // Its records that are on the ledger, but not yet in our copy of it.
    std::vector<uint64_t> unseen;
  };

  absl::Status Attend(const std::shared_ptr<LivePoll>& poll, const PublicView& view, uint8_t index,
                      Issuer& issuer);

  const std::vector<std::unique_ptr<Issuer>>& issuers_;
  const Clock& clock_;
  const Submit submit_;
  std::map<std::pair<Hash32, uint8_t>, Diary> diaries_;
};

/// The issuer with this identity; null if it does not run here.
Issuer* FindIssuer(const std::vector<std::unique_ptr<Issuer>>& issuers,
                   const crypto::Ed25519Public& identity);

}  // namespace urna::server
