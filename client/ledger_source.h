#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/connection.h"
#include "crypto/hash.h"
#include "ledger/tiles.h"

namespace urna::client {

using crypto::Hash32;

/// Where a poll's published ledger is read. Nothing it says is believed.
class LedgerSource {
 public:
  virtual ~LedgerSource() = default;
  /// The newest published note, unjudged.
  virtual absl::StatusOr<std::string> Checkpoint() = 0;
  /// Calls `take` with the published records first .. last-1 in order, until it fails or returns
  /// false. Only what is on its way is held in memory. Errors: what `take` returns;
  /// Reject("ledger.incomplete") if other records come than were asked for,
  /// Reject("bundle.malformed"); network failures.
  virtual absl::Status Records(
      uint64_t first, uint64_t last,
      const std::function<absl::StatusOr<bool>(const std::string&)>& take) = 0;
  /// A hash tile as it is shown, cut to `id.width` hashes; nothing if this source shows records
  /// only. Errors: Reject("tile.malformed") if it is shorter; network failures.
  virtual absl::StatusOr<std::optional<std::string>> Tile(const ledger::TileId& id) = 0;
  /// For messages: HOST:PORT or URL.
  virtual std::string name() const = 0;
};

/// `connection` must outlive the source.
std::unique_ptr<LedgerSource> OverGrpc(Connection& connection, const Hash32& poll);
/// The log at `url`, poll id included, as C2SP tlog-tiles. `certificate`: as http::Client::Options.
/// Errors: InvalidArgument for a bad URL; those of http::Client::Open.
absl::StatusOr<std::unique_ptr<LedgerSource>> OverHttp(const std::string& url,
                                                       const std::string& certificate);

/// The log of a poll under the URL of a server: `base`/<poll id>.
std::string LogUrl(const std::string& base, const Hash32& poll);

}  // namespace urna::client
