#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "ledger/merkle.h"

namespace urna::ledger {

/// The parts that the text formats of this folder share.

/// Takes a line without its newline off `rest`; false if there is no whole line.
bool TakeLine(std::string_view& rest, std::string_view& line);
/// Takes a line "<key><value>"; false if the next one is none.
bool TakeField(std::string_view& rest, std::string_view key, std::string_view& value);
/// Takes at most `max` hashes, a line of base64 each, and the empty line after them.
/// Errors: Reject(`reject_id`).
absl::StatusOr<std::vector<Hash32>> TakeHashes(std::string_view& rest, size_t max,
                                               std::string_view reject_id);
/// What TakeHashes takes.
std::string HashLines(const std::vector<Hash32>& hashes);

/// The strict base64 of one hash.
bool ParseHash(std::string_view base64, Hash32* hash);

}  // namespace urna::ledger
