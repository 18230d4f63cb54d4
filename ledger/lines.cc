#include "ledger/lines.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"

namespace urna::ledger {
namespace {

constexpr size_t kHashLine = 44 + 1;  // base64 of 32 bytes, and the line's end

}  // namespace

bool TakeLine(std::string_view& rest, std::string_view& line) {
  const size_t end = rest.find('\n');
  if (end == std::string_view::npos) return false;
  line = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return true;
}

bool TakeField(std::string_view& rest, std::string_view key, std::string_view& value) {
  if (!TakeLine(rest, value) || !value.starts_with(key)) return false;
  value.remove_prefix(key.size());
  return true;
}

bool ParseHash(std::string_view base64, Hash32* hash) {
  std::string raw;
  if (!base::Unbase64(base64, &raw) || raw.size() != hash->size()) return false;
  std::copy(raw.begin(), raw.end(), hash->begin());
  return true;
}

absl::StatusOr<std::vector<Hash32>> TakeHashes(std::string_view& rest, size_t max,
                                               std::string_view reject_id) {
  std::vector<Hash32> hashes;
  for (std::string_view line;;) {
    if (!TakeLine(rest, line)) {
      return base::Reject(reject_id, "no empty line stands after the hashes");
    }
    if (line.empty()) return hashes;
    if (hashes.size() == max)
      return base::Reject(reject_id, base::Cat("more than ", max, " hashes"));
    Hash32 hash{};
    if (!ParseHash(line, &hash)) {
      return base::Reject(
          reject_id, base::Cat("hash ", hashes.size(), " is not the strict base64 of 32 bytes"));
    }
    hashes.push_back(hash);
  }
}

std::string HashLines(const std::vector<Hash32>& hashes) {
  std::string out;
  out.reserve(hashes.size() * kHashLine + 1);
  for (const Hash32& hash : hashes) {
    out += base::Base64(base::View(hash));
    out += '\n';
  }
  out += '\n';
  return out;
}

}  // namespace urna::ledger
