#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ledger/store/store.h"

namespace urna::ledger {

/// Reads what is left in a store's database, whatever happened to it. Nothing that it gives is
/// judged: whoever uses it compares the records' hashes with what was signed.
class Salvage {
 public:
  /// Errors: NotFound; DataLoss, Unavailable if nothing can be read at all. Writes nothing.
  static absl::StatusOr<std::unique_ptr<Salvage>> Open(const std::string& folder);
  ~Salvage();

  /// Of which anything is left, as far as the database can be listed: where its beginning is
  /// damaged, not at all, though records can still be read.
  std::vector<Hash32> Polls() const;
  /// Errors: NotFound, DataLoss, Unavailable.
  absl::StatusOr<std::string> Read(const Hash32& poll, uint64_t index) const;
  /// A full hash tile. Errors: as Read.
  absl::StatusOr<std::string> ReadTile(const Hash32& poll, uint32_t level, uint64_t index) const;
  std::optional<Store::Head> Head(const Hash32& poll) const;
  /// The newest signed checkpoint.
  std::optional<std::string> Checkpoint(const Hash32& poll) const;

 private:
  struct Impl;
  explicit Salvage(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace urna::ledger
