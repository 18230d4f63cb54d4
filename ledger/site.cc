#include "ledger/site.h"

#include "base/bytes.h"

namespace urna::ledger {

std::optional<SitePath> ParseSitePath(std::string_view path) {
  constexpr size_t kDigits = 2 * sizeof(Hash32);
  if (path.size() < kDigits + 2 || path[0] != '/' || path[kDigits + 1] != '/') return std::nullopt;
  SitePath parsed;
  const std::string_view id = path.substr(1, kDigits);
  if (!base::Unhex(id, parsed.poll) || base::Hex(parsed.poll) != id) return std::nullopt;
  parsed.file = path.substr(kDigits + 2);
  return parsed;
}

}  // namespace urna::ledger
