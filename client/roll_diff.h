#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/roll.h"
#include "crypto/hash.h"

namespace urna::client {

// --- What changed between two lists ---

/// One line of a list of residents or of a roll. Views into what it was made from.
struct ListEntry {
  std::string_view key;  ///< a resident's id, or the 32 bytes of a credential
  std::string_view style;
  std::string_view name, address;  ///< empty for a roll
};
std::vector<ListEntry> EntriesOf(const std::vector<Resident>& residents);
std::vector<ListEntry> EntriesOf(const RollFile& roll);

struct ListChange {
  std::string_view key;
  bool added = false, gone = false, style = false, name = false, address = false;
  ListEntry before, after;  ///< empty if added, or gone
};
struct StyleCounts {
  uint64_t before = 0, after = 0;
  uint64_t added = 0, gone = 0;          ///< not on the other list at all
  uint64_t moved_in = 0, moved_out = 0;  ///< on both, with another style
};
struct ListDiff {
  std::vector<ListChange> changes;  ///< by key, in byte order
  std::map<std::string, StyleCounts> styles;
  StyleCounts together;  ///< moved_in = moved_out: changes of style
  uint64_t names = 0, addresses = 0;
};
/// Keys are distinct within a list.
ListDiff DiffLists(std::vector<ListEntry> before, std::vector<ListEntry> after);

// --- Whether a list is the one that was sealed ---

struct SealedPersons {
  crypto::Hash32 persons_sha256{};
  uint64_t credentials = 0;  ///< on the roll
  uint64_t record = 0;       ///< index of "roll sealed"
};
/// What the officials sealed in the exported ledger `folder`, after checking all records up to
/// there: the poll id, the chain, the roll and the officials' signatures. docs/protocol.md section
/// 3, record 4. Errors: Reject("ledger.poll-id"), Reject("ledger.incomplete") if no roll is sealed,
/// the first fault of the ledger with its record, those of ExportReader.
absl::StatusOr<SealedPersons> ReadSealedPersons(const std::string& folder,
                                                const crypto::Hash32& poll);

}  // namespace urna::client
