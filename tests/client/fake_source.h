#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "client/ledger_source.h"
#include "crypto/signature.h"
#include "ledger/checkpoint.h"
#include "ledger/merkle.h"
#include "ledger/record.h"
#include "ledger/tiles.h"

namespace urna::client {

/// Shows whatever a test puts into it.
class FakeSource : public LedgerSource {
 public:
  std::vector<std::string> records;
  std::string note;
  /// Called before each answer; what it returns is the answer, unless it is OK.
  std::function<absl::Status()> before_checkpoint = [] { return absl::OkStatus(); };
  std::function<absl::Status(uint64_t index)> before_record = [](uint64_t) {
    return absl::OkStatus();
  };
  bool has_tiles = true;
  std::map<std::string, std::string> tiles_instead;  // by path
  /// After the last record it goes on with copies of that.
  bool endless = false;
  uint64_t sent = 0;

  /// The first `size` of `all`, signed.
  void ShowFirst(const std::vector<std::string>& all, size_t size, const std::string& origin,
                 const crypto::Ed25519Key& key) {
    records.assign(all.begin(), all.begin() + static_cast<ptrdiff_t>(size));
    ledger::Frontier tree;
    for (const std::string& record : records) tree.Append(ledger::LeafHash(record));
    note = ledger::SignCheckpoint({origin, tree.size(), tree.Root()}, key);
  }

  absl::StatusOr<std::string> Checkpoint() override {
    URNA_RETURN_IF_ERROR(before_checkpoint());
    return note;
  }
  absl::Status Records(
      uint64_t first, uint64_t last,
      const std::function<absl::StatusOr<bool>(const std::string&)>& take) override {
    for (uint64_t i = first; i < last; ++i) {
      URNA_RETURN_IF_ERROR(before_record(i));
      if (i >= records.size() && !endless) {
        return base::Reject("ledger.incomplete", "the records end");
      }
      ++sent;
      URNA_ASSIGN_OR_RETURN(const bool more,
                            take(i < records.size() ? records[i] : records.back()));
      if (!more) return absl::OkStatus();
    }
    return absl::OkStatus();
  }
  absl::StatusOr<std::optional<std::string>> Tile(const ledger::TileId& id) override {
    if (!has_tiles) return std::nullopt;
    if (const auto it = tiles_instead.find(id.Path()); it != tiles_instead.end()) return it->second;
    std::map<std::string, std::string> tiles;
    ledger::TileBuilder builder(
        [&](const ledger::TileId& made, const std::string& bytes) { tiles[made.Path()] = bytes; });
    for (const std::string& record : records) builder.Append(ledger::LeafHash(record));
    for (const auto& [made, bytes] : builder.Partials()) tiles[made.Path()] = bytes;
    if (!tiles.contains(id.Path())) return absl::NotFoundError("no such tile");
    return tiles[id.Path()];
  }
  std::string name() const override { return "fake.example"; }
};

}  // namespace urna::client
