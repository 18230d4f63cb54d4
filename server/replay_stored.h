#pragma once

#include <cstdint>
#include <functional>

#include "absl/status/statusor.h"
#include "ledger/record.h"
#include "ledger/store/store.h"
#include "poll/state.h"

namespace urna::server {

/// The state of all records of a stored ledger: `state`, which has its first records or none, and
/// those that follow. Proofs are not checked again: they were before the records were stored.
/// `visit`: told of each of these records, in order, once it was applied.
/// Errors: DataLoss if a record breaks a rule, or the records do not have the stored root; those of
/// Store::GetHead and Store::Scan.
absl::StatusOr<poll::State> ReplayStored(
    const ledger::Store& store, const crypto::Hash32& poll, poll::State state,
    const std::function<void(uint64_t index, const ledger::RecordView& record)>& visit);

}  // namespace urna::server
